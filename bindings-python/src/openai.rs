mod event;
mod read;
mod write;

use pyo3::prelude::*;

/// The module `trunkline.openai`.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "openai")?;
    event::register(&module)?;
    read::register(&module)?;
    write::register(&module)?;
    parent.add_submodule(&module)
}

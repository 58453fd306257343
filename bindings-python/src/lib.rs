//! `trunkline._trunkline`: the core as a Python module.
//!
//! What it means is said in `python/trunkline/_trunkline.pyi`; here is how it is reached. Classes are
//! frozen, their state behind a mutex: any thread may call any object at any time.

use pyo3::prelude::*;

mod bridge;
mod buffer;
mod error;
mod g711;
mod gil;
mod jitter;
mod message;
mod openai;
mod playback;
mod record;
mod resample;
mod session;
mod time;
mod twilio;
mod voice;

#[pymodule(gil_used = false)]
fn _trunkline(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(instruction_set, module)?)?;
    error::register(module)?;
    g711::register(module)?;
    resample::register(module)?;
    jitter::register(module)?;
    voice::register(module)?;
    playback::register(module)?;
    twilio::register(module)?;
    openai::register(module)?;
    bridge::register(module)?;
    Ok(())
}

#[pyfunction]
fn instruction_set() -> &'static str {
    trunkline::instruction_set()
}

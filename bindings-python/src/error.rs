//! The one table from the core's errors to Python's exceptions.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::{IntoPyObjectExt, PyTypeInfo, create_exception};
use trunkline::Error;

create_exception!(trunkline, TrunklineError, PyValueError);
create_exception!(trunkline, UnsupportedBufferError, TrunklineError);
create_exception!(trunkline, OverlappingBuffersError, TrunklineError);
create_exception!(trunkline, LengthMismatchError, TrunklineError);
create_exception!(trunkline, BufferTooShortError, TrunklineError);
create_exception!(trunkline, MessageTooLongError, TrunklineError);
create_exception!(trunkline, InvalidJsonError, TrunklineError);
create_exception!(trunkline, InvalidBase64Error, TrunklineError);
create_exception!(trunkline, MissingFieldError, TrunklineError);
create_exception!(trunkline, InvalidFieldError, TrunklineError);
create_exception!(trunkline, UnsupportedRateError, TrunklineError);
create_exception!(trunkline, QueueFullError, TrunklineError);
create_exception!(trunkline, OutputPendingError, TrunklineError);
create_exception!(trunkline, ClosedError, TrunklineError);

/// Adds all of them to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    for class in [
        py.get_type::<TrunklineError>(),
        py.get_type::<UnsupportedBufferError>(),
        py.get_type::<OverlappingBuffersError>(),
        py.get_type::<LengthMismatchError>(),
        py.get_type::<BufferTooShortError>(),
        py.get_type::<MessageTooLongError>(),
        py.get_type::<InvalidJsonError>(),
        py.get_type::<InvalidBase64Error>(),
        py.get_type::<MissingFieldError>(),
        py.get_type::<InvalidFieldError>(),
        py.get_type::<UnsupportedRateError>(),
        py.get_type::<QueueFullError>(),
        py.get_type::<OutputPendingError>(),
        py.get_type::<ClosedError>(),
    ] {
        module.add(class.name()?, class)?;
    }
    Ok(())
}

/// Makes an exception of an [`Error`], the numbers and names in it as attributes.
pub(crate) trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for Result<T, Error> {
    #[inline]
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raise(py, error))
    }
}

#[cold]
pub(crate) fn raise(py: Python<'_>, error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::LengthMismatch { expected, actual } => {
            let attributes = [("expected", expected), ("actual", actual)];
            with::<LengthMismatchError, _, _>(py, text, attributes)
        }
        Error::BufferTooShort { needed, actual } => {
            let attributes = [("needed", needed), ("actual", actual)];
            with::<BufferTooShortError, _, _>(py, text, attributes)
        }
        Error::MessageTooLong { limit, actual } => {
            let attributes = [("limit", limit), ("actual", actual)];
            with::<MessageTooLongError, _, _>(py, text, attributes)
        }
        Error::InvalidJson { offset } => {
            with::<InvalidJsonError, _, _>(py, text, [("offset", offset)])
        }
        Error::InvalidBase64 { offset } => {
            with::<InvalidBase64Error, _, _>(py, text, [("offset", offset)])
        }
        Error::MissingField { name } => with::<MissingFieldError, _, _>(py, text, [("name", name)]),
        Error::InvalidField { name } => with::<InvalidFieldError, _, _>(py, text, [("name", name)]),
        Error::UnsupportedRate { from_hz, to_hz } => {
            let attributes = [("from_hz", from_hz), ("to_hz", to_hz)];
            with::<UnsupportedRateError, _, _>(py, text, attributes)
        }
        Error::QueueFull { needed, free } => {
            let attributes = [("needed", needed), ("free", free)];
            with::<QueueFullError, _, _>(py, text, attributes)
        }
        Error::OutputPending => OutputPendingError::new_err(text),
        Error::Closed => ClosedError::new_err(text),
        _ => TrunklineError::new_err(text),
    }
}

/// An exception of the class `T`, made here and now: to look into one that is made when it is raised,
/// `PyErr` gives the interpreter up and takes it back, which ends in a crash on a thread that is still
/// busy when the interpreter ends.
fn with<'py, T: PyTypeInfo, V: IntoPyObjectExt<'py>, const N: usize>(
    py: Python<'py>,
    text: String,
    attributes: [(&str, V); N],
) -> PyErr {
    let made = || {
        let error = py.get_type::<T>().call1((text,))?;
        for (name, value) in attributes {
            error.setattr(name, value)?;
        }
        Ok(PyErr::from_value(error))
    };
    made().unwrap_or_else(|failed| failed)
}

/// An argument that is not of the form or range that it must have.
#[cold]
pub(crate) fn invalid(py: Python<'_>, name: &'static str) -> PyErr {
    raise(py, Error::InvalidField { name })
}

/// A buffer that is not of the kind that the call works on.
#[cold]
pub(crate) fn unsupported_buffer(py: Python<'_>, expected: &str, actual: String) -> PyErr {
    let text = format!("expected {expected}, got {actual}");
    let attributes = [("expected", expected), ("actual", &actual)];
    with::<UnsupportedBufferError, _, _>(py, text, attributes)
}

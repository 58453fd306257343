//! The one table from the core's errors to Python's exceptions.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::{IntoPyObjectExt, create_exception};
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
        Error::LengthMismatch { expected, actual } => with(
            py,
            LengthMismatchError::new_err(text),
            [("expected", expected), ("actual", actual)],
        ),
        Error::BufferTooShort { needed, actual } => with(
            py,
            BufferTooShortError::new_err(text),
            [("needed", needed), ("actual", actual)],
        ),
        Error::MessageTooLong { limit, actual } => with(
            py,
            MessageTooLongError::new_err(text),
            [("limit", limit), ("actual", actual)],
        ),
        Error::InvalidJson { offset } => {
            with(py, InvalidJsonError::new_err(text), [("offset", offset)])
        }
        Error::InvalidBase64 { offset } => {
            with(py, InvalidBase64Error::new_err(text), [("offset", offset)])
        }
        Error::MissingField { name } => {
            with(py, MissingFieldError::new_err(text), [("name", name)])
        }
        Error::InvalidField { name } => {
            with(py, InvalidFieldError::new_err(text), [("name", name)])
        }
        Error::UnsupportedRate { from_hz, to_hz } => with(
            py,
            UnsupportedRateError::new_err(text),
            [("from_hz", from_hz), ("to_hz", to_hz)],
        ),
        Error::QueueFull { needed, free } => with(
            py,
            QueueFullError::new_err(text),
            [("needed", needed), ("free", free)],
        ),
        Error::OutputPending => OutputPendingError::new_err(text),
        Error::Closed => ClosedError::new_err(text),
        _ => TrunklineError::new_err(text),
    }
}

fn with<'py, V: IntoPyObjectExt<'py>, const N: usize>(
    py: Python<'py>,
    error: PyErr,
    attributes: [(&str, V); N],
) -> PyErr {
    for (name, value) in attributes {
        if let Err(failed) = error.value(py).setattr(name, value) {
            return failed;
        }
    }
    error
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
    let error = UnsupportedBufferError::new_err(text);
    with(py, error, [("expected", expected), ("actual", &actual)])
}

use std::collections::BTreeMap;
use std::sync::Mutex;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use trunkline::Error;
use trunkline::dialect::{Carrier, CarrierCommand, CarrierEvent, CarrierMessage, Shape, Track};
use trunkline::twilio::Twilio;

use crate::buffer::Source;
use crate::error::OrRaise;
use crate::gil;
use crate::message::{self, Message};
use crate::record::record;

/// The module `trunkline.twilio`.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "twilio")?;
    module.add_class::<Connected>()?;
    module.add_class::<Started>()?;
    module.add_class::<Media>()?;
    module.add_class::<Dtmf>()?;
    module.add_class::<Mark>()?;
    module.add_class::<Stopped>()?;
    module.add_class::<Other>()?;
    module.add_class::<Reader>()?;
    module.add_function(wrap_pyfunction!(read, &module)?)?;
    module.add_function(wrap_pyfunction!(media, &module)?)?;
    module.add_function(wrap_pyfunction!(mark, &module)?)?;
    module.add_function(wrap_pyfunction!(clear, &module)?)?;
    parent.add_submodule(&module)
}

record! { "trunkline.twilio", Connected {} }

record! { "trunkline.twilio", Started {
    stream_sid: Option<Py<PyString>>,
    call_sid: Py<PyString>,
    custom_parameters: BTreeMap<String, String>,
    sequence_number: Option<u64>,
} }

record! { "trunkline.twilio", Media {
    track: &'static str,
    timestamp_ms: u64,
    payload: Py<PyBytes>,
    stream_sid: Option<Py<PyString>>,
    sequence_number: Option<u64>,
} }

record! { "trunkline.twilio", Dtmf {
    digit: char,
    stream_sid: Option<Py<PyString>>,
    sequence_number: Option<u64>,
} }

record! { "trunkline.twilio", Mark {
    name: Py<PyString>,
    stream_sid: Option<Py<PyString>>,
    sequence_number: Option<u64>,
} }

record! { "trunkline.twilio", Stopped {
    stream_sid: Option<Py<PyString>>,
    sequence_number: Option<u64>,
} }

record! { "trunkline.twilio", Other {
    kind: Py<PyString>,
    stream_sid: Option<Py<PyString>>,
    sequence_number: Option<u64>,
} }

#[pyfunction]
#[pyo3(signature = (message, /))]
fn read<'py>(message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = message.py();
    let message = Message::new(message)?;
    let message = message.as_str().and_then(|text| Twilio.read(text));
    object(py, message.or_raise(py)?)
}

/// [`read`] of one stream's messages, which look alike.
#[pyclass(frozen, module = "trunkline.twilio")]
struct Reader {
    shape: Mutex<Shape>,
}

#[pymethods]
impl Reader {
    #[new]
    fn new() -> Self {
        Self {
            shape: Mutex::new(Shape::new()),
        }
    }

    #[pyo3(signature = (message, /))]
    fn read<'py>(&self, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = message.py();
        let message = Message::new(message)?;
        let text = message.as_str().or_raise(py)?;
        let message = Twilio.read_next(&mut gil::lock(py, &self.shape), text);
        object(py, message.or_raise(py)?)
    }
}

fn object<'py>(py: Python<'py>, message: CarrierMessage<'_>) -> PyResult<Bound<'py, PyAny>> {
    let stream_sid = message::optional_string(py, message.stream_sid);
    let sequence_number = message.sequence_number;
    match message.event {
        CarrierEvent::Connected => Connected {}.into_bound_py_any(py),
        CarrierEvent::Started {
            call_sid,
            custom_parameters,
        } => Started {
            stream_sid,
            call_sid: message::string(py, call_sid),
            custom_parameters: message::strings(custom_parameters),
            sequence_number,
        }
        .into_bound_py_any(py),
        CarrierEvent::Media {
            track,
            timestamp_ms,
            payload,
        } => Media {
            track: match track {
                Track::Inbound => "inbound",
                _ => "outbound",
            },
            timestamp_ms,
            payload: message::audio(py, payload)?,
            stream_sid,
            sequence_number,
        }
        .into_bound_py_any(py),
        CarrierEvent::Dtmf { digit } => Dtmf {
            digit,
            stream_sid,
            sequence_number,
        }
        .into_bound_py_any(py),
        CarrierEvent::Mark { name } => Mark {
            name: message::string(py, name),
            stream_sid,
            sequence_number,
        }
        .into_bound_py_any(py),
        CarrierEvent::Stopped => Stopped {
            stream_sid,
            sequence_number,
        }
        .into_bound_py_any(py),
        CarrierEvent::Other { kind } => Other {
            kind: message::string(py, kind),
            stream_sid,
            sequence_number,
        }
        .into_bound_py_any(py),
        // The core has no other; a newer one might.
        _ => Err(Error::InvalidField { name: "event" }).or_raise(py),
    }
}

#[pyfunction]
fn media<'py>(stream_sid: &str, mulaw: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    let audio = Source::bytes(mulaw)?;
    let command = CarrierCommand::Media(audio.as_bytes());
    message::written(mulaw.py(), |dst| Twilio.write(stream_sid, command, dst))
}

#[pyfunction]
fn mark<'py>(py: Python<'py>, stream_sid: &str, name: &str) -> PyResult<Bound<'py, PyString>> {
    let command = CarrierCommand::Mark(name);
    message::written(py, |dst| Twilio.write(stream_sid, command, dst))
}

#[pyfunction]
fn clear<'py>(py: Python<'py>, stream_sid: &str) -> PyResult<Bound<'py, PyString>> {
    message::written(py, |dst| {
        Twilio.write(stream_sid, CarrierCommand::Clear, dst)
    })
}

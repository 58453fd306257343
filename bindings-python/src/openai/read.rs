use std::sync::Mutex;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use trunkline::Error;
use trunkline::dialect::{self, Model, ModelEvent, ResponseStatus, Shape, Speaker};
use trunkline::openai::OpenAiRealtime;

use super::event::{
    AudioDelta, AudioDone, AudioFormat, ErrorEvent, ItemAdded, Other, ResponseCreated,
    ResponseDone, SessionCreated, SessionState, SessionUpdated, SpeechStarted, SpeechStopped,
    ToolCall, Transcript, TranscriptionFailed, Usage,
};
use crate::error::OrRaise;
use crate::gil;
use crate::message::{Message, audio, optional_string, string};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Reader>()?;
    module.add_function(wrap_pyfunction!(read, module)?)
}

#[pyfunction]
#[pyo3(signature = (message, /))]
fn read<'py>(message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = message.py();
    let message = Message::new(message)?;
    let event = message.as_str().and_then(|text| OpenAiRealtime.read(text));
    object(py, event.or_raise(py)?)
}

/// [`read`] of one stream's messages, which look alike.
#[pyclass(frozen, module = "trunkline.openai")]
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
        let message = OpenAiRealtime.read_next(&mut gil::lock(py, &self.shape), text);
        object(py, message.or_raise(py)?)
    }
}

fn object<'py>(py: Python<'py>, event: ModelEvent<'_>) -> PyResult<Bound<'py, PyAny>> {
    match event {
        ModelEvent::AudioDelta {
            response_id,
            item_id,
            content_index,
            audio: text,
        } => AudioDelta {
            response_id: string(py, response_id),
            item_id: string(py, item_id),
            content_index,
            audio: audio(py, text)?,
        }
        .into_bound_py_any(py),
        ModelEvent::AudioDone {
            response_id,
            item_id,
            content_index,
        } => AudioDone {
            response_id: string(py, response_id),
            item_id: string(py, item_id),
            content_index,
        }
        .into_bound_py_any(py),
        ModelEvent::Transcript {
            speaker,
            item_id,
            response_id,
            text,
            is_final,
        } => Transcript {
            speaker: match speaker {
                Speaker::Caller => "caller",
                _ => "model",
            },
            item_id: string(py, item_id),
            response_id: optional_string(py, response_id),
            text: string(py, text),
            is_final,
        }
        .into_bound_py_any(py),
        ModelEvent::SessionCreated(state) => {
            let session = session(py, state)?;
            SessionCreated { session }.into_bound_py_any(py)
        }
        ModelEvent::SessionUpdated(state) => {
            let session = session(py, state)?;
            SessionUpdated { session }.into_bound_py_any(py)
        }
        ModelEvent::SpeechStarted {
            item_id,
            audio_start_ms,
        } => SpeechStarted {
            item_id: optional_string(py, item_id),
            audio_start_ms,
        }
        .into_bound_py_any(py),
        ModelEvent::SpeechStopped {
            item_id,
            audio_end_ms,
        } => SpeechStopped {
            item_id: optional_string(py, item_id),
            audio_end_ms,
        }
        .into_bound_py_any(py),
        ModelEvent::ResponseCreated {
            response_id,
            out_of_band,
        } => ResponseCreated {
            response_id: string(py, response_id),
            out_of_band,
        }
        .into_bound_py_any(py),
        ModelEvent::ItemAdded {
            response_id,
            item_id,
            is_message,
        } => ItemAdded {
            response_id: string(py, response_id),
            item_id: string(py, item_id),
            is_message,
        }
        .into_bound_py_any(py),
        ModelEvent::ToolCall {
            response_id,
            item_id,
            call_id,
            name,
            arguments,
        } => ToolCall {
            response_id: string(py, response_id),
            item_id: string(py, item_id),
            call_id: string(py, call_id),
            name: string(py, name),
            arguments: string(py, arguments),
        }
        .into_bound_py_any(py),
        ModelEvent::TranscriptionFailed { item_id, kind } => TranscriptionFailed {
            item_id: string(py, item_id),
            kind: string(py, kind),
        }
        .into_bound_py_any(py),
        ModelEvent::ResponseDone {
            response_id,
            status,
            reason,
            message,
            usage: tokens,
        } => ResponseDone {
            response_id: string(py, response_id),
            status: match status {
                ResponseStatus::Completed => "completed",
                ResponseStatus::Cancelled => "cancelled",
                ResponseStatus::Incomplete => "incomplete",
                ResponseStatus::Failed => "failed",
                _ => "unknown",
            },
            reason: optional_string(py, reason),
            message: optional_string(py, message),
            usage: tokens.map(|tokens| usage(py, tokens)).transpose()?,
        }
        .into_bound_py_any(py),
        ModelEvent::Error {
            code,
            message,
            event_id,
        } => ErrorEvent {
            code: optional_string(py, code),
            message: string(py, message),
            event_id: optional_string(py, event_id),
        }
        .into_bound_py_any(py),
        ModelEvent::Other { kind } => {
            let kind = string(py, kind);
            Other { kind }.into_bound_py_any(py)
        }
        // The core has no other; a newer one might.
        _ => Err(Error::InvalidField { name: "type" }).or_raise(py),
    }
}

fn session(py: Python<'_>, state: dialect::SessionState) -> PyResult<Py<SessionState>> {
    let format = |format: Option<_>| format.map(|format| audio_format(py, format)).transpose();
    Py::new(
        py,
        SessionState {
            input: format(state.input)?,
            output: format(state.output)?,
            creates_response: state.creates_response,
            interrupts_response: state.interrupts_response,
            silence_duration_ms: state.silence_duration_ms,
            expires_at: state.expires_at,
        },
    )
}

fn audio_format(py: Python<'_>, format: dialect::AudioFormat) -> PyResult<Py<AudioFormat>> {
    let (encoding, rate_hz) = match format {
        dialect::AudioFormat::Pcm16 { rate_hz } => ("pcm16", Some(rate_hz)),
        dialect::AudioFormat::Mulaw => ("mulaw", Some(8_000)),
        dialect::AudioFormat::Alaw => ("alaw", Some(8_000)),
        _ => ("unknown", None),
    };
    Py::new(py, AudioFormat { encoding, rate_hz })
}

fn usage(py: Python<'_>, usage: dialect::Usage) -> PyResult<Py<Usage>> {
    Py::new(
        py,
        Usage {
            total_tokens: usage.total_tokens,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            input_text_tokens: usage.input_text_tokens,
            input_audio_tokens: usage.input_audio_tokens,
            cached_tokens: usage.cached_tokens,
            cached_text_tokens: usage.cached_text_tokens,
            cached_audio_tokens: usage.cached_audio_tokens,
            output_text_tokens: usage.output_text_tokens,
            output_audio_tokens: usage.output_audio_tokens,
        },
    )
}

//! What the bridge says, as objects.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};
use pyo3::{PyClass, PyClassInitializer, intern};
use trunkline::RawJson;
use trunkline::bridge::{Event, Output, Source};
use trunkline::dialect::{self, AudioFormat, ResponseStatus, Speaker};

use crate::error::TrunklineError;
use crate::message::strings;
use crate::record::record;

/// Adds the classes, and `Event` and `Output`, the unions of them.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let events = [
        py.get_type::<CallStarted>(),
        py.get_type::<CallEnded>(),
        py.get_type::<SessionReady>(),
        py.get_type::<FormatMismatch>(),
        py.get_type::<SpeechStarted>(),
        py.get_type::<SpeechStopped>(),
        py.get_type::<PlaybackHeld>(),
        py.get_type::<PlaybackResumed>(),
        py.get_type::<BargeIn>(),
        py.get_type::<ItemDropped>(),
        py.get_type::<ItemHeard>(),
        py.get_type::<AudioDropped>(),
        py.get_type::<Transcript>(),
        py.get_type::<ToolCall>(),
        py.get_type::<Dtmf>(),
        py.get_type::<Mark>(),
        py.get_type::<ResponseDone>(),
        py.get_type::<ModelError>(),
        py.get_type::<Other>(),
    ];
    let texts = [py.get_type::<ToTwilio>(), py.get_type::<ToOpenAi>()];
    for class in events.iter().chain(&texts) {
        module.add(class.name()?, class)?;
    }
    module.add_class::<Usage>()?;
    module.add("Event", union(&events)?)?;
    module.add("Output", union(&[&texts[..], &events[..]].concat())?)
}

/// `A | B | C`.
fn union<'py>(classes: &[Bound<'py, PyType>]) -> PyResult<Bound<'py, PyAny>> {
    let (first, rest) = classes.split_first().expect("a union has a first class");
    rest.iter()
        .try_fold(first.clone().into_any(), |union, class| union.bitor(class))
}

/// `output` as the object that says it.
pub(super) fn object(py: Python<'_>, output: Output<'_>) -> PyResult<Py<PyAny>> {
    match output {
        Output::ToTwilio(message) => new(
            py,
            ToTwilio {
                text: text(py, message),
            },
        ),
        Output::ToOpenAi(message) => new(
            py,
            ToOpenAi {
                text: text(py, message),
            },
        ),
        Output::Event(event) => event_object(py, event),
    }
}

fn event_object(py: Python<'_>, event: Event<'_>) -> PyResult<Py<PyAny>> {
    match event {
        Event::CallStarted {
            stream_sid,
            call_sid,
            custom_parameters,
        } => {
            let custom_parameters = RawJson::new(custom_parameters)
                .expect("the bridge passes on an object that it has read");
            let started = CallStarted {
                stream_sid: text(py, stream_sid),
                call_sid: text(py, call_sid),
                custom_parameters: strings(custom_parameters),
            };
            new(py, started)
        }
        Event::CallEnded => new(py, CallEnded {}),
        Event::SessionReady => new(py, SessionReady {}),
        Event::FormatMismatch {
            expected,
            input,
            output,
        } => new(
            py,
            FormatMismatch {
                expected: format_name(py, expected),
                input: input.map(|format| format_name(py, format)),
                output: output.map(|format| format_name(py, format)),
            },
        ),
        Event::SpeechStarted { position } => {
            let position = position.as_secs_f64();
            new(py, SpeechStarted { position })
        }
        Event::SpeechStopped { position } => {
            let position = position.as_secs_f64();
            new(py, SpeechStopped { position })
        }
        Event::PlaybackHeld => new(py, PlaybackHeld {}),
        Event::PlaybackResumed { held } => {
            let held = held.as_secs_f64();
            new(py, PlaybackResumed { held })
        }
        Event::BargeIn {
            item_id,
            audio_end,
            audio_received,
        } => new(
            py,
            BargeIn {
                item_id: text(py, item_id),
                audio_end: audio_end.as_secs_f64(),
                audio_received: audio_received.as_secs_f64(),
            },
        ),
        Event::ItemDropped { item_id } => {
            let item_id = text(py, item_id);
            new(py, ItemDropped { item_id })
        }
        Event::ItemHeard { item_id, audio_end } => new(
            py,
            ItemHeard {
                item_id: text(py, item_id),
                audio_end: audio_end.as_secs_f64(),
            },
        ),
        Event::AudioDropped { item_id, duration } => new(
            py,
            AudioDropped {
                item_id: text(py, item_id),
                duration: duration.as_secs_f64(),
            },
        ),
        Event::Transcript {
            speaker,
            item_id,
            text: words,
            is_final,
        } => new(
            py,
            Transcript {
                speaker: speaker_name(py, speaker),
                item_id: text(py, item_id),
                text: text(py, words),
                is_final,
            },
        ),
        Event::ToolCall {
            call_id,
            name,
            arguments,
        } => new(
            py,
            ToolCall {
                call_id: text(py, call_id),
                name: text(py, name),
                arguments: text(py, arguments),
            },
        ),
        Event::Dtmf { digit } => {
            let digit = text(py, digit.encode_utf8(&mut [0; 4]));
            new(py, Dtmf { digit })
        }
        Event::Mark { name, heard } => {
            let name = text(py, name);
            new(py, Mark { name, heard })
        }
        Event::ResponseDone {
            response_id,
            status,
            reason,
            message,
            usage,
        } => new(
            py,
            ResponseDone {
                response_id: text(py, response_id),
                status: status_name(py, status),
                reason: text(py, reason),
                message: text(py, message),
                usage: usage
                    .map(|usage| Py::new(py, Usage::from(usage)))
                    .transpose()?,
            },
        ),
        Event::ModelError {
            code,
            message,
            is_fatal,
        } => new(
            py,
            ModelError {
                code: text(py, code),
                message: text(py, message),
                is_fatal,
            },
        ),
        Event::Other { source, kind } => {
            let (source, kind) = (source_name(py, source), text(py, kind));
            new(py, Other { source, kind })
        }
        // The core may say more than it does today; this then fails in its own tests.
        event => Err(TrunklineError::new_err(format!("no class for {event:?}"))),
    }
}

fn new<T: PyClass + Into<PyClassInitializer<T>>>(py: Python<'_>, value: T) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, value)?.into_any())
}

fn text(py: Python<'_>, text: &str) -> Py<PyString> {
    PyString::new(py, text).unbind()
}

/// PCM as `Bridge(model_audio=...)` has it, by its rate.
fn format_name(py: Python<'_>, format: AudioFormat) -> Py<PyString> {
    match format {
        AudioFormat::Pcm16 { rate_hz } => text(py, &format!("pcm{}k", f64::from(rate_hz) / 1e3)),
        AudioFormat::Mulaw => text(py, "mulaw"),
        AudioFormat::Alaw => text(py, "alaw"),
        _ => text(py, "unknown"),
    }
}

fn speaker_name(py: Python<'_>, speaker: Speaker) -> Py<PyString> {
    match speaker {
        Speaker::Caller => intern!(py, "caller"),
        _ => intern!(py, "model"),
    }
    .clone()
    .unbind()
}

fn status_name(py: Python<'_>, status: ResponseStatus) -> Py<PyString> {
    match status {
        ResponseStatus::Completed => intern!(py, "completed"),
        ResponseStatus::Cancelled => intern!(py, "cancelled"),
        ResponseStatus::Incomplete => intern!(py, "incomplete"),
        ResponseStatus::Failed => intern!(py, "failed"),
        _ => intern!(py, "unknown"),
    }
    .clone()
    .unbind()
}

fn source_name(py: Python<'_>, source: Source) -> Py<PyString> {
    match source {
        Source::Twilio => intern!(py, "twilio"),
        _ => intern!(py, "openai"),
    }
    .clone()
    .unbind()
}

record! { "trunkline", new ToTwilio { text: Py<PyString> } }
record! { "trunkline", new ToOpenAi { text: Py<PyString> } }

record! { "trunkline", new CallStarted {
    stream_sid: Py<PyString>,
    call_sid: Py<PyString>,
    custom_parameters: BTreeMap<String, String>,
} }
record! { "trunkline", new CallEnded {} }
record! { "trunkline", new SessionReady {} }
record! { "trunkline", new FormatMismatch {
    expected: Py<PyString>,
    input: Option<Py<PyString>>,
    output: Option<Py<PyString>>,
} }
record! { "trunkline", new SpeechStarted { position: f64 } }
record! { "trunkline", new SpeechStopped { position: f64 } }
record! { "trunkline", new PlaybackHeld {} }
record! { "trunkline", new PlaybackResumed { held: f64 } }
record! { "trunkline", new BargeIn { item_id: Py<PyString>, audio_end: f64, audio_received: f64 } }
record! { "trunkline", new ItemDropped { item_id: Py<PyString> } }
record! { "trunkline", new ItemHeard { item_id: Py<PyString>, audio_end: f64 } }
record! { "trunkline", new AudioDropped { item_id: Py<PyString>, duration: f64 } }
record! { "trunkline", new Transcript {
    speaker: Py<PyString>,
    item_id: Py<PyString>,
    text: Py<PyString>,
    is_final: bool,
} }
record! { "trunkline", new ToolCall {
    call_id: Py<PyString>,
    name: Py<PyString>,
    arguments: Py<PyString>,
} }
record! { "trunkline", new Dtmf { digit: Py<PyString> } }
record! { "trunkline", new Mark { name: Py<PyString>, heard: bool } }
record! { "trunkline", new ResponseDone {
    response_id: Py<PyString>,
    status: Py<PyString>,
    reason: Py<PyString>,
    message: Py<PyString>,
    usage: Option<Py<Usage>>,
} }
record! { "trunkline", new ModelError {
    code: Py<PyString>,
    message: Py<PyString>,
    is_fatal: bool,
} }
record! { "trunkline", new Other { source: Py<PyString>, kind: Py<PyString> } }

record! { "trunkline", new Usage(
    total_tokens=0, input_tokens=0, output_tokens=0, input_text_tokens=0, input_audio_tokens=0,
    cached_tokens=0, cached_text_tokens=0, cached_audio_tokens=0, output_text_tokens=0,
    output_audio_tokens=0
) {
    total_tokens: u64,
    input_tokens: u64,
    output_tokens: u64,
    input_text_tokens: u64,
    input_audio_tokens: u64,
    cached_tokens: u64,
    cached_text_tokens: u64,
    cached_audio_tokens: u64,
    output_text_tokens: u64,
    output_audio_tokens: u64,
} }

impl From<dialect::Usage> for Usage {
    fn from(usage: dialect::Usage) -> Self {
        Self {
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
        }
    }
}

//! What a model says, as classes.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::record::record;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<AudioFormat>()?;
    module.add_class::<SessionState>()?;
    module.add_class::<SessionCreated>()?;
    module.add_class::<SessionUpdated>()?;
    module.add_class::<SpeechStarted>()?;
    module.add_class::<SpeechStopped>()?;
    module.add_class::<ResponseCreated>()?;
    module.add_class::<ItemAdded>()?;
    module.add_class::<AudioDelta>()?;
    module.add_class::<AudioDone>()?;
    module.add_class::<Transcript>()?;
    module.add_class::<TranscriptionFailed>()?;
    module.add_class::<ToolCall>()?;
    module.add_class::<Usage>()?;
    module.add_class::<ResponseDone>()?;
    module.add_class::<ErrorEvent>()?;
    module.add_class::<Other>()
}

record! { "trunkline.openai", AudioFormat {
    encoding: &'static str,
    rate_hz: Option<u32>,
} }

record! { "trunkline.openai", SessionState {
    input: Option<Py<AudioFormat>>,
    output: Option<Py<AudioFormat>>,
    creates_response: Option<bool>,
    interrupts_response: Option<bool>,
    silence_duration_ms: Option<u32>,
    expires_at: Option<u64>,
} }

record! { "trunkline.openai", SessionCreated { session: Py<SessionState> } }

record! { "trunkline.openai", SessionUpdated { session: Py<SessionState> } }

record! { "trunkline.openai", SpeechStarted {
    item_id: Option<Py<PyString>>,
    audio_start_ms: u64,
} }

record! { "trunkline.openai", SpeechStopped {
    item_id: Option<Py<PyString>>,
    audio_end_ms: u64,
} }

record! { "trunkline.openai", ResponseCreated {
    response_id: Py<PyString>,
    out_of_band: bool,
} }

record! { "trunkline.openai", ItemAdded {
    response_id: Py<PyString>,
    item_id: Py<PyString>,
    is_message: bool,
} }

record! { "trunkline.openai", AudioDelta {
    response_id: Py<PyString>,
    item_id: Py<PyString>,
    content_index: u32,
    audio: Py<PyBytes>,
} }

record! { "trunkline.openai", AudioDone {
    response_id: Py<PyString>,
    item_id: Py<PyString>,
    content_index: u32,
} }

record! { "trunkline.openai", Transcript {
    speaker: &'static str,
    item_id: Py<PyString>,
    response_id: Option<Py<PyString>>,
    text: Py<PyString>,
    is_final: bool,
} }

record! { "trunkline.openai", TranscriptionFailed {
    item_id: Py<PyString>,
    kind: Py<PyString>,
} }

record! { "trunkline.openai", ToolCall {
    response_id: Py<PyString>,
    item_id: Py<PyString>,
    call_id: Py<PyString>,
    name: Py<PyString>,
    arguments: Py<PyString>,
} }

record! { "trunkline.openai", Usage {
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

record! { "trunkline.openai", ResponseDone {
    response_id: Py<PyString>,
    status: &'static str,
    reason: Option<Py<PyString>>,
    message: Option<Py<PyString>>,
    usage: Option<Py<Usage>>,
} }

record! { "trunkline.openai", ErrorEvent {
    code: Option<Py<PyString>>,
    message: Py<PyString>,
    event_id: Option<Py<PyString>>,
} }

record! { "trunkline.openai", Other { kind: Py<PyString> } }

use pyo3::prelude::*;
use pyo3::types::PyString;
use trunkline::RawJson;
use trunkline::dialect::{AudioFormat, Model, ModelCommand, Role};
use trunkline::openai::OpenAiRealtime;

use crate::buffer::Source;
use crate::error::{OrRaise, invalid};
use crate::message;
use crate::session::Settings;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(append_pcm16, module)?)?;
    module.add_function(wrap_pyfunction!(append_g711, module)?)?;
    module.add_function(wrap_pyfunction!(update_session, module)?)?;
    module.add_function(wrap_pyfunction!(commit_audio, module)?)?;
    module.add_function(wrap_pyfunction!(clear_audio, module)?)?;
    module.add_function(wrap_pyfunction!(create_response, module)?)?;
    module.add_function(wrap_pyfunction!(cancel_response, module)?)?;
    module.add_function(wrap_pyfunction!(truncate_item, module)?)?;
    module.add_function(wrap_pyfunction!(delete_item, module)?)?;
    module.add_function(wrap_pyfunction!(create_message, module)?)?;
    module.add_function(wrap_pyfunction!(create_tool_call, module)?)?;
    module.add_function(wrap_pyfunction!(tool_output, module)?)
}

#[pyfunction]
#[pyo3(signature = (pcm, /))]
fn append_pcm16<'py>(pcm: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    let source = Source::pcm(pcm)?;
    written(pcm.py(), ModelCommand::AppendPcm16(&source.samples()))
}

#[pyfunction]
#[pyo3(signature = (audio, /))]
fn append_g711<'py>(audio: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    let source = Source::bytes(audio)?;
    written(audio.py(), ModelCommand::AppendG711(source.as_bytes()))
}

#[pyfunction]
#[pyo3(signature = (*, audio = "pcm16", instructions = None, voice = None, speed = None,
    transcription_model = None, transcription_language = None, transcription_prompt = None,
    noise_reduction = None, turn_detection = None, tools = None, tool_choice = None, extra = None,
    event_id = ""))]
#[allow(clippy::too_many_arguments, reason = "one for each field")]
fn update_session<'py>(
    py: Python<'py>,
    audio: &str,
    instructions: Option<&Bound<'py, PyString>>,
    voice: Option<&Bound<'py, PyString>>,
    speed: Option<f32>,
    transcription_model: Option<&Bound<'py, PyString>>,
    transcription_language: Option<&Bound<'py, PyString>>,
    transcription_prompt: Option<&Bound<'py, PyString>>,
    noise_reduction: Option<&Bound<'py, PyAny>>,
    turn_detection: Option<&Bound<'py, PyAny>>,
    tools: Option<&Bound<'py, PyString>>,
    tool_choice: Option<&Bound<'py, PyString>>,
    extra: Option<&Bound<'py, PyString>>,
    event_id: &str,
) -> PyResult<Bound<'py, PyString>> {
    let audio = match audio {
        "pcm16" => AudioFormat::Pcm16 { rate_hz: 24_000 },
        "mulaw" => AudioFormat::Mulaw,
        "alaw" => AudioFormat::Alaw,
        _ => return Err(invalid(py, "audio")),
    };
    let settings = Settings {
        instructions,
        voice,
        speed,
        transcription_model,
        transcription_language,
        transcription_prompt,
        noise_reduction,
        turn_detection,
        tools,
        tool_choice,
        extra,
    };
    let session = &settings.parse()?;
    let command = ModelCommand::UpdateSession {
        event_id,
        audio,
        session,
    };
    written(py, command)
}

#[pyfunction]
#[pyo3(signature = (*, event_id = ""))]
fn commit_audio<'py>(py: Python<'py>, event_id: &str) -> PyResult<Bound<'py, PyString>> {
    written(py, ModelCommand::CommitAudio { event_id })
}

#[pyfunction]
#[pyo3(signature = (*, event_id = ""))]
fn clear_audio<'py>(py: Python<'py>, event_id: &str) -> PyResult<Bound<'py, PyString>> {
    written(py, ModelCommand::ClearAudio { event_id })
}

#[pyfunction]
#[pyo3(signature = (response = None, *, event_id = ""))]
fn create_response<'py>(
    py: Python<'py>,
    response: Option<&str>,
    event_id: &str,
) -> PyResult<Bound<'py, PyString>> {
    let response = response.map(RawJson::new).transpose().or_raise(py)?;
    let command = ModelCommand::CreateResponse { event_id, response };
    written(py, command)
}

#[pyfunction]
#[pyo3(signature = (response_id = None, *, event_id = ""))]
fn cancel_response<'py>(
    py: Python<'py>,
    response_id: Option<&str>,
    event_id: &str,
) -> PyResult<Bound<'py, PyString>> {
    let command = ModelCommand::CancelResponse {
        event_id,
        response_id,
    };
    written(py, command)
}

#[pyfunction]
#[pyo3(signature = (item_id, content_index, audio_end_ms, *, event_id = ""))]
fn truncate_item<'py>(
    py: Python<'py>,
    item_id: &str,
    content_index: u32,
    audio_end_ms: u64,
    event_id: &str,
) -> PyResult<Bound<'py, PyString>> {
    let command = ModelCommand::TruncateItem {
        event_id,
        item_id,
        content_index,
        audio_end_ms,
    };
    written(py, command)
}

#[pyfunction]
#[pyo3(signature = (item_id, *, event_id = ""))]
fn delete_item<'py>(
    py: Python<'py>,
    item_id: &str,
    event_id: &str,
) -> PyResult<Bound<'py, PyString>> {
    written(py, ModelCommand::DeleteItem { event_id, item_id })
}

#[pyfunction]
#[pyo3(signature = (role, text, *, item_id = None, event_id = ""))]
fn create_message<'py>(
    py: Python<'py>,
    role: &str,
    text: &str,
    item_id: Option<&str>,
    event_id: &str,
) -> PyResult<Bound<'py, PyString>> {
    let role = match role {
        "user" => Role::User,
        "system" => Role::System,
        "assistant" => Role::Assistant,
        _ => return Err(invalid(py, "role")),
    };
    let command = ModelCommand::CreateMessage {
        event_id,
        item_id,
        role,
        text,
    };
    written(py, command)
}

#[pyfunction]
#[pyo3(signature = (call_id, name, arguments, *, event_id = ""))]
fn create_tool_call<'py>(
    py: Python<'py>,
    call_id: &str,
    name: &str,
    arguments: &str,
    event_id: &str,
) -> PyResult<Bound<'py, PyString>> {
    let command = ModelCommand::CreateToolCall {
        event_id,
        call_id,
        name,
        arguments,
    };
    written(py, command)
}

#[pyfunction]
fn tool_output<'py>(
    py: Python<'py>,
    call_id: &str,
    output: &str,
) -> PyResult<Bound<'py, PyString>> {
    written(py, ModelCommand::ToolOutput { call_id, output })
}

fn written<'py>(py: Python<'py>, command: ModelCommand<'_>) -> PyResult<Bound<'py, PyString>> {
    message::written(py, |dst| OpenAiRealtime.write(command, dst))
}

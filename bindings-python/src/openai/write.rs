use pyo3::prelude::*;
use pyo3::types::PyString;
use trunkline::dialect::{Model, ModelCommand, Role};
use trunkline::openai::OpenAiRealtime;
use trunkline::{Error, RawJson};

use crate::buffer::Source;
use crate::error::OrRaise;
use crate::message;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(append_pcm16, module)?)?;
    module.add_function(wrap_pyfunction!(append_g711, module)?)?;
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
        "user" => Ok(Role::User),
        "system" => Ok(Role::System),
        "assistant" => Ok(Role::Assistant),
        _ => Err(Error::InvalidField { name: "role" }),
    };
    let command = ModelCommand::CreateMessage {
        event_id,
        item_id,
        role: role.or_raise(py)?,
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

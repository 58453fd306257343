//! OpenAI Realtime events, written.

use core::ffi::c_char;

use super::{
    error::*,
    ffi::boundary,
    message::{TRUNKLINE_ENCODING_ALAW, TRUNKLINE_ENCODING_MULAW, TRUNKLINE_ENCODING_PCM16},
    session::trunkline_session,
};
use crate::{
    RawJson,
    dialect::{AudioFormat, Model, ModelCommand, Role},
    openai::OpenAiRealtime,
};

/// The application speaks in the conversation.
pub const TRUNKLINE_ROLE_SYSTEM: i32 = 0;
/// The caller speaks in the conversation.
pub const TRUNKLINE_ROLE_USER: i32 = 1;
/// The model speaks in the conversation.
pub const TRUNKLINE_ROLE_ASSISTANT: i32 = 2;

/// Writes `session.update`: `session` as it is, with audio of `encoding` both ways, which is
/// `TRUNKLINE_ENCODING_PCM16` (at 24 kHz), `_MULAW` or `_ALAW`. The peer names `event_id` if it refuses;
/// without text there is none. `written` gets the event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for what the server would refuse; `TRUNKLINE_ERR_INVALID_JSON`;
/// `TRUNKLINE_ERR_ARGUMENT` for another `encoding`; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_session(
    event_id: *const c_char,
    event_id_len: usize,
    encoding: i32,
    session: *const trunkline_session,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (event_id, session, buf, written) = unsafe {
            (
                call.text(event_id, event_id_len)?,
                trunkline_session::read(call, session)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        let audio = match encoding {
            TRUNKLINE_ENCODING_PCM16 => AudioFormat::Pcm16 { rate_hz: 24_000 },
            TRUNKLINE_ENCODING_MULAW => AudioFormat::Mulaw,
            TRUNKLINE_ENCODING_ALAW => AudioFormat::Alaw,
            _ => return Err(Code(TRUNKLINE_ERR_ARGUMENT)),
        };
        let command = ModelCommand::UpdateSession {
            event_id,
            audio,
            session: &session,
        };
        written.report(OpenAiRealtime.write(command, buf))
    })
}

/// Writes `input_audio_buffer.append` with `pcm_len` samples of the caller's voice at 24 kHz; `written`
/// gets the event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no audio; `TRUNKLINE_ERR_MESSAGE_TOO_LONG` beyond 15 MiB;
/// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_append_pcm16(
    pcm: *const i16,
    pcm_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (pcm, buf, written) = unsafe {
            (
                call.slice(pcm, pcm_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        written.report(OpenAiRealtime.write(ModelCommand::AppendPcm16(pcm), buf))
    })
}

/// Writes `input_audio_buffer.append` with `audio_len` bytes of the caller's voice, in the law that the
/// session is set to; `written` gets the event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no audio; `TRUNKLINE_ERR_MESSAGE_TOO_LONG` beyond 15 MiB;
/// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_append_g711(
    audio: *const u8,
    audio_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (audio, buf, written) = unsafe {
            (
                call.slice(audio, audio_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        written.report(OpenAiRealtime.write(ModelCommand::AppendG711(audio), buf))
    })
}

/// Writes `input_audio_buffer.commit`: the caller's turn is over. The peer names `event_id` if it
/// refuses; without text there is none. `written` gets the event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an `event_id` of more than 512 characters;
/// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_commit_audio(
    event_id: *const c_char,
    event_id_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (event_id, buf, written) = unsafe {
            (
                call.text(event_id, event_id_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        written.report(OpenAiRealtime.write(ModelCommand::CommitAudio { event_id }, buf))
    })
}

/// Writes `input_audio_buffer.clear`: audio that is no item yet is forgotten. The peer names `event_id` if it
/// refuses; without text there is none. `written` gets the event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an `event_id` of more than 512 characters;
/// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_clear_audio(
    event_id: *const c_char,
    event_id_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (event_id, buf, written) = unsafe {
            (
                call.text(event_id, event_id_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        written.report(OpenAiRealtime.write(ModelCommand::ClearAudio { event_id }, buf))
    })
}

/// Writes `response.create`: answer now. `response` is the event's `response` object, JSON; without text
/// there is none. The peer names `event_id` if it refuses; without text there is none. `written` gets
/// the event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_JSON`; `TRUNKLINE_ERR_INVALID_FIELD` for a `response` that is no object
/// or an `event_id` of more than 512 characters; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_create_response(
    event_id: *const c_char,
    event_id_len: usize,
    response: *const c_char,
    response_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (event_id, response, buf, written) = unsafe {
            (
                call.text(event_id, event_id_len)?,
                call.text(response, response_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        let command = ModelCommand::CreateResponse {
            event_id,
            response: match response {
                "" => None,
                object => Some(RawJson::new(object)?),
            },
        };
        written.report(OpenAiRealtime.write(command, buf))
    })
}

/// Writes `response.cancel`: stop answering. `response_id` is the response; without text it is the
/// active one. The peer names `event_id` if it refuses; without text there is none. `written` gets the
/// event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an `event_id` of more than 512 characters;
/// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_cancel_response(
    event_id: *const c_char,
    event_id_len: usize,
    response_id: *const c_char,
    response_id_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (event_id, response_id, buf, written) = unsafe {
            (
                call.text(event_id, event_id_len)?,
                call.text(response_id, response_id_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        let command = ModelCommand::CancelResponse {
            event_id,
            response_id: Some(response_id).filter(|id| !id.is_empty()),
        };
        written.report(OpenAiRealtime.write(command, buf))
    })
}

/// Writes `conversation.item.truncate`: what was not heard of `content_index` of `item_id` is forgotten;
/// `audio_end_ms` were. The peer names `event_id` if it refuses; without text there is none. `written`
/// gets the event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no `item_id` or an `event_id` of more than 512 characters;
/// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_truncate_item(
    event_id: *const c_char,
    event_id_len: usize,
    item_id: *const c_char,
    item_id_len: usize,
    content_index: u32,
    audio_end_ms: u64,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (event_id, item_id, buf, written) = unsafe {
            (
                call.text(event_id, event_id_len)?,
                call.text(item_id, item_id_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        let command = ModelCommand::TruncateItem {
            event_id,
            item_id,
            content_index,
            audio_end_ms,
        };
        written.report(OpenAiRealtime.write(command, buf))
    })
}

/// Writes `conversation.item.delete`: `item_id` is forgotten. The peer names `event_id` if it refuses;
/// without text there is none. `written` gets the event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no `item_id` or an `event_id` of more than 512 characters;
/// `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_delete_item(
    event_id: *const c_char,
    event_id_len: usize,
    item_id: *const c_char,
    item_id_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (event_id, item_id, buf, written) = unsafe {
            (
                call.text(event_id, event_id_len)?,
                call.text(item_id, item_id_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        let command = ModelCommand::DeleteItem { event_id, item_id };
        written.report(OpenAiRealtime.write(command, buf))
    })
}

/// Writes `conversation.item.create` with a message of `role` (`TRUNKLINE_ROLE_...`) that says `text`.
/// `item_id` is the id to give the item; without text the peer makes one. The peer names `event_id` if
/// it refuses; without text there is none. `written` gets the event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an `item_id` of more than 32 characters or an `event_id` of
/// more than 512; `TRUNKLINE_ERR_ARGUMENT` for another `role`; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any
/// thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_create_message(
    event_id: *const c_char,
    event_id_len: usize,
    item_id: *const c_char,
    item_id_len: usize,
    role: i32,
    text: *const c_char,
    text_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (event_id, item_id, text, buf, written) = unsafe {
            (
                call.text(event_id, event_id_len)?,
                call.text(item_id, item_id_len)?,
                call.text(text, text_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        let role = match role {
            TRUNKLINE_ROLE_SYSTEM => Role::System,
            TRUNKLINE_ROLE_USER => Role::User,
            TRUNKLINE_ROLE_ASSISTANT => Role::Assistant,
            _ => return Err(Code(TRUNKLINE_ERR_ARGUMENT)),
        };
        let command = ModelCommand::CreateMessage {
            event_id,
            item_id: Some(item_id).filter(|id| !id.is_empty()),
            role,
            text,
        };
        written.report(OpenAiRealtime.write(command, buf))
    })
}

/// Writes `conversation.item.create` with a function call of an earlier session, whose result follows:
/// `call_id` called `name` with `arguments`. The peer names `event_id` if it refuses; without text there
/// is none. `written` gets the event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for a `call_id` or `name` that the server would refuse or an
/// `event_id` of more than 512 characters; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_create_tool_call(
    event_id: *const c_char,
    event_id_len: usize,
    call_id: *const c_char,
    call_id_len: usize,
    name: *const c_char,
    name_len: usize,
    arguments: *const c_char,
    arguments_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (event_id, call_id, name, arguments, buf, written) = unsafe {
            (
                call.text(event_id, event_id_len)?,
                call.text(call_id, call_id_len)?,
                call.text(name, name_len)?,
                call.text(arguments, arguments_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        let command = ModelCommand::CreateToolCall {
            event_id,
            call_id,
            name,
            arguments,
        };
        written.report(OpenAiRealtime.write(command, buf))
    })
}

/// Writes `conversation.item.create` with the result of the function call `call_id`: `output`, any text,
/// JSON by custom. `written` gets the event's length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no `call_id`; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_write_tool_output(
    call_id: *const c_char,
    call_id_len: usize,
    output: *const c_char,
    output_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (call_id, output, buf, written) = unsafe {
            (
                call.text(call_id, call_id_len)?,
                call.text(output, output_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        let command = ModelCommand::ToolOutput { call_id, output };
        written.report(OpenAiRealtime.write(command, buf))
    })
}

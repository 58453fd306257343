//! Events of OpenAI Realtime.

use napi::bindgen_prelude::*;
use napi_derive::napi;
use trunkline::dialect::{AudioFormat, Model as _, ModelCommand, ModelEvent, Role, SessionState};
use trunkline::openai::OpenAiRealtime;

use crate::buffer::{Number, Source, Text, new_string};
use crate::error::OrThrow;
use crate::number::{whole, whole_u32};
use crate::object::Fields;
use crate::session::{SessionOptions, json};
use crate::twilio::{decoded, written};

/// Reads one server event.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "read",
    ts_args_type = "message: string | Uint8Array",
    ts_return_type = "OpenAiMessage"
)]
pub fn openai_read(env: Env, message: Text) -> Result<Unknown<'static>> {
    let mut scratch = Vec::new();
    let event = OpenAiRealtime
        .read(message.read(&mut scratch, usize::MAX)?)
        .or_throw(env)?;
    let fields = match event {
        ModelEvent::SessionCreated(state) => session(env, "SessionCreated", state)?,
        ModelEvent::SessionUpdated(state) => session(env, "SessionUpdated", state)?,
        ModelEvent::SpeechStarted {
            item_id,
            audio_start_ms,
        } => Fields::of_type(env, "SpeechStarted")?
            .json_or_null("itemId", item_id)?
            .number("audioStartMs", audio_start_ms)?,
        ModelEvent::SpeechStopped {
            item_id,
            audio_end_ms,
        } => Fields::of_type(env, "SpeechStopped")?
            .json_or_null("itemId", item_id)?
            .number("audioEndMs", audio_end_ms)?,
        ModelEvent::ResponseCreated {
            response_id,
            out_of_band,
        } => Fields::of_type(env, "ResponseCreated")?
            .json("responseId", response_id)?
            .set("outOfBand", out_of_band)?,
        ModelEvent::ItemAdded {
            response_id,
            item_id,
            is_message,
        } => Fields::of_type(env, "ItemAdded")?
            .json("responseId", response_id)?
            .json("itemId", item_id)?
            .set("isMessage", is_message)?,
        ModelEvent::AudioDelta {
            response_id,
            item_id,
            content_index,
            audio,
        } => Fields::of_type(env, "AudioDelta")?
            .json("responseId", response_id)?
            .json("itemId", item_id)?
            .set("contentIndex", content_index)?
            .set("audio", decoded(env, audio)?)?,
        ModelEvent::AudioDone {
            response_id,
            item_id,
            content_index,
        } => Fields::of_type(env, "AudioDone")?
            .json("responseId", response_id)?
            .json("itemId", item_id)?
            .set("contentIndex", content_index)?,
        ModelEvent::Transcript {
            speaker,
            item_id,
            response_id,
            text,
            is_final,
        } => Fields::of_type(env, "Transcript")?
            .text("speaker", crate::bridge::speaker_name(speaker))?
            .json("itemId", item_id)?
            .json_or_null("responseId", response_id)?
            .json("text", text)?
            .set("isFinal", is_final)?,
        ModelEvent::ToolCall {
            response_id,
            item_id,
            call_id,
            name,
            arguments,
        } => Fields::of_type(env, "ToolCall")?
            .json("responseId", response_id)?
            .json("itemId", item_id)?
            .json("callId", call_id)?
            .json("name", name)?
            .json("arguments", arguments)?,
        ModelEvent::TranscriptionFailed { item_id, .. } => {
            Fields::of_type(env, "TranscriptionFailed")?.json("itemId", item_id)?
        }
        ModelEvent::ResponseDone {
            response_id,
            status,
            reason,
            message,
            usage,
        } => Fields::of_type(env, "ResponseDone")?
            .json("responseId", response_id)?
            .text("status", crate::bridge::status_name(status))?
            .json_or_null("reason", reason)?
            .json_or_null("message", message)?
            .set("usage", crate::bridge::usage(env, usage)?)?,
        ModelEvent::Error {
            code,
            message,
            event_id,
        } => Fields::of_type(env, "Error")?
            .json_or_null("code", code)?
            .json("message", message)?
            .json_or_null("eventId", event_id)?,
        ModelEvent::Other { kind } => Fields::of_type(env, "Other")?.json("kind", kind)?,
        _ => Fields::of_type(env, "Other")?.text("kind", "")?,
    };
    Ok(fields.build())
}

/// Writes `session.update`, with `audio` both ways.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "sessionUpdate",
    ts_args_type = "session: SessionOptions, audio: 'pcm24k' | 'mulaw' | 'alaw', eventId?: string",
    ts_return_type = "string"
)]
pub fn openai_session_update(
    env: Env,
    session: SessionOptions,
    audio: String,
    event_id: Option<Text>,
) -> Result<Unknown<'static>> {
    let audio = match audio.as_str() {
        "pcm24k" => Ok(AudioFormat::Pcm16 { rate_hz: 24_000 }),
        "mulaw" => Ok(AudioFormat::Mulaw),
        "alaw" => Ok(AudioFormat::Alaw),
        _ => Err(trunkline::Error::InvalidField { name: "audio" }),
    };
    let audio = audio.or_throw(env)?;
    let session = &session.to_core(env)?;
    let event_id = &id(event_id)?;
    write(
        env,
        ModelCommand::UpdateSession {
            event_id,
            audio,
            session,
        },
    )
}

/// Writes `input_audio_buffer.append` of 16-bit samples at 24 kHz.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "appendPcm",
    ts_args_type = "samples: Int16Array | Uint8Array",
    ts_return_type = "string"
)]
pub fn openai_append_pcm(env: Env, samples: Source) -> Result<Unknown<'static>> {
    write(env, ModelCommand::AppendPcm16(&samples.samples()?))
}

/// Writes `input_audio_buffer.append` of G.711 bytes.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "appendG711",
    ts_args_type = "audio: Uint8Array",
    ts_return_type = "string"
)]
pub fn openai_append_g711(env: Env, audio: Source) -> Result<Unknown<'static>> {
    write(env, ModelCommand::AppendG711(audio.bytes()?))
}

/// Writes `input_audio_buffer.commit`.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "commitAudio",
    ts_args_type = "eventId?: string",
    ts_return_type = "string"
)]
pub fn openai_commit_audio(env: Env, event_id: Option<Text>) -> Result<Unknown<'static>> {
    let event_id = &id(event_id)?;
    write(env, ModelCommand::CommitAudio { event_id })
}

/// Writes `input_audio_buffer.clear`.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "clearAudio",
    ts_args_type = "eventId?: string",
    ts_return_type = "string"
)]
pub fn openai_clear_audio(env: Env, event_id: Option<Text>) -> Result<Unknown<'static>> {
    let event_id = &id(event_id)?;
    write(env, ModelCommand::ClearAudio { event_id })
}

/// Writes `response.create`; `response` is the JSON of its object.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "createResponse",
    ts_args_type = "response?: string, eventId?: string",
    ts_return_type = "string"
)]
pub fn openai_create_response(
    env: Env,
    response: Option<String>,
    event_id: Option<Text>,
) -> Result<Unknown<'static>> {
    let event_id = &id(event_id)?;
    let response = json(env, response.as_deref())?;
    write(env, ModelCommand::CreateResponse { event_id, response })
}

/// Writes `response.cancel`, of this response or of the active one.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "cancelResponse",
    ts_args_type = "responseId?: string, eventId?: string",
    ts_return_type = "string"
)]
pub fn openai_cancel_response(
    env: Env,
    response_id: Option<String>,
    event_id: Option<Text>,
) -> Result<Unknown<'static>> {
    let event_id = &id(event_id)?;
    let response_id = response_id.as_deref();
    write(
        env,
        ModelCommand::CancelResponse {
            event_id,
            response_id,
        },
    )
}

/// Writes `conversation.item.truncate`.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "truncateItem",
    ts_args_type = "itemId: string, contentIndex: number, audioEndMs: number, eventId?: string",
    ts_return_type = "string"
)]
pub fn openai_truncate_item(
    env: Env,
    item_id: Text,
    content_index: Number,
    audio_end_ms: Number,
    event_id: Option<Text>,
) -> Result<Unknown<'static>> {
    let (event_id, item_id) = (&id(event_id)?, &item_id.to_owned()?);
    write(
        env,
        ModelCommand::TruncateItem {
            event_id,
            item_id,
            content_index: whole_u32(env, "contentIndex", content_index.0)?,
            audio_end_ms: whole(env, "audioEndMs", audio_end_ms.0, MAX_MS)?,
        },
    )
}

/// Writes `conversation.item.delete`.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "deleteItem",
    ts_args_type = "itemId: string, eventId?: string",
    ts_return_type = "string"
)]
pub fn openai_delete_item(
    env: Env,
    item_id: Text,
    event_id: Option<Text>,
) -> Result<Unknown<'static>> {
    let (event_id, item_id) = (&id(event_id)?, &item_id.to_owned()?);
    write(env, ModelCommand::DeleteItem { event_id, item_id })
}

/// Writes `conversation.item.create` of a message.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "createMessage",
    ts_args_type = "role: 'user' | 'system' | 'assistant', text: string, itemId?: string, eventId?: string",
    ts_return_type = "string"
)]
pub fn openai_create_message(
    env: Env,
    role: String,
    text: Text,
    item_id: Option<String>,
    event_id: Option<Text>,
) -> Result<Unknown<'static>> {
    let role = match role.as_str() {
        "user" => Ok(Role::User),
        "system" => Ok(Role::System),
        "assistant" => Ok(Role::Assistant),
        _ => Err(trunkline::Error::InvalidField { name: "role" }),
    };
    write(
        env,
        ModelCommand::CreateMessage {
            event_id: &id(event_id)?,
            item_id: item_id.as_deref(),
            role: role.or_throw(env)?,
            text: &text.to_owned()?,
        },
    )
}

/// Writes `conversation.item.create` of a function call's output.
#[napi(
    catch_unwind,
    namespace = "openai",
    js_name = "toolOutput",
    ts_args_type = "callId: string, output: string",
    ts_return_type = "string"
)]
pub fn openai_tool_output(env: Env, call_id: Text, output: Text) -> Result<Unknown<'static>> {
    let (call_id, output) = (&call_id.to_owned()?, &output.to_owned()?);
    write(env, ModelCommand::ToolOutput { call_id, output })
}

fn write(env: Env, command: ModelCommand<'_>) -> Result<Unknown<'static>> {
    let text = written(env, |dst| OpenAiRealtime.write(command, dst))?;
    new_string(env, &text)
}

fn id(text: Option<Text>) -> Result<String> {
    text.map_or(Ok(String::new()), |text| text.to_owned())
}

fn session(env: Env, kind: &str, state: SessionState) -> Result<Fields> {
    let format = |format: Option<AudioFormat>| format.map(crate::bridge::format_name);
    Fields::of_type(env, kind)?
        .set("input", format(state.input))?
        .set("output", format(state.output))?
        .set("createsResponse", state.creates_response)?
        .set("interruptsResponse", state.interrupts_response)?
        .set("silenceDurationMs", state.silence_duration_ms)?
        .number_or_null("expiresAt", state.expires_at)
}

/// What a JavaScript number holds exactly.
const MAX_MS: u64 = (1 << 53) - 1;

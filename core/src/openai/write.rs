use crate::{
    Error, base64,
    dialect::{ModelCommand, Role},
    json::{Writer, render},
};

/// Writes one client event.
pub(super) fn write(command: ModelCommand<'_>, dst: &mut [u8]) -> Result<usize, Error> {
    match command {
        ModelCommand::AppendPcm16(samples) => {
            let bytes = samples.len().saturating_mul(2);
            append(bytes, dst, |writer| writer.pcm16_base64(samples))
        }
        ModelCommand::AppendG711(audio) => append(audio.len(), dst, |writer| writer.base64(audio)),
        ModelCommand::UpdateSession {
            event_id,
            audio,
            session,
        } => {
            session.check(audio)?;
            event("session.update", event_id, dst, |writer| {
                writer.name("session");
                session.write(audio, writer);
            })
        }
        ModelCommand::CommitAudio { event_id } => {
            event("input_audio_buffer.commit", event_id, dst, |_| {})
        }
        ModelCommand::ClearAudio { event_id } => {
            event("input_audio_buffer.clear", event_id, dst, |_| {})
        }
        ModelCommand::CreateResponse { event_id, response } => {
            if response.is_some_and(|response| !response.is_object()) {
                return Err(Error::InvalidField { name: "response" });
            }
            event("response.create", event_id, dst, |writer| {
                if let Some(response) = response {
                    writer.name("response");
                    writer.raw(response.as_str());
                }
            })
        }
        ModelCommand::CancelResponse {
            event_id,
            response_id,
        } => {
            require("response_id", response_id != Some(""))?;
            event("response.cancel", event_id, dst, |writer| {
                if let Some(response_id) = response_id {
                    writer.string_member("response_id", response_id);
                }
            })
        }
        ModelCommand::TruncateItem {
            event_id,
            item_id,
            content_index,
            audio_end_ms,
        } => {
            require("item_id", !item_id.is_empty())?;
            event("conversation.item.truncate", event_id, dst, |writer| {
                writer.string_member("item_id", item_id);
                writer.name("content_index");
                writer.display(content_index);
                writer.name("audio_end_ms");
                writer.display(audio_end_ms);
            })
        }
        ModelCommand::DeleteItem { event_id, item_id } => {
            require("item_id", !item_id.is_empty())?;
            event("conversation.item.delete", event_id, dst, |writer| {
                writer.string_member("item_id", item_id);
            })
        }
        ModelCommand::CreateMessage {
            event_id,
            item_id,
            role,
            text,
        } => {
            require("item.id", item_id.is_none_or(is_our_id))?;
            let (role, part) = match role {
                Role::User => ("user", "input_text"),
                Role::System => ("system", "input_text"),
                Role::Assistant => ("assistant", "output_text"),
            };
            event("conversation.item.create", event_id, dst, |writer| {
                writer.raw(r#","item":{"type":"message""#);
                if let Some(item_id) = item_id {
                    writer.string_member("id", item_id);
                }
                writer.string_member("role", role);
                writer.raw(r#","content":[{"type":""#);
                writer.raw(part);
                writer.raw("\"");
                writer.string_member("text", text);
                writer.raw("}]}");
            })
        }
        ModelCommand::CreateToolCall {
            event_id,
            call_id,
            name,
            arguments,
        } => {
            require("item.call_id", is_our_id(call_id))?;
            require("item.name", !name.is_empty())?;
            event("conversation.item.create", event_id, dst, |writer| {
                writer.raw(r#","item":{"type":"function_call""#);
                writer.string_member("call_id", call_id);
                writer.string_member("name", name);
                writer.string_member("arguments", arguments);
                writer.raw("}");
            })
        }
        ModelCommand::ToolOutput { call_id, output } => {
            require("item.call_id", !call_id.is_empty())?;
            event("conversation.item.create", "", dst, |writer| {
                writer.raw(r#","item":{"type":"function_call_output""#);
                writer.string_member("call_id", call_id);
                writer.string_member("output", output);
                writer.raw("}");
            })
        }
    }
}

/// Length of an append of `audio_bytes` bytes.
pub(super) fn append_len(audio_bytes: usize) -> usize {
    base64::encoded_len(audio_bytes).saturating_add(APPEND_START.len() + APPEND_END.len())
}

/// Writes an append of `audio_bytes` bytes, which `audio` writes.
#[inline]
fn append(
    audio_bytes: usize,
    dst: &mut [u8],
    audio: impl Fn(&mut Writer<'_>),
) -> Result<usize, Error> {
    require("audio", audio_bytes > 0)?;
    let needed = append_len(audio_bytes);
    if needed > MAX_APPEND {
        return Err(Error::MessageTooLong {
            limit: MAX_APPEND,
            actual: needed,
        });
    }
    let actual = dst.len();
    let dst = dst
        .get_mut(..needed)
        .ok_or(Error::BufferTooShort { needed, actual })?;
    let mut writer = Writer::new(dst);
    writer.raw(APPEND_START);
    audio(&mut writer);
    writer.raw(APPEND_END);
    Ok(needed)
}

/// Writes an event of type `kind` whose further members `members` writes, a comma before each.
fn event(
    kind: &str,
    event_id: &str,
    dst: &mut [u8],
    members: impl Fn(&mut Writer<'_>),
) -> Result<usize, Error> {
    require("event_id", event_id.chars().count() <= MAX_EVENT_ID)?;
    render(dst, |writer| {
        writer.raw("{\"type\":\"");
        writer.raw(kind);
        writer.raw("\"");
        if !event_id.is_empty() {
            writer.string_member("event_id", event_id);
        }
        members(writer);
        writer.raw("}");
    })
}

/// Whether the server would take this as the id of something we make.
fn is_our_id(id: &str) -> bool {
    !id.is_empty() && id.chars().count() <= MAX_OUR_ID
}

fn require(name: &'static str, holds: bool) -> Result<(), Error> {
    if holds {
        Ok(())
    } else {
        Err(Error::InvalidField { name })
    }
}

const APPEND_START: &str = r#"{"type":"input_audio_buffer.append","audio":""#;
const APPEND_END: &str = r#""}"#;

/// Bytes. Source: API reference, `input_audio_buffer.append`: at most 15 MiB an event.
const MAX_APPEND: usize = 15 << 20;

/// Characters. Source: API reference, `event_id` of the client events.
const MAX_EVENT_ID: usize = 512;

/// Characters; the server's own error for a longer one says so.
const MAX_OUR_ID: usize = 32;

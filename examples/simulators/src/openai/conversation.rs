//! The items of a conversation.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::config::Format;
use super::error::ApiError;

/// One item: what the client is shown, and the audio behind it.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) id: String,
    /// The item without audio.
    pub(super) shown: Value,
    pub(super) audio: Vec<u8>,
    pub(super) format: Format,
}

impl Item {
    /// Milliseconds of audio held, rounded down.
    pub(super) fn held_ms(&self) -> u64 {
        (self.audio.len() / self.format.bytes_per_ms()) as u64
    }

    /// The item with its audio, as `conversation.item.retrieve` shows it.
    pub(super) fn with_audio(&self) -> Value {
        let mut shown = self.shown.clone();
        if !self.audio.is_empty()
            && let Some(part) = shown.pointer_mut("/content/0")
        {
            part["audio"] = json!(BASE64_STANDARD.encode(&self.audio));
        }
        shown
    }

    fn is_assistant(&self) -> bool {
        self.shown["role"] == "assistant"
    }
}

/// A client's item that passed.
struct Checked {
    /// What is shown of it.
    fields: Vec<(&'static str, Value)>,
    audio: Vec<u8>,
}

/// All items, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Conversation {
    pub(super) items: Vec<Item>,
}

impl Conversation {
    pub(super) fn find(&mut self, id: &str) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.id == id)
    }

    /// The id before that of `id`, as JSON.
    pub(super) fn previous(&self, id: &str) -> Value {
        let position = self
            .items
            .iter()
            .position(|item| item.id == id)
            .unwrap_or(0);
        match position.checked_sub(1) {
            Some(before) => json!(self.items[before].id),
            None => Value::Null,
        }
    }

    /// Adds a client's item; `id` is used when it names none.
    pub(super) fn create(&mut self, event: &Value, id: &str) -> Result<String, ApiError> {
        let item = event.get("item").ok_or_else(|| ApiError::missing("item"))?;
        if !item.is_object() {
            return Err(ApiError::wrong_type("item", "an object", item));
        }
        let id = match item.get("id") {
            None | Some(Value::Null) => id,
            Some(given) => short_id("item.id", given)?,
        };
        if self.items.iter().any(|item| item.id == id) {
            let message = format!("Error adding item: an item with id '{id}' already exists.");
            return Err(ApiError::new("item_create_invalid_item_id", message).at("item.id"));
        }
        let position = match event.get("previous_item_id") {
            None | Some(Value::Null) => self.items.len(),
            Some(Value::String(root)) if root == "root" => 0,
            Some(previous) => {
                let known = self
                    .items
                    .iter()
                    .position(|item| previous == item.id.as_str());
                1 + known.ok_or_else(|| {
                    let message = format!(
                        "Error adding item: the previous item with id {previous} does not exist."
                    );
                    ApiError::new("item_create_invalid_previous_item_id", message)
                        .at("previous_item_id")
                })?
            }
        };
        let Checked { fields, audio } = self.check(item)?;
        let mut shown = json!({ "id": id, "object": "realtime.item" });
        for (key, value) in fields {
            shown[key] = value;
        }
        self.items.insert(
            position,
            Item {
                id: id.to_owned(),
                shown,
                audio,
                format: Format::Pcm,
            },
        );
        Ok(id.to_owned())
    }

    /// Checks a client's item.
    fn check(&self, item: &Value) -> Result<Checked, ApiError> {
        let kind = item
            .get("type")
            .ok_or_else(|| ApiError::missing("item.type"))?;
        let allowed: &[&str] = match kind.as_str() {
            Some("message") => &["role", "content"],
            Some("function_call") => &["call_id", "name", "arguments"],
            Some("function_call_output") => &["call_id", "output"],
            _ => {
                let message = format!(
                    "Invalid value: {kind}. Supported values are: 'message', 'function_call' and 'function_call_output'."
                );
                return Err(ApiError::invalid_value("item.type", message));
            }
        };
        for key in item
            .as_object()
            .into_iter()
            .flat_map(|fields| fields.keys())
        {
            let known = ["id", "object", "type", "status"].contains(&key.as_str());
            if !known && !allowed.contains(&key.as_str()) {
                return Err(ApiError::unknown(&format!("item.{key}")));
            }
        }
        let mut fields = vec![("type", kind.clone()), ("status", json!("completed"))];
        let mut audio = Vec::new();
        match kind.as_str() {
            Some("message") => {
                let role = text(item, "item", "role")?;
                let content = item
                    .get("content")
                    .and_then(Value::as_array)
                    .ok_or_else(|| ApiError::missing("item.content"))?;
                let mut parts = Vec::new();
                for (n, part) in content.iter().enumerate() {
                    parts.push(check_part(
                        role,
                        part,
                        &format!("item.content[{n}]"),
                        &mut audio,
                    )?);
                }
                fields.push(("role", json!(role)));
                fields.push(("content", json!(parts)));
            }
            Some("function_call") => {
                let call_id = match item.get("call_id") {
                    Some(id) => short_id("item.call_id", id)?,
                    None => return Err(ApiError::missing("item.call_id")),
                };
                fields.push(("name", json!(text(item, "item", "name")?)));
                fields.push(("call_id", json!(call_id)));
                fields.push(("arguments", json!(text(item, "item", "arguments")?)));
            }
            _ => {
                let call_id = match item.get("call_id") {
                    Some(id) => short_id("item.call_id", id)?,
                    None => return Err(ApiError::missing("item.call_id")),
                };
                let called = self.items.iter().any(|item| {
                    item.shown["type"] == "function_call" && item.shown["call_id"] == call_id
                });
                if !called {
                    let message = format!("Tool call ID '{call_id}' not found in conversation.");
                    return Err(ApiError::new("invalid_tool_call_id", message).at("item.call_id"));
                }
                fields.push(("call_id", json!(call_id)));
                fields.push(("output", json!(text(item, "item", "output")?)));
            }
        }
        Ok(Checked { fields, audio })
    }

    /// Cuts an item's audio at `audio_end_ms` and forgets its words.
    pub(super) fn truncate(
        &mut self,
        id: &str,
        content_index: u64,
        audio_end_ms: u64,
    ) -> Result<(), ApiError> {
        let Some(item) = self.find(id) else {
            let message = format!("Error truncating item: the item with id '{id}' does not exist.");
            return Err(ApiError::new("item_truncate_invalid_item_id", message).at("item_id"));
        };
        if !item.is_assistant() {
            let message = "Only model output audio messages can be truncated";
            return Err(ApiError::invalid_value("item_id", message));
        }
        let audio = content_index == 0
            && item
                .shown
                .pointer("/content/0/type")
                .is_none_or(|kind| kind == "output_audio");
        if !audio {
            let message = format!("Content part {content_index} of the item holds no audio.");
            return Err(ApiError::invalid_value("content_index", message));
        }
        let end = audio_end_ms.saturating_mul(item.format.bytes_per_ms() as u64);
        if end > item.audio.len() as u64 {
            let message = format!(
                "Audio content of {}ms is already shorter than {audio_end_ms}ms",
                item.held_ms()
            );
            return Err(ApiError::new("invalid_value", message));
        }
        item.audio.truncate(end as usize);
        if let Some(part) = item.shown.pointer_mut("/content/0") {
            part["transcript"] = Value::Null;
        }
        Ok(())
    }
}

fn check_part(
    role: &str,
    part: &Value,
    path: &str,
    audio: &mut Vec<u8>,
) -> Result<Value, ApiError> {
    let allowed: &[&str] = match role {
        "user" => &["input_text", "input_audio", "input_image"],
        "system" => &["input_text"],
        "assistant" => &["output_text"],
        other => {
            let message = format!(
                "Invalid value: '{other}'. Supported values are: 'user', 'assistant', and 'system'."
            );
            return Err(ApiError::invalid_value("item.role", message));
        }
    };
    let kind = text(part, path, "type")?;
    if !allowed.contains(&kind) {
        let list: Vec<_> = allowed.iter().map(|kind| format!("'{kind}'")).collect();
        let message = format!(
            "Invalid value: '{kind}'. Supported values are: {}.",
            list.join(", ")
        );
        return Err(ApiError::invalid_value(&format!("{path}.type"), message));
    }
    match kind {
        "input_audio" => {
            let encoded = text(part, path, "audio")?;
            *audio = BASE64_STANDARD.decode(encoded).map_err(|_| {
                ApiError::invalid_value(&format!("{path}.audio"), "Invalid base64 audio.")
            })?;
            Ok(json!({ "type": kind, "transcript": part.get("transcript") }))
        }
        "input_image" => Ok(json!({ "type": kind })),
        _ => Ok(json!({ "type": kind, "text": text(part, path, "text")? })),
    }
}

/// The string at `object[key]`, whose path is `path.key`.
pub(super) fn text<'value>(
    object: &'value Value,
    path: &str,
    key: &str,
) -> Result<&'value str, ApiError> {
    let path = if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    };
    match object.get(key) {
        None => Err(ApiError::missing(&path)),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(ApiError::wrong_type(&path, "a string", other)),
    }
}

/// An identifier chosen by the client.
fn short_id<'value>(path: &str, id: &'value Value) -> Result<&'value str, ApiError> {
    let Value::String(text) = id else {
        return Err(ApiError::wrong_type(path, "a string", id));
    };
    if text.chars().count() > MAX_ID {
        let message = format!(
            "Invalid '{path}': string too long. Expected a string with maximum length {MAX_ID}, but got a string with length {} instead.",
            text.chars().count()
        );
        return Err(ApiError::new("string_above_max_length", message).at(path));
    }
    Ok(text)
}

const MAX_ID: usize = 32;

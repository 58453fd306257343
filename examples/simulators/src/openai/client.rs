//! What the client asks for.

use serde_json::{Value, json};

use super::conversation::text;
use super::error::ApiError;
use super::record::{Delete, Truncate};
use super::schema::RESPONSE;
use super::script::{Output, Turn};
use super::session::Session;

impl Session {
    /// Acts upon one client event; the error is to be sent back.
    pub(super) fn client_event(&mut self, kind: &str, event: &Value) -> Result<(), ApiError> {
        check_envelope(event)?;
        match kind {
            "session.update" => self.update(event),
            "input_audio_buffer.append" => {
                let audio = Self::decode_audio(event)?;
                self.append(&audio);
                Ok(())
            }
            "input_audio_buffer.commit" => self.commit_buffer(),
            "input_audio_buffer.clear" => {
                self.clear_buffer();
                Ok(())
            }
            "conversation.item.create" => {
                let id = self.new_id("item");
                let id = self.conversation.create(event, &id)?;
                self.go_on_after(&event["item"]);
                self.announce(&id);
                Ok(())
            }
            "conversation.item.retrieve" => self.retrieve(event),
            "conversation.item.truncate" => self.truncate(event),
            "conversation.item.delete" => self.delete(event),
            "response.create" => self.create_response(event),
            _ => self.cancel_response(event),
        }
    }

    fn update(&mut self, event: &Value) -> Result<(), ApiError> {
        let mut update = event
            .get("session")
            .cloned()
            .ok_or_else(|| ApiError::missing("session"))?;
        let spoke = !self.record().deltas.is_empty();
        if self.options.ignore_formats {
            for side in ["/audio/input", "/audio/output"] {
                if let Some(Value::Object(side)) = update.pointer_mut(side) {
                    side.remove("format");
                }
            }
        }
        self.config.update(&update, spoke)?;
        let input = update.pointer("/audio/input");
        if input.is_some_and(|input| {
            input.get("format").is_some() || input.get("turn_detection").is_some()
        }) {
            self.configure_input();
        }
        let session = self.config.session.clone();
        self.record().session = session.clone();
        self.send("session.updated", json!({ "session": session }));
        Ok(())
    }

    /// A client that tells what was said goes on from there.
    fn go_on_after(&mut self, item: &Value) {
        let options = self.options.clone();
        let said = item.pointer("/content/0/text").and_then(Value::as_str);
        let find = |from: usize, is_it: &dyn Fn(&Turn) -> bool| {
            let turns = options.turns.iter().enumerate();
            turns
                .skip(from)
                .find(|(_, turn)| is_it(turn))
                .map(|(n, _)| n)
        };
        match (item["role"].as_str(), said) {
            (Some("user"), Some(said)) => {
                let is_it = |turn: &Turn| turn.user.as_deref() == Some(said);
                if let Some(n) = find(self.answered, &is_it) {
                    self.answered = n;
                    let users = options.turns[..=n]
                        .iter()
                        .filter(|turn| turn.user.is_some());
                    self.user_turns = users.count();
                }
            }
            (Some("assistant"), Some(said)) if !said.is_empty() => {
                let transcripts = |turn: &Turn| -> Vec<String> {
                    let outputs = turn.answer.outputs.iter();
                    let speech = outputs.filter_map(|output| match output {
                        Output::Speech { transcript, .. } => Some(transcript.clone()),
                        Output::Tool { .. } => None,
                    });
                    speech.collect()
                };
                let is_it =
                    |turn: &Turn| transcripts(turn).iter().any(|text| text.starts_with(said));
                if let Some(n) = find(self.answered, &is_it) {
                    let is_whole = transcripts(&options.turns[n])
                        .iter()
                        .any(|text| text == said);
                    self.answered = n + usize::from(is_whole);
                }
            }
            _ if item["type"] == "function_call" => {
                let is_it = |turn: &Turn| {
                    turn.answer.outputs.iter().any(|output| match output {
                        Output::Tool { name, arguments } => {
                            item["name"] == **name && item["arguments"] == **arguments
                        }
                        Output::Speech { .. } => false,
                    })
                };
                // The words of the same response may have been told before.
                if let Some(n) = find(self.answered.saturating_sub(1), &is_it) {
                    self.answered = n + 1;
                }
            }
            _ => {}
        }
    }

    fn retrieve(&mut self, event: &Value) -> Result<(), ApiError> {
        let id = text(event, "", "item_id")?;
        let Some(item) = self.conversation.find(id) else {
            let message = format!("Error retrieving item: the item with id '{id}' does not exist.");
            return Err(ApiError::new("item_retrieve_invalid_item_id", message).at("item_id"));
        };
        let item = item.with_audio();
        self.send("conversation.item.retrieved", json!({ "item": item }));
        Ok(())
    }

    fn truncate(&mut self, event: &Value) -> Result<(), ApiError> {
        let id = text(event, "", "item_id")?;
        let content_index = natural(event, "content_index")?;
        let audio_end_ms = natural(event, "audio_end_ms")?;
        let held_ms = self.conversation.find(id).map_or(0, |item| item.held_ms());
        let result = if self.troubles.refusals > 0 {
            self.troubles.refusals -= 1;
            let message =
                format!("Audio content of {held_ms}ms is already shorter than {audio_end_ms}ms");
            Err(ApiError::invalid_value("audio_end_ms", message))
        } else {
            self.conversation.truncate(id, content_index, audio_end_ms)
        };
        let truncate = Truncate {
            time: self.options.clock.now(),
            item_id: id.to_owned(),
            audio_end_ms: audio_end_ms as i64,
            held_ms,
            accepted: result.is_ok(),
        };
        self.record().truncates.push(truncate);
        result?;
        let fields = json!({
            "item_id": id, "content_index": content_index, "audio_end_ms": audio_end_ms,
        });
        self.send("conversation.item.truncated", fields);
        Ok(())
    }

    fn delete(&mut self, event: &Value) -> Result<(), ApiError> {
        let id = text(event, "", "item_id")?;
        let known = self
            .conversation
            .items
            .iter()
            .position(|item| item.id == id);
        let time = self.options.clock.now();
        let delete = Delete {
            time,
            item_id: id.to_owned(),
            accepted: known.is_some(),
        };
        self.record().deletes.push(delete);
        let Some(position) = known else {
            let message = format!("Error deleting item: the item with id '{id}' does not exist.");
            return Err(ApiError::new("item_delete_invalid_item_id", message).at("item_id"));
        };
        self.conversation.items.remove(position);
        self.send("conversation.item.deleted", json!({ "item_id": id }));
        Ok(())
    }

    fn create_response(&mut self, event: &Value) -> Result<(), ApiError> {
        let request = match event.get("response") {
            None | Some(Value::Null) => json!({}),
            Some(request) => request.clone(),
        };
        RESPONSE.check("response", &request)?;
        if request["conversation"] != "none"
            && let Some(active) = self.active()
        {
            let message = format!(
                "Conversation already has an active response in progress: {active}. Wait until the response is finished before creating a new one."
            );
            return Err(ApiError::new(
                "conversation_already_has_active_response",
                message,
            ));
        }
        self.respond(&request, false);
        Ok(())
    }

    fn cancel_response(&mut self, event: &Value) -> Result<(), ApiError> {
        let id = match event.get("response_id") {
            None | Some(Value::Null) => self.active(),
            Some(_) => Some(text(event, "", "response_id")?.to_owned()),
        };
        let cancelled = id.is_some_and(|id| self.cancel(&id, "client_cancelled"));
        if !cancelled {
            let message = "Cancellation failed: no active response found";
            return Err(ApiError::new("response_cancel_not_active", message));
        }
        Ok(())
    }
}

/// Checks the type and the top-level keys of a client event.
fn check_envelope(event: &Value) -> Result<(), ApiError> {
    let Value::Object(fields) = event else {
        return Err(ApiError::new(
            "invalid_event",
            "An event must be a JSON object.",
        ));
    };
    let kind = text(event, "", "type")?;
    let Some((_, keys)) = EVENTS.iter().find(|(name, _)| *name == kind) else {
        let list: Vec<_> = EVENTS.iter().map(|(name, _)| format!("'{name}'")).collect();
        let message = format!(
            "Invalid value: '{kind}'. Supported values are: {}.",
            list.join(", ")
        );
        return Err(ApiError::invalid_value("type", message));
    };
    for key in fields.keys() {
        if key != "type" && key != "event_id" && !keys.contains(&key.as_str()) {
            return Err(ApiError::unknown(key));
        }
    }
    if let Some(id) = event.get("event_id").filter(|id| !id.is_null()) {
        let length = text(event, "", "event_id").map(|_| id.as_str().map_or(0, str::len))?;
        if length > MAX_EVENT_ID {
            let message = "Invalid 'event_id': string too long. Expected at most 512 characters.";
            return Err(ApiError::new("string_above_max_length", message).at("event_id"));
        }
    }
    Ok(())
}

/// The integer at `event[key]`, not negative.
fn natural(event: &Value, key: &str) -> Result<u64, ApiError> {
    match event.get(key) {
        None => Err(ApiError::missing(key)),
        Some(value) => match (value.as_u64(), value.as_i64()) {
            (Some(number), _) => Ok(number),
            (None, Some(number)) => {
                let message = format!(
                    "Invalid '{key}': integer below minimum value. Expected a value >= 0, but got {number} instead."
                );
                Err(ApiError::new("integer_below_min_value", message).at(key))
            }
            _ => Err(ApiError::wrong_type(key, "an integer", value)),
        },
    }
}

/// Client events with their keys besides `type` and `event_id`.
const EVENTS: &[(&str, &[&str])] = &[
    ("session.update", &["session"]),
    ("input_audio_buffer.append", &["audio"]),
    ("input_audio_buffer.commit", &[]),
    ("input_audio_buffer.clear", &[]),
    ("conversation.item.create", &["previous_item_id", "item"]),
    (
        "conversation.item.truncate",
        &["item_id", "content_index", "audio_end_ms"],
    ),
    ("conversation.item.delete", &["item_id"]),
    ("conversation.item.retrieve", &["item_id"]),
    ("response.create", &["response"]),
    ("response.cancel", &["response_id"]),
];
const MAX_EVENT_ID: usize = 512;

//! Events out and in.

use std::ops::Range;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::error::ApiError;
use super::handshake::Outgoing;
use super::plan::{Content, Response, place};
use super::record::{Close, Delta, ErrorRecord, EventRecord};
use super::session::{End, Session};

impl Session {
    /// Sends a server event; `fields` follow `type` and `event_id`. When it leaves, unless a fault
    /// keeps it here.
    pub(super) fn send(&mut self, kind: &str, fields: Value) -> Option<Duration> {
        if self.ending.is_some() || !self.faults(false, kind) {
            return None;
        }
        self.events += 1;
        let mut event = json!({ "type": kind, "event_id": format!("event_{}", self.events) });
        if let (Value::Object(event), Value::Object(fields)) = (&mut event, fields) {
            event.extend(fields);
        }
        let time = self.post(Message::text(event.to_string()));
        if kind == "response.output_audio.delta" {
            shorten(&mut event, "delta");
        } else if kind == "conversation.item.retrieved"
            && let Some(part) = event.pointer_mut("/item/content/0")
        {
            shorten(part, "audio");
        }
        self.log("sent", json!({ "event": event }));
        self.record().server_events.push(EventRecord {
            time,
            kind: kind.to_owned(),
            event,
        });
        Some(time)
    }

    /// Puts a message on its way; when it leaves.
    pub(super) fn post(&mut self, message: Message) -> Duration {
        let due = self.sending_time();
        let time = match &mut self.troubles.network {
            Some(network) => self.started + network.departs(due - self.started),
            None => due,
        };
        if time > due {
            let _ = self.outgoing.send(Outgoing::Pause(time));
        }
        let _ = self.outgoing.send(Outgoing::Message(message));
        time
    }

    /// Sends a part of an item's audio.
    pub(super) fn send_audio(
        &mut self,
        response: &mut Response,
        index: usize,
        range: Range<usize>,
    ) {
        let part = &mut response.items[index];
        let Content::Speech { audio, .. } = &part.content else {
            return;
        };
        let bytes = audio[range.clone()].to_vec();
        part.sent = range.end;
        let item_id = part.id.clone();
        if let Some(item) = self.conversation.find(&item_id) {
            item.audio.extend_from_slice(&bytes);
        }
        let width = response.format.bytes_per_sample();
        // A sample whose bytes are in two deltas counts with the second.
        let whole = range.start / width * width..range.end / width * width;
        let heard = match self.options.keep_audio {
            true => response.format.decode(&audio[whole]),
            false => Vec::new(),
        };
        let mut fields = place(response, index);
        fields["delta"] = json!(BASE64_STANDARD.encode(bytes));
        let sent = self.send("response.output_audio.delta", fields);
        let Some(time) = sent else { return };
        {
            let mut record = self.record();
            record.deltas.push(Delta {
                time,
                response_id: response.id.clone(),
                item_id: item_id.clone(),
                content_index: 0,
                first_byte: range.start as u64,
                bytes: range.len() as u64,
                first_sample: (range.start / width) as u64,
                end_sample: (range.end / width) as u64,
            });
            let output = record
                .output
                .entry(item_id)
                .or_insert_with(|| (Vec::new(), response.format.rate_hz()));
            output.0.extend(heard);
            if let Some(record) = record.responses.iter_mut().find(|it| it.id == response.id) {
                record.first_delta.get_or_insert(time);
            }
        }
    }

    /// Sends an `error` event about the client event `event_id`.
    pub(super) fn error(&mut self, error: ApiError, event_id: Option<&str>) {
        let sent = self.send("error", json!({ "error": error.to_json(event_id) }));
        let Some(time) = sent else { return };
        self.record().errors.push(ErrorRecord {
            time,
            code: error.code,
            message: error.message,
            param: error.param,
        });
    }

    /// Closes the connection from this side.
    pub(super) fn close(&mut self, code: u16, reason: &str) {
        self.ending = Some(End::Close(Close {
            code,
            reason: reason.to_owned(),
            by_server: true,
        }));
    }

    /// Takes a message of the client.
    pub(super) fn receive(&mut self, message: Message) {
        match message {
            Message::Text(text) => self.receive_text(&text),
            Message::Binary(_) => {
                let message = "Binary messages are not supported. Send JSON text.";
                self.error(ApiError::new("invalid_event", message), None);
            }
            Message::Close(frame) => {
                let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                    (frame.code.into(), frame.reason.to_string())
                });
                self.ending = Some(End::Close(Close {
                    code,
                    reason,
                    by_server: false,
                }));
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }

    pub(super) fn receive_text(&mut self, text: &str) {
        let time = self.options.clock.now();
        let event: Value = match serde_json::from_str(text) {
            Ok(event) => event,
            Err(error) => {
                let event = json!(text.chars().take(500).collect::<String>());
                self.record().client_events.push(EventRecord {
                    time,
                    kind: String::new(),
                    event,
                });
                let message = format!("Failed to parse the event as JSON: {error}");
                self.error(ApiError::new("invalid_json", message), None);
                return;
            }
        };
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        let mut kept = event.clone();
        if kind == "input_audio_buffer.append" {
            shorten(&mut kept, "audio");
        }
        self.log("received", json!({ "event": kept }));
        self.record().client_events.push(EventRecord {
            time,
            kind: kind.clone(),
            event: kept,
        });
        if !self.faults(true, &kind) {
            return;
        }
        if let Err(error) = self.client_event(&kind, &event) {
            let event_id = event["event_id"].as_str();
            self.error(error, event_id);
        }
    }
}

/// Replaces base64 text by the number of bytes it holds.
fn shorten(object: &mut Value, key: &str) {
    if let Some(Value::String(text)) = object.get(key) {
        let padding = text.bytes().rev().take_while(|&byte| byte == b'=').count();
        object[key] = json!((text.len() / 4 * 3).saturating_sub(padding));
    }
}

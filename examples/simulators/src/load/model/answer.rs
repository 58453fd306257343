//! One answer of the model: always the same audio, in deltas faster than it is heard.

use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use crate::audio::{PHONE_RATE, Speech, mulaw_decode};
use crate::load::signal;
use crate::openai::config::Format;

/// Audio of one delta, at 8 kHz: 100 ms.
pub(super) const DELTA_SAMPLES: u64 = 800;

/// A delta's audio in base64, made once for all.
#[derive(Debug)]
pub(super) struct Audio {
    pcm: String,
    mulaw: String,
}

impl Audio {
    pub(super) fn new() -> Self {
        let tone = signal::tone().into_iter().map(mulaw_decode);
        let tone: Vec<i16> = tone.cycle().take(3 * DELTA_SAMPLES as usize).collect();
        let delta = |format: Format| {
            let speech = Speech::new(tone.clone(), PHONE_RATE).at(format.rate_hz());
            // From the middle, where the resampler knows both sides.
            let count = DELTA_SAMPLES as usize * (format.rate_hz() / PHONE_RATE) as usize;
            BASE64_STANDARD.encode(format.encode(&speech[count..2 * count]))
        };
        Self {
            pcm: delta(Format::Pcm),
            mulaw: delta(Format::Pcmu),
        }
    }

    /// A-law is nobody's wish on a telephone line that has μ-law.
    pub(super) fn delta(&self, format: Format) -> &str {
        match format {
            Format::Pcm => &self.pcm,
            _ => &self.mulaw,
        }
    }
}

/// An answer under way.
#[derive(Debug)]
pub(super) struct Answer {
    number: u32,
    begin: Instant,
    sent: u32,
}

impl Answer {
    /// The `number`-th of a session, whose audio begins at `begin`.
    pub(super) fn new(number: u32, begin: Instant) -> Self {
        Self {
            number,
            begin,
            sent: 0,
        }
    }

    /// When the next event is due.
    pub(super) fn next_time(&self) -> Instant {
        self.begin + DELTA_EVERY * self.sent
    }

    /// Whether nothing but `response.created` was sent.
    pub(super) fn is_begin(&self) -> bool {
        self.sent == 0
    }

    /// The next delta with `audio`, if there is one more.
    pub(super) fn next_delta(&mut self, audio: &str) -> Option<String> {
        if self.sent == DELTAS {
            return None;
        }
        self.sent += 1;
        let (response, item, event) = (self.response_id(), self.item_id(), self.sent);
        Some(format!(
            r#"{{"type":"response.output_audio.delta","event_id":"event_{response}_{event}","response_id":"{response}","item_id":"{item}","output_index":0,"content_index":0,"delta":"{audio}"}}"#
        ))
    }

    pub(super) fn created(&self) -> Value {
        json!({ "response": self.response("in_progress", json!([])) })
    }

    /// Events before the first delta.
    pub(super) fn opening(&self) -> [(&'static str, Value); 3] {
        let mut item = self.item("in_progress");
        item["content"] = json!([]);
        let added = json!({
            "response_id": self.response_id(), "output_index": 0, "item": item,
        });
        let mut part = self.place();
        part["part"] = json!({ "type": "audio", "transcript": "" });
        [
            ("response.output_item.added", added),
            (
                "conversation.item.added",
                json!({ "previous_item_id": null, "item": item }),
            ),
            ("response.content_part.added", part),
        ]
    }

    /// Events behind the last delta.
    pub(super) fn closing(&self) -> [(&'static str, Value); 7] {
        let with = |key: &str, value: Value| {
            let mut fields = self.place();
            fields[key] = value;
            fields
        };
        let item = self.item("completed");
        [
            (
                "response.output_audio_transcript.delta",
                with("delta", json!(WORDS)),
            ),
            ("response.output_audio.done", self.place()),
            (
                "response.output_audio_transcript.done",
                with("transcript", json!(WORDS)),
            ),
            (
                "response.content_part.done",
                with("part", json!({ "type": "audio", "transcript": WORDS })),
            ),
            (
                "conversation.item.done",
                json!({ "previous_item_id": null, "item": item }),
            ),
            (
                "response.output_item.done",
                json!({ "response_id": self.response_id(), "output_index": 0, "item": item }),
            ),
            ("response.done", self.done("completed")),
        ]
    }

    /// Fields of `response.done`.
    pub(super) fn done(&self, status: &str) -> Value {
        json!({ "response": self.response(status, json!([self.item("completed")])) })
    }

    fn response(&self, status: &str, output: Value) -> Value {
        json!({
            "object": "realtime.response", "id": self.response_id(), "status": status,
            "status_details": null, "output": output, "conversation_id": "conv_load",
            "output_modalities": ["audio"], "usage": null, "metadata": null,
        })
    }

    fn item(&self, status: &str) -> Value {
        json!({
            "id": self.item_id(), "object": "realtime.item", "type": "message", "status": status,
            "role": "assistant", "content": [{ "type": "output_audio", "transcript": WORDS }],
        })
    }

    fn place(&self) -> Value {
        json!({
            "response_id": self.response_id(), "item_id": self.item_id(),
            "output_index": 0, "content_index": 0,
        })
    }

    fn response_id(&self) -> String {
        format!("resp_{:016}", self.number)
    }

    fn item_id(&self) -> String {
        format!("item_{:016}", self.number)
    }
}

/// The text of a server event.
pub(super) fn event(kind: &str, fields: Value) -> String {
    let mut event = json!({ "type": kind, "event_id": "event_load" });
    if let (Value::Object(event), Value::Object(fields)) = (&mut event, fields) {
        event.extend(fields);
    }
    event.to_string()
}

/// 4 s of audio.
const DELTAS: u32 = 40;
/// Four times as fast as it is heard.
const DELTA_EVERY: Duration = Duration::from_millis(25);
const WORDS: &str = "We open at nine, and there is a parking lot right behind the building.";

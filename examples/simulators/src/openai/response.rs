//! Responses: created, sent when due, closed properly when cut short.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::config::response_format;
use super::conversation::Item;
use super::fault::Fault;
use super::plan::{Content, Emit, Part, Response, place};
use super::record::ResponseRecord;
use super::script::{Answer, Outcome, Output};
use super::session::{Session, Timer};
use super::trouble::late_deltas;
use crate::Speech;

impl Session {
    /// The response that writes to the default conversation.
    pub(super) fn active(&self) -> Option<String> {
        self.responses
            .iter()
            .find(|response| !response.outside)
            .map(|response| response.id.clone())
    }

    pub(super) fn is_busy(&self) -> bool {
        self.active().is_some()
    }

    /// Creates a response to `request`, which was checked.
    pub(super) fn respond(&mut self, request: &Value, automatic: bool) {
        self.cancel_timer(&Timer::Idle);
        let outside = request["conversation"] == "none";
        let options = self.options.clone();
        let answer = if outside {
            Answer::speech(Speech::new(Vec::new(), 24_000), "Out of band.")
        } else {
            if std::mem::take(&mut self.repeats) {
                self.answered = self.answered.saturating_sub(1);
            }
            let turn = options.turns.get(self.answered).or(options.turns.last());
            self.answered += 1;
            let answer = turn.map(|turn| turn.answer.clone()).unwrap_or_default();
            self.failing(answer)
        };
        let format = match response_format(request) {
            Some(format) if !options.ignore_formats => format,
            _ => self.config.output_format(),
        };
        let session = &self.config.session;
        let modalities = request
            .get("output_modalities")
            .unwrap_or(&session["output_modalities"]);
        let text_only = modalities[0] == "text";
        let mut audio_output = json!({
            "format": session["audio"]["output"]["format"],
            "voice": session["audio"]["output"]["voice"],
        });
        for key in ["format", "voice"] {
            if let Some(value) = request.pointer(&format!("/audio/output/{key}")) {
                audio_output[key] = value.clone();
            }
        }
        let max_output_tokens = request
            .get("max_output_tokens")
            .unwrap_or(&session["max_output_tokens"])
            .clone();
        let mut response = Response {
            id: self.new_id("resp"),
            outside,
            format,
            text_only,
            audio_output,
            metadata: request.get("metadata").cloned().unwrap_or(Value::Null),
            max_output_tokens,
            outcome: answer.outcome,
            items: Vec::new(),
            plan: VecDeque::new(),
            open: None,
            begun: 0,
        };
        for output in answer.outputs {
            let content = match output {
                Output::Speech { speech, transcript } => {
                    let audio = match text_only {
                        true => Vec::new(),
                        false => format.encode(&speech.at(format.rate_hz())),
                    };
                    Content::Speech { audio, transcript }
                }
                Output::Tool { name, arguments } => Content::Tool {
                    name,
                    arguments,
                    call_id: self.new_id("call"),
                },
            };
            let id = self.new_id("item");
            let part = Part {
                id,
                content,
                text: String::new(),
                sent: 0,
                shown: Value::Null,
            };
            response.items.push(part);
        }
        let now = options.clock.now();
        let begin = now + answer.latency.unwrap_or(options.latency);
        let big_delta = options.faults.iter().rev().find_map(|fault| match *fault {
            Fault::BigDelta { length } => Some((length, length)),
            _ => None,
        });
        // Also makes a speed of what is no number.
        let speed = answer.speed.unwrap_or(options.speed).max(MIN_SPEED);
        response.plan(
            begin,
            speed,
            big_delta.unwrap_or(options.delta),
            options.odd_splits,
            &mut self.random,
        );
        self.record().responses.push(ResponseRecord {
            id: response.id.clone(),
            created: now,
            first_delta: None,
            done: None,
            status: "in_progress".into(),
            reason: None,
            automatic,
            item_ids: Vec::new(),
        });
        let shown = self.show(&response, "in_progress", Value::Null, Value::Null);
        self.responses.push(response);
        self.send("response.created", json!({ "response": shown }));
    }

    /// Sends what is due.
    pub(super) fn run_responses(&mut self, now: Duration) {
        let mut index = 0;
        while index < self.responses.len() && !self.is_paused() {
            let due = self.responses[index]
                .next_time()
                .is_some_and(|time| time <= now);
            if !due {
                index += 1;
                continue;
            }
            // Taken out while it is worked on, because sending needs the whole session.
            let mut response = self.responses.remove(index);
            let Some((_, emit)) = response.plan.pop_front() else {
                continue;
            };
            if matches!(emit, Emit::Finish) {
                let (status, details) = match &response.outcome {
                    Outcome::Completed => ("completed", Value::Null),
                    Outcome::Incomplete(reason) => (
                        "incomplete",
                        json!({ "type": "incomplete", "reason": reason }),
                    ),
                    Outcome::Failed { code, message } => {
                        let error = json!({ "type": code, "code": code, "message": message });
                        ("failed", json!({ "type": "failed", "error": error }))
                    }
                };
                self.finish(response, status, details);
            } else {
                self.emit(&mut response, emit);
                self.responses.insert(index, response);
            }
        }
    }

    /// Cuts the active response short because of what the caller does.
    pub(super) fn interrupt(&mut self, reason: &str) {
        if let Some(id) = self.active() {
            self.cancel(&id, reason);
        }
    }

    /// Cancels response `id`; whether it was running.
    pub(super) fn cancel(&mut self, id: &str, reason: &str) -> bool {
        let Some(index) = self.responses.iter().position(|response| response.id == id) else {
            return false;
        };
        let mut response = self.responses.remove(index);
        if let Some(open) = response.open {
            self.close_item(&mut response, open, "incomplete");
        }
        let late = late_deltas(&response, self.troubles.late_deltas);
        self.finish(
            response,
            "cancelled",
            json!({ "type": "cancelled", "reason": reason }),
        );
        for fields in late {
            self.send("response.output_audio.delta", fields);
        }
        true
    }

    fn emit(&mut self, response: &mut Response, emit: Emit) {
        match emit {
            Emit::Open(index) => self.open_item(response, index),
            Emit::Audio(index, range) => self.send_audio(response, index, range),
            Emit::Text(index, range) => {
                let part = &mut response.items[index];
                let (kind, delta) = match &part.content {
                    Content::Speech { transcript, .. } if response.text_only => {
                        ("response.output_text.delta", &transcript[range])
                    }
                    Content::Speech { transcript, .. } => {
                        ("response.output_audio_transcript.delta", &transcript[range])
                    }
                    Content::Tool { arguments, .. } => {
                        ("response.function_call_arguments.delta", &arguments[range])
                    }
                };
                let delta = delta.to_owned();
                part.text.push_str(&delta);
                let mut fields = place(response, index);
                fields["delta"] = json!(delta);
                self.send(kind, fields);
            }
            Emit::Close(index) => {
                let status = match response.outcome {
                    Outcome::Completed => "completed",
                    _ => "incomplete",
                };
                self.close_item(response, index, status);
            }
            Emit::Finish => {}
        }
    }

    fn open_item(&mut self, response: &mut Response, index: usize) {
        response.open = Some(index);
        response.begun = index + 1;
        let part = &mut response.items[index];
        part.shown = part.show("in_progress", response.text_only);
        let (id, shown) = (part.id.clone(), part.shown.clone());
        let speech = matches!(part.content, Content::Speech { .. });
        if let Some(record) = self
            .record()
            .responses
            .iter_mut()
            .find(|it| it.id == response.id)
        {
            record.item_ids.push(id.clone());
        }
        let fields = json!({ "response_id": response.id, "output_index": index, "item": shown });
        self.send("response.output_item.added", fields);
        if !response.outside {
            let format = response.format;
            let item = Item {
                id: id.clone(),
                shown: shown.clone(),
                audio: Vec::new(),
                format,
            };
            self.conversation.items.push(item);
            let previous = self.conversation.previous(&id);
            let fields = json!({ "previous_item_id": previous, "item": shown });
            self.send("conversation.item.added", fields);
        }
        if speech {
            let mut fields = place(response, index);
            fields["part"] = match response.text_only {
                true => json!({ "type": "text", "text": "" }),
                false => json!({ "type": "audio", "transcript": "" }),
            };
            self.send("response.content_part.added", fields);
        }
    }

    /// Sends the `.done` events of an item.
    fn close_item(&mut self, response: &mut Response, index: usize, status: &str) {
        response.open = None;
        let fields = place(response, index);
        let text_only = response.text_only;
        let part = &mut response.items[index];
        part.shown = part.show(status, text_only);
        let (id, shown, text) = (part.id.clone(), part.shown.clone(), part.text.clone());
        let with = |key: &str, value: Value| {
            let mut fields = fields.clone();
            fields[key] = value;
            fields
        };
        match &part.content {
            Content::Speech { .. } if text_only => {
                self.send("response.output_text.done", with("text", json!(text)));
                let content = json!({ "type": "text", "text": text });
                self.send("response.content_part.done", with("part", content));
            }
            Content::Speech { .. } => {
                self.send("response.output_audio.done", fields.clone());
                let kind = "response.output_audio_transcript.done";
                self.send(kind, with("transcript", json!(text)));
                let content = json!({ "type": "audio", "transcript": text });
                self.send("response.content_part.done", with("part", content));
            }
            Content::Tool { name, .. } => {
                let mut fields = with("name", json!(name));
                fields["arguments"] = json!(text);
                self.send("response.function_call_arguments.done", fields);
            }
        }
        if !response.outside
            && let Some(item) = self.conversation.find(&id)
        {
            item.shown = shown.clone();
            let previous = self.conversation.previous(&id);
            let fields = json!({ "previous_item_id": previous, "item": shown });
            self.send("conversation.item.done", fields);
        }
        let fields = json!({ "response_id": response.id, "output_index": index, "item": shown });
        self.send("response.output_item.done", fields);
    }

    fn finish(&mut self, response: Response, status: &str, details: Value) {
        let now = self.options.clock.now();
        if let Some(record) = self
            .record()
            .responses
            .iter_mut()
            .find(|it| it.id == response.id)
        {
            record.done = Some(now);
            record.status = status.to_owned();
            record.reason = ["/reason", "/error/code"]
                .iter()
                .find_map(|path| details.pointer(path)?.as_str().map(str::to_owned));
        }
        let usage = if status == "failed" {
            Value::Null
        } else {
            self.usage(&response)
        };
        let shown = self.show(&response, status, details, usage);
        self.send("response.done", json!({ "response": shown }));
        self.later(RATE_LIMITS_DELAY, Timer::RateLimits);
        let idle = self
            .config
            .turn_detection()
            .and_then(|detection| detection.idle_timeout);
        if let (Some(idle), false) = (idle, response.outside) {
            // Counted from when the caller may have heard all of it.
            let bytes: usize = response.items.iter().map(|part| part.sent).sum();
            let length = Duration::from_millis((bytes / response.format.bytes_per_ms()) as u64);
            self.later(length + idle, Timer::Idle);
        }
    }

    fn show(&self, response: &Response, status: &str, details: Value, usage: Value) -> Value {
        let mut shown = response.show(status, details, usage);
        if !response.outside {
            shown["conversation_id"] = json!(self.conversation_id);
        }
        shown
    }
}

/// Slower than this is a mistake.
const MIN_SPEED: f64 = 0.01;
/// Seen about this long after `response.done`.
const RATE_LIMITS_DELAY: Duration = Duration::from_millis(40);

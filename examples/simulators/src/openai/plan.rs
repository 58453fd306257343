//! What a response will send, and when.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use serde_json::{Value, json};

use super::config::Format;
use super::script::Outcome;
use crate::audio::duration_of;
use crate::random::Random;

/// A response in progress.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) id: String,
    /// Out of band: it writes to no conversation.
    pub(super) outside: bool,
    pub(super) format: Format,
    pub(super) text_only: bool,
    pub(super) audio_output: Value,
    pub(super) metadata: Value,
    pub(super) max_output_tokens: Value,
    pub(super) outcome: Outcome,
    pub(super) items: Vec<Part>,
    pub(super) plan: VecDeque<(Duration, Emit)>,
    /// Index of the item that is being written.
    pub(super) open: Option<usize>,
    /// Items opened so far.
    pub(super) begun: usize,
}

/// An item as far as it was sent.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) content: Content,
    /// Transcript or arguments sent so far.
    pub(super) text: String,
    /// Bytes of audio sent so far.
    pub(super) sent: usize,
    pub(super) shown: Value,
}

#[derive(Debug)]
pub(super) enum Content {
    Speech {
        audio: Vec<u8>,
        transcript: String,
    },
    Tool {
        name: String,
        call_id: String,
        arguments: String,
    },
}

/// A step of the plan.
#[derive(Debug)]
pub(super) enum Emit {
    Open(usize),
    Audio(usize, Range<usize>),
    Text(usize, Range<usize>),
    Close(usize),
    Finish,
}

impl Response {
    /// When the next step is due.
    pub(super) fn next_time(&self) -> Option<Duration> {
        self.plan.front().map(|&(time, _)| time)
    }

    /// Lays out what is sent when.
    pub(super) fn plan(
        &mut self,
        begin: Duration,
        speed: f64,
        delta: (Duration, Duration),
        odd: bool,
        random: &mut Random,
    ) {
        let mut time = begin;
        for (index, part) in self.items.iter().enumerate() {
            self.plan.push_back((time, Emit::Open(index)));
            let mut steps = Vec::new();
            match &part.content {
                Content::Tool { arguments, .. } => {
                    // Two deltas, so that nobody relies on one.
                    let middle = arguments.floor_char_boundary(arguments.len() / 2);
                    steps.push((time, Emit::Text(index, 0..middle)));
                    steps.push((time, Emit::Text(index, middle..arguments.len())));
                }
                Content::Speech { audio, transcript } => {
                    let length = duration_of(
                        (audio.len() / self.format.bytes_per_sample()) as u64,
                        self.format.rate_hz(),
                    );
                    let at = |share: f64| time + length.mul_f64(share / speed);
                    let mut begin = 0;
                    for word in transcript.split_inclusive(' ') {
                        let share = begin as f64 / transcript.len() as f64;
                        steps.push((at(share), Emit::Text(index, begin..begin + word.len())));
                        begin += word.len();
                    }
                    if !self.text_only {
                        for range in cut(audio.len(), self.format, delta, odd, random) {
                            let share = range.start as f64 / audio.len() as f64;
                            steps.push((at(share), Emit::Audio(index, range)));
                        }
                        // Stable: words go before the audio of the same moment.
                        steps.sort_by_key(|&(time, _)| time);
                    }
                    time = at(1.0);
                }
            }
            self.plan.extend(steps);
            self.plan.push_back((time, Emit::Close(index)));
        }
        self.plan.push_back((time, Emit::Finish));
    }

    pub(super) fn show(&self, status: &str, details: Value, usage: Value) -> Value {
        let output: Vec<_> = self.items[..self.begun]
            .iter()
            .map(|part| part.shown.clone())
            .collect();
        let modality = if self.text_only { "text" } else { "audio" };
        json!({
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": output,
            "conversation_id": null,
            "output_modalities": [modality],
            "max_output_tokens": self.max_output_tokens,
            "audio": { "output": self.audio_output },
            "usage": usage,
            "metadata": self.metadata,
        })
    }
}

impl Part {
    /// The item as it is now.
    pub(super) fn show(&self, status: &str, text_only: bool) -> Value {
        match &self.content {
            Content::Speech { .. } => {
                let content = match (status, text_only) {
                    ("in_progress", _) => json!([]),
                    (_, true) => json!([{ "type": "output_text", "text": self.text }]),
                    _ => json!([{ "type": "output_audio", "transcript": self.text }]),
                };
                json!({
                    "id": self.id, "object": "realtime.item", "type": "message",
                    "status": status, "role": "assistant", "content": content,
                })
            }
            Content::Tool { name, call_id, .. } => json!({
                "id": self.id, "object": "realtime.item", "type": "function_call",
                "status": status, "name": name, "call_id": call_id, "arguments": self.text,
            }),
        }
    }
}

/// Cuts `length` bytes into deltas.
fn cut(
    length: usize,
    format: Format,
    (low, high): (Duration, Duration),
    odd: bool,
    random: &mut Random,
) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let mut begin = 0;
    while begin < length {
        let micros = random.between(low.as_micros() as u64, high.as_micros() as u64);
        let bytes = micros as usize * format.bytes_per_ms() / 1_000;
        let bytes = match odd {
            true => bytes | 1,
            false => bytes / format.bytes_per_sample() * format.bytes_per_sample(),
        };
        let end = (begin + bytes.max(format.bytes_per_sample())).min(length);
        cuts.push(begin..end);
        begin = end;
    }
    cuts
}

/// The fields that say what a delta or `.done` belongs to.
pub(super) fn place(response: &Response, index: usize) -> Value {
    let part = &response.items[index];
    let mut fields = json!({
        "response_id": response.id, "item_id": part.id, "output_index": index,
    });
    match &part.content {
        Content::Speech { .. } => fields["content_index"] = json!(0),
        Content::Tool { call_id, .. } => fields["call_id"] = json!(call_id),
    }
    fields
}

//! How the model hears the caller's turns begin and end, and stops speaking for them.

use serde_json::json;
use trunkline::bridge::ModelAudio;

use super::{
    model::{Item, Model},
    reply::{Effect, Step, done},
};

impl Model {
    /// The caller begins to speak. With the session's leave this stops the running response.
    pub(crate) fn speech_started(&mut self, now: u64) {
        self.advance(now);
        let id = format!("item_{}", self.next_item);
        self.next_item += 1;
        let start = self.input_ms().saturating_sub(300);
        let event = json!({"type": "input_audio_buffer.speech_started",
            "audio_start_ms": start, "item_id": id});
        self.emit(event);
        self.speaking = Some(id);
        if self.interrupts_response {
            self.cancel("turn_detected");
        }
    }

    /// The caller has stopped: the turn is committed and, with the session's leave, answered.
    pub(crate) fn speech_stopped(&mut self, now: u64) {
        self.advance(now);
        let Some(id) = self.speaking.take() else {
            return;
        };
        let end = self.input_ms();
        self.emit(json!({"type": "input_audio_buffer.speech_stopped",
            "audio_end_ms": end, "item_id": id}));
        self.emit(json!({"type": "input_audio_buffer.committed",
            "previous_item_id": null, "item_id": id}));
        let item = json!({"id": id, "object": "realtime.item", "type": "message",
            "status": "completed", "role": "user",
            "content": [{"type": "input_audio", "transcript": null}]});
        self.emit(json!({"type": "conversation.item.added", "item": item}));
        self.emit(json!({"type": "conversation.item.done", "item": item}));
        self.items.push(Item {
            id: id.clone(),
            spoken: false,
            deleted: false,
            truncated: Vec::new(),
        });
        let words = match self.words {
            Some(words) => json!({
                "type": "conversation.item.input_audio_transcription.completed",
                "item_id": id, "content_index": 0, "transcript": words,
                "usage": {"type": "duration", "seconds": 1.5}}),
            None => json!({"type": "conversation.item.input_audio_transcription.failed",
                "item_id": id, "content_index": 0, "error": {"type": "transcription_error",
                    "code": "audio_unintelligible", "message": "no", "param": null}}),
        };
        self.later.push_back(Step {
            at: now + self.transcription,
            event: words,
            effect: Effect::None,
        });
        self.later.make_contiguous().sort_by_key(|step| step.at);
        if self.creates_response && self.active.is_none() {
            self.respond(now);
        }
    }

    /// Whether the caller's turn is open.
    pub(crate) fn hears_speech(&self) -> bool {
        self.speaking.is_some()
    }

    /// Finds turns in audio just appended: anything but silence is speech.
    pub(super) fn listen(&mut self, now: u64, audio: &[u8], silence_ms: usize) {
        let (rate, loud): (usize, Vec<bool>) = if self.format == ModelAudio::Mulaw {
            (8, audio.iter().map(|byte| byte & 0x7F != 0x7F).collect())
        } else {
            let sample = |pair: &[u8]| i16::from_le_bytes([pair[0], pair[1]]);
            (
                24,
                audio
                    .chunks_exact(2)
                    .map(|pair| sample(pair).unsigned_abs() > 200)
                    .collect(),
            )
        };
        for loud in loud {
            if loud {
                self.quiet = 0;
                if self.speaking.is_none() {
                    self.speech_started(now);
                }
            } else {
                self.quiet += 1;
                if self.quiet == silence_ms * rate && self.speaking.is_some() {
                    self.speech_stopped(now);
                }
            }
        }
    }

    /// Ends the running response, its open part and item first.
    pub(super) fn cancel(&mut self, reason: &str) {
        let Some(active) = self.active.take() else {
            return;
        };
        let place = json!({"response_id": active.id, "item_id": active.item, "output_index": 0,
            "content_index": active.part});
        if active.part.is_some() {
            for kind in [
                "output_audio.done",
                "output_audio_transcript.done",
                "content_part.done",
            ] {
                let mut event = place.clone();
                event["type"] = format!("response.{kind}").into();
                match kind {
                    "output_audio_transcript.done" => event["transcript"] = "so it".into(),
                    "content_part.done" => {
                        event["part"] = json!({"type": "audio", "transcript": "so it"});
                    }
                    _ => {}
                }
                self.emit(event);
            }
        }
        let mut output = json!([]);
        if let Some(id) = &active.item {
            let spoken = self.items.iter().any(|item| item.id == *id && item.spoken);
            let item = if spoken {
                json!({"id": id, "object": "realtime.item", "type": "message",
                    "status": "incomplete", "role": "assistant",
                    "content": [{"type": "output_audio", "transcript": "so it"}]})
            } else {
                json!({"id": id, "object": "realtime.item", "type": "function_call",
                    "status": "incomplete", "name": "cut", "call_id": "call_cut",
                    "arguments": "{\"day\":"})
            };
            self.emit(
                json!({"type": "response.output_item.done", "response_id": active.id,
                "output_index": 0, "item": item}),
            );
            output = json!([item]);
        }
        let details = json!({"type": "cancelled", "reason": reason});
        self.emit(done(&active.id, "cancelled", &details, &output));
    }
}

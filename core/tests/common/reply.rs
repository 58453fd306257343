//! What the scripted model answers, and the events a response is made of.

use std::collections::VecDeque;

use serde_json::{Value, json};
use trunkline::bridge::ModelAudio;

use super::{
    audio::{Clip, bytes_per_sample},
    wire::encode,
};

/// One scripted response.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// From `response.created` to the first item, in microseconds.
    pub(crate) think: u64,
    /// Audio is made this many times faster than it plays; 0 is all at once.
    pub(crate) speed: u64,
    pub(crate) cut: Cut,
    pub(crate) items: Vec<Say>,
    /// `status`, and `status_details` if any, of `response.done`.
    pub(crate) ending: (&'static str, Value),
}

/// One item of a response.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// Speech: the length of each content part in samples at 8 kHz.
    Speech { parts: Vec<usize>, words: String },
    /// A function call.
    Call {
        call_id: String,
        name: String,
        arguments: String,
    },
}

/// How audio is cut into deltas: sizes used in turn.
#[derive(Clone, Debug)]
pub(crate) enum Cut {
    /// Bytes; each delta is base64 of its own.
    Bytes(Vec<usize>),
    /// Characters of the base64 of the whole part.
    Text(Vec<usize>),
}

impl Reply {
    /// One message of `ms` milliseconds of speech, made eight times faster than it plays.
    pub(crate) fn speech(ms: usize) -> Self {
        Self::items(vec![Say::speech(ms)])
    }

    pub(crate) fn items(items: Vec<Say>) -> Self {
        Self {
            think: 100_000,
            speed: 8,
            cut: Cut::Bytes(vec![4_800]),
            items,
            ending: ("completed", Value::Null),
        }
    }

    pub(crate) fn call(call_id: &str, name: &str, arguments: &str) -> Self {
        Self::items(vec![Say::call(call_id, name, arguments)])
    }

    pub(crate) fn speed(self, speed: u64) -> Self {
        Self { speed, ..self }
    }

    pub(crate) fn think(self, think: u64) -> Self {
        Self { think, ..self }
    }

    pub(crate) fn cut(self, cut: Cut) -> Self {
        Self { cut, ..self }
    }
}

impl Say {
    pub(crate) fn speech(ms: usize) -> Self {
        Self::Speech {
            parts: vec![ms * 8],
            words: "so it goes".into(),
        }
    }

    pub(crate) fn call(call_id: &str, name: &str, arguments: &str) -> Self {
        Self::Call {
            call_id: call_id.into(),
            name: name.into(),
            arguments: arguments.into(),
        }
    }
}

/// One event of a response, and what is true of the model once it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) at: u64,
    pub(crate) event: Value,
    pub(crate) effect: Effect,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    None,
    /// The conversation has an item more.
    Item {
        id: String,
        spoken: bool,
    },
    /// A content part is open.
    Part(u32),
    /// The model holds so many samples of this clip.
    Held {
        clip: usize,
        samples: usize,
    },
    PartDone,
    ItemDone,
    Call(String),
    Done,
}

/// The events of `reply`, from `now` on. New audio goes to the end of `clips`.
pub(crate) fn steps(
    reply: &Reply,
    response_id: &str,
    first_item: usize,
    now: u64,
    format: ModelAudio,
    clips: &mut Vec<Clip>,
) -> VecDeque<Step> {
    let mut steps = VecDeque::new();
    let mut at = now;
    let mut push = |at: u64, event: Value, effect: Effect| {
        steps.push_back(Step { at, event, effect });
    };
    let created = json!({"type": "response.created", "response": {"object": "realtime.response",
        "id": response_id, "status": "in_progress", "status_details": null, "output": [],
        "conversation_id": "conv_1", "output_modalities": ["audio"], "usage": null,
        "metadata": null}});
    push(at, created, Effect::None);
    at += reply.think;
    let mut output = Vec::new();
    for (index, say) in reply.items.iter().enumerate() {
        let id = format!("item_{}", first_item + index);
        let place = json!({"response_id": response_id, "item_id": id, "output_index": index});
        match say {
            Say::Speech { parts, words } => {
                let mut item = json!({"id": id, "object": "realtime.item", "type": "message",
                    "status": "in_progress", "role": "assistant", "content": []});
                let added = json!({"type": "response.output_item.added",
                    "response_id": response_id, "output_index": index, "item": item});
                push(
                    at,
                    added,
                    Effect::Item {
                        id: id.clone(),
                        spoken: true,
                    },
                );
                push(
                    at,
                    json!({"type": "conversation.item.added", "item": item}),
                    Effect::None,
                );
                for (part, &samples) in parts.iter().enumerate() {
                    let mut clip = Clip::new(format, clips.len() as u64 + 1, samples);
                    clip.response_id = response_id.into();
                    clip.item_id = id.clone();
                    clip.part = part as u32;
                    let place = with(&place, json!({"content_index": part}));
                    let kind =
                        |kind: &str, more: Value| with(&with(&place, json!({"type": kind})), more);
                    let empty = json!({"part": {"type": "audio", "transcript": ""}});
                    push(
                        at,
                        kind("response.content_part.added", empty),
                        Effect::Part(part as u32),
                    );
                    let words_at = json!({"delta": words});
                    let transcript = "response.output_audio_transcript.delta";
                    push(at, kind(transcript, words_at), Effect::None);
                    let start = at;
                    let mut done = 0;
                    for (text, held) in deltas(&clip.sent, &reply.cut, format) {
                        let delta = kind("response.output_audio.delta", json!({"delta": text}));
                        push(
                            at,
                            delta,
                            Effect::Held {
                                clip: clips.len(),
                                samples: held,
                            },
                        );
                        done = done.max(held);
                        if let Some(passed) = (done as u64 * 125).checked_div(reply.speed) {
                            at = start + passed;
                        }
                    }
                    push(
                        at,
                        kind("response.output_audio.done", json!({})),
                        Effect::None,
                    );
                    let transcript = "response.output_audio_transcript.done";
                    push(
                        at,
                        kind(transcript, json!({"transcript": words})),
                        Effect::None,
                    );
                    let whole = json!({"part": {"type": "audio", "transcript": words}});
                    push(
                        at,
                        kind("response.content_part.done", whole),
                        Effect::PartDone,
                    );
                    clips.push(clip);
                }
                item["status"] = "completed".into();
                item["content"] = json!([{"type": "output_audio", "transcript": words}]);
                push(
                    at,
                    json!({"type": "conversation.item.done", "item": item}),
                    Effect::None,
                );
                let done = json!({"type": "response.output_item.done",
                    "response_id": response_id, "output_index": index, "item": item});
                push(at, done, Effect::ItemDone);
                output.push(item);
            }
            Say::Call {
                call_id,
                name,
                arguments,
            } => {
                let mut item = json!({"id": id, "object": "realtime.item", "type": "function_call",
                    "status": "in_progress", "name": name, "call_id": call_id, "arguments": ""});
                let added = json!({"type": "response.output_item.added",
                    "response_id": response_id, "output_index": index, "item": item});
                push(
                    at,
                    added,
                    Effect::Item {
                        id: id.clone(),
                        spoken: false,
                    },
                );
                let mut delta = with(&place, json!({"call_id": call_id, "delta": arguments}));
                delta["type"] = "response.function_call_arguments.delta".into();
                push(at, delta, Effect::None);
                let mut done = with(&place, json!({"call_id": call_id, "name": name}));
                done["type"] = "response.function_call_arguments.done".into();
                done["arguments"] = arguments.as_str().into();
                push(at, done, Effect::Call(call_id.clone()));
                item["status"] = "completed".into();
                item["arguments"] = arguments.as_str().into();
                let done = json!({"type": "response.output_item.done",
                    "response_id": response_id, "output_index": index, "item": item});
                push(at, done, Effect::ItemDone);
                output.push(item);
            }
        }
    }
    let (status, details) = &reply.ending;
    push(
        at,
        done(response_id, status, details, &Value::from(output)),
        Effect::Done,
    );
    let limits = json!([{"name": "tokens", "limit": 15_000_000, "remaining": 14_999_716,
        "reset_seconds": 0.001}]);
    let limits = json!({"type": "rate_limits.updated", "rate_limits": limits});
    push(at + 40_000, limits, Effect::None);
    steps
}

/// A `response.done`.
pub(crate) fn done(response_id: &str, status: &str, details: &Value, output: &Value) -> Value {
    json!({"type": "response.done", "response": {"object": "realtime.response",
        "id": response_id, "status": status, "status_details": details, "output": output,
        "conversation_id": "conv_1", "output_modalities": ["audio"], "usage": {
            "total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
            "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "image_tokens": 0,
                "cached_tokens": 64, "cached_tokens_details": {"text_tokens": 64,
                    "audio_tokens": 0, "image_tokens": 0}},
            "output_token_details": {"text_tokens": 30, "audio_tokens": 91}},
        "metadata": null}})
}

/// The base64 of each delta and the samples at 8 kHz that the model has made by then.
fn deltas(audio: &[u8], cut: &Cut, format: ModelAudio) -> Vec<(String, usize)> {
    let mut deltas = Vec::new();
    let mut start = 0;
    match cut {
        Cut::Bytes(sizes) => {
            for size in sizes.iter().cycle() {
                if start == audio.len() {
                    break;
                }
                let end = (start + size).min(audio.len());
                deltas.push((encode(&audio[start..end]), end / bytes_per_sample(format)));
                start = end;
            }
        }
        Cut::Text(sizes) => {
            let text = encode(audio);
            for size in sizes.iter().cycle() {
                if start == text.len() {
                    break;
                }
                let end = (start + size).min(text.len());
                let bytes = (end / 4 * 3).min(audio.len());
                deltas.push((text[start..end].into(), bytes / bytes_per_sample(format)));
                start = end;
            }
        }
    }
    deltas
}

fn with(object: &Value, more: Value) -> Value {
    let mut object = object.clone();
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

//! The model's end: a GA Realtime server that speaks from a script.

use std::collections::VecDeque;

use serde_json::{Value, json};
use trunkline::bridge::ModelAudio;

use super::{
    audio::{Clip, bytes_per_sample},
    reply::{Effect, Reply, Step, steps},
    session,
    wire::{decode, read_to_openai},
};

/// How the caller's turns are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Vad {
    /// The test says when.
    Script,
    /// Anything but silence is speech; so much silence in milliseconds ends the turn.
    Energy { silence_ms: usize },
}

/// An item of the conversation.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    /// It is the assistant's speech.
    pub(crate) spoken: bool,
    pub(crate) deleted: bool,
    /// Truncated at: content part and milliseconds.
    pub(crate) truncated: Vec<(u64, u64)>,
}

/// A scripted model.
pub(crate) struct Model {
    pub(crate) format: ModelAudio,
    pub(crate) vad: Vad,
    pub(crate) creates_response: bool,
    pub(crate) interrupts_response: bool,
    /// From `session.update` to `session.updated`, in microseconds; `None`: no answer.
    pub(crate) setup: Option<u64>,
    /// Set to misreport the formats in `session.updated`: input, output.
    pub(crate) formats: Option<(Value, Value)>,
    /// It takes itself to have sent so much less audio than it has, in milliseconds.
    pub(crate) shortfall: u64,
    /// What it understands of the caller: a transcript, empty for none; `None`: it fails to.
    pub(crate) words: Option<&'static str>,
    /// From the end of a turn to its transcript, in microseconds.
    pub(crate) transcription: u64,
    /// What it will answer, in turn; then it has nothing to say.
    pub(crate) replies: VecDeque<Reply>,
    pub(crate) session: Value,
    /// Everything appended, as bytes.
    pub(crate) input: Vec<u8>,
    pub(crate) clips: Vec<Clip>,
    pub(crate) items: Vec<Item>,
    /// Client events in order, with their time of arrival; appends are left out.
    pub(crate) commands: Vec<(u64, Value)>,
    /// Errors it has answered with.
    pub(crate) refusals: Vec<(u64, String)>,
    /// Responses begun, in order.
    pub(crate) responses: Vec<String>,
    pub(super) active: Option<Active>,
    calls: Vec<String>,
    pub(super) later: VecDeque<Step>,
    outbox: Vec<String>,
    pub(super) speaking: Option<String>,
    pub(super) quiet: usize,
    pub(super) next_item: usize,
    next_event: usize,
}

pub(super) struct Active {
    pub(super) id: String,
    pub(super) steps: VecDeque<Step>,
    pub(super) item: Option<String>,
    pub(super) part: Option<u32>,
}

impl Model {
    pub(crate) fn new(format: ModelAudio) -> Self {
        Self {
            format,
            vad: Vad::Script,
            creates_response: true,
            interrupts_response: true,
            setup: Some(5_000),
            formats: None,
            shortfall: 0,
            words: Some("Tuesday please."),
            transcription: 150_000,
            replies: VecDeque::new(),
            session: session::defaults(),
            input: Vec::new(),
            clips: Vec::new(),
            items: Vec::new(),
            commands: Vec::new(),
            refusals: Vec::new(),
            responses: Vec::new(),
            active: None,
            calls: Vec::new(),
            later: VecDeque::new(),
            outbox: Vec::new(),
            speaking: None,
            quiet: 0,
            next_item: 0,
            next_event: 0,
        }
    }

    /// Another server, which knows nothing of this one's conversation; ids go on counting, and so
    /// does the test's list of clips.
    pub(crate) fn successor(&self) -> Self {
        Self {
            clips: self.clips.clone(),
            responses: self.responses.clone(),
            next_item: self.next_item,
            next_event: self.next_event,
            ..Self::new(self.format)
        }
    }

    /// The socket is open.
    pub(crate) fn open(&mut self) {
        let session = self.session.clone();
        self.emit(json!({"type": "session.created", "session": session}));
    }

    /// Messages to send.
    pub(crate) fn take_outbox(&mut self) -> Vec<String> {
        core::mem::take(&mut self.outbox)
    }

    /// When it next has something to do.
    pub(crate) fn next_at(&self) -> Option<u64> {
        let active = self.active.as_ref().and_then(|active| active.steps.front());
        active
            .into_iter()
            .chain(self.later.front())
            .map(|step| step.at)
            .min()
    }

    pub(crate) fn advance(&mut self, now: u64) {
        while let Some(step) = take_due(&mut self.later, now) {
            self.emit(step.event);
        }
        while let Some(active) = &mut self.active {
            let Some(step) = take_due(&mut active.steps, now) else {
                break;
            };
            match step.effect {
                Effect::None => {}
                Effect::Item { id, spoken } => {
                    active.item = Some(id.clone());
                    self.items.push(Item {
                        id,
                        spoken,
                        deleted: false,
                        truncated: Vec::new(),
                    });
                }
                Effect::Part(part) => active.part = Some(part),
                Effect::Held { clip, samples } => self.clips[clip].held = samples,
                Effect::PartDone => active.part = None,
                Effect::ItemDone => active.item = None,
                Effect::Call(call_id) => self.calls.push(call_id),
                Effect::Done => {
                    let after = core::mem::take(&mut active.steps);
                    self.active = None;
                    self.later.extend(after);
                }
            }
            self.emit(step.event);
        }
    }

    /// The number of the item that it or the caller will make next.
    pub(crate) fn next_item(&self) -> usize {
        self.next_item
    }

    /// Whether a response is being made.
    pub(crate) fn is_responding(&self) -> bool {
        self.active.is_some()
    }

    /// Sends any event as it stands, with an id of its own.
    pub(crate) fn emit(&mut self, mut event: Value) {
        event["event_id"] = format!("event_{}", self.next_event).into();
        self.next_event += 1;
        self.outbox.push(event.to_string());
    }

    /// A client event has arrived. `Err`: the Bridge broke the protocol.
    pub(crate) fn receive(&mut self, now: u64, text: &str) -> Result<(), String> {
        self.advance(now);
        let event = read_to_openai(text)?;
        let kind = event["type"].as_str().unwrap_or_default();
        if kind != "input_audio_buffer.append" {
            self.commands.push((now, event.clone()));
        }
        match kind {
            "session.update" => self.update(now, &event),
            "input_audio_buffer.append" => {
                let audio = decode(event["audio"].as_str().unwrap_or_default())?;
                if self.format == ModelAudio::Pcm24k && audio.len() % 2 == 1 {
                    return Err("half a sample appended".into());
                }
                self.input.extend(&audio);
                if let Vad::Energy { silence_ms } = self.vad {
                    self.listen(now, &audio, silence_ms);
                }
            }
            "conversation.item.create" => {
                let item = &event["item"];
                if item["type"] == "function_call_output" {
                    let call_id = item["call_id"].as_str().unwrap_or_default();
                    if !self.calls.iter().any(|known| known == call_id) {
                        self.refuse(now, &event, "invalid_value", "No such tool call.");
                        return Ok(());
                    }
                }
                let id = format!("item_{}", self.next_item);
                self.next_item += 1;
                let mut item = item.clone();
                item["id"] = id.as_str().into();
                self.items.push(Item {
                    id,
                    spoken: false,
                    deleted: false,
                    truncated: Vec::new(),
                });
                self.emit(json!({"type": "conversation.item.added", "item": item}));
                self.emit(json!({"type": "conversation.item.done", "item": item}));
            }
            "conversation.item.truncate" => self.truncate(now, &event),
            "conversation.item.delete" => {
                let id = event["item_id"].as_str().unwrap_or_default();
                match self
                    .items
                    .iter_mut()
                    .find(|item| item.id == id && !item.deleted)
                {
                    Some(item) => {
                        item.deleted = true;
                        self.emit(json!({"type": "conversation.item.deleted", "item_id": id}));
                    }
                    None => {
                        self.refuse(now, &event, "item_delete_invalid_item_id", "No such item.");
                    }
                }
            }
            "response.create" => {
                if self.active.is_some() {
                    let code = "conversation_already_has_active_response";
                    self.refuse(now, &event, code, "There is an active response.");
                } else {
                    self.respond(now);
                }
            }
            "response.cancel" => {
                let wanted = event["response_id"].as_str();
                let active = self.active.as_ref().map(|active| active.id.as_str());
                if active.is_none() || wanted.is_some() && wanted != active {
                    let code = "response_cancel_not_active";
                    self.refuse(
                        now,
                        &event,
                        code,
                        "Cancellation failed: no active response.",
                    );
                } else {
                    self.cancel("client_cancelled");
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Answers a client event with an error.
    pub(crate) fn refuse(&mut self, now: u64, event: &Value, code: &str, message: &str) {
        self.refusals.push((now, code.into()));
        self.emit(
            json!({"type": "error", "error": {"type": "invalid_request_error",
            "code": code, "message": message, "param": null, "event_id": event["event_id"]}}),
        );
    }

    /// Milliseconds of audio appended in this session.
    pub(crate) fn input_ms(&self) -> u64 {
        let per_ms = 8 * bytes_per_sample(self.format);
        (self.input.len() / per_ms) as u64
    }

    fn update(&mut self, now: u64, event: &Value) {
        session::merge(&mut self.session, &event["session"]);
        let detection = &self.session["audio"]["input"]["turn_detection"];
        self.creates_response = detection["create_response"].as_bool().unwrap_or(false);
        self.interrupts_response = detection["interrupt_response"].as_bool().unwrap_or(false);
        let mut session = self.session.clone();
        if let Some((input, output)) = &self.formats {
            session["audio"]["input"]["format"] = input.clone();
            session["audio"]["output"]["format"] = output.clone();
        }
        if let Some(setup) = self.setup {
            let event = json!({"type": "session.updated", "session": session,
                "event_id": "event_updated"});
            self.later.push_back(Step {
                at: now + setup,
                event,
                effect: Effect::None,
            });
            self.later.make_contiguous().sort_by_key(|step| step.at);
        }
    }

    pub(super) fn respond(&mut self, now: u64) {
        let reply = self
            .replies
            .pop_front()
            .unwrap_or_else(|| Reply::items(vec![]));
        let id = format!("resp_{}", self.responses.len());
        let steps = steps(
            &reply,
            &id,
            self.next_item,
            now,
            self.format,
            &mut self.clips,
        );
        self.next_item += reply.items.len();
        self.responses.push(id.clone());
        self.active = Some(Active {
            id,
            steps,
            item: None,
            part: None,
        });
        self.advance(now);
    }

    fn truncate(&mut self, now: u64, event: &Value) {
        let id = event["item_id"].as_str().unwrap_or_default();
        let part = event["content_index"].as_u64().unwrap_or_default();
        let end = event["audio_end_ms"].as_u64().unwrap_or_default();
        let Some(item) = self
            .items
            .iter_mut()
            .find(|item| item.id == id && !item.deleted)
        else {
            self.refuse(now, event, "item_truncate_invalid_item_id", "No such item.");
            return;
        };
        let clip = self
            .clips
            .iter()
            .position(|clip| clip.item_id == id && u64::from(clip.part) == part);
        let Some(clip) = clip.filter(|_| item.spoken) else {
            self.refuse(
                now,
                event,
                "invalid_value",
                "Only model output audio can be truncated.",
            );
            return;
        };
        let mut held = (self.clips[clip].held as u64 / 8).saturating_sub(self.shortfall);
        for &(cut, earlier) in &item.truncated {
            held = if cut == part { held.min(earlier) } else { held };
        }
        if end > held {
            let message = format!("Audio content of {held}ms is already shorter than {end}ms");
            self.refuse(now, event, "invalid_value", &message);
            return;
        }
        item.truncated.push((part, end));
        self.emit(json!({"type": "conversation.item.truncated", "item_id": id,
            "content_index": part, "audio_end_ms": end}));
    }
}

fn take_due(steps: &mut VecDeque<Step>, now: u64) -> Option<Step> {
    steps.front().filter(|step| step.at <= now)?;
    steps.pop_front()
}

//! The model's end: a Realtime server that does what the script says, and refuses what a real one
//! would refuse.

use std::collections::VecDeque;

use serde_json::Value;
use trunkline::PlaybackLedger;

use super::{
    clip::Clip,
    event::{Code, Ending, Setup, Words},
};
use crate::common::rng::Rng;

/// An item of a conversation, of this session or one before.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) session: usize,
    pub(crate) response: Option<usize>,
    /// It is the assistant's speech.
    pub(crate) is_spoken: bool,
    pub(crate) is_deleted: bool,
    /// The server has lost it.
    pub(crate) is_lost: bool,
    /// Truncated at: content part and milliseconds.
    pub(crate) cuts: Vec<(u64, u64)>,
}

/// What a message from the model says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Ready,
    Created(usize),
    ItemAdded(usize),
    Delta {
        clip: usize,
        known: usize,
    },
    /// The part is whole.
    Finished(usize),
    ToolCall(usize),
    Done(usize),
    SpeechStarted(usize),
    SpeechStopped,
    /// What was understood of a turn: whether there are words.
    Transcript(usize, bool),
    /// A client event was refused: its type and id.
    Refused(String, String),
    Other,
}

/// A message on its way from the model.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) text: String,
    pub(crate) told: Told,
}

/// The server, through all its sessions.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) session: usize,
    pub(crate) is_ready: bool,
    pub(crate) creates: bool,
    pub(crate) interrupts: bool,
    pub(crate) shortfall: u64,
    pub(crate) loses_item: bool,
    pub(crate) clips: Vec<Clip>,
    pub(crate) items: Vec<Item>,
    /// Responses begun so far; ids go on counting.
    pub(crate) responses: usize,
    /// Errors it has answered with that no race and no script explains.
    pub(crate) complaints: Vec<String>,
    active: Option<Active>,
    /// The caller's item that is being spoken, and those without a transcript.
    speech: Option<usize>,
    untold: VecDeque<usize>,
    /// Bytes of the caller's audio.
    heard: usize,
    calls: Vec<String>,
    outbox: Vec<Message>,
    next_event: usize,
    is_pcm: bool,
    cuts_text: bool,
    rng: Rng,
}

#[derive(Debug)]
struct Active {
    response: usize,
    output_index: usize,
    item: Option<usize>,
    parts: u64,
    clip: Option<usize>,
}

impl Server {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            session: 0,
            is_ready: false,
            creates: false,
            interrupts: false,
            shortfall: 0,
            loses_item: false,
            clips: Vec::new(),
            items: Vec::new(),
            responses: 0,
            complaints: Vec::new(),
            active: None,
            speech: None,
            untold: VecDeque::new(),
            heard: 0,
            calls: Vec::new(),
            outbox: Vec::new(),
            next_event: 0,
            is_pcm: setup.pcm,
            cuts_text: setup.cuts_text,
            rng: Rng::new(setup.seed ^ 0x5E),
        }
    }

    /// A new socket: a session that knows nothing of the one before.
    pub(crate) fn open(&mut self) {
        self.session += 1;
        self.is_ready = false;
        self.active = None;
        self.speech = None;
        self.untold.clear();
        self.heard = 0;
        self.calls.clear();
        self.outbox.clear();
        self.say(
            Told::Other,
            r#""type":"session.created","session":{"type":"realtime"}"#,
        );
    }

    pub(crate) fn take_outbox(&mut self) -> Vec<Message> {
        core::mem::take(&mut self.outbox)
    }

    pub(crate) fn is_responding(&self) -> bool {
        self.active.is_some()
    }

    pub(crate) fn hears_speech(&self) -> bool {
        self.speech.is_some()
    }

    /// The caller begins to speak.
    pub(crate) fn speak(&mut self) {
        if !self.is_ready {
            return;
        }
        let item = self.add_item(None, false);
        let start = self.heard_ms().saturating_sub(300);
        self.say(
            Told::SpeechStarted(item),
            &format!(
                r#""type":"input_audio_buffer.speech_started","audio_start_ms":{start},"item_id":"item_{item}""#
            ),
        );
        self.speech = Some(item);
        if self.interrupts {
            self.cancel("turn_detected");
        }
    }

    /// The caller falls silent: the turn is committed and, with the session's leave, answered.
    pub(crate) fn fall(&mut self) {
        let Some(item) = self.speech.take() else {
            return;
        };
        self.untold.push_back(item);
        let end = self.heard_ms();
        self.say(
            Told::SpeechStopped,
            &format!(
                r#""type":"input_audio_buffer.speech_stopped","audio_end_ms":{end},"item_id":"item_{item}""#
            ),
        );
        self.say(
            Told::Other,
            &format!(
                r#""type":"input_audio_buffer.committed","previous_item_id":null,"item_id":"item_{item}""#
            ),
        );
        if self.creates && self.active.is_none() {
            self.respond();
        }
    }

    /// Tells what was understood of the oldest turn without a transcript.
    pub(crate) fn transcribe(&mut self, words: Words) {
        let item = match words {
            Words::Early => self.speech,
            _ => self.untold.pop_front(),
        };
        let Some(item) = item else { return };
        let kind = r#""type":"conversation.item.input_audio_transcription."#;
        let place = format!(r#""item_id":"item_{item}","content_index":0"#);
        let body = match words {
            Words::Some => format!(r#"{kind}completed",{place},"transcript":"Tuesday.""#),
            Words::Early => format!(r#"{kind}delta",{place},"delta":"Tues""#),
            Words::Blank => format!(r#"{kind}completed",{place},"transcript":" ""#),
            Words::Failed => format!(
                r#"{kind}failed",{place},"error":{{"type":"transcription_error","code":"audio_unintelligible","message":"no","param":null}}"#
            ),
        };
        let has_words = matches!(words, Words::Some | Words::Early);
        self.say(Told::Transcript(item, has_words), &body);
    }

    /// The caller's audio has arrived.
    pub(crate) fn hear(&mut self, bytes: usize) {
        self.heard += bytes;
    }

    /// Makes audio of `samples` at 8 kHz and `bytes` more, in one delta.
    pub(crate) fn audio(&mut self, samples: u32, bytes: u8) {
        let Some(clip) = self.open_part() else { return };
        let per_sample = if self.is_pcm { 6 } else { 1 };
        let count = samples as usize * per_sample + usize::from(bytes);
        let hold = self.cuts_text.then(|| self.rng.below(5) as usize);
        let (text, known) = self.clips[clip].make(count, hold);
        self.delta(clip, &text, known);
    }

    pub(crate) fn part_done(&mut self) {
        let Some(clip) = self.active.as_mut().and_then(|active| active.clip.take()) else {
            return;
        };
        if let Some((text, known)) = self.clips[clip].make_last() {
            self.delta(clip, &text, known);
        }
        self.close_part(clip);
    }

    pub(crate) fn item_done(&mut self) {
        self.part_done();
        self.close_item("completed");
    }

    pub(crate) fn tool_call(&mut self) {
        if !self.ensure_response() {
            return;
        }
        self.item_done();
        let item = self.begin_item(false);
        let (place, call) = (self.place(), format!("call_{item}"));
        self.calls.push(call.clone());
        let call = format!(r#""call_id":"{call}","name":"note""#);
        self.say(
            Told::Other,
            &format!(
                r#""type":"response.function_call_arguments.done",{place},"item_id":"item_{item}",{call},"arguments":"{{}}""#
            ),
        );
        self.say(
            Told::ToolCall(item),
            &format!(
                r#""type":"response.output_item.done",{place},"item":{{"id":"item_{item}","type":"function_call","status":"completed",{call},"arguments":"{{}}"}}"#
            ),
        );
        if let Some(active) = &mut self.active {
            active.item = None;
            active.output_index += 1;
        }
    }

    pub(crate) fn done(&mut self, ending: Ending) {
        match ending {
            Ending::Completed => {
                self.item_done();
                self.finish("completed", "null");
            }
            Ending::Incomplete => {
                self.item_done();
                let details = r#"{"type":"incomplete","reason":"max_output_tokens"}"#;
                self.finish("incomplete", details);
            }
            Ending::Failed => {
                let details = r#"{"type":"failed","error":{"type":"server_error","code":"server_error","message":"The server had an error."}}"#;
                self.finish("failed", details);
            }
            Ending::Cancelled => self.cancel("client_cancelled"),
        }
    }

    pub(crate) fn reply(&mut self, items: &[u16]) {
        if !self.ensure_response() {
            return;
        }
        for &ms in items {
            let mut left = u32::from(ms) * 8;
            while left > 0 {
                let delta = left.min(2_400);
                self.audio(delta, 0);
                left -= delta;
            }
            self.item_done();
        }
        self.done(Ending::Completed);
    }

    pub(crate) fn error(&mut self, code: Code) {
        let (code, message) = match code {
            Code::CancelNotActive => (r#""response_cancel_not_active""#, "No active response."),
            Code::AlreadyActive => (
                r#""conversation_already_has_active_response""#,
                "There is one.",
            ),
            Code::Server => (r#""server_error""#, "The server had an error."),
            Code::RateLimit => (r#""rate_limit_exceeded""#, "Too fast."),
            Code::Unnamed => ("null", "Something is wrong."),
        };
        self.say(
            Told::Other,
            &format!(
                r#""type":"error","error":{{"type":"server_error","code":{code},"message":"{message}","param":null,"event_id":null}}"#
            ),
        );
    }

    /// A client event has arrived.
    pub(crate) fn receive(&mut self, event: &Value) {
        match event["type"].as_str().unwrap_or_default() {
            "session.update" => {
                let input = &event["session"]["audio"]["input"];
                let detection = &input["turn_detection"];
                self.creates = detection["create_response"] == true;
                self.interrupts = detection["interrupt_response"] == true;
                self.is_ready = true;
                let session = event["session"].to_string();
                let body = format!(r#""type":"session.updated","session":{session}"#);
                self.say(Told::Ready, &body);
            }
            "conversation.item.create" => {
                let call = event["item"]["call_id"].as_str().unwrap_or_default();
                if !self.calls.iter().any(|known| known == call) {
                    self.complaints.push(format!("no such tool call: {call}"));
                }
                let item = self.add_item(None, false);
                let body = format!(
                    r#""type":"conversation.item.added","item":{{"id":"item_{item}","type":"function_call_output","call_id":"{call}"}}"#
                );
                self.say(Told::Other, &body);
            }
            "conversation.item.truncate" => self.truncate(event),
            "conversation.item.delete" => match self.find(&event["item_id"]) {
                Some(item) => {
                    self.items[item].is_deleted = true;
                    let body =
                        format!(r#""type":"conversation.item.deleted","item_id":"item_{item}""#);
                    self.say(Told::Other, &body);
                }
                None => {
                    self.complain("deleted in vain", event);
                    self.refuse(event, "item_delete_invalid_item_id", "No such item.");
                }
            },
            "response.create" if self.active.is_none() => self.respond(),
            "response.create" => {
                let code = "conversation_already_has_active_response";
                self.refuse(event, code, "There is an active response.");
            }
            "response.cancel" => {
                let wanted = event["response_id"].as_str();
                let active = self.active.as_ref().map(|active| active.response);
                let is_meant = |response| wanted.is_none_or(|id| id == format!("resp_{response}"));
                if active.is_some_and(is_meant) {
                    self.cancel("client_cancelled");
                } else {
                    self.refuse(event, "response_cancel_not_active", "None is active.");
                }
            }
            _ => {}
        }
    }

    fn heard_ms(&self) -> usize {
        self.heard / if self.is_pcm { 48 } else { 8 }
    }

    fn truncate(&mut self, event: &Value) {
        let part = event["content_index"].as_u64().unwrap_or_default();
        let end = event["audio_end_ms"].as_u64().unwrap_or_default();
        let found = self.find(&event["item_id"]);
        if let Some(item) = found
            && core::mem::take(&mut self.loses_item)
        {
            self.items[item].is_lost = true;
            self.refuse(event, "item_truncate_invalid_item_id", "No such item.");
            return;
        }
        let clip = |item| {
            let mut clips = self.clips.iter();
            clips.find(|clip| clip.item == item && clip.part == part)
        };
        let Some((item, made)) = found.and_then(|item| Some((item, clip(item)?.made_ms()))) else {
            self.complain("truncated in vain", event);
            self.refuse(event, "item_truncate_invalid_item_id", "No such item.");
            return;
        };
        let mut held = made.saturating_sub(self.shortfall);
        for &(_, earlier) in self.items[item].cuts.iter().filter(|cut| cut.0 == part) {
            held = held.min(earlier);
        }
        if end > held {
            if end > made {
                self.complaints.push(format!("{made} ms made: {event}"));
            }
            let message = format!("Audio content of {held}ms is already shorter than {end}ms");
            self.refuse(event, "invalid_value", &message);
            return;
        }
        self.items[item].cuts.push((part, end));
        self.say(
            Told::Other,
            &format!(
                r#""type":"conversation.item.truncated","item_id":"item_{item}","content_index":{part},"audio_end_ms":{end}"#
            ),
        );
    }

    /// No race explains this event, unless the server itself has lost the item.
    fn complain(&mut self, what: &str, event: &Value) {
        let id = event["item_id"].as_str().unwrap_or_default();
        let index = id
            .strip_prefix("item_")
            .and_then(|index| index.parse::<usize>().ok());
        if !index.is_some_and(|index| self.items.get(index).is_some_and(|item| item.is_lost)) {
            self.complaints.push(format!("{what}: {event}"));
        }
    }

    fn find(&self, id: &Value) -> Option<usize> {
        let item = id.as_str()?.strip_prefix("item_")?.parse().ok()?;
        let is_here = |item: &&Item| {
            item.session == self.session && !item.is_deleted && !item.is_lost && item.is_spoken
        };
        self.items.get(item).filter(is_here).map(|_| item)
    }

    fn refuse(&mut self, event: &Value, code: &str, message: &str) {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let (kind, id) = (text("type"), text("event_id"));
        let body = format!(
            r#""type":"error","error":{{"type":"invalid_request_error","code":"{code}","message":"{message}","param":null,"event_id":"{id}"}}"#
        );
        self.say(Told::Refused(kind, id), &body);
    }

    fn respond(&mut self) {
        let response = self.responses;
        self.responses += 1;
        self.active = Some(Active {
            response,
            output_index: 0,
            item: None,
            parts: 0,
            clip: None,
        });
        self.say(
            Told::Created(response),
            &format!(
                r#""type":"response.created","response":{{"object":"realtime.response","id":"resp_{response}","status":"in_progress","output":[],"conversation_id":"conv_1"}}"#
            ),
        );
    }

    /// Begins a response of the server's own accord, if none runs and the caller is silent.
    fn ensure_response(&mut self) -> bool {
        if self.active.is_none() && self.is_ready && self.speech.is_none() {
            self.respond();
        }
        self.active.is_some()
    }

    /// The content part that is open, or a new one.
    fn open_part(&mut self) -> Option<usize> {
        if !self.ensure_response() {
            return None;
        }
        let active = self.active.as_ref()?;
        if let Some(clip) = active.clip {
            return Some(clip);
        }
        // More is refused, as is documented and tested elsewhere.
        if self.clips.iter().filter(|clip| clip.is_open()).count() + 2 > PlaybackLedger::MAX_PARTS {
            return None;
        }
        let item = match active.item {
            Some(item) => item,
            None => self.begin_item(true),
        };
        let clip = self.clips.len();
        let active = self.active.as_mut()?;
        let part = active.parts;
        active.parts += 1;
        active.clip = Some(clip);
        let id = clip as u64 + 1;
        let new = Clip::new(id, item, part, active.response, self.is_pcm);
        self.clips.push(new);
        let place = self.place();
        self.say(
            Told::Other,
            &format!(
                r#""type":"response.content_part.added",{place},"item_id":"item_{item}","content_index":{part},"part":{{"type":"audio","transcript":""}}"#
            ),
        );
        Some(clip)
    }

    fn begin_item(&mut self, is_spoken: bool) -> usize {
        let response = self.active.as_ref().map(|active| active.response);
        let item = self.add_item(response, is_spoken);
        if let Some(active) = &mut self.active {
            active.item = Some(item);
            active.parts = 0;
        }
        let place = self.place();
        let kind = if is_spoken {
            r#""type":"message","role":"assistant","content":[]"#.to_owned()
        } else {
            format!(
                r#""type":"function_call","name":"note","call_id":"call_{item}","arguments":"""#
            )
        };
        self.say(
            Told::ItemAdded(item),
            &format!(
                r#""type":"response.output_item.added",{place},"item":{{"id":"item_{item}","status":"in_progress",{kind}}}"#
            ),
        );
        item
    }

    fn add_item(&mut self, response: Option<usize>, is_spoken: bool) -> usize {
        self.items.push(Item {
            session: self.session,
            response,
            is_spoken,
            is_deleted: false,
            is_lost: false,
            cuts: Vec::new(),
        });
        self.items.len() - 1
    }

    fn delta(&mut self, clip: usize, text: &str, known: usize) {
        let place = self.place();
        let Clip { item, part, .. } = self.clips[clip];
        self.say(
            Told::Delta { clip, known },
            &format!(
                r#""type":"response.output_audio.delta",{place},"item_id":"item_{item}","content_index":{part},"delta":"{text}""#
            ),
        );
    }

    fn close_part(&mut self, clip: usize) {
        let place = self.place();
        let Clip { item, part, .. } = self.clips[clip];
        let place = format!(r#"{place},"item_id":"item_{item}","content_index":{part}"#);
        self.say(
            Told::Finished(clip),
            &format!(r#""type":"response.output_audio.done",{place}"#),
        );
        self.say(
            Told::Other,
            &format!(
                r#""type":"response.content_part.done",{place},"part":{{"type":"audio","transcript":"so"}}"#
            ),
        );
    }

    fn close_item(&mut self, status: &str) {
        let Some(item) = self.active.as_mut().and_then(|active| active.item.take()) else {
            return;
        };
        let place = self.place();
        self.say(
            Told::Other,
            &format!(
                r#""type":"response.output_item.done",{place},"item":{{"id":"item_{item}","type":"message","status":"{status}","role":"assistant","content":[{{"type":"output_audio","transcript":"so"}}]}}"#
            ),
        );
        if let Some(active) = &mut self.active {
            active.output_index += 1;
        }
    }

    /// Ends the running response, its open part and item first; what was held back is never sent.
    fn cancel(&mut self, reason: &str) {
        if let Some(clip) = self.active.as_mut().and_then(|active| active.clip.take()) {
            self.clips[clip].drop_rest();
            self.close_part(clip);
        }
        self.close_item("incomplete");
        let details = format!(r#"{{"type":"cancelled","reason":"{reason}"}}"#);
        self.finish("cancelled", &details);
    }

    fn finish(&mut self, status: &str, details: &str) {
        let Some(active) = self.active.take() else {
            return;
        };
        let response = active.response;
        if let Some(clip) = active.clip {
            self.clips[clip].drop_rest();
        }
        self.say(
            Told::Done(response),
            &format!(
                r#""type":"response.done","response":{{"object":"realtime.response","id":"resp_{response}","status":"{status}","status_details":{details},"output":[],"conversation_id":"conv_1"}}"#
            ),
        );
    }

    /// Response and place in it.
    fn place(&self) -> String {
        let active = self.active.as_ref();
        let (response, index) =
            active.map_or((0, 0), |active| (active.response, active.output_index));
        format!(r#""response_id":"resp_{response}","output_index":{index}"#)
    }

    fn say(&mut self, told: Told, body: &str) {
        let text = format!(r#"{{"event_id":"event_{}",{body}}}"#, self.next_event);
        self.next_event += 1;
        self.outbox.push(Message { text, told });
    }
}

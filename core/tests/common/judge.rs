//! What must be true of every call, whatever happens in it.

use std::collections::HashMap;

use serde_json::Value;
use trunkline::bridge::{BargeIn, Config, ModelAudio};

use super::{
    audio::bytes_per_sample,
    call::Call,
    io::{Ev, Exchange, Input, Out},
    setup::Setup,
    wire::decode,
};

/// Watches every exchange, and looks at the whole call in the end.
pub(crate) struct Judge {
    config: Config,
    interrupts_response: bool,
    /// Responses the Bridge knows of.
    responses: Vec<String>,
    /// The one of them that is not done.
    active: Option<String>,
    /// Items of sessions that are gone: no model can be told of them any more.
    lost: Vec<String>,
    /// Characters of base64 the Bridge has got for each item and content part.
    received: HashMap<(String, u64), usize>,
    /// Items deleted, and parts of items truncated.
    cut: Vec<(String, Option<u64>)>,
    was_refused: bool,
    /// μ-law bytes the Bridge has sent.
    sent: usize,
    pub(crate) interruptions: Vec<Interruption>,
    pub(crate) truncations: Vec<Truncation>,
    pub(crate) deletions: Vec<String>,
    pub(crate) cancels: usize,
}

/// A moment from which on the responses known until then must not be heard any more.
#[derive(Clone, Debug)]
pub(crate) struct Interruption {
    pub(crate) at: u64,
    sent: usize,
    dead: Vec<String>,
    pub(crate) cleared: bool,
}

/// A truncation as the Bridge asked for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Truncation {
    pub(crate) at: u64,
    pub(crate) event_id: String,
    pub(crate) item_id: String,
    pub(crate) part: u64,
    pub(crate) end_ms: u64,
}

impl Judge {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            config: setup.config.clone(),
            interrupts_response: setup.interrupts_response,
            responses: Vec::new(),
            active: None,
            lost: Vec::new(),
            received: HashMap::new(),
            cut: Vec::new(),
            was_refused: false,
            sent: 0,
            interruptions: Vec::new(),
            truncations: Vec::new(),
            deletions: Vec::new(),
            cancels: 0,
        }
    }

    pub(crate) fn watch(&mut self, exchange: &Exchange) -> Result<(), String> {
        let event = exchange.input.model_event();
        let kind = event
            .as_ref()
            .and_then(|event| event["type"].as_str())
            .unwrap_or_default();
        let by_hand = exchange.input == Input::Interrupt && exchange.result.is_ok();
        // A confirmed interruption that finds nothing but a request to interrupt shows only here.
        let waits = !matches!(self.config.barge_in, BargeIn::OnSpeech | BargeIn::Never);
        let is_stale = kind == "response.created" && (waits || !self.interruptions.is_empty());
        // Where a confirmation is waited for, only the Bridge knows when it has come.
        let by_voice = match self.config.barge_in {
            BargeIn::Never => false,
            BargeIn::OnSpeech => kind == "input_audio_buffer.speech_started",
            _ => {
                let is_aftermath =
                    kind == "error" || event.as_ref().is_some_and(|event| self.is_late(event));
                let interrupts = exchange.outputs.iter().any(is_of_transaction);
                interrupts && !by_hand && !is_stale && !is_aftermath
            }
        };
        // What the Bridge may cancel is what was active when it was told of the speech, or what it
        // asked for before an interruption and only now hears of.
        let mut active = self.active.clone();
        if let Some(event) = &event {
            self.learn(kind, event);
        }
        if is_stale {
            active = self.active.clone();
        }
        if by_voice || by_hand {
            self.interruptions.push(Interruption {
                at: exchange.at,
                sent: self.sent,
                dead: self.responses.clone(),
                cleared: false,
            });
        }
        if exchange.input == Input::OpenAiClosed {
            self.active = None;
            self.lost = self
                .received
                .keys()
                .map(|(item_id, _)| item_id.clone())
                .collect();
        }
        let late = match &event {
            Some(event) => self.is_late(event),
            None => false,
        };
        let truncated_before = self.truncations.len();
        let is_retry = kind == "error" && self.refused(event.as_ref());
        let mut rank = 0;
        for (index, output) in exchange.outputs.iter().enumerate() {
            let mut at_least = |next: u32, what: &str| {
                if next < rank {
                    return Err(format!("{what} comes too late in the transaction"));
                }
                rank = next;
                Ok(())
            };
            if let Out::ToTwilio(text) = output {
                let message: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
                if message["event"] == "media" {
                    let payload = message["media"]["payload"].as_str().unwrap_or_default();
                    self.sent += decode(payload)?.len();
                }
                if message["event"] == "clear" {
                    at_least(1, "clear")?;
                    if !(by_voice || by_hand) {
                        return Err("a clear that nothing asked for".into());
                    }
                    if index > 1 {
                        return Err("more than one output before the clear".into());
                    }
                    let interruption = self.interruptions.last_mut().ok_or("no interruption")?;
                    if interruption.cleared {
                        return Err("two clears in one transaction".into());
                    }
                    interruption.cleared = true;
                    interruption.sent = self.sent;
                }
            }
            let client = output.client_event().unwrap_or_default();
            match client["type"].as_str().unwrap_or_default() {
                "response.cancel" => {
                    at_least(2, "cancel")?;
                    self.cancels += 1;
                    if active.is_none() {
                        return Err("a cancel while no response is being made".into());
                    }
                    if let (true, Some(active), Some(last)) =
                        (is_stale, &active, self.interruptions.last_mut())
                    {
                        last.dead.push(active.clone());
                    }
                    let cancels_itself =
                        self.interrupts_response && self.config.barge_in == BargeIn::OnSpeech;
                    if by_voice && cancels_itself {
                        return Err("a cancel where the server cancels by itself".into());
                    }
                }
                "conversation.item.truncate" => {
                    at_least(3, "truncate")?;
                    if !(by_voice || by_hand || late || is_retry) {
                        return Err("a truncate without an interruption".into());
                    }
                    self.truncated(exchange.at, &client)?;
                }
                "conversation.item.delete" => {
                    at_least(3, "delete")?;
                    if !(by_voice || by_hand || late) {
                        return Err("a delete without an interruption".into());
                    }
                    let id = client["item_id"].as_str().unwrap_or_default();
                    if self.cut.iter().any(|(cut, _)| cut == id) {
                        return Err(format!("{id} truncated or deleted before, now deleted"));
                    }
                    self.cut.push((id.into(), None));
                    self.deletions.push(id.into());
                }
                _ => {}
            }
            match output.event() {
                Some(Ev::BargeIn {
                    item_id, audio_end, ..
                }) => {
                    at_least(4, "BargeIn")?;
                    if !(by_voice || by_hand) {
                        return Err("a barge-in that nothing asked for".into());
                    }
                    let mut here = self.truncations.iter().skip(truncated_before);
                    let told = here.find(|cut| cut.item_id == *item_id);
                    let told = told.map_or(0, |cut| u128::from(cut.end_ms));
                    // A model that refused a cut before is told less than was heard.
                    let agrees = audio_end.as_millis() == told
                        || self.was_refused && audio_end.as_millis() > told;
                    if !agrees && !self.lost.contains(item_id) {
                        return Err(format!("BargeIn says {audio_end:?}, the model {told} ms"));
                    }
                }
                Some(Ev::ModelError { code, .. }) if BENIGN.contains(&code.as_str()) => {
                    return Err(format!("the benign race {code} surfaced"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn learn(&mut self, kind: &str, event: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match kind {
            "response.created" => {
                let id = text(&event["response"]["id"]);
                self.responses.push(id.clone());
                self.active = Some(id);
            }
            "response.done" => self.active = None,
            "response.output_audio.delta" => {
                let part = event["content_index"].as_u64().unwrap_or_default();
                let chars = event["delta"]
                    .as_str()
                    .unwrap_or_default()
                    .trim_end_matches('=')
                    .len();
                *self
                    .received
                    .entry((text(&event["item_id"]), part))
                    .or_default() += chars;
            }
            _ => {}
        }
    }

    /// Whether an error refuses a truncation; then that item may be truncated again.
    fn refused(&mut self, event: Option<&Value>) -> bool {
        let error = event.map(|event| &event["error"]);
        let id = error
            .and_then(|error| error["event_id"].as_str())
            .unwrap_or_default();
        let Some(cut) = self
            .truncations
            .iter()
            .find(|cut| cut.event_id == id)
            .cloned()
        else {
            return false;
        };
        self.cut
            .retain(|(item_id, part)| *item_id != cut.item_id || *part != Some(cut.part));
        self.was_refused = true;
        true
    }

    /// Whether `event` belongs to a response that was interrupted before.
    fn is_late(&self, event: &Value) -> bool {
        let id = event["response_id"].as_str();
        id.is_some_and(|id| {
            self.interruptions
                .iter()
                .any(|cut| cut.dead.iter().any(|dead| dead == id))
        })
    }

    fn truncated(&mut self, at: u64, event: &Value) -> Result<(), String> {
        let item_id = event["item_id"].as_str().unwrap_or_default().to_owned();
        let event_id = event["event_id"].as_str().unwrap_or_default().to_owned();
        let part = event["content_index"].as_u64().unwrap_or_default();
        let end_ms = event["audio_end_ms"].as_u64().unwrap_or_default();
        let others = self.cut.iter().filter(|(cut, _)| *cut == item_id);
        let mut other_parts = others.map(|&(_, cut)| cut);
        if other_parts
            .clone()
            .any(|cut| cut.is_none_or(|cut| cut == part))
        {
            return Err(format!(
                "{item_id} truncated or deleted before, now truncated"
            ));
        }
        // A later part of an item that stays can be emptied only this way.
        if end_ms == 0 && part == 0 && other_parts.next().is_none() {
            return Err(format!("{item_id} truncated at 0 instead of deleted"));
        }
        let chars = self
            .received
            .get(&(item_id.clone(), part))
            .copied()
            .unwrap_or_default();
        let samples = chars * 3 / 4 / bytes_per_sample(self.config.model_audio);
        if end_ms as usize * 8 > samples {
            return Err(format!(
                "{item_id} truncated at {end_ms} ms of {samples} samples received"
            ));
        }
        self.cut.push((item_id.clone(), Some(part)));
        self.truncations.push(Truncation {
            at,
            event_id,
            item_id,
            part,
            end_ms,
        });
        Ok(())
    }
}

/// Whether the output stops the model's speech.
fn is_of_transaction(output: &Out) -> bool {
    match output {
        Out::ToTwilio(text) => text.contains("\"event\":\"clear\""),
        Out::ToOpenAi(_) => {
            let event = output.client_event().unwrap_or_default();
            let kinds = [
                "response.cancel",
                "conversation.item.truncate",
                "conversation.item.delete",
            ];
            event["type"]
                .as_str()
                .is_some_and(|kind| kinds.contains(&kind))
        }
        Out::Event(event) => matches!(event, Ev::BargeIn { .. }),
    }
}

/// Checks a call that has come to rest: what the model believes to have said is what the caller has
/// heard. `slack_ms` is how much less than that the model may be left with, beyond mark spacing and
/// path delay.
pub(crate) fn conclude(call: &Call, slack_ms: usize) {
    if let Err(reason) = conclusion(call, slack_ms) {
        panic!("{reason}\n{}", call.story());
    }
}

/// [`conclude`], with the reason returned.
pub(crate) fn conclusion(call: &Call, slack_ms: usize) -> Result<(), String> {
    for (_, code) in &call.model.refusals {
        if !BENIGN.contains(&code.as_str()) {
            return Err(format!("the model had to refuse something: {code}"));
        }
    }
    let places = call.player.places(&call.model.clips)?;
    let heard = call.heard_all();
    for interruption in &call.judge.interruptions {
        // Without a clear between them, the first samples of what follows may go on by chance as
        // what was interrupted would have.
        let by_chance = if interruption.cleared { 0 } else { 3 };
        let after = places.iter().skip(interruption.sent + by_chance);
        for place in after.flatten() {
            let response = &call.model.clips[place.clip].response_id;
            if interruption.dead.contains(response) {
                return Err(format!("audio of {response} sent after it was interrupted"));
            }
        }
    }
    let path = call.from_twilio.max_delay() + call.to_twilio.max_delay() + call.setup.late_timer;
    let interval = call.setup.config.mark_interval.as_micros() as u64;
    // A mark stands at the end of a frame, so it may come up to a frame after its time; one that
    // would stand closer than that to the end of an item gives way to the mark there. A
    // millisecond is lost in rounding the cut, and parts of one in times of whole microseconds.
    let bound = ((path + 2 * interval + 22_000) / 125) as usize + slack_ms * 8;
    let tolerance = tolerance(call.setup.config.model_audio);
    for item in call.model.items.iter().filter(|item| item.spoken) {
        let clips = (0..call.model.clips.len()).filter(|&n| call.model.clips[n].item_id == item.id);
        for clip in clips {
            let heard = heard[clip];
            let held = call.model.clips[clip].held;
            let part = u64::from(call.model.clips[clip].part);
            let id = &item.id;
            match item.truncated.iter().find(|(cut, _)| *cut == part) {
                _ if item.deleted => {
                    if heard > bound + tolerance {
                        return Err(format!("{id} deleted after {heard} samples were heard"));
                    }
                }
                Some(&(_, end_ms)) => {
                    let end = end_ms as usize * 8;
                    if end > heard + tolerance {
                        return Err(format!("{id} cut at {end} samples, {heard} were heard"));
                    }
                    if heard - end.min(heard) > bound + tolerance {
                        return Err(format!(
                            "{id} cut at {end} samples, though {heard} were heard (bound {bound})"
                        ));
                    }
                }
                _ => {
                    if heard + tolerance < held {
                        return Err(format!("{id}: {held} samples made, {heard} heard, not cut"));
                    }
                }
            }
        }
    }
    Ok(())
}

/// How far what was heard of a clip may be off, in samples: the ends of PCM are silence for the
/// resampler's sake, and silence may be anyone's.
pub(crate) fn tolerance(format: ModelAudio) -> usize {
    if format == ModelAudio::Mulaw { 0 } else { 110 }
}

/// Errors that come of races and mean nothing.
const BENIGN: [&str; 2] = [
    "response_cancel_not_active",
    "conversation_already_has_active_response",
];

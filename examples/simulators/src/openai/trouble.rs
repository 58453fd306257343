//! Faults, carried out.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::error::ApiError;
use super::fault::{Action, At, Fault};
use super::handshake::Outgoing;
use super::plan::{Content, Emit, Response, place};
use super::record::EventRecord;
use super::script::{Answer, Outcome, Output};
use super::session::{End, Session, Timer};
use crate::Speech;
use crate::audio::samples_in;
use crate::fault::Window;
use crate::network::Network;

/// The faults of one session, sorted.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// The way to the client, if it is bad.
    pub(super) network: Option<Network>,
    /// When nothing is read.
    pub(super) deaf: Vec<Window>,
    pub(super) late_deltas: usize,
    pub(super) late_vad: Duration,
    /// Truncations still to be refused.
    pub(super) refusals: usize,
    unknown_sent: usize,
}

impl Troubles {
    pub(super) fn new(faults: &[Fault], seed: u64) -> Self {
        let mut troubles = Self::default();
        let mut jitter = Duration::ZERO;
        let mut stalls = Vec::new();
        for fault in faults {
            match *fault {
                Fault::Jitter { max } => jitter = max,
                Fault::Stall(window) => stalls.push(window),
                Fault::SlowRead(window) => troubles.deaf.push(window),
                Fault::LateDelta { count } => troubles.late_deltas = count,
                Fault::LateVad { by } => troubles.late_vad = by,
                Fault::RefuseTruncate { count } => troubles.refusals = count,
                _ => {}
            }
        }
        if !jitter.is_zero() || !stalls.is_empty() {
            troubles.network = Some(Network::new(jitter, stalls, seed));
        }
        troubles
    }
}

impl Session {
    /// Sets the clocks of what goes wrong at a time.
    pub(super) fn set_alarms(&mut self) {
        let options = self.options.clone();
        for (index, fault) in options.faults.iter().enumerate() {
            match fault {
                Fault::At {
                    at: At::Time(times),
                    ..
                } => self.later(times.at, Timer::Fault(index)),
                Fault::FalseVad(window) => self.later(window.at, Timer::FalseSpeech(*window)),
                _ => {}
            }
        }
    }

    /// Carries out fault `index`, whose time has come.
    pub(super) fn alarm(&mut self, index: usize) {
        let options = self.options.clone();
        let Some(Fault::At { at, action }) = options.faults.get(index) else {
            return;
        };
        if let At::Time(times) = at {
            let since = options.clock.now() - self.started;
            if let Some(again) = times.after(since) {
                self.later(again - since, Timer::Fault(index));
            }
        }
        self.act(at, action);
    }

    /// Carries out the faults due at this event; whether the event still counts.
    pub(super) fn faults(&mut self, received: bool, kind: &str) -> bool {
        if self.options.faults.is_empty() {
            return true;
        }
        let count = self.counts.entry((received, kind.to_owned())).or_default();
        *count += 1;
        let now = match received {
            true => At::received(kind, *count),
            false => At::sending(kind, *count),
        };
        let options = self.options.clone();
        let mut goes_on = true;
        for fault in &options.faults {
            if let Fault::At { at, action } = fault
                && *at == now
            {
                goes_on &= *action != Action::Skip;
                self.act(at, action);
            }
        }
        goes_on && self.ending.is_none()
    }

    /// A fault begins a turn in which nobody speaks.
    pub(super) fn false_speech(&mut self, window: Window) {
        if !self.input.is_in_turn() {
            self.speech_started(self.input.end(), true);
            self.later(window.length, Timer::FalseSpeechEnds);
        }
        if let Some(every) = window.every {
            self.later(every, Timer::FalseSpeech(window));
        }
    }

    /// Unless somebody speaks by now.
    pub(super) fn false_speech_ends(&mut self) {
        if self.input.is_in_false_turn() {
            self.speech_stopped(self.input.end());
        }
    }

    /// The answer as it comes out if this response is to fail.
    pub(super) fn failing(&self, mut answer: Answer) -> Answer {
        let fails_after = self.options.faults.iter().find_map(|fault| match *fault {
            Fault::FailResponse { number, after } if number == self.answered => Some(after),
            _ => None,
        });
        let Some(after) = fails_after else {
            return answer;
        };
        for output in &mut answer.outputs {
            if let Output::Speech { speech, transcript } = output {
                let rate_hz = speech.rate_hz();
                let kept = samples_in(after, rate_hz).min(speech.samples().len());
                let share = kept as f64 / speech.samples().len().max(1) as f64;
                let words = (transcript.len() as f64 * share) as usize;
                transcript.truncate(transcript.floor_char_boundary(words));
                *speech = Speech::new(&speech.samples()[..kept], rate_hz);
            }
        }
        answer.outcome = Outcome::Failed {
            code: "server_error".to_owned(),
            message: "The server had an error.".to_owned(),
        };
        answer
    }

    fn act(&mut self, at: &At, action: &Action) {
        let fields = json!({ "at": at.to_string(), "action": format!("{action:?}") });
        self.log("fault", fields);
        match action {
            Action::Drop => self.ending = Some(End::Cut),
            Action::Reset => self.ending = Some(End::Reset),
            Action::Close { code, reason } => self.close(*code, reason),
            Action::Error {
                kind,
                code,
                message,
            } => {
                let error = ApiError {
                    kind: kind.clone(),
                    ..ApiError::new(code, message)
                };
                self.error(error, None);
            }
            Action::Send(event) => self.send_raw(&event.to_string()),
            Action::SendUnknown => {
                let event = unknown_event(self.troubles.unknown_sent);
                self.troubles.unknown_sent += 1;
                self.send_raw(&event.to_string());
            }
            Action::SendText(text) => self.send_raw(text),
            Action::Pause(time) => {
                let until = self.sending_time() + *time;
                let _ = self.outgoing.send(Outgoing::Pause(until));
                self.paused_until = Some(until);
            }
            Action::Skip => {}
        }
    }

    fn send_raw(&mut self, text: &str) {
        let time = self.post(Message::text(text));
        let event = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        self.record()
            .server_events
            .push(EventRecord { time, kind, event });
    }

    /// Tells that an item is complete.
    pub(super) fn announce(&mut self, item_id: &str) {
        let previous = self.conversation.previous(item_id);
        let Some(item) = self.conversation.find(item_id) else {
            return;
        };
        let fields = json!({ "previous_item_id": previous, "item": item.shown });
        self.send("conversation.item.added", fields.clone());
        self.send("conversation.item.done", fields);
    }
}

/// What is left to say of `response`, as the fields of up to `count` deltas.
pub(super) fn late_deltas(response: &Response, count: usize) -> Vec<Value> {
    let deltas = response.plan.iter().filter_map(|(_, emit)| match emit {
        Emit::Audio(index, range) => match &response.items[*index].content {
            Content::Speech { audio, .. } => {
                let mut fields = place(response, *index);
                fields["delta"] = json!(BASE64_STANDARD.encode(&audio[range.clone()]));
                Some(fields)
            }
            Content::Tool { .. } => None,
        },
        _ => None,
    });
    deltas.take(count).collect()
}

/// The `n`-th event of a kind no client knows.
fn unknown_event(n: usize) -> Value {
    match n % 4 {
        0 => json!({ "type": "response.surprise.delta", "event_id": "event_x", "delta": "AAAA" }),
        1 => json!({ "type": "weather.updated", "weather": [1, null, { "item_id": 7 }] }),
        2 => {
            json!({ "event_id": "event_x", "type": "response.output_video.delta", "response": {} })
        }
        _ => json!({ "item_id": 1, "type": "", "delta": null }),
    }
}

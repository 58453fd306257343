//! What the specification promises of a call, and the judge of everything the Bridge sends.
//!
//! Nothing here is taken from the Bridge: what is to be heard follows from the deltas that reached
//! it, what was heard from the player, and what it can know of that from the echoes that came back.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;
use trunkline::bridge::Stats;

use super::{
    clip::Clip,
    event::{Setup, Stops},
    server::{Server, Told},
};
use crate::common::{
    caller::STREAM_SID,
    io::Ev,
    ms,
    wire::{ToTwilio, read_to_openai, read_to_twilio},
};

/// Why the Bridge may have something to say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cause {
    Twilio(FromTwilio),
    Model(Told),
    Timer,
    TwilioClosed,
    ModelClosed,
    Interrupt,
    /// The application, or a tool, calls for a response.
    Owing,
    /// Any other command of the application.
    Command,
}

/// What a message from Twilio says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FromTwilio {
    Start,
    Media,
    Dtmf(char),
    Mark(String),
    Stop,
    Other,
}

/// A message as the peer gets it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sent {
    /// Stretches of clips.
    Audio(Vec<(usize, usize, usize)>),
    Mark(String),
    Clear,
    /// Bytes of the caller's audio.
    Append(usize),
    ToModel(Value),
    /// Nothing that a peer does anything about.
    Told,
}

/// A mark of the application, and how far each clip was on the line when it was asked for.
#[derive(Debug)]
pub(crate) struct AppMark {
    pub(crate) name: String,
    before: Vec<(usize, usize)>,
    pub(crate) told: usize,
}

/// A turn of the caller.
#[derive(Debug)]
struct Turn {
    item: usize,
    started: u64,
    ended: Option<u64>,
    /// It began over the model's voice, and nothing has shown yet that it is a turn.
    is_in_doubt: bool,
    /// It went on when there was nothing left to be held.
    is_unclear: bool,
}

/// The state of a call as the specification has it.
#[derive(Debug)]
pub(crate) struct Truth {
    setup: Setup,
    pub(crate) is_started: bool,
    pub(crate) is_ended: bool,
    pub(crate) is_ready: bool,
    pub(crate) caller_speaks: bool,
    /// The response that runs, as far as the Bridge has been told.
    active: Option<usize>,
    /// Responses known to the Bridge, and those of them that must not be heard any more.
    known: Vec<usize>,
    pub(crate) dead: Vec<usize>,
    /// What is to be sent, in order: clip, from, to.
    pub(crate) line: VecDeque<(usize, usize, usize)>,
    line_len: usize,
    /// What was sent and is not proven heard: clip, from, to, and samples of this epoch up to its
    /// end.
    unproven: VecDeque<(usize, usize, usize, u64)>,
    epoch: u32,
    epoch_sent: u64,
    /// Clips sent in this epoch that may not be played out.
    playing: Vec<usize>,
    /// Playback marks: epoch and samples of it sent before. And their names in order.
    marks: HashMap<String, (u32, u64)>,
    pub(crate) names: Vec<String>,
    pub(crate) before_clear: Option<String>,
    unmarked: u64,
    pub(crate) app_marks: Vec<AppMark>,
    /// Truncations asked for, by item and part: event id and milliseconds.
    cuts: HashMap<(usize, u64), (String, u64)>,
    deleted: Vec<usize>,
    was_refused: bool,
    /// Cuts refused that are not made again: too short to be moved back, or not the last one.
    given_up: Vec<(usize, u64)>,
    last_cut: String,
    /// When a response was asked for, if nothing has come of it.
    asked: Option<u64>,
    /// No response has begun since the application or a tool called for one, and since the caller's
    /// turn ended that the Bridge has to have answered.
    is_owed: bool,
    is_answer_owed: bool,
    /// Reasons to ask for a response that no request was made for: the application or a tool calls
    /// for it, the caller's turn has ended, an earlier request came to nothing.
    reasons: u32,
    /// Since when playback is held.
    held_since: Option<u64>,
    /// There was nothing left to be held: it may have ended without a word.
    is_hold_unclear: bool,
    unclear_since: Option<u64>,
    turns: Vec<Turn>,
    /// Since when, and up to when, the caller's microphone has heard a voice.
    voice_from: u64,
    voice_to: u64,
    pub(crate) now: u64,
    /// Tool calls told: item and session.
    pub(crate) calls: Vec<(usize, usize)>,
    heard_items: HashMap<usize, usize>,
    digits: Vec<char>,
    pub(crate) ready_events: usize,
    /// Something stood still for a while: how full the player is says nothing.
    pub(crate) is_disturbed: bool,
    /// What this exchange has brought so far.
    cause: Cause,
    index: usize,
    rank: u32,
    cleared: bool,
    cancelled: bool,
    must_clear: bool,
    must_cancel: bool,
    must_cut: Vec<usize>,
    is_interruption: bool,
    is_late: bool,
    spilled: u64,
    dropped: u64,
}

impl Truth {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            setup: setup.clone(),
            is_started: false,
            is_ended: false,
            is_ready: false,
            caller_speaks: false,
            active: None,
            known: Vec::new(),
            dead: Vec::new(),
            line: VecDeque::new(),
            line_len: 0,
            unproven: VecDeque::new(),
            epoch: 0,
            epoch_sent: 0,
            playing: Vec::new(),
            marks: HashMap::new(),
            names: Vec::new(),
            before_clear: None,
            unmarked: 0,
            app_marks: Vec::new(),
            cuts: HashMap::new(),
            deleted: Vec::new(),
            was_refused: false,
            given_up: Vec::new(),
            last_cut: String::new(),
            asked: None,
            is_owed: false,
            is_answer_owed: false,
            reasons: 0,
            held_since: None,
            is_hold_unclear: false,
            unclear_since: None,
            turns: Vec::new(),
            voice_from: 0,
            voice_to: 0,
            now: 0,
            calls: Vec::new(),
            heard_items: HashMap::new(),
            digits: Vec::new(),
            ready_events: 0,
            is_disturbed: false,
            cause: Cause::Timer,
            index: 0,
            rank: 0,
            cleared: false,
            cancelled: false,
            must_clear: false,
            must_cancel: false,
            must_cut: Vec::new(),
            is_interruption: false,
            is_late: false,
            spilled: 0,
            dropped: 0,
        }
    }

    /// The Bridge has taken an input: what follows from it, before anything comes out.
    pub(crate) fn learn(&mut self, server: &mut Server, now: u64, cause: Cause, stats: &Stats) {
        self.now = now;
        self.index = 0;
        self.rank = 0;
        self.cleared = false;
        self.cancelled = false;
        self.must_clear = false;
        self.must_cancel = false;
        self.must_cut.clear();
        self.is_late = false;
        self.spilled = stats.spilled_samples;
        self.is_interruption = match &cause {
            Cause::Interrupt => true,
            Cause::Model(Told::SpeechStarted(_)) => self.setup.stops == Stops::OnSpeech,
            _ => false,
        };
        match &cause {
            Cause::Model(told) => self.learn_from_model(server, told),
            Cause::Twilio(FromTwilio::Start) => self.is_started = true,
            Cause::Twilio(FromTwilio::Stop) | Cause::TwilioClosed => self.is_ended = true,
            Cause::Twilio(FromTwilio::Mark(name)) => self.echoed(server, name),
            Cause::Twilio(FromTwilio::Dtmf(digit)) => self.digits.push(*digit),
            Cause::Owing => {
                self.is_owed = true;
                self.reasons += 1;
            }
            Cause::ModelClosed => {
                self.reasons += u32::from(self.asked.is_some());
                self.turns.clear();
                // The next session has not heard the turn.
                self.is_answer_owed = false;
                self.is_ready = false;
                self.caller_speaks = false;
                self.active = None;
                self.asked = None;
                for clip in 0..server.clips.len() {
                    self.finish(server, clip);
                }
            }
            _ => {}
        }
        self.cause = cause;
        self.is_interruption |= self.is_confirmed_now();
        if self.is_interruption {
            self.interrupted(server);
        }
    }

    /// Checks one output and says what becomes of it.
    pub(crate) fn watch_twilio(
        &mut self,
        server: &mut Server,
        stats: &Stats,
        text: &str,
    ) -> Result<Sent, String> {
        self.index += 1;
        if !self.is_started || self.is_ended {
            return Err(format!("sent outside of the stream: {text}"));
        }
        match read_to_twilio(text, STREAM_SID)? {
            ToTwilio::Media(audio) => {
                self.decide_plain(server);
                if core::mem::take(&mut self.is_hold_unclear) {
                    self.held_since = None;
                }
                if self.held_since.is_some() {
                    return Err("audio is sent while playback is held".into());
                }
                if audio.len() > 160 {
                    return Err(format!("a frame of {} samples", audio.len()));
                }
                let stretches = self.take_from_line(&mut server.clips, &audio)?;
                self.check_level(server, stats)?;
                Ok(Sent::Audio(stretches))
            }
            ToTwilio::Mark(name) => {
                if self.unmarked > self.mark_bound() {
                    return Err(format!("{} samples without a mark", self.unmarked));
                }
                self.unmarked = 0;
                let place = (self.epoch, self.epoch_sent);
                if let Some(other) = self.marks.insert(name.clone(), place)
                    && other != place
                {
                    return Err(format!("a mark's name twice: {name}"));
                }
                self.names.push(name.clone());
                Ok(Sent::Mark(name))
            }
            ToTwilio::Clear => {
                self.confirm(server)?;
                self.step(1, "clear")?;
                if !self.is_interruption {
                    return Err("a clear that nothing asked for".into());
                }
                if core::mem::replace(&mut self.cleared, true) {
                    return Err("two clears in one transaction".into());
                }
                // What a voice heard here brings comes after the audio it was heard in.
                if self.index > 2 && !self.setup.listens {
                    return Err(format!("the clear is output number {}", self.index));
                }
                self.before_clear = self.names.last().cloned();
                Ok(Sent::Clear)
            }
        }
    }

    pub(crate) fn watch_model(&mut self, server: &mut Server, text: &str) -> Result<Sent, String> {
        let now = self.now;
        self.index += 1;
        let event = read_to_openai(text)?;
        let kind = event["type"].as_str().unwrap_or_default();
        if kind != "session.update" && !self.is_ready && kind != "conversation.item.create" {
            return Err(format!("sent to a session that is not ready: {text}"));
        }
        match kind {
            "input_audio_buffer.append" => {
                let audio = event["audio"].as_str().unwrap_or_default();
                let padding = audio.bytes().rev().take_while(|&byte| byte == b'=').count();
                return Ok(Sent::Append(audio.len() / 4 * 3 - padding));
            }
            "response.create" => {
                if self.active.is_some() {
                    return Err("asks for a response while one runs".into());
                }
                if self.caller_speaks {
                    return Err("asks for a response in the caller's turn".into());
                }
                if self.asked.is_some_and(|at| now < at + PATIENCE) {
                    return Err("asks for a second response".into());
                }
                if self.reasons == 0 {
                    return Err("asks for a response that nothing calls for".into());
                }
                self.reasons -= 1;
                self.asked = Some(now);
            }
            "response.cancel" => {
                if !matches!(self.cause, Cause::Model(Told::Created(_))) {
                    self.confirm(server)?;
                }
                self.step(2, "cancel")?;
                let Some(active) = self.active else {
                    return Err("a cancel while no response runs".into());
                };
                let is_voice = self.is_interruption && self.cause != Cause::Interrupt;
                if is_voice && self.setup.interrupts && !self.setup.stops.is_confirmed() {
                    return Err("a cancel where the server cancels by itself".into());
                }
                match self.cause {
                    _ if self.is_interruption => {}
                    // Asked for before an interruption, begun after it.
                    Cause::Model(Told::Created(response)) => {
                        self.dead.push(response);
                        // An interruption without a word may have been what ended a hold.
                        self.is_hold_unclear |= self.held_since.is_some();
                        self.is_late = true;
                        self.reasons += 1;
                    }
                    _ => return Err(format!("a cancel of resp_{active} without a reason")),
                }
                if core::mem::replace(&mut self.cancelled, true) {
                    return Err("two cancels in one transaction".into());
                }
            }
            "conversation.item.truncate" => self.truncated(server, &event)?,
            "conversation.item.delete" => {
                self.confirm(server)?;
                self.step(3, "delete")?;
                let item = number(&event["item_id"], "item_");
                self.may_cut(server, item)?;
                if self.cuts.keys().any(|&(cut, _)| cut == item) || self.deleted.contains(&item) {
                    return Err(format!(
                        "item_{item} truncated or deleted before, now deleted"
                    ));
                }
                let mut clips = server.clips.iter().filter(|clip| clip.item == item);
                if clips.any(|clip| clip.proven >= shortest_cut(clip) && !clip.is_holed) {
                    return Err(format!("item_{item} deleted, though some of it was heard"));
                }
                self.deleted.push(item);
            }
            _ => {}
        }
        Ok(Sent::ToModel(event))
    }

    pub(crate) fn watch_event(
        &mut self,
        server: &mut Server,
        stats: &Stats,
        event: &Ev,
    ) -> Result<(), String> {
        self.index += 1;
        match event {
            Ev::BargeIn {
                item_id, audio_end, ..
            } => {
                self.confirm(server)?;
                self.step(4, "BargeIn")?;
                if !self.is_interruption {
                    return Err("a barge-in that nothing asked for".into());
                }
                let item = number(&Value::from(item_id.as_str()), "item_");
                let mut told = self.cuts.iter().filter(|(cut, _)| cut.0 == item);
                let is_told = told.any(|(_, cut)| u128::from(cut.1) == audio_end.as_millis());
                let is_deleted = self.deleted.contains(&item) && audio_end.is_zero();
                let is_gone = server.items[item].session != server.session;
                if !is_told && !is_deleted && !is_gone && !self.was_refused {
                    return Err(format!(
                        "BargeIn says {audio_end:?} of item_{item}, which the model was not told"
                    ));
                }
                let mut clips = server.clips.iter().filter(|clip| clip.item == item);
                let limit = clips.any(|clip| audio_end.as_millis() * 8 <= clip.played as u128);
                if !limit && !audio_end.is_zero() {
                    return Err(format!(
                        "BargeIn: {audio_end:?} of item_{item} were not heard"
                    ));
                }
            }
            Ev::ItemHeard { item_id, audio_end } => {
                let item = number(&Value::from(item_id.as_str()), "item_");
                let clips = server.clips.iter().filter(|clip| clip.item == item);
                let told = self.heard_items.entry(item).or_default();
                *told += 1;
                // Each part is told for itself.
                let is_heard = |clip: &&Clip| {
                    clip.is_finished && clip.played == clip.line.len() || clip.is_holed
                };
                let is_meant = |clip: &Clip| {
                    u128::from(clip.received_ms()).abs_diff(audio_end.as_millis()) <= 1
                };
                let heard = clips.clone().filter(is_heard);
                if heard.clone().count() < *told
                    || !heard.clone().any(|clip| is_meant(clip) || clip.is_holed)
                    || self.deleted.contains(&item)
                {
                    let clips: Vec<_> = clips
                        .map(|clip| (clip.played, clip.line.len(), clip.is_finished))
                        .collect();
                    return Err(format!(
                        "item_{item} was not heard to its end at {audio_end:?}: {clips:?}"
                    ));
                }
            }
            Ev::Mark { name, heard } => {
                let mark = self.app_marks.iter_mut().find(|mark| mark.name == *name);
                let mark = mark.ok_or("a mark that the application did not set")?;
                mark.told += 1;
                let played = |&(clip, len): &(usize, usize)| {
                    let clip: &Clip = &server.clips[clip];
                    clip.played >= len || clip.is_holed
                };
                if *heard && !mark.before.iter().all(played) {
                    return Err(format!("mark {name} was not reached"));
                }
            }
            Ev::Dtmf(digit) if self.digits.pop() != Some(*digit) => {
                return Err(format!("{digit} was not pressed"));
            }
            Ev::ToolCall { call_id, .. } => {
                let item = number(&Value::from(call_id.as_str()), "call_");
                if self.calls.iter().any(|&(told, _)| told == item) {
                    return Err(format!("{call_id} told twice"));
                }
                self.calls.push((item, server.session));
            }
            Ev::SessionReady => self.ready_events += 1,
            Ev::FormatMismatch => return Err("the format is the one asked for".into()),
            Ev::PlaybackHeld => {
                let is_told = matches!(self.cause, Cause::Model(Told::SpeechStarted(_)));
                let is_heard = self.setup.listens && self.now < self.voice_to + HEARSAY;
                if !(is_told && self.setup.stops.is_confirmed() || is_heard) {
                    return Err("playback is held for nothing".into());
                }
                // Should it barge in and the model not have heard it, an answer is asked for.
                self.reasons += u32::from(!is_told && self.setup.creates);
                let is_unclear = core::mem::take(&mut self.is_hold_unclear);
                if self.held_since.replace(self.now).is_some() && !is_unclear {
                    return Err("playback is held twice".into());
                }
                // It may go on with a turn that began over silence.
                if let Some(turn) = self
                    .turns
                    .last_mut()
                    .filter(|turn| is_told && !turn.is_in_doubt)
                {
                    turn.is_in_doubt = true;
                    turn.started = self.now;
                }
            }
            Ev::PlaybackResumed { held } => {
                self.is_hold_unclear = false;
                let Some(since) = self.held_since.take().or(self.unclear_since.take()) else {
                    return Err("playback goes on that was not held".into());
                };
                if held.as_micros() != u128::from(self.now - since) {
                    return Err(format!("held for {held:?}, since {since}"));
                }
            }
            Ev::AudioDropped { item_id, duration } => {
                let item = number(&Value::from(item_id.as_str()), "item_");
                let samples = stats.downlink_dropped_samples - self.dropped;
                self.dropped = stats.downlink_dropped_samples;
                if u128::from(samples / 8) != duration.as_millis() {
                    return Err(format!("{samples} samples dropped, {duration:?} told"));
                }
                self.drop_audio(server, item, samples as usize)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// All outputs of an exchange are out.
    pub(crate) fn settle(&mut self, server: &mut Server) -> Result<(), String> {
        self.decide_plain(server);
        self.check_hold(server)?;
        if self.must_clear && !self.cleared {
            return Err("the player is not cleared".into());
        }
        if self.must_cancel && !self.cancelled {
            return Err("the response is not cancelled".into());
        }
        for &clip in &self.must_cut {
            let Clip { item, part, .. } = server.clips[clip];
            if !self.cuts.contains_key(&(item, part)) && !self.deleted.contains(&item) {
                return Err(format!("item_{item} part {part} is not cut"));
            }
        }
        if !self.digits.is_empty() {
            return Err("a key is not told".into());
        }
        if self.line.is_empty() || !self.is_started || self.is_ended || self.is_disturbed {
            return Ok(());
        }
        if self.held_since.is_some() || self.is_hold_unclear {
            return Ok(());
        }
        let least = self.setup.lead.max(40) * 8 - 160;
        let unplayed = self.unplayed(server) as u64;
        let drift = self.epoch_sent / 1_000 + self.setup.late_timer / 125;
        if self.line_len >= 160 && unplayed + drift + 8 < least {
            return Err(format!(
                "{} samples wait though only {unplayed} are under way",
                self.line_len
            ));
        }
        Ok(())
    }

    /// Whether there is a voice in what the caller sends.
    pub(crate) fn is_voice(&mut self, now: u64, is_voice: bool) {
        if is_voice {
            if now > self.voice_to + ms(300) {
                self.voice_from = now;
            }
            self.voice_to = now;
        }
    }

    /// The application asks for a mark.
    pub(crate) fn mark(&mut self, server: &Server, name: String) {
        let on_line = |&clip: &usize| {
            let at = &server.clips[clip];
            at.played < at.line.len() && !self.dead.contains(&at.response)
        };
        let before = (0..server.clips.len()).filter(on_line);
        let before = before.map(|clip| (clip, server.clips[clip].line.len()));
        self.app_marks.push(AppMark {
            name,
            before: before.collect(),
            told: 0,
        });
    }

    /// A response is still to come.
    pub(crate) fn owes(&self) -> bool {
        self.is_owed || self.is_answer_owed
    }

    /// Samples sent since the last clear and not yet played.
    pub(crate) fn unplayed(&self, server: &Server) -> usize {
        let clips = self.playing.iter().map(|&clip| &server.clips[clip]);
        clips
            .map(|clip| clip.sent - clip.played.min(clip.sent))
            .sum()
    }

    /// A call that has come to rest: what the model believes to have said is what was heard.
    /// `is_deaf`: some echoes were lost.
    pub(crate) fn conclude(&self, server: &Server, is_deaf: bool) -> Result<(), String> {
        if let Some(complaint) = server.complaints.first() {
            return Err(format!("the server had to refuse something: {complaint}"));
        }
        if self.line_len > 0 {
            return Err(format!("{} samples are never sent", self.line_len));
        }
        for clip in server.clips.iter().filter(|clip| !clip.is_over && !is_deaf) {
            if clip.proven < clip.line.len() {
                return Err(format!("item_{} is never proven heard", clip.item));
            }
            let told = self.heard_items.get(&clip.item).copied();
            let is_heard = |other: &&Clip| {
                let is_due = !other.is_over && !other.is_untold && !other.line.is_empty();
                other.item == clip.item && is_due
            };
            if told.unwrap_or_default() < server.clips.iter().filter(is_heard).count() {
                return Err(format!("item_{} is never told as heard", clip.item));
            }
        }
        for clip in &server.clips {
            let item = &server.items[clip.item];
            let name = format!("item_{} part {}", clip.item, clip.part);
            let is_given_up = self.given_up.contains(&(clip.item, clip.part));
            let is_gone = item.is_deleted || item.is_lost;
            if item.session != server.session || is_gone || is_given_up {
                continue;
            }
            let cut = item.cuts.iter().filter(|cut| cut.0 == clip.part);
            match cut.map(|cut| cut.1).min() {
                Some(end) if end * 8 > clip.played as u64 && !clip.is_holed => {
                    return Err(format!(
                        "{name} cut at {end} ms, {} samples heard",
                        clip.played
                    ));
                }
                None if !clip.is_played_out() && !clip.is_holed => {
                    return Err(format!(
                        "{name} not cut: {} ms made, {} of {} samples heard",
                        clip.made_ms(),
                        clip.played,
                        clip.line.len()
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn learn_from_model(&mut self, server: &mut Server, told: &Told) {
        match *told {
            Told::Ready => self.is_ready = true,
            Told::Created(response) => {
                self.known.push(response);
                self.active = Some(response);
                self.asked = None;
                self.is_owed = false;
                self.is_answer_owed = false;
            }
            Told::ItemAdded(item) => {
                let response = server.items[item].response;
                self.is_late = response.is_some_and(|response| self.dead.contains(&response));
            }
            Told::Delta { clip, known } => {
                let response = server.clips[clip].response;
                self.is_late = self.dead.contains(&response);
                if self.is_late || !self.is_ready {
                    server.clips[clip].is_silenced = true;
                } else {
                    let from = server.clips[clip].line.len();
                    let count = server.clips[clip].receive(known);
                    self.extend(clip, from, count);
                }
            }
            Told::Finished(clip) => {
                self.is_late = self.dead.contains(&server.clips[clip].response);
                self.finish(server, clip);
            }
            Told::Done(response) => {
                self.is_late = self.dead.contains(&response);
                self.active = self.active.filter(|&active| active != response);
                for clip in 0..server.clips.len() {
                    if server.clips[clip].response == response {
                        self.finish(server, clip);
                    }
                }
            }
            Told::SpeechStarted(item) => {
                self.caller_speaks = true;
                // Nothing is held back.
                let is_idle = !self.is_answering() && self.asked.is_none() && self.line.is_empty();
                self.is_hold_unclear |= is_idle && self.held_since.is_some();
                match self.turns.last_mut().filter(|turn| turn.ended.is_none()) {
                    // It goes on.
                    Some(turn) => {
                        turn.item = item;
                        turn.is_unclear |= is_idle;
                    }
                    None => self.turns.push(Turn {
                        item,
                        started: self.now,
                        ended: None,
                        is_in_doubt: self.setup.stops.is_confirmed(),
                        is_unclear: self.is_hold_unclear,
                    }),
                }
            }
            Told::SpeechStopped => {
                self.caller_speaks = false;
                let Some(turn) = self.turns.last_mut() else {
                    return;
                };
                turn.ended = Some(self.now);
                let (is_in_doubt, is_unclear) = (turn.is_in_doubt, turn.is_unclear);
                if !is_in_doubt {
                    self.turn_ended();
                }
                if is_unclear {
                    self.reasons += u32::from(self.setup.creates);
                }
            }
            Told::Transcript(item, false) => self.turns.retain(|turn| turn.item != item),
            Told::Refused(ref kind, ref id) => {
                if kind == "response.create" {
                    self.asked = None;
                    self.reasons += 1;
                }
                let before = self.cuts.len();
                for (&cut, (event_id, ms)) in &self.cuts {
                    if event_id == id && (*ms < 100 || *id != self.last_cut) {
                        self.given_up.push(cut);
                    }
                }
                self.cuts.retain(|_, cut| cut.0 != *id);
                self.was_refused |= self.cuts.len() < before;
            }
            Told::Transcript(_, true) | Told::ToolCall(_) | Told::Other => {}
        }
    }

    fn finish(&mut self, server: &mut Server, clip: usize) {
        let from = server.clips[clip].line.len();
        if self.dead.contains(&server.clips[clip].response) {
            server.clips[clip].is_finished = true;
            return;
        }
        let at = &mut server.clips[clip];
        let was_finished = at.is_finished;
        let count = at.finish();
        // Nothing is told of a part whose end comes after its last echo.
        at.is_untold |= !was_finished && at.proven == at.line.len();
        self.extend(clip, from, count);
    }

    fn extend(&mut self, clip: usize, from: usize, count: usize) {
        if count > 0 {
            self.line.push_back((clip, from, from + count));
            self.line_len += count;
        }
    }

    /// A playback mark has come back: what was sent before it was heard, if it is of this epoch.
    fn echoed(&mut self, server: &mut Server, name: &str) {
        let Some(&(epoch, position)) = self.marks.get(name) else {
            return;
        };
        if epoch != self.epoch {
            return;
        }
        while let Some(&(clip, _, to, end)) = self.unproven.front() {
            if end > position {
                break;
            }
            server.clips[clip].proven = to;
            self.unproven.pop_front();
        }
    }

    /// The end of a turn that is one, where the server does not answer by itself.
    fn turn_ended(&mut self) {
        if self.setup.creates && self.setup.stops.is_confirmed() {
            self.is_answer_owed = true;
            self.reasons += 1;
        }
    }

    /// What has just been told shows that a turn in doubt is one.
    fn is_confirmed_now(&self) -> bool {
        let mut doubts = self.turns.iter().filter(|turn| turn.is_in_doubt);
        match (self.setup.stops, &self.cause) {
            (Stops::AfterSpeech(time), Cause::Model(Told::SpeechStopped)) => doubts.any(|turn| {
                turn.ended
                    .is_some_and(|at| at >= turn.started + ms(time) + SILENCE)
            }),
            (Stops::OnTranscript, Cause::Model(Told::Transcript(item, true))) => {
                doubts.any(|turn| turn.item == *item)
            }
            _ => false,
        }
    }

    /// The first part of a transaction that nothing but time has begun: whether it may.
    fn confirm(&mut self, server: &mut Server) -> Result<(), String> {
        let is_retry = matches!(self.cause, Cause::Model(Told::Refused(..)));
        if self.is_interruption || self.is_late || is_retry {
            return Ok(());
        }
        let is_long = |turn: &Turn, time: u64| {
            turn.is_in_doubt && turn.ended.is_none() && self.now >= turn.started + ms(time)
        };
        let is_confirmed = match self.setup.stops {
            Stops::AfterSpeech(time) if self.turns.iter().any(|turn| is_long(turn, time)) => true,
            // A voice of such a length, heard here.
            Stops::AfterSpeech(time) if self.setup.listens => {
                let is_heard = self.now < self.voice_to + HEARSAY;
                // The last frame, and the silence that ends a voice.
                let length = self.voice_to - self.voice_from + ms(500);
                is_heard && length >= ms(time)
            }
            _ => false,
        };
        let is_voice = matches!(self.cause, Cause::Model(Told::SpeechStarted(_)));
        let is_plain = self.is_plain() || is_voice && self.line.is_empty();
        if !is_confirmed && !is_plain {
            return Err("an interruption that nothing calls for".into());
        }
        self.is_interruption = true;
        self.interrupted(server);
        Ok(())
    }

    /// Speech has just been reported, and playback is not held for it.
    fn is_plain(&self) -> bool {
        let is_voice = matches!(self.cause, Cause::Model(Told::SpeechStarted(_)));
        is_voice && self.setup.stops.is_confirmed() && self.held_since.is_none()
    }

    /// Speech for which playback is not held is a turn at once.
    fn decide_plain(&mut self, server: &mut Server) {
        if self.is_plain() && !self.is_interruption {
            self.is_interruption = true;
            self.interrupted(server);
        }
    }

    /// A response runs that may still be heard.
    fn is_answering(&self) -> bool {
        self.active
            .is_some_and(|active| !self.dead.contains(&active))
    }

    /// Nothing is left that an interruption would stop.
    fn is_idle(&self, server: &Server) -> bool {
        let is_open = |clip: &Clip| clip.is_open() && clip.proven < clip.line.len();
        !self.is_answering() && !server.clips.iter().any(is_open)
    }

    /// A hold ends in time, and decides what it was for.
    fn check_hold(&mut self, server: &mut Server) -> Result<(), String> {
        let is_measured = matches!(self.setup.stops, Stops::AfterSpeech(_));
        if is_measured {
            // What has not lasted long enough by its end never will.
            self.turns
                .retain(|turn| !turn.is_in_doubt || turn.ended.is_none());
        }
        if self.is_hold_unclear && !self.turns.iter().any(|turn| turn.is_in_doubt) {
            self.is_hold_unclear = false;
            self.unclear_since = self.held_since.take();
        }
        let Some(since) = self.held_since.filter(|_| !self.is_hold_unclear) else {
            return Ok(());
        };
        let doubts = self.turns.iter().filter(|turn| turn.is_in_doubt);
        let latest = match self.setup.stops {
            Stops::AfterSpeech(time) => doubts.map(|turn| turn.started + ms(time) + SILENCE).min(),
            _ => doubts
                .map(|turn| turn.ended.map_or(u64::MAX, |at| at + 2_000_000))
                .max(),
        };
        // What was heard here alone holds for two seconds at most.
        let alone = since + if self.setup.listens { 2_000_000 } else { 0 };
        let latest = latest.unwrap_or(alone).max(alone).min(since + 10_000_000);
        if self.is_disturbed || self.now <= latest + self.setup.late_timer {
            return Ok(());
        }
        if is_measured && self.is_idle(server) {
            // There was nothing left to interrupt.
            self.interrupted(server);
            return Ok(());
        }
        Err(format!("held since {since}, which nothing decides"))
    }

    /// Nothing of what is known by now is to be heard any more.
    fn interrupted(&mut self, server: &mut Server) {
        self.held_since = None;
        self.is_hold_unclear = false;
        let mut has_ended = false;
        let is_by_hand = self.cause == Cause::Interrupt;
        for turn in self.turns.iter_mut().filter(|turn| turn.is_in_doubt) {
            // The application's interruption says nothing about the caller.
            turn.is_unclear |= is_by_hand;
            if is_by_hand {
                continue;
            }
            turn.is_in_doubt = false;
            has_ended |= turn.ended.is_some();
        }
        if has_ended {
            self.turn_ended();
        }
        self.must_clear = self.unplayed(server) > 0;
        let cancels_itself = self.setup.interrupts && !self.setup.stops.is_confirmed();
        let is_cancelled = cancels_itself && (self.cause != Cause::Interrupt || self.caller_speaks);
        self.must_cancel = self.is_interruption && !is_cancelled && self.is_answering();
        let is_open = |&clip: &usize| {
            let at = &server.clips[clip];
            let is_here = server.items[at.item].session == server.session;
            let is_open = at.proven < at.line.len() && !self.dead.contains(&at.response);
            is_here && is_open
        };
        self.must_cut = (0..server.clips.len()).filter(is_open).collect();
        // What was asked for is not to begin; the caller's own turn is answered anyway.
        if self.cause == Cause::Interrupt {
            self.is_owed = false;
            self.is_answer_owed = false;
        }
        self.dead.clone_from(&self.known);
        for clip in &mut server.clips {
            clip.is_over = true;
        }
        self.line.clear();
        self.line_len = 0;
        self.unproven.clear();
        self.playing.clear();
        self.epoch += 1;
        self.epoch_sent = 0;
        self.unmarked = 0;
    }

    fn take_from_line(
        &mut self,
        clips: &mut [Clip],
        mut audio: &[u8],
    ) -> Result<Vec<(usize, usize, usize)>, String> {
        let mut stretches = Vec::new();
        while !audio.is_empty() {
            let Some((clip, from, to)) = self.line.pop_front() else {
                return Err(format!("{} samples that are not to be heard", audio.len()));
            };
            let count = audio.len().min(to - from);
            let at = &mut clips[clip];
            if let Some(n) = (0..count).find(|&n| audio[n] != at.line[from + n]) {
                return Err(format!(
                    "not sample {} of item_{} part {}",
                    from + n,
                    at.item,
                    at.part
                ));
            }
            audio = &audio[count..];
            if from + count < to {
                self.line.push_front((clip, from + count, to));
            }
            at.sent = from + count;
            self.epoch_sent += count as u64;
            self.unmarked += count as u64;
            self.line_len -= count;
            let end = self.epoch_sent;
            self.unproven.push_back((clip, from, from + count, end));
            if self.playing.last() != Some(&clip) {
                self.playing
                    .retain(|&clip| clips[clip].played < clips[clip].sent);
                self.playing.push(clip);
            }
            stretches.push((clip, from, from + count));
        }
        Ok(stretches)
    }

    fn check_level(&self, server: &Server, stats: &Stats) -> Result<(), String> {
        if self.is_disturbed || stats.spilled_samples > self.spilled {
            return Ok(());
        }
        let path = (self.setup.delays[1] + 2 * self.setup.jitter) / 125;
        let most = self.setup.lead.max(40) * 8 + 160 + path + self.epoch_sent / 1_000;
        let unplayed = self.unplayed(server) as u64;
        if unplayed > most {
            return Err(format!(
                "{unplayed} samples under way, {most} expected at most"
            ));
        }
        Ok(())
    }

    fn mark_bound(&self) -> u64 {
        2 * self.setup.mark_interval.max(20) * 8 + 160
    }

    fn truncated(&mut self, server: &mut Server, event: &Value) -> Result<(), String> {
        self.confirm(server)?;
        self.step(3, "truncate")?;
        let item = number(&event["item_id"], "item_");
        let part = event["content_index"].as_u64().unwrap_or_default();
        let end = event["audio_end_ms"].as_u64().unwrap_or_default();
        self.may_cut(server, item)?;
        if self.cuts.contains_key(&(item, part)) || self.deleted.contains(&item) {
            return Err(format!("item_{item} cut before, now truncated"));
        }
        let is_meant = |clip: &&Clip| clip.item == item && clip.part == part;
        let Some(clip) = server.clips.iter().find(is_meant) else {
            return Err(format!("item_{item} has no part {part}"));
        };
        if end * 8 > clip.played as u64 && !clip.is_holed {
            return Err(format!(
                "item_{item} cut at {end} ms, {} samples heard",
                clip.played
            ));
        }
        if end > clip.received_ms() {
            return Err(format!(
                "item_{item} cut at {end} ms, {} ms received",
                clip.received_ms()
            ));
        }
        let known = (clip.proven as u64 / 8).min(clip.received_ms());
        let slack = if clip.is_pcm { 3 } else { 0 };
        if end + slack < known && !self.was_refused && !clip.is_holed {
            return Err(format!(
                "item_{item} cut at {end} ms, though {known} ms are proven heard"
            ));
        }
        let mut parts = server.clips.iter().filter(|clip| clip.item == item);
        if end == 0
            && part == 0
            && parts.all(|clip| clip.proven < 8 || clip.is_pcm)
            && !self.was_refused
        {
            return Err(format!("item_{item} truncated at 0 instead of deleted"));
        }
        let id = event["event_id"].as_str().unwrap_or_default().to_owned();
        self.last_cut.clone_from(&id);
        self.cuts.insert((item, part), (id, end));
        Ok(())
    }

    fn may_cut(&self, server: &Server, item: usize) -> Result<(), String> {
        let is_retry = matches!(&self.cause, Cause::Model(Told::Refused(kind, _))
            if kind == "conversation.item.truncate");
        if !(self.is_interruption || self.is_late || is_retry) {
            return Err(format!("item_{item} is cut without an interruption"));
        }
        match server.items.get(item) {
            Some(known) if known.session == server.session => Ok(()),
            _ => Err(format!("item_{item} is not of this session")),
        }
    }

    /// `samples` of the last delta had no room.
    fn drop_audio(
        &mut self,
        server: &mut Server,
        item: usize,
        samples: usize,
    ) -> Result<(), String> {
        let Cause::Model(Told::Delta { clip, .. }) = self.cause else {
            return Err("audio is dropped that is not new".into());
        };
        let at = &mut server.clips[clip];
        at.is_holed = true;
        match self.line.back_mut() {
            Some((back, from, to))
                if *back == clip && at.item == item && samples <= *to - *from =>
            {
                *to -= samples;
                at.line.truncate(*to);
                self.line_len -= samples;
                if from == to {
                    self.line.pop_back();
                }
                Ok(())
            }
            _ => Err(format!(
                "{samples} samples of item_{item} dropped that it did not bring"
            )),
        }
    }

    /// The parts of a transaction come in order.
    fn step(&mut self, rank: u32, what: &str) -> Result<(), String> {
        if rank < self.rank {
            return Err(format!("{what} comes too late in the transaction"));
        }
        self.rank = rank;
        Ok(())
    }
}

/// Samples heard of a part that make the first millisecond; the resampler's delay comes before.
fn shortest_cut(clip: &Clip) -> usize {
    if clip.is_pcm { 32 } else { 8 }
}

fn number(id: &Value, prefix: &str) -> usize {
    let text = id.as_str().unwrap_or_default();
    text.strip_prefix(prefix)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(usize::MAX)
}

/// How long after it a voice may still be noticed: links stall, and hosts sleep.
const HEARSAY: u64 = 4_000_000;
/// What ends a turn in all sessions here, in microseconds.
const SILENCE: u64 = 500_000;
/// A refusal that has not come by then will not come.
const PATIENCE: u64 = 10_000_000;

//! What the specification promises of a call, and the judge of everything the Bridge sends.
//!
//! Nothing here is taken from the Bridge: what is to be heard follows from the deltas that reached
//! it, what was heard from the player, and what it can know of that from the echoes that came back.

mod cuts;
mod outputs;
mod rest;
mod turns;

use std::collections::{HashMap, VecDeque};

use serde_json::Value;
use trunkline::bridge::Stats;

use self::turns::{HEARSAY, Turn};
use super::{
    clip::Clip,
    event::{Setup, Stops},
    server::{Server, Told},
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
    /// Cuts refused that are not made again, since another one came after them.
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
    /// Since when it was held before an interruption that may have found nothing to stop.
    interrupted_hold: Option<u64>,
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
            interrupted_hold: None,
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
                if self.is_late && self.is_new_part_of_cut(server, clip) {
                    self.must_cut.push(clip);
                }
                if !self.is_late && self.is_ready {
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
                match self.turns.last_mut().filter(|turn| turn.ended.is_none()) {
                    // It goes on.
                    Some(turn) => {
                        turn.item = item;
                        turn.is_unclear |= is_idle;
                    }
                    None => self.turn_began(Turn {
                        item,
                        started: self.now,
                        ended: None,
                        is_in_doubt: self.setup.stops.is_confirmed(),
                        is_unclear: false,
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
                // A voice heard here may have confirmed it without a word.
                let is_heard = self.setup.listens && self.now < self.voice_to + HEARSAY;
                // So is short speech that leaves nothing to go on with.
                let is_last = !self.is_answering() && self.line.is_empty();
                let is_unclear = is_unclear || is_heard || is_in_doubt && is_last;
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
                for (&cut, (event_id, _)) in &self.cuts {
                    if event_id == id && *id != self.last_cut {
                        self.given_up.push(cut);
                    }
                }
                self.cuts.retain(|_, cut| cut.0 != *id);
                self.was_refused |= self.cuts.len() < before;
            }
            Told::Transcript(_, true) | Told::ToolCall(_) | Told::Other => {}
        }
    }

    /// Whether nothing of the part has reached the Bridge before, and its item was truncated in an
    /// earlier part, so that it stays.
    fn is_new_part_of_cut(&self, server: &Server, clip: usize) -> bool {
        let Clip { item, part, .. } = server.clips[clip];
        let is_here = server.items[item].session == server.session;
        let mut earlier = self.cuts.keys().filter(|cut| cut.0 == item);
        let is_cut = earlier.clone().count() > 0 && earlier.all(|cut| cut.1 < part);
        is_here && is_cut && server.clips[clip].received_ms() == 0
    }

    fn finish(&mut self, server: &mut Server, clip: usize) {
        let from = server.clips[clip].line.len();
        if self.dead.contains(&server.clips[clip].response) {
            server.clips[clip].is_finished = true;
            return;
        }
        let count = server.clips[clip].finish();
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

    /// Nothing of what is known by now is to be heard any more.
    fn interrupted(&mut self, server: &mut Server) {
        // An interruption that finds nothing to stop is told as a hold that is over.
        self.interrupted_hold = self.held_since.take();
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
            clip.is_over |= clip.received > 0 || self.dead.contains(&clip.response);
        }
        self.line.clear();
        self.line_len = 0;
        self.unproven.clear();
        self.playing.clear();
        self.epoch += 1;
        self.epoch_sent = 0;
        self.unmarked = 0;
    }
}

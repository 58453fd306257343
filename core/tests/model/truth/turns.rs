//! The caller's turns, and whether they interrupt.

use super::{Cause, Truth};
use crate::{
    common::ms,
    event::Stops,
    server::{Server, Told},
};

/// A turn of the caller.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) item: usize,
    pub(super) started: u64,
    pub(super) ended: Option<u64>,
    /// It began over the model's voice, and nothing has shown yet that it is a turn.
    pub(super) is_in_doubt: bool,
    /// It went on when there was nothing left to be held.
    pub(super) is_unclear: bool,
}

impl Truth {
    /// Whether there is a voice in what the caller sends.
    pub(crate) fn is_voice(&mut self, now: u64, is_voice: bool) {
        if is_voice {
            if now > self.voice_to + ms(300) {
                self.voice_from = now;
            }
            self.voice_to = now;
        }
    }

    /// A turn that may be one; of more than three in doubt, the oldest is none any more.
    pub(super) fn turn_began(&mut self, turn: Turn) {
        self.turns.push(turn);
        let mut doubts = (0..self.turns.len()).filter(|&n| self.turns[n].is_in_doubt);
        if let (Some(oldest), Some(_)) = (doubts.next(), doubts.nth(2)) {
            self.turns.remove(oldest);
        }
    }

    /// The end of a turn that is one, where the server does not answer by itself.
    pub(super) fn turn_ended(&mut self) {
        if self.setup.creates && self.setup.stops.is_confirmed() {
            self.is_answer_owed = true;
            self.reasons += 1;
        }
    }

    /// What has just been told shows that a turn in doubt is one.
    pub(super) fn is_confirmed_now(&self) -> bool {
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
    pub(super) fn confirm(&mut self, server: &mut Server) -> Result<(), String> {
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
    pub(super) fn is_plain(&self) -> bool {
        let is_voice = matches!(self.cause, Cause::Model(Told::SpeechStarted(_)));
        is_voice && self.setup.stops.is_confirmed() && self.held_since.is_none()
    }

    /// Speech for which playback is not held is a turn at once.
    pub(super) fn decide_plain(&mut self, server: &mut Server) {
        if self.is_plain() && !self.is_interruption {
            self.is_interruption = true;
            self.interrupted(server);
        }
    }

    /// Speech that has lasted long enough is a turn, also if nothing is left that it could stop: then
    /// nothing is told, and what begins later begins after it.
    fn decide_silently(&mut self, server: &Server) {
        let Stops::AfterSpeech(time) = self.setup.stops else {
            return;
        };
        if self.cause != Cause::Timer || !self.is_idle(server) {
            return;
        }
        let decided = ms(time) + SILENCE;
        for turn in &mut self.turns {
            turn.is_in_doubt &= turn.ended.is_some() || self.now < turn.started + decided;
        }
    }

    /// A hold ends in time, and decides what it was for.
    pub(super) fn check_hold(&mut self, server: &mut Server) -> Result<(), String> {
        let is_measured = matches!(self.setup.stops, Stops::AfterSpeech(_));
        if is_measured {
            // What has not lasted long enough by its end never will.
            self.turns
                .retain(|turn| !turn.is_in_doubt || turn.ended.is_none());
        }
        let Some(since) = self.held_since else {
            self.decide_silently(server);
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
        let path = self.setup.delays[0] + self.setup.jitter + ms(2 * self.setup.frame as u64);
        let alone = match self.setup.listens {
            true => since.max(self.voice_to + path) + 2_000_000,
            false => since,
        };
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
}

/// How long after it a voice may still be noticed: links stall, and hosts sleep.
pub(super) const HEARSAY: u64 = 4_000_000;
/// What ends a turn in all sessions here, in microseconds.
const SILENCE: u64 = 500_000;

//! Interruptions that are not confirmed: turns in doubt, and the playback they hold.

use core::time::Duration;

use super::{Bridge, config::BargeIn, record, storage::Record, uplink::MAX_APPEND_SAMPLES};
use crate::{
    Error, JsonStr,
    dialect::{Carrier, Model},
    id::Id,
    mulaw,
};

/// What speaks for an interruption, while none of it is enough.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    /// The caller's turns over the model's speech that are not decided, newest first. They outlive
    /// a hold that has run out of time.
    turns: [Option<Turn>; MAX_TURNS],
    /// Until when a voice that was detected here holds playback by itself.
    voice_until: Option<Duration>,
    /// Enough has come; it only remains to be done.
    is_confirmed: bool,
    /// By when the model has to hear a voice that has barged in without it.
    pub(super) unheard_until: Option<Duration>,
}

/// A turn of the caller that may be none.
#[derive(Clone, Copy, Debug)]
struct Turn {
    item: Option<Id>,
    started: Duration,
    ended: Option<End>,
}

/// The end of a turn: when it was reported, and when the caller had spoken the last word.
#[derive(Clone, Copy, Debug)]
struct End {
    reported: Duration,
    speech_end: Duration,
}

impl Hold {
    pub(super) const fn new() -> Self {
        Self {
            turns: [None; MAX_TURNS],
            voice_until: None,
            is_confirmed: false,
            unheard_until: None,
        }
    }

    /// A turn that begins without an end of the one before goes on with it.
    fn begin_turn(&mut self, now: Duration, item: Option<Id>) {
        if let Some(Some(turn)) = self.open_turn() {
            turn.item = item.or(turn.item);
            return;
        }
        let free = self.turns.iter().position(Option::is_none);
        self.turns[..=free.unwrap_or(MAX_TURNS - 1)].rotate_right(1);
        self.turns[0] = Some(Turn {
            item,
            started: now,
            ended: None,
        });
    }

    /// The turn in doubt that is under way.
    fn open_turn(&mut self) -> Option<&mut Option<Turn>> {
        let newest = &mut self.turns[0];
        newest
            .is_some_and(|turn| turn.ended.is_none())
            .then_some(newest)
    }

    fn turn_of(&mut self, item_id: JsonStr<'_>) -> Option<&mut Option<Turn>> {
        let is_of = |turn: &Turn| turn.item.is_some_and(|id| item_id == *id.as_str());
        self.turns
            .iter_mut()
            .find(|turn| turn.as_ref().is_some_and(is_of))
    }

    /// The end of the newest turn in doubt that has one.
    fn last_end(&self) -> Option<End> {
        self.turns.iter().flatten().find_map(|turn| turn.ended)
    }

    /// The time at which waiting confirms: `silence` is what the model waits for before it reports
    /// the end of a turn.
    fn confirmed_at(&self, barge_in: BargeIn, silence: Duration) -> Option<Duration> {
        if self.is_confirmed {
            return Some(Duration::ZERO);
        }
        let BargeIn::AfterSpeech(speech) = barge_in else {
            return None;
        };
        let open = self.turns.iter().flatten();
        open.filter(|turn| turn.ended.is_none())
            .map(|turn| turn.started.saturating_add(speech).saturating_add(silence))
            .min()
    }

    /// When a hold that began at `since` has waited long enough.
    fn released_at(&self, since: Duration) -> Duration {
        let limit = since.saturating_add(MAX_HOLD);
        let turns = self.turns.iter().flatten();
        turns
            .map(|turn| match turn.ended {
                None => limit,
                Some(end) => end.reported.saturating_add(TRANSCRIPT_PATIENCE),
            })
            .chain(self.voice_until)
            .max()
            .unwrap_or(Duration::ZERO)
            .min(limit)
    }

    /// Playback is no longer at stake; turns stay in doubt.
    pub(super) fn end(&mut self) {
        self.voice_until = None;
        self.is_confirmed = false;
        self.unheard_until = None;
    }
}

impl<M: AsRef<[u8]> + AsMut<[u8]>, C: Carrier, D: Model> Bridge<M, C, D> {
    pub(super) fn speech_started(
        &mut self,
        item_id: Option<JsonStr<'_>>,
        audio_start_ms: u64,
    ) -> Result<(), Error> {
        let started = Record::new(record::SPEECH_STARTED, [audio_start_ms], &[]);
        let is_in_doubt = self.config.barge_in.is_confirmed_later() && self.is_model_speaking();
        if is_in_doubt {
            self.push(started)?;
            let item = item_id.and_then(|id| Id::from_json(id, "item_id").ok());
            self.hold.begin_turn(self.now, item);
            self.hold_playback();
        } else if self.config.barge_in == BargeIn::Never {
            self.push(started)?;
        } else {
            let cancels = !self.dialog.interrupts_response;
            self.interrupt_playback(cancels, true, Some(started))?;
            self.hold = Hold::new();
        }
        self.hold.unheard_until = None;
        self.dialog.speech_started(is_in_doubt);
        Ok(())
    }

    pub(super) fn speech_stopped(&mut self, audio_end_ms: u64) -> Result<(), Error> {
        self.push_event(Record::new(record::SPEECH_STOPPED, [audio_end_ms], &[]))?;
        // What has lasted long enough by now is confirmed, whichever is noticed first.
        self.settle();
        let position = self.uplink.position();
        let behind = position.saturating_sub(Duration::from_millis(audio_end_ms));
        let speech_end = self.dialog.speech_stopped(self.now, behind);
        let end = End {
            reported: self.now,
            speech_end,
        };
        let is_measured = matches!(self.config.barge_in, BargeIn::AfterSpeech(_));
        match self.hold.open_turn() {
            Some(turn) if is_measured => {
                *turn = None;
                // Nothing is left that could go on instead: it was a turn like any other.
                if !self.is_model_speaking() {
                    self.dialog.turn_ended(speech_end);
                }
            }
            Some(turn) => {
                *turn = turn.map(|turn| Turn {
                    ended: Some(end),
                    ..turn
                })
            }
            None => self.dialog.turn_ended(speech_end),
        }
        self.settle();
        Ok(())
    }

    /// Hears what goes to the model, μ-law.
    pub(super) fn listen(&mut self, caller: &[u8]) {
        let Some(detector) = &mut self.voice else {
            return;
        };
        let mut pcm = [0; MAX_APPEND_SAMPLES];
        let pcm = &mut pcm[..caller.len()];
        mulaw::decode(caller, pcm).expect("the lengths are equal");
        let before = detector.speech();
        let speech = detector.process(pcm);
        match (before, speech) {
            (None, Some(_)) if !self.dialog.is_caller_speaking && self.is_model_speaking() => {
                self.hold.voice_until = Some(self.now.saturating_add(MAX_VOICE));
                self.hold_playback();
            }
            (Some(_), None) => {
                let patience = self.now.saturating_add(SPEECH_PATIENCE);
                let until = self.hold.voice_until.map(|until| until.min(patience));
                self.hold.voice_until = until;
            }
            _ => {}
        }
        let barge_in = self.config.barge_in;
        if let (BargeIn::AfterSpeech(needed), Some(since)) = (barge_in, self.downlink.held_since())
        {
            // What was spoken long before playback was held says nothing about this.
            let lately = self.now.saturating_sub(since).saturating_add(ONSET);
            self.hold.is_confirmed |= speech.is_some_and(|spoken| spoken.min(lately) >= needed);
        }
        self.settle();
    }

    /// The caller's words, as far as they decide anything: whether there are any.
    pub(super) fn caller_understood(&mut self, item_id: JsonStr<'_>, has_words: bool) {
        let Some(turn) = self.hold.turn_of(item_id) else {
            return;
        };
        if !has_words {
            *turn = None;
        } else if self.config.barge_in == BargeIn::OnTranscript {
            self.hold.is_confirmed = true;
        }
        self.settle();
    }

    /// What of the doubt time alone decides, and when.
    pub(super) fn hold_deadline(&self) -> Option<Duration> {
        let held_since = self.downlink.held_since();
        let confirmed = self
            .hold
            .confirmed_at(self.config.barge_in, self.dialog.silence());
        let released = held_since.map(|since| self.hold.released_at(since));
        [confirmed, released, self.hold.unheard_until]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is decided: interrupts, or lets playback go on.
    pub(super) fn settle(&mut self) {
        let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= self.now);
        let silence = self.dialog.silence();
        if is_due(self.hold.confirmed_at(self.config.barge_in, silence)) {
            // Should commands have filled the queue, this is made up for when it is drained.
            if self.confirm().is_err() {
                self.hold.is_confirmed = true;
            }
            return;
        }
        if is_due(self.hold.unheard_until) {
            self.hold.unheard_until = None;
            self.dialog.owe_answer();
        }
        let held_since = self.downlink.held_since();
        if is_due(held_since.map(|since| self.hold.released_at(since))) {
            self.resume_playback();
        }
    }

    /// The model's socket is gone, and with it whoever could confirm.
    pub(super) fn give_up_hold(&mut self) {
        self.hold = Hold::new();
        self.resume_playback();
    }

    fn confirm(&mut self) -> Result<(), Error> {
        let end = self.hold.last_end();
        self.interrupt_playback(!self.dialog.interrupts_response, true, None)?;
        self.hold = Hold::new();
        if let Some(end) = end {
            self.dialog.turn_ended(end.speech_end);
        } else if !self.dialog.is_caller_speaking {
            self.hold.unheard_until = Some(self.now.saturating_add(UNHEARD_PATIENCE));
        }
        Ok(())
    }

    fn hold_playback(&mut self) {
        if !self.downlink.hold(self.now) {
            return;
        }
        self.stats.holds += 1;
        // Should commands have filled the queue, the counter tells it all the same.
        let _ = self.push(Record::new(record::PLAYBACK_HELD, [], &[]));
    }

    fn resume_playback(&mut self) {
        self.hold.voice_until = None;
        let Some(since) = self.downlink.resume() else {
            return;
        };
        self.stats.false_barge_ins += 1;
        let held = self.now.saturating_sub(since);
        let _ = self.push(Record::playback_resumed(held));
    }

    /// The model is heard, or is about to be.
    fn is_model_speaking(&self) -> bool {
        self.dialog.is_answering(self.now) || self.downlink.is_playing(self.now)
    }
}

/// Turns that may be in doubt at one time; a transcript comes within a turn or two.
const MAX_TURNS: usize = 3;
/// From the end of a turn to its transcript.
const TRANSCRIPT_PATIENCE: Duration = Duration::from_secs(2);
/// Speech that was heard when its onset is told.
const ONSET: Duration = Duration::from_millis(80);
/// From the end of a voice heard here to the model's word of it.
const SPEECH_PATIENCE: Duration = Duration::from_millis(500);
/// A voice heard here that the model has not heard by then is none.
const MAX_VOICE: Duration = Duration::from_secs(2);
/// From a barge-in of a voice heard here to the model's word of it.
const UNHEARD_PATIENCE: Duration = Duration::from_secs(3);
/// However long the caller's end makes itself heard.
const MAX_HOLD: Duration = Duration::from_secs(10);

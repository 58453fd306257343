//! Response arbiter and what a session remembers.

use core::time::Duration;

use super::{
    calls::Calls,
    event_id::{EventId, EventIds, Purpose},
};
use crate::{
    Error, JsonStr,
    dialect::{AudioFormat, SessionState},
    id::Id,
    playback::Unheard,
};

/// The model's side of the call: its session, its one active response and the one it owes.
#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) session: Session,
    /// Position on the line where this session's items begin.
    pub(super) line_start: u64,
    pub(super) is_caller_speaking: bool,
    pub(super) interrupts_response: bool,
    /// When the caller's last turn ended, until its answer begins.
    pub(super) speech_end: Option<Duration>,
    /// End of the caller's turn and position on the line where its answer begins, until it is heard.
    pub(super) latency_probe: Option<(Duration, u64)>,
    creates_response: bool,
    silence: Duration,
    active: Option<Id>,
    /// A response is to be asked for as soon as it may.
    is_owed: bool,
    /// When a response was asked for, if neither it nor a refusal has come since.
    requested_at: Option<Duration>,
    /// The caller spoke, or the application interrupted, before the response asked for began.
    is_request_stale: bool,
    /// The last request written is for a response out of band.
    is_out_of_band: bool,
    /// The request for a response that was written last, and the one that was sent last.
    written: EventId,
    sent: Option<EventId>,
    /// The response owed is the one that tool outputs call for.
    is_owed_for_tools: bool,
    /// The caller's turns are to be answered, and it is left to us to ask for it.
    asks_for_answers: bool,
    /// The answer to the caller's turn is to be asked for as soon as it may.
    owes_answer: bool,
    /// The request sent last is for such an answer.
    is_answer_requested: bool,
    /// Until when the response that voice detection starts by itself is waited for.
    answer_until: Option<Duration>,
    /// The content part whose audio came last, unless its item was deleted since.
    pub(super) last_part: Option<(Id, u32)>,
    /// The last truncation asked for, until another one is.
    pub(super) last_cut: Option<Truncation>,
    /// Audio that we have received and the model, by its refusals, does not hold yet.
    cut_margin_ms: u64,
    pub(super) calls: Calls,
    side: [Option<Side>; MAX_SIDE],
    discarded: [Option<Id>; MAX_DISCARDED],
    pub(super) events: EventIds,
}

/// How far the model's session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    /// No session, or one whose settings were not confirmed.
    Pending,
    /// Set as asked; audio flows.
    Ready,
    /// Set to another format; audio is held back.
    Mismatched,
}

/// A response out of band and the item it speaks, if any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    pub(super) response: Id,
    pub(super) item: Option<Id>,
}

/// A truncation as it was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Truncation {
    pub(super) event_id: EventId,
    pub(super) tries: u32,
    pub(super) item_id: Id,
    pub(super) content_index: u32,
    pub(super) audio_end_ms: u64,
    received_ms: u64,
}

impl Dialog {
    pub(super) fn new() -> Self {
        Self {
            session: Session::Pending,
            line_start: 0,
            is_caller_speaking: false,
            interrupts_response: true,
            speech_end: None,
            latency_probe: None,
            creates_response: true,
            silence: Duration::ZERO,
            active: None,
            is_owed: false,
            requested_at: None,
            is_request_stale: false,
            is_out_of_band: false,
            written: EventId::EMPTY,
            sent: None,
            is_owed_for_tools: false,
            asks_for_answers: false,
            owes_answer: false,
            is_answer_requested: false,
            answer_until: None,
            last_part: None,
            last_cut: None,
            cut_margin_ms: 0,
            calls: Calls::new(),
            side: [None; MAX_SIDE],
            discarded: [None; MAX_DISCARDED],
            events: EventIds::new(),
        }
    }

    /// The session's settings are known: it is ready if both formats are the `expected` one.
    pub(super) fn configure(&mut self, state: &SessionState, expected: AudioFormat) {
        let is_as_asked = state.input == Some(expected) && state.output == Some(expected);
        self.session = if is_as_asked {
            Session::Ready
        } else {
            Session::Mismatched
        };
        self.creates_response = state.creates_response.unwrap_or(self.creates_response);
        self.interrupts_response = state
            .interrupts_response
            .unwrap_or(self.interrupts_response);
        if let Some(ms) = state.silence_duration_ms {
            self.silence = Duration::from_millis(ms.into());
        }
    }

    /// The session is gone; the next one's items begin at `line_start`. What is owed stays owed.
    pub(super) fn disconnect(&mut self, line_start: u64) {
        *self = Self {
            is_owed: self.is_owed || self.requested_at.is_some() && !self.is_answer_requested,
            is_owed_for_tools: self.is_owed_for_tools,
            is_out_of_band: self.is_out_of_band,
            written: self.written,
            events: self.events,
            line_start,
            latency_probe: self.latency_probe,
            ..Self::new()
        };
    }

    /// Answers and cancellations are left to us; whether the caller's turns are to be answered.
    pub(super) fn take_over(&mut self, asks_for_answers: bool) {
        self.creates_response = false;
        self.interrupts_response = false;
        self.asks_for_answers = asks_for_answers;
    }

    /// The caller speaks; while it is in doubt, an answer that is due is still expected.
    pub(super) fn speech_started(&mut self, is_in_doubt: bool) {
        self.is_caller_speaking = true;
        if !is_in_doubt {
            self.answer_until = None;
            self.speech_end = None;
        }
    }

    /// The caller is silent; `behind` is the audio appended since. Voice detection waited for the
    /// silence that ends a turn, so the caller's last word, whose time is returned, is older by
    /// that.
    pub(super) fn speech_stopped(&mut self, now: Duration, behind: Duration) -> Duration {
        self.is_caller_speaking = false;
        // Whatever begins from here on, begins after the caller.
        self.is_request_stale = false;
        self.answer_until = self
            .creates_response
            .then_some(now.saturating_add(ANSWER_PATIENCE));
        now.saturating_sub(behind.saturating_add(self.silence))
    }

    /// The caller's turn is over, with the last word at `speech_end`.
    pub(super) fn turn_ended(&mut self, speech_end: Duration) {
        self.speech_end = Some(speech_end);
        self.owe_answer();
    }

    /// The caller's turn is to be answered, if it is left to us to ask for it.
    pub(super) fn owe_answer(&mut self) {
        self.owes_answer = self.asks_for_answers;
    }

    /// Silence that ends a turn, as far as the session told.
    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    /// A response of the conversation is being made or was asked for.
    pub(super) fn is_answering(&self, now: Duration) -> bool {
        let is_requested = self
            .requested_at
            .is_some_and(|at| now < at.saturating_add(REQUEST_PATIENCE));
        self.interruptible().is_some()
            || is_requested && (self.is_answer_requested || !self.is_out_of_band)
    }

    /// A response of the conversation has begun. Whether it is to be cancelled at once: it is the
    /// one asked for, and an interruption has come between.
    pub(super) fn response_created(&mut self, now: Duration, id: Id) -> bool {
        self.active = Some(id);
        self.answer_until = None;
        let is_asked_for = self.requested_at.is_some() && !self.is_request_out_of_band();
        if !is_asked_for || self.is_answer_requested {
            // The answer to the caller's turn: it knows of tool outputs, unless they crossed it.
            let crossed = now < self.calls.output_sent.saturating_add(CROSSING_TIME);
            self.is_owed &= !self.is_owed_for_tools || crossed;
        }
        if !is_asked_for {
            return false;
        }
        self.requested_at = None;
        core::mem::take(&mut self.is_request_stale)
    }

    /// A response out of band has begun: it blocks nothing.
    pub(super) fn side_response_created(&mut self, response: Id) {
        if self.is_request_out_of_band() {
            self.requested_at = None;
        }
        self.side.rotate_right(1);
        self.side[0] = Some(Side {
            response,
            item: None,
        });
    }

    /// The out-of-band response of this id.
    pub(super) fn side_response(&mut self, id: JsonStr<'_>) -> Option<&mut Side> {
        self.side
            .iter_mut()
            .flatten()
            .find(|side| id == *side.response.as_str())
    }

    /// Whether the item belongs to a response out of band, so that no conversation holds it.
    pub(super) fn is_side_item(&self, item_id: &str) -> bool {
        self.side
            .iter()
            .flatten()
            .any(|side| side.item.is_some_and(|id| id.as_str() == item_id))
    }

    /// An interruption: nothing more of what is being said is to be heard, and a response that was
    /// asked for is not to begin. If the caller spoke, it is asked for again.
    pub(super) fn interrupted(&mut self, by_caller: bool) {
        self.is_request_stale = self.requested_at.is_some() && !self.is_request_out_of_band();
        if !by_caller {
            self.sent = None;
        }
        if let Some(active) = self.interruptible() {
            self.discard(active);
        }
        for side in self.side.into_iter().flatten() {
            self.discard(side.response);
        }
    }

    /// Whether the response that ended is the one that was active.
    pub(super) fn response_done(&mut self, id: JsonStr<'_>) -> bool {
        let is_active = self.active.is_some_and(|active| id == *active.as_str());
        if is_active {
            self.active = None;
        }
        is_active
    }

    /// The active response, unless it was discarded already.
    pub(super) fn interruptible(&self) -> Option<Id> {
        self.active
            .filter(|active| !self.discarded.contains(&Some(*active)))
    }

    /// Nothing more of this response is to be heard.
    pub(super) fn discard(&mut self, id: Id) {
        self.discarded.rotate_right(1);
        self.discarded[0] = Some(id);
    }

    pub(super) fn is_discarded(&self, id: JsonStr<'_>) -> bool {
        self.discarded
            .iter()
            .flatten()
            .any(|discarded| id == *discarded.as_str())
    }

    /// A response is owed, for the application or for tool outputs.
    pub(super) fn owe(&mut self, request: EventId, is_for_tools: bool, is_out_of_band: bool) {
        self.is_owed = true;
        self.is_out_of_band = is_out_of_band;
        self.written = request;
        self.is_owed_for_tools = is_for_tools;
    }

    /// A response waits to be asked for.
    pub(super) fn owes(&self) -> bool {
        self.is_owed
    }

    /// The response owed may be asked for now.
    pub(super) fn is_response_due(&self, now: Duration) -> bool {
        self.may_ask() && self.asking_from().is_none_or(|from| from <= now)
    }

    /// When the response owed may be asked for, if time is all that is waited for.
    pub(super) fn patience_ends(&self) -> Option<Duration> {
        self.asking_from()
            .filter(|_| self.may_ask() || self.may_ask_for_answer())
    }

    /// The answer to the caller's turn may be asked for now.
    pub(super) fn is_answer_due(&self, now: Duration) -> bool {
        self.may_ask_for_answer() && self.asking_from().is_none_or(|from| from <= now)
    }

    /// Asking waits for voice detection's own response, and for the answer to an earlier request:
    /// refusals do not always say what they refuse.
    fn asking_from(&self) -> Option<Duration> {
        let answered = self
            .requested_at
            .map(|at| at.saturating_add(REQUEST_PATIENCE));
        self.answer_until.max(answered)
    }

    fn may_ask(&self) -> bool {
        self.session == Session::Ready
            && self.is_owed
            && (self.is_out_of_band || self.active.is_none() && !self.is_caller_speaking)
            && !(self.is_owed_for_tools && self.calls.has_open())
    }

    fn may_ask_for_answer(&self) -> bool {
        self.session == Session::Ready
            && self.owes_answer
            && self.active.is_none()
            && !self.is_caller_speaking
    }

    /// The request under way is for a response out of band.
    fn is_request_out_of_band(&self) -> bool {
        self.is_out_of_band && !self.is_answer_requested
    }

    pub(super) fn response_requested(&mut self, now: Duration) {
        self.is_owed = false;
        self.requested_at = Some(now);
        self.is_request_stale = false;
        self.sent = Some(self.written);
        self.is_answer_requested = false;
    }

    /// The answer to the caller's turn was asked for.
    pub(super) fn answer_requested(&mut self, now: Duration, request: EventId) {
        self.owes_answer = false;
        self.requested_at = Some(now);
        self.is_request_stale = false;
        self.sent = Some(request);
        self.is_answer_requested = true;
    }

    /// The request last sent, if it is an answer or still the one written, can be made again.
    pub(super) fn ask_again(&mut self) {
        if self.is_answer_requested {
            self.owes_answer |= self.sent.is_some();
        } else {
            self.is_owed |= self.sent == Some(self.written);
        }
    }

    /// A request met another response, which may have been created before it or since: if it is
    /// still the last one written, it is made again after that response. Whether it is.
    pub(super) fn request_collided(&mut self, event_id: JsonStr<'_>) -> bool {
        let Some(sent) = self.take_sent(event_id) else {
            return false;
        };
        if self.is_answer_requested {
            self.owes_answer = true;
            return true;
        }
        let is_last = sent == self.written;
        self.is_owed |= is_last;
        is_last
    }

    /// A request was refused for good.
    pub(super) fn request_refused(&mut self, event_id: JsonStr<'_>) {
        self.take_sent(event_id);
    }

    fn take_sent(&mut self, event_id: JsonStr<'_>) -> Option<EventId> {
        let sent = self.sent.filter(|sent| event_id == *sent.as_str())?;
        self.sent = None;
        self.requested_at = None;
        self.is_request_stale = false;
        Some(sent)
    }

    /// The truncation of a part of which `heard_ms` were heard.
    pub(super) fn truncate(
        &mut self,
        unheard: &Unheard<'_>,
        heard_ms: u64,
    ) -> Result<Truncation, Error> {
        let held_ms = unheard.received_ms.saturating_sub(self.cut_margin_ms);
        let cut = Truncation {
            event_id: self.events.next(Purpose::Truncate),
            tries: 1,
            item_id: Id::new(unheard.item_id, "item_id")?,
            content_index: unheard.content_index,
            audio_end_ms: heard_ms.min(held_ms),
            received_ms: unheard.received_ms,
        };
        // One at 0 is never refused for its length, and must not hide one before it.
        if cut.audio_end_ms > 0 {
            self.last_cut = Some(cut);
        }
        Ok(cut)
    }

    /// The last truncation, made again further back if `event_id` is its: the model holds less than
    /// it has sent. It has been seen 85 ms behind on live calls, so each refusal moves the point
    /// back by [`CUT_STEP_MS`], now and from now on, a few times.
    pub(super) fn truncate_again(&mut self, event_id: JsonStr<'_>) -> Option<Truncation> {
        let refused = self
            .last_cut
            .filter(|cut| event_id == *cut.event_id.as_str())?;
        self.last_cut = None;
        if refused.tries == MAX_CUT_TRIES || refused.audio_end_ms == 0 {
            return None;
        }
        let audio_end_ms = refused.audio_end_ms.saturating_sub(CUT_STEP_MS);
        let margin_ms = refused.received_ms.saturating_sub(audio_end_ms);
        self.cut_margin_ms = self.cut_margin_ms.max(margin_ms.min(MAX_CUT_MARGIN_MS));
        self.last_cut = Some(Truncation {
            event_id: self.events.next(Purpose::Truncate),
            tries: refused.tries + 1,
            audio_end_ms,
            ..refused
        });
        self.last_cut
    }
}

/// After a turn, voice detection's own response comes within milliseconds; if it has not by then,
/// it will not.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
/// How far a refused truncation is moved back.
const CUT_STEP_MS: u64 = 100;
const MAX_CUT_TRIES: u32 = 5;
const MAX_CUT_MARGIN_MS: u64 = 500;
/// A refusal takes a round trip; what has not come by then will not come.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
/// A tool's output that left less than this before a response began may not have been seen by it.
const CROSSING_TIME: Duration = Duration::from_millis(500);
/// Responses out of band that may run at one time.
const MAX_SIDE: usize = 4;
/// Deltas trail an interruption by a round trip, in which few responses can begin.
const MAX_DISCARDED: usize = 2 * MAX_SIDE;

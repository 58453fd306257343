//! Response arbiter and what a session remembers.

use core::{fmt::Write as _, time::Duration};

use crate::{
    Error, JsonStr,
    dialect::{AudioFormat, SessionState},
    id::{Ascii, Id},
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
    /// A response was asked for, and none has been created since.
    is_requested: bool,
    /// The request for a response that was written last, and the one that was sent last.
    written: EventId,
    sent: Option<EventId>,
    /// The response owed is the one that tool outputs call for.
    is_owed_for_tools: bool,
    /// Until when the response that voice detection starts by itself is waited for.
    answer_until: Option<Duration>,
    /// The content part whose audio came last, unless its item was deleted since.
    pub(super) last_part: Option<(Id, u32)>,
    /// The last truncation asked for, until another one is.
    last_cut: Option<Truncation>,
    /// Audio that we have received and the model, by its refusals, does not hold yet.
    cut_margin_ms: u64,
    calls: [Option<Call>; MAX_CALLS],
    discarded: [Option<Id>; MAX_DISCARDED],
    events: u32,
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

/// A truncation as it was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Truncation {
    pub(super) item_id: Id,
    pub(super) content_index: u32,
    pub(super) audio_end_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    id: Id,
    is_answered: bool,
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
            is_requested: false,
            written: EventId::EMPTY,
            sent: None,
            is_owed_for_tools: false,
            answer_until: None,
            last_part: None,
            last_cut: None,
            cut_margin_ms: 0,
            calls: [None; MAX_CALLS],
            discarded: [None; MAX_DISCARDED],
            events: 0,
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
            is_owed: self.is_owed || self.is_requested,
            is_owed_for_tools: self.is_owed_for_tools,
            written: self.written,
            events: self.events,
            line_start,
            latency_probe: self.latency_probe,
            ..Self::new()
        };
    }

    pub(super) fn speech_started(&mut self) {
        self.is_caller_speaking = true;
        self.answer_until = None;
        self.speech_end = None;
    }

    /// The caller's turn is over; `behind` is the audio appended after its end. Voice detection
    /// waited for the silence that ends a turn, so the caller's last word is older by that.
    pub(super) fn speech_stopped(&mut self, now: Duration, behind: Duration) {
        self.is_caller_speaking = false;
        self.answer_until = self.creates_response.then_some(now + ANSWER_PATIENCE);
        self.speech_end = Some(now.saturating_sub(behind + self.silence));
    }

    pub(super) fn response_created(&mut self, id: Id) {
        self.active = Some(id);
        if !self.is_requested {
            // Voice detection's own answers all that the conversation holds by now.
            self.is_owed = false;
        }
        self.is_requested = false;
        self.answer_until = None;
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
    pub(super) fn owe(&mut self, request: EventId, is_for_tools: bool) {
        self.is_owed = true;
        self.written = request;
        self.is_owed_for_tools = is_for_tools;
    }

    /// A response waits to be asked for.
    pub(super) fn owes(&self) -> bool {
        self.is_owed
    }

    /// The response owed may be asked for now.
    pub(super) fn is_response_due(&self, now: Duration) -> bool {
        self.may_ask() && self.answer_until.is_none_or(|until| until <= now)
    }

    /// When waiting for voice detection's own response ends, if nothing else is waited for.
    pub(super) fn patience_ends(&self) -> Option<Duration> {
        self.answer_until.filter(|_| self.may_ask())
    }

    fn may_ask(&self) -> bool {
        self.session == Session::Ready
            && self.is_owed
            && !self.is_requested
            && self.active.is_none()
            && !self.is_caller_speaking
            && !(self.is_owed_for_tools && self.has_open_call())
    }

    pub(super) fn response_requested(&mut self) {
        self.is_owed = false;
        self.is_requested = true;
        self.sent = Some(self.written);
    }

    /// A request met another response, which may have been created before it or since: if it is
    /// still the last one written, it is made again after that response. Whether it is.
    pub(super) fn request_collided(&mut self, event_id: JsonStr<'_>) -> bool {
        let Some(sent) = self.take_sent(event_id) else {
            return false;
        };
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
        self.is_requested = false;
        Some(sent)
    }

    /// Whether the call is new; then it is remembered.
    ///
    /// # Errors
    /// [`Error::QueueFull`] if too many calls are open.
    pub(super) fn call(&mut self, id: Id) -> Result<bool, Error> {
        if self.calls.iter().flatten().any(|call| call.id == id) {
            return Ok(false);
        }
        let free = self.calls.iter().position(Option::is_none);
        let answered = || {
            self.calls
                .iter()
                .flatten()
                .position(|call| call.is_answered)
        };
        let Some(slot) = free.or_else(answered) else {
            return Err(Error::QueueFull { needed: 1, free: 0 });
        };
        self.calls[slot] = Some(Call {
            id,
            is_answered: false,
        });
        Ok(true)
    }

    pub(super) fn is_open_call(&self, id: &str) -> bool {
        self.calls
            .iter()
            .flatten()
            .any(|call| call.id.as_str() == id && !call.is_answered)
    }

    pub(super) fn answer_call(&mut self, id: &str) {
        for call in self.calls.iter_mut().flatten() {
            call.is_answered |= call.id.as_str() == id;
        }
    }

    pub(super) fn has_open_call(&self) -> bool {
        self.calls.iter().flatten().any(|call| !call.is_answered)
    }

    /// Where to truncate a part of which `heard_ms` were heard and `received_ms` received.
    pub(super) fn cut_at(&mut self, unheard: &Unheard<'_>, heard_ms: u64) -> Result<u64, Error> {
        let held_ms = unheard.received_ms.saturating_sub(self.cut_margin_ms);
        let audio_end_ms = heard_ms.min(held_ms);
        self.last_cut = Some(Truncation {
            item_id: Id::new(unheard.item_id, "item_id")?,
            content_index: unheard.content_index,
            audio_end_ms,
        });
        Ok(audio_end_ms)
    }

    /// The last truncation was refused: the model holds less than it has sent. It has been seen
    /// 85 ms behind on live calls, so each refusal moves the point back by
    /// [`CUT_STEP_MS`], now and from now on. `None` once there is nothing left to try.
    pub(super) fn cut_refused(&mut self) -> Option<Truncation> {
        let refused = self.last_cut.take()?;
        self.cut_margin_ms = (self.cut_margin_ms + CUT_STEP_MS).min(MAX_CUT_MARGIN_MS);
        self.last_cut = refused
            .audio_end_ms
            .checked_sub(CUT_STEP_MS)
            .map(|audio_end_ms| Truncation {
                audio_end_ms,
                ..refused
            });
        self.last_cut
    }

    /// An id for our next client event: what it is for, and a running number.
    pub(super) fn event_id(&mut self, purpose: Purpose) -> EventId {
        self.events = self.events.wrapping_add(1);
        let mut id = EventId::EMPTY;
        write!(
            id,
            "{EVENT_PREFIX}{}{}",
            char::from(purpose as u8),
            self.events
        )
        .expect("the length holds the longest number");
        id
    }
}

/// What a client event of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Purpose {
    Session = b's',
    Response = b'r',
    Cancel = b'x',
    Truncate = b't',
    Delete = b'd',
}

impl Purpose {
    /// Reads an error's `event_id` back.
    pub(super) fn of(event_id: JsonStr<'_>) -> Option<Self> {
        let purpose = event_id
            .as_plain()?
            .strip_prefix(EVENT_PREFIX)?
            .bytes()
            .next()?;
        [
            Self::Session,
            Self::Response,
            Self::Cancel,
            Self::Truncate,
            Self::Delete,
        ]
        .into_iter()
        .find(|known| *known as u8 == purpose)
    }
}

/// `tl_` + purpose + number.
pub(super) type EventId = Ascii<{ 3 + 1 + 10 }>;

const EVENT_PREFIX: &str = "tl_";
/// After a turn, voice detection's own response comes within milliseconds; if it has not by then,
/// it will not.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
/// How far a refused truncation is moved back.
const CUT_STEP_MS: u64 = 100;
const MAX_CUT_MARGIN_MS: u64 = 500;
const MAX_CALLS: usize = 16;
/// Deltas trail an interruption by a round trip, in which no more responses than this can begin.
const MAX_DISCARDED: usize = 4;

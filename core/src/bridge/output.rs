use core::time::Duration;

use crate::dialect::{AudioFormat, ResponseStatus, Speaker, Usage};

/// One thing to do. Text borrows from the buffer given to `poll_output`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Output<'b> {
    /// Send this text frame to Twilio.
    ToTwilio(&'b str),
    /// Send this text frame to the model.
    ToOpenAi(&'b str),
    /// Something the application may want to know.
    Event(Event<'b>),
}

/// Something the application may want to know.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'b> {
    /// The call's stream has started.
    CallStarted {
        /// The stream.
        stream_sid: &'b str,
        /// The call.
        call_sid: &'b str,
        /// A JSON object of strings.
        custom_parameters: &'b str,
    },
    /// The call's stream has ended; nothing follows.
    CallEnded,
    /// The model's session is set as asked; audio flows.
    SessionReady,
    /// The model's session is not set to the format asked for; audio is held back.
    FormatMismatch {
        /// What was asked for.
        expected: AudioFormat,
        /// What the session takes from us, if told.
        input: Option<AudioFormat>,
        /// What the session gives us, if told.
        output: Option<AudioFormat>,
    },
    /// The caller began to speak.
    SpeechStarted {
        /// Where, in the audio appended to this session of the model.
        position: Duration,
    },
    /// The caller stopped speaking.
    SpeechStopped {
        /// Where, in the audio appended to this session of the model, with the silence that told.
        position: Duration,
    },
    /// Playback stands still until it is known whether the caller barges in: unless the call ends
    /// before, [`BargeIn`](Self::BargeIn) follows, or [`PlaybackResumed`](Self::PlaybackResumed).
    PlaybackHeld,
    /// It was no barge-in: playback goes on where it stood, if anything is left of it.
    PlaybackResumed {
        /// How long it stood, the lead that was playing meanwhile included.
        held: Duration,
    },
    /// The caller spoke over this item; comes last in the barge-in transaction.
    BargeIn {
        /// The item.
        item_id: &'b str,
        /// How much of it was heard.
        audio_end: Duration,
        /// How much of it had been received; with `audio_end` the share of the words that was
        /// heard ([`heard_text`](crate::playback::heard_text)).
        audio_received: Duration,
    },
    /// This item was queued behind the one the caller spoke over; nothing of it was heard, and the
    /// model has been told to forget it.
    ItemDropped {
        /// The item.
        item_id: &'b str,
    },
    /// The caller has heard a content part of this item, mostly its only one, to its end.
    ItemHeard {
        /// The item.
        item_id: &'b str,
        /// The part's whole length.
        audio_end: Duration,
    },
    /// There was no room for all of a delta's audio; its end was dropped. One delta brought more than
    /// half the queue holds, or the queue cannot be emptied: no stream yet, or minutes are waiting at
    /// the carrier.
    AudioDropped {
        /// The item.
        item_id: &'b str,
        /// How much was dropped.
        duration: Duration,
    },
    /// Words.
    Transcript {
        /// Whose.
        speaker: Speaker,
        /// The item.
        item_id: &'b str,
        /// The next words, or all when final.
        text: &'b str,
        /// The whole of the content part.
        is_final: bool,
    },
    /// The model calls a function; answer with `send_tool_output`.
    ToolCall {
        /// Id to answer with.
        call_id: &'b str,
        /// The function.
        name: &'b str,
        /// Text that should be a JSON object.
        arguments: &'b str,
    },
    /// The caller pressed a key.
    Dtmf {
        /// The key.
        digit: char,
    },
    /// A mark of `Bridge::mark` was reached.
    Mark {
        /// Its name.
        name: &'b str,
        /// The caller heard what was before it; `false` if a barge-in flushed it.
        heard: bool,
    },
    /// A response has ended.
    ResponseDone {
        /// The response.
        response_id: &'b str,
        /// How.
        status: ResponseStatus,
        /// Why, in the peer's word; empty if it gave none.
        reason: &'b str,
        /// The peer's sentence, if it failed; else empty.
        message: &'b str,
        /// Tokens used.
        usage: Option<Usage>,
    },
    /// The model refuses something.
    ModelError {
        /// Its code; empty if it gave none.
        code: &'b str,
        /// Its sentence.
        message: &'b str,
        /// The session cannot go on.
        is_fatal: bool,
    },
    /// A message that the bridge has no use for, or of a kind it does not know.
    Other {
        /// Who sent it.
        source: Source,
        /// Its kind.
        kind: &'b str,
    },
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The carrier.
    Twilio,
    /// The model.
    OpenAi,
}

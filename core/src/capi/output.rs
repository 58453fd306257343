//! What a bridge says.

use core::time::Duration;

use super::{
    ffi::Record,
    message::{speaker, status, trunkline_audio_format, trunkline_usage},
    trunkline_text,
};
use crate::bridge::{Event, Output, Source};

/// No output is left: wait for the next input or the next timeout.
pub const TRUNKLINE_OUTPUT_NONE: i32 = 0;
/// Send `text` to Twilio as one text frame.
pub const TRUNKLINE_OUTPUT_TO_TWILIO: i32 = 1;
/// Send `text` to the model as one text frame.
pub const TRUNKLINE_OUTPUT_TO_OPENAI: i32 = 2;
/// The call's stream has started: `stream_sid`, `call_sid`, and `text`, the custom parameters as a
/// JSON object of strings.
pub const TRUNKLINE_OUTPUT_CALL_STARTED: i32 = 3;
/// The call's stream has ended; nothing follows.
pub const TRUNKLINE_OUTPUT_CALL_ENDED: i32 = 4;
/// The model's session is set as asked; audio flows.
pub const TRUNKLINE_OUTPUT_SESSION_READY: i32 = 5;
/// The model's session is not set to the format asked for, `expected`, but to `input` and `output`;
/// audio is held back.
pub const TRUNKLINE_OUTPUT_FORMAT_MISMATCH: i32 = 6;
/// The caller began to speak, at `position_us` in the audio appended to this session.
pub const TRUNKLINE_OUTPUT_SPEECH_STARTED: i32 = 7;
/// The caller stopped speaking, at `position_us`.
pub const TRUNKLINE_OUTPUT_SPEECH_STOPPED: i32 = 8;
/// Playback stands still until it is known whether the caller barges in.
pub const TRUNKLINE_OUTPUT_PLAYBACK_HELD: i32 = 9;
/// It was no barge-in: playback goes on after `duration_us`.
pub const TRUNKLINE_OUTPUT_PLAYBACK_RESUMED: i32 = 10;
/// The caller spoke over `item_id`, of which `audio_end_us` of `audio_received_us` were heard.
pub const TRUNKLINE_OUTPUT_BARGE_IN: i32 = 11;
/// `item_id` was queued behind the one spoken over; nothing of it was heard.
pub const TRUNKLINE_OUTPUT_ITEM_DROPPED: i32 = 12;
/// The caller has heard a content part of `item_id` to its end, `audio_end_us`.
pub const TRUNKLINE_OUTPUT_ITEM_HEARD: i32 = 13;
/// There was no room for the last `duration_us` of the audio of a delta of `item_id`.
pub const TRUNKLINE_OUTPUT_AUDIO_DROPPED: i32 = 14;
/// Words of `speaker` in `item_id`: `text`, the next ones, or, if `is_final`, all of them.
pub const TRUNKLINE_OUTPUT_TRANSCRIPT: i32 = 15;
/// The model calls the function `name` with `text`, which should be a JSON object; answer `call_id`
/// with `trunkline_bridge_send_tool_output`.
pub const TRUNKLINE_OUTPUT_TOOL_CALL: i32 = 16;
/// The caller pressed the key `digit`.
pub const TRUNKLINE_OUTPUT_DTMF: i32 = 17;
/// The mark `name` of `trunkline_bridge_mark` was reached (`is_heard`), or flushed by a barge-in.
pub const TRUNKLINE_OUTPUT_MARK: i32 = 18;
/// `response_id` has ended: `status`, `name`, the peer's word for why, or no text, and `text`, its
/// sentence if it failed; `usage`.
pub const TRUNKLINE_OUTPUT_RESPONSE_DONE: i32 = 19;
/// The model refuses something: `name`, its code, or no text, and `text`, its sentence; if
/// `is_fatal`, the session cannot go on.
pub const TRUNKLINE_OUTPUT_MODEL_ERROR: i32 = 20;
/// `source` sent a message of the kind `name`, which the bridge has no use for or does not know.
pub const TRUNKLINE_OUTPUT_OTHER: i32 = 21;

/// Twilio sent it.
pub const TRUNKLINE_SOURCE_TWILIO: i32 = 0;
/// The model sent it.
pub const TRUNKLINE_SOURCE_OPENAI: i32 = 1;

/// One thing to do or to know. Members that the `kind` does not name are 0 and without text; kinds
/// that are not known are to be ignored.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_output {
    /// `TRUNKLINE_OUTPUT_...`, which say what the other members mean.
    pub kind: i32,
    /// `TRUNKLINE_SOURCE_...`.
    pub source: i32,
    /// `TRUNKLINE_SPEAKER_...`.
    pub speaker: i32,
    /// `TRUNKLINE_STATUS_...`.
    pub status: i32,
    /// 1 if `text` is the whole of the content part.
    pub is_final: i32,
    /// 1 if what was before the mark was heard.
    pub is_heard: i32,
    /// 1 if the session cannot go on.
    pub is_fatal: i32,
    /// An ASCII character: 0 to 9, `*`, `#`, A to D.
    pub digit: i32,
    /// The message, words, arguments or sentence.
    pub text: trunkline_text,
    /// The name, code, reason or kind.
    pub name: trunkline_text,
    /// The stream.
    pub stream_sid: trunkline_text,
    /// The call.
    pub call_sid: trunkline_text,
    /// The item of the model's conversation.
    pub item_id: trunkline_text,
    /// The response.
    pub response_id: trunkline_text,
    /// The tool call.
    pub call_id: trunkline_text,
    /// Position in the audio appended to this session of the model.
    pub position_us: u64,
    /// How long it took or was.
    pub duration_us: u64,
    /// How much of the item was heard.
    pub audio_end_us: u64,
    /// How much of the item was received.
    pub audio_received_us: u64,
    /// The format asked for.
    pub expected: trunkline_audio_format,
    /// The format that the session takes.
    pub input: trunkline_audio_format,
    /// The format that the session gives.
    pub output: trunkline_audio_format,
    /// Tokens used; zeros if not told.
    pub usage: trunkline_usage,
}

// SAFETY: `repr(C)`, and of numbers and pointers only.
unsafe impl Record for trunkline_output {
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl trunkline_output {
    fn empty(kind: i32) -> Self {
        let none = trunkline_text::NONE;
        Self {
            kind,
            source: 0,
            speaker: 0,
            status: 0,
            is_final: 0,
            is_heard: 0,
            is_fatal: 0,
            digit: 0,
            text: none,
            name: none,
            stream_sid: none,
            call_sid: none,
            item_id: none,
            response_id: none,
            call_id: none,
            position_us: 0,
            duration_us: 0,
            audio_end_us: 0,
            audio_received_us: 0,
            expected: trunkline_audio_format::NONE,
            input: trunkline_audio_format::NONE,
            output: trunkline_audio_format::NONE,
            usage: trunkline_usage::new(None),
        }
    }

    pub(super) fn new(output: Option<Output<'_>>) -> Self {
        match output {
            None => Self::empty(TRUNKLINE_OUTPUT_NONE),
            Some(Output::ToTwilio(text)) => Self {
                text: trunkline_text::new(text),
                ..Self::empty(TRUNKLINE_OUTPUT_TO_TWILIO)
            },
            Some(Output::ToOpenAi(text)) => Self {
                text: trunkline_text::new(text),
                ..Self::empty(TRUNKLINE_OUTPUT_TO_OPENAI)
            },
            Some(Output::Event(event)) => Self::of_event(event),
        }
    }

    /// Bytes that its texts take.
    pub(super) const fn text_bytes(&self) -> usize {
        self.text.len
            + self.name.len
            + self.stream_sid.len
            + self.call_sid.len
            + self.item_id.len
            + self.response_id.len
            + self.call_id.len
    }

    fn of_event(event: Event<'_>) -> Self {
        let empty = Self::empty;
        let text = trunkline_text::new;
        match event {
            Event::CallStarted {
                stream_sid,
                call_sid,
                custom_parameters,
            } => Self {
                stream_sid: text(stream_sid),
                call_sid: text(call_sid),
                text: text(custom_parameters),
                ..empty(TRUNKLINE_OUTPUT_CALL_STARTED)
            },
            Event::CallEnded => empty(TRUNKLINE_OUTPUT_CALL_ENDED),
            Event::SessionReady => empty(TRUNKLINE_OUTPUT_SESSION_READY),
            Event::FormatMismatch {
                expected,
                input,
                output,
            } => Self {
                expected: trunkline_audio_format::new(Some(expected)),
                input: trunkline_audio_format::new(input),
                output: trunkline_audio_format::new(output),
                ..empty(TRUNKLINE_OUTPUT_FORMAT_MISMATCH)
            },
            Event::SpeechStarted { position } => Self {
                position_us: micros(position),
                ..empty(TRUNKLINE_OUTPUT_SPEECH_STARTED)
            },
            Event::SpeechStopped { position } => Self {
                position_us: micros(position),
                ..empty(TRUNKLINE_OUTPUT_SPEECH_STOPPED)
            },
            Event::PlaybackHeld => empty(TRUNKLINE_OUTPUT_PLAYBACK_HELD),
            Event::PlaybackResumed { held } => Self {
                duration_us: micros(held),
                ..empty(TRUNKLINE_OUTPUT_PLAYBACK_RESUMED)
            },
            Event::BargeIn {
                item_id,
                audio_end,
                audio_received,
            } => Self {
                item_id: text(item_id),
                audio_end_us: micros(audio_end),
                audio_received_us: micros(audio_received),
                ..empty(TRUNKLINE_OUTPUT_BARGE_IN)
            },
            Event::ItemDropped { item_id } => Self {
                item_id: text(item_id),
                ..empty(TRUNKLINE_OUTPUT_ITEM_DROPPED)
            },
            Event::ItemHeard { item_id, audio_end } => Self {
                item_id: text(item_id),
                audio_end_us: micros(audio_end),
                ..empty(TRUNKLINE_OUTPUT_ITEM_HEARD)
            },
            Event::AudioDropped { item_id, duration } => Self {
                item_id: text(item_id),
                duration_us: micros(duration),
                ..empty(TRUNKLINE_OUTPUT_AUDIO_DROPPED)
            },
            Event::Transcript {
                speaker: who,
                item_id,
                text: words,
                is_final,
            } => Self {
                speaker: speaker(who),
                item_id: text(item_id),
                text: text(words),
                is_final: i32::from(is_final),
                ..empty(TRUNKLINE_OUTPUT_TRANSCRIPT)
            },
            Event::ToolCall {
                call_id,
                name,
                arguments,
            } => Self {
                call_id: text(call_id),
                name: text(name),
                text: text(arguments),
                ..empty(TRUNKLINE_OUTPUT_TOOL_CALL)
            },
            Event::Dtmf { digit } => Self {
                digit: digit as i32,
                ..empty(TRUNKLINE_OUTPUT_DTMF)
            },
            Event::Mark { name, heard } => Self {
                name: text(name),
                is_heard: i32::from(heard),
                ..empty(TRUNKLINE_OUTPUT_MARK)
            },
            Event::ResponseDone {
                response_id,
                status: how,
                reason,
                message,
                usage,
            } => Self {
                response_id: text(response_id),
                status: status(how),
                name: text(reason),
                text: text(message),
                usage: trunkline_usage::new(usage),
                ..empty(TRUNKLINE_OUTPUT_RESPONSE_DONE)
            },
            Event::ModelError {
                code,
                message,
                is_fatal,
            } => Self {
                name: text(code),
                text: text(message),
                is_fatal: i32::from(is_fatal),
                ..empty(TRUNKLINE_OUTPUT_MODEL_ERROR)
            },
            Event::Other { source, kind } => Self {
                source: match source {
                    Source::Twilio => TRUNKLINE_SOURCE_TWILIO,
                    Source::OpenAi => TRUNKLINE_SOURCE_OPENAI,
                },
                name: text(kind),
                ..empty(TRUNKLINE_OUTPUT_OTHER)
            },
        }
    }
}

/// A time in whole microseconds, rounded down.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

//! OpenAI Realtime events, read.

use core::ffi::c_char;

use super::{
    error::*,
    ffi::{Record, boundary},
    message::{Texts, speaker, status, trunkline_audio_format, trunkline_usage},
    trunkline_text,
};
use crate::{
    dialect::{Model, ModelEvent, SessionState},
    openai::OpenAiRealtime,
};

/// The session exists, with the peer's defaults: `input`, `output`, `creates_response`,
/// `interrupts_response`, `silence_duration_ms`, `expires_at`.
pub const TRUNKLINE_OPENAI_SESSION_CREATED: i32 = 0;
/// The session is now set like this; members as above.
pub const TRUNKLINE_OPENAI_SESSION_UPDATED: i32 = 1;
/// The caller began to speak at `position_ms` of the audio appended; the turn becomes `item_id`.
pub const TRUNKLINE_OPENAI_SPEECH_STARTED: i32 = 2;
/// The caller stopped speaking at `position_ms`, the silence that told included.
pub const TRUNKLINE_OPENAI_SPEECH_STOPPED: i32 = 3;
/// `response_id` is being made; `flag` if it does not write to the conversation.
pub const TRUNKLINE_OPENAI_RESPONSE_CREATED: i32 = 4;
/// `response_id` has begun `item_id`; `flag` if that is a message.
pub const TRUNKLINE_OPENAI_ITEM_ADDED: i32 = 5;
/// Speech of `response_id`, `item_id`, `content_index`: `text`, base64 in the session's format.
pub const TRUNKLINE_OPENAI_AUDIO_DELTA: i32 = 6;
/// No more speech for `response_id`, `item_id`, `content_index`.
pub const TRUNKLINE_OPENAI_AUDIO_DONE: i32 = 7;
/// Words of `speaker` in `item_id`: `text`, the next ones, or, if `flag`, all of them.
pub const TRUNKLINE_OPENAI_TRANSCRIPT: i32 = 8;
/// The model calls the function `name` with `text`, as `call_id`; `response_id`, `item_id`.
pub const TRUNKLINE_OPENAI_TOOL_CALL: i32 = 9;
/// The caller's words in `item_id` could not be understood; `name` is the event's.
pub const TRUNKLINE_OPENAI_TRANSCRIPTION_FAILED: i32 = 10;
/// `response_id` has ended: `status`, `name`, the peer's word for why, and `text`, its sentence, or
/// no text; `usage`.
pub const TRUNKLINE_OPENAI_RESPONSE_DONE: i32 = 11;
/// The peer refuses something, or is ending the session: `name`, its code, `text`, its sentence,
/// and `event_id`, our event that it answers, or no text.
pub const TRUNKLINE_OPENAI_ERROR: i32 = 12;
/// An event of the kind `name`, which has no use here or is not known.
pub const TRUNKLINE_OPENAI_OTHER: i32 = 13;

/// One event from the model. Members that the `kind` does not name are 0 and without text.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_openai_event {
    /// `TRUNKLINE_OPENAI_...`, which say what the other members mean.
    pub kind: i32,
    /// `TRUNKLINE_SPEAKER_...`.
    pub speaker: i32,
    /// `TRUNKLINE_STATUS_...`.
    pub status: i32,
    /// 1 or 0.
    pub flag: i32,
    /// 1 if voice detection starts a response at the end of a turn by itself, 0 if not, -1 if not
    /// told.
    pub creates_response: i32,
    /// 1 if voice detection cancels the response when the caller speaks, 0 if not, -1 if not told.
    pub interrupts_response: i32,
    /// Silence that ends a turn; 0 if not told.
    pub silence_duration_ms: u32,
    /// Content part of the item.
    pub content_index: u32,
    /// When the session ends, in seconds since the Unix epoch; 0 if not told.
    pub expires_at: u64,
    /// Position in the audio appended to this session.
    pub position_ms: u64,
    /// The audio, words, arguments or sentence.
    pub text: trunkline_text,
    /// The name, code, reason or kind.
    pub name: trunkline_text,
    /// The response.
    pub response_id: trunkline_text,
    /// The item.
    pub item_id: trunkline_text,
    /// The tool call.
    pub call_id: trunkline_text,
    /// Our event.
    pub event_id: trunkline_text,
    /// The format that the session takes.
    pub input: trunkline_audio_format,
    /// The format that the session gives.
    pub output: trunkline_audio_format,
    /// Tokens used; zeros if not told.
    pub usage: trunkline_usage,
}

// SAFETY: `repr(C)`, and of numbers and pointers only.
unsafe impl Record for trunkline_openai_event {
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl trunkline_openai_event {
    fn empty(kind: i32) -> Self {
        let none = trunkline_text::NONE;
        Self {
            kind,
            speaker: 0,
            status: 0,
            flag: 0,
            creates_response: 0,
            interrupts_response: 0,
            silence_duration_ms: 0,
            content_index: 0,
            expires_at: 0,
            position_ms: 0,
            text: none,
            name: none,
            response_id: none,
            item_id: none,
            call_id: none,
            event_id: none,
            input: trunkline_audio_format::NONE,
            output: trunkline_audio_format::NONE,
            usage: trunkline_usage::new(None),
        }
    }

    fn of_session(kind: i32, state: SessionState) -> Self {
        Self {
            creates_response: state.creates_response.map_or(-1, i32::from),
            interrupts_response: state.interrupts_response.map_or(-1, i32::from),
            silence_duration_ms: state.silence_duration_ms.unwrap_or(0),
            expires_at: state.expires_at.unwrap_or(0),
            input: trunkline_audio_format::new(state.input),
            output: trunkline_audio_format::new(state.output),
            ..Self::empty(kind)
        }
    }

    fn new<'a>(event: ModelEvent<'a>, texts: &mut Texts<'a>) -> Result<Self, Code> {
        let empty = Self::empty;
        Ok(match event {
            ModelEvent::SessionCreated(state) => {
                Self::of_session(TRUNKLINE_OPENAI_SESSION_CREATED, state)
            }
            ModelEvent::SessionUpdated(state) => {
                Self::of_session(TRUNKLINE_OPENAI_SESSION_UPDATED, state)
            }
            ModelEvent::SpeechStarted {
                item_id,
                audio_start_ms,
            } => Self {
                item_id: texts.lend_optional(item_id)?,
                position_ms: audio_start_ms,
                ..empty(TRUNKLINE_OPENAI_SPEECH_STARTED)
            },
            ModelEvent::SpeechStopped {
                item_id,
                audio_end_ms,
            } => Self {
                item_id: texts.lend_optional(item_id)?,
                position_ms: audio_end_ms,
                ..empty(TRUNKLINE_OPENAI_SPEECH_STOPPED)
            },
            ModelEvent::ResponseCreated {
                response_id,
                out_of_band,
            } => Self {
                response_id: texts.lend(response_id)?,
                flag: i32::from(out_of_band),
                ..empty(TRUNKLINE_OPENAI_RESPONSE_CREATED)
            },
            ModelEvent::ItemAdded {
                response_id,
                item_id,
                is_message,
            } => Self {
                response_id: texts.lend(response_id)?,
                item_id: texts.lend(item_id)?,
                flag: i32::from(is_message),
                ..empty(TRUNKLINE_OPENAI_ITEM_ADDED)
            },
            ModelEvent::AudioDelta {
                response_id,
                item_id,
                content_index,
                audio,
            } => Self {
                response_id: texts.lend(response_id)?,
                item_id: texts.lend(item_id)?,
                content_index,
                text: texts.lend(audio)?,
                ..empty(TRUNKLINE_OPENAI_AUDIO_DELTA)
            },
            ModelEvent::AudioDone {
                response_id,
                item_id,
                content_index,
            } => Self {
                response_id: texts.lend(response_id)?,
                item_id: texts.lend(item_id)?,
                content_index,
                ..empty(TRUNKLINE_OPENAI_AUDIO_DONE)
            },
            ModelEvent::Transcript {
                speaker: who,
                item_id,
                response_id,
                text,
                is_final,
            } => Self {
                speaker: speaker(who),
                item_id: texts.lend(item_id)?,
                response_id: texts.lend_optional(response_id)?,
                text: texts.lend(text)?,
                flag: i32::from(is_final),
                ..empty(TRUNKLINE_OPENAI_TRANSCRIPT)
            },
            ModelEvent::ToolCall {
                response_id,
                item_id,
                call_id,
                name,
                arguments,
            } => Self {
                response_id: texts.lend(response_id)?,
                item_id: texts.lend(item_id)?,
                call_id: texts.lend(call_id)?,
                name: texts.lend(name)?,
                text: texts.lend(arguments)?,
                ..empty(TRUNKLINE_OPENAI_TOOL_CALL)
            },
            ModelEvent::TranscriptionFailed { item_id, kind } => Self {
                item_id: texts.lend(item_id)?,
                name: texts.lend(kind)?,
                ..empty(TRUNKLINE_OPENAI_TRANSCRIPTION_FAILED)
            },
            ModelEvent::ResponseDone {
                response_id,
                status: how,
                reason,
                message,
                usage,
            } => Self {
                response_id: texts.lend(response_id)?,
                status: status(how),
                name: texts.lend_optional(reason)?,
                text: texts.lend_optional(message)?,
                usage: trunkline_usage::new(usage),
                ..empty(TRUNKLINE_OPENAI_RESPONSE_DONE)
            },
            ModelEvent::Error {
                code,
                message,
                event_id,
            } => Self {
                name: texts.lend_optional(code)?,
                text: texts.lend(message)?,
                event_id: texts.lend_optional(event_id)?,
                ..empty(TRUNKLINE_OPENAI_ERROR)
            },
            ModelEvent::Other { kind } => Self {
                name: texts.lend(kind)?,
                ..empty(TRUNKLINE_OPENAI_OTHER)
            },
        })
    }
}

/// Reads one event from the model into `event`, of which the caller knows `event_size` bytes
/// (`sizeof *event`). Its texts point into `text`, or into `buf` where escapes had to be undone, and
/// are valid as long as these are unchanged.
///
/// Errors: `TRUNKLINE_ERR_INVALID_JSON`, `TRUNKLINE_ERR_MISSING_FIELD`, `TRUNKLINE_ERR_INVALID_FIELD`;
/// `TRUNKLINE_ERR_BUFFER_TOO_SHORT` if the event has escapes and `buf_len` is less than `text_len`,
/// which is always enough. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_openai_read(
    text: *const c_char,
    text_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    event: *mut trunkline_openai_event,
    event_size: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (text, buf, out) = unsafe {
            (
                call.text(text, text_len)?,
                call.buf(buf, buf_len)?,
                call.record(event, event_size)?,
            )
        };
        let event = OpenAiRealtime.read(text)?;
        let mut texts = Texts::new(text, buf)?;
        out.set(trunkline_openai_event::new(event, &mut texts)?);
        Ok(())
    })
}

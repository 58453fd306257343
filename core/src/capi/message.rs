//! What the messages of both peers and a bridge's events have in common.

use super::{error::*, trunkline_text};
use crate::{
    JsonStr,
    dialect::{AudioFormat, ResponseStatus, Speaker, Usage},
};

/// An audio format that was not told.
pub const TRUNKLINE_ENCODING_NONE: i32 = 0;
/// 16-bit signed little-endian PCM.
pub const TRUNKLINE_ENCODING_PCM16: i32 = 1;
/// G.711 μ-law.
pub const TRUNKLINE_ENCODING_MULAW: i32 = 2;
/// G.711 A-law.
pub const TRUNKLINE_ENCODING_ALAW: i32 = 3;
/// An audio format that this version does not know.
pub const TRUNKLINE_ENCODING_UNKNOWN: i32 = 4;

/// The person on the phone speaks.
pub const TRUNKLINE_SPEAKER_CALLER: i32 = 0;
/// The model speaks.
pub const TRUNKLINE_SPEAKER_MODEL: i32 = 1;

/// A response is whole.
pub const TRUNKLINE_STATUS_COMPLETED: i32 = 0;
/// A response was cut off, by the caller's voice or by a cancel.
pub const TRUNKLINE_STATUS_CANCELLED: i32 = 1;
/// A response was cut off by a limit or a filter.
pub const TRUNKLINE_STATUS_INCOMPLETE: i32 = 2;
/// A response failed.
pub const TRUNKLINE_STATUS_FAILED: i32 = 3;
/// A response ended with a status that this version does not know.
pub const TRUNKLINE_STATUS_UNKNOWN: i32 = 4;

/// An audio format.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_audio_format {
    /// `TRUNKLINE_ENCODING_...`.
    pub encoding: i32,
    /// Sampling rate in Hz; 0 if the encoding is none or unknown.
    pub rate_hz: u32,
}

impl trunkline_audio_format {
    pub(super) const NONE: Self = Self {
        encoding: TRUNKLINE_ENCODING_NONE,
        rate_hz: 0,
    };

    pub(super) const fn new(format: Option<AudioFormat>) -> Self {
        let (encoding, rate_hz) = match format {
            None => return Self::NONE,
            Some(AudioFormat::Pcm16 { rate_hz }) => (TRUNKLINE_ENCODING_PCM16, rate_hz),
            Some(AudioFormat::Mulaw) => (TRUNKLINE_ENCODING_MULAW, 8_000),
            Some(AudioFormat::Alaw) => (TRUNKLINE_ENCODING_ALAW, 8_000),
            Some(AudioFormat::Unknown) => (TRUNKLINE_ENCODING_UNKNOWN, 0),
        };
        Self { encoding, rate_hz }
    }
}

/// Tokens used by one response.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_usage {
    /// Input and output together; 0 if the peer did not tell.
    pub total_tokens: u64,
    /// Input, of every kind, cached ones included.
    pub input_tokens: u64,
    /// Output, of every kind.
    pub output_tokens: u64,
    /// Text among the input.
    pub input_text_tokens: u64,
    /// Audio among the input.
    pub input_audio_tokens: u64,
    /// Cached among the input.
    pub cached_tokens: u64,
    /// Text among the cached.
    pub cached_text_tokens: u64,
    /// Audio among the cached.
    pub cached_audio_tokens: u64,
    /// Text among the output.
    pub output_text_tokens: u64,
    /// Audio among the output.
    pub output_audio_tokens: u64,
}

impl trunkline_usage {
    pub(super) fn new(usage: Option<Usage>) -> Self {
        let usage = usage.unwrap_or_default();
        Self {
            total_tokens: usage.total_tokens,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            input_text_tokens: usage.input_text_tokens,
            input_audio_tokens: usage.input_audio_tokens,
            cached_tokens: usage.cached_tokens,
            cached_text_tokens: usage.cached_text_tokens,
            cached_audio_tokens: usage.cached_audio_tokens,
            output_text_tokens: usage.output_text_tokens,
            output_audio_tokens: usage.output_audio_tokens,
        }
    }
}

pub(super) const fn speaker(speaker: Speaker) -> i32 {
    match speaker {
        Speaker::Caller => TRUNKLINE_SPEAKER_CALLER,
        Speaker::Model => TRUNKLINE_SPEAKER_MODEL,
    }
}

pub(super) const fn status(status: ResponseStatus) -> i32 {
    match status {
        ResponseStatus::Completed => TRUNKLINE_STATUS_COMPLETED,
        ResponseStatus::Cancelled => TRUNKLINE_STATUS_CANCELLED,
        ResponseStatus::Incomplete => TRUNKLINE_STATUS_INCOMPLETE,
        ResponseStatus::Failed => TRUNKLINE_STATUS_FAILED,
        ResponseStatus::Unknown => TRUNKLINE_STATUS_UNKNOWN,
    }
}

/// Lends the strings of a message: as they stand in it, or, where escapes have to be undone, from
/// the caller's buffer.
pub(super) struct Texts<'a> {
    rest: &'a mut [u8],
}

impl<'a> Texts<'a> {
    /// `buf` is as long as the message, or the message has no escapes.
    pub(super) fn new(message: &str, buf: &'a mut [u8]) -> Result<Self, Code> {
        if message.contains('\\') && buf.len() < message.len() {
            return Err(Code(TRUNKLINE_ERR_BUFFER_TOO_SHORT));
        }
        Ok(Self { rest: buf })
    }

    pub(super) fn lend(&mut self, text: JsonStr<'a>) -> Result<trunkline_text, Code> {
        if let Some(plain) = text.as_plain() {
            return Ok(trunkline_text::new(plain));
        }
        let len = text.copy_to(self.rest)?.len();
        let (here, rest) = core::mem::take(&mut self.rest).split_at_mut(len);
        self.rest = rest;
        Ok(trunkline_text {
            ptr: here.as_ptr().cast(),
            len,
        })
    }

    pub(super) fn lend_optional(
        &mut self,
        text: Option<JsonStr<'a>>,
    ) -> Result<trunkline_text, Code> {
        text.map_or(Ok(trunkline_text::NONE), |text| self.lend(text))
    }
}

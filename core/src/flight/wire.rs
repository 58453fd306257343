//! How values stand in a recording: numbers little-endian, texts behind their length, choices
//! behind a byte.

use core::time::Duration;

use super::{Fingerprint, OutputKind};
use crate::{
    Error, RawJson, SessionUpdate,
    bridge::{BargeIn, Config, ModelAudio},
    openai::{Eagerness, NoiseReduction, TurnDetection},
};

/// A value that can be written and read back.
pub(super) trait Wire<'a>: Sized {
    /// Appends the value.
    fn put(&self, dst: &mut Encoder<'_>);

    /// Reads the next value.
    fn take(src: &mut Decoder<'a>) -> Result<Self, Error>;
}

/// Writes to a slice for as long as it has room, and counts on without.
pub(super) struct Encoder<'b> {
    dst: &'b mut [u8],
    len: usize,
}

impl<'b> Encoder<'b> {
    pub(super) fn new(dst: &'b mut [u8]) -> Self {
        Self { dst, len: 0 }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(dst) = self.dst.get_mut(self.len..end) {
            dst.copy_from_slice(bytes);
        }
        self.len = end;
    }

    /// Bytes that all values take; no more than the slice has if all were written.
    pub(super) fn needed(&self) -> usize {
        self.len
    }
}

/// Reads from a slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next value stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let end = self.at.saturating_add(len);
        let bytes = self.bytes.get(self.at..end);
        let bytes = bytes.ok_or(Error::TruncatedRecording { offset: self.at })?;
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let offset = self.at;
        let bytes = self.bytes(N)?.first_chunk();
        bytes.copied().ok_or(Error::InvalidRecording { offset })
    }
}

/// Numbers, as they are in memory on most machines.
macro_rules! number {
    ($($number:ty),*) => {$(
        impl<'a> Wire<'a> for $number {
            fn put(&self, dst: &mut Encoder<'_>) {
                dst.bytes(&self.to_le_bytes());
            }

            fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
                src.array().map(Self::from_le_bytes)
            }
        }
    )*};
}

number!(u8, u16, u32, u64, f32);

/// A struct as all its fields in this order; one that is left out does not compile.
macro_rules! fields {
    ($name:ident $(<$life:lifetime>)? { $($field:ident),* $(,)? }) => {
        impl<'a> Wire<'a> for $name $(<$life>)? {
            fn put(&self, dst: &mut Encoder<'_>) {
                let Self { $($field),* } = self;
                $($field.put(dst);)*
            }

            fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
                Ok(Self { $($field: Wire::take(src)?),* })
            }
        }
    };
}

fields!(Config {
    model_audio,
    lead,
    mark_interval,
    downlink_capacity,
    uplink_capacity,
    text_capacity,
    max_gap,
    stall_timeout,
    max_twilio_len,
    max_openai_len,
    barge_in,
    voice_detection,
});

fields!(SessionUpdate<'a> {
    instructions,
    voice,
    speed,
    transcription_model,
    transcription_language,
    transcription_prompt,
    noise_reduction,
    turn_detection,
    tools,
    tool_choice,
    extra,
});

/// An enum without data as the number of its variant in this list; one that is left out does not
/// compile.
macro_rules! choice {
    ($name:ident { $($number:literal = $variant:ident),* $(,)? }) => {
        impl<'a> Wire<'a> for $name {
            fn put(&self, dst: &mut Encoder<'_>) {
                let number: u8 = match self { $(Self::$variant => $number),* };
                number.put(dst);
            }

            fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
                let offset = src.at();
                match u8::take(src)? {
                    $($number => Ok(Self::$variant),)*
                    _ => Err(Error::InvalidRecording { offset }),
                }
            }
        }
    };
}

choice!(ModelAudio { 0 = Pcm24k, 1 = Mulaw });
choice!(NoiseReduction { 0 = NearField, 1 = FarField });
choice!(Eagerness { 0 = Low, 1 = Medium, 2 = High, 3 = Auto });
// As tags of entries.
choice!(OutputKind { 32 = ToTwilio, 33 = ToOpenAi, 34 = Event });

impl<'a> Wire<'a> for bool {
    fn put(&self, dst: &mut Encoder<'_>) {
        u8::from(*self).put(dst);
    }

    fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
        let offset = src.at();
        match u8::take(src)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::InvalidRecording { offset }),
        }
    }
}

/// Lengths, in 64 bits on every machine.
impl<'a> Wire<'a> for usize {
    fn put(&self, dst: &mut Encoder<'_>) {
        (*self as u64).put(dst);
    }

    fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
        let offset = src.at();
        Self::try_from(u64::take(src)?).map_err(|_| Error::InvalidRecording { offset })
    }
}

impl<'a> Wire<'a> for Duration {
    fn put(&self, dst: &mut Encoder<'_>) {
        self.as_secs().put(dst);
        self.subsec_nanos().put(dst);
    }

    fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
        let offset = src.at();
        match (u64::take(src)?, u32::take(src)?) {
            (secs, nanos @ ..1_000_000_000) => Ok(Self::new(secs, nanos)),
            _ => Err(Error::InvalidRecording { offset }),
        }
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for Option<T> {
    fn put(&self, dst: &mut Encoder<'_>) {
        self.is_some().put(dst);
        if let Some(value) = self {
            value.put(dst);
        }
    }

    fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
        bool::take(src)?.then(|| T::take(src)).transpose()
    }
}

impl<'a> Wire<'a> for &'a str {
    fn put(&self, dst: &mut Encoder<'_>) {
        self.len().put(dst);
        dst.bytes(self.as_bytes());
    }

    fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
        let len = usize::take(src)?;
        let offset = src.at();
        core::str::from_utf8(src.bytes(len)?).map_err(|_| Error::InvalidRecording { offset })
    }
}

impl<'a> Wire<'a> for RawJson<'a> {
    fn put(&self, dst: &mut Encoder<'_>) {
        self.as_str().put(dst);
    }

    fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
        let offset = src.at();
        let text = <&str>::take(src)?;
        RawJson::new(text).map_err(|_| Error::InvalidRecording { offset })
    }
}

impl<'a> Wire<'a> for BargeIn {
    fn put(&self, dst: &mut Encoder<'_>) {
        match *self {
            Self::Never => 0_u8.put(dst),
            Self::OnSpeech => 1_u8.put(dst),
            Self::AfterSpeech(duration) => {
                2_u8.put(dst);
                duration.put(dst);
            }
            Self::OnTranscript => 3_u8.put(dst),
        }
    }

    fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
        let offset = src.at();
        Ok(match u8::take(src)? {
            0 => Self::Never,
            1 => Self::OnSpeech,
            2 => Self::AfterSpeech(Wire::take(src)?),
            3 => Self::OnTranscript,
            _ => return Err(Error::InvalidRecording { offset }),
        })
    }
}

impl<'a> Wire<'a> for TurnDetection {
    fn put(&self, dst: &mut Encoder<'_>) {
        match *self {
            Self::Off => 0_u8.put(dst),
            Self::ServerVad {
                threshold,
                prefix_padding_ms,
                silence_duration_ms,
                idle_timeout_ms,
                create_response,
                interrupt_response,
            } => {
                1_u8.put(dst);
                threshold.put(dst);
                prefix_padding_ms.put(dst);
                silence_duration_ms.put(dst);
                idle_timeout_ms.put(dst);
                create_response.put(dst);
                interrupt_response.put(dst);
            }
            Self::SemanticVad {
                eagerness,
                create_response,
                interrupt_response,
            } => {
                2_u8.put(dst);
                eagerness.put(dst);
                create_response.put(dst);
                interrupt_response.put(dst);
            }
        }
    }

    fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
        let offset = src.at();
        Ok(match u8::take(src)? {
            0 => Self::Off,
            1 => Self::ServerVad {
                threshold: Wire::take(src)?,
                prefix_padding_ms: Wire::take(src)?,
                silence_duration_ms: Wire::take(src)?,
                idle_timeout_ms: Wire::take(src)?,
                create_response: Wire::take(src)?,
                interrupt_response: Wire::take(src)?,
            },
            2 => Self::SemanticVad {
                eagerness: Wire::take(src)?,
                create_response: Wire::take(src)?,
                interrupt_response: Wire::take(src)?,
            },
            _ => return Err(Error::InvalidRecording { offset }),
        })
    }
}

fields!(Fingerprint { kind, len, digest });

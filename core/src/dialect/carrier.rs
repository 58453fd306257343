use super::Shape;
use crate::{Error, JsonStr, RawJson, json::from_utf8};

/// A phone carrier's media-stream protocol: JSON text in, JSON text out, 8 kHz G.711 μ-law within.
pub trait Carrier {
    /// Reads one message. Strings in the result borrow from `text`.
    ///
    /// # Errors
    /// [`Error::InvalidJson`], [`Error::MissingField`], [`Error::InvalidField`]. An unknown kind of
    /// message is [`CarrierEvent::Other`], not an error.
    fn read<'a>(&self, text: &'a str) -> Result<CarrierMessage<'a>, Error>;

    /// [`read`](Self::read) of the next message of many: sooner where `shape` has learned from an
    /// earlier one what this one looks like, with the same result always.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_next<'a>(&self, shape: &mut Shape, text: &'a str) -> Result<CarrierMessage<'a>, Error> {
        let _ = shape;
        self.read(text)
    }

    /// [`read`](Self::read) for bytes that should be UTF-8.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::InvalidJson`] also where the bytes are not UTF-8.
    fn read_bytes<'a>(&self, bytes: &'a [u8]) -> Result<CarrierMessage<'a>, Error> {
        self.read(from_utf8(bytes)?)
    }

    /// Writes `command` for the stream `stream_sid` into `dst` as one whole UTF-8 message and
    /// returns its length in bytes; 0 if this carrier has no such message.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] with the needed length; [`Error::InvalidField`] for a name the
    /// carrier would refuse.
    fn write(
        &self,
        stream_sid: &str,
        command: CarrierCommand<'_>,
        dst: &mut [u8],
    ) -> Result<usize, Error>;

    /// The longest message [`write`](Self::write) makes of `audio_bytes` bytes of μ-law.
    fn max_media_len(&self, audio_bytes: usize) -> usize;
}

/// One message from a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CarrierMessage<'a> {
    /// The stream it belongs to; absent before the stream has started.
    pub stream_sid: Option<JsonStr<'a>>,
    /// The carrier's running number of the message, where it has one.
    pub sequence_number: Option<u64>,
    /// What it says.
    pub event: CarrierEvent<'a>,
}

impl<'a> CarrierMessage<'a> {
    /// A message of a [`Carrier`]'s making.
    pub fn new(
        stream_sid: Option<JsonStr<'a>>,
        sequence_number: Option<u64>,
        event: CarrierEvent<'a>,
    ) -> Self {
        Self {
            stream_sid,
            sequence_number,
            event,
        }
    }
}

/// What a carrier says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CarrierEvent<'a> {
    /// The socket is open; no stream yet.
    Connected,
    /// The stream begins.
    Started {
        /// Id of the call.
        call_sid: JsonStr<'a>,
        /// Parameters set in the call's markup: a JSON object of strings, `{}` if absent.
        custom_parameters: RawJson<'a>,
    },
    /// Audio.
    Media {
        /// Whose voice; only the caller's is bridged.
        track: Track,
        /// Presentation time of the first sample, in milliseconds since the stream began.
        timestamp_ms: u64,
        /// base64 of raw G.711 μ-law, 8 kHz, mono.
        payload: JsonStr<'a>,
    },
    /// A key was pressed.
    Dtmf {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// Playback has reached a mark, or a clear has flushed it.
    Mark {
        /// The mark's name.
        name: JsonStr<'a>,
    },
    /// The stream has ended.
    Stopped,
    /// A message of a kind this version does not know.
    Other {
        /// The kind's name on the wire.
        kind: JsonStr<'a>,
    },
}

/// Direction of a media message, seen from the carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Track {
    /// What the caller says.
    Inbound,
    /// What the caller is played.
    Outbound,
}

/// What a carrier is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CarrierCommand<'a> {
    /// Queue audio for playback: raw G.711 μ-law, 8 kHz.
    Media(&'a [u8]),
    /// Echo this name once playback has reached this point.
    Mark(&'a str),
    /// Empty the playback queue.
    Clear,
}

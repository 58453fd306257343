//! What a session leaves behind. Times are on the [`Clock`](crate::Clock) given to the simulator.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::clock::{seconds, seconds_opt};

/// Everything that happened on one connection.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionRecord {
    /// `sess_…`; empty when the connection was refused before a session began.
    pub id: String,
    /// From the URL.
    pub model: Option<String>,
    /// When the connection was accepted.
    #[serde(serialize_with = "seconds")]
    pub opened: Duration,
    /// When it was over.
    #[serde(serialize_with = "seconds_opt")]
    pub closed: Option<Duration>,
    /// How it was closed; `None` while open, or when the connection was cut.
    pub close: Option<Close>,
    /// The configuration in force.
    pub session: Value,
    /// Every client event as it came; the audio of appends is replaced by its length in bytes.
    pub client_events: Vec<EventRecord>,
    /// Every server event as it went; the audio of deltas is replaced by its length in bytes.
    pub server_events: Vec<EventRecord>,
    /// Audio received.
    pub appends: Vec<Append>,
    /// Turns noticed by the voice detection.
    pub speech: Vec<SpeechChange>,
    /// Audio sent.
    pub deltas: Vec<Delta>,
    /// Responses.
    pub responses: Vec<ResponseRecord>,
    /// `conversation.item.truncate` events.
    pub truncates: Vec<Truncate>,
    /// `conversation.item.delete` events.
    pub deletes: Vec<Delete>,
    /// `error` events sent.
    pub errors: Vec<ErrorRecord>,
    /// Rate of [`input`](Self::input), in Hz.
    pub input_rate_hz: u32,
    /// All audio received, decoded. A change of the input format empties it.
    #[serde(skip)]
    pub input: Vec<i16>,
    /// Audio sent per item, decoded, with its rate in Hz.
    #[serde(skip)]
    pub output: BTreeMap<String, (Vec<i16>, u32)>,
}

/// The end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Close {
    /// Close code; 1005 when the frame held none.
    pub code: u16,
    /// Close reason.
    pub reason: String,
    /// Whether this server closed.
    pub by_server: bool,
}

/// One event, in either direction.
#[derive(Clone, Debug, Serialize)]
pub struct EventRecord {
    /// When it was received or sent.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// Its `type`; empty when it had none.
    pub kind: String,
    /// The whole event; text that is not JSON is kept as a string.
    pub event: Value,
}

/// One `input_audio_buffer.append`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Append {
    /// When it came.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// Samples it completed.
    pub samples: u64,
    /// Samples received until then, this one included: an index into
    /// [`input`](SessionRecord::input).
    pub end_sample: u64,
}

/// A turn began or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpeechChange {
    /// When it was told.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// `true` = `speech_started`.
    pub started: bool,
    /// `audio_start_ms` or `audio_end_ms`: milliseconds of input.
    pub audio_ms: u64,
    /// The user item.
    pub item_id: String,
}

/// One `response.output_audio.delta`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delta {
    /// When it was sent.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// Its response.
    pub response_id: String,
    /// Its item.
    pub item_id: String,
    /// Its content part.
    pub content_index: u32,
    /// First byte, counted from the start of the part.
    pub first_byte: u64,
    /// Bytes it holds.
    pub bytes: u64,
    /// First sample that it holds a byte of, counted from the start of the part.
    pub first_sample: u64,
    /// Samples complete with it, counted from the start of the part.
    pub end_sample: u64,
}

/// One response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResponseRecord {
    /// `resp_…`
    pub id: String,
    /// When it was created.
    #[serde(serialize_with = "seconds")]
    pub created: Duration,
    /// When its first audio was sent.
    #[serde(serialize_with = "seconds_opt")]
    pub first_delta: Option<Duration>,
    /// When it was done.
    #[serde(serialize_with = "seconds_opt")]
    pub done: Option<Duration>,
    /// `in_progress`, `completed`, `cancelled`, `incomplete` or `failed`.
    pub status: String,
    /// Reason of any status but the first two.
    pub reason: Option<String>,
    /// Whether voice detection created it, rather than the client.
    pub automatic: bool,
    /// Its items, in order.
    pub item_ids: Vec<String>,
}

/// One `conversation.item.truncate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Truncate {
    /// When it came.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// The item.
    pub item_id: String,
    /// What the client asked for, in milliseconds.
    pub audio_end_ms: i64,
    /// What the server held, in milliseconds; 0 for an unknown item.
    pub held_ms: u64,
    /// Whether it was done.
    pub accepted: bool,
}

/// One `conversation.item.delete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delete {
    /// When it came.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// The item.
    pub item_id: String,
    /// Whether it was done.
    pub accepted: bool,
}

/// One `error` sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorRecord {
    /// When it was sent.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// `error.code`.
    pub code: String,
    /// `error.message`.
    pub message: String,
    /// `error.param`.
    pub param: Option<String>,
}

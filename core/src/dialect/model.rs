use super::Shape;
use crate::{Error, JsonStr, RawJson, SessionUpdate, json::from_utf8};

/// A realtime model's protocol: JSON text in, JSON text out.
pub trait Model {
    /// Reads one server event. Strings in the result borrow from `text`.
    ///
    /// # Errors
    /// [`Error::InvalidJson`], [`Error::MissingField`], [`Error::InvalidField`]. An unknown kind of
    /// event is [`ModelEvent::Other`], not an error.
    fn read<'a>(&self, text: &'a str) -> Result<ModelEvent<'a>, Error>;

    /// [`read`](Self::read) of the next event of many: sooner where `shape` has learned from an earlier
    /// one what this one looks like, with the same result always.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_next<'a>(&self, shape: &mut Shape, text: &'a str) -> Result<ModelEvent<'a>, Error> {
        let _ = shape;
        self.read(text)
    }

    /// [`read`](Self::read) for bytes that should be UTF-8.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::InvalidJson`] also where the bytes are not UTF-8.
    fn read_bytes<'a>(&self, bytes: &'a [u8]) -> Result<ModelEvent<'a>, Error> {
        self.read(from_utf8(bytes)?)
    }

    /// Writes `command` into `dst` as one whole UTF-8 message and returns its length in bytes; 0 if
    /// this model has no such message.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] with the needed length; [`Error::InvalidField`] for an argument
    /// the model would refuse.
    fn write(&self, command: ModelCommand<'_>, dst: &mut [u8]) -> Result<usize, Error>;

    /// The longest message [`write`](Self::write) makes of an append of `audio_bytes` bytes.
    fn max_append_len(&self, audio_bytes: usize) -> usize;
}

/// Sample format on the model's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudioFormat {
    /// 16-bit signed little-endian PCM, mono.
    Pcm16 {
        /// Sampling rate in Hz.
        rate_hz: u32,
    },
    /// G.711 μ-law, 8 kHz.
    Mulaw,
    /// G.711 A-law, 8 kHz.
    Alaw,
    /// Something this version does not know.
    Unknown,
}

/// What the model's session is set to, as far as the Bridge needs to know; `None` where unsaid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionState {
    /// Format the model expects.
    pub input: Option<AudioFormat>,
    /// Format the model sends.
    pub output: Option<AudioFormat>,
    /// Voice detection starts a response at the end of a turn by itself; `Some(false)` also when
    /// turn detection is off.
    pub creates_response: Option<bool>,
    /// Voice detection cancels the response when the caller speaks; `Some(false)` also when turn
    /// detection is off.
    pub interrupts_response: Option<bool>,
    /// Silence that ends a turn, in milliseconds.
    pub silence_duration_ms: Option<u32>,
    /// When the session ends, in seconds since the Unix epoch.
    pub expires_at: Option<u64>,
}

/// What a model says. Ids are the peer's.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ModelEvent<'a> {
    /// The session exists, with the peer's defaults.
    SessionCreated(SessionState),
    /// The session is now set like this.
    SessionUpdated(SessionState),
    /// The caller began to speak.
    SpeechStarted {
        /// Item the turn will become.
        item_id: Option<JsonStr<'a>>,
        /// Position in appended audio, in milliseconds.
        audio_start_ms: u64,
    },
    /// The caller stopped speaking.
    SpeechStopped {
        /// Item the turn will become.
        item_id: Option<JsonStr<'a>>,
        /// Position in appended audio, in milliseconds, silence that ended the turn included.
        audio_end_ms: u64,
    },
    /// A response is being made.
    ResponseCreated {
        /// Its id.
        response_id: JsonStr<'a>,
        /// It does not write to the conversation (`conversation: "none"`).
        out_of_band: bool,
    },
    /// A response has begun an item.
    ItemAdded {
        /// The response.
        response_id: JsonStr<'a>,
        /// The item.
        item_id: JsonStr<'a>,
        /// It is a message (may be spoken), not a function call or anything else.
        is_message: bool,
    },
    /// Speech.
    AudioDelta {
        /// The response.
        response_id: JsonStr<'a>,
        /// The item.
        item_id: JsonStr<'a>,
        /// Content part of the item.
        content_index: u32,
        /// base64 of audio in the session's output format.
        audio: JsonStr<'a>,
    },
    /// No more speech for this content part.
    AudioDone {
        /// The response.
        response_id: JsonStr<'a>,
        /// The item.
        item_id: JsonStr<'a>,
        /// Content part of the item.
        content_index: u32,
    },
    /// Words, said or understood.
    Transcript {
        /// Whose.
        speaker: Speaker,
        /// The item.
        item_id: JsonStr<'a>,
        /// The response, for the model's words.
        response_id: Option<JsonStr<'a>>,
        /// The next words, or all of them when `is_final`.
        text: JsonStr<'a>,
        /// `text` is the whole of the content part.
        is_final: bool,
    },
    /// The model calls a function: a completed call, reported once per call.
    ToolCall {
        /// The response.
        response_id: JsonStr<'a>,
        /// The item.
        item_id: JsonStr<'a>,
        /// Id to answer with.
        call_id: JsonStr<'a>,
        /// The function.
        name: JsonStr<'a>,
        /// Arguments: text that should be, but need not be, a JSON object.
        arguments: JsonStr<'a>,
    },
    /// The caller's words could not be understood.
    TranscriptionFailed {
        /// The item.
        item_id: JsonStr<'a>,
        /// The event's name on the wire.
        kind: JsonStr<'a>,
    },
    /// A response has ended.
    ResponseDone {
        /// The response.
        response_id: JsonStr<'a>,
        /// How.
        status: ResponseStatus,
        /// The peer's word for why (`turn_detected`, an error code, …).
        reason: Option<JsonStr<'a>>,
        /// The peer's sentence, if it failed.
        message: Option<JsonStr<'a>>,
        /// Tokens used, if told.
        usage: Option<Usage>,
    },
    /// The peer refuses something, or is ending the session.
    Error {
        /// Its code; empty if it gave none.
        code: Option<JsonStr<'a>>,
        /// Its sentence.
        message: JsonStr<'a>,
        /// Our event that it answers.
        event_id: Option<JsonStr<'a>>,
    },
    /// An event the Bridge has no use for, or of a kind this version does not know.
    Other {
        /// The kind's name on the wire.
        kind: JsonStr<'a>,
    },
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Speaker {
    /// The person on the phone.
    Caller,
    /// The model.
    Model,
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseStatus {
    /// Whole.
    Completed,
    /// Cut off, by the caller's voice or by a cancel.
    Cancelled,
    /// Cut off by a limit or a filter.
    Incomplete,
    /// Failed.
    Failed,
    /// A status this version does not know.
    Unknown,
}

/// Tokens used by one response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Input and output together.
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
    /// Text among the cached; 0 where the peer does not tell.
    pub cached_text_tokens: u64,
    /// Audio among the cached; 0 where the peer does not tell. Audio input less this is what is
    /// billed in full.
    pub cached_audio_tokens: u64,
    /// Text among the output.
    pub output_text_tokens: u64,
    /// Audio among the output.
    pub output_audio_tokens: u64,
}

/// What a model is told.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ModelCommand<'a> {
    /// Set the session up.
    UpdateSession {
        /// Comes back in the error if the peer refuses it.
        event_id: &'a str,
        /// Format both ways.
        audio: AudioFormat,
        /// Everything else.
        session: &'a SessionUpdate<'a>,
    },
    /// The caller's voice as 16-bit PCM at 24 kHz.
    AppendPcm16(&'a [i16]),
    /// The caller's voice as G.711 bytes, μ-law or A-law as the session is set.
    AppendG711(&'a [u8]),
    /// Answer now.
    CreateResponse {
        /// Comes back in the error if the peer refuses it.
        event_id: &'a str,
        /// The `response` object, if any.
        response: Option<RawJson<'a>>,
    },
    /// Stop answering.
    CancelResponse {
        /// Comes back in the error if the peer refuses it.
        event_id: &'a str,
        /// The response, or whichever is active.
        response_id: Option<&'a str>,
    },
    /// Forget what was not heard of a spoken item.
    TruncateItem {
        /// Comes back in the error if the peer refuses it.
        event_id: &'a str,
        /// The item.
        item_id: &'a str,
        /// Content part of the item.
        content_index: u32,
        /// Audio heard, in milliseconds from the start of the content part.
        audio_end_ms: u64,
    },
    /// Forget an item.
    DeleteItem {
        /// Comes back in the error if the peer refuses it.
        event_id: &'a str,
        /// The item.
        item_id: &'a str,
    },
    /// The caller's turn is over: make an item of the audio so far.
    CommitAudio {
        /// Comes back in the error if the peer refuses it.
        event_id: &'a str,
    },
    /// Forget the audio that is no item yet.
    ClearAudio {
        /// Comes back in the error if the peer refuses it.
        event_id: &'a str,
    },
    /// Add a message to the conversation.
    CreateMessage {
        /// Comes back in the error if the peer refuses it.
        event_id: &'a str,
        /// Id to give the item, if not one of the peer's making.
        item_id: Option<&'a str>,
        /// Whose message.
        role: Role,
        /// What it says.
        text: &'a str,
    },
    /// Add a function call of an earlier session to the conversation; its result follows.
    CreateToolCall {
        /// Comes back in the error if the peer refuses it.
        event_id: &'a str,
        /// Id that the result is given for.
        call_id: &'a str,
        /// The function.
        name: &'a str,
        /// Its arguments as the model wrote them.
        arguments: &'a str,
    },
    /// The result of a function call.
    ToolOutput {
        /// Id of the call.
        call_id: &'a str,
        /// The result, any text; JSON by custom.
        output: &'a str,
    },
}

/// Whose a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The caller's.
    User,
    /// The application's.
    System,
    /// The model's.
    Assistant,
}

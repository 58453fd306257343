//! What happens on calls, as it is journaled, stored and told to whoever watches.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::time::UnixMs;

/// One thing that has happened. `call_id` is the server's own id of the call, a UUID; `id` of a turn or a tool
/// call is a UUID too, so that writing one twice changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// The webhook was answered with a stream.
    CallAnswered {
        /// The call.
        call_id: String,
        /// Twilio's name of the call.
        call_sid: String,
        /// E.164, or what Twilio sent.
        caller: String,
        /// E.164.
        called: String,
        /// Who answers.
        agent_id: Option<String>,
        /// When.
        at: UnixMs,
        /// What the webhook told: country, region, city, verification, direction, device.
        metadata: Map<String, Value>,
    },
    /// The webhook was answered with something else: unknown or disabled number, or full.
    CallRefused {
        /// The call.
        call_id: String,
        /// Twilio's name of the call.
        call_sid: String,
        /// E.164, or what Twilio sent.
        caller: String,
        /// What was dialled.
        called: String,
        /// `unknown_number`, `disabled_number`, `busy`, `draining`.
        reason: String,
        /// When.
        at: UnixMs,
    },
    /// Audio flows.
    StreamStarted {
        /// The call.
        call_id: String,
        /// Twilio's name of the stream.
        stream_sid: String,
        /// When.
        at: UnixMs,
    },
    /// A turn is over: somebody has said something.
    Turn(Turn),
    /// The model has called a function, and it has been answered.
    ToolCall(ToolCall),
    /// The caller spoke over the agent.
    BargeIn {
        /// The call.
        call_id: String,
        /// The item that was cut.
        item_id: String,
        /// Heard of it, in milliseconds.
        heard_ms: u64,
        /// When.
        at: UnixMs,
    },
    /// The model's session was lost, replaced or rotated.
    Session {
        /// The call.
        call_id: String,
        /// `lost`, `reconnected`, `rotated`, `given_up`.
        event: String,
        /// When.
        at: UnixMs,
    },
    /// A recording was begun, grown or ended.
    Recording(Recording),
    /// Twilio's own recording of a call, as its callback tells.
    TwilioRecording {
        /// Twilio's name of the call.
        call_sid: String,
        /// Twilio's name of the recording.
        recording_sid: String,
        /// `in-progress`, `completed`, `absent`, `failed`.
        status: String,
        /// Where Twilio has it.
        url: Option<String>,
        /// In milliseconds.
        duration_ms: Option<u64>,
        /// When.
        at: UnixMs,
    },
    /// Twilio's status callback.
    CallStatus {
        /// Twilio's name of the call.
        call_sid: String,
        /// `queued`, `initiated`, `ringing`, `in-progress`, `completed`, `busy`, `failed`, `no-answer`, `canceled`.
        status: String,
        /// In seconds, once it is over.
        duration_s: Option<i64>,
        /// When.
        at: UnixMs,
    },
    /// The call's stream is over.
    CallEnded {
        /// The call.
        call_id: String,
        /// A stable word, such as `stopped` or `model_lost`.
        reason: String,
        /// When.
        at: UnixMs,
        /// What was measured.
        analytics: CallAnalytics,
        /// Added to what the webhook told: network quality and the like.
        metadata: Map<String, Value>,
    },
}

/// Whether somebody has ended a call on purpose, by the `reason` of [`Record::CallEnded`].
pub(crate) fn is_orderly(reason: &str) -> bool {
    matches!(
        reason,
        "stopped" | "hung_up" | "status_callback" | "transferred"
    )
}

/// What one side has said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// UUID.
    pub id: String,
    /// The call.
    pub call_id: String,
    /// The model's name of the item.
    pub item_id: String,
    /// Who.
    pub speaker: Speaker,
    /// What was said; of the agent, what was *heard*.
    pub text: String,
    /// What was generated, if more than was heard.
    pub generated_text: Option<String>,
    /// Whether the caller spoke over it.
    pub interrupted: bool,
    /// Of the transcription, from 0 to 1, if it tells.
    pub confidence: Option<f64>,
    /// When the voice began.
    pub started_at: UnixMs,
    /// When it ended.
    pub ended_at: UnixMs,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// Whoever called.
    Caller,
    /// The model.
    Agent,
}

/// One call of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolCall {
    /// The model's `call_id`.
    pub id: String,
    /// The call.
    pub call_id: String,
    /// The function.
    pub name: String,
    /// JSON text, as the model wrote it.
    pub arguments: String,
    /// JSON text that the model got.
    pub output: String,
    /// It failed; `output` says how.
    pub failed: bool,
    /// When it began.
    pub started_at: UnixMs,
    /// When it ended.
    pub ended_at: UnixMs,
}

/// A recording on this server's disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// UUID.
    pub id: String,
    /// The call.
    pub call_id: String,
    /// Path below `RECORDING_STORAGE_PATH`.
    pub file: String,
    /// How it is written.
    pub format: RecordingFormat,
    /// How it stands.
    pub status: RecordingStatus,
    /// In milliseconds.
    pub duration_ms: i64,
    /// Of the file.
    pub bytes: i64,
    /// When it began.
    pub started_at: UnixMs,
}

/// How a recording is written; left or first: the caller, right or second: the agent as heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingFormat {
    /// Stereo WAV, 16-bit PCM at 16 kHz.
    Wav,
    /// Stereo WAV, G.711 μ-law at 8 kHz.
    Mulaw,
}

/// How a recording stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingStatus {
    /// Still being written.
    InProgress,
    /// Whole.
    Completed,
    /// Something is missing: the disk was full or slow, or the server was killed.
    Partial,
    /// Removed by the retention setting.
    Purged,
}

/// What was measured on one call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallAnalytics {
    /// VADER's compound score of what the caller said, from −1 to 1; absent if nothing was said.
    pub sentiment: Option<f64>,
    /// How long the caller spoke, in milliseconds.
    pub caller_talk_ms: i64,
    /// How long the agent was heard, in milliseconds.
    pub agent_talk_ms: i64,
    /// Barge-ins.
    pub interruptions: i64,
    /// For each answer: end of the caller's speech → its first audio played, in milliseconds.
    pub response_latencies_ms: Vec<i64>,
    /// Model tokens used.
    pub total_tokens: i64,
}

/// What whoever watches `GET /api/status` gets, and in which order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusEvent {
    /// Rises from event to event, over all nodes; what `Last-Event-ID` names.
    pub id: i64,
    /// `call_started`, `call_refused`, `transcript`, `tool_call`, `barge_in`, `session`, `recording`, `call_status`, `call_ended`.
    pub event: String,
    /// The call, if known.
    pub call_id: Option<String>,
    /// When.
    pub at: UnixMs,
    /// Depends on `event`.
    pub data: Value,
}

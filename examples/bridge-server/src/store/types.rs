//! What is asked of the database, and what it answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::{
    record::{CallAnalytics, Recording, ToolCall, Turn},
    time::UnixMs,
};

/// Which calls are wanted; absent fields do not matter.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct CallFilter {
    /// At most so many; 50 if absent, at most 200.
    #[serde(default)]
    pub limit: Option<i64>,
    /// So many are passed over.
    #[serde(default)]
    pub offset: Option<i64>,
    /// Number of the caller.
    #[serde(default)]
    pub caller: Option<String>,
    /// Id of the agent.
    #[serde(default)]
    pub agent: Option<String>,
    /// `positive`, `neutral` or `negative`.
    #[serde(default)]
    pub sentiment: Option<Sentiment>,
    /// How the call stands.
    #[serde(default)]
    pub status: Option<CallStatus>,
    /// Calls that began at this time or later: RFC 3339, or a date, which begins at 0:00 UTC.
    #[serde(default)]
    pub start_date: Option<String>,
    /// Calls that began before this time; a date is included.
    #[serde(default)]
    pub end_date: Option<String>,
    /// All of these words were said.
    #[serde(default)]
    pub q: Option<String>,
}

/// How what the caller said sounds, by VADER's customary thresholds of ±0.05 on the compound score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sentiment {
    /// 0.05 or more.
    Positive,
    /// Between.
    Neutral,
    /// −0.05 or less.
    Negative,
}

impl Sentiment {
    /// Of a compound score, from −1 to 1.
    pub fn of(score: f64) -> Self {
        if score >= 0.05 {
            Self::Positive
        } else if score <= -0.05 {
            Self::Negative
        } else {
            Self::Neutral
        }
    }
}

/// How a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// The webhook was answered; no audio yet.
    Answered,
    /// Audio flows.
    InProgress,
    /// Over.
    Completed,
    /// Over before audio flowed, or cut off.
    Failed,
    /// Not taken.
    Refused,
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The part.
    pub items: Vec<T>,
    /// Length of the whole list.
    pub total: i64,
    /// As asked for.
    pub limit: i64,
    /// As asked for.
    pub offset: i64,
}

/// A call in a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// UUID.
    pub id: String,
    /// Twilio's name of it.
    pub call_sid: String,
    /// Who called.
    pub caller: String,
    /// What was dialled.
    pub called: String,
    /// Who answered.
    pub agent_id: Option<String>,
    /// How it stands.
    pub status: CallStatus,
    /// Why it ended or was refused.
    pub end_reason: Option<String>,
    /// When it was answered.
    pub started_at: UnixMs,
    /// When its stream ended.
    pub ended_at: Option<UnixMs>,
    /// Length of the stream.
    pub duration_ms: Option<i64>,
    /// How what the caller said sounds.
    pub sentiment: Option<Sentiment>,
}

/// All that is known of a call.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallDetail {
    /// The call.
    #[serde(flatten)]
    pub call: Call,
    /// What was said, by time.
    pub transcripts: Vec<Turn>,
    /// What functions the model called, by time.
    pub tool_calls: Vec<ToolCall>,
    /// Recordings of this server.
    pub recordings: Vec<Recording>,
    /// Recordings of Twilio.
    pub twilio_recordings: Vec<TwilioRecording>,
    /// What was measured; absent until the call is over.
    pub analytics: Option<CallAnalytics>,
    /// Country, region, device, network quality and the like.
    pub metadata: Map<String, Value>,
    /// Twilio's last word on the call: `ringing`, `completed`, `no-answer` and the like.
    pub twilio_status: Option<String>,
    /// How long Twilio says it was, in seconds.
    pub twilio_duration_s: Option<i64>,
    /// What people wrote, by time.
    pub notes: Vec<Note>,
}

/// A recording that Twilio keeps.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TwilioRecording {
    /// Twilio's name of it.
    pub recording_sid: String,
    /// Twilio's word.
    pub status: String,
    /// Where.
    pub url: Option<String>,
    /// In milliseconds.
    pub duration_ms: Option<i64>,
}

/// What somebody wrote about a call.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// UUID.
    pub id: String,
    /// Up to 10,000 characters.
    pub text: String,
    /// Who, if told.
    pub author: Option<String>,
    /// When.
    pub created_at: UnixMs,
}

/// Which figures are wanted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct AnalyticsFilter {
    /// As for calls; 30 days before `endDate` if absent.
    #[serde(default)]
    pub start_date: Option<String>,
    /// As for calls; now if absent.
    #[serde(default)]
    pub end_date: Option<String>,
    /// Width of the time series' steps; `day` if absent. Steps begin in UTC, weeks on Monday.
    #[serde(default)]
    pub interval: Option<Interval>,
}

/// Width of a time series' steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    #[default]
    Day,
    /// 7 days from Monday.
    Week,
}

/// Figures over a time.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Analytics {
    /// Begin.
    pub start_date: UnixMs,
    /// End.
    pub end_date: UnixMs,
    /// Width of the steps.
    pub interval: Interval,
    /// Over the whole time.
    pub totals: Figures,
    /// Step by step; steps without calls are there, with zeros.
    pub series: Vec<Step>,
}

/// One step of a time series.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// When it begins.
    pub start: UnixMs,
    /// Calls that began in it.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Calls taken.
    pub calls: i64,
    /// Of them, over as they should be.
    pub completed: i64,
    /// Of them, not.
    pub failed: i64,
    /// Calls not taken.
    pub refused: i64,
    /// Mean length, in milliseconds.
    pub mean_duration_ms: Option<f64>,
    /// The caller's, in milliseconds.
    pub caller_talk_ms: i64,
    /// The agent's, in milliseconds.
    pub agent_talk_ms: i64,
    /// Barge-ins.
    pub interruptions: i64,
    /// Mean of the calls' compound scores.
    pub mean_sentiment: Option<f64>,
    /// Calls by sentiment.
    pub positive: i64,
    /// Calls by sentiment.
    pub neutral: i64,
    /// Calls by sentiment.
    pub negative: i64,
    /// Median of the response latencies (nearest rank), in milliseconds.
    pub latency_p50_ms: Option<i64>,
    /// 95th percentile.
    pub latency_p95_ms: Option<i64>,
    /// 99th percentile.
    pub latency_p99_ms: Option<i64>,
    /// Model tokens used.
    pub total_tokens: i64,
}

/// An appointment that is free, or taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// UUID.
    pub id: String,
    /// Begin.
    pub starts_at: UnixMs,
    /// End.
    pub ends_at: UnixMs,
    /// With whom or where, if it matters.
    pub resource: Option<String>,
    /// Who has taken it, if anybody.
    pub booking: Option<Booking>,
}

/// Who has taken an appointment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// The call on which it was taken.
    pub call_id: Option<String>,
    /// Name of the person.
    pub name: String,
    /// How to reach them.
    pub phone: Option<String>,
    /// Anything else.
    pub note: Option<String>,
    /// When.
    pub booked_at: UnixMs,
}

/// What something costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// UUID.
    pub id: String,
    /// What.
    pub service: String,
    /// How much, in hundredths of the currency.
    pub amount_cents: i64,
    /// ISO 4217.
    pub currency: String,
    /// For the model to tell.
    pub description: Option<String>,
}

//! Why a call ends, and what is said about it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use trunkline::Error;

/// Why a call is over.
pub(crate) enum End {
    /// The caller, or Twilio on behalf of somebody, has ended it.
    Stopped,
    /// Twilio's socket has closed without a `stop`.
    TwilioClosed(Option<CloseFrame>),
    TwilioFailed(String),
    /// Nothing came from Twilio for [`TWILIO_SILENCE`].
    TwilioSilent,
    /// No `start` within [`START_TIMEOUT`].
    NotStarted,
    /// `start` came without the token the webhook gave out.
    BadToken,
    /// Twilio's status callback says that the call is over.
    StatusCallback,
    ModelRefused(String),
    ModelClosed(Option<CloseFrame>),
    ModelFailed(String),
    /// Nothing came from the model for [`MODEL_SILENCE`], not even a ping.
    ModelSilent,
    /// The session cannot go on; the log has the model's words.
    ModelError,
    FormatMismatch,
    /// The model has hung up.
    HungUp,
    Shutdown,
    Bridge(Error),
}

impl End {
    pub(crate) fn is_models_fault(&self) -> bool {
        matches!(
            self,
            Self::ModelRefused(_)
                | Self::ModelClosed(_)
                | Self::ModelFailed(_)
                | Self::ModelSilent
                | Self::ModelError
                | Self::FormatMismatch
        )
    }

    /// The call goes on at Twilio's, which asks what comes after the stream.
    pub(crate) fn leaves_the_caller(&self) -> bool {
        !matches!(
            self,
            Self::Stopped
                | Self::TwilioClosed(_)
                | Self::TwilioFailed(_)
                | Self::TwilioSilent
                | Self::NotStarted
                | Self::BadToken
                | Self::StatusCallback
        )
    }

    /// Close code and reason for Twilio.
    ///
    /// Closing the stream ends `<Connect>`, and with it the call: the caller is not left in
    /// silence.
    pub(crate) fn close_code(&self) -> (u16, &'static str) {
        match self {
            Self::BadToken | Self::NotStarted => (1008, "not authorised"),
            _ => (1000, ""),
        }
    }

    /// A stable name and what is known besides.
    pub(crate) fn describe(&self) -> (&'static str, Value) {
        let closed = |frame: &Option<CloseFrame>| match frame {
            Some(frame) => json!({
                "close_code": u16::from(frame.code),
                "close_reason": frame.reason.as_str(),
            }),
            None => json!({}),
        };
        match self {
            Self::Stopped => ("stopped", json!({})),
            Self::TwilioClosed(frame) => ("twilio_closed", closed(frame)),
            Self::TwilioFailed(error) => ("twilio_failed", json!({ "error": error })),
            Self::TwilioSilent => ("twilio_silent", json!({})),
            Self::NotStarted => ("not_started", json!({})),
            Self::BadToken => ("bad_token", json!({})),
            Self::StatusCallback => ("status_callback", json!({})),
            Self::ModelRefused(error) => ("model_refused", json!({ "error": error })),
            Self::ModelClosed(frame) => ("model_closed", closed(frame)),
            Self::ModelFailed(error) => ("model_failed", json!({ "error": error })),
            Self::ModelSilent => ("model_silent", json!({})),
            Self::ModelError => ("model_error", json!({})),
            Self::FormatMismatch => ("format_mismatch", json!({})),
            Self::HungUp => ("hung_up", json!({})),
            Self::Shutdown => ("shutdown", json!({})),
            Self::Bridge(error) => ("bridge_failed", json!({ "error": error.to_string() })),
        }
    }
}

/// Twilio sends `start` at once; whoever does not is not Twilio.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(5);
/// Twilio sends audio 50 times a second for as long as the call lasts.
pub(crate) const TWILIO_SILENCE: Duration = Duration::from_secs(10);
/// The model pings every 20 s or so.
pub(crate) const MODEL_SILENCE: Duration = Duration::from_secs(70);

//! Why a call ends, and what is said about it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use trunkline::Error;

use crate::model::Refused;

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
    ModelRefused(Refused),
    ModelClosed(Option<CloseFrame>),
    ModelFailed(String),
    /// Nothing came from the model for [`MODEL_SILENCE`], not even a ping.
    ModelSilent,
    /// The model has not confirmed its settings within [`CONFIRM_TIMEOUT`].
    ModelUnconfirmed,
    /// The session cannot go on, by the model's own word, of which this is the code.
    ModelError(String),
    FormatMismatch,
    /// The model has hung up.
    HungUp,
    /// The caller was handed over.
    Transferred,
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
                | Self::ModelUnconfirmed
                | Self::ModelError(_)
                | Self::FormatMismatch
        )
    }

    /// The model is lost, and another session may do better.
    ///
    /// Source: the error table and the close codes of the Realtime API, and the codes on which OpenAI's own library
    /// reconnects; a close with 1000 that nobody here has asked for is a loss as any.
    pub(crate) fn can_be_healed(&self) -> bool {
        match self {
            Self::ModelRefused(refused) => !refused.is_final(),
            Self::ModelClosed(Some(frame)) => {
                let code = u16::from(frame.code);
                code != 1008 && !(3_000..5_000).contains(&code)
            }
            Self::ModelError(code) => code == SESSION_EXPIRED,
            Self::ModelClosed(None)
            | Self::ModelFailed(_)
            | Self::ModelSilent
            | Self::ModelUnconfirmed => true,
            _ => false,
        }
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
                | Self::Transferred
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
            Self::ModelRefused(error) => (
                "model_refused",
                json!({ "error": error.to_string(), "status": error.status }),
            ),
            Self::ModelClosed(frame) => ("model_closed", closed(frame)),
            Self::ModelFailed(error) => ("model_failed", json!({ "error": error })),
            Self::ModelSilent => ("model_silent", json!({})),
            Self::ModelUnconfirmed => ("model_unconfirmed", json!({})),
            Self::ModelError(code) => ("model_error", json!({ "code": code })),
            Self::FormatMismatch => ("format_mismatch", json!({})),
            Self::HungUp => ("hung_up", json!({})),
            Self::Transferred => ("transferred", json!({})),
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
/// The model confirms its settings in a round trip.
pub(crate) const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);
/// After an hour, the model ends the session with this.
const SESSION_EXPIRED: &str = "session_expired";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_session_would_meet_again_is_final() {
        let closed = |code: u16| {
            End::ModelClosed(Some(CloseFrame {
                code: code.into(),
                reason: "".into(),
            }))
        };
        for code in [1000, 1001, 1006, 1011, 1012, 1013] {
            assert!(closed(code).can_be_healed(), "{code}");
        }
        for code in [1008, 3000, 4000, 4004] {
            assert!(!closed(code).can_be_healed(), "{code}");
        }
        let error = |code: &str| End::ModelError(code.to_owned());
        assert!(error("session_expired").can_be_healed());
        for code in [
            "invalid_api_key",
            "insufficient_quota",
            "model_not_found",
            "",
        ] {
            assert!(!error(code).can_be_healed(), "{code}");
        }
        assert!(!End::FormatMismatch.can_be_healed());
        assert!(!End::Stopped.can_be_healed());
    }
}

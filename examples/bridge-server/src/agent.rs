//! Who answers which number.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{time::UnixMs, tools::definitions};

/// An agent: what the model is told to be, and what it may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// UUID.
    pub id: String,
    /// Everything else.
    #[serde(flatten)]
    pub settings: AgentSettings,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was last changed.
    pub updated_at: UnixMs,
}

/// What of an agent can be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentSettings {
    /// For people, up to 100 characters.
    pub name: String,
    /// The system prompt.
    pub instructions: String,
    /// The model's voice; the server's default if absent.
    #[serde(default)]
    pub voice: Option<String>,
    /// The model; the server's default if absent.
    #[serde(default)]
    pub model: Option<String>,
    /// Language of the conversation as a BCP 47 tag such as `en` or `de-CH`: hint for the transcription and
    /// language of spoken TwiML.
    #[serde(default)]
    pub language: Option<String>,
    /// What the model is told to say first; absent to let the caller speak first.
    #[serde(default)]
    pub greeting: Option<String>,
    /// A greeting recorded beforehand, played before the model is connected: name of a WAV file (mono,
    /// 16-bit PCM) in `GREETINGS_PATH`. `greeting` is then its words.
    #[serde(default)]
    pub greeting_audio: Option<String>,
    /// What it may do.
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// The `turn_detection` object of the session, as the model's documentation has it; the
    /// bridge's default if absent.
    #[serde(default)]
    pub turn_detection: Option<Value>,
    /// Calls to a disabled agent's numbers hear a message.
    #[serde(default = "enabled")]
    pub enabled: bool,
}

/// A function the model may call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum Tool {
    /// Free appointments.
    GetSlots,
    /// Takes an appointment.
    BookSlot,
    /// What things cost.
    GetPricing,
    /// Ends the call once the goodbye was heard.
    HangUp,
    /// Hands the caller over to a person.
    TransferCall {
        /// E.164 number.
        to: String,
    },
    /// Anything else: a signed POST to an HTTP endpoint.
    Webhook {
        /// Name of the function: letters, digits, `_` and `-`, up to 64.
        name: String,
        /// For the model.
        description: String,
        /// JSON schema of its arguments, an object.
        parameters: Value,
        /// An `https` URL.
        url: String,
        /// How long it may take, in milliseconds; 10,000 if absent, at most 30,000.
        #[serde(default)]
        timeout_ms: Option<u64>,
    },
}

/// A number that is called, and who answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PhoneNumber {
    /// E.164: `+` and up to 15 digits.
    pub number: String,
    /// Who answers it.
    pub agent_id: String,
    /// For people.
    #[serde(default)]
    pub label: Option<String>,
    /// Calls to a disabled number hear a message.
    #[serde(default = "enabled")]
    pub enabled: bool,
}

fn enabled() -> bool {
    true
}

/// Whether `number` is E.164: `+`, a digit from 1 on, and up to 14 more. Source: ITU-T E.164 §6.2.
pub fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What the settings take of a session's message, in bytes of JSON.
pub(crate) fn session_len(settings: &AgentSettings) -> usize {
    let instructions = Value::from(&*settings.instructions).to_string().len();
    let turn_detection = settings
        .turn_detection
        .as_ref()
        .map_or(0, |value| value.to_string().len());
    instructions + turn_detection + definitions(&settings.tools).to_string().len()
}

/// Of [`session_len`]: a call's bridge has room for some more.
pub(crate) const MAX_SESSION: usize = 20 << 10;

/// A telephone number that logs show the end of only.
#[derive(Clone, Copy, Debug)]
pub struct Masked<'a>(pub &'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.char_indices().rev().nth(1).map_or(0, |(at, _)| at);
        write!(f, "…{}", &self.0[shown..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_e164_or_not() {
        for good in ["+15550100", "+4930123456", "+123456789012345"] {
            assert!(is_e164(good), "{good}");
        }
        for bad in [
            "",
            "+",
            "+1",
            "15550100",
            "+05550100",
            "+1 555",
            "+1234567890123456",
            "+1٥55",
        ] {
            assert!(!is_e164(bad), "{bad}");
        }
    }

    #[test]
    fn a_masked_number_shows_two_digits() {
        assert_eq!(Masked("+15550123").to_string(), "…23");
        assert_eq!(Masked("").to_string(), "…");
    }
}

//! An agent's settings as a session of the model takes them.

use serde_json::Value;
use trunkline::openai::{Eagerness, TurnDetection};

/// Audio around a turn, in milliseconds, that is none of the caller's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Margins {
    /// Before the first word.
    pub(super) prefix_ms: u32,
    /// After the last.
    pub(super) silence_ms: u32,
}

impl Margins {
    /// As `turn_detection` has them.
    pub(super) fn of(turn_detection: TurnDetection) -> Self {
        match turn_detection {
            TurnDetection::ServerVad {
                prefix_padding_ms,
                silence_duration_ms,
                ..
            } => Self {
                prefix_ms: prefix_padding_ms,
                silence_ms: silence_duration_ms,
            },
            // Not known: it depends on what is said.
            _ => Self {
                prefix_ms: 0,
                silence_ms: 0,
            },
        }
    }
}

/// How turns are found: what `given` names, and the bridge's default for the rest. Values that the model would refuse
/// are taken to the nearest that it takes: a typing error in one field must not cost calls.
pub(super) fn turn_detection(given: Option<&Value>) -> TurnDetection {
    let Some(given) = given else {
        return TurnDetection::default();
    };
    if given.is_null() {
        return TurnDetection::Off;
    }
    let TurnDetection::ServerVad {
        threshold,
        prefix_padding_ms,
        silence_duration_ms,
        ..
    } = TurnDetection::default()
    else {
        unreachable!("the bridge's default is detection by energy");
    };
    let flag = |name: &str| given[name].as_bool().unwrap_or(true);
    let number = |name: &str| {
        given[name]
            .as_u64()
            .map(|ms| u32::try_from(ms).unwrap_or(u32::MAX))
    };
    let (create_response, interrupt_response) =
        (flag("create_response"), flag("interrupt_response"));
    if given["type"] == "semantic_vad" {
        return TurnDetection::SemanticVad {
            eagerness: match given["eagerness"].as_str() {
                Some("low") => Eagerness::Low,
                Some("medium") => Eagerness::Medium,
                Some("high") => Eagerness::High,
                _ => Eagerness::Auto,
            },
            create_response,
            interrupt_response,
        };
    }
    TurnDetection::ServerVad {
        threshold: given["threshold"]
            .as_f64()
            .map_or(threshold, |given| given.clamp(0.0, 1.0) as f32),
        prefix_padding_ms: number("prefix_padding_ms").unwrap_or(prefix_padding_ms),
        silence_duration_ms: number("silence_duration_ms").unwrap_or(silence_duration_ms),
        idle_timeout_ms: number("idle_timeout_ms").map(|ms| ms.clamp(5_000, 30_000)),
        create_response,
        interrupt_response,
    }
}

/// The language of a BCP 47 tag as transcription takes it: two letters of ISO 639-1.
pub(super) fn transcription_language(tag: &str) -> Option<&str> {
    let primary = tag.split('-').next()?;
    let is_code = primary.len() == 2 && primary.bytes().all(|byte| byte.is_ascii_lowercase());
    is_code.then_some(primary)
}

/// Whether a transcription model tells how sure it is of each word: those of the Whisper kind do not.
pub(super) fn tells_logprobs(model: &str) -> bool {
    model.starts_with("gpt-") && model.ends_with("transcribe")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn turn_detection_is_merged_into_the_default() {
        assert_eq!(turn_detection(None), TurnDetection::default());
        assert_eq!(turn_detection(Some(&json!({}))), TurnDetection::default());
        assert_eq!(turn_detection(Some(&Value::Null)), TurnDetection::Off);
        let given = json!({
            "type": "server_vad", "threshold": 7, "silence_duration_ms": 300, "idle_timeout_ms": 1,
            "create_response": false,
        });
        let turns = turn_detection(Some(&given));
        assert_eq!(
            turns,
            TurnDetection::ServerVad {
                threshold: 1.0,
                prefix_padding_ms: 300,
                silence_duration_ms: 300,
                idle_timeout_ms: Some(5_000),
                create_response: false,
                interrupt_response: true,
            }
        );
        assert_eq!(
            Margins::of(turns),
            Margins {
                prefix_ms: 300,
                silence_ms: 300
            }
        );
        let given = json!({ "type": "semantic_vad", "eagerness": "low" });
        assert_eq!(
            turn_detection(Some(&given)),
            TurnDetection::SemanticVad {
                eagerness: Eagerness::Low,
                create_response: true,
                interrupt_response: true,
            }
        );
    }

    #[test]
    fn transcription_takes_languages_of_two_letters() {
        assert_eq!(transcription_language("de-CH"), Some("de"));
        assert_eq!(transcription_language("en"), Some("en"));
        for other in ["", "gsw", "DE", "x-klingon"] {
            assert_eq!(transcription_language(other), None, "{other}");
        }
    }

    #[test]
    fn confidence_is_asked_of_models_that_have_it() {
        assert!(tells_logprobs("gpt-transcribe") && tells_logprobs("gpt-4o-mini-transcribe"));
        assert!(!tells_logprobs("whisper-1") && !tells_logprobs("gpt-realtime-whisper"));
    }
}

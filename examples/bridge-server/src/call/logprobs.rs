//! How sure the transcription is of what it has understood.

use serde::Deserialize;

/// The mean probability of the tokens of a final transcript, from 0 to 1; `None` if the message does not tell.
///
/// Source: `logprobs` of `conversation.item.input_audio_transcription.completed`, natural logarithms.
pub(super) fn confidence(message: &str) -> Option<f64> {
    let completed: Completed = serde_json::from_str(message).ok()?;
    let tokens = completed.logprobs?;
    let sum: f64 = tokens.iter().map(|token| token.logprob.exp()).sum();
    let mean = sum / tokens.len() as f64;
    mean.is_finite().then(|| mean.clamp(0.0, 1.0))
}

#[derive(Deserialize)]
struct Completed {
    #[serde(default)]
    logprobs: Option<Vec<Token>>,
}

#[derive(Deserialize)]
struct Token {
    logprob: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_of_the_tokens() {
        let half = 0.5_f64.ln();
        let message = format!(
            r#"{{"type":"t","transcript":"a b","logprobs":[{{"token":"a","logprob":0,"bytes":[97]}},{{"token":" b","logprob":{half},"bytes":null}}]}}"#
        );
        assert!((confidence(&message).unwrap() - 0.75).abs() < 1e-9);
    }

    #[test]
    fn what_tells_nothing_is_nothing() {
        for message in [
            "",
            "{}",
            r#"{"logprobs":null}"#,
            r#"{"logprobs":[]}"#,
            r#"{"logprobs":[{}]}"#,
        ] {
            assert_eq!(confidence(message), None, "{message}");
        }
    }
}

//! What the model is told.

use serde_json::{Value, json};

/// JSON for the model.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// Built here.
    Json(Value),
    /// Valid JSON from elsewhere, kept letter by letter.
    Verbatim(String),
    /// Text from elsewhere.
    Text {
        text: String,
        /// There was more that nobody has read.
        cut: bool,
    },
}

impl Answer {
    /// As JSON text of at most `max` bytes: what does not fit becomes a string that ends early, and a note says so.
    pub(super) fn into_text(self, max: usize) -> String {
        let text = match self {
            Self::Json(value) => value.to_string(),
            Self::Verbatim(text) => text,
            Self::Text { text, cut: false } => {
                let whole = json!({ "text": text }).to_string();
                if whole.len() <= max {
                    return whole;
                }
                text
            }
            Self::Text { text, cut: true } => return shortened(&text, max),
        };
        if text.len() <= max {
            return text;
        }
        shortened(&text, max)
    }
}

/// A failure; `message` says what to do.
pub(super) fn error(message: impl Into<String>) -> Answer {
    let message: String = message.into();
    Answer::Json(json!({ "error": message }))
}

/// The database has not answered in time.
pub(super) fn slow() -> Answer {
    error(
        "This takes too long at the moment, and it is not known whether it was done. Tell the caller, then call \
         the function again once.",
    )
}

/// The database or a service does not work.
pub(super) fn unavailable() -> Answer {
    error(
        "This does not work at the moment. Tell the caller so, and offer to help with something else or to have \
         somebody call back.",
    )
}

/// The beginning of `text`, at most `max` bytes.
pub(super) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

fn shortened(text: &str, max: usize) -> String {
    const NOTE: &str = "The answer was too long; this is its beginning.";
    let frame = json!({ "text": "", "note": NOTE }).to_string().len();
    let mut room = max.saturating_sub(frame);
    let end = text.char_indices().find_map(|(at, character)| {
        let escaped = match character {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..='\u{1f}' => 6,
            other => other.len_utf8(),
        };
        let fits = escaped <= room;
        room = room.saturating_sub(escaped);
        (!fits).then_some(at)
    });
    json!({ "text": text[..end.unwrap_or(text.len())], "note": NOTE }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_left_alone() {
        let number = r#"{ "id": 123456789012345678901234567890 }"#;
        assert_eq!(Answer::Verbatim(number.to_owned()).into_text(64), number);
        let text = Answer::Text {
            text: "a \"b\"".to_owned(),
            cut: false,
        };
        assert_eq!(text.into_text(1_024), r#"{"text":"a \"b\""}"#);
        assert_eq!(error("Wait.").into_text(1_024), r#"{"error":"Wait."}"#);
    }

    #[test]
    fn what_does_not_fit_ends_early_and_stays_json() {
        for sample in [
            "x",
            "\"",
            "\u{1}",
            "\u{1f}",
            "\u{7f}",
            "ä",
            "€",
            "🙂",
            "\n\u{8}\u{c}\r\t\\",
        ] {
            for max in 1_024..1_034 {
                let text = sample.repeat(2_000);
                for answer in [
                    Answer::Json(json!([text])),
                    Answer::Verbatim(json!([text]).to_string()),
                    Answer::Text {
                        text: text.clone(),
                        cut: false,
                    },
                    Answer::Text {
                        text: text.clone(),
                        cut: true,
                    },
                ] {
                    let output = answer.into_text(max);
                    assert!(
                        output.len() <= max && output.len() > max - 12,
                        "{}",
                        output.len()
                    );
                    let value: Value = serde_json::from_str(&output).unwrap();
                    assert!(value["note"].is_string());
                }
            }
        }
    }

    #[test]
    fn text_that_was_not_read_to_its_end_says_so() {
        let answer = Answer::Text {
            text: "short".to_owned(),
            cut: true,
        };
        let value: Value = serde_json::from_str(&answer.into_text(1_024)).unwrap();
        assert_eq!(value["text"], "short");
        assert!(value["note"].is_string());
    }
}

//! Arguments of the built-in functions, as the model has written them.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::answer::{self, Answer};

/// Of functions that take none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Reads arguments into `T`, or says what is wrong with them. Models leave out the object where there is nothing
/// to say.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Answer> {
    T::deserialize(Value::Object(object(text)?)).map_err(|error| misfit(&error.to_string()))
}

/// The object that `text` holds.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, Answer> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(text)
        .map_err(|error| misfit(&format!("they must be one JSON object ({error})")))
}

/// What a model is told whose arguments are wrong.
pub(super) fn misfit(problem: &str) -> Answer {
    answer::error(format!(
        "The arguments do not fit: {}. Call the function again with corrected arguments; ask the caller if \
         something is missing.",
        answer::cut(problem, 300)
    ))
}

/// `text` without control characters, which PostgreSQL does not store all of, and without space around it; `None`
/// if nothing is left. Models fill in what they could leave out.
pub(super) fn filled(text: Option<String>) -> Option<String> {
    text.map(|text| {
        text.replace(|character: char| character.is_control(), " ")
            .trim()
            .to_owned()
    })
    .filter(|text| !text.is_empty())
}

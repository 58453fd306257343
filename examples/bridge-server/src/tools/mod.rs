//! The two functions the model may call.

use serde_json::{Value, json};

use crate::{admission::Admission, agent::Agent};

const HANG_UP: &str = "hang_up";

/// What a function has come to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// JSON text for the model.
    Answer {
        output: String,
        failed: bool,
    },
    /// The call is to end once the goodbye was heard.
    HangUp,
    /// The caller is to be handed over once what was said was heard.
    #[allow(dead_code, reason = "no function here does so yet")]
    Transfer { to: String },
}

/// The functions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tools {}

impl Tools {
    /// `tools` of the session.
    pub(crate) fn definitions(&self, _agent: &Agent) -> Value {
        definitions()
    }

    /// Runs one.
    pub(crate) async fn run(
        &self,
        _admission: &Admission,
        _tool_call_id: &str,
        name: &str,
        arguments: &str,
    ) -> Outcome {
        if name == HANG_UP {
            return Outcome::HangUp;
        }
        let output = run(name, arguments);
        Outcome::Answer {
            failed: output.get("error").is_some(),
            output: output.to_string(),
        }
    }

    /// Hands the caller over.
    pub(crate) async fn transfer(&self, _admission: &Admission, to: &str) -> Result<(), String> {
        Err(format!("nobody can reach {to}"))
    }
}

fn definitions() -> Value {
    json!([
        {
            "type": "function",
            "name": "find_slot",
            "description": "Free appointments on a day of the week.",
            "parameters": {
                "type": "object",
                "properties": {
                    "day": { "type": "string", "description": "Day of the week in English." },
                },
                "required": ["day"],
            },
        },
        {
            "type": "function",
            "name": HANG_UP,
            "description": "Ends the call after what you have said so far has been heard.",
            "parameters": { "type": "object", "properties": {} },
        },
    ])
}

/// What a call of the function `name` gives: JSON in either case, so that the model can go on.
fn run(name: &str, arguments: &str) -> Value {
    match name {
        "find_slot" => find_slot(arguments),
        _ => json!({ "error": format!("there is no function named {name}") }),
    }
}

/// A clinic's week: mornings and afternoons but Wednesday afternoon, nothing at the weekend.
fn find_slot(arguments: &str) -> Value {
    let day = serde_json::from_str::<Value>(arguments)
        .ok()
        .and_then(|arguments| Some(arguments.get("day")?.as_str()?.trim().to_lowercase()));
    let slots: &[&str] = match day.as_deref() {
        Some("monday" | "tuesday" | "thursday" | "friday") => &["09:00", "14:30"],
        Some("wednesday") => &["09:00"],
        Some("saturday" | "sunday") => &[],
        _ => return json!({ "error": "day must be a day of the week" }),
    };
    json!({ "day": day, "slots": slots })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_slots() {
        let answer = run("find_slot", r#"{"day":" Tuesday"}"#);
        assert_eq!(
            answer,
            json!({ "day": "tuesday", "slots": ["09:00", "14:30"] })
        );
        assert_eq!(run("find_slot", r#"{"day":"sunday"}"#)["slots"], json!([]));
    }

    #[test]
    fn bad_arguments_and_unknown_functions_are_answered_with_an_error() {
        for arguments in ["", "{", "{}", "[]", r#"{"day":2}"#, r#"{"day":"someday"}"#] {
            assert!(
                run("find_slot", arguments)["error"].is_string(),
                "{arguments}"
            );
        }
        assert!(run("open_door", "{}")["error"].is_string());
    }
}

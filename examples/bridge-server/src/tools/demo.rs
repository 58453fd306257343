//! The two functions the model may call.

use serde_json::{Value, json};

/// Ends the call; not run here, since it needs the call.
pub(crate) const HANG_UP: &str = "hang_up";

/// `tools` of the session.
pub(crate) fn definitions() -> Value {
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
pub(crate) fn run(name: &str, arguments: &str) -> Value {
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

//! Errors as the service words them.

use serde_json::{Value, json};

/// The body of an `error` event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(super) kind: String,
    pub(super) code: String,
    pub(crate) message: String,
    pub(super) param: Option<String>,
}

impl ApiError {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            kind: "invalid_request_error".into(),
            code: code.into(),
            message: message.into(),
            param: None,
        }
    }

    pub(super) fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(super) fn invalid_value(param: &str, message: impl Into<String>) -> Self {
        Self::new("invalid_value", message).at(param)
    }

    pub(super) fn unknown(param: &str) -> Self {
        Self::new(
            "unknown_parameter",
            format!("Unknown parameter: '{param}'."),
        )
        .at(param)
    }

    pub(super) fn missing(param: &str) -> Self {
        let message = format!("Missing required parameter: '{param}'.");
        Self::new("missing_required_parameter", message).at(param)
    }

    pub(super) fn wrong_type(param: &str, expected: &str, got: &Value) -> Self {
        let got = match got {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        let message =
            format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
        Self::new("invalid_type", message).at(param)
    }

    /// The text of the close frame when this error ends the session.
    pub(super) fn close_reason(&self) -> String {
        format!("{}.{}", self.kind, self.code)
    }

    /// `event_id` is the one of the client event that failed.
    pub(crate) fn to_json(&self, event_id: Option<&str>) -> Value {
        json!({
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        })
    }
}

//! Words of enumerations in columns: the same as in JSON.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, from_value, to_value};

use super::CallStatus;
use crate::record::{RecordingFormat, RecordingStatus, Speaker};

/// An enumeration that is one word in JSON.
pub(super) trait Named: Serialize + DeserializeOwned {
    /// The word.
    fn name(&self) -> String {
        match to_value(self) {
            Ok(Value::String(name)) => name,
            _ => unreachable!("it has no fields"),
        }
    }

    /// What the word `name` stands for.
    fn named(name: &str) -> Result<Self, sqlx::Error> {
        from_value(name.into()).map_err(|error| sqlx::Error::Decode(error.into()))
    }
}

impl Named for CallStatus {}
impl Named for RecordingFormat {}
impl Named for RecordingStatus {}
impl Named for Speaker {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_json_s_and_come_back() {
        assert_eq!(CallStatus::InProgress.name(), "in_progress");
        let status = CallStatus::named("in_progress").unwrap();
        assert_eq!(status, CallStatus::InProgress);
        assert!(CallStatus::named("over").is_err());
    }
}

//! What a request brings, read so that everything that is wrong with it is found at once.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
        request::Parts,
    },
};
use jiff::{Timestamp, civil};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::problem::{InvalidInput, Problem};
use crate::time::UnixMs;

/// The fields of a JSON object. Each is taken once; [`finish`](Self::finish) tells what was wrong, unknown fields
/// included.
pub(crate) struct Fields {
    map: Map<String, Value>,
    place: String,
    errors: Vec<InvalidInput>,
    /// Whether absent and unknown fields are wrong: not if there is no telling which should be there.
    is_judged: bool,
}

impl Fields {
    /// Of `value`, which is at `place`, a pointer such as `#/tools/0`.
    pub(crate) fn of(value: Value, place: String) -> Self {
        let mut fields = Self {
            map: Map::new(),
            place,
            errors: Vec::new(),
            is_judged: true,
        };
        match value {
            Value::Object(map) => fields.map = map,
            _ => {
                fields.wrong_at(fields.place.clone(), "must be an object".to_owned());
                fields.is_judged = false;
            }
        }
        fields
    }

    /// A text that must be there, with a length in characters within `range`.
    pub(crate) fn text(&mut self, name: &str, range: RangeInclusive<usize>) -> String {
        let text = self.optional_text(name, range);
        self.required(name, text)
    }

    /// A text that may be absent or `null`.
    pub(crate) fn optional_text(
        &mut self,
        name: &str,
        range: RangeInclusive<usize>,
    ) -> Option<String> {
        match self.value(name)? {
            // PostgreSQL keeps no NUL in a text.
            Value::String(text) if text.contains('\0') => {
                self.wrong(name, "must not contain the character NUL");
                None
            }
            Value::String(text) if range.contains(&text.chars().count()) => Some(text),
            Value::String(_) => {
                let (least, most) = range.into_inner();
                self.wrong(name, format!("must be {least} to {most} characters long"));
                None
            }
            _ => {
                self.wrong(name, "must be a string");
                None
            }
        }
    }

    /// A text that may be absent, and for which `is_valid` holds.
    pub(crate) fn checked_text(
        &mut self,
        name: &str,
        is_valid: impl Fn(&str) -> bool,
        detail: &str,
    ) -> Option<String> {
        let text = self.optional_text(name, 0..=usize::MAX)?;
        if !is_valid(&text) {
            self.wrong(name, detail);
            return None;
        }
        Some(text)
    }

    /// A number without fraction that may be absent or `null`.
    pub(crate) fn optional_integer(
        &mut self,
        name: &str,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        let value = self.value(name)?;
        let number = value.as_i64().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = range.into_inner();
            self.wrong(name, format!("must be an integer from {least} to {most}"));
        }
        number
    }

    /// `true` or `false`; `absent` if absent.
    pub(crate) fn flag(&mut self, name: &str, absent: bool) -> bool {
        match self.value(name) {
            None => absent,
            Some(Value::Bool(flag)) => flag,
            Some(_) => {
                self.wrong(name, "must be true or false");
                absent
            }
        }
    }

    /// A point in time that must be there: RFC 3339.
    pub(crate) fn time(&mut self, name: &str) -> UnixMs {
        let text = self.optional_text(name, 0..=64);
        let Some(text) = self.required(name, text.map(Some)) else {
            return UnixMs(0);
        };
        let Ok(time) = text.parse::<Timestamp>() else {
            self.wrong(name, TIME);
            return UnixMs(0);
        };
        UnixMs(time.as_millisecond())
    }

    /// A list that may be absent or `null`, of up to `most` values.
    pub(crate) fn list(&mut self, name: &str, most: usize) -> Vec<Value> {
        match self.value(name) {
            None => Vec::new(),
            Some(Value::Array(list)) if list.len() <= most => list,
            Some(_) => {
                self.wrong(name, format!("must be a list of at most {most}"));
                Vec::new()
            }
        }
    }

    /// Any value but `null`.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    /// `value`, or an error if there is neither a value nor an error yet.
    pub(crate) fn required<T: Default>(&mut self, name: &str, value: Option<T>) -> T {
        let pointer = self.pointer(name);
        let is_told = |error: &InvalidInput| error.pointer.as_ref() == Some(&pointer);
        if value.is_none() && self.is_judged && !self.errors.iter().any(is_told) {
            self.wrong(name, "is required");
        }
        value.unwrap_or_default()
    }

    /// Notes that the field `name` is wrong.
    pub(crate) fn wrong(&mut self, name: &str, detail: impl Into<String>) {
        self.wrong_at(self.pointer(name), detail.into());
    }

    /// What else there is is nobody's business.
    pub(crate) fn ignore_rest(&mut self) {
        self.is_judged = false;
    }

    /// Whether anything was wrong up to now.
    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Takes the errors of an object inside this one.
    pub(crate) fn absorb(&mut self, inner: Self) {
        self.errors.extend(inner.into_errors());
    }

    /// Whether nothing was wrong.
    ///
    /// # Errors
    /// 422, with everything that was.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        match self.into_errors() {
            errors if errors.is_empty() => Ok(()),
            errors => Err(Problem::invalid(StatusCode::UNPROCESSABLE_ENTITY, errors)),
        }
    }

    fn into_errors(mut self) -> Vec<InvalidInput> {
        let unknown: Vec<String> = self.map.keys().cloned().collect();
        if self.is_judged {
            for name in unknown {
                self.wrong(&name, "there is no such field");
            }
        }
        self.errors
    }

    fn wrong_at(&mut self, pointer: String, detail: String) {
        self.errors.push(InvalidInput {
            pointer: Some(pointer),
            parameter: None,
            detail,
        });
    }

    /// Source: RFC 6901 §3 and §6.
    fn pointer(&self, name: &str) -> String {
        let mut pointer = format!("{}/", self.place);
        for byte in name.replace('~', "~0").replace('/', "~1").bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                pointer.push(char::from(byte));
            } else {
                pointer.push_str(&format!("%{byte:02X}"));
            }
            if pointer.len() > MAX_POINTER {
                pointer.push('…');
                break;
            }
        }
        pointer
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .detail("the body must be application/json".to_owned()));
        }
        // Whoever says so may never send it.
        if declared_len(request.headers()).is_some_and(|len| len > MAX_BODY) {
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let Ok(body) = timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await else {
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT)
                .detail("the body did not come in time".to_owned()));
        };
        let body = body.map_err(|rejection| Problem::new(rejection.status()))?;
        let value: Value = serde_json::from_slice(&body).map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST).detail(format!("the body is not JSON: {error}"))
        })?;
        Ok(Self::of(value, "#".to_owned()))
    }
}

/// The parameters of a query, read as [`Fields`] are.
pub(crate) struct Parameters {
    pairs: BTreeMap<String, String>,
    errors: Vec<InvalidInput>,
}

impl Parameters {
    /// A text of up to `most` characters.
    pub(crate) fn text(&mut self, name: &str, most: usize) -> Option<String> {
        let text = self.pairs.remove(name)?;
        if text.contains(['\0', '\u{FFFD}']) {
            self.wrong(name, "must be UTF-8 without the character NUL");
            return None;
        }
        if text.chars().count() > most {
            self.wrong(name, format!("must be at most {most} characters long"));
            return None;
        }
        Some(text)
    }

    pub(crate) fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let text = self.pairs.remove(name)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = range.into_inner();
            self.wrong(name, format!("must be an integer from {least} to {most}"));
        }
        number
    }

    pub(crate) fn optional_flag(&mut self, name: &str) -> Option<bool> {
        let flag = self.pairs.remove(name)?.parse().ok();
        if flag.is_none() {
            self.wrong(name, "must be true or false");
        }
        flag
    }

    /// One of the words of `T`.
    pub(crate) fn word<T: DeserializeOwned>(&mut self, name: &str, words: &str) -> Option<T> {
        let text = self.pairs.remove(name)?;
        let word = serde_json::from_value(Value::String(text)).ok();
        if word.is_none() {
            self.wrong(name, format!("must be one of {words}"));
        }
        word
    }

    /// A point in time: RFC 3339.
    pub(crate) fn time(&mut self, name: &str) -> Option<UnixMs> {
        let text = self.pairs.remove(name)?;
        let time = text.replace(' ', "+").parse::<Timestamp>().ok();
        if time.is_none() {
            self.wrong(name, TIME);
        }
        time.map(|time| UnixMs(time.as_millisecond()))
    }

    /// A point in time (RFC 3339) or a date, as it was written.
    pub(crate) fn date(&mut self, name: &str) -> Option<String> {
        let text = self.pairs.remove(name)?;
        // A sign of a zone that was not escaped has become a space.
        let text = text.trim().replace(' ', "+");
        let is_date = text.len() == 10 && text.parse::<civil::Date>().is_ok();
        if !is_date && text.parse::<Timestamp>().is_err() {
            self.wrong(
                name,
                "must be a date such as 2026-11-28, or a time such as 2026-11-28T09:30:00Z",
            );
            return None;
        }
        Some(text)
    }

    /// Notes that the parameter `name` is wrong.
    pub(crate) fn wrong(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(InvalidInput {
            pointer: None,
            parameter: Some(name.chars().take(MAX_POINTER).collect()),
            detail: detail.into(),
        });
    }

    /// Whether nothing was wrong.
    ///
    /// # Errors
    /// 400, with everything that was.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for name in std::mem::take(&mut self.pairs).into_keys() {
            self.wrong(&name, "there is no such parameter");
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Problem::invalid(StatusCode::BAD_REQUEST, self.errors))
    }
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let mut parameters = Self {
            pairs: BTreeMap::new(),
            errors: Vec::new(),
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if parameters
                .pairs
                .insert(name.to_string(), value.into_owned())
                .is_some()
            {
                parameters.wrong(&name, "must be given once");
            }
        }
        Ok(parameters)
    }
}

fn declared_len(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| {
            let kind = kind.trim().to_ascii_lowercase();
            kind == "application/json"
                || (kind.starts_with("application/") && kind.ends_with("+json"))
        })
}

const TIME: &str = "must be a time such as 2026-11-28T09:30:00Z";
/// For a request's body, in bytes: an agent's instructions at their longest, in any script.
pub(crate) const MAX_BODY: usize = 256 << 10;
/// For a body of that length.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Names that nobody knows are not quoted whole.
const MAX_POINTER: usize = 200;

#[cfg(test)]
mod tests {
    use axum::http::Uri;
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        Fields::of(value, "#".to_owned())
    }

    fn pointers(fields: Fields) -> Vec<(String, String)> {
        fields
            .into_errors()
            .into_iter()
            .map(|error| (error.pointer.unwrap_or_default(), error.detail))
            .collect()
    }

    #[test]
    fn everything_wrong_with_an_object_is_found_at_once() {
        let mut fields = fields(json!({
            "short": "", "nul": "a\0b", "number": 7, "many": 1e3, "flag": "yes", "a/b ~": 1,
        }));
        fields.text("short", 1..=3);
        fields.text("nul", 1..=3);
        fields.text("number", 1..=3);
        fields.text("absent", 1..=3);
        fields.optional_integer("many", 0..=5);
        fields.flag("flag", true);
        let found = pointers(fields);
        let expected = [
            ("#/short", "must be 1 to 3 characters long"),
            ("#/nul", "must not contain the character NUL"),
            ("#/number", "must be a string"),
            ("#/absent", "is required"),
            ("#/many", "must be an integer from 0 to 5"),
            ("#/flag", "must be true or false"),
            ("#/a~1b%20~0", "there is no such field"),
        ];
        assert_eq!(
            found,
            expected.map(|(pointer, detail)| (pointer.to_owned(), detail.to_owned()))
        );
    }

    #[test]
    fn absent_and_null_are_the_same() {
        let mut fields = fields(json!({ "a": null, "b": null, "c": null }));
        assert_eq!(fields.optional_text("a", 1..=3), None);
        assert_eq!(fields.optional_integer("b", 1..=3), None);
        assert!(fields.flag("c", true));
        assert_eq!(fields.list("d", 1), Vec::<Value>::new());
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn a_name_of_any_length_is_quoted_in_part() {
        let found = pointers(fields(json!({ "é".repeat(10_000): 1 })));
        assert!(found[0].0.len() < 2 * MAX_POINTER, "{}", found[0].0.len());
    }

    async fn parameters(query: &str) -> Parameters {
        let uri: Uri = format!("/x?{query}").parse().unwrap();
        let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        Parameters::from_request_parts(&mut parts, &())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn everything_wrong_with_a_query_is_found_at_once() {
        let mut query =
            parameters("limit=-1&limit=2&offset=9999999999999999999999&q=%ff&at=today&x=1").await;
        query.integer("limit", 1..=1);
        query.integer("offset", 0..=i64::MAX);
        query.text("q", 10);
        query.date("at");
        let names: Vec<_> = query
            .finish()
            .map_err(|problem| serde_json::to_value(problem).unwrap())
            .unwrap_err()["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["parameter"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["limit", "limit", "offset", "q", "at", "x"]);
    }

    #[tokio::test]
    async fn dates_and_times_are_taken_with_an_unescaped_zone_too() {
        for (text, expected) in [
            ("2026-11-28", Some("2026-11-28")),
            ("2026-11-28T01:02:03Z", Some("2026-11-28T01:02:03Z")),
            (
                "2026-11-28T01:02:03+01:00",
                Some("2026-11-28T01:02:03+01:00"),
            ),
            (
                "2026-11-28T01:02:03%2B01:00",
                Some("2026-11-28T01:02:03+01:00"),
            ),
            ("2026-02-30", None),
            ("2026-11-28T01:02:03", None),
            ("", None),
        ] {
            let mut query = parameters(&format!("at={text}")).await;
            assert_eq!(query.date("at").as_deref(), expected, "{text}");
        }
    }
}

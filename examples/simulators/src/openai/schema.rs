//! Which keys and values the configuration objects may hold.

use serde_json::Value;

use super::error::ApiError;
use crate::audio::MODEL_RATE;

/// What a value may look like.
pub(super) enum Shape {
    Any,
    Text,
    Flag,
    Integer(i64, i64),
    Number(f64, f64),
    Choice(&'static [&'static str]),
    List(&'static Self),
    /// Keys outside the list are refused.
    Object(&'static [(&'static str, Self)]),
    Nullable(&'static Self),
    /// Checked by the first whose kind of JSON value fits.
    Either(&'static Self, &'static Self),
    AudioFormat,
    Modalities,
    Metadata,
}

impl Shape {
    /// Refuses a value of another shape; `path` names it in the error.
    pub(super) fn check(&self, path: &str, value: &Value) -> Result<(), ApiError> {
        match self {
            Self::Any => Ok(()),
            Self::Text => match value {
                Value::String(_) => Ok(()),
                _ => Err(ApiError::wrong_type(path, "a string", value)),
            },
            Self::Flag => match value {
                Value::Bool(_) => Ok(()),
                _ => Err(ApiError::wrong_type(path, "a boolean", value)),
            },
            Self::Integer(low, high) => match value.as_i64() {
                None => Err(ApiError::wrong_type(path, "an integer", value)),
                Some(number) if number < *low => {
                    let message = format!(
                        "Invalid '{path}': integer below minimum value. Expected a value >= {low}, but got {number} instead."
                    );
                    Err(ApiError::new("integer_below_min_value", message).at(path))
                }
                Some(number) if number > *high => {
                    let message = format!(
                        "Invalid '{path}': integer above maximum value. Expected a value <= {high}, but got {number} instead."
                    );
                    Err(ApiError::new("integer_above_max_value", message).at(path))
                }
                Some(_) => Ok(()),
            },
            Self::Number(low, high) => match value.as_f64() {
                None => Err(ApiError::wrong_type(path, "a number", value)),
                Some(number) if !(*low..=*high).contains(&number) => {
                    let message = format!("Invalid '{path}': expected {low} to {high}.");
                    Err(ApiError::invalid_value(path, message))
                }
                Some(_) => Ok(()),
            },
            Self::Choice(values) => match value.as_str() {
                None => Err(ApiError::wrong_type(path, "a string", value)),
                Some(text) if values.contains(&text) => Ok(()),
                Some(text) => {
                    let list: Vec<_> = values.iter().map(|value| format!("'{value}'")).collect();
                    let message = format!(
                        "Invalid value: '{text}'. Supported values are: {}.",
                        list.join(", ")
                    );
                    Err(ApiError::invalid_value(path, message))
                }
            },
            Self::List(shape) => match value {
                Value::Array(values) => values
                    .iter()
                    .enumerate()
                    .try_for_each(|(n, value)| shape.check(&format!("{path}[{n}]"), value)),
                _ => Err(ApiError::wrong_type(path, "an array", value)),
            },
            Self::Object(shapes) => match value {
                Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
                    let path = format!("{path}.{key}");
                    match shapes.iter().find(|(name, _)| name == key) {
                        Some((_, shape)) => shape.check(&path, value),
                        None => Err(ApiError::unknown(&path)),
                    }
                }),
                _ => Err(ApiError::wrong_type(path, "an object", value)),
            },
            Self::Nullable(shape) => {
                if value.is_null() {
                    Ok(())
                } else {
                    shape.check(path, value)
                }
            }
            Self::Either(first, second) => match first.check(path, value) {
                Err(error) if error.code == "invalid_type" => second.check(path, value),
                result => result,
            },
            Self::AudioFormat => check_format(path, value),
            Self::Metadata => check_metadata(path, value),
            Self::Modalities => match value {
                Value::Array(list) if list.len() == 1 => {
                    Self::Choice(&["audio", "text"]).check(&format!("{path}[0]"), &list[0])
                }
                Value::Array(_) => Err(ApiError::invalid_value(
                    path,
                    format!(
                        "Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio']."
                    ),
                )),
                _ => Err(ApiError::wrong_type(path, "an array", value)),
            },
        }
    }
}

fn check_format(path: &str, value: &Value) -> Result<(), ApiError> {
    const PCM: Shape = Shape::Object(&[
        ("type", Shape::Text),
        ("rate", Shape::Integer(MODEL_RATE as i64, MODEL_RATE as i64)),
    ]);
    const G711: Shape = Shape::Object(&[("type", Shape::Text)]);
    if !value.is_object() {
        return Err(ApiError::wrong_type(path, "an object", value));
    }
    let kind = format!("{path}.type");
    let Some(name) = value.get("type") else {
        return Err(ApiError::missing(&kind));
    };
    Shape::Choice(&["audio/pcm", "audio/pcmu", "audio/pcma"]).check(&kind, name)?;
    if name == "audio/pcm" {
        PCM.check(path, value)
    } else {
        G711.check(path, value)
    }
}

/// At most 16 pairs of keys up to 64 and values up to 512 characters.
fn check_metadata(path: &str, value: &Value) -> Result<(), ApiError> {
    let Value::Object(pairs) = value else {
        return Err(ApiError::wrong_type(path, "an object", value));
    };
    if pairs.len() > 16 {
        let message = format!("Invalid '{path}': too many properties. Expected at most 16.");
        return Err(ApiError::new("object_above_max_properties", message).at(path));
    }
    for (key, value) in pairs {
        let path = format!("{path}.{key}");
        let Value::String(text) = value else {
            return Err(ApiError::wrong_type(&path, "a string", value));
        };
        if key.chars().count() > 64 || text.chars().count() > 512 {
            let message = format!("Invalid '{path}': string too long.");
            return Err(ApiError::new("string_above_max_length", message).at(path));
        }
    }
    Ok(())
}

/// The `session` object of a `session.update`. Source: schema RealtimeSessionCreateRequestGA of
/// OpenAI's OpenAPI document.
pub(super) const SESSION: Shape = Shape::Object(&[
    ("type", Shape::Choice(&["realtime", "transcription"])),
    ("model", Shape::Text),
    ("output_modalities", Shape::Modalities),
    ("instructions", Shape::Text),
    (
        "audio",
        Shape::Object(&[("input", AUDIO_INPUT), ("output", AUDIO_OUTPUT)]),
    ),
    ("tools", Shape::List(&TOOL)),
    ("tool_choice", TOOL_CHOICE),
    ("parallel_tool_calls", Shape::Flag),
    ("reasoning", REASONING),
    ("max_output_tokens", MAX_TOKENS),
    ("truncation", Shape::Any),
    ("prompt", Shape::Nullable(&PROMPT)),
    ("tracing", Shape::Any),
    (
        "include",
        Shape::Nullable(&Shape::List(&Shape::Choice(&[
            "item.input_audio_transcription.logprobs",
        ]))),
    ),
]);

const AUDIO_INPUT: Shape = Shape::Object(&[
    ("format", Shape::AudioFormat),
    (
        "noise_reduction",
        Shape::Nullable(&Shape::Object(&[
            ("type", Shape::Choice(&["near_field", "far_field"])),
            ("strength", Shape::Number(0.0, 1.0)),
        ])),
    ),
    (
        "transcription",
        Shape::Nullable(&Shape::Object(&[
            ("model", Shape::Text),
            ("language", Shape::Text),
            ("languages", Shape::List(&Shape::Text)),
            ("prompt", Shape::Text),
            ("keywords", Shape::List(&Shape::Text)),
            (
                "delay",
                Shape::Choice(&["minimal", "low", "medium", "high", "xhigh"]),
            ),
        ])),
    ),
    (
        "turn_detection",
        Shape::Nullable(&Shape::Object(&[
            ("type", Shape::Choice(&["server_vad", "semantic_vad"])),
            ("threshold", Shape::Number(0.0, 1.0)),
            ("prefix_padding_ms", Shape::Integer(0, 10_000)),
            ("silence_duration_ms", Shape::Integer(0, 10_000)),
            (
                "idle_timeout_ms",
                Shape::Nullable(&Shape::Integer(5_000, 30_000)),
            ),
            (
                "eagerness",
                Shape::Choice(&["low", "medium", "high", "auto"]),
            ),
            ("create_response", Shape::Flag),
            ("interrupt_response", Shape::Flag),
        ])),
    ),
]);

const AUDIO_OUTPUT: Shape = Shape::Object(&[
    ("format", Shape::AudioFormat),
    ("voice", VOICE),
    ("speed", Shape::Number(0.25, 1.5)),
]);

const VOICE: Shape = Shape::Either(
    &Shape::Choice(&[
        "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar",
    ]),
    &Shape::Object(&[("id", Shape::Text)]),
);

const TOOL: Shape = Shape::Object(&[
    ("type", Shape::Choice(&["function", "mcp"])),
    ("name", Shape::Text),
    ("description", Shape::Text),
    ("parameters", Shape::Any),
    ("server_label", Shape::Text),
    ("server_url", Shape::Text),
    ("connector_id", Shape::Text),
    ("authorization", Shape::Text),
    ("headers", Shape::Any),
    ("allowed_tools", Shape::Any),
    ("require_approval", Shape::Any),
    ("server_description", Shape::Text),
]);

const TOOL_CHOICE: Shape = Shape::Either(
    &Shape::Choice(&["auto", "none", "required"]),
    &Shape::Object(&[
        ("type", Shape::Choice(&["function", "mcp"])),
        ("name", Shape::Text),
        ("server_label", Shape::Text),
    ]),
);

const REASONING: Shape = Shape::Object(&[(
    "effort",
    Shape::Choice(&["minimal", "low", "medium", "high", "xhigh"]),
)]);

const MAX_TOKENS: Shape = Shape::Either(&Shape::Integer(1, 4_096), &Shape::Choice(&["inf"]));

const PROMPT: Shape = Shape::Object(&[
    ("id", Shape::Text),
    ("version", Shape::Nullable(&Shape::Text)),
    ("variables", Shape::Any),
]);

/// The `response` object of a `response.create`.
pub(super) const RESPONSE: Shape = Shape::Object(&[
    ("conversation", Shape::Choice(&["auto", "none"])),
    ("output_modalities", Shape::Modalities),
    ("instructions", Shape::Text),
    (
        "audio",
        Shape::Object(&[(
            "output",
            Shape::Object(&[("format", Shape::AudioFormat), ("voice", VOICE)]),
        )]),
    ),
    ("tools", Shape::List(&TOOL)),
    ("tool_choice", TOOL_CHOICE),
    ("parallel_tool_calls", Shape::Flag),
    ("reasoning", REASONING),
    ("max_output_tokens", MAX_TOKENS),
    ("metadata", Shape::Nullable(&Shape::Metadata)),
    ("input", Shape::List(&Shape::Any)),
    ("prompt", Shape::Nullable(&PROMPT)),
]);

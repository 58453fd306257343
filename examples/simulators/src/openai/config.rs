//! The session's configuration: defaults, strict checks, merging.

use std::time::Duration;

use serde_json::{Value, json};

use super::error::ApiError;
use crate::audio::{MODEL_RATE, PHONE_RATE, alaw_decode, alaw_encode, mulaw_decode, mulaw_encode};

/// An audio format of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Pcm,
    Pcmu,
    Pcma,
}

impl Format {
    fn from_json(value: &Value) -> Self {
        match value["type"].as_str() {
            Some("audio/pcmu") => Self::Pcmu,
            Some("audio/pcma") => Self::Pcma,
            _ => Self::Pcm,
        }
    }

    pub(super) fn rate_hz(self) -> u32 {
        if self == Self::Pcm {
            MODEL_RATE
        } else {
            PHONE_RATE
        }
    }

    pub(super) fn bytes_per_sample(self) -> usize {
        if self == Self::Pcm { 2 } else { 1 }
    }

    pub(super) fn bytes_per_ms(self) -> usize {
        self.rate_hz() as usize / 1_000 * self.bytes_per_sample()
    }

    pub(super) fn encode(self, samples: &[i16]) -> Vec<u8> {
        match self {
            Self::Pcm => samples
                .iter()
                .flat_map(|sample| sample.to_le_bytes())
                .collect(),
            Self::Pcmu => samples.iter().map(|&sample| mulaw_encode(sample)).collect(),
            Self::Pcma => samples.iter().map(|&sample| alaw_encode(sample)).collect(),
        }
    }

    /// A trailing half sample is left out.
    pub(super) fn decode(self, bytes: &[u8]) -> Vec<i16> {
        match self {
            Self::Pcm => bytes
                .as_chunks()
                .0
                .iter()
                .map(|&sample| i16::from_le_bytes(sample))
                .collect(),
            Self::Pcmu => bytes.iter().map(|&code| mulaw_decode(code)).collect(),
            Self::Pcma => bytes.iter().map(|&code| alaw_decode(code)).collect(),
        }
    }
}

/// `turn_detection` of type `server_vad`; `semantic_vad` is mapped to waits of the same order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TurnDetection {
    pub(super) threshold: f64,
    pub(super) prefix: Duration,
    pub(super) silence: Duration,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) create_response: bool,
    pub(super) interrupt_response: bool,
}

/// The session as the client sees it.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) session: Value,
}

impl Config {
    pub(super) fn new(id: &str, model: &str, expires_at: u64) -> Self {
        let session = json!({
            "type": "realtime",
            "object": "realtime.session",
            "id": id,
            "model": model,
            "output_modalities": ["audio"],
            "instructions": "You are a simulated model: you say what the script holds.",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": null,
            "truncation": "auto",
            "prompt": null,
            "expires_at": expires_at,
            "audio": {
                "input": {
                    "format": { "type": "audio/pcm", "rate": 24000 },
                    "transcription": null,
                    "noise_reduction": null,
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.5,
                        "prefix_padding_ms": 300,
                        "silence_duration_ms": 200,
                        "idle_timeout_ms": null,
                        "create_response": true,
                        "interrupt_response": true,
                    },
                },
                "output": {
                    "format": { "type": "audio/pcm", "rate": 24000 },
                    "voice": "marin",
                    "speed": 1.0,
                },
            },
            "include": null,
        });
        Self { session }
    }

    /// Applies a `session.update`, or changes nothing.
    pub(super) fn update(&mut self, update: &Value, spoke: bool) -> Result<(), ApiError> {
        if !update.is_object() {
            return Err(ApiError::wrong_type("session", "an object", update));
        }
        let Some(kind) = update.get("type") else {
            return Err(ApiError::missing("session.type"));
        };
        SESSION.check("session", update)?;
        if kind != &self.session["type"] {
            let message = "Passing a different session type is not supported by this simulator.";
            return Err(ApiError::invalid_value("session.type", message));
        }
        if update
            .get("model")
            .is_some_and(|model| model != &self.session["model"])
        {
            let message = "The model of a session cannot be changed.";
            return Err(ApiError::invalid_value("session.model", message));
        }
        let voice = update.pointer("/audio/output/voice");
        if spoke && voice.is_some_and(|voice| voice != &self.session["audio"]["output"]["voice"]) {
            let message = "Cannot update a conversation's voice if assistant audio is present.";
            return Err(
                ApiError::new("cannot_update_voice", message).at("session.audio.output.voice")
            );
        }
        merge(&mut self.session, update);
        Ok(())
    }

    pub(super) fn input_format(&self) -> Format {
        Format::from_json(&self.session["audio"]["input"]["format"])
    }

    pub(super) fn output_format(&self) -> Format {
        Format::from_json(&self.session["audio"]["output"]["format"])
    }

    pub(super) fn transcribes(&self) -> bool {
        !self.session["audio"]["input"]["transcription"].is_null()
    }

    pub(super) fn turn_detection(&self) -> Option<TurnDetection> {
        let detection = &self.session["audio"]["input"]["turn_detection"];
        if detection.is_null() {
            return None;
        }
        let ms = |key: &str, default: u64| {
            Duration::from_millis(detection[key].as_u64().unwrap_or(default))
        };
        let silence = match (detection["type"].as_str(), detection["eagerness"].as_str()) {
            (Some("semantic_vad"), Some("low")) => Duration::from_millis(1_200),
            (Some("semantic_vad"), Some("high")) => Duration::from_millis(300),
            (Some("semantic_vad"), _) => Duration::from_millis(600),
            _ => ms("silence_duration_ms", 200),
        };
        Some(TurnDetection {
            threshold: detection["threshold"].as_f64().unwrap_or(0.5),
            prefix: ms("prefix_padding_ms", 300),
            silence,
            idle_timeout: detection["idle_timeout_ms"]
                .as_u64()
                .map(Duration::from_millis),
            create_response: detection["create_response"].as_bool().unwrap_or(true),
            interrupt_response: detection["interrupt_response"].as_bool().unwrap_or(true),
        })
    }
}

/// Checks the `response` object of a `response.create`.
pub(super) fn check_response(response: &Value) -> Result<(), ApiError> {
    RESPONSE.check("response", response)
}

/// The format a response's own `audio.output.format` asks for.
pub(super) fn response_format(response: &Value) -> Option<Format> {
    response
        .pointer("/audio/output/format")
        .map(Format::from_json)
}

/// Objects are merged key by key; everything else is replaced. A `format`, and a
/// `turn_detection` of another type, are replaced whole: the keys of two types do not mix.
fn merge(old: &mut Value, new: &Value) {
    let (Value::Object(old), Value::Object(new)) = (&mut *old, new) else {
        *old = new.clone();
        return;
    };
    for (key, value) in new {
        let whole = match key.as_str() {
            "format" => true,
            "turn_detection" => old
                .get(key)
                .is_some_and(|old| value.get("type").is_some_and(|new| *new != old["type"])),
            _ => false,
        };
        match old.get_mut(key) {
            Some(old) if !whole => merge(old, value),
            _ => {
                let mut value = value.clone();
                if key == "format" && value["type"] == "audio/pcm" {
                    value["rate"] = json!(24_000);
                }
                old.insert(key.clone(), value);
            }
        }
    }
}

/// What a value may look like.
enum Shape {
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
}

impl Shape {
    fn check(&self, path: &str, value: &Value) -> Result<(), ApiError> {
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

// Source: schema RealtimeSessionCreateRequestGA of OpenAI's OpenAPI document.
const SESSION: Shape = Shape::Object(&[
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

const RESPONSE: Shape = Shape::Object(&[
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
    ("metadata", Shape::Any),
    ("input", Shape::List(&Shape::Any)),
    ("prompt", Shape::Nullable(&PROMPT)),
]);

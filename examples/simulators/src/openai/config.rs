//! The session's configuration: defaults, strict checks, merging.

use std::time::Duration;

use serde_json::{Value, json};

use super::error::ApiError;
use super::schema::SESSION;
use crate::audio::{MODEL_RATE, PHONE_RATE, alaw_decode, alaw_encode, mulaw_decode, mulaw_encode};

/// An audio format of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
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

    pub(crate) fn rate_hz(self) -> u32 {
        if self == Self::Pcm {
            MODEL_RATE
        } else {
            PHONE_RATE
        }
    }

    pub(crate) fn bytes_per_sample(self) -> usize {
        if self == Self::Pcm { 2 } else { 1 }
    }

    pub(super) fn bytes_per_ms(self) -> usize {
        self.rate_hz() as usize / 1_000 * self.bytes_per_sample()
    }

    pub(crate) fn encode(self, samples: &[i16]) -> Vec<u8> {
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
pub(crate) struct Config {
    pub(crate) session: Value,
}

impl Config {
    pub(crate) fn new(id: &str, model: &str, expires_at: u64) -> Self {
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
    pub(crate) fn update(&mut self, update: &Value, spoke: bool) -> Result<(), ApiError> {
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

    pub(crate) fn input_format(&self) -> Format {
        Format::from_json(&self.session["audio"]["input"]["format"])
    }

    pub(crate) fn output_format(&self) -> Format {
        Format::from_json(&self.session["audio"]["output"]["format"])
    }

    pub(super) fn transcribes(&self) -> bool {
        !self.session["audio"]["input"]["transcription"].is_null()
    }

    /// Transcripts come with the probabilities of their words.
    pub(super) fn tells_logprobs(&self) -> bool {
        self.session["include"].as_array().is_some_and(|include| {
            include
                .iter()
                .any(|what| what == "item.input_audio_transcription.logprobs")
        })
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

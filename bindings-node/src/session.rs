//! What a model's session is told, from a plain object.

use napi::bindgen_prelude::*;
use napi_derive::napi;
use trunkline::openai::{Eagerness, NoiseReduction, TurnDetection};
use trunkline::{Error as Core, RawJson, SessionUpdate};

use crate::error::OrThrow;
use crate::number::whole_u32;

/// `lib/json.cjs` makes it of what users write: JSON is text here already.
#[napi(object)]
pub struct SessionOptions {
    pub instructions: Option<String>,
    pub voice: Option<String>,
    pub speed: Option<f64>,
    pub transcription_model: Option<String>,
    pub transcription_language: Option<String>,
    pub transcription_prompt: Option<String>,
    #[napi(ts_type = "'nearField' | 'farField'")]
    pub noise_reduction: Option<String>,
    pub turn_detection: Option<TurnDetectionOptions>,
    pub tools: Option<String>,
    pub tool_choice: Option<String>,
    pub extra: Option<String>,
}

/// How the model finds the caller's turns.
#[napi(object)]
pub struct TurnDetectionOptions {
    #[napi(js_name = "type", ts_type = "'serverVad' | 'semanticVad' | 'off'")]
    pub kind: String,
    pub threshold: Option<f64>,
    pub prefix_padding_ms: Option<f64>,
    pub silence_duration_ms: Option<f64>,
    pub idle_timeout_ms: Option<f64>,
    #[napi(ts_type = "'low' | 'medium' | 'high' | 'auto'")]
    pub eagerness: Option<String>,
    pub create_response: Option<bool>,
    pub interrupt_response: Option<bool>,
}

impl SessionOptions {
    /// The core's form of it, which borrows.
    pub(crate) fn to_core(&self, env: Env) -> Result<SessionUpdate<'_>> {
        let mut session = SessionUpdate::default();
        session.instructions = self.instructions.as_deref();
        session.voice = self.voice.as_deref();
        session.speed = self.speed.map(|speed| speed as f32);
        session.transcription_model = self.transcription_model.as_deref();
        session.transcription_language = self.transcription_language.as_deref();
        session.transcription_prompt = self.transcription_prompt.as_deref();
        session.noise_reduction = match self.noise_reduction.as_deref() {
            None => None,
            Some("nearField") => Some(NoiseReduction::NearField),
            Some("farField") => Some(NoiseReduction::FarField),
            Some(_) => return invalid(env, "noiseReduction"),
        };
        if let Some(turns) = &self.turn_detection {
            session.turn_detection = turns.to_core(env)?;
        }
        session.tools = json(env, self.tools.as_deref())?;
        session.tool_choice = json(env, self.tool_choice.as_deref())?;
        session.extra = json(env, self.extra.as_deref())?;
        Ok(session)
    }
}

impl TurnDetectionOptions {
    fn to_core(&self, env: Env) -> Result<TurnDetection> {
        let ms = |name, value: Option<f64>| value.map(|ms| whole_u32(env, name, ms)).transpose();
        Ok(match self.kind.as_str() {
            "off" => TurnDetection::Off,
            "semanticVad" => TurnDetection::SemanticVad {
                eagerness: match self.eagerness.as_deref() {
                    None | Some("auto") => Eagerness::Auto,
                    Some("low") => Eagerness::Low,
                    Some("medium") => Eagerness::Medium,
                    Some("high") => Eagerness::High,
                    Some(_) => return invalid(env, "turnDetection.eagerness"),
                },
                create_response: self.create_response.unwrap_or(true),
                interrupt_response: self.interrupt_response.unwrap_or(true),
            },
            "serverVad" => {
                let padding = ms("turnDetection.prefixPaddingMs", self.prefix_padding_ms)?;
                let silence = ms("turnDetection.silenceDurationMs", self.silence_duration_ms)?;
                TurnDetection::ServerVad {
                    threshold: self.threshold.unwrap_or(0.5) as f32,
                    prefix_padding_ms: padding.unwrap_or(300),
                    silence_duration_ms: silence.unwrap_or(500),
                    idle_timeout_ms: ms("turnDetection.idleTimeoutMs", self.idle_timeout_ms)?,
                    create_response: self.create_response.unwrap_or(true),
                    interrupt_response: self.interrupt_response.unwrap_or(true),
                }
            }
            _ => return invalid(env, "turnDetection.type"),
        })
    }
}

pub(crate) fn json(env: Env, text: Option<&str>) -> Result<Option<RawJson<'_>>> {
    text.map(|text| RawJson::new(text).or_throw(env))
        .transpose()
}

fn invalid<T>(env: Env, name: &'static str) -> Result<T> {
    Err(Core::InvalidField { name }).or_throw(env)
}

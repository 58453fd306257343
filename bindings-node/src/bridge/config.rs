//! Settings of a bridge, from a plain object.

use napi::bindgen_prelude::*;
use napi_derive::napi;
use trunkline::Error as Core;
use trunkline::bridge::{BargeIn, Config, ModelAudio};

use crate::error::OrThrow;
use crate::number::{duration, whole};

#[napi(object)]
pub struct BridgeOptions {
    #[napi(ts_type = "'pcm24k' | 'mulaw'")]
    pub model_audio: Option<String>,
    pub lead_ms: Option<f64>,
    pub mark_interval_ms: Option<f64>,
    pub downlink_capacity_ms: Option<f64>,
    pub uplink_capacity_ms: Option<f64>,
    pub text_capacity_bytes: Option<f64>,
    pub max_gap_ms: Option<f64>,
    pub stall_timeout_ms: Option<f64>,
    pub max_twilio_bytes: Option<f64>,
    pub max_openai_bytes: Option<f64>,
    #[napi(ts_type = "'never' | 'onSpeech' | 'onTranscript' | { afterSpeechMs: number }")]
    pub barge_in: Option<Either<String, AfterSpeech>>,
    pub voice_detection: Option<bool>,
}

#[napi(object)]
pub struct AfterSpeech {
    pub after_speech_ms: f64,
}

impl BridgeOptions {
    pub(super) fn to_core(&self, env: Env) -> Result<Config> {
        let mut config = Config::default();
        match self.model_audio.as_deref() {
            None => {}
            Some("pcm24k") => config.model_audio = ModelAudio::Pcm24k,
            Some("mulaw") => config.model_audio = ModelAudio::Mulaw,
            Some(_) => return invalid(env, "modelAudio"),
        }
        for (name, value, field) in [
            ("leadMs", self.lead_ms, &mut config.lead),
            (
                "markIntervalMs",
                self.mark_interval_ms,
                &mut config.mark_interval,
            ),
            (
                "downlinkCapacityMs",
                self.downlink_capacity_ms,
                &mut config.downlink_capacity,
            ),
            (
                "uplinkCapacityMs",
                self.uplink_capacity_ms,
                &mut config.uplink_capacity,
            ),
            ("maxGapMs", self.max_gap_ms, &mut config.max_gap),
            (
                "stallTimeoutMs",
                self.stall_timeout_ms,
                &mut config.stall_timeout,
            ),
        ] {
            if let Some(ms) = value {
                *field = duration(env, name, ms)?;
            }
        }
        for (name, value, field) in [
            (
                "textCapacityBytes",
                self.text_capacity_bytes,
                &mut config.text_capacity,
            ),
            (
                "maxTwilioBytes",
                self.max_twilio_bytes,
                &mut config.max_twilio_len,
            ),
            (
                "maxOpenaiBytes",
                self.max_openai_bytes,
                &mut config.max_openai_len,
            ),
        ] {
            if let Some(bytes) = value {
                *field = whole(env, name, bytes, u32::MAX.into())? as usize;
            }
        }
        config.barge_in = match &self.barge_in {
            None => config.barge_in,
            Some(Either::A(name)) => match name.as_str() {
                "never" => BargeIn::Never,
                "onSpeech" => BargeIn::OnSpeech,
                "onTranscript" => BargeIn::OnTranscript,
                _ => return invalid(env, "bargeIn"),
            },
            Some(Either::B(after)) => {
                BargeIn::AfterSpeech(duration(env, "bargeIn", after.after_speech_ms)?)
            }
        };
        config.voice_detection = self.voice_detection.unwrap_or(config.voice_detection);
        Ok(config)
    }
}

fn invalid<T>(env: Env, name: &'static str) -> Result<T> {
    Err(Core::InvalidField { name }).or_throw(env)
}

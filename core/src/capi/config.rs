//! A bridge's settings.

use core::time::Duration;

use super::{
    error::*,
    ffi::{Call, Record, boundary, flag},
    output::micros,
};
use crate::bridge::{BargeIn, Config, ModelAudio};

/// The model's audio, both ways, is PCM16 at 24 kHz; the bridge resamples.
pub const TRUNKLINE_MODEL_AUDIO_PCM24K: i32 = 0;
/// The model's audio, both ways, is G.711 μ-law, passed straight through.
pub const TRUNKLINE_MODEL_AUDIO_MULAW: i32 = 1;

/// The caller's voice never stops the model's; the application calls `trunkline_bridge_interrupt`.
pub const TRUNKLINE_BARGE_IN_NEVER: i32 = 0;
/// The model's voice stops as soon as the model reports speech.
pub const TRUNKLINE_BARGE_IN_ON_SPEECH: i32 = 1;
/// The model's voice is held, and stops once speech has lasted for `barge_in_speech_us`.
pub const TRUNKLINE_BARGE_IN_AFTER_SPEECH: i32 = 2;
/// The model's voice is held, and stops with the first word of the caller's transcript; a
/// transcription model has to be set.
pub const TRUNKLINE_BARGE_IN_ON_TRANSCRIPT: i32 = 3;

/// Settings of a bridge. `trunkline_config_default` fills it in with the recommended set.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_config {
    /// Bytes of this struct; set by `trunkline_config_default`.
    pub struct_size: usize,
    /// `TRUNKLINE_MODEL_AUDIO_...`. Default: PCM24K.
    pub model_audio: i32,
    /// `TRUNKLINE_BARGE_IN_...`. Default: ON_SPEECH.
    pub barge_in: i32,
    /// For AFTER_SPEECH: how long speech must last. Default: 0.
    pub barge_in_speech_us: u64,
    /// Audio sent to the carrier ahead of its playback; at least 40 ms. Default: 200 ms.
    pub lead_us: u64,
    /// Audio between two playback marks, and so the resolution of what was heard; at least 20 ms.
    /// Default: 100 ms.
    pub mark_interval_us: u64,
    /// Model audio held beyond the lead, 1 s to 10 minutes, 8 bytes a millisecond; once half full,
    /// audio is sent ahead to the carrier, once full, the newest is dropped. Default: 3.5 s.
    pub downlink_capacity_us: u64,
    /// Caller audio held while the model cannot take it, 128 ms to 10 minutes, the oldest dropped
    /// beyond. Default: 1 s.
    pub uplink_capacity_us: u64,
    /// Bytes for the texts of one input and for commands that wait to be polled, 8 KiB to 64 MiB.
    /// Default: 12 KiB.
    pub text_capacity_bytes: usize,
    /// Longest gap in the caller's media that is concealed; at most 60 s. Default: 10 s.
    pub max_gap_us: u64,
    /// Without media for so long in the caller's turn, the model is fed silence. Default: 750 ms.
    pub stall_timeout_us: u64,
    /// Longest message accepted from Twilio. Default: 64 KiB.
    pub max_twilio_bytes: usize,
    /// Longest message accepted from the model. Default: 16 MiB.
    pub max_openai_bytes: usize,
    /// 1 if the bridge listens to the caller itself, too, and holds playback before the model has
    /// reported speech; else 0. Default: 0.
    pub voice_detection: i32,
    /// 0.
    pub reserved: i32,
}

// SAFETY: `repr(C)`, of integers only, and the size comes first.
unsafe impl Record for trunkline_config {
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl trunkline_config {
    fn recommended() -> Self {
        let config = Config::default();
        Self {
            struct_size: size_of::<Self>(),
            model_audio: TRUNKLINE_MODEL_AUDIO_PCM24K,
            barge_in: TRUNKLINE_BARGE_IN_ON_SPEECH,
            barge_in_speech_us: 0,
            lead_us: micros(config.lead),
            mark_interval_us: micros(config.mark_interval),
            downlink_capacity_us: micros(config.downlink_capacity),
            uplink_capacity_us: micros(config.uplink_capacity),
            text_capacity_bytes: config.text_capacity,
            max_gap_us: micros(config.max_gap),
            stall_timeout_us: micros(config.stall_timeout),
            max_twilio_bytes: config.max_twilio_len,
            max_openai_bytes: config.max_openai_len,
            voice_detection: i32::from(config.voice_detection),
            reserved: 0,
        }
    }

    /// # Safety
    /// As [`Call::options`].
    pub(super) unsafe fn read(call: &mut Call, config: *const Self) -> Result<Config, Code> {
        // SAFETY: the caller's contract is the same.
        let from = unsafe { call.options(config, Self::recommended()) }?;
        if from.reserved != 0 {
            return Err(Code(TRUNKLINE_ERR_ARGUMENT));
        }
        Ok(Config {
            model_audio: match from.model_audio {
                TRUNKLINE_MODEL_AUDIO_PCM24K => ModelAudio::Pcm24k,
                TRUNKLINE_MODEL_AUDIO_MULAW => ModelAudio::Mulaw,
                _ => return Err(Code(TRUNKLINE_ERR_ARGUMENT)),
            },
            lead: Duration::from_micros(from.lead_us),
            mark_interval: Duration::from_micros(from.mark_interval_us),
            downlink_capacity: Duration::from_micros(from.downlink_capacity_us),
            uplink_capacity: Duration::from_micros(from.uplink_capacity_us),
            text_capacity: from.text_capacity_bytes,
            max_gap: Duration::from_micros(from.max_gap_us),
            stall_timeout: Duration::from_micros(from.stall_timeout_us),
            max_twilio_len: from.max_twilio_bytes,
            max_openai_len: from.max_openai_bytes,
            barge_in: match from.barge_in {
                TRUNKLINE_BARGE_IN_NEVER => BargeIn::Never,
                TRUNKLINE_BARGE_IN_ON_SPEECH => BargeIn::OnSpeech,
                TRUNKLINE_BARGE_IN_AFTER_SPEECH => {
                    BargeIn::AfterSpeech(Duration::from_micros(from.barge_in_speech_us))
                }
                TRUNKLINE_BARGE_IN_ON_TRANSCRIPT => BargeIn::OnTranscript,
                _ => return Err(Code(TRUNKLINE_ERR_ARGUMENT)),
            },
            voice_detection: flag(from.voice_detection)?,
        })
    }
}

/// Fills in the recommended settings, of which the caller knows `config_size` bytes
/// (`sizeof *config`).
///
/// Errors: none of its own. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_config_default(
    config: *mut trunkline_config,
    config_size: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let out = unsafe { call.record(config, config_size) }?;
        out.set(trunkline_config::recommended());
        Ok(())
    })
}

//! The hot paths of a call, and the signals and messages to run them on.
//!
//! A package of its own because counting instructions is part of `make test`, and what the other
//! benches need takes minutes to build.

mod steps;

pub mod call;

#[cfg(feature = "internal")]
pub use steps::path_on;
pub use steps::{BUILT, DETECTED, Step, path};

/// Samples of a 20 ms frame at 8 kHz.
pub const FRAME: usize = 160;

/// `count` samples at `rate_hz` that are loud and quiet in turn, as speech is, and never silent: a
/// sum of three tones under a slow envelope.
pub fn speech_like(count: usize, rate_hz: f64) -> Vec<i16> {
    let tone = |t: f64, hz: f64| (core::f64::consts::TAU * hz * t).sin();
    (0..count)
        .map(|n| {
            let t = n as f64 / rate_hz;
            let envelope = 0.55 + 0.45 * tone(t, 3.1);
            let voice = 0.5 * tone(t, 190.0) + 0.3 * tone(t, 710.0) + 0.2 * tone(t, 2_350.0);
            (envelope * voice * 12_000.0) as i16
        })
        .collect()
}

/// A Twilio `media` message with `frame` as its payload.
pub fn twilio_media(number: u64, frame: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    format!(
        r#"{{"event":"media","sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{number}","timestamp":"{}","payload":"{}"}},"streamSid":"MZ22222222222222222222222222222222"}}"#,
        number + 1,
        (number - 1) * 20,
        STANDARD.encode(frame),
    )
}

/// A model's audio delta with `pcm` at 24 kHz as its audio.
pub fn openai_delta(number: u64, response: u64, pcm: &[i16]) -> String {
    let bytes: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    openai_delta_of(number, response, &bytes)
}

/// A model's audio delta with `audio`, whatever its format, as its audio.
pub fn openai_delta_of(number: u64, response: u64, audio: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    format!(
        r#"{{"type":"response.output_audio.delta","event_id":"event_{number}","response_id":"resp_{response}","item_id":"item_{response}","output_index":0,"content_index":0,"delta":"{}"}}"#,
        STANDARD.encode(audio),
    )
}

//! The hand-written pipeline, in both directions.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::direct::InterleavedSlice};
use serde_json::{Value, json};
use trunkline::g711::{Variant, mulaw};

use crate::FRAME;

/// Fixed-ratio resampler of 20 ms frames: rubato's FFT at its usual chunk of a frame.
pub struct Rubato {
    fft: Fft<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Rubato {
    /// From `from_hz` to `to_hz`.
    pub fn new(from_hz: usize, to_hz: usize) -> Self {
        let frame = from_hz / 50;
        let fft = Fft::new(from_hz, to_hz, frame, 1, FixedSync::Both).expect("plain rates");
        Self {
            fft,
            input: vec![0.0; frame],
            output: vec![0.0; to_hz / 50],
        }
    }

    /// One frame.
    pub fn process(&mut self, pcm: &[i16]) -> Vec<i16> {
        for (dst, &sample) in self.input.iter_mut().zip(pcm) {
            *dst = f32::from(sample) / 32_768.0;
        }
        let (frames_in, frames_out) = (self.input.len(), self.output.len());
        let input = InterleavedSlice::new(&self.input, 1, frames_in).expect("one channel");
        let mut output =
            InterleavedSlice::new_mut(&mut self.output, 1, frames_out).expect("one channel");
        self.fft
            .process_into_buffer(&input, &mut output, None)
            .expect("a whole frame");
        self.output
            .iter()
            .map(|&sample| (sample * 32_767.0) as i16)
            .collect()
    }
}

/// Caller → model: a Twilio `media` message becomes an append event.
pub struct Uplink {
    table: [i16; 256],
    resampler: Rubato,
}

impl Uplink {
    /// Resamples 8 kHz to 24 kHz.
    pub fn new() -> Self {
        let table = core::array::from_fn(|code| mulaw::decode_sample(code as u8));
        Self {
            table,
            resampler: Rubato::new(8_000, 24_000),
        }
    }

    /// One message of 20 ms.
    pub fn process(&mut self, text: &str) -> String {
        let message: Value = serde_json::from_str(text).expect("JSON");
        let payload = message["media"]["payload"].as_str().expect("a payload");
        let mulaw = STANDARD.decode(payload).expect("base64");
        let pcm: Vec<i16> = mulaw
            .iter()
            .map(|&code| self.table[usize::from(code)])
            .collect();
        let bytes: Vec<u8> = self
            .resampler
            .process(&pcm)
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode(bytes) }).to_string()
    }
}

impl Default for Uplink {
    fn default() -> Self {
        Self::new()
    }
}

/// Model → caller: a delta of 20 ms becomes a Twilio `media` message.
pub struct Downlink {
    resampler: Rubato,
}

impl Downlink {
    /// Resamples 24 kHz to 8 kHz.
    pub fn new() -> Self {
        Self {
            resampler: Rubato::new(24_000, 8_000),
        }
    }

    /// One delta of 20 ms.
    pub fn process(&mut self, stream_sid: &str, text: &str) -> String {
        let event: Value = serde_json::from_str(text).expect("JSON");
        let bytes = STANDARD
            .decode(event["delta"].as_str().expect("a delta"))
            .expect("base64");
        let pcm: Vec<i16> = bytes
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        let mulaw: Vec<u8> = self
            .resampler
            .process(&pcm)
            .iter()
            .map(|&sample| mulaw::encode_sample_with(Variant::Sun, sample))
            .collect();
        debug_assert_eq!(mulaw.len(), FRAME);
        json!({
            "event": "media",
            "streamSid": stream_sid,
            "media": { "payload": STANDARD.encode(mulaw) },
        })
        .to_string()
    }
}

impl Default for Downlink {
    fn default() -> Self {
        Self::new()
    }
}

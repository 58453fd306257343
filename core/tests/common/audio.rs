//! Audio whose every few samples say where they are from.

use trunkline::{Downsampler, bridge::ModelAudio, mulaw};

use super::rng::mix;

/// One content part of one of the model's items, as audio.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    pub(crate) response_id: String,
    pub(crate) item_id: String,
    pub(crate) part: u32,
    /// What the model sends: μ-law bytes or little-endian PCM16 at 24 kHz.
    pub(crate) sent: Vec<u8>,
    /// What the caller should hear: μ-law, 8 kHz.
    pub(crate) heard: Vec<u8>,
    /// Samples at 8 kHz that the model has made so far.
    pub(crate) held: usize,
}

impl Clip {
    /// Audio of `samples` at 8 kHz that no other `id` has.
    pub(crate) fn new(format: ModelAudio, id: u64, samples: usize) -> Self {
        let (sent, heard) = if format == ModelAudio::Mulaw {
            let bytes = tone(id, samples);
            (bytes.clone(), bytes)
        } else {
            let pcm = noise(id, samples * 3);
            let sent = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            (sent, render(&pcm))
        };
        Self {
            response_id: String::new(),
            item_id: String::new(),
            part: 0,
            sent,
            heard,
            held: 0,
        }
    }

    /// What the caller may have heard of it by now. A delta may end within a sample.
    pub(crate) fn made(&self) -> &[u8] {
        &self.heard[..(self.held + 1).min(self.heard.len())]
    }

    /// Length in samples at 8 kHz.
    pub(crate) fn samples(&self) -> usize {
        self.heard.len()
    }
}

/// Bytes on the model's side for one sample at 8 kHz: itself, or three of 16 bits.
pub(crate) fn bytes_per_sample(format: ModelAudio) -> usize {
    if format == ModelAudio::Mulaw { 1 } else { 6 }
}

/// μ-law in which any eight bytes tell `id` and position; never 0xFF, which is left to silence.
pub(crate) fn tone(id: u64, samples: usize) -> Vec<u8> {
    tone_at(id, 0, samples)
}

/// `samples` bytes of [`tone`] from position `start` on.
pub(crate) fn tone_at(id: u64, start: usize, samples: usize) -> Vec<u8> {
    let byte = |n: usize| {
        let byte = mix(id << 40 | n as u64) as u8;
        // Neither zero of μ-law: a test's voice detection must take all of it for speech.
        if byte & 0x7F == 0x7F {
            byte ^ 0x55
        } else {
            byte
        }
    };
    (start..start + samples).map(byte).collect()
}

/// Noise at 24 kHz between two stretches of silence longer than any resampler's memory, so that
/// what was played before does not change it.
pub(crate) fn noise(id: u64, samples: usize) -> Vec<i16> {
    let sample = |n: usize| {
        if n < EDGE || n + EDGE >= samples {
            0
        } else {
            // A quarter of full scale: no filter drives it into saturation.
            (mix(id << 40 | n as u64) as i16) >> 2
        }
    };
    (0..samples).map(sample).collect()
}

/// PCM16 at 24 kHz as the caller hears it: the library's own resampler and encoder in one go, which
/// their own tests check.
pub(crate) fn render(pcm: &[i16]) -> Vec<u8> {
    let mut down = Downsampler::new();
    let mut narrow = vec![0; down.output_len(pcm.len())];
    let written = down.process(pcm, &mut narrow).expect("lengths match");
    narrow.truncate(written);
    let mut bytes = vec![0; written];
    mulaw::encode(&narrow, &mut bytes).expect("lengths match");
    bytes
}

/// Zeros at either end of [`noise`]: 6.7 ms at 24 kHz.
const EDGE: usize = 160;

//! The hand-written pipeline, in both directions.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use trunkline::g711::{Variant, mulaw};

use crate::FRAME;
use crate::peers::{Direction, Resampler as _, RubatoFft};

/// Caller → model: a Twilio `media` message becomes an append event.
pub struct Uplink {
    table: [i16; 256],
    resampler: RubatoFft,
}

impl Uplink {
    /// Resamples 8 kHz to 24 kHz.
    pub fn new() -> Self {
        let table = core::array::from_fn(|code| mulaw::decode_sample(code as u8));
        Self {
            table,
            resampler: RubatoFft::new(Direction::Up),
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
        let mut wide = vec![0; 3 * pcm.len()];
        self.resampler.process_into(&pcm, &mut wide);
        let bytes: Vec<u8> = wide
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
    resampler: RubatoFft,
}

impl Downlink {
    /// Resamples 24 kHz to 8 kHz.
    pub fn new() -> Self {
        Self {
            resampler: RubatoFft::new(Direction::Down),
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
        let mut narrow = vec![0; pcm.len() / 3];
        self.resampler.process_into(&pcm, &mut narrow);
        let mulaw: Vec<u8> = narrow
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

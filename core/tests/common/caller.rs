//! The caller's microphone: media messages every 20 ms, and the rest of what Twilio sends.

use serde_json::{Value, json};

use super::{audio::tone_at, wire::encode};

/// The stream in all simulated calls.
pub(crate) const STREAM_SID: &str = "MZ22222222222222222222222222222222";
/// The call in all simulated calls.
pub(crate) const CALL_SID: &str = "CA33333333333333333333333333333333";

/// Twilio's sending half.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// When the next frame is whole, in microseconds; `None` while nothing is sent.
    pub(crate) next_frame: Option<u64>,
    /// Speech when set, silence otherwise.
    pub(crate) speaks: bool,
    /// What it says instead from a sample of the time line on, μ-law; around it there is silence.
    pub(crate) says: Option<(usize, Vec<u8>)>,
    /// Samples captured so far: the media time line.
    pub(crate) captured: usize,
    sequence: u64,
    chunk: u64,
}

impl Caller {
    pub(crate) fn new() -> Self {
        Self {
            next_frame: None,
            speaks: true,
            says: None,
            captured: 0,
            sequence: 0,
            chunk: 0,
        }
    }

    pub(crate) fn connected() -> String {
        json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}).to_string()
    }

    pub(crate) fn start(&mut self) -> String {
        self.message(json!({"event": "start", "start": {
            "accountSid": "AC11111111111111111111111111111111", "streamSid": STREAM_SID,
            "callSid": CALL_SID, "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": "t0k3n"}}}))
    }

    /// The next 20 ms.
    pub(crate) fn frame(&mut self) -> String {
        let now = self.captured..self.captured + 160;
        let audio = match &self.says {
            Some((start, says)) => now
                .map(|n| n.checked_sub(*start).and_then(|n| says.get(n)).copied())
                .map(|sample| sample.unwrap_or(0xFF))
                .collect(),
            None if self.speaks => tone_at(VOICE, self.captured, 160),
            None => vec![0xFF; 160],
        };
        let text = self.media_at(self.captured / 8, &audio);
        self.captured += 160;
        text
    }

    /// Passes over the next 20 ms: they are lost, the time line goes on.
    pub(crate) fn skip_frame(&mut self) {
        self.captured += 160;
    }

    /// Any audio at any position of the time line, in milliseconds.
    pub(crate) fn media_at(&mut self, timestamp_ms: usize, audio: &[u8]) -> String {
        self.chunk += 1;
        let chunk = self.chunk.to_string();
        self.message(
            json!({"event": "media", "media": {"track": "inbound", "chunk": chunk,
            "timestamp": timestamp_ms.to_string(), "payload": encode(audio)}}),
        )
    }

    pub(crate) fn dtmf(&mut self, digit: char) -> String {
        self.message(json!({"event": "dtmf",
            "dtmf": {"track": "inbound_track", "digit": digit.to_string()}}))
    }

    pub(crate) fn mark(&mut self, name: &str) -> String {
        self.message(json!({"event": "mark", "mark": {"name": name}}))
    }

    pub(crate) fn stop(&mut self) -> String {
        self.message(json!({"event": "stop", "stop": {
            "accountSid": "AC11111111111111111111111111111111", "callSid": CALL_SID}}))
    }

    fn message(&mut self, mut message: Value) -> String {
        self.sequence += 1;
        message["sequenceNumber"] = self.sequence.to_string().into();
        message["streamSid"] = STREAM_SID.into();
        message.to_string()
    }
}

/// What the caller says, from sample `start` of the time line on.
pub(crate) fn voice(start: usize, samples: usize) -> Vec<u8> {
    tone_at(VOICE, start, samples)
}

const VOICE: u64 = 0x7A11;

//! A call through the [`Bridge`].

use std::{hint::black_box, time::Duration};

use trunkline::{
    Bridge,
    bridge::{Config, ModelAudio, Output},
};

/// A call in progress and the virtual time it is at.
pub struct Call {
    bridge: Bridge,
    buf: Vec<u8>,
    now: Duration,
}

impl Call {
    /// A call that both peers have agreed to.
    pub fn new(model_audio: ModelAudio) -> Self {
        let mut config = Config::default();
        config.model_audio = model_audio;
        let bridge = Bridge::new(config);
        let buf = vec![0; bridge.max_output_len()];
        let mut call = Self {
            bridge,
            buf,
            now: Duration::ZERO,
        };
        let format = match model_audio {
            ModelAudio::Mulaw => r#"{"type":"audio/pcmu"}"#,
            _ => r#"{"type":"audio/pcm","rate":24000}"#,
        };
        call.bridge
            .handle_twilio(call.now, &format!(r#"{{"event":"start","sequenceNumber":"1","streamSid":"{STREAM}","start":{{"streamSid":"{STREAM}","callSid":"CA1","accountSid":"AC1","tracks":["inbound"],"customParameters":{{}},"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}}}}"#))
            .expect("a start message");
        call.drain();
        call.bridge
            .handle_openai(call.now, &format!(r#"{{"type":"session.updated","event_id":"event_1","session":{{"type":"realtime","audio":{{"input":{{"format":{format}}},"output":{{"format":{format}}}}}}}}}"#))
            .expect("a session");
        call.drain();
        call
    }

    /// A message of Twilio, 20 ms after the one before; returns the bytes of text for both peers.
    pub fn twilio(&mut self, text: &str) -> usize {
        self.now += Duration::from_millis(20);
        self.bridge
            .handle_twilio(self.now, text)
            .expect("a media message");
        self.drain()
    }

    /// As [`twilio`](Self::twilio), of the model.
    pub fn openai(&mut self, text: &str) -> usize {
        self.now += Duration::from_millis(20);
        self.bridge.handle_openai(self.now, text).expect("a delta");
        self.drain()
    }

    fn drain(&mut self) -> usize {
        let mut bytes = 0;
        while let Some(output) = self.bridge.poll_output(&mut self.buf).expect("room") {
            if let Output::ToTwilio(text) | Output::ToOpenAi(text) = output {
                bytes += black_box(text).len();
            }
        }
        bytes
    }
}

/// The stream of every message here.
pub const STREAM: &str = "MZ22222222222222222222222222222222";

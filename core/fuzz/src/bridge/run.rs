use core::{fmt, time::Duration};
use std::collections::HashMap;

use ::base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::de::IgnoredAny;
use serde_json::Value;
use trunkline::{
    Bridge, Error,
    bridge::{Config, Event, ModelAudio, Output},
    dialect::{Model, ModelEvent},
    openai::OpenAiRealtime,
};

use super::{
    CRAMPED, LEAVE,
    ops::{Peer, Step},
};

/// A Bridge and all that came out of it.
pub(super) struct Run {
    bridge: Bridge<Slab>,
    buf: Vec<u8>,
    /// What each drain brought, in a form to compare.
    outputs: Vec<Vec<String>>,
    spent: usize,
    now: Duration,
    is_drained: bool,
    stream_sid: Option<String>,
    has_ended: bool,
    /// At most so many milliseconds of audio of each item came.
    received_ms: HashMap<String, u64>,
}

/// Storage that does not print all of itself.
pub(super) struct Slab(Vec<u8>);

impl Run {
    pub(super) fn new(config: &Config) -> Self {
        let slab = Slab(vec![0xA7; config.storage_len()]);
        let bridge = Bridge::with_storage(config.clone(), slab).expect("it is long enough");
        Self {
            buf: vec![0; bridge.max_output_len()],
            bridge,
            outputs: Vec::new(),
            spent: 0,
            now: Duration::ZERO,
            is_drained: true,
            stream_sid: None,
            has_ended: false,
            received_ms: HashMap::new(),
        }
    }

    /// What each drain brought.
    pub(super) fn outputs(&self) -> &[Vec<String>] {
        &self.outputs
    }

    /// Bytes of output so far.
    pub(super) fn spent(&self) -> usize {
        self.spent
    }

    pub(super) fn take(&mut self, now: Duration, step: &Step, habits: u8) -> Result<(), Error> {
        let (was_drained, was_over) = (self.is_drained, self.is_over());
        let before = (*self.bridge.stats(), self.bridge.poll_timeout());
        let result = self.bridge.apply(now, step.input());
        if !result.is_err_and(|error| step.is_turned_away(&error, self.bridge.config())) {
            self.now = self.now.max(now);
        }
        match (step, result) {
            (Step::Message(_, text), Err(error)) => {
                let is_pending = error == Error::OutputPending;
                assert!(
                    error == Error::Closed || is_pending != was_drained,
                    "{error}"
                );
                let after = (*self.bridge.stats(), self.bridge.poll_timeout());
                assert_eq!(before, after, "refused: {text}");
            }
            (Step::Message(peer, text), Ok(())) => {
                assert!(was_drained);
                self.is_drained = false;
                self.note_received(*peer, text);
            }
            (_, Err(Error::Closed)) => {}
            _ => self.is_drained = false,
        }
        if was_over && step.is_refusable() {
            assert_eq!(result, Err(Error::Closed));
        }
        // What was refused needs no drain.
        let is_clean = step.is_message() && result.is_err() && was_drained;
        if habits & LEAVE == 0 && !is_clean {
            self.drain(habits);
        }
        if let Step::Timeouts(count) = step {
            self.keep_timeouts(*count, habits);
        }
        self.check_stats();
        result
    }

    fn keep_timeouts(&mut self, count: u8, habits: u8) {
        self.drain(habits);
        for _ in 0..count {
            let Some(time) = self.bridge.poll_timeout() else {
                break;
            };
            // Beyond, a script could not come back.
            if time > self.now.saturating_add(Duration::from_secs(10)) {
                break;
            }
            self.now = self.now.max(time);
            self.bridge.handle_timeout(self.now);
            self.drain(habits);
        }
    }

    /// Ends the call; after that nothing happens any more.
    pub(super) fn end(&mut self) {
        let now = self.now;
        self.drain(0);
        self.bridge.handle_twilio_closed(now);
        self.drain(0);
        assert!(self.is_over());
        for _ in 0..2 {
            assert!(self.bridge.is_closed());
            assert_eq!(self.bridge.poll_timeout(), None);
            assert_eq!(self.bridge.poll_output(&mut self.buf), Ok(None));
            assert_eq!(self.bridge.handle_twilio(now, "{}"), Err(Error::Closed));
            assert_eq!(self.bridge.handle_openai(now, "{}"), Err(Error::Closed));
            assert_eq!(self.bridge.mark("m"), Err(Error::Closed));
            assert_eq!(self.bridge.interrupt(now), Err(Error::Closed));
            assert_eq!(self.bridge.create_response(None), Err(Error::Closed));
            self.bridge.handle_timeout(Duration::MAX);
            self.bridge.handle_openai_closed(Duration::MAX);
        }
    }

    fn is_over(&self) -> bool {
        self.bridge.is_closed()
    }

    pub(super) fn drain(&mut self, habits: u8) {
        let mut brought = Vec::new();
        let max = self.buf.len();
        // Tried for the first outputs of a drain; there can be thousands.
        let short = (habits & CRAMPED != 0).then_some(usize::from(habits & 0x3F) * max / 64);
        let limit = self.most_outputs();
        loop {
            if let Some(len) = short.filter(|_| brought.len() < 16) {
                match self.bridge.poll_output(&mut self.buf[..len]) {
                    Err(Error::BufferTooShort { needed, actual }) => {
                        assert!(actual == len && needed > len && needed <= max, "{needed}");
                    }
                    Ok(Some(output)) => {
                        let told = Told::of(&output);
                        self.note(told, &mut brought);
                        continue;
                    }
                    Ok(None) => break,
                    Err(other) => panic!("{other}"),
                }
            }
            match self.bridge.poll_output(&mut self.buf) {
                Ok(Some(output)) => {
                    let told = Told::of(&output);
                    self.note(told, &mut brought);
                }
                Ok(None) => break,
                Err(error) => panic!("{error}"),
            }
            assert!(brought.len() < limit, "the drain does not end");
        }
        assert_eq!(self.bridge.poll_output(&mut []), Ok(None));
        self.is_drained = true;
        self.outputs.push(brought);
        self.check_timeout();
    }

    /// A timer that has run out already would be a loop that never waits, unless serving it is
    /// enough.
    fn check_timeout(&mut self) {
        let far = Duration::MAX - Duration::from_secs(3_600);
        let is_due = |bridge: &Bridge<Slab>, now| bridge.poll_timeout().is_some_and(|t| t <= now);
        if self.now >= far {
            return;
        }
        for _ in 0..16 {
            if !is_due(&self.bridge, self.now) {
                return;
            }
            self.bridge.handle_timeout(self.now);
            let limit = self.most_outputs();
            let mut count = 0;
            while let Some(output) = self.bridge.poll_output(&mut self.buf).expect("it fits") {
                let told = Told::of(&output);
                let mut brought = self.outputs.pop().expect("a drain was before");
                self.note(told, &mut brought);
                self.outputs.push(brought);
                count += 1;
                assert!(count < limit, "the drain does not end");
            }
        }
        panic!(
            "{:?} is due again and again at {:?}",
            self.bridge.poll_timeout(),
            self.now
        );
    }

    fn note(&mut self, told: Told, brought: &mut Vec<String>) {
        assert!(!self.has_ended, "{told:?} after the end");
        match &told {
            Told::ToTwilio(text) => self.check_to_twilio(text),
            Told::ToOpenAi(text) => self.check_to_openai(text),
            Told::Event(text) => {
                if let Some(rest) = text.strip_prefix("CallStarted { stream_sid: \"") {
                    assert!(self.stream_sid.is_none(), "two streams");
                    self.stream_sid = rest.split('"').next().map(str::to_owned);
                }
            }
            Told::End => self.has_ended = true,
        }
        let text = match told {
            Told::ToTwilio(text) | Told::ToOpenAi(text) | Told::Event(text) => text,
            Told::End => "CallEnded".into(),
        };
        self.spent += text.len();
        brought.push(text);
    }

    fn check_to_twilio(&self, text: &str) {
        let message: Value = serde_json::from_str(text).expect("it is JSON");
        assert!(self.stream_sid.is_some(), "before the stream: {text}");
        assert_eq!(message["streamSid"].as_str(), self.stream_sid.as_deref());
        match message["event"].as_str() {
            Some("media") => {
                let payload = message["media"]["payload"].as_str().expect("it has audio");
                let audio = STANDARD.decode(payload).expect("it is base64");
                assert!((1..=160).contains(&audio.len()), "{}", audio.len());
            }
            Some("mark") => {
                let name = message["mark"]["name"].as_str();
                assert!(name.is_some_and(|name| !name.is_empty()));
            }
            Some("clear") => {}
            other => panic!("{other:?}"),
        }
    }

    fn check_to_openai(&self, text: &str) {
        serde_json::from_str::<IgnoredAny>(text).expect("it is JSON");
        // What the application sends by itself need not be readable as a value.
        let Ok(event) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let kind = event["type"].as_str().expect("it has a type");
        let is_ours = event["event_id"]
            .as_str()
            .is_some_and(|id| id.starts_with("tl_"));
        if kind == "conversation.item.truncate" && is_ours {
            let item = event["item_id"].as_str().expect("it names the item");
            let end = event["audio_end_ms"].as_u64().expect("it is an integer");
            let received = self.received_ms.get(item).copied().unwrap_or(0);
            assert!(end <= received, "{item} cut at {end} of {received}");
        }
    }

    fn note_received(&mut self, peer: Peer, text: &str) {
        let Peer::OpenAi = peer else { return };
        if let Ok(ModelEvent::AudioDelta { item_id, audio, .. }) = OpenAiRealtime.read(text) {
            let bytes = audio.len() as u64 * 3 / 4 + 3;
            let ms = match self.bridge.config().model_audio {
                ModelAudio::Mulaw => bytes.div_ceil(8),
                _ => bytes.div_ceil(48),
            };
            *self.received_ms.entry(item_id.to_string()).or_default() += ms;
        }
    }

    fn check_stats(&self) {
        let (stats, config) = (self.bridge.stats(), self.bridge.config());
        assert!(
            stats.uplink_depth_samples <= stats.max_uplink_depth_samples,
            "{stats:?}"
        );
        assert!(stats.depth_samples <= stats.max_depth_samples, "{stats:?}");
        let line = (config.downlink_capacity.as_millis() as u64 * 8).max(8_000);
        assert!(stats.max_depth_samples <= line, "{stats:?}");
        assert!(stats.sent_samples <= stats.received_samples, "{stats:?}");
    }

    fn most_outputs(&self) -> usize {
        let config = self.bridge.config();
        let held = (config.downlink_capacity + config.uplink_capacity).as_millis() as usize * 8;
        // A record has a few numbers at least; a gap or a stall is filled with silence.
        config.text_capacity.max(8 << 10) / 16 + held / 16 + 8 * 70_000 / 160 + 2_000
    }
}

/// An [`Output`] that owns its text.
#[derive(Debug)]
enum Told {
    ToTwilio(String),
    ToOpenAi(String),
    Event(String),
    End,
}

impl Told {
    fn of(output: &Output<'_>) -> Self {
        match output {
            Output::ToTwilio(text) => Self::ToTwilio((*text).into()),
            Output::ToOpenAi(text) => Self::ToOpenAi((*text).into()),
            Output::Event(Event::CallEnded) => Self::End,
            Output::Event(event) => {
                if let Event::BargeIn {
                    audio_end,
                    audio_received,
                    ..
                } = event
                {
                    assert!(audio_end <= audio_received, "{event:?}");
                }
                Self::Event(format!("{event:?}"))
            }
        }
    }
}

impl AsRef<[u8]> for Slab {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsMut<[u8]> for Slab {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl fmt::Debug for Slab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slab")
    }
}

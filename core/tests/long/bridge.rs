//! The whole Bridge, with a model that speaks for a day.

use std::{cmp::Reverse, fmt::Write as _, time::Duration};

use serde_json::Value;
use trunkline::{
    Bridge, SessionUpdate,
    bridge::{Config, ModelAudio, Output},
};

use crate::carrier::{Carrier, DAY, Faults, HOUR, ROUGH, SECOND, time};

const START: &str = r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{
    "callSid":"CA1","tracks":["inbound"],
    "mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#;
const READY: &str = r#"{"type":"session.updated","session":{"type":"realtime","audio":{
    "input":{"format":{"type":"audio/pcmu"},"turn_detection":{"type":"server_vad",
    "create_response":true,"interrupt_response":true}},"output":{"format":{"type":"audio/pcmu"}}}}}"#;

/// Samples sent ahead: 200 ms.
const LEAD: u64 = 1_600;

/// A call of which only the model's side is heard, and a carrier with a clock of its own.
struct Talk {
    bridge: Bridge,
    carrier: Carrier,
    now: u64,
    buf: Vec<u8>,
    text: String,
    second: String,
    turn: u64,
    /// Samples given before the item that speaks now.
    item_start: u64,
    /// Where the model was told that items were heard to, and to where they were played then.
    cuts: Vec<(u64, u64)>,
}

impl Talk {
    fn new(ppm: i64, faults: Faults) -> Self {
        let mut config = Config::default();
        config.model_audio = ModelAudio::Mulaw;
        config.downlink_capacity = Duration::from_secs(30);
        let bridge = Bridge::new(config);
        let buf = vec![0; bridge.max_output_len()];
        let mut talk = Self {
            bridge,
            carrier: Carrier::new(ppm, faults),
            now: SECOND,
            buf,
            text: String::new(),
            // 1 s of μ-law: 8,000 bytes.
            second: "gIGC".repeat(2_666) + "gIE=",
            turn: 0,
            item_start: 0,
            cuts: Vec::new(),
        };
        talk.bridge.handle_twilio(time(talk.now), START).unwrap();
        talk.drain();
        let update = SessionUpdate::default();
        talk.bridge.update_session(&update).unwrap();
        talk.drain();
        talk.model(READY);
        talk
    }

    fn model(&mut self, event: &str) {
        self.bridge.handle_openai(time(self.now), event).unwrap();
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.bridge.poll_output(&mut self.buf).unwrap() {
            match output {
                Output::ToTwilio(text) if text.contains("\"media\"") => {
                    let (_, rest) = text.split_once("\"payload\":\"").expect("a payload");
                    let payload = rest.split('"').next().expect("its end");
                    let padding = payload.bytes().rev().take_while(|&byte| byte == b'=');
                    let samples = payload.len() / 4 * 3 - padding.count();
                    self.carrier.media(self.now, samples as u64);
                    // From when the lead is built up.
                    if self.carrier.given - self.item_start >= LEAD && samples == 160 {
                        self.carrier.level(self.now);
                    }
                }
                Output::ToTwilio(text) if text.contains("\"mark\"") => {
                    let (_, rest) = text.split_once("\"name\":\"").expect("a name");
                    let name = rest.split('"').next().expect("its end").to_owned();
                    self.carrier.mark(self.now, &name);
                }
                Output::ToTwilio(_) => {
                    // The truth at the time of the decision, not of the clear's arrival.
                    let played = self.carrier.played(self.now);
                    self.carrier.clear(self.now);
                    self.cuts.push((0, played - self.item_start.min(played)));
                }
                Output::ToOpenAi(text) if text.contains("conversation.item.truncate") => {
                    let event: Value = serde_json::from_str(text).unwrap();
                    let end = event["audio_end_ms"].as_u64().unwrap();
                    self.cuts.last_mut().expect("a clear comes first").0 = end;
                }
                _ => {}
            }
        }
    }

    /// Everything up to `until`: timers and echoes.
    fn run(&mut self, until: u64) {
        loop {
            let timer = self
                .bridge
                .poll_timeout()
                .map(|at| at.as_nanos().div_ceil(1_000) as u64);
            let echo = self.carrier.next_echo();
            let next = timer.into_iter().chain(echo).min();
            let Some(at) = next.filter(|&at| at <= until) else {
                break;
            };
            self.now = at.max(self.now);
            if echo == next {
                let Reverse((_, name)) = self.carrier.echoes.pop().expect("one is due");
                self.text.clear();
                write!(
                    self.text,
                    "{{\"event\":\"mark\",\"sequenceNumber\":\"9\",\"streamSid\":\"MZ1\",\
                     \"mark\":{{\"name\":\"{name}\"}}}}"
                )
                .unwrap();
                self.bridge
                    .handle_twilio(time(self.now), &self.text)
                    .unwrap();
            } else {
                self.bridge.handle_timeout(time(self.now));
            }
            self.drain();
        }
        self.now = until;
    }

    /// The model makes one item of `seconds`, a second at a time and hardly faster than it is heard.
    fn speak(&mut self, seconds: u64) {
        self.turn += 1;
        self.item_start = self.carrier.given;
        let turn = self.turn;
        self.model(&format!(
            "{{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_{turn}\"}}}}"
        ));
        let begin = self.now;
        let delta = format!(
            "{{\"type\":\"response.output_audio.delta\",\"response_id\":\"resp_{turn}\",\
             \"item_id\":\"item_{turn}\",\"output_index\":0,\"content_index\":0,\"delta\":\"{}\"}}",
            self.second
        );
        self.model(&delta);
        self.model(&delta);
        for n in 1..seconds {
            self.run(begin + n * SECOND);
            // As much as is missing, whatever the carrier's clock made of the last second.
            while self.bridge.stats().depth_samples < 8_000 {
                self.model(&delta);
            }
        }
    }

    fn finish(&mut self) {
        let turn = self.turn;
        self.model(&format!(
            "{{\"type\":\"response.done\",\"response\":{{\"id\":\"resp_{turn}\",\
             \"status\":\"completed\"}}}}"
        ));
        self.run(self.now + 5 * SECOND);
    }

    /// The caller speaks over it.
    fn interrupt(&mut self) {
        self.model(
            "{\"type\":\"input_audio_buffer.speech_started\",\"audio_start_ms\":0,\
             \"item_id\":\"item_u\"}",
        );
        let turn = self.turn;
        self.model(&format!(
            "{{\"type\":\"response.done\",\"response\":{{\"id\":\"resp_{turn}\",\
             \"status\":\"cancelled\"}}}}"
        ));
        self.model(
            "{\"type\":\"input_audio_buffer.speech_stopped\",\"audio_end_ms\":0,\
             \"item_id\":\"item_u\"}",
        );
        self.run(self.now + 2 * SECOND);
    }
}

/// The mark spacing, both ways, a frame, and the jitter.
const BOUND_MS: u64 = 100 + 40 + 20 + 80;

#[test]
fn an_item_of_a_day_is_cut_where_it_was_heard() {
    let jittered = Faults {
        lost: 0,
        late: 0,
        ..ROUGH
    };
    for ppm in [-500, 500] {
        let mut talk = Talk::new(ppm, jittered);
        talk.speak(DAY / SECOND);
        let (low, high) = talk.carrier.levels;
        assert!(
            low >= 8 * 180 && high <= 8 * 220,
            "{ppm} ppm: {low}–{high} samples"
        );
        assert_eq!(talk.carrier.pauses, 1, "{ppm} ppm: it ran dry");
        talk.interrupt();
        let &(end_ms, played) = talk.cuts.last().expect("a cut");
        println!(
            "{ppm} ppm: level {low}–{high} samples, cut {} ms early",
            played / 8 - end_ms
        );
        assert!(end_ms * 8 <= played, "{end_ms} ms, {played} samples heard");
        assert!(
            played / 8 - end_ms <= BOUND_MS,
            "{end_ms} ms, {played} samples heard"
        );
        let stats = talk.bridge.stats();
        assert_eq!(
            (stats.downlink_dropped_samples, stats.spilled_samples),
            (0, 0)
        );
    }
}

#[test]
fn a_day_of_barge_ins_is_cut_as_well_at_its_end_as_at_its_beginning() {
    for ppm in [-500, 500] {
        let mut talk = Talk::new(ppm, ROUGH);
        let mut hours = Vec::new();
        while talk.now < DAY {
            talk.speak(12 + talk.turn % 7);
            if talk.turn.is_multiple_of(3) {
                talk.finish();
            } else {
                talk.run(talk.now + talk.turn % 11 * 83_000);
                talk.interrupt();
                let &(end_ms, played) = talk.cuts.last().expect("a cut");
                assert!(end_ms * 8 <= played, "{end_ms} ms, {played} samples heard");
                let hour = (talk.now / HOUR) as usize;
                hours.resize(hours.len().max(hour + 1), (0, 0));
                hours[hour].0 += played / 8 - end_ms;
                hours[hour].1 += 1;
            }
        }
        let mean = |hour: usize| hours[hour].0 as f64 / hours[hour].1 as f64;
        let (first, last) = (mean(0), mean(23));
        let (low, high) = talk.carrier.levels;
        println!("{ppm} ppm: level {low}–{high} samples, error {first:.0} → {last:.0} ms");
        assert!(hours[0].1 > 50 && first > 0.0);
        assert!((last - first).abs() < 30.0, "{first} → {last} ms");
        assert!(high <= 8 * 220, "{ppm} ppm: {low}–{high} samples");
    }
}

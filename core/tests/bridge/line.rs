//! The caller's media time line: what comes late, twice, in another order or not at all.

use std::time::Duration;

use proptest::prelude::*;
use trunkline::{
    Bridge,
    bridge::{Config, ModelAudio, Output, Stats},
    mulaw,
};

use crate::{
    common::{config, rng::Rng, wire::encode},
    speech::voice,
};

/// A call in the caller's turn, with what the model was sent.
struct Line {
    bridge: Bridge,
    buf: Vec<u8>,
    now: Duration,
    /// μ-law, or PCM16 at 24 kHz.
    input: Vec<u8>,
}

impl Line {
    fn new(model_audio: ModelAudio) -> Self {
        let mut config = Config::default();
        config.model_audio = model_audio;
        Self::with(config)
    }

    fn with(config: Config) -> Self {
        let format = match config.model_audio {
            ModelAudio::Mulaw => r#"{"type":"audio/pcmu"}"#,
            _ => r#"{"type":"audio/pcm","rate":24000}"#,
        };
        let bridge = Bridge::new(config);
        let mut line = Self {
            buf: vec![0; bridge.max_output_len()],
            bridge,
            now: Duration::ZERO,
            input: Vec::new(),
        };
        let start = r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#;
        line.bridge.handle_twilio(line.now, start).unwrap();
        line.drain();
        line.openai(&format!(r#"{{"type":"session.updated","event_id":"e1","session":{{"type":"realtime","audio":{{"input":{{"format":{format}}},"output":{{"format":{format}}}}}}}}}"#));
        line.openai(r#"{"type":"input_audio_buffer.speech_started","event_id":"e2","audio_start_ms":0,"item_id":"item_1"}"#);
        line
    }

    fn openai(&mut self, text: &str) {
        self.bridge.handle_openai(self.now, text).unwrap();
        self.drain();
    }

    /// Media stamped `position`, in samples.
    fn media(&mut self, position: u64, audio: &[u8]) {
        let text = format!(
            r#"{{"event":"media","sequenceNumber":"2","streamSid":"MZ1","media":{{"track":"inbound","chunk":"1","timestamp":"{}","payload":"{}"}}}}"#,
            position / 8,
            encode(audio)
        );
        self.bridge.handle_twilio(self.now, &text).unwrap();
        self.drain();
    }

    /// Lets time pass, with a call for every timer.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(timer) = self.bridge.poll_timeout().filter(|timer| *timer <= end) {
            self.now = self.now.max(timer);
            self.bridge.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.bridge.poll_output(&mut self.buf).unwrap() {
            if let Output::ToOpenAi(text) = output {
                let event: serde_json::Value = serde_json::from_str(text).unwrap();
                if event["type"] == "input_audio_buffer.append" {
                    let audio = event["audio"].as_str().unwrap();
                    self.input
                        .extend(crate::common::wire::decode(audio).unwrap());
                }
            }
        }
        check_books(self.bridge.stats());
    }

    fn stats(&self) -> &Stats {
        self.bridge.stats()
    }
}

/// Whatever was taken in or made is with the model, cut, dropped, or waits.
fn check_books(stats: &Stats) {
    assert_eq!(
        stats.media_samples + stats.concealed_samples + stats.stall_samples,
        stats.appended_samples
            + stats.cut_samples
            + stats.uplink_dropped_samples
            + stats.uplink_depth_samples,
        "{stats:?}"
    );
}

fn speech(seed: u64, samples: usize) -> Vec<u8> {
    let pcm = voice(seed, samples);
    let mut bytes = vec![0; samples];
    mulaw::encode(&pcm, &mut bytes).unwrap();
    // Negative zero has two codes: one of them keeps comparisons simple.
    bytes
        .iter()
        .map(|&byte| if byte == 0x7F { 0xFF } else { byte })
        .collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Sends `frames` of `audio` every 20 ms, in the order given.
fn send(line: &mut Line, audio: &[u8], frames: impl IntoIterator<Item = usize>) {
    for frame in frames {
        line.media(frame as u64 * 160, &audio[frame * 160..][..160]);
        line.wait(ms(20));
    }
}

#[test]
fn in_order_every_frame_is_with_the_model_at_once_and_as_it_came() {
    let audio = speech(1, 16_000);
    let mut line = Line::new(ModelAudio::Mulaw);
    for frame in 0..100 {
        line.media(frame as u64 * 160, &audio[frame * 160..][..160]);
        assert_eq!(line.input.len(), (frame + 1) * 160);
        line.wait(ms(20));
    }
    assert!(line.input == audio);
    let stats = line.stats();
    assert_eq!(stats.media_samples, 16_000);
    assert_eq!(
        (
            stats.concealed_samples,
            stats.cut_samples,
            stats.lost_samples
        ),
        (0, 0, 0)
    );
}

#[test]
fn a_first_packet_out_of_order_is_late_and_the_next_ones_are_waited_for() {
    let audio = speech(2, 80_000);
    let mut line = Line::new(ModelAudio::Mulaw);
    send(&mut line, &audio, 0..10);
    send(&mut line, &audio, [11, 10, 12, 13]);
    assert_eq!(line.stats().concealed_samples, 160);
    assert_eq!(
        (line.stats().late_samples, line.stats().lost_samples),
        (160, 0)
    );
    let before = line.input.len();
    // One gap after the other, then two at once.
    send(&mut line, &audio, [15, 14, 16, 18, 17, 19]);
    for frame in [21, 23, 22, 20, 24] {
        line.media(frame as u64 * 160, &audio[frame * 160..][..160]);
    }
    assert_eq!(line.stats().concealed_samples, 160, "{:?}", line.stats());
    assert_eq!(line.stats().late_samples, 160);
    line.wait(ms(100));
    assert!(line.input[before..] == audio[14 * 160..25 * 160]);
}

#[test]
fn a_gap_is_waited_for_no_longer_than_packets_were_late_and_then_concealed() {
    let audio = speech(3, 80_000);
    let mut line = Line::new(ModelAudio::Mulaw);
    send(&mut line, &audio, 0..10);
    send(&mut line, &audio, [11, 10, 12]);
    let before = line.input.len();
    line.media(14 * 160, &audio[14 * 160..][..160]);
    assert_eq!(line.input.len(), before, "13 may come");
    // 20 ms late was 10, and 10 ms more are given.
    line.wait(ms(29));
    assert_eq!(line.input.len(), before);
    line.wait(ms(1));
    assert_eq!(line.input.len(), before + 320);
    assert_eq!(line.stats().concealed_samples, 320);
    assert_eq!(line.stats().lost_samples, 160);
    assert_eq!(
        line.bridge
            .poll_timeout()
            .filter(|timer| *timer < line.now + ms(100)),
        None
    );
}

#[test]
fn a_gap_that_is_filled_makes_room_for_another_and_none_is_forgotten() {
    let audio = speech(9, 80_000);
    let mut line = Line::new(ModelAudio::Mulaw);
    send(&mut line, &audio, 0..10);
    send(&mut line, &audio, [11, 10, 12, 13]);
    line.input.clear();
    for frame in [15, 17, 19, 21, 18, 23, 14, 16, 22, 20] {
        line.media(frame * 160, &audio[frame as usize * 160..][..160]);
    }
    assert!(line.input == audio[14 * 160..24 * 160]);
    assert_eq!(line.stats().duplicate_samples, 0);
}

#[test]
fn ten_seconds_after_the_last_packet_out_of_order_a_gap_waits_no_more() {
    let audio = speech(4, 160_000);
    let mut line = Line::new(ModelAudio::Mulaw);
    send(&mut line, &audio, 0..10);
    send(&mut line, &audio, [11, 10]);
    send(&mut line, &audio, 12..520);
    let before = line.input.len();
    line.media(521 * 160, &audio[521 * 160..][..160]);
    assert_eq!(line.input.len(), before + 320);
}

#[test]
fn reordered_by_one_to_three_only_the_first_few_are_late() {
    for seed in 0..4 {
        let audio = speech(5 + seed, 60 * 8_000);
        let mut rng = Rng::new(seed);
        let mut packets: Vec<(u64, usize)> = (0..3_000)
            .map(|frame| {
                let late = match rng.chance(5) {
                    true => (1 + rng.below(3)) * 20 + 1,
                    false => 0,
                };
                (frame as u64 * 20 + late, frame)
            })
            .collect();
        packets.sort();
        let mut line = Line::new(ModelAudio::Mulaw);
        for (at, frame) in packets {
            line.wait(ms(at) - line.now);
            line.media(frame as u64 * 160, &audio[frame * 160..][..160]);
        }
        line.wait(ms(200));
        let stats = line.stats();
        assert_eq!(stats.lost_samples, 0);
        assert!(stats.late_samples <= 10 * 160, "{stats:?}");
        assert_eq!(stats.appended_samples, 480_000);
    }
}

#[test]
fn packets_that_come_twice_change_no_byte_for_the_model() {
    for model_audio in [ModelAudio::Mulaw, ModelAudio::Pcm24k] {
        let audio = speech(6, 80_000);
        let (mut once, mut twice) = (Line::new(model_audio), Line::new(model_audio));
        send(&mut once, &audio, 0..500);
        let mut rng = Rng::new(6);
        let mut again = 0;
        for frame in 0..500 {
            send(&mut twice, &audio, [frame]);
            if rng.chance(5) {
                let old = frame - rng.below(1 + frame.min(5) as u64) as usize;
                twice.media(old as u64 * 160, &audio[old * 160..][..160]);
                again += 160;
            }
        }
        assert!(again > 0 && once.input == twice.input);
        assert_eq!(twice.stats().duplicate_samples, again);
        assert_eq!(twice.stats().late_samples, 0);
    }
}

#[test]
fn one_long_packet_that_comes_twice_is_no_time_line_set_back() {
    let audio = speech(10, 3_200);
    let mut line = Line::new(ModelAudio::Mulaw);
    for position in [0, 0, 1_600, 1_600] {
        line.media(position, &audio[position as usize..][..1_600]);
    }
    assert!(line.input == audio);
    assert_eq!(line.stats().duplicate_samples, 3_200);
}

#[test]
fn a_jump_of_the_time_line_by_an_hour_or_around_its_end_costs_nothing() {
    let hour = 3_600 * 8_000;
    for (start, by) in [
        (0, hour),
        (2 * hour, -hour),
        // Milliseconds in 32 bits that wrap around.
        ((1_i64 << 32) * 8 - 100 * 160, -(1_i64 << 32) * 8),
    ] {
        let audio = speech(7, 32_000);
        let mut line = Line::new(ModelAudio::Mulaw);
        for frame in 0..200_i64 {
            let jump = if frame >= 100 { by } else { 0 };
            let position = (start + frame * 160 + jump) as u64;
            line.media(position, &audio[frame as usize * 160..][..160]);
            line.wait(ms(20));
        }
        assert!(line.input == audio);
        assert_eq!(line.stats().concealed_samples, 0);
    }
}

#[test]
fn a_time_line_that_is_set_back_a_little_is_followed_within_100_ms() {
    for by in [300, 1_000, 5_000] {
        let audio = speech(8, 160_000);
        let mut line = Line::new(ModelAudio::Mulaw);
        for frame in 0..1_000 {
            let back = if frame >= 500 { by * 8 } else { 0 };
            line.media(frame * 160 - back, &audio[frame as usize * 160..][..160]);
            line.wait(ms(20));
        }
        let missing = audio.len() - line.input.len();
        assert!(missing <= 640, "{missing} samples missing, {by} ms");
        assert!(line.input[80_000..] == audio[80_000 + missing..]);
    }
}

#[test]
fn in_a_stall_the_voice_fades_out_before_there_is_silence() {
    let audio = speech(9, 16_000);
    let mut line = Line::new(ModelAudio::Mulaw);
    // Up to where a syllable is loud.
    let loud = (20..90)
        .find(|frame| {
            audio[frame * 160 - 40..][..40]
                .iter()
                .any(|byte| byte & 0x7F < 0x30)
        })
        .unwrap();
    send(&mut line, &audio, 0..loud);
    line.wait(ms(750));
    let fed = &line.input[loud * 160..];
    assert_eq!(fed.len(), 8_000);
    let last = fed.iter().rposition(|byte| byte & 0x7F != 0x7F).unwrap();
    assert!((80..480).contains(&last), "{last}");
    let mut pcm = vec![0; loud * 160 + 8_000];
    mulaw::decode(&line.input, &mut pcm).unwrap();
    let steepest = |pcm: &[i16]| {
        let steps = pcm.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
        steps.max().unwrap()
    };
    let seam = steepest(&pcm[loud * 160 - 1..]);
    assert!(seam <= steepest(&pcm[..loud * 160]), "a click at the seam");
}

#[test]
fn what_was_fed_in_a_stall_is_made_up_for_by_cutting_and_never_becomes_delay() {
    for (model_audio, is_speech) in [
        (ModelAudio::Mulaw, true),
        (ModelAudio::Mulaw, false),
        (ModelAudio::Pcm24k, true),
    ] {
        let audio = match is_speech {
            true => speech(10, 40 * 8_000),
            // Noise, in which no two places are alike.
            false => crate::common::caller::voice(0, 40 * 8_000),
        };
        let mut line = Line::new(model_audio);
        send(&mut line, &audio, 0..100);
        line.wait(ms(2_500));
        let fed = line.stats().stall_samples;
        assert_eq!(fed, 2 * 8_000);
        // The burst is with the model at once, or what was not cut out of it.
        let before = line.input.len();
        for frame in 100..225 {
            line.media(frame as u64 * 160, &audio[frame * 160..][..160]);
        }
        let unit = if model_audio == ModelAudio::Mulaw {
            1
        } else {
            6
        };
        let came = (line.input.len() - before) / unit;
        let cut = line.stats().cut_samples;
        assert_eq!(came as u64 + cut, 125 * 160);
        assert!(cut > 0 && cut <= 125 * 160 / 4, "{cut}");
        let mut rates = Vec::new();
        for frame in 225..2_000 {
            let before = line.stats().cut_samples;
            send(&mut line, &audio, [frame]);
            rates.push(line.stats().cut_samples - before);
        }
        // At most a quarter of any stretch of 60 ms.
        assert!(rates.windows(3).all(|cuts| cuts.iter().sum::<u64>() <= 120));
        let stats = line.stats();
        let left = fed - stats.cut_samples;
        assert!(left < 20, "{left} of {fed} samples are still ahead");
        assert_eq!(stats.appended_samples, 2_000 * 160 + left);
        assert_eq!((stats.lost_samples, stats.concealed_samples), (0, 0));
    }
}

#[test]
fn cutting_makes_no_clicks() {
    let audio = speech(11, 30 * 8_000);
    let mut line = Line::new(ModelAudio::Mulaw);
    send(&mut line, &audio, 0..100);
    line.wait(ms(1_750));
    send(&mut line, &audio, 100..1_500);
    assert!(line.stats().cut_samples >= 8_000);
    let mut said = vec![0; audio.len()];
    mulaw::decode(&audio, &mut said).unwrap();
    let mut heard = vec![0; line.input.len()];
    mulaw::decode(&line.input, &mut heard).unwrap();
    let steepest = |pcm: &[i16]| {
        let steps = pcm.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
        steps.max().unwrap()
    };
    assert!(steepest(&heard) <= steepest(&said) + steepest(&said) / 8);
}

#[test]
fn of_a_gap_that_was_fed_in_the_stall_only_the_rest_is_concealed() {
    let audio = speech(12, 80_000);
    let mut line = Line::new(ModelAudio::Mulaw);
    send(&mut line, &audio, 0..100);
    line.wait(ms(1_200));
    // 1.2 s are lost; 1 s was fed.
    assert_eq!(line.stats().stall_samples, 8_000);
    send(&mut line, &audio, 160..200);
    let stats = line.stats();
    assert_eq!(stats.concealed_samples, 1_600, "{stats:?}");
    assert_eq!(stats.lost_samples, 60 * 160);
    assert_eq!(stats.cut_samples, 0);
    assert_eq!(line.input.len(), 200 * 160);
}

#[test]
fn in_a_day_of_clocks_that_differ_by_500_ppm_nothing_grows() {
    const DAY: u64 = 24 * 3_600 * 50;
    for ppm in [500, -500_i64] {
        let mut config = Config::default();
        config.model_audio = ModelAudio::Mulaw;
        let mut line = Line::with(config);
        let payload = encode(&speech(13, 160));
        let mut text = format!(
            r#"{{"event":"media","sequenceNumber":"2","streamSid":"MZ1","media":{{"track":"inbound","chunk":"1","payload":"{payload}","timestamp":"0000000000"}}}}"#
        )
        .into_bytes();
        let digits = text.len() - 13..text.len() - 3;
        let first = line.now.as_micros() as u64;
        for frame in 0..DAY {
            let mut stamp = frame * 20;
            for at in digits.clone().rev() {
                text[at] = b'0' + (stamp % 10) as u8;
                stamp /= 10;
            }
            line.now =
                Duration::from_micros(first + frame * 20_000_u64.wrapping_add_signed(ppm / 50));
            let text = core::str::from_utf8(&text).unwrap();
            line.bridge.handle_twilio(line.now, text).unwrap();
            while line.bridge.poll_output(&mut line.buf).unwrap().is_some() {}
        }
        let stats = line.stats();
        check_books(stats);
        assert_eq!(stats.appended_samples, DAY * 160);
        assert_eq!(stats.max_uplink_depth_samples, 160);
        assert_eq!(stats.concealed_samples + stats.stall_samples, 0);
    }
}

#[derive(Clone, Debug)]
enum Op {
    /// Packets in order.
    Next(usize, usize),
    /// Packets relative to the newest, in samples, and of so many samples.
    Near(i32, usize),
    Far(u64, usize),
    Wait(u64),
    /// The caller's turn begins or ends.
    Turn(bool),
    Lost,
}

fn op() -> impl Strategy<Value = Op> {
    let len = || prop_oneof![6 => Just(160_usize), 3 => 0..400_usize, 1 => 0..3_000_usize];
    prop_oneof![
        6 => (1..10_usize, len()).prop_map(|(count, len)| Op::Next(count, len)),
        6 => (-2_000..2_000_i32, len()).prop_map(|(by, len)| Op::Near(by, len)),
        2 => (-100_000..100_000_i32, len()).prop_map(|(by, len)| Op::Near(by, len)),
        1 => (any::<u64>(), len()).prop_map(|(at, len)| Op::Far(at, len)),
        6 => (0..200_u64).prop_map(Op::Wait),
        2 => (0..4_000_u64).prop_map(Op::Wait),
        1 => any::<bool>().prop_map(Op::Turn),
        1 => Just(Op::Lost),
    ]
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn no_order_of_media_and_time_breaks_the_books(
        ops in proptest::collection::vec(op(), 0..120),
        is_mulaw: bool,
    ) {
        let audio = speech(14, 3_000);
        let mut line = Line::new(if is_mulaw { ModelAudio::Mulaw } else { ModelAudio::Pcm24k });
        let (mut newest, mut sent) = (0_u64, 0);
        let mut media = |line: &mut Line, at: u64, len: usize| {
            line.media(at, &audio[..len]);
            sent += len as u64;
            let stats = line.stats();
            let seen = stats.media_samples + stats.late_samples + stats.duplicate_samples;
            assert_eq!(seen, sent, "{stats:?}");
            assert!(stats.uplink_depth_samples <= 8_000 + 60 * 8_000);
        };
        for op in ops {
            match op {
                Op::Next(count, len) => {
                    for _ in 0..count {
                        media(&mut line, newest, len);
                        newest = newest.saturating_add(len as u64);
                    }
                }
                Op::Near(by, len) => {
                    let at = newest.saturating_add_signed(i64::from(by));
                    media(&mut line, at, len);
                    newest = newest.max(at.saturating_add(len as u64));
                }
                Op::Far(at, len) => {
                    media(&mut line, at, len);
                    newest = at.saturating_add(len as u64);
                }
                Op::Wait(time) => line.wait(ms(time)),
                Op::Turn(starts) => {
                    let kind = if starts { "started" } else { "stopped" };
                    let key = if starts { "start" } else { "end" };
                    line.openai(&format!(r#"{{"type":"input_audio_buffer.speech_{kind}","event_id":"e3","audio_{key}_ms":1,"item_id":"item_1"}}"#));
                }
                Op::Lost => {
                    line.bridge.handle_openai_closed(line.now);
                    line.drain();
                }
            }
        }
        line.wait(ms(200));
        let waits = line.bridge.poll_timeout().is_some_and(|timer| timer <= line.now);
        prop_assert!(!waits);
    }
}

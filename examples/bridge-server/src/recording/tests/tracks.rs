//! The tracks beside what was truly said and heard.

use std::time::Duration;

use serde_json::json;

use super::line::{Act, Line, Network, from_caller};
use crate::recording::{
    SILENCE,
    assembler::{Assembler, Direction},
};

/// All that was written of both tracks, by the way a file is.
#[derive(Default)]
struct Written {
    caller: Vec<u8>,
    agent: Vec<u8>,
}

impl Written {
    fn take(&mut self, assembler: &mut Assembler) {
        let changed = assembler.changed();
        let (from, to) = (changed.start as usize, changed.end as usize);
        if self.caller.len() < to {
            self.caller.resize(to, SILENCE);
            self.agent.resize(to, SILENCE);
        }
        if from < to {
            assembler.render(
                changed.start,
                &mut self.caller[from..to],
                &mut self.agent[from..to],
            );
        }
        assembler.written();
    }
}

/// Runs the line and returns what was written of it.
fn written(line: &mut Line, seconds: i64, acts: &[(i64, Act)]) -> Written {
    let mut written = Written::default();
    line.run(8_000 * seconds, acts, |line| {
        written.take(&mut line.assembler);
        let bytes = line.assembler.memory_bytes();
        assert!(bytes <= 32 << 10, "{bytes} bytes");
    });
    written
}

/// By how many samples each 20 ms of what was heard are off in the recording, where they lie in it whole;
/// and how many samples there are in the recording that were not heard.
fn errors(heard: &[u8], agent: &[u8]) -> (Vec<i64>, usize, usize) {
    let mut errors = Vec::new();
    let mut missing = 0;
    for at in (0..agent.len().saturating_sub(4_000)).step_by(40) {
        let block = &heard[at..at + 40];
        if block.contains(&SILENCE) {
            continue;
        }
        let from = at.saturating_sub(4_000);
        let around = &agent[from..agent.len().min(at + 4_040)];
        match around.windows(40).position(|window| window == block) {
            Some(position) => errors.push((from + position) as i64 - at as i64),
            None => missing += 40,
        }
    }
    let count = |track: &[u8]| track.iter().filter(|&&code| code != SILENCE).count();
    let excess = count(agent).saturating_sub(count(&heard[..agent.len()]));
    (errors, missing, excess)
}

/// Two answers, the second cut off, a third, and a short one.
const TALK: [(i64, Act); 5] = [
    (3_000, Act::Say(16_000)),
    (30_003, Act::Say(40_000)),
    (46_005, Act::Clear),
    (54_001, Act::Say(12_345)),
    (76_100, Act::Say(900)),
];

#[test]
fn on_a_short_path_all_is_where_it_was_heard() {
    let mut line = Line::new(Network::default());
    let written = written(&mut line, 12, &TALK);
    let (errors, missing, excess) = errors(&line.heard, &written.agent);
    let worst = errors.iter().map(|error| error.abs()).max().unwrap();
    assert!(
        worst <= 8 && missing <= 40 && excess <= 8,
        "{worst} {missing} {excess}"
    );
    assert_eq!(written.caller, line.said[..written.caller.len()]);
    assert!(written.caller.len() >= 8_000 * 12 - 800 - 160);
}

#[test]
fn a_long_path_is_learned_from_the_echoes_from_the_first_word_on() {
    for echoes_in_line in [true, false] {
        let mut line = Line::new(Network {
            up: 420,
            down: 540,
            echoes_in_line,
            ..Network::default()
        });
        let written = written(&mut line, 12, &TALK);
        let (errors, missing, excess) = errors(&line.heard, &written.agent);
        let worst = errors.iter().map(|error| error.abs()).max().unwrap();
        assert!(
            worst <= 48 && missing <= 80 && excess <= 80,
            "{worst} {missing} {excess}"
        );
    }
}

#[test]
fn jitter_of_two_frames_moves_nothing_by_a_frame() {
    let cases = [(320, false), (320, true), (480, false), (480, true)];
    for (seed, (jitter, echoes_in_line)) in cases.into_iter().cycle().take(24).enumerate() {
        let mut line = Line::new(Network {
            up: 400,
            down: 400,
            jitter,
            echoes_in_line,
            ..Network::default()
        });
        line.seed(seed as u64);
        let written = written(&mut line, 12, &TALK);
        let (errors, missing, excess) = errors(&line.heard, &written.agent);
        // Three frames of it may leave 30 ms open.
        let limit = if jitter > 320 { 240 } else { 160 };
        let worst = errors.iter().map(|error| error.abs()).max().unwrap();
        assert!(
            worst <= limit && missing <= 480 && excess <= 160,
            "jitter {jitter}, in line {echoes_in_line}: {worst} {missing} {excess}"
        );
        assert_eq!(written.caller, line.said[..written.caller.len()]);
    }
}

#[test]
fn a_stall_of_the_callers_frames_moves_nothing_by_a_frame() {
    for echoes_in_line in [true, false] {
        let mut line = Line::new(Network {
            up: 200,
            down: 200,
            stall: Some((28_000, 4_000)),
            echoes_in_line,
            ..Network::default()
        });
        let written = written(&mut line, 12, &TALK);
        let (errors, missing, excess) = errors(&line.heard, &written.agent);
        let worst = errors.iter().map(|error| error.abs()).max().unwrap();
        assert!(
            worst <= 160 && missing <= 240 && excess <= 160,
            "in line {echoes_in_line}: {worst} {missing} {excess}"
        );
        assert_eq!(written.caller, line.said[..written.caller.len()]);
    }
}

#[test]
fn echoes_that_come_late_by_themselves_are_not_believed_for_long() {
    let mut line = Line::new(Network {
        up: 240,
        down: 240,
        late_echoes: 10,
        ..Network::default()
    });
    let written = written(&mut line, 12, &TALK);
    let (errors, ..) = errors(&line.heard, &written.agent);
    let off = errors.iter().filter(|error| error.abs() > 160).count();
    assert!(off * 20 <= errors.len(), "{off} of {}", errors.len());
}

fn spoke(assembler: &mut Assembler, now_ms: u64, timestamp_ms: u64, code: u8) {
    let text = from_caller(timestamp_ms, &[code; 160]);
    assembler.take(Direction::FromTwilio, Duration::from_millis(now_ms), &text);
}

fn caller(assembler: &mut Assembler) -> Vec<u8> {
    let mut written = Written::default();
    written.take(assembler);
    written.caller
}

#[test]
fn lost_frames_are_silence_and_doubled_or_late_ones_lie_where_they_belong() {
    let mut assembler = Assembler::new();
    for (now, stamp, code) in [
        (20, 0, 1),
        (40, 20, 2),
        (80, 60, 4),
        (100, 80, 5),
        (101, 80, 5),
        (102, 40, 3),
    ] {
        spoke(&mut assembler, now, stamp, code);
    }
    spoke(&mut assembler, 160, 140, 8);
    let caller = caller(&mut assembler);
    let codes: Vec<u8> = caller.chunks(160).map(|frame| frame[0]).collect();
    assert_eq!(codes, [1, 2, 3, 4, 5, SILENCE, SILENCE, 8]);
    assert_eq!(assembler.lost_samples(), 0);
}

#[test]
fn time_stamps_that_cannot_be_are_passed_over_until_they_persist() {
    let mut assembler = Assembler::new();
    spoke(&mut assembler, 20, 0, 1);
    spoke(&mut assembler, 40, u64::MAX, 9);
    spoke(&mut assembler, 41, 3_600_000, 9);
    spoke(&mut assembler, 42, 20, 2);
    assert_eq!(caller(&mut assembler).len(), 320);
    assert_eq!(assembler.lost_samples(), 320);
    for n in 0..100 {
        spoke(&mut assembler, 60 + 20 * n, 5_000_000 + 20 * n, 7);
    }
    let length = assembler.len();
    assert_eq!(
        length,
        320 + 160 * 76,
        "the time line goes on with the new stamps"
    );
}

#[test]
fn messages_that_say_nothing_or_belong_to_another_stream_change_nothing() {
    let mut line = Line::new(Network::default());
    let before = written(&mut line, 2, &[]).caller.len();
    let time = Duration::from_secs(3);
    for direction in [Direction::FromTwilio, Direction::ToTwilio] {
        for text in [
            "",
            "{",
            "[]",
            "null",
            r#"{"event":"media"}"#,
            r#"{"event":"media","media":7}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"track":"inbound","timestamp":"x","payload":""}}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"track":"outbound","timestamp":"2000","payload":"AAAA"}}"#,
            r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"nobody's"}}"#,
            &from_caller(2_000, &[1; 160]).replace("MZ1", "MZ2"),
        ] {
            if direction == Direction::FromTwilio || !text.contains("payload") {
                line.assembler.take(direction, time, text);
            }
        }
    }
    assert_eq!(line.assembler.changed().end as usize - before, 0);
}

#[test]
fn audio_beyond_what_may_wait_is_silence_and_the_rest_keeps_its_time() {
    let mut line = Line::new(Network::default());
    line.assembler.set_limit(1_000);
    let written = written(&mut line, 3, &[(1_600, Act::Say(9_600))]);
    assert!(line.assembler.lost_samples() > 0);
    let (errors, missing, _) = errors(&line.heard, &written.agent);
    let worst = errors.iter().map(|error| error.abs()).max().unwrap();
    assert!(worst <= 8 && missing >= 4_000, "{worst} {missing}");
}

#[test]
fn a_tap_that_has_missed_the_start_knows_its_stream_and_its_time_all_the_same() {
    let mut assembler = Assembler::new();
    let greeting = from_caller(0, &[3; 800]);
    assembler.take(Direction::ToTwilio, Duration::from_millis(10), &greeting);
    let other = from_caller(0, &[9; 160]).replace("MZ1", "MZ2");
    assembler.take(Direction::FromTwilio, Duration::from_millis(15), &other);
    for n in 1..=20 {
        spoke(&mut assembler, 20 * n, 20 * (n - 1), 1);
    }
    let mut written = Written::default();
    written.take(&mut assembler);
    assert_eq!(written.caller, [1; 3_200]);
    let heard: Vec<_> = written.agent.iter().map(|&code| code == 3).collect();
    assert!(heard[80..880].iter().all(|&is_heard| is_heard));
    assert!(!heard[79] && !heard[880]);
}

#[test]
fn whatever_comes_memory_is_bounded_and_the_tracks_stay_equally_long() {
    let mut line = Line::new(Network::default());
    let mut assembler = Assembler::new();
    let mut written = Written::default();
    let mut now = 0;
    for step in 0..20_000 {
        now += line.dice(40);
        let name = line.dice(20);
        let text = match line.dice(8) {
            0 => from_caller(u64::MAX - line.dice(1 << 60), &[1; 160]),
            1 => from_caller(line.dice(now + 3_000), &[1; 7]),
            2..5 => from_caller(now, &[1; 160]),
            5 => from_caller(now, &[]),
            6 => from_caller(now, &[2; 3_000]),
            _ => json!({"event": "mark", "streamSid": "MZ1", "mark": {"name": name.to_string()}})
                .to_string(),
        };
        assembler.take(Direction::FromTwilio, Duration::from_millis(now), &text);
        let text = match line.dice(8) {
            0 => json!({"event": "clear"}).to_string(),
            1..3 => json!({"event": "mark", "mark": {"name": name.to_string()}}).to_string(),
            3 => from_caller(0, &[]),
            _ => from_caller(0, &[3; 160]),
        };
        assembler.take(Direction::ToTwilio, Duration::from_millis(now), &text);
        if step % 1_000 == 0 {
            assembler.lose_track(Duration::from_millis(now));
        }
        if step % 5 == 0 {
            written.take(&mut assembler);
        }
        assert!(assembler.memory_bytes() < 256 << 10);
    }
    written.take(&mut assembler);
    assert_eq!(written.caller.len(), assembler.len() as usize);
    assert_eq!(written.agent.len(), written.caller.len());
}

#[test]
fn audio_sent_far_ahead_is_held_until_a_clear() {
    let mut assembler = Assembler::new();
    let usual = assembler.memory_bytes();
    spoke(&mut assembler, 20, 0, 1);
    let second = from_caller(0, &[3; 8_000]);
    for _ in 0..60 {
        assembler.take(Direction::ToTwilio, Duration::from_millis(20), &second);
    }
    assert!(assembler.memory_bytes() - usual >= 480_000);
    for n in 1..=100 {
        spoke(&mut assembler, 20 + 20 * n, 20 * n, 1);
    }
    let clear = r#"{"event":"clear","streamSid":"MZ1"}"#;
    assembler.take(Direction::ToTwilio, Duration::from_millis(2_020), clear);
    let mut written = Written::default();
    written.take(&mut assembler);
    assert!(assembler.memory_bytes() < 48 << 10);
    let heard = written.agent.iter().filter(|&&code| code == 3).count();
    assert_eq!(heard, 16_000);
}

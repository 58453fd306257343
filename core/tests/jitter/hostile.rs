//! Anything may come.

use proptest::prelude::*;
use trunkline::{
    Error,
    jitter::{Inserted, JitterBuffer, Pulled},
};

use crate::{cases::cases, player::check_books};

#[derive(Clone, Debug)]
enum Op {
    /// A time stamp relative to where the clock is.
    Near(i32, usize),
    Far(u32, usize),
    Next(usize),
    Pull(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let len = prop_oneof![8 => Just(160_usize), 4 => 0..400_usize, 1 => 0..20_000_usize];
    prop_oneof![
        4 => (-20_000..40_000_i32, len.clone()).prop_map(|(at, len)| Op::Near(at, len)),
        1 => (any::<u32>(), len.clone()).prop_map(|(at, len)| Op::Far(at, len)),
        8 => len.prop_map(Op::Next),
        8 => (1..20_usize).prop_map(Op::Pull),
    ]
}

fn run<const BLOCKS: usize>(ops: &[Op], fill: i16) {
    let mut jitter = JitterBuffer::<BLOCKS>::new();
    let (mut pulls, mut next) = (0, 0_u32);
    let pcm = [fill; 20_000];
    for op in ops {
        let (timestamp, len) = match *op {
            Op::Near(by, len) => (
                (pulls as u32).wrapping_mul(160).wrapping_add_signed(by),
                len,
            ),
            Op::Far(at, len) => (at, len),
            Op::Next(len) => (next, len),
            Op::Pull(count) => {
                for _ in 0..count {
                    let mut frame = [i16::MIN; 160];
                    jitter.pull(&mut frame);
                    pulls += 1;
                    check_books(&jitter, pulls);
                }
                continue;
            }
        };
        let before = *jitter.stats();
        let outcome = jitter.insert(timestamp, &pcm[..len]);
        let is_fit = len > 0 && len <= JitterBuffer::<BLOCKS>::CAPACITY;
        assert_eq!(outcome.is_ok(), is_fit);
        let stats = *jitter.stats();
        if is_fit {
            next = timestamp.wrapping_add(len as u32);
            // Every sample that came is counted once.
            let seen = |stats: &trunkline::jitter::JitterStats| {
                stats.received_samples
                    + stats.late_samples
                    + stats.duplicate_samples
                    + stats.stray_samples
            };
            assert_eq!(seen(&stats) - seen(&before), len as u64);
        } else {
            assert_eq!(stats, before);
        }
        check_books(&jitter, pulls);
        assert!(jitter.target_delay().as_millis() as usize <= BLOCKS * 4);
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn no_sequence_of_packets_and_pulls_breaks_the_books(
        ops in proptest::collection::vec(op(), 0..300), fill in any::<i16>(),
    ) {
        run::<256>(&ops, fill);
        run::<10>(&ops, fill);
        run::<13>(&ops, fill);
    }
}

#[test]
fn a_packet_that_is_empty_or_longer_than_the_buffer_is_refused() {
    let mut jitter = JitterBuffer::<10>::new();
    let error = Err(Error::InvalidField { name: "pcm" });
    assert_eq!(jitter.insert(0, &[]), error);
    assert_eq!(jitter.insert(0, &[1; 641]), error);
    assert_eq!(jitter.stats(), JitterBuffer::<10>::new().stats());
    assert_eq!(jitter.insert(0, &[1; 640]), Ok(Inserted::Accepted));
}

#[test]
fn before_the_first_packet_there_is_silence() {
    let mut jitter: JitterBuffer = JitterBuffer::new();
    let mut frame = [1; 160];
    assert_eq!(jitter.pull(&mut frame), Pulled::Silence);
    assert_eq!(frame, [0; 160]);
    assert_eq!(jitter.stats().silence_samples, 160);
}

#[test]
fn of_more_audio_than_there_is_room_for_the_newest_stays() {
    let mut jitter = JitterBuffer::<10>::new();
    for (index, fill) in [1_i16, 2, 3, 4].into_iter().enumerate() {
        let outcome = jitter.insert(index as u32 * 160, &[fill * 1_000; 160]);
        assert_eq!(outcome, Ok(Inserted::Accepted));
    }
    let outcome = jitter.insert(640, &[5_000; 160]);
    assert_eq!(outcome, Ok(Inserted::Overflow));
    assert_eq!(jitter.stats().dropped_samples, 160);
    let mut frame = [0; 160];
    assert_eq!(jitter.pull(&mut frame), Pulled::Received);
    assert_eq!(frame[0], 2_000);
}

#[test]
fn packets_of_any_length_are_played_as_they_were_said_though_milliseconds_are_rounded() {
    for len in [1, 7, 40, 80, 161, 240, 333, 480, 1_000] {
        let mut jitter: JitterBuffer = JitterBuffer::new();
        let mut rng = crate::rng::Rng::new(7);
        let said: Vec<i16> = (0..40_000).map(|_| rng.next() as i16).collect();
        let (mut position, mut heard) = (0, Vec::new());
        // Always a packet and more ahead: only their time stamps are in question.
        while position + len <= said.len() {
            let timestamp = (position / 8 * 8) as u32;
            jitter.insert(timestamp, &said[position..][..len]).unwrap();
            position += len;
            while position >= heard.len() + 1_200 {
                let mut frame = [0; 160];
                assert_eq!(jitter.pull(&mut frame), Pulled::Received, "{len}");
                heard.extend_from_slice(&frame);
            }
        }
        assert_eq!(jitter.stats().lost_samples, 0);
        assert_eq!(jitter.stats().duplicate_samples, 0);
        assert!(heard.len() > 38_000);
        if jitter.stats().cut_samples + jitter.stats().stretched_samples == 0 {
            assert_eq!(heard, said[..heard.len()]);
        }
    }
}

#[test]
fn reset_is_as_new() {
    let mut jitter: JitterBuffer = JitterBuffer::new();
    for packet in 0..10 {
        jitter.insert(packet * 320, &[9_000; 160]).unwrap();
        jitter.pull(&mut [0; 160]);
    }
    jitter.reset();
    assert_eq!(jitter.stats(), JitterBuffer::<256>::new().stats());
    let (mut frame, mut fresh) = ([0; 160], [0; 160]);
    let mut new: JitterBuffer = JitterBuffer::new();
    for pull in 0..10 {
        if pull % 3 == 0 {
            jitter.insert(pull * 160, &[100; 160]).unwrap();
            new.insert(pull * 160, &[100; 160]).unwrap();
        }
        assert_eq!(jitter.pull(&mut frame), new.pull(&mut fresh));
        assert_eq!(frame, fresh);
    }
}

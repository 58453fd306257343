//! The traces, and what is promised on each.

use trunkline::jitter::{Inserted, JitterBuffer, Pulled};

use crate::{
    player::{FRAME, PTIME, Packet, Played, Talk, check_books, delays, play},
    rng::Rng,
};

/// A pull shortly after each packet of an undisturbed network.
pub(crate) const PHASE: u64 = 5_000;

/// Packets come when they were said.
pub(crate) fn clean(talk: &Talk) -> Vec<Packet> {
    talk.packets()
}

/// TCP: for 200 ms of every 2 s until `end` seconds nothing comes, then all of it at once.
pub(crate) fn stalls(talk: &Talk, end: u64) -> Vec<Packet> {
    let mut packets = talk.packets();
    for packet in &mut packets {
        let since = packet.at % 2_000_000;
        if packet.at >= 2_000_000 && packet.at < end * 1_000_000 && since < 200_000 {
            packet.at += 200_000 - since;
        }
    }
    packets
}

/// Each packet is 0 to 60 ms late, by itself or, over TCP, with those before it.
pub(crate) fn jitter(talk: &Talk, seed: u64, in_order: bool) -> Vec<Packet> {
    let mut rng = Rng::new(seed);
    let mut packets = talk.packets();
    let mut last = 0;
    for packet in &mut packets {
        packet.at += rng.below(60_001);
        if in_order {
            packet.at = packet.at.max(last);
            last = packet.at;
        }
    }
    packets
}

/// One in twenty packets comes after one to three of its successors.
pub(crate) fn reordered(talk: &Talk, seed: u64) -> Vec<Packet> {
    let mut rng = Rng::new(seed);
    let mut packets = talk.packets();
    for packet in &mut packets {
        if rng.chance(5) {
            packet.at += (1 + rng.below(3)) * PTIME + 1;
        }
    }
    packets
}

/// One in twenty packets comes again, at once or up to five packets later.
pub(crate) fn duplicated(talk: &Talk, seed: u64) -> Vec<Packet> {
    let mut rng = Rng::new(seed);
    let mut packets = talk.packets();
    for index in 0..packets.len() {
        if rng.chance(5) {
            let mut again = packets[index];
            again.at += rng.below(6) * PTIME + 1;
            packets.push(again);
        }
    }
    packets
}

/// From `at` seconds on, time stamps are `by` samples off.
pub(crate) fn jumped(talk: &Talk, at: u64, by: i32) -> Vec<Packet> {
    let mut packets = talk.packets();
    for packet in &mut packets {
        if packet.at >= at * 1_000_000 {
            packet.timestamp = packet.timestamp.wrapping_add_signed(by);
        }
    }
    packets
}

/// From 5 s to 10 s nothing comes; then it goes on, with what was said meanwhile at once, or lost.
pub(crate) fn outage(talk: &Talk, is_lost: bool) -> Vec<Packet> {
    let mut packets = talk.packets();
    let is_out = |packet: &Packet| (5_000_000..10_000_000).contains(&packet.at);
    if is_lost {
        packets.retain(|packet| !is_out(packet));
    }
    for packet in packets.iter_mut().filter(|packet| is_out(packet)) {
        packet.at = 10_000_000;
    }
    packets
}

#[test]
fn on_a_clean_network_nothing_is_concealed_and_nothing_waits_but_for_the_next_pull() {
    let talk = Talk::new(1, 20);
    for phase in [0, 1, 5_000, 10_000, 19_999] {
        let played = play(&talk, &clean(&talk), phase);
        assert_eq!(played.jitter.stats().concealed_samples, 0, "phase {phase}");
        let (_, most) = delays(&played.pulls);
        assert!(most <= 20.0, "{most} ms at phase {phase}");
        assert!(
            played
                .pulls
                .iter()
                .all(|pull| pull.kind == Pulled::Received)
        );
        assert_eq!(played.audio, talk.samples[..played.audio.len()]);
    }
}

#[test]
fn stalls_of_tcp_are_concealed_only_at_first_and_their_delay_goes_when_they_end() {
    for (seed, phase) in [(2, 0), (3, PHASE), (4, 15_000), (5, 19_999)] {
        let talk = Talk::new(seed, 40);
        let played = play(&talk, &stalls(&talk, 20), phase);
        assert!(played.concealed_between(0.0, 2.5) > 0, "the first is heard");
        assert_eq!(played.concealed_between(6.5, 40.0), 0, "after three stalls");
        assert_eq!(played.jitter.stats().lost_samples, 0);
        // The last stall ends at 18.2 s.
        let (mean, most) = delays(played.between(28.2, 40.0));
        assert!(most <= 40.0, "{mean} {most}");
        assert!(
            delays(played.between(10.0, 18.0)).0 >= 150.0,
            "the delay rides the stalls out"
        );
    }
}

#[test]
fn of_60_ms_of_jitter_little_is_concealed_and_the_delay_stays_small() {
    for seed in 0..4 {
        for in_order in [false, true] {
            for phase in [0, PHASE, 15_000] {
                let talk = Talk::new(10 + seed, 60);
                let played = play(&talk, &jitter(&talk, seed, in_order), phase);
                let stats = played.jitter.stats();
                assert!(
                    stats.concealed_samples * 200 <= stats.out_samples,
                    "{stats:?}"
                );
                let (mean, _) = delays(&played.pulls);
                assert!(mean <= 80.0, "{mean} ms");
            }
        }
    }
}

#[test]
fn reordered_packets_are_all_played_once_the_delay_is_as_long_as_they_are_late() {
    for seed in 0..8 {
        let talk = Talk::new(20 + seed, 60);
        let packets = reordered(&talk, seed);
        let played = play(&talk, &packets, PHASE);
        let stats = played.jitter.stats();
        assert_eq!(stats.lost_samples, 0, "late is not lost");
        let mut arrivals = packets.clone();
        arrivals.sort_by_key(|packet| packet.at);
        for (packet, &(at, outcome)) in arrivals.iter().zip(&played.inserted) {
            let depth = (at - packet.position as u64 * 125) as f64 / 1e3;
            // The delay of what was played last before it came.
            let before = played.between(0.0, at as f64 / 1e6);
            let delay = before.iter().rev().find_map(|pull| pull.delay);
            if depth <= delay.unwrap_or(0.0) - PHASE as f64 / 1e3 {
                assert_eq!(outcome, Inserted::Accepted, "{packet:?} {delay:?}");
            }
        }
        let late = played.inserted.iter();
        let late = late.filter(|(_, outcome)| *outcome == Inserted::Late);
        assert!(late.count() <= 8, "{stats:?}");
    }
}

#[test]
fn packets_that_come_twice_change_no_byte() {
    for seed in 0..8 {
        let talk = Talk::new(30 + seed, 30);
        let packets = duplicated(&talk, seed);
        let played = play(&talk, &packets, PHASE);
        let without = play(&talk, &clean(&talk), PHASE);
        assert!(played.audio == without.audio, "seed {seed}");
        let again = played.inserted.len() - played.pulls.len();
        assert!(again > 50);
        let stats = played.jitter.stats();
        assert_eq!(stats.duplicate_samples, (again * FRAME) as u64);
        assert_eq!(played.jitter.stats().late_samples, 0);
    }
}

#[test]
fn packets_that_come_twice_in_jitter_change_no_byte() {
    for seed in 0..4 {
        let talk = Talk::new(34 + seed, 30);
        let packets = jitter(&talk, seed, false);
        let without = play(&talk, &packets, PHASE);
        let mut rng = Rng::new(seed);
        let mut twice = packets.clone();
        for packet in packets {
            if rng.chance(5) {
                // Never before the packet itself.
                let at = packet.at + rng.below(100_000);
                twice.push(Packet { at, ..packet });
            }
        }
        let played = play(&talk, &twice, PHASE);
        assert!(played.audio == without.audio, "seed {seed}");
    }
}

#[test]
fn time_stamps_that_wrap_around_change_no_byte() {
    let talk = Talk::new(40, 20);
    for trace in [clean(&talk), jitter(&talk, 1, false), stalls(&talk, 10)] {
        let without = play(&talk, &trace, PHASE);
        for start in [0_u32.wrapping_sub(80_000), u32::MAX, 1 << 31, u32::MAX - 7] {
            let mut wrapping = trace.clone();
            for packet in &mut wrapping {
                packet.timestamp = packet.timestamp.wrapping_add(start);
            }
            let played = play(&talk, &wrapping, PHASE);
            assert!(played.audio == without.audio, "start {start}");
        }
    }
}

#[test]
fn a_jump_of_the_time_line_is_followed_within_100_ms() {
    let hour = 3_600 * 8_000;
    let second = 8_000;
    for by in [
        hour,
        -hour,
        3 * second,
        -3 * second,
        second,
        -second,
        -2_400,
    ] {
        let talk = Talk::new(50, 20);
        let played = play(&talk, &jumped(&talk, 10, by), PHASE);
        assert_eq!(played.jitter.stats().resyncs, 1, "{by}");
        let concealed = played.concealed_between(9.9, 20.0);
        assert!(concealed <= 800, "{concealed} samples of a jump by {by}");
        let speech = played.between(10.0, 10.12).iter();
        let speech = speech.filter(|pull| pull.delay.is_some());
        assert!(speech.count() > 0, "speech is back, {by}");
        let (_, most) = delays(played.between(10.2, 20.0));
        assert!(most <= 40.0, "{most} ms after a jump by {by}");
    }
}

#[test]
fn a_packet_from_nowhere_is_not_believed() {
    for by in [1 << 30, -(1 << 30), 40_000, -40_000] {
        let talk = Talk::new(51, 10);
        let mut packets = clean(&talk);
        let mut foreign = packets[250];
        foreign.timestamp = foreign.timestamp.wrapping_add_signed(by);
        packets.insert(250, foreign);
        let played = play(&talk, &packets, PHASE);
        let stats = played.jitter.stats();
        assert_eq!((stats.resyncs, stats.concealed_samples), (0, 0), "{by}");
        assert_eq!(stats.stray_samples, FRAME as u64);
    }
}

/// A day of a talker whose clock is `ppm` off: samples substituted, and how far the delay was from
/// its target at most, in milliseconds.
pub(crate) fn drift(ppm: i64) -> (JitterBuffer, f64) {
    const DAY: u64 = 24 * 3_600 * 50;
    let talk = Talk::new(60, 60);
    let mut jitter: JitterBuffer = JitterBuffer::new();
    let mut packet = 0_u64;
    let mut worst = 0.0_f64;
    for pull in 0..DAY {
        let now = pull * PTIME + PHASE;
        // A clock that is fast makes a packet in a little less than 20 ms.
        while packet * (PTIME * 1_000_000) / (1_000_000 + ppm) as u64 <= now {
            let position = packet as usize * FRAME % talk.samples.len();
            let timestamp = packet.wrapping_mul(FRAME as u64) as u32;
            jitter.insert(timestamp, talk.frame(position)).unwrap();
            packet += 1;
        }
        jitter.pull(&mut [0; FRAME]);
        check_books(&jitter, pull + 1);
        let delay = jitter.delay().as_secs_f64() * 1e3;
        let target = jitter.target_delay().as_secs_f64() * 1e3;
        // What was learnt at the beginning takes a few seconds to go.
        if pull > 50 * 10 {
            worst = worst.max((delay - target).abs());
        }
        assert!(jitter.depth_samples() <= 3 * FRAME as u64);
    }
    (jitter, worst)
}

#[test]
fn in_a_day_of_drifting_clocks_the_delay_stays_at_its_target() {
    for ppm in [100, -100] {
        let (jitter, worst) = drift(ppm);
        assert!(worst <= 20.0, "{worst} ms at {ppm} ppm");
        let stats = jitter.stats();
        assert_eq!(stats.lost_samples + stats.late_samples, 0, "{stats:?}");
        // 8.64 s of drift in a day.
        let drifted = if ppm > 0 {
            stats.cut_samples
        } else {
            stats.concealed_samples + stats.stretched_samples - stats.cut_samples
        };
        assert!(drifted.abs_diff(69_120) <= 480, "{stats:?}");
    }
}

/// Milliseconds after the beginning of an outage until all is silent, and after its end until
/// something said is heard.
pub(crate) fn fade_and_return(played: &Played) -> (f64, f64) {
    let start = played
        .pulls
        .iter()
        .position(|pull| pull.at > 4_900_000 && pull.kind != Pulled::Received)
        .expect("concealment");
    let end = played.pulls.partition_point(|pull| pull.at < 10_000_000);
    let gap = &played.audio[start * FRAME..end * FRAME];
    let last = gap.iter().rposition(|&sample| sample != 0);
    let back = played.pulls[end..].iter().find(|pull| pull.delay.is_some());
    let back = back.expect("speech").at - 10_000_000;
    (
        last.map_or(0.0, |last| (last + 1) as f64 / 8.0),
        back as f64 / 1e3,
    )
}

#[test]
fn in_an_outage_the_voice_fades_within_60_ms_and_is_back_within_100_ms() {
    for seed in 0..6 {
        for is_lost in [true, false] {
            let talk = Talk::new(70 + seed, 30);
            let played = play(&talk, &outage(&talk, is_lost), PHASE);
            let (fade, back) = fade_and_return(&played);
            assert!(fade <= 60.0, "{fade} ms");
            assert!(back <= 100.0, "{back} ms");
            let silent = played.between(5.2, 10.0).iter();
            assert!(silent.filter(|pull| pull.kind != Pulled::Silence).count() == 0);
            let stats = played.jitter.stats();
            if is_lost {
                assert_eq!(stats.lost_samples, 5 * 8_000);
                let (_, most) = delays(played.between(10.1, 30.0));
                assert!(most <= 20.0, "{most} ms after what was lost");
            } else {
                // Of 5 s the newest 2 s have room.
                assert!(stats.dropped_samples + stats.lost_samples > 0);
                let (_, most) = delays(played.between(20.0, 30.0));
                assert!(most <= 40.0, "{most} ms long after a burst");
            }
        }
    }
}

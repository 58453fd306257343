//! The ledger alone, paced by its own `play_end`.

use std::cmp::Reverse;

use trunkline::PlaybackLedger;

use crate::{
    carrier::{CLEAN, Carrier, DAY, Faults, HOUR, LEAD, ROUGH, SECOND, time},
    common::rng::Rng,
};

/// A ledger, paced as a server would pace it, and its carrier.
struct Talk {
    ledger: PlaybackLedger,
    carrier: Carrier,
    now: u64,
    item: u64,
    unmarked: u64,
    /// True position less what is known of it, summed over an hour, by hour, with their count.
    errors: Vec<(u64, u64)>,
}

impl Talk {
    fn new(ppm: i64, faults: Faults) -> Self {
        Self {
            ledger: PlaybackLedger::new(8_000),
            carrier: Carrier::new(ppm, faults),
            now: SECOND,
            item: 0,
            unmarked: 0,
            errors: Vec::new(),
        }
    }

    fn play_end(&self) -> u64 {
        self.ledger.play_end().as_micros() as u64
    }

    /// One item of `length` microseconds, without a pause in it.
    fn speak(&mut self, length: u64) {
        let end = self.now + length;
        self.item += 1;
        let id = format!("item_{}", self.item);
        while self.now < end {
            let due = (self.play_end() + 20_000)
                .saturating_sub(LEAD)
                .max(self.now);
            self.hear(due);
            self.now = due;
            self.ledger
                .receive(&id, 0, 160, 160)
                .expect("there is room");
            self.ledger.send(time(due), 160);
            self.carrier.media(due, 160);
            // Once the lead is built up.
            if self.play_end() + 20_000 > due + LEAD {
                self.carrier.level(due);
            }
            self.unmarked += 160;
            if self.unmarked >= 800 {
                self.mark();
            }
        }
        self.ledger.finish_all();
        if self.unmarked > 0 {
            self.mark();
        }
    }

    /// Silence until `length` after all has been played, as far as is known.
    fn pause(&mut self, length: u64) {
        let end = self.play_end().max(self.now) + length;
        self.hear(end);
        self.now = end;
    }

    fn mark(&mut self) {
        self.unmarked = 0;
        let name = self.ledger.mark();
        self.carrier.mark(self.now, name.as_str());
    }

    /// Echoes up to `until`.
    fn hear(&mut self, until: u64) {
        while let Some(at) = self.carrier.next_echo().filter(|&at| at <= until) {
            let Reverse((_, name)) = self.carrier.echoes.pop().expect("one is due");
            let before = self.ledger.heard_samples();
            let played = self.carrier.played(at);
            self.ledger.handle_mark(time(at), &name);
            while self.ledger.pop_heard().is_some() {}
            let heard = self.ledger.heard_samples();
            assert!(heard <= played, "heard {heard}, played {played} at {at}");
            // The worst moment: right before an echo.
            let hour = (at / HOUR) as usize;
            self.errors.resize(self.errors.len().max(hour + 1), (0, 0));
            let (sum, count) = &mut self.errors[hour];
            *sum += played - before;
            *count += 1;
        }
    }

    /// The least and most the carrier had right after audio came, in milliseconds.
    fn levels(&self) -> (u64, u64) {
        (self.carrier.levels.0 / 8, self.carrier.levels.1.div_ceil(8))
    }

    /// The mean truncation error in an hour, in milliseconds.
    fn error_ms(&self, hour: usize) -> f64 {
        let (sum, count) = self.errors[hour];
        sum as f64 / count as f64 / 8.0
    }
}

fn assert_level(talk: &Talk, what: &str) {
    let (low, high) = talk.levels();
    assert!(low >= 180 && high <= 220, "{what}: {low}–{high} ms");
}

#[test]
fn a_day_of_speech_without_a_pause_keeps_the_carriers_level_and_the_truncation_error() {
    for ppm in [-500, 500] {
        for faults in [CLEAN, ROUGH] {
            let mut talk = Talk::new(ppm, faults);
            talk.speak(DAY);
            let what = format!("{ppm} ppm, echoes + 0–{} ms", faults.jitter / 1_000);
            let (first, last) = (talk.error_ms(1), talk.error_ms(23));
            println!(
                "{what}: level {:?} ms, error {first:.1} → {last:.1} ms",
                talk.levels()
            );
            assert_level(&talk, &what);
            assert_eq!(talk.carrier.pauses, 1, "{what}: it ran dry");
            assert!((last - first).abs() < 10.0, "{what}: {first} → {last} ms");
        }
    }
}

#[test]
fn a_day_of_turns_keeps_the_carriers_level_and_the_truncation_error() {
    for ppm in [-500, 500] {
        for faults in [CLEAN, ROUGH] {
            let mut talk = Talk::new(ppm, faults);
            let mut rng = Rng::new(5);
            while talk.now < DAY {
                talk.speak(SECOND + rng.below(40 * SECOND));
                talk.pause(rng.below(6 * SECOND));
            }
            let what = format!("{ppm} ppm, echoes + 0–{} ms", faults.jitter / 1_000);
            let (first, last) = (talk.error_ms(1), talk.error_ms(23));
            println!(
                "{what}: level {:?} ms, error {first:.1} → {last:.1} ms",
                talk.levels()
            );
            assert_level(&talk, &what);
            // One for each time it had played out.
            assert!(talk.carrier.pauses <= talk.item, "{what}: it ran dry");
            assert!((last - first).abs() < 15.0, "{what}: {first} → {last} ms");
        }
    }
}

#[test]
fn runs_that_follow_each_other_within_a_millisecond_do_not_add_up() {
    for ppm in [-500, 500] {
        let mut talk = Talk::new(ppm, CLEAN);
        while talk.now < DAY / 4 {
            talk.speak(9 * SECOND);
            talk.pause(1_000);
        }
        println!("{ppm} ppm: level {:?} ms", talk.levels());
        assert_level(&talk, &format!("{ppm} ppm"));
    }
}

#[test]
fn after_minutes_without_an_echo_the_level_comes_back() {
    for ppm in [-500, 500] {
        let mut talk = Talk::new(ppm, CLEAN);
        talk.speak(60 * SECOND);
        talk.carrier.faults.lost = 100;
        talk.speak(600 * SECOND);
        talk.carrier.faults.lost = 0;
        // 300 ms have come together, a fast carrier has run dry for want of 100 ms.
        let late = talk.carrier.queued(talk.now).abs_diff(8 * LEAD / 1_000);
        assert!(late > 8 * 100, "{ppm} ppm: {late} samples");
        talk.speak(1_800 * SECOND);
        talk.carrier.levels = (u64::MAX, 0);
        talk.speak(600 * SECOND);
        println!("{ppm} ppm: level {:?} ms", talk.levels());
        assert_level(&talk, &format!("{ppm} ppm"));
    }
}

#[test]
fn a_way_back_that_grows_costs_no_more_than_it_grew_and_is_learned() {
    let mut talk = Talk::new(0, CLEAN);
    talk.speak(60 * SECOND);
    talk.carrier.levels = (u64::MAX, 0);
    talk.carrier.back += 60_000;
    // For echoes alone this looks as if the carrier had stood still for 60 ms.
    talk.speak(HOUR);
    let (low, high) = talk.levels();
    assert!(low >= 200 - 60 - 5 && high <= 200, "{low}–{high} ms");
    for _ in 0..30 {
        talk.pause(2 * SECOND);
        talk.speak(20 * SECOND);
    }
    talk.carrier.levels = (u64::MAX, 0);
    for _ in 0..10 {
        talk.pause(2 * SECOND);
        talk.speak(20 * SECOND);
    }
    assert_level(&talk, "once it is known");
}

#[test]
fn echoes_forged_or_late_move_the_schedule_by_a_thousandth_at_most() {
    // All at once when sent, or only after a minute.
    for (delay, sign) in [(0, -1), (60 * SECOND, 1)] {
        let mut ledger = PlaybackLedger::new(8_000);
        let mut now = SECOND;
        let start = now;
        let mut echoes = std::collections::VecDeque::new();
        let mut sent = 0_u64;
        while now < HOUR {
            let end = ledger.play_end().as_micros() as u64;
            now = (end + 20_000).saturating_sub(LEAD).max(now);
            ledger.receive("item", 0, 160, 160).unwrap();
            ledger.send(time(now), 160);
            sent += 160;
            if sent.is_multiple_of(800) {
                echoes.push_back((now + delay, ledger.mark()));
            }
            while let Some((_, name)) = echoes.pop_front_if(|&mut (at, _)| at <= now) {
                ledger.handle_mark(time(now), name.as_str());
                let running = (now - start) / 125;
                // 20 ms, and a sample for rounding.
                let most = running + running / 1_000 + 161;
                assert!(ledger.heard_samples() <= most, "{most} at {now}");
            }
        }
        // What was sent besides what our clock and the lead make of an hour.
        let by_clock = ((now - start + LEAD) / 125) as i64;
        let drift = sent as i64 - by_clock;
        let most = by_clock / 1_000 + 320;
        println!("{drift} samples, at most {most}");
        assert!(drift.abs() <= most, "{drift} samples, at most {most}");
        assert!(drift * sign <= 0, "{drift}");
    }
}

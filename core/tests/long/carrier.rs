//! A carrier that knows what it has queued and what was truly heard.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use crate::common::rng::Rng;

/// Times in microseconds.
pub(crate) const SECOND: u64 = 1_000_000;
pub(crate) const HOUR: u64 = 3_600 * SECOND;
pub(crate) const DAY: u64 = 24 * HOUR;
/// What is queued at the carrier, as `Config` has it unless told otherwise.
pub(crate) const LEAD: u64 = 200_000;
/// One way to the carrier, and as much back.
pub(crate) const WAY: u64 = 20_000;

/// What happens to echoes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// Up to so much more, in microseconds.
    pub(crate) jitter: u64,
    /// Per cent of them that never come, come 5 s late, come twice.
    pub(crate) lost: u64,
    pub(crate) late: u64,
    pub(crate) twice: u64,
}

pub(crate) const CLEAN: Faults = Faults {
    jitter: 0,
    lost: 0,
    late: 0,
    twice: 0,
};
pub(crate) const ROUGH: Faults = Faults {
    jitter: 80_000,
    lost: 20,
    late: 10,
    twice: 10,
};

/// A carrier's player with a clock of its own.
pub(crate) struct Carrier {
    /// Length of a sample in picoseconds.
    period: u128,
    /// When it will have played all it has, in picoseconds.
    pub(crate) end: u128,
    /// The last pause: when it began and ended, and the samples given before.
    pause: (u128, u128, u64),
    /// Samples it was given.
    pub(crate) given: u64,
    pub(crate) echoes: BinaryHeap<Reverse<(u64, String)>>,
    pub(crate) faults: Faults,
    /// An echo's way, in microseconds.
    pub(crate) back: u64,
    rng: Rng,
    /// Least and most it had queued right after audio came, in samples.
    pub(crate) levels: (u64, u64),
    /// How often it had to wait for audio that was on its way.
    pub(crate) pauses: u64,
}

impl Carrier {
    pub(crate) fn new(ppm: i64, faults: Faults) -> Self {
        Self {
            period: (125_000_000 + 125 * ppm) as u128,
            end: 0,
            pause: (0, 0, 0),
            given: 0,
            echoes: BinaryHeap::new(),
            faults,
            back: WAY,
            rng: Rng::new(ppm.unsigned_abs() + faults.jitter),
            levels: (u64::MAX, 0),
            pauses: 0,
        }
    }

    /// Audio that was sent at `now` arrives.
    pub(crate) fn media(&mut self, now: u64, samples: u64) {
        let at = u128::from(now + WAY) * PICOS;
        if self.end < at {
            self.pauses += 1;
            self.pause = (self.end, at, self.given);
        }
        self.end = self.end.max(at) + u128::from(samples) * self.period;
        self.given += samples;
    }

    /// What is queued when what was sent at `now` has arrived; noted as a level.
    pub(crate) fn level(&mut self, now: u64) {
        let level = self.queued(now + WAY);
        self.levels = (self.levels.0.min(level), self.levels.1.max(level));
    }

    pub(crate) fn mark(&mut self, now: u64, name: &str) {
        let arrived = u128::from(now + WAY) * PICOS;
        let reached = (self.end.max(arrived)).div_ceil(PICOS) as u64 + self.back;
        if self.rng.chance(self.faults.lost) {
            return;
        }
        let copies = 1 + u64::from(self.rng.chance(self.faults.twice));
        for _ in 0..copies {
            let late = if self.rng.chance(self.faults.late) {
                5 * SECOND
            } else {
                0
            };
            let at = reached + late + self.rng.below(self.faults.jitter + 1);
            self.echoes.push(Reverse((at, name.to_owned())));
        }
    }

    /// All that is queued is thrown away; echoes of it come at once.
    pub(crate) fn clear(&mut self, now: u64) {
        let arrived = now + WAY;
        self.given -= self.queued(arrived);
        self.end = self.end.min(u128::from(arrived) * PICOS);
        let waiting = std::mem::take(&mut self.echoes).into_iter();
        self.echoes = waiting
            .map(|Reverse((at, name))| Reverse((at.min(arrived + self.back), name)))
            .collect();
    }

    pub(crate) fn next_echo(&self) -> Option<u64> {
        self.echoes.peek().map(|Reverse((at, _))| *at)
    }

    pub(crate) fn queued(&self, at: u64) -> u64 {
        let left = self.end.saturating_sub(u128::from(at) * PICOS);
        left.div_ceil(self.period) as u64
    }

    pub(crate) fn played(&self, at: u64) -> u64 {
        let (began, ended, given) = self.pause;
        let at = u128::from(at) * PICOS;
        let (end, given) = if at < ended {
            (began, given)
        } else {
            (self.end, self.given)
        };
        given - (end.saturating_sub(at).div_ceil(self.period) as u64).min(given)
    }
}

const PICOS: u128 = 1_000_000;

pub(crate) fn time(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

//! Delays on a stream that keeps its order.

use std::time::Duration;

use crate::fault::Window;
use crate::random::Random;

/// Turns due times into departure times, never earlier than due and never out of order: over TCP
/// what is late holds up what is behind it, and after a stall all that waited comes at once.
#[derive(Debug)]
pub(crate) struct Network {
    jitter: Duration,
    stalls: Vec<Window>,
    random: Random,
    last: Duration,
}

impl Network {
    /// `jitter` is the most by which one message is late, uniformly from zero; the same `seed` gives
    /// the same delays.
    pub(crate) fn new(jitter: Duration, stalls: Vec<Window>, seed: u64) -> Self {
        Self {
            jitter,
            stalls,
            random: Random::new(seed),
            last: Duration::ZERO,
        }
    }

    /// When something due at `due`, counted from the start, leaves.
    pub(crate) fn departs(&mut self, due: Duration) -> Duration {
        let jitter = self.jitter.mul_f64(self.random.unit());
        let time = (due + jitter).max(self.last);
        self.last = Window::end_of(&self.stalls, time).unwrap_or(time);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn without_trouble_everything_leaves_when_due() {
        let mut network = Network::new(Duration::ZERO, Vec::new(), 1);
        assert!((1..50).all(|n| network.departs(ms(20 * n)) == ms(20 * n)));
    }

    #[test]
    fn jitter_delays_but_never_reorders() {
        let mut network = Network::new(ms(60), Vec::new(), 7);
        let mut last = Duration::ZERO;
        let mut late = 0;
        for n in 1..500 {
            let time = network.departs(ms(20 * n));
            assert!(time >= last && time >= ms(20 * n) && time <= ms(20 * n + 60));
            late += u32::from(time > ms(20 * n + 20));
            last = time;
        }
        assert!(late > 200, "only {late} of 499 are late by a frame");
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let delays = |seed| -> Vec<Duration> {
            let mut network = Network::new(ms(60), Vec::new(), seed);
            (0..50).map(|n| network.departs(ms(20 * n))).collect()
        };
        assert_eq!(delays(7), delays(7));
        assert_ne!(delays(7), delays(8));
    }

    #[test]
    fn a_stall_bunches_what_waits_at_its_end_and_comes_again() {
        let stall = Window {
            at: ms(100),
            length: ms(200),
            every: Some(ms(1_000)),
        };
        let mut network = Network::new(Duration::ZERO, vec![stall], 1);
        let times: Vec<_> = (0..100)
            .map(|n| network.departs(ms(20 * n)).as_millis())
            .collect();
        assert_eq!(&times[4..6], [80, 300]);
        assert_eq!(times.iter().filter(|&&time| time == 300).count(), 11);
        assert_eq!(times.iter().filter(|&&time| time == 1_300).count(), 11);
    }
}

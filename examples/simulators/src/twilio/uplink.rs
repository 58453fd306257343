//! When each frame of the caller leaves: paced by the clock, late by jitter and stalls.

use std::time::Duration;

use crate::random::Random;

/// How badly the network between the caller and the server behaves.
///
/// Media Streams run over TCP, so nothing is lost or reordered: a frame that is late holds up
/// those behind it, and after a stall all that waited comes at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uplink {
    /// Each frame is late by a random time from zero up to this.
    pub jitter: Duration,
    /// Times at which nothing leaves.
    pub stalls: Vec<Stall>,
    /// Decides the jitter; the same seed gives the same delays.
    pub seed: u64,
}

/// A time at which nothing leaves, counted from the start of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub length: Duration,
    /// How long after its beginning it comes again; `None` = once.
    pub every: Option<Duration>,
}

impl Stall {
    /// End of the stall that holds `time`.
    fn end(&self, time: Duration) -> Option<Duration> {
        let since = time.checked_sub(self.at)?;
        let round = match self.every {
            Some(every) if !every.is_zero() => {
                Duration::from_nanos((since.as_nanos() % every.as_nanos()) as u64)
            }
            _ => since,
        };
        (round < self.length).then(|| time + (self.length - round))
    }
}

/// Turns due times into departure times, never earlier than due and never out of order.
#[derive(Debug)]
pub(super) struct Departures {
    uplink: Uplink,
    random: Random,
    last: Duration,
}

impl Departures {
    pub(super) fn new(uplink: Uplink) -> Self {
        let random = Random::new(uplink.seed);
        Self {
            uplink,
            random,
            last: Duration::ZERO,
        }
    }

    /// When a frame that is complete at `due`, counted from the start of the stream, leaves.
    pub(super) fn next(&mut self, due: Duration) -> Duration {
        let jitter = self.uplink.jitter.mul_f64(self.random.unit());
        let mut time = (due + jitter).max(self.last);
        // One stall may end inside another.
        for _ in 0..=self.uplink.stalls.len() {
            match self.uplink.stalls.iter().find_map(|stall| stall.end(time)) {
                Some(end) => time = end,
                None => break,
            }
        }
        self.last = time;
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn without_trouble_every_frame_leaves_when_due() {
        let mut departures = Departures::new(Uplink::default());
        assert!((1..50).all(|n| departures.next(ms(20 * n)) == ms(20 * n)));
    }

    #[test]
    fn jitter_delays_but_never_reorders() {
        let uplink = Uplink {
            jitter: ms(60),
            seed: 7,
            ..Uplink::default()
        };
        let mut departures = Departures::new(uplink);
        let mut last = Duration::ZERO;
        let mut late = 0;
        for n in 1..500 {
            let time = departures.next(ms(20 * n));
            assert!(time >= last && time >= ms(20 * n) && time <= ms(20 * n + 60));
            late += u32::from(time > ms(20 * n + 20));
            last = time;
        }
        assert!(late > 200, "only {late} of 499 frames are late by a frame");
    }

    #[test]
    fn a_stall_bunches_frames_at_its_end_and_comes_again() {
        let stall = Stall {
            at: ms(100),
            length: ms(200),
            every: Some(ms(1_000)),
        };
        let uplink = Uplink {
            stalls: vec![stall],
            ..Uplink::default()
        };
        let mut departures = Departures::new(uplink);
        let times: Vec<_> = (0..100)
            .map(|n| departures.next(ms(20 * n)).as_millis())
            .collect();
        assert_eq!(&times[4..6], [80, 300]);
        assert_eq!(times.iter().filter(|&&time| time == 300).count(), 11);
        assert_eq!(times.iter().filter(|&&time| time == 1_300).count(), 11);
    }
}

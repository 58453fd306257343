//! One monotonic clock for all simulators of a process.

use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

/// Counts time from an epoch. Copies share the epoch, so the records of two simulators given the
/// same clock can be compared to the nanosecond.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
    /// Its seconds in one true second.
    rate: f64,
}

impl Clock {
    /// A clock that starts at zero now.
    pub fn new() -> Self {
        Self::from_epoch(Instant::now())
    }

    /// A clock that was zero at `epoch`.
    pub fn from_epoch(epoch: Instant) -> Self {
        Self { epoch, rate: 1.0 }
    }

    /// The same clock, had it gone fast by `ppm` parts per million since its epoch.
    pub(crate) fn drifting(self, ppm: f64) -> Self {
        Self {
            rate: self.rate * (1.0 + ppm * 1e-6),
            ..self
        }
    }

    /// What a clock without drift shows when this one shows `time`.
    pub(crate) fn without_drift(&self, time: Duration) -> Duration {
        if self.rate == 1.0 {
            time
        } else {
            time.div_f64(self.rate)
        }
    }

    /// Time since the epoch.
    pub fn now(&self) -> Duration {
        let elapsed = self.epoch.elapsed();
        if self.rate == 1.0 {
            elapsed
        } else {
            elapsed.mul_f64(self.rate)
        }
    }

    /// Waits until the clock shows `time`; returns at once when that is past.
    pub async fn until(&self, time: Duration) {
        let time = self.without_drift(time);
        tokio::time::sleep_until((self.epoch + time).into()).await;
    }

    /// As [`until`](Self::until); never returns for `None`.
    pub async fn until_some(&self, time: Option<Duration>) {
        match time {
            Some(time) => self.until(time).await,
            None => std::future::pending().await,
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a time as seconds with microseconds: what the JSON records hold.
pub(crate) fn seconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((time.as_secs_f64() * 1e6).round() / 1e6)
}

/// As [`seconds`], for a time that may be absent.
pub(crate) fn seconds_opt<S: Serializer>(
    time: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => seconds(time, to),
        None => Option::<f64>::None.serialize(to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drifting_clock_is_fast_by_so_many_parts_and_can_be_put_right() {
        let clock = Clock::new();
        let fast = clock.drifting(500.0);
        let hour = Duration::from_secs(3_600);
        let shown = hour + Duration::from_millis(1_800);
        let error = fast.without_drift(shown).abs_diff(hour);
        assert!(error < Duration::from_micros(1), "{error:?}");
        let (before, now, after) = (clock.now(), fast.now(), clock.now());
        assert!(before <= now && fast.without_drift(now) <= after);
        assert_eq!(clock.without_drift(hour), hour);
    }
}

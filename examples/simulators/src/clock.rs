//! One monotonic clock for all simulators of a process.

use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

/// Counts time from an epoch. Copies share the epoch, so the records of two simulators given the
/// same clock can be compared to the nanosecond.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// A clock that starts at zero now.
    pub fn new() -> Self {
        Self::from_epoch(Instant::now())
    }

    /// A clock that was zero at `epoch`.
    pub fn from_epoch(epoch: Instant) -> Self {
        Self { epoch }
    }

    /// Time since the epoch.
    pub fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Waits until the clock shows `time`; returns at once when that is past.
    pub async fn until(&self, time: Duration) {
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

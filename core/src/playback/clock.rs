//! The carrier's clock, as far as its echoes show it.

use core::time::Duration;

use super::{duration_to_samples, samples_to_duration};

/// When the carrier plays what it was sent, by our clock.
///
/// Audio goes out by our clock and is played by the carrier's. The two differ by up to 500 ppm or so,
/// which is 1.8 s in an hour of speech: a carrier that is slower piles audio up, one that is faster
/// runs dry. What tells is when echoes come: an echo takes the way there and back, what the network
/// adds now and then, and what the carrier has fallen behind. The way is learned where nothing can
/// have fallen behind yet, at the start of a run on an empty queue; what the network adds is taken
/// out by the minimum over a window; the rest is the clock, and the schedule follows it.
///
/// It follows by no more than 0.1 % of the time that has passed, so that whatever echoes say, paced
/// audio stays a matter of time. A way that grows in the midst of a run looks like a slow clock; it
/// moves the schedule by as much as it grew, at that pace, and the next run begins anew.
#[derive(Clone, Debug)]
pub(super) struct PlayClock {
    /// When the carrier began to play without a pause, and the position on the line.
    run_start: Duration,
    run_position: u64,
    /// When it will have played all it was sent, were its clock ours.
    nominal_end: Duration,
    /// When it will have.
    end: Duration,
    /// An echo's way there and back, in microseconds, once it is known.
    path: Option<i64>,
    window: Window,
    /// The window is the first of a run that began on an empty queue.
    is_fresh: bool,
}

/// Echoes within some seconds.
#[derive(Clone, Debug)]
struct Window {
    start: Duration,
    /// The least any of them came behind its schedule, in microseconds.
    least: i64,
    count: u32,
}

impl PlayClock {
    pub(super) const fn new() -> Self {
        Self {
            run_start: Duration::ZERO,
            run_position: 0,
            nominal_end: Duration::ZERO,
            end: Duration::ZERO,
            path: None,
            window: Window::starting(Duration::ZERO),
            is_fresh: true,
        }
    }

    /// `samples` more have gone to the carrier at `now`, from `position` on the line.
    pub(super) fn send(&mut self, now: Duration, position: u64, samples: u64) {
        if self.end <= now {
            self.learn();
            // Soon after a run, a carrier that is behind may still be playing.
            self.is_fresh = self.nominal_end.is_zero() || self.end.saturating_add(PAUSE) <= now;
            self.run_start = now;
            self.run_position = position;
            self.nominal_end = now;
            self.end = now;
            self.window = Window::starting(now);
        }
        let time = samples_to_duration(samples);
        self.nominal_end = self.nominal_end.saturating_add(time);
        self.end = self.end.saturating_add(time);
    }

    /// The carrier's queue was emptied.
    pub(super) fn clear(&mut self) {
        self.learn();
        self.nominal_end = Duration::ZERO;
        self.end = Duration::ZERO;
        self.window.count = 0;
    }

    /// When the carrier will have played all it was sent.
    pub(super) fn end(&self) -> Duration {
        self.end
    }

    /// Samples the carrier can at most have played by `now` of the `sent` it was sent, whatever its
    /// echoes say.
    pub(super) fn playable(&self, now: Duration, sent: u64) -> u64 {
        let running = duration_to_samples(now.saturating_sub(self.run_start));
        let queued = duration_to_samples(self.nominal_end.saturating_sub(now));
        let grace = running / CLOCK_GRACE + PATH_GRACE_SAMPLES;
        (sent - queued.min(sent)).saturating_add(grace)
    }

    /// The mark at `position` was echoed; `sent` is the end of what was sent.
    pub(super) fn echoed(&mut self, now: Duration, position: u64, sent: u64) {
        // Of an earlier run the schedule is not known any more.
        if position <= self.run_position {
            return;
        }
        let behind = samples_to_duration(sent.saturating_sub(position));
        let played = self.end.saturating_sub(behind);
        self.window.least = self.window.least.min(micros(now) - micros(played));
        self.window.count = self.window.count.saturating_add(1);
        let elapsed = now.saturating_sub(self.window.start);
        if elapsed < WINDOW || self.window.count < MIN_ECHOES {
            return;
        }
        self.learn();
        if let Some(path) = self.path {
            let most = micros(elapsed) / CLOCK_GRACE as i64;
            let change = ((self.window.least - path) / 2).clamp(-most, most);
            let by = Duration::from_micros(change.unsigned_abs());
            self.end = match change < 0 {
                true => self.end.saturating_sub(by),
                false => self.end.saturating_add(by),
            };
        }
        self.window = Window::starting(now);
        self.is_fresh = false;
    }

    /// Takes the way from a first window. It is the least there was, and grows only slowly.
    fn learn(&mut self) {
        if self.window.count < MIN_ECHOES || !(self.is_fresh || self.path.is_none()) {
            return;
        }
        let least = self.window.least.max(0);
        let path = self.path.unwrap_or(least);
        self.path = Some(if least < path {
            least
        } else {
            path + (least - path) / 4
        });
    }
}

impl Window {
    const fn starting(start: Duration) -> Self {
        Self {
            start,
            least: i64::MAX,
            count: 0,
        }
    }
}

/// A time for differences; beyond 146,000 years all times are one.
fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).map_or(i64::MAX / 2, |micros| micros.min(i64::MAX / 2))
}

/// One part in so many: more than any two clocks in telephony differ.
const CLOCK_GRACE: u64 = 1_000;
/// 20 ms: network and scheduling noise between our clock and the carrier's.
const PATH_GRACE_SAMPLES: u64 = 160;
/// A carrier whose clock is off by 500 ppm moves 2 ms in it, and marks come 40 times.
const WINDOW: Duration = Duration::from_secs(4);
/// Fewer say too little of the least.
const MIN_ECHOES: u32 = 8;
/// After so long without audio the carrier's queue is empty.
const PAUSE: Duration = Duration::from_secs(1);

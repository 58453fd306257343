//! Where the caller is on the call's time line, as far as messages tell.

use super::{FRAME, SAMPLES_PER_MS};

/// Follows the caller's clock. Its frames come as soon as the last of their samples was said, or later:
/// the earliest of them show how the clock stands beside ours, the late ones show the network.
///
/// Positions and times are in samples at 8 kHz; times count from any fixed moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallerClock {
    /// The caller's position less our time, and when that was so.
    ahead: Option<(i64, i64)>,
    /// End of the latest frame, and when it came.
    latest: (i64, i64),
    /// A frame has come.
    is_set: bool,
}

impl CallerClock {
    /// The stream began, as far as is known, when a message left that came at `now`: good enough until the
    /// first frame comes.
    pub(super) fn begin(&mut self, now: i64) {
        if !self.is_set {
            self.ahead = Some((-now, now));
            self.latest = (0, now);
        }
    }

    /// The caller had come to `position` when a message left that came at `now`.
    pub(super) fn passed(&mut self, now: i64, position: i64) {
        let ahead = match self.ahead {
            Some(_) if self.is_set => (position - now).max(self.position(now) - now),
            _ => position - now,
        };
        self.is_set = true;
        self.ahead = Some((ahead, now));
        if position >= self.latest.0 {
            self.latest = (position, now);
        }
    }

    /// The caller's position at `now`, less the time that messages take to come here.
    pub(super) fn position(&self, now: i64) -> i64 {
        let Some((ahead, at)) = self.ahead else {
            return 0;
        };
        // A clock that is slow by 500 ppm, or a path that has grown longer, shows in time.
        now + ahead - (now - at).max(0) / SLACK
    }

    /// Earliest and latest position of the caller when a message left that came at `now`.
    ///
    /// If messages are held up together, the frames before this one tell more than the clock: half a frame,
    /// give or take, was said since the last of them, and since that came.
    pub(super) fn bounds(&self, now: i64) -> (i64, i64) {
        let by_clock = self.position(now);
        let by_frames = self.latest.0 + FRAME as i64 / 2 + (now - self.latest.1);
        (by_clock.min(by_frames), by_clock)
    }
}

/// Samples in which the clock may lose one on its frames.
const SLACK: i64 = 1_000;

/// `time` in samples at 8 kHz.
pub(super) fn samples(time: std::time::Duration) -> i64 {
    let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    micros / 1_000 * SAMPLES_PER_MS + micros % 1_000 * SAMPLES_PER_MS / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_frames_set_the_clock_and_late_ones_do_not() {
        let mut clock = CallerClock::default();
        for frame in 0..100 {
            let due = 1_000 + 160 * frame;
            let late = if frame % 4 == 0 { 0 } else { 400 };
            clock.passed(due + late, 160 * frame);
        }
        let error = clock.position(1_000 + 160 * 100) - 160 * 100;
        assert!(error.abs() <= 1, "{error}");
    }

    #[test]
    fn a_message_held_up_with_the_frames_before_it_left_right_after_them() {
        let mut clock = CallerClock::default();
        clock.passed(0, 0);
        // 300 ms of frames come at once.
        for frame in 1..=15 {
            clock.passed(2_400 + 1_600, 160 * frame);
        }
        let (earliest, latest) = clock.bounds(4_000);
        assert_eq!(earliest, 2_400 + 80);
        assert!(latest > 3_900, "{latest}");
    }
}

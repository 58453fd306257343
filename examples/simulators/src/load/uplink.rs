//! The caller's frames on their way to the model.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::signal::FRAME;

/// Which frames a caller has sent, and which of them the model has got.
///
/// The n-th sample that the model gets is a sample of the caller at a fixed distance, which an utterance
/// tells. A frame has arrived with the append that brings the last of as many samples as it has: what
/// a resampler's filter delays the sound by is measured once and is no latency.
#[derive(Debug, Default)]
pub(super) struct Uplink {
    /// When the frames from `first` on were sent.
    sent: VecDeque<Instant>,
    first: u64,
    place: Option<Place>,
    pub(super) counts: UplinkCounts,
}

/// Where the caller's samples are among the model's.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Samples of the model for each of the caller.
    ratio: i64,
    /// Of the caller's first sample, among the model's; below zero if that was never sent on.
    origin: i64,
    /// The part of it that is a filter's delay.
    filter_delay: i64,
}

/// What became of the frames, counted at 8 kHz.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct UplinkCounts {
    pub(super) sent_frames: u64,
    pub(super) lost_samples: u64,
    pub(super) inserted_samples: u64,
    /// Delay of the sound within its samples.
    pub(super) filter_delay: Duration,
}

/// One frame that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) sent: Instant,
    pub(super) latency: Duration,
}

impl Uplink {
    /// The caller's next frame is written at `at`.
    pub(super) fn send(&mut self, at: Instant) {
        self.counts.sent_frames += 1;
        self.sent.push_back(at);
        if self.sent.len() > MAX_WAITING {
            self.sent.pop_front();
            self.first += 1;
        }
    }

    /// The model has got `position` samples, the last of them at `at`.
    pub(super) fn receive(&mut self, position: u64, at: Instant, mut each: impl FnMut(Arrival)) {
        let Some(place) = self.place else { return };
        let arrived = place.frames_in(position);
        while self.first < arrived
            && let Some(sent) = self.sent.pop_front()
        {
            self.first += 1;
            let latency = at.saturating_duration_since(sent);
            each(Arrival { sent, latency });
        }
    }

    /// Sample `onset` of the model is the first of the caller's frame `frame`; `position` is as
    /// for [`receive`](Self::receive).
    pub(super) fn align(&mut self, frame: u64, onset: u64, ratio: u32, position: u64) {
        let ratio = i64::from(ratio);
        let frame_samples = ratio * FRAME as i64;
        let origin = onset as i64 - frame as i64 * frame_samples;
        let tolerance = ratio * TOLERANCE;
        match &mut self.place {
            Some(place) if (origin - place.origin).abs() <= tolerance => return,
            Some(place) => {
                let shift = origin - place.origin;
                let samples = shift.unsigned_abs() / place.ratio as u64;
                if shift > 0 {
                    self.counts.inserted_samples += samples;
                } else {
                    self.counts.lost_samples += samples;
                }
                place.origin = origin;
            }
            None => {
                // Servers begin with a whole frame; what is left is their filter's.
                let rest = origin.rem_euclid(frame_samples);
                let filter_delay = if rest <= frame_samples / 2 { rest } else { 0 };
                let ns = filter_delay as u64 * 125_000 / ratio as u64;
                self.counts.filter_delay = Duration::from_nanos(ns);
                self.place = Some(Place {
                    ratio,
                    origin,
                    filter_delay,
                });
            }
        }
        // When these came, nobody knew that it was these.
        self.receive(position, Instant::now(), |_| {});
    }

    /// The call is over: what has not arrived, but for the last `grace` before `at`, is lost.
    pub(super) fn finish(&mut self, at: Instant, grace: Duration) {
        if self.place.is_none() {
            return;
        }
        let overdue = self.sent.iter().filter(|&&sent| sent + grace < at).count();
        self.counts.lost_samples += overdue as u64 * FRAME as u64;
        self.sent.clear();
    }

    /// Whether an utterance has ever reached the model.
    pub(super) fn is_aligned(&self) -> bool {
        self.place.is_some()
    }
}

impl Place {
    /// How many frames of the caller are whole among the model's first `position` samples.
    fn frames_in(self, position: u64) -> u64 {
        let begin = self.origin - self.filter_delay;
        let samples = (position as i64 - begin + self.ratio * TOLERANCE) / self.ratio;
        samples.max(0) as u64 / FRAME as u64
    }
}

/// A resampler may keep so many of the caller's samples to itself, and an onset lie so far off.
const TOLERANCE: i64 = 2;
/// Frames: 20 s.
const MAX_WAITING: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Ten frames sent, 20 ms apart.
    fn ten(start: Instant) -> Uplink {
        let mut uplink = Uplink::default();
        (0..10).for_each(|n| uplink.send(start + ms(20) * n));
        uplink
    }

    fn latencies(uplink: &mut Uplink, position: u64, at: Instant) -> Vec<Duration> {
        let mut all = Vec::new();
        uplink.receive(position, at, |arrival| all.push(arrival.latency));
        all
    }

    #[test]
    fn a_frame_arrives_with_the_append_that_completes_it() {
        let start = Instant::now();
        let mut uplink = ten(start);
        assert_eq!(latencies(&mut uplink, 480, start), []);
        uplink.align(0, 0, 3, 480);
        assert_eq!(latencies(&mut uplink, 959 - 6, start + ms(21)), []);
        assert_eq!(latencies(&mut uplink, 960, start + ms(21)), [ms(1)]);
        assert_eq!(
            latencies(&mut uplink, 1_920, start + ms(63)),
            [ms(23), ms(3)]
        );
    }

    #[test]
    fn a_server_may_begin_at_any_frame_and_delay_the_sound_by_a_filter() {
        let start = Instant::now();
        let mut uplink = ten(start);
        // Frame 5 is the third that the server sent on; its sound comes 2 ms into it.
        uplink.align(5, 2 * 480 + 48, 3, 3 * 480);
        assert_eq!(uplink.counts.filter_delay, ms(2));
        assert_eq!(
            latencies(&mut uplink, 4 * 480, start + ms(124)),
            [ms(4)],
            "frame 6, sent at 120 ms"
        );
    }

    #[test]
    fn what_was_lost_or_put_in_is_seen_at_the_next_utterance() {
        let start = Instant::now();
        let mut uplink = ten(start);
        uplink.align(0, 0, 1, 160);
        uplink.align(4, 4 * 160 + 1, 1, 5 * 160);
        assert_eq!(uplink.counts.lost_samples, 0);
        uplink.align(6, 5 * 160, 1, 6 * 160);
        assert_eq!(uplink.counts.lost_samples, 160);
        assert_eq!(latencies(&mut uplink, 7 * 160, start + ms(141)), [ms(1)]);
        uplink.align(8, 8 * 160 + 40, 1, 9 * 160);
        assert_eq!(uplink.counts.inserted_samples, 200);
    }

    #[test]
    fn what_never_arrives_is_lost_but_for_the_last_moments() {
        let start = Instant::now();
        let mut uplink = ten(start);
        uplink.align(0, 0, 1, 4 * 160);
        uplink.finish(start + ms(200), ms(50));
        assert_eq!(uplink.counts.lost_samples, 4 * 160);
    }
}

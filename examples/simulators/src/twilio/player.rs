//! What the caller hears: one queue, played at 8 kHz of real time.

use std::collections::VecDeque;
use std::time::Duration;

use super::record::{Clear, Mark, Media, Run};
use crate::audio::{PHONE_RATE, duration_of, mulaw_decode, samples_in};

/// Playback is worked out from arrival times rather than ticked, so it is exact to a sample:
/// audio that meets an empty queue starts playing as it arrives, other audio follows on.
#[derive(Debug, Default)]
pub(super) struct Player {
    /// μ-law of all accepted media, in order of arrival: index = sample number.
    pub(super) audio: Vec<u8>,
    /// Unbroken stretches of playback; the last one may still be playing.
    pub(super) runs: Vec<Run>,
    pub(super) media: Vec<Media>,
    pub(super) marks: Vec<Mark>,
    pub(super) clears: Vec<Clear>,
    /// Indices into `marks` with the time the player reaches them.
    pending: VecDeque<(usize, Duration)>,
}

impl Player {
    /// Queues audio that arrived at `now`. Refused, and not queued, when that would make more
    /// than ten minutes wait.
    pub(super) fn media(&mut self, now: Duration, mulaw: &[u8]) -> Result<(), QueueFull> {
        if self.queued(now) + mulaw.len() as u64 > MAX_QUEUED_SAMPLES {
            return Err(QueueFull);
        }
        let first_sample = self.audio.len() as u64;
        let samples = mulaw.len() as u64;
        self.audio.extend_from_slice(mulaw);
        self.media.push(Media {
            time: now,
            first_sample,
            samples,
        });
        match self.runs.last_mut() {
            Some(run) if run.end() > now => run.samples += samples,
            _ => self.runs.push(Run {
                start: now,
                first_sample,
                samples,
            }),
        }
        Ok(())
    }

    /// Queues a mark behind the audio that arrived before it.
    pub(super) fn mark(&mut self, now: Duration, name: String) {
        let reached = self.runs.last().map_or(now, |run| run.end().max(now));
        let at_sample = self.audio.len() as u64;
        self.pending.push_back((self.marks.len(), reached));
        self.marks.push(Mark {
            name,
            received: now,
            at_sample,
            echoed: None,
            flushed: false,
        });
    }

    /// Throws away what waits; every mark that waits is due at once.
    pub(super) fn clear(&mut self, now: Duration) {
        let flushed_samples = self.queued(now);
        if let Some(run) = self.runs.last_mut() {
            run.samples -= flushed_samples;
        }
        for (index, reached) in &mut self.pending {
            self.marks[*index].flushed = *reached > now;
            *reached = now.min(*reached);
        }
        self.clears.push(Clear {
            time: now,
            played_samples: self.played(now),
            flushed_samples,
            flushed_marks: self.pending.len(),
        });
    }

    /// The stream is over: what waits is never heard, and no mark comes back.
    pub(super) fn stop(&mut self, now: Duration) {
        let unheard = self.queued(now);
        if let Some(run) = self.runs.last_mut() {
            run.samples -= unheard;
        }
        self.pending.clear();
    }

    /// When the next mark is reached.
    pub(super) fn next_mark(&self) -> Option<Duration> {
        self.pending.front().map(|&(_, reached)| reached)
    }

    /// Takes the next mark reached by `now`, to be echoed; its index in `marks`.
    pub(super) fn reach(&mut self, now: Duration) -> Option<usize> {
        let (index, _) = self.pending.pop_front_if(|(_, reached)| *reached <= now)?;
        Some(index)
    }

    /// Samples that wait to be played at `now`.
    pub(super) fn queued(&self, now: Duration) -> u64 {
        self.runs
            .last()
            .map_or(0, |run| run.samples - run.played(now))
    }

    /// Samples played up to `now` since the stream began.
    pub(super) fn played(&self, now: Duration) -> u64 {
        self.runs.iter().map(|run| run.played(now)).sum()
    }

    /// What the caller heard in `from..from + out.len()` samples; silence where nothing played.
    pub(super) fn heard(&self, from: Duration, out: &mut [i16]) {
        out.fill(0);
        let end = from + duration_of(out.len() as u64, PHONE_RATE);
        for run in self.runs.iter().rev() {
            if run.end() <= from {
                break;
            }
            if run.start < end {
                overlay(run, &self.audio, from, out);
            }
        }
    }
}

/// More than ten minutes would wait.
#[derive(Debug)]
pub(super) struct QueueFull;

/// Writes the part of `run` that falls into `out`, whose first sample is at time `from`.
pub(super) fn overlay(run: &Run, mulaw: &[u8], from: Duration, out: &mut [i16]) {
    let (skip, offset) = if run.start >= from {
        (0, samples_in(run.start - from, PHONE_RATE))
    } else {
        (samples_in(from - run.start, PHONE_RATE), 0)
    };
    let first = run.first_sample as usize;
    let played = &mulaw[first..first + run.samples as usize];
    let (Some(played), Some(out)) = (played.get(skip..), out.get_mut(offset..)) else {
        return;
    };
    for (out, &code) in out.iter_mut().zip(played) {
        *out = mulaw_decode(code);
    }
}

/// Ten minutes. Source: Twilio error 31931.
const MAX_QUEUED_SAMPLES: u64 = 600 * PHONE_RATE as u64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn audio_that_meets_an_empty_queue_starts_a_run_and_other_audio_joins_it() {
        let mut player = Player::default();
        player.media(ms(100), &[0x80; 160]).expect("room");
        player.media(ms(110), &[0x80; 160]).expect("room");
        player.media(ms(200), &[0x80; 80]).expect("room");
        let runs: Vec<_> = player
            .runs
            .iter()
            .map(|run| (run.start, run.first_sample, run.samples))
            .collect();
        assert_eq!(runs, [(ms(100), 0, 320), (ms(200), 320, 80)]);
        assert_eq!((player.played(ms(130)), player.queued(ms(130))), (240, 80));
        let mut heard = [1; 320];
        player.heard(ms(120), &mut heard);
        assert!(heard[..160].iter().all(|&sample| sample == 32_124));
        assert!(heard[160..].iter().all(|&sample| sample == 0));
    }

    #[test]
    fn a_mark_comes_back_when_reached_and_at_once_when_nothing_plays() {
        let mut player = Player::default();
        player.mark(ms(5), "idle".into());
        assert_eq!(player.reach(ms(5)), Some(0));
        player.media(ms(10), &[0; 800]).expect("room");
        player.mark(ms(12), "end".into());
        player.media(ms(20), &[0; 800]).expect("room");
        assert_eq!(player.next_mark(), Some(ms(110)));
        assert_eq!(player.reach(ms(109)), None);
        let index = player.reach(ms(110)).expect("due");
        let mark = &player.marks[index];
        assert_eq!((mark.at_sample, mark.flushed), (800, false));
    }

    #[test]
    fn clear_flushes_the_queue_and_returns_waiting_marks_in_order() {
        let mut player = Player::default();
        player.media(ms(0), &[0; 160]).expect("room");
        player.mark(ms(0), "heard".into());
        player.media(ms(0), &[0; 1_440]).expect("room");
        player.mark(ms(0), "a".into());
        player.mark(ms(1), "b".into());
        player.clear(ms(50));
        let echoed: Vec<_> = std::iter::from_fn(|| {
            let index = player.reach(ms(50))?;
            let mark = &player.marks[index];
            Some((mark.name.clone(), mark.flushed))
        })
        .collect();
        assert_eq!(
            echoed,
            [
                ("heard".into(), false),
                ("a".into(), true),
                ("b".into(), true)
            ],
            "a mark that was reached before the clear was heard"
        );
        let clear = &player.clears[0];
        assert_eq!((clear.played_samples, clear.flushed_samples), (400, 1_200));
        player.media(ms(60), &[0; 8]).expect("room");
        assert_eq!(player.played(ms(61)), 408);
        assert_eq!(player.runs[1].first_sample, 1_600);
    }

    #[test]
    fn more_than_ten_minutes_of_queue_is_refused() {
        let mut player = Player::default();
        player
            .media(ms(0), &vec![0xFF; 4_800_000])
            .expect("ten minutes fit");
        assert!(player.media(ms(0), &[0xFF]).is_err());
        player
            .media(ms(1), &[0xFF; 8])
            .expect("8 samples were played by now");
        assert!(player.media(ms(1), &[0xFF]).is_err());
    }

    /// What a server may do, with the ticks of 125 µs that pass before it.
    #[derive(Clone, Debug)]
    enum Input {
        Media(usize),
        Mark,
        Clear,
    }

    /// The same player one sample at a time.
    #[derive(Default)]
    struct Ticked {
        queue: VecDeque<Queued>,
        heard: Vec<Option<u64>>,
        echoed: Vec<(usize, u64, bool)>,
    }

    enum Queued {
        Sample(u64),
        Mark(usize),
    }

    impl Ticked {
        /// Marks at the head of the queue are reached.
        fn settle(&mut self, now: u64) {
            while let Some(Queued::Mark(mark)) = self
                .queue
                .pop_front_if(|queued| matches!(queued, Queued::Mark(_)))
            {
                self.echoed.push((mark, now, false));
            }
        }

        fn tick(&mut self, now: u64) {
            self.settle(now);
            self.heard
                .push(self.queue.pop_front().map(|queued| match queued {
                    Queued::Sample(sample) => sample,
                    Queued::Mark(_) => unreachable!("settled"),
                }));
        }

        fn clear(&mut self, now: u64) {
            for queued in std::mem::take(&mut self.queue) {
                if let Queued::Mark(mark) = queued {
                    self.echoed.push((mark, now, true));
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(
            std::env::var("TRUNKLINE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
        ))]

        #[test]
        fn playback_worked_out_is_playback_sample_by_sample(
            inputs in prop::collection::vec(
                (0_u64..600, prop_oneof![
                    4 => (1_usize..700).prop_map(Input::Media),
                    3 => Just(Input::Mark),
                    1 => Just(Input::Clear),
                ]),
                1..60,
            )
        ) {
            let time = |tick: u64| Duration::from_micros(125 * tick);
            let (mut player, mut ticked) = (Player::default(), Ticked::default());
            let (mut now, mut samples, mut marks) = (0, 0, 0);
            let mut echoed = Vec::new();
            let mut collect = |player: &mut Player, until: u64| {
                while let Some(at) = player.next_mark().filter(|&at| at <= time(until)) {
                    let index = player.reach(at).expect("due");
                    let mark = &player.marks[index];
                    let number: usize = mark.name.parse().expect("a number");
                    echoed.push((number, (at.as_micros() / 125) as u64, mark.flushed));
                }
            };
            for (pause, input) in inputs {
                for _ in 0..pause {
                    ticked.tick(now);
                    now += 1;
                }
                ticked.settle(now);
                collect(&mut player, now);
                match input {
                    Input::Media(length) => {
                        player.media(time(now), &vec![0x80; length]).expect("room");
                        ticked.queue.extend((samples..samples + length as u64).map(Queued::Sample));
                        samples += length as u64;
                    }
                    Input::Mark => {
                        player.mark(time(now), marks.to_string());
                        ticked.queue.push_back(Queued::Mark(marks));
                        marks += 1;
                    }
                    Input::Clear => {
                        player.clear(time(now));
                        ticked.clear(now);
                    }
                }
                let left =
                    ticked.queue.iter().filter(|it| matches!(it, Queued::Sample(_))).count();
                prop_assert_eq!(player.queued(time(now)), left as u64);
                collect(&mut player, now);
                ticked.settle(now);
            }
            while !ticked.queue.is_empty() {
                ticked.tick(now);
                now += 1;
            }
            collect(&mut player, now);
            prop_assert_eq!(echoed, ticked.echoed);
            let mut heard = vec![None; now as usize];
            for run in &player.runs {
                let start = (run.start.as_micros() / 125) as usize;
                for n in 0..run.samples {
                    heard[start + n as usize] = Some(run.first_sample + n);
                }
            }
            prop_assert_eq!(heard, ticked.heard);
            prop_assert_eq!(player.played(time(now)), player.runs.iter().map(|it| it.samples).sum::<u64>());
        }
    }
}

//! Times of things that do the same work, taken in turn.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Something to be timed.
pub(crate) struct Contestant<'a> {
    pub(crate) name: String,
    run: Box<dyn FnMut(usize) + 'a>,
}

impl<'a> Contestant<'a> {
    /// `once` does the work one time.
    pub(crate) fn new<T>(name: impl Into<String>, mut once: impl FnMut() -> T + 'a) -> Self {
        let run = move |times| {
            for _ in 0..times {
                black_box(once());
            }
        };
        Self {
            name: name.into(),
            run: Box::new(run),
        }
    }
}

/// Nanoseconds of one time.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    pub(crate) median: f64,
    pub(crate) min: f64,
}

/// Times each of them in batches of [`BATCH`] or of `least` times, whichever takes longer.
///
/// Each round gives every contestant one batch and begins with another one, so that what else the
/// machine does meets all alike. Batches are sized after a warm-up: the first calls detect
/// instruction sets and touch memory.
pub(crate) fn race(contestants: &mut [Contestant<'_>], least: usize) -> Vec<Time> {
    let counts: Vec<usize> = contestants
        .iter_mut()
        .map(|contestant| {
            let mut times = least;
            while timed(contestant, times) < WARM_UP {
                times *= 2;
            }
            let each = timed(contestant, times).as_secs_f64() / times as f64;
            ((BATCH.as_secs_f64() / each) as usize).max(least)
        })
        .collect();

    let mut samples = vec![Vec::with_capacity(ROUNDS); contestants.len()];
    for round in 0..ROUNDS {
        for turn in 0..contestants.len() {
            let at = (round + turn) % contestants.len();
            let taken = timed(&mut contestants[at], counts[at]);
            samples[at].push(taken.as_secs_f64() * 1e9 / counts[at] as f64);
        }
    }
    samples
        .into_iter()
        .map(|mut samples| {
            samples.sort_by(f64::total_cmp);
            Time {
                median: samples[ROUNDS / 2],
                min: samples[0],
            }
        })
        .collect()
}

fn timed(contestant: &mut Contestant<'_>, times: usize) -> Duration {
    let start = Instant::now();
    (contestant.run)(times);
    start.elapsed()
}

/// How often each is timed.
pub(crate) const ROUNDS: usize = 101;

const BATCH: Duration = Duration::from_micros(250);
const WARM_UP: Duration = Duration::from_millis(10);

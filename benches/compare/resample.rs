//! Every resampler in both directions: time, sound and delay.

use std::hint::black_box;

use trunkline_benches::peers::measure::{Delay, Levels, delay, levels};
use trunkline_benches::peers::{Direction, ROOM, resamplers};
use trunkline_benches::speech_like;

use crate::clock::{Contestant, Time, race};

/// One resampler's figures.
pub(crate) struct Row {
    pub(crate) name: String,
    /// Of a frame of 20 ms.
    pub(crate) time: Time,
    pub(crate) levels: Levels,
    pub(crate) delay: Delay,
}

impl Row {
    pub(crate) fn is_ours(&self) -> bool {
        self.name.starts_with("trunkline")
    }

    /// How far mirror images from 4.6 kHz on lie below the tone, in dB, as far as 16 bits show.
    pub(crate) fn stopped_4600(&self) -> f64 {
        (-self.levels.mirrored_4600).min(FLOOR_DB)
    }

    /// The same from 4.0 kHz on.
    pub(crate) fn stopped_4000(&self) -> f64 {
        (-self.levels.mirrored_4000).min(FLOOR_DB)
    }

    /// As good or better in time, mirror images from 4.6 kHz and delay, and better in one.
    fn beats(&self, other: &Self) -> bool {
        let figures = |row: &Self| [row.time.median, -row.stopped_4600(), row.delay.gapless];
        let (ours, theirs) = (figures(self), figures(other));
        ours.iter()
            .zip(theirs)
            .all(|(&ours, theirs)| ours <= theirs)
            && ours != theirs
    }
}

/// All resamplers in one direction.
pub(crate) struct Comparison {
    pub(crate) direction: Direction,
    pub(crate) rows: Vec<Row>,
}

impl Comparison {
    /// Whether another row is better all around.
    pub(crate) fn is_beaten(&self, row: &Row) -> bool {
        self.rows.iter().any(|other| other.beats(row))
    }
}

pub(crate) fn compare(direction: Direction) -> Comparison {
    let speech = speech_like(SPEECH * direction.frame(), direction.from_hz().into());
    let mut contestants: Vec<_> = resamplers(direction)
        .into_iter()
        .map(|mut resampler| {
            let mut frames = speech.chunks_exact(direction.frame()).cycle();
            let mut output = vec![0; ROOM];
            Contestant::new(resampler.name().to_owned(), move || {
                let frame = frames.next().expect("a cycle does not end");
                resampler.process_into(black_box(frame), &mut output)
            })
        })
        .collect();
    let times = race(&mut contestants, SPEECH);
    let rows = times
        .into_iter()
        .enumerate()
        .map(|(at, time)| {
            let fresh = || resamplers(direction).swap_remove(at);
            Row {
                name: fresh().name().to_owned(),
                time,
                levels: levels(&mut *fresh(), direction),
                delay: delay(&mut *fresh(), direction),
            }
        })
        .collect();
    Comparison { direction, rows }
}

/// Frames of input, one after the other, and the fewest that are timed at once: some libraries do
/// nothing for a few and then all of it.
const SPEECH: usize = 50;

/// Rounding or dithering to 16 bits leaves −105 to −120 dB at the frequency of an image.
pub(crate) const FLOOR_DB: f64 = 105.0;

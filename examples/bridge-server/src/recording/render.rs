//! The tracks' samples as bytes of a file.

use std::ops::Range;

use trunkline::{mulaw, resample::Resampler};

use super::assembler::{Assembler, CONTEXT};
use crate::record::RecordingFormat;

/// Turns stretches of both tracks into what stands in the file. Each stretch comes out the same however
/// the tracks are cut into stretches, so a part can be written again.
#[derive(Debug)]
pub(super) struct Renderer {
    format: RecordingFormat,
    tracks: [Vec<u8>; 2],
    pcm: Vec<i16>,
    wide: [Vec<i16>; 2],
    /// For one stretch of the file.
    pub(super) bytes: Vec<u8>,
}

impl Renderer {
    pub(super) fn new(format: RecordingFormat) -> Self {
        Self {
            format,
            tracks: Default::default(),
            pcm: Vec::new(),
            wide: Default::default(),
            bytes: Vec::new(),
        }
    }

    /// What has changed in the file by a change of `samples`: the filter sees a little ahead, so it waits
    /// for that, unless nothing more `is_coming`.
    pub(super) fn affected(&self, samples: Range<i64>, is_coming: bool) -> Range<i64> {
        match self.format {
            RecordingFormat::Mulaw => samples,
            RecordingFormat::Wav => {
                let end = if is_coming {
                    samples.end - LOOK_AHEAD
                } else {
                    samples.end
                };
                (samples.start - LOOK_AHEAD).max(0)..end
            }
        }
    }

    /// Renders these samples into [`bytes`](Self::bytes).
    pub(super) fn render(&mut self, assembler: &Assembler, samples: Range<i64>) {
        self.bytes.clear();
        let count = usize::try_from(samples.end - samples.start).unwrap_or(0);
        let [caller, agent] = &mut self.tracks;
        match self.format {
            RecordingFormat::Mulaw => {
                caller.resize(count, 0);
                agent.resize(count, 0);
                assembler.render(samples.start, caller, agent);
                let frames = caller.iter().zip(&*agent);
                self.bytes
                    .extend(frames.flat_map(|(&left, &right)| [left, right]));
            }
            RecordingFormat::Wav => {
                let with_context = count + (LOOK_BACK + LOOK_AHEAD) as usize;
                caller.resize(with_context, 0);
                agent.resize(with_context, 0);
                assembler.render(samples.start - LOOK_BACK, caller, agent);
                self.pcm.resize(with_context, 0);
                for (codes, wide) in self.tracks.iter().zip(&mut self.wide) {
                    let mut resampler = Resampler::new(8_000, 16_000).expect("a supported pair");
                    mulaw::decode(codes, &mut self.pcm).expect("the lengths are equal");
                    wide.resize(2 * with_context, 0);
                    resampler
                        .process(&self.pcm, wide)
                        .expect("twice as many fit");
                    debug_assert_eq!(resampler.delay(), DELAY);
                }
                let skip = 2 * LOOK_BACK as usize + DELAY;
                let [left, right] = &self.wide;
                let frames = left[skip..].iter().zip(&right[skip..]).take(2 * count);
                self.bytes.extend(frames.flat_map(|(left, right)| {
                    let ([a, b], [c, d]) = (left.to_le_bytes(), right.to_le_bytes());
                    [a, b, c, d]
                }));
            }
        }
    }
}

/// Group delay of the filter from 8 to 16 kHz, in samples at 16 kHz.
const DELAY: usize = 35;
/// Samples at 8 kHz that the filter sees after the one in its middle …
const LOOK_AHEAD: i64 = 18;
/// … and before it.
const LOOK_BACK: i64 = 36;

const _: () = assert!(LOOK_AHEAD + LOOK_BACK < CONTEXT && 2 * LOOK_AHEAD > DELAY as i64);

//! Resamplers in pieces, on any instruction set level, against one call on the portable kernel.

use arbitrary::Arbitrary;
use trunkline::{
    Downsampler, Error, Upsampler,
    resample::{Profile, Resampler},
    simd,
};

#[derive(Arbitrary, Debug)]
pub struct Script<'a> {
    filter: u8,
    level: u8,
    ops: Vec<Op<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Op<'a> {
    /// Takes these bytes, two by two, as samples.
    Process(&'a [u8]),
    /// Takes so many samples that alternate between two values.
    Fill {
        len: u16,
        values: (i16, i16),
    },
    /// Offers as many samples with so much less room than needed.
    Cramped {
        len: u8,
        less: u8,
    },
    /// Goes on with a copy.
    Clone,
    Flush,
    Reset,
}

pub fn run(script: &Script<'_>) {
    let level = simd::levels().nth(usize::from(script.level) % simd::levels().count());
    let level = level.expect("there are as many");
    let mut filter = Filter::new(script.filter, level);
    let mut total = 0;
    let mut since_reset = Vec::new();
    let mut output = Vec::new();
    for op in script.ops.iter().take(64) {
        match op {
            Op::Process(bytes) => {
                let bytes = bytes.as_chunks().0.iter();
                let samples: Vec<i16> = bytes.map(|bytes| i16::from_le_bytes(*bytes)).collect();
                process(&mut filter, &samples, &mut output);
                since_reset.extend(samples);
            }
            Op::Fill { len, values } => {
                let samples: Vec<i16> = (0..len % 2048)
                    .map(|at| if at % 7 < 3 { values.0 } else { values.1 })
                    .collect();
                process(&mut filter, &samples, &mut output);
                since_reset.extend(samples);
            }
            Op::Cramped { len, less } => {
                let samples = vec![i16::MIN; usize::from(*len)];
                let needed = filter.output_len(samples.len());
                let Some(actual) = needed.checked_sub(1 + usize::from(*less)) else {
                    continue;
                };
                let mut short = vec![GUARD; actual];
                let refused = Err(Error::BufferTooShort { needed, actual });
                assert_eq!(filter.process(&samples, &mut short), refused);
                assert!(short.iter().all(|&sample| sample == GUARD));
            }
            Op::Clone => filter = filter.clone(),
            Op::Flush => {
                let needed = filter.flush_len();
                if let Some(actual) = needed.checked_sub(1) {
                    let refused = Err(Error::BufferTooShort { needed, actual });
                    assert_eq!(filter.flush(&mut vec![0; actual]), refused);
                }
                let mut rest = vec![GUARD; needed + 1];
                assert_eq!(filter.flush(&mut rest), Ok(needed));
                assert_eq!(rest.pop(), Some(GUARD));
                output.append(&mut rest);
                check(script.filter, &since_reset, &output, true);
                assert_eq!(filter.flush_len(), 0);
                since_reset.clear();
                output.clear();
            }
            Op::Reset => {
                check(script.filter, &since_reset, &output, false);
                filter.reset();
                assert_eq!(filter.flush_len(), 0);
                since_reset.clear();
                output.clear();
            }
        }
        total += since_reset.len();
        if total > 1 << 17 {
            break;
        }
    }
    check(script.filter, &since_reset, &output, false);
}

fn process(filter: &mut Filter, samples: &[i16], output: &mut Vec<i16>) {
    let needed = filter.output_len(samples.len());
    let start = output.len();
    output.resize(start + needed + 1, GUARD);
    assert_eq!(filter.process(samples, &mut output[start..]), Ok(needed));
    assert_eq!(output.pop(), Some(GUARD));
}

/// One call on the portable kernel gives the same.
fn check(kind: u8, input: &[i16], output: &[i16], flushed: bool) {
    let portable = simd::levels().next().expect("scalar comes first");
    let mut filter = Filter::new(kind, portable);
    let mut expected = Vec::new();
    process(&mut filter, input, &mut expected);
    if flushed {
        let mut rest = vec![0; filter.flush_len()];
        filter.flush(&mut rest).unwrap();
        expected.append(&mut rest);
    }
    assert_eq!(output, expected);
}

/// Any of the filters by number.
#[derive(Clone)]
enum Filter {
    Up(Upsampler),
    Down(Downsampler),
    Any(Resampler),
}

impl Filter {
    fn new(kind: u8, level: simd::Level) -> Self {
        let (from, to, profile) = match kind % 10 {
            0 => return Self::Up(Upsampler::with_level(level)),
            1 => return Self::Down(Downsampler::with_level(level)),
            2 => (8_000, 24_000, Profile::Voice),
            3 => (24_000, 8_000, Profile::Voice),
            4 => (8_000, 16_000, Profile::Voice),
            5 => (16_000, 8_000, Profile::Voice),
            6 => (16_000, 24_000, Profile::Voice),
            7 => (24_000, 16_000, Profile::Voice),
            8 => (8_000, 24_000, Profile::Sharp),
            _ => (24_000, 8_000, Profile::Sharp),
        };
        let filter = Resampler::with_level(from, to, profile, level);
        Self::Any(filter.expect("these are the pairs there are"))
    }

    fn process(&mut self, src: &[i16], dst: &mut [i16]) -> Result<usize, Error> {
        match self {
            Self::Up(filter) => filter.process(src, dst),
            Self::Down(filter) => filter.process(src, dst),
            Self::Any(filter) => filter.process(src, dst),
        }
    }

    fn output_len(&self, len: usize) -> usize {
        match self {
            Self::Up(filter) => filter.output_len(len),
            Self::Down(filter) => filter.output_len(len),
            Self::Any(filter) => filter.output_len(len),
        }
    }

    fn flush(&mut self, dst: &mut [i16]) -> Result<usize, Error> {
        match self {
            Self::Up(filter) => filter.flush(dst),
            Self::Down(filter) => filter.flush(dst),
            Self::Any(filter) => filter.flush(dst),
        }
    }

    fn flush_len(&self) -> usize {
        match self {
            Self::Up(filter) => filter.flush_len(),
            Self::Down(filter) => filter.flush_len(),
            Self::Any(filter) => filter.flush_len(),
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Up(filter) => filter.reset(),
            Self::Down(filter) => filter.reset(),
            Self::Any(filter) => filter.reset(),
        }
    }
}

const GUARD: i16 = 0x5A5A;

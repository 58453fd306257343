//! Any rate to any other, through `rubato`.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters,
    SincInterpolationType, WindowFunction, calculate_cutoff,
};

use crate::Error;

/// From any rate of 4,000 to 192,000 Hz to any other, for prompts and synthesised speech at 22,050,
/// 44,100 or 48,000 Hz and the like. Feature `any-rate`.
///
/// The same streaming interface as the fixed ratios': any number of samples per call, the same
/// duration out as in at every moment, the same samples however the input was cut. Two things are
/// different. The arithmetic is floating-point, so the last bit of a sample may differ between kinds
/// of machine. And a call costs tens of times as much and delays by 80 samples of the lower rate or
/// a little more, 10 to 11 ms at 8 kHz; between 8, 16 and 24 kHz take
/// [`Resampler`](super::Resampler).
///
/// The pass band reaches 85 % of half the lower rate, within 0.1 dB; from half the lower rate on
/// everything is 80 dB down.
///
/// Memory is allocated in [`new`](Self::new) only: the filter's table, up to 1 MiB for odd pairs of
/// rates, and a few kilobytes of buffers.
pub struct AnyRate {
    inner: Async<f32>,
    from_hz: u32,
    to_hz: u32,
    /// Samples that wait for a whole chunk.
    chunk: Vec<f32>,
    waiting: usize,
    /// What one chunk gives.
    made: Vec<f32>,
    ready: Ready,
    /// Delay of it all in output samples.
    delay: usize,
    /// Input not yet matched by output, in parts of an output sample: below `from_hz`.
    owed: u64,
    started: bool,
}

impl AnyRate {
    /// Converts from `from_hz` to `to_hz`, each from 4,000 to 192,000; starts with silence before
    /// the first sample.
    ///
    /// # Errors
    /// [`Error::UnsupportedRate`] for a rate out of range.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, Error> {
        let unsupported = Error::UnsupportedRate { from_hz, to_hz };
        if !RATES.contains(&from_hz) || !RATES.contains(&to_hz) {
            return Err(unsupported);
        }
        let ratio = f64::from(to_hz) / f64::from(from_hz);
        let parameters = parameters(from_hz, to_hz);
        let chunk = from_hz as usize / CHUNKS_PER_SECOND;
        let inner = Async::new_sinc(ratio, 1.0, &parameters, chunk, 1, FixedAsync::Input)
            .map_err(|_| unsupported)?;
        // A chunk less one sample may wait, and the filter itself holds two samples back: that much
        // silence is given first, so that no later call comes up short.
        let head_start = ((chunk + 1) as f64 * ratio).ceil() as usize + 1;
        let made = inner.output_frames_max();
        // The centre of rubato's filter, which starts one output step in and has its phases laid out
        // from the first step of the table on.
        let centre = parameters.sinc_len as f64 / 2.0 - 1.0 / parameters.oversampling_factor as f64;
        let mut this = Self {
            from_hz,
            to_hz,
            chunk: vec![0.0; chunk],
            waiting: 0,
            made: vec![0.0; made],
            ready: Ready::new(head_start + made),
            delay: head_start + (centre * ratio - 1.0).round() as usize,
            owed: 0,
            started: false,
            inner,
        };
        this.ready.fill_silent(head_start);
        Ok(this)
    }

    /// Takes all of `src` and writes [`output_len`](Self::output_len) samples to the start of
    /// `dst`; returns how many.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] when `dst` is shorter than that; nothing is taken or written then.
    pub fn process(&mut self, src: &[i16], dst: &mut [i16]) -> Result<usize, Error> {
        let needed = self.output_len(src.len());
        if dst.len() < needed {
            return Err(Error::BufferTooShort {
                needed,
                actual: dst.len(),
            });
        }
        self.started |= !src.is_empty();
        self.owed = self.parts(src.len()) % u64::from(self.from_hz);
        self.run(src, &mut dst[..needed]);
        Ok(needed)
    }

    /// Samples that [`process`](Self::process) writes for `len` more: after any number of calls,
    /// the whole part of all input times `to_hz / from_hz`.
    pub fn output_len(&self, len: usize) -> usize {
        (self.parts(len) / u64::from(self.from_hz)) as usize
    }

    /// Writes the [`flush_len`](Self::flush_len) samples still in the filter, as if silence
    /// followed, and is as new; returns how many.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] when `dst` is shorter than that; nothing is written then.
    pub fn flush(&mut self, dst: &mut [i16]) -> Result<usize, Error> {
        let needed = self.flush_len();
        if dst.len() < needed {
            return Err(Error::BufferTooShort {
                needed,
                actual: dst.len(),
            });
        }
        let mut given = self.ready.take(&mut dst[..needed]);
        while given < needed {
            self.chunk[self.waiting..].fill(0.0);
            self.waiting = 0;
            self.convert_chunk();
            given += self.ready.take(&mut dst[given..needed]);
        }
        self.reset();
        Ok(needed)
    }

    /// Samples that [`flush`](Self::flush) would write: [`delay`](Self::delay) and one for a part
    /// of a sample, or 0 before the first sample of input.
    pub fn flush_len(&self) -> usize {
        if self.started {
            self.delay + usize::from(self.owed > 0)
        } else {
            0
        }
    }

    /// Forgets all input.
    pub fn reset(&mut self) {
        let head_start = self.ready.capacity() - self.made.len();
        self.inner.reset();
        self.ready.clear();
        self.ready.fill_silent(head_start);
        self.waiting = 0;
        self.owed = 0;
        self.started = false;
    }

    /// Group delay in output samples, to the nearest; constant over frequency and time.
    pub fn delay(&self) -> usize {
        self.delay
    }

    /// Rate of the input in Hz.
    pub fn from_hz(&self) -> u32 {
        self.from_hz
    }

    /// Rate of the output in Hz.
    pub fn to_hz(&self) -> u32 {
        self.to_hz
    }

    /// What is owed when `len` more have come: output samples times `from_hz`.
    fn parts(&self, len: usize) -> u64 {
        self.owed + len as u64 * u64::from(self.to_hz)
    }

    /// Takes all of `src` and fills `dst`.
    fn run(&mut self, src: &[i16], dst: &mut [i16]) {
        let mut given = self.ready.take(dst);
        let mut src = src;
        while !src.is_empty() {
            let room = &mut self.chunk[self.waiting..];
            let (now, later) = src.split_at(room.len().min(src.len()));
            for (to, &from) in room.iter_mut().zip(now) {
                *to = from.into();
            }
            self.waiting += now.len();
            src = later;
            if self.waiting == self.chunk.len() {
                self.waiting = 0;
                self.convert_chunk();
                given += self.ready.take(&mut dst[given..]);
            }
        }
        debug_assert_eq!(given, dst.len(), "the head start covers what waits");
    }

    fn convert_chunk(&mut self) {
        let (len, most) = (self.chunk.len(), self.made.len());
        let input = InterleavedSlice::new(&self.chunk, 1, len).expect("one channel of its length");
        let mut output =
            InterleavedSlice::new_mut(&mut self.made, 1, most).expect("one channel of its length");
        let (_, made) = self
            .inner
            .process_into_buffer(&input, &mut output, None::<&Indexing>)
            .expect("both buffers have the lengths the resampler names");
        self.ready.add(&self.made[..made]);
    }
}

impl fmt::Debug for AnyRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyRate")
            .field("from_hz", &self.from_hz)
            .field("to_hz", &self.to_hz)
            .finish_non_exhaustive()
    }
}

/// A ring of samples that are made but not yet due.
struct Ready {
    samples: Vec<i16>,
    start: usize,
    len: usize,
}

impl Ready {
    fn new(capacity: usize) -> Self {
        Self {
            samples: vec![0; capacity],
            start: 0,
            len: 0,
        }
    }

    fn capacity(&self) -> usize {
        self.samples.len()
    }

    fn clear(&mut self) {
        (self.start, self.len) = (0, 0);
    }

    fn fill_silent(&mut self, len: usize) {
        for _ in 0..len {
            self.push(0);
        }
    }

    fn add(&mut self, made: &[f32]) {
        for &sample in made {
            // `as` saturates.
            self.push(sample.round_ties_even() as i16);
        }
    }

    fn push(&mut self, sample: i16) {
        debug_assert!(
            self.len < self.samples.len(),
            "what was made before is taken first"
        );
        let mut at = self.start + self.len;
        if at >= self.samples.len() {
            at -= self.samples.len();
        }
        self.samples[at] = sample;
        self.len += 1;
    }

    /// Moves as many as there are to the start of `dst`; returns how many.
    fn take(&mut self, dst: &mut [i16]) -> usize {
        let len = self.len.min(dst.len());
        let (first, second) = dst[..len].split_at_mut(len.min(self.samples.len() - self.start));
        first.copy_from_slice(&self.samples[self.start..][..first.len()]);
        second.copy_from_slice(&self.samples[..second.len()]);
        self.start = (self.start + len) % self.samples.len();
        self.len -= len;
        len
    }
}

/// A windowed sinc as long in time as `TAPS` samples of the lower rate. Pairs of rates whose ratio
/// has few phases get a filter for each; the others interpolate between phases.
fn parameters(from_hz: u32, to_hz: u32) -> SincInterpolationParameters {
    let stretch = (f64::from(from_hz) / f64::from(to_hz)).max(1.0);
    let taps = ((TAPS * stretch).ceil() as usize).next_multiple_of(8);
    let phases = (to_hz / gcd(from_hz, to_hz)) as usize;
    // Left to itself, rubato would put the cutoff of a stretched filter too close to half the rate.
    let cutoff = calculate_cutoff(TAPS as usize, WINDOW);
    let parameters = SincInterpolationParameters::new(taps, WINDOW).f_cutoff(cutoff);
    if phases * taps <= MAX_TABLE {
        parameters
            .oversampling_factor(phases)
            .interpolation(SincInterpolationType::Nearest)
    } else {
        // The longer the filter, the smoother it is from phase to phase.
        let phases = ((PHASES / stretch).ceil() as usize).max(MIN_PHASES);
        parameters
            .oversampling_factor(phases)
            .interpolation(SincInterpolationType::Cubic)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

const RATES: core::ops::RangeInclusive<u32> = 4_000..=192_000;

/// A chunk of input is 2.5 ms: short, as it is part of the delay.
const CHUNKS_PER_SECOND: usize = 400;

/// Filter length in samples of the lower rate: with the window's 8 bins of transition the pass band
/// ends at 87 % of half that rate.
const TAPS: f64 = 128.0;

const WINDOW: WindowFunction = WindowFunction::BlackmanHarris;

/// Floats in the filter table, 1 MiB.
const MAX_TABLE: usize = 1 << 18;

const PHASES: f64 = 256.0;

const MIN_PHASES: usize = 8;

//! Streaming resamplers between the rates of telephony and speech models.
//!
//! All work on 16-bit mono samples, take any number of them per call, and give exactly the duration
//! they were given: 20 ms in is 20 ms out, from the first frame on. What a call gives does not
//! depend on how the input was cut: any partition of it gives the same samples, bit for bit, on
//! every machine. Nothing here allocates, and a filter's whole state is a few hundred bytes.
//!
//! ```
//! use trunkline::Upsampler;
//!
//! let mut up = Upsampler::new();
//! let mut wide = [0_i16; 480];
//! assert_eq!(up.process(&[0; 160], &mut wide)?, 480); // 20 ms
//! # Ok::<(), trunkline::Error>(())
//! ```
//!
//! | type | ratio | pass band | stop band | delay |
//! |---|---|---|---|---|
//! | [`Upsampler`] | 8 → 24 kHz | 3.4 kHz | from 4.6 kHz | 2.21 ms |
//! | [`Downsampler`] | 24 → 8 kHz | 3.4 kHz | from 4.6 kHz | 2.13 ms |
//! | [`Resampler`], [`Profile::Voice`] | 8 ↔ 16 kHz | 3.4 kHz | from 4.6 kHz | 2.19 / 2.13 ms |
//! | | 16 ↔ 24 kHz | 7 kHz | from 9 kHz | 1.29 / 1.25 ms |
//! | [`Resampler`], [`Profile::Sharp`] | 8 ↔ 24 kHz | 3.4 kHz | from 4.0 kHz | 3.96 / 3.88 ms |
//!
//! Stop bands are at least 84 dB down (8 kHz up: 86 dB), pass bands flat within 0.004 dB. Between
//! the two a Voice filter passes through −6 dB at half the lower rate, so the part from 3.4 to
//! 4.0 kHz, outside the telephone band, is partly mirrored; where that matters, take Sharp.
//! `benches/report/` has the curves, drawn from the running filters.

use core::fmt;

use self::filter::Filter;
use self::stream::{Stream, kept};
use crate::Error;
#[cfg(any(test, feature = "internal"))]
use crate::simd::Level;

#[cfg(feature = "any-rate")]
pub use self::any_rate::AnyRate;

#[cfg(feature = "any-rate")]
mod any_rate;
mod design;
pub(crate) mod filter;
mod stream;
mod taps;

/// 8 kHz to 24 kHz, [`Profile::Voice`]: three samples out per sample in.
///
/// Every third sample out is a sample of the input, untouched. State: the last 35 samples.
#[derive(Clone)]
pub struct Upsampler(Stream<{ kept(&design::VOICE_8_24) }>);

impl Upsampler {
    /// Group delay in output samples: 2.21 ms. The input sample `n` is output sample
    /// `3 * n + DELAY`.
    pub const DELAY: usize = 53;

    /// Starts with silence before the first sample.
    pub fn new() -> Self {
        Self(Stream::new(&design::VOICE_8_24))
    }

    /// As [`new`](Self::new), on this level.
    #[cfg(any(test, feature = "internal"))]
    #[doc(hidden)]
    pub fn with_level(level: Level) -> Self {
        Self(Stream::with_level(&design::VOICE_8_24, level))
    }

    /// Takes all of `src`, 8 kHz, and writes `3 * src.len()` samples at 24 kHz to the start of
    /// `dst`; returns how many.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] when `dst` is shorter than that; nothing is taken or written then.
    pub fn process(&mut self, src: &[i16], dst: &mut [i16]) -> Result<usize, Error> {
        self.0.process(src, dst)
    }

    /// Samples that [`process`](Self::process) writes for `len` more.
    pub fn output_len(&self, len: usize) -> usize {
        self.0.output_len(len)
    }

    /// Writes the [`flush_len`](Self::flush_len) samples still in the filter, as if silence
    /// followed, and is as new; returns how many.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] when `dst` is shorter than that; nothing is written then.
    pub fn flush(&mut self, dst: &mut [i16]) -> Result<usize, Error> {
        self.0.flush(dst)
    }

    /// Samples that [`flush`](Self::flush) would write: [`DELAY`](Self::DELAY), or 0 before the
    /// first sample of input.
    pub fn flush_len(&self) -> usize {
        self.0.flush_len()
    }

    /// Forgets all input.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

/// 24 kHz to 8 kHz, [`Profile::Voice`]: one sample out per three in.
///
/// State: the last 107 samples, and up to two that do not make a whole output yet.
#[derive(Clone)]
pub struct Downsampler(Stream<{ kept(&design::VOICE_24_8) }>);

impl Downsampler {
    /// Group delay in output samples: 2.13 ms. The input sample `3 * n` is output sample
    /// `n + DELAY`.
    pub const DELAY: usize = 17;

    /// Starts with silence before the first sample.
    pub fn new() -> Self {
        Self(Stream::new(&design::VOICE_24_8))
    }

    /// As [`new`](Self::new), on this level.
    #[cfg(any(test, feature = "internal"))]
    #[doc(hidden)]
    pub fn with_level(level: Level) -> Self {
        Self(Stream::with_level(&design::VOICE_24_8, level))
    }

    /// Takes all of `src`, 24 kHz, and writes [`output_len`](Self::output_len) samples at 8 kHz to
    /// the start of `dst`; returns how many.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] when `dst` is shorter than that; nothing is taken or written then.
    pub fn process(&mut self, src: &[i16], dst: &mut [i16]) -> Result<usize, Error> {
        self.0.process(src, dst)
    }

    /// Samples that [`process`](Self::process) writes for `len` more: one per three, counted over
    /// all calls.
    pub fn output_len(&self, len: usize) -> usize {
        self.0.output_len(len)
    }

    /// Writes the [`flush_len`](Self::flush_len) samples still in the filter, as if silence
    /// followed, and is as new; returns how many.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] when `dst` is shorter than that; nothing is written then.
    pub fn flush(&mut self, dst: &mut [i16]) -> Result<usize, Error> {
        self.0.flush(dst)
    }

    /// Samples that [`flush`](Self::flush) would write: [`DELAY`](Self::DELAY), one more if the
    /// input is not a multiple of three, 0 before the first sample of input.
    pub fn flush_len(&self) -> usize {
        self.0.flush_len()
    }

    /// Forgets all input.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

/// What a filter gives up for low delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// At most 2.21 ms delay; −6 dB at half the lower rate.
    #[default]
    Voice,
    /// Nothing from half the lower rate on, for 3.96 ms. Between 8 kHz and 24 kHz only.
    Sharp,
}

/// Any of the fixed ratios, chosen at run time.
#[derive(Clone)]
pub struct Resampler {
    stream: Stream<{ kept(&design::SHARP_24_8) }>,
    from_hz: u32,
    to_hz: u32,
}

impl Resampler {
    /// Converts from `from_hz` to `to_hz`, two different ones of 8,000, 16,000 and 24,000, with
    /// [`Profile::Voice`].
    ///
    /// # Errors
    /// [`Error::UnsupportedRate`] for any other pair.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, Error> {
        Self::with_profile(from_hz, to_hz, Profile::Voice)
    }

    /// As [`new`](Self::new), with a [`Profile`]; [`Profile::Sharp`] is for 8,000 and 24,000 only.
    ///
    /// # Errors
    /// [`Error::UnsupportedRate`] for any other pair.
    pub fn with_profile(from_hz: u32, to_hz: u32, profile: Profile) -> Result<Self, Error> {
        let stream = Stream::new(fixed_ratio(from_hz, to_hz, profile)?);
        Ok(Self {
            stream,
            from_hz,
            to_hz,
        })
    }

    /// As [`with_profile`](Self::with_profile), on this level.
    #[cfg(any(test, feature = "internal"))]
    #[doc(hidden)]
    pub fn with_level(
        from_hz: u32,
        to_hz: u32,
        profile: Profile,
        level: Level,
    ) -> Result<Self, Error> {
        let stream = Stream::with_level(fixed_ratio(from_hz, to_hz, profile)?, level);
        Ok(Self {
            stream,
            from_hz,
            to_hz,
        })
    }

    /// Takes all of `src` and writes [`output_len`](Self::output_len) samples to the start of
    /// `dst`; returns how many.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] when `dst` is shorter than that; nothing is taken or written then.
    pub fn process(&mut self, src: &[i16], dst: &mut [i16]) -> Result<usize, Error> {
        self.stream.process(src, dst)
    }

    /// Samples that [`process`](Self::process) writes for `len` more. Output comes in whole groups:
    /// per sample in from 8 kHz, per two from 16 kHz, per three (to 8 or 16 kHz) from 24 kHz.
    pub fn output_len(&self, len: usize) -> usize {
        self.stream.output_len(len)
    }

    /// Writes the [`flush_len`](Self::flush_len) samples still in the filter, as if silence
    /// followed, and is as new; returns how many.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] when `dst` is shorter than that; nothing is written then.
    pub fn flush(&mut self, dst: &mut [i16]) -> Result<usize, Error> {
        self.stream.flush(dst)
    }

    /// Samples that [`flush`](Self::flush) would write: [`delay`](Self::delay) and those of a group
    /// begun, or 0 before the first sample of input.
    pub fn flush_len(&self) -> usize {
        self.stream.flush_len()
    }

    /// Forgets all input.
    pub fn reset(&mut self) {
        self.stream.reset();
    }

    /// Group delay in output samples; constant over frequency and time.
    pub fn delay(&self) -> usize {
        self.stream.delay()
    }

    /// Rate of the input in Hz.
    pub fn from_hz(&self) -> u32 {
        self.from_hz
    }

    /// Rate of the output in Hz.
    pub fn to_hz(&self) -> u32 {
        self.to_hz
    }
}

impl Default for Upsampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for Downsampler {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Upsampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upsampler").finish_non_exhaustive()
    }
}

impl fmt::Debug for Downsampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downsampler").finish_non_exhaustive()
    }
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler")
            .field("from_hz", &self.from_hz)
            .field("to_hz", &self.to_hz)
            .finish_non_exhaustive()
    }
}

fn fixed_ratio(from_hz: u32, to_hz: u32, profile: Profile) -> Result<&'static Filter, Error> {
    Ok(match (from_hz, to_hz, profile) {
        (8_000, 24_000, Profile::Voice) => &design::VOICE_8_24,
        (24_000, 8_000, Profile::Voice) => &design::VOICE_24_8,
        (8_000, 16_000, Profile::Voice) => &design::VOICE_8_16,
        (16_000, 8_000, Profile::Voice) => &design::VOICE_16_8,
        (16_000, 24_000, Profile::Voice) => &design::VOICE_16_24,
        (24_000, 16_000, Profile::Voice) => &design::VOICE_24_16,
        (8_000, 24_000, Profile::Sharp) => &design::SHARP_8_24,
        (24_000, 8_000, Profile::Sharp) => &design::SHARP_24_8,
        _ => return Err(Error::UnsupportedRate { from_hz, to_hz }),
    })
}

// The published constants are the filters' own.
const _: () = assert!(Upsampler::DELAY == design::VOICE_8_24.delay);
const _: () = assert!(Downsampler::DELAY == design::VOICE_24_8.delay);

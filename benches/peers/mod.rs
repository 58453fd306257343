//! The resamplers that trunkline is compared with, each behind the same few verbs, and what is
//! measured of them.
//!
//! All are streams of 16-bit mono samples between 8 and 24 kHz in frames of 20 ms, set up as their
//! documentation shows, conversion from and to `i16` included. The C libraries need the feature
//! `c-peers` and Debian's libsoxr-dev, libspeexdsp-dev and libsamplerate0-dev.
//!
//! ```
//! use trunkline_benches::peers::{Direction, resamplers};
//!
//! for mut resampler in resamplers(Direction::Up) {
//!     let mut wide = Vec::new();
//!     resampler.process(&[0; 160], &mut wide);
//!     resampler.flush(&mut wide);
//!     println!("{}: {} samples", resampler.name(), wide.len());
//! }
//! ```

use std::fmt;

#[cfg(feature = "c-peers")]
mod c;
pub mod measure;
mod ours;
mod rubato;

pub use self::ours::{Linear, Trunkline};
pub use self::rubato::{RubatoFft, RubatoSinc};

/// A stream of 20 ms frames from one rate to another.
pub trait Resampler {
    /// Library and setting.
    fn name(&self) -> &str;

    /// Takes all of `src`, one frame, and writes what comes out to the start of `dst`, for which
    /// [`ROOM`] samples are always enough; returns how many.
    ///
    /// # Panics
    /// When `src` is not a frame, for those libraries that fix its length.
    fn process_into(&mut self, src: &[i16], dst: &mut [i16]) -> usize;

    /// As [`process_into`](Self::process_into), appended to `dst`.
    fn process(&mut self, src: &[i16], dst: &mut Vec<i16>) {
        append(dst, |room| self.process_into(src, room));
    }

    /// Appends all that is still held back, as if silence followed; there may be some silence
    /// after it. The stream has ended then.
    fn flush(&mut self, dst: &mut Vec<i16>);
}

/// Which way between the rates of the phone and the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// 8 → 24 kHz.
    Up,
    /// 24 → 8 kHz.
    Down,
}

impl Direction {
    /// Both, in the order of reports.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];

    /// Input rate.
    pub fn from_hz(self) -> u32 {
        match self {
            Self::Up => 8_000,
            Self::Down => 24_000,
        }
    }

    /// Output rate.
    pub fn to_hz(self) -> u32 {
        match self {
            Self::Up => 24_000,
            Self::Down => 8_000,
        }
    }

    /// Samples of an input frame of 20 ms.
    pub fn frame(self) -> usize {
        self.from_hz() as usize / 50
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} → {} kHz",
            self.from_hz() / 1_000,
            self.to_hz() / 1_000
        )
    }
}

/// A new stream of every library and setting that this build has, trunkline's first.
pub fn resamplers(direction: Direction) -> Vec<Box<dyn Resampler>> {
    let mut all: Vec<Box<dyn Resampler>> = vec![
        Box::new(Trunkline::voice(direction)),
        Box::new(Trunkline::sharp(direction)),
        Box::new(RubatoFft::new(direction)),
        Box::new(RubatoSinc::exact(direction)),
        Box::new(RubatoSinc::example(direction)),
        Box::new(RubatoSinc::recommended(direction)),
        Box::new(Linear::new(direction)),
    ];
    #[cfg(feature = "c-peers")]
    all.extend(c::resamplers(direction));
    all.shrink_to_fit();
    all
}

/// Samples that no resampler here exceeds in one call: libsoxr's slowest setting gives nothing for
/// hundreds of milliseconds and then all of it.
pub const ROOM: usize = 1 << 14;

/// Appends what `write` puts into the room it is given.
fn append(dst: &mut Vec<i16>, write: impl FnOnce(&mut [i16]) -> usize) {
    let start = dst.len();
    dst.resize(start + ROOM, 0);
    let written = write(&mut dst[start..]);
    dst.truncate(start + written);
}

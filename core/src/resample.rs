//! Streaming resamplers.

use crate::Error;

/// 8 kHz to 24 kHz.
#[derive(Clone, Debug)]
pub struct Upsampler {}

impl Upsampler {
    /// Group delay in output samples.
    pub const DELAY: usize = 53;
    /// Silence before.
    pub fn new() -> Self {
        Self {}
    }
    /// Exactly three samples out per sample in; returns the samples written.
    pub fn process(&mut self, _src: &[i16], _dst: &mut [i16]) -> Result<usize, Error> {
        todo!()
    }
    /// As new.
    pub fn reset(&mut self) {}
}

/// 24 kHz to 8 kHz.
#[derive(Clone, Debug)]
pub struct Downsampler {}

impl Downsampler {
    /// Group delay in output samples, rounded up.
    pub const DELAY: usize = 18;
    /// Silence before.
    pub fn new() -> Self {
        Self {}
    }
    /// Samples the next `process` makes of `len` more.
    pub fn output_len(&self, _len: usize) -> usize {
        todo!()
    }
    /// One sample out per three in, 0 to 2 kept for the next call; returns the samples written.
    pub fn process(&mut self, _src: &[i16], _dst: &mut [i16]) -> Result<usize, Error> {
        todo!()
    }
    /// The samples still in the filter: at most `DELAY`; then as new.
    pub fn flush(&mut self, _dst: &mut [i16]) -> Result<usize, Error> {
        todo!()
    }
    /// As new.
    pub fn reset(&mut self) {}
}

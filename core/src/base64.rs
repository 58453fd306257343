//! base64 (RFC 4648 §4) into and out of slices.

use crate::Error;

/// Characters that `bytes` bytes become.
pub const fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Encodes all of `src` to the start of `dst`; returns the characters written.
pub fn encode(_src: &[u8], _dst: &mut [u8]) -> Result<usize, Error> {
    todo!()
}

/// Decodes all of `src`; returns the bytes written.
pub fn decode(_src: &[u8], _dst: &mut [u8]) -> Result<usize, Error> {
    todo!()
}

/// Decoder of a text that arrives in pieces cut anywhere.
#[derive(Clone, Debug, Default)]
pub struct Decoder {}

impl Decoder {
    /// A decoder at the start of a text.
    pub fn new() -> Self {
        Self::default()
    }
    /// The most bytes `decode` makes of `chars` more characters.
    pub fn max_len(&self, chars: usize) -> usize {
        (chars + 3) / 4 * 3
    }
    /// Decodes the next piece to the start of `dst`; returns the bytes written.
    pub fn decode(&mut self, _src: &[u8], _dst: &mut [u8]) -> Result<usize, Error> {
        todo!()
    }
    /// Whether the text so far is whole (no characters carried).
    pub fn is_whole(&self) -> bool {
        true
    }
    /// Forgets carried characters.
    pub fn reset(&mut self) {}
}

//! Digests of outputs and of the recording itself.

use core::fmt::{self, Write as _};

use crate::{Error, bridge::Output};

/// Enough of one output to tell whether another is the same: kind, length and 64 bits of digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Whom it is for.
    pub kind: OutputKind,
    /// Length in bytes of the text, or of the event's `Debug` form.
    pub len: u64,
    /// Digest of the same.
    pub digest: u64,
}

/// Whom an output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// The carrier.
    ToTwilio,
    /// The model.
    ToOpenAi,
    /// The application.
    Event,
}

impl Fingerprint {
    /// The fingerprint of `output`.
    pub fn of(output: &Output<'_>) -> Self {
        let mut digest = Digest::new(0);
        let kind = match output {
            Output::ToTwilio(text) => {
                digest.update(text.as_bytes());
                OutputKind::ToTwilio
            }
            Output::ToOpenAi(text) => {
                digest.update(text.as_bytes());
                OutputKind::ToOpenAi
            }
            Output::Event(event) => {
                // Whatever an event comes to hold, its `Debug` form has it. Digests never fail.
                let _ = write!(digest, "{event:?}");
                OutputKind::Event
            }
        };
        Self {
            kind,
            len: digest.len,
            digest: digest.finish(),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            OutputKind::ToTwilio => "to Twilio",
            OutputKind::ToOpenAi => "to the model",
            OutputKind::Event => "an event",
        };
        write!(f, "{kind}, {} bytes, digest {:016x}", self.len, self.digest)
    }
}

/// Digest of an error, for comparison.
pub(super) fn error_digest(error: Error) -> u64 {
    let mut digest = Digest::new(0);
    let _ = write!(digest, "{error:?}");
    digest.finish()
}

/// A 64-bit digest of a stream of bytes, the same however the stream is cut; against accidents, not
/// against forgery. Eight bytes are taken in one multiplication, since a bridge makes 100 kB/s.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digest {
    state: u64,
    /// Bytes of a word that is not whole yet.
    rest: [u8; 8],
    len: u64,
}

impl Digest {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            state: seed,
            rest: [0; 8],
            len: 0,
        }
    }

    /// The digest of `bytes` and nothing else.
    pub(super) fn with(mut self, bytes: &[u8]) -> u64 {
        self.update(bytes);
        self.finish()
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let held = (self.len % 8) as usize;
        let (first, bytes) = bytes.split_at(bytes.len().min((8 - held) % 8));
        self.rest[held..held + first.len()].copy_from_slice(first);
        self.len += (first.len() + bytes.len()) as u64;
        if held > 0 && held + first.len() == 8 {
            self.state = mix(self.state, u64::from_le_bytes(self.rest));
        }
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.state = mix(self.state, u64::from_le_bytes(*word));
        }
        self.rest[..rest.len()].copy_from_slice(rest);
    }

    pub(super) fn finish(mut self) -> u64 {
        let held = (self.len % 8) as usize;
        self.rest[held..].fill(0);
        let state = mix(self.state, u64::from_le_bytes(self.rest));
        mix(state, self.len)
    }
}

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.update(text.as_bytes());
        Ok(())
    }
}

/// The two halves of a product, folded. The constants are the fractional parts of the golden ratio
/// and of √2.
fn mix(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word ^ 0x9E37_79B9_7F4A_7C15) * 0x6A09_E667_F3BC_C909;
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_does_not_depend_on_where_the_stream_is_cut() {
        let bytes: [u8; 61] = core::array::from_fn(|n| (n * 37) as u8);
        for len in 0..bytes.len() {
            let whole = Digest::new(5).with(&bytes[..len]);
            for first in 0..=len {
                for second in first..=len {
                    let mut digest = Digest::new(5);
                    digest.update(&bytes[..first]);
                    digest.update(&bytes[first..second]);
                    assert_eq!(digest.with(&bytes[second..len]), whole);
                }
            }
        }
    }

    #[test]
    fn another_byte_length_or_seed_gives_another_digest() {
        let bytes = [0_u8; 40];
        let mut seen = std::collections::HashSet::new();
        for len in 0..40 {
            assert!(seen.insert(Digest::new(0).with(&bytes[..len])));
            assert!(seen.insert(Digest::new(1).with(&bytes[..len])));
        }
        for bit in 0..320 {
            let mut other = bytes;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(Digest::new(0).with(&other)));
        }
    }
}

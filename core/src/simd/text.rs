//! ASCII as text, at the speed of vectors: what is written for a peer is looked through once more
//! before it is called a `str`.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, dispatch, u8x64};

use super::Level;

/// `bytes` as text if all of them are ASCII.
#[inline]
pub(crate) fn ascii(bytes: &[u8]) -> Option<&str> {
    if !is_ascii_at(super::detect(), bytes) {
        return None;
    }
    #[allow(
        unsafe_code,
        reason = "the library's check takes 27 ns for an append event, this one 5"
    )]
    // SAFETY: every byte is ASCII, and any sequence of these is UTF-8 (RFC 3629 §3).
    let text = unsafe { core::str::from_utf8_unchecked(bytes) };
    Some(text)
}

/// Whether all of `bytes` are ASCII, on this level.
pub fn is_ascii_at(level: Level, bytes: &[u8]) -> bool {
    if level.is_fallback() || bytes.len() < BLOCK {
        // The library's own has panics in it.
        let (words, rest) = bytes.as_chunks();
        let all = words
            .iter()
            .fold(0, |all, word| all | u64::from_ne_bytes(*word));
        all & 0x8080_8080_8080_8080 == 0 && rest.iter().all(u8::is_ascii)
    } else {
        dispatch!(level, simd => is_ascii_with(simd, bytes))
    }
}

#[inline(always)]
fn is_ascii_with<S: Simd>(simd: S, bytes: &[u8]) -> bool {
    let mut all = u8x64::splat(simd, 0);
    for block in bytes.as_chunks::<BLOCK>().0 {
        all |= u8x64::from_slice(simd, block);
    }
    // What is left over is shorter than a block, which can begin before it.
    if let Some(block) = bytes.last_chunk::<BLOCK>() {
        all |= u8x64::from_slice(simd, block);
    }
    !all.simd_ge(u8x64::splat(simd, 0x80)).any_true()
}

const BLOCK: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::levels;

    #[test]
    fn a_byte_that_is_not_ascii_is_found_wherever_it_is_on_every_level() {
        for level in levels() {
            for len in 0..200 {
                let mut bytes = vec![b'a'; len];
                assert!(is_ascii_at(level, &bytes));
                for at in 0..len {
                    for byte in [0x7F, 0x80, 0xFF] {
                        bytes[at] = byte;
                        assert_eq!(
                            is_ascii_at(level, &bytes),
                            byte < 0x80,
                            "{level:?} {len} {at}"
                        );
                    }
                    bytes[at] = b'a';
                }
            }
        }
    }
}

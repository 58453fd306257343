//! Where a run of plain string bytes ends: the inner loop of the JSON scanner.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, dispatch, u8x64};

use super::Level;

/// Bytes looked at in one go.
pub(crate) const BLOCK: usize = 64;

/// Bit `i` is set if byte `i` cannot stand unescaped in a JSON string: `"`, `\` and the control
/// characters below 0x20 (RFC 8259 §7).
///
/// The level is the one that the build may rely on: for one block a better one does not pay its
/// dispatch.
// Inlined, LLVM takes the mask apart again to find its first bit byte by byte, at SSE2 in some 200
// instructions.
#[inline(never)]
pub(crate) fn stops(block: &[u8; BLOCK]) -> u64 {
    stops_at(Level::baseline(), block)
}

/// `stops` on this level.
#[inline(always)]
pub fn stops_at(level: Level, block: &[u8; BLOCK]) -> u64 {
    if level.is_fallback() {
        portable(block)
    } else {
        dispatch!(level, simd => stops_with(simd, block))
    }
}

#[inline(always)]
fn stops_with<S: Simd>(simd: S, block: &[u8; BLOCK]) -> u64 {
    let bytes = u8x64::from_slice(simd, block);
    let stops = bytes.simd_eq(u8x64::splat(simd, b'"'))
        | bytes.simd_eq(u8x64::splat(simd, b'\\'))
        | bytes.simd_lt(u8x64::splat(simd, 0x20));
    stops.to_bitmask()
}

/// Bytes from the start of `bytes` in whole blocks that have no stop.
pub(crate) fn plain_len(bytes: &[u8]) -> usize {
    plain_len_at(super::detect(), bytes)
}

/// `plain_len` on this level.
pub fn plain_len_at(level: Level, bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks();
    let plain = if level.is_fallback() {
        blocks.iter().position(|block| portable(block) != 0)
    } else {
        dispatch!(level, simd => stopped_with(simd, blocks))
    };
    plain.unwrap_or(blocks.len()) * BLOCK
}

/// The first of the blocks that has a stop.
#[inline(always)]
fn stopped_with<S: Simd>(simd: S, blocks: &[[u8; BLOCK]]) -> Option<usize> {
    for (index, block) in blocks.iter().enumerate() {
        if stops_with(simd, block) != 0 {
            return Some(index);
        }
    }
    None
}

/// What [`stops`] computes, eight bytes at a time.
#[inline]
fn portable(block: &[u8; BLOCK]) -> u64 {
    let (words, _) = block.as_chunks::<8>();
    let mut mask = 0;
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let stop = zero_bytes(word ^ (EACH_BYTE * b'"' as u64))
            | zero_bytes(word ^ (EACH_BYTE * b'\\' as u64))
            | zero_bytes(word & (EACH_BYTE * 0xE0));
        // The product gathers the eight top bits, 8 apart, in the top byte.
        mask |= ((stop >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    mask
}

/// 0x80 in each byte of `word` that is zero, 0 in the others; exact, no carry between bytes.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    const LOW_BITS: u64 = EACH_BYTE * 0x7F;
    !(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS)
}

const EACH_BYTE: u64 = 0x0101_0101_0101_0101;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::levels;

    #[test]
    fn every_byte_is_judged_alike_in_every_lane_on_every_level() {
        for level in levels() {
            for lane in 0..BLOCK {
                for byte in 0..=255 {
                    let mut block = [b'a'; BLOCK];
                    block[lane] = byte;
                    let is_stop = byte < 0x20 || byte == b'"' || byte == b'\\';
                    let expected = u64::from(is_stop) << lane;
                    assert_eq!(stops_at(level, &block), expected, "{level:?} {lane} {byte}");
                }
            }
        }
    }

    #[test]
    fn a_long_run_ends_before_the_block_with_its_first_stop_on_every_level() {
        for level in levels() {
            for len in 0..300 {
                let mut bytes = vec![b'a'; len];
                assert_eq!(plain_len_at(level, &bytes), len / BLOCK * BLOCK);
                for stop in 0..len {
                    bytes[stop] = b'"';
                    let expected = (stop / BLOCK).min(len / BLOCK) * BLOCK;
                    assert_eq!(
                        plain_len_at(level, &bytes),
                        expected,
                        "{level:?} {len} {stop}"
                    );
                    bytes[stop] = b'a';
                }
            }
        }
    }

    #[test]
    fn neighbours_do_not_disturb_one_another_on_any_level() {
        let mut state = 1_u32;
        for _ in 0..10_000 {
            let block = [(); BLOCK].map(|()| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Half of them stops or one beside a stop.
                let near = [
                    0x1F, 0x20, 0x21, b'"', 0x23, b'\\', 0x5B, 0x5D, 0, 0x80, 0xA2, 0xDC,
                ];
                match state >> 28 {
                    lane @ 0..=11 => near[lane as usize],
                    _ => (state >> 16) as u8,
                }
            });
            let expected = portable(&block);
            for level in levels() {
                assert_eq!(stops_at(level, &block), expected, "{level:?} {block:?}");
            }
        }
    }
}

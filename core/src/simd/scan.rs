//! Where a run of plain string bytes ends: the inner loop of the JSON scanner.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, dispatch, mask8x64, u8x64};

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
    stops_in(simd, block).to_bitmask()
}

#[inline(always)]
fn stops_in<S: Simd>(simd: S, block: &[u8; BLOCK]) -> mask8x64<S> {
    stop_is_0(simd, block).simd_eq(u8x64::splat(simd, 0))
}

/// 0 in place of each stop. Of such vectors the least tells whether there is one in any.
#[inline(always)]
fn stop_is_0<S: Simd>(simd: S, block: &[u8; BLOCK]) -> u8x64<S> {
    let bytes = u8x64::from_slice(simd, block);
    let quote = bytes ^ u8x64::splat(simd, b'"');
    let backslash = bytes ^ u8x64::splat(simd, b'\\');
    quote.min(backslash).min(bytes & u8x64::splat(simd, 0xE0))
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

/// Whether `text` begins like `head` and ends like `tail`, and all between has no stop. A byte is like
/// a pattern's if both are the same; 0 in the pattern stands for any that is no stop.
pub(crate) fn is_like(text: &[u8], head: &[[u8; BLOCK]], tail: &[u8; BLOCK]) -> bool {
    is_like_at(super::detect(), text, head, tail)
}

/// `is_like` on this level.
pub fn is_like_at(level: Level, text: &[u8], head: &[[u8; BLOCK]], tail: &[u8; BLOCK]) -> bool {
    let Some((before, last)) = text.split_last_chunk() else {
        return false;
    };
    let Some((first, middle)) = before.split_at_checked(head.as_flattened().len()) else {
        return false;
    };
    let (first, _) = first.as_chunks();
    if level.is_fallback() {
        let alike = |(text, pattern): (&[u8; BLOCK], &[u8; BLOCK])| {
            let mut bytes = text.iter().zip(pattern);
            bytes.all(|(&byte, &like)| match like {
                0 => !is_stop(byte),
                _ => byte == like,
            })
        };
        first.iter().zip(head).all(alike)
            && alike((last, tail))
            && !middle.iter().copied().any(is_stop)
    } else {
        dispatch!(level, simd => is_like_with(simd, (first, middle, last), head, tail))
    }
}

#[inline(always)]
fn is_like_with<S: Simd>(
    simd: S,
    (first, middle, last): (&[[u8; BLOCK]], &[u8], &[u8; BLOCK]),
    head: &[[u8; BLOCK]],
    tail: &[u8; BLOCK],
) -> bool {
    let mut wrong = unlike(simd, last, tail);
    for (block, pattern) in first.iter().zip(head) {
        wrong |= unlike(simd, block, pattern);
    }
    let (blocks, rest) = middle.as_chunks();
    let mut least = u8x64::splat(simd, 0xFF);
    for block in blocks {
        least = least.min(stop_is_0(simd, block));
    }
    wrong |= least.simd_eq(u8x64::splat(simd, 0));
    if let (false, Some(block)) = (rest.is_empty(), middle.last_chunk()) {
        wrong |= stops_in(simd, block);
    } else if rest.iter().copied().any(is_stop) {
        return false;
    }
    !wrong.any_true()
}

/// Set for each byte that is not like the pattern's.
#[inline(always)]
fn unlike<S: Simd>(simd: S, block: &[u8; BLOCK], pattern: &[u8; BLOCK]) -> mask8x64<S> {
    let bytes = u8x64::from_slice(simd, block);
    let pattern = u8x64::from_slice(simd, pattern);
    let is_open = pattern.simd_eq(u8x64::splat(simd, 0));
    (stops_in(simd, block) & is_open) | !(bytes.simd_eq(pattern) | is_open)
}

fn is_stop(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
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
                    let expected = u64::from(is_stop(byte)) << lane;
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
    fn a_text_is_like_a_pattern_in_the_same_places_on_every_level() {
        let mut head = [[b'h'; BLOCK]; 2];
        let mut tail = [b't'; BLOCK];
        head[1][7..20].fill(0);
        head[1][50..].fill(0);
        tail[..9].fill(0);
        for middle in [0, 1, 63, 64, 65, 150] {
            let text = [&[b'h'; 128][..], &vec![b'm'; middle], &[b't'; 64]].concat();
            for level in levels() {
                assert!(is_like_at(level, &text, &head, &tail), "{level:?} {middle}");
                assert!(!is_like_at(level, &text[..191], &head, &tail));
            }
            for at in 0..text.len() {
                let pattern = match at {
                    0..128 => head.as_flattened()[at],
                    _ => at.checked_sub(128 + middle).map_or(0, |at| tail[at]),
                };
                for byte in [b'h', b'm', b't', b'"', b'\\', 0x1F, 0x20, 0x80, 0] {
                    let mut text = text.clone();
                    text[at] = byte;
                    let expected = byte == pattern && pattern != 0
                        || pattern == 0 && byte >= 0x20 && byte != b'"' && byte != b'\\';
                    for level in levels() {
                        let is_like = is_like_at(level, &text, &head, &tail);
                        assert_eq!(is_like, expected, "{level:?} {middle} {at} {byte:#04x}");
                    }
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

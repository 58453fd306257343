//! base64 of whole groups, 8 at a time (RFC 4648 §4).
//!
//! Both directions need shuffles of bytes by index: levels without leave the work to the scalar
//! code in [`crate::base64`], which also does what is left over here.

use core::array;

use fearless_simd::prelude::*;
use fearless_simd::{Simd, dispatch, i16x8, i16x16, i16x32, u8x16, u8x32, u8x64, u16x16, u32x8};

use super::{Level, has_shuffle};
use crate::base64::{ALPHABET, NONE, SEXTETS};

/// Encodes as many whole groups of `src` as fit the vectors to the start of `dst`, which has room
/// for all of `src`; returns how many bytes it took, a multiple of 3.
pub fn encode(level: Level, src: &[u8], dst: &mut [u8]) -> usize {
    if has_shuffle(level) {
        dispatch!(level, simd => encode_with(simd, src, dst))
    } else {
        0
    }
}

/// [`encode`] of 16-bit samples, each as two bytes with the lower one first; returns how many
/// samples it took, a multiple of 3.
pub fn encode_pcm16(level: Level, src: &[i16], dst: &mut [u8]) -> usize {
    // The bytes are loaded as they lie in memory.
    if has_shuffle(level) && cfg!(target_endian = "little") {
        dispatch!(level, simd => encode_with(simd, src, dst)) / 2
    } else {
        0
    }
}

/// Decodes as many whole groups without padding from the start of `src` as there are and as fit the
/// vectors and `dst`; returns how many characters it took, a multiple of 4.
pub fn decode(level: Level, src: &[u8], dst: &mut [u8]) -> usize {
    if has_shuffle(level) {
        dispatch!(level, simd => decode_with(simd, src, dst))
    } else {
        0
    }
}

/// Bytes in memory, whatever they are there.
pub(super) trait Memory {
    /// Groups that whole elements make.
    const GROUPS: usize;

    /// How many they are.
    fn len_bytes(&self) -> usize;

    /// `N` vectors of 64 bytes, each from 48 bytes further on than the one before, the first from
    /// `start`, if there are as many.
    fn vectors<S: Simd, const N: usize>(&self, simd: S, start: usize) -> Option<[u8x64<S>; N]>;

    /// The 16 bytes from `start` and the 16 from 12 bytes further, if there are as many.
    fn pair<S: Simd>(&self, simd: S, start: usize) -> Option<u8x32<S>>;

    /// The 16 bytes from `start`, twice, if there are as many.
    fn single<S: Simd>(&self, simd: S, start: usize) -> Option<u8x32<S>>;
}

impl Memory for [u8] {
    const GROUPS: usize = 1;

    #[inline(always)]
    fn len_bytes(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn vectors<S: Simd, const N: usize>(&self, simd: S, start: usize) -> Option<[u8x64<S>; N]> {
        let bytes = self.get(start..)?.get(..48 * N + 16)?;
        Some(array::from_fn(|n| {
            u8x64::from_slice(simd, &bytes[48 * n..][..64])
        }))
    }

    #[inline(always)]
    fn pair<S: Simd>(&self, simd: S, start: usize) -> Option<u8x32<S>> {
        let bytes = self.get(start..)?.first_chunk::<28>()?;
        let low = u8x16::from_slice(simd, &bytes[..16]);
        Some(low.combine(u8x16::from_slice(simd, &bytes[12..])))
    }

    #[inline(always)]
    fn single<S: Simd>(&self, simd: S, start: usize) -> Option<u8x32<S>> {
        let bytes = self.get(start..)?.first_chunk::<16>()?;
        Some(halves(simd, bytes))
    }
}

impl Memory for [i16] {
    const GROUPS: usize = 2;

    #[inline(always)]
    fn len_bytes(&self) -> usize {
        2 * self.len()
    }

    #[inline(always)]
    fn vectors<S: Simd, const N: usize>(&self, simd: S, start: usize) -> Option<[u8x64<S>; N]> {
        let samples = self.get(start / 2..)?.get(..24 * N + 8)?;
        Some(array::from_fn(|n| {
            i16x32::from_slice(simd, &samples[24 * n..][..32]).bitcast()
        }))
    }

    #[inline(always)]
    fn pair<S: Simd>(&self, simd: S, start: usize) -> Option<u8x32<S>> {
        let samples = self.get(start / 2..)?.first_chunk::<14>()?;
        let low = i16x8::from_slice(simd, &samples[..8]);
        let high = i16x8::from_slice(simd, &samples[6..]);
        Some(low.combine(high).bitcast())
    }

    #[inline(always)]
    fn single<S: Simd>(&self, simd: S, start: usize) -> Option<u8x32<S>> {
        let samples = self.get(start / 2..)?.first_chunk::<8>()?;
        let half = i16x8::from_slice(simd, samples);
        Some(half.combine(half).bitcast())
    }
}

/// Returns how many bytes it took.
#[inline(always)]
fn encode_with<S: Simd, M: Memory + ?Sized>(simd: S, src: &M, dst: &mut [u8]) -> usize {
    let mut read = 0;
    #[cfg(target_arch = "x86_64")]
    if let Some(avx512) = simd.level().as_avx512() {
        read = super::vbmi::encode(avx512, src, dst);
    }
    let mut written = read / 3 * 4;
    // Two halves of 12 bytes, each loaded with the 4 bytes behind it.
    while let (Some(bytes), Some(to)) = (
        src.pair(simd, read),
        dst.get_mut(written..)
            .and_then(|dst| dst.first_chunk_mut::<32>()),
    ) {
        encode_block(simd, bytes).store_slice(to);
        read += 24;
        written += 32;
    }
    if let (Some(bytes), Some(to)) = (
        src.single(simd, read),
        dst.get_mut(written..)
            .and_then(|dst| dst.first_chunk_mut::<16>()),
    ) {
        let (chars, _) = encode_block(simd, bytes).split();
        chars.store_slice(to);
        read += 12;
    }
    read
}

/// The 32 characters that the first 12 bytes of each half become.
#[inline(always)]
fn encode_block<S: Simd>(simd: S, bytes: u8x32<S>) -> u8x32<S> {
    // Each group's 24 bits in the low bits of a lane; what its top byte is does not matter.
    let bits: u32x8<S> = bytes
        .swizzle_dyn_within_blocks(halves(simd, &SPREAD))
        .bitcast();
    let mask = |mask| u32x8::splat(simd, mask);
    let sextets = ((bits >> 18) & mask(0x3F))
        | ((bits >> 4) & mask(0x3F00))
        | ((bits << 10) & mask(0x3F_0000))
        | ((bits << 24) & mask(0x3F00_0000));
    let sextets: u8x32<S> = sextets.bitcast();
    // 0 for the lower case letters, 1 to 12 for what follows them, 13 for the upper case letters:
    // each has its own distance from its characters.
    let range = sextets.saturating_sub(u8x32::splat(simd, 51));
    let upper = sextets.simd_lt(u8x32::splat(simd, 26));
    let range = upper.select(u8x32::splat(simd, 13), range);
    sextets + halves(simd, &DISTANCE).swizzle_dyn_within_blocks(range)
}

#[inline(always)]
fn decode_with<S: Simd>(simd: S, src: &[u8], dst: &mut [u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if let (Some(avx512), 64..) = (simd.level().as_avx512(), src.len()) {
        return super::vbmi::decode(avx512, src, dst);
    }
    let mut read = 0;
    let mut written = 0;
    // Two halves of 12 bytes, each stored with 4 bytes behind it that the next overwrites.
    while let (Some(from), Some(to)) = (
        src.get(read..).and_then(|src| src.first_chunk::<32>()),
        dst.get_mut(written..)
            .and_then(|dst| dst.first_chunk_mut::<28>()),
    ) {
        let Some(bytes) = decode_block(simd, u8x32::from_slice(simd, from)) else {
            return read;
        };
        let (low, high) = bytes.split();
        low.store_slice(&mut to[..16]);
        high.store_slice(&mut to[12..]);
        read += 32;
        written += 24;
    }
    if let (Some(from), Some(to)) = (
        src.get(read..).and_then(|src| src.first_chunk::<16>()),
        dst.get_mut(written..)
            .and_then(|dst| dst.first_chunk_mut::<16>()),
    ) {
        let half = u8x16::from_slice(simd, from);
        let Some(bytes) = decode_block(simd, half.combine(half)) else {
            return read;
        };
        let (bytes, _) = bytes.split();
        bytes.store_slice(to);
        read += 16;
    }
    read
}

/// What 32 characters become, in the first 12 bytes of each half; `None` if one of them is not of
/// the alphabet.
#[inline(always)]
fn decode_block<S: Simd>(simd: S, chars: u8x32<S>) -> Option<u8x32<S>> {
    let nibble = u8x32::splat(simd, 0xF);
    let row = chars >> 4;
    let column = chars & nibble;
    let wrong = halves(simd, &ROW_CLASS).swizzle_dyn_within_blocks(row)
        & halves(simd, &WRONG_CLASSES).swizzle_dyn_within_blocks(column);
    if wrong.simd_gt(u8x32::splat(simd, 0)).any_true() {
        return None;
    }
    let slash = chars.simd_eq(u8x32::splat(simd, b'/'));
    let back = halves(simd, &ROW_BACK).swizzle_dyn_within_blocks(row);
    let back = slash.select(u8x32::splat(simd, SLASH_BACK), back);
    let sextets: u16x16<S> = (chars + back).bitcast();
    // Two characters to 12 bits, two of these to 24; the first is the upper one.
    let twelves = ((sextets & u16x16::splat(simd, 0x3F)) << 6) | (sextets >> 8);
    let twelves: i16x16<S> = twelves.bitcast();
    let weights: i16x16<S> = u32x8::splat(simd, 1 << 16 | 1 << 12).bitcast();
    let bits: u8x32<S> = twelves.pairwise_dot_product(weights).bitcast();
    Some(bits.swizzle_dyn_within_blocks(halves(simd, &GATHER)))
}

/// `table` in both halves.
#[inline(always)]
fn halves<S: Simd>(simd: S, table: &[u8; 16]) -> u8x32<S> {
    let half = u8x16::from_slice(simd, table);
    half.combine(half)
}

/// Where the three bytes of each group stand, the last lowest.
const SPREAD: [u8; 16] = [2, 1, 0, 0, 5, 4, 3, 3, 8, 7, 6, 6, 11, 10, 9, 9];

/// The three low bytes of each lane, the first highest.
const GATHER: [u8; 16] = [2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 15, 15, 15, 15];

/// What to add to a sextet of each range to get its character.
const DISTANCE: [u8; 16] = {
    let mut table = [0; 16];
    table[0] = distance(26);
    let mut sextet = 52;
    while sextet < 64 {
        table[sextet - 51] = distance(sextet);
        sextet += 1;
    }
    table[13] = distance(0);
    table
};

const fn distance(sextet: usize) -> u8 {
    ALPHABET[sextet].wrapping_sub(sextet as u8)
}

/// Whether the character of this row (upper four bits) and column (lower) is of the alphabet.
const fn is_char(row: usize, column: usize) -> bool {
    SEXTETS[row << 4 | column] != NONE
}

/// A bit for each kind of row: rows of a kind have characters of the alphabet in the same columns.
const ROW_CLASS: [u8; 16] = {
    let mut table = [0; 16];
    let mut classes = 0;
    let mut row = 0;
    while row < 16 {
        let mut like = 0;
        while !same_columns(row, like) {
            like += 1;
        }
        if like == row {
            table[row] = 1 << classes;
            classes += 1;
        } else {
            table[row] = table[like];
        }
        row += 1;
    }
    table
};

const fn same_columns(row: usize, other: usize) -> bool {
    let mut column = 0;
    while column < 16 {
        if is_char(row, column) != is_char(other, column) {
            return false;
        }
        column += 1;
    }
    true
}

/// For each column the kinds of rows that have no character of the alphabet in it.
const WRONG_CLASSES: [u8; 16] = {
    let mut table = [0; 16];
    let mut column = 0;
    while column < 16 {
        let mut row = 0;
        while row < 16 {
            if !is_char(row, column) {
                table[column] |= ROW_CLASS[row];
            }
            row += 1;
        }
        column += 1;
    }
    table
};

/// What to add to a character of each row to get its sextet, but for `/`, which shares its row with
/// `+`.
const ROW_BACK: [u8; 16] = {
    let mut table = [0; 16];
    let mut row = 0;
    while row < 16 {
        let mut column = 0;
        while column < 16 {
            if is_char(row, column) && (row << 4 | column) != b'/' as usize {
                table[row] = back(row << 4 | column);
            }
            column += 1;
        }
        row += 1;
    }
    table
};

const SLASH_BACK: u8 = back(b'/' as usize);

const fn back(char: usize) -> u8 {
    SEXTETS[char].wrapping_sub(char as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::levels;

    /// Bytes in which every sextet occurs in every place of a group.
    fn bytes(len: usize) -> impl Iterator<Item = u8> {
        (0..len).map(|at| (at * 97 + at / 64 * 31) as u8)
    }

    #[test]
    fn whole_groups_are_encoded_as_the_scalar_code_encodes_them_on_every_level() {
        for len in 0..400 {
            let src: Vec<u8> = bytes(len).collect();
            let mut expected = vec![0; crate::base64::encoded_len(len)];
            crate::base64::encode_portable(&src, &mut expected);
            for level in levels() {
                for guard in 0..3 {
                    let mut dst = vec![0xA5; expected.len() + guard];
                    let read = encode(level, &src, &mut dst);
                    assert!(read <= len && read.is_multiple_of(3));
                    let written = read / 3 * 4;
                    assert_eq!(dst[..written], expected[..written], "{level:?} {len}");
                    assert!(dst[written..].iter().all(|&byte| byte == 0xA5));
                    assert!(!has_shuffle(level) || len - read < 16);
                }
            }
        }
    }

    #[test]
    fn samples_are_encoded_as_their_bytes_are_on_every_level() {
        for len in 0..200 {
            let src: Vec<u8> = bytes(2 * len).collect();
            let pairs = src.as_chunks::<2>().0.iter();
            let samples: Vec<_> = pairs.map(|&pair| i16::from_le_bytes(pair)).collect();
            let mut expected = vec![0; crate::base64::encoded_len(src.len())];
            crate::base64::encode_portable(&src, &mut expected);
            for level in levels() {
                let mut dst = vec![0xA5; expected.len()];
                let read = encode_pcm16(level, &samples, &mut dst);
                assert!(read <= len && read.is_multiple_of(3));
                let written = 2 * read / 3 * 4;
                assert_eq!(dst[..written], expected[..written], "{level:?} {len}");
                assert!(dst[written..].iter().all(|&byte| byte == 0xA5));
                assert!(!has_shuffle(level) || len - read < 8);
            }
        }
    }

    #[test]
    fn whole_groups_are_decoded_as_the_scalar_code_decodes_them_on_every_level() {
        for len in (0..400).step_by(3) {
            let expected: Vec<u8> = bytes(len).collect();
            let mut src = vec![0; crate::base64::encoded_len(len)];
            crate::base64::encode_portable(&expected, &mut src);
            for level in levels() {
                for room in [0, len / 2, len.saturating_sub(1), len, len + 5] {
                    let mut dst = vec![0xA5; room];
                    let read = decode(level, &src, &mut dst);
                    assert!(read <= src.len() && read.is_multiple_of(4));
                    let written = read / 4 * 3;
                    assert_eq!(dst[..written], expected[..written], "{level:?} {len}");
                    assert!(!has_shuffle(level) || room < len || src.len() - read < 32);
                }
            }
        }
    }

    #[test]
    fn no_group_with_a_character_that_is_not_of_the_alphabet_is_taken_on_any_level() {
        let src = [b'Q'; 96];
        for level in levels() {
            for at in 0..src.len() {
                for byte in 0..=255_u8 {
                    let mut src = src;
                    src[at] = byte;
                    let mut dst = [0; 72 + 4];
                    let read = decode(level, &src, &mut dst);
                    if SEXTETS[usize::from(byte)] == NONE {
                        assert!(read <= at, "{level:?} {at} {byte:#04x}");
                    } else if has_shuffle(level) {
                        assert_eq!(read, src.len());
                        let bits = u32::from_be_bytes([
                            0,
                            dst[at / 4 * 3],
                            dst[at / 4 * 3 + 1],
                            dst[at / 4 * 3 + 2],
                        ]);
                        let sextet = bits >> (18 - 6 * (at % 4)) & 0x3F;
                        assert_eq!(sextet, u32::from(SEXTETS[usize::from(byte)]));
                    }
                }
            }
        }
    }
}

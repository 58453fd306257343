//! base64 with AVX-512's shuffles of whole vectors, 48 bytes and 64 characters at a time.
//!
//! Written by hand because no portable operation stands for the three instructions that make it
//! worth it: one shuffle spreads all groups, one multishift cuts them into sextets, and one look-up
//! in a register holds the whole alphabet (two registers, for the way back). Twins, and oracles:
//! [`encode_portable`](crate::base64::encode_portable) and the vectors of [`base64`](super::base64).
//!
//! Source of the method: W. Muła, D. Lemire, "Base64 encoding and decoding at almost the speed of a
//! memory copy", Software: Practice and Experience 50 (2020), section 3.

use core::arch::x86_64::*;

use fearless_simd::{Avx512, prelude::*, u8x16, u8x32, u8x64};

use super::base64::Memory;
use crate::base64::{ALPHABET, SEXTETS};

/// Encodes all groups of `src` that are whole, in bytes and in elements, to the start of `dst`;
/// returns how many bytes it took, 0 if `src` is shorter than a vector.
#[inline(always)]
pub(super) fn encode<M: Memory + ?Sized>(avx512: Avx512, src: &M, dst: &mut [u8]) -> usize {
    let len = src.len_bytes();
    let Some(last) = len.checked_sub(64) else {
        return 0;
    };
    let mut read = 0;
    let mut chars = dst.chunks_mut(64);
    while let (Some(dst), left @ 3..) = (chars.next(), len - read) {
        // Near the end a vector begins before the groups that it is loaded for.
        let start = read.min(last);
        let Some(bytes) = src.whole(avx512, start) else {
            break;
        };
        let block: u8x64<Avx512> =
            encode_block(avx512, bytes.into(), (read - start) as i8).simd_into(avx512);
        if let (48.., Ok(dst)) = (left, <&mut [u8; 64]>::try_from(&mut *dst)) {
            block.store_slice(dst);
            read += 48;
        } else {
            let groups = (left / 3).min(dst.len() / 4).min(16);
            let groups = groups - groups % M::GROUPS;
            let mut rest = [0; 64];
            block.store_slice(&mut rest);
            copy(&rest, dst, 4 * groups);
            read += 3 * groups;
            break;
        }
    }
    read
}

/// Decodes whole groups without padding from the start of `src` for as long as there are such and
/// `dst` has room; returns how many characters it took, 0 if `src` is shorter than a vector.
#[inline(always)]
pub(super) fn decode(avx512: Avx512, src: &[u8], dst: &mut [u8]) -> usize {
    let mut read = 0;
    let mut bytes = dst.chunks_mut(48);
    let (blocks, rest) = src.as_chunks::<64>();
    for (block, dst) in blocks.iter().zip(&mut bytes) {
        let chars = u8x64::from_slice(avx512, block);
        let (bytes, wrong) = decode_block(avx512, chars.into(), 0);
        if let (0, Ok(dst)) = (wrong, <&mut [u8; 48]>::try_from(&mut *dst)) {
            let bytes: u8x64<Avx512> = bytes.simd_into(avx512);
            let (low, high): (u8x32<_>, u8x32<_>) = bytes.split();
            let (high, _): (u8x16<_>, u8x16<_>) = high.split();
            let (first, second) = dst.split_at_mut(32);
            low.store_slice(first);
            high.store_slice(second);
            read += 64;
        } else {
            return read + store_groups(avx512, bytes, wrong.trailing_zeros(), dst);
        }
    }
    let (rest, _) = rest.as_chunks::<4>();
    let rest = rest.as_flattened();
    if let (Some(dst), 1..) = (bytes.next(), rest.len()) {
        // A vector that ends with the last group and begins before the rest.
        let skip = 64 - rest.len();
        let taken = src.get(..read + rest.len());
        let Some(block) = taken.and_then(|taken| taken.last_chunk::<64>()) else {
            return read;
        };
        let chars = u8x64::from_slice(avx512, block);
        let (bytes, wrong) = decode_block(avx512, chars.into(), skip as i8);
        read += store_groups(avx512, bytes, wrong.trailing_zeros() - skip as u32, dst);
    }
    read
}

/// Stores what the whole groups among the first `chars` characters have become and `dst` has room
/// for; returns how many characters these are.
#[inline(always)]
fn store_groups(avx512: Avx512, bytes: __m512i, chars: u32, dst: &mut [u8]) -> usize {
    let groups = (chars as usize / 4).min(dst.len() / 3);
    let mut block = [0; 64];
    let bytes: u8x64<Avx512> = bytes.simd_into(avx512);
    bytes.store_slice(&mut block);
    copy(&block, dst, 3 * groups);
    4 * groups
}

#[inline(always)]
fn copy(src: &[u8], dst: &mut [u8], len: usize) {
    if let (Some(src), Some(dst)) = (src.get(..len), dst.get_mut(..len)) {
        dst.copy_from_slice(src);
    }
}

fearless_simd::kernel!(
    /// The characters of the 48 bytes from `skip` on, at most 16.
    #[inline]
    fn encode_block(avx512: Avx512, bytes: __m512i, skip: i8) -> __m512i {
        let spread: __m512i = u8x64::from_slice(avx512, &SPREAD).into();
        let alphabet = u8x64::from_slice(avx512, &ALPHABET).into();
        let groups =
            _mm512_permutexvar_epi8(_mm512_add_epi8(spread, _mm512_set1_epi8(skip)), bytes);
        let sextets = _mm512_multishift_epi64_epi8(_mm512_set1_epi64(SHIFTS), groups);
        _mm512_permutexvar_epi8(sextets, alphabet)
    }
);

fearless_simd::kernel!(
    /// What the characters from `skip` on, of 64, become, at the start, and a bit for each of the 64
    /// that is not of the alphabet.
    #[inline]
    fn decode_block(avx512: Avx512, chars: __m512i, skip: i8) -> (__m512i, u64) {
        let low = u8x64::from_slice(avx512, &SEXTETS[..64]).into();
        let high = u8x64::from_slice(avx512, &SEXTETS[64..128]).into();
        let sextets = _mm512_permutex2var_epi8(low, chars, high);
        // Neither the characters above 127 nor what the table has for the others has a top bit of 0.
        let wrong = _mm512_movepi8_mask(_mm512_or_si512(sextets, chars));
        let twelves = _mm512_maddubs_epi16(sextets, _mm512_set1_epi32(0x0140_0140));
        let groups = _mm512_madd_epi16(twelves, _mm512_set1_epi32(0x0001_1000));
        let gather: __m512i = u8x64::from_slice(avx512, &GATHER).into();
        let gather = _mm512_add_epi8(gather, _mm512_set1_epi8(skip));
        (_mm512_permutexvar_epi8(gather, groups), wrong)
    }
);

/// Bytes 1, 0, 2, 1 of each group: where the multishift finds each sextet in one piece.
static SPREAD: [u8; 64] = {
    let mut table = [0; 64];
    let mut at = 0;
    while at < 64 {
        table[at] = (at / 4 * 3) as u8 + [1, 0, 2, 1][at % 4];
        at += 1;
    }
    table
};

/// Where the four sextets of each of two such groups begin, in bits, the first lowest.
const SHIFTS: i64 = i64::from_le_bytes([10, 4, 22, 16, 42, 36, 54, 48]);

/// The three low bytes of each group, the first highest.
static GATHER: [u8; 64] = {
    let mut table = [0; 64];
    let mut at = 0;
    while at < 48 {
        table[at] = (at / 3 * 4 + 2 - at % 3) as u8;
        at += 1;
    }
    table
};

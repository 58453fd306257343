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
    let groups = (src.len_bytes() / 3).min(dst.len() / 4);
    let len = 3 * (groups - groups % M::GROUPS);
    match encode_by::<4, _>(avx512, src, len, dst) {
        0 => encode_by::<1, _>(avx512, src, len, dst),
        read => read,
    }
}

/// Encodes the first `len` bytes, `N` blocks of 48 at a time; returns `len`, or 0 if `src` is
/// shorter than what the vectors of these need.
#[inline(always)]
fn encode_by<const N: usize, M: Memory + ?Sized>(
    avx512: Avx512,
    src: &M,
    len: usize,
    dst: &mut [u8],
) -> usize {
    let mut read = 0;
    let (Some(last_first), Some(last_start)) = (
        len.checked_sub(48 * N),
        src.len_bytes().checked_sub(48 * N + 16),
    ) else {
        return 0;
    };
    while read < len {
        // The last blocks end with the last group: some characters are made once more. Near the end
        // a vector begins before the groups that it is loaded for.
        let first = read.min(last_first);
        let start = first.min(last_start);
        let dst = dst
            .get_mut(first / 3 * 4..)
            .map(|dst| dst.as_chunks_mut::<64>().0);
        let (Some(vectors), Some(dst)) = (
            src.vectors::<_, N>(avx512, start),
            dst.and_then(|dst| dst.first_chunk_mut::<N>()),
        ) else {
            return 0;
        };
        for (bytes, dst) in vectors.into_iter().zip(dst) {
            encode_block(avx512, bytes, (first - start) as i8).store_slice(dst);
        }
        read = first + 48 * N;
    }
    read
}

/// Decodes whole groups without padding from the start of `src` for as long as there are such and
/// `dst` has room; returns how many characters it took, 0 if they are fewer than a vector holds.
#[inline(always)]
pub(super) fn decode(avx512: Avx512, src: &[u8], dst: &mut [u8]) -> usize {
    let padded = usize::from(src.ends_with(b"="));
    let len = (src.len().saturating_sub(padded) / 4).min(dst.len() / 3) * 4;
    let read = decode_by::<4>(avx512, src, 0, len, dst);
    decode_by::<1>(avx512, src, read, len, dst)
}

/// Decodes what is behind the first `read` of the first `len` characters, `N` blocks of 64 at a
/// time, up to one with a character that is not of the alphabet; returns how many characters are
/// decoded then.
#[inline(always)]
fn decode_by<const N: usize>(
    avx512: Avx512,
    src: &[u8],
    mut read: usize,
    len: usize,
    dst: &mut [u8],
) -> usize {
    let Some(last) = len.checked_sub(64 * N) else {
        return read;
    };
    while read < len {
        // The last blocks end with the last group: some bytes are made once more.
        let first = read.min(last);
        let src = src.get(first..).map(|src| src.as_chunks::<64>().0);
        let dst = dst
            .get_mut(first / 4 * 3..)
            .map(|dst| dst.as_chunks_mut::<48>().0);
        let (Some(src), Some(dst)) = (
            src.and_then(|src| src.first_chunk::<N>()),
            dst.and_then(|dst| dst.first_chunk_mut::<N>()),
        ) else {
            return read;
        };
        let blocks = src.map(|chars| decode_block(avx512, u8x64::from_slice(avx512, &chars)));
        let wrong = blocks.iter().fold(0, |wrong, block| wrong | block.1);
        if wrong != 0 {
            return read;
        }
        for ((bytes, _), dst) in blocks.into_iter().zip(dst) {
            store(bytes, dst);
        }
        read = first + 64 * N;
    }
    read
}

/// Stores the first 48 bytes.
#[inline(always)]
fn store(bytes: u8x64<Avx512>, dst: &mut [u8; 48]) {
    let (low, high): (u8x32<_>, u8x32<_>) = bytes.split();
    let (high, _): (u8x16<_>, u8x16<_>) = high.split();
    let (first, second) = dst.split_at_mut(32);
    low.store_slice(first);
    high.store_slice(second);
}

fearless_simd::kernel!(
    /// The characters of the 48 bytes from `skip` on, at most 16.
    #[inline]
    fn encode_block(avx512: Avx512, bytes: u8x64<Avx512>, skip: i8) -> u8x64<Avx512> {
        let spread: __m512i = u8x64::from_slice(avx512, &SPREAD).into();
        let spread = _mm512_add_epi8(spread, _mm512_set1_epi8(skip));
        let alphabet = u8x64::from_slice(avx512, &ALPHABET).into();
        let groups = _mm512_permutexvar_epi8(spread, bytes.into());
        let sextets = _mm512_multishift_epi64_epi8(_mm512_set1_epi64(SHIFTS), groups);
        _mm512_permutexvar_epi8(sextets, alphabet).simd_into(avx512)
    }
);

fearless_simd::kernel!(
    /// What 64 characters become, at the start, and a bit for each that is not of the alphabet.
    #[inline]
    fn decode_block(avx512: Avx512, chars: u8x64<Avx512>) -> (u8x64<Avx512>, u64) {
        let low = u8x64::from_slice(avx512, &SEXTETS[..64]).into();
        let high = u8x64::from_slice(avx512, &SEXTETS[64..128]).into();
        let chars = chars.into();
        let sextets = _mm512_permutex2var_epi8(low, chars, high);
        // Neither the characters above 127 nor what the table has for the others has a top bit of 0.
        let wrong = _mm512_movepi8_mask(_mm512_or_si512(sextets, chars));
        let twelves = _mm512_maddubs_epi16(sextets, _mm512_set1_epi32(0x0140_0140));
        let groups = _mm512_madd_epi16(twelves, _mm512_set1_epi32(0x0001_1000));
        let gather = u8x64::from_slice(avx512, &GATHER).into();
        let bytes = _mm512_permutexvar_epi8(gather, groups);
        (bytes.simd_into(avx512), wrong)
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

//! base64 (RFC 4648 §4) into and out of slices.
//!
//! Strict and canonical: the standard alphabet, padding where it belongs, no white space, and the
//! bits that a shorter last group leaves over must be zero (§3.5). What is accepted is exactly what
//! [`encode`] makes.

mod decoder;

use crate::{
    Error, JsonStr,
    simd::{self, Level},
};

pub use decoder::Decoder;

/// Characters that `bytes` bytes become. Source: RFC 4648 §4.
pub const fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

/// Bytes that the whole text `src` becomes; what [`decode`] needs if `src` is base64 at all.
pub const fn decoded_len(src: &[u8]) -> usize {
    let padding = match src {
        [.., b'=', b'='] => 2,
        [.., b'='] => 1,
        _ => 0,
    };
    (src.len() / 4 * 3).saturating_sub(padding)
}

/// Encodes all of `src` to the start of `dst`; returns the characters written, which are
/// [`encoded_len`]`(src.len())`.
///
/// # Errors
/// [`Error::BufferTooShort`]; nothing was written.
pub fn encode(src: &[u8], dst: &mut [u8]) -> Result<usize, Error> {
    let needed = encoded_len(src.len());
    let actual = dst.len();
    let dst = dst
        .get_mut(..needed)
        .ok_or(Error::BufferTooShort { needed, actual })?;
    encode_groups(simd::detect(), src, dst);
    Ok(needed)
}

/// Encodes 16-bit samples, each as two bytes with the lower one first, to the start of `dst`;
/// returns the characters written, which are [`encoded_len`]`(2 * samples.len())`.
///
/// # Errors
/// [`Error::BufferTooShort`]; nothing was written.
pub fn encode_pcm16(samples: &[i16], dst: &mut [u8]) -> Result<usize, Error> {
    let needed = encoded_len(samples.len().saturating_mul(2));
    let actual = dst.len();
    let dst = dst
        .get_mut(..needed)
        .ok_or(Error::BufferTooShort { needed, actual })?;
    let read = simd::base64::encode_pcm16(simd::detect(), samples, dst);
    let samples = samples.get(read..).unwrap_or_default();
    let dst = dst.get_mut(read / 3 * 8..).unwrap_or_default();
    let mut bytes = [0; 2 * PCM_BLOCK];
    let quads = dst.chunks_mut(encoded_len(2 * PCM_BLOCK));
    for (block, quads) in samples.chunks(PCM_BLOCK).zip(quads) {
        for (to, sample) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(block) {
            *to = sample.to_le_bytes();
        }
        let bytes = bytes.get(..2 * block.len()).unwrap_or_default();
        encode_portable(bytes, quads);
    }
    Ok(needed)
}

/// Decodes all of `src`, one whole text, to the start of `dst`; returns the bytes written, which
/// are [`decoded_len`]`(src)`.
///
/// # Errors
/// [`Error::BufferTooShort`], nothing was written; [`Error::InvalidBase64`] with the offset of the
/// first character that cannot stand where it does, or the length of `src` where more characters
/// are due: `dst` may have been written to.
pub fn decode(src: &[u8], dst: &mut [u8]) -> Result<usize, Error> {
    let needed = decoded_len(src);
    let actual = dst.len();
    let dst = dst
        .get_mut(..needed)
        .ok_or(Error::BufferTooShort { needed, actual })?;
    let mut decoder = Decoder::new();
    let written = decoder.feed(src, dst, true)?;
    decoder.finish(src.len())?;
    Ok(written)
}

/// [`decode`] of a string in a JSON text, whose escapes (some writers make `\/` of `/`) are undone
/// on the way.
///
/// # Errors
/// As [`decode`]; the offset is that of the escaped form, [`JsonStr::raw`].
pub fn decode_str(src: JsonStr<'_>, dst: &mut [u8]) -> Result<usize, Error> {
    if let Some(plain) = src.as_plain() {
        return decode(plain.as_bytes(), dst);
    }
    let mut decoder = Decoder::new();
    let written = decoder.feed_escaped(src, dst, true)?;
    decoder.finish(src.raw().len())?;
    Ok(written)
}

/// Encodes `src` into `dst`, which has just the room.
#[inline]
fn encode_groups(level: Level, src: &[u8], dst: &mut [u8]) {
    let read = simd::base64::encode(level, src, dst);
    let rest = (src.get(read..), dst.get_mut(read / 3 * 4..));
    if let (Some(src), Some(dst)) = rest {
        encode_portable(src, dst);
    }
}

/// [`encode_groups`] without vectors.
pub(crate) fn encode_portable(src: &[u8], dst: &mut [u8]) {
    let (groups, rest) = src.as_chunks::<3>();
    let (quads, _) = dst.as_chunks_mut::<4>();
    let mut quads = quads.iter_mut();
    for (&[a, b, c], quad) in groups.iter().zip(&mut quads) {
        *quad = encode_group(a, b, c);
    }
    if let Some(quad) = quads.next() {
        *quad = match *rest {
            [a] => {
                let [x, y, ..] = encode_group(a, 0, 0);
                [x, y, b'=', b'=']
            }
            [a, b] => {
                let [x, y, z, _] = encode_group(a, b, 0);
                [x, y, z, b'=']
            }
            _ => return,
        };
    }
}

#[inline]
fn encode_group(a: u8, b: u8, c: u8) -> [u8; 4] {
    let bits = u32::from_be_bytes([0, a, b, c]);
    let char = |shift: u32| ALPHABET[(bits >> shift & 0x3F) as usize];
    [char(18), char(12), char(6), char(0)]
}

/// Samples encoded at a time by way of the stack where there are no vectors; a multiple of 3, so that no block but the last is
/// padded.
const PCM_BLOCK: usize = 96;

/// Source: RFC 4648 §4, table 1.
pub(crate) static ALPHABET: [u8; 64] =
    *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Not a character of the alphabet. Its bits contain those of every sextet.
pub(crate) const NONE: u8 = 0xFF;

/// What each character stands for, or [`NONE`].
pub(crate) static SEXTETS: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut sextet = 0;
    while sextet < 64 {
        table[ALPHABET[sextet as usize] as usize] = sextet;
        sextet += 1;
    }
    table
};

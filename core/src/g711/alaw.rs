//! A-law, the law of Europe and most of the rest of the world.
//!
//! Codes carry the inversion of their even bits, as they travel on the line.

use super::{map_bytes, same_length};
use crate::{Error, mulaw, simd};

/// The code of the smallest positive sample; A-law has no code for zero.
pub const SILENCE: u8 = 0xD5;

/// Decodes one sample: 16-bit linear, −32,256 to 32,256, never 0.
///
/// Source: ITU-T G.711 table 1a/1b.
pub const fn decode_sample(code: u8) -> i16 {
    DECODED[code as usize]
}

/// Encodes one 16-bit linear sample; decoding and encoding again gives the same code.
///
/// Source: ITU-T G.711 table 1a/1b, ITU-T G.191 module G711.
pub const fn encode_sample(sample: i16) -> u8 {
    let code = COMPRESSED[magnitude(sample) as usize];
    if sample < 0 { code & 0x7F } else { code }
}

/// The μ-law code for an A-law code, through the linear value; see the [module](super) docs.
pub const fn to_mulaw_sample(code: u8) -> u8 {
    TO_MULAW[code as usize]
}

/// Decodes `src`, one A-law code per byte, into as many 16-bit linear samples.
///
/// # Errors
/// [`Error::LengthMismatch`] when the lengths differ; nothing is written then.
pub fn decode(src: &[u8], dst: &mut [i16]) -> Result<(), Error> {
    same_length(src.len(), dst.len())?;
    simd::g711::decode_alaw(simd::detect(), src, dst);
    Ok(())
}

/// Encodes `src`, 16-bit linear samples, into as many A-law codes.
///
/// # Errors
/// [`Error::LengthMismatch`] when the lengths differ; nothing is written then.
pub fn encode(src: &[i16], dst: &mut [u8]) -> Result<(), Error> {
    same_length(src.len(), dst.len())?;
    simd::g711::encode_alaw(simd::detect(), src, dst);
    Ok(())
}

/// Converts A-law codes into as many μ-law codes, through the linear value; see the
/// [module](super) docs.
///
/// # Errors
/// [`Error::LengthMismatch`] when the lengths differ; nothing is written then.
pub fn to_mulaw(src: &[u8], dst: &mut [u8]) -> Result<(), Error> {
    map_bytes(&TO_MULAW, src, dst)
}

/// The 12-bit magnitude that is coded, 0 to 2,047.
const fn magnitude(sample: i16) -> u16 {
    ((if sample < 0 { !sample } else { sample }) >> 4) as u16
}

/// The code of a positive sample of this 12-bit magnitude.
const fn compress(magnitude: u16) -> u8 {
    let code = if magnitude < 32 {
        magnitude
    } else {
        let segment = magnitude.ilog2() as u16 - 3;
        segment << 4 | (magnitude >> (segment - 1)) & 0x0F
    };
    (code as u8 | 0x80) ^ EVEN_BITS
}

const fn expand(code: u8) -> i16 {
    let plain = code ^ EVEN_BITS;
    let segment = (plain >> 4) & 7;
    let step = (plain & 0x0F) as i16;
    // The middle of the interval: half a step above its lower decision value.
    let magnitude = match segment {
        0 => (2 * step + 1) << 3,
        _ => (2 * step + 33) << (segment + 2),
    };
    if plain & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// Inverted on the line. Source: ITU-T G.711 table 1a, note 2.
pub(crate) const EVEN_BITS: u8 = 0x55;

static DECODED: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = expand(code as u8);
        code += 1;
    }
    table
};

static COMPRESSED: [u8; 2_048] = {
    let mut table = [0; 2_048];
    let mut magnitude = 0;
    while magnitude < 2_048 {
        table[magnitude] = compress(magnitude as u16);
        magnitude += 1;
    }
    table
};

static TO_MULAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = mulaw::encode_sample(expand(code as u8));
        code += 1;
    }
    table
};

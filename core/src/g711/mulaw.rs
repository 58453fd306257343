//! μ-law, the law of North America and Japan, and of Twilio's Media Streams.

use super::{Variant, map_bytes, same_length};
use crate::{Error, alaw, simd};

/// The code of a zero sample.
pub const SILENCE: u8 = 0xFF;

/// Decodes one sample: 16-bit linear, −32,124 to 32,124.
///
/// Source: ITU-T G.711 table 2a/2b.
pub const fn decode_sample(code: u8) -> i16 {
    DECODED[code as usize]
}

/// Encodes one 16-bit linear sample as ITU-T's reference does.
///
/// Decoding and encoding again gives the same code, except that 0x7F (negative zero) becomes 0xFF.
/// Source: ITU-T G.711 table 2a/2b, ITU-T G.191 module G711.
pub const fn encode_sample(sample: i16) -> u8 {
    encode_sample_with(Variant::Itu, sample)
}

/// Encodes one 16-bit linear sample as the named [`Variant`] of encoder does.
pub const fn encode_sample_with(variant: Variant, sample: i16) -> u8 {
    let code = COMPRESSED[magnitude(variant, sample) as usize];
    if sample < 0 { code & 0x7F } else { code }
}

/// The A-law code for a μ-law code, through the linear value; see the [module](super) docs.
pub const fn to_alaw_sample(code: u8) -> u8 {
    TO_ALAW[code as usize]
}

/// Decodes `src`, one μ-law code per byte, into as many 16-bit linear samples.
///
/// # Errors
/// [`Error::LengthMismatch`] when the lengths differ; nothing is written then.
pub fn decode(src: &[u8], dst: &mut [i16]) -> Result<(), Error> {
    same_length(src.len(), dst.len())?;
    simd::g711::decode_mulaw(simd::detect(), src, dst);
    Ok(())
}

/// Encodes `src`, 16-bit linear samples, into as many μ-law codes, as ITU-T's reference does.
///
/// # Errors
/// [`Error::LengthMismatch`] when the lengths differ; nothing is written then.
pub fn encode(src: &[i16], dst: &mut [u8]) -> Result<(), Error> {
    encode_with(Variant::Itu, src, dst)
}

/// Encodes `src`, 16-bit linear samples, into as many μ-law codes, as the named [`Variant`] of
/// encoder does.
///
/// # Errors
/// [`Error::LengthMismatch`] when the lengths differ; nothing is written then.
pub fn encode_with(variant: Variant, src: &[i16], dst: &mut [u8]) -> Result<(), Error> {
    same_length(src.len(), dst.len())?;
    simd::g711::encode_mulaw(simd::detect(), variant, src, dst);
    Ok(())
}

/// Converts μ-law codes into as many A-law codes, through the linear value; see the
/// [module](super) docs.
///
/// # Errors
/// [`Error::LengthMismatch`] when the lengths differ; nothing is written then.
pub fn to_alaw(src: &[u8], dst: &mut [u8]) -> Result<(), Error> {
    map_bytes(&TO_ALAW, src, dst)
}

/// The 14-bit magnitude that is coded, 0 to 8,192; the only place where the variants differ.
const fn magnitude(variant: Variant, sample: i16) -> u16 {
    let wide = sample as i32;
    let folded = if wide >= 0 {
        wide >> 2
    } else {
        match variant {
            Variant::Itu => !wide >> 2,
            Variant::Sun => -wide >> 2,
            Variant::Audioop => -(wide >> 2),
        }
    };
    folded as u16
}

/// The code of a positive sample of this 14-bit magnitude.
const fn compress(magnitude: u16) -> u8 {
    let biased = (if magnitude > CLIP { CLIP } else { magnitude }) + BIAS;
    let segment = biased.ilog2() - 5;
    let step = (biased >> (segment + 1)) & 0x0F;
    !((segment as u8) << 4 | step as u8)
}

const fn expand(code: u8) -> i16 {
    let segment = (!code >> 4) & 7;
    let step = (!code & 0x0F) as i16;
    let magnitude = (((2 * step + BIAS as i16) << segment) - BIAS as i16) << 2;
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// Added to a magnitude so that the segments end at powers of two.
///
/// Source: ITU-T G.711 table 2a, decision values of the first segment (spaced 2 from −1, 1, 3 …).
pub(crate) const BIAS: u16 = 33;

/// Largest magnitude with a code of its own.
pub(crate) const CLIP: u16 = 8_191 - BIAS;

static DECODED: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = expand(code as u8);
        code += 1;
    }
    table
};

static COMPRESSED: [u8; 8_193] = {
    let mut table = [0; 8_193];
    let mut magnitude = 0;
    while magnitude <= 8_192 {
        table[magnitude] = compress(magnitude as u16);
        magnitude += 1;
    }
    table
};

static TO_ALAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = alaw::encode_sample(expand(code as u8));
        code += 1;
    }
    table
};

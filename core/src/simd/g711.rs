//! G.711 over slices: arithmetic in vectors where one sample at a time looks tables up.
//!
//! A code is a small floating-point number: sign, three bits of exponent, four of mantissa. So the
//! encoders let the conversion of the magnitude to `f32` find exponent and mantissa, and the
//! decoders multiply the mantissa by a power of two that a byte shuffle looks up.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, dispatch};

use super::{Level, has_shuffle};
use crate::g711::{Variant, alaw, mulaw};

/// Decodes `src` into `dst`, which is as long.
pub fn decode_mulaw(level: Level, src: &[u8], dst: &mut [i16]) {
    if !has_shuffle(level) || src.len() < MIN_LEN {
        scalar::decode_mulaw(src, dst);
    } else {
        dispatch!(level, simd => decode::<_, false>(simd, src, dst));
    }
}

/// Decodes `src` into `dst`, which is as long.
pub fn decode_alaw(level: Level, src: &[u8], dst: &mut [i16]) {
    if !has_shuffle(level) || src.len() < MIN_LEN {
        scalar::decode_alaw(src, dst);
    } else {
        dispatch!(level, simd => decode::<_, true>(simd, src, dst));
    }
}

/// Encodes `src` into `dst`, which is as long.
pub fn encode_mulaw(level: Level, variant: Variant, src: &[i16], dst: &mut [u8]) {
    if level.is_fallback() || src.len() < MIN_LEN {
        scalar::encode_mulaw(variant, src, dst);
    } else {
        match variant {
            Variant::Itu => dispatch!(level, simd => encode::<_, ITU>(simd, src, dst)),
            Variant::Sun => dispatch!(level, simd => encode::<_, SUN>(simd, src, dst)),
            Variant::Audioop => dispatch!(level, simd => encode::<_, AUDIOOP>(simd, src, dst)),
        }
    }
}

/// Encodes `src` into `dst`, which is as long.
pub fn encode_alaw(level: Level, src: &[i16], dst: &mut [u8]) {
    if level.is_fallback() || src.len() < MIN_LEN {
        scalar::encode_alaw(src, dst);
    } else {
        dispatch!(level, simd => encode::<_, ALAW>(simd, src, dst));
    }
}

#[inline(always)]
fn decode<S: Simd, const ALAW: bool>(simd: S, src: &[u8], dst: &mut [i16]) {
    let mut at = 0;
    while let Some((codes, samples, next)) = step(src, dst, at, S::u8s::LEN) {
        let (low, high) = expand::<S, ALAW>(simd, S::u8s::from_slice(simd, codes));
        let (first, second) = samples.split_at_mut(S::i16s::LEN);
        low.store_slice(first);
        high.store_slice(second);
        at = next;
    }
}

#[inline(always)]
fn encode<S: Simd, const KIND: u8>(simd: S, src: &[i16], dst: &mut [u8]) {
    let mut at = 0;
    while let Some((samples, codes, next)) = step(src, dst, at, S::u8s::LEN) {
        let (low, high) = samples.split_at(S::i16s::LEN);
        let low = compress::<S, KIND>(simd, S::i16s::from_slice(simd, low));
        let high = compress::<S, KIND>(simd, S::i16s::from_slice(simd, high));
        let (low, high): (S::u16s, S::u16s) = (low.bitcast(), high.bitcast());
        low.relaxed_narrow(high).store_slice(codes);
        at = next;
    }
}

/// The next `lanes` elements of both slices when `at` are done, and how many are done then. The last
/// step goes back over elements already done rather than leave a remainder, so there must be `lanes`
/// of them at least. Checked throughout, so that no panic is left in the machine code.
#[inline(always)]
fn step<'s, 'd, A, B>(
    src: &'s [A],
    dst: &'d mut [B],
    at: usize,
    lanes: usize,
) -> Option<(&'s [A], &'d mut [B], usize)> {
    if at >= src.len() {
        return None;
    }
    let start = at.min(src.len().checked_sub(lanes)?);
    let (src, _) = src.get(start..)?.split_at_checked(lanes)?;
    let (dst, _) = dst.get_mut(start..)?.split_at_mut_checked(lanes)?;
    Some((src, dst, start + lanes))
}

/// Codes, as 16-bit numbers 0 to 255, of samples.
#[inline(always)]
fn compress<S: Simd, const KIND: u8>(simd: S, samples: S::i16s) -> S::i16s {
    let sign = samples >> 15;
    let plain = if KIND == ALAW {
        let magnitude = (samples ^ sign) >> 4;
        let segmented = float_bits(simd, magnitude) - S::i16s::splat(simd, ALAW_EXPONENT);
        // The first two segments are linear; below 16 the exponent would go on falling.
        let linear = magnitude.simd_lt(S::i16s::splat(simd, 32));
        linear.select(magnitude, segmented) ^ S::i16s::splat(simd, alaw::EVEN_BITS.into())
    } else {
        let magnitude = match KIND {
            ITU => (samples ^ sign) >> 2,
            SUN => {
                // The magnitude of −32,768 needs the sixteenth bit.
                let magnitude: S::u16s = ((samples ^ sign) - sign).bitcast();
                (magnitude >> 2).bitcast()
            }
            _ => ((samples >> 2) ^ sign) - sign,
        };
        let clipped = magnitude.min(S::i16s::splat(simd, mulaw::CLIP as i16));
        let biased = clipped + S::i16s::splat(simd, mulaw::BIAS as i16);
        (float_bits(simd, biased) - S::i16s::splat(simd, MULAW_EXPONENT))
            ^ S::i16s::splat(simd, 0x7F)
    };
    plain ^ (!sign & S::i16s::splat(simd, 0x80))
}

/// Exponent (biased by 127) and the upper four bits of the mantissa of non-negative numbers.
#[inline(always)]
fn float_bits<S: Simd>(_: S, magnitudes: S::i16s) -> S::i16s {
    let (low, high) = magnitudes.widen();
    let (low, high): (S::f32s, S::f32s) = (low.to_float(), high.to_float());
    let (low, high): (S::i32s, S::i32s) = (low.bitcast(), high.bitcast());
    (low >> 19).relaxed_narrow(high >> 19)
}

/// Samples of codes: the mantissa times a power of two with the code's sign, both times 4 to fill
/// 16 bits, less the bias of μ-law.
#[inline(always)]
fn expand<S: Simd, const ALAW: bool>(simd: S, codes: S::u8s) -> (S::i16s, S::i16s) {
    // Inverted so that the top bit is set for negative samples in both laws.
    let line = if ALAW { alaw::EVEN_BITS | 0x80 } else { 0xFF };
    let plain = codes ^ S::u8s::splat(simd, line);
    let segment = plain >> 4;
    let [low, high] = if ALAW { ALAW_POWERS } else { MULAW_POWERS };
    let low = shuffle::<S>(simd, low, segment);
    let high = shuffle::<S>(simd, high, segment);
    let steps = (plain << 3) & S::u8s::splat(simd, 0x78);
    let mantissa = if ALAW {
        steps + shuffle::<S>(simd, ALAW_OFFSETS, segment)
    } else {
        steps + S::u8s::splat(simd, 4 * mulaw::BIAS as u8)
    };
    let (low_power, high_power) = low.interleave(high);
    let (low, high) = mantissa.widen();
    (
        multiply::<S, ALAW>(simd, low.bitcast(), low_power.bitcast()),
        multiply::<S, ALAW>(simd, high.bitcast(), high_power.bitcast()),
    )
}

#[inline(always)]
fn multiply<S: Simd, const ALAW: bool>(simd: S, mantissa: S::i16s, power: S::i16s) -> S::i16s {
    let product = mantissa * power;
    if ALAW {
        return product;
    }
    let bias = 4 * mulaw::BIAS as i16;
    let twice = (power >> 15) & S::i16s::splat(simd, 2 * bias);
    product + twice - S::i16s::splat(simd, bias)
}

#[inline(always)]
fn shuffle<S: Simd>(simd: S, table: [u8; 16], indices: S::u8s) -> S::u8s {
    S::u8s::block_splat(table.simd_into(simd)).swizzle_dyn_within_blocks(indices)
}

/// Low and high bytes of `2^segment`, negative for the upper eight.
const MULAW_POWERS: [[u8; 16]; 2] = bytes_of_powers([0, 1, 2, 3, 4, 5, 6, 7]);

/// As [`MULAW_POWERS`], of twice the step: the first two segments have the same.
const ALAW_POWERS: [[u8; 16]; 2] = bytes_of_powers([1, 1, 2, 3, 4, 5, 6, 7]);

/// Four times the middle of a segment's first step: only the first segment starts at 0.
const ALAW_OFFSETS: [u8; 16] = {
    let mut offsets = [4 * 33; 16];
    offsets[0] = 4;
    offsets[8] = 4;
    offsets
};

const fn bytes_of_powers(exponents: [u32; 8]) -> [[u8; 16]; 2] {
    let mut bytes = [[0; 16]; 2];
    let mut segment = 0;
    while segment < 16 {
        let power = 1_i16 << exponents[segment % 8];
        let [low, high] = if segment < 8 { power } else { -power }.to_le_bytes();
        (bytes[0][segment], bytes[1][segment]) = (low, high);
        segment += 1;
    }
    bytes
}

/// The widest vector; shorter slices are not worth a dispatch.
const MIN_LEN: usize = 64;

/// A biased magnitude of 2^5, the first segment's, becomes 0.
const MULAW_EXPONENT: i16 = (127 + 5) << 4;

/// A magnitude of 2^4, the second segment's, becomes 1 << 4.
const ALAW_EXPONENT: i16 = (127 + 3) << 4;

const ITU: u8 = 0;
const SUN: u8 = 1;
const AUDIOOP: u8 = 2;
const ALAW: u8 = 3;

/// What the kernels compute: the tables, sample by sample.
mod scalar {
    use super::{Variant, alaw, mulaw};

    pub(super) fn decode_mulaw(src: &[u8], dst: &mut [i16]) {
        for (to, &from) in dst.iter_mut().zip(src) {
            *to = mulaw::decode_sample(from);
        }
    }

    pub(super) fn encode_mulaw(variant: Variant, src: &[i16], dst: &mut [u8]) {
        for (to, &from) in dst.iter_mut().zip(src) {
            *to = mulaw::encode_sample_with(variant, from);
        }
    }

    pub(super) fn decode_alaw(src: &[u8], dst: &mut [i16]) {
        for (to, &from) in dst.iter_mut().zip(src) {
            *to = alaw::decode_sample(from);
        }
    }

    pub(super) fn encode_alaw(src: &[i16], dst: &mut [u8]) {
        for (to, &from) in dst.iter_mut().zip(src) {
            *to = alaw::encode_sample(from);
        }
    }
}

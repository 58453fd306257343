//! G.711 over slices: arithmetic in vectors where one sample at a time looks tables up.
//!
//! A code is a small floating-point number: sign, three bits of exponent, four of mantissa. So the
//! encoders let the conversion of the magnitude to `f32` find exponent and mantissa, and the
//! decoders shift by each bit of the exponent in turn, which needs no shift by lane.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, dispatch};

use super::Level;
use crate::g711::{Variant, alaw, mulaw};

/// Decodes `src` into `dst`, which is as long.
pub fn decode_mulaw(level: Level, src: &[u8], dst: &mut [i16]) {
    if level.is_fallback() || src.len() < MIN_LEN {
        scalar::decode_mulaw(src, dst);
    } else {
        dispatch!(level, simd => decode::<_, false>(simd, src, dst));
    }
}

/// Decodes `src` into `dst`, which is as long.
pub fn decode_alaw(level: Level, src: &[u8], dst: &mut [i16]) {
    if level.is_fallback() || src.len() < MIN_LEN {
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
    while let Some(start) = vector_start(at, src.len(), S::u8s::LEN) {
        let codes = S::u8s::from_slice(simd, &src[start..start + S::u8s::LEN]);
        let (low, high) = codes.widen();
        let (to_low, to_high) = dst[start..start + S::u8s::LEN].split_at_mut(S::i16s::LEN);
        if ALAW {
            expand_alaw(simd, low.bitcast()).store_slice(to_low);
            expand_alaw(simd, high.bitcast()).store_slice(to_high);
        } else {
            expand_mulaw(simd, low.bitcast()).store_slice(to_low);
            expand_mulaw(simd, high.bitcast()).store_slice(to_high);
        }
        at = start + S::u8s::LEN;
    }
}

#[inline(always)]
fn encode<S: Simd, const KIND: u8>(simd: S, src: &[i16], dst: &mut [u8]) {
    let mut at = 0;
    while let Some(start) = vector_start(at, src.len(), S::u8s::LEN) {
        let (low, high) = src[start..start + S::u8s::LEN].split_at(S::i16s::LEN);
        let low = compress::<S, KIND>(simd, S::i16s::from_slice(simd, low));
        let high = compress::<S, KIND>(simd, S::i16s::from_slice(simd, high));
        let (low, high): (S::u16s, S::u16s) = (low.bitcast(), high.bitcast());
        low.relaxed_narrow(high)
            .store_slice(&mut dst[start..start + S::u8s::LEN]);
        at = start + S::u8s::LEN;
    }
}

/// Where the next vector starts when `at` samples are done. The last one steps back over samples
/// already done rather than leave a remainder, so there must be a whole vector of them at least.
#[inline(always)]
fn vector_start(at: usize, len: usize, lanes: usize) -> Option<usize> {
    (at < len).then(|| at.min(len - lanes))
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

/// Samples of codes, given as 16-bit numbers 0 to 255.
#[inline(always)]
fn expand_mulaw<S: Simd>(simd: S, codes: S::i16s) -> S::i16s {
    let plain = codes ^ S::i16s::splat(simd, 0xFF);
    let bias = S::i16s::splat(simd, mulaw::BIAS as i16);
    let step = (plain & S::i16s::splat(simd, 0x0F)) << 1;
    let scaled = scale::<S>(step + bias, plain << 9, plain << 10, plain << 11);
    let sign = (plain << 8) >> 15;
    (((scaled - bias) << 2) ^ sign) - sign
}

/// Samples of codes, given as 16-bit numbers 0 to 255.
#[inline(always)]
fn expand_alaw<S: Simd>(simd: S, codes: S::i16s) -> S::i16s {
    let plain = codes ^ S::i16s::splat(simd, alaw::EVEN_BITS.into());
    let zero = S::i16s::splat(simd, 0);
    let segment = (plain >> 4) & S::i16s::splat(simd, 7);
    // The first segment has the second one's step but not its offset.
    let offset = ((zero - segment) >> 15) & S::i16s::splat(simd, 32);
    let exponent = (segment - S::i16s::splat(simd, 1)).max(zero);
    let step = ((plain & S::i16s::splat(simd, 0x0F)) << 1) + S::i16s::splat(simd, 1);
    let scaled = scale::<S>(
        step + offset,
        exponent << 13,
        exponent << 14,
        exponent << 15,
    );
    let sign = ((plain ^ S::i16s::splat(simd, 0x80)) << 8) >> 15;
    ((scaled << 3) ^ sign) - sign
}

/// `value << exponent`, the exponent given by three numbers that are negative where its bits of
/// value 4, 2 and 1 are set.
#[inline(always)]
fn scale<S: Simd>(value: S::i16s, four: S::i16s, two: S::i16s, one: S::i16s) -> S::i16s {
    let value = value + (value & (one >> 15));
    let value = value ^ ((value ^ (value << 2)) & (two >> 15));
    value ^ ((value ^ (value << 4)) & (four >> 15))
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

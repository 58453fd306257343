//! G.711 into arrays that are there already. `lib/g711.cjs` makes what users see of it.

use napi::bindgen_prelude::*;
use trunkline::g711::{Variant, alaw, mulaw};

use crate::buffer::{Number, Source, Target};
use crate::error::OrThrow;

/// Decodes μ-law to 16-bit samples, one for each byte.
pub(crate) fn mulaw_decode_into(env: Env, src: Source, mut dst: Target) -> Result<()> {
    let dst = dst.samples(Some(&src))?;
    mulaw::decode(src.bytes()?, dst).or_throw(env)
}

/// Encodes 16-bit samples as μ-law; `variant` is the index of `itu`, `sun` or `audioop`.
pub(crate) fn mulaw_encode_into(
    env: Env,
    src: Source,
    mut dst: Target,
    variant: Number,
) -> Result<()> {
    let variant = match variant.0 {
        0.0 => Variant::Itu,
        1.0 => Variant::Sun,
        2.0 => Variant::Audioop,
        _ => return unknown_variant(env),
    };
    let dst = dst.bytes(&src)?;
    mulaw::encode_with(variant, &src.samples()?, dst).or_throw(env)
}

/// Decodes A-law to 16-bit samples, one for each byte.
pub(crate) fn alaw_decode_into(env: Env, src: Source, mut dst: Target) -> Result<()> {
    let dst = dst.samples(Some(&src))?;
    alaw::decode(src.bytes()?, dst).or_throw(env)
}

/// Encodes 16-bit samples as A-law; `variant` is the index of `itu` or `alawmulaw`.
pub(crate) fn alaw_encode_into(
    env: Env,
    src: Source,
    mut dst: Target,
    variant: Number,
) -> Result<()> {
    let dst = dst.bytes(&src)?;
    let src = src.samples()?;
    match variant.0 {
        0.0 => alaw::encode(&src, dst),
        1.0 => encode_negated(&src, dst),
        _ => return unknown_variant(env),
    }
    .or_throw(env)
}

/// A-law of the package `alawmulaw`, which negates where the Recommendation complements. The
/// complement of one less is the negative.
fn encode_negated(src: &[i16], dst: &mut [u8]) -> std::result::Result<(), trunkline::Error> {
    if src.len() != dst.len() {
        return alaw::encode(src, dst);
    }
    let mut shifted = [0; 512];
    for (src, dst) in src.chunks(shifted.len()).zip(dst.chunks_mut(shifted.len())) {
        let shifted = &mut shifted[..src.len()];
        for (to, &sample) in shifted.iter_mut().zip(src) {
            *to = sample.saturating_sub(i16::from(sample < 0));
        }
        alaw::encode(shifted, dst)?;
    }
    Ok(())
}

fn unknown_variant(env: Env) -> Result<()> {
    Err(trunkline::Error::InvalidField { name: "variant" }).or_throw(env)
}

//! G.711 over slices.

use super::Level;
use crate::g711::{Variant, alaw, mulaw};

/// Decodes `src` into `dst`, which is as long.
pub(crate) fn decode_mulaw(_level: Level, src: &[u8], dst: &mut [i16]) {
    scalar::decode_mulaw(src, dst);
}

/// Encodes `src` into `dst`, which is as long.
pub(crate) fn encode_mulaw(_level: Level, variant: Variant, src: &[i16], dst: &mut [u8]) {
    scalar::encode_mulaw(variant, src, dst);
}

/// Decodes `src` into `dst`, which is as long.
pub(crate) fn decode_alaw(_level: Level, src: &[u8], dst: &mut [i16]) {
    scalar::decode_alaw(src, dst);
}

/// Encodes `src` into `dst`, which is as long.
pub(crate) fn encode_alaw(_level: Level, src: &[i16], dst: &mut [u8]) {
    scalar::encode_alaw(src, dst);
}

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

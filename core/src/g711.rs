//! G.711 audio: μ-law and A-law, one byte per sample at 8 kHz.
//!
//! Linear samples are 16-bit, full scale: the 14-bit (μ-law) or 13-bit (A-law) values of the
//! Recommendation, left-justified.
//!
//! Decoders agree everywhere. Encoders for μ-law do not: three kinds are in use, which differ for
//! some negative samples by one code; [`Variant`] names them. All A-law encoders agree.
//!
//! Direct conversion between the laws, [`mulaw::to_alaw`] and [`alaw::to_mulaw`], decodes to the
//! linear value and encodes that by the ITU-T rule, as two gateways with a linear link between them
//! would. This is not the conversion by number of tables 3 and 4 of the Recommendation, which for
//! some codes lands one step away.
//!
//! ```
//! use trunkline::mulaw;
//!
//! let caller = [mulaw::SILENCE; 160]; // 20 ms
//! let mut pcm = [1_i16; 160];
//! mulaw::decode(&caller, &mut pcm)?;
//! assert_eq!(pcm, [0; 160]);
//! # Ok::<(), trunkline::Error>(())
//! ```
//!
//! Nothing here keeps state or allocates. Source of all constants: ITU-T G.711 (11/1988), tables
//! 1a to 2b, and for the left-justified 16-bit form ITU-T G.191 (03/2023), module G711.

use crate::Error;

pub mod alaw;
pub mod mulaw;

/// How a μ-law encoder folds a negative 16-bit sample into the 14-bit magnitude it codes.
///
/// Non-negative samples code alike in all. Decoders need no variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Variant {
    /// One's complement, as ITU-T's reference software does: `(-1 - x) >> 2`.
    ///
    /// Source: ITU-T G.191, module G711, μ-law compression.
    #[default]
    Itu,
    /// Two's complement before dropping two bits: `-x >> 2`. The common 16-bit encoder with bias
    /// 0x84, which many telephony programs share; differs from [`Variant::Itu`] for 127 samples.
    Sun,
    /// Drops two bits by an arithmetic shift before the two's complement: `-(x >> 2)`. Python's
    /// `audioop.lin2ulaw`; differs from [`Variant::Itu`] for 508 samples.
    Audioop,
}

fn same_length(src: usize, dst: usize) -> Result<(), Error> {
    if src != dst {
        return Err(Error::LengthMismatch {
            expected: src,
            actual: dst,
        });
    }
    Ok(())
}

/// Looks every byte up; the conversions between the laws are too rare to deserve a kernel.
fn map_bytes(table: &[u8; 256], src: &[u8], dst: &mut [u8]) -> Result<(), Error> {
    same_length(src.len(), dst.len())?;
    for (to, &from) in dst.iter_mut().zip(src) {
        *to = table[usize::from(from)];
    }
    Ok(())
}

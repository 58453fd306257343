//! G.711.

use crate::Error;

/// μ-law.
pub mod mulaw {
    use super::Error;
    /// Decodes.
    pub fn decode(_src: &[u8], _dst: &mut [i16]) -> Result<(), Error> {
        todo!()
    }
    /// Encodes as the ITU-T reference does.
    pub fn encode(_src: &[i16], _dst: &mut [u8]) -> Result<(), Error> {
        todo!()
    }
}
/// A-law.
pub mod alaw {}

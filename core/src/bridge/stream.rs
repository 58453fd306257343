//! base64 of any length, through a buffer of fixed length.

use crate::{Error, JsonStr, base64::Decoder, simd::Aligned};

/// Decodes `audio` piece by piece and hands each piece's bytes, at most [`CHUNK_BYTES`], to `each`.
///
/// # Errors
/// [`Error::InvalidBase64`]; `each` has seen what came before, and `decoder` stands there.
pub(super) fn for_each_chunk(
    decoder: &mut Decoder,
    audio: JsonStr<'_>,
    mut each: impl FnMut(&[u8]),
) -> Result<(), Error> {
    // Of numbers, so that what is 16-bit samples can be taken for such where it is.
    let Aligned(bytes) = &mut Aligned([0_i16; CHUNK_BYTES.div_ceil(2)]);
    let mut decode = |offset: usize, chars: &[u8]| {
        let bytes = bytemuck::must_cast_slice_mut(bytes);
        let count = decoder.decode(chars, bytes).map_err(|error| match error {
            Error::InvalidBase64 { offset: at } => Error::InvalidBase64 {
                offset: offset + at,
            },
            other => other,
        })?;
        each(&bytes[..count]);
        Ok(())
    };
    if let Some(plain) = audio.as_plain() {
        let mut chunks = plain.as_bytes().chunks(CHUNK_CHARS).enumerate();
        return chunks.try_for_each(|(index, chars)| decode(index * CHUNK_CHARS, chars));
    }
    let mut chars = audio.chars();
    let mut offset = 0;
    loop {
        let mut buf = [0; CHUNK_CHARS];
        let mut len = 0;
        for (slot, char) in buf.iter_mut().zip(&mut chars) {
            // What is not ASCII is not base64 either, and NUL stands for all of it.
            *slot = u8::try_from(char).unwrap_or(0);
            len += 1;
        }
        if len == 0 {
            return Ok(());
        }
        decode(offset, &buf[..len])?;
        offset += len;
    }
}

/// Characters decoded at a time: 20 ms of PCM16 at 24 kHz.
pub(super) const CHUNK_CHARS: usize = 1_280;
/// The most bytes one piece makes, three carried characters included.
pub(super) const CHUNK_BYTES: usize = (CHUNK_CHARS / 4 + 1) * 3;

//! base64 (RFC 4648 §4) into and out of slices.
//!
//! Strict and canonical: the standard alphabet, padding where it belongs, no white space, and the
//! bits that a shorter last group leaves over must be zero (§3.5). What is accepted is exactly what
//! [`encode`] makes.

use crate::{
    Error, JsonStr,
    simd::{self, Level},
};

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
    let level = simd::detect();
    let mut bytes = [0; 2 * PCM_BLOCK];
    let quads = dst.chunks_mut(encoded_len(2 * PCM_BLOCK));
    for (block, quads) in samples.chunks(PCM_BLOCK).zip(quads) {
        for (to, sample) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(block) {
            *to = sample.to_le_bytes();
        }
        let bytes = bytes.get(..2 * block.len()).unwrap_or_default();
        encode_groups(level, bytes, quads);
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

/// Decoder of texts that arrive in pieces cut anywhere.
///
/// Between calls it keeps up to three characters of a group whose rest is still to come. Behind the
/// padding that ends a text, or wherever a group is complete, a new text may begin, so one decoder
/// serves a stream of texts that are padded one by one.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    /// Six bits of each of the group's characters so far, the last lowest.
    bits: u32,
    /// Characters of the group so far, 0 to 3, padding included.
    chars: u8,
    /// The third character is padding: only a fourth may follow.
    padded: bool,
    /// The last group ended with padding.
    ended: bool,
}

impl Decoder {
    /// A decoder at the start of a text.
    pub const fn new() -> Self {
        Self {
            bits: 0,
            chars: 0,
            padded: false,
            ended: false,
        }
    }

    /// The most bytes that [`decode`](Self::decode) makes of `chars` more characters.
    pub const fn max_len(&self, chars: usize) -> usize {
        chars.saturating_add(self.chars as usize) / 4 * 3
    }

    /// Decodes the next piece to the start of `dst`; returns the bytes written. A `dst` of
    /// [`max_len`](Self::max_len)`(src.len())` is always enough.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] with what this piece needs, nothing was written;
    /// [`Error::InvalidBase64`] with the offset in `src` of the first character that cannot stand
    /// where it does: `dst` may have been written to. Either way the decoder is as it was before
    /// the call.
    pub fn decode(&mut self, src: &[u8], dst: &mut [u8]) -> Result<usize, Error> {
        if dst.len() < self.max_len(src.len()) {
            self.check_room(src.iter().copied().enumerate(), dst.len())?;
        }
        let before = self.clone();
        let result = self.feed(src, dst, false);
        if result.is_err() {
            *self = before;
        }
        result
    }

    /// [`decode`](Self::decode) of a string in a JSON text, whose escapes are undone on the way.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); the offset is that of the escaped form, [`JsonStr::raw`].
    pub fn decode_str(&mut self, src: JsonStr<'_>, dst: &mut [u8]) -> Result<usize, Error> {
        if let Some(plain) = src.as_plain() {
            return self.decode(plain.as_bytes(), dst);
        }
        let before = self.clone();
        let result = self.feed_escaped(src, dst, false);
        if result.is_err() {
            *self = before;
        }
        result
    }

    /// Whether the text so far is whole: no characters wait for the rest of their group.
    pub const fn is_whole(&self) -> bool {
        self.chars == 0
    }

    /// Forgets carried characters: a new text begins.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Decodes the next piece; with `one_text`, nothing may follow padding.
    #[inline]
    fn feed(&mut self, src: &[u8], dst: &mut [u8], one_text: bool) -> Result<usize, Error> {
        let mut read = 0;
        let mut written = 0;
        while let Some(&byte) = src.get(read) {
            if self.chars == 0 && !(one_text && self.ended) {
                let (chars, bytes) = decode_groups(
                    src.get(read..).unwrap_or_default(),
                    dst.get_mut(written..).unwrap_or_default(),
                );
                if chars > 0 {
                    self.ended = false;
                    read += chars;
                    written += bytes;
                    continue;
                }
            }
            written += self.push(byte, read, one_text, dst.get_mut(written..))?;
            read += 1;
        }
        Ok(written)
    }

    /// [`feed`](Self::feed) of a string with escapes.
    #[cold]
    fn feed_escaped(
        &mut self,
        src: JsonStr<'_>,
        dst: &mut [u8],
        one_text: bool,
    ) -> Result<usize, Error> {
        if dst.len() < self.max_len(src.raw().len()) {
            self.check_room(unescaped(src), dst.len())?;
        }
        let mut written = 0;
        for (offset, byte) in unescaped(src) {
            written += self.push(byte, offset, one_text, dst.get_mut(written..))?;
        }
        Ok(written)
    }

    /// Takes the character `byte` that stands at `offset`; returns the bytes written to `dst`: those
    /// of the group, if this completes one.
    #[inline]
    fn push(
        &mut self,
        byte: u8,
        offset: usize,
        one_text: bool,
        dst: Option<&mut [u8]>,
    ) -> Result<usize, Error> {
        let refused = Err(Error::InvalidBase64 { offset });
        if one_text && self.ended {
            return refused;
        }
        let len = if byte == b'=' {
            match (self.chars, self.padded) {
                // The bits that no byte takes must be zero: two of a third character, four of a
                // second.
                (2, _) if self.bits & 0xF == 0 => {
                    self.bits <<= 6;
                    self.chars = 3;
                    self.padded = true;
                    return Ok(0);
                }
                (3, true) => 1,
                (3, false) if self.bits & 0x3 == 0 => 2,
                _ => return refused,
            }
        } else {
            let sextet = SEXTETS[usize::from(byte)];
            if sextet == NONE || self.padded {
                return refused;
            }
            self.ended = false;
            if self.chars < 3 {
                self.bits = self.bits << 6 | u32::from(sextet);
                self.chars += 1;
                return Ok(0);
            }
            self.bits = self.bits << 6 | u32::from(sextet);
            3
        };
        // A group that ends in padding lacks the six bits of its last character.
        let bits = if len == 3 { self.bits } else { self.bits << 6 };
        let [_, group @ ..] = bits.to_be_bytes();
        *self = Self::new();
        self.ended = len < 3;
        if let Some(dst) = dst {
            for (to, from) in dst.iter_mut().zip(group).take(len) {
                *to = from;
            }
        }
        Ok(len)
    }

    fn finish(&self, offset: usize) -> Result<(), Error> {
        if self.is_whole() {
            Ok(())
        } else {
            Err(Error::InvalidBase64 { offset })
        }
    }

    /// Whether what `chars` becomes fits in `actual` bytes.
    #[cold]
    fn check_room(
        &self,
        chars: impl Iterator<Item = (usize, u8)>,
        actual: usize,
    ) -> Result<(), Error> {
        let mut decoder = self.clone();
        let mut needed = 0;
        for (offset, byte) in chars {
            needed += decoder.push(byte, offset, false, None)?;
        }
        if needed > actual {
            return Err(Error::BufferTooShort { needed, actual });
        }
        Ok(())
    }
}

/// The characters of a string with the offset of each in its escaped form; 0 for one that is not
/// ASCII.
fn unescaped(src: JsonStr<'_>) -> impl Iterator<Item = (usize, u8)> {
    let mut raw = src.raw();
    core::iter::from_fn(move || {
        let offset = src.raw().len() - raw.len();
        let len = match raw.as_bytes() {
            [] => return None,
            [b'\\', b'u', ..] => 6,
            [b'\\', ..] => 2,
            _ => raw.chars().next().map_or(1, char::len_utf8),
        };
        let (piece, rest) = raw.split_at_checked(len).unwrap_or((raw, ""));
        raw = rest;
        let char = JsonStr::new(piece).ok()?.chars().next()?;
        Some((offset, u8::try_from(char).unwrap_or(0)))
    })
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

/// Decodes whole groups without padding from the start of `src` for as long as there are such and
/// `dst` has room; returns the characters read and the bytes written.
#[inline]
fn decode_groups(src: &[u8], dst: &mut [u8]) -> (usize, usize) {
    let chars = if src.len() < 16 {
        0
    } else {
        simd::base64::decode(simd::detect(), src, dst)
    };
    let bytes = chars / 4 * 3;
    let rest = (src.get(chars..), dst.get_mut(bytes..));
    let (more_chars, more_bytes) = match rest {
        (Some(src), Some(dst)) => decode_portable(src, dst),
        _ => (0, 0),
    };
    (chars + more_chars, bytes + more_bytes)
}

/// [`decode_groups`] without vectors.
fn decode_portable(src: &[u8], dst: &mut [u8]) -> (usize, usize) {
    let (quads, _) = src.as_chunks::<4>();
    let (groups, _) = dst.as_chunks_mut::<3>();
    let mut done = 0;
    for (quad, group) in quads.iter().zip(groups) {
        let [a, b, c, d] = quad.map(|char| SEXTETS[usize::from(char)]);
        if (a | b | c | d) == NONE {
            break;
        }
        let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
        let [_, bytes @ ..] = bits.to_be_bytes();
        *group = bytes;
        done += 1;
    }
    (4 * done, 3 * done)
}

/// Samples encoded at a time by way of the stack; a multiple of 3, so that no block but the last is
/// padded.
const PCM_BLOCK: usize = 480;

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

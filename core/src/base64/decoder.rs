use super::{NONE, SEXTETS};
use crate::{Error, JsonStr, simd};

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

    /// Decodes the next piece to the start of `dst`; returns how many bytes that are. A `dst` of
    /// [`max_len`](Self::max_len)`(src.len())` is always enough; what it holds behind the bytes may
    /// have been written to as well.
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
    pub(super) fn feed(
        &mut self,
        src: &[u8],
        dst: &mut [u8],
        one_text: bool,
    ) -> Result<usize, Error> {
        let mut read = 0;
        let mut written = 0;
        while let Some(&byte) = src.get(read) {
            if self.chars == 0 && !(one_text && self.ended) {
                let (chars, bytes) = decode_groups(
                    src.get(read..).unwrap_or_default(),
                    dst.get_mut(written..).unwrap_or_default(),
                );
                read += chars;
                written += bytes;
                self.ended &= chars == 0;
                let rest = src.get(read..).unwrap_or_default();
                if let Some((group, len)) = rest.first_chunk().and_then(decode_last) {
                    let dst = dst.get_mut(written..).unwrap_or_default();
                    copy(&group, dst.get_mut(..len).unwrap_or_default());
                    self.ended = true;
                    read += 4;
                    written += len;
                    continue;
                }
                if chars > 0 {
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
    pub(super) fn feed_escaped(
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
            copy(group.get(..len).unwrap_or_default(), dst);
        }
        Ok(len)
    }

    pub(super) fn finish(&self, offset: usize) -> Result<(), Error> {
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

/// The bytes of a group that ends in padding, and how many of the three they are; `None` for any
/// other.
fn decode_last(quad: &[u8; 4]) -> Option<([u8; 3], usize)> {
    let (c, len) = match *quad {
        [_, _, b'=', b'='] => (0, 1),
        [_, _, c, b'='] => (SEXTETS[usize::from(c)], 2),
        _ => return None,
    };
    let [a, b] = [quad[0], quad[1]].map(|char| SEXTETS[usize::from(char)]);
    let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6;
    let [_, group @ ..] = bits.to_be_bytes();
    // The bits that no byte takes must be zero.
    let is_whole = group.iter().skip(len).all(|&byte| byte == 0);
    ((a | b | c) != NONE && is_whole).then_some((group, len))
}

/// Copies as many bytes as both have.
fn copy(src: &[u8], dst: &mut [u8]) {
    for (to, &from) in dst.iter_mut().zip(src) {
        *to = from;
    }
}

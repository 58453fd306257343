use core::{fmt, str::Chars};

use super::scan::check_string;
use crate::{Error, json::Writer};

/// A string as it stands in a JSON text, between its quotes, escapes and all.
///
/// Two are equal if they stand for the same characters, however these are written. Half a surrogate
/// pair (`\ud83d` alone), which RFC 8259 §8.2 allows in a text but which is no character, is read
/// as U+FFFD.
#[derive(Clone, Copy)]
pub struct JsonStr<'a> {
    raw: &'a str,
    escapes: Escapes,
}

/// Whether a string has escapes. A whole word: strings are copied from the scanner through values
/// into messages, and a copy of a word of which one byte was just written has to wait for it. With
/// bytes here and as the tag of a value, reading a Twilio message took 106 ns instead of 93.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Escapes {
    None,
    Some,
}

impl<'a> JsonStr<'a> {
    /// Takes what stands between the quotes of a JSON string.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] for a quote or a control character that is not escaped and for an
    /// escape that JSON does not have.
    pub fn new(raw: &'a str) -> Result<Self, Error> {
        let escaped = check_string(raw)?;
        Ok(Self::from_checked(raw, escaped))
    }

    /// `raw` was checked already; `escaped` if it has a backslash.
    #[inline]
    pub(super) fn from_checked(raw: &'a str, escaped: bool) -> Self {
        let escapes = if escaped {
            Escapes::Some
        } else {
            Escapes::None
        };
        Self { raw, escapes }
    }

    /// The empty string.
    pub(crate) const EMPTY: JsonStr<'static> = JsonStr::plain("");

    /// A text that needs no escapes.
    pub(crate) const fn plain(raw: &'a str) -> Self {
        Self {
            raw,
            escapes: Escapes::None,
        }
    }

    /// Writes `text` as a JSON string, quotes included, to the start of `dst`; returns the length
    /// in bytes. Only what must be escaped is (RFC 8259 §7): `"`, `\` and control characters.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] with the needed length; nothing was written.
    pub fn encode(text: &str, dst: &mut [u8]) -> Result<usize, Error> {
        super::render(dst, |writer: &mut Writer<'_>| writer.string(text))
    }

    /// The text between the quotes, escapes not undone.
    #[inline]
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The string itself where it has no escapes, which is almost always.
    #[inline]
    pub fn as_plain(&self) -> Option<&'a str> {
        (self.escapes == Escapes::None).then_some(self.raw)
    }

    /// Length of the string in UTF-8 bytes, escapes undone.
    pub fn len(&self) -> usize {
        match self.as_plain() {
            Some(plain) => plain.len(),
            None => self.chars().map(char::len_utf8).sum(),
        }
    }

    /// Whether the string has no characters.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The characters, escapes undone.
    pub fn chars(&self) -> impl Iterator<Item = char> + use<'a> {
        Unescape {
            raw: self.raw.chars(),
        }
    }

    /// Writes the string, escapes undone, to the start of `dst` and returns it as text.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] with the needed length; nothing was written.
    pub fn copy_to<'b>(&self, dst: &'b mut [u8]) -> Result<&'b str, Error> {
        let needed = self.len();
        let actual = dst.len();
        let dst = dst
            .get_mut(..needed)
            .ok_or(Error::BufferTooShort { needed, actual })?;
        if self.escapes == Escapes::Some {
            let mut at = 0;
            for char in self.chars() {
                let next = at + char.len_utf8();
                if let Some(to) = dst.get_mut(at..next) {
                    char.encode_utf8(to);
                }
                at = next;
            }
        } else {
            dst.copy_from_slice(self.raw.as_bytes());
        }
        super::from_utf8(dst)
    }

    /// The string in a buffer for look-ups: itself where plain, else unescaped into `buf`, or
    /// something no name equals if it does not fit.
    #[inline]
    pub(crate) fn name<'b>(&self, buf: &'b mut NameBuf) -> &'b str
    where
        'a: 'b,
    {
        match self.as_plain() {
            Some(plain) => plain,
            None => self.copy_to(buf).unwrap_or("\0"),
        }
    }
}

/// Room for the longest name that is looked up.
pub(crate) type NameBuf = [u8; 64];

impl PartialEq for JsonStr<'_> {
    fn eq(&self, other: &JsonStr<'_>) -> bool {
        match (self.as_plain(), other.as_plain()) {
            (Some(this), Some(other)) => this == other,
            _ => self.chars().eq(other.chars()),
        }
    }
}

impl Eq for JsonStr<'_> {}

impl PartialEq<str> for JsonStr<'_> {
    #[inline]
    fn eq(&self, other: &str) -> bool {
        match self.as_plain() {
            Some(this) => this == other,
            None => self.chars().eq(other.chars()),
        }
    }
}

impl PartialEq<&str> for JsonStr<'_> {
    #[inline]
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// The string, escapes undone.
impl fmt::Display for JsonStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_plain() {
            Some(plain) => f.pad(plain),
            None => self
                .chars()
                .try_for_each(|char| fmt::Write::write_char(f, char)),
        }
    }
}

/// The string as it is written, quotes included.
impl fmt::Debug for JsonStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.raw)
    }
}

/// The characters of a checked string.
struct Unescape<'a> {
    raw: Chars<'a>,
}

impl Iterator for Unescape<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let char = self.raw.next()?;
        if char != '\\' {
            return Some(char);
        }
        Some(match self.raw.next()? {
            'b' => '\u{8}',
            'f' => '\u{C}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.unicode(),
            other => other,
        })
    }
}

impl Unescape<'_> {
    /// The character of the `\u` that was just read.
    fn unicode(&mut self) -> char {
        let unit = hex4(&mut self.raw);
        if !(0xD800..0xDC00).contains(&unit) {
            return char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        // The first half of a pair: what follows belongs to it only if it is the second half.
        let mut ahead = self.raw.clone();
        if ahead.next() == Some('\\') && ahead.next() == Some('u') {
            let low = hex4(&mut ahead);
            if (0xDC00..0xE000).contains(&low) {
                self.raw = ahead;
                let code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
        }
        char::REPLACEMENT_CHARACTER
    }
}

/// The number that the next four characters, hexadecimal digits, stand for.
fn hex4(chars: &mut Chars<'_>) -> u32 {
    chars
        .take(4)
        .fold(0, |code, char| code << 4 | char.to_digit(16).unwrap_or(0))
}

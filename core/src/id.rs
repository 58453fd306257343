//! Short ASCII texts, kept by value.

use core::fmt;

use crate::{Error, JsonStr, simd::text::ascii};

/// Up to `N` ASCII characters, written with `write!`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ascii<const N: usize> {
    /// A byte: objects that remember many ids stay small.
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> Ascii<N> {
    pub(crate) const EMPTY: Self = Self {
        len: {
            assert!(N <= u8::MAX as usize, "the length is kept in a byte");
            0
        },
        bytes: [0; N],
    };

    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII was written, so the fallback is never taken.
        ascii(self.bytes()).unwrap_or_default()
    }

    /// Appends `number` in decimal, as `write!` does, without its machinery; `None` if it has no room.
    pub(crate) fn push_number(&mut self, number: u64) -> Option<()> {
        let mut digits = [0; 20];
        let mut left = number;
        let mut at = digits.len();
        loop {
            at -= 1;
            *digits.get_mut(at)? = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.push(ascii(digits.get(at..)?)?)
    }

    /// Appends `text`; `None` if it has no room or is not ASCII.
    pub(crate) fn push(&mut self, text: &str) -> Option<()> {
        let start = usize::from(self.len);
        let end = start + text.len();
        let dst = self.bytes.get_mut(start..end).filter(|_| text.is_ascii())?;
        dst.copy_from_slice(text.as_bytes());
        self.len = end as u8;
        Some(())
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Write for Ascii<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text).ok_or(fmt::Error)
    }
}

impl<const N: usize> fmt::Debug for Ascii<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// A peer's id: up to [`Id::MAX_LEN`] visible ASCII characters, none of which JSON would escape.
///
/// Real ids are about 30 characters long; the bound keeps every object that remembers ids small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(Ascii<{ Self::MAX_LEN }>);

impl Id {
    pub(crate) const EMPTY: Self = Self(Ascii::EMPTY);
    const MAX_LEN: usize = 64;

    /// # Errors
    /// [`Error::InvalidField`] with `name` for an empty, too long or not plain id.
    pub(crate) fn new(id: &str, name: &'static str) -> Result<Self, Error> {
        let mut text = Ascii::EMPTY;
        match fmt::Write::write_str(&mut text, id) {
            Ok(()) if is_plain(id) => Ok(Self(text)),
            _ => Err(Error::InvalidField { name }),
        }
    }

    pub(crate) fn from_json(id: JsonStr<'_>, name: &'static str) -> Result<Self, Error> {
        if let Some(plain) = id.as_plain() {
            return Self::new(plain, name);
        }
        let mut buf = [0; Self::MAX_LEN];
        let id = id
            .copy_to(&mut buf)
            .map_err(|_| Error::InvalidField { name })?;
        Self::new(id, name)
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether this is the id `other`.
    pub(crate) fn is(&self, other: &str) -> bool {
        *self.0.bytes() == *other.as_bytes()
    }

    /// Whether this is the id that `other` stands for.
    pub(crate) fn is_json(&self, other: JsonStr<'_>) -> bool {
        match other.as_plain() {
            Some(plain) => self.is(plain),
            None => other == *self.as_str(),
        }
    }
}

/// Whether `id` is not empty and only of visible ASCII characters that JSON would not escape.
pub(crate) fn is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() & (byte != b'"') & (byte != b'\\');
    // Without a way out in between, so that it can be done in vectors.
    !id.is_empty() && id.bytes().fold(true, |all, byte| all & plain(byte))
}

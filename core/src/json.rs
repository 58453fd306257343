//! Forward-only borrowed JSON scanner and escaping writer.

use crate::Error;

/// A string as it stands in a JSON text, between its quotes, escapes and all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonStr<'a> {
    raw: &'a str,
}

impl<'a> JsonStr<'a> {
    /// The text between the quotes, escapes not undone.
    pub fn raw(&self) -> &'a str {
        self.raw
    }
    /// The string itself where it has no escapes, which is almost always.
    pub fn as_plain(&self) -> Option<&'a str> {
        todo!()
    }
    /// Length of the string in UTF-8 bytes, escapes undone.
    pub fn len(&self) -> usize {
        todo!()
    }
    /// The characters, escapes undone.
    pub fn chars(&self) -> impl Iterator<Item = char> + 'a {
        self.raw.chars()
    }
    /// Writes the string, escapes undone, and returns it as text.
    pub fn copy_to<'b>(&self, _dst: &'b mut [u8]) -> Result<&'b str, Error> {
        todo!()
    }
}

impl PartialEq<str> for JsonStr<'_> {
    fn eq(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }
}

/// A JSON value as text, known to be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawJson<'a> {
    text: &'a str,
}

impl<'a> RawJson<'a> {
    /// Checks that `text` is exactly one JSON value.
    pub fn new(_text: &'a str) -> Result<Self, Error> {
        todo!()
    }
    /// The text.
    pub fn as_str(&self) -> &'a str {
        self.text
    }
}

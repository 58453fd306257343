//! Forward-only borrowed JSON scanner and escaping writer.
//!
//! A text is validated as a whole against RFC 8259, the parts nobody asked for included, and never
//! copied: a result borrows from the text. Where an object has the same name twice the last one
//! wins, as in JavaScript, Python and `serde_json`. More than [`MAX_DEPTH`] nested arrays and
//! objects are refused.

mod scan;
mod shape;
mod string;
mod write;

use core::fmt;

use crate::Error;

pub(crate) use scan::Scanner;
pub use shape::Shape;
pub use string::JsonStr;
pub(crate) use string::NameBuf;
pub(crate) use write::{Writer, render};

/// Nested arrays and objects a text may have; the bits of the scanner's stack.
pub(crate) const MAX_DEPTH: u32 = 64;

/// A JSON value as text, known to be valid (RFC 8259) and nested no deeper than 64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawJson<'a> {
    text: &'a str,
}

impl<'a> RawJson<'a> {
    /// `{}`.
    pub(crate) const EMPTY_OBJECT: RawJson<'static> = RawJson { text: "{}" };

    /// Checks that `text` is exactly one JSON value, with or without white space around it.
    ///
    /// # Errors
    /// [`Error::InvalidJson`], also for more than 64 nested arrays and objects.
    pub fn new(text: &'a str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        let value = scanner.raw_value()?;
        scanner.finish()?;
        Ok(value)
    }

    /// [`new`](Self::new) for bytes that should be UTF-8.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::InvalidJson`] also where the bytes are not UTF-8.
    pub fn from_utf8(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::new(from_utf8(bytes)?)
    }

    /// The text, without white space around it.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether this is an object.
    pub fn is_object(&self) -> bool {
        self.text.starts_with('{')
    }

    /// Whether this is an array.
    pub fn is_array(&self) -> bool {
        self.text.starts_with('[')
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        self.text == "null"
    }

    /// The string, if this is one.
    pub fn as_string(&self) -> Option<JsonStr<'a>> {
        match self.value() {
            Value::String(string) => Some(string),
            _ => None,
        }
    }

    /// The integer, if this is one in 0 to 2⁶⁴−1, written in any way (`40`, `40.0`, `4e1`), or a
    /// string that holds one (`"40"`).
    pub fn as_u64(&self) -> Option<u64> {
        self.value().as_integer()
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value() {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The value of the member `name`, if this is an object that has one; the last if it has
    /// several.
    pub fn get(&self, name: &str) -> Option<Self> {
        self.members()
            .filter(|(key, _)| key == name)
            .last()
            .map(|(_, value)| value)
    }

    /// The members in their order, repeated names included; none if this is not an object.
    pub fn members(&self) -> impl Iterator<Item = (JsonStr<'a>, Self)> + use<'a> {
        let mut scanner = Scanner::new(self.text);
        let mut more = matches!(scanner.enter_object(), Ok(true));
        core::iter::from_fn(move || {
            // The text is known to be valid: an error can only be the end.
            let next = match more.then(|| scanner.next_key()) {
                Some(Ok(Some(key))) => scanner.raw_value().ok().map(|value| (key, value)),
                _ => None,
            };
            more = next.is_some();
            next
        })
    }

    /// The elements in their order; none if this is not an array.
    pub fn elements(&self) -> impl Iterator<Item = Self> + use<'a> {
        let mut scanner = Scanner::new(self.text);
        let mut more = matches!(scanner.enter_array(), Ok(true));
        core::iter::from_fn(move || {
            let next = match more.then(|| scanner.next_element()) {
                Some(Ok(true)) => scanner.raw_value().ok(),
                _ => None,
            };
            more = next.is_some();
            next
        })
    }

    /// The values of the members called `names`; [`Value::Absent`] for those that are not there
    /// and for all if this is not an object.
    pub(crate) fn pick<const N: usize>(&self, names: [&str; N]) -> Result<[Value<'a>; N], Error> {
        let mut values = [Value::Absent; N];
        let mut scanner = Scanner::new(self.text);
        if scanner.enter_object()? {
            while let Some(key) = scanner.next_key()? {
                let value = scanner.value()?;
                for (slot, name) in values.iter_mut().zip(names) {
                    if key == *name {
                        *slot = value;
                    }
                }
            }
        }
        Ok(values)
    }

    pub(crate) fn value(&self) -> Value<'a> {
        Scanner::new(self.text).value().unwrap_or(Value::Absent)
    }
}

impl fmt::Debug for RawJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// One value, looked at from outside. The tag is a word for the reason given at [`JsonStr`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(usize)]
pub(crate) enum Value<'a> {
    /// There was none.
    #[default]
    Absent,
    Null,
    Bool(bool),
    /// As it is written.
    Number(&'a str),
    String(JsonStr<'a>),
    Object(RawJson<'a>),
    Array(RawJson<'a>),
}

impl<'a> Value<'a> {
    /// The string that must be here; `name` is for the error.
    #[inline]
    pub(crate) fn string(self, name: &'static str) -> Result<JsonStr<'a>, Error> {
        match self {
            Self::String(string) => Ok(string),
            other => Err(other.refused(name)),
        }
    }

    /// The string that may be here; `null` is as good as nothing.
    #[inline]
    pub(crate) fn optional_string(self, name: &'static str) -> Result<Option<JsonStr<'a>>, Error> {
        match self {
            Self::String(string) => Ok(Some(string)),
            Self::Absent | Self::Null => Ok(None),
            other => Err(other.refused(name)),
        }
    }

    /// The integer that must be here.
    #[inline(always)]
    pub(crate) fn integer(self, name: &'static str) -> Result<u64, Error> {
        self.as_integer().ok_or_else(|| self.refused(name))
    }

    /// The integer that may be here; `null` is as good as nothing.
    #[inline(always)]
    pub(crate) fn optional_integer(self, name: &'static str) -> Result<Option<u64>, Error> {
        match self {
            Self::Absent | Self::Null => Ok(None),
            other => other.integer(name).map(Some),
        }
    }

    /// The index that may be here, 0 if not.
    #[inline]
    pub(crate) fn index(self, name: &'static str) -> Result<u32, Error> {
        match self.optional_integer(name)? {
            None => Ok(0),
            Some(index) => u32::try_from(index).map_err(|_| Error::InvalidField { name }),
        }
    }

    /// The object that must be here.
    #[inline]
    pub(crate) fn object(self, name: &'static str) -> Result<RawJson<'a>, Error> {
        match self {
            Self::Object(object) => Ok(object),
            other => Err(other.refused(name)),
        }
    }

    /// The object that may be here, an empty one if not.
    pub(crate) fn object_or_empty(self, name: &'static str) -> Result<RawJson<'a>, Error> {
        match self {
            Self::Absent | Self::Null => Ok(RawJson::EMPTY_OBJECT),
            other => other.object(name),
        }
    }

    /// This, or `other` if nothing was said here.
    pub(crate) fn or(self, other: Self) -> Self {
        match self {
            Self::Absent => other,
            this => this,
        }
    }

    /// An integer as a number or as a string of one.
    #[inline(always)]
    pub(crate) fn as_integer(self) -> Option<u64> {
        match self {
            Self::Number(text) => parse_integer(text),
            Self::String(string) => match string.as_plain() {
                Some(plain) => parse_integer(plain),
                None => parse_escaped_integer(string),
            },
            _ => None,
        }
    }

    #[cold]
    fn refused(self, name: &'static str) -> Error {
        match self {
            Self::Absent | Self::Null => Error::MissingField { name },
            _ => Error::InvalidField { name },
        }
    }
}

/// The text in bytes that should be UTF-8.
pub(crate) fn from_utf8(bytes: &[u8]) -> Result<&str, Error> {
    core::str::from_utf8(bytes).map_err(|error| Error::InvalidJson {
        offset: error.valid_up_to(),
    })
}

/// The value of a decimal number if it is an integer in 0 to 2⁶⁴−1, exactly.
#[inline]
fn parse_integer(text: &str) -> Option<u64> {
    let mut value = 0;
    // Up to 19 digits there is no overflow to look for.
    if !(1..20).contains(&text.len()) {
        return parse_decimal(text.as_bytes());
    }
    for &byte in text.as_bytes() {
        if !byte.is_ascii_digit() {
            return parse_decimal(text.as_bytes());
        }
        value = 10 * value + u64::from(byte & 0xF);
    }
    Some(value)
}

#[cold]
fn parse_escaped_integer(string: JsonStr<'_>) -> Option<u64> {
    parse_integer(string.name(&mut [0; _]))
}

/// [`parse_integer`] for all forms: with a sign, a fraction or an exponent, too.
#[cold]
fn parse_decimal(text: &[u8]) -> Option<u64> {
    let (negative, unsigned) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match split_once(unsigned, |byte| matches!(byte, b'e' | b'E')) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match split_once(mantissa, |byte| byte == b'.') {
        Some((_, [])) => return None,
        Some(parts) => parts,
        None => (mantissa, &[][..]),
    };
    if whole.is_empty() {
        return None;
    }
    // The decimal point stands behind this many digits of whole and fraction taken together.
    let point = i64::try_from(whole.len()).ok()?.saturating_add(exponent);
    let mut value = 0_u64;
    let mut seen = 0_i64;
    for &byte in whole.iter().chain(fraction) {
        if !byte.is_ascii_digit() {
            return None;
        }
        if seen < point {
            value = push_digit(value, byte)?;
        } else if byte != b'0' {
            return None;
        }
        seen += 1;
    }
    while value != 0 && seen < point {
        value = push_digit(value, b'0')?;
        seen += 1;
    }
    (!negative || value == 0).then_some(value)
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_i64;
    for &byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value
            .saturating_mul(10)
            .saturating_add(i64::from(byte & 0xF));
    }
    Some(sign * value)
}

#[inline]
fn push_digit(value: u64, digit: u8) -> Option<u64> {
    value.checked_mul(10)?.checked_add(u64::from(digit & 0xF))
}

/// What stands before and behind the first byte that `is_separator`.
fn split_once(text: &[u8], is_separator: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| is_separator(byte))?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

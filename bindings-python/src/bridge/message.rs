//! Texts as Python has them.

use std::borrow::Cow;
use std::str;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use trunkline::{Error, RawJson};

use super::config::invalid;
use crate::buffer::Source;
use crate::error::OrRaise;

/// A message of a peer: a `str`, or a buffer that should be UTF-8.
pub(super) enum Message<'a> {
    Text(&'a str),
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Message<'a> {
    pub(super) fn new(object: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(text) = object.cast::<PyString>() {
            return match text.to_str() {
                Ok(text) => Ok(Self::Text(text)),
                // Half of a surrogate pair, which UTF-8 has no form for.
                Err(_) => {
                    let bytes = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
                    let bytes = bytes.cast_into::<PyBytes>()?.as_bytes().to_vec();
                    Ok(Self::Bytes(Cow::Owned(bytes)))
                }
            };
        }
        Ok(Self::Bytes(match Source::bytes(object)? {
            Source::Bytes(bytes) => Cow::Borrowed(bytes),
            // Text must not change once it is known to be UTF-8, as a `bytearray` may.
            source => Cow::Owned(source.as_bytes().to_vec()),
        }))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    pub(super) fn as_str(&self) -> Result<&str, Error> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Bytes(bytes) => str::from_utf8(bytes).map_err(|error| Error::InvalidJson {
                offset: error.valid_up_to(),
            }),
        }
    }
}

/// The text of an argument.
pub(super) fn text<'a>(value: &'a Bound<'_, PyString>, name: &'static str) -> PyResult<&'a str> {
    value.to_str().map_err(|_| invalid(value.py(), name))
}

/// The JSON text of an argument.
pub(super) fn json<'a>(
    value: &'a Bound<'_, PyString>,
    name: &'static str,
) -> PyResult<RawJson<'a>> {
    RawJson::new(text(value, name)?).or_raise(value.py())
}

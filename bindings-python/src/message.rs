//! Messages of both peers: text in, text out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use trunkline::{Error, JsonStr, RawJson, base64};

use crate::buffer::Source;
use crate::error::{OrRaise, invalid};

/// A message as it came from a socket: a `str`, or UTF-8 in a buffer.
pub(crate) enum Message<'a> {
    Text(&'a str),
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Message<'a> {
    pub(crate) fn new(object: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        let Ok(text) = object.cast::<PyString>() else {
            return Ok(Self::Bytes(match Source::bytes(object)? {
                Source::Bytes(bytes) => Cow::Borrowed(bytes),
                // What is checked to be UTF-8 must stay so, and others may write into this.
                buffer @ Source::Buffer(_) => Cow::Owned(buffer.as_bytes().to_vec()),
            }));
        };
        if let Ok(text) = text.to_str() {
            return Ok(Self::Text(text));
        }
        // Half a surrogate pair, which is no UTF-8 either: refused by the same error.
        let bytes = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
        Ok(Self::Bytes(Cow::Owned(bytes.extract()?)))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    pub(crate) fn as_str(&self) -> Result<&str, Error> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Bytes(bytes) => str::from_utf8(bytes).map_err(|error| Error::InvalidJson {
                offset: error.valid_up_to(),
            }),
        }
    }
}

/// The text of an argument.
pub(crate) fn text<'a>(value: &'a Bound<'_, PyString>, name: &'static str) -> PyResult<&'a str> {
    value.to_str().map_err(|_| invalid(value.py(), name))
}

/// The JSON text of an argument.
pub(crate) fn json<'a>(
    value: &'a Bound<'_, PyString>,
    name: &'static str,
) -> PyResult<RawJson<'a>> {
    RawJson::new(text(value, name)?).or_raise(value.py())
}

/// The string, escapes undone.
pub(crate) fn string(py: Python<'_>, string: JsonStr<'_>) -> Py<PyString> {
    let object = match string.as_plain() {
        Some(plain) => PyString::new(py, plain),
        None => PyString::new(py, &string.chars().collect::<String>()),
    };
    object.unbind()
}

pub(crate) fn optional_string(py: Python<'_>, text: Option<JsonStr<'_>>) -> Option<Py<PyString>> {
    text.map(|text| string(py, text))
}

/// The members of a JSON object; a value that is no string as its JSON text.
pub(crate) fn strings(object: RawJson<'_>) -> BTreeMap<String, String> {
    let string = |text: JsonStr<'_>| text.chars().collect::<String>();
    let members = object.members().map(|(name, value)| {
        let value = value
            .as_string()
            .map_or_else(|| value.as_str().to_owned(), string);
        (string(name), value)
    });
    members.collect()
}

/// The bytes that the string is the base64 of.
pub(crate) fn audio(py: Python<'_>, string: JsonStr<'_>) -> PyResult<Py<PyBytes>> {
    let text = match string.as_plain() {
        Some(plain) => Cow::Borrowed(plain),
        None => Cow::Owned(string.chars().collect()),
    };
    let text = text.as_bytes();
    let bytes = PyBytes::new_with(py, base64::decoded_len(text), |dst| {
        base64::decode(text, dst).or_raise(py)?;
        Ok(())
    });
    Ok(bytes?.unbind())
}

/// The message that `write` writes: into so long a buffer as it asks for, if that on the stack will
/// not do.
pub(crate) fn written<'py>(
    py: Python<'py>,
    write: impl Fn(&mut [u8]) -> Result<usize, Error>,
) -> PyResult<Bound<'py, PyString>> {
    let mut on_stack = [0; USUAL_LEN];
    let mut on_heap;
    let (buf, len) = match write(&mut on_stack) {
        Err(Error::BufferTooShort { needed, .. }) => {
            on_heap = vec![0; needed];
            let len = write(&mut on_heap).or_raise(py)?;
            (&on_heap[..], len)
        }
        written => (&on_stack[..], written.or_raise(py)?),
    };
    PyString::from_bytes(py, &buf[..len])
}

/// Enough for 20 ms of audio at 24 kHz.
const USUAL_LEN: usize = 1_536;

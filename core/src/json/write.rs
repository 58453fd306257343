use core::fmt;

use crate::{Error, base64};

/// Writes a message into a buffer and counts on where the buffer ends.
pub(crate) struct Writer<'b> {
    dst: &'b mut [u8],
    len: usize,
}

/// Writes what `message` says to the start of `dst`; returns the length in bytes.
///
/// `message` is run once to measure and once to write, so that a buffer that is too short is left
/// alone and the error says exactly what is needed.
pub(crate) fn render(dst: &mut [u8], message: impl Fn(&mut Writer<'_>)) -> Result<usize, Error> {
    let mut measure = Writer::new(&mut []);
    message(&mut measure);
    let needed = measure.len;
    let actual = dst.len();
    let dst = dst
        .get_mut(..needed)
        .ok_or(Error::BufferTooShort { needed, actual })?;
    message(&mut Writer::new(dst));
    Ok(needed)
}

impl<'b> Writer<'b> {
    pub(crate) fn new(dst: &'b mut [u8]) -> Self {
        Self { dst, len: 0 }
    }

    /// Writes `text` as it is.
    #[inline]
    pub(crate) fn raw(&mut self, text: &str) {
        if let Some(dst) = self.reserve(text.len()) {
            dst.copy_from_slice(text.as_bytes());
        }
    }

    /// Writes `text` as a string with quotes.
    pub(crate) fn string(&mut self, text: &str) {
        self.raw("\"");
        let mut plain = text;
        while let Some(at) = plain.bytes().position(must_escape) {
            let (before, rest) = plain.split_at_checked(at).unwrap_or((plain, ""));
            self.raw(before);
            let mut chars = rest.chars();
            if let Some(char) = chars.next() {
                self.escape(char);
            }
            plain = chars.as_str();
        }
        self.raw(plain);
        self.raw("\"");
    }

    /// Writes `,"name":`; `name` needs no escapes.
    pub(crate) fn name(&mut self, name: &str) {
        self.raw(",\"");
        self.raw(name);
        self.raw("\":");
    }

    /// Writes `,"name":` and a string.
    pub(crate) fn string_member(&mut self, name: &str, value: &str) {
        self.name(name);
        self.string(value);
    }

    /// Writes a number or anything else whose text needs no quotes.
    pub(crate) fn display(&mut self, value: impl fmt::Display) {
        // `write_str` below does not fail, nor do the numbers this is used for.
        let _ = fmt::write(self, format_args!("{value}"));
    }

    /// Writes `bytes` as base64, without quotes.
    #[inline]
    pub(crate) fn base64(&mut self, bytes: &[u8]) {
        if let Some(dst) = self.reserve(base64::encoded_len(bytes.len())) {
            let _ = base64::encode(bytes, dst);
        }
    }

    /// Writes `samples`, each as two bytes with the lower first, as base64 without quotes.
    #[inline]
    pub(crate) fn pcm16_base64(&mut self, samples: &[i16]) {
        let bytes = samples.len().saturating_mul(2);
        if let Some(dst) = self.reserve(base64::encoded_len(bytes)) {
            let _ = base64::encode_pcm16(samples, dst);
        }
    }

    #[cold]
    fn escape(&mut self, char: char) {
        match char {
            '"' => self.raw("\\\""),
            '\\' => self.raw("\\\\"),
            '\u{8}' => self.raw("\\b"),
            '\u{C}' => self.raw("\\f"),
            '\n' => self.raw("\\n"),
            '\r' => self.raw("\\r"),
            '\t' => self.raw("\\t"),
            // Below 0x20, so two digits are always zero.
            other => {
                self.raw(if u32::from(other) < 0x10 {
                    "\\u000"
                } else {
                    "\\u001"
                });
                let digit = char::from_digit(u32::from(other) & 0xF, 16).unwrap_or('0');
                self.raw(digit.encode_utf8(&mut [0; 4]));
            }
        }
    }

    /// The next `len` bytes of the destination, if it has them; they count either way.
    #[inline]
    fn reserve(&mut self, len: usize) -> Option<&mut [u8]> {
        let start = self.len;
        self.len = start.saturating_add(len);
        self.dst.get_mut(start..)?.get_mut(..len)
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text);
        Ok(())
    }
}

/// Whether `byte` cannot stand in a JSON string as it is (RFC 8259 §7).
fn must_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

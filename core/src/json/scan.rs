use super::{JsonStr, MAX_DEPTH, RawJson, Value};
use crate::{
    Error,
    simd::scan::{BLOCK, plain_len, stops},
};

/// A place in a JSON text that only moves forward.
///
/// Objects and arrays are stepped into with `enter_*`, then each member is a `next_key` and a value
/// of one kind or another; every value must be read, even if only to skip it. `next_key` returns
/// `None` after the closing bracket. After an error the scanner is of no further use.
#[derive(Clone)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    position: usize,
    depth: u32,
    /// Just behind an opening bracket: no comma is due.
    first: bool,
    stops: Stops,
}

impl<'a> Scanner<'a> {
    #[inline]
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            position: 0,
            depth: 0,
            first: false,
            stops: Stops::default(),
        }
    }

    /// Steps into the object that comes next; `false`, and no step, if something else does.
    #[inline(always)]
    pub(crate) fn enter_object(&mut self) -> Result<bool, Error> {
        self.enter(b'{')
    }

    /// Steps into the array that comes next; `false`, and no step, if something else does.
    #[inline(always)]
    pub(crate) fn enter_array(&mut self) -> Result<bool, Error> {
        self.enter(b'[')
    }

    /// The name of the object's next member, or `None` behind its end.
    #[inline(always)]
    pub(crate) fn next_key(&mut self) -> Result<Option<JsonStr<'a>>, Error> {
        if !self.next(b'}')? {
            return Ok(None);
        }
        let key = self.string()?;
        self.expect_after_space(b':')?;
        Ok(Some(key))
    }

    /// Whether the array has another element, which then comes next.
    #[inline]
    pub(crate) fn next_element(&mut self) -> Result<bool, Error> {
        self.next(b']')
    }

    /// Reads the value that comes next; an array or an object is checked and handed out as text.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Value<'a>, Error> {
        let mut value = Value::Absent;
        self.value_into(&mut value)?;
        Ok(value)
    }

    /// [`value`](Self::value) to its place: returned, it would be copied through the stack.
    #[inline(always)]
    pub(crate) fn value_into(&mut self, place: &mut Value<'a>) -> Result<(), Error> {
        self.skip_space();
        match self.peek() {
            b'"' => *place = Value::String(self.string()?),
            b'{' => *place = Value::Object(self.container()?),
            b'[' => *place = Value::Array(self.container()?),
            _ => *place = self.scalar()?,
        }
        Ok(())
    }

    /// Reads the value that comes next as text.
    pub(crate) fn raw_value(&mut self) -> Result<RawJson<'a>, Error> {
        self.skip_space();
        let start = self.position;
        self.value()?;
        self.text_from(start).map(|text| RawJson { text })
    }

    /// Makes sure that only white space is left.
    #[inline]
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.skip_space();
        if self.position < self.text.len() {
            return Err(self.error());
        }
        Ok(())
    }

    #[inline(always)]
    fn enter(&mut self, bracket: u8) -> Result<bool, Error> {
        self.skip_space();
        if self.peek() != bracket {
            return Ok(false);
        }
        if self.depth >= MAX_DEPTH {
            return Err(self.error());
        }
        self.depth += 1;
        self.position += 1;
        self.first = true;
        Ok(true)
    }

    /// Moves to the next member or element; `false` behind the closing `bracket`.
    #[inline(always)]
    fn next(&mut self, bracket: u8) -> Result<bool, Error> {
        self.skip_space();
        let byte = self.peek();
        if byte == bracket {
            self.position += 1;
            self.depth = self.depth.saturating_sub(1);
            self.first = false;
            return Ok(false);
        }
        if self.first {
            self.first = false;
            return Ok(true);
        }
        if byte != b',' {
            return Err(self.error());
        }
        self.position += 1;
        self.skip_space();
        Ok(true)
    }

    /// Reads the string that starts here.
    #[inline(always)]
    fn string(&mut self) -> Result<JsonStr<'a>, Error> {
        if self.peek() != b'"' {
            return Err(self.error());
        }
        let start = self.position + 1;
        let mut escaped = false;
        let mut end = self.stops.find(self.text.as_bytes(), start);
        while self.text.as_bytes().get(end) == Some(&b'\\') {
            escaped = true;
            let next = end + escape_len(self.text.as_bytes(), end)?;
            end = self.stops.find(self.text.as_bytes(), next);
        }
        self.position = end;
        if self.peek() != b'"' {
            return Err(self.error());
        }
        let raw = self.text.get(start..end).ok_or(self.error())?;
        self.position = end + 1;
        Ok(JsonStr::from_checked(raw, escaped))
    }

    /// Reads the array or object that starts here as text, checking all of it.
    fn container(&mut self) -> Result<RawJson<'a>, Error> {
        let start = self.position;
        // One bit for each open bracket, the innermost lowest: set for an object.
        let mut objects = 0_u64;
        let outer = self.depth;
        loop {
            self.skip_space();
            let byte = self.peek();
            if matches!(byte, b'{' | b'[') {
                if self.depth >= MAX_DEPTH {
                    return Err(self.error());
                }
                self.depth += 1;
                objects = objects << 1 | u64::from(byte == b'{');
                self.first = true;
                self.position += 1;
            } else if byte == b'"' {
                self.string()?;
            } else {
                self.scalar()?;
            }
            // Behind a value or an opening bracket: close what ends here, then find the next value.
            loop {
                if self.depth == outer {
                    return self.text_from(start).map(|text| RawJson { text });
                }
                let is_object = objects & 1 == 1;
                if self.next(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.string()?;
                        self.expect_after_space(b':')?;
                    }
                    break;
                }
                objects >>= 1;
            }
        }
    }

    /// Reads the number or literal that starts here.
    #[inline]
    fn scalar(&mut self) -> Result<Value<'a>, Error> {
        match self.peek() {
            b'-' | b'0'..=b'9' => self.number().map(Value::Number),
            b't' => self.literal(b"true").map(|()| Value::Bool(true)),
            b'f' => self.literal(b"false").map(|()| Value::Bool(false)),
            b'n' => self.literal(b"null").map(|()| Value::Null),
            _ => Err(self.error()),
        }
    }

    fn number(&mut self) -> Result<&'a str, Error> {
        let start = self.position;
        if self.peek() == b'-' {
            self.position += 1;
        }
        if self.peek() == b'0' {
            self.position += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.position += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.position += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.position += 1;
            }
            self.digits()?;
        }
        self.text_from(start)
    }

    /// One digit or more.
    #[inline]
    fn digits(&mut self) -> Result<(), Error> {
        if !self.peek().is_ascii_digit() {
            return Err(self.error());
        }
        while self.peek().is_ascii_digit() {
            self.position += 1;
        }
        Ok(())
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Error> {
        for &byte in word {
            if self.peek() != byte {
                return Err(self.error());
            }
            self.position += 1;
        }
        Ok(())
    }

    #[inline(always)]
    fn expect_after_space(&mut self, byte: u8) -> Result<(), Error> {
        self.skip_space();
        if self.peek() != byte {
            return Err(self.error());
        }
        self.position += 1;
        Ok(())
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.position += 1;
        }
    }

    /// The byte here; 0, which has no place between values, behind the end.
    #[inline(always)]
    fn peek(&self) -> u8 {
        self.text
            .as_bytes()
            .get(self.position)
            .copied()
            .unwrap_or(0)
    }

    #[inline(always)]
    fn text_from(&self, start: usize) -> Result<&'a str, Error> {
        self.text.get(start..self.position).ok_or(self.error())
    }

    #[inline(always)]
    fn error(&self) -> Error {
        Error::InvalidJson {
            offset: self.position,
        }
    }
}

/// Checks what stands in a string, between its quotes; returns whether it has escapes.
pub(super) fn check_string(raw: &str) -> Result<bool, Error> {
    let bytes = raw.as_bytes();
    let mut stops = Stops::default();
    let mut escaped = false;
    let mut at = stops.find(bytes, 0);
    while at < bytes.len() {
        if bytes.get(at) != Some(&b'\\') {
            return Err(Error::InvalidJson { offset: at });
        }
        escaped = true;
        at = stops.find(bytes, at + escape_len(bytes, at)?);
    }
    Ok(escaped)
}

/// Length of the escape sequence whose backslash is at `start`.
fn escape_len(bytes: &[u8], start: usize) -> Result<usize, Error> {
    match bytes.get(start + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => {
            for at in start + 2..start + 6 {
                if !bytes.get(at).is_some_and(u8::is_ascii_hexdigit) {
                    return Err(Error::InvalidJson { offset: at });
                }
            }
            Ok(6)
        }
        _ => Err(Error::InvalidJson { offset: start + 1 }),
    }
}

/// The stops of one block, kept so that short strings share the work.
#[derive(Clone, Default)]
struct Stops {
    /// Where the block starts.
    base: usize,
    /// Bit `i` is set if byte `base + i` is a stop; 0 before the first block.
    mask: u64,
}

impl Stops {
    /// The first byte from `start` on that ends a run of plain string bytes, or the length of
    /// `bytes`.
    #[inline(always)]
    fn find(&mut self, bytes: &[u8], start: usize) -> usize {
        // A start before the block cannot be: the scanner only moves forward.
        let skip = start.wrapping_sub(self.base);
        if skip < BLOCK {
            let left = self.mask >> skip;
            if left != 0 {
                return start + left.trailing_zeros() as usize;
            }
        }
        self.find_in_next(bytes, start)
    }

    /// [`find`](Self::find) when the block has no stop from `start` on.
    #[inline(never)]
    fn find_in_next(&mut self, bytes: &[u8], start: usize) -> usize {
        let mut start = start;
        // What the block has no stop in is plain, unless no block was looked at yet.
        if self.mask != 0 && start.wrapping_sub(self.base) < BLOCK {
            start = self.base + BLOCK;
        }
        while let Some(block) = bytes.get(start..).and_then(|rest| rest.first_chunk()) {
            let mask = stops(block);
            if mask != 0 {
                self.base = start;
                self.mask = mask;
                return start + mask.trailing_zeros() as usize;
            }
            // A long string: where a better level than that of `stops` is worth the call.
            start += BLOCK;
            start += plain_len(bytes.get(start..).unwrap_or_default());
        }
        self.find_in_tail(bytes, start)
    }

    /// [`find`](Self::find) with less than a block left.
    #[cold]
    fn find_in_tail(&mut self, bytes: &[u8], start: usize) -> usize {
        let (base, mask) = if let Some(block) = bytes.last_chunk() {
            (bytes.len() - BLOCK, stops(block))
        } else {
            let mut block = [b' '; BLOCK];
            if let Some(to) = block.get_mut(..bytes.len()) {
                to.copy_from_slice(bytes);
            }
            (0, stops(&block))
        };
        self.base = base;
        self.mask = mask;
        let left = mask.checked_shr((start - base) as u32).unwrap_or(0);
        if left == 0 {
            return bytes.len();
        }
        start + left.trailing_zeros() as usize
    }
}

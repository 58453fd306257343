//! Fixed queues over one byte slab.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use crate::{Error, JsonStr};

/// A ring of bytes over a region of the slab that the caller passes in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring {
    start: usize,
    capacity: usize,
    head: usize,
    len: usize,
}

impl Ring {
    pub(super) const fn new(start: usize, capacity: usize) -> Self {
        Self {
            start,
            capacity,
            head: 0,
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn free(&self) -> usize {
        self.capacity - self.len
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends as much of `bytes` as fits; returns how much.
    pub(super) fn push(&mut self, slab: &mut [u8], bytes: &[u8]) -> usize {
        let region = &mut slab[self.start..self.start + self.capacity];
        let bytes = &bytes[..bytes.len().min(self.capacity - self.len)];
        let tail = self.wrap(self.head + self.len);
        let (first, rest) = bytes.split_at(bytes.len().min(self.capacity - tail));
        region[tail..tail + first.len()].copy_from_slice(first);
        if !rest.is_empty() {
            region[..rest.len()].copy_from_slice(rest);
        }
        self.len += bytes.len();
        bytes.len()
    }

    /// The oldest bytes, as many as `buf` has room for; only if they lie in two pieces are they
    /// copied there.
    pub(super) fn peek<'a>(&self, slab: &'a [u8], buf: &'a mut [u8]) -> &'a [u8] {
        let region = &slab[self.start..self.start + self.capacity];
        let count = buf.len().min(self.len);
        if let Some(bytes) = region.get(self.head..self.head + count) {
            return bytes;
        }
        self.copy_at(slab, 0, &mut buf[..count]);
        &buf[..count]
    }

    /// Copies from the byte at `at`, counted from the oldest, to all of `dst`. What was truncated and
    /// not overwritten since can be read, too.
    pub(super) fn copy_at(&self, slab: &[u8], at: usize, dst: &mut [u8]) {
        let region = &slab[self.start..self.start + self.capacity];
        let at = self.wrap(self.head + at);
        let first = dst.len().min(self.capacity - at);
        let rest = dst.len() - first;
        dst[..first].copy_from_slice(&region[at..at + first]);
        if rest > 0 {
            dst[first..].copy_from_slice(&region[..rest]);
        }
    }

    /// Overwrites from the byte at `at` on, counted from the oldest.
    pub(super) fn put_at(&mut self, slab: &mut [u8], at: usize, bytes: &[u8]) {
        let region = &mut slab[self.start..self.start + self.capacity];
        let at = self.wrap(self.head + at);
        let (first, rest) = bytes.split_at(bytes.len().min(self.capacity - at));
        region[at..at + first.len()].copy_from_slice(first);
        region[..rest.len()].copy_from_slice(rest);
    }

    /// Removes the newest bytes, all but `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Removes the oldest `count` bytes.
    pub(super) fn skip(&mut self, count: usize) {
        let count = count.min(self.len);
        self.head = self.wrap(self.head + count);
        self.len -= count;
    }

    /// The place in the region of one up to its length behind its end. A division takes longer.
    fn wrap(&self, at: usize) -> usize {
        if at < self.capacity {
            at
        } else {
            at - self.capacity
        }
    }
}

/// A queue of records over a region of the slab: a tag, a few numbers and up to three texts each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records {
    start: usize,
    capacity: usize,
    head: usize,
    tail: usize,
}

/// A record as it goes in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) tag: u8,
    pub(super) numbers: [u64; NUMBERS],
    pub(super) texts: [Text<'a>; 3],
}

/// Text on its way into a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Text<'a> {
    Plain(&'a str),
    /// Escapes are undone on the way in.
    Json(JsonStr<'a>),
}

/// A record as it stands in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    pub(super) tag: u8,
    pub(super) numbers: [u64; NUMBERS],
    lens: [usize; 3],
}

impl Records {
    pub(super) const fn new(start: usize, capacity: usize) -> Self {
        Self {
            start,
            capacity,
            head: 0,
            tail: 0,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    pub(super) fn clear(&mut self) {
        (self.head, self.tail) = (0, 0);
    }

    /// # Errors
    /// [`Error::QueueFull`]; the queue is as before.
    pub(super) fn push(&mut self, slab: &mut [u8], record: Record<'_>) -> Result<(), Error> {
        let lens = record.texts.map(|text| text.len());
        let region = self.reserve(slab, HEADER_LEN + lens.iter().sum::<usize>())?;
        let (header, mut body) = region.split_at_mut(HEADER_LEN);
        for (text, len) in record.texts.iter().zip(lens) {
            let (dst, rest) = body.split_at_mut(len);
            match text {
                Text::Plain(text) => dst.copy_from_slice(text.as_bytes()),
                Text::Json(text) => {
                    text.copy_to(dst)?;
                }
            }
            body = rest;
        }
        let stored = Stored {
            tag: record.tag,
            numbers: record.numbers,
            lens,
        };
        header.copy_from_slice(&stored.to_bytes());
        self.tail += HEADER_LEN + lens.iter().sum::<usize>();
        Ok(())
    }

    /// Appends a record whose one text `write` makes in place; a text of length 0 makes no record.
    ///
    /// # Errors
    /// [`Error::QueueFull`] if the text has no room, or what `write` returns; the queue is as
    /// before.
    pub(super) fn push_with(
        &mut self,
        slab: &mut [u8],
        tag: u8,
        write: impl FnOnce(&mut [u8]) -> Result<usize, Error>,
    ) -> Result<(), Error> {
        let region = self.reserve(slab, HEADER_LEN)?;
        let (header, body) = region.split_at_mut(HEADER_LEN);
        let free = body.len();
        let len = write(body).map_err(|error| match error {
            Error::BufferTooShort { needed, .. } => Error::QueueFull { needed, free },
            other => other,
        })?;
        if len > 0 {
            header.copy_from_slice(
                &Stored {
                    tag,
                    numbers: [0; NUMBERS],
                    lens: [len, 0, 0],
                }
                .to_bytes(),
            );
            self.tail += HEADER_LEN + len;
        }
        Ok(())
    }

    /// The oldest record.
    pub(super) fn front(&self, slab: &[u8]) -> Option<Stored> {
        let record = &slab[self.start + self.head..self.start + self.tail];
        record.first_chunk().map(Stored::from_bytes)
    }

    /// Removes the oldest record, `stored`, and lends its texts, copied to `dst`.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`]; the record stays.
    pub(super) fn pop<'b>(
        &mut self,
        slab: &[u8],
        stored: &Stored,
        dst: &'b mut [u8],
    ) -> Result<[&'b str; 3], Error> {
        let [a, b, c] = stored.lens;
        let needed = a + b + c;
        let actual = dst.len();
        let Some(dst) = dst.get_mut(..needed) else {
            return Err(Error::BufferTooShort { needed, actual });
        };
        let body = self.start + self.head + HEADER_LEN;
        dst.copy_from_slice(&slab[body..body + needed]);
        self.head += HEADER_LEN + needed;
        if self.is_empty() {
            self.clear();
        }
        let dst: &'b [u8] = dst;
        let (a, rest) = dst.split_at(a);
        let (b, c) = rest.split_at(b);
        // Texts went in as `str`, so the fallback is never taken.
        Ok([a, b, c].map(|text| core::str::from_utf8(text).unwrap_or_default()))
    }

    /// All that is free, at least `needed` bytes of it.
    fn reserve<'s>(&mut self, slab: &'s mut [u8], needed: usize) -> Result<&'s mut [u8], Error> {
        let region = &mut slab[self.start..self.start + self.capacity];
        let free = self.capacity - (self.tail - self.head);
        if needed > free {
            return Err(Error::QueueFull { needed, free });
        }
        region.copy_within(self.head..self.tail, 0);
        (self.head, self.tail) = (0, self.tail - self.head);
        Ok(&mut region[self.tail..])
    }
}

impl Text<'_> {
    pub(super) const EMPTY: Self = Self::Plain("");

    fn len(&self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Json(text) => text.len(),
        }
    }
}

impl Stored {
    fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = self.tag;
        for (dst, number) in bytes[1..LENS_AT].chunks_exact_mut(8).zip(self.numbers) {
            dst.copy_from_slice(&number.to_le_bytes());
        }
        for (dst, len) in bytes[LENS_AT..].chunks_exact_mut(4).zip(self.lens) {
            dst.copy_from_slice(&(len as u32).to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; HEADER_LEN]) -> Self {
        let value = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
        };
        Self {
            tag: bytes[0],
            numbers: core::array::from_fn(|index| value(&bytes[1 + 8 * index..][..8])),
            lens: core::array::from_fn(|index| value(&bytes[LENS_AT + 4 * index..][..4]) as usize),
        }
    }
}

/// Numbers in a record: a status and the ten of [`Usage`](crate::dialect::Usage).
pub(super) const NUMBERS: usize = 11;
/// Where the three text lengths stand, behind the tag and the numbers.
const LENS_AT: usize = 1 + NUMBERS * 8;
const HEADER_LEN: usize = LENS_AT + 3 * 4;

/// What [`Bridge`](super::Bridge) keeps its queues in unless told otherwise. Without an allocator
/// there is no default, and the empty array says so at construction.
#[cfg(feature = "alloc")]
pub(super) type DefaultStorage = Box<[u8]>;
/// What [`Bridge`](super::Bridge) keeps its queues in unless told otherwise. Without an allocator
/// there is no default, and the empty array says so at construction.
#[cfg(not(feature = "alloc"))]
pub(super) type DefaultStorage = [u8; 0];

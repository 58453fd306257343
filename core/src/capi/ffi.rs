//! What stands between C and the rest: pointers, lengths, struct sizes, panics.
//!
//! A function of the header is one [`boundary`], whose [`Call`] turns each raw argument into a
//! reference or a code. What cannot be checked (that memory is there and as long as said, that an
//! object is one and used by one thread at a time) is the contract with the C side.

mod object;
#[cfg(test)]
mod tests;

use core::{
    ffi::c_char,
    marker::PhantomData,
    mem::{self, MaybeUninit},
    ptr, slice,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{error::*, trunkline_text};
use crate::Error;

pub(super) use object::{Home, Object, free, size_with_tail};

/// Runs the body of a function of the header. A panic goes no further.
pub(super) fn boundary(body: impl FnOnce(&mut Call) -> Result<(), Code>) -> i32 {
    match catch_unwind(AssertUnwindSafe(|| body(&mut Call::new()))) {
        Ok(Ok(())) => TRUNKLINE_OK,
        Ok(Err(Code(code))) => code,
        Err(payload) => {
            // What was thrown could panic again while it is dropped.
            mem::forget(payload);
            TRUNKLINE_ERR_PANIC
        }
    }
}

/// The memory that one call was given, for finding arguments that overlap.
pub(super) struct Call {
    regions: [Region; MAX_REGIONS],
    len: usize,
}

#[derive(Clone, Copy)]
struct Region {
    start: usize,
    end: usize,
    is_written: bool,
}

impl Call {
    const fn new() -> Self {
        let none = Region {
            start: 0,
            end: 0,
            is_written: false,
        };
        Self {
            regions: [none; MAX_REGIONS],
            len: 0,
        }
    }

    /// # Safety
    /// `ptr` is NULL or points to `len` elements that stay valid and unchanged for `'a`.
    pub(super) unsafe fn slice<'a, T: Plain>(
        &mut self,
        ptr: *const T,
        len: usize,
    ) -> Result<&'a [T], Code> {
        if len == 0 {
            return Ok(&[]);
        }
        self.claim(ptr, len, false)?;
        // SAFETY: the pointer is aligned and not null, the length possible; the rest is the caller's.
        Ok(unsafe { slice::from_raw_parts(ptr, len) })
    }

    /// # Safety
    /// `ptr` is NULL or points to `len` elements that nothing else uses for `'a`. Bytes that the C
    /// side has not initialized count as any bytes: Rust never saw them made.
    pub(super) unsafe fn slice_mut<'a, T: Plain>(
        &mut self,
        ptr: *mut T,
        len: usize,
    ) -> Result<&'a mut [T], Code> {
        if len == 0 {
            return Ok(&mut []);
        }
        self.claim(ptr, len, true)?;
        // SAFETY: the pointer is aligned and not null, the length possible, and no other argument is
        // here; the rest is the caller's.
        Ok(unsafe { slice::from_raw_parts_mut(ptr, len) })
    }

    /// A buffer for text.
    ///
    /// # Safety
    /// As [`slice_mut`](Self::slice_mut).
    pub(super) unsafe fn buf<'a>(
        &mut self,
        ptr: *mut c_char,
        len: usize,
    ) -> Result<&'a mut [u8], Code> {
        // SAFETY: the caller's contract is the same.
        unsafe { self.slice_mut(ptr.cast(), len) }
    }

    /// # Safety
    /// As [`slice`](Self::slice).
    pub(super) unsafe fn text<'a>(
        &mut self,
        ptr: *const c_char,
        len: usize,
    ) -> Result<&'a str, Code> {
        // SAFETY: the caller's contract is the same.
        let bytes = unsafe { self.slice(ptr.cast(), len) }?;
        str::from_utf8(bytes).or(Err(Code(TRUNKLINE_ERR_UTF8)))
    }

    /// A text in a struct, which there may be none of.
    ///
    /// # Safety
    /// As [`slice`](Self::slice).
    pub(super) unsafe fn optional_text<'a>(
        &mut self,
        text: trunkline_text,
    ) -> Result<Option<&'a str>, Code> {
        if text.ptr.is_null() && text.len == 0 {
            return Ok(None);
        }
        // SAFETY: the caller's contract is the same.
        unsafe { self.text(text.ptr, text.len) }.map(Some)
    }

    /// Where one value is stored if the call succeeds.
    ///
    /// # Safety
    /// `ptr` is NULL or points to memory for a `T` that nothing else uses for `'a`.
    pub(super) unsafe fn out<'a, T>(&mut self, ptr: *mut T) -> Result<Out<'a, T>, Code> {
        self.claim(ptr, 1, true)?;
        Ok(Out {
            ptr,
            size: size_of::<T>(),
            lent: PhantomData,
        })
    }

    /// Where a struct is stored if the call succeeds, of which the caller knows `size` bytes.
    ///
    /// # Safety
    /// `ptr` is NULL or points to memory of `size` bytes that nothing else uses for `'a`.
    pub(super) unsafe fn record<'a, T: Record>(
        &mut self,
        ptr: *mut T,
        size: usize,
    ) -> Result<Out<'a, T>, Code> {
        if ptr.is_null() {
            return Err(Code(TRUNKLINE_ERR_NULL));
        }
        if size < T::FIRST_SIZE || size > MAX_RECORD_SIZE {
            return Err(Code(TRUNKLINE_ERR_STRUCT_SIZE));
        }
        check_alignment(ptr, align_of::<T>())?;
        self.claim(ptr.cast::<u8>(), size, true)?;
        Ok(Out {
            ptr,
            size,
            lent: PhantomData,
        })
    }

    /// A struct that begins with its size; members that the caller does not know are as `default`.
    ///
    /// # Safety
    /// `ptr` is NULL or points to a struct as long as its first member says.
    pub(super) unsafe fn options<T: Record>(
        &mut self,
        ptr: *const T,
        default: T,
    ) -> Result<T, Code> {
        let word = ptr.cast::<usize>();
        self.claim(word, 1, false)?;
        check_alignment(ptr, align_of::<T>())?;
        // SAFETY: the pointer is aligned and not null, and the struct begins with its size.
        let size = unsafe { word.read() };
        if size < T::FIRST_SIZE || size > size_of::<T>() {
            return Err(Code(TRUNKLINE_ERR_STRUCT_SIZE));
        }
        self.claim(ptr.cast::<u8>(), size, false)?;
        let mut value = MaybeUninit::new(default);
        // SAFETY: the struct has `size` bytes, no more than `value`; any bytes are a valid `T`.
        unsafe {
            ptr::copy_nonoverlapping(ptr.cast::<u8>(), value.as_mut_ptr().cast(), size);
            Ok(value.assume_init())
        }
    }

    /// Notes memory that the call uses.
    fn claim<T>(&mut self, ptr: *const T, len: usize, is_written: bool) -> Result<(), Code> {
        check(ptr, align_of::<T>())?;
        let start = ptr.addr();
        let bytes = len
            .checked_mul(size_of::<T>())
            .filter(|&bytes| bytes <= isize::MAX as usize);
        let end = bytes.and_then(|bytes| start.checked_add(bytes));
        let end = end.ok_or(Code(TRUNKLINE_ERR_LENGTH))?;
        let earlier = self.regions.get(..self.len).unwrap_or_default();
        let overlaps = earlier.iter().any(|region| {
            (region.is_written || is_written) && start < region.end && region.start < end
        });
        if overlaps {
            return Err(Code(TRUNKLINE_ERR_OVERLAP));
        }
        self.regions[self.len] = Region {
            start,
            end,
            is_written,
        };
        self.len += 1;
        Ok(())
    }
}

/// Where a call stores something if it succeeds.
pub(super) struct Out<'a, T> {
    ptr: *mut T,
    size: usize,
    lent: PhantomData<&'a mut T>,
}

impl<T> Out<'_, T> {
    /// Stores `value`, or as much of it as the caller knows; what only the caller knows is zeroed.
    pub(super) fn set(self, value: T) {
        let known = self.size.min(size_of::<T>());
        let to = self.ptr.cast::<u8>();
        // SAFETY: the memory has `size` bytes and is nobody else's.
        unsafe {
            ptr::copy_nonoverlapping((&raw const value).cast(), to, known);
            to.add(known).write_bytes(0, self.size - known);
        }
    }
}

impl Out<'_, usize> {
    /// Stores how much was written, or, where the buffer was too short, how much it must hold.
    pub(super) fn report(self, result: Result<usize, Error>) -> Result<(), Code> {
        match result {
            Ok(written) => self.set(written),
            Err(error) => {
                if let Error::BufferTooShort { needed, .. } = error {
                    self.set(needed);
                }
                return Err(error.into());
            }
        }
        Ok(())
    }
}

/// Elements of buffers.
pub(super) trait Plain: Copy {}
impl Plain for u8 {}
impl Plain for i16 {}

/// A struct of the header that may grow.
///
/// # Safety
/// It is `repr(C)` and any bytes are a valid one. If it is read, it begins with its size.
pub(super) unsafe trait Record: Copy {
    /// Its size in the first version that had it. Once members have been appended, that is the
    /// offset of the first of them.
    const FIRST_SIZE: usize;
}

fn check<T>(ptr: *const T, align: usize) -> Result<(), Code> {
    if ptr.is_null() {
        return Err(Code(TRUNKLINE_ERR_NULL));
    }
    check_alignment(ptr, align)
}

fn check_alignment<T>(ptr: *const T, align: usize) -> Result<(), Code> {
    if !ptr.addr().is_multiple_of(align) {
        return Err(Code(TRUNKLINE_ERR_MISALIGNED));
    }
    Ok(())
}

/// A truth value of the header.
pub(super) fn flag(value: i32) -> Result<bool, Code> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Code(TRUNKLINE_ERR_ARGUMENT)),
    }
}

/// More than any function uses: an object, or an output and a text, and a session, which counts twice
/// and has eight texts.
const MAX_REGIONS: usize = 16;
/// More than any struct of the header will ever have.
const MAX_RECORD_SIZE: usize = 1 << 16;

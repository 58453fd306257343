//! Objects: where they live, how they are made, and how they end.

use core::{ffi::c_void, mem, slice};
use std::alloc::{Layout, alloc_zeroed, dealloc};

use super::{
    super::{TRUNKLINE_ALIGN, error::*},
    Call, check,
};

impl Call {
    /// An object that is only looked at.
    ///
    /// # Safety
    /// `ptr` is NULL or an object of this kind, which nothing else uses for `'a`.
    pub(in super::super) unsafe fn object<'a, T: Object>(
        &mut self,
        ptr: *const T,
    ) -> Result<&'a T, Code> {
        check(ptr, TRUNKLINE_ALIGN)?;
        // SAFETY: the pointer is aligned and not null; the rest is the caller's.
        let object = unsafe { &*ptr };
        self.claim(ptr.cast::<u8>(), object.home().len, false)?;
        Ok(object)
    }

    /// An object that is changed.
    ///
    /// # Safety
    /// As [`object`](Self::object).
    pub(in super::super) unsafe fn object_mut<'a, T: Object>(
        &mut self,
        ptr: *mut T,
    ) -> Result<&'a mut T, Code> {
        check(ptr, TRUNKLINE_ALIGN)?;
        // SAFETY: the pointer is aligned and not null; the rest is the caller's.
        let len = unsafe { &*ptr }.home().len;
        self.claim(ptr.cast::<u8>(), len, true)?;
        // SAFETY: as above, and no other argument is here.
        Ok(unsafe { &mut *ptr })
    }

    /// Makes an object in the caller's memory, with `tail` zeroed bytes behind it.
    ///
    /// # Safety
    /// `memory` is NULL or points to `len` bytes that nothing else uses as long as the object lives;
    /// `out` as for [`out`](Self::out).
    pub(in super::super) unsafe fn init<T: Object>(
        &mut self,
        memory: *mut c_void,
        len: usize,
        tail: usize,
        out: *mut *mut T,
        make: impl FnOnce(Home, &'static mut [u8]) -> Result<T, Code>,
    ) -> Result<(), Code> {
        // SAFETY: the caller's contract is the same.
        let out = unsafe { self.out(out) }?;
        check(memory.cast::<u8>(), TRUNKLINE_ALIGN)?;
        let needed = size_with_tail::<T>(tail)?;
        if len < needed {
            return Err(Code(TRUNKLINE_ERR_BUFFER_TOO_SHORT));
        }
        self.claim(memory.cast::<u8>(), len, true)?;
        let home = Home {
            len: needed,
            is_allocated: false,
        };
        // SAFETY: the memory is aligned, long enough, and the object's alone.
        out.set(unsafe { place(memory.cast(), home, tail, make) }?);
        Ok(())
    }

    /// Makes an object in memory of its own, with `tail` zeroed bytes behind it.
    ///
    /// # Safety
    /// `out` as for [`out`](Self::out).
    pub(in super::super) unsafe fn create<T: Object>(
        &mut self,
        tail: usize,
        out: *mut *mut T,
        make: impl FnOnce(Home, &'static mut [u8]) -> Result<T, Code>,
    ) -> Result<(), Code> {
        // SAFETY: the caller's contract is the same.
        let out = unsafe { self.out(out) }?;
        let home = Home {
            len: size_with_tail::<T>(tail)?,
            is_allocated: true,
        };
        let layout = home.layout();
        // SAFETY: an object's size is never 0.
        let memory = unsafe { alloc_zeroed(layout) };
        if memory.is_null() {
            return Err(Code(TRUNKLINE_ERR_NO_MEMORY));
        }
        // SAFETY: the memory was made for this.
        match unsafe { place(memory, home, tail, make) } {
            Ok(object) => out.set(object),
            Err(code) => {
                // SAFETY: the memory was made with this layout, and nothing lives in it.
                unsafe { dealloc(memory, layout) };
                return Err(code);
            }
        }
        Ok(())
    }
}

/// An object behind an opaque pointer.
///
/// # Safety
/// `home` returns what the object was made with.
pub(in super::super) unsafe trait Object {
    fn home(&self) -> Home;
}

/// The memory in which an object lives.
#[derive(Clone, Copy)]
pub(in super::super) struct Home {
    len: usize,
    is_allocated: bool,
}

impl Home {
    fn layout(self) -> Layout {
        Layout::from_size_align(self.len, TRUNKLINE_ALIGN)
            .expect("the length was checked when the object was made")
    }
}

/// Bytes of an object with `tail` bytes behind it.
pub(in super::super) fn size_with_tail<T: Object>(tail: usize) -> Result<usize, Code> {
    const {
        assert!(align_of::<T>() <= TRUNKLINE_ALIGN && !mem::needs_drop::<T>());
    }
    size_of::<T>()
        .checked_add(tail)
        .filter(|&size| size <= MAX_OBJECT_SIZE)
        .ok_or(Code(TRUNKLINE_ERR_NO_MEMORY))
}

/// Gives back the memory of an object that `create` made; one made by `init` has none to give.
///
/// # Safety
/// `ptr` is NULL or an object of this kind that nobody uses from now on.
pub(in super::super) unsafe fn free<T: Object>(ptr: *mut T) {
    if check(ptr, TRUNKLINE_ALIGN).is_err() {
        return;
    }
    // SAFETY: the pointer is aligned and not null; the rest is the caller's.
    let home = unsafe { &*ptr }.home();
    if home.is_allocated {
        // SAFETY: the memory was made with this layout, and the object needs no drop.
        unsafe { dealloc(ptr.cast(), home.layout()) }
    }
}

/// # Safety
/// `memory` is aligned, has room for the object and its tail, and is the object's alone.
unsafe fn place<T: Object>(
    memory: *mut u8,
    home: Home,
    tail: usize,
    make: impl FnOnce(Home, &'static mut [u8]) -> Result<T, Code>,
) -> Result<*mut T, Code> {
    // SAFETY: the tail lies behind the object, in memory that is the object's as long as it lives.
    let tail = unsafe {
        let start = memory.add(size_of::<T>());
        start.write_bytes(0, tail);
        slice::from_raw_parts_mut(start, tail)
    };
    let object = memory.cast::<T>();
    let value = make(home, tail)?;
    // SAFETY: the memory is aligned and has room.
    unsafe { object.write(value) };
    Ok(object)
}

const MAX_OBJECT_SIZE: usize = isize::MAX as usize - TRUNKLINE_ALIGN;

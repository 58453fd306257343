//! Objects of Rust's that JavaScript holds: opaque values, which the classes in `lib` keep private.
//!
//! A class of `napi`'s own costs some 400 ns for each call of a method, four times what resampling a
//! frame does: it books every borrow under a lock, for what runs beyond the call. Nothing here does.
#![allow(unsafe_code)]

use std::any::TypeId;
use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::ffi::c_void;
use std::hash::{BuildHasherDefault, Hasher};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use napi::bindgen_prelude::*;
use napi::sys;

use crate::error::{Refused, refuse};

/// A `T` that JavaScript holds, as an argument.
pub struct Handle<T> {
    held: NonNull<Held<T>>,
    /// Not for another thread, nor for longer than the call.
    is_local: PhantomData<*const T>,
}

struct Held<T> {
    value: RefCell<T>,
    /// Bytes that V8 was told of.
    size: i64,
}

impl<T: 'static> Handle<T> {
    /// Gives `value` to JavaScript, which drops it once nothing refers to it any more. It takes `size`
    /// bytes, which V8 is told so that it collects in time.
    pub(crate) fn give(env: Env, value: T, size: usize) -> Result<Unknown<'static>> {
        let size = size as i64;
        let value = RefCell::new(value);
        let held = Box::into_raw(Box::new(Held { value, size }));
        LIVE.with_borrow_mut(|live| live.insert(held as usize, TypeId::of::<T>()));
        let mut external = ptr::null_mut();
        // SAFETY: `held` is what `drop_held` takes, and it is called once.
        let status = unsafe {
            sys::napi_create_external(
                env.raw(),
                held.cast(),
                Some(drop_held::<T>),
                ptr::null_mut(),
                &raw mut external,
            )
        };
        if status != sys::Status::napi_ok {
            forget(held);
            return Err(Error::new(Status::from(status), String::new()));
        }
        adjust(env.raw(), size);
        // SAFETY: the value was just made in this environment.
        Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), external) })
    }

    /// The object itself.
    #[inline]
    pub(crate) fn get(&self) -> RefMut<'_, T> {
        // SAFETY: it is one of ours of this type, as was checked, and JavaScript, which holds it, does
        // not run before the call ends.
        let held = unsafe { self.held.as_ref() };
        held.value.borrow_mut()
    }
}

impl<T: 'static> FromNapiValue for Handle<T> {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let mut data = ptr::null_mut();
        // SAFETY: both are valid, as the caller promises.
        unsafe { sys::napi_get_value_external(env, value, &raw mut data) };
        let is_ours =
            LIVE.with_borrow(|live| live.get(&(data as usize)) == Some(&TypeId::of::<T>()));
        match NonNull::new(data.cast()) {
            Some(held) if is_ours => Ok(Self {
                held,
                is_local: PhantomData,
            }),
            _ => {
                let expected = "an object that trunkline made";
                Err(refuse(Env::from_raw(env), Refused::Type { expected }))
            }
        }
    }
}

/// # Safety
/// `data` came from [`Handle::give`] of this type, and this is called once.
unsafe extern "C" fn drop_held<T>(env: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    let held: *mut Held<T> = data.cast();
    // SAFETY: what the caller promises.
    let size = unsafe { (*held).size };
    forget(held);
    adjust(env, -size);
}

/// Drops what JavaScript does not hold, or not any more.
fn forget<T>(held: *mut Held<T>) {
    // At the end of a thread, the list may be gone already.
    let _ = LIVE.try_with(|live| live.borrow_mut().remove(&(held as usize)));
    // SAFETY: it was made of a box, and its only other owner has let go of it.
    drop(unsafe { Box::from_raw(held) });
}

fn adjust(env: sys::napi_env, size: i64) {
    let mut total = 0;
    // SAFETY: the environment is valid, and so is the place that it writes to.
    unsafe { sys::napi_adjust_external_memory(env, size, &raw mut total) };
}

/// Addresses are spread well enough by themselves.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(byte.into());
        }
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (address as u64 >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

thread_local! {
    /// What this thread's JavaScript holds.
    static LIVE: RefCell<HashMap<usize, TypeId, BuildHasherDefault<AddressHasher>>> =
        RefCell::default();
}

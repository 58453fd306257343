//! JavaScript's typed arrays and strings as slices, and the only unsafe code of the bindings.
//!
//! A slice is used up within the call that it was given to, and nothing runs in JavaScript meanwhile,
//! so that its memory can neither move nor be detached. Memory that is shared with other threads
//! (`SharedArrayBuffer`) is between them and the caller: samples may come out old or new.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::{ptr, slice};

use napi::bindgen_prelude::*;
use napi::sys;
use trunkline::Error as Core;

use crate::error::{OrThrow, Refused, refuse};

/// A typed array that is read: of bytes, or of 16-bit samples.
pub struct Source(View);

/// A typed array that is written.
pub struct Target(View);

/// A string, or a `Uint8Array` of UTF-8.
pub struct Text {
    env: sys::napi_env,
    value: sys::napi_value,
    is_string: bool,
}

/// A number.
#[derive(Clone, Copy)]
pub struct Number(pub(crate) f64);

/// Memory of a typed array, for as long as the call lasts.
#[derive(Clone, Copy)]
struct View {
    env: Env,
    kind: sys::napi_typedarray_type,
    data: *mut u8,
    len_bytes: usize,
}

impl Source {
    /// The elements of a `Uint8Array`.
    #[inline]
    pub(crate) fn bytes(&self) -> Result<&[u8]> {
        self.0.check_bytes()?;
        // SAFETY: so many bytes lie there, until the call ends.
        Ok(unsafe { slice::from_raw_parts(self.0.data, self.0.len_bytes) })
    }

    /// The elements of an `Int16Array`, or the samples whose little-endian bytes a `Uint8Array` holds;
    /// copied where these do not lie as this machine's samples do.
    #[inline]
    pub(crate) fn samples(&self) -> Result<Cow<'_, [i16]>> {
        let is_native = self.0.check_pcm()? || cfg!(target_endian = "little");
        // SAFETY: so many bytes lie there, until the call ends.
        let bytes = unsafe { slice::from_raw_parts(self.0.data, self.0.len_bytes) };
        Ok(match bytemuck::try_cast_slice(bytes) {
            Ok(samples) if is_native => Cow::Borrowed(samples),
            _ => {
                let pairs = bytes.as_chunks::<2>().0.iter();
                Cow::Owned(pairs.map(|&pair| i16::from_le_bytes(pair)).collect())
            }
        })
    }
}

impl Target {
    /// The elements of a `Uint8Array` that shares no memory with `src`.
    #[inline]
    pub(crate) fn bytes(&mut self, src: &Source) -> Result<&mut [u8]> {
        self.0.check_bytes()?;
        self.0.check_apart(src.0)?;
        // SAFETY: so many bytes lie there until the call ends, and the only other slice there can be,
        // that of `src`, is not of them.
        Ok(unsafe { slice::from_raw_parts_mut(self.0.data, self.0.len_bytes) })
    }

    /// The elements of an `Int16Array`, or of a `Uint8Array` that is aligned as samples are, that
    /// shares no memory with `src`, if there is one.
    #[inline]
    pub(crate) fn samples(&mut self, src: Option<&Source>) -> Result<&mut [i16]> {
        let is_native = self.0.check_pcm()? || cfg!(target_endian = "little");
        if let Some(src) = src {
            self.0.check_apart(src.0)?;
        }
        // SAFETY: so many bytes lie there until the call ends, and the only other slice there can be,
        // that of `src`, is not of them.
        let bytes = unsafe { slice::from_raw_parts_mut(self.0.data, self.0.len_bytes) };
        match bytemuck::try_cast_slice_mut(bytes) {
            Ok(samples) if is_native => Ok(samples),
            _ => Err(self
                .0
                .refuse("an Int16Array", "a Uint8Array at an odd address")),
        }
    }
}

impl View {
    fn check_bytes(&self) -> Result<()> {
        if self.kind == UINT8 {
            return Ok(());
        }
        Err(self.refuse("a Uint8Array", kind_name(self.kind)))
    }

    /// Whether its elements are samples already.
    fn check_pcm(&self) -> Result<bool> {
        const EXPECTED: &str = "an Int16Array, or a Uint8Array of 16-bit little-endian samples";
        match self.kind {
            INT16 => Ok(true),
            UINT8 if self.len_bytes.is_multiple_of(2) => Ok(false),
            UINT8 => Err(self.refuse(EXPECTED, "a Uint8Array of odd length")),
            kind => Err(self.refuse(EXPECTED, kind_name(kind))),
        }
    }

    fn check_apart(&self, other: Self) -> Result<()> {
        let (from, to) = (self.data as usize, self.data as usize + self.len_bytes);
        let (start, end) = (other.data as usize, other.data as usize + other.len_bytes);
        if from < end && start < to {
            return Err(refuse(self.env, Refused::Overlapping));
        }
        Ok(())
    }

    #[cold]
    fn refuse(&self, expected: &'static str, actual: &'static str) -> Error {
        refuse(self.env, Refused::Unsupported { expected, actual })
    }

    /// # Safety
    /// `value` is a value of this environment.
    unsafe fn new(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let mut kind = 0;
        let mut len = 0;
        let mut data = ptr::null_mut();
        let mut buffer = ptr::null_mut();
        // SAFETY: both are valid, and so are the places that it writes to.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                env,
                value,
                &raw mut kind,
                &raw mut len,
                &raw mut data,
                &raw mut buffer,
                ptr::null_mut(),
            )
        };
        let env = Env::from_raw(env);
        if status != sys::Status::napi_ok {
            return Err(refuse(
                env,
                Refused::Unsupported {
                    expected: "a Uint8Array or an Int16Array",
                    actual: "something else",
                },
            ));
        }
        if len == 0 {
            let mut is_detached = false;
            // SAFETY: the buffer was given above. If it is a shared one, this fails and says nothing.
            unsafe { sys::napi_is_detached_arraybuffer(env.raw(), buffer, &raw mut is_detached) };
            if is_detached {
                return Err(refuse(env, Refused::Detached));
            }
            data = ptr::without_provenance_mut(align_of::<i16>());
        }
        // Kinds without a name here are refused before their length counts.
        let size = if kind == INT16 { 2 } else { 1 };
        Ok(Self {
            env,
            kind,
            data: data.cast(),
            len_bytes: len * size,
        })
    }
}

impl FromNapiValue for Source {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        // SAFETY: what the caller promises.
        Ok(Self(unsafe { View::new(env, value) }?))
    }
}

impl FromNapiValue for Target {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        // SAFETY: what the caller promises.
        Ok(Self(unsafe { View::new(env, value) }?))
    }
}

impl FromNapiValue for Text {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let mut kind = 0;
        // SAFETY: both are valid, as the caller promises.
        let status = unsafe { sys::napi_typeof(env, value, &raw mut kind) };
        let is_string = kind == sys::ValueType::napi_string;
        let is_object = kind == sys::ValueType::napi_object;
        if status != sys::Status::napi_ok || !(is_string || is_object) {
            let expected = "a string or a Uint8Array of UTF-8";
            return Err(refuse(Env::from_raw(env), Refused::Type { expected }));
        }
        Ok(Self {
            env,
            value,
            is_string,
        })
    }
}

impl FromNapiValue for Number {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let mut number = 0.0;
        // SAFETY: both are valid, as the caller promises.
        let status = unsafe { sys::napi_get_value_double(env, value, &raw mut number) };
        if status != sys::Status::napi_ok {
            let expected = "a number";
            return Err(refuse(Env::from_raw(env), Refused::Type { expected }));
        }
        Ok(Self(number))
    }
}

impl Text {
    /// The text; a string's is copied to `scratch`. One of more than `limit` bytes is not looked at.
    #[inline]
    pub(crate) fn read<'a>(&'a self, scratch: &'a mut Vec<u8>, limit: usize) -> Result<&'a str> {
        let env = Env::from_raw(self.env);
        if self.is_string {
            return self.read_string(scratch, limit);
        }
        // SAFETY: the value is one of this environment, which it came with.
        let view = unsafe { View::new(self.env, self.value) }?;
        view.check_bytes()?;
        if view.len_bytes > limit {
            let actual = view.len_bytes;
            return Err(Core::MessageTooLong { limit, actual }).or_throw(env);
        }
        // SAFETY: so many bytes lie there, until the call ends.
        let bytes = unsafe { slice::from_raw_parts(view.data, view.len_bytes) };
        if is_ascii(bytes) {
            // SAFETY: ASCII is UTF-8.
            return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
        }
        std::str::from_utf8(bytes)
            .map_err(|error| Core::InvalidJson {
                offset: error.valid_up_to(),
            })
            .or_throw(env)
    }

    fn read_string<'a>(&'a self, scratch: &'a mut Vec<u8>, limit: usize) -> Result<&'a str> {
        let env = Env::from_raw(self.env);
        if scratch.is_empty() {
            scratch.resize(MIN_SCRATCH, 0);
        }
        let mut len = self.copy(scratch);
        // Whether all of it fitted: a character that did not may have left three bytes free.
        if len + 4 >= scratch.len() {
            let actual = self.len();
            if actual > limit {
                return Err(Core::MessageTooLong { limit, actual }).or_throw(env);
            }
            scratch.resize(actual + 5, 0);
            len = self.copy(scratch);
        } else if len > limit {
            return Err(Core::MessageTooLong { limit, actual: len }).or_throw(env);
        }
        let bytes = scratch.get(..len).unwrap_or_default();
        debug_assert!(std::str::from_utf8(bytes).is_ok(), "V8 writes UTF-8");
        // SAFETY: what V8 writes as UTF-8 is, with U+FFFD for half a surrogate pair, and is cut
        // between characters only.
        Ok(unsafe { std::str::from_utf8_unchecked(bytes) })
    }

    /// Writes as much of the string as there is room for; returns how many bytes that is.
    fn copy(&self, scratch: &mut [u8]) -> usize {
        let mut len = 0;
        // SAFETY: the value is a string of this environment, and there are so many bytes to write to.
        unsafe {
            sys::napi_get_value_string_utf8(
                self.env,
                self.value,
                scratch.as_mut_ptr().cast(),
                scratch.len(),
                &raw mut len,
            )
        };
        len
    }

    fn len(&self) -> usize {
        let mut len = 0;
        // SAFETY: the value is a string of this environment; without a place, its length is asked for.
        unsafe {
            sys::napi_get_value_string_utf8(self.env, self.value, ptr::null_mut(), 0, &raw mut len)
        };
        len
    }

    /// The text by itself.
    pub(crate) fn to_owned(&self) -> Result<String> {
        self.read(&mut Vec::new(), usize::MAX).map(str::to_owned)
    }
}

/// A new `Int16Array` of `len` samples that `write` fills.
pub(crate) fn new_samples(
    env: Env,
    len: usize,
    write: impl FnOnce(&mut [i16]) -> Result<()>,
) -> Result<Unknown<'static>> {
    new_array(env, INT16, len, 2 * len, |data| {
        let samples: *mut i16 = data.cast();
        // SAFETY: so many bytes were just allocated, aligned for anything, and zeroed.
        write(unsafe { slice::from_raw_parts_mut(samples, len) })
    })
}

/// A new `Uint8Array` of `len` bytes that `write` fills.
pub(crate) fn new_bytes(
    env: Env,
    len: usize,
    write: impl FnOnce(&mut [u8]) -> Result<()>,
) -> Result<Unknown<'static>> {
    new_array(env, UINT8, len, len, |data| {
        // SAFETY: so many bytes were just allocated, and zeroed.
        write(unsafe { slice::from_raw_parts_mut(data, len) })
    })
}

fn new_array(
    env: Env,
    kind: sys::napi_typedarray_type,
    len: usize,
    len_bytes: usize,
    write: impl FnOnce(*mut u8) -> Result<()>,
) -> Result<Unknown<'static>> {
    let mut data = ptr::null_mut();
    let mut buffer = ptr::null_mut();
    let mut array = ptr::null_mut();
    // SAFETY: the places that it writes to are valid.
    check(unsafe {
        sys::napi_create_arraybuffer(env.raw(), len_bytes, &raw mut data, &raw mut buffer)
    })?;
    if len_bytes == 0 {
        data = ptr::without_provenance_mut(align_of::<i16>());
    }
    write(data.cast())?;
    // SAFETY: the buffer was just made, as long as the array.
    check(unsafe { sys::napi_create_typedarray(env.raw(), kind, len, buffer, 0, &raw mut array) })?;
    // SAFETY: the array was just made in this environment.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), array) })
}

/// A new string. That it is ASCII, as nearly all are, makes it one that V8 need not decode.
#[inline(always)]
pub(crate) fn new_string(env: Env, text: &str) -> Result<Unknown<'static>> {
    let mut value = ptr::null_mut();
    let (data, len) = (text.as_ptr().cast(), text.len() as isize);
    // SAFETY: the text is so long, and where it is all ASCII, it is Latin-1 as well.
    check(unsafe {
        if is_ascii(text.as_bytes()) {
            sys::napi_create_string_latin1(env.raw(), data, len, &raw mut value)
        } else {
            sys::napi_create_string_utf8(env.raw(), data, len, &raw mut value)
        }
    })?;
    // SAFETY: the string was just made in this environment.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), value) })
}

/// A new number.
#[inline]
pub(crate) fn new_number(env: Env, number: u32) -> Result<Unknown<'static>> {
    let mut value = ptr::null_mut();
    // SAFETY: the place that it writes to is valid.
    check(unsafe { sys::napi_create_uint32(env.raw(), number, &raw mut value) })?;
    // SAFETY: the number was just made in this environment.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), value) })
}

/// A new `Error`, to be thrown.
pub(crate) fn new_error(env: Env, text: &str) -> Result<Object<'static>> {
    let text = new_string(env, text)?.raw();
    let mut value = ptr::null_mut();
    // SAFETY: the text is a string of this environment; without a code, it gets none.
    check(unsafe { sys::napi_create_error(env.raw(), ptr::null_mut(), text, &raw mut value) })?;
    Ok(Object::from_raw(env.raw(), value))
}

/// JavaScript's `undefined`.
pub(crate) fn undefined(env: Env) -> Result<Unknown<'static>> {
    let mut value = ptr::null_mut();
    // SAFETY: the place that it writes to is valid.
    check(unsafe { sys::napi_get_undefined(env.raw(), &raw mut value) })?;
    // SAFETY: the value is one of this environment.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), value) })
}

/// A new array of `values`.
pub(crate) fn new_list(env: Env, values: &[Unknown<'static>]) -> Result<Unknown<'static>> {
    let mut array = ptr::null_mut();
    // SAFETY: the place that it writes to is valid.
    check(unsafe { sys::napi_create_array_with_length(env.raw(), values.len(), &raw mut array) })?;
    for (index, value) in (0..).zip(values) {
        // SAFETY: the array was just made, and the value is one of this call.
        check(unsafe { sys::napi_set_element(env.raw(), array, index, value.raw()) })?;
    }
    // SAFETY: the array was just made in this environment.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), array) })
}

/// `<[u8]>::is_ascii` in vectors to the last byte, its tail being slower than all the rest.
#[inline(always)]
fn is_ascii(bytes: &[u8]) -> bool {
    const WIDTH: usize = 64;
    let Some(last) = bytes.last_chunk::<WIDTH>() else {
        return bytes.is_ascii();
    };
    let mut all = *last;
    for chunk in bytes.as_chunks::<WIDTH>().0 {
        for (all, byte) in all.iter_mut().zip(chunk) {
            *all |= byte;
        }
    }
    all.iter().fold(0, |all, byte| all | byte) < 0x80
}

#[inline]
fn check(status: sys::napi_status) -> Result<()> {
    if status == sys::Status::napi_ok {
        return Ok(());
    }
    Err(Error::new(Status::from(status), String::new()))
}

fn kind_name(kind: sys::napi_typedarray_type) -> &'static str {
    match kind {
        0 => "an Int8Array",
        1 => "a Uint8Array",
        2 => "a Uint8ClampedArray",
        3 => "an Int16Array",
        4 => "a Uint16Array",
        5 => "an Int32Array",
        6 => "a Uint32Array",
        7 => "a Float32Array",
        8 => "a Float64Array",
        9 => "a BigInt64Array",
        10 => "a BigUint64Array",
        _ => "a typed array of another kind",
    }
}

const UINT8: sys::napi_typedarray_type = sys::TypedarrayType::uint8_array;
const INT16: sys::napi_typedarray_type = sys::TypedarrayType::int16_array;
/// Bytes for a string, at first: more than most messages have.
const MIN_SCRATCH: usize = 4 << 10;

//! Python's buffers as slices, and the only unsafe code of the bindings.
//!
//! A buffer stays exported for as long as its [`Source`] or [`Target`] lives, so that its memory can
//! neither move nor shrink. What other threads write into it meanwhile is between them and the
//! caller, as with every extension that reads a `bytearray`: samples may come out old or new.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::slice;

use pyo3::Borrowed;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{OverlappingBuffersError, unsupported_buffer};

/// A buffer to read from.
pub(crate) enum Source<'a> {
    /// Cannot change, and needs no export.
    Bytes(&'a [u8]),
    Buffer(PyUntypedBuffer),
}

/// A buffer to write to, of the kind that it was asked for.
pub(crate) struct Target(PyUntypedBuffer);

impl<'a> Source<'a> {
    /// The buffer of one byte an element that `object` exports.
    #[inline]
    pub(crate) fn bytes(object: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.as_bytes()));
        }
        let buffer = PyUntypedBuffer::get(object)?;
        check(object, &buffer, BYTES, |size| size == 1)?;
        Ok(Self::Buffer(buffer))
    }

    /// The contiguous buffer of any elements that `object` exports.
    #[inline]
    pub(crate) fn any(object: Borrowed<'a, '_, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = <&[u8]>::extract(object) {
            return Ok(Self::Bytes(bytes));
        }
        let buffer = PyUntypedBuffer::get(&object)?;
        if !buffer.is_c_contiguous() {
            // What the exporter says to those who ask for bytes alone, as this function does not.
            object
                .py()
                .import("binascii")?
                .call_method1("crc32", (object,))?;
            return Err(PyBufferError::new_err("buffer is not C-contiguous"));
        }
        Ok(Self::Buffer(buffer))
    }

    /// The buffer of 16-bit samples, or of their bytes, that `object` exports.
    #[inline]
    pub(crate) fn pcm(object: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            check_even(object, bytes.as_bytes().len())?;
            return Ok(Self::Bytes(bytes.as_bytes()));
        }
        let buffer = PyUntypedBuffer::get(object)?;
        check(object, &buffer, PCM, |size| size <= 2)?;
        check_even(object, buffer.len_bytes())?;
        Ok(Self::Buffer(buffer))
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            // SAFETY: it is contiguous, as was checked, and exported for as long as `self` lives.
            Self::Buffer(buffer) => unsafe { slice(buffer) },
        }
    }

    /// The samples; copied where their bytes do not lie as this machine's samples do.
    pub(crate) fn samples(&self) -> Cow<'_, [i16]> {
        let bytes = self.as_bytes();
        match bytemuck::try_cast_slice(bytes) {
            Ok(samples) if cfg!(target_endian = "little") => Cow::Borrowed(samples),
            _ => {
                let pairs = bytes.as_chunks::<2>().0.iter();
                Cow::Owned(pairs.map(|&pair| i16::from_le_bytes(pair)).collect())
            }
        }
    }
}

impl Target {
    /// The writable buffer of one byte an element that `object` exports.
    pub(crate) fn bytes(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(object)?;
        check(object, &buffer, BYTES, |size| size == 1)?;
        check_writable(object, &buffer)?;
        Ok(Self(buffer))
    }

    /// The writable buffer of 16-bit samples, or of their bytes, that `object` exports; aligned as
    /// samples are.
    pub(crate) fn pcm(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(object)?;
        check(object, &buffer, PCM, |size| size <= 2)?;
        check_even(object, buffer.len_bytes())?;
        check_writable(object, &buffer)?;
        if buffer.len_bytes() > 0 && !buffer.buf_ptr().cast::<i16>().is_aligned() {
            let actual = "one at an odd address".to_owned();
            return Err(unsupported_buffer(object.py(), PCM, actual));
        }
        Ok(Self(buffer))
    }

    /// Refuses a `src` that shares memory with this.
    pub(crate) fn check_apart(&self, src: &Source<'_>) -> PyResult<()> {
        let target = self.0.buf_ptr() as usize;
        let source = src.as_bytes().as_ptr_range();
        if target < source.end as usize && (source.start as usize) < target + self.0.len_bytes() {
            return Err(OverlappingBuffersError::new_err(
                "src and dst overlap: expected two buffers that share no memory",
            ));
        }
        Ok(())
    }

    pub(crate) fn as_bytes(&mut self) -> &mut [u8] {
        // SAFETY: the buffer is contiguous and writable, as was checked, and exported for as long as
        // `self` lives.
        unsafe { slice_mut(&self.0) }
    }

    /// The samples. Only for what [`pcm`](Self::pcm) gave.
    pub(crate) fn samples(&mut self) -> &mut [i16] {
        match self.as_bytes() {
            // An empty buffer may lie at any address.
            [] => &mut [],
            bytes => bytemuck::cast_slice_mut(bytes),
        }
    }
}

/// `bytes` of `samples` samples that `write` fills.
#[inline]
pub(crate) fn new_pcm<'py>(
    py: Python<'py>,
    samples: usize,
    write: impl FnOnce(&mut [i16]) -> PyResult<()>,
) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, 2 * samples, |bytes| {
        let mut copy;
        match bytemuck::try_cast_slice_mut(bytes) {
            Ok(samples) if cfg!(target_endian = "little") => write(samples),
            _ => {
                copy = vec![0; samples];
                write(&mut copy)?;
                for (to, sample) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(copy) {
                    *to = sample.to_le_bytes();
                }
                Ok(())
            }
        }
    })
}

const BYTES: &str = "a contiguous buffer of bytes";
const PCM: &str = "a contiguous buffer of 16-bit samples or their bytes";

#[inline]
fn check_even(object: &Bound<'_, PyAny>, len: usize) -> PyResult<()> {
    if len.is_multiple_of(2) {
        Ok(())
    } else {
        let actual = format!("{len} bytes, an odd number");
        Err(unsupported_buffer(object.py(), PCM, actual))
    }
}

/// Whether the elements lie side by side and are integers of a size that `fits`.
fn check(
    object: &Bound<'_, PyAny>,
    buffer: &PyUntypedBuffer,
    expected: &str,
    fits: impl Fn(usize) -> bool,
) -> PyResult<()> {
    let format = buffer.format().to_bytes();
    // A byte order is native or none; little-endian is native on all but a few machines.
    let code = match format {
        [b'@' | b'=', code] => *code,
        [b'<', code] if cfg!(target_endian = "little") => *code,
        [code] => *code,
        _ => b'?',
    };
    let is_integer = match buffer.item_size() {
        1 => matches!(code, b'B' | b'b' | b'c'),
        2 => code == b'h',
        _ => false,
    };
    if is_integer && fits(buffer.item_size()) && buffer.is_c_contiguous() {
        return Ok(());
    }
    let mut actual = format!(
        "{} of format '{}'",
        object.get_type().name()?,
        String::from_utf8_lossy(format)
    );
    if !buffer.is_c_contiguous() {
        actual.push_str(", not contiguous");
    }
    Err(unsupported_buffer(object.py(), expected, actual))
}

fn check_writable(object: &Bound<'_, PyAny>, buffer: &PyUntypedBuffer) -> PyResult<()> {
    if buffer.readonly() {
        let actual = format!("a read-only {}", object.get_type().name()?);
        return Err(unsupported_buffer(object.py(), "a writable buffer", actual));
    }
    Ok(())
}

/// # Safety
/// The buffer is contiguous, and lives as long as the slice.
unsafe fn slice<'a>(buffer: &PyUntypedBuffer) -> &'a [u8] {
    if buffer.len_bytes() == 0 {
        return &[];
    }
    // SAFETY: a contiguous buffer of so many bytes begins there.
    unsafe { slice::from_raw_parts(buffer.buf_ptr().cast(), buffer.len_bytes()) }
}

/// # Safety
/// The buffer is contiguous and writable, and lives as long as the slice; there is no other.
unsafe fn slice_mut<'a>(buffer: &PyUntypedBuffer) -> &'a mut [u8] {
    if buffer.len_bytes() == 0 {
        return &mut [];
    }
    // SAFETY: a contiguous, writable buffer of so many bytes begins there.
    unsafe { slice::from_raw_parts_mut(buffer.buf_ptr().cast(), buffer.len_bytes()) }
}

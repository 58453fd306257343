//! `trunkline.audioop`: CPython's module of that name, which 3.13 removed, to the bit.
//!
//! What a function computes is in its file; here is what they share: fragments, widths, the exception.

use std::borrow::Cow;

use pyo3::exceptions::{PyException, PyMemoryError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{Borrowed, create_exception};

use crate::buffer::Source;
use crate::gil;

mod adpcm;
mod arithmetic;
mod find;
mod g711;
mod hq;
mod ratecv;
mod sample;
mod statistics;

use exception::error;

#[expect(non_camel_case_types, reason = "Python's name")]
mod exception {
    super::create_exception!(trunkline.audioop, error, super::PyException);
}

/// Makes `trunkline._audioop`, a module of its own since its names are those of builtins.
pub(crate) fn register(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = parent.py();
    let name = "trunkline._audioop";
    let module = PyModule::new(py, name)?;
    module.add("error", py.get_type::<error>())?;
    adpcm::register(&module)?;
    arithmetic::register(&module)?;
    find::register(&module)?;
    g711::register(&module)?;
    hq::register(&module)?;
    ratecv::register(&module)?;
    statistics::register(&module)?;
    py.import("sys")?.getattr("modules")?.set_item(name, module)
}

/// The bytes of any contiguous buffer, whatever its elements are.
struct Fragment<'a>(Source<'a>);

impl<'a> FromPyObject<'a, '_> for Fragment<'a> {
    type Error = PyErr;

    #[inline]
    fn extract(object: Borrowed<'a, '_, PyAny>) -> PyResult<Self> {
        Source::any(object).map(Self)
    }
}

impl Fragment<'_> {
    #[inline]
    fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The bytes, a whole number of samples of this width.
    #[inline]
    fn samples(&self, width: i32) -> PyResult<(Width, &[u8])> {
        let width = Width::new(width)?;
        let bytes = self.as_bytes();
        if bytes.len().is_multiple_of(width as usize) {
            Ok((width, bytes))
        } else {
            Err(error::new_err("not a whole number of frames"))
        }
    }

    /// The samples of two bytes; copied where they are not aligned. A last odd byte is left out.
    fn pcm(&self) -> Cow<'_, [i16]> {
        let pairs = self.as_bytes().as_chunks::<2>().0;
        match bytemuck::try_cast_slice(pairs) {
            Ok(samples) => Cow::Borrowed(samples),
            Err(_) => Cow::Owned(pairs.iter().map(|&pair| i16::from_ne_bytes(pair)).collect()),
        }
    }
}

/// Bytes a sample.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    One = 1,
    Two,
    Three,
    Four,
}

impl Width {
    #[inline]
    fn new(width: i32) -> PyResult<Self> {
        match width {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            3 => Ok(Self::Three),
            4 => Ok(Self::Four),
            _ => Err(error::new_err("Size should be 1, 2, 3 or 4")),
        }
    }
}

/// Calls a function that is generic over the width of its samples: a `match` of the four.
macro_rules! for_width {
    ($width:expr, $function:ident($($argument:expr),*)) => {
        match $width {
            $crate::audioop::Width::One => $function::<1>($($argument),*),
            $crate::audioop::Width::Two => $function::<2>($($argument),*),
            $crate::audioop::Width::Three => $function::<3>($($argument),*),
            $crate::audioop::Width::Four => $function::<4>($($argument),*),
        }
    };
}
use for_width;

/// `bytes` of `count` elements of `size` bytes that `write` fills.
#[inline]
fn new_bytes<'py>(
    py: Python<'py>,
    count: usize,
    size: usize,
    write: impl FnOnce(&mut [u8]) + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let len = count
        .checked_mul(size)
        .filter(|&len| isize::try_from(len).is_ok())
        .ok_or_else(|| PyMemoryError::new_err("not enough memory for output buffer"))?;
    PyBytes::new_with(py, len, |bytes| {
        gil::run(py, len, || write(bytes));
        Ok(())
    })
}

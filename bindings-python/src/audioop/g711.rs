//! G.711. Codes stand for the first 16 bits of a sample; wider ones lose the rest, narrower ones have
//! zeros there.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trunkline::Error;
use trunkline::g711::{Variant, alaw, mulaw};

use super::sample::{get_wide, of, of_mut, put_wide};
use super::{Fragment, Width, for_width, new_bytes};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(alaw2lin, module)?)?;
    module.add_function(wrap_pyfunction!(lin2alaw, module)?)?;
    module.add_function(wrap_pyfunction!(lin2ulaw, module)?)?;
    module.add_function(wrap_pyfunction!(ulaw2lin, module)?)?;
    Ok(())
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn alaw2lin<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
) -> PyResult<Bound<'py, PyBytes>> {
    decode(py, &fragment, width, alaw::decode, alaw::decode_sample)
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn lin2alaw<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
) -> PyResult<Bound<'py, PyBytes>> {
    encode(py, &fragment, width, alaw::encode, alaw::encode_sample)
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn lin2ulaw<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
) -> PyResult<Bound<'py, PyBytes>> {
    encode(
        py,
        &fragment,
        width,
        |src, dst| mulaw::encode_with(Variant::Audioop, src, dst),
        |sample| mulaw::encode_sample_with(Variant::Audioop, sample),
    )
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn ulaw2lin<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
) -> PyResult<Bound<'py, PyBytes>> {
    decode(py, &fragment, width, mulaw::decode, mulaw::decode_sample)
}

/// `kernel` and `decode_one` do the same; the first needs aligned samples of two bytes.
#[inline]
fn decode<'py>(
    py: Python<'py>,
    codes: &Fragment<'_>,
    width: i32,
    kernel: impl FnOnce(&[u8], &mut [i16]) -> Result<(), Error> + Send,
    decode_one: impl Fn(u8) -> i16 + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let width = Width::new(width)?;
    let codes = codes.as_bytes();
    new_bytes(py, codes.len(), width as usize, |dst| {
        let is_done = width == Width::Two
            && bytemuck::try_cast_slice_mut(dst).is_ok_and(|dst| kernel(codes, dst).is_ok());
        if !is_done {
            for_width!(width, decode_each(codes, dst, decode_one));
        }
    })
}

/// As for [`decode`].
#[inline]
fn encode<'py>(
    py: Python<'py>,
    fragment: &Fragment<'_>,
    width: i32,
    kernel: impl FnOnce(&[i16], &mut [u8]) -> Result<(), Error> + Send,
    encode_one: impl Fn(i16) -> u8 + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let (width, src) = fragment.samples(width)?;
    new_bytes(py, src.len() / width as usize, 1, |dst| {
        let is_done = width == Width::Two
            && bytemuck::try_cast_slice(src).is_ok_and(|src| kernel(src, dst).is_ok());
        if !is_done {
            for_width!(width, encode_each(src, dst, encode_one));
        }
    })
}

fn decode_each<const W: usize>(codes: &[u8], dst: &mut [u8], decode_one: impl Fn(u8) -> i16) {
    for (to, &code) in of_mut::<W>(dst).iter_mut().zip(codes) {
        *to = put_wide(i32::from(decode_one(code)) << 16);
    }
}

fn encode_each<const W: usize>(src: &[u8], dst: &mut [u8], encode_one: impl Fn(i16) -> u8) {
    for (to, sample) in dst.iter_mut().zip(of::<W>(src)) {
        *to = encode_one((get_wide(sample) >> 16) as i16);
    }
}

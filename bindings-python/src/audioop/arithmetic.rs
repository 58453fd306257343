//! Fragments made sample by sample.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::sample::{get, get_wide, max, min, of, of_mut, put, put_wide};
use super::{Fragment, Width, error, for_width, new_bytes};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(add, module)?)?;
    module.add_function(wrap_pyfunction!(bias, module)?)?;
    module.add_function(wrap_pyfunction!(byteswap, module)?)?;
    module.add_function(wrap_pyfunction!(lin2lin, module)?)?;
    module.add_function(wrap_pyfunction!(mul, module)?)?;
    module.add_function(wrap_pyfunction!(reverse, module)?)?;
    module.add_function(wrap_pyfunction!(tomono, module)?)?;
    module.add_function(wrap_pyfunction!(tostereo, module)?)?;
    Ok(())
}

#[pyfunction]
#[pyo3(signature = (fragment1, fragment2, width, /))]
fn add<'py>(
    py: Python<'py>,
    fragment1: Fragment<'_>,
    fragment2: Fragment<'_>,
    width: i32,
) -> PyResult<Bound<'py, PyBytes>> {
    let (width, left) = fragment1.samples(width)?;
    let right = fragment2.as_bytes();
    if left.len() != right.len() {
        return Err(error::new_err("Lengths should be the same"));
    }
    new_bytes(py, left.len(), 1, |dst| {
        for_width!(width, add_samples(left, right, dst));
    })
}

#[pyfunction]
#[pyo3(signature = (fragment, width, bias, /))]
fn bias<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
    bias: i32,
) -> PyResult<Bound<'py, PyBytes>> {
    let (width, src) = fragment.samples(width)?;
    new_bytes(py, src.len(), 1, |dst| {
        for_width!(width, bias_samples(src, bias, dst));
    })
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn byteswap<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
) -> PyResult<Bound<'py, PyBytes>> {
    let (width, src) = fragment.samples(width)?;
    new_bytes(py, src.len(), 1, |dst| {
        for_width!(width, byteswap_samples(src, dst));
    })
}

#[pyfunction]
#[pyo3(signature = (fragment, width, newwidth, /))]
fn lin2lin<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
    newwidth: i32,
) -> PyResult<Bound<'py, PyBytes>> {
    let (width, src) = fragment.samples(width)?;
    let new_width = Width::new(newwidth)?;
    new_bytes(
        py,
        src.len() / width as usize,
        new_width as usize,
        |dst| match width {
            Width::One => for_width!(new_width, from_one(src, dst)),
            Width::Two => for_width!(new_width, from_two(src, dst)),
            Width::Three => for_width!(new_width, from_three(src, dst)),
            Width::Four => for_width!(new_width, from_four(src, dst)),
        },
    )
}

#[pyfunction]
#[pyo3(signature = (fragment, width, factor, /))]
fn mul<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
    factor: f64,
) -> PyResult<Bound<'py, PyBytes>> {
    let (width, src) = fragment.samples(width)?;
    new_bytes(py, src.len(), 1, |dst| {
        for_width!(width, mul_samples(src, factor, dst));
    })
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn reverse<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
) -> PyResult<Bound<'py, PyBytes>> {
    let (width, src) = fragment.samples(width)?;
    new_bytes(py, src.len(), 1, |dst| {
        for_width!(width, reverse_samples(src, dst));
    })
}

#[pyfunction]
#[pyo3(signature = (fragment, width, lfactor, rfactor, /))]
fn tomono<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
    lfactor: f64,
    rfactor: f64,
) -> PyResult<Bound<'py, PyBytes>> {
    let (width, src) = fragment.samples(width)?;
    if !src.len().is_multiple_of(2 * width as usize) {
        return Err(error::new_err("not a whole number of frames"));
    }
    new_bytes(py, src.len() / 2, 1, |dst| {
        for_width!(width, tomono_samples(src, [lfactor, rfactor], dst));
    })
}

#[pyfunction]
#[pyo3(signature = (fragment, width, lfactor, rfactor, /))]
fn tostereo<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
    lfactor: f64,
    rfactor: f64,
) -> PyResult<Bound<'py, PyBytes>> {
    let (width, src) = fragment.samples(width)?;
    new_bytes(py, src.len(), 2, |dst| {
        for_width!(width, tostereo_samples(src, [lfactor, rfactor], dst));
    })
}

fn add_samples<const W: usize>(left: &[u8], right: &[u8], dst: &mut [u8]) {
    for ((to, left), right) in of_mut::<W>(dst)
        .iter_mut()
        .zip(of::<W>(left))
        .zip(of::<W>(right))
    {
        *to = if W < 4 {
            put((get(left) + get(right)).clamp(min::<W>(), max::<W>()))
        } else {
            put(get(left).saturating_add(get(right)))
        };
    }
}

fn bias_samples<const W: usize>(src: &[u8], bias: i32, dst: &mut [u8]) {
    for (to, sample) in of_mut::<W>(dst).iter_mut().zip(of::<W>(src)) {
        *to = put(get(sample).wrapping_add(bias));
    }
}

fn byteswap_samples<const W: usize>(src: &[u8], dst: &mut [u8]) {
    for (to, sample) in of_mut::<W>(dst).iter_mut().zip(of::<W>(src)) {
        *to = *sample;
        to.reverse();
    }
}

fn from_one<const W: usize>(src: &[u8], dst: &mut [u8]) {
    convert::<1, W>(src, dst);
}

fn from_two<const W: usize>(src: &[u8], dst: &mut [u8]) {
    convert::<2, W>(src, dst);
}

fn from_three<const W: usize>(src: &[u8], dst: &mut [u8]) {
    convert::<3, W>(src, dst);
}

fn from_four<const W: usize>(src: &[u8], dst: &mut [u8]) {
    convert::<4, W>(src, dst);
}

fn convert<const FROM: usize, const TO: usize>(src: &[u8], dst: &mut [u8]) {
    for (to, sample) in of_mut::<TO>(dst).iter_mut().zip(of::<FROM>(src)) {
        *to = put_wide(get_wide(sample));
    }
}

fn mul_samples<const W: usize>(src: &[u8], factor: f64, dst: &mut [u8]) {
    for (to, sample) in of_mut::<W>(dst).iter_mut().zip(of::<W>(src)) {
        *to = round_down(f64::from(get(sample)) * factor);
    }
}

fn reverse_samples<const W: usize>(src: &[u8], dst: &mut [u8]) {
    for (to, sample) in of_mut::<W>(dst).iter_mut().zip(of::<W>(src).iter().rev()) {
        *to = *sample;
    }
}

fn tomono_samples<const W: usize>(src: &[u8], [left, right]: [f64; 2], dst: &mut [u8]) {
    let frames = of::<W>(src).as_chunks::<2>().0;
    for (to, [l, r]) in of_mut::<W>(dst).iter_mut().zip(frames) {
        *to = round_down::<W>(f64::from(get(l)) * left + f64::from(get(r)) * right);
    }
}

fn tostereo_samples<const W: usize>(src: &[u8], [left, right]: [f64; 2], dst: &mut [u8]) {
    let frames = of_mut::<W>(dst).as_chunks_mut::<2>().0;
    for (to, sample) in frames.iter_mut().zip(of::<W>(src)) {
        let value = f64::from(get(sample));
        *to = [round_down(value * left), round_down(value * right)];
    }
}

/// The sample at or below a value, or the nearest there is. What is not a number becomes what C's
/// conversion makes of it on x86-64.
#[inline]
fn round_down<const W: usize>(value: f64) -> [u8; W] {
    let (min, max) = (f64::from(min::<W>()), f64::from(max::<W>()));
    let bounded = if value > max { max } else { value };
    let bounded = if bounded < min { min } else { bounded };
    let shifted = bounded + SHIFT;
    let nearest = shifted.to_bits() as i32;
    let below = nearest - i32::from(shifted - SHIFT > bounded);
    put(if value.is_nan() { i32::MIN } else { below })
}

/// A double of this size and a little more has steps of 1, and its last 32 bits are the integer that
/// was added, rounded: unlike a conversion, something that vectors have on every machine.
const SHIFT: f64 = 1.5 * (1_u64 << 52) as f64;

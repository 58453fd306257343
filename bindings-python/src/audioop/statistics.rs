//! Numbers about a fragment.

use pyo3::prelude::*;

use super::sample::{get, of, sum};
use super::{Fragment, error, for_width};
use crate::gil;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(avg, module)?)?;
    module.add_function(wrap_pyfunction!(avgpp, module)?)?;
    module.add_function(wrap_pyfunction!(cross, module)?)?;
    module.add_function(wrap_pyfunction!(getsample, module)?)?;
    module.add_function(wrap_pyfunction!(max, module)?)?;
    module.add_function(wrap_pyfunction!(maxpp, module)?)?;
    module.add_function(wrap_pyfunction!(minmax, module)?)?;
    module.add_function(wrap_pyfunction!(rms, module)?)?;
    Ok(())
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn avg(py: Python<'_>, fragment: Fragment<'_>, width: i32) -> PyResult<i32> {
    let (width, src) = fragment.samples(width)?;
    Ok(gil::run(py, src.len(), || for_width!(width, mean(src))))
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn avgpp(py: Python<'_>, fragment: Fragment<'_>, width: i32) -> PyResult<u32> {
    let (width, src) = fragment.samples(width)?;
    Ok(gil::run(py, src.len(), || {
        for_width!(width, mean_swing(src))
    }))
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn cross(py: Python<'_>, fragment: Fragment<'_>, width: i32) -> PyResult<isize> {
    let (width, src) = fragment.samples(width)?;
    Ok(gil::run(py, src.len(), || {
        for_width!(width, crossings(src))
    }))
}

#[pyfunction]
#[pyo3(signature = (fragment, width, index, /))]
fn getsample(fragment: Fragment<'_>, width: i32, index: isize) -> PyResult<i32> {
    let (width, src) = fragment.samples(width)?;
    usize::try_from(index)
        .ok()
        .and_then(|index| for_width!(width, nth(src, index)))
        .ok_or_else(|| error::new_err("Index out of range"))
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn max(py: Python<'_>, fragment: Fragment<'_>, width: i32) -> PyResult<u32> {
    let (width, src) = fragment.samples(width)?;
    Ok(gil::run(py, src.len(), || for_width!(width, peak(src))))
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn maxpp(py: Python<'_>, fragment: Fragment<'_>, width: i32) -> PyResult<u32> {
    let (width, src) = fragment.samples(width)?;
    Ok(gil::run(py, src.len(), || {
        for_width!(width, widest_swing(src))
    }))
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn minmax(py: Python<'_>, fragment: Fragment<'_>, width: i32) -> PyResult<(i32, i32)> {
    let (width, src) = fragment.samples(width)?;
    Ok(gil::run(py, src.len(), || for_width!(width, extremes(src))))
}

#[pyfunction]
#[pyo3(signature = (fragment, width, /))]
fn rms(py: Python<'_>, fragment: Fragment<'_>, width: i32) -> PyResult<u32> {
    let (width, src) = fragment.samples(width)?;
    Ok(gil::run(py, src.len(), || {
        for_width!(width, root_mean_square(src))
    }))
}

fn mean<const W: usize>(src: &[u8]) -> i32 {
    let samples = of::<W>(src);
    if samples.is_empty() {
        return 0;
    }
    let values = samples.iter().map(|sample| i64::from(get(sample)));
    let sum = sum(values, 8 * W as u32 - 1);
    (sum / samples.len() as f64).floor() as i32
}

fn root_mean_square<const W: usize>(src: &[u8]) -> u32 {
    let samples = of::<W>(src);
    if samples.is_empty() {
        return 0;
    }
    let values = samples.iter().map(|sample| i64::from(get(sample)));
    let squares = sum(values.map(|value| value * value), 16 * W as u32 - 2);
    (squares / samples.len() as f64).sqrt() as u32
}

fn peak<const W: usize>(src: &[u8]) -> u32 {
    let magnitudes = of::<W>(src).iter().map(|sample| get(sample).unsigned_abs());
    magnitudes.max().unwrap_or(0)
}

fn extremes<const W: usize>(src: &[u8]) -> (i32, i32) {
    let values = of::<W>(src).iter().map(get);
    values.fold((i32::MAX, i32::MIN), |(min, max), value| {
        (min.min(value), max.max(value))
    })
}

fn nth<const W: usize>(src: &[u8], index: usize) -> Option<i32> {
    of::<W>(src).get(index).map(get)
}

/// How often the sign changes; −1 if there is none to change.
fn crossings<const W: usize>(src: &[u8]) -> isize {
    let samples = of::<W>(src);
    if samples.is_empty() {
        return -1;
    }
    let pairs = samples.iter().zip(&samples[1..]);
    let changes = pairs.filter(|(from, to)| (get(from) < 0) != (get(to) < 0));
    changes.count() as isize
}

fn mean_swing<const W: usize>(src: &[u8]) -> u32 {
    let (mut sum, mut count) = (0.0, 0_usize);
    for_swings::<W>(src, |swing| {
        sum += f64::from(swing);
        count += usize::from(swing > 0);
    });
    if count == 0 {
        0
    } else {
        (sum / count as f64) as u32
    }
}

fn widest_swing<const W: usize>(src: &[u8]) -> u32 {
    let mut widest = 0;
    for_swings::<W>(src, |swing| widest = swing.max(widest));
    widest
}

/// Gives the distance of each turning point from the one before, and zeros in between: no processor
/// foresees which samples of noise are turning points, so a mean does better without branches. The
/// ends of a fragment are none.
#[inline]
fn for_swings<const W: usize>(src: &[u8], mut take: impl FnMut(u32)) {
    let mut values = of::<W>(src).iter().map(get);
    let Some(first) = values.next() else { return };
    let Some(mut last) = values.find(|&value| value != first) else {
        return;
    };
    let mut was_falling = last < first;
    let (mut turn, mut has_turned) = (0, false);
    for value in values {
        let turns = (was_falling & (value > last)) | (!was_falling & (value < last));
        let swing = last.abs_diff(turn);
        take(swing * u32::from(turns & has_turned));
        turn = if turns { last } else { turn };
        has_turned |= turns;
        was_falling ^= turns;
        last = value;
    }
}

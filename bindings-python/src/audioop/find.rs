//! One fragment looked for in another. Samples are of two bytes.

use pyo3::prelude::*;

use super::sample::sum;
use super::{Fragment, error};
use crate::gil;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(findfactor, module)?)?;
    module.add_function(wrap_pyfunction!(findfit, module)?)?;
    module.add_function(wrap_pyfunction!(findmax, module)?)?;
    Ok(())
}

#[pyfunction]
#[pyo3(signature = (fragment, reference, /))]
fn findfactor(py: Python<'_>, fragment: Fragment<'_>, reference: Fragment<'_>) -> PyResult<f64> {
    check_even(&fragment)?;
    check_even(&reference)?;
    let (samples, reference) = (&*fragment.pcm(), &*reference.pcm());
    if samples.len() != reference.len() {
        return Err(error::new_err("Samples should be same size"));
    }
    Ok(gil::run(py, 4 * samples.len(), || {
        factor(samples, reference)
    }))
}

#[pyfunction]
#[pyo3(signature = (fragment, reference, /))]
fn findfit(
    py: Python<'_>,
    fragment: Fragment<'_>,
    reference: Fragment<'_>,
) -> PyResult<(usize, f64)> {
    check_even(&fragment)?;
    check_even(&reference)?;
    let (samples, reference) = (&*fragment.pcm(), &*reference.pcm());
    if samples.len() < reference.len() {
        return Err(error::new_err("First sample should be longer"));
    }
    let offsets = samples.len() - reference.len() + 1;
    let products = offsets.saturating_mul(reference.len());
    Ok(gil::run(py, 2 * products.min(usize::MAX / 2), || {
        fit(samples, reference)
    }))
}

#[pyfunction]
#[pyo3(signature = (fragment, length, /))]
fn findmax(py: Python<'_>, fragment: Fragment<'_>, length: isize) -> PyResult<usize> {
    check_even(&fragment)?;
    let samples = &*fragment.pcm();
    match usize::try_from(length) {
        Ok(length) if length <= samples.len() => {
            Ok(gil::run(py, 2 * samples.len(), || loudest(samples, length)))
        }
        _ => Err(error::new_err("Input sample should be longer")),
    }
}

fn check_even(fragment: &Fragment<'_>) -> PyResult<()> {
    if fragment.as_bytes().len().is_multiple_of(2) {
        Ok(())
    } else {
        Err(error::new_err("Strings should be even-sized"))
    }
}

/// The factor of `reference` that comes nearest to `samples`, both equally long.
fn factor(samples: &[i16], reference: &[i16]) -> f64 {
    product(samples, reference) / energy(reference)
}

/// Where in `samples`, the longer, a multiple of `reference` fits best, and which.
fn fit(samples: &[i16], reference: &[i16]) -> (usize, f64) {
    let reference_energy = energy(reference);
    let mut energy = energy(&samples[..reference.len()]);
    let mut best = (0, f64::NAN);
    for (offset, part) in windows(samples, reference.len()).enumerate() {
        if let Some((before, last)) = slid(samples, offset, reference.len()) {
            energy = energy + last * last - before * before;
        }
        let product = product(part, reference);
        let rest = (reference_energy * energy - product * product) / energy;
        if offset == 0 || rest < best.1 {
            best = (offset, rest);
        }
    }
    let offset = best.0;
    let part = &samples[offset..offset + reference.len()];
    (offset, factor(part, reference))
}

/// Where in `samples` those `length` with the most energy begin.
fn loudest(samples: &[i16], length: usize) -> usize {
    let mut energy = energy(&samples[..length]);
    let mut best = (0, energy);
    for offset in 1..=samples.len() - length {
        if let Some((before, last)) = slid(samples, offset, length) {
            energy = energy + last * last - before * before;
        }
        if energy > best.1 {
            best = (offset, energy);
        }
    }
    best.0
}

/// Every run of `len` samples; as `slice::windows`, which knows none of length 0.
fn windows(samples: &[i16], len: usize) -> impl Iterator<Item = &[i16]> {
    (0..=samples.len() - len).map(move |offset| &samples[offset..offset + len])
}

/// The sample that a window has left behind with its last step, to `offset`, and the one it got.
fn slid(samples: &[i16], offset: usize, len: usize) -> Option<(f64, f64)> {
    let before = offset.checked_sub(1)?;
    Some((samples[before].into(), samples[before + len].into()))
}

fn energy(samples: &[i16]) -> f64 {
    product(samples, samples)
}

fn product(left: &[i16], right: &[i16]) -> f64 {
    let pairs = left.iter().zip(right);
    sum(
        pairs.map(|(&left, &right)| i64::from(left) * i64::from(right)),
        30,
    )
}

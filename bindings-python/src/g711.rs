use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trunkline::Error;
use trunkline::g711::{Variant, alaw, mulaw};

use crate::buffer::{Source, Target, new_pcm};
use crate::error::OrRaise;
use crate::gil;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(mulaw_decode, module)?)?;
    module.add_function(wrap_pyfunction!(mulaw_decode_into, module)?)?;
    module.add_function(wrap_pyfunction!(mulaw_encode, module)?)?;
    module.add_function(wrap_pyfunction!(mulaw_encode_into, module)?)?;
    module.add_function(wrap_pyfunction!(alaw_decode, module)?)?;
    module.add_function(wrap_pyfunction!(alaw_decode_into, module)?)?;
    module.add_function(wrap_pyfunction!(alaw_encode, module)?)?;
    module.add_function(wrap_pyfunction!(alaw_encode_into, module)?)?;
    Ok(())
}

#[pyfunction]
#[pyo3(signature = (src, /))]
fn mulaw_decode<'py>(src: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    decode(src, mulaw::decode)
}

#[pyfunction]
#[pyo3(signature = (src, dst, /))]
fn mulaw_decode_into(src: &Bound<'_, PyAny>, dst: &Bound<'_, PyAny>) -> PyResult<()> {
    decode_into(src, dst, mulaw::decode)
}

#[pyfunction]
#[pyo3(signature = (src, /, *, variant = "itu"))]
fn mulaw_encode<'py>(src: &Bound<'py, PyAny>, variant: &str) -> PyResult<Bound<'py, PyBytes>> {
    let variant = parse_variant(src.py(), variant)?;
    encode(src, |src, dst| mulaw::encode_with(variant, src, dst))
}

#[pyfunction]
#[pyo3(signature = (src, dst, /, *, variant = "itu"))]
fn mulaw_encode_into(
    src: &Bound<'_, PyAny>,
    dst: &Bound<'_, PyAny>,
    variant: &str,
) -> PyResult<()> {
    let variant = parse_variant(src.py(), variant)?;
    encode_into(src, dst, |src, dst| mulaw::encode_with(variant, src, dst))
}

#[pyfunction]
#[pyo3(signature = (src, /))]
fn alaw_decode<'py>(src: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    decode(src, alaw::decode)
}

#[pyfunction]
#[pyo3(signature = (src, dst, /))]
fn alaw_decode_into(src: &Bound<'_, PyAny>, dst: &Bound<'_, PyAny>) -> PyResult<()> {
    decode_into(src, dst, alaw::decode)
}

#[pyfunction]
#[pyo3(signature = (src, /))]
fn alaw_encode<'py>(src: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    encode(src, alaw::encode)
}

#[pyfunction]
#[pyo3(signature = (src, dst, /))]
fn alaw_encode_into(src: &Bound<'_, PyAny>, dst: &Bound<'_, PyAny>) -> PyResult<()> {
    encode_into(src, dst, alaw::encode)
}

fn parse_variant(py: Python<'_>, name: &str) -> PyResult<Variant> {
    match name {
        "itu" => Ok(Variant::Itu),
        "sun" => Ok(Variant::Sun),
        "audioop" => Ok(Variant::Audioop),
        _ => Err(Error::InvalidField { name: "variant" }).or_raise(py),
    }
}

#[inline]
fn decode<'py>(
    src: &Bound<'py, PyAny>,
    decode: impl FnOnce(&[u8], &mut [i16]) -> Result<(), Error> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let py = src.py();
    let src = Source::bytes(src)?;
    let src = src.as_bytes();
    new_pcm(py, src.len(), |dst| {
        gil::run(py, src.len(), || decode(src, dst)).or_raise(py)
    })
}

#[inline]
fn decode_into(
    src: &Bound<'_, PyAny>,
    dst: &Bound<'_, PyAny>,
    decode: impl FnOnce(&[u8], &mut [i16]) -> Result<(), Error> + Send,
) -> PyResult<()> {
    let py = src.py();
    let src = Source::bytes(src)?;
    let mut dst = Target::pcm(dst)?;
    dst.check_apart(&src)?;
    let (src, dst) = (src.as_bytes(), dst.samples());
    gil::run(py, src.len(), || decode(src, dst)).or_raise(py)
}

#[inline]
fn encode<'py>(
    src: &Bound<'py, PyAny>,
    encode: impl FnOnce(&[i16], &mut [u8]) -> Result<(), Error> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let py = src.py();
    let src = Source::pcm(src)?;
    let src = &*src.samples();
    PyBytes::new_with(py, src.len(), |dst| {
        gil::run(py, 2 * src.len(), || encode(src, dst)).or_raise(py)
    })
}

#[inline]
fn encode_into(
    src: &Bound<'_, PyAny>,
    dst: &Bound<'_, PyAny>,
    encode: impl FnOnce(&[i16], &mut [u8]) -> Result<(), Error> + Send,
) -> PyResult<()> {
    let py = src.py();
    let src = Source::pcm(src)?;
    let mut dst = Target::bytes(dst)?;
    dst.check_apart(&src)?;
    let (src, dst) = (&*src.samples(), dst.as_bytes());
    gil::run(py, 2 * src.len(), || encode(src, dst)).or_raise(py)
}

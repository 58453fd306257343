//! Settings of a bridge.

use std::time::Duration;

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use trunkline::bridge::{BargeIn, ModelAudio};

use crate::error::invalid;
use crate::record::record;

record! { "trunkline", new AfterSpeech { seconds: f64 } }

pub(super) fn model_audio(value: &Bound<'_, PyAny>) -> PyResult<ModelAudio> {
    match value.extract()? {
        "pcm24k" => Ok(ModelAudio::Pcm24k),
        "mulaw" => Ok(ModelAudio::Mulaw),
        _ => Err(invalid(value.py(), "model_audio")),
    }
}

pub(super) fn barge_in(value: &Bound<'_, PyAny>) -> PyResult<BargeIn> {
    let py = value.py();
    if let Ok(after) = value.cast::<AfterSpeech>() {
        let seconds = Duration::try_from_secs_f64(after.get().seconds);
        return match seconds {
            Ok(speech) => Ok(BargeIn::AfterSpeech(speech)),
            Err(_) => Err(invalid(py, "barge_in")),
        };
    }
    match value.extract()? {
        "never" => Ok(BargeIn::Never),
        "on-speech" => Ok(BargeIn::OnSpeech),
        "on-transcript" => Ok(BargeIn::OnTranscript),
        _ => Err(invalid(py, "barge_in")),
    }
}

pub(super) fn seconds(value: &Bound<'_, PyAny>, name: &'static str) -> PyResult<Duration> {
    let seconds = Duration::try_from_secs_f64(value.extract()?);
    seconds.map_err(|_| invalid(value.py(), name))
}

/// A whole number that `T` has room for.
pub(super) fn whole<'py, T>(value: &Bound<'py, PyAny>, name: &'static str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    let py = value.py();
    value.extract::<T>().map_err(|error| {
        if error.is_instance_of::<PyOverflowError>(py) {
            invalid(py, name)
        } else {
            error
        }
    })
}

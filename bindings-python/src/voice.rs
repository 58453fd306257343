//! Loss concealment, and voice activity.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trunkline::{Error, conceal, voice};

use crate::buffer::{Source, Target, new_pcm};
use crate::error::OrRaise;
use crate::gil;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Concealer>()?;
    module.add_class::<VoiceDetector>()
}

#[pyclass(frozen, module = "trunkline")]
struct Concealer {
    inner: Mutex<conceal::Concealer>,
}

#[pymethods]
impl Concealer {
    #[classattr]
    const FADE: usize = conceal::Concealer::FADE;

    #[new]
    #[pyo3(signature = (fade = 480))]
    fn new(fade: usize) -> Self {
        Self {
            inner: Mutex::new(conceal::Concealer::with_fade(fade)),
        }
    }

    #[pyo3(signature = (pcm, /))]
    fn receive<'py>(&self, pcm: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let py = pcm.py();
        let src = Source::pcm(pcm)?;
        let src = &*src.samples();
        new_pcm(py, src.len(), |dst| {
            self.receive_samples(py, src, dst);
            Ok(())
        })
    }

    #[pyo3(signature = (src, dst, /))]
    fn receive_into(&self, src: &Bound<'_, PyAny>, dst: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = src.py();
        let src = Source::pcm(src)?;
        let mut dst = Target::pcm(dst)?;
        dst.check_apart(&src)?;
        let (src, dst) = (&*src.samples(), dst.samples());
        if src.len() != dst.len() {
            let (expected, actual) = (src.len(), dst.len());
            return Err(Error::LengthMismatch { expected, actual }).or_raise(py);
        }
        self.receive_samples(py, src, dst);
        Ok(())
    }

    #[pyo3(signature = (samples, /))]
    fn conceal<'py>(&self, py: Python<'py>, samples: usize) -> PyResult<Bound<'py, PyBytes>> {
        new_pcm(py, samples, |dst| {
            self.conceal_samples(py, dst);
            Ok(())
        })
    }

    #[pyo3(signature = (dst, /))]
    fn conceal_into(&self, dst: &Bound<'_, PyAny>) -> PyResult<()> {
        self.conceal_samples(dst.py(), Target::pcm(dst)?.samples());
        Ok(())
    }

    fn reset(&self, py: Python<'_>) {
        gil::lock(py, &self.inner).reset();
    }

    #[getter]
    fn is_concealing(&self, py: Python<'_>) -> bool {
        gil::lock(py, &self.inner).is_concealing()
    }
}

impl Concealer {
    /// Both of one length.
    fn receive_samples(&self, py: Python<'_>, src: &[i16], dst: &mut [i16]) {
        dst.copy_from_slice(src);
        let inner = &mut *gil::lock(py, &self.inner);
        gil::run(py, 2 * dst.len(), || inner.receive(dst));
    }

    fn conceal_samples(&self, py: Python<'_>, dst: &mut [i16]) {
        let inner = &mut *gil::lock(py, &self.inner);
        gil::run(py, 2 * dst.len(), || inner.conceal(dst));
    }
}

#[pyclass(frozen, module = "trunkline")]
struct VoiceDetector {
    inner: Mutex<voice::VoiceDetector>,
}

#[pymethods]
impl VoiceDetector {
    #[classattr]
    const RATE_HZ: u32 = voice::VoiceDetector::RATE_HZ;

    #[new]
    fn new() -> Self {
        Self {
            inner: Mutex::new(voice::VoiceDetector::new()),
        }
    }

    #[pyo3(signature = (pcm, /))]
    fn process(&self, pcm: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
        let py = pcm.py();
        let pcm = Source::pcm(pcm)?;
        let pcm = &*pcm.samples();
        let inner = &mut *gil::lock(py, &self.inner);
        let speech = gil::run(py, 2 * pcm.len(), || inner.process(pcm));
        Ok(speech.map(|speech| speech.as_secs_f64()))
    }

    #[getter]
    fn speech(&self, py: Python<'_>) -> Option<f64> {
        let speech = gil::lock(py, &self.inner).speech();
        speech.map(|speech| speech.as_secs_f64())
    }

    fn reset(&self, py: Python<'_>) {
        gil::lock(py, &self.inner).reset();
    }
}

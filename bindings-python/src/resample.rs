use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trunkline::Error;
use trunkline::resample::{self, AnyRate, Profile};

use crate::buffer::{Source, Target, new_pcm};
use crate::error::OrRaise;
use crate::gil;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Resampler>()
}

#[pyclass(frozen, module = "trunkline")]
struct Resampler {
    inner: Mutex<Kind>,
    #[pyo3(get)]
    from_hz: u32,
    #[pyo3(get)]
    to_hz: u32,
    /// In output samples.
    delay: usize,
}

enum Kind {
    Fixed(Box<resample::Resampler>),
    Any(Box<AnyRate>),
}

impl Kind {
    fn new(from_hz: u32, to_hz: u32, profile: Profile) -> Result<Self, Error> {
        match (
            resample::Resampler::with_profile(from_hz, to_hz, profile),
            profile,
        ) {
            (Ok(fixed), _) => Ok(Self::Fixed(Box::new(fixed))),
            (Err(_), Profile::Voice) => Ok(Self::Any(Box::new(AnyRate::new(from_hz, to_hz)?))),
            (Err(error), _) => Err(error),
        }
    }

    fn process(&mut self, src: &[i16], dst: &mut [i16]) -> Result<usize, Error> {
        match self {
            Self::Fixed(inner) => inner.process(src, dst),
            Self::Any(inner) => inner.process(src, dst),
        }
    }

    fn output_len(&self, len: usize) -> usize {
        match self {
            Self::Fixed(inner) => inner.output_len(len),
            Self::Any(inner) => inner.output_len(len),
        }
    }

    fn flush(&mut self, dst: &mut [i16]) -> Result<usize, Error> {
        match self {
            Self::Fixed(inner) => inner.flush(dst),
            Self::Any(inner) => inner.flush(dst),
        }
    }

    fn flush_len(&self) -> usize {
        match self {
            Self::Fixed(inner) => inner.flush_len(),
            Self::Any(inner) => inner.flush_len(),
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Fixed(inner) => inner.reset(),
            Self::Any(inner) => inner.reset(),
        }
    }

    fn delay(&self) -> usize {
        match self {
            Self::Fixed(inner) => inner.delay(),
            Self::Any(inner) => inner.delay(),
        }
    }
}

#[pymethods]
impl Resampler {
    #[new]
    #[pyo3(signature = (from_hz, to_hz, *, profile = "voice"))]
    fn new(py: Python<'_>, from_hz: u32, to_hz: u32, profile: &str) -> PyResult<Self> {
        let profile = match profile {
            "voice" => Ok(Profile::Voice),
            "sharp" => Ok(Profile::Sharp),
            _ => Err(Error::InvalidField { name: "profile" }),
        };
        let profile = profile.or_raise(py)?;
        let inner = Kind::new(from_hz, to_hz, profile).or_raise(py)?;
        Ok(Self {
            delay: inner.delay(),
            inner: Mutex::new(inner),
            from_hz,
            to_hz,
        })
    }

    #[pyo3(signature = (pcm, /))]
    fn process<'py>(&self, pcm: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let py = pcm.py();
        let src = Source::pcm(pcm)?;
        let src = &*src.samples();
        let mut inner = gil::lock(py, &self.inner);
        new_pcm(py, inner.output_len(src.len()), |dst| {
            let inner = &mut *inner;
            gil::run(py, 2 * src.len(), || inner.process(src, dst)).or_raise(py)?;
            Ok(())
        })
    }

    #[pyo3(signature = (src, dst, /))]
    fn process_into(&self, src: &Bound<'_, PyAny>, dst: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = src.py();
        let src = Source::pcm(src)?;
        let mut dst = Target::pcm(dst)?;
        dst.check_apart(&src)?;
        let (src, dst) = (&*src.samples(), dst.samples());
        let written = {
            let inner = &mut *gil::lock(py, &self.inner);
            gil::run(py, 2 * src.len(), || inner.process(src, dst))
        };
        // Unlocked: making an exception may start the garbage collector, which may run anything.
        written.or_raise(py)
    }

    #[pyo3(signature = (samples, /))]
    fn output_len(&self, py: Python<'_>, samples: usize) -> usize {
        gil::lock(py, &self.inner).output_len(samples)
    }

    fn flush<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut inner = gil::lock(py, &self.inner);
        new_pcm(py, inner.flush_len(), |dst| {
            inner.flush(dst).or_raise(py)?;
            Ok(())
        })
    }

    fn reset(&self, py: Python<'_>) {
        gil::lock(py, &self.inner).reset();
    }

    #[getter]
    fn delay(&self) -> f64 {
        self.delay as f64 / f64::from(self.to_hz)
    }

    fn __repr__(&self) -> String {
        format!("Resampler({}, {})", self.from_hz, self.to_hz)
    }
}

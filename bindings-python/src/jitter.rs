use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trunkline::Error;
use trunkline::jitter::{self, Inserted, Pulled};

use crate::buffer::{Source, Target, new_pcm};
use crate::error::OrRaise;
use crate::gil;
use crate::record::record;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<JitterBuffer>()?;
    module.add_class::<JitterStats>()
}

type Inner = jitter::JitterBuffer;

#[pyclass(frozen, module = "trunkline")]
struct JitterBuffer {
    inner: Mutex<Box<Inner>>,
}

record! { "trunkline", JitterStats {
    received_samples: u64,
    late_samples: u64,
    lost_samples: u64,
    duplicate_samples: u64,
    dropped_samples: u64,
    stray_samples: u64,
    decoded_samples: u64,
    concealed_samples: u64,
    stretched_samples: u64,
    cut_samples: u64,
    silence_samples: u64,
    out_samples: u64,
    resyncs: u64,
} }

#[pymethods]
impl JitterBuffer {
    #[classattr]
    const FRAME: usize = Inner::FRAME;
    #[classattr]
    const CAPACITY: usize = Inner::CAPACITY;

    #[new]
    fn new() -> Self {
        Self {
            inner: Mutex::new(Box::new(Inner::new())),
        }
    }

    fn insert(&self, timestamp: u64, pcm: &Bound<'_, PyAny>) -> PyResult<&'static str> {
        let py = pcm.py();
        let pcm = Source::pcm(pcm)?;
        // Time stamps wrap around at 2³².
        let inserted = gil::lock(py, &self.inner).insert(timestamp as u32, &pcm.samples());
        match inserted.or_raise(py)? {
            Inserted::Accepted => Ok("accepted"),
            Inserted::Duplicate => Ok("duplicate"),
            Inserted::Late => Ok("late"),
            Inserted::Overflow => Ok("overflow"),
            Inserted::Stray => Ok("stray"),
            _ => Ok("resynchronised"),
        }
    }

    fn pull<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyBytes>, &'static str)> {
        let mut pulled = "";
        let pcm = new_pcm(py, Inner::FRAME, |dst| {
            pulled = self.pull_frame(py, dst)?;
            Ok(())
        })?;
        Ok((pcm, pulled))
    }

    #[pyo3(signature = (dst, /))]
    fn pull_into(&self, dst: &Bound<'_, PyAny>) -> PyResult<&'static str> {
        self.pull_frame(dst.py(), Target::pcm(dst)?.samples())
    }

    fn reset(&self, py: Python<'_>) {
        gil::lock(py, &self.inner).reset();
    }

    #[getter]
    fn stats(&self, py: Python<'_>) -> JitterStats {
        let stats = *gil::lock(py, &self.inner).stats();
        JitterStats {
            received_samples: stats.received_samples,
            late_samples: stats.late_samples,
            lost_samples: stats.lost_samples,
            duplicate_samples: stats.duplicate_samples,
            dropped_samples: stats.dropped_samples,
            stray_samples: stats.stray_samples,
            decoded_samples: stats.decoded_samples,
            concealed_samples: stats.concealed_samples,
            stretched_samples: stats.stretched_samples,
            cut_samples: stats.cut_samples,
            silence_samples: stats.silence_samples,
            out_samples: stats.out_samples,
            resyncs: stats.resyncs,
        }
    }

    #[getter]
    fn delay(&self, py: Python<'_>) -> f64 {
        gil::lock(py, &self.inner).delay().as_secs_f64()
    }

    #[getter]
    fn target_delay(&self, py: Python<'_>) -> f64 {
        gil::lock(py, &self.inner).target_delay().as_secs_f64()
    }

    #[getter]
    fn depth_samples(&self, py: Python<'_>) -> u64 {
        gil::lock(py, &self.inner).depth_samples()
    }
}

impl JitterBuffer {
    fn pull_frame(&self, py: Python<'_>, dst: &mut [i16]) -> PyResult<&'static str> {
        let (expected, actual) = (Inner::FRAME, dst.len());
        let frame = dst.try_into();
        let frame = frame
            .map_err(|_| Error::LengthMismatch { expected, actual })
            .or_raise(py)?;
        Ok(match gil::lock(py, &self.inner).pull(frame) {
            Pulled::Received => "received",
            Pulled::Concealed => "concealed",
            _ => "silence",
        })
    }
}

use std::sync::Mutex;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use trunkline::PlaybackLedger as Ledger;
use trunkline::playback::{self, Cut, Echo};

use crate::error::{OrRaise, invalid};
use crate::gil;
use crate::record::record;
use crate::time::now_or_monotonic;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PlaybackLedger>()?;
    module.add_class::<Heard>()?;
    module.add_class::<Unheard>()?;
    module.add_class::<TruncateAt>()?;
    module.add_class::<Delete>()?;
    module.add_function(wrap_pyfunction!(heard_text, module)?)
}

#[pyclass(frozen, module = "trunkline")]
struct PlaybackLedger {
    inner: Mutex<Ledger>,
}

record! { "trunkline", Heard {
    item_id: String,
    content_index: u32,
    audio_ms: u64,
} }

record! { "trunkline", Unheard {
    item_id: String,
    content_index: u32,
    heard_ms: u64,
    received_ms: u64,
    start: u64,
    cut: Py<PyAny>,
} }

record! { "trunkline", TruncateAt { audio_end_ms: u64 } }

record! { "trunkline", Delete {} }

#[pymethods]
impl PlaybackLedger {
    #[classattr]
    const MAX_PARTS: usize = Ledger::MAX_PARTS;
    #[classattr]
    const RATE_HZ: u32 = Ledger::RATE_HZ;

    #[new]
    fn new(py: Python<'_>, model_rate_hz: u32) -> PyResult<Self> {
        if model_rate_hz == 0 {
            return Err(invalid(py, "model_rate_hz"));
        }
        Ok(Self {
            inner: Mutex::new(Ledger::new(model_rate_hz)),
        })
    }

    fn announce(&self, py: Python<'_>, item_id: &str, content_index: u32) -> PyResult<()> {
        let announced = gil::lock(py, &self.inner).announce(item_id, content_index);
        announced.or_raise(py)
    }

    fn receive(
        &self,
        py: Python<'_>,
        item_id: &str,
        content_index: u32,
        model_samples: u32,
        line_samples: u32,
    ) -> PyResult<()> {
        let (model_samples, line_samples) = (model_samples as usize, line_samples as usize);
        let mut inner = gil::lock(py, &self.inner);
        let received = inner.receive(item_id, content_index, model_samples, line_samples);
        drop(inner);
        received.or_raise(py)
    }

    fn finish(&self, py: Python<'_>, item_id: &str, content_index: u32) {
        gil::lock(py, &self.inner).finish(item_id, content_index);
    }

    fn finish_item(&self, py: Python<'_>, item_id: &str) {
        gil::lock(py, &self.inner).finish_item(item_id);
    }

    fn finish_all(&self, py: Python<'_>) {
        gil::lock(py, &self.inner).finish_all();
    }

    #[pyo3(signature = (samples, now = None))]
    fn send(&self, py: Python<'_>, samples: usize, now: Option<f64>) -> PyResult<()> {
        let now = now_or_monotonic(py, now)?;
        gil::lock(py, &self.inner).send(now, samples);
        Ok(())
    }

    fn mark(&self, py: Python<'_>) -> String {
        gil::lock(py, &self.inner).mark().as_str().to_owned()
    }

    #[pyo3(signature = (name, now = None))]
    fn handle_mark(&self, py: Python<'_>, name: &str, now: Option<f64>) -> PyResult<&'static str> {
        let now = now_or_monotonic(py, now)?;
        Ok(match gil::lock(py, &self.inner).handle_mark(now, name) {
            Echo::Heard => "heard",
            Echo::Flushed => "flushed",
            _ => "foreign",
        })
    }

    fn pop_heard(&self, py: Python<'_>) -> Option<Heard> {
        let heard = gil::lock(py, &self.inner).pop_heard()?;
        Some(Heard {
            item_id: heard.item_id().to_owned(),
            content_index: heard.content_index,
            audio_ms: heard.audio_ms,
        })
    }

    fn unheard(&self, py: Python<'_>) -> PyResult<Vec<Unheard>> {
        // Making objects may start the garbage collector, which may run anything.
        let ledger = gil::lock(py, &self.inner).clone();
        let parts = ledger.unheard().map(|part| {
            Ok(Unheard {
                item_id: part.item_id.to_owned(),
                content_index: part.content_index,
                heard_ms: part.heard_ms,
                received_ms: part.received_ms,
                start: part.start,
                cut: match part.cut() {
                    Cut::TruncateAt { audio_end_ms } => {
                        TruncateAt { audio_end_ms }.into_py_any(py)?
                    }
                    Cut::Delete => Delete {}.into_py_any(py)?,
                    _ => py.None(),
                },
            })
        });
        parts.collect()
    }

    fn clear(&self, py: Python<'_>) {
        gil::lock(py, &self.inner).clear();
    }

    #[pyo3(signature = (now = None))]
    fn queued(&self, py: Python<'_>, now: Option<f64>) -> PyResult<f64> {
        let now = now_or_monotonic(py, now)?;
        Ok(gil::lock(py, &self.inner).queued(now).as_secs_f64())
    }

    #[getter]
    fn play_end(&self, py: Python<'_>) -> f64 {
        gil::lock(py, &self.inner).play_end().as_secs_f64()
    }

    #[getter]
    fn heard_samples(&self, py: Python<'_>) -> u64 {
        gil::lock(py, &self.inner).heard_samples()
    }

    #[getter]
    fn sent_samples(&self, py: Python<'_>) -> u64 {
        gil::lock(py, &self.inner).sent_samples()
    }

    #[getter]
    fn received_samples(&self, py: Python<'_>) -> u64 {
        gil::lock(py, &self.inner).received_samples()
    }

    #[getter]
    fn unmarked_samples(&self, py: Python<'_>) -> u64 {
        gil::lock(py, &self.inner).unmarked_samples()
    }

    #[getter]
    fn is_finished(&self, py: Python<'_>) -> bool {
        gil::lock(py, &self.inner).is_finished()
    }

    #[getter]
    fn epoch(&self, py: Python<'_>) -> u32 {
        gil::lock(py, &self.inner).epoch()
    }
}

#[pyfunction]
fn heard_text(text: &str, heard_ms: u64, total_ms: u64) -> &str {
    playback::heard_text(text, heard_ms, total_ms)
}

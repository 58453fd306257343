use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use trunkline::Error;

use crate::error::OrRaise;

/// `now` in seconds, or what `time.monotonic()` says, which is the clock of asyncio's loops too.
pub(crate) fn now_or_monotonic(py: Python<'_>, now: Option<f64>) -> PyResult<Duration> {
    static MONOTONIC: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let seconds = match now {
        Some(seconds) => seconds,
        None => MONOTONIC
            .import(py, "time", "monotonic")?
            .call0()?
            .extract()?,
    };
    let time = Duration::try_from_secs_f64(seconds);
    time.map_err(|_| Error::InvalidField { name: "now" })
        .or_raise(py)
}

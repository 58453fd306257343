//! The bridge between a phone call and a realtime model.

mod config;
mod event;
mod stats;

use std::mem;
use std::sync::Mutex;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use trunkline::Error;
use trunkline::bridge::Config;

use crate::error::OrRaise;
use crate::gil;
use crate::message::{Message, json, text};
use crate::session::{SemanticVad, ServerVad, Settings};
use crate::time::now_or_monotonic;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Bridge>()?;
    module.add_class::<config::AfterSpeech>()?;
    module.add_class::<ServerVad>()?;
    module.add_class::<SemanticVad>()?;
    module.add_class::<stats::Stats>()?;
    event::register(module)
}

/// To make an object may collect garbage, and that may run anything, this bridge's own methods
/// too: none is made while `inner` is locked.
#[pyclass(frozen, module = "trunkline")]
struct Bridge {
    inner: Mutex<trunkline::Bridge>,
    /// Holds any output; empty while a drain uses it.
    buf: Mutex<Box<[u8]>>,
}

#[pymethods]
impl Bridge {
    #[new]
    #[pyo3(signature = (*, model_audio=None, lead=None, mark_interval=None, downlink_capacity=None,
        uplink_capacity=None, text_capacity=None, max_gap=None, stall_timeout=None,
        max_twilio_len=None, max_openai_len=None, barge_in=None, voice_detection=false))]
    #[allow(clippy::too_many_arguments, reason = "one for each setting")]
    fn new(
        model_audio: Option<&Bound<'_, PyAny>>,
        lead: Option<&Bound<'_, PyAny>>,
        mark_interval: Option<&Bound<'_, PyAny>>,
        downlink_capacity: Option<&Bound<'_, PyAny>>,
        uplink_capacity: Option<&Bound<'_, PyAny>>,
        text_capacity: Option<&Bound<'_, PyAny>>,
        max_gap: Option<&Bound<'_, PyAny>>,
        stall_timeout: Option<&Bound<'_, PyAny>>,
        max_twilio_len: Option<&Bound<'_, PyAny>>,
        max_openai_len: Option<&Bound<'_, PyAny>>,
        barge_in: Option<&Bound<'_, PyAny>>,
        voice_detection: bool,
    ) -> PyResult<Self> {
        let mut config = Config::default();
        config.voice_detection = voice_detection;
        if let Some(value) = model_audio {
            config.model_audio = config::model_audio(value)?;
        }
        if let Some(value) = barge_in {
            config.barge_in = config::barge_in(value)?;
        }
        for (field, value, name) in [
            (&mut config.lead, lead, "lead"),
            (&mut config.mark_interval, mark_interval, "mark_interval"),
            (
                &mut config.downlink_capacity,
                downlink_capacity,
                "downlink_capacity",
            ),
            (
                &mut config.uplink_capacity,
                uplink_capacity,
                "uplink_capacity",
            ),
            (&mut config.max_gap, max_gap, "max_gap"),
            (&mut config.stall_timeout, stall_timeout, "stall_timeout"),
        ] {
            if let Some(value) = value {
                *field = config::seconds(value, name)?;
            }
        }
        for (field, value, name) in [
            (&mut config.text_capacity, text_capacity, "text_capacity"),
            (&mut config.max_twilio_len, max_twilio_len, "max_twilio_len"),
            (&mut config.max_openai_len, max_openai_len, "max_openai_len"),
        ] {
            if let Some(value) = value {
                *field = config::whole(value, name)?;
            }
        }
        let bridge = trunkline::Bridge::new(config);
        Ok(Self {
            buf: Mutex::new(new_buf(&bridge)),
            inner: Mutex::new(bridge),
        })
    }

    #[pyo3(signature = (message, now=None))]
    fn handle_twilio(&self, message: &Bound<'_, PyAny>, now: Option<f64>) -> PyResult<()> {
        self.handle(message, now, trunkline::Bridge::handle_twilio)
    }

    #[pyo3(signature = (message, now=None))]
    fn handle_openai(&self, message: &Bound<'_, PyAny>, now: Option<f64>) -> PyResult<()> {
        self.handle(message, now, trunkline::Bridge::handle_openai)
    }

    #[pyo3(signature = (now=None))]
    fn handle_timeout(&self, py: Python<'_>, now: Option<f64>) -> PyResult<()> {
        let now = now_or_monotonic(py, now)?;
        gil::lock(py, &self.inner).handle_timeout(now);
        Ok(())
    }

    #[pyo3(signature = (now=None))]
    fn handle_twilio_closed(&self, py: Python<'_>, now: Option<f64>) -> PyResult<()> {
        let now = now_or_monotonic(py, now)?;
        gil::lock(py, &self.inner).handle_twilio_closed(now);
        Ok(())
    }

    #[pyo3(signature = (now=None))]
    fn handle_openai_closed(&self, py: Python<'_>, now: Option<f64>) -> PyResult<()> {
        let now = now_or_monotonic(py, now)?;
        gil::lock(py, &self.inner).handle_openai_closed(now);
        Ok(())
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut buf = mem::take(&mut *gil::lock(py, &self.buf));
        if buf.is_empty() {
            // Another thread drains, or this one does and was interrupted.
            buf = new_buf(&gil::lock(py, &self.inner));
        }
        let outputs = self.drain_into(py, &mut buf);
        *gil::lock(py, &self.buf) = buf;
        PyList::new(py, outputs?)
    }

    fn poll_timeout(&self, py: Python<'_>) -> Option<f64> {
        gil::lock(py, &self.inner).poll_timeout().map(seconds_from)
    }

    #[pyo3(signature = (*, instructions=None, voice=None, speed=None, transcription_model=None,
        transcription_language=None, transcription_prompt=None, noise_reduction=None,
        turn_detection=None, tools=None, tool_choice=None, extra=None))]
    #[allow(clippy::too_many_arguments, reason = "one for each field")]
    fn update_session(
        &self,
        py: Python<'_>,
        instructions: Option<&Bound<'_, PyString>>,
        voice: Option<&Bound<'_, PyString>>,
        speed: Option<f32>,
        transcription_model: Option<&Bound<'_, PyString>>,
        transcription_language: Option<&Bound<'_, PyString>>,
        transcription_prompt: Option<&Bound<'_, PyString>>,
        noise_reduction: Option<&Bound<'_, PyAny>>,
        turn_detection: Option<&Bound<'_, PyAny>>,
        tools: Option<&Bound<'_, PyString>>,
        tool_choice: Option<&Bound<'_, PyString>>,
        extra: Option<&Bound<'_, PyString>>,
    ) -> PyResult<()> {
        let settings = Settings {
            instructions,
            voice,
            speed,
            transcription_model,
            transcription_language,
            transcription_prompt,
            noise_reduction,
            turn_detection,
            tools,
            tool_choice,
            extra,
        };
        let session = settings.parse()?;
        self.command(py, |bridge| bridge.update_session(&session))
    }

    #[pyo3(signature = (response=None))]
    fn create_response(
        &self,
        py: Python<'_>,
        response: Option<&Bound<'_, PyString>>,
    ) -> PyResult<()> {
        let response = response.map(|value| json(value, "response")).transpose()?;
        self.command(py, |bridge| bridge.create_response(response))
    }

    fn send_tool_output(
        &self,
        py: Python<'_>,
        call_id: &Bound<'_, PyString>,
        output: &Bound<'_, PyString>,
    ) -> PyResult<()> {
        let (call_id, output) = (text(call_id, "call_id")?, text(output, "output")?);
        self.command(py, |bridge| bridge.send_tool_output(call_id, output))
    }

    fn send_openai(&self, py: Python<'_>, event: &Bound<'_, PyString>) -> PyResult<()> {
        let event = json(event, "event")?;
        self.command(py, |bridge| bridge.send_openai(event))
    }

    #[pyo3(signature = (now=None))]
    fn interrupt(&self, py: Python<'_>, now: Option<f64>) -> PyResult<()> {
        let now = now_or_monotonic(py, now)?;
        self.command(py, |bridge| bridge.interrupt(now))
    }

    fn mark(&self, py: Python<'_>, name: &Bound<'_, PyString>) -> PyResult<()> {
        let name = text(name, "name")?;
        self.command(py, |bridge| bridge.mark(name))
    }

    #[getter]
    fn stats(&self, py: Python<'_>) -> stats::Stats {
        gil::lock(py, &self.inner).stats().into()
    }

    #[pyo3(signature = (now=None))]
    fn queued_at_carrier(&self, py: Python<'_>, now: Option<f64>) -> PyResult<f64> {
        let now = now_or_monotonic(py, now)?;
        let queued = gil::lock(py, &self.inner).queued_at_carrier(now);
        Ok(queued.as_secs_f64())
    }

    #[getter]
    fn is_closed(&self, py: Python<'_>) -> bool {
        gil::lock(py, &self.inner).is_closed()
    }
}

impl Bridge {
    fn handle(
        &self,
        message: &Bound<'_, PyAny>,
        now: Option<f64>,
        handle: impl FnOnce(&mut trunkline::Bridge, Duration, &str) -> Result<(), Error> + Send,
    ) -> PyResult<()> {
        let py = message.py();
        let now = now_or_monotonic(py, now)?;
        let message = Message::new(message)?;
        self.command(py, |bridge| {
            gil::run(py, message.len(), || handle(bridge, now, message.as_str()?))
        })
    }

    fn drain_into(&self, py: Python<'_>, buf: &mut [u8]) -> PyResult<Vec<Py<PyAny>>> {
        let mut outputs = Vec::new();
        loop {
            let output = gil::lock(py, &self.inner).poll_output(buf);
            let Some(output) = output.or_raise(py)? else {
                return Ok(outputs);
            };
            outputs.push(event::object(py, output)?);
        }
    }

    fn command(
        &self,
        py: Python<'_>,
        command: impl FnOnce(&mut trunkline::Bridge) -> Result<(), Error>,
    ) -> PyResult<()> {
        let result = command(&mut gil::lock(py, &self.inner));
        result.or_raise(py)
    }
}

fn new_buf(bridge: &trunkline::Bridge) -> Box<[u8]> {
    vec![0; bridge.max_output_len()].into_boxed_slice()
}

/// Not before `time`, once it is a `Duration` again: a timeout that is waited for has come.
fn seconds_from(time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    match Duration::try_from_secs_f64(seconds) {
        Ok(back) if back < time => seconds.next_up(),
        _ => seconds,
    }
}

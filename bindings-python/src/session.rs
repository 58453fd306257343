//! What a session is told at its start.

use pyo3::prelude::*;
use pyo3::types::PyString;
use trunkline::SessionUpdate;
use trunkline::openai::{Eagerness, NoiseReduction, TurnDetection};

use crate::error::invalid;
use crate::message::{json, text};
use crate::record::record;

record! { "trunkline", new ServerVad(
    *, threshold=0.5, prefix_padding_ms=300, silence_duration_ms=500, idle_timeout_ms=None,
    create_response=true, interrupt_response=true
) {
    threshold: f64,
    prefix_padding_ms: i64,
    silence_duration_ms: i64,
    idle_timeout_ms: Option<i64>,
    create_response: bool,
    interrupt_response: bool,
} }

record! { "trunkline", new SemanticVad(
    *, eagerness="auto".to_owned(), create_response=true, interrupt_response=true
) {
    eagerness: String,
    create_response: bool,
    interrupt_response: bool,
} }

/// The keyword arguments that make a [`SessionUpdate`].
pub(crate) struct Settings<'a, 'py> {
    pub(crate) instructions: Option<&'a Bound<'py, PyString>>,
    pub(crate) voice: Option<&'a Bound<'py, PyString>>,
    pub(crate) speed: Option<f32>,
    pub(crate) transcription_model: Option<&'a Bound<'py, PyString>>,
    pub(crate) transcription_language: Option<&'a Bound<'py, PyString>>,
    pub(crate) transcription_prompt: Option<&'a Bound<'py, PyString>>,
    pub(crate) noise_reduction: Option<&'a Bound<'py, PyAny>>,
    pub(crate) turn_detection: Option<&'a Bound<'py, PyAny>>,
    pub(crate) tools: Option<&'a Bound<'py, PyString>>,
    pub(crate) tool_choice: Option<&'a Bound<'py, PyString>>,
    pub(crate) extra: Option<&'a Bound<'py, PyString>>,
}

impl<'a> Settings<'a, '_> {
    pub(crate) fn parse(self) -> PyResult<SessionUpdate<'a>> {
        let text = |value: Option<_>, name| value.map(|value| text(value, name)).transpose();
        let json = |value: Option<_>, name| value.map(|value| json(value, name)).transpose();
        let mut session = SessionUpdate::default();
        session.speed = self.speed;
        session.instructions = text(self.instructions, "instructions")?;
        session.voice = text(self.voice, "voice")?;
        session.transcription_model = text(self.transcription_model, "transcription_model")?;
        session.transcription_language =
            text(self.transcription_language, "transcription_language")?;
        session.transcription_prompt = text(self.transcription_prompt, "transcription_prompt")?;
        session.tools = json(self.tools, "tools")?;
        session.tool_choice = json(self.tool_choice, "tool_choice")?;
        session.extra = json(self.extra, "extra")?;
        session.noise_reduction = self.noise_reduction.map(noise_reduction).transpose()?;
        if let Some(value) = self.turn_detection {
            session.turn_detection = turn_detection(value)?;
        }
        Ok(session)
    }
}

fn turn_detection(value: &Bound<'_, PyAny>) -> PyResult<TurnDetection> {
    let py = value.py();
    if let Ok(vad) = value.cast::<ServerVad>() {
        let vad = vad.get();
        let ms = |ms: i64, name| u32::try_from(ms).map_err(|_| invalid(py, name));
        return Ok(TurnDetection::ServerVad {
            threshold: vad.threshold as f32,
            prefix_padding_ms: ms(vad.prefix_padding_ms, "prefix_padding_ms")?,
            silence_duration_ms: ms(vad.silence_duration_ms, "silence_duration_ms")?,
            idle_timeout_ms: vad
                .idle_timeout_ms
                .map(|timeout| ms(timeout, "idle_timeout_ms"))
                .transpose()?,
            create_response: vad.create_response,
            interrupt_response: vad.interrupt_response,
        });
    }
    if let Ok(vad) = value.cast::<SemanticVad>() {
        let vad = vad.get();
        return Ok(TurnDetection::SemanticVad {
            eagerness: match vad.eagerness.as_str() {
                "low" => Eagerness::Low,
                "medium" => Eagerness::Medium,
                "high" => Eagerness::High,
                "auto" => Eagerness::Auto,
                _ => return Err(invalid(py, "eagerness")),
            },
            create_response: vad.create_response,
            interrupt_response: vad.interrupt_response,
        });
    }
    match value.extract()? {
        "none" => Ok(TurnDetection::Off),
        _ => Err(invalid(py, "turn_detection")),
    }
}

fn noise_reduction(value: &Bound<'_, PyAny>) -> PyResult<NoiseReduction> {
    match value.extract()? {
        "near-field" => Ok(NoiseReduction::NearField),
        "far-field" => Ok(NoiseReduction::FarField),
        _ => Err(invalid(value.py(), "noise_reduction")),
    }
}

//! What a session is told at its start.

use pyo3::prelude::*;
use trunkline::openai::{Eagerness, NoiseReduction, TurnDetection};

use super::config::invalid;
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

pub(super) fn turn_detection(value: &Bound<'_, PyAny>) -> PyResult<TurnDetection> {
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

pub(super) fn noise_reduction(value: &Bound<'_, PyAny>) -> PyResult<NoiseReduction> {
    match value.extract()? {
        "near-field" => Ok(NoiseReduction::NearField),
        "far-field" => Ok(NoiseReduction::FarField),
        _ => Err(invalid(value.py(), "noise_reduction")),
    }
}

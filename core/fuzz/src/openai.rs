//! Events of the model against a reader over serde_json's values.

use serde_json::{Value, json};
use trunkline::{
    Error,
    dialect::{AudioFormat, Model, ModelEvent, SessionState, Shape, Usage},
    openai::OpenAiRealtime,
};

use crate::{json, twilio::optional};

pub fn openai_message(data: &[u8]) {
    // Line by line, each is read as if it were the first.
    let mut shape = Shape::new();
    for text in core::str::from_utf8(data).unwrap_or_default().lines() {
        let next = OpenAiRealtime.read_next(&mut shape, text);
        assert_eq!(
            format!("{next:?}"),
            format!("{:?}", OpenAiRealtime.read(text))
        );
    }
    let event = OpenAiRealtime.read_bytes(data);
    let is_invalid = matches!(event, Err(Error::InvalidJson { .. }));
    assert_eq!(is_invalid, !json::is_json(data), "{event:?}");
    if let Some(value) = json::check(data) {
        assert_eq!(event.ok().map(|event| told(&event)), expected(&value));
    }
}

fn told(event: &ModelEvent<'_>) -> Value {
    let string = json::string;
    match *event {
        ModelEvent::SessionCreated(state) => json!(["session.created", session_told(&state)]),
        ModelEvent::SessionUpdated(state) => json!(["session.updated", session_told(&state)]),
        ModelEvent::SpeechStarted {
            item_id,
            audio_start_ms,
        } => json!(["started", item_id.map(string), audio_start_ms]),
        ModelEvent::SpeechStopped {
            item_id,
            audio_end_ms,
        } => json!(["stopped", item_id.map(string), audio_end_ms]),
        ModelEvent::ResponseCreated {
            response_id,
            out_of_band,
        } => json!(["response", string(response_id), out_of_band]),
        ModelEvent::ItemAdded {
            response_id,
            item_id,
            is_message,
        } => json!(["item", string(response_id), string(item_id), is_message]),
        ModelEvent::AudioDelta {
            response_id,
            item_id,
            content_index,
            audio,
        } => json!([
            "audio",
            string(response_id),
            string(item_id),
            content_index,
            string(audio)
        ]),
        ModelEvent::AudioDone {
            response_id,
            item_id,
            content_index,
        } => json!([
            "audio done",
            string(response_id),
            string(item_id),
            content_index
        ]),
        ModelEvent::Transcript {
            speaker,
            item_id,
            response_id,
            text,
            is_final,
        } => json!([
            format!("{speaker:?}"),
            string(item_id),
            response_id.map(string),
            string(text),
            is_final
        ]),
        ModelEvent::TranscriptionFailed { item_id, kind } => {
            json!(["failed", string(item_id), string(kind)])
        }
        ModelEvent::ToolCall {
            response_id,
            item_id,
            call_id,
            name,
            arguments,
        } => json!([
            "call",
            string(response_id),
            string(item_id),
            string(call_id),
            string(name),
            string(arguments)
        ]),
        ModelEvent::ResponseDone {
            response_id,
            status,
            reason,
            message,
            usage,
        } => json!([
            "done",
            string(response_id),
            format!("{status:?}"),
            reason.map(string),
            message.map(string),
            usage.map(|usage| usage_told(&usage))
        ]),
        ModelEvent::Error {
            code,
            message,
            event_id,
        } => json!([
            "error",
            code.map(string),
            string(message),
            event_id.map(string)
        ]),
        ModelEvent::Other { kind } => json!(["other", string(kind)]),
        ref other => panic!("{other:?}"),
    }
}

fn expected(value: &Value) -> Option<Value> {
    let kind = value["type"].as_str()?;
    let response_id = || text(&value["response_id"]);
    let item_id = || text(&value["item_id"]);
    let words = |speaker: &str, words: &Value, is_final: bool| {
        let response_id = optional(&value["response_id"], text)?;
        Some(json!([
            speaker,
            item_id()?,
            response_id,
            text(words)?,
            is_final
        ]))
    };
    Some(match kind {
        "response.output_audio.delta" | "response.audio.delta" => {
            let audio = text(&value["delta"])?;
            json!([
                "audio",
                response_id()?,
                item_id()?,
                index(&value["content_index"])?,
                audio
            ])
        }
        "response.output_audio.done" | "response.audio.done" => {
            json!([
                "audio done",
                response_id()?,
                item_id()?,
                index(&value["content_index"])?
            ])
        }
        "response.output_audio_transcript.delta"
        | "response.audio_transcript.delta"
        | "response.output_text.delta"
        | "response.text.delta" => words("Model", &value["delta"], false)?,
        "response.output_audio_transcript.done" | "response.audio_transcript.done" => {
            words("Model", &value["transcript"], true)?
        }
        "response.output_text.done" | "response.text.done" => words("Model", &value["text"], true)?,
        "conversation.item.input_audio_transcription.delta" => {
            words("Caller", &value["delta"], false)?
        }
        "conversation.item.input_audio_transcription.completed" => {
            words("Caller", &value["transcript"], true)?
        }
        "conversation.item.input_audio_transcription.failed" => json!(["failed", item_id()?, kind]),
        "input_audio_buffer.speech_started" => {
            let at = json::integer(&value["audio_start_ms"])?;
            json!(["started", optional(&value["item_id"], text)?, at])
        }
        "input_audio_buffer.speech_stopped" => {
            let at = json::integer(&value["audio_end_ms"])?;
            json!(["stopped", optional(&value["item_id"], text)?, at])
        }
        "response.created" => {
            let response = value["response"].as_object()?;
            let out_of_band = response.get("conversation_id") == Some(&Value::Null);
            json!(["response", text(&value["response"]["id"])?, out_of_band])
        }
        "response.output_item.added" => {
            let item = &value["item"];
            let is_message = text(&item["type"])? == "message";
            json!(["item", response_id()?, text(&item["id"])?, is_message])
        }
        "response.output_item.done" => {
            let item = &value["item"];
            let is_call = text(&item["type"])? == "function_call";
            // The status of another kind of item is not looked at.
            if !is_call || optional(&item["status"], text)?.as_deref() != Some("completed") {
                return Some(json!(["other", kind]));
            }
            let arguments = optional(&item["arguments"], text)?.unwrap_or_default();
            let (id, call_id) = (text(&item["id"])?, text(&item["call_id"])?);
            json!([
                "call",
                response_id()?,
                id,
                call_id,
                text(&item["name"])?,
                arguments
            ])
        }
        "response.done" => response_done(&value["response"])?,
        "session.created" | "session.updated" => json!([kind, session(&value["session"])?]),
        "error" => {
            let error = object(&value["error"])?;
            let message = optional(&error["message"], text)?.unwrap_or_default();
            let event_id = optional(&error["event_id"], text)?;
            json!(["error", optional(&error["code"], text)?, message, event_id])
        }
        other => json!(["other", other]),
    })
}

fn response_done(response: &Value) -> Option<Value> {
    let status = match &*text(&response["status"])? {
        "completed" => "Completed",
        "cancelled" => "Cancelled",
        "incomplete" => "Incomplete",
        "failed" => "Failed",
        _ => "Unknown",
    };
    let details = optional(&response["status_details"], object)?.unwrap_or_default();
    let error = optional(&details["error"], object)?.unwrap_or_default();
    let reason = optional(&details["reason"], text)?;
    let code = optional(&error["code"], text)?;
    let kind = optional(&error["type"], text)?;
    let message = optional(&error["message"], text)?;
    let usage = optional(&response["usage"], object)?;
    let usage = match usage {
        Some(usage) => Some(usage_expected(&usage)?),
        None => None,
    };
    Some(json!([
        "done",
        text(&response["id"])?,
        status,
        reason.or(code).or(kind),
        message,
        usage
    ]))
}

fn usage_told(usage: &Usage) -> Value {
    json!([
        usage.total_tokens,
        usage.input_tokens,
        usage.output_tokens,
        usage.input_text_tokens,
        usage.input_audio_tokens,
        usage.cached_tokens,
        usage.cached_text_tokens,
        usage.cached_audio_tokens,
        usage.output_text_tokens,
        usage.output_audio_tokens
    ])
}

fn usage_expected(usage: &Value) -> Option<Value> {
    let count = |value: &Value| Some(optional(value, json::integer)?.unwrap_or(0));
    let input = optional(&usage["input_token_details"], object)?.unwrap_or_default();
    let output = optional(&usage["output_token_details"], object)?.unwrap_or_default();
    let cached = optional(&input["cached_tokens_details"], object)?.unwrap_or_default();
    Some(json!([
        count(&usage["total_tokens"])?,
        count(&usage["input_tokens"])?,
        count(&usage["output_tokens"])?,
        count(&input["text_tokens"])?,
        count(&input["audio_tokens"])?,
        count(&input["cached_tokens"])?,
        count(&cached["text_tokens"])?,
        count(&cached["audio_tokens"])?,
        count(&output["text_tokens"])?,
        count(&output["audio_tokens"])?
    ]))
}

fn session_told(state: &SessionState) -> Value {
    let format = |format: Option<AudioFormat>| format.map(|format| format!("{format:?}"));
    json!([
        format(state.input),
        format(state.output),
        state.creates_response,
        state.interrupts_response,
        state.silence_duration_ms,
        state.expires_at
    ])
}

/// As GA nests it; what is not there at all is looked for where the beta had it.
fn session(session: &Value) -> Option<Value> {
    let members = session.as_object()?;
    let audio = optional(&session["audio"], object)?.unwrap_or_default();
    let input = optional(&audio["input"], object)?.unwrap_or_default();
    let output = optional(&audio["output"], object)?.unwrap_or_default();
    let input_format = input.get("format").or(members.get("input_audio_format"));
    let output_format = output.get("format").or(members.get("output_audio_format"));
    let turns = input
        .get("turn_detection")
        .or(members.get("turn_detection"));
    let (creates, interrupts, silence) = match turns {
        None => (None, None, None),
        Some(Value::Null) => (Some(false), Some(false), None),
        Some(turns) => {
            let turns = object(turns)?;
            let silence = optional(&turns["silence_duration_ms"], json::integer)?;
            (
                optional(&turns["create_response"], Value::as_bool)?,
                optional(&turns["interrupt_response"], Value::as_bool)?,
                silence.map(|ms| u32::try_from(ms).unwrap_or(u32::MAX)),
            )
        }
    };
    let expires_at = optional(&session["expires_at"], json::integer)?;
    let formats = (format(input_format)?, format(output_format)?);
    Some(json!([
        formats.0, formats.1, creates, interrupts, silence, expires_at
    ]))
}

fn format(format: Option<&Value>) -> Option<Option<String>> {
    let Some(format) = format else {
        return Some(None);
    };
    optional(format, |format| {
        let (kind, rate_hz) = match format {
            Value::String(word) => (word.clone(), 24_000),
            other => {
                let rate = optional(&other["rate"], json::integer)?.unwrap_or(24_000);
                (
                    text(&other["type"])?,
                    u32::try_from(rate).unwrap_or(u32::MAX),
                )
            }
        };
        let format = match &*kind {
            "audio/pcm" | "pcm16" => AudioFormat::Pcm16 { rate_hz },
            "audio/pcmu" | "g711_ulaw" => AudioFormat::Mulaw,
            "audio/pcma" | "g711_alaw" => AudioFormat::Alaw,
            _ => AudioFormat::Unknown,
        };
        Some(format!("{format:?}"))
    })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn object(value: &Value) -> Option<Value> {
    value.is_object().then(|| value.clone())
}

fn index(value: &Value) -> Option<u32> {
    u32::try_from(optional(value, json::integer)?.unwrap_or(0)).ok()
}

//! Strict readers of what the Bridge sends: anything a real peer would refuse or warn about is an
//! `Err` with the reason.
//!
//! Written from `reference/twilio.md` §4 and `reference/openai-realtime.md` §2 and §4 with
//! serde_json and the base64 crate, so that no parser of the library judges the library.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

/// One valid message to Twilio.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ToTwilio {
    Media(Vec<u8>),
    Mark(String),
    Clear,
}

/// Checks a message to Twilio: exactly the allowed keys, the stream it belongs to, clean base64.
pub(crate) fn read_to_twilio(text: &str, stream_sid: &str) -> Result<ToTwilio, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
    let object = value.as_object().ok_or("not an object")?;
    let event = string(object, "event")?;
    if string(object, "streamSid")? != stream_sid {
        return Err("wrong streamSid".into());
    }
    // A repeated key disappears in a parsed map, but not from the number of strings in the text.
    let (message, strings) = match event {
        "media" => {
            only(object, &["event", "streamSid", "media"], &[])?;
            let media = member(object, "media")?;
            only(media, &["payload"], &[])?;
            let payload = decode(string(media, "payload")?)?;
            if payload.is_empty() {
                return Err("media without audio".into());
            }
            (ToTwilio::Media(payload), 7)
        }
        "mark" => {
            only(object, &["event", "streamSid", "mark"], &[])?;
            let mark = member(object, "mark")?;
            only(mark, &["name"], &[])?;
            let name = string(mark, "name")?;
            if name.is_empty() {
                return Err("mark without a name".into());
            }
            (ToTwilio::Mark(name.into()), 7)
        }
        "clear" => {
            only(object, &["event", "streamSid"], &[])?;
            (ToTwilio::Clear, 4)
        }
        other => return Err(format!("Twilio does not take {other:?}")),
    };
    if count_strings(text) != strings {
        return Err("a key twice".into());
    }
    Ok(message)
}

/// Checks a client event of the GA interface and returns it parsed.
pub(crate) fn read_to_openai(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
    let event = value.as_object().ok_or("not an object")?;
    if let Some(id) = event.get("event_id") {
        let id = id.as_str().ok_or("event_id is not a string")?;
        if id.is_empty() || id.chars().count() > 512 {
            return Err("event_id of a wrong length".into());
        }
    }
    match string(event, "type")? {
        "session.update" => {
            only(event, &["type", "session"], &["event_id"])?;
            session(member(event, "session")?)?;
        }
        "input_audio_buffer.append" => {
            only(event, &["type", "audio"], &["event_id"])?;
            let audio = decode(string(event, "audio")?)?;
            if audio.is_empty() || audio.len() > 15 << 20 {
                return Err(format!("append of {} bytes", audio.len()));
            }
        }
        "input_audio_buffer.commit" | "input_audio_buffer.clear" => {
            only(event, &["type"], &["event_id"])?;
        }
        "conversation.item.create" => {
            only(event, &["type", "item"], &["event_id", "previous_item_id"])?;
            item(member(event, "item")?)?;
        }
        "conversation.item.retrieve" | "conversation.item.delete" => {
            only(event, &["type", "item_id"], &["event_id"])?;
            string(event, "item_id")?;
        }
        "conversation.item.truncate" => {
            let keys = ["type", "item_id", "content_index", "audio_end_ms"];
            only(event, &keys, &["event_id"])?;
            string(event, "item_id")?;
            whole(event, "content_index")?;
            whole(event, "audio_end_ms")?;
        }
        "response.create" => {
            only(event, &["type"], &["event_id", "response"])?;
            if event.contains_key("response") {
                let keys = [
                    "instructions",
                    "output_modalities",
                    "audio",
                    "tool_choice",
                    "tools",
                    "max_output_tokens",
                    "metadata",
                    "conversation",
                    "input",
                ];
                only(member(event, "response")?, &[], &keys)?;
            }
        }
        "response.cancel" => {
            only(event, &["type"], &["event_id", "response_id"])?;
            if event.contains_key("response_id") {
                string(event, "response_id")?;
            }
        }
        other => return Err(format!("the model does not take {other:?}")),
    }
    Ok(value)
}

/// Decodes strict base64.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, String> {
    STANDARD
        .decode(text)
        .map_err(|e| format!("not base64: {e}"))
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn session(session: &Map<String, Value>) -> Result<(), String> {
    let optional = [
        "model",
        "output_modalities",
        "instructions",
        "audio",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "max_output_tokens",
        "truncation",
        "prompt",
        "tracing",
        "include",
    ];
    only(session, &["type"], &optional)?;
    if string(session, "type")? != "realtime" {
        return Err("session.type".into());
    }
    if let Some(modalities) = session.get("output_modalities") {
        let allowed = [serde_json::json!(["audio"]), serde_json::json!(["text"])];
        if !allowed.contains(modalities) {
            return Err("output_modalities".into());
        }
    }
    if !session.contains_key("audio") {
        return Ok(());
    }
    let audio = member(session, "audio")?;
    only(audio, &[], &["input", "output"])?;
    if audio.contains_key("input") {
        let input = member(audio, "input")?;
        let keys = [
            "format",
            "noise_reduction",
            "transcription",
            "turn_detection",
        ];
        only(input, &[], &keys)?;
        format(input)?;
        if input
            .get("turn_detection")
            .is_some_and(|detection| !detection.is_null())
        {
            turn_detection(member(input, "turn_detection")?)?;
        }
        if input
            .get("transcription")
            .is_some_and(|transcription| !transcription.is_null())
        {
            let keys = [
                "model",
                "language",
                "languages",
                "prompt",
                "keywords",
                "delay",
            ];
            only(member(input, "transcription")?, &[], &keys)?;
        }
    }
    if audio.contains_key("output") {
        let output = member(audio, "output")?;
        only(output, &[], &["format", "voice", "speed"])?;
        format(output)?;
    }
    Ok(())
}

fn format(direction: &Map<String, Value>) -> Result<(), String> {
    if !direction.contains_key("format") {
        return Ok(());
    }
    let format = member(direction, "format")?;
    match string(format, "type")? {
        "audio/pcm" => {
            only(format, &["type", "rate"], &[])?;
            if whole(format, "rate")? != 24_000 {
                return Err("rate".into());
            }
        }
        // The server refuses a `rate` beside these.
        "audio/pcmu" | "audio/pcma" => only(format, &["type"], &[])?,
        other => return Err(format!("format {other:?}")),
    }
    Ok(())
}

fn turn_detection(detection: &Map<String, Value>) -> Result<(), String> {
    let both = ["create_response", "interrupt_response"];
    match string(detection, "type")? {
        "server_vad" => {
            let mut keys = vec!["threshold", "prefix_padding_ms", "silence_duration_ms"];
            keys.extend(["idle_timeout_ms"]);
            keys.extend(both);
            only(detection, &["type"], &keys)?;
            if detection.contains_key("silence_duration_ms") {
                whole(detection, "silence_duration_ms")?;
            }
        }
        "semantic_vad" => only(detection, &["type"], &["eagerness", both[0], both[1]])?,
        other => return Err(format!("turn detection {other:?}")),
    }
    for key in both {
        if detection.get(key).is_some_and(|value| !value.is_boolean()) {
            return Err(format!("{key} is not a truth value"));
        }
    }
    Ok(())
}

fn item(item: &Map<String, Value>) -> Result<(), String> {
    for key in ["id", "call_id"] {
        if item.contains_key(key) && string(item, key)?.chars().count() > 32 {
            return Err(format!("{key} over 32 characters"));
        }
    }
    match string(item, "type")? {
        "message" => only(
            item,
            &["type", "role", "content"],
            &["id", "object", "status"],
        ),
        "function_call" => only(
            item,
            &["type", "call_id", "name", "arguments"],
            &["id", "object", "status"],
        ),
        "function_call_output" => {
            only(
                item,
                &["type", "call_id", "output"],
                &["id", "object", "status"],
            )?;
            string(item, "output").map(drop)
        }
        other => Err(format!("item type {other:?}")),
    }
}

fn only(object: &Map<String, Value>, required: &[&str], optional: &[&str]) -> Result<(), String> {
    for key in required {
        if !object.contains_key(*key) {
            return Err(format!("{key} is missing"));
        }
    }
    for key in object.keys() {
        if !required.contains(&key.as_str()) && !optional.contains(&key.as_str()) {
            return Err(format!("unknown key {key}"));
        }
    }
    Ok(())
}

fn member<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a Map<String, Value>, String> {
    object
        .get(key)
        .and_then(Value::as_object)
        .ok_or_else(|| format!("{key} is not an object"))
}

fn string<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    object
        .get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("{key} is not a string"))
}

fn whole(object: &Map<String, Value>, key: &str) -> Result<u64, String> {
    object
        .get(key)
        .and_then(Value::as_u64)
        .ok_or_else(|| format!("{key} is not an integer ≥ 0"))
}

fn count_strings(text: &str) -> usize {
    let mut quotes = 0;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => quotes += 1,
            _ => {}
        }
    }
    quotes / 2
}

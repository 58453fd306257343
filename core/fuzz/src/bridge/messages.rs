//! What the peers say, as they write it.

use serde_json::{Value, json};

use super::ops::Part;

use ::base64::{Engine as _, engine::general_purpose::STANDARD};

pub(super) fn start(sid: u8) -> String {
    let sid = format!("MZ{}", u8::from(sid > 0xF0));
    json!({"event": "start", "sequenceNumber": "1", "streamSid": &sid, "start": {
        "streamSid": &sid, "callSid": "CA0", "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"a": "b"}}})
    .to_string()
}

pub(super) fn media(timestamp_ms: u32, len: u32) -> String {
    let audio: Vec<u8> = (0..len).map(|at| at as u8 ^ 0x5A).collect();
    json!({"event": "media", "sequenceNumber": "4", "streamSid": "MZ0", "media": {
        "track": "inbound", "chunk": "2", "timestamp": timestamp_ms.to_string(),
        "payload": STANDARD.encode(audio)}})
    .to_string()
}

pub(super) fn mark(sid: u8, name: &str) -> String {
    let sid = format!("MZ{}", u8::from(sid > 0xF0));
    json!({"event": "mark", "sequenceNumber": "9", "streamSid": sid, "mark": {"name": name}})
        .to_string()
}

pub(super) fn dtmf(digit: u8) -> String {
    let digit = char::from(b"0123456789*#ABCDE"[usize::from(digit) % 17]);
    json!({"event": "dtmf", "streamSid": "MZ0", "sequenceNumber": "5",
        "dtmf": {"track": "inbound_track", "digit": digit}})
    .to_string()
}

pub(super) fn stop() -> String {
    json!({"event": "stop", "sequenceNumber": "9", "streamSid": "MZ0", "stop": {"callSid": "CA0"}})
        .to_string()
}

pub(super) fn session(is_mulaw: bool, creates: bool, interrupts: bool) -> String {
    let format = match is_mulaw {
        true => json!({"type": "audio/pcmu"}),
        false => json!({"type": "audio/pcm", "rate": 24_000}),
    };
    json!({"type": "session.updated", "session": {"type": "realtime", "audio": {
        "input": {"format": &format, "turn_detection": {"type": "server_vad",
            "silence_duration_ms": 500, "create_response": creates,
            "interrupt_response": interrupts}},
        "output": {"format": &format}}}})
    .to_string()
}

pub(super) fn response_created(response: u8, out_of_band: bool) -> String {
    let conversation = if out_of_band {
        Value::Null
    } else {
        "conv_1".into()
    };
    json!({"type": "response.created",
        "response": {"id": response_id(response), "conversation_id": conversation}})
    .to_string()
}

pub(super) fn item_added(response: u8, item: u8, is_message: bool) -> String {
    let kind = if is_message {
        "message"
    } else {
        "function_call"
    };
    json!({"type": "response.output_item.added", "response_id": response_id(response),
        "item": {"id": item_id(item), "type": kind}})
    .to_string()
}

pub(super) fn audio_delta(part: Part, audio: &str) -> String {
    json!({"type": "response.output_audio.delta", "response_id": response_id(part.response),
        "item_id": item_id(part.item), "content_index": part.index % 3, "delta": audio})
    .to_string()
}

pub(super) fn audio_done(part: Part) -> String {
    json!({"type": "response.output_audio.done", "response_id": response_id(part.response),
        "item_id": item_id(part.item), "content_index": part.index % 3})
    .to_string()
}

pub(super) fn response_done(response: u8, status: u8) -> String {
    let statuses = ["completed", "cancelled", "incomplete", "failed", "odd"];
    json!({"type": "response.done", "response": {"id": response_id(response),
        "status": statuses[usize::from(status) % statuses.len()], "usage": {"total_tokens": 5}}})
    .to_string()
}

pub(super) fn speech(starts: bool, at_ms: u32) -> String {
    match starts {
        true => json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": at_ms,
            "item_id": "item_9"}),
        false => json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": at_ms,
            "item_id": "item_9"}),
    }
    .to_string()
}

pub(super) fn transcript(item: u8, is_caller: bool, is_final: bool, text: &str) -> String {
    let kind = match (is_caller, is_final) {
        (true, true) => "conversation.item.input_audio_transcription.completed",
        (true, false) => "conversation.item.input_audio_transcription.delta",
        (false, true) => "response.output_audio_transcript.done",
        (false, false) => "response.output_audio_transcript.delta",
    };
    let name = if is_final { "transcript" } else { "delta" };
    json!({"type": kind, "response_id": "resp_1", "item_id": item_id(item), "content_index": 0,
        name: text})
    .to_string()
}

pub(super) fn tool_call(response: u8, call: u8, arguments: &str) -> String {
    let call = call % 4;
    json!({"type": "response.output_item.done", "response_id": response_id(response), "item": {
        "id": format!("item_f{call}"), "type": "function_call", "status": "completed",
        "call_id": format!("call_{call}"), "name": "look", "arguments": arguments}})
    .to_string()
}

pub(super) fn error(code: u8, event_id: Option<&str>) -> String {
    let codes = [
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "item_truncate_invalid_item_id",
        "item_delete_invalid_item_id",
        "invalid_value",
        "session_expired",
        "input_audio_buffer_commit_empty",
        "server_error",
    ];
    json!({"type": "error", "error": {"type": "invalid_request_error", "message": "No.",
        "code": codes[usize::from(code) % codes.len()], "param": null, "event_id": event_id}})
    .to_string()
}

fn response_id(response: u8) -> String {
    format!("resp_{}", response % 4)
}

fn item_id(item: u8) -> String {
    format!("item_{}", item % 6)
}

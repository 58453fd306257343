//! The session as the server has it.

use serde_json::{Value, json};

/// What `session.created` shows before anything was asked for.
pub(crate) fn defaults() -> Value {
    let pcm = json!({"type": "audio/pcm", "rate": 24_000});
    json!({"type": "realtime", "object": "realtime.session", "id": "sess_1",
        "model": "gpt-realtime-2.1", "output_modalities": ["audio"], "instructions": "",
        "tools": [], "tool_choice": "auto", "max_output_tokens": "inf", "tracing": null,
        "truncation": "auto", "prompt": null, "expires_at": 1_795_170_000_u64,
        "include": null, "audio": {
            "input": {"format": pcm, "transcription": null, "noise_reduction": null,
                "turn_detection": {"type": "server_vad", "threshold": 0.5,
                    "prefix_padding_ms": 300, "silence_duration_ms": 200,
                    "idle_timeout_ms": null, "create_response": true,
                    "interrupt_response": true}},
            "output": {"format": pcm, "voice": "marin", "speed": 1.0}}})
}

/// Objects are merged member by member, anything else is replaced.
pub(crate) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                // A format is one value: the old one's rate must not survive in the new one.
                if key == "format" {
                    into.insert(key.clone(), value.clone());
                } else {
                    merge(into.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (into, from) => *into = from.clone(),
    }
}

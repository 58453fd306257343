//! Records of made-up calls.
#![allow(dead_code, reason = "each test binary uses its part of it")]

use serde_json::{Map, Value, json};
use trunkline_bridge_server::{
    agent::AgentSettings,
    record::{
        CallAnalytics, Record, Recording, RecordingFormat, RecordingStatus, Speaker, ToolCall, Turn,
    },
    time::UnixMs,
};

/// Noon on Saturday, 28 November 2026, UTC.
pub(crate) const NOON: i64 = 1_795_867_200_000;

pub(crate) fn answered(call: &str, sid: &str, at: i64) -> Record {
    Record::CallAnswered {
        call_id: call.to_owned(),
        call_sid: sid.to_owned(),
        caller: "+15550100".to_owned(),
        called: "+15550199".to_owned(),
        agent_id: Some("agent".to_owned()),
        at: UnixMs(at),
        metadata: object(json!({ "country": "US" })),
    }
}

pub(crate) fn refused(call: &str, sid: &str, at: i64) -> Record {
    Record::CallRefused {
        call_id: call.to_owned(),
        call_sid: sid.to_owned(),
        caller: "+15550100".to_owned(),
        called: "+15550198".to_owned(),
        reason: "unknown_number".to_owned(),
        at: UnixMs(at),
    }
}

pub(crate) fn streaming(call: &str, at: i64) -> Record {
    Record::StreamStarted {
        call_id: call.to_owned(),
        stream_sid: format!("MZ{call}"),
        at: UnixMs(at),
    }
}

pub(crate) fn turn(id: &str, call: &str, text: &str, at: i64) -> Record {
    Record::Turn(Turn {
        id: id.to_owned(),
        call_id: call.to_owned(),
        item_id: format!("item_{id}"),
        speaker: Speaker::Caller,
        text: text.to_owned(),
        generated_text: None,
        interrupted: false,
        confidence: None,
        started_at: UnixMs(at),
        ended_at: UnixMs(at + 1000),
    })
}

pub(crate) fn tool_call(id: &str, call: &str, at: i64) -> Record {
    Record::ToolCall(ToolCall {
        id: id.to_owned(),
        call_id: call.to_owned(),
        name: "get_slots".to_owned(),
        arguments: "{}".to_owned(),
        output: r#"{"slots":[]}"#.to_owned(),
        failed: false,
        started_at: UnixMs(at),
        ended_at: UnixMs(at + 10),
    })
}

pub(crate) fn recording(id: &str, call: &str, status: RecordingStatus, bytes: i64) -> Record {
    Record::Recording(Recording {
        id: id.to_owned(),
        call_id: call.to_owned(),
        file: format!("{id}.wav"),
        format: RecordingFormat::Wav,
        status,
        duration_ms: bytes / 64,
        bytes,
        started_at: UnixMs(NOON),
    })
}

pub(crate) fn status(sid: &str, status: &str, at: i64) -> Record {
    Record::CallStatus {
        call_sid: sid.to_owned(),
        status: status.to_owned(),
        duration_s: (status == "completed").then_some(7),
        at: UnixMs(at),
    }
}

pub(crate) fn ended(call: &str, at: i64, analytics: CallAnalytics) -> Record {
    Record::CallEnded {
        call_id: call.to_owned(),
        reason: "stopped".to_owned(),
        at: UnixMs(at),
        analytics,
        metadata: object(json!({ "lostPackets": 3 })),
    }
}

pub(crate) fn settings(name: &str) -> AgentSettings {
    let settings = json!({ "name": name, "instructions": "Be short.\u{0}", "tools": [] });
    serde_json::from_value(settings).expect("what is needed")
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Records with their places in a journal, from `first` on.
pub(crate) fn numbered(first: u64, records: Vec<Record>) -> Vec<(u64, Record)> {
    (first..).zip(records).collect()
}

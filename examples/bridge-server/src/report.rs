//! The bridge's events as JSON.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline::{
    bridge::{Event, Source, Stats},
    dialect::{AudioFormat, ResponseStatus, Speaker},
};

/// A name and the fields of `event`. What anybody said stays out of the log, as do arguments and numbers.
pub(crate) fn event(event: &Event<'_>) -> (&'static str, Value) {
    match *event {
        // The custom parameters hold the stream's token.
        Event::CallStarted { stream_sid, .. } => {
            ("call_started", json!({ "stream_sid": stream_sid }))
        }
        Event::CallEnded => ("call_ended", json!({})),
        Event::SessionReady => ("session_ready", json!({})),
        Event::FormatMismatch {
            expected,
            input,
            output,
        } => (
            "format_mismatch",
            json!({
                "expected": format(expected),
                "input": input.map(format),
                "output": output.map(format),
            }),
        ),
        Event::SpeechStarted { position } => {
            ("speech_started", json!({ "position_ms": ms(position) }))
        }
        Event::SpeechStopped { position } => {
            ("speech_stopped", json!({ "position_ms": ms(position) }))
        }
        Event::PlaybackHeld => ("playback_held", json!({})),
        Event::PlaybackResumed { held } => ("playback_resumed", json!({ "held_ms": ms(held) })),
        Event::BargeIn {
            item_id,
            audio_end,
            audio_received,
        } => (
            "barge_in",
            json!({
                "item_id": item_id,
                "audio_end_ms": ms(audio_end),
                "audio_received_ms": ms(audio_received),
            }),
        ),
        Event::ItemDropped { item_id } => ("item_dropped", json!({ "item_id": item_id })),
        Event::AudioDropped { item_id, duration } => (
            "audio_dropped",
            json!({ "item_id": item_id, "duration_ms": ms(duration) }),
        ),
        Event::ItemHeard { item_id, audio_end } => (
            "item_heard",
            json!({ "item_id": item_id, "audio_end_ms": ms(audio_end) }),
        ),
        Event::Transcript {
            speaker: who,
            item_id,
            text,
            is_final,
        } => (
            "transcript",
            json!({
                "speaker": speaker(who),
                "item_id": item_id,
                "chars": text.chars().count(),
                "is_final": is_final,
            }),
        ),
        Event::ToolCall {
            call_id,
            name,
            arguments,
        } => (
            "tool_call",
            json!({ "tool_call_id": call_id, "name": name, "arguments_bytes": arguments.len() }),
        ),
        // It may be one of a card's number.
        Event::Dtmf { .. } => ("dtmf", json!({})),
        Event::Mark { name, heard } => ("mark", json!({ "name": name, "heard": heard })),
        Event::ResponseDone {
            response_id,
            status,
            reason,
            message,
            usage,
        } => (
            "response_done",
            json!({
                "response_id": response_id,
                "status": response_status(status),
                "reason": reason,
                "message": message,
                "total_tokens": usage.map(|usage| usage.total_tokens),
                "input_tokens": usage.map(|usage| usage.input_tokens),
                "output_tokens": usage.map(|usage| usage.output_tokens),
                "cached_tokens": usage.map(|usage| usage.cached_tokens),
            }),
        ),
        Event::ModelError {
            code,
            message,
            is_fatal,
        } => (
            "model_error",
            json!({ "code": code, "message": message, "is_fatal": is_fatal }),
        ),
        Event::Other { source, kind } => {
            let source = match source {
                Source::Twilio => "twilio",
                Source::OpenAi => "openai",
                _ => "unknown",
            };
            ("other", json!({ "source": source, "kind": kind }))
        }
        _ => ("unknown", json!({})),
    }
}

/// Counters of a call; audio in milliseconds.
pub(crate) fn stats(stats: &Stats) -> Value {
    let audio = |samples: u64| samples / 8;
    json!({
        "media_messages": stats.media_messages,
        "media_ms": audio(stats.media_samples),
        "appended_ms": audio(stats.appended_samples),
        "concealed_ms": audio(stats.concealed_samples),
        "stall_ms": audio(stats.stall_samples),
        "cut_ms": audio(stats.cut_samples),
        "lost_ms": audio(stats.lost_samples),
        "late_ms": audio(stats.late_samples),
        "duplicate_ms": audio(stats.duplicate_samples),
        "uplink_dropped_ms": audio(stats.uplink_dropped_samples),
        "received_ms": audio(stats.received_samples),
        "sent_ms": audio(stats.sent_samples),
        "spilled_ms": audio(stats.spilled_samples),
        "downlink_dropped_ms": audio(stats.downlink_dropped_samples),
        "discarded_bytes": stats.discarded_bytes,
        "max_uplink_depth_ms": audio(stats.max_uplink_depth_samples),
        "max_depth_ms": audio(stats.max_depth_samples),
        "marks_sent": stats.marks_sent,
        "marks_heard": stats.marks_heard,
        "marks_ignored": stats.marks_ignored,
        "barge_ins": stats.barge_ins,
        "holds": stats.holds,
        "false_barge_ins": stats.false_barge_ins,
        "truncated_items": stats.truncated_items,
        "deleted_items": stats.deleted_items,
        "refused_cuts": stats.refused_cuts,
        "responses": stats.responses,
        "repeated_responses": stats.repeated_responses,
        "response_latency_ms": stats.response_latency.map(ms),
        "max_response_latency_ms": stats.max_response_latency.map(ms),
        "other_messages": stats.other_messages,
    })
}

pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn format(format: AudioFormat) -> String {
    match format {
        AudioFormat::Pcm16 { rate_hz } => format!("pcm16 at {rate_hz} Hz"),
        AudioFormat::Mulaw => "mulaw".to_owned(),
        AudioFormat::Alaw => "alaw".to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn speaker(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Caller => "caller",
        Speaker::Model => "agent",
        _ => "unknown",
    }
}

fn response_status(status: ResponseStatus) -> &'static str {
    match status {
        ResponseStatus::Completed => "completed",
        ResponseStatus::Cancelled => "cancelled",
        ResponseStatus::Incomplete => "incomplete",
        ResponseStatus::Failed => "failed",
        _ => "unknown",
    }
}

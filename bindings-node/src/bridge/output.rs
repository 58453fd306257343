//! Events and counters as JavaScript sees them.

use napi::bindgen_prelude::*;
use trunkline::bridge::{Event, Source, Stats};
use trunkline::dialect::{AudioFormat, ResponseStatus, Speaker, Usage};

use crate::object::Fields;

pub(super) fn event(env: Env, event: Event<'_>) -> Result<Unknown<'static>> {
    let of_type = |kind| Fields::of_type(env, kind);
    let fields = match event {
        Event::CallStarted {
            stream_sid,
            call_sid,
            custom_parameters,
        } => of_type("CallStarted")?
            .text("streamSid", stream_sid)?
            .text("callSid", call_sid)?
            .text("customParameters", custom_parameters)?,
        Event::CallEnded => of_type("CallEnded")?,
        Event::SessionReady => of_type("SessionReady")?,
        Event::FormatMismatch {
            expected,
            input,
            output,
        } => of_type("FormatMismatch")?
            .text("expected", format_name(expected))?
            .set("input", input.map(format_name))?
            .set("output", output.map(format_name))?,
        Event::SpeechStarted { position } => {
            of_type("SpeechStarted")?.ms("positionMs", position)?
        }
        Event::SpeechStopped { position } => {
            of_type("SpeechStopped")?.ms("positionMs", position)?
        }
        Event::PlaybackHeld => of_type("PlaybackHeld")?,
        Event::PlaybackResumed { held } => of_type("PlaybackResumed")?.ms("heldMs", held)?,
        Event::BargeIn {
            item_id,
            audio_end,
            audio_received,
        } => of_type("BargeIn")?
            .text("itemId", item_id)?
            .ms("audioEndMs", audio_end)?
            .ms("audioReceivedMs", audio_received)?,
        Event::ItemDropped { item_id } => of_type("ItemDropped")?.text("itemId", item_id)?,
        Event::ItemHeard { item_id, audio_end } => of_type("ItemHeard")?
            .text("itemId", item_id)?
            .ms("audioEndMs", audio_end)?,
        Event::AudioDropped { item_id, duration } => of_type("AudioDropped")?
            .text("itemId", item_id)?
            .ms("durationMs", duration)?,
        Event::Transcript {
            speaker,
            item_id,
            text,
            is_final,
        } => of_type("Transcript")?
            .text("speaker", speaker_name(speaker))?
            .text("itemId", item_id)?
            .text("text", text)?
            .set("isFinal", is_final)?,
        Event::ToolCall {
            call_id,
            name,
            arguments,
        } => of_type("ToolCall")?
            .text("callId", call_id)?
            .text("name", name)?
            .text("arguments", arguments)?,
        Event::Dtmf { digit } => of_type("Dtmf")?.text("digit", digit.encode_utf8(&mut [0; 4]))?,
        Event::Mark { name, heard } => of_type("Mark")?.text("name", name)?.set("heard", heard)?,
        Event::ResponseDone {
            response_id,
            status,
            reason,
            message,
            usage: tokens,
        } => of_type("ResponseDone")?
            .text("responseId", response_id)?
            .text("status", status_name(status))?
            .text("reason", reason)?
            .text("message", message)?
            .set("usage", usage(env, tokens)?)?,
        Event::ModelError {
            code,
            message,
            is_fatal,
        } => of_type("ModelError")?
            .text("code", code)?
            .text("message", message)?
            .set("isFatal", is_fatal)?,
        Event::Other { source, kind } => of_type("Other")?
            .text("source", source_name(source))?
            .text("kind", kind)?,
        _ => of_type("Other")?.text("source", "")?.text("kind", "")?,
    };
    Ok(fields.build())
}

pub(super) fn stats(env: Env, stats: &Stats) -> Result<Unknown<'static>> {
    let counters = [
        ("mediaMessages", stats.media_messages),
        ("mediaSamples", stats.media_samples),
        ("appendedSamples", stats.appended_samples),
        ("concealedSamples", stats.concealed_samples),
        ("stallSamples", stats.stall_samples),
        ("cutSamples", stats.cut_samples),
        ("lostSamples", stats.lost_samples),
        ("lateSamples", stats.late_samples),
        ("duplicateSamples", stats.duplicate_samples),
        ("uplinkDroppedSamples", stats.uplink_dropped_samples),
        ("uplinkDepthSamples", stats.uplink_depth_samples),
        ("maxUplinkDepthSamples", stats.max_uplink_depth_samples),
        ("receivedSamples", stats.received_samples),
        ("sentSamples", stats.sent_samples),
        ("spilledSamples", stats.spilled_samples),
        ("downlinkDroppedSamples", stats.downlink_dropped_samples),
        ("discardedBytes", stats.discarded_bytes),
        ("depthSamples", stats.depth_samples),
        ("maxDepthSamples", stats.max_depth_samples),
        ("marksSent", stats.marks_sent),
        ("marksHeard", stats.marks_heard),
        ("marksIgnored", stats.marks_ignored),
        ("bargeIns", stats.barge_ins),
        ("holds", stats.holds),
        ("falseBargeIns", stats.false_barge_ins),
        ("truncatedItems", stats.truncated_items),
        ("deletedItems", stats.deleted_items),
        ("refusedCuts", stats.refused_cuts),
        ("responses", stats.responses),
        ("repeatedResponses", stats.repeated_responses),
        ("otherMessages", stats.other_messages),
    ];
    let mut fields = Fields::new(env)?;
    for (name, value) in counters {
        fields = fields.number(name, value)?;
    }
    Ok(fields
        .ms_or_null("responseLatencyMs", stats.response_latency)?
        .ms_or_null("maxResponseLatencyMs", stats.max_response_latency)?
        .build())
}

/// Tokens of a response, or `null`.
pub(crate) fn usage(env: Env, usage: Option<Usage>) -> Result<Option<Unknown<'static>>> {
    let Some(usage) = usage else {
        return Ok(None);
    };
    let mut fields = Fields::new(env)?;
    for (name, value) in [
        ("totalTokens", usage.total_tokens),
        ("inputTokens", usage.input_tokens),
        ("outputTokens", usage.output_tokens),
        ("inputTextTokens", usage.input_text_tokens),
        ("inputAudioTokens", usage.input_audio_tokens),
        ("cachedTokens", usage.cached_tokens),
        ("cachedTextTokens", usage.cached_text_tokens),
        ("cachedAudioTokens", usage.cached_audio_tokens),
        ("outputTextTokens", usage.output_text_tokens),
        ("outputAudioTokens", usage.output_audio_tokens),
    ] {
        fields = fields.number(name, value)?;
    }
    Ok(Some(fields.build()))
}

pub(crate) fn format_name(format: AudioFormat) -> &'static str {
    match format {
        AudioFormat::Pcm16 { rate_hz: 24_000 } => "pcm24k",
        AudioFormat::Mulaw => "mulaw",
        AudioFormat::Alaw => "alaw",
        _ => "unknown",
    }
}

pub(crate) fn speaker_name(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Caller => "caller",
        _ => "model",
    }
}

pub(crate) fn status_name(status: ResponseStatus) -> &'static str {
    match status {
        ResponseStatus::Completed => "completed",
        ResponseStatus::Cancelled => "cancelled",
        ResponseStatus::Incomplete => "incomplete",
        ResponseStatus::Failed => "failed",
        _ => "unknown",
    }
}

fn source_name(source: Source) -> &'static str {
    match source {
        Source::OpenAi => "openAi",
        _ => "twilio",
    }
}

//! The page.

use std::{fmt::Write, time::Duration};

use serde_json::Value;
use trunkline::playback::heard_text;

use crate::{
    analysis::Measured,
    call::{CALLERS_WORDS, Call},
    checks::Check,
    stage::seconds,
};

/// The call as a page of Markdown.
pub(crate) fn markdown(call: &Call, measured: &Measured, checks: &[Check]) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut page, "One call, measured", call, measured, checks);
    page
}

/// Writes the whole page.
pub(crate) fn write(
    page: &mut String,
    title: &str,
    call: &Call,
    measured: &Measured,
    checks: &[Check],
) -> std::fmt::Result {
    let Measured {
        uplink,
        downlink,
        replies,
        items,
        barge_in,
        ..
    } = measured;
    let failed = checks.iter().filter(|check| !check.is_met).count();
    let verdict = match failed {
        0 => format!("All {} checks hold.", checks.len()),
        _ => format!("**{failed} of {} checks FAIL.**", checks.len()),
    };
    writeln!(
        page,
        "# {title}\n\n{verdict} Audio to and from the model: `{}`. Call {:.1} s; listen to [call.wav](call.wav) \
         (left: the caller, right: what the caller heard).\n\n![Both waveforms with the events](call.svg)\n",
        call.model_audio.name(),
        call.twilio
            .ended
            .saturating_sub(call.twilio.started)
            .as_secs_f64(),
    )?;

    writeln!(
        page,
        "## Transcript\n\nAs the server logged it; times are those of the sound.\n"
    )?;
    writeln!(page, "| from | to | who | words |\n|---:|---:|---|---|")?;
    for (from, to, who, words) in transcript(call, measured) {
        writeln!(
            page,
            "| {:.2} s | {:.2} s | {who} | {words} |",
            from.as_secs_f64(),
            to.as_secs_f64()
        )?;
    }

    writeln!(
        page,
        "\n## Latency\n\n| added by the bridge | p50 | p99 | max | n |\n|---|---:|---:|---:|---:|"
    )?;
    for (name, spread) in [
        ("uplink", uplink.added),
        ("downlink, heard", downlink.added),
        ("downlink, first media of a line", downlink.first_media),
    ] {
        writeln!(
            page,
            "| {name} | {} | {} | {} | {} |",
            ms(spread.p50),
            ms(spread.p99),
            ms(spread.max),
            spread.count,
        )?;
    }
    writeln!(
        page,
        "\n* **uplink**: a media message sent by Twilio → the append received by the model that holds its last sample. Not \
         counted: {} messages sent before the session was ready (held {} at most) and {} in flight at the end.\n\
         * **downlink, heard**: the moment a delta's first sample was heard − the moment it would have been heard, had every \
         delta entered the caller's queue the instant the model sent it.\n\
         * **downlink, first media**: a line's first delta sent → its first media message received by Twilio.\n\
         * Besides, the filters delay the sound by {} (up) and {} (down), found by correlation.\n\
         * Everything runs on one machine: there is no network in these figures.\n",
        uplink.held_frames,
        ms(uplink.held_max),
        uplink.frames_in_flight,
        ms(uplink.lag),
        ms(items.iter().map(|item| item.lag).max().unwrap_or_default()),
    )?;

    writeln!(
        page,
        "| reply to turn | caller's last sample → model notices | → first delta | → heard | in all |\n|---:|---:|---:|---:|---:|"
    )?;
    for (n, reply) in replies.iter().enumerate() {
        writeln!(
            page,
            "| {} | {} | {} | {} | **{}** |",
            n + 1,
            ms(reply.noticed.saturating_sub(reply.caller_stopped)),
            ms(reply.first_delta.saturating_sub(reply.noticed)),
            ms(reply.heard.saturating_sub(reply.first_delta)),
            ms(reply.latency()),
        )?;
    }
    writeln!(
        page,
        "\nThe first step is the model's wait for 500 ms of silence, the second its time to answer (300 ms in the simulator).\n"
    )?;

    writeln!(
        page,
        "## Barge-in\n\n| | |\n|---|---:|\n\
         | caller begins to speak → model notices (the simulator's voice detection) | {} |\n\
         | model notices → Twilio's queue is cleared | **{}** |\n\
         | caller begins to speak → Twilio's queue is cleared | {} |\n\
         | model notices → truncation received | {} |\n\
         | audio thrown away at Twilio | {} |\n\
         | truncated at | {} ms |\n\
         | truly played, counted at Twilio | {:.1} ms |\n\
         | **truncation error** (negative: the model believes that less was heard) | **{:.1} ms** |\n",
        ms(barge_in.noticed.saturating_sub(barge_in.caller_started)),
        ms(barge_in.cleared.saturating_sub(barge_in.noticed)),
        ms(barge_in.cleared.saturating_sub(barge_in.caller_started)),
        ms(barge_in.truncated.saturating_sub(barge_in.noticed)),
        ms(barge_in.flushed),
        barge_in.audio_end_ms,
        barge_in.played_ms,
        barge_in.error_ms(),
    )?;

    writeln!(
        page,
        "## Sound\n\nNoise below the signal, 0–2.85 kHz, after alignment: what the model got against what the caller's telephone sent; \
         what the caller heard (μ-law included) against what the model made.\n\n| line | caller → model | model → caller | made | heard |\n|---:|---:|---:|---:|---:|"
    )?;
    for item in items {
        let n = call.line_of(&item.id);
        let up = match n.checked_sub(1).and_then(|n| uplink.snr_db.get(n)) {
            Some(snr) => format!("{snr:.1} dB"),
            None => "(greeting)".to_owned(),
        };
        writeln!(
            page,
            "| {n} | {up} | {:.1} dB | {:.3} s | {:.3} s |",
            item.snr_db,
            item.made.as_secs_f64(),
            item.heard.as_secs_f64(),
        )?;
    }

    writeln!(
        page,
        "\n## Time line\n\n| time | where | what |\n|---:|---|---|"
    )?;
    for (at, place, what) in time_line(call, measured) {
        writeln!(page, "| {at:.3} s | {place} | {what} |")?;
    }

    writeln!(
        page,
        "\n## Checks\n\n| | check | found | wanted |\n|---|---|---|---|"
    )?;
    for check in checks {
        let verdict = if check.is_met { "ok" } else { "**FAIL**" };
        writeln!(
            page,
            "| {verdict} | {} | {} | {} |",
            check.name, check.found, check.wanted
        )?;
    }
    if let Some(line) = call.server_lines("stream_closed").next() {
        writeln!(
            page,
            "\n## The bridge's own counters\n\n```json\n{:#}\n```",
            line["stats"]
        )?;
    }
    Ok(())
}

/// Who said what, by the time it sounded. Of an interrupted line, what was heard.
fn transcript(call: &Call, measured: &Measured) -> Vec<(Duration, Duration, &'static str, String)> {
    let mut lines = Vec::new();
    let texts = crate::checks::transcripts(call, CALLERS_WORDS);
    for (said, text) in call.twilio.said.iter().zip(texts) {
        lines.push((said.start, said.end(), "caller", text));
    }
    for item in &measured.items {
        let text = call.words_of(&item.id).to_owned();
        let interrupted = call
            .server_lines("barge_in")
            .find(|line| line["item_id"] == *item.id);
        let heard = interrupted.map(|line| {
            let ms = |name: &str| line[name].as_u64().unwrap_or_default();
            heard_text(&text, ms("audio_end_ms"), ms("audio_received_ms"))
        });
        let words = match heard {
            Some(heard) => {
                let rest = text.strip_prefix(heard).unwrap_or(&text);
                format!("{heard} ~~{}~~ (not heard)", rest.trim())
            }
            None => text,
        };
        lines.push((item.heard_from, item.heard_to, "agent", words));
    }
    lines.sort_by_key(|line| line.0);
    lines
}

/// What happened where, in order. Peers' times are their own; the server's come from its log.
fn time_line(call: &Call, measured: &Measured) -> Vec<(f64, &'static str, String)> {
    let mut line: Vec<(f64, &'static str, String)> = Vec::new();
    let mut add = |at: Duration, place, what: String| line.push((at.as_secs_f64(), place, what));
    add(
        call.twilio.started,
        "Twilio",
        "the stream begins".to_owned(),
    );
    for said in &call.twilio.said {
        add(said.start, "caller", "begins to speak".to_owned());
        add(said.end(), "caller", "stops".to_owned());
    }
    for change in &call.model.speech {
        let what = if change.started {
            "speech_started"
        } else {
            "speech_stopped"
        };
        add(
            change.time,
            "model",
            format!("{what} at {} ms of its input", change.audio_ms),
        );
    }
    for (n, response) in call.model.responses.iter().enumerate() {
        add(response.created, "model", format!("response {n} created"));
        if let Some(done) = response.done {
            add(done, "model", format!("response {n} {}", response.status));
        }
    }
    for item in &measured.items {
        let n = call.line_of(&item.id);
        let heard = format!("has heard {:.2} s of line {n}", item.heard.as_secs_f64());
        add(
            item.first_delta,
            "model",
            format!("first audio of line {n}"),
        );
        add(
            item.heard_from,
            "caller",
            format!("begins to hear line {n}"),
        );
        add(item.heard_to, "caller", heard);
    }
    for barge_in in measured.barge_ins() {
        let flushed = format!("clear: {} thrown away", ms(barge_in.flushed));
        add(barge_in.cleared, "Twilio", flushed);
        let truncated = format!("truncate the line at {} ms", barge_in.audio_end_ms);
        add(barge_in.truncated, "model", truncated);
    }
    add(call.twilio.ended, "Twilio", "the call is over".to_owned());
    for event in ["session_ready", "barge_in", "stream_closed"] {
        line.extend(call.server_lines(event).map(|entry| {
            let what = match entry.get("reason").and_then(Value::as_str) {
                Some(reason) => format!("{event}: {reason}"),
                None => event.to_owned(),
            };
            (seconds(entry), "bridge", what)
        }));
    }
    line.sort_by(|a, b| a.0.total_cmp(&b.0));
    line
}

pub(crate) fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

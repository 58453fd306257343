//! The page of a storm.

use std::fmt::Write;

use crate::{
    Check,
    analysis::Measured,
    reaction::MODEL_FAULT,
    report,
    storm::{MODEL_FAULTS, SERVER_ARGUMENTS, SPEED, Storm, TWILIO_FAULTS},
};

/// The page of the call, with what went wrong and what came of it.
pub(crate) fn markdown(storm: &Storm, measured: &Measured, checks: &[Check]) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = report::write(
        &mut page,
        "One call in a storm, measured",
        &storm.call,
        measured,
        checks,
    );
    let _ = write(&mut page, storm, measured);
    page
}

fn write(page: &mut String, storm: &Storm, measured: &Measured) -> std::fmt::Result {
    let twilio = &storm.call.twilio;
    let frames = twilio.caller.len() / 160;
    let mut numbers: Vec<u64> = twilio.sent.iter().map(|media| media.first_sample).collect();
    let overtaken = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count();
    numbers.sort_unstable();
    let sent = numbers.len();
    numbers.dedup();
    let echoed = twilio
        .marks
        .iter()
        .filter(|mark| mark.echoed.is_some())
        .count();
    writeln!(
        page,
        "\n## Faults\n\nOf the conversation, as `trunkline-sim` takes them (`--fault`):\n"
    )?;
    writeln!(page, "| at Twilio | at the model |\n|---|---|")?;
    for n in 0..TWILIO_FAULTS.len().max(MODEL_FAULTS.len()) {
        let cell = |faults: &[&str]| {
            let fault = faults.get(n);
            fault.map_or(String::new(), |fault| format!("`{fault}`"))
        };
        writeln!(page, "| {} | {} |", cell(TWILIO_FAULTS), cell(MODEL_FAULTS))?;
    }
    writeln!(
        page,
        "\nThe model speaks at {SPEED} times real time instead of 8, so that it still speaks when it is interrupted. The server runs \
         with `{}`, so that noise holds the agent's voice but does not end its turn.\n",
        SERVER_ARGUMENTS.join(" "),
    )?;
    writeln!(
        page,
        "What became of it: of {frames} frames {} never came, {} came twice, {overtaken} after a later one; of {} marks {} \
         never came back; {} messages were garbage; the queue ran dry {} times, {} in all; the bridge \
         held the agent's voice {} times, which made pauses of {}.\n",
        frames - numbers.len().min(frames),
        sent - numbers.len(),
        twilio.marks.len(),
        twilio.marks.len() - echoed,
        twilio.garbage,
        measured.downlink.underruns,
        report::ms(measured.downlink.underrun),
        storm.holds().len(),
        report::ms(measured.downlink.held),
    )?;
    writeln!(
        page,
        "Noise below the signal, caller to model, where no frame was lost or overtaken: {}.\n",
        measured
            .uplink
            .intact_snr_db
            .iter()
            .map(|snr| format!("{snr:.1} dB"))
            .collect::<Vec<_>>()
            .join(", "),
    )?;

    writeln!(
        page,
        "## Interruptions\n\n| by | voice → silence | voice → cleared | truncated at | truly played | error |\n|---|---:|---:|---:|---:|---:|"
    )?;
    for (n, barge_in) in measured.barge_ins().enumerate() {
        writeln!(
            page,
            "| {} | {} | {} | {} ms | {:.1} ms | {:.1} ms |",
            if n == 0 { "the caller" } else { "noise" },
            report::ms(barge_in.silent.saturating_sub(barge_in.caller_started)),
            report::ms(barge_in.cleared.saturating_sub(barge_in.caller_started)),
            barge_in.audio_end_ms,
            barge_in.played_ms,
            barge_in.error_ms(),
        )?;
    }

    writeln!(
        page,
        "\n## Short calls\n\nAfter the conversation, through the same server:\n\n\
         | | faults | ended at Twilio | ended for the server | after |\n|---|---|---|---|---:|"
    )?;
    for short in &storm.short_calls {
        let faults = short.breach.twilio.iter().chain(short.breach.model);
        let faults: Vec<_> = faults.map(|fault| format!("`{fault}`")).collect();
        writeln!(
            page,
            "| {} | {} | {:?} | {} | {} ms |",
            short.breach.name,
            faults.join(" "),
            short.record.ending,
            short.closed["reason"].as_str().unwrap_or_default(),
            short.closed["duration_ms"],
        )?;
    }
    writeln!(
        page,
        "\n## Reaction to a barge-in\n\nFrom the first sample of the caller's voice, on calls of their own without other faults than `{MODEL_FAULT}`: \
         the service's detection and the way to it take their time.\n\n\
         | the server goes by | options | model notices | last audio sent to Twilio | cleared | silence | truncation error |\n\
         |---|---|---:|---:|---:|---:|---:|"
    )?;
    for reaction in &storm.reactions {
        let options = match reaction.way.arguments {
            [] => "–".to_owned(),
            arguments => format!("`{}`", arguments.join(" ")),
        };
        writeln!(
            page,
            "| {} | {options} | {} | {} | {} | **{}** | {:.1} ms |",
            reaction.way.name,
            report::ms(reaction.noticed),
            report::ms(reaction.held),
            report::ms(reaction.cleared),
            report::ms(reaction.silent),
            reaction.error_ms,
        )?;
    }
    writeln!(
        page,
        "\n## The server's process\n\n| | sockets | memory |\n|---|---:|---:|"
    )?;
    let moments = ["before", "after the conversation", "at the end"];
    for (moment, resources) in moments.iter().zip(&storm.resources) {
        match resources {
            Some(it) => writeln!(
                page,
                "| {moment} | {} | {} KiB |",
                it.sockets,
                it.memory_bytes >> 10
            )?,
            None => writeln!(page, "| {moment} | not known here | not known here |")?,
        }
    }
    Ok(())
}

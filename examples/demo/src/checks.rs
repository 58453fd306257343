//! What must hold for the call to count as good.

use std::{fmt, time::Duration};

use trunkline::{Downsampler, Upsampler};
use trunkline_simulators::{
    audio::{MODEL_RATE, PHONE_RATE, duration_of},
    twilio::Ending,
};

use crate::{
    analysis::{Measured, Reply},
    call::{AGENTS_WORDS, CALLERS_WORDS, Call, ModelAudio},
    conversation::{INTERRUPTED, Line},
};

/// One condition on a call, with what was found.
#[derive(Clone, Debug)]
pub struct Check {
    /// What is looked at.
    pub name: &'static str,
    /// What was found.
    pub found: String,
    /// What it should be.
    pub wanted: String,
    /// Whether it is.
    pub is_met: bool,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_met { "ok  " } else { "FAIL" };
        write!(
            f,
            "{verdict}  {:<44} {} (wanted: {})",
            self.name, self.found, self.wanted
        )
    }
}

/// All conditions. Limits on time leave room for a busy machine.
pub(crate) fn all(call: &Call, measured: &Measured) -> Vec<Check> {
    let conversation = &call.conversation;
    let Measured {
        uplink,
        downlink,
        replies,
        items,
        barge_in,
        ..
    } = measured;
    let (lag_up, lag_down) = match call.model_audio {
        ModelAudio::Pcm24k => (
            duration_of(Upsampler::DELAY as u64, MODEL_RATE),
            duration_of(Downsampler::DELAY as u64, PHONE_RATE),
        ),
        ModelAudio::Mulaw => (Duration::ZERO, Duration::ZERO),
    };
    let lowest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let snr_up = lowest(&mut uplink.snr_db.iter().copied());
    let snr_down = lowest(&mut items.iter().map(|item| item.snr_db));
    let interrupted = items
        .iter()
        .position(|item| item.id == barge_in.item_id)
        .unwrap_or(usize::MAX);
    let told: Vec<i64> = call
        .server_lines("barge_in")
        .map(|line| line["audio_end_ms"].as_i64().unwrap_or(-1))
        .collect();
    let closing = call.model.close.as_ref();
    let whole = items.iter().enumerate().filter(|(n, _)| *n != INTERRUPTED);
    let unheard = whole.filter(|(_, item)| item.heard < item.made).count();
    vec![
        Check {
            name: "protocol violations at Twilio",
            found: count_with(
                call.twilio.violations.first().map(|first| &first.reason),
                call.twilio.violations.len(),
            ),
            wanted: "0".to_owned(),
            is_met: call.twilio.violations.is_empty(),
        },
        Check {
            name: "errors reported by the model",
            found: count_with(
                call.model.errors.first().map(|first| &first.message),
                call.model.errors.len(),
            ),
            wanted: "0".to_owned(),
            is_met: call.model.errors.is_empty(),
        },
        Check {
            name: "ending at Twilio",
            found: format!("{:?}", call.twilio.ending),
            wanted: "the caller hangs up".to_owned(),
            is_met: call.twilio.ending == Ending::CallerHungUp,
        },
        Check {
            name: "ending at the model",
            found: closing.map_or("cut off".to_owned(), |close| {
                format!("close {}", close.code)
            }),
            wanted: "close 1000 by the server".to_owned(),
            is_met: closing.is_some_and(|close| close.code == 1000 && !close.by_server),
        },
        equal("messages refused by the bridge", &refused(call), &0),
        equal(
            "lines the caller spoke",
            &call.twilio.said.len(),
            &conversation.caller.len(),
        ),
        equal(
            "lines the caller heard",
            &items.len(),
            &conversation.agent.len(),
        ),
        alike(
            "transcripts of the caller",
            &transcripts(call, CALLERS_WORDS),
            &conversation.caller,
        ),
        alike(
            "transcripts of the agent",
            &transcripts(call, AGENTS_WORDS),
            &conversation.agent,
        ),
        equal("line that was interrupted", &interrupted, &INTERRUPTED),
        equal("uninterrupted lines not heard to the end", &unheard, &0),
        equal(
            "pauses because the caller's queue ran dry",
            &downlink.underruns,
            &0,
        ),
        at_most("uplink, added latency p50", uplink.added.p50, 5),
        at_most("uplink, added latency p99", uplink.added.p99, 40),
        at_most(
            "uplink, frames held before the session",
            uplink.held_max,
            1_000,
        ),
        equal("uplink, delay of the sound", &uplink.lag, &lag_up),
        at_least("uplink, noise below the signal", snr_up, 40.0),
        at_most("downlink, added latency p50", downlink.added.p50, 5),
        at_most("downlink, added latency p99", downlink.added.p99, 40),
        equal(
            "downlink, delay of the sound",
            &items.iter().map(|item| item.lag).max().unwrap_or_default(),
            &lag_down,
        ),
        at_least("downlink, noise below the signal", snr_down, 30.0),
        at_most(
            "longest reply, end of speech to sound",
            replies.iter().map(Reply::latency).max().unwrap_or_default(),
            2_000,
        ),
        at_most(
            "barge-in: noticed by the model to cleared",
            barge_in.cleared.saturating_sub(barge_in.noticed),
            25,
        ),
        Check {
            name: "truncation error",
            found: format!("{:.1} ms", barge_in.error_ms()),
            wanted: "never beyond what was played, nor more than 150 ms before".to_owned(),
            is_met: (-150.0..=0.0).contains(&barge_in.error_ms()),
        },
        equal(
            "the bridge's word on the truncation, ms",
            &told,
            &vec![barge_in.audio_end_ms],
        ),
    ]
}

/// What the model told the server was said, without blank ones: whose words `kind` names.
pub(crate) fn transcripts(call: &Call, kind: &str) -> Vec<String> {
    call.told(kind)
        .map(|(_, words)| words.to_owned())
        .filter(|text| !text.is_empty())
        .collect()
}

pub(crate) fn refused(call: &Call) -> u64 {
    call.server_lines("stream_closed")
        .map(|line| line["messages_refused"].as_u64().unwrap_or(u64::MAX))
        .sum()
}

pub(crate) fn count_with(first: Option<&String>, count: usize) -> String {
    match first {
        Some(first) => format!("{count}, the first: {first}"),
        None => count.to_string(),
    }
}

pub(crate) fn equal<T: PartialEq + fmt::Debug>(name: &'static str, found: &T, wanted: &T) -> Check {
    Check {
        name,
        found: format!("{found:?}"),
        wanted: format!("{wanted:?}"),
        is_met: found == wanted,
    }
}

pub(crate) fn alike(name: &'static str, found: &[String], wanted: &[Line]) -> Check {
    let count = wanted.len();
    let is_met = found.iter().eq(wanted.iter().map(|line| &line.text));
    Check {
        name,
        found: if is_met {
            format!("all {count} as spoken")
        } else {
            format!("{found:?}")
        },
        wanted: format!("all {count} as spoken"),
        is_met,
    }
}

pub(crate) fn at_most(name: &'static str, found: Duration, most_ms: u64) -> Check {
    Check {
        name,
        found: format!("{:.2} ms", found.as_secs_f64() * 1e3),
        wanted: format!("at most {most_ms} ms"),
        is_met: found <= Duration::from_millis(most_ms),
    }
}

pub(crate) fn at_least(name: &'static str, found_db: f64, least_db: f64) -> Check {
    Check {
        name,
        found: format!("{found_db:.1} dB"),
        wanted: format!("at least {least_db} dB"),
        is_met: found_db >= least_db,
    }
}

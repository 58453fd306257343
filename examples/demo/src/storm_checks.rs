//! What may be promised when things go wrong.

use std::time::Duration;

use trunkline::{Downsampler, Upsampler};
use trunkline_simulators::{
    audio::{MODEL_RATE, PHONE_RATE, duration_of},
    twilio::Ending,
};

use crate::{
    Call, Check, ModelAudio,
    analysis::{BargeIn, Measured, Reply},
    call::{AGENTS_WORDS, CALLERS_WORDS},
    checks::{alike, at_least, at_most, count_with, equal, refused, transcripts},
    conversation::INTERRUPTED,
    storm::{ShortCall, Storm},
};

/// All conditions. Limits on time leave room for a busy machine.
pub(crate) fn all(storm: &Storm, measured: &Measured) -> Vec<Check> {
    let call = &storm.call;
    let conversation = &call.conversation;
    let Measured {
        uplink,
        downlink,
        replies,
        items,
        barge_in,
        ..
    } = measured;
    let filter_delay = match call.model_audio {
        ModelAudio::Pcm24k => (
            duration_of(Upsampler::DELAY as u64, MODEL_RATE),
            duration_of(Downsampler::DELAY as u64, PHONE_RATE),
        ),
        ModelAudio::Mulaw => (Duration::ZERO, Duration::ZERO),
    };
    let lowest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let violations = &call.twilio.violations;
    // The model was told to refuse truncations and to report errors of its own.
    let provoked = ["invalid_value", "rate_limit_exceeded"];
    let errors: Vec<_> = call
        .model
        .errors
        .iter()
        .filter(|error| !provoked.contains(&&*error.code))
        .collect();
    let closing = call.model.close.as_ref();
    let (refused, unknown) = (refused(call) as usize, unknown_messages(call));
    let mut checks = vec![
        Check {
            name: "protocol violations at Twilio",
            found: count_with(
                violations.first().map(|first| &first.reason),
                violations.len(),
            ),
            wanted: "0".to_owned(),
            is_met: violations.is_empty(),
        },
        Check {
            name: "errors at the model that no fault made",
            found: count_with(errors.first().map(|first| &first.message), errors.len()),
            wanted: "0".to_owned(),
            is_met: errors.is_empty(),
        },
        equal(
            "ending at Twilio",
            &call.twilio.ending,
            &Ending::CallerHungUp,
        ),
        Check {
            name: "ending at the model",
            found: closing.map_or("cut off".to_owned(), |close| {
                format!("close {}", close.code)
            }),
            wanted: "close 1000 by the server".to_owned(),
            is_met: closing.is_some_and(|close| close.code == 1000 && !close.by_server),
        },
        Check {
            name: "garbage from Twilio, counted by the bridge",
            found: format!("{refused} refused, {unknown} unknown"),
            wanted: format!("{} in all", call.twilio.garbage),
            is_met: call.twilio.garbage > 0 && refused + unknown == call.twilio.garbage,
        },
        equal(
            "lines the caller spoke",
            &call.twilio.said.len(),
            &conversation.caller.len(),
        ),
        alike(
            "transcripts of the caller",
            &transcripts(call, CALLERS_WORDS),
            &conversation.caller,
        ),
        agent_transcripts(call),
        Check {
            name: "lines neither heard to the end nor cut by the caller",
            found: format!("{:?}", unheard_lines(call, measured)),
            wanted: "[]".to_owned(),
            is_met: unheard_lines(call, measured).is_empty(),
        },
        at_most("uplink, added latency p50", uplink.added.p50, 5),
        at_most("uplink, added latency p99", uplink.added.p99, 100),
        at_most(
            "uplink, frames held before the session",
            uplink.held_max,
            1_500,
        ),
        equal("uplink, delay of the sound", &uplink.lag, &filter_delay.0),
        at_least(
            "uplink, noise below the signal where no frame is missing",
            lowest(&mut uplink.intact_snr_db.iter().copied()),
            40.0,
        ),
        at_most("downlink, added latency p50", downlink.added.p50, 5),
        at_most("downlink, added latency p99", downlink.added.p99, 100),
        equal(
            "downlink, delay of the sound",
            &items.iter().map(|item| item.lag).max().unwrap_or_default(),
            &filter_delay.1,
        ),
        at_least(
            "downlink, noise below the signal",
            lowest(&mut items.iter().map(|item| item.snr_db)),
            30.0,
        ),
        at_most(
            "pauses because the caller's queue ran dry",
            downlink.underrun,
            1_000,
        ),
        held(storm, measured),
        at_most(
            "longest reply, end of speech to sound",
            replies.iter().map(Reply::latency).max().unwrap_or_default(),
            2_500,
        ),
        at_most(
            "barge-in: the caller's voice to the agent's silence",
            barge_in.silent.saturating_sub(barge_in.caller_started),
            700,
        ),
    ];
    let error = measured.barge_ins().map(BargeIn::error_ms);
    let (least, most) = error.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), error| (least.min(error), most.max(error)),
    );
    checks.push(Check {
        name: "truncation errors",
        found: format!("{least:.1} to {most:.1} ms"),
        wanted: "never beyond what was played, nor more than 500 ms before".to_owned(),
        is_met: least >= -500.0 && most <= 0.0,
    });
    checks.push(discarded(call));
    checks.push(equal(
        "heard of a reply after it was cut, samples",
        &heard_after_clear(call, measured),
        &0,
    ));
    checks.extend(bounds(call));
    checks.extend(storm.short_calls.iter().map(short_call));
    checks.push(reaction(storm));
    if let [Some(before), Some(after), Some(end)] = storm.resources {
        checks.push(Check {
            name: "sockets open in the server",
            found: format!("{} before, {} at the end", before.sockets, end.sockets),
            wanted: "as many".to_owned(),
            is_met: end.sockets <= before.sockets,
        });
        let growth = end.memory_bytes.saturating_sub(after.memory_bytes) >> 10;
        checks.push(Check {
            name: "memory of the server, from call to call",
            found: format!("{growth} KiB more"),
            // SQLite's page cache fills up to 2 MB for each connection.
            wanted: "at most 4096 KiB more".to_owned(),
            is_met: growth <= 4_096,
        });
    }
    checks
}

/// The noise made the server wait, and no more than that.
fn held(storm: &Storm, measured: &Measured) -> Check {
    let holds = storm.holds();
    let longest = holds
        .iter()
        .map(|hold| hold.end.saturating_sub(hold.start))
        .max();
    let longest = longest.unwrap_or_default();
    let resumed = storm.call.server_lines("playback_resumed").count();
    let cut = measured.false_barge_ins.len();
    Check {
        name: "noise: playback held, and resumed",
        found: format!(
            "held {} times, at most {} ms, resumed {resumed} times, {cut} lines cut",
            holds.len(),
            longest.as_millis(),
        ),
        wanted: "resumed at least once, at most 1500 ms, no line cut".to_owned(),
        is_met: resumed > 0 && cut == 0 && longest <= Duration::from_millis(1_500),
    }
}

/// What was cut short is written down as far as it was made, and said again if noise has cut it.
fn agent_transcripts(call: &Call) -> Check {
    let mut told = transcripts(call, AGENTS_WORDS);
    told.dedup_by(|again, before| {
        let is_again = again.starts_with(&**before);
        if is_again {
            std::mem::swap(again, before);
        }
        is_again
    });
    let lines = &call.conversation.agent;
    let is_met = told.len() == lines.len()
        && told
            .iter()
            .zip(lines)
            .enumerate()
            .all(|(n, (told, line))| match n {
                INTERRUPTED => !told.is_empty() && line.text.starts_with(&**told),
                _ => *told == line.text,
            });
    Check {
        name: "transcripts of the agent",
        found: match is_met {
            true => format!(
                "{} as spoken, one of them as far as it was made",
                told.len()
            ),
            false => format!("{told:?}"),
        },
        wanted: "all as spoken".to_owned(),
        is_met,
    }
}

/// Deltas did come late, and the bridge knew them.
fn discarded(call: &Call) -> Check {
    let closed = call.server_lines("stream_closed").next();
    let bytes = closed.and_then(|line| line["stats"]["discarded_bytes"].as_u64());
    Check {
        name: "late deltas thrown away, bytes of base64",
        found: bytes.map_or("not told".to_owned(), |bytes| bytes.to_string()),
        wanted: "more than 0".to_owned(),
        is_met: bytes > Some(0),
    }
}

/// Every queue within its bounds, and nothing dropped.
fn bounds(call: &Call) -> Vec<Check> {
    let closed = call.server_lines("stream_closed").next();
    let counter = |name: &str| closed.and_then(|line| line["stats"][name].as_u64());
    let at_most = |name: &'static str, key: &str, most: u64| {
        let found = counter(key);
        Check {
            name,
            found: found.map_or("not told".to_owned(), |found| found.to_string()),
            wanted: format!("at most {most}"),
            is_met: found.is_some_and(|found| found <= most),
        }
    };
    vec![
        at_most(
            "caller's audio that waited, ms",
            "max_uplink_depth_ms",
            1_000,
        ),
        at_most("caller's audio dropped, ms", "uplink_dropped_ms", 0),
        at_most("agent's audio that waited, ms", "max_depth_ms", 16_000),
        at_most("agent's audio dropped, ms", "downlink_dropped_ms", 0),
        accounts(&counter),
    ]
}

/// Every millisecond of the caller's is accounted for, but for what was on its way at the end.
fn accounts(counter: &dyn Fn(&str) -> Option<u64>) -> Check {
    let sum = |names: &[&str]| -> Option<u64> { names.iter().map(|name| counter(name)).sum() };
    let taken = sum(&["media_ms", "concealed_ms", "stall_ms"]);
    let given = sum(&["appended_ms", "cut_ms", "uplink_dropped_ms"]);
    Check {
        name: "caller's audio: taken and made up, handed on and cut, ms",
        found: format!("{}, {}", taken.unwrap_or(0), given.unwrap_or(0)),
        wanted: "the same, but for 60 on their way at the end".to_owned(),
        is_met: taken
            .zip(given)
            .is_some_and(|(taken, given)| taken > 0 && given <= taken + 2 && taken <= given + 60),
    }
}

/// Messages of Twilio that the bridge has told as unknown.
fn unknown_messages(call: &Call) -> usize {
    call.server_lines("other")
        .filter(|line| line["source"] == "server" && line["kind"] == "weather")
        .count()
}

/// Indices of the agent's lines of which no saying was heard to its end, but for the one that the
/// caller has cut short.
fn unheard_lines(call: &Call, measured: &Measured) -> Vec<usize> {
    let was_heard = |text: &str| {
        let mut sayings = measured.items.iter();
        sayings.any(|item| call.words_of(&item.id) == text && item.heard >= item.made)
    };
    let was_cut = |text: &str| text.starts_with(call.words_of(&measured.barge_in.item_id));
    let lines = call.conversation.agent.iter().enumerate();
    lines
        .filter(|(n, line)| match *n {
            INTERRUPTED => !was_cut(&line.text),
            _ => !was_heard(&line.text),
        })
        .map(|(n, _)| n)
        .collect()
}

/// Samples that reached the caller between a clear and the beginning of the next reply.
fn heard_after_clear(call: &Call, measured: &Measured) -> u64 {
    let late = call.twilio.received.iter().filter(|media| {
        let clear = measured
            .barge_ins()
            .map(|barge_in| barge_in.cleared)
            .filter(|cleared| *cleared < media.time)
            .max();
        clear.is_some_and(|cleared| {
            let mut next = measured.items.iter().map(|item| item.first_delta);
            !next.any(|first| first > cleared && first <= media.time)
        })
    });
    late.map(|media| media.samples).sum()
}

/// Its own ears let the server hold the agent's voice before the model has noticed anything, and no
/// way lets the model believe too much.
fn reaction(storm: &Storm) -> Check {
    let held: Vec<u128> = storm
        .reactions
        .iter()
        .map(|it| it.held.as_millis())
        .collect();
    let silent: Vec<u128> = storm
        .reactions
        .iter()
        .map(|it| it.silent.as_millis())
        .collect();
    let is_honest = storm.reactions.iter().all(|it| it.error_ms <= 0.0);
    Check {
        name: "barge-in by the server's own ears",
        found: format!("last audio sent after {held:?} ms, silence after {silent:?} ms"),
        wanted: "sooner than by the model's word, no truncation too late".to_owned(),
        is_met: is_honest
            && held
                .split_first()
                .is_some_and(|(first, rest)| rest.iter().all(|it| it < first))
            // What is held is silent once the lead has been played: a model that is quicker than
            // that is not beaten, and the frame in which the two meet is chance. An interruption
            // confirmed here clears the lead.
            && matches!(silent[..], [by_model, held, confirmed]
                if held <= by_model + FRAME_MS && confirmed < by_model),
    }
}

fn short_call(short: &ShortCall) -> Check {
    let reason = short.closed["reason"].as_str().unwrap_or_default();
    let violations = short.record.violations.len();
    let breach = short.breach;
    Check {
        name: breach.name,
        found: format!(
            "{:?}, {reason}, {violations} violations",
            short.record.ending
        ),
        wanted: format!("{:?}, {}, 0", breach.ending, breach.reasons.join(" or ")),
        is_met: short.record.ending == breach.ending
            && breach.reasons.contains(&reason)
            && violations == 0,
    }
}

const FRAME_MS: u128 = 20;

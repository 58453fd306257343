//! Each fault of the simulators alone: the server survives it, and every call ends as it should.

mod common;

use std::time::Duration;

use common::{Played, Stage, lines, only, speech};
use futures_util::future::join_all;
use serde_json::Value;
use trunkline_simulators::{
    Clock,
    openai::{self, Answer, SessionRecord, Turn},
    twilio::{self, CallRecord, Ending, Step},
};

/// A fault, how the call then ends, and what else shows.
struct Case {
    fault: &'static str,
    /// At Twilio, and in the server's words.
    ends: (Ending, &'static str),
    /// Whether the fault has left the trace it should.
    shows: fn(&Trace) -> bool,
}

/// What is left of a call.
struct Trace {
    record: CallRecord,
    session: SessionRecord,
    log: Vec<Value>,
}

impl Trace {
    /// A counter of the bridge.
    fn counter(&self, name: &str) -> u64 {
        let closed = only(&self.log, "stream_closed");
        closed["stats"][name].as_u64().expect(name)
    }

    fn refused(&self) -> u64 {
        let refused = &only(&self.log, "stream_closed")["messages_refused"];
        refused.as_u64().expect("a number")
    }

    fn count(&self, event: &str) -> usize {
        lines(&self.log, event).count()
    }

    /// Of the audio that the model made in its last item, how much the caller has heard, in ms.
    fn last_heard(&self) -> u64 {
        let last = self.session.deltas.last().expect("deltas");
        let from = self
            .session
            .deltas
            .iter()
            .find(|delta| delta.item_id == last.item_id);
        let from = from.expect("deltas").time;
        let runs = self.record.runs.iter().filter(|run| run.end() > from);
        runs.map(|run| run.samples).sum::<u64>() / 8
    }
}

const STOPPED: (Ending, &str) = (Ending::CallerHungUp, "stopped");

/// The model was lost, and another session took its place.
fn healed(trace: &Trace) -> bool {
    trace.count("model_lost") > 0 && trace.count("session_ready") > 1
}

fn answered(trace: &Trace) -> bool {
    trace.last_heard() >= 590 && trace.count("transcript") > 0
}

const TWILIO: &[Case] = &[
    Case {
        fault: "jitter:max=60ms",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.counter("concealed_ms") == 0,
    },
    Case {
        fault: "stall:for=200ms,every=700ms",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.counter("uplink_dropped_ms") == 0,
    },
    Case {
        fault: "loss:percent=10",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.counter("concealed_ms") >= 60,
    },
    Case {
        fault: "loss:percent=10,burst=80ms",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.counter("concealed_ms") >= 60,
    },
    Case {
        fault: "duplicate:percent=20",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.counter("duplicate_ms") >= 100,
    },
    Case {
        fault: "reorder:percent=10",
        ends: STOPPED,
        shows: answered,
    },
    Case {
        fault: "drift:ppm=5000",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.record.drift_ppm == 5_000.0,
    },
    Case {
        fault: "drift:ppm=-5000",
        ends: STOPPED,
        shows: answered,
    },
    Case {
        fault: "mark-loss:percent=50",
        ends: STOPPED,
        shows: |trace| {
            answered(trace) && trace.counter("marks_heard") < trace.counter("marks_sent")
        },
    },
    Case {
        fault: "mark-loss:percent=100",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.counter("marks_heard") == 0,
    },
    Case {
        fault: "mark-delay:percent=50,by=400ms",
        ends: STOPPED,
        shows: answered,
    },
    Case {
        fault: "mark-repeat:percent=100",
        ends: STOPPED,
        shows: |trace| {
            let echoes = trace.counter("marks_heard") + trace.counter("marks_ignored");
            answered(trace) && echoes > trace.counter("marks_sent")
        },
    },
    Case {
        fault: "slow-read:for=1s,at=500ms",
        ends: STOPPED,
        shows: answered,
    },
    Case {
        fault: "reset:at=1.2s",
        ends: (Ending::Reset, "twilio_failed"),
        shows: |trace| trace.session.closed.is_some(),
    },
    Case {
        fault: "garbage:every=100ms,at=200ms",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.refused() > 10 && trace.count("other") > 0,
    },
    Case {
        // Beyond the server's limit: the socket cannot go on.
        fault: "oversized:bytes=70000",
        ends: (Ending::ServerHungUp, "twilio_failed"),
        shows: |trace| trace.session.closed.is_some(),
    },
    Case {
        fault: "oversized:bytes=60000",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.count("other") > 0,
    },
    Case {
        // In the greeting, which the agent then begins again.
        fault: "noise:for=200ms,at=300ms",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.session.speech.len() == 4,
    },
];

const MODEL: &[Case] = &[
    Case {
        fault: "jitter:max=100ms",
        ends: STOPPED,
        shows: answered,
    },
    Case {
        fault: "stall:for=300ms,every=900ms",
        ends: STOPPED,
        shows: answered,
    },
    Case {
        fault: "slow-read:for=1s,at=500ms",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.counter("uplink_dropped_ms") == 0,
    },
    Case {
        fault: "big-delta:length=10s",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.session.deltas.len() == 2,
    },
    Case {
        fault: "late-delta:count=3",
        ends: STOPPED,
        shows: answered,
    },
    Case {
        fault: "late-vad:by=300ms",
        ends: STOPPED,
        shows: answered,
    },
    Case {
        fault: "false-vad:for=200ms,at=300ms",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.session.speech.len() == 4,
    },
    Case {
        fault: "refuse-truncate:count=3",
        ends: STOPPED,
        shows: answered,
    },
    Case {
        fault: "refuse-upgrade:status=503",
        ends: (Ending::ServerHungUp, "model_refused"),
        shows: |trace| trace.count("model_lost") == 5,
    },
    Case {
        fault: "fail-response:number=1,after=200ms",
        ends: STOPPED,
        shows: |trace| {
            let failed = lines(&trace.log, "response_done").any(|line| line["status"] == "failed");
            answered(trace) && failed
        },
    },
    Case {
        fault: "slow-update:by=500ms",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.counter("uplink_dropped_ms") == 0,
    },
    Case {
        fault: "error:at=300ms,every=300ms,code=rate_limit_exceeded",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.count("model_error") > 3,
    },
    Case {
        fault: "event:at=100ms,every=100ms",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.counter("other_messages") > 10,
    },
    Case {
        fault: "text:at=100ms,every=100ms,text={\"type\":",
        ends: STOPPED,
        shows: |trace| answered(trace) && trace.refused() > 10,
    },
    Case {
        fault: "pause:at=500ms,for=700ms",
        ends: STOPPED,
        shows: answered,
    },
    Case {
        fault: "skip:sending=response.output_audio.done",
        ends: STOPPED,
        shows: answered,
    },
    Case {
        fault: "skip:sending=response.done",
        ends: STOPPED,
        shows: |trace| trace.record.heard.iter().any(|&sample| sample != 0),
    },
    Case {
        fault: "close:at=1.2s",
        ends: STOPPED,
        shows: |trace| healed(trace) && trace.session.close.is_some(),
    },
    Case {
        fault: "drop:at=1.2s",
        ends: STOPPED,
        shows: |trace| healed(trace) && trace.session.close.is_none(),
    },
    Case {
        fault: "reset:at=1.2s",
        ends: STOPPED,
        shows: |trace| healed(trace) && trace.session.close.is_none(),
    },
];

/// Greeting, a line of the caller, the answer, the end. The caller waits long enough for a greeting
/// that is begun again.
fn script() -> Vec<Step> {
    vec![
        Step::WaitAgentStarts,
        Step::WaitAgentSilent(Duration::from_millis(1_200)),
        Step::Say(speech(500)),
        Step::WaitAgentStarts,
        Step::WaitAgentSilent(Duration::from_millis(300)),
        Step::HangUp,
    ]
}

/// What is wrong with a call on which these faults happen; nothing if it went as it should.
async fn faulty(
    case: &Case,
    twilio: Vec<twilio::Fault>,
    model: Vec<openai::Fault>,
) -> Option<String> {
    let options = openai::Options {
        clock: Clock::new(),
        turns: vec![
            Turn::unasked(Answer::speech(speech(400), "Hello.")),
            Turn::new("A table.", Answer::speech(speech(600), "For two?")),
        ],
        api_key: Some(common::KEY.to_owned()),
        latency: Duration::from_millis(50),
        faults: model,
        ..openai::Options::default()
    };
    let quick = ["--retry-base-ms", "20", "--retry-cap-ms", "200"];
    let stage = Stage::set(options, &quick).await;
    let record = twilio::call(twilio::Options {
        faults: twilio,
        seed: 11,
        ..stage.caller(script())
    })
    .await;
    stage.logged("stream_closed", 1).await;
    let (_, health) = stage
        .http("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    let Played {
        mut sessions, log, ..
    } = stage.strike().await;
    let reason = only(&log, "stream_closed")["reason"].clone();
    let trace = Trace {
        session: sessions.remove(0),
        record,
        log,
    };
    let violations = &trace.record.violations;
    let is_good = trace.record.ending == case.ends.0
        && reason == case.ends.1
        && violations.is_empty()
        && health.contains(r#""calls":0"#)
        && only(&trace.log, "ended")["all_closed"] == true
        && (case.shows)(&trace);
    (!is_good).then(|| {
        format!(
            "{}: {:?}, {reason}, {violations:?}, {health}, {:#}",
            case.fault,
            trace.record.ending,
            only(&trace.log, "stream_closed"),
        )
    })
}

/// Plays `cases`, a few at a time, and fails with all that did not go well.
async fn survive(cases: &[Case], is_twilio: bool) {
    let mut bad = Vec::new();
    for some in cases.chunks(7) {
        let calls = some.iter().map(|case| {
            let (mut twilio, mut model) = (Vec::new(), Vec::new());
            match is_twilio {
                true => twilio.push(case.fault.parse().expect(case.fault)),
                false => model.push(case.fault.parse().expect(case.fault)),
            }
            faulty(case, twilio, model)
        });
        bad.extend(join_all(calls).await.into_iter().flatten());
    }
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
    let kinds = match is_twilio {
        true => twilio::Fault::KINDS,
        false => openai::Fault::KINDS,
    };
    for kind in kinds {
        let is_tried = cases.iter().any(|case| case.fault.starts_with(kind.name));
        assert!(is_tried, "{} was not tried", kind.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_survives_every_fault_of_twilio_alone() {
    survive(TWILIO, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_survives_every_fault_of_the_model_alone() {
    survive(MODEL, false).await;
}

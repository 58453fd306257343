//! Model sessions that are replaced before they end.

mod common;

use std::time::Duration;

use common::{Played, Stage, lines, speech};
use serde_json::Value;
use trunkline_simulators::{
    Clock,
    openai::{self, Answer, Fault, SessionRecord, Turn},
    twilio::{CallRecord, Ending, Step},
};

fn model(turns: Vec<Turn>) -> openai::Options {
    openai::Options {
        clock: Clock::new(),
        turns,
        api_key: Some(common::KEY.to_owned()),
        latency: Duration::from_millis(50),
        transcription: (Duration::from_millis(10), Duration::from_millis(30)),
        ..openai::Options::default()
    }
}

fn hear() -> [Step; 2] {
    [
        Step::WaitAgentStarts,
        Step::WaitAgentSilent(Duration::from_millis(500)),
    ]
}

/// Greeting, a line of the caller's, the answer, and so on, with time to think in between.
fn script(turns: usize) -> Vec<Step> {
    let mut script = hear().to_vec();
    for _ in 0..turns {
        script.push(Step::Pause(Duration::from_millis(500)));
        script.push(Step::Say(speech(400)));
        script.extend(hear());
    }
    script.push(Step::Pause(Duration::from_millis(500)));
    script.push(Step::HangUp);
    script
}

fn turns() -> Vec<Turn> {
    vec![
        Turn::unasked(Answer::speech(speech(500), "Good morning.")),
        Turn::new("A table.", Answer::speech(speech(500), "For two?")),
        Turn::new("Yes.", Answer::speech(speech(500), "It is booked.")),
    ]
}

async fn play(
    options: openai::Options,
    script: Vec<Step>,
    [after_ms, by_ms]: [&str; 2],
) -> (CallRecord, Played) {
    let arguments = ["--rotate-after-ms", after_ms, "--rotate-by-ms", by_ms];
    let stage = Stage::set(options, &arguments).await;
    let record = stage.call(script).await;
    let played = stage.strike().await;
    assert!(record.violations.is_empty(), "{:#?}", record.violations);
    assert_eq!(record.ending, Ending::CallerHungUp, "{:#?}", record.steps);
    (record, played)
}

/// Time without a session to which audio goes: from the last audio one gets to the first of the next.
fn gaps(sessions: &[SessionRecord]) -> Vec<Duration> {
    let gap = |pair: &[SessionRecord]| {
        let last = pair[0].appends.last().expect("audio").time;
        let first = pair[1].appends.first().expect("audio").time;
        first.saturating_sub(last)
    };
    sessions.windows(2).map(gap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_replaced_between_turns_and_nobody_notices() {
    let (record, played) = play(model(turns()), script(2), ["1500", "60000"]).await;
    assert!(
        played.sessions.len() >= 3,
        "{} sessions",
        played.sessions.len()
    );
    for gap in gaps(&played.sessions) {
        assert!(gap <= Duration::from_millis(300), "{gap:?}");
    }
    for line in lines(&played.log, "model_rotated") {
        assert_eq!(line["is_at_edge"], true, "{line}");
    }
    // Nothing is lost, said twice or answered twice.
    let words = [
        ("agent", "Good morning."),
        ("caller", "A table."),
        ("agent", "For two?"),
        ("caller", "Yes."),
        ("agent", "It is booked."),
    ];
    assert_eq!(played.turns(), words);
    let responses: usize = played
        .sessions
        .iter()
        .map(|session| session.responses.len())
        .sum();
    assert_eq!(responses, 3);
    let sent: u64 = record.sent.iter().map(|media| media.samples).sum();
    let got: usize = played
        .sessions
        .iter()
        .map(|session| session.input.len() / 3)
        .sum();
    assert!(sent - got as u64 <= 5 * 160, "{got} of {sent} samples");
    for session in &played.sessions {
        assert!(session.errors.is_empty(), "{:#?}", session.errors);
        let close = session.close.as_ref().expect("a goodbye");
        assert_eq!((close.code, close.by_server), (1000, false));
    }
    let events: Vec<&Value> = played
        .records("session")
        .map(|record| &record["event"])
        .collect();
    assert!(events.len() >= 2 && events.iter().all(|event| **event == "rotated"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_edge_a_session_is_replaced_all_the_same() {
    // The agent talks from long before its time until long after.
    let long = "One two three four five six seven eight nine ten.";
    let talks = vec![
        Turn::unasked(Answer::speech(speech(4_000), long)),
        Turn::new("A table.", Answer::speech(speech(500), "For two?")),
    ];
    let (record, played) = play(model(talks), script(1), ["3000", "3200"]).await;
    let rotated = lines(&played.log, "model_rotated").next().expect("rotated");
    assert_eq!(rotated["is_at_edge"], false);
    // What the agent was saying is heard to its end, and then told to the new session.
    let heard: u64 = record.runs.iter().map(|run| run.samples).sum();
    assert!(heard >= 4_500 * 8, "{heard} samples");
    assert_eq!(played.turns()[0], ("agent", long));
    let told: Vec<&Value> = played.sessions[1]
        .client_events
        .iter()
        .filter(|event| event.event["item"]["role"] == "assistant")
        .map(|event| &event.event["item"]["content"][0]["text"])
        .collect();
    assert_eq!(told, [long]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_session_that_is_refused_costs_nothing() {
    let options = openai::Options {
        session_faults: vec![vec![], vec![Fault::RefuseUpgrade { status: 503 }]],
        ..model(turns())
    };
    let (_, played) = play(options, script(2), ["1000", "60000"]).await;
    assert_eq!(lines(&played.log, "standby_refused").count(), 1);
    assert_eq!(lines(&played.log, "model_lost").count(), 0);
    assert_eq!(played.turns().len(), 5);
}

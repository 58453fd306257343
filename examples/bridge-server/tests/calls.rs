//! Whole calls over real sockets.

mod common;

use std::time::Duration;

use common::{Played, Stage, lines, only, speech};
use serde_json::{Value, json};
use trunkline_demo::NUMBER;
use trunkline_simulators::{
    Clock,
    audio::level_dbfs,
    openai::{self, Action, Answer, At, Fault, SessionRecord, Turn},
    twilio::{self, CallRecord, Ending, Step},
};

fn model(turns: Vec<Turn>) -> openai::Options {
    openai::Options {
        clock: Clock::new(),
        turns,
        api_key: Some(common::KEY.to_owned()),
        latency: Duration::from_millis(50),
        ..openai::Options::default()
    }
}

fn greeting() -> Turn {
    Turn::unasked(Answer::speech(speech(400), "Hello."))
}

fn listen() -> [Step; 2] {
    [
        Step::WaitAgentStarts,
        Step::WaitAgentSilent(Duration::from_millis(300)),
    ]
}

/// Greeting, a line of the caller, the answer, the end.
fn one_turn() -> Vec<Step> {
    let mut script = listen().to_vec();
    script.push(Step::Say(speech(500)));
    script.extend(listen());
    script.push(Step::HangUp);
    script
}

fn assert_clean(record: &CallRecord) {
    assert!(record.violations.is_empty(), "{:#?}", record.violations);
}

/// The only session, after which the server itself has said goodbye.
fn only_session(played: &Played) -> &SessionRecord {
    assert_eq!(played.sessions.len(), 1);
    let session = &played.sessions[0];
    assert!(session.errors.is_empty(), "{:#?}", session.errors);
    let close = session.close.as_ref().expect("a proper goodbye");
    assert_eq!((close.code, close.by_server), (1000, false));
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_spoken_answered_and_heard_in_both_formats() {
    for format in ["pcm24k", "mulaw"] {
        let turns = vec![
            greeting(),
            Turn::new("A table.", Answer::speech(speech(600), "For two?")),
        ];
        let stage = Stage::set(model(turns), &["--model-audio", format]).await;
        let record = stage.call(one_turn()).await;
        let played = stage.strike().await;
        assert_clean(&record);
        assert_eq!(record.ending, Ending::CallerHungUp);
        let session = only_session(&played);

        // All of both lines was heard, and nothing else.
        let heard: u64 = record.runs.iter().map(|run| run.samples).sum();
        let made = 8 * (400 + 600);
        assert!(
            (made..made + 400).contains(&heard),
            "{format}: {heard} of {made} samples"
        );
        assert!(record.clears.is_empty());
        let turns = [
            ("agent", "Hello."),
            ("caller", "A table."),
            ("agent", "For two?"),
        ];
        assert_eq!(played.turns(), turns);

        // The model hears the caller at the level the caller has.
        let tone = &session.input[session.speech[0].audio_ms as usize * 8..];
        let loudest = tone
            .chunks(800)
            .map(level_dbfs)
            .fold(f64::NEG_INFINITY, f64::max);
        assert!((loudest + 18.0).abs() < 0.5, "{format}: {loudest} dBFS");
        let closed = only(&played.log, "stream_closed");
        assert_eq!(closed["reason"], "stopped");
        assert_eq!(closed["messages_refused"], 0);
        assert_eq!(only(&played.log, "call_status")["status"], "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_speaks_over_the_agent_silences_it_at_once() {
    let turns = vec![
        Turn::unasked(Answer::speech(speech(5_000), "A very long greeting.")),
        Turn::new("Stop.", Answer::speech(speech(400), "Yes?")),
    ];
    let stage = Stage::set(model(turns), &[]).await;
    let mut script = vec![
        Step::WaitAgentStarts,
        Step::WaitAgentHeard(Duration::from_millis(800)),
        Step::Say(speech(500)),
    ];
    script.extend(listen());
    script.push(Step::HangUp);
    let record = stage.call(script).await;
    let played = stage.strike().await;
    assert_clean(&record);
    let session = only_session(&played);

    assert_eq!(record.clears.len(), 1);
    let [truncate] = &session.truncates[..] else {
        panic!("{:#?}", session.truncates)
    };
    assert!(truncate.accepted);
    let heard_ms = record.clears[0].played_samples as f64 / 8.0;
    let error_ms = truncate.audio_end_ms as f64 - heard_ms;
    assert!((-200.0..=0.0).contains(&error_ms), "{error_ms} ms");
    assert_eq!(
        only(&played.log, "barge_in")["audio_end_ms"],
        truncate.audio_end_ms
    );
    // The answer is heard, and nothing more of the greeting.
    let after: u64 = record
        .runs
        .iter()
        .filter(|run| run.start > record.clears[0].time)
        .map(|run| run.samples)
        .sum();
    assert!((3_200..3_600).contains(&after), "{after} samples");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_pauses_gets_all_of_the_callers_audio_afterwards() {
    let fault = Fault::At {
        at: At::received("input_audio_buffer.append", 30),
        action: Action::Pause(Duration::from_millis(1_500)),
    };
    let turns = vec![
        greeting(),
        Turn::new("A table.", Answer::speech(speech(600), "For two?")),
    ];
    let options = openai::Options {
        faults: vec![fault],
        ..model(turns)
    };
    let stage = Stage::set(options, &[]).await;
    let record = stage.call(one_turn()).await;
    let played = stage.strike().await;
    assert_clean(&record);
    assert_eq!(record.ending, Ending::CallerHungUp);
    assert_all_arrived(&record, only_session(&played));
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_that_comes_in_bunches_is_neither_lost_nor_doubled() {
    let turns = vec![
        greeting(),
        Turn::new("A table.", Answer::speech(speech(600), "For two?")),
    ];
    let stage = Stage::set(model(turns), &[]).await;
    let faults = ["jitter:max=60ms", "stall:for=400ms,every=1.1s,at=300ms"];
    let record = twilio::call(twilio::Options {
        faults: faults.map(|fault| fault.parse().expect("a fault")).to_vec(),
        seed: 7,
        ..stage.caller(one_turn())
    })
    .await;
    let played = stage.strike().await;
    assert_clean(&record);
    assert_eq!(record.ending, Ending::CallerHungUp);
    assert_all_arrived(&record, only_session(&played));
}

/// The model has got as many samples as the caller has sent, but for those in flight at the end.
fn assert_all_arrived(record: &CallRecord, session: &SessionRecord) {
    let sent: u64 = record.sent.iter().map(|media| media.samples).sum();
    let got = session.input.len() as u64 / 3;
    assert!(
        got <= sent && sent - got <= 3 * 160,
        "{got} of {sent} samples"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_named_in_the_log_and_ends_the_call() {
    let options = openai::Options {
        api_key: Some("another".to_owned()),
        ..model(vec![greeting()])
    };
    let stage = Stage::set(options, &[]).await;
    let record = stage.call(vec![]).await;
    let played = stage.strike().await;
    assert_clean(&record);
    assert_eq!(record.ending, Ending::ServerHungUp);
    // No other try with a key that is wrong, and a sentence for the caller.
    assert_eq!(played.sessions.len(), 1);
    let asked = |path| {
        record
            .requests
            .iter()
            .any(|asked| asked.url.ends_with(path))
    };
    assert!(asked("/twilio/stream-ended"), "{:#?}", record.requests);
    assert_eq!(only(&played.log, "model_error")["code"], "invalid_api_key");
    assert_eq!(only(&played.log, "stream_closed")["reason"], "model_error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_in_the_wrong_format_is_never_heard() {
    let options = openai::Options {
        ignore_formats: true,
        ..model(vec![greeting()])
    };
    let stage = Stage::set(options, &["--model-audio", "mulaw"]).await;
    let record = stage.call(vec![]).await;
    let played = stage.strike().await;
    assert_clean(&record);
    assert_eq!(record.ending, Ending::ServerHungUp);
    assert!(record.received.is_empty(), "noise on the line");
    assert_eq!(played.sessions[0].appends, [], "noise to the model");
    let mismatch = only(&played.log, "format_mismatch");
    assert_eq!(mismatch["expected"], "mulaw");
    assert_eq!(mismatch["output"], "pcm16 at 24000 Hz");
    assert_eq!(
        only(&played.log, "stream_closed")["reason"],
        "format_mismatch"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_run_once_and_the_model_goes_on() {
    let turns = vec![
        greeting(),
        Turn::new("Tuesday?", Answer::tool("get_pricing", "{}")),
        Turn::unasked(Answer::speech(speech(400), "Nine o'clock.")),
    ];
    let stage = Stage::set(model(turns), &["--seed-demo"]).await;
    let record = stage.call(one_turn()).await;
    let prices = stage.api("GET", "/api/prices", None).await.1;
    let played = stage.strike().await;
    assert_clean(&record);
    assert_eq!(record.ending, Ending::CallerHungUp);
    let session = only_session(&played);
    let outputs: Vec<Value> = session
        .client_events
        .iter()
        .filter(|event| event.event["item"]["type"] == "function_call_output")
        .map(|event| serde_json::from_str(event.event["item"]["output"].as_str().unwrap()).unwrap())
        .collect();
    let [output] = &outputs[..] else {
        panic!("{outputs:#?}")
    };
    let known = prices["items"].as_array().expect("prices");
    assert_eq!(
        output["prices"].as_array().map(Vec::len),
        Some(known.len()),
        "{output:#}"
    );
    assert_eq!(session.responses.len(), 3);
    let told = played.records("tool_call").next().expect("a record");
    let told = told["output"]
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok());
    assert_eq!(told.as_ref(), Some(output));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_hangs_up_after_its_last_words_were_heard() {
    let last_words = Answer::speech(speech(900), "Goodbye!").then_tool("hang_up", "{}");
    let stage = Stage::set(model(vec![Turn::unasked(last_words)]), &[]).await;
    let record = stage.call(vec![]).await;
    let played = stage.strike().await;
    assert_clean(&record);
    assert_eq!(record.ending, Ending::ServerHungUp);
    let heard: u64 = record.runs.iter().map(|run| run.samples).sum();
    assert!(heard >= 900 * 8, "{heard} samples");
    assert_eq!(only(&played.log, "stream_closed")["reason"], "hung_up");
    only_session(&played);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_interrupts_the_goodbye_stays_connected() {
    let last_words = Answer::speech(speech(3_000), "Goodbye!").then_tool("hang_up", "{}");
    let turns = vec![
        Turn::unasked(last_words),
        Turn::new("Wait!", Answer::speech(speech(400), "Yes?")),
    ];
    let stage = Stage::set(model(turns), &[]).await;
    let mut script = vec![
        Step::WaitAgentStarts,
        Step::WaitAgentHeard(Duration::from_millis(1_000)),
        Step::Say(speech(500)),
    ];
    script.extend(listen());
    script.push(Step::HangUp);
    let record = stage.call(script).await;
    let played = stage.strike().await;
    assert_clean(&record);
    assert_eq!(record.ending, Ending::CallerHungUp);
    assert_eq!(only(&played.log, "stream_closed")["reason"], "stopped");
    let call = played.records("tool_call").next().expect("a record");
    assert_eq!(
        (&call["name"], &call["failed"]),
        (&json!("hang_up"), &json!(true))
    );
    assert!(
        call["output"]
            .as_str()
            .unwrap()
            .contains("the caller spoke"),
        "{call}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_noted_but_not_which() {
    let stage = Stage::set(model(vec![greeting()]), &[]).await;
    let script = vec![
        Step::WaitAgentStarts,
        Step::Dtmf('4'),
        Step::Dtmf('2'),
        Step::Dtmf('#'),
        Step::HangUp,
    ];
    let record = stage.call(script).await;
    let played = stage.strike().await;
    assert_clean(&record);
    let keys: Vec<&Value> = lines(&played.log, "dtmf").collect();
    assert_eq!(keys.len(), 3);
    assert!(
        keys.iter().all(|line| line.get("digit").is_none()),
        "{keys:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_capacity_hear_the_busy_tone_and_live_ones_do_not_notice() {
    let turns = vec![
        greeting(),
        Turn::new("A table.", Answer::speech(speech(600), "For two?")),
    ];
    let stage = Stage::set(model(turns), &["--max-calls", "1"]).await;
    let live = tokio::spawn(twilio::call(stage.caller(one_turn())));
    stage.logged("session_ready", 1).await;
    let (status, twiml) = stage
        .post("/twilio/incoming-call", &[("CallSid", "CA2")])
        .await;
    assert_eq!(status, 200);
    assert!(twiml.contains(r#"<Reject reason="busy"/>"#), "{twiml}");
    let record = live.await.unwrap();
    assert_clean(&record);
    assert_eq!(record.ending, Ending::CallerHungUp);
    stage.logged("stream_closed", 1).await;
    let (_, twiml) = stage
        .post(
            "/twilio/incoming-call",
            &[("CallSid", "CA3"), ("To", NUMBER)],
        )
        .await;
    assert!(twiml.contains("<Connect "), "{twiml}");
    only_session(&stage.strike().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sigterm_live_calls_finish_and_new_ones_are_refused() {
    let turns = vec![
        greeting(),
        Turn::new("A table.", Answer::speech(speech(600), "For two?")),
    ];
    let stage = Stage::set(model(turns), &[]).await;
    let health = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(stage.http(health).await.0, 200);
    let live = tokio::spawn(twilio::call(twilio::Options {
        // The server has ended before it could be told.
        status_callback: None,
        ..stage.caller(one_turn())
    }));
    stage.logged("session_ready", 1).await;
    stage.server.terminate().unwrap();
    stage.logged("draining", 1).await;
    let (status, body) = stage.http(health).await;
    assert_eq!((status, body.contains("draining")), (503, true));
    let (_, twiml) = stage
        .post("/twilio/incoming-call", &[("CallSid", "CA2")])
        .await;
    assert!(twiml.contains("<Reject"), "{twiml}");
    let record = live.await.unwrap();
    assert_clean(&record);
    assert_eq!(record.ending, Ending::CallerHungUp);
    assert_eq!(stage.logged("ended", 1).await["all_closed"], true);
    stage.server.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sigterm_ends_live_calls_properly() {
    let stage = Stage::set(model(vec![greeting()]), &[]).await;
    let live = tokio::spawn(twilio::call(twilio::Options {
        status_callback: None,
        ..stage.caller(vec![])
    }));
    stage.logged("session_ready", 1).await;
    stage.server.terminate().unwrap();
    stage.logged("draining", 1).await;
    let played = stage.strike().await;
    let record = live.await.unwrap();
    assert_clean(&record);
    assert_eq!(record.ending, Ending::ServerHungUp);
    assert_eq!(only(&played.log, "stream_closed")["reason"], "shutdown");
    only_session(&played);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_status_ends_what_is_left_of_a_call() {
    let stage = Stage::set(model(vec![greeting()]), &[]).await;
    let live = tokio::spawn(twilio::call(stage.caller(vec![])));
    let ready = stage.logged("session_ready", 1).await;
    let sid = ready["call_sid"].as_str().unwrap();
    for (status, sid) in [
        ("in-progress", sid),
        ("completed", "CA0"),
        ("completed", sid),
    ] {
        let fields = [("CallSid", sid), ("CallStatus", status)];
        assert_eq!(
            stage.post("/twilio/call-status", &fields).await,
            (204, String::new())
        );
    }
    assert_eq!(
        stage.logged("stream_closed", 1).await["reason"],
        "status_callback"
    );
    assert_clean(&live.await.unwrap());
    only_session(&stage.strike().await);
}

//! Models that are lost in the middle of a call, and found again.

mod common;

use std::{collections::BTreeSet, time::Duration};

use common::{Played, Stage, lines, only, speech};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tempfile::TempDir;
use trunkline_simulators::{
    Clock,
    audio::write_wav,
    openai::{self, Action, Answer, At, Fault, SessionRecord, Turn},
    twilio::{CallRecord, Ending, Step},
};

/// What the agent says, with how long it takes.
const LINES: [(&str, u64); 4] = [
    ("Good morning, this is the clinic.", 500),
    ("One moment, please.", 400),
    ("Nine o'clock or half past two.", 600),
    ("It is booked for nine.", 500),
];
const FIND: (&str, &str) = ("get_slots", "{}");
/// Reconnects as fast as can be.
const AT_ONCE: [&str; 4] = ["--retry-base-ms", "20", "--retry-cap-ms", "50"];

fn line(n: usize) -> Answer {
    Answer::speech(speech(LINES[n].1), LINES[n].0)
}

fn model(session_faults: Vec<Vec<Fault>>) -> openai::Options {
    openai::Options {
        clock: Clock::new(),
        turns: vec![
            Turn::unasked(line(0)),
            Turn::new("Tuesday, please.", line(1).then_tool(FIND.0, FIND.1)),
            Turn::unasked(line(2)),
            Turn::new("Nine is fine.", line(3)),
        ],
        api_key: Some(common::KEY.to_owned()),
        latency: Duration::from_millis(50),
        transcription: (Duration::from_millis(10), Duration::from_millis(30)),
        keep_audio: false,
        session_faults,
        ..openai::Options::default()
    }
}

fn hear() -> [Step; 2] {
    [
        Step::WaitAgentStarts,
        Step::WaitAgentSilent(Duration::from_millis(450)),
    ]
}

/// Two turns of the caller's.
fn script() -> Vec<Step> {
    let mut script = hear().to_vec();
    for _ in 0..2 {
        script.push(Step::Say(speech(400)));
        script.extend(hear());
    }
    script.push(Step::HangUp);
    script
}

fn closes(at: At) -> Fault {
    let action = Action::Close {
        code: 1011,
        reason: "server_error".to_owned(),
    };
    Fault::At { at, action }
}

fn drops(at: At) -> Fault {
    Fault::At {
        at,
        action: Action::Drop,
    }
}

async fn play(session_faults: Vec<Vec<Fault>>) -> (CallRecord, Played) {
    let stage = Stage::set(model(session_faults), &AT_ONCE).await;
    let record = stage.call(script()).await;
    (record, stage.strike().await)
}

/// The items that a session was told by the server.
fn told(session: &SessionRecord) -> Vec<(Duration, &Value)> {
    let created = session.client_events.iter();
    created
        .filter(|event| event.kind == "conversation.item.create")
        .map(|event| (event.time, &event.event["item"]))
        .collect()
}

fn texts(session: &SessionRecord, role: &str) -> Vec<String> {
    told(session)
        .iter()
        .filter(|(_, item)| item["role"] == role)
        .map(|(_, item)| item["content"][0]["text"].as_str().unwrap().to_owned())
        .collect()
}

/// What of an agent's line was said if these are the words of it that were heard: at least so long.
fn length_of(words: &str) -> f64 {
    let (line, ms) = LINES
        .iter()
        .find(|(line, _)| line.starts_with(words))
        .unwrap_or_else(|| panic!("nobody says {words:?}"));
    *ms as f64 * words.len() as f64 / line.len() as f64
}

fn heard_ms(record: &CallRecord, until: Duration) -> f64 {
    let runs = record.runs.iter();
    let heard = runs
        .map(|run| until.saturating_sub(run.start).as_secs_f64() * 1e3)
        .zip(&record.runs);
    heard
        .map(|(since, run)| since.min(run.samples as f64 / 8.0))
        .sum()
}

/// What must hold however the model was lost.
fn assert_healed(record: &CallRecord, played: &Played, lost: &str) {
    assert!(
        record.violations.is_empty(),
        "{lost}: {:#?}",
        record.violations
    );
    assert_eq!(
        record.ending,
        Ending::CallerHungUp,
        "{lost}: {:#?} {:#?}",
        record.steps,
        played.log
    );
    let mut answered = BTreeSet::new();
    for (n, session) in played.sessions.iter().enumerate() {
        assert!(session.errors.is_empty(), "{lost}: {:#?}", session.errors);
        // Everything of an earlier session was heard by the time it was told.
        let mut words_ms = 0.0;
        for (time, item) in told(session) {
            if item["role"] == "assistant" {
                words_ms += length_of(item["content"][0]["text"].as_str().unwrap());
                let heard_ms = heard_ms(record, time);
                assert!(
                    words_ms <= heard_ms + 20.0,
                    "{lost}: {words_ms} ms of {heard_ms} ms in {item}"
                );
            }
            if item["type"] == "function_call_output" {
                let id = item["call_id"].as_str().unwrap().to_owned();
                answered.insert((n, id));
            }
        }
        let outputs = told(session)
            .iter()
            .filter(|(_, item)| item["type"] == "function_call_output")
            .count();
        assert_eq!(
            answered.iter().filter(|(session, _)| *session == n).count(),
            outputs,
            "{lost}: answered twice"
        );
    }
    let runs: Vec<&Value> = played
        .records("tool_call")
        .map(|call| &call["id"])
        .collect();
    let ids: BTreeSet<String> = runs.iter().map(|id| id.to_string()).collect();
    assert_eq!(runs.len(), ids.len(), "{lost}: {runs:?} run twice");
    let ended = played.records("call_ended").next().expect("an end");
    assert_eq!(ended["reason"], "stopped", "{lost}");
}

/// Every event of a call that nothing befalls, both ways: its kind and which one of that kind it is. Of the caller's
/// audio and the agent's, a few.
fn boundaries(session: &SessionRecord) -> Vec<At> {
    let mut counts = std::collections::BTreeMap::new();
    let mut boundaries = Vec::new();
    let sent = session
        .server_events
        .iter()
        .map(|event| (true, &event.kind));
    let received = session
        .client_events
        .iter()
        .map(|event| (false, &event.kind));
    for (is_sent, kind) in sent.chain(received) {
        let count = counts.entry((is_sent, kind)).or_insert(0_usize);
        *count += 1;
        let is_taken = match &**kind {
            "input_audio_buffer.append" => *count % 40 == 1,
            kind if kind.ends_with(".delta") => *count % 4 == 1,
            _ => true,
        };
        if is_taken {
            boundaries.push(match is_sent {
                true => At::sending(kind, *count),
                false => At::received(kind, *count),
            });
        }
    }
    boundaries
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_lost_at_any_event_does_not_end_the_call() {
    let (record, played) = play(Vec::new()).await;
    assert_healed(&record, &played, "never");
    assert_eq!(played.sessions.len(), 1);
    let boundaries = boundaries(&played.sessions[0]);
    assert!(boundaries.len() >= 60, "{boundaries:#?}");
    let calls = boundaries
        .into_iter()
        .enumerate()
        .map(|(n, at)| async move {
            let lost = at.to_string();
            let fault = match n % 2 {
                0 => closes(at),
                _ => drops(at),
            };
            let (record, played) = play(vec![vec![fault]]).await;
            assert_healed(&record, &played, &lost);
            let lost = lines(&played.log, "model_lost").count();
            (lost, played.sessions.len())
        });
    let calls: Vec<(usize, usize)> = stream::iter(calls)
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    // Where the fault changes the course of the call, its event may never come.
    let healed = calls
        .iter()
        .filter(|(lost, sessions)| (*lost, *sessions) == (1, 2))
        .count();
    assert!(
        healed * 10 >= calls.len() * 9,
        "{healed} of {}",
        calls.len()
    );
}

/// As many as two cores carry, each with a server of its own, without being late.
const AT_A_TIME: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_session_is_told_what_was_said_and_done_and_answers_what_was_owed() {
    // The answer to the second turn never begins; the response before had two items.
    let at = At::sending("response.output_item.added", 5);
    let (record, played) = play(vec![vec![closes(at)]]).await;
    assert_healed(&record, &played, "before the last answer");
    let [_, second] = &played.sessions[..] else {
        panic!("{} sessions", played.sessions.len());
    };
    let items: Vec<Value> = told(second)
        .iter()
        .map(|(_, item)| (*item).clone())
        .collect();
    let message = |role: &str, kind: &str, text: &str| json!({ "type": "message", "role": role, "content": [{ "type": kind, "text": text }] });
    assert_eq!(items[0], message("assistant", "output_text", LINES[0].0));
    assert_eq!(items[1], message("user", "input_text", "Tuesday, please."));
    assert_eq!(items[2], message("assistant", "output_text", LINES[1].0));
    assert_eq!(
        (&items[3]["type"], &items[3]["name"]),
        (&json!("function_call"), &json!(FIND.0))
    );
    assert_eq!(items[4]["type"], "function_call_output");
    assert_eq!(items[3]["call_id"], items[4]["call_id"]);
    assert_eq!(items[5], message("assistant", "output_text", LINES[2].0));
    assert_eq!(items[6], message("user", "input_text", "Nine is fine."));
    assert_eq!(items.len(), 7, "{items:#?}");
    assert_eq!(second.responses.len(), 1);
    let events: Vec<&Value> = played
        .records("session")
        .map(|record| &record["event"])
        .collect();
    assert_eq!(events, ["lost", "reconnected"]);
    let turns = [
        ("agent", LINES[0].0),
        ("caller", "Tuesday, please."),
        ("agent", LINES[1].0),
        ("agent", LINES[2].0),
        ("caller", "Nine is fine."),
        ("agent", LINES[3].0),
    ];
    assert_eq!(played.turns(), turns);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_words_are_lost_is_asked_again() {
    // The turn is over, and its transcript has not come.
    let (record, played) = play(vec![vec![closes(At::sending("response.created", 2))]]).await;
    assert_healed(&record, &played, "before the transcript");
    let second = &played.sessions[1];
    let notes = texts(second, "system");
    assert!(notes.len() == 1 && notes[0].contains("lost"), "{notes:?}");
    assert_eq!(texts(second, "user"), [] as [&str; 0]);
    assert!(!second.responses[0].automatic, "{:#?}", second.responses[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_says_while_the_model_is_away_is_kept() {
    // Three refusals take a while, in which the caller speaks.
    let refused = vec![Fault::RefuseUpgrade { status: 503 }];
    let faults = vec![
        vec![closes(At::received("input_audio_buffer.append", 60))],
        refused.clone(),
        refused,
    ];
    let waits = ["--retry-base-ms", "400", "--retry-cap-ms", "400"];
    let mut options = model(faults);
    options.keep_audio = true;
    options.turns = vec![Turn::unasked(line(0)), Turn::new("Hello?", line(2))];
    let stage = Stage::set(options, &waits).await;
    let mut script = vec![
        Step::Pause(Duration::from_millis(1_250)),
        Step::Say(speech(600)),
    ];
    script.extend(hear()[1..].iter().cloned());
    script.push(Step::Pause(Duration::from_millis(2_000)));
    script.push(Step::HangUp);
    let record = stage.call(script).await;
    let played = stage.strike().await;
    assert_healed(&record, &played, "before the caller speaks");
    assert_eq!(lines(&played.log, "model_lost").count(), 3);
    let last = played.sessions.last().expect("a session");
    assert_eq!(
        last.speech.len(),
        2,
        "one turn of the caller's: {:#?}",
        last.speech
    );
    // All of the caller's audio went to one session or the other, but for what was under way.
    let sent: u64 = record.sent.iter().map(|media| media.samples).sum();
    let got: usize = played
        .sessions
        .iter()
        .map(|session| session.input.len() / 3)
        .sum();
    assert!(sent - got as u64 <= 5 * 160, "{got} of {sent} samples");
    assert!(
        played.turns().contains(&("caller", "Hello?")),
        "{:?}",
        played.turns()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_answer_that_was_spoken_over_only_what_was_heard_is_told() {
    let long = "One two three four five six seven eight nine ten.";
    let mut options = model(vec![vec![closes(At::sending("response.done", 2))]]);
    options.turns = vec![
        Turn::unasked(Answer::speech(speech(5_000), long)),
        Turn::new("Stop.", line(2)),
    ];
    let stage = Stage::set(options, &AT_ONCE).await;
    let mut script = vec![
        Step::WaitAgentStarts,
        Step::WaitAgentHeard(Duration::from_millis(1_600)),
        Step::Say(speech(500)),
    ];
    script.extend(hear());
    script.push(Step::HangUp);
    let record = stage.call(script).await;
    let played = stage.strike().await;
    assert_eq!(record.ending, Ending::CallerHungUp, "{:#?}", record.steps);
    let told = texts(&played.sessions[1], "assistant");
    let heard = record.clears[0].played_samples as f64 / 8.0;
    let share = told[0].len() as f64 / long.len() as f64;
    assert!(long.starts_with(&told[0]), "{told:?}");
    assert!(
        share <= heard / 5_000.0 && share >= heard / 5_000.0 - 0.15,
        "{told:?}: {heard} ms"
    );
    let turn = played
        .records("transcript")
        .find(|turn| turn["interrupted"] == true)
        .expect("a turn");
    assert_eq!(
        (turn["text"].as_str(), turn["generatedText"].as_str()),
        (Some(&*told[0]), Some(long))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_expires_is_replaced() {
    let mut options = model(Vec::new());
    options.session_limit = Duration::from_millis(2_200);
    let stage = Stage::set(options, &AT_ONCE).await;
    let record = stage.call(script()).await;
    let played = stage.strike().await;
    assert_eq!(record.ending, Ending::CallerHungUp, "{:#?}", record.steps);
    assert!(
        played.sessions.len() >= 3,
        "{} sessions",
        played.sessions.len()
    );
    assert!(lines(&played.log, "model_lost").all(|line| line["code"] == "session_expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_tries_the_caller_hears_why_the_call_ends() {
    let mut options = model(vec![vec![closes(At::sending("response.done", 1))]]);
    options.faults = Vec::new();
    options.session_faults.extend(std::iter::repeat_n(
        vec![Fault::RefuseUpgrade { status: 503 }],
        9,
    ));
    let stage = Stage::set(options, &AT_ONCE).await;
    let record = stage.call(vec![]).await;
    let played = stage.strike().await;
    assert!(record.violations.is_empty(), "{:#?}", record.violations);
    assert_eq!(record.ending, Ending::ServerHungUp);
    assert_eq!(played.sessions.len(), 1 + 5);
    let closed = only(&played.log, "stream_closed");
    assert_eq!(
        (&closed["reason"], &closed["status"]),
        (&json!("model_refused"), &json!(503))
    );
    let last = record
        .requests
        .iter()
        .rfind(|request| request.url.contains("stream-ended"));
    let answer = &last.expect("the end of the stream").body;
    assert!(
        answer.contains("<Say") && answer.contains("sorry"),
        "{answer}"
    );
    let events: Vec<&Value> = played
        .records("session")
        .map(|record| &record["event"])
        .collect();
    assert_eq!(events, ["lost", "given_up"]);
    let ended = played.records("call_ended").next().expect("an end");
    assert_eq!(ended["reason"], "model_lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_refused_again_is_not_tried_again() {
    let error = |code: &str| Fault::At {
        at: At::sending("response.created", 1),
        action: Action::Error {
            kind: "invalid_request_error".to_owned(),
            code: code.to_owned(),
            message: "No.".to_owned(),
        },
    };
    let faults = [
        (Fault::RefuseUpgrade { status: 401 }, "model_refused"),
        (error("insufficient_quota"), "model_error"),
        (
            Fault::At {
                at: At::sending("session.updated", 1),
                action: Action::Close {
                    code: 4004,
                    reason: "invalid_request_error.model_not_found".to_owned(),
                },
            },
            "model_closed",
        ),
    ];
    // The sentence at the end takes a while.
    let calls = faults.into_iter().map(|(fault, reason)| async move {
        let stage = Stage::set(model(vec![vec![fault]]), &AT_ONCE).await;
        stage.call(vec![]).await;
        let played = stage.strike().await;
        assert_eq!(played.sessions.len(), 1, "{reason}");
        assert_eq!(only(&played.log, "stream_closed")["reason"], reason);
    });
    futures_util::future::join_all(calls).await;
    let nowhere = ["--openai-realtime-url", "ws://127.0.0.1:1/v1/realtime"];
    let stage = Stage::set(model(vec![]), &[&AT_ONCE[..], &nowhere].concat()).await;
    let record = stage.call(vec![]).await;
    let played = stage.strike().await;
    assert_eq!(record.ending, Ending::ServerHungUp);
    assert_eq!(
        only(&played.log, "stream_closed")["reason"],
        "model_refused"
    );
    assert_eq!(lines(&played.log, "model_lost").count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_never_confirms_its_settings_is_given_up() {
    let skips = Fault::At {
        at: At::sending("session.updated", 1),
        action: Action::Skip,
    };
    let (record, played) = play(vec![vec![skips]]).await;
    assert_healed(&record, &played, "unconfirmed");
    assert_eq!(
        only(&played.log, "model_lost")["reason"],
        "model_unconfirmed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_fails_is_asked_for_again() {
    let fails = Fault::FailResponse {
        number: 4,
        after: Duration::from_millis(200),
    };
    let (record, played) = play(vec![vec![fails]]).await;
    assert_healed(&record, &played, "never");
    assert_eq!(played.sessions.len(), 1);
    let responses: Vec<&str> = played.sessions[0]
        .responses
        .iter()
        .map(|response| &*response.status)
        .collect();
    assert_eq!(responses[3..], ["failed", "completed"]);
}

/// A stage whose agent greets with so much tone from a file, or with a file that is not there.
async fn greets_from_file(
    options: openai::Options,
    file: &str,
    greeting: &str,
    ms: u64,
) -> (Stage, TempDir) {
    let greetings = TempDir::new().expect("a directory");
    write_wav(
        greetings.path().join("hello.wav"),
        16_000,
        &[&speech(ms).at(16_000)],
    )
    .expect("a file");
    let path = greetings.path().display().to_string();
    let arguments = [&AT_ONCE[..], &["--greetings-path", &path]].concat();
    let stage = Stage::set(options, &arguments).await;
    let (_, agents) = stage.api("GET", "/api/agents", None).await;
    let mut agent = agents["items"][0].clone();
    let path = format!("/api/agents/{}", agent["id"].as_str().expect("an id"));
    let settings = agent.as_object_mut().expect("an agent");
    for ours in ["id", "createdAt", "updatedAt"] {
        settings.remove(ours);
    }
    settings.insert("greeting".to_owned(), greeting.into());
    settings.insert("greetingAudio".to_owned(), file.into());
    let (status, answer) = stage.api("PUT", &path, Some(agent)).await;
    assert_eq!(status, 200, "{answer}");
    // What the API changes reaches the webhook a moment later, a number made since no sooner.
    let id = path.rsplit('/').next();
    let number = json!({ "number": "+15550199", "agentId": id });
    assert_eq!(stage.api("POST", "/api/numbers", Some(number)).await.0, 201);
    for n in 0..400 {
        let fields = [("CallSid", &*format!("CA{n}")), ("To", "+15550199")];
        let (_, twiml) = stage.post("/twilio/incoming-call", &fields).await;
        if twiml.contains("<Connect") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    (stage, greetings)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_greeting_is_heard_at_once_and_the_model_does_not_greet_again() {
    let mut options = model(vec![vec!["slow-update:by=700ms".parse().expect("a fault")]]);
    options.latency = Duration::from_millis(200);
    options.turns.remove(0);
    let (stage, _greetings) = greets_from_file(options, "hello.wav", LINES[0].0, LINES[0].1).await;
    let record = stage.call(script()).await;
    let played = stage.strike().await;
    assert_healed(&record, &played, "never");
    // It is over before the model could have said a word.
    let first = record.runs.first().expect("something was heard");
    assert!(first.start - record.started < Duration::from_millis(400));
    let session = &played.sessions[0];
    assert_eq!(texts(session, "assistant"), [LINES[0].0]);
    assert_eq!(played.turns()[0], ("agent", LINES[0].0));
    assert_eq!(session.responses.len(), 3, "{:#?}", session.responses);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_speaks_over_the_recorded_greeting_silences_it() {
    let words = "Good morning, this is the clinic and we are glad that you are calling us today.";
    let mut options = model(Vec::new());
    options.turns.remove(0);
    let (stage, _greetings) = greets_from_file(options, "hello.wav", words, 4_000).await;
    let mut script = vec![
        Step::WaitAgentStarts,
        Step::WaitAgentHeard(Duration::from_millis(1_200)),
        Step::Say(speech(500)),
    ];
    script.extend(hear());
    script.push(Step::HangUp);
    let record = stage.call(script).await;
    let played = stage.strike().await;
    assert!(record.violations.is_empty(), "{:#?}", record.violations);
    assert_eq!(record.ending, Ending::CallerHungUp, "{:#?}", record.steps);
    assert_eq!(record.clears.len(), 1);
    let heard = record.clears[0].played_samples as f64 / 8.0 / 4_000.0;
    let told = texts(&played.sessions[0], "assistant");
    let share = told[0].len() as f64 / words.len() as f64;
    assert!(
        words.starts_with(&told[0]) && share <= heard && share > heard - 0.15,
        "{told:?}: {heard}"
    );
    let turn = played.records("transcript").next().expect("a turn");
    assert_eq!(
        (turn["interrupted"].as_bool(), turn["text"].as_str()),
        (Some(true), Some(&*told[0]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_that_cannot_be_read_is_spoken_by_the_model() {
    let (stage, _greetings) =
        greets_from_file(model(Vec::new()), "nothing.wav", "Greet.", 100).await;
    let record = stage.call(script()).await;
    let played = stage.strike().await;
    assert_healed(&record, &played, "never");
    only(&played.log, "greeting_failed");
    assert_eq!(played.turns()[0], ("agent", LINES[0].0));
}

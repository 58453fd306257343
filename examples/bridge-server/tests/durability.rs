//! What a call loses when a database, a disk or the whole server fails: nothing that was acknowledged, and no
//! sound.

mod common;
#[path = "common/postgres.rs"]
mod postgres;

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use common::{Stage, lines, speech, watch};
use futures_util::future::join_all;
use postgres::Postgres;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;
use trunkline_demo::{ACCOUNT_SID, Server};
use trunkline_simulators::{
    Clock,
    openai::{self, Answer, Turn},
    twilio::{self, CallRecord, Ending, Step},
};

const SERVER: &str = env!("CARGO_BIN_EXE_trunkline-bridge-server");

/// A model that answers so many turns.
fn model(turns: usize) -> openai::Options {
    let greeting = Turn::unasked(Answer::speech(speech(300), "Hello."));
    let turns = (1..=turns).map(|n| {
        let answer = Answer::speech(speech(600), format!("Answer {n}."));
        Turn::new(format!("Question {n}."), answer)
    });
    openai::Options {
        clock: Clock::new(),
        turns: std::iter::once(greeting).chain(turns).collect(),
        api_key: Some(common::KEY.to_owned()),
        latency: Duration::from_millis(30),
        ..openai::Options::default()
    }
}

/// Listens, then speaks and listens so many times.
fn conversation(turns: usize) -> Vec<Step> {
    let listen = [
        Step::WaitAgentStarts,
        Step::WaitAgentSilent(Duration::from_millis(200)),
    ];
    let mut script = listen.to_vec();
    for _ in 0..turns {
        script.push(Step::Say(speech(300)));
        script.extend(listen.clone());
    }
    script
}

fn whole_call(turns: usize) -> Vec<Step> {
    let mut script = conversation(turns);
    script.push(Step::HangUp);
    script
}

/// All that was said on a call of `turns` turns, once.
fn assert_transcript(call: &Value, turns: usize) {
    let mut said: Vec<&str> = call["transcripts"]
        .as_array()
        .expect("transcripts")
        .iter()
        .filter_map(|turn| turn["text"].as_str())
        .collect();
    let mut expected: Vec<String> = (1..=turns)
        .flat_map(|n| [format!("Question {n}."), format!("Answer {n}.")])
        .collect();
    expected.push("Hello.".to_owned());
    expected.sort_unstable();
    said.sort_unstable();
    assert_eq!(said, expected, "{call:#}");
}

fn assert_unharmed(record: &CallRecord) {
    assert!(record.violations.is_empty(), "{:#?}", record.violations);
    assert_eq!(record.ending, Ending::CallerHungUp, "{:#?}", record.steps);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_down_calls_go_on_and_begin_and_all_is_written_afterwards() {
    let postgres = Postgres::start_new();
    let database = postgres.database();
    let directory = TempDir::new().unwrap();
    let environment = [("DATABASE_URL", &*database.url)];
    let stage = Stage::set_in(directory, Path::new(SERVER), model(3), &[], &environment).await;

    let first = tokio::spawn(twilio::call(stage.caller(whole_call(3))));
    stage.logged("item_heard", 2).await;
    postgres.stop();
    // The first call's last turns, and all of another.
    let second = twilio::Options {
        seed: 2,
        ..stage.caller(whole_call(3))
    };
    let second = twilio::call(second).await;
    let first = first.await.unwrap();
    assert_unharmed(&first);
    assert_unharmed(&second);
    let health = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let (_, health) = stage.http(health).await;
    assert!(health.contains("database"), "{health}");
    let (status, problem) = stage.api("GET", "/api/calls", None).await;
    assert_eq!((status, problem["status"].clone()), (503, json!(503)));

    postgres.start();
    for record in [&first, &second] {
        let path = format!("/api/calls/{}", record.call_sid);
        let is_over = |call: &Value| !call["analytics"].is_null();
        let call = stage.api_settled(&path, is_over).await;
        assert_transcript(&call, 3);
        assert_eq!(call["status"], "completed");
    }
    assert_eq!(stage.api("GET", "/api/calls", None).await.1["total"], 2);
    stage.strike().await;
}

/// A program that becomes the server with no more than `blocks` of 512 bytes for any of its files: what a full
/// disk is to it.
fn with_little_disk(directory: &TempDir, blocks: u32) -> PathBuf {
    let script = format!("#!/bin/sh\ntrap '' XFSZ\nulimit -f {blocks}\nexec {SERVER} \"$@\"\n");
    let path = directory.path().join("server.sh");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_calls_go_on_recordings_are_partial_and_what_was_told_stays() {
    // Room for the tables and a second or two of recording.
    let directory = TempDir::new().unwrap();
    let binary = with_little_disk(&directory, 600);
    let stage = Stage::set_in(directory, &binary, model(4), &[], &[]).await;
    let watcher = stage.watch().await;
    let record = stage.call(whole_call(4)).await;
    assert_unharmed(&record);
    let log = stage.log();
    assert_eq!(lines(&log, "stream_closed").count(), 1);
    let told: Vec<Value> = watcher.events();
    let directory = {
        let Stage {
            server, directory, ..
        } = stage;
        // It cannot write all it has; what it has told is written.
        server.terminate().unwrap();
        let _ = server.ended().await;
        directory
    };

    let again = Stage::set_in(directory, Path::new(SERVER), model(0), &[], &[]).await;
    let path = format!("/api/calls/{}", record.call_sid);
    let call = again
        .api_settled(&path, |call| {
            call["recordings"][0]["status"] != "in_progress"
        })
        .await;
    assert_eq!(call["recordings"][0]["status"], "partial", "{call:#}");
    let written = texts(&call["transcripts"]);
    let told = told
        .iter()
        .filter(|event| event["event"] == "transcript")
        .filter_map(|event| event["data"]["text"].as_str());
    for text in told {
        assert!(
            written.contains(text),
            "{text} was told and is lost: {call:#}"
        );
    }
    again.strike().await;
}

fn texts(transcripts: &Value) -> HashSet<String> {
    let turns = transcripts.as_array().into_iter().flatten();
    turns
        .filter_map(|turn| turn["text"].as_str())
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_has_every_turn_it_told_of_and_recordings_that_open() {
    let directory = TempDir::new().unwrap();
    let stage = Stage::set_in(directory, Path::new(SERVER), model(8), &[], &[]).await;
    let watcher = stage.watch().await;
    let calls: Vec<_> = (1..=CALLS)
        .map(|seed| {
            let options = twilio::Options {
                seed,
                status_callback: None,
                ..stage.caller(conversation(8))
            };
            tokio::spawn(twilio::call(options))
        })
        .collect();
    let said = || {
        let events = watcher.events();
        let turns = events.iter().filter(|event| event["event"] == "transcript");
        turns.count()
    };
    while said() < 3 * CALLS as usize {
        sleep(Duration::from_millis(5)).await;
    }
    let Stage {
        server,
        directory,
        model: old_model,
        ..
    } = stage;
    server.kill().await.unwrap();
    let told = watcher.events();
    let records: Vec<CallRecord> = join_all(calls)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    old_model.shutdown().await;

    let again = Stage::set_in(directory, Path::new(SERVER), model(0), &[], &[]).await;
    for record in &records {
        let path = format!("/api/calls/{}", record.call_sid);
        let call = again
            .api_settled(&path, |call| call["recordings"][0]["status"] == "partial")
            .await;
        let written = texts(&call["transcripts"]);
        let turns = call["transcripts"].as_array().unwrap().len();
        assert_eq!(written.len(), turns, "a turn is there twice: {call:#}");
        let told = told
            .iter()
            .filter(|event| event["event"] == "transcript" && event["callId"] == call["id"])
            .filter_map(|event| event["data"]["text"].as_str());
        for text in told {
            assert!(
                written.contains(text),
                "{text} was told and is lost: {call:#}"
            );
        }

        let file = call["recordings"][0]["file"].as_str().unwrap();
        let file = again.directory.path().join("recordings").join(file);
        let wav = hound::WavReader::open(&file).expect("a WAV file");
        assert_eq!((wav.spec().channels, wav.spec().sample_rate), (2, 16_000));
        let recorded_ms = u64::from(wav.duration()) / 16;
        let sent_ms = record.sent.iter().map(|media| media.samples).sum::<u64>() / 8;
        // 200 ms are what may be lost; the rest is what a busy machine had not read yet.
        assert!(
            recorded_ms + 1_200 >= sent_ms && recorded_ms <= sent_ms + 100,
            "{recorded_ms} of {sent_ms} ms"
        );
    }
    again.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sigterm_all_is_written_before_the_end() {
    let directory = TempDir::new().unwrap();
    let stage = Stage::set_in(directory, Path::new(SERVER), model(1), &[], &[]).await;
    let live = tokio::spawn(twilio::call(twilio::Options {
        status_callback: None,
        ..stage.caller(whole_call(1))
    }));
    stage.logged("session_ready", 1).await;
    stage.server.terminate().unwrap();
    let record = live.await.unwrap();
    assert_unharmed(&record);
    let Stage {
        server, directory, ..
    } = stage;
    server.ended().await.unwrap();

    let again = Stage::set_in(directory, Path::new(SERVER), model(0), &[], &[]).await;
    let path = format!("/api/calls/{}", record.call_sid);
    let (status, call) = again.api("GET", &path, None).await;
    assert_eq!(status, 200);
    assert_transcript(&call, 1);
    assert_eq!(call["status"], "completed");
    assert_eq!(call["recordings"][0]["status"], "completed");
    again.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_on_one_node_is_told_on_the_other_and_both_know_new_numbers() {
    let postgres = postgres::postgres();
    let environment = [("DATABASE_URL", &*postgres.url)];
    let stage = |turns| {
        let directory = TempDir::new().unwrap();
        Stage::set_in(
            directory,
            Path::new(SERVER),
            model(turns),
            &[],
            &environment,
        )
    };
    let one = stage(1).await;
    let other = stage(0).await;
    let watcher = other.watch().await;
    let agent = other.api("GET", "/api/agents", None).await.1["items"][0].clone();
    let number = json!({ "number": "+15550177", "agentId": agent["id"] });
    assert_eq!(other.api("POST", "/api/numbers", Some(number)).await.0, 201);
    // The number is known on the other node within its refresh.
    let mut sid = 0;
    loop {
        sid += 1;
        let fields = [("CallSid", &*format!("CA{sid}")), ("To", "+15550177")];
        let (_, twiml) = one.post("/twilio/incoming-call", &fields).await;
        if twiml.contains("<Connect") {
            break;
        }
        assert!(sid < 200, "{twiml}");
        sleep(Duration::from_millis(50)).await;
    }

    let record = one.call(whole_call(1)).await;
    assert_unharmed(&record);
    let path = format!("/api/calls/{}", record.call_sid);
    let call = other
        .api_settled(&path, |call| !call["analytics"].is_null())
        .await;
    assert_transcript(&call, 1);
    let is_told = |kind: &str| {
        let events = watcher.events();
        let of_call = events.iter().filter(|event| event["callId"] == call["id"]);
        of_call.filter(|event| event["event"] == kind).count()
    };
    for _ in 0..200 {
        if is_told("call_ended") == 1 {
            break;
        }
        sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(
        (
            is_told("call_started"),
            is_told("transcript"),
            is_told("call_ended")
        ),
        (1, 3, 1)
    );
    let ids: Vec<i64> = watcher
        .events()
        .iter()
        .filter_map(|event| event["id"].as_i64())
        .collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    // What one missed, it gets from the other.
    let seen = watch(one.server.address, Some(0)).await;
    for _ in 0..200 {
        if seen.events().len() >= ids.len() {
            break;
        }
        sleep(Duration::from_millis(25)).await;
    }
    assert!(seen.events().len() >= ids.len());
    one.strike().await;
    other.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_do_not_share_a_journal() {
    let directory = TempDir::new().unwrap();
    let stage = Stage::set_in(directory, Path::new(SERVER), model(0), &[], &[]).await;
    let arguments = ["--public-base-url", common::PUBLIC_URL, "--insecure"];
    let environment = [
        ("OPENAI_API_KEY", common::KEY),
        ("TWILIO_ACCOUNT_SID", ACCOUNT_SID),
    ];
    let second = Server::start_in(
        stage.directory.path(),
        Path::new(SERVER),
        &arguments,
        &environment,
        |_| {},
    );
    assert!(second.await.is_err());
    stage.strike().await;
}

/// At a time.
const CALLS: u64 = 20;

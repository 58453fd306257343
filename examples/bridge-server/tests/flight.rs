//! Calls with a flight recorder in them.

mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use common::{Stage, only, speech};
use serde_json::Value;
use trunkline::flight::{Entry, Input, Reader};
use trunkline_simulators::{
    Clock,
    openai::{self, Answer, Turn},
    twilio::Step,
};

/// A directory of this test's own, empty.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory for the test");
    directory
}

/// `trunkline-sim replay`.
fn replay(arguments: &[&str]) -> Output {
    let cargo = std::env::var_os("CARGO").expect("cargo runs this test");
    Command::new(cargo)
        .args(["run", "--quiet", "--locked", "-p", "trunkline-simulators"])
        .args(["--bin", "trunkline-sim", "--", "replay"])
        .args(arguments)
        .output()
        .expect("cargo runs")
}

fn model() -> openai::Options {
    openai::Options {
        clock: Clock::new(),
        turns: vec![
            Turn::unasked(Answer::speech(speech(2_000), "Hello.")),
            Turn::new("A table.", Answer::speech(speech(600), "For two?")),
        ],
        latency: Duration::from_millis(50),
        ..openai::Options::default()
    }
}

/// The caller speaks over the greeting and hears the answer.
fn script() -> Vec<Step> {
    vec![
        Step::WaitAgentStarts,
        Step::WaitAgentHeard(Duration::from_millis(600)),
        Step::Say(speech(500)),
        Step::WaitAgentStarts,
        Step::WaitAgentSilent(Duration::from_millis(300)),
        Step::HangUp,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_call_is_replayed_to_the_identical_outputs_by_the_command() {
    for audio in ["pcm24k", "mulaw"] {
        let directory = directory(&format!("flight-{audio}"));
        let place = directory.to_str().expect("a plain path");
        let arguments = ["--flight-recorder", place, "--model-audio", audio];
        let stage = Stage::set(model(), &arguments).await;
        stage.call(script()).await;
        let played = stage.strike().await;
        let closed = only(&played.log, "stream_closed");
        let told = &closed["flight_recorder"];
        assert_eq!(told["is_whole"], true, "{told}");
        assert_eq!(
            (&told["missed_inputs"], &told["error"]),
            (&0.into(), &Value::Null)
        );
        let file = PathBuf::from(told["file"].as_str().expect("a path"));
        let found: Vec<_> = fs::read_dir(&directory).unwrap().collect();
        assert_eq!(found.len(), 1, "one file per call");
        assert_eq!(found[0].as_ref().unwrap().path(), file);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "the caller's words are nobody else's");

        let outputs = directory.join("outputs.jsonl");
        let replayed = replay(&[
            file.to_str().unwrap(),
            "--outputs",
            outputs.to_str().unwrap(),
        ]);
        let said = String::from_utf8(replayed.stdout).unwrap();
        let complaints = String::from_utf8(replayed.stderr).unwrap();
        assert!(replayed.status.success(), "{said}{complaints}");
        assert!(said.contains("outputs identical: "), "{said}");
        // What the server's own counters say of the call is in it.
        let outputs = fs::read_to_string(outputs).unwrap();
        let outputs: Vec<Value> = outputs
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let count = |kind: &str, part: &str| {
            let meant = |line: &&Value| {
                line["kind"] == kind && line["text"].as_str().unwrap().contains(part)
            };
            outputs.iter().filter(meant).count()
        };
        assert_eq!(
            count("to_twilio", "\"event\":\"mark\""),
            closed["stats"]["marks_sent"]
        );
        assert_eq!(
            count("event BargeIn", "item_id"),
            closed["stats"]["barge_ins"]
        );
        assert_eq!(closed["stats"]["barge_ins"], 1);
        assert_eq!(count("event CallEnded", ""), 1);
        assert_eq!(count("to_openai", "session.update"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_a_call_leaves_the_beginning() {
    let directory = directory("flight-killed");
    let stage = Stage::set(model(), &["--flight-recorder", directory.to_str().unwrap()]).await;
    let caller = twilio_call(&stage);
    stage.logged("response_done", 1).await;
    drop(stage);
    caller.abort();
    let file = fs::read_dir(&directory).unwrap().next().expect("a file");
    let file = file.unwrap().path();
    let bytes = fs::read(&file).unwrap();
    let inputs: Vec<_> = Reader::new(&bytes)
        .expect("a whole header")
        .map_while(Result::ok)
        .filter(|entry| matches!(entry, Entry::Input { .. }))
        .collect();
    assert!(inputs.iter().any(|entry| matches!(
        entry,
        Entry::Input { input: Input::Twilio(text), .. } if text.contains("\"start\"")
    )));
    let replayed = replay(&[file.to_str().unwrap()]);
    assert_eq!(replayed.status.code(), Some(2));
    let said = String::from_utf8(replayed.stdout).unwrap();
    assert!(
        said.contains("outputs identical as far as the recording goes"),
        "{said}"
    );
    let complaints = String::from_utf8(replayed.stderr).unwrap();
    assert!(complaints.contains("breaks off"), "{complaints}");
}

fn twilio_call(stage: &Stage) -> tokio::task::JoinHandle<()> {
    let options = stage.caller(vec![Step::Pause(Duration::from_secs(15))]);
    tokio::spawn(async move {
        trunkline_simulators::twilio::call(options).await;
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_costs_the_recording_and_not_the_call() {
    let directory = directory("flight-gone");
    let place = directory.to_str().unwrap();
    let stage = Stage::set(model(), &["--flight-recorder", place]).await;
    fs::remove_dir_all(&directory).unwrap();
    let record = stage.call(script()).await;
    let played = stage.strike().await;
    assert!(record.violations.is_empty(), "{:#?}", record.violations);
    let closed = only(&played.log, "stream_closed");
    assert_eq!(closed["stats"]["barge_ins"], 1, "the call went on");
    let told = &closed["flight_recorder"];
    assert_eq!(told["is_whole"], false);
    assert!(told["error"].is_string(), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_option_nothing_is_recorded() {
    let stage = Stage::set(model(), &[]).await;
    stage.call(script()).await;
    let played = stage.strike().await;
    let closed = only(&played.log, "stream_closed");
    assert_eq!(closed.get("flight_recorder"), None);
}

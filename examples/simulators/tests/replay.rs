//! `trunkline-sim replay`: what it prints and how it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use trunkline::bridge::Config;
use trunkline::flight::{Input, Reader};
use trunkline::{Bridge, FlightRecorder, SessionUpdate};

const START: &str = r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"callSid":"CA1",
    "tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#;
const STOP: &str =
    r#"{"event":"stop","sequenceNumber":"2","streamSid":"MZ1","stop":{"callSid":"CA1"}}"#;

/// A short call, recorded in a buffer of `len` bytes.
fn recording(len: usize) -> Vec<u8> {
    let config = Config::default();
    let mut recorder = FlightRecorder::new(&config, vec![0; len]).unwrap();
    let mut bridge = Bridge::new(config);
    let mut buf = vec![0; bridge.max_output_len()];
    let inputs = [
        (5_000, Input::Twilio(START)),
        (6_000, Input::UpdateSession(SessionUpdate::default())),
        (7_000, Input::Twilio("no message at all")),
        (9_500, Input::Twilio(STOP)),
        (9_500, Input::TwilioClosed),
    ];
    for (ms, input) in inputs {
        let _ = recorder.apply(&mut bridge, Duration::from_millis(ms), input);
        while recorder
            .poll_output(&mut bridge, &mut buf)
            .unwrap()
            .is_some()
        {}
    }
    recorder.finish();
    recorder.bytes().to_vec()
}

/// Where a test keeps a file of its own.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Exit code, standard output and standard error of a replay of `bytes`.
fn replay(name: &str, bytes: &[u8], more: &[&str]) -> (Option<i32>, String, String) {
    let file = place(name);
    fs::write(&file, bytes).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_trunkline-sim"))
        .arg("replay")
        .arg(&file)
        .args(more)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_whole_recording_is_summed_up_and_identical() {
    let outputs = place("whole.jsonl");
    let more = ["--outputs", outputs.to_str().unwrap()];
    let (code, said, complaints) = replay("whole.flight", &recording(4_096), &more);
    assert_eq!((code, &*complaints), (Some(0), ""), "{said}");
    for line in [
        "recorded by trunkline ",
        ", Pcm24k, 4.500 s\n",
        "inputs: 5 (3 handle_twilio, 1 handle_twilio_closed, 1 update_session)\n",
        "refused: 1 (1 invalid JSON at byte ",
        "outputs: 3 (1 event CallEnded, 1 event CallStarted, 1 to_openai)\n",
        "outputs identical: 3 outputs, ",
    ] {
        assert!(said.contains(line), "{line:?} in {said}");
    }
    let lines = fs::read_to_string(outputs).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        (&lines[0]["t"], &lines[0]["kind"]),
        (&5.0.into(), &"event CallStarted".into())
    );
    assert_eq!(
        (&lines[1]["t"], &lines[1]["kind"]),
        (&6.0.into(), &"to_openai".into())
    );
    let update: Value = serde_json::from_str(lines[1]["text"].as_str().unwrap()).unwrap();
    assert_eq!(update["type"], "session.update");
}

#[test]
fn a_recorder_that_was_full_is_told_and_is_no_failure() {
    let (code, said, _) = replay("full.flight", &recording(450), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the recorder was full there"), "{said}");
}

#[test]
fn a_recording_that_breaks_off_fails_after_what_it_has() {
    let whole = recording(4_096);
    let (code, said, complaints) = replay("cut.flight", &whole[..whole.len() - 7], &[]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("identical as far as the recording goes: 3 outputs"),
        "{said}"
    );
    assert!(complaints.contains("breaks off at byte"), "{complaints}");
}

#[test]
fn damage_another_format_and_other_files_fail_with_a_reason() {
    let whole = recording(4_096);
    let mut damaged = whole.clone();
    let at = Reader::new(&whole).unwrap().offset() + 40;
    damaged[at] ^= 1;
    let mut newer = whole.clone();
    newer[8] = 9;
    let cases: [(&str, &[u8], &str); 4] = [
        ("damaged.flight", &damaged, "damaged, at byte"),
        ("newer.flight", &newer, "format 9, only 1 is read"),
        ("other.flight", b"RIFF....WAVE", "not a flight recording"),
        ("empty.flight", b"", "breaks off at byte 0"),
    ];
    for (name, bytes, reason) in cases {
        let (code, said, complaints) = replay(name, bytes, &[]);
        assert_eq!(code, Some(2), "{name}: {said}");
        assert!(complaints.contains(reason), "{name}: {complaints}");
        assert!(!said.contains("outputs identical: "), "{name}: {said}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_trunkline-sim"))
        .args(["replay", "no-such.flight"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn outputs_that_differ_are_named() {
    // A recording of one bridge, whose settings say that it was another.
    let config = Config::default();
    let mut told = Config::default();
    told.model_audio = trunkline::bridge::ModelAudio::Mulaw;
    let mut recorder = FlightRecorder::new(&told, vec![0; 4_096]).unwrap();
    let mut bridge = Bridge::new(config);
    let mut buf = vec![0; bridge.max_output_len()];
    let update = Input::UpdateSession(SessionUpdate::default());
    recorder
        .apply(&mut bridge, Duration::from_millis(1_500), update)
        .unwrap();
    while recorder
        .poll_output(&mut bridge, &mut buf)
        .unwrap()
        .is_some()
    {}
    recorder.finish();
    let (code, said, _) = replay("differs.flight", recorder.bytes(), &[]);
    assert_eq!(code, Some(1), "{said}");
    let line = said
        .lines()
        .find(|line| line.starts_with("MISMATCH"))
        .unwrap();
    assert!(
        line.starts_with("MISMATCH: output 1, after input 1, differs: recorded to the model, "),
        "{line}"
    );
    assert!(
        said.contains("last input: 1.500000 s, UpdateSession"),
        "{said}"
    );
}

//! Processes that are killed while they record, or may not write on.
//!
//! The test itself is run again as the process to be killed.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::json;
use trunkline_bridge_server::{
    record::{RecordingFormat, RecordingStatus},
    recording::{Recordings, Settings, Tap},
};

use super::files::{Folder, channels, open};

const CALLS: usize = 20;

/// 20 ms of both sides, the `number`th of the call.
fn frame(tap: &mut Tap, number: u64) {
    let caller = BASE64_STANDARD.encode([0x80; 160]);
    let media =
        json!({"track": "inbound", "timestamp": (20 * number).to_string(), "payload": caller});
    tap.from_twilio(&json!({"event": "media", "streamSid": "MZ1", "media": media}).to_string());
    let agent = json!({"payload": BASE64_STANDARD.encode([0x90; 160])});
    tap.to_twilio(&json!({"event": "media", "streamSid": "MZ1", "media": agent}).to_string());
}

/// Records calls until the end, and writes a byte for every 20 ms of each.
fn record_for_ever(folder: &Path) -> ! {
    let format = match env::var("FORMAT").as_deref() {
        Ok("mulaw") => RecordingFormat::Mulaw,
        _ => RecordingFormat::Wav,
    };
    let recordings = Recordings::open(Settings::new(folder, format), |_| {}).expect("a folder");
    let start = |call| {
        recordings
            .start(&format!("call-{call}"))
            .expect("they are on")
    };
    let mut taps: Vec<Tap> = (0..CALLS).map(start).collect();
    let began = Instant::now();
    let mut output = std::io::stderr();
    for number in 0.. {
        let due = began + Duration::from_millis(20) * number;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for tap in &mut taps {
            frame(tap, u64::from(number));
        }
        output.write_all(b".").expect("somebody reads");
    }
    unreachable!("it is killed")
}

#[test]
fn a_kill_at_any_moment_costs_no_more_than_200_ms_of_each_track_and_every_file_opens() {
    if let Some(folder) = env::var_os("KILLED_IN") {
        record_for_ever(folder.as_ref());
    }
    for (round, format) in ["wav", "mulaw", "wav", "mulaw"].into_iter().enumerate() {
        let folder = Folder::new();
        let name = "kill::a_kill_at_any_moment_costs_no_more_than_200_ms_of_each_track_and_every_file_opens";
        let mut child = Command::new(env::current_exe().expect("this test"))
            .args(["--exact", name, "--nocapture"])
            .env("KILLED_IN", &folder.0)
            .env("FORMAT", format)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut dots = child.stderr.take().expect("a pipe");
        // At some moment of the batch, and of the tick.
        let mut first = vec![0; 30 + 7 * round];
        dots.read_exact(&mut first).expect("it records");
        std::thread::sleep(Duration::from_millis(3 + 5 * round as u64));
        child.kill().expect("it lives");
        child.wait().expect("it is ours");
        let mut rest = Vec::new();
        dots.read_to_end(&mut rest).expect("what it has written");
        assert!(first.iter().chain(&rest).all(|&byte| byte == b'.'));
        let samples = 160 * (first.len() + rest.len());

        let files = folder.files();
        assert_eq!(files.len(), CALLS);
        let check = |path: &Path| {
            let [caller, agent] = channels(path);
            for track in [&caller, &agent] {
                let end = track
                    .iter()
                    .rposition(|&sample| sample.abs() > 1_000)
                    .unwrap_or(0);
                assert!(
                    end + 1_600 >= samples,
                    "{end} of {samples} in {}",
                    path.display()
                );
            }
        };
        files.iter().for_each(|path| check(path));

        let (recordings, told) = open(Settings::new(&folder.0, RecordingFormat::Wav));
        assert_eq!(recordings.recover().expect("a folder"), CALLS);
        recordings.close();
        let told = told.lock().expect("no panic");
        for recording in &*told {
            assert_eq!(recording.status, RecordingStatus::Partial);
            assert_eq!(format!("{:?}", recording.format).to_lowercase(), format);
            check(&recordings.path(&recording.file).expect("a file"));
        }
    }
}

/// Records a second and a half of one call and tells what became of it.
#[tokio::main]
async fn record_once(folder: &Path) {
    let (recordings, told) = open(Settings::new(folder, RecordingFormat::Wav));
    let mut tap = recordings.start("call").expect("they are on");
    for number in 0..75 {
        frame(&mut tap, number);
    }
    tap.finish();
    recordings.close();
    let told = told.lock().expect("no panic");
    eprintln!(
        "{}",
        serde_json::to_string(told.last().expect("it is told")).expect("JSON")
    );
}

#[test]
fn a_file_that_may_not_grow_is_an_error_like_a_full_disk_and_kills_nobody() {
    if let Some(folder) = env::var_os("LIMITED_IN") {
        return record_once(folder.as_ref());
    }
    let folder = Folder::new();
    let name = "kill::a_file_that_may_not_grow_is_an_error_like_a_full_disk_and_kills_nobody";
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -f 64 && exec \"$0\" \"$@\""])
        .arg(env::current_exe().expect("this test"))
        .args(["--exact", name, "--nocapture"])
        .env("LIMITED_IN", &folder.0)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let told: Vec<String> = lines.map(|line| line.expect("text")).collect();
    assert!(child.wait().expect("it is ours").success(), "{told:?}");
    let recording: serde_json::Value = serde_json::from_str(&told[0]).expect("a record");
    assert_eq!(recording["status"], "partial", "{recording}");
    let [caller, _] = channels(&folder.0.join(recording["file"].as_str().expect("a path")));
    assert!(
        (800..12_000).contains(&caller.len()),
        "{} samples",
        caller.len()
    );
    assert!(caller.iter().all(|&sample| sample > 1_000));
}

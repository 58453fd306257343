//! The demo's call: the longest of the tests, and a test of what would notice a bad call.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use trunkline_demo::{Call, Check, ModelAudio, Options, Storm};
use trunkline_simulators::twilio::{Run, Violation};

fn options(model_audio: ModelAudio) -> Options {
    Options {
        server: PathBuf::from(env!("CARGO_BIN_EXE_trunkline-bridge-server")),
        speech: Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/speech"),
        model_audio,
        shows_progress: false,
        server_data: None,
    }
}

async fn play(model_audio: ModelAudio) -> Call {
    Call::play(&options(model_audio)).await.expect("a call")
}

/// Names of the conditions that do not hold, with what was found.
fn failures(checks: anyhow::Result<Vec<Check>>) -> Vec<String> {
    match checks {
        Ok(checks) => checks
            .iter()
            .filter(|check| !check.is_met)
            .map(ToString::to_string)
            .collect(),
        Err(error) => vec![error.to_string()],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_call_is_good_and_every_fault_in_it_would_be_noticed() {
    let good = play(ModelAudio::Pcm24k).await;
    assert_eq!(failures(good.checks()), [] as [&str; 0]);

    let spoilt = |name: &str, spoil: &dyn Fn(&mut Call)| {
        let mut call = good.clone();
        spoil(&mut call);
        let failures = failures(call.checks());
        assert!(
            failures.iter().any(|failure| failure.contains(name)),
            "{name} not noticed: {failures:#?}",
        );
    };
    spoilt("protocol violations", &|call| {
        call.twilio.violations.push(Violation {
            time: Duration::ZERO,
            code: 31_951,
            reason: "unknown event".to_owned(),
            text: String::new(),
        });
    });
    spoilt("truncation error", &|call| {
        call.model.truncates[0].audio_end_ms += 150
    });
    spoilt("truncation error", &|call| {
        call.model.truncates[0].audio_end_ms -= 150
    });
    spoilt("refused to truncate", &|call| {
        call.model.truncates[0].accepted = false
    });
    spoilt("nothing was cleared", &|call| call.twilio.clears.clear());
    spoilt("uplink, added latency p50", &|call| {
        for append in &mut call.model.appends {
            append.time += Duration::from_millis(10);
        }
    });
    spoilt("downlink, added latency p50", &|call| {
        for run in &mut call.twilio.runs {
            run.start += Duration::from_millis(10);
        }
    });
    spoilt("noticed by the model to cleared", &|call| {
        call.twilio.clears[0].time += Duration::from_millis(50);
    });
    // A frame of the caller's second line is lost, then one of the agent's fourth is silent.
    spoilt("uplink, noise", &|call| {
        let lost = 3 * (call.twilio.said[1].first_sample as usize + 8_000);
        call.model.input.drain(lost..lost + 480);
        call.model.input.extend([0; 480]);
    });
    spoilt("downlink, noise", &|call| {
        let end = call.twilio.received_mulaw.len();
        call.twilio.received_mulaw[end - 12_000..end - 11_840].fill(0xFF);
    });
    spoilt("queue ran dry", &|call| {
        let last = call.twilio.runs.last_mut().expect("something was heard");
        last.samples -= 8_000;
        let rest = Run {
            start: last.end() + Duration::from_millis(20),
            first_sample: last.first_sample + last.samples,
            samples: 8_000,
        };
        call.twilio.runs.push(rest);
    });
    spoilt("not heard to the end", &|call| {
        call.twilio
            .runs
            .last_mut()
            .expect("something was heard")
            .samples -= 800;
    });
    spoilt("transcripts of the caller", &|call| {
        for told in &mut call.model.server_events {
            if told.event["transcript"]
                .as_str()
                .is_some_and(|text| text.starts_with("Half past two please"))
            {
                told.event["transcript"] = "Half past ten please".into();
            }
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_is_as_good_with_mulaw_passed_straight_through() {
    let call = play(ModelAudio::Mulaw).await;
    assert_eq!(failures(call.checks()), [] as [&str; 0]);
    let directory = std::env::temp_dir().join(format!("trunkline-demo-{}", std::process::id()));
    call.write(&directory).expect("files");
    for file in ["call.wav", "call.jsonl", "call.svg", "report.md"] {
        let length = directory.join(file).metadata().expect(file).len();
        assert!(length > 4_000, "{file}: {length} bytes");
    }
    std::fs::remove_dir_all(&directory).expect("its own files");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_holds_in_a_storm_and_what_a_storm_does_not_excuse_would_be_noticed() {
    let good = Storm::play(&options(ModelAudio::Pcm24k))
        .await
        .expect("calls");
    assert_eq!(failures(good.checks()), [] as [&str; 0]);
    let name = format!("trunkline-storm-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    good.write(&directory).expect("files");
    let page = std::fs::read_to_string(directory.join("report.md")).expect("a page");
    for part in [
        "## Faults",
        "`drift:ppm=300`",
        "## Short calls",
        "concealed_ms",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    std::fs::remove_dir_all(&directory).expect("its own files");

    let spoilt = |name: &str, spoil: &dyn Fn(&mut Call)| {
        let mut storm = good.clone();
        spoil(&mut storm.call);
        let failures = failures(storm.checks());
        assert!(
            failures.iter().any(|failure| failure.contains(name)),
            "{name} not noticed: {failures:#?}",
        );
    };
    spoilt("protocol violations", &|call| {
        call.twilio.violations.push(Violation {
            time: Duration::ZERO,
            code: 31_951,
            reason: "unknown event".to_owned(),
            text: String::new(),
        });
    });
    spoilt("truncation errors", &|call| {
        for truncate in &mut call.model.truncates {
            truncate.audio_end_ms += 300;
        }
    });
    spoilt("truncation errors", &|call| {
        for truncate in &mut call.model.truncates {
            truncate.audio_end_ms -= 500;
        }
    });
    spoilt("errors at the model", &|call| {
        call.model.errors[0].code = "invalid_event".to_owned()
    });
    spoilt("garbage", &|call| call.twilio.garbage += 1);
    spoilt("nothing was cleared", &|call| call.twilio.clears.clear());
    spoilt("uplink, added latency p50", &|call| {
        for append in &mut call.model.appends {
            append.time += Duration::from_millis(10);
        }
    });
    spoilt("downlink, added latency p50", &|call| {
        for run in &mut call.twilio.runs {
            run.start += Duration::from_millis(10);
        }
    });
    spoilt("voice to the agent's silence", &|call| {
        call.twilio.said[2].start -= Duration::from_secs(1);
    });
    // A second of the caller's second line was garbled on the way.
    spoilt("uplink, noise", &|call| {
        let first = 3 * (call.twilio.said[1].first_sample as usize + 8_000);
        call.model.input[first..first + 24_000].fill(100);
    });
    spoilt("lines neither heard to the end", &|call| {
        call.twilio
            .runs
            .last_mut()
            .expect("something was heard")
            .samples -= 800;
    });
    spoilt("heard of a reply after it was cut", &|call| {
        let clear = call.twilio.clears[0].time;
        let media = call
            .twilio
            .received
            .iter_mut()
            .rfind(|media| media.time < clear);
        media.expect("media").time = clear + Duration::from_millis(1);
    });
    spoilt("dropped", &|call| {
        for line in &mut call.log {
            if line["event"] == "stream_closed" {
                line["stats"]["uplink_dropped_ms"] = 20.into();
            }
        }
    });
    spoilt("caller's audio: taken", &|call| {
        for line in &mut call.log {
            if line["event"] == "stream_closed" {
                line["stats"]["appended_ms"] = 20_000.into();
            }
        }
    });
}

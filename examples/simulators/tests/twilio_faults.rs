//! What goes wrong at the simulated Twilio, seen from a voice application on real sockets.

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use common::{App, connect_stream, ms, next_json, send_json, stream_sid};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};
use trunkline_simulators::FaultKind;
use trunkline_simulators::twilio::{self, CallRecord, Ending, Fault, Options, Step};

/// A call of `length` on which `faults` happen, to an application that only listens; what it heard.
async fn call(length: Duration, faults: &[&str]) -> (CallRecord, Vec<Result<String, String>>) {
    let heard: Arc<Mutex<Vec<_>>> = Arc::default();
    let listening = heard.clone();
    let app = App::start(connect_stream, move |mut socket| {
        let listening = listening.clone();
        async move {
            while let Some(message) = socket.next().await {
                let message = match message {
                    Ok(Message::Text(text)) => Ok(text.to_string()),
                    Ok(_) => continue,
                    Err(error) => Err(error.to_string()),
                };
                listening.lock().expect("unbroken").push(message);
            }
        }
    })
    .await;
    let record = dial(&app, length, faults).await;
    // The application has its own pace.
    tokio::time::sleep(ms(200)).await;
    let heard = heard.lock().expect("unbroken").clone();
    (record, heard)
}

async fn dial(app: &App, length: Duration, faults: &[&str]) -> CallRecord {
    let faults = faults.iter().map(|fault| fault.parse().expect("a fault"));
    twilio::call(Options {
        webhook: "https://voice.example.com/incoming".into(),
        connect_to: Some(app.address.to_string()),
        script: vec![Step::Pause(length), Step::HangUp],
        faults: faults.collect(),
        seed: 5,
        ..Options::default()
    })
    .await
}

/// The time stamps of the media in `heard`, in ms.
fn timestamps(heard: &[Result<String, String>]) -> Vec<u64> {
    let messages = heard.iter().flatten();
    let json = messages.filter_map(|text| serde_json::from_str::<Value>(text).ok());
    json.filter(|message| message["event"] == "media")
        .filter_map(|message| message["media"]["timestamp"].as_str()?.parse().ok())
        .collect()
}

#[tokio::test]
async fn lost_frames_leave_gaps_in_the_time_stamps_and_none_in_the_numbers() {
    let (record, heard) = call(ms(1_000), &["loss:percent=20"]).await;
    let times = timestamps(&heard);
    assert!(times.is_sorted());
    let lost = 50 - times.len();
    assert!((3..=20).contains(&lost), "{lost} of 50 lost");
    assert_eq!(record.sent.len(), times.len());
    let expected: Vec<u64> = record
        .sent
        .iter()
        .map(|sent| sent.first_sample / 8)
        .collect();
    assert_eq!(times, expected);
    let numbers = heard.iter().flatten().filter_map(|text| {
        let message: Value = serde_json::from_str(text).ok()?;
        message["sequenceNumber"].as_str()?.parse::<u64>().ok()
    });
    assert!(
        numbers
            .zip(1..)
            .all(|(number, expected)| number == expected)
    );
}

#[tokio::test]
async fn frames_come_twice_or_late_with_their_own_time_stamps() {
    let (_, heard) = call(ms(1_000), &["duplicate:percent=20"]).await;
    let mut times = timestamps(&heard);
    assert!(times.is_sorted());
    let all = times.len();
    times.dedup();
    assert!(all > times.len() && times.len() == 50);

    let (_, heard) = call(ms(1_000), &["reorder:percent=20,depth=2"]).await;
    let times = timestamps(&heard);
    let back: Vec<u64> = times
        .windows(2)
        .filter(|pair| pair[1] < pair[0])
        .map(|pair| pair[0] - pair[1])
        .collect();
    assert!(
        !back.is_empty() && back.iter().all(|&by| by <= 60),
        "{back:?}"
    );
}

#[tokio::test]
async fn a_clock_that_is_fast_sends_more_frames_and_the_record_is_straight() {
    // Seconds by which the frames are late against a clock of this rate: the least at the end, where
    // a rate that is wrong shows most, and the least of all.
    let calls = [10_000.0, -10_000.0].map(|ppm| async move {
        let (record, _) = call(ms(2_000), &[&format!("drift:ppm={ppm}")]).await;
        let late: Vec<f64> = record
            .sent
            .iter()
            .zip(1..)
            .map(|(sent, n)| {
                let due = 0.02 * f64::from(n) / (1.0 + ppm * 1e-6);
                (sent.time - record.started).as_secs_f64() - due
            })
            .collect();
        let least = |late: &[f64]| late.iter().copied().fold(f64::INFINITY, f64::min);
        (least(&late[80..]), least(&late))
    });
    let [fast, slow] = calls;
    let (fast, slow) = tokio::join!(fast, slow);
    for (at_the_end, ever) in [fast, slow] {
        // 20 ms were 1 % of the call.
        assert!(at_the_end < 0.012, "{at_the_end} s late");
        assert!(ever > -0.001, "{} s early", -ever);
    }
}

#[tokio::test]
async fn a_reset_comes_without_stop_or_close_frame() {
    let (record, heard) = call(ms(5_000), &["reset:at=300ms"]).await;
    assert_eq!(record.ending, Ending::Reset);
    let length = record.ended - record.started;
    assert!((ms(300)..ms(600)).contains(&length), "{length:?}");
    let texts: String = heard.iter().flatten().cloned().collect();
    assert!(!texts.contains(r#""event":"stop""#));
    let end = heard
        .last()
        .expect("something")
        .as_ref()
        .expect_err("an error");
    assert!(end.contains("reset"), "{end}");
}

#[tokio::test]
async fn garbage_of_every_kind_comes_in_between_and_leaves_the_numbers_alone() {
    let (record, heard) = call(ms(1_000), &["garbage:every=50ms,at=100ms"]).await;
    assert!(record.garbage >= 16, "{}", record.garbage);
    let texts: Vec<&String> = heard.iter().flatten().collect();
    for part in [
        r#""event":"weather""#,
        "!!!=",
        "[[[[",
        r#""event":7"#,
        r#""timestamp":"-20""#,
    ] {
        let count = texts.iter().filter(|text| text.contains(part)).count();
        assert!((1..=3).contains(&count), "{part}: {count}");
    }
    assert_eq!(record.sent.len(), 50, "the media is all there");

    let (record, heard) = call(ms(300), &["oversized:bytes=70000,at=100ms"]).await;
    assert_eq!(record.garbage, 1);
    let longest = heard.iter().flatten().map(String::len).max();
    assert_eq!(longest, Some(70_000));
}

#[tokio::test]
async fn marks_are_lost_late_or_doubled_on_their_way_back() {
    for (fault, expected) in [
        ("mark-loss:percent=100", vec![]),
        ("mark-repeat:percent=100", vec!["a", "a", "b", "b"]),
        ("mark-delay:percent=100,by=200ms", vec!["a", "b"]),
    ] {
        let echoes: Arc<Mutex<Vec<(String, Instant)>>> = Arc::default();
        let begun: Arc<Mutex<Option<Instant>>> = Arc::default();
        let (heard, began) = (echoes.clone(), begun.clone());
        let app = App::start(connect_stream, move |mut socket| {
            let (heard, began) = (heard.clone(), began.clone());
            async move {
                let sid = stream_sid(&mut socket).await;
                *began.lock().expect("unbroken") = Some(Instant::now());
                for name in ["a", "b"] {
                    let payload = BASE64_STANDARD.encode([0x90; 800]);
                    let media = json!({ "payload": payload });
                    let media = json!({ "event": "media", "streamSid": sid, "media": media });
                    send_json(&mut socket, media).await;
                    let mark = json!({ "name": name });
                    let mark = json!({ "event": "mark", "streamSid": sid, "mark": mark });
                    send_json(&mut socket, mark).await;
                }
                while let Some(message) = next_json(&mut socket).await {
                    if message["event"] == "mark" {
                        let name = message["mark"]["name"].as_str().expect("a name").to_owned();
                        heard.lock().expect("unbroken").push((name, Instant::now()));
                    }
                }
            }
        })
        .await;
        let record = dial(&app, ms(800), &[fault]).await;
        let echoes = echoes.lock().expect("unbroken");
        let names: Vec<&str> = echoes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, expected, "{fault}");
        let echoed = record.marks.iter().filter(|mark| mark.echoed.is_some());
        assert_eq!(echoed.count(), if expected.is_empty() { 0 } else { 2 });
        if fault.starts_with("mark-delay") {
            let began = begun.lock().expect("unbroken").expect("a stream");
            let after = echoes[0].1 - began;
            assert!((ms(290)..ms(500)).contains(&after), "{after:?}");
        }
    }
}

#[tokio::test]
async fn while_nothing_is_read_an_application_cannot_send_for_long() {
    // Bytes that went out until sending had to wait, in the second from 200 ms on.
    let taken: Arc<Mutex<[usize; 2]>> = Arc::default();
    let sent = taken.clone();
    let app = App::start(connect_stream, move |mut socket| {
        let sent = sent.clone();
        async move {
            let sid = stream_sid(&mut socket).await;
            let began = Instant::now();
            let payload = BASE64_STANDARD.encode([0xFF; 1_600]);
            let media = json!({ "payload": payload });
            let media = json!({ "event": "media", "streamSid": sid, "media": media }).to_string();
            tokio::time::sleep(ms(250)).await;
            loop {
                if socket.send(Message::text(media.clone())).await.is_err() {
                    return;
                }
                let late = usize::from(began.elapsed() > ms(1_100));
                sent.lock().expect("unbroken")[late] += media.len();
                if late == 1 {
                    break;
                }
            }
            while let Some(Ok(_)) = socket.next().await {}
        }
    })
    .await;
    let record = dial(&app, ms(1_600), &["slow-read:for=1s,at=200ms"]).await;
    let [during, after] = *taken.lock().expect("unbroken");
    assert!(during < 6 << 20, "{during} bytes went out to nobody");
    assert!(after > 0, "reading goes on afterwards");
    let silent = record.received.iter().filter(|media| {
        let since = media.time - record.started;
        since > ms(220) && since < ms(1_180)
    });
    assert_eq!(silent.count(), 0);
    assert_eq!(record.sent.len(), 80, "the caller is sent all the same");
}

#[tokio::test]
async fn a_server_that_closes_during_a_fault_is_noticed() {
    let app = App::start(connect_stream, |mut socket| async move {
        tokio::time::sleep(ms(300)).await;
        let closed = socket.close(None).await;
        assert!(matches!(closed, Ok(()) | Err(Error::ConnectionClosed)));
    })
    .await;
    let record = dial(
        &app,
        ms(3_000),
        &["garbage:every=20ms,at=0s", "loss:percent=50"],
    )
    .await;
    assert_eq!(record.ending, Ending::ServerHungUp);
}

#[test]
fn the_readme_has_the_table() {
    let readme = include_str!("../README.md");
    assert!(readme.contains(&FaultKind::table(Fault::KINDS)));
}

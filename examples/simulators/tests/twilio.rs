//! The simulated Twilio against a voice application on real sockets.

mod common;

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use common::{App, connect_stream, next_json, send_json, stream_sid};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use trunkline_simulators::audio::{level_dbfs, mulaw_decode};
use trunkline_simulators::twilio::{self, Ending, Fault, Options, Step};
use trunkline_simulators::{Speech, Window};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn options(app: &App, script: Vec<Step>) -> Options {
    Options {
        webhook: "https://voice.example.com/incoming?line=1".into(),
        connect_to: Some(app.address.to_string()),
        script,
        step_limit: ms(5_000),
        ..Options::default()
    }
}

fn media(sid: &Value, audio: &[u8]) -> Value {
    let payload = BASE64_STANDARD.encode(audio);
    json!({ "event": "media", "streamSid": sid, "media": { "payload": payload } })
}

fn mark(sid: &Value, name: &str) -> Value {
    json!({ "event": "mark", "streamSid": sid, "mark": { "name": name } })
}

/// Sends the caller's own words back.
async fn echo(mut socket: WebSocketStream<TcpStream>) {
    while let Some(message) = next_json(&mut socket).await {
        if message["event"] == "media" {
            let payload = message["media"]["payload"].as_str().expect("text");
            let audio = BASE64_STANDARD.decode(payload).expect("base64");
            send_json(&mut socket, media(&message["streamSid"], &audio)).await;
        }
    }
}

#[tokio::test]
async fn the_caller_hears_the_echo_of_what_was_said() {
    let app = App::start(connect_stream, echo).await;
    let script = vec![
        Step::Pause(ms(100)),
        Step::Say(Speech::tone(500.0, -12.0, ms(300))),
        Step::WaitAgentStarts,
        Step::WaitAgentSilent(ms(200)),
        Step::HangUp,
    ];
    let record = twilio::call(options(&app, script)).await;
    assert_eq!(record.violations, []);
    assert_eq!(record.ending, Ending::CallerHungUp);
    let said = record.said[0];
    assert_eq!((said.first_sample, said.samples), (800, 2_400));

    // The echo keeps the numbers: agent sample n is caller sample n.
    let sent: u64 = record.sent.iter().map(|media| media.samples).sum();
    let received = record.received_mulaw.len();
    assert!(received as u64 <= sent && received >= 3_200);
    let decoded: Vec<i16> = record
        .received_mulaw
        .iter()
        .map(|&code| mulaw_decode(code))
        .collect();
    assert_eq!(decoded, record.caller[..received]);
    let heard = record.heard_at(said.first_sample).expect("played");
    let delay = heard - said.start;
    assert!(delay >= ms(20) && delay < ms(400), "heard after {delay:?}");
    assert_eq!(record.heard_samples(800, 3_200), 2_400);
    let at = ((heard - record.started).as_secs_f64() * 8_000.0).round() as usize;
    assert!(level_dbfs(&record.heard[at..at + 100]) > -20.0);

    for (n, frame) in record.sent.iter().enumerate() {
        assert_eq!(frame.first_sample, 160 * n as u64);
        let due = record.started + ms(20) * (n as u32 + 1);
        assert!(
            frame.time >= due,
            "frame {n} left before its last sample was said"
        );
    }
    let written: Value = serde_json::to_value(&record).expect("a record is JSON");
    assert_eq!(written["sent"][3]["samples"], 160);
}

#[tokio::test]
async fn marks_come_back_when_heard_and_after_a_clear_in_order() {
    let app = App::start(connect_stream, |mut socket| async move {
        let sid = stream_sid(&mut socket).await;
        for message in [
            mark(&sid, "nothing queued"),
            media(&sid, &[0x90; 1_600]),
            mark(&sid, "first"),
            media(&sid, &[0x90; 800]),
            mark(&sid, "second"),
            media(&sid, &[0x90; 16_000]),
            mark(&sid, "third"),
            mark(&sid, "fourth"),
        ] {
            send_json(&mut socket, message).await;
        }
        let mut names = Vec::new();
        while let Some(message) = next_json(&mut socket).await {
            if message["event"] == "mark" {
                names.push(message["mark"]["name"].clone());
                match names.len() {
                    3 => {
                        let clear = json!({ "event": "clear", "streamSid": sid });
                        send_json(&mut socket, clear).await;
                    }
                    5 => {
                        send_json(&mut socket, media(&sid, &[0x90; 80])).await;
                        send_json(&mut socket, mark(&sid, "last")).await;
                    }
                    6 => break,
                    _ => {}
                }
            }
        }
        let order = [
            "nothing queued",
            "first",
            "second",
            "third",
            "fourth",
            "last",
        ];
        assert_eq!(names, order);
        socket.close(None).await.expect("open");
    })
    .await;
    let record = twilio::call(options(&app, Vec::new())).await;
    assert_eq!(record.ending, Ending::ServerHungUp);
    let (marks, clear) = (&record.marks, &record.clears[0]);
    assert_eq!(marks.len(), 6);
    assert_eq!(
        marks.iter().map(|mark| mark.flushed).collect::<Vec<_>>(),
        [false, false, false, true, true, false]
    );
    assert_eq!(
        marks.iter().map(|mark| mark.at_sample).collect::<Vec<_>>()[1..3],
        [1_600, 2_400]
    );
    let run = record.runs[0];
    for (mark, samples) in [(&marks[1], 1_600), (&marks[2], 2_400)] {
        let late = mark.echoed.expect("echoed") - run.start - ms(samples / 8);
        assert!(late < ms(200), "{} came {late:?} late", mark.name);
    }
    assert_eq!(clear.flushed_marks, 2);
    assert_eq!(clear.played_samples + clear.flushed_samples, 18_400);
    assert_eq!(run.samples, clear.played_samples);
    assert_eq!(record.runs[1].first_sample, 18_400);
    assert_eq!(record.heard_at(18_399), None);
    // 1005: the application closed without a code.
    assert_eq!(record.violations[0].code, 31921);
}

#[tokio::test]
async fn the_caller_interrupts_and_knows_what_was_heard() {
    let app = App::start(connect_stream, |mut socket| async move {
        let sid = stream_sid(&mut socket).await;
        send_json(&mut socket, media(&sid, &[0x90; 24_000])).await;
        let mut cleared = false;
        while let Some(message) = next_json(&mut socket).await {
            let payload = message["media"]["payload"].as_str().unwrap_or_default();
            let loud = !payload.is_empty() && payload != BASE64_STANDARD.encode([0xFF; 160]);
            if loud && !cleared {
                cleared = true;
                send_json(&mut socket, json!({ "event": "clear", "streamSid": sid })).await;
                send_json(&mut socket, media(&sid, &[0xA0; 1_600])).await;
            }
        }
    })
    .await;
    let script = vec![
        Step::WaitAgentStarts,
        Step::WaitAgentHeard(ms(400)),
        Step::Say(Speech::tone(300.0, -10.0, ms(200))),
        Step::WaitAgentStarts,
        Step::WaitAgentSilent(ms(100)),
        Step::Dtmf('1'),
        Step::Dtmf('2'),
        Step::HangUp,
    ];
    let record = twilio::call(options(&app, script)).await;
    assert_eq!(
        (&record.ending, &record.violations[..]),
        (&Ending::CallerHungUp, &[][..])
    );
    let (clear, said) = (record.clears[0], record.said[0]);
    let heard_before = said.start - record.runs[0].start;
    assert!(
        heard_before >= ms(400) && heard_before < ms(440),
        "spoke after {heard_before:?}"
    );
    assert!(clear.time > said.start && clear.time < said.start + ms(500));
    let played = ((clear.time - record.runs[0].start).as_secs_f64() * 8_000.0) as u64;
    assert!(played.abs_diff(clear.played_samples) <= 1);
    assert_eq!(record.heard_samples(0, 24_000), clear.played_samples);
    assert_eq!(record.heard_samples(24_000, 25_600), 1_600);
    assert!(
        record
            .steps
            .iter()
            .take(6)
            .all(|step| step.finished.is_some())
    );
    let seconds = (record.ended - record.started).as_secs_f64();
    assert!((record.heard.len() as f64 / 8_000.0 - seconds).abs() < 0.03);
}

#[tokio::test]
async fn whatever_twilio_would_not_take_is_reported_and_the_stream_goes_on() {
    let app = App::start(connect_stream, |mut socket| async move {
        let sid = stream_sid(&mut socket).await;
        let sid = sid.as_str().expect("text");
        let texts = [
            "not json".to_owned(),
            r#"{"event":"clear"}"#.to_owned(),
            format!(r#"{{"event":"say","streamSid":"{sid}"}}"#),
            r#"{"event":"clear","streamSid":"MZ0"}"#.to_owned(),
            format!(r#"{{"event":"clear","streamSid":"{sid}","now":true}}"#),
            format!(r#"{{"event":"media","streamSid":"{sid}","media":{{"payload":"*"}}}}"#),
        ];
        for text in texts {
            socket.send(Message::text(text)).await.expect("open");
        }
        socket
            .send(Message::binary(vec![1, 2, 3]))
            .await
            .expect("open");
        let ten_minutes = media(&json!(sid), &vec![0xFF; 4_800_000]);
        send_json(&mut socket, ten_minutes).await;
        send_json(&mut socket, media(&json!(sid), &[0xFF; 80_000])).await;
        send_json(&mut socket, json!({ "event": "clear", "streamSid": sid })).await;
        send_json(&mut socket, mark(&json!(sid), "still here")).await;
        while let Some(message) = next_json(&mut socket).await {
            if message["mark"]["name"] == "still here" {
                let close = CloseFrame {
                    code: 1000.into(),
                    reason: "".into(),
                };
                socket.close(Some(close)).await.expect("open");
                break;
            }
        }
    })
    .await;
    let record = twilio::call(options(&app, Vec::new())).await;
    let codes: Vec<_> = record
        .violations
        .iter()
        .map(|violation| violation.code)
        .collect();
    assert_eq!(
        codes,
        [31951, 31951, 31951, 31951, 31951, 31951, 31950, 31931]
    );
    assert_eq!(record.violations[0].text, "not json");
    assert!(record.violations[2].reason.contains("unknown event 'say'"));
    assert_eq!(record.received_mulaw.len(), 4_800_000);
    assert_eq!(record.ending, Ending::ServerHungUp);
}

#[tokio::test]
async fn every_way_to_fail_has_twilios_number() {
    fn stream(url: &str) -> String {
        format!("<Response><Connect><Stream url=\"{url}\"/></Connect></Response>")
    }
    let app = App::start(
        |path| match path {
            "/status" => (500, "<no/>".into()),
            "/kind" => (200, "hello".into()),
            "/xml" => (200, "<Response><Connect></Response>".into()),
            "/scheme" => (200, stream("ws://voice.example.com/streams")),
            "/relative" => (200, stream("refused")),
            "/track" => {
                let attributes = "url=\"wss://voice.example.com/s\" track=\"both_tracks\"";
                (
                    200,
                    format!("<Response><Connect><Stream {attributes}/></Connect></Response>"),
                )
            }
            "/loop" => (200, "<Response><Redirect>loop</Redirect></Response>".into()),
            path => (
                200,
                stream(&format!("wss://voice.example.com{path}-stream?a=b")),
            ),
        },
        |mut socket| async move {
            // What is done to the stream is the path's first word; see below.
            stream_sid(&mut socket).await;
            drop(socket);
        },
    )
    .await;
    for (path, code) in [
        ("/status", 11200),
        ("/kind", 12300),
        ("/xml", 12100),
        ("/loop", 12100),
        ("/scheme", 31922),
        ("/relative", 31920),
        ("/track", 31941),
        ("/dropped", 31903),
    ] {
        let webhook = format!("https://voice.example.com{path}");
        let record = twilio::call(Options {
            webhook,
            ..options(&app, Vec::new())
        })
        .await;
        let codes: Vec<_> = record
            .violations
            .iter()
            .map(|violation| violation.code)
            .collect();
        assert_eq!(
            (codes, record.ending),
            (vec![code], Ending::Failed),
            "{path}"
        );
    }
    let nobody = Options {
        connect_to: Some("127.0.0.1:1".into()),
        ..options(&app, Vec::new())
    };
    assert_eq!(twilio::call(nobody).await.violations[0].code, 11200);
    let no_route = Options {
        connect_to: None,
        ..options(&app, Vec::new())
    };
    let record = twilio::call(no_route).await;
    assert!(
        record.violations[0].reason.contains("connect-to"),
        "{:?}",
        record.violations
    );
    let requests = app.requests.lock().expect("unbroken");
    let upgrade = requests
        .iter()
        .find(|request| request.path().ends_with("-stream"));
    assert_eq!(
        upgrade.expect("an upgrade without a query").path(),
        "/dropped-stream"
    );
}

#[tokio::test]
async fn after_a_stream_the_twiml_goes_on_and_a_second_stream_continues_the_time_line() {
    let app = App::start(
        |path| match path {
            "/after" => (
                200,
                "<Response><Pause length=\"1\"/><Connect><Stream \
                 url=\"wss://voice.example.com/b\"/></Connect><Hangup/></Response>"
                    .into(),
            ),
            _ => (
                200,
                "<Response><Connect action=\"/after\"><Stream \
                 url=\"wss://voice.example.com/a\"/></Connect></Response>"
                    .into(),
            ),
        },
        |mut socket| async move {
            let sid = stream_sid(&mut socket).await;
            let mut first = None;
            for _ in 0..5 {
                let message = next_json(&mut socket).await.expect("media");
                first.get_or_insert(message);
            }
            let first = first.expect("media");
            assert_eq!(first["media"]["chunk"], "1");
            assert_eq!(first["media"]["timestamp"], "0");
            assert_eq!(first["sequenceNumber"], "2");
            send_json(&mut socket, media(&sid, &[0x90; 800])).await;
            send_json(&mut socket, mark(&sid, "end")).await;
            while let Some(message) = next_json(&mut socket).await {
                if message["event"] == "mark" {
                    let close = CloseFrame {
                        code: 1000.into(),
                        reason: "".into(),
                    };
                    socket.close(Some(close)).await.expect("open");
                }
            }
        },
    )
    .await;
    let record = twilio::call(options(&app, Vec::new())).await;
    assert_eq!(
        (&record.violations[..], record.stream_sids.len()),
        (&[][..], 2)
    );
    assert_eq!(record.ending, Ending::ServerHungUp);
    assert_eq!(record.requests[1].url, "https://voice.example.com/after");
    let (first, second) = (record.runs[0], record.runs[1]);
    assert!(second.start - first.end() >= ms(1_000));
    let at = |time: Duration| ((time - record.started).as_secs_f64() * 8_000.0).round() as usize;
    assert!(level_dbfs(&record.heard[at(first.end()) + 80..at(second.start) - 80]) < -100.0);
    assert!(level_dbfs(&record.heard[at(second.start) + 8..at(second.end()) - 8]) > -20.0);
    // Caller samples lie where they were said, in both streams.
    for media in &record.sent {
        let said = record.started + Duration::from_micros(125 * media.first_sample);
        assert!(
            media.time >= said + ms(19) && media.time < said + ms(400),
            "{media:?}"
        );
    }
}

#[tokio::test]
async fn jitter_and_stalls_bunch_frames_without_losing_any() {
    let app = App::start(connect_stream, |mut socket| async move {
        let mut expected = 1;
        while let Some(message) = next_json(&mut socket).await {
            if message["event"] == "media" {
                assert_eq!(message["media"]["chunk"], expected.to_string());
                assert_eq!(
                    message["media"]["timestamp"],
                    (20 * (expected - 1)).to_string()
                );
                expected += 1;
            }
        }
    })
    .await;
    let stall = Window {
        at: ms(200),
        length: ms(300),
        every: None,
    };
    let script = vec![Step::Pause(ms(800)), Step::HangUp];
    let record = twilio::call(Options {
        faults: vec![Fault::Jitter { max: ms(30) }, Fault::Stall(stall)],
        ..options(&app, script)
    })
    .await;
    assert_eq!(record.violations, []);
    assert_eq!(record.sent.len(), 40);
    let since = |n: usize| record.sent[n].time - record.started;
    let stalled = (0..40)
        .filter(|&n| since(n) >= ms(300) && since(n) < ms(500))
        .count();
    assert_eq!(stalled, 0);
    let bunch = (0..40)
        .filter(|&n| since(n) >= ms(500) && since(n) < ms(600))
        .count();
    assert!(bunch >= 14, "only {bunch} frames at the end of the stall");
}

#[tokio::test]
async fn calls_end_at_their_limit_and_scripts_that_hang_are_given_up() {
    let app = App::start(connect_stream, |mut socket| async move {
        let mut last = Value::Null;
        while let Some(message) = next_json(&mut socket).await {
            last = message;
        }
        assert_eq!(last["event"], "stop");
    })
    .await;
    let limited = Options {
        time_limit: ms(200),
        ..options(&app, Vec::new())
    };
    let hanging = Options {
        step_limit: ms(200),
        ..options(&app, vec![Step::WaitAgentStarts, Step::HangUp])
    };
    let (limited, hanging) = tokio::join!(twilio::call(limited), twilio::call(hanging));
    assert_eq!(limited.ending, Ending::TimeLimit);
    assert_eq!(hanging.ending, Ending::ScriptTimeout(0));
    assert_eq!((limited.violations.len(), hanging.violations.len()), (0, 0));
}

#[tokio::test]
async fn a_server_that_does_not_read_is_reported_and_does_not_hold_up_the_caller() {
    let (done, finished) = tokio::sync::watch::channel(false);
    let app = App::start(connect_stream, move |mut socket| {
        let mut finished = finished.clone();
        async move {
            let sid = stream_sid(&mut socket).await;
            // More to echo than fits into the queue and the buffers of the connection.
            let name = "x".repeat(10_000);
            for _ in 0..700 {
                send_json(&mut socket, mark(&sid, &name)).await;
            }
            send_json(&mut socket, media(&sid, &[0x90; 800])).await;
            let _ = finished.changed().await;
        }
    })
    .await;
    let script = vec![Step::WaitAgentStarts, Step::HangUp];
    let record = twilio::call(options(&app, script)).await;
    done.send_replace(true);
    let codes: Vec<_> = record
        .violations
        .iter()
        .map(|violation| violation.code)
        .collect();
    assert_eq!(codes, [31930]);
    assert_eq!(record.ending, Ending::CallerHungUp);
    let spoken = record.steps[1].began - record.started;
    assert_eq!(ms(20) * record.sent.len() as u32, spoken);
}

#[tokio::test]
async fn webhooks_carry_every_documented_field() {
    let app = App::start(connect_stream, |mut socket| async move {
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    })
    .await;
    let status_callback = Some("https://voice.example.com/status".to_owned());
    let script = vec![Step::HangUp];
    let record = twilio::call(Options {
        status_callback,
        ..options(&app, script)
    })
    .await;
    let requests = app.requests.lock().expect("unbroken");
    let posts: Vec<_> = requests
        .iter()
        .filter(|it| it.head.starts_with("POST"))
        .collect();
    let form = posts[0].form();
    let field = |form: &[(String, String)], name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    for name in [
        "CallSid",
        "AccountSid",
        "From",
        "To",
        "CallStatus",
        "Direction",
        "ApiVersion",
        "Caller",
        "Called",
        "FromCountry",
        "ToState",
        "CallerZip",
        "CalledCity",
        "CallToken",
        "StirVerstat",
    ] {
        assert!(field(&form, name).is_some(), "{name}");
    }
    assert_eq!(field(&form, "CallStatus").as_deref(), Some("ringing"));
    let signature = twilio::signature(
        "simulated-auth-token",
        "https://voice.example.com/incoming?line=1",
        &form,
    );
    assert_eq!(posts[0].header("X-Twilio-Signature"), Some(&*signature));
    // An inbound call tells its end only.
    assert_eq!(posts.len(), 2);
    let form = posts[1].form();
    assert_eq!(field(&form, "CallStatus").as_deref(), Some("completed"));
    assert_eq!(field(&form, "SequenceNumber").as_deref(), Some("0"));
    assert_eq!(field(&form, "CallDuration").as_deref(), Some("0"));
    assert_eq!(record.requests.len(), 2);
}

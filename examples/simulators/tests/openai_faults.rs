//! What goes wrong at the simulated model, seen from a client on real sockets.

mod common;

use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use common::{Client, ms, mulaw_turn, options, start, telephony, tone};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use trunkline_simulators::FaultKind;
use trunkline_simulators::openai::{Answer, Fault, Options, Server, SessionRecord, Turn};

/// A service on which `faults` happen; it says one second.
async fn faulty(faults: &[&str]) -> Server {
    let turns = vec![
        Turn::new("One.", Answer::speech(tone(1_000), "Number one.")),
        Turn::new("Two.", Answer::speech(tone(1_000), "Number two.")),
    ];
    let faults = faults.iter().map(|fault| fault.parse().expect("a fault"));
    start(Options {
        faults: faults.collect(),
        ..options(turns)
    })
    .await
}

fn create() -> Value {
    json!({ "type": "response.create" })
}

/// Asks for a response and waits for its end; the last event.
async fn answer(client: &mut Client) -> Value {
    client.send(create()).await;
    client.until("response.done").await
}

/// The first session so far.
fn session(server: &Server) -> SessionRecord {
    server.sessions().remove(0)
}

fn bytes(delta: &Value) -> usize {
    let text = delta["delta"].as_str().expect("text");
    BASE64_STANDARD.decode(text).expect("base64").len()
}

#[tokio::test]
async fn jitter_delays_events_in_order_and_stalls_bunch_them() {
    let server = faulty(&["jitter:max=100ms", "stall:for=400ms,at=300ms"]).await;
    let mut client = Client::open(&server).await;
    tokio::time::sleep(ms(280)).await;
    client.send(create()).await;
    let mut times = Vec::new();
    while let Some(event) = client.next().await {
        times.push(Instant::now());
        if event["type"] == "response.done" {
            break;
        }
    }
    let record = session(&server);
    let planned: Vec<Duration> = record
        .server_events
        .iter()
        .map(|event| event.time)
        .collect();
    assert!(planned.is_sorted());
    let stalled = planned.iter().filter(|&&time| {
        let since = time - record.opened;
        since > ms(310) && since < ms(690)
    });
    assert_eq!(stalled.count(), 0);
    let at_once = planned
        .iter()
        .filter(|&&time| time == planned[planned.len() / 2]);
    assert!(
        at_once.count() > 5,
        "what waited comes at once: {planned:?}"
    );
    let bytes: u64 = record.deltas.iter().map(|delta| delta.bytes).sum();
    assert_eq!(bytes, 48_000, "nothing is lost");
}

#[tokio::test]
async fn deltas_are_as_big_as_asked_for() {
    let server = faulty(&["big-delta:length=800ms"]).await;
    let mut client = Client::open(&server).await;
    answer(&mut client).await;
    let deltas = client
        .seen
        .iter()
        .filter(|event| event["type"] == "response.output_audio.delta");
    let lengths: Vec<_> = deltas.map(bytes).collect();
    assert_eq!(lengths, [38_400, 9_600]);
}

#[tokio::test]
async fn deltas_of_a_cancelled_response_come_after_its_end() {
    let server = faulty(&["late-delta:count=3"]).await;
    let mut client = Client::open(&server).await;
    client.send(create()).await;
    client.until("response.output_audio.delta").await;
    client.send(json!({ "type": "response.cancel" })).await;
    let done = client.until("response.done").await;
    assert_eq!(done["response"]["status"], "cancelled");
    let recorded = session(&server).deltas.len();
    for _ in 0..3 {
        let late = client.until("response.output_audio.delta").await;
        assert_eq!(late["response_id"], done["response"]["id"]);
        assert!(bytes(&late) > 0);
    }
    assert_eq!(
        session(&server).deltas.len(),
        recorded,
        "they are not part of the item"
    );
}

#[tokio::test]
async fn voice_detection_may_be_late_or_take_nothing_for_speech() {
    let mut delays = Vec::new();
    for faults in [&[][..], &["late-vad:by=300ms"]] {
        let server = faulty(faults).await;
        let mut client = Client::open(&server).await;
        client.update(telephony()).await;
        let began = Instant::now();
        client.append(&mulaw_turn(300, 600)).await;
        let started = client.until("input_audio_buffer.speech_started").await;
        assert_eq!(started["audio_start_ms"], 0);
        delays.push(began.elapsed());
        let transcript = "conversation.item.input_audio_transcription.completed";
        assert_eq!(client.until(transcript).await["transcript"], "One.");
    }
    assert!(delays[0] < ms(250) && delays[1] > ms(290), "{delays:?}");

    let server = faulty(&["false-vad:for=200ms,at=300ms"]).await;
    let mut client = Client::open(&server).await;
    client.update(telephony()).await;
    answer(&mut client).await;
    client.until("input_audio_buffer.speech_started").await;
    client.until("input_audio_buffer.speech_stopped").await;
    let mut texts = Vec::new();
    let again = loop {
        let event = client.next().await.expect("open");
        match event["type"].as_str() {
            Some("conversation.item.input_audio_transcription.completed") => {
                texts.push(event["transcript"].clone());
            }
            Some("response.done") => break event,
            _ => {}
        }
    };
    assert_eq!(texts, [""]);
    let said = &again["response"]["output"][0]["content"][0]["transcript"];
    assert_eq!(said, "Number one.", "the last answer is given again");
    client.append(&mulaw_turn(300, 600)).await;
    let transcript = "conversation.item.input_audio_transcription.completed";
    assert_eq!(
        client.until(transcript).await["transcript"],
        "One.",
        "the script waits"
    );
}

#[tokio::test]
async fn truncations_are_refused_as_often_as_asked_for() {
    let server = faulty(&["refuse-truncate:count=2"]).await;
    let mut client = Client::open(&server).await;
    let done = answer(&mut client).await;
    let item = &done["response"]["output"][0]["id"];
    let truncate = json!({
        "type": "conversation.item.truncate", "event_id": "t", "item_id": item,
        "content_index": 0, "audio_end_ms": 500,
    });
    for _ in 0..2 {
        client.send(truncate.clone()).await;
        let error = client.error().await;
        assert_eq!(
            (&error["code"], &error["event_id"]),
            (&json!("invalid_value"), &json!("t"))
        );
    }
    client.send(truncate).await;
    client.until("conversation.item.truncated").await;
    let accepted: Vec<_> = session(&server)
        .truncates
        .iter()
        .map(|it| it.accepted)
        .collect();
    assert_eq!(accepted, [false, false, true]);
}

#[tokio::test]
async fn a_response_fails_after_some_of_its_audio() {
    let server = faulty(&["fail-response:number=2,after=300ms"]).await;
    let mut client = Client::open(&server).await;
    assert_eq!(answer(&mut client).await["response"]["status"], "completed");
    let failed = answer(&mut client).await;
    let response = &failed["response"];
    assert_eq!(response["status"], "failed");
    assert_eq!(response["status_details"]["error"]["code"], "server_error");
    let record = session(&server);
    let id = response["id"].as_str().expect("an id");
    let sent = record.deltas.iter().filter(|delta| delta.response_id == id);
    assert_eq!(sent.map(|delta| delta.bytes).sum::<u64>(), 300 * 48);
}

#[tokio::test]
async fn events_and_errors_come_at_their_times_and_again() {
    let faults = [
        "event:at=50ms,every=50ms",
        "error:at=75ms,every=100ms,code=rate_limit_exceeded,text=Slow, please.",
        "text:at=310ms,text={",
    ];
    let server = faulty(&faults).await;
    let mut client = Client::open(&server).await;
    let began = Instant::now();
    let (mut unknown, mut errors) = (Vec::new(), Vec::new());
    let garbage = loop {
        match client
            .socket
            .next()
            .await
            .expect("open")
            .expect("a message")
        {
            Message::Text(text) => match serde_json::from_str::<Value>(&text) {
                Ok(event) if event["type"] == "error" => errors.push(event["error"].clone()),
                Ok(event) => unknown.push(event["type"].clone()),
                Err(_) => break text,
            },
            other => assert!(other.is_ping()),
        }
    };
    assert_eq!(garbage, "{");
    assert!((ms(250)..ms(600)).contains(&began.elapsed()));
    assert_eq!(unknown.len(), 6);
    assert_eq!(unknown[0], unknown[4], "they come in turn");
    assert_eq!(
        unknown[..4]
            .iter()
            .collect::<std::collections::HashSet<_>>()
            .len(),
        4
    );
    assert_eq!(errors.len(), 3);
    assert_eq!(errors[0]["type"], "rate_limit_exceeded");
    assert_eq!(errors[0]["message"], "Slow, please.");
}

#[tokio::test]
async fn a_slow_update_holds_up_all_that_is_behind_it() {
    let server = faulty(&["slow-update:by=400ms"]).await;
    let mut client = Client::open(&server).await;
    let began = Instant::now();
    let session = json!({ "type": "realtime" });
    client
        .send(json!({ "type": "session.update", "session": session }))
        .await;
    client.send(create()).await;
    client.until("session.updated").await;
    assert!(began.elapsed() > ms(390));
    client.until("response.created").await;
}

#[tokio::test]
async fn while_nothing_is_read_a_client_cannot_send_for_long() {
    let server = faulty(&["slow-read:for=700ms,at=100ms"]).await;
    let mut client = Client::open(&server).await;
    tokio::time::sleep(ms(150)).await;
    let silence = BASE64_STANDARD.encode([0_u8; 24_000]);
    let append = json!({ "type": "input_audio_buffer.append", "audio": silence }).to_string();
    let mut sent = 0;
    let began = Instant::now();
    while began.elapsed() < ms(500) {
        let sending = client.socket.send(Message::text(append.clone()));
        match tokio::time::timeout(ms(100), sending).await {
            Ok(sending) => sending.expect("open"),
            Err(_) => break,
        }
        sent += 1;
    }
    assert!(sent < 300, "{sent} seconds of audio went out to nobody");
    tokio::time::sleep(ms(900)).await;
    let record = session(&server);
    let first = record.appends.first().expect("reading goes on afterwards");
    assert!(first.time - record.opened > ms(790));
}

#[tokio::test]
async fn a_reset_loses_what_was_on_its_way_and_a_drop_does_not() {
    for (fault, is_reset) in [("reset:at=200ms", true), ("drop:at=200ms", false)] {
        let server = faulty(&[fault]).await;
        let mut client = Client::open(&server).await;
        let end = loop {
            match client.socket.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error.to_string(),
                None => break String::new(),
            }
        };
        assert_eq!(end.contains("os error"), is_reset, "{fault}: {end}");
        tokio::time::sleep(ms(50)).await;
        let record = session(&server);
        assert!(record.close.is_none() && record.closed.is_some());
    }
}

#[tokio::test]
async fn faults_can_be_changed_for_the_sessions_to_come() {
    let server = faulty(&["close:received=response.create,code=4001"]).await;
    let mut first = Client::open(&server).await;
    server.set_faults(Vec::new());
    first.send(create()).await;
    assert_eq!(first.closed().await.expect("a close frame").0, 4001);
    let mut second = Client::open(&server).await;
    assert_eq!(answer(&mut second).await["response"]["status"], "completed");
}

#[test]
fn the_readme_has_the_table() {
    let readme = include_str!("../README.md");
    assert!(readme.contains(&FaultKind::table(Fault::KINDS)));
}

#[tokio::test]
async fn a_refused_upgrade_is_an_http_answer_and_counts_for_one_connection() {
    let turns = vec![Turn::unasked(Answer::speech(tone(200), "Hello."))];
    let server = start(Options {
        session_faults: vec![vec![Fault::RefuseUpgrade { status: 429 }]],
        ..options(turns)
    })
    .await;
    let url = format!("{}?model=m", server.url());
    let refused = tokio_tungstenite::connect_async(url)
        .await
        .expect_err("refused");
    let tokio_tungstenite::tungstenite::Error::Http(answer) = refused else {
        panic!("{refused}");
    };
    assert_eq!(answer.status(), 429);
    let mut client = Client::open(&server).await;
    assert_eq!(answer_text(&mut client).await, "Hello.");
}

#[tokio::test]
async fn a_script_goes_on_after_what_the_client_tells() {
    let turns = vec![
        Turn::unasked(Answer::speech(tone(200), "Hello, dear.")),
        Turn::new("One.", Answer::tool("f", "{}")),
        Turn::unasked(Answer::speech(tone(200), "Number one.")),
        Turn::new("Two.", Answer::speech(tone(200), "Number two.")),
    ];
    let message = |role: &str, kind: &str, text: &str| {
        let content = json!([{ "type": kind, "text": text }]);
        json!({ "type": "message", "role": role, "content": content })
    };
    let hello = message("assistant", "output_text", "Hello, dear.");
    let one = message("user", "input_text", "One.");
    let call = json!({ "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}" });
    let part = message("assistant", "output_text", "Number");
    let two = message("user", "input_text", "Two.");
    for (items, next) in [
        (vec![], "Hello, dear."),
        (vec![&hello, &one, &call], "Number one."),
        // What was said in part is said again.
        (vec![&hello, &one, &call, &part], "Number one."),
        (vec![&hello, &one, &call, &part, &two], "Number two."),
    ] {
        let server = start(options(turns.clone())).await;
        let mut client = Client::open(&server).await;
        for item in items {
            let create = json!({ "type": "conversation.item.create", "item": item });
            client.send(create).await;
        }
        assert_eq!(answer_text(&mut client).await, next);
    }
}

/// Asks for a response and returns its words.
async fn answer_text(client: &mut Client) -> String {
    let done = answer(client).await;
    let words = &done["response"]["output"][0]["content"][0]["transcript"];
    words.as_str().unwrap_or_default().to_owned()
}

//! The simulated Realtime service against a client on real sockets: what it refuses, limits and
//! faults.

mod common;

use common::{Client, audio_of, ms, options, start, telephony, tone};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use trunkline_simulators::openai::{Action, Answer, At, Fault, Options, Turn};

#[tokio::test]
async fn clients_that_may_not_come_in_are_told_in_band() {
    let service = Options {
        api_key: Some("sk-right".into()),
        models: vec!["gpt-realtime-2.1".into()],
        ..options(Vec::new())
    };
    let server = start(service).await;
    let right = ("authorization", "Bearer sk-right");
    let wrong = ("authorization", "Bearer sk-wrong");
    let bare = ("authorization", "sk-right");
    let beta = ("openai-beta", "realtime=v1");
    let model = "?model=gpt-realtime-2.1";
    for (query, headers, code, close) in [
        (model, &[][..], "invalid_api_key", 3000),
        (model, &[wrong], "invalid_api_key", 3000),
        (model, &[bare], "invalid_api_key", 3000),
        (model, &[right, beta], "beta_api_shape_disabled", 4000),
        ("", &[right], "missing_model", 4000),
        ("?model=gpt-realtime", &[right], "model_not_found", 4004),
    ] {
        let mut client = Client::connect(&format!("{}{query}", server.url()), headers).await;
        let closed = client.closed().await;
        assert_eq!(
            closed,
            Some((close, format!("invalid_request_error.{code}"))),
            "{query}"
        );
        assert_eq!(client.seen.len(), 1);
        assert_eq!(client.seen[0]["type"], "error");
        assert_eq!(client.seen[0]["error"]["code"], code);
    }
    let protocols = "realtime, openai-insecure-api-key.sk-right";
    let url = format!("{}{model}", server.url());
    let mut browser = Client::connect(&url, &[("sec-websocket-protocol", protocols)]).await;
    browser.until("session.created").await;
    let records = server.sessions();
    assert_eq!(records.len(), 7);
    assert_eq!(
        records[1].close.as_ref().map(|close| close.code),
        Some(3000)
    );
}

#[tokio::test]
async fn updates_that_the_service_refuses_are_refused_whole() {
    let server = start(options(Vec::new())).await;
    let mut client = Client::open(&server).await;
    let with = |key: &str, value: Value| json!({ "type": "realtime", key: value });
    let format = |value: Value| with("audio", json!({ "input": { "format": value } }));
    let detection = |value: Value| with("audio", json!({ "input": { "turn_detection": value } }));
    for (session, code, param) in [
        (json!({}), "missing_required_parameter", ".type"),
        (json!({ "type": "voice" }), "invalid_value", ".type"),
        (json!({ "type": "transcription" }), "invalid_value", ".type"),
        (
            with("modalities", json!(["text"])),
            "unknown_parameter",
            ".modalities",
        ),
        (with("voice", json!("marin")), "unknown_parameter", ".voice"),
        (
            with("temperature", json!(0.8)),
            "unknown_parameter",
            ".temperature",
        ),
        (
            with("output_modalities", json!(["text", "audio"])),
            "invalid_value",
            ".output_modalities",
        ),
        (
            with("output_modalities", json!([])),
            "invalid_value",
            ".output_modalities",
        ),
        (
            with("model", json!("gpt-realtime-2")),
            "invalid_value",
            ".model",
        ),
        (
            with("max_output_tokens", json!(5_000)),
            "integer_above_max_value",
            ".max_output_tokens",
        ),
        (
            with("max_output_tokens", json!("all")),
            "invalid_value",
            ".max_output_tokens",
        ),
        (
            with("instructions", json!(5)),
            "invalid_type",
            ".instructions",
        ),
        (
            with("tools", json!([{ "type": "function", "function": {} }])),
            "unknown_parameter",
            ".tools[0].function",
        ),
        (
            format(json!("g711_ulaw")),
            "invalid_type",
            ".audio.input.format",
        ),
        (
            format(json!({})),
            "missing_required_parameter",
            ".audio.input.format.type",
        ),
        (
            format(json!({ "type": "audio/opus" })),
            "invalid_value",
            ".audio.input.format.type",
        ),
        (
            format(json!({ "type": "audio/pcmu", "rate": 8_000 })),
            "unknown_parameter",
            ".audio.input.format.rate",
        ),
        (
            format(json!({ "type": "audio/pcma", "rate": 8_000 })),
            "unknown_parameter",
            ".audio.input.format.rate",
        ),
        (
            format(json!({ "type": "audio/pcm", "rate": 16_000 })),
            "integer_below_min_value",
            ".audio.input.format.rate",
        ),
        (
            detection(json!({ "type": "server_vad", "threshold": 2 })),
            "invalid_value",
            ".audio.input.turn_detection.threshold",
        ),
        (
            detection(json!({ "type": "server_vad", "treshold": 0.5 })),
            "unknown_parameter",
            ".audio.input.turn_detection.treshold",
        ),
    ] {
        let text = session.to_string();
        client
            .send(json!({ "type": "session.update", "session": session }))
            .await;
        let error = client.error().await;
        let param = format!("session{param}");
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!(code), &json!(param)),
            "{text}"
        );
    }
    // A good key beside a bad one is not taken either.
    let mixed = json!({ "type": "realtime", "instructions": "Changed.", "voice": "marin" });
    client
        .send(json!({ "type": "session.update", "session": mixed }))
        .await;
    client.error().await;
    let updated = client
        .update(json!({ "output_modalities": ["text"] }))
        .await;
    let session = &updated["session"];
    assert_ne!(session["instructions"], "Changed.");
    assert_eq!(session["output_modalities"], json!(["text"]));
    assert_eq!(
        session["audio"]["input"]["format"],
        json!({ "type": "audio/pcm", "rate": 24_000 })
    );
}

#[tokio::test]
async fn nested_objects_merge_and_null_clears() {
    let server = start(options(Vec::new())).await;
    let mut client = Client::open(&server).await;
    let input = |key: &str, value: Value| json!({ "audio": { "input": { key: value } } });
    let detection = json!({ "type": "server_vad", "silence_duration_ms": 700 });
    client.update(input("turn_detection", detection)).await;
    let updated = client
        .update(input("transcription", json!({ "model": "gpt-transcribe" })))
        .await;
    let now = &updated["session"]["audio"]["input"];
    assert_eq!(now["turn_detection"]["silence_duration_ms"], 700);
    assert_eq!(now["turn_detection"]["prefix_padding_ms"], 300);
    // The keys of the other kind of detection do not stay behind.
    let semantic = json!({ "type": "semantic_vad", "eagerness": "high" });
    let updated = client
        .update(input("turn_detection", semantic.clone()))
        .await;
    assert_eq!(
        updated["session"]["audio"]["input"]["turn_detection"],
        semantic
    );
    let updated = client.update(input("turn_detection", Value::Null)).await;
    let now = &updated["session"]["audio"]["input"];
    assert_eq!(now["turn_detection"], Value::Null);
    assert_eq!(now["transcription"]["model"], "gpt-transcribe");
}

#[tokio::test]
async fn the_voice_is_fixed_once_the_model_spoke() {
    let turn = Turn::unasked(Answer::speech(tone(100), "Hello."));
    let server = start(options(vec![turn])).await;
    let mut client = Client::open(&server).await;
    let voice = |name: &str| json!({ "audio": { "output": { "voice": name } } });
    client.update(voice("cedar")).await;
    client.send(json!({ "type": "response.create" })).await;
    let done = client.until("response.done").await;
    assert_eq!(done["response"]["audio"]["output"]["voice"], "cedar");
    client.update(voice("cedar")).await;
    let mut session = voice("alloy");
    session["type"] = json!("realtime");
    client
        .send(json!({ "type": "session.update", "session": session }))
        .await;
    assert_eq!(client.error().await["param"], "session.audio.output.voice");
}

#[tokio::test]
async fn events_that_the_service_refuses_leave_the_session_open() {
    let server = start(options(Vec::new())).await;
    let mut client = Client::open(&server).await;
    let long = "x".repeat(33);
    let event = |kind: &str, key: &str, value: Value| json!({ "type": kind, key: value });
    let item = |item: Value| event("conversation.item.create", "item", item);
    let message = |role: &str, kind: &str| {
        let content = json!([{ "type": kind, "text": "Hi" }]);
        item(json!({ "type": "message", "role": role, "content": content }))
    };
    let append = "input_audio_buffer.append";
    let output = json!({ "type": "function_call_output", "call_id": "call_9", "output": "" });
    let call = |id: &str| {
        item(json!({ "type": "function_call", "call_id": id, "name": "f", "arguments": "{}" }))
    };
    let refused = [
        (json!([]), "invalid_event"),
        (json!({}), "missing_required_parameter"),
        (json!({ "type": "nope" }), "invalid_value"),
        (
            json!({ "type": "output_audio_buffer.clear" }),
            "invalid_value",
        ),
        (
            event("response.create", "event_id", json!("e".repeat(513))),
            "string_above_max_length",
        ),
        (
            event("response.create", "modalities", json!(["text"])),
            "unknown_parameter",
        ),
        (
            event("response.create", "response", json!({ "voice": "marin" })),
            "unknown_parameter",
        ),
        (
            json!({ "type": "session.update" }),
            "missing_required_parameter",
        ),
        (json!({ "type": append }), "missing_required_parameter"),
        (event(append, "audio", json!(5)), "invalid_type"),
        (event(append, "audio", json!("*")), "invalid_value"),
        (
            json!({ "type": "input_audio_buffer.commit" }),
            "input_audio_buffer_commit_empty",
        ),
        (
            event("conversation.item.retrieve", "item_id", json!("x")),
            "item_retrieve_invalid_item_id",
        ),
        (
            item(json!({ "type": "message", "id": long, "role": "user", "content": [] })),
            "string_above_max_length",
        ),
        (call(&long), "string_above_max_length"),
        (item(output.clone()), "invalid_tool_call_id"),
        (item(json!({ "type": "speech" })), "invalid_value"),
        (message("assistant", "text"), "invalid_value"),
        (message("assistant", "output_audio"), "invalid_value"),
        (message("user", "output_text"), "invalid_value"),
        (message("caller", "input_text"), "invalid_value"),
    ];
    let count = refused.len();
    for (event, code) in refused {
        client.send(event.clone()).await;
        assert_eq!(client.error().await["code"], code, "{event}");
    }
    client
        .socket
        .send(Message::text("{\"type\":"))
        .await
        .expect("open");
    assert_eq!(client.error().await["code"], "invalid_json");
    client
        .socket
        .send(Message::binary(vec![1]))
        .await
        .expect("open");
    assert_eq!(client.error().await["code"], "invalid_event");
    for event in [
        message("assistant", "output_text"),
        message("system", "input_text"),
        call("call_9"),
        item(output),
    ] {
        client.send(event).await;
        client.until("conversation.item.done").await;
    }
    let mut first = message("user", "input_text");
    first["previous_item_id"] = json!("root");
    first["item"]["id"] = json!("msg_1");
    client.send(first.clone()).await;
    assert_eq!(
        client.until("conversation.item.added").await["previous_item_id"],
        Value::Null
    );
    client.until("conversation.item.done").await;
    client.send(first).await;
    assert_eq!(client.error().await["code"], "item_create_invalid_item_id");
    let mut second = message("user", "input_text");
    second["previous_item_id"] = json!("msg_1");
    client.send(second).await;
    assert_eq!(
        client.until("conversation.item.added").await["previous_item_id"],
        "msg_1"
    );
    assert_eq!(server.sessions()[0].errors.len(), count + 3);
}

#[tokio::test]
async fn a_session_ends_at_its_limit_and_is_pinged_until_then() {
    let limits = Options {
        session_limit: ms(300),
        ping: ms(50),
        ..options(Vec::new())
    };
    let server = start(limits).await;
    let mut client = Client::open(&server).await;
    let mut pings = 0;
    let mut last = Value::Null;
    let mut close = None;
    while let Some(Ok(message)) = client.socket.next().await {
        match message {
            Message::Ping(_) => pings += 1,
            Message::Text(text) => last = serde_json::from_str(&text).expect("JSON"),
            Message::Close(frame) => close = frame,
            _ => {}
        }
    }
    assert!((2..=6).contains(&pings), "{pings} pings");
    assert_eq!(last["error"]["code"], "session_expired");
    let message = "Your session hit the maximum duration of 1 minutes.";
    assert_eq!(last["error"]["message"], message);
    assert_eq!(
        close.expect("a close frame").reason,
        "invalid_request_error.session_expired"
    );
    let records = server.shutdown().await;
    assert!(records[0].close.as_ref().expect("closed").by_server);
    let lasted = records[0].closed.expect("closed") - records[0].opened;
    assert!(lasted >= ms(300) && lasted < ms(2_000), "{lasted:?}");
}

#[tokio::test]
async fn a_client_that_leaves_is_recorded_and_a_shutdown_tells_the_others() {
    let server = start(options(Vec::new())).await;
    let mut leaving = Client::open(&server).await;
    let mut staying = Client::open(&server).await;
    leaving.socket.close(None).await.expect("open");
    leaving.closed().await;
    let (records, close) = tokio::join!(server.shutdown(), staying.closed());
    assert_eq!(close, Some((1001, "going away".into())));
    let ends: Vec<_> = records
        .iter()
        .map(|it| it.close.as_ref().map(|it| (it.code, it.by_server)))
        .collect();
    assert_eq!(ends, [Some((1005, false)), Some((1001, true))]);
    assert!(records.iter().all(|record| record.closed.is_some()));
}

#[tokio::test]
async fn faults_happen_where_they_are_put() {
    let turn = Turn::unasked(Answer::speech(tone(1_000), "Hello."));
    let fault = |at, action| Fault::At { at, action };
    let faulty = |faults| Options {
        faults,
        ..options(vec![turn.clone()])
    };
    let create = json!({ "type": "response.create" });

    // The connection is cut: no close frame.
    let third = At::sending("response.output_audio.delta", 3);
    let server = start(faulty(vec![fault(third, Action::Drop)])).await;
    let mut client = Client::open(&server).await;
    client.send(create.clone()).await;
    assert_eq!(client.closed().await, None);
    let deltas = client
        .kinds()
        .iter()
        .filter(|kind| kind.ends_with("audio.delta"))
        .count();
    assert_eq!(deltas, 2);

    let close = Action::Close {
        code: 1011,
        reason: "internal".into(),
    };
    let server = start(faulty(vec![fault(
        At::received("response.create", 1),
        close,
    )]))
    .await;
    let mut client = Client::open(&server).await;
    client.send(create.clone()).await;
    assert_eq!(client.closed().await, Some((1011, "internal".into())));

    let error = Action::Error {
        kind: "server_error".into(),
        code: "server_error".into(),
        message: "The server had an error.".into(),
    };
    let server = start(faulty(vec![
        fault(At::received("response.create", 1), error),
        fault(
            At::sending("response.created", 1),
            Action::Send(json!({ "type": "new.event" })),
        ),
        fault(
            At::sending("response.done", 1),
            Action::SendText("{".into()),
        ),
        fault(At::sending("response.output_audio.done", 1), Action::Skip),
        fault(
            At::sending("response.content_part.added", 1),
            Action::Pause(ms(300)),
        ),
    ]))
    .await;
    let mut client = Client::open(&server).await;
    client.send(create).await;
    assert_eq!(client.error().await["type"], "server_error");
    client.until("new.event").await;
    client.until("response.output_item.done").await;
    assert!(
        !client
            .kinds()
            .contains(&"response.output_audio.done".to_owned())
    );
    let text = client
        .socket
        .next()
        .await
        .expect("open")
        .expect("a message");
    assert_eq!(text, Message::text("{"));
    client.until("response.done").await;
    let events = &server.sessions()[0].server_events;
    let at = |kind: &str| {
        events
            .iter()
            .find(|event| event.kind == kind)
            .expect("sent")
            .time
    };
    // What was due during the pause waits for its end.
    let pause = at("response.content_part.added") - at("conversation.item.added");
    assert!(pause >= ms(300) && pause < ms(1_000), "{pause:?}");
}

#[tokio::test]
async fn formats_can_be_ignored_and_updates_then_show_it() {
    let turn = Turn::unasked(Answer::speech(tone(100), "Hello."));
    let server = start(Options {
        ignore_formats: true,
        ..options(vec![turn])
    })
    .await;
    let mut client = Client::open(&server).await;
    let updated = client.update(telephony()).await;
    let pcm = json!({ "type": "audio/pcm", "rate": 24_000 });
    assert_eq!(updated["session"]["audio"]["input"]["format"], pcm);
    assert_eq!(updated["session"]["audio"]["output"]["format"], pcm);
    assert_eq!(
        updated["session"]["audio"]["input"]["turn_detection"]["silence_duration_ms"],
        500
    );
    client.send(json!({ "type": "response.create" })).await;
    let done = client.until("response.done").await;
    assert_eq!(
        audio_of(&client, &done["response"]["output"][0]["id"]).len(),
        4_800
    );
}

//! Who gets in, and who does not.

mod common;

use std::{fs, path::Path, process::Command, time::Duration};

use common::{AUTH_TOKEN, KEY, PUBLIC_URL, Stage, lines, only};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderValue, StatusCode},
    },
};
use trunkline_demo::NUMBER;
use trunkline_simulators::{openai, twilio};

type Stream = WebSocketStream<TcpStream>;

async fn stage(arguments: &[&str]) -> Stage {
    Stage::set(openai::Options::default(), arguments).await
}

/// Opens a stream as Twilio does, signed over `signed_url`.
async fn stream(stage: &Stage, signed_url: &str) -> Result<Stream, StatusCode> {
    let signature = twilio::signature(AUTH_TOKEN, signed_url, &[]);
    stream_with(stage, &[("x-twilio-signature", &signature)]).await
}

async fn stream_with(
    stage: &Stage,
    headers: &[(&'static str, &str)],
) -> Result<Stream, StatusCode> {
    let socket = TcpStream::connect(stage.server.address).await.unwrap();
    let mut request = "wss://voice.example.com/streams"
        .into_client_request()
        .unwrap();
    for (name, value) in headers {
        request
            .headers_mut()
            .insert(*name, HeaderValue::from_str(value).unwrap());
    }
    match client_async(request, socket).await {
        Ok((stream, _)) => Ok(stream),
        Err(Error::Http(answer)) => Err(answer.status()),
        Err(error) => panic!("{error}"),
    }
}

/// The token in the TwiML of a call.
async fn token(stage: &Stage, call_sid: &str) -> String {
    let (status, twiml) = stage
        .post(
            "/twilio/incoming-call",
            &[("CallSid", call_sid), ("To", NUMBER)],
        )
        .await;
    assert_eq!(status, 200);
    let verbs = concat!(
        r#"<Connect action="https://voice.example.com/twilio/stream-ended">"#,
        r#"<Stream url="wss://voice.example.com/streams">"#,
    );
    assert!(twiml.contains(verbs), "{twiml}");
    let (_, rest) = twiml
        .split_once(r#"name="token" value=""#)
        .expect("a token");
    rest.split('"').next().unwrap().to_owned()
}

fn start(call_sid: &str, token: &str) -> Message {
    let start = json!({
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": "AC1",
            "streamSid": "MZ1",
            "callSid": call_sid,
            "tracks": ["inbound"],
            "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
            "customParameters": { "token": token },
        },
        "streamSid": "MZ1",
    });
    Message::text(start.to_string())
}

/// The close code the server ends the stream with.
async fn close_code(stream: &mut Stream) -> Option<u16> {
    let closing = async {
        while let Some(Ok(message)) = stream.next().await {
            if let Message::Close(frame) = message {
                return frame.map(|frame| frame.code.into());
            }
        }
        None
    };
    timeout(Duration::from_secs(10), closing)
        .await
        .expect("it closes")
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_without_twilios_signature_are_refused() {
    let stage = stage(&[]).await;
    let fields = [("CallSid", "CA1"), ("From", "+15550155")];
    let url = format!("{PUBLIC_URL}/twilio/incoming-call");
    let owned = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let good = twilio::signature(AUTH_TOKEN, &url, &owned);
    let path = "/twilio/incoming-call";
    assert_eq!(
        stage
            .post_with(path, &fields, &[("X-Twilio-Signature", &good)])
            .await
            .0,
        200
    );

    let other_key = twilio::signature("another", &url, &owned);
    let other_url = twilio::signature(AUTH_TOKEN, "http://localhost/twilio/incoming-call", &owned);
    for headers in [
        vec![],
        vec![("X-Twilio-Signature", "")],
        vec![("X-Twilio-Signature", &*other_key)],
        // Whatever the request claims, Twilio signs the configured URL.
        vec![
            ("X-Twilio-Signature", &*other_url),
            ("X-Forwarded-Proto", "http"),
        ],
        vec![
            ("X-Twilio-Signature", &*other_url),
            ("X-Forwarded-Host", "localhost"),
        ],
        // Signed by another kind of key.
        vec![
            ("X-Twilio-Signature", &*good),
            (
                "X-Twilio-Webhooks-Signature-Settings",
                "key=k1,algorithm=HMAC_SHA256",
            ),
        ],
    ] {
        assert_eq!(
            stage.post_with(path, &fields, &headers).await.0,
            403,
            "{headers:?}"
        );
        let status = stage
            .post_with("/twilio/call-status", &fields, &headers)
            .await
            .0;
        assert_eq!(status, 403, "{headers:?}");
    }
    let more = [fields[0], fields[1], ("To", "+15550100")];
    assert_eq!(
        stage
            .post_with(path, &more, &[("X-Twilio-Signature", &good)])
            .await
            .0,
        403
    );
    assert_eq!(
        stage
            .post_with(path, &fields[..1], &[("X-Twilio-Signature", &good)])
            .await
            .0,
        403
    );
    let played = stage.strike().await;
    assert_eq!(lines(&played.log, "bad_signature").count(), 14);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_webhooks_get_an_http_error() {
    let stage = stage(&[]).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(stage.http(&get("/twilio/incoming-call")).await.0, 405);
    assert_eq!(stage.http(&get("/elsewhere")).await.0, 404);
    assert_eq!(stage.http(&get("/streams")).await.0, 426);
    let large = "x".repeat(100 << 10);
    assert_eq!(
        stage
            .post("/twilio/incoming-call", &[("CallSid", &large)])
            .await
            .0,
        413
    );
    assert_eq!(
        stage
            .post("/twilio/incoming-call", &[("From", "+15550155")])
            .await
            .0,
        400
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_trickle_are_cut_off_within_ten_seconds() {
    let stage = stage(&[]).await;
    let answer_to = async |part: &str| {
        let mut socket = TcpStream::connect(stage.server.address).await.unwrap();
        socket.write_all(part.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = timeout(Duration::from_secs(10), socket.read_to_string(&mut answer)).await;
        read.expect("cut off").unwrap();
        answer
    };
    let head = "POST /twilio/incoming-call HTTP/1.1\r\nHost: a\r\n";
    let body = format!("{head}Content-Length: 9\r\n\r\nA");
    let (silent, half_a_head, half_a_body) =
        tokio::join!(answer_to(""), answer_to(head), answer_to(&body));
    assert_eq!((&*silent, &*half_a_head), ("", ""));
    assert!(half_a_body.starts_with("HTTP/1.1 408 "), "{half_a_body}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_let_in_by_the_signature_over_the_url_in_the_twiml() {
    let stage = stage(&[]).await;
    for url in [
        "wss://voice.example.com/streams",
        "wss://voice.example.com/streams/",
        "wss://voice.example.com:443/streams",
    ] {
        assert!(stream(&stage, url).await.is_ok(), "{url}");
    }
    for url in [
        "https://voice.example.com/streams",
        "ws://voice.example.com/streams",
        "wss://voice.example.com:8443/streams",
        "wss://voice.example.com/streams?a=b",
    ] {
        assert_eq!(
            stream(&stage, url).await.err(),
            Some(StatusCode::FORBIDDEN),
            "{url}"
        );
    }
    assert_eq!(
        stream_with(&stage, &[]).await.err(),
        Some(StatusCode::FORBIDDEN)
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_needs_its_calls_unused_token_before_any_model_is_asked() {
    let stage = stage(&[]).await;
    let url = "wss://voice.example.com/streams";
    let token = token(&stage, "CA1").await;
    for (call_sid, shown) in [
        ("CA1", ""),
        ("CA1", "0".repeat(32).as_str()),
        ("CA2", &*token),
    ] {
        let mut stream = stream(&stage, url).await.unwrap();
        stream.send(start(call_sid, shown)).await.unwrap();
        assert_eq!(
            close_code(&mut stream).await,
            Some(1008),
            "{call_sid} {shown}"
        );
    }
    assert!(stage.model.sessions().is_empty(), "a model was asked");

    let mut good = stream(&stage, url).await.unwrap();
    good.send(start("CA1", &token)).await.unwrap();
    stage.logged("session_ready", 1).await;
    // The same token again, while its call goes on: that call must not notice.
    let mut replayed = stream(&stage, url).await.unwrap();
    replayed.send(start("CA1", &token)).await.unwrap();
    assert_eq!(close_code(&mut replayed).await, Some(1008));
    let health = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(stage.http(health).await.1.contains(r#""calls":1"#));
    good.close(None).await.unwrap();
    stage.logged("stream_closed", 5).await;
    let played = stage.strike().await;
    assert_eq!(played.sessions.len(), 1);
    let text: String = played.log.iter().map(|line| line.to_string()).collect();
    assert!(!text.contains(&token), "the token is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_start_is_closed_after_five_seconds() {
    let stage = stage(&[]).await;
    let opened = Instant::now();
    let mut stream = stream(&stage, "wss://voice.example.com/streams")
        .await
        .unwrap();
    let connected = r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;
    stream.send(Message::text(connected)).await.unwrap();
    assert_eq!(close_code(&mut stream).await, Some(1008));
    let waited = opened.elapsed().as_secs_f64();
    assert!((4.9..6.5).contains(&waited), "{waited} s");
    let played = stage.strike().await;
    assert_eq!(only(&played.log, "stream_closed")["reason"], "not_started");
    assert!(played.sessions.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_a_stream_is_counted_and_a_message_beyond_64_kib_ends_it() {
    let stage = stage(&[]).await;
    let token = token(&stage, "CA1").await;
    let mut stream = stream(&stage, "wss://voice.example.com/streams")
        .await
        .unwrap();
    stream.send(start("CA1", &token)).await.unwrap();
    stage.logged("session_ready", 1).await;
    for text in ["", "{", "[]", r#"{"event":"media","streamSid":"MZ1"}"#] {
        stream.send(Message::text(text)).await.unwrap();
    }
    stream.send(Message::binary(vec![0; 160])).await.unwrap();
    stream
        .send(Message::text(" ".repeat(100 << 10)))
        .await
        .unwrap();
    let played = {
        let line = stage.logged("stream_closed", 1).await;
        assert_eq!(
            (&line["reason"], &line["messages_refused"]),
            (&json!("twilio_failed"), &json!(5))
        );
        stage.strike().await
    };
    let close = played.sessions[0].close.as_ref().unwrap();
    assert_eq!((close.code, close.by_server), (1000, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_requests_are_served_only_when_told_so_and_no_token_is_set() {
    let binary = Path::new(env!("CARGO_BIN_EXE_trunkline-bridge-server"));
    let refused = Command::new(binary).env_clear().output().unwrap();
    assert!(!refused.status.success());
    let error = String::from_utf8(refused.stderr).unwrap();
    for name in [
        "PUBLIC_BASE_URL",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "OPENAI_API_KEY",
        "API_KEY",
        "--insecure",
    ] {
        assert!(error.contains(name), "{name} in {error}");
    }

    let arguments = ["--public-base-url", PUBLIC_URL, "--insecure"];
    let insecure =
        trunkline_demo::Server::start(binary, &arguments, &[("OPENAI_API_KEY", KEY)], |_| {});
    let insecure = insecure.await.unwrap();
    let request = "POST /twilio/incoming-call HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 11\r\n\r\nCallSid=CA1";
    assert_eq!(common::http(insecure.address, request).await.0, 200);
    insecure.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_read_from_a_file_and_the_environment_wins() {
    let directory = tempfile::tempdir().unwrap();
    let file = format!(
        "PUBLIC_BASE_URL={PUBLIC_URL}\nOPENAI_API_KEY='{KEY}'\nTWILIO_AUTH_TOKEN=wrong\n# a comment\n"
    );
    fs::write(directory.path().join(".env"), file).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_trunkline-bridge-server"));
    let environment = [("TWILIO_AUTH_TOKEN", AUTH_TOKEN)];
    let start =
        || trunkline_demo::Server::start_in(directory.path(), binary, &[], &environment, |_| {});
    let server = start().await.unwrap();
    let fields = [("CallSid".to_owned(), "CA1".to_owned())];
    let url = format!("{PUBLIC_URL}/twilio/incoming-call");
    let signature = twilio::signature(AUTH_TOKEN, &url, &fields);
    let request = format!(
        "POST /twilio/incoming-call HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
         X-Twilio-Signature: {signature}\r\nContent-Length: 11\r\n\r\nCallSid=CA1"
    );
    assert_eq!(common::http(server.address, &request).await.0, 200);
    server.stop().await.unwrap();

    fs::write(directory.path().join(".env"), "PUBLIC_BASE_URL='unfinished").unwrap();
    assert!(start().await.is_err());
}

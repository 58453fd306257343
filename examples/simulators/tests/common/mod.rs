//! The simplest counterparts of the simulators.

// Each test binary uses its own part.
#![allow(dead_code)]

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use trunkline_simulators::Speech;
use trunkline_simulators::audio::mulaw_encode;
use trunkline_simulators::openai::{Options, Server, Turn};

/// An HTTP request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The decoded form.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.body.as_bytes())
            .into_owned()
            .collect()
    }
}

/// A voice application: answers webhooks with what `twiml` gives for the path, and streams with
/// `stream`.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
}

impl App {
    pub(crate) async fn start<F>(
        twiml: fn(&str) -> (u16, String),
        stream: impl Fn(WebSocketStream<TcpStream>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let seen = requests.clone();
        let stream = Arc::new(stream);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (seen, stream) = (seen.clone(), stream.clone());
                tokio::spawn(async move {
                    let mut first = [0; 2_048];
                    let length = socket.peek(&mut first).await.expect("a request");
                    let head = String::from_utf8_lossy(&first[..length]).into_owned();
                    if head.starts_with("GET") {
                        let request = Request {
                            head,
                            body: String::new(),
                        };
                        let refused = request.path() == "/refused";
                        seen.lock().expect("unbroken").push(request);
                        if refused {
                            refuse(socket).await;
                            return;
                        }
                        let socket = tokio_tungstenite::accept_async(socket).await;
                        stream(socket.expect("an upgrade")).await;
                    } else {
                        answer(socket, twiml, &seen).await;
                    }
                });
            }
        });
        Self { address, requests }
    }
}

/// Answers an upgrade with 403.
async fn refuse(mut socket: TcpStream) {
    let mut request = [0; 2_048];
    let _ = socket.read(&mut request).await.expect("readable");
    let answer = b"HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n";
    socket.write_all(answer).await.expect("writable");
}

async fn answer(
    mut socket: TcpStream,
    twiml: fn(&str) -> (u16, String),
    seen: &Mutex<Vec<Request>>,
) {
    let mut bytes = Vec::new();
    let request = loop {
        let mut part = [0; 4_096];
        let length = socket.read(&mut part).await.expect("readable");
        bytes.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let request = Request {
            head: head.to_owned(),
            body: body.to_owned(),
        };
        let expected = request.header("content-length").expect("a length");
        if body.len() == expected.parse::<usize>().expect("a number") {
            break request;
        }
    };
    let (status, body) = twiml(request.path());
    seen.lock().expect("unbroken").push(request);
    let kind = if body.starts_with('<') {
        "text/xml; charset=utf-8"
    } else {
        "text/plain"
    };
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(answer.as_bytes()).await.expect("writable");
}

/// TwiML that connects a stream with one parameter.
pub(crate) fn connect_stream(_path: &str) -> (u16, String) {
    let twiml = r#"<?xml version="1.0" encoding="UTF-8"?><Response><Connect>
        <Stream url="wss://voice.example.com/streams"><Parameter name="token" value="t0k3n"/>
        </Stream></Connect></Response>"#;
    (200, twiml.to_owned())
}

/// Reads messages up to `start`; the identifier of the stream.
pub(crate) async fn stream_sid(socket: &mut WebSocketStream<TcpStream>) -> Value {
    loop {
        let message = next_json(socket).await.expect("a start message");
        if message["event"] == "start" {
            return message["streamSid"].clone();
        }
    }
}

/// Reads JSON messages until the peer is gone.
pub(crate) async fn next_json<S>(socket: &mut WebSocketStream<S>) -> Option<Value>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        match socket.next().await? {
            Ok(Message::Text(text)) => return serde_json::from_str(&text).ok(),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

/// Sends one JSON message; a peer that is gone is not an error.
pub(crate) async fn send_json<S>(socket: &mut WebSocketStream<S>, message: Value)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let _ = socket.send(Message::text(message.to_string())).await;
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A Realtime service that answers fast.
pub(crate) fn options(turns: Vec<Turn>) -> Options {
    Options {
        turns,
        latency: ms(20),
        speed: 20.0,
        transcription: (ms(5), ms(10)),
        ..Options::default()
    }
}

pub(crate) async fn start(options: Options) -> Server {
    Server::bind("127.0.0.1:0", options)
        .await
        .expect("a free port")
}

/// Something to hear, in milliseconds.
pub(crate) fn tone(length: u64) -> Speech {
    Speech::tone(440.0, -10.0, ms(length))
}

/// A turn of the user in μ-law: speech, then silence, in milliseconds.
pub(crate) fn mulaw_turn(speech: u64, silence: usize) -> Vec<u8> {
    let tone = Speech::tone(300.0, -15.0, ms(speech)).at(8_000);
    let mut bytes: Vec<u8> = tone.iter().map(|&sample| mulaw_encode(sample)).collect();
    bytes.extend(std::iter::repeat_n(0xFF, 8 * silence));
    bytes
}

/// A session with μ-law both ways, where 500 ms of silence end a turn.
pub(crate) fn telephony() -> Value {
    let format = json!({ "type": "audio/pcmu" });
    json!({ "audio": {
        "input": {
            "format": format,
            "transcription": { "model": "gpt-transcribe" },
            "turn_detection": { "type": "server_vad", "silence_duration_ms": 500 },
        },
        "output": { "format": format },
    }})
}

/// The audio of all deltas of `item`, decoded from base64.
pub(crate) fn audio_of(client: &Client, item: &Value) -> Vec<u8> {
    let mut audio = Vec::new();
    for event in &client.seen {
        if event["type"] == "response.output_audio.delta" && event["item_id"] == *item {
            let delta = event["delta"].as_str().expect("text");
            audio.extend(BASE64_STANDARD.decode(delta).expect("base64"));
        }
    }
    audio
}

/// A client of the Realtime simulator.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) seen: Vec<Value>,
}

impl Client {
    pub(crate) async fn connect(url: &str, headers: &[(&'static str, &str)]) -> Self {
        let mut request = url.into_client_request().expect("a valid URL");
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, value.parse().expect("a valid header"));
        }
        let (socket, _) = tokio_tungstenite::connect_async(request)
            .await
            .expect("an upgrade");
        Self {
            socket,
            seen: Vec::new(),
        }
    }

    /// Connects with a key and a model, and takes `session.created`.
    pub(crate) async fn open(server: &Server) -> Self {
        let url = format!("{}?model=gpt-realtime-2.1", server.url());
        let mut client = Self::connect(&url, &[("authorization", "Bearer sk-test")]).await;
        client.until("session.created").await;
        client
    }

    pub(crate) async fn send(&mut self, event: Value) {
        send_json(&mut self.socket, event).await;
    }

    /// Updates the session and takes `session.updated`.
    pub(crate) async fn update(&mut self, mut session: Value) -> Value {
        session["type"] = json!("realtime");
        self.send(json!({ "type": "session.update", "session": session }))
            .await;
        self.until("session.updated").await
    }

    pub(crate) async fn append(&mut self, bytes: &[u8]) {
        let audio = BASE64_STANDARD.encode(bytes);
        self.send(json!({ "type": "input_audio_buffer.append", "audio": audio }))
            .await;
    }

    /// The next event, of any kind.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let event = tokio::time::timeout(PATIENCE, next_json(&mut self.socket)).await;
        let event = event.expect("an event in time")?;
        self.seen.push(event.clone());
        Some(event)
    }

    /// The next event of this type; those before it are kept in `seen`.
    pub(crate) async fn until(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Some(event) if event["type"] == kind => return event,
                Some(event) => assert_ne!(event["type"], "error", "{event} before {kind}"),
                None => panic!("closed before {kind}"),
            }
        }
    }

    /// The body of the next `error` event.
    pub(crate) async fn error(&mut self) -> Value {
        loop {
            let event = self.next().await.expect("an open session");
            if event["type"] == "error" {
                return event["error"].clone();
            }
        }
    }

    /// The types of the events seen since the last call.
    pub(crate) fn kinds(&mut self) -> Vec<String> {
        let kinds = self
            .seen
            .iter()
            .map(|event| event["type"].as_str().expect("a type").into());
        let kinds = kinds.collect();
        self.seen.clear();
        kinds
    }

    /// Reads on to the close frame; its code and reason.
    pub(crate) async fn closed(&mut self) -> Option<(u16, String)> {
        let mut close = None;
        while let Some(Ok(message)) = tokio::time::timeout(PATIENCE, self.socket.next())
            .await
            .expect("an end in time")
        {
            match message {
                Message::Text(text) => {
                    self.seen.push(serde_json::from_str(&text).expect("JSON"));
                }
                Message::Close(Some(frame)) => {
                    close = Some((frame.code.into(), frame.reason.to_string()));
                }
                _ => {}
            }
        }
        close
    }
}

/// Longer than anything in the tests takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Posts a form with basic authentication; status, and body as JSON.
pub(crate) async fn http_post(
    url: &str,
    (user, password): (&str, &str),
    form: &[(&str, &str)],
) -> (u16, Value) {
    let rest = url.strip_prefix("http://").expect("a plain URL");
    let (host, path) = rest.split_at(rest.find('/').expect("a path"));
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Basic {credentials}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(host).await.expect("it listens");
    socket
        .write_all(request.as_bytes())
        .await
        .expect("writable");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("readable");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status");
    (
        status.parse().expect("a number"),
        serde_json::from_str(body).expect("JSON"),
    )
}

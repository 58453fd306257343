//! An agent that says what it is told when it is told, behind a network that takes its time.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{accept_async, tungstenite::Message};
use trunkline_bridge_server::recording::{Recordings, Tap};

/// What the agent does, so long after the stream began.
#[derive(Clone)]
pub(crate) enum Act {
    Say(Vec<u8>),
    Clear,
}

/// Serves one call, recorded as `call`: messages take `delay` each way. The task ends with the longest time for
/// which this machine let nothing on the line happen.
pub(crate) async fn serve(
    recordings: Recordings,
    delay: Duration,
    acts: Vec<(u64, Act)>,
) -> (SocketAddr, JoinHandle<Duration>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            let mut first = [0; 1];
            socket.peek(&mut first).await.expect("a request");
            if first == *b"G" {
                let tap = recordings.start("call").expect("they are on");
                return Agent::new(tap, delay, acts).talk(socket).await;
            }
            answer(&mut socket, address).await;
        }
    });
    (address, task)
}

async fn answer(socket: &mut TcpStream, address: SocketAddr) {
    let mut request = String::new();
    let length = |head: &str| {
        let head = head.to_lowercase();
        let (_, rest) = head.split_once("content-length: ")?;
        rest.lines().next()?.parse::<usize>().ok()
    };
    while request
        .split_once("\r\n\r\n")
        .is_none_or(|(head, body)| body.len() < length(head).unwrap_or(0))
    {
        let mut buf = [0; 4_096];
        let count = socket.read(&mut buf).await.expect("a request");
        request.push_str(std::str::from_utf8(&buf[..count]).expect("text"));
    }
    let body =
        format!(r#"<Response><Connect><Stream url="ws://{address}/stream"/></Connect></Response>"#);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\nContent-Length:";
    let answer = format!("{head} {}\r\n\r\n{body}", body.len());
    socket.write_all(answer.as_bytes()).await.expect("it reads");
}

struct Agent {
    tap: Option<Tap>,
    delay: Duration,
    acts: VecDeque<(u64, Act)>,
    began: Option<Instant>,
    sid: String,
    words: VecDeque<u8>,
    /// When Twilio will have played all it was sent, the path apart.
    play_end: Instant,
    unmarked: usize,
    marks: u64,
    down: VecDeque<(Instant, String)>,
}

impl Agent {
    fn new(tap: Tap, delay: Duration, acts: Vec<(u64, Act)>) -> Self {
        Self {
            tap: Some(tap),
            delay,
            acts: acts.into(),
            began: None,
            sid: String::new(),
            words: VecDeque::new(),
            play_end: Instant::now(),
            unmarked: 0,
            marks: 0,
            down: VecDeque::new(),
        }
    }

    async fn talk(mut self, socket: TcpStream) -> Duration {
        let _ = socket.set_nodelay(true);
        let mut socket = accept_async(socket).await.expect("a WebSocket");
        let mut up: VecDeque<(Instant, String)> = VecDeque::new();
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        let (mut is_open, mut ticked, mut longest) = (true, Instant::now(), Duration::ZERO);
        while is_open || !up.is_empty() {
            let arrives = up.front().map(|(at, _)| *at);
            let departs = self.down.front().map(|(at, _)| *at);
            tokio::select! {
                biased;
                () = until(arrives) => {
                    if let Some((_, text)) = up.pop_front() {
                        self.hear(&text);
                    }
                }
                () = until(departs) => {
                    if let Some((_, text)) = self.down.pop_front() {
                        let _ = socket.send(Message::text(text)).await;
                    }
                }
                message = socket.next(), if is_open => match message {
                    Some(Ok(Message::Text(text))) => {
                        up.push_back((Instant::now() + self.delay, text.to_string()));
                    }
                    Some(Ok(_)) => {}
                    _ => is_open = false,
                },
                _ = tick.tick() => {
                    longest = longest.max(ticked.elapsed());
                    ticked = Instant::now();
                    self.speak();
                }
            }
        }
        if let Some(tap) = self.tap.take() {
            tap.finish();
        }
        longest
    }

    fn hear(&mut self, text: &str) {
        if let Some(tap) = &mut self.tap {
            tap.from_twilio(text);
        }
        if self.began.is_none() {
            let message: Value = serde_json::from_str(text).unwrap_or_default();
            if message["event"] == "start" {
                self.sid = message["streamSid"].as_str().unwrap_or_default().to_owned();
                self.began = Some(Instant::now());
            }
        }
    }

    fn speak(&mut self) {
        let Some(began) = self.began else {
            return;
        };
        let now = Instant::now();
        let due = |at: u64| began + Duration::from_millis(at) <= now;
        while let Some((_, act)) = self.acts.pop_front_if(|(at, _)| due(*at)) {
            match act {
                Act::Say(audio) => self.words.extend(audio),
                Act::Clear => {
                    self.words.clear();
                    (self.play_end, self.unmarked) = (now, 0);
                    self.send(json!({"event": "clear", "streamSid": self.sid}));
                }
            }
        }
        // 200 ms ahead, and a mark behind every 100 ms, as the bridge does it.
        while !self.words.is_empty() && self.play_end < now + Duration::from_millis(180) {
            let frame: Vec<u8> = self.words.drain(..self.words.len().min(160)).collect();
            let time = Duration::from_micros(frame.len() as u64 * 125);
            self.play_end = self.play_end.max(now) + time;
            self.unmarked += frame.len();
            let audio = json!({"payload": BASE64_STANDARD.encode(&frame)});
            self.send(json!({"event": "media", "streamSid": self.sid, "media": audio}));
            if self.unmarked >= 800 || self.words.is_empty() {
                self.unmarked = 0;
                self.marks += 1;
                let mark = json!({"name": format!("m{}", self.marks)});
                self.send(json!({"event": "mark", "streamSid": self.sid, "mark": mark}));
            }
        }
    }

    fn send(&mut self, message: Value) {
        let text = message.to_string();
        if let Some(tap) = &mut self.tap {
            tap.to_twilio(&text);
        }
        self.down.push_back((Instant::now() + self.delay, text));
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

//! The server as a process, with a simulated model and a simulated Twilio at its sides.
#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use trunkline_demo::Server;
use trunkline_simulators::{
    Clock, Speech,
    openai::{self, SessionRecord},
    twilio::{self, CallRecord, Step},
};

/// A server between two simulators.
pub(crate) struct Stage {
    pub(crate) clock: Clock,
    pub(crate) server: Server,
    pub(crate) model: openai::Server,
    log: Arc<Mutex<Vec<Value>>>,
    journal: PathBuf,
}

/// What is left of it.
pub(crate) struct Played {
    pub(crate) sessions: Vec<SessionRecord>,
    pub(crate) log: Vec<Value>,
    /// What the server has journaled, in order.
    pub(crate) records: Vec<Value>,
}

impl Played {
    /// The records of this kind.
    pub(crate) fn records(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.records.iter().filter(move |record| record["kind"] == *kind)
    }

    /// Speaker and words of all turns, in the order in which they began.
    pub(crate) fn turns(&self) -> Vec<(&str, &str)> {
        let mut turns: Vec<&Value> = self.records("turn").collect();
        turns.sort_by_key(|turn| turn["startedAt"].as_str());
        turns
            .into_iter()
            .map(|turn| {
                let text = |name: &str| turn[name].as_str().expect("text");
                (text("speaker"), text("text"))
            })
            .collect()
    }
}

impl Stage {
    /// Starts the server with more `arguments` and a model as `options` say.
    pub(crate) async fn set(options: openai::Options, arguments: &[&str]) -> Self {
        let clock = options.clock;
        let model = openai::Server::bind("127.0.0.1:0", options)
            .await
            .expect("a free port");
        let url = model.url();
        let journal = directory("journal");
        let path = journal.display().to_string();
        let mut all = vec!["--public-url", PUBLIC_URL, "--journal-path", &path];
        if !arguments.contains(&"--openai-url") {
            all.extend(["--openai-url", &url]);
        }
        all.extend(arguments);
        let log: Arc<Mutex<Vec<Value>>> = Arc::default();
        let lines = Arc::clone(&log);
        let server = Server::start(
            Path::new(env!("CARGO_BIN_EXE_trunkline-bridge-server")),
            &all,
            &[("TWILIO_AUTH_TOKEN", AUTH_TOKEN), ("OPENAI_API_KEY", KEY)],
            move |line| lines.lock().expect("no panic while locked").push(line),
        )
        .await
        .expect("the server starts");
        Self {
            clock,
            server,
            model,
            log,
            journal,
        }
    }

    /// How a caller with this script would call.
    pub(crate) fn caller(&self, script: Vec<Step>) -> twilio::Options {
        twilio::Options {
            clock: self.clock,
            webhook: format!("{PUBLIC_URL}/twilio/incoming-call"),
            status_callback: Some(format!("{PUBLIC_URL}/twilio/call-status")),
            connect_to: Some(self.server.address.to_string()),
            auth_token: AUTH_TOKEN.to_owned(),
            script,
            step_limit: Duration::from_secs(8),
            time_limit: Duration::from_secs(20),
            ..twilio::Options::default()
        }
    }

    pub(crate) async fn call(&self, script: Vec<Step>) -> CallRecord {
        twilio::call(self.caller(script)).await
    }

    /// The server's log so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.lock().expect("no panic while locked").clone()
    }

    /// Waits until the server has logged `event` `count` times and returns the last of them.
    pub(crate) async fn logged(&self, event: &str, count: usize) -> Value {
        let waiting = async {
            loop {
                let found = lines(&self.log(), event).nth(count - 1).cloned();
                match found {
                    Some(line) => return line,
                    None => sleep(Duration::from_millis(5)).await,
                }
            }
        };
        match timeout(Duration::from_secs(15), waiting).await {
            Ok(line) => line,
            Err(_) => panic!("no {event} number {count} in {:#?}", self.log()),
        }
    }

    /// Ends the server and the model and returns what both have written down.
    pub(crate) async fn strike(self) -> Played {
        self.server
            .stop()
            .await
            .expect("the server ends on SIGTERM");
        let sessions = self.model.shutdown().await;
        let log = self.log.lock().expect("no panic while locked").clone();
        let text: String = log.iter().map(Value::to_string).collect();
        assert!(
            !text.contains(AUTH_TOKEN) && !text.contains(KEY),
            "a secret is in the log"
        );
        let records = journaled(&self.journal);
        fs::remove_dir_all(&self.journal).expect("the server's own files");
        Played {
            sessions,
            log,
            records,
        }
    }

    /// What the server has journaled so far.
    pub(crate) fn records(&self) -> Vec<Value> {
        journaled(&self.journal)
    }

    /// Posts a form, signed as Twilio does, and returns status and body.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let url = format!("{PUBLIC_URL}{path}");
        let owned: Vec<(String, String)> = fields
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let signature = twilio::signature(AUTH_TOKEN, &url, &owned);
        self.post_with(path, fields, &[("X-Twilio-Signature", &signature)])
            .await
    }

    /// Posts a form with these headers.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> (u16, String) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let body = form.extend_pairs(fields).finish();
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n",
            body.len(),
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.http(&format!("{head}\r\n{body}")).await
    }

    /// Sends a request as it is, and returns status and body.
    pub(crate) async fn http(&self, request: &str) -> (u16, String) {
        http(self.server.address, request).await
    }
}

/// An empty directory that no other test has.
pub(crate) fn directory(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{name}-{}-{number}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory for the test");
    directory
}

/// The records in a journal's directory, in order: one in each line.
fn journaled(directory: &Path) -> Vec<Value> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .expect("the journal")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).expect("text"));
    let lines: Vec<String> = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["record"].take())
        .collect()
}

/// Sends a request as it is, and returns status and body.
pub(crate) async fn http(address: SocketAddr, request: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    // A server may answer, and close, before it has read everything.
    let _ = socket.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(10), socket.read_to_end(&mut answer)).await;
    let _ = read.expect("it answers");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}

/// The lines of `log` that tell `event`.
pub(crate) fn lines<'a>(log: &'a [Value], event: &str) -> impl Iterator<Item = &'a Value> {
    let event = event.to_owned();
    log.iter().filter(move |line| line["event"] == *event)
}

/// The only line of `log` that tells `event`.
pub(crate) fn only<'a>(log: &'a [Value], event: &str) -> &'a Value {
    let found: Vec<&Value> = lines(log, event).collect();
    assert_eq!(found.len(), 1, "{event} in {log:#?}");
    found[0]
}

/// Something to say: a tone is speech enough for a voice detection that goes by level.
pub(crate) fn speech(ms: u64) -> Speech {
    Speech::tone(440.0, -15.0, Duration::from_millis(ms))
}

pub(crate) const PUBLIC_URL: &str = "https://voice.example.com";
pub(crate) const AUTH_TOKEN: &str = "f00dfeedf00dfeedf00dfeedf00dfeed";
pub(crate) const KEY: &str = "sk-not-a-real-key";

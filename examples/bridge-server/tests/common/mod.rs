//! The server as a process, with a simulated model and a simulated Twilio at its sides.
#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinHandle,
    time::{sleep, timeout},
};
use trunkline_bridge_server::store::Store;
use trunkline_demo::{API_KEY, Server};
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
    /// The server's data.
    pub(crate) directory: TempDir,
}

/// What is left of it.
pub(crate) struct Played {
    pub(crate) sessions: Vec<SessionRecord>,
    pub(crate) log: Vec<Value>,
    /// What the server has written into its database, in order: the data of each status event, with its
    /// `kind`.
    pub(crate) records: Vec<Value>,
}

impl Played {
    /// The records of this kind.
    pub(crate) fn records(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.records
            .iter()
            .filter(move |record| record["kind"] == *kind)
    }

    /// Speaker and words of all turns, in the order in which they began.
    pub(crate) fn turns(&self) -> Vec<(&str, &str)> {
        let mut turns: Vec<&Value> = self.records("transcript").collect();
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
        let directory = TempDir::new().expect("a temporary directory");
        let binary = Path::new(env!("CARGO_BIN_EXE_trunkline-bridge-server"));
        Self::set_in(directory, binary, options, arguments, &[]).await
    }

    /// The same with the server's data in `directory`, a program at `binary` that becomes the server, and
    /// more `environment`.
    pub(crate) async fn set_in(
        directory: TempDir,
        binary: &Path,
        options: openai::Options,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let clock = options.clock;
        let model = openai::Server::bind("127.0.0.1:0", options)
            .await
            .expect("a free port");
        let url = model.url();
        let mut all = vec!["--public-base-url", PUBLIC_URL];
        if !arguments.contains(&"--openai-realtime-url") {
            all.extend(["--openai-realtime-url", &url]);
        }
        all.extend(arguments);
        let mut secrets = vec![("TWILIO_AUTH_TOKEN", AUTH_TOKEN), ("OPENAI_API_KEY", KEY)];
        secrets.extend(environment);
        let log: Arc<Mutex<Vec<Value>>> = Arc::default();
        let lines = Arc::clone(&log);
        let server = Server::start_in(directory.path(), binary, &all, &secrets, move |line| {
            lines.lock().expect("no panic while locked").push(line)
        })
        .await
        .expect("the server starts");
        Self {
            clock,
            server,
            model,
            log,
            directory,
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
            ![AUTH_TOKEN, KEY, API_KEY]
                .iter()
                .any(|secret| text.contains(secret)),
            "a secret is in the log"
        );
        let database = self.directory.path().join("trunkline.db");
        let records = match database.exists() {
            true => written(&format!("sqlite://{}", database.display())).await,
            false => Vec::new(),
        };
        Played {
            sessions,
            log,
            records,
        }
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

    /// Asks the API and returns status and body; `null` for a body that is not JSON.
    pub(crate) async fn api(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer {API_KEY}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len(),
        );
        let (status, body) = self.http(&request).await;
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// What the API has at `path` once `is_settled` says so.
    pub(crate) async fn api_settled(
        &self,
        path: &str,
        is_settled: impl Fn(&Value) -> bool,
    ) -> Value {
        for _ in 0..400 {
            let (_, answer) = self.api("GET", path, None).await;
            if is_settled(&answer) {
                return answer;
            }
            sleep(Duration::from_millis(25)).await;
        }
        panic!("{path}: {:#}", self.api("GET", path, None).await.1);
    }

    /// Collects status events from now on.
    pub(crate) async fn watch(&self) -> Watcher {
        watch(self.server.address, None).await
    }

    /// Sends a request as it is, and returns status and body.
    pub(crate) async fn http(&self, request: &str) -> (u16, String) {
        http(self.server.address, request).await
    }
}

/// The status events in a database.
async fn written(url: &str) -> Vec<Value> {
    let store = Store::open(url).await.expect("the server's database");
    let events = store.events_after(0, 10_000).await.expect("its events");
    let events = events.into_iter().map(|event| {
        let mut data = event.data;
        data["kind"] = event.event.into();
        data
    });
    events.collect()
}

/// Status events as they come.
pub(crate) struct Watcher {
    events: Arc<Mutex<Vec<Value>>>,
    reader: JoinHandle<()>,
}

impl Watcher {
    /// The events so far: `id`, `event` and the members of their data.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().expect("no panic while locked").clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Collects status events of the server at `address` after `last_id`, or from now on.
pub(crate) async fn watch(address: SocketAddr, last_id: Option<i64>) -> Watcher {
    let last_id = last_id.map(|id| format!("Last-Event-ID: {id}\r\n"));
    let request = format!(
        "GET /api/status HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {API_KEY}\r\n{}\r\n",
        last_id.unwrap_or_default()
    );
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    socket
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let mut lines = BufReader::new(socket).lines();
    let status = lines.next_line().await.expect("an answer");
    assert!(
        status.as_deref().is_some_and(|line| line.contains(" 200 ")),
        "{status:?}"
    );
    let events: Arc<Mutex<Vec<Value>>> = Arc::default();
    let sink = Arc::clone(&events);
    let reader = tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(data) = line.strip_prefix("data:") {
                let event = serde_json::from_str(data).expect("JSON");
                sink.lock().expect("no panic while locked").push(event);
            }
        }
    });
    Watcher { events, reader }
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

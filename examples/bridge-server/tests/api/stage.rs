//! The API served as the server serves it, and whoever asks it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, broadcast},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use trunkline_bridge_server::{
    api::{self, ApiKey, ApiState, CallCount, Health, Readiness, StallTimeout},
    metrics,
    record::{
        CallAnalytics, Record, Recording, RecordingFormat, RecordingStatus, Speaker, StatusEvent,
        ToolCall, Turn,
    },
    store::Store,
    time::UnixMs,
    tools::Destinations,
};

use crate::postgres::{Database, Directory};

/// A server of the API alone.
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    pub(crate) events: broadcast::Sender<Arc<StatusEvent>>,
    pub(crate) recordings: Directory,
    pub(crate) watchers: Arc<Semaphore>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) directory_changes: Arc<AtomicUsize>,
    pub(crate) name: &'static str,
    sequence: AtomicU64,
    _database: Database,
}

impl Stage {
    pub(crate) async fn set(database: Database) -> Self {
        Self::set_with(database, false, 16).await
    }

    pub(crate) async fn set_with(database: Database, metrics_open: bool, watchers: usize) -> Self {
        metrics::install().expect("nothing else counts");
        let store = Store::open(&database.url).await.expect("it opens");
        let (events, _) = broadcast::channel(FEED);
        tokio::spawn(feed(store.clone(), events.clone()));
        let recordings = Directory::new("tl-recordings");
        let watchers = Arc::new(Semaphore::new(watchers));
        let shutdown = CancellationToken::new();
        let directory_changes = Arc::new(AtomicUsize::new(0));
        let state = ApiState {
            store: store.clone(),
            subscribe: {
                let events = events.clone();
                Arc::new(move || events.subscribe())
            },
            recordings: recordings.path().to_owned(),
            key: ApiKey::new(KEY),
            metrics_open,
            watchers: Arc::clone(&watchers),
            destinations: Destinations::new([]),
            directory_changed: {
                let changes = Arc::clone(&directory_changes);
                Arc::new(move || {
                    changes.fetch_add(1, Ordering::SeqCst);
                })
            },
            shutdown: shutdown.clone(),
        };
        let health = Health::new(Readiness {
            store: store.clone(),
            directories: vec![("recordings", recordings.path().to_owned())],
            is_model_configured: true,
            calls: Box::new(|| CallCount {
                active: 3,
                limit: 100,
                is_draining: false,
            }),
        });
        let router = api::router(state)
            .merge(health.router())
            .route("/panic", axum::routing::get(panics));
        Self {
            address: serve(api::around(router)).await,
            store,
            events,
            recordings,
            watchers,
            shutdown,
            directory_changes,
            name: database.name,
            sequence: AtomicU64::new(1),
            _database: database,
        }
    }

    /// Writes these into the database.
    pub(crate) async fn apply(&self, records: Vec<Record>) {
        let records: Vec<(u64, Record)> = records
            .into_iter()
            .map(|record| (self.sequence.fetch_add(1, Ordering::SeqCst), record))
            .collect();
        self.store
            .apply("node", &records)
            .await
            .expect("they are applied");
    }

    /// A file below the recordings' directory.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.recordings.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("our directory");
        std::fs::write(path, bytes).expect("our directory");
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// Sends JSON.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let json = [("Content-Type", "application/json")];
        self.ask(method, path, &json, &body.to_string()).await
    }

    /// Sends a request with the key.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer {KEY}\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        self.raw(format!("{request}\r\n{body}").as_bytes()).await
    }

    /// Sends these bytes, and reads until the server closes.
    pub(crate) async fn raw(&self, request: &[u8]) -> Answer {
        let mut socket = TcpStream::connect(self.address).await.expect("it listens");
        // A server may answer, and close, before it has read everything.
        let _ = socket.write_all(request).await;
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, socket.read_to_end(&mut bytes)).await;
        let _ = read.expect("it answers");
        Answer::parse(&bytes)
    }
}

/// What a server answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By name in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).expect("ASCII");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut body = bytes[end + 4..].to_vec();
        if headers
            .get("transfer-encoding")
            .is_some_and(|it| it == "chunked")
        {
            body = unchunked(&body);
        }
        Self {
            status: status.and_then(|it| it.parse().ok()).expect("a status"),
            headers,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The body of an answer that is no error.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The body of an error, which is whole.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(problem["status"], status);
        assert!(problem["type"].is_string(), "{problem}");
        assert!(problem["title"].is_string(), "{problem}");
        assert!(problem["instance"].is_string(), "{problem}");
        problem
    }

    /// What the `errors` of a problem point at.
    #[track_caller]
    pub(crate) fn places(&self, status: u16) -> Vec<String> {
        let problem = self.problem(status);
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| {
                assert!(error["detail"].is_string(), "{error}");
                let place = error.get("pointer").or(error.get("parameter"));
                place.and_then(Value::as_str).expect("a place").to_owned()
            })
            .collect()
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else {
            return whole;
        };
        let len = std::str::from_utf8(&bytes[..end]).expect("ASCII");
        let len = usize::from_str_radix(len, 16).expect("a length");
        let rest = &bytes[end + 2..];
        if len == 0 || rest.len() < len + 2 {
            return whole;
        }
        whole.extend(&rest[..len]);
        bytes = &rest[len + 2..];
    }
}

/// As the server does it.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let router = router.clone();
            socket2::SockRef::from(&socket)
                .set_send_buffer_size(64 << 10)
                .expect("it is open");
            tokio::spawn(async move {
                let socket = StallTimeout::new(socket, STALL);
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(5))
                    .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router))
                    .await;
            });
        }
    });
    address
}

/// Waits until `holds` does.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "{what}");
}

/// A call from its beginning to its end, all in its transcript.
pub(crate) fn call(id: &str, sid: &str, caller: &str, at: i64, said: &[&str]) -> Vec<Record> {
    let mut records = vec![answered(id, sid, caller, at)];
    records.push(Record::StreamStarted {
        call_id: id.to_owned(),
        stream_sid: format!("MZ{}", &sid[2..]),
        at: UnixMs(at + 500),
    });
    records.extend((0_i64..).zip(said).map(|(n, text)| {
        Record::Turn(Turn {
            id: format!("{}{:04}", &id[..32], n),
            call_id: id.to_owned(),
            item_id: format!("item_{n}"),
            speaker: if n % 2 == 0 {
                Speaker::Caller
            } else {
                Speaker::Agent
            },
            text: (*text).to_owned(),
            generated_text: None,
            interrupted: false,
            confidence: None,
            started_at: UnixMs(at + 1_000 * (n + 1)),
            ended_at: UnixMs(at + 1_000 * (n + 1) + 900),
        })
    }));
    records.push(Record::ToolCall(ToolCall {
        id: "call_1".to_owned(),
        call_id: id.to_owned(),
        name: "get_slots".to_owned(),
        arguments: "{}".to_owned(),
        output: r#"{"slots":[]}"#.to_owned(),
        failed: false,
        started_at: UnixMs(at + 8_000),
        ended_at: UnixMs(at + 8_100),
    }));
    records.push(Record::CallEnded {
        call_id: id.to_owned(),
        reason: "stopped".to_owned(),
        at: UnixMs(at + 10_500),
        analytics: CallAnalytics {
            sentiment: Some(0.6),
            caller_talk_ms: 2_000,
            agent_talk_ms: 3_000,
            interruptions: 1,
            response_latencies_ms: vec![500, 700],
            total_tokens: 90,
        },
        metadata: Map::new(),
    });
    records
}

pub(crate) fn answered(id: &str, sid: &str, caller: &str, at: i64) -> Record {
    Record::CallAnswered {
        call_id: id.to_owned(),
        call_sid: sid.to_owned(),
        caller: caller.to_owned(),
        called: "+15550100".to_owned(),
        agent_id: None,
        at: UnixMs(at),
        metadata: Map::from_iter([("country".to_owned(), "US".into())]),
    }
}

pub(crate) fn barge_in(id: &str, n: i64) -> Record {
    Record::BargeIn {
        call_id: id.to_owned(),
        item_id: format!("item_{n}"),
        heard_ms: 100,
        at: UnixMs(AT + n),
    }
}

pub(crate) fn recording(id: &str, file: &str, status: RecordingStatus) -> Record {
    Record::Recording(Recording {
        id: format!("{}aaaa", &id[..32]),
        call_id: id.to_owned(),
        file: file.to_owned(),
        format: RecordingFormat::Wav,
        status,
        duration_ms: 1_000,
        bytes: 1_000,
        started_at: UnixMs(AT),
    })
}

/// Tells of events as they come.
async fn feed(store: Store, events: broadcast::Sender<Arc<StatusEvent>>) {
    let mut last = store.last_event_id().await.expect("it answers");
    loop {
        // While the database is away there is nothing new.
        for event in store.events_after(last, 100).await.unwrap_or_default() {
            last = event.id;
            let _ = events.send(Arc::new(event));
        }
        sleep(Duration::from_millis(2)).await;
    }
}

async fn panics() {
    panic!("on purpose");
}

pub(crate) const KEY: &str = "a-key-for-the-tests";
pub(crate) const ID: &str = "01900000-0000-7000-8000-000000000001";
pub(crate) const SID: &str = "CA00000000000000000000000000000001";
pub(crate) const ID_2: &str = "01900000-0000-7000-8000-000000010002";
pub(crate) const SID_2: &str = "CA00000000000000000000000000000002";
/// 2026-11-28T10:00:00Z.
pub(crate) const AT: i64 = 1_795_860_000_000;
/// Events that the feed keeps for whoever is slow.
pub(crate) const FEED: usize = 256;
/// How long a peer may take nothing.
pub(crate) const STALL: Duration = Duration::from_secs(1);
/// Longer than anything takes on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

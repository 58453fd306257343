//! The stream of status events.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    postgres::{databases, sqlite},
    stage::{AT, FEED, ID, ID_2, KEY, PATIENCE, SID, SID_2, Stage, answered, barge_in, until},
};

/// Somebody who watches.
struct Watcher {
    socket: TcpStream,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Event {
    id: i64,
    name: String,
    data: Value,
}

impl Watcher {
    /// Begins to watch, and waits until the server has begun, too.
    async fn begin(stage: &Stage, query: &str, last: Option<i64>) -> Self {
        let mut socket = TcpStream::connect(stage.address).await.expect("it listens");
        let last = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        let request = format!(
            "GET /api/status{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n{last}\r\n"
        );
        socket
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        let mut watcher = Self {
            socket,
            text: String::new(),
        };
        watcher.until("retry: 2000").await;
        let head = watcher.text.split("\r\n\r\n").next().unwrap_or_default();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("text/event-stream"), "{head}");
        watcher
    }

    async fn until(&mut self, text: &str) {
        let reading = async {
            while !self.text.contains(text) {
                assert!(self.read().await, "it ended without {text}: {}", self.text);
            }
        };
        assert!(timeout(PATIENCE, reading).await.is_ok(), "no {text}");
    }

    /// `false` at the end.
    async fn read(&mut self) -> bool {
        let mut bytes = vec![0; 16 << 10];
        // A connection that was broken off has ended as well.
        let len = self.socket.read(&mut bytes).await.unwrap_or(0);
        self.text.push_str(&String::from_utf8_lossy(&bytes[..len]));
        len > 0
    }

    /// The events so far, once there are `count`.
    async fn events(&mut self, count: usize) -> Vec<Event> {
        let reading = async {
            while self.parsed().len() < count {
                assert!(self.read().await, "it ended: {}", self.text);
            }
        };
        assert!(timeout(PATIENCE, reading).await.is_ok(), "{}", self.text);
        self.parsed()
    }

    /// All events until the server ends the stream.
    async fn rest(&mut self) -> Vec<Event> {
        let reading = async { while self.read().await {} };
        assert!(timeout(PATIENCE, reading).await.is_ok(), "it does not end");
        self.parsed()
    }

    /// Each event is a chunk of its own, so that its lines stay together.
    fn parsed(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for block in self.text.split("\n\n") {
            let field = |name: &str| {
                let found = block.lines().find_map(|line| line.strip_prefix(name));
                found.map(str::to_owned)
            };
            let (Some(id), Some(name), Some(data)) =
                (field("id: "), field("event: "), field("data: "))
            else {
                continue;
            };
            let Ok(data) = serde_json::from_str(&data) else {
                continue;
            };
            events.push(Event {
                id: id.parse().expect("a number"),
                name,
                data,
            });
        }
        events
    }
}

fn ids(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.id).collect()
}

#[tokio::test]
async fn whoever_watches_is_told_what_happens_from_then_on() {
    for database in databases() {
        let stage = Stage::set(database).await;
        stage.apply(vec![answered(ID, SID, "+15550111", AT)]).await;
        let before = stage.store.last_event_id().await.unwrap();
        let mut watcher = Watcher::begin(&stage, "", Some(before)).await;
        stage.apply(vec![barge_in(ID, 1), barge_in(ID, 2)]).await;
        let events = watcher.events(2).await;
        assert_eq!(events.len(), 2, "{}", stage.name);
        assert_eq!(events[0].name, "barge_in");
        assert_eq!(events[0].data["id"], events[0].id);
        assert_eq!(events[0].data["callId"], ID);
        assert_eq!(events[0].data["event"], "barge_in");
        assert!(events[1].id > events[0].id);
    }
}

#[tokio::test]
async fn without_a_last_event_it_begins_now() {
    let stage = Stage::set(sqlite()).await;
    let mut live = stage.events.subscribe();
    stage.apply((0..5).map(|n| barge_in(ID, n)).collect()).await;
    let last = stage.store.last_event_id().await.unwrap();
    while live.recv().await.unwrap().id < last {}
    let mut watcher = Watcher::begin(&stage, "", None).await;
    stage.apply(vec![barge_in(ID, 100)]).await;
    assert_eq!(ids(&watcher.events(1).await), [last + 1]);
}

#[tokio::test]
async fn nothing_is_lost_or_told_twice_where_the_past_meets_the_present() {
    for database in databases() {
        let stage = Stage::set(database).await;
        stage.apply(vec![answered(ID, SID, "+15550111", AT)]).await;
        // More than one page of the past.
        stage
            .apply((0..450).map(|n| barge_in(ID, n)).collect())
            .await;
        let end = stage.store.last_event_id().await.unwrap() + 100;
        let writing = async {
            for n in 450..550 {
                stage.apply(vec![barge_in(ID, n)]).await;
            }
        };
        // They come while it is being written, each with another event as its last.
        let watching = [0, 1, 199, 200, 201, 400, 440, 449, 450, 451].map(async |last| {
            let mut watcher = Watcher::begin(&stage, "", Some(last)).await;
            let expected: Vec<i64> = (last + 1..=end).collect();
            let told = watcher.events(expected.len()).await;
            assert_eq!(ids(&told), expected, "after {last} on {}", stage.name);
        });
        tokio::join!(writing, futures_util::future::join_all(watching));
    }
}

#[tokio::test]
async fn one_call_can_be_watched_alone() {
    let stage = Stage::set(sqlite()).await;
    stage
        .apply(vec![
            answered(ID, SID, "+15550111", AT),
            answered(ID_2, SID_2, "+15550122", AT),
            barge_in(ID, 1),
            barge_in(ID_2, 2),
        ])
        .await;
    let mut watcher = Watcher::begin(&stage, &format!("?callId={ID_2}"), Some(0)).await;
    stage.apply(vec![barge_in(ID, 3), barge_in(ID_2, 4)]).await;
    let told = watcher.events(3).await;
    assert!(
        told.iter().all(|event| event.data["callId"] == ID_2),
        "{told:?}"
    );
    assert_eq!(
        stage.get("/api/status?callId=x").await.places(400),
        ["callId"]
    );
}

#[tokio::test]
async fn whoever_has_seen_the_future_is_told_what_comes() {
    let stage = Stage::set(sqlite()).await;
    let mut watcher = Watcher::begin(&stage, "", Some(1_000_000)).await;
    stage.apply(vec![answered(ID, SID, "+15550111", AT)]).await;
    assert_eq!(watcher.events(1).await[0].name, "call_started");
    for wrong in ["x", "-1", "1.5", "99999999999999999999", ""] {
        let headers = [("Last-Event-ID", wrong)];
        stage
            .ask("GET", "/api/status", &headers, "")
            .await
            .problem(400);
    }
}

#[tokio::test]
async fn only_so_many_watch_at_a_time() {
    let stage = Stage::set_with(sqlite(), false, 2).await;
    let first = Watcher::begin(&stage, "", None).await;
    let _second = Watcher::begin(&stage, "", None).await;
    let refused = stage.get("/api/status").await;
    refused.problem(503);
    assert_eq!(refused.header("retry-after"), "10");
    drop(first);
    until("a place is free again", async || {
        stage.watchers.available_permits() == 1
    })
    .await;
    Watcher::begin(&stage, "", None).await;
}

#[tokio::test]
async fn whoever_does_not_read_is_let_go_and_can_come_back() {
    let stage = Stage::set(sqlite()).await;
    stage.apply(vec![answered(ID, SID, "+15550111", AT)]).await;
    let deaf = TcpStream::connect(stage.address).await.unwrap();
    socket2::SockRef::from(&deaf)
        .set_recv_buffer_size(64 << 10)
        .unwrap();
    let mut deaf = Watcher {
        socket: deaf,
        text: String::new(),
    };
    let request =
        format!("GET /api/status HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    deaf.socket.write_all(request.as_bytes()).await.unwrap();
    until("it watches", async || {
        stage.watchers.available_permits() == 15
    })
    .await;
    let event = stage.store.events_after(0, 1).await.unwrap().remove(0);
    let last = event.id;
    // Megabytes, at a pace that any reader keeps.
    let mut sent = last;
    while stage.watchers.available_permits() == 15 {
        sent += 1;
        let mut big = event.clone();
        big.id = sent;
        big.data = json!({ "text": "x".repeat(64 << 10) });
        let _ = stage.events.send(std::sync::Arc::new(big));
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        assert!(sent < 10_000, "it is never let go");
    }
    let told = deaf.rest().await;
    assert!(
        told.len() < usize::try_from(sent).unwrap(),
        "{} of {sent}",
        told.len()
    );
    // What was told is whole and in order, so its last is where to go on.
    let first = told.first().expect("it was told something").id;
    let expected: Vec<i64> = (first..).take(told.len()).collect();
    assert_eq!(ids(&told), expected);
    let mut back = Watcher::begin(&stage, "", Some(0)).await;
    assert_eq!(back.events(1).await[0].id, last);
}

#[tokio::test]
async fn whoever_is_too_slow_for_the_feed_is_let_go() {
    let stage = Stage::set(sqlite()).await;
    let mut watcher = Watcher::begin(&stage, "", None).await;
    stage.apply(vec![answered(ID, SID, "+15550111", AT)]).await;
    let event = stage.store.events_after(0, 1).await.unwrap().remove(0);
    watcher.events(1).await;
    // All at once, so that the stream cannot have taken them.
    for n in 1..=2 * FEED as i64 {
        let mut next = event.clone();
        next.id += n;
        let _ = stage.events.send(std::sync::Arc::new(next));
    }
    watcher.rest().await;
    assert_eq!(stage.watchers.available_permits(), 16);
}

#[tokio::test]
async fn the_streams_end_with_the_server() {
    let stage = Stage::set(sqlite()).await;
    let mut first = Watcher::begin(&stage, "", None).await;
    let mut second = Watcher::begin(&stage, "", Some(0)).await;
    stage.shutdown.cancel();
    assert_eq!(first.rest().await, []);
    assert_eq!(second.rest().await, []);
    assert!(
        first.text.ends_with("0\r\n\r\n"),
        "an orderly end: {}",
        first.text
    );
}

//! The way from a call to the database and to whoever watches, while disks, databases and servers fail.

#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/records.rs"]
mod records;

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use postgres::{Directory, Postgres, databases, sqlite};
use records::*;
use sqlx::{Connection, Executor, SqliteConnection};
use tokio::{
    sync::broadcast,
    time::{sleep, timeout},
};
use trunkline_bridge_server::{
    feed::Feed,
    journal::{Journal, JournalError, MAX_PENDING, Writer},
    record::{CallAnalytics, StatusEvent},
    store::{CallStatus, Store},
};

const LIMIT: Duration = Duration::from_secs(20);

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    if timeout(LIMIT, waiting).await.is_err() {
        panic!("it never came that {what}");
    }
}

async fn open(directory: &Path, store: &Store) -> (Journal, Writer) {
    loop {
        match Journal::open(directory, store.clone()).await {
            // The thread of a writer that was dropped may still be in its last write.
            Err(JournalError::InUse(_)) => sleep(Duration::from_millis(1)).await,
            opened => return opened.unwrap(),
        }
    }
}

/// Names of the turns that were told of, in order; each once.
async fn told(store: &Store) -> Vec<String> {
    let events = store.events_after(0, 100_000).await.unwrap();
    let turns = events
        .into_iter()
        .filter(|event| event.event == "transcript");
    let ids: Vec<String> = turns
        .map(|event| event.data["id"].as_str().unwrap().to_owned())
        .collect();
    let distinct: HashSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "told twice");
    ids
}

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("t{n}")).collect()
}

fn write(journal: &Journal, range: std::ops::Range<usize>) {
    for n in range {
        journal.write(turn(&format!("t{n}"), "c", "what was said", NOON));
    }
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "journal")
    });
    paths.sort();
    paths
}

/// Keeps everybody from writing to a SQLite database, as long as it lives.
async fn locked(url: &str) -> SqliteConnection {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    connection.execute("BEGIN IMMEDIATE").await.unwrap();
    connection
}

#[tokio::test]
async fn records_reach_the_database_in_order_and_leave_nothing_behind() {
    for database in databases() {
        let store = Store::open(&database.url).await.unwrap();
        let directory = Directory::new("tl-journal");
        let path = directory.path().join("deep").join("down");
        let (journal, writer) = open(&path, &store).await;
        let node = journal.node().to_owned();
        write(&journal, 0..500);
        until("all is applied", async || journal.depth() == 0).await;
        assert_eq!(told(&store).await, names(0..500), "{}", database.name);
        until("the files are gone", async || segments(&path).is_empty()).await;
        write(&journal, 500..510);
        assert_eq!(writer.close(LIMIT).await, 0);
        assert_eq!(told(&store).await, names(0..510));
        assert!(segments(&path).is_empty());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "nobody else may read it");

        write(&journal, 510..511);
        assert_eq!(journal.dropped(), 1, "it is closed");
        let (journal, writer) = open(&path, &store).await;
        assert_eq!(journal.node(), node, "it is the same server");
        write(&journal, 511..512);
        assert_eq!(writer.close(LIMIT).await, 0);
        assert_eq!(told(&store).await.len(), 511, "numbers go on");
    }
}

#[tokio::test]
async fn a_directory_has_one_server() {
    let database = sqlite();
    let store = Store::open(&database.url).await.unwrap();
    let directory = Directory::new("tl-journal");
    let (_journal, writer) = open(directory.path(), &store).await;
    let error = Journal::open(directory.path(), store.clone())
        .await
        .unwrap_err();
    assert!(matches!(error, JournalError::InUse(_)));
    assert!(error.to_string().contains("another server"), "{error}");
    writer.close(LIMIT).await;
    open(directory.path(), &store).await;
    fs::write(directory.path().join("node"), "?").unwrap();
    sleep(Duration::from_millis(50)).await;
    let error = Journal::open(directory.path(), store).await.unwrap_err();
    assert!(matches!(error, JournalError::Node(_)), "{error}");
}

#[tokio::test]
async fn what_is_written_while_the_database_is_down_arrives_once_afterwards() {
    let server = Postgres::start_new();
    let database = server.database();
    let store = Store::open(&database.url).await.unwrap();
    let directory = Directory::new("tl-journal");
    let (journal, writer) = open(directory.path(), &store).await;
    let feed = Feed::start(store.clone(), &database.url);
    let mut watching = feed.subscribe();
    write(&journal, 0..20);
    until("some is applied", async || journal.depth() == 0).await;
    write(&journal, 20..40);
    server.stop();
    write(&journal, 40..400);
    until("all is on the disk", async || journal.unflushed() == 0).await;
    until("the database was tried", async || journal.retries() > 1).await;
    assert!(journal.depth() >= 360);
    server.start();
    until("all is applied", async || journal.depth() == 0).await;
    assert_eq!(told(&store).await, names(0..400));
    for name in names(0..400) {
        let event = timeout(LIMIT, watching.recv()).await.unwrap().unwrap();
        assert_eq!(event.data["id"], *name, "whoever watches sees all");
    }
    assert_eq!(writer.close(LIMIT).await, 0);
}

#[tokio::test]
async fn closing_does_not_wait_for_a_database_that_is_down() {
    let server = Postgres::start_new();
    let database = server.database();
    let store = Store::open(&database.url).await.unwrap();
    let directory = Directory::new("tl-journal");
    let (journal, writer) = open(directory.path(), &store).await;
    server.stop();
    write(&journal, 0..50);
    assert_eq!(writer.close(Duration::from_millis(100)).await, 0);
    assert_eq!(journal.depth(), 50, "they are in the file");
    server.start();
    let (_journal, writer) = open(directory.path(), &store).await;
    assert_eq!(writer.close(LIMIT).await, 0);
    assert_eq!(told(&store).await, names(0..50));
}

#[tokio::test]
async fn a_server_killed_at_any_moment_loses_nothing_that_was_safe_and_applies_nothing_twice() {
    for database in databases() {
        let store = Store::open(&database.url).await.unwrap();
        let directory = Directory::new("tl-journal");
        let mut written = 0;
        let mut safe: HashSet<String> = HashSet::new();
        for round in 0..40_u64 {
            let (journal, writer) = open(directory.path(), &store).await;
            let first = written;
            for _ in 0..20 {
                write(&journal, written..written + 1);
                written += 1;
                if round % 4 == 0 {
                    sleep(Duration::from_micros(200 * (round % 7))).await;
                }
            }
            // Some rounds are killed with all in memory, some in the midst of a write, some of a transaction.
            sleep(Duration::from_micros(700 * (round % 23))).await;
            let unflushed = journal.unflushed() as usize;
            safe.extend(names(first..written - unflushed));
            drop(writer);
        }
        let (_journal, writer) = open(directory.path(), &store).await;
        assert_eq!(writer.close(LIMIT).await, 0);
        let told: HashSet<String> = told(&store).await.into_iter().collect();
        let lost: Vec<_> = safe.difference(&told).collect();
        assert!(lost.is_empty(), "{lost:?} on {}", database.name);
        assert!(safe.len() > 100, "too few were safe: {}", safe.len());
    }
}

#[tokio::test]
async fn a_file_torn_anywhere_gives_what_is_whole() {
    let database = sqlite();
    let store = Store::open(&database.url).await.unwrap();
    let directory = Directory::new("tl-journal");
    let lock = locked(&database.url).await;
    let (journal, writer) = open(directory.path(), &store).await;
    write(&journal, 0..5);
    until("all is on the disk", async || journal.unflushed() == 0).await;
    drop(writer);
    drop(lock);
    let file = segments(directory.path()).remove(0);
    let bytes = fs::read(&file).unwrap();
    let line = bytes.len() / 5;
    for len in (0..=bytes.len()).rev().step_by(41) {
        let database = sqlite();
        let store = Store::open(&database.url).await.unwrap();
        let copy = Directory::new("tl-journal");
        let name = file.file_name().unwrap();
        // Whatever the disk made of the rest.
        let torn = [&bytes[..len], &b"\0\0\0\xFF0 1 {}\n\0"[..len % 11]].concat();
        fs::write(copy.path().join(name), torn).unwrap();
        let (journal, writer) = open(copy.path(), &store).await;
        write(&journal, 5..6);
        assert_eq!(writer.close(LIMIT).await, 0);
        let mut expected = names(0..len / line);
        expected.extend(names(5..6));
        assert_eq!(told(&store).await, expected, "{len} bytes");
    }
}

#[tokio::test]
async fn while_the_disk_is_full_records_go_to_the_database_directly() {
    for database in databases() {
        let store = Store::open(&database.url).await.unwrap();
        let directory = Directory::new("tl-journal");
        let (journal, writer) = open(directory.path(), &store).await;
        let next = directory.path().join(format!("{:020}.journal", 1));
        symlink("/dev/full", &next).unwrap();
        write(&journal, 0..100);
        until("the disk refuses", async || journal.is_failing()).await;
        until("all is applied", async || journal.depth() == 0).await;
        assert_eq!(told(&store).await, names(0..100), "{}", database.name);
        // There is room again.
        fs::remove_file(&next).unwrap();
        write(&journal, 100..200);
        until("all is applied", async || journal.depth() == 0).await;
        until("the disk takes some", async || {
            let n = told(&store).await.len();
            write(&journal, n..n + 1);
            until("it is applied", async || journal.depth() == 0).await;
            !journal.is_failing()
        })
        .await;
        assert_eq!(writer.close(LIMIT).await, 0);
        let all = told(&store).await;
        assert_eq!(all, names(0..all.len()));
        assert_eq!(journal.dropped(), 0);
    }
}

#[tokio::test]
async fn memory_is_bounded_while_neither_disk_nor_database_takes_anything() {
    let database = sqlite();
    let store = Store::open(&database.url).await.unwrap();
    let directory = Directory::new("tl-journal");
    let (journal, writer) = open(directory.path(), &store).await;
    let lock = locked(&database.url).await;
    let next = directory.path().join(format!("{:020}.journal", 1));
    symlink("/dev/full", &next).unwrap();
    let long = "a b ".repeat(1 << 20);
    let fit = MAX_PENDING / long.len();
    for n in 0..fit + 3 {
        journal.write(turn(&format!("t{n}"), "c", &long, NOON));
    }
    let kept = fit - 1;
    assert_eq!(journal.unflushed(), kept as u64);
    assert_eq!(journal.dropped(), 4, "the last are refused, and counted");
    until("the disk refuses", async || journal.is_failing()).await;
    fs::remove_file(&next).unwrap();
    drop(lock);
    assert_eq!(writer.close(2 * LIMIT).await, 0);
    assert_eq!(told(&store).await, names(0..kept));
}

#[tokio::test]
async fn a_record_that_the_database_refuses_does_not_hold_up_the_others() {
    let server = postgres::postgres();
    let store = Store::open(&server.url).await.unwrap();
    let directory = Directory::new("tl-journal");
    let (journal, writer) = open(directory.path(), &store).await;
    write(&journal, 0..3);
    // An id with a NUL, which PostgreSQL cannot store, and which is not ours to change.
    journal.write(turn("bad\0id", "c", "kept for people", NOON));
    write(&journal, 3..6);
    assert_eq!(writer.close(LIMIT).await, 0);
    assert_eq!(told(&store).await, names(0..6));
    assert_eq!((journal.rejected(), journal.dropped()), (1, 0));
    let kept = fs::read_to_string(directory.path().join("rejected.jsonl")).unwrap();
    assert!(kept.contains("kept for people"), "{kept}");
}

#[tokio::test]
async fn calls_that_were_under_way_when_a_server_was_killed_are_ended_by_the_next() {
    for database in databases() {
        let store = Store::open(&database.url).await.unwrap();
        let directory = Directory::new("tl-journal");
        let (journal, writer) = open(directory.path(), &store).await;
        journal.write(answered("c", "CA1", NOON));
        journal.write(streaming("c", NOON));
        until("all is on the disk", async || journal.unflushed() == 0).await;
        drop(writer);
        let (journal, writer) = open(directory.path(), &store).await;
        journal.write(answered("d", "CA2", NOON));
        until("all is applied", async || journal.depth() == 0).await;
        let status = async |id: &str| store.call(id).await.unwrap().unwrap().call.status;
        assert_eq!(status("c").await, CallStatus::Failed, "{}", database.name);
        assert_eq!(status("d").await, CallStatus::Answered);
        journal.write(streaming("d", NOON));
        journal.write(ended("d", NOON + 1, CallAnalytics::default()));
        assert_eq!(writer.close(LIMIT).await, 0);
        assert_eq!(status("d").await, CallStatus::Completed);
    }
}

async fn next(watching: &mut broadcast::Receiver<Arc<StatusEvent>>) -> Arc<StatusEvent> {
    timeout(LIMIT, watching.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn servers_on_one_database_see_each_others_events_in_one_order() {
    let server = postgres::postgres();
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let store = Store::open(&server.url).await.unwrap();
        let directory = Directory::new("tl-journal");
        let (journal, writer) = open(directory.path(), &store).await;
        let feed = Feed::start(store.clone(), &server.url);
        let watching = feed.subscribe();
        nodes.push((directory, journal, writer, feed, watching, store));
    }
    assert_ne!(nodes[0].1.node(), nodes[1].1.node());
    for n in 0..100 {
        for (node, (_, journal, ..)) in nodes.iter().enumerate() {
            journal.write(turn(&format!("{node}-{n}"), &format!("c{node}"), "x", NOON));
        }
    }
    let mut seen = Vec::new();
    for (.., watching, _) in &mut nodes {
        let mut events = Vec::new();
        for _ in 0..200 {
            events.push(next(watching).await);
        }
        assert!(events.windows(2).all(|pair| pair[0].id < pair[1].id));
        seen.push(events);
    }
    assert_eq!(seen[0], seen[1]);

    // And each other's agents, by the same way.
    let mut versions: Vec<_> = nodes.iter().map(|node| node.3.agents_version()).collect();
    let version = nodes[0].5.agents_version().await.unwrap();
    nodes[0].5.create_agent(settings("Ann")).await.unwrap();
    for versions in &mut versions {
        let changed = timeout(LIMIT, versions.wait_for(|known| *known > version)).await;
        changed.unwrap().unwrap();
    }
    for (_, _, writer, ..) in nodes {
        assert_eq!(writer.close(LIMIT).await, 0);
    }
}

#[tokio::test]
async fn a_feed_tells_what_is_written_after_it_was_opened() {
    for database in databases() {
        let first = Store::open(&database.url).await.unwrap();
        let before = numbered(1, vec![turn("old", "c", "x", NOON)]);
        first.apply("a", &before).await.unwrap();
        let store = Store::open(&database.url).await.unwrap();
        let feed = Feed::start(store.clone(), &database.url);
        let mut watching = feed.subscribe();
        let after = numbered(2, vec![turn("new", "c", "x", NOON)]);
        store.apply("a", &after).await.unwrap();
        let event = next(&mut watching).await;
        assert_eq!(event.data["id"], "new", "{}", database.name);
        // Another process, which cannot wake this one but through PostgreSQL: the poll finds it.
        let others = numbered(1, vec![turn("other", "c", "x", NOON)]);
        first.apply("b", &others).await.unwrap();
        assert_eq!(next(&mut watching).await.data["id"], "other");
    }
}

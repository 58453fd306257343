//! The task that brings records to the database.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::{
    Shared,
    segment::{self, Segment},
};
use crate::{
    record::Record,
    store::{Store, StoreError},
};

/// Ends when the journal is closed and the database has all. `before` is the last record of the server that was on the
/// journal before this one.
pub(super) async fn run(shared: Arc<Shared>, store: Store, directory: PathBuf, before: u64) {
    let mut applier = Applier {
        store,
        directory,
        place: (0, 0),
        most: MAX_BATCH,
        backoff: MIN_BACKOFF,
        is_away: false,
        shared,
    };
    let mut has_ended_lost_calls = false;
    loop {
        if !has_ended_lost_calls && applier.shared.lock().applied >= before {
            // Before any record of this server's own: the calls that are open now were the last one's.
            let ended = applier
                .store
                .end_lost_calls(&applier.shared.node.clone())
                .await;
            match ended {
                Ok(_) => has_ended_lost_calls = true,
                Err(error) => {
                    applier.wait_after(&error).await;
                    continue;
                }
            }
        }
        match applier.next() {
            Next::Done => return,
            Next::Wait => {
                let _ = timeout(HUNG, applier.shared.to_apply.notified()).await;
                sleep(GATHER).await;
            }
            Next::Segment(segment) => applier.read(segment).await,
            Next::Pending(records) => {
                applier.apply(records).await;
            }
        }
    }
}

struct Applier {
    shared: Arc<Shared>,
    store: Store,
    directory: PathBuf,
    /// First number of the segment that is read, and up to which byte it has been.
    place: (u64, u64),
    /// Records in one transaction. Halved when one takes too long, so that a slow database gets on, too.
    most: usize,
    backoff: Duration,
    is_away: bool,
}

enum Next {
    /// The first segment that is not applied in full.
    Segment(Segment),
    /// Records that the disk does not take.
    Pending(Vec<(u64, String)>),
    Wait,
    Done,
}

impl Applier {
    fn next(&self) -> Next {
        let state = self.shared.lock();
        let applied = state.applied;
        if let Some(segment) = state.segments.iter().find(|segment| segment.last > applied) {
            return Next::Segment(segment.clone());
        }
        match state.pending.front() {
            None if state.is_closing => Next::Done,
            Some(oldest) if state.is_failing || oldest.since.elapsed() > HUNG => {
                let records = state.pending.iter().take(self.most);
                Next::Pending(
                    records
                        .map(|pending| (pending.seq, pending.json.to_string()))
                        .collect(),
                )
            }
            _ => Next::Wait,
        }
    }

    async fn read(&mut self, segment: Segment) {
        let from = match self.place {
            (first, end) if first == segment.first => end,
            _ => 0,
        };
        let (first, last, len) = (segment.first, segment.last, segment.len);
        let most = self.most;
        let read = spawn_blocking(move || segment::read(&segment, from, most)).await;
        let part = match read.map_err(std::io::Error::other).flatten() {
            Ok(part) => part,
            Err(error) => {
                tracing::error!(%error, "the journal cannot be read");
                sleep(MAX_BACKOFF).await;
                return;
            }
        };
        let is_applied = self.apply(part.records).await;
        if is_applied {
            if part.spoilt > 0 {
                tracing::error!(records = part.spoilt, "the journal is spoilt");
                self.shared
                    .rejected
                    .fetch_add(part.spoilt, Ordering::Relaxed);
            }
            self.place = (first, part.end);
            if part.end >= len {
                self.advance(last);
            }
        }
    }

    /// Whether the database has them all now; if not, the same comes again.
    async fn apply(&mut self, records: Vec<(u64, String)>) -> bool {
        let applied = self.shared.lock().applied;
        let mut good = Vec::with_capacity(records.len());
        let mut last = applied;
        for (seq, json) in records {
            // In the file and directly.
            if seq <= applied {
                continue;
            }
            match serde_json::from_str::<Record>(&json) {
                Ok(record) => good.push((seq, record)),
                Err(_) => self.reject(&json).await,
            }
            last = seq;
        }
        if last == applied {
            return true;
        }
        match self.store.apply(&self.shared.node, &good).await {
            Ok(()) => {}
            Err(error) if error.is_transient() => {
                if matches!(error, StoreError::Timeout) {
                    self.most = (self.most / 2).max(1);
                }
                self.wait_after(&error).await;
                return false;
            }
            Err(_) => {
                if !self.apply_one_by_one(good).await {
                    return false;
                }
            }
        }
        self.is_back();
        self.most = (self.most * 2).min(MAX_BATCH);
        self.advance(last);
        true
    }

    /// Finds the record that the database refuses, and goes on without it.
    async fn apply_one_by_one(&mut self, records: Vec<(u64, Record)>) -> bool {
        for record in records {
            let seq = record.0;
            let record = [record];
            let mut result = self.store.apply(&self.shared.node, &record).await;
            if let Err(error) = &result
                && !error.is_transient()
            {
                tracing::error!(%error, "the database refuses a record");
                result = self.store.skip(&self.shared.node, seq).await;
                if result.is_ok() {
                    let json = serde_json::to_string(&record[0].1).unwrap_or_default();
                    self.reject(&json).await;
                }
            }
            if let Err(error) = result {
                self.wait_after(&error).await;
                return false;
            }
            self.advance(seq);
        }
        true
    }

    fn advance(&self, applied: u64) {
        let mut state = self.shared.lock();
        state.applied = state.applied.max(applied);
        let applied = state.applied;
        state.forget(applied);
        drop(state);
        self.shared.to_append.notify_one();
    }

    /// Keeps what will never be applied for people to look at.
    async fn reject(&self, json: &str) {
        self.shared.rejected.fetch_add(1, Ordering::Relaxed);
        let line = format!("{json}\n");
        let path = self.directory.join("rejected.jsonl");
        let kept = spawn_blocking(move || keep(&path, &line)).await;
        if let Err(error) = kept.map_err(std::io::Error::other).flatten() {
            tracing::error!(%error, "a rejected record is lost");
        }
    }

    async fn wait_after(&mut self, error: &StoreError) {
        self.shared.retries.fetch_add(1, Ordering::Relaxed);
        if !self.is_away {
            self.is_away = true;
            tracing::error!(%error, "the database does not take records; the journal keeps them");
        }
        sleep(self.backoff).await;
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
    }

    fn is_back(&mut self) {
        self.backoff = MIN_BACKOFF;
        if self.is_away {
            self.is_away = false;
            tracing::info!("the database takes records again");
        }
    }
}

fn keep(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}

/// How long records are gathered for one transaction.
const GATHER: Duration = Duration::from_millis(40);
/// Records in one transaction, during which other servers wait.
const MAX_BATCH: usize = 200;
const MIN_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// A disk that has not taken a record for so long is passed by.
const HUNG: Duration = Duration::from_secs(1);

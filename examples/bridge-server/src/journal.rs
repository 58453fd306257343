//! The way of every [`Record`] to the database: through a file, so that a call waits for neither, and neither's
//! failure loses what has happened.
//!
//! ```text
//! call ──write──► memory ──thread, fsync──► segments ──task──► database
//!                    └───── while the disk fails or hangs ────────┘
//! ```
//! Records are numbered as they are written and applied in that order. The database keeps, in the transaction that
//! applies them, how far it has got, so none is applied twice: not after a crash, not when it goes both ways.

mod appender;
mod applier;
mod error;
mod segment;

use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::{sync::Notify, task, time::timeout};
use uuid::Uuid;

use self::segment::Segment;
use crate::{metrics, record::Record, store::Store};

pub use error::JournalError;

/// Takes records down. Clones share one journal.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

impl Journal {
    /// Opens the journal in `directory`, which is made if it is not there, and goes on where the last server on it has
    /// stopped: what is in its files goes to `store` first, and calls that were under way then are ended.
    ///
    /// # Errors
    /// When another server uses the directory, it cannot be read or written, or the database is away.
    pub async fn open(directory: &Path, store: Store) -> Result<(Self, Writer), JournalError> {
        let (lock, node, segments) = {
            let directory = directory.to_owned();
            task::spawn_blocking(move || prepare(&directory))
                .await
                .map_err(io::Error::other)??
        };
        let applied = store.applied(&node).await?;
        let durable = segments.iter().map(|segment| segment.last).max();
        let before = durable.unwrap_or(0).max(applied);
        let shared = Arc::new(Shared {
            node,
            state: Mutex::new(State {
                next: before + 1,
                pending: VecDeque::new(),
                pending_bytes: 0,
                segments,
                applied,
                is_failing: false,
                is_closing: false,
                is_abandoned: false,
                is_killed: false,
            }),
            to_append: Condvar::new(),
            to_apply: Notify::new(),
            retries: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        });
        let appender = thread::Builder::new().name("journal".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            let directory = directory.to_owned();
            // The directory is locked until the thread writes no more.
            move || appender::run(&shared, &directory, lock)
        })?;
        let applier = tokio::spawn(applier::run(
            Arc::clone(&shared),
            store,
            directory.to_owned(),
            before,
        ));
        let writer = Writer {
            shared: Arc::clone(&shared),
            appender: Some(appender),
            applier,
        };
        Ok((Self { shared }, writer))
    }

    /// Hands `record` over, without waiting. It is in the journal's file some 25 ms later.
    ///
    /// While neither the disk nor the database takes anything, up to [`MAX_PENDING`] bytes are kept; more is refused and
    /// counted, so that of each call the beginning is there.
    pub fn write(&self, record: Record) {
        metrics::count(&record);
        let Ok(json) = serde_json::to_string(&record) else {
            // A time beyond the year 9999.
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let mut state = self.shared.lock();
        if state.is_closing || state.pending_bytes + json.len() > MAX_PENDING {
            drop(state);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let seq = state.next;
        state.next += 1;
        state.pending_bytes += json.len();
        state.pending.push_back(Pending {
            seq,
            json: json.into(),
            since: Instant::now(),
        });
        drop(state);
        self.shared.to_append.notify_one();
    }

    /// The id of this server, kept with the journal.
    pub fn node(&self) -> &str {
        &self.shared.node
    }

    /// Records written and not yet in the database.
    pub fn depth(&self) -> u64 {
        self.shared.lock().depth()
    }

    /// Records in memory only: neither in the journal's file nor in the database.
    pub fn unflushed(&self) -> u64 {
        self.shared.lock().pending.len() as u64
    }

    /// Whether the disk has refused the last records; they go to the database directly then.
    pub fn is_failing(&self) -> bool {
        self.shared.lock().is_failing
    }

    /// How often the database was tried again.
    pub fn retries(&self) -> u64 {
        self.shared.retries.load(Ordering::Relaxed)
    }

    /// Records refused for want of room, or after [`Writer::close`].
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Records that the database will never take, or that the disk has spoilt; they are in `rejected.jsonl` beside the
    /// journal, as far as they could be read.
    pub fn rejected(&self) -> u64 {
        self.shared.rejected.load(Ordering::Relaxed)
    }
}

/// Brings the journal's records to the disk and to the database. Dropped, it stops at once, as if the process were
/// killed.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    appender: Option<JoinHandle<()>>,
    applier: task::JoinHandle<()>,
}

impl Writer {
    /// Takes no more records, and waits up to `limit` for the database to have all; what it then has not is applied by
    /// the next server on the journal. Number of records that neither the disk nor the database has taken.
    pub async fn close(mut self, limit: Duration) -> u64 {
        self.shared.lock().is_closing = true;
        self.shared.to_append.notify_one();
        self.shared.to_apply.notify_one();
        let began = Instant::now();
        if timeout(limit, &mut self.applier).await.is_err() {
            self.applier.abort();
            self.shared.lock().is_abandoned = true;
            self.shared.to_append.notify_one();
        }
        if let Some(appender) = self.appender.take() {
            // A disk that hangs does not keep the server from ending.
            let left = limit.saturating_sub(began.elapsed()).max(GRACE);
            let _ = timeout(left, task::spawn_blocking(move || appender.join())).await;
        }
        self.shared.lock().pending.len() as u64
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.applier.abort();
        let mut state = self.shared.lock();
        state.is_closing = true;
        state.is_abandoned = true;
        // After `close` the thread has had its time.
        state.is_killed = true;
        drop(state);
        self.shared.to_append.notify_one();
    }
}

#[derive(Debug)]
struct Shared {
    node: String,
    /// Never held while anything is waited for.
    state: Mutex<State>,
    /// The appender waits for it.
    to_append: Condvar,
    /// The applier waits for it.
    to_apply: Notify,
    retries: AtomicU64,
    dropped: AtomicU64,
    rejected: AtomicU64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct State {
    /// Number of the next record.
    next: u64,
    /// Records in memory only.
    pending: VecDeque<Pending>,
    pending_bytes: usize,
    /// Files, the oldest first, as far as they are safe on the disk.
    segments: VecDeque<Segment>,
    /// The database has all up to this.
    applied: u64,
    is_failing: bool,
    is_closing: bool,
    /// Closing has taken too long: the database gets nothing more.
    is_abandoned: bool,
    /// The disk gets nothing more, either.
    is_killed: bool,
}

impl State {
    fn depth(&self) -> u64 {
        self.next - 1 - self.applied
    }

    /// Forgets records of up to `seq`, which are safe.
    fn forget(&mut self, seq: u64) {
        while let Some(pending) = self.pending.front()
            && pending.seq <= seq
        {
            self.pending_bytes -= pending.json.len();
            self.pending.pop_front();
        }
    }
}

#[derive(Clone, Debug)]
struct Pending {
    seq: u64,
    json: Arc<str>,
    since: Instant,
}

/// Makes the directory, locks it, and looks at what is in it: who we are, and the segments.
fn prepare(directory: &Path) -> Result<(File, String, VecDeque<Segment>), JournalError> {
    // What callers say is nobody else's business.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let lock = File::create(directory.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            return Err(JournalError::InUse(directory.to_owned()));
        }
        Err(fs::TryLockError::Error(error)) => return Err(error.into()),
    }
    let node = node(directory)?;
    let segments = segment::list(directory)?;
    Ok((lock, node, segments))
}

/// The id kept in `directory`, made up if there is none.
fn node(directory: &Path) -> Result<String, JournalError> {
    let path = directory.join("node");
    match fs::read_to_string(&path) {
        Ok(text) => match Uuid::parse_str(text.trim()) {
            Ok(id) => Ok(id.to_string()),
            Err(_) => Err(JournalError::Node(path)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = Uuid::now_v7().to_string();
            let new = directory.join("node.new");
            let mut file = File::create(&new)?;
            writeln!(file, "{id}")?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(directory)?.sync_all()?;
            Ok(id)
        }
        Err(error) => Err(error.into()),
    }
}

/// Bytes of records that are kept in memory while neither disk nor database takes them: an hour of some 100 calls.
pub const MAX_PENDING: usize = 64 << 20;
/// For the thread's last write, when the limit is up.
const GRACE: Duration = Duration::from_secs(2);

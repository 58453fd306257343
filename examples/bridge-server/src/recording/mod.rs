//! Recordings of calls: stereo WAV files, the caller left, the agent right, as the caller heard it.
//!
//! ```text
//!  call's task ── Tap ──▶ batches of 80 ms ──▶  writer thread: Assembler ─▶ Renderer ─▶ file
//!                (never waits)  (bounded)        (a few for all calls)
//! ```
//!
//! Both channels are on the caller's time line and end with the caller's last frame. A file is valid
//! whenever the process ends, and misses no more than the last 200 ms then.
//!
//! Memory per call: some 30 KiB for the tracks (see `assembler.rs`) and 5 KiB for a batch. Audio that was
//! sent far ahead to Twilio waits here as well, 8 KB for each second of it; once all calls together hold
//! 32 MiB, what is sent more than half a second ahead is recorded as silence.

mod assembler;
mod clock;
mod file;
mod heard;
mod layout;
mod recover;
mod render;
mod retention;
mod tap;
mod wav;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::Future,
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Sender, SyncSender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

pub use self::tap::Tap;
use self::{
    layout::Names,
    writer::{Job, Task},
};
use crate::{
    record::{Record, Recording, RecordingFormat},
    time::UnixMs,
};

/// How calls are recorded.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder for all recordings; made if it is not there.
    pub root: PathBuf,
    /// How they are written.
    pub format: RecordingFormat,
    /// Age at which recordings are removed; absent: never.
    pub keep: Option<Duration>,
    /// Longest recording; what comes after that is missing. At most 18 h, since the sizes in a WAV file end
    /// at 4 GiB. 4 h by default.
    pub max_duration: Duration,
    /// Batches of 80 ms, of 4 KiB each, that may wait for one of the threads. 1,024 by default.
    pub queue: usize,
}

impl Settings {
    /// The usual ones, for recordings below `root`.
    pub fn new(root: impl Into<PathBuf>, format: RecordingFormat) -> Self {
        Self {
            root: root.into(),
            format,
            keep: None,
            max_duration: Duration::from_secs(4 * 3_600),
            queue: 1_024,
        }
    }
}

/// All recordings of this server. Clones share them; [`default`](Self::default) is switched off.
#[derive(Clone, Debug, Default)]
pub struct Recordings {
    inner: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    writers: Vec<SyncSender<Job>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    next: AtomicU64,
}

/// What all threads share.
pub(crate) struct Shared {
    root: PathBuf,
    format: RecordingFormat,
    keep: Option<Duration>,
    max_samples: i64,
    records: Box<dyn Fn(Record) + Send + Sync>,
    stats: Counters,
    /// For what waits for the disk.
    later: Mutex<Option<Sender<Task>>>,
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Recordings begun.
    pub started: u64,
    /// Calls that could not be recorded: too much was waiting, or their id is no name for a file.
    pub refused: u64,
    /// Recordings that are whole.
    pub completed: u64,
    /// Recordings with something missing.
    pub partial: u64,
    /// Failed attempts to write; one a second for each recording while a disk fails.
    pub write_errors: u64,
    /// Batches of messages that a thread which was behind could not take.
    pub dropped_batches: u64,
    /// Files removed for their age.
    pub purged: u64,
    /// Files that should have been removed and could not.
    pub purge_errors: u64,
}

#[derive(Debug, Default)]
struct Counters {
    started: AtomicU64,
    refused: AtomicU64,
    completed: AtomicU64,
    partial: AtomicU64,
    write_errors: AtomicU64,
    dropped_batches: AtomicU64,
    purged: AtomicU64,
    purge_errors: AtomicU64,
}

impl Recordings {
    /// Starts the threads. `records` gets a [`Record::Recording`] for every change; it must not wait.
    ///
    /// In a tokio runtime, the process no longer dies of a file that may not grow (`SIGXFSZ`): that is an error
    /// like a full disk.
    ///
    /// # Errors
    /// When the folder cannot be made or threads cannot be started.
    pub fn open(
        settings: Settings,
        records: impl Fn(Record) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        layout::make_folder(&settings.root)?;
        survive_file_size_limit();
        let (later, tasks) = channel();
        let max_duration = settings.max_duration.min(file::MAX_DURATION);
        let shared = Arc::new(Shared {
            root: settings.root,
            format: settings.format,
            keep: settings.keep,
            max_samples: clock::samples(max_duration),
            records: Box::new(records),
            stats: Counters::default(),
            later: Mutex::new(Some(later)),
        });
        let mut threads = Vec::new();
        let mut writers = Vec::new();
        for number in 0..WRITERS {
            let (jobs, queue) = sync_channel(settings.queue.max(1));
            let shared = Arc::clone(&shared);
            let name = format!("recording-{number}");
            let run = move || writer::run(&shared, &queue);
            threads.push(thread::Builder::new().name(name).spawn(run)?);
            writers.push(jobs);
        }
        let finisher = thread::Builder::new().name("recording-sync".to_owned());
        threads.push(finisher.spawn(move || writer::carry_out(&tasks))?);
        Ok(Self {
            inner: Some(Arc::new(Inner {
                shared,
                writers,
                threads: Mutex::new(threads),
                next: AtomicU64::new(0),
            })),
        })
    }

    /// Begins the recording of a call; `None` if recordings are switched off, or too much is waiting.
    pub fn start(&self, call_id: &str) -> Option<Tap> {
        let inner = self.inner.as_deref()?;
        let stats = &inner.shared.stats;
        let id = inner.next.fetch_add(1, Relaxed);
        let jobs = inner.writers.get((id % WRITERS) as usize)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let started = Names::new(call_id).and_then(|names| {
            let is_over = Arc::clone(&is_over);
            jobs.try_send(Job::Start { id, names, is_over }).ok()
        });
        if started.is_none() {
            stats.refused.fetch_add(1, Relaxed);
            tracing::warn!("recording_refused");
            return None;
        }
        stats.started.fetch_add(1, Relaxed);
        Some(Tap::new(
            id,
            Arc::clone(&inner.shared),
            jobs.clone(),
            is_over,
        ))
    }

    /// Finishes the recordings that a killed process has left, and tells of each as
    /// [`Partial`](crate::record::RecordingStatus::Partial); returns how many. Waits for the disk.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn recover(&self) -> io::Result<usize> {
        match &self.inner {
            Some(inner) => recover::recover(&inner.shared),
            None => Ok(0),
        }
    }

    /// Removes recordings older than [`Settings::keep`] at `now`: the `listed` ones, which are then told of as
    /// [`Purged`](crate::record::RecordingStatus::Purged), and files nobody knows of. One that is
    /// being written stays. Returns the number of files; waits for the disk.
    pub fn purge(&self, listed: Vec<Recording>, now: UnixMs) -> usize {
        match (&self.inner, self.cutoff(now)) {
            (Some(inner), Some(cutoff)) => retention::purge(&inner.shared, listed, cutoff),
            _ => 0,
        }
    }

    /// [`purge`](Self::purge), now and every hour, with what `list` finds of recordings begun before a
    /// time and not purged. Never returns, unless recordings are kept for ever.
    pub async fn purge_hourly<F, E>(&self, list: impl Fn(UnixMs) -> F)
    where
        F: Future<Output = Result<Vec<Recording>, E>>,
    {
        while let Some(cutoff) = self.cutoff(UnixMs::now()) {
            match list(cutoff).await {
                Ok(listed) => {
                    let recordings = self.clone();
                    let purge = move || recordings.purge(listed, UnixMs::now());
                    if let Ok(files @ 1..) = tokio::task::spawn_blocking(purge).await {
                        tracing::info!(files, "recordings_purged");
                    }
                }
                Err(_) => tracing::warn!("recordings_not_listed"),
            }
            tokio::time::sleep(PURGE_INTERVAL).await;
        }
    }

    /// The file of a recording; `None` for one that is not there, and for a path that leads out of the folder.
    pub fn path(&self, file: &str) -> Option<PathBuf> {
        layout::resolve(&self.inner.as_ref()?.shared.root, file)
    }

    /// What has happened since the start.
    pub fn stats(&self) -> Stats {
        let Some(inner) = &self.inner else {
            return Stats::default();
        };
        let counters = &inner.shared.stats;
        Stats {
            started: counters.started.load(Relaxed),
            refused: counters.refused.load(Relaxed),
            completed: counters.completed.load(Relaxed),
            partial: counters.partial.load(Relaxed),
            write_errors: counters.write_errors.load(Relaxed),
            dropped_batches: counters.dropped_batches.load(Relaxed),
            purged: counters.purged.load(Relaxed),
            purge_errors: counters.purge_errors.load(Relaxed),
        }
    }

    /// Finishes all recordings and waits until they are on the disk. Those whose calls are not over become
    /// partial; none can be started any more.
    pub fn close(&self) {
        let Some(inner) = &self.inner else {
            return;
        };
        let threads = std::mem::take(&mut *lock(&inner.threads));
        for jobs in &inner.writers {
            let _ = jobs.send(Job::Stop);
        }
        let mut threads = threads.into_iter();
        for writer in threads.by_ref().take(WRITERS as usize) {
            let _ = writer.join();
        }
        lock(&inner.shared.later).take();
        for finisher in threads {
            let _ = finisher.join();
        }
    }

    fn cutoff(&self, now: UnixMs) -> Option<UnixMs> {
        let keep = self.inner.as_ref()?.shared.keep?;
        let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        Some(UnixMs(now.0.saturating_sub(keep)))
    }
}

impl Shared {
    fn report(&self, record: Record) {
        (self.records)(record);
    }

    /// Has `task` done by the thread that may wait for the disk.
    fn later(&self, task: impl FnOnce() -> Option<PathBuf> + Send + 'static) {
        if let Some(later) = &*lock(&self.later) {
            let _ = later.send(Task(Box::new(task)));
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("root", &self.root)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A handler, once installed, stays for the life of the process, and `write` then fails.
fn survive_file_size_limit() {
    if tokio::runtime::Handle::try_current().is_ok() {
        let kind = tokio::signal::unix::SignalKind::from_raw(SIGXFSZ);
        let _ = tokio::signal::unix::signal(kind);
    }
}

/// Source: signal(7); the same on Linux for x86 and Arm, on macOS and the BSDs.
const SIGXFSZ: i32 = 25;
/// Threads that write. One keeps up with hundreds of calls; the other works while a disk makes it wait.
const WRITERS: u64 = 2;
const PURGE_INTERVAL: Duration = Duration::from_secs(3_600);
/// μ-law's zero.
const SILENCE: u8 = 0xFF;
const SAMPLES_PER_MS: i64 = 8;
/// 20 ms at 8 kHz.
const FRAME: usize = 160;

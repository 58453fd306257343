//! The threads that write recordings, and the one that waits for the disk when they end.

use std::{
    collections::{HashMap, VecDeque},
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use super::{Shared, file::OpenRecording, heard, layout::Names};

/// What a writer is asked to do.
#[derive(Debug)]
pub(super) enum Job {
    Start {
        id: u64,
        names: Names,
        is_over: Arc<AtomicBool>,
    },
    Batch {
        id: u64,
        messages: Vec<u8>,
        is_gapped: bool,
    },
    Finish {
        id: u64,
        is_whole: bool,
    },
    /// The server ends.
    Stop,
}

/// What the thread that waits for the disk does; it returns a file that can be removed after a while.
pub(super) struct Task(pub(super) Box<dyn FnOnce() -> Option<PathBuf> + Send>);

/// Carries out `tasks` until there can be no more.
pub(super) fn carry_out(tasks: &Receiver<Task>) {
    let mut notes: VecDeque<(Instant, PathBuf)> = VecDeque::new();
    loop {
        let now = Instant::now();
        while let Some((_, note)) = notes.pop_front_if(|(due, _)| *due <= now) {
            let _ = fs::remove_file(note);
        }
        let due = notes.front().map_or(NOTE_LIFE, |(due, _)| *due - now);
        match tasks.recv_timeout(due) {
            Ok(Task(task)) => notes.extend(task().map(|note| (Instant::now() + NOTE_LIFE, note))),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Writes the recordings of some of the calls, until told to stop.
pub(super) fn run(shared: &Arc<Shared>, jobs: &Receiver<Job>) {
    let mut writer = Writer {
        shared: Arc::clone(shared),
        open: HashMap::new(),
        memory_bytes: 0,
    };
    let mut swept = Instant::now();
    loop {
        match jobs.recv_timeout(SWEEP) {
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Ok(job) => writer.carry_out(job),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if swept.elapsed() >= SWEEP {
            writer.sweep();
            swept = Instant::now();
        }
    }
    let open: Vec<u64> = writer.open.keys().copied().collect();
    for id in open {
        writer.finish(id, false);
    }
}

struct Writer {
    shared: Arc<Shared>,
    open: HashMap<u64, Slot>,
    /// Of all that is open.
    memory_bytes: usize,
}

struct Slot {
    recording: OpenRecording,
    is_over: Arc<AtomicBool>,
    memory_bytes: usize,
}

impl Writer {
    fn carry_out(&mut self, job: Job) {
        match job {
            Job::Start { id, names, is_over } => {
                let recording = OpenRecording::create(Arc::clone(&self.shared), names);
                let slot = Slot {
                    recording,
                    is_over,
                    memory_bytes: 0,
                };
                self.open.insert(id, slot);
            }
            Job::Batch {
                id,
                messages,
                is_gapped,
            } => {
                let Some(slot) = self.open.get_mut(&id) else {
                    return;
                };
                let is_scarce = self.memory_bytes > MAX_MEMORY;
                slot.recording.set_limit(match is_scarce {
                    true => SCARCE,
                    false => heard::MAX_WAITING,
                });
                slot.recording.take(&messages, is_gapped);
                let now = slot.recording.memory_bytes();
                self.memory_bytes = self.memory_bytes + now - slot.memory_bytes;
                slot.memory_bytes = now;
            }
            Job::Finish { id, is_whole } => self.finish(id, is_whole),
            Job::Stop => {}
        }
    }

    /// Ends the recordings whose calls could not say that they are over.
    fn sweep(&mut self) {
        let over = self
            .open
            .iter()
            .filter(|(_, slot)| slot.is_over.load(Relaxed));
        let over: Vec<u64> = over.map(|(&id, _)| id).collect();
        for id in over {
            self.finish(id, false);
        }
    }

    fn finish(&mut self, id: u64, is_whole: bool) {
        let Some(mut slot) = self.open.remove(&id) else {
            return;
        };
        self.memory_bytes -= slot.memory_bytes;
        slot.recording.is_partial |= !is_whole;
        let end = slot.recording.finish();
        self.shared.later(move || end.settle());
    }
}

/// Longer than a record takes to the journal, and far shorter than notes would take to be many.
const NOTE_LIFE: Duration = Duration::from_secs(10);
const SWEEP: Duration = Duration::from_secs(1);
/// What the recordings of one thread may hold before none of them may hold much: five hundred calls as they
/// usually are, or half an hour of audio that was sent ahead.
const MAX_MEMORY: usize = 16 << 20;
/// Samples that each may hold then, 2 s: the window, and more than the lead that audio is usually sent with.
const SCARCE: usize = 16_000;

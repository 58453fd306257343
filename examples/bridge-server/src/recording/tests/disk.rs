//! Disks that fail, are full, or are slow; and what is left of a recording then.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use uuid::Uuid;

use super::line::from_caller;
use crate::{
    record::{Record, Recording, RecordingFormat, RecordingStatus},
    recording::{
        Recordings, Settings,
        file::{OpenRecording, Sink},
        layout::Names,
        wav::Layout,
    },
};

/// A folder that goes with the test.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        let name = format!("trunkline-recording-{}", Uuid::now_v7());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Recordings in `folder`, and all that is told of them.
pub(super) fn open(settings: Settings) -> (Recordings, Arc<Mutex<Vec<Recording>>>) {
    let told: Arc<Mutex<Vec<Recording>>> = Arc::default();
    let records = Arc::clone(&told);
    let recordings = Recordings::open(settings, move |record| match record {
        Record::Recording(recording) => records.lock().unwrap().push(recording),
        other => panic!("{other:?}"),
    });
    (recordings.unwrap(), told)
}

/// A batch of 100 ms, number `n`, in which the caller says nothing but `code`.
pub(super) fn batch(n: u64, code: u8) -> Vec<u8> {
    let mut batch = Vec::new();
    for frame in 5 * n..5 * n + 5 {
        let text = from_caller(20 * frame, &[code; 160]);
        batch.push(0);
        batch.extend((20_000 * (frame + 1)).to_le_bytes());
        batch.extend((text.len() as u32).to_le_bytes());
        batch.extend(text.as_bytes());
    }
    batch
}

/// A file that refuses to grow while it is full.
struct Bounded {
    file: File,
    is_full: Arc<AtomicBool>,
}

impl Sink for Bounded {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let grows = offset + bytes.len() as u64 > self.file.metadata()?.len();
        if grows && self.is_full.load(Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// The caller's and the agent's codes of a μ-law file, whose header must tell its length.
fn tracks(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    let layout = Layout::of(RecordingFormat::Mulaw);
    let (header, data) = bytes.split_at(layout.header_len as usize);
    assert_eq!(header, layout.header(data.len() as u64));
    let pairs = data.chunks_exact(2);
    pairs.map(|pair| (pair[0], pair[1])).unzip()
}

#[test]
fn audio_that_a_full_disk_refused_is_silence_and_what_follows_has_its_time() {
    let folder = Folder::new();
    let (recordings, told) = open(Settings::new(&folder.0, RecordingFormat::Mulaw));
    let shared = &recordings.inner.as_ref().unwrap().shared;
    let names = Names::new("call").unwrap();
    let is_full = Arc::new(AtomicBool::new(false));
    let mut recording = OpenRecording::create(Arc::clone(shared), names.clone());
    let part = folder.0.join(names.part());
    recording.replace_sink(Box::new(Bounded {
        file: File::options().read(true).write(true).open(&part).unwrap(),
        is_full: Arc::clone(&is_full),
    }));
    for n in 0..60 {
        is_full.store((10..30).contains(&n), Relaxed);
        recording.take(&batch(n, n as u8), false);
    }
    recording.finish().settle();
    let status = told.lock().unwrap().last().unwrap().clone();
    assert_eq!(
        (status.status, status.duration_ms),
        (RecordingStatus::Partial, 6_000)
    );
    let (caller, agent) = tracks(&recordings.path(&status.file).unwrap());
    assert!(agent.iter().all(|&code| code == 0xFF));
    let heard: Vec<u8> = caller.chunks(800).map(|batch| batch[799]).collect();
    for (n, code) in heard.iter().enumerate() {
        // The disk is tried again a second after it failed, when it may have room for a while.
        let is_lost = (10..41).contains(&n) && *code == 0xFF;
        assert!(*code as usize == n || is_lost, "{n}: {heard:?}");
    }
    assert!(heard[10..30].iter().all(|&code| code == 0xFF));
    let stats = recordings.stats();
    assert!((2..=4).contains(&stats.write_errors), "{stats:?}");
    recordings.close();
}

#[test]
fn a_folder_that_cannot_be_written_costs_the_recording_and_nothing_else() {
    let folder = Folder::new();
    let (recordings, told) = open(Settings::new(&folder.0, RecordingFormat::Wav));
    // A file where the year's folder would be: not even root can write there.
    let names = Names::new("call").unwrap();
    let year = names.folder().split('/').next().unwrap().to_owned();
    fs::write(folder.0.join(year), "").unwrap();
    let mut tap = recordings.start("call").unwrap();
    for n in 0..20 {
        tap.from_twilio(&from_caller(20 * n, &[1; 160]));
    }
    tap.finish();
    recordings.close();
    let told = told.lock().unwrap();
    assert_eq!(told.last().unwrap().status, RecordingStatus::Partial);
    assert_eq!(recordings.stats().partial, 1);
}

#[test]
fn a_thread_that_is_behind_costs_audio_but_never_time() {
    let folder = Folder::new();
    let mut settings = Settings::new(&folder.0, RecordingFormat::Mulaw);
    settings.queue = 4;
    let calls = Arc::new(AtomicU64::new(0));
    let held: Arc<Mutex<()>> = Arc::default();
    let (count, gate) = (Arc::clone(&calls), Arc::clone(&held));
    // Whoever takes the records is slow, and so are the threads.
    let recordings = Recordings::open(settings, move |_| {
        count.fetch_add(1, Relaxed);
        drop(gate.lock().unwrap());
    });
    let recordings = recordings.unwrap();
    let slow = held.lock().unwrap();
    let mut tap = recordings.start("call").unwrap();
    let message = from_caller(0, &[1; 160]);
    for _ in 0..500 {
        tap.from_twilio(&message);
    }
    tap.finish();
    assert!(recordings.stats().dropped_batches > 5);
    drop(slow);
    recordings.close();
    let stats = recordings.stats();
    assert_eq!((stats.partial, calls.load(Relaxed)), (1, 2), "{stats:?}");
}

#[test]
fn files_and_folders_are_the_owners_alone() {
    let folder = Folder::new();
    let (recordings, told) = open(Settings::new(&folder.0, RecordingFormat::Wav));
    let mut tap = recordings.start("call").unwrap();
    tap.from_twilio(&from_caller(0, &[1; 160]));
    drop(tap);
    recordings.close();
    let told = told.lock().unwrap();
    let [begun, ended] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(begun.status, RecordingStatus::InProgress);
    assert_eq!(
        (ended.status, &ended.id),
        (RecordingStatus::Completed, &begun.id)
    );
    assert!(ended.file.ends_with("/call.wav"), "{}", ended.file);
    let file = folder.0.join(&ended.file);
    assert_eq!(fs::metadata(&file).unwrap().len() as i64, ended.bytes);
    for path in file.ancestors().take(5) {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path == file { 0o600 } else { 0o700 }, "{path:?}");
    }
}

#[test]
fn a_second_recording_of_a_call_does_not_replace_the_first() {
    let folder = Folder::new();
    let (recordings, told) = open(Settings::new(&folder.0, RecordingFormat::Wav));
    for _ in 0..2 {
        drop(recordings.start("call").unwrap());
    }
    assert!(recordings.start("../call").is_none());
    recordings.close();
    let told = told.lock().unwrap();
    let ended = told
        .iter()
        .filter(|told| told.status == RecordingStatus::Completed);
    let mut files: Vec<_> = ended
        .map(|told| told.file.rsplit('/').next().unwrap())
        .collect();
    files.sort_unstable();
    assert_eq!(files, ["call-2.wav", "call.wav"]);
}

#[test]
fn a_recording_ends_at_the_longest_it_may_be() {
    let folder = Folder::new();
    let mut settings = Settings::new(&folder.0, RecordingFormat::Wav);
    settings.max_duration = Duration::from_secs(1);
    let (recordings, told) = open(settings);
    let shared = &recordings.inner.as_ref().unwrap().shared;
    let mut recording = OpenRecording::create(Arc::clone(shared), Names::new("call").unwrap());
    for n in 0..20 {
        recording.take(&batch(n, 1), false);
    }
    recording.finish().settle();
    let ended = told.lock().unwrap().last().unwrap().clone();
    assert_eq!(
        (ended.status, ended.duration_ms),
        (RecordingStatus::Partial, 1_000)
    );
    assert_eq!(ended.bytes, 44 + 64_000);
    recordings.close();
}

//! One recording on its way into its file.
//!
//! The audio of every batch is written first, then the header's sizes: what they tell of is there,
//! whenever the process is killed. An error of the disk costs the audio of the time it lasts. It is
//! silence in the file, since everything has its place by the time line.

use std::{
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{
    SAMPLES_PER_MS, Shared,
    assembler::Assembler,
    layout::{self, Names},
    render::Renderer,
    tap,
    wav::Layout,
};
use crate::record::{Record, Recording, RecordingStatus};

/// Where bytes go.
pub(super) trait Sink: Send {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Waits until all is on the disk.
    fn sync(&self) -> io::Result<()>;
}

impl Sink for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}

/// A recording that is being written.
pub(super) struct OpenRecording {
    shared: Arc<Shared>,
    names: Names,
    assembler: Assembler,
    renderer: Renderer,
    layout: Layout,
    sink: Option<Box<dyn Sink>>,
    /// Samples of each track that the file has.
    written: i64,
    /// No sooner than at this length is a disk that has failed tried again.
    retry_at: i64,
    pub(super) is_partial: bool,
}

impl OpenRecording {
    /// Makes the file, or tries to, and tells of the recording.
    pub(super) fn create(shared: Arc<Shared>, names: Names) -> Self {
        let mut recording = Self::new(shared, names);
        recording.report(RecordingStatus::InProgress);
        if let Err(error) = recording.open() {
            recording.failed(&error);
        }
        recording
    }

    fn new(shared: Arc<Shared>, names: Names) -> Self {
        Self {
            names,
            assembler: Assembler::new(),
            renderer: Renderer::new(shared.format),
            layout: Layout::of(shared.format),
            sink: None,
            written: 0,
            retry_at: 0,
            is_partial: false,
            shared,
        }
    }

    /// Takes the messages of a batch and writes what has become of the tracks.
    pub(super) fn take(&mut self, batch: &[u8], is_gapped: bool) {
        let mut is_gapped = is_gapped;
        for (direction, time, text) in tap::messages(batch) {
            if std::mem::take(&mut is_gapped) {
                self.is_partial = true;
                self.assembler.lose_track(time);
            }
            self.assembler.take(direction, time, text);
        }
        self.save(true);
    }

    /// Samples that may wait for Twilio to play them.
    pub(super) fn set_limit(&mut self, samples: usize) {
        self.assembler.set_limit(samples);
    }

    /// Memory in use, in bytes, but for what all recordings of a thread could share.
    pub(super) fn memory_bytes(&self) -> usize {
        self.assembler.memory_bytes()
    }

    /// Writes what is left. The rest, which waits for the disk, is for the [`End`].
    pub(super) fn finish(mut self) -> End {
        self.retry_at = 0;
        self.save(false);
        if self.written < self.length() {
            self.is_partial = true;
        }
        End(self)
    }

    #[cfg(test)]
    pub(super) fn replace_sink(&mut self, sink: Box<dyn Sink>) {
        self.sink = Some(sink);
    }

    fn save(&mut self, is_coming: bool) {
        let changed = self.assembler.changed();
        let mut affected = self.renderer.affected(changed, is_coming);
        self.is_partial |= self.assembler.lost_samples() > 0;
        if affected.end > self.shared.max_samples {
            affected.end = self.shared.max_samples;
            self.is_partial = true;
        }
        if affected.start < affected.end
            && self.assembler.len() as i64 >= self.retry_at
            && let Err(error) = self.write(affected)
        {
            self.failed(&error);
        }
        self.assembler.written();
    }

    fn write(&mut self, samples: Range<i64>) -> io::Result<()> {
        self.open()?;
        if samples.start > self.written && !self.fill(samples.start)? {
            return Ok(());
        }
        self.renderer.render(&self.assembler, samples.clone());
        let (offset, bytes) = (self.offset(samples.start), &self.renderer.bytes);
        if let Some(sink) = &self.sink {
            sink.write_at(bytes, offset)?;
        }
        self.written = self.written.max(samples.end);
        self.write_header()
    }

    /// Silence where audio could not be written, so that no reader meets a hole: in μ-law a zero is loud.
    /// Whether that is done; a lot of it takes several times.
    fn fill(&mut self, until: i64) -> io::Result<bool> {
        let Some(sink) = &self.sink else {
            return Ok(false);
        };
        let (from, end) = (self.offset(self.written), self.offset(until));
        let piece = vec![self.layout.silence(); FILL_PIECE];
        let bytes = (end - from).min(MAX_FILL);
        for start in (0..bytes).step_by(FILL_PIECE) {
            let len = (bytes - start).min(FILL_PIECE as u64) as usize;
            sink.write_at(&piece[..len], from + start)?;
        }
        self.written += (bytes / self.sample_bytes()) as i64;
        Ok(self.written == until)
    }

    fn write_header(&self) -> io::Result<()> {
        let header = self.layout.header(self.data_bytes());
        match &self.sink {
            Some(sink) => sink.write_at(&header, 0),
            None => Ok(()),
        }
    }

    fn open(&mut self) -> io::Result<()> {
        if self.sink.is_some() {
            return Ok(());
        }
        let folder = self.shared.root.join(self.names.folder());
        layout::make_folder(&folder)?;
        let file = layout::create(&self.shared.root.join(self.names.part()))?;
        self.sink = Some(Box::new(file));
        self.write_header()?;
        let root = self.shared.root.clone();
        // So that the file's name survives a failure of the power, too.
        self.shared.later(move || {
            let _ = sync_folders(&root, &folder);
            None
        });
        Ok(())
    }

    fn failed(&mut self, error: &io::Error) {
        self.is_partial = true;
        self.retry_at = self.assembler.len() as i64 + RETRY;
        self.shared.stats.write_errors.fetch_add(1, Relaxed);
        tracing::warn!(
            call_id = self.names.call_id,
            error = %error.kind(),
            "recording_write_failed"
        );
    }

    /// Length of the whole, as far as it may be written.
    fn length(&self) -> i64 {
        (self.assembler.len() as i64).min(self.shared.max_samples)
    }

    fn sample_bytes(&self) -> u64 {
        self.layout.bytes_per_ms() / SAMPLES_PER_MS as u64
    }

    fn data_bytes(&self) -> u64 {
        self.written as u64 * self.sample_bytes()
    }

    fn offset(&self, sample: i64) -> u64 {
        self.layout.header_len + sample as u64 * self.sample_bytes()
    }

    fn report(&self, status: RecordingStatus) {
        let is_there = self.sink.is_some();
        self.shared.report(Record::Recording(recording(
            &self.names,
            self.names.part(),
            self.layout,
            self.shared.format,
            status,
            if is_there { self.data_bytes() } else { 0 },
        )));
    }
}

/// A recording to which nothing is added any more.
pub(super) struct End(OpenRecording);

impl End {
    /// Waits until the file is on the disk, gives it its name and tells of it. Returns a note of that, which
    /// can go once what was told is safe.
    pub(super) fn settle(self) -> Option<PathBuf> {
        let Self(mut open) = self;
        // A recording without audio is a recording, too.
        let synced = open
            .open()
            .and_then(|()| open.write_header())
            .and_then(|()| open.sink.as_ref().map_or(Ok(()), |sink| sink.sync()));
        if let Err(error) = synced {
            open.failed(&error);
        }
        let (shared, names) = (&open.shared, &open.names);
        let status = match open.is_partial {
            true => RecordingStatus::Partial,
            false => RecordingStatus::Completed,
        };
        let file = names.finished(&shared.root);
        let mut told = recording(
            names,
            file,
            open.layout,
            shared.format,
            status,
            open.data_bytes(),
        );
        let note = open.sink.is_some().then(|| shared.root.join(names.note()));
        if let Some(note) = &note {
            // Without it a kill leaves a record in progress; that is all.
            let _ = leave_note(note, &told);
        }
        if let Err(error) = give_name(&shared.root, names, &told.file) {
            told.file = names.part();
            told.status = RecordingStatus::Partial;
            open.failed(&error);
        }
        let stats = &open.shared.stats;
        match told.status {
            RecordingStatus::Completed => stats.completed.fetch_add(1, Relaxed),
            _ => stats.partial.fetch_add(1, Relaxed),
        };
        open.shared.report(Record::Recording(told));
        note
    }
}

/// Writes down what is told of a recording, for [`Recordings::recover`](super::Recordings::recover).
fn leave_note(note: &Path, told: &Recording) -> io::Result<()> {
    let file = layout::create(note)?;
    file.write_all_at(&serde_json::to_vec(told)?, 0)
}

/// Renames a part to what it is called once it is finished.
pub(super) fn give_name(root: &Path, names: &Names, file: &str) -> io::Result<()> {
    std::fs::rename(root.join(names.part()), root.join(file))?;
    File::open(root.join(names.folder()))?.sync_all()
}

/// What is told of a recording with `data` bytes of audio.
pub(super) fn recording(
    names: &Names,
    file: String,
    layout: Layout,
    format: crate::record::RecordingFormat,
    status: RecordingStatus,
    data: u64,
) -> Recording {
    Recording {
        id: names.id.to_string(),
        call_id: names.call_id.clone(),
        file,
        format,
        status,
        duration_ms: (data / layout.bytes_per_ms()) as i64,
        bytes: (layout.header_len + data) as i64,
        started_at: names.started_at(),
    }
}

/// Every folder from `folder` up to `root`.
fn sync_folders(root: &Path, folder: &Path) -> io::Result<()> {
    let inside = folder.ancestors().take_while(|folder| *folder != root);
    for folder in inside.chain([root]) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// 1 s.
const RETRY: i64 = 8_000;
/// Of silence in one go: a minute, less than a disk writes in the time of a batch.
const MAX_FILL: u64 = 4 << 20;
const FILL_PIECE: usize = 64 << 10;

/// Longest recording that a WAV header can tell the size of, with room to spare: 18 hours.
pub(super) const MAX_DURATION: Duration = Duration::from_secs(18 * 3_600);

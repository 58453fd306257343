//! Recordings that a kill has left unfinished.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use super::{
    Shared,
    file::{give_name, recording},
    layout::{self, Names},
    wav::Layout,
};
use crate::record::{Record, Recording, RecordingFormat, RecordingStatus};

/// Finishes what another process has left, and tells of it; how many recordings there were.
pub(super) fn recover(shared: &Shared) -> io::Result<usize> {
    let files = layout::list(&shared.root)?;
    let notes = files.iter().filter_map(|file| Names::of_note(file));
    let noted: Vec<Names> = notes.filter(|names| heed(shared, names)).collect();
    let mut count = noted.len();
    for names in files.iter().filter_map(|file| Names::of_part(file)) {
        if noted.contains(&names) {
            continue;
        }
        match repair(&shared.root, &names, shared.format) {
            Ok(Some(recording)) => {
                shared.report(Record::Recording(recording));
                count += 1;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(
                call_id = names.call_id,
                error = %error.kind(),
                "recording_not_recovered"
            ),
        }
    }
    Ok(count)
}

/// Tells again what a note says of a recording that had ended; whether it says anything that holds.
fn heed(shared: &Shared, names: &Names) -> bool {
    let note = shared.root.join(names.note());
    let told = fs::read(&note).ok();
    let told = told.and_then(|told| serde_json::from_slice::<Recording>(&told).ok());
    let told = told.filter(|told| is_named(&shared.root, names, told));
    let holds = told.is_some();
    if let Some(told) = told {
        shared.report(Record::Recording(told));
    }
    // It stays for a while, as after any other end.
    shared.later(move || Some(note));
    holds
}

/// Whether the recording has the name that was told, or has got it now.
fn is_named(root: &Path, names: &Names, told: &Recording) -> bool {
    let name = told.file.strip_prefix(names.folder());
    let name = name.and_then(|name| name.strip_prefix('/'));
    let is_name = |name: &str| name.starts_with(&names.call_id) && name.ends_with(".wav");
    if told.id != names.id.to_string() || !name.is_some_and(|it| is_name(it) && !it.contains('/')) {
        return false;
    }
    if layout::resolve(root, &told.file).is_some() {
        return true;
    }
    let part = layout::resolve(root, &names.part()).and_then(|part| File::open(part).ok());
    part.is_some_and(|part| part.try_lock().is_ok()) && give_name(root, names, &told.file).is_ok()
}

/// Makes the header tell of all the audio there is, if nobody is writing it.
fn repair(root: &Path, names: &Names, usual: RecordingFormat) -> io::Result<Option<Recording>> {
    let path = layout::resolve(root, &names.part()).ok_or(io::ErrorKind::NotFound)?;
    let file: File = OpenOptions::new().read(true).write(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut header = [0; 64];
    let length = file.metadata()?.len();
    let known = file.read_at(&mut header, 0)?;
    // Killed before the header was written, it has no audio either.
    let format = Layout::read(&header[..known]).unwrap_or(usual);
    let layout = Layout::of(format);
    let data = length.saturating_sub(layout.header_len);
    let data = data - data % (layout.bytes_per_ms() / 8);
    file.set_len(layout.header_len + data)?;
    file.write_all_at(&layout.header(data), 0)?;
    file.sync_all()?;
    let finished = names.finished(root);
    give_name(root, names, &finished)?;
    let status = RecordingStatus::Partial;
    Ok(Some(recording(
        names, finished, layout, format, status, data,
    )))
}

//! Recordings that are older than they may get.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    Shared,
    layout::{self, Names},
};
use crate::{
    record::{Record, Recording, RecordingStatus},
    time::UnixMs,
};

/// Removes the files of `listed` recordings and tells of each, then any others last written before
/// `cutoff`; how many files there were.
pub(super) fn purge(shared: &Shared, listed: Vec<Recording>, cutoff: UnixMs) -> usize {
    let mut removed = 0;
    for mut recording in listed {
        let is_old = recording.started_at < cutoff;
        let is_finished = matches!(
            recording.status,
            RecordingStatus::Completed | RecordingStatus::Partial
        );
        if !is_old || !is_finished {
            continue;
        }
        match remove(&shared.root, &recording.file) {
            Ok(was_there) => {
                removed += usize::from(was_there);
                recording.status = RecordingStatus::Purged;
                shared.report(Record::Recording(recording));
            }
            Err(error) => failed(shared, &error),
        }
    }
    match layout::list(&shared.root) {
        Ok(files) => {
            // Notes have a time of their own.
            let recordings = files.iter().filter(|file| Names::of_note(file).is_none());
            for file in recordings {
                match remove_if_older(&shared.root, file, cutoff) {
                    Ok(was_old) => removed += usize::from(was_old),
                    Err(error) => failed(shared, &error),
                }
            }
        }
        Err(error) => failed(shared, &error),
    }
    shared.stats.purged.fetch_add(removed as u64, Relaxed);
    removed
}

/// Removes one recording's file; false if it is not there, or is none of ours.
fn remove(root: &Path, file: &str) -> io::Result<bool> {
    let Some(path) = layout::resolve(root, file) else {
        return Ok(false);
    };
    // Only while it is written does anybody hold a lock on it.
    if File::open(&path)?.try_lock().is_err() {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    fs::remove_file(&path)?;
    // A day without recordings needs no folder; one that is not empty stays.
    let folders = path
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != root);
    for folder in folders {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(true)
}

fn remove_if_older(root: &Path, file: &str, cutoff: UnixMs) -> io::Result<bool> {
    let Some(path) = layout::resolve(root, file) else {
        return Ok(false);
    };
    let cutoff = Duration::from_millis(u64::try_from(cutoff.0).unwrap_or(0));
    let written = fs::metadata(&path)?.modified()?;
    if written > SystemTime::now() || written >= UNIX_EPOCH + cutoff {
        return Ok(false);
    }
    match remove(root, file) {
        // Somebody is writing it all the same.
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(false),
        removed => removed,
    }
}

fn failed(shared: &Shared, error: &io::Error) {
    shared.stats.purge_errors.fetch_add(1, Relaxed);
    tracing::warn!(error = %error.kind(), "recording_not_purged");
}

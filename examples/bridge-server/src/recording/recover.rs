//! Recordings that a kill has left unfinished.

use std::{
    fs::{File, OpenOptions, TryLockError},
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
use crate::record::{Record, RecordingStatus};

/// Finishes what another process has left, and tells of it; how many there were.
pub(super) fn recover(shared: &Shared) -> io::Result<usize> {
    let mut count = 0;
    for path in layout::list(&shared.root)? {
        let Some(names) = Names::of_part(&path) else {
            continue;
        };
        match repair(&shared.root, &names, shared.format) {
            Ok(Some(record)) => {
                shared.report(record);
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

/// Makes the header tell of all the audio there is, if nobody is writing it.
fn repair(
    root: &Path,
    names: &Names,
    usual: crate::record::RecordingFormat,
) -> io::Result<Option<Record>> {
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
    let finished = give_name(root, names)?;
    let status = RecordingStatus::Partial;
    Ok(Some(recording(
        names, finished, layout, format, status, data,
    )))
}

//! Where recordings lie: a folder for each day, in it a file for each call.
//!
//! `2026/11/28/CALL.wav` is a finished recording. One that is being written is
//! `2026/11/28/CALL.ID.part`, and its writer holds a lock on it: when the process is killed the name
//! stays and the lock goes, which is how it is found later. `2026/11/28/CALL.ID.ended` is a note of what
//! was told of a recording that has just ended, in case a kill comes before that was taken down.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
};

use jiff::{Timestamp, tz::TimeZone};
use uuid::Uuid;

use crate::time::UnixMs;

/// Names of one recording, below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) call_id: String,
    /// A UUID of version 7, which holds the time.
    pub(super) id: Uuid,
    folder: String,
}

impl Names {
    /// Names for a call that is recorded from now on; `None` if its id is no name for a file.
    pub(super) fn new(call_id: &str) -> Option<Self> {
        let id = Uuid::now_v7();
        let time = Timestamp::from_millisecond(started_at(id)?.0).ok()?;
        let date = time
            .to_zoned(TimeZone::UTC)
            .strftime("%Y/%m/%d")
            .to_string();
        is_call_id(call_id).then(|| Self {
            call_id: call_id.to_owned(),
            id,
            folder: date,
        })
    }

    /// What the file at `path` below the root is, if it is a recording that was not finished.
    pub(super) fn of_part(path: &str) -> Option<Self> {
        Self::of(path, ".part")
    }

    /// Whose note the file at `path` below the root is.
    pub(super) fn of_note(path: &str) -> Option<Self> {
        Self::of(path, ".ended")
    }

    fn of(path: &str, suffix: &str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/')?;
        let (call_id, id) = name.strip_suffix(suffix)?.rsplit_once('.')?;
        let id = Uuid::parse_str(id).ok()?;
        started_at(id)?;
        (is_call_id(call_id) && is_folder(folder)).then(|| Self {
            call_id: call_id.to_owned(),
            id,
            folder: folder.to_owned(),
        })
    }

    /// When the recording began.
    pub(super) fn started_at(&self) -> UnixMs {
        started_at(self.id).unwrap_or_default()
    }

    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    /// While it is written.
    pub(super) fn part(&self) -> String {
        format!("{}/{}.{}.part", self.folder, self.call_id, self.id)
    }

    /// The note of its end.
    pub(super) fn note(&self) -> String {
        format!("{}/{}.{}.ended", self.folder, self.call_id, self.id)
    }

    /// Once it is finished. A call that was recorded before, such as one with a second stream, gets a name
    /// with a number.
    pub(super) fn finished(&self, root: &Path) -> String {
        let (folder, call_id) = (&self.folder, &self.call_id);
        let numbered = (2..100).map(|n| format!("{folder}/{call_id}-{n}.wav"));
        std::iter::once(format!("{folder}/{call_id}.wav"))
            .chain(numbered)
            .find(|file| fs::symlink_metadata(root.join(file)).is_err())
            .unwrap_or_else(|| format!("{folder}/{call_id}.{}.wav", self.id))
    }
}

/// The file at `path` below `root`; `None` for whatever could lead out of it, and if it is not there.
pub(super) fn resolve(root: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path);
    let is_plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if path.is_empty() || !is_plain {
        return None;
    }
    let full = root.join(relative);
    let is_file = fs::symlink_metadata(&full).is_ok_and(|metadata| metadata.is_file());
    // A folder might be a link, too.
    let parent = full.parent()?.canonicalize().ok()?;
    (is_file && parent.starts_with(root.canonicalize().ok()?)).then_some(full)
}

/// The recordings below `root`, finished or not, and notes: paths below it. Anything else is left out.
pub(super) fn list(root: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            if depth == DEPTH && kind.is_file() {
                let is_part = Names::of_part(&path).or(Names::of_note(&path)).is_some();
                let is_ours = is_part || path.ends_with(".wav");
                files.extend(is_ours.then_some(path));
            } else if depth < DEPTH && kind.is_dir() && is_digits(&entry.file_name()) {
                folders.push((path, depth + 1));
            }
        }
    }
    Ok(files)
}

/// Makes `folder` and what is above it, for the owner only; whether any of it is new.
pub(super) fn make_folder(folder: &Path) -> io::Result<bool> {
    if folder.is_dir() {
        return Ok(false);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    Ok(true)
}

/// Makes a file for the owner only, which must not be there, and locks it.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.try_lock()?;
    Ok(file)
}

fn started_at(id: Uuid) -> Option<UnixMs> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let ms = i64::try_from(seconds).ok()?.checked_mul(1_000)?;
    Some(UnixMs(ms.checked_add(i64::from(nanos / 1_000_000))?))
}

fn is_call_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_CALL_ID).contains(&id.len()) && id.bytes().all(is_plain)
}

fn is_folder(folder: &str) -> bool {
    folder.split('/').count() == DEPTH && folder.split('/').all(|part| is_digits(part.as_ref()))
}

fn is_digits(name: &std::ffi::OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

/// Year, month and day.
const DEPTH: usize = 3;
const MAX_CALL_ID: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_part_tells_all_that_its_record_needs() {
        let names = Names::new("0199-call").unwrap();
        assert_eq!(Names::of_part(&names.part()), Some(names.clone()));
        assert!(UnixMs::now().0 - names.started_at().0 < 60_000);
        for other in [
            "2026/11/28/a.wav",
            "2026/11/28/a.b.part",
            "a.part",
            "../11/28/a.part",
        ] {
            assert_eq!(Names::of_part(other), None, "{other}");
        }
        let outside = names.part().replace("/", "/../");
        assert_eq!(Names::of_part(&outside), None);
    }

    #[test]
    fn ids_that_could_lead_elsewhere_are_no_names() {
        for id in ["", "..", "a/b", "a.b", "a\0", "ä", &"x".repeat(65)] {
            assert_eq!(Names::new(id), None, "{id}");
        }
    }
}

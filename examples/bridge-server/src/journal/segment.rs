//! Files of records: one line each, `CRC SEQ JSON`, the CRC-32 of the rest of the line in hexadecimal.
//!
//! A segment is named after its first record's number and written once. What a crash has torn is recognised by its
//! checksum and passed over; it was never safe, so nobody has been told of it.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A segment, as far as it is safe on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// Number in its name; no record of it has a smaller one.
    pub(super) first: u64,
    /// Number of its last record.
    pub(super) last: u64,
    /// Bytes up to the end of its last record.
    pub(super) len: u64,
}

/// The segments in `directory`, in order. Those without a whole record are removed.
pub(super) fn list(directory: &Path) -> io::Result<VecDeque<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let Some(first) = number(&path) else {
            continue;
        };
        match scan(&path)? {
            Some((last, len)) => segments.push(Segment {
                path,
                first,
                last,
                len,
            }),
            None => fs::remove_file(&path)?,
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments.into())
}

/// Records of a segment from byte `from` on, some [`PART`] bytes of them, and where they end.
pub(super) struct Part {
    /// Number and JSON.
    pub(super) records: Vec<(u64, String)>,
    /// Lines that are not as they were written.
    pub(super) spoilt: u64,
    pub(super) end: u64,
}

/// Reads up to `most` records of `segment` from byte `from` on.
pub(super) fn read(segment: &Segment, from: u64, most: usize) -> io::Result<Part> {
    let mut file = File::open(&segment.path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut lines = BufReader::new(file.take(segment.len.saturating_sub(from)));
    let mut part = Part {
        records: Vec::new(),
        spoilt: 0,
        end: from,
    };
    let mut line = Vec::new();
    while part.records.len() < most && part.end - from < PART {
        line.clear();
        let len = lines.read_until(b'\n', &mut line)?;
        if len == 0 {
            break;
        }
        part.end += len as u64;
        match parse(&line) {
            Some((seq, json)) => part.records.push((seq, json.to_owned())),
            None => part.spoilt += 1,
        }
    }
    Ok(part)
}

/// A segment that is being written.
pub(super) struct Output {
    file: File,
    pub(super) segment: Segment,
}

impl Output {
    /// Begins the segment whose first record will be `first`, over what failed to become it before.
    pub(super) fn create(directory: &Path, first: u64) -> io::Result<Self> {
        let path = directory.join(format!("{first:020}.{EXTENSION}"));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        // The name must survive a power failure, too.
        File::open(directory)?.sync_all()?;
        Ok(Self {
            file,
            segment: Segment {
                path,
                first,
                last: 0,
                len: 0,
            },
        })
    }

    /// Appends records and waits until they are safe on the disk. After an error nothing more must be appended: what
    /// the file holds then is not known.
    pub(super) fn append<'a>(
        &mut self,
        records: impl Iterator<Item = (u64, &'a str)>,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        let mut last = self.segment.last;
        for (seq, json) in records {
            let line = format!("{seq} {json}");
            writeln!(lines, "{:08x} {line}", crc32fast::hash(line.as_bytes()))?;
            last = seq;
        }
        self.file.write_all(&lines)?;
        self.file.sync_data()?;
        self.segment.len += lines.len() as u64;
        self.segment.last = last;
        Ok(())
    }
}

/// Number of the last whole record, and where it ends.
fn scan(path: &Path) -> io::Result<Option<(u64, u64)>> {
    let mut lines = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    let mut found = None;
    let mut end = 0;
    loop {
        line.clear();
        let len = lines.read_until(b'\n', &mut line)?;
        if len == 0 {
            return Ok(found);
        }
        end += len as u64;
        if let Some((seq, _)) = parse(&line) {
            found = Some((seq, end));
        }
    }
}

fn parse(line: &[u8]) -> Option<(u64, &str)> {
    let line = str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (crc, rest) = line.split_once(' ')?;
    let crc = u32::from_str_radix(crc, 16).ok()?;
    if crc != crc32fast::hash(rest.as_bytes()) {
        return None;
    }
    let (seq, json) = rest.split_once(' ')?;
    Some((seq.parse().ok()?, json))
}

fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_suffix(EXTENSION)?
        .strip_suffix('.')?
        .parse()
        .ok()
}

const EXTENSION: &str = "journal";
/// Bytes read at a time.
const PART: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("tl-segment-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn written(directory: &Path, count: u64) -> Segment {
        let mut output = Output::create(directory, 1).unwrap();
        for seq in 1..=count {
            let json = format!("{{\"n\":{seq},\"text\":\"Zoë\"}}");
            output.append([(seq, json.as_str())].into_iter()).unwrap();
        }
        output.segment
    }

    #[test]
    fn a_segment_cut_anywhere_gives_its_whole_records() {
        let directory = Directory::new("cut");
        let segment = written(&directory.0, 3);
        let bytes = fs::read(&segment.path).unwrap();
        let line = bytes.len() / 3;
        for len in 0..=bytes.len() {
            fs::write(&segment.path, &bytes[..len]).unwrap();
            let found = list(&directory.0).unwrap();
            let whole = (len / line) as u64;
            match found.front() {
                None => assert_eq!(whole, 0),
                Some(found) => {
                    assert_eq!((found.last, found.len), (whole, whole * line as u64));
                    let part = read(found, 0, 10).unwrap();
                    assert_eq!((part.records.len() as u64, part.spoilt), (whole, 0));
                }
            }
        }
    }

    #[test]
    fn a_spoilt_byte_costs_its_record_and_no_other() {
        let directory = Directory::new("spoilt");
        let segment = written(&directory.0, 3);
        let bytes = fs::read(&segment.path).unwrap();
        for at in 0..bytes.len() {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 0x40;
            fs::write(&segment.path, &spoilt).unwrap();
            let records = match list(&directory.0).unwrap().front() {
                Some(found) => read(found, 0, 10).unwrap().records,
                None => Vec::new(),
            };
            let least = if bytes[at] == b'\n' { 1 } else { 2 };
            assert!((least..3).contains(&records.len()), "byte {at}");
            for (seq, json) in records {
                assert_eq!(json, format!("{{\"n\":{seq},\"text\":\"Zoë\"}}"));
            }
        }
    }

    #[test]
    fn other_files_are_left_alone() {
        let directory = Directory::new("other");
        for name in ["node", "lock", "x.journal", "7.journal.old", "7journal"] {
            fs::write(directory.0.join(name), "x").unwrap();
        }
        assert!(list(&directory.0).unwrap().is_empty());
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 5);
    }
}

//! Recordings as others read them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use trunkline_bridge_server::{
    record::{Record, Recording},
    recording::{Recordings, Settings},
};
use trunkline_simulators::audio::mulaw_decode;

/// A folder that goes with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let name = format!("trunkline-recordings-{}", uuid::Uuid::now_v7());
        Self(std::env::temp_dir().join(name))
    }

    /// All files in it, however deep.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Recordings, and all that is told of them.
pub(crate) fn open(settings: Settings) -> (Recordings, Arc<Mutex<Vec<Recording>>>) {
    let told: Arc<Mutex<Vec<Recording>>> = Arc::default();
    let records = Arc::clone(&told);
    let recordings = Recordings::open(settings, move |record| {
        if let Record::Recording(recording) = record {
            records.lock().expect("no panic").push(recording);
        }
    });
    (recordings.expect("a folder that can be made"), told)
}

/// Both channels at 8 kHz of a file of either format; what it must be like is checked.
pub(crate) fn channels(path: &Path) -> [Vec<i16>; 2] {
    let bytes = fs::read(path).expect("a file");
    if bytes[20] == 1 {
        return pcm(path);
    }
    let (mut channels, mut at) = ([Vec::new(), Vec::new()], 12);
    let number =
        |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    assert_eq!((&bytes[..4], &bytes[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
    let mut frames = None;
    while at < bytes.len() {
        let (name, size) = (&bytes[at..at + 4], number(at + 4));
        let content = at + 8;
        match name {
            b"fmt " => {
                let fields: Vec<u8> = [7_u16, 2].iter().flat_map(|it| it.to_le_bytes()).collect();
                assert_eq!((size, &bytes[content..content + 4]), (18, &fields[..]));
                assert_eq!((number(content + 4), number(content + 8)), (8_000, 16_000));
                assert_eq!(bytes[content + 12..content + 18], [2, 0, 8, 0, 0, 0]);
            }
            b"fact" => frames = Some(number(content)),
            b"data" => {
                assert_eq!(frames, Some(size / 2));
                // After a kill there may be audio that the header does not tell of yet.
                for pair in bytes[content..content + size].chunks_exact(2) {
                    channels[0].push(mulaw_decode(pair[0]));
                    channels[1].push(mulaw_decode(pair[1]));
                }
                return channels;
            }
            other => panic!("{other:?}"),
        }
        at = content + size;
    }
    panic!("no data");
}

fn pcm(path: &Path) -> [Vec<i16>; 2] {
    let mut reader = hound::WavReader::open(path).expect("a WAV file");
    let spec = reader.spec();
    assert_eq!(
        (spec.channels, spec.sample_rate, spec.bits_per_sample),
        (2, 16_000, 16)
    );
    let samples: Result<Vec<i16>, _> = reader.samples().collect();
    let samples = samples.expect("all of them");
    // Every second sample of a channel is one of the original.
    let channel = |first: usize| samples[first..].iter().copied().step_by(4).collect();
    [channel(0), channel(1)]
}

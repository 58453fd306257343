//! Recordings: what was recorded is read and replayed, and anything else is refused in good order.

use arbitrary::Arbitrary;
use trunkline::{
    Bridge, Error, FlightRecorder,
    flight::{Entry, Reader, Replay, Step},
};

use crate::bridge::Script;

#[derive(Arbitrary, Debug)]
pub enum File<'a> {
    Bytes(&'a [u8]),
    /// Entries with the right check sums.
    Sealed(Vec<&'a [u8]>),
    /// A recording.
    Recorded {
        script: Script<'a>,
        room: Option<u16>,
        is_finished: bool,
    },
    /// A recording with something changed, with new check sums or the old ones.
    Damaged {
        script: Script<'a>,
        edits: Vec<Edit<'a>>,
        is_sealed: bool,
    },
}

/// Bytes of an entry are replaced.
#[derive(Arbitrary, Debug)]
pub struct Edit<'a> {
    entry: u8,
    at: u8,
    removed: u8,
    bytes: &'a [u8],
}

pub fn flight_file(file: &File<'_>) {
    match file {
        File::Bytes(bytes) => {
            read(bytes);
            replay(bytes);
        }
        File::Sealed(entries) => {
            let mut entries: Vec<Vec<u8>> = entries.iter().map(|entry| entry.to_vec()).collect();
            if let Some(header) = entries.first_mut() {
                header.splice(0..0, *b"TLFLIGHT\x01\0");
            }
            let bytes = seal(&entries);
            read(&bytes);
            replay(&bytes);
        }
        File::Recorded {
            script,
            room,
            is_finished,
        } => record_and_replay(script, *room, *is_finished),
        File::Damaged {
            script,
            edits,
            is_sealed,
        } => {
            let recording = Recording::of(script, usize::MAX, true);
            let mut entries = recording.entries.clone();
            for edit in edits.iter().take(4) {
                let count = entries.len();
                let entry = &mut entries[usize::from(edit.entry) % count];
                let at = usize::from(edit.at) % (entry.len() + 1);
                let end = entry.len().min(at + usize::from(edit.removed % 16));
                entry.splice(at..end, edit.bytes.iter().copied());
            }
            let bytes = if *is_sealed {
                seal(&entries)
            } else {
                recording.with(&entries)
            };
            let is_whole = read(&bytes);
            replay(&bytes);
            if !is_sealed && entries != recording.entries {
                assert!(!is_whole, "the damage is not noticed");
            }
        }
    }
}

/// Reads all that can be read; whether it is a recording to its end.
fn read(bytes: &[u8]) -> bool {
    let Ok(mut reader) = Reader::new(bytes) else {
        return false;
    };
    let mut offset = reader.offset();
    while let Some(entry) = reader.next() {
        assert!(reader.offset() <= bytes.len());
        match entry {
            Ok(entry) => {
                assert!(reader.offset() > offset, "no progress");
                offset = reader.offset();
                if matches!(entry, Entry::End | Entry::Stopped) {
                    assert_eq!(reader.next(), None);
                    return true;
                }
            }
            Err(error) => {
                let is_known = match error {
                    Error::InvalidRecording { offset } | Error::TruncatedRecording { offset } => {
                        offset <= bytes.len()
                    }
                    _ => false,
                };
                assert!(is_known, "{error:?}");
                assert_eq!(reader.next(), None, "after {error:?}");
                return false;
            }
        }
    }
    false
}

/// Replays what there is; whether to the end and with the same answers.
fn replay(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut replay = Replay::new(bytes).ok()?;
    let config = replay.config().clone();
    // A recording may ask for a hundred megabytes.
    if config.storage_len() > 1 << 20 {
        return None;
    }
    let mut bridge = Bridge::new(config);
    let mut buf = vec![0; bridge.max_output_len()];
    loop {
        match replay.step(&mut bridge, &mut buf) {
            Ok(Some(Step::End | Step::Stopped)) => {
                assert!(matches!(replay.step(&mut bridge, &mut buf), Ok(None)));
                return Some((replay.inputs(), replay.outputs()));
            }
            Ok(Some(_)) => {}
            _ => return None,
        }
    }
}

fn record_and_replay(script: &Script<'_>, room: Option<u16>, is_finished: bool) {
    let room = room.map_or(usize::MAX, usize::from);
    let recording = Recording::of(script, room, is_finished);
    let bytes = recording.with(&recording.entries);
    let is_whole = is_finished || recording.is_full;
    assert_eq!(read(&bytes), is_whole);
    match replay(&bytes) {
        Some((inputs, outputs)) => {
            assert_eq!(inputs, recording.inputs - recording.missed);
            assert!(outputs == recording.outputs || recording.is_full);
        }
        None => assert!(!is_whole, "a recording is not replayed"),
    }
    // Cut off anywhere it says so.
    for cut in [0, bytes.len() / 3, bytes.len().saturating_sub(1)] {
        assert!(!read(&bytes[..cut]));
    }
}

/// What a recorder wrote, by entries.
struct Recording {
    /// Without their check sums.
    entries: Vec<Vec<u8>>,
    checks: Vec<[u8; CHECK_LEN]>,
    inputs: u64,
    outputs: u64,
    missed: u64,
    is_full: bool,
}

impl Recording {
    /// Records a call in so much room, or as much as it needs.
    fn of(script: &Script<'_>, room: usize, is_finished: bool) -> Self {
        let (config, steps) = script.steps();
        let needed = match FlightRecorder::new(&config, &mut [0_u8; 0][..]) {
            Err(Error::BufferTooShort { needed, actual: 0 }) => needed,
            other => panic!("{other:?}"),
        };
        let mut buf = vec![0; needed.saturating_add(room).min(1 << 20)];
        let mut recorder = FlightRecorder::new(&config, &mut buf[..]).expect("it has the room");
        let mut bridge = Bridge::new(config);
        let mut out = vec![0; bridge.max_output_len()];
        let mut recording = Self {
            entries: Vec::new(),
            checks: Vec::new(),
            inputs: 0,
            outputs: 0,
            missed: 0,
            is_full: false,
        };
        recording.take(recorder.bytes(), 0);
        let mut spent = 0;
        for (now, step) in &steps {
            let mut at = recorder.bytes().len();
            // The refusal of an input is an entry of its own, written in the same call.
            let digest_len = 1 + 8 + CHECK_LEN;
            let result = recorder.apply(&mut bridge, *now, step.input());
            recording.inputs += 1;
            let end = recorder.bytes().len();
            let refused = if result.is_err() { digest_len } else { 0 };
            if result.is_err() && !recorder.is_full() && end >= at + refused {
                recording.take(&recorder.bytes()[..end - refused], at);
                at = end - refused;
            }
            recording.take(recorder.bytes(), at);
            loop {
                let at = recorder.bytes().len();
                let output = recorder
                    .poll_output(&mut bridge, &mut out)
                    .expect("it fits");
                let is_some = output.is_some();
                recording.take(recorder.bytes(), at);
                if !is_some {
                    break;
                }
                recording.outputs += 1;
                spent += 1;
            }
            if spent > 4_000 || recorder.bytes().len() > 1 << 19 {
                break;
            }
        }
        let at = recorder.bytes().len();
        if is_finished {
            recorder.finish();
        }
        recording.take(recorder.bytes(), at);
        recording.missed = recorder.missed_inputs();
        recording.is_full = recorder.is_full();
        recording
    }

    /// Takes the entry that `bytes` have from `at` on, if any.
    fn take(&mut self, bytes: &[u8], at: usize) {
        if let Some((entry, check)) = bytes[at..].split_last_chunk() {
            self.entries.push(entry.to_vec());
            self.checks.push(*check);
        }
    }

    /// The file of these entries with the old check sums.
    fn with(&self, entries: &[Vec<u8>]) -> Vec<u8> {
        let pairs = entries.iter().zip(&self.checks);
        pairs
            .flat_map(|(entry, check)| [&entry[..], check].concat())
            .collect()
    }
}

/// The file of these entries, each with the check sum it should have.
fn seal(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut chain = 0;
    let mut bytes = Vec::new();
    for entry in entries {
        chain = digest(chain, entry);
        bytes.extend_from_slice(entry);
        bytes.extend_from_slice(&(chain as u32).to_le_bytes());
    }
    bytes
}

/// As the recorder does it: eight bytes at a time, the last ones filled up with zeros, the length.
fn digest(seed: u64, bytes: &[u8]) -> u64 {
    let mix = |state: u64, word: u64| {
        let product = u128::from(state ^ word ^ 0x9E37_79B9_7F4A_7C15) * 0x6A09_E667_F3BC_C909;
        product as u64 ^ (product >> 64) as u64
    };
    let (words, rest) = bytes.as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let state = words.fold(seed, mix);
    mix(mix(state, u64::from_le_bytes(last)), bytes.len() as u64)
}

const CHECK_LEN: usize = 4;

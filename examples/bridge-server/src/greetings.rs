//! Greetings recorded beforehand: WAV files, read once and kept as the telephone has them.

use std::{
    collections::HashMap,
    fs, io,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use trunkline::{mulaw, resample::Resampler};

/// The greetings of one directory. Clones share what was read.
#[derive(Clone, Debug)]
pub(crate) struct Greetings {
    directory: PathBuf,
    known: Arc<Mutex<HashMap<String, Arc<[u8]>>>>,
}

impl Greetings {
    /// Those in `directory`, which is not looked into yet.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            known: Arc::default(),
        }
    }

    /// The greeting in the file called `name` as G.711 μ-law at 8 kHz. Waits for the disk the first time.
    ///
    /// # Errors
    /// When there is no such file, or it is no WAV file of 16-bit PCM, mono, at 8, 16 or 24 kHz and at most a minute.
    pub(crate) fn load(&self, name: &str) -> io::Result<Arc<[u8]>> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(name) {
            return Ok(Arc::clone(known));
        }
        let mut parts = Path::new(name).components();
        if !matches!(
            (parts.next(), parts.next()),
            (Some(Component::Normal(_)), None)
        ) {
            return Err(wrong("the name of a greeting is that of a file alone"));
        }
        let path = self.directory.join(name);
        if fs::metadata(&path)?.len() > MAX_FILE {
            return Err(wrong("longer than a minute"));
        }
        let audio: Arc<[u8]> = to_mulaw(&fs::read(path)?)?.into();
        lock().insert(name.to_owned(), Arc::clone(&audio));
        Ok(audio)
    }
}

/// Converts a WAV file.
fn to_mulaw(file: &[u8]) -> io::Result<Vec<u8>> {
    let (rate_hz, samples) =
        read_wav(file).ok_or_else(|| wrong("no WAV file of 16-bit PCM, mono"))?;
    let samples = match rate_hz {
        8_000 => samples,
        _ => {
            let refused = |error: trunkline::Error| wrong(&error.to_string());
            let mut resampler = Resampler::new(rate_hz, 8_000).map_err(refused)?;
            let mut phone = vec![0; resampler.output_len(samples.len())];
            resampler.process(&samples, &mut phone).map_err(refused)?;
            let at = phone.len();
            phone.resize(at + resampler.flush_len(), 0);
            resampler.flush(&mut phone[at..]).map_err(refused)?;
            phone
        }
    };
    if samples.is_empty() || samples.len() > MAX_SAMPLES {
        return Err(wrong("empty, or longer than a minute"));
    }
    let mut audio = vec![0; samples.len()];
    mulaw::encode(&samples, &mut audio).expect("both are as long");
    Ok(audio)
}

/// Rate and samples. Source: RIFF/WAVE, "Multimedia Programming Interface and Data Specifications 1.0".
fn read_wav(file: &[u8]) -> Option<(u32, Vec<i16>)> {
    let mut rest = file
        .strip_prefix(b"RIFF")?
        .get(4..)?
        .strip_prefix(b"WAVE")?;
    let mut rate_hz = None;
    loop {
        let (name, tail) = rest.split_first_chunk::<4>()?;
        let (length, body) = tail.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        // Writers that were cut off leave a length that is too long.
        let chunk = &body[..length.min(body.len())];
        match name {
            b"fmt " => {
                let word =
                    |at: usize| Some(u16::from_le_bytes(chunk.get(at..at + 2)?.try_into().ok()?));
                if (word(0)?, word(2)?, word(14)?) != (1, 1, 16) {
                    return None;
                }
                rate_hz = Some(u32::from_le_bytes(chunk.get(4..8)?.try_into().ok()?));
            }
            b"data" => {
                let samples = chunk.as_chunks().0.iter();
                return Some((
                    rate_hz?,
                    samples.map(|&sample| i16::from_le_bytes(sample)).collect(),
                ));
            }
            _ => {}
        }
        // Chunks begin at even places.
        rest = body.get(length + length % 2..)?;
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// A minute at 8 kHz.
const MAX_SAMPLES: usize = 60 * 8_000;
/// A minute at 24 kHz, with room for what stands beside it.
const MAX_FILE: u64 = 2 * 60 * 24_000 + (64 << 10);

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(rate_hz: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
        file.extend(channels.to_le_bytes());
        file.extend(rate_hz.to_le_bytes());
        file.extend((2 * rate_hz).to_le_bytes());
        // A chunk of an odd length stands between.
        file.extend(b"\x02\0\x10\0LIST\x03\0\0\0abc\0data");
        file.extend(u32::try_from(2 * samples.len()).unwrap().to_le_bytes());
        file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }

    #[test]
    fn files_of_three_rates_become_the_same_length_on_the_phone() {
        for rate_hz in [8_000, 16_000, 24_000] {
            let samples = vec![1_000; usize::try_from(rate_hz).unwrap()];
            let audio = to_mulaw(&wav(rate_hz, 1, &samples)).unwrap();
            assert!(
                (8_000..8_040).contains(&audio.len()),
                "{rate_hz}: {}",
                audio.len()
            );
            let mut loudness = vec![0; audio.len()];
            mulaw::decode(&audio, &mut loudness).unwrap();
            assert!((950..1_050).contains(&loudness[4_000]), "{rate_hz}");
        }
    }

    #[test]
    fn what_is_no_such_file_is_refused_at_every_length() {
        let whole = wav(8_000, 1, &[1, 2, 3]);
        for len in 0..whole.len() - 6 {
            assert!(to_mulaw(&whole[..len]).is_err(), "{len} bytes");
        }
        assert!(to_mulaw(&wav(8_000, 2, &[1, 2])).is_err(), "stereo");
        assert!(to_mulaw(&wav(44_100, 1, &[1, 2])).is_err(), "rate");
        assert!(
            to_mulaw(&wav(8_000, 1, &vec![0; MAX_SAMPLES + 1])).is_err(),
            "too long"
        );
    }

    #[test]
    fn only_files_of_the_directory_are_read_and_only_once() {
        let directory =
            std::env::temp_dir().join(format!("trunkline-greetings-{}", std::process::id()));
        fs::create_dir_all(directory.join("in")).unwrap();
        fs::write(directory.join("hello.wav"), wav(8_000, 1, &[1; 80])).unwrap();
        let greetings = Greetings::new(directory.join("in"));
        for name in ["../hello.wav", "", ".", "..", "/etc/passwd", "nothing.wav"] {
            assert!(greetings.load(name).is_err(), "{name}");
        }
        let greetings = Greetings::new(directory.clone());
        assert_eq!(greetings.load("hello.wav").unwrap().len(), 80);
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(greetings.load("hello.wav").unwrap().len(), 80);
    }
}

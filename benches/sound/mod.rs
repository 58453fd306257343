//! The way of a voice through the resamplers: up for the model, down for the phone, and μ-law.

use std::{f64::consts::PI, fs, io, path::PathBuf};

use hound::WavReader;
use trunkline::mulaw;

use crate::peers::{Direction, Linear, Resampler, Trunkline, resamplers};

/// A way of resampling: the same library and setting in both directions.
pub struct Method {
    /// Library and setting.
    pub name: String,
    /// A new stream from 8 to 24 kHz.
    pub up: Box<dyn Resampler>,
    /// A new stream from 24 to 8 kHz.
    pub down: Box<dyn Resampler>,
}

/// All methods, new: those of [`resamplers`], and two that forget what came before each packet.
pub fn methods() -> Vec<Method> {
    let up = resamplers(Direction::Up).into_iter();
    let down = resamplers(Direction::Down).into_iter();
    let mut all: Vec<Method> = up.zip(down).map(|(up, down)| method(up, down)).collect();
    let [up, down] = Direction::BOTH.map(|direction| Box::new(FilterAnew::new(direction)));
    all.push(method(up, down));
    let [up, down] = Direction::BOTH.map(|direction| Box::new(LinearAnew(direction)));
    all.push(method(up, down));
    all
}

/// trunkline's own two, new.
pub fn own_methods() -> [Method; 2] {
    [Trunkline::voice, Trunkline::sharp].map(|profile| {
        let stream = |direction| Box::new(profile(direction)) as Box<dyn Resampler>;
        method(stream(Direction::Up), stream(Direction::Down))
    })
}

fn method(up: Box<dyn Resampler>, down: Box<dyn Resampler>) -> Method {
    assert_eq!(up.name(), down.name());
    let name = up.name().to_owned();
    Method { name, up, down }
}

/// All of `pcm` in frames of 20 ms, the last filled up with silence, and what is held back.
pub fn stream(resampler: &mut dyn Resampler, direction: Direction, pcm: &[i16]) -> Vec<i16> {
    let mut output = Vec::new();
    let mut frame = vec![0; direction.frame()];
    for part in pcm.chunks(frame.len()) {
        frame.fill(0);
        frame[..part.len()].copy_from_slice(part);
        resampler.process(&frame, &mut output);
    }
    resampler.flush(&mut output);
    output
}

/// What the other end of a phone call hears of `pcm`.
pub fn through_mulaw(pcm: &[i16]) -> Vec<i16> {
    let mut codes = vec![0; pcm.len()];
    let mut heard = vec![0; pcm.len()];
    mulaw::encode(pcm, &mut codes).expect("the same length");
    mulaw::decode(&codes, &mut heard).expect("the same length");
    heard
}

/// A recording of the repository.
pub struct Recording {
    /// File name without its ending.
    pub name: String,
    /// 8,000 for callers, 24,000 for the model's voice.
    pub rate_hz: u32,
    /// Mono samples.
    pub pcm: Vec<i16>,
}

/// Everything that is spoken in the repository: the WAV files of the demo and the μ-law files of
/// the tests, by name.
///
/// # Errors
/// When a file cannot be read.
pub fn recordings() -> Result<Vec<Recording>, Box<dyn std::error::Error>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = |folder| -> io::Result<Vec<PathBuf>> {
        fs::read_dir(root.join(folder))?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    let mut paths = files("examples/demo/speech")?;
    paths.extend(files("core/tests/data/speech")?);
    paths.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
    let mut all = Vec::new();
    for path in paths {
        let (rate_hz, pcm) = match path.extension().and_then(|end| end.to_str()) {
            Some("wav") => {
                let mut reader = WavReader::open(&path)?;
                let pcm = reader.samples().collect::<Result<_, _>>()?;
                (reader.spec().sample_rate, pcm)
            }
            Some("ulaw") => {
                let codes = fs::read(&path)?;
                (
                    8_000,
                    codes
                        .iter()
                        .map(|&code| mulaw::decode_sample(code))
                        .collect(),
                )
            }
            _ => continue,
        };
        let stem = path.file_stem().unwrap_or_default();
        let name = stem.to_string_lossy().into_owned();
        all.push(Recording { name, rate_hz, pcm });
    }
    Ok(all)
}

/// FNV-1a over what is heard of all recordings through a method: the callers' through the whole
/// loop, the model's voice on its way down. Filters of integers give the same on every machine, so
/// it tells whether the sound is still the one that was scored.
///
/// # Panics
/// When a method's streams are not new, or a recording has another rate.
pub fn checksum(recordings: &[Recording], make: impl Fn() -> Method) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325;
    for recording in recordings {
        let Method {
            mut up, mut down, ..
        } = make();
        let wide = match recording.rate_hz {
            8_000 => stream(up.as_mut(), Direction::Up, &recording.pcm),
            24_000 => recording.pcm.clone(),
            other => panic!("{}: {other} Hz", recording.name),
        };
        let narrow = stream(down.as_mut(), Direction::Down, &wide);
        for byte in through_mulaw(&narrow)
            .into_iter()
            .flat_map(i16::to_le_bytes)
        {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
    hash
}

/// [`Linear`], a new one for every packet, as `audioop.ratecv` with `None` for its state: the first
/// sample of a packet has none before it to draw a line from, so two of 480 are missing.
struct LinearAnew(Direction);

impl Resampler for LinearAnew {
    fn name(&self) -> &str {
        "linear, anew per packet"
    }

    fn process_into(&mut self, src: &[i16], dst: &mut [i16]) -> usize {
        Linear::new(self.0).process_into(src, dst)
    }

    fn flush(&mut self, _: &mut Vec<i16>) {}
}

/// `scipy.signal.resample_poly` of every packet for itself: its default filter, a sinc of 61 taps
/// under a Kaiser window with a β of 5, without delay, as if silence were around the packet.
struct FilterAnew {
    direction: Direction,
    taps: Vec<f64>,
}

impl FilterAnew {
    fn new(direction: Direction) -> Self {
        let reach = f64::from(REACH);
        let tap = |at: i32| {
            let (turn, place) = (PI * f64::from(at) / 3.0, f64::from(at) / reach);
            let sinc = if at == 0 { 1.0 } else { turn.sin() / turn };
            sinc * bessel_i0(5.0 * (1.0 - place * place).sqrt())
        };
        let taps: Vec<f64> = (-REACH..=REACH).map(tap).collect();
        let gain = match direction {
            Direction::Up => 3.0,
            Direction::Down => 1.0,
        };
        let scale = gain / taps.iter().sum::<f64>();
        let taps = taps.into_iter().map(|tap| tap * scale).collect();
        Self { direction, taps }
    }
}

impl Resampler for FilterAnew {
    fn name(&self) -> &str {
        "filter, anew per packet"
    }

    fn process_into(&mut self, src: &[i16], dst: &mut [i16]) -> usize {
        // In samples of 24 kHz, from one of input and of output to the next.
        let (step_in, step_out) = match self.direction {
            Direction::Up => (3, 1),
            Direction::Down => (1, 3),
        };
        let reach = REACH as usize;
        let count = src.len() * step_in / step_out;
        for (number, sample) in dst[..count].iter_mut().enumerate() {
            let at = number * step_out + reach;
            let weighted = src.iter().enumerate().filter_map(|(number, &sample)| {
                let tap = self.taps.get(at.wrapping_sub(number * step_in))?;
                Some(tap * f64::from(sample))
            });
            *sample = weighted.sum::<f64>().round() as i16;
        }
        count
    }

    fn flush(&mut self, _: &mut Vec<i16>) {}
}

/// The modified Bessel function of the first kind, of order 0, by its series.
fn bessel_i0(x: f64) -> f64 {
    let terms = (1..50).scan(1.0, |term, k| {
        *term *= (x / 2.0 / f64::from(k)).powi(2);
        Some(*term)
    });
    1.0 + terms.sum::<f64>()
}

/// Taps on either side of the middle one.
const REACH: i32 = 30;

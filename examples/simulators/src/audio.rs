//! Audio the simulators speak and hear: speech from WAV files, G.711, rate conversion, level.
//!
//! Written for being obviously right rather than fast, and apart from the library under test, so
//! that a mistake in one cannot hide in the other.

use std::f64::consts::PI;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Rate of the telephone network and of G.711, in Hz.
pub const PHONE_RATE: u32 = 8_000;

/// Rate of OpenAI Realtime's `audio/pcm`, in Hz.
pub const MODEL_RATE: u32 = 24_000;

/// Mono speech at any rate; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Speech {
    samples: Arc<[i16]>,
    rate_hz: u32,
}

impl Speech {
    /// Speech of the given samples at `rate_hz`.
    pub fn new(samples: impl Into<Arc<[i16]>>, rate_hz: u32) -> Self {
        Self {
            samples: samples.into(),
            rate_hz,
        }
    }

    /// Reads a WAV file: 8, 16, 24 or 32-bit integers or 32-bit floats, any rate; of several
    /// channels the first is used.
    ///
    /// # Errors
    /// When the file cannot be read or holds another kind of samples.
    pub fn from_wav(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut reader = hound::WavReader::open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let spec = reader.spec();
        let step = usize::from(spec.channels.max(1));
        ensure!(spec.sample_rate > 0, "{}: no sample rate", path.display());
        let samples: Result<Vec<i16>, hound::Error> = match spec.sample_format {
            hound::SampleFormat::Float => reader
                .samples::<f32>()
                .step_by(step)
                .map(|sample| sample.map(|value| to_i16(f64::from(value) * 32_768.0)))
                .collect(),
            hound::SampleFormat::Int => {
                let shift = i32::from(spec.bits_per_sample) - 16;
                reader
                    .samples::<i32>()
                    .step_by(step)
                    .map(|sample| {
                        sample.map(|value| match shift {
                            0.. => (value >> shift) as i16,
                            _ => (value << -shift) as i16,
                        })
                    })
                    .collect()
            }
        };
        let samples = samples.with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::new(samples, spec.sample_rate))
    }

    /// Digital silence at 8 kHz.
    pub fn silence(duration: Duration) -> Self {
        Self::new(vec![0; samples_in(duration, PHONE_RATE)], PHONE_RATE)
    }

    /// A sine of `frequency_hz` at `level_dbfs` (0 dBFS = full scale peak), at 24 kHz: stands in
    /// for speech in tests.
    pub fn tone(frequency_hz: f64, level_dbfs: f64, duration: Duration) -> Self {
        let peak = 32_767.0 * 10_f64.powf(level_dbfs / 20.0);
        let samples: Vec<i16> = (0..samples_in(duration, MODEL_RATE))
            .map(|n| {
                let angle = 2.0 * PI * frequency_hz * n as f64 / f64::from(MODEL_RATE);
                to_i16(peak * angle.sin())
            })
            .collect();
        Self::new(samples, MODEL_RATE)
    }

    /// The samples as given.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Rate of [`samples`](Self::samples), in Hz.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// How long it takes to say.
    pub fn duration(&self) -> Duration {
        duration_of(self.samples.len() as u64, self.rate_hz.max(1))
    }

    /// The same speech at `rate_hz`: untouched when it already is, else [`resample`]d.
    pub fn at(&self, rate_hz: u32) -> Arc<[i16]> {
        if self.rate_hz == rate_hz {
            self.samples.clone()
        } else {
            resample(&self.samples, self.rate_hz, rate_hz).into()
        }
    }
}

/// Converts a whole recording from `from_hz` to `to_hz` without delay: output `m` is the input at
/// time `m / to_hz`. A Blackman-windowed sinc of 24 zero crossings a side, with the cut-off at
/// 95 % of the lower Nyquist frequency.
pub fn resample(input: &[i16], from_hz: u32, to_hz: u32) -> Vec<i16> {
    if input.is_empty() || from_hz == 0 || to_hz == 0 {
        return Vec::new();
    }
    let divisor = gcd(from_hz, to_hz);
    let (up, down) = (u64::from(to_hz / divisor), u64::from(from_hz / divisor));
    let cutoff = 0.95 * f64::from(from_hz.min(to_hz)) / f64::from(from_hz);
    let half = (ZERO_CROSSINGS / cutoff).ceil() as i64;
    let phases: Vec<Vec<f64>> = (0..up)
        .map(|phase| taps(phase as f64 / up as f64, cutoff, half))
        .collect();
    let length = (input.len() as u64 * up).div_ceil(down);
    (0..length)
        .map(|m| {
            let position = m * down;
            let centre = (position / up) as i64;
            let sum: f64 = phases[(position % up) as usize]
                .iter()
                .zip(centre - half..)
                .filter(|(_, at)| (0..input.len() as i64).contains(at))
                .map(|(tap, at)| tap * f64::from(input[at as usize]))
                .sum();
            to_i16(sum)
        })
        .collect()
}

fn taps(fraction: f64, cutoff: f64, half: i64) -> Vec<f64> {
    let raw: Vec<f64> = (-half..=half + 1)
        .map(|k| {
            let x = k as f64 - fraction;
            let window = (x / (half + 1) as f64 + 1.0) / 2.0;
            if !(0.0..=1.0).contains(&window) {
                return 0.0;
            }
            let blackman =
                0.42 - 0.5 * (2.0 * PI * window).cos() + 0.08 * (4.0 * PI * window).cos();
            let sinc = if x == 0.0 {
                1.0
            } else {
                (PI * x * cutoff).sin() / (PI * x * cutoff)
            };
            blackman * sinc
        })
        .collect();
    // Unity gain at DC in every phase, or a constant input would carry a ripple.
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|tap| tap / sum).collect()
}

/// One μ-law code to 16-bit PCM. Source: ITU-T G.711, table 2a.
pub fn mulaw_decode(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((i16::from(code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7);
    if code & 0x80 == 0 {
        magnitude - 0x84
    } else {
        0x84 - magnitude
    }
}

/// One 16-bit PCM sample to μ-law, by the usual encoder with a bias of 0x84 (it differs from
/// ITU-T's reference code for 127 of the 65,536 inputs, by one step). 0 becomes 0xFF.
pub fn mulaw_encode(sample: i16) -> u8 {
    let magnitude = (i32::from(sample).abs() + 0x84).min(0x7FFF);
    let exponent = 31 - (magnitude as u32).leading_zeros() as i32 - 7;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (exponent << 4) | mantissa) as u8
}

/// One A-law code to 16-bit PCM. Source: ITU-T G.711, table 1a.
pub fn alaw_decode(code: u8) -> i16 {
    let code = code ^ 0x55;
    let mantissa = i16::from(code & 0x0F) << 4;
    let magnitude = match (code >> 4) & 7 {
        0 => mantissa + 8,
        exponent => (mantissa + 0x108) << (exponent - 1),
    };
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// One 16-bit PCM sample to A-law: the nearest lower step in magnitude, as G.711 decides.
pub fn alaw_encode(sample: i16) -> u8 {
    // Negative values are complemented, not negated: −1 belongs to the first negative step.
    let (sign, magnitude) = if sample < 0 {
        (0, !i32::from(sample))
    } else {
        (0x80, i32::from(sample))
    };
    let exponent = (24 - (magnitude as u32 | 1).leading_zeros() as i32).max(0);
    let mantissa = if exponent == 0 {
        magnitude >> 4
    } else {
        magnitude >> (exponent + 3)
    };
    (sign | (exponent << 4) | (mantissa & 0x0F)) as u8 ^ 0x55
}

/// Root mean square of `samples` in dB below full scale (0 dBFS = a constant 32,768); −120 for
/// silence or nothing.
pub fn level_dbfs(samples: &[i16]) -> f64 {
    if samples.is_empty() {
        return SILENCE_DBFS;
    }
    let energy: f64 = samples
        .iter()
        .map(|&sample| f64::from(sample).powi(2))
        .sum();
    let rms = (energy / samples.len() as f64).sqrt() / 32_768.0;
    if rms > 0.0 {
        (20.0 * rms.log10()).max(SILENCE_DBFS)
    } else {
        SILENCE_DBFS
    }
}

/// Writes 16-bit WAV with one channel per slice at 8 kHz; shorter channels are filled up with
/// silence.
///
/// # Errors
/// When the file cannot be written.
pub fn write_wav(path: impl AsRef<Path>, rate_hz: u32, channels: &[&[i16]]) -> Result<()> {
    let spec = hound::WavSpec {
        channels: u16::try_from(channels.len())?,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path.as_ref(), spec)
        .with_context(|| format!("cannot create {}", path.as_ref().display()))?;
    let length = channels
        .iter()
        .map(|channel| channel.len())
        .max()
        .unwrap_or(0);
    for n in 0..length {
        for channel in channels {
            writer.write_sample(channel.get(n).copied().unwrap_or(0))?;
        }
    }
    Ok(writer.finalize()?)
}

/// Whole samples in `duration` at `rate_hz`, rounded down.
pub fn samples_in(duration: Duration, rate_hz: u32) -> usize {
    (duration.as_nanos() * u128::from(rate_hz) / 1_000_000_000) as usize
}

/// Time that `samples` take at `rate_hz`, rounded down to a nanosecond.
pub fn duration_of(samples: u64, rate_hz: u32) -> Duration {
    let nanos = u128::from(samples) * 1_000_000_000 / u128::from(rate_hz.max(1));
    Duration::from_nanos(nanos as u64)
}

fn to_i16(value: f64) -> i16 {
    // The cast saturates and maps NaN to 0.
    value.round() as i16
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

const ZERO_CROSSINGS: f64 = 24.0;
const SILENCE_DBFS: f64 = -120.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mulaw_code_survives_decode_and_encode_except_negative_zero() {
        for code in 0..=255 {
            let expected = if code == 0x7F { 0xFF } else { code };
            assert_eq!(
                mulaw_encode(mulaw_decode(code)),
                expected,
                "code {code:#04x}"
            );
        }
        assert_eq!((mulaw_decode(0x80), mulaw_decode(0x00)), (32_124, -32_124));
        assert_eq!(mulaw_encode(i16::MIN), 0x00);
    }

    #[test]
    fn every_alaw_code_survives_decode_and_encode() {
        for code in 0..=255 {
            assert_eq!(alaw_encode(alaw_decode(code)), code, "code {code:#04x}");
        }
        assert_eq!((alaw_decode(0xAA), alaw_decode(0x2A)), (32_256, -32_256));
        assert_eq!((alaw_encode(0), alaw_encode(-1)), (0xD5, 0x55));
    }

    #[test]
    fn resampling_keeps_a_tone_in_place_and_removes_what_cannot_be_carried() {
        let tone = Speech::tone(1_000.0, -6.0, Duration::from_millis(200));
        let phone = tone.at(PHONE_RATE);
        assert_eq!(phone.len(), 1_600);
        for n in 100..1_500 {
            let error = i32::from(phone[n]) - i32::from(tone.samples()[3 * n]);
            assert!(error.abs() <= 16, "sample {n} is off by {error}");
        }
        let above = Speech::tone(6_000.0, -6.0, Duration::from_millis(200)).at(PHONE_RATE);
        assert!(level_dbfs(&above[200..1_400]) < -75.0);
    }

    #[test]
    fn a_wav_file_reads_back_as_written() {
        let path = std::env::temp_dir().join(format!("trunkline-sim-{}.wav", std::process::id()));
        write_wav(&path, 8_000, &[&[1, -2, i16::MAX], &[i16::MIN]]).expect("writable");
        let speech = Speech::from_wav(&path).expect("readable");
        std::fs::remove_file(&path).expect("removable");
        assert_eq!(
            (speech.samples(), speech.rate_hz()),
            (&[1, -2, i16::MAX][..], 8_000)
        );
    }
}

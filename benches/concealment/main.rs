//! Loses packets of recordings and conceals them, for `measure.py` beside this file.
//!
//! Reads jobs from standard input, a line each: method, WAV file of mono PCM16 at 8 kHz, WAV file
//! to write, and a `0` or `1` per 20 ms packet, `1` for lost, in four fields parted by tabs. Every
//! packet goes through μ-law, as on the phone.

use std::error::Error;
use std::io::stdin;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use trunkline::{Concealer, mulaw};
use trunkline_benches::FRAME;

fn main() -> Result<(), Box<dyn Error>> {
    for line in stdin().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        let &[method, source, target, mask] = fields.as_slice() else {
            return Err(format!("not four fields: {line}").into());
        };
        let mut audio = read(source)?;
        let lost = mask.bytes().map(|packet| packet == b'1');
        match method {
            "silence" => repeat(&mut audio, lost, 0.0),
            "repeat" => repeat(&mut audio, lost, 0.7),
            "trunkline" => conceal(&mut audio, lost, Concealer::new()),
            "long-fade" => conceal(&mut audio, lost, Concealer::with_fade(LONG_FADE)),
            _ => return Err(format!("no such method: {method}").into()),
        }
        write(target, &audio)?;
    }
    Ok(())
}

fn conceal(audio: &mut [i16], lost: impl Iterator<Item = bool>, mut concealer: Concealer) {
    for (packet, is_lost) in audio.chunks_exact_mut(FRAME).zip(lost) {
        if is_lost {
            concealer.conceal(packet);
        } else {
            concealer.receive(packet);
        }
    }
}

/// Plays the last packet that arrived again, `gain` times as loud each time.
fn repeat(audio: &mut [i16], lost: impl Iterator<Item = bool>, gain: f32) {
    let mut last = [0; FRAME];
    for (packet, is_lost) in audio.chunks_exact_mut(FRAME).zip(lost) {
        if is_lost {
            last = last.map(|sample| (f32::from(sample) * gain) as i16);
            packet.copy_from_slice(&last);
        } else {
            last.copy_from_slice(packet);
        }
    }
}

/// Whole packets, as they are after μ-law.
fn read(path: &str) -> Result<Vec<i16>, Box<dyn Error>> {
    let mut reader = WavReader::open(path)?;
    if reader.spec() != SPEC {
        return Err(format!("{path}: not mono PCM16 at 8 kHz").into());
    }
    let mut audio = reader.samples().collect::<Result<Vec<i16>, _>>()?;
    audio.truncate(audio.len() / FRAME * FRAME);
    let mut codes = vec![0; audio.len()];
    mulaw::encode(&audio, &mut codes)?;
    mulaw::decode(&codes, &mut audio)?;
    Ok(audio)
}

fn write(path: &str, audio: &[i16]) -> Result<(), Box<dyn Error>> {
    let mut writer = WavWriter::create(path, SPEC)?;
    for &sample in audio {
        writer.write_sample(sample)?;
    }
    Ok(writer.finalize()?)
}

/// 180 ms: what silence after 60 ms costs shows beside it.
const LONG_FADE: usize = 3 * Concealer::FADE;

const SPEC: WavSpec = WavSpec {
    channels: 1,
    sample_rate: 8_000,
    bits_per_sample: 16,
    sample_format: SampleFormat::Int,
};

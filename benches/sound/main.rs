//! Sends recordings through every resampler, for `score.py` beside this file.
//!
//! Reads jobs from standard input, a line each: the way, a WAV file of mono PCM16, and the start of
//! the names of the files to write, in three fields parted by tabs. The ways are `up` (8 → 24 kHz),
//! `down0` to `down2` (24 → 8 kHz, behind so many samples of silence), `loop0` to `loop2` (both, the
//! silence between them), and `mulaw` (no resampling). Everything runs in frames of 20 ms. Each method
//! writes `START-NUMBER.wav`, and where a phone is at the end, `START-NUMBER-mulaw.wav` as it is
//! heard there; `mulaw` writes `START-mulaw.wav`.
//!
//! Prints the methods in the order of their numbers, a line each: name, delay up and down in
//! milliseconds, what is mirrored on the way down from 4.0 and from 4.6 kHz on in dB, and trunkline's
//! checksums, parted by tabs.

use std::error::Error;
use std::io::stdin;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use trunkline_benches::{
    peers::{Direction, measure},
    sound::{Method, checksum, methods, own_methods, recordings, stream, through_mulaw},
};

fn main() -> Result<(), Box<dyn Error>> {
    for line in stdin().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        let &[way, source, start] = fields.as_slice() else {
            return Err(format!("not three fields: {line}").into());
        };
        let (rate_hz, pcm) = read(source)?;
        if rate_hz
            != if way.starts_with("down") {
                24_000
            } else {
                8_000
            }
        {
            return Err(format!("{source}: {rate_hz} Hz on the way {way}").into());
        }
        if way == "mulaw" {
            write(&format!("{start}-mulaw.wav"), 8_000, &through_mulaw(&pcm))?;
            continue;
        }
        for (number, mut method) in methods().into_iter().enumerate() {
            let output = run(&mut method, way, &pcm)?;
            if way == "up" {
                write(&format!("{start}-{number}.wav"), 24_000, &output)?;
            } else {
                write(&format!("{start}-{number}.wav"), 8_000, &output)?;
                let heard = through_mulaw(&output);
                write(&format!("{start}-{number}-mulaw.wav"), 8_000, &heard)?;
            }
        }
    }
    let speech = recordings()?;
    for (number, mut method) in methods().into_iter().enumerate() {
        let name = &method.name;
        let up = measure::delay(method.up.as_mut(), Direction::Up)
            .gapless
            .max(0.0);
        let down = measure::delay(method.down.as_mut(), Direction::Down)
            .gapless
            .max(0.0);
        let levels = measure::levels(method.down.as_mut(), Direction::Down);
        let (half, stop) = (levels.mirrored_4000, levels.mirrored_4600);
        print!("{name}\t{up:.2}\t{down:.2}\t{half:.0}\t{stop:.0}\t");
        // A method's streams are used up by each recording.
        let again = || own_methods().into_iter().nth(number).expect("an own one");
        match own_methods().get(number) {
            Some(_) => println!("{:016x}", checksum(&speech, again)),
            None => println!(),
        }
    }
    Ok(())
}

fn run(method: &mut Method, way: &str, pcm: &[i16]) -> Result<Vec<i16>, String> {
    let mut up = |pcm: &[i16]| stream(method.up.as_mut(), Direction::Up, pcm);
    let mut down = |pcm: &[i16]| stream(method.down.as_mut(), Direction::Down, pcm);
    if way == "up" {
        return Ok(up(pcm));
    }
    let (to_phone, phase) = way.split_at(way.len().saturating_sub(1));
    let mut wide = vec![0; phase.parse().map_err(|_| format!("no such way: {way}"))?];
    match to_phone {
        "down" => wide.extend(pcm),
        "loop" => wide.extend(up(pcm)),
        _ => return Err(format!("no such way: {way}")),
    }
    Ok(down(&wide))
}

fn read(path: &str) -> Result<(u32, Vec<i16>), Box<dyn Error>> {
    let mut reader = WavReader::open(path)?;
    let spec = reader.spec();
    if spec != wav(spec.sample_rate) {
        return Err(format!("{path}: not mono PCM16").into());
    }
    Ok((
        spec.sample_rate,
        reader.samples().collect::<Result<_, _>>()?,
    ))
}

fn write(path: &str, rate_hz: u32, audio: &[i16]) -> Result<(), Box<dyn Error>> {
    let mut writer = WavWriter::create(path, wav(rate_hz))?;
    for &sample in audio {
        writer.write_sample(sample)?;
    }
    Ok(writer.finalize()?)
}

const fn wav(sample_rate: u32) -> WavSpec {
    WavSpec {
        channels: 1,
        sample_rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    }
}

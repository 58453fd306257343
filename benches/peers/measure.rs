//! What a listener gets of a resampler that is fed frames of 20 ms: measured on its output, not
//! computed from its filter.

use std::f64::consts::TAU;

use super::{Direction, Resampler};

/// Levels in dB relative to the tone that was put in.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// The strongest mirror image of any tone, where sound from 4.6 kHz on should be stopped.
    pub mirrored_4600: f64,
    /// The same from 4.0 kHz, half the lower rate, on.
    pub mirrored_4000: f64,
    /// Gain at 3.4 kHz, where the telephone band ends.
    pub gain_3400: f64,
}

/// Sends tones through and looks for them in the output, and for their images: going up, a tone
/// below 4 kHz is mirrored around 8 kHz; going down, one above is mirrored to below.
///
/// Only the frequency where an image belongs is looked at, so that rounding and dither, which
/// bring noise to every frequency, count as far as they fall there: −105 to −120 dB.
pub fn levels(resampler: &mut dyn Resampler, direction: Direction) -> Levels {
    let mut levels = Levels {
        mirrored_4600: f64::NEG_INFINITY,
        mirrored_4000: f64::NEG_INFINITY,
        gain_3400: 0.0,
    };
    let tones = match direction {
        Direction::Up => (45..4_000).step_by(50),
        Direction::Down => (4_005..12_000).step_by(50),
    };
    for hz in tones {
        let output = settled(resampler, direction, hz);
        let images = match direction {
            Direction::Up => [(8_000 - hz, 8_000 - hz), (8_000 + hz, 8_000 + hz)],
            Direction::Down => [(hz, folded(hz)); 2],
        };
        for (masked, at) in images {
            let level = decibels(amplitude(&output, at, direction.to_hz()) / TONE);
            levels.mirrored_4000 = levels.mirrored_4000.max(level);
            if masked >= 4_600 {
                levels.mirrored_4600 = levels.mirrored_4600.max(level);
            }
        }
    }
    let output = settled(resampler, direction, 3_400);
    levels.gain_3400 = decibels(amplitude(&output, 3_400, direction.to_hz()) / TONE);
    levels
}

/// How late sound comes out, in milliseconds, beside the 20 ms that a frame lasts.
#[derive(Clone, Copy, Debug)]
pub struct Delay {
    /// How far a pulse moves within the samples that come out.
    pub shift: f64,
    /// `shift`, and how much later than with the frame of their time the samples come out, on
    /// average.
    pub mean: f64,
    /// `shift`, and how long a player must wait before the first sample so that the later ones
    /// always come in time. More than the mean where output comes in bursts.
    pub gapless: f64,
}

/// Sends a pulse through a new stream, in frames of 20 ms, and counts what comes when.
///
/// The pulse is a bell of 1 ms below 1.5 kHz, its place the centre of its energy. Output sample
/// `k` is due with the frame of the time `k / to_hz`.
pub fn delay(resampler: &mut dyn Resampler, direction: Direction) -> Delay {
    let frame_in = direction.frame();
    let frame_out = direction.to_hz() as usize / 50;
    let pulse_at = FRAMES * frame_in / 2;
    let from_khz = f64::from(direction.from_hz()) / 1e3;
    let to_khz = f64::from(direction.to_hz()) / 1e3;

    let mut output = Vec::new();
    let mut held = 0.0;
    let mut longest = f64::NEG_INFINITY;
    let mut counted = 0;
    for frame in 0..FRAMES {
        let input: Vec<i16> = (frame * frame_in..(frame + 1) * frame_in)
            .map(|at| {
                let ms = (at as f64 - pulse_at as f64) / from_khz;
                (PULSE * (-0.5 * (ms / PULSE_MS).powi(2)).exp()).round() as i16
            })
            .collect();
        let already = output.len();
        resampler.process(&input, &mut output);
        let now_ms = 20.0 * (frame + 1) as f64;
        for at in already..output.len() {
            let due_ms = 20.0 * (at / frame_out + 1) as f64;
            longest = f64::max(longest, now_ms - 20.0 - at as f64 / to_khz);
            if at >= STARTED * frame_out {
                held += now_ms - due_ms;
                counted += 1;
            }
        }
    }
    assert!(counted > 0, "nothing came out of {}", resampler.name());

    let loudest = (0..output.len()).max_by_key(|&at| output[at].unsigned_abs());
    let loudest = loudest.expect("output");
    let around = loudest.saturating_sub(frame_out / 4)..output.len().min(loudest + frame_out / 4);
    let (mut energy, mut moment) = (0.0, 0.0);
    for at in around {
        let power = f64::from(output[at]).powi(2);
        energy += power;
        moment += power * at as f64;
    }
    let shift = moment / energy / to_khz - pulse_at as f64 / from_khz;
    Delay {
        shift,
        mean: shift + held / f64::from(counted),
        gapless: shift + longest,
    }
}

/// A window of output after a tone, and a quieter one that keeps faint images from being rounded
/// away, have been on for long.
fn settled(resampler: &mut dyn Resampler, direction: Direction, hz: u32) -> Vec<i16> {
    let rate = f64::from(direction.from_hz());
    let wave = |hz: u32, at: usize| (TAU * f64::from(hz) * at as f64 / rate).sin();
    let input: Vec<i16> = (0..(SETTLING + WINDOW) * direction.frame())
        .map(|at| (TONE * wave(hz, at) + COMPANION * wave(COMPANION_HZ, at)).round() as i16)
        .collect();
    let mut output = Vec::new();
    for frame in input.chunks_exact(direction.frame()) {
        resampler.process(frame, &mut output);
    }
    output.split_off(output.len() - WINDOW * direction.to_hz() as usize / 50)
}

/// Of the tone at `hz` in a window that holds whole periods of it.
fn amplitude(window: &[i16], hz: u32, rate_hz: u32) -> f64 {
    let turn = TAU * f64::from(hz) / f64::from(rate_hz);
    let (mut re, mut im) = (0.0, 0.0);
    for (at, &sample) in window.iter().enumerate() {
        let (sin, cos) = (turn * at as f64).sin_cos();
        re += f64::from(sample) * cos;
        im += f64::from(sample) * sin;
    }
    re.hypot(im) * 2.0 / window.len() as f64
}

/// Where a tone shows at 8 kHz.
fn folded(hz: u32) -> u32 {
    let within = hz % 8_000;
    within.min(8_000 - within)
}

fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-9).log10()
}

/// Frames before a window, longer than any filter and buffer here, and frames of a window, which
/// holds whole periods of every multiple of 5 Hz.
const SETTLING: usize = 20;
const WINDOW: usize = 10;

const TONE: f64 = 25_000.0;
const COMPANION: f64 = 5_000.0;

/// No tone that is measured has an image here.
const COMPANION_HZ: u32 = 1_025;

/// Frames of a delay's measurement, and those left out of the mean, when buffers fill.
const FRAMES: usize = 500;
const STARTED: usize = 50;

const PULSE: f64 = 25_000.0;
const PULSE_MS: f64 = 0.4;

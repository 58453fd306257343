//! Frequency response, delay and noise, measured on the running filters.

use std::f64::consts::TAU;

use realfft::num_complex::Complex;
use trunkline::resample::Profile;

use super::spectrum::{RESOLUTION_HZ, decibels, hertz, spectrum_of_tones, tones, worst_other_than};
use super::{PROMISES, Promise};

#[test]
fn the_pass_band_is_flat_and_the_delay_the_same_at_every_frequency() {
    for promise in PROMISES {
        for tone in tones(promise.from_hz, 0.0, promise.passband_hz) {
            let spectrum = spectrum(promise, &[(tone, 30_000.0)]);
            let gain = spectrum[tone];
            let deviation = decibels(gain.norm()).abs();
            assert!(
                deviation <= promise.ripple_db,
                "{promise:?} {tone}: {deviation} dB"
            );
            // What is left of the phase after the published delay, in output samples.
            let radians_per_sample = TAU * hertz(tone) / f64::from(promise.to_hz);
            let turned = gain * Complex::cis(radians_per_sample * promise.delay as f64);
            let error = turned.arg() / radians_per_sample;
            assert!(
                error.abs() < 0.002,
                "{promise:?} {tone}: delay off by {error} samples"
            );
        }
    }
}

#[test]
fn images_are_rejected_when_going_up() {
    for promise in PROMISES
        .into_iter()
        .filter(|promise| promise.to_hz > promise.from_hz)
    {
        // Tones whose first image lies in the stop band.
        for tone in tones(
            promise.from_hz,
            0.0,
            lower_hz(promise) - promise.stopband_hz,
        ) {
            let spectrum = spectrum(promise, &[(tone, 30_000.0)]);
            let worst = worst_other_than(&spectrum, tone);
            assert!(
                worst <= -promise.rejection_db,
                "{promise:?} {tone}: {worst} dB"
            );
        }
    }
}

#[test]
fn aliases_are_rejected_when_going_down() {
    // A tone that passes keeps the alias, one or two steps of 16 bits, from being rounded away.
    const COMPANION: usize = 41;
    for promise in PROMISES
        .into_iter()
        .filter(|promise| promise.to_hz < promise.from_hz)
    {
        for tone in tones(
            promise.from_hz,
            promise.stopband_hz,
            f64::from(promise.from_hz) / 2.0,
        ) {
            let spectrum = spectrum(promise, &[(tone, 25_000.0), (COMPANION, 5_000.0)]);
            let worst = worst_other_than(&spectrum, COMPANION);
            assert!(
                worst <= -promise.rejection_db,
                "{promise:?} {tone}: {worst} dB"
            );
        }
    }
}

/// That is what makes a Voice filter −6 dB at half the lower rate, and says how it rolls off.
#[test]
fn in_the_transition_band_of_voice_a_tone_and_its_image_make_one_whole() {
    for promise in PROMISES
        .into_iter()
        .filter(|promise| promise.profile == Profile::Voice && promise.to_hz > promise.from_hz)
    {
        for tone in tones(
            promise.from_hz,
            promise.passband_hz,
            lower_hz(promise) / 2.0,
        ) {
            let spectrum = spectrum(promise, &[(tone, 20_000.0)]);
            let image = (lower_hz(promise) / RESOLUTION_HZ) as usize - tone;
            let whole = spectrum[tone].norm() + spectrum[image].norm();
            assert!((whole - 1.0).abs() < 1e-4, "{promise:?} {tone}: {whole}");
        }
    }
}

/// At −20 dBFS, against the noise that rounding the input and the output alone would leave in the
/// pass band: 1/12 of a squared step each, evenly spread over the band of its rate; outputs that are
/// copies of the input are not rounded again.
#[test]
fn the_signal_to_noise_ratio_is_that_of_16_bits() {
    const AMPLITUDE: f64 = 3_276.8;
    for promise in PROMISES {
        let mut noise = 0.0;
        let mut count = 0.0;
        for tone in tones(promise.from_hz, 200.0, promise.passband_hz) {
            let spectrum = spectrum(promise, &[(tone, AMPLITUDE)]);
            let passed = (promise.passband_hz / RESOLUTION_HZ) as usize;
            let others = (1..=passed).filter(|&bin| bin != tone);
            noise += others.map(|bin| spectrum[bin].norm_sqr()).sum::<f64>();
            count += 1.0;
        }
        let measured = -10.0 * (noise / count).log10();

        let share = |rate: u32| promise.passband_hz / (f64::from(rate) / 2.0);
        let computed = match (promise.from_hz, promise.to_hz, promise.profile) {
            (8_000, 24_000, Profile::Voice) | (16_000, 24_000, _) => 2.0 / 3.0,
            (8_000, 16_000, _) => 0.5,
            _ => 1.0,
        };
        let rounding = (share(promise.from_hz) + share(promise.to_hz) * computed) / 12.0;
        let ideal = 10.0 * (AMPLITUDE.powi(2) / 2.0 / rounding).log10();
        println!(
            "{} to {} {:?}: {measured:.1} dB of {ideal:.1}",
            promise.from_hz, promise.to_hz, promise.profile
        );
        assert!(
            measured >= ideal - 0.5,
            "{promise:?}: {measured} dB of {ideal}"
        );
    }
}

fn lower_hz(promise: Promise) -> f64 {
    f64::from(promise.from_hz.min(promise.to_hz))
}

fn spectrum(promise: Promise, tones: &[(usize, f64)]) -> Vec<Complex<f64>> {
    spectrum_of_tones(promise.from_hz, promise.to_hz, tones, |input| {
        promise.resample(input)
    })
}

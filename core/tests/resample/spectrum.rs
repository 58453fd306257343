//! Tones in, spectra out.

use std::f64::consts::TAU;

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

/// Bins of the spectra; all tones lie on one.
pub(super) const RESOLUTION_HZ: f64 = 25.0;

pub(super) fn hertz(bin: usize) -> f64 {
    bin as f64 * RESOLUTION_HZ
}

/// Every bin from `low` (but not 0) to `high` (but not half of `from_hz`).
pub(super) fn tones(from_hz: u32, low: f64, high: f64) -> impl Iterator<Item = usize> {
    let nyquist = f64::from(from_hz) / 2.0;
    let first = (low / RESOLUTION_HZ).ceil().max(1.0) as usize;
    let last = (high.min(nyquist - RESOLUTION_HZ) / RESOLUTION_HZ) as usize;
    first..=last
}

/// Spectrum of what `resample` makes of tones (bin and amplitude) once it has settled, relative to
/// the first tone's amplitude and phase.
pub(super) fn spectrum_of_tones(
    from_hz: u32,
    to_hz: u32,
    tones: &[(usize, f64)],
    resample: impl Fn(&[i16]) -> Vec<i16>,
) -> Vec<Complex<f64>> {
    let window_in = (f64::from(from_hz) / RESOLUTION_HZ) as usize;
    let window_out = (f64::from(to_hz) / RESOLUTION_HZ) as usize;
    // Two windows: the filter settles in the first, the second starts at phase 0 again.
    let input: Vec<i16> = (0..2 * window_in)
        .map(|at| {
            let turns = at as f64 / window_in as f64;
            let sum = tones
                .iter()
                .map(|&(bin, level)| level * (TAU * bin as f64 * turns).sin());
            sum.sum::<f64>().round() as i16
        })
        .collect();
    let output = resample(&input);
    assert_eq!(output.len(), 2 * window_out);
    let mut samples: Vec<f64> = output[window_out..].iter().map(|&x| x.into()).collect();
    let fft = RealFftPlanner::new().plan_fft_forward(window_out);
    let mut spectrum = fft.make_output_vec();
    fft.process(&mut samples, &mut spectrum).unwrap();
    // A sine is -i/2 times the window in its bin.
    let unit = Complex::new(0.0, -tones[0].1 * window_out as f64 / 2.0);
    spectrum.into_iter().map(|x| x / unit).collect()
}

/// The strongest bin but one, in dB.
pub(super) fn worst_other_than(spectrum: &[Complex<f64>], tone: usize) -> f64 {
    let others = spectrum.iter().enumerate().filter(|&(bin, _)| bin != tone);
    decibels(others.map(|(_, x)| x.norm()).fold(0.0, f64::max))
}

pub(super) fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

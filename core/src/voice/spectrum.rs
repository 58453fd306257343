//! A coarse spectrum of 20 ms in the telephone band.

use wide::f32x8;

/// Power in the band and how evenly it is spread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spectrum {
    /// Mean square of the samples over that of a full-scale sine, with what is outside 200 to
    /// 3,400 Hz left out; as a power of two.
    pub(super) level: f32,
    /// Geometric over arithmetic mean of the bins' powers, as a power of two: 0 if all are equal;
    /// about -0.8 for white noise, -2 to -7 for voiced speech, below that for tones.
    pub(super) flatness: f32,
}

/// Goertzel's recursion behind a window that keeps a tone within the bins next to it. Products and
/// sums are rounded one by one in a fixed order, so that every instruction set gives the same bits.
pub(super) fn spectrum(frame: &[i16; FRAME]) -> Spectrum {
    let mut windowed = [0.0; FRAME];
    for ((dst, &sample), weight) in windowed.iter_mut().zip(frame).zip(WINDOW) {
        *dst = f32::from(sample) * weight;
    }
    let (mut sum, mut logs) = (0.0, 0.0);
    for coefficients in COEFFICIENTS {
        for power in powers(&windowed, coefficients.map(f32x8::new)) {
            // Rounding can leave a little less than nothing, and silence has no logarithm.
            let power = power.max(FLOOR);
            sum += power;
            logs += log2(power);
        }
    }
    Spectrum {
        level: log2(sum / POWER_GAIN) - FULL_SCALE,
        flatness: logs / BINS - log2(sum / BINS),
    }
}

/// The powers of 16 bins: as many as the registers of the plainest instruction set hold.
fn powers(windowed: &[f32; FRAME], coefficients: [f32x8; 2]) -> [f32; 16] {
    let [c, d] = coefficients;
    let [mut last_c, mut before_c, mut last_d, mut before_d] = [f32x8::ZERO; 4];
    for &sample in windowed {
        let sample = f32x8::splat(sample);
        let next_c = (sample - before_c) + c * last_c;
        let next_d = (sample - before_d) + d * last_d;
        (before_c, last_c) = (last_c, next_c);
        (before_d, last_d) = (last_d, next_d);
    }
    let c = (last_c * last_c + before_c * before_c) - c * last_c * before_c;
    let d = (last_d * last_d + before_d * before_d) - d * last_d * before_d;
    let mut powers = [0.0; 16];
    powers[..8].copy_from_slice(&c.to_array());
    powers[8..].copy_from_slice(&d.to_array());
    powers
}

/// Logarithm to base 2 of a normal number above 0, to within 0.01.
fn log2(value: f32) -> f32 {
    let bits = value.to_bits();
    let exponent = (bits >> 23) as f32 - 127.0;
    let mantissa = f32::from_bits(bits & 0x007F_FFFF | 0x3F80_0000) - 1.0;
    exponent + mantissa * (1.346_6 - 0.346_6 * mantissa)
}

/// `(1 - t²)²` over the frame, with `t` from -1 to 1.
const fn window() -> [f32; FRAME] {
    let mut window = [0.0; FRAME];
    let mut n = 0;
    while n < FRAME {
        let t = (2 * n + 1) as f32 / FRAME as f32 - 1.0;
        window[n] = (1.0 - t * t) * (1.0 - t * t);
        n += 1;
    }
    window
}

/// Samples in a frame of 20 ms.
pub(super) const FRAME: usize = 160;
const BINS: f32 = 32.0;
const WINDOW: [f32; FRAME] = window();
/// Sum of the bins' powers over the mean square of the samples: 40 bins would cover all of the
/// spectrum, and the window's squares sum up to 128/315 of the frame.
const POWER_GAIN: f32 = 40.0 * FRAME as f32 * (128.0 / 315.0);
/// Mean square of a full-scale sine: 2²⁹.
const FULL_SCALE: f32 = 29.0;
/// Of a bin: a hundredth of the least step of 16-bit samples.
const FLOOR: f32 = 0.65;
/// `2 cos(2π f / 8000)` for `f` from 250 to 3,350 Hz in steps of 100 Hz.
#[rustfmt::skip]
const COEFFICIENTS: [[[f32; 8]; 2]; 2] = [
    [
        [1.9615705, 1.9249104, 1.8763827, 1.8162863, 1.744992, 1.6629392, 1.5706339, 1.468645],
        [1.3576015, 1.2381879, 1.1111405, 0.97724247, 0.8373195, 0.6922341, 0.5428809, 0.39018065],
    ],
    [
        [0.23507479, 0.078519635, -0.078519635, -0.23507479, -0.39018065, -0.5428809, -0.6922341, -0.8373195],
        [-0.97724247, -1.1111405, -1.2381879, -1.3576015, -1.468645, -1.5706339, -1.6629392, -1.744992],
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, amplitude: f64) -> [i16; FRAME] {
        core::array::from_fn(|n| {
            let phase = core::f64::consts::TAU * hz * n as f64 / 8_000.0;
            (amplitude * phase.sin()) as i16
        })
    }

    #[test]
    fn coefficients_are_those_of_their_frequencies() {
        for (bin, coefficient) in COEFFICIENTS
            .as_flattened()
            .as_flattened()
            .iter()
            .enumerate()
        {
            let hz = 250.0 + 100.0 * bin as f64;
            let exact = 2.0 * (core::f64::consts::TAU * hz / 8_000.0).cos();
            assert!((f64::from(*coefficient) - exact).abs() < 1e-7, "{hz}");
        }
    }

    #[test]
    fn logarithms_are_near_the_exact_ones() {
        for n in 1..100_000 {
            let value = n as f32 * 0.37;
            assert!((log2(value) - value.log2()).abs() < 0.01, "{value}");
        }
    }

    #[test]
    fn the_level_of_a_tone_is_its_mean_square() {
        for hz in (400..3_200).step_by(13) {
            for amplitude in [100.0, 1_000.0, 30_000.0] {
                let level = spectrum(&sine(f64::from(hz), amplitude)).level;
                let exact = (amplitude * amplitude / 2.0).log2() - 29.0;
                // 2.5 dB: between two bins a tone is less in either.
                assert!(
                    (f64::from(level) - exact).abs() < 0.83,
                    "{hz} {amplitude} {level} {exact}"
                );
            }
        }
    }

    #[test]
    fn hum_below_the_band_hardly_counts() {
        for hz in [50.0, 60.0, 100.0] {
            let level = spectrum(&sine(hz, 3_000.0)).level;
            let exact = (3_000.0_f64 * 3_000.0 / 2.0).log2() - 29.0;
            assert!(f64::from(level) < exact - 8.0, "{hz}: {level} {exact}");
        }
    }
}

//! Linear prediction: the shape of a voice's spectrum, and what is left when it is taken out.

use wide::f32x8;

/// Coefficients of the short-term predictor: `x[n] ≈ Σ taps[k] · x[n − 1 − k]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Predictor {
    taps: [f32; ORDER],
}

impl Predictor {
    pub(super) const fn new() -> Self {
        Self { taps: [0.0; ORDER] }
    }

    /// The predictor of the last [`WINDOW`] samples: autocorrelation method and Levinson's
    /// recursion, which make a stable filter.
    pub(super) fn of(samples: &[i16], expansion: f32) -> Self {
        let correlation = autocorrelation(&samples[samples.len() - WINDOW..]);
        let mut error = f64::from(correlation[0]) * NOISE_FLOOR + 1.0;
        let mut taps = [0.0_f64; ORDER];
        for order in 0..ORDER {
            let mut sum = f64::from(correlation[order + 1]);
            for k in 0..order {
                sum -= taps[k] * f64::from(correlation[order - k]);
            }
            let reflection = sum / error;
            let before = taps;
            taps[order] = reflection;
            for k in 0..order {
                taps[k] = before[k] - reflection * before[order - 1 - k];
            }
            error *= 1.0 - reflection * reflection;
            if error <= 0.0 {
                return Self::new();
            }
        }
        let mut scale = 1.0;
        Self {
            taps: taps.map(|tap| {
                scale *= expansion;
                tap as f32 * scale
            }),
        }
    }

    /// `memory` holds the latest samples, newest last.
    pub(super) fn predict(&self, memory: &[f32; ORDER]) -> f32 {
        let mut sum = 0.0;
        // Oldest first: the newest sample is known last.
        for k in (0..ORDER).rev() {
            sum += self.taps[k] * memory[ORDER - 1 - k];
        }
        sum
    }

    /// What prediction misses of the last `out.len()` samples.
    pub(super) fn residual(&self, samples: &[i16], out: &mut [f32]) {
        let first = samples.len() - out.len();
        for (n, slot) in out.iter_mut().enumerate() {
            let at = first + n;
            let mut sum = f32::from(samples[at]);
            for k in 0..ORDER {
                sum -= self.taps[k] * f32::from(samples[at - 1 - k]);
            }
            *slot = sum;
        }
    }
}

fn autocorrelation(samples: &[i16]) -> [f32; ORDER + 1] {
    let mut windowed = [0.0_f32; ORDER + WINDOW + 8];
    for (n, &sample) in samples.iter().enumerate() {
        let distance = if n < RISE {
            (RISE - n) as f32 / RISE as f32
        } else {
            (n - RISE) as f32 / (WINDOW - RISE) as f32
        };
        windowed[ORDER + n] = (1.0 - distance * distance) * f32::from(sample);
    }
    core::array::from_fn(|lag| {
        let mut sum = f32x8::ZERO;
        for n in (0..WINDOW).step_by(8) {
            sum += load(&windowed[ORDER + n..]) * load(&windowed[ORDER + n - lag..]);
        }
        // Lanes in a fixed order: the same bits on every machine.
        sum.to_array().iter().sum()
    })
}

fn load(samples: &[f32]) -> f32x8 {
    f32x8::from(*samples.first_chunk::<8>().expect("eight samples"))
}

pub(super) const ORDER: usize = 16;

/// 30 ms.
pub(super) const WINDOW: usize = 240;

/// The window's peak lies 5 ms before the loss.
const RISE: usize = 200;

/// 40 dB below the signal, as telephone coding's own noise: keeps the recursion well conditioned.
const NOISE_FLOOR: f64 = 1.000_1;

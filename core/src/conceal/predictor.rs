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

    /// The predictor of the last [`WINDOW`] samples, by the autocorrelation method.
    ///
    /// Source: J. Makhoul, "Linear prediction: a tutorial review", Proc. IEEE 63 (1975), section
    /// II.C: Durbin's recursion, whose filter is stable.
    pub(super) fn of(samples: &[i16]) -> Self {
        let correlation = autocorrelation(&samples[samples.len() - WINDOW..]).map(f64::from);
        let mut error = correlation[0] * WHITENING + 1.0;
        let mut taps = [0.0; ORDER];
        for order in 0..ORDER {
            let before = taps;
            let mut missed = correlation[order + 1];
            let mirrored = correlation.iter().skip(1).take(order).rev();
            for (tap, value) in before.iter().zip(mirrored) {
                missed -= tap * value;
            }
            let reflection = missed / error;
            taps[order] = reflection;
            let mirrored = before.iter().take(order).rev();
            for ((tap, before), mirrored) in taps.iter_mut().zip(before).zip(mirrored) {
                *tap = before - reflection * mirrored;
            }
            error *= 1.0 - reflection * reflection;
            if error <= 0.0 {
                return Self::new();
            }
        }
        let mut scale = 1.0;
        Self {
            taps: taps.map(|tap| {
                scale *= EXPANSION;
                (tap * scale) as f32
            }),
        }
    }

    /// `memory` holds the samples before, newest last.
    pub(super) fn predict(&self, memory: &[f32; ORDER]) -> f32 {
        // Oldest first: only the last step waits for the sample before.
        let oldest_first = memory.iter().zip(self.taps.iter().rev());
        oldest_first.map(|(sample, tap)| tap * sample).sum()
    }

    /// What prediction misses of the last `residual.len()` samples.
    pub(super) fn residual(&self, samples: &[i16], residual: &mut [f32]) {
        let mut from = samples.len().saturating_sub(residual.len());
        for block in residual.chunks_mut(8) {
            let mut known = [0.0; ORDER + 8];
            let reach = samples
                .get(from.saturating_sub(ORDER)..)
                .unwrap_or_default();
            for (slot, &sample) in known.iter_mut().zip(reach) {
                *slot = f32::from(sample);
            }
            let mut sum = lanes(&known[ORDER..]);
            for (k, &tap) in self.taps.iter().enumerate() {
                sum -= f32x8::splat(tap) * lanes(&known[ORDER - 1 - k..]);
            }
            for (slot, value) in block.iter_mut().zip(sum.to_array()) {
                *slot = value;
            }
            from += block.len();
        }
    }
}

fn autocorrelation(samples: &[i16]) -> [f32; ORDER + 1] {
    let mut windowed = [0.0; ORDER + WINDOW];
    for (n, &sample) in samples.iter().enumerate() {
        let slope = if n < PEAK { PEAK } else { WINDOW - PEAK };
        let distance = n.abs_diff(PEAK) as f32 / slope as f32;
        windowed[ORDER + n] = (1.0 - distance * distance) * f32::from(sample);
    }
    core::array::from_fn(|lag| {
        let mut sum = f32x8::ZERO;
        for n in (ORDER..ORDER + WINDOW).step_by(8) {
            sum += lanes(&windowed[n..]) * lanes(&windowed[n - lag..]);
        }
        // Lanes in a fixed order: the same bits on every machine.
        sum.to_array().iter().sum()
    })
}

fn lanes(samples: &[f32]) -> f32x8 {
    f32x8::from(*samples.first_chunk().expect("eight samples"))
}

pub(super) const ORDER: usize = 16;

/// 30 ms, of which the last 5 ms fall off steeply: the spectrum at the loss counts most.
const WINDOW: usize = 240;
const PEAK: usize = 200;

/// As if there were white noise 40 dB below the voice, which is about what μ-law adds.
const WHITENING: f64 = 1.000_1;

/// Widens each formant a little, so that errors ring shorter.
const EXPANSION: f64 = 0.995;

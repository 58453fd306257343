//! Pitch by normalised cross-correlation.

use wide::{i16x8, i32x4};

use super::history::LEN;

/// Where a signal resembles its own past most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pitch {
    /// Distance in samples.
    pub(super) lag: usize,
    /// Normalised correlation at that distance, squared: 1 is an exact repetition at any level.
    pub(super) likeness: f32,
    /// What the past is best multiplied by.
    pub(super) gain: f32,
}

/// Compares the last `window` samples with what is `shortest..=longest` samples before them.
///
/// `None` when either side is silent. `window + longest` must be less than the history's length.
pub(super) fn search(
    history: &[i16; LEN],
    window: usize,
    shortest: usize,
    longest: usize,
) -> Option<Pitch> {
    let samples = &scaled(history);
    let template = LEN - window;
    let target = &samples[template..];
    let own = dot(target, target);
    let nearest = &samples[template - shortest..][..window];
    let mut past = dot(nearest, nearest);
    let mut best = None;
    let mut best_score = 0.0;
    for lag in shortest..=longest {
        let start = template - lag;
        let product = dot(target, &samples[start..start + window]);
        if product > 0 {
            // Comparing squares needs no root, which `core` does not have.
            let product = f64::from(product);
            let score = product * product / f64::from(past);
            if score > best_score {
                best_score = score;
                best = Some(Pitch {
                    lag,
                    likeness: (score / f64::from(own)) as f32,
                    gain: (product / f64::from(past)) as f32,
                });
            }
        }
        let entering = i32::from(samples[start - 1]);
        let leaving = i32::from(samples[start + window - 1]);
        past += entering * entering - leaving * leaving;
    }
    best
}

/// Sum of products. Fewer than [`LEN`] values as [`scaled`] makes them cannot overflow it.
pub(super) fn dot(a: &[i16], b: &[i16]) -> i32 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sum = i32x4::ZERO;
    for (a, b) in a.iter().zip(b) {
        sum += i16x8::from(*a).dot(i16x8::from(*b));
    }
    let rest = a_rest.iter().zip(b_rest);
    let rest: i32 = rest.map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
    sum.reduce_add() + rest
}

/// The samples in [`BITS`] bits and a sign, which keep a talker's periodicity, loud or quiet.
pub(super) fn scaled<const N: usize>(samples: &[i16; N]) -> [i16; N] {
    let peak = samples.iter().fold(0, |peak, x| x.unsigned_abs().max(peak));
    let shift = (u16::BITS - peak.leading_zeros()).saturating_sub(BITS);
    samples.map(|sample| sample >> shift)
}

const BITS: u32 = 11;

// The shift rounds down: -2^11 is the greatest magnitude.
const _: () = assert!(((LEN - 1) as u64) << (2 * BITS) <= i32::MAX as u64);

//! Pitch by normalised cross-correlation.

use wide::{i16x8, i32x4};

/// Where a signal resembles its own past most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pitch {
    /// Distance in samples.
    pub(super) lag: usize,
    /// Normalised correlation at that distance: 1 is an exact repetition at whatever level.
    pub(super) similarity: f32,
}

/// Compares the last `window` samples with what is `shortest..=longest` samples before them.
///
/// `samples` holds `window + longest` samples or more. `None` when either side is silent.
pub(super) fn search(
    samples: &[i16; super::history::LEN],
    window: usize,
    shortest: usize,
    longest: usize,
) -> Option<Pitch> {
    let samples = &scaled(samples);
    let template = samples.len() - window;
    let target = &samples[template..];
    let own = energy(target);
    let mut past = energy(&samples[template - shortest..][..window]);
    let mut best = None;
    let mut best_score = 0.0;
    for lag in shortest..=longest {
        let start = template - lag;
        let product = dot(target, &samples[start..start + window]);
        // Comparing squares needs no root.
        let score = f64::from(product) * f64::from(product) / f64::from(past.max(1));
        if product > 0 && score > best_score {
            best_score = score;
            best = Some(lag);
        }
        let entering = i32::from(samples[start - 1]);
        let leaving = i32::from(samples[start + window - 1]);
        past += entering * entering - leaving * leaving;
    }
    best.map(|lag| Pitch {
        lag,
        similarity: root((best_score / f64::from(own.max(1))) as f32),
    })
}

/// Sum of products. Up to 512 values of 11 bits and a sign cannot overflow it.
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

pub(super) fn energy(samples: &[i16]) -> i32 {
    dot(samples, samples)
}

/// The samples in 11 bits and a sign, which keeps all of a loud or a quiet talker's periodicity.
pub(super) fn scaled<const N: usize>(samples: &[i16; N]) -> [i16; N] {
    let peak = samples.iter().fold(0, |peak, x| x.unsigned_abs().max(peak));
    let shift = (16 - peak.leading_zeros()).saturating_sub(11);
    samples.map(|sample| sample >> shift)
}

/// Square root of a number of 0 to a little above 1, by Newton's steps: `core` has none.
fn root(x: f32) -> f32 {
    if x <= 0.0 {
        return 0.0;
    }
    let mut root = x.max(0.25);
    for _ in 0..8 {
        root = 0.5 * (root + x / root);
    }
    root
}

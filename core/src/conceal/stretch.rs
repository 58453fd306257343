//! Time scaling by whole pitch periods: waveform similarity overlap-add.

use super::pitch;

/// Cuts a pitch period, or part of a pause, out of `samples` and closes the gap by overlap-add.
///
/// The first and last samples stay, so that what was played before and what follows join without a
/// click. At most `most` samples are cut. Returns how many: the shortened audio is
/// `samples[..samples.len() - cut]`. `None`, with `samples` as they were, where no cut would pass
/// unheard, or where `samples` or `most` leave no room for one.
pub fn shorten(samples: &mut [i16], most: usize) -> Option<usize> {
    let length = samples.len().min(LONGEST_SRC);
    let most = most.min(MAX_PERIOD).min(length.saturating_sub(MIN_OVERLAP));
    let Seam {
        at,
        period,
        overlap,
    } = seam(&samples[..length], most)?;
    for n in 0..overlap {
        samples[at + n] = faded(samples[at + n], samples[at + period + n], n, overlap);
    }
    samples.copy_within(at + overlap + period.., at + overlap);
    Some(period)
}

/// Repeats a pitch period, or part of a pause, by overlap-add.
///
/// `buffer[..len]` holds the audio, the rest is room to grow; at most `most` samples are added.
/// Returns how many: the lengthened audio is `buffer[..len + added]`. The first and last samples
/// stay. `None`, with `buffer` as it was, where no repetition would pass unheard or there is no
/// room.
pub fn lengthen(buffer: &mut [i16], len: usize, most: usize) -> Option<usize> {
    let len = len.min(buffer.len());
    let length = len.min(LONGEST_SRC);
    let most = most
        .min(MAX_PERIOD)
        .min(length.saturating_sub(MIN_OVERLAP))
        .min(buffer.len() - len);
    let Seam {
        at,
        period,
        overlap,
    } = seam(&buffer[..length], most)?;
    buffer.copy_within(at + overlap..len, at + overlap + period);
    for n in 0..overlap {
        // An overlap is never longer than the period, so the earlier half is still unchanged.
        buffer[at + period + n] = faded(buffer[at + period + n], buffer[at + n], n, overlap);
    }
    Some(period)
}

/// Two places that sound alike, a period apart.
#[derive(Clone, Copy, Debug)]
struct Seam {
    at: usize,
    period: usize,
    overlap: usize,
}

fn seam(samples: &[i16], most: usize) -> Option<Seam> {
    let energy: i64 = samples.iter().map(|&x| i64::from(x) * i64::from(x)).sum();
    if energy <= QUIET * samples.len() as i64 {
        let overlap = most.min(samples.len() - most).min(QUIET_OVERLAP);
        return (most > 0).then_some(Seam {
            at: (samples.len() - most - overlap) / 2,
            period: most,
            overlap,
        });
    }
    let mut copy = [0; LONGEST_SRC];
    copy[..samples.len()].copy_from_slice(samples);
    let scaled = pitch::scaled(&copy);
    let scaled = &scaled[..samples.len()];
    let mut best = None;
    let mut best_similarity = LEAST_SIMILARITY;
    for period in MIN_PERIOD..=most {
        let overlap = period.min(samples.len() - period);
        let last = samples.len() - period - overlap;
        for at in (0..=last).step_by(STEP) {
            let early = &scaled[at..][..overlap];
            let late = &scaled[at + period..][..overlap];
            let product = pitch::dot(early, late);
            if product <= 0 {
                continue;
            }
            // Half the sum of the energies, not their geometric mean: the level must match too.
            let mean = 0.5 * (f64::from(pitch::energy(early)) + f64::from(pitch::energy(late)));
            let similarity = f64::from(product) / mean;
            if similarity > best_similarity {
                best_similarity = similarity;
                best = Some(Seam {
                    at,
                    period,
                    overlap,
                });
            }
        }
    }
    best
}

fn faded(from: i16, to: i16, n: usize, overlap: usize) -> i16 {
    let (weight, all) = ((n + 1) as i32, (overlap + 1) as i32);
    let sum = i32::from(from) * (all - weight) + i32::from(to) * weight;
    // A weighted mean of two samples is a sample.
    (sum / all) as i16
}

/// The longest period that is cut or inserted at once: 15 ms.
pub const MAX_PERIOD: usize = 120;

/// The shortest, except in a pause: 2.5 ms.
const MIN_PERIOD: usize = 20;

/// Audio beyond this is moved, not searched.
const LONGEST_SRC: usize = 480;

const MIN_OVERLAP: usize = 20;

const QUIET_OVERLAP: usize = 40;

/// Mean square below which audio is a pause: 54 dB below full scale.
const QUIET: i64 = 64 * 64;

const STEP: usize = 40;

/// Below this a cut is heard.
const LEAST_SIMILARITY: f64 = 0.85;

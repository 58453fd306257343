//! Time scaling by whole pitch periods: waveform similarity overlap-add.

use super::pitch;

/// Cuts a pitch period, or part of a pause, out of `samples` and closes the gap by overlap-add.
///
/// At most `most` samples are cut, [`MAX_PERIOD`] at the very most; returns how many. The shortened
/// audio is `samples[..samples.len() - cut]`, what is behind it means nothing any more. It begins
/// and ends with the samples that it began and ended with, so it joins what goes before and after.
///
/// Of voiced speech, whole periods of 2.5 ms or more are cut, if they are alike; of a pause (54 dB
/// below full scale or less), `most` samples. Both sides of a cut must be in `samples`: 20 ms serve
/// high voices, 30 to 40 ms all.
///
/// `None`, with `samples` as they were, where a cut would be heard or there is no room for one.
///
/// ```
/// use trunkline::conceal::shorten;
///
/// let mut pause = [3_i16; 160];
/// assert_eq!(shorten(&mut pause, 70), Some(70));
/// assert_eq!(pause[..90], [3; 90]);
/// ```
pub fn shorten(samples: &mut [i16], most: usize) -> Option<usize> {
    let searched = samples.get(..LONGEST_SEARCHED).unwrap_or(samples);
    let seam = seam(searched, most)?;
    let cut = samples.get_mut(seam.at..)?;
    let joined = cut.len().checked_sub(seam.period)?;
    // Forwards: what is read is still as it was.
    for n in 0..joined {
        let late = *cut.get(n + seam.period)?;
        let slot = cut.get_mut(n)?;
        *slot = match n < seam.overlap {
            true => seam.fade(*slot, late, n),
            false => late,
        };
    }
    Some(seam.period)
}

/// Repeats a pitch period, or lengthens a pause, by overlap-add.
///
/// `buffer[..len]` is the audio and the rest room to grow. At most `most` samples are added,
/// [`MAX_PERIOD`] at the very most; returns how many. The lengthened audio is `buffer[..len +
/// added]`. What can be lengthened is what [`shorten`] can cut, and the ends stay likewise.
///
/// `None`, with `buffer` as it was, where a repetition would be heard or there is no room for one,
/// in `buffer` or in the audio.
pub fn lengthen(buffer: &mut [i16], len: usize, most: usize) -> Option<usize> {
    let len = len.min(buffer.len());
    let searched = buffer.get(..len.min(LONGEST_SEARCHED))?;
    let seam = seam(searched, most.min(buffer.len() - len))?;
    let tail = buffer.get_mut(seam.at..len + seam.period)?;
    let moved = tail.len().checked_sub(seam.period)?;
    // Backwards, and an overlap is no longer than the period: what is read is still as it was.
    for n in (0..moved).rev() {
        let early = *tail.get(n)?;
        let slot = tail.get_mut(n + seam.period)?;
        *slot = match n < seam.overlap {
            true => seam.fade(*slot, early, n),
            false => early,
        };
    }
    Some(seam.period)
}

/// The longest period that is cut or repeated at once: 15 ms.
pub const MAX_PERIOD: usize = 120;

/// Two places that sound alike, a period apart.
#[derive(Clone, Copy, Debug)]
struct Seam {
    /// Where the earlier one begins.
    at: usize,
    period: usize,
    /// Over how many samples one fades into the other, no more than the period.
    overlap: usize,
}

impl Seam {
    fn fade(&self, from: i16, to: i16, n: usize) -> i16 {
        let (weight, all) = (n as i32, self.overlap as i32);
        let sum = i32::from(from) * (all - weight) + i32::from(to) * weight;
        // A weighted mean of two samples is a sample.
        sum.checked_div(all).unwrap_or(0) as i16
    }
}

fn seam(samples: &[i16], most: usize) -> Option<Seam> {
    // The last sample takes no part: it stays.
    let (_, samples) = samples.split_last()?;
    let most = most
        .min(MAX_PERIOD)
        .min(samples.len().saturating_sub(PAUSE_OVERLAP));
    if most == 0 {
        return None;
    }
    let power: i64 = samples.iter().map(|&x| i64::from(x) * i64::from(x)).sum();
    if power <= PAUSE * samples.len() as i64 {
        let overlap = PAUSE_OVERLAP.min(most);
        return Some(Seam {
            at: (samples.len() - most - overlap) / 2,
            period: most,
            overlap,
        });
    }
    likest(samples, most)
}

/// The period and place whose two sides are most alike, if they are enough.
fn likest(samples: &[i16], most: usize) -> Option<Seam> {
    let mut copy = [0; LONGEST_SEARCHED];
    for (to, &from) in copy.iter_mut().zip(samples) {
        *to = from;
    }
    let scaled = pitch::scaled(&copy);
    let scaled = scaled.get(..samples.len())?;
    // Energy of the samples before each: that of any stretch is a difference.
    let mut energies = [0; LONGEST_SEARCHED + 1];
    let mut before = 0;
    for (energy, &sample) in energies.iter_mut().skip(1).zip(scaled) {
        before += i32::from(sample) * i32::from(sample);
        *energy = before;
    }

    let mut best = None;
    let mut best_likeness = LEAST_LIKENESS;
    for period in MIN_PERIOD..=most {
        let compared = period.max(COMPARED).min(samples.len() - period);
        if compared < COMPARED {
            break;
        }
        for at in (0..=samples.len() - period - compared).step_by(STEP) {
            let late = at + period;
            let part = |from: usize| scaled.get(from..)?.get(..compared);
            let product = pitch::dot(part(at)?, part(late)?);
            let energy = |from: usize| {
                let before = energies.get(from).unwrap_or(&0);
                f64::from(energies.get(from + compared).unwrap_or(&0) - before)
            };
            // By the mean of the energies, not their product's root: levels must be alike too.
            let likeness = 2.0 * f64::from(product) / (energy(at) + energy(late)).max(1.0);
            if likeness > best_likeness {
                best_likeness = likeness;
                best = Some(Seam {
                    at,
                    period,
                    overlap: period.min(compared),
                });
            }
        }
    }
    best
}

/// The shortest period: 2.5 ms.
const MIN_PERIOD: usize = 20;

/// What is compared at least: 7.5 ms, or a tone in noise would pass for a pitch.
const COMPARED: usize = 60;

/// Places that are tried: every 5 ms.
const STEP: usize = 40;

/// Audio beyond 60 ms is moved, not searched.
const LONGEST_SEARCHED: usize = 480;

/// Below this likeness, of 1 for equal sides, a seam is heard.
const LEAST_LIKENESS: f64 = 0.85;

/// Mean square up to which audio is a pause: 54 dB below full scale.
const PAUSE: i64 = 64 * 64;

/// 5 ms.
const PAUSE_OVERLAP: usize = 40;

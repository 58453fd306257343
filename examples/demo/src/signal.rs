//! What the measurements are made of: alignment, noise and percentiles.

use std::time::Duration;

use trunkline_simulators::audio::{MODEL_RATE, resample};

/// How many samples later than in `reference` its sound is in `signal`, from 0 to `max`: the lag
/// of the greatest correlation.
pub(crate) fn lag(reference: &[i16], signal: &[i16], max: usize) -> usize {
    let correlation = |lag: usize| -> f64 {
        let later = signal.get(lag..).unwrap_or_default();
        let products = reference
            .iter()
            .zip(later)
            .map(|(&a, &b)| i64::from(a) * i64::from(b));
        products.sum::<i64>() as f64
    };
    (0..=max)
        .max_by(|&a, &b| correlation(a).total_cmp(&correlation(b)))
        .unwrap_or(0)
}

/// Signal-to-noise ratio of `received` in dB, everything that differs from `reference` being
/// noise. Both are 24 kHz and aligned; the ratio is that of the band below 2.85 kHz, where no
/// filter on either way has begun to cut.
pub(crate) fn snr_db(reference: &[i16], received: &[i16]) -> f64 {
    let length = reference.len().min(received.len());
    let reference = resample(&reference[..length], MODEL_RATE, NARROW_RATE);
    let received = resample(&received[..length], MODEL_RATE, NARROW_RATE);
    let energy = |samples: &mut dyn Iterator<Item = i32>| -> f64 {
        samples.map(|sample| f64::from(sample).powi(2)).sum()
    };
    let signal = energy(&mut reference.iter().map(|&sample| i32::from(sample)));
    let noise = energy(
        &mut reference
            .iter()
            .zip(&received)
            .map(|(&a, &b)| i32::from(a) - i32::from(b)),
    );
    if signal == 0.0 {
        return 0.0;
    }
    // Rounding alone leaves some noise, so that equal signals give a number and not infinity.
    10.0 * (signal / noise.max(1.0)).log10()
}

/// The spread of some times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

impl Spread {
    /// Nearest-rank percentiles; all zero for no times.
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let rank = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100);
            times
                .get(rank.saturating_sub(1))
                .copied()
                .unwrap_or_default()
        };
        Self {
            count: times.len(),
            p50: rank(50),
            p99: rank(99),
            max: rank(100),
        }
    }
}

/// Below this rate's Nyquist frequency lies the band that is compared.
const NARROW_RATE: u32 = 6_000;

#[cfg(test)]
mod tests {
    use trunkline_simulators::Speech;

    use super::*;

    #[test]
    fn finds_the_lag_of_a_delayed_signal() {
        let tone = Speech::tone(437.0, -12.0, Duration::from_millis(100));
        let mut sweep: Vec<i16> = tone.samples().to_vec();
        for (n, sample) in sweep.iter_mut().enumerate() {
            *sample = sample.wrapping_mul((n / 100) as i16);
        }
        let mut delayed = vec![0; 53];
        delayed.extend(&sweep);
        assert_eq!(lag(&sweep, &delayed, 480), 53);
        assert_eq!(lag(&sweep, &sweep, 480), 0);
    }

    #[test]
    fn noise_is_what_differs_below_the_band_edge() {
        let length = Duration::from_millis(500);
        let tone = Speech::tone(1_000.0, -12.0, length);
        assert!(snr_db(tone.samples(), tone.samples()) > 90.0);
        let with = |frequency, level| -> Vec<i16> {
            let noise = Speech::tone(frequency, level, length);
            tone.samples()
                .iter()
                .zip(noise.samples())
                .map(|(a, b)| a + b)
                .collect()
        };
        let snr = snr_db(tone.samples(), &with(700.0, -52.0));
        assert!((snr - 40.0).abs() < 0.5, "{snr}");
        let snr = snr_db(tone.samples(), &with(3_500.0, -52.0));
        assert!(snr > 75.0, "{snr}");
        assert_eq!(snr_db(&[0; 480], tone.samples()), 0.0);
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let times = (1..=200).map(Duration::from_millis).collect();
        let spread = Spread::of(times);
        assert_eq!(spread.count, 200);
        assert_eq!(spread.p50, Duration::from_millis(100));
        assert_eq!(spread.p99, Duration::from_millis(198));
        assert_eq!(spread.max, Duration::from_millis(200));
        assert_eq!(Spread::of(Vec::new()), Spread::default());
        assert_eq!(
            Spread::of(vec![Duration::from_secs(1)]).p99,
            Duration::from_secs(1)
        );
    }
}

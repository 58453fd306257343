//! Times, counted in buckets whose width grows with the time.

use std::time::Duration;

use serde::Serialize;

/// Counts times by size: exact below 256 ns, within 0.8% above, in 58 KiB whatever is recorded.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max_ns: u64,
}

impl Histogram {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            counts: vec![0; bucket(u64::MAX) + 1],
            count: 0,
            max_ns: 0,
        }
    }

    /// Counts one time.
    pub fn record(&mut self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(ns)] += 1;
        self.count += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The least time that at least the part `q` (0 to 1) of all does not exceed, rounded up to the
    /// end of its bucket; zero if there is none.
    pub fn quantile(&self, q: f64) -> Duration {
        let rank = (q.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(last_of(bucket).min(self.max_ns));
            }
        }
        Duration::ZERO
    }

    /// What a report shows of it.
    pub fn percentiles(&self) -> Percentiles {
        let ms = |q| self.quantile(q).as_secs_f64() * 1e3;
        Percentiles {
            count: self.count,
            p50_ms: ms(0.5),
            p90_ms: ms(0.9),
            p99_ms: ms(0.99),
            p999_ms: ms(0.999),
            max_ms: self.max_ns as f64 / 1e6,
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// Percentiles of some times, in milliseconds; all zero if there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Times counted.
    pub count: u64,
    /// The median.
    pub p50_ms: f64,
    /// 90%.
    pub p90_ms: f64,
    /// 99%.
    pub p99_ms: f64,
    /// 99.9%.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// The leading one and the seven bits behind it choose the bucket.
fn bucket(ns: u64) -> usize {
    let shift = (ns | LINEAR).ilog2() - LINEAR.ilog2();
    (u64::from(shift) * LINEAR + (ns >> shift)) as usize
}

/// The longest time, in ns, that falls into `bucket`.
fn last_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / LINEAR).saturating_sub(1);
    let mantissa = bucket - shift * LINEAR;
    (mantissa << shift) | ((1 << shift) - 1)
}

/// Buckets between a power of two and the next.
const LINEAR: u64 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_in_its_bucket_and_buckets_follow_each_other() {
        let mut end = None;
        for index in 0..=bucket(u64::MAX) {
            let last = last_of(index);
            assert_eq!(bucket(last), index);
            let first = end.map_or(0, |end: u64| end + 1);
            assert_eq!(bucket(first), index);
            assert!(last - first <= first / 128, "{first}..={last}");
            end = Some(last);
        }
        assert_eq!(end, Some(u64::MAX));
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_times_within_a_bucket() {
        let mut histogram = Histogram::new();
        let mut times: Vec<u64> = (1..=10_000).map(|n| n * n * 37 % 1_000_003).collect();
        for &time in &times {
            histogram.record(Duration::from_nanos(time));
        }
        times.sort_unstable();
        for q in [0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let rank = (q * times.len() as f64).ceil().max(1.0) as usize;
            let exact = times[rank - 1];
            let told = histogram.quantile(q).as_nanos() as u64;
            assert!((exact..=exact + exact / 128).contains(&told), "{q}");
        }
        assert_eq!(histogram.percentiles().max_ms, times[9_999] as f64 / 1e6);
    }

    #[test]
    fn merged_histograms_are_one_of_all_times() {
        let (mut one, mut two, mut both) = (Histogram::new(), Histogram::new(), Histogram::new());
        for n in 0..1_000_u64 {
            let time = Duration::from_nanos(n * n);
            if n % 3 == 0 { &mut one } else { &mut two }.record(time);
            both.record(time);
        }
        one.merge(&two);
        assert_eq!(one.counts, both.counts);
        assert_eq!(one.percentiles(), both.percentiles());
    }

    #[test]
    fn nothing_has_no_quantiles() {
        assert_eq!(Histogram::new().percentiles(), Percentiles::default());
    }
}

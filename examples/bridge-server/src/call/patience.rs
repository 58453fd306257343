//! How long a call waits before it does something again.

use std::time::Duration;

use clap::Args;

/// What tests shorten.
#[derive(Clone, Debug, Args)]
pub(crate) struct Patience {
    /// Milliseconds after which a model session is replaced, instead of SESSION_MINUTES
    #[arg(long, hide = true)]
    rotate_after_ms: Option<u64>,
    /// Milliseconds after which that is done even in the middle of a turn
    #[arg(long, hide = true)]
    rotate_by_ms: Option<u64>,
    /// The first wait before another try to reach the model lasts up to so many milliseconds, each next one up to twice
    /// as long
    #[arg(long, hide = true, default_value_t = 250)]
    retry_base_ms: u64,
    /// The longest wait, in milliseconds
    #[arg(long, hide = true, default_value_t = 4_000)]
    retry_cap_ms: u64,
}

impl Patience {
    /// How old a session is to become that may last `session_length` by the settings.
    pub(crate) fn rotate_after(&self, session_length: Duration) -> Duration {
        self.rotate_after_ms
            .map_or(session_length, Duration::from_millis)
    }

    /// How old it may become at most, if no turn ends.
    pub(crate) fn rotate_by(&self, session_length: Duration) -> Duration {
        let urgent = session_length.mul_f64(URGENT).min(LATEST);
        self.rotate_by_ms.map_or(urgent, Duration::from_millis)
    }

    /// How long to wait before the `number`-th try, counted from 1: exponential backoff with full jitter, so that the
    /// calls that a failure has thrown out together do not come back together.
    pub(crate) fn before_try(&self, number: u32) -> Duration {
        let most = self.longest_before(number);
        // Without randomness the wait is the longest.
        let share = getrandom::u64().unwrap_or(u64::MAX);
        let micros = most.as_micros() * u128::from(share) / u128::from(u64::MAX);
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    fn longest_before(&self, number: u32) -> Duration {
        let doubled = 1_u64
            .checked_shl(number.saturating_sub(1))
            .unwrap_or(u64::MAX);
        Duration::from_millis(
            self.retry_base_ms
                .saturating_mul(doubled)
                .min(self.retry_cap_ms),
        )
    }
}

/// A minute before the model ends the session itself.
const LATEST: Duration = Duration::from_secs(59 * 60);
/// Of the length after which a session is replaced at a turn's edge, the share after which that is not waited for any
/// longer: 59 minutes of 55.
const URGENT: f64 = 59.0 / 55.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_are_spread_over_all_of_it() {
        let patience = Patience {
            rotate_after_ms: None,
            rotate_by_ms: None,
            retry_base_ms: 250,
            retry_cap_ms: 4_000,
        };
        let most = [1, 2, 3, 4, 5, 6, 64, u32::MAX]
            .map(|number| patience.longest_before(number).as_millis());
        assert_eq!(most, [250, 500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000]);
        let waits: Vec<u128> = (0..200)
            .map(|_| patience.before_try(3).as_millis())
            .collect();
        assert!(waits.iter().all(|wait| *wait <= 1_000));
        assert!(
            waits.iter().any(|wait| *wait < 250) && waits.iter().any(|wait| *wait > 750),
            "{waits:?}"
        );
    }
}

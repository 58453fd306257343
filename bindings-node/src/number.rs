//! Numbers of JavaScript as what the core counts in.

use std::time::Duration;

use napi::bindgen_prelude::*;
use trunkline::Error as Core;

use crate::error::OrThrow;

/// A time of `ms` milliseconds, to the nanosecond.
#[inline]
pub(crate) fn duration(env: Env, name: &'static str, ms: f64) -> Result<Duration> {
    if (0.0..MAX_MS).contains(&ms) {
        return Ok(Duration::from_nanos((ms * 1e6 + 0.5) as u64));
    }
    Err(Core::InvalidField { name }).or_throw(env)
}

/// A whole number from 0 to `max`.
pub(crate) fn whole(env: Env, name: &'static str, value: f64, max: u64) -> Result<u64> {
    if value.fract() == 0.0 && (0.0..=max as f64).contains(&value) {
        return Ok(value as u64);
    }
    Err(Core::InvalidField { name }).or_throw(env)
}

/// A whole number of 32 bits.
pub(crate) fn whole_u32(env: Env, name: &'static str, value: f64) -> Result<u32> {
    whole(env, name, value, u32::MAX.into()).map(|value| value as u32)
}

/// Milliseconds, with their fraction.
pub(crate) fn to_ms(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e6
}

/// 285 years: nanoseconds of 64 bits hold them.
const MAX_MS: f64 = 9e12;

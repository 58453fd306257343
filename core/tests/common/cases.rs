//! How many random cases a property test runs, and from which seed.

use std::{
    env,
    hash::{BuildHasher, RandomState},
};

use proptest::test_runner::{Config, RngSeed};

/// `default` cases, or as many as `TRUNKLINE_CASES` says, from a new seed or `TRUNKLINE_SEED`. The
/// seed is printed, which shows when the test fails.
pub(crate) fn cases(default: u32) -> Config {
    let number = |name| {
        env::var(name)
            .ok()
            .map(|value| value.parse::<u64>().expect(name))
    };
    let seed = number("TRUNKLINE_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("TRUNKLINE_SEED={seed}");
    Config {
        cases: number("TRUNKLINE_CASES").map_or(default, |cases| cases.try_into().unwrap()),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}

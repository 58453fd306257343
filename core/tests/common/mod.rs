//! Two scripted peers, one virtual clock, a link with delays: whole calls without a network.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test binary uses its own part of this"
)]

pub(crate) mod audio;
pub(crate) mod call;
pub(crate) mod caller;
pub(crate) mod io;
pub(crate) mod judge;
pub(crate) mod link;
pub(crate) mod model;
pub(crate) mod player;
pub(crate) mod reply;
pub(crate) mod rng;
pub(crate) mod session;
pub(crate) mod setup;
pub(crate) mod sounds;
pub(crate) mod story;
pub(crate) mod turns;
pub(crate) mod wire;

use proptest::test_runner::Config as ProptestConfig;

pub(crate) use call::{Call, ms};
pub(crate) use io::{Ev, Input, Out};
pub(crate) use judge::conclude;
pub(crate) use reply::{Cut, Reply, Say};
pub(crate) use setup::Setup;

/// A property's settings: `TRUNKLINE_CASES` random cases, or `default`.
///
/// A failure prints the smallest input found, which says everything; no file is left behind.
pub(crate) fn config(default: u32) -> ProptestConfig {
    let cases = std::env::var("TRUNKLINE_CASES")
        .ok()
        .and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(default),
        failure_persistence: None,
        max_shrink_time: 60_000,
        max_shrink_iters: 50_000,
        ..ProptestConfig::default()
    }
}

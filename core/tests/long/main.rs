//! Days of speech against a carrier whose clock is not ours.
//!
//! A carrier 500 ppm slow plays 43 s less than a day in a day. What is sent by our clock alone piles
//! up there, or runs out.

#[path = "../common/mod.rs"]
mod common;

mod bridge;
mod carrier;
mod ledger;

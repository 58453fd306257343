//! What a Bridge does in a call, in virtual time, seen from outside.

#[path = "../common/mod.rs"]
mod common;
#[path = "../jitter/voice.rs"]
mod speech;

mod arbiter;
mod contract;
mod downlink;
mod events;
mod hold;
mod limits;
mod line;
mod reaction;
mod reconnect;
mod response;
mod uplink;

use common::rng;

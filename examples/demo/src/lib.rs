//! One call through the bridge server, between a simulated Twilio and a simulated model: played,
//! measured and checked, in calm and in a [`Storm`]. The program of this package shows it, the
//! server's tests rely on it.

mod analysis;
mod api;
mod call;
mod checks;
mod conversation;
mod kept;
mod picture;
mod progress;
mod reaction;
mod report;
mod scene;
mod server;
mod signal;
mod stage;
mod storm;
mod storm_checks;
mod storm_report;

pub use call::{Call, ModelAudio, Options};
pub use checks::Check;
pub use kept::{Kept, commands};
pub use server::{ACCOUNT_SID, API_KEY, NUMBER, Server, WallClock};
pub use storm::Storm;

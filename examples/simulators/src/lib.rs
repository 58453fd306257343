//! Two simulators for voice agents that join Twilio Media Streams to OpenAI Realtime.
//!
//! ```text
//!  twilio::call ── webhook, signed upgrade, media ──▶ your server ──▶ openai::Server
//!  (a caller with a script, a player that knows              (a session with voice
//!   what was heard)                                           detection and scripted speech)
//! ```
//!
//! [`twilio`] dials your server as Twilio would and records what the caller hears. [`openai`]
//! answers your server as the Realtime service would and records what the model was told. Give
//! both the same [`Clock`] and their records share one time line. [`load`] is both, leaner, a thousand
//! times over, to measure what your server adds. They are written from the
//! protocols, apart from any library that speaks them, and say where they are simpler than the
//! services.

pub mod audio;
mod breaker;
mod clock;
mod fault;
pub mod load;
mod log;
mod network;
pub mod openai;
mod random;
pub mod twilio;

pub use audio::Speech;
pub use clock::Clock;
pub use fault::{FaultKind, Times, Window};
pub use log::Log;

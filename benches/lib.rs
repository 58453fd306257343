//! What the benches compare trunkline with, and the signals they run on.
//!
//! [`naive`] is the pipeline that is written by hand everywhere: serde_json, the `base64` crate, a
//! decoding table, the common 16-bit encoder and rubato's FFT resampler, each called as its
//! documentation shows. [`peers`] are the libraries that do the same work, one by one;
//! [`sound`] is a voice's way through them.

pub mod naive;
pub mod peers;
pub mod sound;

pub use trunkline_paths::{FRAME, call, openai_delta, speech_like, twilio_media};

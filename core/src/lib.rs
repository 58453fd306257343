//! trunkline (crate docs are written once the path stands).
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod base64;
pub mod bridge;
pub mod dialect;
pub mod g711;
pub mod openai;
pub mod playback;
pub mod resample;
pub mod twilio;

mod error;
mod id;
mod json;
#[cfg(not(feature = "internal"))]
mod simd;
#[cfg(feature = "internal")]
#[doc(hidden)]
pub mod simd;

pub use bridge::Bridge;
pub use error::Error;
pub use g711::{alaw, mulaw};
pub use json::{JsonStr, RawJson};
pub use openai::SessionUpdate;
pub use playback::PlaybackLedger;
pub use resample::{Downsampler, Upsampler};

//! Phone audio and AI voice, joined without glitches.
//!
//! A phone call reaches a server as Twilio Media Streams: JSON text frames, 20 ms of base64 μ-law at
//! 8 kHz each. A realtime model speaks PCM16 at 24 kHz, also base64 in JSON. This crate is the part
//! between the two, in both directions:
//!
//! ```text
//!  caller ──▶ twilio ▸ base64 ▸ time line ▸ mulaw ▸ Upsampler ▸ base64 ▸ openai ────▶ model
//!   8 kHz                                                                            24 kHz
//!  caller ◀── twilio ◂ base64 ◂ pacing ◂ mulaw ◂ Downsampler ◂ base64 ◂ openai ◀──── model
//!                               marks ──▶ PlaybackLedger: what has been heard
//! ```
//!
//! Each part is usable by itself; [`Bridge`] is all of them with the conversation's rules on top:
//! barge-in cut at what the caller *heard*, one response at a time, nothing before the audio format
//! is confirmed, every queue bounded.
//!
//! ```
//! use trunkline::{Downsampler, Upsampler, mulaw};
//!
//! let caller = [mulaw::SILENCE; 160]; // 20 ms from the phone
//! let mut pcm = [0_i16; 160];
//! mulaw::decode(&caller, &mut pcm)?;
//! let mut up = Upsampler::new(); // keeps its filter's state from frame to frame
//! let mut wide = [0_i16; 480];
//! assert_eq!(up.process(&pcm, &mut wide)?, 480); // 20 ms for the model
//!
//! let mut down = Downsampler::new(); // and the way back
//! let mut narrow = [0_i16; 160];
//! assert_eq!(down.process(&wide, &mut narrow)?, 160);
//! let mut model = [0_u8; 160];
//! mulaw::encode(&narrow, &mut model)?;
//! # Ok::<(), trunkline::Error>(())
//! ```
//!
//! The loop around a [`Bridge`] is in [`bridge`]; a server that keeps its own loop can take the
//! [`PlaybackLedger`] alone. A [`FlightRecorder`] writes a call down so that it can be had again.
//!
//! # Why
//!
//! Glue between the two formats goes wrong in the same places everywhere. Resampling each chunk by
//! itself clicks at every seam, and a general resampler adds up to 100 ms of delay unseen: here
//! filters are streaming, of 2.2 ms, and the same to the bit however the input is cut. Truncating at
//! what was sent leaves words in the model's memory that nobody heard: here marks prove what was
//! played. Three μ-law encoders are about that differ for negative samples: here they have names, and
//! the default is ITU-T's. Queues that only grow, answers that talk over each other, noise after a
//! refused session format: each has a rule here and a test.
//!
//! # Contracts
//!
//! - After construction nothing allocates, and nothing blocks, spawns or reads a clock.
//! - Every bad input is an [`Error`] that leaves the object as it was; none panics.
//! - Sample arithmetic is integer: every instruction set gives the same bits.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | choice of the instruction set at run time; implies `alloc` |
//! | `alloc` | yes | [`Bridge::new`], which makes its own storage |
//! | `any-rate` | no | `resample::AnyRate` between any two rates, through `rubato` |
//! | `capi` | no | `capi`: the functions of `include/trunkline.h`, for C |
//! | `internal` | no | for this workspace's tests and benches; no promises |
//!
//! Without any of them the crate is `no_std`, needs no allocator, and a bridge lives in storage that
//! the caller gives it ([`Bridge::with_storage`]).
//!
//! # Limits
//!
//! One call's audio is mono G.711 at 8 kHz on the phone's side, as Twilio has it. The carrier's
//! media is put on its time line by its stamps and gaps are concealed; Twilio runs over TCP, so media
//! is late there, hardly ever lost. The model takes samples as they come and has no clock, so in a
//! bridge nothing is held for the sake of jitter: that is [`JitterBuffer`]'s work, for where audio is
//! played.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod base64;
pub mod bridge;
#[cfg(feature = "capi")]
pub mod capi;
pub mod conceal;
pub mod dialect;
pub mod flight;
pub mod g711;
pub mod jitter;
pub mod openai;
pub mod playback;
pub mod resample;
pub mod twilio;
pub mod voice;

mod error;
mod id;
mod json;
#[cfg(not(feature = "internal"))]
mod simd;
#[cfg(feature = "internal")]
#[doc(hidden)]
pub mod simd;

pub use bridge::Bridge;
pub use conceal::Concealer;
pub use error::Error;
pub use flight::FlightRecorder;
pub use g711::{alaw, mulaw};
pub use jitter::JitterBuffer;
pub use json::{JsonStr, RawJson};
pub use openai::SessionUpdate;
pub use playback::PlaybackLedger;
pub use resample::{Downsampler, Upsampler};
pub use simd::instruction_set;
pub use voice::VoiceDetector;

/// The README's code, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

//! What the fuzz targets do with their bytes: each calls one function of this library.
//!
//! A function panics if trunkline does, if it disagrees with the oracle named at its module, or if
//! it breaks a promise of its documentation.

mod base64;
pub mod bridge;
pub mod conceal;
pub mod flight;
mod g711;
pub mod jitter;
mod json;
mod openai;
pub mod resampler;
mod twilio;

pub use base64::base64;
pub use g711::g711;
pub use openai::openai_message;
pub use twilio::twilio_message;

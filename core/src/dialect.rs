//! The seam between the [`Bridge`](crate::bridge::Bridge) and the wire.
//!
//! The Bridge thinks in [`CarrierMessage`]s and [`ModelEvent`]s and answers in [`CarrierCommand`]s
//! and [`ModelCommand`]s. A [`Carrier`] or a [`Model`] turns these into one peer's text and back.
//! [`Twilio`](crate::twilio::Twilio) and [`OpenAiRealtime`](crate::openai::OpenAiRealtime) are the
//! two that ship; another carrier or model API is another implementation of these traits and no
//! change to the Bridge.

mod carrier;
mod model;

pub use crate::json::Shape;
pub use carrier::{Carrier, CarrierCommand, CarrierEvent, CarrierMessage, Track};
pub use model::{
    AudioFormat, Model, ModelCommand, ModelEvent, ResponseStatus, Role, SessionState, Speaker,
    Usage,
};

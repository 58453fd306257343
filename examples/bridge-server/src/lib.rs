//! A server that joins Twilio calls to a realtime model.

pub mod admission;
pub mod agent;
mod app;
mod call;
mod config;
mod end;
mod flight;
mod greetings;
mod http;
pub mod journal;
mod log;
mod model;
mod peer;
mod phrases;
pub mod record;
pub mod recording;
mod report;
mod serve;
mod signature;
pub mod store;
pub mod time;
mod tokens;
mod tools;

pub use serve::run;

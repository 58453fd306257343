//! A server that joins Twilio calls to a realtime model.

pub mod admission;
pub mod agent;
pub mod api;
mod app;
mod call;
mod config;
mod end;
mod flight;
mod http;
pub mod journal;
mod log;
pub mod metrics;
mod model;
mod peer;
pub mod record;
pub mod recording;
mod report;
mod serve;
mod signature;
pub mod store;
pub mod time;
mod tokens;
mod tools;
mod words;

pub use serve::run;

//! A server that joins Twilio calls to a realtime model.

pub mod admission;
pub mod agent;
mod app;
mod call;
mod config;
mod end;
mod flight;
mod http;
pub mod journal;
mod log;
mod model;
mod peer;
pub mod record;
pub mod recording;
mod report;
pub mod secret;
mod serve;
mod signature;
pub mod store;
pub mod time;
mod tokens;
pub mod tools;
pub mod twilio_rest;
mod words;

pub use serve::run;

//! A server that joins Twilio calls to a realtime model.

pub mod admission;
mod admissions;
pub mod agent;
pub mod api;
mod app;
mod call;
mod config;
mod directory;
mod end;
pub mod feed;
mod flight;
mod greetings;
mod http;
pub mod journal;
mod library_log;
mod log;
pub mod metrics;
mod model;
mod peer;
mod phrases;
pub mod record;
pub mod recording;
mod report;
pub mod secret;
mod serve;
mod setup;
mod signature;
pub mod store;
pub mod time;
pub mod tools;
pub mod twilio_rest;

pub use serve::run;

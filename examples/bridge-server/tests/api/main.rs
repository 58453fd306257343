//! The HTTP API on a real socket, with both databases.

mod calls;
mod document;
mod errors;
mod health;
mod hostile;
mod recording;
mod schedule;
mod settings;
mod stage;
mod status;

#[path = "../common/postgres.rs"]
mod postgres;

//! The bridge server as a process: for the demo, and for the server's own tests.

mod server;

pub use server::{Server, WallClock};

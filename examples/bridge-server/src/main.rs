//! The bridge server.

fn main() {}

//! Benchmarks; see `benches/Cargo.toml`.

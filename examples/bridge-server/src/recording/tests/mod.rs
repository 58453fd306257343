//! Behaviour of the parts together.

mod disk;
mod line;
mod tracks;

//! Behaviour of the parts together.

mod disk;
mod kept;
mod line;
mod tracks;

//! What a jitter buffer does on traces of what networks do.

#[path = "../common/cases.rs"]
mod cases;
#[path = "../common/rng.rs"]
mod rng;

mod figures;
mod hostile;
mod player;
mod traces;
mod voice;

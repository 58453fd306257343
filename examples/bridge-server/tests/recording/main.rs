//! Recordings beside what the simulated Twilio knows was said and heard, and after a kill.

mod files;
mod kill;
mod line;
mod simulator;

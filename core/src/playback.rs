//! What the caller has heard.

/// What the caller has heard.
#[derive(Clone, Debug)]
pub struct PlaybackLedger {}

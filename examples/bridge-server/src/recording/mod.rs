//! Recordings of calls.

/// All recordings of this server.
#[derive(Clone, Debug, Default)]
pub struct Recordings {}

impl Recordings {
    /// Begins the recording of a call; `None` if recordings are switched off.
    pub fn start(&self, _call_id: &str) -> Option<Tap> {
        None
    }
}

/// Where a call's task puts what passes, in the order in which it passes. Nothing here waits.
#[derive(Debug)]
pub struct Tap {}

impl Tap {
    /// A message that came from Twilio.
    pub fn from_twilio(&mut self, _message: &str) {}

    /// A message that was sent to Twilio.
    pub fn to_twilio(&mut self, _message: &str) {}

    /// The call is over. Returns at once; the end of the file is written behind.
    pub fn finish(self) {}
}

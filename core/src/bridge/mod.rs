//! The bridge between a phone call and a realtime model.

mod config;
mod output;
mod stats;

use core::time::Duration;

use crate::{
    Error, RawJson, SessionUpdate,
    dialect::{Carrier, Model},
    openai::OpenAiRealtime,
    twilio::Twilio,
};

pub use config::{Config, ModelAudio};
pub use output::{Event, Output, Source};
pub use stats::Stats;

/// Sans-IO bridge of one call: storage `M`, carrier protocol `C`, model protocol `D`.
pub struct Bridge<M = alloc::boxed::Box<[u8]>, C = Twilio, D = OpenAiRealtime> {
    _parts: (M, C, D),
}

impl Bridge {
    /// A bridge for Twilio and OpenAI Realtime with storage of its own.
    pub fn new(_config: Config) -> Self {
        todo!()
    }
}

impl<M: AsRef<[u8]> + AsMut<[u8]>, C: Carrier, D: Model> Bridge<M, C, D> {
    /// A message from Twilio has arrived.
    pub fn handle_twilio(&mut self, _now: Duration, _text: &str) -> Result<(), Error> {
        todo!()
    }
    /// A message from the model has arrived.
    pub fn handle_openai(&mut self, _now: Duration, _text: &str) -> Result<(), Error> {
        todo!()
    }
    /// The time `poll_timeout` named has come.
    pub fn handle_timeout(&mut self, _now: Duration) {}
    /// Twilio's socket is closed: the call is over.
    pub fn handle_twilio_closed(&mut self, _now: Duration) {}
    /// The model's socket is closed: audio is held until a new session is ready.
    pub fn handle_openai_closed(&mut self, _now: Duration) {}
    /// Queues `session.update`: the first thing to send on a new model socket.
    pub fn update_session(&mut self, _session: &SessionUpdate<'_>) -> Result<(), Error> {
        todo!()
    }
    /// Asks the model to speak as soon as it may.
    pub fn create_response(&mut self, _response: Option<RawJson<'_>>) -> Result<(), Error> {
        todo!()
    }
    /// Answers a tool call and asks the model to go on once all calls of the response are answered.
    pub fn send_tool_output(&mut self, _call_id: &str, _output: &str) -> Result<(), Error> {
        todo!()
    }
    /// Any other client event.
    pub fn send_openai(&mut self, _event: RawJson<'_>) -> Result<(), Error> {
        todo!()
    }
    /// Barges in now, as if the caller had spoken.
    pub fn interrupt(&mut self, _now: Duration) -> Result<(), Error> {
        todo!()
    }
    /// `Event::Mark` when the caller has heard everything queued so far.
    pub fn mark(&mut self, _name: &str) -> Result<(), Error> {
        todo!()
    }
    /// When `handle_timeout` wants to be called.
    pub fn poll_timeout(&self) -> Option<Duration> {
        todo!()
    }
    /// The next thing to do, or `None` when all is done.
    pub fn poll_output<'b>(&mut self, _buf: &'b mut [u8]) -> Result<Option<Output<'b>>, Error> {
        todo!()
    }
    /// The longest output.
    pub fn max_output_len(&self) -> usize {
        todo!()
    }
    /// Counters.
    pub fn stats(&self) -> &Stats {
        todo!()
    }
    /// Both sides are done: the call has ended and every output was polled.
    pub fn is_closed(&self) -> bool {
        todo!()
    }
}

//! Everything that can be done to a bridge, as a value.

use core::time::Duration;

use crate::{
    Bridge, Error, RawJson, SessionUpdate,
    dialect::{Carrier, Model},
};

/// One call into a [`Bridge`]: everything that changes it, polling aside.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Input<'a> {
    /// [`Bridge::handle_twilio`].
    Twilio(&'a str),
    /// [`Bridge::handle_openai`].
    OpenAi(&'a str),
    /// [`Bridge::handle_timeout`].
    Timeout,
    /// [`Bridge::handle_twilio_closed`].
    TwilioClosed,
    /// [`Bridge::handle_openai_closed`].
    OpenAiClosed,
    /// [`Bridge::update_session`].
    UpdateSession(SessionUpdate<'a>),
    /// [`Bridge::create_response`].
    CreateResponse(Option<RawJson<'a>>),
    /// [`Bridge::send_tool_output`].
    SendToolOutput {
        /// The call it answers.
        call_id: &'a str,
        /// The answer.
        output: &'a str,
    },
    /// [`Bridge::send_openai`].
    SendOpenAi(RawJson<'a>),
    /// [`Bridge::interrupt`].
    Interrupt,
    /// [`Bridge::mark`].
    Mark(&'a str),
}

impl Input<'_> {
    /// The name of the method it stands for.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Twilio(_) => "handle_twilio",
            Self::OpenAi(_) => "handle_openai",
            Self::Timeout => "handle_timeout",
            Self::TwilioClosed => "handle_twilio_closed",
            Self::OpenAiClosed => "handle_openai_closed",
            Self::UpdateSession(_) => "update_session",
            Self::CreateResponse(_) => "create_response",
            Self::SendToolOutput { .. } => "send_tool_output",
            Self::SendOpenAi(_) => "send_openai",
            Self::Interrupt => "interrupt",
            Self::Mark(_) => "mark",
        }
    }
}

impl<M: AsRef<[u8]> + AsMut<[u8]>, C: Carrier, D: Model> Bridge<M, C, D> {
    /// Calls the method that `input` stands for. Those that take no time ignore `now`.
    ///
    /// # Errors
    /// As the method.
    pub fn apply(&mut self, now: Duration, input: Input<'_>) -> Result<(), Error> {
        match input {
            Input::Twilio(text) => self.handle_twilio(now, text),
            Input::OpenAi(text) => self.handle_openai(now, text),
            Input::Timeout => {
                self.handle_timeout(now);
                Ok(())
            }
            Input::TwilioClosed => {
                self.handle_twilio_closed(now);
                Ok(())
            }
            Input::OpenAiClosed => {
                self.handle_openai_closed(now);
                Ok(())
            }
            Input::UpdateSession(session) => self.update_session(&session),
            Input::CreateResponse(response) => self.create_response(response),
            Input::SendToolOutput { call_id, output } => self.send_tool_output(call_id, output),
            Input::SendOpenAi(event) => self.send_openai(event),
            Input::Interrupt => self.interrupt(now),
            Input::Mark(name) => self.mark(name),
        }
    }
}

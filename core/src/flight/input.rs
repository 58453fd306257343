//! Everything that can be done to a bridge, as a value.

use core::time::Duration;

use super::wire::{Decoder, Encoder, Wire};
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

/// An input and its time: the tag first, as in every entry.
impl<'a> Wire<'a> for (Duration, Input<'a>) {
    fn put(&self, dst: &mut Encoder<'_>) {
        let (now, input) = self;
        let mut begin = |tag: u8| {
            tag.put(dst);
            now.put(dst);
        };
        match input {
            Input::Twilio(text) => {
                begin(1);
                text.put(dst);
            }
            Input::OpenAi(text) => {
                begin(2);
                text.put(dst);
            }
            Input::Timeout => begin(3),
            Input::TwilioClosed => begin(4),
            Input::OpenAiClosed => begin(5),
            Input::UpdateSession(session) => {
                begin(6);
                session.put(dst);
            }
            Input::CreateResponse(response) => {
                begin(7);
                response.put(dst);
            }
            Input::SendToolOutput { call_id, output } => {
                begin(8);
                call_id.put(dst);
                output.put(dst);
            }
            Input::SendOpenAi(event) => {
                begin(9);
                event.put(dst);
            }
            Input::Interrupt => begin(10),
            Input::Mark(name) => {
                begin(11);
                name.put(dst);
            }
        }
    }

    fn take(src: &mut Decoder<'a>) -> Result<Self, Error> {
        let offset = src.at();
        let tag = u8::take(src)?;
        let now = Duration::take(src)?;
        let input = match tag {
            1 => Input::Twilio(Wire::take(src)?),
            2 => Input::OpenAi(Wire::take(src)?),
            3 => Input::Timeout,
            4 => Input::TwilioClosed,
            5 => Input::OpenAiClosed,
            6 => Input::UpdateSession(Wire::take(src)?),
            7 => Input::CreateResponse(Wire::take(src)?),
            8 => Input::SendToolOutput {
                call_id: Wire::take(src)?,
                output: Wire::take(src)?,
            },
            9 => Input::SendOpenAi(Wire::take(src)?),
            10 => Input::Interrupt,
            11 => Input::Mark(Wire::take(src)?),
            _ => return Err(Error::InvalidRecording { offset }),
        };
        Ok((now, input))
    }
}

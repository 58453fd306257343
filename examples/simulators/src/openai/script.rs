//! What the simulated model says.

use std::time::Duration;

use crate::Speech;

/// One turn of the conversation: what the user is taken to have said, and the answer.
///
/// User turns and responses are counted apart: the n-th committed user turn is transcribed as the
/// n-th `user` that is present, and the n-th response of the default conversation, however it
/// came about, is the n-th `answer`. So a greeting is a turn without a user.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Transcript of the user's turn; `None` when the user says nothing.
    pub user: Option<String>,
    /// The model's response. The last one repeats.
    pub answer: Answer,
}

impl Turn {
    /// A user's turn with its answer.
    pub fn new(user: impl Into<String>, answer: Answer) -> Self {
        Self {
            user: Some(user.into()),
            answer,
        }
    }

    /// An answer to nothing, such as a greeting or what follows a tool's output.
    pub fn unasked(answer: Answer) -> Self {
        Self { user: None, answer }
    }
}

/// One response.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Items in order.
    pub outputs: Vec<Output>,
    /// How it ends when nothing cuts it short.
    pub outcome: Outcome,
    /// Time from `response.created` to the first item; `None` =
    /// [`Options::latency`](super::Options::latency).
    pub latency: Option<Duration>,
    /// Times real time at which audio is sent; `None` = [`Options::speed`](super::Options::speed).
    pub speed: Option<f64>,
}

impl Answer {
    /// Says something.
    pub fn speech(speech: Speech, transcript: impl Into<String>) -> Self {
        Self::default().then_speech(speech, transcript)
    }

    /// Calls a function; `arguments` is JSON text.
    pub fn tool(name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self::default().then_tool(name, arguments)
    }

    /// Fails before it says anything.
    pub fn failed(code: impl Into<String>, message: impl Into<String>) -> Self {
        let outcome = Outcome::Failed {
            code: code.into(),
            message: message.into(),
        };
        Self {
            outcome,
            ..Self::default()
        }
    }

    /// Then says something in an item of its own.
    pub fn then_speech(mut self, speech: Speech, transcript: impl Into<String>) -> Self {
        self.outputs.push(Output::Speech {
            speech,
            transcript: transcript.into(),
        });
        self
    }

    /// Then calls a function in the same response.
    pub fn then_tool(mut self, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        self.outputs.push(Output::Tool {
            name: name.into(),
            arguments: arguments.into(),
        });
        self
    }
}

/// One item of a response.
#[derive(Clone, Debug)]
pub enum Output {
    /// A message: audio with its transcript, or the transcript alone when text was asked for.
    Speech {
        /// What is heard.
        speech: Speech,
        /// What it says.
        transcript: String,
    },
    /// A function call.
    Tool {
        /// The function.
        name: String,
        /// JSON text.
        arguments: String,
    },
}

/// How a response ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// `completed`
    #[default]
    Completed,
    /// `incomplete`, with the reason `max_output_tokens` or `content_filter`.
    Incomplete(String),
    /// `failed`, with this error in `status_details`.
    Failed {
        /// Such as `server_error` or `rate_limit_exceeded`.
        code: String,
        /// For people.
        message: String,
    },
}

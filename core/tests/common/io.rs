//! What went into a Bridge and what came out, owned, so that a call can be looked at and replayed.

use core::time::Duration;

use serde_json::Value;
use trunkline::{
    Bridge, Error, RawJson, SessionUpdate,
    bridge::{Event, Output, Source},
    dialect::{ResponseStatus, Speaker, Usage},
    openai::TurnDetection,
};

/// One call into the Bridge.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    Twilio(String),
    OpenAi(String),
    Timeout,
    TwilioClosed,
    OpenAiClosed,
    /// `update_session` with server voice detection: creates and interrupts responses by itself.
    Update {
        creates: bool,
        interrupts: bool,
    },
    CreateResponse(Option<String>),
    ToolOutput(String, String),
    Send(String),
    Interrupt,
    Mark(String),
}

impl Input {
    pub(crate) fn apply(&self, bridge: &mut Bridge, now: Duration) -> Result<(), Error> {
        match self {
            Self::Twilio(text) => bridge.handle_twilio(now, text),
            Self::OpenAi(text) => bridge.handle_openai(now, text),
            Self::Timeout => {
                bridge.handle_timeout(now);
                Ok(())
            }
            Self::TwilioClosed => {
                bridge.handle_twilio_closed(now);
                Ok(())
            }
            Self::OpenAiClosed => {
                bridge.handle_openai_closed(now);
                Ok(())
            }
            Self::Update {
                creates,
                interrupts,
            } => bridge.update_session(&session(*creates, *interrupts)),
            Self::CreateResponse(response) => {
                let response = response.as_deref().map(RawJson::new).transpose()?;
                bridge.create_response(response)
            }
            Self::ToolOutput(call_id, output) => bridge.send_tool_output(call_id, output),
            Self::Send(event) => bridge.send_openai(RawJson::new(event)?),
            Self::Interrupt => bridge.interrupt(now),
            Self::Mark(name) => bridge.mark(name),
        }
    }

    /// The `type` of a message from the model.
    pub(crate) fn model_event(&self) -> Option<Value> {
        match self {
            Self::OpenAi(text) => serde_json::from_str(text).ok(),
            _ => None,
        }
    }
}

/// The session that all calls have.
pub(crate) fn session(create_response: bool, interrupt_response: bool) -> SessionUpdate<'static> {
    let mut session = SessionUpdate::default();
    session.instructions = Some("Be brief.");
    session.turn_detection = TurnDetection::ServerVad {
        threshold: 0.5,
        prefix_padding_ms: 300,
        silence_duration_ms: 500,
        idle_timeout_ms: None,
        create_response,
        interrupt_response,
    };
    session
}

/// One output of the Bridge.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Out {
    ToTwilio(String),
    ToOpenAi(String),
    Event(Ev),
}

/// An [`Event`] that owns its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ev {
    CallStarted {
        stream_sid: String,
        call_sid: String,
        custom_parameters: String,
    },
    CallEnded,
    SessionReady,
    FormatMismatch,
    SpeechStarted {
        position: Duration,
    },
    SpeechStopped {
        position: Duration,
    },
    PlaybackHeld,
    PlaybackResumed {
        held: Duration,
    },
    BargeIn {
        item_id: String,
        audio_end: Duration,
        audio_received: Duration,
    },
    ItemHeard {
        item_id: String,
        audio_end: Duration,
    },
    AudioDropped {
        item_id: String,
        duration: Duration,
    },
    Transcript {
        speaker: Speaker,
        item_id: String,
        text: String,
        is_final: bool,
    },
    ToolCall {
        call_id: String,
        name: String,
        arguments: String,
    },
    Dtmf(char),
    Mark {
        name: String,
        heard: bool,
    },
    ResponseDone {
        id: String,
        status: ResponseStatus,
        reason: String,
        message: String,
        usage: Option<Usage>,
    },
    ModelError {
        code: String,
        message: String,
        is_fatal: bool,
    },
    Other {
        source: Source,
        kind: String,
    },
    Unknown(String),
}

impl Out {
    pub(crate) fn own(output: &Output<'_>) -> Self {
        match output {
            Output::ToTwilio(text) => Self::ToTwilio((*text).into()),
            Output::ToOpenAi(text) => Self::ToOpenAi((*text).into()),
            Output::Event(event) => Self::Event(Ev::own(event)),
        }
    }

    /// The client event, if it is one.
    pub(crate) fn client_event(&self) -> Option<Value> {
        match self {
            Self::ToOpenAi(text) => serde_json::from_str(text).ok(),
            _ => None,
        }
    }

    pub(crate) fn event(&self) -> Option<&Ev> {
        match self {
            Self::Event(event) => Some(event),
            _ => None,
        }
    }
}

impl Ev {
    pub(crate) fn own(event: &Event<'_>) -> Self {
        match *event {
            Event::CallStarted {
                stream_sid,
                call_sid,
                custom_parameters,
            } => Self::CallStarted {
                stream_sid: stream_sid.into(),
                call_sid: call_sid.into(),
                custom_parameters: custom_parameters.into(),
            },
            Event::CallEnded => Self::CallEnded,
            Event::SessionReady => Self::SessionReady,
            Event::FormatMismatch { .. } => Self::FormatMismatch,
            Event::SpeechStarted { position } => Self::SpeechStarted { position },
            Event::SpeechStopped { position } => Self::SpeechStopped { position },
            Event::PlaybackHeld => Self::PlaybackHeld,
            Event::PlaybackResumed { held } => Self::PlaybackResumed { held },
            Event::BargeIn {
                item_id,
                audio_end,
                audio_received,
            } => Self::BargeIn {
                item_id: item_id.into(),
                audio_end,
                audio_received,
            },
            Event::ItemHeard { item_id, audio_end } => Self::ItemHeard {
                item_id: item_id.into(),
                audio_end,
            },
            Event::AudioDropped { item_id, duration } => Self::AudioDropped {
                item_id: item_id.into(),
                duration,
            },
            Event::Transcript {
                speaker,
                item_id,
                text,
                is_final,
            } => Self::Transcript {
                speaker,
                item_id: item_id.into(),
                text: text.into(),
                is_final,
            },
            Event::ToolCall {
                call_id,
                name,
                arguments,
            } => Self::ToolCall {
                call_id: call_id.into(),
                name: name.into(),
                arguments: arguments.into(),
            },
            Event::Dtmf { digit } => Self::Dtmf(digit),
            Event::Mark { name, heard } => Self::Mark {
                name: name.into(),
                heard,
            },
            Event::ResponseDone {
                response_id,
                status,
                reason,
                message,
                usage,
            } => Self::ResponseDone {
                id: response_id.into(),
                status,
                reason: reason.into(),
                message: message.into(),
                usage,
            },
            Event::ModelError {
                code,
                message,
                is_fatal,
            } => Self::ModelError {
                code: code.into(),
                message: message.into(),
                is_fatal,
            },
            Event::Other { source, kind } => Self::Other {
                source,
                kind: kind.into(),
            },
            ref other => Self::Unknown(format!("{other:?}")),
        }
    }
}

/// One input with everything that came of it.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// Microseconds of the virtual clock.
    pub(crate) at: u64,
    pub(crate) input: Input,
    pub(crate) result: Result<(), Error>,
    pub(crate) outputs: Vec<Out>,
}

/// Polls `bridge` until it has nothing more to say.
pub(crate) fn drain(bridge: &mut Bridge, buf: &mut [u8]) -> Vec<Out> {
    let mut outputs = Vec::new();
    loop {
        match bridge.poll_output(buf) {
            Ok(Some(output)) => outputs.push(Out::own(&output)),
            Ok(None) => return outputs,
            Err(error) => panic!("`max_output_len` bytes must do, yet: {error}"),
        }
        assert!(outputs.len() < 10_000, "one input, no end of outputs");
    }
}

/// Feeds the inputs of `log` to `bridge` and returns what came of each.
pub(crate) fn replay(bridge: &mut Bridge, log: &[Exchange]) -> Vec<Vec<Out>> {
    let mut buf = vec![0; bridge.max_output_len()];
    log.iter()
        .map(|exchange| {
            let now = Duration::from_micros(exchange.at);
            let result = exchange.input.apply(bridge, now);
            assert_eq!(result, exchange.result, "{:?}", exchange.input);
            drain(bridge, &mut buf)
        })
        .collect()
}

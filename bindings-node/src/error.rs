//! The one table from the core's errors to JavaScript's: `Error` with a `code`, and the numbers and
//! names in it as properties.

use napi::bindgen_prelude::*;
use trunkline::Error as Core;

use crate::buffer::new_error;

/// Throws what stands for an [`Error`](Core).
pub(crate) trait OrThrow<T> {
    fn or_throw(self, env: Env) -> Result<T>;
}

impl<T> OrThrow<T> for std::result::Result<T, Core> {
    #[inline]
    fn or_throw(self, env: Env) -> Result<T> {
        self.map_err(|error| throw(env, error))
    }
}

/// A buffer or text that is not of the kind that the call works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No array of this kind.
    Unsupported {
        expected: &'static str,
        actual: &'static str,
    },
    /// Its memory was transferred to somewhere else.
    Detached,
    /// It shares memory with the one that is read.
    Overlapping,
    /// Another type of value.
    Type { expected: &'static str },
}

#[cold]
pub(crate) fn throw(env: Env, error: Core) -> Error {
    let text = error.to_string();
    let thrown = match error {
        Core::LengthMismatch { expected, actual } => Thrown::new(env, "ERR_LENGTH_MISMATCH", &text)
            .and_then(|error| error.number("expected", expected)?.number("actual", actual)),
        Core::BufferTooShort { needed, actual } => Thrown::new(env, "ERR_BUFFER_TOO_SHORT", &text)
            .and_then(|error| error.number("needed", needed)?.number("actual", actual)),
        Core::MessageTooLong { limit, actual } => Thrown::new(env, "ERR_MESSAGE_TOO_LONG", &text)
            .and_then(|error| error.number("limit", limit)?.number("actual", actual)),
        Core::InvalidJson { offset } => Thrown::new(env, "ERR_INVALID_JSON", &text)
            .and_then(|error| error.number("offset", offset)),
        Core::InvalidBase64 { offset } => Thrown::new(env, "ERR_INVALID_BASE64", &text)
            .and_then(|error| error.number("offset", offset)),
        Core::MissingField { name } => {
            Thrown::new(env, "ERR_MISSING_FIELD", &text).and_then(|error| error.text("field", name))
        }
        Core::InvalidField { name } => {
            Thrown::new(env, "ERR_INVALID_FIELD", &text).and_then(|error| error.text("field", name))
        }
        Core::UnsupportedRate { from_hz, to_hz } => Thrown::new(env, "ERR_UNSUPPORTED_RATE", &text)
            .and_then(|error| {
                let from_hz = from_hz as usize;
                error
                    .number("fromHz", from_hz)?
                    .number("toHz", to_hz as usize)
            }),
        Core::QueueFull { needed, free } => Thrown::new(env, "ERR_QUEUE_FULL", &text)
            .and_then(|error| error.number("needed", needed)?.number("free", free)),
        Core::OutputPending => Thrown::new(env, "ERR_OUTPUT_PENDING", &text),
        Core::Closed => Thrown::new(env, "ERR_CLOSED", &text),
        _ => Thrown::new(env, "ERR_TRUNKLINE", &text),
    };
    finish(thrown)
}

#[cold]
pub(crate) fn refuse(env: Env, refused: Refused) -> Error {
    let thrown = match refused {
        Refused::Unsupported { expected, actual } => {
            let text = format!("expected {expected}, got {actual}");
            Thrown::new(env, "ERR_UNSUPPORTED_BUFFER", &text)
                .and_then(|error| error.text("expected", expected)?.text("actual", actual))
        }
        Refused::Detached => {
            let text = "the buffer is detached: its memory was transferred";
            Thrown::new(env, "ERR_DETACHED_BUFFER", text)
        }
        Refused::Overlapping => {
            let text = "source and destination overlap: expected arrays that share no memory";
            Thrown::new(env, "ERR_OVERLAPPING_BUFFERS", text)
        }
        Refused::Type { expected } => {
            let text = format!("expected {expected}");
            Thrown::new(env, "ERR_INVALID_ARG_TYPE", &text)
                .and_then(|error| error.text("expected", expected))
        }
    };
    finish(thrown)
}

/// An error object on its way to be thrown.
struct Thrown {
    env: Env,
    object: Object<'static>,
}

impl Thrown {
    fn new(env: Env, code: &str, text: &str) -> Result<Self> {
        let mut object = new_error(env, text)?;
        object.set_named_property("code", code)?;
        Ok(Self { env, object })
    }

    fn number(mut self, name: &str, value: usize) -> Result<Self> {
        self.object.set_named_property(name, value as f64)?;
        Ok(self)
    }

    fn text(mut self, name: &str, value: &str) -> Result<Self> {
        self.object.set_named_property(name, value)?;
        Ok(self)
    }
}

/// Throws it, and gives what tells `#[napi]` that it is thrown.
fn finish(thrown: Result<Thrown>) -> Error {
    match thrown.and_then(|thrown| thrown.env.throw(thrown.object)) {
        Ok(()) => Error::new(Status::PendingException, String::new()),
        Err(failed) => failed,
    }
}

//! OpenAI Realtime events (GA); the names of the beta are understood on input.
//!
//! Source: the GA types of the `openai` Python package 3.52 (`types/realtime`) and the Realtime
//! API reference.

mod read;
mod session;
mod write;

use crate::{
    Error,
    dialect::{Model, ModelCommand, ModelEvent, Shape},
};

pub use session::{Eagerness, NoiseReduction, SessionUpdate, TurnDetection};

/// OpenAI Realtime over WebSocket.
///
/// Reading borrows everything from the event. Writing makes events that the server has no reason
/// to refuse for their form: members and values it knows, ids and texts within its limits. An
/// `event_id` that is empty is left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiRealtime;

impl Model for OpenAiRealtime {
    fn read<'a>(&self, text: &'a str) -> Result<ModelEvent<'a>, Error> {
        read::read(text)
    }

    fn read_next<'a>(&self, shape: &mut Shape, text: &'a str) -> Result<ModelEvent<'a>, Error> {
        read::read_next(shape, text)
    }

    fn write(&self, command: ModelCommand<'_>, dst: &mut [u8]) -> Result<usize, Error> {
        write::write(command, dst)
    }

    fn max_append_len(&self, audio_bytes: usize) -> usize {
        write::append_len(audio_bytes)
    }
}

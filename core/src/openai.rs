//! OpenAI Realtime events.

use crate::{
    Error, RawJson,
    dialect::{Model, ModelCommand, ModelEvent},
};

/// OpenAI Realtime over WebSocket, GA; beta names are understood on input.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiRealtime;

impl Model for OpenAiRealtime {
    fn read<'a>(&self, _text: &'a str) -> Result<ModelEvent<'a>, Error> {
        todo!()
    }
    fn write(&self, _command: ModelCommand<'_>, _dst: &mut [u8]) -> Result<usize, Error> {
        todo!()
    }
    fn max_append_len(&self, audio_bytes: usize) -> usize {
        audio_bytes * 2 + 256
    }
}

/// What a session is told at its start, audio formats aside.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SessionUpdate<'a> {
    /// System prompt.
    pub instructions: Option<&'a str>,
    /// Voice name.
    pub voice: Option<&'a str>,
    /// Model that transcribes the caller, or no transcription.
    pub transcription_model: Option<&'a str>,
    /// How turns are found.
    pub turn_detection: TurnDetection,
    /// `tools`: a JSON array.
    pub tools: Option<RawJson<'a>>,
    /// Further members of the `session` object: a JSON object.
    pub extra: Option<RawJson<'a>>,
}

/// How the model finds the caller's turns.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum TurnDetection {
    /// By energy.
    ServerVad {
        /// 0 to 1.
        threshold: f32,
        /// Audio before the detected start that belongs to the turn.
        prefix_padding_ms: u32,
        /// Silence that ends a turn.
        silence_duration_ms: u32,
        /// Answer by itself.
        create_response: bool,
        /// Stop answering by itself when the caller speaks.
        interrupt_response: bool,
    },
    /// By meaning.
    SemanticVad {
        /// Answer by itself.
        create_response: bool,
        /// Stop answering by itself when the caller speaks.
        interrupt_response: bool,
    },
    /// The application commits turns.
    Off,
}

impl Default for TurnDetection {
    fn default() -> Self {
        Self::ServerVad {
            threshold: 0.5,
            prefix_padding_ms: 300,
            silence_duration_ms: 500,
            create_response: true,
            interrupt_response: true,
        }
    }
}

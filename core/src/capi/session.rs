//! What a model's session is told at its start.

use super::{
    error::*,
    ffi::{Call, Record, boundary, flag},
    trunkline_text,
};
use crate::{
    RawJson, SessionUpdate,
    openai::{Eagerness, NoiseReduction, TurnDetection},
};

/// Noise reduction as the server has it.
pub const TRUNKLINE_NOISE_REDUCTION_DEFAULT: i32 = 0;
/// Noise reduction for a microphone near the mouth: handsets, headsets.
pub const TRUNKLINE_NOISE_REDUCTION_NEAR_FIELD: i32 = 1;
/// Noise reduction for a microphone across the room: speakerphones.
pub const TRUNKLINE_NOISE_REDUCTION_FAR_FIELD: i32 = 2;

/// The caller's turns are found by energy.
pub const TRUNKLINE_TURN_DETECTION_SERVER_VAD: i32 = 0;
/// The caller's turns are found by meaning.
pub const TRUNKLINE_TURN_DETECTION_SEMANTIC_VAD: i32 = 1;
/// The application commits turns.
pub const TRUNKLINE_TURN_DETECTION_OFF: i32 = 2;

/// A pause ends the turn as soon as the server likes.
pub const TRUNKLINE_EAGERNESS_AUTO: i32 = 0;
/// A pause ends the turn after up to 8 s.
pub const TRUNKLINE_EAGERNESS_LOW: i32 = 1;
/// A pause ends the turn after up to 4 s.
pub const TRUNKLINE_EAGERNESS_MEDIUM: i32 = 2;
/// A pause ends the turn after up to 2 s.
pub const TRUNKLINE_EAGERNESS_HIGH: i32 = 3;

/// What a session is told at its start, audio formats aside. `trunkline_session_default` fills it in;
/// the texts are read only while a function is called that takes it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_session {
    /// Bytes of this struct; set by `trunkline_session_default`.
    pub struct_size: usize,
    /// System prompt; no text leaves the server's, a text of length 0 is none.
    pub instructions: trunkline_text,
    /// Voice name, or no text.
    pub voice: trunkline_text,
    /// Model that transcribes the caller, or no text for no transcription.
    pub transcription_model: trunkline_text,
    /// The caller's language for transcription, as an ISO 639-1 code, or no text.
    pub transcription_language: trunkline_text,
    /// Words to expect or a style to keep to, for the transcription model, or no text.
    pub transcription_prompt: trunkline_text,
    /// Tools: a JSON array, or no text.
    pub tools: trunkline_text,
    /// `tool_choice`: a JSON string or object, or no text.
    pub tool_choice: trunkline_text,
    /// Further members of the `session` object: a JSON object, or no text.
    pub extra: trunkline_text,
    /// Speaking rate, 0.25 to 1.5, or 0 to leave it.
    pub speed: f32,
    /// `TRUNKLINE_NOISE_REDUCTION_...`.
    pub noise_reduction: i32,
    /// `TRUNKLINE_TURN_DETECTION_...`.
    pub turn_detection: i32,
    /// SERVER_VAD: 0 to 1. Default: 0.5.
    pub vad_threshold: f32,
    /// SERVER_VAD: audio before the detected start that belongs to the turn. Default: 300.
    pub prefix_padding_ms: u32,
    /// SERVER_VAD: silence that ends a turn. Default: 500.
    pub silence_duration_ms: u32,
    /// SERVER_VAD: silence after an answer that makes the model speak again, 5000 to 30000, or 0 for
    /// never. Default: 0.
    pub idle_timeout_ms: u32,
    /// SEMANTIC_VAD: `TRUNKLINE_EAGERNESS_...`.
    pub eagerness: i32,
    /// Either VAD: 1 if the model answers by itself. Default: 1.
    pub create_response: i32,
    /// Either VAD: 1 if the model stops answering by itself when the caller speaks. Default: 1.
    pub interrupt_response: i32,
}

// SAFETY: `repr(C)`, of numbers and pointers only, and the size comes first.
unsafe impl Record for trunkline_session {
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl trunkline_session {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        instructions: trunkline_text::NONE,
        voice: trunkline_text::NONE,
        transcription_model: trunkline_text::NONE,
        transcription_language: trunkline_text::NONE,
        transcription_prompt: trunkline_text::NONE,
        tools: trunkline_text::NONE,
        tool_choice: trunkline_text::NONE,
        extra: trunkline_text::NONE,
        speed: 0.0,
        noise_reduction: TRUNKLINE_NOISE_REDUCTION_DEFAULT,
        turn_detection: TRUNKLINE_TURN_DETECTION_SERVER_VAD,
        vad_threshold: 0.5,
        prefix_padding_ms: 300,
        silence_duration_ms: 500,
        idle_timeout_ms: 0,
        eagerness: TRUNKLINE_EAGERNESS_AUTO,
        create_response: 1,
        interrupt_response: 1,
    };

    /// # Safety
    /// As [`Call::options`], and for its texts as [`Call::text`].
    pub(super) unsafe fn read<'a>(
        call: &mut Call,
        session: *const Self,
    ) -> Result<SessionUpdate<'a>, Code> {
        // SAFETY: the caller's contract is the same.
        let from = unsafe { call.options(session, Self::DEFAULT) }?;
        // SAFETY: the caller's contract is the same.
        let mut text = |text| unsafe { call.optional_text(text) };
        let instructions = text(from.instructions)?;
        let voice = text(from.voice)?;
        let transcription_model = text(from.transcription_model)?;
        let transcription_language = text(from.transcription_language)?;
        let transcription_prompt = text(from.transcription_prompt)?;
        let tools = text(from.tools)?;
        let tool_choice = text(from.tool_choice)?;
        let extra = text(from.extra)?;
        let json = |text: Option<&'a str>| text.map(RawJson::new).transpose();
        Ok(SessionUpdate {
            instructions,
            voice,
            speed: (from.speed != 0.0).then_some(from.speed),
            transcription_model,
            transcription_language,
            transcription_prompt,
            noise_reduction: match from.noise_reduction {
                TRUNKLINE_NOISE_REDUCTION_DEFAULT => None,
                TRUNKLINE_NOISE_REDUCTION_NEAR_FIELD => Some(NoiseReduction::NearField),
                TRUNKLINE_NOISE_REDUCTION_FAR_FIELD => Some(NoiseReduction::FarField),
                _ => return Err(Code(TRUNKLINE_ERR_ARGUMENT)),
            },
            turn_detection: from.turns()?,
            tools: json(tools)?,
            tool_choice: json(tool_choice)?,
            extra: json(extra)?,
        })
    }

    fn turns(&self) -> Result<TurnDetection, Code> {
        let create_response = flag(self.create_response)?;
        let interrupt_response = flag(self.interrupt_response)?;
        let eagerness = match self.eagerness {
            TRUNKLINE_EAGERNESS_AUTO => Eagerness::Auto,
            TRUNKLINE_EAGERNESS_LOW => Eagerness::Low,
            TRUNKLINE_EAGERNESS_MEDIUM => Eagerness::Medium,
            TRUNKLINE_EAGERNESS_HIGH => Eagerness::High,
            _ => return Err(Code(TRUNKLINE_ERR_ARGUMENT)),
        };
        Ok(match self.turn_detection {
            TRUNKLINE_TURN_DETECTION_SERVER_VAD => TurnDetection::ServerVad {
                threshold: self.vad_threshold,
                prefix_padding_ms: self.prefix_padding_ms,
                silence_duration_ms: self.silence_duration_ms,
                idle_timeout_ms: (self.idle_timeout_ms != 0).then_some(self.idle_timeout_ms),
                create_response,
                interrupt_response,
            },
            TRUNKLINE_TURN_DETECTION_SEMANTIC_VAD => TurnDetection::SemanticVad {
                eagerness,
                create_response,
                interrupt_response,
            },
            TRUNKLINE_TURN_DETECTION_OFF => TurnDetection::Off,
            _ => return Err(Code(TRUNKLINE_ERR_ARGUMENT)),
        })
    }
}

/// Fills in the default session, of which the caller knows `session_size` bytes (`sizeof *session`):
/// server VAD, everything else as the server has it, no transcription.
///
/// Errors: none of its own. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_session_default(
    session: *mut trunkline_session,
    session_size: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let out = unsafe { call.record(session, session_size) }?;
        out.set(trunkline_session::DEFAULT);
        Ok(())
    })
}

use crate::{Error, RawJson, dialect::AudioFormat, json::Writer};

use super::read::DEFAULT_PCM_RATE;

/// What a session is told at its start, audio formats aside.
///
/// What is `None` is left as the server has it, except transcription and turn detection, which are
/// always set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SessionUpdate<'a> {
    /// System prompt; empty to have none.
    pub instructions: Option<&'a str>,
    /// Voice name.
    pub voice: Option<&'a str>,
    /// Speaking rate, 0.25 to 1.5.
    pub speed: Option<f32>,
    /// Model that transcribes the caller, or no transcription.
    pub transcription_model: Option<&'a str>,
    /// The caller's language for transcription, as an ISO 639-1 code.
    pub transcription_language: Option<&'a str>,
    /// Words to expect or a style to keep to, for the transcription model.
    pub transcription_prompt: Option<&'a str>,
    /// Noise reduction on the caller's audio.
    pub noise_reduction: Option<NoiseReduction>,
    /// How turns are found.
    pub turn_detection: TurnDetection,
    /// `tools`: a JSON array.
    pub tools: Option<RawJson<'a>>,
    /// `tool_choice`: a JSON string (`auto`, `none`, `required`) or object.
    pub tool_choice: Option<RawJson<'a>>,
    /// Further members of the `session` object: a JSON object. None of those set by the other
    /// fields, `type`, `output_modalities`, `audio`, nor one of the beta that GA refuses.
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
        /// Silence after an answer that makes the model speak again, 5,000 to 30,000; or never.
        idle_timeout_ms: Option<u32>,
        /// Answer by itself.
        create_response: bool,
        /// Stop answering by itself when the caller speaks.
        interrupt_response: bool,
    },
    /// By meaning.
    SemanticVad {
        /// How soon a pause is taken for the end of the turn.
        eagerness: Eagerness,
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
            idle_timeout_ms: None,
            create_response: true,
            interrupt_response: true,
        }
    }
}

/// How soon semantic turn detection takes a pause for the end of the turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eagerness {
    /// Waits up to 8 s.
    Low,
    /// Waits up to 4 s.
    Medium,
    /// Waits up to 2 s.
    High,
    /// As the server likes, now `Medium`.
    #[default]
    Auto,
}

/// Noise reduction on the caller's audio, before turn detection and the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoiseReduction {
    /// For a microphone near the mouth: handsets, headsets.
    NearField,
    /// For a microphone across the room: speakerphones.
    FarField,
}

impl SessionUpdate<'_> {
    /// Whether the server would take this with `audio` both ways.
    pub(super) fn check(&self, audio: AudioFormat) -> Result<(), Error> {
        let require = |name, holds| match holds {
            true => Ok(()),
            false => Err(Error::InvalidField { name }),
        };
        require(
            "session.audio.format",
            match audio {
                AudioFormat::Pcm16 { rate_hz } => rate_hz == DEFAULT_PCM_RATE,
                AudioFormat::Mulaw | AudioFormat::Alaw => true,
                AudioFormat::Unknown => false,
            },
        )?;
        require("session.audio.output.voice", self.voice != Some(""))?;
        require(
            "session.audio.output.speed",
            self.speed.is_none_or(|speed| (0.25..=1.5).contains(&speed)),
        )?;
        require(
            "session.audio.input.transcription.model",
            self.transcription_model != Some(""),
        )?;
        require(
            "session.audio.input.transcription.language",
            self.transcription_language.is_none()
                || self.transcription_model.is_some() && self.transcription_language != Some(""),
        )?;
        require(
            "session.audio.input.transcription.prompt",
            self.transcription_prompt.is_none() || self.transcription_model.is_some(),
        )?;
        if let TurnDetection::ServerVad {
            threshold,
            idle_timeout_ms,
            ..
        } = self.turn_detection
        {
            require(
                "session.audio.input.turn_detection.idle_timeout_ms",
                idle_timeout_ms.is_none_or(|ms| (5_000..=30_000).contains(&ms)),
            )?;
            require(
                "session.audio.input.turn_detection.threshold",
                (0.0..=1.0).contains(&threshold),
            )?;
        }
        require(
            "session.tools",
            self.tools.is_none_or(|tools| tools.is_array()),
        )?;
        require(
            "session.tool_choice",
            self.tool_choice
                .is_none_or(|choice| choice.is_object() || choice.as_string().is_some()),
        )?;
        match self.extra {
            None => Ok(()),
            Some(extra) => require("session.extra", self.takes(extra)),
        }
    }

    /// Whether `extra` is an object of members that are neither written by us nor twice in it nor
    /// known to be refused.
    fn takes(&self, extra: RawJson<'_>) -> bool {
        extra.is_object()
            && extra.members().enumerate().all(|(index, (name, _))| {
                let ours = self.instructions.is_some() && name == "instructions"
                    || self.tools.is_some() && name == "tools"
                    || self.tool_choice.is_some() && name == "tool_choice";
                let twice = extra.members().take(index).any(|(other, _)| other == name);
                !ours && !twice && REFUSED.iter().all(|refused| name != *refused)
            })
    }

    /// Writes the `session` object; [`check`](Self::check) has passed.
    pub(super) fn write(&self, audio: AudioFormat, writer: &mut Writer<'_>) {
        writer.raw(r#"{"type":"realtime","output_modalities":["audio"]"#);
        if let Some(instructions) = self.instructions {
            writer.string_member("instructions", instructions);
        }
        writer.raw(r#","audio":{"input":{"format":"#);
        write_format(audio, writer);
        if let Some(noise_reduction) = self.noise_reduction {
            writer.raw(match noise_reduction {
                NoiseReduction::NearField => r#","noise_reduction":{"type":"near_field"}"#,
                NoiseReduction::FarField => r#","noise_reduction":{"type":"far_field"}"#,
            });
        }
        writer.name("transcription");
        if let Some(model) = self.transcription_model {
            writer.raw("{\"model\":");
            writer.string(model);
            if let Some(language) = self.transcription_language {
                writer.string_member("language", language);
            }
            if let Some(prompt) = self.transcription_prompt {
                writer.string_member("prompt", prompt);
            }
            writer.raw("}");
        } else {
            writer.raw("null");
        }
        writer.name("turn_detection");
        self.turn_detection.write(writer);
        writer.raw(r#"},"output":{"format":"#);
        write_format(audio, writer);
        if let Some(voice) = self.voice {
            writer.string_member("voice", voice);
        }
        if let Some(speed) = self.speed {
            writer.name("speed");
            writer.display(speed);
        }
        writer.raw("}}");
        for (name, value) in [("tools", self.tools), ("tool_choice", self.tool_choice)] {
            if let Some(value) = value {
                writer.name(name);
                writer.raw(value.as_str());
            }
        }
        for (name, value) in self.extra.iter().flat_map(RawJson::members) {
            writer.name(name.raw());
            writer.raw(value.as_str());
        }
        writer.raw("}");
    }
}

impl TurnDetection {
    /// The same turns, with answers and interruptions left to the client; and whether it answered.
    pub(crate) fn without_responses(self) -> (Self, bool) {
        let mut turns = self;
        match &mut turns {
            Self::Off => (turns, false),
            Self::ServerVad {
                create_response,
                interrupt_response,
                ..
            }
            | Self::SemanticVad {
                create_response,
                interrupt_response,
                ..
            } => {
                *interrupt_response = false;
                let answered = core::mem::take(create_response);
                (turns, answered)
            }
        }
    }

    fn write(self, writer: &mut Writer<'_>) {
        let (create_response, interrupt_response) = match self {
            Self::Off => return writer.raw("null"),
            Self::ServerVad {
                threshold,
                prefix_padding_ms,
                silence_duration_ms,
                idle_timeout_ms,
                create_response,
                interrupt_response,
            } => {
                writer.raw(r#"{"type":"server_vad","threshold":"#);
                writer.display(threshold);
                writer.name("prefix_padding_ms");
                writer.display(prefix_padding_ms);
                writer.name("silence_duration_ms");
                writer.display(silence_duration_ms);
                if let Some(ms) = idle_timeout_ms {
                    writer.name("idle_timeout_ms");
                    writer.display(ms);
                }
                (create_response, interrupt_response)
            }
            Self::SemanticVad {
                eagerness,
                create_response,
                interrupt_response,
            } => {
                writer.raw(match eagerness {
                    Eagerness::Low => r#"{"type":"semantic_vad","eagerness":"low""#,
                    Eagerness::Medium => r#"{"type":"semantic_vad","eagerness":"medium""#,
                    Eagerness::High => r#"{"type":"semantic_vad","eagerness":"high""#,
                    Eagerness::Auto => r#"{"type":"semantic_vad","eagerness":"auto""#,
                });
                (create_response, interrupt_response)
            }
        };
        writer.name("create_response");
        writer.display(create_response);
        writer.name("interrupt_response");
        writer.display(interrupt_response);
        writer.raw("}");
    }
}

/// Writes a format as GA wants it: with a rate for PCM, without for G.711, which would be refused.
fn write_format(audio: AudioFormat, writer: &mut Writer<'_>) {
    match audio {
        AudioFormat::Mulaw => writer.raw(r#"{"type":"audio/pcmu"}"#),
        AudioFormat::Alaw => writer.raw(r#"{"type":"audio/pcma"}"#),
        AudioFormat::Pcm16 { .. } | AudioFormat::Unknown => {
            writer.raw(r#"{"type":"audio/pcm","rate":"#);
            writer.display(DEFAULT_PCM_RATE);
            writer.raw("}");
        }
    }
}

/// Members that are always written, and those of the beta's flat session that GA refuses.
const REFUSED: [&str; 13] = [
    "type",
    "output_modalities",
    "audio",
    "modalities",
    "voice",
    "speed",
    "input_audio_format",
    "output_audio_format",
    "input_audio_transcription",
    "input_audio_noise_reduction",
    "turn_detection",
    "temperature",
    "max_response_output_tokens",
];

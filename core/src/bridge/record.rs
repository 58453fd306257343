//! Outputs as records: how they wait in the slab, and how they leave it.

use core::time::Duration;

use super::{
    output::{Event, Output, Source},
    storage::{NUMBERS, Record, Stored, Text},
};
use crate::dialect::{AudioFormat, ResponseStatus, Speaker, Usage};

impl<'a> Record<'a> {
    pub(super) fn new<const N: usize>(tag: u8, numbers: [u64; N], texts: &[Text<'a>]) -> Self {
        let mut record = Self {
            tag,
            numbers: [0; NUMBERS],
            texts: [Text::EMPTY; 3],
        };
        record.numbers[..N].copy_from_slice(&numbers);
        record.texts[..texts.len()].copy_from_slice(texts);
        record
    }

    pub(super) fn transcript(
        speaker: Speaker,
        item_id: Text<'a>,
        text: Text<'a>,
        is_final: bool,
    ) -> Self {
        let is_caller = speaker == Speaker::Caller;
        Self::new(
            TRANSCRIPT,
            [is_caller.into(), is_final.into()],
            &[item_id, text],
        )
    }

    pub(super) fn playback_resumed(held: Duration) -> Self {
        let held = u64::try_from(held.as_nanos()).unwrap_or(u64::MAX);
        Self::new(PLAYBACK_RESUMED, [held], &[])
    }

    pub(super) fn format_mismatch(
        expected: AudioFormat,
        input: Option<AudioFormat>,
        output: Option<AudioFormat>,
    ) -> Self {
        Self::new(
            FORMAT_MISMATCH,
            [Some(expected), input, output].map(format_to_number),
            &[],
        )
    }

    pub(super) fn response_done(
        response_id: Text<'a>,
        status: ResponseStatus,
        reason: Text<'a>,
        message: Text<'a>,
        usage: Option<Usage>,
    ) -> Self {
        let u = usage.unwrap_or_default();
        let status = match status {
            ResponseStatus::Completed => 0,
            ResponseStatus::Cancelled => 1,
            ResponseStatus::Incomplete => 2,
            ResponseStatus::Failed => 3,
            ResponseStatus::Unknown => 4,
        };
        let numbers = [
            status << 1 | u64::from(usage.is_some()),
            u.total_tokens,
            u.input_tokens,
            u.output_tokens,
            u.input_text_tokens,
            u.input_audio_tokens,
            u.cached_tokens,
            u.cached_text_tokens,
            u.cached_audio_tokens,
            u.output_text_tokens,
            u.output_audio_tokens,
        ];
        Self::new(RESPONSE_DONE, numbers, &[response_id, reason, message])
    }
}

impl Stored {
    pub(super) fn to_output<'b>(self, texts: [&'b str; 3]) -> Output<'b> {
        let [a, b, c] = texts;
        let [x, y, z, ..] = self.numbers;
        Output::Event(match self.tag {
            TO_TWILIO => return Output::ToTwilio(a),
            TO_OPENAI => return Output::ToOpenAi(a),
            CALL_STARTED => Event::CallStarted {
                stream_sid: a,
                call_sid: b,
                custom_parameters: c,
            },
            CALL_ENDED => Event::CallEnded,
            SESSION_READY => Event::SessionReady,
            FORMAT_MISMATCH => Event::FormatMismatch {
                expected: number_to_format(x).unwrap_or(AudioFormat::Unknown),
                input: number_to_format(y),
                output: number_to_format(z),
            },
            SPEECH_STARTED => Event::SpeechStarted {
                position: Duration::from_millis(x),
            },
            SPEECH_STOPPED => Event::SpeechStopped {
                position: Duration::from_millis(x),
            },
            PLAYBACK_HELD => Event::PlaybackHeld,
            PLAYBACK_RESUMED => Event::PlaybackResumed {
                held: Duration::from_nanos(x),
            },
            BARGE_IN => Event::BargeIn {
                item_id: a,
                audio_end: Duration::from_millis(x),
                audio_received: Duration::from_millis(y),
            },
            ITEM_HEARD => Event::ItemHeard {
                item_id: a,
                audio_end: Duration::from_millis(x),
            },
            ITEM_DROPPED => Event::ItemDropped { item_id: a },
            AUDIO_DROPPED => Event::AudioDropped {
                item_id: a,
                duration: Duration::from_millis(x),
            },
            TRANSCRIPT => Event::Transcript {
                speaker: if x == 1 {
                    Speaker::Caller
                } else {
                    Speaker::Model
                },
                item_id: a,
                text: b,
                is_final: y == 1,
            },
            TOOL_CALL => Event::ToolCall {
                call_id: a,
                name: b,
                arguments: c,
            },
            DTMF => Event::Dtmf {
                digit: char::from(x as u8),
            },
            MARK => Event::Mark {
                name: a,
                heard: x == 1,
            },
            RESPONSE_DONE => Event::ResponseDone {
                response_id: a,
                status: match x >> 1 {
                    0 => ResponseStatus::Completed,
                    1 => ResponseStatus::Cancelled,
                    2 => ResponseStatus::Incomplete,
                    3 => ResponseStatus::Failed,
                    _ => ResponseStatus::Unknown,
                },
                reason: b,
                message: c,
                usage: (x & 1 == 1).then(|| usage(&self.numbers)),
            },
            MODEL_ERROR => Event::ModelError {
                code: a,
                message: b,
                is_fatal: x == 1,
            },
            _ => Event::Other {
                source: if x == 1 {
                    Source::Twilio
                } else {
                    Source::OpenAi
                },
                kind: a,
            },
        })
    }
}

fn usage(numbers: &[u64; NUMBERS]) -> Usage {
    Usage {
        total_tokens: numbers[1],
        input_tokens: numbers[2],
        output_tokens: numbers[3],
        input_text_tokens: numbers[4],
        input_audio_tokens: numbers[5],
        cached_tokens: numbers[6],
        cached_text_tokens: numbers[7],
        cached_audio_tokens: numbers[8],
        output_text_tokens: numbers[9],
        output_audio_tokens: numbers[10],
    }
}

fn format_to_number(format: Option<AudioFormat>) -> u64 {
    match format {
        None => 0,
        Some(AudioFormat::Unknown) => 1,
        Some(AudioFormat::Mulaw) => 2,
        Some(AudioFormat::Alaw) => 3,
        Some(AudioFormat::Pcm16 { rate_hz }) => 4 + u64::from(rate_hz),
    }
}

fn number_to_format(number: u64) -> Option<AudioFormat> {
    match number {
        0 => None,
        1 => Some(AudioFormat::Unknown),
        2 => Some(AudioFormat::Mulaw),
        3 => Some(AudioFormat::Alaw),
        rate => Some(AudioFormat::Pcm16 {
            rate_hz: (rate - 4) as u32,
        }),
    }
}

pub(super) const TO_TWILIO: u8 = 0;
pub(super) const TO_OPENAI: u8 = 1;
pub(super) const CALL_STARTED: u8 = 2;
pub(super) const CALL_ENDED: u8 = 3;
pub(super) const SESSION_READY: u8 = 4;
pub(super) const FORMAT_MISMATCH: u8 = 5;
pub(super) const SPEECH_STARTED: u8 = 6;
pub(super) const SPEECH_STOPPED: u8 = 7;
pub(super) const BARGE_IN: u8 = 8;
pub(super) const ITEM_HEARD: u8 = 9;
pub(super) const TRANSCRIPT: u8 = 10;
pub(super) const TOOL_CALL: u8 = 11;
pub(super) const DTMF: u8 = 12;
pub(super) const MARK: u8 = 13;
pub(super) const RESPONSE_DONE: u8 = 14;
pub(super) const MODEL_ERROR: u8 = 15;
pub(super) const OTHER: u8 = 16;
pub(super) const AUDIO_DROPPED: u8 = 17;
pub(super) const ITEM_DROPPED: u8 = 18;
pub(super) const PLAYBACK_HELD: u8 = 19;
pub(super) const PLAYBACK_RESUMED: u8 = 20;

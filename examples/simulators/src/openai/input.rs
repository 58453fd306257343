//! The input audio buffer and the turns that voice detection makes of it.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::config::Format;
use super::conversation::{Item, text};
use super::error::ApiError;
use super::record::{Append, SpeechChange};
use super::session::{Session, Timer};
use super::vad::{Change, Vad, is_noise};
use crate::audio::{duration_of, samples_in};

/// The input audio buffer.
pub(super) struct Input {
    format: Format,
    /// Input before the format was last changed.
    base: Duration,
    /// The latest input since then. Positions count from that change, so the first sample here
    /// is at position `forgotten`.
    samples: Vec<i16>,
    forgotten: usize,
    /// Bytes that do not yet make a sample.
    rest: Vec<u8>,
    /// First position not yet committed or cleared.
    start: usize,
    /// The detector with the position of its first sample.
    vad: Option<(usize, Vad)>,
    turn: Option<OpenTurn>,
}

/// A turn that is not over.
struct OpenTurn {
    /// First position, prefix included.
    start: usize,
    item_id: String,
    /// Nobody has said anything yet: a fault began it.
    is_false: bool,
}

/// What a turn holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// What the script says.
    Words,
    /// Nothing that has a transcript.
    Noise,
    /// Nothing at all: it was not spoken.
    Silence,
}

impl Input {
    pub(super) fn new() -> Self {
        Self {
            format: Format::Pcm,
            base: Duration::ZERO,
            samples: Vec::new(),
            forgotten: 0,
            rest: Vec::new(),
            start: 0,
            vad: None,
            turn: None,
        }
    }

    pub(super) fn is_in_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// Whether nobody has said anything yet in the open turn.
    pub(super) fn is_in_false_turn(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.is_false)
    }

    /// Position after the last sample.
    pub(super) fn end(&self) -> usize {
        self.forgotten + self.samples.len()
    }

    fn ms(&self, position: usize) -> u64 {
        let since = duration_of(position as u64, self.format.rate_hz());
        (self.base + since).as_millis() as u64
    }

    /// The audio from one position to another, encoded; without what was forgotten.
    fn audio(&self, start: usize, end: usize) -> Vec<u8> {
        let start = start.max(self.forgotten) - self.forgotten;
        self.format
            .encode(&self.samples[start..(end - self.forgotten).max(start)])
    }

    /// Whether what is between two positions is loud but nobody's voice.
    fn is_noise(&self, start: usize, end: usize) -> bool {
        let at = |position: usize| position.max(self.forgotten) - self.forgotten;
        let samples = &self.samples[at(start)..at(end).max(at(start))];
        is_noise(samples, self.format.rate_hz())
    }

    fn reset_vad(&mut self) {
        self.turn = None;
        if let Some((_, vad)) = &mut self.vad {
            vad.reset();
        }
    }

    /// Between turns only the audio that a new turn may reach back to is kept.
    fn forget(&mut self) {
        let keep = 2 * MAX_PREFIX_SECONDS * self.format.rate_hz() as usize;
        if self.vad.is_some() && self.turn.is_none() && self.samples.len() > 2 * keep {
            let count = self.samples.len() - keep;
            self.samples.drain(..count);
            self.forgotten += count;
        }
    }
}

impl Session {
    /// Adapts the input to the configuration. An open turn does not outlive a change of the
    /// detector's settings; audio of another format is forgotten.
    pub(super) fn configure_input(&mut self) {
        let format = self.config.input_format();
        let input = &mut self.input;
        let changed = input.format != format;
        if changed {
            input.base += duration_of(input.end() as u64, input.format.rate_hz());
            input.samples.clear();
            input.rest.clear();
            input.forgotten = 0;
            input.start = 0;
            input.format = format;
        }
        input.turn = None;
        input.vad = self.config.turn_detection().map(|detection| {
            let silence_ms = detection.silence.as_millis() as u64;
            (
                input.end(),
                Vad::new(format.rate_hz(), detection.threshold, silence_ms),
            )
        });
        let mut record = self.record();
        if changed {
            record.input.clear();
        }
        record.input_rate_hz = format.rate_hz();
    }

    /// Takes the audio of an append.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        let time = self.options.clock.now();
        let format = self.input.format;
        self.input.rest.extend_from_slice(bytes);
        let whole = self.input.rest.len() / format.bytes_per_sample() * format.bytes_per_sample();
        let samples = format.decode(&self.input.rest[..whole]);
        self.input.rest.drain(..whole);
        self.input.samples.extend_from_slice(&samples);
        let end_sample = self.input.end() as u64;
        let keep = self.options.keep_audio;
        {
            let mut record = self.record();
            if keep {
                record.input.extend_from_slice(&samples);
            }
            record.appends.push(Append {
                time,
                samples: samples.len() as u64,
                end_sample,
            });
        }
        let mut changes = Vec::new();
        let mut first = 0;
        if let Some((position, vad)) = &mut self.input.vad {
            first = *position;
            vad.listen(&samples, &mut changes);
        }
        let late_by = self.troubles.late_vad;
        for change in changes {
            if late_by.is_zero() {
                self.turn_changed(first, change);
            } else {
                self.later(late_by, Timer::Vad(first, change));
            }
        }
        self.input.forget();
    }

    /// The detector, whose first sample was at position `first`, has noticed something.
    pub(super) fn turn_changed(&mut self, first: usize, change: Change) {
        match change {
            Change::Started(at) => self.speech_started(first + at as usize, false),
            Change::Stopped(at) => self.speech_stopped(first + at as usize),
        }
    }

    pub(super) fn speech_started(&mut self, at: usize, is_false: bool) {
        let Some(detection) = self.config.turn_detection() else {
            return;
        };
        if let Some(turn) = &mut self.input.turn {
            turn.is_false = false;
            return;
        }
        let prefix = samples_in(detection.prefix, self.input.format.rate_hz());
        let start = at.saturating_sub(prefix).max(self.input.start);
        let item_id = self.new_id("item");
        let audio_ms = self.input.ms(start);
        self.input.turn = Some(OpenTurn {
            start,
            item_id: item_id.clone(),
            is_false,
        });
        self.cancel_timer(&Timer::Idle);
        self.speech_changed(true, audio_ms, &item_id);
        if detection.interrupt_response {
            self.interrupt("turn_detected");
        }
    }

    pub(super) fn speech_stopped(&mut self, at: usize) {
        let Some(turn) = self.input.turn.take() else {
            return;
        };
        let OpenTurn { start, item_id, .. } = turn;
        let held = match turn.is_false || self.input.is_noise(start, at) {
            true => Held::Noise,
            false => Held::Words,
        };
        self.speech_changed(false, self.input.ms(at), &item_id);
        self.commit(start, at, item_id, held);
        self.repeats = held == Held::Noise;
        if self
            .config
            .turn_detection()
            .is_some_and(|detection| detection.create_response)
            && !self.is_busy()
        {
            self.respond(&json!({}), true);
        }
    }

    fn speech_changed(&mut self, started: bool, audio_ms: u64, item_id: &str) {
        let (kind, key) = match started {
            true => ("input_audio_buffer.speech_started", "audio_start_ms"),
            false => ("input_audio_buffer.speech_stopped", "audio_end_ms"),
        };
        let sent = self.send(kind, json!({ key: audio_ms, "item_id": item_id }));
        let Some(time) = sent else { return };
        let item_id = item_id.to_owned();
        self.record().speech.push(SpeechChange {
            time,
            started,
            audio_ms,
            item_id,
        });
    }

    /// Commits the whole buffer, as the client asks.
    pub(super) fn commit_buffer(&mut self) -> Result<(), ApiError> {
        let (start, end) = (self.input.start, self.input.end());
        let buffered = duration_of((end - start) as u64, self.input.format.rate_hz());
        if buffered < MIN_COMMIT {
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has {:.2}ms of audio.",
                buffered.as_secs_f64() * 1_000.0
            );
            return Err(ApiError::new("input_audio_buffer_commit_empty", message));
        }
        let item_id = match self.input.turn.take() {
            Some(turn) => turn.item_id,
            None => self.new_id("item"),
        };
        self.input.reset_vad();
        self.commit(start, end, item_id, Held::Words);
        Ok(())
    }

    /// Empties the buffer, as the client asks.
    pub(super) fn clear_buffer(&mut self) {
        self.input.start = self.input.end();
        self.input.reset_vad();
        self.send("input_audio_buffer.cleared", json!({}));
    }

    /// Makes an item of the audio between two positions. Only words take a transcript from the
    /// script.
    fn commit(&mut self, start: usize, end: usize, item_id: String, held: Held) {
        let format = self.input.format;
        self.input.start = end;
        let audio = self.input.audio(start, end);
        let shown = json!({
            "id": item_id, "object": "realtime.item", "type": "message", "status": "completed",
            "role": "user", "content": [{ "type": "input_audio", "transcript": null }],
        });
        self.conversation.items.push(Item {
            id: item_id.clone(),
            shown,
            audio,
            format,
        });
        let previous = self.conversation.previous(&item_id);
        self.send(
            "input_audio_buffer.committed",
            json!({ "previous_item_id": previous, "item_id": item_id }),
        );
        self.announce(&item_id);
        let text = match held {
            Held::Silence => return,
            Held::Noise => String::new(),
            Held::Words => {
                let turns = self.options.turns.iter();
                let mut users = turns.filter_map(|turn| turn.user.clone());
                self.user_turns += 1;
                users.nth(self.user_turns - 1).unwrap_or_default()
            }
        };
        if self.config.transcribes() {
            let (low, high) = self.options.transcription;
            let delay = self
                .random
                .between(low.as_micros() as u64, high.as_micros() as u64);
            let audio_ms = duration_of((end - start) as u64, format.rate_hz()).as_millis() as u64;
            let timer = Timer::Transcript {
                item_id,
                text,
                audio_ms,
            };
            self.later(Duration::from_micros(delay), timer);
        }
    }

    pub(super) fn transcribed(&mut self, item_id: &str, text: &str, audio_ms: u64) {
        if let Some(item) = self.conversation.find(item_id)
            && let Some(part) = item.shown.pointer_mut("/content/0")
        {
            part["transcript"] = json!(text);
        }
        let kind = "conversation.item.input_audio_transcription";
        for word in text.split_inclusive(' ') {
            self.send(
                &format!("{kind}.delta"),
                json!({ "item_id": item_id, "content_index": 0, "delta": word }),
            );
        }
        // 1 token per 100 ms of audio, about 4 characters per token of text.
        let (input, output) = (audio_ms.div_ceil(100), text.len().div_ceil(4) as u64);
        let usage = json!({
            "type": "tokens", "total_tokens": input + output, "input_tokens": input,
            "input_token_details": { "text_tokens": 0, "audio_tokens": input },
            "output_tokens": output,
        });
        let mut completed =
            json!({ "item_id": item_id, "content_index": 0, "transcript": text, "usage": usage });
        if self.config.tells_logprobs() {
            let tokens = text
                .split_inclusive(' ')
                .map(|word| json!({ "token": word, "logprob": LOGPROB, "bytes": word.as_bytes() }));
            completed["logprobs"] = tokens.collect();
        }
        self.send(&format!("{kind}.completed"), completed);
    }

    /// Nobody said anything for as long as the session allows.
    pub(super) fn idle(&mut self) {
        if self.is_busy() || self.input.turn.is_some() {
            return;
        }
        let item_id = self.new_id("item");
        let (start, end) = (self.input.start, self.input.end());
        let fields = json!({
            "audio_start_ms": self.input.ms(start), "audio_end_ms": self.input.ms(end),
            "item_id": item_id,
        });
        self.send("input_audio_buffer.timeout_triggered", fields);
        self.commit(start, end, item_id, Held::Silence);
        self.respond(&json!({}), true);
    }

    /// Decodes the audio of an append.
    pub(super) fn decode_audio(event: &Value) -> Result<Vec<u8>, ApiError> {
        let audio = text(event, "", "audio")?;
        let bytes = BASE64_STANDARD.decode(audio).map_err(|_| {
            let message = "Invalid 'audio'. Expected base64-encoded audio bytes.";
            ApiError::invalid_value("audio", message)
        })?;
        if bytes.len() > MAX_APPEND {
            let message = "Invalid 'audio': more than 15 MiB.";
            return Err(ApiError::new("string_above_max_length", message).at("audio"));
        }
        Ok(bytes)
    }
}

/// Source: reference of `input_audio_buffer.append`.
const MAX_APPEND: usize = 15 << 20;
/// Less than this is refused as empty.
const MIN_COMMIT: Duration = Duration::from_millis(100);
/// The longest `prefix_padding_ms` the session takes.
const MAX_PREFIX_SECONDS: usize = 10;

/// Of every word: a probability of nine in ten.
const LOGPROB: f64 = -0.105_360_515_657_826_3;

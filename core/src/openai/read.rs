use crate::{
    Error, JsonStr, RawJson,
    dialect::{AudioFormat, ModelEvent, ResponseStatus, SessionState, Shape, Speaker, Usage},
    json::{NameBuf, Scanner, Value},
};

/// Reads one server event.
pub(super) fn read(text: &str) -> Result<ModelEvent<'_>, Error> {
    Members::scan(text)?.into_event()
}

/// [`read`], from what `shape` has learned if it can be.
pub(super) fn read_next<'a>(shape: &mut Shape, text: &'a str) -> Result<ModelEvent<'a>, Error> {
    if shape.fits(text) {
        let (response_id, item_id) = (shape.value(1, text), shape.value(2, text));
        let (content_index, delta) = (shape.value(3, text), shape.value(4, text));
        return audio_delta([response_id, item_id, content_index, delta]);
    }
    let members = Members::scan(text)?;
    let event = members.into_event();
    if let Ok(ModelEvent::AudioDelta { .. }) = event {
        shape.learn(text, members.values(), FIXED_VALUES);
    }
    event
}

/// The members of an event, as far as they were met; which of them it needs is known at its end.
#[derive(Clone, Copy, Default)]
struct Members<'a> {
    kind: Value<'a>,
    response_id: Value<'a>,
    item_id: Value<'a>,
    content_index: Value<'a>,
    delta: Value<'a>,
    transcript: Value<'a>,
    text: Value<'a>,
    audio_start_ms: Value<'a>,
    audio_end_ms: Value<'a>,
    session: Value<'a>,
    response: Value<'a>,
    item: Value<'a>,
    error: Value<'a>,
}

impl<'a> Members<'a> {
    fn scan(text: &'a str) -> Result<Self, Error> {
        let mut members = Self::default();
        let mut scanner = Scanner::new(text);
        if scanner.enter_object()? {
            members.read(&mut scanner)?;
        } else {
            scanner.value()?;
        }
        scanner.finish()?;
        Ok(members)
    }

    /// All that an audio delta says, its kind first.
    fn values(&self) -> [Value<'a>; 5] {
        [
            self.kind,
            self.response_id,
            self.item_id,
            self.content_index,
            self.delta,
        ]
    }

    fn read(&mut self, scanner: &mut Scanner<'a>) -> Result<(), Error> {
        let mut buf: NameBuf = [0; _];
        let mut unknown = Value::Absent;
        while let Some(key) = scanner.next_key()? {
            let slot = match key.name(&mut buf) {
                "type" => &mut self.kind,
                "response_id" => &mut self.response_id,
                "item_id" => &mut self.item_id,
                "content_index" => &mut self.content_index,
                "delta" => &mut self.delta,
                "transcript" => &mut self.transcript,
                "text" => &mut self.text,
                "audio_start_ms" => &mut self.audio_start_ms,
                "audio_end_ms" => &mut self.audio_end_ms,
                "session" => &mut self.session,
                "response" => &mut self.response,
                "item" => &mut self.item,
                "error" => &mut self.error,
                _ => &mut unknown,
            };
            scanner.value_into(slot)?;
        }
        Ok(())
    }

    /// The event; what the beta called it stands behind its present name.
    fn into_event(self) -> Result<ModelEvent<'a>, Error> {
        let kind = self.kind.string("type")?;
        let event = match kind.name(&mut [0; _]) {
            "response.output_audio.delta" | "response.audio.delta" => {
                let [_, values @ ..] = self.values();
                audio_delta(values)?
            }
            "response.output_audio.done" | "response.audio.done" => ModelEvent::AudioDone {
                response_id: self.response_id.string("response_id")?,
                item_id: self.item_id.string("item_id")?,
                content_index: self.content_index.index("content_index")?,
            },
            "response.output_audio_transcript.delta"
            | "response.audio_transcript.delta"
            | "response.output_text.delta"
            | "response.text.delta" => self.words(Speaker::Model, self.delta, "delta")?,
            "response.output_audio_transcript.done" | "response.audio_transcript.done" => {
                self.words(Speaker::Model, self.transcript, "transcript")?
            }
            "response.output_text.done" | "response.text.done" => {
                self.words(Speaker::Model, self.text, "text")?
            }
            "conversation.item.input_audio_transcription.delta" => {
                self.words(Speaker::Caller, self.delta, "delta")?
            }
            "conversation.item.input_audio_transcription.completed" => {
                self.words(Speaker::Caller, self.transcript, "transcript")?
            }
            "conversation.item.input_audio_transcription.failed" => {
                ModelEvent::TranscriptionFailed {
                    item_id: self.item_id.string("item_id")?,
                    kind,
                }
            }
            "input_audio_buffer.speech_started" => ModelEvent::SpeechStarted {
                item_id: self.item_id.optional_string("item_id")?,
                audio_start_ms: self.audio_start_ms.integer("audio_start_ms")?,
            },
            "input_audio_buffer.speech_stopped" => ModelEvent::SpeechStopped {
                item_id: self.item_id.optional_string("item_id")?,
                audio_end_ms: self.audio_end_ms.integer("audio_end_ms")?,
            },
            "response.created" => response_created(self.response.object("response")?)?,
            "response.output_item.added" => {
                let [id, kind] = self.item.object("item")?.pick(["id", "type"])?;
                ModelEvent::ItemAdded {
                    response_id: self.response_id.string("response_id")?,
                    item_id: id.string("item.id")?,
                    is_message: kind.string("item.type")? == "message",
                }
            }
            "response.output_item.done" => self.tool_call()?.unwrap_or(ModelEvent::Other { kind }),
            "response.done" => response_done(self.response.object("response")?)?,
            "session.created" => ModelEvent::SessionCreated(session(self.session)?),
            "session.updated" => ModelEvent::SessionUpdated(session(self.session)?),
            "error" => error(self.error.object("error")?)?,
            _ => ModelEvent::Other { kind },
        };
        Ok(event)
    }

    fn words(
        &self,
        speaker: Speaker,
        text: Value<'a>,
        name: &'static str,
    ) -> Result<ModelEvent<'a>, Error> {
        Ok(ModelEvent::Transcript {
            speaker,
            item_id: self.item_id.string("item_id")?,
            response_id: self.response_id.optional_string("response_id")?,
            text: text.string(name)?,
            is_final: name != "delta",
        })
    }

    /// The function call of a `response.output_item.done`, if its item is a completed one: a call
    /// cut off by an interruption is `incomplete`, and its arguments may be broken.
    fn tool_call(&self) -> Result<Option<ModelEvent<'a>>, Error> {
        let [id, kind, status, call_id, name, arguments] = self.item.object("item")?.pick([
            "id",
            "type",
            "status",
            "call_id",
            "name",
            "arguments",
        ])?;
        let is_call = kind.string("item.type")? == "function_call"
            && status
                .optional_string("item.status")?
                .is_some_and(|status| status == "completed");
        if !is_call {
            return Ok(None);
        }
        Ok(Some(ModelEvent::ToolCall {
            response_id: self.response_id.string("response_id")?,
            item_id: id.string("item.id")?,
            call_id: call_id.string("item.call_id")?,
            name: name.string("item.name")?,
            arguments: arguments
                .optional_string("item.arguments")?
                .unwrap_or(JsonStr::EMPTY),
        }))
    }
}

#[inline(always)]
fn audio_delta<'a>(values: [Value<'a>; 4]) -> Result<ModelEvent<'a>, Error> {
    let [response_id, item_id, content_index, delta] = values;
    Ok(ModelEvent::AudioDelta {
        response_id: response_id.string("response_id")?,
        item_id: item_id.string("item_id")?,
        content_index: content_index.index("content_index")?,
        audio: delta.string("delta")?,
    })
}

fn response_created<'a>(response: RawJson<'a>) -> Result<ModelEvent<'a>, Error> {
    let [id, conversation_id] = response.pick(["id", "conversation_id"])?;
    Ok(ModelEvent::ResponseCreated {
        response_id: id.string("response.id")?,
        // An id names the conversation that the response writes to, `null` says it writes to none;
        // a server that says nothing has only the one.
        out_of_band: conversation_id == Value::Null,
    })
}

fn response_done<'a>(response: RawJson<'a>) -> Result<ModelEvent<'a>, Error> {
    let [id, status, details, tokens] =
        response.pick(["id", "status", "status_details", "usage"])?;
    let status = match status.string("response.status")?.name(&mut [0; _]) {
        "completed" => ResponseStatus::Completed,
        "cancelled" => ResponseStatus::Cancelled,
        "incomplete" => ResponseStatus::Incomplete,
        "failed" => ResponseStatus::Failed,
        _ => ResponseStatus::Unknown,
    };
    let [reason, error] = details
        .object_or_empty("response.status_details")?
        .pick(["reason", "error"])?;
    let [kind, code, message] = error
        .object_or_empty("response.status_details.error")?
        .pick(["type", "code", "message"])?;
    // A failure is explained by its error's code, everything else by a reason.
    let reason = [
        reason.optional_string("response.status_details.reason")?,
        code.optional_string("response.status_details.error.code")?,
        kind.optional_string("response.status_details.error.type")?,
    ];
    Ok(ModelEvent::ResponseDone {
        response_id: id.string("response.id")?,
        status,
        reason: reason.into_iter().flatten().next(),
        message: message.optional_string("response.status_details.error.message")?,
        usage: match tokens {
            Value::Absent | Value::Null => None,
            tokens => Some(usage(tokens.object("response.usage")?)?),
        },
    })
}

fn usage(usage: RawJson<'_>) -> Result<Usage, Error> {
    let count = |value: Value<'_>, name| Ok(value.optional_integer(name)?.unwrap_or(0));
    let [total, input, output, input_details, output_details] = usage.pick([
        "total_tokens",
        "input_tokens",
        "output_tokens",
        "input_token_details",
        "output_token_details",
    ])?;
    let [input_text, input_audio, cached, cached_details] = input_details
        .object_or_empty("usage.input_token_details")?
        .pick([
            "text_tokens",
            "audio_tokens",
            "cached_tokens",
            "cached_tokens_details",
        ])?;
    let [cached_text, cached_audio] = cached_details
        .object_or_empty("usage.input_token_details.cached_tokens_details")?
        .pick(["text_tokens", "audio_tokens"])?;
    let [output_text, output_audio] = output_details
        .object_or_empty("usage.output_token_details")?
        .pick(["text_tokens", "audio_tokens"])?;
    Ok(Usage {
        total_tokens: count(total, "usage.total_tokens")?,
        input_tokens: count(input, "usage.input_tokens")?,
        output_tokens: count(output, "usage.output_tokens")?,
        input_text_tokens: count(input_text, "usage.input_token_details.text_tokens")?,
        input_audio_tokens: count(input_audio, "usage.input_token_details.audio_tokens")?,
        cached_tokens: count(cached, "usage.input_token_details.cached_tokens")?,
        cached_text_tokens: count(
            cached_text,
            "usage.input_token_details.cached_tokens_details.text_tokens",
        )?,
        cached_audio_tokens: count(
            cached_audio,
            "usage.input_token_details.cached_tokens_details.audio_tokens",
        )?,
        output_text_tokens: count(output_text, "usage.output_token_details.text_tokens")?,
        output_audio_tokens: count(output_audio, "usage.output_token_details.audio_tokens")?,
    })
}

fn error<'a>(error: RawJson<'a>) -> Result<ModelEvent<'a>, Error> {
    let [code, message, event_id] = error.pick(["code", "message", "event_id"])?;
    Ok(ModelEvent::Error {
        code: code.optional_string("error.code")?,
        message: message
            .optional_string("error.message")?
            .unwrap_or(JsonStr::EMPTY),
        event_id: event_id.optional_string("error.event_id")?,
    })
}

/// The session as GA nests it, or where that says nothing as the beta laid it out flat.
fn session(session: Value<'_>) -> Result<SessionState, Error> {
    let [audio, flat_input, flat_output, flat_turns, expires_at] =
        session.object("session")?.pick([
            "audio",
            "input_audio_format",
            "output_audio_format",
            "turn_detection",
            "expires_at",
        ])?;
    let [input, output] = audio
        .object_or_empty("session.audio")?
        .pick(["input", "output"])?;
    let [input, turns] = input
        .object_or_empty("session.audio.input")?
        .pick(["format", "turn_detection"])?;
    let [output] = output
        .object_or_empty("session.audio.output")?
        .pick(["format"])?;
    let turns = turns.or(flat_turns);
    let mut state = SessionState {
        input: audio_format(input.or(flat_input))?,
        output: audio_format(output.or(flat_output))?,
        expires_at: expires_at.optional_integer("session.expires_at")?,
        ..SessionState::default()
    };
    match turns {
        Value::Absent => {}
        Value::Null => {
            state.creates_response = Some(false);
            state.interrupts_response = Some(false);
        }
        turns => {
            let [creates, interrupts, silence] = turns.object("session.turn_detection")?.pick([
                "create_response",
                "interrupt_response",
                "silence_duration_ms",
            ])?;
            state.creates_response = truth(creates, "session.turn_detection.create_response")?;
            state.interrupts_response =
                truth(interrupts, "session.turn_detection.interrupt_response")?;
            state.silence_duration_ms = silence
                .optional_integer("session.turn_detection.silence_duration_ms")?
                .map(|ms| u32::try_from(ms).unwrap_or(u32::MAX));
        }
    }
    Ok(state)
}

/// A format as GA's object or the beta's word.
fn audio_format(format: Value<'_>) -> Result<Option<AudioFormat>, Error> {
    let (kind, rate_hz) = match format {
        Value::Absent | Value::Null => return Ok(None),
        Value::String(word) => (word, DEFAULT_PCM_RATE),
        other => {
            let [kind, rate] = other
                .object("session.audio.format")?
                .pick(["type", "rate"])?;
            let rate = rate.optional_integer("session.audio.format.rate")?;
            (
                kind.string("session.audio.format.type")?,
                rate.map_or(DEFAULT_PCM_RATE, |hz| u32::try_from(hz).unwrap_or(u32::MAX)),
            )
        }
    };
    Ok(Some(match kind.name(&mut [0; _]) {
        "audio/pcm" | "pcm16" => AudioFormat::Pcm16 { rate_hz },
        "audio/pcmu" | "g711_ulaw" => AudioFormat::Mulaw,
        "audio/pcma" | "g711_alaw" => AudioFormat::Alaw,
        _ => AudioFormat::Unknown,
    }))
}

fn truth(value: Value<'_>, name: &'static str) -> Result<Option<bool>, Error> {
    match value {
        Value::Bool(value) => Ok(Some(value)),
        Value::Absent | Value::Null => Ok(None),
        _ => Err(Error::InvalidField { name }),
    }
}

/// The first of [`Members::values`] that make an event what it is.
const FIXED_VALUES: usize = 1;

/// Hz; what PCM16 means where no rate is given.
pub(super) const DEFAULT_PCM_RATE: u32 = 24_000;

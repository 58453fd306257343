//! What the model says.

use super::{
    Bridge, REQUEST_LEN, Source,
    event_id::Purpose,
    record,
    response::Session,
    storage::{Record, Text},
};
use crate::{
    Error, JsonStr, RawJson,
    dialect::{Carrier, Model, ModelCommand, ModelEvent, ResponseStatus, Speaker, Usage},
    id::Id,
    playback::PlaybackLedger,
};

impl<M: AsRef<[u8]> + AsMut<[u8]>, C: Carrier, D: Model> Bridge<M, C, D> {
    pub(super) fn model_event(&mut self, event: ModelEvent<'_>) -> Result<(), Error> {
        match event {
            ModelEvent::SessionCreated(_) => {
                self.dialog.session = Session::Pending;
                Ok(())
            }
            ModelEvent::SessionUpdated(state) => {
                let expected = self.config.model_audio.format();
                let was_ready = self.dialog.session == Session::Ready;
                self.dialog.configure(&state, expected);
                match self.dialog.session {
                    Session::Ready if was_ready => Ok(()),
                    Session::Ready => self.push_event(Record::new(record::SESSION_READY, [], &[])),
                    _ => self.push_event(Record::format_mismatch(
                        expected,
                        state.input,
                        state.output,
                    )),
                }
            }
            ModelEvent::SpeechStarted {
                item_id,
                audio_start_ms,
            } => self.speech_started(item_id, audio_start_ms),
            ModelEvent::SpeechStopped { audio_end_ms, .. } => self.speech_stopped(audio_end_ms),
            ModelEvent::ResponseCreated {
                response_id,
                out_of_band,
            } => {
                let id = Id::from_json(response_id, "response_id")?;
                if out_of_band {
                    self.dialog.side_response_created(id);
                    return Ok(());
                }
                self.response_created(id)
            }
            ModelEvent::ItemAdded {
                response_id,
                item_id,
                is_message,
            } => {
                let id = Id::from_json(item_id, "item_id")?;
                if let Some(side) = self.dialog.side_response(response_id) {
                    side.item = Some(id);
                    return Ok(());
                }
                match is_message {
                    true if self.dialog.is_discarded(response_id) => self.delete_item(id.as_str()),
                    true => self.downlink.ledger.announce(id.as_str(), 0),
                    false => Ok(()),
                }
            }
            ModelEvent::AudioDelta {
                response_id,
                item_id,
                content_index,
                audio,
            } => self.audio_delta(response_id, item_id, content_index, audio),
            ModelEvent::AudioDone {
                response_id,
                item_id,
                content_index,
            } => {
                // An interrupted response may close a part of which it never sent a delta.
                if self.dialog.is_discarded(response_id) {
                    return self.cut_late_part(item_id, content_index);
                }
                let part = (Id::from_json(item_id, "item_id")?, content_index);
                if self.downlink.part() == Some(part) {
                    self.downlink.finish(self.storage.as_mut(), &mut self.stats);
                    self.tell_heard();
                }
                Ok(())
            }
            ModelEvent::Transcript {
                speaker,
                item_id,
                text,
                is_final,
                ..
            } => {
                let texts = (Text::Json(item_id), Text::Json(text));
                self.push_event(Record::transcript(speaker, texts.0, texts.1, is_final))?;
                let has_words = text.chars().any(|char| !char.is_whitespace());
                if speaker == Speaker::Caller && (has_words || is_final) {
                    self.caller_understood(item_id, has_words);
                }
                Ok(())
            }
            ModelEvent::TranscriptionFailed { item_id, kind } => {
                self.unknown(Source::OpenAi, kind)?;
                self.caller_understood(item_id, false);
                Ok(())
            }
            ModelEvent::ToolCall {
                call_id,
                name,
                arguments,
                ..
            } => {
                let id = Id::from_json(call_id, "call_id")?;
                let texts = [call_id, name, arguments].map(Text::Json);
                let before = self.outbox;
                self.push_event(Record::new(record::TOOL_CALL, [], &texts))?;
                if !self.dialog.calls.open(id) {
                    self.outbox = before;
                }
                Ok(())
            }
            ModelEvent::ResponseDone {
                response_id,
                status,
                reason,
                message,
                usage,
            } => self.response_done(response_id, status, reason, message, usage),
            ModelEvent::Error {
                code,
                message,
                event_id,
            } => self.model_error(code, message, event_id),
            ModelEvent::Other { kind } => self.unknown(Source::OpenAi, kind),
        }
    }

    fn response_created(&mut self, id: Id) -> Result<(), Error> {
        if !self.dialog.response_created(self.now, id) {
            self.hold.unheard_until = None;
            return Ok(());
        }
        // Not a word of it now; what the caller spoke over is owed when they have finished.
        self.dialog.discard(id);
        self.dialog.ask_again();
        let event_id = self.dialog.events.next(Purpose::Cancel);
        self.push_to_model(ModelCommand::CancelResponse {
            event_id: event_id.as_str(),
            response_id: Some(id.as_str()),
        })
    }

    fn audio_delta(
        &mut self,
        response_id: JsonStr<'_>,
        item_id: JsonStr<'_>,
        content_index: u32,
        audio: JsonStr<'_>,
    ) -> Result<(), Error> {
        let is_discarded = self.dialog.is_discarded(response_id);
        if self.dialog.session != Session::Ready || is_discarded {
            if is_discarded {
                self.cut_late_part(item_id, content_index)?;
            }
            self.stats.discarded_bytes += audio.raw().len() as u64;
            return Ok(());
        }
        let part = match self.downlink.part() {
            Some(part) if part.1 == content_index && part.0.is_json(item_id) => part,
            _ => (Id::from_json(item_id, "item_id")?, content_index),
        };
        let start = self.downlink.ledger.received_samples();
        let Self {
            downlink,
            storage,
            config,
            stats,
            ..
        } = self;
        let dropped = downlink.receive(storage.as_mut(), config, stats, part, audio)?;
        if dropped > 0 {
            let milliseconds = dropped * 1_000 / u64::from(PlaybackLedger::RATE_HZ);
            let told = Record::new(
                record::AUDIO_DROPPED,
                [milliseconds],
                &[Text::Json(item_id)],
            );
            // Should commands have filled the queue, the counter tells it all the same.
            let _ = self.push_event(told);
        }
        self.dialog.last_part = Some(part);
        if let Some(speech_end) = self.dialog.speech_end.take() {
            self.dialog.latency_probe = Some((speech_end, start));
        }
        Ok(())
    }

    fn response_done(
        &mut self,
        response_id: JsonStr<'_>,
        status: ResponseStatus,
        reason: Option<JsonStr<'_>>,
        message: Option<JsonStr<'_>>,
        usage: Option<Usage>,
    ) -> Result<(), Error> {
        let [reason, message] = [reason, message].map(|text| text.map_or(Text::EMPTY, Text::Json));
        let response = Text::Json(response_id);
        self.push_event(Record::response_done(
            response, status, reason, message, usage,
        ))?;
        self.stats.responses += 1;
        let side = self
            .dialog
            .side_response(response_id)
            .and_then(|side| side.item);
        let Self {
            downlink,
            storage,
            stats,
            ..
        } = self;
        if let Some(item) = side {
            downlink.finish_item(storage.as_mut(), stats, item);
        }
        if self.dialog.response_done(response_id) {
            self.downlink.finish(self.storage.as_mut(), &mut self.stats);
            self.downlink.ledger.finish_all();
        }
        self.tell_heard();
        Ok(())
    }

    /// Races that the protocol allows stay inside; the rest is told.
    fn model_error(
        &mut self,
        code: Option<JsonStr<'_>>,
        message: JsonStr<'_>,
        event_id: Option<JsonStr<'_>>,
    ) -> Result<(), Error> {
        let purpose = event_id.and_then(Purpose::of);
        let is = |known: &str| code.is_some_and(|code| code == *known);
        if is("conversation_already_has_active_response") {
            if event_id.is_some_and(|event_id| self.dialog.request_collided(event_id)) {
                self.stats.repeated_responses += 1;
            }
            return Ok(());
        }
        if is("response_cancel_not_active") || is("input_audio_buffer_commit_empty") {
            return Ok(());
        }
        if matches!(purpose, Some(Purpose::Truncate | Purpose::Delete)) {
            self.stats.refused_cuts += 1;
            return match event_id.filter(|_| is("invalid_value")) {
                Some(event_id) => self.truncate_again(event_id),
                None => Ok(()),
            };
        }
        let is_startup = self.dialog.session != Session::Ready;
        let is_fatal = purpose == Some(Purpose::Session) && is_startup
            || FATAL_CODES.iter().any(|code| is(code));
        let texts = [code.map_or(Text::EMPTY, Text::Json), Text::Json(message)];
        self.push_event(Record::new(record::MODEL_ERROR, [is_fatal.into()], &texts))?;
        if let Some(event_id) = event_id {
            self.dialog.request_refused(event_id);
        }
        Ok(())
    }

    pub(super) fn push_to_model(&mut self, command: ModelCommand<'_>) -> Result<(), Error> {
        let Self {
            outbox,
            storage,
            model,
            ..
        } = self;
        let slab = storage.as_mut();
        outbox.push_with(slab, record::TO_OPENAI, |dst| model.write(command, dst))
    }

    /// Writes the request for a response where it waits until it may be made.
    pub(super) fn owe_response(
        &mut self,
        response: Option<RawJson<'_>>,
        is_for_tools: bool,
    ) -> Result<(), Error> {
        let mut events = self.dialog.events;
        let event_id = events.next(Purpose::Response);
        let command = ModelCommand::CreateResponse {
            event_id: event_id.as_str(),
            response,
        };
        // A request that waits already must survive one that does not fit, so measure first.
        let needed = match self.model.write(command, &mut []) {
            Err(Error::BufferTooShort { needed, .. }) => needed,
            other => return other.map(|_| ()),
        };
        let region = &mut self.storage.as_mut()[..REQUEST_LEN];
        let Some(region) = region.get_mut(..needed) else {
            return Err(Error::QueueFull {
                needed,
                free: REQUEST_LEN,
            });
        };
        self.request_len = self.model.write(command, region)?;
        let is_out_of_band = response
            .and_then(|response| response.get("conversation"))
            .and_then(|conversation| conversation.as_string())
            .is_some_and(|conversation| conversation == *"none");
        self.dialog.events = events;
        self.dialog.owe(event_id, is_for_tools, is_out_of_band);
        Ok(())
    }
}

/// Error codes after which the session cannot go on (OpenAI, "Realtime API" error table).
const FATAL_CODES: [&str; 7] = [
    "session_expired",
    "insufficient_quota",
    "invalid_api_key",
    "missing_model",
    "invalid_model",
    "model_not_found",
    "beta_api_shape_disabled",
];

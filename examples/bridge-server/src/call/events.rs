//! What the bridge tells a call, and what the call makes of it.

use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use trunkline::{
    bridge::{BargeIn, Event},
    dialect::{Model as _, ModelEvent, ResponseStatus, Speaker},
    openai::OpenAiRealtime,
};

use super::{Call, conversation::Span, logprobs::confidence, tools::LAST_WORDS};
use crate::{
    end::End,
    model::Model,
    record::Record,
    report::{self, ms},
    time::UnixMs,
};

impl<S: AsyncRead + AsyncWrite + Unpin> Call<S> {
    /// Writes `event` down and does what it asks for.
    pub(super) fn on_event(&mut self, event: &Event<'_>) -> Result<(), End> {
        if let Event::CallStarted { call_sid, .. } = event {
            self.sid = (*call_sid).to_owned();
        }
        let (name, fields) = report::event(event);
        self.log(name, fields);
        match *event {
            Event::CallStarted {
                call_sid,
                stream_sid,
                custom_parameters,
            } => return self.started(call_sid, stream_sid, custom_parameters),
            Event::CallEnded => return Err(self.stopped()),
            Event::SessionReady => self.session_ready(),
            Event::SpeechStarted { position } => {
                self.session.speech_started = Some(UnixMs(
                    self.wall_time(ms(position)).0 + i64::from(self.session.turns.prefix_ms),
                ));
                // Voice detection has it answered.
                self.session.asks_at = None;
                self.settles_all = true;
                if self.app.config.barge_in != BargeIn::Never {
                    self.interrupt_greeting()?;
                }
            }
            Event::SpeechStopped { position } => self.speech_stopped(ms(position)),
            Event::Transcript {
                speaker: Speaker::Model,
                item_id,
                text,
                is_final,
            } => {
                self.session.answers();
                let start = self.bridge.stats().received_samples;
                self.conversation
                    .agent_words(item_id, text, is_final, start);
            }
            Event::Transcript {
                speaker: Speaker::Caller,
                item_id,
                text,
                is_final,
            } => {
                let whole = self.current.as_ref().filter(|_| is_final);
                let confidence = whole.and_then(|message| confidence(message));
                self.conversation
                    .caller_words(item_id, text, is_final, confidence);
            }
            Event::ToolCall {
                call_id,
                name,
                arguments,
            } => {
                self.session.owes = true;
                // What the bridge was told to ask for since the first call is not this response.
                if !std::mem::replace(&mut self.session.calls_tool, true) {
                    self.session.answers();
                }
                self.run_tool(call_id, name, arguments);
            }
            Event::ItemHeard { item_id, audio_end } => {
                let heard = ms(audio_end);
                self.conversation
                    .heard(item_id, heard, heard, false, UnixMs::now());
            }
            Event::BargeIn {
                item_id,
                audio_end,
                audio_received,
            } => {
                let (heard, of) = (ms(audio_end), ms(audio_received));
                let now = UnixMs::now();
                self.conversation.heard(item_id, heard, of, true, now);
                self.record_barge_in(item_id, heard);
            }
            Event::ItemDropped { item_id } => {
                self.conversation.heard(item_id, 0, 1, true, UnixMs::now());
            }
            Event::Mark {
                name: LAST_WORDS,
                heard,
            } => return self.last_words_played(heard),
            Event::ResponseDone {
                status,
                reason,
                usage,
                ..
            } => {
                self.measured.tokens += usage.map_or(0, |usage| usage.total_tokens);
                return self.response_done(status, reason);
            }
            Event::ModelError {
                code,
                is_fatal: true,
                ..
            } => return Err(End::ModelError(code.to_owned())),
            Event::FormatMismatch { .. } => return Err(End::FormatMismatch),
            _ => {}
        }
        Ok(())
    }

    fn started(&mut self, call_sid: &str, stream_sid: &str, parameters: &str) -> Result<(), End> {
        let parameters: Value = serde_json::from_str(parameters).unwrap_or_default();
        let token = parameters
            .get("token")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let now = std::time::Instant::now();
        let Some(admission) = self.app.admissions.redeem(call_sid, token, now) else {
            return Err(End::BadToken);
        };
        self.over = self.app.calls.add(call_sid);
        self.stream_sid = stream_sid.to_owned();
        self.tap = self.app.recordings.start(&admission.call_id);
        self.app.journal.write(Record::StreamStarted {
            call_id: admission.call_id.clone(),
            stream_sid: stream_sid.to_owned(),
            at: UnixMs::now(),
        });
        self.load_greeting(&admission);
        let name = admission.agent.settings.model.as_deref();
        self.model = Model::connecting(Arc::clone(&self.app), name, std::time::Duration::ZERO);
        self.admission = Some(admission);
        Ok(())
    }

    fn stopped(&self) -> End {
        match self.is_handed_over() {
            true => End::Transferred,
            false => End::Stopped,
        }
    }

    fn speech_stopped(&mut self, position_ms: u64) {
        let to = self.wall_time(position_ms).0 - i64::from(self.session.turns.silence_ms);
        let from = self.session.speech_started.take().unwrap_or(UnixMs(to));
        let span = Span {
            from,
            to: UnixMs(to.max(from.0)),
        };
        self.measured.caller_talk_ms += span.to.0 - span.from.0;
        self.session.owes = true;
        // The bridge does not tell which item the turn will be.
        let Some(message) = self.current.clone() else {
            return;
        };
        if let Ok(ModelEvent::SpeechStopped {
            item_id: Some(item_id),
            ..
        }) = OpenAiRealtime.read(&message)
            && let Some(item_id) = item_id.as_plain()
        {
            self.conversation.caller_spoke(item_id, span);
        }
    }

    fn response_done(&mut self, status: ResponseStatus, reason: &str) -> Result<(), End> {
        self.conversation.finish_response();
        let calls_tool = std::mem::take(&mut self.session.calls_tool);
        if !calls_tool {
            self.session.answers();
        }
        match status {
            ResponseStatus::Completed | ResponseStatus::Incomplete => {
                self.session.tries = 0;
                self.session.failures = 0;
                self.session.owes &= calls_tool;
                Ok(())
            }
            ResponseStatus::Failed if FINAL_FAILURES.contains(&reason) => {
                Err(End::ModelError(reason.to_owned()))
            }
            // The bridge asks once the functions are answered.
            ResponseStatus::Failed if calls_tool => Ok(()),
            ResponseStatus::Failed => {
                self.ask_again();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn record_barge_in(&mut self, item_id: &str, heard_ms: u64) {
        self.measured.interruptions += 1;
        if let Some(admission) = &self.admission {
            self.app.journal.write(Record::BargeIn {
                call_id: admission.call_id.clone(),
                item_id: item_id.to_owned(),
                heard_ms,
                at: UnixMs::now(),
            });
        }
    }

    /// When the caller said what stands at `position_ms` of the audio appended to this session.
    fn wall_time(&self, position_ms: u64) -> UnixMs {
        let appended = self.bridge.stats().appended_samples - self.session.appended_before;
        let ago = (appended / 8).saturating_sub(position_ms);
        UnixMs(UnixMs::now().0 - i64::try_from(ago).unwrap_or(0))
    }
}

/// Failures of a response that the next one would meet again; they come in no other way.
const FINAL_FAILURES: [&str; 2] = ["insufficient_quota", "invalid_api_key"];

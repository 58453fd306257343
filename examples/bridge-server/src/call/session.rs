//! The model's sessions: how one is set up, what is told to the next one, and who owes an answer.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use trunkline::{
    Error, RawJson, SessionUpdate,
    dialect::{Model as _, ModelCommand},
    openai::{OpenAiRealtime, TurnDetection},
};

use super::{
    Call, TEXT_CAPACITY,
    conversation::Next,
    settings::{Margins, tells_logprobs, transcription_language, turn_detection},
};
use crate::{
    end::{CONFIRM_TIMEOUT, End},
    model::Model,
    record::Record,
    time::UnixMs,
    tools::Tools,
};

/// The model's session, and what outlives it. Times are those of the call.
pub(super) struct Session {
    /// Its settings were sent.
    pub(super) is_open: bool,
    /// Its settings were confirmed: audio flows.
    pub(super) is_ready: bool,
    pub(super) opened: Duration,
    /// By when its settings have to be confirmed.
    pub(super) confirm_by: Option<Duration>,
    /// Samples appended to earlier sessions.
    pub(super) appended_before: u64,
    pub(super) turns: Margins,
    /// When the caller began to speak, until they stop.
    pub(super) speech_started: Option<UnixMs>,
    /// The caller, or a tool, has not been answered.
    pub(super) owes: bool,
    /// The response under way has called a function.
    pub(super) calls_tool: bool,
    /// When the answer is to be asked for, if nothing else brings it.
    pub(super) asks_at: Option<Duration>,
    /// The bridge was told to ask for a response that has not come.
    is_bridge_asking: bool,
    /// There was a session before, and it is to be written down that there is one again.
    replaces: bool,
    /// The caller was speaking when the last session was lost.
    was_speaking: bool,
    /// Tries to reach the model since a session last answered.
    pub(super) tries: u32,
    /// Responses that have failed since one last succeeded.
    pub(super) failures: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            is_open: false,
            is_ready: false,
            opened: Duration::ZERO,
            confirm_by: None,
            appended_before: 0,
            turns: Margins::of(TurnDetection::default()),
            speech_started: None,
            owes: false,
            calls_tool: false,
            asks_at: None,
            is_bridge_asking: false,
            replaces: false,
            was_speaking: false,
            tries: 0,
            failures: 0,
        }
    }
}

impl Session {
    /// A response says something: it need not be asked for any more.
    pub(super) fn answers(&mut self) {
        self.is_bridge_asking = false;
        self.asks_at = None;
    }

    /// The bridge will ask for a response.
    pub(super) fn bridge_asks(&mut self) {
        self.is_bridge_asking = true;
        self.asks_at = None;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Call<S> {
    /// Sets a new session up, and if it is the first, lets the model speak first if it should.
    pub(super) fn open_session(&mut self) -> Result<(), End> {
        let Some(admission) = self.admission.clone() else {
            return Ok(());
        };
        let app = Arc::clone(&self.app);
        let agent = &admission.agent.settings;
        let transcription = app.config.transcription_model.as_deref();
        let tools = Tools::definitions(&admission.agent).to_string();
        let mut session = SessionUpdate::default();
        session.instructions = Some(&agent.instructions);
        session.voice = Some(agent.voice.as_deref().unwrap_or(&app.config.voice));
        session.transcription_model = transcription;
        session.transcription_language = transcription
            .and(agent.language.as_deref())
            .and_then(transcription_language);
        session.turn_detection = turn_detection(agent.turn_detection.as_ref());
        session.tools = Some(RawJson::new(&tools).expect("serde_json writes valid JSON"));
        session.extra = transcription
            .is_some_and(tells_logprobs)
            .then(|| RawJson::new(LOGPROBS).expect("it is valid JSON"));
        self.bridge.update_session(&session).map_err(End::Bridge)?;
        let is_first = self.session.opened == Duration::ZERO;
        self.session.is_open = true;
        self.session.opened = self.now();
        self.session.confirm_by = Some(self.session.opened + CONFIRM_TIMEOUT);
        self.session.appended_before = self.bridge.stats().appended_samples;
        self.session.turns = Margins::of(session.turn_detection);
        self.conversation.begin_session();
        self.measured.sessions += 1;
        if is_first && self.greeting.is_silent() && agent.greeting.is_some() {
            self.session.owes = true;
            self.request_answer();
        }
        self.drain()
    }

    /// The session is set as asked. What it is told of the earlier ones comes next, before any audio.
    pub(super) fn session_ready(&mut self) {
        let now = self.now();
        self.session.is_ready = true;
        self.session.confirm_by = None;
        // What the caller was saying goes on in the audio that was kept, and may be answered as any turn.
        let patience = match std::mem::take(&mut self.session.was_speaking) {
            true => TURN_PATIENCE,
            false => Duration::ZERO,
        };
        self.session.asks_at = self.session.asks_at.map(|at| at.max(now) + patience);
        if self.session.is_bridge_asking {
            // The answer is asked for with the next output.
            self.conversation.settle(self.line, true, UnixMs::now());
        }
        if std::mem::take(&mut self.session.replaces) {
            self.record_session("reconnected");
        }
    }

    /// Tells the session what earlier ones were told, as far as there is room.
    pub(super) fn tell(&mut self) {
        if !self.session.is_ready {
            return;
        }
        while let Next::Tell(command) = self.conversation.next() {
            let text = render(command);
            let told = text
                .as_deref()
                .map_or(Err(Error::InvalidField { name: "item" }), |text| {
                    self.bridge.send_openai(RawJson::new(text)?)
                });
            match told {
                Err(Error::QueueFull { .. }) => return,
                Ok(()) => {}
                Err(error) => self.log("item_not_told", json!({ "error": error.to_string() })),
            }
            self.conversation.advance();
        }
    }

    /// What was still being played when the session began is told once it was heard.
    pub(super) fn tell_the_rest(&mut self) -> Result<(), End> {
        if !self.session.is_ready || self.conversation.next() == Next::Nothing {
            return Ok(());
        }
        self.conversation.settle(self.line, false, UnixMs::now());
        match self.conversation.next() {
            Next::Tell(_) => self.drain(),
            _ => Ok(()),
        }
    }

    /// Asks for the answer that is owed once its time has come and the model knows everything.
    pub(super) fn ask(&mut self) -> Result<(), End> {
        let is_due = self.session.asks_at.is_some_and(|at| at <= self.now());
        if !is_due
            || !self.session.is_ready
            || self.running.count() > 0
            || self.conversation.next() != Next::Nothing
        {
            return Ok(());
        }
        self.request_answer();
        self.drain()
    }

    /// A response has failed for no fault of the conversation's: it is asked for again, but not for ever.
    pub(super) fn ask_again(&mut self) {
        self.session.failures += 1;
        if self.session.owes && self.session.failures <= MAX_FAILURES {
            let wait = self.app.config.patience.before_try(self.session.failures);
            self.session.asks_at = Some(self.now() + wait);
        }
    }

    /// The model is lost: unless that is for good, another session is begun after a while.
    ///
    /// # Errors
    /// With the end of the call, if there is nothing to heal, or no more hope.
    pub(super) fn heal(&mut self, end: End) -> Result<(), End> {
        let Some(admission) = self.admission.clone().filter(|_| end.can_be_healed()) else {
            return Err(end);
        };
        self.measured.losses += 1;
        if self.session.is_open {
            self.record_session("lost");
            self.session.replaces = true;
        }
        // The caller may be handed over or hung up on all the same.
        if self.session.tries == MAX_TRIES {
            return Err(end);
        }
        self.session.tries += 1;
        let wait = self.app.config.patience.before_try(self.session.tries);
        let (reason, fields) = end.describe();
        let mut line = json!({
            "reason": reason,
            "try": self.session.tries,
            "wait_ms": u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        });
        if let (Some(line), Some(fields)) = (line.as_object_mut(), fields.as_object()) {
            line.extend(fields.clone());
        }
        self.log("model_lost", line);
        self.model = Model::Absent;
        self.leave_session()?;
        self.standby.leave();
        let name = admission.agent.settings.model.as_deref();
        self.model = Model::connecting(Arc::clone(&self.app), name, wait);
        Ok(())
    }

    /// The session's socket is no more: what it has said is played out, what the caller says is kept, and what it owes
    /// is noted.
    pub(super) fn leave_session(&mut self) -> Result<(), End> {
        let now = self.now();
        self.held = None;
        let is_speaking = self.session.speech_started.take().is_some();
        self.session.was_speaking |= is_speaking;
        self.session.is_open = false;
        self.session.is_ready = false;
        self.session.confirm_by = None;
        self.session.calls_tool = false;
        self.session.owes |= is_speaking;
        let owes = self.session.owes && self.leaving.is_none();
        self.conversation.end_session(owes, is_speaking);
        let _ = self.bridge.handle_openai_closed(now);
        self.drain()?;
        if !owes {
            return Ok(());
        }
        match self.session.is_bridge_asking {
            // It may hold on to its request, and makes but one.
            true => self.request_answer(),
            false => self.session.asks_at = Some(now),
        }
        Ok(())
    }

    /// Has the bridge ask for an answer: of a conversation that has not begun, the greeting.
    fn request_answer(&mut self) {
        let greeting = self
            .admission
            .as_ref()
            .and_then(|admission| admission.agent.settings.greeting.clone())
            .filter(|_| self.conversation.is_empty());
        let response = greeting.map(|greeting| json!({ "instructions": greeting }).to_string());
        let asked = match &response {
            Some(response) => {
                let response = RawJson::new(response).expect("serde_json writes valid JSON");
                self.bridge.create_response(Some(response))
            }
            None => self.bridge.create_response(None),
        };
        // A greeting may be longer than the bridge has room for; the instructions will have to do.
        let asked = asked.or_else(|_| self.bridge.create_response(None));
        if let Err(error) = asked {
            self.log(
                "answer_not_asked_for",
                json!({ "error": error.to_string() }),
            );
        }
        self.session.bridge_asks();
    }

    pub(super) fn record_session(&self, event: &str) {
        if let Some(admission) = &self.admission {
            self.app.journal.write(Record::Session {
                call_id: admission.call_id.clone(),
                event: event.to_owned(),
                at: UnixMs::now(),
            });
        }
    }
}

/// `command` as the model takes it; `None` if it does not, or it is far too long.
pub(super) fn render(command: ModelCommand<'_>) -> Option<String> {
    let Err(Error::BufferTooShort { needed, .. }) = OpenAiRealtime.write(command, &mut []) else {
        return None;
    };
    let mut text = vec![0; (needed <= TEXT_CAPACITY / 2).then_some(needed)?];
    OpenAiRealtime.write(command, &mut text).ok()?;
    String::from_utf8(text).ok()
}

/// Tries to reach the model, one after another.
const MAX_TRIES: u32 = 5;
/// Responses that may fail, one after another, before the caller has to speak again.
const MAX_FAILURES: u32 = 3;
/// Voice detection needs so long to notice a caller who goes on speaking.
const TURN_PATIENCE: Duration = Duration::from_millis(1_500);
/// Asks for the probabilities of what was understood.
const LOGPROBS: &str = r#"{"include":["item.input_audio_transcription.logprobs"]}"#;

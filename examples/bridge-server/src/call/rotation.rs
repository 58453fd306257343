//! A new session before the old one ends.
//!
//! Sessions last 60 minutes, without a warning at their end (OpenAI, "Realtime API": session length). The next one's
//! socket is opened while the present one goes on, and takes over at a turn's edge: nobody speaks, nothing is owed, all
//! was heard. Its settings take a round trip, in which the caller's audio waits.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Call;
use crate::{
    end::End,
    model::{Model, ModelStep},
    peer::Incoming,
};

impl<S: AsyncRead + AsyncWrite + Unpin> Call<S> {
    /// Opens the next session's socket when it is time, and changes over to it at the next edge.
    pub(super) fn rotate(&mut self) -> Result<(), End> {
        if !self.session.is_ready || self.leaving.is_some() {
            return Ok(());
        }
        let now = self.now();
        let age = now - self.session.opened;
        let config = &self.app.config;
        if age < config.patience.rotate_after(config.session_length) {
            return Ok(());
        }
        let is_urgent = age >= config.patience.rotate_by(config.session_length);
        if !is_urgent && !self.is_at_edge() {
            return Ok(());
        }
        match self.standby {
            Model::Absent => {
                self.connect_standby(Duration::ZERO);
                Ok(())
            }
            Model::Connecting(_) => Ok(()),
            Model::Open(_) => self.change_over(),
        }
    }

    /// What the next session's socket says: nothing of it counts before it takes over.
    pub(super) fn on_standby(&mut self, step: ModelStep) {
        match step {
            ModelStep::Connected(Ok(peer)) => self.standby = Model::Open(peer),
            ModelStep::Connected(Err(refused)) => {
                self.log("standby_refused", json!({ "error": refused.to_string() }));
                self.connect_standby(STANDBY_WAIT);
            }
            ModelStep::Message(Incoming::Text(_) | Incoming::Binary) => {}
            ModelStep::Message(Incoming::Closed(_) | Incoming::Failed(_)) => {
                self.log("standby_lost", json!({}));
                self.connect_standby(STANDBY_WAIT);
            }
        }
    }

    fn connect_standby(&mut self, wait: Duration) {
        let admission = self.admission.as_ref();
        let name = admission.and_then(|admission| admission.agent.settings.model.as_deref());
        self.standby = Model::connecting(Arc::clone(&self.app), name, wait);
    }

    fn change_over(&mut self) -> Result<(), End> {
        let is_at_edge = self.is_at_edge();
        self.log("model_rotated", json!({ "is_at_edge": is_at_edge }));
        let next = std::mem::replace(&mut self.standby, Model::Absent);
        self.model.leave();
        self.leave_session()?;
        self.model = next;
        self.record_session("rotated");
        self.open_session()
    }

    fn is_at_edge(&mut self) -> bool {
        let line = self.playback();
        !self.conversation.is_being_heard(line)
            && self.session.speech_started.is_none()
            && !self.session.owes
            && self.running.count() == 0
            && self.greeting.is_silent()
    }
}

/// Before another try, if the next session's socket is refused or lost.
const STANDBY_WAIT: Duration = Duration::from_secs(2);

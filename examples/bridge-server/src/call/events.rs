//! What the bridge tells a call, and what the call makes of it.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use trunkline::{RawJson, SessionUpdate, bridge::Event, dialect::Speaker, playback::heard_text};

use super::{Call, ToolCall};
use crate::{end::End, model::Model, report, tools};

impl<S: AsyncRead + AsyncWrite + Unpin> Call<S> {
    /// Writes `event` down and does what it asks for.
    pub(super) fn on_event(&mut self, event: &Event<'_>) -> Result<(), End> {
        if let Event::CallStarted { call_sid, .. } = event {
            self.sid = (*call_sid).to_owned();
        }
        let (name, mut fields) = report::event(event);
        if let Event::BargeIn {
            item_id,
            audio_end,
            audio_received,
        } = event
        {
            let text = self.words.of(item_id);
            let heard = heard_text(text, report::ms(*audio_end), report::ms(*audio_received));
            fields["heard_text"] = heard.into();
        }
        self.log(name, fields);
        match *event {
            Event::CallStarted {
                call_sid,
                custom_parameters,
                ..
            } => {
                let parameters: Value = serde_json::from_str(custom_parameters).unwrap_or_default();
                let token = parameters
                    .get("token")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let now = std::time::Instant::now();
                let Some(admission) = self.app.admissions.redeem(call_sid, token, now) else {
                    return Err(End::BadToken);
                };
                self.admission = Some(admission);
                self.over = self.app.calls.add(call_sid);
                self.model = Model::connecting(Arc::clone(&self.app));
            }
            Event::CallEnded => return Err(End::Stopped),
            Event::Transcript {
                speaker: Speaker::Model,
                item_id,
                text,
                is_final,
            } => self.words.add(item_id, text, is_final),
            Event::ToolCall {
                call_id,
                name,
                arguments,
            } => self.tool_calls.push_back(ToolCall {
                id: call_id.to_owned(),
                name: name.to_owned(),
                arguments: arguments.to_owned(),
            }),
            Event::Mark {
                name: LAST_WORDS,
                heard: true,
            } => return Err(End::HungUp),
            Event::Mark {
                name: LAST_WORDS,
                heard: false,
            } => {
                // The caller has more to say, so the model must go on listening.
                if let Some(id) = self.hanging_up.take() {
                    let name = INTERRUPTED_HANG_UP.to_owned();
                    self.tool_calls.push_back(ToolCall {
                        id,
                        name,
                        arguments: String::new(),
                    });
                }
            }
            Event::ModelError { is_fatal: true, .. } => return Err(End::ModelError),
            Event::FormatMismatch { .. } => return Err(End::FormatMismatch),
            _ => {}
        }
        Ok(())
    }

    /// Sets the new session up and lets the model speak first if it should.
    pub(super) fn open_session(&mut self) -> Result<(), End> {
        let app = Arc::clone(&self.app);
        let config = &app.config;
        let admission = Arc::clone(self.admission.as_ref().expect("let in before"));
        let agent = &admission.agent.settings;
        let tools = tools::definitions().to_string();
        let mut session = SessionUpdate::default();
        session.instructions = Some(&agent.instructions);
        session.voice = Some(agent.voice.as_deref().unwrap_or(&config.voice));
        session.transcription_model = config.transcription_model.as_deref();
        session.tools = Some(RawJson::new(&tools).expect("serde_json writes valid JSON"));
        self.bridge.update_session(&session).map_err(End::Bridge)?;
        if let Some(greeting) = &agent.greeting {
            let response = json!({ "instructions": greeting }).to_string();
            let response = RawJson::new(&response).expect("serde_json writes valid JSON");
            self.bridge
                .create_response(Some(response))
                .map_err(End::Bridge)?;
        }
        self.drain()
    }

    /// Runs the functions the model has called.
    pub(super) fn answer_tool_calls(&mut self) -> Result<(), End> {
        while let Some(ToolCall {
            id,
            name,
            arguments,
        }) = self.tool_calls.pop_front()
        {
            let answered = if name == tools::HANG_UP {
                self.hanging_up = Some(id);
                self.bridge.mark(LAST_WORDS)
            } else {
                let output = match &*name {
                    INTERRUPTED_HANG_UP => json!({ "error": "the caller spoke; still connected" }),
                    name => tools::run(name, &arguments),
                };
                self.log("tool_output", json!({ "call_id": id, "output": output }));
                self.bridge.send_tool_output(&id, &output.to_string())
            };
            if let Err(error) = answered {
                // The model goes on without the answer once the caller speaks.
                self.log("tool_failed", json!({ "error": error.to_string() }));
            }
            self.drain()?;
        }
        Ok(())
    }
}

/// Name of the mark behind the last audio before a hang-up.
const LAST_WORDS: &str = "last-words";
/// Stands for a `hang_up` that the caller has interrupted; no name a model can call.
const INTERRUPTED_HANG_UP: &str = "";

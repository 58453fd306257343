//! The functions the model calls: run beside the call, each once.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
};
use trunkline::{Error, RawJson};

use super::{Call, conversation::Asker, session::render};
use crate::{
    end::End,
    record::{Record, ToolCall},
    time::UnixMs,
    tools::Outcome,
    twilio_rest::dial,
};

/// What runs beside the call.
#[derive(Default)]
pub(super) struct Running {
    tasks: JoinSet<Finished>,
    /// Functions that have not come to anything yet.
    called: Vec<Called>,
}

/// What has run beside the call.
pub(super) enum Finished {
    Tool(Called, Outcome),
    /// Handing the caller over has failed, or Twilio has taken the caller.
    HandedOver(Result<(), String>),
    /// The greeting as the telephone has it.
    Greeting(Result<Arc<[u8]>, String>),
}

/// A call of a function.
#[derive(Clone)]
pub(super) struct Called {
    id: String,
    name: String,
    arguments: String,
    at: UnixMs,
}

/// The call is to end, or to go elsewhere, once the last words were heard.
pub(super) struct Leaving {
    call: Called,
    /// Whom the caller is to be handed over to.
    to: Option<String>,
    /// It has been done and written down.
    is_done: bool,
}

impl Running {
    fn has_come_to(&mut self, finished: &Finished) {
        if let Finished::Tool(called, _) = finished {
            self.called.retain(|it| it.id != called.id);
        }
    }

    /// How many are under way.
    pub(super) fn count(&self) -> usize {
        self.tasks.len()
    }

    pub(super) fn spawn(&mut self, task: impl Future<Output = Finished> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// The next that finishes; never, while nothing runs.
    pub(super) async fn next(&mut self) -> Finished {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(finished)) => return finished,
                // Nothing is aborted before the end, and a panic is caught inside.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Call<S> {
    /// Runs a function, unless this very call of it was run before.
    pub(super) fn run_tool(&mut self, call_id: &str, name: &str, arguments: &str) {
        let Some(admission) = self.admission.clone() else {
            return;
        };
        if self.conversation.knows(call_id) {
            return;
        }
        self.conversation.tool_called(call_id, name, arguments);
        let called = Called {
            id: call_id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            at: UnixMs::now(),
        };
        let app = Arc::clone(&self.app);
        let is_full = self.running.count() >= MAX_RUNNING;
        self.running.called.push(called.clone());
        self.running.spawn(async move {
            let run = async {
                match is_full {
                    true => failed("too many functions at a time"),
                    false => {
                        app.tools
                            .run(&admission, &called.id, &called.name, &called.arguments)
                            .await
                    }
                }
            };
            let outcome = AssertUnwindSafe(run).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|_| failed("the function broke down"));
            Finished::Tool(called, outcome)
        });
    }

    pub(super) fn on_finished(&mut self, finished: Finished) -> Result<(), End> {
        self.running.has_come_to(&finished);
        match finished {
            Finished::Tool(called, Outcome::Answer { output, failed }) => {
                self.answer_tool(&called, &output, failed);
            }
            Finished::Tool(called, Outcome::HangUp) => self.leave(called, None),
            Finished::Tool(called, Outcome::Transfer { to }) => self.leave(called, Some(to)),
            Finished::HandedOver(Ok(())) => self.handed_over(),
            Finished::HandedOver(Err(error)) => {
                if let Some(leaving) = self.leaving.take() {
                    let output = json!({ "error": error }).to_string();
                    self.answer_tool(&leaving.call, &output, true);
                }
            }
            Finished::Greeting(greeting) => self.greeting_loaded(greeting),
        }
        self.drain()
    }

    /// What was said before the call is to end was heard, or the caller has spoken over it.
    pub(super) fn last_words_played(&mut self, heard: bool) -> Result<(), End> {
        if !heard {
            // The caller has more to say, so the model must go on listening.
            if let Some(leaving) = self.leaving.take() {
                let output = json!({ "error": "the caller spoke; still connected" }).to_string();
                self.answer_tool(&leaving.call, &output, true);
            }
            return Ok(());
        }
        let (Some(leaving), Some(admission)) = (&mut self.leaving, self.admission.clone()) else {
            return Ok(());
        };
        let Some(to) = leaving.to.clone() else {
            leaving.is_done = true;
            let record = leaving.call.record(HUNG_UP, false);
            self.record_tool(record);
            return Err(End::HungUp);
        };
        let app = Arc::clone(&self.app);
        self.running.spawn(async move {
            let document = dial(&admission.called, &to, RING);
            let updated = app.twilio.update_call(&admission.call_sid, &document).await;
            Finished::HandedOver(updated.map_err(|error| error.to_string()))
        });
        Ok(())
    }

    /// Takes what has finished by now and ends the rest: the caller is gone. What a function has done by then stays
    /// done.
    pub(super) async fn stop_tools(&mut self) {
        self.running.tasks.abort_all();
        while let Some(finished) = self.running.tasks.join_next().await {
            if let Ok(finished) = &finished {
                self.running.has_come_to(finished);
            }
            match finished {
                Ok(Finished::Tool(called, Outcome::Answer { output, failed })) => {
                    self.record_tool(called.record(&output, failed));
                }
                Ok(Finished::Tool(called, _)) => self.record_tool(called.record(GONE, true)),
                // The stream's end may come before Twilio's answer.
                Ok(Finished::HandedOver(Ok(()))) => self.handed_over(),
                _ => {}
            }
        }
        // Stopped halfway, it may have been done all the same.
        for called in std::mem::take(&mut self.running.called) {
            self.record_tool(called.record(UNKNOWN, true));
        }
        if let Some(leaving) = &self.leaving
            && !leaving.is_done
        {
            self.record_tool(leaving.call.record(GONE, true));
        }
    }

    /// Twilio has taken the caller, and ends the stream.
    fn handed_over(&mut self) {
        if let Some(leaving) = &mut self.leaving {
            leaving.is_done = true;
            let record = leaving.call.record(TRANSFERRED, false);
            self.record_tool(record);
        }
    }

    /// Whether the caller was handed over to somebody else.
    pub(super) fn is_handed_over(&self) -> bool {
        let leaving = self.leaving.as_ref();
        leaving.is_some_and(|leaving| leaving.is_done && leaving.to.is_some())
    }

    fn leave(&mut self, call: Called, to: Option<String>) {
        if self.leaving.is_some() {
            let output = json!({ "error": "the call is about to end already" }).to_string();
            return self.answer_tool(&call, &output, true);
        }
        match self.bridge.mark(LAST_WORDS) {
            Ok(()) => {
                self.session.owes = false;
                self.leaving = Some(Leaving {
                    call,
                    to,
                    is_done: false,
                });
            }
            Err(error) => {
                let output = json!({ "error": error.to_string() }).to_string();
                self.answer_tool(&call, &output, true);
            }
        }
    }

    /// Gives the model a function's answer, now or with the next session.
    fn answer_tool(&mut self, called: &Called, output: &str, failed: bool) {
        self.record_tool(called.record(output, failed));
        self.log(
            "tool_output",
            json!({ "tool_call_id": called.id, "output_bytes": output.len(), "failed": failed }),
        );
        self.session.owes = true;
        let asker = match self.session.is_open {
            true => self.conversation.tool_answered(&called.id, output),
            false => {
                self.conversation.tool_answered(&called.id, output);
                Asker::Next
            }
        };
        let answered = match asker {
            Asker::Next => Ok(()),
            Asker::Earlier(command) => {
                let text = render(command).unwrap_or_default();
                let answered = RawJson::new(&text).and_then(|text| self.bridge.send_openai(text));
                self.session.asks_at = Some(self.now());
                answered
            }
            Asker::Current => {
                let answered = match self.bridge.send_tool_output(&called.id, output) {
                    Err(Error::QueueFull { .. }) => {
                        let output = json!({ "error": "the answer is too long" }).to_string();
                        self.bridge.send_tool_output(&called.id, &output)
                    }
                    answered => answered,
                };
                if answered.is_ok() {
                    self.session.bridge_asks();
                }
                answered
            }
        };
        if let Err(error) = answered {
            // The model goes on without the answer once the caller speaks.
            self.log("tool_failed", json!({ "error": error.to_string() }));
        }
    }

    fn record_tool(&self, mut record: ToolCall) {
        if let Some(admission) = &self.admission {
            record.call_id.clone_from(&admission.call_id);
            self.app.journal.write(Record::ToolCall(record));
        }
    }
}

impl Called {
    fn record(&self, output: &str, failed: bool) -> ToolCall {
        ToolCall {
            id: self.id.clone(),
            call_id: String::new(),
            name: self.name.clone(),
            arguments: self.arguments.clone(),
            output: output.to_owned(),
            failed,
            started_at: self.at,
            ended_at: UnixMs::now(),
        }
    }
}

fn failed(why: &str) -> Outcome {
    Outcome::Answer {
        output: json!({ "error": why }).to_string(),
        failed: true,
    }
}

/// Name of the mark behind the last audio before the call ends.
pub(super) const LAST_WORDS: &str = "last-words";
const HUNG_UP: &str = r#"{"hung_up":true}"#;
const TRANSFERRED: &str = r#"{"transferred":true}"#;
/// What is written down of a function that the end of the call has cut off.
const UNKNOWN: &str = r#"{"error":"the caller was gone; whether it was done is not known"}"#;
/// What becomes of a function that was to end the call, when the call has ended without it.
const GONE: &str = r#"{"error":"the caller was gone before"}"#;
/// As many as the bridge remembers.
const MAX_RUNNING: usize = 16;
/// How long the other side's telephone rings.
const RING: Duration = Duration::from_secs(30);

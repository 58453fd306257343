//! One call: one task that owns the bridge and both sockets.
//!
//! Memory per call, with the default settings and no flight recorder: the bridge's storage and one buffer for its longest
//! output (`memory_bytes` in the log line `stream_opened`), 16 KiB of read buffers, and what a slow
//! peer has not taken yet, up to [`MAX_UNSENT_TWILIO`] and [`MAX_UNSENT_MODEL`]; a message being
//! read adds its own length, up to the bridge's caps. The kernel holds 128 KiB for each socket
//! besides.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Utf8Bytes};
use trunkline::{
    Error, RawJson, SessionUpdate,
    bridge::{Event, Output},
    dialect::Speaker,
    playback::heard_text,
};

use crate::{
    app::{App, Phase},
    end::{End, MODEL_SILENCE, START_TIMEOUT, TWILIO_SILENCE},
    flight::Recorded,
    model::{Model, ModelStep},
    peer::{Gone, Incoming, Peer},
    report, tools,
    words::Words,
};

/// Carries one call from the first byte on its stream to the last.
pub(crate) async fn run<S>(app: Arc<App>, socket: WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut call = Call::new(app, socket);
    let end = call.carry().await;
    call.finish(end).await;
}

/// Settings of every call's bridge.
pub(crate) fn bridge_config(app: &App) -> trunkline::bridge::Config {
    let mut config = trunkline::bridge::Config::default();
    config.model_audio = app.config.model_audio;
    config.barge_in = app.config.barge_in;
    config.voice_detection = app.config.voice_detection;
    // Models speak several times faster than they are heard. From the middle of this on, audio
    // would be sent ahead to Twilio, where a barge-in has more to throw away.
    config.downlink_capacity = Duration::from_secs(16);
    config
}

struct Call<S> {
    app: Arc<App>,
    bridge: Recorded,
    buf: Vec<u8>,
    epoch: Instant,
    twilio: Peer<S>,
    model: Model,
    /// A model message for which the bridge has no room yet; nothing more is read from the model
    /// until it is taken.
    held: Option<Utf8Bytes>,
    sid: String,
    /// Notified when Twilio says elsewhere that the call is over.
    over: Arc<Notify>,
    words: Words,
    /// Functions the model has called and nobody has answered.
    tool_calls: VecDeque<ToolCall>,
    /// The `call_id` of a `hang_up` whose last words are still being played.
    hanging_up: Option<String>,
    rejected_messages: u64,
}

struct ToolCall {
    id: String,
    name: String,
    arguments: String,
}

enum Step {
    Due,
    Twilio(Incoming),
    Model(ModelStep),
    End(End),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Call<S> {
    fn new(app: Arc<App>, socket: WebSocketStream<S>) -> Self {
        let config = bridge_config(&app);
        let storage_len = config.storage_len();
        let bridge = Recorded::new(config, app.config.flight_recorder.as_deref());
        let buf = vec![0; bridge.max_output_len()];
        let memory_bytes = storage_len + buf.len() + size_of::<Self>();
        app.log
            .write("stream_opened", json!({ "memory_bytes": memory_bytes }));
        Self {
            app,
            bridge,
            buf,
            epoch: Instant::now(),
            twilio: Peer::new(socket),
            model: Model::Unasked,
            held: None,
            sid: String::new(),
            over: Arc::default(),
            words: Words::default(),
            tool_calls: VecDeque::new(),
            hanging_up: None,
            rejected_messages: 0,
        }
    }

    /// The loop: one input into the bridge, then everything it says out.
    async fn carry(&mut self) -> End {
        let mut phase = self.app.phase.subscribe();
        loop {
            let step = self.step(&mut phase).await;
            let fed = match step {
                Step::Due => self.feed(Recorded::handle_timeout),
                Step::Twilio(Incoming::Text(text)) => {
                    self.feed(|bridge, now| bridge.handle_twilio(now, &text))
                }
                Step::Twilio(Incoming::Closed(frame)) => Err(End::TwilioClosed(frame)),
                Step::Twilio(Incoming::Failed(error)) => Err(End::TwilioFailed(error)),
                Step::Model(ModelStep::Connected(Ok(peer))) => {
                    self.model = Model::Open(peer);
                    self.log("model_connected", json!({}));
                    self.open_session()
                }
                Step::Model(ModelStep::Connected(Err(error))) => {
                    Err(End::ModelRefused(format!("{error:#}")))
                }
                Step::Model(ModelStep::Message(Incoming::Text(text))) => {
                    self.held = Some(text);
                    Ok(())
                }
                Step::Model(ModelStep::Message(Incoming::Closed(frame))) => {
                    Err(End::ModelClosed(frame))
                }
                Step::Model(ModelStep::Message(Incoming::Failed(error))) => {
                    Err(End::ModelFailed(error))
                }
                // Neither protocol has binary messages.
                Step::Twilio(Incoming::Binary)
                | Step::Model(ModelStep::Message(Incoming::Binary)) => {
                    self.rejected_messages += 1;
                    Ok(())
                }
                Step::End(end) => Err(end),
            };
            if let Err(end) = fed
                .and_then(|()| self.feed_held())
                .and_then(|()| self.answer_tool_calls())
            {
                return end;
            }
        }
    }

    /// Waits for the next thing to happen. Twilio is waited for whatever the model does.
    async fn step(&mut self, phase: &mut watch::Receiver<Phase>) -> Step {
        let due = self.bridge.poll_timeout().map(|due| self.epoch + due);
        let patience = match &self.model {
            Model::Unasked => (self.epoch + START_TIMEOUT, End::NotStarted),
            Model::Open(peer)
                if peer.heard() + MODEL_SILENCE < self.twilio.heard() + TWILIO_SILENCE =>
            {
                (peer.heard() + MODEL_SILENCE, End::ModelSilent)
            }
            _ => (self.twilio.heard() + TWILIO_SILENCE, End::TwilioSilent),
        };
        tokio::select! {
            // Paced audio first: a flood from either peer must not delay it. The bridge's next
            // timeout always lies ahead, so nobody starves.
            biased;
            () = sleep_until(due.unwrap_or(patience.0)), if due.is_some() => Step::Due,
            message = self.twilio.next() => Step::Twilio(message),
            step = self.model.next(), if self.held.is_none() => Step::Model(step),
            () = self.over.notified() => Step::End(End::StatusCallback),
            _ = phase.wait_for(|phase| *phase == Phase::Ending) => Step::End(End::Shutdown),
            () = sleep_until(patience.0) => Step::End(patience.1),
        }
    }

    /// Gives the bridge one input and carries out what it says.
    ///
    /// A message the bridge refuses has changed nothing: it is counted and forgotten.
    fn feed(
        &mut self,
        input: impl FnOnce(&mut Recorded, Duration) -> Result<(), Error>,
    ) -> Result<(), End> {
        let now = self.epoch.elapsed();
        if let Err(error) = input(&mut self.bridge, now) {
            self.reject(error);
        }
        self.drain()
    }

    /// Gives the bridge the model's last message, or keeps it while there is no room.
    fn feed_held(&mut self) -> Result<(), End> {
        let Some(text) = self.held.take() else {
            return Ok(());
        };
        match self.bridge.handle_openai(self.epoch.elapsed(), &text) {
            Ok(()) => {}
            Err(Error::QueueFull { .. }) => self.held = Some(text),
            Err(error) => self.reject(error),
        }
        self.drain()
    }

    fn reject(&mut self, error: Error) {
        self.rejected_messages += 1;
        // A peer that sends nothing else must not fill the disk.
        if self.rejected_messages <= 10 {
            self.log("message_refused", json!({ "error": error.to_string() }));
        }
    }

    fn drain(&mut self) -> Result<(), End> {
        let mut buf = std::mem::take(&mut self.buf);
        let drained = self.drain_into(&mut buf);
        self.buf = buf;
        drained
    }

    fn drain_into(&mut self, buf: &mut [u8]) -> Result<(), End> {
        while let Some(output) = self.bridge.poll_output(buf).map_err(End::Bridge)? {
            match output {
                Output::ToTwilio(text) => self.twilio.send(text).map_err(|gone| match gone {
                    Gone::TooSlow => End::TwilioFailed(takes_nothing(MAX_UNSENT_TWILIO)),
                    Gone::Failed(error) => End::TwilioFailed(error),
                })?,
                Output::ToOpenAi(text) => {
                    if let Model::Open(peer) = &mut self.model {
                        peer.send(text).map_err(|gone| match gone {
                            Gone::TooSlow => End::ModelFailed(takes_nothing(MAX_UNSENT_MODEL)),
                            Gone::Failed(error) => End::ModelFailed(error),
                        })?;
                    }
                }
                Output::Event(event) => self.on_event(&event)?,
            }
        }
        Ok(())
    }

    fn on_event(&mut self, event: &Event<'_>) -> Result<(), End> {
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
                if !self
                    .app
                    .tokens
                    .redeem(call_sid, token, std::time::Instant::now())
                {
                    return Err(End::BadToken);
                }
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
    fn open_session(&mut self) -> Result<(), End> {
        let app = Arc::clone(&self.app);
        let config = &app.config;
        let tools = tools::definitions().to_string();
        let mut session = SessionUpdate::default();
        session.instructions = Some(&config.instructions);
        session.voice = Some(&config.voice);
        session.transcription_model = config.transcription_model.as_deref();
        session.tools = Some(RawJson::new(&tools).expect("serde_json writes valid JSON"));
        self.bridge.update_session(&session).map_err(End::Bridge)?;
        if let Some(greeting) = &config.greeting {
            let response = json!({ "instructions": greeting }).to_string();
            let response = RawJson::new(&response).expect("serde_json writes valid JSON");
            self.bridge
                .create_response(Some(response))
                .map_err(End::Bridge)?;
        }
        self.drain()
    }

    fn answer_tool_calls(&mut self) -> Result<(), End> {
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

    /// Leaves both peers with a proper goodbye and writes down how the call went.
    async fn finish(mut self, end: End) {
        let now = self.epoch.elapsed();
        let (reason, fields) = end.describe();
        if !matches!(end, End::Bridge(_)) {
            // What the bridge still says concerns peers that are gone; its events do not.
            if end.is_models_fault() {
                let _ = self.bridge.handle_openai_closed(now);
                let _ = self.drain();
            }
            let _ = self.bridge.handle_twilio_closed(now);
            let _ = self.drain();
        }
        self.app.calls.remove(&self.sid, &self.over);
        let (code, text) = end.close_code();
        let model = async {
            if let Model::Open(peer) = &mut self.model {
                peer.close(1000, "").await;
            }
        };
        tokio::join!(self.twilio.close(code, text), model);
        let mut summary = json!({
            "reason": reason,
            "duration_ms": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            "messages_refused": self.rejected_messages,
            "stats": report::stats(self.bridge.stats()),
        });
        if let (Value::Object(summary), Value::Object(fields)) = (&mut summary, fields) {
            summary.extend(fields);
        }
        if let Some(recording) = self.bridge.close().await {
            summary["flight_recorder"] = recording;
        }
        self.log("stream_closed", summary);
    }

    fn log(&self, event: &str, mut fields: Value) {
        if let Value::Object(fields) = &mut fields
            && !self.sid.is_empty()
        {
            fields.insert("call_sid".to_owned(), self.sid.as_str().into());
        }
        self.app.log.write(event, fields);
    }
}

/// Nothing is dropped of what a peer is sent: one that does not read is given up at the limit.
fn takes_nothing(limit: usize) -> String {
    format!("takes no audio, though {limit} bytes wait for it")
}

/// Bytes Twilio may leave unread: some 5 s of audio.
pub(crate) const MAX_UNSENT_TWILIO: usize = 128 << 10;
/// Bytes the model may leave unread: some 5 s of audio.
pub(crate) const MAX_UNSENT_MODEL: usize = 384 << 10;

/// Name of the mark behind the last audio before a hang-up.
const LAST_WORDS: &str = "last-words";
/// Stands for a `hang_up` that the caller has interrupted; no name a model can call.
const INTERRUPTED_HANG_UP: &str = "";

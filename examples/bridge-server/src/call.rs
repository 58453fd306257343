//! One call: one task that owns the bridge and both sockets.
//!
//! Memory per call, with the default settings and no flight recorder: the bridge's storage and one buffer for its longest
//! output (`memory_bytes` in the log line `stream_opened`), 16 KiB of read buffers, and what a slow
//! peer has not taken yet, up to [`MAX_UNSENT_TWILIO`] and [`MAX_UNSENT_MODEL`]; a message being
//! read adds its own length, up to the bridge's caps. The kernel holds 128 KiB for each socket
//! besides.

mod events;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Utf8Bytes};
use trunkline::{Error, bridge::Output};

use crate::{
    admission::Admission,
    app::{App, Phase},
    end::{End, MODEL_SILENCE, START_TIMEOUT, TWILIO_SILENCE},
    flight::Recorded,
    model::{Model, ModelStep},
    peer::{Gone, Incoming, Peer},
    report,
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
    /// The bridge's time, which never goes back.
    clock: Duration,
    twilio: Peer<S>,
    model: Model,
    /// A model message for which the bridge has no room yet; nothing more is read from the model
    /// until it is taken.
    held: Option<Utf8Bytes>,
    sid: String,
    admission: Option<Arc<Admission>>,
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
            clock: Duration::ZERO,
            twilio: Peer::new(socket),
            model: Model::Unasked,
            held: None,
            sid: String::new(),
            admission: None,
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
                Step::Due => {
                    // What is due in this tick is due.
                    if let Some(due) = self.bridge.poll_timeout() {
                        self.clock = self.clock.max(due.min(self.epoch.elapsed() + TICK));
                    }
                    self.feed(Recorded::handle_timeout)
                }
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
        // Timers round up to the next tick, and so does the wait for them: a frame of audio is as often a
        // little early as late.
        let due = self.bridge.poll_timeout();
        let due = due.map(|due| self.epoch + due.saturating_sub(TICK));
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
        let now = self.now();
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
        let now = self.now();
        match self.bridge.handle_openai(now, &text) {
            Ok(()) => {}
            Err(Error::QueueFull { .. }) => self.held = Some(text),
            Err(error) => self.reject(error),
        }
        self.drain()
    }

    /// The bridge's time now.
    fn now(&mut self) -> Duration {
        self.clock = self.clock.max(self.epoch.elapsed());
        self.clock
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

    /// Leaves both peers with a proper goodbye and writes down how the call went.
    async fn finish(mut self, end: End) {
        let now = self.now();
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
        if end.leaves_the_caller() {
            self.app.admissions.await_farewell(&self.sid);
        }
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

/// Of tokio's timers.
const TICK: Duration = Duration::from_millis(1);
/// Bytes Twilio may leave unread: some 5 s of audio.
pub(crate) const MAX_UNSENT_TWILIO: usize = 128 << 10;
/// Bytes the model may leave unread: some 5 s of audio.
pub(crate) const MAX_UNSENT_MODEL: usize = 384 << 10;

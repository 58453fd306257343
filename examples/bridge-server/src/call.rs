//! One call: one task that owns the bridge and the sockets.
//!
//! Memory per call, with the default settings and no flight recorder: `memory_bytes` in the log line `stream_opened`
//! (the bridge's storage and what this task holds), 16 KiB of read buffers, up to 28 KiB of what was said, and what a
//! slow peer has not taken yet, up to [`MAX_UNSENT_TWILIO`] and [`MAX_UNSENT_MODEL`]; a message being read adds its
//! own length, up to the bridge's caps. The kernel holds 128 KiB for each socket besides.

mod conversation;
mod ending;
mod events;
mod greeting;
mod logprobs;
mod measured;
mod patience;
mod rotation;
mod session;
mod settings;
mod tools;

use std::{cell::Cell, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Utf8Bytes};
use trunkline::{Error, bridge::Output};

pub(crate) use self::patience::Patience;
use self::{
    conversation::{Conversation, Line},
    greeting::Greeting,
    measured::Measured,
    session::Session,
    tools::{Finished, Leaving, Running},
};
use crate::{
    admission::Admission,
    app::{App, Phase},
    end::{End, MODEL_SILENCE, START_TIMEOUT, TWILIO_SILENCE},
    flight::Recorded,
    model::{Model, ModelStep},
    peer::{Gone, Incoming, Peer},
    record::Record,
    recording::Tap,
    time::UnixMs,
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
    let mut config = bounds();
    config.model_audio = app.config.model_audio;
    config.barge_in = app.config.barge_in;
    config.voice_detection = app.config.voice_detection;
    config
}

/// What every call's bridge may hold.
fn bounds() -> trunkline::bridge::Config {
    let mut config = trunkline::bridge::Config::default();
    config.downlink_capacity = DOWNLINK_CAPACITY;
    config.uplink_capacity = UPLINK_CAPACITY;
    config.text_capacity = TEXT_CAPACITY;
    config
}

struct Call<S> {
    app: Arc<App>,
    bridge: Recorded,
    epoch: Instant,
    /// What the last timer was set for, where that is ahead of the clock.
    reached: Duration,
    twilio: Peer<S>,
    model: Model,
    /// The socket of the next session, while the present one still goes on.
    standby: Model,
    /// A model message for which the bridge has no room yet; nothing more is read from the model
    /// until it is taken.
    held: Option<Utf8Bytes>,
    /// The model message whose events are being told, for what the bridge leaves out of them.
    current: Option<Utf8Bytes>,
    sid: String,
    stream_sid: String,
    /// Once the token was shown.
    admission: Option<Arc<Admission>>,
    /// Notified when Twilio says elsewhere that the call is over.
    over: Arc<Notify>,
    session: Session,
    conversation: Conversation,
    /// Playback as it was before the last input.
    line: Line,
    /// What earlier sessions have said is to be told as far as it was heard, now.
    settles_all: bool,
    greeting: Greeting,
    running: Running,
    leaving: Option<Leaving>,
    measured: Measured,
    tap: Option<Tap>,
    rejected_messages: u64,
}

enum Step {
    Due(Duration),
    Twilio(Incoming),
    Model(ModelStep),
    Standby(ModelStep),
    Finished(Finished),
    End(End),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Call<S> {
    fn new(app: Arc<App>, socket: WebSocketStream<S>) -> Self {
        let config = bridge_config(&app);
        let memory_bytes = config.storage_len() + size_of::<Self>();
        let bridge = Recorded::new(config, app.config.flight_recorder.as_deref());
        app.log
            .write("stream_opened", json!({ "memory_bytes": memory_bytes }));
        Self {
            app,
            bridge,
            epoch: Instant::now(),
            reached: Duration::ZERO,
            twilio: Peer::new(socket),
            model: Model::Absent,
            standby: Model::Absent,
            held: None,
            current: None,
            sid: String::new(),
            stream_sid: String::new(),
            admission: None,
            over: Arc::default(),
            session: Session::default(),
            conversation: Conversation::default(),
            line: Line::default(),
            settles_all: false,
            greeting: Greeting::None,
            running: Running::default(),
            leaving: None,
            measured: Measured::default(),
            tap: None,
            rejected_messages: 0,
        }
    }

    /// The loop: one input into the bridge, then everything it says out.
    async fn carry(&mut self) -> End {
        let mut phase = self.app.phase.subscribe();
        loop {
            let step = self.step(&mut phase).await;
            self.line = self.playback();
            let done = self
                .take(step)
                .and_then(|()| self.feed_held())
                .and_then(|()| self.go_on());
            if let Err(end) = done
                && let Err(end) = self.heal(end)
            {
                return end;
            }
        }
    }

    /// Waits for the next thing to happen. Twilio is waited for whatever the model does.
    async fn step(&mut self, phase: &mut watch::Receiver<Phase>) -> Step {
        let now = self.now();
        let times = [
            self.bridge.poll_timeout(),
            self.greeting.due(),
            // If the time has come and the answer could not be asked for, the next input may help.
            self.session.asks_at.filter(|at| *at > now),
        ];
        let due = times.into_iter().flatten().min();
        // Timers round up to the next tick, and so does the wait for them: with this a frame of audio is as
        // often a little early as late.
        let timer = due.map(|due| self.epoch + due.saturating_sub(TICK));
        let patience = self.patience();
        tokio::select! {
            // Paced audio first: a flood from either peer must not delay it. The bridge's next
            // timeout always lies ahead, so nobody starves.
            biased;
            () = sleep_until(timer.unwrap_or(patience.0)), if due.is_some() => {
                Step::Due(due.unwrap_or_default())
            }
            message = self.twilio.next() => Step::Twilio(message),
            step = self.model.next(), if self.held.is_none() => Step::Model(step),
            finished = self.running.next() => Step::Finished(finished),
            step = self.standby.next() => Step::Standby(step),
            () = self.over.notified() => Step::End(End::StatusCallback),
            _ = phase.wait_for(|phase| *phase == Phase::Ending) => Step::End(End::Shutdown),
            () = sleep_until(patience.0) => Step::End(patience.1),
        }
    }

    /// The call's time: its clock, or what a timer was set for that came within a tick of that. Never goes
    /// back.
    fn now(&self) -> Duration {
        self.epoch.elapsed().max(self.reached)
    }

    /// Until when nothing needs to happen, and what it means if nothing does.
    fn patience(&self) -> (Instant, End) {
        if self.admission.is_none() {
            return (self.epoch + START_TIMEOUT, End::NotStarted);
        }
        let mut patience = (self.twilio.heard() + TWILIO_SILENCE, End::TwilioSilent);
        if let Model::Open(peer) = &self.model {
            let silent = (peer.heard() + MODEL_SILENCE, End::ModelSilent);
            let confirmed = self
                .session
                .confirm_by
                .map(|by| (self.epoch + by, End::ModelUnconfirmed));
            for other in [Some(silent), confirmed].into_iter().flatten() {
                if other.0 < patience.0 {
                    patience = other;
                }
            }
        }
        patience
    }

    fn take(&mut self, step: Step) -> Result<(), End> {
        match step {
            Step::Due(due) => {
                self.reached = self.now().max(due.min(self.epoch.elapsed() + TICK));
                self.feed(Recorded::handle_timeout)
            }
            Step::Twilio(Incoming::Text(text)) => {
                if let Some(tap) = &mut self.tap {
                    tap.from_twilio(&text);
                }
                self.measured.heard_from_twilio(self.now(), &text);
                self.greeting_echoed(&text);
                self.feed(|bridge, now| bridge.handle_twilio(now, &text))
            }
            Step::Twilio(Incoming::Closed(frame)) => Err(End::TwilioClosed(frame)),
            Step::Twilio(Incoming::Failed(error)) => Err(End::TwilioFailed(error)),
            Step::Model(ModelStep::Connected(Ok(peer))) => {
                self.model = Model::Open(peer);
                self.log("model_connected", json!({}));
                self.open_session()
            }
            Step::Model(ModelStep::Connected(Err(refused))) => Err(End::ModelRefused(refused)),
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
            Step::Twilio(Incoming::Binary) | Step::Model(ModelStep::Message(Incoming::Binary)) => {
                self.rejected_messages += 1;
                Ok(())
            }
            Step::Standby(step) => {
                self.on_standby(step);
                Ok(())
            }
            Step::Finished(finished) => self.on_finished(finished),
            Step::End(end) => Err(end),
        }
    }

    /// What may have become possible with the last input.
    fn go_on(&mut self) -> Result<(), End> {
        self.play_greeting()?;
        self.tell_the_rest()?;
        self.ask()?;
        self.rotate()?;
        self.measured.note_latency(self.bridge.stats());
        self.write_turns();
        Ok(())
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
        match self.bridge.handle_openai(self.now(), &text) {
            Ok(()) => self.current = Some(text),
            Err(Error::QueueFull { .. }) => self.held = Some(text),
            Err(error) => self.reject(error),
        }
        let drained = self.drain();
        self.current = None;
        drained
    }

    fn reject(&mut self, error: Error) {
        self.rejected_messages += 1;
        // A peer that sends nothing else must not fill the disk.
        if self.rejected_messages <= 10 {
            self.log("message_refused", json!({ "error": error.to_string() }));
        }
    }

    fn drain(&mut self) -> Result<(), End> {
        let mut buf = OUTPUT.take();
        if buf.len() < self.bridge.max_output_len() {
            buf.resize(self.bridge.max_output_len(), 0);
        }
        let drained = self.drain_into(&mut buf);
        OUTPUT.set(buf);
        drained
    }

    fn drain_into(&mut self, buf: &mut [u8]) -> Result<(), End> {
        loop {
            // Before the caller's audio, which the bridge brings out when nothing else is left.
            self.tell();
            let Some(output) = self.bridge.poll_output(buf).map_err(End::Bridge)? else {
                if !std::mem::take(&mut self.settles_all) {
                    return Ok(());
                }
                self.conversation.settle(self.line, true, UnixMs::now());
                continue;
            };
            match output {
                Output::ToTwilio(text) => {
                    // One voice at a time: what the caller may not stop, the model's answer does.
                    self.interrupt_greeting()?;
                    self.send_twilio(text)?;
                }
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
    }

    fn send_twilio(&mut self, text: &str) -> Result<(), End> {
        let now = self.now();
        let queued = self.bridge.queued_at_carrier(now);
        self.measured.told_twilio(now + queued, text);
        self.twilio.send(text).map_err(|gone| match gone {
            Gone::TooSlow => End::TwilioFailed(takes_nothing(MAX_UNSENT_TWILIO)),
            Gone::Failed(error) => End::TwilioFailed(error),
        })?;
        if let Some(tap) = &mut self.tap {
            tap.to_twilio(text);
        }
        Ok(())
    }

    /// How far playback is now.
    fn playback(&self) -> Line {
        let stats = self.bridge.stats();
        let queued = self.bridge.queued_at_carrier(self.now());
        let queued = u64::try_from(queued.as_millis() * 8).unwrap_or(u64::MAX);
        let received = stats.received_samples;
        Line {
            received,
            heard: received.saturating_sub(stats.depth_samples.saturating_add(queued)),
        }
    }

    /// Writes down the turns that are over.
    fn write_turns(&mut self) {
        let Some(admission) = &self.admission else {
            return;
        };
        while let Some(turn) = self.conversation.take_turn(&admission.call_id) {
            self.measured.turn(&turn);
            self.app.journal.write(Record::Turn(turn));
        }
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

thread_local! {
    /// Room for one output of a bridge. A drain never waits, so that the calls of a thread can share it.
    static OUTPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Models speak several times faster than they are heard. From the middle of this on, audio
/// would be sent ahead to Twilio, where a barge-in has more to throw away.
const DOWNLINK_CAPACITY: Duration = Duration::from_secs(16);
/// The caller's audio that waits for a new session.
const UPLINK_CAPACITY: Duration = Duration::from_secs(5);
/// An agent's instructions and the schemas of its tools together.
const TEXT_CAPACITY: usize = 24 << 10;
/// Of tokio's timers.
const TICK: Duration = Duration::from_millis(1);
/// Bytes Twilio may leave unread: some 5 s of audio.
pub(crate) const MAX_UNSENT_TWILIO: usize = 128 << 10;
/// Bytes the model may leave unread: some 5 s of audio, and a conversation told again.
pub(crate) const MAX_UNSENT_MODEL: usize = 512 << 10;

#[cfg(test)]
mod tests {
    use hyper::upgrade::Upgraded;
    use hyper_util::rt::TokioIo;

    use super::{conversation::MAX_BYTES, *};

    #[test]
    fn a_call_takes_no_more_than_a_quarter_of_a_mebibyte() {
        // The task, which holds the call while it waits and while it ends; a read buffer for each socket; and what was
        // said, with the growth of the newest items.
        let call = size_of::<Call<TokioIo<Upgraded>>>();
        let all = bounds().storage_len() + 2 * call + 2 * (8 << 10) + MAX_BYTES + (8 << 10);
        assert!(all <= 256 << 10, "{all} bytes, {call} of them the call's");
    }
}

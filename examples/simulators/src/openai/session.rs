//! One session: its state, its timers, and the turns that voice detection makes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{Stream, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message};

use super::Options;
use super::config::Config;
use super::conversation::Conversation;
use super::error::ApiError;
use super::handshake::Outgoing;
use super::input::Input;
use super::plan::Response;
use super::record::{Close, SessionRecord};
use super::trouble::Troubles;
use super::vad::Change;
use crate::fault::Window;
use crate::random::Random;

/// A session in progress.
pub(super) struct Session {
    pub(super) options: Arc<Options>,
    pub(super) config: Config,
    pub(super) conversation: Conversation,
    pub(super) responses: Vec<Response>,
    /// Responses of the default conversation so far.
    pub(super) answered: usize,
    /// The last turn had no words in it: the next response says again what the last one said.
    pub(super) repeats: bool,
    pub(super) conversation_id: String,
    pub(super) random: Random,
    number: u64,
    pub(super) started: Duration,
    pub(super) troubles: Troubles,
    record: Arc<Mutex<SessionRecord>>,
    pub(super) outgoing: mpsc::UnboundedSender<Outgoing>,
    pub(super) input: Input,
    pub(super) user_turns: usize,
    timers: Vec<(Duration, Timer)>,
    pub(super) counts: HashMap<(bool, String), usize>,
    pub(super) paused_until: Option<Duration>,
    pub(super) ending: Option<End>,
    pub(super) events: u64,
    ids: u64,
}

/// Something to be done later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    Transcript {
        item_id: String,
        text: String,
        audio_ms: u64,
    },
    RateLimits,
    Idle,
    Ping,
    Expire,
    /// Of the fault with this index.
    Fault(usize),
    /// The voice detection noticed this before, counted from this sample.
    Vad(usize, Change),
    /// The voice detection takes nothing for speech.
    FalseSpeech(Window),
    FalseSpeechEnds,
}

/// Why a session is over.
pub(super) enum End {
    Close(Close),
    Cut,
    Reset,
}

impl Session {
    pub(super) fn new(
        number: u64,
        model: &str,
        options: Arc<Options>,
        record: Arc<Mutex<SessionRecord>>,
        outgoing: mpsc::UnboundedSender<Outgoing>,
    ) -> Self {
        let mut random = Random::new(options.seed.wrapping_add(number << 32));
        let id = format!("sess_{}", random.hex(21));
        let limit = SystemTime::now() + options.session_limit;
        let expires_at = limit
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        let config = Config::new(&id, model, expires_at);
        {
            let mut record = record.lock().unwrap_or_else(|broken| broken.into_inner());
            record.id = id;
            record.session = config.session.clone();
        }
        let now = options.clock.now();
        let timers = vec![
            (now + options.session_limit, Timer::Expire),
            (now + options.ping, Timer::Ping),
        ];
        let mut session = Self {
            input: Input::new(),
            config,
            conversation: Conversation::default(),
            responses: Vec::new(),
            answered: 0,
            repeats: false,
            conversation_id: format!("conv_{}", random.hex(21)),
            troubles: Troubles::new(&options.faults, random.next()),
            random,
            number,
            started: now,
            record,
            outgoing,
            user_turns: 0,
            timers,
            counts: HashMap::new(),
            paused_until: None,
            ending: None,
            events: 0,
            ids: 0,
            options,
        };
        session.configure_input();
        session.set_alarms();
        session
    }

    /// Runs the session to its end; whether the connection is to be reset.
    pub(super) async fn run(
        mut self,
        mut source: impl Stream<Item = Result<Message, WsError>> + Unpin,
        mut stopped: watch::Receiver<bool>,
    ) -> bool {
        let clock = self.options.clock;
        self.log("opened", json!({ "model": self.config.session["model"] }));
        let created = json!({ "session": self.config.session });
        self.send("session.created", created);
        while self.ending.is_none() {
            if let Some(time) = self.paused_until.take() {
                clock.until(time).await;
            }
            let since = clock.now() - self.started;
            let (is_deaf, until) = Window::state(&self.troubles.deaf, since);
            let until = until.map(|until| self.started + until);
            tokio::select! {
                () = clock.until_some(self.next_time()) => self.tick(),
                () = clock.until_some(until) => {}
                message = source.next(), if !is_deaf => match message {
                    Some(Ok(message)) => self.receive(message),
                    Some(Err(_)) | None => {
                        self.ending = Some(End::Cut);
                    }
                },
                _ = stopped.changed() => self.close(1001, "going away"),
            }
        }
        let closed_by_client = match self.ending.take() {
            Some(End::Close(close)) => {
                let by_server = close.by_server;
                let frame = CloseFrame {
                    code: close.code.into(),
                    reason: close.reason.clone().into(),
                };
                self.record().close = Some(close);
                if by_server {
                    let message = Message::Close(Some(frame));
                    let _ = self.outgoing.send(Outgoing::Message(message));
                }
                !by_server
            }
            Some(End::Reset) => return true,
            _ => {
                let _ = self.outgoing.send(Outgoing::Cut);
                return false;
            }
        };
        drop(self);
        if !closed_by_client {
            // Read on until the client answers the close frame, so that it is not reset.
            let _ = tokio::time::timeout(CLOSE_LIMIT, async {
                while let Some(Ok(_)) = source.next().await {}
            })
            .await;
        }
        false
    }

    /// When what is sent now leaves.
    pub(super) fn sending_time(&self) -> Duration {
        self.options
            .clock
            .now()
            .max(self.paused_until.unwrap_or_default())
    }

    /// Whether a fault holds the session up.
    pub(super) fn is_paused(&self) -> bool {
        self.paused_until.is_some()
    }

    pub(super) fn record(&self) -> MutexGuard<'_, SessionRecord> {
        self.record
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }

    /// A fresh identifier.
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        format!("{prefix}_{:04}{}", self.ids, self.random.hex(17))
    }

    pub(super) fn later(&mut self, delay: Duration, timer: Timer) {
        self.timers.push((self.options.clock.now() + delay, timer));
    }

    pub(super) fn cancel_timer(&mut self, timer: &Timer) {
        self.timers.retain(|(_, other)| other != timer);
    }

    pub(super) fn log(&self, kind: &str, mut fields: Value) {
        if !self.options.log.is_on() {
            return;
        }
        fields["session"] = json!(self.number);
        self.options
            .log
            .report(self.options.clock.now(), "openai", kind, fields);
    }

    fn next_time(&self) -> Option<Duration> {
        let timers = self.timers.iter().map(|&(time, _)| time);
        timers
            .chain(self.responses.iter().filter_map(Response::next_time))
            .min()
    }

    fn tick(&mut self) {
        let now = self.options.clock.now();
        self.run_responses(now);
        while let Some(due) = self.timers.iter().position(|&(time, _)| time <= now)
            && !self.is_paused()
        {
            match self.timers.swap_remove(due).1 {
                Timer::Ping => {
                    let ping = Message::Ping(Bytes::from_static(b"ping"));
                    let _ = self.outgoing.send(Outgoing::Message(ping));
                    self.later(self.options.ping, Timer::Ping);
                }
                Timer::Expire => {
                    let minutes = (self.options.session_limit.as_secs_f64() / 60.0).ceil();
                    let message =
                        format!("Your session hit the maximum duration of {minutes} minutes.");
                    let error = ApiError::new("session_expired", message);
                    let reason = error.close_reason();
                    self.error(error, None);
                    self.close(1001, &reason);
                }
                Timer::Transcript {
                    item_id,
                    text,
                    audio_ms,
                } => {
                    self.transcribed(&item_id, &text, audio_ms);
                }
                Timer::RateLimits => {
                    let limits = json!([{
                        "name": "tokens", "limit": 15_000_000, "remaining": 14_990_000,
                        "reset_seconds": 0.04,
                    }]);
                    self.send("rate_limits.updated", json!({ "rate_limits": limits }));
                }
                Timer::Idle => self.idle(),
                Timer::Fault(index) => self.alarm(index),
                Timer::Vad(first, change) => self.turn_changed(first, change),
                Timer::FalseSpeech(window) => self.false_speech(window),
                Timer::FalseSpeechEnds => self.false_speech_ends(),
            }
        }
    }
}

const CLOSE_LIMIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;

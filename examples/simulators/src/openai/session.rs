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
use super::record::{Close, ErrorRecord, EventRecord, SessionRecord};
use crate::random::Random;

/// A session in progress.
pub(super) struct Session {
    pub(super) options: Arc<Options>,
    pub(super) config: Config,
    pub(super) conversation: Conversation,
    pub(super) responses: Vec<Response>,
    /// Responses of the default conversation so far.
    pub(super) answered: usize,
    pub(super) conversation_id: String,
    pub(super) random: Random,
    number: u64,
    record: Arc<Mutex<SessionRecord>>,
    pub(super) outgoing: mpsc::UnboundedSender<Outgoing>,
    pub(super) input: Input,
    pub(super) user_turns: usize,
    timers: Vec<(Duration, Timer)>,
    pub(super) counts: HashMap<(bool, String), usize>,
    pub(super) paused_until: Option<Duration>,
    pub(super) ending: Option<End>,
    events: u64,
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
}

/// Why a session is over.
pub(super) enum End {
    Close(Close),
    Cut,
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
            conversation_id: format!("conv_{}", random.hex(21)),
            random,
            number,
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
        session
    }

    /// Runs the session to its end.
    pub(super) async fn run(
        mut self,
        mut source: impl Stream<Item = Result<Message, WsError>> + Unpin,
        mut stopped: watch::Receiver<bool>,
    ) {
        let clock = self.options.clock;
        self.log("opened", json!({ "model": self.config.session["model"] }));
        let created = json!({ "session": self.config.session });
        self.send("session.created", created);
        while self.ending.is_none() {
            if let Some(time) = self.paused_until.take() {
                clock.until(time).await;
            }
            tokio::select! {
                () = clock.until_some(self.next_time()) => self.tick(),
                message = source.next() => match message {
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
            _ => {
                let _ = self.outgoing.send(Outgoing::Cut);
                return;
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
    }

    /// Sends a server event; `fields` follow `type` and `event_id`.
    pub(super) fn send(&mut self, kind: &str, fields: Value) {
        if self.ending.is_some() || !self.faults(false, kind) {
            return;
        }
        self.events += 1;
        let mut event = json!({ "type": kind, "event_id": format!("event_{}", self.events) });
        if let (Value::Object(event), Value::Object(fields)) = (&mut event, fields) {
            event.extend(fields);
        }
        let _ = self
            .outgoing
            .send(Outgoing::Message(Message::text(event.to_string())));
        let time = self.sending_time();
        if kind == "response.output_audio.delta" {
            shorten(&mut event, "delta");
        } else if kind == "conversation.item.retrieved"
            && let Some(part) = event.pointer_mut("/item/content/0")
        {
            shorten(part, "audio");
        }
        self.log("sent", json!({ "event": event }));
        self.record().server_events.push(EventRecord {
            time,
            kind: kind.to_owned(),
            event,
        });
    }

    /// Sends an `error` event about the client event `event_id`.
    pub(super) fn error(&mut self, error: ApiError, event_id: Option<&str>) {
        let time = self.sending_time();
        self.send("error", json!({ "error": error.to_json(event_id) }));
        self.record().errors.push(ErrorRecord {
            time,
            code: error.code,
            message: error.message,
            param: error.param,
        });
    }

    /// Closes the connection from this side.
    pub(super) fn close(&mut self, code: u16, reason: &str) {
        self.ending = Some(End::Close(Close {
            code,
            reason: reason.to_owned(),
            by_server: true,
        }));
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
            }
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Text(text) => self.receive_text(&text),
            Message::Binary(_) => {
                let message = "Binary messages are not supported. Send JSON text.";
                self.error(ApiError::new("invalid_event", message), None);
            }
            Message::Close(frame) => {
                let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                    (frame.code.into(), frame.reason.to_string())
                });
                self.ending = Some(End::Close(Close {
                    code,
                    reason,
                    by_server: false,
                }));
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }

    fn receive_text(&mut self, text: &str) {
        let time = self.options.clock.now();
        let event: Value = match serde_json::from_str(text) {
            Ok(event) => event,
            Err(error) => {
                let event = json!(text.chars().take(500).collect::<String>());
                self.record().client_events.push(EventRecord {
                    time,
                    kind: String::new(),
                    event,
                });
                let message = format!("Failed to parse the event as JSON: {error}");
                self.error(ApiError::new("invalid_json", message), None);
                return;
            }
        };
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        let mut kept = event.clone();
        if kind == "input_audio_buffer.append" {
            shorten(&mut kept, "audio");
        }
        self.log("received", json!({ "event": kept }));
        self.record().client_events.push(EventRecord {
            time,
            kind: kind.clone(),
            event: kept,
        });
        if !self.faults(true, &kind) {
            return;
        }
        if let Err(error) = self.client_event(&kind, &event) {
            let event_id = event["event_id"].as_str();
            self.error(error, event_id);
        }
    }
}

/// Replaces base64 text by the number of bytes it holds.
fn shorten(object: &mut Value, key: &str) {
    if let Some(Value::String(text)) = object.get(key) {
        let padding = text.bytes().rev().take_while(|&byte| byte == b'=').count();
        object[key] = json!((text.len() / 4 * 3).saturating_sub(padding));
    }
}

const CLOSE_LIMIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine};
    use proptest::prelude::*;

    use super::*;
    use crate::Speech;
    use crate::openai::{Answer, Turn};

    /// One of each kind of client event that is taken.
    fn valid_events() -> Vec<Value> {
        let message = json!({
            "id": "msg_1", "type": "message", "role": "user",
            "content": [{ "type": "input_text", "text": "Hi" }],
        });
        let call =
            json!({ "type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}" });
        let output = json!({ "type": "function_call_output", "call_id": "call_1", "output": "1" });
        let detection = json!({ "type": "server_vad", "threshold": 0.4, "idle_timeout_ms": 6000 });
        let session = json!({
            "type": "realtime", "output_modalities": ["audio"], "max_output_tokens": "inf",
            "audio": {
                "input": { "format": { "type": "audio/pcmu" }, "turn_detection": detection },
                "output": { "format": { "type": "audio/pcm", "rate": 24000 }, "voice": "marin" },
            },
        });
        let loud = BASE64_STANDARD.encode([0x80; 800]);
        let create = "conversation.item.create";
        vec![
            json!({ "type": "session.update", "event_id": "evt_1", "session": session }),
            json!({ "type": "input_audio_buffer.append", "audio": loud }),
            json!({ "type": "input_audio_buffer.commit" }),
            json!({ "type": "input_audio_buffer.clear" }),
            json!({ "type": create, "previous_item_id": "root", "item": message }),
            json!({ "type": create, "item": call }),
            json!({ "type": create, "item": output }),
            json!({ "type": "conversation.item.retrieve", "item_id": "msg_1" }),
            json!({
                "type": "conversation.item.truncate", "item_id": "msg_1", "content_index": 0,
                "audio_end_ms": 1,
            }),
            json!({ "type": "conversation.item.delete", "item_id": "msg_1" }),
            json!({ "type": "response.create", "response": { "metadata": { "a": "b" } } }),
            json!({ "type": "response.cancel" }),
        ]
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
            Just(json!("audio/pcma")),
            Just(json!("root")),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    /// Replaces, or removes, the `at`-th value inside `event`.
    fn damage(event: &mut Value, at: &mut usize, by: &Option<Value>) {
        let children: Vec<&mut Value> = match event {
            Value::Object(fields) => {
                if let (None, true) = (by, *at < fields.len()) {
                    let key = fields.keys().nth(*at).cloned().unwrap_or_default();
                    fields.remove(&key);
                    *at = usize::MAX;
                    return;
                }
                fields.values_mut().collect()
            }
            Value::Array(values) => values.iter_mut().collect(),
            _ => return,
        };
        for child in children {
            match (&by, *at) {
                (_, usize::MAX) => return,
                (Some(by), 0) => {
                    *child = by.clone();
                    *at = usize::MAX;
                }
                _ => {
                    *at -= usize::from(*at > 0);
                    damage(child, at, by);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(
            std::env::var("TRUNKLINE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
        ))]

        #[test]
        fn no_sequence_of_damaged_events_breaks_a_session(
            events in prop::collection::vec(
                (0_usize..12, prop::option::of((0_usize..20, prop::option::of(any_json())))),
                1..40,
            )
        ) {
            let turn = Turn::unasked(Answer::speech(Speech::new(vec![1; 2_400], 24_000), "Yes."));
            let options = Arc::new(Options {
                turns: vec![turn],
                latency: Duration::ZERO,
                ..Options::default()
            });
            let record = Arc::default();
            let (outgoing, mut sent) = mpsc::unbounded_channel();
            let mut session = Session::new(1, "gpt-realtime-2.1", options, record, outgoing);
            let valid = valid_events();
            for (event, damaged) in events {
                let mut event = valid[event].clone();
                if let Some((mut at, by)) = damaged {
                    damage(&mut event, &mut at, &by);
                }
                let errors = session.record().errors.len();
                let before = session.config.session.clone();
                session.receive_text(&event.to_string());
                session.tick();
                if session.record().errors.len() > errors {
                    prop_assert_eq!(&session.config.session, &before, "{}", event);
                }
                prop_assert!(session.ending.is_none());
            }
            let update = json!({ "type": "session.update", "session": { "type": "realtime" } });
            session.receive_text(&update.to_string());
            let kind = session.record().server_events.last().map(|it| it.kind.clone());
            prop_assert_eq!(kind.as_deref(), Some("session.updated"));
            while let Ok(message) = sent.try_recv() {
                prop_assert!(matches!(message, Outgoing::Message(Message::Text(_))));
            }
        }
    }
}

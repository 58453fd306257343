//! The server between both simulators, all on one clock.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use trunkline_simulators::{
    Clock, Log,
    openai::{self, Answer, SessionRecord, Turn},
    twilio::{self, CallRecord, Step},
};

use crate::{Options, Server, WallClock, conversation::Conversation, kept, progress};

/// A server and a model that are up, and everything that is written down.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) model: openai::Server,
    clock: Clock,
    simulators: Log,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Stage {
    /// Starts both. The model speaks at `speed` times real time; `arguments` are more of them for the
    /// server.
    pub(crate) async fn set(
        options: &Options,
        conversation: &Conversation,
        speed: f64,
        faults: Vec<openai::Fault>,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let shows_progress = options.shows_progress;
        let epoch = Instant::now();
        let clock = Clock::from_epoch(epoch);
        let wall = WallClock::since(epoch);
        let log: Arc<Mutex<Vec<Value>>> = Arc::default();
        let simulators = Log::to_fn({
            let log = Arc::clone(&log);
            move |line| {
                if shows_progress {
                    progress::simulator(line);
                }
                log.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line.clone());
            }
        });
        let model = openai::Server::bind(
            "127.0.0.1:0",
            openai::Options {
                clock,
                turns: turns(conversation),
                api_key: Some(KEY.to_owned()),
                speed,
                faults,
                log: simulators.clone(),
                ..openai::Options::default()
            },
        )
        .await?;
        let url = model.url();
        let mut all = vec![
            "--public-base-url",
            PUBLIC_URL,
            "--openai-realtime-url",
            &url,
        ];
        all.extend(["--model-audio", options.model_audio.name()]);
        all.extend(arguments);
        let on_line = {
            let log = Arc::clone(&log);
            move |mut line: Value| {
                line["t"] = wall.seconds(&line).into();
                line["source"] = "server".into();
                if shows_progress {
                    progress::server(&line);
                }
                log.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        };
        let server = match &options.server_data {
            Some(directory) => {
                kept::write_settings(directory)?;
                let json = [("LOG_FORMAT", "json")];
                Server::start_in(directory, &options.server, &all, &json, on_line).await?
            }
            None => {
                let secrets = [("TWILIO_AUTH_TOKEN", AUTH_TOKEN), ("OPENAI_API_KEY", KEY)];
                Server::start(&options.server, &all, &secrets, on_line).await?
            }
        };
        Ok(Self {
            server,
            model,
            clock,
            simulators,
            log,
        })
    }

    /// Makes a call; `seed` tells it from the others and decides whom the faults meet.
    pub(crate) async fn call(
        &self,
        seed: u64,
        script: Vec<Step>,
        faults: Vec<twilio::Fault>,
    ) -> CallRecord {
        twilio::call(twilio::Options {
            clock: self.clock,
            webhook: format!("{PUBLIC_URL}/twilio/incoming-call"),
            status_callback: Some(format!("{PUBLIC_URL}/twilio/call-status")),
            connect_to: Some(self.server.address.to_string()),
            auth_token: AUTH_TOKEN.to_owned(),
            script,
            faults,
            seed,
            // A telephone line is never quite silent.
            noise_dbfs: Some(-65.0),
            time_limit: Duration::from_secs(60),
            log: self.simulators.clone(),
            ..twilio::Options::default()
        })
        .await
    }

    /// Waits until the server has written down how this call went; what it wrote.
    ///
    /// # Errors
    /// When it does not within 10 s.
    pub(crate) async fn closed(&self, call_sid: &str) -> anyhow::Result<Value> {
        let line = async {
            loop {
                let found = self.lock().iter().rev().find_map(|line| {
                    let is_it = line["event"] == "stream_closed" && line["call_sid"] == call_sid;
                    is_it.then(|| line.clone())
                });
                match found {
                    Some(line) => return line,
                    None => sleep(Duration::from_millis(5)).await,
                }
            }
        };
        timeout(Duration::from_secs(10), line)
            .await
            .context("the server has not ended a call")
    }

    /// Everything written down until now, by time; it is not kept.
    pub(crate) fn take_log(&self) -> Vec<Value> {
        sorted(&self.log)
    }

    /// Ends both; the model's records and the log.
    ///
    /// # Errors
    /// When the server does not end as it should.
    pub(crate) async fn strike(self) -> anyhow::Result<(Vec<SessionRecord>, Vec<Value>)> {
        self.server.stop().await?;
        let sessions = self.model.shutdown().await;
        Ok((sessions, sorted(&self.log)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what is in `log`, by time.
fn sorted(log: &Mutex<Vec<Value>>) -> Vec<Value> {
    let mut log = std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner));
    log.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
    log
}

/// The agent greets, then answers turn by turn.
fn turns(conversation: &Conversation) -> Vec<Turn> {
    let answers = conversation
        .agent
        .iter()
        .map(|line| Answer::speech(line.speech.clone(), &line.text));
    let users = std::iter::once(None).chain(conversation.caller.iter().map(Some));
    users
        .zip(answers)
        .map(|(user, answer)| match user {
            Some(line) => Turn::new(&line.text, answer),
            None => Turn::unasked(answer),
        })
        .collect()
}

/// When `line` of the log was written, in seconds of the call's clock.
pub(crate) fn seconds(line: &Value) -> f64 {
    line["t"].as_f64().unwrap_or_default()
}

pub(crate) const PUBLIC_URL: &str = "https://demo.example.com";
pub(crate) const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const KEY: &str = "sk-demo";

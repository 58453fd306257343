//! The call itself, and everything that is written down about it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::Value;
use trunkline_simulators::{
    Clock, Log,
    openai::{self, Answer, SessionRecord, Turn},
    twilio::{self, CallRecord},
};

use crate::{
    Server, WallClock,
    analysis::Measured,
    checks::{self, Check},
    conversation::Conversation,
    progress, report,
};

/// What is played, and through what.
#[derive(Clone, Debug)]
pub struct Options {
    /// The bridge server's program.
    pub server: PathBuf,
    /// Directory with the WAV files and their words.
    pub speech: PathBuf,
    /// Audio format between the server and the model.
    pub model_audio: ModelAudio,
    /// Print what happens as it happens.
    pub shows_progress: bool,
}

/// Audio format between the server and the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelAudio {
    /// 16-bit PCM at 24 kHz, resampled by the bridge.
    Pcm24k,
    /// G.711 μ-law, passed straight through.
    Mulaw,
}

impl ModelAudio {
    /// As the server's command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcm24k => "pcm24k",
            Self::Mulaw => "mulaw",
        }
    }
}

/// Everything that was written down about one call.
#[derive(Clone, Debug)]
pub struct Call {
    /// By the simulated Twilio.
    pub twilio: CallRecord,
    /// By the simulated model.
    pub model: SessionRecord,
    /// Lines of both simulators and of the server, by time; `t` is in seconds.
    pub log: Vec<Value>,
    pub(crate) conversation: Conversation,
    pub(crate) model_audio: ModelAudio,
}

impl Call {
    /// Makes the call, in real time, and gathers what all three have written down about it.
    ///
    /// # Errors
    /// When something cannot be started, or the server does not end when told to.
    pub async fn play(options: &Options) -> anyhow::Result<Self> {
        let conversation = Conversation::load(&options.speech)?;
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
                turns: turns(&conversation),
                api_key: Some(KEY.to_owned()),
                log: simulators.clone(),
                ..openai::Options::default()
            },
        )
        .await?;
        let server = Server::start(
            &options.server,
            &[
                "--public-url",
                PUBLIC_URL,
                "--openai-url",
                &model.url(),
                "--model-audio",
                options.model_audio.name(),
            ],
            &[("TWILIO_AUTH_TOKEN", AUTH_TOKEN), ("OPENAI_API_KEY", KEY)],
            {
                let log = Arc::clone(&log);
                move |mut line| {
                    line["t"] = wall.seconds(&line).into();
                    line["source"] = "server".into();
                    if shows_progress {
                        progress::server(&line);
                    }
                    log.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(line);
                }
            },
        )
        .await?;
        let twilio = twilio::call(twilio::Options {
            clock,
            webhook: format!("{PUBLIC_URL}/twilio/incoming-call"),
            status_callback: Some(format!("{PUBLIC_URL}/twilio/call-status")),
            connect_to: Some(server.address.to_string()),
            auth_token: AUTH_TOKEN.to_owned(),
            script: conversation.script(),
            // A telephone line is never quite silent.
            noise_dbfs: Some(-65.0),
            time_limit: Duration::from_secs(60),
            log: simulators,
            ..twilio::Options::default()
        })
        .await;
        server.stop().await?;
        let mut sessions = model.shutdown().await;
        ensure!(
            sessions.len() == 1,
            "{} sessions instead of one",
            sessions.len()
        );
        let mut log = std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner));
        log.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
        Ok(Self {
            twilio,
            model: sessions.remove(0),
            log,
            conversation,
            model_audio: options.model_audio,
        })
    }

    /// What must hold, and whether it does.
    ///
    /// # Errors
    /// When the call lacks something that has to be measured.
    pub fn checks(&self) -> anyhow::Result<Vec<Check>> {
        Ok(checks::all(self, &Measured::of(&self.twilio, &self.model)?))
    }

    /// Writes `call.wav` (left: the caller, right: what the caller heard), `call.jsonl`, `call.svg`
    /// and `report.md` into `directory`.
    ///
    /// # Errors
    /// As [`checks`](Self::checks), and when a file cannot be written.
    pub fn write(&self, directory: &Path) -> anyhow::Result<()> {
        // The records first: they are most needed when the rest fails.
        fs::create_dir_all(directory)?;
        self.twilio.write_wav(directory.join("call.wav"))?;
        let lines: String = self.log.iter().map(|line| format!("{line}\n")).collect();
        fs::write(directory.join("call.jsonl"), lines).context("cannot write the log")?;
        let measured = Measured::of(&self.twilio, &self.model)?;
        let picture = report::picture(self, &measured).svg();
        fs::write(directory.join("call.svg"), picture)?;
        let checks = checks::all(self, &measured);
        fs::write(
            directory.join("report.md"),
            report::markdown(self, &measured, &checks),
        )?;
        Ok(())
    }

    /// Lines of the server's log, with `event` as their name.
    pub(crate) fn server_lines(&self, event: &str) -> impl Iterator<Item = &Value> {
        self.log
            .iter()
            .filter(move |line| line["source"] == "server" && line["event"] == event)
    }
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

const PUBLIC_URL: &str = "https://demo.example.com";
const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
const KEY: &str = "sk-demo";

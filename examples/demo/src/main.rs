//! One call, measured: a simulated Twilio and a simulated model with the real server between them.

mod analysis;
mod checks;
mod conversation;
mod picture;
mod progress;
mod report;
mod signal;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use serde_json::Value;
use trunkline_demo::{Server, WallClock};
use trunkline_simulators::{
    Clock, Log,
    openai::{self, Answer, SessionRecord, Turn},
    twilio::{self, CallRecord},
};

use analysis::Measured;
use conversation::Conversation;

/// Plays a conversation of three turns and one barge-in through the bridge server, measures it,
/// and fails if anything about it is wrong.
///
/// Leaves call.wav (left: the caller, right: the agent as heard), call.jsonl (the merged log),
/// call.svg and report.md.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// The server's program [default: trunkline-bridge-server beside this one]
    #[arg(long)]
    server: Option<PathBuf>,
    /// Where the results go
    #[arg(long, default_value = "demo-output")]
    output: PathBuf,
    /// Audio format between the server and the model
    #[arg(long, value_enum, default_value_t = Audio::Pcm24k)]
    model_audio: Audio,
    /// WAV files and their words
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/speech"), hide_default_value = true)]
    speech: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Audio {
    /// 16-bit PCM at 24 kHz, resampled by the bridge
    Pcm24k,
    /// G.711 μ-law, passed straight through
    Mulaw,
}

impl Audio {
    fn name(self) -> &'static str {
        match self {
            Self::Pcm24k => "pcm24k",
            Self::Mulaw => "mulaw",
        }
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let conversation = Conversation::load(&options.speech)?;
    let began = Instant::now();
    let call = runtime.block_on(call(&options, &conversation))?;
    println!(
        "\nThe call is over after {:.1} s; measuring …",
        began.elapsed().as_secs_f64()
    );
    fs::create_dir_all(&options.output)?;
    call.write_records(&options.output)?;

    let measured = Measured::of(&call.twilio, &call.model)?;
    let checks = checks::all(&call, &measured, &conversation, options.model_audio);
    let picture = report::picture(&call, &measured, &conversation).svg();
    fs::write(options.output.join("call.svg"), picture)?;
    let report = report::markdown(&call, &measured, &checks, options.model_audio);
    fs::write(options.output.join("report.md"), &report)?;

    println!();
    for check in &checks {
        println!("{check}");
    }
    println!("\n{}", options.output.join("report.md").display());
    let all_good = checks.iter().all(|check| check.is_met);
    Ok(if all_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Everything that was written down about the call.
struct Call {
    twilio: CallRecord,
    model: SessionRecord,
    /// Lines of both simulators and of the server, by time; `t` is in seconds.
    log: Vec<Value>,
}

impl Call {
    /// Lines of the server's log, with `event` as their name.
    fn server_lines(&self, event: &str) -> impl Iterator<Item = &Value> {
        self.log
            .iter()
            .filter(move |line| line["source"] == "server" && line["event"] == event)
    }

    fn write_records(&self, directory: &Path) -> anyhow::Result<()> {
        self.twilio.write_wav(directory.join("call.wav"))?;
        let mut lines = String::new();
        for line in &self.log {
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        fs::write(directory.join("call.jsonl"), lines).context("cannot write the log")
    }
}

/// Makes the call and gathers what all three have written down about it.
async fn call(options: &Options, conversation: &Conversation) -> anyhow::Result<Call> {
    let epoch = Instant::now();
    let clock = Clock::from_epoch(epoch);
    let wall = WallClock::since(epoch);
    let log: Arc<Mutex<Vec<Value>>> = Arc::default();
    let simulators = Log::to_fn({
        let log = Arc::clone(&log);
        move |line| {
            progress::simulator(line);
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
            log: simulators.clone(),
            ..openai::Options::default()
        },
    )
    .await?;
    let server = Server::start(
        &options.server.clone().map_or_else(beside, Ok)?,
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
                progress::server(&line);
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
    Ok(Call {
        twilio,
        model: sessions.remove(0),
        log,
    })
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

/// The server built together with this program.
fn beside() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("trunkline-bridge-server");
    ensure!(
        path.exists(),
        "{} is missing; build trunkline-bridge-server",
        path.display()
    );
    Ok(path)
}

fn seconds(line: &Value) -> f64 {
    line["t"].as_f64().unwrap_or_default()
}

const PUBLIC_URL: &str = "https://demo.example.com";
const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
const KEY: &str = "sk-demo";

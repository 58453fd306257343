//! `trunkline-sim openai`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use trunkline_simulators::audio::write_wav;
use trunkline_simulators::openai::{Answer, Fault, Options, Outcome, Server, SessionRecord, Turn};
use trunkline_simulators::{Clock, FaultKind, Speech};

use super::{LogArgs, milliseconds, range, seconds};

/// Answer as the OpenAI Realtime service does (GA protocol), from recordings.
///
/// Detects the caller's turns by level, transcribes them from the script and answers with its
/// recordings. Runs until interrupted. The first line of the log, of kind "listening", holds the
/// URL.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(super) struct OpenAi {
    /// Address to listen at; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8765", value_name = "ADDRESS")]
    listen: String,
    /// Answers in order: WAV files, or directories of them in order of name. FILE.txt beside
    /// FILE.wav holds its transcript, FILE.user.txt what the user is taken to have said before.
    #[arg(long, value_name = "WAV|DIR", num_args = 1.., required_unless_present = "script")]
    speech: Vec<PathBuf>,
    /// Turns and faults as JSON, instead of --speech; see below.
    #[arg(long, value_name = "FILE", conflicts_with = "speech")]
    script: Option<PathBuf>,
    /// The only key that is accepted; without it, any.
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,
    /// A model that exists; without it, all do. Repeatable.
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Time from the creation of a response to its first item (ms).
    #[arg(long, value_parser = milliseconds, default_value = "300", value_name = "MS")]
    latency: Duration,
    /// Times real time at which speech is sent.
    #[arg(long, default_value_t = 8.0, value_name = "FACTOR")]
    speed: f64,
    /// Audio of one delta (ms).
    #[arg(long, value_parser = range, default_value = "50-200", value_name = "LOW-HIGH")]
    delta: (Duration, Duration),
    /// Let deltas end in the middle of a sample.
    #[arg(long)]
    odd_splits: bool,
    /// Time from the end of a turn to its transcript (ms).
    #[arg(long, value_parser = range, default_value = "100-600", value_name = "LOW-HIGH")]
    transcription: (Duration, Duration),
    /// How long a session may last (s).
    #[arg(long, value_parser = seconds, default_value = "3600", value_name = "S")]
    session_limit: Duration,
    /// Time between pings (s).
    #[arg(long, value_parser = seconds, default_value = "20", value_name = "S")]
    ping: Duration,
    /// Ignore the audio formats a client asks for.
    #[arg(long)]
    ignore_formats: bool,
    /// Write session-N.json, session-N-input.wav and session-N-ITEM.wav to this directory at the
    /// end.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Let something go wrong, besides the faults of the script; see below. Repeatable.
    #[arg(long, value_name = "FAULT", value_parser = Fault::from_str)]
    fault: Vec<Fault>,
    /// Seed of identifiers, lengths, delays and faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    log: LogArgs,
}

const SCRIPT_HELP: &str = r#"Script, paths relative to its own directory:
  {
    "turns": [
      {"speech": "greeting.wav", "transcript": "Hello!"},
      {"user": "Is Tuesday free?", "tool": {"name": "look_up", "arguments": {"day": "tue"}}},
      {"speech": "free.wav", "transcript": "It is.", "latency_ms": 800, "speed": 2},
      {"user": "Thanks.", "failed": {"code": "server_error", "message": "The server had an error."}}
    ],
    "faults": [
      "drop:sending=response.output_audio.delta,count=9",
      "error:received=session.update,code=rate_limit_exceeded,text=Slow.",
      "pause:sending=response.done,count=2,for=1.5s",
      "event:sending=session.updated,json={\"type\": \"surprise.event\"}",
      "jitter:max=80ms"
    ]
  }
The n-th "user" is the transcript of the n-th turn of the user; the n-th turn in the list is the
n-th response, however it came about. The last one repeats.

WHEN in the faults below is at=TIME[,every=TIME], or sending=EVENT[,count=N] (just before the n-th
server event of that type), or received=EVENT[,count=N] (just before the n-th client event of that
type is acted upon). text= and json= come last and hold the rest."#;

fn after_help() -> String {
    format!("{SCRIPT_HELP}\n\n{}", FaultKind::help(Fault::KINDS))
}

impl OpenAi {
    pub(super) async fn run(self) -> Result<ExitCode> {
        let (turns, mut faults) = match &self.script {
            Some(path) => read_script(path)?,
            None => (read_speech(&self.speech)?, Vec::new()),
        };
        faults.extend(self.fault);
        ensure!(self.speed > 0.0, "--speed must be more than 0");
        let log = self.log.open()?;
        let clock = Clock::new();
        let server = Server::bind(
            &self.listen,
            Options {
                clock,
                turns,
                api_key: self.api_key,
                models: self.model,
                latency: self.latency,
                speed: self.speed,
                delta: self.delta,
                odd_splits: self.odd_splits,
                transcription: self.transcription,
                session_limit: self.session_limit,
                ping: self.ping,
                ignore_formats: self.ignore_formats,
                keep_audio: self.record.is_some(),
                faults,
                session_faults: Vec::new(),
                seed: self.seed,
                log,
            },
        )
        .await
        .with_context(|| format!("cannot listen at {}", self.listen))?;
        interrupted().await?;
        let sessions = server.shutdown().await;
        if let Some(directory) = &self.record {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot create {}", directory.display()))?;
            for (number, session) in sessions.iter().enumerate() {
                write_session(directory, number + 1, session)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Waits for Ctrl-C or, where there is such a thing, SIGTERM.
async fn interrupted() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn write_session(directory: &Path, number: usize, session: &SessionRecord) -> Result<()> {
    let path = directory.join(format!("session-{number}.json"));
    fs::write(&path, serde_json::to_vec_pretty(session)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let input = directory.join(format!("session-{number}-input.wav"));
    write_wav(input, session.input_rate_hz.max(1), &[&session.input])?;
    for (item, (samples, rate_hz)) in &session.output {
        let path = directory.join(format!("session-{number}-{item}.wav"));
        write_wav(path, *rate_hz, &[samples])?;
    }
    Ok(())
}

fn read_speech(paths: &[PathBuf]) -> Result<Vec<Turn>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut inside: Vec<_> = fs::read_dir(path)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<_, _>>()?;
            inside.retain(|path| path.extension().is_some_and(|extension| extension == "wav"));
            inside.sort();
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    ensure!(!files.is_empty(), "no WAV file in {paths:?}");
    files
        .iter()
        .map(|path| {
            let speech = Speech::from_wav(path)?;
            let text = |extension: &str| {
                let text = fs::read_to_string(path.with_extension(extension)).ok()?;
                Some(text.trim().to_owned())
            };
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let transcript = text("txt").unwrap_or_else(|| stem.into_owned());
            Ok(Turn {
                user: text("user.txt"),
                answer: Answer::speech(speech, transcript),
            })
        })
        .collect()
}

fn read_script(path: &Path) -> Result<(Vec<Turn>, Vec<Fault>)> {
    let read = || -> Result<_> {
        let script: ScriptFile = serde_json::from_str(&fs::read_to_string(path)?)?;
        let directory = path.parent().unwrap_or(Path::new("."));
        let turns: Result<Vec<_>> = script
            .turns
            .into_iter()
            .map(|turn| turn.read(directory))
            .collect();
        let faults: Result<Vec<Fault>> = script.faults.iter().map(|text| text.parse()).collect();
        Ok((turns?, faults?))
    };
    read().with_context(|| format!("cannot read the script {}", path.display()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptFile {
    turns: Vec<TurnEntry>,
    #[serde(default)]
    faults: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TurnEntry {
    user: Option<String>,
    speech: Option<PathBuf>,
    transcript: Option<String>,
    tool: Option<ToolEntry>,
    failed: Option<FailedEntry>,
    incomplete: Option<String>,
    latency_ms: Option<u64>,
    speed: Option<f64>,
}

impl TurnEntry {
    fn read(self, directory: &Path) -> Result<Turn> {
        let mut answer = Answer::default();
        if let Some(path) = self.speech {
            let speech = Speech::from_wav(directory.join(path))?;
            answer = answer.then_speech(speech, self.transcript.unwrap_or_default());
        }
        if let Some(tool) = self.tool {
            let arguments = match tool.arguments {
                Value::String(text) => text,
                other => other.to_string(),
            };
            answer = answer.then_tool(tool.name, arguments);
        }
        if let Some(reason) = self.incomplete {
            answer.outcome = Outcome::Incomplete(reason);
        }
        if let Some(FailedEntry { code, message }) = self.failed {
            answer.outcome = Outcome::Failed { code, message };
        }
        answer.latency = self.latency_ms.map(Duration::from_millis);
        ensure!(
            self.speed.is_none_or(|speed| speed > 0.0),
            "a speed must be more than 0"
        );
        answer.speed = self.speed;
        Ok(Turn {
            user: self.user,
            answer,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolEntry {
    name: String,
    /// An object, or text that need not be JSON.
    arguments: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailedEntry {
    code: String,
    message: String,
}

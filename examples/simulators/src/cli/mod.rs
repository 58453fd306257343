//! What the command line offers.

mod load;
mod openai;
mod replay;
mod twilio;

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use trunkline_simulators::Log;

/// Simulators of Twilio Media Streams and OpenAI Realtime, to test voice agents without either.
///
/// Both write one JSON object per event and line: `t` (seconds), `source`, `kind`, and what
/// belongs to the kind.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Twilio(Box<twilio::Twilio>),
    Openai(Box<openai::OpenAi>),
    Load(Box<load::Load>),
    Replay(replay::Replay),
}

impl Cli {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Twilio(command) => command.run().await,
            Command::Openai(command) => command.run().await,
            Command::Load(command) => command.run().await,
            Command::Replay(command) => command.run(),
        }
    }
}

/// Where the events go.
#[derive(Debug, Args)]
struct LogArgs {
    /// Write events to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Leave the events of single media messages and deltas out of the log.
    #[arg(long)]
    no_media: bool,
}

impl LogArgs {
    fn open(&self) -> Result<Log> {
        let log = match &self.log {
            Some(path) => {
                let file = File::create(path)
                    .with_context(|| format!("cannot create {}", path.display()))?;
                Log::to_writer(file)
            }
            None => Log::to_writer(std::io::stdout()),
        };
        Ok(if self.no_media {
            log.without_media()
        } else {
            log
        })
    }
}

/// Whole milliseconds.
fn milliseconds(text: &str) -> Result<Duration> {
    let number = text
        .parse()
        .with_context(|| format!("'{text}' is not a number of ms"))?;
    Ok(Duration::from_millis(number))
}

/// Seconds, fractions allowed.
fn seconds(text: &str) -> Result<Duration> {
    let number: f64 = text
        .parse()
        .with_context(|| format!("'{text}' is not a number of s"))?;
    Duration::try_from_secs_f64(number).with_context(|| format!("{number} s is no duration"))
}

/// `LOW-HIGH` in milliseconds, or one number for both.
fn range(text: &str) -> Result<(Duration, Duration)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (milliseconds(low)?, milliseconds(high)?);
    if low > high {
        bail!("'{text}': the first number is the lower one");
    }
    Ok((low, high))
}

//! `trunkline-sim twilio`

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use trunkline_simulators::twilio::{self, Api, Ending, Fault, Options, Step};
use trunkline_simulators::{Clock, FaultKind, Speech};

use super::{LogArgs, milliseconds, seconds};

/// Call a server as Twilio does, and listen.
///
/// Posts the voice webhook, follows its TwiML, opens the signed media stream, speaks and presses
/// keys as told, and plays what comes back in real time. Ends with 0 when the call went as
/// scripted and the server broke no rule, else with 1.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(super) struct Twilio {
    /// Public URL of the voice webhook, as it would be configured at Twilio.
    #[arg(long, value_name = "URL")]
    webhook: String,
    /// Connect to this address, without TLS, whatever host a URL names.
    #[arg(long, value_name = "HOST:PORT")]
    connect_to: Option<String>,
    /// Open streams at ws:// URLs too, which Twilio refuses.
    #[arg(long)]
    allow_ws: bool,
    /// Key of the signatures.
    #[arg(
        long,
        env = "TWILIO_AUTH_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    auth_token: Option<String>,
    /// AC…
    #[arg(
        long,
        env = "TWILIO_ACCOUNT_SID",
        hide_env_values = true,
        value_name = "SID"
    )]
    account_sid: Option<String>,
    /// Number of the caller.
    #[arg(long, default_value = "+15550155", value_name = "NUMBER")]
    from: String,
    /// Number that is called.
    #[arg(long, default_value = "+15550100", value_name = "NUMBER")]
    to: String,
    /// The call was placed by the REST API: other webhook fields, all status callbacks.
    #[arg(long)]
    outbound_api: bool,
    /// Listen here for the REST API's update of a live call; the URL is in the event rest_listening.
    #[arg(long, value_name = "HOST:PORT")]
    rest_listen: Option<String>,
    /// Public URL for status callbacks.
    #[arg(long, value_name = "URL")]
    status_callback: Option<String>,
    /// Deliver callbacks late, out of order and some of them twice.
    #[arg(long)]
    unruly_callbacks: bool,
    /// Let something go wrong; see below. Repeatable.
    #[arg(long, value_name = "FAULT", value_parser = Fault::from_str)]
    fault: Vec<Fault>,
    /// Send noise of this level between words, instead of digital silence.
    #[arg(long, value_name = "DBFS", allow_negative_numbers = true)]
    noise: Option<f64>,
    /// Give a waiting step up after this long (s).
    #[arg(long, value_parser = seconds, default_value = "30", value_name = "S")]
    step_limit: Duration,
    /// End the call after this long (s).
    #[arg(long, value_parser = seconds, default_value = "14400", value_name = "S")]
    time_limit: Duration,
    /// Seed of identifiers, faults and unruliness.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write 8 kHz stereo: the caller left, what the caller hears right.
    #[arg(long, value_name = "FILE")]
    wav: Option<PathBuf>,
    /// Write the record of the call as JSON.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
    /// What the caller does; see below.
    #[arg(value_name = "STEP", required = true, value_parser = steps)]
    steps: Vec<Steps>,
}

const STEPS_HELP: &str = "\
Steps, one after another:
  say:FILE.wav       speak
  pause:MS           stay silent
  wait-start         wait until the agent starts to speak
  wait-heard:MS      wait until this much of what it says was heard (then interrupt)
  wait-silent:MS     wait until it was silent for this long
  dtmf:DIGITS        press keys
  hang-up            end the call; without it the server has to

Example:
  trunkline-sim twilio --webhook https://voice.example.com/incoming \\
      --connect-to 127.0.0.1:8080 --wav call.wav \\
      wait-start wait-silent:700 say:hello.wav wait-start wait-silent:700 hang-up";

fn after_help() -> String {
    format!("{STEPS_HELP}\n\n{}", FaultKind::help(Fault::KINDS))
}

impl Twilio {
    pub(super) async fn run(self) -> Result<ExitCode> {
        let defaults = Options::default();
        let clock = Clock::new();
        let log = self.log.open()?;
        let auth_token = self.auth_token.unwrap_or(defaults.auth_token);
        let account_sid = self.account_sid.unwrap_or(defaults.account_sid);
        let api = match &self.rest_listen {
            None => None,
            Some(address) => {
                let api = Api::bind(address, &account_sid, &auth_token, clock).await;
                let api = api.with_context(|| format!("cannot listen at {address}"))?;
                api.report(&log);
                Some(api)
            }
        };
        let record = twilio::call(Options {
            clock,
            webhook: self.webhook,
            connect_to: self.connect_to,
            allow_ws: self.allow_ws,
            auth_token,
            account_sid,
            from: self.from,
            to: self.to,
            outbound_api: self.outbound_api,
            api,
            status_callback: self.status_callback,
            unruly_callbacks: self.unruly_callbacks,
            script: self.steps.into_iter().flat_map(|steps| steps.0).collect(),
            noise_dbfs: self.noise,
            faults: self.fault,
            step_limit: self.step_limit,
            time_limit: self.time_limit,
            seed: self.seed,
            log,
        })
        .await;
        if let Some(path) = &self.wav {
            record.write_wav(path)?;
        }
        if let Some(path) = &self.record {
            fs::write(path, serde_json::to_vec_pretty(&record)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let well = matches!(record.ending, Ending::CallerHungUp | Ending::ServerHungUp)
            && record.violations.is_empty();
        Ok(if well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// What one word of the command line stands for.
#[derive(Clone, Debug)]
struct Steps(Vec<Step>);

fn steps(text: &str) -> Result<Steps> {
    let (verb, value) = match text.split_once(':') {
        Some((verb, value)) => (verb, Some(value)),
        None => (text, None),
    };
    let step = match (verb, value) {
        ("say", Some(path)) => Step::Say(Speech::from_wav(path)?),
        ("pause", Some(time)) => Step::Pause(milliseconds(time)?),
        ("wait-start", None) => Step::WaitAgentStarts,
        ("wait-heard", Some(time)) => Step::WaitAgentHeard(milliseconds(time)?),
        ("wait-silent", Some(time)) => Step::WaitAgentSilent(milliseconds(time)?),
        ("dtmf", Some(digits)) if !digits.is_empty() && digits.chars().all(is_key) => {
            return Ok(Steps(digits.chars().map(Step::Dtmf).collect()));
        }
        ("hang-up", None) => Step::HangUp,
        _ => bail!("'{text}' is not a step"),
    };
    Ok(Steps(vec![step]))
}

fn is_key(digit: char) -> bool {
    "0123456789*#ABCD".contains(digit)
}

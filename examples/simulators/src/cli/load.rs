//! `trunkline-sim load`

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use trunkline_simulators::load::{Bars, Load as Run, Options};

use super::{milliseconds, seconds};

/// Place many calls at a server and measure what it adds.
///
/// Callers dial as Twilio does and speak now and then; a lean model in the same process answers. Each
/// frame is timed both ways. The server must be told to connect to the model at --model-listen.
/// Ends with 0 when no call failed, no audio was lost, no rule broken, and the given bars hold.
#[derive(Debug, Args)]
pub(super) struct Load {
    /// Calls at a time.
    #[arg(long, default_value_t = 100, value_name = "N")]
    calls: usize,
    /// Public URL of the voice webhook, as it would be configured at Twilio.
    #[arg(long, value_name = "URL")]
    webhook: String,
    /// Where the server listens, without TLS.
    #[arg(long, value_name = "HOST:PORT")]
    connect_to: String,
    /// Key of the signatures.
    #[arg(
        long,
        env = "TWILIO_AUTH_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    auth_token: Option<String>,
    /// Number of the callers.
    #[arg(long, default_value = "+15550155", value_name = "NUMBER")]
    from: String,
    /// Number that is called.
    #[arg(long, default_value = "+15550100", value_name = "NUMBER")]
    to: String,
    /// Where the model listens; the path is /v1/realtime.
    #[arg(long, default_value = "127.0.0.1:8765", value_name = "HOST:PORT")]
    model_listen: String,
    /// Time from the first call to the last (s). A turn of caller and model takes 8 s.
    #[arg(long, value_parser = seconds, default_value = "8", value_name = "S")]
    ramp: Duration,
    /// Time that all calls are measured (s).
    #[arg(long, value_parser = seconds, default_value = "16", value_name = "S")]
    duration: Duration,
    /// What a server that paces lets the caller's side hold (ms).
    #[arg(long, value_parser = milliseconds, default_value = "200", value_name = "MS")]
    lead: Duration,
    /// The server's process, to tell what it uses.
    #[arg(long)]
    pid: Option<u32>,
    /// Fail if the median of a direction is longer.
    #[arg(long, value_name = "MS")]
    p50_ms: Option<f64>,
    /// Fail if more than 1% of a direction take longer.
    #[arg(long, value_name = "MS")]
    p99_ms: Option<f64>,
    /// Fail if the server takes more memory for each call.
    #[arg(long, value_name = "KIB")]
    memory_kib: Option<f64>,
    /// Write the report to this file as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Seed of the identifiers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Start the server with this command, and end it afterwards. Its output goes to standard error.
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "pid")]
    server: Vec<String>,
}

impl Load {
    pub(super) async fn run(self) -> Result<ExitCode> {
        // It runs threads of its own, and blocks.
        tokio::task::spawn_blocking(|| self.run_here()).await?
    }

    fn run_here(self) -> Result<ExitCode> {
        let defaults = Options::default();
        let mut load = Run::bind(Options {
            calls: self.calls,
            webhook: self.webhook,
            connect_to: self.connect_to.clone(),
            auth_token: self.auth_token.unwrap_or(defaults.auth_token),
            from: self.from,
            to: self.to,
            model_listen: self.model_listen,
            ramp: self.ramp,
            duration: self.duration,
            lead: self.lead,
            pid: self.pid,
            seed: self.seed,
        })?;
        let server = match self.server.split_first() {
            Some((program, arguments)) => {
                let server = Server::start(program, arguments, &self.connect_to)?;
                load.set_server(self.connect_to, Some(server.0.id()));
                Some(server)
            }
            None => None,
        };
        let report = load.run()?;
        drop(server);
        println!("{report}");
        if let Some(path) = &self.json {
            fs::write(path, serde_json::to_vec_pretty(&report)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let faults = report.faults(&Bars {
            p50_ms: self.p50_ms,
            p99_ms: self.p99_ms,
            memory_kib: self.memory_kib,
        });
        if !faults.is_empty() {
            println!("faults      {}", faults.join("; "));
        }
        Ok(if faults.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// A server of our own; killed when dropped.
struct Server(Child);

impl Server {
    fn start(program: &str, arguments: &[String], address: &str) -> Result<Self> {
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let mut server = Self(child);
        let begun = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            if let Some(status) = server.0.try_wait()? {
                bail!("the server ended with {status}");
            }
            if begun.elapsed() > START_LIMIT {
                bail!("the server does not listen at {address}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const START_LIMIT: Duration = Duration::from_secs(10);

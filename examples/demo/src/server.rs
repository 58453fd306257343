//! The bridge server as a process of its own.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// A running bridge server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    reader: JoinHandle<anyhow::Result<()>>,
    /// Removed with the server, if it is its own.
    _directory: Option<TempDir>,
}

impl Server {
    /// Starts the program at `binary` as [`start_in`](Self::start_in) does, in a new directory that goes
    /// with the server.
    ///
    /// # Errors
    /// As there.
    pub async fn start(
        binary: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        on_line: impl FnMut(Value) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let directory = TempDir::new()?;
        let path = directory.path();
        let mut server = Self::start_in(path, binary, arguments, environment, on_line).await?;
        server._directory = Some(directory);
        Ok(server)
    }

    /// Starts the program at `binary` on a free port, with its database, journal and recordings in
    /// `directory` and nothing of this process's environment but what is given, and waits until it
    /// listens. It answers [`NUMBER`] of [`ACCOUNT_SID`], unless told otherwise. `on_line` gets each line
    /// of its log.
    ///
    /// # Errors
    /// When it does not start, or does not say where it listens.
    pub async fn start_in(
        directory: &Path,
        binary: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        mut on_line: impl FnMut(Value) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(std::path::absolute(binary)?)
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .env("PORT", "0")
            .env("API_KEY", API_KEY)
            .env("TWILIO_ACCOUNT_SID", ACCOUNT_SID)
            .env("TWILIO_PHONE_NUMBER", NUMBER)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let (listening, address) = oneshot::channel();
        let mut listening = Some(listening);
        let reader = tokio::spawn(async move {
            while let Some(line) = lines.next_line().await? {
                let line: Value = serde_json::from_str(&line).with_context(|| line)?;
                if line["event"] == "listening"
                    && let Some(listening) = listening.take()
                {
                    let _ = listening.send(line["address"].as_str().unwrap_or_default().to_owned());
                }
                on_line(line);
            }
            Ok(())
        });
        let address = timeout(START_TIMEOUT, address)
            .await
            .context("the server does not say where it listens")?
            .context("the server did not start")?
            .parse()?;
        Ok(Self {
            address,
            child,
            reader,
            _directory: None,
        })
    }

    /// What the server holds now; `None` where the system does not tell.
    pub(crate) fn resources(&self) -> Option<Resources> {
        let directory = Path::new("/proc").join(self.child.id()?.to_string());
        let status = fs::read_to_string(directory.join("status")).ok()?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
        let descriptors = fs::read_dir(directory.join("fd")).ok()?;
        let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        Some(Resources {
            sockets: targets
                .filter(|target| target.to_string_lossy().starts_with("socket:"))
                .count(),
            memory_bytes: kilobytes << 10,
        })
    }

    /// The same once it holds no more sockets than it did `before`, or after 3 s.
    pub(crate) async fn settled(&self, before: Option<Resources>) -> Option<Resources> {
        for _ in 0..150 {
            let now = self.resources()?;
            if now.sockets <= before?.sockets {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.resources()
    }

    /// Sends SIGKILL and waits for the end.
    ///
    /// # Errors
    /// When the server has ended already.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Id of the process.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    /// When the server has ended already.
    pub fn terminate(&self) -> anyhow::Result<()> {
        let pid = self
            .child
            .id()
            .context("the server has ended before it was told to")?;
        let pid = Pid::from_raw(i32::try_from(pid)?).context("no process has the id 0")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// Sends SIGTERM and waits as [`ended`](Self::ended) does.
    ///
    /// # Errors
    /// As for both.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.terminate()?;
        self.ended().await
    }

    /// Waits until the server has ended of its own accord, all of its log read.
    ///
    /// # Errors
    /// When it does not end within 10 s, fails, or has logged what is not JSON.
    pub async fn ended(mut self) -> anyhow::Result<()> {
        let Ok(status) = timeout(STOP_TIMEOUT, self.child.wait()).await else {
            bail!("the server does not end on SIGTERM");
        };
        let status = status?;
        ensure!(status.success(), "the server ended with {status}");
        self.reader.await?
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resources {
    /// Open sockets. The database's files come and go.
    pub(crate) sockets: usize,
    /// Resident.
    pub(crate) memory_bytes: u64,
}

/// Turns the wall clock of the server's log into time since an instant of this process.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    epoch_us: i128,
}

impl WallClock {
    /// A clock that was zero at `epoch`.
    pub fn since(epoch: Instant) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            epoch_us: now.as_micros() as i128 - epoch.elapsed().as_micros() as i128,
        }
    }

    /// Seconds from the epoch to `line`.
    pub fn seconds(&self, line: &Value) -> f64 {
        let unix_us = i128::from(line["unix_us"].as_u64().unwrap_or_default());
        (unix_us - self.epoch_us) as f64 / 1e6
    }
}

/// What the server's API is asked with.
pub const API_KEY: &str = "key-of-the-demonstration";
/// The simulated Twilio's.
pub const ACCOUNT_SID: &str = "AC55555555555555555555555555555555";
/// What the simulated Twilio dials unless told otherwise.
pub const NUMBER: &str = "+15550100";

const START_TIMEOUT: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

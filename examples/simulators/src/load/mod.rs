//! Many calls at a time, and what a server between them and a model adds.
//!
//! Both ends are in this process: callers who dial as Twilio does, and a lean model for the server to
//! connect to. Each frame is timed on its way. *Uplink*: from just before the media message is written
//! to when the append is read that completes its samples. *Downlink*: from just before the delta is
//! written to when the media message is read; if the server paces its audio, from when the message was
//! due by that pace. Latencies hold the time that this process takes to get to its own sockets, on the
//! same processors as the server; [`Report::caller_lag`] and [`Report::model_lag`] tell how much that
//! may be.

mod call;
mod downlink;
mod histogram;
mod model;
mod playout;
mod process;
mod report;
mod shared;
mod signal;
mod uplink;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use self::call::Outcome;
pub use self::histogram::{Histogram, Percentiles};
use self::process::{Usage, usage};
pub use self::report::{Audio, Bars, Report, Server};
use self::shared::Shared;

/// How many call whom, and for how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// Calls at a time, up to 65,535.
    pub calls: usize,
    /// Public URL of the voice webhook: it is what is signed.
    pub webhook: String,
    /// `host:port` of the server.
    pub connect_to: String,
    /// Key of all signatures.
    pub auth_token: String,
    /// Who calls.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// `host:port` for the model, which the server is to be configured with; port 0 takes a free one.
    pub model_listen: String,
    /// From the first call to the last.
    pub ramp: Duration,
    /// How long all calls are up and measured.
    pub duration: Duration,
    /// How much audio a server that paces lets the caller's side hold.
    pub lead: Duration,
    /// The server's process, to tell what it uses.
    pub pid: Option<u32>,
    /// Decides the identifiers.
    pub seed: u64,
}

impl Default for Options {
    /// A hundred calls within 8 s, which is how long a turn of caller and model takes, then 16 s of
    /// measuring; no webhook yet.
    fn default() -> Self {
        Self {
            calls: 100,
            webhook: String::new(),
            connect_to: String::new(),
            auth_token: "simulated-auth-token".into(),
            from: "+15550155".into(),
            to: "+15550100".into(),
            model_listen: "127.0.0.1:0".into(),
            ramp: TURN,
            duration: 2 * TURN,
            lead: Duration::from_millis(200),
            pid: None,
            seed: 1,
        }
    }
}

/// A load whose model listens already, so that a server can be started for it.
#[derive(Debug)]
pub struct Load {
    options: Options,
    model: std::net::TcpListener,
}

impl Load {
    /// Listens for the server.
    ///
    /// # Errors
    /// When the model's address cannot be listened at, or there are more calls than can be told apart.
    pub fn bind(options: Options) -> Result<Self> {
        ensure!(
            (1..=usize::from(u16::MAX)).contains(&options.calls),
            "1 to 65535 calls"
        );
        let model = std::net::TcpListener::bind(&options.model_listen)
            .with_context(|| format!("cannot listen at {}", options.model_listen))?;
        model.set_nonblocking(true)?;
        Ok(Self { options, model })
    }

    /// What the server has to connect to, without the `model` query.
    ///
    /// # Errors
    /// When the system does not tell where it listens.
    pub fn model_url(&self) -> Result<String> {
        Ok(format!("ws://{}/v1/realtime", self.model.local_addr()?))
    }

    /// Where the server listens and which process it is, if that was not known before.
    pub fn set_server(&mut self, connect_to: String, pid: Option<u32>) {
        self.options.connect_to = connect_to;
        self.options.pid = pid;
    }

    /// Places the calls and returns when all are over. Takes two threads and blocks this one.
    ///
    /// # Errors
    /// When the server's process cannot be looked at, or there are no threads to be had.
    pub fn run(self) -> Result<Report> {
        let Self { options, model } = self;
        let pid = options.pid;
        let look = || pid.map(|pid| usage(Some(pid))).transpose();
        let before = look()?;
        let shared = Arc::new(Shared::new(&options));
        let model_runtime = runtime()?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let model = thread::Builder::new().name("model".into()).spawn({
            let shared = Arc::clone(&shared);
            move || -> std::io::Result<()> {
                model_runtime.block_on(async {
                    let listener = tokio::net::TcpListener::from_std(model)?;
                    tokio::select! {
                        () = model::serve(shared, listener) => {}
                        _ = stopped => {}
                    }
                    Ok(())
                })
            }
        })?;
        let callers_runtime = runtime()?;
        let callers = thread::Builder::new().name("callers".into()).spawn({
            let shared = Arc::clone(&shared);
            move || callers_runtime.block_on(call_all(&shared))
        })?;
        sleep_until(shared.steady.start);
        let steady_begins = (look()?, usage(None)?);
        sleep_until(shared.steady.end - BEFORE_THE_END);
        let steady_ends = (look()?, usage(None)?);
        let outcomes = callers.join().expect("a panic is a bug here");
        let after = settled(pid, before)?;
        let _ = stop.send(());
        model.join().expect("a panic is a bug here")?;
        Ok(Report::new(
            &options,
            &shared,
            &outcomes,
            &report::Looks {
                before,
                steady_begins,
                steady_ends,
                after,
            },
        ))
    }
}

/// One thread: the server is to have what is left of the machine.
fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

async fn call_all(shared: &Arc<Shared>) -> Vec<Outcome> {
    let mut calls = JoinSet::new();
    for index in 0..shared.lines.len() {
        let shared = Arc::clone(shared);
        calls.spawn(async move { call::run(&shared, index).await });
    }
    calls.join_all().await
}

/// The server's usage once it holds no more descriptors than `before`, or after a while.
fn settled(pid: Option<u32>, before: Option<Usage>) -> Result<Option<Usage>> {
    let (Some(pid), Some(before)) = (pid, before) else {
        return Ok(None);
    };
    for _ in 0..150 {
        if usage(Some(pid))?.descriptors <= before.descriptors {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    usage(Some(pid)).map(Some)
}

fn sleep_until(time: Instant) {
    thread::sleep(time.saturating_duration_since(Instant::now()));
}

/// Frames from one utterance of a caller to the next: 8 s.
const CYCLE_FRAMES: u64 = 400;
/// Frame with which the first one begins: 1 s, for a server that keeps nothing until it has a model.
const FIRST_UTTERANCE: u64 = 50;
/// [`CYCLE_FRAMES`] as a time.
const TURN: Duration = Duration::from_secs(8);
/// While calls still are what they were.
const BEFORE_THE_END: Duration = Duration::from_millis(50);

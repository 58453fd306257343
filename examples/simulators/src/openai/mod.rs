//! An OpenAI Realtime service (GA protocol, WebSocket) that says what a script holds.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use trunkline_simulators::{Speech, openai};
//! use openai::{Answer, Turn};
//!
//! let server = openai::Server::bind("127.0.0.1:0", openai::Options {
//!     turns: vec![
//!         Turn::unasked(Answer::speech(Speech::from_wav("greeting.wav")?, "Hello!")),
//!         Turn::new("A table for two.", Answer::tool("book", r#"{"seats":2}"#)),
//!         Turn::unasked(Answer::speech(Speech::from_wav("booked.wav")?, "It is booked.")),
//!     ],
//!     ..openai::Options::default()
//! })
//! .await?;
//! println!("connect to {}?model=gpt-realtime-2.1", server.url());
//! // … let a client talk to it …
//! for session in server.shutdown().await {
//!     println!("{} ms of input", session.input.len() / 24);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Simpler than the service: voice detection goes by level (see [`Options`]), transcripts come
//! from the script (blank for a turn that was all noise, after which the model says its last line again), token counts follow the published rates but are not a tokenizer's, and when
//! voice detection ends a turn while a response still runs (`interrupt_response: false`) no
//! response is created. `semantic_vad` is detection by level with longer silences. MCP,
//! transcription sessions and WebRTC-only events are refused.

mod client;
pub(crate) mod config;
mod conversation;
pub(crate) mod error;
mod events;
mod fault;
pub(crate) mod handshake;
mod input;
mod plan;
mod record;
mod response;
mod schema;
mod script;
mod session;
mod trouble;
mod usage;
mod vad;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::fault::{Action, At, Fault};
pub use self::record::{
    Append, Close, Delete, Delta, ErrorRecord, EventRecord, ResponseRecord, SessionRecord,
    SpeechChange, Truncate,
};
pub use self::script::{Answer, Outcome, Output, Turn};
use crate::{Clock, Log};

/// How the service behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Time base of the records.
    pub clock: Clock,
    /// The conversation. Every session begins at its first turn, or goes on where the items end that its client has
    /// created: after what of it was said, and with the answer that was said in part.
    pub turns: Vec<Turn>,
    /// The only key that is accepted; `None` = any that is not empty.
    pub api_key: Option<String>,
    /// Models that exist; empty = all.
    pub models: Vec<String>,
    /// Time from `response.created` to the first item of a response.
    pub latency: Duration,
    /// Times real time at which speech is sent.
    pub speed: f64,
    /// Shortest and longest audio of one delta.
    pub delta: (Duration, Duration),
    /// Deltas may end in the middle of a sample.
    pub odd_splits: bool,
    /// Shortest and longest time from the end of a turn to its transcript.
    pub transcription: (Duration, Duration),
    /// How long a session may last.
    pub session_limit: Duration,
    /// Time between WebSocket pings.
    pub ping: Duration,
    /// The formats a client asks for are ignored: audio is 24 kHz PCM both ways, and
    /// `session.updated` says so. Happens on the service when an update is refused unnoticed.
    pub ignore_formats: bool,
    /// The records hold the audio itself, not only when how much of it passed.
    pub keep_audio: bool,
    /// Faults of every session.
    pub faults: Vec<Fault>,
    /// Faults besides of the first connection, of the second, and so on.
    pub session_faults: Vec<Vec<Fault>>,
    /// Decides lengths of deltas, delays and identifiers.
    pub seed: u64,
    /// Where to report.
    pub log: Log,
}

impl Default for Options {
    /// Answers nothing yet, after 300 ms, at eight times real time, in deltas of 50–200 ms, with
    /// transcripts after 100–600 ms, for 60 minutes.
    fn default() -> Self {
        Self {
            clock: Clock::new(),
            turns: Vec::new(),
            api_key: None,
            models: Vec::new(),
            latency: Duration::from_millis(300),
            speed: 8.0,
            delta: (Duration::from_millis(50), Duration::from_millis(200)),
            odd_splits: false,
            transcription: (Duration::from_millis(100), Duration::from_millis(600)),
            session_limit: Duration::from_secs(3_600),
            ping: Duration::from_secs(20),
            ignore_formats: false,
            keep_audio: true,
            faults: Vec::new(),
            session_faults: Vec::new(),
            seed: 1,
            log: Log::none(),
        }
    }
}

/// A listening service. Dropping it cuts all connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    options: Arc<Mutex<Arc<Options>>>,
    sessions: Arc<Mutex<Vec<Arc<Mutex<SessionRecord>>>>>,
    stop: watch::Sender<bool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Listens at `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub async fn bind(address: impl ToSocketAddrs, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let sessions: Arc<Mutex<Vec<_>>> = Arc::default();
        let url = format!("ws://{address}/v1/realtime");
        options.log.report(
            options.clock.now(),
            "openai",
            "listening",
            json!({ "url": url }),
        );
        let (stop, stopped) = watch::channel(false);
        let options = Arc::new(Mutex::new(Arc::new(options)));
        let accepting = accept(listener, options.clone(), sessions.clone(), stopped);
        let accepting = tokio::spawn(accepting);
        Ok(Self {
            address,
            options,
            sessions,
            stop,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client connects to, without the `model` query.
    pub fn url(&self) -> String {
        format!("ws://{}/v1/realtime", self.address)
    }

    /// Changes the faults of the sessions that open from now on.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let mut options = self
            .options
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        Arc::make_mut(&mut options).faults = faults;
    }

    /// The records of all connections so far, in order of arrival.
    pub fn sessions(&self) -> Vec<SessionRecord> {
        let sessions = self
            .sessions
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        sessions
            .iter()
            .map(|record| {
                record
                    .lock()
                    .unwrap_or_else(|broken| broken.into_inner())
                    .clone()
            })
            .collect()
    }

    /// Closes all connections with code 1001 and returns the records.
    pub async fn shutdown(mut self) -> Vec<SessionRecord> {
        self.stop.send_replace(true);
        // An accept task that panicked has no more to record.
        let _ = (&mut self.accepting).await;
        self.sessions()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    options: Arc<Mutex<Arc<Options>>>,
    sessions: Arc<Mutex<Vec<Arc<Mutex<SessionRecord>>>>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut tasks = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of descriptors, most likely: wait for a session to end.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            Some(_) = tasks.join_next() => continue,
            _ = stopped.changed() => break,
        };
        let options = options
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
            .clone();
        let record = Arc::new(Mutex::new(SessionRecord {
            opened: options.clock.now(),
            ..SessionRecord::default()
        }));
        let number = {
            let mut sessions = sessions.lock().unwrap_or_else(|broken| broken.into_inner());
            sessions.push(record.clone());
            sessions.len() as u64
        };
        let mut options = options;
        if let Some(faults) = options.session_faults.get(number as usize - 1).cloned() {
            Arc::make_mut(&mut options).faults.extend(faults);
        }
        tasks.spawn(handshake::serve(
            stream,
            number,
            options,
            record,
            stopped.clone(),
        ));
    }
    while tasks.join_next().await.is_some() {}
}

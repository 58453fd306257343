//! A Twilio that dials your server: webhook, TwiML, signed upgrade, a caller who speaks and
//! listens, and a player that knows what was heard.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use std::time::Duration;
//! use trunkline_simulators::{Speech, twilio};
//! use twilio::Step;
//!
//! let record = twilio::call(twilio::Options {
//!     webhook: "https://voice.example.com/twilio/incoming-call".into(),
//!     connect_to: Some("127.0.0.1:8080".into()),
//!     script: vec![
//!         Step::WaitAgentStarts,
//!         Step::WaitAgentSilent(Duration::from_millis(700)),
//!         Step::Say(Speech::from_wav("hello.wav")?),
//!         Step::WaitAgentStarts,
//!         Step::WaitAgentHeard(Duration::from_millis(1_500)),
//!         Step::Say(Speech::from_wav("wait.wav")?), // a barge-in
//!         Step::WaitAgentStarts,
//!         Step::WaitAgentSilent(Duration::from_millis(700)),
//!         Step::HangUp,
//!     ],
//!     ..twilio::Options::default()
//! })
//! .await;
//! assert!(record.violations.is_empty());
//! record.write_wav("call.wav")?;
//! # Ok(())
//! # }
//! ```
//!
//! Simpler than Twilio: no TLS (the server behind the proxy is dialled), `<Say>` and `<Pause>`
//! take their time but make no sound, whoever is called by `<Dial>` answers and hangs up at once,
//! other verbs than `<Connect><Stream>`, `<Dial>`, `<Redirect>`, `<Hangup>` and `<Reject>` are
//! passed over, and every violation is recorded where Twilio reports the first of a kind. Of the
//! REST API there is what changes a live call: [`Api`].

mod api;
mod call;
pub(crate) mod callbacks;
pub(crate) mod connect;
mod courier;
mod echo;
mod fault;
pub(crate) mod http;
pub(crate) mod message;
mod player;
mod record;
mod script;
mod stream;
mod trouble;
pub(crate) mod twiml;
mod uplink;

use std::time::Duration;

pub use self::api::{Api, ApiRequest};
pub use self::fault::Fault;
pub use self::http::signature;
pub use self::record::{
    CallRecord, Clear, Dial, Ending, Mark, Media, Request, Run, StepRecord, Violation,
};
pub use self::script::Step;
use crate::{Clock, Log};

/// Who calls whom, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Time base of the record.
    pub clock: Clock,
    /// Public URL of the voice webhook, as it would be configured at Twilio: it is what is signed.
    pub webhook: String,
    /// `host:port` that is connected to instead of the host in any URL, without TLS. Needed for
    /// `https` and `wss` URLs.
    pub connect_to: Option<String>,
    /// Streams at `ws://` URLs are opened too, which Twilio refuses.
    pub allow_ws: bool,
    /// Key of all signatures.
    pub auth_token: String,
    /// `AC…`
    pub account_sid: String,
    /// Who calls.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// Whether the call was placed by the REST API: other fields in the webhook, and all
    /// status callbacks instead of the last one.
    pub outbound_api: bool,
    /// The REST API that can change the call while it is in progress.
    pub api: Option<Api>,
    /// Public URL that gets the call's status.
    pub status_callback: Option<String>,
    /// Status callbacks come late, out of order and twice (with the same idempotency token), as
    /// they may.
    pub unruly_callbacks: bool,
    /// What the caller does. When it is over the caller stays on the line, silent.
    pub script: Vec<Step>,
    /// Level of what the caller's telephone sends between words; `None` = digital silence.
    pub noise_dbfs: Option<f64>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// How long a waiting step may take.
    pub step_limit: Duration,
    /// How long the call may take, from the moment it is answered.
    pub time_limit: Duration,
    /// Decides the identifiers, whom faults meet, and the order of unruly callbacks.
    pub seed: u64,
    /// Where to report.
    pub log: Log,
}

impl Default for Options {
    /// An inbound call, on which nothing goes wrong, by a caller who says nothing; no webhook yet.
    fn default() -> Self {
        Self {
            clock: Clock::new(),
            webhook: String::new(),
            connect_to: None,
            allow_ws: false,
            auth_token: "simulated-auth-token".into(),
            account_sid: format!("AC{}", "5".repeat(32)),
            from: "+15550155".into(),
            to: "+15550100".into(),
            outbound_api: false,
            api: None,
            status_callback: None,
            unruly_callbacks: false,
            script: Vec::new(),
            noise_dbfs: None,
            faults: Vec::new(),
            step_limit: Duration::from_secs(30),
            time_limit: Duration::from_secs(4 * 3_600),
            seed: 1,
            log: Log::none(),
        }
    }
}

/// Makes one call, in real time, and returns when it is over. Whatever goes wrong is in the
/// record.
pub async fn call(options: Options) -> CallRecord {
    call::Call::new(&options).run().await
}

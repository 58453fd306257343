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
//! take their time but make no sound, other verbs than `<Connect><Stream>`, `<Redirect>`,
//! `<Hangup>` and `<Reject>` are passed over, and every violation is recorded where Twilio
//! reports the first of a kind.

mod http;
mod message;
mod player;
mod record;
mod script;
mod stream;
mod twiml;
mod uplink;

use std::time::Duration;

use serde_json::{Value, json};

pub use self::http::signature;
use self::player::Player;
pub use self::record::{
    CallRecord, Clear, Ending, Mark, Media, Request, Run, StepRecord, Violation,
};
use self::script::Caller;
pub use self::script::Step;
use self::stream::StreamEnd;
use self::twiml::Verb;
pub use self::uplink::{Stall, Uplink};
use crate::random::Random;
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
    /// Public URL that gets the call's status.
    pub status_callback: Option<String>,
    /// Status callbacks come late, out of order and twice (with the same idempotency token), as
    /// they may.
    pub unruly_callbacks: bool,
    /// What the caller does. When it is over the caller stays on the line, silent.
    pub script: Vec<Step>,
    /// Level of what the caller's telephone sends between words; `None` = digital silence.
    pub noise_dbfs: Option<f64>,
    /// How the network to the server behaves.
    pub uplink: Uplink,
    /// How long a waiting step may take.
    pub step_limit: Duration,
    /// How long the call may take, from the moment it is answered.
    pub time_limit: Duration,
    /// Decides the identifiers and the order of unruly callbacks.
    pub seed: u64,
    /// Where to report.
    pub log: Log,
}

impl Default for Options {
    /// An inbound call over a perfect network by a caller who says nothing; no webhook yet.
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
            status_callback: None,
            unruly_callbacks: false,
            script: Vec::new(),
            noise_dbfs: None,
            uplink: Uplink::default(),
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
    let mut random = Random::new(options.seed);
    let call_sid = format!("CA{}", random.hex(32));
    let caller = Caller::new(
        options.script.clone(),
        options.noise_dbfs,
        options.step_limit,
    );
    let mut call = Call {
        clock: options.clock,
        log: options.log.clone(),
        random,
        record: CallRecord {
            call_sid,
            ..CallRecord::default()
        },
        caller,
        player: Player::default(),
        answered: options.clock.now(),
        reported_steps: 0,
        callbacks: 0,
    };
    call.log(
        "dial",
        json!({ "callSid": call.record.call_sid, "webhook": options.webhook }),
    );
    let ending = call.run(&options).await;
    call.record.ending = ending;
    call.record.ended = call.clock.now();
    if call.record.started.is_zero() {
        call.record.started = call.answered;
    }
    let status = if call.record.ending == Ending::Failed {
        "failed"
    } else {
        "completed"
    };
    call.status_callback(&options, status).await;
    call.finish()
}

/// A call in progress.
struct Call {
    clock: Clock,
    log: Log,
    random: Random,
    record: CallRecord,
    caller: Caller,
    player: Player,
    answered: Duration,
    reported_steps: usize,
    callbacks: u32,
}

impl Call {
    /// Fetches TwiML and carries it out until the call is over.
    async fn run(&mut self, options: &Options) -> Ending {
        if options.outbound_api {
            for status in ["initiated", "ringing"] {
                self.status_callback(options, status).await;
            }
        }
        let mut url = options.webhook.clone();
        let mut status = if options.outbound_api {
            "in-progress"
        } else {
            "ringing"
        };
        for _ in 0..MAX_DOCUMENTS {
            let Some(verbs) = self.fetch(options, &url, status).await else {
                return Ending::Failed;
            };
            if status == "ringing" || (options.outbound_api && self.answered.is_zero()) {
                self.answered = self.clock.now();
            }
            status = "in-progress";
            match self.execute(options, &url, verbs).await {
                Next::Document(next) => url = next,
                Next::End(ending) => return ending,
            }
        }
        self.violation(12100, "more than 20 documents in one call", "");
        Ending::Failed
    }

    /// Posts the webhook and reads the TwiML it answers.
    async fn fetch(&mut self, options: &Options, url: &str, status: &str) -> Option<Vec<Verb>> {
        let fields = self.webhook_fields(options, status);
        let body = self.post(options, url, fields).await.ok()?;
        match twiml::parse(&body) {
            Ok(verbs) => Some(verbs),
            Err(error) => {
                self.violation(12100, format!("{error:#}"), &body);
                None
            }
        }
    }

    /// Carries out the verbs of the document fetched from `base`.
    async fn execute(&mut self, options: &Options, base: &str, verbs: Vec<Verb>) -> Next {
        for verb in verbs {
            match verb {
                Verb::Connect { action, stream } => {
                    let url = http::resolve(base, &stream.url);
                    let url = match url.strip_prefix("https://") {
                        // A relative URL takes the host of the document, not its scheme.
                        Some(rest) if !stream.url.contains("://") => format!("wss://{rest}"),
                        _ => url,
                    };
                    match stream::run(self, options, &stream, &url).await {
                        StreamEnd::Call(ending) => return Next::End(ending),
                        StreamEnd::Server => {}
                        StreamEnd::Failed(_) if action.is_none() => {
                            return Next::End(Ending::Failed);
                        }
                        StreamEnd::Failed(_) => {}
                    }
                    if let Some(action) = action {
                        return Next::Document(http::resolve(base, &action));
                    }
                }
                Verb::Say(text) => {
                    self.log("twiml_say", json!({ "text": text }));
                    tokio::time::sleep(SAY_PER_CHARACTER * text.chars().count() as u32).await;
                }
                Verb::Pause(time) => tokio::time::sleep(time).await,
                Verb::Redirect(url) => return Next::Document(http::resolve(base, &url)),
                Verb::Hangup | Verb::Reject => return Next::End(Ending::ServerHungUp),
                Verb::Other(name) => self.log("twiml_skipped", json!({ "verb": name })),
            }
        }
        Next::End(Ending::ServerHungUp)
    }

    /// Fields every voice webhook carries.
    fn webhook_fields(&self, options: &Options, status: &str) -> Vec<(String, String)> {
        let direction = if options.outbound_api {
            "outbound-api"
        } else {
            "inbound"
        };
        let mut fields = vec![
            ("AccountSid", options.account_sid.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", &self.record.call_sid),
            ("CallStatus", status),
            ("Direction", direction),
        ];
        for (names, number) in [
            (["From", "Caller"], &options.from),
            (["To", "Called"], &options.to),
        ] {
            fields.extend(names.map(|name| (name, number.as_str())));
        }
        let mut fields: Vec<_> = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        for party in ["From", "Caller", "To", "Called"] {
            for (part, value) in [
                ("City", ""),
                ("State", "CA"),
                ("Zip", ""),
                ("Country", "US"),
            ] {
                fields.push((format!("{party}{part}"), value.to_owned()));
            }
        }
        if !options.outbound_api {
            fields.push((
                "CallToken".into(),
                format!("{{\"call\":\"{}\"}}", self.record.call_sid),
            ));
            fields.push(("StirVerstat".into(), "TN-Validation-Passed-A".into()));
        }
        fields
    }

    async fn status_callback(&mut self, options: &Options, status: &str) {
        let Some(url) = &options.status_callback else {
            return;
        };
        let mut fields = self.webhook_fields(options, status);
        fields.push(("CallbackSource".into(), "call-progress-events".into()));
        fields.push(("SequenceNumber".into(), self.callbacks.to_string()));
        self.callbacks += 1;
        // Ignore a failing callback: it is recorded, and the call is what it is.
        let _ = self.post(options, url, fields).await;
    }

    /// Posts a form and records the exchange. The error was recorded too.
    async fn post(
        &mut self,
        options: &Options,
        url: &str,
        fields: Vec<(String, String)>,
    ) -> Result<String, ()> {
        let time = self.clock.now();
        let token = self.random.hex(32);
        let connect_to = options.connect_to.as_deref();
        let result = http::post(url, connect_to, &options.auth_token, &token, &fields).await;
        let answered = self.clock.now();
        let (status, body) = match &result {
            Ok(answer) => (Some(answer.status), answer.body.clone()),
            Err(_) => (None, String::new()),
        };
        self.log("webhook", json!({ "url": url, "status": status }));
        let request = Request {
            time,
            answered,
            url: url.to_owned(),
            fields,
            status,
            body: body.clone(),
        };
        self.record.requests.push(request);
        match result {
            Ok(answer) if (200..300).contains(&answer.status) => {
                let kind = answer
                    .content_type
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .trim();
                let xml = ["text/xml", "application/xml", "text/html"].contains(&kind);
                if !answer.body.is_empty() && !xml {
                    self.violation(12300, format!("content type '{}'", answer.content_type), "");
                    return Err(());
                }
                Ok(body)
            }
            Ok(answer) => {
                self.violation(11200, format!("status {}", answer.status), &body);
                Err(())
            }
            Err(error) => {
                self.violation(11200, format!("{error:#}"), url);
                Err(())
            }
        }
    }

    fn violation(&mut self, code: u32, reason: impl Into<String>, text: &str) {
        let violation = Violation {
            time: self.clock.now(),
            code,
            reason: reason.into(),
            text: text.chars().take(200).collect(),
        };
        self.log(
            "violation",
            json!({ "code": code, "reason": violation.reason, "text": violation.text }),
        );
        self.record.violations.push(violation);
    }

    /// Reports script steps that began since the last report.
    fn report_steps(&mut self) {
        for index in self.reported_steps..self.caller.records.len() {
            let step = self.caller.records[index].step.clone();
            self.log("step", json!({ "number": index, "step": step }));
        }
        self.reported_steps = self.caller.records.len();
    }

    fn log(&self, kind: &str, fields: Value) {
        self.log.report(self.clock.now(), "twilio", kind, fields);
    }

    fn finish(self) -> CallRecord {
        let mut record = self.record;
        record.caller = self.caller.samples();
        record.said = self.caller.said;
        record.steps = self.caller.records;
        record.received_mulaw = self.player.audio;
        record.received = self.player.media;
        record.runs = self.player.runs;
        record.marks = self.player.marks;
        record.clears = self.player.clears;
        record.render_heard();
        self.log.report(
            record.ended,
            "twilio",
            "ended",
            json!({ "ending": record.ending, "violations": record.violations.len() }),
        );
        record
    }
}

/// What follows a document.
enum Next {
    Document(String),
    End(Ending),
}

/// A redirect loop ends here.
const MAX_DOCUMENTS: usize = 20;
/// About how fast text is read out.
const SAY_PER_CHARACTER: Duration = Duration::from_millis(60);

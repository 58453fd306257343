//! One call: TwiML fetched and carried out, callbacks sent, everything recorded.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::api::{self, Update};
use super::courier::Courier;
use super::player::Player;
use super::record::{CallRecord, Dial, Ending, Request, Violation};
use super::script::Caller;
use super::stream::{self, StreamEnd};
use super::twiml::{self, Verb};
use super::{Fault, Options, http};
use crate::Clock;
use crate::random::Random;

/// A call in progress.
pub(super) struct Call<'options> {
    pub(super) options: &'options Options,
    /// Twilio's own, which may drift.
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) record: CallRecord,
    pub(super) caller: Caller,
    pub(super) player: Player,
    /// When the call was answered.
    pub(super) answered: Option<Duration>,
    pub(super) courier: Courier,
    reported_steps: usize,
    /// Status callbacks so far.
    pub(super) callbacks: u32,
}

impl<'options> Call<'options> {
    pub(super) fn new(options: &'options Options) -> Self {
        let mut random = Random::new(options.seed);
        let call_sid = format!("CA{}", random.hex(32));
        let drift_ppm = options.faults.iter().rev().find_map(|fault| match *fault {
            Fault::Drift { ppm } => Some(ppm),
            _ => None,
        });
        let drift_ppm = drift_ppm.unwrap_or_default();
        Self {
            clock: options.clock.drifting(drift_ppm),
            random,
            record: CallRecord {
                call_sid,
                drift_ppm,
                ..CallRecord::default()
            },
            caller: Caller::new(
                options.script.clone(),
                options.noise_dbfs,
                &options.faults,
                options.step_limit,
            ),
            player: Player::default(),
            answered: None,
            courier: Courier::new(options),
            reported_steps: 0,
            callbacks: 0,
            options,
        }
    }

    /// Makes the call.
    pub(super) async fn run(mut self) -> CallRecord {
        let webhook = &self.options.webhook;
        self.log(
            "dial",
            json!({ "callSid": self.record.call_sid, "webhook": webhook }),
        );
        if self.options.outbound_api {
            self.status_callback("initiated", &[]);
            self.status_callback("ringing", &[]);
        }
        self.record.ending = self.documents().await;
        if let Some(api) = &self.options.api {
            api.end(&self.record.call_sid);
        }
        self.record.ended = self.clock.now();
        if self.record.stream_sids.is_empty() {
            self.record.started = self.answered.unwrap_or(self.record.ended);
        }
        let (status, sip) = match self.answered {
            Some(_) => ("completed", "200"),
            None => ("failed", "500"),
        };
        let answered = self.answered.unwrap_or(self.record.ended);
        let seconds = (self.record.ended - answered).as_secs();
        self.status_callback(
            status,
            &[
                ("CallDuration", seconds.to_string()),
                ("Duration", seconds.div_ceil(60).to_string()),
                ("SipResponseCode", sip.to_owned()),
            ],
        );
        self.finish().await
    }

    /// Fetches TwiML and carries it out until the call is over.
    async fn documents(&mut self) -> Ending {
        let mut next = Next::Document(self.options.webhook.clone());
        // What the document at hand was read from: an update's has no URL of its own.
        let mut base = self.options.webhook.clone();
        let (sender, mut updates) = unbounded_channel();
        let mut status = if self.options.outbound_api {
            "in-progress"
        } else {
            "ringing"
        };
        for _ in 0..MAX_DOCUMENTS {
            if self.options.outbound_api && self.answered.is_none() {
                self.answered = Some(self.clock.now());
                self.status_callback("in-progress", &[]);
            }
            let verbs = match next {
                Next::Document(url) => {
                    base = url;
                    self.fetch(&base, status).await
                }
                Next::Twiml(text) => self.parse(&text),
                Next::End(ending) => return ending,
            };
            let Some(verbs) = verbs else {
                return Ending::Failed;
            };
            if verbs.first() == Some(&Verb::Reject) {
                return Ending::ServerHungUp;
            }
            self.answered.get_or_insert(self.clock.now());
            status = "in-progress";
            if let Some(api) = &self.options.api {
                api.begin(&self.record.call_sid, sender.clone());
            }
            next = self.execute(&base, verbs, &mut updates).await;
        }
        if let Next::End(ending) = next {
            return ending;
        }
        self.violation(12100, "more than 20 documents in one call", "");
        Ending::Failed
    }

    /// Posts the webhook and reads the TwiML it answers.
    async fn fetch(&mut self, url: &str, status: &str) -> Option<Vec<Verb>> {
        let fields = self.webhook_fields(status);
        let body = self.post(url, fields).await?;
        self.parse(&body)
    }

    fn parse(&mut self, text: &str) -> Option<Vec<Verb>> {
        match twiml::parse(text) {
            Ok(verbs) => Some(verbs),
            Err(error) => {
                self.violation(12100, format!("{error:#}"), text);
                None
            }
        }
    }

    /// Carries out the verbs of the document fetched from `base`, until one of `updates` comes.
    async fn execute(
        &mut self,
        base: &str,
        verbs: Vec<Verb>,
        updates: &mut UnboundedReceiver<Update>,
    ) -> Next {
        for verb in verbs {
            let mut wait = Duration::ZERO;
            match verb {
                Verb::Connect { action, stream } => {
                    let url = http::resolve(base, &stream.url);
                    let url = match url.strip_prefix("https://") {
                        // A relative URL takes the host of the document, not its scheme.
                        Some(rest) if !stream.url.contains("://") => format!("wss://{rest}"),
                        _ => url,
                    };
                    let end = stream::run(self, &stream, &url, base, updates).await;
                    match end {
                        StreamEnd::Call(ending) => return Next::End(ending),
                        StreamEnd::Update(update) => return update.into(),
                        StreamEnd::Failed if action.is_none() => return Next::End(Ending::Failed),
                        StreamEnd::Server | StreamEnd::Failed => {}
                    }
                    if let Some(action) = action {
                        return Next::Document(http::resolve(base, &action));
                    }
                }
                Verb::Say(text) => {
                    self.log("twiml_say", json!({ "text": text }));
                    wait = SAY_PER_CHARACTER * text.chars().count() as u32;
                }
                Verb::Pause(time) => wait = time,
                Verb::Dial { action, dial } => {
                    let dial = Dial {
                        time: self.clock.now(),
                        numbers: dial.numbers,
                        caller_id: dial.caller_id,
                        timeout: dial.timeout,
                        answer_on_bridge: dial.answer_on_bridge,
                    };
                    self.log("twiml_dial", json!(dial));
                    self.record.dials.push(dial);
                    if let Some(action) = action {
                        return Next::Document(http::resolve(base, &action));
                    }
                }
                Verb::Redirect(url) => return Next::Document(http::resolve(base, &url)),
                Verb::Hangup | Verb::Reject => return Next::End(Ending::ServerHungUp),
                Verb::Other(name) => self.log("twiml_skipped", json!({ "verb": name })),
            }
            if let Ok(update) = timeout(wait, api::next(updates)).await {
                return update.into();
            }
        }
        Next::End(Ending::ServerHungUp)
    }

    /// Posts a webhook and records the exchange; `None` when there is no usable answer.
    async fn post(&mut self, url: &str, fields: Vec<(String, String)>) -> Option<String> {
        let clock = self.options.clock;
        let time = clock.now();
        let token = self.random.hex(32);
        let connect_to = self.options.connect_to.as_deref();
        let auth_token = &self.options.auth_token;
        let result = http::post(url, connect_to, auth_token, &token, &fields).await;
        let status = result.as_ref().ok().map(|answer| answer.status);
        self.log("webhook", json!({ "url": url, "status": status }));
        self.record.requests.push(Request {
            time,
            answered: clock.now(),
            url: url.to_owned(),
            idempotency_token: token,
            fields,
            status,
            body: result
                .as_ref()
                .map_or(String::new(), |answer| answer.body.clone()),
        });
        let answer = match result {
            Ok(answer) if (200..300).contains(&answer.status) => answer,
            Ok(answer) => {
                self.violation(11200, format!("status {}", answer.status), &answer.body);
                return None;
            }
            Err(error) => {
                self.violation(11200, format!("{error:#}"), url);
                return None;
            }
        };
        let kind = answer
            .content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        if !["text/xml", "application/xml", "text/html"].contains(&kind) {
            self.violation(12300, format!("content type '{kind}'"), &answer.body);
            return None;
        }
        Some(answer.body)
    }

    pub(super) fn violation(&mut self, code: u32, reason: impl Into<String>, text: &str) {
        let violation = Violation {
            time: self.clock.now(),
            code,
            reason: reason.into(),
            text: text.chars().take(200).collect(),
        };
        let fields = json!({ "code": code, "reason": violation.reason, "text": violation.text });
        self.log("violation", fields);
        self.record.violations.push(violation);
    }

    /// Reports script steps that began since the last report.
    pub(super) fn report_steps(&mut self) {
        for (number, record) in self
            .caller
            .records
            .iter()
            .enumerate()
            .skip(self.reported_steps)
        {
            self.log("step", json!({ "number": number, "step": record.step }));
        }
        self.reported_steps = self.caller.records.len();
    }

    pub(super) fn log(&self, kind: &str, fields: Value) {
        self.options
            .log
            .report(self.options.clock.now(), "twilio", kind, fields);
    }

    /// Waits for the callbacks and completes the record.
    async fn finish(self) -> CallRecord {
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
        record.straighten(&self.clock);
        for delivery in self.courier.finish().await {
            record.requests.push(delivery.request);
            record.violations.extend(delivery.violation);
        }
        record.requests.sort_by_key(|request| request.time);
        let fields = json!({ "ending": record.ending, "violations": record.violations.len() });
        self.options
            .log
            .report(record.ended, "twilio", "ended", fields);
        record
    }
}

/// What follows a document.
enum Next {
    /// The one at this URL.
    Document(String),
    /// This one.
    Twiml(String),
    End(Ending),
}

impl From<Update> for Next {
    fn from(update: Update) -> Self {
        match update {
            Update::Twiml(text) => Self::Twiml(text),
            Update::Url(url) => Self::Document(url),
            Update::Completed => Self::End(Ending::ServerHungUp),
        }
    }
}

/// A redirect loop ends here.
const MAX_DOCUMENTS: usize = 20;
/// About how fast text is read out.
const SAY_PER_CHARACTER: Duration = Duration::from_millis(60);

//! What the model may do: functions on the database, the end of the call, and signed webhooks.
//!
//! Whatever goes wrong is an answer, too: JSON text with an `error` that tells the model what to do next, so that
//! the caller is not left in silence.

mod answer;
mod arguments;
mod definition;
mod destination;
mod pricing;
mod schedule;
mod schema;
mod special;
mod webhook;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;
use reqwest::dns::Resolve;
use rustls::ClientConfig;
use serde_json::Value;
use tokio::time::timeout;

pub(crate) use self::definition::all as definitions;
pub use self::destination::{AllowedHost, Destinations, Refused, SystemResolver};
use self::{answer::Answer, webhook::Webhooks};
use crate::{
    admission::Admission,
    agent::{Agent, Tool, is_e164},
    metrics,
    secret::Secret,
    store::Store,
};

/// Runs the functions that models call. One for the whole server; clones share connections.
#[derive(Clone, Debug)]
pub struct Tools {
    store: Store,
    time_zone: TimeZone,
    webhooks: Option<Webhooks>,
    limits: Limits,
}

/// What [`Tools`] need to know.
pub struct Settings {
    /// Zone of the appointments' local times.
    pub time_zone: TimeZone,
    /// Key of the signatures on webhooks; without one no webhook is called.
    pub webhook_secret: Option<Secret>,
    /// Where webhooks may go.
    pub destinations: Destinations,
    /// Finds the addresses of webhooks' hosts; [`SystemResolver`] but for tests.
    pub resolver: Arc<dyn Resolve>,
    /// TLS to webhooks.
    pub tls: ClientConfig,
    /// How much, how long.
    pub limits: Limits,
}

/// How much, how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of arguments that are looked at.
    pub max_arguments: usize,
    /// Bytes of JSON text that the model gets; at least 1 KiB.
    pub max_output: usize,
    /// Bytes that are read of a webhook's answer.
    pub max_body: usize,
    /// How long a function on the database may take.
    pub database_timeout: Duration,
    /// How long a webhook may take unless its agent says otherwise.
    pub webhook_timeout: Duration,
    /// How long it may take whatever its agent says.
    pub max_webhook_timeout: Duration,
}

impl Default for Limits {
    /// 8 KiB, 16 KiB and 64 KiB; 5 s, 10 s and 30 s.
    fn default() -> Self {
        Self {
            max_arguments: 8 << 10,
            max_output: 16 << 10,
            max_body: 64 << 10,
            database_timeout: Duration::from_secs(5),
            webhook_timeout: Duration::from_secs(10),
            max_webhook_timeout: Duration::from_secs(30),
        }
    }
}

/// What a call of a function comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model is to be told.
    Answer {
        /// JSON text, at most [`Limits::max_output`] bytes.
        output: String,
        /// `output` holds an `error`.
        failed: bool,
    },
    /// The call is to end once the goodbye was heard.
    HangUp,
    /// The caller is to be handed over, once what the model has said was heard.
    Transfer {
        /// E.164 number.
        to: String,
    },
}

impl Tools {
    /// Functions on `store`, and webhooks as `settings` say.
    ///
    /// # Errors
    /// When there is no HTTP client to be had with these settings.
    pub fn new(store: Store, settings: Settings) -> Result<Self, reqwest::Error> {
        let Settings {
            time_zone,
            webhook_secret,
            destinations,
            resolver,
            tls,
            limits,
        } = settings;
        let webhooks = match webhook_secret {
            Some(secret) => Some(Webhooks::new(secret, destinations, resolver, tls)?),
            None => None,
        };
        Ok(Self {
            store,
            time_zone,
            webhooks,
            limits,
        })
    }

    /// `tools` of the session of `agent`: an array of function definitions.
    pub fn definitions(agent: &Agent) -> Value {
        definition::all(&agent.settings.tools)
    }

    /// Runs the function `name` on the call of `admission`, once the model has written all of its `arguments`.
    ///
    /// `tool_call_id` is the model's `call_id`. The same one on the same call books one appointment only, however
    /// often it comes, and webhooks get it as `Idempotency-Key`. This waits for the database or the network, for no
    /// longer than the limits say.
    pub async fn run(
        &self,
        admission: &Admission,
        tool_call_id: &str,
        name: &str,
        arguments: &str,
    ) -> Outcome {
        let began = Instant::now();
        let tool = admission
            .agent
            .settings
            .tools
            .iter()
            .find(|tool| definition::name(tool) == name);
        let answer = match tool {
            None => Err(answer::error(format!(
                "There is no function named {:?}. Use only the functions you were given.",
                answer::cut(name, 64)
            ))),
            Some(tool) => match self.outcome(admission, tool_call_id, tool, arguments).await {
                Ok(Done::Answer(value)) => Ok(value),
                Ok(Done::Outcome(outcome)) => {
                    count(tool, false, began);
                    return outcome;
                }
                Err(error) => Err(error),
            },
        };
        if let Some(tool) = tool {
            count(tool, answer.is_err(), began);
        }
        let (failed, value) = match answer {
            Ok(value) => (false, value),
            Err(value) => (true, value),
        };
        Outcome::Answer {
            output: value.into_text(self.limits.max_output),
            failed,
        }
    }

    async fn outcome(
        &self,
        admission: &Admission,
        tool_call_id: &str,
        tool: &Tool,
        arguments: &str,
    ) -> Result<Done, Answer> {
        if arguments.len() > self.limits.max_arguments {
            return Err(answer::error(format!(
                "The arguments are longer than {} bytes. Call the function again with less.",
                self.limits.max_arguments
            )));
        }
        let is_id = (1..=MAX_TOOL_CALL_ID).contains(&tool_call_id.len())
            && tool_call_id.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_id {
            return Err(answer::error(
                "The call has no proper id. Call the function again.",
            ));
        }
        let limit = self.limits.database_timeout;
        match tool {
            Tool::GetSlots => {
                let arguments = arguments::parse(arguments)?;
                let answer = timeout(limit, self.get_slots(arguments)).await;
                answer
                    .unwrap_or_else(|_| Err(answer::slow()))
                    .map(Done::Answer)
            }
            Tool::BookSlot => {
                let arguments = arguments::parse(arguments)?;
                let answer = self.book_slot(admission, tool_call_id, arguments);
                let answer = timeout(limit, answer).await;
                answer
                    .unwrap_or_else(|_| Err(answer::slow()))
                    .map(Done::Answer)
            }
            Tool::GetPricing => {
                let arguments = arguments::parse(arguments)?;
                let answer = timeout(limit, self.get_pricing(arguments)).await;
                answer
                    .unwrap_or_else(|_| Err(answer::slow()))
                    .map(Done::Answer)
            }
            Tool::HangUp => {
                let arguments::Nothing {} = arguments::parse(arguments)?;
                Ok(Done::Outcome(Outcome::HangUp))
            }
            Tool::TransferCall { to } if is_e164(to) => {
                let arguments::Nothing {} = arguments::parse(arguments)?;
                Ok(Done::Outcome(Outcome::Transfer { to: to.clone() }))
            }
            Tool::TransferCall { .. } => Err(answer::error(
                "Nobody can be reached at the moment. Apologize and offer to take a message.",
            )),
            Tool::Webhook {
                name,
                parameters,
                url,
                timeout_ms,
                ..
            } => {
                let arguments = schema::arguments(parameters, arguments)?;
                let Some(webhooks) = &self.webhooks else {
                    return Err(answer::unavailable());
                };
                let limit = timeout_ms.map_or(self.limits.webhook_timeout, Duration::from_millis);
                let call = webhook::Call {
                    admission,
                    tool_call_id,
                    name,
                    arguments,
                };
                let limit = limit.min(self.limits.max_webhook_timeout);
                let answer = webhooks.post(url, &call, limit, self.limits.max_body);
                answer.await.map(Done::Answer)
            }
        }
    }
}

enum Done {
    Answer(Answer),
    Outcome(Outcome),
}

/// Counts only: neither what was asked nor what was answered.
fn count(tool: &Tool, failed: bool, began: Instant) {
    let kind = definition::kind(tool);
    metrics::tool_call(kind, failed);
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(
        tool = kind,
        failed,
        duration_ms,
        "the model called a function"
    );
}

/// The model's are some 25 bytes; this goes into a header and the database.
const MAX_TOOL_CALL_ID: usize = 256;

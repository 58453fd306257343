//! Functions that live elsewhere: signed POST requests.
//!
//! The body is JSON: `callId`, `callSid`, `toolCallId`, `name`, `arguments`. Headers:
//! - `X-Trunkline-Timestamp`: when it was sent, in seconds since 1970. An endpoint refuses what is minutes old.
//! - `X-Trunkline-Signature`: `v1=` and, in hexadecimal, the HMAC-SHA256 of the timestamp, a full stop and the body as
//!   it came, keyed by `TOOL_WEBHOOK_SECRET`. An endpoint computes it anew and compares in constant time.
//! - `Idempotency-Key`: the `toolCallId`. The same twice is one thing to do.
//!
//! A status of 200 to 299 is success; redirects are not followed. The model gets JSON as it is and other text as a
//! string, of a refusal (400 to 499) the first 512 bytes, of other failures nothing.

use std::{error::Error as _, sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{
    Client, Response, StatusCode,
    dns::Resolve,
    header::{CONTENT_TYPE, HeaderValue},
    redirect,
};
use rustls::ClientConfig;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use tokio::time::{Instant, timeout_at};

use super::{
    Destinations,
    answer::{self, Answer},
    destination::Refused,
};
use crate::{admission::Admission, secret::Secret, time::UnixMs};

/// Posts to webhooks. Clones share connections.
#[derive(Clone, Debug)]
pub(super) struct Webhooks {
    client: Client,
    secret: Secret,
    destinations: Destinations,
}

/// What a webhook is told.
pub(super) struct Call<'a> {
    pub(super) admission: &'a Admission,
    pub(super) tool_call_id: &'a str,
    pub(super) name: &'a str,
    pub(super) arguments: Map<String, Value>,
}

impl Webhooks {
    pub(super) fn new(
        secret: Secret,
        destinations: Destinations,
        resolver: Arc<dyn Resolve>,
        tls: ClientConfig,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            // A proxy would resolve the name, and connect to whatever it likes.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .dns_resolver(destinations.guard(resolver))
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE)
            .user_agent(USER_AGENT)
            .build()?;
        Ok(Self {
            client,
            secret,
            destinations,
        })
    }

    /// Posts `call` to `url` and gives what comes back within `limit`; at most `max_body` bytes of it are read.
    pub(super) async fn post(
        &self,
        url: &str,
        call: &Call<'_>,
        limit: Duration,
        max_body: usize,
    ) -> Result<Answer, Answer> {
        let url = self.destinations.check(url).map_err(refused)?;
        let Ok(key) = HeaderValue::from_str(call.tool_call_id) else {
            return Err(answer::error(
                "The call has no proper id. Call the function again.",
            ));
        };
        let body = json!({
            "callId": call.admission.call_id,
            "callSid": call.admission.call_sid,
            "toolCallId": call.tool_call_id,
            "name": call.name,
            "arguments": call.arguments,
        });
        let body = body.to_string();
        let timestamp = UnixMs::now().0 / 1_000;
        let signature = signature(&self.secret, timestamp, &body);
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", key)
            .header("X-Trunkline-Timestamp", timestamp.to_string())
            .header("X-Trunkline-Signature", signature)
            .body(body);
        let deadline = Instant::now() + limit;
        let response = match timeout_at(deadline, request.send()).await {
            Err(_) => return Err(late()),
            Ok(Err(error)) => return Err(failure(&error)),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        let (text, cut) = match timeout_at(deadline, read(response, max_body)).await {
            Err(_) => return Err(late()),
            Ok(Err(error)) => return Err(failure(&error)),
            Ok(Ok(read)) => read,
        };
        if !status.is_success() {
            return Err(unsuccessful(status, &text));
        }
        Ok(if text.trim().is_empty() {
            Answer::Json(json!({ "done": true }))
        } else if !cut && serde_json::from_str::<IgnoredAny>(&text).is_ok() {
            Answer::Verbatim(text)
        } else {
            Answer::Text { text, cut }
        })
    }
}

/// `v1=` and the HMAC-SHA256 of `timestamp`, a full stop and `body`, in hexadecimal.
fn signature(secret: &Secret, timestamp: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(format!("{timestamp}.{body}").as_bytes());
    let mac = mac.finalize().into_bytes();
    mac.iter()
        .fold("v1=".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// The body, at most `max` bytes of it, and whether there is more.
async fn read(mut response: Response, max: usize) -> Result<(String, bool), reqwest::Error> {
    let mut body = Vec::new();
    let mut cut = false;
    while let Some(part) = response.chunk().await? {
        let room = max - body.len();
        body.extend_from_slice(&part[..part.len().min(room)]);
        if part.len() > room {
            cut = true;
            break;
        }
    }
    // Half a character at the end of what was read is nobody's.
    if let (true, Err(error)) = (cut, std::str::from_utf8(&body))
        && error.error_len().is_none()
    {
        body.truncate(error.valid_up_to());
    }
    Ok((String::from_utf8_lossy(&body).into_owned(), cut))
}

/// The address is for whoever runs the server to mend, not for the model to know.
fn refused(refused: Refused) -> Answer {
    tracing::warn!(reason = %refused, "a webhook may not go where its URL leads");
    answer::unavailable()
}

fn failure(error: &reqwest::Error) -> Answer {
    let mut cause = error.source();
    while let Some(source) = cause {
        if let Some(reason) = source.downcast_ref::<Refused>() {
            return refused(*reason);
        }
        cause = source.source();
    }
    if error.is_timeout() {
        return late();
    }
    answer::unavailable()
}

fn late() -> Answer {
    answer::error(
        "The service did not answer in time, and it is not known whether it did anything. Tell the caller that it \
         takes too long; do not call the function again unless the caller asks.",
    )
}

fn unsuccessful(status: StatusCode, text: &str) -> Answer {
    let status = status.as_u16();
    if !(400..500).contains(&status) {
        tracing::warn!(status, "a webhook did not succeed");
        return answer::unavailable();
    }
    Answer::Json(json!({
        "error": format!(
            "The service refused with status {status}. If `detail` says what is wrong with the arguments, call the \
             function again with better ones; else tell the caller that it is not possible."
        ),
        "detail": answer::cut(text, MAX_DETAIL),
    }))
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections kept for a host.
const MAX_IDLE: usize = 4;
const USER_AGENT: &str = concat!("trunkline-bridge-server/", env!("CARGO_PKG_VERSION"));
/// Bytes of a refusal that the model gets.
const MAX_DETAIL: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_another_implementation() {
        // python3 -c 'import hmac; print(hmac.new(b"whsec", b"1795862096.{\"a\":\"\xc3\xa4\"}", "sha256").hexdigest())'
        assert_eq!(
            signature(&Secret::new("whsec"), 1_795_862_096, r#"{"a":"ä"}"#),
            "v1=15d7142994ebbfdb014b20ee6477ebffc5994bf668f8471bbf06024904906c37"
        );
    }
}

//! Twilio's REST API: what a server tells Twilio about a call of its own accord.

use std::{error::Error, fmt, time::Duration};

use quick_xml::escape::escape;
use reqwest::{Client, Response, StatusCode, Url, header::RETRY_AFTER, redirect};
use rustls::ClientConfig;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::secret::Secret;

/// A client of Twilio's REST API for one account.
#[derive(Clone, Debug)]
pub struct TwilioRest {
    client: Client,
    base_url: Url,
    account_sid: String,
    auth_token: Secret,
}

impl TwilioRest {
    /// A client of the API at `base_url`, usually [`BASE_URL`], with the credentials of an account, by way of
    /// `client`, usually [`client`].
    ///
    /// # Errors
    /// When `base_url` is not an `http` or `https` URL.
    pub fn new(
        base_url: &str,
        account_sid: impl Into<String>,
        auth_token: Secret,
        client: Client,
    ) -> Result<Self, RestError> {
        let base_url = Url::parse(base_url).map_err(|_| RestError::BaseUrl)?;
        if !matches!(base_url.scheme(), "http" | "https") {
            return Err(RestError::BaseUrl);
        }
        Ok(Self {
            client,
            base_url,
            account_sid: account_sid.into(),
            auth_token,
        })
    }

    /// Lets a live call go on with the document `twiml`, up to [`MAX_TWIML`] characters. A call in a stream leaves
    /// it: the stream gets `stop`.
    ///
    /// Tried again only where Twilio cannot have done it: when there was no connection, and on status 429
    /// (Source: Twilio documentation, error 20429). Twice the same document would ring twice. It takes up to 10 s
    /// in all.
    ///
    /// # Errors
    /// As [`RestError`] tells.
    pub async fn update_call(&self, call_sid: &str, twiml: &str) -> Result<(), RestError> {
        if twiml.chars().count() > MAX_TWIML {
            return Err(RestError::TwimlTooLong);
        }
        let mut url = self.base_url.clone();
        url.path_segments_mut()
            .map_err(|()| RestError::BaseUrl)?
            .pop_if_empty()
            .extend(["2010-04-01", "Accounts", &self.account_sid, "Calls"])
            .push(&format!("{call_sid}.json"));
        let deadline = Instant::now() + TIMEOUT;
        let mut pause = FIRST_PAUSE;
        loop {
            let request = self
                .client
                .post(url.clone())
                .basic_auth(&self.account_sid, Some(self.auth_token.expose()))
                .form(&[("Twiml", twiml)]);
            let Ok(answered) = timeout_at(deadline, request.send()).await else {
                return Err(RestError::Timeout);
            };
            let (error, wait) = match answered {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
                    let wait = retry_after(&response).unwrap_or(pause);
                    (refusal(response, deadline).await, wait)
                }
                Ok(response) => return Err(refusal(response, deadline).await),
                Err(error) if error.is_connect() => (RestError::Unreachable, pause),
                Err(error) if error.is_timeout() => return Err(RestError::Timeout),
                Err(_) => return Err(RestError::Broken),
            };
            let next = Instant::now() + wait;
            if next >= deadline {
                return Err(error);
            }
            sleep_until(next).await;
            pause *= 2;
        }
    }
}

/// An HTTP client for the API. It follows no redirects: Twilio has none, and a POST would become a GET. Proxies of the
/// environment are left out.
///
/// # Errors
/// When there is no client to be had with these settings of TLS.
pub fn client(tls: ClientConfig) -> Result<Client, reqwest::Error> {
    Client::builder()
        // As on the way to the model.
        .no_proxy()
        .redirect(redirect::Policy::none())
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .build()
}

/// Why a call was not updated. Holds nothing private: neither URL nor credentials nor numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestError {
    /// The base URL is not one.
    BaseUrl,
    /// The document has more than [`MAX_TWIML`] characters; nothing was sent.
    TwimlTooLong,
    /// There was no connection, so nothing has changed.
    Unreachable,
    /// No answer in time: it is not known whether the call was updated.
    Timeout,
    /// The connection broke before the answer: it is not known whether the call was updated.
    Broken,
    /// Twilio has refused, or failed; after a status of 500 or above it is not known whether the call was updated.
    Refused {
        /// HTTP status.
        status: u16,
        /// Twilio's number of the error, such as 20404 for a call that is unknown or over.
        code: Option<u32>,
    },
}

impl fmt::Display for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BaseUrl => {
                f.write_str("the base URL of Twilio's API is not an http or https URL")
            }
            Self::TwimlTooLong => write!(f, "the document is longer than {MAX_TWIML} characters"),
            Self::Unreachable => f.write_str("no connection to Twilio's API"),
            Self::Timeout => f.write_str("no answer from Twilio's API in time"),
            Self::Broken => f.write_str("the connection to Twilio's API broke"),
            Self::Refused {
                status,
                code: Some(code),
            } => write!(f, "Twilio's API answered {status}, error {code}"),
            Self::Refused { status, code: None } => write!(f, "Twilio's API answered {status}"),
        }
    }
}

impl Error for RestError {}

/// The document that hands the caller over to the number `to`. `caller_id` must be one of the call's two numbers,
/// or one that the account has verified (Twilio error 13214); `ring` is how long it rings, in whole seconds.
/// The call is over when the other side does not answer or hangs up.
pub fn dial(caller_id: &str, to: &str, ring: Duration) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <Response><Dial callerId=\"{}\" timeout=\"{}\" answerOnBridge=\"true\">\
         <Number>{}</Number></Dial></Response>",
        escape(caller_id),
        ring.as_secs(),
        escape(to),
    )
}

async fn refusal(mut response: Response, deadline: Instant) -> RestError {
    #[derive(Deserialize)]
    struct Body {
        code: Option<u32>,
    }
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Ok(Ok(Some(part))) = timeout_at(deadline, response.chunk()).await {
        if body.len() + part.len() > MAX_ERROR_BODY {
            break;
        }
        body.extend_from_slice(&part);
    }
    let code = serde_json::from_slice::<Body>(&body).ok();
    RestError::Refused {
        status,
        code: code.and_then(|body| body.code),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(seconds.parse().ok()?))
}

/// Source: Twilio documentation, "REST API: base URL".
pub const BASE_URL: &str = "https://api.twilio.com";
/// Characters of a document given to the API. Source: Twilio's OpenAPI document, `Twiml` of a call.
pub const MAX_TWIML: usize = 4_000;
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MAX_ERROR_BODY: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_of_a_transfer_is_escaped() {
        assert_eq!(
            dial("+15550100", "+15550123", Duration::from_secs(20)),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Dial callerId=\"+15550100\" \
             timeout=\"20\" answerOnBridge=\"true\"><Number>+15550123</Number></Dial></Response>"
        );
        let hostile = dial("\"/><Hangup/>", "<Sip>", Duration::ZERO);
        assert!(
            hostile.contains("callerId=\"&quot;/&gt;&lt;Hangup/&gt;\""),
            "{hostile}"
        );
        assert!(
            hostile.contains("<Number>&lt;Sip&gt;</Number>"),
            "{hostile}"
        );
    }
}

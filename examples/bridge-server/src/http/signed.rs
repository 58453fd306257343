//! What Twilio has signed.

use std::time::Duration;

use axum::{
    body::to_bytes,
    extract::Request,
    http::{HeaderMap, StatusCode},
};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    app::App,
    config::STREAMS_PATH,
    signature::{self, Parameters},
};

/// A webhook that Twilio has signed.
pub(super) struct Webhook {
    form: Parameters,
    query: Vec<(String, String)>,
}

impl Webhook {
    /// A field of the form.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.form.get(name)?.first().map(String::as_str)
    }

    /// A field that names something at Twilio.
    pub(super) fn sid(&self, name: &str) -> Option<&str> {
        self.field(name).filter(|sid| {
            (1..=MAX_SID).contains(&sid.len())
                && sid.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }

    /// The parameters of the URL, in order.
    pub(super) fn query(&self) -> impl Iterator<Item = (String, String)> {
        self.query.iter().cloned()
    }
}

/// The form a webhook brings, if Twilio has signed it.
pub(super) async fn signed_webhook(app: &App, request: Request) -> Result<Webhook, StatusCode> {
    let (parts, body) = request.into_parts();
    let body = timeout(FORM_TIMEOUT, to_bytes(body, MAX_FORM))
        .await
        .map_err(|_| StatusCode::REQUEST_TIMEOUT)?
        .map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let form = signature::parameters(&body);
    // Whatever host the request names, Twilio has signed the URL it was configured with.
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let urls = [&app.config.public_url, &app.config.node_url].map(|url| format!("{url}{path}"));
    if !is_signed(app, &parts.headers, &[&urls[0], &urls[1]], &form) {
        app.log
            .write("bad_signature", json!({ "path": parts.uri.path() }));
        return Err(StatusCode::FORBIDDEN);
    }
    let query = parts.uri.query().unwrap_or_default();
    Ok(Webhook {
        form,
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
    })
}

/// A stream's upgrade is signed over the `wss` URL in the TwiML; a slash at its end comes and goes
/// with what stands between Twilio and this server.
pub(super) fn is_signed_upgrade(app: &App, headers: &HeaderMap) -> bool {
    let url = &app.config.stream_url;
    let is_signed = is_signed(app, headers, &[url, &format!("{url}/")], &Parameters::new());
    if !is_signed {
        app.log
            .write("bad_signature", json!({ "path": STREAMS_PATH }));
    }
    is_signed
}

fn is_signed(app: &App, headers: &HeaderMap, urls: &[&str], form: &Parameters) -> bool {
    let Some(auth_token) = &app.config.twilio_auth_token else {
        return true;
    };
    // Signed by another secret than the auth token, perhaps by another algorithm.
    if headers.contains_key("x-twilio-webhooks-signature-settings") {
        return false;
    }
    let Some(signature) = headers
        .get("x-twilio-signature")
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    urls.iter()
        .any(|url| signature::is_valid(auth_token, url, form, signature))
}

/// Twilio's forms have a few dozen short fields.
const MAX_FORM: usize = 64 << 10;
/// Twilio sends them in one piece.
const FORM_TIMEOUT: Duration = Duration::from_secs(5);
/// Two letters and 32 hexadecimal digits.
const MAX_SID: usize = 34;

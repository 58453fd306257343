//! Twilio's webhooks and the way in for streams.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode, Version,
        header::{
            CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
            SEC_WEBSOCKET_VERSION, UPGRADE,
        },
    },
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use hyper_util::rt::TokioIo;
use quick_xml::escape::escape;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use crate::{
    admission::{Admission, Farewell},
    app::{App, Phase},
    call::{self, MAX_UNSENT_TWILIO, bridge_config},
    config::STREAMS_PATH,
    peer,
    signature::{self, Parameters},
};

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/twilio/incoming-call", post(incoming_call))
        .route("/twilio/call-status", post(call_status))
        .route("/twilio/after-stream", post(after_stream))
        .route(STREAMS_PATH, any(streams))
        .route("/health", get(health))
        .with_state(app)
}

/// Answers a call: its audio comes to [`streams`], with a token that only this answer has.
async fn incoming_call(State(app): State<Arc<App>>, request: Request) -> Response {
    let form = match signed_form(&app, request).await {
        Ok(form) => form,
        Err(status) => return status.into_response(),
    };
    let Some(call_sid) = parameter(&form, "CallSid") else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let is_full = app.capacity.available_permits() == 0;
    if is_full || *app.phase.borrow() != Phase::Running {
        app.log.write(
            "call_rejected",
            json!({ "call_sid": call_sid, "is_full": is_full }),
        );
        return twiml(r#"<Reject reason="busy"/>"#);
    }
    let admission = Admission {
        call_id: uuid::Uuid::now_v7().to_string(),
        call_sid: call_sid.to_owned(),
        caller: parameter(&form, "From").unwrap_or_default().to_owned(),
        called: parameter(&form, "To").unwrap_or_default().to_owned(),
        agent: Arc::clone(&app.first_agent),
    };
    match app.tokens.issue(admission, std::time::Instant::now()) {
        Ok(Some(token)) => {
            app.log
                .write("call_answered", json!({ "call_sid": call_sid }));
            twiml(&format!(
                r#"<Connect action="/twilio/after-stream"><Stream url="{}"><Parameter name="token" value="{token}"/></Stream></Connect>"#,
                escape(&app.config.stream_url),
            ))
        }
        Ok(None) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(error) => {
            app.log
                .write("no_randomness", json!({ "error": error.to_string() }));
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What Twilio does after the stream.
async fn after_stream(State(app): State<Arc<App>>, request: Request) -> Response {
    let form = match signed_form(&app, request).await {
        Ok(form) => form,
        Err(status) => return status.into_response(),
    };
    match app.tokens.farewell(parameter(&form, "CallSid").unwrap_or_default()) {
        Farewell::HangUp => twiml("<Hangup/>"),
        Farewell::Say(sentence) => twiml(&format!("<Say>{}</Say><Hangup/>", escape(&sentence))),
    }
}

/// Notes how a call is going and ends what is left of one that is over.
async fn call_status(State(app): State<Arc<App>>, request: Request) -> Response {
    let form = match signed_form(&app, request).await {
        Ok(form) => form,
        Err(status) => return status.into_response(),
    };
    let call_sid = parameter(&form, "CallSid").unwrap_or_default();
    let status = parameter(&form, "CallStatus").unwrap_or_default();
    app.log.write(
        "call_status",
        json!({
            "call_sid": call_sid,
            "status": status,
            "sequence_number": parameter(&form, "SequenceNumber"),
            "duration_s": parameter(&form, "CallDuration"),
        }),
    );
    if matches!(
        status,
        "completed" | "busy" | "no-answer" | "failed" | "canceled"
    ) {
        app.calls.end(call_sid);
    }
    StatusCode::NO_CONTENT.into_response()
}

/// Takes the WebSocket of one call's audio.
async fn streams(State(app): State<Arc<App>>, mut request: Request) -> Response {
    let Some(key) = websocket_key(&request) else {
        return (StatusCode::UPGRADE_REQUIRED, [(UPGRADE, "websocket")]).into_response();
    };
    let accept = derive_accept_key(key.as_bytes());
    if !is_signed_upgrade(&app, request.headers()) {
        app.log
            .write("bad_signature", json!({ "path": STREAMS_PATH }));
        return StatusCode::FORBIDDEN.into_response();
    }
    // While draining, a call that was answered just before still gets through.
    let permit = match Arc::clone(&app.capacity).try_acquire_owned() {
        Ok(permit) if *app.phase.borrow() != Phase::Ending => permit,
        _ => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let _permit = permit;
        match upgrade.await {
            Ok(upgraded) => {
                let config = peer::config(bridge_config(&app).max_twilio_len, MAX_UNSENT_TWILIO);
                let io = TokioIo::new(upgraded);
                let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config));
                call::run(app, socket.await).await;
            }
            Err(error) => {
                app.log
                    .write("upgrade_failed", json!({ "error": error.to_string() }));
            }
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::try_from(accept).expect("base64 is a valid header value");
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let (status, word) = match *app.phase.borrow() {
        Phase::Running => (StatusCode::OK, "ok"),
        Phase::Draining | Phase::Ending => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    let body = json!({ "status": word, "calls": app.calls.len() }).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

fn twiml(verbs: &str) -> Response {
    let document = format!(r#"<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>"#);
    ([(CONTENT_TYPE, "text/xml")], document).into_response()
}

/// The form a webhook brings, if Twilio has signed it.
async fn signed_form(app: &App, request: Request) -> Result<Parameters, StatusCode> {
    let (parts, body) = request.into_parts();
    let body = timeout(FORM_TIMEOUT, to_bytes(body, MAX_FORM))
        .await
        .map_err(|_| StatusCode::REQUEST_TIMEOUT)?
        .map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let form = signature::parameters(&body);
    // Whatever host the request names, Twilio has signed the URL it was configured with.
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{}{path}", app.config.public_url);
    if is_signed(app, &parts.headers, &[&url], &form) {
        Ok(form)
    } else {
        app.log
            .write("bad_signature", json!({ "path": parts.uri.path() }));
        Err(StatusCode::FORBIDDEN)
    }
}

/// A stream's upgrade is signed over the `wss` URL in the TwiML; a slash at its end comes and goes
/// with what stands between Twilio and this server.
fn is_signed_upgrade(app: &App, headers: &HeaderMap) -> bool {
    let url = &app.config.stream_url;
    is_signed(app, headers, &[url, &format!("{url}/")], &Parameters::new())
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

/// `Sec-WebSocket-Key` of a request that asks for a WebSocket. Source: RFC 6455 §4.2.1.
fn websocket_key(request: &Request) -> Option<&HeaderValue> {
    let headers = request.headers();
    let names = |name, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| {
                value
                    .split(',')
                    .any(|word| word.trim().eq_ignore_ascii_case(token))
            })
    };
    let is_websocket = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && names(UPGRADE, "websocket")
        && names(CONNECTION, "upgrade")
        && headers
            .get(SEC_WEBSOCKET_VERSION)
            .is_some_and(|version| version == "13");
    headers.get(SEC_WEBSOCKET_KEY).filter(|_| is_websocket)
}

fn parameter<'a>(form: &'a Parameters, name: &str) -> Option<&'a str> {
    form.get(name)?.first().map(String::as_str)
}

/// Twilio's forms have a few dozen short fields.
const MAX_FORM: usize = 64 << 10;
/// Twilio sends them in one piece.
const FORM_TIMEOUT: Duration = Duration::from_secs(5);

//! The way in for a call's audio.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderValue, Method, StatusCode, Version,
        header::{
            CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
        },
    },
    response::{IntoResponse, Response},
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use super::signed::is_signed_upgrade;
use crate::{
    app::{App, Phase},
    call::{self, MAX_UNSENT_TWILIO, bridge_config},
    peer,
};

/// Takes the WebSocket of one call's audio.
pub(super) async fn streams(State(app): State<Arc<App>>, mut request: Request) -> Response {
    let Some(key) = websocket_key(&request) else {
        return (StatusCode::UPGRADE_REQUIRED, [(UPGRADE, "websocket")]).into_response();
    };
    let accept = derive_accept_key(key.as_bytes());
    if !is_signed_upgrade(&app, request.headers()) {
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

//! What the server answers.

mod repeats;
mod signed;
mod streams;
mod twilio;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde_json::json;

pub(crate) use self::repeats::Repeats;
use crate::{
    app::{App, Phase},
    config::STREAMS_PATH,
};

/// Twilio's side of it.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/twilio/incoming-call", post(twilio::incoming_call))
        .route("/twilio/stream-ended", post(twilio::stream_ended))
        .route("/twilio/call-status", post(twilio::call_status))
        .route("/twilio/recording-status", post(twilio::recording_status))
        .route(STREAMS_PATH, any(streams::streams))
        .route("/health", get(health))
        .with_state(app)
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let (status, word) = match *app.phase.borrow() {
        Phase::Running => (StatusCode::OK, "ok"),
        Phase::Draining | Phase::Ending => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    let body = json!({ "status": word, "calls": app.calls.len() }).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

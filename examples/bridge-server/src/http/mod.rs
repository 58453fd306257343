//! What the server answers.

mod repeats;
mod signed;
mod streams;
mod twilio;

use std::sync::Arc;

use axum::{
    Router,
    routing::{any, post},
};

pub(crate) use self::repeats::Repeats;
use crate::{app::App, config::STREAMS_PATH};

/// Twilio's side of it.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/twilio/incoming-call", post(twilio::incoming_call))
        .route("/twilio/stream-ended", post(twilio::stream_ended))
        .route("/twilio/call-status", post(twilio::call_status))
        .route("/twilio/recording-status", post(twilio::recording_status))
        .route(STREAMS_PATH, any(streams::streams))
        .with_state(app)
}

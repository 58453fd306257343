//! The JSON API, the stream of status events, their document, and the checks of health.
//!
//! [`router`] has the routes; [`around`] gives every answer of the whole server its shape.

mod agents;
mod analytics;
mod calls;
mod docs;
mod health;
mod input;
mod key;
mod numbers;
mod problem;
mod range;
mod recording;
mod schedule;
mod settings;
mod stall;
mod status;

use std::{fmt, path::PathBuf, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn_with_state, routing::any};
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use health::{CallCount, Health, Readiness};
pub use key::ApiKey;
pub use problem::{InvalidInput, Problem};
pub use stall::StallTimeout;

use crate::{metrics, record::StatusEvent, store::Store, tools::Destinations};

/// What the API works on.
#[derive(Clone)]
pub struct ApiState {
    /// The database.
    pub store: Store,
    /// A new receiver of status events, which come in order of their ids.
    pub subscribe: Arc<dyn Fn() -> broadcast::Receiver<Arc<StatusEvent>> + Send + Sync>,
    /// `RECORDING_STORAGE_PATH`: nothing outside it is ever served.
    pub recordings: PathBuf,
    /// What every request must bring.
    pub key: ApiKey,
    /// Whether `GET /metrics` is answered without the key.
    pub metrics_open: bool,
    /// One permit for each that may watch `GET /api/status` at a time.
    pub watchers: Arc<Semaphore>,
    /// Where webhooks may go.
    pub destinations: Destinations,
    /// Called after agents or numbers were changed.
    pub directory_changed: Arc<dyn Fn() + Send + Sync>,
    /// Ends the streams of status events.
    pub shutdown: CancellationToken,
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState")
            .field("store", &self.store)
            .field("recordings", &self.recordings)
            .field("metrics_open", &self.metrics_open)
            .field("watchers", &self.watchers.available_permits())
            .finish_non_exhaustive()
    }
}

/// Everything under `/api`, and `GET /metrics`.
pub fn router(state: ApiState) -> Router {
    let (routes, mut document) = OpenApiRouter::with_openapi(docs::frame())
        .routes(routes!(calls::list))
        .routes(routes!(calls::get))
        .routes(routes!(calls::add_note))
        .routes(routes!(recording::get))
        .routes(routes!(analytics::get))
        .routes(routes!(agents::list, agents::create))
        .routes(routes!(agents::get, agents::update, agents::delete))
        .routes(routes!(numbers::list, numbers::create))
        .routes(routes!(numbers::get, numbers::put, numbers::delete))
        .routes(routes!(schedule::slots, schedule::create_slot))
        .routes(routes!(schedule::slot, schedule::delete_slot))
        .routes(routes!(schedule::prices, schedule::create_price))
        .routes(routes!(
            schedule::price,
            schedule::put_price,
            schedule::delete_price
        ))
        .routes(routes!(status::watch))
        .routes(routes!(metrics::get))
        .split_for_parts();
    docs::complete(&mut document);
    let guard = from_fn_with_state(
        key::Guard {
            key: state.key.clone(),
            metrics_open: state.metrics_open,
        },
        key::require,
    );
    Router::new()
        .merge(routes)
        // So that nobody without the key can tell what is there from what is not.
        .route("/api", any(problem::no_such_path))
        .route("/api/{*rest}", any(problem::no_such_path))
        .route_layer(guard)
        .merge(docs::router(document))
        .layer(DefaultBodyLimit::max(input::MAX_BODY))
        .with_state(state)
}

/// `router` with what every answer of the server gets: errors in the shape of [`Problem`], an answer even if the
/// handler panics, and a place in the metrics.
pub fn around(router: Router) -> Router {
    router
        .fallback(problem::no_such_path)
        .layer(axum::middleware::from_fn(problem::shape))
        .layer(axum::middleware::from_fn(metrics::observe))
}

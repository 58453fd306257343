//! Status events as they come, to whoever watches.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, RETRY_AFTER},
    },
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{StreamExt, stream};
use tokio::sync::{
    OwnedSemaphorePermit,
    broadcast::{self, error::RecvError},
};
use tokio_util::sync::CancellationToken;

use super::{
    ApiState,
    calls::is_uuid,
    docs::Invalid,
    input::Parameters,
    problem::{Problem, database},
};
use crate::{record::StatusEvent, store::Store};

/// Watches
///
/// Server-sent events: `id` and `event` are those of the JSON in `data`. Without `Last-Event-ID` they begin now;
/// with it, after that event, none left out and none twice. Whoever reads too slowly is disconnected, and can come
/// back in this way.
#[utoipa::path(
    get,
    path = "/api/status",
    operation_id = "watchStatus",
    tag = "status",
    params(
        ("callId" = Option<String>, Query, description = "Only events of this call."),
        ("Last-Event-ID" = Option<i64>, Header, description = "The last event that was seen."),
    ),
    responses(
        (status = 200, description = "Events, without end.", content_type = "text/event-stream", body = StatusEvent),
        Invalid,
    ),
)]
pub(crate) async fn watch(
    State(state): State<ApiState>,
    headers: HeaderMap,
    mut query: Parameters,
) -> Result<Response, Problem> {
    let call_id = query.text("callId", 64);
    if call_id.as_deref().is_some_and(|id| !is_uuid(id)) {
        query.wrong("callId", "must be the id of a call");
    }
    query.finish()?;
    let last_seen = last_seen(&headers)?;
    let permit = Arc::clone(&state.watchers)
        .try_acquire_owned()
        .map_err(|_| too_many())?;
    // Before anything is read, so that nothing falls between what is read and what is heard.
    let live = (state.subscribe)();
    let last = match last_seen {
        // Whoever has seen more than there is has seen another database.
        Some(id) => id.min(database(state.store.last_event_id()).await?),
        None => 0,
    };
    let watch = Watch {
        store: state.store,
        live,
        last,
        missed: VecDeque::new(),
        is_behind: last_seen.is_some(),
        is_live: last_seen.is_none(),
        call_id: call_id.map(|id| id.to_ascii_lowercase()),
        shutdown: state.shutdown,
        _permit: permit,
    };
    let first = stream::iter([Ok::<_, Infallible>(Event::default().retry(RETRY))]);
    let rest = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok(written(&event)), watch))
    });
    let events = Sse::new(first.chain(rest));
    let alive = events.keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive"));
    let unbuffered = [
        (CACHE_CONTROL, "no-store"),
        // Proxies of the nginx family would otherwise hold events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((unbuffered, alive).into_response())
}

/// One that watches. Nothing is kept for it but a page of missed events: what is not read from the stream is not
/// read from the feed either, and the feed forgets.
struct Watch {
    store: Store,
    live: broadcast::Receiver<Arc<StatusEvent>>,
    /// The last event that was told, or passed over.
    last: i64,
    missed: VecDeque<StatusEvent>,
    /// Whether the database may have events after `last` that `live` has not.
    is_behind: bool,
    /// Whether `live` is what is told, and not the past.
    is_live: bool,
    call_id: Option<String>,
    shutdown: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    /// The next event; `None` ends the stream.
    async fn next(&mut self) -> Option<Arc<StatusEvent>> {
        let shutdown = self.shutdown.clone();
        tokio::select! {
            () = shutdown.cancelled() => None,
            event = self.next_event() => event,
        }
    }

    async fn next_event(&mut self) -> Option<Arc<StatusEvent>> {
        loop {
            let event = if let Some(event) = self.missed.pop_front() {
                Arc::new(event)
            } else if self.is_behind {
                // Comes back with its `Last-Event-ID` once the database does.
                let missed = database(self.store.events_after(self.last, PAGE))
                    .await
                    .ok()?;
                self.is_behind = i64::try_from(missed.len()).is_ok_and(|len| len == PAGE);
                self.missed = missed.into();
                continue;
            } else {
                match self.live.recv().await {
                    Ok(event) => {
                        self.is_live = true;
                        event
                    }
                    // Much happened while the past was read, which is not the reader's fault.
                    Err(RecvError::Lagged(_)) if !self.is_live => {
                        self.is_behind = true;
                        continue;
                    }
                    Err(RecvError::Lagged(events)) => {
                        tracing::info!(events, "a watcher has fallen behind");
                        return None;
                    }
                    Err(RecvError::Closed) => return None,
                }
            };
            if event.id <= self.last {
                continue;
            }
            self.last = event.id;
            if self.call_id.is_none() || self.call_id == event.call_id {
                return Some(event);
            }
        }
    }
}

fn written(event: &StatusEvent) -> Event {
    // A line break would be another field.
    let name: String = event.event.replace(['\r', '\n'], "");
    let data = serde_json::to_string(event).unwrap_or_default();
    Event::default()
        .id(event.id.to_string())
        .event(name)
        .data(data)
}

fn last_seen(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    match id {
        Some(id) if id >= 0 => Ok(Some(id)),
        _ => Err(Problem::new(StatusCode::BAD_REQUEST)
            .detail("Last-Event-ID must be the id of an event".to_owned())),
    }
}

fn too_many() -> Problem {
    Problem::of_type(
        StatusCode::SERVICE_UNAVAILABLE,
        "too-many-watchers",
        "Too many watch already",
    )
    .header(RETRY_AFTER, HeaderValue::from_static("10"))
}

/// Proxies close what is silent for longer, often after 60 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);
/// Missed events read at a time.
const PAGE: i64 = 200;

//! What is counted and measured, for Prometheus.
//!
//! Any task may call these functions: none waits, and none takes a label that a peer chooses. Before
//! [`install`] they do nothing.
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `trunkline_calls_active` | gauge | |
//! | `trunkline_calls_total` | counter | `outcome`: `completed`, `failed`, `refused` |
//! | `trunkline_response_latency_seconds` | histogram | |
//! | `trunkline_barge_ins_total` | counter | |
//! | `trunkline_model_reconnects_total` | counter | |
//! | `trunkline_tool_calls_total` | counter | `tool`, `outcome`: `ok`, `failed` |
//! | `trunkline_recordings_partial_total` | counter | |
//! | `trunkline_journal_depth` | gauge | |
//! | `trunkline_http_requests_total` | counter | `route`, `status` |
//! | `trunkline_http_request_seconds` | histogram | `route` |
//! | `process_start_time_seconds`, `process_resident_memory_bytes`, `process_open_fds` | gauges | |

use std::{
    fs,
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::{MatchedPath, Request},
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::Next,
    response::{IntoResponse, Response},
};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::{Instant, sleep};

use crate::{
    api::Problem,
    record::{Record, RecordingStatus, is_orderly},
};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// As it should.
    Completed,
    /// Not as it should: the model or the stream was lost, or something failed.
    Failed,
    /// It was not taken.
    Refused,
}

/// Begins to count. Once is enough, and more does nothing.
///
/// # Errors
/// When the process counts with something else already.
pub fn install() -> anyhow::Result<()> {
    if HANDLE.get().is_some() {
        return Ok(());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(LATENCY.to_owned()), LATENCY_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(HTTP_SECONDS.to_owned()), HTTP_BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    if HANDLE.set(handle).is_err() {
        return Ok(());
    }
    metrics::set_global_recorder(recorder)?;
    describe();
    // A counter that is not there until something fails cannot be told from one that is never asked for.
    gauge!(CALLS_ACTIVE).set(0.0);
    gauge!(JOURNAL_DEPTH).set(0.0);
    for outcome in [Outcome::Completed, Outcome::Failed, Outcome::Refused] {
        counter!(CALLS, "outcome" => outcome.word()).absolute(0);
    }
    for name in [BARGE_INS, RECONNECTS, RECORDINGS_PARTIAL] {
        counter!(name).absolute(0);
    }
    gauge!("process_start_time_seconds").set(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64(),
    );
    Ok(())
}

/// Empties the histograms' buffers now and then, so that they stay small though nobody asks for them. Never ends.
pub async fn upkeep() {
    loop {
        sleep(UPKEEP).await;
        if let Some(handle) = HANDLE.get() {
            handle.run_upkeep();
        }
    }
}

/// Counts what has happened on a call.
pub fn count(record: &Record) {
    match record {
        Record::StreamStarted { .. } => gauge!(CALLS_ACTIVE).increment(1.0),
        Record::CallEnded {
            reason, analytics, ..
        } => {
            gauge!(CALLS_ACTIVE).decrement(1.0);
            let outcome = match is_orderly(reason) {
                true => Outcome::Completed,
                false => Outcome::Failed,
            };
            counter!(CALLS, "outcome" => outcome.word()).increment(1);
            for ms in &analytics.response_latencies_ms {
                histogram!(LATENCY).record(*ms as f64 / 1e3);
            }
        }
        Record::CallRefused { .. } => {
            counter!(CALLS, "outcome" => Outcome::Refused.word()).increment(1);
        }
        Record::BargeIn { .. } => counter!(BARGE_INS).increment(1),
        Record::Session { event, .. } if event == "reconnected" => {
            counter!(RECONNECTS).increment(1);
        }
        Record::Recording(recording) if recording.status == RecordingStatus::Partial => {
            counter!(RECORDINGS_PARTIAL).increment(1);
        }
        _ => {}
    }
}

/// The model has called the function `name`, and was answered.
pub fn tool_call(name: &str, failed: bool) {
    // An agent's own tools may have any names, so they are one.
    let tool = BUILT_IN
        .iter()
        .find(|tool| **tool == name)
        .unwrap_or(&"webhook");
    let outcome = if failed { "failed" } else { "ok" };
    counter!(TOOL_CALLS, "tool" => *tool, "outcome" => outcome).increment(1);
}

/// So many records wait for the database.
pub fn journal_depth(records: u64) {
    gauge!(JOURNAL_DEPTH).set(records as f64);
}

/// Figures
///
/// In Prometheus' text format, version 0.0.4.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    tag = "status",
    responses((status = 200, description = "The figures.", content_type = "text/plain", body = String)),
)]
pub(crate) async fn get() -> Response {
    let Some(handle) = HANDLE.get() else {
        return Problem::new(StatusCode::NOT_FOUND).into_response();
    };
    look_at_process();
    ([(CONTENT_TYPE, TEXT_FORMAT)], handle.render()).into_response()
}

/// Counts a request by the route that takes it. For streams, the time is that until they begin.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    counter!(HTTP_REQUESTS, "route" => route.clone(), "status" => status).increment(1);
    histogram!(HTTP_SECONDS, "route" => route).record(began.elapsed());
    response
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

fn describe() {
    describe_gauge!(CALLS_ACTIVE, Unit::Count, "Calls whose audio flows.");
    describe_counter!(CALLS, Unit::Count, "Calls by how they ended.");
    describe_histogram!(
        LATENCY,
        Unit::Seconds,
        "End of the caller's speech to the first audio of the answer played."
    );
    describe_counter!(
        BARGE_INS,
        Unit::Count,
        "Times a caller spoke over the agent."
    );
    describe_counter!(
        RECONNECTS,
        Unit::Count,
        "Model sessions that replaced a lost one."
    );
    describe_counter!(TOOL_CALLS, Unit::Count, "Functions called by the model.");
    describe_counter!(
        RECORDINGS_PARTIAL,
        Unit::Count,
        "Recordings that lack something."
    );
    describe_gauge!(
        JOURNAL_DEPTH,
        Unit::Count,
        "Records that wait for the database."
    );
    describe_counter!(
        HTTP_REQUESTS,
        Unit::Count,
        "HTTP requests by route and status."
    );
    describe_histogram!(HTTP_SECONDS, Unit::Seconds, "Time until an answer's head.");
    describe_gauge!(
        "process_start_time_seconds",
        Unit::Seconds,
        "Start, as Unix time."
    );
    describe_gauge!(
        "process_resident_memory_bytes",
        Unit::Bytes,
        "Memory in use."
    );
    describe_gauge!("process_open_fds", Unit::Count, "Open files and sockets.");
}

/// Where there is no /proc, these two are not told. Source: proc(5).
fn look_at_process() {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| {
        let kilobytes = line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?;
        kilobytes.parse::<f64>().ok()
    });
    if let Some(kilobytes) = resident {
        gauge!("process_resident_memory_bytes").set(kilobytes * 1024.0);
    }
    if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
        gauge!("process_open_fds").set(descriptors.count() as f64);
    }
}

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

const CALLS_ACTIVE: &str = "trunkline_calls_active";
const CALLS: &str = "trunkline_calls_total";
const LATENCY: &str = "trunkline_response_latency_seconds";
const BARGE_INS: &str = "trunkline_barge_ins_total";
const RECONNECTS: &str = "trunkline_model_reconnects_total";
const TOOL_CALLS: &str = "trunkline_tool_calls_total";
const RECORDINGS_PARTIAL: &str = "trunkline_recordings_partial_total";
const JOURNAL_DEPTH: &str = "trunkline_journal_depth";
const HTTP_REQUESTS: &str = "trunkline_http_requests_total";
const HTTP_SECONDS: &str = "trunkline_http_request_seconds";

/// Path of [`get`].
pub(crate) const METRICS_PATH: &str = "/metrics";
/// Functions that every server has.
const BUILT_IN: &[&str] = &[
    "get_slots",
    "book_slot",
    "get_pricing",
    "hang_up",
    "transfer_call",
];
/// In seconds: what people take for an answer lies between 0.2 and 2.
const LATENCY_BUCKETS: &[f64] = &[
    0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0,
];
/// In seconds.
const HTTP_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];
/// As the exporter's own default.
const UPKEEP: Duration = Duration::from_secs(5);
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

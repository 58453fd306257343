//! Whether the server lives, and whether it can do its work.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::{
    sync::Mutex,
    task::spawn_blocking,
    time::{Instant, timeout},
};
use utoipa::ToSchema;

use super::problem::NoError;
use crate::store::Store;

/// What [`Health`] looks at.
pub struct Readiness {
    /// Asked for an answer each time.
    pub store: Store,
    /// Must be writable: where recordings and the journal go.
    pub directories: Vec<(&'static str, PathBuf)>,
    /// Whether the model's endpoint and key are set. It is not dialled: that would cost money.
    pub is_model_configured: bool,
    /// The calls now.
    pub calls: Box<dyn Fn() -> CallCount + Send + Sync>,
}

/// The calls of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCount {
    /// Under way.
    pub active: usize,
    /// At most so many at a time.
    pub limit: usize,
    /// Whether new ones are refused because the server is about to end.
    pub is_draining: bool,
}

/// `GET /health`.
#[derive(Clone)]
pub struct Health {
    shared: Arc<Shared>,
}

struct Shared {
    readiness: Readiness,
    started: Instant,
    /// The last look, and when it was.
    seen: Mutex<Option<(Instant, Vec<Dependency>)>>,
    /// Whether a look at the disk has not come back yet.
    is_disk_asked: AtomicBool,
}

impl Health {
    /// Of a server that starts now.
    pub fn new(readiness: Readiness) -> Self {
        Self {
            shared: Arc::new(Shared {
                readiness,
                started: Instant::now(),
                seen: Mutex::new(None),
                is_disk_asked: AtomicBool::new(false),
            }),
        }
    }

    /// The route, without a key: balancers and supervisors ask.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> axum::Router<S> {
        axum::Router::new()
            .route("/health", axum::routing::get(health))
            .with_state(self)
    }

    async fn report(&self) -> Report {
        let Shared {
            readiness, started, ..
        } = &*self.shared;
        let dependencies = self.dependencies().await;
        let calls = (readiness.calls)();
        let all_up = dependencies
            .iter()
            .all(|it| it.status == DependencyStatus::Up);
        Report {
            status: match (calls.is_draining, all_up) {
                (true, _) => Status::Draining,
                (false, true) => Status::Ok,
                (false, false) => Status::Unavailable,
            },
            live: true,
            ready: all_up && !calls.is_draining,
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: started.elapsed().as_secs(),
            calls: calls.active,
            call_limit: calls.limit,
            dependencies,
        }
    }

    /// What the last second's look has found, or a new one.
    async fn dependencies(&self) -> Vec<Dependency> {
        // Whoever asks meanwhile waits for the same look: a flood of questions is one question a second.
        let mut seen = self.shared.seen.lock().await;
        if let Some((at, dependencies)) = &*seen
            && at.elapsed() < KEPT
        {
            return dependencies.clone();
        }
        let readiness = &self.shared.readiness;
        let (database, mut dependencies) =
            tokio::join!(database(&readiness.store), self.directories());
        dependencies.insert(0, database);
        let is_set = readiness.is_model_configured;
        dependencies.push(Dependency::new("model", is_set, "it is not configured"));
        *seen = Some((Instant::now(), dependencies.clone()));
        dependencies
    }

    async fn directories(&self) -> Vec<Dependency> {
        let directories = self.shared.readiness.directories.clone();
        let names: Vec<&str> = directories.iter().map(|(name, _)| *name).collect();
        // A disk that hangs takes one thread, not one for each question.
        let asked = if self.shared.is_disk_asked.swap(true, Ordering::AcqRel) {
            None
        } else {
            let shared = Arc::clone(&self.shared);
            let writing = spawn_blocking(move || {
                let written: Vec<bool> = directories
                    .iter()
                    .map(|(_, path)| write(path).is_ok())
                    .collect();
                shared.is_disk_asked.store(false, Ordering::Release);
                written
            });
            timeout(LIMIT, writing).await.ok().and_then(Result::ok)
        };
        let status = |(at, name)| match &asked {
            Some(written) => Dependency::new(name, written[at], "it cannot be written"),
            None => Dependency::new(name, false, "it does not answer"),
        };
        names.into_iter().enumerate().map(status).collect()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Health")
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("directories", &self.directories)
            .finish_non_exhaustive()
    }
}

/// Health
///
/// 200 if the server can take calls, 503 if not; `live` and `ready` tell both apart. Answers within a second.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "getHealth",
    tag = "status",
    security(()),
    responses(
        (status = 200, description = "Ready.", body = Report),
        (status = 503, description = "Not ready.", body = Report),
    ),
)]
pub(crate) async fn health(State(health): State<Health>) -> Response {
    let report = health.report().await;
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let fresh = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, fresh, Extension(NoError), Json(report)).into_response()
}

/// How the server is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// In one word.
    status: Status,
    /// Always, if there is an answer.
    live: bool,
    /// Whether new calls should come here.
    ready: bool,
    /// The server's.
    #[schema(value_type = String)]
    version: &'static str,
    /// Since it was started.
    uptime_seconds: u64,
    /// Calls under way.
    calls: usize,
    /// At most so many calls at a time.
    call_limit: usize,
    /// What it needs.
    dependencies: Vec<Dependency>,
}

/// How the server is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Ready.
    Ok,
    /// Ends once its calls are over.
    Draining,
    /// Something it needs is away.
    Unavailable,
}

/// Something the server needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dependency {
    /// `database`, `recordings`, `journal`, `model`.
    #[schema(value_type = String)]
    name: &'static str,
    /// How it is.
    status: DependencyStatus,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    detail: Option<&'static str>,
}

/// How a dependency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DependencyStatus {
    /// As it should be.
    Up,
    /// Not.
    Down,
}

impl Dependency {
    fn new(name: &'static str, is_up: bool, otherwise: &'static str) -> Self {
        Self {
            name,
            status: if is_up {
                DependencyStatus::Up
            } else {
                DependencyStatus::Down
            },
            detail: (!is_up).then_some(otherwise),
        }
    }
}

async fn database(store: &Store) -> Dependency {
    let is_up = matches!(timeout(LIMIT, store.ping()).await, Ok(Ok(())));
    Dependency::new("database", is_up, "it does not answer")
}

/// Writes a small file and removes it: a full disk still lets files be made, but not filled.
fn write(directory: &Path) -> io::Result<()> {
    let path = directory.join(format!(".health-{}", std::process::id()));
    let written = fs::write(&path, [0; PROBE]);
    fs::remove_file(&path)?;
    written
}

/// For each dependency; together they take no longer. Balancers often wait for a second.
const LIMIT: Duration = Duration::from_millis(800);
/// How long a look is good for.
const KEPT: Duration = Duration::from_millis(500);
/// A block of the disk, in bytes.
const PROBE: usize = 4096;

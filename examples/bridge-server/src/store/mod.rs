//! The database: SQLite in a file, or PostgreSQL that several servers share. One SQL for both, but for the
//! migrations and the full-text search.

mod agents;
mod analytics;
mod apply;
mod calls;
mod error;
mod events;
mod filter;
mod names;
mod prices;
mod schedule;
mod seed;
mod types;
mod words;

use std::{sync::Arc, time::Duration};

use sqlx::{
    Any, AnyConnection, AnyPool, Connection, Executor, Transaction,
    any::{AnyPoolOptions, install_default_drivers},
};
use tokio::{sync::Notify, time::timeout};

pub use error::{FilterError, StoreError};
pub(crate) use events::{AGENTS_CHANNEL, EVENTS_CHANNEL};
pub use prices::PriceSettings;
pub use schedule::{BookingAnswer, BookingRequest, NewSlot, SlotDeletion, SlotFilter};
pub use types::*;

/// The database. Clones share one pool.
///
/// Every method answers within [`ANSWER_TIMEOUT`], if need be with an error.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    backend: Backend,
    changed: Arc<Notify>,
    first_event: i64,
}

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// In this process.
    Sqlite,
    /// Somewhere else.
    Postgres,
}

impl Store {
    /// Opens the database at `url`, such as `sqlite://calls.db` or `postgres://user@host/calls`, and brings its
    /// tables up to date. A SQLite file is made if there is none.
    ///
    /// # Errors
    /// When it cannot be reached, holds tables of a later version, or is SQLite in memory.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        install_default_drivers();
        if url.contains(":memory:") || url.contains("mode=memory") {
            // Each connection of the pool would have a database of its own.
            let reason = "a database in memory keeps nothing; name a file";
            return Err(sqlx::Error::Configuration(reason.into()).into());
        }
        let (backend, url) = if url.starts_with("sqlite:") {
            (Backend::Sqlite, with_create(url))
        } else {
            (Backend::Postgres, url.to_owned())
        };
        // On a connection of its own: a big migration may take longer than the pool's queries.
        let mut connection = within(async { Ok(AnyConnection::connect(&url).await?) }).await?;
        match backend {
            Backend::Sqlite => {
                // Stays with the file. Readers and the writer do not wait for each other.
                connection.execute("PRAGMA journal_mode = WAL").await?;
                sqlx::migrate!("migrations/sqlite")
                    .run(&mut connection)
                    .await?;
            }
            Backend::Postgres => {
                sqlx::migrate!("migrations/postgres")
                    .run(&mut connection)
                    .await?;
            }
        }
        connection.close().await?;

        let pool = AnyPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    for setting in backend.settings() {
                        connection.execute(*setting).await?;
                    }
                    Ok(())
                })
            })
            // The pool's own test on release has no limit, and would keep a connection whose peer has vanished
            // without a word until TCP gives up on it, a quarter of an hour later.
            .after_release(|connection, _| {
                Box::pin(async move {
                    match timeout(ACQUIRE_TIMEOUT, connection.ping()).await {
                        Ok(answer) => answer.map(|()| true),
                        Err(_) => Ok(false),
                    }
                })
            })
            .connect(&url)
            .await?;
        let mut store = Self {
            pool,
            backend,
            changed: Arc::default(),
            first_event: 0,
        };
        store.first_event = store.last_event_id().await?;
        Ok(store)
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        within(async {
            sqlx::query("SELECT 1").execute(&self.pool).await?;
            Ok(())
        })
        .await
    }

    /// Ends all connections. What is asked afterwards fails.
    pub async fn close(&self) {
        // A peer that has vanished does not keep the server from ending.
        let _ = timeout(ACQUIRE_TIMEOUT, self.pool.close()).await;
    }

    /// Notified when this process has written events, agents or numbers.
    pub(crate) fn changed(&self) -> &Notify {
        &self.changed
    }

    /// The newest event's id when the database was opened.
    pub(crate) fn first_event(&self) -> i64 {
        self.first_event
    }

    /// A transaction that may write.
    async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(match self.backend {
            // A transaction that begins by reading and writes later fails at once if somebody else has written
            // in between; this one waits for its turn.
            Backend::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            Backend::Postgres => self.pool.begin().await?,
        })
    }
}

impl Backend {
    /// What each connection is told first.
    fn settings(self) -> &'static [&'static str] {
        match self {
            // FULL: the journal forgets what was committed, so it must survive a power failure, which in WAL
            // mode NORMAL does not promise. The foreign keys and the waiting for locks (5 s) are sqlx's defaults.
            Self::Sqlite => &["PRAGMA synchronous = FULL"],
            // A server that stops in the middle, with locks held, does not stop the others for longer.
            Self::Postgres => &[
                "SET statement_timeout = '8s'",
                "SET idle_in_transaction_session_timeout = '8s'",
            ],
        }
    }
}

/// Gives up after [`ANSWER_TIMEOUT`].
async fn within<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(ANSWER_TIMEOUT, answer)
        .await
        .unwrap_or(Err(StoreError::Timeout))
}

/// `url` with the wish that the file be made, unless it has an opinion on that.
fn with_create(url: &str) -> String {
    match url.split_once('?') {
        Some((_, query)) if query.contains("mode=") => url.to_owned(),
        Some(_) => format!("{url}&mode=rwc"),
        None => format!("{url}?mode=rwc"),
    }
}

/// How long an answer may take before it is an error.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// One writes the journal, one reads events, the others serve the API and the tools.
const MAX_CONNECTIONS: u32 = 8;

//! The database: SQLite in a file, or PostgreSQL that several servers share. One SQL for both, but for the
//! migrations and the full-text search.

mod schedule;
mod seed;
mod types;

use sqlx::{
    AnyPool,
    any::{AnyPoolOptions, install_default_drivers},
};

pub use schedule::*;
pub use types::*;

/// The database. Clones share one pool.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    backend: Backend,
}

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// In this process.
    Sqlite,
    /// Somewhere else.
    Postgres,
}

/// What a query fails with.
pub type StoreError = sqlx::Error;

impl Store {
    /// Opens the database at `url`, such as `sqlite://calls.db` or `postgres://user@host/calls`, and brings its
    /// tables up to date.
    ///
    /// # Errors
    /// When it cannot be reached, or holds tables of a later version.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        install_default_drivers();
        let backend = if url.starts_with("sqlite:") {
            Backend::Sqlite
        } else {
            Backend::Postgres
        };
        let pool = AnyPoolOptions::new()
            .max_connections(8)
            .connect(url)
            .await?;
        let migrations = match backend {
            Backend::Sqlite => sqlx::migrate!("migrations/sqlite"),
            Backend::Postgres => sqlx::migrate!("migrations/postgres"),
        };
        migrations.run(&pool).await?;
        Ok(Self { pool, backend })
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
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }
}

//! What whoever watches is told, in order.

use serde_json::Value;
use sqlx::{AnyConnection, Row};

use super::{Store, StoreError, within};
use crate::{record::StatusEvent, time::UnixMs};

impl Store {
    /// Up to `limit` events after that of `id`, in order. An event is seen after all that have smaller ids.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn events_after(&self, id: i64, limit: i64) -> Result<Vec<StatusEvent>, StoreError> {
        within(async {
            let rows = sqlx::query(
                "SELECT id, event, call_id, at_ms, data FROM status_events WHERE id > $1 \
                 ORDER BY id LIMIT $2",
            )
            .bind(id)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
            let events = rows.iter().map(|row| {
                Ok(StatusEvent {
                    id: row.try_get(0)?,
                    event: row.try_get(1)?,
                    call_id: row.try_get(2)?,
                    at: UnixMs(row.try_get(3)?),
                    data: serde_json::from_str(row.try_get(4)?).unwrap_or_default(),
                })
            });
            events.collect()
        })
        .await
    }

    /// Id of the newest event that is still kept; 0 if there is none.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn last_event_id(&self) -> Result<i64, StoreError> {
        within(async {
            let row = sqlx::query("SELECT COALESCE(MAX(id), 0) FROM status_events")
                .fetch_one(&self.pool)
                .await?;
            Ok(row.try_get(0)?)
        })
        .await
    }

    /// Removes events of before `before`, and all but the newest `most`. The number of them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn purge_events(&self, before: UnixMs, most: i64) -> Result<u64, StoreError> {
        within(async {
            let mut removed = 0;
            // In portions, since each is a lock that others wait for.
            loop {
                let portion = sqlx::query(
                    "DELETE FROM status_events WHERE id IN (SELECT id FROM status_events \
                     WHERE at_ms < $1 OR id <= (SELECT MAX(id) FROM status_events) - $2 \
                     ORDER BY id LIMIT 5000)",
                )
                .bind(before.0)
                .bind(most)
                .execute(&self.pool)
                .await?
                .rows_affected();
                removed += portion;
                if portion == 0 {
                    return Ok(removed);
                }
            }
        })
        .await
    }
}

pub(super) async fn insert(
    connection: &mut AnyConnection,
    event: &str,
    call_id: Option<&str>,
    at: UnixMs,
    data: &Value,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO status_events (event, call_id, at_ms, data) VALUES ($1, $2, $3, $4)")
        .bind(event)
        .bind(call_id)
        .bind(at.0)
        .bind(data.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Tells the other servers, once the transaction is committed. PostgreSQL only.
pub(super) async fn notify(
    connection: &mut AnyConnection,
    channel: &str,
) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_notify($1, '')")
        .bind(channel)
        .execute(connection)
        .await?;
    Ok(())
}

/// Where PostgreSQL tells of new events.
pub(crate) const EVENTS_CHANNEL: &str = "trunkline_events";
/// Where PostgreSQL tells of changed agents and numbers.
pub(crate) const AGENTS_CHANNEL: &str = "trunkline_agents";

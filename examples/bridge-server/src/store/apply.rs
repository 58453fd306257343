//! From the journal into the tables: each record once, with the event that tells of it.

mod callbacks;
mod calls;
mod parts;

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::{Any, AnyConnection, Row, Transaction};

use super::{Backend, CallStatus, Store, StoreError, events, names::Named, within};
use crate::{record::Record, time::UnixMs};

pub(super) use parts::PURGED;

impl Store {
    /// Applies `records` of the journal of `node`, in one transaction. Those up to [`applied`](Self::applied) are
    /// passed over, so that applying the same again changes nothing.
    ///
    /// # Arguments
    /// `records`: in the order of the journal, with their places in it, which rise.
    ///
    /// # Errors
    /// When the database is away, or refuses a record; nothing has been applied then.
    pub async fn apply(&self, node: &str, records: &[(u64, Record)]) -> Result<(), StoreError> {
        let Some(&(last, _)) = records.last() else {
            return Ok(());
        };
        within(async {
            let mut work = Work::begin(self, node).await?;
            let applied = position(&mut work.tx, node).await?;
            let mut is_new = false;
            for (_, record) in records.iter().filter(|(seq, _)| *seq > applied) {
                work.apply(record).await?;
                is_new = true;
            }
            if is_new {
                set_position(&mut work.tx, node, last).await?;
            }
            work.commit(self).await
        })
        .await
    }

    /// Up to where the journal of `node` has been applied; 0 if nothing has.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn applied(&self, node: &str) -> Result<u64, StoreError> {
        within(async {
            let mut connection = self.pool.acquire().await?;
            position(&mut connection, node).await
        })
        .await
    }

    /// Passes over the record at `seq`, which the database will never take.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn skip(&self, node: &str, seq: u64) -> Result<(), StoreError> {
        within(async {
            let mut work = Work::begin(self, node).await?;
            if position(&mut work.tx, node).await? < seq {
                set_position(&mut work.tx, node, seq).await?;
            }
            work.commit(self).await
        })
        .await
    }

    /// Ends the calls that `node` had under way: it has started anew and knows of none. The number of them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn end_lost_calls(&self, node: &str) -> Result<u64, StoreError> {
        within(async {
            let mut work = Work::begin(self, node).await?;
            let lost = sqlx::query(
                "SELECT id FROM calls WHERE node = $1 AND progress IN (1, 2) AND progress < 3",
            )
            .bind(node)
            .fetch_all(&mut *work.tx)
            .await?;
            let count = work.end_without_record(lost).await?;
            work.commit(self).await?;
            Ok(count)
        })
        .await
    }

    /// Ends calls that began before `before` and of which nobody has told the end, such as those of a server that has
    /// not come back. The number of them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn end_forgotten_calls(&self, before: UnixMs) -> Result<u64, StoreError> {
        within(async {
            let mut work = Work::begin(self, "").await?;
            let lost =
                sqlx::query("SELECT id FROM calls WHERE progress IN (1, 2) AND started_ms < $1")
                    .bind(before.0)
                    .fetch_all(&mut *work.tx)
                    .await?;
            let count = work.end_without_record(lost).await?;
            work.commit(self).await?;
            Ok(count)
        })
        .await
    }
}

/// A transaction that applies records.
struct Work<'a> {
    tx: Transaction<'static, Any>,
    backend: Backend,
    node: &'a str,
    /// Ids of calls as records have them → as the tables have them.
    ids: HashMap<String, String>,
    has_events: bool,
}

impl<'a> Work<'a> {
    async fn begin(store: &Store, node: &'a str) -> Result<Self, StoreError> {
        let mut tx = store.begin().await?;
        if store.backend == Backend::Postgres {
            // Ids of events are drawn in order and seen when the transaction ends. Without the lock a reader could see
            // an event, go on from its id, and never see another with a smaller one that was committed later.
            sqlx::query("SELECT pg_advisory_xact_lock($1)")
                .bind(EVENTS_LOCK)
                .execute(&mut *tx)
                .await?;
        }
        Ok(Self {
            tx,
            backend: store.backend,
            node,
            ids: HashMap::new(),
            has_events: false,
        })
    }

    async fn commit(mut self, store: &Store) -> Result<(), StoreError> {
        if self.has_events && self.backend == Backend::Postgres {
            events::notify(&mut self.tx, events::EVENTS_CHANNEL).await?;
        }
        self.tx.commit().await?;
        if self.has_events {
            store.changed.notify_one();
        }
        Ok(())
    }

    async fn apply(&mut self, record: &Record) -> Result<(), StoreError> {
        match record {
            Record::CallAnswered { .. } => self.answered(record).await,
            Record::CallRefused { .. } => self.refused(record).await,
            Record::StreamStarted {
                call_id,
                stream_sid,
                at,
            } => self.stream_started(call_id, stream_sid, *at).await,
            Record::Turn(turn) => self.turn(turn).await,
            Record::ToolCall(call) => self.tool_call(call).await,
            Record::BargeIn {
                call_id,
                item_id,
                heard_ms,
                at,
            } => self.barge_in(call_id, item_id, *heard_ms, *at).await,
            Record::Session { call_id, event, at } => self.session(call_id, event, *at).await,
            Record::Recording(recording) => self.recording(recording).await,
            Record::TwilioRecording { .. } => self.twilio_recording(record).await,
            Record::CallStatus {
                call_sid,
                status,
                duration_s,
                at,
            } => self.call_status(call_sid, status, *duration_s, *at).await,
            Record::CallEnded {
                call_id,
                reason,
                at,
                analytics,
                metadata,
            } => self.ended(call_id, reason, *at, analytics, metadata).await,
        }
    }

    async fn emit(
        &mut self,
        event: &str,
        call_id: Option<&str>,
        at: UnixMs,
        data: &Value,
    ) -> Result<(), StoreError> {
        events::insert(&mut self.tx, event, call_id, at, data).await?;
        self.has_events = true;
        Ok(())
    }

    /// The id under which the tables have the call. Of a call that nobody has told of, a row is begun, so that what is
    /// known of it has a place.
    async fn id_of(&mut self, call_id: &str, at: UnixMs) -> Result<String, StoreError> {
        if let Some(id) = self.ids.get(call_id) {
            return Ok(id.clone());
        }
        let alias = sqlx::query("SELECT call_id FROM call_aliases WHERE alias = $1")
            .bind(call_id)
            .fetch_optional(&mut *self.tx)
            .await?;
        let id = match alias {
            Some(row) => row.try_get(0)?,
            None => {
                sqlx::query(
                    "INSERT INTO calls (id, node, caller, called, status, progress, started_ms, metadata) \
                     VALUES ($1, $2, '', '', $3, $4, $5, '{}') ON CONFLICT (id) DO NOTHING",
                )
                .bind(call_id)
                .bind(self.node)
                .bind(CallStatus::Answered.name())
                .bind(calls::ANSWERED)
                .bind(at.0)
                .execute(&mut *self.tx)
                .await?;
                call_id.to_owned()
            }
        };
        self.ids.insert(call_id.to_owned(), id.clone());
        Ok(id)
    }

    /// Ends calls as nearly as can be told: with the last word that was said.
    async fn end_without_record(
        &mut self,
        lost: Vec<sqlx::any::AnyRow>,
    ) -> Result<u64, StoreError> {
        for row in &lost {
            let id: &str = row.try_get(0)?;
            let row = sqlx::query(
                "SELECT COALESCE((SELECT MAX(ended_ms) FROM turns WHERE call_id = calls.id), \
                 stream_started_ms, started_ms), stream_started_ms FROM calls WHERE id = $1",
            )
            .bind(id)
            .fetch_one(&mut *self.tx)
            .await?;
            let ended: i64 = row.try_get(0)?;
            let streamed: Option<i64> = row.try_get(1)?;
            sqlx::query(
                "UPDATE calls SET status = $2, progress = $3, end_reason = $4, ended_ms = $5, \
                 duration_ms = $6 WHERE id = $1",
            )
            .bind(id)
            .bind(CallStatus::Failed.name())
            .bind(calls::GIVEN_UP)
            .bind(SERVER_LOST)
            .bind(ended)
            .bind(streamed.map(|streamed| (ended - streamed).max(0)))
            .execute(&mut *self.tx)
            .await?;
            let data = json!({ "status": CallStatus::Failed, "reason": SERVER_LOST });
            self.emit("call_ended", Some(id), UnixMs(ended), &data)
                .await?;
        }
        Ok(lost.len() as u64)
    }
}

async fn position(connection: &mut AnyConnection, node: &str) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT seq FROM journal_positions WHERE node = $1")
        .bind(node)
        .fetch_optional(connection)
        .await?;
    let seq: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
    Ok(seq.unsigned_abs())
}

async fn set_position(
    connection: &mut AnyConnection,
    node: &str,
    seq: u64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO journal_positions (node, seq) VALUES ($1, $2) \
         ON CONFLICT (node) DO UPDATE SET seq = excluded.seq",
    )
    .bind(node)
    .bind(i64::try_from(seq).unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(())
}

/// Any number that nobody else uses as an advisory lock of the database.
const EVENTS_LOCK: i64 = 0x7472_756E_6B6C_6E65;
/// Why a call ended whose server was killed.
const SERVER_LOST: &str = "server_lost";

//! A call's begin and end.

use serde_json::{Map, Value, json};
use sqlx::Row;

use super::Work;
use crate::{
    record::{CallAnalytics, Record, is_orderly},
    store::{CallStatus, StoreError, names::Named, words::clean},
    time::UnixMs,
};

impl Work<'_> {
    pub(super) async fn answered(&mut self, record: &Record) -> Result<(), StoreError> {
        let Record::CallAnswered {
            call_id,
            call_sid,
            caller,
            called,
            agent_id,
            at,
            metadata,
        } = record
        else {
            return Ok(());
        };
        let call_sid = clean(call_sid);
        let known = sqlx::query("SELECT id, progress FROM calls WHERE call_sid = $1")
            .bind(&call_sid)
            .fetch_optional(&mut *self.tx)
            .await?;
        let is_new = match known {
            None => self.insert(record).await?,
            Some(row) => {
                let id: String = row.try_get(0)?;
                let was_refused = row.try_get::<i64, _>(1)? == REFUSED;
                if id != *call_id {
                    // The webhook came twice, to two servers. The call has one row all the same.
                    sqlx::query(
                        "INSERT INTO call_aliases (alias, call_id) VALUES ($1, $2) \
                         ON CONFLICT (alias) DO NOTHING",
                    )
                    .bind(call_id)
                    .bind(&id)
                    .execute(&mut *self.tx)
                    .await?;
                }
                self.ids.insert(call_id.clone(), id.clone());
                if was_refused {
                    // One server was full, and Twilio has asked another.
                    sqlx::query(
                        "UPDATE calls SET node = $2, agent_id = $3, status = $4, progress = $5, \
                         end_reason = NULL, ended_ms = NULL, metadata = $6 WHERE id = $1",
                    )
                    .bind(&id)
                    .bind(self.node)
                    .bind(agent_id.as_deref())
                    .bind(CallStatus::Answered.name())
                    .bind(ANSWERED)
                    .bind(Value::from(metadata.clone()).to_string())
                    .execute(&mut *self.tx)
                    .await?;
                }
                was_refused
            }
        };
        if is_new {
            let id = self.id_of(call_id, *at).await?;
            let data = json!({
                "callSid": call_sid,
                "caller": caller,
                "called": called,
                "agentId": agent_id,
            });
            self.emit("call_started", Some(&id), *at, &data).await?;
            self.give_up_if_over(&call_sid).await?;
        }
        Ok(())
    }

    /// Makes a row, or fills the one that was begun without knowing of the call.
    async fn insert(&mut self, record: &Record) -> Result<bool, StoreError> {
        let Record::CallAnswered {
            call_id,
            call_sid,
            caller,
            called,
            agent_id,
            at,
            metadata,
        } = record
        else {
            return Ok(false);
        };
        let written = sqlx::query(
            "INSERT INTO calls (id, node, call_sid, caller, called, agent_id, status, progress, \
             started_ms, metadata) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (id) DO UPDATE SET call_sid = excluded.call_sid, caller = excluded.caller, \
             called = excluded.called, agent_id = excluded.agent_id, \
             started_ms = excluded.started_ms, metadata = excluded.metadata \
             WHERE calls.call_sid IS NULL",
        )
        .bind(call_id)
        .bind(self.node)
        .bind(clean(call_sid))
        .bind(clean(caller))
        .bind(clean(called))
        .bind(agent_id.as_deref())
        .bind(CallStatus::Answered.name())
        .bind(ANSWERED)
        .bind(at.0)
        .bind(Value::from(metadata.clone()).to_string())
        .execute(&mut *self.tx)
        .await?;
        Ok(written.rows_affected() > 0)
    }

    pub(super) async fn refused(&mut self, record: &Record) -> Result<(), StoreError> {
        let Record::CallRefused {
            call_id,
            call_sid,
            caller,
            called,
            reason,
            at,
        } = record
        else {
            return Ok(());
        };
        // A call that is known, by its SID or its id, stays as it is.
        let written = sqlx::query(
            "INSERT INTO calls (id, node, call_sid, caller, called, status, progress, end_reason, \
             started_ms, ended_ms, metadata) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, '{}') \
             ON CONFLICT DO NOTHING",
        )
        .bind(call_id)
        .bind(self.node)
        .bind(clean(call_sid))
        .bind(clean(caller))
        .bind(clean(called))
        .bind(CallStatus::Refused.name())
        .bind(REFUSED)
        .bind(reason)
        .bind(at.0)
        .execute(&mut *self.tx)
        .await?;
        if written.rows_affected() > 0 {
            let data = json!({
                "callSid": call_sid,
                "caller": caller,
                "called": called,
                "reason": reason,
            });
            self.emit("call_refused", Some(call_id), *at, &data).await?;
        }
        Ok(())
    }

    pub(super) async fn stream_started(
        &mut self,
        call_id: &str,
        stream_sid: &str,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let id = self.id_of(call_id, at).await?;
        let written = sqlx::query(
            "UPDATE calls SET node = $2, stream_sid = $3, stream_started_ms = $4, \
             status = CASE WHEN progress < $5 THEN $6 ELSE status END, \
             progress = CASE WHEN progress < $5 THEN $5 ELSE progress END \
             WHERE id = $1 AND stream_started_ms IS NULL",
        )
        .bind(&id)
        .bind(self.node)
        .bind(clean(stream_sid))
        .bind(at.0)
        .bind(STREAMING)
        .bind(CallStatus::InProgress.name())
        .execute(&mut *self.tx)
        .await?;
        if written.rows_affected() > 0 {
            let data = json!({ "status": CallStatus::InProgress, "streamSid": stream_sid });
            self.emit("call_status", Some(&id), at, &data).await?;
        }
        Ok(())
    }

    pub(super) async fn ended(
        &mut self,
        call_id: &str,
        reason: &str,
        at: UnixMs,
        analytics: &CallAnalytics,
        more: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        let id = self.id_of(call_id, at).await?;
        let row = sqlx::query(
            "SELECT stream_started_ms, metadata FROM calls WHERE id = $1 AND progress < $2",
        )
        .bind(&id)
        .bind(ENDED)
        .fetch_optional(&mut *self.tx)
        .await?;
        let Some(row) = row else {
            return Ok(());
        };
        let streamed: Option<i64> = row.try_get(0)?;
        let mut metadata: Map<String, Value> =
            serde_json::from_str(row.try_get(1)?).unwrap_or_default();
        metadata.extend(more.clone());
        let status = if streamed.is_some() && is_orderly(reason) {
            CallStatus::Completed
        } else {
            CallStatus::Failed
        };
        let duration_ms = streamed.map(|streamed| (at.0 - streamed).max(0));
        sqlx::query(
            "UPDATE calls SET status = $2, progress = $3, end_reason = $4, ended_ms = $5, \
             duration_ms = $6, sentiment = CAST($7 AS DOUBLE PRECISION), caller_talk_ms = $8, \
             agent_talk_ms = $9, interruptions = $10, total_tokens = $11, metadata = $12 \
             WHERE id = $1",
        )
        .bind(&id)
        .bind(status.name())
        .bind(ENDED)
        .bind(clean(reason))
        .bind(at.0)
        .bind(duration_ms)
        .bind(float(analytics.sentiment))
        .bind(analytics.caller_talk_ms)
        .bind(analytics.agent_talk_ms)
        .bind(analytics.interruptions)
        .bind(analytics.total_tokens)
        .bind(Value::from(metadata).to_string())
        .execute(&mut *self.tx)
        .await?;
        self.latencies(&id, &analytics.response_latencies_ms)
            .await?;
        let data = json!({
            "status": status,
            "reason": reason,
            "durationMs": duration_ms,
            "analytics": analytics,
        });
        self.emit("call_ended", Some(&id), at, &data).await
    }

    async fn latencies(&mut self, id: &str, latencies: &[i64]) -> Result<(), StoreError> {
        for (n, part) in latencies.chunks(ROWS).enumerate() {
            let rows: Vec<String> = part
                .iter()
                .enumerate()
                .map(|(m, latency)| format!("($1, {}, {latency})", n * ROWS + m))
                .collect();
            let sql = format!(
                "INSERT INTO response_latencies (call_id, answer, latency_ms) VALUES {} \
                 ON CONFLICT (call_id, answer) DO NOTHING",
                rows.join(", ")
            );
            // Nothing but numbers is written into it; kept prepared, each length would be a statement of its own.
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(id)
                .persistent(false)
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }
}

/// Through the `Any` driver the absence of a double and a double have different types on PostgreSQL, and a prepared
/// statement keeps the first. Text has one type, and is cast in the statement.
pub(super) fn float(number: Option<f64>) -> Option<String> {
    number
        .filter(|number| number.is_finite())
        .map(|number| number.to_string())
}

/// `progress` of a call; it only rises. Another server may answer a call that was refused.
pub(super) const REFUSED: i64 = 0;
pub(super) const ANSWERED: i64 = 1;
pub(super) const STREAMING: i64 = 2;
/// Failed as far as can be told, but its server has not said so.
pub(super) const GIVEN_UP: i64 = 3;
pub(super) const ENDED: i64 = 4;
/// Latencies in one statement.
const ROWS: usize = 100;

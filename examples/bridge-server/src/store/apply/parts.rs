//! What happens within a call.

use serde_json::{json, to_value};
use sqlx::Row;

use super::{Work, calls::float};
use crate::{
    record::{Recording, RecordingStatus, ToolCall, Turn},
    store::{
        StoreError,
        names::Named,
        words::{clean, searchable},
    },
    time::UnixMs,
};

impl Work<'_> {
    pub(super) async fn turn(&mut self, turn: &Turn) -> Result<(), StoreError> {
        let call_id = self.id_of(&turn.call_id, turn.started_at).await?;
        let written = sqlx::query(
            "INSERT INTO turns (id, call_id, item_id, speaker, text, generated_text, interrupted, \
             confidence, started_ms, ended_ms, words) VALUES ($1, $2, $3, $4, $5, $6, $7, \
             CAST($8 AS DOUBLE PRECISION), $9, $10, $11) ON CONFLICT (id) DO UPDATE SET \
             text = excluded.text, generated_text = excluded.generated_text, \
             interrupted = excluded.interrupted, confidence = excluded.confidence, \
             ended_ms = excluded.ended_ms, words = excluded.words \
             WHERE turns.text <> excluded.text OR turns.interrupted <> excluded.interrupted \
             OR turns.ended_ms <> excluded.ended_ms \
             OR turns.generated_text IS DISTINCT FROM excluded.generated_text \
             OR turns.confidence IS DISTINCT FROM excluded.confidence",
        )
        .bind(&turn.id)
        .bind(&call_id)
        .bind(clean(&turn.item_id))
        .bind(turn.speaker.name())
        .bind(clean(&turn.text))
        .bind(turn.generated_text.as_deref().map(clean))
        .bind(i64::from(turn.interrupted))
        .bind(float(turn.confidence))
        .bind(turn.started_at.0)
        .bind(turn.ended_at.0)
        .bind(searchable(&turn.text))
        .execute(&mut *self.tx)
        .await?;
        if written.rows_affected() > 0 {
            let mut data = to_value(turn).map_err(encode)?;
            data["callId"] = call_id.as_str().into();
            self.emit("transcript", Some(&call_id), turn.ended_at, &data)
                .await?;
        }
        Ok(())
    }

    pub(super) async fn tool_call(&mut self, call: &ToolCall) -> Result<(), StoreError> {
        let call_id = self.id_of(&call.call_id, call.started_at).await?;
        let written = sqlx::query(
            "INSERT INTO tool_calls (call_id, id, name, arguments, output, failed, started_ms, \
             ended_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (call_id, id) DO NOTHING",
        )
        .bind(&call_id)
        .bind(clean(&call.id))
        .bind(clean(&call.name))
        .bind(clean(&call.arguments))
        .bind(clean(&call.output))
        .bind(i64::from(call.failed))
        .bind(call.started_at.0)
        .bind(call.ended_at.0)
        .execute(&mut *self.tx)
        .await?;
        if written.rows_affected() > 0 {
            let mut data = to_value(call).map_err(encode)?;
            data["callId"] = call_id.as_str().into();
            self.emit("tool_call", Some(&call_id), call.ended_at, &data)
                .await?;
        }
        Ok(())
    }

    pub(super) async fn barge_in(
        &mut self,
        call_id: &str,
        item_id: &str,
        heard_ms: u64,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let call_id = self.id_of(call_id, at).await?;
        let written = sqlx::query(
            "INSERT INTO barge_ins (call_id, item_id, at_ms, heard_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (call_id, at_ms, item_id) DO NOTHING",
        )
        .bind(&call_id)
        .bind(clean(item_id))
        .bind(at.0)
        .bind(i64::try_from(heard_ms).unwrap_or(i64::MAX))
        .execute(&mut *self.tx)
        .await?;
        if written.rows_affected() > 0 {
            let data = json!({ "itemId": item_id, "heardMs": heard_ms });
            self.emit("barge_in", Some(&call_id), at, &data).await?;
        }
        Ok(())
    }

    pub(super) async fn session(
        &mut self,
        call_id: &str,
        event: &str,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let call_id = self.id_of(call_id, at).await?;
        let written = sqlx::query(
            "INSERT INTO sessions (call_id, event, at_ms) VALUES ($1, $2, $3) \
             ON CONFLICT (call_id, at_ms, event) DO NOTHING",
        )
        .bind(&call_id)
        .bind(clean(event))
        .bind(at.0)
        .execute(&mut *self.tx)
        .await?;
        if written.rows_affected() > 0 {
            self.emit("session", Some(&call_id), at, &json!({ "event": event }))
                .await?;
        }
        Ok(())
    }

    pub(super) async fn recording(&mut self, recording: &Recording) -> Result<(), StoreError> {
        let call_id = self.id_of(&recording.call_id, recording.started_at).await?;
        let known = sqlx::query("SELECT status FROM recordings WHERE id = $1")
            .bind(&recording.id)
            .fetch_optional(&mut *self.tx)
            .await?;
        let was: Option<String> = known.map(|row| row.try_get(0)).transpose()?;
        let written = sqlx::query(
            "INSERT INTO recordings (id, call_id, file, format, status, progress, duration_ms, \
             bytes, started_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (id) DO UPDATE SET file = excluded.file, format = excluded.format, \
             status = excluded.status, progress = excluded.progress, \
             duration_ms = excluded.duration_ms, bytes = excluded.bytes \
             WHERE excluded.progress > recordings.progress \
             OR (excluded.progress = recordings.progress AND excluded.bytes > recordings.bytes)",
        )
        .bind(&recording.id)
        .bind(&call_id)
        .bind(clean(&recording.file))
        .bind(recording.format.name())
        .bind(recording.status.name())
        .bind(progress(recording.status))
        .bind(recording.duration_ms)
        .bind(recording.bytes)
        .bind(recording.started_at.0)
        .execute(&mut *self.tx)
        .await?;
        // That it has grown is for the table; whoever watches would be told every few seconds.
        if written.rows_affected() > 0 && was != Some(recording.status.name()) {
            let mut data = to_value(recording).map_err(encode)?;
            data["callId"] = call_id.as_str().into();
            let at = UnixMs(recording.started_at.0.saturating_add(recording.duration_ms));
            self.emit("recording", Some(&call_id), at, &data).await?;
        }
        Ok(())
    }
}

fn progress(status: RecordingStatus) -> i64 {
    match status {
        RecordingStatus::InProgress => 0,
        RecordingStatus::Partial => 1,
        RecordingStatus::Completed => 2,
        RecordingStatus::Purged => PURGED,
    }
}

/// `progress` of a recording that is no more.
pub(in crate::store) const PURGED: i64 = 3;

fn encode(error: serde_json::Error) -> StoreError {
    sqlx::Error::Encode(error.into()).into()
}

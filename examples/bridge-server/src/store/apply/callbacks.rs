//! What Twilio's callbacks tell, in whatever order they come, to whichever server, before or after the call is known.

use serde_json::json;
use sqlx::Row;

use super::{Work, calls};
use crate::{
    record::Record,
    store::{CallStatus, StoreError, names::Named, words::clean},
    time::UnixMs,
};

impl Work<'_> {
    pub(super) async fn call_status(
        &mut self,
        call_sid: &str,
        status: &str,
        duration_s: Option<i64>,
        at: UnixMs,
    ) -> Result<(), StoreError> {
        let call_sid = clean(call_sid);
        let written = sqlx::query(
            "INSERT INTO call_statuses (call_sid, status, progress, duration_s, at_ms) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (call_sid) DO UPDATE SET \
             status = excluded.status, progress = excluded.progress, at_ms = excluded.at_ms, \
             duration_s = COALESCE(excluded.duration_s, call_statuses.duration_s) \
             WHERE excluded.progress > call_statuses.progress",
        )
        .bind(&call_sid)
        .bind(clean(status))
        .bind(call_progress(status))
        .bind(duration_s)
        .bind(at.0)
        .execute(&mut *self.tx)
        .await?;
        if written.rows_affected() == 0 {
            return Ok(());
        }
        self.give_up_if_over(&call_sid).await?;
        let call = self.by_sid(&call_sid).await?;
        let data = json!({
            "callSid": call_sid,
            "status": call.as_ref().map(|(_, status)| status),
            "twilioStatus": status,
            "durationS": duration_s,
        });
        let id = call.as_ref().map(|(id, _)| id.as_str());
        self.emit("call_status", id, at, &data).await
    }

    /// Fails the call if Twilio says that it is over and no audio has flowed. Of a call with audio its own server will
    /// tell the end, and how it came.
    pub(super) async fn give_up_if_over(&mut self, call_sid: &str) -> Result<(), StoreError> {
        let row =
            sqlx::query("SELECT status, progress, at_ms FROM call_statuses WHERE call_sid = $1")
                .bind(call_sid)
                .fetch_optional(&mut *self.tx)
                .await?;
        let Some(row) = row else {
            return Ok(());
        };
        if row.try_get::<i64, _>(1)? < CALL_OVER {
            return Ok(());
        }
        sqlx::query(
            "UPDATE calls SET status = $2, progress = $3, end_reason = $4, ended_ms = $5 \
             WHERE call_sid = $1 AND progress = $6",
        )
        .bind(call_sid)
        .bind(CallStatus::Failed.name())
        .bind(calls::GIVEN_UP)
        .bind(row.try_get::<&str, _>(0)?)
        .bind(row.try_get::<i64, _>(2)?)
        .bind(calls::ANSWERED)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    pub(super) async fn twilio_recording(&mut self, record: &Record) -> Result<(), StoreError> {
        let Record::TwilioRecording {
            call_sid,
            recording_sid,
            status,
            url,
            duration_ms,
            at,
        } = record
        else {
            return Ok(());
        };
        let call_sid = clean(call_sid);
        let duration_ms = duration_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
        let written = sqlx::query(
            "INSERT INTO twilio_recordings (recording_sid, call_sid, status, progress, url, \
             duration_ms, at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (recording_sid) DO UPDATE SET status = excluded.status, \
             progress = excluded.progress, at_ms = excluded.at_ms, \
             url = COALESCE(excluded.url, twilio_recordings.url), \
             duration_ms = COALESCE(excluded.duration_ms, twilio_recordings.duration_ms) \
             WHERE excluded.progress > twilio_recordings.progress",
        )
        .bind(clean(recording_sid))
        .bind(&call_sid)
        .bind(clean(status))
        .bind(recording_progress(status))
        .bind(url.as_deref().map(clean))
        .bind(duration_ms)
        .bind(at.0)
        .execute(&mut *self.tx)
        .await?;
        if written.rows_affected() == 0 {
            return Ok(());
        }
        let call = self.by_sid(&call_sid).await?;
        let data = json!({
            "callSid": call_sid,
            "recordingSid": recording_sid,
            "status": status,
            "url": url,
            "durationMs": duration_ms,
        });
        let id = call.as_ref().map(|(id, _)| id.as_str());
        self.emit("recording", id, *at, &data).await
    }

    /// The call's id and status, if it is known.
    async fn by_sid(&mut self, call_sid: &str) -> Result<Option<(String, String)>, StoreError> {
        let row = sqlx::query("SELECT id, status FROM calls WHERE call_sid = $1")
            .bind(call_sid)
            .fetch_optional(&mut *self.tx)
            .await?;
        match row {
            Some(row) => Ok(Some((row.try_get(0)?, row.try_get(1)?))),
            None => Ok(None),
        }
    }
}

/// Place of Twilio's status words in a call's life. The last ones exclude each other; were two ever told, the order in
/// which they come does not matter. Source: https://www.twilio.com/docs/voice/api/call-resource#call-status-values
fn call_progress(status: &str) -> i64 {
    match status {
        "initiated" => 1,
        "ringing" => 2,
        "in-progress" => 3,
        "canceled" => CALL_OVER,
        "no-answer" => 5,
        "busy" => 6,
        "failed" => 7,
        "completed" => 8,
        // `queued`, and what Twilio may think of.
        _ => 0,
    }
}

const CALL_OVER: i64 = 4;

/// The same for recordings.
fn recording_progress(status: &str) -> i64 {
    match status {
        "absent" => 1,
        "failed" => 2,
        "completed" => 3,
        _ => 0,
    }
}

//! Calls, as the API shows them.

use sqlx::{
    Any, AssertSqlSafe, Row,
    any::{AnyArguments, AnyRow},
    query::Query,
};
use uuid::Uuid;

use super::{
    Backend, Call, CallDetail, CallFilter, CallStatus, Note, Page, Sentiment, Store, StoreError,
    TwilioRecording, apply::PURGED, filter, names::Named, within, words,
};
use crate::{
    record::{CallAnalytics, Recording, RecordingStatus, ToolCall, Turn},
    time::UnixMs,
};

impl Store {
    /// Calls, the newest first.
    ///
    /// # Errors
    /// When the filter makes no sense, or the database is away.
    pub async fn calls(&self, filter: &CallFilter) -> Result<Page<Call>, StoreError> {
        let (limit, offset) = filter::page(filter)?;
        let conditions = Conditions::new(filter, self.backend)?;
        within(async {
            let count = format!("SELECT COUNT(*) FROM calls {}", conditions.sql());
            let row = conditions
                .bind(sqlx::query(AssertSqlSafe(count)))
                .fetch_one(&self.pool)
                .await?;
            let total = row.try_get(0)?;
            // The numbers are i64s.
            let list = format!(
                "SELECT {COLUMNS} FROM calls {} ORDER BY started_ms DESC, id DESC \
                 LIMIT {limit} OFFSET {offset}",
                conditions.sql()
            );
            let rows = conditions
                .bind(sqlx::query(AssertSqlSafe(list)).persistent(false))
                .fetch_all(&self.pool)
                .await?;
            Ok(Page {
                items: rows.iter().map(call).collect::<Result<_, _>>()?,
                total,
                limit,
                offset,
            })
        })
        .await
    }

    /// All that is known of a call.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn call(&self, id: &str) -> Result<Option<CallDetail>, StoreError> {
        within(async {
            let sql = format!(
                "SELECT {COLUMNS}, caller_talk_ms, agent_talk_ms, interruptions, total_tokens, \
                 calls.metadata, calls.sentiment, call_statuses.status, call_statuses.duration_s \
                 FROM calls LEFT JOIN call_statuses ON call_statuses.call_sid = calls.call_sid \
                 WHERE calls.id = {ID}"
            );
            let row = sqlx::query(AssertSqlSafe(sql))
                .bind(words::clean(id))
                .fetch_optional(&self.pool)
                .await?;
            let Some(row) = row else {
                return Ok(None);
            };
            let call = call(&row)?;
            let id = call.id.as_str();
            Ok(Some(CallDetail {
                transcripts: self.turns(id).await?,
                tool_calls: self.tool_calls(id).await?,
                recordings: self.recordings(id).await?,
                twilio_recordings: self.twilio_recordings(&call.call_sid).await?,
                analytics: self.call_analytics(id, &row).await?,
                metadata: serde_json::from_str(row.try_get("metadata")?).unwrap_or_default(),
                twilio_status: row.try_get("status")?,
                twilio_duration_s: row.try_get("duration_s")?,
                notes: self.notes(id).await?,
                call,
            }))
        })
        .await
    }

    /// The newest recording of a call that is still on the disk.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn recording_of(&self, call_id: &str) -> Result<Option<Recording>, StoreError> {
        within(async {
            let sql = format!(
                "SELECT {RECORDING} FROM recordings WHERE call_id = {ID} AND progress < $2 \
                 ORDER BY started_ms DESC, id DESC LIMIT 1"
            );
            let row = sqlx::query(AssertSqlSafe(sql))
                .bind(words::clean(call_id))
                .bind(PURGED)
                .fetch_optional(&self.pool)
                .await?;
            Ok(row.as_ref().map(recording).transpose()?)
        })
        .await
    }

    /// Up to 1000 recordings that were begun before `before` and are still on the disk, the oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn recordings_before(&self, before: UnixMs) -> Result<Vec<Recording>, StoreError> {
        within(async {
            let sql = format!(
                "SELECT {RECORDING} FROM recordings WHERE started_ms < $1 AND progress > 0 AND progress < $2 \
                 ORDER BY started_ms, id LIMIT 1000"
            );
            let rows = sqlx::query(AssertSqlSafe(sql))
                .bind(before.0)
                .bind(PURGED)
                .fetch_all(&self.pool)
                .await?;
            Ok(rows.iter().map(recording).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Marks the recording as removed. Nothing that is journaled later brings it back.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn mark_purged(&self, id: &str) -> Result<(), StoreError> {
        within(async {
            sqlx::query(
                "UPDATE recordings SET status = $2, progress = $3, bytes = 0 WHERE id = $1",
            )
            .bind(id)
            .bind(RecordingStatus::Purged.name())
            .bind(PURGED)
            .execute(&self.pool)
            .await?;
            Ok(())
        })
        .await
    }

    /// Adds a note to a call; `None` if there is no such call.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn add_note(
        &self,
        call_id: &str,
        text: &str,
        author: Option<&str>,
    ) -> Result<Option<Note>, StoreError> {
        let note = Note {
            id: Uuid::now_v7().to_string(),
            text: words::clean(text),
            author: author.map(words::clean),
            created_at: UnixMs::now(),
        };
        within(async {
            let sql = format!(
                "INSERT INTO notes (id, call_id, text, author, created_ms) \
                 SELECT $2, id, $3, $4, $5 FROM calls WHERE id = {ID}"
            );
            let written = sqlx::query(AssertSqlSafe(sql))
                .bind(words::clean(call_id))
                .bind(&note.id)
                .bind(&note.text)
                .bind(note.author.as_deref())
                .bind(note.created_at.0)
                .execute(&self.pool)
                .await?;
            Ok((written.rows_affected() > 0).then_some(note.clone()))
        })
        .await
    }

    async fn turns(&self, call_id: &str) -> Result<Vec<Turn>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, call_id, item_id, speaker, text, generated_text, interrupted, confidence, \
             started_ms, ended_ms FROM turns WHERE call_id = $1 ORDER BY started_ms, seq",
        )
        .bind(call_id)
        .fetch_all(&self.pool)
        .await?;
        let turns = rows.iter().map(|row| {
            Ok(Turn {
                id: row.try_get(0)?,
                call_id: row.try_get(1)?,
                item_id: row.try_get(2)?,
                speaker: Named::named(row.try_get(3)?)?,
                text: row.try_get(4)?,
                generated_text: row.try_get(5)?,
                interrupted: row.try_get::<i64, _>(6)? != 0,
                confidence: row.try_get(7)?,
                started_at: UnixMs(row.try_get(8)?),
                ended_at: UnixMs(row.try_get(9)?),
            })
        });
        turns.collect()
    }

    async fn tool_calls(&self, call_id: &str) -> Result<Vec<ToolCall>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, call_id, name, arguments, output, failed, started_ms, ended_ms \
             FROM tool_calls WHERE call_id = $1 ORDER BY started_ms, id",
        )
        .bind(call_id)
        .fetch_all(&self.pool)
        .await?;
        let calls = rows.iter().map(|row| {
            Ok(ToolCall {
                id: row.try_get(0)?,
                call_id: row.try_get(1)?,
                name: row.try_get(2)?,
                arguments: row.try_get(3)?,
                output: row.try_get(4)?,
                failed: row.try_get::<i64, _>(5)? != 0,
                started_at: UnixMs(row.try_get(6)?),
                ended_at: UnixMs(row.try_get(7)?),
            })
        });
        calls.collect()
    }

    async fn recordings(&self, call_id: &str) -> Result<Vec<Recording>, StoreError> {
        let sql = format!(
            "SELECT {RECORDING} FROM recordings WHERE call_id = $1 ORDER BY started_ms, id"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(call_id)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(recording).collect::<Result<_, _>>()?)
    }

    async fn twilio_recordings(&self, call_sid: &str) -> Result<Vec<TwilioRecording>, StoreError> {
        let rows = sqlx::query(
            "SELECT recording_sid, status, url, duration_ms FROM twilio_recordings \
             WHERE call_sid = $1 ORDER BY at_ms, recording_sid",
        )
        .bind(call_sid)
        .fetch_all(&self.pool)
        .await?;
        let recordings = rows.iter().map(|row| {
            Ok(TwilioRecording {
                recording_sid: row.try_get(0)?,
                status: row.try_get(1)?,
                url: row.try_get(2)?,
                duration_ms: row.try_get(3)?,
            })
        });
        recordings.collect()
    }

    async fn call_analytics(
        &self,
        call_id: &str,
        row: &AnyRow,
    ) -> Result<Option<CallAnalytics>, StoreError> {
        let Some(caller_talk_ms) = row.try_get("caller_talk_ms")? else {
            return Ok(None);
        };
        let rows = sqlx::query(
            "SELECT latency_ms FROM response_latencies WHERE call_id = $1 ORDER BY answer",
        )
        .bind(call_id)
        .fetch_all(&self.pool)
        .await?;
        Ok(Some(CallAnalytics {
            sentiment: row.try_get("sentiment")?,
            caller_talk_ms,
            agent_talk_ms: row.try_get("agent_talk_ms")?,
            interruptions: row.try_get("interruptions")?,
            response_latencies_ms: rows
                .iter()
                .map(|row| row.try_get(0))
                .collect::<Result<_, _>>()?,
            total_tokens: row.try_get("total_tokens")?,
        }))
    }

    async fn notes(&self, call_id: &str) -> Result<Vec<Note>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, text, author, created_ms FROM notes WHERE call_id = $1 \
             ORDER BY created_ms, id",
        )
        .bind(call_id)
        .fetch_all(&self.pool)
        .await?;
        let notes = rows.iter().map(|row| {
            Ok(Note {
                id: row.try_get(0)?,
                text: row.try_get(1)?,
                author: row.try_get(2)?,
                created_at: UnixMs(row.try_get(3)?),
            })
        });
        notes.collect()
    }
}

/// A `WHERE` and what it is about.
struct Conditions {
    terms: Vec<String>,
    values: Vec<Value>,
}

enum Value {
    Text(String),
    Number(i64),
}

impl Conditions {
    fn new(filter: &CallFilter, backend: Backend) -> Result<Self, StoreError> {
        let mut conditions = Self {
            terms: Vec::new(),
            values: Vec::new(),
        };
        let text = |text: &String| Value::Text(words::clean(text));
        if let Some(caller) = &filter.caller {
            conditions.add("caller = ?", text(caller));
        }
        if let Some(agent) = &filter.agent {
            conditions.add("agent_id = ?", text(agent));
        }
        if let Some(status) = filter.status {
            conditions.add("calls.status = ?", Value::Text(status.name()));
        }
        match filter.sentiment {
            Some(Sentiment::Positive) => conditions.terms.push(POSITIVE.to_owned()),
            Some(Sentiment::Neutral) => conditions.terms.push(NEUTRAL.to_owned()),
            Some(Sentiment::Negative) => conditions.terms.push(NEGATIVE.to_owned()),
            None => {}
        }
        let (start, end) = filter::range(filter.start_date.as_deref(), filter.end_date.as_deref())?;
        if let Some(start) = start {
            conditions.add("started_ms >= ?", Value::Number(start));
        }
        if let Some(end) = end {
            conditions.add("started_ms < ?", Value::Number(end));
        }
        for word in words::wanted(filter.q.as_deref().unwrap_or_default())? {
            match backend {
                // In quotes it is a word whatever it says, `AND` and `NEAR` included.
                Backend::Sqlite => conditions.add(
                    "calls.id IN (SELECT call_id FROM turns WHERE seq IN \
                     (SELECT rowid FROM turn_words WHERE turn_words MATCH ?))",
                    Value::Text(format!("\"{word}\"")),
                ),
                Backend::Postgres => conditions.add(
                    "calls.id IN (SELECT call_id FROM turns \
                     WHERE to_tsvector('simple', words) @@ plainto_tsquery('simple', ?))",
                    Value::Text(word),
                ),
            }
        }
        Ok(conditions)
    }

    /// Adds a term with `value` for its question mark.
    fn add(&mut self, term: &str, value: Value) {
        self.values.push(value);
        self.terms
            .push(term.replace('?', &format!("${}", self.values.len())));
    }

    fn sql(&self) -> String {
        match self.terms.as_slice() {
            [] => String::new(),
            terms => format!("WHERE {}", terms.join(" AND ")),
        }
    }

    fn bind<'q>(&self, query: Query<'q, Any, AnyArguments>) -> Query<'q, Any, AnyArguments> {
        self.values.iter().fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text.clone()),
            Value::Number(number) => query.bind(*number),
        })
    }
}

fn call(row: &AnyRow) -> Result<Call, sqlx::Error> {
    Ok(Call {
        id: row.try_get(0)?,
        call_sid: row.try_get(1)?,
        caller: row.try_get(2)?,
        called: row.try_get(3)?,
        agent_id: row.try_get(4)?,
        status: CallStatus::named(row.try_get(5)?)?,
        end_reason: row.try_get(6)?,
        started_at: UnixMs(row.try_get(7)?),
        ended_at: row.try_get::<Option<i64>, _>(8)?.map(UnixMs),
        duration_ms: row.try_get(9)?,
        sentiment: row.try_get::<Option<f64>, _>(10)?.map(Sentiment::of),
    })
}

fn recording(row: &AnyRow) -> Result<Recording, sqlx::Error> {
    Ok(Recording {
        id: row.try_get(0)?,
        call_id: row.try_get(1)?,
        file: row.try_get(2)?,
        format: Named::named(row.try_get(3)?)?,
        status: Named::named(row.try_get(4)?)?,
        duration_ms: row.try_get(5)?,
        bytes: row.try_get(6)?,
        started_at: UnixMs(row.try_get(7)?),
    })
}

/// What [`call`] reads.
const COLUMNS: &str = "calls.id, COALESCE(calls.call_sid, ''), caller, called, agent_id, \
                       calls.status AS call_status, end_reason, started_ms, ended_ms, \
                       duration_ms, sentiment AS score";
/// What [`recording`] reads.
const RECORDING: &str = "id, call_id, file, format, status, duration_ms, bytes, started_ms";
/// The call of the id `$1`, which may be one of several that it was given, or Twilio's.
const ID: &str = "COALESCE((SELECT call_id FROM call_aliases WHERE alias = $1), \
                  (SELECT id FROM calls WHERE call_sid = $1), $1)";
/// As [`Sentiment::of`].
pub(super) const POSITIVE: &str = "sentiment >= 0.05";
pub(super) const NEUTRAL: &str = "sentiment > -0.05 AND sentiment < 0.05";
pub(super) const NEGATIVE: &str = "sentiment <= -0.05";

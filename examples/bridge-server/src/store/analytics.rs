//! Figures over many calls.

use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use super::{
    Analytics, AnalyticsFilter, CallStatus, Figures, Step, Store, StoreError,
    calls::{NEGATIVE, NEUTRAL, POSITIVE},
    filter::{self, Steps},
    names::Named,
    within,
};
use crate::time::UnixMs;

impl Store {
    /// Totals, and a time series with all its steps.
    ///
    /// # Errors
    /// When the filter makes no sense, or the database is away.
    pub async fn analytics(&self, filter: &AnalyticsFilter) -> Result<Analytics, StoreError> {
        let steps = filter::steps(filter, UnixMs::now())?;
        within(async {
            let mut series: Vec<Step> = (0..steps.count)
                .map(|n| Step {
                    start: UnixMs(steps.origin + n * steps.width),
                    figures: Figures::default(),
                })
                .collect();
            let by_step = format!("(started_ms - {}) / {}", steps.origin, steps.width);
            for (n, figures) in self.figures(&steps, &by_step).await? {
                if let Some(step) = usize::try_from(n).ok().and_then(|n| series.get_mut(n)) {
                    step.figures = figures;
                }
            }
            let totals = self.figures(&steps, "CAST(0 AS BIGINT)").await?.pop();
            Ok(Analytics {
                start_date: UnixMs(steps.start),
                end_date: UnixMs(steps.end),
                interval: filter.interval.unwrap_or_default(),
                totals: totals.map(|(_, figures)| figures).unwrap_or_default(),
                series,
            })
        })
        .await
    }

    /// The figures of each group of calls in the time of `steps`; `group` is an expression that numbers the groups.
    async fn figures(&self, steps: &Steps, group: &str) -> Result<Vec<(i64, Figures)>, StoreError> {
        let refused = CallStatus::Refused.name();
        let completed = CallStatus::Completed.name();
        let failed = CallStatus::Failed.name();
        // Nearest rank: the smallest latency that at least so many percent do not exceed.
        let percentile = |percent: i64| {
            format!("MAX(CASE WHEN place = (many * {percent} + 99) / 100 THEN latency_ms END)")
        };
        // Nothing but numbers and words of this program is written into it. A sum of BIGINTs is a NUMERIC on
        // PostgreSQL, which the `Any` driver does not know.
        let sql = format!(
            "WITH chosen AS (SELECT calls.*, {group} AS step FROM calls \
               WHERE started_ms >= $1 AND started_ms < $2), \
             ranked AS (SELECT step, latency_ms, \
               ROW_NUMBER() OVER (PARTITION BY step ORDER BY latency_ms) AS place, \
               COUNT(*) OVER (PARTITION BY step) AS many \
               FROM response_latencies JOIN chosen ON chosen.id = response_latencies.call_id), \
             latencies AS (SELECT step, {} AS p50, {} AS p95, {} AS p99 FROM ranked GROUP BY step), \
             figures AS (SELECT step, \
               COUNT(CASE WHEN status <> '{refused}' THEN 1 END) AS taken, \
               COUNT(CASE WHEN status = '{completed}' THEN 1 END) AS completed, \
               COUNT(CASE WHEN status = '{failed}' THEN 1 END) AS failed, \
               COUNT(CASE WHEN status = '{refused}' THEN 1 END) AS refused, \
               CAST(AVG(duration_ms) AS DOUBLE PRECISION) AS mean_duration_ms, \
               CAST(COALESCE(SUM(caller_talk_ms), 0) AS BIGINT) AS caller_talk_ms, \
               CAST(COALESCE(SUM(agent_talk_ms), 0) AS BIGINT) AS agent_talk_ms, \
               CAST(COALESCE(SUM(interruptions), 0) AS BIGINT) AS interruptions, \
               AVG(sentiment) AS mean_sentiment, \
               COUNT(CASE WHEN {POSITIVE} THEN 1 END) AS positive, \
               COUNT(CASE WHEN {NEUTRAL} THEN 1 END) AS neutral, \
               COUNT(CASE WHEN {NEGATIVE} THEN 1 END) AS negative, \
               CAST(COALESCE(SUM(total_tokens), 0) AS BIGINT) AS total_tokens \
               FROM chosen GROUP BY step) \
             SELECT figures.*, p50, p95, p99 FROM figures \
             LEFT JOIN latencies ON latencies.step = figures.step",
            percentile(50),
            percentile(95),
            percentile(99),
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(steps.start)
            .bind(steps.end)
            .persistent(false)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(figures).collect::<Result<_, _>>()?)
    }
}

fn figures(row: &AnyRow) -> Result<(i64, Figures), sqlx::Error> {
    let figures = Figures {
        calls: row.try_get("taken")?,
        completed: row.try_get("completed")?,
        failed: row.try_get("failed")?,
        refused: row.try_get("refused")?,
        mean_duration_ms: row.try_get("mean_duration_ms")?,
        caller_talk_ms: row.try_get("caller_talk_ms")?,
        agent_talk_ms: row.try_get("agent_talk_ms")?,
        interruptions: row.try_get("interruptions")?,
        mean_sentiment: row.try_get("mean_sentiment")?,
        positive: row.try_get("positive")?,
        neutral: row.try_get("neutral")?,
        negative: row.try_get("negative")?,
        latency_p50_ms: row.try_get("p50")?,
        latency_p95_ms: row.try_get("p95")?,
        latency_p99_ms: row.try_get("p99")?,
        total_tokens: row.try_get("total_tokens")?,
    };
    Ok((row.try_get("step")?, figures))
}

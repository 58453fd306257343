//! Filters, checked.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{AnalyticsFilter, CallFilter, FilterError, Interval};
use crate::time::UnixMs;

/// Part of a list that is wanted.
pub(super) fn page(filter: &CallFilter) -> Result<(i64, i64), FilterError> {
    let limit = filter.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(FilterError::Limit(MAX_LIMIT));
    }
    let offset = filter.offset.unwrap_or(0);
    if offset < 0 {
        return Err(FilterError::Offset);
    }
    Ok((limit, offset))
}

/// From when on, and before when, in milliseconds since 1970.
pub(super) fn range(
    start: Option<&str>,
    end: Option<&str>,
) -> Result<(Option<i64>, Option<i64>), FilterError> {
    let start = match start {
        Some(text) => Some(time(text, false).ok_or(FilterError::StartDate)?),
        None => None,
    };
    let end = match end {
        Some(text) => Some(time(text, true).ok_or(FilterError::EndDate)?),
        None => None,
    };
    match (start, end) {
        (Some(start), Some(end)) if end <= start => Err(FilterError::EmptyRange),
        range => Ok(range),
    }
}

/// A time series.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Steps {
    /// From when calls count, in milliseconds since 1970.
    pub(super) start: i64,
    /// Before when.
    pub(super) end: i64,
    /// When the first step begins: at `start` or before.
    pub(super) origin: i64,
    /// Width, in milliseconds.
    pub(super) width: i64,
    pub(super) count: i64,
}

/// The steps of a time series, as `filter` says.
pub(super) fn steps(filter: &AnalyticsFilter, now: UnixMs) -> Result<Steps, FilterError> {
    let (start, end) = range(filter.start_date.as_deref(), filter.end_date.as_deref())?;
    // `now` is included.
    let end = end.unwrap_or(now.0 + 1);
    let start = start.unwrap_or(end - DEFAULT_SPAN);
    if end <= start {
        return Err(FilterError::EmptyRange);
    }
    let (width, first) = match filter.interval.unwrap_or_default() {
        Interval::Hour => (HOUR, 0),
        Interval::Day => (DAY, 0),
        Interval::Week => (7 * DAY, FIRST_MONDAY),
    };
    let origin = start - (start - first).rem_euclid(width);
    let count = (end - origin + width - 1) / width;
    if count > MAX_STEPS {
        return Err(FilterError::TooManySteps(MAX_STEPS));
    }
    Ok(Steps {
        start,
        end,
        origin,
        width,
        count,
    })
}

/// A time, or a date: its begin, or the next one's if it is the end of something.
fn time(text: &str, is_end: bool) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    if text.len() != "2026-11-28".len() {
        return None;
    }
    let mut date: Date = text.parse().ok()?;
    if is_end {
        date = date.tomorrow().ok()?;
    }
    let begin = date.to_zoned(TimeZone::UTC).ok()?;
    Some(begin.timestamp().as_millisecond())
}

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 200;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const DEFAULT_SPAN: i64 = 30 * DAY;
/// 1970 began on a Thursday.
const FIRST_MONDAY: i64 = 4 * DAY;
/// 83 days of hours, five years of days. Each step is some 400 bytes of the answer.
const MAX_STEPS: i64 = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_whole_days_in_utc_and_times_are_exact() {
        assert_eq!(
            range(Some("2026-11-28"), Some("2026-11-28")),
            Ok((Some(1_795_824_000_000), Some(1_795_910_400_000)))
        );
        assert_eq!(
            range(Some("2026-11-28T10:00:00+02:00"), None),
            Ok((Some(1_795_852_800_000), None))
        );
        assert_eq!(
            range(Some("2026-11-29"), Some("2026-11-28")),
            Err(FilterError::EmptyRange)
        );
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-02-30",
            "20261128",
            "2026-11-28T10:00:00",
            "2026-11-28\0",
            "99999-01-01",
            "1' OR '1'='1",
        ] {
            assert_eq!(
                range(Some(text), None),
                Err(FilterError::StartDate),
                "{text}"
            );
            assert_eq!(range(None, Some(text)), Err(FilterError::EndDate), "{text}");
        }
    }

    #[test]
    fn pages_are_bounded() {
        let page = |limit, offset| {
            page(&CallFilter {
                limit,
                offset,
                ..CallFilter::default()
            })
        };
        assert_eq!(page(None, None), Ok((50, 0)));
        assert_eq!(page(Some(200), Some(7)), Ok((200, 7)));
        assert_eq!(page(Some(201), None), Err(FilterError::Limit(200)));
        assert_eq!(page(Some(0), None), Err(FilterError::Limit(200)));
        assert_eq!(page(None, Some(-1)), Err(FilterError::Offset));
    }

    #[test]
    fn weeks_begin_on_monday_and_steps_are_bounded() {
        let filter = |start: &str, end: &str, interval| AnalyticsFilter {
            start_date: Some(start.to_owned()),
            end_date: Some(end.to_owned()),
            interval: Some(interval),
        };
        // A Saturday, and the Monday before.
        let weeks = steps(
            &filter("2026-11-28", "2026-11-30", Interval::Week),
            UnixMs(0),
        );
        let weeks = weeks.unwrap();
        assert_eq!(UnixMs(weeks.origin), UnixMs(1_795_392_000_000));
        assert_eq!(weeks.count, 2);
        assert_eq!(
            steps(
                &filter("2020-01-01", "2026-11-30", Interval::Hour),
                UnixMs(0)
            ),
            Err(FilterError::TooManySteps(MAX_STEPS))
        );
        assert_eq!(
            steps(
                &filter("-009999-01-03T00:00:00Z", "9999-12-28", Interval::Week),
                UnixMs(0)
            ),
            Err(FilterError::TooManySteps(MAX_STEPS))
        );
    }
}

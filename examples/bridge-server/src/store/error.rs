//! What can go wrong with the database, and with what is asked of it.

use std::{error::Error, fmt};

use sqlx::migrate::MigrateError;

/// Why the database has not done something. Nothing has changed then.
#[derive(Debug)]
pub enum StoreError {
    /// The database refuses, or cannot be reached.
    Database(sqlx::Error),
    /// Its tables cannot be brought up to date.
    Migrate(MigrateError),
    /// It has not answered within [`ANSWER_TIMEOUT`](super::ANSWER_TIMEOUT).
    Timeout,
    /// What was asked for makes no sense.
    Filter(FilterError),
    /// The agent still answers this many numbers, so it cannot be deleted.
    AgentInUse {
        /// How many.
        numbers: i64,
    },
    /// There is no agent of that id to answer the number.
    UnknownAgent,
}

impl StoreError {
    /// Whether the same again can succeed later: the database is away or busy, and the data is not at fault.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Timeout => true,
            Self::Database(sqlx::Error::Database(error)) => {
                // PostgreSQL: classes 22 (data exception), 23 (integrity constraint violation) and 54 (program
                // limit exceeded), https://www.postgresql.org/docs/15/errcodes-appendix.html.
                // SQLite: 18 TOOBIG, 19 CONSTRAINT, 20 MISMATCH in the lowest byte, https://sqlite.org/rescode.html.
                let code = error.code().unwrap_or_default();
                let is_datas_fault = match code.parse::<u32>() {
                    Ok(number) if code.len() != 5 => (18..=20).contains(&(number & 0xFF)),
                    _ => ["22", "23", "54"]
                        .iter()
                        .any(|class| code.starts_with(class)),
                };
                !is_datas_fault
            }
            Self::Database(error) => !matches!(
                error,
                sqlx::Error::Encode(_)
                    | sqlx::Error::Decode(_)
                    | sqlx::Error::ColumnDecode { .. }
                    | sqlx::Error::RowNotFound
            ),
            Self::Migrate(_) | Self::Filter(_) | Self::AgentInUse { .. } | Self::UnknownAgent => {
                false
            }
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A database's own message quotes values, which are nobody's business in a log.
            Self::Database(sqlx::Error::Database(error)) => {
                let code = error.code().unwrap_or_default();
                write!(f, "the database refuses: {:?}, code {code}", error.kind())
            }
            Self::Database(sqlx::Error::PoolTimedOut) => {
                f.write_str("the database cannot be reached")
            }
            Self::Database(error) => error.fmt(f),
            Self::Migrate(error) => error.fmt(f),
            Self::Timeout => f.write_str("the database does not answer"),
            Self::Filter(error) => error.fmt(f),
            Self::AgentInUse { numbers } => {
                write!(f, "the agent still answers {numbers} numbers")
            }
            Self::UnknownAgent => f.write_str("there is no such agent"),
        }
    }
}

impl Error for StoreError {}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        Self::Migrate(error)
    }
}

impl From<FilterError> for StoreError {
    fn from(error: FilterError) -> Self {
        Self::Filter(error)
    }
}

/// Which field of a filter makes no sense, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// `limit` is not from 1 to this.
    Limit(i64),
    /// `offset` is below 0.
    Offset,
    /// `startDate` is neither a date nor a time.
    StartDate,
    /// `endDate` is neither a date nor a time.
    EndDate,
    /// `endDate` is not after `startDate`.
    EmptyRange,
    /// `q` has more words than this.
    TooManyWords(usize),
    /// The time series would have more steps than this.
    TooManySteps(i64),
}

impl FilterError {
    /// Name of the field, as the API has it.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Limit(_) => "limit",
            Self::Offset => "offset",
            Self::StartDate => "startDate",
            Self::EndDate | Self::EmptyRange => "endDate",
            Self::TooManyWords(_) => "q",
            Self::TooManySteps(_) => "interval",
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(most) => write!(f, "limit must be from 1 to {most}"),
            Self::Offset => f.write_str("offset must be 0 or more"),
            Self::StartDate | Self::EndDate => write!(
                f,
                "{} must be a date such as 2026-11-28 or a time such as 2026-11-28T10:00:00Z",
                self.field()
            ),
            Self::EmptyRange => f.write_str("endDate must be after startDate"),
            Self::TooManyWords(most) => write!(f, "q may have at most {most} words"),
            Self::TooManySteps(most) => write!(
                f,
                "the time from startDate to endDate has more than {most} such intervals"
            ),
        }
    }
}

impl Error for FilterError {}

//! The one shape of every error: problem details. Source: RFC 9457.

use std::{borrow::Cow, panic::AssertUnwindSafe, time::Duration};

use axum::{
    extract::Request,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use serde::Serialize;
use tokio::{sync::Semaphore, time::timeout};
use utoipa::ToSchema;

use crate::store::StoreError;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem(Box<Details>);

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "urn:problem-type:trunkline:invalid-input",
    "title": "Invalid input",
    "status": 422,
    "detail": "1 field is invalid",
    "instance": "/api/agents",
    "errors": [{ "pointer": "#/name", "detail": "must be 1 to 100 characters long" }],
}))]
pub(crate) struct Details {
    /// What kind of problem it is; `about:blank` if the status says it all.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: Cow<'static, str>,
    /// The same for every problem of this type.
    #[schema(value_type = String)]
    title: Cow<'static, str>,
    /// The HTTP status.
    status: u16,
    /// About this very request.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// Everything that is wrong with the input, up to 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<InvalidInput>,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One thing that is wrong with the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvalidInput {
    /// Where in the body: a JSON pointer as a URI fragment. Source: RFC 6901 §6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Which parameter of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What it should be.
    pub detail: String,
}

impl Problem {
    /// Nothing more than what `status` means.
    pub fn new(status: StatusCode) -> Self {
        Self(Box::new(Details {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            detail: None,
            instance: None,
            errors: Vec::new(),
            headers: Vec::new(),
        }))
    }

    /// A problem of its own type, a word such as `recording-purged`.
    pub(crate) fn of_type(status: StatusCode, name: &str, title: &'static str) -> Self {
        let mut problem = Self::new(status);
        problem.0.kind = format!("urn:problem-type:trunkline:{name}").into();
        problem.0.title = title.into();
        problem
    }

    /// There is nothing of that name.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND).detail(format!("there is no such {what}"))
    }

    /// `errors` says what is wrong with the query (400) or the body (422).
    pub(crate) fn invalid(status: StatusCode, mut errors: Vec<InvalidInput>) -> Self {
        let detail = match errors.len() {
            1 => "1 field is invalid".to_owned(),
            many => format!("{many} fields are invalid"),
        };
        errors.truncate(MAX_ERRORS);
        let mut problem = Self::of_type(status, "invalid-input", "Invalid input").detail(detail);
        problem.0.errors = errors;
        problem
    }

    /// The database does not answer.
    pub(crate) fn no_database() -> Self {
        Self::of_type(
            StatusCode::SERVICE_UNAVAILABLE,
            "database-unavailable",
            "The database does not answer",
        )
        .header(RETRY_AFTER, HeaderValue::from(RETRY_S))
    }

    /// No key, or not the right one. Source: RFC 6750 §3.
    pub(crate) fn unauthorized(is_wrong: bool) -> Self {
        let (detail, challenge) = if is_wrong {
            ("the key is wrong", r#"Bearer error="invalid_token""#)
        } else {
            ("a key is needed: Authorization: Bearer KEY", "Bearer")
        };
        Self::new(StatusCode::UNAUTHORIZED)
            .detail(detail.to_owned())
            .header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    pub(crate) fn detail(mut self, detail: String) -> Self {
        self.0.detail = Some(detail);
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    fn body(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers are JSON")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content = [(CONTENT_TYPE, MEDIA_TYPE), (CACHE_CONTROL, "no-store")];
        let mut response = (status, content, self.body()).into_response();
        for (name, value) in &self.0.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Filter(error) => Self::invalid(
                StatusCode::BAD_REQUEST,
                vec![InvalidInput {
                    pointer: None,
                    parameter: Some(error.field().to_owned()),
                    detail: error.to_string(),
                }],
            ),
            StoreError::UnknownAgent => Self::invalid(
                StatusCode::UNPROCESSABLE_ENTITY,
                vec![InvalidInput {
                    pointer: Some("#/agentId".to_owned()),
                    parameter: None,
                    detail: error.to_string(),
                }],
            ),
            StoreError::AgentInUse { .. } => {
                Self::of_type(StatusCode::CONFLICT, "agent-in-use", "The agent is in use")
                    .detail(error.to_string())
            }
            error if error.is_transient() => {
                tracing::warn!(%error, "the database does not answer");
                Self::no_database()
            }
            error => {
                tracing::error!(%error, "a query failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

/// What `query` answers, unless that takes too long.
pub(crate) async fn database<T>(
    query: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Problem> {
    let in_turn = async {
        // Never closed. The other connections are for calls, the journal and the feed.
        let _permit = QUERIES.acquire().await;
        query.await
    };
    match timeout(DATABASE_TIMEOUT, in_turn).await {
        Ok(answer) => Ok(answer?),
        Err(_) => {
            tracing::warn!("the database does not answer in time");
            Err(Problem::no_database())
        }
    }
}

/// Gives every error that leaves the server its shape, whoever made it, and answers for a handler that panics.
pub(crate) async fn shape(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let instance = (path.len() <= MAX_INSTANCE).then(|| path.to_owned());
    let run = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = run.await.unwrap_or_else(|_| {
        tracing::error!("a request's handler panicked");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR).into_response()
    });
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.extensions().get::<NoError>().is_some() {
        return response;
    }
    let mut problem = response
        .extensions_mut()
        .remove::<Problem>()
        .unwrap_or_else(|| Problem::new(status));
    problem.0.instance = instance;
    let mut shaped = problem.into_response();
    let headers = std::mem::take(response.headers_mut());
    for (name, value) in headers {
        // `into_iter` names a repeated header once; no error has one.
        if let Some(name) = name
            && name != CONTENT_TYPE
            && name != CONTENT_LENGTH
        {
            shaped.headers_mut().insert(name, value);
        }
    }
    shaped
}

/// In the extensions of a response: whatever its status, it is the answer to what was asked.
#[derive(Clone, Copy)]
pub(crate) struct NoError;

/// Nobody serves this path.
pub(crate) async fn no_such_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND)
}

/// Of every error's body. Source: RFC 9457 §3.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// Queries of the API at a time: half of the store's connections.
static QUERIES: Semaphore = Semaphore::const_new(4);
/// For one query: longer than any takes that has an index.
pub(crate) const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);
/// When to try again if the database is away, in seconds.
const RETRY_S: u32 = 5;
/// Nobody reads more of them.
const MAX_ERRORS: usize = 100;
/// Longer paths are not quoted, in bytes.
const MAX_INSTANCE: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_told_from_a_query_that_is_wrong() {
        let away = Problem::from(StoreError::Database(sqlx::Error::PoolTimedOut));
        assert_eq!(away, Problem::no_database());
        assert_eq!(away.0.status, 503);
        assert_eq!(away.0.headers[0].0, RETRY_AFTER);
        let wrong = Problem::from(StoreError::Database(sqlx::Error::RowNotFound));
        assert_eq!(wrong, Problem::new(StatusCode::INTERNAL_SERVER_ERROR));
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_that_hangs_is_given_up() {
        let hanging = std::future::pending::<Result<(), StoreError>>();
        assert_eq!(database(hanging).await, Err(Problem::no_database()));
    }

    #[test]
    fn only_so_many_errors_are_listed() {
        let error = InvalidInput {
            pointer: Some("#/x".to_owned()),
            parameter: None,
            detail: "no".to_owned(),
        };
        let problem = Problem::invalid(
            StatusCode::UNPROCESSABLE_ENTITY,
            vec![error; MAX_ERRORS + 5],
        );
        assert_eq!(problem.0.errors.len(), MAX_ERRORS);
        assert_eq!(problem.0.detail.as_deref(), Some("105 fields are invalid"));
    }
}

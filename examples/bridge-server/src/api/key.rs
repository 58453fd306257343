//! The key to the API.

use std::{fmt, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use crate::metrics::METRICS_PATH;

/// The key whoever uses the API must know. Only its hash is kept.
#[derive(Clone)]
pub struct ApiKey {
    hash: Arc<[u8; 32]>,
}

impl ApiKey {
    /// The key `key`.
    pub fn new(key: &str) -> Self {
        Self {
            hash: Arc::new(Sha256::digest(key).into()),
        }
    }

    /// Whether `headers` bring it, once, as a bearer token. Source: RFC 6750 §2.1.
    fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return Err(Problem::unauthorized(false));
        };
        let Some((scheme, key)) = value.to_str().ok().and_then(|value| value.split_once(' '))
        else {
            return Err(Problem::unauthorized(false));
        };
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return Err(Problem::unauthorized(false));
        }
        // Of hashes, so that not even the length shows in the time it takes.
        let hash: [u8; 32] = Sha256::digest(key.trim_matches(' ')).into();
        if bool::from(hash.ct_eq(&*self.hash)) {
            Ok(())
        } else {
            Err(Problem::unauthorized(true))
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey")
    }
}

/// What is behind the key.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) key: ApiKey,
    pub(crate) metrics_open: bool,
}

/// Lets requests with the key through.
pub(crate) async fn require(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let is_open = guard.metrics_open && request.uri().path() == METRICS_PATH;
    if !is_open && let Err(problem) = guard.key.check(request.headers()) {
        return problem.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_key_opens_and_nothing_else_does() {
        let key = ApiKey::new("correct horse");
        let is_open = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            key.check(&headers).is_ok()
        };
        assert!(is_open(&["Bearer correct horse"]));
        assert!(is_open(&["bearer  correct horse"]));
        for bad in [
            &[] as &[_],
            &["Bearer correct horse", "Bearer correct horse"],
            &["Bearer"],
            &["Bearer "],
            &["Bearer correct hors"],
            &["Bearer correct horsee"],
            &["Basic correct horse"],
            &["correct horse"],
        ] {
            assert!(!is_open(bad), "{bad:?}");
        }
        assert_eq!(format!("{key:?}"), "ApiKey");
    }
}

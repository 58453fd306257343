//! The REST API, as far as it changes a call that is under way.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use crate::clock::seconds;
use crate::{Clock, Log};

/// A listening REST API of one account, for calls whose [`Options::api`](super::Options::api) it is. Clones are
/// the same API; with the last one it stops to listen.
///
/// It knows `POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}.json` with `Twiml`, `Url` or
/// `Status=completed`, and answers everything else as Twilio answers what does not exist.
#[derive(Clone, Debug)]
pub struct Api(Arc<Listening>);

/// One request to the [`Api`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ApiRequest {
    /// When it had been read.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// Path of the URL.
    pub path: String,
    /// Form fields in the order sent.
    pub fields: Vec<(String, String)>,
    /// HTTP status of the answer.
    pub status: u16,
}

/// What a call is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Update {
    /// Go on with this document.
    Twiml(String),
    /// Go on with the document there.
    Url(String),
    /// End.
    Completed,
}

#[derive(Debug)]
struct Listening {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    account_sid: String,
    authorization: String,
    clock: Clock,
    /// By SID; `None` once they are over.
    calls: Mutex<HashMap<String, Option<UnboundedSender<Update>>>>,
    requests: Mutex<Vec<ApiRequest>>,
}

impl Api {
    /// Listens at `address` for whoever has these credentials; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub async fn bind(
        address: impl ToSocketAddrs,
        account_sid: &str,
        auth_token: &str,
        clock: Clock,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let credentials = BASE64_STANDARD.encode(format!("{account_sid}:{auth_token}"));
        let shared = Arc::new(Shared {
            account_sid: account_sid.to_owned(),
            authorization: format!("Basic {credentials}"),
            clock,
            calls: Mutex::default(),
            requests: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self(Arc::new(Listening {
            address,
            shared,
            accepting,
        })))
    }

    /// What stands for `https://api.twilio.com`.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Tells `log` where it listens.
    pub fn report(&self, log: &Log) {
        let time = self.0.shared.clock.now();
        log.report(
            time,
            "twilio",
            "rest_listening",
            json!({ "url": self.url() }),
        );
    }

    /// All requests so far, in the order answered.
    pub fn requests(&self) -> Vec<ApiRequest> {
        lock(&self.0.shared.requests).clone()
    }

    /// The call is in progress, and does what `updates` are sent.
    pub(super) fn begin(&self, call_sid: &str, updates: UnboundedSender<Update>) {
        lock(&self.0.shared.calls).insert(call_sid.to_owned(), Some(updates));
    }

    /// The call is over.
    pub(super) fn end(&self, call_sid: &str) {
        if let Some(call) = lock(&self.0.shared.calls).get_mut(call_sid) {
            *call = None;
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The next update; never, for a call that no API knows.
pub(super) async fn next(updates: &mut UnboundedReceiver<Update>) -> Update {
    match updates.recv().await {
        Some(update) => update,
        None => pending().await,
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: wait for a connection to end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &shared));
            // A client that breaks off has had its answer or does not want it.
            let _ = Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await;
    let body = body.map(|body| body.to_bytes());
    let fields: Vec<(String, String)> = form_urlencoded::parse(body.as_deref().unwrap_or_default())
        .into_owned()
        .collect();
    let path = head.uri.path().to_owned();
    let authorization = head
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let (status, body) = if authorization != Some(&*shared.authorization) {
        refusal(401, 20003, "Authenticate")
    } else if body.is_err() {
        refusal(400, 20001, "The body is too long")
    } else if head.method == Method::POST {
        update(shared, &path, &fields)
    } else {
        not_found(&path)
    };
    lock(&shared.requests).push(ApiRequest {
        time: shared.clock.now(),
        path,
        fields,
        status,
    });
    let mut response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json");
    if status == 401 {
        response = response.header(WWW_AUTHENTICATE, "Basic realm=\"Twilio API\"");
    }
    let body = Full::new(Bytes::from(body.to_string()));
    Ok(response.body(body).expect("a status and two valid headers"))
}

/// Carries out a POST to `path`, if it is that of a call of the account.
fn update(shared: &Shared, path: &str, fields: &[(String, String)]) -> (u16, Value) {
    let prefix = format!("/2010-04-01/Accounts/{}/Calls/", shared.account_sid);
    let sid = path
        .strip_prefix(&prefix)
        .and_then(|rest| rest.strip_suffix(".json"));
    let Some(sid) = sid else {
        return not_found(path);
    };
    let mut calls = lock(&shared.calls);
    let Some(call) = calls.get_mut(sid) else {
        return not_found(path);
    };
    let field = |name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.clone())
    };
    let update = match (field("Twiml"), field("Url"), field("Status").as_deref()) {
        (Some(twiml), None, None) if twiml.chars().count() <= MAX_TWIML => Update::Twiml(twiml),
        (None, Some(url), None) => Update::Url(url),
        (None, None, Some("completed")) => Update::Completed,
        _ => {
            return refusal(
                400,
                20001,
                "One of Twiml, Url and Status=completed is needed",
            );
        }
    };
    let is_over = update == Update::Completed;
    // A call that has just ended takes nothing more.
    let told = call.as_ref().is_some_and(|call| call.send(update).is_ok());
    if !told {
        return refusal(400, 21220, "Call is not in-progress. Cannot redirect.");
    }
    let body = json!({
        "sid": sid,
        "account_sid": shared.account_sid,
        "status": if is_over { "completed" } else { "in-progress" },
        "api_version": "2010-04-01",
        "uri": path,
        "subresource_uris": {},
    });
    (200, body)
}

fn not_found(path: &str) -> (u16, Value) {
    let message = format!("The requested resource {path} was not found");
    refusal(404, 20404, &message)
}

fn refusal(status: u16, code: u32, message: &str) -> (u16, Value) {
    let body = json!({
        "code": code,
        "message": message,
        "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
        "status": status,
    });
    (status, body)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|broken| broken.into_inner())
}

/// More than a document in a form can be.
const MAX_BODY: usize = 64 << 10;
/// Characters. Source: Twilio's OpenAPI document, `Twiml` of a call.
const MAX_TWIML: usize = 4_000;

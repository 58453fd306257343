//! The upgrade, which always succeeds, and the refusals that follow it in-band.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};

use super::error::ApiError;
use super::session::Session;
use super::{Close, Fault, Options, SessionRecord};
use crate::Clock;
use crate::breaker::Breaker;

/// What a session hands to its connection.
pub(super) enum Outgoing {
    Message(Message),
    /// Sends nothing until then.
    Pause(Duration),
    /// Ends the connection without a close frame.
    Cut,
}

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    number: u64,
    options: Arc<Options>,
    record: Arc<Mutex<SessionRecord>>,
    stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    if options
        .faults
        .iter()
        .any(|fault| matches!(fault, Fault::SlowRead(_)))
    {
        let _ = SockRef::from(&stream).set_recv_buffer_size(SMALL_BUFFER);
    }
    let Ok((stream, breaker)) = Breaker::of(stream) else {
        return;
    };
    let mut client = Client {
        refused: options.faults.iter().find_map(|fault| match *fault {
            Fault::RefuseUpgrade { status } => StatusCode::from_u16(status).ok(),
            _ => None,
        }),
        ..Client::default()
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let upgrade =
        tokio_tungstenite::accept_hdr_async_with_config(stream, &mut client, Some(config));
    let Ok(Ok(socket)) = tokio::time::timeout(UPGRADE_LIMIT, upgrade).await else {
        return;
    };
    record
        .lock()
        .unwrap_or_else(|broken| broken.into_inner())
        .model = client.model.clone();

    let (sink, source) = socket.split();
    let (outgoing, queue) = mpsc::unbounded_channel();
    let sender = tokio::spawn(send_all(sink, queue, options.clock));
    match client.refusal(&options) {
        Some((error, code)) => refuse(&options, &record, outgoing, source, error, code).await,
        None => {
            let model = client.model.unwrap_or_default();
            let session = Session::new(number, &model, options.clone(), record.clone(), outgoing);
            if session.run(source, stopped).await {
                sender.abort();
                breaker.reset();
            }
        }
    }
    let _ = tokio::time::timeout(CLOSE_LIMIT, sender).await;
    let now = options.clock.now();
    record
        .lock()
        .unwrap_or_else(|broken| broken.into_inner())
        .closed = Some(now);
    let close = record
        .lock()
        .unwrap_or_else(|broken| broken.into_inner())
        .close
        .clone();
    options.log.report(
        now,
        "openai",
        "closed",
        json!({ "session": number, "close": close }),
    );
}

async fn send_all(
    mut sink: futures_util::stream::SplitSink<WebSocketStream<TcpStream>, Message>,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    clock: Clock,
) {
    while let Some(outgoing) = queue.recv().await {
        match outgoing {
            Outgoing::Message(message) => {
                if sink.send(message).await.is_err() {
                    return;
                }
            }
            Outgoing::Pause(until) => clock.until(until).await,
            Outgoing::Cut => return,
        }
    }
    let _ = sink.flush().await;
}

async fn refuse(
    options: &Options,
    record: &Mutex<SessionRecord>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    mut source: futures_util::stream::SplitStream<WebSocketStream<TcpStream>>,
    error: ApiError,
    code: u16,
) {
    let event = json!({ "type": "error", "event_id": "event_1", "error": error.to_json(None) });
    let close = Close {
        code,
        reason: error.close_reason(),
        by_server: true,
    };
    let frame = CloseFrame {
        code: code.into(),
        reason: close.reason.clone().into(),
    };
    let _ = outgoing.send(Outgoing::Message(Message::text(event.to_string())));
    let _ = outgoing.send(Outgoing::Message(Message::Close(Some(frame))));
    drop(outgoing);
    let now = options.clock.now();
    options.log.report(
        now,
        "openai",
        "refused",
        json!({ "code": error.code, "close": code }),
    );
    {
        let mut record = record.lock().unwrap_or_else(|broken| broken.into_inner());
        record.close = Some(close);
        record.errors.push(super::ErrorRecord {
            time: now,
            code: error.code,
            message: error.message,
            param: error.param,
        });
    }
    let _ = tokio::time::timeout(CLOSE_LIMIT, async {
        while let Some(Ok(_)) = source.next().await {}
    })
    .await;
}

/// What the upgrade request says.
#[derive(Debug, Default)]
pub(crate) struct Client {
    key: Option<String>,
    pub(crate) model: Option<String>,
    beta: bool,
    known_path: bool,
    refused: Option<StatusCode>,
}

impl Callback for &mut Client {
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        if let Some(status) = self.refused {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = status;
            return Err(refusal);
        }
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        self.known_path = request.uri().path() == "/v1/realtime";
        self.beta = header("openai-beta").is_some();
        self.key = header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(|key| key.trim().to_owned());
        for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes())
        {
            if name == "model" {
                self.model = Some(value.into_owned());
            }
        }
        let protocols = header("sec-websocket-protocol").unwrap_or_default();
        for protocol in protocols.split(',').map(str::trim) {
            if protocol == "realtime" {
                let chosen = HeaderValue::from_static("realtime");
                response
                    .headers_mut()
                    .insert("sec-websocket-protocol", chosen);
            } else if let Some(key) = protocol.strip_prefix("openai-insecure-api-key.") {
                self.key = Some(key.to_owned());
            } else if protocol == "openai-beta.realtime-v1" {
                self.beta = true;
            }
        }
        Ok(response)
    }
}

impl Client {
    /// The error and close code for a client that may not come in.
    pub(crate) fn refusal(&self, options: &Options) -> Option<(ApiError, u16)> {
        let key = self.key.as_deref().unwrap_or_default();
        if key.is_empty()
            || options
                .api_key
                .as_deref()
                .is_some_and(|expected| expected != key)
        {
            let message = if key.is_empty() {
                "Missing bearer or basic authentication in header"
            } else {
                "Incorrect API key provided."
            };
            return Some((ApiError::new("invalid_api_key", message), 3000));
        }
        if self.beta {
            let message = "The Realtime Beta API is no longer supported. Please use /v1/realtime \
                           for the GA API.";
            return Some((ApiError::new("beta_api_shape_disabled", message), 4000));
        }
        if !self.known_path {
            let message = "Only /v1/realtime is simulated.";
            return Some((ApiError::new("invalid_url", message), 4000));
        }
        let model = self.model.as_deref().unwrap_or_default();
        if model.is_empty() {
            let message = "You must provide a model parameter.";
            return Some((ApiError::new("missing_model", message).at("model"), 4000));
        }
        if !options.models.is_empty() && !options.models.iter().any(|known| known == model) {
            let message =
                format!("The model `{model}` does not exist or you do not have access to it.");
            return Some((ApiError::new("model_not_found", message).at("model"), 4004));
        }
        None
    }
}

/// Room for one append of 15 MiB in base64.
const MAX_MESSAGE: usize = 24 << 20;
/// So that a client soon notices that nobody reads; enough to catch up afterwards.
const SMALL_BUFFER: usize = 32 << 10;
const UPGRADE_LIMIT: Duration = Duration::from_secs(10);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

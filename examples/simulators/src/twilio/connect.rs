//! The way in to a server's stream.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::http::{UrlParts, signature};
use super::{Fault, Options};
use crate::breaker::Breaker;

/// Performs the upgrade as Twilio does: no query, a signature over the URL as written.
pub(crate) async fn open(
    options: &Options,
    url: &str,
) -> Result<(WebSocketStream<TcpStream>, Breaker), (u32, String)> {
    let parts = UrlParts::new(url).map_err(|error| (31923, error.to_string()))?;
    if parts.scheme != "wss" && !(parts.scheme == "ws" && options.allow_ws) {
        return Err((31922, format!("scheme '{}' is not supported", parts.scheme)));
    }
    let without_query = url.split(['?', '#']).next().unwrap_or(url);
    let path = parts.target.split('?').next().unwrap_or("/");
    let reads_slowly = |fault: &Fault| matches!(fault, Fault::SlowRead(_));
    let receive_buffer = options
        .faults
        .iter()
        .any(reads_slowly)
        .then_some(SMALL_BUFFER);
    let attempt = async {
        let stream = parts
            .connect(options.connect_to.as_deref(), receive_buffer)
            .await
            .map_err(|error| (31902, format!("{error:#}")))?;
        let (stream, breaker) = Breaker::of(stream).map_err(|error| (31902, error.to_string()))?;
        let mut request = format!("ws://{}{path}", parts.authority)
            .into_client_request()
            .map_err(|error| (31923, error.to_string()))?;
        let signature = signature(&options.auth_token, without_query, &[]);
        let signature = signature.parse().expect("base64 is a valid header value");
        request
            .headers_mut()
            .insert("x-twilio-signature", signature);
        let agent = "TwilioMediaStreams/1.0"
            .parse()
            .expect("a valid header value");
        request.headers_mut().insert("user-agent", agent);
        let config = WebSocketConfig::default()
            .read_buffer_size(16 << 10)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_MESSAGE));
        match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok((socket, breaker)),
            Err(WsError::Http(response)) => Err((
                31920,
                format!("the upgrade was answered with {}", response.status()),
            )),
            Err(error) => Err((31920, format!("the upgrade failed: {error}"))),
        }
    };
    match tokio::time::timeout(CONNECT_LIMIT, attempt).await {
        Ok(result) => result,
        Err(_) => Err((31901, "no answer to the upgrade".into())),
    }
}

/// Twilio's own limits are not published. These keep a broken server from filling the memory.
const MAX_MESSAGE: usize = 16 << 20;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// So that a peer soon notices that nobody reads.
const SMALL_BUFFER: u32 = 8 << 10;

//! The server's JSON API, as a client sees it.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::server::API_KEY;

/// What `GET path` answers, as JSON.
///
/// # Errors
/// When there is no answer within 10 s, or it is not 200 with JSON.
pub(crate) async fn get(server: SocketAddr, path: &str) -> anyhow::Result<Value> {
    let body = get_bytes(server, path).await?;
    serde_json::from_slice(&body).with_context(|| format!("{path} answers no JSON"))
}

/// The same as it is.
pub(crate) async fn get_bytes(server: SocketAddr, path: &str) -> anyhow::Result<Vec<u8>> {
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {API_KEY}\r\n\r\n"
    );
    let mut answer = Vec::new();
    let exchange = async {
        let mut socket = TcpStream::connect(server).await?;
        socket.write_all(request.as_bytes()).await?;
        socket.read_to_end(&mut answer).await
    };
    timeout(TIME_LIMIT, exchange)
        .await
        .with_context(|| format!("{path}: no answer"))??;
    let head = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .with_context(|| format!("{path}: no HTTP"))?;
    let body = answer.split_off(head + 4);
    let status = String::from_utf8_lossy(&answer[..head]).into_owned();
    ensure!(
        status.split(' ').nth(1) == Some("200"),
        "{path}: {status}\n{}",
        String::from_utf8_lossy(&body)
    );
    Ok(body)
}

/// What is known of a call once it is over and all is written.
///
/// # Errors
/// When that does not come within 10 s.
pub(crate) async fn finished_call(server: SocketAddr, call_sid: &str) -> anyhow::Result<Value> {
    let path = format!("/api/calls/{call_sid}");
    let mut last = None;
    for _ in 0..200 {
        match get(server, &path).await {
            Ok(call) if is_finished(&call) => return Ok(call),
            answer => last = Some(answer),
        }
        sleep(Duration::from_millis(50)).await;
    }
    match last {
        Some(Ok(call)) => bail!("the call does not end in the database: {call:#}"),
        Some(Err(error)) => Err(error),
        None => bail!("nothing was asked"),
    }
}

fn is_finished(call: &Value) -> bool {
    let recordings = call["recordings"].as_array();
    let is_recorded = recordings.is_some_and(|recordings| {
        let mut statuses = recordings.iter().map(|recording| &recording["status"]);
        statuses.all(|status| status != "in_progress")
    });
    !call["analytics"].is_null() && is_recorded
}

const TIME_LIMIT: Duration = Duration::from_secs(10);

//! The way to the model.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use rustls::{ClientConfig, RootCertStore};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, connect_async_tls_with_config,
    tungstenite::{
        client::IntoClientRequest,
        http::{HeaderValue, header::AUTHORIZATION},
    },
};

use crate::{
    app::App,
    call::{MAX_UNSENT_MODEL, bridge_config},
    peer::{self, Peer},
};

pub(crate) type Stream = MaybeTlsStream<TcpStream>;

/// TLS as every call uses it: ring, and the roots that browsers trust.
pub(crate) fn tls() -> anyhow::Result<Arc<ClientConfig>> {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Opens a WebSocket to the model. A wrong key is not noticed here: the model says so in its first
/// message.
pub(crate) async fn connect(app: Arc<App>) -> anyhow::Result<Box<Peer<Stream>>> {
    let mut request = app.config.openai_url.as_str().into_client_request()?;
    let mut key = HeaderValue::try_from(format!("Bearer {}", app.config.openai_api_key))
        .context("OPENAI_API_KEY has characters that no key has")?;
    key.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, key);
    let config = peer::config(bridge_config(&app).max_openai_len, MAX_UNSENT_MODEL);
    // Without Nagle's delay: every frame of audio is wanted now.
    let connect = connect_async_tls_with_config(
        request,
        Some(config),
        true,
        Some(Connector::Rustls(Arc::clone(&app.tls))),
    );
    match timeout(CONNECT_TIMEOUT, connect).await {
        Ok(connected) => Ok(Box::new(Peer::new(connected?.0))),
        Err(_) => bail!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
    }
}

/// The caller hears nothing meanwhile.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

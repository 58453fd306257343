//! The model's side of a call.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, connect_async_tls_with_config,
    tungstenite::{
        Error,
        client::IntoClientRequest,
        http::{HeaderValue, header::AUTHORIZATION},
        protocol::WebSocketConfig,
    },
};

use crate::{
    app::App,
    call::{MAX_UNSENT_MODEL, bridge_config},
    peer::{self, Incoming, Peer},
};

/// The model's side of a call.
pub(crate) enum Model {
    /// Nobody has asked for it, or it is lost.
    Absent,
    Connecting(Pin<Box<dyn Future<Output = Connected> + Send>>),
    Open(Box<Peer<Stream>>),
}

/// What happens on the model's side.
pub(crate) enum ModelStep {
    Connected(Connected),
    Message(Incoming),
}

type Connected = Result<Box<Peer<Stream>>, Refused>;
pub(crate) type Stream = MaybeTlsStream<TcpStream>;

/// Why there is no connection to the model.
#[derive(Debug)]
pub(crate) struct Refused {
    what: String,
    /// The model's answer to the upgrade, where it was an answer.
    pub(crate) status: Option<u16>,
}

impl Model {
    /// Opens a WebSocket to the model called `name` after `delay`. A wrong key is mostly not noticed here: the model
    /// says so in its first message.
    pub(crate) fn connecting(app: Arc<App>, name: Option<&str>, delay: Duration) -> Self {
        let config = &app.config;
        let url = url(&config.openai_url, name.unwrap_or(&config.openai_model));
        Self::Connecting(Box::pin(async move {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            let limits = peer::config(bridge_config(&app).max_openai_len, MAX_UNSENT_MODEL);
            let connecting = open(&url, &app.config.openai_api_key, &app.tls, limits);
            match timeout(CONNECT_TIMEOUT, connecting).await {
                Ok(peer) => peer.map(Box::new),
                Err(_) => Err(Refused::new(format!(
                    "no answer within {} s",
                    CONNECT_TIMEOUT.as_secs()
                ))),
            }
        }))
    }

    /// The next thing that happens on the model's side; never, where there is none.
    pub(crate) async fn next(&mut self) -> ModelStep {
        match self {
            Self::Absent => std::future::pending().await,
            Self::Connecting(socket) => {
                let socket = socket.await;
                *self = Self::Absent;
                ModelStep::Connected(socket)
            }
            Self::Open(peer) => ModelStep::Message(peer.next().await),
        }
    }

    /// Says goodbye to it, and leaves the rest to a task of its own.
    pub(crate) fn leave(&mut self) {
        if let Self::Open(mut peer) = std::mem::replace(self, Self::Absent) {
            tokio::spawn(async move { peer.close(1000, "").await });
        }
    }
}

impl Refused {
    fn new(what: impl fmt::Display) -> Self {
        Self {
            what: what.to_string(),
            status: None,
        }
    }

    /// Whether another try would get the same answer.
    pub(crate) fn is_final(&self) -> bool {
        self.status.is_some_and(|status| {
            (400..500).contains(&status) && ![408, 409, 425, 429].contains(&status)
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// The endpoint with the model's name in its query.
fn url(endpoint: &str, model: &str) -> String {
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    let model: String = form_urlencoded::byte_serialize(model.as_bytes()).collect();
    format!("{endpoint}{joint}model={model}")
}

/// TLS as every call uses it: ring, and the roots that browsers trust.
pub(crate) fn tls() -> anyhow::Result<Arc<ClientConfig>> {
    client_config(RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    })
}

fn client_config(roots: RootCertStore) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

async fn open(
    url: &str,
    key: &str,
    tls: &Arc<ClientConfig>,
    config: WebSocketConfig,
) -> Result<Peer<Stream>, Refused> {
    let mut request = url.into_client_request().map_err(Refused::new)?;
    // The settings were checked, so that this is a key as keys are.
    let mut key = HeaderValue::try_from(format!("Bearer {key}")).map_err(Refused::new)?;
    key.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, key);
    // Without Nagle's delay: every frame of audio is wanted now.
    let connector = Connector::Rustls(Arc::clone(tls));
    let (socket, _) = connect_async_tls_with_config(request, Some(config), true, Some(connector))
        .await
        .map_err(|error| Refused {
            status: match &error {
                Error::Http(response) => Some(response.status().as_u16()),
                _ => None,
            },
            ..Refused::new(&error)
        })?;
    let bounded = match socket.get_ref() {
        MaybeTlsStream::Plain(socket) => peer::bound_send_buffer(socket),
        MaybeTlsStream::Rustls(stream) => peer::bound_send_buffer(stream.get_ref().0),
        _ => Ok(()),
    };
    bounded.map_err(Refused::new)?;
    Ok(Peer::new(socket))
}

/// The caller hears nothing meanwhile.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::{ServerConfig, pki_types::PrivateKeyDer};
    use tokio::{net::TcpListener, task::JoinHandle};
    use tokio_rustls::TlsAcceptor;
    use tokio_tungstenite::{
        accept_hdr_async,
        tungstenite::{
            handshake::server::{Request, Response},
            http::HeaderMap,
        },
    };

    use super::*;

    fn certificate() -> CertifiedKey<rcgen::KeyPair> {
        generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    /// A model with this certificate that takes one connection and returns its request's headers,
    /// if it got so far.
    async fn model(
        certificate: &CertifiedKey<rcgen::KeyPair>,
    ) -> (u16, JoinHandle<Option<HeaderMap>>) {
        let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let socket = TlsAcceptor::from(Arc::new(config))
                .accept(socket)
                .await
                .ok()?;
            let mut headers = None;
            #[expect(clippy::result_large_err, reason = "the error is tungstenite's choice")]
            let keep = |request: &Request, response: Response| {
                headers = Some(request.headers().clone());
                Ok(response)
            };
            accept_hdr_async(socket, keep).await.ok()?;
            headers
        });
        (port, serving)
    }

    fn trusting(certificate: &CertifiedKey<rcgen::KeyPair>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.cert.der().clone()).unwrap();
        client_config(roots).unwrap()
    }

    #[test]
    fn the_models_name_goes_into_the_query() {
        assert_eq!(
            url("wss://a/v1/realtime", "m&m"),
            "wss://a/v1/realtime?model=m%26m"
        );
        assert_eq!(url("wss://a/v1?x=1", "m"), "wss://a/v1?x=1&model=m");
    }

    #[test]
    fn only_some_answers_are_worth_another_try() {
        let refused = |status| Refused {
            status,
            ..Refused::new("")
        };
        for status in [None, Some(302), Some(408), Some(429), Some(500), Some(503)] {
            assert!(!refused(status).is_final(), "{status:?}");
        }
        for status in [400, 401, 403, 404] {
            assert!(refused(Some(status)).is_final(), "{status}");
        }
    }

    #[tokio::test]
    async fn a_trusted_model_gets_the_key_and_no_beta_header() {
        let certificate = certificate();
        let (port, serving) = model(&certificate).await;
        let url = format!("wss://localhost:{port}/v1/realtime?model=m");
        let tls = trusting(&certificate);
        open(&url, "sk-1", &tls, peer::config(1 << 20, 1 << 20))
            .await
            .unwrap();
        let headers = serving.await.unwrap().expect("a request");
        assert_eq!(headers["authorization"], "Bearer sk-1");
        assert!(!headers.contains_key("openai-beta"));
    }

    #[tokio::test]
    async fn a_model_that_is_not_trusted_never_sees_the_key() {
        let certificate = certificate();
        for (tls, host) in [
            (tls().unwrap(), "localhost"),
            (trusting(&certificate), "127.0.0.1"),
        ] {
            let (port, serving) = model(&certificate).await;
            let url = format!("wss://{host}:{port}/v1/realtime?model=m");
            let refused = open(&url, "sk-1", &tls, peer::config(1 << 20, 1 << 20)).await;
            let error = refused.err().expect("refused").to_string();
            assert!(error.contains("certificate"), "{error}");
            assert_eq!(serving.await.unwrap(), None);
        }
    }
}

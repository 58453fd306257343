//! Signed requests to the server's webhooks.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use sha1::Sha1;
use tokio::net::{TcpSocket, TcpStream};

/// The signature Twilio puts into `X-Twilio-Signature`: HMAC-SHA1 over the URL as written,
/// without a fragment, and over all form fields sorted by name, then by value, each `name` and
/// `value` without separators; a field sent twice with the same value counts once.
///
/// For a WebSocket upgrade `url` is the `wss://` URL of the TwiML and there are no fields.
pub fn signature(auth_token: &str, url: &str, fields: &[(String, String)]) -> String {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(without_fragment(url).as_bytes());
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort();
    sorted.dedup();
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// An answer to [`post`].
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// Posts a form as Twilio does. `connect_to` replaces the host and port of the URL for the TCP
/// connection only; the URL is what is signed and named in `Host`.
pub(crate) async fn post(
    url: &str,
    connect_to: Option<&str>,
    auth_token: &str,
    idempotency_token: &str,
    fields: &[(String, String)],
) -> Result<Answer> {
    tokio::time::timeout(TIME_LIMIT, async {
        let url_parts = UrlParts::new(url)?;
        let stream = url_parts.connect(connect_to, None).await?;
        let (mut sender, connection) = Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await?;
        let driver = tokio::spawn(connection);
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = hyper::Request::post(url_parts.target)
            .header("Host", url_parts.authority)
            .header(
                "Content-Type",
                "application/x-www-form-urlencoded; charset=UTF-8",
            )
            .header("User-Agent", "TwilioProxy/1.1")
            .header("Accept", "*/*")
            .header("X-Twilio-Signature", signature(auth_token, url, fields))
            .header("I-Twilio-Idempotency-Token", idempotency_token)
            .body(Full::new(Bytes::from(body)))?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let content_type = response
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let body = Limited::new(response.into_body(), MAX_BODY)
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!("cannot read the answer: {error}"))?;
        driver.abort();
        let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok(Answer {
            status,
            content_type,
            body,
        })
    })
    .await
    .context("no answer within 15 s")?
}

/// The parts of an absolute URL that matter to a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UrlParts<'url> {
    pub(super) scheme: &'url str,
    pub(super) authority: &'url str,
    /// Path and query; never empty.
    pub(super) target: &'url str,
}

impl<'url> UrlParts<'url> {
    pub(super) fn new(url: &'url str) -> Result<Self> {
        let (scheme, rest) = without_fragment(url)
            .split_once("://")
            .context("the URL is not absolute")?;
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(authority_end);
        ensure!(!authority.is_empty(), "the URL names no host");
        let target = if target.is_empty() { "/" } else { target };
        Ok(Self {
            scheme,
            authority,
            target,
        })
    }

    /// Opens a TCP connection to `connect_to`, or else to the URL's own host. `receive_buffer` is its
    /// size in bytes, if not the system's choice.
    pub(super) async fn connect(
        &self,
        connect_to: Option<&str>,
        receive_buffer: Option<u32>,
    ) -> Result<TcpStream> {
        let address = match connect_to {
            Some(address) => address.to_owned(),
            None if matches!(self.scheme, "https" | "wss") => bail!(
                "no TLS here: say with connect-to where the server behind {} listens",
                self.authority
            ),
            None if self
                .authority
                .rsplit(']')
                .next()
                .is_some_and(|rest| rest.contains(':')) =>
            {
                self.authority.to_owned()
            }
            None => format!("{}:80", self.authority),
        };
        connect(&address, receive_buffer)
            .await
            .with_context(|| format!("cannot connect to {address}"))
    }
}

/// Connects with a small send buffer: one that grows would hide for minutes that a server does
/// not read.
async fn connect(address: &str, receive_buffer: Option<u32>) -> Result<TcpStream> {
    let mut result = Err(anyhow::anyhow!("the name has no address"));
    for address in tokio::net::lookup_host(address).await? {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_send_buffer_size(SEND_BUFFER)?;
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.set_nodelay(true)?;
        match socket.connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => result = Err(error.into()),
        }
    }
    result
}

/// `reference` as seen from the document at `base`: absolute, from the root, or relative.
pub(super) fn resolve(base: &str, reference: &str) -> String {
    if reference.contains("://") || reference.is_empty() {
        return if reference.is_empty() {
            base.to_owned()
        } else {
            reference.to_owned()
        };
    }
    let Ok(parts) = UrlParts::new(base) else {
        return reference.to_owned();
    };
    let origin = format!("{}://{}", parts.scheme, parts.authority);
    if reference.starts_with('/') {
        return format!("{origin}{reference}");
    }
    let path = parts.target.split('?').next().unwrap_or("/");
    let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
    format!("{origin}{folder}{reference}")
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or(url)
}

/// Source: Twilio errors 11200 and 11205.
const TIME_LIMIT: Duration = Duration::from_secs(15);
const SEND_BUFFER: u32 = 64 << 10;
/// Source: Twilio error 11750, TwiML longer than 64 KB.
const MAX_BODY: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|&(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn signatures_equal_those_of_the_official_helper_library() {
        let form = fields(&[
            ("To", "+18005551212"),
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
        ]);
        let url = "https://example.com/myapp?foo=1&bar=2";
        assert_eq!(
            signature("12345", url, &form),
            "GPSRTlODYHi4+bX3Qs97BVmS45M="
        );
        assert_eq!(
            signature("12345", "wss://voice.example.com/media#rc=2", &[]),
            "jFDHVhI8XO69C49uXR3xmdZPylY="
        );
        let repeated = fields(&[("A", "b"), ("A", "a"), ("A", "a")]);
        assert_eq!(
            signature("12345", "https://example.com/a", &repeated),
            "kFgkHiK3Q5/s3qmHSueoVM3mjKY="
        );
    }

    #[test]
    fn references_resolve_against_the_document_that_holds_them() {
        let base = "https://example.com/a/b?c=/d";
        assert_eq!(
            resolve(base, "wss://other.example/x"),
            "wss://other.example/x"
        );
        assert_eq!(resolve(base, "/x?y"), "https://example.com/x?y");
        assert_eq!(resolve(base, "x"), "https://example.com/a/x");
        assert_eq!(resolve(base, ""), base);
        assert_eq!(resolve("https://example.com", "x"), "https://example.com/x");
    }

    #[test]
    fn a_url_is_cut_into_what_a_client_needs() {
        let parts = UrlParts::new("wss://host:8443/a?b#c").expect("valid");
        assert_eq!(
            (parts.scheme, parts.authority, parts.target),
            ("wss", "host:8443", "/a?b")
        );
        assert!(UrlParts::new("/only/a/path").is_err());
        assert!(UrlParts::new("https:///path").is_err());
    }
}

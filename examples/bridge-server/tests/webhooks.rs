//! The model's functions that live elsewhere, on real sockets: what they are sent, what they may answer, and where
//! they may not be.

#[path = "common/office.rs"]
mod office;
#[path = "common/postgres.rs"]
mod postgres;

use std::{
    env,
    net::SocketAddr,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use futures_util::stream;
use office::{SECRET, admission, answer, failure, settings_for, success, tls};
use postgres::{Database, sqlite};
use rcgen::generate_simple_self_signed;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::{RootCertStore, ServerConfig, pki_types::PrivateKeyDer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use trunkline_bridge_server::{
    agent::Tool,
    store::Store,
    tools::{Limits, Outcome, Settings, Tools},
};

/// A service, and the requests it has had.
struct Service {
    address: SocketAddr,
    requests: Requests,
}

type Requests = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Requests::default();
        let router = Router::new()
            .route("/{case}", post(reply))
            .route("/elsewhere/{case}", any(reply))
            .with_state(requests.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, requests }
    }

    fn paths(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(path, ..)| path.clone()).collect()
    }
}

async fn reply(
    State(requests): State<Requests>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    requests
        .lock()
        .unwrap()
        .push((uri.path().to_owned(), headers, body));
    let forever = |first: &'static [u8], then: Duration| {
        let pieces = stream::unfold(first, move |piece| async move {
            if piece.is_empty() {
                tokio::time::sleep(then).await;
            }
            Some((
                Ok::<_, std::io::Error>(piece),
                if then.is_zero() { piece } else { &[] },
            ))
        });
        Body::from_stream(pieces)
    };
    match uri.path().trim_start_matches('/') {
        "json" => r#"{ "found": true, "id": 12345678901234567890123 }"#.into_response(),
        "text" => "Two patients: \"Ada\" and \"Bob\".".into_response(),
        "bytes" => b"caf\xE9 \xFF".into_response(),
        "empty" => StatusCode::NO_CONTENT.into_response(),
        "long" => "é".repeat(20_000).into_response(),
        "redirect" => {
            (StatusCode::FOUND, [(header::LOCATION, "/elsewhere/secret")]).into_response()
        }
        "redirect-307" => (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, "/elsewhere/secret")],
        )
            .into_response(),
        "broken" => (StatusCode::INTERNAL_SERVER_ERROR, "stack trace: …").into_response(),
        "refused" => (StatusCode::UNPROCESSABLE_ENTITY, "no such month").into_response(),
        "slow" => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            "too late".into_response()
        }
        "half" => forever(b"half of it", Duration::from_secs(60)).into_response(),
        "endless" => forever(&[b'x'; 1_000], Duration::ZERO).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn webhook(url: &str, timeout_ms: Option<u64>) -> Tool {
    Tool::Webhook {
        name: "find_patient".to_owned(),
        description: "Finds a patient.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": { "name": { "type": "string" } },
            "required": ["name"],
            "additionalProperties": false,
        }),
        url: url.to_owned(),
        timeout_ms,
    }
}

/// Functions that may call `hosts`, and the database they do not use.
async fn tools(settings: Settings) -> (Tools, Database) {
    let database = sqlite();
    let store = Store::open(&database.url).await.unwrap();
    (Tools::new(store, settings).unwrap(), database)
}

async fn call(tools: &Tools, url: &str, timeout_ms: Option<u64>) -> Outcome {
    let admission = admission(vec![webhook(url, timeout_ms)]);
    let arguments = r#"{"name":"Löwe"}"#;
    tools
        .run(&admission, "call_1", "find_patient", arguments)
        .await
}

/// HMAC-SHA256 by the letter of RFC 2104, apart from the library that the server uses.
fn hmac(key: &[u8], text: &[u8]) -> String {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |byte: u8| block.map(|key| key ^ byte);
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(text)
        .finalize();
    let outer = Sha256::new()
        .chain_update(pad(0x5C))
        .chain_update(inner)
        .finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_service_gets_a_signed_request_and_the_model_its_answer() {
    let service = Service::start().await;
    let (tools, _database) = tools(settings_for(&[&service.address.to_string()], None)).await;
    let outcome = call(&tools, &format!("http://{}/json", service.address), None).await;
    let output = r#"{ "found": true, "id": 12345678901234567890123 }"#.to_owned();
    assert_eq!(
        outcome,
        Outcome::Answer {
            output,
            failed: false
        }
    );

    let requests = service.requests.lock().unwrap();
    let [(_, headers, body)] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["idempotency-key"], "call_1");
    let timestamp = headers["x-trunkline-timestamp"].to_str().unwrap();
    let age = jiff::Timestamp::now().as_second() - timestamp.parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "{timestamp} is {age} s ago");
    let signed = [timestamp.as_bytes(), b".", body].concat();
    let signature = format!("v1={}", hmac(SECRET.as_bytes(), &signed));
    assert_eq!(headers["x-trunkline-signature"], signature);
    assert_eq!(
        serde_json::from_slice::<Value>(body).unwrap(),
        json!({
            "callId": "0199c0de-0000-7000-8000-000000000001",
            "callSid": "CA33333333333333333333333333333333",
            "toolCallId": "call_1",
            "name": "find_patient",
            "arguments": { "name": "Löwe" },
        })
    );
}

#[tokio::test]
async fn whatever_a_service_answers_the_model_gets_bounded_json() {
    let service = Service::start().await;
    let (tools, _database) = tools(settings_for(&[&service.address.to_string()], None)).await;
    let url = |path: &str| format!("http://{}/{path}", service.address);
    for (path, expected) in [
        (
            "text",
            json!({ "text": "Two patients: \"Ada\" and \"Bob\"." }),
        ),
        ("bytes", json!({ "text": "caf\u{FFFD} \u{FFFD}" })),
        ("empty", json!({ "done": true })),
    ] {
        assert_eq!(
            success(call(&tools, &url(path), None).await),
            expected,
            "{path}"
        );
    }
    for path in ["long", "endless"] {
        let outcome = call(&tools, &url(path), None).await;
        let Outcome::Answer { ref output, .. } = outcome else {
            panic!("{outcome:?}");
        };
        let limit = Limits::default().max_output;
        assert!(
            output.len() <= limit && output.len() > limit - 4,
            "{path}: {}",
            output.len()
        );
        let answer = success(outcome);
        assert!(answer["note"].is_string(), "{path}");
        let text = answer["text"].as_str().unwrap();
        assert!(
            text.chars().all(|character| matches!(character, 'é' | 'x')),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_read_in_part_says_so_even_if_it_is_short() {
    let service = Service::start().await;
    let settings = settings_for(&[&service.address.to_string()], None);
    let limits = Limits {
        max_body: 1_001,
        ..Limits::default()
    };
    let (tools, _database) = tools(Settings { limits, ..settings }).await;
    let answer = success(call(&tools, &format!("http://{}/long", service.address), None).await);
    assert_eq!(answer["text"], "é".repeat(500), "no half of a character");
    assert!(answer["note"].is_string());
}

#[tokio::test]
async fn only_success_is_success() {
    let service = Service::start().await;
    let (tools, _database) = tools(settings_for(&[&service.address.to_string()], None)).await;
    let url = |path: &str| format!("http://{}/{path}", service.address);
    for path in ["broken", "redirect", "redirect-307"] {
        let error = failure(call(&tools, &url(path), None).await);
        assert!(error.contains("does not work"), "{path}: {error}");
        assert!(!error.contains("stack trace"));
    }
    let (refused, failed) = answer(call(&tools, &url("refused"), None).await);
    assert!(
        failed && refused["error"].as_str().unwrap().contains("422"),
        "{refused}"
    );
    assert_eq!(refused["detail"], "no such month");
    let (missing, _) = answer(call(&tools, &url("missing"), None).await);
    assert!(missing["error"].as_str().unwrap().contains("404"));
    assert!(
        !service.paths().iter().any(|path| path.contains("secret")),
        "redirects are not followed"
    );
}

#[tokio::test]
async fn a_service_that_is_slow_or_away_is_given_up() {
    let service = Service::start().await;
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let deaf_at = deaf.local_addr().unwrap();
    let hosts = [service.address, gone, deaf_at].map(|address| address.to_string());
    let hosts = hosts.each_ref().map(String::as_str);
    let settings = settings_for(&hosts, None);
    let limits = Limits {
        max_webhook_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let (tools, _database) = tools(Settings { limits, ..settings }).await;
    for (url, timeout_ms) in [
        (format!("http://{}/slow", service.address), Some(100)),
        (format!("http://{}/half", service.address), Some(100)),
        // More than the server allows.
        (format!("http://{}/slow", service.address), Some(30_000)),
        (format!("http://{deaf_at}/"), None),
        (format!("https://{deaf_at}/"), None),
    ] {
        let error = failure(call(&tools, &url, timeout_ms).await);
        assert!(error.contains("not answer in time"), "{url}: {error}");
    }
    let (patient, _database) = self::tools(settings_for(&hosts, None)).await;
    let error = failure(call(&patient, &format!("http://{gone}/"), None).await);
    assert!(error.contains("does not work"), "{error}");
    let nonsense = tokio::spawn(async move {
        let (mut socket, _) = deaf.accept().await.unwrap();
        while let Ok((mut next, _)) = deaf.accept().await {
            // Reading first, so that what is written is not cut short by a reset.
            let _ = next.read(&mut [0; 1_024]).await;
            let _ = next.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
            let _ = socket.shutdown().await;
        }
    });
    let error = failure(call(&tools, &format!("http://{deaf_at}/"), None).await);
    assert!(!error.contains("SSH"), "{error}");
    nonsense.abort();
}

#[tokio::test]
async fn wrong_arguments_and_a_missing_key_never_leave_the_server() {
    let service = Service::start().await;
    let host = service.address.to_string();
    let url = format!("http://{host}/json");
    let (tools, _database) = tools(settings_for(&[&host], None)).await;
    let admission = admission(vec![webhook(&url, None)]);
    for arguments in ["", "{", "[]", r#"{"name":7}"#, r#"{"name":"x","age":1}"#] {
        let outcome = tools
            .run(&admission, "call_1", "find_patient", arguments)
            .await;
        assert!(failure(outcome).contains("arguments"), "{arguments}");
    }
    let settings = Settings {
        webhook_secret: None,
        ..settings_for(&[&host], None)
    };
    let (keyless, _database) = self::tools(settings).await;
    failure(call(&keyless, &url, None).await);
    assert_eq!(service.paths(), [""; 0]);
}

#[tokio::test]
async fn nothing_is_sent_into_the_servers_own_network() {
    let service = Service::start().await;
    let (tools, _database) = tools(settings_for(&[], None)).await;
    let port = service.address.port();
    for url in [
        format!("http://{}/json", service.address),
        format!("https://{}/json", service.address),
        format!("http://localhost:{port}/json"),
        format!("http://2130706433:{port}/json"),
        format!("http://[::ffff:127.0.0.1]:{port}/json"),
        "https://localhost:8443/json".to_owned(),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let error = failure(call(&tools, &url, None).await);
        assert!(error.contains("does not work"), "{url}: {error}");
    }
    assert_eq!(service.paths(), [""; 0]);
}

/// Gives other addresses each time it is asked.
struct Rebinding {
    answers: Vec<&'static str>,
    /// Connected to where the URL names no port.
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Resolve for Rebinding {
    fn resolve(&self, _: Name) -> Resolving {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let addresses: Vec<SocketAddr> = self.answers[asked % self.answers.len()]
            .split(' ')
            .map(|address| SocketAddr::new(address.parse().unwrap(), self.port))
            .collect();
        Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_found_out_each_time_it_is_resolved() {
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let resolver = Rebinding {
        answers: vec![
            "127.0.0.1",
            "::ffff:127.0.0.1",
            "10.0.0.1",
            "::1",
            "169.254.169.254",
            "64:ff9b::7f00:1",
            // One good address does not excuse the other.
            "127.0.0.1 8.8.8.8",
            "8.8.8.8 127.0.0.1",
        ],
        port: inside.local_addr().unwrap().port(),
        asked: asked.clone(),
    };
    let (tools, _database) = tools(settings_for(&[], Some(Arc::new(resolver)))).await;
    for number in 1..=8 {
        let error = failure(call(&tools, "https://rebind.example/", None).await);
        assert!(error.contains("does not work"), "{number}: {error}");
        assert_eq!(
            asked.load(Ordering::Relaxed),
            number,
            "the look-up that is checked is the only one"
        );
    }
    // All that has connected is in the queue by now.
    let connected = tokio::time::timeout(Duration::from_millis(50), inside.accept()).await;
    assert!(connected.is_err(), "{connected:?}");
}

#[tokio::test]
async fn a_service_with_a_certificate_is_reached_by_its_name_and_no_other_is() {
    let certificate = generate_simple_self_signed(["hooks.example".to_owned()]).unwrap();
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
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut socket) = acceptor.accept(socket).await else {
                continue;
            };
            let _ = socket.read(&mut [0; 4_096]).await;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n42";
            let _ = socket.write_all(answer).await;
            let _ = socket.shutdown().await;
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(certificate.cert.der().clone()).unwrap();
    let hosts = [
        format!("hooks.example:{port}"),
        format!("other.example:{port}"),
    ];
    let hosts = hosts.each_ref().map(String::as_str);
    let resolver = || -> Arc<dyn Resolve> {
        Arc::new(Rebinding {
            answers: vec!["127.0.0.1"],
            port: 0,
            asked: Arc::default(),
        })
    };
    let settings = Settings {
        tls: tls(roots),
        ..settings_for(&hosts, Some(resolver()))
    };
    let (trusting, _database) = tools(settings).await;
    let url = format!("https://hooks.example:{port}/");
    assert_eq!(success(call(&trusting, &url, None).await), 42);
    failure(call(&trusting, &format!("https://other.example:{port}/"), None).await);
    let (distrustful, _database) = tools(settings_for(&hosts, Some(resolver()))).await;
    failure(call(&distrustful, &url, None).await);
}

#[test]
fn a_proxy_of_the_environment_is_not_asked() {
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "a_service_gets_a_signed_request_and_the_model_its_answer",
        ])
        .envs(["http_proxy", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1")))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

//! Whether the server says how it is.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixStream},
    sync::watch,
};
use trunkline_bridge_server::{
    api::{self, CallCount, Health, Readiness},
    store::Store,
};

use crate::{
    postgres::{Directory, databases, postgres, sqlite},
    stage::{Stage, serve, until},
};

fn status(report: &Value, name: &str) -> Value {
    let all = report["dependencies"].as_array().expect("a list");
    let found = all.iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report}"))["status"].clone()
}

#[tokio::test]
async fn a_server_that_has_all_it_needs_is_ready() {
    for database in databases() {
        let stage = Stage::set(database).await;
        // Nobody needs the key for it.
        let request = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let report = stage.raw(request.as_bytes()).await.json(200);
        assert_eq!(report["status"], "ok");
        assert_eq!(
            (&report["live"], &report["ready"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(
            (&report["calls"], &report["callLimit"]),
            (&json!(3), &json!(100))
        );
        assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
        assert!(report["uptimeSeconds"].is_u64());
        for name in ["database", "recordings", "model"] {
            assert_eq!(status(&report, name), "up", "{name} on {}", stage.name);
        }
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_told() {
    let stage = Stage::set(sqlite()).await;
    assert_eq!(stage.get("/health").await.status, 200);
    let directory = stage.recordings.path();
    std::fs::remove_dir_all(directory).unwrap();
    until("it is told", async || {
        let answer = stage.get("/health").await;
        answer.status == 503 && status(&answer.json(503), "recordings") == "down"
    })
    .await;
    std::fs::create_dir(directory).unwrap();
    until("it is well again", async || {
        stage.get("/health").await.status == 200
    })
    .await;
    assert_eq!(
        std::fs::read_dir(directory).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

#[tokio::test]
async fn a_server_that_ends_or_knows_no_model_is_not_ready() {
    let database = sqlite();
    let directory = Directory::new("tl-health");
    for (is_draining, is_model_configured, word) in
        [(true, true, "draining"), (false, false, "unavailable")]
    {
        let health = Health::new(Readiness {
            store: Store::open(&database.url).await.unwrap(),
            directories: vec![("journal", directory.path().to_owned())],
            is_model_configured,
            calls: Box::new(move || CallCount {
                active: 0,
                limit: 1,
                is_draining,
            }),
        });
        let address = serve(api::around(health.router())).await;
        let mut stage = Stage::set(sqlite()).await;
        stage.address = address;
        let report = stage.get("/health").await.json(503);
        assert_eq!(
            (&report["status"], &report["ready"]),
            (&json!(word), &json!(false))
        );
        assert_eq!(status(&report, "model") == "up", is_model_configured);
    }
}

#[tokio::test]
async fn a_database_that_hangs_holds_nobody_up() {
    let mut database = postgres();
    let (url, talks) = through_a_proxy(&database.url).await;
    database.url = url;
    let stage = Stage::set(database).await;
    stage.get("/health").await.json(200);
    // As behind a firewall that has forgotten the connections: nothing is refused, nothing is answered.
    talks.send_replace(false);
    until("it is told", async || {
        let began = Instant::now();
        let answer = stage.get("/health").await;
        // Balancers give up after a second or two; a second is promised, the rest is for this machine.
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "{:?}",
            began.elapsed()
        );
        answer.status == 503 && status(&answer.json(503), "database") == "down"
    })
    .await;
    let asking = (0..20).map(|_| stage.get("/health"));
    let began = Instant::now();
    for answer in futures_util::future::join_all(asking).await {
        answer.json(503);
    }
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    let problem = stage.get("/api/calls").await.problem(503);
    assert_eq!(
        problem["type"],
        "urn:problem-type:trunkline:database-unavailable"
    );
    talks.send_replace(true);
    until("it is ready again", async || {
        stage.get("/health").await.status == 200
    })
    .await;
}

/// The same database behind something that passes bytes on as long as it is told to.
async fn through_a_proxy(url: &str) -> (String, watch::Sender<bool>) {
    let (head, directory) = url.split_once("?host=").expect("a socket's directory");
    let socket = format!("{directory}/.s.PGSQL.5432");
    let name = head.rsplit('/').next().expect("a name");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let talks = watch::Sender::new(true);
    let gate = talks.subscribe();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = UnixStream::connect(&socket).await.expect("it runs");
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::spawn(pass_on(near_in, far_out, gate.clone()));
            tokio::spawn(pass_on(far_in, near_out, gate.clone()));
        }
    });
    let url = format!("postgres://postgres@127.0.0.1:{port}/{name}?sslmode=disable");
    (url, talks)
}

async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut gate: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 8 << 10];
    while let Ok(len @ 1..) = from.read(&mut bytes).await {
        if gate.wait_for(|talks| *talks).await.is_err()
            || to.write_all(&bytes[..len]).await.is_err()
        {
            return;
        }
    }
}

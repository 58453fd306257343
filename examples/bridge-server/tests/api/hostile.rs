//! What no honest client sends.

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    postgres::{databases, sqlite},
    stage::{KEY, Stage},
};

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_the_next_request_served() {
    let stage = Stage::set(sqlite()).await;
    let instructions = "x".repeat(300 << 10);
    let body = json!({ "name": "a", "instructions": instructions });
    stage.send("POST", "/api/agents", &body).await.problem(413);
    // Nothing says beforehand how long it is.
    let mut chunked = format!(
        "POST /api/agents HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    for _ in 0..40 {
        chunked.push_str(&format!("2000\r\n{}\r\n", " ".repeat(0x2000)));
    }
    chunked.push_str("0\r\n\r\n");
    stage.raw(chunked.as_bytes()).await.problem(413);
    let lies = format!(
        "POST /api/agents HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
    );
    stage.raw(lies.as_bytes()).await.problem(413);
    stage.get("/api/calls").await.json(200);
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let stage = Stage::set(sqlite()).await;
    let json = [("Content-Type", "application/json")];
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(40_000), close.repeat(40_000));
        stage
            .ask("POST", "/api/agents", &json, &deep)
            .await
            .problem(400);
    }
    let nested = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let body = format!(
        r#"{{"name":"a","instructions":"b","turnDetection":{{"type":"server_vad","x":{nested}}}}}"#
    );
    let answer = stage.ask("POST", "/api/agents", &json, &body).await;
    assert_eq!(answer.places(422), ["#/turnDetection"]);
}

#[tokio::test]
async fn thousands_of_wrong_fields_are_answered_in_brief() {
    let stage = Stage::set(sqlite()).await;
    let fields: Vec<String> = (0..20_000).map(|n| format!(r#""f{n}":1"#)).collect();
    let body = format!("{{{}}}", fields.join(","));
    let json = [("Content-Type", "application/json")];
    let answer = stage.ask("POST", "/api/agents", &json, &body).await;
    assert_eq!(answer.places(422).len(), 100);
    assert!(answer.body.len() < 20_000, "{}", answer.body.len());
    let query: String = (0..2_000).map(|n| format!("f{n}=1&")).collect();
    assert_eq!(
        stage
            .get(&format!("/api/calls?{query}"))
            .await
            .places(400)
            .len(),
        100
    );
}

#[tokio::test]
async fn paths_lead_nowhere_but_where_they_say() {
    for database in databases() {
        let stage = Stage::set(database).await;
        for path in [
            "/api/calls/..%2f..%2fetc%2fpasswd/recording",
            "/api/calls/../../etc/passwd",
            "/api/calls/%2e%2e/recording",
            "/api/calls//recording",
            "/api/calls/%00/recording",
            "/api/docs/../../etc/passwd",
            "/api/docs/..%2f..%2fetc%2fpasswd",
            "/api/docs/%2e%2e/%2e%2e/Cargo.toml",
            "/api/agents/' OR '1'='1".replace(' ', "%20").as_str(),
            "/api/numbers/%2B1%00",
            "/api/docs/../calls",
        ] {
            stage.get(path).await.problem(404);
        }
        stage.get("/api/calls/%ff").await.problem(400);
        let long = format!("/api/calls/{}", "a".repeat(20_000));
        let answer = stage.get(&long).await;
        assert_eq!(answer.status, 404);
        assert!(answer.body.len() < 1_000);
    }
}

#[tokio::test]
async fn no_page_of_the_document_opens_what_needs_the_key() {
    let stage = Stage::set(sqlite()).await;
    for path in [
        "/api/docs/../calls",
        "/api/docs/..%2fcalls",
        "/api//docs/../calls",
        "//api/calls",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let status = stage.raw(request.as_bytes()).await.status;
        assert!(matches!(status, 401 | 404), "{path}: {status}");
    }
}

#[tokio::test]
async fn floods_of_headers_are_refused() {
    let stage = Stage::set(sqlite()).await;
    let head = format!(
        "GET /api/calls HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n"
    );
    let many: String = (0..5_000).map(|n| format!("X-{n}: 1\r\n")).collect();
    assert_eq!(
        stage
            .raw(format!("{head}{many}\r\n").as_bytes())
            .await
            .status,
        431
    );
    let long = format!("{head}X: {}\r\n\r\n", "x".repeat(2 << 20));
    assert_eq!(stage.raw(long.as_bytes()).await.status, 431);
    let range = format!("{head}Range: bytes={}\r\n\r\n", "0-1,".repeat(20_000));
    assert!(matches!(
        stage.raw(range.as_bytes()).await.status,
        200 | 431
    ));
    for bad in [
        "GARBAGE\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "\0\0\0\r\n\r\n",
    ] {
        assert_eq!(stage.raw(bad.as_bytes()).await.status, 400, "{bad:?}");
    }
    let bytes = [
        head.as_bytes(),
        b"Last-Event-ID: \xff\xfe\r\nRange: \xff\r\n\r\n",
    ]
    .concat();
    assert_eq!(stage.raw(&bytes).await.status, 200);
    stage.get("/api/calls").await.json(200);
}

#[tokio::test]
async fn whoever_hangs_up_in_the_middle_harms_nobody() {
    let stage = Stage::set(sqlite()).await;
    for _ in 0..50 {
        let mut socket = TcpStream::connect(stage.address).await.unwrap();
        let request = format!(
            "POST /api/agents HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n\
             Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"name\""
        );
        socket.write_all(request.as_bytes()).await.unwrap();
    }
    assert_eq!(stage.get("/api/agents").await.json(200)["items"], json!([]));
}

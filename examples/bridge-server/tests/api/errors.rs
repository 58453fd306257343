//! Errors, which all have one shape, and the key.

use serde_json::json;

use crate::{
    postgres::{Postgres, databases, sqlite},
    stage::{Answer, ID, KEY, Stage, until},
};

/// Sends a request with these lines instead of the key.
async fn with(stage: &Stage, path: &str, lines: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n");
    stage.raw(request.as_bytes()).await
}

#[tokio::test]
async fn nothing_is_told_without_the_key() {
    let stage = Stage::set(sqlite()).await;
    for path in [
        "/api/calls",
        "/api/calls/1",
        "/api/calls/1/recording",
        "/api/analytics",
        "/api/agents",
        "/api/numbers/+15550100",
        "/api/status",
        "/api/nothing/here",
        "/api",
        "/metrics",
    ] {
        for lines in [
            "",
            "Authorization: Bearer another\r\n",
            "Authorization: Basic YTpi\r\n",
            &format!("Authorization: {KEY}\r\n"),
            &format!("X-Api-Key: {KEY}\r\n"),
            &format!("Authorization: Bearer {KEY}\r\nAuthorization: Bearer {KEY}\r\n"),
        ] {
            let answer = with(&stage, path, lines).await;
            answer.problem(401);
            assert!(
                answer.header("www-authenticate").starts_with("Bearer"),
                "{path}"
            );
            assert!(!answer.text().contains(KEY));
        }
        let with_query = with(&stage, &format!("{path}?key={KEY}"), "").await;
        let problem = with_query.problem(401);
        assert_eq!(problem["instance"], path, "a query may hold anything");
    }
    let delete = "DELETE /api/agents/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stage.raw(delete.as_bytes()).await.problem(401);
    let right = format!("authorization: bearer {KEY}\r\n");
    assert_eq!(with(&stage, "/api/calls", &right).await.status, 200);
}

#[tokio::test]
async fn the_figures_of_prometheus_can_be_left_open() {
    let stage = Stage::set_with(sqlite(), true, 1).await;
    let answer = with(&stage, "/metrics", "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("trunkline_calls_active"));
    with(&stage, "/api/calls", "").await.problem(401);
    with(&stage, "/metrics/", "").await.problem(404);
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let stage = Stage::set(sqlite()).await;
    stage.get("/nothing").await.problem(404);
    stage.get("/api/nothing").await.problem(404);
    let wrong_method = stage.ask("PATCH", "/api/agents", &[], "").await;
    wrong_method.problem(405);
    assert_eq!(wrong_method.header("allow"), "GET,HEAD,POST");
    stage.get("/panic").await.problem(500);
    stage.get("/api/docs/nothing.js").await.problem(404);

    let json = [("Content-Type", "application/json")];
    for (headers, body, status) in [
        (&json[..], "", 400),
        (&json, "{", 400),
        (&json, "{\"name\":\"a\"} x", 400),
        (&json, "\u{feff}{}", 400),
        (&json, "{\"a\":\"\\ud800\"}", 400),
        (&json, "null", 422),
        (&json, "{}", 422),
        (&[("Content-Type", "text/plain")], "{}", 415),
        (
            &[("Content-Type", "application/x-www-form-urlencoded")],
            "a=b",
            415,
        ),
        (&[], "{}", 415),
    ] {
        let answer = stage.ask("POST", "/api/agents", headers, body).await;
        answer.problem(status);
    }
    let vendor = [(
        "Content-Type",
        "application/merge-patch+json; charset=utf-8",
    )];
    let body = json!({ "name": "a", "instructions": "b" }).to_string();
    let answer = stage.ask("POST", "/api/agents", &vendor, &body).await;
    answer.json(201);
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_told_whole() {
    for database in databases() {
        let stage = Stage::set(database).await;
        for (query, places) in [
            ("limit=0", &["limit"] as &[_]),
            ("limit=201", &["limit"]),
            ("limit=99999999999999999999999999", &["limit"]),
            ("limit=1e2", &["limit"]),
            ("limit=", &["limit"]),
            ("offset=-1", &["offset"]),
            ("offset=9223372036854775808", &["offset"]),
            ("limit=1&limit=1", &["limit"]),
            ("sentiment=angry&status=over", &["sentiment", "status"]),
            ("q=%ff%fe", &["q"]),
            ("q=a%00b", &["q"]),
            ("caller=%00", &["caller"]),
            ("startDate=2026-02-30", &["startDate"]),
            ("startDate=2026-11-29&endDate=2026-11-28", &["endDate"]),
            ("colour=red&limit=-5", &["limit", "colour"]),
        ] {
            let answer = stage.get(&format!("/api/calls?{query}")).await;
            assert_eq!(answer.places(400), places, "{query} on {}", stage.name);
        }
        let words = format!("/api/calls?q={}", "word+".repeat(200));
        assert_eq!(stage.get(&words).await.places(400), ["q"]);
    }
}

#[tokio::test]
async fn while_the_database_is_away_that_is_what_is_said() {
    let postgres = Postgres::start_new();
    let stage = Stage::set(postgres.database()).await;
    stage.get("/api/calls").await.json(200);
    postgres.stop();
    for path in ["/api/calls", "/api/agents", &format!("/api/calls/{ID}")] {
        let answer = stage.get(path).await;
        let problem = answer.problem(503);
        assert_eq!(
            problem["type"],
            "urn:problem-type:trunkline:database-unavailable"
        );
        assert_eq!(answer.header("retry-after"), "5");
        assert!(!answer.text().contains("postgres"), "{}", answer.text());
    }
    let headers = [("Last-Event-ID", "0")];
    stage
        .ask("GET", "/api/status", &headers, "")
        .await
        .problem(503);
    let health = stage.get("/health").await.json(503);
    assert_eq!(
        (&health["live"], &health["ready"]),
        (&json!(true), &json!(false))
    );
    postgres.start();
    until("it comes back", async || {
        stage.get("/api/calls").await.status == 200
    })
    .await;
    until("it is ready", async || {
        stage.get("/health").await.status == 200
    })
    .await;
}

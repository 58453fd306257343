//! The document, the page that shows it, and the figures.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{postgres::sqlite, stage::Stage};

/// What the API promises: one line per operation.
const OPERATIONS: &[&str] = &[
    "DELETE /api/agents/{id}",
    "DELETE /api/numbers/{number}",
    "DELETE /api/prices/{id}",
    "DELETE /api/slots/{id}",
    "GET /api/agents",
    "GET /api/agents/{id}",
    "GET /api/analytics",
    "GET /api/calls",
    "GET /api/calls/{id}",
    "GET /api/calls/{id}/recording",
    "GET /api/numbers",
    "GET /api/numbers/{number}",
    "GET /api/prices",
    "GET /api/prices/{id}",
    "GET /api/slots",
    "GET /api/slots/{id}",
    "GET /api/status",
    "GET /health",
    "GET /metrics",
    "POST /api/agents",
    "POST /api/calls/{id}/notes",
    "POST /api/numbers",
    "POST /api/prices",
    "POST /api/slots",
    "PUT /api/agents/{id}",
    "PUT /api/numbers/{number}",
    "PUT /api/prices/{id}",
];

async fn document(stage: &Stage) -> Value {
    let request = "GET /api/openapi.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stage.raw(request.as_bytes()).await.json(200)
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let mut all = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            all.push((method.to_ascii_uppercase(), path.clone(), operation));
        }
    }
    all
}

#[tokio::test]
async fn every_operation_is_documented_and_there() {
    let stage = Stage::set(sqlite()).await;
    let document = document(&stage).await;
    let documented: BTreeSet<String> = operations(&document)
        .iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    let promised: BTreeSet<String> = OPERATIONS.iter().map(ToString::to_string).collect();
    assert_eq!(documented, promised);

    let paths = document["paths"].as_object().expect("paths");
    for (path, item) in paths {
        let mut methods: BTreeSet<String> = item
            .as_object()
            .expect("operations")
            .keys()
            .map(|method| method.to_ascii_uppercase())
            .collect();
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        let real = path.replace("{id}", "1").replace("{number}", "1");
        // A method that nobody has is refused with the list of those that are there.
        let refused = stage.ask("PROPFIND", &real, &[], "").await;
        refused.problem(405);
        let there: BTreeSet<String> = refused
            .header("allow")
            .split(',')
            .map(|it| it.trim().to_owned())
            .collect();
        assert_eq!(there, methods, "{path}");
        // A stream does not end.
        for method in methods.iter().filter(|_| path != "/api/status") {
            let answer = stage.ask(method, &real, &[], "").await;
            assert_ne!(answer.status, 405, "{method} {path}");
            let is_about_a_thing = path.contains('{');
            assert!(answer.status != 404 || is_about_a_thing, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_operation_tells_its_key_its_answers_and_its_errors() {
    let stage = Stage::set(sqlite()).await;
    let document = document(&stage).await;
    assert_eq!(
        document["components"]["securitySchemes"]["key"]["scheme"],
        "bearer"
    );
    for (method, path, operation) in operations(&document) {
        let name = format!("{method} {path}");
        let responses = operation["responses"].as_object().expect("answers");
        assert!(operation["summary"].is_string(), "{name}");
        assert!(operation["operationId"].is_string(), "{name}");
        assert!(
            responses.keys().any(|status| status.starts_with('2')),
            "{name}"
        );
        let mut expected = vec!["500"];
        if path != "/health" {
            assert_eq!(
                operation["security"][0]["key"],
                Value::Array(Vec::new()),
                "{name}"
            );
            expected.extend(["401", "503"]);
        }
        if path.contains('{') {
            expected.push("404");
        }
        if operation.get("requestBody").is_some() {
            expected.extend(["400", "408", "413", "415", "422"]);
        }
        for status in expected {
            assert!(responses.contains_key(status), "{name} {status}");
        }
        for (status, response) in responses {
            if status.starts_with(['4', '5']) && path != "/health" {
                let pointer = response["$ref"].as_str().expect("a shared answer");
                let shared = document.pointer(&pointer[1..]).expect("it is there");
                let schema = &shared["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{name} {status}");
            }
        }
    }
}

#[tokio::test]
async fn no_reference_in_the_document_leads_nowhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(pointer)) = map.get("$ref") {
                    let found = pointer
                        .strip_prefix('#')
                        .and_then(|it| document.pointer(it));
                    assert!(found.is_some(), "{pointer}");
                }
                map.values().for_each(|value| check(value, document));
            }
            Value::Array(list) => list.iter().for_each(|value| check(value, document)),
            _ => {}
        }
    }
    let stage = Stage::set(sqlite()).await;
    let document = document(&stage).await;
    check(&document, &document);
    let operation_ids: Vec<&Value> = operations(&document)
        .iter()
        .map(|(.., operation)| &operation["operationId"])
        .collect();
    let unique: BTreeSet<String> = operation_ids.iter().map(ToString::to_string).collect();
    assert_eq!(unique.len(), operation_ids.len(), "{operation_ids:?}");
}

#[tokio::test]
async fn the_page_comes_from_here_alone_and_needs_no_key() {
    let stage = Stage::set(sqlite()).await;
    let open = async |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stage.raw(request.as_bytes()).await
    };
    let redirect = open("/api/docs").await;
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (303, "/api/docs/")
    );
    let page = open("/api/docs/").await;
    assert_eq!(page.status, 200);
    let html = page.text();
    assert!(
        !html.contains("http://") && !html.contains("https://"),
        "{html}"
    );
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!policy.contains("http"), "{policy}");

    let mut assets = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        for rest in html.split(attribute).skip(1) {
            let path = rest.split('"').next().expect("it ends");
            assets.push(path.trim_start_matches("./").to_owned());
        }
    }
    assert!(assets.len() >= 6, "{assets:?}");
    for asset in assets {
        let answer = open(&format!("/api/docs/{asset}")).await;
        assert_eq!(answer.status, 200, "{asset}");
        assert!(!answer.body.is_empty(), "{asset}");
        if asset.ends_with(".css") {
            let css = answer.text();
            for load in ["url(http", "url(\"http", "url('http", "url(//", "@import"] {
                assert!(!css.contains(load), "{load} in {asset}");
            }
        }
    }
    let start = open("/api/docs/swagger-initializer.js").await.text();
    assert!(start.contains("/api/openapi.json"), "{start}");
    assert!(!start.contains("petstore"), "{start}");
    assert!(start.contains(r#""validatorUrl": "none""#), "{start}");
}

#[tokio::test]
async fn figures_have_names_with_units_and_no_label_that_a_peer_chooses() {
    let stage = Stage::set(sqlite()).await;
    for n in 0..20 {
        stage.get(&format!("/random-{n}")).await.problem(404);
        stage
            .get(&format!("/api/calls/random-{n}"))
            .await
            .problem(404);
        stage
            .ask(&format!("METHOD{n}"), "/api/calls", &[], "")
            .await
            .problem(405);
    }
    let answer = stage.get("/metrics").await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let text = answer.text();
    for line in [
        "# TYPE trunkline_calls_active gauge",
        "# TYPE trunkline_calls_total counter",
        "trunkline_calls_total{outcome=\"failed\"}",
        "trunkline_model_reconnects_total",
        "trunkline_journal_depth",
        "trunkline_http_requests_total{route=\"/api/calls/{id}\",status=\"404\"}",
        "trunkline_http_requests_total{route=\"/api/calls\",status=\"405\"}",
        "trunkline_http_requests_total{route=\"unmatched\",status=\"404\"}",
        "trunkline_http_request_seconds_bucket{route=\"/api/calls/{id}\",le=\"0.1\"}",
        "process_start_time_seconds 1",
        "process_resident_memory_bytes ",
        "process_open_fds ",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("random-"), "{text}");
    assert!(!text.contains("METHOD"), "{text}");
}

//! Calls, notes and figures.

use serde_json::json;

use crate::{
    postgres::databases,
    stage::{AT, ID, ID_2, SID, SID_2, Stage, call},
};

async fn with_two_calls() -> [Stage; 2] {
    let mut stages = Vec::new();
    for database in databases() {
        let stage = Stage::set(database).await;
        stage
            .apply(call(
                ID,
                SID,
                "+15550111",
                AT,
                &["Do you have time on Tuesday?", "Yes, at nine."],
            ))
            .await;
        stage
            .apply(call(
                ID_2,
                SID_2,
                "+15550122",
                AT + 86_400_000,
                &["Was kostet das?"],
            ))
            .await;
        stages.push(stage);
    }
    stages.try_into().unwrap_or_else(|_| panic!("two"))
}

#[tokio::test]
async fn calls_are_listed_newest_first_and_by_every_filter() {
    for stage in with_two_calls().await {
        let ids = async |query: &str| -> Vec<String> {
            let page = stage.get(&format!("/api/calls{query}")).await.json(200);
            let items = page["items"].as_array().expect("a list");
            let id = |item: &serde_json::Value| item["id"].as_str().expect("an id").to_owned();
            items.iter().map(id).collect()
        };
        for (query, expected) in [
            ("", &[ID_2, ID] as &[_]),
            ("?limit=1", &[ID_2]),
            ("?limit=1&offset=1", &[ID]),
            ("?offset=9223372036854775807", &[]),
            ("?caller=%2B15550111", &[ID]),
            ("?sentiment=positive", &[ID_2, ID]),
            ("?sentiment=negative", &[]),
            ("?status=completed", &[ID_2, ID]),
            ("?status=in_progress", &[]),
            ("?agent=01900000-0000-7000-8000-00000000ffff", &[]),
            ("?startDate=2026-11-29", &[ID_2]),
            ("?endDate=2026-11-28", &[ID]),
            (
                "?startDate=2026-11-28T10:00:00Z&endDate=2026-11-28T10:00:00.001%2B00:00",
                &[ID],
            ),
            ("?q=tuesday+TIME", &[ID]),
            ("?q=kostet", &[ID_2]),
            ("?q=nowhere", &[]),
            ("?q=%22%27%3B--+OR+1=1+*+NEAR(", &[]),
        ] {
            assert_eq!(ids(query).await, expected, "{query} on {}", stage.name);
        }
        let page = stage.get("/api/calls?limit=1").await.json(200);
        assert_eq!(
            (&page["total"], &page["limit"], &page["offset"]),
            (&json!(2), &json!(1), &json!(0))
        );
    }
}

#[tokio::test]
async fn a_call_is_found_by_either_name_and_tells_everything() {
    for stage in with_two_calls().await {
        let found = stage.get(&format!("/api/calls/{ID}")).await.json(200);
        assert_eq!(
            found,
            stage.get(&format!("/api/calls/{SID}")).await.json(200)
        );
        assert_eq!(found["callSid"], SID);
        assert_eq!(found["startedAt"], "2026-11-28T10:00:00Z");
        assert_eq!(found["transcripts"][0]["speaker"], "caller");
        assert_eq!(found["transcripts"][1]["text"], "Yes, at nine.");
        assert_eq!(found["toolCalls"][0]["name"], "get_slots");
        assert_eq!(found["analytics"]["responseLatenciesMs"], json!([500, 700]));
        assert_eq!(found["metadata"]["country"], "US");
        for unknown in [
            "01900000-0000-7000-8000-0000000000ff",
            "CA000000000000000000000000000000ff",
            "1",
            "CA1",
            "..%2f..%2fetc%2fpasswd",
            "%00",
        ] {
            let problem = stage
                .get(&format!("/api/calls/{unknown}"))
                .await
                .problem(404);
            assert_eq!(problem["instance"], format!("/api/calls/{unknown}"));
        }
    }
}

#[tokio::test]
async fn notes_stay_with_the_call() {
    for stage in with_two_calls().await {
        let path = format!("/api/calls/{SID}/notes");
        let note = json!({ "text": "Called back — all settled.", "author": "Ana" });
        let written = stage.send("POST", &path, &note).await.json(201);
        assert_eq!(written["author"], "Ana");
        let call = stage.get(&format!("/api/calls/{ID}")).await.json(200);
        assert_eq!(call["notes"], json!([written]));

        let long = "x".repeat(10_001);
        for (body, places) in [
            (json!({}), &["#/text"] as &[_]),
            (json!({ "text": "" }), &["#/text"]),
            (json!({ "text": long }), &["#/text"]),
            (json!({ "text": "a\u{0}b" }), &["#/text"]),
            (
                json!({ "text": 1, "author": [], "at": 0 }),
                &["#/text", "#/author", "#/at"],
            ),
            (json!([]), &["#"]),
        ] {
            assert_eq!(stage.send("POST", &path, &body).await.places(422), places);
        }
        let nobody = "/api/calls/01900000-0000-7000-8000-0000000000ff/notes";
        stage.send("POST", nobody, &note).await.problem(404);
    }
}

#[tokio::test]
async fn figures_are_of_the_time_that_is_asked_for() {
    for stage in with_two_calls().await {
        let figures = stage
            .get("/api/analytics?startDate=2026-11-28&endDate=2026-11-29&interval=day")
            .await
            .json(200);
        assert_eq!(figures["totals"]["calls"], 2);
        assert_eq!(figures["totals"]["latencyP50Ms"], 500);
        assert_eq!(figures["series"].as_array().map(Vec::len), Some(2));
        assert_eq!(figures["series"][0]["calls"], 1);
        let wrong = "/api/analytics?startDate=x&endDate=2026-13-01&interval=year&limit=1";
        assert_eq!(
            stage.get(wrong).await.places(400),
            ["startDate", "endDate", "interval", "limit"]
        );
        let turned = "/api/analytics?startDate=2026-11-29&endDate=2026-11-28";
        stage.get(turned).await.problem(400);
        let endless = "/api/analytics?startDate=1970-01-01&endDate=2026-11-28&interval=hour";
        assert_eq!(stage.get(endless).await.places(400), ["interval"]);
    }
}

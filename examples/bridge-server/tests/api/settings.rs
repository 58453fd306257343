//! Agents and numbers.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::{postgres::databases, stage::Stage};

fn reception() -> Value {
    json!({
        "name": "Reception",
        "instructions": "Be kind.",
        "voice": "marin",
        "language": "de-CH",
        "tools": [
            { "type": "hang_up" },
            {
                "type": "webhook", "name": "find_order", "description": "Finds an order.",
                "parameters": { "type": "object", "properties": { "id": { "type": "string" } } },
                "url": "https://example.com/orders",
            },
        ],
    })
}

#[tokio::test]
async fn agents_are_made_read_changed_and_removed() {
    for database in databases() {
        let stage = Stage::set(database).await;
        let changes = || stage.directory_changes.load(Ordering::SeqCst);
        let answer = stage.send("POST", "/api/agents", &reception()).await;
        let made = answer.json(201);
        let path = answer.header("location").to_owned();
        assert_eq!(
            path,
            format!("/api/agents/{}", made["id"].as_str().unwrap())
        );
        assert_eq!(made["enabled"], true);
        assert_eq!(made["tools"][1]["name"], "find_order");
        assert_eq!(stage.get(&path).await.json(200), made);
        assert_eq!(
            stage.get("/api/agents").await.json(200)["items"],
            json!([made])
        );
        assert_eq!(changes(), 1, "{}", stage.name);

        let renamed = json!({ "name": "Night", "instructions": "Be brief.", "enabled": false });
        let changed = stage.send("PUT", &path, &renamed).await.json(200);
        assert_eq!(changed["name"], "Night");
        assert_eq!(changed["voice"], Value::Null);
        assert_eq!(changed["createdAt"], made["createdAt"]);
        assert_eq!(changes(), 2);

        assert_eq!(stage.ask("DELETE", &path, &[], "").await.status, 204);
        assert_eq!(changes(), 3);
        stage.get(&path).await.problem(404);
        stage.ask("DELETE", &path, &[], "").await.problem(404);
        stage.send("PUT", &path, &renamed).await.problem(404);
        stage.get("/api/agents/1").await.problem(404);
        assert_eq!(changes(), 3, "what changes nothing wakes nobody");
    }
}

#[tokio::test]
async fn all_wrong_fields_of_an_agent_are_told_at_once() {
    for database in databases() {
        let stage = Stage::set(database).await;
        let mut wrong = reception();
        wrong["name"] = json!("");
        wrong["voice"] = json!(7);
        wrong["colour"] = json!("red");
        wrong["tools"][1]["url"] = json!("http://169.254.169.254/");
        wrong["tools"][1]["parameters"] = json!({ "type": "string" });
        wrong["tools"][0]["type"] = json!("fly");
        let mut places = stage.send("POST", "/api/agents", &wrong).await.places(422);
        places.sort();
        assert_eq!(
            places,
            [
                "#/colour",
                "#/name",
                "#/tools/0/type",
                "#/tools/1/parameters",
                "#/tools/1/url",
                "#/voice",
            ]
        );
        assert_eq!(stage.get("/api/agents").await.json(200)["items"], json!([]));
    }
}

#[tokio::test]
async fn numbers_belong_to_agents() {
    for database in databases() {
        let stage = Stage::set(database).await;
        let agent = stage
            .send("POST", "/api/agents", &reception())
            .await
            .json(201);
        let number = json!({ "number": "+15550100", "agentId": agent["id"], "label": "Front" });
        let answer = stage.send("POST", "/api/numbers", &number).await;
        let made = answer.json(201);
        assert_eq!(answer.header("location"), "/api/numbers/+15550100");
        assert_eq!(made["enabled"], true);
        for path in ["/api/numbers/+15550100", "/api/numbers/%2B15550100"] {
            assert_eq!(stage.get(path).await.json(200), made);
        }
        stage
            .send("POST", "/api/numbers", &number)
            .await
            .problem(409);
        let agent_path = format!("/api/agents/{}", agent["id"].as_str().unwrap());
        stage.ask("DELETE", &agent_path, &[], "").await.problem(409);

        let off = json!({ "agentId": agent["id"], "enabled": false });
        let set = stage
            .send("PUT", "/api/numbers/+15550100", &off)
            .await
            .json(200);
        assert_eq!(
            (&set["enabled"], &set["label"]),
            (&json!(false), &Value::Null)
        );
        let other = stage
            .send("PUT", "/api/numbers/+15550101", &off)
            .await
            .json(200);
        assert_eq!(other["number"], "+15550101");
        let list = stage.get("/api/numbers").await.json(200);
        assert_eq!(list["items"], json!([set, other]));

        let unknown = json!({ "agentId": "01900000-0000-7000-8000-0000000000ff" });
        let answer = stage.send("PUT", "/api/numbers/+15550102", &unknown).await;
        assert_eq!(answer.places(422), ["#/agentId"], "{}", stage.name);
        let wrong = json!({ "number": "112", "agentId": "me", "label": "", "enabled": 1 });
        assert_eq!(
            stage.send("POST", "/api/numbers", &wrong).await.places(422),
            ["#/number", "#/agentId", "#/label", "#/enabled"]
        );
        let elsewhere = json!({ "number": "+15550199", "agentId": agent["id"] });
        assert_eq!(
            stage
                .send("PUT", "/api/numbers/+15550100", &elsewhere)
                .await
                .places(422),
            ["#/number"]
        );
        stage
            .send("PUT", "/api/numbers/112", &off)
            .await
            .problem(404);

        for number in ["+15550100", "+15550101"] {
            let path = format!("/api/numbers/{number}");
            assert_eq!(stage.ask("DELETE", &path, &[], "").await.status, 204);
            stage.ask("DELETE", &path, &[], "").await.problem(404);
        }
        assert_eq!(stage.ask("DELETE", &agent_path, &[], "").await.status, 204);
    }
}

#[tokio::test]
async fn of_many_who_add_a_number_at_once_one_does() {
    for database in databases() {
        let stage = Stage::set(database).await;
        let agent = stage
            .send("POST", "/api/agents", &reception())
            .await
            .json(201);
        let number = json!({ "number": "+15550100", "agentId": agent["id"] });
        let adding = (0..8).map(|_| stage.send("POST", "/api/numbers", &number));
        let mut statuses: Vec<u16> = futures_util::future::join_all(adding)
            .await
            .iter()
            .map(|answer| answer.status)
            .collect();
        statuses.sort_unstable();
        assert_eq!(
            statuses,
            [[201].as_slice(), &[409; 7]].concat(),
            "{}",
            stage.name
        );
    }
}

//! Appointments and prices.

use serde_json::{Value, json};
use trunkline_bridge_server::{store::BookingRequest, time::UnixMs};

use crate::{
    postgres::databases,
    stage::{AT, ID, Stage},
};

#[tokio::test]
async fn appointments_are_made_listed_and_removed_unless_taken() {
    for database in databases() {
        let stage = Stage::set(database).await;
        let slot = |day: u32| {
            json!({
                "startsAt": format!("2026-12-{day:02}T09:00:00Z"),
                "endsAt": format!("2026-12-{day:02}T10:30:00+01:00"),
                "resource": "Dr Okafor",
            })
        };
        let mut made = Vec::new();
        for day in [2, 1, 3] {
            let answer = stage.send("POST", "/api/slots", &slot(day)).await;
            let one = answer.json(201);
            assert_eq!(stage.get(answer.header("location")).await.json(200), one);
            made.push(one);
        }
        made.swap(0, 1);
        assert_eq!(made[0]["endsAt"], "2026-12-01T09:30:00Z");
        let id = made[0]["id"].as_str().unwrap();
        let request = BookingRequest {
            call_id: ID,
            tool_call_id: "call_1",
            name: "Ana",
            phone: None,
            note: None,
        };
        stage
            .store
            .book_slot(id, request, UnixMs(AT))
            .await
            .unwrap();
        let days = async |query: &str| -> Vec<Value> {
            let page = stage.get(&format!("/api/slots{query}")).await.json(200);
            let items = page["items"].as_array().unwrap();
            items.iter().map(|item| item["id"].clone()).collect()
        };
        let ids: Vec<Value> = made.iter().map(|slot| slot["id"].clone()).collect();
        assert_eq!(days("").await, ids, "{}", stage.name);
        assert_eq!(days("?free=true").await, ids[1..]);
        assert_eq!(days("?free=false").await, ids[..1]);
        assert_eq!(days("?from=2026-12-02T00:00:00Z&limit=1").await, ids[1..2]);
        assert_eq!(days("?to=2026-12-02T10:00:00%2B01:00").await, ids[..1]);
        assert_eq!(
            stage
                .get("/api/slots?free=1&from=today&to=&limit=0&day=1")
                .await
                .places(400),
            ["limit", "from", "to", "free", "day"]
        );

        let taken = stage.get(&format!("/api/slots/{id}")).await.json(200);
        assert_eq!(taken["booking"]["name"], "Ana");
        let remove = async |id: &Value| {
            let path = format!("/api/slots/{}", id.as_str().unwrap());
            stage.ask("DELETE", &path, &[], "").await
        };
        remove(&ids[0]).await.problem(409);
        assert_eq!(remove(&ids[1]).await.status, 204);
        remove(&ids[1]).await.problem(404);
        stage.get("/api/slots/1").await.problem(404);
    }
}

#[tokio::test]
async fn an_appointment_that_makes_no_sense_is_not_made() {
    for database in databases() {
        let stage = Stage::set(database).await;
        for (body, places) in [
            (json!({}), &["#/startsAt", "#/endsAt"] as &[_]),
            (
                json!({ "startsAt": "2026-12-01T09:00:00Z", "endsAt": "2026-12-01T09:00:00Z" }),
                &["#/endsAt"],
            ),
            (
                json!({ "startsAt": "tomorrow", "endsAt": 5, "resource": "", "x": 1 }),
                &["#/startsAt", "#/endsAt", "#/resource", "#/x"],
            ),
        ] {
            let answer = stage.send("POST", "/api/slots", &body).await;
            assert_eq!(answer.places(422), places, "{}", stage.name);
        }
    }
}

#[tokio::test]
async fn prices_are_made_changed_and_removed() {
    for database in databases() {
        let stage = Stage::set(database).await;
        let price = json!({ "service": "Check-up", "amountCents": 4_900, "currency": "EUR" });
        let answer = stage.send("POST", "/api/prices", &price).await;
        let made = answer.json(201);
        let path = answer.header("location").to_owned();
        assert_eq!(made["amountCents"], 4_900);
        assert_eq!(stage.get(&path).await.json(200), made);
        let dearer = json!({
            "service": "Check-up", "amountCents": 5_500, "currency": "EUR",
            "description": "Half an hour.",
        });
        let changed = stage.send("PUT", &path, &dearer).await.json(200);
        assert_eq!(
            (&changed["id"], &changed["amountCents"]),
            (&made["id"], &json!(5_500))
        );
        let all = stage.get("/api/prices").await.json(200);
        assert_eq!(all["items"], json!([changed]), "{}", stage.name);
        let own_id = format!("/api/prices/{ID}");
        assert_eq!(stage.send("PUT", &own_id, &price).await.json(200)["id"], ID);

        let wrong = json!({ "amountCents": -1, "currency": "eur", "description": "" });
        assert_eq!(
            stage.send("POST", "/api/prices", &wrong).await.places(422),
            ["#/service", "#/amountCents", "#/currency", "#/description"]
        );
        for path in [&path, &own_id] {
            assert_eq!(stage.ask("DELETE", path, &[], "").await.status, 204);
            stage.ask("DELETE", path, &[], "").await.problem(404);
            stage.get(path).await.problem(404);
        }
        stage
            .send("PUT", "/api/prices/1", &price)
            .await
            .problem(404);
    }
}

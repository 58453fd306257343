//! The model's functions on whole calls: through the server, its database, Twilio's REST API and webhooks.

mod common;

use std::{path::Path, sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use common::{AUTH_TOKEN, Played, Stage, lines, speech};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::{Barrier, mpsc},
    time::sleep,
};
use trunkline_demo::ACCOUNT_SID;
use trunkline_simulators::{
    Clock,
    openai::{self, Answer, Turn},
    twilio::{self, Api, CallRecord, Ending, Step},
};

const SERVER: &str = env!("CARGO_BIN_EXE_trunkline-bridge-server");
const WEBHOOK_SECRET: &str = "a-secret-for-webhooks";

fn model(clock: Clock, turns: Vec<Turn>) -> openai::Options {
    openai::Options {
        clock,
        turns,
        api_key: Some(common::KEY.to_owned()),
        latency: Duration::from_millis(30),
        ..openai::Options::default()
    }
}

/// A server whose only agent has these tools.
async fn stage(options: openai::Options, environment: &[(&str, &str)], tools: Value) -> Stage {
    let directory = TempDir::new().expect("a directory");
    let stage = Stage::set_in(directory, Path::new(SERVER), options, &[], environment).await;
    let mut agent = stage.api("GET", "/api/agents", None).await.1["items"][0].clone();
    let path = format!("/api/agents/{}", agent["id"].as_str().expect("an id"));
    let settings = agent.as_object_mut().expect("an agent");
    for name in ["id", "createdAt", "updatedAt"] {
        settings.remove(name);
    }
    settings.insert("tools".to_owned(), tools);
    let (status, answer) = stage.api("PUT", &path, Some(agent)).await;
    assert_eq!(status, 200, "{answer:#}");
    // What the API changes reaches the webhook a moment later.
    sleep(Duration::from_millis(500)).await;
    stage
}

/// What the model was told of its functions, by their ids.
fn outputs(played: &Played) -> Vec<(String, Value)> {
    let events = played
        .sessions
        .iter()
        .flat_map(|session| &session.client_events);
    let items = events.map(|event| &event.event["item"]);
    items
        .filter(|item| item["type"] == "function_call_output")
        .map(|item| {
            let text = item["output"].as_str().expect("text");
            let output = serde_json::from_str(text).expect("JSON");
            (item["call_id"].as_str().expect("an id").to_owned(), output)
        })
        .collect()
}

fn assert_clean(record: &CallRecord) {
    assert!(record.violations.is_empty(), "{:#?}", record.violations);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_handed_over_once_the_last_words_were_heard() {
    let clock = Clock::new();
    let api = Api::bind("127.0.0.1:0", ACCOUNT_SID, AUTH_TOKEN, clock)
        .await
        .expect("a free port");
    let words = Answer::speech(speech(800), "I will put you through.");
    let turns = vec![Turn::unasked(words.then_tool("transfer_call", "{}"))];
    let environment = [("TWILIO_API_URL", &*api.url())];
    let tools = json!([{ "type": "transfer_call", "to": "+15550123" }]);
    let stage = stage(model(clock, turns), &environment, tools).await;
    let record = twilio::call(twilio::Options {
        api: Some(api),
        ..stage.caller(vec![])
    })
    .await;
    let path = format!("/api/calls/{}", record.call_sid);
    let call = stage
        .api_settled(&path, |call| !call["analytics"].is_null())
        .await;
    let played = stage.strike().await;
    assert_clean(&record);
    let [dialled] = &record.dials[..] else {
        panic!("{:?}", record.dials)
    };
    assert_eq!(dialled.numbers, ["+15550123"]);
    assert_eq!(dialled.caller_id.as_deref(), Some("+15550100"));
    let heard: u64 = record.runs.iter().map(|run| run.samples).sum();
    assert!(heard >= 8 * 800, "{heard} samples of the last words");
    assert_eq!(
        (&call["status"], &call["endReason"]),
        (&json!("completed"), &json!("transferred"))
    );
    assert_eq!(call["toolCalls"][0]["failed"], false);
    assert_eq!(lines(&played.log, "stream_closed").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_cannot_be_handed_over_stays_with_the_model() {
    let words = Answer::speech(speech(400), "One moment.");
    let turns = vec![
        Turn::unasked(words.then_tool("transfer_call", "{}")),
        Turn::unasked(Answer::speech(speech(400), "Nobody is there.")),
    ];
    // Nobody listens there.
    let environment = [("TWILIO_API_URL", "http://127.0.0.1:1")];
    let tools = json!([{ "type": "transfer_call", "to": "+15550123" }]);
    let stage = stage(model(Clock::new(), turns), &environment, tools).await;
    let record = twilio::call(twilio::Options {
        step_limit: Duration::from_secs(15),
        ..stage.caller(vec![
            Step::WaitAgentStarts,
            Step::WaitAgentSilent(Duration::from_millis(300)),
            Step::WaitAgentStarts,
            Step::WaitAgentSilent(Duration::from_millis(300)),
            Step::HangUp,
        ])
    })
    .await;
    let played = stage.strike().await;
    assert_clean(&record);
    assert_eq!(record.ending, Ending::CallerHungUp, "{:#?}", record.steps);
    let [(_, output)] = &outputs(&played)[..] else {
        panic!("{:#?}", outputs(&played))
    };
    assert!(output["error"].is_string(), "{output}");
}

struct Office {
    /// Answers when two ask at a time.
    both: Barrier,
    asked: mpsc::UnboundedSender<Value>,
}

async fn lookup(
    State(office): State<Arc<Office>>,
    headers: HeaderMap,
    body: String,
) -> Json<Value> {
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    let signed = format!("{}.{body}", header("x-trunkline-timestamp"));
    let mut mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).expect("a key");
    mac.update(signed.as_bytes());
    let signature: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(header("x-trunkline-signature"), format!("v1={signature}"));
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["toolCallId"], header("idempotency-key"));
    let _ = office.asked.send(body.clone());
    office.both.wait().await;
    Json(json!({ "found": body["arguments"]["order"] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_run_at_the_same_time_each_once_and_are_signed() {
    let (asked, mut asking) = mpsc::unbounded_channel();
    let office = Arc::new(Office {
        both: Barrier::new(2),
        asked,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/orders", post(lookup))
        .with_state(office);
    tokio::spawn(async move { axum::serve(listener, router).await });

    let both =
        Answer::tool("find_order", r#"{"order":1}"#).then_tool("find_order", r#"{"order":2}"#);
    let turns = vec![
        Turn::unasked(both),
        Turn::unasked(Answer::speech(speech(400), "Both are on their way.")),
    ];
    let internal = address.to_string();
    let environment = [
        ("TOOL_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("TOOL_INTERNAL_HOSTS", &*internal),
    ];
    let tools = json!([{
        "type": "webhook",
        "name": "find_order",
        "description": "Finds an order.",
        "parameters": {
            "type": "object",
            "properties": { "order": { "type": "integer" } },
            "required": ["order"],
        },
        "url": format!("http://{internal}/orders"),
    }]);
    let stage = stage(model(Clock::new(), turns), &environment, tools).await;
    let record = stage
        .call(vec![
            Step::WaitAgentStarts,
            Step::WaitAgentSilent(Duration::from_millis(300)),
            Step::HangUp,
        ])
        .await;
    let played = stage.strike().await;
    assert_clean(&record);
    assert_eq!(record.ending, Ending::CallerHungUp, "{:#?}", record.steps);
    let mut found: Vec<Value> = outputs(&played)
        .into_iter()
        .map(|(_, output)| output["found"].clone())
        .collect();
    found.sort_by_key(Value::as_i64);
    assert_eq!(found, [json!(1), json!(2)]);
    let mut orders = Vec::new();
    while let Ok(body) = asking.try_recv() {
        assert_eq!(body["callSid"], *record.call_sid);
        orders.push(body["arguments"]["order"].as_i64());
    }
    orders.sort_unstable();
    assert_eq!(orders, [Some(1), Some(2)], "each once");
    assert!(!format!("{:?}", played.log).contains(WEBHOOK_SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_calls_that_want_the_same_appointment_one_gets_it() {
    // The model has to name the appointment, so it is made first, by a server on the same database.
    let directory = TempDir::new().unwrap();
    let clock = Clock::new();
    let before = Stage::set_in(directory, Path::new(SERVER), model(clock, vec![]), &[], &[]).await;
    let slot = json!({
        "startsAt": "2099-01-05T09:00:00Z",
        "endsAt": "2099-01-05T09:30:00Z",
    });
    let (status, made) = before.api("POST", "/api/slots", Some(slot)).await;
    assert_eq!(status, 201, "{made:#}");
    let id = made["id"].as_str().unwrap().to_owned();
    let Stage {
        server,
        directory,
        model: idle,
        ..
    } = before;
    server.stop().await.unwrap();
    idle.shutdown().await;

    let arguments = json!({ "slot_id": id, "name": "Ada" }).to_string();
    let turns = vec![
        Turn::unasked(Answer::tool("book_slot", arguments)),
        Turn::unasked(Answer::speech(speech(300), "So it is.")),
    ];
    let stage = Stage::set_in(directory, Path::new(SERVER), model(clock, turns), &[], &[]).await;
    let calls = (1..=5).map(|seed| {
        twilio::call(twilio::Options {
            seed,
            ..stage.caller(vec![
                Step::WaitAgentStarts,
                Step::WaitAgentSilent(Duration::from_millis(300)),
                Step::HangUp,
            ])
        })
    });
    let records = futures_util::future::join_all(calls).await;
    let (_, slots) = stage.api("GET", "/api/slots", None).await;
    let played = stage.strike().await;
    for record in &records {
        assert_clean(record);
        assert_eq!(record.ending, Ending::CallerHungUp, "{:#?}", record.steps);
    }
    let outputs = outputs(&played);
    assert_eq!(outputs.len(), 5);
    let refused = outputs
        .iter()
        .filter(|(_, output)| !output["error"].is_null());
    assert_eq!(refused.count(), 4, "{outputs:#?}");
    assert_eq!(slots["items"][0]["booking"]["name"], "Ada", "{slots:#}");
    let failed = played
        .records("tool_call")
        .filter(|call| call["failed"] == true);
    assert_eq!(failed.count(), 4);
}

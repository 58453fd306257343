//! What Twilio's webhooks are answered, however often they come.

mod common;

use std::time::Duration;

use common::{Stage, lines};
use serde_json::{Value, json};
use trunkline_demo::NUMBER;
use trunkline_simulators::{
    openai,
    twilio::{self, Ending},
};

async fn stage(arguments: &[&str]) -> Stage {
    Stage::set(openai::Options::default(), arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dials_a_number_that_nobody_has_hears_a_sentence_and_is_hung_up_on() {
    let stage = stage(&[]).await;
    let record = twilio::call(twilio::Options {
        to: "+15550199".to_owned(),
        ..stage.caller(vec![])
    })
    .await;
    assert!(record.violations.is_empty(), "{:#?}", record.violations);
    assert_eq!(record.ending, Ending::ServerHungUp);
    let (_, twiml) = stage
        .post(
            "/twilio/incoming-call",
            &[("CallSid", &record.call_sid), ("To", "+15550199")],
        )
        .await;
    assert!(
        twiml.contains("<Say>") && twiml.ends_with("<Hangup/></Response>"),
        "{twiml}"
    );
    let refused = stage.logged("call_refused", 1).await;
    assert_eq!(refused["reason"], "unknown_number");
    let calls = stage
        .api_settled("/api/calls", |calls| calls["total"] == 1)
        .await;
    let call = &calls["items"][0];
    assert_eq!(
        (&call["status"], &call["endReason"]),
        (&json!("refused"), &json!("unknown_number"))
    );
    assert!(
        stage.strike().await.sessions.is_empty(),
        "a model was asked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_switched_off_says_so_in_its_agents_language() {
    let stage = stage(&[]).await;
    let agents = stage.api("GET", "/api/agents", None).await.1;
    let mut agent = agents["items"][0].clone();
    let id = agent["id"].as_str().unwrap().to_owned();
    agent["language"] = "de".into();
    for name in ["id", "createdAt", "updatedAt"] {
        agent.as_object_mut().unwrap().remove(name);
    }
    let path = format!("/api/agents/{id}");
    assert_eq!(stage.api("PUT", &path, Some(agent)).await.0, 200);
    let number = json!({ "number": NUMBER, "agentId": id, "enabled": false });
    let path = format!("/api/numbers/{}", NUMBER.replace('+', "%2B"));
    assert_eq!(stage.api("PUT", &path, Some(number)).await.0, 200);
    // What the API changes reaches the webhook a moment later.
    for n in 0..200 {
        let fields = [("CallSid", &*format!("CA{n}")), ("To", NUMBER)];
        let (_, twiml) = stage.post("/twilio/incoming-call", &fields).await;
        if twiml.contains(r#"<Say language="de">Dieser Anschluss"#) {
            stage.strike().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the number is still answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_comes_a_thousand_times_has_one_effect() {
    const SID: &str = "CA0123456789abcdef0123456789abcdef";
    let stage = std::sync::Arc::new(stage(&[]).await);
    let call = [("CallSid", SID), ("To", NUMBER), ("From", "+15550155")];
    let status = |status| {
        [
            ("CallSid", SID),
            ("CallStatus", status),
            ("CallDuration", "7"),
        ]
    };
    let recording = [
        ("CallSid", SID),
        ("RecordingSid", "RE1"),
        ("RecordingStatus", "completed"),
        ("RecordingUrl", "https://api.twilio.com/RE1"),
        ("RecordingDuration", "5"),
    ];
    let requests: [(&str, Vec<(&str, &str)>); 4] = [
        ("/twilio/incoming-call", call.to_vec()),
        ("/twilio/call-status", status("in-progress").to_vec()),
        ("/twilio/call-status", status("completed").to_vec()),
        ("/twilio/recording-status", recording.to_vec()),
    ];
    // 20 at a time, each worker in an order of its own.
    let workers = (0..20).map(|worker| {
        let (stage, requests) = (std::sync::Arc::clone(&stage), requests.clone());
        async move {
            let mut documents = Vec::new();
            for n in 0..200 {
                let (path, fields) = &requests[(n * 7 + worker) % requests.len()];
                let (status, body) = stage.post(path, fields).await;
                assert!(matches!(status, 200 | 204), "{path}: {status}");
                if *path == "/twilio/incoming-call" {
                    documents.push(body);
                }
            }
            documents
        }
    });
    let documents = futures_util::future::join_all(workers).await.concat();
    assert_eq!(documents.len(), 1_000);
    assert!(documents.iter().all(|document| *document == documents[0]));

    let is_written =
        |call: &Value| call["twilioRecordings"] != json!([]) && call["status"] == "failed";
    let call = stage
        .api_settled(&format!("/api/calls/{SID}"), is_written)
        .await;
    assert_eq!(call["twilioRecordings"].as_array().unwrap().len(), 1);
    let calls = stage.api("GET", "/api/calls", None).await.1;
    assert_eq!(calls["total"], 1);
    assert_eq!(lines(&stage.log(), "call_answered").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_stream_twilio_hangs_up_unless_told_otherwise() {
    let stage = stage(&[]).await;
    let fields = [("CallSid", "CA1"), ("To", NUMBER)];
    stage.post("/twilio/incoming-call", &fields).await;
    for sid in ["CA1", "CA2"] {
        let (status, twiml) = stage
            .post("/twilio/stream-ended", &[("CallSid", sid)])
            .await;
        assert_eq!(status, 200);
        assert!(twiml.ends_with("<Response><Hangup/></Response>"), "{twiml}");
    }
    for path in [
        "/twilio/stream-ended",
        "/twilio/recording-status",
        "/twilio/call-status",
    ] {
        assert_eq!(stage.post_with(path, &fields, &[]).await.0, 403, "{path}");
    }
    let wrong: [(&str, &[(&str, &str)]); 4] = [
        (
            "/twilio/call-status",
            &[("CallSid", "CA1"), ("CallStatus", "exploded")],
        ),
        (
            "/twilio/call-status",
            &[("CallSid", "../etc"), ("CallStatus", "ringing")],
        ),
        (
            "/twilio/recording-status",
            &[("CallSid", "CA1"), ("RecordingSid", "RE1")],
        ),
        ("/twilio/incoming-call", &[("To", NUMBER)]),
    ];
    for (path, fields) in wrong {
        assert_eq!(stage.post(path, fields).await.0, 400, "{path} {fields:?}");
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_another_agent_is_given_is_answered_by_it() {
    let stage = stage(&["--drain-seconds", "0"]).await;
    let agent =
        json!({ "name": "Night", "instructions": "Say that it is night.", "voice": "cedar" });
    let (status, agent) = stage.api("POST", "/api/agents", Some(agent)).await;
    assert_eq!(status, 201);
    let number = json!({ "number": "+15550111", "agentId": agent["id"] });
    assert_eq!(stage.api("POST", "/api/numbers", Some(number)).await.0, 201);
    // What the API changes reaches the webhook a moment later.
    for n in 0.. {
        let fields = [("CallSid", &*format!("CA{n}")), ("To", "+15550111")];
        let (_, twiml) = stage.post("/twilio/incoming-call", &fields).await;
        if twiml.contains("<Connect ") {
            break;
        }
        assert!(n < 200, "{twiml}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let live = tokio::spawn(twilio::call(twilio::Options {
        to: "+15550111".to_owned(),
        time_limit: Duration::from_secs(10),
        ..stage.caller(vec![])
    }));
    stage.logged("session_ready", 1).await;
    let played = stage.strike().await;
    let session = &played.sessions[0];
    let text = format!("{session:?}");
    assert!(
        text.contains("Say that it is night.") && text.contains("cedar"),
        "{text}"
    );
    live.await.unwrap();
}

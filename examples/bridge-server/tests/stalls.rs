//! Peers that stop reading, over real sockets: what is kept for them is bounded, and the call ends.

mod common;

use std::time::Duration;

use common::{Stage, lines, only, speech};
use serde_json::json;
use trunkline_simulators::{
    Clock,
    openai::{self, Answer, Turn},
    twilio::{self, Ending, Step},
};

fn model(turns: Vec<Turn>, faults: Vec<openai::Fault>) -> openai::Options {
    openai::Options {
        clock: Clock::new(),
        turns,
        latency: Duration::from_millis(50),
        faults,
        ..openai::Options::default()
    }
}

fn ms(value: &serde_json::Value, name: &str) -> u64 {
    value[name].as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twilio_that_stops_reading_is_given_up_at_the_limit() {
    // Ninety seconds of speech at once: beyond what the bridge holds, it is sent ahead.
    let mut turn = Turn::unasked(Answer::speech(speech(90_000), "A long story."));
    turn.answer.speed = Some(1_000.0);
    let stage = Stage::set(model(vec![turn], vec![]), &[]).await;
    let record = twilio::call(twilio::Options {
        faults: vec!["slow-read:at=0s,for=60s".parse().expect("a fault")],
        time_limit: Duration::from_secs(5),
        ..stage.caller(vec![Step::Pause(Duration::from_secs(7))])
    })
    .await;
    let closed = stage.logged("stream_closed", 1).await;
    let played = stage.strike().await;
    assert_eq!(closed["reason"], "twilio_failed");
    let limit = 128 << 10;
    assert_eq!(
        closed["error"],
        format!("takes no audio, though {limit} bytes wait for it")
    );
    assert!(ms(&closed, "duration_ms") < 4_500, "{closed}");
    assert_ne!(record.ending, Ending::CallerHungUp);
    // The rest of the story is counted where it stayed.
    assert!(ms(&closed["stats"], "spilled_ms") > 5_000, "{closed}");
    // The model was told goodbye properly.
    let goodbye = played.sessions[0].close.as_ref().expect("a goodbye");
    assert_eq!((goodbye.code, goodbye.by_server), (1000, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_stops_reading_is_given_up_at_the_limit_and_twilio_is_read_all_the_time() {
    let greeting = Turn::unasked(Answer::speech(speech(400), "Hello."));
    let fault = "slow-read:at=1s,for=60s".parse().expect("a fault");
    let stage = Stage::set(model(vec![greeting], vec![fault]), &[]).await;
    let mut script = Vec::new();
    for digit in "1234567890123456".chars() {
        script.push(Step::Say(speech(1_000)));
        script.push(Step::Dtmf(digit));
    }
    script.push(Step::HangUp);
    let record = stage.call(script).await;
    let closed = stage.logged("stream_closed", 1).await;
    let played = stage.strike().await;
    let lost = lines(&played.log, "model_lost").next().expect("a loss");
    let limit = 512 << 10;
    assert_eq!(
        (&lost["reason"], &lost["error"]),
        (
            &json!("model_failed"),
            &json!(format!("takes no audio, though {limit} bytes wait for it"))
        )
    );
    // Another session is begun, and the call goes on.
    assert!(played.sessions.len() > 1);
    assert_eq!(record.ending, Ending::CallerHungUp);
    let took = ms(&closed, "duration_ms");
    // Every key the caller pressed was heard, up to the end.
    let keys = lines(&played.log, "dtmf").count() as u64;
    assert!(keys >= took / 1_020 - 1, "{keys} keys in {took} ms");
    let opened = only(&played.log, "stream_opened");
    assert!(ms(opened, "memory_bytes") < 256 << 10, "{opened}");
}

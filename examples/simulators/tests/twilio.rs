//! The simulated Twilio against a voice application on real sockets.

mod common;

use std::time::Duration;

use common::{App, connect_stream, next_json, send_json};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use trunkline_simulators::Speech;
use trunkline_simulators::twilio::{self, Ending, Options, Step};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn options(app: &App, script: Vec<Step>) -> Options {
    Options {
        webhook: "https://voice.example.com/incoming?line=1".into(),
        connect_to: Some(app.address.to_string()),
        script,
        step_limit: ms(3_000),
        ..Options::default()
    }
}

/// Sends the caller's own words back.
async fn echo(mut socket: WebSocketStream<TcpStream>) {
    while let Some(message) = next_json(&mut socket).await {
        if message["event"] == "media" {
            let media = json!({ "payload": message["media"]["payload"] });
            let sid = &message["streamSid"];
            send_json(
                &mut socket,
                json!({ "event": "media", "streamSid": sid, "media": media }),
            )
            .await;
        }
    }
}

#[tokio::test]
async fn the_caller_hears_the_echo_of_what_was_said() {
    let app = App::start(connect_stream, echo).await;
    let tone = Speech::tone(500.0, -12.0, ms(300));
    let script = vec![
        Step::Pause(ms(100)),
        Step::Say(tone.clone()),
        Step::WaitAgentStarts,
        Step::WaitAgentSilent(ms(200)),
        Step::HangUp,
    ];
    let record = twilio::call(options(&app, script)).await;
    assert_eq!(record.violations, []);
    assert_eq!(record.ending, Ending::CallerHungUp);
    let (said, runs) = (&record.said[0], &record.runs);
    assert_eq!((said.first_sample, said.samples), (800, 2_400));
    assert!(runs.iter().all(|run| run.samples > 0));
    let heard = record.heard_at(said.first_sample).expect("played");
    let delay = heard - said.start;
    assert!(delay >= ms(20) && delay < ms(100), "heard after {delay:?}");
    let at = ((heard - record.started).as_secs_f64() * 8_000.0) as usize + 200;
    let played: Vec<i16> = record.heard[at..at + 400].to_vec();
    assert!(trunkline_simulators::audio::level_dbfs(&played) > -20.0);
    let first: Value = serde_json::to_value(&record).expect("a record is JSON");
    assert_eq!(first["sent"][3]["samples"], 160);
}

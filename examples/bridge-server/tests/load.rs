//! Several calls at a time: all of the audio gets through, and calls beyond the limit do not touch the others.

mod common;

use std::time::Duration;

use trunkline_simulators::{
    load::{Bars, Load, Options, Report},
    openai,
};

use common::{AUTH_TOKEN, PUBLIC_URL, Stage};

/// Loads a server that takes eight calls with so many; one turn of caller and model fits in.
async fn load(calls: usize, arguments: &[&str]) -> Report {
    let mut load = Load::bind(Options {
        calls,
        webhook: format!("{PUBLIC_URL}/twilio/incoming-call"),
        auth_token: AUTH_TOKEN.to_owned(),
        ramp: Duration::from_millis(500),
        duration: Duration::from_secs(8),
        ..Options::default()
    })
    .expect("a free port");
    let url = load.model_url().expect("an address");
    let mut all = vec![
        "--openai-realtime-url",
        &url,
        "--greeting",
        "",
        "--max-calls",
        "8",
    ];
    all.extend(arguments);
    let stage = Stage::set(openai::Options::default(), &all).await;
    load.set_server(stage.server.address.to_string(), None);
    let report = tokio::task::spawn_blocking(|| load.run())
        .await
        .expect("no panic")
        .expect("threads");
    stage.strike().await;
    report
}

/// Nothing but time may have gone wrong: what else the machine does may starve a player.
fn assert_whole(report: &Report) {
    let mut report = report.clone();
    report.audio.underruns = 0;
    assert_eq!(report.faults(&Bars::default()), [""; 0], "{report}");
    let audio = &report.audio;
    let answers = audio.responses as f64;
    assert!(audio.responses >= report.completed as u64, "{report}");
    // A filter's delay may cost or add up to a frame.
    let missing = audio.downlink_sent_ms - audio.downlink_received_ms;
    assert!(missing.abs() <= 20.0 * answers, "{report}");
    assert!(report.downlink.count > 0, "{report}");
    // Each frame of the caller, once the model has made out the caller.
    let measured = report.caller_lag.count;
    assert!(
        (measured * 9 / 10..=measured).contains(&report.uplink.count),
        "{report}"
    );
}

#[tokio::test]
async fn every_frame_of_eight_calls_gets_through_both_ways() {
    let report = load(8, &["--model-audio", "pcm24k"]).await;
    assert_eq!((report.completed, report.refused), (8, 0), "{report}");
    assert_whole(&report);
}

#[tokio::test]
async fn calls_beyond_the_limit_are_refused_and_the_others_lose_nothing() {
    let report = load(14, &["--model-audio", "mulaw"]).await;
    assert_eq!((report.completed, report.refused), (8, 6), "{report}");
    assert_whole(&report);
}

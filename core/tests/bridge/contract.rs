//! The rules of the loop and the limits.

use std::time::Duration;

use serde_json::json;
use trunkline::{Bridge, Error, bridge::Output};

use crate::common::{
    Call, Input, Reply, Setup,
    caller::{Caller, STREAM_SID},
    io::{drain, replay},
    ms,
};

#[test]
fn a_second_input_before_the_outputs_are_drained_is_refused_and_changes_nothing() {
    let mut call = Call::started(Setup::mulaw());
    call.run_for(ms(500));
    let now = Duration::from_micros(call.now + 1_000);
    let media = call.caller.frame();
    let next = call.caller.frame();
    let mut twin = Bridge::new(call.setup.config.clone());
    replay(&mut twin, &call.log);
    for bridge in [&mut call.bridge, &mut twin] {
        bridge.handle_twilio(now, &media).unwrap();
    }
    let bridge = &mut call.bridge;
    let speech = json!({"type": "input_audio_buffer.speech_started", "event_id": "event_x",
        "audio_start_ms": 100, "item_id": "item_x"})
    .to_string();
    assert_eq!(bridge.handle_twilio(now, &next), Err(Error::OutputPending));
    assert_eq!(
        bridge.handle_openai(now, &speech),
        Err(Error::OutputPending)
    );
    let mut buf = vec![0; bridge.max_output_len()];
    let outputs = drain(bridge, &mut buf);
    assert!(!outputs.is_empty());
    assert_eq!(outputs, drain(&mut twin, &mut buf));
    for bridge in [&mut call.bridge, &mut twin] {
        bridge.handle_twilio(now, &next).unwrap();
    }
    assert_eq!(
        drain(&mut call.bridge, &mut buf),
        drain(&mut twin, &mut buf)
    );
}

#[test]
fn a_buffer_too_short_says_what_is_needed_and_keeps_the_output() {
    let mut call = Call::started(Setup::mulaw());
    let mut big = vec![0; call.bridge.max_output_len()];
    for round in 0..2 {
        let now = Duration::from_micros(call.now + round);
        let text = call.caller.frame();
        call.bridge.handle_twilio(now, &text).unwrap();
        let mut lengths = 0..big.len();
        let mut needed = None;
        for len in &mut lengths {
            match call.bridge.poll_output(&mut big[..len]) {
                Err(Error::BufferTooShort {
                    needed: want,
                    actual,
                }) => {
                    assert_eq!(actual, len);
                    assert!(
                        needed.is_none_or(|needed| needed == want),
                        "the need does not change"
                    );
                    needed = Some(want);
                }
                Ok(Some(Output::ToOpenAi(text))) => {
                    assert!(text.contains("input_audio_buffer.append"));
                    assert_eq!(needed, Some(text.len()), "exactly the length named");
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(call.bridge.poll_output(&mut big), Ok(None));
    }
}

#[test]
fn a_twilio_message_over_64_kib_is_refused_and_the_call_goes_on() {
    let mut call = Call::started(Setup::mulaw());
    call.run_for(ms(200));
    let long = format!(
        r#"{{"event":"x","streamSid":"{STREAM_SID}","pad":"{}"}}"#,
        "a".repeat(64 << 10)
    );
    let now = Duration::from_micros(call.now);
    let refused = call.bridge.handle_twilio(now, &long);
    assert_eq!(
        refused,
        Err(Error::MessageTooLong {
            limit: 64 << 10,
            actual: long.len()
        })
    );
    let before = call.model.input.len();
    call.run_for(ms(500));
    assert!(call.model.input.len() > before + 8 * 400);
}

#[test]
fn a_message_of_the_model_over_the_cap_is_refused_and_the_call_goes_on() {
    let mut setup = Setup::mulaw();
    setup.config.max_openai_len = 20_000;
    let mut call = Call::started(setup);
    let long = json!({"type": "x", "pad": "a".repeat(20_000)}).to_string();
    let now = Duration::from_micros(call.now);
    let refused = call.bridge.handle_openai(now, &long);
    assert_eq!(
        refused,
        Err(Error::MessageTooLong {
            limit: 20_000,
            actual: long.len()
        })
    );
    call.model.replies.push_back(Reply::speech(500));
    call.turn();
    call.run_until_quiet();
    assert_eq!(call.heard(0), 500 * 8);
}

#[test]
fn an_unknown_event_of_ten_megabytes_is_taken() {
    let mut call = Call::started(Setup::mulaw());
    call.model
        .emit(json!({"type": "response.huge", "pad": "a".repeat(10 << 20)}));
    call.run_for(ms(200));
    call.model.replies.push_back(Reply::speech(500));
    call.turn();
    call.run_until_quiet();
    assert_eq!(call.heard(0), 500 * 8);
}

#[test]
fn the_same_inputs_give_the_same_outputs_byte_for_byte() {
    for setup in [Setup::mulaw(), Setup::pcm()] {
        let mut call = Call::started(Setup {
            jitter: ms(25),
            late_timer: ms(5),
            ..setup
        });
        for n in 0..3 {
            call.model.replies.push_back(Reply::speech(2_500).speed(n));
            call.turn();
            call.run_for(ms(900));
        }
        call.run_until_quiet();
        let mut twin = Bridge::new(call.setup.config.clone());
        for (outputs, exchange) in replay(&mut twin, &call.log).iter().zip(&call.log) {
            assert_eq!(*outputs, exchange.outputs);
        }
        assert_eq!(twin.stats(), call.bridge.stats());
        assert_eq!(twin.poll_timeout(), call.bridge.poll_timeout());
    }
}

#[test]
fn a_timeout_that_nobody_asked_for_does_nothing() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(1_000));
    call.turn();
    for _ in 0..2_000 {
        call.run_for(ms(1));
        call.command(Input::Timeout).unwrap();
    }
    call.run_until_quiet();
    let stretches = call.stretches(0);
    assert_eq!(stretches.len(), 1);
    let most = call
        .player
        .levels
        .iter()
        .map(|&(_, level)| level)
        .max()
        .unwrap();
    assert!(most <= 220 * 8, "{most}");
}

#[test]
fn nothing_is_sent_to_twilio_before_the_stream_has_started() {
    let mut call = Call::new(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(500));
    call.open_model();
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(1_500));
    assert!(call.player.levels.is_empty());
    call.twilio_sends(Caller::connected());
    call.run_for(ms(500));
    assert!(call.player.levels.is_empty());
    call.dial();
    call.run_until_quiet();
    assert_eq!(call.heard(0), 500 * 8, "a greeting made early is heard");
}

#[test]
fn an_idle_bridge_before_the_call_asks_for_no_timer() {
    let bridge = Bridge::new(Setup::mulaw().config);
    assert_eq!(bridge.poll_timeout(), None);
    assert!(!bridge.is_closed());
}

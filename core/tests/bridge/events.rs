//! What the application is told.

use std::time::Duration;

use serde_json::json;
use trunkline::{
    bridge::Source,
    dialect::{ResponseStatus, Speaker},
};

use crate::common::{
    Call, Ev, Input, Reply, Setup,
    caller::{CALL_SID, STREAM_SID},
    ms,
};

fn told(call: &Call, wanted: impl Fn(&Ev) -> bool) -> Vec<&Ev> {
    call.events().filter(|event| wanted(event)).collect()
}

#[test]
fn the_start_of_the_call_carries_its_ids_and_parameters() {
    let call = Call::started(Setup::mulaw());
    let started = told(&call, |event| matches!(event, Ev::CallStarted { .. }));
    let [
        Ev::CallStarted {
            stream_sid,
            call_sid,
            custom_parameters,
        },
    ] = started[..]
    else {
        panic!("{started:?}");
    };
    assert_eq!(stream_sid, STREAM_SID);
    assert_eq!(call_sid, CALL_SID);
    let parameters: serde_json::Value = serde_json::from_str(custom_parameters).unwrap();
    assert_eq!(parameters, json!({"token": "t0k3n"}));
}

#[test]
fn every_key_is_told_once() {
    let mut call = Call::started(Setup::mulaw());
    for digit in "0123456789*#ABCD".chars() {
        let text = call.caller.dtmf(digit);
        call.twilio_sends(text);
    }
    call.run_for(ms(200));
    let digits: String = call
        .events()
        .filter_map(|event| {
            if let Ev::Dtmf(digit) = event {
                Some(*digit)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(digits, "0123456789*#ABCD");
}

#[test]
fn words_of_both_are_told_with_their_item() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(500));
    call.turn();
    call.run_until_quiet();
    let words = |speaker: Speaker, item_id: &str, text: &str, is_final: bool| Ev::Transcript {
        speaker,
        item_id: item_id.into(),
        text: text.into(),
        is_final,
    };
    let all = told(&call, |event| matches!(event, Ev::Transcript { .. }));
    let model: Vec<_> = all
        .iter()
        .filter(|event| {
            matches!(
                event,
                Ev::Transcript {
                    speaker: Speaker::Model,
                    ..
                }
            )
        })
        .collect();
    let item = &call.model.clips[0].item_id;
    assert_eq!(
        model,
        [
            &&words(Speaker::Model, item, "so it goes", false),
            &&words(Speaker::Model, item, "so it goes", true)
        ]
    );
    assert!(all.contains(&&words(Speaker::Caller, "item_0", "Tuesday please.", true)));
}

#[test]
fn the_end_of_a_response_is_told_with_its_usage() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(300));
    call.turn();
    call.run_until_quiet();
    let done = told(&call, |event| matches!(event, Ev::ResponseDone { .. }));
    let [
        Ev::ResponseDone {
            id,
            status,
            reason,
            usage: Some(usage),
            ..
        },
    ] = done[..]
    else {
        panic!("{done:?}");
    };
    assert_eq!(
        (id.as_str(), *status, reason.as_str()),
        ("resp_0", ResponseStatus::Completed, "")
    );
    assert_eq!(
        (usage.total_tokens, usage.input_tokens, usage.output_tokens),
        (253, 132, 121)
    );
    assert_eq!(
        (usage.input_text_tokens, usage.input_audio_tokens),
        (119, 13)
    );
    assert_eq!(
        (usage.output_text_tokens, usage.output_audio_tokens),
        (30, 91)
    );
    assert_eq!(usage.cached_tokens, 64);
    assert_eq!(usage.cached_text_tokens, 64);
    assert_eq!(usage.cached_audio_tokens, 0);
}

#[test]
fn a_cancelled_response_is_told_with_its_reason() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(5_000).speed(1));
    call.turn();
    call.run_for(ms(1_000));
    call.speech_started();
    call.run_for(ms(300));
    let done = told(&call, |event| matches!(event, Ev::ResponseDone { .. }));
    let [Ev::ResponseDone { status, reason, .. }] = done[..] else {
        panic!("{done:?}")
    };
    assert_eq!(
        (*status, reason.as_str()),
        (ResponseStatus::Cancelled, "turn_detected")
    );
}

#[test]
fn a_failed_response_is_told_with_its_code() {
    let mut call = Call::started(Setup::mulaw());
    let mut failing = Reply::items(vec![]);
    let error = json!({"type": "server_error", "code": "rate_limit_exceeded", "message": "Slow."});
    failing.ending = ("failed", json!({"type": "failed", "error": error}));
    call.model.replies.push_back(failing);
    call.turn();
    call.run_for(ms(500));
    let done = told(&call, |event| matches!(event, Ev::ResponseDone { .. }));
    let [Ev::ResponseDone { status, reason, .. }] = done[..] else {
        panic!("{done:?}")
    };
    assert_eq!(
        (*status, reason.as_str()),
        (ResponseStatus::Failed, "rate_limit_exceeded")
    );
}

#[test]
fn errors_of_the_model_are_told_by_code_and_only_grave_ones_are_fatal() {
    let grave = [
        "insufficient_quota",
        "session_expired",
        "invalid_api_key",
        "model_not_found",
        "invalid_model",
        "missing_model",
        "beta_api_shape_disabled",
    ];
    let light = [
        "rate_limit_exceeded",
        "server_error",
        "invalid_value",
        "unknown_parameter",
    ];
    for code in grave.into_iter().chain(light) {
        let mut call = Call::started(Setup::mulaw());
        call.model.emit(
            json!({"type": "error", "error": {"type": "invalid_request_error",
            "code": code, "message": "It \"failed\".", "param": null, "event_id": null}}),
        );
        call.run_for(ms(100));
        let expected = Ev::ModelError {
            code: code.into(),
            message: "It \"failed\".".into(),
            is_fatal: grave.contains(&code),
        };
        assert_eq!(
            told(&call, |event| matches!(event, Ev::ModelError { .. })),
            [&expected]
        );
    }
}

#[test]
fn an_error_without_code_is_told() {
    let mut call = Call::started(Setup::mulaw());
    call.model
        .emit(json!({"type": "error", "error": {"type": "x", "message": "Oops"}}));
    call.run_for(ms(100));
    let expected = Ev::ModelError {
        code: String::new(),
        message: "Oops".into(),
        is_fatal: false,
    };
    assert!(call.has_event(&expected));
}

#[test]
fn a_session_the_model_refuses_is_fatal() {
    let mut call = Call::new(Setup::mulaw());
    call.model.setup = None;
    call.dial();
    call.open_model();
    call.run_for(ms(100));
    let (_, update) = call.model.commands[0].clone();
    assert!(
        update["event_id"].is_string(),
        "else its error could not be told from others"
    );
    call.model
        .refuse(call.now, &update, "unknown_parameter", "Unknown parameter.");
    call.run_for(ms(100));
    let errors = told(&call, |event| {
        matches!(event, Ev::ModelError { is_fatal: true, .. })
    });
    assert_eq!(errors.len(), 1, "{}", call.story());
}

#[test]
fn harmless_errors_of_the_model_are_not_told() {
    for code in [
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
    ] {
        let mut call = Call::started(Setup::mulaw());
        call.model.emit(
            json!({"type": "error", "error": {"type": "invalid_request_error",
            "code": code, "message": "No matter.", "param": null, "event_id": null}}),
        );
        call.run_for(ms(100));
        assert!(
            told(&call, |event| matches!(event, Ev::ModelError { .. })).is_empty(),
            "{code}"
        );
    }
}

#[test]
fn messages_of_an_unknown_kind_are_shown() {
    let mut call = Call::started(Setup::mulaw());
    call.model
        .emit(json!({"type": "response.hologram.delta", "delta": {"x": [1, 2]}}));
    call.twilio_sends(json!({"event": "hologram", "streamSid": STREAM_SID}).to_string());
    call.run_for(ms(100));
    let others = told(
        &call,
        |event| matches!(event, Ev::Other { kind, .. } if kind.contains("hologram")),
    );
    let model = Ev::Other {
        source: Source::OpenAi,
        kind: "response.hologram.delta".into(),
    };
    let twilio = Ev::Other {
        source: Source::Twilio,
        kind: "hologram".into(),
    };
    assert_eq!(others.len(), 2);
    assert!(others.contains(&&model) && others.contains(&&twilio));
}

#[test]
fn the_callers_speech_is_told_with_its_place_in_the_uplink() {
    let mut call = Call::started(Setup::mulaw());
    call.run_for(ms(2_000));
    let start = call.model.input_ms() - 300;
    call.speech_started();
    call.run_for(ms(1_000));
    let end = call.model.input_ms();
    call.speech_stopped();
    call.run_for(ms(100));
    assert!(call.has_event(&Ev::SpeechStarted {
        position: Duration::from_millis(start)
    }));
    assert!(call.has_event(&Ev::SpeechStopped {
        position: Duration::from_millis(end)
    }));
}

#[test]
fn the_end_of_the_call_closes_the_bridge_whichever_way_it_comes() {
    for stop in [true, false] {
        let mut call = Call::started(Setup::mulaw());
        call.model.replies.push_back(Reply::speech(3_000).speed(0));
        call.turn();
        call.run_for(ms(600));
        call.command(Input::Mark("pending".into())).unwrap();
        call.caller.next_frame = None;
        call.run_for(ms(100));
        assert!(!call.bridge.is_closed());
        if stop {
            let text = call.caller.stop();
            call.twilio_sends(text);
            call.run_for(ms(20));
        }
        call.command(Input::TwilioClosed).unwrap();
        assert!(call.bridge.is_closed(), "stop: {stop}");
        assert_eq!(
            call.bridge.poll_timeout(),
            None,
            "no timer outlives the call"
        );
        assert_eq!(told(&call, |event| *event == Ev::CallEnded).len(), 1);
        let last = call.events().last();
        assert_eq!(
            last,
            Some(&Ev::CallEnded),
            "nothing follows the end of the call"
        );
        // What was under way must find a closed door, not a way back in.
        let media = call.caller.frame();
        let now = Duration::from_micros(call.now);
        assert_eq!(
            call.bridge.handle_twilio(now, &media),
            Err(trunkline::Error::Closed)
        );
        let delta = json!({"type": "response.done", "event_id": "e", "response": {"id": "r"}});
        let delta = delta.to_string();
        assert_eq!(
            call.bridge.handle_openai(now, &delta),
            Err(trunkline::Error::Closed)
        );
        call.bridge.handle_timeout(now);
        let mut buf = vec![0; call.bridge.max_output_len()];
        assert_eq!(call.bridge.poll_output(&mut buf), Ok(None));
        assert!(call.bridge.is_closed());
    }
}

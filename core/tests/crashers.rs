//! What fuzzing found, each as the shortest story that showed it.

use core::time::Duration;

use trunkline::{
    Bridge, Error, RawJson, SessionUpdate,
    bridge::{Config, ModelAudio, Output},
};

/// A bridge with a stream and a session, μ-law straight through, and nothing left to poll.
fn bridge() -> Bridge {
    let mut config = Config::default();
    config.model_audio = ModelAudio::Mulaw;
    let mut bridge = Bridge::new(config);
    let start = r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#;
    bridge.handle_twilio(Duration::ZERO, start).unwrap();
    drain(&mut bridge);
    bridge.update_session(&SessionUpdate::default()).unwrap();
    drain(&mut bridge);
    let session = r#"{"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcmu"}}}}}"#;
    openai(&mut bridge, Duration::ZERO, session).unwrap();
    bridge
}

fn openai(bridge: &mut Bridge, now: Duration, text: &str) -> Result<Vec<String>, Error> {
    bridge.handle_openai(now, text)?;
    Ok(drain(bridge))
}

/// What is to be sent.
fn drain(bridge: &mut Bridge) -> Vec<String> {
    let mut buf = vec![0; bridge.max_output_len()];
    let mut sent = Vec::new();
    while let Some(output) = bridge.poll_output(&mut buf).unwrap() {
        match output {
            Output::ToTwilio(text) | Output::ToOpenAi(text) => sent.push(text.to_owned()),
            Output::Event(_) => {}
        }
    }
    sent
}

/// A response with so many frames of audio.
fn speak(bridge: &mut Bridge, now: Duration, frames: usize) -> Vec<String> {
    // 160 bytes are no whole number of groups; 480 are.
    let audio = "////".repeat(160).repeat(frames.div_ceil(3));
    let messages = [
        r#"{"type":"response.created","response":{"id":"r1","conversation_id":"c1"}}"#.to_owned(),
        r#"{"type":"response.output_item.added","response_id":"r1","item":{"id":"i1","type":"message"}}"#.to_owned(),
        format!(r#"{{"type":"response.output_audio.delta","response_id":"r1","item_id":"i1","content_index":0,"delta":"{audio}"}}"#),
    ];
    let sent = messages.map(|message| openai(bridge, now, &message).unwrap());
    sent.concat()
}

#[test]
fn a_refused_command_does_not_use_up_an_event_id() {
    let next_request = |refused: &[&str]| {
        let mut bridge = bridge();
        for text in refused {
            let response = RawJson::new(text).unwrap();
            let error = bridge.create_response(Some(response)).unwrap_err();
            assert_eq!(error, Error::InvalidField { name: "response" });
            let mut session = SessionUpdate::default();
            session.voice = Some("");
            bridge.update_session(&session).unwrap_err();
        }
        bridge.create_response(None).unwrap();
        drain(&mut bridge)
    };
    let expected = next_request(&[]);
    assert_eq!(expected.len(), 1);
    assert_eq!(next_request(&["7", "[]"]), expected);
}

#[test]
fn audio_goes_out_at_the_end_of_time() {
    let mut bridge = bridge();
    let frames = speak(&mut bridge, Duration::MAX, 30);
    assert!(frames.len() >= 10, "{}", frames.len());
    bridge.handle_timeout(Duration::MAX);
    drain(&mut bridge);
    bridge.handle_twilio_closed(Duration::MAX);
    drain(&mut bridge);
    assert!(bridge.is_closed());
}

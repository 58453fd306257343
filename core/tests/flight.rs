//! What a flight recorder writes, and what a replay makes of it.

mod common;

use std::time::Duration;

use common::{Call, Ev, Reply, Say, Setup, config, io::Exchange, ms};
use proptest::prelude::*;
use trunkline::{
    Bridge, Error, FlightRecorder, RawJson, SessionUpdate,
    bridge::{Config, ModelAudio},
    flight::{Entry, Fingerprint, Input, OutputKind, Reader, Replay, ReplayError, Step},
    openai::{Eagerness, NoiseReduction, TurnDetection},
};

/// The input of a simulated call as the recorder knows it.
fn input(input: &common::Input) -> Option<Input<'_>> {
    Some(match input {
        common::Input::Twilio(text) => Input::Twilio(text),
        common::Input::OpenAi(text) => Input::OpenAi(text),
        common::Input::Timeout => Input::Timeout,
        common::Input::TwilioClosed => Input::TwilioClosed,
        common::Input::OpenAiClosed => Input::OpenAiClosed,
        common::Input::Update {
            creates,
            interrupts,
        } => Input::UpdateSession(common::io::session(*creates, *interrupts)),
        common::Input::CreateResponse(response) => {
            let response = response.as_deref().map(RawJson::new).transpose();
            Input::CreateResponse(response.ok()?)
        }
        common::Input::ToolOutput(call_id, output) => Input::SendToolOutput { call_id, output },
        common::Input::Send(event) => Input::SendOpenAi(RawJson::new(event).ok()?),
        common::Input::Interrupt => Input::Interrupt,
        common::Input::Mark(name) => Input::Mark(name),
    })
}

/// Gives the inputs of `log` to a bridge through a recorder with a buffer of `capacity` bytes that
/// is emptied, in pieces of `piece` bytes, after every input.
fn record(config: &Config, log: &[Exchange], capacity: usize, piece: usize) -> Vec<u8> {
    let mut recorder = FlightRecorder::new(config, vec![0; capacity]).unwrap();
    let mut bridge = Bridge::new(config.clone());
    let mut buf = vec![0; bridge.max_output_len()];
    let mut file = Vec::new();
    let mut save = |recorder: &mut FlightRecorder<Vec<u8>>, piece: usize| {
        while !recorder.bytes().is_empty() {
            let count = recorder.bytes().len().min(piece.max(1));
            file.extend_from_slice(&recorder.bytes()[..count]);
            recorder.consume(count);
        }
    };
    for exchange in log {
        let Some(input) = input(&exchange.input) else {
            continue;
        };
        let now = Duration::from_micros(exchange.at);
        let result = recorder.apply(&mut bridge, now, input);
        assert_eq!(result, exchange.result);
        let mut outputs = Vec::new();
        while let Some(output) = recorder.poll_output(&mut bridge, &mut buf).unwrap() {
            outputs.push(common::Out::own(&output));
        }
        assert_eq!(outputs, exchange.outputs, "a recorder changes nothing");
        save(&mut recorder, piece);
    }
    assert!(!recorder.is_full());
    assert_eq!(recorder.missed_inputs(), 0);
    recorder.finish();
    save(&mut recorder, piece);
    file
}

/// Replays `file` to its end, or to what ends it.
fn replay(file: &[u8]) -> Result<(u64, u64), ReplayError> {
    let mut replay = Replay::new(file).map_err(ReplayError::Recording)?;
    let mut bridge = Bridge::new(replay.config().clone());
    let mut buf = vec![0; bridge.max_output_len()];
    while replay.step(&mut bridge, &mut buf)?.is_some() {}
    assert_eq!(replay.step(&mut bridge, &mut buf), Ok(None));
    Ok((replay.inputs(), replay.outputs()))
}

/// A call with all there is: turns, a barge-in, tools, commands, keys, a lost session, the end.
fn a_call(setup: Setup) -> Call {
    let mut call = Call::started(setup);
    call.model.replies.extend([
        Reply::speech(1_500),
        Reply::call("call_1", "find_slot", "{\"day\":\"tue\"}"),
        Reply::items(vec![Say::speech(2_000), Say::speech(900)]),
    ]);
    call.turn();
    call.run_for(ms(900));
    call.command(common::Input::Mark("here".into())).unwrap();
    call.turn();
    call.run_for(ms(700));
    let answer = common::Input::ToolOutput("call_1".into(), "{\"slot\":\"nine\"}".into());
    let _ = call.command(answer);
    call.run_for(ms(1_500));
    call.command(common::Input::Interrupt).unwrap();
    let key = call.caller.dtmf('5');
    call.twilio_sends(key);
    // Refused, one way and another.
    let none = common::Input::ToolOutput("nobody".into(), "{}".into());
    assert!(call.command(none).is_err());
    assert!(call.command(common::Input::Twilio("{".into())).is_err());
    let commit = "{\"type\":\"input_audio_buffer.commit\"}";
    call.command(common::Input::Send(commit.into())).unwrap();
    call.run_for(ms(400));
    call.lose_model();
    call.run_for(ms(300));
    call.open_model();
    call.run_for(ms(500));
    call.command(common::Input::CreateResponse(Some(
        "{\"instructions\":\"Say goodbye.\"}".into(),
    )))
    .unwrap();
    call.run_for(ms(1_500));
    let stop = call.caller.stop();
    call.caller.next_frame = None;
    call.twilio_sends(stop);
    call.run_for(ms(200));
    call.command(common::Input::TwilioClosed).unwrap();
    call
}

#[test]
fn a_recorded_call_says_the_same_again() {
    for setup in [Setup::mulaw(), Setup::pcm()] {
        let config = setup.config.clone();
        let call = a_call(setup);
        assert!(call.has_event(&Ev::CallEnded));
        let file = record(&config, &call.log, 1 << 20, usize::MAX);
        let outputs: usize = call.log.iter().map(|exchange| exchange.outputs.len()).sum();
        let expected = (call.log.len() as u64, outputs as u64);
        assert_eq!(replay(&file), Ok(expected));
    }
}

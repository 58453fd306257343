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

/// Something that happens in a call.
#[derive(Clone, Debug)]
enum Act {
    Run(u64),
    Turn,
    SpeechStarted,
    SpeechStopped,
    Reply(usize, u64),
    ToolCall,
    ToolOutput,
    Interrupt,
    Mark(String),
    Create,
    Send,
    Key,
    Lost,
    Garbage(String),
    Gap,
    Silence,
    Stop,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (1_u64..1_500).prop_map(Act::Run),
        3 => Just(Act::Turn),
        2 => Just(Act::SpeechStarted),
        2 => Just(Act::SpeechStopped),
        4 => (100_usize..6_000, 0_u64..9).prop_map(|(ms, speed)| Act::Reply(ms, speed)),
        1 => Just(Act::ToolCall),
        1 => Just(Act::ToolOutput),
        2 => Just(Act::Interrupt),
        2 => "[a-z]{1,9}".prop_map(Act::Mark),
        2 => Just(Act::Create),
        1 => Just(Act::Send),
        1 => Just(Act::Key),
        1 => Just(Act::Lost),
        2 => "\\PC{0,40}".prop_map(Act::Garbage),
        1 => Just(Act::Gap),
        1 => Just(Act::Silence),
        1 => Just(Act::Stop),
    ]
}

fn act_out(setup: Setup, acts: &[Act]) -> Call {
    let mut call = Call::started(setup);
    for act in acts {
        // What is refused is recorded, too, so results do not matter here.
        match act.clone() {
            Act::Run(time) => call.run_for(ms(time)),
            Act::Turn => call.turn(),
            Act::SpeechStarted => call.speech_started(),
            Act::SpeechStopped => call.speech_stopped(),
            Act::Reply(length, speed) => {
                let reply = Reply::speech(length).speed(speed);
                call.model.replies.push_back(reply);
            }
            Act::ToolCall => {
                let reply = Reply::call("call_1", "find_slot", "{}");
                call.model.replies.push_back(reply);
            }
            Act::ToolOutput => {
                let _ = call.command(common::Input::ToolOutput("call_1".into(), "{}".into()));
            }
            Act::Interrupt => {
                let _ = call.command(common::Input::Interrupt);
            }
            Act::Mark(name) => {
                let _ = call.command(common::Input::Mark(name));
            }
            Act::Create => {
                let _ = call.command(common::Input::CreateResponse(None));
            }
            Act::Send => {
                let event = "{\"type\":\"input_audio_buffer.commit\"}";
                let _ = call.command(common::Input::Send(event.into()));
            }
            Act::Key => {
                let text = call.caller.dtmf('#');
                call.twilio_sends(text);
            }
            Act::Lost if !call.bridge.is_closed() => {
                call.lose_model();
                call.open_model();
            }
            Act::Lost => {}
            Act::Garbage(text) => {
                let _ = call.command(common::Input::Twilio(text.clone()));
                let _ = call.command(common::Input::OpenAi(text));
            }
            Act::Gap => call.caller.skip_frame(),
            Act::Silence => call.caller.next_frame = None,
            Act::Stop => {
                let stop = call.caller.stop();
                call.caller.next_frame = None;
                call.twilio_sends(stop);
                call.run_for(ms(100));
                return call;
            }
        }
    }
    call
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn any_recorded_call_says_the_same_again(
        acts in prop::collection::vec(act(), 1..30),
        is_mulaw in any::<bool>(),
        jitter in 0_u64..60_000,
        late_timer in 0_u64..30_000,
        seed in any::<u32>(),
        piece in prop_oneof![1_usize..5_000, Just(usize::MAX)],
    ) {
        let mut setup = if is_mulaw { Setup::mulaw() } else { Setup::pcm() };
        (setup.jitter, setup.late_timer, setup.seed) = (jitter, late_timer, seed.into());
        let config = setup.config.clone();
        let call = act_out(setup, &acts);
        let file = record(&config, &call.log, 256 << 10, piece);
        let outputs: usize = call.log.iter().map(|exchange| exchange.outputs.len()).sum();
        prop_assert_eq!(replay(&file), Ok((call.log.len() as u64, outputs as u64)));
    }

    #[test]
    fn any_bytes_are_read_to_an_error_or_an_end(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        at in any::<prop::sample::Index>(),
    ) {
        // As they are, behind the start of a header, and in the midst of a recording.
        let small = small();
        let mut behind = small[..10].to_vec();
        behind.extend(&bytes);
        let mut within = small.clone();
        let at = at.index(small.len());
        within.splice(at.., bytes.iter().copied());
        for bytes in [&bytes, &behind, &within] {
            let entries = Reader::new(bytes).map(|reader| {
                let read: Vec<_> = reader.collect();
                let first_error = read.iter().position(Result::is_err);
                prop_assert!(first_error.is_none_or(|index| index + 1 == read.len()));
                Ok(())
            });
            if let Ok(verdict) = entries {
                verdict?;
            }
        }
    }
}

/// A recording of a few inputs of every kind, with every member of a session.
fn small() -> Vec<u8> {
    let config = Config::default();
    let mut recorder = FlightRecorder::new(&config, vec![0; 8 << 10]).unwrap();
    let mut bridge = Bridge::new(config);
    let mut buf = vec![0; bridge.max_output_len()];
    for (n, input) in inputs().into_iter().enumerate() {
        let now = Duration::new(n as u64, 999_999_999);
        let _ = recorder.apply(&mut bridge, now, input);
        while recorder
            .poll_output(&mut bridge, &mut buf)
            .unwrap()
            .is_some()
        {}
    }
    recorder.finish();
    recorder.bytes().to_vec()
}

/// Every kind of input and every choice there is in one.
fn inputs() -> Vec<Input<'static>> {
    let json = |text| RawJson::new(text).unwrap();
    let mut full = SessionUpdate::default();
    full.instructions = Some("Be brief — ärztlich.");
    full.voice = Some("marin");
    full.speed = Some(1.25);
    full.transcription_model = Some("gpt-transcribe");
    full.transcription_language = Some("de");
    full.transcription_prompt = Some("names");
    full.noise_reduction = Some(NoiseReduction::FarField);
    full.turn_detection = TurnDetection::SemanticVad {
        eagerness: Eagerness::High,
        create_response: true,
        interrupt_response: false,
    };
    full.tools = Some(json("[{\"type\":\"function\",\"name\":\"a\"}]"));
    full.tool_choice = Some(json("\"auto\""));
    full.extra = Some(json("{\"max_output_tokens\":500}"));
    let mut off = SessionUpdate::default();
    off.noise_reduction = Some(NoiseReduction::NearField);
    off.turn_detection = TurnDetection::Off;
    let mut inputs = vec![
        Input::Twilio("{\"event\":\"connected\"}"),
        Input::Twilio("{ no JSON"),
        Input::UpdateSession(SessionUpdate::default()),
        Input::UpdateSession(full),
        Input::UpdateSession(off),
    ];
    for eagerness in [Eagerness::Low, Eagerness::Medium, Eagerness::Auto] {
        let mut session = SessionUpdate::default();
        session.turn_detection = TurnDetection::SemanticVad {
            eagerness,
            create_response: false,
            interrupt_response: true,
        };
        inputs.push(Input::UpdateSession(session));
    }
    inputs.extend([
        Input::OpenAi("{\"type\":\"surprise\"}"),
        Input::Timeout,
        Input::CreateResponse(None),
        Input::CreateResponse(Some(json("{\"conversation\":\"none\"}"))),
        Input::SendToolOutput {
            call_id: "call_1",
            output: "{}",
        },
        Input::SendOpenAi(json(" {\"type\":\"input_audio_buffer.clear\"} ")),
        Input::Interrupt,
        Input::Mark("here"),
        Input::OpenAiClosed,
        Input::TwilioClosed,
    ]);
    inputs
}

#[test]
fn every_input_is_read_back_as_it_was() {
    let file = small();
    let reader = Reader::new(&file).unwrap();
    assert_eq!(reader.crate_version(), env!("CARGO_PKG_VERSION"));
    let entries: Vec<_> = reader.map(Result::unwrap).collect();
    let read = entries.iter().filter_map(|entry| match entry {
        Entry::Input { now, input } => Some((*now, *input)),
        _ => None,
    });
    let given = inputs().into_iter().enumerate();
    let given = given.map(|(n, input)| (Duration::new(n as u64, 999_999_999), input));
    assert!(read.eq(given));
    let refused = entries
        .iter()
        .filter(|entry| matches!(entry, Entry::Refused(_)));
    assert_eq!(refused.count(), 2, "the broken message and the tool output");
    assert_eq!(entries.last(), Some(&Entry::End));
}

#[test]
fn every_setting_is_read_back_as_it_was() {
    let mut config = Config::default();
    config.model_audio = ModelAudio::Mulaw;
    config.lead = Duration::from_nanos(123_456_789);
    config.mark_interval = Duration::from_millis(41);
    config.downlink_capacity = Duration::from_secs(31);
    config.uplink_capacity = Duration::MAX;
    config.text_capacity = 54_321;
    config.max_gap = Duration::ZERO;
    config.stall_timeout = Duration::from_millis(751);
    config.max_twilio_len = 65_537;
    config.max_openai_len = usize::MAX;
    for config in [config, Config::default()] {
        let recorder = FlightRecorder::new(&config, [0; 512]).unwrap();
        assert_eq!(
            Reader::new(recorder.bytes()).unwrap().config(),
            &config,
            "{config:?}"
        );
    }
}

#[test]
fn a_recording_cut_anywhere_is_told_from_a_whole_one() {
    let file = small();
    for end in 0..file.len() {
        let cut = &file[..end];
        let last = match Reader::new(cut) {
            Ok(reader) => reader.last().expect("an error, if nothing else").err(),
            Err(error) => Some(error),
        };
        assert!(
            matches!(last, Some(Error::TruncatedRecording { offset }) if offset <= end),
            "{end}: {last:?}"
        );
        // What is whole of it is replayed all the same.
        let told = replay(cut);
        assert!(
            matches!(
                told,
                Err(ReplayError::Recording(Error::TruncatedRecording { .. }))
            ),
            "{end}: {told:?}"
        );
    }
    assert!(replay(&file).is_ok());
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let file = small();
    for bit in 0..file.len() * 8 {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let told = match Reader::new(&damaged) {
            Ok(reader) => reader.last().expect("an error, if nothing else").err(),
            Err(error) => Some(error),
        };
        // A length that grew runs over the end, and the format's number has its own word.
        let is_found = matches!(
            told,
            Some(
                Error::InvalidRecording { .. }
                    | Error::TruncatedRecording { .. }
                    | Error::UnsupportedVersion { .. }
            )
        );
        assert!(is_found, "bit {bit}: {told:?}");
    }
}

#[test]
fn bytes_behind_the_end_and_entries_taken_out_are_found() {
    let mut longer = small();
    longer.push(0);
    let told = replay(&longer);
    assert!(
        matches!(
            told,
            Err(ReplayError::Recording(Error::InvalidRecording { .. }))
        ),
        "{told:?}"
    );
    let file = small();
    let mut reader = Reader::new(&file).unwrap();
    let start = reader.offset();
    reader.next().unwrap().unwrap();
    let without = [&file[..start], &file[reader.offset()..]].concat();
    let told = Reader::new(&without).unwrap().next();
    let expected = Error::InvalidRecording { offset: start };
    assert_eq!(told, Some(Err(expected)));
}

#[test]
fn another_format_is_refused_by_its_number() {
    let mut file = small();
    file[8..10].copy_from_slice(&7_u16.to_le_bytes());
    let expected = Error::UnsupportedVersion {
        version: 7,
        supported: 1,
    };
    assert_eq!(Reader::new(&file).err(), Some(expected));
    let other = Reader::new(b"RIFF\0\0\0\0WAVEfmt ").err();
    assert_eq!(other, Some(Error::InvalidRecording { offset: 0 }));
}

#[test]
fn a_full_recorder_keeps_the_beginning_and_disturbs_nothing() {
    let call = a_call(Setup::mulaw());
    let config = call.setup.config.clone();
    let whole = record(&config, &call.log, 1 << 20, usize::MAX);
    let header = FlightRecorder::new(&config, [0; 512]).unwrap();
    let header = header.bytes().len() + 5;
    for capacity in (header..header + 300).chain([3_000, 20_000, 100_000]) {
        let mut recorder = FlightRecorder::new(&config, vec![0xA5; capacity]).unwrap();
        let mut bridge = Bridge::new(config.clone());
        let mut buf = vec![0; bridge.max_output_len()];
        let log = if capacity < 1_000 { 40 } else { call.log.len() };
        for exchange in &call.log[..log] {
            let now = Duration::from_micros(exchange.at);
            let input = input(&exchange.input).unwrap();
            assert_eq!(
                recorder.apply(&mut bridge, now, input),
                exchange.result,
                "as without a recorder"
            );
            let mut outputs = Vec::new();
            while let Some(output) = recorder.poll_output(&mut bridge, &mut buf).unwrap() {
                outputs.push(common::Out::own(&output));
            }
            assert_eq!(outputs, exchange.outputs);
        }
        recorder.finish();
        assert!(recorder.is_full());
        let file = recorder.bytes();
        assert!(file.len() <= capacity);
        // All but the mark is the beginning of the whole recording.
        assert_eq!(file[..file.len() - 5], whole[..file.len() - 5]);
        let (mut inputs, mut last) = (0, None);
        for entry in Reader::new(file).unwrap() {
            last = Some(entry.expect("what is there is whole"));
            inputs += u64::from(matches!(last, Some(Entry::Input { .. })));
        }
        assert_eq!(last, Some(Entry::Stopped));
        assert_eq!(inputs + recorder.missed_inputs(), log as u64);
        assert_eq!(replay(file).map(|(replayed, _)| replayed), Ok(inputs));
        // Room made now does not bring it back: there would be a gap.
        let count = recorder.bytes().len();
        recorder.consume(count);
        let _ = recorder.apply(&mut bridge, Duration::from_secs(900), Input::Timeout);
        recorder.finish();
        assert!(recorder.is_full() && recorder.bytes().is_empty());
    }
    let short = FlightRecorder::new(&config, vec![0; header - 1]).err();
    let expected = Error::BufferTooShort {
        needed: header,
        actual: header - 1,
    };
    assert_eq!(short, Some(expected));
}

#[test]
fn nothing_is_recorded_after_the_end() {
    let config = Config::default();
    let mut recorder = FlightRecorder::new(&config, vec![0; 4 << 10]).unwrap();
    let mut bridge = Bridge::new(config);
    recorder.finish();
    let len = recorder.bytes().len();
    let late = recorder.apply(&mut bridge, Duration::from_secs(1), Input::TwilioClosed);
    assert_eq!(late, Ok(()));
    recorder.finish();
    assert_eq!((recorder.bytes().len(), recorder.missed_inputs()), (len, 1));
    assert_eq!(replay(recorder.bytes()), Ok((0, 0)));
}

#[test]
fn a_command_in_the_midst_of_a_drain_is_replayed_there() {
    let config = Config::default();
    let mut recorder = FlightRecorder::new(&config, vec![0; 8 << 10]).unwrap();
    let mut bridge = Bridge::new(config);
    let mut buf = vec![0; bridge.max_output_len()];
    let event = |text| Input::SendOpenAi(RawJson::new(text).unwrap());
    let now = Duration::from_millis(3);
    recorder
        .apply(&mut bridge, now, event("{\"type\":\"a\"}"))
        .unwrap();
    recorder
        .apply(&mut bridge, now, event("{\"type\":\"b\"}"))
        .unwrap();
    assert!(
        recorder
            .poll_output(&mut bridge, &mut buf)
            .unwrap()
            .is_some()
    );
    // A message has to wait for the drain, and that is recorded as well.
    let early = recorder.apply(&mut bridge, now, Input::Twilio("{}"));
    assert_eq!(early, Err(Error::OutputPending));
    recorder
        .apply(&mut bridge, now, event("{\"type\":\"c\"}"))
        .unwrap();
    while recorder
        .poll_output(&mut bridge, &mut buf)
        .unwrap()
        .is_some()
    {}
    recorder.finish();
    assert_eq!(replay(recorder.bytes()), Ok((4, 3)));
}

#[test]
fn a_bridge_that_speaks_otherwise_is_found_at_the_first_output_that_differs() {
    let call = a_call(Setup::mulaw());
    let config = call.setup.config.clone();
    let file = record(&config, &call.log, 1 << 20, usize::MAX);
    // The same bridge, but for one setting.
    let mut other = config.clone();
    other.mark_interval = Duration::from_millis(140);
    let mut replay = Replay::new(&file).unwrap();
    let mut bridge = Bridge::new(other);
    let mut buf = vec![0; bridge.max_output_len()];
    let told = loop {
        match replay.step(&mut bridge, &mut buf) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no difference found"),
            Err(error) => break error,
        }
    };
    let ReplayError::Output {
        output,
        expected: Some(expected),
        actual: Some(actual),
        ..
    } = told
    else {
        panic!("{told}");
    };
    let same = replay.outputs();
    assert_eq!(output, same + 1);
    // It is the first mark, where media stands now.
    let outputs = call.log.iter().flat_map(|exchange| &exchange.outputs);
    let first_mark = outputs.clone().position(
        |output| matches!(output, common::Out::ToTwilio(text) if text.contains("\"mark\"")),
    );
    assert_eq!(first_mark, Some(same as usize));
    assert_eq!(expected.kind, OutputKind::ToTwilio);
    assert_eq!(actual.kind, OutputKind::ToTwilio);
    assert!(
        told.to_string().contains(&format!("output {output}")),
        "{told}"
    );
    // There is no going on after it.
    assert_eq!(replay.step(&mut bridge, &mut buf), Ok(None));
}

#[test]
fn an_input_answered_otherwise_is_found() {
    let small_text = Input::SendOpenAi(RawJson::new("{\"type\":\"a\"}").unwrap());
    let config = Config::default();
    let mut recorder = FlightRecorder::new(&config, vec![0; 4 << 10]).unwrap();
    let mut bridge = Bridge::new(config);
    let mut buf = vec![0; bridge.max_output_len()];
    let now = Duration::ZERO;
    recorder
        .apply(&mut bridge, now, Input::TwilioClosed)
        .unwrap();
    let refused = recorder.apply(&mut bridge, now, small_text);
    assert_eq!(refused, Err(Error::Closed));
    recorder.finish();
    let file = recorder.bytes();

    let mut replay = Replay::new(file).unwrap();
    let mut bridge = Bridge::new(Config::default());
    let first = replay.step(&mut bridge, &mut buf).unwrap();
    assert!(matches!(first, Some(Step::Input { result: Ok(()), .. })));
    // Another bridge, to which nothing has happened, takes it.
    let mut bridge = Bridge::new(Config::default());
    let told = replay.step(&mut bridge, &mut buf);
    let expected = ReplayError::Result {
        input: 2,
        actual: Ok(()),
    };
    assert_eq!(told, Err(expected));
}

#[test]
fn a_fingerprint_tells_outputs_apart_by_kind_and_by_text() {
    use trunkline::bridge::{Event, Output};
    let outputs = [
        Output::ToTwilio("a"),
        Output::ToOpenAi("a"),
        Output::ToTwilio("b"),
        Output::ToTwilio(""),
        Output::Event(Event::CallEnded),
        Output::Event(Event::SessionReady),
        Output::Event(Event::Mark {
            name: "a",
            heard: true,
        }),
        Output::Event(Event::Mark {
            name: "a",
            heard: false,
        }),
    ];
    let prints = outputs.map(|output| Fingerprint::of(&output));
    for (n, one) in prints.iter().enumerate() {
        assert_eq!(*one, Fingerprint::of(&outputs[n]));
        assert!(prints[..n].iter().all(|other| other != one));
    }
}

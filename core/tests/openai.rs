//! OpenAI Realtime events, read and written.

#[path = "common/cases.rs"]
mod cases;
#[path = "common/scramble.rs"]
mod scramble;

use std::fs;

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use trunkline::{
    Error, JsonStr, RawJson, SessionUpdate, base64,
    dialect::{
        AudioFormat, Model, ModelCommand, ModelEvent, ResponseStatus, Role, SessionState, Speaker,
        Usage,
    },
    openai::{Eagerness, NoiseReduction, OpenAiRealtime, TurnDetection},
};

use cases::cases;
use scramble::{Rng, scramble};

const GA: &str = include_str!("data/openai-ga-server.jsonl");
const BETA: &str = include_str!("data/openai-beta-server.jsonl");

fn recorded() -> impl Iterator<Item = &'static str> + Clone {
    GA.lines().chain(BETA.lines())
}

fn read(text: &str) -> ModelEvent<'_> {
    OpenAiRealtime
        .read(text)
        .unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The recorded event with this id.
fn line<'a>(file: &'a str, event_id: &str) -> &'a str {
    let id = format!("\"event_id\":\"{event_id}\"");
    file.lines().find(|line| line.contains(&id)).unwrap()
}

fn ga(event_id: &str) -> ModelEvent<'static> {
    read(line(GA, event_id))
}

fn beta(event_id: &str) -> ModelEvent<'static> {
    read(line(BETA, event_id))
}

fn string(text: &str) -> JsonStr<'_> {
    JsonStr::new(text).unwrap()
}

fn write(command: ModelCommand<'_>) -> Result<String, Error> {
    let mut dst = vec![0; 8192];
    let len = OpenAiRealtime.write(command, &mut dst)?;
    dst.truncate(len);
    Ok(String::from_utf8(dst).unwrap())
}

#[test]
fn what_the_bridge_has_no_use_for_is_shown_by_its_kind() {
    let mut others = 0;
    for line in recorded() {
        let value: Value = serde_json::from_str(line).unwrap();
        if let ModelEvent::Other { kind } = read(line) {
            assert_eq!(kind.to_string(), value["type"]);
            others += 1;
        }
    }
    // The rest is what the tests below name one by one.
    assert_eq!((recorded().count(), others), (62, 31));
    let text = r#"{"event_id":"e","type":"response.sung"}"#;
    assert_eq!(
        read(text),
        ModelEvent::Other {
            kind: string("response.sung")
        }
    );
}

#[test]
fn speech_of_the_model_is_read_under_both_names() {
    for event in [ga("event_24"), beta("event_1")] {
        let expected = ModelEvent::AudioDelta {
            response_id: string("resp_1"),
            item_id: string("item_a1"),
            content_index: 0,
            audio: string("//////////8="),
        };
        assert_eq!(event, expected);
    }
    for event in [ga("event_25"), beta("event_2")] {
        let expected = ModelEvent::AudioDone {
            response_id: string("resp_1"),
            item_id: string("item_a1"),
            content_index: 0,
        };
        assert_eq!(event, expected);
    }
}

#[test]
fn words_are_read_with_their_speaker() {
    let words = |item_id, response_id: Option<_>, text, is_final| ModelEvent::Transcript {
        speaker: if response_id.is_some() {
            Speaker::Model
        } else {
            Speaker::Caller
        },
        item_id: string(item_id),
        response_id: response_id.map(string),
        text: string(text),
        is_final,
    };
    assert_eq!(ga("event_14"), words("item_u1", None, "Tues", false));
    assert_eq!(
        ga("event_17"),
        ModelEvent::TranscriptionFailed {
            item_id: string("item_u1"),
            kind: string("conversation.item.input_audio_transcription.failed"),
        }
    );
    assert_eq!(
        ga("event_15"),
        words("item_u1", None, "Tuesday please.", true)
    );
    assert_eq!(
        ga("event_15b"),
        words("item_u1", None, "Tuesday please.", true)
    );
    assert_eq!(
        ga("event_23"),
        words("item_a1", Some("resp_1"), "Tuesday at", false)
    );
    let all = words("item_a1", Some("resp_1"), "Tuesday at nine is free.", true);
    assert_eq!(ga("event_26"), all);
    assert_eq!(
        ga("event_27"),
        words("item_a2", Some("resp_2"), "Tues", false)
    );
    assert_eq!(
        ga("event_28"),
        words("item_a2", Some("resp_2"), "Tuesday.", true)
    );
    for (event_id, text, is_final) in [
        ("event_3", "Tues", false),
        ("event_4", "Tuesday.", true),
        ("event_5", "Tues", false),
        ("event_6", "Tuesday.", true),
    ] {
        assert_eq!(
            beta(event_id),
            words("item_a1", Some("resp_1"), text, is_final)
        );
    }
}

#[test]
fn speech_of_the_caller_is_read_with_its_place_in_the_audio() {
    let item_id = Some(string("item_u1"));
    let started = ModelEvent::SpeechStarted {
        item_id,
        audio_start_ms: 1180,
    };
    assert_eq!(ga("event_4"), started);
    let stopped = ModelEvent::SpeechStopped {
        item_id,
        audio_end_ms: 2690,
    };
    assert_eq!(ga("event_5"), stopped);
}

#[test]
fn a_response_is_followed_from_its_creation_to_its_end() {
    let response_id = string("resp_1");
    let created = ModelEvent::ResponseCreated {
        response_id,
        out_of_band: false,
    };
    assert_eq!(ga("event_20"), created);
    let (item_id, is_message) = (string("item_a1"), true);
    let added = ModelEvent::ItemAdded {
        response_id,
        item_id,
        is_message,
    };
    assert_eq!(ga("event_21"), added);
    let (response_id, item_id, is_message) = (string("resp_6"), string("item_f1"), false);
    let added = ModelEvent::ItemAdded {
        response_id,
        item_id,
        is_message,
    };
    assert_eq!(ga("event_50"), added);

    let mut usage = Usage::default();
    (usage.total_tokens, usage.input_tokens, usage.output_tokens) = (253, 132, 121);
    (
        usage.input_text_tokens,
        usage.input_audio_tokens,
        usage.cached_tokens,
    ) = (119, 13, 64);
    usage.cached_text_tokens = 64;
    (usage.output_text_tokens, usage.output_audio_tokens) = (30, 91);
    let mut short = Usage::default();
    (short.total_tokens, short.input_tokens, short.output_tokens) = (90, 70, 20);
    let done =
        |id, status, reason: Option<_>, message: Option<_>, usage| ModelEvent::ResponseDone {
            response_id: string(id),
            status,
            reason: reason.map(string),
            message: message.map(string),
            usage,
        };
    let completed = done("resp_1", ResponseStatus::Completed, None, None, Some(usage));
    assert_eq!(ga("event_31"), completed);
    // The beta does not break the cached tokens down.
    usage.cached_text_tokens = 0;
    let completed = done("resp_1", ResponseStatus::Completed, None, None, Some(usage));
    assert_eq!(beta("event_9"), completed);
    let reason = Some("turn_detected");
    let cancelled = done(
        "resp_3",
        ResponseStatus::Cancelled,
        reason,
        None,
        Some(short),
    );
    assert_eq!(ga("event_40"), cancelled);
    let reason = Some("max_output_tokens");
    let incomplete = done("resp_4", ResponseStatus::Incomplete, reason, None, None);
    assert_eq!(ga("event_41"), incomplete);
    let (reason, message) = (Some("server_error"), Some("The server had an error."));
    let failed = done("resp_5", ResponseStatus::Failed, reason, message, None);
    assert_eq!(ga("event_42"), failed);

    let text = r#"{"type":"response.done","response":{"id":"r","status":"melted","status_details":
        {"error":{"type":"tokens","code":null}}}}"#;
    assert_eq!(
        read(text),
        done("r", ResponseStatus::Unknown, Some("tokens"), None, None)
    );
}

#[test]
fn only_an_explicit_null_puts_a_response_out_of_band() {
    for (conversation, expected) in [
        (r#","conversation_id":null"#, true),
        (r#","conversation_id":"conv_1""#, false),
        ("", false),
    ] {
        let text =
            format!(r#"{{"type":"response.created","response":{{"id":"r"{conversation}}}}}"#);
        let ModelEvent::ResponseCreated { out_of_band, .. } = read(&text) else {
            panic!()
        };
        assert_eq!(out_of_band, expected);
    }
}

#[test]
fn a_tool_call_is_reported_once_and_only_if_complete() {
    let call = ModelEvent::ToolCall {
        response_id: string("resp_6"),
        item_id: string("item_f1"),
        call_id: string("call_7"),
        name: string("lookup_slot"),
        arguments: string(r#"{\"day\":\"tue\"}"#),
    };
    assert_eq!(ga("event_53"), call);
    let calls = GA
        .lines()
        .filter(|line| matches!(read(line), ModelEvent::ToolCall { .. }));
    assert_eq!(calls.count(), 1);

    let mut event: Value = serde_json::from_str(line(GA, "event_53")).unwrap();
    for arguments in [Value::Null, json!("")] {
        event["item"]["arguments"] = arguments;
        let text = event.to_string();
        let ModelEvent::ToolCall { arguments, .. } = read(&text) else {
            panic!()
        };
        assert!(arguments.is_empty());
    }
    for status in [json!("incomplete"), json!("in_progress"), Value::Null] {
        event["item"]["status"] = status;
        let text = event.to_string();
        assert!(matches!(read(&text), ModelEvent::Other { .. }));
    }
}

#[test]
fn errors_carry_their_code_and_what_they_answer() {
    let expected = ModelEvent::Error {
        code: Some(string("invalid_value")),
        message: string("Invalid value: 'nope'."),
        event_id: Some(string("evt_9")),
    };
    assert_eq!(ga("event_60"), expected);
    let bare = ModelEvent::Error {
        code: None,
        message: string(""),
        event_id: None,
    };
    assert_eq!(read(r#"{"type":"error","error":{}}"#), bare);
    let nulls = r#"{"type":"error","error":{"code":null,"message":null,"event_id":null}}"#;
    assert_eq!(read(nulls), bare);
}

#[test]
fn sessions_are_read_nested_and_flat() {
    let mut state = SessionState::default();
    state.input = Some(AudioFormat::Pcm16 { rate_hz: 24_000 });
    state.output = state.input;
    state.creates_response = Some(true);
    state.silence_duration_ms = Some(200);
    assert_eq!(beta("event_10"), ModelEvent::SessionCreated(state));
    state.interrupts_response = Some(true);
    state.expires_at = Some(1_795_170_000);
    assert_eq!(ga("event_1"), ModelEvent::SessionCreated(state));

    let mut state = SessionState::default();
    state.input = Some(AudioFormat::Mulaw);
    state.output = state.input;
    assert_eq!(ga("event_2"), ModelEvent::SessionUpdated(state));
    assert_eq!(session(json!({})), SessionState::default());
}

/// What the reader makes of a `session` object.
fn session(session: Value) -> SessionState {
    let text = json!({"type": "session.updated", "session": session}).to_string();
    match read(&text) {
        ModelEvent::SessionUpdated(state) => state,
        other => panic!("{other:?}"),
    }
}

#[test]
fn formats_are_told_apart_and_unknown_ones_are_known_to_be_unknown() {
    for (format, expected) in [
        (
            json!({"type": "audio/pcm", "rate": 24000}),
            AudioFormat::Pcm16 { rate_hz: 24_000 },
        ),
        (
            json!({"type": "audio/pcm", "rate": 48000}),
            AudioFormat::Pcm16 { rate_hz: 48_000 },
        ),
        (
            json!({"type": "audio/pcm"}),
            AudioFormat::Pcm16 { rate_hz: 24_000 },
        ),
        (json!({"type": "audio/pcmu"}), AudioFormat::Mulaw),
        (json!({"type": "audio/pcma"}), AudioFormat::Alaw),
        (json!({"type": "audio/opus"}), AudioFormat::Unknown),
        (json!("pcm16"), AudioFormat::Pcm16 { rate_hz: 24_000 }),
        (json!("g711_ulaw"), AudioFormat::Mulaw),
        (json!("g711_alaw"), AudioFormat::Alaw),
        (json!("opus"), AudioFormat::Unknown),
    ] {
        let nested = session(json!({"audio": {"input": {"format": format}}}));
        assert_eq!((nested.input, nested.output), (Some(expected), None));
        let nested = session(json!({"audio": {"output": {"format": format}}}));
        assert_eq!((nested.input, nested.output), (None, Some(expected)));
        let flat = session(json!({"input_audio_format": format, "output_audio_format": format}));
        assert_eq!((flat.input, flat.output), (Some(expected), Some(expected)));
    }
}

#[test]
fn without_turn_detection_nothing_is_answered_or_interrupted() {
    for off in [
        json!({"audio": {"input": {"turn_detection": null}}}),
        json!({"turn_detection": null}),
    ] {
        let state = session(off);
        assert_eq!(state.creates_response, Some(false));
        assert_eq!(state.interrupts_response, Some(false));
        assert_eq!(state.silence_duration_ms, None);
    }
    let turns =
        json!({"type": "semantic_vad", "create_response": false, "interrupt_response": true});
    let state = session(json!({"audio": {"input": {"turn_detection": turns}}}));
    assert_eq!(state.creates_response, Some(false));
    assert_eq!(state.interrupts_response, Some(true));
}

#[test]
fn every_missing_or_malformed_field_is_named() {
    let missing = |name| Err(Error::MissingField { name });
    let invalid = |name| Err(Error::InvalidField { name });
    // (recorded event, place of the field, its name in errors)
    for (event_id, place, name) in [
        ("event_24", "/type", "type"),
        ("event_24", "/response_id", "response_id"),
        ("event_24", "/item_id", "item_id"),
        ("event_24", "/delta", "delta"),
        ("event_25", "/response_id", "response_id"),
        ("event_25", "/item_id", "item_id"),
        ("event_26", "/item_id", "item_id"),
        ("event_26", "/transcript", "transcript"),
        ("event_28", "/text", "text"),
        ("event_14", "/delta", "delta"),
        ("event_15", "/transcript", "transcript"),
        ("event_4", "/audio_start_ms", "audio_start_ms"),
        ("event_5", "/audio_end_ms", "audio_end_ms"),
        ("event_20", "/response", "response"),
        ("event_20", "/response/id", "response.id"),
        ("event_21", "/response_id", "response_id"),
        ("event_21", "/item", "item"),
        ("event_21", "/item/id", "item.id"),
        ("event_21", "/item/type", "item.type"),
        ("event_53", "/item", "item"),
        ("event_53", "/item/type", "item.type"),
        ("event_53", "/item/call_id", "item.call_id"),
        ("event_53", "/item/name", "item.name"),
        ("event_31", "/response", "response"),
        ("event_31", "/response/id", "response.id"),
        ("event_31", "/response/status", "response.status"),
        ("event_60", "/error", "error"),
        ("event_1", "/session", "session"),
    ] {
        let mut event: Value = serde_json::from_str(line(GA, event_id)).unwrap();
        for wrong in [json!(true), json!([]), json!(-1), json!(0.5)] {
            *event.pointer_mut(place).unwrap() = wrong;
            assert_eq!(
                OpenAiRealtime.read(&event.to_string()),
                invalid(name),
                "{event}"
            );
        }
        *event.pointer_mut(place).unwrap() = Value::Null;
        assert_eq!(
            OpenAiRealtime.read(&event.to_string()),
            missing(name),
            "{event}"
        );
        let (parent, field) = place.rsplit_once('/').unwrap();
        let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.remove(field).unwrap();
        assert_eq!(
            OpenAiRealtime.read(&event.to_string()),
            missing(name),
            "{event}"
        );
    }
    // Fields that may be missing, but not be of another type.
    for (event_id, place, name) in [
        ("event_24", "/content_index", "content_index"),
        ("event_4", "/item_id", "item_id"),
        ("event_26", "/response_id", "response_id"),
        ("event_53", "/item/status", "item.status"),
        ("event_53", "/item/arguments", "item.arguments"),
        ("event_31", "/response/usage", "response.usage"),
        (
            "event_31",
            "/response/usage/total_tokens",
            "usage.total_tokens",
        ),
        (
            "event_40",
            "/response/status_details",
            "response.status_details",
        ),
        (
            "event_40",
            "/response/status_details/reason",
            "response.status_details.reason",
        ),
        (
            "event_42",
            "/response/status_details/error",
            "response.status_details.error",
        ),
        ("event_60", "/error/code", "error.code"),
        ("event_60", "/error/message", "error.message"),
        ("event_60", "/error/event_id", "error.event_id"),
        ("event_1", "/session/audio", "session.audio"),
        ("event_1", "/session/audio/input", "session.audio.input"),
        ("event_1", "/session/audio/output", "session.audio.output"),
        (
            "event_1",
            "/session/audio/input/format",
            "session.audio.format",
        ),
        (
            "event_1",
            "/session/audio/input/format/rate",
            "session.audio.format.rate",
        ),
        (
            "event_1",
            "/session/audio/input/turn_detection",
            "session.turn_detection",
        ),
        ("event_1", "/session/expires_at", "session.expires_at"),
    ] {
        let mut event: Value = serde_json::from_str(line(GA, event_id)).unwrap();
        *event.pointer_mut(place).unwrap() = json!([{}]);
        assert_eq!(
            OpenAiRealtime.read(&event.to_string()),
            invalid(name),
            "{event}"
        );
        let (parent, field) = place.rsplit_once('/').unwrap();
        let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.remove(field).unwrap();
        assert!(OpenAiRealtime.read(&event.to_string()).is_ok(), "{event}");
    }
    let mut event: Value = serde_json::from_str(line(GA, "event_24")).unwrap();
    event["content_index"] = json!(u64::from(u32::MAX) + 1);
    assert_eq!(
        OpenAiRealtime.read(&event.to_string()),
        invalid("content_index")
    );
    for text in ["[]", "null", "3", "\"error\"", "{}"] {
        assert_eq!(OpenAiRealtime.read(text), missing("type"), "{text}");
    }
}

#[test]
fn fields_of_other_events_are_not_looked_at() {
    let text = r#"{"type":"response.new","delta":{"x":1},"item_id":7,"response":[],"session":"s"}"#;
    assert_eq!(
        read(text),
        ModelEvent::Other {
            kind: string("response.new")
        }
    );
}

#[test]
fn reading_bytes_is_reading_text_that_is_utf8() {
    let delta = line(GA, "event_24");
    assert_eq!(
        OpenAiRealtime.read_bytes(delta.as_bytes()),
        OpenAiRealtime.read(delta)
    );
    let error = Err(Error::InvalidJson { offset: 9 });
    assert_eq!(OpenAiRealtime.read_bytes(b"{\"type\":\"\xFF\"}"), error);
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn order_space_escapes_and_strangers_change_nothing(
        line in 0..recorded().count(),
        seed: u64,
    ) {
        let line = recorded().nth(line).unwrap();
        let text = scramble(&serde_json::from_str(line).unwrap(), &mut Rng(seed), true);
        prop_assert_eq!(OpenAiRealtime.read(&text), OpenAiRealtime.read(line), "{}", text);
    }

    #[test]
    fn a_broken_event_is_an_error_and_nothing_worse(
        line in 0..recorded().count(),
        seed: u64,
        changes in vec((any::<prop::sample::Index>(), any::<char>()), 0..4),
    ) {
        let value = serde_json::from_str(recorded().nth(line).unwrap()).unwrap();
        let text = scramble(&value, &mut Rng(seed), true);
        let end = text.trim_end().len();
        for (cut, _) in text.char_indices().take_while(|(cut, _)| *cut < end) {
            let error = Err(Error::InvalidJson { offset: cut });
            prop_assert_eq!(OpenAiRealtime.read(&text[..cut]), error);
        }
        let mut chars: Vec<char> = text.chars().collect();
        for (at, char) in changes {
            let at = at.index(chars.len());
            chars[at] = char;
        }
        let text = String::from_iter(chars);
        let is_json = RawJson::new(&text).is_ok();
        let result = OpenAiRealtime.read(&text);
        prop_assert_eq!(matches!(result, Err(Error::InvalidJson { .. })), !is_json);
    }

    #[test]
    fn texts_of_any_kind_arrive_as_they_were(text in ".{0,60}", id in ".{1,32}") {
        let item = |command| -> Value {
            let event: Value = serde_json::from_str(&write(command).unwrap()).unwrap();
            event["item"].clone()
        };
        let output = item(ModelCommand::ToolOutput { call_id: &id, output: &text });
        prop_assert_eq!(&output["call_id"], &*id);
        prop_assert_eq!(&output["output"], &*text);
        let message = item(ModelCommand::CreateMessage {
            event_id: &id,
            item_id: Some(&id),
            role: Role::System,
            text: &text,
        });
        prop_assert_eq!(&message["id"], &*id);
        prop_assert_eq!(&message["content"][0]["text"], &*text);
        let mut update = SessionUpdate::default();
        update.instructions = Some(&text);
        let event = write(update_session(AudioFormat::Mulaw, &update)).unwrap();
        let event: Value = serde_json::from_str(&event).unwrap();
        prop_assert_eq!(&event["session"]["instructions"], &*text);
    }

    #[test]
    fn audio_is_appended_as_base64(samples in vec(any::<i16>(), 1..600)) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        for (command, bytes) in [
            (ModelCommand::AppendPcm16(&samples), &bytes),
            (ModelCommand::AppendG711(&bytes), &bytes),
        ] {
            let text = write(command).unwrap();
            prop_assert_eq!(text.len(), OpenAiRealtime.max_append_len(bytes.len()));
            let event: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(event.as_object().unwrap().len(), 2);
            prop_assert_eq!(&event["type"], "input_audio_buffer.append");
            let mut audio = vec![0; bytes.len()];
            let decoded = base64::decode(event["audio"].as_str().unwrap().as_bytes(), &mut audio);
            prop_assert_eq!(decoded, Ok(bytes.len()));
            prop_assert_eq!(&audio, bytes);
        }
    }
}

fn update_session<'a>(audio: AudioFormat, session: &'a SessionUpdate<'a>) -> ModelCommand<'a> {
    ModelCommand::UpdateSession {
        event_id: "evt_1",
        audio,
        session,
    }
}

/// Every kind of client event we make, in each of its forms, with what it must say.
fn client_events() -> Vec<(String, Value)> {
    const PCM: AudioFormat = AudioFormat::Pcm16 { rate_hz: 24_000 };
    let mut events = Vec::new();
    let mut event = |command, expected| events.push((write(command).unwrap(), expected));

    let default = SessionUpdate::default();
    event(
        update_session(PCM, &default),
        json!({"type": "session.update", "event_id": "evt_1", "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": null,
                    "turn_detection": {
                        "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300,
                        "silence_duration_ms": 500, "create_response": true,
                        "interrupt_response": true,
                    },
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}},
            },
        }}),
    );
    let tools = r#"[{"type":"function","name":"lookup_slot","description":"Find a free slot.",
        "parameters":{"type":"object","properties":{"day":{"type":"string"}}}}]"#;
    let extra = r#"{"max_output_tokens":1024,"tracing":null,"reasoning":{"effort":"low"}}"#;
    let mut full = SessionUpdate::default();
    full.instructions = Some("Be \"brief\".");
    full.voice = Some("marin");
    full.speed = Some(1.25);
    full.transcription_model = Some("gpt-transcribe");
    full.transcription_language = Some("en");
    full.transcription_prompt = Some("Dr Okafor, Invisalign");
    full.noise_reduction = Some(NoiseReduction::NearField);
    full.turn_detection = TurnDetection::SemanticVad {
        eagerness: Eagerness::Low,
        create_response: false,
        interrupt_response: true,
    };
    full.tools = Some(RawJson::new(tools).unwrap());
    full.tool_choice = Some(RawJson::new("\"auto\"").unwrap());
    full.extra = Some(RawJson::new(extra).unwrap());
    event(
        update_session(AudioFormat::Mulaw, &full),
        json!({"type": "session.update", "event_id": "evt_1", "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": "Be \"brief\".",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcmu"},
                    "noise_reduction": {"type": "near_field"},
                    "transcription": {
                        "model": "gpt-transcribe", "language": "en",
                        "prompt": "Dr Okafor, Invisalign",
                    },
                    "turn_detection": {
                        "type": "semantic_vad", "eagerness": "low", "create_response": false,
                        "interrupt_response": true,
                    },
                },
                "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.25},
            },
            "tools": serde_json::from_str::<Value>(tools).unwrap(),
            "tool_choice": "auto",
            "max_output_tokens": 1024,
            "tracing": null,
            "reasoning": {"effort": "low"},
        }}),
    );
    let mut idle = SessionUpdate::default();
    idle.turn_detection = idle_timeout(15_000);
    event(
        update_session(PCM, &idle),
        json!({"type": "session.update", "event_id": "evt_1", "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": null,
                    "turn_detection": {
                        "type": "server_vad", "threshold": 0.25, "prefix_padding_ms": 0,
                        "silence_duration_ms": 200, "idle_timeout_ms": 15_000,
                        "create_response": true, "interrupt_response": false,
                    },
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}},
            },
        }}),
    );
    let mut manual = SessionUpdate::default();
    manual.instructions = Some("");
    manual.noise_reduction = Some(NoiseReduction::FarField);
    manual.turn_detection = TurnDetection::Off;
    manual.tools = Some(RawJson::new("[]").unwrap());
    manual.tool_choice = Some(RawJson::new(r#"{"type":"function","name":"f"}"#).unwrap());
    manual.extra = Some(RawJson::new("{}").unwrap());
    event(
        update_session(AudioFormat::Alaw, &manual),
        json!({"type": "session.update", "event_id": "evt_1", "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": "",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcma"},
                    "noise_reduction": {"type": "far_field"},
                    "transcription": null,
                    "turn_detection": null,
                },
                "output": {"format": {"type": "audio/pcma"}},
            },
            "tools": [],
            "tool_choice": {"type": "function", "name": "f"},
        }}),
    );

    event(
        ModelCommand::AppendPcm16(&[0, 1, -1]),
        json!({"type": "input_audio_buffer.append", "audio": "AAABAP//"}),
    );
    event(
        ModelCommand::AppendG711(&[0xFF; 8]),
        json!({"type": "input_audio_buffer.append", "audio": "//////////8="}),
    );
    event(
        ModelCommand::CommitAudio { event_id: "evt_2" },
        json!({"type": "input_audio_buffer.commit", "event_id": "evt_2"}),
    );
    event(
        ModelCommand::ClearAudio { event_id: "" },
        json!({"type": "input_audio_buffer.clear"}),
    );

    let response = r#"{"instructions":"Greet the caller.","output_modalities":["audio"],
        "metadata":{"purpose":"greeting"}}"#;
    event(
        ModelCommand::CreateResponse {
            event_id: "",
            response: None,
        },
        json!({"type": "response.create"}),
    );
    event(
        ModelCommand::CreateResponse {
            event_id: "evt_3",
            response: Some(RawJson::new(response).unwrap()),
        },
        json!({
            "type": "response.create", "event_id": "evt_3",
            "response": serde_json::from_str::<Value>(response).unwrap(),
        }),
    );
    event(
        ModelCommand::CancelResponse {
            event_id: "evt_4",
            response_id: None,
        },
        json!({"type": "response.cancel", "event_id": "evt_4"}),
    );
    event(
        ModelCommand::CancelResponse {
            event_id: "",
            response_id: Some("resp_1"),
        },
        json!({"type": "response.cancel", "response_id": "resp_1"}),
    );

    event(
        ModelCommand::TruncateItem {
            event_id: "evt_t1",
            item_id: "item_a1",
            content_index: 0,
            audio_end_ms: 1240,
        },
        json!({
            "type": "conversation.item.truncate", "event_id": "evt_t1", "item_id": "item_a1",
            "content_index": 0, "audio_end_ms": 1240,
        }),
    );
    event(
        ModelCommand::DeleteItem {
            event_id: "evt_d1",
            item_id: "item_a1",
        },
        json!({"type": "conversation.item.delete", "event_id": "evt_d1", "item_id": "item_a1"}),
    );
    for (role, name, part) in [
        (Role::User, "user", "input_text"),
        (Role::System, "system", "input_text"),
        (Role::Assistant, "assistant", "output_text"),
    ] {
        let content = json!([{"type": part, "text": "Tuesday at nine\nis free."}]);
        let (event_id, text) = ("evt_m1", "Tuesday at nine\nis free.");
        event(
            ModelCommand::CreateMessage {
                event_id,
                item_id: None,
                role,
                text,
            },
            json!({
                "type": "conversation.item.create", "event_id": "evt_m1",
                "item": {"type": "message", "role": name, "content": content},
            }),
        );
        event(
            ModelCommand::CreateMessage {
                event_id,
                item_id: Some("msg_1"),
                role,
                text,
            },
            json!({
                "type": "conversation.item.create", "event_id": "evt_m1",
                "item": {"type": "message", "id": "msg_1", "role": name, "content": content},
            }),
        );
    }
    event(
        ModelCommand::CreateToolCall {
            event_id: "",
            call_id: "call_7",
            name: "lookup_slot",
            arguments: r#"{"day":"tue"}"#,
        },
        json!({"type": "conversation.item.create", "item": {
            "type": "function_call", "call_id": "call_7", "name": "lookup_slot",
            "arguments": r#"{"day":"tue"}"#,
        }}),
    );
    event(
        ModelCommand::ToolOutput {
            call_id: "call_7",
            output: r#"{"slots":["09:00"]}"#,
        },
        json!({"type": "conversation.item.create", "item": {
            "type": "function_call_output", "call_id": "call_7",
            "output": r#"{"slots":["09:00"]}"#,
        }}),
    );
    events
}

/// Leaves the events in a file for `official/test_openai_types.py`, which shows them to the types
/// of the official client.
#[test]
fn every_client_event_says_what_it_must_and_nothing_else() {
    let mut lines = String::new();
    for (text, expected) in client_events() {
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        // White space in the caller's own JSON is kept; a line must be one.
        lines.push_str(&text.replace('\n', " "));
        lines.push('\n');
    }
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/openai-client-events.jsonl");
    fs::write(path, lines).unwrap();
}

#[test]
fn a_short_buffer_is_told_what_is_needed_and_left_alone() {
    let session = SessionUpdate::default();
    for command in [
        ModelCommand::AppendPcm16(&[7; 30]),
        ModelCommand::CommitAudio { event_id: "evt_\n" },
        ModelCommand::ToolOutput {
            call_id: "call_7",
            output: "\"é\"",
        },
        update_session(AudioFormat::Mulaw, &session),
    ] {
        let needed = write(command).unwrap().len();
        let mut dst = vec![0; needed];
        assert_eq!(OpenAiRealtime.write(command, &mut dst), Ok(needed));
        for actual in 0..needed {
            let mut dst = vec![0xA5; actual];
            let error = Error::BufferTooShort { needed, actual };
            assert_eq!(OpenAiRealtime.write(command, &mut dst), Err(error));
            assert!(dst.iter().all(|&byte| byte == 0xA5));
        }
    }
}

#[test]
fn what_the_server_would_refuse_is_not_written() {
    let invalid = |name| Err(Error::InvalidField { name });
    let event_id = "";
    let long_id = "i".repeat(33);
    let long_event_id = "é".repeat(513);

    assert_eq!(write(ModelCommand::AppendPcm16(&[])), invalid("audio"));
    assert_eq!(write(ModelCommand::AppendG711(&[])), invalid("audio"));
    let huge = vec![0; (15 << 20) / 4 * 3];
    let error = write(ModelCommand::AppendG711(&huge)).unwrap_err();
    assert!(matches!(
        error,
        Error::MessageTooLong {
            limit: 0xF0_0000,
            ..
        }
    ));

    let commit = ModelCommand::CommitAudio {
        event_id: &long_event_id,
    };
    assert_eq!(write(commit), invalid("event_id"));
    let commit = ModelCommand::CommitAudio {
        event_id: &long_event_id[2..],
    };
    assert!(write(commit).is_ok());

    let array = Some(RawJson::new("[]").unwrap());
    let create = ModelCommand::CreateResponse {
        event_id,
        response: array,
    };
    assert_eq!(write(create), invalid("response"));
    let cancel = ModelCommand::CancelResponse {
        event_id,
        response_id: Some(""),
    };
    assert_eq!(write(cancel), invalid("response_id"));
    let delete = ModelCommand::DeleteItem {
        event_id,
        item_id: "",
    };
    assert_eq!(write(delete), invalid("item_id"));
    let (item_id, content_index, audio_end_ms) = ("", 0, 0);
    let truncate = ModelCommand::TruncateItem {
        event_id,
        item_id,
        content_index,
        audio_end_ms,
    };
    assert_eq!(write(truncate), invalid("item_id"));
    for id in ["", &long_id] {
        let (item_id, role, text) = (Some(id), Role::User, "");
        let message = ModelCommand::CreateMessage {
            event_id,
            item_id,
            role,
            text,
        };
        assert_eq!(write(message), invalid("item.id"));
        let (call_id, name, arguments) = (id, "f", "{}");
        let call = ModelCommand::CreateToolCall {
            event_id,
            call_id,
            name,
            arguments,
        };
        assert_eq!(write(call), invalid("item.call_id"));
    }
    let (call_id, name, arguments) = ("c", "", "{}");
    let call = ModelCommand::CreateToolCall {
        event_id,
        call_id,
        name,
        arguments,
    };
    assert_eq!(write(call), invalid("item.name"));
    let output = ModelCommand::ToolOutput {
        call_id: "",
        output: "",
    };
    assert_eq!(write(output), invalid("item.call_id"));
}

#[test]
fn a_session_the_server_would_refuse_is_not_written() {
    type Update = SessionUpdate<'static>;
    let update = |audio, change: fn(&mut Update)| {
        let mut session = SessionUpdate::default();
        change(&mut session);
        write(update_session(audio, &session))
    };
    let refuses = |name, change: fn(&mut Update)| {
        assert_eq!(
            update(AudioFormat::Mulaw, change),
            Err(Error::InvalidField { name })
        );
    };
    for audio in [AudioFormat::Pcm16 { rate_hz: 16_000 }, AudioFormat::Unknown] {
        let error = Error::InvalidField {
            name: "session.audio.format",
        };
        assert_eq!(update(audio, |_| {}), Err(error));
    }
    refuses("session.audio.output.voice", |session| {
        session.voice = Some("")
    });
    refuses("session.audio.output.speed", |session| {
        session.speed = Some(0.2)
    });
    refuses("session.audio.output.speed", |session| {
        session.speed = Some(1.6)
    });
    refuses("session.audio.output.speed", |session| {
        session.speed = Some(f32::NAN)
    });
    refuses("session.audio.input.transcription.model", |session| {
        session.transcription_model = Some("");
    });
    refuses("session.audio.input.transcription.language", |session| {
        session.transcription_language = Some("en");
    });
    refuses("session.audio.input.transcription.prompt", |session| {
        session.transcription_prompt = Some("names");
    });
    refuses(
        "session.audio.input.turn_detection.idle_timeout_ms",
        |session| {
            session.turn_detection = idle_timeout(4_999);
        },
    );
    refuses(
        "session.audio.input.turn_detection.idle_timeout_ms",
        |session| {
            session.turn_detection = idle_timeout(30_001);
        },
    );
    refuses("session.tools", |session| {
        session.tools = RawJson::new("{}").ok()
    });
    refuses("session.tool_choice", |session| {
        session.tool_choice = RawJson::new("null").ok()
    });
    for threshold in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
        let mut session = SessionUpdate::default();
        let TurnDetection::ServerVad {
            threshold: ref mut ours,
            ..
        } = session.turn_detection
        else {
            panic!();
        };
        *ours = threshold;
        let error = Error::InvalidField {
            name: "session.audio.input.turn_detection.threshold",
        };
        assert_eq!(
            write(update_session(AudioFormat::Mulaw, &session)),
            Err(error)
        );
    }
    // What we write ourselves, what the beta had, what is there twice, what is no object.
    for extra in [
        "type",
        "audio",
        "output_modalities",
        "instr\\u0075ctions",
        "tools",
        "tool_choice",
        "voice",
        "temperature",
        "turn_detection",
        "prompt\":1,\"prompt",
    ] {
        let extra = format!("{{\"{extra}\":1}}");
        let mut session = SessionUpdate::default();
        session.instructions = Some("");
        session.tools = RawJson::new("[]").ok();
        session.tool_choice = RawJson::new("\"none\"").ok();
        session.extra = RawJson::new(&extra).ok();
        let error = Error::InvalidField {
            name: "session.extra",
        };
        assert_eq!(
            write(update_session(AudioFormat::Mulaw, &session)),
            Err(error),
            "{extra}"
        );
    }
    refuses("session.extra", |session| {
        session.extra = RawJson::new("[]").ok()
    });
    // What we do not write, `extra` may.
    let extra = |session: &mut Update| {
        session.extra = RawJson::new(r#"{"instructions":"x","tools":[],"prompt":null}"#).ok();
    };
    assert!(update(AudioFormat::Mulaw, extra).is_ok());
}

fn idle_timeout(ms: u32) -> TurnDetection {
    TurnDetection::ServerVad {
        threshold: 0.25,
        prefix_padding_ms: 0,
        silence_duration_ms: 200,
        idle_timeout_ms: Some(ms),
        create_response: true,
        interrupt_response: false,
    }
}

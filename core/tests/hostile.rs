//! Messages that no honest peer sends: refused or survived, never a panic, a hang or a trace.

mod common;

use core::time::Duration;

use common::{
    Call, Input, Out, Reply, Say, Setup,
    caller::STREAM_SID,
    config,
    io::{Exchange, drain, replay},
    ms,
    rng::Rng,
    wire::{encode, read_to_openai, read_to_twilio},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use trunkline::{Bridge, Error};

/// A call with everything in it: greeting, turns, a tool call, a barge-in, keys, marks, the end.
fn lively() -> Call {
    let mut call = Call::started(Setup {
        jitter: ms(15),
        ..Setup::mulaw()
    });
    let tool = vec![
        Say::speech(200),
        Say::call("call_1", "lookup", "{\"day\":\"tue\"}"),
    ];
    call.model.replies.extend([
        Reply::speech(600),
        Reply::items(tool),
        Reply::speech(300),
        Reply::speech(3_000).speed(2),
        Reply::speech(500),
    ]);
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(400));
    call.command(Input::Mark("greeted".into())).unwrap();
    call.run_until_quiet();
    call.turn();
    call.run_until_quiet();
    call.command(Input::ToolOutput("call_1".into(), "\"nine\"".into()))
        .unwrap();
    call.run_until_quiet();
    call.turn();
    call.run_for(ms(900));
    call.turn();
    let digit = call.caller.dtmf('7');
    call.twilio_sends(digit);
    call.model.emit(
        json!({"type": "error", "error": {"type": "x", "code": "server_error",
        "message": "No.", "param": null, "event_id": null}}),
    );
    call.run_until_quiet();
    call.caller.next_frame = None;
    let stop = call.caller.stop();
    call.twilio_sends(stop);
    call.run_for(ms(500));
    assert!(call.bridge.is_closed());
    let end = call
        .log
        .iter()
        .rposition(|exchange| exchange.result.is_ok())
        .unwrap();
    call.log.truncate(end + 1);
    call
}

fn text(input: &Input) -> Option<&str> {
    match input {
        Input::Twilio(text) | Input::OpenAi(text) => Some(text),
        _ => None,
    }
}

fn with_text(input: &Input, text: &str) -> Input {
    match input {
        Input::Twilio(_) => Input::Twilio(text.into()),
        _ => Input::OpenAi(text.into()),
    }
}

/// Where each kind of message comes first in `log`.
fn kinds(log: &[Exchange]) -> Vec<usize> {
    let mut seen = Vec::new();
    let mut first = Vec::new();
    for (index, exchange) in log.iter().enumerate() {
        let Some(text) = text(&exchange.input) else {
            continue;
        };
        let message: Value = serde_json::from_str(text).unwrap();
        let mut kind = format!("{}{}", message["type"], message["event"]);
        kind += message["item"]["type"].as_str().unwrap_or_default();
        if !seen.contains(&kind) {
            seen.push(kind);
            first.push(index);
        }
    }
    assert!(first.len() > 25, "{seen:?}");
    first
}

fn check(outputs: &[Out]) {
    for output in outputs {
        let verdict = match output {
            Out::ToTwilio(text) => read_to_twilio(text, STREAM_SID).map(drop),
            Out::ToOpenAi(text) => read_to_openai(text).map(drop),
            Out::Event(_) => Ok(()),
        };
        verdict.unwrap_or_else(|reason| panic!("{output:?}: {reason}"));
    }
}

/// Feeds `hostile` before the exchange at `index` of a clean call. Refused, it must leave no trace
/// in the rest of the call; taken, it must do no harm. Returns whether it was refused.
fn probe(call: &Call, index: usize, hostile: &str) -> bool {
    let mut bridge = Bridge::new(call.setup.config.clone());
    replay(&mut bridge, &call.log[..index]);
    let mut buf = vec![0; bridge.max_output_len()];
    let before = (*bridge.stats(), bridge.poll_timeout());
    let here = &call.log[index];
    let now = Duration::from_micros(here.at);
    let result = with_text(&here.input, hostile).apply(&mut bridge, now);
    let outputs = drain(&mut bridge, &mut buf);
    check(&outputs);
    let rest = &call.log[index..];
    if result.is_err() {
        let told = || hostile.chars().take(300).collect::<String>();
        assert!(outputs.is_empty(), "refused, yet answered: {}", told());
        assert_eq!(
            before,
            (*bridge.stats(), bridge.poll_timeout()),
            "{}",
            told()
        );
        for (outputs, exchange) in replay(&mut bridge, rest).iter().zip(rest) {
            assert_eq!(*outputs, exchange.outputs, "after {}", told());
        }
    } else {
        for exchange in rest {
            // What is right in a clean call may be out of place in this one.
            let now = Duration::from_micros(exchange.at);
            let _ = exchange.input.apply(&mut bridge, now);
            check(&drain(&mut bridge, &mut buf));
        }
    }
    assert!(bridge.is_closed());
    result.is_err()
}

/// As [`probe`], for many messages at once: refused ones leave no trace, so one bridge does.
fn probe_all(call: &Call, hostile: impl Fn(usize, &str) -> Vec<String>) -> usize {
    let mut bridge = Bridge::new(call.setup.config.clone());
    let mut buf = vec![0; bridge.max_output_len()];
    let mut refused = 0;
    for (index, exchange) in call.log.iter().enumerate() {
        let now = Duration::from_micros(exchange.at);
        if let Some(text) = text(&exchange.input) {
            let before = (*bridge.stats(), bridge.poll_timeout());
            for bad in hostile(index, text) {
                let result = with_text(&exchange.input, &bad).apply(&mut bridge, now);
                assert!(result.is_err(), "taken: {bad}");
                assert_eq!(bridge.poll_output(&mut buf), Ok(None), "answered: {bad}");
                refused += 1;
            }
            assert_eq!(before, (*bridge.stats(), bridge.poll_timeout()));
        }
        assert_eq!(exchange.input.apply(&mut bridge, now), exchange.result);
        assert_eq!(drain(&mut bridge, &mut buf), exchange.outputs);
    }
    assert!(bridge.is_closed());
    refused
}

#[test]
fn a_message_cut_off_at_any_byte_is_refused_and_leaves_no_trace() {
    let call = lively();
    let kinds = kinds(&call.log);
    let refused = probe_all(&call, |index, text| {
        // Each kind at every byte, the many others at a few.
        let step = if kinds.contains(&index) {
            1
        } else {
            text.len() / 3 + 1
        };
        let cuts = (0..text.len())
            .step_by(step)
            .filter(|&cut| text.is_char_boundary(cut));
        cuts.map(|cut| text[..cut].to_owned()).collect()
    });
    assert!(refused > 10_000, "{refused}");
}

#[test]
fn a_message_with_more_after_its_end_is_refused_and_leaves_no_trace() {
    let call = lively();
    probe_all(&call, |_, text| {
        ["}", "{}", "\0", ",", "x", "]"]
            .map(|more| format!("{text}{more}"))
            .into()
    });
}

#[test]
fn text_that_is_no_message_at_all_is_refused_and_leaves_no_trace() {
    let call = lively();
    let deep = "[".repeat(30_000);
    let deeper = format!(
        "{{\"type\":\"x\",\"event\":\"x\",\"a\":{}{}}}",
        &deep,
        "]".repeat(30_000)
    );
    let objects = format!("{}1{}", "{\"a\":".repeat(9_000), "}".repeat(9_000));
    let junk = [
        "",
        " ",
        "null",
        "7",
        "[]",
        "\"text\"",
        "{}",
        "{\"type\":7,\"event\":7}",
    ];
    let mut junk: Vec<String> = junk.map(str::to_owned).into();
    junk.extend([
        deep,
        deeper,
        objects,
        "\u{FEFF}{}".into(),
        "{\"a\":\"\u{1}\"}".into(),
    ]);
    junk.push("\u{0}".repeat(1_000));
    for index in kinds(&call.log) {
        for text in &junk {
            probe(&call, index, text);
        }
    }
}

/// Every way to spoil one member of `message`.
fn spoiled(message: &Value) -> Vec<String> {
    let mut all = Vec::new();
    let mut paths = Vec::new();
    collect(message, String::new(), &mut paths);
    for path in paths {
        let (parent, key) = path.rsplit_once('/').unwrap();
        let mut without = message.clone();
        if let Some(Value::Object(object)) = without.pointer_mut(parent) {
            object.remove(&key.replace("~1", "/").replace("~0", "~"));
            all.push(without.to_string());
        }
        let long = "x".repeat(5_000);
        let values = [
            json!(null),
            json!(true),
            json!(-1),
            json!(1.5),
            json!(18_446_744_073_709_551_615_u64),
            json!(""),
            json!("99999999999999999999999"),
            json!("-1"),
            json!("\u{0}\u{7F}é\u{10FFFF}\"\\"),
            json!(long),
            json!([]),
            json!({}),
            json!([[[{"type": "x"}]]]),
        ];
        for value in values {
            let mut changed = message.clone();
            *changed.pointer_mut(&path).unwrap() = value;
            all.push(changed.to_string());
        }
        // Numbers that serde_json's `Value` does not hold.
        let mut changed = message.clone();
        *changed.pointer_mut(&path).unwrap() = json!("@");
        for number in [
            "1e400",
            "-0",
            "1E-400",
            "123456789012345678901234567890",
            "0.0000000000001",
        ] {
            all.push(changed.to_string().replace("\"@\"", number));
        }
    }
    all
}

fn collect(value: &Value, path: String, paths: &mut Vec<String>) {
    let mut add = |key: String, value: &Value| {
        let path = format!("{path}/{key}");
        paths.push(path.clone());
        collect(value, path, paths);
    };
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                add(key.replace('~', "~0").replace('/', "~1"), value);
            }
        }
        Value::Array(array) => {
            for (index, value) in array.iter().enumerate() {
                add(index.to_string(), value);
            }
        }
        _ => {}
    }
}

#[test]
fn a_message_with_one_member_missing_or_wrong_is_refused_or_does_no_harm() {
    let call = lively();
    let mut rng = Rng::new(7);
    let mut refused = 0;
    for index in kinds(&call.log) {
        let message: Value = serde_json::from_str(text(&call.log[index].input).unwrap()).unwrap();
        let all = spoiled(&message);
        // All of them take a minute; a share is drawn, more of it where more cases are asked for.
        let share = (100 * u64::from(config(12).cases) / all.len() as u64).max(1);
        for hostile in all {
            if rng.chance(share) && probe(&call, index, &hostile) {
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn a_key_twice_is_refused_or_does_no_harm() {
    let call = lively();
    for index in kinds(&call.log) {
        let text = text(&call.log[index].input).unwrap();
        let message: Value = serde_json::from_str(text).unwrap();
        for key in message.as_object().unwrap().keys() {
            for value in ["null", "1", "\"x\"", "{}", "[]", &message[key].to_string()] {
                probe(
                    &call,
                    index,
                    &text.replacen('{', &format!("{{\"{key}\":{value},"), 1),
                );
                let end = text.len() - 1;
                probe(
                    &call,
                    index,
                    &format!("{},\"{key}\":{value}}}", &text[..end]),
                );
            }
        }
    }
}

#[test]
fn numbers_as_strings_and_strings_as_numbers_are_understood() {
    let call = lively();
    let mut bridge = Bridge::new(call.setup.config.clone());
    let mut buf = vec![0; bridge.max_output_len()];
    let swap = |value: &mut Value| match value {
        Value::String(text) => *value = json!(text.parse::<u64>().unwrap()),
        Value::Number(number) => *value = json!(number.to_string()),
        other => panic!("{other}"),
    };
    let paths = [
        "/sequenceNumber",
        "/media/timestamp",
        "/media/chunk",
        "/audio_start_ms",
        "/audio_end_ms",
        "/content_index",
        "/output_index",
    ];
    let mut swapped = 0;
    for exchange in &call.log {
        let mut input = exchange.input.clone();
        if let Some(text) = text(&exchange.input) {
            let mut message: Value = serde_json::from_str(text).unwrap();
            for path in paths {
                if let Some(value) = message.pointer_mut(path) {
                    swap(value);
                    swapped += 1;
                }
            }
            input = with_text(&input, &message.to_string());
        }
        let now = Duration::from_micros(exchange.at);
        assert_eq!(input.apply(&mut bridge, now), exchange.result, "{input:?}");
        assert_eq!(drain(&mut bridge, &mut buf), exchange.outputs, "{input:?}");
    }
    assert!(swapped > 1_000, "{swapped}");
}

#[test]
fn the_order_of_keys_white_space_and_unknown_members_change_nothing() {
    let call = lively();
    let mut bridge = Bridge::new(call.setup.config.clone());
    let mut buf = vec![0; bridge.max_output_len()];
    for exchange in &call.log {
        let mut input = exchange.input.clone();
        if let Some(text) = text(&exchange.input) {
            let message: Value = serde_json::from_str(text).unwrap();
            input = with_text(&input, &restyled(&message, 0));
        }
        let now = Duration::from_micros(exchange.at);
        assert_eq!(input.apply(&mut bridge, now), exchange.result, "{input:?}");
        let outputs = drain(&mut bridge, &mut buf);
        for (output, clean) in outputs.iter().zip(&exchange.outputs) {
            match (output, clean) {
                // The parameters are told as they came.
                (Out::Event(common::Ev::CallStarted { .. }), _) => {}
                _ => assert_eq!(output, clean, "{input:?}"),
            }
        }
        assert_eq!(outputs.len(), exchange.outputs.len());
    }
}

/// `value` with its keys backwards, spread out, with escapes and with members nobody knows.
fn restyled(value: &Value, depth: usize) -> String {
    match value {
        Value::Object(object) => {
            let member = |(key, value): (&String, &Value)| {
                format!(
                    "\n\t{} :\r\n {}",
                    Value::from(key.as_str()),
                    restyled(value, depth + 1)
                )
            };
            let mut members: Vec<_> = object.iter().map(member).collect();
            members.reverse();
            let unknown =
                "\"zz_unknown\": [ {\"type\": \"error\", \"delta\": \"//\"} , -1.5e+3, null ]";
            // Tool arguments and call parameters are data: nothing may be added there.
            if depth < 2 {
                members.insert(members.len() / 2, unknown.into());
            }
            format!(" {{ {} }} ", members.join(" ,"))
        }
        Value::Array(array) => {
            let items: Vec<_> = array
                .iter()
                .map(|value| restyled(value, depth + 1))
                .collect();
            format!("[ {} ]", items.join(" , "))
        }
        // As many encoders write it, in base64 above all.
        Value::String(_) => value.to_string().replace('/', "\\/"),
        other => other.to_string(),
    }
}

#[test]
fn twilio_messages_out_of_place_are_refused_or_do_no_harm() {
    let call = lively();
    let started = call
        .log
        .iter()
        .position(|exchange| text(&exchange.input).is_some_and(|text| text.contains("\"start\"")));
    let started = started.unwrap();
    let media = call
        .log
        .iter()
        .position(|exchange| text(&exchange.input).is_some_and(|text| text.contains("\"media\"")));
    let media = media.unwrap();
    let of = |index: usize| text(&call.log[index].input).unwrap();
    // Before the start, from another stream, and a second start.
    for early in [
        of(media),
        &of(call.log.len() - 1).replace(STREAM_SID, "MZ0"),
    ] {
        probe(&call, started, early);
    }
    let other = STREAM_SID.replace('2', "4");
    assert!(probe(&call, media, &of(media).replace(STREAM_SID, &other)));
    probe(&call, media, of(started));
    assert!(probe(
        &call,
        media,
        &of(started).replace(STREAM_SID, &other)
    ));
    assert!(probe(&call, media, &of(started).replace("8000", "16000")));
}

#[test]
fn media_that_is_not_base64_is_refused_and_leaves_no_trace() {
    let call = lively();
    let payloads = [
        "/", "//", "///", "//=", "/===", "////=", "//9=", "//8", "//8==", "*///", "é///",
    ];
    probe_all(&call, |_, text| {
        let mut message: Value = serde_json::from_str(text).unwrap();
        if message["event"] != "media" {
            return Vec::new();
        }
        let spoil = |payload: &&str| {
            message["media"]["payload"] = (*payload).into();
            message.to_string()
        };
        let mut spoil = spoil;
        payloads.iter().map(&mut spoil).collect()
    });
}

#[test]
fn time_stamps_that_leap_never_make_more_silence_than_the_limit() {
    let mut call = Call::started(Setup::mulaw());
    let leaps = [
        3_600_000,
        u64::MAX,
        0,
        u64::MAX / 2,
        1,
        86_400_000,
        5,
        u64::MAX - 1,
        400,
    ];
    for stamp in leaps {
        let mut media: Value = serde_json::from_str(&call.caller.frame()).unwrap();
        media["media"]["timestamp"] = stamp.to_string().into();
        let before = call.bridge.stats().appended_samples;
        let now = Duration::from_micros(call.now);
        // Too large a number may be refused.
        let _ = call.bridge.handle_twilio(now, &media.to_string());
        let mut buf = vec![0; call.bridge.max_output_len()];
        check(&drain(&mut call.bridge, &mut buf));
        let appended = call.bridge.stats().appended_samples - before;
        assert!(
            appended <= 10 * 8_000 + 160,
            "{appended} samples for a stamp of {stamp}"
        );
    }
    // Time goes on as it was: the caller is heard again.
    let before = call.model.input.len();
    call.run_for(ms(12_000));
    assert!(call.model.input.len() > before + 8 * 1_000);
}

#[test]
fn a_text_too_long_for_the_queue_is_refused_and_leaves_no_trace() {
    let call = lively();
    let long = "word ".repeat(8_000);
    let mut refused = 0;
    for index in kinds(&call.log) {
        let mut message: Value =
            serde_json::from_str(text(&call.log[index].input).unwrap()).unwrap();
        for path in ["/transcript", "/delta", "/item/arguments", "/error/message"] {
            if message.pointer(path).is_some() {
                *message.pointer_mut(path).unwrap() = long.as_str().into();
                refused += usize::from(probe(&call, index, &message.to_string()));
            }
        }
    }
    assert!(refused > 0);
}

/// Something done to a recorded call.
#[derive(Clone, Debug)]
enum Edit {
    Drop(usize),
    Repeat(usize),
    Swap(usize, usize),
    /// Replaces one ASCII character of a message.
    Flip {
        message: usize,
        at: usize,
        with: u8,
    },
    /// Puts a piece of one message into another.
    Splice {
        from: usize,
        into: usize,
        at: usize,
        len: usize,
    },
    Timeout(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let any = 0_usize..100_000;
    prop_oneof![
        any.clone().prop_map(Edit::Drop),
        any.clone().prop_map(Edit::Repeat),
        (any.clone(), any.clone()).prop_map(|(a, b)| Edit::Swap(a, b)),
        (any.clone(), any.clone(), 0_u8..128).prop_map(|(message, at, with)| Edit::Flip {
            message,
            at,
            with
        }),
        (any.clone(), any.clone(), any.clone(), 1_usize..60).prop_map(|(from, into, at, len)| {
            Edit::Splice {
                from,
                into,
                at,
                len,
            }
        }),
        any.prop_map(Edit::Timeout),
    ]
}

fn edited(log: &[Exchange], edits: &[Edit]) -> Vec<Input> {
    let mut inputs: Vec<Input> = log.iter().map(|exchange| exchange.input.clone()).collect();
    for edit in edits {
        let count = inputs.len();
        match *edit {
            Edit::Drop(n) => drop(inputs.remove(n % count)),
            Edit::Repeat(n) => inputs.insert(n % count, inputs[n % count].clone()),
            Edit::Swap(a, b) => inputs.swap(a % count, b % count),
            Edit::Timeout(n) => inputs.insert(n % count, Input::Timeout),
            Edit::Flip { message, at, with } => {
                let input = &mut inputs[message % count];
                if let Some(text) = text(input) {
                    let mut bytes = text.as_bytes().to_vec();
                    let at = at % bytes.len();
                    bytes[at] = with;
                    if let Ok(text) = core::str::from_utf8(&bytes) {
                        *input = with_text(input, text);
                    }
                }
            }
            Edit::Splice {
                from,
                into,
                at,
                len,
            } => {
                let piece = text(&inputs[from % count]).unwrap_or("{}");
                let start = at % piece.len();
                let piece = piece.get(start..piece.len().min(start + len)).unwrap_or("");
                let piece = piece.to_owned();
                let input = &mut inputs[into % count];
                if let Some(text) = text(input) {
                    let mut text = text.to_owned();
                    let at = at % text.len();
                    if text.is_char_boundary(at) {
                        text.insert_str(at, &piece);
                    }
                    *input = with_text(input, &text);
                }
            }
        }
    }
    inputs
}

/// An event of the model with ids of a small set, so that they often mean something.
fn model_event() -> impl Strategy<Value = String> {
    let ids = (0_u8..4, 0_u8..6, 0_u32..3, 0_u64..100_000);
    (0_usize..18, ids, prop::collection::vec(any::<u8>(), 0..2_000), any::<u8>()).prop_map(
        |(kind, (response, item, part, ms), audio, odd)| {
            let place = |kind: &str| {
                let part = if odd == 0 { u32::MAX } else { part };
                json!({"type": kind, "event_id": "e", "response_id": format!("resp_{response}"),
                    "item_id": format!("item_{item}"), "output_index": 0, "content_index": part})
            };
            let item_of = |kind: &str| {
                json!({"id": format!("item_{item}"), "type": kind, "status": "completed",
                    "role": "assistant", "content": [], "name": "f", "arguments": "{}",
                    "call_id": format!("call_{}", ms % 3)})
            };
            let mut event = match kind {
                0 => json!({"type": "response.created", "response": {
                    "id": format!("resp_{response}"), "status": "in_progress"}}),
                1 | 2 => {
                    let mut event = place("response.output_item.added");
                    event["item"] = item_of(["message", "function_call"][kind - 1]);
                    event
                }
                3 => place("response.content_part.added"),
                4..=8 => {
                    let mut event = place("response.output_audio.delta");
                    event["delta"] = encode(&audio).into();
                    if odd < 30 {
                        event["delta"] = encode(&audio).trim_end_matches('=').into();
                    }
                    event
                }
                9 => place("response.output_audio.done"),
                10 => {
                    let mut event = place("response.output_item.done");
                    event["item"] = item_of("message");
                    event
                }
                11 => {
                    let mut event = place("response.output_item.done");
                    event["item"] = item_of("function_call");
                    event
                }
                12 | 13 => {
                    let status = ["completed", "cancelled", "failed", "odd"][usize::from(odd) % 4];
                    json!({"type": "response.done", "response": {
                        "id": format!("resp_{response}"), "status": status}})
                }
                14 => json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": ms,
                    "item_id": format!("item_{item}")}),
                15 => json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": ms,
                    "item_id": format!("item_{item}")}),
                16 => {
                    let codes = ["response_cancel_not_active", "invalid_value", "session_expired",
                        "conversation_already_has_active_response"];
                    json!({"type": "error", "error": {"type": "x", "message": "m",
                        "code": codes[usize::from(odd) % 4], "event_id": format!("tl_r{}", ms % 9)}})
                }
                _ => json!({"type": "session.updated", "session": {"type": "realtime", "audio": {
                    "input": {"format": {"type": "audio/pcmu"}},
                    "output": {"format": {"type": "audio/pcmu"}}}}}),
            };
            event["event_id"] = "event_1".into();
            event.to_string()
        },
    )
}

/// One call into the Bridge, in no sensible order.
fn operation() -> impl Strategy<Value = (u64, Input)> {
    let twilio = (0_usize..6, any::<u16>(), 1_usize..900, any::<bool>()).prop_map(
        |(kind, stamp, len, own)| {
            let sid = if own { STREAM_SID } else { "MZ1" };
            match kind {
                0 => common::caller::Caller::new().start(),
                1 => json!({"event": "mark", "streamSid": sid,
                    "mark": {"name": format!("tl:{}:{}", stamp % 4, len * 40)}})
                .to_string(),
                2 if len > 880 => json!({"event": "stop", "streamSid": sid}).to_string(),
                _ => json!({"event": "media", "streamSid": STREAM_SID, "media": {
                    "track": "inbound", "timestamp": stamp, "payload": encode(&vec![stamp as u8; len])}})
                .to_string(),
            }
        },
    );
    let command = (0_usize..9, 0_u8..4).prop_map(|(kind, id)| match kind {
        0 => Input::Update {
            creates: id & 1 == 0,
            interrupts: id & 2 == 0,
        },
        1 => Input::CreateResponse(None),
        2 => Input::CreateResponse(Some("{\"instructions\":\"hi\"}".into())),
        3 => Input::ToolOutput(format!("call_{id}"), "\"done\"".into()),
        4 => Input::Interrupt,
        5 => Input::Mark(format!("mark_{id}")),
        6 => Input::Send("{\"type\":\"input_audio_buffer.clear\"}".into()),
        7 => Input::OpenAiClosed,
        _ => Input::Timeout,
    });
    let input = prop_oneof![
        4 => twilio.prop_map(Input::Twilio),
        10 => model_event().prop_map(Input::OpenAi),
        3 => command,
        2 => Just(Input::Timeout),
    ];
    let step = prop_oneof![
        4 => Just(0_u64),
        8 => 1_u64..40_000,
        2 => 40_000_u64..2_000_000,
        1 => Just(3_600_000_000_u64),
    ];
    (step, input)
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn a_call_edited_at_random_does_no_harm(edits in prop::collection::vec(edit(), 1..60)) {
        thread_local!(static CALL: Call = lively());
        CALL.with(|call| {
            let mut bridge = Bridge::new(call.setup.config.clone());
            let mut buf = vec![0; bridge.max_output_len()];
            let inputs = edited(&call.log, &edits);
            for (n, input) in inputs.iter().enumerate() {
                let at = call.log[n.min(call.log.len() - 1)].at;
                let _ = input.apply(&mut bridge, Duration::from_micros(at));
                check(&drain(&mut bridge, &mut buf));
            }
            let end = Duration::from_micros(call.now);
            bridge.handle_twilio_closed(end);
            check(&drain(&mut bridge, &mut buf));
            assert!(bridge.is_closed());
            assert_eq!(bridge.poll_timeout(), None);
        });
    }

    #[test]
    fn inputs_in_no_sensible_order_do_no_harm(
        operations in prop::collection::vec(operation(), 1..250),
        pcm in any::<bool>(),
        small in any::<bool>(),
    ) {
        let mut setup = if pcm { Setup::pcm() } else { Setup::mulaw() };
        if small {
            setup.config.text_capacity = 0;
            setup.config.downlink_capacity = Duration::ZERO;
            setup.config.uplink_capacity = Duration::ZERO;
            setup.config.lead = Duration::ZERO;
            setup.config.mark_interval = Duration::ZERO;
        }
        let mut bridge = Bridge::new(setup.config);
        let mut buf = vec![0; bridge.max_output_len()];
        let mut now = Duration::ZERO;
        let mut inputs = vec![
            Input::Twilio(common::caller::Caller::new().start()),
            Input::Update { creates: true, interrupts: true },
        ];
        inputs.extend(operations.iter().map(|(_, input)| input.clone()));
        let steps = [0, 0].into_iter().chain(operations.iter().map(|&(step, _)| step));
        for (input, step) in inputs.iter().zip(steps) {
            let then = now + Duration::from_micros(step);
            // The timer comes when it asked for it. Were the next deadline never later than that, a
            // host would spin.
            let mut wakes = 0;
            while let Some(at) = bridge.poll_timeout().filter(|&at| at <= then) {
                wakes = if at > now { 0 } else { wakes + 1 };
                prop_assert!(wakes < 16, "the timer stays at {:?}, now {:?}", at, now);
                now = now.max(at);
                bridge.handle_timeout(now);
                check(&drain(&mut bridge, &mut buf));
            }
            now = then;
            let result = input.apply(&mut bridge, now);
            let outputs = drain(&mut bridge, &mut buf);
            check(&outputs);
            if result.is_err() {
                prop_assert!(outputs.is_empty(), "{:?} gave {:?}", input, outputs);
            }
            prop_assert_ne!(result, Err(Error::OutputPending));
        }
        bridge.handle_openai_closed(now);
        check(&drain(&mut bridge, &mut buf));
        bridge.handle_twilio_closed(now);
        check(&drain(&mut bridge, &mut buf));
        prop_assert!(bridge.is_closed());
        prop_assert_eq!(bridge.poll_timeout(), None);
    }
}

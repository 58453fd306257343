//! Messages of Twilio against a reader over serde_json's values, and the writer against serde_json.

use ::base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use trunkline::{
    Error, RawJson,
    base64::decode_str,
    dialect::{Carrier, CarrierCommand, CarrierEvent, CarrierMessage, Shape, Track},
    twilio::Twilio,
};

use crate::json;

pub fn twilio_message(data: &[u8]) {
    // Line by line, each is read as if it were the first.
    let mut shape = Shape::new();
    for text in core::str::from_utf8(data).unwrap_or_default().lines() {
        let (next, plain) = (Twilio.read_next(&mut shape, text), Twilio.read(text));
        assert_eq!(format!("{next:?}"), format!("{plain:?}"));
    }
    let message = Twilio.read_bytes(data);
    let is_invalid = matches!(message, Err(Error::InvalidJson { .. }));
    assert_eq!(is_invalid, !json::is_json(data), "{message:?}");
    if let Some(value) = json::check(data) {
        assert_eq!(message.ok().map(|message| told(&message)), expected(&value));
    }
    if let Ok(message) = message {
        write(&message);
    }
}

fn told(message: &CarrierMessage<'_>) -> Value {
    let event = match message.event {
        CarrierEvent::Connected => json!(["connected"]),
        CarrierEvent::Started {
            call_sid,
            custom_parameters,
        } => json!([
            "start",
            json::string(call_sid),
            json::to_value(custom_parameters)
        ]),
        CarrierEvent::Media {
            track,
            timestamp_ms,
            payload,
        } => {
            let track = match track {
                Track::Inbound => "inbound",
                Track::Outbound => "outbound",
                other => panic!("{other:?}"),
            };
            json!(["media", track, timestamp_ms, json::string(payload)])
        }
        CarrierEvent::Dtmf { digit } => json!(["dtmf", digit]),
        CarrierEvent::Mark { name } => json!(["mark", json::string(name)]),
        CarrierEvent::Stopped => json!(["stop"]),
        CarrierEvent::Other { kind } => json!(["other", json::string(kind)]),
        other => panic!("{other:?}"),
    };
    let sid = message.stream_sid.map(json::string);
    json!([sid, message.sequence_number, event])
}

fn expected(value: &Value) -> Option<Value> {
    let kind = value["event"].as_str()?;
    let mut sid = optional(&value["streamSid"], |value| {
        value.as_str().map(str::to_owned)
    })?;
    let event = match kind {
        "connected" => json!(["connected"]),
        "start" => {
            let start = &value["start"];
            let inner = optional(&start["streamSid"], |value| {
                value.as_str().map(str::to_owned)
            })?;
            let outer = sid.take().or(inner.clone())?;
            let fits = |char: char| ('!'..='~').contains(&char) && char != '"' && char != '\\';
            let is_sid = (1..=64).contains(&outer.chars().count()) && outer.chars().all(fits);
            if !is_sid || inner.is_some_and(|inner| inner != outer) {
                return None;
            }
            sid = Some(outer);
            let format = &start["mediaFormat"];
            let is_known = format["encoding"].as_str()? == "audio/x-mulaw"
                && json::integer(&format["sampleRate"])? == 8000
                && json::integer(&format["channels"])? == 1;
            if !is_known {
                return None;
            }
            let parameters = optional(&start["customParameters"], |value| {
                value.is_object().then(|| value.clone())
            })?;
            let parameters = parameters.unwrap_or(json!({}));
            json!(["start", start["callSid"].as_str()?, parameters])
        }
        "media" => {
            let media = &value["media"];
            let track = media["track"].as_str()?;
            if !["inbound", "outbound"].contains(&track) {
                return None;
            }
            let timestamp = json::integer(&media["timestamp"])?;
            json!(["media", track, timestamp, media["payload"].as_str()?])
        }
        "dtmf" => {
            let mut digits = value["dtmf"]["digit"].as_str()?.chars();
            let digit = digits.next()?;
            if digits.next().is_some() || !"0123456789*#ABCD".contains(digit) {
                return None;
            }
            json!(["dtmf", digit])
        }
        "mark" => json!(["mark", value["mark"]["name"].as_str()?]),
        "stop" => json!(["stop"]),
        other => json!(["other", other]),
    };
    let number = optional(&value["sequenceNumber"], json::integer)?;
    Some(json!([sid, number, event]))
}

/// What may be missing or `null`: `None` for a value that is there and wrong.
pub(crate) fn optional<T>(
    value: &Value,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Option<Option<T>> {
    match value {
        Value::Null => Some(None),
        value => read(value).map(Some),
    }
}

/// Sends what was read back.
fn write(message: &CarrierMessage<'_>) {
    let sid = message.stream_sid.map_or("MZ1".to_owned(), json::string);
    match message.event {
        CarrierEvent::Media { payload, .. } => {
            let text = json::string(payload);
            let mut audio = vec![0; text.len()];
            let decoded = decode_str(payload, &mut audio);
            assert_eq!(
                decoded.ok().map(|len| &audio[..len]),
                STANDARD.decode(&text).ok().as_deref()
            );
            if let Ok(len) = decoded {
                let expected = json!({"event": "media", "streamSid": &sid,
                    "media": {"payload": &text}});
                check_written(
                    &sid,
                    CarrierCommand::Media(&audio[..len]),
                    len > 0,
                    &expected,
                );
            }
        }
        CarrierEvent::Mark { name } | CarrierEvent::Other { kind: name } => {
            let name = json::string(name);
            let expected = json!({"event": "mark", "streamSid": &sid, "mark": {"name": &name}});
            check_written(
                &sid,
                CarrierCommand::Mark(&name),
                !name.is_empty(),
                &expected,
            );
        }
        _ => {
            let expected = json!({"event": "clear", "streamSid": &sid});
            check_written(&sid, CarrierCommand::Clear, true, &expected);
        }
    }
}

fn check_written(sid: &str, command: CarrierCommand<'_>, is_allowed: bool, expected: &Value) {
    let fits = |char: char| ('!'..='~').contains(&char) && char != '"' && char != '\\';
    let is_allowed = is_allowed && (1..=64).contains(&sid.len()) && sid.chars().all(fits);
    let needed = match Twilio.write(sid, command, &mut []) {
        Err(Error::BufferTooShort { needed, actual: 0 }) => needed,
        other => {
            assert!(!is_allowed, "{other:?}");
            assert!(
                matches!(other, Err(Error::InvalidField { .. })),
                "{other:?}"
            );
            return;
        }
    };
    assert!(is_allowed);
    if let CarrierCommand::Media(audio) = command {
        assert!(needed <= Twilio.max_media_len(audio.len()));
    }
    let mut text = vec![GUARD; needed + 1];
    let short = Twilio.write(sid, command, &mut text[..needed - 1]);
    assert_eq!(
        short,
        Err(Error::BufferTooShort {
            needed,
            actual: needed - 1
        })
    );
    assert!(
        text.iter().all(|&byte| byte == GUARD),
        "refused, yet written"
    );
    assert_eq!(Twilio.write(sid, command, &mut text), Ok(needed));
    assert_eq!(text[needed], GUARD);
    assert!(RawJson::from_utf8(&text[..needed]).is_ok());
    assert_eq!(
        serde_json::from_slice::<Value>(&text[..needed]).unwrap(),
        *expected
    );
}

const GUARD: u8 = 0xA7;

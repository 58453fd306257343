//! Twilio Media Streams messages, read and written, and the seam for other carriers.

#[path = "common/cases.rs"]
mod cases;
#[path = "common/scramble.rs"]
mod scramble;

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use trunkline::{
    Error, JsonStr, RawJson, base64,
    dialect::{Carrier, CarrierCommand, CarrierEvent, CarrierMessage, Track},
    twilio::Twilio,
};

use cases::cases;
use scramble::{Rng, scramble};

const SID: &str = "MZ22222222222222222222222222222222";
const FROM_TWILIO: &str = include_str!("data/twilio-from.jsonl");

fn read(text: &str) -> CarrierEvent<'_> {
    Twilio
        .read(text)
        .unwrap_or_else(|error| panic!("{error}: {text}"))
        .event
}

fn write(stream_sid: &str, command: CarrierCommand<'_>) -> Result<String, Error> {
    let mut dst = [0; 4096];
    let len = Twilio.write(stream_sid, command, &mut dst)?;
    Ok(core::str::from_utf8(&dst[..len]).unwrap().to_owned())
}

fn string(text: &str) -> JsonStr<'_> {
    JsonStr::new(text).unwrap()
}

#[test]
fn every_kind_of_message_twilio_sends_is_read() {
    let lines: Vec<_> = FROM_TWILIO.lines().collect();
    let [connected, start, media, dtmf, mark, stop] = lines[..] else {
        panic!("{} messages", lines.len());
    };
    let message = Twilio.read(connected).unwrap();
    assert_eq!(
        message,
        CarrierMessage::new(None, None, CarrierEvent::Connected)
    );

    let message = Twilio.read(start).unwrap();
    let started = CarrierEvent::Started {
        call_sid: string("CA33333333333333333333333333333333"),
        custom_parameters: RawJson::new(r#"{"token":"t0k3n"}"#).unwrap(),
    };
    assert_eq!(
        message,
        CarrierMessage::new(Some(string(SID)), Some(1), started)
    );

    let message = Twilio.read(media).unwrap();
    let audio = CarrierEvent::Media {
        track: Track::Inbound,
        timestamp_ms: 40,
        payload: string("//////////8="),
    };
    assert_eq!(
        message,
        CarrierMessage::new(Some(string(SID)), Some(4), audio)
    );

    assert_eq!(read(dtmf), CarrierEvent::Dtmf { digit: '1' });
    assert_eq!(
        read(mark),
        CarrierEvent::Mark {
            name: string("item_7:1240")
        }
    );
    assert_eq!(read(stop), CarrierEvent::Stopped);
}

#[test]
fn what_is_written_is_what_twilio_documents() {
    let commands = [
        CarrierCommand::Media(&[0xFF; 8]),
        CarrierCommand::Mark("item_7:1240"),
        CarrierCommand::Clear,
    ];
    let lines = include_str!("data/twilio-to.jsonl").lines();
    assert_eq!(lines.clone().count(), commands.len());
    for (line, command) in lines.zip(commands) {
        assert_eq!(write(SID, command).unwrap(), line);
        for short in 0..line.len() {
            let mut dst = [0xA5; 256];
            assert_eq!(
                Twilio.write(SID, command, &mut dst[..short]),
                Err(Error::BufferTooShort {
                    needed: line.len(),
                    actual: short
                })
            );
            assert_eq!(dst, [0xA5; 256]);
        }
    }
}

#[test]
fn reading_bytes_is_reading_text_that_is_utf8() {
    let media = FROM_TWILIO.lines().nth(2).unwrap();
    assert_eq!(Twilio.read_bytes(media.as_bytes()), Twilio.read(media));
    let error = Err(Error::InvalidJson { offset: 10 });
    assert_eq!(Twilio.read_bytes(b"{\"event\":\"\xE9\"}"), error);
}

#[test]
fn both_tracks_are_told_apart() {
    let media = |track: &str| {
        let media = json!({"track": track, "timestamp": "0", "payload": "/w=="});
        json!({"event": "media", "media": media}).to_string()
    };
    for (name, expected) in [("inbound", Track::Inbound), ("outbound", Track::Outbound)] {
        let text = media(name);
        let CarrierEvent::Media { track, .. } = read(&text) else {
            panic!()
        };
        assert_eq!(track, expected);
    }
    let error = Error::InvalidField {
        name: "media.track",
    };
    assert_eq!(Twilio.read(&media("inbound_track")), Err(error));
}

#[test]
fn every_key_of_a_telephone_is_a_digit_and_nothing_else_is() {
    for digit in "0123456789*#ABCD".chars() {
        let text = json!({"event": "dtmf", "dtmf": {"digit": digit}}).to_string();
        assert_eq!(read(&text), CarrierEvent::Dtmf { digit });
    }
    for digit in ["", "E", "a", "11", "é", " "] {
        let text = json!({"event": "dtmf", "dtmf": {"digit": digit}}).to_string();
        assert_eq!(
            Twilio.read(&text),
            Err(Error::InvalidField { name: "dtmf.digit" })
        );
    }
}

#[test]
fn an_unknown_kind_of_message_is_shown() {
    let text = r#"{"event":"weather","streamSid":"MZ1","weather":{"sun":true}}"#;
    let message = Twilio.read(text).unwrap();
    assert_eq!(
        message.event,
        CarrierEvent::Other {
            kind: string("weather")
        }
    );
    assert_eq!(message.stream_sid, Some(string("MZ1")));
}

#[test]
fn a_stream_without_parameters_has_an_empty_object_of_them() {
    let mut start: Value = serde_json::from_str(FROM_TWILIO.lines().nth(1).unwrap()).unwrap();
    for parameters in [json!({}), Value::Null] {
        start["start"]["customParameters"] = parameters;
        let text = start.to_string();
        let CarrierEvent::Started {
            custom_parameters, ..
        } = read(&text)
        else {
            panic!()
        };
        assert_eq!(custom_parameters.as_str(), "{}");
    }
    start["start"]
        .as_object_mut()
        .unwrap()
        .remove("customParameters");
    let text = start.to_string();
    let CarrierEvent::Started {
        custom_parameters, ..
    } = read(&text)
    else {
        panic!()
    };
    assert_eq!(custom_parameters.as_str(), "{}");
}

#[test]
fn a_stream_is_named_at_either_place_but_not_differently() {
    let start: Value = serde_json::from_str(FROM_TWILIO.lines().nth(1).unwrap()).unwrap();
    let mut outer = start.clone();
    outer["start"].as_object_mut().unwrap().remove("streamSid");
    let mut inner = start.clone();
    inner.as_object_mut().unwrap().remove("streamSid");
    for text in [outer.to_string(), inner.to_string()] {
        assert_eq!(Twilio.read(&text).unwrap().stream_sid, Some(string(SID)));
    }
    let mut neither = inner;
    neither["start"]
        .as_object_mut()
        .unwrap()
        .remove("streamSid");
    let error = Error::MissingField { name: "streamSid" };
    assert_eq!(Twilio.read(&neither.to_string()), Err(error));
    let mut different = start;
    different["streamSid"] = json!("MZ1");
    let error = Error::InvalidField { name: "streamSid" };
    assert_eq!(Twilio.read(&different.to_string()), Err(error));
}

#[test]
fn every_missing_or_malformed_field_is_named() {
    let missing = |name| Error::MissingField { name };
    let invalid = |name| Error::InvalidField { name };
    let field = |path: &'static str| path.rsplit('.').next().unwrap();
    // (message, place of the field, its name in errors)
    let fields = [
        (0, "/event", "event"),
        (1, "/start", "start"),
        (1, "/start/callSid", "start.callSid"),
        (1, "/start/mediaFormat", "start.mediaFormat"),
        (
            1,
            "/start/mediaFormat/encoding",
            "start.mediaFormat.encoding",
        ),
        (
            1,
            "/start/mediaFormat/sampleRate",
            "start.mediaFormat.sampleRate",
        ),
        (
            1,
            "/start/mediaFormat/channels",
            "start.mediaFormat.channels",
        ),
        (2, "/media", "media"),
        (2, "/media/track", "media.track"),
        (2, "/media/timestamp", "media.timestamp"),
        (2, "/media/payload", "media.payload"),
        (3, "/dtmf", "dtmf"),
        (3, "/dtmf/digit", "dtmf.digit"),
        (4, "/mark", "mark"),
        (4, "/mark/name", "mark.name"),
    ];
    let lines: Vec<_> = FROM_TWILIO.lines().collect();
    for (line, place, name) in fields {
        let original: Value = serde_json::from_str(lines[line]).unwrap();
        let mut message = original.clone();
        *message.pointer_mut(place).unwrap() = Value::Null;
        assert_eq!(
            Twilio.read(&message.to_string()),
            Err(missing(name)),
            "{message}"
        );
        for wrong in [json!(true), json!([]), json!(-1), json!(0.5)] {
            *message.pointer_mut(place).unwrap() = wrong;
            assert_eq!(
                Twilio.read(&message.to_string()),
                Err(invalid(name)),
                "{message}"
            );
        }
        let mut message = original;
        let parent = place.rsplit_once('/').unwrap().0;
        let parent = message
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap();
        parent.remove(field(name)).unwrap();
        // A media message without its object lacks the first of the fields in it.
        let name = if name == "media" { "media.track" } else { name };
        assert_eq!(
            Twilio.read(&message.to_string()),
            Err(missing(name)),
            "{message}"
        );
    }
    for (place, wrong) in [
        ("/start/mediaFormat/encoding", json!("audio/x-alaw")),
        ("/start/mediaFormat/sampleRate", json!(16000)),
        ("/start/mediaFormat/channels", json!(2)),
        ("/start/customParameters", json!(["token"])),
    ] {
        let mut message: Value = serde_json::from_str(lines[1]).unwrap();
        *message.pointer_mut(place).unwrap() = wrong;
        let error = Twilio.read(&message.to_string()).unwrap_err();
        assert!(matches!(error, Error::InvalidField { .. }), "{message}");
    }
    for wrong in [
        json!("x"),
        json!(1.5),
        json!("18446744073709551616"),
        json!({}),
    ] {
        let mut message: Value = serde_json::from_str(lines[2]).unwrap();
        message["sequenceNumber"] = wrong;
        assert_eq!(
            Twilio.read(&message.to_string()),
            Err(invalid("sequenceNumber"))
        );
    }
    for text in ["[]", "null", "3", "\"media\"", "{}"] {
        assert_eq!(Twilio.read(text), Err(missing("event")), "{text}");
    }
}

#[test]
fn a_name_given_twice_counts_as_it_stands_last() {
    let text = r#"{"event":"stop","media":{"track":"inbound","timestamp":"1","payload":"/w=="},
        "media":{"track":"inbound","payload":"AAAA"},"event":"media"}"#;
    // All of the later object replaces all of the earlier.
    assert_eq!(
        Twilio.read(text),
        Err(Error::MissingField {
            name: "media.timestamp"
        })
    );
    let text =
        r#"{"event":"media","media":7,"media":{"track":"inbound","timestamp":1,"payload":""}}"#;
    assert!(matches!(
        read(text),
        CarrierEvent::Media {
            timestamp_ms: 1,
            ..
        }
    ));
    let text =
        r#"{"event":"media","media":{"track":"inbound","timestamp":1,"payload":""},"media":7}"#;
    assert_eq!(
        Twilio.read(text),
        Err(Error::InvalidField { name: "media" })
    );
}

#[test]
fn what_twilio_would_refuse_is_not_written() {
    let invalid = |name| Err(Error::InvalidField { name });
    assert_eq!(
        write(SID, CarrierCommand::Media(&[])),
        invalid("media.payload")
    );
    assert_eq!(write(SID, CarrierCommand::Mark("")), invalid("mark.name"));
    let long = "M".repeat(65);
    for sid in ["", "MZ 1", "MZ\"1", "MZ\\1", "MZ\n", "MZé", &long] {
        assert_eq!(
            write(sid, CarrierCommand::Clear),
            invalid("streamSid"),
            "{sid:?}"
        );
        // Nor does such a stream start.
        let mut start: Value = serde_json::from_str(FROM_TWILIO.lines().nth(1).unwrap()).unwrap();
        start["streamSid"] = json!(sid);
        start["start"]["streamSid"] = json!(sid);
        let error = Error::InvalidField { name: "streamSid" };
        assert_eq!(Twilio.read(&start.to_string()), Err(error));
    }
    assert!(write(&long[1..], CarrierCommand::Clear).is_ok());
}

#[test]
fn no_media_message_is_longer_than_announced() {
    let audio = [0x55; 1000];
    for len in 1..audio.len() {
        let text = write(&"M".repeat(64), CarrierCommand::Media(&audio[..len])).unwrap();
        assert_eq!(text.len(), Twilio.max_media_len(len));
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn order_space_escapes_and_strangers_change_nothing(line in 0..6_usize, seed: u64) {
        let line = FROM_TWILIO.lines().nth(line).unwrap();
        let value = serde_json::from_str(line).unwrap();
        let text = scramble(&value, &mut Rng(seed), true);
        let (ours, expected) = (Twilio.read(&text).unwrap(), Twilio.read(line).unwrap());
        prop_assert_eq!(ours.stream_sid, expected.stream_sid);
        prop_assert_eq!(ours.sequence_number, expected.sequence_number);
        match (ours.event, expected.event) {
            (
                CarrierEvent::Started { call_sid, custom_parameters },
                CarrierEvent::Started { call_sid: expected, .. },
            ) => {
                prop_assert_eq!(call_sid, expected);
                let token = custom_parameters.get("token").and_then(|value| value.as_string());
                prop_assert_eq!(token, Some(string("t0k3n")));
            }
            (ours, expected) => prop_assert_eq!(ours, expected),
        }
    }

    #[test]
    fn a_broken_message_is_an_error_and_nothing_worse(
        line in 0..6_usize,
        seed: u64,
        changes in vec((any::<prop::sample::Index>(), any::<char>()), 0..4),
    ) {
        let value = serde_json::from_str(FROM_TWILIO.lines().nth(line).unwrap()).unwrap();
        let text = scramble(&value, &mut Rng(seed), true);
        let end = text.trim_end().len();
        for (cut, _) in text.char_indices().take_while(|(cut, _)| *cut < end) {
            let error = Err(Error::InvalidJson { offset: cut });
            prop_assert_eq!(Twilio.read(&text[..cut]), error);
        }
        let mut chars: Vec<char> = text.chars().collect();
        for (at, char) in changes {
            let at = at.index(chars.len());
            chars[at] = char;
        }
        let text = String::from_iter(chars);
        let is_json = RawJson::new(&text).is_ok();
        let result = Twilio.read(&text);
        prop_assert_eq!(matches!(result, Err(Error::InvalidJson { .. })), !is_json);
    }

    #[test]
    fn whatever_is_written_is_json_with_just_twilios_members(
        sid in "[!#-\\[\\]-~]{1,64}",
        audio in vec(any::<u8>(), 1..400),
        name in ".{1,40}",
    ) {
        let payload = {
            let mut dst = vec![0; base64::encoded_len(audio.len())];
            base64::encode(&audio, &mut dst).unwrap();
            String::from_utf8(dst).unwrap()
        };
        let expected = [
            (
                CarrierCommand::Media(&audio),
                json!({"event": "media", "streamSid": sid, "media": {"payload": payload}}),
            ),
            (
                CarrierCommand::Mark(&name),
                json!({"event": "mark", "streamSid": sid, "mark": {"name": name}}),
            ),
            (CarrierCommand::Clear, json!({"event": "clear", "streamSid": sid})),
        ];
        for (command, expected) in expected {
            let text = write(&sid, command).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        }
    }
}

/// A carrier in the manner of Telnyx: other names, its call id in the start message, its chunk
/// number in the media object, no name for the stream in what it is told.
struct OtherCarrier;

impl Carrier for OtherCarrier {
    fn read<'a>(&self, text: &'a str) -> Result<CarrierMessage<'a>, Error> {
        let message = RawJson::new(text)?;
        let field =
            |object: RawJson<'a>, name| object.get(name).ok_or(Error::MissingField { name });
        let string = |object, name| {
            field(object, name)?
                .as_string()
                .ok_or(Error::InvalidField { name })
        };
        let kind = string(message, "event")?;
        let event = match kind.as_plain() {
            Some("connected") => CarrierEvent::Connected,
            Some("start") => CarrierEvent::Started {
                call_sid: string(field(message, "start")?, "call_control_id")?,
                custom_parameters: RawJson::new("{}")?,
            },
            Some("media") => {
                let media = field(message, "media")?;
                let chunk = field(media, "chunk")?.as_u64();
                CarrierEvent::Media {
                    track: Track::Inbound,
                    timestamp_ms: chunk.ok_or(Error::InvalidField { name: "chunk" })? * 20,
                    payload: string(media, "payload")?,
                }
            }
            Some("mark") => CarrierEvent::Mark {
                name: string(field(message, "mark")?, "name")?,
            },
            Some("stop") => CarrierEvent::Stopped,
            _ => CarrierEvent::Other { kind },
        };
        let sequence_number = message
            .get("sequence_number")
            .and_then(|number| number.as_u64());
        let stream_sid = message.get("stream_id").and_then(|id| id.as_string());
        Ok(CarrierMessage::new(stream_sid, sequence_number, event))
    }

    fn write(
        &self,
        _stream_sid: &str,
        command: CarrierCommand<'_>,
        dst: &mut [u8],
    ) -> Result<usize, Error> {
        let text = match command {
            CarrierCommand::Media(audio) => {
                let mut payload = vec![0; base64::encoded_len(audio.len())];
                base64::encode(audio, &mut payload)?;
                let payload = String::from_utf8(payload).unwrap();
                format!(r#"{{"event":"media","media":{{"payload":"{payload}"}}}}"#)
            }
            CarrierCommand::Mark(name) => {
                let mut string = vec![0; 6 * name.len() + 2];
                let len = JsonStr::encode(name, &mut string)?;
                let name = core::str::from_utf8(&string[..len]).unwrap();
                format!(r#"{{"event":"mark","mark":{{"name":{name}}}}}"#)
            }
            CarrierCommand::Clear => r#"{"event":"clear"}"#.to_owned(),
            _ => return Ok(0),
        };
        let actual = dst.len();
        let needed = text.len();
        let dst = dst
            .get_mut(..needed)
            .ok_or(Error::BufferTooShort { needed, actual })?;
        dst.copy_from_slice(text.as_bytes());
        Ok(needed)
    }

    fn max_media_len(&self, audio_bytes: usize) -> usize {
        base64::encoded_len(audio_bytes) + 64
    }
}

#[test]
fn another_carrier_is_another_implementation_of_the_trait() {
    fn echo(carrier: &impl Carrier, text: &str) -> Option<String> {
        let CarrierEvent::Media { payload, .. } = carrier.read(text).unwrap().event else {
            return None;
        };
        let mut audio = [0; 160];
        let len = base64::decode_str(payload, &mut audio).unwrap();
        let mut dst = vec![0; carrier.max_media_len(len)];
        let len = carrier
            .write(SID, CarrierCommand::Media(&audio[..len]), &mut dst)
            .unwrap();
        dst.truncate(len);
        Some(String::from_utf8(dst).unwrap())
    }
    let other = r#"{"event":"media","sequence_number":"4","media":{"track":"inbound","chunk":"2",
        "payload":"\/\/\/\/\/\/\/\/\/\/8="},"stream_id":"32de0dea"}"#;
    let expected = r#"{"event":"media","media":{"payload":"//////////8="}}"#;
    assert_eq!(echo(&OtherCarrier, other).unwrap(), expected);
    let message = OtherCarrier.read(other).unwrap();
    assert_eq!(message.stream_sid, Some(string("32de0dea")));
    assert!(matches!(
        message.event,
        CarrierEvent::Media {
            timestamp_ms: 40,
            ..
        }
    ));

    let lines: Vec<_> = FROM_TWILIO.lines().collect();
    let expected = include_str!("data/twilio-to.jsonl").lines().next().unwrap();
    assert_eq!(echo(&Twilio, lines[2]).unwrap(), expected);
    assert_eq!(echo(&Twilio, lines[0]), None);

    let start = r#"{"event":"start","start":{"call_control_id":"v3:1"},"stream_id":"32de0dea"}"#;
    let started = OtherCarrier.read(start).unwrap().event;
    assert!(matches!(started, CarrierEvent::Started { call_sid, .. } if call_sid == "v3:1"));
    let mut dst = [0; 64];
    let len = OtherCarrier
        .write(SID, CarrierCommand::Mark("a\"b"), &mut dst)
        .unwrap();
    assert_eq!(&dst[..len], br#"{"event":"mark","mark":{"name":"a\"b"}}"#);
}

//! Twilio Media Streams messages, read and written.

use trunkline::{
    Error, JsonStr, RawJson,
    dialect::{Carrier, CarrierCommand, CarrierEvent, Track},
    twilio::Twilio,
};

const SID: &str = "MZ22222222222222222222222222222222";

fn read(text: &str) -> CarrierEvent<'_> {
    Twilio
        .read(text)
        .unwrap_or_else(|error| panic!("{error}: {text}"))
        .event
}

fn string(text: &str) -> JsonStr<'_> {
    JsonStr::new(text).unwrap()
}

#[test]
fn every_kind_of_message_twilio_sends_is_read() {
    let lines: Vec<_> = include_str!("data/twilio-from.jsonl").lines().collect();
    let [connected, start, media, dtmf, mark, stop] = lines[..] else {
        panic!("{} messages", lines.len());
    };
    let message = Twilio.read(connected).unwrap();
    assert_eq!(message.event, CarrierEvent::Connected);
    assert_eq!((message.stream_sid, message.sequence_number), (None, None));

    let message = Twilio.read(start).unwrap();
    assert_eq!(message.stream_sid, Some(string(SID)));
    assert_eq!(message.sequence_number, Some(1));
    let custom_parameters = RawJson::new(r#"{"token":"t0k3n"}"#).unwrap();
    let call_sid = string("CA33333333333333333333333333333333");
    assert_eq!(
        message.event,
        CarrierEvent::Started {
            call_sid,
            custom_parameters
        }
    );

    let message = Twilio.read(media).unwrap();
    assert_eq!(message.sequence_number, Some(4));
    let payload = string("//////////8=");
    let expected = CarrierEvent::Media {
        track: Track::Inbound,
        timestamp_ms: 40,
        payload,
    };
    assert_eq!(message.event, expected);

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
    let lines: Vec<_> = include_str!("data/twilio-to.jsonl").lines().collect();
    let mut audio = [0xFF; 8];
    audio[7] = 0xFF;
    let commands = [
        CarrierCommand::Media(&audio),
        CarrierCommand::Mark("item_7:1240"),
        CarrierCommand::Clear,
    ];
    for (line, command) in lines.into_iter().zip(commands) {
        let mut dst = [0; 256];
        let len = Twilio.write(SID, command, &mut dst).unwrap();
        assert_eq!(core::str::from_utf8(&dst[..len]).unwrap(), line);
        for short in 0..len {
            let error = Twilio.write(SID, command, &mut dst[..short]).unwrap_err();
            assert_eq!(
                error,
                Error::BufferTooShort {
                    needed: len,
                    actual: short
                }
            );
        }
    }
}

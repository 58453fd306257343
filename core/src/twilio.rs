//! Twilio Media Streams messages, bidirectional streams (`<Connect><Stream>`).
//!
//! Source: Twilio's documentation page "Media Streams - WebSocket Messages".

use crate::{
    Error, JsonStr, RawJson, base64,
    dialect::{Carrier, CarrierCommand, CarrierEvent, CarrierMessage, Shape, Track},
    id::is_plain,
    json::{NameBuf, Scanner, Value, Writer, render},
};

/// Twilio Media Streams, bidirectional.
///
/// Reading borrows everything from the message and takes numbers as Twilio writes them, in strings,
/// or bare. Writing makes the three messages Twilio takes, with exactly the members it wants, so
/// that it has no reason for its warnings 31950 and 31951: a stream SID is 1 to 64 printable ASCII
/// characters without `"` and `\` (reading refuses a `start` with another), audio and mark names are
/// not empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Twilio;

impl Carrier for Twilio {
    fn read<'a>(&self, text: &'a str) -> Result<CarrierMessage<'a>, Error> {
        Message::scan(text)?.into_carrier()
    }

    fn read_next<'a>(&self, shape: &mut Shape, text: &'a str) -> Result<CarrierMessage<'a>, Error> {
        if shape.fits(text) {
            let (track, timestamp) = (shape.value(1, text), shape.value(2, text));
            let (stream_sid, sequence_number) = (shape.value(3, text), shape.value(4, text));
            let event = media(track, timestamp, shape.value(5, text))?;
            return carrier_message(stream_sid, sequence_number, event);
        }
        let message = Message::scan(text)?;
        if message.event == Value::String(MEDIA) {
            shape.learn(text, message.values(), FIXED_VALUES);
        }
        message.into_carrier()
    }

    fn write(
        &self,
        stream_sid: &str,
        command: CarrierCommand<'_>,
        dst: &mut [u8],
    ) -> Result<usize, Error> {
        if !is_stream_sid(stream_sid) {
            return Err(Error::InvalidField { name: "streamSid" });
        }
        match command {
            CarrierCommand::Media([]) => Err(Error::InvalidField {
                name: "media.payload",
            }),
            CarrierCommand::Media(audio) => {
                let needed = MEDIA_OVERHEAD + stream_sid.len() + base64::encoded_len(audio.len());
                let actual = dst.len();
                let dst = dst
                    .get_mut(..needed)
                    .ok_or(Error::BufferTooShort { needed, actual })?;
                let mut writer = Writer::new(dst);
                for part in [MEDIA_START, stream_sid, MEDIA_PAYLOAD] {
                    writer.raw(part);
                }
                writer.base64(audio);
                writer.raw(MEDIA_END);
                Ok(needed)
            }
            CarrierCommand::Mark("") => Err(Error::InvalidField { name: "mark.name" }),
            CarrierCommand::Mark(name) => render(dst, |writer| {
                writer.raw(r#"{"event":"mark","streamSid":""#);
                writer.raw(stream_sid);
                writer.raw(r#"","mark":{"name":"#);
                writer.string(name);
                writer.raw("}}");
            }),
            CarrierCommand::Clear => render(dst, |writer| {
                writer.raw(r#"{"event":"clear","streamSid":""#);
                writer.raw(stream_sid);
                writer.raw("\"}");
            }),
        }
    }

    fn max_media_len(&self, audio_bytes: usize) -> usize {
        base64::encoded_len(audio_bytes).saturating_add(MEDIA_OVERHEAD + MAX_STREAM_SID)
    }
}

/// The members of a message, as far as they were met; which of them it needs is known at its end.
#[derive(Default)]
struct Message<'a> {
    event: Value<'a>,
    stream_sid: Value<'a>,
    sequence_number: Value<'a>,
    start: Value<'a>,
    media: Media<'a>,
    dtmf: Value<'a>,
    mark: Value<'a>,
}

/// The members of `media`, read in passing since most messages are of this kind.
#[derive(Default)]
struct Media<'a> {
    /// What stands in the place of the object, if none does.
    other: Value<'a>,
    track: Value<'a>,
    timestamp: Value<'a>,
    payload: Value<'a>,
}

impl<'a> Message<'a> {
    fn scan(text: &'a str) -> Result<Self, Error> {
        let mut message = Self::default();
        let mut scanner = Scanner::new(text);
        if scanner.enter_object()? {
            message.members(&mut scanner)?;
        } else {
            scanner.value()?;
        }
        scanner.finish()?;
        Ok(message)
    }

    /// All that a `media` message says, its kind and whose voice it is first.
    fn values(&self) -> [Value<'a>; 6] {
        [
            self.event,
            self.media.track,
            self.media.timestamp,
            self.stream_sid,
            self.sequence_number,
            self.media.payload,
        ]
    }

    fn members(&mut self, scanner: &mut Scanner<'a>) -> Result<(), Error> {
        let mut buf: NameBuf = [0; _];
        while let Some(key) = scanner.next_key()? {
            match key.name(&mut buf) {
                "event" => scanner.value_into(&mut self.event)?,
                "streamSid" => scanner.value_into(&mut self.stream_sid)?,
                "sequenceNumber" => scanner.value_into(&mut self.sequence_number)?,
                "media" => self.media.read(scanner)?,
                "start" => scanner.value_into(&mut self.start)?,
                "dtmf" => scanner.value_into(&mut self.dtmf)?,
                "mark" => scanner.value_into(&mut self.mark)?,
                _ => {
                    scanner.value()?;
                }
            }
        }
        Ok(())
    }

    fn into_carrier(self) -> Result<CarrierMessage<'a>, Error> {
        let kind = self.event.string("event")?;
        let mut stream_sid = self.stream_sid;
        let event = match kind.name(&mut [0; _]) {
            "media" => self.media.into_event()?,
            "mark" => {
                let [name] = self.mark.object("mark")?.pick(["name"])?;
                CarrierEvent::Mark {
                    name: name.string("mark.name")?,
                }
            }
            "dtmf" => {
                let [digit] = self.dtmf.object("dtmf")?.pick(["digit"])?;
                CarrierEvent::Dtmf {
                    digit: dtmf_digit(digit.string("dtmf.digit")?)?,
                }
            }
            "start" => {
                let outer_sid = stream_sid.optional_string("streamSid")?;
                let (sid, event) = started(self.start.object("start")?, outer_sid)?;
                stream_sid = Value::String(sid);
                event
            }
            "connected" => CarrierEvent::Connected,
            "stop" => CarrierEvent::Stopped,
            _ => CarrierEvent::Other { kind },
        };
        carrier_message(stream_sid, self.sequence_number, event)
    }
}

#[inline(always)]
fn carrier_message<'a>(
    stream_sid: Value<'a>,
    sequence_number: Value<'a>,
    event: CarrierEvent<'a>,
) -> Result<CarrierMessage<'a>, Error> {
    Ok(CarrierMessage {
        stream_sid: stream_sid.optional_string("streamSid")?,
        sequence_number: sequence_number.optional_integer("sequenceNumber")?,
        event,
    })
}

impl<'a> Media<'a> {
    fn read(&mut self, scanner: &mut Scanner<'a>) -> Result<(), Error> {
        *self = Self::default();
        if !scanner.enter_object()? {
            return scanner.value_into(&mut self.other);
        }
        let mut buf: NameBuf = [0; _];
        while let Some(key) = scanner.next_key()? {
            match key.name(&mut buf) {
                "track" => scanner.value_into(&mut self.track)?,
                "timestamp" => scanner.value_into(&mut self.timestamp)?,
                "payload" => scanner.value_into(&mut self.payload)?,
                _ => {
                    scanner.value()?;
                }
            }
        }
        Ok(())
    }

    fn into_event(self) -> Result<CarrierEvent<'a>, Error> {
        if self.other != Value::Absent {
            self.other.object("media")?;
        }
        media(self.track, self.timestamp, self.payload)
    }
}

#[inline(always)]
fn media<'a>(
    track: Value<'a>,
    timestamp: Value<'a>,
    payload: Value<'a>,
) -> Result<CarrierEvent<'a>, Error> {
    let track = match track.string("media.track")?.name(&mut [0; _]) {
        "inbound" => Track::Inbound,
        "outbound" => Track::Outbound,
        _ => {
            return Err(Error::InvalidField {
                name: "media.track",
            });
        }
    };
    Ok(CarrierEvent::Media {
        track,
        timestamp_ms: timestamp.integer("media.timestamp")?,
        payload: payload.string("media.payload")?,
    })
}

/// The stream SID, which stands at the top of the message and in the object, and the event.
fn started<'a>(
    start: RawJson<'a>,
    outer_sid: Option<JsonStr<'a>>,
) -> Result<(JsonStr<'a>, CarrierEvent<'a>), Error> {
    let [sid, call_sid, format, custom_parameters] =
        start.pick(["streamSid", "callSid", "mediaFormat", "customParameters"])?;
    let inner_sid = sid.optional_string("start.streamSid")?;
    let stream_sid = outer_sid
        .or(inner_sid)
        .ok_or(Error::MissingField { name: "streamSid" })?;
    let mut buf = [0; MAX_STREAM_SID];
    let is_valid = stream_sid.copy_to(&mut buf).is_ok_and(is_stream_sid);
    if inner_sid.is_some_and(|inner| inner != stream_sid) || !is_valid {
        return Err(Error::InvalidField { name: "streamSid" });
    }
    let [encoding, rate, channels] =
        format
            .object("start.mediaFormat")?
            .pick(["encoding", "sampleRate", "channels"])?;
    let encoding = encoding.string("start.mediaFormat.encoding")?;
    require("start.mediaFormat.encoding", encoding == "audio/x-mulaw")?;
    let rate = rate.integer("start.mediaFormat.sampleRate")?;
    require("start.mediaFormat.sampleRate", rate == 8000)?;
    let channels = channels.integer("start.mediaFormat.channels")?;
    require("start.mediaFormat.channels", channels == 1)?;
    let event = CarrierEvent::Started {
        call_sid: call_sid.string("start.callSid")?,
        custom_parameters: custom_parameters.object_or_empty("start.customParameters")?,
    };
    Ok((stream_sid, event))
}

fn require(name: &'static str, holds: bool) -> Result<(), Error> {
    if holds {
        Ok(())
    } else {
        Err(Error::InvalidField { name })
    }
}

fn dtmf_digit(text: JsonStr<'_>) -> Result<char, Error> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(digit @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(digit),
        _ => Err(Error::InvalidField { name: "dtmf.digit" }),
    }
}

/// Whether Twilio could have given a stream this name, and [`Twilio`] can write it back.
fn is_stream_sid(sid: &str) -> bool {
    sid.len() <= MAX_STREAM_SID && is_plain(sid)
}

const MEDIA: JsonStr<'static> = JsonStr::plain("media");

/// The first of [`Message::values`] that make a message what it is.
const FIXED_VALUES: usize = 2;

/// Characters; Twilio's have 34.
const MAX_STREAM_SID: usize = 64;

const MEDIA_START: &str = r#"{"event":"media","streamSid":""#;
const MEDIA_PAYLOAD: &str = r#"","media":{"payload":""#;
const MEDIA_END: &str = r#""}}"#;
const MEDIA_OVERHEAD: usize = MEDIA_START.len() + MEDIA_PAYLOAD.len() + MEDIA_END.len();

//! The two messages of a call, read to the same fields by all.

use std::hint::black_box;

use serde::Deserialize;
use serde_json::Value;
use simd_json::{
    BorrowedValue, Buffers,
    prelude::{ValueAsScalar as _, ValueObjectAccess as _},
};
use sonic_rs::JsonValueTrait as _;
use trunkline::dialect::{Carrier as _, CarrierEvent, Model as _, ModelEvent, Track};
use trunkline::{openai::OpenAiRealtime, twilio::Twilio};
use trunkline_benches::{FRAME, openai_delta, speech_like, twilio_media};

use crate::clock::Contestant;
use crate::report::Table;

pub(crate) fn table() -> Table {
    let media = twilio_media(17, &[0x55; FRAME]);
    let delta = openai_delta(31, 1, &speech_like(480, 24_000.0));
    let columns = [
        (
            format!("Twilio `media`, {} B", media.len()),
            contestants::<Media<'_>>(&media),
        ),
        (
            format!("OpenAI delta, {} B", delta.len()),
            contestants::<Delta<'_>>(&delta),
        ),
    ];
    super::table("read", columns)
}

/// Three texts and a number that a program needs of a message.
type Fields<'a> = ([&'a str; 3], u64);

/// A kind of message.
trait Kind {
    /// As serde reads it.
    type Struct<'a>: Deserialize<'a>;

    /// Where the fields are in a tree.
    const TEXTS: [&'static [&'static str]; 3];
    const NUMBER: &'static [&'static str];

    fn of_struct(message: Self::Struct<'_>) -> Fields<'_>;

    fn trunkline(text: &str) -> Fields<'_>;

    fn serde(value: &Value) -> Fields<'_> {
        let at = |path: &[&str]| path.iter().fold(value, |value, &key| &value[key]);
        let number = at(Self::NUMBER);
        let number = number.as_u64().or_else(|| parsed(number.as_str()));
        (
            Self::TEXTS.map(|path| at(path).as_str().expect("text")),
            number.expect("a number"),
        )
    }

    fn sonic(value: &sonic_rs::Value) -> Fields<'_> {
        let at = |path: &[&str]| path.iter().fold(value, |value, &key| &value[key]);
        let number = at(Self::NUMBER);
        let number = number.as_u64().or_else(|| parsed(number.as_str()));
        (
            Self::TEXTS.map(|path| at(path).as_str().expect("text")),
            number.expect("a number"),
        )
    }

    fn simd<'a>(value: &'a BorrowedValue<'_>) -> Fields<'a> {
        let at = |path: &[&str]| {
            let step = |value: &'a BorrowedValue<'_>, &key: &&str| value.get(key).expect("a field");
            path.iter().fold(value, step)
        };
        let number = at(Self::NUMBER);
        let number = number.as_u64().or_else(|| parsed(number.as_str()));
        (
            Self::TEXTS.map(|path| at(path).as_str().expect("text")),
            number.expect("a number"),
        )
    }
}

fn contestants<K: Kind>(text: &str) -> Vec<Contestant<'_>> {
    let ours = K::trunkline(text);
    let check = |fields: Fields<'_>| assert_eq!(fields, ours, "all read the same");
    check(K::of_struct(serde_json::from_str(text).expect("JSON")));
    check(K::serde(&serde_json::from_str(text).expect("JSON")));
    check(K::of_struct(sonic_rs::from_str(text).expect("JSON")));
    check(K::sonic(&sonic_rs::from_str(text).expect("JSON")));
    let mut copy = InPlace::new(text);
    copy.read_struct::<K>(text, &mut { check });
    copy.read_tree::<K>(text, &mut { check });

    let mut for_struct = InPlace::new(text);
    let mut for_tree = InPlace::new(text);
    let mut use_up = |fields: Fields<'_>| {
        black_box(fields);
    };
    vec![
        Contestant::new("trunkline", move || K::trunkline(black_box(text))),
        Contestant::new("serde_json, struct", move || {
            K::of_struct(serde_json::from_str(black_box(text)).expect("JSON"))
        }),
        Contestant::new("serde_json, `Value`", move || {
            let value: Value = serde_json::from_str(black_box(text)).expect("JSON");
            use_up(K::serde(&value));
        }),
        Contestant::new("sonic-rs, struct", move || {
            K::of_struct(sonic_rs::from_str(black_box(text)).expect("JSON"))
        }),
        Contestant::new("sonic-rs, `Value`", move || {
            let value: sonic_rs::Value = sonic_rs::from_str(black_box(text)).expect("JSON");
            use_up(K::sonic(&value));
        }),
        Contestant::new("simd-json, struct", move || {
            for_struct.read_struct::<K>(black_box(text), &mut use_up);
        }),
        Contestant::new("simd-json, `BorrowedValue`", move || {
            for_tree.read_tree::<K>(black_box(text), &mut use_up);
        }),
    ]
}

/// simd-json reads in place and leaves the text damaged, so that it gets a copy each time.
struct InPlace {
    copy: Vec<u8>,
    buffers: Buffers,
}

impl InPlace {
    fn new(text: &str) -> Self {
        Self {
            copy: text.into(),
            buffers: Buffers::new(text.len()),
        }
    }

    fn read_struct<K: Kind>(&mut self, text: &str, give: &mut impl FnMut(Fields<'_>)) {
        self.copy.copy_from_slice(text.as_bytes());
        let message = simd_json::serde::from_slice_with_buffers(&mut self.copy, &mut self.buffers);
        give(K::of_struct(message.expect("JSON")));
    }

    fn read_tree<K: Kind>(&mut self, text: &str, give: &mut impl FnMut(Fields<'_>)) {
        self.copy.copy_from_slice(text.as_bytes());
        let value = simd_json::borrowed::to_value_with_buffers(&mut self.copy, &mut self.buffers);
        give(K::simd(&value.expect("JSON")));
    }
}

/// Twilio's `media`: stream, track, payload and time stamp.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Media<'a> {
    event: &'a str,
    stream_sid: &'a str,
    #[serde(borrow)]
    media: MediaBody<'a>,
}

#[derive(Deserialize)]
struct MediaBody<'a> {
    track: &'a str,
    timestamp: &'a str,
    payload: &'a str,
}

impl Kind for Media<'_> {
    type Struct<'a> = Media<'a>;

    const TEXTS: [&'static [&'static str]; 3] =
        [&["streamSid"], &["media", "track"], &["media", "payload"]];
    const NUMBER: &'static [&'static str] = &["media", "timestamp"];

    fn of_struct(message: Self::Struct<'_>) -> Fields<'_> {
        assert_eq!(message.event, "media");
        let media = message.media;
        (
            [message.stream_sid, media.track, media.payload],
            parsed(Some(media.timestamp)).expect("a number"),
        )
    }

    fn trunkline(text: &str) -> Fields<'_> {
        let message = Twilio.read(text).expect("a message");
        let CarrierEvent::Media {
            track: Track::Inbound,
            timestamp_ms,
            payload,
        } = message.event
        else {
            panic!("not media of the caller");
        };
        let stream = message.stream_sid.and_then(|sid| sid.as_plain());
        let texts = [stream, Some("inbound"), payload.as_plain()];
        (texts.map(|text| text.expect("no escapes")), timestamp_ms)
    }
}

/// A model's audio delta: response, item, audio and content part.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    response_id: &'a str,
    item_id: &'a str,
    content_index: u64,
    delta: &'a str,
}

impl Kind for Delta<'_> {
    type Struct<'a> = Delta<'a>;

    const TEXTS: [&'static [&'static str]; 3] = [&["response_id"], &["item_id"], &["delta"]];
    const NUMBER: &'static [&'static str] = &["content_index"];

    fn of_struct(message: Self::Struct<'_>) -> Fields<'_> {
        assert_eq!(message.kind, "response.output_audio.delta");
        (
            [message.response_id, message.item_id, message.delta],
            message.content_index,
        )
    }

    fn trunkline(text: &str) -> Fields<'_> {
        let Ok(ModelEvent::AudioDelta {
            response_id,
            item_id,
            content_index,
            audio,
        }) = OpenAiRealtime.read(text)
        else {
            panic!("not a delta");
        };
        (
            [response_id, item_id, audio].map(|text| text.as_plain().expect("no escapes")),
            content_index.into(),
        )
    }
}

fn parsed(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}

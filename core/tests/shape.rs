//! What a shape has learned changes nothing of what is read.

#[path = "common/cases.rs"]
mod cases;

use proptest::prelude::*;
use trunkline::{
    dialect::{Carrier, Model, Shape},
    openai::OpenAiRealtime,
    twilio::Twilio,
};

use cases::cases;

/// One message of a stream: its numbers, the length of its audio, and what else is done to it.
#[derive(Clone, Debug)]
struct Message {
    form: usize,
    number: u32,
    audio: usize,
    edits: Vec<(usize, Edit)>,
}

#[derive(Clone, Copy, Debug)]
enum Edit {
    Replace(char),
    Insert(char),
    Remove,
}

/// Twilio's form and others of the same JSON, with all that a scanner minds in reach of an edit.
fn twilio(message: &Message) -> String {
    let Message { form, number, .. } = *message;
    let audio = audio(message);
    let time = 20 * u64::from(number);
    match form % 4 {
        0 | 1 => format!(
            r#"{{"event":"media","sequenceNumber":"{number}","media":{{"track":"inbound","chunk":"{number}","timestamp":"{time}","payload":"{audio}"}},"streamSid":"MZ18ad3ab5a668481ce02b83e7395059f0"}}"#
        ),
        2 => format!(
            r#"{{ "streamSid":"MZ1","event":"media","sequenceNumber":{number},"media":{{"payload":"{audio}", "track":"outbound","timestamp":{time}}} }}"#
        ),
        _ => format!(
            r#"{{"event":"media","sequenceNumber":"{number}","note":"a \"quoted\" \u00e9","media":{{"track":"inbound","timestamp":"{time}","payload":"{audio}"}},"streamSid":"MZ1"}}"#
        ),
    }
}

fn openai(message: &Message) -> String {
    let Message { form, number, .. } = *message;
    let audio = audio(message);
    match form % 4 {
        0 | 1 => format!(
            r#"{{"type":"response.output_audio.delta","event_id":"event_{number:020}","response_id":"resp_{:016}","item_id":"item_{:016}","output_index":0,"content_index":{},"delta":"{audio}"}}"#,
            number / 7,
            number / 7,
            number % 2,
        ),
        2 => format!(
            r#"{{"type":"response.audio.delta","delta":"{audio}","response_id":"resp_{number}","item_id":"item_1","content_index":"0","obfuscation":"{number}"}}"#
        ),
        _ => format!(
            r#"{{"type":"response.output_audio_transcript.delta","response_id":"resp_1","item_id":"item_1","delta":"{audio}"}}"#
        ),
    }
}

fn audio(message: &Message) -> String {
    (0..message.audio)
        .map(|at| char::from(b"AZaz09+/"[(at * 5 + message.number as usize) % 8]))
        .collect()
}

fn edited(text: &str, edits: &[(usize, Edit)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for &(at, edit) in edits {
        let at = at % chars.len().max(1);
        match edit {
            Edit::Replace(char) => chars[at] = char,
            Edit::Insert(char) => chars.insert(at, char),
            Edit::Remove => drop(chars.remove(at)),
        }
    }
    chars.into_iter().collect()
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let char = prop::sample::select(vec![
        '"', '\\', '\0', '\u{1}', '\u{1F}', ' ', '{', '}', ':', ',', '0', '9', '-', '=', 'A', 'é',
        '😀', '\u{7F}',
    ]);
    let edit = prop_oneof![
        3 => char.clone().prop_map(Edit::Replace),
        1 => char.prop_map(Edit::Insert),
        1 => Just(Edit::Remove),
    ];
    let edits = prop_oneof![
        2 => Just(Vec::new()),
        2 => prop::collection::vec((0..2_000_usize, edit), 1..3),
    ];
    let audio = prop_oneof![4 => Just(216_usize), 1 => 0..600_usize];
    // Mostly Twilio's own form and near numbers: else nothing would be alike.
    let form = prop_oneof![4 => Just(0_usize), 1 => 0..4_usize];
    let message =
        (form, 100..140_u32, audio, edits).prop_map(|(form, number, audio, edits)| Message {
            form,
            number,
            audio,
            edits,
        });
    prop::collection::vec(message, 1..24)
}

/// Texts in which one byte in any place is what ends a string early or is in no string.
fn every_byte_spoilt(text: &str) -> impl Iterator<Item = String> + '_ {
    (0..text.len()).flat_map(move |at| {
        ["\"", "\\", "\n", "\0", "}", "0", "é"].map(|spoiler| {
            let mut spoilt = text.to_owned();
            spoilt.replace_range(at..=at, spoiler);
            spoilt
        })
    })
}

fn same<T: core::fmt::Debug>(next: T, plain: T, text: &str) {
    // Escapes show in what is printed, so this is the very text that was read.
    assert_eq!(format!("{next:?}"), format!("{plain:?}"), "{text}");
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn a_message_of_twilio_is_read_as_if_it_were_the_first(messages in messages()) {
        let mut shape = Shape::new();
        for message in &messages {
            let text = edited(&twilio(message), &message.edits);
            same(Twilio.read_next(&mut shape, &text), Twilio.read(&text), &text);
        }
    }

    #[test]
    fn an_event_of_the_model_is_read_as_if_it_were_the_first(messages in messages()) {
        let mut shape = Shape::new();
        for message in &messages {
            let text = edited(&openai(message), &message.edits);
            same(OpenAiRealtime.read_next(&mut shape, &text), OpenAiRealtime.read(&text), &text);
        }
    }
}

#[test]
fn whatever_byte_is_spoilt_after_learning_is_seen() {
    let message = Message {
        form: 0,
        number: 123,
        audio: 216,
        edits: Vec::new(),
    };
    let (media, delta) = (twilio(&message), openai(&message));
    let mut shape = Shape::new();
    for text in every_byte_spoilt(&media) {
        // Learned anew if the one before was worth it; proven, so that it is never too early.
        for clean in [&media, &media] {
            assert!(Twilio.read_next(&mut shape, clean).is_ok());
        }
        same(
            Twilio.read_next(&mut shape, &text),
            Twilio.read(&text),
            &text,
        );
    }
    let mut shape = Shape::new();
    for text in every_byte_spoilt(&delta) {
        for clean in [&delta, &delta] {
            assert!(OpenAiRealtime.read_next(&mut shape, clean).is_ok());
        }
        same(
            OpenAiRealtime.read_next(&mut shape, &text),
            OpenAiRealtime.read(&text),
            &text,
        );
    }
}

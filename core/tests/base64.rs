//! base64 against the `base64` crate, whole and in pieces.

#[path = "common/cases.rs"]
mod cases;

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::{collection::vec, prelude::*, sample::Index};
use trunkline::{
    Error, JsonStr,
    base64::{Decoder, decode, decode_str, decoded_len, encode, encode_pcm16, encoded_len},
};

use cases::cases;

/// Decodes with room to spare, and checks that the room was left alone.
fn decode_all(src: &[u8]) -> Result<Vec<u8>, Error> {
    let mut dst = vec![0xA5; decoded_len(src) + 8];
    let len = decode(src, &mut dst)?;
    assert_eq!(len, decoded_len(src));
    assert!(dst[len..].iter().all(|&byte| byte == 0xA5));
    dst.truncate(len);
    Ok(dst)
}

/// What one decoder makes of `pieces`, or the error with its offset in the whole.
fn decode_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, Error> {
    let mut decoder = Decoder::new();
    let mut bytes = Vec::new();
    let mut start = 0;
    for piece in pieces {
        let mut dst = vec![0xA5; decoder.max_len(piece.len())];
        match decoder.decode(piece, &mut dst) {
            Ok(len) => bytes.extend_from_slice(&dst[..len]),
            Err(Error::InvalidBase64 { offset }) => {
                return Err(Error::InvalidBase64 {
                    offset: start + offset,
                });
            }
            Err(other) => panic!("{other}"),
        }
        start += piece.len();
    }
    assert_eq!(decoder.is_whole(), start % 4 == 0);
    Ok(bytes)
}

/// Cuts `text` at `cuts`.
fn cut(text: &[u8], cuts: &[Index]) -> Vec<Vec<u8>> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    at.extend([0, text.len()]);
    at.sort_unstable();
    at.windows(2)
        .map(|ends| text[ends[0]..ends[1]].to_vec())
        .collect()
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..400)
}

/// Texts that are base64, or nearly.
fn nearly_base64() -> impl Strategy<Value = Vec<u8>> {
    let change = (
        any::<Index>(),
        0..3_u8,
        prop_oneof![
            4 => prop::sample::select(b"=A/+Zz9-_ \n.".to_vec()),
            1 => any::<u8>(),
        ],
    );
    (bytes(), vec(change, 0..3)).prop_map(|(bytes, changes)| {
        let mut text = STANDARD.encode(bytes).into_bytes();
        for (at, change, byte) in changes {
            // Most errors worth making are near the end.
            let at = if change == 2 {
                text.len()
            } else {
                at.index(text.len() + 1)
            };
            match change {
                0 => text.insert(at, byte),
                1 if at < text.len() => text[at] = byte,
                _ => drop(text.pop()),
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn bytes_are_encoded_as_the_base64_crate_encodes_them(src in bytes()) {
        let expected = STANDARD.encode(&src);
        prop_assert_eq!(encoded_len(src.len()), expected.len());
        let mut dst = vec![0xA5; expected.len() + 8];
        prop_assert_eq!(encode(&src, &mut dst), Ok(expected.len()));
        prop_assert_eq!(&dst[..expected.len()], expected.as_bytes());
        prop_assert!(dst[expected.len()..].iter().all(|&byte| byte == 0xA5));
        prop_assert_eq!(decode_all(expected.as_bytes()), Ok(src));
    }

    #[test]
    fn samples_are_encoded_low_byte_first(samples in vec(any::<i16>(), 0..1000)) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let expected = STANDARD.encode(bytes);
        let mut dst = vec![0xA5; expected.len() + 8];
        prop_assert_eq!(encode_pcm16(&samples, &mut dst), Ok(expected.len()));
        prop_assert_eq!(&dst[..expected.len()], expected.as_bytes());
        prop_assert!(dst[expected.len()..].iter().all(|&byte| byte == 0xA5));
    }

    #[test]
    fn a_text_is_judged_as_the_base64_crate_judges_it(text in nearly_base64()) {
        match (decode_all(&text), STANDARD.decode(&text)) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(Error::InvalidBase64 { offset }), Err(_)) => {
                prop_assert!(may_become_base64(&text[..offset]));
                if offset < text.len() {
                    prop_assert!(!may_become_base64(&text[..=offset]));
                }
            }
            (ours, theirs) => prop_assert!(false, "{ours:?} {theirs:?}"),
        }
    }

    #[test]
    fn however_a_text_is_cut_its_pieces_become_the_whole(
        text in nearly_base64(),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let whole = decode_pieces([&text[..]]);
        for at in 0..=text.len() {
            let (left, right) = text.split_at(at);
            prop_assert_eq!(&decode_pieces([left, right]), &whole);
        }
        let pieces = cut(&text, &cuts);
        prop_assert_eq!(decode_pieces(pieces.iter().map(Vec::as_slice)), whole);
        prop_assert_eq!(&decode_pieces(text.chunks(1)), &decode_pieces([&text[..]]));
    }

    #[test]
    fn texts_that_follow_one_another_are_decoded_one_by_one(
        texts in vec(bytes(), 0..6),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let joined: Vec<u8> = texts.iter().flat_map(|bytes| STANDARD.encode(bytes).into_bytes()).collect();
        let expected = texts.concat();
        let pieces = cut(&joined, &cuts);
        prop_assert_eq!(decode_pieces(pieces.iter().map(Vec::as_slice)), Ok(expected));
    }

    #[test]
    fn an_error_leaves_the_decoder_as_it_was(
        text in nearly_base64(),
        at in any::<Index>(),
        junk in nearly_base64(),
    ) {
        let at = at.index(text.len() + 1);
        let mut decoder = Decoder::new();
        let mut dst = vec![0; 400];
        if decoder.decode(&text[..at], &mut dst).is_err() {
            return Ok(());
        }
        let before = format!("{decoder:?}");
        if let Err(error) = decoder.clone().decode(&junk, &mut dst) {
            prop_assert_eq!(decoder.decode(&junk, &mut dst), Err(error));
            prop_assert_eq!(format!("{:?}", &decoder), &before[..]);
        } else {
            let needed = decoder.clone().decode(&junk, &mut dst).unwrap();
            if let Some(actual) = needed.checked_sub(1) {
                let mut short = vec![0xA5; actual];
                let error = Error::BufferTooShort { needed, actual };
                prop_assert_eq!(decoder.decode(&junk, &mut short), Err(error));
                prop_assert!(short.iter().all(|&byte| byte == 0xA5));
                prop_assert_eq!(format!("{:?}", &decoder), &before[..]);
            }
            // Just enough is enough.
            prop_assert_eq!(decoder.decode(&junk, &mut dst[..needed]), Ok(needed));
        }
    }

    #[test]
    fn escapes_in_a_json_string_change_nothing(
        text in nearly_base64(),
        cuts in vec(any::<Index>(), 0..4),
        every in 1..9_usize,
    ) {
        let Ok(text) = String::from_utf8(text) else { return Ok(()) };
        if text.contains(|char: char| char < ' ') {
            return Ok(());
        }
        let escape = |text: &str| -> String {
            let escape = |(at, char): (usize, char)| match char {
                '/' if at % every == 0 => "\\/".to_owned(),
                char if at % every == 0 => format!("\\u{:04x}", u32::from(char)),
                '"' | '\\' => format!("\\{char}"),
                char => char.to_string(),
            };
            text.chars().enumerate().map(escape).collect()
        };
        let mut dst = vec![0; 400];
        let raw = escape(&text);
        let string = JsonStr::new(&raw).unwrap();
        let plain = decode_all(text.as_bytes());
        match decode_str(string, &mut dst) {
            Ok(len) => prop_assert_eq!(plain, Ok(dst[..len].to_vec())),
            Err(error) => {
                let is_invalid = matches!(error, Error::InvalidBase64 { .. });
                prop_assert!(is_invalid && plain.is_err());
            }
        }

        let mut by_piece = Decoder::new();
        let mut plain = Decoder::new();
        let mut plain_dst = vec![0; 400];
        for piece in cut(text.as_bytes(), &cuts) {
            let Ok(piece) = String::from_utf8(piece) else { return Ok(()) };
            let raw = escape(&piece);
            let ours = by_piece.decode_str(JsonStr::new(&raw).unwrap(), &mut dst);
            let expected = plain.decode(piece.as_bytes(), &mut plain_dst);
            prop_assert_eq!(ours.is_ok(), expected.is_ok());
            prop_assert_eq!(format!("{:?}", &by_piece), format!("{:?}", &plain));
            if let Ok(len) = expected {
                prop_assert_eq!(ours, Ok(len));
                prop_assert_eq!(&dst[..len], &plain_dst[..len]);
            }
        }
    }
}

/// Whether the `base64` crate takes `text` with some ending.
fn may_become_base64(text: &[u8]) -> bool {
    ["", "=", "==", "A", "A=", "AA", "A==", "AAA", "AA==", "AAA="]
        .iter()
        .any(|ending| STANDARD.decode([text, ending.as_bytes()].concat()).is_ok())
}

#[test]
fn every_length_goes_there_and_back() {
    let bytes: Vec<u8> = (0..=255)
        .cycle()
        .map(|byte: u8| byte.wrapping_mul(151))
        .take(1100)
        .collect();
    for len in 0..bytes.len() {
        let src = &bytes[len % 7..][..len.min(bytes.len() - 7)];
        let text = STANDARD.encode(src);
        let mut dst = vec![0; text.len()];
        assert_eq!(encode(src, &mut dst), Ok(text.len()));
        assert_eq!(dst, text.as_bytes());
        assert_eq!(decode_all(text.as_bytes()).as_deref(), Ok(src));
    }
}

#[test]
fn every_wrong_character_is_found_wherever_it_stands() {
    let text = STANDARD.encode([0x5A; 150]).into_bytes();
    for at in 0..text.len() {
        for byte in
            (0..=255_u8).filter(|byte| !byte.is_ascii_alphanumeric() && !b"+/".contains(byte))
        {
            let mut wrong = text.clone();
            wrong[at] = byte;
            // Padding may stand in the last two places, but not before another character, and the
            // bits it leaves over are not zero here.
            assert_eq!(
                decode(&wrong, &mut [0; 150]),
                Err(Error::InvalidBase64 { offset: at }),
                "{byte:#04x}"
            );
        }
    }
}

#[test]
fn the_offset_of_an_error_is_that_of_the_first_character_that_cannot_stand_there() {
    for (text, offset) in [
        ("A", 1),
        ("AA", 2),
        ("AAA", 3),
        ("AA=", 3),
        ("=", 0),
        ("A=", 1),
        ("A===", 1),
        ("AB==", 2),
        ("AAB=", 3),
        ("AA=A", 3),
        ("AA==A", 4),
        ("AA==AAAA", 4),
        ("AAA=AA==", 4),
        ("AAAA=", 4),
        ("AAAA====", 4),
        ("AA A", 2),
        ("AAAA\n", 4),
        ("AA-_", 2),
    ] {
        let error = Error::InvalidBase64 { offset };
        assert_eq!(decode(text.as_bytes(), &mut [0; 8]), Err(error), "{text}");
    }
}

#[test]
fn a_short_destination_is_told_what_is_needed_and_left_alone() {
    let mut dst = [0xA5; 3];
    let error = |needed| Err(Error::BufferTooShort { needed, actual: 3 });
    assert_eq!(encode(&[0; 3], &mut dst), error(4));
    assert_eq!(encode_pcm16(&[0; 2], &mut dst), error(8));
    assert_eq!(decode(b"AAAAAA==", &mut dst), error(4));
    assert_eq!(
        decode_str(JsonStr::new(r"\u0041AAAAA==").unwrap(), &mut dst),
        error(4)
    );
    assert_eq!(Decoder::new().decode(b"AAAAAA==", &mut dst), error(4));
    assert_eq!(dst, [0xA5; 3]);
}

#[test]
fn characters_beyond_ascii_are_no_base64() {
    let mut dst = [0; 8];
    for (raw, offset) in [
        ("AAé=", 2),
        (r"A\u00e9A=", 1),
        (r"AA\ud83d", 2),
        (r"A\ud83d\udcdeA", 1),
    ] {
        let string = JsonStr::new(raw).unwrap();
        assert_eq!(
            decode_str(string, &mut dst),
            Err(Error::InvalidBase64 { offset }),
            "{raw}"
        );
    }
}

#[test]
fn a_reset_forgets_half_a_text() {
    let mut decoder = Decoder::new();
    let mut dst = [0; 3];
    assert_eq!(decoder.decode(b"QU", &mut dst), Ok(0));
    assert!(!decoder.is_whole());
    decoder.reset();
    assert!(decoder.is_whole());
    assert_eq!(decoder.decode(b"QUJD", &mut dst), Ok(3));
    assert_eq!(&dst, b"ABC");
}

//! base64 against the `base64` crate, and texts in pieces against whole ones.

use ::base64::{Engine as _, engine::general_purpose::STANDARD};
use trunkline::{
    Error, JsonStr,
    base64::{Decoder, decode, decode_str, decoded_len, encode, encode_pcm16, encoded_len},
    simd,
};

/// The first byte says where to cut, the rest is text and, encoded, bytes.
pub fn base64(data: &[u8]) {
    let Some((&cut, data)) = data.split_first() else {
        return;
    };
    check_encode(data);
    check_decode(data, cut);
    // Valid text, which the fuzzer's bytes seldom are, with one character changed.
    let mut text = STANDARD.encode(data).into_bytes();
    check_decode(&text, cut);
    if let Some(at) = usize::from(cut).checked_rem(text.len()) {
        text[at] = data[data.len() / 2];
        check_decode(&text, cut);
    }
}

fn check_encode(bytes: &[u8]) {
    let expected = STANDARD.encode(bytes).into_bytes();
    let needed = encoded_len(bytes.len());
    assert_eq!(needed, expected.len());
    let mut text = vec![GUARD; needed + 1];
    assert_eq!(encode(bytes, &mut text), Ok(needed));
    assert_eq!(text, [&expected[..], &[GUARD]].concat());
    for level in simd::levels() {
        text.fill(GUARD);
        let read = simd::base64::encode(level, bytes, &mut text[..needed]);
        assert_eq!(text[..read / 3 * 4], expected[..read / 3 * 4], "{level:?}");
        assert_eq!(text[needed], GUARD, "{level:?}");
    }
    let samples: Vec<i16> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|bytes| i16::from_le_bytes(*bytes))
        .collect();
    let expected = STANDARD.encode(&bytes[..2 * samples.len()]).into_bytes();
    let mut text = vec![GUARD; expected.len() + 1];
    assert_eq!(encode_pcm16(&samples, &mut text), Ok(expected.len()));
    assert_eq!(text, [&expected[..], &[GUARD]].concat());
    for level in simd::levels() {
        text.fill(GUARD);
        let read = simd::base64::encode_pcm16(level, &samples, &mut text[..expected.len()]);
        assert_eq!(text[..read / 3 * 8], expected[..read / 3 * 8], "{level:?}");
        assert_eq!(text[expected.len()], GUARD, "{level:?}");
    }
    if let Some(actual) = needed.checked_sub(1) {
        let mut text = vec![GUARD; actual];
        let refused = Err(Error::BufferTooShort { needed, actual });
        assert_eq!(encode(bytes, &mut text), refused);
        assert!(text.iter().all(|&byte| byte == GUARD));
    }
}

fn check_decode(text: &[u8], cut: u8) {
    let expected = STANDARD.decode(text);
    let needed = decoded_len(text);
    let mut bytes = vec![GUARD; needed + 1];
    let decoded = decode(text, &mut bytes[..needed]);
    assert_eq!(bytes[needed], GUARD);
    bytes.pop();
    match (decoded, &expected) {
        (Ok(len), Ok(expected)) => {
            assert_eq!(len, needed);
            assert_eq!(bytes, *expected);
            if let Some(actual) = needed.checked_sub(1) {
                let refused = Err(Error::BufferTooShort { needed, actual });
                assert_eq!(decode(text, &mut bytes[..actual]), refused);
            }
        }
        (Err(Error::InvalidBase64 { offset }), Err(_)) => {
            assert!(offset <= text.len());
            // Up to there it can still become a text.
            let begun = &text[..offset];
            let ends = [&b""[..], b"=", b"A", b"AA", b"AAA"];
            let completed = ends.map(|end| STANDARD.decode([begun, end].concat()));
            assert!(completed.iter().any(Result::is_ok), "{offset}");
        }
        other => panic!("{other:?}"),
    }
    for level in simd::levels() {
        let mut bytes = vec![GUARD; needed + 1];
        let read = simd::base64::decode(level, text, &mut bytes[..needed]);
        assert_eq!(
            STANDARD.decode(&text[..read]).as_deref(),
            Ok(&bytes[..read / 4 * 3]),
            "{level:?}"
        );
        assert_eq!(bytes[needed], GUARD, "{level:?}");
    }
    check_str(text, expected.is_ok());
    check_pieces(text, cut);
}

/// As a string in JSON, some of it escaped.
fn check_str(text: &[u8], is_valid: bool) {
    let Ok(text) = str::from_utf8(text) else {
        return;
    };
    let mut raw = String::new();
    for (index, char) in text.chars().enumerate() {
        match char {
            '/' if index % 2 == 0 => raw.push_str("\\/"),
            '"' | '\\' => raw.extend(['\\', char]),
            char if char < ' ' || index % 31 == 30 && char.is_ascii() => {
                raw.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            char => raw.push(char),
        }
    }
    let string = JsonStr::new(&raw).expect("all that must be is escaped");
    let mut bytes = vec![0; text.len()];
    let decoded = decode_str(string, &mut bytes);
    assert_eq!(decoded.is_ok(), is_valid, "{decoded:?}");
    if let Ok(len) = decoded {
        assert_eq!(bytes[..len], STANDARD.decode(text).unwrap());
        let mut pieces = vec![0; text.len() + 3];
        let mut decoder = Decoder::new();
        assert_eq!(decoder.decode_str(string, &mut pieces), Ok(len));
        assert_eq!(pieces[..len], bytes[..len]);
        assert!(decoder.is_whole());
    }
}

/// Pieces of a stream of texts give what the whole of it gives, and a piece refused is no piece.
fn check_pieces(text: &[u8], cut: u8) {
    let mut whole = vec![0; text.len() + 3];
    let mut one = Decoder::new();
    let expected = one.decode(text, &mut whole);
    let mut pieces = Vec::new();
    let mut decoder = Decoder::new();
    let mut read = 0;
    for piece in text.chunks(1 + usize::from(cut)) {
        let before = format!("{decoder:?}");
        let room = decoder.max_len(piece.len());
        let mut bytes = vec![GUARD; room + 1];
        let result = decoder.decode(piece, &mut bytes[..room]);
        assert_eq!(bytes[room], GUARD);
        match result {
            Ok(len) => pieces.extend_from_slice(&bytes[..len]),
            Err(Error::InvalidBase64 { offset }) => {
                let offset = read + offset;
                assert_eq!(expected, Err(Error::InvalidBase64 { offset }));
                assert_eq!(format!("{decoder:?}"), before);
                // The part before it goes through.
                let mut rest = vec![0; room];
                assert!(decoder.decode(&piece[..offset - read], &mut rest).is_ok());
                return;
            }
            other => panic!("{other:?}"),
        }
        read += piece.len();
    }
    assert_eq!(expected, Ok(pieces.len()));
    assert_eq!(pieces, whole[..pieces.len()]);
    assert_eq!(format!("{decoder:?}"), format!("{one:?}"));
}

const GUARD: u8 = 0xA7;

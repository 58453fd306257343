//! The JSON reader and writer against `serde_json`.

#[path = "common/cases.rs"]
mod cases;
#[path = "common/scramble.rs"]
mod scramble;

use proptest::{collection::vec, prelude::*};
use serde::de::IgnoredAny;
use serde_json::{Number, Value};
use trunkline::{Error, JsonStr, RawJson};

use cases::cases;
use scramble::{Rng, scramble};

/// The value as our reader sees it.
fn to_value(json: RawJson<'_>) -> Value {
    if json.is_object() {
        let members = json.members();
        Value::Object(
            members
                .map(|(name, value)| (name.to_string(), to_value(value)))
                .collect(),
        )
    } else if json.is_array() {
        Value::Array(json.elements().map(to_value).collect())
    } else if let Some(string) = json.as_string() {
        Value::String(string.to_string())
    } else if let Some(truth) = json.as_bool() {
        Value::Bool(truth)
    } else if json.is_null() {
        Value::Null
    } else {
        Value::Number(serde_json::from_str(json.as_str()).unwrap())
    }
}

/// Checks that we take `text` if and only if it is JSON, and if not, complain where it ceases to be.
fn agree(text: &str) {
    let ours = RawJson::new(text);
    // The grammar alone: `Value` also wants numbers in the range of f64 and whole surrogate pairs.
    let grammar = serde_json::from_str::<IgnoredAny>(text);
    assert_eq!(
        ours.is_ok(),
        grammar.is_ok(),
        "{ours:?} {grammar:?}: {text:?}"
    );
    let offset = match ours {
        Ok(json) => {
            match serde_json::from_str::<Value>(text) {
                Ok(value) => assert_eq!(to_value(json), value, "{text:?}"),
                Err(error) => assert!(
                    [
                        "number out of range",
                        "lone leading surrogate",
                        "unexpected end of hex"
                    ]
                    .iter()
                    .any(|reason| error.to_string().starts_with(reason)),
                    "{error}: {text:?}"
                ),
            }
            return;
        }
        Err(Error::InvalidJson { offset }) => offset,
        Err(other) => panic!("{other}: {text:?}"),
    };
    // Up to the offset it may still become JSON, one character further it cannot. Of a number that
    // lacks digits serde_json says the former less clearly.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(&text[..offset]) {
        let unfinished = error.is_eof() || error.to_string().starts_with("invalid number");
        assert!(unfinished, "{error} before {offset}: {text:?}");
    }
    if let Some(char) = text[offset..].chars().next() {
        // serde_json looks at an escape's four digits only once there are four characters.
        let beyond = text[..offset + char.len_utf8()].to_owned() + "0000";
        let error = serde_json::from_str::<IgnoredAny>(&beyond);
        assert!(
            error.is_err_and(|error| !error.is_eof()),
            "at {offset}: {text:?}"
        );
    }
}

fn json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        (-1e9..1e9).prop_map(|number| Number::from_f64(number).unwrap()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::Number),
        string().prop_map(Value::String),
        // Longer than the blocks that strings are searched in.
        "[A-Za-z0-9+/]{40,300}".prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            vec((string(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{0,12}",
        ".{0,20}",
        vec(any::<char>(), 0..8).prop_map(String::from_iter)
    ]
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_value_is_read_as_serde_json_reads_it(value in json(), seed: u64) {
        let text = scramble(&value, &mut Rng(seed), false);
        let theirs = serde_json::from_str::<Value>(&text).unwrap();
        prop_assert_eq!(to_value(RawJson::new(&text).unwrap()), theirs);
    }

    #[test]
    fn a_text_with_something_changed_is_judged_as_serde_json_judges_it(
        value in json(),
        seed: u64,
        changes in vec((any::<prop::sample::Index>(), 0..3_u8, spice()), 1..4),
    ) {
        let mut chars: Vec<char> = scramble(&value, &mut Rng(seed), false).chars().collect();
        for (at, change, char) in changes {
            if chars.is_empty() {
                break;
            }
            let at = at.index(chars.len());
            match change {
                0 => chars[at] = char,
                1 => chars.insert(at, char),
                _ => drop(chars.remove(at)),
            }
        }
        agree(&String::from_iter(chars));
    }

    #[test]
    fn any_text_at_all_is_judged_as_serde_json_judges_it(text in vec(spice(), 0..40)) {
        agree(&String::from_iter(text));
    }

    #[test]
    fn a_text_cut_short_is_missing_something_at_its_end(value in json(), seed: u64) {
        let text = scramble(&Value::Array(vec![value]), &mut Rng(seed), false);
        let end = text.trim_end().len();
        for (cut, _) in text.char_indices().take_while(|(cut, _)| *cut < end) {
            prop_assert_eq!(RawJson::new(&text[..cut]), Err(Error::InvalidJson { offset: cut }));
        }
    }

    #[test]
    fn a_string_comes_back_from_the_writer_as_it_was(text in string()) {
        let mut dst = vec![0; 6 * text.len() + 2];
        let len = JsonStr::encode(&text, &mut dst).unwrap();
        let written = core::str::from_utf8(&dst[..len]).unwrap();
        prop_assert_eq!(&serde_json::from_str::<String>(written).unwrap(), &text);
        // serde_json escapes as little as we do.
        prop_assert_eq!(written, serde_json::to_string(&text).unwrap());

        let read = RawJson::new(written).unwrap().as_string().unwrap();
        prop_assert!(read == *text);
        prop_assert_eq!(read.len(), text.len());
        prop_assert_eq!(read.as_plain().is_some(), !written[1..len - 1].contains('\\'));
        let mut copy = vec![0; text.len()];
        prop_assert_eq!(read.copy_to(&mut copy), Ok(&*text));
        if let Some(short) = text.len().checked_sub(1) {
            let error = Error::BufferTooShort { needed: text.len(), actual: short };
            prop_assert_eq!(read.copy_to(&mut copy[..short]), Err(error));
        }
        let mut short = vec![0xA5; len - 1];
        let error = Error::BufferTooShort { needed: len, actual: len - 1 };
        prop_assert_eq!(JsonStr::encode(&text, &mut short), Err(error));
        prop_assert!(short.iter().all(|&byte| byte == 0xA5));
    }
}

/// Characters that matter to JSON, and some that do not.
fn spice() -> impl Strategy<Value = char> {
    let matters: Vec<char> =
        "{}[]:,\"\\ \n\t0123456789-+.eEtrufalsnbx/dD\u{0}\u{1f}\u{7f}é\u{1F4DE}"
            .chars()
            .collect();
    prop_oneof![9 => prop::sample::select(matters), 1 => any::<char>()]
}

#[test]
fn the_offset_of_an_error_is_that_of_the_first_byte_that_cannot_stand_there() {
    for (text, offset) in [
        ("", 0),
        (" ", 1),
        ("nul", 3),
        ("nulL", 3),
        ("True", 0),
        ("01", 1),
        ("-", 1),
        ("-a", 1),
        ("1.", 2),
        ("1.e1", 2),
        ("1e", 2),
        ("1e+", 3),
        (".5", 0),
        ("+1", 0),
        ("NaN", 0),
        ("1 2", 2),
        ("\"a", 2),
        ("\"a\u{1f}\"", 2),
        ("\"\\x\"", 2),
        ("\"\\u12g4\"", 5),
        ("\"\\u123\"", 6),
        ("'a'", 0),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("[,]", 1),
        ("[1}", 2),
        ("{\"a\"}", 4),
        ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{a:1}", 1),
        ("{\"a\":1]", 6),
        ("{}{}", 2),
        ("\u{feff}{}", 0),
        ("//x", 0),
    ] {
        assert_eq!(
            RawJson::new(text),
            Err(Error::InvalidJson { offset }),
            "{text:?}"
        );
    }
}

#[test]
fn nesting_ends_at_64() {
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert!(RawJson::new(&nested(64)).is_ok());
    assert_eq!(
        RawJson::new(&nested(65)),
        Err(Error::InvalidJson { offset: 64 })
    );
    // A hostile text is refused without looking at the rest.
    let bomb = "[{\"a\":".repeat(1_000_000);
    assert_eq!(
        RawJson::new(&bomb),
        Err(Error::InvalidJson { offset: 32 * 6 })
    );
}

#[test]
fn bytes_that_are_not_utf8_are_refused_where_they_cease_to_be() {
    assert_eq!(
        RawJson::from_utf8(b"\"a\xFF\""),
        Err(Error::InvalidJson { offset: 2 })
    );
    assert!(RawJson::from_utf8("\"é\"".as_bytes()).is_ok());
}

#[test]
fn of_a_name_given_twice_the_last_counts() {
    let text = r#"{"a":1,"b":2,"\u0061":3}"#;
    let json = RawJson::new(text).unwrap();
    assert_eq!(json.get("a").unwrap().as_u64(), Some(3));
    assert_eq!(serde_json::from_str::<Value>(text).unwrap()["a"], 3);
    assert_eq!(json.members().count(), 3);
    assert_eq!(json.get("c"), None);
}

#[test]
fn half_a_surrogate_pair_is_a_replacement_character() {
    for (raw, expected) in [
        (r"\ud83d\udcde", "\u{1F4DE}"),
        (r"\ud83d", "\u{FFFD}"),
        (r"\udcde", "\u{FFFD}"),
        (r"\ud83dx", "\u{FFFD}x"),
        (r"\ud83d\u0041", "\u{FFFD}A"),
        (r"\ud83d\n", "\u{FFFD}\n"),
        (r"\ud83d\ud83d\udcde", "\u{FFFD}\u{1F4DE}"),
        (r"\uDCDE\uD83D", "\u{FFFD}\u{FFFD}"),
        (r"\uFFFF\u0000", "\u{FFFF}\u{0}"),
    ] {
        let string = JsonStr::new(raw).unwrap();
        assert_eq!(string.to_string(), expected);
        assert_eq!(string.len(), expected.len());
        // serde_json has no reading of half a pair, but takes every other string alike.
        match serde_json::from_str::<String>(&format!("\"{raw}\"")) {
            Ok(theirs) => assert_eq!(theirs, expected),
            Err(_) => assert!(expected.contains('\u{FFFD}')),
        }
    }
}

#[test]
fn every_escape_is_written_and_read_as_serde_json_does() {
    // The first and last of each range of UTF-16, and of each half of a pair.
    let edges = [
        '\u{D7FF}',
        '\u{E000}',
        '\u{FFFF}',
        '\u{10000}',
        '\u{103FF}',
        '\u{10400}',
    ];
    let edges = edges
        .into_iter()
        .chain(['\u{10FBFF}', '\u{10FC00}', '\u{10FFFF}']);
    for char in ('\0'..='\u{FF}').chain(edges) {
        let text = char.to_string();
        let mut dst = [0; 8];
        let len = JsonStr::encode(&text, &mut dst).unwrap();
        let written = core::str::from_utf8(&dst[..len]).unwrap();
        assert_eq!(written, serde_json::to_string(&text).unwrap());

        let units = char.encode_utf16(&mut [0; 2]).to_vec();
        let raw: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        assert_eq!(JsonStr::new(&raw).unwrap(), *text, "{raw}");
        assert_eq!(
            serde_json::from_str::<String>(&format!("\"{raw}\"")).unwrap(),
            text
        );
    }
}

#[test]
fn strings_are_equal_if_their_characters_are() {
    let plain = JsonStr::new("a/b").unwrap();
    let escaped = JsonStr::new(r"\u0061\/b").unwrap();
    assert_eq!(plain, escaped);
    assert_eq!(escaped, "a/b");
    assert_ne!(escaped, "a/c");
    assert_eq!((plain.as_plain(), escaped.as_plain()), (Some("a/b"), None));
    assert_eq!(escaped.raw(), r"\u0061\/b");
}

#[test]
fn what_cannot_stand_between_quotes_is_no_string() {
    for (raw, offset) in [
        ("a\"b", 1),
        ("a\nb", 1),
        (r"a\", 2),
        (r"a\q", 2),
        (r"a\u00", 5),
    ] {
        assert_eq!(
            JsonStr::new(raw),
            Err(Error::InvalidJson { offset }),
            "{raw:?}"
        );
    }
    // Wherever the offender stands in and between the blocks that are searched.
    for at in 0..200 {
        let raw = "x".repeat(at) + "\"" + &"x".repeat(200 - at);
        assert_eq!(JsonStr::new(&raw), Err(Error::InvalidJson { offset: at }));
    }
}

#[test]
fn an_integer_is_read_however_it_is_written() {
    let as_u64 = |text| RawJson::new(text).unwrap().as_u64();
    for (text, expected) in [
        ("40", Some(40)),
        ("\"40\"", Some(40)),
        ("40.0", Some(40)),
        ("4e1", Some(40)),
        ("0.4E+2", Some(40)),
        ("400e-1", Some(40)),
        ("\"040\"", Some(40)),
        (r#""\u0034\u0030""#, Some(40)),
        ("0", Some(0)),
        ("-0", Some(0)),
        ("0e99999999999999999999", Some(0)),
        ("0.000e-5", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("1844674407370955161.5e1", Some(u64::MAX)),
        ("1e19", Some(10_000_000_000_000_000_000)),
        ("1e20", None),
        ("1e99999999999999999999", None),
        ("1e-99999999999999999999", None),
        ("40.5", None),
        ("-40", None),
        ("\"\"", None),
        ("\" 40\"", None),
        ("\"+40\"", None),
        ("\"4 0\"", None),
        ("\"40.\"", None),
        ("\".5e1\"", None),
        ("\"e1\"", None),
        ("\"1e\"", None),
        ("null", None),
        ("true", None),
        ("[40]", None),
    ] {
        assert_eq!(as_u64(text), expected, "{text}");
    }
}

#[test]
fn members_and_elements_are_those_of_the_outermost_value() {
    let json = RawJson::new(r#" {"a":[1,{"b":2}],"c":"d"} "#).unwrap();
    assert_eq!(json.as_str(), r#"{"a":[1,{"b":2}],"c":"d"}"#);
    assert_eq!(json.get("b"), None);
    let array = json.get("a").unwrap();
    let elements: Vec<_> = array.elements().map(|element| element.as_str()).collect();
    assert_eq!(elements, ["1", r#"{"b":2}"#]);
    assert_eq!(array.members().count(), 0);
    assert_eq!(json.elements().count(), 0);
    assert_eq!(json.get("c").unwrap().as_string().unwrap(), "d");
    assert_eq!(array.get("b"), None);
}

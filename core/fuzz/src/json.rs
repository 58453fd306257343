//! The JSON reader against serde_json.

use serde::de::IgnoredAny;
use serde_json::{Number, Value};
use trunkline::{Error, JsonStr, RawJson, simd};

/// Checks that the reader takes `bytes` if and only if they are JSON of the depth it promises, and
/// reads what serde_json reads. Returns that, unless serde_json's values cannot hold it (half a
/// surrogate pair) or the readers promise less (a number written as a longer string than a name).
pub(crate) fn check(bytes: &[u8]) -> Option<Value> {
    scan(bytes);
    let ours = RawJson::from_utf8(bytes);
    let grammar = is_json(bytes);
    assert_eq!(ours.is_ok(), grammar, "{ours:?}");
    let json = match ours {
        Ok(json) => json,
        Err(Error::InvalidJson { offset }) => {
            assert!(offset <= bytes.len());
            return None;
        }
        Err(other) => panic!("{other}"),
    };
    let value: Value = serde_json::from_str(json.as_str()).ok()?;
    if has_private_name(&value) {
        return None;
    }
    assert_eq!(to_value(json), value);
    (!has_long_number(&value)).then_some(value)
}

/// Whether `bytes` are a JSON text that the readers must take.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    // The grammar alone: `Value` also wants whole surrogate pairs.
    let Ok(text) = str::from_utf8(bytes) else {
        return false;
    };
    serde_json::from_str::<IgnoredAny>(text).is_ok() && depth(text) <= 64
}

/// Every instruction set level finds the same ends of plain runs in strings.
fn scan(bytes: &[u8]) {
    let is_stop = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let blocks = bytes.as_chunks().0;
    let masks = blocks.iter().map(|block: &[u8; 64]| {
        (0..64).fold(0_u64, |mask, at| mask | u64::from(is_stop(block[at])) << at)
    });
    let masks: Vec<u64> = masks.collect();
    let plain = 64 * masks.iter().take_while(|mask| **mask == 0).count();
    for level in simd::levels() {
        let found = blocks
            .iter()
            .map(|block| simd::scan::stops_at(level, block));
        assert!(found.eq(masks.iter().copied()), "{level:?}");
        assert_eq!(simd::scan::plain_len_at(level, bytes), plain, "{level:?}");
    }
}

fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted) = (0, 0, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' => drop(bytes.next()),
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
    }
    deepest
}

/// The value as our reader sees it, each way of looking at it compared with the others.
pub(crate) fn to_value(json: RawJson<'_>) -> Value {
    if json.is_object() {
        let members: Vec<_> = json.members().collect();
        for (name, _) in &members {
            let last = members.iter().rfind(|(other, _)| other == name);
            assert_eq!(json.get(&string(*name)), last.map(|(_, value)| *value));
        }
        let members = members
            .into_iter()
            .map(|(name, value)| (string(name), to_value(value)));
        Value::Object(members.collect())
    } else if json.is_array() {
        Value::Array(json.elements().map(to_value).collect())
    } else if let Some(text) = json.as_string() {
        Value::String(string(text))
    } else if let Some(truth) = json.as_bool() {
        Value::Bool(truth)
    } else if json.is_null() {
        Value::Null
    } else {
        assert_eq!(json.as_u64(), parse_integer(json.as_str()), "{json:?}");
        Value::Number(serde_json::from_str::<Number>(json.as_str()).expect("it is a number"))
    }
}

/// The string, read in each way that there is.
pub(crate) fn string(text: JsonStr<'_>) -> String {
    let told = text.to_string();
    assert_eq!(text.chars().collect::<String>(), told);
    assert_eq!(text.len(), told.len());
    assert_eq!(text.is_empty(), told.is_empty());
    assert!(text == *told);
    assert!(text.as_plain().is_none_or(|plain| plain == told));
    let mut copy = vec![0; told.len()];
    assert_eq!(text.copy_to(&mut copy), Ok(&*told));
    if let Some(short) = told.len().checked_sub(1) {
        let needed = told.len();
        let refused = Err(Error::BufferTooShort {
            needed,
            actual: short,
        });
        assert_eq!(text.copy_to(&mut copy[..short]), refused);
    }
    let again = JsonStr::new(text.raw()).expect("it was a string before");
    assert_eq!(again, text);
    let mut quoted = vec![0; 2 + 6 * told.len()];
    let len = JsonStr::encode(&told, &mut quoted).expect("six bytes a byte are enough");
    assert_eq!(
        serde_json::from_slice::<String>(&quoted[..len]).unwrap(),
        told
    );
    told
}

/// The integer in 0 to 2⁶⁴−1 that `value` is, as a number or as a string of one.
pub(crate) fn integer(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => parse_integer(&number.to_string()),
        Value::String(text) => parse_integer(text),
        _ => None,
    }
}

/// The integer that a decimal number stands for: its digits without the zeros that only place the
/// point.
fn parse_integer(text: &str) -> Option<u64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_end_matches('0');
    let exponent = exponent - fraction.len() as i128 + (digits.len() - significant.len()) as i128;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    if negative || !(0..20).contains(&exponent) || significant.len() > 20 {
        return None;
    }
    let value: u128 = significant.parse().expect("these are digits");
    u64::try_from(value * 10_u128.pow(exponent as u32)).ok()
}

fn parse_exponent(text: &str) -> Option<i128> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // No text is so long that its digits could make up for more.
    Some(sign * digits.parse().unwrap_or(i128::from(i64::MAX)))
}

fn has_long_number(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            text.len() > 64
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        }
        Value::Array(array) => array.iter().any(has_long_number),
        Value::Object(object) => object.values().any(has_long_number),
        _ => false,
    }
}

/// serde_json keeps numbers as they are written in objects with a name of its own.
fn has_private_name(value: &Value) -> bool {
    value.to_string().contains("$serde_json::private")
}

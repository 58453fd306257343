//! One JSON value written in one of its many ways.

use serde_json::Value;

/// Small deterministic random numbers (splitmix64), so that a seed tells the whole text.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// `value` with its members in random order, white space, escapes, and integers written in other
/// ways; with `strangers`, also with members nobody knows and earlier duplicates of members.
pub(crate) fn scramble(value: &Value, rng: &mut Rng, strangers: bool) -> String {
    let mut text = String::new();
    space(&mut text, rng);
    write(&mut text, value, rng, strangers);
    space(&mut text, rng);
    text
}

fn write(text: &mut String, value: &Value, rng: &mut Rng, strangers: bool) {
    match value {
        Value::String(string) => write_string(text, string, rng),
        Value::Number(number) if strangers && number.is_u64() => match rng.below(4) {
            0 => text.push_str(&format!("{number}.0")),
            1 => text.push_str(&format!("{number}.00E+0")),
            2 => text.push_str(&format!("\"{number}\"")),
            _ => text.push_str(&number.to_string()),
        },
        Value::Array(elements) => {
            text.push('[');
            space(text, rng);
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                    space(text, rng);
                }
                write(text, element, rng, strangers);
                space(text, rng);
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            for last in (1..members.len()).rev() {
                members.swap(last, rng.below(last + 1));
            }
            text.push('{');
            space(text, rng);
            let mut comma = "";
            for (name, member) in members {
                if strangers && rng.one_in(4) {
                    text.push_str(comma);
                    let stranger = STRANGERS[rng.below(STRANGERS.len())];
                    write_member(text, if rng.one_in(2) { name } else { "x-new" }, rng);
                    text.push_str(stranger);
                    comma = ",";
                }
                text.push_str(comma);
                comma = ",";
                write_member(text, name, rng);
                write(text, member, rng, strangers);
                space(text, rng);
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

fn write_member(text: &mut String, name: &str, rng: &mut Rng) {
    space(text, rng);
    write_string(text, name, rng);
    space(text, rng);
    text.push(':');
    space(text, rng);
}

fn write_string(text: &mut String, string: &str, rng: &mut Rng) {
    // Most writers escape nothing; some escape all they may.
    let chance = [1000, 1000, 20, 2][rng.below(4)];
    text.push('"');
    for char in string.chars() {
        let must = char < ' ' || char == '"' || char == '\\';
        if !must && !rng.one_in(chance) {
            text.push(char);
            continue;
        }
        let short = match char {
            '"' | '\\' | '/' => Some(char),
            '\u{8}' => Some('b'),
            '\u{C}' => Some('f'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            _ => None,
        };
        match short {
            Some(short) if rng.one_in(2) => text.extend(['\\', short]),
            _ => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    if rng.one_in(2) {
                        text.push_str(&format!("\\u{unit:04x}"));
                    } else {
                        text.push_str(&format!("\\u{unit:04X}"));
                    }
                }
            }
        }
    }
    text.push('"');
}

fn space(text: &mut String, rng: &mut Rng) {
    if rng.one_in(3) {
        text.push_str([" ", "\n", "\t", "\r\n", "    "][rng.below(5)]);
    }
}

const STRANGERS: [&str; 8] = [
    "null",
    "-12.5e3",
    "\"{[\\\"\"",
    "[]",
    "{}",
    "[{\"a\":[1,{}]},\"]\"]",
    "{\"type\":\"x\",\"event\":{\"payload\":[null]}}",
    "\"\u{1F4DE}\\ud83d\"",
];

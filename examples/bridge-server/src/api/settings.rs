//! What an agent may be set to.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::input::Fields;
use super::problem::Problem;
use crate::{
    agent::{AgentSettings, MAX_SESSION, Tool, is_e164, session_len},
    tools::Destinations,
};

/// The settings in a body, with webhooks that may go to `destinations`.
///
/// # Errors
/// With everything that is wrong with them.
pub(crate) fn read(
    mut fields: Fields,
    destinations: &Destinations,
) -> Result<AgentSettings, Problem> {
    let name = fields.text("name", 1..=100);
    // In bytes of JSON, and with the tools, they have another limit besides.
    let instructions = fields.text("instructions", 1..=16_384);
    let settings = AgentSettings {
        name,
        instructions,
        voice: fields.checked_text("voice", |voice| is_word(voice, 64), WORD),
        model: fields.checked_text("model", |model| is_word(model, 64), WORD),
        language: fields.checked_text(
            "language",
            is_language,
            "must be a BCP 47 tag such as en or de-CH",
        ),
        greeting: fields.optional_text("greeting", 1..=2_000),
        greeting_audio: fields.checked_text(
            "greetingAudio",
            is_wav_name,
            "must be the name of a WAV file, without a path",
        ),
        tools: tools(&mut fields, destinations),
        turn_detection: turn_detection(&mut fields),
        enabled: fields.flag("enabled", true),
    };
    if session_len(&settings) > MAX_SESSION {
        fields.wrong("instructions", TOO_LONG);
    }
    fields.finish()?;
    Ok(settings)
}

fn tools(fields: &mut Fields, destinations: &Destinations) -> Vec<Tool> {
    let mut names = HashSet::new();
    let mut tools = Vec::new();
    for (at, value) in fields.list("tools", MAX_TOOLS).into_iter().enumerate() {
        let mut inner = Fields::of(value, format!("#/tools/{at}"));
        if let Some((field, name, tool)) = tool(&mut inner, destinations) {
            if names.insert(name) {
                tools.push(tool);
            } else {
                inner.wrong(field, "is the name of another tool of this agent");
            }
        }
        fields.absorb(inner);
    }
    tools
}

/// A tool, its name, and the field that gives it the name.
fn tool(fields: &mut Fields, destinations: &Destinations) -> Option<(&'static str, String, Tool)> {
    let kind = fields.text("type", 1..=64);
    let tool = match kind.as_str() {
        "get_slots" => Tool::GetSlots,
        "book_slot" => Tool::BookSlot,
        "get_pricing" => Tool::GetPricing,
        "hang_up" => Tool::HangUp,
        "transfer_call" => {
            let to = fields.checked_text("to", is_e164, "must be E.164, such as +15550100");
            Tool::TransferCall {
                to: fields.required("to", to),
            }
        }
        "webhook" => return webhook(fields, destinations),
        _ => {
            if !kind.is_empty() {
                fields.wrong("type", KINDS);
            }
            // Nothing is there to judge them by.
            fields.ignore_rest();
            return None;
        }
    };
    Some(("type", kind, tool))
}

fn webhook(
    fields: &mut Fields,
    destinations: &Destinations,
) -> Option<(&'static str, String, Tool)> {
    let name = fields.checked_text(
        "name",
        |name| is_word(name, 64) && !name.contains(['.', ':', '/']),
        "must be 1 to 64 letters, digits, _ or -",
    );
    let url = fields.checked_text("url", |url| destinations.check(url).is_ok(), DESTINATION);
    let parameters = fields.value("parameters");
    if let Some(parameters) = &parameters
        && let Err(detail) = check_parameters(parameters)
    {
        fields.wrong("parameters", detail);
    }
    let name = fields.required("name", name);
    let tool = Tool::Webhook {
        name: name.clone(),
        description: fields.text("description", 1..=1_024),
        parameters: fields.required("parameters", parameters),
        url: fields.required("url", url),
        timeout_ms: fields
            .optional_integer("timeoutMs", 1..=30_000)
            .and_then(|ms| ms.try_into().ok()),
    };
    (!name.is_empty()).then_some(("name", name, tool))
}

/// Whether `schema` is a JSON schema of an object, as the model asks of a function.
fn check_parameters(schema: &Value) -> Result<(), &'static str> {
    let Value::Object(schema) = schema else {
        return Err("must be a JSON schema of an object");
    };
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err("must be a JSON schema with \"type\": \"object\"");
    }
    let no_properties = Map::new();
    let properties = match schema.get("properties") {
        None => &no_properties,
        Some(Value::Object(properties)) => properties,
        Some(_) => return Err("properties must be an object"),
    };
    if !properties
        .values()
        .all(|property| property.is_object() || property.is_boolean())
    {
        return Err("every property must be a JSON schema");
    }
    if let Some(required) = schema.get("required") {
        let Some(required) = required.as_array() else {
            return Err("required must be a list of properties");
        };
        let is_property = |name: &Value| {
            name.as_str()
                .is_some_and(|name| properties.contains_key(name))
        };
        if !required.iter().all(is_property) {
            return Err("required must be a list of properties");
        }
    }
    check_size(&Value::Object(schema.clone()))
}

fn turn_detection(fields: &mut Fields) -> Option<Value> {
    let detection = fields.value("turnDetection")?;
    let kind = detection.get("type").and_then(Value::as_str);
    if !matches!(kind, Some("server_vad" | "semantic_vad")) {
        fields.wrong(
            "turnDetection",
            "must be an object with \"type\": \"server_vad\" or \"semantic_vad\"",
        );
    } else if let Err(detail) = check_size(&detection) {
        fields.wrong("turnDetection", detail);
    }
    Some(detection)
}

fn check_size(value: &Value) -> Result<(), &'static str> {
    if depth(value) > MAX_DEPTH {
        return Err("must not be nested deeper than 20");
    }
    if value.to_string().len() > MAX_JSON {
        return Err("must be at most 16 KiB long");
    }
    Ok(())
}

/// No deeper than serde_json reads, which is 128.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Names of voices, models and functions.
fn is_word(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte))
}

/// The shape of a tag; not whether its words are registered. Source: RFC 5646 §2.1.
fn is_language(tag: &str) -> bool {
    let mut words = tag.split('-');
    let is_first = |word: &str| {
        (2..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    tag.len() <= 35
        && words.next().is_some_and(is_first)
        && words.all(|word| {
            (1..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

fn is_wav_name(name: &str) -> bool {
    name.len() <= 128
        && !name.starts_with('.')
        && name.to_ascii_lowercase().ends_with(".wav")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

const KINDS: &str =
    "must be one of get_slots, book_slot, get_pricing, hang_up, transfer_call, webhook";
const DESTINATION: &str =
    "must be an https URL to the outside, or a host in TOOL_INTERNAL_HOSTS, without a password";
const TOO_LONG: &str = "must take no more than 20 KiB of JSON together with the tools";
const WORD: &str = "must be 1 to 64 letters, digits or any of . _ : / -";
/// More than any model can tell apart.
const MAX_TOOLS: usize = 64;
/// For a schema or the settings of the turn detection, in bytes of JSON.
const MAX_JSON: usize = 16 << 10;
const MAX_DEPTH: usize = 20;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent(value: Value) -> Result<AgentSettings, Vec<String>> {
        read(Fields::of(value, "#".to_owned()), &Destinations::new([])).map_err(|problem| {
            let problem = serde_json::to_value(problem).unwrap();
            let errors = problem["errors"].as_array().unwrap();
            let pointer = |error: &Value| error["pointer"].as_str().unwrap().to_owned();
            errors.iter().map(pointer).collect()
        })
    }

    fn with(field: &str, value: Value) -> Result<AgentSettings, Vec<String>> {
        let mut settings = json!({ "name": "n", "instructions": "i" });
        settings[field] = value;
        agent(settings)
    }

    #[test]
    fn what_serde_writes_is_read_back() {
        let value = json!({
            "name": "Reception", "instructions": "Be kind.", "voice": "marin",
            "model": "gpt-realtime-2.1", "language": "de-CH", "greeting": "Hello!",
            "greetingAudio": "hello.wav", "enabled": false,
            "turnDetection": { "type": "server_vad", "silence_duration_ms": 400 },
            "tools": [
                { "type": "get_slots" }, { "type": "book_slot" }, { "type": "get_pricing" },
                { "type": "hang_up" }, { "type": "transfer_call", "to": "+15550100" },
                {
                    "type": "webhook", "name": "find_order", "description": "Finds an order.",
                    "parameters": {
                        "type": "object", "properties": { "id": { "type": "string" } },
                        "required": ["id"],
                    },
                    "url": "https://example.com/orders?x=1", "timeoutMs": 5_000,
                },
            ],
        });
        let settings = agent(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&settings).unwrap(), value);
        assert_eq!(
            serde_json::from_value::<AgentSettings>(value).unwrap(),
            settings
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_place() {
        let wrong = agent(json!({
            "name": "", "voice": "a b", "model": 3, "language": "german!", "greeting": "",
            "greetingAudio": "../a.wav", "turnDetection": { "type": "none" }, "enabled": 1,
            "colour": "red",
            "tools": [
                { "type": "hang_up", "now": true }, { "type": "hang_up" }, { "type": "fly" }, {}, 5,
                { "type": "transfer_call", "to": "112" },
                { "type": "webhook", "name": "a b", "url": "http://a", "parameters": [], "timeoutMs": 0 },
                {
                    "type": "webhook", "name": "hang_up", "description": "d", "url": "https://a",
                    "parameters": { "type": "object" },
                },
            ],
        }))
        .unwrap_err();
        for expected in [
            "#/name",
            "#/instructions",
            "#/voice",
            "#/model",
            "#/language",
            "#/greeting",
            "#/greetingAudio",
            "#/turnDetection",
            "#/enabled",
            "#/colour",
            "#/tools/0/now",
            "#/tools/1/type",
            "#/tools/2/type",
            "#/tools/3/type",
            "#/tools/4",
            "#/tools/5/to",
            "#/tools/6/name",
            "#/tools/6/url",
            "#/tools/6/parameters",
            "#/tools/6/timeoutMs",
            "#/tools/6/description",
            "#/tools/7/name",
        ] {
            let count = wrong.iter().filter(|found| *found == expected).count();
            assert_eq!(count, 1, "{expected} in {wrong:?}");
        }
        assert_eq!(wrong.len(), 22, "{wrong:?}");
    }

    #[test]
    fn sizes_are_bounded() {
        let mut deep = json!(1);
        for _ in 0..MAX_DEPTH {
            deep = json!([deep]);
        }
        let detection = |extra: Value| json!({ "type": "server_vad", "extra": extra });
        assert!(with("turnDetection", detection(deep)).is_err());
        assert!(with("turnDetection", detection("x".repeat(MAX_JSON).into())).is_err());
        assert!(with("turnDetection", detection(json!([[1]]))).is_ok());
        assert!(with("instructions", "e".repeat(16_384).into()).is_ok());
        assert!(with("instructions", "e".repeat(16_385).into()).is_err());
        assert!(with("instructions", "é".repeat(9_000).into()).is_ok());
        assert!(with("instructions", "é".repeat(11_000).into()).is_err());
        assert!(with("name", "é".repeat(101).into()).is_err());
        let many: Vec<Value> = (0..=MAX_TOOLS).map(|_| json!({})).collect();
        assert_eq!(with("tools", many.into()).unwrap_err(), ["#/tools"]);
    }

    #[test]
    fn parameters_are_the_schema_of_an_object() {
        for good in [
            json!({ "type": "object" }),
            json!({ "type": "object", "properties": { "a": true, "b": {} }, "required": [] }),
        ] {
            assert_eq!(check_parameters(&good), Ok(()), "{good}");
        }
        for bad in [
            json!("object"),
            json!({}),
            json!({ "type": ["object"] }),
            json!({ "type": "array" }),
            json!({ "type": "object", "properties": [] }),
            json!({ "type": "object", "properties": { "a": 1 } }),
            json!({ "type": "object", "required": "a" }),
            json!({ "type": "object", "required": ["a"] }),
        ] {
            assert!(check_parameters(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn languages_look_like_tags() {
        for good in ["en", "de-CH", "zh-Hant-TW", "es-419"] {
            assert!(is_language(good), "{good}");
        }
        for bad in [
            "",
            "e",
            "-",
            "en-",
            "en_US",
            "english!",
            "e1",
            "en-123456789",
        ] {
            assert!(!is_language(bad), "{bad}");
        }
    }
}

//! Arguments of webhooks against the JSON schema that the agent declares.
//!
//! Checked are the keywords that catch what models get wrong: `type`, `required`, `properties`,
//! `additionalProperties`, `items`, `enum`, and the limits of numbers, strings and arrays. The rest (`$ref`, `anyOf`,
//! `pattern`, `format` …) is the model's to follow and the endpoint's to check, which must not trust its input anyway.
//! A whole validator would be thirty more crates and let a schema's regular expression hold up a call.

use serde_json::{Map, Value};

use super::{
    answer::Answer,
    arguments::{misfit, object},
};

/// Reads arguments and holds them against `schema`.
pub(super) fn arguments(schema: &Value, text: &str) -> Result<Map<String, Value>, Answer> {
    let arguments = Value::Object(object(text)?);
    check(schema, &arguments, &mut Path::default()).map_err(|problem| misfit(&problem))?;
    match arguments {
        Value::Object(arguments) => Ok(arguments),
        _ => unreachable!("made an object above"),
    }
}

/// Where in the arguments, for messages.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn problem(&self, problem: &str) -> String {
        match &*self.0 {
            [] => format!("the whole {problem}"),
            path => format!("`{}` {problem}", path.join(".")),
        }
    }
}

fn check(schema: &Value, value: &Value, path: &mut Path) -> Result<(), String> {
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_of_type(value, name)) {
        return Err(path.problem(&format!("must be of type {}", types.join(" or "))));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let allowed = Value::from(allowed.clone());
        return Err(path.problem(&format!("must be one of {allowed}")));
    }
    match value {
        Value::Object(fields) => check_object(schema, fields, path),
        Value::Array(items) => {
            check_limits(
                schema,
                items.len() as f64,
                ("minItems", "maxItems"),
                "items",
                path,
            )?;
            for (number, item) in items.iter().enumerate() {
                path.0.push(number.to_string());
                check(&schema["items"], item, path)?;
                path.0.pop();
            }
            Ok(())
        }
        Value::String(text) => {
            let length = text.chars().count() as f64;
            check_limits(
                schema,
                length,
                ("minLength", "maxLength"),
                "characters",
                path,
            )
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            check_limits(schema, number, ("minimum", "maximum"), "", path)
        }
        Value::Null | Value::Bool(_) => Ok(()),
    }
}

fn check_object(
    schema: &Value,
    fields: &Map<String, Value>,
    path: &mut Path,
) -> Result<(), String> {
    for name in schema["required"].as_array().into_iter().flatten() {
        if let Some(name) = name.as_str()
            && !fields.contains_key(name)
        {
            return Err(path.problem(&format!("lacks `{name}`")));
        }
    }
    for (name, value) in fields {
        let declared = schema["properties"].get(name);
        let other = &schema["additionalProperties"];
        if declared.is_none() && other == false {
            return Err(path.problem(&format!("must not have `{name}`")));
        }
        path.0.push(name.clone());
        check(declared.unwrap_or(other), value, path)?;
        path.0.pop();
    }
    Ok(())
}

fn check_limits(
    schema: &Value,
    size: f64,
    (least, most): (&str, &str),
    unit: &str,
    path: &Path,
) -> Result<(), String> {
    if let Some(least) = schema[least].as_f64()
        && size < least
    {
        return Err(path.problem(format!("must be at least {least} {unit}").trim_end()));
    }
    if let Some(most) = schema[most].as_f64()
        && size > most
    {
        return Err(path.problem(format!("must be at most {most} {unit}").trim_end()));
    }
    Ok(())
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match (name, value) {
        ("object", Value::Object(_))
        | ("array", Value::Array(_))
        | ("string", Value::String(_))
        | ("number", Value::Number(_))
        | ("boolean", Value::Bool(_))
        | ("null", Value::Null) => true,
        // 1.0 is an integer. Source: JSON Schema 2020-12 Validation, §6.1.1.
        ("integer", Value::Number(number)) => {
            !number.is_f64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "city": { "type": "string", "minLength": 1, "maxLength": 5 },
                "nights": { "type": "integer", "minimum": 1, "maximum": 14 },
                "guests": {
                    "type": "array",
                    "maxItems": 2,
                    "items": {
                        "type": "object",
                        "properties": { "age": { "type": ["integer", "null"] } },
                        "required": ["age"],
                    },
                },
                "board": { "enum": ["none", "half", 1] },
            },
            "required": ["city"],
            "additionalProperties": false,
        })
    }

    #[test]
    fn arguments_that_fit_pass_unchanged() {
        for text in [
            r#"{"city":"Köln"}"#,
            r#"{"city":"Paris","nights":2.0,"board":1}"#,
            r#"{"city":"Paris","guests":[{"age":3},{"age":null,"name":"x"}]}"#,
        ] {
            let read = arguments(&schema(), text).unwrap();
            assert_eq!(
                Value::Object(read),
                serde_json::from_str::<Value>(text).unwrap()
            );
        }
        assert!(arguments(&json!({}), "").unwrap().is_empty());
        assert!(arguments(&json!(null), r#"{"a":1}"#).is_ok());
    }

    #[test]
    fn arguments_that_do_not_fit_are_told_where_and_why() {
        for (text, problem) in [
            ("", "the whole lacks `city`"),
            ("[]", "they must be one JSON object"),
            ("{\"city\":", "they must be one JSON object"),
            (r#"{"city":7}"#, "`city` must be of type string"),
            (r#"{"city":""}"#, "`city` must be at least 1 characters"),
            (
                r#"{"city":"Berlin"}"#,
                "`city` must be at most 5 characters",
            ),
            (
                r#"{"city":"Rome","nights":1.5}"#,
                "`nights` must be of type integer",
            ),
            (
                r#"{"city":"Rome","nights":0}"#,
                "`nights` must be at least 1",
            ),
            (
                r#"{"city":"Rome","nights":1e99}"#,
                "`nights` must be at most 14",
            ),
            (
                r#"{"city":"Rome","board":"full"}"#,
                r#"`board` must be one of ["none","half",1]"#,
            ),
            (
                r#"{"city":"Rome","town":1}"#,
                "the whole must not have `town`",
            ),
            (
                r#"{"city":"Rome","guests":[{"age":1},{}]}"#,
                "`guests.1` lacks `age`",
            ),
            (
                r#"{"city":"Rome","guests":[{"age":"old"}]}"#,
                "`guests.0.age` must be of type integer or null",
            ),
            (
                r#"{"city":"Rome","guests":[1,2,3]}"#,
                "`guests` must be at most 2 items",
            ),
        ] {
            let Err(Answer::Json(answer)) = arguments(&schema(), text) else {
                panic!("{text} passes");
            };
            let error = answer["error"].as_str().unwrap();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let text = format!("{{\"city\":{}", "[".repeat(10_000));
        assert!(arguments(&json!({}), &text).is_err());
    }
}

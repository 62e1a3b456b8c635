//! The shape of set files as a JSON schema, for editors that complete and check them while they are written.
//!
//! It is made from [`keys`], so it knows every key and says of each what the reference says. What stands inside
//! of texts, and what one key means for another, only the reader itself knows: a file that the schema accepts may still
//! have mistakes, but one that the reader accepts never breaks the schema.

use serde_json::{Map, Value, json};

use super::keys::{self, Kind, Table};

/// The JSON schema (draft 7) of set files.
#[must_use]
pub fn schema() -> String {
    let mut root = table(&keys::set::TABLE, None);
    root.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    root.insert("title".to_owned(), json!("tightrope set"));
    // Indented: it may be read as well.
    format!("{:#}\n", Value::Object(root))
}

/// The schema of a table: its keys, and what all others take.
fn table(of: &Table, others: Option<&Kind>) -> Map<String, Value> {
    let properties: Map<String, Value> = of
        .keys
        .iter()
        .map(|key| {
            let mut property = kind(&key.kind);
            property.insert("description".to_owned(), json!(format!("{}\n\n{}", key.doc, key.example)));
            (key.name.to_owned(), Value::Object(property))
        })
        .collect();
    let others = others.map_or(Value::Bool(false), |others| Value::Object(kind(others)));
    object([("type", json!("object")), ("properties", Value::Object(properties)), ("additionalProperties", others)])
}

fn kind(of: &Kind) -> Map<String, Value> {
    match *of {
        Kind::Text => object([("type", json!("string"))]),
        Kind::Words(words) => object([("enum", json!(words))]),
        Kind::Flag => object([("type", json!("boolean"))]),
        Kind::Whole(least, most) => {
            object([("type", json!("integer")), ("minimum", json!(least)), ("maximum", json!(most))])
        }
        Kind::Number(least, most) => {
            object([("type", json!("number")), ("minimum", json!(least)), ("maximum", json!(most))])
        }
        Kind::List(of) => object([("type", json!("array")), ("items", Value::Object(kind(of)))]),
        Kind::Table(known) => table(known, None),
        Kind::Names(of) => object([("type", json!("object")), ("additionalProperties", Value::Object(kind(of)))]),
        Kind::Open(known, others) => table(known, Some(others)),
        Kind::Any(kinds) => {
            let kinds: Vec<Value> = kinds.iter().map(|one| Value::Object(kind(one))).collect();
            object([("anyOf", Value::Array(kinds))])
        }
    }
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::builtin;

    /// Where `value` breaks `schema`, as far as our own schemas go.
    fn breaks(schema: &Value, value: &Value) -> Option<String> {
        let rules = schema.as_object().expect("a schema is an object");
        let problem = |what: &str| Some(format!("{value} is {what}"));
        for (rule, wanted) in rules {
            let broken = match rule.as_str() {
                "$schema" | "title" | "description" | "properties" => None,
                "type" => {
                    let fits = match wanted.as_str().expect("one type") {
                        "string" => value.is_string(),
                        "boolean" => value.is_boolean(),
                        "integer" => value.is_i64() || value.is_u64(),
                        "number" => value.is_number(),
                        "array" => value.is_array(),
                        "object" => value.is_object(),
                        other => panic!("type {other}"),
                    };
                    if fits { None } else { problem(&format!("no {wanted}")) }
                }
                "enum" => {
                    if wanted.as_array().unwrap().contains(value) {
                        None
                    } else {
                        problem("no such word")
                    }
                }
                "minimum" if value.as_f64() < wanted.as_f64() => problem("too small"),
                "maximum" if value.as_f64() > wanted.as_f64() => problem("too large"),
                "minimum" | "maximum" => None,
                "items" => value.as_array().into_iter().flatten().find_map(|item| breaks(wanted, item)),
                "anyOf" => {
                    let all: Vec<_> = wanted.as_array().unwrap().iter().map(|one| breaks(one, value)).collect();
                    if all.contains(&None) { None } else { problem(&format!("none of these: {all:?}")) }
                }
                "additionalProperties" => value.as_object().into_iter().flatten().find_map(|(key, value)| {
                    match (rules.get("properties").and_then(|known| known.get(key)), wanted) {
                        (Some(known), _) => breaks(known, value),
                        (None, Value::Bool(false)) => Some(format!("{key} is unknown")),
                        (None, others) => breaks(others, value),
                    }
                }),
                other => panic!("the rule {other} is not looked at"),
            };
            if broken.is_some() {
                return broken;
            }
        }
        None
    }

    fn check(text: &str) -> Option<String> {
        let value: Value = toml::from_str(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        breaks(&serde_json::from_str(&schema()).expect("the schema is JSON"), &value)
    }

    #[test]
    fn every_key_is_in_it() {
        fn named(value: &Value, found: &mut Vec<String>) {
            let Value::Object(entries) = value else {
                value.as_array().into_iter().flatten().for_each(|value| named(value, found));
                return;
            };
            if let Some(Value::Object(properties)) = entries.get("properties") {
                let keys = properties.iter().map(|(key, value)| format!("{key} {}", value["description"]));
                found.extend(keys);
            }
            entries.values().for_each(|value| named(value, found));
        }
        let mut found = Vec::new();
        named(&serde_json::from_str(&schema()).unwrap(), &mut found);
        for table in keys::TABLES {
            for key in table.keys {
                let described = format!("{} {}", key.name, json!(format!("{}\n\n{}", key.doc, key.example)));
                assert!(found.contains(&described), "{} of {}", key.name, table.heading);
            }
        }
    }

    #[test]
    fn sets_fit() {
        for built_in in builtin::all() {
            assert_eq!(check(built_in.text), None, "{}", built_in.name);
        }
        for text in keys::tests::examples() {
            assert_eq!(check(&text), None, "{text}");
        }
        let several =
            "[clock]\nfollow = [\"a\", \"b\"]\n[ports.a]\ndevice = \"A\"\n[ports.b]\ndevice = \"B\"\n[patterns.p]\n";
        assert_eq!(check(several), None);
    }

    #[test]
    fn what_is_wrong_does_not_fit() {
        for text in [
            "tmepo = 5",
            "[clock]\nfollow = 5",
            "tempo = 500",
            "tempo = \"fast\"",
            "seed = 1.5",
            "octaves = \"c5\"",
            "[ports.a]\ndevice = 5",
            "[ports.a]\nwire = \"wifi\"",
            "[patterns.p]\nkeep = 1",
            "[patterns.p]\nbass = 5",
            "[patterns.p]\nbass = { steps = \"c2\", stpe = \"1/8\" }",
            "[patterns.p]\nprogram = { bass = 128 }",
            "[song]\nparts = \"main\"",
            "[[bind]]\non = 5",
        ] {
            assert!(check(text).is_some(), "{text}");
        }
    }
}

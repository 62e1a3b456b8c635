//! The shape of set files as a JSON schema, for editors that complete and check them while they are written.
//!
//! It is made from [`keys`], so it knows every key, says of each what the reference says, and refuses what the reader refuses as
//! far as a pattern can tell: what is missing, of the wrong kind, out of range, or written otherwise than it has to be. What
//! stands within steps, and what one key means for another, only the reader itself knows: a file that the schema accepts may
//! still have mistakes, but one that the reader accepts never breaks the schema.

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
    let mut schema = object([
        ("type", json!("object")),
        ("properties", Value::Object(properties)),
        ("additionalProperties", others),
    ]);
    let (alone, others): (Vec<_>, Vec<_>) = of.needs.iter().partition(|needed| needed.len() == 1);
    if !alone.is_empty() {
        schema.insert("required".to_owned(), json!(alone.concat()));
    }
    if !others.is_empty() {
        let one_of = |needed: &&[&str]| json!({ "anyOf": needed.iter().map(|key| json!({ "required": [key] })).collect::<Vec<_>>() });
        schema.insert("allOf".to_owned(), json!(others.iter().map(one_of).collect::<Vec<_>>()));
    }
    schema
}

fn kind(of: &Kind) -> Map<String, Value> {
    match *of {
        Kind::Text => object([("type", json!("string"))]),
        Kind::Like(pattern) => object([("type", json!("string")), ("pattern", json!(pattern()))]),
        Kind::Words(words) => object([("enum", json!(words))]),
        Kind::Flag => object([("type", json!("boolean"))]),
        Kind::Whole(least, most) => {
            object([("type", json!("integer")), ("minimum", json!(least)), ("maximum", json!(most))])
        }
        Kind::Number(least, most) => {
            object([("type", json!("number")), ("minimum", json!(least)), ("maximum", json!(most))])
        }
        Kind::List(least, most, of) => object([
            ("type", json!("array")),
            ("minItems", json!(least)),
            ("maxItems", json!(most)),
            ("items", Value::Object(kind(of))),
        ]),
        Kind::Table(known) => table(known, None),
        Kind::Names(names, least, of) => object([
            ("type", json!("object")),
            ("propertyNames", json!({ "pattern": names() })),
            ("minProperties", json!(least)),
            ("additionalProperties", Value::Object(kind(of))),
        ]),
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
    use crate::set::{Set, builtin};
    use regex_lite::Regex;

    /// Returns where `value` breaks `schema`, as far as our own schemas go.
    fn breaks(schema: &Value, value: &Value) -> Option<String> {
        let rules = schema.as_object().expect("a schema is an object");
        let problem = |what: &str| Some(format!("{value} is {what}"));
        for (rule, wanted) in rules {
            let broken = match rule.as_str() {
                "$schema" | "title" | "description" | "properties" => None,
                "pattern" => {
                    let pattern = wanted.as_str().expect("a pattern is text");
                    let found = value.as_str().is_none_or(|text| Regex::new(pattern).unwrap().is_match(text));
                    if found { None } else { problem(&format!("not like {pattern}")) }
                }
                "propertyNames" => {
                    let mut names = value.as_object().into_iter().flatten().map(|(name, _)| json!(name));
                    names.find_map(|name| breaks(wanted, &name))
                }
                "required" => {
                    let missing = |key: &&Value| {
                        value.as_object().is_some_and(|table| !table.contains_key(key.as_str().unwrap()))
                    };
                    let missing = wanted.as_array().unwrap().iter().find(missing);
                    missing.and_then(|key| problem(&format!("without {key}")))
                }
                "allOf" => wanted.as_array().unwrap().iter().find_map(|one| breaks(one, value)),
                "minProperties"
                    if value.as_object().is_some_and(|table| (table.len() as u64) < wanted.as_u64().unwrap()) =>
                {
                    problem("too few")
                }
                "minItems" if value.as_array().is_some_and(|list| (list.len() as u64) < wanted.as_u64().unwrap()) => {
                    problem("too short")
                }
                "maxItems" if value.as_array().is_some_and(|list| list.len() as u64 > wanted.as_u64().unwrap()) => {
                    problem("too long")
                }
                "minProperties" | "minItems" | "maxItems" => None,
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

    /// A set that has all that sets need, where these pieces can be put into.
    const WHOLE: &str =
        "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\nnote = \"c2\"\n[patterns.p]\nt = \"x\"\n";

    #[test]
    fn what_the_reader_refuses_for_its_shape_does_not_fit() {
        for (top, below) in [
            ("tmepo = 5", ""),
            ("tempo = 500", ""),
            ("tempo = \"fast\"", ""),
            ("name = \"\"", ""),
            ("seed = 1.5", ""),
            ("meter = \"4/5\"", ""),
            ("meter = \"65/4\"", ""),
            ("meter = \"four\"", ""),
            ("octaves = \"c5\"", ""),
            ("launch = \"soon\"", ""),
            ("launch = \"1/8x\"", ""),
            ("scale = \"c sad\"", ""),
            ("scale = \"minor\"", ""),
            ("transpose = \"a under c2\"", ""),
            ("", "[clock]\nfollow = 5"),
            ("", "[clock]\nfollow = []"),
            ("", "[clock]\nlost = \"wait\""),
            ("", "[clock]\nlost = \"hold 4 beats\""),
            ("", "[clock]\njoin = \"soon\""),
            ("", "[ports.b]"),
            ("", "[ports.b]\ndevice = \"\""),
            ("", "[ports.b]\ndevice = 5"),
            ("", "[ports.\"my synth\"]\ndevice = \"A\""),
            ("", "[ports.b]\ndevice = \"A\"\noffset = \"5\""),
            ("", "[ports.b]\ndevice = \"A\"\noffset = \"1,5 ms\""),
            ("", "[ports.b]\ndevice = \"A\"\nwire = \"wifi\""),
            ("", "[ports.b]\ndevice = \"A\"\nlights = \"64\""),
            ("", "[tracks.u]\nport = \"a\""),
            ("", "[tracks.u]\nchannel = 1"),
            ("", "[tracks.u]\nport = \"a\"\nchannel = 0"),
            ("", "[tracks.u]\nport = \"a\"\nchannel = 1\nkit = {}"),
            ("", "[tracks.u]\nport = \"a\"\nchannel = 1\nkit = { kick = 36 }"),
            ("", "[tracks.u]\nport = \"a\"\nchannel = 1\nkit = { x = 36 }"),
            ("", "[tracks.u]\nport = \"a\"\nchannel = 1\nkit = { k = \"kick\" }"),
            ("", "[tracks.u]\nport = \"a\"\nchannel = 1\nnote = \"c\""),
            ("", "[tracks.u]\nport = \"a\"\nchannel = 1\ngate = 0"),
            ("", "[tracks.u]\nport = \"a\"\nchannel = 1\nthru = \"a octave\""),
            ("", "[patterns.q]\nkeep = 1"),
            ("", "[patterns.q]\nlaunch = \"soon\""),
            ("", "[patterns.q]\nt = 5"),
            ("", "[patterns.q]\nt = \"\""),
            ("", "[patterns.q]\nt = \" | \""),
            ("", "[patterns.q]\nt = { step = \"1/8\" }"),
            ("", "[patterns.q]\nt = { steps = \"x\", step = \"eighth\" }"),
            ("", "[patterns.q]\nt = { steps = \"x\", stpe = \"1/8\" }"),
            ("", "[patterns.q]\nt = { order = \"up\" }"),
            ("", "[patterns.q]\nt = { arp = \"c2\", lengths = [] }"),
            ("", "[patterns.q]\nt = { arp = \"c2\", lengths = [\"long\"] }"),
            ("", "[patterns.q]\nt = { held = \"a from c2 now\" }"),
            ("", "[patterns.q]\ncc = { t.cutoff = 5 }"),
            ("", "[patterns.q]\ncc = { t.cc-74 = 5 }"),
            ("", "[patterns.q]\ncc = { t.74 = \"high\" }"),
            ("", "[patterns.q]\ncc = { t.74 = { step = \"1/8\" } }"),
            ("", "[patterns.q]\ncc = { t.74 = { lfo = \"round\" } }"),
            ("", "[patterns.q]\nprogram = { t = 128 }"),
            ("", "[patterns.q]\nprogram = { t = { bank = 5 } }"),
            ("", "[patterns.q]\nprogram = { t = 5, ahead = \"soon\" }"),
            ("", "[song]"),
            ("", "[song]\nparts = []"),
            ("", "[song]\nparts = \"p\""),
            ("", "[song]\nparts = [\"p*4\"]"),
            ("", "[song]\nparts = [\"p x0\"]"),
            ("", "[song]\nparts = [\"p\"]\nend = \"fade\""),
            ("", "[[bind]]\non = \"a note 36\""),
            ("", "[[bind]]\ndo = \"stop\""),
            ("", "[[bind]]\non = 5\ndo = \"stop\""),
            ("", "[[bind]]\non = \"a\"\ndo = \"stop\""),
            ("", "[[bind]]\non = \"a note 36\"\ndo = \"play\""),
            ("", "[[bind]]\non = \"a note 36\"\ndo = \"stop\"\nlight = \"on\""),
        ] {
            let text = format!("{top}\n{WHOLE}{below}\n");
            assert!(Set::parse("a.toml", text.as_bytes()).is_err(), "the reader accepts {top}{below}");
            assert!(check(&text).is_some(), "the schema accepts {top}{below}");
        }
        assert_eq!(check(WHOLE), None);
        assert!(check("tempo = 120\n").is_some(), "nothing is played");
        assert!(check("[patterns]\n").is_some(), "nothing is played");
    }
}

//! Giving a copy of a set a name of its own.

use toml::de::{DeTable, DeValue};

use super::place;

/// The set file `bytes` with `name` in place of the name that it gives itself; everything else stays byte for byte. A set
/// that does not say its name is called as its file is, so it stays as it is, and so does a file that is no TOML.
#[must_use]
pub fn rename(bytes: &[u8], name: &str) -> Vec<u8> {
    let Some(span) = std::str::from_utf8(bytes).ok().and_then(name_span) else { return bytes.to_vec() };
    [&bytes[..span.start], toml::Value::from(name).to_string().as_bytes(), &bytes[span.end..]].concat()
}

/// Returns where the name stands, with its quotes.
fn name_span(text: &str) -> Option<std::ops::Range<usize>> {
    let root = DeTable::parse(text).ok()?;
    let (_, value) = place::entry(root.get_ref(), "name")?;
    matches!(value.get_ref(), DeValue::String(_)).then(|| value.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_the_set_changes() {
        for (before, after) in [
            (
                "# name = \"a\"\nname  = \"old\" # x\r\ntempo = 1\n",
                "# name = \"a\"\nname  = \"new\" # x\r\ntempo = 1\n",
            ),
            ("\u{feff}tempo = 1\n\"name\"='old'", "\u{feff}tempo = 1\n\"name\"=\"new\""),
            ("\"é\" = 1\nname = \"\"\"\nold\"\"\"\n", "\"é\" = 1\nname = \"new\"\n"),
            ("[patterns.main]\nname = \"x\"\n", "[patterns.main]\nname = \"x\"\n"),
            ("name = 3\n", "name = 3\n"),
            ("name = \"old\"\nname = \"twice\"\n", "name = \"old\"\nname = \"twice\"\n"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(rename(before.as_bytes(), "new")).unwrap(), after);
        }
        assert_eq!(rename(b"name = \"a\" # \xff", "new"), b"name = \"a\" # \xff");
    }

    #[test]
    fn any_name_is_quoted_as_it_has_to_be() {
        for name in ["Bühne zwei", "a\"b", "it's", "'\"", "c\\d"] {
            let text = String::from_utf8(rename(b"name = \"old\"\n", name)).unwrap();
            let table: toml::Table = text.parse().unwrap();
            assert_eq!(table["name"].as_str(), Some(name), "{text}");
        }
    }
}

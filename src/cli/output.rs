//! Names of files to write: the ending says what is written, so an ending that says nothing is a mistake.
//!
//! Whoever asks for `x.wav` wants something else than a MIDI file, and finds out before anything is written.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};

/// What `render` writes, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rendered {
    /// A MIDI file.
    Midi(PathBuf),
    /// Text.
    Text(PathBuf),
    /// Text on standard output.
    Printed,
}

impl Rendered {
    /// The file; `None` for standard output.
    #[must_use]
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Rendered::Midi(path) | Rendered::Text(path) => Some(path),
            Rendered::Printed => None,
        }
    }
}

/// Reads what `render` writes from the name of its file.
pub(crate) fn rendered() -> impl TypedValueParser<Value = Rendered> {
    OsStringValueParser::new().try_map(|name| {
        let path = PathBuf::from(&name);
        match ending(&path).as_deref() {
            _ if name == "-" => Ok(Rendered::Printed),
            Some("mid" | "midi") => Ok(Rendered::Midi(path)),
            Some("txt") => Ok(Rendered::Text(path)),
            _ => Err(unknown(&path, "a MIDI file ends in .mid or .midi, text in .txt, and `-` prints text")),
        }
    })
}

/// Reads the name of a picture.
pub(crate) fn picture() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|name| only(name, &["svg"], "a picture ends in .svg"))
}

/// Reads the name of a set file, or `-`.
pub(crate) fn set() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|name| match name == "-" {
        true => Ok(PathBuf::from(name)),
        false => only(name, &["toml"], "a set file ends in .toml, and `-` prints it"),
    })
}

/// The name of a file with one of these endings.
fn only(name: OsString, endings: &[&str], known: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(name);
    match ending(&path) {
        Some(ending) if endings.contains(&&ending[..]) => Ok(path),
        _ => Err(unknown(&path, known)),
    }
}

/// The ending of a name, in lower case.
fn ending(path: &Path) -> Option<String> {
    path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase())
}

fn unknown(path: &Path, known: &str) -> String {
    match ending(path) {
        Some(ending) => format!("nothing is known that ends in .{ending}; {known}"),
        None => format!("the name has no ending; {known}"),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn parsed<P: TypedValueParser>(parser: P, name: &str) -> Result<P::Value, String> {
        parser.parse_ref(&clap::Command::new("test"), None, OsStr::new(name)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_ending_says_what_is_written() {
        assert_eq!(parsed(rendered(), "a.b/Song.MID").unwrap(), Rendered::Midi("a.b/Song.MID".into()));
        assert_eq!(parsed(rendered(), "x.midi").unwrap(), Rendered::Midi("x.midi".into()));
        assert_eq!(parsed(rendered(), "x.Txt").unwrap(), Rendered::Text("x.Txt".into()));
        assert_eq!(parsed(rendered(), "-").unwrap(), Rendered::Printed);
        assert_eq!(parsed(picture(), "show.SVG").unwrap(), PathBuf::from("show.SVG"));
        assert_eq!(parsed(set(), "-").unwrap(), PathBuf::from("-"));
    }

    #[test]
    fn an_ending_that_says_nothing_is_a_mistake_that_names_those_that_do() {
        for name in ["x.wav", "x.mid.gz", "x", ".mid", "x.", "a.mid/x", "/dev/null", "x.toml"] {
            let said = parsed(rendered(), name).unwrap_err();
            assert!([".mid", ".midi", ".txt", "`-`"].iter().all(|known| said.contains(known)), "{name}: {said}");
        }
        assert!(parsed(picture(), "show.png").unwrap_err().contains(".png; a picture ends in .svg"));
        assert!(parsed(picture(), "-").unwrap_err().contains(".svg"));
        assert!(parsed(set(), "song.mid").unwrap_err().contains(".toml"));
    }
}

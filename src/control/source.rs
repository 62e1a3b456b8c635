//! Where the set that plays comes from, and compiling it again. Who reads and writes the file is elsewhere ([`files`](super::files)).

use std::path::{Path, PathBuf};

use crate::edit::Refused;
use crate::set::Set;

/// Where a show's set comes from.
pub struct Source {
    origin: String,
    file: Option<PathBuf>,
    /// Whether the show runs on its own clock though the set follows another, whose device was not there.
    own_clock: bool,
    /// The set as it was read last, before it got the slots of the one that plays.
    read: Set,
}

/// A set as it was read, for those who keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Which [edition](crate::engine::program::Program::edition) it is.
    pub edition: u32,
    /// Whether the show runs on its own clock, whatever the set says.
    pub own_clock: bool,
    /// What the set is called in messages.
    pub origin: String,
    /// The bytes of its file.
    pub bytes: Vec<u8>,
}

/// What reading a set again has brought.
#[derive(Debug)]
pub enum Renewed {
    /// Another set.
    Other(Box<Set>, Text),
    /// The same as before.
    Same,
}

impl Source {
    /// The source of `set`, which was read from `file`, called `origin` in messages; a built-in set has no file. With
    /// `own_clock` the show follows nobody, whatever the set says.
    #[must_use]
    pub fn new(origin: &str, file: Option<PathBuf>, own_clock: bool, set: &Set) -> Source {
        let mut source = Source { origin: origin.to_owned(), file, own_clock, read: set.clone() };
        Source::follow_nobody(source.own_clock, &mut source.read);
        source
    }

    /// `set` of this source, with the bytes that it was read from.
    #[must_use]
    pub fn text(&self, set: &Set, bytes: Vec<u8>) -> Text {
        Text { edition: set.program.edition, own_clock: self.own_clock, origin: self.origin.clone(), bytes }
    }

    fn follow_nobody(own_clock: bool, set: &mut Set) {
        if own_clock {
            set.program.clock.follow = Box::default();
        }
    }

    /// Returns what the set is called in messages.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its file, if it has one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Its file.
    ///
    /// # Errors
    ///
    /// When it has none, because the set is built in.
    pub fn known_file(&self) -> Result<&Path, String> {
        self.file().ok_or_else(|| Refused::built_in(&self.origin).to_string())
    }

    /// Compiles the set again from the `bytes` of its file. It has slots of its own, and its text is of no edition yet.
    ///
    /// # Errors
    ///
    /// All mistakes of the file, with their places.
    pub fn renew(&mut self, bytes: Vec<u8>) -> Result<Renewed, String> {
        let mut read = Set::parse(&self.origin, &bytes).map_err(|mistakes| mistakes.render(false))?;
        Source::follow_nobody(self.own_clock, &mut read);
        if read == self.read {
            return Ok(Renewed::Same);
        }
        self.read = read.clone();
        let text = self.text(&read, bytes);
        Ok(Renewed::Other(Box::new(read), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(tracks: &str) -> String {
        let lines = tracks.split(' ').map(|track| format!("[tracks.{track}]\nport = \"a\"\nchannel = 1\n"));
        format!("[clock]\nfollow = \"a\"\n[ports.a]\ndevice = \"A\"\n{}[patterns.p]\n", lines.collect::<String>())
    }

    #[test]
    fn an_edit_keeps_its_slots_and_a_mistake_gives_no_set() {
        let first = Set::parse("a.toml", text("one two").as_bytes()).unwrap();
        let mut source = Source::new("a.toml", Some("a.toml".into()), true, &first);
        let mut renew = |text: String| source.renew(text.into_bytes());
        assert!(matches!(renew(text("one two")), Ok(Renewed::Same)));
        assert!(matches!(renew(format!("# a remark\n{}", text("one two"))), Ok(Renewed::Same)));
        let Ok(Renewed::Other(second, _)) = renew(text("two three")) else { panic!("it is another") };
        assert_eq!(second.following(&first).tracks, ["", "two", "three"]);
        let Ok(Renewed::Other(third, told)) = renew(text("two")) else { panic!("it is another") };
        assert!(third.program.clock.follow.is_empty() && told.own_clock, "the show goes on with its own clock");
        let Err(why) = renew(text("two three").replace("channel = 1", "channel = 17")) else { panic!("it is wrong") };
        assert!(why.contains("a.toml:"), "{why}");
    }

    #[test]
    fn a_built_in_set_has_no_file() {
        let set = Set::parse("a.toml", text("one").as_bytes()).unwrap();
        let why = Source::new("circuits", None, false, &set).known_file().err();
        assert!(why.is_some_and(|why| why.contains("`circuits` is built in")));
    }
}

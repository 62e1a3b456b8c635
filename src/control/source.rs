//! Where the set that plays comes from, and reading it again.

use std::path::{Path, PathBuf};

use crate::edit;
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

    /// What the set is called in messages.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its file, if it has one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Reads the set again; what keeps its name keeps its slot in `playing`.
    ///
    /// # Errors
    ///
    /// All mistakes of the file, with their places, or why it cannot be read.
    pub fn renew(&mut self, playing: &Set) -> Result<Renewed, String> {
        let Some(file) = &self.file else {
            return Err(format!("the set `{}` is built in: there is no file to read again", self.origin));
        };
        let bytes = edit::file::bytes(file).map_err(|why| format!("cannot read {}: {why}", file.display()))?;
        let mut read = Set::parse(&self.origin, &bytes).map_err(|mistakes| mistakes.render(false))?;
        Source::follow_nobody(self.own_clock, &mut read);
        if read == self.read {
            return Ok(Renewed::Same);
        }
        let set = read.clone().following(playing);
        self.read = read;
        let text = self.text(&set, bytes);
        Ok(Renewed::Other(Box::new(set), text))
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
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        let first = Set::parse("a.toml", text("one two").as_bytes()).unwrap();
        let mut source = Source::new("a.toml", Some(file.clone()), true, &first);
        let mut renew = |text: String| {
            std::fs::write(&file, text).unwrap();
            source.renew(&first)
        };
        assert!(matches!(renew(text("one two")), Ok(Renewed::Same)));
        assert!(matches!(renew(format!("# a remark\n{}", text("one two"))), Ok(Renewed::Same)));
        let Ok(Renewed::Other(second, _)) = renew(text("two three")) else { panic!("it is another") };
        assert_eq!(second.tracks, ["", "two", "three"]);
        assert!(second.program.clock.follow.is_empty(), "the show goes on with its own clock");
        let Err(why) = renew(text("two three").replace("channel = 1", "channel = 17")) else { panic!("it is wrong") };
        assert!(why.contains("a.toml:"), "{why}");
        std::fs::remove_file(&file).unwrap();
        assert!(source.renew(&first).err().is_some_and(|why| why.contains("cannot read")));
        std::fs::create_dir(&file).unwrap();
        assert!(source.renew(&first).err().is_some_and(|why| why.contains("it is not a file")));
    }

    #[test]
    fn a_built_in_set_cannot_be_read_again() {
        let set = Set::parse("a.toml", text("one").as_bytes()).unwrap();
        let why = Source::new("circuits", None, false, &set).renew(&set).err();
        assert!(why.is_some_and(|why| why.contains("`circuits` is built in")));
    }
}

//! Edits are taken back and made again, as long as nobody else has written into the file.
//!
//! An edit is remembered as the bytes that it put in the place of others, so a history is as large as what was edited and one
//! text of the file. Whether somebody else has changed the file is asked of its content, not of its time: a file that was
//! saved again as it was is the same.

use std::collections::VecDeque;

use super::refused::Refused;

/// Edits of one file.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The file as the last edit left it.
    current: String,
    /// What was done, the last one at the end.
    done: VecDeque<Patch>,
    /// What was taken back, the last one at the end.
    undone: Vec<Patch>,
}

/// Bytes that came in the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Patch {
    /// What it was, for the performer.
    what: String,
    at: usize,
    old: String,
    new: String,
}

/// A step through the history that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The whole file as it has to be written.
    pub text: String,
    /// What is taken back or made again, in the words of [`History::done`].
    pub what: String,
    undo: bool,
}

impl History {
    /// The most edits that are remembered; with one more, the first is forgotten.
    pub const DEPTH: usize = 100;

    /// An edit was written: `what` it was in a few words, such as `record drums in main`, and the file `before` and `after`
    /// it. What was taken back before can no longer be made again. Where `before` is not how the last edit left the file,
    /// somebody else has changed it in between, and all before is forgotten: there is no way back past a change of theirs.
    pub fn done(&mut self, what: &str, before: &str, after: &str) {
        if self.current != before {
            self.done.clear();
        }
        self.undone.clear();
        self.done.push_back(Patch::between(what, before, after));
        if self.done.len() > History::DEPTH {
            self.done.pop_front();
        }
        after.clone_into(&mut self.current);
    }

    /// The way back over the last edit, if the file is still as that left it: `on_disk` is what is in it now.
    ///
    /// # Errors
    ///
    /// When nothing is left to take back, or the file is not what it was.
    pub fn undo(&self, on_disk: &str) -> Result<Change, Refused> {
        let last = self.done.back();
        let patch = last.ok_or_else(|| Refused::Unfit("there is nothing to undo".to_owned()))?;
        self.unchanged(on_disk, "undo", &patch.what)?;
        Ok(Change {
            text: replaced(&self.current, patch.at, &patch.new, &patch.old),
            what: patch.what.clone(),
            undo: true,
        })
    }

    /// The way forward over what was taken back last, under the same condition as [`History::undo`].
    ///
    /// # Errors
    ///
    /// When nothing was taken back, or the file is not what it was.
    pub fn redo(&self, on_disk: &str) -> Result<Change, Refused> {
        let last = self.undone.last();
        let patch = last.ok_or_else(|| Refused::Unfit("there is nothing to redo".to_owned()))?;
        self.unchanged(on_disk, "redo", &patch.what)?;
        Ok(Change {
            text: replaced(&self.current, patch.at, &patch.old, &patch.new),
            what: patch.what.clone(),
            undo: false,
        })
    }

    /// `change`, the last that was asked for, is written: from here the next one goes.
    pub fn accept(&mut self, change: Change) {
        if change.undo {
            self.undone.extend(self.done.pop_back());
        } else {
            self.done.extend(self.undone.pop());
        }
        self.current = change.text;
    }

    fn unchanged(&self, on_disk: &str, way: &str, what: &str) -> Result<(), Refused> {
        if self.current == on_disk {
            return Ok(());
        }
        let line = self.current.lines().zip(on_disk.lines()).take_while(|(one, other)| one == other).count() + 1;
        Err(Refused::Unfit(format!(
            "cannot {way} `{what}`: the file has been changed since by somebody else (line {line}), and their work would be \
             lost; change it back by hand"
        )))
    }
}

impl Patch {
    /// Returns what is different between two texts, in one piece.
    fn between(what: &str, before: &str, after: &str) -> Patch {
        let same = |(one, other): &((usize, char), (usize, char))| one.1 == other.1;
        let both = before.char_indices().zip(after.char_indices());
        let at = both.take_while(same).last().map_or(0, |((at, c), _)| at + c.len_utf8());
        let (old, new) = (&before[at..], &after[at..]);
        let backwards = old.chars().rev().zip(new.chars().rev());
        let tail: usize = backwards.take_while(|(one, other)| one == other).map(|(c, _)| c.len_utf8()).sum();
        let part = |text: &str| text[..text.len() - tail].to_owned();
        Patch { what: what.to_owned(), at, old: part(old), new: part(new) }
    }
}

/// `text` with `there`, which is at the byte `at`, replaced.
fn replaced(text: &str, at: usize, there: &str, by: &str) -> String {
    let behind = text.get(at + there.len()..).unwrap_or_default();
    [text.get(..at).unwrap_or_default(), by, behind].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Steps through the history as a file would be written.
    fn go(
        history: &mut History,
        file: &mut String,
        way: fn(&History, &str) -> Result<Change, Refused>,
    ) -> Result<String, String> {
        let change = way(history, file).map_err(|refused| refused.to_string())?;
        file.clone_from(&change.text);
        let what = change.what.clone();
        history.accept(change);
        Ok(what)
    }

    #[test]
    fn back_and_forth() {
        let (mut history, mut file) = (History::default(), "c".to_owned());
        assert_eq!(go(&mut history, &mut file, History::undo).unwrap_err(), "there is nothing to undo");
        history.done("one", "a", "b");
        history.done("two", "b", "c");
        assert_eq!(go(&mut history, &mut file, History::undo).as_deref(), Ok("two"));
        assert_eq!(go(&mut history, &mut file, History::undo).as_deref(), Ok("one"));
        assert_eq!(file, "a");
        assert_eq!(go(&mut history, &mut file, History::redo).as_deref(), Ok("one"));
        assert_eq!(file, "b");
        history.done("three", "b", "d");
        file = "d".to_owned();
        assert_eq!(go(&mut history, &mut file, History::redo).unwrap_err(), "there is nothing to redo");
        assert_eq!(go(&mut history, &mut file, History::undo).as_deref(), Ok("three"));
    }

    #[test]
    fn what_somebody_else_has_written_stays() {
        let mut history = History::default();
        history.done("record drums", "a\nb\n", "a\nc\n");
        let said = history.undo("a\nc # mine\n").unwrap_err().to_string();
        assert!(said.contains("`record drums`") && said.contains("line 2") && said.contains("by hand"), "{said}");
        assert!(history.undo("a\nc\n").is_ok(), "it is as it was again");
        // An edit on top of theirs can be taken back, but not what was before.
        history.done("learn", "a\nc # mine\n", "a\nd # mine\n");
        let mut file = "a\nd # mine\n".to_owned();
        assert_eq!(go(&mut history, &mut file, History::undo).as_deref(), Ok("learn"));
        assert_eq!(go(&mut history, &mut file, History::undo).unwrap_err(), "there is nothing to undo");
    }

    #[test]
    fn a_change_that_is_not_accepted_has_not_happened() {
        let mut history = History::default();
        history.done("one", "a", "b");
        assert_eq!(history.undo("b").unwrap(), history.undo("b").unwrap());
    }

    #[test]
    fn the_first_edits_are_forgotten() {
        let mut history = History::default();
        let texts: Vec<String> = (0..=History::DEPTH + 1).map(|number| number.to_string()).collect();
        texts.windows(2).for_each(|two| history.done("it", &two[0], &two[1]));
        let mut file = texts.last().unwrap().clone();
        let steps = std::iter::from_fn(|| go(&mut history, &mut file, History::undo).ok()).count();
        assert_eq!((steps, &file[..]), (History::DEPTH, "1"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn all_the_way_back_and_forth_again(texts in proptest::collection::vec("[aä\n]{0,6}", 2..12)) {
            let mut history = History::default();
            texts.windows(2).for_each(|two| history.done("it", &two[0], &two[1]));
            let mut file = texts.last().unwrap().clone();
            for text in texts.iter().rev().skip(1) {
                go(&mut history, &mut file, History::undo).unwrap();
                prop_assert_eq!(&file, text);
            }
            for text in texts.iter().skip(1) {
                go(&mut history, &mut file, History::redo).unwrap();
                prop_assert_eq!(&file, text);
            }
        }
    }
}

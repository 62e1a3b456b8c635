//! A line of which only the keys count, as for an arpeggio: the same language, without what takes time or chance.

use std::collections::HashSet;
use std::ops::Range;

use super::Voice;
use super::parser::parse;
use super::tree::{Item, Node, Tone};
use crate::midi::Key;
use crate::set::diagnostic::{Diagnostic, Report};
use crate::set::reader::Text;

/// The most steps that are written out. Whoever asks for them takes fewer.
const MAX_STEPS: usize = 1_024;

/// A step of which only the key counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::set) struct Step {
    pub head: Head,
    /// The bytes of the text that hold its head.
    pub span: Range<usize>,
    pub accent: bool,
    /// Where the first modifier is that changes it.
    pub modified: Option<Range<usize>>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::set) enum Head {
    /// Nothing.
    Rest,
    /// The step before goes on.
    Hold,
    /// A key sounds.
    Play(Key),
}

/// Reads the steps of `line`, groups written out and chords note by note; the first 1,024. Choices and rhythms are reported.
/// What is changed by the same modifier is marked as changed once.
pub(in crate::set) fn steps(text: &Text<'_>, line: Range<usize>, voice: Voice<'_>, report: &mut Report) -> Vec<Step> {
    let line = parse(text, line, voice, report);
    let mut row = Row::default();
    row.add(&line.items, None);
    for span in row.more {
        report.add(text.place(span), || {
            Diagnostic::new("an arpeggio is made of notes")
                .label("this is more than notes")
                .help("`order` says which note is next, `lengths` and `rest` make the rhythm")
        });
    }
    row.steps
}

/// What is written out so far.
#[derive(Default)]
struct Row {
    steps: Vec<Step>,
    /// Where there are choices and rhythms, each once.
    more: Vec<Range<usize>>,
    /// Where the modifiers are that something is marked with.
    marked: HashSet<usize>,
    /// How many steps there were, of any kind.
    count: usize,
}

impl Row {
    /// Writes out `items`, which `modified` changes as a whole.
    fn add(&mut self, items: &[Item], modified: Option<&Range<usize>>) {
        for item in items {
            let modified = item.modified.as_ref().or(modified).filter(|_| !item.wrong);
            match &item.node {
                Node::Rest => self.push(Head::Rest, false, item, modified),
                Node::Hold => self.push(Head::Hold, false, item, modified),
                Node::Note(Tone { key, accent }) => self.push(Head::Play(*key), *accent, item, modified),
                Node::Chord(tones) => {
                    tones.iter().for_each(|tone| self.push(Head::Play(tone.key), tone.accent, item, modified));
                }
                Node::Group { count, items } => {
                    for _ in 0..*count {
                        if self.count > MAX_STEPS {
                            return;
                        }
                        self.add(items, modified);
                    }
                }
                Node::Choice(_) | Node::Euclid { .. } => {
                    self.count += 1;
                    if self.marked.insert(item.span.start) {
                        self.more.push(item.span.clone());
                    }
                }
            }
        }
    }

    fn push(&mut self, head: Head, accent: bool, item: &Item, modified: Option<&Range<usize>>) {
        self.count += 1;
        if self.count <= MAX_STEPS {
            let modified = modified.filter(|modified| self.marked.insert(modified.start)).cloned();
            self.steps.push(Step { head, span: item.span.clone(), accent, modified });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::pitch::Octaves;

    /// The keys of a line, `.` and `_`, each with `!` where something changes it; or the messages of its mistakes.
    fn read(line: &str) -> Result<String, Vec<String>> {
        let mut report = Report::default();
        let voice = Voice { track: "a", kit: None, note: None, octaves: Octaves::C3, scale: None };
        let steps = steps(&Text::at(line, 0), 0..line.len(), voice, &mut report);
        if !report.is_empty() {
            let mistakes = report.finish("a", line);
            return Err(mistakes.list().iter().map(|mistake| mistake.message.clone()).collect());
        }
        let head = |step: &Step| match step.head {
            Head::Rest => ".".to_owned(),
            Head::Hold => "_".to_owned(),
            Head::Play(key) => key.number().to_string(),
        };
        let words = |step: &Step| head(step) + if step.modified.is_some() || step.accent { "!" } else { "" };
        Ok(steps.iter().map(words).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn groups_are_written_out_and_chords_are_their_keys() {
        assert_eq!(read("c2 2(d2 [c2 e2]) . _").unwrap(), "48 50 48 52 50 48 52 . _");
        assert_eq!(read("c2:70 (d2 e2)! [c2 e2]~").unwrap(), "48! 50! 52 48! 52");
        assert_eq!(read("9999(9999(c2))").unwrap().split(' ').count(), MAX_STEPS);
    }

    #[test]
    fn what_takes_time_or_chance_is_a_mistake() {
        assert_eq!(read("c2 2(<c2 d2>) e(3,8)").unwrap_err().len(), 2);
    }
}

//! A line of which only the keys count, as for an arpeggio: the same language, without what takes time or chance.

use std::ops::Range;

use super::Voice;
use super::parser::parse;
use super::tree::{Item, Node, Tone};
use crate::midi::Key;
use crate::set::mistake::{Mistake, Report};
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
pub(in crate::set) fn steps(text: &Text<'_>, line: Range<usize>, voice: Voice<'_>, report: &mut Report) -> Vec<Step> {
    let line = parse(text, line, voice, report);
    let mut steps = Vec::new();
    let mut wrong = Vec::new();
    add(&line.items, None, &mut steps, &mut wrong);
    wrong.sort_unstable_by_key(|span: &Range<usize>| span.start);
    wrong.dedup();
    for span in wrong {
        report.add(text.place(span), || {
            Mistake::new("an arpeggio is made of notes")
                .label("this is more than notes")
                .help("`order` says which note is next, `lengths` and `rest` make the rhythm")
        });
    }
    steps
}

fn add(items: &[Item], modified: Option<&Range<usize>>, steps: &mut Vec<Step>, wrong: &mut Vec<Range<usize>>) {
    for item in items {
        if steps.len() + wrong.len() > MAX_STEPS {
            return;
        }
        let modified = item.modified.as_ref().or(modified).filter(|_| !item.wrong);
        let mut push = |head: Head, accent: bool, modified: Option<&Range<usize>>| {
            steps.push(Step { head, span: item.span.clone(), accent, modified: modified.cloned() });
        };
        match &item.node {
            Node::Rest => push(Head::Rest, false, modified),
            Node::Hold => push(Head::Hold, false, modified),
            Node::Note(Tone { key, accent }) => push(Head::Play(*key), *accent, modified),
            Node::Chord(tones) => {
                // What is wrong with the chord is said once.
                for (place, tone) in tones.iter().enumerate() {
                    push(Head::Play(tone.key), tone.accent, modified.filter(|_| place == 0));
                }
            }
            Node::Group { count, items } => {
                for time in 0..*count {
                    if steps.len() + wrong.len() > MAX_STEPS {
                        return;
                    }
                    add(items, modified.filter(|_| time == 0), steps, wrong);
                }
            }
            Node::Choice(_) | Node::Euclid { .. } => wrong.push(item.span.clone()),
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
        assert_eq!(read("c2:70 (d2 e2)! [c2 e2]~").unwrap(), "48! 50! 52! 48! 52");
        assert_eq!(read("9999(9999(c2))").unwrap().split(' ').count(), MAX_STEPS + 1);
    }

    #[test]
    fn what_takes_time_or_chance_is_a_mistake() {
        assert_eq!(read("c2 2(<c2 d2>) e(3,8)").unwrap_err().len(), 2);
    }
}

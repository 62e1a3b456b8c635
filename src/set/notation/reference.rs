//! The reference of the step language, beside the code that reads it: every step and every modifier with an example, and
//! what the example plays. A test holds each example to its words.

/// A step or a modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whether it is a step, or stands after one.
    pub kind: Kind,
    /// How it is written: one way, or several.
    pub written: &'static [&'static str],
    /// What it is called.
    pub name: &'static str,
    /// A line that may stand in a set whose track has the note c2, and whose scale is `c minor`.
    pub example: &'static str,
    /// Whether the example is for a track with the kit `{ k = 60, s = 62, h = 64, o = 65 }` instead.
    pub drums: bool,
    /// What the example plays: on which step, counted from 0, which note (`4:c2`, `0.5:c2`), with a velocity that is not 100
    /// (`:70`), a gate that is not 50 per cent of a step (`=25`) and legato (`~`). Passes stand apart by `|`; `-` is a silent
    /// one. What chance decides is decided by a seed, and nothing is said here of other seeds.
    pub plays: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// What stands alone, and what does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A step, or something that stands for several.
    Step,
    /// What may stand after one.
    Modifier,
}

const fn step(
    written: &'static [&'static str],
    name: &'static str,
    example: &'static str,
    plays: &'static str,
    doc: &'static str,
) -> Entry {
    Entry { kind: Kind::Step, written, name, example, drums: false, plays, doc }
}

const fn modifier(
    written: &'static [&'static str],
    name: &'static str,
    example: &'static str,
    plays: &'static str,
    doc: &'static str,
) -> Entry {
    Entry { kind: Kind::Modifier, ..step(written, name, example, plays, doc) }
}

const fn on_drums(entry: Entry) -> Entry {
    Entry { drums: true, ..entry }
}

/// All of the language, steps first.
pub const ENTRIES: &[Entry] = &[
    step(
        &["c2", "f#3", "bb1"],
        "note",
        "c2 f#3 bb1",
        "0:c2 1:f#3 2:bb1",
        "That note. Middle C is c3, or c4 with `octaves = \"c4\"`.",
    ),
    step(
        &["x", "X"],
        "own note",
        "x X",
        "0:c2 1:c2:127",
        "The track's note, plain and accented; on a track with a kit and no note, the first drum of the kit.",
    ),
    on_drums(step(
        &["k", "S"],
        "drum",
        "k . S .",
        "0:k 2:s:127",
        "A letter of the track's kit; in upper case accented. On such a track, notes and degrees are not read.",
    )),
    step(&["."], "rest", "c2 . d2", "0:c2 2:d2", "Nothing."),
    step(
        &["_"],
        "hold",
        "c2 _ . d2",
        "0:c2=100 3:d2",
        "Makes the step before it longer by a step; its gate counts over all of it. At the beginning of a line it holds the line's \
         last step, across the loop point.",
    ),
    step(
        &["1", "5'", "7,"],
        "degree",
        "1 3 5' 7,",
        "0:c3 1:eb3 2:g4 3:bb2",
        "That degree of the set's scale, one digit; each `'` is an octave up, each `,` one down. `scale = \"c \
         minor\"` has its degree 1 from middle C up, `c2 minor` on c2.",
    ),
    step(
        &["[c2 e2 g2]"],
        "chord",
        "[c2 e2 g2] [1 3]",
        "0:c2 0:e2 0:g2 1:c3 1:eb3",
        "Notes, degrees or drums together. Each is plain; what changes them stands after the bracket.",
    ),
    step(
        &["[c2m7]"],
        "chord by name",
        "[c2m7] [c27] [c2sus4]",
        "0:c2 0:eb2 0:g2 0:bb2 1:c2 1:e2 1:g2 1:bb2 2:c2 2:f2 2:g2",
        "The chord on that note, whose octave is one digit. Qualities: maj M m min 5 6 m6 69 7 maj7 M7 m7 min7 \
         mmaj7 mM7 7b5 7#5 7b9 7#9 9 maj9 M9 m9 min9 add9 madd9 11 m11 13 m13 dim dim7 m7b5 aug aug7 sus2 sus4 sus \
         7sus4 7sus2 9sus4.",
    ),
    step(
        &["<c2 d2>"],
        "choice in turn",
        "<c2 d2 .> e2",
        "0:c2 1:e2 | 0:d2 1:e2 | 1:e2 | 0:c2 1:e2",
        "One of them on each pass of the line, in turn: notes, rests, chords, choices. A choice in a choice, or \
         under `/1:4`, takes its next turn each time it comes round itself.",
    ),
    step(
        &["<c2 d2>?"],
        "choice at random",
        "<c2 d2>?",
        "0:c2 | 0:d2 | 0:c2 | 0:d2 | 0:c2 | 0:c2 | 0:c2 | 0:d2",
        "One of them on each pass, any.",
    ),
    step(
        &["3(c2 .)", "(c2 d2)"],
        "group",
        "3(c2 .)",
        "0:c2 2:c2 4:c2",
        "Exactly as if it were written so many times; without a number, once. Where numbers are degrees, there is no white \
         space before the bracket. What stands after it is for each of its steps that does not say the same itself.",
    ),
    step(
        &["e(3,8)", "e(3,8,2)"],
        "Euclidean rhythm",
        "e(3,8)",
        "0:c2 3:c2 6:c2",
        "So many hits on so many steps, as even as can be, beginning some steps later in it. What stands after it \
         is for each hit.",
    ),
    step(
        &["g2 e(3,8)"],
        "Euclidean rhythm of a note",
        "g2 e(2,4) c2:70 e(1,2)",
        "0:g2 2:g2 4:c2:70 5:c2",
        "The rhythm of the plain note, drum, degree, chord or choice right before it. One with modifiers is a step \
         of its own.",
    ),
    modifier(&[":70"], "velocity", "c2:70 d2", "0:c2:70 1:d2", "How hard, 1 to 127."),
    modifier(&["!"], "accent", "c2! c2:70!", "0:c2:127 1:c2:97", "27 harder."),
    modifier(
        &["?30", "?"],
        "chance",
        "c2?30 d2?",
        "1:d2 | 1:d2 | 1:d2 | 1:d2 | 0:c2 | 0:c2 | 0:c2 | 1:d2",
        "In so many of 100 cases, 50 if none are said. All notes of a step share their luck.",
    ),
    modifier(
        &["*3"],
        "ratchet",
        "c2*4 d2*2",
        "0:c2=13 0.25:c2=13 0.5:c2=13 0.75:c2=13 1:d2=25 1.5:d2=25",
        "Splits the step, with what holds it, into 2 to 16 notes.",
    ),
    modifier(
        &["=50"],
        "gate",
        "c2=25 d2=100",
        "0:c2=25 1:d2=100",
        "How much of the step it sounds, in per cent, 1 to 400.",
    ),
    modifier(
        &["~"],
        "legato",
        "c2~ d2",
        "0:c2=100~ 1:d2",
        "Sounds to the end of its step and a little into what follows, so that the next note is slid to.",
    ),
    modifier(
        &["<20", ">20"],
        "early, late",
        "c2 d2<20 e2>30",
        "0:c2 0.8:d2 2.3:e2",
        "By so many per cent of a step, 1 to 50. `<` stands right after the step, without white space. For a \
         choice it stands after it as a whole: `<c2 d2>>20`.",
    ),
    modifier(
        &["/1:4", "/!1:4"],
        "on some passes",
        "c2/1:3 d2/!1:3",
        "0:c2 | 1:d2 | 1:d2 | 0:c2",
        "`/1:4`: only on the first of each four passes of the line, `/3:4` on the third; `/!1:4`: only on the others.",
    ),
    modifier(
        &["/1st"],
        "once",
        "c2/1st d2",
        "0:c2 1:d2 | 1:d2 | 1:d2",
        "Only on the first pass after the pattern begins.",
    ),
    modifier(
        &["/fill", "/!fill"],
        "fills",
        "c2/fill d2/!fill e2",
        "1:d2 2:e2",
        "Only while the performer asks for a fill; only while not.",
    ),
    modifier(
        &["{74=30}"],
        "values",
        "c2{74=30 71=90} .{74=0}",
        "0:{74=30} 0:{71=90} 0:c2 1:{74=0}",
        "Controllers that are sent before the notes of the step; several stand apart by white space. Names: `74` \
         or `cc74`, `bend` (-8192 to 8191), `pressure`, `program`, `cc14-1`, `nrpn-1234`, `rpn-0`. Rests and holds \
         may have them too.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::notation::chord;
    use crate::set::notation::heard::heard;

    #[test]
    fn every_example_plays_what_is_said() {
        let mut wrong = Vec::new();
        for entry in ENTRIES {
            let passes = entry.plays.split(" | ").count() as i64;
            let played = heard(entry.drums, entry.example, passes);
            if played.as_deref() != Ok(entry.plays) {
                wrong.push(format!("{}: {played:?}", entry.example));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn every_spelling_is_read() {
        for entry in ENTRIES {
            for spelling in entry.written {
                let line = match entry.kind {
                    Kind::Step => format!("{} {spelling}", if entry.drums { "k" } else { "c2" }),
                    Kind::Modifier => format!("c2{spelling}"),
                };
                assert!(heard(entry.drums, &line, 1).is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn the_qualities_are_those_that_are_read() {
        let entry = ENTRIES.iter().find(|entry| entry.name == "chord by name").unwrap();
        let (_, listed) = entry.doc.split_once("Qualities: ").unwrap();
        assert_eq!(listed.trim_end_matches('.').split(' ').collect::<Vec<_>>(), chord::qualities().collect::<Vec<_>>());
    }
}

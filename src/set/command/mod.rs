//! Commands as they are written: `launch build at bar`, `mute drums`, `transpose +2 degrees`, `tempo 128`.
//!
//! One grammar for everything that lets a performer write one: bindings of a set, a control socket, a script. It needs the
//! names of a set ([`Names`]), and what it cannot understand it marks and explains, with the nearest right word. `amount`
//! reads what is said in numbers.

mod amount;
pub(in crate::set) mod table;
mod write;

pub use table::{Button, Numbers, Verb, words};
pub use write::{Wordless, length, number, write};

use std::fmt;
use std::ops::Range;

use super::diagnostic::{listed, nearest, quoted};
use super::launch;
use super::phrase;
use crate::engine::program::{Does, Fader, PartSlot, PatternSlot, Quantum, TrackSlot};
use crate::engine::{Command, Switch};
use crate::text::printable;
use crate::time::Meter;

/// What commands can name.
#[derive(Clone, Debug, PartialEq)]
pub struct Names<'n> {
    /// The tracks by their slots; an empty slot has an empty name, which no word is.
    pub tracks: Vec<&'n str>,
    /// The patterns by their slots, likewise.
    pub patterns: Vec<&'n str>,
    /// The patterns of the song's parts.
    pub parts: Vec<PatternSlot>,
    /// What beats and bars are.
    pub meter: Meter,
}

/// Why a command is not understood. As text, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misunderstanding {
    /// What is wrong.
    pub message: String,
    /// The bytes of the command that are meant; all of it where something is missing.
    pub span: Range<usize>,
    /// What was expected there.
    pub label: String,
    /// What would be right.
    pub help: String,
}

impl fmt::Display for Misunderstanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was written may hold anything.
        let said = format!("{}: {}; {}", self.message, self.label, self.help);
        f.write_str(&printable(&said))
    }
}

impl std::error::Error for Misunderstanding {}

/// What a command asks for, or what it would have a fader do.
enum Said {
    Command(Command),
    Fader(Fader),
}

/// The places of the words in `text`.
pub fn split(text: &str) -> impl Iterator<Item = Range<usize>> {
    phrase::words(text)
}

/// Returns what `text` asks for. Where a command is to switch something and does not say how, it becomes what it was not.
///
/// # Errors
///
/// When it is not a command.
pub fn parse(text: &str, names: &Names<'_>) -> Result<Command, Misunderstanding> {
    match Reader::new(text, names).read()? {
        (Said::Command(command), _) => Ok(command),
        (Said::Fader(_), _) => Err(Misunderstanding {
            message: "only a fader has a range".to_owned(),
            span: phrase::words(text).find(|word| amount::is_range(&text[word.clone()])).unwrap_or(0..text.len()),
            label: "expected one value".to_owned(),
            help: "a fader is bound with `[[bind]]` to a controller".to_owned(),
        }),
    }
}

/// Returns what `text` asks for when it is bound to a key, a pedal or a fader: `fill` and `hold` that do not say whether on or off
/// last as long as it is down; where a value is a range, such as `100..140`, it is moved over that range.
///
/// # Errors
///
/// When it is not a command.
pub fn bound(text: &str, names: &Names<'_>) -> Result<Does, Misunderstanding> {
    let press = |command, release| Ok(Does::Press { command, release });
    match Reader::new(text, names).read()? {
        (Said::Fader(fader), _) => Ok(Does::Slide(fader)),
        (Said::Command(Command::Fill(_)), false) => press(Command::Fill(Switch::On), Some(Command::Fill(Switch::Off))),
        (Said::Command(Command::Hold(_)), false) => press(Command::Hold(Switch::On), Some(Command::Hold(Switch::Off))),
        (Said::Command(command), _) => press(command, None),
    }
}

/// Reads the words of one command, from the first to the last.
struct Reader<'c> {
    text: &'c str,
    names: &'c Names<'c>,
    rest: std::collections::VecDeque<Range<usize>>,
}

impl<'c> Reader<'c> {
    fn new(text: &'c str, names: &'c Names<'c>) -> Reader<'c> {
        Reader { text, names, rest: phrase::words(text).collect() }
    }

    /// Returns where a second command begins, with what is to join it to the first.
    fn second(&self) -> Option<Range<usize>> {
        let is_join = |word: &str| matches!(word, "and" | "then" | "&" | "&&" | "+" | "|" | "," | ";");
        let word = self.rest.iter().enumerate().skip(1).find_map(|(place, word)| {
            let written = self.written(word);
            let comes = self.rest.get(place + 1).map(|next| self.written(next));
            match written.find([',', ';']) {
                // Before it is the end of the first command; a number with a comma is no two commands.
                Some(at)
                    if at + 1 == written.len()
                        || !written.starts_with(|c: char| c.is_ascii_digit() || "+-−".contains(c)) =>
                {
                    Some(word.start + at)
                }
                Some(_) | None => {
                    (is_join(written) && comes.is_some_and(|next| Verb::find(next).is_some())).then_some(word.start)
                }
            }
        });
        word.map(|start| start..self.text.trim_end().len())
    }

    /// Returns what is said, and whether it says how it switches.
    fn read(mut self) -> Result<(Said, bool), Misunderstanding> {
        if let Some(span) = self.second() {
            return Err(Misunderstanding {
                message: "there is one command at a time".to_owned(),
                span,
                label: "the first one ends before this".to_owned(),
                help: "give them one after the other; in a set, each has a `[[bind]]` of its own with the same `on`"
                    .to_owned(),
            });
        }
        let Some(word) = self.rest.pop_front() else {
            return Err(self.missing("the command is empty", "expected a command", "launch main"));
        };
        let name = self.written(&word);
        let Some(verb) = Verb::find(name) else {
            let help = match nearest(name, words()) {
                Some(near) => format!("did you mean `{near}`?"),
                // One more than a list shows otherwise.
                None => format!("the commands are {}", words().collect::<Vec<_>>().join(", ")),
            };
            let message = format!("there is no command {}", quoted(name));
            return Err(Misunderstanding { message, span: word, label: "not a command".to_owned(), help });
        };
        let example = verb.example();
        let mut says_how = true;
        let mut switched = |(switch, says): (Switch, bool)| {
            says_how = says;
            switch
        };
        let said = match verb {
            Verb::Transpose => self.transpose(example)?,
            Verb::Tempo => self.tempo(example)?,
            Verb::Control => self.control(example)?,
            Verb::Start => Said::Command(Command::Start),
            Verb::Stop => Said::Command(Command::Stop),
            Verb::Continue => Said::Command(Command::Continue),
            Verb::CancelLaunch => Said::Command(Command::CancelLaunch),
            Verb::Launch => {
                Said::Command(Command::Launch { pattern: self.pattern(example)?, at: self.quantum(example)? })
            }
            Verb::Jump => Said::Command(Command::Jump(self.part(example)?)),
            Verb::Mute => Said::Command(Command::Mute(self.track(name, example)?, switched(self.switch()))),
            Verb::Solo => Said::Command(Command::Solo(self.track(name, example)?, switched(self.switch()))),
            Verb::Hold => Said::Command(Command::Hold(switched(self.switch()))),
            Verb::Fill => Said::Command(Command::Fill(switched(self.switch()))),
            Verb::Tap => Said::Command(Command::Tap),
            Verb::Panic => Said::Command(Command::Panic),
        };
        match self.rest.pop_front() {
            None => Ok((said, says_how)),
            Some(word) => {
                let near = nearest(self.written(&word), ["on", "off", "toggle", "at", "degrees"].into_iter());
                let near = near.filter(|near| *near != self.written(&word));
                Err(Misunderstanding {
                    message: format!("{} does not belong here", quoted(self.written(&word))),
                    span: word,
                    label: format!("`{name}` says all before this"),
                    help: match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("for example `{example}`"),
                    },
                })
            }
        }
    }

    fn written(&self, word: &Range<usize>) -> &'c str {
        self.text.get(word.clone()).unwrap_or_default()
    }

    fn missing(&self, message: &str, label: &str, example: &str) -> Misunderstanding {
        Misunderstanding {
            message: message.to_owned(),
            span: 0..self.text.len(),
            label: label.to_owned(),
            help: format!("for example `{example}`"),
        }
    }

    /// The place of what the next word names among `names`.
    fn named(&mut self, one: &str, names: &[&str], command: &str, example: &str) -> Result<usize, Misunderstanding> {
        let Some(word) = self.rest.pop_front() else {
            let message = format!("`{command}` lacks the name of a {one}");
            return Err(self.missing(&message, &format!("which {one}?"), example));
        };
        let name = self.written(&word);
        names.iter().position(|known| *known == name).ok_or_else(|| unknown(one, name, word.clone(), names))
    }

    fn track(&mut self, command: &str, example: &str) -> Result<TrackSlot, Misunderstanding> {
        let slot = self.named("track", &self.names.tracks, command, example)?;
        Ok(TrackSlot(slot as u16))
    }

    fn pattern(&mut self, example: &str) -> Result<PatternSlot, Misunderstanding> {
        let slot = self.named("pattern", &self.names.patterns, "launch", example)?;
        Ok(PatternSlot(slot as u16))
    }

    /// `at` and a quantum, or nothing.
    fn quantum(&mut self, example: &str) -> Result<Option<Quantum>, Misunderstanding> {
        let Some(at) = self.rest.front().cloned().filter(|word| self.written(word) == "at") else { return Ok(None) };
        self.rest.pop_front();
        let (Some(first), Some(last)) = (self.rest.front(), self.rest.back()) else {
            let label = "expected `bar`, `beat`, `now`, `end` or a length such as `4 bars`";
            return Err(Misunderstanding { span: at, ..self.missing("`at` lacks its place", label, example) });
        };
        let span = first.start..last.end;
        let written = self.rest.drain(..).map(|word| &self.text[word]).collect::<Vec<_>>().join(" ");
        launch::parse(&written, self.names.meter).map(Some).map_err(|(label, near)| Misunderstanding {
            message: format!("{} is no place to launch at", quoted(&written)),
            span,
            label,
            help: match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("for example `{example}`"),
            },
        })
    }

    /// A part by its number, or the first with the pattern that is named.
    fn part(&mut self, example: &str) -> Result<PartSlot, Misunderstanding> {
        let parts = &self.names.parts;
        let Some(word) = self.rest.pop_front() else {
            return Err(self.missing("`jump` lacks its part", "expected a number or the name of a pattern", example));
        };
        let name = self.written(&word);
        let wrong = |message: String, help: String| {
            Err(Misunderstanding { message, span: word.clone(), label: "not a part of the song".to_owned(), help })
        };
        let index = match name.parse::<usize>() {
            _ if parts.is_empty() => {
                return wrong("the set has no song".to_owned(), "a song begins with `[song]`".to_owned());
            }
            Ok(number) => number.checked_sub(1).filter(|&index| index < parts.len()),
            Err(_) => {
                let named = |slot: &PatternSlot| self.names.patterns.get(usize::from(slot.0)) == Some(&name);
                parts.iter().position(named)
            }
        };
        match index.and_then(|index| u16::try_from(index).ok()) {
            Some(index) => Ok(PartSlot(index)),
            None if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                wrong(format!("there is no part {}", quoted(name)), format!("the song has parts 1 to {}", parts.len()))
            }
            None => {
                let mut known: Vec<&str> = Vec::new();
                for slot in parts {
                    let name = self.names.patterns.get(usize::from(slot.0)).copied().unwrap_or_default();
                    if !known.contains(&name) {
                        known.push(name);
                    }
                }
                let help = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the song is made of {}", listed(known.into_iter())),
                };
                wrong(format!("the song has no part {}", quoted(name)), help)
            }
        }
    }

    /// Returns what is said of on or off, and whether anything is. Another word is left.
    fn switch(&mut self) -> (Switch, bool) {
        let switch = match self.rest.front().map(|word| self.written(word)) {
            Some("on") => Switch::On,
            Some("off") => Switch::Off,
            Some("toggle") => Switch::Toggle,
            _ => return (Switch::Toggle, false),
        };
        self.rest.pop_front();
        (switch, true)
    }
}

/// The message for a name that nothing has.
fn unknown(one: &str, name: &str, span: Range<usize>, names: &[&str]) -> Misunderstanding {
    let known = || names.iter().copied().filter(|name| !name.is_empty());
    let help = match (nearest(name, known()), known().count()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, 0) => format!("the set has no {one} yet"),
        (None, 1) => format!("the only {one} is {}", listed(known())),
        (None, _) => format!("the {one}s are {}", listed(known())),
    };
    Misunderstanding {
        message: format!("there is no {one} {}", quoted(name)),
        span,
        label: format!("not a {one} of this set"),
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::Target;
    use crate::engine::program::{Interval, Knob};
    use crate::time::Tempo;
    use crate::time::TickSpan;

    fn names() -> Names<'static> {
        Names {
            tracks: vec!["drums", "bass", "2"],
            patterns: vec!["main", "build", "out"],
            parts: vec![PatternSlot(0), PatternSlot(1), PatternSlot(0)],
            meter: Meter::COMMON,
        }
    }

    #[test]
    fn every_command_is_read() {
        let launch = |slot, at| Command::Launch { pattern: PatternSlot(slot), at };
        let transpose = |track: Option<u16>, by, unit| Command::Transpose { track: track.map(TrackSlot), by, unit };
        let tempo = |bpm| Tempo::from_bpm(bpm).unwrap();
        for (text, command) in [
            ("start", Command::Start),
            (" stop ", Command::Stop),
            ("continue", Command::Continue),
            ("launch build", launch(1, None)),
            ("launch build at now", launch(1, Some(Quantum::Now))),
            ("launch main at end", launch(0, Some(Quantum::End))),
            ("launch main at bar", launch(0, Some(Quantum::Grid(TickSpan(3_840))))),
            ("launch main at 2  bars", launch(0, Some(Quantum::Grid(TickSpan(7_680))))),
            ("launch main at 1/8", launch(0, Some(Quantum::Grid(TickSpan(480))))),
            ("withdraw", Command::CancelLaunch),
            ("jump 3", Command::Jump(PartSlot(2))),
            ("jump build", Command::Jump(PartSlot(1))),
            ("jump main", Command::Jump(PartSlot(0))),
            ("hold", Command::Hold(Switch::Toggle)),
            ("hold off", Command::Hold(Switch::Off)),
            ("mute drums", Command::Mute(TrackSlot(0), Switch::Toggle)),
            ("mute bass on", Command::Mute(TrackSlot(1), Switch::On)),
            ("solo bass off", Command::Solo(TrackSlot(1), Switch::Off)),
            ("fill", Command::Fill(Switch::Toggle)),
            ("fill on", Command::Fill(Switch::On)),
            ("transpose +2", transpose(None, 2, Interval::Semitones)),
            ("transpose -12", transpose(None, -12, Interval::Semitones)),
            ("transpose 0", transpose(None, 0, Interval::Semitones)),
            ("transpose bass 2 degrees", transpose(Some(1), 2, Interval::Degrees)),
            ("transpose -1 degree", transpose(None, -1, Interval::Degrees)),
            ("transpose 2 5", transpose(Some(2), 5, Interval::Semitones)),
            ("transpose 2 semitones", transpose(None, 2, Interval::Semitones)),
            ("cc bass 74 64", Command::Control { track: TrackSlot(1), target: Target::Controller(74), value: 64 }),
            ("cc drums bend 0", Command::Control { track: TrackSlot(0), target: Target::Bend, value: 8_192 }),
            ("tempo 128", Command::Tempo(tempo(128.0))),
            ("tempo 127.5", Command::Tempo(tempo(127.5))),
            ("tempo 400", Command::Tempo(tempo(400.0))),
            ("tempo +1", Command::TempoStep(100)),
            ("tempo -0.5", Command::TempoStep(-50)),
            ("tempo +.29", Command::TempoStep(29)),
            ("tempo -380", Command::TempoStep(-38_000)),
            ("tap", Command::Tap),
            (" panic ", Command::Panic),
        ] {
            assert_eq!(parse(text, &names()), Ok(command), "{text}");
        }
    }

    /// Returns what each example of the table means: when it is said, and when it is bound to a key. A new row has to be entered here.
    fn meanings(verb: Verb) -> Vec<(&'static str, Command, Option<Command>)> {
        let one = |text, command| vec![(text, command, None)];
        match verb {
            Verb::Start => one("start", Command::Start),
            Verb::Stop => one("stop", Command::Stop),
            Verb::Continue => one("continue", Command::Continue),
            Verb::Launch => {
                let bar = Some(Quantum::Grid(Meter::COMMON.bar()));
                vec![
                    ("launch main at bar", Command::Launch { pattern: PatternSlot(0), at: bar }, None),
                    ("launch main", Command::Launch { pattern: PatternSlot(0), at: None }, None),
                ]
            }
            Verb::CancelLaunch => one("withdraw", Command::CancelLaunch),
            Verb::Jump => {
                vec![("jump 2", Command::Jump(PartSlot(1)), None), ("jump main", Command::Jump(PartSlot(0)), None)]
            }
            Verb::Hold => vec![
                ("hold on", Command::Hold(Switch::On), None),
                ("hold", Command::Hold(Switch::Toggle), Some(Command::Hold(Switch::Off))),
            ],
            Verb::Mute => vec![
                ("mute drums", Command::Mute(TrackSlot(0), Switch::Toggle), None),
                ("mute drums off", Command::Mute(TrackSlot(0), Switch::Off), None),
            ],
            Verb::Solo => vec![
                ("solo drums on", Command::Solo(TrackSlot(0), Switch::On), None),
                ("solo drums", Command::Solo(TrackSlot(0), Switch::Toggle), None),
            ],
            Verb::Fill => vec![
                ("fill off", Command::Fill(Switch::Off), None),
                ("fill", Command::Fill(Switch::Toggle), Some(Command::Fill(Switch::Off))),
            ],
            Verb::Transpose => vec![
                ("transpose +2", Command::Transpose { track: None, by: 2, unit: Interval::Semitones }, None),
                (
                    "transpose bass -1 degrees",
                    Command::Transpose { track: Some(TrackSlot(1)), by: -1, unit: Interval::Degrees },
                    None,
                ),
            ],
            Verb::Control => {
                let to = |target, value| Command::Control { track: TrackSlot(1), target, value };
                vec![
                    ("cc bass 74 64", to(Target::Controller(74), 64), None),
                    ("cc bass bend 0", to(Target::Bend, 8_192), None),
                ]
            }
            Verb::Tempo => vec![
                ("tempo +0.5", Command::TempoStep(50), None),
                ("tempo 128", Command::Tempo(Tempo::from_bpm(128.0).unwrap()), None),
            ],
            Verb::Tap => one("tap", Command::Tap),
            Verb::Panic => one("panic", Command::Panic),
        }
    }

    #[test]
    fn each_example_of_the_table_means_what_it_says() {
        for &verb in Verb::ALL {
            let meanings = meanings(verb);
            assert!(meanings.iter().map(|(text, ..)| text).eq(verb.examples()), "{verb:?}");
            for (text, command, release) in meanings {
                assert_eq!(parse(text, &names()), Ok(command), "{text}");
                // A key that holds something for as long as it is down begins it.
                let down = match command {
                    Command::Hold(Switch::Toggle) => Command::Hold(Switch::On),
                    Command::Fill(Switch::Toggle) => Command::Fill(Switch::On),
                    other => other,
                };
                assert_eq!(bound(text, &names()), Ok(Does::Press { command: down, release }), "{text}");
                assert_eq!(Verb::of(command), Some(verb), "{text}");
                assert_eq!(text.split(' ').next(), Some(verb.name()));
            }
        }
    }

    #[test]
    fn the_rows_of_the_table_are_whole() {
        for (row, &verb) in Verb::ALL.iter().enumerate() {
            assert_eq!(Verb::find(verb.name()), Some(verb));
            assert_eq!(Verb::ALL.iter().position(|other| other.name() == verb.name()), Some(row), "{verb:?} twice");
            assert_eq!(verb.form().split(' ').next(), Some(verb.name()));
            assert!(verb.examples().contains(&verb.example()), "{verb:?} has no example");
            // A word that is shown to say how it switches is one that a button switches, and the other way round.
            assert_eq!(verb.form().contains("on|off"), verb.button() == Button::Switch, "{verb:?}");
            let has_numbers = verb.form().contains(|c: char| c.is_ascii_digit()) && verb != Verb::Launch;
            assert_eq!(has_numbers, verb.button() == Button::Value, "{verb:?}");
        }
    }

    #[test]
    fn bound_fills_and_holds_last_as_long_as_the_key_is_down() {
        let bound = |text| bound(text, &names()).unwrap();
        let press = |command, release| Does::Press { command, release };
        assert_eq!(bound("fill"), press(Command::Fill(Switch::On), Some(Command::Fill(Switch::Off))));
        assert_eq!(bound("hold"), press(Command::Hold(Switch::On), Some(Command::Hold(Switch::Off))));
        assert_eq!(bound("fill toggle"), press(Command::Fill(Switch::Toggle), None));
        assert_eq!(bound("fill on"), press(Command::Fill(Switch::On), None));
        assert_eq!(bound("mute bass"), press(Command::Mute(TrackSlot(1), Switch::Toggle), None));
    }

    #[test]
    fn a_range_makes_a_fader() {
        let fader = |text, knob, low, high| {
            let expected = Does::Slide(Fader { knob, low, high });
            assert_eq!(bound(text, &names()), Ok(expected), "{text}");
            let wrong = parse(text, &names()).unwrap_err();
            assert!(wrong.to_string().contains("only a fader") && text[wrong.span].contains(".."), "{text}");
        };
        fader("tempo 100..140.5", Knob::Tempo, 10_000, 14_050);
        fader("tempo 140..100", Knob::Tempo, 14_000, 10_000);
        fader("transpose -12..+12", Knob::Transpose(None, Interval::Semitones), -12, 12);
        fader("transpose bass 0..7 degrees", Knob::Transpose(Some(TrackSlot(1)), Interval::Degrees), 0, 7);
        fader("transpose 2 0..7", Knob::Transpose(Some(TrackSlot(2)), Interval::Semitones), 0, 7);
        fader("cc bass 74 20..110", Knob::Control(TrackSlot(1), Target::Controller(74)), 20, 110);
        fader("cc bass bend -8192..8191", Knob::Control(TrackSlot(1), Target::Bend), 0, 16_383);
    }

    #[test]
    fn what_is_not_understood_is_marked_and_explained() {
        for (text, marked, said) in [
            ("", "", "empty"),
            ("lanch build", "lanch", "did you mean `launch`?"),
            ("play", "play", "the commands are start, stop"),
            ("launch", "launch", "which pattern?"),
            ("launch biuld", "biuld", "did you mean `build`?"),
            ("launch chorus", "chorus", "the patterns are `main`, `build` and `out`"),
            ("launch build at", "at", "lacks its place"),
            ("launch build at nwo", "nwo", "did you mean `now`?"),
            ("launch build at 0 bars", "0 bars", "more than nothing"),
            ("launch build now", "now", "does not belong here"),
            ("jump", "jump", "lacks its part"),
            ("jump 0", "0", "the song has parts 1 to 3"),
            ("jump 4", "4", "the song has parts 1 to 3"),
            ("jump out", "out", "the song is made of `main` and `build`"),
            ("jump mian", "mian", "did you mean `main`?"),
            ("mute", "mute", "which track?"),
            ("mute drms", "drms", "did you mean `drums`?"),
            ("mute drums onn", "onn", "did you mean `on`?"),
            ("stop now", "now", "does not belong here"),
            ("transpose", "transpose", "how far"),
            ("transpose bass", "bass", "-127 to +127"),
            ("transpose 128", "128", "-127 to +127"),
            ("transpose bas 2", "bas", "did you mean `bass`?"),
            ("transpose 2 degress", "degress", "did you mean `degrees`?"),
            ("tempo", "tempo", "how fast"),
            ("tempo 19.9", "19.9", "a number from 20 to 400"),
            ("tempo 1e2", "1e2", "a number from 20 to 400"),
            ("tempo nan", "nan", "a number from 20 to 400"),
            ("tempo 128,5", "128,5", "did you mean `128.5`?"),
            ("tempo +0,5", "+0,5", "a decimal point"),
            ("tempo 12O", "12O", "a letter O in a number"),
            ("transpose l2", "l2", "did you mean `12`?"),
            ("transpose −2", "−2", "did you mean `-2`?"),
            ("cc bass 74 6O", "6O", "did you mean `60`?"),
            ("launch main, tempo 128", ", tempo 128", "one command at a time"),
            ("launch main; stop", "; stop", "one command at a time"),
            ("stop && start", "&& start", "one command at a time"),
            ("mute drums and solo bass", "and solo bass", "one command at a time"),
            ("mute drums, bass", ", bass", "one command at a time"),
            ("tempo ++1", "++1", "by how much"),
            ("tempo +1.234", "+1.234", "to a hundredth"),
            ("tempo -", "-", "by how much"),
            ("tempo +381", "+381", "by how much"),
            ("tempo 100..", "100..", "two numbers from 20 to 400"),
            ("tempo 10..100", "10..100", "two numbers from 20 to 400"),
            ("transpose bass 0..200", "0..200", "two numbers from -127 to +127"),
            ("cc", "cc", "which track?"),
            ("cc bass", "cc bass", "what to send"),
            ("cc bass cutoff", "cutoff", "nothing that a value"),
            ("cc bass 74", "cc bass 74", "lacks its value"),
            ("cc bass 74 128", "128", "a whole number from 0 to 127"),
            ("cc bass 74 1..128", "1..128", "two numbers from 0 to 127"),
            ("tempo 128 bpm", "bpm", "does not belong here"),
            ("tap 3", "3", "does not belong here"),
            ("pancake", "pancake", "tempo, tap, panic"),
            ("panik", "panik", "did you mean `panic`?"),
        ] {
            let wrong = parse(text, &names()).unwrap_err();
            assert_eq!(&text[wrong.span.clone()], marked, "{text}: {wrong}");
            assert!(wrong.to_string().contains(said), "{text}: {wrong}");
        }
        let alone = Names { parts: Vec::new(), ..names() };
        assert!(parse("jump 1", &alone).unwrap_err().to_string().contains("no song"));
    }
}

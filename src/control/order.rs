//! What a performer can ask of a running show, and how it is written.
//!
//! Most orders are commands of the engine, in the grammar that bindings use ([`command`]). A few are for the control thread
//! itself:
//!
//! | order | what is done |
//! |---|---|
//! | `reload` | the set file is read again |
//! | `learn mute drums` | the next key, controller or program change that comes in is bound to `mute drums`, in the set file |
//! | `learn off` | nothing is learned any more |
//! | `record bass` | what is played is written into the pattern that the track plays, from the next bar line on |
//! | `record bass from keys channel 2 1/8 50% replace` | from that port and channel, drawn half of the way to eighths, in place of what is there |
//! | `record off` | the recording ends, and is written |
//! | `record discard` | the recording ends, and is thrown away |
//! | `undo`, `redo` | what was learned or recorded last is taken back, or made again |
//! | `quit` | the show ends |
//!
//! A recording is drawn to the grid of sixteenths unless another is named, all of the way unless a percentage is, and is an
//! overdub unless it is to `replace`. With `0%` every note stays where it was played.

use std::ops::Range;

use crate::edit::{self, Writing};
use crate::engine::Command;
use crate::midi::Channel;
use crate::set::command::{self, Button, Misunderstanding, Names, Verb};
use crate::set::{listed, nearest};
use crate::time::TickSpan;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Something that the engine does.
    Engine(Command),
    /// Read the set file again.
    Reload,
    /// Bind what is touched next to this command.
    Learn(String),
    /// Learn nothing.
    Forget,
    /// Record.
    Record(Record),
    /// End the recording and write it.
    Finish,
    /// End the recording and throw it away.
    Discard,
    /// Take back what was written last.
    Undo,
    /// Write again what was taken back last.
    Redo,
    /// End the show.
    Quit,
}

/// What is recorded, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The track that will play it, by its name.
    pub track: String,
    /// The port whose keys count, by its name; without one, the only one that keys come from.
    pub from: Option<String>,
    /// The channel whose keys count; without one, any.
    pub channel: Option<Channel>,
    /// What notes are drawn to.
    pub grid: TickSpan,
    /// How far, in per cent.
    pub strength: u8,
    /// What becomes of what the track plays until now.
    pub writing: Writing,
}

/// The grid that is drawn to when none is named.
const GRID: &str = "1/16";

/// The first word of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// That of a command.
    Command(Verb),
    /// `reload`
    Reload,
    /// `undo`
    Undo,
    /// `redo`
    Redo,
    /// `quit`
    Quit,
    /// `learn`
    Learn,
    /// `record`
    Record,
}

impl First {
    /// Those that are no commands.
    const OWN: [First; 6] = [First::Reload, First::Undo, First::Redo, First::Quit, First::Learn, First::Record];

    /// All of them.
    pub fn all() -> impl Iterator<Item = First> {
        Verb::ALL.iter().copied().map(First::Command).chain(First::OWN)
    }

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            First::Command(verb) => verb.name(),
            First::Reload => "reload",
            First::Undo => "undo",
            First::Redo => "redo",
            First::Quit => "quit",
            First::Learn => "learn",
            First::Record => "record",
        }
    }

    /// What a button means to it.
    #[must_use]
    pub const fn button(self) -> Button {
        match self {
            First::Command(verb) => verb.button(),
            First::Reload | First::Undo | First::Redo | First::Quit => Button::Press,
            First::Learn | First::Record => Button::Value,
        }
    }

    /// The one that is written `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<First> {
        First::all().find(|first| first.name() == name)
    }
}

/// What `text` asks for.
///
/// # Errors
///
/// When nothing of that name can be asked for, or when something is wrong with the rest.
pub fn parse(text: &str, names: &Names<'_>) -> Result<Order, Misunderstanding> {
    let words: Vec<Range<usize>> = command::split(text).collect();
    let Some((first, rest)) = words.split_first() else { return command::parse(text, names).map(Order::Engine) };
    let word = &text[first.clone()];
    let alone = |order: Order| match rest.first() {
        None => Ok(order),
        Some(more) => Err(Misunderstanding {
            message: format!("`{word}` stands alone"),
            span: more.start..text.trim_end().len(),
            label: "does not belong here".to_owned(),
            help: format!("write `{word}`"),
        }),
    };
    match First::find(word) {
        Some(First::Command(_)) => command::parse(text, names).map(Order::Engine),
        Some(First::Reload) => alone(Order::Reload),
        Some(First::Undo) => alone(Order::Undo),
        Some(First::Redo) => alone(Order::Redo),
        Some(First::Quit) => alone(Order::Quit),
        Some(First::Learn) => learn(text, rest, names),
        Some(First::Record) => record(text, rest, names),
        None => Err(Misunderstanding {
            message: format!("there is no command `{}`", word.escape_debug()),
            span: first.clone(),
            label: "not a command".to_owned(),
            help: match nearest(word, self::words()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", self::words().collect::<Vec<_>>().join(", ")),
            },
        }),
    }
}

fn learn(text: &str, rest: &[Range<usize>], names: &Names<'_>) -> Result<Order, Misunderstanding> {
    let Some(first) = rest.first() else {
        return Err(lacking(text, "`learn` lacks what is to be done", "learn mute drums"));
    };
    let words = text[first.start..].trim_end();
    if words == "off" {
        return Ok(Order::Forget);
    }
    match command::bound(words, names) {
        Ok(_) => Ok(Order::Learn(words.to_owned())),
        Err(wrong) => {
            let span = wrong.span.start + first.start..wrong.span.end + first.start;
            Err(Misunderstanding { span, ..wrong })
        }
    }
}

fn record(text: &str, rest: &[Range<usize>], names: &Names<'_>) -> Result<Order, Misunderstanding> {
    const EXAMPLE: &str = "record bass from keys 1/8 50% replace";
    let mut rest = rest.iter().cloned();
    let Some(first) = rest.next() else { return Err(lacking(text, "`record` lacks the name of a track", EXAMPLE)) };
    let track = &text[first.clone()];
    match track {
        "off" => return Ok(Order::Finish),
        "discard" => return Ok(Order::Discard),
        _ => {}
    }
    let wrong = |span: Range<usize>, message: String, label: &str, help: String| {
        Err(Misunderstanding { message, span, label: label.to_owned(), help })
    };
    if !names.tracks.contains(&track) {
        let help = match nearest(track, names.tracks.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the tracks are {}", listed(names.tracks.iter().copied())),
        };
        return wrong(first, format!("there is no track `{}`", track.escape_debug()), "not a track", help);
    }
    let mut order = Record {
        track: track.to_owned(),
        from: None,
        channel: None,
        grid: edit::grid(GRID).unwrap_or(TickSpan::PULSE),
        strength: 100,
        writing: Writing::Overdub,
    };
    while let Some(span) = rest.next() {
        let word = &text[span.clone()];
        match word {
            "overdub" => order.writing = Writing::Overdub,
            "replace" => order.writing = Writing::Replace,
            "from" | "channel" => {
                let Some(value) = rest.next() else {
                    return wrong(
                        span,
                        format!("`{word}` lacks its value"),
                        "expected one behind it",
                        example(EXAMPLE),
                    );
                };
                let written = &text[value.clone()];
                if word == "from" {
                    order.from = Some(written.to_owned());
                } else if let Some(channel) = written.parse().ok().and_then(Channel::from_number) {
                    order.channel = Some(channel);
                } else {
                    let message = format!("`{}` is not a channel", written.escape_debug());
                    return wrong(value, message, "expected a number from 1 to 16", example(EXAMPLE));
                }
            }
            _ if word.ends_with('%') => match word.trim_end_matches('%').parse() {
                Ok(strength @ 0..=100) => order.strength = strength,
                _ => {
                    let message = format!("`{}` is not how far to draw notes to the grid", word.escape_debug());
                    return wrong(span, message, "expected 0% to 100%", example(EXAMPLE));
                }
            },
            _ if word.contains('/') => match edit::grid(word) {
                Ok(grid) => order.grid = grid,
                Err(why) => return wrong(span, why, "not a grid", example(EXAMPLE)),
            },
            _ => {
                let help = match nearest(word, ["overdub", "replace", "from", "channel"].into_iter()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => example(EXAMPLE),
                };
                return wrong(span, format!("`{}` does not belong here", word.escape_debug()), "not understood", help);
            }
        }
    }
    Ok(Order::Record(order))
}

fn example(text: &str) -> String {
    format!("for example `{text}`")
}

fn lacking(text: &str, message: &str, like: &str) -> Misunderstanding {
    Misunderstanding {
        message: message.to_owned(),
        span: 0..text.len(),
        label: "more was expected".to_owned(),
        help: example(like),
    }
}

/// The first words of all orders.
pub fn words() -> impl Iterator<Item = &'static str> {
    First::all().map(First::name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::PatternSlot;
    use crate::time::Meter;

    fn names() -> Names<'static> {
        Names { tracks: vec!["drums"], patterns: vec!["main", "build"], parts: Vec::new(), meter: Meter::COMMON }
    }

    #[test]
    fn orders_are_commands_and_a_few_more() {
        let launch = Order::Engine(Command::Launch { pattern: PatternSlot(1), at: None });
        assert_eq!(parse(" launch build ", &names()), Ok(launch));
        assert_eq!(parse(" reload ", &names()), Ok(Order::Reload));
        assert_eq!(parse("quit", &names()), Ok(Order::Quit));
        assert_eq!(parse("learn  mute drums on ", &names()), Ok(Order::Learn("mute drums on".to_owned())));
        assert_eq!(parse("learn off", &names()), Ok(Order::Forget));
        assert_eq!(parse("record off", &names()), Ok(Order::Finish));
        assert_eq!(parse("record discard", &names()), Ok(Order::Discard));
    }

    #[test]
    fn every_first_word_is_its_own() {
        // `all` has each of these, and none twice.
        let place = |first: First| match first {
            First::Command(verb) => verb as usize,
            First::Reload => Verb::ALL.len(),
            First::Undo => Verb::ALL.len() + 1,
            First::Redo => Verb::ALL.len() + 2,
            First::Quit => Verb::ALL.len() + 3,
            First::Learn => Verb::ALL.len() + 4,
            First::Record => Verb::ALL.len() + 5,
        };
        assert!(First::all().map(place).eq(0..Verb::ALL.len() + 6));
        for first in First::all() {
            assert_eq!(First::find(first.name()), Some(first));
        }
        assert_eq!([parse("undo", &names()), parse("redo", &names())], [Ok(Order::Undo), Ok(Order::Redo)]);
    }

    #[test]
    fn a_recording_says_what_it_is_drawn_to() {
        let plain = Record {
            track: "drums".to_owned(),
            from: None,
            channel: None,
            grid: TickSpan(240),
            strength: 100,
            writing: Writing::Overdub,
        };
        assert_eq!(parse("record drums", &names()), Ok(Order::Record(plain.clone())));
        let all = Record {
            from: Some("keys".to_owned()),
            channel: Channel::from_number(2),
            grid: TickSpan(480),
            strength: 0,
            writing: Writing::Replace,
            ..plain
        };
        assert_eq!(parse("record drums 1/8 replace 0% channel 2 from keys", &names()), Ok(Order::Record(all)));
    }

    #[test]
    fn what_is_not_understood_is_explained() {
        for (text, marked, said) in [
            ("relod", "relod", "did you mean `reload`?"),
            (" lanch build", "lanch", "did you mean `launch`?"),
            ("launch bild", "bild", "did you mean `build`?"),
            ("reload now", "now", "stands alone"),
            ("learn", "learn", "lacks what is to be done"),
            (" learn  mute drms ", "drms", "did you mean `drums`?"),
            ("record", "record", "lacks the name of a track"),
            ("record drms", "drms", "did you mean `drums`?"),
            ("record drums from", "from", "lacks its value"),
            ("record drums channel 17", "17", "from 1 to 16"),
            ("record drums 101%", "101%", "0% to 100%"),
            ("record drums 1/7", "1/7", "the grids are"),
            ("record drums replce", "replce", "did you mean `replace`?"),
            ("xyzzy", "xyzzy", "there are "),
            ("", "", "the command is empty"),
        ] {
            let wrong = parse(text, &names()).unwrap_err();
            assert_eq!(&text[wrong.span.clone()], marked, "{text}: {wrong}");
            assert!(wrong.to_string().contains(said), "{text}: {wrong}");
        }
    }
}

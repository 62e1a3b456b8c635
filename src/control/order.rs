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
use crate::set::command::{self, Button, Misunderstanding, Names, Numbers, Verb};
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

    /// Returns what a button means to it.
    #[must_use]
    pub const fn button(self) -> Button {
        match self {
            First::Command(verb) => verb.button(),
            First::Reload | First::Undo | First::Redo | First::Quit => Button::Press,
            First::Learn | First::Record => Button::Value,
        }
    }

    /// The numbers that it takes.
    #[must_use]
    pub const fn numbers(self) -> Numbers {
        match self {
            First::Command(verb) => verb.numbers(),
            First::Reload | First::Undo | First::Redo | First::Quit | First::Learn | First::Record => Numbers::Any,
        }
    }

    /// The one that is written `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<First> {
        First::all().find(|first| first.name() == name)
    }
}

/// Returns what `text` asks for.
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

impl Order {
    /// Returns whether it is to silence or to end the show: what is to get through whatever else is asked for.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        match self {
            Order::Engine(Command::Panic | Command::Stop | Command::End) | Order::Quit => true,
            Order::Engine(_) | Order::Reload | Order::Learn(_) | Order::Forget | Order::Record(_) => false,
            Order::Finish | Order::Discard | Order::Undo | Order::Redo => false,
        }
    }
}

/// Returns whether `text` asks for what [is urgent](Order::is_urgent): one word of these, which needs no names.
#[must_use]
pub fn is_urgent(text: &str) -> bool {
    match First::find(text.trim()) {
        Some(First::Command(Verb::Panic | Verb::Stop) | First::Quit) => true,
        Some(First::Command(_) | First::Reload | First::Undo | First::Redo | First::Learn | First::Record) => false,
        None => false,
    }
}

/// The commands of a line, with commas between them. A comma between two digits is none of these: it stands in a number.
/// The last one may have a comma after it.
pub fn commands(line: &str) -> impl Iterator<Item = &str> {
    let line = line.trim_end_matches(|c: char| c == ',' || c.is_whitespace());
    let separates = |&(at, _): &(usize, &str)| {
        let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let bytes = line.as_bytes();
        !(is_digit(at.checked_sub(1).and_then(|before| bytes.get(before))) && is_digit(bytes.get(at + 1)))
    };
    let ends = line.match_indices(',').filter(separates).map(|(at, _)| at).chain([line.len()]);
    let ends: Vec<usize> = ends.collect();
    let mut from = 0;
    ends.into_iter().map(move |end| {
        let command = line[from..end].trim();
        from = end + 1;
        command
    })
}

/// Returns what the commands of a line ask for, each with its words: all of them, or what is wrong with the first wrong one. So a
/// line is done only if all of it can be read.
///
/// # Errors
///
/// When one of them cannot be read.
pub fn list(line: &str, names: &Names<'_>) -> Result<Vec<(String, Order)>, Misunderstanding> {
    let mut orders = Vec::new();
    let is_alone = commands(line).nth(1).is_none();
    // A file is read meanwhile: nobody waits for it, and what is in it is not known before.
    let later = |orders: &[(String, Order)]| match orders.iter().any(|(_, order)| *order == Order::Reload) {
        true => "; what `reload` brings can be asked for in the next line",
        false => "",
    };
    for command in commands(line) {
        if let Some((words, Order::Learn(_))) = orders.last() {
            return Err(Misunderstanding {
                message: format!("`{words}` is followed by another command"),
                span: 0..command.len(),
                label: "a key is bound to one command".to_owned(),
                help: "write `learn` last".to_owned(),
            });
        }
        let order = parse(command, names).map_err(|wrong| match is_alone {
            true => wrong,
            false => {
                let help = format!("{}; nothing of the line is done{}", wrong.help, later(&orders));
                Misunderstanding { help, ..wrong }
            }
        })?;
        orders.push((command.to_owned(), order));
    }
    Ok(orders)
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
                    return wrong(span, format!("`{word}` lacks its value"), "expected one after it", example(EXAMPLE));
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
    fn a_line_is_read_as_a_whole() {
        let words = |line| commands(line).map(str::to_owned).collect::<Vec<String>>();
        assert_eq!(words("launch build"), ["launch build"]);
        assert_eq!(words(" mute drums on , fill,hold on, "), ["mute drums on", "fill", "hold on"]);
        assert_eq!(words("jump 2, jump 3,jump 2"), ["jump 2", "jump 3", "jump 2"]);
        assert_eq!(words("tempo 128,5"), ["tempo 128,5"], "a number with a comma");
        assert_eq!(words("tempo 128,5, fill"), ["tempo 128,5", "fill"]);
        assert_eq!(words("mute drums,,fill"), ["mute drums", "", "fill"]);
        assert_eq!(words(""), [""]);
        for (line, said) in [
            ("tempo 128,5", "`128,5`"),
            ("tempo +0,5", "`+0,5`"),
            ("transpose 2,5", "`2,5`"),
            ("mute drums on, lanch main", "did you mean `launch`?"),
            ("mute drums on,,fill", "the command is empty"),
            ("learn mute drums, fill", "write `learn` last"),
            ("reload, launch new", "what `reload` brings can be asked for in the next line"),
            ("", "the command is empty"),
        ] {
            let wrong = list(line, &names()).unwrap_err().to_string();
            assert!(wrong.contains(said), "{line}: {wrong}");
        }
        let orders: Vec<Order> =
            list("reload, learn mute drums,", &names()).unwrap().into_iter().map(|(_, order)| order).collect();
        assert_eq!(orders, [Order::Reload, Order::Learn("mute drums".to_owned())]);
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

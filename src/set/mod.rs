//! The set file: a show as a performer writes it, and its way to the [`Program`] that the engine plays.
//!
//! A set is one TOML file. It names the instruments (ports), the parts (tracks: a channel of a port) and what they play
//! together (patterns). [`Set::parse`] takes it through four passes, each in its own file:
//!
//! 1. `syntax`: bytes to TOML tables, bounded in size and depth.
//! 2. `document`, with a file for each kind of thing (`port`, `track`, `lane`, `controller`, `programs`, `song`, `binding`) and
//!    for what they share (`phrase`, `length`, `launch`, `target`, `values`): tables to a description, every name resolved
//!    and every number in range. It reads through `reader`, which knows the place of everything, by the entries of
//!    [`keys`], which know what each key is for. [`command`] reads what bindings do, and what is asked for while a show runs.
//! 3. `notation`, with `pitch` and `scale`: the text of steps to steps that play on their own.
//! 4. `compile`: steps, curves and lengths to events in ticks.
//!
//! No pass stops at the first mistake. All of them are gathered and shown together ([`Mistakes`]): on stage there is no
//! time to find them one by one. A set with a mistake is not played at all, so that while a show runs the old one goes on.
//!
//! A set that is read again while the show plays keeps the slots of what keeps its name (`slots`).
//!
//! Whatever the bytes are, parsing ends and does not panic, in time and memory proportional to the file's length; and
//! the program of a set without mistakes keeps the promises that [`engine::program`](crate::engine::program) makes.
//! This runs off the real-time thread: it allocates.

mod binding;
pub mod builtin;
pub mod command;
mod compile;
mod controller;
mod diagnostic;
mod document;
pub mod keys;
mod lane;
mod launch;
mod length;
mod light;
mod notation;
mod phrase;
mod pitch;
mod port;
mod programs;
mod reader;
mod scale;
mod schema;
mod slots;
mod song;
mod source_map;
mod syntax;
mod target;
mod track;
mod values;

pub use diagnostic::{Diagnostic, Mistakes, listed, nearest};
pub use lane::{GATE as DEFAULT_GATE, VELOCITY as DEFAULT_VELOCITY};
pub use length::parse as parse_length;
pub use notation::{ACCENT, reference};
pub use pitch::{Octaves, key as parse_key};
pub use schema::schema;
pub use source_map::SourceMap;

/// The names of all scales, as they are written after their tonic.
pub fn scale_names() -> impl Iterator<Item = &'static str> + Clone {
    scale::names()
}

/// The qualities of all chords, as they are written right after their root.
pub fn chord_names() -> impl Iterator<Item = &'static str> + Clone {
    notation::qualities()
}

use std::path::Path;

use crate::engine::program::{ClockOut, PatternSlot, PortSet, PortSlot, Program, Wire};
use command::Names;
use diagnostic::Report;
use document::Document;
pub use document::meter_of;

/// A set without mistakes.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// What it is called: what it says itself, else the name of its file.
    pub name: String,
    /// By [`PortSlot`], in the order of the file; of a set that follows another, see [`Set::following`].
    pub ports: Vec<Port>,
    /// The names of the tracks by [`TrackSlot`](crate::engine::program::TrackSlot), in the same order as ports; empty where
    /// a track was removed.
    pub tracks: Vec<String>,
    /// The names of the patterns by [`PatternSlot`], likewise. At least one that is not empty.
    pub patterns: Vec<String>,
    /// What the parts of the song are called, by [`PartSlot`](crate::engine::program::PartSlot): the names of their
    /// patterns. How often each is played is in the program. Empty without a song.
    pub parts: Vec<String>,
    /// What the engine plays.
    pub program: Program,
    /// Where in the file it is written.
    pub places: SourceMap,
    /// In which order it stands there.
    pub order: FileOrder,
}

/// The slots of what has a name, in the order of the file. Of a set that follows another, slots are in the order in which they
/// were taken ([`Set::following`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOrder {
    /// The slots of the tracks.
    pub tracks: Vec<usize>,
    /// The slots of the patterns.
    pub patterns: Vec<usize>,
}

/// A port of a set: a device under the name that the set gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// What the set calls it: letters from a to z, digits, `-` and `_`. Empty where a port was removed.
    pub name: String,
    /// What the computer calls it, or a part of that. Not empty, but where a port was removed.
    pub device: String,
    /// Whether clock, start, stop, continue and song position go there.
    pub clock: bool,
    /// Whether the show may start without it.
    pub optional: bool,
    /// What carries its messages.
    pub wire: Wire,
    /// Whether the set listens to it: its clock is followed, its keys transpose, are played by an arpeggio or go on
    /// to a track, or something on it is bound to a command.
    pub input: bool,
    /// Whether the set sends to it: a track plays on it, clock goes there, or what is bound
    /// there is shown.
    pub output: bool,
}

impl Port {
    /// Returns what is left of a port that was removed while the show plays.
    fn vacant() -> Port {
        Port {
            name: String::new(),
            device: String::new(),
            clock: false,
            optional: true,
            wire: Wire::default(),
            input: false,
            output: false,
        }
    }

    /// Returns whether there is none, because it was removed while the show plays.
    #[must_use]
    pub fn is_vacant(&self) -> bool {
        self.name.is_empty()
    }
}

impl Set {
    /// The largest set file, in bytes.
    pub const MAX_BYTES: usize = syntax::MAX_BYTES;

    /// The names that commands may use; see [`command::parse`].
    #[must_use]
    pub fn names(&self) -> Names<'_> {
        Names {
            tracks: self.tracks.iter().map(String::as_str).collect(),
            patterns: self.patterns.iter().map(String::as_str).collect(),
            parts: self.program.song.parts.iter().map(|part| part.pattern).collect(),
            meter: self.program.meter,
        }
    }

    /// Reads a set file. `origin` is the name of the file, shown with mistakes and, without its ending, the name of a
    /// set that does not say its own.
    ///
    /// # Errors
    ///
    /// All mistakes of the file, in the order of their places.
    pub fn parse(origin: &str, bytes: &[u8]) -> Result<Set, Mistakes> {
        let mut report = Report::default();
        let text = syntax::decode(bytes, &mut report);
        let set = if report.is_empty() { parse_text(origin, &text, &mut report) } else { None };
        match set {
            Some(set) if report.is_empty() => Ok(set),
            _ => Err(report.finish(origin, &text)),
        }
    }
}

/// The set in `text`. `None` only with a mistake in the report; what it holds counts only if there is none.
fn parse_text(origin: &str, text: &str, report: &mut Report) -> Option<Set> {
    let table = syntax::parse(text, report)?;
    let document = document::read(reader::root(table.get_ref(), text), report);
    let program = compile::compile(&document, report);
    Some(Set {
        name: document.name.map_or_else(|| stem(origin), str::to_owned),
        ports: ports(&document),
        tracks: document.tracks.iter().map(|track| track.name.to_owned()).collect(),
        patterns: document.patterns.iter().map(|pattern| pattern.name.to_owned()).collect(),
        parts: document.song.parts.iter().map(|part| name_of(&document, part.pattern)).collect(),
        program,
        places: source_map::of(&document, table.get_ref(), text),
        order: FileOrder {
            tracks: (0..document.tracks.len()).collect(),
            patterns: (0..document.patterns.len()).collect(),
        },
    })
}

fn name_of(document: &Document<'_>, pattern: PatternSlot) -> String {
    document.patterns.get(usize::from(pattern.0)).map_or_else(String::new, |pattern| pattern.name.to_owned())
}

/// The ports that the set listens to.
fn heard(document: &Document<'_>) -> PortSet {
    let tracks = document.tracks.iter().filter_map(|track| track.transpose);
    let keyboards = document.patterns.iter().flat_map(|pattern| &pattern.lanes).filter_map(|lane| match lane.kind {
        lane::Kind::Arp { held, .. } => held.map(|held| held.port),
        lane::Kind::Steps { .. } => None,
    });
    let heard = document.clock.follow.iter().copied();
    let heard = heard.chain(tracks.chain(document.transpose).map(|transpose| transpose.port));
    let heard = heard.chain(document.tracks.iter().filter_map(|track| Some(track.thru.as_ref()?.0.port)));
    let heard = heard.chain(keyboards).chain(document.bindings.iter().map(|binding| binding.port));
    heard.fold(PortSet::default(), PortSet::with)
}

fn ports(document: &Document<'_>) -> Vec<Port> {
    let heard = heard(document);
    let lit = |slot: PortSlot| document.bindings.iter().any(|binding| binding.port == slot && binding.light.is_some());
    let sends = |slot: PortSlot| document.tracks.iter().any(|track| track.port == slot) || lit(slot);
    compile::slots(&document.ports, PortSlot)
        .map(|(slot, port)| Port {
            name: port.name.to_owned(),
            device: port.device.to_owned(),
            clock: port.clock != ClockOut::None,
            optional: port.optional,
            wire: port.wire,
            input: heard.contains(slot),
            output: port.clock != ClockOut::None || sends(slot),
        })
        .collect()
}

/// The name of a file without its folder and its ending.
fn stem(origin: &str) -> String {
    Path::new(origin).file_stem().map_or_else(|| origin.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

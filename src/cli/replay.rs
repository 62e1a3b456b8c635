//! `tightrope replay`: a show, played again from its log.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::args::Replay;
use super::config;
use super::failure::Failure;
use crate::blackbox::Record;
use crate::blackbox::folder;
use crate::blackbox::reader::{Damage, Found, Log};
use crate::blackbox::replay::{self, Difference, Played, Stopped};
use crate::engine::outbox::Departure;
use crate::offline::text::position;
use crate::set::Set;
use crate::time::{Nanos, Tick};

/// Plays a show again, and prints to `out` whether it is the same.
///
/// # Errors
///
/// When there is no log, when it cannot be replayed, or when the replay is another show.
pub(crate) fn replay(args: &Replay, out: &mut dyn Write) -> Result<(), Failure> {
    let (path, log) = open(args.log.as_deref())?;
    writeln!(out, "log: {}", path.display())?;
    let mut show = replay::Replay::default();
    let mut began = Nanos(0);
    let mut damages = Vec::new();
    let mut failed = Ok(());
    for found in log.read() {
        let record = match found {
            Found::Record(record) => record,
            // What is missing in the middle shows by what comes after it.
            Found::Damage(damage) => {
                damages.push(damage);
                continue;
            }
        };
        if let Record::Head(head) = &record
            && head.segment == 0
        {
            began = Nanos(head.began);
            writeln!(out, "set: {}, played by tightrope {}", head.set, head.version)?;
            if head.version != env!("CARGO_PKG_VERSION") {
                let here = env!("CARGO_PKG_VERSION");
                writeln!(out, "this is tightrope {here}: what it plays otherwise may be what has changed since")?;
            }
        }
        let mut hear = |set: &Set, departure: &Departure| {
            if args.text && failed.is_ok() {
                failed = writeln!(out, "{}", line(set, departure, began));
            }
        };
        show.take(&record, &mut hear).map_err(|stopped| explain(&stopped, show.same(), began, &damages))?;
    }
    failed?;
    let played = show.finish().map_err(|stopped| explain(&stopped, show.same(), began, &damages))?;
    for damage in &damages {
        writeln!(out, "{damage}")?;
    }
    say(&played, out)
}

/// The log that is meant, and where it is: the latest if none is.
///
/// # Errors
///
/// When there is none, or when it cannot be read.
pub(crate) fn open(log: Option<&Path>) -> Result<(PathBuf, Log), Failure> {
    let path = match log {
        Some(path) => path.to_owned(),
        None => {
            let root = config::read(None, &Default::default(), None)?.log.root;
            let root = root.ok_or_else(|| Failure::Refused("no folder for logs is known; name one".to_owned()))?;
            let shows = folder::shows(&root).unwrap_or_default();
            let none = || Failure::Refused(format!("no show has been logged in {}", root.display()));
            shows.into_iter().next_back().ok_or_else(none)?
        }
    };
    let log = Log::open(&path).map_err(|error| Failure::Unreadable(path.clone(), error))?;
    Ok((path, log))
}

fn say(played: &Played, out: &mut dyn Write) -> Result<(), Failure> {
    let Played { same, unlogged, unmade, calls, is_whole } = *played;
    if calls == 0 {
        return Err(Failure::Refused("there is nothing in the log to replay".to_owned()));
    }
    writeln!(out, "same: {same} messages, by {calls} calls of the engine")?;
    if unlogged > 0 {
        writeln!(out, "not compared: {unlogged} messages, which are not in the log")?;
    }
    if unmade > 0 {
        writeln!(out, "not compared: {unmade} messages after the last call in the log")?;
    }
    if !is_whole {
        writeln!(out, "the log does not go to the end of the show")?;
    }
    Ok(())
}

/// A message as a line: the time from the beginning of the log, the position, the port, the track, the bytes, and what they
/// say.
fn line(set: &Set, departure: &Departure, began: Nanos) -> String {
    let Departure { due, port, message, tick, track, .. } = *departure;
    let port = set.ports.get(usize::from(port.0)).map_or("?", |port| &port.name);
    let track = track.and_then(|track| set.tracks.get(usize::from(track.0))).map_or("-", String::as_str);
    let (place, bytes) = (position(set.program.meter, tick), message.to_bytes().to_string());
    format!("{} {place:>11}  {port} {track}  {bytes:<8}  {}", seconds(due, began), message.to_string().trim_end())
}

fn seconds(at: Nanos, began: Nanos) -> String {
    format!("{:>16.9}", at.since(began).0 as f64 / 1e9)
}

/// Why it did not go on, with what is around that place.
fn explain(stopped: &Stopped, same: u64, began: Nanos, damages: &[Damage]) -> Failure {
    let mut text = stopped.to_string();
    if let Stopped::CallsLost { count, at } = stopped {
        text = format!(
            "{count} calls of the engine are missing in the log, {:.3} s after its beginning: what follows cannot be replayed",
            at.since(began).0 as f64 / 1e9
        );
    }
    // Writing to a text does not fail.
    let _ = write!(text, "; the {same} messages before it are the same");
    if let Stopped::Differs(difference) = stopped {
        text.push_str(&surroundings(difference, began));
    }
    for damage in damages {
        let _ = write!(text, "\n{damage}");
    }
    Failure::Refused(text)
}

fn surroundings(difference: &Difference, began: Nanos) -> String {
    let mut text = String::new();
    let of = |due: Nanos, tick: Tick, port: u8, track: Option<u16>, message: String| {
        let track = track.map_or("-".to_owned(), |track| track.to_string());
        format!("{} tick {:<8} port {port} track {track:<3} {}", seconds(due, began), tick.0, message.trim_end())
    };
    let made = |departure: &Departure| {
        let Departure { due, tick, port, track, message, .. } = *departure;
        of(due, tick, port.0, track.map(|track| track.0), message.to_string())
    };
    if let Some(called) = &difference.call {
        let _ = write!(text, "\nlast call {} {:?}", seconds(called.at, began), called.call);
    }
    for departure in &difference.before {
        let _ = write!(text, "\n   before {}", made(departure));
    }
    if let Some(sent) = &difference.logged {
        let track = sent.track.map(|track| track.0);
        let _ = write!(text, "\n the show {}", of(sent.due, sent.tick, sent.port.0, track, sent.message.to_string()));
    }
    match (&difference.made, &difference.logged) {
        (Some(departure), _) => drop(write!(text, "\n      now {}", made(departure))),
        (None, Some(_)) => text.push_str("\n      now nothing"),
        (None, None) => {}
    }
    if let Some((called, here)) = &difference.astray {
        let _ = write!(text, "\n the show {} {:?}, {:?}", seconds(called.at, began), called.call, called.mark);
        let _ = write!(text, "\n      now {here:?}");
    }
    text
}

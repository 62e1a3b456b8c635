//! The song: patterns in the order in which the show plays them by itself.

use super::document::Pattern;
use super::keys::song;
use super::mistake::{Mistake, Report, quoted};
use super::phrase::words;
use super::reader::{Text, Value};
use super::values::{digits, one_of, unknown_name};
use crate::engine::program::{AfterSong, MAX_LENGTH, Part, PatternSlot, Song};
use crate::time::{TICKS_PER_QUARTER, Tick, TickSpan};

/// The most parts of a song.
pub(super) const MAX_PARTS: usize = 1_024;

/// Reads `[song]`.
pub(super) fn read(value: &Value<'_>, patterns: &[Pattern<'_>], report: &mut Report) -> Song {
    let mut song = Song::default();
    let Some(table) = value.table(&song::TABLE, report) else { return song };
    let parts = table.require(song::PARTS, report, || "the song".to_owned());
    if let Some(value) = parts {
        song.parts = parts_of(&value, patterns, report).unwrap_or_default().into();
    }
    if let Some(value) = table.take(song::END) {
        let ends = [("hold", AfterSong::Hold), ("loop", AfterSong::Loop), ("stop", AfterSong::Stop)];
        song.then = one_of(&value, &ends, report).unwrap_or_default();
    }
    table.finish(report);
    song
}

fn parts_of(value: &Value<'_>, patterns: &[Pattern<'_>], report: &mut Report) -> Option<Vec<Part>> {
    let list = value.list(song::PART, report)?;
    if list.is_empty() {
        value.refuse_because(report, || "expected at least one part".to_owned());
    }
    if let Some(part) = list.get(MAX_PARTS) {
        report.add(part.span.clone(), || {
            Mistake::new("the song has too many parts")
                .label("one too many")
                .help(format!("a song has at most {MAX_PARTS} parts; `x4` plays a pattern four times"))
        });
    }
    let mut parts: Vec<Part> = Vec::with_capacity(list.len().min(MAX_PARTS));
    let mut start = Tick::ZERO;
    for value in list.iter().take(MAX_PARTS) {
        let Some(text) = value.text(report) else { continue };
        let Some((pattern, length)) = part(&text, patterns, report) else { continue };
        if (start + length) - Tick::ZERO > MAX_LENGTH {
            report.add(value.span.clone(), || {
                Mistake::new("the song is too long")
                    .label("it gets too long here")
                    .help(format!("a song lasts at most {} quarter notes", MAX_LENGTH.0 / TICKS_PER_QUARTER))
            });
            break;
        }
        parts.push(Part { pattern, start, length });
        start += length;
    }
    Some(parts)
}

/// `NAME` or `NAME xTIMES`.
fn part(text: &Text<'_>, patterns: &[Pattern<'_>], report: &mut Report) -> Option<(PatternSlot, TickSpan)> {
    let mut words = words(text.text);
    let Some(name) = words.next() else {
        report.add(text.span.clone(), || {
            Mistake::new("the part has no pattern").label(format!("expected {}", song::PART.takes))
        });
        return None;
    };
    let written = text.text.get(name.clone()).unwrap_or_default();
    let times = match words.next() {
        None => Some(1),
        Some(word) => {
            let written = text.text.get(word.clone()).unwrap_or_default();
            let times = written.strip_prefix('x').and_then(digits::<i64>).filter(|&times| times > 0);
            // What is wrong: how often, or else what stands behind it.
            let wrong = if times.is_none() { Some(word) } else { words.next() };
            match wrong {
                None => times,
                Some(wrong) => {
                    report.add(text.place(wrong), || {
                        Mistake::new(format!("{} cannot be a part", quoted(text.text)))
                            .label("expected `x` and how often, such as `x4`")
                            .help(format!("for example `{}`", song::PART.example))
                    });
                    None
                }
            }
        }
    };
    let slot = patterns.iter().position(|pattern| pattern.name == written).and_then(|slot| u16::try_from(slot).ok());
    let Some(slot) = slot else {
        report.add(text.place(name), || {
            unknown_name("pattern", "patterns", written, patterns.iter().map(|pattern| pattern.name))
        });
        return None;
    };
    let pattern = patterns.get(usize::from(slot))?;
    // Longer than the longest is too long, however much.
    let length = pattern.length.0.saturating_mul(times?).min(MAX_LENGTH.0 + 1);
    Some((PatternSlot(slot), TickSpan(length)))
}

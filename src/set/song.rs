//! The song: patterns in the order in which the show plays them by itself.

use super::diagnostic::{Diagnostic, Report, quoted};
use super::document::Pattern;
use super::keys::song;
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
            Diagnostic::new("the song has too many parts")
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
                Diagnostic::new("the song is too long")
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

/// Returns how `text` is written, if it says in another way which of the patterns is played how often: `main*4`, `main:4`, `main 4`,
/// `4x main`.
fn respelled(text: &str, patterns: &[Pattern<'_>]) -> Option<String> {
    let apart = |c: char| c.is_whitespace() || "*:×,;/()".contains(c);
    let mut words = text.split(apart).filter(|word| !word.is_empty());
    let (first, second) = (words.next()?, words.next().unwrap_or_default());
    let times = |word: &str| digits::<u32>(word.trim_matches(['x', 'X'])).filter(|&times| times > 0);
    let is_pattern = |word: &str| patterns.iter().any(|pattern| pattern.name == word);
    let is_all = words.all(|word| matches!(word, "x" | "X" | "times"));
    match (times(first), times(second)) {
        _ if !is_all => None,
        (_, Some(times)) if is_pattern(first) => Some(format!("{first} x{times}")),
        (Some(times), _) if is_pattern(second) => Some(format!("{second} x{times}")),
        // As in `mainx4`.
        (None, None) if second.is_empty() => {
            let name = first.trim_end_matches(|c: char| c.is_ascii_digit());
            let times = times(&first[name.len()..])?;
            let name = name.trim_end_matches(['x', 'X']).trim_end_matches('-');
            is_pattern(name).then(|| format!("{name} x{times}"))
        }
        _ => None,
    }
}

/// `NAME` or `NAME xTIMES`.
fn part(text: &Text<'_>, patterns: &[Pattern<'_>], report: &mut Report) -> Option<(PatternSlot, TickSpan)> {
    let known = patterns.iter().any(|pattern| pattern.name == text.text);
    let is_right = |text: &str| match text.split_once(char::is_whitespace) {
        Some((_, times)) => times.trim().strip_prefix('x').and_then(digits::<i64>).is_some(),
        None => false,
    };
    if let Some(respelled) = respelled(text.text, patterns).filter(|_| !known && !is_right(text.text.trim())) {
        report.add(text.span.clone(), || {
            Diagnostic::new(format!("{} cannot be a part", quoted(text.text)))
                .label("how often stands apart, with an `x` before it")
                .help(format!("write `\"{respelled}\"`"))
        });
        return None;
    }
    let mut words = words(text.text);
    let Some(name) = words.next() else {
        report.add(text.span.clone(), || {
            Diagnostic::new("the part has no pattern").label(format!("expected {}", song::PART.takes))
        });
        return None;
    };
    let written = text.text.get(name.clone()).unwrap_or_default();
    let times = match words.next() {
        None => Some(1),
        Some(word) => {
            let written = text.text.get(word.clone()).unwrap_or_default();
            let times = written.strip_prefix('x').and_then(digits::<i64>).filter(|&times| times > 0);
            // What is wrong: how often, or else what stands after it.
            let wrong = if times.is_none() { Some(word) } else { words.next() };
            match wrong {
                None => times,
                Some(wrong) => {
                    report.add(text.place(wrong), || {
                        Diagnostic::new(format!("{} cannot be a part", quoted(text.text)))
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

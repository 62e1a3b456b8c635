//! Recorded notes become what a track plays in a pattern.
//!
//! | the track has there | replace | overdub |
//! |---|---|---|
//! | nothing | its line is added to the pattern | the same |
//! | steps in quotes | they are replaced; by a table where the grid is not 1/16, or where one says velocity or gate for most | they stay, further lines join them |
//! | a table with `steps` | `steps` is replaced, and `step` if the grid is not a multiple of it; `gate`, `velocity`, `swing`, `octave` and `seed` stay and hold | `steps` keeps its lines, further ones join them; all else stays and holds |
//! | an arpeggio | refused | refused |
//!
//! Lines that join others are on the same steps as they are. Where these have no place for a note it is written early or late
//! ([`take`](super::take)), and refused where that would be more than 6 ticks (3 ms at 120 BPM) off.
//!
//! On a track with a kit, drums are letters, each drum on a line of its own unless one line can say all; keys that the kit
//! does not have are left out and remarked. On other tracks, what begins and ends together is a chord, and what overlaps is
//! on several lines. Notes are written as they were played: what transposes the track moves them.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::place::{self, Splice, apply};
use super::refused::{Refused, after, before, same};
use super::take::{Fitted, Ruler, Take, Writing};
use super::voice::{self, Lines, Own, Voice};
use crate::engine::program::{Clip, Lane, LaneRange, PatternSlot, Swing, TrackSlot};
use crate::set::{Set, parse_length};
use crate::time::{Meter, TickSpan};

/// A set file with recorded notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The file.
    pub text: String,
    /// How many notes were written.
    pub notes: usize,
    /// On how many lines of steps.
    pub lines: usize,
    /// What of the notes is not in it, or not as it was, in sentences.
    pub remarks: Vec<String>,
}

/// By how many ticks a note may be off for want of a step.
const MOST_OFF: i64 = 6;

/// Writes `take` into the set file `text` that is called `origin`.
///
/// # Errors
///
/// When the file is not a set or would not be one, has no such pattern or track, or the track cannot take the notes there.
pub fn record(origin: &str, text: &str, take: &Take<'_>) -> Result<Recorded, Refused> {
    let set = before(origin, text)?;
    let slot = |one: &str, name: &str, names: &[String]| {
        let slot = names.iter().position(|known| known == name).and_then(|slot| u16::try_from(slot).ok());
        slot.ok_or_else(|| Refused::unknown(one, name, names))
    };
    let pattern = PatternSlot(slot("pattern", take.pattern, &set.patterns)?);
    let track = TrackSlot(slot("track", take.track, &set.tracks)?);
    if take.notes.is_empty() || take.length.0 <= 0 || take.grid.0 <= 0 {
        return Err(unfit("no note was recorded, and nothing is changed: play while it records"));
    }
    let root = DeTable::parse(text).map_err(|error| Refused::Unfit(error.to_string()))?;
    let voice = Voice::of(root.get_ref(), take.track);
    let place = Place { text, root: root.get_ref(), take, meter: set.program.meter };
    let standing = place.standing()?;
    let settings = place.settings(&standing)?;
    let ruler = Ruler {
        length: take.length,
        step: settings.step,
        swing: settings
            .swing
            .map_or(Swing::NONE, |percent| Swing::new(settings.step, percent, set.program.meter.bar())),
        grid: take.grid,
        strength: i64::from(take.strength.min(100)),
    };
    let mut remarks = Vec::new();
    let notes = voice.playable(take, settings.octave, &mut remarks)?;
    let fitted = ruler.fit(&notes);
    place.fits(&fitted, &settings, &mut remarks)?;
    let joins = take.joins(&standing);
    let lines = voice::lines(&ruler, &fitted, &voice, take, settings.own(&voice, joins || standing.is_table()));
    let edited = apply(text, place.splices(&standing, &settings, &lines)?);
    let joined = joins.then_some(lines.lines.len());
    verify(&set, &after(origin, &edited)?, pattern, track, joined)?;
    Ok(Recorded { text: edited, notes: fitted.notes.len(), lines: lines.lines.len(), remarks })
}

fn unfit(why: impl Into<String>) -> Refused {
    Refused::Unfit(why.into())
}

/// What a track has in a pattern.
enum Standing<'t> {
    /// Nothing.
    Nothing,
    /// Steps in quotes.
    Text(&'t Spanned<DeValue<'t>>),
    /// A table with steps.
    Table {
        table: &'t DeTable<'t>,
        /// Whether it is written in braces.
        inline: bool,
        /// Where the key `steps` is.
        key: Range<usize>,
        steps: &'t Spanned<DeValue<'t>>,
    },
}

impl Standing<'_> {
    fn is_table(&self) -> bool {
        matches!(self, Standing::Table { .. })
    }
}

/// How steps are meant.
#[derive(Clone, Copy)]
struct Settings {
    step: TickSpan,
    gate: Option<i64>,
    velocity: Option<u8>,
    swing: Option<u32>,
    octave: i64,
}

impl Settings {
    fn own(&self, voice: &Voice, fixed: bool) -> Own {
        let (gate, velocity) = (self.gate.unwrap_or(voice.gate), self.velocity.unwrap_or(voice.velocity));
        Own { gate, velocity, fixed }
    }
}

impl Take<'_> {
    /// Returns whether the lines join others.
    fn joins(&self, standing: &Standing<'_>) -> bool {
        self.writing == Writing::Overdub && !matches!(standing, Standing::Nothing)
    }
}

/// The file, and what is to be written where.
struct Place<'p> {
    text: &'p str,
    root: &'p DeTable<'p>,
    take: &'p Take<'p>,
    meter: Meter,
}

impl<'p> Place<'p> {
    fn pattern(&self) -> Option<place::Entry<'p>> {
        place::entry(place::table(self.root, "patterns")?, self.take.pattern)
    }

    fn standing(&self) -> Result<Standing<'p>, Refused> {
        let pattern = self.pattern().and_then(|(_, value)| place::as_table(value.get_ref()));
        let Some((key, value)) = pattern.and_then(|pattern| place::entry(pattern, self.take.track)) else {
            return Ok(Standing::Nothing);
        };
        let Some(table) = place::as_table(value.get_ref()) else { return Ok(Standing::Text(value)) };
        let (track, pattern, line) = (self.take.track, self.take.pattern, place::line_number(self.text, key.start));
        let (key, steps) = place::entry(table, "steps").ok_or_else(|| {
            unfit(format!(
                "`{track}` plays an arpeggio in the pattern `{pattern}` (line {line}), which notes cannot be recorded into: \
                 record into another pattern, or on a track of its own"
            ))
        })?;
        Ok(Standing::Table { table, inline: place::is_inline(self.text, value), key, steps })
    }

    /// Returns how the steps are meant that are to be written.
    fn settings(&self, standing: &Standing<'_>) -> Result<Settings, Refused> {
        let &Take { length, grid, .. } = self.take;
        let plain = TickSpan(common_divisor(grid.0, length.0));
        let mut settings = Settings { step: plain, gate: None, velocity: None, swing: None, octave: 0 };
        let mut step = TickSpan::SIXTEENTH;
        match standing {
            Standing::Nothing => return Ok(settings),
            Standing::Text(_) => {}
            Standing::Table { table, .. } => {
                let number = |name: &str| place::as_number(table.get(name)?.get_ref());
                step = self.step_of(table).unwrap_or(step);
                settings.gate = number("gate");
                settings.velocity = number("velocity").and_then(|velocity| u8::try_from(velocity).ok());
                settings.swing = number("swing").and_then(|swing| u32::try_from(swing).ok());
                settings.octave = number("octave").unwrap_or(0);
            }
        }
        let whole = length.0 % step.0 == 0;
        match (self.take.writing, standing) {
            (Writing::Replace, Standing::Table { .. }) if whole && grid.0 % step.0 == 0 => settings.step = step,
            (Writing::Replace, _) => {}
            (Writing::Overdub, _) if whole => settings.step = step,
            (Writing::Overdub, _) => {
                let (track, pattern) = (self.take.track, self.take.pattern);
                return Err(unfit(format!(
                    "the loop is not a whole number of the steps that `{track}` has in `{pattern}`: give it another `step` \
                     there, or record to replace"
                )));
            }
        }
        Ok(settings)
    }

    fn step_of(&self, table: &DeTable<'_>) -> Option<TickSpan> {
        parse_length(place::as_text(table.get("step")?.get_ref())?, self.meter).ok()
    }

    /// Returns whether the notes are where they should be.
    fn fits(&self, fitted: &Fitted, settings: &Settings, remarks: &mut Vec<String>) -> Result<(), Refused> {
        let (track, pattern) = (self.take.track, self.take.pattern);
        if fitted.off > MOST_OFF {
            return Err(unfit(format!(
                "the steps that `{track}` has in `{pattern}` are too long for these notes ({} ticks, and up to {} off): give \
                 it a shorter `step` there, or record to replace",
                settings.step.0, fitted.off
            )));
        }
        if fitted.doubled > 0 {
            let times = if fitted.doubled == 1 { "once".to_owned() } else { format!("{} times", fitted.doubled) };
            remarks.push(format!("a key was struck where it was struck already, {times}; it is written once"));
        }
        Ok(())
    }

    /// Returns what is to be replaced and inserted.
    fn splices(&self, standing: &Standing<'_>, settings: &Settings, lines: &Lines) -> Result<Vec<Splice>, Refused> {
        let replaced = |place: Range<usize>, text: String| Splice { place, text };
        Ok(match standing {
            Standing::Nothing => vec![self.inserted(settings, lines)?],
            Standing::Text(value) if self.take.writing == Writing::Replace => {
                vec![replaced(value.span(), value_of(settings.step, lines, self.eol(value.span().start)))]
            }
            Standing::Text(steps) => vec![replaced(steps.span(), self.joined(steps.span(), lines))],
            Standing::Table { steps, .. } if self.take.writing == Writing::Overdub => {
                vec![replaced(steps.span(), self.joined(steps.span(), lines))]
            }
            Standing::Table { table, inline, key, steps } => {
                let eol = self.eol(steps.span().start);
                let mut splices = vec![replaced(steps.span(), in_quotes(lines, eol))];
                let step = format!("\"{}\"", fraction(settings.step));
                let known = self.step_of(table).unwrap_or(TickSpan::SIXTEENTH);
                match table.get("step") {
                    _ if known == settings.step => {}
                    Some(value) => splices.push(replaced(value.span(), step)),
                    None if *inline => splices.push(replaced(key.start..key.start, format!("step = {step}, "))),
                    None => {
                        let line = place::line_start(self.text, key.start);
                        let prefix = place::written(self.text, line..key.start);
                        splices.push(replaced(line..line, format!("{prefix}step = {step}{eol}")));
                    }
                }
                splices
            }
        })
    }

    fn eol(&self, at: usize) -> &'static str {
        place::line_ending(self.text, at)
    }

    /// The track as another entry of the pattern, after the last one.
    fn inserted(&self, settings: &Settings, lines: &Lines) -> Result<Splice, Refused> {
        let (text, track) = (self.text, self.take.track);
        let (_, value) = self.pattern().ok_or_else(|| unfit("the pattern is not where it was expected"))?;
        let table = place::as_table(value.get_ref()).ok_or_else(|| unfit("the pattern is not a table"))?;
        let insert = |at: usize, text: String| Splice { place: at..at, text };
        let entries = table.iter().filter(|(_, value)| !place::has_heading(text, value));
        let entries = entries.filter_map(|(key, value)| Some((place::last(text, value)?, key.span())));
        let last = entries.max_by_key(|&(end, _)| end);
        let written = |eol: &str| value_of(settings.step, lines, eol);
        if place::is_inline(text, value) {
            let at = value.span().start + 1;
            let eol = self.eol(at);
            return Ok(match last {
                Some((end, _)) => insert(end, format!(", {track} = {}", written(eol))),
                None => insert(at, format!(" {track} = {} ", written(eol))),
            });
        }
        let (heading, end, prefix) = match last {
            Some((end, key)) => (None, end, place::written(text, place::line_start(text, key.start)..key.start)),
            None if place::has_heading(text, value) => (None, value.span().end, ""),
            None => (Some(format!("[patterns.{}]", self.take.pattern)), text.len(), ""),
        };
        let at = place::next_line(text, end);
        let eol = self.eol(at);
        let unfinished = if place::written(text, 0..at).ends_with('\n') { "" } else { eol };
        let heading = heading.map_or(String::new(), |heading| format!("{eol}{heading}{eol}"));
        Ok(insert(at, format!("{unfinished}{heading}{prefix}{track} = {}{eol}", written(eol))))
    }

    /// The text at `place` with more lines after those that it has.
    fn joined(&self, place: Range<usize>, lines: &Lines) -> String {
        const INDENT: &str = "  ";
        let eol = self.eol(place.start);
        let written = place::written(self.text, place);
        for quotes in ["\"\"\"", "'''"] {
            let Some(inner) = written.strip_prefix(quotes).and_then(|rest| rest.strip_suffix(quotes)) else { continue };
            let (body, tail) = match inner.rfind('\n') {
                Some(newline) if inner[newline..].trim().is_empty() => inner.split_at(newline + 1),
                _ => (inner, ""),
            };
            let line = body.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(INDENT);
            let first = body.lines().next().is_some_and(|first| first == line) && !body.starts_with(['\r', '\n']);
            // What stands right after the quotes says nothing about the others.
            let indent = if first { INDENT } else { &line[..line.len() - line.trim_start().len()] };
            let all = lines.lines.iter().map(|line| format!("{indent}{line}"));
            return match body.ends_with('\n') {
                true => format!("{quotes}{body}{}{tail}{quotes}", all.map(|line| line + eol).collect::<String>()),
                false => {
                    format!("{quotes}{body}{}{quotes}", all.map(|line| eol.to_owned() + &line).collect::<String>())
                }
            };
        }
        let quote = if written.starts_with('\'') { "'''" } else { "\"\"\"" };
        let inner = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
        let all: String = lines.lines.iter().map(|line| format!("{INDENT}{line}{eol}")).collect();
        format!("{quote}{eol}{INDENT}{inner}{eol}{all}{quote}")
    }
}

/// Returns what a track takes in a pattern: steps, or a table where there is more to say.
fn value_of(step: TickSpan, lines: &Lines, eol: &str) -> String {
    let steps = in_quotes(lines, eol);
    let mut keys = Vec::new();
    if step != TickSpan::SIXTEENTH {
        keys.push(format!("step = \"{}\"", fraction(step)));
    }
    keys.extend(lines.velocity.map(|velocity| format!("velocity = {velocity}")));
    keys.extend(lines.gate.map(|gate| format!("gate = {gate}")));
    if keys.is_empty() { steps } else { format!("{{ {}, steps = {steps} }}", keys.join(", ")) }
}

/// The steps as text: one line, or several between three quotes.
fn in_quotes(lines: &Lines, eol: &str) -> String {
    match lines.lines.as_slice() {
        [line] => format!("\"{line}\""),
        lines => {
            let lines: String = lines.iter().map(|line| format!("  {line}{eol}")).collect();
            format!("\"\"\"{eol}{lines}\"\"\"")
        }
    }
}

/// A length as a fraction of a whole note; a triplet as such.
fn fraction(length: TickSpan) -> String {
    const WHOLE: i64 = 4 * TickSpan::QUARTER.0;
    const TRIPLET: i64 = WHOLE * 2 / 3;
    let triplets = TRIPLET / length.0;
    if TRIPLET % length.0 == 0 && triplets.count_ones() == 1 {
        return format!("1/{triplets}t");
    }
    let divisor = common_divisor(length.0, WHOLE);
    format!("{}/{}", length.0 / divisor, WHOLE / divisor)
}

fn common_divisor(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { common_divisor(other, one % other) }
}

/// Sees that only what the track plays in the pattern has changed, and where `joined` lines joined others, that these are
/// still what they were.
fn verify(
    before: &Set,
    after: &Set,
    pattern: PatternSlot,
    track: TrackSlot,
    joined: Option<usize>,
) -> Result<(), Refused> {
    let without = |set: &mut Set| {
        set.program.tracks.iter_mut().for_each(|track| track.lanes = LaneRange::default());
        if let Some(pattern) = set.program.patterns.get_mut(usize::from(pattern.0)) {
            let others = pattern.clips.iter().filter(|clip| clip.track != track);
            pattern.clips = others.cloned().collect::<Vec<Clip>>().into();
        }
    };
    let lanes = |set: &Set| -> Vec<Lane> {
        let pattern = set.program.patterns.get(usize::from(pattern.0));
        pattern.and_then(|pattern| pattern.clip(track)).map_or(Vec::new(), |clip| clip.lanes.to_vec())
    };
    let (was, is) = (lanes(before), lanes(after));
    let mut left = is.iter();
    let kept = joined
        .is_none_or(|joined| is.len() == was.len() + joined && was.iter().all(|lane| left.any(|other| other == lane)));
    if kept && same(before, after, without) {
        return Ok(());
    }
    Err(unfit(
        "the steps are written in a way that cannot be added to: write them as lines between three quotes (\"\"\"), then try again",
    ))
}

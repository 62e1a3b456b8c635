//! From tables of keys to a description of the show in which every name is resolved and every number is in range.
//!
//! What is wrong goes to the [`Report`], and reading goes on with something harmless in its place, so that one
//! mistake hides no other. The description is therefore worth something only if the report stays empty.

use super::keys::{self, clock, pattern, set};
use super::lane::{self, Lane};
use super::mistake::{Mistake, Report, listed, nearest, quoted};
use super::pitch::Octaves;
use super::port::{self, Port, port_slot};
use super::reader::{Name, Reader, Value};
use super::scale;
use super::track::{self, Track};
use super::values::{digits, one_of, unknown_name};
use crate::engine::program::{ClockOut, ClockPlan, Join, Lost, MAX_LENGTH, MAX_PORTS, MAX_TRACKS, PortSlot};
use crate::time::{Meter, Tempo, TickSpan};

/// The most patterns a set may have.
pub(super) const MAX_PATTERNS: usize = 4_096;
const _: () = assert!(MAX_PATTERNS <= 1 << 16, "pattern slots have 16 bits");

/// The longest name of a port, track or pattern, in bytes.
const MAX_NAME: usize = 64;
/// A show, described.
pub(super) struct Document<'t> {
    pub name: Option<&'t str>,
    pub tempo: Tempo,
    pub meter: Meter,
    pub seed: u64,
    pub octaves: Octaves,
    pub scale: Option<scale::Named>,
    pub clock: ClockPlan,
    pub ports: Vec<Port<'t>>,
    pub tracks: Vec<Track<'t>>,
    pub patterns: Vec<Pattern<'t>>,
}

/// A pattern.
pub(super) struct Pattern<'t> {
    pub name: &'t str,
    pub length: TickSpan,
    pub lanes: Vec<Lane<'t>>,
}

/// Reads the whole file.
pub(super) fn read<'t>(root: Reader<'t>, report: &mut Report) -> Document<'t> {
    let octaves = octaves(&root, report);
    let meter = meter(&root, report);
    let ports = ports(&root, report);
    let clock = clock(&root, &ports, meter, report);
    let tracks = tracks(&root, &ports, octaves, report);
    let patterns = patterns(&root, &tracks, meter, report);
    let document = Document {
        name: name(&root, report),
        tempo: tempo(&root, report),
        meter,
        seed: seed(&root, report),
        octaves,
        scale: scale(&root, octaves, report),
        clock,
        ports,
        tracks,
        patterns,
    };
    root.finish(report);
    document
}

fn name<'t>(root: &Reader<'t>, report: &mut Report) -> Option<&'t str> {
    let value = root.take(set::NAME)?;
    let name = value.text(report)?.text;
    if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        value.refuse_because(report, || format!("expected a line of at most {MAX_NAME} characters"));
    }
    Some(name)
}

fn tempo(root: &Reader<'_>, report: &mut Report) -> Tempo {
    const DEFAULT_BPM: f64 = 120.0;
    let read = |report: &mut Report| {
        let value = root.take(set::TEMPO)?;
        let tempo = value.number(report).map(Tempo::from_bpm)?;
        if tempo.is_none() {
            value.refuse(report);
        }
        tempo
    };
    read(report).unwrap_or_else(|| Tempo::from_bpm(DEFAULT_BPM).expect("the default is in range"))
}

fn meter(root: &Reader<'_>, report: &mut Report) -> Meter {
    let read = |report: &mut Report| {
        let value = root.take(set::METER)?;
        let text = value.text(report)?.text;
        let meter = text.split_once('/').and_then(|(beats, unit)| Meter::new(digits(beats)?, digits(unit)?));
        if meter.is_none() {
            value.refuse(report);
        }
        meter
    };
    read(report).unwrap_or(Meter::COMMON)
}

fn seed(root: &Reader<'_>, report: &mut Report) -> u64 {
    let seed = root.take(set::SEED).and_then(|value| value.whole(0..=i128::from(u64::MAX), report));
    seed.and_then(|seed| u64::try_from(seed).ok()).unwrap_or(0)
}

fn octaves(root: &Reader<'_>, report: &mut Report) -> Octaves {
    let read = |report: &mut Report| {
        let value = root.take(set::OCTAVES)?;
        one_of(&value, &[("c3", Octaves::C3), ("c4", Octaves::C4)], report)
    };
    read(report).unwrap_or_default()
}

fn scale(root: &Reader<'_>, octaves: Octaves, report: &mut Report) -> Option<scale::Named> {
    let value = root.take(set::SCALE)?;
    let text = value.text(report)?;
    let named = scale::parse(text.text, octaves);
    if let Err((label, spelling)) = &named {
        report.add(text.span.clone(), || {
            let help = match spelling {
                Some(spelling) => format!("did you mean `{spelling}`?"),
                None => format!("the scales are {}", listed(scale::names())),
            };
            Mistake::new(format!("there is no scale {}", quoted(text.text))).label(label.as_str()).help(help)
        });
    }
    // After a mistake some scale stands in, so that degrees are not reported as well.
    Some(named.unwrap_or(scale::Named::CHROMATIC))
}

/// The entries of a table of named things: at most `most`, their names checked.
fn named<'t>(
    root: &Reader<'t>,
    key: keys::Key,
    entry: keys::Key,
    most: usize,
    report: &mut Report,
) -> Vec<(Name<'t>, Value<'t>)> {
    let Some(value) = root.take(key) else { return Vec::new() };
    let Some(mut entries) = value.entries(entry, report) else { return Vec::new() };
    if let Some((name, _)) = entries.get(most) {
        report.add(name.span.clone(), || {
            Mistake::new(format!("there are more than {most} {}", key.name))
                .label("one too many")
                .help(format!("a set has at most {most} {}", key.name))
        });
    }
    entries.truncate(most);
    for (name, _) in &entries {
        let spelled = name.text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !spelled || name.text.is_empty() || name.text.len() > MAX_NAME {
            report.add(name.span.clone(), || {
                Mistake::new(format!("{} cannot be a name", quoted(name.text)))
                    .label(format!("expected 1 to {MAX_NAME} letters from a to z, digits, `-` or `_`"))
                    .maybe_help(suggested_name(name.text).map(|name| format!("for example `{name}`")))
            });
        }
    }
    entries
}

/// A name near `text` that may be used.
fn suggested_name(text: &str) -> Option<String> {
    let spelled = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' { Some(c) } else { c.is_whitespace().then_some('-') }
    };
    let name: String = text.trim().chars().filter_map(spelled).take(MAX_NAME).collect();
    (!name.is_empty()).then_some(name)
}

fn ports<'t>(root: &Reader<'t>, report: &mut Report) -> Vec<Port<'t>> {
    let entries = named(root, set::PORTS, keys::port::ENTRY, MAX_PORTS, report);
    entries.into_iter().map(|(name, value)| port::read(name.text, value, report)).collect()
}

/// How long a lost clock is made up for where the set does not say.
const HOLD_BARS: i64 = 4;

fn clock(root: &Reader<'_>, ports: &[Port<'_>], meter: Meter, report: &mut Report) -> ClockPlan {
    let mut plan =
        ClockPlan { follow: None, lost: Lost::HoldFor(meter.bar() * HOLD_BARS), join: Join::Wait, when_stopped: true };
    let Some(table) = root.take(set::CLOCK).and_then(|value| value.table(&clock::TABLE, report)) else { return plan };
    plan.follow = table.take(clock::FOLLOW).and_then(|value| follow(&value, ports, report));
    if let Some(value) = table.take(clock::LOST) {
        plan.lost = lost(&value, meter, report).unwrap_or(plan.lost);
    }
    if let Some(value) = table.take(clock::JOIN) {
        plan.join = one_of(&value, &[("wait", Join::Wait), ("now", Join::Now)], report).unwrap_or(plan.join);
    }
    if let Some(value) = table.take(clock::WHEN_STOPPED) {
        plan.when_stopped = value.flag(report).unwrap_or(plan.when_stopped);
    }
    table.finish(report);
    plan
}

fn follow(value: &Value<'_>, ports: &[Port<'_>], report: &mut Report) -> Option<PortSlot> {
    let text = value.text(report)?;
    let slot = port_slot(&text, 0..text.text.len(), ports, report)?;
    let port = ports.get(usize::from(slot.0))?;
    if port.clock != ClockOut::None {
        report.add(text.span, || {
            Mistake::new(format!("the clock of {} would go back to it", quoted(port.name)))
                .label("the clock comes from there")
                .also(port.clock_span.clone(), "and is sent there")
                .help("leave out one of the two: a device that gets its own clock back races or stumbles")
        });
    }
    Some(slot)
}

/// `hold`, `stop`, or `hold` for some bars.
fn lost(value: &Value<'_>, meter: Meter, report: &mut Report) -> Option<Lost> {
    let mut words = value.text(report)?.text.split_whitespace();
    let lost = match (words.next(), words.next(), words.next(), words.next()) {
        (Some("hold"), None, ..) => Some(Lost::Hold),
        (Some("stop"), None, ..) => Some(Lost::Stop),
        (Some("hold"), Some(bars), Some("bar" | "bars"), None) => digits::<i64>(bars)
            .map(|bars| meter.bar().0.saturating_mul(bars))
            .filter(|&held| held > 0 && held <= MAX_LENGTH.0)
            .map(|held| Lost::HoldFor(TickSpan(held))),
        _ => None,
    };
    if lost.is_none() {
        value.refuse(report);
    }
    lost
}

fn tracks<'t>(root: &Reader<'t>, ports: &[Port<'_>], octaves: Octaves, report: &mut Report) -> Vec<Track<'t>> {
    let entries = named(root, set::TRACKS, keys::track::ENTRY, MAX_TRACKS, report);
    entries
        .into_iter()
        .map(|(name, value)| {
            if pattern::RESERVED.contains(&name.text) {
                report.add(name.span.clone(), || {
                    Mistake::new(format!("a track cannot be called `{}`", name.text))
                        .label("this word has its own meaning in patterns")
                        .help("choose another name")
                });
            }
            track::read(name.text, value, ports, octaves, report)
        })
        .collect()
}

fn patterns<'t>(root: &Reader<'t>, tracks: &[Track<'_>], meter: Meter, report: &mut Report) -> Vec<Pattern<'t>> {
    let given = root.take(set::PATTERNS);
    let entries = named(root, set::PATTERNS, pattern::ENTRY, MAX_PATTERNS, report);
    if entries.is_empty() && given.is_none_or(|value| value.is_table()) {
        report.add_without_place(
            Mistake::new("the set has no pattern, so there is nothing to play")
                .help("a pattern begins with `[patterns.main]`; under it stand the tracks with their steps"),
        );
    }
    entries.into_iter().map(|(name, value)| pattern(name.text, value, tracks, meter, report)).collect()
}

fn pattern<'t>(
    name: &'t str,
    value: Value<'t>,
    tracks: &[Track<'_>],
    meter: Meter,
    report: &mut Report,
) -> Pattern<'t> {
    let mut pattern = Pattern { name, length: meter.bar(), lanes: Vec::new() };
    let Some(entries) = value.entries(pattern::LANE, report) else { return pattern };
    for (key, value) in entries {
        if key.text == pattern::BARS.name {
            let most = MAX_LENGTH.0 / meter.bar().0;
            let value = value.meant_as(pattern::BARS);
            if let Some(bars) = value.whole(1..=i128::MAX, report) {
                match i64::try_from(bars) {
                    Ok(bars) if bars <= most => pattern.length = meter.bar() * bars,
                    _ => value.refuse_because(report, || format!("a pattern has at most {most} bars")),
                }
            }
            continue;
        }
        match tracks.iter().position(|track| track.name == key.text) {
            Some(slot) => pattern.lanes.extend(lane::read(slot, &key, value, report)),
            None => report.add(key.span.clone(), || {
                let names = tracks.iter().map(|track| track.name);
                let bars = pattern::BARS.name;
                let unknown =
                    || Mistake::new(format!("unknown key {}", quoted(key.text))).label("there is no such key here");
                match nearest(key.text, [bars].into_iter().chain(names.clone())) {
                    Some(near) if near == bars => unknown().help(format!("did you mean `{bars}`?")),
                    None if pattern::RESERVED.contains(&key.text) => {
                        unknown().help(format!("the keys here are `{bars}` and the names of tracks"))
                    }
                    _ => unknown_name("track", "tracks", key.text, names),
                }
            }),
        }
    }
    pattern
}

//! The set as a file: comments, ports, tracks, patterns, and the song where there are several.

use std::collections::{BTreeMap, BTreeSet};

use super::rig::{PORT, Rig, legal, unique};
use super::wrap;
use crate::midi::Key;
use crate::offline::lines::{Lines, STRAIGHT, Style, kit};
use crate::offline::score::Score;
use crate::time::{Meter, Tempo, TickSpan};

/// The comments at the top.
pub(crate) fn heading(origin: &str, remarks: &[String], bars: i64, rig: &Rig<'_>, style: Style) -> String {
    let origin: String = origin.chars().filter(|c| !c.is_control()).take(80).collect();
    let s = if bars == 1 { "" } else { "s" };
    let mut text = format!("# Made from {origin}: {bars} bar{s}. Middle C is c3.\n");
    let is_fine = |lines: &Lines| lines.step < style.grid;
    let fine = rig.tracks.iter().filter(|track| !track.notes.is_empty() && track.clips.iter().flatten().any(is_fine));
    let fine: Vec<&str> = fine.map(|track| &track.name[..]).collect();
    if !fine.is_empty() {
        let names = fine.join(", ");
        let said = format!("Not all notes of {names} are on the grid, so the steps there are shorter.");
        text.push_str(&wrap::comment("# ", &said));
    }
    for track in &rig.tracks {
        let is_straight = |lines: &Lines| lines.swing == STRAIGHT;
        if let Some(swing) = track.swing.filter(|_| track.clips.iter().flatten().all(is_straight)) {
            let name = &track.name;
            let said = format!(
                "The off-beats of {name} are as late as `swing = {swing}` makes them, which also stretches and squeezes \
                 what is held: --tolerance 3 writes it so."
            );
            text.push_str(&wrap::comment("# ", &said));
        }
    }
    for remark in remarks {
        text.push_str(&wrap::comment("# - ", remark));
    }
    text.push('\n');
    text
}

/// All but the comments, and how many markers of the score name no pattern.
pub(crate) fn body(score: &Score, rig: &Rig<'_>, meter: Meter) -> (String, usize) {
    let mut text = String::new();
    if let Some(name) = &score.name {
        text.push_str(&format!("name  = {}\n", quoted(&name.chars().take(64).collect::<String>())));
    }
    let tempo = score.tempo.map_or(120.0, Tempo::bpm).clamp(Tempo::SLOWEST, Tempo::FASTEST);
    text.push_str(&format!("tempo = {:?}\nmeter = \"{meter}\"\n", shortest(tempo)));
    if let Some(scale) = score.key.and_then(scale) {
        text.push_str(&format!("scale = \"{scale}\"\n"));
    }
    for (name, device) in &rig.ports {
        let device: String = device.chars().take(60).collect();
        text.push_str(&format!("\n[ports.{name}]\ndevice = {}\n", quoted(&device)));
    }
    for track in &rig.tracks {
        let port = rig.ports.get(track.port).map_or(PORT, |(name, _)| name);
        let channel = track.part.channel.number();
        text.push_str(&format!("\n[tracks.{}]\nport     = \"{port}\"\nchannel  = {channel}\n", track.name));
        if track.clips.iter().flatten().next().is_some() {
            text.push_str(&format!("velocity = {}\ngate     = {}\n", track.velocity, track.gate));
        }
        if let Some(drums) = &track.kit {
            text.push_str(&kit(&track.name, drums));
        }
    }
    let named = patterns(score, rig, meter, &mut text);
    (text, score.markers.len() - named)
}

/// A tempo with no more digits than make the same whole microseconds of a quarter note, which is what files count in.
fn shortest(bpm: f64) -> f64 {
    let micros = |bpm: f64| (60e6 / bpm).round();
    let rounded = (0..9).map(|digits| 10f64.powi(digits)).map(|scale| (bpm * scale).round() / scale);
    let mut same = rounded.filter(|rounded| micros(*rounded) == micros(bpm));
    same.next().unwrap_or(bpm).clamp(Tempo::SLOWEST, Tempo::FASTEST)
}

/// The scale of a key signature: its sharps, or flats where negative, and whether it is minor.
pub(crate) fn scale((sharps, minor): (i8, bool)) -> Option<String> {
    const MAJOR: [&str; 15] = ["cb", "gb", "db", "ab", "eb", "bb", "f", "c", "g", "d", "a", "e", "b", "f#", "c#"];
    const MINOR: [&str; 15] = ["ab", "eb", "bb", "f", "c", "g", "d", "a", "e", "b", "f#", "c#", "g#", "d#", "a#"];
    let (names, mode) = if minor { (MINOR, "minor") } else { (MAJOR, "major") };
    let tonic = names.get(usize::try_from(i32::from(sharps) + 7).ok()?)?;
    Some(format!("{tonic} {mode}"))
}

/// The letters of a kit: on a line where they fit there, else a line each.
fn kit(track: &str, drums: &BTreeMap<Key, char>) -> String {
    let drums: Vec<String> =
        kit::in_order(drums).iter().map(|(letter, key)| format!("{letter} = {}", key.number())).collect();
    let line = format!("kit      = {{ {} }}\n", drums.join(", "));
    match line.len() <= wrap::LONGEST {
        true => line,
        false => format!("[tracks.{track}.kit]\n{}\n", drums.join("\n")),
    }
}

/// The patterns, each written once, and the song that plays them in order. How many of the markers are in their names.
fn patterns(score: &Score, rig: &Rig<'_>, meter: Meter, text: &mut String) -> usize {
    let mut written: Vec<(String, String)> = Vec::new();
    let mut names = BTreeSet::new();
    let mut song: Vec<(String, usize)> = Vec::new();
    let (mut section, mut named) = (None, 0);
    for (number, &(start, bars)) in rig.patterns.iter().enumerate() {
        let pattern = pattern(rig, number, bars);
        let marker = score.markers.iter().rev().find(|(at, _)| *at == start).and_then(|(_, marker)| marked(marker));
        section = marker.clone().or(section);
        let known = written.iter().find(|(_, known)| *known == pattern).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| {
            let bar = start / meter.bar().0 + 1;
            let is_end = rig.has_end && number + 1 == rig.patterns.len();
            let name = match &section {
                _ if is_end => "end".to_owned(),
                Some(section) => section.clone(),
                None if rig.patterns.len() == 1 + usize::from(rig.has_end) => "main".to_owned(),
                None => format!("bar-{bar}"),
            };
            let name = unique(name, &mut names);
            text.push_str(&format!("\n[patterns.{name}]\n{pattern}"));
            written.push((name.clone(), pattern));
            name
        });
        // What plays as another part does has its name.
        named += usize::from(marker.is_some_and(|marker| name.starts_with(&marker)));
        match song.last_mut().filter(|(last, _)| *last == name) {
            Some((_, times)) => *times += 1,
            None => song.push((name, 1)),
        }
    }
    if rig.patterns.len() > 1 {
        let part = |(name, times): &(String, usize)| match times {
            1 => format!("  \"{name}\",\n"),
            times => format!("  \"{name} x{times}\",\n"),
        };
        text.push_str(&format!(
            "\n[song]\nparts = [\n{}]\nend = \"stop\"\n",
            song.iter().map(part).collect::<String>()
        ));
    }
    named
}

/// The name of a pattern that a marker gives; our own say which part of the song it is.
fn marked(marker: &str) -> Option<String> {
    let name = marker.strip_prefix("part ").and_then(|rest| rest.split_once(": ")).map_or(marker, |(_, name)| name);
    legal(name)
}

/// Returns what stands under the heading of a pattern.
fn pattern(rig: &Rig<'_>, number: usize, bars: i64) -> String {
    let mut text = format!("bars = {bars}\n");
    for track in &rig.tracks {
        match track.programs.get(number).copied().flatten() {
            Some((program, None)) => text.push_str(&format!("program.{} = {program}\n", track.name)),
            Some((program, Some(bank))) => {
                text.push_str(&format!("program.{} = {{ program = {program}, bank = {bank} }}\n", track.name))
            }
            None => {}
        }
    }
    for track in &rig.tracks {
        let Some(Some(lines)) = track.clips.get(number) else { continue };
        let mut keys = Vec::new();
        if lines.step != TickSpan::SIXTEENTH {
            keys.push(format!("step = \"{}\"", fraction(lines.step)));
        }
        if lines.swing != STRAIGHT {
            keys.push(format!("swing = {}", lines.swing));
        }
        if lines.velocity != track.velocity {
            keys.push(format!("velocity = {}", lines.velocity));
        }
        if lines.gate != track.gate {
            keys.push(format!("gate = {}", lines.gate));
        }
        let keys = keys.join(", ");
        let steps = match &lines.lines[..] {
            [line] if track.name.len() + keys.len() + line.len() + 20 <= wrap::LONGEST => format!("\"{line}\""),
            lines => format!("\"\"\"\n{}\"\"\"", lines.iter().map(|line| wrap::steps(line)).collect::<String>()),
        };
        if keys.is_empty() {
            text.push_str(&format!("{} = {steps}\n", track.name));
        } else {
            text.push_str(&format!("{} = {{ {keys}, steps = {steps} }}\n", track.name));
        }
    }
    text
}

/// `text` in quotes, as the file has it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A length as a fraction of a whole note.
pub(crate) fn fraction(length: TickSpan) -> String {
    let (upper, lower) = (length.0, 4 * TickSpan::QUARTER.0);
    let mut divisor = (upper, lower);
    while divisor.1 != 0 {
        divisor = (divisor.1, divisor.0 % divisor.1);
    }
    format!("{}/{}", upper / divisor.0.max(1), lower / divisor.0.max(1))
}

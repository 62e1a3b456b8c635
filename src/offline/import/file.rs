//! The set as a file: comments, ports, tracks, patterns, and the song where there are several.

use super::rig::{PORT, Rig};
use crate::offline::lines::{Lines, Style};
use crate::offline::score::Score;
use crate::time::{Meter, Tempo, TickSpan};

/// The comments at the top.
pub fn heading(origin: &str, remarks: &[String], bars: i64, rig: &Rig<'_>, style: Style) -> String {
    let origin: String = origin.chars().filter(|c| !c.is_control()).collect();
    let s = if bars == 1 { "" } else { "s" };
    let mut text = format!("# Made from {origin}: {bars} bar{s}. Middle C is c3.\n");
    let is_fine = |lines: &Lines| lines.step < style.grid;
    let fine = rig.tracks.iter().filter(|track| !track.notes.is_empty() && track.clips.iter().flatten().any(is_fine));
    let fine: Vec<&str> = fine.map(|track| &track.name[..]).collect();
    if !fine.is_empty() {
        let names = fine.join(", ");
        text.push_str(&format!("# Not all notes of {names} are on the grid, so the steps there are shorter.\n"));
    }
    for remark in remarks {
        text.push_str(&format!("# - {remark}\n"));
    }
    text.push('\n');
    text
}

/// All but the comments.
pub fn body(score: &Score, rig: &Rig<'_>, meter: Meter) -> String {
    let mut text = String::new();
    if let Some(name) = &score.name {
        text.push_str(&format!("name  = {}\n", quoted(&name.chars().take(64).collect::<String>())));
    }
    let tempo = score.tempo.map_or(120.0, Tempo::bpm).clamp(Tempo::SLOWEST, Tempo::FASTEST);
    text.push_str(&format!("tempo = {:?}\nmeter = \"{meter}\"\n", (tempo * 1e3).round() / 1e3));
    for (name, device) in &rig.ports {
        let device: String = device.chars().take(60).collect();
        text.push_str(&format!("\n[ports.{name}]\ndevice = {}\n", quoted(&device)));
    }
    for track in &rig.tracks {
        let port = rig.ports.get(track.port).map_or(PORT, |(name, _)| name);
        let channel = track.part.channel.number();
        text.push_str(&format!("\n[tracks.{}]\nport     = \"{port}\"\nchannel  = {channel}\n", track.name));
        if let Some(first) = track.clips.iter().flatten().next() {
            text.push_str(&format!("velocity = {}\ngate     = {}\n", first.velocity, first.gate));
        }
    }
    patterns(rig, meter, &mut text);
    text
}

/// The patterns, each written once, and the song that plays them in order.
fn patterns(rig: &Rig<'_>, meter: Meter, text: &mut String) {
    let mut written: Vec<(String, String)> = Vec::new();
    let mut song: Vec<(String, usize)> = Vec::new();
    for (number, &(start, bars)) in rig.patterns.iter().enumerate() {
        let pattern = pattern(rig, number, bars);
        let known = written.iter().find(|(_, known)| *known == pattern).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| {
            let name = match rig.patterns.len() {
                1 => "main".to_owned(),
                _ => format!("bar-{}", start / meter.bar().0 + 1),
            };
            text.push_str(&format!("\n[patterns.{name}]\n{pattern}"));
            written.push((name.clone(), pattern));
            name
        });
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
}

/// What stands under the heading of a pattern.
fn pattern(rig: &Rig<'_>, number: usize, bars: i64) -> String {
    let mut text = format!("bars = {bars}\n");
    let programs = rig.tracks.iter().filter_map(|track| {
        Some(match (*track.programs.get(number)?)? {
            (program, None) => format!("{} = {program}", track.name),
            (program, Some(bank)) => format!("{} = {{ program = {program}, bank = {bank} }}", track.name),
        })
    });
    let programs: Vec<String> = programs.collect();
    if !programs.is_empty() {
        text.push_str(&format!("program = {{ {} }}\n", programs.join(", ")));
    }
    for track in &rig.tracks {
        let Some(Some(lines)) = track.clips.get(number) else { continue };
        let first = track.clips.iter().flatten().next().unwrap_or(lines);
        let mut keys = Vec::new();
        if lines.step != TickSpan::SIXTEENTH {
            keys.push(format!("step = \"{}\"", fraction(lines.step)));
        }
        if lines.velocity != first.velocity {
            keys.push(format!("velocity = {}", lines.velocity));
        }
        if lines.gate != first.gate {
            keys.push(format!("gate = {}", lines.gate));
        }
        let steps = format!("\"\"\"\n{}\n\"\"\"", lines.lines.join("\n"));
        if keys.is_empty() {
            text.push_str(&format!("{} = {steps}\n", track.name));
        } else {
            text.push_str(&format!("{} = {{ {}, steps = {steps} }}\n", track.name, keys.join(", ")));
        }
    }
    text
}

/// `text` in quotes, as the file has it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A length as a fraction of a whole note.
pub fn fraction(length: TickSpan) -> String {
    let (upper, lower) = (length.0, 4 * TickSpan::QUARTER.0);
    let mut divisor = (upper, lower);
    while divisor.1 != 0 {
        divisor = (divisor.1, divisor.0 % divisor.1);
    }
    format!("{}/{}", upper / divisor.0.max(1), lower / divisor.0.max(1))
}

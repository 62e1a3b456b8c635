//! What a set says that it probably does not mean: nothing here keeps it from being played.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::dry_run::{DryRun, common, lanes, strikers};
use super::text::{length, position};
use super::wire_load::{HEARD, Need};
use crate::engine::Command;
use crate::engine::program::{Action, Steps};
use crate::engine::program::{PatternSlot, TrackSlot, Wire};
use crate::midi::Message;
use crate::set::Set;
use crate::time::{Tick, TickSpan};

/// Something worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What, in a sentence.
    pub message: String,
    /// The line of the file that it is about, if it is about one.
    pub line: Option<usize>,
}

/// The most hints of one kind that are given.
const MOST: usize = 20;
/// How often it is looked for who strikes a key twice: each time takes a look at every lane of the pattern.
const LOOKS: usize = 4_096;

/// Returns what is worth a look, in the order of the file where it has a place there.
#[must_use]
pub fn hints(set: &Set, rehearsals: &[DryRun], needs: &[Need]) -> Vec<Hint> {
    let mut hints = unused(set);
    hints.extend(unreached(set));
    hints.extend(crowded(set, needs));
    hints.extend(in_part(set, rehearsals));
    hints.extend(set.places.inline_over_lines().map(|line| Hint {
        message: "a table in braces goes over several lines, which TOML 1.0 and its tools refuse: write it under a heading of its own"
            .to_owned(),
        line: Some(line),
    }));
    let mut placed: Vec<Hint> = Vec::new();
    placed.extend(polymeters(set).into_iter().take(MOST));
    let mut looks = LOOKS;
    placed.extend(rehearsals.iter().flat_map(|rehearsal| doubled(set, rehearsal, &mut looks)).take(MOST));
    placed.extend(cut_short(set).into_iter().take(MOST));
    placed.extend(side_by_side(set).into_iter().take(MOST));
    placed.sort_by_key(|hint| hint.line);
    hints.extend(placed);
    hints
}

fn plain(message: String) -> Hint {
    Hint { message, line: None }
}

/// Tracks that no pattern plays, ports that nothing uses.
fn unused(set: &Set) -> Vec<Hint> {
    let program = &set.program;
    let by_hand = |slot: u16| program.thrus.iter().any(|thru| thru.track.0 == slot);
    let played =
        |slot: u16| by_hand(slot) || program.patterns.iter().any(|pattern| pattern.clip(TrackSlot(slot)).is_some());
    let tracks = (0..).zip(&set.tracks).filter(|(slot, _)| !played(*slot));
    let tracks = tracks.map(|(_, name)| plain(format!("no pattern plays the track `{name}`")));
    let bound = |slot: u8| program.bindings.iter().any(|binding| binding.port.0 == slot);
    let ports = (0..).zip(&set.ports).filter(|(slot, port)| !port.input && !port.output && !bound(*slot));
    let ports = ports.map(|(_, port)| plain(format!("nothing uses the port `{}`", port.name)));
    tracks.chain(ports).collect()
}

/// Patterns that a set with a song does not come to by itself.
fn unreached(set: &Set) -> Vec<Hint> {
    let program = &set.program;
    if program.song.parts.is_empty() {
        return Vec::new();
    }
    let launches =
        |command: Command, slot: u16| matches!(command, Command::Launch { pattern, .. } if pattern.0 == slot);
    let reached = |slot: u16| {
        let bound =
            |binding: &crate::engine::program::Binding| binding.commands().any(|command| launches(command, slot));
        program.song.parts.iter().any(|part| part.pattern.0 == slot) || program.bindings.iter().any(bound)
    };
    let patterns = (0..).zip(&set.patterns).filter(|(slot, _)| !reached(*slot));
    patterns
        .map(|(_, name)| {
            plain(format!(
                "the pattern `{name}` is not in the song, and nothing is bound to it: it plays only if launched by hand"
            ))
        })
        .collect()
}

/// Wires that carry too much at once.
fn crowded(set: &Set, needs: &[Need]) -> Vec<Hint> {
    let late = needs.iter().filter_map(|need| {
        let moment = need.moment?;
        let (wire, late) = match need.wire {
            Wire::Din => ("DIN", moment.din),
            Wire::Usb => ("USB", moment.usb),
        };
        let name = set.ports.get(usize::from(need.port.0)).map_or("?", |port| &port.name);
        (late > HEARD).then(|| Hint {
            message: format!(
                "on `{name}` ({wire}) a note leaves {:.1} ms late at {}, which is heard: put some of it on another port, or apart",
                late.0 as f64 / 1e6,
                position(set.program.meter, moment.tick)
            ),
            line: moment.line,
        })
    });
    late.collect()
}

/// Patterns that were not looked at from beginning to end.
fn in_part(set: &Set, rehearsals: &[DryRun]) -> Vec<Hint> {
    let program = &set.program;
    let whole = |rehearsal: &&DryRun| {
        let pattern = program.patterns.get(usize::from(rehearsal.pattern.0));
        pattern.is_none_or(|pattern| rehearsal.length >= pattern.length)
    };
    let parts: Vec<&DryRun> = rehearsals.iter().filter(|rehearsal| !whole(rehearsal)).collect();
    let hint = |rehearsal: &&DryRun| {
        let name = set.patterns.get(usize::from(rehearsal.pattern.0)).map_or("?", String::as_str);
        let looked_at = match rehearsal.length {
            TickSpan::ZERO => "nothing of it has".to_owned(),
            length if length < program.meter.bar() => "only its beginning has".to_owned(),
            played => format!("only {} of it has", length(played, program.meter)),
        };
        plain(format!("`{name}` is too much to be played through in a check: {looked_at} been looked at"))
    };
    let more = parts.len().saturating_sub(MOST);
    let rest = (more > 0).then(|| plain(format!("and {more} more patterns are too much to be played through")));
    parts.iter().take(MOST).map(hint).chain(rest).collect()
}

/// Lines that do not come out even with their pattern.
fn polymeters(set: &Set) -> Vec<Hint> {
    let mut hints = Vec::new();
    for (slot, pattern) in (0..).map(PatternSlot).zip(&set.program.patterns) {
        for (track, lane, steps) in
            lanes(pattern).filter_map(|(track, number, lane)| Some((track, number, lane.source.steps()?)))
        {
            let (line, whole) = (steps.length, pattern.length);
            // What wanders has no shape that would shift.
            let wanders = steps.events.iter().any(|event| matches!(event.action, Action::Wander(..)));
            if wanders || line <= TickSpan::ZERO || whole.0 % line.0 == 0 || line.0 % whole.0 == 0 {
                continue;
            }
            let bar = set.program.meter.bar();
            let together = common(common(line, whole), bar);
            let message = format!(
                "a {} of {} against {}: they begin together again after {}",
                if steps.chases { "curve" } else { "line" },
                length(line, set.program.meter),
                length(whole, set.program.meter),
                length(together, set.program.meter)
            );
            hints.push(Hint { message, line: set.places.line(slot, track, lane) });
        }
    }
    hints
}

/// Notes that are never heard, because another one strikes the same key at the same time.
fn doubled(set: &Set, rehearsal: &DryRun, looks: &mut usize) -> Vec<Hint> {
    let mut told: BTreeSet<Vec<Option<usize>>> = BTreeSet::new();
    let mut hints = Vec::new();
    for take in &rehearsal.takes {
        let mut struck = HashMap::new();
        for sent in &take.sent {
            match sent.message {
                Message::NoteOn(channel, key, _) => {
                    struck.insert((sent.port, channel, key), sent.tick);
                }
                Message::NoteOff(channel, key, _)
                    if *looks > 0 && struck.get(&(sent.port, channel, key)) == Some(&sent.tick) =>
                {
                    *looks -= 1;
                    let on_port = |slot: TrackSlot| {
                        set.program.tracks.get(usize::from(slot.0)).is_some_and(|track| track.port == sent.port)
                    };
                    let strikers = strikers(set, rehearsal.pattern, on_port, channel, key, sent.tick);
                    let lines: Vec<Option<usize>> =
                        strikers.iter().map(|&(track, lane)| set.places.line(rehearsal.pattern, track, lane)).collect();
                    // What ends where the rendering ends was struck there as well.
                    if told.len() < MOST && !lines.is_empty() && told.insert(lines.clone()) {
                        let others: Vec<String> =
                            lines.iter().skip(1).flatten().map(|line| format!("line {line}")).collect();
                        let with = if others.is_empty() {
                            String::new()
                        } else {
                            format!(", as {} does", others.join(" and "))
                        };
                        hints.push(Hint {
                            message: format!(
                                "key {} is struck twice at {} of `{}`{with}: only one of the notes is heard",
                                key.number(),
                                position(set.program.meter, sent.tick),
                                set.patterns.get(usize::from(rehearsal.pattern.0)).map_or("?", String::as_str),
                            ),
                            line: lines.first().copied().flatten(),
                        });
                    }
                }
                _ => {}
            }
        }
    }
    hints
}

/// Lines of one track that look like a melody written over several lines of text, but all play at the same time: of one length,
/// with several keys each, and together as long as the pattern or each at least a bar.
fn side_by_side(set: &Set) -> Vec<Hint> {
    let program = &set.program;
    let mut hints = Vec::new();
    for (slot, pattern) in (0..).map(PatternSlot).zip(&program.patterns) {
        for clip in &pattern.clips {
            let track = usize::from(clip.track.0);
            let lines: Vec<&Steps> =
                clip.lanes.iter().filter_map(|lane| lane.source.steps()).filter(|steps| !steps.chases).collect();
            // Drums stand in a line each.
            let is_pitched = program.tracks.get(track).is_some_and(|track| track.moves);
            let Some(first) = lines.first().filter(|_| is_pitched && lines.len() > 1) else { continue };
            let in_turn = first.length.0.saturating_mul(lines.len() as i64);
            let is_long = first.length >= program.meter.bar() || in_turn == pattern.length.0;
            let is_melody = |steps: &&Steps| {
                let key = |action: Action| match action {
                    Action::Note { key, .. } => Some(key.number()),
                    Action::Prepare(..) | Action::Control(..) | Action::Wander(..) => None,
                };
                let keys: BTreeSet<u8> = steps.events.iter().filter_map(|event| key(event.action)).collect();
                steps.length == first.length && keys.len() > 1
            };
            if is_long && lines.iter().all(is_melody) {
                let name = set.tracks.get(track).map_or("?", String::as_str);
                let message = format!(
                    "the {} lines of `{name}` play at the same time; a melody that goes on in the next line of text has `\\` at the \
                     end of the line, between `\"\"\"`",
                    lines.len()
                );
                hints.push(Hint { message, line: set.places.line(slot, clip.track, 0) });
            }
        }
    }
    hints
}

/// Lines with notes that are to sound longer than until the same key is struck again.
fn cut_short(set: &Set) -> Vec<Hint> {
    let mut hints = Vec::new();
    for (slot, pattern) in (0..).map(PatternSlot).zip(&set.program.patterns) {
        for (track, lane, steps) in
            lanes(pattern).filter_map(|(track, number, lane)| Some((track, number, lane.source.steps()?)))
        {
            if let Some(at) = first_cut(steps) {
                let message = format!(
                    "the note at {} would sound beyond the next one on its key, which cuts it: its gate is too long",
                    position(set.program.meter, Tick::ZERO + at)
                );
                hints.push(Hint { message, line: set.places.line(slot, track, lane) });
            }
        }
    }
    hints
}

/// The first note of a loop that the same key cuts. Notes under conditions are left out: they may not both be played.
fn first_cut(steps: &Steps) -> Option<TickSpan> {
    let mut last: BTreeMap<u8, (TickSpan, TickSpan)> = BTreeMap::new();
    let notes = || {
        steps.events.iter().filter(|event| event.guard.is_none()).filter_map(|event| match event.action {
            // What is legato ends by what follows.
            Action::Note { key, legato: true, .. } => Some((key.number(), event.at, TickSpan::ZERO)),
            Action::Note { key, legato: false, .. } => Some((key.number(), event.at, event.gate)),
            _ => None,
        })
    };
    // Once more round, for what sounds over the end.
    let again = notes().map(|(key, at, gate)| (key, at + steps.length, gate));
    for (key, at, gate) in notes().chain(again) {
        if let Some((begun, sounds)) = last.insert(key, (at, gate))
            && at > begun
            && begun + sounds > at
        {
            return Some(TickSpan(begun.0.rem_euclid(steps.length.0.max(1))));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::dry_run::rehearse;
    use crate::offline::wire_load::needs;

    fn said(patterns: &str) -> Vec<String> {
        let text = format!(
            "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[tracks.u]\nport = \"a\"\nchannel = 1\n{patterns}"
        );
        let set = Set::parse("a.toml", text.as_bytes()).unwrap();
        let rehearsals = rehearse(&set);
        let needs = needs(&set, &rehearsals);
        let shown = |hint: Hint| format!("{}: {}", hint.line.map_or("-".into(), |line| line.to_string()), hint.message);
        hints(&set, &rehearsals, &needs).into_iter().map(shown).collect()
    }

    #[test]
    fn a_set_as_it_should_be_has_none() {
        assert_eq!(said("[patterns.main]\nt = \"c2 . c2 .\"\nu = \"e2...\"\n"), [""; 0]);
    }

    #[test]
    fn what_is_not_used_is_named() {
        assert_eq!(
            said("[ports.b]\ndevice = \"B\"\n[patterns.main]\nt = \"c2...\"\n"),
            ["-: no pattern plays the track `u`", "-: nothing uses the port `b`"]
        );
    }

    #[test]
    fn a_line_that_does_not_come_out_even_is_named_with_its_length() {
        assert_eq!(
            said("[patterns.main]\nt = \"c2......\"\nu = \"\"\"\ne2...\n..............................f2.\n\"\"\"\n"),
            ["10: a line of 7 sixteenths against 1 bar: they begin together again after 7 bars"]
        );
    }

    #[test]
    fn a_curve_that_does_not_come_out_even_is_named_as_lines_are() {
        let curve =
            |points: &str| said(&format!("[patterns.main]\nt = \"c2...\"\nu = \"e2...\"\ncc.t.74 = {{ {points} }}\n"));
        assert_eq!(
            curve("points = \"1 2 3\", step = \"1/4\""),
            ["12: a curve of 12 sixteenths against 1 bar: they begin together again after 3 bars"]
        );
        assert_eq!(curve("points = \"1 2 3 4\", step = \"1/4\""), [""; 0]);
        assert_eq!(curve("points = \"1 2 3\""), [""; 0]);
        assert_eq!(curve("lfo = \"random\", length = \"3/4\""), [""; 0]);
    }

    #[test]
    fn a_melody_over_several_lines_of_text_is_named() {
        let melody =
            |text: &str| said(&format!("[patterns.main]\nbars = 2\nu = \"e3...\"\nt = \"\"\"\n{text}\"\"\"\n"));
        let bar = "c2 . e2 . g2 . e2 . c2 . e2 . g2 . e2 .";
        let found = melody(&format!("{bar}\n{bar}_\n").replace("._", "."));
        assert!(found.iter().any(|said| said.starts_with("13: the 2 lines of `t` play at the same time")), "{found:?}");
        assert_eq!(melody(&format!("{bar} \\\n{bar}\n")), [""; 0]);
        assert_eq!(melody("c2 . . .\n. . g2 .\n"), [""; 0], "a voice for each line");
    }

    #[test]
    fn what_toml_1_0_refuses_is_named() {
        let lines = said("[patterns.main]\nt = { step = \"1/8\",\n  steps = \"c2.\" }\nu = \"e2\"\n");
        assert!(
            lines.iter().any(|said| said.starts_with("10: a table in braces goes over several lines")),
            "{lines:?}"
        );
        let text = "[patterns.main]\nt = { step = \"1/8\", steps = \"\"\"\nc2 .\n\"\"\" }\nu = { arp = \"e2\", lengths = [\n\"1/8\"\n] }\n";
        assert_eq!(said(text), [""; 0], "text and lists may");
    }

    #[test]
    fn two_lines_on_one_key_are_named_together_once() {
        assert_eq!(
            said("[patterns.main]\nt = \"c2.c2.\"\nu = \"c2...\"\n"),
            ["10: key 48 is struck twice at 1.1.000 of `main`, as line 11 does: only one of the notes is heard"]
        );
    }

    #[test]
    fn a_gate_that_is_cut_is_named() {
        assert_eq!(
            said("[patterns.main]\nt = \"c2=150 c2 . .\"\nu = \"e2~ _ e2=400 f2\"\n"),
            [
                "10: the note at 1.1.000 would sound beyond the next one on its key, which cuts it: its gate is too long",
                "11: the note at 1.1.480 would sound beyond the next one on its key, which cuts it: its gate is too long"
            ]
        );
    }
}

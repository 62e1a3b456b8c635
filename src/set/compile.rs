//! From the described show to the program that the engine plays: steps become notes in ticks.

use super::document::{Document, Drums, Track};
use super::keys::{arp, steps as steps_keys};
use super::lane::{Kind, LONGEST_ARP_GATE, Lane, MAX_ARP_NOTES};
use super::mistake::{Mistake, Report, quoted};
use super::notation::{self, ACCENT, Event, Head, Voice};
use super::pitch::Octaves;
use crate::engine::program::{
    self, Arp, MAX_LANES, MAX_LENGTH, MAX_NOTES, Note, PortSet, PortSlot, Program, Source, Steps, TrackSlot,
};
use crate::midi::Velocity;
use crate::time::TickSpan;

/// Compiles `document`. What is wrong goes to `report`; the program is worth something only if that stays empty.
pub(super) fn compile(document: &Document<'_>, report: &mut Report) -> Program {
    let clock_to = slots(&document.ports, PortSlot).filter(|(_, port)| port.clock);
    let tracks = document.tracks.iter().map(|track| program::Track {
        port: track.port,
        channel: track.channel,
        transpose: track.transpose,
    });
    Program {
        meter: document.meter,
        tempo: document.tempo,
        seed: document.seed,
        follow: document.follow,
        clock_to: clock_to.fold(PortSet::default(), |ports, (slot, _)| ports.with(slot)),
        tracks: tracks.collect(),
        patterns: document.patterns.iter().map(|pattern| compile_pattern(pattern, document, report)).collect(),
    }
}

/// The things of a list with their slots, as far as slots go.
pub(super) fn slots<T, S>(list: &[T], slot: impl Fn(u8) -> S) -> impl Iterator<Item = (S, &T)> {
    (0..=u8::MAX).map(slot).zip(list)
}

fn compile_pattern(
    pattern: &super::document::Pattern<'_>,
    document: &Document<'_>,
    report: &mut Report,
) -> program::Pattern {
    let mut lanes = Vec::new();
    for lane in &pattern.lanes {
        let (Some(track), Ok(slot)) = (document.tracks.get(lane.track), u16::try_from(lane.track)) else { continue };
        let compiler = Compiler { lane, track, octaves: document.octaves };
        let free = MAX_LANES - lanes.len();
        for source in compiler.sources(report) {
            lanes.push(program::Lane { track: TrackSlot(slot), source });
        }
        if lanes.len() > MAX_LANES {
            let line = notation::lines(lane.text.text).nth(free).unwrap_or_default();
            report.add(lane.text.place(line), || {
                Mistake::new(format!("the pattern {} has too many lines of steps", quoted(pattern.name)))
                    .label("here it is one too many")
                    .help(format!("a pattern has at most {MAX_LANES} lines in all of its tracks"))
            });
            break;
        }
    }
    program::Pattern { length: pattern.length, lanes: lanes.into() }
}

/// Compiles what one track plays in a pattern.
struct Compiler<'c, 't> {
    lane: &'c Lane<'t>,
    track: &'c Track<'t>,
    octaves: Octaves,
}

impl Compiler<'_, '_> {
    fn sources(&self, report: &mut Report) -> Vec<Source> {
        let Lane { text, kind, .. } = self.lane;
        let kit = match &self.track.kit {
            Drums::None => None,
            Drums::Kit(kit) => Some(kit),
            Drums::Unreadable => return Vec::new(),
        };
        let voice = Voice { track: self.track.name, kit, note: self.track.note, octaves: self.octaves };
        if notation::lines(text.text).next().is_none() {
            let (what, help) = match kind {
                Kind::Steps { .. } => ("step", format!("for example `{}`; a rest is `.`", steps_keys::STEPS.example)),
                Kind::Arp { .. } => ("note", format!("for example `{}`", arp::ARP.example)),
            };
            report.add(text.span.clone(), || {
                Mistake::new(format!("{} has no {what}", quoted(self.track.name)))
                    .label(format!("expected at least one {what}"))
                    .help(help)
            });
            return Vec::new();
        }
        match kind {
            Kind::Steps { step } => {
                // One line too many is enough to know that there are too many.
                let lines = notation::lines(text.text).take(MAX_LANES + 1);
                lines.filter_map(|line| self.steps(line, *step, voice, report)).map(Source::Steps).collect()
            }
            Kind::Arp { .. } => self.arp(voice, report).map(Source::Arp).into_iter().collect(),
        }
    }

    fn steps(
        &self,
        line: std::ops::Range<usize>,
        step: TickSpan,
        voice: Voice<'_>,
        report: &mut Report,
    ) -> Option<Steps> {
        let text = &self.lane.text;
        let steps = notation::steps(text, line, voice, report);
        let events = notation::events(text, &steps, report);
        let count = i64::try_from(steps.len()).ok()?;
        let most = MAX_LENGTH.0 / step.0;
        if count > most {
            let place = steps.get(usize::try_from(most).ok()?)?.span.clone();
            report.add(text.place(place), || {
                let longest = MAX_LENGTH.0 / TickSpan::QUARTER.0;
                Mistake::new("the line of steps is too long")
                    .label(format!("a line lasts at most {longest} quarter notes"))
                    .help("write fewer steps, or make them shorter")
            });
            return None;
        }
        if let Some(event) = events.get(MAX_NOTES) {
            report.add(text.place(event.span.clone()), || {
                Mistake::new("the line of steps has too many notes")
                    .label("one too many")
                    .help(format!("a line has at most {MAX_NOTES} notes"))
            });
            return None;
        }
        let notes = events.iter().filter_map(|event| self.note(event, step, report)).collect();
        Some(Steps { length: step * count, notes })
    }

    fn note(&self, event: &Event, step: TickSpan, report: &mut Report) -> Option<Note> {
        let held = step * i64::try_from(event.steps).ok()?;
        let percent = event.gate.or(self.lane.gate).unwrap_or(self.track.gate);
        let gate = if event.legato { held } else { held.percent(percent).max(TickSpan(1)) };
        if gate > MAX_LENGTH {
            report.add(self.lane.text.place(event.span.clone()), || {
                let longest = MAX_LENGTH.0 / TickSpan::QUARTER.0;
                Mistake::new("the note is too long")
                    .label(format!("a note sounds for at most {longest} quarter notes"))
                    .help("give it a smaller gate")
            });
            return None;
        }
        Some(Note {
            at: step * i64::try_from(event.step).ok()?,
            gate,
            key: event.key,
            velocity: self.velocity(event.velocity, event.accent),
            legato: event.legato,
        })
    }

    /// How hard a note is struck that may say so itself.
    fn velocity(&self, own: Option<Velocity>, accent: bool) -> Velocity {
        let velocity = own.or(self.lane.velocity).unwrap_or(self.track.velocity);
        match accent {
            true => Velocity::new(velocity.value().saturating_add(ACCENT)).unwrap_or(Velocity::MAX),
            false => velocity,
        }
    }

    fn arp(&self, voice: Voice<'_>, report: &mut Report) -> Option<Arp> {
        let Kind::Arp { order, lengths, pick, rest } = &self.lane.kind else { return None };
        let text = &self.lane.text;
        let steps = notation::steps(text, 0..text.text.len(), voice, report);
        if let Some(step) = steps.get(MAX_ARP_NOTES) {
            report.add(text.place(step.span.clone()), || {
                Mistake::new("the arpeggio has too many notes")
                    .label("one too many")
                    .help(format!("an arpeggio has at most {MAX_ARP_NOTES} notes"))
            });
            return None;
        }
        let mut keys = Vec::with_capacity(steps.len());
        for step in &steps {
            let place = step.modified.clone().unwrap_or(step.span.clone());
            match step.head {
                Head::Play(key) if step.modified.is_none() && !step.accent => keys.push(key),
                Head::Play(_) => report.add(text.place(place), || {
                    Mistake::new("the notes of an arpeggio are plain")
                        .label("this changes one note")
                        .help("set `velocity` and `gate` for all of them beside `arp`")
                }),
                Head::Rest | Head::Hold => report.add(text.place(place), || {
                    Mistake::new("an arpeggio is made of notes")
                        .label("this is not a note")
                        .help("`rest` says when it rests, `lengths` how long its notes are")
                }),
            }
        }
        Some(Arp {
            keys: keys.into(),
            order: *order,
            lengths: lengths.as_slice().into(),
            pick: *pick,
            gate: self.lane.gate.unwrap_or(self.track.gate).min(LONGEST_ARP_GATE),
            velocity: self.velocity(None, false),
            rest: *rest,
        })
    }
}

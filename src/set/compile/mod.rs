//! From the described show to the program that the engine plays: steps and curves become events in ticks.

mod arp;
mod steps;
mod thru;

use std::collections::BTreeMap;

use super::controller::Controller;
use super::controller::curve::{self, Excess};
use super::diagnostic::{Diagnostic, Report, quoted};
use super::document::{self, Document};
use super::keys::{arp as arp_keys, steps as steps_keys};
use super::lane::{Kind, Lane};
use super::notation::{self, ACCENT, Budget, Voice};
use super::pitch::Octaves;
use super::scale;
use super::track::{Drums, Track};
use crate::engine::lanes::chance::Random;
use crate::engine::program::{
    self, Action, Clip, LaneRange, MAX_LANES, PatternSlot, PortSlot, Program, Scale, SlotOwner, Source, Steps, Swing,
    TrackSlot,
};
use crate::midi::Velocity;
use crate::time::TickSpan;

/// Compiles `document`. What is wrong goes to `report`; the program is worth something only if that stays empty.
pub(super) fn compile(document: &Document<'_>, report: &mut Report) -> Program {
    let mut patterns = Patterns { document, budget: Budget::default(), values: Some(curve::MAX_VALUES) };
    let patterns: Box<[program::Pattern]> =
        document.patterns.iter().map(|pattern| patterns.compile(pattern, report)).collect();
    let ranges = lane_ranges(&patterns, document.tracks.len());
    if ranges.last().is_some_and(|last| usize::from(last.first) + usize::from(last.count) > MAX_LANES) {
        report.add_without_place(
            Diagnostic::new(format!("the tracks have more than {MAX_LANES} lines of steps and controllers together")).help(
                "what counts is the pattern where a track has most of them, added up over the tracks; write fewer lines",
            ),
        );
    }
    let tracks = document.tracks.iter().zip(ranges).map(|(track, lanes)| program::Track {
        port: track.port,
        channel: track.channel,
        transpose: track.transpose,
        moves: matches!(track.kit, Drums::None) && !track.stays,
        lanes,
        owner: SlotOwner::FIRST,
    });
    let port = |port: &super::port::Port<'_>| program::Port {
        offset: port.offset,
        clock: port.clock,
        wire: port.wire,
        senses: port.senses,
        owner: SlotOwner::FIRST,
    };
    Program {
        edition: 1,
        meter: document.meter,
        tempo: document.tempo,
        clock: document.clock.clone(),
        launch: document.launch,
        scale: document.scale.map_or(Scale::CHROMATIC, |named| named.scale),
        transpose: document.transpose,
        ports: document.ports.iter().map(port).collect(),
        tracks: tracks.collect(),
        patterns,
        first: PatternSlot(0),
        song: document.song.clone(),
        thrus: thru::compile(document, report),
        bindings: document.bindings.as_slice().into(),
    }
}

/// The things of a list with their slots, as far as slots go.
pub(super) fn slots<T, S>(list: &[T], slot: impl Fn(u8) -> S) -> impl Iterator<Item = (S, &T)> {
    (0..=u8::MAX).map(slot).zip(list)
}

/// For each track as many lanes as it has in the pattern where it has most of them.
fn lane_ranges(patterns: &[program::Pattern], tracks: usize) -> Vec<LaneRange> {
    let mut counts = vec![0; tracks];
    for clip in patterns.iter().flat_map(|pattern| &pattern.clips) {
        if let Some(count) = counts.get_mut(usize::from(clip.track.0)) {
            *count = clip.lanes.len().max(*count);
        }
    }
    let mut first = 0;
    let mut range = |count: usize| {
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        let range = LaneRange { first, count };
        first = first.saturating_add(count);
        range
    };
    counts.into_iter().map(&mut range).collect()
}

/// Compiles the patterns of a set, one after the other.
struct Patterns<'d, 't> {
    document: &'d Document<'t>,
    /// How much the lines of the set may still be when they are written out.
    budget: Budget,
    /// How many values the controllers of the set may still take; `None` once there were too many.
    values: Option<usize>,
}

impl Patterns<'_, '_> {
    fn compile(&mut self, pattern: &document::Pattern<'_>, report: &mut Report) -> program::Pattern {
        let mut lanes: BTreeMap<TrackSlot, Vec<program::Lane>> = BTreeMap::new();
        let count = self.notes(pattern, &mut lanes, report);
        self.controllers(pattern, count, &mut lanes, report);
        program::Pattern {
            length: pattern.length,
            keep: pattern.keep,
            launch: pattern.launch,
            programs: pattern.programs.as_slice().into(),
            ahead: pattern.ahead,
            clips: lanes.into_iter().map(|(track, lanes)| Clip { track, lanes: lanes.into() }).collect(),
            vacant: false,
        }
    }

    /// The lanes of notes of a pattern, and how many there are.
    fn notes(
        &self,
        pattern: &document::Pattern<'_>,
        clips: &mut BTreeMap<TrackSlot, Vec<program::Lane>>,
        report: &mut Report,
    ) -> usize {
        let document = self.document;
        let mut count = 0;
        for lane in &pattern.lanes {
            let (Some(track), Ok(slot)) = (document.tracks.get(lane.track), u16::try_from(lane.track)) else {
                continue;
            };
            let compiler =
                Compiler { lane, track, octaves: document.octaves, scale: document.scale, budget: &self.budget };
            let free = MAX_LANES - count;
            let sources = compiler.sources(report);
            count += sources.len();
            if count > MAX_LANES {
                let line = notation::lines(lane.text.text).nth(free).unwrap_or_default();
                report.add(lane.text.place(line), || too_many_lanes(pattern.name));
                break;
            }
            let seed = |line: u64| match lane.seed {
                Some(own) => Random::new(own, line).next(),
                None => seed(document.seed, u64::from(slot), line),
            };
            let compiled =
                (0..).zip(sources).map(|(line, source)| program::Lane { source, swing: lane.swing, seed: seed(line) });
            clips.entry(TrackSlot(slot)).or_default().extend(compiled);
        }
        count
    }

    /// The lanes of controllers of a pattern, which has `count` lanes already.
    fn controllers(
        &mut self,
        pattern: &document::Pattern<'_>,
        mut count: usize,
        clips: &mut BTreeMap<TrackSlot, Vec<program::Lane>>,
        report: &mut Report,
    ) {
        let document = self.document;
        let port_of = |controller: &Controller| document.tracks.get(controller.track).map(|track| track.port);
        let intervals: Vec<TickSpan> = slots(&document.ports, PortSlot)
            .map(|(slot, port)| {
                let moving = pattern.controllers.iter().filter(|controller| controller.moves());
                let here = moving.filter(|&controller| port_of(controller) == Some(slot));
                curve::interval(here, port.wire, document.tempo)
            })
            .collect();
        for (line, controller) in (0..).zip(&pattern.controllers) {
            count += 1;
            if count > MAX_LANES {
                report.add(controller.span.clone(), || too_many_lanes(pattern.name));
                return;
            }
            let (Some(values), Ok(slot)) = (&mut self.values, u16::try_from(controller.track)) else { return };
            let port = port_of(controller).map(|port| usize::from(port.0));
            let interval = port.and_then(|port| intervals.get(port)).copied().unwrap_or(TickSpan::SIXTEENTH);
            match controller.steps(pattern.length, interval, values) {
                Ok(steps) => clips.entry(TrackSlot(slot)).or_default().push(program::Lane {
                    source: Source::Steps(steps),
                    swing: Swing::NONE,
                    // Apart from the lines of steps, however many there are.
                    seed: seed(document.seed, u64::from(slot), (1 << 32) + line),
                }),
                Err(excess) => {
                    report.add(controller.place(), || excess.mistake());
                    if excess == Excess::ValuesOfAll {
                        // What follows would only say the same.
                        self.values = None;
                    }
                }
            }
        }
    }
}

fn too_many_lanes(pattern: &str) -> Diagnostic {
    Diagnostic::new(format!("the pattern {} has too many lines of steps and controllers", quoted(pattern)))
        .label("here it is one too many")
        .help(format!("a pattern has at most {MAX_LANES} of them in all of its tracks"))
}

/// The seed of one line of a track under the set's seed.
fn seed(set: u64, track: u64, line: u64) -> u64 {
    Random::new(Random::new(set, track).next(), line).next()
}

/// Compiles what one track plays in a pattern.
struct Compiler<'c, 't> {
    lane: &'c Lane<'t>,
    track: &'c Track<'t>,
    octaves: Octaves,
    scale: Option<scale::Named>,
    /// What the lines of the set may still be written out to.
    budget: &'c Budget,
}

impl Compiler<'_, '_> {
    fn sources(&self, report: &mut Report) -> Vec<Source> {
        let Lane { text, kind, octave, .. } = self.lane;
        if let Kind::Arp { held: Some(held), .. } = kind {
            return self.held_arp(*held).map(Source::Arp).into_iter().collect();
        }
        let kit = match &self.track.kit {
            Drums::None => None,
            Drums::Kit(kit) => Some(kit),
            Drums::Unreadable => return Vec::new(),
        };
        if let (Some(_), Some((_, span))) = (kit, octave) {
            report.add(span.clone(), || {
                Diagnostic::new("a kit has no octaves")
                    .label(format!("{} has a kit", quoted(self.track.name)))
                    .help("its letters are drums, not notes; leave `octave` out")
            });
            return Vec::new();
        }
        let voice =
            Voice { track: self.track.name, kit, note: self.track.note, octaves: self.octaves, scale: self.scale };
        if notation::lines(text.text).next().is_none() {
            let (what, help) = match kind {
                Kind::Steps { .. } => ("step", format!("for example `{}`; a rest is `.`", steps_keys::STEPS.example)),
                Kind::Arp { .. } => ("note", format!("for example `{}`", arp_keys::ARP.example)),
            };
            report.add(text.span.clone(), || {
                Diagnostic::new(format!("{} has no {what}", quoted(self.track.name)))
                    .label(format!("expected at least one {what}"))
                    .help(help)
            });
            return Vec::new();
        }
        match kind {
            Kind::Steps { step } => {
                // One line too many is enough to know that there are too many.
                let lines = notation::lines(text.text).take(MAX_LANES + 1);
                let mut steps: Vec<Steps> = lines.filter_map(|line| self.steps(line, *step, voice, report)).collect();
                self.move_octaves(&mut steps, report);
                steps.into_iter().map(Source::Steps).collect()
            }
            Kind::Arp { .. } => self.arp(voice, report).map(Source::Arp).into_iter().collect(),
        }
    }

    /// Moves notes by as many octaves as the lane says.
    fn move_octaves(&self, lines: &mut [Steps], report: &mut Report) {
        let Some((_, span)) = &self.lane.octave else { return };
        for event in lines.iter_mut().flat_map(|steps| &mut steps.events) {
            let Action::Note { key, .. } = &mut event.action else { continue };
            match self.lane.moved(*key) {
                Some(moved) => *key = moved,
                None => {
                    report.add(span.clone(), || self.off_the_keyboard());
                    return;
                }
            }
        }
    }

    fn off_the_keyboard(&self) -> Diagnostic {
        Diagnostic::new("`octave` moves a note off the keyboard")
            .label(super::pitch::off_the_keyboard(self.octaves))
            .help("move the notes by fewer octaves")
    }

    /// Returns how hard a note is struck that may say so itself.
    fn velocity(&self, own: Option<Velocity>, accent: bool) -> Velocity {
        let velocity = own.or(self.lane.velocity).unwrap_or(self.track.velocity);
        match accent {
            true => Velocity::new(velocity.value().saturating_add(ACCENT)).unwrap_or(Velocity::MAX),
            false => velocity,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::program::{Action, ArpKeys, ClockOut, Event, Lane, MAX_LENGTH, Pattern, Pick, PortSlot, Source};
    use crate::set::{Set, builtin};
    use crate::time::TickSpan;

    /// A set with one pattern on a drum track and a bass track.
    fn set(pattern: &str) -> Set {
        let rig = "[ports.a]\ndevice = \"A\"\n\
            [tracks.drums]\nport = \"a\"\nchannel = 10\nkit = { k = 60, s = \"d3\" }\nvelocity = 110\ngate = 25\n\
            [tracks.bass]\nport = \"a\"\nchannel = 1\nnote = \"c2\"\n[patterns.main]\n";
        Set::parse("a.toml", format!("{rig}{pattern}").as_bytes()).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    fn lanes(pattern: &Pattern) -> Vec<&Lane> {
        pattern.clips.iter().flat_map(|clip| &clip.lanes).collect()
    }

    fn notes(lane: &Lane) -> (i64, &[Event]) {
        match &lane.source {
            Source::Steps(steps) => (steps.length.0, &steps.events),
            Source::Arp(_) | Source::Feed(_) => panic!("no steps"),
        }
    }

    /// Place, gate, key, velocity of each note of the lane.
    fn figures(lane: &Lane) -> Vec<(i64, i64, u8, u8)> {
        let figures = |event: &Event| match event.action {
            Action::Note { key, velocity, .. } => (event.at.0, event.gate.0, key.number(), velocity.value()),
            other => panic!("{other:?}"),
        };
        notes(lane).1.iter().map(figures).collect()
    }

    fn is_legato(event: &Event) -> bool {
        matches!(event.action, Action::Note { legato: true, .. })
    }

    #[test]
    fn the_built_in_set_plays_the_performance() {
        let built_in = builtin::find("circuits").unwrap();
        let set = Set::parse("circuits.toml", built_in.text.as_bytes()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert_eq!(set.name, "circuits");
        assert_eq!(
            set.ports.iter().map(|port| &port.device[..]).collect::<Vec<_>>(),
            ["Circuit", "Circuit Mono Station"]
        );
        assert_eq!(set.tracks, ["drums", "bass", "arp"]);
        let program = &set.program;
        assert_eq!(*program.clock.follow, [PortSlot(0)]);
        assert_eq!(program.clocked(|clock| clock != ClockOut::None).iter().collect::<Vec<_>>(), [PortSlot(1)]);
        assert_eq!(program.tempo.bpm().round(), 125.0);
        let (circuit, mono) = (&set.ports[0], &set.ports[1]);
        assert!(circuit.input && circuit.output && !circuit.clock && !mono.input && mono.output && mono.clock);
        let transpose = program.tracks[1].transpose.unwrap();
        assert_eq!((transpose.port, transpose.channel, transpose.from.number()), (PortSlot(0), None, 48));
        let channels: Vec<_> = program.tracks.iter().map(|track| (track.port.0, track.channel.number())).collect();
        assert_eq!(channels, [(0, 10), (1, 1), (1, 1)]);

        let pattern = &program.patterns[0];
        assert_eq!(pattern.length, TickSpan(3_840));
        let [kick, snare, hats, bass, arp] = lanes(pattern)[..] else { panic!("{pattern:?}") };
        assert_eq!(figures(kick), [0, 960, 1_920, 2_880].map(|at| (at, 480, 60, 127)));
        assert_eq!(figures(snare), [960, 2_880].map(|at| (at, 480, 62, 127)));
        let beat = |at| [(at, 120, 64, 127), (at + 240, 120, 64, 127), (at + 480, 240, 65, 127)];
        assert_eq!(figures(hats), [0, 960, 1_920, 2_880].map(beat).concat());
        assert_eq!(figures(bass), [(0, 3_840, 48, 127)]);
        assert!(is_legato(&notes(bass).1[0]) && notes(bass).0 == 3_840);
        let Source::Arp(arp) = &arp.source else { panic!("{arp:?}") };
        let ArpKeys::Written(keys, next_key) = &arp.keys else { panic!("{arp:?}") };
        assert_eq!(keys.iter().map(|key| key.number()).collect::<Vec<_>>(), [72, 65, 67]);
        assert_eq!(*arp.lengths, [240, 240, 240, 480].map(TickSpan));
        assert_eq!((*next_key, arp.next_length, arp.gate), (Pick::Turn, Pick::Random, 50));
        assert_eq!((arp.velocity.value(), arp.rest), (32, Some(TickSpan(3_840))));
    }

    #[test]
    fn the_step_says_more_than_the_lane_and_the_lane_more_than_the_track() {
        let set = set("drums = \"k k:70 k=100 K k:120!\"\n\
            bass = { steps = \"x x:70 x=100 X\", step = \"1/4\", gate = 10, velocity = 20 }\n");
        let lanes = lanes(&set.program.patterns[0]);
        let expected =
            [(0, 60, 60, 110), (240, 60, 60, 70), (480, 240, 60, 110), (720, 60, 60, 127), (960, 60, 60, 127)];
        assert_eq!(figures(lanes[0]), expected);
        assert_eq!(figures(lanes[1]), [(0, 96, 48, 20), (960, 96, 48, 70), (1_920, 960, 48, 20), (2_880, 96, 48, 47)]);
    }

    #[test]
    fn each_line_is_a_lane_of_its_own_length() {
        let set = set("drums = \"\"\"\n  k..\n | \n  s....|\n\"\"\"\n");
        let lanes = lanes(&set.program.patterns[0]);
        assert_eq!(lanes.iter().map(|lane| notes(lane).0).collect::<Vec<_>>(), [720, 1_200]);
    }

    #[test]
    fn holds_lengthen_and_the_gate_is_of_all_that_is_held() {
        let set = set("drums = \"k___ s_~\"\n".replace("_~", "~_").as_str());
        let lane = lanes(&set.program.patterns[0])[0];
        assert_eq!(figures(lane), [(0, 240, 60, 110), (960, 480, 62, 110)]);
        assert!(!is_legato(&notes(lane).1[0]) && is_legato(&notes(lane).1[1]));
    }

    #[test]
    fn a_note_sounds_for_a_tick_at_least() {
        let set = set("bass = { steps = \"x=1\", step = \"1/3840\" }\n");
        assert_eq!(figures(lanes(&set.program.patterns[0])[0]), [(0, 1, 48, 100)]);
    }

    #[test]
    fn rests_alone_and_patterns_without_tracks_are_silence() {
        let set = set("bass = \"....\"\n[patterns.none]\n");
        assert_eq!(notes(lanes(&set.program.patterns[0])[0]), (960, &[][..]));
        assert!(set.program.patterns[1].clips.is_empty());
    }

    #[test]
    fn an_arpeggio_takes_what_the_track_says_where_it_says_nothing() {
        let set = set("bass = { arp = \"x e2\" }\ndrums = { arp = \"k s\", gate = 100 }\n");
        let are_two = |keys: &ArpKeys| matches!(keys, ArpKeys::Written(keys, _) if keys.len() == 2);
        let arps: Vec<_> = lanes(&set.program.patterns[0])
            .into_iter()
            .map(|lane| match &lane.source {
                Source::Arp(arp) => (are_two(&arp.keys), arp.gate, arp.velocity.value(), arp.rest, arp.lengths.len()),
                Source::Steps(_) | Source::Feed(_) => panic!("steps"),
            })
            .collect();
        assert_eq!(arps, [(true, 100, 110, None, 1), (true, 50, 100, None, 1)]);
    }

    #[test]
    fn names_keep_the_order_of_the_file() {
        let text = "[patterns.z]\n[tracks.y]\nport = \"b\"\nchannel = 1\n[patterns.a]\n[ports.c]\ndevice = \"C\"\n\
            [tracks.x]\nport = \"c\"\nchannel = 1\n[ports.b]\ndevice = \"B\"\n";
        let set = Set::parse("folder/name.of.toml", text.as_bytes()).unwrap();
        assert_eq!(
            (&set.name[..], &set.patterns[..], &set.tracks[..]),
            ("name.of", &["z".to_owned(), "a".to_owned()][..], &["y".to_owned(), "x".to_owned()][..])
        );
        assert_eq!(set.ports.iter().map(|port| &port.name[..]).collect::<Vec<_>>(), ["c", "b"]);
        assert_eq!(set.program.tracks.iter().map(|track| track.port.0).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn the_longest_there_is_is_played() {
        let set = set("bars = 3000\nbass = { steps = \"x\", step = \"3000/1\" }\n");
        assert_eq!(set.program.patterns[0].length, MAX_LENGTH);
        assert_eq!(notes(lanes(&set.program.patterns[0])[0]).0, MAX_LENGTH.0);
    }

    #[test]
    fn rests_cost_nothing_however_many_there_are() {
        let lines = "x _ 1000(9999(.)) 3(2(. .)) x 99(9999(_)) _{74=1} . x\n".repeat(200);
        let set = set(&format!("bass = {{ step = \"1/3840\", gate = 100, steps = \"\"\"\n{lines}\"\"\" }}\n"));
        let lanes = lanes(&set.program.patterns[0]);
        assert_eq!(lanes.len(), 200);
        let (length, events) = notes(lanes[0]);
        let (second, held) = (2 + 9_999_000 + 12, 99 * 9_999 + 2);
        assert_eq!(length, second + held + 2);
        let places: Vec<_> = events.iter().map(|event| (event.at.0, event.gate.0)).collect();
        assert_eq!(places, [(0, 2), (second, held), (second + held - 1, 0), (second + held + 1, 1)]);
    }

    #[test]
    fn transposition_is_read_in_either_order() {
        let text = |transpose: &str| {
            format!(
                "octaves = \"c4\"\n[ports.a]\ndevice = \"A\"\n[tracks.b]\nport = \"a\"\nchannel = 1\n\
                transpose = \"{transpose}\"\n[patterns.p]\n"
            )
        };
        for (written, channel, from) in [
            ("a", None, 36),
            ("a from c4", None, 60),
            (" a  channel 3 ", Some(3), 36),
            ("a channel 16 from d4", Some(16), 62),
            ("a from d4 channel 16", Some(16), 62),
        ] {
            let set = Set::parse("a", text(written).as_bytes()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
            let transpose = set.program.tracks[0].transpose.unwrap();
            assert_eq!((transpose.channel.map(|channel| channel.number()), transpose.from.number()), (channel, from));
            assert!(set.ports[0].input);
        }
    }
}

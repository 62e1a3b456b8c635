//! A set that is read again while the show plays: what keeps its name keeps its slot.
//!
//! The engine knows tracks, patterns and ports by their slots, and remembers by them what is muted, where a loop is and what
//! sounds. So an edited set is not numbered in the order of its file, but after the set that it follows. What has the same
//! name has the same slot; what is new gets a slot that nobody had, and only where none is left, one that somebody had; what
//! was removed leaves an empty slot. There are always slots enough: a file has no more names than there are slots, and the
//! empty ones may be taken.
//!
//! A port that keeps its name but not its device keeps its slot, and counts as another one otherwise: what sounds on the old
//! device has to end there.
//!
//! The order of the notes on one tick is that of the lanes, which are numbered in the order of the file whatever slots the
//! tracks have. So the edited set sounds as it would if it were read for the first time.

use std::collections::HashMap;

use super::{FileOrder, Port, Set};
use crate::engine::Command;
use crate::engine::program::{
    Arp, ArpKeys, Binding, Clip, ClockOut, ClockPlan, Does, Fader, Knob, LaneRange, MAX_PORTS, MAX_TRACKS, Part,
    Pattern, PatternSlot, PortSlot, Program, ProgramChange, SlotOwner, Song, Source, Thru, Track, TrackSlot, Transpose,
    Wire,
};
use crate::engine::program::{Lane, Port as PortPlan};
use crate::midi::Channel;
use crate::time::{Span, TickSpan};

/// The most slots of patterns.
const MOST_PATTERNS: usize = 1 << 16;

/// Where the things of a file go.
struct Allotment {
    /// For each of them in the order of the file, its slot.
    slots: Vec<usize>,
    /// How many slots there are then.
    count: usize,
}

impl Allotment {
    /// Finds slots for `names`, of which there are at most `most`, after those of `previous`, by slot. An empty name is an
    /// empty slot.
    fn after(previous: &[&str], names: &[&str], most: usize) -> Allotment {
        let known: HashMap<&str, usize> = previous
            .iter()
            .enumerate()
            .filter(|(_, name)| !name.is_empty())
            .map(|(slot, &name)| (name, slot))
            .collect();
        let kept: Vec<Option<usize>> = names.iter().map(|name| known.get(name).copied()).collect();
        let mut taken = vec![false; previous.len()];
        kept.iter().flatten().for_each(|&slot| taken[slot] = true);
        let is_free = |slot: &usize| !taken[*slot];
        let was_empty = |slot: &usize| previous[*slot].is_empty();
        let before = (0..previous.len()).filter(is_free).filter(was_empty);
        let removed = (0..previous.len()).filter(is_free).filter(|slot| !was_empty(slot));
        let mut free = (previous.len()..most).chain(before).chain(removed);
        // `free` does not end before the names do; were it otherwise, two would share the last slot.
        let slots: Vec<usize> =
            kept.into_iter().map(|slot| slot.or_else(|| free.next()).unwrap_or(most.saturating_sub(1))).collect();
        let count = slots.iter().map(|slot| slot + 1).chain([previous.len()]).max().unwrap_or(0);
        Allotment { slots, count }
    }

    fn of(&self, index: usize) -> usize {
        self.slots.get(index).copied().unwrap_or(index)
    }

    fn port(&self, port: PortSlot) -> PortSlot {
        PortSlot(u8::try_from(self.of(usize::from(port.0))).unwrap_or(port.0))
    }

    fn track(&self, track: TrackSlot) -> TrackSlot {
        TrackSlot(u16::try_from(self.of(usize::from(track.0))).unwrap_or(track.0))
    }

    fn pattern(&self, pattern: PatternSlot) -> PatternSlot {
        PatternSlot(u16::try_from(self.of(usize::from(pattern.0))).unwrap_or(pattern.0))
    }

    /// The things of the file by their new slots; `vacant` where there is none.
    fn place<T>(&self, things: impl IntoIterator<Item = T>, vacant: impl Fn() -> T) -> Vec<T> {
        let mut placed: Vec<T> = std::iter::repeat_with(vacant).take(self.count).collect();
        for (slot, thing) in self.slots.iter().zip(things) {
            if let Some(place) = placed.get_mut(*slot) {
                *place = thing;
            }
        }
        placed
    }
}

impl Set {
    /// This set, just parsed, with the slots of `previous` for what has the same name there: what plays in place of it.
    #[must_use]
    pub fn following(self, previous: &Set) -> Set {
        let Set { name, ports, tracks, patterns, parts, program, places, order } = self;
        let port_names = |ports: &[Port]| ports.iter().map(|port| port.name.clone()).collect::<Vec<_>>();
        let numbering = Numbering {
            edition: previous.program.edition.saturating_add(1),
            ports: allot(&port_names(&previous.ports), &port_names(&ports), MAX_PORTS),
            tracks: allot(&previous.tracks, &tracks, MAX_TRACKS),
            patterns: allot(&previous.patterns, &patterns, MOST_PATTERNS),
        };
        let mut program = numbering.program(program);
        let ports = numbering.ports.place(ports, Port::vacant);
        let tracks = numbering.tracks.place(tracks, String::new);
        for (slot, (plan, port)) in program.ports.iter_mut().zip(&ports).enumerate() {
            let old = previous.ports.get(slot).filter(|old| (&old.name, &old.device) == (&port.name, &port.device));
            plan.owner =
                numbering.owner(port.name.is_empty(), old.and(previous.program.ports.get(slot)).map(|old| old.owner));
        }
        for (slot, (track, name)) in program.tracks.iter_mut().zip(&tracks).enumerate() {
            let old = previous.tracks.get(slot).filter(|old| *old == name);
            track.owner =
                numbering.owner(name.is_empty(), old.and(previous.program.tracks.get(slot)).map(|old| old.owner));
        }
        Set {
            name,
            ports,
            tracks,
            patterns: numbering.patterns.place(patterns, String::new),
            parts,
            program,
            order: FileOrder {
                tracks: order.tracks.iter().map(|&slot| numbering.tracks.of(slot)).collect(),
                patterns: order.patterns.iter().map(|&slot| numbering.patterns.of(slot)).collect(),
            },
            places: places.renumbered(
                |pattern| usize::from(numbering.patterns.pattern(pattern).0),
                |track| usize::from(numbering.tracks.track(track).0),
            ),
        }
    }
}

fn allot(previous: &[String], names: &[String], most: usize) -> Allotment {
    let previous: Vec<&str> = previous.iter().map(String::as_str).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Allotment::after(&previous, &names, most)
}

/// The new numbers of everything that has a slot. What holds slots is taken apart in full below, so that whatever is added
/// to it has to be thought of here.
struct Numbering {
    edition: u32,
    ports: Allotment,
    tracks: Allotment,
    patterns: Allotment,
}

impl Numbering {
    /// Returns who has a slot whose owner was `old`, if that has stayed.
    fn owner(&self, is_vacant: bool, old: Option<SlotOwner>) -> SlotOwner {
        if is_vacant { SlotOwner::NOBODY } else { old.unwrap_or(SlotOwner(self.edition)) }
    }

    fn program(&self, program: Program) -> Program {
        let Program {
            edition: _,
            meter,
            tempo,
            clock,
            launch,
            scale,
            transpose,
            ports,
            tracks,
            patterns,
            first,
            song,
            thrus,
            bindings,
        } = program;
        let ClockPlan { follow, session, lost, join, when_stopped } = clock;
        let Song { parts, then } = song;
        let part = |Part { pattern, start, length }| Part { pattern: self.patterns.pattern(pattern), start, length };
        let no_pattern = || Pattern {
            length: meter.bar(),
            keep: false,
            launch: None,
            programs: Box::default(),
            ahead: TickSpan::ZERO,
            clips: Box::default(),
            vacant: true,
        };
        let tracks = tracks.into_iter().map(|track| self.track(track));
        let patterns = patterns.into_iter().map(|pattern| self.pattern(pattern));
        let thru = |Thru { track, port, channels, by }| Thru {
            track: self.tracks.track(track),
            port: self.ports.port(port),
            channels,
            by,
        };
        let mut thrus: Vec<Thru> = thrus.into_iter().map(thru).collect();
        thrus.sort_by_key(|thru| thru.track);
        Program {
            edition: self.edition,
            meter,
            tempo,
            clock: ClockPlan {
                follow: follow.iter().map(|&port| self.ports.port(port)).collect(),
                lost,
                session,
                join,
                when_stopped,
            },
            launch,
            scale,
            transpose: transpose.map(|transpose| self.transpose(transpose)),
            ports: self.ports.place(ports, no_port).into(),
            tracks: self.tracks.place(tracks, no_track).into(),
            patterns: self.patterns.place(patterns, no_pattern).into(),
            first: self.patterns.pattern(first),
            thrus: thrus.into(),
            song: Song { parts: parts.into_iter().map(part).collect(), then },
            bindings: bindings.into_iter().map(|binding| self.binding(binding)).collect(),
        }
    }

    fn transpose(&self, Transpose { port, channel, from, unit }: Transpose) -> Transpose {
        Transpose { port: self.ports.port(port), channel, from, unit }
    }

    fn track(&self, Track { port, channel, transpose, moves, lanes, owner }: Track) -> Track {
        let transpose = transpose.map(|transpose| self.transpose(transpose));
        Track { port: self.ports.port(port), channel, transpose, moves, lanes, owner }
    }

    fn pattern(&self, Pattern { length, keep, launch, programs, ahead, clips, vacant }: Pattern) -> Pattern {
        let change = |ProgramChange { port, channel, bank, program }| ProgramChange {
            port: self.ports.port(port),
            channel,
            bank,
            program,
        };
        let mut clips: Vec<Clip> = clips.into_iter().map(|clip| self.clip(clip)).collect();
        clips.sort_unstable_by_key(|clip| clip.track);
        let programs = programs.into_iter().map(change).collect();
        Pattern { length, keep, launch, programs, ahead, clips: clips.into(), vacant }
    }

    fn clip(&self, Clip { track, lanes }: Clip) -> Clip {
        Clip { track: self.tracks.track(track), lanes: lanes.into_iter().map(|lane| self.lane(lane)).collect() }
    }

    fn lane(&self, Lane { source, swing, seed }: Lane) -> Lane {
        let source = match source {
            Source::Arp(Arp { keys, lengths, next_length, gate, velocity, rest }) => {
                let keys = match keys {
                    ArpKeys::Held { port, channel, order, octave } => {
                        ArpKeys::Held { port: self.ports.port(port), channel, order, octave }
                    }
                    written @ ArpKeys::Written(..) => written,
                };
                Source::Arp(Arp { keys, lengths, next_length, gate, velocity, rest })
            }
            same @ (Source::Steps(_) | Source::Feed(_)) => same,
        };
        Lane { source, swing, seed }
    }

    fn binding(&self, Binding { port, channel, trigger, values, does, light }: Binding) -> Binding {
        let does = match does {
            Does::Press { command, release } => {
                Does::Press { command: self.command(command), release: release.map(|command| self.command(command)) }
            }
            Does::Slide(Fader { knob, low, high }) => {
                let knob = match knob {
                    Knob::Tempo => Knob::Tempo,
                    Knob::Transpose(track, unit) => Knob::Transpose(track.map(|track| self.tracks.track(track)), unit),
                    Knob::Control(track, target) => Knob::Control(self.tracks.track(track), target),
                };
                Does::Slide(Fader { knob, low, high })
            }
        };
        Binding { port: self.ports.port(port), channel, trigger, values, does, light }
    }

    fn command(&self, command: Command) -> Command {
        match command {
            Command::Launch { pattern, at } => Command::Launch { pattern: self.patterns.pattern(pattern), at },
            Command::Mute(track, switch) => Command::Mute(self.tracks.track(track), switch),
            Command::Solo(track, switch) => Command::Solo(self.tracks.track(track), switch),
            Command::Transpose { track, by, unit } => {
                Command::Transpose { track: track.map(|track| self.tracks.track(track)), by, unit }
            }
            Command::Control { track, target, value } => {
                Command::Control { track: self.tracks.track(track), target, value }
            }
            Command::SilencePort(port) => Command::SilencePort(self.ports.port(port)),
            Command::ReleaseInput(port) => Command::ReleaseInput(self.ports.port(port)),
            Command::Start
            | Command::Continue
            | Command::Stop
            | Command::CancelLaunch
            | Command::Jump(_)
            | Command::Hold(_)
            | Command::Fill(_)
            | Command::Tempo(_)
            | Command::TempoStep(_)
            | Command::Tap
            | Command::Pace(_)
            | Command::Session(_)
            | Command::Panic
            | Command::EndAfter(_)
            | Command::End => command,
        }
    }
}

/// An empty slot of a port.
fn no_port() -> PortPlan {
    PortPlan {
        offset: Span::ZERO,
        clock: ClockOut::None,
        wire: Wire::default(),
        senses: false,
        owner: SlotOwner::NOBODY,
    }
}

/// An empty slot of a track.
fn no_track() -> Track {
    Track {
        port: PortSlot(0),
        channel: Channel::from_status(0),
        transpose: None,
        moves: false,
        lanes: LaneRange::default(),
        owner: SlotOwner::NOBODY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A set with these ports, a track on each of them, and these patterns, in each of which all tracks play.
    fn set(ports: &[&str], patterns: &[&str]) -> Set {
        let ports_of = |port: &&str| {
            format!("[ports.{port}]\ndevice = \"{port}\"\n[tracks.t{port}]\nport = \"{port}\"\nchannel = 1\n")
        };
        let mut text: String = ports.iter().map(ports_of).collect();
        for pattern in patterns {
            let lines = ports.iter().map(|port| format!("t{port} = \"c2\"\n"));
            text += &format!("[patterns.{pattern}]\n{}", lines.collect::<String>());
        }
        Set::parse("a.toml", text.as_bytes()).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    fn names(set: &Set) -> (Vec<&str>, Vec<&str>, Vec<&str>) {
        (
            set.ports.iter().map(|port| port.name.as_str()).collect(),
            set.tracks.iter().map(String::as_str).collect(),
            set.patterns.iter().map(String::as_str).collect(),
        )
    }

    #[test]
    fn whatever_names_something_names_the_same_under_other_slots() {
        let things = |ports: [&str; 2], tracks: [&str; 2], patterns: [&str; 2], more: &str| {
            let ports = ports.map(|port| format!("[ports.{port}]\ndevice = \"{port}\"\n")).concat();
            let tracks = tracks.map(|track| {
                let keys =
                    if track == "two" && !more.is_empty() { "transpose = \"k\"\nthru = \"k channel 2\"\n" } else { "" };
                format!("[tracks.{track}]\nport = \"a\"\nchannel = 1\n{keys}")
            });
            let patterns = patterns.map(|pattern| {
                let held = if more.is_empty() { "" } else { "two = { held = \"k\" }\nprogram = { a = 3 }\n" };
                format!("[patterns.{pattern}]\n{held}")
            });
            format!(
                "{}{ports}{}{}{more}",
                if more.is_empty() { "" } else { "transpose = \"k\"\n" },
                tracks.concat(),
                patterns.concat()
            )
        };
        let more = ["mute two", "launch q", "transpose two -5..5", "cc two 74 0..9"].iter().enumerate();
        let more: String =
            more.map(|(number, does)| format!("[[bind]]\non = \"k cc {number}\"\ndo = \"{does}\"\n")).collect();
        let more = format!("[clock]\nfollow = \"k\"\n[song]\nparts = [\"q\"]\n{more}");
        let parse = |text: &str| Set::parse("a.toml", text.as_bytes()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let before = parse(&things(["a", "k"], ["one", "two"], ["p", "q"], ""));
        let set = parse(&things(["k", "a"], ["two", "one"], ["q", "p"], &more)).following(&before);
        let (a, k, two, q) = (PortSlot(0), PortSlot(1), TrackSlot(1), PatternSlot(1));
        assert_eq!((set.ports[0].name.as_str(), set.tracks[1].as_str(), set.patterns[1].as_str()), ("a", "two", "q"));
        let program = &set.program;
        assert_eq!((program.first, program.song.parts[0].pattern, program.clock.follow[0]), (q, q, k));
        assert_eq!(program.transpose.map(|transpose| transpose.port), Some(k));
        assert_eq!(program.tracks[1].transpose.map(|transpose| transpose.port), Some(k));
        assert_eq!((program.tracks[1].port, program.thrus[0].track, program.thrus[0].port), (a, two, k));
        assert_eq!(program.patterns[1].programs[0].port, a);
        let clip = &program.patterns[1].clips[0];
        assert!(
            matches!(&clip.lanes[0].source, Source::Arp(Arp { keys: ArpKeys::Held { port, .. }, .. }) if *port == k)
        );
        assert_eq!(clip.track, two);
        let bound: Vec<_> = program.bindings.iter().map(|binding| (binding.port, binding.does)).collect();
        assert!(bound.iter().all(|bound| bound.0 == k));
        assert!(matches!(bound[0].1, Does::Press { command: Command::Mute(track, _), .. } if track == two));
        assert!(matches!(bound[1].1, Does::Press { command: Command::Launch { pattern, .. }, .. } if pattern == q));
        assert!(matches!(bound[2].1, Does::Slide(Fader { knob: Knob::Transpose(Some(track), _), .. }) if track == two));
        assert!(matches!(bound[3].1, Does::Slide(Fader { knob: Knob::Control(track, _), .. }) if track == two));
    }

    #[test]
    fn what_keeps_its_name_keeps_its_slot() {
        let first = set(&["a", "b", "c"], &["one", "two"]);
        let second = set(&["d", "c", "a"], &["three", "two"]).following(&first);
        assert_eq!(names(&second), (vec!["a", "", "c", "d"], vec!["ta", "", "tc", "td"], vec!["", "two", "three"]));
        let program = &second.program;
        assert_eq!((program.edition, program.first), (2, PatternSlot(2)));
        assert!(program.patterns[0].vacant && program.patterns[0].clips.is_empty());
        let owners: Vec<u32> = program.tracks.iter().map(|track| track.owner.0).collect();
        assert_eq!(owners, [1, 0, 1, 2]);
        assert!(program.ports.iter().map(|port| port.owner.0).eq(owners));
        assert_eq!(program.tracks.iter().map(|track| track.port.0).collect::<Vec<_>>(), [0, 0, 2, 3]);
        let clips = |slot: usize| program.patterns[slot].clips.iter().map(|clip| clip.track.0).collect::<Vec<_>>();
        assert_eq!((clips(1), clips(2)), (vec![0, 2, 3], vec![0, 2, 3]));
        let lanes: Vec<u16> = [3, 2, 0].iter().map(|&slot: &usize| program.tracks[slot].lanes.first).collect();
        assert_eq!(lanes, [0, 1, 2], "in the order of the file");
        // What comes back is somebody else, and nobody's slot is taken while there are others.
        let third = set(&["b", "a"], &["one"]).following(&second);
        assert_eq!(names(&third), (vec!["a", "", "", "", "b"], vec!["ta", "", "", "", "tb"], vec!["", "", "", "one"]));
        assert_eq!(third.program.ports[4].owner, SlotOwner(3));
    }

    #[test]
    fn empty_slots_are_taken_when_no_other_is_left() {
        let many: Vec<String> = (0..MAX_PORTS).map(|port| format!("p{port}")).collect();
        let mut names: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut last = set(&names, &["one"]);
        for round in 0..3 {
            let other = ["x", "y", "z"][round];
            names[round] = other;
            names.rotate_left(5);
            let place = names.iter().position(|name| *name == other).unwrap();
            names.swap(place, 0);
            last = set(&names, &["one"]).following(&last);
            assert_eq!(last.ports.len(), MAX_PORTS);
            let slot = last.ports.iter().position(|port| port.name == other).unwrap();
            assert_eq!(last.program.ports[slot].owner, SlotOwner(round as u32 + 2), "nobody inherits");
            names.swap(place, 0);
            names.rotate_right(5);
        }
        // A slot that has been empty goes before one that has just been left.
        let fewer = set(&["p5", "p6"], &["one"]).following(&last);
        let slot_of = |set: &Set, name: &str| set.ports.iter().position(|port| port.name == name).unwrap();
        let again = set(&["q", "p6"], &["one"]).following(&fewer);
        assert_ne!(slot_of(&again, "q"), slot_of(&fewer, "p5"));
        assert_eq!(slot_of(&again, "p6"), slot_of(&last, "p6"));
    }

    #[test]
    fn another_device_under_the_same_name_is_another_port() {
        let first = set(&["a", "b"], &["one"]);
        let mut second = set(&["b", "a"], &["one"]);
        second.ports[0].device = "other".into();
        let second = second.following(&first);
        assert_eq!((&second.ports[1].device[..], second.program.ports[1].owner), ("other", SlotOwner(2)));
        assert_eq!(second.program.ports[0].owner, SlotOwner::FIRST);
        assert_eq!(second.program.tracks[1].owner, SlotOwner::FIRST);
    }

    #[test]
    fn what_was_removed_cannot_be_named() {
        let set = set(&["b"], &["two"]).following(&set(&["a", "b"], &["one", "two"]));
        let refused = |text| crate::set::command::parse(text, &set.names()).unwrap_err().to_string();
        assert!(refused("launch one").contains("the only pattern is `two`"), "{}", refused("launch one"));
        assert!(refused("mute ta").contains("`tb`"), "{}", refused("mute ta"));
        assert_eq!(
            crate::set::command::parse("launch two", &set.names()),
            Ok(Command::Launch { pattern: PatternSlot(1), at: None })
        );
    }

    #[test]
    fn places_go_with_their_slots() {
        let first = set(&["a"], &["one"]);
        let fresh = set(&["b", "a"], &["two", "one"]);
        let second = fresh.clone().following(&first);
        let line = |set: &Set, pattern, track| set.places.line(PatternSlot(pattern), TrackSlot(track), 0);
        assert_eq!([line(&second, 0, 0), line(&second, 1, 1)], [line(&fresh, 1, 1), line(&fresh, 0, 0)]);
    }

    proptest! {
        /// Everybody has one slot, those that were there before theirs, and what is free is free.
        #[test]
        fn allotments_hold_their_bounds(edits in prop::collection::vec(prop::collection::hash_set(0u8..12, 0..=6), 1..20)) {
            let mut before: Vec<String> = Vec::new();
            for names in edits {
                let names: Vec<String> = names.iter().map(u8::to_string).collect();
                let allotment = allot(&before, &names, 6);
                let after = allotment.place(names.iter().cloned(), String::new);
                prop_assert!(after.len() <= 6 && after.len() >= before.len());
                prop_assert_eq!(after.iter().filter(|name| !name.is_empty()).count(), names.len());
                for (slot, name) in before.iter().enumerate().filter(|(_, name)| names.contains(name)) {
                    prop_assert_eq!(&after[slot], name);
                }
                before = after;
            }
        }
    }
}

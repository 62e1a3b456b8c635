//! A set that is saved while it plays, in virtual time: the new program takes over at a bar line, and what plays goes on.

use std::collections::BTreeMap;

use crate::support::*;
use proptest::prelude::*;
use tightrope::engine::ClockSource;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::program::{Interval, PartSlot, PatternSlot, PortSlot, Quantum, SlotOwner, TrackSlot};
use tightrope::engine::{Command, Switch};
use tightrope::midi::Message;
use tightrope::set::Set;
use tightrope::time::{Nanos, Span, Tick};

const BEAT: i64 = 960;
const BAR: i64 = 3_840;

/// Two tracks on two channels, with a key on each quarter: 48 to 53 and 72 to 77.
const TWO: &str = r#"
tempo = 120
[ports.a]
device = "A"
[tracks.one]
port = "a"
channel = 1
[tracks.two]
port = "a"
channel = 2
[patterns.main]
one = { step = "1/4", steps = "c2 d2 e2 f2" }
two = { step = "1/4", steps = "c4 d4 e4 f4" }
"#;

fn parse(text: &str) -> Set {
    Set::parse("test.toml", text.as_bytes()).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(false)))
}

/// A show on its own clock whose set is edited.
struct Stage {
    show: Show,
    set: Set,
}

impl Stage {
    fn start(text: &str) -> Stage {
        let set = parse(text);
        let mut show = Show::new(set.program.clone());
        show.command(Command::Start);
        Stage { show, set }
    }

    /// Time passes up to `position`.
    fn to(&mut self, position: i64) -> &mut Stage {
        // The tempo may change on the way.
        loop {
            let at = self.show.engine.time_of(Tick(position)).expect("it runs");
            if at <= self.show.now {
                return self;
            }
            self.show.wait_until(at.min(self.show.now + Span::from_millis(10)));
        }
    }

    fn save(&mut self, text: &str) -> &mut Stage {
        self.set = parse(text).following(&self.set);
        self.show.renew(self.set.program.clone());
        self
    }

    fn command(&mut self, command: Command) -> &mut Stage {
        self.show.command(command);
        self
    }

    fn track(&self, name: &str) -> TrackSlot {
        TrackSlot(self.set.tracks.iter().position(|known| known == name).unwrap() as u16)
    }

    fn pattern(&self, name: &str) -> PatternSlot {
        PatternSlot(self.set.patterns.iter().position(|known| known == name).unwrap() as u16)
    }

    /// Note-ons from `position` on: where, on which channel, which key.
    fn from(&self, position: i64) -> Vec<(i64, u8, u8)> {
        self.show.check();
        let note = |departure: &tightrope::engine::outbox::Departure| match departure.message {
            Message::NoteOn(channel, key, _) => Some((departure.tick.0, channel.number(), key.number())),
            _ => None,
        };
        self.show.trace.iter().filter_map(note).filter(|note| note.0 >= position).collect()
    }

    /// The keys on `channel` from `position` on, with their places counted in quarters.
    fn keys(&self, channel: u8, position: i64) -> Vec<(i64, u8)> {
        let on = self.from(position).into_iter().filter(|note| note.1 == channel);
        on.map(|(at, _, key)| (at / BEAT, key)).collect()
    }

    /// Where the notes of `key` end.
    fn ends(&self, key: u8) -> Vec<i64> {
        let end = |departure: &tightrope::engine::outbox::Departure| match departure.message {
            Message::NoteOff(_, off, _) if off.number() == key => Some(departure.tick.0),
            _ => None,
        };
        self.show.trace.iter().filter_map(end).collect()
    }
}

#[test]
fn the_new_program_begins_at_the_next_bar_line() {
    // In the middle of a bar, on the line, just after it, and when it is all but there.
    for (saved, line) in [(1_500, BAR), (BAR, 2 * BAR), (BAR + 1, 2 * BAR), (BAR - 1, BAR), (BAR - 2, BAR)] {
        let mut stage = Stage::start(TWO);
        stage.to(saved).save(&TWO.replace("c2 d2 e2 f2", "c3 d3 e3 f3")).to(3 * BAR - 1);
        let expected: Vec<(i64, u8)> = (0..12)
            .map(|beat| (beat, [48, 50, 52, 53][beat as usize % 4] + if beat * BEAT >= line { 12 } else { 0 }))
            .collect();
        assert_eq!(stage.keys(1, 0), expected, "saved at {saved}");
        assert_eq!(stage.keys(2, 0).len(), 12);
        assert_eq!(stage.show.engine.status().edition, 2);
    }
}

#[test]
fn the_newest_wins() {
    let mut stage = Stage::start(TWO);
    stage.to(BEAT).save(&TWO.replace("c2", "c3")).to(2 * BEAT).save(&TWO.replace("c2", "g2"));
    stage.to(3 * BEAT).save(&TWO.replace("d2", "g2")).to(2 * BAR - 1);
    assert_eq!(stage.keys(1, BAR), [(4, 48), (5, 55), (6, 52), (7, 53)]);
    assert_eq!(stage.show.engine.status().edition, 4);
}

#[test]
fn a_show_that_is_stopped_goes_over_at_once() {
    let mut stage = Stage::start(TWO);
    stage.to(BAR + 100).command(Command::Stop).save(&TWO.replace("c2 d2 e2 f2", "c3 d3 e3 f3"));
    assert!(stage.show.next.is_none());
    stage.command(Command::Continue).to(2 * BAR - 1);
    assert_eq!(stage.keys(1, BAR), [(4, 48), (5, 62), (6, 64), (7, 65)], "it goes on where it stopped");
    // What waits for a line that does not come is not waited for.
    stage.save(TWO).command(Command::Stop);
    assert!(stage.show.next.is_none());
    stage.command(Command::Start).to(100);
    assert_eq!(stage.from(0).last(), Some(&(0, 2, 72)));
    // START while it waits: the line is that of the new beginning.
    stage.to(BEAT).save(&TWO.replace("c2", "c3")).command(Command::Start);
    let from = stage.show.trace.len();
    stage.to(BEAT - 1);
    assert!(stage.show.trace[from..].iter().any(|departure| departure.message == note_on(1, 60)));
}

/// Three ports, one early, one late, with a note on each 64th.
fn dense(keys: &str) -> String {
    let ports = [("early", "-40 ms"), ("plain", "0 ms"), ("late", "50 ms")];
    let ports = ports.map(|(name, offset)| {
        format!("[ports.{name}]\ndevice = \"{name}\"\noffset = \"{offset}\"\n[tracks.{name}]\nport = \"{name}\"\nchannel = 1\n")
    });
    let lines = ["early", "plain", "late"]
        .map(|name| format!("{name} = {{ step = \"1/64\", gate = 50, steps = \"{keys}\" }}\n"));
    format!("{}[patterns.main]\n{}", ports.concat(), lines.concat())
}

#[test]
fn early_and_late_ports_change_on_the_same_line() {
    for saved in [100, BAR - 200, BAR - 81, BAR - 76, BAR - 1] {
        let mut stage = Stage::start(&dense("c2"));
        stage.to(saved).save(&dense("c3")).to(3 * BAR);
        // The early port has reached the line 40 ms, 76 ticks, before it.
        let line = if saved < BAR - 76 { BAR } else { 2 * BAR };
        for port in 0..3 {
            let struck = stage.show.trace.iter().filter_map(|departure| match departure.message {
                Message::NoteOn(_, key, _) if departure.port == PortSlot(port) => {
                    Some((departure.tick.0, key.number()))
                }
                _ => None,
            });
            let struck: Vec<_> = struck.filter(|&(at, _)| at < 3 * BAR - 120).collect();
            let expected = (0..3 * BAR - 120).step_by(60).map(|at| (at, if at < line { 48 } else { 60 }));
            assert_eq!(struck, expected.collect::<Vec<_>>(), "port {port}, saved at {saved}");
        }
        stage.show.check();
    }
}

/// The notes on `port`: where they begin, where they end, and their keys.
fn lengths(show: &Show, port: u8) -> Vec<(i64, i64, u8)> {
    let mut open = BTreeMap::new();
    let mut closed = Vec::new();
    for departure in show.trace.iter().filter(|departure| departure.port == PortSlot(port)) {
        match departure.message {
            Message::NoteOn(channel, key, _) => drop(open.insert((channel, key), departure.tick.0)),
            Message::NoteOff(channel, key, _) => {
                closed.push((open.remove(&(channel, key)).unwrap(), departure.tick.0, key.number()));
            }
            _ => {}
        }
    }
    closed.sort_unstable();
    closed
}

#[test]
fn notes_that_a_late_port_has_yet_to_play_end_at_the_line_too() {
    // Each note lasts for three steps. Nobody is left on the first channel, or another pattern is launched at the line.
    let long = |keys| dense(keys).replace("gate = 50", "gate = 300");
    // That pattern plays on the late port itself or not. Or the track has nothing to play any more.
    for (launches, other) in [(false, "early"), (true, "early"), (true, "late"), (false, "nothing")] {
        let on = if other == "late" { "late" } else { "early" };
        let text = format!("{}[patterns.other]\n{on} = {{ step = \"1/4\", steps = \"c5\" }}\n", long("c2 d2 e2 f2"));
        let mut stage = Stage::start(&text);
        stage.to(BEAT);
        if launches {
            let pattern = stage.pattern("other");
            stage.command(Command::Launch { pattern, at: None });
        }
        let edited = match (launches, other) {
            (true, _) => text.clone(),
            (false, "nothing") => text.replace("late = {", "# late = {"),
            (false, _) => text.replace("port = \"late\"\nchannel = 1", "port = \"late\"\nchannel = 2"),
        };
        stage.save(&edited).to(BAR + BEAT);
        let notes: Vec<_> =
            lengths(&stage.show, 2).into_iter().filter(|note| (BAR - 300..BAR).contains(&note.0)).collect();
        let key = |at: i64| [48, 50, 52, 53][(at / 60) as usize % 4];
        let expected = (BAR - 300..BAR).step_by(60).map(|at| (at, (at + 180).min(BAR), key(at)));
        assert_eq!(notes, expected.collect::<Vec<_>>(), "launch: {launches}, {other}");
    }
}

#[test]
fn a_late_port_that_nothing_plays_on_any_more_ends_its_last_notes() {
    // When the new program is taken up, 1 ms before its line, the late port is silent or not.
    for gate in ["5", "50", "90"] {
        let text = dense("c2").replace("gate = 50", &format!("gate = {gate}"));
        let gone = text.replace("[tracks.late]\nport = \"late\"", "[tracks.late]\nport = \"plain\"");
        let gone = gone
            .replace("[tracks.late]\nport = \"plain\"\nchannel = 1", "[tracks.late]\nport = \"plain\"\nchannel = 2");
        let mut stage = Stage::start(&text);
        stage.to(BEAT).save(&gone).to(BAR + BEAT);
        let notes: Vec<_> = lengths(&stage.show, 2).into_iter().map(|(on, off, _)| (on, off)).collect();
        let length = 60 * gate.parse::<i64>().unwrap() / 100;
        assert_eq!(notes, (0..BAR).step_by(60).map(|at| (at, at + length)).collect::<Vec<_>>(), "gate {gate}");
    }
}

#[test]
fn a_muted_track_that_is_removed_stays_silent_to_its_end() {
    // By a mute of its own, and by the solo of another that is removed as well.
    let ports = dense("c2");
    let only = |name: &str| ports.replace(&format!("[tracks.{name}]\nport = \"{name}\"\nchannel = 1\n"), "");
    let without = |text: String, name: &str| {
        let lines = text.lines().filter(|line| !line.starts_with(&format!("{name} = ")));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    for (soloed, removed) in [(false, "late"), (true, "plain")] {
        let mut stage = Stage::start(&ports);
        let (late, plain) = (stage.track("late"), stage.track("plain"));
        stage.to(BEAT);
        stage.command(if soloed { Command::Solo(plain, Switch::On) } else { Command::Mute(late, Switch::On) });
        stage.save(&without(only(removed), removed)).to(BAR + BEAT);
        let struck = lengths(&stage.show, 2).into_iter().filter(|note| note.0 > BEAT && note.0 < BAR);
        assert_eq!(struck.collect::<Vec<_>>(), [], "soloed: {soloed}");
    }
    // Muted after the new program has been taken up.
    let mut stage = Stage::start(&ports);
    let late = stage.track("late");
    stage.to(BEAT).save(&dense("c3")).to(BAR - 60);
    assert_eq!(stage.show.engine.status().edition, 2);
    stage.command(Command::Mute(late, Switch::On)).to(BAR + BEAT);
    let last = lengths(&stage.show, 2).last().copied();
    assert!(last.is_some_and(|(on, off, _)| on == BAR - 180 && off < BAR - 120), "{last:?}");
}

#[test]
fn what_a_late_port_has_yet_to_play_is_not_played_after_a_stop() {
    let mut stage = Stage::start(&dense("c2"));
    stage.to(BEAT).save(&dense("c3")).to(BAR - 60);
    assert_eq!(stage.show.engine.status().edition, 2, "the early port has gone over");
    stage.command(Command::Stop).command(Command::Start);
    let from = stage.show.trace.len();
    stage.to(BEAT);
    let after = &stage.show.trace[from..];
    assert!(after.iter().all(|departure| departure.tick.0 < BAR / 2), "notes of before");
    assert!(after.len() > 30);
    // Nor when the music comes to the same place again.
    stage.to(BAR + BEAT);
    let struck = |departure: &&tightrope::engine::outbox::Departure| matches!(departure.message, Message::NoteOn(..));
    let keys = stage.show.trace[from..].iter().filter(struck).map(|departure| departure.message);
    assert!(keys.clone().count() > 200 && keys.clone().all(|message| message == note_on(1, 60)));
}

#[test]
fn a_launch_just_before_the_line_brings_the_new_program_with_it() {
    let fine = |keys| dense(keys).replace("1/64", "1/3840");
    let lines = |keys| fine(keys).split_off(fine(keys).find("early = {").unwrap());
    let text = format!("{}[patterns.other]\n{}", fine("c2"), lines("c4"));
    let mut stage = Stage::start(&text);
    let pattern = stage.pattern("other");
    let at = Some(Quantum::Grid(tightrope::time::TickSpan(BAR - 1)));
    stage.to(BAR - 200).command(Command::Launch { pattern, at });
    stage.save(&text.replace("c4", "c5").replace("c2", "c3")).to(BAR + 200);
    for port in 0..3 {
        let struck: Vec<_> = lengths(&stage.show, port).into_iter().map(|(at, _, key)| (at, key)).collect();
        let expected: Vec<_> = (0..BAR + 100).map(|at| (at, if at < BAR - 1 { 48 } else { 84 })).collect();
        assert!(struck.starts_with(&expected), "port {port}: {:?}", &struck[BAR as usize - 10..][..20]);
    }
    stage.show.check();
}

#[test]
fn what_a_late_port_has_yet_to_play_is_transposed_as_it_was() {
    let mut stage = Stage::start(&dense("c2"));
    let late = stage.track("late");
    stage.to(BEAT).command(Command::Transpose { track: Some(late), by: 5, unit: Interval::Semitones });
    stage.save(&dense("c3")).to(BAR + BEAT);
    let keys = lengths(&stage.show, 2).into_iter().filter(|note| note.0 > BEAT).map(|(at, _, key)| (at, key));
    let expected = (BEAT + 60..BAR + BEAT - 120).step_by(60).map(|at| (at, if at < BAR { 53 } else { 65 }));
    assert!(keys.collect::<Vec<_>>().starts_with(&expected.collect::<Vec<_>>()));
}

#[test]
fn a_new_track_plays_what_the_pattern_in_force_has_for_it() {
    // Not what a pattern has that it never played: `b` leaves it alone.
    let text = TWO
        .replace("[patterns.main]", "[patterns.main]\nthree = \"c5\"")
        .replace("[patterns.main]", "[tracks.three]\nport = \"a\"\nchannel = 3\n[patterns.main]")
        + "[patterns.b]\nkeep = true\none = \"c3\"\n";
    let without = text.replace("[tracks.three]\nport = \"a\"\nchannel = 3\n", "").replace("three = \"c5\"\n", "");
    let mut stage = Stage::start(&without);
    let pattern = stage.pattern("b");
    stage.to(10).command(Command::Launch { pattern, at: None }).to(BAR + 10).save(&text).to(3 * BAR - 1);
    assert_eq!(stage.keys(3, 0), []);
    assert_eq!(stage.keys(2, 2 * BAR).len(), 4, "what plays on is what was left alone");
    let pattern = stage.pattern("main");
    stage.command(Command::Launch { pattern, at: None }).to(4 * BAR - 1);
    assert_eq!(stage.keys(3, 0).len(), 16);
}

#[test]
fn a_track_that_takes_the_slot_of_another_does_not_play_in_its_place() {
    // With as many tracks as there can be, a new one takes the slot of one that is removed, here of one that `b` leaves alone.
    let set = |last: &str| {
        let name = |number: usize| if number == 255 { last.to_owned() } else { format!("t{number}") };
        let track = |number: usize| format!("[tracks.{}]\nport = \"a\"\nchannel = {}\n", name(number), number % 16 + 1);
        let tracks: String = (0..256).map(track).collect();
        format!(
            "[ports.a]\ndevice = \"A\"\n{tracks}[patterns.main]\n{last} = \"c5\"\n[patterns.b]\nkeep = true\nt0 = \"c3\"\n"
        )
    };
    let mut stage = Stage::start(&set("last"));
    let pattern = stage.pattern("b");
    stage.to(10).command(Command::Launch { pattern, at: None }).to(BAR + 10);
    let slot = stage.track("last");
    stage.save(&set("other")).to(3 * BAR - 1);
    assert_eq!(stage.track("other"), slot);
    assert_eq!((stage.keys(16, BAR).len(), stage.keys(16, 2 * BAR).len()), (16, 0));
    assert_eq!(stage.keys(1, 2 * BAR).len(), 16);
}

#[test]
fn the_programs_of_a_launch_whose_pattern_is_removed_are_undone() {
    let c = "[patterns.c]\none = { step = \"1/1\", steps = \"c4\" }\n";
    let text = THREE.replace("[patterns.a]", "[patterns.a]\nprogram = { one = 1 }").replace(c, "");
    let with = format!("{text}{c}program = {{ one = 9, ahead = \"6 beats\" }}\n");
    let mut stage = Stage::start(&with);
    let pattern = stage.pattern("c");
    let at = Some(Quantum::Grid(tightrope::time::TickSpan(2 * BAR)));
    stage.to(10).command(Command::Launch { pattern, at }).to(3 * BEAT).save(&text).to(2 * BAR + 10);
    let sent = stage.show.trace.iter().filter_map(|departure| match departure.message {
        Message::ProgramChange(_, number) => Some((departure.tick.0.max(0) / BEAT, number)),
        _ => None,
    });
    assert_eq!(sent.collect::<Vec<_>>(), [(0, 1), (2, 9), (3, 1)], "when the new program is taken up");
}

#[test]
fn what_is_muted_and_soloed_and_transposed_stays_so() {
    let mut stage = Stage::start(TWO);
    let (one, two) = (stage.track("one"), stage.track("two"));
    stage.to(10).command(Command::Mute(two, Switch::On));
    stage.command(Command::Transpose { track: Some(one), by: 5, unit: Interval::Semitones });
    // The tracks change their order, and a third one comes before them.
    let other = TWO.replace(
        "[tracks.one]",
        "[tracks.three]\nport = \"a\"\nchannel = 3\n[tracks.two]\nport = \"a\"\nchannel = 2\n[tracks.one]",
    );
    let other = other.replacen("[tracks.two]\nport = \"a\"\nchannel = 2\n[patterns", "[patterns", 1);
    let other = other.replace("[patterns.main]", "[patterns.main]\nthree = \"c5\"");
    stage.save(&other).to(2 * BAR - 1);
    assert_eq!(stage.keys(1, BAR), [(4, 53), (5, 55), (6, 57), (7, 58)]);
    assert_eq!(stage.keys(2, 20), []);
    assert_eq!(stage.keys(3, 0).len(), 16, "a new track begins with the line");
    // A soloed track that is removed silences nobody.
    let three = stage.track("three");
    stage.command(Command::Solo(three, Switch::On)).save(TWO).to(3 * BAR - 1);
    assert_eq!(stage.keys(1, 2 * BAR).len(), 4);
    assert!(stage.show.engine.soloed().is_empty() && stage.show.engine.muted().contains(two));
    // Under another name it is another track.
    stage.save(&TWO.replace("two", "four")).to(4 * BAR - 1);
    assert_eq!(stage.keys(2, 3 * BAR).len(), 4);
}

/// A note of three bars, and one on another track that begins with each bar.
const HELD: &str = r#"
tempo = 120
[ports.a]
device = "A"
[ports.b]
device = "B"
[tracks.drone]
port = "a"
channel = 1
[tracks.bass]
port = "a"
channel = 2
[patterns.main]
drone = { step = "3/1", gate = 100, steps = "c2" }
bass = { step = "1/4", steps = "c3 d3 e3 f3" }
"#;

#[test]
fn a_note_that_sounds_goes_on_to_its_end() {
    let mut stage = Stage::start(HELD);
    stage.to(BEAT).save(
        &HELD
            .replace("c3 d3", "g3 d3")
            .replace("[tracks.drone]", "[tracks.new]\nport = \"b\"\nchannel = 5\n[tracks.drone]"),
    );
    stage.to(3 * BAR + 10);
    assert_eq!(stage.ends(36 + 12), [3 * BAR]);
    assert_eq!(stage.keys(1, 0), [(0, 48), (12, 48)]);
    assert_eq!(stage.keys(2, BAR)[0], (4, 67));
}

#[test]
fn a_note_ends_where_its_track_has_gone() {
    let gone = HELD.replace("[tracks.drone]\nport = \"a\"\nchannel = 1\n", "").replace("drone = {", "bass2 = {");
    let gone = gone.replace("[patterns", "[tracks.bass2]\nport = \"b\"\nchannel = 7\n[patterns");
    for (what, edited) in [
        ("another channel", HELD.replacen("channel = 1", "channel = 9", 1)),
        ("another port", HELD.replacen("port = \"a\"", "port = \"b\"", 1)),
        ("another port, where nothing is left on the old one", HELD.replace("port = \"a\"", "port = \"b\"")),
        ("another device", HELD.replace("\"A\"", "\"C\"")),
        ("another name", gone),
        ("nothing to play", HELD.replace("drone = {", "# drone = {")),
    ] {
        let mut stage = Stage::start(HELD);
        stage.to(BEAT).save(&edited).to(BAR + 10);
        assert_eq!(stage.ends(48), [BAR], "{what}");
        let off = stage
            .show
            .trace
            .iter()
            .rfind(|departure| matches!(departure.message, Message::NoteOff(_, key, _) if key.number() == 48));
        assert_eq!(off.map(|off| (off.port, off.message)), Some((PortSlot(0), note_off(1, 48))), "{what}");
        assert_eq!(stage.show.engine.time_of(Tick(BAR)), off.map(|off| off.due), "{what}");
        stage.command(Command::End);
        assert_eq!(check_trace(&stage.show.trace), 0);
    }
}

/// Where the pulses lie that `port` was sent after it was told to play.
fn pulses_from_start(show: &Show, port: PortSlot) -> Vec<i64> {
    let sent = show.trace.iter().filter(|departure| departure.port == port);
    let sent = sent.skip_while(|departure| departure.message != Message::Start);
    sent.filter(|departure| departure.message == Message::Clock).map(|departure| departure.tick.0).collect()
}

#[test]
fn the_tempo_changes_at_the_line_and_no_pulse_is_lost() {
    let text = TWO.replace("device = \"A\"", "device = \"A\"\nclock = true");
    let mut stage = Stage::start(&text);
    let line = stage.show.engine.time_of(Tick(BAR)).unwrap();
    stage.to(BEAT).save(&text.replace("tempo = 120", "tempo = 90")).to(3 * BAR - 1);
    let due = |at: i64| {
        let of = |departure: &&tightrope::engine::outbox::Departure| {
            departure.tick.0 == at && matches!(departure.message, Message::NoteOn(..))
        };
        stage.show.trace.iter().find(of).unwrap().due
    };
    assert_eq!(due(BAR), line);
    assert_eq!([due(BAR - BEAT), due(BAR + BEAT)], [line + Span::from_millis(-500), line + Span(666_666_667)]);
    let pulses = pulses_from_start(&stage.show, PortSlot(0));
    assert_eq!(pulses, (0..3 * BAR).step_by(40).collect::<Vec<_>>());
}

#[test]
fn another_meter_has_its_bars_from_the_beginning_of_the_song() {
    let mut stage = Stage::start(TWO);
    let waltz = TWO.replace("tempo = 120", "tempo = 120\nmeter = \"3/4\"").replace("c2 d2 e2 f2", "c3 d3 e3");
    stage.to(BEAT).save(&waltz).to(3 * BAR - 1);
    // The fifth quarter is the second one of a bar of three: the music is where it would be had it been a waltz all along.
    assert_eq!(stage.keys(1, 0)[3..8], [(3, 53), (4, 62), (5, 64), (6, 60), (7, 62)]);
    stage.save(TWO).to(5 * BAR - 1);
    let back: Vec<_> = stage.keys(1, 0).into_iter().filter(|note| note.1 < 60).map(|note| note.0).collect();
    assert_eq!(back, (0..4).chain(12..20).collect::<Vec<_>>());
}

#[test]
fn a_pattern_that_gets_longer_or_shorter_keeps_its_place() {
    let mut stage = Stage::start(TWO);
    stage.to(BAR + 10).save(
        &TWO.replace("c2 d2 e2 f2", "c2 d2 e2 f2 g2 a2 b2 c3").replace("[patterns.main]", "[patterns.main]\nbars = 2"),
    );
    stage.to(4 * BAR - 1);
    assert_eq!(stage.keys(1, 2 * BAR), [(8, 48), (9, 50), (10, 52), (11, 53), (12, 55), (13, 57), (14, 59), (15, 60)]);
    stage.save(&TWO.replace("c2 d2 e2 f2", "c2 d2 e2")).to(5 * BAR - 1);
    assert_eq!(stage.keys(1, 4 * BAR), [(16, 50), (17, 52), (18, 48), (19, 50)]);
}

/// Three patterns of one note a bar: 48, 60, 72.
const THREE: &str = r#"
tempo = 120
[ports.a]
device = "A"
[tracks.one]
port = "a"
channel = 1
[patterns.a]
one = { step = "1/1", steps = "c2" }
[patterns.b]
one = { step = "1/1", steps = "c3" }
[patterns.c]
one = { step = "1/1", steps = "c4" }
"#;

/// The keys of a trace of one note a bar.
fn bars(stage: &Stage) -> Vec<u8> {
    let notes = stage.from(0);
    assert!(notes.iter().map(|note| note.0).eq((0..).step_by(BAR as usize).take(notes.len())), "{notes:?}");
    notes.into_iter().map(|note| note.2).collect()
}

#[test]
fn a_launch_that_waits_goes_on_waiting() {
    let mut stage = Stage::start(THREE);
    let (b, c) = (stage.pattern("b"), stage.pattern("c"));
    let two_bars = Some(Quantum::Grid(tightrope::time::TickSpan(2 * BAR)));
    let without_a_comment = THREE.replace("[patterns.a]", "[patterns.z]\n[patterns.a]");
    stage.to(10).command(Command::Launch { pattern: b, at: two_bars }).save(&without_a_comment).to(4 * BAR - 1);
    assert_eq!(bars(&stage), [48, 48, 60, 60]);
    // One for the very line at which the program changes.
    stage.command(Command::Launch { pattern: c, at: None }).save(THREE).to(5 * BAR + 10);
    assert_eq!(bars(&stage), [48, 48, 60, 60, 72, 72]);
    // One for a line just before it: both change there.
    let at = Some(Quantum::Grid(tightrope::time::TickSpan(BAR - 1)));
    stage.to(6 * (BAR - 1) - 100).command(Command::Launch { pattern: b, at }).save(THREE).to(6 * BAR + 10);
    assert_eq!(stage.show.engine.pattern(), b);
    // What is removed is not waited for.
    let without_c = THREE.replace("[patterns.c]\none = { step = \"1/1\", steps = \"c4\" }", "");
    stage.command(Command::Launch { pattern: c, at: two_bars }).save(&without_c).to(7 * BAR + 10);
    assert_eq!((stage.show.engine.queued(), stage.show.engine.pattern()), (None, b));
}

#[test]
fn a_pattern_that_plays_and_is_removed_gives_way_to_the_first() {
    let mut stage = Stage::start(THREE);
    let b = stage.pattern("b");
    stage.to(10).command(Command::Launch { pattern: b, at: None }).to(BAR + 10);
    stage.save(&THREE.replace("patterns.b", "patterns.d")).to(3 * BAR - 1);
    assert_eq!(bars(&stage), [48, 60, 48]);
    // And one that is renamed while it plays is another one; the first is what the file has first.
    let renamed = THREE.replace("[patterns.a]", "[patterns.e]\none = { step = \"1/1\", steps = \"g2\" }\n[patterns.x]");
    stage.save(&renamed).to(4 * BAR - 1);
    assert_eq!(bars(&stage)[3], 55);
}

#[test]
fn songs_are_edited_while_they_play() {
    let song = |parts: &str| format!("{THREE}[song]\nparts = [{parts}]\n");
    let play = |before: &str, at: i64, after: &str| {
        let mut stage = Stage::start(&song(before));
        stage.to(at).save(&song(after)).to(7 * BAR - 1);
        bars(&stage)
    };
    let same = [48, 48, 60, 72, 72, 72, 72];
    assert_eq!(play(r#""a x2", "b", "c""#, 10, r#""a x2", "b", "c""#), same);
    // A part gets longer, and shorter than it has been played.
    assert_eq!(play(r#""a x2", "b", "c""#, BAR + 10, r#""a x4", "b", "c""#), [48, 48, 48, 48, 60, 72, 72]);
    assert_eq!(play(r#""a x5", "b", "c""#, 2 * BAR + 10, r#""a x2", "b", "c""#), [48, 48, 48, 60, 72, 72, 72]);
    // Parts come and go before the one that plays.
    assert_eq!(play(r#""a x4", "b", "c""#, BAR + 10, r#""c", "b", "a x4", "b""#), [48, 48, 48, 48, 60, 60, 60]);
    assert_eq!(play(r#""c", "b", "a x4", "b""#, 2 * BAR + 10, r#""a x4", "c""#), [72, 60, 48, 48, 48, 48, 72]);
    // The pattern that plays is no part any more: it plays to its end, and the song goes on in its place.
    assert_eq!(play(r#""a", "b x3", "a""#, BAR + 10, r#""a", "c", "a""#), [48, 60, 60, 60, 72, 48, 48]);
    // There is no song any more, and there was none.
    let mut stage = Stage::start(&song(r#""a", "b x2", "c""#));
    stage.to(BAR + 10).save(THREE).to(5 * BAR - 1);
    assert_eq!((bars(&stage), stage.show.engine.part()), (vec![48, 60, 60, 60, 60], None));
    stage.save(&song(r#""c""#)).to(6 * BAR - 1);
    assert_eq!(bars(&stage)[5], 60);
    stage.command(Command::Jump(PartSlot(0))).to(7 * BAR - 1);
    assert_eq!(bars(&stage)[6], 72);
}

#[test]
fn a_part_whose_pattern_is_removed_gives_way_to_the_part_in_its_place() {
    let song = |parts: &str| format!("{THREE}[song]\nparts = [{parts}]\n");
    let mut stage = Stage::start(&song(r#""a", "b x4", "c""#));
    let without = song(r#""a", "c x2", "a""#).replace("[patterns.b]\none = { step = \"1/1\", steps = \"c3\" }\n", "");
    stage.to(BAR + 10).save(&without).to(6 * BAR - 1);
    assert_eq!(bars(&stage), [48, 60, 72, 72, 48, 48]);
}

#[test]
fn an_arpeggio_goes_on_with_its_next_note() {
    let text = "[ports.a]\ndevice = \"A\"\n[tracks.one]\nport = \"a\"\nchannel = 1\n[tracks.two]\nport = \"a\"\nchannel = 2\n\
        [patterns.main]\none = \"x\"\ntwo = { arp = \"c4 d4 e4 f4 g4\", step = \"1/4\", order = \"random\" }\n";
    let text = text
        .replace("one = \"x\"", "one = \"c2\"")
        .replace("step = \"1/4\", ", "lengths = [\"1/4\", \"1/8\"], pick = \"random\", ");
    let mut whole = Stage::start(&text);
    whole.to(24 * BAR - 1);
    let mut edited = Stage::start(&text);
    // The first track gets more lines, so that the lanes behind it move.
    edited.to(20 * BAR + 10).save(&text.replace("one = \"c2\"", "one = \"\"\"\nc2\nd2\ne2\n\"\"\"")).to(24 * BAR - 1);
    let of = |stage: &Stage| stage.from(0).into_iter().filter(|note| note.1 == 2).collect::<Vec<_>>();
    assert_eq!(of(&whole), of(&edited));
    assert!(edited.keys(1, 21 * BAR).len() > whole.keys(1, 21 * BAR).len());
}

#[test]
fn a_port_that_loses_its_clock_is_stopped() {
    let text = TWO.replace("device = \"A\"", "device = \"A\"\nclock = true");
    let mut stage = Stage::start(&text);
    stage.to(BEAT).save(TWO).to(3 * BAR);
    assert_eq!(stage.show.count(PortSlot(0), Message::Stop), 1);
    assert_eq!(pulses_from_start(&stage.show, PortSlot(0)), (0..BAR).step_by(40).collect::<Vec<_>>());
}

fn is_clock(message: Message) -> bool {
    matches!(message, Message::Clock | Message::Start | Message::Continue | Message::Stop | Message::SongPosition(_))
}

#[test]
fn a_port_that_gets_the_clock_while_it_plays_joins_at_the_line() {
    let text = TWO.replace("device = \"A\"", "device = \"A\"\nclock = true");
    let mut stage = Stage::start(TWO);
    stage.to(BEAT).save(&text).to(2 * BAR);
    let told = stage.show.trace.iter().filter(|departure| is_clock(departure.message));
    let told: Vec<_> = told.map(|departure| (departure.message, departure.tick.0)).collect();
    assert_eq!(told[..2].iter().map(|told| told.0).collect::<Vec<_>>(), [Message::SongPosition(16), Message::Continue]);
    assert!(told[..2].iter().all(|told| (BAR - 10..BAR).contains(&told.1)), "{:?}", &told[..2]);
    let pulses = (BAR..=2 * BAR).step_by(40).map(|at| (Message::Clock, at));
    assert_eq!(told[2..], pulses.collect::<Vec<_>>());
    // It loses the clock, and gets it again on another device.
    stage.save(TWO).to(3 * BAR + 10).save(&text.replace("\"A\"", "\"B\"")).to(5 * BAR);
    assert_eq!(stage.show.count(PortSlot(0), Message::SongPosition(64)), 1);
    // In a bar that is no whole number of sixteenths long, from the next sixteenth on.
    let odd = |text: &str| text.replace("tempo = 120", "tempo = 120\nmeter = \"7/32\"");
    let mut stage = Stage::start(&odd(TWO));
    stage.to(100).save(&odd(&text)).to(2 * BAR);
    assert_eq!(stage.show.count(PortSlot(0), Message::SongPosition(4)), 1);
    let first = stage.show.trace.iter().find(|departure| departure.message == Message::Clock);
    assert_eq!(first.map(|first| first.tick.0), Some(960));
    // Waiting for the first pulse, from the beginning.
    let follows =
        |text: &str| text.replace("[ports.a]", "[clock]\nfollow = \"m\"\n[ports.m]\ndevice = \"M\"\n[ports.a]");
    let set = parse(&follows(TWO));
    let mut show = Show::new(set.program.clone());
    show.input(PortSlot(0), Message::Start);
    show.renew(parse(&follows(&text)).following(&set).program);
    assert_eq!((show.count(PortSlot(1), Message::Start), show.count(PortSlot(1), Message::Continue)), (1, 0));
    for _ in 0..10 {
        show.input(PortSlot(0), Message::Clock);
        show.wait(PULSE);
    }
    assert!((9..=11).contains(&show.count(PortSlot(1), Message::Clock)));
}

/// A set made of some of these: which ports, tracks and patterns there are, and what they are like.
#[derive(Clone, Debug)]
struct Edit {
    order: u64,
    tracks: Vec<(u8, u8, u8)>,
    patterns: Vec<(u8, u8, bool)>,
    song: Vec<(u8, u8)>,
    tempo: u8,
    offset: u8,
    waltz: bool,
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let tracks = prop::collection::vec((0u8..6, 0u8..3, 1u8..4), 1..6);
    let patterns = prop::collection::vec((0u8..5, 0u8..40, prop::bool::weighted(0.2)), 1..5);
    let song = prop::collection::vec((0u8..5, 1u8..4), 0..4);
    (any::<u64>(), tracks, patterns, song, 0u8..3, 0u8..4, prop::bool::weighted(0.1)).prop_map(
        |(order, tracks, patterns, song, tempo, offset, waltz)| Edit {
            order,
            tracks,
            patterns,
            song,
            tempo,
            offset,
            waltz,
        },
    )
}

impl Edit {
    fn text(&self, head: &str) -> String {
        let mut ports = vec!["p0", "p1", "p2"];
        ports.rotate_left(self.order as usize % 3);
        let mut text = format!("seed = {}\ntempo = {}\n", self.order % 5, [120, 121, 90][usize::from(self.tempo)]);
        text += if self.waltz { "meter = \"3/4\"\n" } else { "" };
        text += head;
        for port in ports {
            let offset = if port == "p1" { ["0", "-30", "25", "-7"][usize::from(self.offset)] } else { "0" };
            let clock = if port == "p2" { "clock = true\n" } else { "" };
            text += &format!("[ports.{port}]\ndevice = \"{port}\"\noffset = \"{offset} ms\"\n{clock}");
        }
        let tracks: BTreeMap<u8, (u8, u8)> =
            self.tracks.iter().map(|&(name, port, channel)| (name, (port, channel))).collect();
        let mut names: Vec<_> = tracks.iter().collect();
        names.rotate_left(self.order as usize / 3 % tracks.len());
        for (name, (port, channel)) in &names {
            text += &format!("[tracks.t{name}]\nport = \"p{port}\"\nchannel = {channel}\n");
        }
        let patterns: BTreeMap<u8, (u8, bool)> =
            self.patterns.iter().map(|&(name, seed, keep)| (name, (seed, keep))).collect();
        let mut patterns: Vec<_> = patterns.into_iter().collect();
        let turn = self.order as usize / 20 % patterns.len();
        patterns.rotate_left(turn);
        for (pattern, (seed, keep)) in &patterns {
            text += &format!("[patterns.m{pattern}]\nbars = {}\nkeep = {keep}\n", 1 + seed % 3);
            for (name, _) in names.iter().filter(|(name, _)| (**name + seed) % 4 != 0) {
                let keys = ["c2 d2", "c3? . e3~", "g2=250", "c2:40 d2 <e2 f2> .", "[c2 e2 g2]*3 ."]
                    [usize::from((*name + seed) % 5)];
                text += &format!(
                    "t{name} = {{ step = \"1/{}\", steps = \"{keys}\" }}\n",
                    [4, 8, 12, 16, 32][usize::from(seed % 5)]
                );
            }
        }
        let has = |name: &u8| patterns.iter().any(|(pattern, _)| pattern == name);
        let parts: Vec<String> = self
            .song
            .iter()
            .filter(|(name, _)| has(name))
            .map(|(name, times)| format!("\"m{name} x{times}\""))
            .collect();
        if !parts.is_empty() {
            text += &format!("[song]\nend = \"loop\"\nparts = [{}]\n", parts.join(", "));
        }
        text
    }
}

/// What a program plays in the first `span`, as sets of messages by time and wire; ports by their names.
fn played(set: &Set, span: Span) -> BTreeMap<(Nanos, String), Vec<String>> {
    let mut show = Show::new(set.program.clone());
    show.command(Command::Start);
    show.wait(span);
    let mut played: BTreeMap<(Nanos, String), Vec<String>> = BTreeMap::new();
    for departure in &show.trace {
        let port = set.ports[usize::from(departure.port.0)].name.clone();
        played.entry((departure.due, port)).or_default().push(departure.message.to_string());
    }
    played
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The order of what is on one wire at one time is the same too, and no more is left out than between ports.
    #[test]
    fn a_set_with_other_slots_plays_the_same(edits in prop::collection::vec(any_edit(), 2..5)) {
        let mut set = parse(&edits[0].text(""));
        for edit in &edits[1..] {
            let fresh = parse(&edit.text(""));
            set = fresh.clone().following(&set);
            promises::check_program(&set.program);
            let span = Span::from_millis(6_000);
            prop_assert_eq!(played(&fresh, span), played(&set, span));
        }
    }

    #[test]
    fn edits_do_not_depend_on_how_time_is_cut(edits in prop::collection::vec((any_edit(), 0i64..3_000), 1..12)) {
        let run = |piece: Option<i64>| {
            let mut set = parse(&edits[0].0.text(""));
            let mut show = Show::new(set.program.clone());
            show.command(Command::Start);
            for (edit, wait) in &edits {
                let end = show.now + Span::from_millis(*wait);
                match piece {
                    None => show.wait_until(end),
                    Some(piece) => while show.now < end {
                        let next = show.now + Span(piece);
                        show.advance(next.min(end));
                    },
                }
                set = parse(&edit.text("")).following(&set);
                show.renew(set.program.clone());
            }
            show.wait(Span::from_millis(4_000));
            text(&show.trace)
        };
        let whole = run(None);
        prop_assert_eq!(&whole, &run(Some(1_000_000)));
        prop_assert_eq!(&whole, &run(Some(i64::MAX >> 1)));
    }
}

#[test]
fn two_hundred_edits_in_a_row_leave_no_gap_and_no_note() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    for follows in [true, false] {
        let head = if follows { "[clock]\nfollow = \"p0\"\n" } else { "" };
        let edit = |runner: &mut TestRunner| any_edit().new_tree(runner).unwrap().current();
        let mut set = parse(&edit(&mut runner).text(head));
        let p2 = |set: &Set| PortSlot(set.ports.iter().position(|port| port.name == "p2").unwrap() as u8);
        let (p0, clocked) = (PortSlot(set.ports.iter().position(|port| port.name == "p0").unwrap() as u8), p2(&set));
        let mut show = Show::new(set.program.clone());
        let pulses = |show: &mut Show, count: usize| {
            for _ in 0..count {
                if follows {
                    show.input(p0, Message::Clock);
                }
                show.wait(PULSE);
            }
        };
        pulses(&mut show, 100);
        match follows {
            true => show.input(p0, Message::Start),
            false => show.command(Command::Start),
        }
        let mut editions = std::collections::BTreeSet::new();
        for number in 0..200usize {
            let mut next = edit(&mut runner);
            next.tempo = 0;
            set = parse(&next.text(head)).following(&set);
            assert_eq!((p2(&set), set.program.ports[usize::from(clocked.0)].owner), (clocked, SlotOwner::FIRST));
            show.renew(set.program.clone());
            pulses(&mut show, 7 + number * 31 % 140);
            editions.insert(show.engine.status().edition);
            assert_eq!(check_trace(&show.trace), show.engine.sounding());
        }
        assert!(editions.len() > 90, "{} of the edits played", editions.len());
        assert_eq!(show.engine.phase(), Phase::Running);
        // The clock that goes out counts on as if nothing had happened.
        let sent = pulses_from_start(&show, clocked);
        assert!(sent.windows(2).all(|pair| pair[1] - pair[0] == 40), "a pulse is missing or doubled");
        assert!(sent.len() > 10_000);
        show.command(Command::End);
        assert!(show.engine.is_finished());
        assert_eq!(check_trace(&show.trace), 0);
    }
}

#[test]
fn another_clock_to_follow_stops_the_show_at_the_line() {
    let mut stage = Stage::start(TWO);
    let follows = TWO.replace("[ports.a]", "[clock]\nfollow = \"m\"\n[ports.m]\ndevice = \"M\"\n[ports.a]");
    stage.to(BEAT).save(&follows);
    stage.show.wait(Span::from_millis(5_000));
    assert_eq!(
        (stage.show.engine.phase(), stage.show.engine.clock_source()),
        (Phase::Stopped, ClockSource::Port(PortSlot(1)))
    );
    assert_eq!(stage.keys(1, 0).len(), 4);
    assert_eq!(stage.show.engine.sounding(), 0);
}

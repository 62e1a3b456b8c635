//! The screen without a terminal: what is drawn, and what keys ask for.

use std::cell::Cell;
use std::rc::Rc;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::draw::{Look, draw};
use super::hands::{Hands, Over, Wish};
use super::scene::{Rows, Scene};
use super::watch::Watch;
use crate::control::{Notice, Observer, PortState, Show, View};
use crate::engine::ClockSource;
use crate::engine::arrangement::transport::Phase;
use crate::engine::ports::wire::GaveWay;
use crate::engine::program::{PartSlot, PatternSlot, PortSlot, TrackSlot};
use crate::engine::{Call, Mark, Status, Transpositions};
use crate::link::{Fate, Heard, RtEnd, Sent, link};
use crate::midi::{Channel, Key, Message, Velocity};
use crate::set::{Set, builtin};
use crate::time::{DeviceTime, Nanos, Span, Tick};

const BAR: i64 = 3_840;

/// How things look where everything can be shown, and where hardly anything can.
const RICH: Look = Look { colour: true, blocks: true };
const POOR: Look = Look { colour: false, blocks: false };

const SIZES: [(u16, u16); 3] = [(80, 24), (160, 50), (40, 12)];

/// A screen that looks at a show, and keeps the scene.
#[derive(Default)]
struct Eye {
    watch: Watch,
    hands: Hands,
    rows: Rows,
    mistake: Option<String>,
    recording: Option<&'static str>,
    learning: Option<&'static str>,
    ports: Vec<PortState>,
    scene: Option<Scene>,
    /// Keys that are pressed at the next look, and what they led to.
    pressed: Vec<KeyEvent>,
    wishes: Vec<Wish>,
}

impl Observer for Eye {
    fn sent(&mut self, sent: &Sent) {
        self.watch.sent(sent);
    }

    fn heard(&mut self, heard: &Heard) {
        self.watch.heard(heard);
    }

    fn look(&mut self, view: &View<'_>) {
        let (mistake, recording, learning) = (self.mistake.as_deref(), self.recording, self.learning);
        let view = View { mistake, recording, learning, ports: &self.ports, ..*view };
        self.watch.look(&view);
        self.hands.look(&view);
        for key in self.pressed.drain(..) {
            self.wishes.extend(self.hands.press(&key, &view));
        }
        self.scene = Some(Scene::of(&view, &self.watch, &self.hands, &mut self.rows));
    }
}

/// A show with nobody but a screen.
struct Rehearsal {
    show: Show<'static>,
    rt: RtEnd,
    now: Rc<Cell<u64>>,
    eye: Eye,
}

impl Rehearsal {
    fn of(set: &str) -> Rehearsal {
        Rehearsal::parse(builtin::find(set).expect("a built-in set").text)
    }

    fn parse(text: &str) -> Rehearsal {
        Rehearsal::with(Set::parse("rehearsal.toml", text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}")))
    }

    fn with(set: Set) -> Rehearsal {
        let (end, rt, _) = link(set.program.clone(), &[]);
        let now = Rc::new(Cell::new(1_000_000_000));
        let clock = Rc::clone(&now);
        let granted = "real-time: SCHED_FIFO 80; memory locked".to_owned();
        let source = crate::control::Source::new("rehearsal.toml", None, false, &set);
        let show = Show::new(end, set, source, granted, move || Nanos(clock.get()));
        Rehearsal { show, rt, now, eye: Eye::default() }
    }

    fn plays(&mut self, phase: Phase, position: i64, status: Status) {
        let bpm = self.show.set().program.tempo.bpm();
        self.rt.meters().show_music(phase, Tick(position), Some(bpm), 0);
        self.rt.show(status);
    }

    /// A show that has played for a while.
    fn has_sent(&mut self, track: u16, late_ns: i64) {
        let now = Nanos(self.now.get());
        let channel = Channel::from_number(1).unwrap();
        let message = Message::NoteOn(channel, Key::from_data(60), Velocity::MAX);
        let (port, track) = (PortSlot(0), Some(TrackSlot(track)));
        let (number, fate) = (0, Fate::Sent);
        self.rt.trace(Sent { number, due: now, at: now, tick: Tick::ZERO, port, track, message, fate });
        self.rt.meters().record_lateness(Span(late_ns));
        self.rt.meters().port(port).count_sent();
    }

    fn press(&mut self, keys: &str) -> Vec<Wish> {
        for char in keys.chars() {
            let code = match char {
                '\n' => KeyCode::Enter,
                '\x1b' => KeyCode::Esc,
                '\x08' => KeyCode::Backspace,
                '^' => KeyCode::Up,
                'v' => KeyCode::Down,
                '>' => KeyCode::Right,
                char => KeyCode::Char(char),
            };
            self.eye.pressed.push(KeyEvent::new(code, KeyModifiers::NONE));
        }
        self.look();
        std::mem::take(&mut self.eye.wishes)
    }

    fn look(&mut self) {
        self.show.watch(&mut [&mut self.eye]);
    }

    fn draw(&mut self, look: Look, (width, height): (u16, u16)) -> Buffer {
        self.look();
        let mut buffer = Buffer::empty(Rect { x: 0, y: 0, width, height });
        draw(self.eye.scene.as_ref().expect("a look gives a scene"), look, &mut buffer);
        buffer
    }

    /// The screen in all sizes that count.
    fn text(&mut self, look: Look) -> String {
        let text = |size: (u16, u16)| format!("{} x {}\n{}", size.0, size.1, text(&self.draw(look, size)));
        SIZES.map(text).join("\n")
    }
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let row = |cells: &[ratatui::buffer::Cell]| {
        let text: String = cells.iter().map(|cell| cell.symbol()).collect();
        format!("|{}\n", text.trim_end())
    };
    buffer.content.chunks(width).map(row).collect()
}

/// The middle of a show: something is queued, muted, and has been late.
fn in_the_middle() -> Rehearsal {
    let mut rehearsal = Rehearsal::of("liveset");
    let mut status = Status {
        pattern: PatternSlot(2),
        origin: Tick(12 * BAR),
        part: Some(PartSlot(2)),
        queued: Some((PatternSlot(3), Tick(15 * BAR))),
        fills: true,
        ..Status::default()
    };
    status.muted.set(TrackSlot(1), true);
    rehearsal.plays(Phase::Running, 13 * BAR + 960 * 2 + 250, status);
    for (late_ns, times) in [(5, 10), (300, 80), (900, 400), (4_000, 20), (60_000, 1)] {
        (0..times).for_each(|_| rehearsal.has_sent(0, late_ns));
    }
    let open = |name: &str| PortState { output: Some(name.to_owned()), ..PortState::default() };
    let missing = PortState { is_missing: true, ..PortState::default() };
    rehearsal.eye.ports = vec![open("Circuit MIDI 1"), open("Circuit Mono Station"), missing];
    rehearsal
}

#[test]
fn a_show_that_has_not_begun() {
    insta::assert_snapshot!(Rehearsal::of("liveset").text(RICH));
}

#[test]
fn a_show_in_the_middle() {
    insta::assert_snapshot!(in_the_middle().text(RICH));
}

#[test]
fn the_picture_in_the_readme_is_true() {
    let drawn = text(&in_the_middle().draw(RICH, SIZES[0])).replace("\n|", "\n");
    let drawn = drawn.trim_start_matches('|');
    assert!(include_str!("../../../README.md").contains(&format!("```text\n{drawn}```")), "{drawn}");
}

#[test]
fn a_show_on_a_poor_terminal() {
    insta::assert_snapshot!(in_the_middle().text(POOR));
}

#[test]
fn a_show_that_follows_a_clock() {
    let mut rehearsal = Rehearsal::of("circuits");
    rehearsal.plays(Phase::Armed, 0, Status::default());
    rehearsal.rt.meters().show_clock_source(ClockSource::Port(PortSlot(0)));
    rehearsal.rt.meters().record_pulse(Span(-210_000), Span(12_000));
    let at = Nanos(rehearsal.now.get());
    let call = Call::Input(PortSlot(0), Message::Clock);
    rehearsal.rt.trace_call(Mark::default(), at, Tick::ZERO, call, DeviceTime(0), false);
    let heard = rehearsal.text(RICH);
    rehearsal.now.set(at.0 + 3_200_000_000);
    insta::assert_snapshot!(format!("{heard}\nit is gone\n{}", text(&rehearsal.draw(RICH, SIZES[0]))));
}

#[test]
fn a_mistake_in_the_set_file() {
    let mut rehearsal = in_the_middle();
    let wrong = Set::parse("live.toml", b"tempo = 500\n").unwrap_err();
    rehearsal.eye.mistake = Some(wrong.render(false).trim_end().to_owned());
    rehearsal.eye.watch.say(Notice { text: "circuit is there again".into(), is_wrong: false });
    insta::assert_snapshot!(rehearsal.text(RICH));
}

#[test]
fn what_is_written_into_the_set_is_shown_while_it_is() {
    let mut rehearsal = in_the_middle();
    rehearsal.eye.recording = Some("records bass in chorus, pass 2");
    assert!(text(&rehearsal.draw(RICH, SIZES[0])).contains(" REC  bass in chorus, pass 2"));
    (rehearsal.eye.recording, rehearsal.eye.learning) = (None, Some("launch drop"));
    assert!(text(&rehearsal.draw(RICH, SIZES[0])).contains(" LEARN  launch drop"));
}

#[test]
fn a_port_whose_wire_is_full_is_marked() {
    let mut rehearsal = in_the_middle();
    let full = GaveWay { withheld: 1_234, waiting: 5 };
    rehearsal.rt.meters().port(PortSlot(1)).show_gave_way(full);
    let name = rehearsal.show.set().ports[1].name.clone();
    for size in &SIZES[..2] {
        let drawn = text(&rehearsal.draw(RICH, *size));
        assert!(drawn.contains("withheld 1234") && drawn.contains(&name), "{drawn}");
    }
}

#[test]
fn locked_keys() {
    let mut rehearsal = in_the_middle();
    rehearsal.press("L");
    insta::assert_snapshot!(rehearsal.text(RICH));
}

#[test]
fn the_help() {
    let mut rehearsal = in_the_middle();
    rehearsal.press("?");
    insta::assert_snapshot!(rehearsal.text(RICH));
}

#[test]
fn a_command_that_is_wrong() {
    let mut rehearsal = in_the_middle();
    assert_eq!(rehearsal.press(":launch bild\n"), [Wish::Written("launch bild".into())]);
    rehearsal.eye.watch.say(Notice { text: "there is no pattern `bild`".into(), is_wrong: true });
    insta::assert_snapshot!(rehearsal.text(RICH));
}

#[test]
fn many_tracks_and_patterns() {
    let mut set = "[ports.a]\ndevice = \"A\"\n".to_owned();
    for track in 1..=30 {
        set.push_str(&format!("[tracks.voice-number-{track}]\nport = \"a\"\nchannel = 1\n"));
    }
    for pattern in 1..=60 {
        set.push_str(&format!("[patterns.scene-{pattern}]\nvoice-number-{} = \"c3 . . .\"\n", pattern.min(30)));
    }
    let mut rehearsal = Rehearsal::parse(&set);
    rehearsal.press(&"v".repeat(20));
    rehearsal.press(">");
    insta::assert_snapshot!(rehearsal.text(RICH));
    assert_eq!(rehearsal.press("a"), [Wish::Words("launch scene-36".into())], "the second page begins with 26");
}

#[test]
fn what_the_saved_set_no_longer_has_is_gone() {
    let parse = |text: &str| Set::parse("rehearsal.toml", text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let set = |names: &[&str]| {
        let mut text = String::new();
        for (channel, name) in (1..).zip(names) {
            text.push_str(&format!("[ports.p{name}]\ndevice = \"{name}\"\n"));
            text.push_str(&format!("[tracks.t{name}]\nport = \"p{name}\"\nchannel = {channel}\n"));
            text.push_str(&format!("[patterns.s{name}]\nt{name} = \"c3\"\n"));
        }
        parse(&text)
    };
    let mut rehearsal = Rehearsal::with(set(&["a", "b", "c"]).following(&set(&["a", "gone", "b", "c"])));
    rehearsal.look();
    let scene = rehearsal.eye.scene.clone().unwrap();
    assert_eq!(scene.tracks.iter().map(|row| &row.name).collect::<Vec<_>>(), ["ta", "tb", "tc"]);
    assert_eq!(scene.ports.iter().map(|port| &port.name).collect::<Vec<_>>(), ["pa", "pb", "pc"]);
    let pads: Vec<(char, &str)> = scene.patterns.iter().map(|pad| (pad.key, pad.name.as_str())).collect();
    assert_eq!(pads, [('1', "sa"), ('2', "sb"), ('3', "sc")], "keys are in the order of the file");
    assert_eq!(rehearsal.press("2"), [words("launch sb")]);
    assert!(matches!(&rehearsal.press("4")[..], [Wish::Say(_)]));
    assert_eq!(rehearsal.press("vm"), [words("mute tb")]);
    assert_eq!(rehearsal.eye.scene.as_ref().map(|scene| scene.chosen), Some(1));
    assert_eq!(rehearsal.press("vvvm"), [words("mute tc")]);
    assert_eq!(rehearsal.press("^^^^m"), [words("mute ta")]);
}

/// A performer edits while it plays: a pattern is renamed, others are written before and after it, forty times.
#[test]
fn keys_are_in_the_order_of_the_file_however_often_it_is_saved() {
    let set = |names: &[String]| {
        let mut text = "[ports.p]\ndevice = \"P\"\n[tracks.t]\nport = \"p\"\nchannel = 1\n".to_owned();
        names.iter().for_each(|name| text.push_str(&format!("[patterns.{name}]\nt = \"c3\"\n")));
        Set::parse("rehearsal.toml", text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"))
    };
    let names = |save: usize| {
        ["new", "verse", "last"].map(|name| if name == "verse" { name.into() } else { format!("{name}-{save}") })
    };
    let mut saved = set(&names(0));
    for save in 1..=40 {
        saved = set(&names(save)).following(&saved);
    }
    let plays = saved.patterns.iter().position(|name| name == "verse").unwrap() as u16;
    let mut rehearsal = Rehearsal::with(saved);
    rehearsal.plays(Phase::Running, 0, Status { pattern: PatternSlot(plays), ..Status::default() });
    rehearsal.look();
    let scene = rehearsal.eye.scene.clone().unwrap();
    let pads: Vec<(char, &str, bool)> =
        scene.patterns.iter().map(|pad| (pad.key, pad.name.as_str(), pad.plays)).collect();
    assert_eq!(pads, [('1', "new-40", false), ('2', "verse", true), ('3', "last-40", false)]);
    assert_eq!(scene.page, (1, 1));
    assert_eq!(rehearsal.press("1"), [words("launch new-40")]);
}

#[test]
fn the_page_of_the_pattern_that_plays_is_shown_when_it_begins() {
    let mut set = "[ports.a]\ndevice = \"A\"\n[tracks.a]\nport = \"a\"\nchannel = 1\n".to_owned();
    (1..=60).for_each(|pattern| set.push_str(&format!("[patterns.scene-{pattern}]\na = \"c3\"\n")));
    let mut rehearsal = Rehearsal::parse(&set);
    let mut page = |keys: &str, pattern| {
        rehearsal.plays(Phase::Running, 0, Status { pattern: PatternSlot(pattern), ..Status::default() });
        rehearsal.look();
        rehearsal.press(keys);
        rehearsal.eye.scene.as_ref().map(|scene| scene.page.0)
    };
    assert_eq!([page("", 0), page("", 24), page("", 25), page("", 59)], [Some(1), Some(1), Some(2), Some(3)]);
    // Hands may look at another, until another page plays.
    assert_eq!([page("", 0), page(">", 1), page("", 2), page("", 55)], [Some(1), Some(2), Some(2), Some(3)]);
}

#[test]
fn how_far_a_track_is_transposed_is_shown() {
    let set = "scale = \"c minor\"\n[ports.k]\ndevice = \"K\"\n[tracks.lead]\nport = \"k\"\nchannel = 1\n\
               transpose = \"k channel 2 from c3\"\n[tracks.bass]\nport = \"k\"\nchannel = 3\n[patterns.main]\n\
               lead = \"c3 . . .\"\nbass = \"c2 . . .\"\n";
    let mut rehearsal = Rehearsal::parse(set);
    let mut by = Transpositions { all: [0, 1], ..Transpositions::default() };
    by.each[1] = [-12, 0];
    rehearsal.rt.show_transpositions(by);
    rehearsal.plays(Phase::Running, 0, Status::default());
    let screen = text(&rehearsal.draw(RICH, SIZES[0]));
    assert!(screen.lines().any(|line| line.contains("lead") && line.ends_with(" +1 deg")), "{screen}");
    assert!(screen.lines().any(|line| line.contains("bass") && line.ends_with(" -12 +1 deg")), "{screen}");
    // The last key on the keyboard counts too, whatever its channel is written as.
    let key = Message::NoteOn(Channel::from_number(2).unwrap(), Key::new(65).unwrap(), Velocity::MAX);
    let (at, port) = (Nanos(rehearsal.now.get()), PortSlot(0));
    rehearsal.rt.trace_call(Mark::default(), at, Tick::ZERO, Call::Input(port, key), DeviceTime(0), false);
    let screen = text(&rehearsal.draw(RICH, SIZES[0]));
    assert!(screen.lines().any(|line| line.contains("lead") && line.ends_with(" +5 +1 deg")), "{screen}");
}

#[test]
fn long_names_are_told_from_each_other() {
    let mut set = "[ports.a]\ndevice = \"A\"\n[tracks.a]\nport = \"a\"\nchannel = 1\n".to_owned();
    for pattern in 10..25 {
        set.push_str(&format!("[patterns.verse-with-a-long-name-{pattern}]\na = \"c3 . . .\"\n"));
    }
    let mut rehearsal = Rehearsal::parse(&set);
    let mut drawn = |pattern, look, size| {
        rehearsal.plays(Phase::Running, 0, Status { pattern: PatternSlot(pattern), ..Status::default() });
        text(&rehearsal.draw(look, size))
    };
    let header =
        |screen: String| screen.lines().take(4).map(|line| line.chars().skip(24).collect()).collect::<Vec<String>>();
    assert_ne!(header(drawn(0, RICH, SIZES[0])), header(drawn(1, RICH, SIZES[0])));
    assert!(drawn(3, POOR, (30, 5)).lines().next().is_some_and(|line| line.ends_with("-13")));
    let screen = drawn(0, RICH, SIZES[0]);
    assert!((10..25).all(|pattern| screen.contains(&format!("…-{pattern}"))), "every key is beside its name\n{screen}");
}

#[test]
fn a_solo_that_is_muted_shows_why_all_is_quiet() {
    let mut rehearsal = Rehearsal::of("liveset");
    let mut status = Status::default();
    status.muted.set(TrackSlot(1), true);
    status.soloed.set(TrackSlot(1), true);
    rehearsal.plays(Phase::Running, 0, status);
    assert!(text(&rehearsal.draw(RICH, SIZES[0])).contains(" pad   MS "));
}

#[test]
fn the_end_of_the_song_is_announced() {
    let next = |end: &str| {
        let mut rehearsal = Rehearsal::parse(&format!(
            "[ports.a]\ndevice = \"A\"\n[tracks.a]\nport = \"a\"\nchannel = 1\n[patterns.one]\na = \"c3 . . .\"\n\
             [patterns.two]\na = \"c3 . . .\"\n[song]\nparts = [\"one\", \"two\"]\nend = \"{end}\"\n"
        ));
        let (pattern, part) = (PatternSlot(1), Some(PartSlot(1)));
        rehearsal.plays(Phase::Running, BAR + 960, Status { pattern, part, origin: Tick(BAR), ..Status::default() });
        let screen = text(&rehearsal.draw(RICH, SIZES[0]));
        screen.lines().nth(5).unwrap_or_default().chars().skip(29).collect::<String>()
    };
    assert_eq!([next("stop"), next("loop"), next("hold")], ["stops in 3 beats", "then one in 3 beats", ""]);
}

#[test]
fn the_line_of_keys_ends_with_a_whole_one() {
    let mut rehearsal = in_the_middle();
    for (size, ends) in [
        ((80, 24), "f fill"),
        ((30, 24), "p panic"),
        ((160, 50), "u undo next"),
        ((20, 24), "|q quit ? p panic"),
        ((60, 15), "p panic             no room: ports, timing"),
        ((50, 14), "? help   p panic   no room: ports, timing"),
        ((40, 12), "|q quit ? p panic  no room: ports, timing"),
        ((30, 12), "q quit   ? help   p panic"),
        ((24, 12), "|q quit ? p panic"),
        ((60, 6), "p panic   no room: patterns, ports, timing"),
    ] {
        let screen = text(&rehearsal.draw(RICH, size));
        assert!(screen.trim_end().ends_with(ends), "{screen}");
    }
    let unknown = format!(
        "there is no command `xyzzy`: not a command; there are {}",
        crate::control::order::words().collect::<Vec<_>>().join(", ")
    );
    rehearsal.eye.watch.say(Notice { text: unknown.clone(), is_wrong: true });
    for size in [(60, 15), (80, 24), (120, 40)] {
        let screen = text(&rehearsal.draw(RICH, size)).replace("\n|", " ");
        assert!(screen.split_whitespace().collect::<Vec<_>>().join(" ").contains(&unknown), "{screen}");
    }
}

#[test]
fn every_key_can_be_read_in_the_help_of_any_window() {
    let squeezed = |text: &str| text.chars().filter(|char| !char.is_whitespace()).collect::<String>();
    for size in [(120, 40), (80, 24), (60, 15), (50, 14), (40, 12), (40, 8), (120, 12)] {
        // Nothing of it but the frame of the help has lines that stand upright.
        let mut rehearsal = Rehearsal::of("circuits");
        rehearsal.press("?");
        let mut pages = Vec::new();
        loop {
            let page = text(&rehearsal.draw(RICH, size));
            if pages.contains(&page) {
                break;
            }
            pages.push(page);
            rehearsal.press(">");
        }
        let cells = |line: &str| line.split('│').nth(1).unwrap_or_default().to_owned();
        let keys = format!("{:<16}", "L or F2");
        // What goes on below is read without the column of the keys.
        let all: String = pages.iter().flat_map(|page| page.lines()).map(cells).collect();
        for entry in super::keys::TABLE {
            assert!(
                squeezed(&all).contains(&squeezed(&format!("{}{}", entry.shown, entry.does))),
                "{}: {all}",
                entry.does
            );
        }
        assert!(all.contains(&keys), "{size:?}");
        assert_eq!(pages.len() > 1, pages[0].contains("1 of "), "{size:?}");
        rehearsal.press("?");
        assert_eq!(rehearsal.eye.hands.over, Over::Nothing);
    }
}

#[test]
fn what_is_written_is_marked_beside_all_else_in_any_window() {
    let mut rehearsal = in_the_middle();
    rehearsal.eye.recording = Some("records lead-synthesizer-one in a-very-long-introduction, pass 12");
    rehearsal.eye.learning = Some("launch the-last-pattern-of-all");
    for size in [(80, 24), (60, 15), (50, 14), (40, 12)] {
        for _ in 0..2 {
            let drawn = text(&rehearsal.draw(RICH, size));
            for word in [" FILL ", " REC ", " LEARN", "NEXT drop in 6"] {
                assert!(drawn.contains(word), "{word}: {drawn}");
            }
            assert_eq!(size.0 == 80, drawn.contains("pass 12"), "{drawn}");
            rehearsal.press("L");
        }
    }
}

/// What stands at the right of a row has a style of its own, and leaves that of what is left of it alone.
#[test]
fn the_keys_at_the_bottom_are_bright_beside_what_there_is_no_room_for() {
    let mut rehearsal = in_the_middle();
    let drawn = rehearsal.draw(RICH, (60, 15));
    let cell = |column| (drawn[(column, 14)].symbol().to_owned(), drawn[(column, 14)].fg);
    assert_eq!((cell(0), cell(59)), (("q".to_owned(), Color::Reset), ("g".to_owned(), Color::DarkGray)));
    rehearsal.press("L");
    let drawn = rehearsal.draw(RICH, (60, 15));
    assert_eq!((drawn[(1, 14)].symbol(), drawn[(1, 14)].fg), ("L", Color::Black));
}

#[test]
fn a_question_and_what_would_be_right_are_whole_in_any_window() {
    for (size, question, title, help) in [
        ((80, 24), "any other key plays on │", "as it was before", true),
        ((50, 14), "│ End the show? y ends it │", "plays on", false),
        ((40, 12), "│ End the show? y ends it │", "plays on", false),
        ((24, 12), "│ End? y/n │", " MISTAKE", false),
    ] {
        let mut rehearsal = in_the_middle();
        let wrong = b"[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[patterns.m]\nt = \"q\"\n";
        let wrong = Set::parse("a.toml", wrong).unwrap_err().render(false);
        rehearsal.eye.mistake = Some(wrong.clone());
        let drawn = text(&rehearsal.draw(RICH, size));
        assert!(drawn.lines().any(|line| line.contains(" MISTAKE") && line.ends_with(title)), "{drawn}");
        let said = drawn.replace("\n|", " ");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let last = wrong.lines().rfind(|line| line.contains("= help")).unwrap();
        assert_eq!(said.contains(&last.split_whitespace().collect::<Vec<_>>().join(" ")), help, "{wrong}{drawn}");
        rehearsal.press("q");
        let drawn = text(&rehearsal.draw(RICH, size));
        assert!(drawn.contains(question), "{drawn}");
    }
}

#[test]
fn a_missing_port_is_seen_among_many() {
    let mut set = String::new();
    for port in 1..=12 {
        set.push_str(&format!("[ports.synthesizer-{port}]\ndevice = \"D{port}\"\n"));
    }
    set.push_str("[tracks.a]\nport = \"synthesizer-1\"\nchannel = 1\n[patterns.a]\na = \"c3\"\n");
    let mut rehearsal = Rehearsal::parse(&set);
    rehearsal.eye.ports = vec![PortState { output: Some("D".to_owned()), ..PortState::default() }; 12];
    rehearsal.eye.ports[11] = PortState { is_missing: true, ..PortState::default() };
    assert!(text(&rehearsal.draw(RICH, SIZES[0])).contains("! synthesizer-12 MISSING"));
}

#[test]
fn a_mistake_is_said_once_and_with_what_would_be_right() {
    let mut rehearsal = in_the_middle();
    let edited = builtin::find("liveset").expect("a built-in set").text;
    let edited = edited.replacen("[patterns.verse]", "[patterns.verse]\ndrms = \"k\"", 1);
    let wrong = Set::parse("live.toml", edited.as_bytes()).unwrap_err().render(false);
    let was_read = Notice { text: "the set was read again, and plays from the next bar on".into(), is_wrong: false };
    rehearsal.eye.watch.say(was_read);
    assert!(text(&rehearsal.draw(RICH, SIZES[0])).contains("was read again"));
    rehearsal.eye.mistake = Some(wrong.clone());
    assert!(!text(&rehearsal.draw(RICH, SIZES[0])).contains("was read again"), "not beside a mistake");
    rehearsal.eye.watch.say(Notice { text: wrong, is_wrong: true });
    let screen = text(&rehearsal.draw(RICH, SIZES[0]));
    assert!(screen.contains("= help: did you mean"), "{screen}");
    assert_eq!(screen.matches("error: ").count(), 1, "{screen}");
    assert!(screen.contains("still has the mistake"), "{screen}");
}

#[test]
fn a_key_that_does_nothing_says_so() {
    let mut rehearsal = Rehearsal::of("liveset");
    for key in ["!", "M", "\"", "#"] {
        assert!(matches!(&rehearsal.press(key)[..], [Wish::Say(text)] if text.contains("Alt")), "{key}");
    }
}

#[test]
fn nothing_is_coloured_where_colours_are_not_wanted() {
    let coloured = |buffer: &Buffer| {
        buffer.content.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    for keys in ["", "L", "?", "q", ":x"] {
        let mut rehearsal = in_the_middle();
        rehearsal.press(keys);
        assert_eq!(coloured(&rehearsal.draw(Look { colour: false, blocks: true }, SIZES[0])), 0, "{keys}");
        assert!(coloured(&rehearsal.draw(RICH, SIZES[0])) > 0);
        assert!(text(&rehearsal.draw(POOR, SIZES[1])).is_ascii(), "{keys}");
    }
}

#[test]
fn at_the_playhead_a_hit_is_brightest_and_a_rest_is_inverted() {
    let mut rehearsal = in_the_middle();
    rehearsal.look();
    for look in [RICH, Look { colour: false, blocks: true }, POOR] {
        let mut playhead = |position| {
            let status = *rehearsal.show.view().status;
            rehearsal.plays(Phase::Running, position, status);
            let buffer = rehearsal.draw(look, (80, 24));
            let drums = (0..24).find(|&y| buffer[(1, y)].symbol() == "d").unwrap();
            let row = (12..31).map(|x| (x, buffer[(x, drums)].clone()));
            let marked =
                |cell: &ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED) || cell.symbol() == "█";
            let marked: Vec<_> = row.filter(|(_, cell)| marked(cell)).collect();
            assert_eq!(marked.len(), 1, "{marked:?}");
            let cell = &marked[0].1;
            let is_dim = cell.modifier.contains(Modifier::DIM) || cell.fg == Color::DarkGray;
            (marked[0].0, is_dim, cell.symbol().to_owned())
        };
        let (hit, rest) = (look.pick("█", "x"), look.pick("·", "."));
        // Twelve columns before the steps of a track whose name has five letters; a gap after each beat.
        assert_eq!(playhead(12 * BAR), (12, false, hit.to_owned()));
        assert_eq!(playhead(12 * BAR + 240), (13, true, rest.to_owned()));
        assert_eq!(playhead(12 * BAR + 960), (17, false, hit.to_owned()));
        assert_eq!(playhead(13 * BAR), (12, false, hit.to_owned()), "a bar later it begins again");
    }
}

/// On a white ground and on a black one, in the sixteen colours of xterm: what is read has a contrast of 3 at least, as large
/// and bold letters need it.
#[test]
fn words_can_be_read_on_dark_and_on_light() {
    let luminance = |colour: Color, own: f64| {
        let rgb = match colour {
            Color::Reset => return own,
            Color::Black => [0, 0, 0],
            Color::Red => [205, 0, 0],
            Color::Green => [0, 205, 0],
            Color::Yellow => [205, 205, 0],
            Color::Magenta => [205, 0, 205],
            Color::Cyan => [0, 205, 205],
            Color::DarkGray => [127, 127, 127],
            Color::White => [255, 255, 255],
            other => panic!("{other:?} has not been looked at"),
        };
        let part = |part: i32| match f64::from(part) / 255.0 {
            part if part <= 0.040_45 => part / 12.92,
            part => ((part + 0.055) / 1.055).powf(2.4),
        };
        0.2126 * part(rgb[0]) + 0.7152 * part(rgb[1]) + 0.0722 * part(rgb[2])
    };
    for keys in ["", "L", "?", "q", ":x"] {
        let mut rehearsal = in_the_middle();
        rehearsal.eye.recording = Some("records bass in chorus, pass 2");
        rehearsal.eye.mistake = Some("error: so".to_owned());
        rehearsal.eye.watch.say(Notice { text: "so".into(), is_wrong: true });
        rehearsal.press(keys);
        for (own, ground) in [(1.0, 0.0), (0.0, 1.0)] {
            for cell in rehearsal.draw(RICH, SIZES[1]).content {
                let is_word = cell.symbol().chars().any(|char| char.is_alphanumeric());
                let (front, back) = (luminance(cell.fg, own), luminance(cell.bg, ground));
                let (bright, dark) = (front.max(back), front.min(back));
                let contrast = (bright + 0.05) / (dark + 0.05);
                assert!(!is_word || contrast >= 3.0, "{cell:?}: {contrast} on {ground}");
            }
        }
    }
}

#[test]
fn what_is_equal_is_not_drawn_and_what_differs_is() {
    let mut rehearsal = in_the_middle();
    rehearsal.look();
    let before = rehearsal.eye.scene.clone();
    rehearsal.look();
    assert_eq!(rehearsal.eye.scene, before);
    rehearsal.now.set(rehearsal.now.get() + 500_000_000);
    rehearsal.look();
    assert_ne!(rehearsal.eye.scene, before, "the music goes on, though nobody has said so");
}

fn words(words: &str) -> Wish {
    Wish::Words(words.to_owned())
}

#[test]
fn keys_become_orders() {
    let mut rehearsal = Rehearsal::of("liveset");
    for (keys, asked) in [
        (" ", "start"),
        ("c", "continue"),
        ("2", "launch verse"),
        ("m", "mute drums"),
        ("vm", "mute pad"),
        ("vvvs", "solo bass"),
        ("^^^^s", "solo drums"),
        ("f", "fill"),
        ("h", "hold"),
        ("u", "withdraw"),
        ("+", "tempo +1"),
        ("=", "tempo +1"),
        ("-", "tempo -1"),
        ("]", "tempo +0.1"),
        ("[", "tempo -0.1"),
        ("t", "tap"),
        ("p", "panic"),
        ("r", "reload"),
    ] {
        assert_eq!(rehearsal.press(keys), [words(asked)], "{keys:?}");
        // Each is in the grammar.
        let names = rehearsal.show.set().names();
        assert!(crate::control::order::parse(asked, &names).is_ok(), "{asked}");
    }
    assert!(matches!(&rehearsal.press("9")[..], [Wish::Say(_)]), "the set has no ninth pattern");
    rehearsal.plays(Phase::Running, 0, Status::default());
    assert_eq!(rehearsal.press(" "), [words("stop")]);
    rehearsal.eye.pressed.push(KeyEvent::new(KeyCode::Char('3'), KeyModifiers::ALT));
    assert_eq!(rehearsal.press(""), [words("launch chorus at end")]);
    rehearsal.eye.pressed.push(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert_eq!(rehearsal.press(""), [words("quit")]);
}

#[test]
fn quitting_is_asked_for_twice() {
    let mut stopped = Rehearsal::of("liveset");
    assert_eq!(stopped.press("q"), [], "stopped or not");
    assert_eq!(stopped.press("y"), [words("quit")]);
    let mut rehearsal = in_the_middle();
    assert_eq!(rehearsal.press("q"), []);
    assert_eq!(rehearsal.eye.hands.over, Over::Quit);
    assert_eq!(rehearsal.press("2"), [], "any other key plays on, and does nothing else");
    assert_eq!(rehearsal.eye.hands.over, Over::Nothing);
    assert_eq!(rehearsal.press("qp"), [words("panic")]);
    assert_eq!(rehearsal.press("qq"), [], "a key that is held down repeats itself");
    assert_eq!(rehearsal.press("q\n"), []);
    assert_eq!(rehearsal.press("qy"), [words("quit")]);
}

#[test]
fn locked_keys_do_nothing_but_what_harms_nobody() {
    let mut rehearsal = in_the_middle();
    assert_eq!(rehearsal.press("L"), []);
    for ignored in ["1", "m", "q", ":", "r", "+", "u", "c"] {
        assert!(matches!(&rehearsal.press(ignored)[..], [Wish::Say(_)]), "{ignored:?}");
    }
    for ctrl in ['c', '\\'] {
        rehearsal.eye.pressed.push(KeyEvent::new(KeyCode::Char(ctrl), KeyModifiers::CONTROL));
        assert!(matches!(&rehearsal.press("")[..], [Wish::Say(_)]), "Ctrl-{ctrl}");
    }
    assert_eq!(rehearsal.press("pv"), [words("panic")]);
    assert_eq!((rehearsal.eye.hands.chosen, rehearsal.eye.hands.is_locked), (1, true));
    assert_eq!(rehearsal.press("Lm"), [words("mute pad")]);
}

#[test]
fn commands_are_written_and_corrected() {
    let mut rehearsal = Rehearsal::of("liveset");
    assert_eq!(rehearsal.press(":mute bas\n"), [Wish::Written("mute bas".into())]);
    assert_eq!(rehearsal.press("m"), [words("mute drums")], "whatever becomes of a command, the keys are keys again");
    assert_eq!(rehearsal.press(":^s\n"), [Wish::Written("mute bass".into())], "what was wrong can be corrected");
    assert_eq!(rehearsal.press(":^\n"), [Wish::Written("mute bass".into())], "the last one comes back");
    assert_eq!(rehearsal.press(":x\x1bm"), [words("mute drums")], "Esc closes it");
    assert_eq!(rehearsal.press(":\n"), []);
    assert_eq!(rehearsal.press(":  \nm"), [words("mute drums")]);
    rehearsal.eye.hands.paste("q");
    assert_eq!(rehearsal.eye.hands.over, Over::Nothing, "what is pasted is not played");
}

/// Silence, stop and lock, wherever the hands are.
#[test]
fn panic_stop_and_lock_work_everywhere() {
    let key = |rehearsal: &mut Rehearsal, number| {
        rehearsal.eye.pressed.push(KeyEvent::new(KeyCode::F(number), KeyModifiers::NONE));
        rehearsal.press("")
    };
    // In one burst as well, before the command is answered.
    assert_eq!(in_the_middle().press(":lanch x\np "), [Wish::Written("lanch x".into()), words("panic"), words("stop")]);
    for over in ["", "?", "q", "L", "L?", ":mute dr", ":"] {
        let at = || {
            let mut rehearsal = in_the_middle();
            rehearsal.press(over);
            rehearsal
        };
        if !over.contains(':') {
            assert_eq!(at().press("p"), [words("panic")], "{over}");
            assert_eq!(at().press(" "), [words("stop")], "{over}");
            let mut rehearsal = at();
            let was_locked = rehearsal.eye.hands.is_locked;
            assert_eq!((rehearsal.press("L"), rehearsal.eye.hands.is_locked), (vec![], !was_locked), "{over}");
        }
        let mut rehearsal = at();
        let was_locked = rehearsal.eye.hands.is_locked;
        assert_eq!(key(&mut rehearsal, 4), [words("panic")], "{over}");
        let mut rehearsal = at();
        assert_eq!(key(&mut rehearsal, 3), [words("stop")], "{over}");
        let mut rehearsal = at();
        assert_eq!((key(&mut rehearsal, 2), rehearsal.eye.hands.is_locked), (vec![], !was_locked), "{over}");
        assert_eq!(rehearsal.eye.hands.over, Over::Nothing, "{over}");
    }
    let mut rehearsal = in_the_middle();
    rehearsal.press(":mute dr");
    key(&mut rehearsal, 4);
    assert_eq!(rehearsal.press("ums\n"), [Wish::Written("mute drums".into())], "the command was not lost by it");
    // What is locked does not start.
    rehearsal.plays(Phase::Stopped, 0, Status::default());
    rehearsal.press("L");
    assert!(matches!(&rehearsal.press(" ")[..], [Wish::Say(_)]));
    rehearsal.press("Lq");
    assert_eq!(rehearsal.press(" "), [], "an answer that is no answer does not start a show");
}

fn status() -> impl Strategy<Value = Status> {
    let place = -10 * BAR..1_000 * BAR;
    let queued = proptest::option::of((0u16..8, place.clone()));
    let tracks = proptest::collection::vec(0u16..40, 0..4);
    (0u16..8, place, proptest::option::of(0u16..9), queued, any::<(bool, bool)>(), tracks).prop_map(
        |(pattern, origin, part, queued, (holds, fills), tracks)| {
            let mut status = Status {
                pattern: PatternSlot(pattern),
                origin: Tick(origin),
                part: part.map(PartSlot),
                queued: queued.map(|(pattern, line)| (PatternSlot(pattern), Tick(line))),
                holds,
                fills,
                ..Status::default()
            };
            for (index, track) in tracks.into_iter().enumerate() {
                let set = if index % 2 == 0 { &mut status.muted } else { &mut status.soloed };
                set.set(TrackSlot(track), true);
            }
            status
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_size_and_no_status_is_too_much(
        set in proptest::sample::select(vec!["circuits", "polymeter", "acid", "mothergen", "liveset"]),
        size in (0u16..200, 0u16..60),
        status in status(),
        phase in proptest::sample::select(vec![Phase::Stopped, Phase::Armed, Phase::Running]),
        position in -10 * BAR..1_000 * BAR,
        keys in "[?L:qvabx^0-9 >]{0,6}",
        followed in proptest::option::of(0u8..6),
        mistake in proptest::option::of("[a-z \n]{0,300}"),
        said in proptest::option::of("\\PC{0,300}"),
        looks in any::<(bool, bool)>(),
    ) {
        let mut rehearsal = Rehearsal::of(set);
        rehearsal.plays(phase, position, status);
        rehearsal.rt.meters().show_clock_source(followed.map_or(ClockSource::Own, |port| ClockSource::Port(PortSlot(port))));
        rehearsal.eye.mistake = mistake;
        if let Some(text) = said {
            rehearsal.eye.watch.say(Notice { text, is_wrong: looks.0 });
        }
        rehearsal.press(&keys);
        let look = Look { colour: looks.0, blocks: looks.1 };
        for size in [size, (1, 1), (size.0, 1), (1, size.1), (80, size.1)] {
            let buffer = rehearsal.draw(look, size);
            prop_assert_eq!(buffer.content.len(), usize::from(size.0) * usize::from(size.1));
        }
    }
}

//! Which pattern plays, in virtual time: launches, the song, and the programs that patterns need. From the specification,
//! note by note.

use crate::support::*;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::program::{PartSlot, PatternSlot, Quantum};
use tightrope::engine::{Command, Switch};
use tightrope::midi::{Channel, Message};
use tightrope::time::{Nanos, Span, TickSpan};

/// Three patterns with a key on each quarter: 48 to 53, 60 to 65 and, on another track, 72 to 77.
const PATTERNS: &str = r#"
[ports.a]
device = "A"
[tracks.one]
port = "a"
channel = 1
[tracks.two]
port = "a"
channel = 2
[patterns.first]
bars = 2
one = { step = "1/4", steps = "c2 d2 e2 f2" }
[patterns.second]
one = { step = "1/4", steps = "c3 d3 e3 f3" }
[patterns.third]
two = { step = "1/4", steps = "c4 d4 e4 f4" }
"#;

const FIRST: u16 = 0;
const SECOND: u16 = 1;
const THIRD: u16 = 2;
const BEAT: i64 = 960;
const BAR: i64 = 3_840;

/// A show on its own clock, with positions instead of times.
struct Stage {
    show: Show,
    /// When position 0 is.
    origin: Nanos,
}

impl Stage {
    /// The set `text` at 125 BPM, started.
    fn start(text: &str) -> Stage {
        let mut show = Show::new(compile(&format!("tempo = 125\n{text}")));
        show.command(Command::Start);
        while show.engine.phase() != Phase::Running || show.note_ons(CIRCUIT).is_empty() {
            show.wait(Span::from_millis(1));
        }
        let origin = show.note_ons(CIRCUIT)[0].0;
        Stage { show, origin }
    }

    /// Time passes up to `position`.
    fn to(&mut self, position: i64) -> &mut Stage {
        let at = self.origin + self.show.program.tempo.span_of(TickSpan(position));
        self.show.wait_until(at);
        self
    }

    fn command(&mut self, command: Command) -> &mut Stage {
        self.show.command(command);
        self
    }

    fn launch(&mut self, pattern: u16, at: impl Into<Option<Quantum>>) -> &mut Stage {
        self.command(Command::Launch { pattern: PatternSlot(pattern), at: at.into() })
    }

    /// The notes so far: position and key.
    fn notes(&self) -> Vec<(i64, u8)> {
        self.show.check();
        notes(&self.show)
    }

    /// The notes from `position` on.
    fn notes_from(&self, position: i64) -> Vec<(i64, u8)> {
        self.notes().into_iter().filter(|&(at, _)| at >= position).collect()
    }
}

/// The notes of a show: position and key.
fn notes(show: &Show) -> Vec<(i64, u8)> {
    let note = |departure: &tightrope::engine::outbox::Departure| match departure.message {
        Message::NoteOn(_, key, _) => Some((departure.tick.0, key.number())),
        _ => None,
    };
    show.trace.iter().filter_map(note).collect()
}

/// What `pattern` of [`PATTERNS`] plays from `begins` up to `until`, from its beginning.
fn played(pattern: u16, begins: i64, until: i64) -> Vec<(i64, u8)> {
    let lowest = 48 + 12 * pattern as u8;
    let keys = [0, 2, 4, 5].map(|above| lowest + above).into_iter().cycle();
    (begins..until).step_by(BEAT as usize).zip(keys).collect()
}

#[test]
fn a_launch_begins_where_it_says() {
    for (at, line) in [
        (Quantum::Grid(TickSpan(BEAT)), 2 * BEAT),
        (Quantum::Grid(TickSpan(BAR)), BAR),
        (Quantum::Grid(TickSpan(2 * BAR)), 2 * BAR),
        (Quantum::Grid(TickSpan(3 * BAR)), 3 * BAR),
        (Quantum::Grid(TickSpan(240)), 1_680),
        (Quantum::End, 2 * BAR),
    ] {
        let mut stage = Stage::start(PATTERNS);
        stage.to(1_500).launch(SECOND, at);
        assert_eq!(stage.show.engine.queued().map(|(slot, line)| (slot.0, line.0)), Some((SECOND, line)), "{at:?}");
        let until = line + 2 * BAR;
        stage.to(until - 1);
        let before = played(FIRST, 0, line);
        assert_eq!(stage.notes(), [before, played(SECOND, line, until)].concat(), "{at:?}");
        assert_eq!((stage.show.engine.pattern().0, stage.show.engine.queued()), (SECOND, None));
    }
}

#[test]
fn now_keeps_the_place() {
    let mut stage = Stage::start(PATTERNS);
    stage.to(BAR + 1_500).launch(SECOND, Quantum::Now).to(BAR + 1_510).to(2 * BAR + 1_500);
    let after: Vec<_> = played(SECOND, BAR, 2 * BAR + 1_500).into_iter().filter(|&(at, _)| at > BAR + 1_500).collect();
    assert_eq!(stage.notes_from(BAR + 1_500), after);
}

#[test]
fn where_nothing_is_said_the_pattern_says_it_or_the_set() {
    let quanta = [
        ("", "", BAR),
        ("launch = \"beat\"\n", "", 2 * BEAT),
        ("launch = \"beat\"\n", "launch = \"end\"\n", 2 * BAR),
        ("launch = \"now\"\n", "launch = \"4 bars\"\n", 4 * BAR),
    ];
    for (of_set, of_pattern, line) in quanta {
        let text =
            format!("{of_set}{}", PATTERNS.replace("[patterns.second]\n", &format!("[patterns.second]\n{of_pattern}")));
        let mut stage = Stage::start(&text);
        stage.to(1_500).launch(SECOND, None).to(line + BEAT - 1);
        assert_eq!(stage.notes_from(line), [(line, 60)], "{of_set}{of_pattern}");
        assert_eq!(stage.notes(), [played(FIRST, 0, line), vec![(line, 60)]].concat());
    }
}

#[test]
fn the_last_request_wins_and_can_be_withdrawn() {
    let mut stage = Stage::start(PATTERNS);
    stage.to(1_500).launch(SECOND, None).to(2_500).launch(THIRD, None).to(2 * BAR - 1);
    assert_eq!(stage.notes_from(BAR), played(THIRD, BAR, 2 * BAR));

    let mut stage = Stage::start(PATTERNS);
    stage.to(1_500).launch(SECOND, None).to(2_500).command(Command::CancelLaunch);
    assert_eq!(stage.show.engine.queued(), None);
    stage.to(3 * BAR - 1);
    assert_eq!(stage.notes(), played(FIRST, 0, 3 * BAR));
}

#[test]
fn what_is_asked_for_while_stopped_plays_from_the_next_start_on() {
    let mut stage = Stage::start(PATTERNS);
    stage.to(1_500).command(Command::Stop).launch(SECOND, None).launch(THIRD, None);
    assert_eq!(stage.show.engine.pattern(), PatternSlot(THIRD));
    stage.command(Command::CancelLaunch);
    assert_eq!(stage.show.engine.pattern(), PatternSlot(FIRST));
    stage.launch(SECOND, Quantum::End);
    let stopped = stage.show.trace.len();
    stage.command(Command::Start);
    stage.show.wait(Span::from_millis(1_000));
    stage.show.trace.drain(..stopped);
    assert_eq!(notes(&stage.show)[..2], played(SECOND, 0, 2 * BEAT));
}

#[test]
fn a_launch_that_waits_when_the_music_stops_counts_for_where_it_goes_on() {
    let mut stage = Stage::start(PATTERNS);
    stage.to(1_500).launch(SECOND, None).to(2_500).command(Command::Stop);
    assert_eq!((stage.show.engine.queued(), stage.show.engine.pattern()), (None, PatternSlot(SECOND)));
    let stopped = stage.show.trace.len();
    stage.command(Command::Continue);
    stage.show.wait(Span::from_millis(2_000));
    stage.show.trace.drain(..stopped);
    // The old pattern plays up to its line.
    assert_eq!(notes(&stage.show)[..3], [(2_880, 53), (BAR, 60), (BAR + BEAT, 62)]);
}

#[test]
fn a_pattern_that_keeps_leaves_the_other_tracks_alone() {
    for keep in [true, false] {
        let text = PATTERNS.replace("[patterns.third]\n", &format!("[patterns.third]\nkeep = {keep}\n"));
        let mut stage = Stage::start(&text);
        stage.to(1_500).launch(THIRD, None).to(3 * BAR - 1);
        let mut expected = played(THIRD, BAR, 3 * BAR);
        if keep {
            expected.extend(played(FIRST, BAR, 3 * BAR));
        }
        expected.sort_unstable();
        let mut heard = stage.notes_from(BAR);
        heard.sort_unstable();
        assert_eq!(heard, expected, "keep = {keep}");
    }
}

#[test]
fn old_notes_end_on_the_line() {
    let text = PATTERNS
        .replace("steps = \"c2 d2 e2 f2\"", "steps = \"c2\", gate = 400")
        .replace("step = \"1/4\", steps = \"c2\"", "step = \"1/1\", steps = \"c2\"");
    let mut stage = Stage::start(&text);
    stage.to(1_500).launch(THIRD, None).to(BAR);
    let off = stage.show.trace.iter().find(|departure| departure.message == note_off(1, 48)).unwrap();
    assert_eq!(off.tick.0, BAR);
    let position = |message| stage.show.trace.iter().position(|departure| departure.message == message);
    assert!(position(note_off(1, 48)) < position(note_on(2, 72)), "the end of the old before the beginning of the new");
}

/// [`PATTERNS`] with a song of 2 + 2 + 1 bars.
fn song(end: &str) -> String {
    format!("{PATTERNS}[song]\nparts = [\"first\", \"second x2\", \"third\"]\nend = \"{end}\"\n")
}

/// What the song plays once, from `begins` on.
fn whole_song(begins: i64) -> Vec<(i64, u8)> {
    let at = |bars: i64| begins + bars * BAR;
    [played(FIRST, at(0), at(2)), played(SECOND, at(2), at(4)), played(THIRD, at(4), at(5))].concat()
}

#[test]
fn a_song_plays_its_parts_and_then_holds_loops_or_stops() {
    let mut stage = Stage::start(&song("hold"));
    assert_eq!(stage.show.engine.part(), Some(PartSlot(0)));
    stage.to(7 * BAR - 1);
    assert_eq!(stage.notes(), [whole_song(0), played(THIRD, 5 * BAR, 7 * BAR)].concat());
    assert_eq!(stage.show.engine.part(), Some(PartSlot(2)));

    let mut stage = Stage::start(&song("loop"));
    stage.to(10 * BAR - 1);
    assert_eq!(stage.notes(), [whole_song(0), whole_song(5 * BAR)].concat());

    let mut stage = Stage::start(&song("stop"));
    stage.to(7 * BAR);
    assert_eq!((stage.notes(), stage.show.engine.phase()), (whole_song(0), Phase::Stopped));
    assert_eq!(stage.show.engine.sounding(), 0);
    let over = stage.show.trace.len();
    stage.command(Command::Start);
    stage.show.wait(Span::from_millis(1_000));
    stage.show.trace.drain(..over);
    assert_eq!(notes(&stage.show)[..2], played(FIRST, 0, 2 * BEAT), "START begins it anew");
}

#[test]
fn a_part_is_held_until_it_is_let_go() {
    let mut stage = Stage::start(&song("stop"));
    stage.to(BAR).command(Command::Hold(Switch::On)).to(5 * BAR).command(Command::Hold(Switch::Off)).to(10 * BAR);
    // Held in its second round, it is let go at the end of its third.
    let after = whole_song(0).into_iter().skip(8).map(|(at, key)| (at + 4 * BAR, key)).collect();
    assert_eq!(stage.notes(), [played(FIRST, 0, 6 * BAR), after].concat());
}

#[test]
fn a_jump_leads_to_its_part_and_the_song_goes_on_from_there() {
    let mut stage = Stage::start(&song("stop"));
    stage.to(1_500).command(Command::Jump(PartSlot(2))).to(4 * BAR);
    assert_eq!(stage.notes(), [played(FIRST, 0, BAR), played(THIRD, BAR, 2 * BAR)].concat());
    assert_eq!(stage.show.engine.phase(), Phase::Stopped);

    let mut stage = Stage::start(&song("hold"));
    stage.to(1_500).command(Command::Jump(PartSlot(1))).to(4 * BAR - 1);
    let expected = [played(FIRST, 0, BAR), played(SECOND, BAR, 3 * BAR), played(THIRD, 3 * BAR, 4 * BAR)];
    assert_eq!(stage.notes(), expected.concat());
}

#[test]
fn a_jump_while_stopped_counts_for_the_next_start() {
    let mut show = Show::new(compile(&format!("tempo = 125\n{}", song("stop"))));
    show.command(Command::Jump(PartSlot(1)));
    show.command(Command::Start);
    show.wait(Span::from_millis(10_000));
    assert_eq!(notes(&show), [played(SECOND, 0, 2 * BAR), played(THIRD, 2 * BAR, 3 * BAR)].concat());
    assert_eq!(show.engine.phase(), Phase::Stopped);
}

#[test]
fn a_launch_by_hand_leaves_the_song_and_a_jump_leads_back() {
    let mut stage = Stage::start(&song("stop"));
    stage.to(1_500).launch(THIRD, None).to(4 * BAR + 10);
    assert_eq!((stage.show.engine.part(), stage.notes_from(BAR)), (None, played(THIRD, BAR, 4 * BAR + 10)));
    stage.command(Command::Jump(PartSlot(1))).to(8 * BAR);
    let expected = [played(SECOND, 5 * BAR, 7 * BAR), played(THIRD, 7 * BAR, 8 * BAR)];
    assert_eq!((stage.notes_from(5 * BAR), stage.show.engine.phase()), (expected.concat(), Phase::Stopped));
}

#[test]
fn a_song_position_finds_its_part() {
    let text = format!("[clock]\nfollow = \"a\"\n{}", song("loop"));
    // Sixteenths: in the second bar of the second part, in the third part, and as far into the second round.
    for sixteenths in [3 * 16 + 4, 4 * 16 + 8, 5 * 16 + 3 * 16 + 4] {
        let mut show = Show::new(compile(&text));
        show.pulses(24, PULSE);
        show.input(CIRCUIT, Message::SongPosition(sixteenths));
        show.input(CIRCUIT, Message::Continue);
        show.pulses(96 * 3, PULSE);
        let from = i64::from(sixteenths) * 240;
        let all = [whole_song(0), whole_song(5 * BAR), whole_song(10 * BAR)].concat();
        let expected: Vec<_> = all.into_iter().filter(|&(at, _)| at >= from && at < from + 3 * BAR).collect();
        assert_eq!(notes(&show)[..expected.len()], expected, "{sixteenths}");
        show.check();
    }
}

#[test]
fn a_song_position_is_told_by_its_part() {
    let text = format!("[clock]\nfollow = \"a\"\n{}", song("hold"));
    for (sixteenths, part) in [(0, 0), (31, 0), (32, 1), (63, 1), (64, 2), (200, 2)] {
        let mut show = Show::new(compile(&text));
        show.input(CIRCUIT, Message::SongPosition(sixteenths));
        show.input(CIRCUIT, Message::Continue);
        show.pulses(2, PULSE);
        assert_eq!(show.engine.part(), Some(PartSlot(part)), "{sixteenths}");
        // And it goes on as it should: the last part is held.
        show.pulses(96, PULSE);
        assert_eq!(show.engine.phase(), Phase::Running);
    }
}

/// Program changes and what belongs to them: position and message.
fn programs(show: &Show) -> Vec<(i64, Message)> {
    let is_one = |message: &Message| {
        matches!(message, Message::ProgramChange(..)) || matches!(message, Message::ControlChange(_, 0 | 32, _))
    };
    show.trace.iter().filter(|d| is_one(&d.message)).map(|d| (d.tick.0, d.message)).collect()
}

fn channel(number: u8) -> Channel {
    Channel::from_number(number).unwrap()
}

#[test]
fn programs_are_sent_ahead_the_bank_first() {
    let wanted = "program = { two = { program = 5, bank = 129 }, one = 7, ahead = \"1 beat\" }\n";
    let text = PATTERNS.replace("[patterns.third]\n", &format!("[patterns.third]\n{wanted}"));
    let mut stage = Stage::start(&text);
    stage.to(1_500).launch(THIRD, None).to(2 * BAR);
    let at = BAR - BEAT;
    let bank = |number| Message::ControlChange(channel(2), number, 1);
    let expected = [
        (at, bank(0)),
        (at, bank(32)),
        (at, Message::ProgramChange(channel(2), 5)),
        (at, Message::ProgramChange(channel(1), 7)),
    ];
    assert_eq!(programs(&stage.show), expected, "once");
    let due = stage.show.trace.iter().find(|d| d.message == bank(0)).unwrap().due;
    assert_eq!(due, stage.origin + stage.show.program.tempo.span_of(TickSpan(at)));
    // Before the note of the same moment.
    let place = |wanted: &dyn Fn(&Message) -> bool| stage.show.trace.iter().position(|d| wanted(&d.message)).unwrap();
    let note = stage.show.trace.iter().position(|d| d.tick.0 == at && matches!(d.message, Message::NoteOn(..)));
    assert!(place(&|message| *message == bank(0)) < note.unwrap());
}

#[test]
fn programs_without_a_lead_come_right_before_the_first_note() {
    let text = PATTERNS.replace("[patterns.third]\n", "[patterns.third]\nprogram = { two = 5 }\n");
    let mut stage = Stage::start(&text);
    stage.to(1_500).launch(THIRD, None).to(BAR + 10);
    let trace: Vec<_> = stage.show.trace.iter().filter(|d| d.tick.0 == BAR).map(|d| d.message).collect();
    let program = trace.iter().position(|message| *message == Message::ProgramChange(channel(2), 5));
    let note = trace.iter().position(|message| matches!(message, Message::NoteOn(..)));
    assert!(program.is_some() && program < note, "{trace:?}");
    // A launch that comes too late for its lead sends them at once.
    let text = PATTERNS.replace("[patterns.third]\n", "[patterns.third]\nprogram = { two = 5, ahead = \"2 bars\" }\n");
    let mut stage = Stage::start(&text);
    stage.to(1_500).launch(THIRD, None).to(1_510);
    assert_eq!(programs(&stage.show).len(), 1);
}

#[test]
fn programs_are_sent_at_once_while_it_is_stopped() {
    let text = PATTERNS
        .replace("[patterns.first]\n", "[patterns.first]\nprogram = { one = 1 }\n")
        .replace("[patterns.second]\n", "[patterns.second]\nprogram = { one = 2, ahead = \"1 bar\" }\n");
    let mut show = Show::new(compile(&text));
    let change = |number| Message::ProgramChange(channel(1), number);
    let sent = |show: &Show| {
        show.trace.iter().map(|d| d.message).filter(|m| matches!(m, Message::ProgramChange(..))).collect::<Vec<_>>()
    };
    assert_eq!(sent(&show), [change(1)], "the first pattern's, before anything plays");
    show.command(launch(SECOND));
    assert_eq!(sent(&show), [change(1), change(2)]);
    show.command(Command::Start);
    show.wait(Span::from_millis(3_000));
    assert_eq!(sent(&show), [change(1), change(2)], "not again");
}

#[test]
fn a_withdrawn_launch_takes_back_its_programs() {
    let text = PATTERNS
        .replace("[patterns.first]\n", "[patterns.first]\nprogram = { one = 1 }\n")
        .replace("[patterns.second]\n", "[patterns.second]\nprogram = { one = 2, ahead = \"1 bar\" }\n");
    let mut stage = Stage::start(&text);
    stage.to(1_500).launch(SECOND, None).to(2_000).command(Command::CancelLaunch).to(BAR);
    let sent: Vec<Message> = programs(&stage.show).into_iter().map(|(_, message)| message).collect();
    assert_eq!(sent, [1, 2, 1].map(|number| Message::ProgramChange(channel(1), number)));
}

/// [`PATTERNS`] with a program for each pattern, sent half a bar ahead, as a song that plays each twice.
fn song_with_programs() -> String {
    let text = ["first", "second", "third"].iter().enumerate().fold(PATTERNS.to_owned(), |text, (number, name)| {
        let heading = format!("[patterns.{name}]\n");
        text.replace(&heading, &format!("{heading}program = {{ one = {number}, ahead = \"2 beats\" }}\n"))
    });
    format!("{text}[song]\nparts = [\"first\", \"second\", \"third\"]\n")
}

/// The programs that were sent since the show began, by number.
fn numbers(stage: &Stage) -> Vec<u8> {
    let number = |message| match message {
        Message::ProgramChange(_, number) => Some(number),
        _ => None,
    };
    programs(&stage.show).into_iter().filter_map(|(_, message)| number(message)).collect()
}

#[test]
fn programs_that_were_sent_for_something_else_are_undone() {
    // In the last half bar of the first part, the program of the second is there already.
    let late = 2 * BAR - BEAT;
    for (command, after) in [
        (Command::Hold(Switch::On), &[0, 1, 0][..]),
        (launch(THIRD), &[0, 1, 0, 2]),
        (launch(FIRST), &[0, 1, 0]),
        (launch(SECOND), &[0, 1]),
        (Command::Jump(PartSlot(2)), &[0, 1, 0, 2]),
        (Command::CancelLaunch, &[0, 1]),
        (Command::Start, &[0, 1, 0]),
        (Command::Mute(tightrope::engine::program::TrackSlot(0), Switch::On), &[0, 1]),
    ] {
        let mut stage = Stage::start(&song_with_programs());
        stage.to(late);
        assert_eq!(numbers(&stage), [0, 1]);
        stage.command(command).to(late + 100);
        assert_eq!(numbers(&stage), after, "{command:?}");
    }
}

#[test]
fn programs_are_not_sent_before_what_plays_has_begun() {
    // The lead of the last part is longer than the part before it.
    let text =
        song("loop").replace("[patterns.third]\n", "[patterns.third]\nprogram = { two = 4, ahead = \"3 bars\" }\n");
    let mut stage = Stage::start(&text);
    stage.to(6 * BAR);
    assert_eq!(programs(&stage.show), [(2 * BAR, Message::ProgramChange(channel(2), 4))]);
    let due = stage.show.trace.iter().find(|d| matches!(d.message, Message::ProgramChange(..))).unwrap().due;
    assert_eq!(due, stage.origin + stage.show.program.tempo.span_of(TickSpan(2 * BAR)));
}

#[test]
fn a_song_that_goes_on_after_a_stop_has_its_programs() {
    let mut stage = Stage::start(&song_with_programs());
    stage.to(2 * BAR - BEAT).command(Command::Stop).command(Command::Continue);
    stage.show.wait(Span::from_millis(1_000));
    assert_eq!(*numbers(&stage).last().unwrap(), 1, "the second part's, right before it");
    assert_eq!(stage.show.engine.part(), Some(PartSlot(1)));
    stage.command(Command::Stop).command(Command::Start);
    stage.show.wait(Span::from_millis(1_000));
    assert_eq!(*numbers(&stage).last().unwrap(), 0, "the first part's again");
}

#[test]
fn what_was_asked_for_while_stopped_can_be_withdrawn_with_its_programs() {
    let mut stage = Stage::start(&song_with_programs());
    stage.to(1_000).command(Command::Stop).launch(THIRD, None).command(Command::CancelLaunch);
    assert_eq!(numbers(&stage), [0, 2, 0]);
}

#[test]
fn a_song_prepares_its_parts() {
    let text =
        song("loop").replace("[patterns.second]\n", "[patterns.second]\nprogram = { one = 9, ahead = \"1 beat\" }\n");
    let mut stage = Stage::start(&text);
    stage.to(10 * BAR);
    let at: Vec<i64> = programs(&stage.show).into_iter().map(|(at, _)| at).collect();
    assert_eq!(at, [2 * BAR - BEAT, 7 * BAR - BEAT], "once each time it comes, and not between its rounds");
}

#[test]
fn an_early_port_has_its_launch_on_the_line_too() {
    let text = PATTERNS.replace("device = \"A\"\n", "device = \"A\"\noffset = \"-20 ms\"\n");
    let mut stage = Stage::start(&text);
    // The port is 40 ticks ahead, and so is what this stage counts from: a launch right before the line comes too late.
    stage.to(BAR + 40 - 5).launch(SECOND, None).to(3 * BAR);
    let ons = stage.notes_from(BAR);
    assert_eq!(ons[..5], [played(FIRST, BAR, 2 * BAR), vec![(2 * BAR, 60)]].concat());
}

#[test]
fn what_is_launched_while_stopped_is_no_part_of_the_song() {
    let mut show = Show::new(compile(&format!("tempo = 125\n{}", song("hold"))));
    let chosen = |show: &Show| (show.engine.status().pattern, show.engine.status().part);
    assert_eq!(chosen(&show), (PatternSlot(FIRST), Some(PartSlot(0))));
    show.command(Command::Launch { pattern: PatternSlot(THIRD), at: None });
    assert_eq!(chosen(&show), (PatternSlot(THIRD), None));
    show.command(Command::Jump(PartSlot(1)));
    assert_eq!(chosen(&show), (PatternSlot(SECOND), Some(PartSlot(1))));
}

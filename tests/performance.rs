//! The talk's performance, in virtual time: each note on its own pulse, whatever the transport does.

use crate::support::*;
use tightrope::engine::Command;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::outbox::Departure;
use tightrope::engine::program::{
    AfterSong, ClockOut, Lost, Part, PatternSlot, PortSlot, Program, ProgramChange, Song,
};
use tightrope::midi::{Channel, Message};
use tightrope::time::{Nanos, Span, Tick, TickSpan};

/// A performance of `count` pulses after START, as the stage plays it.
fn performance(count: usize) -> (Show, Nanos) {
    perform(circuits(), count)
}

/// The same of another program.
fn perform(program: Program, count: usize) -> (Show, Nanos) {
    let mut show = Show::new(program);
    show.pulses(23, PULSE);
    show.pulses(1, HALF);
    show.input(CIRCUIT, Message::Start);
    show.wait(HALF);
    let first = show.now;
    show.pulses(count, PULSE);
    (show, first)
}

/// Half a pulse.
const HALF: Span = Span::from_millis(10);

/// On which pulse each note of `key` fell.
fn pulses_of(show: &Show, first: Nanos, key: u8) -> Vec<i64> {
    let ons = show.note_ons(CIRCUIT);
    let on_pulse = |at: Nanos| {
        assert_eq!(at.since(first).0 % PULSE.0, 0, "a note of {key} is off its pulse");
        at.since(first).0 / PULSE.0
    };
    ons.into_iter().filter(|&(_, k)| k == key).map(|(at, _)| on_pulse(at)).collect()
}

#[test]
fn a_thousand_pulses_are_played_to_the_note() {
    let (mut show, first) = performance(999);
    show.pulses(1, HALF);
    show.input(CIRCUIT, Message::Stop);
    let every = |step: i64, from: i64| (0..1_000).filter(move |pulse| pulse % step == from).collect::<Vec<i64>>();
    assert_eq!(pulses_of(&show, first, 60), every(24, 0));
    assert_eq!(pulses_of(&show, first, 62), every(48, 24));
    let hats: Vec<i64> = (0..1_000).filter(|pulse| [0, 6].contains(&(pulse % 24))).collect();
    assert_eq!(pulses_of(&show, first, 64), hats);
    assert_eq!(pulses_of(&show, first, 65), every(24, 12));
    assert_eq!(show.note_ons(CIRCUIT).len(), 189);

    let mono = show.note_ons(MONO);
    let bass: Vec<i64> = mono.iter().filter(|(_, key)| *key == 48).map(|(at, _)| at.since(first).0 / PULSE.0).collect();
    assert_eq!(bass, every(96, 0));
    let arp: Vec<_> = mono.iter().filter(|(_, key)| *key != 48).collect();
    assert!(arp.len() >= 100, "{} notes of arpeggio", arp.len());
    assert!(arp.iter().all(|(at, key)| at.since(first).0 % (6 * PULSE.0) == 0 && [72, 65, 67].contains(key)));

    assert_eq!(show.count(MONO, Message::Clock), 24 + 1_000);
    assert_eq!(show.count(MONO, Message::Start), 1);
    assert_eq!(show.count(MONO, Message::Stop), 1);
    assert_eq!(show.count(CIRCUIT, Message::Clock), 0);
    show.check();
    assert_eq!(show.engine.sounding(), 0);
}

/// The arpeggio's notes in pulses: when each began, and how long it is (twice its gate).
fn arpeggio(show: &Show, first: Nanos) -> Vec<(i64, i64)> {
    let pulses = |span: Span| span.0 / PULSE.0;
    let mut notes = Vec::new();
    for (i, on) in show.trace.iter().enumerate() {
        if let Message::NoteOn(channel, key, velocity) = on.message
            && (on.port, velocity.value()) == (MONO, 32)
        {
            let is_off = |d: &&Departure| d.port == MONO && d.message == Message::NoteOff(channel, key, 0);
            if let Some(off) = show.trace[i..].iter().find(is_off) {
                notes.push((pulses(on.due.since(first)), 2 * pulses(off.due.since(on.due))));
            }
        }
    }
    notes
}

#[test]
fn the_arpeggio_rests_once_where_all_it_has_played_fills_bars() {
    let (show, first) = performance(96 * 100);
    let mut filled = 0;
    let mut rests = 0;
    for (on, length) in arpeggio(&show, first) {
        if filled % 96 == 0 {
            assert!([6, 12].contains(&(on - filled)), "no rest at pulse {filled}");
            rests += 1;
        } else {
            assert_eq!(on, filled, "a gap");
        }
        filled = on + length;
    }
    assert!(rests > 20, "{rests} rests");
}

#[test]
fn one_in_four_notes_of_the_arpeggio_is_an_eighth() {
    let (show, first) = performance(96 * 100);
    let notes = arpeggio(&show, first);
    let eighths = notes.iter().filter(|(_, length)| *length == 12).count();
    assert!((20..30).contains(&(100 * eighths / notes.len())), "{eighths} of {}", notes.len());
    assert!(notes.iter().all(|(_, length)| [6, 12].contains(length)));
}

#[test]
fn gates_are_as_in_the_talk() {
    let (show, first) = performance(97);
    let off_of = |key: u8| {
        let on = show.note_ons(CIRCUIT).into_iter().find(|n| n.1 == key).unwrap().0;
        let off = show.trace.iter().find(|d| d.message == note_off(10, key)).unwrap().due;
        off.since(on).0 / PULSE.0
    };
    assert_eq!([off_of(60), off_of(62), off_of(64), off_of(65)], [12, 12, 3, 6]);
    let bass_off = show.trace.iter().find(|d| d.port == MONO && d.message == note_off(1, 48)).unwrap().due;
    assert_eq!(bass_off.since(first).0 / PULSE.0, 96);
}

#[test]
fn start_is_not_a_pulse() {
    let mut show = Show::new(circuits());
    show.input(CIRCUIT, Message::Start);
    show.wait(Span::from_millis(300));
    assert_eq!(show.engine.phase(), Phase::Armed);
    assert!(show.note_ons(CIRCUIT).is_empty(), "nothing sounds before the first pulse");
    let first = show.now;
    show.pulses(1, PULSE);
    assert_eq!(show.note_ons(CIRCUIT)[0], (first, 60));
}

#[test]
fn the_last_key_moves_the_bass_from_its_next_note_on() {
    let mut show = Show::new(circuits());
    show.input(CIRCUIT, Message::Start);
    show.pulses(40, PULSE);
    show.input(CIRCUIT, note_on(1, 50));
    show.input(CIRCUIT, note_off(1, 50));
    show.pulses(56, PULSE);
    let change = show.now;
    show.pulses(90, PULSE);
    let bass: Vec<u8> = show.note_ons(MONO).into_iter().map(|n| n.1).filter(|k| *k < 60).collect();
    assert_eq!(bass, [48, 50]);
    // Legato: the new note is struck first, then the old one gets its own off.
    let position = |message| show.trace.iter().position(|d| d.port == MONO && d.message == message).unwrap();
    let on = show.trace.iter().position(|d| {
        d.due == change && d.port == MONO && matches!(d.message, Message::NoteOn(_, k, _) if k.number() == 50)
    });
    assert!(on.unwrap() < position(note_off(1, 48)));
    assert_eq!(show.count(MONO, note_off(1, 50)), 0, "it still sounds");
    show.input(CIRCUIT, Message::Stop);
    assert_eq!(show.count(MONO, note_off(1, 50)), 1);
    show.check();
}

#[test]
fn stop_ends_every_note_and_continue_goes_on_with_the_next_pulse() {
    let (mut show, first) = performance(30);
    show.input(CIRCUIT, Message::Stop);
    assert_eq!((show.engine.sounding(), show.engine.phase()), (0, Phase::Stopped));
    let stopped = show.trace.len();
    show.pulses(10, PULSE);
    let silent = show.trace[stopped..].iter().all(|d| d.message == Message::Clock);
    assert!(silent, "only the clock goes on while it is stopped");
    show.input(CIRCUIT, Message::Continue);
    let on = show.now;
    show.pulses(30, PULSE);
    // 30 pulses were played, so pulse 30 comes next: the second hat of beat two; and beat three is pulse 48.
    let after: Vec<_> = show.note_ons(CIRCUIT).into_iter().filter(|n| n.0 >= on).collect();
    assert_eq!(after[0], (on, 64));
    let kick = after.iter().find(|n| n.1 == 60).unwrap();
    assert_eq!(kick.0.since(on), Span(18 * PULSE.0));
    assert_eq!(show.count(MONO, Message::Continue), 1);
    assert!(first < on);
    show.check();
}

#[test]
fn the_song_position_is_where_continue_goes_on() {
    let mut show = Show::new(circuits());
    // Bar 200 and one beat: 3,204 sixteenths; far beyond what fits into fewer bits.
    show.input(CIRCUIT, Message::SongPosition(3_200 + 4));
    show.input(CIRCUIT, Message::Continue);
    let on = show.now;
    show.pulses(96, PULSE);
    assert_eq!(show.count(MONO, Message::SongPosition(3_204)), 1);
    let beats: Vec<_> = show.note_ons(CIRCUIT).into_iter().filter(|n| [60, 62].contains(&n.1)).take(3).collect();
    assert_eq!(beats, [(on, 60), (on, 62), (on + Span(24 * PULSE.0), 60)]);
    let bass = show.note_ons(MONO).into_iter().find(|n| n.1 == 48).unwrap();
    assert_eq!(bass.0.since(on), Span(72 * PULSE.0), "the bass waits for its bar");
    show.check();
}

#[test]
fn a_song_position_while_it_plays_moves_the_music_at_the_next_pulse() {
    // Bar 1, pulse 39: the kick of beat two and the bass sound. From there to the snare's beat of bar 51, and back to bar 3.
    let (mut show, first) = performance(39);
    show.pulses(1, HALF);
    let before = show.trace.len();
    assert!(show.engine.sounding() > 0);
    show.input(CIRCUIT, Message::SongPosition(50 * 16 + 4));
    assert_eq!((show.engine.sounding(), check_trace(&show.trace)), (0, 0), "what sounded belongs to where it was");
    show.wait(HALF);
    let moved = show.now;
    show.pulses(96 + 19, PULSE);
    show.pulses(1, HALF);
    // A sixteenth behind the beat: a position between those that are played.
    show.input(CIRCUIT, Message::SongPosition(2 * 16 + 1));
    show.wait(HALF);
    let back = show.now;
    show.pulses(59, PULSE);
    show.pulses(1, HALF);

    // Of the new position: 60 falls on each beat, 62 on two and four, 64 on the first two sixteenths, 65 on the third.
    let expected = |from: i64, pulses: i64| {
        let mut notes = Vec::new();
        for pulse in from..from + pulses {
            notes.extend(
                [(60, 24, 0), (62, 48, 24), (64, 24, 0), (64, 24, 6), (65, 24, 12)]
                    .iter()
                    .filter_map(|&(key, every, at)| (pulse % every == at).then_some((pulse - from, key))),
            );
        }
        notes
    };
    let played = |from: Nanos, to: Nanos| {
        let ons = show.note_ons(CIRCUIT).into_iter().filter(|note| (from..to).contains(&note.0));
        let mut notes: Vec<_> = ons.map(|(at, key)| (at.since(from).0 / PULSE.0, i64::from(key))).collect();
        notes.sort_unstable();
        notes
    };
    assert_eq!(played(first, moved), expected(0, 40));
    assert_eq!(played(moved, back), expected(50 * 96 + 24, 96 + 20));
    assert_eq!(played(back, show.now + HALF), expected(2 * 96 + 6, 60));
    // The bass is a bar long: it comes again with the next bar line, and then with the one after.
    let bass: Vec<Nanos> = show.note_ons(MONO).into_iter().filter(|note| note.1 == 48).map(|note| note.0).collect();
    assert_eq!(bass, [first, moved + Span(72 * PULSE.0)]);

    // Nobody but those who count from the new position notices: not a pulse too many or too few, no START, no STOP.
    let told = |message| show.trace[before..].iter().filter(|d| d.port == MONO && d.message == message).count();
    assert_eq!(show.count(MONO, Message::Clock), 24 + 40 + 116 + 60);
    assert_eq!([told(Message::SongPosition(804)), told(Message::SongPosition(33))], [1, 1]);
    assert_eq!([Message::Start, Message::Stop, Message::Continue].map(told), [0, 0, 0]);
    assert_eq!(show.engine.phase(), Phase::Running);
    show.input(CIRCUIT, Message::Stop);
    assert_eq!((show.engine.sounding(), check_trace(&show.trace)), (0, 0));
}

#[test]
fn a_second_start_begins_again_and_kills_nothing() {
    let (mut show, _) = performance(40);
    show.input(CIRCUIT, Message::Start);
    assert_eq!(show.engine.sounding(), 0);
    let again = show.now;
    show.pulses(60, PULSE);
    let kicks: Vec<_> = show.note_ons(CIRCUIT).into_iter().filter(|n| n.1 == 60 && n.0 >= again).collect();
    assert_eq!(kicks, [0, 24, 48].map(|pulse| (again + Span(pulse * PULSE.0), 60)));
    show.check();
}

#[test]
fn pulses_out_of_a_queue_count_as_many_pulses() {
    let (mut show, first) = performance(10);
    show.wait(Span(48 * PULSE.0));
    for _ in 0..48 {
        show.input(CIRCUIT, Message::Clock);
    }
    show.wait(PULSE);
    show.pulses(60, PULSE);
    // 10 + 48 pulses have gone by; the kick of pulse 72 comes 14 pulses later.
    let kicks: Vec<_> = show.note_ons(CIRCUIT).into_iter().filter(|n| n.1 == 60).collect();
    let resumed = first + Span(10 * PULSE.0 + 48 * PULSE.0 + PULSE.0);
    assert!(kicks.contains(&(resumed + Span(14 * PULSE.0), 60)), "{kicks:?}");
    // The last pulse was just to come.
    assert_eq!(show.count(MONO, Message::Clock), 24 + 10 + 48 + 60 + 1);
    show.check();
}

#[test]
fn between_pulses_notes_fall_where_the_tempo_says() {
    let set = r#"
        [clock]
        follow = "a"
        [ports.a]
        device = "a"
        [tracks.t]
        port = "a"
        channel = 1
        [patterns.p]
        t = { step = "1/64", steps = "c2 d2" }
    "#;
    let mut show = Show::new(compile(set));
    show.pulses(24, PULSE);
    show.input(CIRCUIT, Message::Start);
    let first = show.now;
    show.pulses(24, PULSE);
    // A 64th is one and a half pulses.
    let places: Vec<i64> = show.note_ons(CIRCUIT).iter().map(|n| n.0.since(first).0 / 1_000).take(5).collect();
    assert_eq!(places, [0, 30_000, 60_000, 90_000, 120_000]);
    show.check();
}

#[test]
fn our_own_clock_does_not_drift() {
    let mut show = Show::new(circuits_alone());
    show.command(Command::Start);
    let bars = 10_000;
    show.advance(show.now + Span(bars * 96 * PULSE.0));
    let start = show.trace.iter().position(|d| d.message == Message::Start).unwrap();
    let clocks: Vec<_> = show.trace[start..].iter().filter(|d| d.message == Message::Clock).collect();
    let first = clocks[0].due;
    for (pulse, clock) in clocks.iter().enumerate() {
        assert_eq!(clock.due.since(first), Span(pulse as i64 * PULSE.0));
    }
    assert!(clocks.len() as i64 > (bars - 1) * 96);
    assert!(first.since(show.trace[start].due) >= Span::from_millis(1), "START comes well before the first pulse");
    assert_eq!(show.note_ons(CIRCUIT)[0], (first, 60));
    show.check();
}

/// Clock pulses at the Mono Station between START and STOP.
fn clocks_while_playing(show: &Show) -> usize {
    let mono = || show.trace.iter().filter(|d| d.port == MONO).map(|d| d.message);
    let from = mono().position(|message| message == Message::Start).unwrap();
    let to = mono().position(|message| message == Message::Stop).unwrap();
    mono().skip(from).take(to - from).filter(|message| *message == Message::Clock).count()
}

#[test]
fn an_end_position_ends_on_the_line() {
    let mut show = Show::new(circuits_alone());
    show.command(Command::EndAfter(TickSpan(2 * 3_840)));
    show.command(Command::Start);
    show.wait(Span::from_millis(10_000));
    assert!(show.engine.is_finished());
    assert_eq!(clocks_while_playing(&show), 192);
    assert_eq!(show.note_ons(CIRCUIT).iter().filter(|n| n.1 == 60).count(), 8);
    assert_eq!((check_trace(&show.trace), show.count(MONO, Message::Stop)), (0, 1));
    assert_eq!(show.engine.next_deadline(&show.program), None);
}

#[test]
fn ending_while_it_is_stopped_sends_no_second_stop() {
    let (mut show, _) = performance(30);
    show.input(CIRCUIT, Message::Stop);
    show.command(Command::End);
    assert!(show.engine.is_finished());
    assert_eq!(show.count(MONO, Message::Stop), 1);
}

#[test]
fn an_end_counts_from_where_the_music_begins() {
    let mut show = Show::new(circuits());
    show.command(Command::EndAfter(TickSpan(3_840)));
    show.input(CIRCUIT, Message::SongPosition(160));
    show.input(CIRCUIT, Message::Continue);
    show.pulses(100, PULSE);
    assert!(show.engine.is_finished());
    assert_eq!(show.note_ons(CIRCUIT).iter().filter(|n| n.1 == 60).count(), 4);
    assert_eq!(check_trace(&show.trace), 0);
}

/// `circuits` with a line in its `[clock]` table.
fn circuits_with(line: &str) -> Program {
    let text = tightrope::set::builtin::find("circuits").unwrap().text;
    compile(&text.replace("[clock]\n", &format!("[clock]\n{line}\n")))
}

#[test]
fn a_lost_clock_is_held_as_long_as_the_set_says_and_then_stops() {
    for (lost, bars) in [("lost = \"hold 2 bars\"", 2.0), ("lost = \"stop\"", 4.0 / 96.0), ("", 4.0)] {
        let (mut show, first) = perform(circuits_with(lost), 96);
        show.wait(Span::from_millis(60_000));
        assert_eq!((show.engine.phase(), show.engine.sounding()), (Phase::Stopped, 0), "{lost}");
        assert_eq!(show.engine.next_deadline(&show.program), None);
        let stop = show.trace.iter().find(|d| d.port == MONO && d.message == Message::Stop).unwrap();
        let expected = first + Span(95 * PULSE.0) + Span((bars * 96.0 * PULSE.0 as f64) as i64);
        assert_eq!(stop.due, expected, "{lost}");
        show.check();
    }
    let (mut show, _) = perform(circuits_with("lost = \"hold\""), 96);
    show.wait(Span::from_millis(60_000));
    assert_eq!(show.engine.phase(), Phase::Running);
    assert!(show.note_ons(CIRCUIT).len() as i64 >= 4 * 60_000 / 480);
}

#[test]
fn a_clock_that_comes_back_is_met_where_it_is() {
    // 150 pulses are lost on the way, while the master goes on.
    let (mut show, first) = perform(circuits_with("lost = \"hold\""), 130);
    show.wait(Span(150 * PULSE.0));
    show.pulses(200, PULSE);
    let kicks: Vec<i64> = pulses_of(&show, first, 60);
    assert_eq!(kicks, (0..=480).step_by(24).collect::<Vec<_>>());
    show.check();
}

#[test]
fn the_clock_runs_on_while_stopped_unless_told_not_to() {
    let clocks_after_stop = |program: Program| {
        let (mut show, _) = perform(program, 30);
        show.input(CIRCUIT, Message::Stop);
        let stopped = show.trace.len();
        show.pulses(50, PULSE);
        show.trace[stopped..].iter().filter(|d| d.message == Message::Clock).count()
    };
    assert_eq!(clocks_after_stop(circuits()), 50);
    assert_eq!(clocks_after_stop(circuits_with("clock_when_stopped = false")), 0);
    let mut own = circuits_alone();
    own.clock.when_stopped = false;
    let mut show = Show::new(own);
    show.wait(Span::from_millis(500));
    assert!(show.trace.is_empty());
    show.command(Command::Start);
    show.wait(Span::from_millis(500));
    let (start, clock) = (show.trace[0], show.trace[1]);
    assert_eq!(
        (start.message, clock.message, clock.due.since(start.due)),
        (Message::Start, Message::Clock, Span::from_millis(1))
    );
}

#[test]
fn a_port_may_be_early_or_late_by_the_same_time_at_any_tempo() {
    for (offset, shift) in [("-30 ms", -30), ("12.5 ms", 12)] {
        let text = tightrope::set::builtin::find("circuits").unwrap().text;
        let text = text.replace("clock  = true", &format!("clock = true\noffset = \"{offset}\""));
        let (mut show, first) = perform(compile(&text), 96);
        // Half the tempo.
        show.pulses(192, Span::from_millis(40));
        let bass: Vec<i64> =
            show.note_ons(MONO).iter().filter(|n| n.1 == 48).map(|n| n.0.since(first).0 / 1_000_000).collect();
        // The first beat cannot be early: it was not known.
        assert_eq!(bass[0], shift.max(0), "{offset}");
        assert!((bass[2] - (1_920 + 96 * 40 + shift)).abs() <= 1, "{offset}: {bass:?}");
        let drums: Vec<i64> = pulses_of_any(&show, first, 60);
        assert!(drums.contains(&0));
        show.check();
    }
}

/// When each note of `key` on the Circuit began, in milliseconds.
fn pulses_of_any(show: &Show, first: Nanos, key: u8) -> Vec<i64> {
    show.note_ons(CIRCUIT).iter().filter(|n| n.1 == key).map(|n| n.0.since(first).0 / 1_000_000).collect()
}

#[test]
fn raw_clock_passes_each_pulse_on_as_it_comes() {
    let text = tightrope::set::builtin::find("circuits").unwrap().text;
    let mut show = Show::new(compile(&text.replace("clock  = true", "clock = \"raw\"")));
    show.input(CIRCUIT, Message::Start);
    let mut sent = Vec::new();
    for i in 0..100 {
        sent.push(show.now);
        show.pulses(1, Span::from_millis(19 + i % 3));
    }
    let heard: Vec<Nanos> = show.trace.iter().filter(|d| d.message == Message::Clock).map(|d| d.due).collect();
    assert_eq!(heard, sent);
}

#[test]
fn pulses_without_start_are_joined_at_their_next_bar_if_the_set_says_so() {
    let mut show = Show::new(circuits());
    show.pulses(300, PULSE);
    assert!(show.note_ons(CIRCUIT).is_empty(), "it waits for START");

    let mut show = Show::new(circuits_with("join = \"now\""));
    let first = show.now;
    show.pulses(96 + 30, PULSE);
    assert_eq!(pulses_of(&show, first, 60), [96, 120]);
    assert_eq!(show.count(MONO, Message::Start), 1);
    // A master that says STOP is not joined again.
    show.input(CIRCUIT, Message::Stop);
    let length = show.note_ons(CIRCUIT).len();
    show.pulses(300, PULSE);
    assert_eq!(show.note_ons(CIRCUIT).len(), length);
    show.check();
}

#[test]
fn start_shortly_before_its_pulse_and_long_before_it() {
    for lead in [100_000, 30_000_000] {
        let mut show = Show::new(circuits());
        show.pulses(47, PULSE);
        // The master begins its pulses anew, `lead` after START.
        show.pulses(1, PULSE - Span(100_000));
        show.input(CIRCUIT, Message::Start);
        show.wait(Span(lead));
        let first = show.now;
        show.pulses(30, PULSE);
        let kicks = pulses_of(&show, first, 60);
        assert_eq!(kicks, [0, 24], "START {lead} ns before its pulse");
        assert_eq!(show.count(MONO, Message::Start), 1);
        let start = show.trace.iter().position(|d| d.message == Message::Start).unwrap();
        let clocks: Vec<i64> = show.trace[start..]
            .iter()
            .filter(|d| d.message == Message::Clock)
            .map(|d| d.due.since(first).0 / 1_000)
            .take(3)
            .collect();
        assert_eq!(clocks, [0, 20_000, 40_000], "the Mono Station counts from the same pulse");
        show.check();
    }
}

#[test]
fn a_pulse_that_is_missing_and_one_that_is_doubled() {
    let (mut show, first) = performance(50);
    show.wait(PULSE);
    show.pulses(50, PULSE);
    // 100 pulses were heard, the last of them on the place of the 101st.
    let beats = |last: i64| (0..=last).step_by(24).collect::<Vec<_>>();
    assert_eq!(pulses_of(&show, first, 60), beats(101));
    show.input(CIRCUIT, Message::Clock);
    show.input(CIRCUIT, Message::Clock);
    show.wait(PULSE);
    show.pulses(50, PULSE);
    assert_eq!(pulses_of(&show, first, 60), beats(152));
    show.check();
}

#[test]
fn a_start_off_the_old_grid_begins_where_the_master_does() {
    // START and its pulse come so much before a pulse of the old grid, or after it.
    for off in (-95..=95i64).map(|tenths| tenths * 100_000) {
        let mut show = Show::new(circuits());
        show.pulses(95, PULSE);
        show.pulses(1, PULSE + Span(off));
        show.input(CIRCUIT, Message::Start);
        let first = show.now;
        show.pulses(49, PULSE);
        // What START's own byte may have delayed is no new grid.
        let least = if off.abs() <= 400_000 { off.abs() } else { 0 };
        let kicks = show.note_ons(CIRCUIT).into_iter().filter(|note| note.1 == 60).map(|note| note.0);
        let start = show.trace.iter().position(|d| d.message == Message::Start).unwrap();
        let clocks = show.trace[start..].iter().filter(|d| d.message == Message::Clock).map(|d| d.due);
        for (pulses, at) in (0..).map(|beat| 24 * beat).zip(kicks).chain((0..24).zip(clocks)) {
            let late = at.since(first).0 - pulses * PULSE.0;
            assert!(late.abs() <= least + 1_000, "{} us off: pulse {pulses} is {} us late", off / 1_000, late / 1_000);
        }
        show.check();
    }
}

#[test]
fn a_first_pulse_that_is_late_by_itself_moves_nothing_but_the_first_beat() {
    for late in [1_000_000, 3_000_000, 8_000_000] {
        let mut show = Show::new(circuits());
        show.pulses(95, PULSE);
        show.pulses(1, PULSE + Span(late));
        show.input(CIRCUIT, Message::Start);
        let first = show.now - Span(late);
        show.pulses(1, PULSE - Span(late));
        show.pulses(48, PULSE);
        let kicks = show.note_ons(CIRCUIT).into_iter().filter(|note| note.1 == 60).map(|note| note.0);
        let off: Vec<i64> = (0..).zip(kicks).map(|(beat, at)| at.since(first).0 - 24 * beat * PULSE.0).collect();
        assert_eq!(off[0], late);
        assert!(off[1..].iter().all(|off| off.abs() < 20_000), "{off:?}");
    }
}

#[test]
fn what_was_played_on_a_pulse_in_whose_place_stop_comes_is_cut_short_and_played_again() {
    for (stop_after, struck) in [(-200_000i64, false), (0, true), (400_000, true), (5_000_000, true)] {
        let (mut show, first) = performance(47);
        show.pulses(1, PULSE + Span(stop_after));
        show.input(CIRCUIT, Message::Stop);
        let (beat, stopped) = (first + Span(48 * PULSE.0), show.now);
        let on_the_beat = |d: &&Departure| d.due >= beat && matches!(d.message, Message::NoteOn(..));
        assert_eq!(show.trace.iter().filter(on_the_beat).count() > 0, struck, "STOP {stop_after} ns after the beat");
        assert_eq!(show.engine.sounding(), 0);
        let last_off = show.trace.iter().rev().find(|d| matches!(d.message, Message::NoteOff(..))).unwrap();
        assert!(last_off.due <= stopped, "{last_off:?}");
        show.wait(Span::from_millis(100));
        show.input(CIRCUIT, Message::Continue);
        let again = show.now;
        show.pulses(1, HALF);
        assert!(show.note_ons(CIRCUIT).contains(&(again, 60)), "the beat that was cut short is played");
        show.check();
    }
}

#[test]
fn a_pulse_that_was_predicted_and_did_not_come_is_made_up_for() {
    // STOP falls just where the next pulse would: that one has left already.
    let (mut show, _) = performance(30);
    show.input(CIRCUIT, Message::Stop);
    assert_eq!(clocks_while_playing(&show), 31);
    show.wait(HALF);
    show.input(CIRCUIT, Message::Continue);
    let from = show.trace.len();
    show.wait(HALF);
    show.pulses(29, PULSE);
    show.pulses(1, HALF);
    let clocks = show.trace[from..].iter().filter(|d| d.message == Message::Clock).count();
    assert_eq!(31 + clocks, 60, "the Mono Station counts as many pulses as the master");
    show.check();
}

#[test]
fn stop_twice_is_stop() {
    let (mut show, _) = performance(30);
    show.input(CIRCUIT, Message::Stop);
    show.input(CIRCUIT, Message::Stop);
    assert_eq!(show.count(MONO, Message::Stop), 1);
    show.input(CIRCUIT, Message::Continue);
    show.pulses(30, PULSE);
    show.check();
}

#[test]
fn start_without_clock_waits() {
    let mut show = Show::new(circuits());
    show.input(CIRCUIT, Message::Start);
    show.wait(Span::from_millis(10_000));
    assert!(show.note_ons(CIRCUIT).is_empty() && show.note_ons(MONO).is_empty());
}

#[test]
fn from_60_to_180_bpm_within_a_bar() {
    let (mut show, first) = {
        let mut show = Show::new(circuits());
        show.pulses(48, Span(41_666_667));
        show.input(CIRCUIT, Message::Start);
        let first = show.now;
        (show, first)
    };
    let mut at = Vec::new();
    for pulse in 0..384i64 {
        at.push(show.now.since(first));
        let bpm = if pulse < 96 { 60.0 } else { 60.0 + 120.0 * ((pulse - 96) as f64 / 96.0).min(1.0) };
        show.pulses(1, Span((2.5e9 / bpm) as i64));
    }
    for (i, (time, _)) in show.note_ons(CIRCUIT).into_iter().filter(|n| n.1 == 60).enumerate() {
        // One more may have been predicted.
        let Some(&truly) = at.get(24 * i) else { continue };
        let late = time.since(first) - truly;
        assert!(late.0.abs() < 4_000_000, "kick {i} is {} us off", late.0 / 1_000);
    }
    show.check();
}

#[test]
fn another_program_goes_on_at_the_same_place() {
    let mut show = Show::new(compile(TWO_PATTERNS));
    show.command(Command::Start);
    show.wait(Span::from_millis(1_100));
    let program = compile(&TWO_PATTERNS.replace("c2", "g2"));
    show.advance(show.now);
    show.program = program;
    show.engine.adopt(&show.program, show.now);
    show.wait(Span::from_millis(1_500));
    let ticks = struck(&show);
    assert_eq!(ticks, [(0, 48), (960, 48), (1_920, 48), (2_880, 55), (3_840, 55), (4_800, 55)]);
    show.command(Command::End);
    assert_eq!(check_trace(&show.trace), 0);
}

/// The note-ons of a trace: position and key.
fn struck(show: &Show) -> Vec<(i64, u8)> {
    let strike = |d: &Departure| match d.message {
        Message::NoteOn(_, key, _) => Some((d.tick.0, key.number())),
        _ => None,
    };
    show.trace.iter().filter_map(strike).collect()
}

const TWO_PATTERNS: &str = r#"
    [ports.a]
    device = "a"
    clock = true
    [tracks.t]
    port = "a"
    channel = 1
    gate = 100
    [patterns.one]
    t = { step = "1/4", steps = "c2" }
    [patterns.two]
    t = { step = "1/1", steps = "d2" }
"#;

#[test]
fn a_launch_waits_for_the_bar_line_and_the_last_request_wins() {
    let mut show = Show::new(compile(TWO_PATTERNS));
    show.command(Command::Start);
    show.wait(Span::from_millis(900));
    show.command(launch(1));
    show.command(launch(0));
    show.command(launch(1));
    show.command(launch(9));
    show.wait(Span::from_millis(3_000));
    let ticks = struck(&show);
    assert_eq!(ticks, [(0, 48), (960, 48), (1_920, 48), (2_880, 48), (3_840, 50)]);
    show.check();
}

#[test]
fn a_launch_that_a_stop_overtook_comes_at_the_next_bar_line() {
    let mut show = Show::new(compile(TWO_PATTERNS));
    show.command(Command::Start);
    show.wait(Span::from_millis(1_200));
    show.command(launch(1));
    show.command(Command::Stop);
    show.command(Command::Continue);
    show.wait(Span::from_millis(1_200));
    assert_eq!(struck(&show), [(0, 48), (960, 48), (1_920, 48), (2_880, 48), (3_840, 50)]);
    show.check();
}

#[test]
fn what_was_launched_while_stopped_plays_from_the_start() {
    let mut show = Show::new(compile(TWO_PATTERNS));
    show.command(launch(1));
    show.command(Command::Start);
    show.wait(Span::from_millis(100));
    assert_eq!(show.note_ons(CIRCUIT)[0].1, 50);
    show.command(Command::Stop);
    show.command(Command::Continue);
    show.wait(Span::from_millis(3_000));
    show.command(Command::End);
    assert_eq!(check_trace(&show.trace), 0);
}

#[test]
fn a_program_without_patterns_is_silent() {
    let mut show = Show::new(Program { patterns: Box::new([]), ..circuits_alone() });
    show.command(Command::Start);
    show.wait(Span::from_millis(100));
    assert!(show.trace.iter().all(|d| matches!(d.message, Message::Start | Message::Clock)));
}

#[test]
fn programs_that_are_wanted_before_their_part_is_known_to_come_leave_when_it_is() {
    let mut program = compile(TWO_PATTERNS);
    let (bar, port) = (TickSpan(3_840), PortSlot(0));
    let channel = Channel::from_number(1).unwrap();
    program.patterns[1].programs = Box::new([ProgramChange { port, channel, bank: None, program: 5 }]);
    program.patterns[1].ahead = bar * 2;
    let part = |pattern, bars| Part { pattern: PatternSlot(pattern), start: Tick(bars * bar.0), length: bar };
    program.song = Song { parts: Box::new([part(0, 0), part(0, 1), part(1, 2)]), then: AfterSong::Hold };
    let mut show = Show::new(program);
    show.command(Command::Start);
    show.wait(Span::from_millis(9_000));
    let change = show.trace.iter().find(|d| d.message == Message::ProgramChange(channel, 5)).unwrap();
    assert_eq!(change.tick, Tick(bar.0), "with the line behind which the part comes next");
    show.check();
}

#[test]
fn a_hold_that_is_over_before_its_pulse_has_come_ends_with_the_pulse() {
    let mut program = circuits();
    program.clock.lost = Lost::HoldFor(TickSpan(2));
    let mut show = Show::new(program);
    show.pulses(24, PULSE);
    show.input(CIRCUIT, Message::Start);
    show.input(CIRCUIT, Message::Clock);
    show.wait(PULSE + Span::from_millis(4));
    for _ in 0..2 {
        // On its grid each of them has been due for longer than it is held.
        show.input(CIRCUIT, Message::Start);
        show.input(CIRCUIT, Message::Clock);
        show.wait(PULSE + Span::from_millis(4));
    }
    assert_eq!((show.engine.phase(), show.engine.sounding()), (Phase::Stopped, 0));
    show.check();
}

#[test]
fn a_clock_that_is_lost_just_before_the_end_lets_no_pulse_out_that_the_end_has_held_back() {
    let mut program = circuits_with("lost = \"stop\"");
    program.ports[usize::from(CIRCUIT.0)].offset = Span::from_millis(50);
    let mut show = Show::new(program);
    show.pulses(24, PULSE);
    show.command(Command::EndAfter(TickSpan::PULSE * 96));
    show.input(CIRCUIT, Message::Start);
    show.pulses(94, PULSE);
    show.wait(Span::from_millis(1_000));
    assert_eq!(show.engine.phase(), Phase::Stopped);
    show.check();
}

#[test]
fn however_many_pulses_were_held_back_a_raw_port_gets_them_all() {
    let mut program = circuits();
    program.ports[usize::from(MONO.0)].clock = ClockOut::Raw;
    let mut show = Show::new(program);
    // A master that goes mad: each of its pulses could be one of another clock on the same cable.
    show.pulses(1, PULSE);
    show.pulses(24, Span::from_millis(6));
    show.pulses(96, Span::from_millis(1));
    show.command(Command::End);
    show.check();
}

//! Laws of recording: what is played, recorded, written into a set file, read and rendered is what was played.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

use tightrope::edit::{Cycle, GRIDS, Keyboard, Played, Recorder, Refused, Take, Writing, grid, record};
use tightrope::engine::program::PortSlot;
use tightrope::midi::{Channel, Key, Message, Velocity};
use tightrope::offline::render::{Plan, render};
use tightrope::set::Set;
use tightrope::time::{Tick, TickSpan};

/// The set up to what the lead plays, and what comes behind that.
const HEAD: &str = "octaves = \"c4\" # as the Juno says\n[ports.a]\ndevice = \"A\"\n[tracks.drums]\nport = \"a\"\nchannel = 10\nkit = { k = 60, s = 62, h = 64 }\nvelocity = 80\n[tracks.lead]\nport = \"a\"\nchannel = 1\n\n[patterns.main] # m\n  bars = 1\n";
const TAIL: &str = "# tail\n\n[patterns.other]\nlead = \"c3\"\n";

const BAR: i64 = 3_840;

/// Beginning, length, key and velocity.
type Note = (i64, i64, u8, u8);

fn played(&(on, length, key, velocity): &Note) -> Played {
    let velocity = Velocity::new(velocity).unwrap();
    Played { on: TickSpan(on), off: TickSpan(on + length), key: Key::from_data(key), velocity }
}

/// What the first pattern plays in its second pass, over which what crosses the loop point is whole.
fn heard(text: &str, length: i64) -> Vec<Note> {
    let set = Set::parse("a.toml", text.as_bytes()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let rendering = render(&set.program, &Plan { length: TickSpan(4 * length), commands: Vec::new() }).unwrap();
    let (mut open, mut notes) = (BTreeMap::new(), Vec::new());
    for sent in &rendering.sent {
        match sent.message {
            Message::NoteOn(channel, key, velocity) => {
                assert!(open.insert((channel, key), (sent.tick.0, velocity.value())).is_none());
            }
            Message::NoteOff(channel, key, _) => {
                let (on, velocity) = open.remove(&(channel, key)).expect("it sounds");
                if (length..2 * length).contains(&on) {
                    notes.push((on - length, sent.tick.0 - on, key.number(), velocity));
                }
            }
            _ => {}
        }
    }
    notes.sort_unstable();
    notes
}

/// The notes without those that sound, around the loop and with a gap, while one before them sounds on their key.
fn apart(notes: Vec<Note>, length: i64, gap: i64) -> Vec<Note> {
    let mut kept: Vec<Note> = Vec::new();
    for note in notes {
        let meets = |other: &Note| {
            let since = |one: &Note, other: &Note| (one.0 - other.0).rem_euclid(length);
            let clear = |one: &Note, other: &Note| since(one, other) >= other.1 + gap;
            note.2 == other.2 && !(clear(&note, other) && clear(other, &note))
        };
        let fits = note.1 + gap <= length;
        if fits && !kept.iter().any(meets) {
            kept.push(note);
        }
    }
    kept
}

fn folded(notes: &[Note], length: i64) -> Vec<Note> {
    let mut notes: Vec<Note> = notes.iter().map(|note| (note.0.rem_euclid(length), note.1, note.2, note.3)).collect();
    notes.sort_unstable();
    notes
}

/// Notes on a grid of `step`, over three passes.
fn on_grid(step: i64, length: i64, keys: std::ops::Range<u8>) -> impl Strategy<Value = Vec<Note>> {
    let count = length / step;
    let note = (0..3 * count, 1..=count.min(9), keys, select(&[100u8, 127, 80, 1, 33][..]));
    proptest::collection::vec(note, 1..14).prop_map(move |notes| {
        apart(notes.into_iter().map(|note| (note.0 * step, note.1 * step, note.2, note.3)).collect(), length, 0)
    })
}

fn off_grid(keys: std::ops::Range<u8>) -> impl Strategy<Value = Vec<Note>> {
    proptest::collection::vec((0..3 * BAR, 3i64..900, keys, 1u8..=127), 1..14).prop_map(|notes| apart(notes, BAR, 20))
}

fn take<'t>(track: &'t str, grid: i64, length: i64, notes: &'t [Played], writing: Writing) -> Take<'t> {
    let (length, grid) = (TickSpan(length), TickSpan(grid));
    Take { pattern: "main", track, notes, length, grid, strength: 100, spread: 0, writing }
}

fn any_grid() -> impl Strategy<Value = i64> {
    select(&GRIDS[..]).prop_map(|text| grid(text).unwrap().0)
}

/// What the lead may have there before.
const STANDING: &[&str] = &[
    "",
    "  lead = \"c3 d3\"  # l\n",
    "  lead = '''\n\tc3 d3\n'''\n",
    "  lead = { swing = 50, steps = \"c3\", velocity = 90 } # l\n",
    "  lead = { step = \"1/32\", steps = \"c3\", octave = 1, gate=30 }\n",
    "  lead.step = \"1/8t\"\n  lead.steps = \"\"\"c3\"\"\"\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is recorded on the grid is heard as it was played, at any strength, whatever it replaces; and all else in the
    /// file stays byte for byte.
    #[test]
    fn what_is_on_the_grid_comes_back(
        (step, bars, notes) in (any_grid(), 1i64..3).prop_flat_map(|(step, bars)| (Just(step), Just(bars), on_grid(step, bars * BAR, 30..42))),
        standing in select(STANDING),
        strength in select(&[100u8, 50, 0][..]),
        crlf in any::<bool>(),
    ) {
        let length = bars * BAR;
        let mut parts = [format!("{HEAD}{}", if standing.is_empty() { "" } else { "  drums = \"k\"\n" }), standing.to_owned(), TAIL.to_owned()];
        if crlf { parts.iter_mut().for_each(|part| *part = part.replace('\n', "\r\n")); }
        let notes_played: Vec<Played> = notes.iter().map(played).collect();
        let take = Take { strength, ..take("lead", step, length, &notes_played, Writing::Replace) };
        let recorded = record("a.toml", &parts.concat(), &take).unwrap();
        let text = recorded.text;
        prop_assert!(text.starts_with(&parts[0]) && text.ends_with(&parts[2]), "{text}");
        prop_assert!(!crlf || text.matches('\n').count() == text.matches("\r\n").count(), "{text:?}");
        prop_assert_eq!((recorded.notes, recorded.remarks), (notes.len(), Vec::new()));
        let heard: Vec<Note> = heard(&text, length).into_iter().filter(|note| note.2 != 60).collect();
        prop_assert_eq!(heard, folded(&notes, length), "{}", text);
    }

    /// What is overdubbed joins what is there: both are heard, what was there to the tick.
    #[test]
    fn overdub_is_the_union(
        (first, one, second, other) in (any_grid(), any_grid()).prop_flat_map(|(first, second)| {
            (Just(first), on_grid(first, BAR, 30..42), Just(second), on_grid(second, BAR, 42..54))
        }),
        standing in select(STANDING),
    ) {
        let (one_played, other_played): (Vec<Played>, Vec<Played>) = (one.iter().map(played).collect(), other.iter().map(played).collect());
        let text = [HEAD, standing, TAIL].concat();
        let text = record("a.toml", &text, &take("lead", first, BAR, &one_played, Writing::Replace)).unwrap().text;
        let lines = |text: &str| -> Vec<String> { text.split(['"', '\n', '\'']).map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect() };
        let overdubbed = match record("a.toml", &text, &take("lead", second, BAR, &other_played, Writing::Overdub)) {
            Ok(recorded) => recorded.text,
            Err(Refused::Unfit(why)) if why.contains("too long for these notes") => return Ok(()),
            Err(other) => panic!("{other}"),
        };
        let mut left = lines(&overdubbed).into_iter();
        prop_assert!(lines(&text).iter().all(|line| left.any(|other| other == *line)), "{text}\n{overdubbed}");
        let (low, high): (Vec<Note>, Vec<Note>) = heard(&overdubbed, BAR).into_iter().partition(|note| note.2 < 42);
        prop_assert_eq!(low, folded(&one, BAR), "{}", overdubbed);
        prop_assert_eq!(high.len(), other.len());
        for note in folded(&other, BAR) {
            let off = |a: i64, b: i64| (a - b).rem_euclid(BAR).min((b - a).rem_euclid(BAR));
            let near = |heard: &&Note| off(heard.0, note.0) <= 7 && (heard.1 - note.1).abs() <= 2 + note.1 / 20 + 7 && (heard.2, heard.3) == (note.2, note.3);
            prop_assert!(high.iter().find(near).is_some(), "{note:?} in {high:?}\n{overdubbed}");
        }
    }

    /// Overdubbed on the same grid, the union is exact.
    #[test]
    fn overdub_on_the_same_grid_is_exact(
        (step, one, other) in any_grid().prop_flat_map(|step| (Just(step), on_grid(step, BAR, 30..42), on_grid(step, BAR, 42..54))),
    ) {
        let (one_played, other_played): (Vec<Played>, Vec<Played>) = (one.iter().map(played).collect(), other.iter().map(played).collect());
        let text = record("a.toml", &[HEAD, TAIL].concat(), &take("lead", step, BAR, &one_played, Writing::Overdub)).unwrap().text;
        let text = record("a.toml", &text, &take("lead", step, BAR, &other_played, Writing::Overdub)).unwrap().text;
        prop_assert_eq!(heard(&text, BAR), folded(&[one, other].concat(), BAR), "{}", text);
    }

    /// Drawn all of the way, every note is heard on the nearest line, the last ones at the beginning.
    #[test]
    fn quantised_notes_are_on_the_nearest_line(notes in off_grid(30..60), step in any_grid()) {
        let notes_played: Vec<Played> = notes.iter().map(played).collect();
        let text = record("a.toml", &[HEAD, TAIL].concat(), &take("lead", step, BAR, &notes_played, Writing::Replace)).unwrap().text;
        let mut lines: Vec<(i64, u8)> = notes.iter().map(|note| ((note.0 + step / 2).div_euclid(step) * step % BAR, note.2)).collect();
        lines.sort_unstable();
        lines.dedup();
        let mut heard: Vec<(i64, u8)> = heard(&text, BAR).iter().map(|note| (note.0, note.2)).collect();
        heard.sort_unstable();
        prop_assert_eq!(heard, lines, "{}", text);
    }

    /// Not drawn at all, every note is heard where it was played, to half a per cent of a step.
    #[test]
    fn free_notes_keep_their_timing(notes in off_grid(30..60), step in any_grid()) {
        let notes_played: Vec<Played> = notes.iter().map(played).collect();
        let take = Take { strength: 0, ..take("lead", step, BAR, &notes_played, Writing::Replace) };
        let text = record("a.toml", &[HEAD, TAIL].concat(), &take).unwrap().text;
        let heard = heard(&text, BAR);
        prop_assert_eq!(heard.len(), notes.len(), "{}", text);
        for note in folded(&notes, BAR) {
            let off = |a: i64, b: i64| (a - b).rem_euclid(BAR).min((b - a).rem_euclid(BAR));
            let longest = note.1 + note.1.div_euclid(100) + step / 100 + 12;
            let shortest = note.1 - step / 2 - note.1 / 100 - step / 100 - 12;
            let near = |heard: &&Note| off(heard.0, note.0) <= step / 200 + 1 && (shortest..=longest).contains(&heard.1) && (heard.2, heard.3) == (note.2, note.3);
            prop_assert!(heard.iter().find(near).is_some(), "{note:?} in {heard:?}\n{text}");
        }
    }

    /// Drums come back as letters.
    #[test]
    fn drums_come_back(notes in proptest::collection::vec((0i64..48, 1i64..4, select(&[60u8, 62, 64][..]), select(&[80u8, 107, 100][..])), 1..20)) {
        let notes = apart(notes.into_iter().map(|note| (note.0 * 240, note.1 * 240, note.2, note.3)).collect(), BAR, 0);
        let notes_played: Vec<Played> = notes.iter().map(played).collect();
        let text = record("a.toml", &[HEAD, TAIL].concat(), &take("drums", 240, BAR, &notes_played, Writing::Replace)).unwrap().text;
        prop_assert_eq!(heard(&text, BAR), folded(&notes, BAR), "{}", text);
        prop_assert!(!text.contains('!'));
    }

    /// With chords every note still sounds, at most the spread harder or softer.
    #[test]
    fn chords_keep_their_keys(notes in proptest::collection::vec((0i64..16, 1i64..3, 30u8..60, 1u8..=127), 1..30), spread in 0u8..40) {
        let notes = apart(notes.into_iter().map(|note| (note.0 * 240, note.1 * 240, note.2, note.3)).collect(), BAR, 0);
        let notes_played: Vec<Played> = notes.iter().map(played).collect();
        let take = Take { spread, ..take("lead", 240, BAR, &notes_played, Writing::Replace) };
        let text = record("a.toml", &[HEAD, TAIL].concat(), &take).unwrap().text;
        let (heard, notes) = (heard(&text, BAR), folded(&notes, BAR));
        prop_assert_eq!(heard.len(), notes.len());
        for (heard, note) in heard.iter().zip(&notes) {
            prop_assert_eq!((heard.0, heard.1, heard.2), (note.0, note.1, note.2));
            prop_assert!(heard.3.abs_diff(note.3) <= spread);
        }
    }
}

/// From the keyboard to the file: two passes over a pattern that began at bar 3.
#[test]
fn what_is_played_over_two_passes_is_heard_in_one() {
    let (port, channel) = (PortSlot(0), Channel::from_number(1).unwrap());
    let origin = 2 * BAR;
    let cycle = Cycle { origin: Tick(origin), length: TickSpan(BAR) };
    let mut recorder =
        Recorder::new(Keyboard { port, channel: None }, cycle, TickSpan(BAR), TickSpan(240), Tick(origin + 100));
    let mut press = |on: i64, off: i64, key: u8| {
        let key = Key::from_data(key);
        recorder.heard(Tick(origin + on), port, Message::NoteOn(channel, key, Velocity::new(100).unwrap()));
        recorder.heard(Tick(origin + off), port, Message::NoteOff(channel, key, 0));
    };
    press(960, 1_200, 40);
    press(BAR - 100, BAR + 130, 41);
    press(BAR + 470, BAR + 700, 43);
    press(2 * BAR - 260, 2 * BAR + 230, 45);
    press(2 * BAR + 960, 2 * BAR + 1_450, 47);
    let recording = recorder.finish(Tick(origin + 3 * BAR));
    assert_eq!((recording.passes, recording.lost), (2, 0));
    let take = take("lead", 240, BAR, &recording.notes, Writing::Replace);
    let text = record("a.toml", &[HEAD, TAIL].concat(), &take).unwrap().text;
    assert_eq!(
        heard(&text, BAR),
        [(0, 240, 41, 100), (480, 240, 43, 100), (960, 480, 47, 100), (BAR - 240, 480, 45, 100)]
    );
    assert!(text.contains("  lead = { gate = 100, steps = \"\"\"\n"), "{text}");
}

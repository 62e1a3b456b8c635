//! What hands do, and how soon it is answered: a key that goes on to an instrument, and a pad that launches a pattern.
//!
//! A key is judged by the kernel's stamps: from the delivery of the key to that of its note, less what an answer takes that
//! is sent from within the callback. That leaves the time that the program takes after its callback had the key. One key in
//! four comes within 50 us before a beat, when the program has its notes ready and waits for their time.
//!
//! The program's input threads are below its real-time thread, so that what is due leaves first. On the stage's only processor
//! such a key therefore gets no callback until the beat has left. With input threads above, each key gets its callback at
//! once, as it does where they have another processor.

use crate::cli::{self, Common};
use crate::figures::{Off, at_tempo, await_clock, rehearse};
use crate::grid;
use crate::instrument::{Fallible, Stage};
use crate::jitter::Random;
use crate::player::{self, Collected, Collector, Manner};
use crate::program::{Ending, SETTLE};
use crate::recording::{Heard, Message, Note, Port};
use crate::schedule::{PULSES_PER_BAR, Step};
use crate::show::{Close, close};
use crate::verdict::{self, Late, Row};
use crate::{sequencer, sys};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

const SET: &str = "hands.toml";

/// The channels of the keys on the Circuit and of their notes on the Mono Station.
const KEYS: u8 = 2;
const PLAYED: u8 = 5;

const BEATS: u64 = 50;
const KEYS_A_BEAT: u64 = 4;
const PULSES_PER_BEAT: f64 = 24.0;

/// How long before a beat the keys come that come close to it.
const BEFORE_A_BEAT_NS: f64 = 50_000.0;
/// How long a key is down.
const DOWN_NS: u64 = 30_000_000;

/// What an answer takes, from delivery to delivery, that is sent from within a callback of midir, as measured on the stage:
/// 6.4 us to wake the thread, and a send.
const ANSWER_NS: i64 = 10_200;

/// The pads, and the values of their lights.
const MAIN: Note = Note { channel: 16, key: 36 };
const BUILD: Note = Note { channel: 16, key: 37 };
const WAITS: u8 = 64;
const ON: u8 = 127;

const PRESSES: u32 = 6;
/// From one press to the next, in bars: each comes elsewhere in its bar, and has been launched before the next.
const BARS_APART: f64 = 2.3;

/// The set's drums, by pattern.
const DRUMS_OF_MAIN: [u8; 4] = [60, 62, 64, 65];
const DRUMS_OF_BUILD: [u8; 1] = [65];

/// The set as a file, at the tempo that is wanted.
fn set(common: &Common, sets: &Path) -> Fallible<String> {
    let set = std::env::temp_dir().join(SET);
    fs::write(&set, at_tempo(&fs::read_to_string(sets.join(SET))?, common.bpm))?;
    Ok(set.to_string_lossy().into_owned())
}

fn pulse_ns(common: &Common) -> f64 {
    60e9 / (common.bpm * 24.0)
}

/// Plays keys, first to the program as it is, and then with its input threads above its real-time thread; `limit_ns` is for
/// the time from the callback until the note leaves, of the program as it is and where no beat is close.
pub fn thru(stage: Stage, common: &Common, sets: &Path, limit_ns: i64) -> Fallible<Vec<Row>> {
    let expected = (BEATS * KEYS_A_BEAT) as usize;
    let mut rows = Vec::new();
    let above = (common.priority - 1).to_string();
    let shows: [(&str, &[&str], Option<i64>); 2] = [
        ("keys by thru, one in four within 50 us before a beat", &[], Some(limit_ns)),
        ("the same, input threads above the real-time one", &["--input-priority", &above], None),
    ];
    let mut stage = Some(stage);
    for (what, options, limit_ns) in shows {
        // One after the other: there is one Circuit at a time.
        let stage = stage.take().map_or_else(sequencer::open, Ok)?;
        let Played { said, ways, checks } = play_keys(stage, common, sets, options)?;
        let after_callback = |is_close: bool| {
            let of = ways.iter().filter(|(number, _)| is_close_to_a_beat(*number) == is_close);
            Off::of(of.map(|&(number, way_ns)| (number, way_ns - ANSWER_NS)).collect())
        };
        rows.extend([
            Row::figure(what, ways.len().to_string()),
            Row::count("  keys that are answered, by the program's word", expected, said.len()),
            after_callback(false).judge("  a key's note leaves, after the callback", None, None, limit_ns),
            after_callback(true).judge("  the same within 50 us before a beat", None, None, None),
            Off::of(said).judge("  after it came, by the program's word", None, None, None),
        ]);
        rows.extend(checks);
    }
    Ok(rows)
}

/// What became of the keys.
struct Played {
    /// How late each note left, by the program's word.
    said: Vec<Late>,
    /// From the delivery of each key to that of its note.
    ways: Vec<Late>,
    checks: Vec<Row>,
}

fn play_keys(stage: Stage, common: &Common, sets: &Path, options: &[&str]) -> Fallible<Played> {
    let manner = Manner::Spinning { priority: common.priority };
    let mut command = common.program.clone();
    command.extend(options.iter().map(|&option| option.to_owned()));
    command.extend(["--monitor".into(), set(common, sets)?]);
    let (stage, mapping, rehearsed) = rehearse(stage, manner)?;
    let collector = Collector::start(stage.ears, stage.look)?;

    let beat_ns = pulse_ns(common) * PULSES_PER_BEAT;
    let (Close { ending, at_end, .. }, output) = cli::with_quiet_command(&command, |program| {
        program.connect(stage.watch.as_ref())?;
        await_clock(&collector, 0)?;
        thread::sleep(SETTLE);
        let clocks = clocks(&collector.so_far().heard);
        let begin_ns = *grid::fit(&clocks, pulse_ns(common)).first().ok_or("no clock after START")?;
        let beat = |beat: u64| mapping.sent(begin_ns) + (beat as f64 * beat_ns).round() as u64;
        let first = (0..).find(|&number| beat(number) > sys::now_ns() + 100_000_000).ok_or("no beat is left")?;
        // A beat ahead: the first key comes before its beat.
        player::start_as(manner, stage.mouth, keys(beat_ns), beat(first))?.finish()?;
        Ok((close(program, collector)?, program.output()))
    })?;

    let ways = ways(&at_end.heard);
    let mut checks = ended(&ending, &at_end);
    checks.push(Row::count("keys that were heard as notes", (BEATS * KEYS_A_BEAT) as usize, ways.len()));
    let checks = vec![Row::all("  each key is heard, and nothing hangs", checks), rehearsed];
    Ok(Played { said: said(&output, "mono", 0x90 | (PLAYED - 1)), ways, checks })
}

fn is_close_to_a_beat(key: u32) -> bool {
    u64::from(key).is_multiple_of(KEYS_A_BEAT)
}

/// The keys of some beats: the first of each close to it, the others in their quarters of it.
fn keys(beat_ns: f64) -> Vec<Step> {
    let mut random = Random(1);
    let mut steps = Vec::new();
    for beat in 1..=BEATS {
        for key in 0..KEYS_A_BEAT {
            let begin_ns = beat as f64 * beat_ns;
            let at_ns = match key {
                0 => begin_ns - random.share() * BEFORE_A_BEAT_NS,
                // Anywhere else, but clear of the pulses.
                _ => {
                    let pulse = (key * PULSES_PER_BEAT as u64 / KEYS_A_BEAT) as f64 + random.below(5) as f64;
                    begin_ns + (pulse + 0.1 + 0.8 * random.share()) * beat_ns / PULSES_PER_BEAT
                }
            };
            let (at_ns, note) = (at_ns as u64, Note { channel: KEYS, key: 40 + (steps.len() % 30) as u8 });
            steps.push(Step { at_ns, message: Message::note_on(note, 100) });
            steps.push(Step { at_ns: at_ns + DOWN_NS, message: Message::note_off(note) });
        }
    }
    steps.sort_by_key(|step| step.at_ns);
    steps
}

/// The end of a program that has nobody to stop it before; its lights are no notes, and go out.
fn ended(ending: &Ending, at_end: &Collected) -> Vec<Row> {
    let is_light = |heard: &&Heard| {
        let note = heard.message.as_note_on().map(|(note, _)| note).or(heard.message.as_note_off());
        note.is_some_and(|note| [MAIN, BUILD].contains(&note))
    };
    let notes: Vec<Heard> = at_end.heard.iter().filter(|heard| !is_light(heard)).copied().collect();
    let ended_well = ending.status.is_some_and(|status| status.code() == Some(0));
    let shine = |pad: Note| {
        let mut of_pad = at_end.heard.iter().rev().filter(|heard| heard.port == Port::Circuit);
        of_pad.find_map(|heard| match (heard.message.as_note_on(), heard.message.as_note_off()) {
            (Some((note, _)), _) if note == pad => Some(true),
            (_, Some(note)) if note == pad => Some(false),
            _ => None,
        })
    };
    let shining = [MAIN, BUILD].into_iter().filter(|&pad| shine(pad) == Some(true)).count();
    vec![
        verdict::hanging("notes hanging after the program's end", &notes),
        Row::count("lights that shine after it", 0, shining),
        Row::judged("the program's end on SIGINT", "exit status: 0".into(), ending.to_string(), ended_well),
        Row::count("times that arrivals were lost", 0, at_end.lost),
    ]
}

/// The clocks at the Mono Station since START.
fn clocks(heard: &[Heard]) -> Vec<u64> {
    let at_mono = heard.iter().filter(|heard| heard.port == Port::Mono);
    let running = at_mono.skip_while(|heard| heard.message != Message::START);
    running.filter(|heard| heard.message == Message::CLOCK).map(|heard| heard.at_ns).collect()
}

/// From the delivery of each key to that of its note; keys without one are left out.
fn ways(heard: &[Heard]) -> Vec<Late> {
    let on = |port, channel| {
        let ons = heard.iter().filter(move |heard| heard.port == port);
        ons.filter_map(move |heard| Some((heard.at_ns, heard.message.as_note_on()?.0)))
            .filter(move |(_, note)| note.channel == channel)
    };
    let mut notes: Vec<(u64, Note)> = on(Port::Mono, PLAYED).collect();
    let mut ways = Vec::new();
    for (place, (at_ns, key)) in (0..).zip(on(Port::Ear, KEYS)) {
        if let Some(index) = notes.iter().position(|(heard_ns, note)| *heard_ns >= at_ns && note.key == key.key) {
            ways.push((place, (notes.remove(index).0 - at_ns) as i64));
        }
    }
    ways
}

/// How late messages with this first byte left on a port, by the lines of `--monitor`.
fn said(output: &str, port: &str, status: u8) -> Vec<Late> {
    let byte = format!("{status:02X}");
    let of_port = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_it = words.get(1) == Some(&"s")
            && words.get(3) == Some(&port)
            && words.get(4).is_some_and(|first| first.eq_ignore_ascii_case(&byte));
        is_it.then(|| line.rsplit_once(" late ").and_then(|(_, late)| span_ns(late))).flatten()
    };
    (0..).zip(output.lines().filter_map(of_port)).collect()
}

/// A time such as `12.3 us`.
fn span_ns(text: &str) -> Option<i64> {
    let (value, unit) = text.trim().split_once(' ')?;
    let value: f64 = value.parse().ok()?;
    let scale = match unit {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        _ => return None,
    };
    Some((value * scale).round() as i64)
}

/// Presses pads; `limit_ns` is for the light that tells that a launch waits.
pub fn pads(stage: Stage, common: &Common, sets: &Path, limit_ns: Option<i64>) -> Fallible<Vec<Row>> {
    let mut command = common.program.clone();
    command.push(set(common, sets)?);
    let collector = Collector::start(stage.ears, stage.look)?;
    let Close { ending, at_end, .. } = cli::with_command(&command, |program| {
        program.connect(stage.watch.as_ref())?;
        await_clock(&collector, 0)?;
        thread::sleep(SETTLE);
        let manner = Manner::Spinning { priority: common.priority };
        player::start_as(manner, stage.mouth, presses(common), player::soon_ns())?.finish()?;
        thread::sleep(std::time::Duration::from_nanos((pulse_ns(common) * f64::from(2 * PULSES_PER_BAR)) as u64));
        close(program, collector)
    })?;
    let launches = launches(&at_end.heard);
    let answers: Vec<Late> =
        (0..).zip(launches.iter().filter_map(|launch| Some((launch.waits_ns? - launch.pressed_ns) as i64))).collect();
    let (presses, played) = (PRESSES as usize, launches.iter().filter(|launch| launch.is_played).count());
    let mut checks = ended(&ending, &at_end);
    checks.push(Row::count("pads that were pressed", presses, launches.len()));
    checks.push(Row::count(
        "lights that tell that it plays",
        presses,
        launches.iter().filter(|launch| launch.on_ns.is_some()).count(),
    ));
    Ok(vec![
        Row::figure("launches by pad", presses.to_string()),
        Row::count("  lights that tell that it waits", presses, answers.len()),
        Off::of(answers).judge("  from the press to that light", None, None, limit_ns),
        Row::count("  patterns that then play, and nothing else", presses, played),
        Row::all("  each light, and nothing hangs", checks),
    ])
}

/// Pads, one and the other in turn.
fn presses(common: &Common) -> Vec<Step> {
    let bar_ns = pulse_ns(common) * f64::from(PULSES_PER_BAR);
    let press = |number: u32| {
        let pad = if number.is_multiple_of(2) { BUILD } else { MAIN };
        let at_ns = (f64::from(number) * BARS_APART * bar_ns) as u64;
        let release = Step { at_ns: at_ns + 2 * DOWN_NS, message: Message::note_off(pad) };
        [Step { at_ns, message: Message::note_on(pad, 100) }, release]
    };
    (0..PRESSES).flat_map(press).collect()
}

/// What became of a press.
#[derive(Debug)]
struct Launch {
    pressed_ns: u64,
    /// When the pad's light told that its pattern waits, and that it plays.
    waits_ns: Option<u64>,
    on_ns: Option<u64>,
    /// Whether from then until the next press that pattern was heard and no other.
    is_played: bool,
}

fn launches(heard: &[Heard]) -> Vec<Launch> {
    let ons = |port| {
        let at_port = heard.iter().filter(move |heard| heard.port == port);
        at_port.filter_map(|heard| heard.message.as_note_on().map(|(note, velocity)| (heard.at_ns, note, velocity)))
    };
    let pressed: Vec<(u64, Note)> = ons(Port::Ear)
        .filter(|(_, note, _)| [MAIN, BUILD].contains(note))
        .map(|(at_ns, note, _)| (at_ns, note))
        .collect();
    let launch = |(index, &(pressed_ns, pad)): (usize, &(u64, Note))| {
        let until_ns = pressed.get(index + 1).map_or(u64::MAX, |(next_ns, _)| *next_ns);
        let shows = |value| {
            let lights = ons(Port::Circuit).filter(|(_, note, velocity)| (*note, *velocity) == (pad, value));
            lights.map(|(at_ns, ..)| at_ns).find(|at_ns| (pressed_ns..until_ns).contains(at_ns))
        };
        let (waits_ns, on_ns) = (shows(WAITS), shows(ON));
        let drums: BTreeSet<u8> = ons(Port::Circuit)
            .filter(|(at_ns, note, _)| {
                note.channel == 10 && on_ns.is_some_and(|on_ns| (on_ns..until_ns).contains(at_ns))
            })
            .map(|(_, note, _)| note.key)
            .collect();
        let wanted = if pad == MAIN { BTreeSet::from(DRUMS_OF_MAIN) } else { BTreeSet::from(DRUMS_OF_BUILD) };
        Launch { pressed_ns, waits_ns, on_ns, is_played: drums == wanted }
    };
    pressed.iter().enumerate().map(launch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_plays_what_is_expected_of_it() {
        let set = tightrope::set::Set::parse(SET, include_bytes!("sets/hands.toml")).unwrap();
        assert!(set.program.clock.follow.is_empty());
        assert_eq!(set.program.thrus.len(), 1);
    }

    #[test]
    fn lateness_is_read_from_the_lines_of_the_monitor() {
        let output = "set: hands\n\
             0.019952 s    1.1.000  mono     F8        clock                                late 14.2 us\n\
             0.019960 s    1.1.000  mono     94 3C 7F  note on   ch 5 key 60 velocity 127   late 22.2 us\n\
             0.019961 s    1.1.000  circuit  94 3C 7F  note on   ch 5 key 60 velocity 127   late 1.00 ms\n\
             0.019962 s    1.1.000  mono     84 3C 00  note off  ch 5 key 60                late 3.0 us\n\
             1.019960 s    2.1.000  mono     94 3C 7F  note on   ch 5 key 60 velocity 127   late -7 ns\n";
        assert_eq!(said(output, "mono", 0x94), [(0, 22_200), (1, -7)]);
        assert_eq!(said(output, "circuit", 0x94), [(0, 1_000_000)]);
    }

    fn on(at_ns: u64, port: Port, channel: u8, key: u8, velocity: u8) -> Heard {
        Heard { at_ns, port, message: Message::note_on(Note { channel, key }, velocity) }
    }

    #[test]
    fn a_key_is_answered_by_its_own_note() {
        let heard = [
            on(100, Port::Ear, KEYS, 40, 100),
            on(105, Port::Mono, PLAYED, 41, 100),
            on(110, Port::Mono, PLAYED, 40, 100),
            on(200, Port::Ear, KEYS, 42, 100),
        ];
        assert_eq!(ways(&heard), [(0, 10)]);
    }

    #[test]
    fn a_launch_is_one_that_waits_and_then_plays_alone() {
        let press = on(1_000, Port::Ear, BUILD.channel, BUILD.key, 100);
        let light = |at_ns, value| on(at_ns, Port::Circuit, BUILD.channel, BUILD.key, value);
        let drum = |at_ns, key| on(at_ns, Port::Circuit, 10, key, 127);
        let of = |heard: &[Heard]| launches(heard).remove(0);
        let launch = of(&[press, drum(1_100, 60), light(1_500, WAITS), light(2_000, ON), drum(2_100, 65)]);
        assert_eq!((launch.waits_ns, launch.on_ns, launch.is_played), (Some(1_500), Some(2_000), true));
        let other = of(&[press, light(1_500, WAITS), light(2_000, ON), drum(2_100, 65), drum(2_200, 60)]);
        assert!(!other.is_played);
        let never = of(&[press, light(500, WAITS), drum(2_100, 65)]);
        assert_eq!((never.waits_ns, never.on_ns, never.is_played), (None, None, false));
    }
}

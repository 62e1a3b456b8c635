//! A show that has much to bear, on USB instruments behind the real driver: bytes that are no messages, panic, a cable that is
//! pulled and plugged in again, and notes that come back. Through all of it the drums keep their beat.
//!
//! One show bears it all, one after the other. What is asked of it comes from its own clock, which is on the emulated cable
//! good to half a millisecond, and from the first kick, which lies on the first bar line.

use crate::cli::{self, Common};
use crate::figures::await_clock;
use crate::gadget::{self, SoftThru};
use crate::instrument::{Fallible, Mouth, Stage};
use crate::jitter::Random;
use crate::player::Collector;
use crate::program::{Program, SETTLE};
use crate::recording::{Heard, Message, Note, Port};
use crate::show::{Close, close, endings};
use crate::sys;
use crate::verdict::{self, Row};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const SET: &str = "hostile.toml";
const BPM: f64 = 125.0;
const PULSE_NS: f64 = 60e9 / BPM / 24.0;
const BEAT_NS: f64 = 24.0 * PULSE_NS;
const BAR_NS: f64 = 4.0 * BEAT_NS;

const KICK: Note = Note { channel: 10, key: 60 };
const BASS: u8 = 1;
/// The keys of the Circuit, and where they are played.
const KEYS: u8 = 2;
const PLAYED: u8 = 5;
const PANIC: Note = Note { channel: 16, key: 38 };
const USED: [(Port, u8); 3] = [(Port::Circuit, KICK.channel), (Port::Mono, BASS), (Port::Mono, PLAYED)];

/// How far from its grid a note may arrive: what the emulated cable scatters, and the probe's own look.
const OFF_NS: f64 = 6e6;

const SYSEX: usize = 1_000_000;
/// How long all the bytes may take.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);
/// How long the Mono Station's cable is out.
const OUT: Duration = Duration::from_millis(1_500);
/// The notes that a loop may make before it is found out.
const MOST_OF_A_LOOP: usize = 1_000;

/// The show as it goes on.
struct Stand<'a> {
    program: &'a str,
    collector: &'a Collector,
    circuit: File,
    mouth: Box<dyn Mouth>,
}

pub fn play(common: &Common, sets: &Path, circuit: &str, (mono, controller): (&str, &str)) -> Fallible<Vec<Row>> {
    let mut command = common.program.clone();
    command.push(sets.join(SET).to_string_lossy().into_owned());
    let soft_thru = SoftThru { is_on: Arc::new(AtomicBool::new(false)), channel: KEYS, by: 7 };
    let (Stage { mouth, ears, watch, look, .. }, file) = gadget::open_with(circuit, mono, Some(soft_thru.clone()))?;
    let collector = Collector::start(ears, look)?;
    let mut rows = Vec::new();
    let Close { after_stop, ending, at_end } = cli::with_command(&command, |program| {
        program.connect(watch.as_ref())?;
        await_clock(&collector, 0)?;
        thread::sleep(SETTLE);
        let mut stand = Stand { program: &common.program[0], collector: &collector, circuit: file, mouth };
        rows.extend(stand.junk()?);
        rows.extend(stand.panic("panic by a pad", |stand| {
            stand.mouth.say(Message::note_on(PANIC, 100).bytes())?;
            stand.mouth.say(Message::note_off(PANIC).bytes())
        })?);
        rows.extend(stand.panic("panic by ctl", |stand| stand.ctl("panic").map(|_| ()))?);
        rows.extend(stand.unplug(mono, controller)?);
        rows.extend(stand.come_back(program, &soft_thru)?);
        drop(stand);
        close(program, collector)
    })?;
    let _ = after_stop;
    let whole = first_kick(&at_end.heard)?..u64::MAX;
    let drums = |heard: &&Heard| {
        heard.port == Port::Circuit && heard.message.as_note_on().is_some_and(|(note, _)| note == KICK)
    };
    rows.push(steady("kicks through all of it", &at_end.heard, drums, BEAT_NS, whole));
    rows.extend(endings(&at_end, &at_end, &ending));
    Ok(rows)
}

impl Stand<'_> {
    fn heard(&self) -> Vec<Heard> {
        let mut heard = self.collector.so_far().heard;
        heard.sort_by_key(|heard| heard.at_ns);
        heard
    }

    /// What is heard within `span` from now on.
    fn listen(&self, span: Duration) -> Vec<Heard> {
        let from_ns = sys::now_ns();
        thread::sleep(span);
        self.heard().into_iter().filter(|heard| heard.at_ns >= from_ns).collect()
    }

    fn ctl(&self, words: &str) -> Fallible<String> {
        let output = Command::new(self.program).arg("ctl").args(words.split(' ')).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(said) } else { Err(format!("ctl {words}: {complaint}").into()) }
    }

    /// Writes bytes as the cable takes them. How many it took.
    fn write(&mut self, bytes: &[u8]) -> Fallible<usize> {
        let begun = std::time::Instant::now();
        let mut done = 0;
        while done < bytes.len() && begun.elapsed() < WRITTEN_WITHIN {
            match self.circuit.write(&bytes[done..bytes.len().min(done + 1_024)]) {
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }

    /// Bytes that no instrument should send, while it plays; and then a key, which must be heard.
    fn junk(&mut self) -> Fallible<Vec<Row>> {
        let from_ns = sys::now_ns();
        let mut rows = Vec::new();
        for (what, bytes) in junk() {
            let written = self.write(&bytes)?;
            rows.push(Row::count(&format!("  {what}: bytes that the cable took"), bytes.len(), written));
        }
        // The driver still has some of it; and keys may be held.
        thread::sleep(Duration::from_secs(2));
        self.mouth.say(&[0xb0 | (KEYS - 1), 123, 0])?;
        self.mouth.say(&[0xb0 | (KEYS - 1), 64, 0])?;
        let to_ns = sys::now_ns();
        let heard = self.heard();
        let at =
            |port: Port, is_it: fn(&Message) -> bool| move |heard: &&Heard| heard.port == port && is_it(&heard.message);
        let is_clock = |message: &Message| *message == Message::CLOCK;
        let is_bass = |message: &Message| message.as_note_on().is_some_and(|(note, _)| note.channel == BASS);
        let is_kick = |message: &Message| message.as_note_on().is_some_and(|(note, _)| note == KICK);
        let window = from_ns..to_ns;
        rows.push(steady("  clocks meanwhile", &heard, at(Port::Mono, is_clock), PULSE_NS, window.clone()));
        rows.push(steady("  bass meanwhile", &heard, at(Port::Mono, is_bass), BEAT_NS, window.clone()));
        rows.push(steady("  kicks meanwhile", &heard, at(Port::Circuit, is_kick), BEAT_NS, window));
        let mut all = vec![Row::figure(
            "junk, from the instrument's firmware",
            format!("{:.1} s", (to_ns - from_ns) as f64 / 1e9),
        )];
        rows.push(self.key_is_heard("  a key after it is heard", 72)?);
        all.append(&mut rows);
        Ok(all)
    }

    /// A key goes down and up, and its note is played.
    fn key_is_heard(&mut self, what: &str, key: u8) -> Fallible<Row> {
        let note = Note { channel: KEYS, key };
        self.mouth.say(Message::note_on(note, 90).bytes())?;
        thread::sleep(Duration::from_millis(50));
        self.mouth.say(Message::note_off(note).bytes())?;
        let since_ns = sys::now_ns() - 100_000_000;
        thread::sleep(Duration::from_millis(100));
        let heard = self.heard();
        let ons = heard.iter().filter(|heard| heard.at_ns >= since_ns && heard.port == Port::Mono);
        let ons =
            ons.filter(|heard| heard.message.as_note_on().is_some_and(|(on, _)| on == Note { channel: PLAYED, key }));
        Ok(Row::count(what, 1, ons.count()))
    }

    /// A panic while a key is held: all that sounds ends, all that is used is silenced, and the show goes on.
    fn panic(&mut self, what: &str, press: impl FnOnce(&mut Self) -> Fallible<()>) -> Fallible<Vec<Row>> {
        self.mouth.say(Message::note_on(Note { channel: KEYS, key: 70 }, 90).bytes())?;
        self.mouth.say(&[0xb0 | (KEYS - 1), 64, 127])?;
        thread::sleep(Duration::from_millis(200));
        let pressed_ns = sys::now_ns();
        let held = verdict::sounding_count(
            &self.heard().iter().filter(|heard| is_of(heard, PLAYED)).copied().collect::<Vec<_>>(),
        );
        press(self)?;
        thread::sleep(Duration::from_secs(1));
        let heard = self.heard();
        let after = || heard.iter().filter(|heard| heard.at_ns >= pressed_ns);
        let lacks: Vec<String> = USED
            .iter()
            .flat_map(|&(port, channel)| [64, 123, 120].map(|number| (port, [0xb0 | (channel - 1), number, 0])))
            .filter(|(port, bytes)| !after().any(|heard| heard.port == *port && heard.message.bytes() == bytes))
            .map(|(port, bytes)| format!("{port:?} {bytes:02x?}"))
            .collect();
        // What was struck after it may sound.
        let older: Vec<Heard> = heard
            .iter()
            .filter(|heard| heard.at_ns < pressed_ns || heard.message.as_note_on().is_none())
            .copied()
            .collect();
        self.mouth.say(Message::note_off(Note { channel: KEYS, key: 70 }).bytes())?;
        self.mouth.say(&[0xb0 | (KEYS - 1), 64, 0])?;
        let goes_on = self.listen(Duration::from_millis(1_100));
        let kicks = goes_on.iter().filter(|heard| heard.message.as_note_on().is_some_and(|(note, _)| note == KICK));
        Ok(vec![
            Row::count(&format!("{what}: keys that are held before it"), 1, held),
            Row::judged("  CC 64, 123 and 120 on all used channels", "yes".into(), lacks.join(", "), lacks.is_empty()),
            verdict::hanging("  notes from before it that sound on", &older),
            Row::judged(
                "  the show goes on",
                "2 kicks or more".into(),
                kicks.clone().count().to_string(),
                kicks.count() >= 2,
            ),
        ])
    }

    /// The Mono Station's cable is pulled in mid-show and plugged in again.
    fn unplug(&mut self, gadget: &str, controller: &str) -> Fallible<Vec<Row>> {
        gadget::plug(gadget, None)?;
        thread::sleep(OUT);
        let plugged_ns = sys::now_ns();
        gadget::plug(gadget, Some(controller))?;
        let at_mono = |heard: &[Heard]| -> Vec<Heard> {
            heard.iter().filter(|heard| heard.port == Port::Mono && heard.at_ns >= plugged_ns).copied().collect()
        };
        let is_on = |heard: &Heard| heard.message.as_note_on().is_some();
        for _ in 0..100 {
            if at_mono(&self.heard()).iter().any(is_on) {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        thread::sleep(Duration::from_nanos(BAR_NS as u64));
        let heard = self.heard();
        let mono = at_mono(&heard);
        let first = mono.iter().position(is_on).ok_or("nothing is played on the instrument that is back")?;
        let first_ns = mono[first].at_ns;
        let bars = (first_ns - first_kick(&heard)?) as f64 / BAR_NS;
        let off_ns = (bars - bars.round()) * BAR_NS;
        let before = &mono[..first];
        let told = |bytes: &[u8]| before.iter().any(|heard| heard.message.bytes().starts_with(bytes));
        let silenced = [[0xb0 | (BASS - 1), 123], [0xb0 | (PLAYED - 1), 123]].iter().all(|bytes| told(bytes));
        let told_first = before.iter().map(|heard| format!("{:02x?}", heard.message.bytes())).collect();
        let seated = told(&[0xf2]) && told(&[0xfb]);
        let is_clock = |heard: &&Heard| heard.port == Port::Mono && heard.message == Message::CLOCK;
        let is_bass = |heard: &&Heard| heard.port == Port::Mono && is_on(heard) && is_of(heard, BASS);
        let window = first_ns..sys::now_ns();
        Ok(vec![
            Row::figure(
                "the cable is out, and back",
                format!("{:.0} ms until its first note", (first_ns - plugged_ns) as f64 / 1e6),
            ),
            Row::judged("  it is silenced before that", "yes".into(), silenced.to_string(), silenced).with(told_first),
            Row::judged("  it is told the position, and CONTINUE", "yes".into(), seated.to_string(), seated),
            Row::judged(
                "  its first note lies on a bar line",
                "yes".into(),
                format!("{:.1} ms off", off_ns / 1e6),
                off_ns.abs() <= OFF_NS,
            ),
            steady("  clocks from there on", &heard, is_clock, PULSE_NS, window.clone()),
            steady("  bass from there on", &heard, is_bass, BEAT_NS, window),
            self.key_is_heard("  a key is heard", 74)?,
        ])
    }

    /// What the Mono Station gets comes back as keys of the Circuit, a fifth higher; and after a while no longer.
    fn come_back(&mut self, program: &Program, soft_thru: &SoftThru) -> Fallible<Vec<Row>> {
        let from_ns = sys::now_ns();
        soft_thru.is_on.store(true, Ordering::Relaxed);
        thread::sleep(Duration::from_secs(4));
        let status = self.ctl("status")?;
        let late = self.listen(Duration::from_secs(2));
        let mut key = self.key_is_heard("  a key on that input is heard", 40)?;
        key.expected = "1".into();
        soft_thru.is_on.store(false, Ordering::Relaxed);
        thread::sleep(Duration::from_secs(5));
        let heard = self.heard();
        let passed =
            |heard: &&Heard| heard.port == Port::Mono && heard.message.as_note_on().is_some() && is_of(heard, PLAYED);
        let all = heard.iter().filter(|heard| heard.at_ns >= from_ns).filter(passed).count();
        let said = |what: &str| {
            Row::judged(&format!("  it says: {what}"), "yes".into(), String::new(), program.output().contains(what))
        };
        Ok(vec![
            Row::judged(
                "notes come back a fifth higher: those passed on",
                format!("some, at most {MOST_OF_A_LOOP}"),
                all.to_string(),
                (1..=MOST_OF_A_LOOP).contains(&all),
            ),
            Row::count("  once it is found out", 0, late.iter().filter(passed).count()),
            Row::judged(
                "  ctl status says so",
                "NOTE LOOP from mono".into(),
                String::new(),
                status.contains("NOTE LOOP from mono"),
            ),
            said("what is sent to mono comes back on circuit"),
            key,
            said("nothing comes back on circuit any more"),
            Row::judged(
                "  and ctl status does no longer",
                "yes".into(),
                String::new(),
                !self.ctl("status")?.contains("NOTE LOOP"),
            ),
            self.key_is_heard("  a key is heard after it", 41)?,
        ])
    }
}

fn is_of(heard: &Heard, channel: u8) -> bool {
    heard.port == Port::Mono && heard.message.bytes()[0] < 0xf0 && (heard.message.bytes()[0] & 0x0f) + 1 == channel
}

/// The music begins on a bar line, with a kick.
fn first_kick(heard: &[Heard]) -> Fallible<u64> {
    let kicks = heard.iter().filter(|heard| heard.message.as_note_on().is_some_and(|(note, _)| note == KICK));
    Ok(kicks.map(|heard| heard.at_ns).min().ok_or("no kick is heard")?)
}

/// Whether what `is_it` names comes at each place of a grid within `window`, and nowhere else.
fn steady(what: &str, heard: &[Heard], is_it: impl Fn(&&Heard) -> bool, every_ns: f64, window: Range<u64>) -> Row {
    let mut times: Vec<u64> = heard.iter().filter(is_it).map(|heard| heard.at_ns).collect();
    times.retain(|at_ns| window.contains(at_ns));
    times.sort_unstable();
    let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
        return Row::judged(what, "some".into(), "none".into(), false);
    };
    let places = |at_ns: u64| (at_ns - first) as f64 / every_ns;
    let expected = places(last).round() as usize + 1;
    let off = times.iter().map(|&at_ns| (places(at_ns) - places(at_ns).round()).abs() * every_ns).fold(0.0, f64::max);
    let seen = format!("{} of them, {:.1} ms off at most", times.len(), off / 1e6);
    let ok = times.len() == expected && off <= OFF_NS.min(every_ns / 2.5);
    Row::judged(what, format!("{expected}, each in its place"), seen, ok)
}

/// What a broken instrument may send. Nothing in it is the panic pad.
fn junk() -> Vec<(&'static str, Vec<u8>)> {
    let mut chance = Random(20);
    let mut any = |count: usize| -> Vec<u8> {
        let byte = || chance.below(256) as u8;
        std::iter::repeat_with(byte)
            .filter(|byte| byte & 0x0f != PANIC.channel - 1 || *byte < 0x80)
            .take(count)
            .collect()
    };
    let inside = |bytes: &mut Vec<u8>| {
        for place in (0..bytes.len()).step_by(61).rev() {
            bytes.insert(place, [0xf8, 0xfe, 0xf9, 0xfd][place % 4]);
        }
    };
    let running: Vec<u8> =
        [0x92].into_iter().chain((0..2_000u32).flat_map(|n| [(n % 128) as u8, (n % 2 * 64) as u8])).collect();
    let mut cut = Vec::new();
    for length in 0..200 {
        cut.push(0xf0);
        cut.extend((0..length).map(|byte| byte as u8 & 0x7f));
        // Another message where its end should be.
        cut.extend([0x93, 60, 1, 0x83, 60, 0]);
    }
    let mut within: Vec<u8> = (0..1_000).flat_map(|_| [0x94, 50, 0xf8, 70, 0xfe, 0x84, 0xf8, 50, 0xfe, 0]).collect();
    within.extend([0xf7, 0xf7, 0xf4, 0xf5, 0xf1, 0xf3]);
    let mut sysex = vec![0xf0];
    sysex.extend((0..SYSEX).map(|byte| (byte % 128) as u8));
    inside(&mut sysex);
    sysex.push(0xf7);
    vec![
        ("all 256 values, up and down", (0..=255).chain((0..=255).rev()).filter(|byte| *byte != 0x9f).collect()),
        ("20,000 at random", any(20_000)),
        ("running status", running),
        ("SysEx that is cut off", cut),
        ("realtime bytes inside messages", within),
        ("1 MB of SysEx, realtime bytes inside", sysex),
        ("SysEx without an end, and data without a status", vec![0xf0, 1, 2, 3, 0x80, 4, 4, 4, 4, 4]),
    ]
}

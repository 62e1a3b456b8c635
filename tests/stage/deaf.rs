//! An instrument that stops reading: the others must be played as if it were not there, and nothing may hang on it once it
//! reads again.
//!
//! And a keyboard on a DIN cable that is pulled while a key is down: the interface stays, and all there is to know it by is
//! that no active sensing comes any more.
//!
//! The instrument is a third client of the sequencer, which does not read for the first half of the show; a track gives it more than its
//! pool holds. A USB gadget cannot take its place: its driver in the kernel reads whether or not its firmware does.

use crate::cli::{self, Common};
use crate::instrument::Fallible;
use crate::player::{self, Collector};
use crate::program::{QUIET, SETTLE};
use crate::recording::{Heard, Message, Note};
use crate::schedule::Show;
use crate::score::Score;
use crate::sequencer::Lone;
use crate::show::{Close, KEY, close, endings};
use crate::verdict::{self, Limits, Row, Take};
use crate::{sequencer, sys};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const DEAF: &str = "Deaf";
const KEYS: &str = "Keys";

/// From one active sensing to the next.
const SENSED_EVERY: Duration = Duration::from_millis(250);
/// When the note of a key that is held on a keyboard that has fallen silent must have ended, after its last message.
const LET_GO_WITHIN_NS: u64 = 750_000_000;

/// The built-in set, and a track that plays as much as it can.
const SET: &str = concat!(
    include_str!("../../src/sets/circuits.toml"),
    r#"
deaf = { step = "1/64", gate = 60, steps = """
c2 d2 e2 f2
e3 f3 g3 a3
c5 b4 a4 g4
""" }

[ports.deaf]
device = "Deaf"

[tracks.deaf]
port = "deaf"
channel = 3

[ports.keys]
device = "Keys"

[tracks.hand]
port = "keys"
channel = 4
thru = "keys"
"#
);

pub fn play(common: &Common) -> Fallible<Vec<Row>> {
    let set = std::env::temp_dir().join("deaf.toml");
    fs::write(&set, SET)?;
    let mut command = common.program.clone();
    command.push(set.to_string_lossy().into_owned());

    let show = Show { bpm: common.bpm, pulses: common.pulses, before: common.before, after: 24, key: KEY };
    let steps = show.schedule();
    let (deaf, keys) = (Lone::open(DEAF)?, Lone::open(KEYS)?);
    let stage = sequencer::open()?;
    let collector = Collector::start(stage.ears, stage.look)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let (Close { after_stop, ending, at_end }, heard, held, output) = cli::with_quiet_command(&command, |program| {
        program.connect(stage.watch.as_ref())?;
        thread::sleep(SETTLE);
        let origin_ns = player::soon_ns();
        let middle_ns = origin_ns + show.at_ns_from_first(f64::from(common.pulses) / 2.0);
        let reader = read_from(deaf, middle_ns, is_over.clone())?;
        let hand = hold_a_key(keys, middle_ns, is_over.clone())?;
        player::start(stage.mouth, steps.clone(), origin_ns, common.priority)?.finish()?;
        let closed = close(program, collector)?;
        thread::sleep(QUIET);
        is_over.store(true, Relaxed);
        let heard = reader.join().map_err(|_| "the reader panicked")??;
        let held = hand.join().map_err(|_| "the keyboard panicked")??;
        Ok((closed, heard, held, program.output()))
    })?;

    let take = Take::of(at_end.heard.clone())?;
    let score = Score::of(&show);
    let limits = Limits { p99_ns: common.max_p99_us * 1000, max_ns: common.max_us * 1000 };
    let mut rows = verdict::counts(&take, &score);
    rows.extend(verdict::relay(&take, &score));
    rows.extend(verdict::places(&take, &score));
    rows.extend(endings(&after_stop, &at_end, &ending));
    rows.push(verdict::master(&take, &steps, verdict::MASTER_OFF));
    rows.extend(verdict::timing(&take, stage.exact.then_some(limits)));
    for said in ["does not read what is sent to it", "reads again", "is its cable out?"] {
        rows.push(Row::judged(&format!("it says: {said}"), "yes".into(), "".into(), output.contains(said)));
    }
    rows.push(Row::count("notes that hang on the deaf instrument", 0, sounding(&heard).len()));
    rows.push(Row::figure("messages that it heard", heard.len().to_string()));
    rows.push(Row::count("notes of a key that is down", 1, held.struck));
    let within = held.ended_ns.is_some_and(|ns| (1..=LET_GO_WITHIN_NS).contains(&ns));
    let seen = held.ended_ns.map_or("never".into(), |ns| format!("{} ms", ns / 1_000_000));
    rows.push(Row::judged("  it ends when its keyboard is not heard any more", "within 750 ms".into(), seen, within));
    Ok(rows)
}

/// Reads what has come and what comes from `at_ns` on.
fn read_from(deaf: Lone, at_ns: u64, is_over: Arc<AtomicBool>) -> Fallible<JoinHandle<Fallible<Vec<Heard>>>> {
    Ok(thread::Builder::new().name("deaf".into()).spawn(move || {
        let mut heard = Vec::new();
        sys::sleep_until(at_ns);
        while !is_over.load(Relaxed) {
            deaf.collect(&mut heard)?;
            thread::sleep(Duration::from_millis(5));
        }
        deaf.collect(&mut heard)?;
        Ok(heard)
    })?)
}

/// What became of the key of a keyboard that has fallen silent.
#[derive(Default)]
struct Held {
    struck: usize,
    /// How long after the keyboard's last message its note ended.
    ended_ns: Option<u64>,
}

/// From `at_ns` on a key is down, for a second of which the keyboard says that it is there.
fn hold_a_key(keys: Lone, at_ns: u64, is_over: Arc<AtomicBool>) -> Fallible<JoinHandle<Fallible<Held>>> {
    Ok(thread::Builder::new().name("keyboard".into()).spawn(move || {
        sys::sleep_until(at_ns);
        keys.send(&[0x90, 60, 100])?;
        for _ in 0..4 {
            keys.send(&[0xfe])?;
            thread::sleep(SENSED_EVERY);
        }
        let silent_ns = sys::now_ns();
        keys.send(&[0xfe])?;
        let (mut held, mut heard) = (Held::default(), Vec::new());
        while !is_over.load(Relaxed) {
            keys.collect(&mut heard)?;
            for Heard { message, .. } in heard.drain(..) {
                held.struck += usize::from(message.as_note_on().is_some());
                if message.as_note_off().is_some() {
                    held.ended_ns = held.ended_ns.or(Some(sys::now_ns() - silent_ns));
                }
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(held)
    })?)
}

/// What sounds at the end, for an instrument that knows "all notes off".
fn sounding(heard: &[Heard]) -> BTreeSet<Note> {
    let mut sounding = BTreeSet::new();
    for Heard { message, .. } in heard {
        if let Some((note, _)) = message.as_note_on() {
            sounding.insert(note);
        } else if let Some(note) = message.as_note_off() {
            sounding.remove(&note);
        } else if is_all_notes_off(*message) {
            sounding.retain(|note| note.channel != (message.bytes()[0] & 0x0f) + 1);
        }
    }
    sounding
}

fn is_all_notes_off(message: Message) -> bool {
    matches!(message.bytes(), [0xb0..=0xbf, 123, _])
}

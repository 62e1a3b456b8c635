//! Writing into the set file while it plays, from end to end in virtual time: keys come in by the rings, the real-time loop
//! plays, the control thread writes the file and reads it again, and what was written plays.

use std::cell::Cell;
use std::path::PathBuf;

use crate::support::*;
use tightrope::control::{self, Call, Caller, Inbox, Limits, Notice, Notices, Observer, PortState, PortWatch, Signals};
use tightrope::engine::Engine;
use tightrope::engine::outbox::{Departure, Outbox};
use tightrope::engine::program::PortSlot;
use tightrope::link::{ControlEnd, InputEvent, MidiInEnd, Sent, link};
use tightrope::midi::Message;
use tightrope::rt::driver::Driver;
use tightrope::rt::output::{Output, SendFailed};
use tightrope::rt::pacer::{Pacer, Strategy};
use tightrope::rt::run::Loop;
use tightrope::set::Set;
use tightrope::time::{DeviceTime, Nanos, Span};

const SYNTH: PortSlot = PortSlot(0);
const KEYS: PortSlot = PortSlot(1);
const BEAT: i64 = 960;
const BAR: i64 = 3_840;

/// At 120 BPM a tick lasts 520,833 ns.
const SET: &str = r#"# mine
tempo = 120
[ports.synth]
device = "Synth"
[ports.keys]
device = "Keys"
[tracks.bass]
port = "synth"
channel = 1
thru = "keys"
[patterns.main]
bass = "c2 . . ."  # as it was
[patterns.build]
bass = "c5 . . ."
"#;

/// Takes everything at once.
struct Wire;

impl Output for Wire {
    fn send(&mut self, _: &Departure) -> Result<(), SendFailed> {
        Ok(())
    }
}

struct NoPorts;

impl PortWatch for NoPorts {
    fn look(&mut self, _: &mut ControlEnd, _: &mut Notices) {}

    fn reload(&mut self, _: &Set, _: &mut ControlEnd, _: &mut Notices) {}

    fn states(&self) -> Vec<PortState> {
        Vec::new()
    }
}

/// Who sees what is sent and said.
#[derive(Default)]
struct Audience {
    sent: Vec<Sent>,
    notices: Vec<Notice>,
    pattern: String,
}

impl Observer for Audience {
    fn sent(&mut self, sent: &Sent) {
        self.sent.push(*sent);
    }

    fn look(&mut self, view: &control::View<'_>) {
        self.pattern = view.set.patterns[usize::from(view.status.pattern.0)].clone();
    }

    fn notice(&mut self, notice: &Notice) {
        self.notices.push(notice.clone());
    }
}

/// A show with both of its threads, which take turns.
struct Desk<'a> {
    time: &'a Cell<u64>,
    rt: Loop<'a, Virtual<'a>, Wire>,
    show: control::Show<'a>,
    inbox: Inbox,
    caller: Caller,
    keys: Vec<MidiInEnd>,
    audience: Audience,
    file: PathBuf,
}

impl Desk<'_> {
    /// A turn of the control thread.
    fn look(&mut self) {
        self.caller.call(Call::Wake).unwrap();
        let (signals, turns) = (Signals::default(), Cell::new(0));
        let is_over = || turns.replace(turns.get() + 1) > 0;
        let limits = Limits { is_finished: &is_over, signals: &signals, until: None };
        self.show.conduct(&self.inbox, &limits, &mut NoPorts, &mut [&mut self.audience]);
    }

    /// Time passes, in milliseconds, up to `tick` of the music that began at one second.
    fn to(&mut self, tick: i64) {
        let until = 1_000_000_000 + (tick as u64 * 3_125_000).div_ceil(6);
        while self.time.get() < until {
            self.time.set((self.time.get() + 1_000_000).min(until));
            self.rt.pass();
            if self.time.get().is_multiple_of(20_000_000) {
                self.look();
            }
        }
        self.look();
    }

    fn say(&mut self, words: &str) -> Result<String, String> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        self.caller.call(Call::Words(words.to_owned(), answer)).unwrap();
        self.look();
        self.rt.pass();
        self.look();
        answered.try_recv().expect("it is answered").map_err(|why| why.to_string())
    }

    fn touch(&mut self, message: Message) {
        let at = Nanos(self.time.get());
        self.keys[0].push(InputEvent { at, device: DeviceTime(0), message });
        self.rt.pass();
    }

    fn save(&mut self, text: &str) {
        std::fs::write(&self.file, text).unwrap();
        self.caller.call(Call::FileChanged).unwrap();
        self.look();
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap()
    }

    /// The note-ons in `ticks`: where, and which key.
    fn notes(&self, ticks: std::ops::Range<i64>) -> Vec<(i64, u8)> {
        let note = |sent: &Sent| match sent.message {
            Message::NoteOn(_, key, _) => Some((sent.tick.0, key.number())),
            _ => None,
        };
        self.audience.sent.iter().filter_map(note).filter(|note| ticks.contains(&note.0)).collect()
    }

    fn said(&self, words: &str) -> bool {
        self.audience.notices.iter().any(|notice| notice.text.contains(words))
    }
}

/// Plays [`SET`] from one second on, saved in a file.
fn perform(act: impl FnOnce(&mut Desk<'_>)) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("set.toml");
    std::fs::write(&file, SET).unwrap();
    let set = Set::parse("set.toml", SET.as_bytes()).unwrap();
    let time = Cell::new(999_000_000);
    let (mut engine, mut outbox, mut wire) = (Engine::new(&set.program), Outbox::default(), Wire);
    let (control, mut rt_end, keys) = link(set.program.clone(), &[KEYS]);
    let waiter = Pacer::new(Strategy::Sleep, Span::ZERO);
    let rt = Loop::new(Driver::new(&mut rt_end, &mut engine, &mut outbox, Virtual(&time)), &mut wire, waiter);
    let source = control::Source::new("set.toml", Some(file.clone()), false, &set);
    let show = control::Show::new(control, set, source, String::new(), || Nanos(time.get()));
    let (caller, inbox) = control::inbox();
    let audience = Audience::default();
    let mut desk = Desk { time: &time, rt, show, inbox, caller, keys, audience, file };
    desk.rt.pass();
    desk.time.set(1_000_000_000);
    desk.say("start").unwrap();
    act(&mut desk);
    // Whatever happened, every note ends.
    desk.say("stop").unwrap();
    let played = |on: bool| {
        let is = |sent: &&Sent| match sent.message {
            Message::NoteOn(..) => on,
            Message::NoteOff(..) => !on,
            _ => false,
        };
        desk.audience.sent.iter().filter(|sent| sent.port == SYNTH).filter(is).count()
    };
    assert_eq!(played(true), played(false), "notes are left sounding");
}

#[test]
fn what_is_recorded_plays_from_the_next_bar_on() {
    perform(|desk| {
        desk.to(BEAT);
        assert_eq!(desk.say("record bass from keys replace").unwrap(), "records bass in main from bar 2");
        // For two bars, somewhat loosely: d3 on the first beat, f3 on the third; in the second bar a3 on the second too.
        for (on, off, key) in [
            (BAR + 30, BAR + 470, 62),
            (BAR + 2 * BEAT - 40, BAR + 2 * BEAT + 200, 65),
            (2 * BAR + 20, 2 * BAR + 480, 62),
            (2 * BAR + BEAT + 25, 2 * BAR + BEAT + 250, 69),
            (2 * BAR + 2 * BEAT, 2 * BAR + 2 * BEAT + 240, 65),
        ] {
            desk.to(on);
            desk.touch(note_on(1, key));
            desk.to(off);
            desk.touch(note_off(1, key));
        }
        assert_eq!(desk.text(), SET, "nothing is written before it ends");
        desk.to(2 * BAR + 3 * BEAT);
        let said = desk.say("record off").unwrap();
        assert!(said.contains("notes"), "{said}");
        assert!(desk.text().contains("# mine") && desk.text().contains("as it was"), "{}", desk.text());
        desk.to(5 * BAR - 1);
        // Up to the bar line what was there plays on: c2 on each beat. Then what was recorded, drawn to sixteenths.
        let before = desk.notes(2 * BAR + 3 * BEAT..3 * BAR);
        assert_eq!(before, [(2 * BAR + 3 * BEAT, 48)]);
        for bar in [3, 4] {
            let expected = [(0, 62), (BEAT, 69), (2 * BEAT, 65)].map(|(at, key)| (bar * BAR + at, key));
            assert_eq!(desk.notes(bar * BAR..(bar + 1) * BAR), expected, "{}", desk.text());
        }
        assert!(desk.say("undo").unwrap().contains("undone: record bass in main"));
        assert_eq!(desk.text(), SET);
        desk.to(6 * BAR - 1);
        assert_eq!(desk.notes(5 * BAR..6 * BAR), [0, 1, 2, 3].map(|beat| (5 * BAR + beat * BEAT, 48)));
        assert!(desk.say("redo").is_ok());
        desk.to(7 * BAR - 1);
        assert_eq!(desk.notes(6 * BAR..7 * BAR).len(), 3);
    });
}

#[test]
fn a_pad_that_is_learned_launches_until_it_is_undone() {
    perform(|desk| {
        desk.to(BEAT);
        assert!(desk.say("learn launch build").unwrap().contains("touch a key"));
        desk.touch(note_on(1, 36));
        desk.to(BEAT + 100);
        desk.touch(note_off(1, 36));
        desk.to(BAR);
        assert!(desk.said("`keys note 36 channel 1` does `launch build`"), "{:?}", desk.audience.notices);
        desk.to(BAR + 100);
        desk.touch(note_on(1, 36));
        desk.to(BAR + 200);
        desk.touch(note_off(1, 36));
        desk.to(3 * BAR - 1);
        assert_eq!(desk.audience.pattern, "build");
        assert_eq!(desk.notes(2 * BAR..3 * BAR), [0, 1, 2, 3].map(|beat| (2 * BAR + beat * BEAT, 84)));
        assert!(desk.notes(BAR..2 * BAR).iter().all(|note| note.1 == 48), "a bound key plays nothing");
        assert!(desk.say("undo").unwrap().contains("undone: learn launch build"));
        assert_eq!(desk.text(), SET);
        desk.say("launch main").unwrap();
        desk.to(4 * BAR + 100);
        desk.touch(note_on(1, 36));
        desk.to(4 * BAR + 200);
        desk.touch(note_off(1, 36));
        desk.to(6 * BAR - 1);
        assert_eq!(desk.audience.pattern, "main", "the pad launches nothing any more");
        assert_eq!(desk.notes(4 * BAR + 1..5 * BAR)[0].1, 36, "it plays again");
        assert!(desk.notes(5 * BAR..6 * BAR).iter().all(|note| note.1 == 48));
    });
}

#[test]
fn a_key_that_is_learned_while_it_plays_ends() {
    perform(|desk| {
        desk.to(BEAT);
        assert!(desk.say("learn mute bass").is_ok());
        // It is held over the line from which on it is bound.
        desk.touch(note_on(1, 40));
        desk.to(2 * BAR);
        desk.touch(note_off(1, 40));
        desk.to(2 * BAR + 10);
        let ends = |sent: &&Sent| sent.message == note_off(1, 40);
        assert_eq!(desk.audience.sent.iter().filter(ends).count(), 1);
        desk.touch(note_on(1, 40));
        desk.to(3 * BAR);
        assert_eq!(desk.notes(2 * BAR + 11..3 * BAR), [], "it mutes");
    });
}

#[test]
fn a_mistake_changes_nothing_and_the_next_save_mends_it() {
    perform(|desk| {
        desk.to(BEAT);
        desk.say("record bass from keys").unwrap();
        desk.save(&SET.replace("c2 . . .", "q2 . . ."));
        desk.to(BAR);
        let mistake = desk.show.view().mistake.map(str::to_owned).unwrap();
        assert!(mistake.contains("set.toml:12:"), "{mistake}");
        desk.touch(note_on(1, 62));
        desk.to(BAR + BEAT);
        desk.touch(note_off(1, 62));
        assert!(desk.say("record off").unwrap_err().contains("is kept"));
        desk.to(2 * BAR);
        assert_eq!(desk.notes(BAR + 1..2 * BAR), [1, 2, 3].map(|beat| (BAR + beat * BEAT, 48)));
        desk.save(&SET.replace("c2 . . .", "g2 . . ."));
        assert_eq!(desk.show.view().mistake, None);
        assert!(desk.say("record off").is_ok());
        desk.to(4 * BAR);
        assert_eq!(desk.notes(3 * BAR..3 * BAR + 1), [(3 * BAR, 55), (3 * BAR, 62)]);
    });
}

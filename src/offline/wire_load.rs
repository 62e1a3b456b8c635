//! What a set asks of the wires: the moment when most leaves at once, and how late its last note is by then.
//!
//! Two models, both of a wire that carries one message after the other in the order in which they are due:
//!
//! - **DIN** takes 320 us for a byte. A message of the same status as the one before it needs no status byte, so a note takes
//!   960 us and each further one 640 us. Clock bytes take their place among them where the port gets the clock. Values give
//!   way, as they do on stage ([`wire`](crate::engine::ports::wire)): they leave when the wire has nothing else to carry, and of those
//!   that wait for one controller the newest counts. What comes before a note at its position is needed by it, and does not.
//! - **USB**, at full speed, is sent in frames of 1 ms, and a frame carries one packet of 16 messages. What is due within a
//!   frame leaves with the next; so a note is up to 1 ms late, the seventeenth of a moment up to 2 ms.
//!
//! The tempo is the set's own, chance always strikes, and the music that is played is that of each pattern alone
//! ([`dry_run`](super::dry_run)).

use std::collections::{HashMap, VecDeque};

use super::dry_run::{DryRun, strikers};
use super::render::{Rendering, Sent};
pub use crate::engine::ports::wire::DIN_BYTE;
use crate::engine::program::{ClockOut, PatternSlot, PortSlot, Wire};
use crate::midi::{Channel, Message};
use crate::set::Set;
use crate::time::{Span, Tick, TickSpan};

/// A frame of USB at full speed.
pub const USB_FRAME: Span = Span::from_millis(1);
/// How many messages a frame carries: a packet of 64 bytes, four for each.
pub const USB_MESSAGES: i64 = 16;
/// What is later than this is heard as late in an even sequence (Friberg and Sundberg 1995).
pub const HEARD: Span = Span::from_millis(6);

/// What a port has to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Which port.
    pub port: PortSlot,
    /// What the set says that it is.
    pub wire: Wire,
    /// Its hardest moment; none where no note goes there.
    pub moment: Option<Moment>,
}

/// The moment after which the last note leaves latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// In which pattern.
    pub pattern: PatternSlot,
    /// Where, counted from the pattern's beginning.
    pub tick: Tick,
    /// How many messages are due there.
    pub messages: usize,
    /// The line of the file that its last note comes from, where that can be told.
    pub line: Option<usize>,
    /// How late the last note is there on a DIN wire: from when it is due until all of it has left.
    pub din: Span,
    /// The same on USB, at most.
    pub usb: Span,
}

/// Returns what each port of the set has to carry.
#[must_use]
pub fn needs(set: &Set, rehearsals: &[DryRun]) -> Vec<Need> {
    let program = &set.program;
    let mut moments: Vec<Option<Moment>> = vec![None; program.ports.len()];
    for (pattern, take) in
        rehearsals.iter().flat_map(|rehearsal| rehearsal.takes.iter().map(|take| (rehearsal.pattern, take)))
    {
        for (port, sent) in by_port(take, program.ports.len()) {
            let next = hardest(set, port, pattern, &sent);
            let Some(known) = moments.get_mut(usize::from(port.0)) else { continue };
            // Of equal ones the first.
            if next.is_some_and(|next| known.is_none_or(|known| next.din > known.din)) {
                *known = next;
            }
        }
    }
    let ports = (0..).map(PortSlot).zip(&program.ports).zip(moments);
    ports.map(|((slot, port), moment)| Need { port: slot, wire: port.wire, moment }).collect()
}

/// Returns what a take sends, by port, each in its order.
fn by_port(take: &Rendering, ports: usize) -> impl Iterator<Item = (PortSlot, Vec<Sent>)> {
    let mut sent = vec![Vec::new(); ports];
    for &each in &take.sent {
        if let Some(here) = sent.get_mut(usize::from(each.port.0)) {
            here.push(each);
        }
    }
    (0..).map(PortSlot).zip(sent)
}

/// The hardest moment of what one take sends on one port.
fn hardest(set: &Set, port: PortSlot, pattern: PatternSlot, sent: &[Sent]) -> Option<Moment> {
    let clocked = set.program.ports.get(usize::from(port.0)).is_some_and(|port| port.clock != ClockOut::None);
    let time = |tick: Tick| set.program.tempo.span_of(tick - Tick::ZERO);
    let (mut din, mut usb) = (Din::default(), Usb::default());
    let mut pulse = Tick::ZERO;
    let mut latest: Option<(Span, Span, Sent, usize)> = None;
    let needs = |sent: &Sent| matches!(sent.message, Message::NoteOn(..) | Message::ProgramChange(..));
    for moment in sent.chunk_by(|a, b| a.tick == b.tick) {
        // What comes before this is needed by it.
        let needed = moment.iter().rposition(needs).unwrap_or(0);
        for (place, &sent) in moment.iter().enumerate() {
            let due = time(sent.tick);
            while clocked && pulse <= sent.tick {
                din.send(time(pulse), Message::Clock);
                usb.send(time(pulse));
                pulse += TickSpan::PULSE;
            }
            if gives_way(sent.message) && place >= needed {
                din.offer(due, sent.message);
                usb.send(due);
                continue;
            }
            let late = (din.send(due, sent.message), usb.send(due));
            if matches!(sent.message, Message::NoteOn(..)) && latest.is_none_or(|(known, ..)| late.0 > known) {
                latest = Some((late.0, late.1, sent, moment.len()));
            }
        }
    }
    let (din, usb, last, messages) = latest?;
    Some(Moment { pattern, tick: last.tick, messages, line: line_of(set, pattern, last), din, usb })
}

/// The line that a note comes from.
fn line_of(set: &Set, pattern: PatternSlot, sent: Sent) -> Option<usize> {
    let (Message::NoteOn(channel, key, _), Some(track)) = (sent.message, sent.track) else { return None };
    let lane =
        strikers(set, pattern, |slot| slot == track, channel, key, sent.tick).first().map_or(0, |&(_, lane)| lane);
    set.places.line(pattern, track, lane)
}

/// Returns whether a message is a value that may give way.
fn gives_way(message: Message) -> bool {
    matches!(
        message,
        Message::ControlChange(..) | Message::PitchBend(..) | Message::ChannelPressure(..) | Message::KeyPressure(..)
    )
}

/// What a value sets: its status, its channel, and the number of its controller or key.
type What = (u8, Channel, u8);

/// A DIN wire.
#[derive(Debug, Default)]
struct Din {
    free_at: Span,
    status: Option<u8>,
    /// What waits, and since when; the newest value of each.
    waiting: VecDeque<(Span, What)>,
    values: HashMap<What, Message>,
}

impl Din {
    /// Lets a value wait that is due at `due`, in place of the one before.
    fn offer(&mut self, due: Span, message: Message) {
        let what = match message {
            Message::ControlChange(channel, number, _) => (0xB0, channel, number),
            Message::KeyPressure(channel, key, _) => (0xA0, channel, key.number()),
            Message::PitchBend(channel, _) => (0xE0, channel, 0),
            other => (other.to_bytes().as_slice()[0], Channel::from_status(0), 0),
        };
        self.pass(due);
        if self.values.insert(what, message).is_none() {
            self.waiting.push_back((due, what));
        }
    }

    /// Sends what waits and can begin to leave before `until`.
    fn pass(&mut self, until: Span) {
        while let Some(&(due, what)) = self.waiting.front().filter(|&&(due, _)| self.free_at.max(due) < until) {
            self.waiting.pop_front();
            if let Some(message) = self.values.remove(&what) {
                self.carry(due, message);
            }
        }
    }

    /// Sends a message that is due at `due`; how late it has left.
    fn send(&mut self, due: Span, message: Message) -> Span {
        self.pass(due);
        self.carry(due, message)
    }

    fn carry(&mut self, due: Span, message: Message) -> Span {
        let bytes = message.to_bytes();
        let bytes = bytes.as_slice();
        let status = bytes.first().copied();
        // Clock and the like go between the bytes of others and leave the status as it is.
        let runs = status == self.status;
        if status.is_some_and(|status| status < 0xF8) {
            self.status = status.filter(|&status| status < 0xF0);
        }
        let count = bytes.len() as i64 - i64::from(runs);
        self.free_at = self.free_at.max(due) + Span(DIN_BYTE.0 * count);
        self.free_at - due
    }
}

/// A USB wire.
#[derive(Debug, Default)]
struct Usb {
    /// The last frame that something leaves with, and how much it carries.
    frame: i64,
    carries: i64,
}

impl Usb {
    /// Sends a message that is due at `due`; how late it leaves at most, however the frames lie.
    fn send(&mut self, due: Span) -> Span {
        let now = due.0.div_euclid(USB_FRAME.0);
        if self.frame <= now {
            (self.frame, self.carries) = (now + 1, 0);
        } else if self.carries == USB_MESSAGES {
            (self.frame, self.carries) = (self.frame + 1, 0);
        }
        self.carries += 1;
        Span((self.frame - now) * USB_FRAME.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::dry_run::rehearse;

    fn moment(pattern: &str) -> Moment {
        let text = format!(
            "tempo = 125\n[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[tracks.u]\nport = \"a\"\nchannel = 2\n\
             [patterns.quiet]\nt = \"c2...\"\n[patterns.main]\n{pattern}"
        );
        let set = Set::parse("a.toml", text.as_bytes()).unwrap();
        needs(&set, &rehearse(&set))[0].moment.unwrap()
    }

    #[test]
    fn a_note_takes_three_bytes_and_each_further_one_two() {
        let chord = moment("t = { step = \"1/4\", steps = \"\"\"\n. c3\n. e3\n. g3\n\"\"\" }\n");
        assert_eq!((chord.pattern, chord.tick, chord.messages), (PatternSlot(1), Tick(960), 3));
        assert_eq!((chord.din, chord.usb), (Span::from_micros(960 + 640 + 640), Span::from_millis(1)));
        assert_eq!(chord.line, Some(16));
    }

    #[test]
    fn values_give_way_but_for_those_that_a_note_needs() {
        // Sixty controllers are set with the first of two notes that are 30 ms apart: 58 ms of a cable.
        let values: String = (20..80).map(|number| format!("{number} = \"{}\"\n", number)).collect();
        let notes = "t = { step = \"1/64\", steps = \"c3 c3\" }\n";
        let beside = moment(&format!("{notes}[patterns.main.cc.t]\n{values}"));
        // The note before it ends there; one value is on its way.
        assert!(beside.din <= Span::from_micros(3 * 960), "{:?}", beside.din);
        let needed: String = (20..26).map(|number| format!("{number}=3 ")).collect();
        let with = moment(&format!("t = {{ step = \"1/4\", steps = \"c3{{{}}}\" }}\n", needed.trim()));
        assert_eq!(with.din, Span::from_micros(960 + 5 * 640 + 960));
    }

    #[test]
    fn another_channel_needs_its_status_and_an_off_comes_first() {
        let two =
            moment("t = { step = \"1/4\", gate = 100, steps = \"c3\" }\nu = { step = \"1/4\", steps = \". c3\" }\n");
        assert_eq!((two.tick, two.messages), (Tick(960), 3));
        assert_eq!(two.din, Span::from_micros(3 * 960));
    }

    #[test]
    fn what_fits_no_frame_waits_for_the_next() {
        let lines = (0..20).map(|key| format!("c{}\n", key % 7)).collect::<String>();
        let many = moment(&format!("t = \"\"\"\n{lines}\"\"\"\n"));
        // Seven keys, of which thirteen are struck again at once, each with an off between.
        assert_eq!((many.messages, many.usb), (20 + 13, Span::from_millis(3)));
    }

    #[test]
    fn what_meets_late_is_found() {
        let met = moment("t = \"c3 . . . .\"\nu = \". . . c3 . . .\"\n");
        assert_eq!(met.tick.0 % 1_200, 0);
        assert_eq!((met.tick.0 - 720) % 1_680, 0);
        assert_eq!(met.messages, 2);
    }
}

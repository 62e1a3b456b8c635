//! Which tracks of a set share a track of the file, and in which order those stand.
//!
//! Players merge the tracks of a file: by tick, and on one tick in the order of the tracks. The engine sends by tick as well, but
//! on one tick what ends first, then values, then what begins, whatever track it belongs to. So the off of a later track would
//! end a note that begins there in an earlier one, and a value would come after the note that it is for. Only what meets on a
//! tick, on one channel of one port, and is heard otherwise in the other order, ties two tracks. Where all ties of two tracks
//! point the same way, one goes before the other; where they point both ways, no order is right, and they share one track.

use crate::midi::Message;
use crate::offline::render::Sent;

/// The tracks of the file, each with the tracks of the set that it holds, rising. `count` is how many those are, and `sent` what
/// they send in the order in which it leaves, each message with its track, below `count`.
#[must_use]
pub(crate) fn tracks(count: usize, sent: &[(usize, Sent)]) -> Vec<Vec<usize>> {
    let mut ties = Ties::new(count);
    let mut rest = sent;
    while let Some(&(_, first)) = rest.first() {
        let together = rest.iter().take_while(|(_, sent)| sent.tick == first.tick).count();
        let (now, later) = rest.split_at(together);
        ties.tie_all(now);
        rest = later;
    }
    ties.close();
    ties.in_order()
}

/// Which track has to come before which.
struct Ties {
    count: usize,
    /// By the earlier one, then by the later one.
    before: Vec<bool>,
}

impl Ties {
    fn new(count: usize) -> Ties {
        Ties { count, before: vec![false; count * count] }
    }

    fn is_before(&self, first: usize, second: usize) -> bool {
        self.before.get(first * self.count + second).copied().unwrap_or(false)
    }

    fn tie(&mut self, first: usize, second: usize) {
        if let Some(tie) = self.before.get_mut(first * self.count + second) {
            *tie = true;
        }
    }

    /// Ties the tracks of what leaves on one tick.
    fn tie_all(&mut self, now: &[(usize, Sent)]) {
        if now.iter().all(|(track, _)| *track == now[0].0) {
            return;
        }
        // What has left, each kind once: many messages of few kinds take no longer for it.
        let mut left: Vec<(usize, Place, Kind)> = Vec::new();
        for &(track, sent) in now {
            let (Some(kind), place) = (kind(sent.message), (sent.port, sent.message.channel())) else { continue };
            for &(other, at, earlier) in &left {
                if other != track && at == place && matters(earlier, kind) {
                    self.tie(other, track);
                }
            }
            if !left.contains(&(track, place, kind)) {
                left.push((track, place, kind));
            }
        }
    }

    /// What comes before something that comes before a third comes before that.
    fn close(&mut self) {
        for middle in 0..self.count {
            for first in 0..self.count {
                if self.is_before(first, middle) {
                    (0..self.count)
                        .filter(|&last| self.is_before(middle, last))
                        .collect::<Vec<_>>()
                        .into_iter()
                        .for_each(|last| self.tie(first, last));
                }
            }
        }
    }

    /// Those that have to come before each other together, and otherwise in the order of the set where nothing is against it.
    fn in_order(&self) -> Vec<Vec<usize>> {
        let both = |a: usize, b: usize| self.is_before(a, b) && self.is_before(b, a);
        let mut placed = vec![false; self.count];
        let mut tracks = Vec::new();
        let is_free = |track: usize, placed: &[bool]| {
            !placed[track]
                && (0..self.count).all(|other| placed[other] || !self.is_before(other, track) || both(other, track))
        };
        while let Some(next) = (0..self.count).find(|&track| is_free(track, &placed)) {
            let group: Vec<usize> = (0..self.count).filter(|&track| track == next || both(track, next)).collect();
            group.iter().for_each(|&track| placed[track] = true);
            tracks.push(group);
        }
        tracks
    }
}

/// Where a message goes.
type Place = (crate::engine::program::PortSlot, Option<crate::midi::Channel>);

/// A message, as far as its place among others matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    On(u8),
    Off(u8),
    /// Pedals: where an off comes after one that holds, its note sounds on.
    Pedal(u8),
    /// A parameter's number and its data, which belong together.
    Parameter,
    /// A bank and the program that takes it.
    Program,
    /// Silences or resets the channel.
    Mode,
    Controller(u8),
    Bend,
    Pressure,
    KeyPressure(u8),
}

fn kind(message: Message) -> Option<Kind> {
    Some(match message {
        Message::NoteOn(_, key, _) => Kind::On(key.number()),
        Message::NoteOff(_, key, _) => Kind::Off(key.number()),
        Message::KeyPressure(_, key, _) => Kind::KeyPressure(key.number()),
        Message::ControlChange(_, number, _) => match number {
            64 | 66 | 69 => Kind::Pedal(number),
            6 | 38 | 96..=101 => Kind::Parameter,
            0 | 32 => Kind::Program,
            120.. => Kind::Mode,
            // The halves of a fine controller belong together.
            33..=63 => Kind::Controller(number - 32),
            _ => Kind::Controller(number),
        },
        Message::ProgramChange(..) => Kind::Program,
        Message::PitchBend(..) => Kind::Bend,
        Message::ChannelPressure(..) => Kind::Pressure,
        _ => return None,
    })
}

/// Returns whether two messages that leave on one tick of one channel are heard otherwise in the other order.
fn matters(one: Kind, other: Kind) -> bool {
    match (one, other) {
        (Kind::On(_), Kind::On(_)) | (Kind::Off(_), Kind::Off(_)) => false,
        (Kind::On(a), Kind::Off(b)) | (Kind::Off(a), Kind::On(b)) => a == b,
        (Kind::Off(_), Kind::Pedal(_) | Kind::Mode) | (Kind::Pedal(_) | Kind::Mode, Kind::Off(_)) => true,
        // Other values do not touch what is let go.
        (Kind::Off(_), _) | (_, Kind::Off(_)) => false,
        (Kind::On(_), _) | (_, Kind::On(_)) | (Kind::Mode, _) | (_, Kind::Mode) => true,
        (a, b) => a == b,
    }
}

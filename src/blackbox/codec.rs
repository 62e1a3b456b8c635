//! Records as bytes, and back: postcard, with times and numbers as differences from the record before, so that a message
//! takes some fifteen bytes.
//!
//! The differences begin anew with each block ([`block`](super::block)), so that each can be read without the one before.
//! What is read has been checked: slots exist, and messages are ones.

use serde::{Deserialize, Serialize};

use super::encode;
use super::record::{End, Head, Meters, Names, Notice, Port, Record, Scene, SetText};
use crate::engine::{Call, Mark};
use crate::link::{Called, Sent};
use crate::time::{DeviceTime, Nanos, Tick};

/// A record as it is written. Their order is the format: what is new comes last.
#[derive(Serialize, Deserialize)]
enum Packed {
    Head(Head),
    Names(Names),
    Set(SetText),
    Called { number: i64, at: i64, tick: i64, ahead: i64, made: i64, progress: u8, call: PackedCall },
    Made { number: i64, due: i64, late: i64, tick: i64, place: u8, track: u16, message: u32 },
    Notice { at: u64, text: String, is_wrong: bool },
    Port { at: u64, port: u8, input: Option<String>, output: Option<String> },
    Meters(Meters),
    Scene(Scene),
    Lost(u64),
    End { at: u64, why: String },
}

#[derive(Serialize, Deserialize)]
enum PackedCall {
    Input { port: u8, message: u32, device: i64 },
    Command(encode::Spelled),
    Await,
    Adopt(u32),
    Reopened(u8, bool),
    Nothing,
    Finish,
    Feed(encode::SpelledFeed),
}

/// What the next record is told from.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    call: u64,
    call_at: u64,
    call_tick: i64,
    made: u64,
    device: u64,
    number: u64,
    due: u64,
    tick: i64,
}

/// From `before` to `now`. Wraps around, and back in [`plus`].
fn from(before: u64, now: u64) -> i64 {
    now.wrapping_sub(before).cast_signed()
}

fn plus(before: u64, difference: i64) -> u64 {
    before.wrapping_add_signed(difference)
}

/// Writes records.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
    before: Before,
}

impl Encoder {
    /// Writes one more.
    pub(crate) fn push(&mut self, record: &Record) {
        let packed = self.pack(record);
        let bytes = std::mem::take(&mut self.bytes);
        // Into memory, so it does not fail.
        self.bytes = postcard::to_extend(&packed, bytes).unwrap_or_default();
    }

    /// Returns how many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of all since the last call; the next can be read without them.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.before = Before::default();
        std::mem::take(&mut self.bytes)
    }

    fn pack(&mut self, record: &Record) -> Packed {
        match record {
            Record::Head(head) => Packed::Head(head.clone()),
            Record::Names(names) => Packed::Names(names.clone()),
            Record::Set(set) => Packed::Set(set.clone()),
            Record::Called(called) => self.pack_called(called),
            Record::Made(sent) => self.pack_made(sent),
            Record::Notice(Notice { at, text, is_wrong }) => {
                Packed::Notice { at: at.0, text: text.clone(), is_wrong: *is_wrong }
            }
            Record::Port(Port { at, port, input, output }) => {
                Packed::Port { at: at.0, port: port.0, input: input.clone(), output: output.clone() }
            }
            Record::Meters(meters) => Packed::Meters(*meters),
            Record::Scene(scene) => Packed::Scene(scene.clone()),
            Record::Lost(records) => Packed::Lost(*records),
            Record::End(End { at, why }) => Packed::End { at: at.0, why: why.clone() },
        }
    }

    fn pack_called(&mut self, called: &Called) -> Packed {
        let Called { number, at, tick, mark, call, device, .. } = *called;
        let before = &mut self.before;
        let call = match call {
            Call::Input(port, message) => {
                let since = from(before.device, device.0);
                before.device = device.0;
                PackedCall::Input { port: port.0, message: encode::message(message), device: since }
            }
            Call::Command(command) => PackedCall::Command(encode::command(command)),
            Call::Await => PackedCall::Await,
            Call::Adopt(edition) => PackedCall::Adopt(edition),
            Call::Reopened(port, rejoins) => PackedCall::Reopened(port.0, rejoins),
            Call::Feed(event) => PackedCall::Feed(encode::feed(event)),
            Call::Nothing => PackedCall::Nothing,
            Call::Finish => PackedCall::Finish,
        };
        let packed = Packed::Called {
            number: from(before.call, number),
            at: from(before.call_at, at.0),
            tick: tick.0.wrapping_sub(before.call_tick),
            ahead: from(at.0, mark.now.0),
            made: from(before.made, mark.made),
            progress: encode::progress(mark.progress),
            call,
        };
        (before.call, before.call_at, before.call_tick) = (number.wrapping_add(1), at.0, tick.0);
        before.made = mark.made;
        packed
    }

    fn pack_made(&mut self, sent: &Sent) -> Packed {
        let Sent { number, due, at, tick, port, track, message, fate } = *sent;
        let before = &mut self.before;
        let packed = Packed::Made {
            number: from(before.number, number),
            due: from(before.due, due.0),
            late: from(due.0, at.0),
            tick: tick.0.wrapping_sub(before.tick),
            place: port.0 & 0x0F | encode::fate(fate) << 4,
            track: encode::owner(track),
            message: encode::message(message),
        };
        (before.number, before.due, before.tick) = (number.wrapping_add(1), due.0, tick.0);
        packed
    }
}

/// Reads the records of one block. Ends with `Some(Err)` where one makes no sense.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    bytes: Vec<u8>,
    read: usize,
    before: Before,
}

/// Bytes that make no sense, though they are what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nonsense;

impl Decoder {
    /// Reads what an [`Encoder`] wrote between two takes.
    pub(crate) fn new(bytes: Vec<u8>) -> Decoder {
        Decoder { bytes, read: 0, before: Before::default() }
    }

    fn unpack(&mut self, packed: Packed) -> Option<Record> {
        let before = &mut self.before;
        Some(match packed {
            Packed::Head(head) => Record::Head(head),
            Packed::Names(names) => Record::Names(names),
            Packed::Set(set) => Record::Set(set),
            Packed::Called { number, at, tick, ahead, made, progress, call } => {
                let mut device = DeviceTime(0);
                let call = match call {
                    PackedCall::Input { port, message, device: since } => {
                        before.device = plus(before.device, since);
                        device = DeviceTime(before.device);
                        Call::Input(encode::port(port.into())?, encode::read_message(message)?)
                    }
                    PackedCall::Command(spelled) => Call::Command(encode::read_command(spelled)?),
                    PackedCall::Await => Call::Await,
                    PackedCall::Adopt(edition) => Call::Adopt(edition),
                    PackedCall::Reopened(port, rejoins) => Call::Reopened(encode::port(port.into())?, rejoins),
                    PackedCall::Feed(spelled) => Call::Feed(encode::read_feed(spelled)?),
                    PackedCall::Nothing => Call::Nothing,
                    PackedCall::Finish => Call::Finish,
                };
                let (number, at) = (plus(before.call, number), Nanos(plus(before.call_at, at)));
                let tick = Tick(before.call_tick.wrapping_add(tick));
                let now = Nanos(plus(at.0, ahead));
                let mark = Mark { now, made: plus(before.made, made), progress: encode::read_progress(progress)? };
                (before.call, before.call_at, before.call_tick) = (number.wrapping_add(1), at.0, tick.0);
                before.made = mark.made;
                Record::Called(Called { number, at, tick, mark, call, device, returned: false })
            }
            Packed::Made { number, due, late, tick, place, track, message } => {
                let (number, due) = (plus(before.number, number), Nanos(plus(before.due, due)));
                let tick = Tick(before.tick.wrapping_add(tick));
                (before.number, before.due, before.tick) = (number.wrapping_add(1), due.0, tick.0);
                Record::Made(Sent {
                    number,
                    due,
                    at: Nanos(plus(due.0, late)),
                    tick,
                    port: encode::port((place & 0x0F).into())?,
                    track: encode::read_owner(track)?,
                    message: encode::read_message(message)?,
                    fate: encode::read_fate(place >> 4)?,
                })
            }
            Packed::Notice { at, text, is_wrong } => Record::Notice(Notice { at: Nanos(at), text, is_wrong }),
            Packed::Port { at, port, input, output } => {
                Record::Port(Port { at: Nanos(at), port: encode::port(port.into())?, input, output })
            }
            Packed::Meters(meters) => Record::Meters(meters),
            Packed::Scene(scene) => Record::Scene(scene),
            Packed::Lost(records) => Record::Lost(records),
            Packed::End { at, why } => Record::End(End { at: Nanos(at), why }),
        })
    }
}

impl Iterator for Decoder {
    type Item = Result<Record, Nonsense>;

    fn next(&mut self) -> Option<Self::Item> {
        let left = self.bytes.get(self.read..).filter(|left| !left.is_empty())?;
        // Lengths in it are held against what is there before anything is allocated.
        let record = match postcard::take_from_bytes(left) {
            Ok((packed, rest)) => {
                self.read = self.bytes.len() - rest.len();
                self.unpack(packed)
            }
            Err(_) => None,
        };
        if record.is_none() {
            self.read = self.bytes.len();
        }
        Some(record.ok_or(Nonsense))
    }
}

const _: () = assert!(crate::engine::program::MAX_PORTS <= 16);

//! Small values of the engine as numbers, and back. What comes back is in its range, whatever the numbers are.

use crate::engine::clock::FARTHEST;
use crate::engine::command::SessionState;
use crate::engine::lanes::feed::{Fed, FeedEvent};
use crate::engine::program::{
    FeedSlot, Interval, MAX_FEEDS, MAX_PORTS, MAX_TRACKS, PartSlot, PatternSlot, PortSlot, Quantum, Target, TrackSlot,
};
use crate::engine::{Command, Progress, Switch};
use crate::link::Fate;
use crate::midi::{Key, Message, Velocity};
use crate::time::{Nanos, Tempo, Tick, TickSpan};

/// A command: which one, and up to three numbers.
pub(crate) type Spelled = (u8, i64, i64, i64);

/// The longest that a command may ask for, in ticks: far from overflow.
pub(crate) const LONGEST: i64 = 1 << 40;

/// A command as numbers.
pub(crate) fn command(command: Command) -> Spelled {
    match command {
        Command::Start => (0, 0, 0, 0),
        Command::Continue => (1, 0, 0, 0),
        Command::Stop => (2, 0, 0, 0),
        Command::Launch { pattern, at } => {
            let (kind, grid) = match at {
                None => (0, 0),
                Some(Quantum::Now) => (1, 0),
                Some(Quantum::Grid(grid)) => (2, grid.0),
                Some(Quantum::End) => (3, 0),
            };
            (3, pattern.0.into(), kind, grid)
        }
        Command::CancelLaunch => (4, 0, 0, 0),
        Command::Jump(part) => (5, part.0.into(), 0, 0),
        Command::Hold(hold) => (6, switch(hold), 0, 0),
        Command::Mute(track, mute) => (7, track.0.into(), switch(mute), 0),
        Command::Solo(track, solo) => (8, track.0.into(), switch(solo), 0),
        Command::Fill(fill) => (9, switch(fill), 0, 0),
        Command::Transpose { track, by, unit } => {
            let track = track.map_or(-1, |track| track.0.into());
            (10, track, by.into(), i64::from(unit == Interval::Degrees))
        }
        Command::Control { track, target, value } => (11, track.0.into(), spell_target(target), value.into()),
        Command::Tempo(tempo) => (12, tempo.tick_q32() as i64, 0, 0),
        Command::TempoStep(hundredths) => (13, hundredths.into(), 0, 0),
        Command::Tap => (14, 0, 0, 0),
        Command::Panic => (15, 0, 0, 0),
        Command::ReleaseInput(port) => (16, port.0.into(), 0, 0),
        Command::EndAfter(length) => (17, length.0, 0, 0),
        Command::End => (18, 0, 0, 0),
        Command::SilencePort(port) => (19, port.0.into(), 0, 0),
        Command::Pace(pace) => (20, pace.into(), 0, 0),
        Command::Session(None) => (21, 0, 0, 0),
        Command::Session(Some(SessionState { tick, time, tempo, playing })) => {
            (if playing { 22 } else { 23 }, tick.0, i64::try_from(time.0).unwrap_or(i64::MAX), tempo.tick_q32() as i64)
        }
    }
}

/// The command that is meant; `None` for numbers that no command is spelled with.
pub(crate) fn read_command(spelled: Spelled) -> Option<Command> {
    meant(spelled).filter(|&read| command(read) == spelled)
}

/// A command that is spelled at least nearly like that.
fn meant((which, a, b, c): Spelled) -> Option<Command> {
    Some(match which {
        0 => Command::Start,
        1 => Command::Continue,
        2 => Command::Stop,
        3 => {
            let at = match b {
                0 => None,
                1 => Some(Quantum::Now),
                2 if (1..=LONGEST).contains(&c) => Some(Quantum::Grid(TickSpan(c))),
                3 => Some(Quantum::End),
                _ => return None,
            };
            Command::Launch { pattern: PatternSlot(a.try_into().ok()?), at }
        }
        4 => Command::CancelLaunch,
        5 => Command::Jump(PartSlot(a.try_into().ok()?)),
        6 => Command::Hold(read_switch(a)?),
        7 => Command::Mute(track(a)?, read_switch(b)?),
        8 => Command::Solo(track(a)?, read_switch(b)?),
        9 => Command::Fill(read_switch(a)?),
        10 => {
            let track = if a == -1 { None } else { Some(track(a)?) };
            let unit = if c == 0 { Interval::Semitones } else { Interval::Degrees };
            Command::Transpose { track, by: b.try_into().ok()?, unit }
        }
        11 => {
            let target = read_target(b)?;
            Command::Control { track: track(a)?, target, value: c.try_into().ok()? }
        }
        12 => Command::Tempo(tempo(a)?),
        13 => Command::TempoStep(a.try_into().ok()?),
        14 => Command::Tap,
        15 => Command::Panic,
        16 => Command::ReleaseInput(port(a)?),
        17 => Command::EndAfter(TickSpan(Some(a).filter(|a| (0..=LONGEST).contains(a))?)),
        18 => Command::End,
        19 => Command::SilencePort(port(a)?),
        20 => Command::Pace(a.try_into().ok()?),
        21 => Command::Session(None),
        22 | 23 => Command::Session(Some(SessionState {
            tick: Tick(Some(a).filter(|a| (-FARTHEST..=FARTHEST).contains(a))?),
            time: Nanos(Some(b).filter(|b| (0..=FARTHEST << 10).contains(b))?.cast_unsigned()),
            tempo: tempo(c)?,
            playing: which == 22,
        })),
        _ => return None,
    })
}

/// The tempo whose tick is so long, in ns with 32 fractional bits.
fn tempo(tick_q32: i64) -> Option<Tempo> {
    Some(Tempo::from_pulse_q32(u64::try_from(tick_q32).ok()?.checked_mul(TickSpan::PULSE.0 as u64)?))
}

fn switch(switch: Switch) -> i64 {
    match switch {
        Switch::Off => 0,
        Switch::On => 1,
        Switch::Toggle => 2,
    }
}

fn read_switch(number: i64) -> Option<Switch> {
    [Switch::Off, Switch::On, Switch::Toggle].get(usize::try_from(number).ok()?).copied()
}

fn track(number: i64) -> Option<TrackSlot> {
    u16::try_from(number).ok().filter(|&number| usize::from(number) < MAX_TRACKS).map(TrackSlot)
}

/// The port with this number.
pub(crate) fn port(number: i64) -> Option<PortSlot> {
    u8::try_from(number).ok().filter(|&number| usize::from(number) < MAX_PORTS).map(PortSlot)
}

/// Returns what a value is sent to, as a number.
fn spell_target(target: Target) -> i64 {
    let (kind, number) = match target {
        Target::Controller(number) => (0, number.into()),
        Target::Fine(number) => (1, number.into()),
        Target::Bend => (2, 0),
        Target::Pressure => (3, 0),
        Target::Rpn(number) => (4, number),
        Target::Nrpn(number) => (5, number),
        Target::Program => (6, 0),
    };
    kind << 16 | i64::from(number)
}

fn read_target(number: i64) -> Option<Target> {
    let (small, large) = (|most: i64| Some(number & 0xFFFF).filter(|&number| number <= most), 16_383);
    Some(match number >> 16 {
        0 => Target::Controller(small(127)? as u8),
        1 => Target::Fine(small(31)? as u8),
        2 => Target::Bend,
        3 => Target::Pressure,
        4 => Target::Rpn(small(large)? as u16),
        5 => Target::Nrpn(small(large)? as u16),
        6 => Target::Program,
        _ => return None,
    })
}

/// What a source has said: which source, its epoch, the position, what, and two numbers.
pub(crate) type SpelledFeed = (u8, u32, i64, u8, i64, i64);

/// Returns what a source has said, as numbers.
pub(crate) fn feed(event: FeedEvent) -> SpelledFeed {
    let FeedEvent { feed, epoch, at, fed } = event;
    let (what, a, b) = match fed {
        Fed::Begin => (0, 0, 0),
        Fed::Note { key, velocity, gate } => {
            (1, i64::from(key.number()) << 8 | i64::from(velocity.value()), gate.0.clamp(0, LONGEST))
        }
        Fed::Value { target, value, needed: true } => (2, spell_target(target), value.into()),
        Fed::Value { target, value, needed: false } => (3, spell_target(target), value.into()),
    };
    (feed.0, epoch, at.0, what, a, b)
}

/// The other way; `None` for what no source says.
pub(crate) fn read_feed((feed, epoch, at, what, a, b): SpelledFeed) -> Option<FeedEvent> {
    let feed = Some(FeedSlot(feed)).filter(|feed| usize::from(feed.0) < MAX_FEEDS)?;
    let fed = match what {
        0 => Fed::Begin,
        1 => Fed::Note {
            key: Key::new(u8::try_from(a >> 8).ok()?)?,
            velocity: Velocity::new((a & 0xFF) as u8)?,
            gate: TickSpan(Some(b).filter(|b| (0..=LONGEST).contains(b))?),
        },
        2 | 3 => Fed::Value { target: read_target(a)?, value: b.try_into().ok()?, needed: what == 2 },
        _ => return None,
    };
    Some(FeedEvent { feed, epoch, at: Tick(at), fed })
}

/// A track, or none, as a number.
pub(crate) fn owner(track: Option<TrackSlot>) -> u16 {
    track.map_or(0, |track| track.0.saturating_add(1))
}

/// The track, or none, that is meant.
pub(crate) fn read_owner(number: u16) -> Option<Option<TrackSlot>> {
    match number.checked_sub(1) {
        None => Some(None),
        Some(slot) => track(slot.into()).map(Some),
    }
}

/// A message as the number of its bytes, the status lowest.
pub(crate) fn message(message: Message) -> u32 {
    let mut bytes = [0; 4];
    let spelled = message.to_bytes();
    bytes[..spelled.as_slice().len()].copy_from_slice(spelled.as_slice());
    u32::from_le_bytes(bytes)
}

/// The message that is meant.
pub(crate) fn read_message(number: u32) -> Option<Message> {
    let bytes = number.to_le_bytes();
    let length = match bytes[0] {
        0x80..=0xBF | 0xE0..=0xEF | 0xF2 => 3,
        0xC0..=0xDF | 0xF1 | 0xF3 => 2,
        _ => 1,
    };
    Message::from_bytes(&bytes[..length]).filter(|&read| message(read) == number)
}

/// Returns how far an advance got, as a number.
pub(crate) fn progress(progress: Option<Progress>) -> u8 {
    match progress {
        None => 0,
        Some(Progress::CaughtUp) => 1,
        Some(Progress::OutboxFull) => 2,
        Some(Progress::ProgramDue) => 3,
    }
}

/// Returns how far it got.
pub(crate) fn read_progress(number: u8) -> Option<Option<Progress>> {
    let known = [None, Some(Progress::CaughtUp), Some(Progress::OutboxFull), Some(Progress::ProgramDue)];
    known.get(usize::from(number)).copied()
}

/// Returns what became of a message, as a number.
pub(crate) fn fate(fate: Fate) -> u8 {
    match fate {
        Fate::Sent => 0,
        Fate::Refused => 1,
        Fate::Absent => 2,
        Fate::Skipped => 3,
    }
}

/// Returns what became of it.
pub(crate) fn read_fate(number: u8) -> Option<Fate> {
    [Fate::Sent, Fate::Refused, Fate::Absent, Fate::Skipped].get(usize::from(number)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_source_says_is_read_as_it_was_spelled() {
        let note = Fed::Note { key: Key::from_data(60), velocity: Velocity::new(99).unwrap(), gate: TickSpan(LONGEST) };
        let value = |target, needed| Fed::Value { target, value: 16_383, needed };
        let each = [Fed::Begin, note, value(Target::Nrpn(16_383), true), value(Target::Program, false)];
        for fed in each {
            let event = FeedEvent { feed: FeedSlot(63), epoch: u32::MAX, at: Tick(-FARTHEST), fed };
            assert_eq!(read_feed(feed(event)), Some(event));
        }
        let spelled = feed(FeedEvent { feed: FeedSlot(0), epoch: 1, at: Tick(5), fed: note });
        let with = |what, a, b| read_feed((spelled.0, spelled.1, spelled.2, what, a, b));
        assert_eq!(read_feed((64, spelled.1, spelled.2, spelled.3, spelled.4, spelled.5)), None);
        assert_eq!([with(4, 0, 0), with(1, 60 << 8, 5), with(1, 200 << 8 | 5, 5), with(1, 60 << 8 | 5, -1)], [None; 4]);
        assert_eq!([with(2, 9 << 16, 5), with(3, 0, 70_000)], [None; 2]);
    }

    #[test]
    fn every_command_is_read_as_it_was_spelled() {
        let (track, port) = (TrackSlot(3), PortSlot(2));
        let tempo = Tempo::from_bpm(125.0).unwrap();
        let session = SessionState { tick: Tick(-5), time: Nanos(7), tempo, playing: false };
        let each = [
            Command::Start,
            Command::Continue,
            Command::Stop,
            Command::Launch { pattern: PatternSlot(7), at: Some(Quantum::Grid(TickSpan(960))) },
            Command::CancelLaunch,
            Command::Jump(PartSlot(5)),
            Command::Hold(Switch::Toggle),
            Command::Mute(track, Switch::On),
            Command::Solo(track, Switch::Off),
            Command::Fill(Switch::On),
            Command::Transpose { track: Some(track), by: -2, unit: Interval::Degrees },
            Command::Control { track, target: Target::Nrpn(16_383), value: 5 },
            Command::Tempo(Tempo::from_bpm(127.3).unwrap()),
            Command::TempoStep(-50),
            Command::Tap,
            Command::Panic,
            Command::ReleaseInput(port),
            Command::EndAfter(TickSpan(960)),
            Command::End,
            Command::SilencePort(port),
            Command::Pace(-83_333),
            Command::Session(None),
            Command::Session(Some(SessionState { playing: true, ..session })),
            Command::Session(Some(session)),
        ];
        for (number, each) in (0..).zip(each) {
            // A new one is added above, and its number here.
            let own = match each {
                Command::Start => 0,
                Command::Continue => 1,
                Command::Stop => 2,
                Command::Launch { .. } => 3,
                Command::CancelLaunch => 4,
                Command::Jump(_) => 5,
                Command::Hold(_) => 6,
                Command::Mute(..) => 7,
                Command::Solo(..) => 8,
                Command::Fill(_) => 9,
                Command::Transpose { .. } => 10,
                Command::Control { .. } => 11,
                Command::Tempo(_) => 12,
                Command::TempoStep(_) => 13,
                Command::Tap => 14,
                Command::Panic => 15,
                Command::ReleaseInput(_) => 16,
                Command::EndAfter(_) => 17,
                Command::End => 18,
                Command::SilencePort(_) => 19,
                Command::Pace(_) => 20,
                Command::Session(None) => 21,
                Command::Session(Some(SessionState { playing: true, .. })) => 22,
                Command::Session(Some(SessionState { playing: false, .. })) => 23,
            };
            assert_eq!(own, number);
            assert_eq!(command(each).0, number);
            assert_eq!(read_command(command(each)), Some(each));
        }
        assert_eq!(read_command((each.len() as u8, 0, 0, 0)), None);
    }

    #[test]
    fn numbers_that_nothing_is_spelled_with_are_nothing() {
        for spelled in [
            (24, 0, 0, 0),
            (21, 0, 7, 0),
            (22, 0, -1, 1 << 40),
            (0, 1, 0, 0),
            (15, 0, 0, 9),
            (6, 3, 0, 0),
            (10, -1, 2, 5),
            (10, -2, 0, 0),
            (3, 0, 4, 0),
        ] {
            assert_eq!(read_command(spelled), None, "{spelled:?}");
        }
    }
}

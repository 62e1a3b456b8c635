//! Any program that keeps its promises, whether or not there are words for it in a set file.
//!
//! Small, so that a fuzzer can take it in: a few ports, tracks and patterns. Numbers are drawn from the whole of their
//! ranges and, more often, from where music is and where ranges end.

use arbitrary::{Result, Unstructured};
use tightrope::engine::program::lever::LeverSet;
use tightrope::engine::program::*;
use tightrope::engine::{Command, Switch};
use tightrope::midi::{Channel, Key, Velocity};
use tightrope::time::{Meter, Span, Tempo, Tick, TickSpan};

/// Lengths that are likely to be trouble or to be music: single ticks, pulses, tuplets, bars.
const LENGTHS: &[i64] = &[1, 2, 40, 120, 160, 240, 320, 480, 960, 3_840, 7_680, MAX_LENGTH.0];

/// How many lanes a track has room for.
const LANES: u16 = 3;

pub fn any_program(u: &mut Unstructured<'_>) -> Result<Program> {
    let ports = *u.choose(&[1u8, 2, 3, 3, MAX_PORTS as u8])?;
    let tracks = u.int_in_range(1..=4u16)?;
    let patterns = u.int_in_range(1..=3u16)?;
    let meter = Meter::new(u.int_in_range(1..=7)?, *u.choose(&[4u8, 8, 16])?).expect("it is in range");
    let mut follow: Vec<PortSlot> = Vec::new();
    for port in many(u, 0..=MAX_SOURCES, |u| any_port(u, ports))? {
        if !follow.contains(&port) {
            follow.push(port);
        }
    }
    let any_clock = |u: &mut Unstructured<'_>, slot| {
        let clocks = [ClockOut::None, ClockOut::Regenerated, ClockOut::Raw];
        Ok(if follow.contains(&slot) { ClockOut::None } else { *u.choose(&clocks)? })
    };
    let parts = many(u, 0..=4, |u| Ok((PatternSlot(u.int_in_range(0..=patterns - 1)?), u.int_in_range(1..=4i64)?)))?;
    let mut program = Program {
        edition: 1,
        first: PatternSlot(0),
        meter,
        tempo: any_tempo(u)?,
        clock: ClockPlan {
            session: None,
            follow: follow.clone().into(),
            lost: match u.int_in_range(0..=2u8)? {
                0 => Lost::Hold,
                1 => Lost::HoldFor(any_length(u)?),
                _ => Lost::Stop,
            },
            join: if u.arbitrary()? { Join::Now } else { Join::Wait },
            when_stopped: u.arbitrary()?,
        },
        launch: any_quantum(u)?,
        scale: *u.choose(&[
            Scale::CHROMATIC,
            Scale::new(9, &[0, 2, 3, 5, 7, 8, 10]).expect("it is a scale"),
            Scale::new(11, &[0]).expect("it is a scale"),
        ])?,
        transpose: maybe(u, |u| any_transpose(u, ports))?,
        ports: many(u, usize::from(ports)..=usize::from(ports), |u| {
            let offset = Span(*u.choose(&[0, 0, -MAX_OFFSET.0, MAX_OFFSET.0, -1_500_000, 1])?);
            Ok(Port {
                offset,
                clock: ClockOut::None,
                wire: if u.arbitrary()? { Wire::Din } else { Wire::Usb },
                // No choice of its own, so that the corpus stays what it is.
                senses: offset > Span::ZERO,
                owner: SlotOwner::FIRST,
            })
        })?,
        tracks: (0..tracks)
            .map(|slot| {
                Ok(Track {
                    port: any_port(u, ports)?,
                    channel: any_channel(u)?,
                    transpose: maybe(u, |u| any_transpose(u, ports))?,
                    moves: u.arbitrary()?,
                    lanes: LaneRange { first: slot * LANES, count: LANES },
                    owner: SlotOwner::FIRST,
                })
            })
            .collect::<Result<_>>()?,
        patterns: many(u, usize::from(patterns)..=usize::from(patterns), |u| any_pattern(u, meter, ports, tracks))?,
        song: Song { parts: Box::new([]), then: *u.choose(&[AfterSong::Hold, AfterSong::Loop, AfterSong::Stop])? },
        thrus: many(u, 0..=4, |u| any_thru(u, ports, tracks))?,
        bindings: many(u, 0..=3, |u| any_binding(u, ports))?,
    };
    for slot in (0..ports).map(PortSlot) {
        program.ports[usize::from(slot.0)].clock = any_clock(u, slot)?;
    }
    program.thrus.sort_by_key(|thru| thru.track);
    let mut start = Tick::ZERO;
    let placed = |(pattern, times): &(PatternSlot, i64)| {
        let length = program.patterns[usize::from(pattern.0)].length * *times;
        let part = Part { pattern: *pattern, start, length };
        start += length;
        part
    };
    program.song.parts = parts.iter().map(placed).collect();
    let parts = parts.len() as u16;
    for binding in &mut program.bindings {
        binding.does = match binding.does {
            Does::Press { command, release } => Does::Press {
                command: real_command(command, tracks, patterns, parts),
                release: release.map(|command| real_command(command, tracks, patterns, parts)),
            },
            slide => slide,
        };
    }
    Ok(program)
}

fn any_thru(u: &mut Unstructured<'_>, ports: u8, tracks: u16) -> Result<Thru> {
    let track = TrackSlot(u.int_in_range(0..=tracks - 1)?);
    Ok(Thru { track, port: any_port(u, ports)?, channels: u.arbitrary()?, by: u.arbitrary()? })
}

fn any_tempo(u: &mut Unstructured<'_>) -> Result<Tempo> {
    Ok(Tempo::from_bpm(f64::from(u.int_in_range(20..=400u32)?)).expect("it is in range"))
}

/// Any command at all, also for what is not there.
pub fn any_command(u: &mut Unstructured<'_>) -> Result<Command> {
    let switch = |u: &mut Unstructured<'_>| u.choose(&[Switch::On, Switch::Off, Switch::Toggle]).copied();
    let track = |u: &mut Unstructured<'_>| Ok(TrackSlot(*u.choose(&[0u16, 1, 2, 3, MAX_TRACKS as u16 - 1, 300])?));
    Ok(match u.int_in_range(0..=20u8)? {
        0 => Command::Start,
        1 => Command::Continue,
        2 => Command::Stop,
        3 | 4 => {
            Command::Launch { pattern: PatternSlot(*u.choose(&[0, 1, 2, 3, u16::MAX])?), at: maybe(u, any_quantum)? }
        }
        5 => Command::CancelLaunch,
        6 => Command::Jump(PartSlot(*u.choose(&[0, 1, 2, 3, u16::MAX])?)),
        7 => Command::Hold(switch(u)?),
        8 => Command::Mute(track(u)?, switch(u)?),
        9 => Command::Solo(track(u)?, switch(u)?),
        10 => Command::Fill(switch(u)?),
        11 => Command::Transpose { track: maybe(u, track)?, by: u.arbitrary()?, unit: any_unit(u)? },
        12 => Command::EndAfter(any_length(u)?),
        13 => Command::Tempo(any_tempo(u)?),
        14 => Command::TempoStep(u.int_in_range(-40_000..=40_000)?),
        15 => Command::Tap,
        18 => {
            let target = any_target(u)?;
            Command::Control { track: track(u)?, target, value: u.int_in_range(0..=target.highest())? }
        }
        19 => Command::SilencePort(PortSlot(u.int_in_range(0..=17)?)),
        20 => Command::Pace(u.int_in_range(-200_000..=200_000)?),
        16 => Command::ReleaseInput(PortSlot(u.int_in_range(0..=17)?)),
        _ => Command::Panic,
    })
}

/// `command` for something that is there: what a set that is read has made sure of.
fn real_command(command: Command, tracks: u16, patterns: u16, parts: u16) -> Command {
    let real = |track: TrackSlot| TrackSlot(track.0 % tracks);
    match command {
        Command::Launch { pattern, at } => Command::Launch { pattern: PatternSlot(pattern.0 % patterns), at },
        Command::Jump(_) if parts == 0 => Command::CancelLaunch,
        Command::Jump(part) => Command::Jump(PartSlot(part.0 % parts)),
        Command::Mute(track, switch) => Command::Mute(real(track), switch),
        Command::Control { track, target, value } => Command::Control { track: real(track), target, value },
        Command::Solo(track, switch) => Command::Solo(real(track), switch),
        Command::Transpose { track, by, unit } => Command::Transpose { track: track.map(real), by, unit },
        other => other,
    }
}

fn any_pattern(u: &mut Unstructured<'_>, meter: Meter, ports: u8, tracks: u16) -> Result<Pattern> {
    let mut clips = Vec::new();
    for track in (0..tracks).map(TrackSlot) {
        if u.ratio(3, 4)? {
            clips.push(Clip { track, lanes: many(u, 0..=usize::from(LANES), |u| any_lane(u, ports))? });
        }
    }
    Ok(Pattern {
        length: meter.bar() * u.int_in_range(1..=4)?,
        keep: u.arbitrary()?,
        launch: maybe(u, any_quantum)?,
        programs: many(u, 0..=2, |u| {
            Ok(ProgramChange {
                port: any_port(u, ports)?,
                channel: any_channel(u)?,
                bank: maybe(u, |u| u.int_in_range(0..=16_383))?,
                program: u.int_in_range(0..=127)?,
            })
        })?,
        ahead: TickSpan(*u.choose(&[0, 0, 1, 960, 3_840, MAX_LENGTH.0])?),
        clips: clips.into(),
        vacant: false,
    })
}

fn any_lane(u: &mut Unstructured<'_>, ports: u8) -> Result<Lane> {
    let swing = match u.int_in_range(0..=2u8)? {
        0 => Swing::new(TickSpan(*u.choose(&[1, 3, 240, 480])?), u.int_in_range(50..=75)?, TickSpan(1_920)),
        _ => Swing::NONE,
    };
    let source = if u.ratio(1, 4)? { Source::Arp(any_arp(u, ports)?) } else { Source::Steps(any_steps(u)?) };
    let seed = u.arbitrary::<u8>()?;
    // Some are fed, where the bytes have had their say.
    let source = if seed >= 240 { Source::Feed(FeedSlot(seed % 8)) } else { source };
    Ok(Lane { source, swing, seed: u64::from(seed) })
}

fn any_arp(u: &mut Unstructured<'_>, ports: u8) -> Result<Arp> {
    let any_pick = |u: &mut Unstructured<'_>| u.choose(&[Pick::Turn, Pick::Random]).copied();
    Ok(Arp {
        keys: match u.arbitrary()? {
            true => ArpKeys::Written(many(u, 1..=4, any_key)?, any_pick(u)?),
            false => ArpKeys::Held {
                port: any_port(u, ports)?,
                channel: maybe(u, any_channel)?,
                order: *u.choose(&[Order::Played, Order::Up, Order::Down, Order::UpDown, Order::Random])?,
                octave: u.int_in_range(-10..=10)?,
            },
        },
        lengths: many(u, 1..=3, any_length)?,
        next_length: any_pick(u)?,
        gate: u.int_in_range(1..=100)?,
        velocity: any_velocity(u)?,
        rest: maybe(u, any_length)?,
    })
}

fn any_steps(u: &mut Unstructured<'_>) -> Result<Steps> {
    let length = any_length(u)?;
    let mut events = Vec::new();
    let mut guards = Vec::new();
    for _ in 0..u.int_in_range(0..=8u8)? {
        let conditions = u.int_in_range(0..=2u32)?;
        let first = guards.len() as u32;
        for nth in 1..=conditions {
            let next = if nth < conditions { GuardIndex::new(first + nth) } else { None };
            guards.push(Guard { condition: any_condition(u)?, next });
        }
        let action = any_action(u)?;
        let is_note = matches!(action, Action::Note { .. });
        events.push(Event {
            at: TickSpan(u.int_in_range(0..=length.0.min(7_680) - 1)?),
            gate: if is_note { any_length(u)? } else { TickSpan::ZERO },
            action,
            turn: *u.choose(&[0, 0, 0, 1, -1])?,
            guard: if conditions > 0 { GuardIndex::new(first) } else { None },
        });
    }
    events.sort_by_key(|event| event.at);
    let early = events.iter().zip(0..).filter(|(event, _)| event.turn == 1).map(|(_, index)| index);
    Ok(Steps {
        length,
        early: early.collect(),
        levers: LeverSet::of(&events),
        events: events.into(),
        guards: guards.into(),
        chases: u.arbitrary()?,
    })
}

fn any_action(u: &mut Unstructured<'_>) -> Result<Action> {
    if u.ratio(2, 3)? {
        return Ok(Action::Note { key: any_key(u)?, velocity: any_velocity(u)?, legato: u.arbitrary()? });
    }
    let target = any_target(u)?;
    let value = u.int_in_range(0..=target.highest())?;
    Ok(match u.int_in_range(0..=2u8)? {
        0 => Action::Prepare(target, value),
        1 => Action::Control(target, value),
        _ => Action::Wander(target, value, u.int_in_range(value..=target.highest())?),
    })
}

fn any_target(u: &mut Unstructured<'_>) -> Result<Target> {
    Ok(match u.int_in_range(0..=5u8)? {
        0 => Target::Controller(u.int_in_range(0..=127)?),
        1 => Target::Fine(u.int_in_range(0..=31)?),
        2 => Target::Bend,
        3 => Target::Pressure,
        4 => Target::Rpn(u.int_in_range(0..=16_383)?),
        _ => Target::Nrpn(u.int_in_range(0..=16_383)?),
    })
}

fn any_condition(u: &mut Unstructured<'_>) -> Result<Condition> {
    let of = *u.choose(&[1u32, 2, 4, u32::MAX])?;
    let one = u.int_in_range(0..=of - 1)?;
    let die = u.int_in_range(0..=2)?;
    Ok(match u.int_in_range(0..=5u8)? {
        0 => Condition::Turn { turn: one, of },
        1 => Condition::NotTurn { turn: one, of },
        2 => Condition::Once,
        3 => Condition::Chance { percent: u.int_in_range(0..=100)?, die },
        4 => Condition::Side { side: one, of, die },
        _ => Condition::Fill(u.arbitrary()?),
    })
}

fn any_binding(u: &mut Unstructured<'_>, ports: u8) -> Result<Binding> {
    let trigger = match u.int_in_range(0..=3u8)? {
        0 => Trigger::Note(any_key(u)?),
        1 => Trigger::Controller(u.int_in_range(0..=127)?),
        2 => Trigger::Program(u.int_in_range(0..=127)?),
        _ => Trigger::Bend,
    };
    let moves = matches!(trigger, Trigger::Controller(_) | Trigger::Bend);
    let low = u.int_in_range(0..=trigger.highest())?;
    let does = match moves && u.arbitrary()? {
        true => Does::Slide(any_fader(u)?),
        false => Does::Press { command: any_command(u)?, release: maybe(u, any_command)? },
    };
    Ok(Binding {
        port: any_port(u, ports)?,
        channel: maybe(u, any_channel)?,
        trigger,
        values: match u.arbitrary()? {
            true => trigger.values(),
            false => Values { low, high: u.int_in_range(low..=trigger.highest())? },
        },
        does,
        light: match trigger {
            Trigger::Note(_) | Trigger::Controller(_) => maybe(u, any_light)?,
            Trigger::Program(_) | Trigger::Bend => None,
        },
    })
}

fn any_light(u: &mut Unstructured<'_>) -> Result<Light> {
    let mut value = || u.int_in_range(0..=127u8);
    let (off, waits, on) = (value()?, value()?, value()?);
    // No track plays there.
    Ok(Light { channel: any_channel(u)?, off, waits, on })
}

/// Of what is there in any program.
fn any_fader(u: &mut Unstructured<'_>) -> Result<Fader> {
    let track = TrackSlot(0);
    let (knob, least, most) = match u.int_in_range(0..=2u8)? {
        0 => (Knob::Tempo, 2_000, 40_000),
        1 => (Knob::Transpose(u.arbitrary::<bool>()?.then_some(track), any_unit(u)?), -127, 127),
        _ => {
            let target = any_target(u)?;
            (Knob::Control(track, target), 0, i32::from(target.highest()))
        }
    };
    Ok(Fader { knob, low: u.int_in_range(least..=most)?, high: u.int_in_range(least..=most)? })
}

fn any_transpose(u: &mut Unstructured<'_>, ports: u8) -> Result<Transpose> {
    Ok(Transpose { port: any_port(u, ports)?, channel: maybe(u, any_channel)?, from: any_key(u)?, unit: any_unit(u)? })
}

fn any_quantum(u: &mut Unstructured<'_>) -> Result<Quantum> {
    Ok(match u.int_in_range(0..=2u8)? {
        0 => Quantum::Now,
        1 => Quantum::Grid(any_length(u)?),
        _ => Quantum::End,
    })
}

fn any_length(u: &mut Unstructured<'_>) -> Result<TickSpan> {
    let number = u.arbitrary::<u8>()?;
    Ok(TickSpan(match LENGTHS.get(usize::from(number)) {
        Some(&length) => length,
        None => 30 * i64::from(number),
    }))
}

fn any_unit(u: &mut Unstructured<'_>) -> Result<Interval> {
    u.choose(&[Interval::Semitones, Interval::Degrees]).copied()
}

fn any_port(u: &mut Unstructured<'_>, ports: u8) -> Result<PortSlot> {
    u.int_in_range(0..=ports - 1).map(PortSlot)
}

/// Few channels and keys, so that they meet.
fn any_channel(u: &mut Unstructured<'_>) -> Result<Channel> {
    Ok(Channel::from_number(*u.choose(&[1, 2, 16])?).expect("it is in range"))
}

fn any_key(u: &mut Unstructured<'_>) -> Result<Key> {
    Ok(Key::new(*u.choose(&[60, 61, 62, 0, 127])?).expect("it is in range"))
}

fn any_velocity(u: &mut Unstructured<'_>) -> Result<Velocity> {
    Ok(Velocity::new(*u.choose(&[100, 1, 127])?).expect("it is in range"))
}

fn maybe<T>(u: &mut Unstructured<'_>, any: impl FnOnce(&mut Unstructured<'_>) -> Result<T>) -> Result<Option<T>> {
    if u.arbitrary()? { any(u).map(Some) } else { Ok(None) }
}

fn many<T>(
    u: &mut Unstructured<'_>,
    count: std::ops::RangeInclusive<usize>,
    mut any: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Box<[T]>> {
    let count = u.int_in_range(count)?;
    (0..count).map(|_| any(u)).collect()
}

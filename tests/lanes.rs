//! What lanes play, against a second, plain way to work it out: every pass of every loop written down, sorted, compared.
//! And the law that follows from it: a position that is jumped to sounds as if the music had come there by itself.

use crate::support::*;
use proptest::prelude::*;
use tightrope::engine::Command;
use tightrope::engine::lanes::chance::{draw, scaled};
use tightrope::engine::program::{
    Action, Clip, Condition, Event, Guard, GuardIndex, Lane, LaneRange, PatternSlot, Program, Source, Steps, Swing,
    TrackSlot,
};
use tightrope::midi::{Key, Message, Velocity};
use tightrope::time::{Nanos, Span, Tick, TickSpan};

/// Three tracks on one port, on channels 1 to 3, and a pattern of one bar.
const RIG: &str = r#"
tempo = 120
[ports.a]
device = "A"
[tracks.one]
port = "a"
channel = 1
[tracks.two]
port = "a"
channel = 2
[tracks.three]
port = "a"
channel = 3
[patterns.main]
"#;

/// How long is listened: ten bars.
const HEARD: Tick = Tick(10 * 3_840);

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        (1u32..5, 0u32..4).prop_map(|(of, turn)| Condition::Turn { turn: turn % of, of }),
        (1u32..5, 0u32..4).prop_map(|(of, turn)| Condition::NotTurn { turn: turn % of, of }),
        (0u8..=100, 0u32..3).prop_map(|(percent, die)| Condition::Chance { percent, die }),
        (1u32..4, 0u32..3, 0u32..3).prop_map(|(of, side, die)| Condition::Side { side: side % of, of, die }),
        (1u32..4, 0u32..4, 2u32..5, 0u32..4).prop_map(|(of, turn, each, left_out)| Condition::TurnAmong {
            turn: turn % of,
            of,
            left_out: left_out % each,
            each,
        }),
        Just(Condition::Once),
        any::<bool>().prop_map(Condition::Fill),
    ]
}

/// An event at most `length` into its loop. Its key is told apart by `number`.
fn event(length: i64) -> impl Strategy<Value = (i64, i64, i8, Vec<Condition>)> {
    let turn = prop_oneof![8 => Just(0i8), 1 => Just(1i8), 1 => Just(-1i8)];
    (0..length, 1i64..600, turn, prop::collection::vec(condition(), 0..3))
}

fn lane() -> impl Strategy<Value = Lane> {
    let loops = (2i64..40).prop_flat_map(|sixths| {
        let length = sixths * 160;
        (Just(length), prop::collection::vec(event(length), 1..12))
    });
    let swing = prop_oneof![2 => Just(Swing::NONE), 1 => (50u32..=75).prop_map(|percent| Swing::new(TickSpan(240), percent, TickSpan(3_360)))];
    (loops, swing, any::<u64>()).prop_map(|((length, mut events), swing, seed)| {
        events.sort_by_key(|event| event.0);
        let mut steps = Steps { length: TickSpan(length), ..Steps::default() };
        let mut guards = Vec::new();
        let mut compiled = Vec::new();
        for (index, (at, gate, turn, conditions)) in events.into_iter().enumerate() {
            let first = guards.len() as u32;
            let count = conditions.len() as u32;
            guards.extend(conditions.into_iter().zip(1..).map(|(condition, nth)| Guard {
                condition,
                next: if nth < count { GuardIndex::new(first + nth) } else { None },
            }));
            let key = Key::new(30 + index as u8).unwrap();
            compiled.push(Event {
                at: TickSpan(at),
                gate: TickSpan(gate),
                action: Action::Note { key, velocity: Velocity::MAX, legato: false },
                turn,
                guard: if count > 0 { GuardIndex::new(first) } else { None },
            });
        }
        let early = compiled.iter().zip(0u32..).filter(|(event, _)| event.turn == 1).map(|(_, index)| index);
        steps.early = early.collect();
        steps.events = compiled.into();
        steps.guards = guards.into();
        Lane { source: Source::Steps(steps), swing, seed }
    })
}

fn program() -> impl Strategy<Value = Program> {
    prop::collection::vec(prop::collection::vec(lane(), 1..3), 1..4).prop_map(|tracks| {
        let mut program = compile(RIG);
        let mut first = 0;
        let mut clips = Vec::new();
        for (slot, lanes) in tracks.into_iter().enumerate() {
            program.tracks[slot].lanes = LaneRange { first, count: lanes.len() as u16 };
            first += lanes.len() as u16;
            clips.push(Clip { track: TrackSlot(slot as u16), lanes: lanes.into() });
        }
        program.patterns[usize::from(PatternSlot(0).0)].clips = clips.into();
        program
    })
}

/// A note as it is struck: where, on which channel, which key.
type Struck = (i64, u8, u8);

fn holds(condition: Condition, seed: u64, pass: i64) -> bool {
    match condition {
        Condition::Turn { turn, of } => pass.rem_euclid(i64::from(of)) == i64::from(turn),
        Condition::NotTurn { turn, of } => pass.rem_euclid(i64::from(of)) != i64::from(turn),
        Condition::TurnAmong { turn, of, left_out, each } => {
            let counts = |pass: i64| pass.rem_euclid(i64::from(each)) != i64::from(left_out);
            let before = (0..pass).filter(|&pass| counts(pass)).count() as i64;
            counts(pass) && before % i64::from(of) == i64::from(turn)
        }
        Condition::Once => pass == 0,
        Condition::Chance { percent, die } => scaled(draw(seed, pass, die), 100) < u64::from(percent),
        Condition::Side { side, of, die } => scaled(draw(seed, pass, die), u64::from(of)) == u64::from(side),
        Condition::Fill(wanted) => !wanted,
    }
}

/// What `program` plays up to [`HEARD`], worked out plainly.
fn expected(program: &Program) -> Vec<Struck> {
    let mut struck = Vec::new();
    for clip in &program.patterns[0].clips {
        for lane in &clip.lanes {
            let Source::Steps(steps) = &lane.source else { continue };
            let passes = HEARD.0 / steps.length.0 + 1;
            for (event, pass) in steps.events.iter().flat_map(|event| (0..=passes).map(move |pass| (event, pass))) {
                let mut guard = event.guard;
                let mut plays = true;
                while let Some(index) = guard {
                    plays &= holds(steps.guards[index.index()].condition, lane.seed, pass);
                    guard = steps.guards[index.index()].next;
                }
                // The pass that it sounds in. What is early sounds at the very beginning if there is no pass before.
                let sounds = pass - i64::from(event.turn);
                let straight = if sounds < 0 { 0 } else { sounds * steps.length.0 + event.at.0 };
                let at = lane.swing.bend(TickSpan(straight)).0;
                if plays && at < HEARD.0 {
                    let Action::Note { key, .. } = event.action else { continue };
                    struck.push((at, clip.track.0 as u8 + 1, key.number()));
                }
            }
        }
    }
    struck.sort_unstable();
    struck
}

fn struck(show: &Show) -> Vec<Struck> {
    let mut struck: Vec<Struck> = show
        .trace
        .iter()
        .filter_map(|departure| match departure.message {
            Message::NoteOn(channel, key, _) => Some((departure.tick.0, channel.number(), key.number())),
            _ => None,
        })
        .filter(|&(at, ..)| at < HEARD.0)
        .collect();
    struck.sort_unstable();
    struck
}

fn listen(show: &mut Show) {
    // Two beats a second, 960 ticks a beat.
    let time = Span(HEARD.0 * 500_000_000 / 960);
    show.wait_until(Nanos(1_000_000_000) + time + Span::from_millis(100));
    show.command(Command::End);
    assert_eq!(check_trace(&show.trace), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn lanes_play_what_is_written(program in program()) {
        let mut show = Show::new(program);
        show.command(Command::Start);
        listen(&mut show);
        prop_assert_eq!(struck(&show), expected(&show.program));
    }

    #[test]
    fn a_jump_sounds_as_if_the_music_had_come_there(program in program(), sixteenths in 1u16..150) {
        let mut program = program;
        program.clock.follow = Box::new([CIRCUIT]);
        let mut show = Show::new(program);
        let position = Tick(i64::from(sixteenths) * 240);
        show.input(CIRCUIT, Message::SongPosition(sixteenths));
        show.input(CIRCUIT, Message::Continue);
        // 120 BPM: a pulse each 20.8 ms.
        for _ in 0..24 * 40 - i64::from(sixteenths) * 6 {
            show.input(CIRCUIT, Message::Clock);
            show.wait(Span(20_833_333));
        }
        show.command(Command::End);
        prop_assert_eq!(check_trace(&show.trace), 0);
        // What is early belongs to a beat before the jump, or to one after it: the first sixteenth is not compared.
        let after = |struck: Vec<Struck>| struck.into_iter().filter(|&(at, ..)| at >= position.0).collect::<Vec<_>>();
        prop_assert_eq!(after(struck(&show)), after(expected(&show.program)));
    }
}

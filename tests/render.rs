//! Laws of rendering, over random sets: the same show each time, complete, and the one that is played.

mod support;

use std::collections::BTreeMap;
use std::time::Instant;

use proptest::prelude::*;
use support::Show;
use tightrope::engine::Command;
use tightrope::midi::Message;
use tightrope::offline::render::{Plan, Rendering, Sent, render};
use tightrope::offline::{smf, text};
use tightrope::set::Set;
use tightrope::time::{Span, Tick};

/// One step of a line.
fn any_step() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(".".to_owned()),
        3 => ("[a-g]", 0u8..6).prop_map(|(name, octave)| format!("{name}{octave}")),
        1 => ("[a-g]", 1u8..4, 1u8..128).prop_map(|(name, octave, velocity)| format!("{name}{octave}:{velocity}")),
        1 => ("[a-g]", 1u8..4, 1u32..401).prop_map(|(name, octave, gate)| format!("{name}{octave}={gate}")),
        1 => ("[a-g]", 1u8..4).prop_map(|(name, octave)| format!("{name}{octave}~")),
        1 => ("[a-g]", 1u8..4).prop_map(|(name, octave)| format!("{name}{octave}!_")),
    ]
}

/// The lines of one track, and how long their steps are.
fn any_clip() -> impl Strategy<Value = (&'static str, Vec<String>)> {
    let step = prop_oneof![Just("1/16"), Just("1/8"), Just("1/8t"), Just("1/64"), Just("1/96")];
    let line = prop::collection::vec(any_step(), 1..20).prop_map(|steps| steps.join(" "));
    (step, prop::collection::vec(line, 1..4))
}

/// A set of two patterns, the second of them with an arpeggio of chance.
fn set_text(seed: u64, clips: &[(&str, Vec<String>)]) -> String {
    let mut text = format!("seed = {seed}\n[ports.a]\ndevice = \"A\"\n[ports.b]\ndevice = \"B\"\noffset = \"7 ms\"\n");
    for track in 0..clips.len() {
        let port = ["a", "b"][track % 2];
        text.push_str(&format!("[tracks.t{track}]\nport = \"{port}\"\nchannel = {}\n", 1 + track % 3));
    }
    text.push_str("[patterns.one]\n");
    for (track, (step, lines)) in clips.iter().enumerate() {
        text.push_str(&format!("t{track} = {{ step = \"{step}\", steps = \"\"\"\n{}\"\"\" }}\n", lines.join("\n")));
    }
    text.push_str("[patterns.two]\nt0 = { arp = \"c3 e3 g3 b3\", order = \"random\", lengths = [\"1/16\", \"1/24\"], ");
    text.push_str("pick = \"random\", rest = \"1/1\" }\n");
    text
}

fn parse(text: &str) -> Set {
    Set::parse("random.toml", text.as_bytes()).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes}"))
}

fn plan(set: &Set, bars: i64, commands: &[(i64, Command)]) -> Plan {
    let commands = commands.iter().map(|&(tick, command)| (Tick(tick), command)).collect();
    Plan { length: set.program.meter.bar() * bars, commands }
}

fn rendered(set: &Set, bars: i64, commands: &[(i64, Command)]) -> Rendering {
    render(&set.program, &plan(set, bars, commands)).unwrap()
}

/// What is wrong with the notes of a rendering: each on has one off, after it, and none is left.
fn hanging(sent: &[Sent]) -> Option<String> {
    let mut sounding = BTreeMap::new();
    for message in sent {
        let before = match message.message {
            Message::NoteOn(channel, key, _) => sounding.insert((message.port, channel, key), message.tick).is_none(),
            Message::NoteOff(channel, key, _) => {
                sounding.remove(&(message.port, channel, key)).is_some_and(|on| on <= message.tick)
            }
            _ => true,
        };
        if !before {
            return Some(format!("{message:?}"));
        }
    }
    (!sounding.is_empty()).then(|| format!("{sounding:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_show_is_complete_and_in_order_and_the_same_each_time(
        clips in prop::collection::vec(any_clip(), 1..5), seed in 0u64..1_000,
        launches in prop::collection::vec((0i64..20_000, 0u16..2), 0..6), bars in 1i64..6,
    ) {
        let text = set_text(seed, &clips);
        let set = parse(&text);
        let launches: Vec<_> = launches.iter().map(|&(tick, slot)| (tick, support::launch(slot))).collect();
        let rendering = rendered(&set, bars, &launches);
        prop_assert_eq!(hanging(&rendering.sent), None);
        prop_assert!(rendering.sent.windows(2).all(|pair| pair[0].tick <= pair[1].tick), "time runs backwards");
        let end = Tick::ZERO + rendering.length;
        prop_assert!(rendering.sent.iter().all(|sent| sent.tick <= end && sent.tick >= Tick::ZERO));
        let again = parse(&text);
        let second = render(&again.program, &plan(&again, bars, &launches)).unwrap();
        prop_assert_eq!(smf::write(&set, &rendering), smf::write(&again, &second));
    }

    /// The show is the one that is played, however the time of playing is cut.
    #[test]
    fn what_is_rendered_is_what_is_played(clips in prop::collection::vec(any_clip(), 1..4), piece in 1i64..90) {
        let set = parse(&set_text(3, &clips));
        let rendering = rendered(&set, 2, &[]);
        let mut show = Show::new(set.program.clone());
        show.command(Command::EndAfter(rendering.length));
        show.command(Command::Start);
        while !show.engine.is_finished() {
            show.advance(show.now + Span::from_millis(piece));
        }
        // Ports with offsets take turns otherwise, so the messages are compared for each.
        for port in [support::CIRCUIT, support::MONO] {
            let mut played: Vec<_> = show.trace.iter().filter(|sent| sent.port == port).map(|sent| (sent.tick, sent.message)).collect();
            let mut expected: Vec<_> = rendering.sent.iter().filter(|sent| sent.port == port).map(|sent| (sent.tick, sent.message)).collect();
            // What the end cuts off is cut a little later where a port is behind.
            played.retain(|&(tick, message)| !matches!(message, Message::NoteOff(..)) || tick < Tick::ZERO + rendering.length);
            expected.retain(|&(tick, message)| !matches!(message, Message::NoteOff(..)) || tick < Tick::ZERO + rendering.length);
            prop_assert_eq!(played, expected);
        }
    }

    /// A rest at the end of a line delays the next pass, and nothing before.
    #[test]
    fn a_rest_at_the_end_moves_nothing_before_it(clip in any_clip(), line in 0usize..3) {
        let (step, lines) = clip;
        let mut longer = lines.clone();
        let line = line % lines.len();
        longer[line].push_str(" .");
        let set = parse(&set_text(1, &[(step, lines)]));
        let other = parse(&set_text(1, &[(step, longer)]));
        let first_pass = set.program.patterns[0].clips[0].lanes.iter().map(|lane| match &lane.source {
            tightrope::engine::pattern::Source::Steps(steps) => steps.length.0,
            tightrope::engine::pattern::Source::Arp(_) => 0,
        });
        let pass = first_pass.min().unwrap_or(0);
        let ons = |set: &Set| -> Vec<_> {
            let rendering = rendered(set, 2, &[]);
            let ons = rendering.sent.into_iter().filter(|sent| matches!(sent.message, Message::NoteOn(..)));
            ons.filter(|sent| sent.tick < Tick(pass)).collect()
        };
        prop_assert_eq!(ons(&set), ons(&other));
    }

    /// A line that is written twice in a row plays what it plays when it comes round twice.
    #[test]
    fn a_line_twice_is_twice_the_line(clip in any_clip()) {
        let (step, lines) = clip;
        let twice = lines.iter().map(|line| format!("{line} {line}")).collect();
        let once = rendered(&parse(&set_text(1, &[(step, lines)])), 4, &[]);
        let twice = rendered(&parse(&set_text(1, &[(step, twice)])), 4, &[]);
        prop_assert_eq!(once.sent, twice.sent);
    }

    /// Swing moves what is between the beats: of the steps, every second one, and neither bars nor the number of notes.
    #[test]
    fn swing_keeps_the_bar(percent in 50u32..=75, bars in 1i64..5) {
        let set = |swing: u32| {
            parse(&format!(
                "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[patterns.p]\n\
                 t = {{ swing = {swing}, steps = \"16(c2)\" }}\n"
            ))
        };
        let ons = |swing: u32| -> Vec<i64> {
            let sent = rendered(&set(swing), bars, &[]).sent;
            sent.into_iter().filter(|sent| matches!(sent.message, Message::NoteOn(..))).map(|sent| sent.tick.0).collect()
        };
        let (straight, swung) = (ons(50), ons(percent));
        prop_assert_eq!(straight.len(), swung.len());
        for (step, (&straight, &swung)) in straight.iter().zip(&swung).enumerate() {
            let late = if step % 2 == 0 { 0 } else { (480 * i64::from(percent) + 50) / 100 - 240 };
            prop_assert_eq!(swung - straight, late);
        }
    }
}

#[test]
fn another_seed_is_another_show() {
    let text = |seed: u64| set_text(seed, &[("1/16", vec!["c3".to_owned()])]);
    let lines = |text: &str| {
        let set = parse(text);
        let rendering = rendered(&set, 4, &[(0, support::launch(1))]);
        text::lines(&set, &rendering).collect::<Vec<_>>()
    };
    assert_eq!(lines(&text(1)), lines(&text(1)));
    assert_ne!(lines(&text(1)), lines(&text(2)));
}

/// A thousand bars of sixteen busy tracks. How long that takes is printed; a release build is held to a second.
#[test]
fn a_thousand_bars_of_sixteen_tracks() {
    let lines = vec!["c3 d3 e3 f3 g3 a3 b3 c4".to_owned()];
    let clips = vec![("1/16", lines); 16];
    let set = parse(&set_text(1, &clips));
    let bars = if cfg!(debug_assertions) { 100 } else { 1_000 };
    let begun = Instant::now();
    let rendering = rendered(&set, bars, &[]);
    let bytes = smf::write(&set, &rendering);
    let taken = begun.elapsed();
    println!("{bars} bars, {} messages, {} bytes in {taken:?}", rendering.sent.len(), bytes.len());
    assert!(rendering.sent.len() as i64 > bars * 16);
    assert!(cfg!(debug_assertions) || taken.as_secs_f64() < 1.0, "{taken:?}");
}

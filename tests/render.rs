//! Laws of rendering, over random sets: the same show each time, complete, and the one that is played.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::support::Show;
use proptest::prelude::*;
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
        let launches: Vec<_> = launches.iter().map(|&(tick, slot)| (tick, crate::support::launch(slot))).collect();
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
        for port in [crate::support::CIRCUIT, crate::support::MONO] {
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
            tightrope::engine::program::Source::Steps(steps) => steps.length.0,
            tightrope::engine::program::Source::Arp(_) | tightrope::engine::program::Source::Feed(_) => 0,
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

/// A step of a track that shares its channel with others: few keys, so that they meet, and values.
fn any_shared_step() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("74=20".to_owned()),
        (0u8..128).prop_map(|value| format!("74={value}")),
        (0u8..2).prop_map(|down| format!("64={}", 127 * down)),
        (-3i32..3).prop_map(|bend| format!("bend={}", bend * 1_000)),
        (0u16..12).prop_map(|range| format!("rpn-0={}", range * 128)),
        (0u8..128).prop_map(|value| format!("pressure={value}")),
    ];
    let note =
        ("[c-d]", prop_oneof![Just(50), Just(100), Just(200)]).prop_map(|(name, gate)| format!("{name}2={gate}"));
    prop_oneof![
        2 => Just(".".to_owned()),
        4 => note.clone(),
        1 => value.clone().prop_map(|value| format!(".{{{value}}}")),
        1 => (note, value).prop_map(|(note, value)| format!("{note}{{{value}}}")),
    ]
}

/// A set whose tracks share one channel of one port, but for the last.
fn shared_text(lines: &[Vec<String>]) -> String {
    let mut text = "[ports.a]\ndevice = \"A\"\n[ports.b]\ndevice = \"B\"\n".to_owned();
    for track in 0..lines.len() {
        let port = if track == 3 { "b" } else { "a" };
        text.push_str(&format!("[tracks.t{track}]\nport = \"{port}\"\nchannel = 1\n"));
    }
    for (pattern, shift) in [("one", 0), ("two", 1)] {
        text.push_str(&format!("[patterns.{pattern}]\nprogram = {{ a = {shift}, ahead = \"1/16\" }}\n"));
        for track in 0..lines.len() {
            let steps = lines[(track + shift) % lines.len()].join(" ");
            text.push_str(&format!("t{track} = \"{steps}\"\n"));
        }
        text.push_str("cc = { t0.1 = \"0 ~ 127\" }\n");
    }
    text + "[song]\nparts = [\"one\", \"two\", \"one\"]\n"
}

/// What a file's tracks come to where a player merges them: by tick, then by track. Each message with its device.
fn merged(bytes: &[u8]) -> Vec<(i64, String, midly::MidiMessage, u8)> {
    let smf = midly::Smf::parse(bytes).unwrap();
    let mut all = Vec::new();
    for track in &smf.tracks {
        let (mut at, mut device) = (0, String::new());
        for event in track {
            at += i64::from(event.delta.as_int());
            match event.kind {
                midly::TrackEventKind::Meta(midly::MetaMessage::DeviceName(name)) => {
                    device = String::from_utf8(name.to_vec()).unwrap();
                }
                midly::TrackEventKind::Midi { channel, message } => {
                    all.push((at, device.clone(), message, channel.as_int()));
                }
                _ => {}
            }
        }
    }
    all.sort_by_key(|event| event.0);
    all
}

/// Each note as an instrument hears it: where it begins and ends, and all that is set where it begins and where it ends.
fn as_heard(messages: &[(i64, String, midly::MidiMessage, u8)]) -> Vec<String> {
    use midly::MidiMessage as M;
    let mut state: BTreeMap<(String, u8), BTreeMap<String, String>> = BTreeMap::new();
    let mut open = BTreeMap::new();
    let mut heard = Vec::new();
    for (at, device, message, channel) in messages {
        let place = (device.clone(), *channel);
        let values = state.entry(place.clone()).or_default();
        let mut set = |name: String, value: String| drop(values.insert(name, value));
        match *message {
            M::NoteOn { key, vel } => {
                let before =
                    open.insert((place, key), format!("{device} {channel} {key} {vel} from {at} with {values:?}"));
                heard.extend(before.map(|note| format!("{note} cut by {at}")));
            }
            M::NoteOff { key, .. } => {
                let pedal = values.get("cc 64").cloned().unwrap_or_default();
                heard.push(match open.remove(&(place, key)) {
                    Some(note) => format!("{note} to {at}, pedal {pedal}"),
                    None => format!("off of nothing {device} {channel} {key} at {at}"),
                });
            }
            M::Controller { controller, value } if controller == 6 || controller == 38 => {
                let number = [values.get("cc 101"), values.get("cc 100")].map(|half| half.cloned().unwrap_or_default());
                values.insert(format!("parameter {number:?} {controller}"), value.to_string());
            }
            M::Controller { controller, value } => set(format!("cc {controller}"), value.to_string()),
            M::ProgramChange { program } => set("program".into(), program.to_string()),
            M::ChannelAftertouch { vel } => set("pressure".into(), vel.to_string()),
            M::PitchBend { bend } => set("bend".into(), bend.as_int().to_string()),
            M::Aftertouch { key, vel } => set(format!("key {key}"), vel.to_string()),
        }
    }
    heard.extend(open.into_values());
    heard.sort_unstable();
    heard
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever merges the tracks of the file in their order hears what the engine sends: each note with its own end, and with
    /// the values that are for it. The file of one track is that order.
    #[test]
    fn merged_tracks_sound_as_the_engine_sends(
        lines in prop::collection::vec(prop::collection::vec(any_shared_step(), 1..12), 2..5),
    ) {
        let set = parse(&shared_text(&lines));
        let rendering = rendered(&set, 3, &[]);
        let one = merged(&smf::write_as(smf::Format::OneTrack, &set, &rendering));
        let sent: Vec<_> = rendering.sent.iter().map(|sent| (sent.tick.0, sent.message.to_bytes().to_string())).collect();
        let written = one.iter().map(|(at, _, message, channel)| {
            let mut bytes = Vec::new();
            midly::live::LiveEvent::Midi { channel: (*channel).into(), message: *message }.write(&mut bytes).unwrap();
            (*at, bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" "))
        });
        prop_assert_eq!(written.collect::<Vec<_>>(), sent);
        prop_assert_eq!(as_heard(&merged(&smf::write(&set, &rendering))), as_heard(&one));
    }
}

/// How many tracks the file of a set has besides the first, and their names.
fn names(text: &str) -> Vec<String> {
    let set = parse(text);
    let bytes = smf::write(&set, &rendered(&set, 1, &[]));
    let smf = midly::Smf::parse(&bytes).unwrap();
    let name = |track: &Vec<midly::TrackEvent<'_>>| {
        track.iter().find_map(|event| match event.kind {
            midly::TrackEventKind::Meta(midly::MetaMessage::TrackName(name)) => {
                Some(String::from_utf8_lossy(name).into_owned())
            }
            _ => None,
        })
    };
    smf.tracks.iter().skip(1).filter_map(name).collect()
}

/// A track of the file for each of the set, in an order that is right; two share one only where no order is.
#[test]
fn tracks_stay_apart_where_an_order_is_right() {
    let set = |channels: [u8; 2], steps: [&str; 2]| {
        let track =
            |name: &str, channel: u8| format!("[tracks.{name}]\nport = \"a\"\nchannel = {channel}\ngate = 100\n");
        let tracks = track("t", channels[0]) + &track("u", channels[1]);
        let [t, u] = steps;
        names(&format!("[ports.a]\ndevice = \"A\"\n{tracks}[patterns.p]\nt = \"{t}\"\nu = \"{u}\"\n"))
    };
    assert_eq!(set([1, 1], ["c2 . d2 .", ". e2 . f2"]), ["t", "u"]);
    // The second one's note ends where the first one's begins, and its values are for the first one's notes.
    assert_eq!(set([1, 1], [". c2 . .", "c2 . . ."]), ["u", "t"]);
    assert_eq!(set([1, 1], ["c2 . . .", ".{74=3} . . ."]), ["u", "t"]);
    assert_eq!(set([1, 1], ["c2 d2 . .", ". c2 d2 ."]), ["t", "u"]);
    // Both at once: no order is right.
    assert_eq!(set([1, 1], ["c2 . c2 .", ". c2 . c2"]), ["t + u"]);
    assert_eq!(set([1, 2], ["c2 . c2 .", ". c2 . c2"]), ["t", "u"]);
}

#[test]
fn another_seed_is_another_show() {
    let text = |seed: u64| set_text(seed, &[("1/16", vec!["c3".to_owned()])]);
    let lines = |text: &str| {
        let set = parse(text);
        let rendering = rendered(&set, 4, &[(0, crate::support::launch(1))]);
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

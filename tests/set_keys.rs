//! What each key of a set means: text in, compiled values out.

use tightrope::engine::program::{
    Action, AfterSong, Arp, ArpKeys, Binding, Does, Fader, Interval, Knob, Lane, Order, Part, PatternSlot, PortSlot,
    ProgramChange, Quantum, Source, Steps, Swing, Target, TrackSlot, Trigger, Values, Wire,
};
use tightrope::engine::{Command, Switch};
use tightrope::midi::{Channel, Key};
use tightrope::set::Set;
use tightrope::time::{Tick, TickSpan};

const BAR: TickSpan = TickSpan(3_840);

fn parse(text: &str) -> Set {
    Set::parse("a.toml", text.as_bytes()).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes}"))
}

/// The rig that most sets here are for: `top` stands before it, `pattern` in its pattern.
fn set(top: &str, pattern: &str) -> Set {
    parse(&format!(
        "{top}\n[ports.synth]\ndevice = \"S\"\n[ports.cable]\ndevice = \"C\"\nwire = \"din\"\n[ports.keys]\ndevice = \"K\"\n\
        [tracks.bass]\nport = \"synth\"\nchannel = 1\nnote = \"c2\"\n[tracks.lead]\nport = \"synth\"\nchannel = 2\n\
        [tracks.pad]\nport = \"cable\"\nchannel = 3\n[tracks.drums]\nport = \"synth\"\nchannel = 10\nkit = {{ k = 60 }}\n\
        [patterns.main]\n{pattern}\n"
    ))
}

fn in_pattern(pattern: &str) -> Set {
    set("", pattern)
}

fn channel(number: u8) -> Channel {
    Channel::from_number(number).unwrap()
}

fn key(number: u8) -> Key {
    Key::new(number).unwrap()
}

/// The only lane of the first pattern.
fn lane(set: &Set) -> &Lane {
    let lanes: Vec<&Lane> = set.program.patterns[0].clips.iter().flat_map(|clip| &clip.lanes).collect();
    assert_eq!(lanes.len(), 1, "{lanes:?}");
    lanes[0]
}

fn steps(set: &Set) -> &Steps {
    match &lane(set).source {
        Source::Steps(steps) => steps,
        other => panic!("{other:?}"),
    }
}

fn arp(set: &Set) -> &Arp {
    match &lane(set).source {
        Source::Arp(arp) => arp,
        other => panic!("{other:?}"),
    }
}

fn notes(set: &Set) -> Vec<u8> {
    let key = |action: Action| match action {
        Action::Note { key, .. } => key.number(),
        other => panic!("{other:?}"),
    };
    steps(set).events.iter().map(|event| key(event.action)).collect()
}

/// Place and value of what the only controller does.
fn values(set: &Set) -> Vec<(i64, u16)> {
    assert!(steps(set).chases && steps(set).events.iter().all(|event| event.gate == TickSpan::ZERO));
    let value = |action: Action| match action {
        Action::Control(_, value) => value,
        other => panic!("{other:?}"),
    };
    steps(set).events.iter().map(|event| (event.at.0, value(event.action))).collect()
}

#[test]
fn swing_is_in_steps_of_the_lane() {
    assert_eq!(
        lane(&in_pattern("bass = { steps = \"x.x.\", swing = 58 }")).swing,
        Swing::new(TickSpan(240), 58, TickSpan(3_840))
    );
    let eighths = in_pattern("bass = { steps = \"x.x.\", step = \"1/8\", swing = 67 }");
    assert_eq!(lane(&eighths).swing, Swing::new(TickSpan(480), 67, TickSpan(3_840)));
    assert_eq!(lane(&in_pattern("bass = { steps = \"x\", swing = 50 }")).swing, Swing::NONE);
    assert_eq!(lane(&in_pattern("bass = \"x\"")).swing, Swing::NONE);
    assert_eq!(
        lane(&in_pattern("bass = { arp = \"c2\", swing = 60 }")).swing,
        Swing::new(TickSpan(240), 60, TickSpan(3_840))
    );
    let arp = in_pattern("bass = { arp = \"c2\", swing = 60, step = \"1/8\" }");
    assert_eq!(lane(&arp).swing, Swing::new(TickSpan(480), 60, TickSpan(3_840)));
}

#[test]
fn octaves_move_the_notes() {
    assert_eq!(notes(&in_pattern("bass = { steps = \"x c3 g2\", octave = -1 }")), [36, 48, 43]);
    let set = in_pattern("bass = { arp = \"c2 g2\", octave = 2, order = \"down\" }");
    assert_eq!(arp(&set).keys, ArpKeys::Written([key(79), key(72)].into(), tightrope::engine::program::Pick::Turn));
}

#[test]
fn a_seed_of_its_own_is_the_same_wherever_it_stands() {
    let seeds = |set: &Set| -> Vec<u64> {
        set.program.patterns[0].clips.iter().flat_map(|clip| &clip.lanes).map(|lane| lane.seed).collect()
    };
    let lines = "bass = { steps = \"x\\nx\", seed = 5 }\nlead = { steps = \"c2\\nc2\", seed = 5 }";
    let same = seeds(&in_pattern(lines));
    assert_eq!(same[..same.len() / 2], same[same.len() / 2..]);
    let other_set = seeds(&set("seed = 9", "bass = { steps = \"x\", seed = 5 }"));
    assert_eq!(other_set[0], same[0]);
    let own = seeds(&in_pattern("bass = \"x\"\nlead = \"c2\"\npad = { arp = \"c2\", seed = 6 }"));
    assert!(own[0] != own[1] && own[1] != own[2] && own[2] != same[0]);
    assert_ne!(own[0], seeds(&set("seed = 9", "bass = \"x\""))[0]);
}

#[test]
fn lengths_are_read_in_beats_and_bars_everywhere() {
    let set = set(
        "meter = \"3/4\"",
        "bass = { steps = \"x\", step = \"1 beat\" }\nlead = { arp = \"c2\", lengths = [\"bar\", \"1/20\"], rest = \"2 bars\" }",
    );
    let lanes: Vec<&Lane> = set.program.patterns[0].clips.iter().flat_map(|clip| &clip.lanes).collect();
    assert!(matches!(&lanes[0].source, Source::Steps(steps) if steps.length == TickSpan(960)));
    let Source::Arp(arp) = &lanes[1].source else { panic!() };
    assert_eq!((&*arp.lengths, arp.rest), (&[TickSpan(2_880), TickSpan(192)][..], Some(TickSpan(5_760))));
}

#[test]
fn held_keys_are_those_of_a_keyboard() {
    let held = in_pattern(
        "bass = { held = \"keys channel 2\", order = \"up-down\", lengths = [\"1/8\"], octave = -1, gate = 80 }",
    );
    let arp = arp(&held);
    let keys = ArpKeys::Held { port: PortSlot(2), channel: Some(channel(2)), order: Order::UpDown, octave: -1 };
    assert_eq!((&arp.keys, &*arp.lengths, arp.gate), (&keys, &[TickSpan(480)][..], 80));
    assert!(held.ports[2].input && !held.ports[2].output && !held.ports[0].input);
    let any = in_pattern("bass = { held = \"keys\" }");
    assert!(matches!(arp_keys(&any), ArpKeys::Held { channel: None, order: Order::Played, octave: 0, .. }));
}

fn arp_keys(set: &Set) -> &ArpKeys {
    &arp(set).keys
}

#[test]
fn a_wire_is_usb_unless_it_is_din() {
    let set = in_pattern("");
    let wires: Vec<Wire> = set.ports.iter().map(|port| port.wire).collect();
    assert_eq!(wires, [Wire::Usb, Wire::Din, Wire::Usb]);
    assert_eq!(set.program.ports.iter().map(|port| port.wire).collect::<Vec<_>>(), wires);
}

#[test]
fn patterns_say_when_they_begin_and_what_goes_on() {
    let quantum = |launch: &str| in_pattern(&format!("launch = \"{launch}\"")).program.patterns[0].launch;
    for (written, quantum_of) in [
        ("now", Quantum::Now),
        ("end", Quantum::End),
        ("beat", Quantum::Grid(TickSpan(960))),
        ("2 beats", Quantum::Grid(TickSpan(1_920))),
        ("bar", Quantum::Grid(BAR)),
        ("4 bars", Quantum::Grid(BAR * 4)),
        ("1/8", Quantum::Grid(TickSpan(480))),
    ] {
        assert_eq!(quantum(written), Some(quantum_of), "{written}");
    }
    let plain = in_pattern("");
    assert_eq!((plain.program.patterns[0].launch, plain.program.patterns[0].keep), (None, false));
    assert_eq!(plain.program.launch, Quantum::Grid(BAR));
    assert_eq!(set("meter = \"7/8\"", "").program.launch, Quantum::Grid(TickSpan(3_360)));
    assert_eq!(set("launch = \"end\"", "").program.launch, Quantum::End);
    assert!(in_pattern("keep = true").program.patterns[0].keep);
}

#[test]
fn points_share_the_pattern() {
    assert_eq!(values(&in_pattern("cc = { bass.74 = \"20 40 _ 60\" }")), [(0, 20), (960, 40), (2_880, 60)]);
    assert_eq!(steps(&in_pattern("cc = { bass.74 = \"20 40 _ 60\" }")).length, BAR);
    assert_eq!(values(&in_pattern("bars = 2\ncc.bass.74 = \"20 20 40\"")), [(0, 20), (5_120, 40)]);
    assert_eq!(
        values(&in_pattern("cc = { bass.74 = \"20 . 20 .\" }")),
        [(0, 20), (1_920, 20)],
        "sent again after a rest"
    );
    assert_eq!(values(&in_pattern("cc = { bass.74 = 64 }")), [(0, 64)]);
    let own = in_pattern("cc = { bass.74 = { points = \"1 2 3\", step = \"1/8\" } }");
    assert_eq!((values(&own), steps(&own).length), (vec![(0, 1), (480, 2), (960, 3)], TickSpan(1_440)));
}

#[test]
fn targets_have_their_own_ranges() {
    let sent = |target: &str, value: i32| {
        let set = in_pattern(&format!("cc = {{ bass.{target} = {value} }}"));
        match steps(&set).events[0].action {
            Action::Control(target, value) => (target, value),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(sent("cc7", 127), (Target::Controller(7), 127));
    assert_eq!(sent("bend", -8_192), (Target::Bend, 0));
    assert_eq!(sent("bend", 8_191), (Target::Bend, 16_383));
    assert_eq!(sent("pressure", 1), (Target::Pressure, 1));
    assert_eq!(sent("program", 1), (Target::Program, 1));
    assert_eq!(sent("cc14-1", 16_383), (Target::Fine(1), 16_383));
    assert_eq!(sent("nrpn-1234", 5), (Target::Nrpn(1_234), 5));
    assert_eq!(sent("rpn-0", 256), (Target::Rpn(0), 256));
}

#[test]
fn a_line_leads_to_its_goal_where_the_loop_ends() {
    let line = values(&in_pattern("cc = { bass.74 = \"20 ~ ~ ~ 110\" }"));
    assert_eq!((line[0], line.len()), ((0, 20), 91));
    assert!(line.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1), "every value once: {line:?}");
    for (at, value) in &line {
        let exact = 20.0 + 90.0 * *at as f64 / 3_840.0;
        assert!((f64::from(*value) - exact).abs() <= 0.53, "{value} at {at}");
    }
    assert_eq!(line[90].1, 110);
    let beats = values(&in_pattern("cc = { bass.74 = \"0 _ ~ 100\" }"));
    assert_eq!((beats[0], beats[1].1, beats.last().unwrap().1), ((0, 0), 1, 100));
    assert!(beats[1].0 > 1_280, "it holds for a slot first");
    let back = values(&in_pattern("cc = { bass.74 = \"0 ~ 100 ~\" }"));
    let top = back.iter().position(|&(at, value)| at > 1_800 && at <= 1_920 && value == 100).unwrap();
    assert!(back[..=top].is_sorted() && back[top..].windows(2).all(|pair| pair[0].1 > pair[1].1));
    assert_eq!(back.last().unwrap().1, 0);
}

#[test]
fn lines_have_shapes() {
    let half = |shape: &str| {
        let set = in_pattern(&format!("cc = {{ bass.74 = \"0 {shape} 100\" }}"));
        values(&set).iter().take_while(|(at, _)| *at <= 1_920).last().unwrap().1
    };
    assert_eq!([half("~"), half("~s"), half("~e"), half("~l")], [50, 50, 25, 75]);
    let quarter = |shape: &str| {
        let set = in_pattern(&format!("cc = {{ bass.74 = \"0 {shape} 100\" }}"));
        values(&set).iter().take_while(|(at, _)| *at <= 960).last().unwrap().1
    };
    assert_eq!([quarter("~"), quarter("~s")], [25, 15]);
}

/// The least distance between two values.
fn nearest_values(values: &[(i64, u16)]) -> i64 {
    values.windows(2).map(|pair| pair[1].0 - pair[0].0).min().unwrap()
}

#[test]
fn what_moves_is_thinned_to_its_wire() {
    // At 125 BPM, 2 ticks are a millisecond: USB carries a message in that time, a quarter of a DIN cable 3 bytes in 3.84 ms.
    let fast = |track: &str, target: &str| {
        let pattern = format!("cc = {{ {track}.{target} = {{ points = \"0 ~ 127\", step = \"1/32\" }} }}");
        nearest_values(&values(&set("tempo = 125", &pattern)))
    };
    assert_eq!(fast("bass", "74"), 2);
    assert_eq!(fast("bass", "cc14-1"), 4);
    assert_eq!(fast("bass", "nrpn-1"), 8);
    assert_eq!(fast("bass", "bend"), 2);
    assert_eq!(fast("pad", "74"), 8);
    assert_eq!(fast("pad", "cc14-1"), 16);
    assert_eq!(fast("pad", "nrpn-1"), 31);
    // Two on one port share it, steps take no part in it, nor does another port.
    let two = set(
        "tempo = 125",
        "cc = { pad = { 74 = \"0 ~ 127\", 71 = \"127 ~ 0\", 70 = \"1 2 3 4\" }, bass.74 = \"0 ~ 9\" }",
    );
    let lanes = &two.program.patterns[0].clips[1].lanes;
    for lane in &lanes[..2] {
        let Source::Steps(steps) = &lane.source else { panic!() };
        assert!(steps.events.windows(2).all(|pair| (pair[1].at - pair[0].at).0 >= 16));
    }
    let Source::Steps(exact) = &lanes[2].source else { panic!() };
    assert_eq!(exact.events.iter().map(|event| event.at.0).collect::<Vec<_>>(), [0, 960, 1_920, 2_880]);
    // However little there is room for, the goal is reached.
    let short = values(&set("tempo = 125", "cc = { pad.nrpn-1 = { points = \"0 ~ 1000\", step = \"1/64\" } }"));
    assert_eq!((short[0], short.last().unwrap().1), ((0, 0), 1_000));
}

#[test]
fn oscillators_swing_between_low_and_high() {
    let wave = |more: &str| values(&in_pattern(&format!("cc = {{ bass.74 = {{ low = 20, high = 110, {more} }} }}")));
    let at = |values: &[(i64, u16)], tick: i64| values.iter().take_while(|(at, _)| *at <= tick).last().unwrap().1;
    let sine = wave("lfo = \"sine\"");
    assert_eq!([0, 960, 1_920, 2_880].map(|tick| at(&sine, tick)), [65, 110, 65, 20]);
    assert_eq!(at(&sine, 480), 97, "45 + 45 / sqrt 2 above the lowest");
    let triangle = wave("lfo = \"triangle\"");
    assert_eq!([0, 480, 960, 1_920, 2_880].map(|tick| at(&triangle, tick)), [65, 88, 110, 65, 20]);
    let saw = wave("lfo = \"saw\"");
    assert_eq!((saw[0], at(&saw, 1_920), saw.last().unwrap().1), ((0, 20), 65, 110));
    assert_eq!(wave("lfo = \"square\""), [(0, 110), (1_920, 20)]);
    assert_eq!(wave("lfo = \"square\", phase = 25"), [(0, 110), (960, 20), (2_880, 110)]);
    assert_eq!(wave("lfo = \"square\", phase = 75"), [(0, 20), (960, 110), (2_880, 20)]);
    let shifted = wave("lfo = \"sine\", phase = 25");
    assert_eq!([0, 960, 1_920, 2_880].map(|tick| at(&shifted, tick)), [110, 65, 20, 65]);
    let shifted = wave("lfo = \"saw\", phase = 50");
    assert_eq!((shifted[0], at(&shifted, 1_919), at(&shifted, 1_920), at(&shifted, 3_839)), ((0, 65), 110, 20, 65));
    let long = in_pattern("cc = { bass.74 = { lfo = \"sine\", length = \"2 bars\" } }");
    assert_eq!(steps(&long).length, BAR * 2);
    assert_eq!(
        (values(&long).iter().map(|(_, value)| *value).max(), values(&long).iter().map(|(_, value)| *value).min()),
        (Some(127), Some(0))
    );
    let bend = in_pattern("cc = { bass.bend = { lfo = \"sine\", low = -100, high = 100 } }");
    assert!(values(&bend).iter().all(|(_, value)| (8_092..=8_292).contains(value)));
}

#[test]
fn random_values_are_drawn_at_each_step() {
    let set =
        in_pattern("cc = { bass.74 = { lfo = \"random\", low = 20, high = 30, length = \"1 bar\", step = \"1/4\" } }");
    let steps = steps(&set);
    let places: Vec<i64> = steps.events.iter().map(|event| event.at.0).collect();
    assert_eq!((places, steps.chases), (vec![0, 960, 1_920, 2_880], true));
    assert!(steps.events.iter().all(|event| event.action == Action::Wander(Target::Controller(74), 20, 30)));
    let set = in_pattern("cc = { bass.bend = { lfo = \"random\" } }");
    assert_eq!(self::steps(&set).events.len(), 8);
    assert_eq!(self::steps(&set).events[0].action, Action::Wander(Target::Bend, 0, 16_383));
}

#[test]
fn controllers_are_lanes_beside_the_notes() {
    let set = in_pattern("bass = \"x\"\ncc = { bass.74 = 5, lead.74 = 6 }");
    let clips = &set.program.patterns[0].clips;
    assert_eq!(clips.iter().map(|clip| (clip.track.0, clip.lanes.len())).collect::<Vec<_>>(), [(0, 2), (1, 1)]);
    assert_eq!(set.program.tracks[0].lanes.count, 2);
}

#[test]
fn programs_are_of_tracks_and_ports() {
    let change = |port, on, bank, program| ProgramChange { port: PortSlot(port), channel: channel(on), bank, program };
    let set = in_pattern("program = { synth = 5, bass = { program = 6, bank = 129 }, pad = 0, ahead = \"1 beat\" }");
    let pattern = &set.program.patterns[0];
    assert_eq!(pattern.ahead, TickSpan(960));
    let expected = [change(0, 1, Some(129), 6), change(0, 2, None, 5), change(0, 10, None, 5), change(1, 3, None, 0)];
    assert_eq!(*pattern.programs, expected);
    let plain = in_pattern("program = { bass = 127, synth = 5 }");
    let expected = [change(0, 1, None, 127), change(0, 2, None, 5), change(0, 10, None, 5)];
    assert_eq!(
        (&*plain.program.patterns[0].programs, plain.program.patterns[0].ahead),
        (&expected[..], TickSpan::ZERO)
    );
    // A name that a track and a port share is that of the track.
    let both = parse(
        "[ports.a]\ndevice = \"A\"\n[tracks.a]\nport = \"a\"\nchannel = 1\n[tracks.b]\nport = \"a\"\nchannel = 2\n[patterns.p]\nprogram = { a = 3 }\n",
    );
    assert_eq!(*both.program.patterns[0].programs, [change(0, 1, None, 3)]);
}

#[test]
fn a_song_is_made_of_patterns() {
    let song = |song: &str| in_pattern(&format!("[patterns.build]\nbars = 2\n[song]\n{song}"));
    let set = song("parts = [\"main x4\", \"build x8\", \"main\"]");
    let part = |pattern, start: i64, length: i64| Part {
        pattern: PatternSlot(pattern),
        start: Tick::ZERO + BAR * start,
        length: BAR * length,
    };
    assert_eq!(*set.program.song.parts, [part(0, 0, 4), part(1, 4, 16), part(0, 20, 1)]);
    assert_eq!(
        (set.program.song.then, &set.parts[..]),
        (AfterSong::Hold, &["main", "build", "main"].map(String::from)[..])
    );
    assert_eq!(song("parts = [\"main\"]\nend = \"loop\"").program.song.then, AfterSong::Loop);
    assert_eq!(song("parts = [\"main\"]\nend = \"stop\"").program.song.then, AfterSong::Stop);
    assert!(in_pattern("").program.song.parts.is_empty() && in_pattern("").parts.is_empty());
}

#[test]
fn keys_move_tracks() {
    let set = set("transpose = \"keys channel 1 from d2 by degrees\"", "");
    let transpose = set.program.transpose.unwrap();
    assert_eq!((transpose.port, transpose.channel, transpose.from), (PortSlot(2), Some(channel(1)), key(50)));
    assert_eq!(transpose.unit, Interval::Degrees);
    assert!(set.ports[2].input);
    assert_eq!(set.program.tracks.iter().map(|track| track.moves).collect::<Vec<_>>(), [true, true, true, false]);
    let track = |transpose: &str| {
        let set = parse(&format!(
            "[ports.a]\ndevice = \"A\"\n[tracks.b]\nport = \"a\"\nchannel = 1\ntranspose = \"{transpose}\"\n[patterns.p]\n"
        ));
        (
            set.program.tracks[0].transpose.map(|transpose| transpose.unit),
            set.program.tracks[0].moves,
            set.ports[0].input,
        )
    };
    assert_eq!(track("a by semitones"), (Some(Interval::Semitones), true, true));
    assert_eq!(track("a by degrees channel 1"), (Some(Interval::Degrees), true, true));
    assert_eq!(track("none"), (None, false, false));
}

#[test]
fn keyboards_play_tracks() {
    let thru = |top: &str, thru: &str| {
        let set = parse(&format!(
            "{top}\n[ports.a]\ndevice = \"A\"\n[ports.k]\ndevice = \"K\"\n[tracks.b]\nport = \"a\"\nchannel = 1\n\
            thru = \"{thru}\"\n[tracks.c]\nport = \"a\"\nchannel = 2\n[patterns.p]\n"
        ));
        assert!(set.ports[1].input && !set.ports[1].output);
        let [thru] = *set.program.thrus else { panic!("{:?}", set.program.thrus) };
        assert_eq!((thru.track, thru.port), (TrackSlot(0), PortSlot(1)));
        (thru.channels, thru.by)
    };
    assert_eq!(thru("", "k"), (0xFFFF, 0));
    assert_eq!(thru("", "k channel 16 octave -2"), (0x8000, -24));
    assert_eq!(thru("", "k by +7 octave 1 channel 1"), (1, 19));
    assert_eq!(thru("transpose = \"k channel 2\"", "k"), (0xFFFD, 0), "its keys are there to transpose");
    assert_eq!(thru("transpose = \"k\"", "k"), (0xFFFF, 0));
    assert_eq!(thru("transpose = \"k channel 2\"", "k channel 2"), (2, 0), "who says so twice means it");
}

#[test]
fn bindings_are_messages_and_commands() {
    let bound = |on: &str, command: &str| {
        let set = in_pattern(&format!("[patterns.build]\n[[bind]]\non = \"{on}\"\ndo = \"{command}\"\n"));
        assert!(set.ports[2].input);
        set.program.bindings[0]
    };
    let launch = Command::Launch { pattern: PatternSlot(1), at: None };
    let press = |command, release| Does::Press { command, release };
    let trigger = Trigger::Note(key(36));
    let plain = Binding {
        port: PortSlot(2),
        channel: None,
        trigger,
        values: trigger.values(),
        does: press(launch, None),
        light: None,
    };
    assert_eq!(bound("keys note 36", "launch build"), plain);
    assert_eq!(bound("keys note c1 channel 2", "launch build"), Binding { channel: Some(channel(2)), ..plain });
    assert_eq!(bound("keys channel 2 note 36", "launch build"), Binding { channel: Some(channel(2)), ..plain });
    let on = |trigger: Trigger, command, release| Binding {
        trigger,
        values: trigger.values(),
        does: press(command, release),
        ..plain
    };
    let fill = |to| Command::Fill(to);
    let pedal = on(Trigger::Controller(64), fill(Switch::On), Some(fill(Switch::Off)));
    assert_eq!(bound("keys cc 64", "fill"), pedal);
    assert_eq!(bound("keys cc 64", "fill toggle"), on(Trigger::Controller(64), fill(Switch::Toggle), None));
    assert_eq!(bound("keys program 3", "fill"), on(Trigger::Program(3), fill(Switch::Toggle), None));
    assert_eq!(bound("keys program 3", "stop"), on(Trigger::Program(3), Command::Stop, None));
    let ranged = |trigger, low, high| Binding { values: Values { low, high }, ..on(trigger, Command::Stop, None) };
    assert_eq!(bound("keys note 36 1..80", "stop"), ranged(Trigger::Note(key(36)), 1, 80));
    assert_eq!(bound("keys cc 20 0..0", "stop"), ranged(Trigger::Controller(20), 0, 0));
    assert_eq!(bound("keys bend", "stop"), ranged(Trigger::Bend, 12_288, 16_383));
    let down = Binding { channel: Some(channel(3)), ..ranged(Trigger::Bend, 0, 4_192) };
    assert_eq!(bound("keys bend -8192..-4000 channel 3", "stop"), down);
    assert_eq!(bound("keys channel 3 bend -8192..-4000", "stop"), down);
    let fader = Fader { knob: Knob::Tempo, low: 10_000, high: 14_000 };
    assert_eq!(bound("keys bend", "tempo 100..140").does, Does::Slide(fader));
    assert_eq!(bound("keys cc 7", "tempo 100..140").trigger, Trigger::Controller(7));
}

#[test]
fn pads_have_lights() {
    let lights = |port: &str, bindings: &[(&str, &str, &str)]| {
        let bindings: String = bindings
            .iter()
            .map(|(on, command, light)| format!("[[bind]]\non = \"pads {on}\"\ndo = \"{command}\"\n{light}\n"))
            .collect();
        let set = parse(&format!(
            "[ports.pads]\ndevice = \"P\"\n{port}\n[ports.a]\ndevice = \"A\"\n[tracks.b]\nport = \"a\"\nchannel = 1\n\
            [patterns.p]\n{bindings}"
        ));
        let light =
            |binding: &Binding| binding.light.map(|light| (light.channel.number(), light.off, light.waits, light.on));
        let lights: Vec<_> = set.program.bindings.iter().map(light).collect();
        assert_eq!(set.ports[0].output, lights.iter().any(Option::is_some));
        lights
    };
    assert_eq!(lights("", &[("note 36", "mute b", "")]), [None]);
    assert_eq!(lights("", &[("note 36", "mute b", "light = true")]), [Some((1, 0, 64, 127))]);
    assert_eq!(lights("", &[("cc 20 channel 3", "start", "light = \"1 2 3\"")]), [Some((3, 1, 2, 3))]);
    assert_eq!(
        lights("lights = \"5 7\"", &[("note 36", "fill", ""), ("note 37", "fill", "light = false")]),
        [Some((1, 5, 7, 7)), None]
    );
    let several =
        [("note 36", "panic", ""), ("note 36", "launch p", ""), ("note 36", "mute b", ""), ("bend", "fill", "")];
    assert_eq!(
        lights("lights = true", &several),
        [None, Some((1, 0, 64, 127)), None, None],
        "the first that shows something"
    );
}

#[test]
fn a_set_knows_the_names_for_commands() {
    let set = in_pattern("[patterns.build]\n[song]\nparts = [\"build\", \"main\"]");
    let command = tightrope::set::command::parse("jump main", &set.names());
    assert_eq!(command, Ok(Command::Jump(tightrope::engine::program::PartSlot(1))));
    assert!(tightrope::set::command::parse("mute bass on", &set.names()).is_ok());
}

/// The example that the format was drawn up with.
#[test]
fn the_whole_example() {
    let set = parse(
        r#"
name  = "circuits"
tempo = 125.0                 # used when nothing is followed; fractional
meter = "4/4"
seed  = 7                     # the same seed plays the same show

[clock]
follow = "circuit"
lost   = "hold 4 bars"        # then stop; or "hold", or "stop"

[ports.circuit]
device = "Circuit"            # found by name: exact client name first, then a unique part of it
[ports.mono]
device = "Circuit Mono Station"
clock  = true                 # send clock, start, stop, continue, song position here
offset = "-1.5 ms"            # leave early; constant over tempo changes
wire   = "din"                # or "usb", the default
[ports.keys]
device   = "Launchkey Mini"
optional = true               # play without it, and pick it up when it appears

[tracks.drums]
port = "circuit"
channel = 10
kit  = { k = 60, s = 62, h = 64, o = 65 }

[tracks.bass]
port = "mono"
channel = 1
transpose = "circuit"         # follows the last key played on that port

[patterns.main]
bars  = 1
drums = """
  k... k... k... k...
  .... s... .... s...
  h.h.o... h.h.o...
"""                           # several lines play together
bass  = { step = "1/1", gate = 100, steps = "c2" }

[patterns.build]
drums  = "k?70 .. k  h*3  e(5,8) ..."
bass   = { step = "1/8", swing = 58, steps = "c2 c2:70 . <g1 bb1> c2~ eb2 [c2 g2] ./1:4" }
cc     = { bass.74 = "20 ~ ~ ~ 110" }
program = { mono = 5, ahead = "1 beat" }
keep   = false                # true: tracks that it does not name go on with what they play

[song]
parts = ["main x4", "build x8", "main"]

[[bind]]
on = "keys note 36"
do = "launch build"
[[bind]]
on = "keys cc 20"
do = "mute drums"
"#,
    );
    assert_eq!((set.program.patterns[1].programs.len(), set.program.bindings.len(), set.parts.len()), (1, 2, 3));
    assert!(set.ports.iter().map(|port| port.input).eq([true, false, true]));
}

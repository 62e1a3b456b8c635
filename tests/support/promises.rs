//! What holds of every answer to a set file: of mistakes, that they can be shown; of a set, that its program keeps what
//! the types of [`tightrope::engine::program`] promise.

use tightrope::engine::Command;
use tightrope::engine::program::{
    Action, Arp, ArpKeys, Binding, ClockOut, Condition, Does, Fader, Knob, Lane, Lost, MAX_BINDINGS, MAX_CONDITIONS,
    MAX_EVENTS, MAX_FEEDS, MAX_LANES, MAX_LENGTH, MAX_OFFSET, MAX_PORTS, MAX_SOURCES, MAX_THRUS, MAX_TRACKS, Pattern,
    PortSlot, Program, Quantum, Song, Source, Steps, Target, Track, Trigger,
};
use tightrope::set::{Mistakes, Set};
use tightrope::time::{Span, Tempo, Tick, TickSpan};

/// The most characters that all mistakes of a file together may take to show.
const SHOWN: usize = 40_000;

/// Reads `bytes` and checks what can be checked of the answer, whichever it is.
pub fn read(bytes: &[u8]) -> Result<Set, Mistakes> {
    let answer = Set::parse("any.toml", bytes);
    match &answer {
        Ok(set) => check_set(set),
        Err(mistakes) => check_mistakes(mistakes, bytes),
    }
    answer
}

fn check_mistakes(mistakes: &Mistakes, bytes: &[u8]) {
    assert!(!mistakes.list().is_empty() && mistakes.list().len() <= Mistakes::LISTED);
    let mut before = Some(0);
    for mistake in mistakes.list() {
        assert!(!mistake.message.is_empty() && mistake.message.len() < 400, "{:?}", mistake.message);
        assert!(!mistake.message.contains(char::is_control), "{:?}", mistake.message);
        let start = mistake.span.as_ref().map(|span| span.start);
        assert!(before.is_some() || start.is_none(), "those without a place come last");
        assert!(start.is_none() || before <= start, "{before:?} {start:?}");
        before = start;
        if let Some(span) = &mistake.span {
            assert!(span.start <= span.end && span.start <= bytes.len(), "{span:?} of {}", bytes.len());
            let (line, column) = mistake.line_column().unwrap();
            assert_eq!(line, bytes[..span.start].iter().filter(|&&byte| byte == b'\n').count() + 1);
            assert!(column >= 1);
        }
    }
    for color in [false, true] {
        let shown = mistakes.render(color);
        assert!(shown.len() < SHOWN, "{} characters are shown", shown.len());
        let escape = |c: char| c.is_control() && c != '\n' && !(color && c == '\u{1b}');
        assert!(!shown.contains(escape), "{shown:?}");
    }
}

fn check_set(set: &Set) {
    let program = &set.program;
    assert!(program.ports.len() == set.ports.len());
    assert!(program.tracks.len() == set.tracks.len());
    assert!(program.patterns.len() == set.patterns.len());
    for (slot, declared) in (0..).map(PortSlot).zip(&set.ports) {
        assert!(!declared.name.is_empty() && !declared.device.is_empty());
        assert_eq!(declared.clock, program.clocked(|clock| clock != ClockOut::None).contains(slot));
        let plays = program.tracks.iter().any(|track| track.port == slot);
        let transposes = program.tracks.iter().filter_map(|track| track.transpose).any(|by| by.port == slot);
        let lit = program.bindings.iter().any(|binding| binding.port == slot && binding.light.is_some());
        assert_eq!(declared.output, declared.clock || plays || lit);
        let all = program.transpose.is_some_and(|by| by.port == slot);
        let bound = program.bindings.iter().any(|binding| binding.port == slot);
        let held = program.patterns.iter().flat_map(|pattern| &pattern.clips).flat_map(|clip| &clip.lanes).any(
            |lane| matches!(&lane.source, Source::Arp(Arp { keys: ArpKeys::Held { port, .. }, .. }) if *port == slot),
        );
        let played = program.thrus.iter().any(|thru| thru.port == slot);
        let follows = program.clock.follow.contains(&slot);
        assert_eq!(declared.input, follows || transposes || all || bound || held || played);
    }
    for binding in &program.bindings {
        let Some(light) = binding.light else { continue };
        let heard = |track: &Track| track.port == binding.port && track.channel == light.channel;
        assert!(!program.tracks.iter().any(heard), "a light that plays");
    }
    check_program(program);
}

/// The promises of a program, as its types document them.
pub fn check_program(program: &Program) {
    assert!(program.ports.len() <= MAX_PORTS && program.tracks.len() <= MAX_TRACKS);
    assert!(!program.patterns.is_empty() && program.patterns.len() <= 1 << 16);
    assert!((Tempo::SLOWEST..=Tempo::FASTEST).contains(&((program.tempo.bpm() * 1e6).round() / 1e6)));
    let port = |slot: PortSlot| assert!(usize::from(slot.0) < program.ports.len());
    program.clock.follow.iter().copied().for_each(port);
    assert!(program.clock.follow.len() <= MAX_SOURCES);
    if let Lost::HoldFor(held) = program.clock.lost {
        check_length(held);
    }
    for slot in program.clocked(|clock| clock != ClockOut::None).iter() {
        port(slot);
        assert!(!program.clock.follow.contains(&slot), "a clock must not go back to where it comes from");
    }
    for port in &program.ports {
        assert!(port.offset <= MAX_OFFSET && port.offset >= Span::ZERO - MAX_OFFSET);
    }
    check_quantum(program.launch);
    program.transpose.into_iter().for_each(|transpose| port(transpose.port));
    let mut ranges: Vec<_> = Vec::new();
    for track in &program.tracks {
        port(track.port);
        assert!((1..=16).contains(&track.channel.number()));
        track.transpose.into_iter().for_each(|transpose| port(transpose.port));
        ranges.push((track.lanes.first, track.lanes.first + track.lanes.count));
    }
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "the lanes of the tracks do not overlap");
    assert!(ranges.last().is_none_or(|last| usize::from(last.1) <= MAX_LANES));
    assert!(program.thrus.len() <= MAX_THRUS && program.thrus.is_sorted_by_key(|thru| thru.track));
    for thru in &program.thrus {
        port(thru.port);
        assert!(usize::from(thru.track.0) < program.tracks.len());
    }
    program.patterns.iter().for_each(|pattern| check_pattern(pattern, program));
    check_song(&program.song, program);
    assert!(program.bindings.len() <= MAX_BINDINGS);
    for binding in &program.bindings {
        let Binding { port: slot, trigger, values, does, light, .. } = binding;
        port(*slot);
        assert!(values.low <= values.high && values.high <= trigger.highest());
        if let Some(light) = light {
            assert!(matches!(trigger, Trigger::Note(_) | Trigger::Controller(_)));
            assert!([light.off, light.waits, light.on].iter().all(|&value| value < 128));
        }
        if let Does::Slide(fader) = does {
            check_fader(*fader, program);
        }
        assert!(!matches!(trigger, Trigger::Controller(number) | Trigger::Program(number) if *number > 127));
        for command in binding.commands() {
            check_command(command, program);
        }
    }
}

fn check_length(span: TickSpan) {
    assert!(span > TickSpan::ZERO && span <= MAX_LENGTH, "{span:?}");
}

fn check_quantum(quantum: Quantum) {
    if let Quantum::Grid(grid) = quantum {
        check_length(grid);
    }
}

fn check_command(command: Command, program: &Program) {
    match command {
        Command::Launch { pattern, at } => {
            assert!(usize::from(pattern.0) < program.patterns.len());
            at.into_iter().for_each(check_quantum);
        }
        Command::Jump(part) => assert!(usize::from(part.0) < program.song.parts.len()),
        Command::Control { track, target, value } => {
            assert!(usize::from(track.0) < program.tracks.len());
            check_value(target, value);
        }
        Command::Mute(track, _) | Command::Solo(track, _) | Command::Transpose { track: Some(track), .. } => {
            assert!(usize::from(track.0) < program.tracks.len());
        }
        _ => {}
    }
}

fn check_fader(fader: Fader, program: &Program) {
    let (least, most) = match fader.knob {
        Knob::Tempo => (2_000, 40_000),
        Knob::Transpose(track, _) => {
            assert!(track.is_none_or(|track| usize::from(track.0) < program.tracks.len()));
            (-127, 127)
        }
        Knob::Control(track, target) => {
            assert!(usize::from(track.0) < program.tracks.len());
            check_value(target, 0);
            (0, i32::from(target.highest()))
        }
    };
    assert!([fader.low, fader.high].iter().all(|value| (least..=most).contains(value)), "{fader:?}");
}

fn check_song(song: &Song, program: &Program) {
    let mut start = Tick::ZERO;
    for part in &song.parts {
        assert!(usize::from(part.pattern.0) < program.patterns.len());
        assert!(part.start == start && part.length > TickSpan::ZERO, "{part:?}");
        start += part.length;
    }
}

fn check_pattern(pattern: &Pattern, program: &Program) {
    check_length(pattern.length);
    assert_eq!(pattern.length.0 % program.meter.bar().0, 0);
    pattern.launch.into_iter().for_each(check_quantum);
    assert!(pattern.ahead >= TickSpan::ZERO && pattern.ahead <= MAX_LENGTH);
    for change in &pattern.programs {
        assert!(usize::from(change.port.0) < program.ports.len());
        assert!(change.program < 128 && change.bank.is_none_or(|bank| bank < 16_384));
    }
    assert!(pattern.clips.iter().map(|clip| clip.lanes.len()).sum::<usize>() <= MAX_LANES);
    assert!(pattern.clips.windows(2).all(|pair| pair[0].track < pair[1].track));
    for clip in &pattern.clips {
        let track = &program.tracks[usize::from(clip.track.0)];
        assert!(clip.lanes.len() <= usize::from(track.lanes.count));
        clip.lanes.iter().for_each(|lane| check_lane(lane, program));
    }
}

fn check_lane(lane: &Lane, program: &Program) {
    match &lane.source {
        Source::Steps(steps) => check_steps(steps),
        Source::Arp(Arp { keys, lengths, gate, velocity, rest, .. }) => {
            match keys {
                ArpKeys::Written(keys, _) => assert!(!keys.is_empty()),
                ArpKeys::Held { port, .. } => assert!(usize::from(port.0) < program.ports.len()),
            }
            assert!(!lengths.is_empty());
            lengths.iter().copied().chain(*rest).for_each(check_length);
            assert!((1..=100).contains(gate) && (1..128).contains(&velocity.value()));
        }
        Source::Feed(feed) => assert!(usize::from(feed.0) < MAX_FEEDS),
    }
}

fn check_steps(steps: &Steps) {
    let Steps { length: whole, events, early, guards, .. } = steps;
    check_length(*whole);
    assert!(events.len() <= MAX_EVENTS);
    assert!(events.is_sorted_by_key(|event| event.at));
    for event in events {
        assert!(event.at >= TickSpan::ZERO && event.at < *whole);
        assert!((-1..=1).contains(&event.turn));
        match event.action {
            Action::Note { velocity, .. } => {
                check_length(event.gate);
                assert!((1..128).contains(&velocity.value()));
            }
            Action::Prepare(target, value) | Action::Control(target, value) => check_value(target, value),
            Action::Wander(target, low, high) => {
                assert!(low <= high);
                check_value(target, high);
            }
        }
        let mut chain = event.guard;
        for _ in 0..MAX_CONDITIONS {
            chain = chain.and_then(|guard| guards[guard.index()].next);
        }
        assert_eq!(chain, None, "a chain of conditions that is too long");
    }
    for (index, guard) in guards.iter().enumerate() {
        assert!(guard.next.is_none_or(|next| next.index() > index && next.index() < guards.len()));
        match guard.condition {
            Condition::Turn { turn, of } | Condition::NotTurn { turn, of } => assert!(turn < of),
            Condition::TurnAmong { turn, of, left_out, each } => assert!(turn < of && left_out < each && each > 1),
            Condition::Side { side, of, .. } => assert!(side < of),
            Condition::Chance { percent, .. } => assert!(percent <= 100),
            Condition::Once | Condition::Fill(_) => {}
        }
    }
    let turned = |index: &u32| events[*index as usize].turn == 1;
    assert!(early.iter().all(turned) && early.is_sorted());
}

fn check_value(target: Target, value: u16) {
    assert!(value <= target.highest());
    match target {
        Target::Controller(number) => assert!(number < 128),
        Target::Fine(number) => assert!(number < 32),
        Target::Rpn(number) | Target::Nrpn(number) => assert!(number < 16_384),
        Target::Bend | Target::Pressure | Target::Program => {}
    }
}

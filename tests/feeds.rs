//! Lanes that are fed: a source that runs ahead of the music is heard as if what it says were written.

use std::cell::Cell;

use crate::support::*;
use proptest::prelude::*;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::lanes::feed::{FEED_CAPACITY, Fed, FeedCounts, FeedEvent, LATEST};
use tightrope::engine::lanes::takes_over;
use tightrope::engine::outbox::{Departure, Outbox};
use tightrope::engine::program::{
    Action, FeedSlot, Interval, MAX_FEEDS, PatternSlot, PortSlot, Program, Source, Steps, Target, TrackSlot,
};
use tightrope::engine::{Call, Command, Engine, Switch};
use tightrope::link::{Called, FEED_CAPACITY as RING, link};
use tightrope::midi::{Key, Message, Velocity};
use tightrope::rt::driver::Driver;
use tightrope::rt::output::{Output, SendFailed};
use tightrope::time::{Nanos, Span, Tick, TickSpan};

/// Loops of several lengths with chords, values and swing, on two ports, in patterns of which one leaves tracks alone.
const WRITTEN: &str = r#"
    tempo = 125
    scale = "c minor"
    [ports.a]
    device = "a"
    [ports.b]
    device = "b"
    offset = "-7 ms"
    [tracks.t]
    port = "a"
    channel = 1
    [tracks.u]
    port = "b"
    channel = 2
    [patterns.one]
    t = { step = "1/16", steps = "c2{74=30} . [d2 g2] e2{bend=900} . c3 d2{74=90}" }
    u = { step = "1/8", swing = 62, gate = 300, steps = "c2 d2 . e2 f2" }
    [patterns.two]
    launch = "bar"
    keep = true
    u = { step = "1/32", steps = "c4 . d4 e4 . . g4" }
    [patterns.three]
    t = "c3 . . e3 . . . ."
    u = { step = "1/4", gate = 180, steps = "c2 e2" }
"#;

/// How far the source is ahead.
const HORIZON: Span = Span::from_millis(120);

/// A lane that has been written, and is fed now.
struct Part {
    pattern: PatternSlot,
    track: TrackSlot,
    feed: FeedSlot,
    steps: Steps,
    epochs: u32,
    run: Option<Run>,
}

/// What a part says from one place on.
#[derive(Clone, Copy)]
struct Run {
    /// Where its clip began.
    origin: Tick,
    /// From where to where it has said all.
    from: Tick,
    until: Tick,
}

impl Part {
    /// What the loop has from `from` to `to`, when it began at `origin`.
    fn events(&self, origin: Tick, from: Tick, to: Tick) -> Vec<(Tick, Fed)> {
        let length = self.steps.length.0;
        let passes = (from - origin).0.div_euclid(length)..=(to - origin).0.div_euclid(length);
        let all = passes.flat_map(|pass| self.steps.events.iter().map(move |event| (pass, event)));
        let placed = all.map(|(pass, event)| {
            let fed = match event.action {
                Action::Note { key, velocity, .. } => Fed::Note { key, velocity, gate: event.gate },
                Action::Prepare(target, value) => Fed::Value { target, value, needed: true },
                Action::Control(target, value) => Fed::Value { target, value, needed: false },
                Action::Wander(..) => panic!("chance"),
            };
            (origin + TickSpan(pass * length) + event.at, fed)
        });
        placed.filter(|&(at, _)| from <= at && at < to).collect()
    }

    /// Says all up to `to` of the clip that begins at `origin`; the music is at `here`.
    fn say(&mut self, origin: Tick, to: Tick, here: Tick, runs: bool, say: &mut impl FnMut(FeedEvent)) {
        let run = self.run.filter(|run| run.origin == origin).unwrap_or_else(|| {
            let from = match self.run {
                // That will not come.
                Some(run) if run.from > here => run.from.min(origin.max(here + TickSpan(1))),
                Some(_) | None if runs => origin.max(here + TickSpan(1)),
                Some(_) | None => origin,
            };
            self.epochs += 1;
            say(FeedEvent { feed: self.feed, epoch: self.epochs, at: from, fed: Fed::Begin });
            Run { origin, from, until: from }
        });
        for (at, fed) in self.events(origin, run.until, to.max(run.until)) {
            say(FeedEvent { feed: self.feed, epoch: self.epochs, at, fed });
        }
        self.run = Some(Run { until: run.until.max(to), ..run });
    }
}

/// What lets every loop of a program come from elsewhere: it sees what everybody sees, and nothing else.
struct Ahead {
    parts: Vec<Part>,
    /// By track: the pattern that its clip is in, and where that began.
    clips: Vec<(PatternSlot, Tick)>,
    latest: (PatternSlot, Tick),
}

/// The program with every loop taken out of it, and the source that says what was in them.
fn fed(mut program: Program) -> (Program, Ahead) {
    let mut parts = Vec::new();
    for (pattern, of_pattern) in (0..).map(PatternSlot).zip(&mut program.patterns) {
        for clip in &mut of_pattern.clips {
            for lane in &mut clip.lanes {
                let feed = FeedSlot(parts.len() as u8);
                let Source::Steps(steps) = std::mem::replace(&mut lane.source, Source::Feed(feed)) else { panic!() };
                assert!(steps.guards.is_empty() && steps.early.is_empty() && !steps.chases);
                parts.push(Part { pattern, track: clip.track, feed, steps, epochs: 0, run: None });
            }
        }
    }
    assert!(parts.len() <= MAX_FEEDS);
    let latest = (program.first, Tick::ZERO);
    let clips = vec![latest; program.tracks.len()];
    (program, Ahead { parts, clips, latest })
}

impl Ahead {
    /// Says what is to be said by now.
    fn run(&mut self, program: &Program, engine: &Engine, mut say: impl FnMut(FeedEvent)) {
        let status = engine.status();
        if std::mem::replace(&mut self.latest, (status.pattern, status.origin)) != self.latest {
            for (track, clip) in (0..).map(TrackSlot).zip(&mut self.clips) {
                if takes_over(program, status.pattern, track) {
                    *clip = self.latest;
                }
            }
        }
        let tempo = engine.tempo().expect("its own clock");
        let here = engine.position();
        let goal = here + TickSpan(HORIZON.0 * TickSpan::QUARTER.0 / tempo.span_of(TickSpan::QUARTER).0);
        let runs = engine.phase() == Phase::Running;
        for part in &mut self.parts {
            let (pattern, origin) = self.clips[usize::from(part.track.0)];
            let plays = (pattern == part.pattern).then_some(origin);
            let comes = status.queued.filter(|&(pattern, line)| pattern == part.pattern && line <= goal);
            let comes = comes.map(|(_, line)| line);
            let has_gone_over = comes.is_some() && part.run.is_some_and(|run| Some(run.origin) == comes);
            if let Some(origin) = plays.filter(|_| !has_gone_over) {
                part.say(origin, comes.unwrap_or(goal), here, runs, &mut say);
            }
            if let Some(line) = comes {
                part.say(line, goal, here, runs, &mut say);
            }
        }
    }
}

fn note(feed: u8, epoch: u32, at: i64, key: u8) -> FeedEvent {
    let fed = Fed::Note { key: Key::new(key).unwrap(), velocity: Velocity::new(100).unwrap(), gate: TickSpan(100) };
    FeedEvent { feed: FeedSlot(feed), epoch, at: Tick(at), fed }
}

fn begin(feed: u8, epoch: u32, at: i64) -> FeedEvent {
    FeedEvent { feed: FeedSlot(feed), epoch, at: Tick(at), fed: Fed::Begin }
}

/// Two tracks, each with a fed lane in each of two patterns: feeds 0 and 1 in the first, 2 in the second, which has but one.
fn two() -> Program {
    fed(compile(
        "tempo = 125\n[ports.a]\ndevice = \"a\"\n[ports.b]\ndevice = \"b\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n\
         [tracks.u]\nport = \"b\"\nchannel = 2\n[patterns.one]\nt = \"c2\"\nu = \"c2\"\n[patterns.two]\nt = \"c2\"\n",
    ))
    .0
}

/// A show of `two` that runs.
fn running() -> Show {
    let mut show = Show::new(two());
    for feed in 0..3 {
        show.feed(begin(feed, 1, 0));
    }
    show.command(Command::Start);
    show.wait(Span::from_millis(20));
    show
}

/// The keys that sounded on port `a`, with their ticks.
fn keys(show: &Show) -> Vec<(i64, u8)> {
    let struck = |departure: &Departure| match departure.message {
        Message::NoteOn(_, key, _) if departure.port == PortSlot(0) => Some((departure.tick.0, key.number())),
        _ => None,
    };
    show.trace.iter().filter_map(struck).collect()
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (0u16..2, any::<bool>())
            .prop_map(|(track, on)| { Command::Mute(TrackSlot(track), if on { Switch::On } else { Switch::Off }) }),
        (0u16..2).prop_map(|track| Command::Solo(TrackSlot(track), Switch::Toggle)),
        (-12i8..12).prop_map(|by| Command::Transpose { track: Some(TrackSlot(0)), by, unit: Interval::Semitones }),
        (-5i8..5).prop_map(|by| Command::Transpose { track: Some(TrackSlot(1)), by, unit: Interval::Degrees }),
        Just(Command::Fill(Switch::Toggle)),
        Just(Command::Panic),
    ]
}

/// Plays `program` as it is written, and fed by `source`, for six seconds with the same commands, each at its time in ms.
fn both(commands: &[(i64, Command)]) -> (Show, Show) {
    let (program, mut source) = fed(compile(WRITTEN));
    let (mut written, mut show) = (Show::new(compile(WRITTEN)), Show::new(program.clone()));
    for millis in (0..8_000).step_by(5) {
        let mut said = Vec::new();
        source.run(&program, &show.engine, |event| said.push(event));
        said.into_iter().for_each(|event| show.feed(event));
        if millis == 50 {
            [&mut written, &mut show].into_iter().for_each(|show| show.command(Command::Start));
        }
        for &(_, command) in commands.iter().filter(|&&(at, _)| (millis..millis + 5).contains(&at)) {
            [&mut written, &mut show].into_iter().for_each(|show| show.command(command));
        }
        [&mut written, &mut show].into_iter().for_each(|show| show.wait(Span::from_millis(5)));
    }
    (written, show)
}

#[track_caller]
fn assert_same(written: &Show, show: &Show) {
    let (written, fed) = (text(&written.trace), text(&show.trace));
    let different = written.lines().zip(fed.lines()).position(|(a, b)| a != b);
    let around = |text: &str| {
        let from = different.unwrap_or(0).saturating_sub(4);
        text.lines().skip(from).take(10).collect::<Vec<_>>().join("\n")
    };
    assert!(written == fed, "written:\n{}\nfed:\n{}", around(&written), around(&fed));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Patterns that are launched and taken back, and whatever hands do to the tracks.
    #[test]
    fn what_is_fed_is_heard_as_if_it_were_written(commands in prop::collection::vec((60i64..8_000, any_command()), 0..12)) {
        let mut commands = commands;
        commands.sort_by_key(|&(at, _)| at);
        let (written, show) = both(&commands);
        assert_same(&written, &show);
        prop_assert!((0..MAX_FEEDS as u8).all(|feed| show.engine.feed_counts(FeedSlot(feed)) == FeedCounts::default()));
    }
}

#[test]
fn much_is_heard() {
    let (written, show) =
        both(&[(1_000, launch(1)), (3_000, launch(2)), (4_900, Command::CancelLaunch), (5_000, launch(2))]);
    assert_same(&written, &show);
    let ons = show.trace.iter().filter(|departure| matches!(departure.message, Message::NoteOn(..))).count();
    assert!(ons > 60, "{ons}");
    assert_eq!(check_trace(&show.trace), show.engine.sounding());
}

#[test]
fn a_lane_that_has_run_dry_goes_on_when_something_comes() {
    let mut show = running();
    show.wait(Span::from_millis(480));
    let here = show.engine.position().0;
    show.feed(note(0, 1, here + 40, 60));
    show.wait(Span::from_millis(480));
    let then = show.engine.position().0;
    show.feed(note(0, 1, then + 40, 62));
    show.feed(note(0, 1, then + 80, 64));
    show.wait(Span::from_millis(100));
    assert_eq!(keys(&show), [(here + 40, 60), (then + 40, 62), (then + 80, 64)]);
    assert_eq!(show.engine.feed_counts(FeedSlot(0)), FeedCounts::default());
}

#[test]
fn what_is_a_little_late_is_played_at_once_and_counted_and_what_is_later_is_left_out_and_counted() {
    let mut show = running();
    show.wait(Span::from_millis(500));
    let at = show.now;
    let tick_of = |show: &Show, late: Span| {
        let back = show.engine.position() - TickSpan(late.0 * 2_000 / 1_000_000_000 + 1);
        assert!(show.engine.time_of(back).is_some_and(|time| show.now.since(time) >= late));
        back.0
    };
    let (little, much) = (tick_of(&show, Span(LATEST.0 - 2_000_000)), tick_of(&show, LATEST));
    show.feed(note(0, 1, much, 60));
    assert_eq!(show.engine.feed_counts(FeedSlot(0)), FeedCounts { late: 0, dropped: 1 });
    show.feed(note(0, 1, little, 62));
    assert_eq!(show.engine.feed_counts(FeedSlot(0)), FeedCounts { late: 1, dropped: 1 });
    assert_eq!(show.note_ons(PortSlot(0)), [(at, 62)], "at once, and not before it came");
    show.wait(Span::from_millis(500));
    assert_eq!(show.engine.sounding(), 0);
}

#[test]
fn a_new_epoch_takes_back_what_lies_at_or_after_its_beginning_and_nothing_of_an_old_one_counts_any_more() {
    let mut show = running();
    let here = show.engine.position().0;
    for key in 0..6 {
        show.feed(note(0, 1, here + 100 + 100 * i64::from(key), 60 + key));
    }
    // The third and those after it are taken back; another comes before the one that had been next to come.
    show.feed(begin(0, 2, here + 250));
    show.feed(note(0, 1, here + 260, 99));
    show.feed(note(0, 2, here + 270, 80));
    show.feed(note(0, 2, here + 900, 81));
    show.wait(Span::from_millis(600));
    assert_eq!(keys(&show), [(here + 100, 60), (here + 200, 61), (here + 270, 80), (here + 900, 81)]);
    // All of it, while it waits.
    let then = show.engine.position().0;
    show.feed(note(0, 2, then + 100, 82));
    show.feed(begin(0, 3, 0));
    show.wait(Span::from_millis(200));
    show.feed(note(0, 3, then + 1_000, 83));
    show.wait(Span::from_millis(600));
    assert_eq!(keys(&show)[4..], [(then + 1_000, 83)]);
    assert_eq!(show.engine.feed_counts(FeedSlot(0)), FeedCounts::default(), "what is void is not counted");
}

#[test]
fn without_an_epoch_nothing_is_taken() {
    let mut show = Show::new(two());
    show.command(Command::Start);
    show.feed(note(0, 0, 400, 60));
    show.feed(note(MAX_FEEDS as u8, 0, 400, 60));
    show.wait(Span::from_millis(1_000));
    assert_eq!(keys(&show), []);
}

#[test]
fn what_comes_before_a_launch_waits_for_it_and_one_that_is_taken_back_leaves_nothing_behind() {
    let mut show = running();
    let at_bar = |bar: i64| 3_840 * bar;
    show.command(Command::Launch { pattern: PatternSlot(1), at: None });
    show.feed(note(2, 1, at_bar(1), 60));
    show.command(Command::CancelLaunch);
    show.wait(Span::from_millis(2_500));
    assert_eq!(keys(&show), [], "it has not been launched");
    show.command(Command::Launch { pattern: PatternSlot(1), at: None });
    show.feed(begin(2, 2, at_bar(2)));
    show.feed(note(2, 2, at_bar(2), 62));
    show.feed(note(2, 2, at_bar(2) + 480, 64));
    // What is over then does not play beyond the line.
    show.feed(note(0, 1, at_bar(2) - 10, 50));
    show.feed(note(0, 1, at_bar(2), 52));
    show.wait(Span::from_millis(2_500));
    assert_eq!(keys(&show), [(at_bar(2) - 10, 50), (at_bar(2), 62), (at_bar(2) + 480, 64)]);
    let off = |departure: &&Departure| matches!(departure.message, Message::NoteOff(..));
    let offs: Vec<i64> = show.trace.iter().filter(off).map(|departure| departure.tick.0).collect();
    assert_eq!(offs[0], at_bar(2), "its note ends at the line");
}

#[test]
fn what_was_said_before_the_start_is_there_on_the_first_beat_and_after_a_jump_as_well() {
    let mut show = Show::new(two());
    show.feed(begin(0, 1, 0));
    show.feed(note(0, 1, 0, 60));
    show.feed(note(0, 1, 960, 62));
    show.command(Command::Start);
    show.wait(Span::from_millis(600));
    show.command(Command::Stop);
    show.feed(begin(0, 2, 0));
    show.feed(note(0, 2, 0, 64));
    show.command(Command::Start);
    show.wait(Span::from_millis(1_000));
    assert_eq!(keys(&show), [(0, 60), (960, 62), (0, 64)]);
    assert_eq!(show.engine.sounding(), 0);
}

#[test]
fn a_value_comes_before_the_note_that_needs_it_and_goes_home_with_the_music() {
    let mut show = running();
    let at = show.engine.position() + TickSpan(100);
    let bend = Fed::Value { target: Target::Bend, value: 9_000, needed: true };
    show.feed(FeedEvent { feed: FeedSlot(0), epoch: 1, at, fed: bend });
    show.feed(note(0, 1, at.0, 60));
    show.wait(Span::from_millis(100));
    assert_eq!(away(&show.trace).len(), 1);
    show.command(Command::Stop);
    assert_eq!(away(&show.trace).len(), 0);
    let messages = show.trace.iter().filter(|departure| departure.port == PortSlot(0));
    let messages: Vec<String> = messages.map(|departure| departure.message.to_bytes().to_string()).collect();
    assert_eq!(messages, ["E0 28 46", "90 3C 64", "80 3C 00", "E0 00 40"]);
}

#[test]
fn what_finds_no_room_or_is_out_of_order_is_counted() {
    let mut show = running();
    let here = show.engine.position().0;
    for index in 0..FEED_CAPACITY as i64 {
        assert!(show.engine.takes_feed(FeedSlot(0)));
        show.feed(note(0, 1, here + 2_000 + index, 60));
    }
    assert!(!show.engine.takes_feed(FeedSlot(0)) && show.engine.takes_feed(FeedSlot(1)));
    show.feed(note(0, 1, here + 9_000, 60));
    show.feed(note(1, 1, here + 500, 60));
    show.feed(note(1, 1, here + 400, 60));
    let dropped = |feed| show.engine.feed_counts(FeedSlot(feed)).dropped;
    assert_eq!((dropped(0), dropped(1)), (1, 1));
}

/// Takes down what leaves, with its due time.
#[derive(Default)]
struct Score(Vec<(Nanos, Tick, PortSlot, Message)>);

impl Output for Score {
    fn send(&mut self, departure: &Departure) -> Result<(), SendFailed> {
        self.0.push((departure.due, departure.tick, departure.port, departure.message));
        Ok(())
    }
}

/// Drives a program by blocks of virtual time, while a source says by a ring what it has to say, if there is one. What has
/// left, and what the engine was told.
fn driven(program: &Program, mut source: Option<Ahead>, block: Span) -> (Score, Vec<Called>) {
    let time = Cell::new(1_000_000_000);
    let (mut control, mut rt, _inputs) = link(program.clone(), &[]);
    let mut feed = control.take_feed().expect("the first one gets it");
    assert!(control.take_feed().is_none() && feed.room() == RING);
    let (mut engine, mut outbox) = (Engine::new(program), Outbox::default());
    let (mut score, mut calls) = (Score::default(), Vec::new());
    // From one time to the next, the first of them long before the start.
    let commands = [(100, Command::Start), (2_000, launch(1)), (4_000, launch(2)), (7_500, Command::End)];
    let mut commands = commands.into_iter().peekable();
    for now in (1_000_000_000..9_000_000_000u64).step_by(5_000_000) {
        if let Some(source) = &mut source {
            source.run(program, &engine, |event| feed.push(event).expect("there is room"));
        }
        time.set(now);
        if let Some((_, command)) = commands.next_if(|&(at, _)| now >= 1_000_000_000 + at * 1_000_000) {
            control.command(command).unwrap();
        }
        // Whatever the block is, what is asked is asked at the same time.
        if (now - 1_000_000_000) % block.0 as u64 == 0 || control.meters().snapshot().phase == Phase::Stopped {
            let mut driver = Driver::new(&mut rt, &mut engine, &mut outbox, Virtual(&time));
            driver.run_until(Nanos(now), &mut score);
        }
        calls.extend(std::iter::from_fn(|| control.called()));
        while control.sent().is_some() {}
    }
    assert_eq!(control.meters().snapshot().lost_trace, 0);
    (score, calls)
}

#[test]
fn what_comes_by_the_ring_is_heard_in_time_and_the_calls_alone_make_the_same_show_again() {
    let written = compile(WRITTEN);
    let (program, source) = fed(compile(WRITTEN));
    let block = Span::from_millis(5);
    let (score, _) = driven(&written, None, block);
    let (heard, calls) = driven(&program, Some(source), block);
    assert!(score.0.len() > 100);
    assert_eq!(heard.0, score.0);
    // Nobody is asked any more.
    let (mut engine, mut outbox, mut again) = (Engine::new(&program), Outbox::default(), Score::default());
    let mut fed = 0;
    for called in calls {
        while engine.mark().made < called.mark.made || engine.mark().now < called.mark.now {
            let _ = engine.advance(&program, called.mark.now, &mut outbox);
            while let Some(departure) = outbox.pop() {
                again.send(&departure).unwrap();
            }
        }
        fed += usize::from(matches!(called.call, Call::Feed(_)));
        engine.call(&program, called.at, called.call);
        let _ = engine.advance(&program, called.at, &mut outbox);
        while let Some(departure) = outbox.pop() {
            again.send(&departure).unwrap();
        }
    }
    assert!(fed > 100, "{fed}");
    assert_eq!(again.0, heard.0);
}

#[test]
fn a_source_that_is_too_far_ahead_waits_and_nothing_is_lost() {
    let program = two();
    let time = Cell::new(1_000_000_000);
    let (mut control, mut rt, _inputs) = link(program.clone(), &[]);
    let mut feed = control.take_feed().unwrap();
    let (mut engine, mut outbox, mut score) = (Engine::new(&program), Outbox::default(), Score::default());
    control.command(Command::Start).unwrap();
    feed.push(begin(0, 1, 0)).unwrap();
    let mut next = 0;
    let mut waited = false;
    for _ in 0..4_000 {
        while let Ok(()) = feed.push(note(0, 1, 200 + 10 * next, (next % 100) as u8)) {
            next += 1;
        }
        let mut driver = Driver::new(&mut rt, &mut engine, &mut outbox, Virtual(&time));
        driver.run_until(Nanos(time.get()), &mut score);
        // What waits does not keep the thread awake.
        waited |= !rt.has_input() && feed.room() == 0;
        time.set(time.get() + 5_000_000);
        while control.called().is_some() || control.sent().is_some() {}
    }
    let ons = score.0.iter().filter_map(|&(_, tick, _, message)| match message {
        Message::NoteOn(_, key, _) => Some((tick.0, key.number())),
        _ => None,
    });
    let ons: Vec<(i64, u8)> = ons.collect();
    assert!(waited && ons.len() > 2_000, "{}", ons.len());
    assert!(ons.iter().enumerate().all(|(n, &on)| on == (200 + 10 * n as i64, (n % 100) as u8)));
    let meters = control.meters().feed(FeedSlot(0)).unwrap();
    assert_eq!(meters.counts(), FeedCounts::default());
    assert!(meters.until() > Some(Tick(200)));
}

//! What one pass of the engine costs: idle, for each event, and with many tracks on one tick.
//!
//! `cargo bench --bench engine`. Means over many passes, and the worst of them; the worst on a machine that does other
//! things too says more about the machine. The budget that each mean is held against is printed beside it: a bench that
//! misses it ends with exit code 1, unless it runs as a test (`cargo test --bench engine`), where builds are slow and only
//! the path is tried.

use std::fmt::Write;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use tightrope::engine::outbox::Outbox;
use tightrope::engine::{Command, Engine, Progress};
use tightrope::link::latest;
use tightrope::set::Set;
use tightrope::time::{Nanos, Span};

/// A set of `tracks` tracks with a note on every sixteenth each, all on the same ticks.
fn set_of(tracks: usize) -> Set {
    let mut text = String::from("tempo = 125\n");
    for port in 0..4 {
        let _ = write!(text, "[ports.p{port}]\ndevice = \"d{port}\"\n");
    }
    for track in 0..tracks {
        let _ = write!(text, "[tracks.t{track}]\nport = \"p{}\"\nchannel = {}\n", track % 4, track / 4 % 16 + 1);
    }
    text.push_str("[patterns.main]\n");
    for track in 0..tracks {
        let note = ["c3", "d3", "e3", "f3"][track / 64 % 4];
        let _ = writeln!(text, "t{track} = \"{note}\"");
    }
    Set::parse("bench.toml", text.as_bytes()).expect("the bench writes sets without mistakes")
}

/// A mean and the worst, in nanoseconds.
#[derive(Default)]
struct Cost {
    total: u64,
    count: u64,
    worst: u64,
}

impl Cost {
    fn add(&mut self, nanos: u64, events: u64) {
        self.total += nanos;
        self.count += events;
        self.worst = self.worst.max(nanos);
    }

    fn mean(&self) -> f64 {
        self.total as f64 / self.count.max(1) as f64
    }
}

/// Drains what is due at `now`; how many messages that was.
fn drain(engine: &mut Engine, set: &Set, now: Nanos, out: &mut Outbox) -> u64 {
    let mut sent = 0;
    loop {
        let progress = engine.advance(&set.program, now, out);
        while let Some(departure) = out.pop() {
            black_box(departure);
            sent += 1;
        }
        if progress == Progress::CaughtUp {
            return sent;
        }
    }
}

/// Plays `beats` sixteenths; the cost of a pass that finds nothing, of an event, and of a whole tick.
fn measure(tracks: usize, beats: usize) -> (Cost, Cost, Cost) {
    let set = set_of(tracks);
    let mut engine = Engine::new(&set.program);
    let mut out = Outbox::default();
    let (mut idle, mut event, mut tick) = (Cost::default(), Cost::default(), Cost::default());
    let start = Nanos(1_000_000_000);
    drain(&mut engine, &set, start, &mut out);
    engine.command(&set.program, start, Command::Start);
    for _ in 0..beats {
        let Some(now) = engine.next_deadline(&set.program) else { break };
        let begun = Instant::now();
        let sent = drain(&mut engine, &set, now, &mut out);
        let took = begun.elapsed().as_nanos() as u64;
        event.add(took, sent);
        tick.add(took, 1);
        // A hundred passes in one reading: the clock costs as much as a pass.
        let begun = Instant::now();
        for early in 0..100 {
            drain(&mut engine, &set, now + Span(early), &mut out);
        }
        idle.add(begun.elapsed().as_nanos() as u64, 100);
    }
    (idle, event, tick)
}

/// Takes up another program `times` times, while `tracks` tracks in 64 patterns play; the cost of the hand-over, and of
/// everybody finding their place afterwards.
fn measure_pick_up(tracks: usize, times: usize) -> (Cost, Cost) {
    let set = set_of(tracks);
    let mut large = set.program.clone();
    large.patterns = (0..64).map(|_| large.patterns[0].clone()).collect();
    let (mut writer, mut reader) = latest(large.clone());
    let mut engine = Engine::new(reader.get());
    let mut out = Outbox::default();
    let (mut pick_up, mut seat) = (Cost::default(), Cost::default());
    let mut now = Nanos(1_000_000_000);
    engine.command(reader.get(), now, Command::Start);
    for _ in 0..times {
        writer.write(large.clone());
        now = now + Span::from_millis(7);
        while engine.advance(reader.get(), now, &mut out) == Progress::OutboxFull {
            while out.pop().is_some() {}
        }
        while out.pop().is_some() {}
        let begun = Instant::now();
        let updated = reader.update();
        engine.adopt(reader.get(), now);
        pick_up.add(begun.elapsed().as_nanos() as u64, 1);
        assert!(updated, "the program is new");
        let begun = Instant::now();
        let _ = black_box(engine.advance(reader.get(), now, &mut out));
        seat.add(begun.elapsed().as_nanos() as u64, tracks as u64);
    }
    (pick_up, seat)
}

/// A set file of 64 patterns of 16 tracks, with a bit of everything on each line.
fn large_set() -> String {
    let mut text = String::from("scale = \"c minor\"\n[ports.p]\ndevice = \"d\"\n");
    for track in 0..16 {
        let _ = write!(text, "[tracks.t{track}]\nport = \"p\"\nchannel = {}\n", track + 1);
    }
    for pattern in 0..64 {
        let _ = writeln!(text, "[patterns.p{pattern}]");
        for track in 0..16 {
            let steps =
                "c2 . c2:70 . <g1 bb1> c2~ eb2 [c2 g2] | c2*3 _ d2?30 g1 e(3,8) 2(1 . 5') | [c2m7]=80 . c2<20 c2/1:4";
            let _ = writeln!(text, "t{track} = {{ swing = 58, steps = \"{steps}\" }}");
        }
    }
    text
}

/// Reads and compiles [`large_set`] `times` times.
fn measure_reading(times: usize) -> Cost {
    let text = large_set();
    let mut cost = Cost::default();
    for _ in 0..times {
        let begun = Instant::now();
        black_box(Set::parse("large.toml", text.as_bytes()).expect("the bench writes sets without mistakes"));
        cost.add(begun.elapsed().as_nanos() as u64, 1);
    }
    cost
}

fn main() -> ExitCode {
    let bench = std::env::args().any(|argument| argument == "--bench");
    let beats = if bench { 20_000 } else { 50 };
    let mut missed = 0;
    let mut row = |what: &str, mean: f64, worst: u64, budget: Option<f64>| {
        let verdict = budget.map_or(String::new(), |budget| {
            let ok = mean <= budget;
            missed += u32::from(!ok);
            format!("  at most {budget:.0}: {}", if ok { "ok" } else { "MISSED" })
        });
        println!("{what:<36} {mean:>10.1} ns   worst {worst:>9} ns{verdict}");
    };
    let mut flat = Vec::new();
    for tracks in [1, 4, 16, 64, 256] {
        let (idle, event, tick) = measure(tracks, beats);
        row(&format!("{tracks:>3} tracks: idle pass"), idle.mean(), idle.worst / 100, Some(100.0));
        row(&format!("{tracks:>3} tracks: an event"), event.mean(), event.worst, (tracks > 1).then_some(150.0));
        if tracks == 64 {
            row(" 64 tracks: all on one tick", tick.mean(), tick.worst, Some(20_000.0));
        }
        flat.push(event.mean());
    }
    for tracks in [16, 256] {
        let (pick_up, seat) = measure_pick_up(tracks, if bench { 2_000 } else { 5 });
        row(&format!("{tracks:>3} tracks: a new program picked up"), pick_up.mean(), pick_up.worst, Some(1_000.0));
        row(&format!("{tracks:>3} tracks: a track finds its place"), seat.mean(), seat.worst, None);
    }
    let reading = measure_reading(if bench { 50 } else { 1 });
    row("a set of 64 patterns, 16 tracks read", reading.mean(), reading.worst, Some(20e6));
    println!("an event with 256 tracks costs {:.2} times one with 4", flat[4] / flat[1]);
    if bench && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

//! How late this machine lets us be: the real loop beside a bare one, in one run.
//!
//! `cargo bench --bench jitter [-- --seconds N --priority N …]`. The real loop plays the built-in set on its own clock
//! into a sink that does nothing; the bare loop sleeps, spins and reads the clock, and does nothing else. Both wait in
//! the same way, under the same scheduling class, for a second each, in turn, so that whatever else the machine is doing
//! falls on both. Lateness is counted from the time that was scheduled, never from the time of the last wake-up.
//!
//! Run as a test (`cargo test --bench jitter`) it plays a fraction of a second and prints the same table.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use tightrope::engine::{Command, Engine};
use tightrope::link::{Histogram, Percentiles, Sent, link};
use tightrope::midi::Message;
use tightrope::rt::clock::{Monotonic, TimeSource};
use tightrope::rt::output::NullOutput;
use tightrope::rt::pacer::{Pacer, Strategy};
use tightrope::rt::sched;
use tightrope::rt::{self, Settings};
use tightrope::set::{Set, builtin};
use tightrope::time::{Nanos, Span, TickSpan};

/// Measures the timing of the real loop and of a bare loop on this machine.
#[derive(Parser)]
struct Args {
    /// How long each of the two loops runs
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// The priority of both loops, 1 to 99
    #[arg(long, default_value_t = Settings::default().priority)]
    priority: u8,
    /// The scheduling class of both loops
    #[arg(long, value_enum, default_value = "fifo")]
    policy: sched::Policy,
    /// Bind both loops to this CPU
    #[arg(long)]
    cpu: Option<usize>,
    /// How both loops wait
    #[arg(long, value_enum, default_value = "hybrid")]
    wait: Strategy,
    /// How long they spin before a deadline, in microseconds
    #[arg(long, default_value_t = 200)]
    spin_us: u32,
    /// Given by cargo when it benches; without it this is a test
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let settings = Settings {
        policy: args.policy,
        priority: args.priority,
        cpu: args.cpu,
        wait: args.wait,
        spin: Span::from_micros(i64::from(args.spin_us)),
        ..Settings::default()
    };
    let (turns, turn) =
        if args.bench { (args.seconds.max(1), Duration::from_secs(1)) } else { (2, Duration::from_millis(150)) };
    let Some(set) = builtin::find("circuits").and_then(|set| Set::parse(set.name, set.text.as_bytes()).ok()) else {
        eprintln!("the built-in set does not compile");
        return ExitCode::FAILURE;
    };
    let mut program = set.program;
    program.clock.follow = Box::default();

    let (bare, first, all) = (Histogram::default(), Histogram::default(), Histogram::default());
    let mut granted = None;
    let mut busy = Duration::ZERO;
    for _ in 0..turns {
        run_bare(settings, turn, program.tempo.span_of(TickSpan::PULSE), &bare);
        let before = processor_time();
        let real = run_real(settings, turn, program.clone(), &first, &all);
        busy += processor_time() - before;
        match real {
            Ok(grant) => granted = Some(grant),
            Err(error) => {
                eprintln!("cannot run the real loop: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    let (bare, first, all) = (bare.percentiles(), first.percentiles(), all.percentiles());
    println!("lateness                          p50        p99      p99.9        max   count");
    for (name, row) in [("bare loop", bare), ("real loop, first of a batch", first), ("real loop, every message", all)]
    {
        print_row(name, &row);
    }
    let ratio = |of: fn(&Percentiles) -> Span| of(&first).0 as f64 / of(&bare).0.max(1) as f64;
    println!(
        "real loop / bare loop          {:>6.2}     {:>6.2}     {:>6.2}     {:>6.2}",
        ratio(|row| row.p50),
        ratio(|row| row.p99),
        ratio(|row| row.p999),
        ratio(|row| row.max)
    );
    println!(
        "the real loop took {:.2} % of one processor (waiting {:?}, spinning at most {} us)",
        100.0 * busy.as_secs_f64() / (turn * turns).as_secs_f64(),
        settings.wait,
        args.spin_us
    );
    println!("{}", granted.unwrap_or_default());
    println!("kernel: {}", kernel());
    if bare.count == 0 || first.count == 0 {
        eprintln!("one of the loops has measured nothing");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn print_row(name: &str, row: &Percentiles) {
    let micros = |span: Span| format!("{:.2} us", span.0 as f64 / 1e3);
    let (p50, p99, p999, max) = (micros(row.p50), micros(row.p99), micros(row.p999), micros(row.max));
    println!("{name:<28} {p50:>10} {p99:>10} {p999:>10} {max:>10} {:>7}", row.count);
}

/// Waits for one deadline after the other, as far apart as clock pulses, and reads the clock.
fn run_bare(settings: Settings, length: Duration, period: Span, lateness: &Histogram) {
    let mut waiter = Pacer::new(settings.wait, settings.spin);
    let work = || {
        let _granted = sched::promote(settings.policy, settings.priority, settings.cpu);
        let clock = Monotonic::start();
        let start = clock.now();
        let end = start + Span(length.as_nanos() as i64);
        let mut deadline = start + period;
        while deadline < end {
            waiter.wait(&clock, Some(deadline), true, || false, |_| (), || ());
            lateness.record(clock.now().since(deadline));
            deadline = deadline + period;
        }
    };
    thread::scope(|scope| drop(scope.spawn(work).join()));
}

/// Plays the set; what was granted.
fn run_real(
    settings: Settings,
    length: Duration,
    program: tightrope::engine::program::Program,
    first: &Histogram,
    all: &Histogram,
) -> std::io::Result<String> {
    let engine = Engine::new(&program);
    let (mut control, end, _) = link(program, &[]);
    let running = rt::spawn(end, engine, Monotonic::start(), NullOutput, settings)?;
    let granted = running.granted().to_string();
    let told = control.command(Command::Start);
    thread::sleep(length);
    let ended = control.command(Command::End);
    if told.is_err() || ended.is_err() {
        return Err(std::io::Error::other("the command ring is full"));
    }
    let _ending = running.join();
    let (mut batch, mut begun): (Option<Nanos>, Option<Nanos>) = (None, None);
    while let Some(Sent { due, at, message, fate, .. }) = control.sent() {
        if !fate.was_tried() {
            continue;
        }
        // The first clock is due when the loop begins, before it can be waited for.
        if *begun.get_or_insert(due) == due {
            continue;
        }
        // What answers a command has no deadline: START, and from STOP on the end of the show.
        match message {
            Message::Start => continue,
            Message::Stop => break,
            _ => {}
        }
        let late = at.since(due);
        all.record(late);
        if batch.replace(due) != Some(due) {
            first.record(late);
        }
    }
    Ok(granted)
}

/// How long this process has run on a processor, in steps of the kernel's clock tick.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold spaces: the 12th and 13th field are user and system time, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Duration::from_millis(10) * fields.filter_map(|field| field.parse::<u32>().ok()).sum::<u32>()
}

/// The kernel's release and how it preempts.
fn kernel() -> String {
    let read = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let version = read("/proc/sys/kernel/version");
    let preemption = ["PREEMPT_RT", "PREEMPT_DYNAMIC", "PREEMPT"].into_iter().find(|kind| version.contains(kind));
    format!("{} {} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease"), preemption.unwrap_or("no preemption"))
}

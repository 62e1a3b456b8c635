//! How well a MIDI clock is followed: every kind of jitter at several tempos, 200 seeds each, in virtual time.
//!
//! The error is that of the *next* pulse's predicted time, which is what a player uses, against the true grid. Where the
//! jitter only ever delays, no follower can know by how much, and the error is taken around its own median: of all seeds
//! together, or for frames of each seed by itself, since a tempo of whole frames keeps a constant lateness that depends on
//! where the first pulse fell.
//!
//! The table is a snapshot; chance and estimator use the basic operations of IEEE 754 only, so it is the same on every machine.

use std::fmt::Write as _;
use std::thread;

use crate::support::Chance;
use tightrope::engine::clock::estimator::Estimator;
use tightrope::time::{Nanos, Tempo};

const SEEDS: u64 = 200;

/// What every estimator expects before it hears its clock.
const EXPECTED_BPM: f64 = 120.0;

/// Two beats of clock while stopped, then four bars of music.
const FROM_BAR_5: usize = 48 + 4 * 96;

/// The filter's memory is full.
const STEADY: usize = 800;

/// The tempo changes by 5 % after this pulse, up in one future and down in the other.
const STEP: usize = 1_200;

/// So many pulses are watched after it.
const WATCHED: usize = 192;

/// On the grid again: so close, in ns, and not to leave it.
const LOCKED: i64 = 1_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Jitter {
    None,
    /// Up to so many ns either way, all equally likely.
    Uniform(f64),
    /// Deviation in ns. A sum of twelve uniform variables, hence never beyond six deviations.
    Gaussian(f64),
    /// Late only, by so many ns in the mean.
    Exponential(f64),
    /// Rounded up to frames of 1 ms.
    Frames,
}

impl Chance {
    /// Of mean 1, by comparisons only (von Neumann 1951): logarithms differ between machines.
    fn exponential(&mut self) -> f64 {
        let mut whole = 0.0;
        loop {
            let first = self.unit();
            let (mut last, mut falls) = (first, 0);
            loop {
                let next = self.unit();
                if next >= last {
                    break;
                }
                last = next;
                falls += 1;
            }
            if falls % 2 == 0 {
                return whole + first;
            }
            whole += 1.0;
        }
    }
}

impl Jitter {
    fn arrival(self, truth: f64, chance: &mut Chance) -> f64 {
        match self {
            Jitter::None => truth,
            Jitter::Uniform(most) => truth + most * (2.0 * chance.unit() - 1.0),
            Jitter::Gaussian(deviation) => truth + deviation * ((0..12).map(|_| chance.unit()).sum::<f64>() - 6.0),
            Jitter::Exponential(mean) => truth + mean * chance.exponential(),
            Jitter::Frames => (truth / 1e6).ceil() * 1e6,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Jitter::None => "none",
            Jitter::Uniform(most) if most < 1e6 => "uniform, 20 us",
            Jitter::Uniform(_) => "uniform, 1 ms",
            Jitter::Gaussian(_) => "gaussian, 200 us",
            Jitter::Exponential(_) => "late only, 1 ms",
            Jitter::Frames => "frames of 1 ms",
        }
    }
}

/// A clock that is played and followed.
#[derive(Clone, Copy)]
struct Show {
    jitter: Jitter,
    chance: Chance,
    estimator: Estimator,
    period: f64,
    truth: f64,
    last: u64,
}

impl Show {
    fn new(jitter: Jitter, bpm: f64, seed: u64) -> Show {
        let mut chance = Chance(seed * 1_000_003);
        let truth = 100e9 + 1e6 * chance.unit();
        let estimator = Estimator::new(Tempo::from_bpm(EXPECTED_BPM).unwrap());
        Show { jitter, chance, estimator, period: 60e9 / (24.0 * bpm), truth, last: 0 }
    }

    /// One pulse more. By how many ns the next one is predicted too late, if it is.
    fn pulse(&mut self) -> Option<i64> {
        // A cable keeps the order.
        self.last = self.last.max(self.jitter.arrival(self.truth, &mut self.chance).round() as u64);
        self.estimator.pulse(Nanos(self.last));
        self.truth += self.period;
        let grid = self.estimator.grid()?;
        let predicted = grid.at + Tempo::from_pulse_q32(grid.pulse_q32).span_of(tightrope::time::TickSpan::PULSE);
        Some(predicted.since(Nanos(self.truth.round() as u64)).0)
    }
}

struct Row {
    jitter: Jitter,
    bpm: f64,
    /// In us: at 50 and 99 % and at most.
    steady: [f64; 3],
    from_bar_5_p99: f64,
    /// In pulses: at 50 and 95 % and at most.
    locked_after: [i64; 3],
}

/// The value at `percent` of all, in order.
fn quantile(values: &mut [i64], percent: usize) -> i64 {
    let place = ((values.len() * percent).div_ceil(100)).saturating_sub(1);
    *values.select_nth_unstable(place).1
}

fn measure(jitter: Jitter, bpm: f64) -> Row {
    let shows = (0..SEEDS).map(|seed| {
        let mut show = Show::new(jitter, bpm, seed);
        let errors: Vec<i64> = (0..STEP).map(|_| show.pulse().unwrap_or(i64::MAX)).collect();
        (show, errors)
    });
    let shows: Vec<(Show, Vec<i64>)> = shows.collect();
    let pooled = quantile(&mut shows.iter().flat_map(|(_, errors)| errors[STEADY..].to_vec()).collect::<Vec<_>>(), 50);
    let centre = |errors: &[i64]| match jitter {
        Jitter::Exponential(_) => pooled,
        Jitter::Frames => quantile(&mut errors[STEADY..].to_vec(), 50),
        _ => 0,
    };

    let (mut from_bar_5, mut steady, mut locked_after) = (Vec::new(), Vec::new(), Vec::new());
    for (show, errors) in &shows {
        let centre = centre(errors);
        let from = |pulse: usize| errors[pulse..].iter().map(move |error| (error - centre).abs());
        from_bar_5.extend(from(FROM_BAR_5));
        steady.extend(from(STEADY));
        for change in [1.05, 0.95] {
            let mut future = *show;
            future.truth -= future.period;
            future.period /= change;
            future.truth += future.period;
            let lateness = if jitter == Jitter::Frames { 500_000 } else { centre };
            let strays = (1..=WATCHED as i64).filter(|_| (future.pulse().unwrap() - lateness).abs() > LOCKED);
            locked_after.push(strays.last().unwrap_or(0));
        }
    }
    Row {
        jitter,
        bpm,
        steady: [50, 99, 100].map(|percent| quantile(&mut steady, percent) as f64 / 1e3),
        from_bar_5_p99: quantile(&mut from_bar_5, 99) as f64 / 1e3,
        locked_after: [50, 95, 100].map(|percent| quantile(&mut locked_after, percent)),
    }
}

fn all_rows() -> Vec<Row> {
    let jitters = [
        Jitter::None,
        Jitter::Uniform(20e3),
        Jitter::Gaussian(200e3),
        Jitter::Uniform(1e6),
        Jitter::Exponential(1e6),
        Jitter::Frames,
    ];
    let cases = jitters.iter().flat_map(|&jitter| [97.3, 125.0, 174.6].map(|bpm| (jitter, bpm)));
    thread::scope(|scope| {
        let rows: Vec<_> = cases.map(|(jitter, bpm)| scope.spawn(move || measure(jitter, bpm))).collect();
        rows.into_iter().map(|row| row.join().unwrap()).collect()
    })
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    writeln!(text, "                          error of the next pulse, us            pulses to within 1 ms").unwrap();
    writeln!(text, "                          from pulse {STEADY}          from bar 5   after a step of 5 %").unwrap();
    writeln!(text, "jitter             BPM     p50     p99     max          p99    p50   p95   max").unwrap();
    for row in rows {
        let [p50, p99, max] = row.steady;
        let [locked, locked_p95, locked_max] = row.locked_after;
        writeln!(
            text,
            "{:<16} {:>5.1} {p50:>7.1} {p99:>7.1} {max:>7.1} {:>12.1} {locked:>6} {locked_p95:>5} {locked_max:>5}",
            row.jitter.name(),
            row.bpm,
            row.from_bar_5_p99,
        )
        .unwrap();
    }
    text
}

/// What is asked for; the snapshot shows what was reached.
fn check(row: &Row, misses: &mut Vec<String>) {
    let mut at_most = |what: &str, value: f64, limit: f64| {
        if value > limit {
            misses.push(format!("{} at {}: {what} is {value}, may be {limit}", row.jitter.name(), row.bpm));
        }
    };
    let [_, p99, max] = row.steady;
    let [locked, locked_p95, _] = row.locked_after.map(|pulses| pulses as f64);
    match row.jitter {
        Jitter::None => {
            at_most("steady max", max, 1.0);
            at_most("p99 from bar 5", row.from_bar_5_p99, 1.0);
        }
        Jitter::Uniform(most) if most < 1e6 => {
            at_most("steady p99", p99, 10.0);
            at_most("p99 from bar 5", row.from_bar_5_p99, 10.0);
        }
        Jitter::Gaussian(_) => at_most("steady p99", p99, 60.0),
        Jitter::Uniform(_) => {
            at_most("steady p99", p99, 130.0);
            at_most("p99 from bar 5", row.from_bar_5_p99, 130.0);
        }
        Jitter::Exponential(_) => at_most("steady p99", p99, 300.0),
        Jitter::Frames => {
            at_most("steady p99", p99, 100.0);
            at_most("p99 from bar 5", row.from_bar_5_p99, 100.0);
        }
    }
    // A run of late pulses looks like a slower tempo until a pulse that is not late contradicts it.
    let lock_p95 = if matches!(row.jitter, Jitter::Exponential(_)) { 48.0 } else { 24.0 };
    at_most("median of the pulses to lock", locked, 12.0);
    at_most("95 % of the pulses to lock", locked_p95, lock_p95);
}

#[test]
fn a_clock_is_followed_as_closely_as_its_jitter_allows() {
    let rows = all_rows();
    let table = table(&rows);
    println!("{table}");
    let mut misses = Vec::new();
    for row in &rows {
        check(row, &mut misses);
    }
    assert!(misses.is_empty(), "{table}\n{}", misses.join("\n"));
    insta::assert_snapshot!(table);
}

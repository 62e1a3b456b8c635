//! Pulses that are lost on the way, or come twice: the music stays where the master is, in virtual time.
//!
//! A master sends pulses by its own tempo; a cable delays them, drops them and doubles them. What is asserted is the number of the
//! pulse that came last: that of the master, once the cable has been whole for a moment, and for ever after.

use crate::support::{CIRCUIT, Chance, MONO, PULSE, Show, circuits, compile};
use tightrope::engine::clock::Follower;
use tightrope::midi::Message;
use tightrope::time::{Nanos, Span, Tempo};

/// What a cable does to the time of a pulse.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Jitter {
    None,
    /// Up to so many ns either way.
    Uniform(f64),
    /// Late by up to so many ns, seldom by so much.
    Late(f64),
    /// Rounded up to frames of 1 ms.
    Frames,
}

const JITTERS: [Jitter; 5] =
    [Jitter::None, Jitter::Uniform(20e3), Jitter::Uniform(1e6), Jitter::Late(2e6), Jitter::Frames];

impl Jitter {
    fn arrival(self, truth: f64, chance: &mut Chance) -> f64 {
        match self {
            Jitter::None => truth,
            Jitter::Uniform(most) => truth + most * (2.0 * chance.unit() - 1.0),
            Jitter::Late(most) => truth + most * chance.unit().powi(4),
            Jitter::Frames => (truth / 1e6).ceil() * 1e6,
        }
    }
}

/// A master that is followed.
#[derive(Clone, Copy)]
struct Play {
    follower: Follower,
    jitter: Jitter,
    chance: Chance,
    period: f64,
    /// When the next pulse is sent, and its number.
    next: f64,
    number: i64,
    last: u64,
}

impl Play {
    fn new(bpm: f64, jitter: Jitter, seed: u64) -> Play {
        let mut chance = Chance(seed * 7_919);
        let next = 1e9 + 1e6 * chance.unit();
        let follower = Follower::new(Tempo::from_bpm(120.0).unwrap());
        Play { follower, jitter, chance, period: 2.5e9 / bpm, next, number: 0, last: 0 }
    }

    /// A pulse arrives at `time`; a cable keeps the order.
    fn arrives(&mut self, time: f64) {
        self.last = self.last.max(time as u64);
        self.follower.pulse(Nanos(self.last));
    }

    fn pass(&mut self) {
        self.number += 1;
        self.next += self.period;
    }

    fn pulses(&mut self, count: usize) {
        for _ in 0..count {
            let at = self.jitter.arrival(self.next, &mut self.chance);
            self.arrives(at);
            self.pass();
        }
    }

    /// So many pulses are sent, and do not arrive.
    fn lose(&mut self, count: usize) {
        (0..count).for_each(|_| self.pass());
    }

    /// The next pulse arrives, and once more after so many ns.
    fn double(&mut self, after: f64) {
        let at = self.jitter.arrival(self.next, &mut self.chance);
        self.arrives(at);
        self.arrives(at + after);
        self.pass();
    }

    /// The master stands still for so many periods, and goes on where it was.
    fn pause(&mut self, periods: f64) {
        self.next += periods * self.period;
    }

    fn tempo(&mut self, by: f64) {
        // The pulse after the one that came last falls by the new tempo already.
        self.next -= self.period;
        self.period /= by;
        self.next += self.period;
    }

    /// So many pulses arrive together, when the last of them is due and `late` ns after it.
    fn burst(&mut self, count: usize, late: f64, apart: f64) {
        let due = self.next + (count - 1) as f64 * self.period + late;
        for index in 0..count {
            self.arrives(due + index as f64 * apart);
            self.pass();
        }
    }

    /// How many pulses it is ahead of the master.
    fn ahead(&self) -> i64 {
        self.follower.last_pulse().pulse() - (self.number - 1)
    }
}

const SEEDS: u64 = 4;

const TEMPOS: [f64; 5] = [40.0, 97.3, 125.0, 174.6, 300.0];

/// Plays `story` at every tempo and jitter with some seeds, and says where the music does not end up with the master.
fn everywhere(story: impl Fn(&mut Play)) -> Vec<String> {
    everywhere_at(&TEMPOS, story)
}

fn everywhere_at(tempos: &[f64], story: impl Fn(&mut Play)) -> Vec<String> {
    let mut wrong = Vec::new();
    for &bpm in tempos {
        for jitter in JITTERS {
            for seed in 0..SEEDS {
                let mut play = Play::new(bpm, jitter, seed);
                story(&mut play);
                if play.ahead() != 0 {
                    wrong.push(format!("{bpm} BPM, {jitter:?}, seed {seed}: {} ahead", play.ahead()));
                }
            }
        }
    }
    wrong
}

fn check(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}: {} are off:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
fn up_to_three_pulses_that_are_lost_are_made_up_for() {
    for before in [12, 50, 400] {
        for lost in 1..=3 {
            let wrong = everywhere(|play| {
                play.pulses(before);
                play.lose(lost);
                play.pulses(60);
            });
            check(&format!("{lost} lost after {before}"), &wrong);
        }
    }
}

#[test]
fn a_pulse_that_is_lost_soon_after_the_first_of_all() {
    for before in [3, 4, 6] {
        for lost in 1..=3 {
            let wrong = everywhere_at(&[40.0, 97.3, 125.0, 174.6], |play| {
                // So soon nobody knows how noisy the clock is.
                if before < 6 && matches!(play.jitter, Jitter::Uniform(1e6) | Jitter::Late(_)) {
                    play.jitter = Jitter::None;
                }
                play.pulses(before);
                play.lose(lost);
                play.pulses(60);
            });
            check(&format!("{lost} lost after {before}"), &wrong);
        }
    }
}

#[test]
fn a_steady_clock_is_where_the_master_is_with_the_next_pulse() {
    for jitter in [Jitter::None, Jitter::Uniform(20e3), Jitter::Uniform(1e6), Jitter::Frames] {
        for lost in 1..=3 {
            let mut play = Play::new(125.0, jitter, 1);
            play.pulses(300);
            play.lose(lost);
            for _ in 0..50 {
                play.pulses(1);
                assert_eq!(play.ahead(), 0, "{jitter:?}, {lost} lost");
            }
        }
    }
}

#[test]
fn several_losses_close_to_each_other() {
    for between in [1, 2, 3, 5, 12] {
        for (first, second) in [(1, 1), (1, 2), (3, 1), (2, 2)] {
            let wrong = everywhere_at(&[40.0, 97.3, 125.0, 174.6], |play| {
                play.pulses(200);
                play.lose(first);
                play.pulses(between);
                play.lose(second);
                play.pulses(60);
            });
            check(&format!("{first} and {second} lost, {between} between"), &wrong);
        }
    }
    let wrong = everywhere(|play| {
        play.pulses(200);
        for _ in 0..20 {
            play.lose(2);
            play.pulses(40);
        }
    });
    check("2 of each 42", &wrong);
}

#[test]
fn a_pulse_that_comes_twice_counts_once() {
    for part in [0.0, 0.001, 0.02, 0.1, 0.19] {
        let wrong = everywhere(|play| {
            play.pulses(200);
            play.double(part * play.period);
            play.pulses(30);
            play.double(part * play.period);
            play.double(part * play.period);
            play.pulses(30);
        });
        check(&format!("after {part} of a period"), &wrong);
    }
}

#[test]
fn a_cable_that_is_put_back_may_double_the_pulse() {
    for lost in 1..=3 {
        let wrong = everywhere(|play| {
            play.pulses(200);
            play.lose(lost);
            play.double(500e3);
            play.pulses(60);
        });
        check(&format!("{lost} lost"), &wrong);
    }
}

#[test]
fn pulses_out_of_a_queue_are_late_and_not_lost() {
    for count in 2..=5 {
        for late in [0.0, 0.3, 0.5, 0.9] {
            for apart in [0.0, 320e3, 1e6] {
                let wrong = everywhere_at(&[40.0, 97.3, 125.0], |play| {
                    play.pulses(200);
                    play.burst(count, late * play.period, apart);
                    play.pulses(60);
                });
                check(&format!("{count} together, {late} of a period after the last, {apart} ns apart"), &wrong);
            }
        }
    }
}

#[test]
fn a_loss_and_what_comes_late_out_of_a_queue() {
    for lost in 1..=2 {
        for queued in 2..=3 {
            let wrong = everywhere_at(&[40.0, 97.3, 125.0], |play| {
                play.pulses(200);
                play.lose(lost);
                play.burst(queued, 500e3, 320e3);
                play.pulses(60);
            });
            check(&format!("{lost} lost, {queued} queued"), &wrong);
        }
    }
}

#[test]
fn a_master_that_pauses_goes_on_where_it_was() {
    for periods in [0.3, 0.5, 0.7, 1.4, 1.5, 1.6, 2.3, 2.5, 2.6] {
        let wrong = everywhere(|play| {
            // A third of a fast clock's period is within the noise of some.
            if play.period < 16e6 {
                play.jitter = Jitter::None;
            }
            play.pulses(200);
            play.pause(periods);
            play.pulses(60);
        });
        check(&format!("for {periods} periods"), &wrong);
    }
}

#[test]
fn a_pause_and_what_was_queued_meanwhile() {
    for queued in 2..=4 {
        let wrong = everywhere_at(&[40.0, 97.3, 125.0], |play| {
            play.pulses(200);
            // The master itself stood still, and makes up for it.
            play.burst(queued, 0.4 * play.period, 1e6);
            play.pulses(60);
        });
        check(&format!("{queued} queued"), &wrong);
    }
}

#[test]
fn another_tempo_is_no_loss() {
    for by in
        [0.25, 1.0 / 3.0, 0.4, 0.5, 0.55, 0.6, 2.0 / 3.0, 0.75, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 1.5, 1.9, 2.0, 3.0]
    {
        let tempos: Vec<f64> =
            [60.0, 97.3, 125.0].into_iter().filter(|bpm| (20.0..400.0).contains(&(bpm * by))).collect();
        let wrong = everywhere_at(&tempos, |play| {
            play.pulses(200);
            play.tempo(by);
            play.pulses(100);
        });
        check(&format!("times {by}"), &wrong);
    }
}

#[test]
fn a_loss_before_another_tempo_and_after_it() {
    for by in [0.5, 0.75, 0.9, 0.95, 1.05, 1.1, 1.25, 1.5] {
        for lost in 1..=3 {
            for between in [8, 24] {
                let wrong = everywhere_at(&[97.3, 125.0], |play| {
                    play.pulses(200);
                    play.lose(lost);
                    play.pulses(between);
                    play.tempo(by);
                    play.pulses(between + 16);
                    play.lose(lost);
                    play.pulses(60);
                });
                check(&format!("times {by}, {lost} lost, {between} between"), &wrong);
            }
        }
    }
}

#[test]
fn half_the_tempo_takes_the_music_no_further_than_two_pulses_ahead() {
    let mut play = Play::new(120.0, Jitter::None, 1);
    play.pulses(200);
    play.tempo(0.5);
    for pulse in 0..60 {
        play.pulses(1);
        let most = if pulse < 3 { 2 } else { 0 };
        assert!((0..=most).contains(&play.ahead()), "{} ahead after {pulse}", play.ahead());
    }
}

#[test]
fn a_tempo_that_is_turned_is_no_loss() {
    for (from, to) in [(180.0, 60.0), (60.0, 180.0), (125.0, 90.0), (90.0, 125.0)] {
        for beats in [1.0, 2.0, 4.0, 16.0] {
            let wrong = everywhere_at(&[from], |play| {
                play.pulses(200);
                let pulses = 24.0 * beats;
                for pulse in 0..pulses as i64 {
                    play.period = 2.5e9 / (from + (to - from) * pulse as f64 / pulses);
                    play.pulses(1);
                }
                play.pulses(100);
            });
            check(&format!("{from} to {to} in {beats} beats"), &wrong);
        }
    }
}

/// Note-ons of the kick, in pulses since `first`.
fn kicks(show: &Show, first: Nanos) -> Vec<f64> {
    let kicks = show.note_ons(CIRCUIT).into_iter().filter(|&(_, key)| key == 60);
    kicks.map(|(at, _)| (at.since(first).0 as f64 / PULSE.0 as f64 * 100.0).round() / 100.0).collect()
}

fn playing(set: tightrope::engine::program::Program) -> (Show, Nanos) {
    let mut show = Show::new(set);
    show.pulses(24, PULSE);
    show.input(CIRCUIT, Message::Start);
    let first = show.now;
    (show, first)
}

/// The clocks that went out since START.
fn clocks(show: &Show) -> usize {
    let start = show.trace.iter().position(|d| d.message == Message::Start).unwrap();
    show.trace[start..].iter().filter(|d| d.port == MONO && d.message == Message::Clock).count()
}

#[test]
fn machines_that_get_the_clock_count_what_was_lost() {
    for raw in [false, true] {
        let text = tightrope::set::builtin::find("circuits").unwrap().text;
        let text = if raw { text.replacen("clock  = true", "clock = \"raw\"", 1) } else { text.to_owned() };
        for lost in 1..=3i64 {
            let (mut show, first) = playing(compile(&text));
            show.pulses(50, PULSE);
            show.wait(Span(PULSE.0 * lost));
            show.pulses(61, PULSE);
            // One more has been predicted.
            let sent = 50 + 61 + lost + i64::from(!raw);
            assert_eq!(clocks(&show) as i64, sent, "raw: {raw}, {lost} lost");
            let expected: Vec<f64> = (0..=(111 + lost) / 24).map(|beat| 24.0 * beat as f64).collect();
            assert_eq!(kicks(&show, first), expected, "raw: {raw}, {lost} lost");
            show.check();
        }
    }
}

#[test]
fn a_loss_before_start_and_continue_does_not_move_what_follows() {
    for (lost, between) in [(1, 0), (1, 1), (2, 1), (3, 2), (1, 3)] {
        let mut show = Show::new(circuits());
        show.pulses(200, PULSE);
        show.wait(Span(PULSE.0 * lost));
        show.pulses(between, PULSE);
        show.input(CIRCUIT, Message::Start);
        let first = show.now;
        show.pulses(100, PULSE);
        assert_eq!(kicks(&show, first), [0.0, 24.0, 48.0, 72.0, 96.0], "{lost} lost {between} before START");
        // And again, in the middle of it.
        show.wait(Span(PULSE.0 * lost));
        show.pulses(between, PULSE);
        show.input(CIRCUIT, Message::Stop);
        show.pulses(7, PULSE);
        show.input(CIRCUIT, Message::SongPosition(0));
        show.input(CIRCUIT, Message::Continue);
        let (again, from) = (show.now, kicks(&show, first).len());
        show.pulses(49, PULSE);
        assert_eq!(kicks(&show, again)[from..], [0.0, 24.0, 48.0], "{lost} lost {between} before STOP");
        show.check();
    }
}

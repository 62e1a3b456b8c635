//! Pulses of the master that our own hold of the processor delays.
//!
//! What is predicted leaves just when the master's pulse comes. Where the kernel delivers messages from a thread of lower
//! priority than ours (PREEMPT_RT does, from its interrupts') on the processor that we hold meanwhile, the pulse is delivered
//! and stamped only when we sleep again. A clock that believed these stamps would follow a lateness that it causes itself,
//! until the pulse just comes before we wake up for it.
//!
//! But the interrupt itself is not held up, and a thread that spins sees it: the clock leaps by some microseconds from one
//! reading to the next. So of a pulse that was stamped right after we had let go of the processor, the interrupt is looked
//! for in what was spun before; from its end on the pulse has waited for us, and would have come so much earlier. Where none
//! was seen, it must have come while we sent, which is where nothing is seen.
//!
//! An interrupt that is seen may be another's. One that comes in step with the pulse, as a timer's does each millisecond where
//! pulses are whole milliseconds apart, would be taken for the pulse's for ever. So where there is still time the thread lets
//! go for a moment after an interrupt: if it was the pulse's, the pulse is delivered, and its stamp is true. If it was not,
//! the thread does so no more for a while, because what comes as it wakes up is not seen.
//!
//! Or else as we woke up. That is far from where a pulse is expected, since the thread spins for so long; but a clock that
//! is as far off must not stay so. So after a pulse whose interrupt was not seen the thread wakes up earlier once.
//!
//! Where pulses come through while we hold the processor, as they do with several of them, or with a kernel that delivers
//! from the interrupt, all stamps are believed. It takes one of these to outweigh eight that may have waited, since a pulse
//! that jitters may by chance come when we let go.

use crate::time::{Nanos, Span};

/// Two readings of the clock, one after the other, are as far apart as this only if the thread was interrupted. A reading
/// takes some 50 ns, an interrupt 1 us and more.
const INTERRUPTED: Span = Span(600);

/// So many interruptions are remembered of a hold, the last ones: the pulse's own, and those of whatever else interrupts.
const REMEMBERED: usize = 4;

/// A message that has waited for the processor is delivered within this time.
const DELIVERED_WITHIN: Span = Span::from_micros(30);

/// What the way of a message from there on may take longer than usual.
const WAY_VARIES: Span = Span::from_micros(3);

/// What a stamp may be off, to either side.
const STAMP_OFF: Span = Span::from_micros(4);

/// An interrupt that is off by more than this, and by more than they are off usually, may be somebody else's. Unless the
/// next one is off by as much.
const NEAR: Span = Span::from_micros(6);

/// So far into the sending an interrupt is assumed that was not seen: the middle of the first message.
const UNSEEN_FOR: Span = Span::from_micros(2);

/// How much earlier the thread wakes up after a pulse whose interrupt was not seen: longer than it takes to wake up and to
/// prepare.
const EARLIER: Span = Span::from_micros(25);

/// For so many pulses it does.
const LOOKS: u32 = 24;

/// For so many pulses the thread does not pause any more after it has paused and no pulse came: what comes meanwhile is not seen.
const RESTS: u32 = 32;

/// What a pulse that came through, or was held up, adds to the evidence, and the most that is collected.
const THROUGH: i32 = -8;
const WAITED: i32 = 1;
const MOST_EVIDENCE: i32 = 64;

/// One stretch for which the thread had the processor.
#[derive(Clone, Copy, Debug, Default)]
struct Hold {
    since: Nanos,
    until: Nanos,
    /// The last time up to which an interruption would have been seen.
    seen_until: Nanos,
    /// When the last interruptions ended, and how many there were.
    interrupted: [Nanos; REMEMBERED],
    interruptions: usize,
    /// Whether it ended so that what an interrupt brought could be delivered.
    paused: bool,
}

impl Hold {
    /// Returns whether a pulse with this stamp was delivered meanwhile.
    fn is_within(&self, at: Nanos) -> bool {
        at > self.since + STAMP_OFF && at + STAMP_OFF < self.until
    }

    /// Returns when the pulse that came at `at`, after this hold, would have come by an interrupt that was seen, if one was; by the
    /// one that makes that nearest to what was `expected`.
    fn nearest(&self, at: Nanos, expected: Nanos) -> Option<Nanos> {
        let ends = &self.interrupted[..self.interruptions.min(REMEMBERED)];
        ends.iter().map(|&end| at - self.until.since(end)).min_by_key(|when| when.since(expected).0.abs())
    }
}

/// When the thread holds its processor, and whether that holds up the master's pulses. Real-time safe throughout.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IrqDelay {
    current: Hold,
    last: Hold,
    /// Above zero: pulses are held up.
    evidence: i32,
    /// How long a message that has waited takes to be delivered, as a running mean.
    way: Span,
    /// How far the interrupt was from where it was expected that was seen last, and how far they are as a running mean.
    last_off: Span,
    usually_off: Span,
    /// For so many pulses yet the thread is to wake up earlier.
    looks: u32,
    /// Whether the thread has paused for the pulse that comes next, and for how many pulses it does not.
    paused: bool,
    rests: u32,
}

impl IrqDelay {
    /// The thread has the processor since `now`.
    pub(crate) fn takes(&mut self, now: Nanos) {
        self.current = Hold { since: now, until: now, seen_until: now, ..Hold::default() };
    }

    /// The thread read the clock at `before`, and has read it again at once. Whether it was interrupted in between.
    pub(crate) fn watches(&mut self, before: Nanos, now: Nanos) -> bool {
        let hold = &mut self.current;
        let is_interrupted = now.since(before) > INTERRUPTED;
        if is_interrupted {
            hold.interrupted[hold.interruptions % REMEMBERED] = now;
            hold.interruptions += 1;
        }
        hold.seen_until = now;
        is_interrupted
    }

    /// For how long the thread should give up the processor after an interruption that has just ended, `left` before the
    /// deadline, so that what it brought is delivered; `None` where nothing waits for us, or where there is no time for it: it
    /// wakes up late by `latency`.
    pub(crate) fn lets_through(&mut self, left: Span, latency: Span) -> Option<Span> {
        let pause = self.way + WAY_VARIES;
        if self.evidence <= 0 || self.rests > 0 || left.0 < pause.0 + latency.0 + latency.0 / 2 {
            return None;
        }
        (self.paused, self.current.paused) = (true, true);
        Some(pause)
    }

    /// The thread lets go of the processor at `now`.
    pub(crate) fn lets_go(&mut self, now: Nanos) {
        self.last = Hold { until: now, ..self.current };
    }

    /// Returns how much earlier than usual the thread should wake up, for a better view.
    pub(crate) fn earlier(&self) -> Span {
        if self.looks > 0 { EARLIER } else { Span::ZERO }
    }

    /// Returns whether the thread gave up the processor last so that what an interrupt brought could be delivered.
    #[cfg(test)]
    pub(crate) fn has_let_through(&self) -> bool {
        self.last.paused
    }

    /// Returns when the pulse that came at `at` would have come if the thread had not held the processor, as far as that can be told.
    /// It has just been seen, and was `expected` then; that is asked only if it matters.
    pub(crate) fn undelayed(&mut self, at: Nanos, expected: impl FnOnce() -> Option<Nanos>) -> Nanos {
        self.looks = self.looks.saturating_sub(1);
        self.rests = self.rests.saturating_sub(1);
        if std::mem::take(&mut self.paused) && !self.last.paused {
            self.rests = RESTS;
        }
        if at.since(self.last.until) > DELIVERED_WITHIN {
            return at;
        }
        let Some(expected) = expected() else { return at };
        let hold = self.last;
        let (is_through, waited) = (hold.is_within(at), at.since(hold.until));
        if is_through {
            self.weigh(THROUGH);
        }
        if waited < Span::ZERO - STAMP_OFF {
            return at;
        }
        let seen = hold.nearest(at, expected);
        let sending = at - hold.until.since(hold.seen_until) + UNSEEN_FOR;
        if let Some(off) = seen.map(|seen| seen.since(expected)) {
            self.weigh(WAITED);
            self.learn_way(waited);
            let is_delivered = waited <= self.way + WAY_VARIES;
            let is_likely = off.0.abs() <= NEAR.0 + 4 * self.usually_off.0;
            let is_repeated = (off - self.last_off).0.abs() <= NEAR.0;
            self.last_off = off;
            // One that is much farther off than usual counts as less, but some of them in a row change what is usual.
            let counts = off.0.abs().min(2 * self.usually_off.0 + NEAR.0);
            self.usually_off = Span((15 * self.usually_off.0 + counts) / 16);
            if self.evidence > 0 && is_delivered && (is_likely || is_repeated) {
                return expected + off;
            }
        }
        if self.evidence <= 0 || waited > self.way + WAY_VARIES {
            return at;
        }
        self.looks = LOOKS;
        expected.max(sending).min(at)
    }

    /// One that takes much longer counts as less: it may not have waited at all.
    fn learn_way(&mut self, waited: Span) {
        self.way = match (self.way, waited - self.way) {
            (Span::ZERO, _) => waited,
            (way, shorter) if shorter < Span::ZERO => Span(way.0 + shorter.0 / 4),
            (way, longer) => Span(way.0 + longer.0.min(WAY_VARIES.0) / 8),
        };
    }

    fn weigh(&mut self, evidence: i32) {
        self.evidence = (self.evidence + evidence).clamp(-MOST_EVIDENCE, MOST_EVIDENCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::Follower;
    use crate::time::Tempo;

    const MICRO: i64 = 1_000;

    fn at(micros: u64) -> Nanos {
        Nanos(micros * 1_000)
    }

    /// IrqDelay the processor from 100 to 170 us, spun to 150 us, and was interrupted until `ends`.
    fn held(ends: &[u64], evidence: i32) -> IrqDelay {
        let mut held = IrqDelay { evidence, way: Span::from_micros(6), ..IrqDelay::default() };
        held.takes(at(100));
        for &end in ends {
            held.watches(at(end - 2), at(end));
        }
        held.watches(at(150), at(150));
        held.lets_go(at(170));
        held
    }

    /// Returns what is made of a pulse that came at `came` and was expected at 152 us.
    fn undelayed(mut held: IrqDelay, came: u64) -> Nanos {
        held.undelayed(at(came), || Some(at(152)))
    }

    #[test]
    fn a_pulse_has_waited_since_its_interrupt() {
        assert_eq!(undelayed(held(&[144], 8), 176), at(150));
        assert_eq!(undelayed(held(&[120, 148], 8), 176), at(154), "nearest to what was expected");
        assert_eq!(undelayed(held(&[110, 111, 112, 113, 114, 148], 8), 176), at(154), "however many came before");
        assert_eq!(held(&[144], 8).undelayed(at(176), || None), at(176), "nothing is known yet");
    }

    #[test]
    fn a_pulse_whose_interrupt_was_not_seen_came_while_messages_were_sent() {
        assert_eq!(undelayed(held(&[], 8), 176), at(158), "in the first of them");
        let mut held = held(&[], 8);
        assert_eq!(held.undelayed(at(176), || Some(at(165))), at(165));
        // Or it came as the thread woke up: it looks from farther away.
        for _ in 0..LOOKS {
            assert_eq!(held.earlier(), EARLIER);
            held.undelayed(at(300), || Some(at(300)));
        }
        assert_eq!(held.earlier(), Span::ZERO);
    }

    #[test]
    fn what_has_not_waited_is_believed() {
        assert_eq!(undelayed(held(&[144], 8), 90), at(90), "before");
        assert_eq!(undelayed(held(&[144], 8), 140), at(140), "came through");
        assert_eq!(undelayed(held(&[144], 8), 201), at(201), "too late to have waited");
        assert_eq!(undelayed(held(&[], 8), 180), at(180), "later than those come that have waited");
        assert_eq!(undelayed(held(&[], 0), 176), at(176), "none is known to wait here");
    }

    #[test]
    fn one_that_comes_through_outweighs_eight_that_may_have_waited() {
        let mut held = held(&[144], 0);
        held.undelayed(at(140), || Some(at(152)));
        for _ in 0..8 {
            assert_eq!(held.undelayed(at(176), || Some(at(152))), at(176));
        }
        assert_eq!(held.undelayed(at(176), || Some(at(152))), at(150));
    }

    /// How a machine delivers what comes while we hold a processor.
    #[derive(Clone, Copy, PartialEq)]
    enum Machine {
        /// When we sleep again, and its thread has run.
        One,
        /// At once.
        Several,
    }

    /// Who follows.
    #[derive(Clone, Copy, PartialEq)]
    enum Belief {
        EachStamp,
        IrqDelay,
    }

    /// A master, and what it plays to.
    #[derive(Clone, Copy)]
    struct Case {
        bpm: f64,
        /// By how many us its pulses miss their grid at most.
        jitter: i64,
        /// By how many us its grid moves at pulse 1,000.
        moves: i64,
        /// By what part its tempo changes there.
        changes: f64,
        /// How long an interrupt takes, and what carries the message from there on, in us.
        way: (i64, i64),
        machine: Machine,
        /// A timer interrupts us each millisecond, as far from the first pulse's time, in us.
        timer: Option<i64>,
    }

    const STEADY: Case =
        Case { bpm: 125.0, jitter: 0, moves: 0, changes: 0.0, way: (2, 6), machine: Machine::One, timer: None };

    /// How long it takes to wake up.
    const WAKES: Span = Span::from_micros(5);

    /// The error of the next pulse's predicted time, in ns, at each of 2,000 pulses, with a clock on each of them and six
    /// messages on each sixth. Everything takes up to 0.9 us longer now and then, and other interrupts come in between.
    fn errors(case: Case, belief: Belief) -> Vec<i64> {
        let mut follower = Follower::new(Tempo::from_bpm(120.0).unwrap());
        let (mut held, mut state) = (IrqDelay::default(), 1u64);
        let mut chance = |below: i64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i64 % below
        };
        let (interrupt, way) = (Span(case.way.0 * MICRO), Span(case.way.1 * MICRO));
        let mut period = 2.5e9 / case.bpm;
        let mut grid = 1_000_000_000.0;
        let first = Nanos((grid + period) as u64);
        let mut errors = Vec::new();
        for pulse in 0..2_000 {
            if pulse == 1_000 {
                period /= 1.0 + case.changes;
                grid += (case.moves * MICRO) as f64;
            }
            grid += period;
            let truth = Nanos(grid as u64);
            let sent = truth + Span(chance(2 * case.jitter * MICRO + 1) - case.jitter * MICRO);
            let [early, late, later, other] = [900, 900, 900, 40 * MICRO].map(|below| Span(chance(below)));
            let is_other = chance(20) == 0;
            // When it interrupts us, and when it has done so.
            let comes = sent - interrupt - way + early;
            let ready = comes + interrupt;
            let mut came = ready + way;
            let mut dated = None;
            if let Some(expected) = follower.expected_pulse() {
                errors.push(expected.since(truth).0);
                let messages = if pulse % 6 == 0 { 6 } else { 1 };
                let alarm = expected - Span(68 * MICRO) - held.earlier();
                let spins = alarm + Span(10 * MICRO) + late;
                let sends = expected - Span(3 * MICRO);
                let lets_go = sends + Span((messages * 7 / 2 + 2) * MICRO);
                let mut interrupts = vec![(comes, ready)];
                if is_other {
                    interrupts.push((spins + other - Span(MICRO), spins + other));
                }
                if let Some(timer) = case.timer {
                    let since = spins.since(first + Span(timer * MICRO)).0.rem_euclid(1_000 * MICRO);
                    let ticks = spins + Span(1_000 * MICRO - since);
                    interrupts.push((ticks, ticks + Span(MICRO) + late));
                }
                interrupts.sort_unstable();
                let waits = case.machine == Machine::One && (alarm..lets_go).contains(&comes);
                let mut takes = spins;
                held.takes(takes);
                for (begins, ends) in interrupts {
                    if (takes..sends).contains(&begins) {
                        held.watches(begins, ends);
                        let Some(pause) = held.lets_through(sends.since(ends), WAKES) else { continue };
                        held.lets_go(ends);
                        takes = ends + pause + WAKES;
                        let delivered = ready.max(ends) + way + later;
                        held.takes(takes);
                        if waits && dated.is_none() && delivered < takes {
                            dated = Some(held.undelayed(delivered, || Some(expected)));
                        }
                    }
                }
                held.watches(sends, sends);
                held.lets_go(lets_go);
                if waits {
                    came = lets_go + way + later;
                }
            }
            match (belief, dated) {
                (Belief::EachStamp, _) => follower.pulse(came),
                (Belief::IrqDelay, Some(dated)) => follower.pulse(dated),
                (Belief::IrqDelay, None) => follower.pulse(held.undelayed(came, || follower.expected_pulse())),
            };
        }
        errors
    }

    /// The 99th percentile of the distances.
    fn p99(errors: &[i64]) -> i64 {
        let mut errors: Vec<i64> = errors.iter().map(|error| error.abs()).collect();
        errors.sort_unstable();
        errors[errors.len() * 99 / 100]
    }

    #[test]
    fn a_steady_master_is_followed_though_its_pulses_wait_for_us() {
        for bpm in [60.0, 97.3, 125.0, 174.6, 300.0] {
            for way in [(1, 3), (2, 6), (3, 12), (5, 20)] {
                let case = Case { bpm, way, ..STEADY };
                let fooled = p99(&errors(case, Belief::EachStamp)[200..]);
                assert!(fooled > 20 * MICRO, "{bpm} BPM, {way:?}: this machine holds nothing up: {fooled}");
                let late = p99(&errors(case, Belief::IrqDelay)[200..]);
                assert!(late < 2 * MICRO, "{bpm} BPM, {way:?}: {late}");
            }
        }
    }

    #[test]
    fn wherever_the_grid_moves_to_it_is_found_again() {
        for moves in (-100..=100).chain([-5_000, -200, 200, 5_000]) {
            let errors = errors(Case { moves, ..STEADY }, Belief::IrqDelay);
            let late = p99(&errors[1_100..]);
            assert!(late < 2 * MICRO, "moved by {moves} us: {late}");
        }
    }

    #[test]
    fn whatever_the_tempo_changes_to_it_is_found_again() {
        for changes in (-60..60).map(|step| f64::from(step * step * step) * 1e-6) {
            let errors = errors(Case { changes, ..STEADY }, Belief::IrqDelay);
            let late = p99(&errors[1_200..]);
            assert!(late < 2 * MICRO, "changed by {changes}: {late}");
        }
    }

    #[test]
    fn a_timer_in_step_with_the_master_is_not_taken_for_it() {
        // What is nearer than this is found out only where there is time to let go.
        let near = 15 * MICRO;
        for bpm in [62.5, 125.0] {
            for timer in (-60..=60).step_by(2) {
                for moves in [0, -30, -18, 18, 30] {
                    let errors = errors(Case { bpm, moves, timer: Some(timer), ..STEADY }, Belief::IrqDelay);
                    let (before, after) = (p99(&errors[600..1_000]), p99(&errors[1_400..]));
                    assert!(before < 3 * MICRO, "{bpm} BPM, {timer} us: {before}");
                    assert!(after < near, "{bpm} BPM, {timer} us, moved by {moves}: {after}");
                }
            }
        }
    }

    #[test]
    fn where_nothing_waits_each_pulse_is_believed() {
        for jitter in [0, 5, 20, 50, 100, 1_000] {
            let case = Case { jitter, machine: Machine::Several, ..STEADY };
            let (plain, held) =
                (p99(&errors(case, Belief::EachStamp)[200..]), p99(&errors(case, Belief::IrqDelay)[200..]));
            assert!(held <= plain + plain / 10 + 200, "±{jitter} us: {held} for {plain}");
        }
    }

    #[test]
    fn a_jittering_master_whose_pulses_wait_for_us_is_followed_no_worse() {
        for jitter in [5, 20, 50, 100, 1_000] {
            let case = Case { jitter, ..STEADY };
            let (plain, held) =
                (p99(&errors(case, Belief::EachStamp)[200..]), p99(&errors(case, Belief::IrqDelay)[200..]));
            assert!(held <= plain + plain / 10, "±{jitter} us: {held} for {plain}");
        }
    }
}

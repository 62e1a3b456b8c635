//! Where the pulses of a MIDI clock truly fall, from the times at which they came.
//!
//! # The idea
//!
//! A master's pulses lie on a straight line, time over pulse number, until somebody turns its tempo. What arrives is that
//! line with noise upon it: a cable, a driver, a USB frame. So three things are estimated together:
//!
//! - **The line**, its phase and its period, by a Kalman filter with two states. As it starts it is the least-squares line
//!   through everything heard, so it is as narrow as the number of pulses allows; once the period's assumed wander
//!   (`WANDER`) balances what a pulse teaches, it remembers some hundreds of pulses on a noisy clock and some tens on a
//!   clean one. No loop with a fixed bandwidth can be both.
//! - **The noise**, by the mean square of what the line did not foresee, so that the same code follows crystal and Wi-Fi.
//! - **A break in the line**. Such a long memory would need as long to follow a new tempo. Therefore the last
//!   `WINDOW` surprises are tested at every pulse for having begun to rise (another tempo) or for having moved (another
//!   phase) at any one of them: a generalised likelihood ratio test, after Willsky and Jones 1976. When one has, the
//!   filter goes back to the state it had there, forgets what the break made untrue and nothing else, and runs forward
//!   again over the pulses since. It knows the new tempo with the evidence that made it suspicious, at once.
//!
//! Pulses are often late and seldom early. A surprise counts for no more than `CLIP` deviations, in the filter and in the
//! test (Huber's rule), so that one pulse held up for 30 ms moves nothing, however clean the clock is.
//!
//! What is too far off for a test of small deviations, say half the tempo, shows in the intervals themselves: four pulses in
//! agreement among each other and in disagreement with the line found a new one.
//!
//! # What it does not do
//!
//! It does not count the position; [`PulseCounter`](super::PulseCounter) does. A constant lateness cannot be told from the
//! truth: against a clock that is only ever late, the grid settles on the mean lateness.
//!
//! # Arithmetic
//!
//! Times are `f64` nanoseconds relative to an integer base that moves along with the pulses, so days of music cost no
//! precision. Only the basic operations and the square root are used, which IEEE 754 rounds exactly: the same pulses give
//! the same bits on every machine.
//!
//! Everything is real-time safe: no heap, no call to the system, work bounded by a few passes over `WINDOW` entries.

use super::line::{CLIP, Line};
use super::noise::{NOISE_BLOCK, Noise};
use crate::time::{Nanos, Span, Tempo, TickSpan};

/// The shortest interval that can be a pulse, in ns: 400 BPM is 6.25 ms, and the jitter of ±1 ms on both of its ends may
/// take some 2 ms off. What comes faster came out of a queue.
const SHORTEST_INTERVAL: f64 = 3.5e6;

/// The longest interval that can be a pulse, in ns: 20 BPM is 125 ms, and a stumble. What is longer is a pause.
const LONGEST_INTERVAL: f64 = 160e6;

/// The noise is at most this part of the squared period: a deviation of a fifth of a pulse. White noise beyond would make
/// pulses change places; what looks like it is a wrong tempo, and must go on to be seen as one.
const MOST_NOISE: f64 = 1.0 / 25.0;

/// The noise expected of a clock that has not been heard yet, in ns²: (300 us)², between the good and the bad. It weighs
/// as much as two pulses. The filter's own gains do not depend on it ([`COLD`]).
const FIRST_NOISE: f64 = 300e3 * 300e3;
const FIRST_NOISE_WEIGHT: f64 = 2.0;

/// For so many pulses the covariance is rescaled as the noise becomes known: until then a wrong first guess of the noise
/// would be taken for knowledge, or the lack of it, of the line.
const COLD: u32 = 32;

/// The period is assumed to wander at random by so many ns from pulse to pulse, one deviation. At ±1 ms of jitter the
/// next pulse is then predicted with a deviation of 42 us, as by a straight line through the last 750 pulses; at 1 us of
/// noise, as by one through the last 30.
const WANDER: f64 = 8.0;

/// How many pulses back a break is looked for. A break that cannot be seen in a beat and a third is one that the filter
/// follows by itself.
const WINDOW: usize = 32;

/// A break is suspected from so many deviations of the test on. With [`CLIP`] no two outliers reach it, and three only
/// in a row and fully clipped (6.06, as a moved phase). A Gaussian clock does once in several days.
const ALARM: f64 = 6.0;

/// A suspected break must leave no more than so many times the noise (in squares) unexplained; else it is the noise that
/// has grown. Four deviations.
const UNEXPLAINED: f64 = 16.0;

/// What a break in tempo adds to the variance of the period, as a part of its square: a deviation of 5 %, on top of four times
/// the square of what was measured. Wide, as the pulses since the break are all there is to be believed.
const TEMPO_BREAK: f64 = 1.0 / 400.0;

/// A break in tempo is found at a pulse and happened somewhere near it: the variance of the phase there, in squares of the
/// change of the period.
const TEMPO_BREAK_PHASE: f64 = 0.1;

/// Breaks closer to each other than so many pulses are a knob being turned. From then on the period is assumed to wander
/// by twice the rate at which it was seen to move, and less and less with every pulse ([`TURNING_DECAY`]: half of it after
/// 14), so that a slow turn is followed and not taken in leaps.
const TURNING_WITHIN: u32 = 64;
const TURNING_DECAY: f64 = 0.95;

/// A phase that moves twice within so many pulses is noise of low frequency, such as frames of 1 ms that beat with the
/// pulse; as noise it is counted then, with the weight of so many pulses.
const SLIPS_WITHIN: u32 = 400;
const SLIP_WEIGHT: f64 = 16.0;

/// A gap of more periods than this is a pause: the master may have begun a new grid.
const PAUSE: f64 = 8.0;

/// After a pause the old grid holds if a pulse agrees with it to a part of a period, or to four deviations.
const SAME_GRID: f64 = 1.0 / 16.0;

/// Three intervals whose mean is off the period by this part, or by [`OFF_DEVIATIONS`], whichever is more, contradict
/// the line. From about here on a pulse is soon too early to be itself and the test for breaks would miss it.
const OFF: f64 = 0.15;
const OFF_DEVIATIONS: f64 = 10.0 / 3.0;

/// Each of the three is on the same side by so many deviations: else two of them are gaps, and the third is none.
const ASIDE_DEVIATIONS: f64 = 3.0;

/// Pulses that come at another rate than the line's, by this count in a leaky mean over [`LEAK`], beside a
/// noise of more than a twentieth of a period: the line is wrong, though each pulse for itself finds a place on it.
const LOST: f64 = 2.5;
const LEAK: f64 = 1.0 / 48.0;
const LOST_NOISE: f64 = 1.0 / 400.0;

/// A pulse came where it was expected if it is off by no more than so many deviations, and than a part of a period, the
/// first of which is allowed in any case.
const CLOSE_DEVIATIONS: f64 = 4.0;
const AS_CLOSE: [f64; 2] = [1.0 / 64.0, 1.0 / 4.0];

/// By so many ns START may delay the pulse after it: its byte takes 320 us on a DIN cable.
const START_DELAYS: f64 = 400e3;

/// What one pulse told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Grid periods from the previous pulse's grid point to this one's: 1 as a rule, 0 for a pulse that was queued or sent
    /// twice, k after a gap in which k−1 are missing or late. When the line is found anew this corrects what was said
    /// before, and may then be negative: the sum is always that of the grid in force.
    pub steps: i64,
    /// Arrival minus prediction.
    pub innovation: Span,
    /// Whether a break was recognised: another tempo, another phase, or a pause.
    pub stepped: bool,
    /// Whether the line was founded anew, on the last four pulses.
    pub founded: bool,
    /// Whether it came where it was predicted, as closely as the noise allows.
    pub expected: bool,
}

impl Heard {
    /// One that came `steps` periods on, and `innovation` ns after its prediction.
    fn new(steps: i64, innovation: f64) -> Heard {
        Heard { steps, innovation: Span(innovation as i64), stepped: false, founded: false, expected: false }
    }
}

/// The line as it is estimated, at the latest pulse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The true time of the latest pulse's grid point.
    pub at: Nanos,
    /// The length of a pulse in ns with 32 fractional bits, for [`Tempo::from_pulse_q32`].
    pub pulse_q32: u64,
    /// One standard deviation of `at`, as far as the estimator knows.
    pub error: Span,
}

/// How much the estimate is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// No interval has been heard.
    Unknown,
    /// A deviation of more than 1/32 of a pulse.
    Acquiring,
    /// Better than that.
    Locked,
}

/// A pulse as it was taken in, with the state after it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Nanos,
    steps: f64,
    line: Line,
    /// The innovation in its predicted deviations.
    surprise: f64,
}

/// A break in the line, as the test for it sees it.
#[derive(Clone, Copy)]
struct Break {
    /// How many pulses have come since the last one before it.
    pulses: usize,
    /// Whether the tempo changed, or else the phase moved.
    tempo: bool,
    /// Deviations: of the period's change, or the phase's.
    size: f64,
}

/// Estimates the grid of a clock from the times of its pulses. Real-time safe throughout.
#[derive(Clone, Copy, Debug)]
pub struct Estimator {
    line: Line,
    noise: Noise,
    /// Pulses taken in, as far as they matter: 0 nothing, 1 a phase, 2 a line.
    taken: u32,
    /// Whether there ever was a line.
    known: bool,
    /// The pulses taken in since the last break, at most `WINDOW`; the one at `next − 1` is the latest.
    window: [Entry; WINDOW],
    next: usize,
    filled: usize,
    /// The last arrivals as they came, and the steps that they were said to be. The last one is the latest.
    arrivals: [(Nanos, i64); 4],
    arrived: usize,
    /// The last three innovations, in ns.
    innovations: [f64; 3],
    /// By how much the last intervals differ, in ns: what noise a straight line leaves at least.
    bend: f64,
    /// The grid before a pause, until it is known whether it still holds.
    before_pause: Option<Line>,
    pulses_since_break: u32,
    period_at_break: f64,
    pulses_since_slip: u32,
    /// Wander on top of `WANDER` while a knob turns, in ns a pulse.
    turning: f64,
    /// Leaky sum of `steps − 1`.
    astray: f64,
}

impl Estimator {
    /// An estimator that expects `tempo` until it has heard otherwise.
    #[must_use]
    pub fn new(tempo: Tempo) -> Estimator {
        let line = Line {
            base: Nanos(0),
            phase: 0.0,
            period: tempo.span_of(TickSpan::PULSE).0 as f64,
            phase_variance: FIRST_NOISE,
            covariance: 0.0,
            period_variance: 0.0,
        };
        Estimator {
            line,
            noise: Noise::new(FIRST_NOISE, FIRST_NOISE_WEIGHT),
            taken: 0,
            known: false,
            window: [Entry { at: Nanos(0), steps: 0.0, line, surprise: 0.0 }; WINDOW],
            next: 0,
            filled: 0,
            arrivals: [(Nanos(0), 0); 4],
            arrived: 0,
            innovations: [0.0; 3],
            bend: f64::MAX,
            before_pause: None,
            pulses_since_break: u32::MAX,
            period_at_break: 0.0,
            pulses_since_slip: u32::MAX,
            turning: 0.0,
            astray: 0.0,
        }
    }

    /// A pulse came at `at`. Times should not fall; a pulse that came before the last one is one of a queue.
    pub fn pulse(&mut self, at: Nanos) -> Heard {
        let interval = self.interval_until(at);
        self.bend = self.bend_at(interval);
        let mut heard = self.take(at, interval);
        self.innovations = [self.innovations[1], self.innovations[2], heard.innovation.0 as f64];
        self.arrivals = [self.arrivals[1], self.arrivals[2], self.arrivals[3], (at, heard.steps)];
        self.arrived = (self.arrived + 1).min(self.arrivals.len());

        if interval >= SHORTEST_INTERVAL && heard.steps as f64 <= PAUSE {
            self.astray += (heard.steps - 1) as f64 - LEAK * self.astray;
        }
        let square = self.line.period * self.line.period;
        if self.astray.abs() > LOST && self.noise.variance() > LOST_NOISE * square {
            self.begin_again(at);
            heard.stepped = true;
        } else if self.contradicted() {
            heard.steps = self.found_line_on_intervals();
            (heard.stepped, heard.founded) = (true, true);
        }
        heard
    }

    /// Returns whether a pulse at `at` would be none of the grid, too early for the next one.
    #[must_use]
    pub fn is_between(&self, at: Nanos) -> bool {
        self.taken >= 2 && self.line.steps_until(at, self.noise.variance()) < 1.0
    }

    /// Returns whether a pulse at `at` is one of the grid, as closely as the noise allows, or the `START_DELAYS` it by. Where no grid is
    /// known yet, any is.
    #[must_use]
    pub fn is_on_grid(&self, at: Nanos) -> bool {
        if self.taken < 2 {
            return true;
        }
        let ahead = self.line.after(self.steps_to_nearest(at), self.wander());
        let deviation = (ahead.phase_variance + self.noise.variance()).sqrt();
        ahead.until(at).abs() <= self.closeness(deviation).max(START_DELAYS)
    }

    /// The grid as it is estimated now; `None` until two pulses have told an interval.
    #[must_use]
    pub fn grid(&self) -> Option<Grid> {
        self.known.then(|| Grid {
            at: self.line.base + Span(self.line.phase.round() as i64),
            pulse_q32: (self.line.period * 4_294_967_296.0).round() as u64,
            error: Span(self.line.phase_variance.sqrt() as i64),
        })
    }

    /// The length of a pulse, as it is expected or estimated.
    #[must_use]
    pub fn period(&self) -> Span {
        Span(self.line.period.round() as i64)
    }

    /// Returns how far so many periods and the interval between two pulses may differ by noise alone.
    #[must_use]
    pub fn tolerance(&self, periods: i64) -> Span {
        let squared = (periods * periods) as f64;
        let deviation = (2.0 * self.noise.variance() + squared * self.line.period_variance).sqrt();
        Span(self.closeness(deviation) as i64)
    }

    /// Returns how much the estimate is worth now.
    #[must_use]
    pub fn quality(&self) -> Quality {
        if !self.known {
            Quality::Unknown
        } else if self.taken < 2 || self.line.phase_variance.sqrt() * 32.0 > self.line.period {
            Quality::Acquiring
        } else {
            Quality::Locked
        }
    }

    /// A pulse came at `at` with which the phase begins anew while the tempo stays: a master that restarts its clock at
    /// START. Instead of [`Estimator::pulse`] for this pulse. When the next one is on the old grid, that holds: this one was
    /// only late.
    pub fn restart(&mut self, at: Nanos) {
        let old = self.line.after(self.steps_to_nearest(at), self.wander());
        self.before_pause = (self.taken >= 2).then_some(old);
        self.line = self.line.moved_to(at, self.noise.variance());
        self.taken = self.taken.max(1);
        self.arrivals[3] = (at, 1);
        self.arrived = 1;
        self.forget_window(at);
    }

    /// Returns how many periods on the grid point is that is nearest to `at`.
    fn steps_to_nearest(&self, at: Nanos) -> f64 {
        (self.line.until(at) / self.line.period).round().max(0.0)
    }

    /// Returns how far off something may be whose deviation is known.
    fn closeness(&self, deviation: f64) -> f64 {
        let [least, most] = AS_CLOSE.map(|part| part * self.line.period);
        (CLOSE_DEVIATIONS * deviation).clamp(least, most)
    }

    fn interval_until(&self, at: Nanos) -> f64 {
        if self.arrived == 0 { 0.0 } else { at.since(self.arrivals[3].0).0 as f64 }
    }

    fn bend_at(&self, interval: f64) -> f64 {
        if self.arrived < self.arrivals.len() {
            return f64::MAX;
        }
        let [_, (a, _), (b, _), (c, _)] = self.arrivals;
        let (first, second) = (b.since(a).0 as f64, c.since(b).0 as f64);
        (interval - second).abs().max((second - first).abs())
    }

    fn take(&mut self, at: Nanos, interval: f64) -> Heard {
        match self.taken {
            0 => {
                self.begin_again(at);
                Heard::new(0, 0.0)
            }
            1 => self.take_second(at),
            _ => self.take_next(at, interval),
        }
    }

    /// Returns what follows the first pulse. A line is founded on the two, whatever was expected.
    fn take_second(&mut self, at: Nanos) -> Heard {
        let interval = self.line.until(at);
        let innovation = interval - self.line.period;
        if interval < SHORTEST_INTERVAL {
            return Heard::new(0, innovation);
        }
        if interval > LONGEST_INTERVAL {
            self.begin_again(at);
            return Heard { stepped: true, ..Heard::new(1, innovation) };
        }
        self.line = if self.known {
            // After a restart, the tempo that was known is worth more than one interval.
            let ahead = self.line.after(1.0, 0.0);
            ahead.corrected(ahead.until(at), self.noise.variance())
        } else {
            Line::through(self.line.base, at, self.noise.variance())
        };
        self.taken = 2;
        self.known = true;
        self.forget_window(at);
        Heard::new(1, innovation)
    }

    fn take_next(&mut self, at: Nanos, interval: f64) -> Heard {
        let noise = self.noise.variance();
        self.return_from_pause(at, noise);
        let steps = self.line.steps_until(at, noise);
        if steps < 1.0 {
            let early = self.line.until(at) - self.line.period;
            if self.before_pause.is_some() && interval >= SHORTEST_INTERVAL {
                // The first pulse after the pause was late, and told a wrong phase.
                self.line = self.line.moved_to(at, noise);
                self.forget_window(at);
                return Heard { stepped: true, ..Heard::new(1, early) };
            }
            return Heard::new(0, self.line.until(at));
        }

        let ahead = self.line.after(steps, self.wander());
        let innovation = ahead.until(at);
        let expected = innovation.abs() <= self.closeness((ahead.phase_variance + noise).sqrt());
        let heard = Heard { expected, ..Heard::new(steps as i64, innovation) };
        if steps > PAUSE && !on_grid(&ahead, at, noise) {
            self.before_pause = Some(ahead);
            self.line = ahead.moved_to(at, noise);
            self.forget_window(at);
            return Heard { stepped: true, ..heard };
        }

        self.before_pause = None;
        let surprise = innovation / (ahead.phase_variance + noise).sqrt();
        self.line = ahead.corrected(innovation, noise);
        self.remember(at, steps, surprise);
        self.taken = self.taken.saturating_add(1);
        self.pulses_since_break = self.pulses_since_break.saturating_add(1);
        self.pulses_since_slip = self.pulses_since_slip.saturating_add(1);
        self.turning *= TURNING_DECAY;
        // What the intervals themselves do not show is no noise but a bent line.
        self.noise.learn((surprise * surprise * noise).min(self.bend * self.bend).min(self.most_noise()));
        if self.taken < COLD {
            self.line = self.line.scaled(self.noise.variance() / noise);
        }
        let stepped = self.suspicious() && self.mend();
        Heard { stepped, ..heard }
    }

    /// Goes back to the grid from before a pause when a pulse is on it, though the first one was not.
    fn return_from_pause(&mut self, at: Nanos, noise: f64) {
        let Some(old) = self.before_pause else { return };
        let new = self.line.after(self.line.steps_until(at, noise).max(1.0), 0.0);
        let off_new = new.until(at).abs();
        let steps = old.steps_until(at, noise);
        let was_right = |ahead: Line| on_grid(&ahead, at, noise) && ahead.until(at).abs() < off_new;
        if steps >= 1.0 && was_right(old.after(steps, self.wander())) {
            self.line = old;
            self.before_pause = None;
            self.forget_window(at);
        }
    }

    /// Returns whether the window's surprises, clipped, have a break in them.
    fn suspicious(&self) -> bool {
        let (mut level, mut ramp, mut count, mut squares) = (0.0, 0.0, 0.0, 0.0);
        for back in 0..self.filled.saturating_sub(1) {
            level += self.entry(back).surprise.clamp(-CLIP, CLIP);
            ramp += level;
            count += 1.0;
            squares += count * count;
            if level * level > ALARM * ALARM * count || ramp * ramp > ALARM * ALARM * squares {
                return true;
            }
        }
        false
    }

    /// The likeliest break: where, of which kind, and how large. Unclipped, and of two pulses at least.
    fn likeliest_break(&self) -> Break {
        let (mut level, mut ramp, mut count, mut squares) = (0.0, 0.0, 0.0, 0.0);
        let mut best = Break { pulses: 2, tempo: true, size: 0.0 };
        let mut likelihood = 0.0;
        for back in 0..self.filled.saturating_sub(1) {
            level += self.entry(back).surprise;
            ramp += level;
            count += 1.0;
            squares += count * count;
            let pulses = back + 1;
            if pulses >= 2 && ramp * ramp > likelihood * squares {
                likelihood = ramp * ramp / squares;
                best = Break { pulses, tempo: true, size: ramp / squares };
            }
            if pulses >= 2 && level * level > likelihood * count {
                likelihood = level * level / count;
                best = Break { pulses, tempo: false, size: level / count };
            }
        }
        best
    }

    /// Goes back to the likeliest break and comes again from there. Whether that explained the surprises; if not, they
    /// are taken for noise.
    fn mend(&mut self) -> bool {
        let found = self.likeliest_break();
        if found.pulses >= self.filled {
            return false;
        }
        let noise = self.noise.variance();
        let mut line = self.entry(found.pulses).line;
        let square = found.size * found.size * (noise + line.phase_variance);
        line.covariance = 0.0;
        if found.tempo {
            line.phase_variance += TEMPO_BREAK_PHASE * square;
            line.period_variance += 4.0 * square + TEMPO_BREAK * line.period * line.period;
        } else {
            // A phase that moved looks like the beginning of another tempo, so the period is let loose by as much.
            line.phase_variance += 4.0 * square;
            line.period_variance += square / (found.pulses * found.pulses) as f64;
        }

        let wander = self.wander();
        let mut mended = [(line, 0.0); WINDOW];
        let mut unexplained = 0.0;
        for back in (0..found.pulses).rev() {
            let Entry { at, steps, .. } = *self.entry(back);
            let ahead = line.after(steps, wander);
            let innovation = ahead.until(at);
            let surprise = innovation / (ahead.phase_variance + noise).sqrt();
            line = ahead.corrected(innovation, noise);
            mended[back] = (line, surprise);
            if back + 1 < found.pulses {
                unexplained += surprise * surprise;
            }
        }
        unexplained = (unexplained / (found.pulses - 1) as f64).min(self.bend * self.bend / (4.0 * noise));
        if unexplained > UNEXPLAINED {
            self.raise_noise(noise * unexplained);
            return false;
        }

        for (back, &(line, surprise)) in mended.iter().enumerate().take(found.pulses) {
            let place = self.place(back);
            self.window[place].line = line;
            self.window[place].surprise = surprise;
        }
        self.filled = found.pulses + 1;
        self.line = line;
        if !found.tempo {
            if self.pulses_since_slip < SLIPS_WITHIN {
                self.noise.add(SLIP_WEIGHT * square.min(self.most_noise()));
            }
            self.pulses_since_slip = 0;
        }
        if self.pulses_since_break < TURNING_WITHIN {
            let rate = (line.period - self.period_at_break).abs() / f64::from(self.pulses_since_break + 1);
            self.turning = self.turning.max(2.0 * rate);
        }
        self.pulses_since_break = 0;
        self.period_at_break = line.period;
        true
    }

    fn raise_noise(&mut self, variance: f64) {
        let before = self.noise.variance();
        let variance = variance.min(self.most_noise()).max(before);
        self.noise = Noise::new(variance, NOISE_BLOCK / 2.0);
        let by = (before / variance).sqrt();
        for entry in &mut self.window {
            entry.surprise *= by;
        }
    }

    /// Returns whether the last four pulses agree with each other and not with the line.
    fn contradicted(&self) -> bool {
        if self.arrived < self.arrivals.len() || self.taken < 3 {
            return false;
        }
        let [(a, _), (b, _), (c, _), (d, _)] = self.arrivals;
        let intervals = [b.since(a).0 as f64, c.since(b).0 as f64, d.since(c).0 as f64];
        let shortest = intervals[0].min(intervals[1]).min(intervals[2]);
        let longest = intervals[0].max(intervals[1]).max(intervals[2]);
        let agree = shortest >= SHORTEST_INTERVAL && longest <= LONGEST_INTERVAL && longest <= 2.0 * shortest;
        let deviation = self.noise.variance().sqrt();
        // All of them on one side: a late pulse lengthens one interval and shortens the next.
        let margin = (0.05 * self.line.period).max(ASIDE_DEVIATIONS * deviation);
        let aside = shortest > self.line.period + margin || longest < self.line.period - margin;
        let off = (d.since(a).0 as f64 / 3.0 - self.line.period).abs();
        agree && aside && off > (OFF * self.line.period).max(OFF_DEVIATIONS * deviation)
    }

    /// Founds the line on the last four pulses. The steps that make the sum right for the last one.
    fn found_line_on_intervals(&mut self) -> i64 {
        let noise = self.noise.variance();
        let [(a, _), (b, said_b), (c, said_c), (d, _)] = self.arrivals;
        self.line = Line::through(a, b, noise);
        self.forget_window(b);
        for at in [c, d] {
            let ahead = self.line.after(1.0, 0.0);
            let innovation = ahead.until(at);
            self.line = ahead.corrected(innovation, noise);
            self.remember(at, 1.0, innovation / (ahead.phase_variance + noise).sqrt());
        }
        let steps = 3 - said_b - said_c;
        self.arrivals[3] = (d, steps);
        self.arrived = 1;
        self.before_pause = None;
        self.astray = 0.0;
        steps
    }

    /// Everything but the tempo is forgotten, and that is open to correction.
    fn begin_again(&mut self, at: Nanos) {
        self.noise = Noise::new(FIRST_NOISE, FIRST_NOISE_WEIGHT);
        self.line = self.line.moved_to(at, FIRST_NOISE);
        self.line.period_variance = self.line.period * self.line.period;
        self.taken = 1;
        self.before_pause = None;
        self.astray = 0.0;
        self.forget_window(at);
    }

    fn wander(&self) -> f64 {
        WANDER * WANDER + self.turning * self.turning
    }

    fn most_noise(&self) -> f64 {
        MOST_NOISE * self.line.period * self.line.period
    }

    /// The place of the pulse taken in `back` pulses before the latest.
    fn place(&self, back: usize) -> usize {
        (self.next + WINDOW - 1 - back) % WINDOW
    }

    fn entry(&self, back: usize) -> &Entry {
        &self.window[self.place(back)]
    }

    fn remember(&mut self, at: Nanos, steps: f64, surprise: f64) {
        self.window[self.next] = Entry { at, steps, line: self.line, surprise };
        self.next = (self.next + 1) % WINDOW;
        self.filled = (self.filled + 1).min(WINDOW);
    }

    /// The line was set, not corrected: no break is looked for before the pulse at `at`.
    fn forget_window(&mut self, at: Nanos) {
        self.filled = 0;
        self.remember(at, 0.0, 0.0);
    }
}

/// Returns whether a pulse at `at` belongs to the grid point of `line`, after a pause.
fn on_grid(line: &Line, at: Nanos, noise: f64) -> bool {
    line.until(at).abs() <= (SAME_GRID * line.period).max(4.0 * (line.phase_variance + noise).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 3_600_000_000_000;
    const PULSE: u64 = 20_000_000;

    fn at(pulse: u64) -> Nanos {
        Nanos(START + pulse * PULSE)
    }

    /// One that has heard pulses 0 to 199 at 125 BPM, each moved by up to `jitter` ns either way.
    fn steady(jitter: u64) -> Estimator {
        let mut estimator = Estimator::new(Tempo::from_bpm(125.0).unwrap());
        for pulse in 0..200 {
            estimator.pulse(jittered(at(pulse), pulse, jitter));
        }
        estimator
    }

    fn jittered(time: Nanos, pulse: u64, jitter: u64) -> Nanos {
        // Fibonacci hashing spreads successive numbers evenly.
        let part = pulse.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        Nanos(time.0 + ((2 * jitter * part) >> 24) - jitter)
    }

    fn bpm(estimator: &Estimator) -> f64 {
        Tempo::from_pulse_q32(estimator.grid().unwrap().pulse_q32).bpm()
    }

    /// Returns where the grid point is, less where it should be, in us.
    fn off_us(estimator: &Estimator, truth: Nanos) -> f64 {
        estimator.grid().map_or(0.0, |grid| grid.at.since(truth).0 as f64 / 1e3)
    }

    #[test]
    fn nothing_is_known_before_the_second_pulse() {
        let mut estimator = Estimator::new(Tempo::from_bpm(120.0).unwrap());
        assert_eq!((estimator.grid(), estimator.quality()), (None, Quality::Unknown));
        estimator.pulse(at(0));
        assert_eq!((estimator.grid(), estimator.quality()), (None, Quality::Unknown));
        estimator.pulse(at(1));
        assert_eq!(estimator.grid().unwrap().at, at(1));
        assert!((bpm(&estimator) - 125.0).abs() < 1e-6);
    }

    #[test]
    fn another_tempo_than_expected_is_known_within_a_beat() {
        for bpm_played in [20.0, 97.3, 400.0] {
            let pulse = 60e9 / (24.0 * bpm_played);
            let mut estimator = Estimator::new(Tempo::from_bpm(120.0).unwrap());
            for i in 0..24u64 {
                let time = Nanos(START + (i as f64 * pulse) as u64);
                estimator.pulse(jittered(time, i, 20_000));
            }
            assert!((bpm(&estimator) / bpm_played - 1.0).abs() < 1e-3, "{} for {bpm_played}", bpm(&estimator));
            assert_eq!(estimator.quality(), Quality::Locked);
        }
    }

    #[test]
    fn missing_pulses_are_stepped_over() {
        for jitter in [1, 500_000] {
            let mut estimator = steady(jitter);
            let heard = estimator.pulse(jittered(at(201), 201, jitter));
            assert_eq!((heard.steps, heard.stepped), (2, false));
            let heard = estimator.pulse(jittered(at(204), 204, jitter));
            assert_eq!((heard.steps, heard.stepped), (3, false));
            assert!(off_us(&estimator, at(204)).abs() < 1.0 + jitter as f64 / 2_000.0);
            assert!((bpm(&estimator) - 125.0).abs() < 0.1);
        }
    }

    #[test]
    fn a_doubled_pulse_is_no_step() {
        for after in [0, 1_000, 320_000, 5_000_000] {
            let mut estimator = steady(20_000);
            estimator.pulse(at(200));
            assert_eq!(estimator.pulse(at(200) + Span(after)).steps, 0);
            assert_eq!(estimator.pulse(at(201)).steps, 1);
            assert!(off_us(&estimator, at(201)).abs() < 20.0);
        }
    }

    #[test]
    fn a_pulse_that_is_very_late_moves_nothing() {
        for late in [3_000_000, 8_000_000] {
            let mut estimator = steady(1);
            let heard = estimator.pulse(at(200) + Span(late));
            assert_eq!((heard.steps, heard.innovation.0 / 1_000_000), (1, late / 1_000_000));
            assert!(off_us(&estimator, at(200)).abs() < 5.0);
            assert!(!estimator.pulse(at(201)).stepped);
            assert!(off_us(&estimator, at(201)).abs() < 5.0);
        }
    }

    #[test]
    fn a_burst_after_a_stall_leaves_the_grid_where_it_was() {
        for read_after in [0, 3_000_000, 9_000_000, 13_000_000, 19_000_000] {
            let mut estimator = steady(20_000);
            // Pulses 200 to 247 are read together, some time after the last of them came.
            let mut steps = 0;
            for i in 0..48 {
                steps += estimator.pulse(at(247) + Span(read_after + i * 1_000)).steps;
            }
            for pulse in 248..252 {
                steps += estimator.pulse(jittered(at(pulse), pulse, 20_000)).steps;
            }
            assert_eq!(steps, 52, "read after {read_after}");
            assert!(off_us(&estimator, at(251)).abs() < 20.0, "read after {read_after}");
            assert!((bpm(&estimator) - 125.0).abs() < 0.01, "read after {read_after}");
        }
    }

    #[test]
    fn after_a_pause_a_new_grid_is_taken_at_once_and_the_tempo_kept() {
        for moved in [0, 2_000_000, 7_000_000, 12_000_000, 18_000_000] {
            let mut estimator = steady(20_000);
            let back = at(350) + Span(moved);
            estimator.pulse(back);
            assert!(off_us(&estimator, back).abs() < 30.0, "moved by {moved}");
            assert!((bpm(&estimator) - 125.0).abs() < 0.05, "moved by {moved}");
            for pulse in 1..24 {
                assert_eq!(estimator.pulse(back + Span((pulse * PULSE) as i64)).steps, 1, "moved by {moved}");
                assert!(off_us(&estimator, back + Span((pulse * PULSE) as i64)).abs() < 30.0, "moved by {moved}");
            }
        }
    }

    #[test]
    fn a_restart_moves_the_phase_and_keeps_the_tempo() {
        let mut estimator = steady(20_000);
        let restart = at(200) + Span(7_300_000);
        estimator.restart(restart);
        assert_eq!(estimator.grid().unwrap().at, restart);
        assert!((bpm(&estimator) - 125.0).abs() < 0.05);
        let heard = estimator.pulse(restart + Span(PULSE as i64));
        assert_eq!((heard.steps, heard.stepped), (1, false));
        assert!(heard.innovation.0.abs() < 30_000);
    }

    #[test]
    fn a_tempo_that_is_tripled_or_divided_by_three_is_known_within_three_pulses() {
        for (before, after) in [(60.0, 180.0), (180.0, 60.0), (120.0, 150.0), (120.0, 90.0), (60.0, 120.0)] {
            let mut estimator = Estimator::new(Tempo::from_bpm(120.0).unwrap());
            let (mut time, mut steps) = (START as f64, 0);
            for i in 0..204 {
                steps += estimator.pulse(Nanos(time as u64)).steps;
                time += 60e9 / 24.0 / if i < 200 { before } else { after };
            }
            assert!((bpm(&estimator) / after - 1.0).abs() < 1e-3, "{before} to {after}: {}", bpm(&estimator));
            assert_eq!(steps, 203, "{before} to {after}");
        }
    }

    #[test]
    fn a_rise_from_60_to_180_within_a_bar_is_followed() {
        let mut estimator = Estimator::new(Tempo::from_bpm(60.0).unwrap());
        let (mut time, mut steps) = (START as f64, 0);
        for i in 0..400 {
            let heard = estimator.pulse(jittered(Nanos(time as u64), i, 20_000));
            steps += heard.steps;
            if i > 1 {
                let off = off_us(&estimator, Nanos(time as u64));
                let bound = match i {
                    200..212 => 9_000.0,
                    212..320 => 1_000.0,
                    _ => 50.0,
                };
                assert!(off.abs() < bound, "pulse {i}: off by {off} us");
            }
            let tempo = 60.0 + 120.0 * (i.clamp(200, 296) - 200) as f64 / 96.0;
            time += 60e9 / 24.0 / tempo;
        }
        assert_eq!(steps, 399);
        assert!((bpm(&estimator) - 180.0).abs() < 0.1);
    }

    #[test]
    fn a_knob_that_is_turned_slowly_is_followed_without_leaps() {
        let mut estimator = Estimator::new(Tempo::from_bpm(120.0).unwrap());
        let mut time = START as f64;
        for i in 0..2_000 {
            estimator.pulse(Nanos(time as u64));
            let off = off_us(&estimator, Nanos(time as u64));
            assert!(i < 2 || off.abs() < 20.0, "pulse {i}: off by {off} us");
            time += 60e9 / 24.0 / (120.0 + 5.0 * (i.clamp(300, 1_800) - 300) as f64 / 1_500.0);
        }
        assert!((bpm(&estimator) - 125.0).abs() < 0.001);
    }

    #[test]
    fn noise_that_grows_is_not_taken_for_a_tempo_for_long() {
        let mut estimator = steady(1);
        for pulse in 200..400 {
            estimator.pulse(jittered(at(pulse), pulse, 1_000_000));
        }
        assert!(off_us(&estimator, at(399)).abs() < 300.0);
        assert!((bpm(&estimator) - 125.0).abs() < 0.1);
    }

    #[test]
    fn a_clean_clock_is_followed_to_the_microsecond_for_days() {
        let mut estimator = Estimator::new(Tempo::from_bpm(120.0).unwrap());
        // From two days after the clock's origin on, a pulse of 20 ms and a third of a nanosecond.
        let origin = 172_800_000_000_000;
        for i in 0..20_000u64 {
            let truth = Nanos(origin + i * PULSE + i / 3);
            estimator.pulse(truth);
            assert!(i < 2 || off_us(&estimator, truth).abs() < 0.05, "pulse {i}");
        }
    }
}

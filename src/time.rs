//! Time and musical position, each with its unit in the type.
//!
//! There are two axes. *Time* is what the machine's monotonic clock counts: [`Nanos`] is a point on it and [`Span`] the
//! distance between two points. *Position* is what musicians count: [`Tick`] is a point in the song and [`TickSpan`] the
//! distance between two. A [`Tempo`] is the rate between the axes, and the mapping itself lives in
//! [`engine::clock::timeline`](crate::engine::clock::timeline).
//!
//! A device's own clock is a third axis ([`DeviceTime`]) that nothing may compare with [`Nanos`]; only a named transform
//! turns one into the other.
//!
//! Everything here is `Copy`, free of allocation and system calls, and safe to use on the real-time thread.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};

/// Ticks in a quarter note. 960 divides by 2, 3, 5 and their products, so triplets and quintuplets of a sixteenth are
/// whole numbers of ticks.
pub const TICKS_PER_QUARTER: i64 = 960;

/// MIDI clock pulses (F8) in a quarter note, fixed by the MIDI 1.0 specification.
pub const PULSES_PER_QUARTER: i64 = 24;

/// Ticks from one MIDI clock pulse to the next.
pub const TICKS_PER_PULSE: i64 = TICKS_PER_QUARTER / PULSES_PER_QUARTER;

/// Ticks in a sixteenth, the unit of the song position pointer.
pub const TICKS_PER_SIXTEENTH: i64 = TICKS_PER_QUARTER / 4;

const _: () = assert!(TICKS_PER_QUARTER % PULSES_PER_QUARTER == 0);
const _: () = assert!(TICKS_PER_SIXTEENTH == 6 * TICKS_PER_PULSE);

/// A point on the machine's monotonic clock, in nanoseconds since an arbitrary origin.
///
/// The only place that makes one from the running clock is [`rt::clock`](crate::rt::clock): everywhere else time is
/// passed in. Counts for 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

/// A signed distance between two points in time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

/// A device's own time stamp, in microseconds since its connection was opened.
///
/// Comparable only with stamps of the same connection, and never with [`Nanos`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceTime(pub u64);

/// A point in the song, in ticks of 1/960 quarter; 0 is the first beat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub i64);

/// A signed distance in the song, in ticks of 1/960 quarter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TickSpan(pub i64);

impl Nanos {
    /// The distance from `earlier` to this point; negative when `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Nanos) -> Span {
        Span(self.0.wrapping_sub(earlier.0) as i64)
    }
}

impl Span {
    /// No distance.
    pub const ZERO: Span = Span(0);

    /// A span of whole microseconds.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Span {
        Span(micros * 1_000)
    }

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Span {
        Span(millis * 1_000_000)
    }

    /// The span as a standard duration; negative spans become zero.
    #[must_use]
    pub const fn to_duration(self) -> std::time::Duration {
        std::time::Duration::from_nanos(if self.0 > 0 { self.0 as u64 } else { 0 })
    }
}

impl TickSpan {
    /// No distance.
    pub const ZERO: TickSpan = TickSpan(0);
    /// One MIDI clock pulse.
    pub const PULSE: TickSpan = TickSpan(TICKS_PER_PULSE);
    /// One sixteenth note.
    pub const SIXTEENTH: TickSpan = TickSpan(TICKS_PER_SIXTEENTH);
    /// One quarter note.
    pub const QUARTER: TickSpan = TickSpan(TICKS_PER_QUARTER);

    /// `percent` hundredths of the span, rounded to the nearest tick.
    #[must_use]
    pub const fn percent(self, percent: u32) -> TickSpan {
        TickSpan((self.0 * percent as i64 + 50).div_euclid(100))
    }
}

impl Tick {
    /// The first beat of the song.
    pub const ZERO: Tick = Tick(0);

    /// The position of clock pulse number `pulse`, counted from 0.
    #[must_use]
    pub const fn of_pulse(pulse: i64) -> Tick {
        Tick(pulse * TICKS_PER_PULSE)
    }

    /// The clock pulse that falls on this position, counted from 0; between two pulses, the one before.
    #[must_use]
    pub const fn pulse(self) -> i64 {
        self.0.div_euclid(TICKS_PER_PULSE)
    }

    /// The first multiple of `grid` at or after this position. `grid` must be positive.
    #[must_use]
    pub const fn round_up_to(self, grid: TickSpan) -> Tick {
        Tick((self.0 + grid.0 - 1).div_euclid(grid.0) * grid.0)
    }
}

impl Add<Span> for Nanos {
    type Output = Nanos;
    fn add(self, span: Span) -> Nanos {
        Nanos(self.0.saturating_add_signed(span.0))
    }
}

impl Sub<Span> for Nanos {
    type Output = Nanos;
    fn sub(self, span: Span) -> Nanos {
        self + -span
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0 + other.0)
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0 - other.0)
    }
}

impl Neg for Span {
    type Output = Span;
    fn neg(self) -> Span {
        Span(-self.0)
    }
}

impl Add<TickSpan> for Tick {
    type Output = Tick;
    fn add(self, span: TickSpan) -> Tick {
        Tick(self.0 + span.0)
    }
}

impl AddAssign<TickSpan> for Tick {
    fn add_assign(&mut self, span: TickSpan) {
        self.0 += span.0;
    }
}

impl Sub<TickSpan> for Tick {
    type Output = Tick;
    fn sub(self, span: TickSpan) -> Tick {
        Tick(self.0 - span.0)
    }
}

impl Sub for Tick {
    type Output = TickSpan;
    fn sub(self, earlier: Tick) -> TickSpan {
        TickSpan(self.0 - earlier.0)
    }
}

impl Add for TickSpan {
    type Output = TickSpan;
    fn add(self, other: TickSpan) -> TickSpan {
        TickSpan(self.0 + other.0)
    }
}

impl Sub for TickSpan {
    type Output = TickSpan;
    fn sub(self, other: TickSpan) -> TickSpan {
        TickSpan(self.0 - other.0)
    }
}

impl AddAssign for TickSpan {
    fn add_assign(&mut self, other: TickSpan) {
        self.0 += other.0;
    }
}

impl std::ops::Mul<i64> for TickSpan {
    type Output = TickSpan;
    fn mul(self, count: i64) -> TickSpan {
        TickSpan(self.0 * count)
    }
}

/// The rate between position and time, held as the length of a tick: nanoseconds with 32 fractional bits.
///
/// The fraction makes the rounding of the tempo itself harmless: half of 2⁻³² ns per tick is below a nanosecond in
/// 24 hours at 400 BPM. Always between [`Tempo::SLOWEST`] and [`Tempo::FASTEST`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tempo {
    tick_q32: u64,
}

impl Tempo {
    /// The slowest tempo that is accepted, in quarter notes a minute.
    pub const SLOWEST: f64 = 20.0;
    /// The fastest tempo that is accepted, in quarter notes a minute.
    pub const FASTEST: f64 = 400.0;

    /// A tempo of `bpm` quarter notes a minute, fractional; `None` when it is out of range or not a number.
    #[must_use]
    pub fn from_bpm(bpm: f64) -> Option<Tempo> {
        if !(Self::SLOWEST..=Self::FASTEST).contains(&bpm) {
            return None;
        }
        let tick_nanos = 60e9 / (bpm * TICKS_PER_QUARTER as f64);
        Some(Tempo { tick_q32: (tick_nanos * 4_294_967_296.0).round() as u64 })
    }

    /// The tempo whose MIDI clock pulse lasts `pulse_q32` nanoseconds with 32 fractional bits, held to the accepted range.
    #[must_use]
    pub fn from_pulse_q32(pulse_q32: u64) -> Tempo {
        let tick_q32 = pulse_q32 / TICKS_PER_PULSE as u64;
        Tempo { tick_q32: tick_q32.clamp(Self::shortest_tick(), Self::longest_tick()) }
    }

    /// This tempo by a clock that runs fast by `pace` millionths, or slow: it counts as much more time, or less. Held to the
    /// accepted range.
    #[must_use]
    pub fn paced(self, pace: i32) -> Tempo {
        const WHOLE: i128 = 1_000_000;
        let pulse = i128::from(self.tick_q32) * i128::from(TICKS_PER_PULSE) * (WHOLE + i128::from(pace)).max(1) / WHOLE;
        Tempo::from_pulse_q32(u64::try_from(pulse).unwrap_or(u64::MAX))
    }

    const fn shortest_tick() -> u64 {
        Self::tick_at_whole_bpm(Self::FASTEST as u128)
    }

    const fn longest_tick() -> u64 {
        Self::tick_at_whole_bpm(Self::SLOWEST as u128)
    }

    const fn tick_at_whole_bpm(bpm: u128) -> u64 {
        ((60_000_000_000u128 << 32) / (bpm * TICKS_PER_QUARTER as u128)) as u64
    }

    /// Quarter notes a minute.
    #[must_use]
    pub fn bpm(self) -> f64 {
        60e9 * 4_294_967_296.0 / (self.tick_q32 as f64 * TICKS_PER_QUARTER as f64)
    }

    /// The length of a tick in nanoseconds with 32 fractional bits.
    #[must_use]
    pub const fn tick_q32(self) -> u64 {
        self.tick_q32
    }

    /// Returns how long `span` lasts at this tempo, rounded to the nearest nanosecond.
    #[must_use]
    pub const fn span_of(self, span: TickSpan) -> Span {
        let q32 = span.0 as i128 * self.tick_q32 as i128;
        Span(((q32 + (1 << 31)) >> 32) as i64)
    }
}

impl fmt::Debug for Tempo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6} BPM", self.bpm())
    }
}

/// How many quarter-note fractions make a bar, such as 4/4 or 7/8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Meter {
    beats: u8,
    unit: u8,
}

impl Meter {
    /// Four quarters to the bar.
    pub const COMMON: Meter = Meter { beats: 4, unit: 4 };

    /// `beats` notes of 1/`unit` to the bar; `None` unless `beats` is 1 to 64 and `unit` a power of two up to 64.
    #[must_use]
    pub const fn new(beats: u8, unit: u8) -> Option<Meter> {
        if beats >= 1 && beats <= 64 && unit >= 1 && unit <= 64 && unit.is_power_of_two() {
            Some(Meter { beats, unit })
        } else {
            None
        }
    }

    /// Returns how many beats a bar has, 1 to 64.
    #[must_use]
    pub const fn beats(self) -> u8 {
        self.beats
    }

    /// The note that is a beat, as the lower number of the fraction: a power of two up to 64.
    #[must_use]
    pub const fn unit(self) -> u8 {
        self.unit
    }

    /// The length of a bar.
    #[must_use]
    pub const fn bar(self) -> TickSpan {
        TickSpan(self.beat().0 * self.beats as i64)
    }

    /// The length of a beat, which is the note named by the lower number.
    #[must_use]
    pub const fn beat(self) -> TickSpan {
        TickSpan(4 * TICKS_PER_QUARTER / self.unit as i64)
    }

    /// `tick` as bar, beat and tick within the beat, each counted as musicians do: bar 1, beat 1, tick 0.
    #[must_use]
    pub const fn bar_beat_tick(self, tick: Tick) -> (i64, i64, i64) {
        let in_bar = tick.0.rem_euclid(self.bar().0);
        (tick.0.div_euclid(self.bar().0) + 1, in_bar / self.beat().0 + 1, in_bar % self.beat().0)
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.beats, self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tempo_keeps_its_value() {
        for bpm in [20.0, 97.3, 125.0, 174.6, 400.0] {
            let back = Tempo::from_bpm(bpm).unwrap().bpm();
            assert!((back - bpm).abs() < 1e-9 * bpm, "{bpm} became {back}");
        }
        assert_eq!(Tempo::from_bpm(19.9), None);
        assert_eq!(Tempo::from_bpm(400.1), None);
        assert_eq!(Tempo::from_bpm(f64::NAN), None);
    }

    #[test]
    fn a_pulse_at_125_bpm_lasts_20_ms() {
        let tempo = Tempo::from_bpm(125.0).unwrap();
        assert_eq!(tempo.span_of(TickSpan::PULSE), Span::from_millis(20));
        assert_eq!(Tempo::from_pulse_q32(20_000_000 << 32), tempo);
    }

    #[test]
    fn a_measured_pulse_stays_within_the_accepted_tempos() {
        assert!((Tempo::from_pulse_q32(0).bpm() - Tempo::FASTEST).abs() < 1e-6);
        assert!((Tempo::from_pulse_q32(1 << 32).bpm() - Tempo::FASTEST).abs() < 1e-6);
        assert!((Tempo::from_pulse_q32(u64::MAX).bpm() - Tempo::SLOWEST).abs() < 1e-6);
    }

    #[test]
    fn bars_follow_the_meter() {
        assert_eq!(Meter::COMMON.bar(), TickSpan(3_840));
        assert_eq!(Meter::new(7, 8).unwrap().bar(), TickSpan(3_360));
        assert_eq!(Meter::new(4, 3), None);
        assert_eq!(Meter::COMMON.bar_beat_tick(Tick(3_840 + 960 + 5)), (2, 2, 5));
    }

    #[test]
    fn rounding_up_keeps_what_is_on_the_grid() {
        assert_eq!(Tick(3_840).round_up_to(TickSpan(3_840)), Tick(3_840));
        assert_eq!(Tick(3_841).round_up_to(TickSpan(3_840)), Tick(7_680));
    }
}

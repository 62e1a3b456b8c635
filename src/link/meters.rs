//! What is measured while the show plays, readable at any time without disturbing it.
//!
//! Every value is an atomic with exactly one writing thread, so an update is a load and a store and never waits. Readers
//! use relaxed loads: a snapshot taken while the show plays may be one message out of step with itself, and each single
//! number in it is true.

use std::array;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU64, Ordering::Relaxed};

use atomic_float::AtomicF64;
use crossbeam_utils::CachePadded;

use super::feed::{AllFeeds, FeedMeters};
use crate::engine::ClockSource;
use crate::engine::arrangement::transport::Phase;
use crate::engine::ports::wire::GaveWay;
use crate::engine::program::{FeedSlot, MAX_PORTS, PortSet, PortSlot};
use crate::time::{Nanos, Span, Tick};

/// Each power of two is cut into this many buckets: 2⁴, so a bucket is at most 6.25 % wide.
const SUB_BUCKETS: usize = 16;
const SUB_BITS: u32 = SUB_BUCKETS.trailing_zeros();
/// Powers of two that are told apart, the first from 0 to 15 ns; the last bucket takes everything from 17 s on.
pub const OCTAVES: usize = 31;
const BUCKETS: usize = SUB_BUCKETS * OCTAVES;

/// A histogram of spans, log-linear as HdrHistogram's: exact below 16 ns, within 6.25 % above.
#[derive(Debug)]
pub struct Histogram {
    counts: [AtomicU64; BUCKETS],
    max: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: array::from_fn(|_| AtomicU64::new(0)), max: AtomicU64::new(0) }
    }
}

/// The bucket of a value in nanoseconds.
const fn bucket_of(nanos: u64) -> usize {
    if nanos < SUB_BUCKETS as u64 {
        return nanos as usize;
    }
    let octave = nanos.ilog2() - SUB_BITS;
    let sub = (nanos >> octave) as usize - SUB_BUCKETS;
    let bucket = (octave as usize + 1) * SUB_BUCKETS + sub;
    if bucket < BUCKETS { bucket } else { BUCKETS - 1 }
}

/// The largest value that falls into a bucket.
const fn top_of(bucket: usize) -> u64 {
    if bucket < SUB_BUCKETS {
        return bucket as u64;
    }
    let octave = (bucket / SUB_BUCKETS - 1) as u32;
    let sub = (bucket % SUB_BUCKETS + SUB_BUCKETS) as u64;
    ((sub + 1) << octave) - 1
}

impl Histogram {
    /// Counts one value; negative ones count as zero. Only the writing thread may call this. Real-time safe.
    pub fn record(&self, value: Span) {
        let nanos = value.0.max(0) as u64;
        add(&self.counts[bucket_of(nanos)], 1);
        if nanos > self.max.load(Relaxed) {
            self.max.store(nanos, Relaxed);
        }
    }

    /// Returns how many values each power of two holds: the first those below 16 ns, each other one those from `8 << index` ns to
    /// double that.
    #[must_use]
    pub fn octaves(&self) -> [u64; OCTAVES] {
        let of = |octave: usize| &self.counts[octave * SUB_BUCKETS..(octave + 1) * SUB_BUCKETS];
        array::from_fn(|octave| of(octave).iter().map(|count| count.load(Relaxed)).sum())
    }

    /// Returns what it holds now.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        let counts: [u64; BUCKETS] = array::from_fn(|bucket| self.counts[bucket].load(Relaxed));
        let count = counts.iter().sum::<u64>();
        let max = self.max.load(Relaxed);
        // The value below which `share` per mille of all values lie; at least one value lies at or below it.
        let at = |share: u64| {
            let wanted = (count * share).div_ceil(1_000).max(1);
            let mut seen = 0;
            let bucket = counts.iter().position(|n| {
                seen += n;
                seen >= wanted
            });
            Span(bucket.map_or(0, |bucket| top_of(bucket).min(max)) as i64)
        };
        Percentiles { count, p50: at(500), p99: at(990), p999: at(999), max: Span(max as i64) }
    }
}

/// What performers and engineers ask of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// How many values there were.
    pub count: u64,
    /// Half of them were at most this.
    pub p50: Span,
    /// All but one in a hundred were at most this.
    pub p99: Span,
    /// All but one in a thousand were at most this.
    pub p999: Span,
    /// The largest.
    pub max: Span,
}

/// What is counted for one port: two halves, each written by one thread, so that neither takes the other's cache line.
#[derive(Debug, Default)]
pub struct PortMeters {
    realtime: CachePadded<Output>,
    input: CachePadded<Input>,
}

// Each half has its lines for itself: it begins on one and fills its last, in an array of ports too.
const _: () = {
    /// What processors move between them: a line, or a pair of lines that is fetched together.
    const LINE: usize = align_of::<CachePadded<u8>>();
    let (realtime, input) = (mem::offset_of!(PortMeters, realtime), mem::offset_of!(PortMeters, input));
    assert!(realtime % LINE == 0 && input % LINE == 0, "a half begins on a line");
    assert!(realtime.abs_diff(input) >= LINE, "the halves share a line");
    assert!(
        align_of::<PortMeters>() >= LINE && size_of::<PortMeters>().is_multiple_of(LINE),
        "the next port shares a line"
    );
};

/// Written by the real-time thread.
#[derive(Debug, Default)]
struct Output {
    sent: AtomicU64,
    failed: AtomicU64,
    /// Values that gave way for good, and those that wait.
    withheld: AtomicU64,
    waiting: AtomicU64,
    /// The port by which our own clock left that came back on this one: its slot and 1; 0 where none has.
    echo_of: AtomicU8,
    /// The ports to which was sent what comes back on this one, as bits.
    returned: AtomicU16,
}

/// Written by the port's input thread.
#[derive(Debug, Default)]
struct Input {
    lost: AtomicU64,
    /// When anything came last from a controller that sends active sensing; 0 for any other.
    sensed: AtomicU64,
    has_failed: AtomicBool,
}

impl PortMeters {
    /// Something came at `at` from a controller that sends active sensing; `None` before it has. The port's input thread only.
    pub fn show_sensed(&self, at: Option<Nanos>) {
        self.input.sensed.store(at.map_or(0, |at| at.0.max(1)), Relaxed);
    }

    /// Returns when anything came last from a controller that sends active sensing.
    #[must_use]
    pub fn sensed(&self) -> Option<Nanos> {
        Some(self.input.sensed.load(Relaxed)).filter(|&at| at != 0).map(Nanos)
    }

    /// The input thread of the port has failed. The port's input thread only.
    pub fn note_failed_input(&self) {
        self.input.has_failed.store(true, Relaxed);
    }

    /// Returns whether the input thread of the port has failed.
    #[must_use]
    pub fn has_failed_input(&self) -> bool {
        self.input.has_failed.load(Relaxed)
    }

    /// One more message went out. Real-time thread only.
    pub fn count_sent(&self) {
        add(&self.realtime.sent, 1);
    }

    /// One more message was refused by the port. Real-time thread only.
    pub fn count_failed(&self) {
        add(&self.realtime.failed, 1);
    }

    /// Returns how many messages the port has taken, and how many it has refused.
    #[must_use]
    pub fn sent_and_failed(&self) -> (u64, u64) {
        (self.realtime.sent.load(Relaxed), self.realtime.failed.load(Relaxed))
    }

    /// What has given way on the port's wire; stored where it has changed, as every pass says it. Real-time thread only.
    pub fn show_gave_way(&self, gave_way: GaveWay) {
        if self.realtime.withheld.load(Relaxed) != gave_way.withheld {
            self.realtime.withheld.store(gave_way.withheld, Relaxed);
        }
        if self.realtime.waiting.load(Relaxed) != gave_way.waiting as u64 {
            self.realtime.waiting.store(gave_way.waiting as u64, Relaxed);
        }
    }

    /// Our own clock, sent to `port`, came back on this one. Real-time thread only.
    pub fn note_echo(&self, port: PortSlot) {
        self.realtime.echo_of.store(port.0 + 1, Relaxed);
    }

    /// What was sent to `ports` comes back on this one. Real-time thread only.
    pub fn show_returned(&self, ports: PortSet) {
        if self.realtime.returned.load(Relaxed) != ports.bits() {
            self.realtime.returned.store(ports.bits(), Relaxed);
        }
    }

    /// One more message found the input ring full, or at least one was lost before. The port's input thread only.
    pub fn count_lost_input(&self) {
        add(&self.input.lost, 1);
    }
}

/// Everything that is measured. Written by the real-time thread except where a field says otherwise.
#[derive(Debug, Default)]
pub struct Meters {
    lateness: Histogram,
    send: Histogram,
    wake: Histogram,
    input_jitter: Histogram,
    phase_error: Histogram,
    skipped: AtomicU64,
    ports: [PortMeters; MAX_PORTS],
    feeds: AllFeeds,
    lost_trace: AtomicU64,
    sounding: AtomicU64,
    /// The position, in ticks.
    position: AtomicI64,
    /// Quarter notes a minute; 0 while none is known.
    tempo: AtomicF64,
    /// 0 stopped, 1 armed, 2 running.
    phase: AtomicU64,
    /// 0 where the clock is our own; 255 where it is a session's; where it comes in by a port, the slot of that and 1.
    clock_source: AtomicU8,
}

impl Meters {
    /// The counters of a port. Slots beyond the last fall on the last.
    #[must_use]
    pub fn port(&self, port: PortSlot) -> &PortMeters {
        &self.ports[usize::from(port.0).min(MAX_PORTS - 1)]
    }

    /// Returns what is counted for a source of a fed lane, if it is one that there can be.
    #[must_use]
    pub fn feed(&self, feed: FeedSlot) -> Option<&FeedMeters> {
        self.feeds.of(feed)
    }

    /// How late a message left: the time just before it was sent, less the time it was due.
    pub fn record_lateness(&self, late: Span) {
        self.lateness.record(late);
    }

    /// How long a send took.
    pub fn record_send(&self, took: Span) {
        self.send.record(took);
    }

    /// How late the thread woke up from a sleep.
    pub fn record_wake(&self, late: Span) {
        self.wake.record(late);
    }

    /// How far a pulse of the followed clock came from where it was predicted, and how far off its estimated time may be.
    pub fn record_pulse(&self, off: Span, error: Span) {
        self.input_jitter.record(Span(off.0.abs()));
        self.phase_error.record(error);
    }

    /// One more note was so late that it was not played.
    pub fn count_skipped(&self) {
        add(&self.skipped, 1);
    }

    /// One more trace entry found its ring full.
    pub fn count_lost_trace(&self) {
        add(&self.lost_trace, 1);
    }

    /// Says whose clock is in force.
    pub fn show_clock_source(&self, source: ClockSource) {
        self.clock_source.store(
            match source {
                ClockSource::Own => 0,
                ClockSource::Session => u8::MAX,
                ClockSource::Port(port) => port.0 + 1,
            },
            Relaxed,
        );
    }

    /// Where the music is.
    pub fn show_music(&self, phase: Phase, position: Tick, bpm: Option<f64>, sounding: usize) {
        self.phase.store(phase_number(phase), Relaxed);
        self.position.store(position.0, Relaxed);
        self.tempo.store(bpm.unwrap_or(0.0), Relaxed);
        self.sounding.store(sounding as u64, Relaxed);
    }

    /// Everything, as it is now. Not for the real-time thread: it takes its time.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let bpm = self.tempo.load(Relaxed);
        Snapshot {
            lateness: self.lateness.percentiles(),
            lateness_octaves: self.lateness.octaves(),
            send: self.send.percentiles(),
            wake: self.wake.percentiles(),
            input_jitter: self.input_jitter.percentiles(),
            phase_error: self.phase_error.percentiles(),
            skipped: self.skipped.load(Relaxed),
            ports: array::from_fn(|port| PortSnapshot {
                sent: self.ports[port].realtime.sent.load(Relaxed),
                failed: self.ports[port].realtime.failed.load(Relaxed),
                withheld: self.ports[port].realtime.withheld.load(Relaxed),
                waiting: self.ports[port].realtime.waiting.load(Relaxed),
                lost_inputs: self.ports[port].input.lost.load(Relaxed),
                echo_of: self.ports[port].realtime.echo_of.load(Relaxed).checked_sub(1).map(PortSlot),
                returned: PortSet::from_bits(self.ports[port].realtime.returned.load(Relaxed)),
            }),
            lost_trace: self.lost_trace.load(Relaxed),
            sounding: self.sounding.load(Relaxed),
            position: Tick(self.position.load(Relaxed)),
            bpm: (bpm > 0.0).then_some(bpm),
            phase: read_phase(self.phase.load(Relaxed)),
            clock_source: match self.clock_source.load(Relaxed).checked_sub(1) {
                None => ClockSource::Own,
                Some(port) if port + 1 == u8::MAX => ClockSource::Session,
                Some(port) => ClockSource::Port(PortSlot(port)),
            },
        }
    }
}

const fn phase_number(phase: Phase) -> u64 {
    match phase {
        Phase::Stopped => 0,
        Phase::Armed => 1,
        Phase::Running => 2,
    }
}

/// The phase with this number. Nobody writes a number that has none.
fn read_phase(number: u64) -> Phase {
    let known = [Phase::Stopped, Phase::Armed, Phase::Running];
    known.into_iter().find(|&phase| phase_number(phase) == number).unwrap_or(Phase::Stopped)
}

/// Adds to a counter that one thread writes: no read-modify-write is needed, so none is paid for.
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed) + amount, Relaxed);
}

/// The counters of one port at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortSnapshot {
    /// Messages that went out.
    pub sent: u64,
    /// Messages that the port refused.
    pub failed: u64,
    /// Values that did not leave, because newer ones took their place before the wire could carry them.
    pub withheld: u64,
    /// Values that wait for the wire.
    pub waiting: u64,
    /// Messages that came in and found the ring full, and how often some were lost before.
    pub lost_inputs: u64,
    /// The port by which our own clock left that came in here, if it ever did.
    pub echo_of: Option<PortSlot>,
    /// The ports to which was sent what comes back here, and does nothing.
    pub returned: PortSet,
}

/// All meters at one time.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// How late messages left.
    pub lateness: Percentiles,
    /// How many messages left with a lateness of each power of two; see [`Histogram::octaves`].
    pub lateness_octaves: [u64; OCTAVES],
    /// How long sends took.
    pub send: Percentiles,
    /// How late the real-time thread woke up.
    pub wake: Percentiles,
    /// How far pulses of the followed clock came from where they were predicted, either way.
    pub input_jitter: Percentiles,
    /// How far off the estimated times of pulses may be: one standard deviation each.
    pub phase_error: Percentiles,
    /// Notes that were so late that they were not played.
    pub skipped: u64,
    /// By port.
    pub ports: [PortSnapshot; MAX_PORTS],
    /// Trace entries that were lost.
    pub lost_trace: u64,
    /// Notes that sound.
    pub sounding: u64,
    /// Where the music is.
    pub position: Tick,
    /// The tempo, once one is known.
    pub bpm: Option<f64>,
    /// What the transport is doing.
    pub phase: Phase,
    /// Whose clock is in force.
    pub clock_source: ClockSource,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_is_narrow(nanos in 0u64..1 << 34) {
            let top = top_of(bucket_of(nanos));
            prop_assert!(top >= nanos);
            prop_assert!((top - nanos) as f64 <= nanos as f64 / 16.0);
        }
    }

    #[test]
    fn buckets_are_in_order_and_none_is_skipped() {
        for bucket in 1..BUCKETS {
            assert_eq!(bucket_of(top_of(bucket - 1) + 1), bucket);
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_of_what_was_recorded() {
        let histogram = Histogram::default();
        for i in 1..=1_000 {
            histogram.record(Span(i * 1_000));
        }
        histogram.record(Span(-5));
        let seen = histogram.percentiles();
        assert_eq!((seen.count, seen.max), (1_001, Span(1_000_000)));
        for (got, wanted) in [(seen.p50, 500_000), (seen.p99, 990_000), (seen.p999, 999_000)] {
            assert!((got.0 - wanted).abs() <= wanted / 16, "{got:?} for {wanted}");
        }
        assert_eq!(Histogram::default().percentiles(), Percentiles::default());
    }

    #[test]
    fn octaves_are_powers_of_two() {
        let histogram = Histogram::default();
        for nanos in [0, 15, 16, 31, 32, 1_024, 2_047, i64::MAX] {
            histogram.record(Span(nanos));
        }
        let octaves = histogram.octaves();
        assert_eq!((octaves[0], octaves[1], octaves[2], octaves[7]), (2, 2, 1, 2), "from 8 << 7 to 16 << 7");
        assert_eq!(octaves[OCTAVES - 1], 1);
        assert_eq!(octaves.iter().sum::<u64>(), histogram.percentiles().count);
    }
}

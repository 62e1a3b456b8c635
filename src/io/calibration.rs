//! How long a message takes from its arrival in the driver to our callback, at its fastest.
//!
//! A device's stamps are mapped by their lower envelope: the fastest wake-up of the input thread counts as none. What even
//! the fastest takes, some microseconds, would remain as a constant lateness of everything that follows a clock. So once,
//! when a connection has been opened, we send some messages to our own input port at known times, and see how much later
//! than sent they seem to have come.
//!
//! The same messages tell what the driver's clock shows at known times. As long as the mapping does not contradict it, that
//! is the better answer: it does not depend on how fast a wake-up the show happens to see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use midir::MidiOutput;

use super::CLIENT_NAME;
use super::ports::PortName;
use crate::midi::Message;
use crate::time::{DeviceTime, Nanos, Span};

/// What is sent to ourselves: a message that nobody sends on a stage, and that means nothing to us.
pub(super) const PROBE: Message = Message::TuneRequest;

/// How many probes are sent. The first ones still find the thread unpromoted and its caches cold.
const PROBES: usize = 24;
/// How many of them do not count.
const WARM_UP: usize = 8;
/// From one probe to the next: long enough for the input thread to sleep again.
const APART: Duration = Duration::from_millis(1);
/// What takes longer than this is not a wake-up latency but something gone wrong.
const LONGEST_DELAY: Span = Span::from_millis(1);

/// How far the mapping may be off what the probes have told: by what wake-ups take longer in the show. Beyond, the driver's
/// clock is another one than it was.
const SAME_CLOCK: Span = Span::from_micros(250);

/// What is learnt of a connection.
#[derive(Debug)]
struct Learnt {
    /// How much earlier than it seems a message has come, in ns.
    delay: AtomicI64,
    /// From the driver's clock to ours, in ns; [`UNKNOWN`] at first.
    offset: AtomicI64,
}

const UNKNOWN: i64 = i64::MIN;

/// The end that the callback holds.
pub(super) struct Probes {
    arrivals: SyncSender<(Nanos, DeviceTime)>,
    running: Arc<AtomicBool>,
    learnt: Arc<Learnt>,
}

impl Probes {
    /// For a connection that is not calibrated.
    pub(crate) fn none() -> Probes {
        Calibration::new(Arc::new(|| Nanos(0))).0
    }

    /// Takes a probe that seems to have come at `at`, with the driver's stamp; whether it was one.
    pub(crate) fn take(&self, at: Nanos, stamp: DeviceTime) -> bool {
        self.running.load(Relaxed) && self.arrivals.try_send((at, stamp)).is_ok()
    }

    /// Returns when a message has come that seems to have come at `at`.
    pub(crate) fn correct(&self, at: Nanos, stamp: DeviceTime) -> Nanos {
        let mapped = at - Span(self.learnt.delay.load(Relaxed));
        let offset = self.learnt.offset.load(Relaxed);
        if offset == UNKNOWN {
            return mapped;
        }
        let off = Span(in_ns(stamp).saturating_add(offset).saturating_sub(mapped.0 as i64));
        if (-SAME_CLOCK.0..=SAME_CLOCK.0).contains(&off.0) { mapped + off } else { mapped }
    }
}

/// The end that sends the probes.
pub(super) struct Calibration {
    arrivals: Receiver<(Nanos, DeviceTime)>,
    running: Arc<AtomicBool>,
    learnt: Arc<Learnt>,
    now: Arc<dyn Fn() -> Nanos + Send + Sync>,
}

impl Calibration {
    /// Both ends.
    pub(crate) fn new(now: Arc<dyn Fn() -> Nanos + Send + Sync>) -> (Probes, Calibration) {
        let (sender, arrivals) = sync_channel(PROBES);
        let running = Arc::new(AtomicBool::new(false));
        let learnt = Arc::new(Learnt { delay: AtomicI64::new(0), offset: AtomicI64::new(UNKNOWN) });
        let probes = Probes { arrivals: sender, running: Arc::clone(&running), learnt: Arc::clone(&learnt) };
        (probes, Calibration { arrivals, running, learnt, now })
    }

    /// Calibrates the connection that others see as `label`. Takes some 30 ms. Where it does not succeed, nothing is
    /// corrected, which is as good as not to have tried.
    pub(crate) fn run(self, label: &str) {
        self.running.store(true, Relaxed);
        if let Some((delays, offsets)) = self.probe(label) {
            self.learn(delays, offsets);
        }
        self.running.store(false, Relaxed);
    }

    fn learn(&self, delays: Vec<Span>, offsets: Vec<Span>) {
        self.learnt.delay.store(settle(delays).0, Relaxed);
        self.learnt.offset.store(median(offsets).map_or(UNKNOWN, |offset| offset.0), Relaxed);
    }

    /// Returns how much later than sent each probe seemed to have come, and how far our clock was from its stamp.
    fn probe(&self, label: &str) -> Option<(Vec<Span>, Vec<Span>)> {
        let midi = MidiOutput::new(CLIENT_NAME).ok()?;
        let is_ours = |name: &str| {
            let name = PortName::parse(name);
            name.client == CLIENT_NAME && name.port == label
        };
        let mut ports = midi.ports().into_iter();
        let port = ports.rfind(|port| is_own(&port.id()) && midi.port_name(port).is_ok_and(|name| is_ours(&name)))?;
        let sending = self.time_to_send()?;
        let mut output = midi.connect(&port, "calibration").ok()?;
        let (mut delays, mut offsets) = (Vec::with_capacity(PROBES), Vec::with_capacity(PROBES));
        for _ in 0..PROBES {
            thread::sleep(APART);
            // When the call returns is no guide: the thread that it wakes may have run before.
            let delivered = (self.now)() + sending;
            output.send(PROBE.to_bytes().as_slice()).ok()?;
            let (seemed, stamp) = self.arrivals.recv_timeout(Duration::from_millis(100)).ok()?;
            delays.push(seemed.since(delivered));
            offsets.push(Span((delivered.0 as i64).saturating_sub(in_ns(stamp))));
        }
        Some((delays, offsets))
    }

    /// Returns how long a send takes that wakes nobody: one to a port that nobody listens to.
    #[cfg(unix)]
    fn time_to_send(&self) -> Option<Span> {
        use midir::os::unix::VirtualOutput;
        let mut output = MidiOutput::new(CLIENT_NAME).ok()?.create_virtual("calibration").ok()?;
        let mut spans = Vec::with_capacity(PROBES);
        for _ in 0..PROBES {
            let before = (self.now)();
            output.send(PROBE.to_bytes().as_slice()).ok()?;
            spans.push((self.now)().since(before));
        }
        Some(settle(spans))
    }

    #[cfg(not(unix))]
    fn time_to_send(&self) -> Option<Span> {
        None
    }
}

/// Returns whether the port that midir finds by `id` is one of this process: another show may have one of the same names.
#[cfg(target_os = "linux")]
fn is_own(id: &str) -> bool {
    let own = super::sys::own_clients();
    id.parse::<super::address::Address>().is_ok_and(|address| own.contains(&address.client))
}

#[cfg(not(target_os = "linux"))]
fn is_own(_: &str) -> bool {
    true
}

/// Returns what the probes show. Nothing, where it is absurd.
fn settle(delays: Vec<Span>) -> Span {
    let median = median(delays).unwrap_or(Span::ZERO);
    if median <= LONGEST_DELAY { median.max(Span::ZERO) } else { Span::ZERO }
}

/// The median, without the first ones.
fn median(mut spans: Vec<Span>) -> Option<Span> {
    let counted = spans.get_mut(WARM_UP..).unwrap_or_default();
    counted.sort_unstable();
    counted.get(counted.len() / 2).copied()
}

fn in_ns(stamp: DeviceTime) -> i64 {
    i64::try_from(stamp.0).unwrap_or(i64::MAX).saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_is_the_median_and_nothing_absurd() {
        let delays = |micros: i64| {
            let mut delays = vec![Span::from_micros(500); WARM_UP];
            delays.extend([micros, 900, micros, micros + 1, micros, micros].map(Span::from_micros));
            settle(delays)
        };
        assert_eq!(delays(9), Span::from_micros(9));
        assert_eq!(delays(-3), Span::ZERO);
        assert_eq!(delays(5_000), Span::ZERO);
        assert_eq!(settle(Vec::new()), Span::ZERO);
    }

    #[test]
    fn what_the_stamps_tell_is_believed_unless_the_mapping_contradicts() {
        let (probes, calibration) = Calibration::new(Arc::new(|| Nanos(0)));
        let stamp = DeviceTime(7_000);
        let seemed = |micros: i64| Nanos(1_007_000_000) + Span::from_micros(micros);
        assert_eq!(probes.correct(seemed(9), stamp), seemed(9), "nothing is known yet");
        calibration.learn(vec![Span::from_micros(5); PROBES], vec![Span::from_millis(1_000); PROBES]);
        for micros in [-200, 0, 5, 11, 200] {
            assert_eq!(probes.correct(seemed(micros), stamp), seemed(0));
        }
        assert_eq!(probes.correct(seemed(300), stamp), seemed(295), "the device's clock began anew");
        assert_eq!(probes.correct(seemed(0), DeviceTime(u64::MAX)), seemed(-5));
    }
}

//! How long a message takes from its arrival in the driver to our callback, at its fastest.
//!
//! A device's stamps are mapped by their lower envelope: the fastest wake-up of the input thread counts as none. What even
//! the fastest takes, some microseconds, would remain as a constant lateness of everything that follows a clock. So once,
//! when a connection has been opened, we send some messages to our own input port at known times, and see how much later
//! than sent they seem to have come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use midir::MidiOutput;

use super::CLIENT_NAME;
use super::ports::PortName;
use crate::midi::Message;
use crate::time::{Nanos, Span};

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

/// The end that the callback holds.
pub(super) struct Probes {
    arrivals: SyncSender<Nanos>,
    running: Arc<AtomicBool>,
    delay: Arc<AtomicI64>,
}

impl Probes {
    /// For a connection that is not calibrated.
    pub fn none() -> Probes {
        Calibration::new(Arc::new(|| Nanos(0))).0
    }

    /// Takes a probe that seems to have come at `at`; whether it was one.
    pub fn take(&self, at: Nanos) -> bool {
        self.running.load(Relaxed) && self.arrivals.try_send(at).is_ok()
    }

    /// How much earlier than it seems a message has come.
    pub fn delay(&self) -> Span {
        Span(self.delay.load(Relaxed))
    }
}

/// The end that sends the probes.
pub(super) struct Calibration {
    arrivals: Receiver<Nanos>,
    running: Arc<AtomicBool>,
    delay: Arc<AtomicI64>,
    now: Arc<dyn Fn() -> Nanos + Send + Sync>,
}

impl Calibration {
    /// Both ends.
    pub fn new(now: Arc<dyn Fn() -> Nanos + Send + Sync>) -> (Probes, Calibration) {
        let (sender, arrivals) = sync_channel(PROBES);
        let (running, delay) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        let probes = Probes { arrivals: sender, running: Arc::clone(&running), delay: Arc::clone(&delay) };
        (probes, Calibration { arrivals, running, delay, now })
    }

    /// Calibrates the connection that others see as `label`. Takes some 30 ms. Where it does not succeed, nothing is
    /// corrected, which is as good as not to have tried.
    pub fn run(self, label: &str) {
        self.running.store(true, Relaxed);
        if let Some(delays) = self.probe(label) {
            self.delay.store(settle(delays).0, Relaxed);
        }
        self.running.store(false, Relaxed);
    }

    fn probe(&self, label: &str) -> Option<Vec<Span>> {
        let midi = MidiOutput::new(CLIENT_NAME).ok()?;
        let is_ours = |name: &str| {
            let name = PortName::parse(name);
            name.client == CLIENT_NAME && name.port == label
        };
        let port = midi.ports().into_iter().rfind(|port| midi.port_name(port).is_ok_and(|name| is_ours(&name)))?;
        let sending = self.time_to_send()?;
        let mut output = midi.connect(&port, "calibration").ok()?;
        let mut delays = Vec::with_capacity(PROBES);
        for _ in 0..PROBES {
            thread::sleep(APART);
            // When the call returns is no guide: the thread that it wakes may have run before.
            let delivered = (self.now)() + sending;
            output.send(PROBE.to_bytes().as_slice()).ok()?;
            let seemed = self.arrivals.recv_timeout(Duration::from_millis(100)).ok()?;
            delays.push(seemed.since(delivered));
        }
        Some(delays)
    }

    /// How long a send takes that wakes nobody: one to a port that nobody listens to.
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

/// What the probes show: the median, without the first ones.
fn settle(mut delays: Vec<Span>) -> Span {
    let counted = delays.get_mut(WARM_UP..).unwrap_or_default();
    counted.sort_unstable();
    let median = counted.get(counted.len() / 2).copied().unwrap_or(Span::ZERO);
    if median <= LONGEST_DELAY { median.max(Span::ZERO) } else { Span::ZERO }
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
}

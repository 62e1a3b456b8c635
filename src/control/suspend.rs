//! Noticing that the machine has slept.
//!
//! While a machine is suspended, the clock of the show stands still: it wakes and believes that no time has passed. With a clock
//! of our own that is right, and the music goes on where it was. But a master on the table has played on, and its pulses of that
//! time are lost without a gap that could be seen: whoever counts on is wrong by as many, to the end of the show.
//!
//! The system has a second clock that counts sleep as well, so the sleep is what that one has gained. That tells of a sleep, but
//! not where the master is by now: many machines know how long they slept only by a clock of whole seconds. Music that is some
//! beats off is worse than none, so it stops, and goes on when the master says where.

use std::time::Duration;

use crate::engine::ClockSource;
use crate::engine::arrangement::transport::Phase;
use crate::link::Snapshot;

/// What the second clock gains in a shorter time is an error of reading it, and no sleep.
const SHORTEST: Duration = Duration::from_millis(100);

/// Returns by how much the system's clock that counts sleep is ahead of the one that does not; `None` where there are no such clocks.
#[must_use]
pub(crate) fn slept_since_boot() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        let read = |id| {
            let time = clock_gettime(id);
            Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
        };
        // Whoever is held up between the two finds too little, and never too much.
        let ahead = || Some(read(ClockId::Boottime)?.saturating_sub(read(ClockId::Monotonic)?));
        ahead().max(ahead()).max(ahead())
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// What a sleep means to the show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Woken {
    /// Whether nobody knows where the music should be.
    pub is_lost: bool,
    /// In words.
    pub text: String,
}

/// Looks whether the machine has slept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Suspend {
    slept: Option<Duration>,
}

impl Suspend {
    /// Looks, when the machine has slept for `slept` since it was started, at a show that was as `snapshot` says.
    pub(crate) fn look(&mut self, slept: Option<Duration>, snapshot: &Snapshot) -> Option<Woken> {
        let slept = slept?;
        // What was read first stays, or small errors would add up to a sleep.
        let span = slept.saturating_sub(*self.slept.get_or_insert(slept));
        if span < SHORTEST {
            return None;
        }
        self.slept = Some(slept);
        let is_lost = snapshot.clock_source != ClockSource::Own && snapshot.phase != Phase::Stopped;
        let then = match (is_lost, snapshot.phase) {
            (true, _) => "; where the master is by now nobody knows, so the music stops: press play there",
            (false, Phase::Running) => "; the music goes on where it was",
            (false, _) => "",
        };
        Some(Woken { is_lost, text: format!("the machine slept for {:.1} s{then}", span.as_secs_f64()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::PortSlot;
    use crate::link::Meters;
    use crate::time::Tick;

    fn snapshot(phase: Phase, source: ClockSource) -> Snapshot {
        let meters = Meters::default();
        meters.show_music(phase, Tick(0), Some(125.0), 0);
        meters.show_clock_source(source);
        meters.snapshot()
    }

    fn looks(suspend: &mut Suspend, slept_ms: u64, snapshot: &Snapshot) -> Option<Woken> {
        suspend.look(Some(Duration::from_millis(slept_ms)), snapshot)
    }

    #[test]
    fn a_sleep_is_noticed_once_and_only_a_followed_clock_is_lost_by_it() {
        let master = ClockSource::Port(PortSlot(1));
        for (phase, followed, is_lost) in [
            (Phase::Running, master, true),
            (Phase::Armed, master, true),
            (Phase::Stopped, master, false),
            (Phase::Running, ClockSource::Own, false),
        ] {
            let snapshot = snapshot(phase, followed);
            let mut suspend = Suspend::default();
            assert_eq!((looks(&mut suspend, 7_000, &snapshot), looks(&mut suspend, 7_000, &snapshot)), (None, None));
            let woken = looks(&mut suspend, 10_000, &snapshot).expect("it slept");
            assert!(woken.text.starts_with("the machine slept for 3.0 s"), "{}", woken.text);
            assert_eq!((woken.is_lost, woken.text.contains("press play")), (is_lost, is_lost));
            assert_eq!(looks(&mut suspend, 10_000, &snapshot), None);
        }
    }

    #[test]
    fn small_differences_are_no_sleep_and_add_up_to_none() {
        let (mut suspend, snapshot) = (Suspend::default(), snapshot(Phase::Running, ClockSource::Own));
        for look in 0..1_000 {
            assert_eq!(looks(&mut suspend, 7_000 + look % 50, &snapshot), None);
        }
        assert_eq!(suspend.look(None, &snapshot), None);
    }
}

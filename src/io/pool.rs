//! Room for what comes in while nobody reads.
//!
//! ALSA's kernel side holds 200 events for a client that does not read, and when one more comes it drops all of them. A stall of a
//! second beside a controller that sends much, or a system exclusive message of 6,000 bytes, is enough: pulses of the clock are
//! lost, and ends of notes. The library opens its clients with that, and lets nobody say otherwise; so the room is made larger
//! by the file that it has just opened.
//!
//! What is lost all the same the library only logs. So whatever it logs as an error on the thread of an input counts as a loss of
//! that input, which is said, and the keys whose end may be lost are let go.

use std::cell::RefCell;
use std::sync::Once;

#[cfg(target_os = "linux")]
use super::sys;
use crate::link::Losses;

/// How many events are held, the first that the kernel grants: 2,000 is the most that it knows. A system exclusive message takes one
/// for each 28 bytes. The real-time thread's own rings hold as many messages again.
#[cfg(target_os = "linux")]
const ROOMS: [i32; 4] = [2_000, 1_000, 500, 300];

/// Opens something that reads from the sequencer by `open`, and makes its room larger. Not to be called by two threads at once.
#[cfg(target_os = "linux")]
pub(crate) fn with_room<T>(open: impl FnOnce() -> T) -> T {
    let before = sys::sequencers();
    let opened = open();
    for file in sys::sequencers().difference(&before) {
        // What was granted shows. One that refuses all has the room that it had.
        let _ = ROOMS.into_iter().find(|&room| sys::set_input_pool(*file, room));
    }
    opened
}

/// Other systems say nothing of it.
#[cfg(not(target_os = "linux"))]
pub fn with_room<T>(open: impl FnOnce() -> T) -> T {
    open()
}

thread_local! {
    /// Whose losses the errors on this thread are.
    static LOSSES: RefCell<Option<Losses>> = const { RefCell::new(None) };
}

/// From now on the calling thread is that of an input, and what the library logs as an error on it is counted in `losses`.
pub(crate) fn count_errors_as(losses: Losses) {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        // Nobody else listens to what libraries log.
        if log::set_logger(&Listener).is_ok() {
            log::set_max_level(log::LevelFilter::Error);
        }
    });
    LOSSES.with(|own| *own.borrow_mut() = Some(losses));
}

struct Listener;

impl log::Log for Listener {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Error && metadata.target().starts_with("midir")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            // A thread that ends has none any more.
            let _ = LOSSES.try_with(|own| own.try_borrow().map(|own| own.iter().for_each(Losses::count)));
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::PortSlot;
    use crate::link::link;
    use crate::set::Set;

    #[test]
    fn what_the_library_complains_of_on_the_thread_of_an_input_is_a_loss_of_that_input() {
        let set = Set::parse("a.toml", b"[ports.a]\ndevice = \"A\"\n[patterns.p]\n").unwrap();
        let (control, _rt, ends) = link(set.program, &[PortSlot(0), PortSlot(2)]);
        let lost = || [0, 2].map(|port: usize| control.meters().snapshot().ports[port].lost_inputs);
        let losses = ends[1].losses();
        std::thread::scope(|scope| {
            let input = scope.spawn(|| {
                count_errors_as(losses);
                // As midir says it when the pool has overflowed.
                log::error!(target: "midir::backend::alsa", "Error in handle_input: ALSA MIDI input buffer overrun!");
                log::error!(target: "notify", "another library");
                log::info!(target: "midir::backend::alsa", "no error");
            });
            input.join().unwrap();
        });
        log::error!(target: "midir::backend::alsa", "on another thread");
        assert_eq!(lost(), [0, 1]);
    }
}

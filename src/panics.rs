//! What becomes of a panic. Nothing is printed by itself, for there may be a screen; and it depends on who panics:
//!
//! | what | the show |
//! |---|---|
//! | the real-time thread, the control thread, the handling of what comes in | ends every note, stops, and says why |
//! | a library that they call for the system's MIDI ([`contained`]) | goes on; the call counts as refused, is said, and is tried again |
//! | any other thread: `ctl`, OSC, the watcher of the file, the log, keys, a library's own | goes on without it, and says so ([`take_failed`]) |

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many threads that have failed are remembered until somebody asks.
const MOST_FAILED: usize = 16;

/// The thread that plays; its end is seen by who started it.
pub const RT_THREAD: &str = "tightrope-rt";

/// The thread that conducts a show where that is not the first one; its end is seen by who started it.
pub const CONTROL_THREAD: &str = "tightrope-show";

/// What the last panic said, for the line that the program ends with.
static LAST: Mutex<Option<String>> = Mutex::new(None);

/// The threads that have failed, each with what it said.
static FAILED: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

thread_local! {
    /// Whether whoever called sees to a panic.
    static IS_CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// From now on a panic prints nothing by itself; [`last`] and [`take_failed`] tell.
pub fn keep_quiet() {
    panic::set_hook(Box::new(|info| {
        if IS_CONTAINED.try_with(Cell::get).unwrap_or(false) {
            return;
        }
        let place = info.location().map_or(String::new(), |location| format!(" at {location}"));
        let said = format!("{}{place}", said(info.payload()));
        let thread = thread::current();
        match thread.name() {
            Some("main" | RT_THREAD | CONTROL_THREAD) => {}
            name => note_failed(name.unwrap_or("without a name"), &said),
        }
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
    }));
}

/// What the last panic said, and where.
pub fn last() -> String {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
    last.unwrap_or_else(|| "for an unknown reason".into())
}

/// The threads that have failed since this was asked last, each with what it said. Not the real-time thread, nor the control
/// thread.
pub fn take_failed() -> Vec<(String, String)> {
    std::mem::take(&mut *FAILED.lock().unwrap_or_else(PoisonError::into_inner))
}

fn note_failed(name: &str, said: &str) {
    let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    if failed.len() < MOST_FAILED {
        failed.push((name.to_owned(), said.to_owned()));
    }
}

/// Calls what may panic though it should not. Not for the real-time thread: a panic allocates.
///
/// # Errors
///
/// What it said, if it panics.
pub fn contained<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    let outer = IS_CONTAINED.replace(true);
    let called = panic::catch_unwind(AssertUnwindSafe(call));
    IS_CONTAINED.set(outer);
    called.map_err(|payload| {
        let said = said(&*payload).to_owned();
        // What it carries may panic as well when it goes.
        std::mem::forget(payload);
        said
    })
}

/// What a panic said.
fn said(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_inside_is_an_error_and_nobody_else_hears_of_it() {
        assert_eq!(contained(|| 5), Ok(5));
        assert_eq!(contained(|| -> u8 { panic!("no queue") }), Err("no queue".into()));
        assert_eq!(contained(|| panic!("{}", 7)), Err::<(), _>("7".into()));
        assert_eq!(contained(|| contained(|| panic!("inner")).is_err()), Ok(true));
        assert!(!IS_CONTAINED.get());
    }

    #[test]
    fn threads_that_have_failed_are_told_once_and_not_without_end() {
        (0..2 * MOST_FAILED).for_each(|_| note_failed("tightrope-test", "why"));
        let failed = take_failed();
        assert_eq!(failed.iter().filter(|(name, _)| name == "tightrope-test").count(), MOST_FAILED);
        assert!(!take_failed().iter().any(|(name, _)| name == "tightrope-test"));
    }
}

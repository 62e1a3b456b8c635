//! The terminal while a screen is on it: its modes, and its keys.
//!
//! A terminal is put back when the [`Terminal`] is dropped. Everything that ends a show passes there, panics too: that of the
//! control thread is caught, and those of other threads end the show. So the panic hook need not write to the terminal; and
//! it must not, since it runs on the thread that panics before its notes are ended, and a terminal may stand still.

use std::io::{self, IsTerminal};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread;
use std::time::Duration;

use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste, Event};
use ratatui::crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{queue, style};

use crate::cli::printer::Frames;
use crate::control::{Call, Caller};
use crate::guardian::protocol::Cooked;

/// How many keys can wait for the control thread. One that finds no room is lost: a cat on the keyboard harms nobody.
const WAITING_KEYS: usize = 256;

/// How often the thread that reads keys looks whether it is still wanted.
const PERIOD: Duration = Duration::from_millis(100);

/// The stack of the thread that reads keys: small, because locked memory counts.
const STACK_BYTES: usize = 256 * 1024;

/// Returns whether there is a terminal that a screen can be drawn on: somebody types and looks there, and it can do more than lines.
#[must_use]
pub(crate) fn is_there() -> bool {
    let can_draw = match std::env::var("TERM") {
        Ok(term) => !term.is_empty() && term != "dumb",
        Err(_) => cfg!(not(unix)),
    };
    can_draw && io::stdin().is_terminal() && io::stdout().is_terminal() && is_in_front()
}

/// Returns whether the terminal is the program's to use. One that a shell has put into the background would be suspended for
/// changing its modes.
#[cfg(unix)]
fn is_in_front() -> bool {
    rustix::termios::tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

#[cfg(not(unix))]
fn is_in_front() -> bool {
    true
}

/// The modes of the terminal as they are, so that the guardian can give it back.
#[cfg(unix)]
#[must_use]
pub(crate) fn modes() -> Option<Cooked> {
    crate::guardian::screen::modes(io::stdout())
}

/// There is no guardian that could.
#[cfg(not(unix))]
#[must_use]
pub fn modes() -> Option<Cooked> {
    None
}

/// The modes of a terminal, as far as a screen changes them.
pub(crate) trait Modes {
    /// Keys come one by one, and are not shown.
    ///
    /// # Errors
    ///
    /// When the terminal refuses.
    fn raw(&mut self) -> io::Result<()>;
    /// As it was before.
    fn cooked(&mut self);
}

/// Those of the terminal that the program runs in.
pub(crate) struct Own;

impl Modes for Own {
    fn raw(&mut self) -> io::Result<()> {
        enable_raw_mode()
    }

    fn cooked(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = disable_raw_mode();
    }
}

/// A terminal with a screen on it. As it was before, when this is dropped.
pub(crate) struct Terminal<M: Modes = Own> {
    modes: M,
    sink: Frames,
}

impl<M: Modes> Terminal<M> {
    /// Makes room for a screen.
    ///
    /// # Errors
    ///
    /// When the terminal refuses.
    pub(crate) fn take(mut modes: M, sink: Frames) -> io::Result<Terminal<M>> {
        // In the modes of a screen, the end of a line does not lead back to the left margin.
        sink.settle();
        modes.raw()?;
        let mut bytes = Vec::new();
        queue!(bytes, EnterAlternateScreen, Hide, DisableLineWrap, EnableBracketedPaste)?;
        sink.always(bytes);
        Ok(Terminal { modes, sink })
    }
}

impl<M: Modes> Drop for Terminal<M> {
    fn drop(&mut self) {
        self.modes.cooked();
        let mut bytes = Vec::new();
        // Memory does not refuse bytes.
        let _ = queue!(bytes, style::ResetColor, DisableBracketedPaste, EnableLineWrap, Show, LeaveAlternateScreen);
        self.sink.always(bytes);
    }
}

/// What comes from the keyboard.
pub(crate) struct Keys {
    events: Receiver<Event>,
    is_dead: bool,
    is_wanted: Arc<AtomicBool>,
}

impl Keys {
    /// Begins to read keys. Each wakes the control thread.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub(crate) fn read(caller: Caller) -> io::Result<Keys> {
        let (sender, events) = mpsc::sync_channel(WAITING_KEYS);
        let is_wanted = Arc::new(AtomicBool::new(true));
        let wanted = Arc::clone(&is_wanted);
        let read = move || {
            // Without keys the show goes on. Then at least Ctrl-C has to be a signal again.
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| forward(&sender, &caller, &wanted)));
            if wanted.load(Relaxed) && !matches!(outcome, Ok(Ok(()))) {
                let _ = disable_raw_mode();
            }
        };
        thread::Builder::new().name("tightrope-keys".into()).stack_size(STACK_BYTES).spawn(read)?;
        Ok(Keys { events, is_dead: false, is_wanted })
    }

    /// The next one, if there is one.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let next = self.events.try_recv();
        self.is_dead = next == Err(TryRecvError::Disconnected);
        next.ok()
    }

    /// Returns whether the keyboard is not read any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.is_wanted.store(false, Relaxed);
    }
}

fn forward(sender: &SyncSender<Event>, caller: &Caller, is_wanted: &AtomicBool) -> io::Result<()> {
    while is_wanted.load(Relaxed) {
        // First of all: from the first time on, windows that change their size are heard of.
        while event::poll(Duration::ZERO)? {
            let _ = sender.try_send(event::read()?);
            // A full inbox is awake.
            let _ = caller.call(Call::Wake);
        }
        await_input()?;
    }
    Ok(())
}

/// Waits a while for keys.
///
/// # Errors
///
/// When the terminal is gone, which the library for events does not notice: it would read nothing from it without end.
#[cfg(unix)]
fn await_input() -> io::Result<()> {
    is_still_there(rustix::stdio::stdin(), PERIOD)
}

#[cfg(not(unix))]
fn await_input() -> io::Result<()> {
    event::poll(PERIOD).map(drop)
}

/// Waits until `terminal` has something to be read, for `patience` at most.
#[cfg(unix)]
fn is_still_there(terminal: impl std::os::fd::AsFd, patience: Duration) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut fds = [PollFd::new(&terminal, PollFlags::IN)];
    let patience = Timespec { tv_sec: 0, tv_nsec: patience.subsec_nanos().into() };
    match poll(&mut fds, Some(&patience)) {
        // The signal may be that of a window with another size.
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let is_gone = fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    if is_gone { Err(io::Error::other("the terminal is gone")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::printer::Printer;
    use std::io::Write;
    use std::sync::{Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Modes that see what has been printed when they change.
    struct Seen(Paper, Arc<Mutex<usize>>);

    impl Modes for Seen {
        fn raw(&mut self) -> io::Result<()> {
            let written = self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            *self.1.lock().unwrap_or_else(PoisonError::into_inner) =
                written.iter().filter(|&&byte| byte == b'\n').count();
            Ok(())
        }

        fn cooked(&mut self) {}
    }

    #[test]
    fn lines_are_printed_before_the_terminal_changes() {
        let (paper, seen) = (Paper::default(), Arc::default());
        let mut lines = Printer::to(paper.clone()).unwrap();
        (0..2_000).for_each(|number| lines.line(format_args!("line {number}")));
        drop(Terminal::take(Seen(paper, Arc::clone(&seen)), lines.frames()).unwrap());
        assert_eq!(*seen.lock().unwrap_or_else(PoisonError::into_inner), 2_000);
        lines.finish();
    }

    #[cfg(unix)]
    #[test]
    fn a_terminal_that_is_gone_is_noticed() {
        let (program, performer) = std::os::unix::net::UnixStream::pair().unwrap();
        let at_once = Duration::ZERO;
        assert!(is_still_there(&program, at_once).is_ok());
        (&performer).write_all(b"key").unwrap();
        assert!(is_still_there(&program, at_once).is_ok());
        drop(performer);
        assert!(is_still_there(&program, at_once).is_err());
    }

    #[derive(Clone, Default)]
    struct Pretended(Arc<AtomicBool>);

    impl Modes for Pretended {
        fn raw(&mut self) -> io::Result<()> {
            self.0.store(true, Relaxed);
            Ok(())
        }

        fn cooked(&mut self) {
            self.0.store(false, Relaxed);
        }
    }

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was() {
        let (paper, modes) = (Paper::default(), Pretended::default());
        let mut lines = Printer::to(paper.clone()).unwrap();
        lines.line(format_args!("before"));
        let (sink, own) = (lines.frames(), modes.clone());
        let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
            let _terminal = Terminal::take(own, sink).unwrap();
            assert!(modes.0.load(Relaxed));
            panic!("a test");
        }));
        assert!(panicked.is_err() && !modes.0.load(Relaxed));
        lines.line(format_args!("after"));
        lines.finish();
        let written = paper.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = String::from_utf8(written).unwrap();
        let places = ["before\n", "\x1b[?1049h", "\x1b[?25l", "\x1b[?25h", "\x1b[?1049l", "after\n"]
            .map(|part| text.find(part).unwrap_or_else(|| panic!("{part:?} is missing in {text:?}")));
        assert!(places.is_sorted(), "{text:?}");
    }
}

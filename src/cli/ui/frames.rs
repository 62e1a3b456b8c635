//! Frames for the terminal: what has changed since the last one, as bytes for the printing thread.
//!
//! A frame that finds no room is not lost but never was: the next one is what has changed since the last that was taken. So a
//! terminal that stands still costs nothing, and one that is slow (over ssh) sees fewer frames.

use std::io;

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::crossterm::queue;
use ratatui::crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::layout::Rect;

use super::draw::{Look, draw};
use super::scene::Scene;
use crate::cli::printer::Frames;

/// The most columns and rows that are drawn on: more than a wall of small letters has. A terminal may say anything of its size,
/// and drawing takes time and memory with it.
const LARGEST: (u16, u16) = (640, 240);

/// What the terminal shows.
pub(crate) struct Shown {
    sink: Frames,
    look: Look,
    /// What it shows, once what has been handed over is printed.
    shown: Buffer,
    /// What it is to show.
    next: Buffer,
    /// Whether what it shows is unknown: at first, after its size has changed, and when the performer says so.
    is_unknown: bool,
}

impl Shown {
    /// A terminal of so many columns and rows.
    pub(crate) fn new(sink: Frames, look: Look, size: (u16, u16)) -> Shown {
        let mut shown = Shown { sink, look, shown: Buffer::default(), next: Buffer::default(), is_unknown: true };
        shown.resize(size);
        shown
    }

    /// It has another size now.
    pub(crate) fn resize(&mut self, (width, height): (u16, u16)) {
        let area = Rect { x: 0, y: 0, width: width.min(LARGEST.0), height: height.min(LARGEST.1) };
        (self.shown, self.next) = (Buffer::empty(area), Buffer::empty(area));
        self.is_unknown = true;
    }

    /// Draws all of it anew next time.
    pub(crate) fn forget(&mut self) {
        self.is_unknown = true;
    }

    /// Shows `scene`. Whether that was possible: otherwise the printing thread is still busy with an earlier frame.
    pub(crate) fn show(&mut self, scene: &Scene) -> bool {
        self.present(|look, buffer| draw(scene, look, buffer))
    }

    fn present(&mut self, draw: impl FnOnce(Look, &mut Buffer)) -> bool {
        if !self.sink.has_room() {
            return false;
        }
        draw(self.look, &mut self.next);
        let was_unknown = self.is_unknown;
        if was_unknown {
            self.shown.reset();
        }
        let taken = match self.bytes(was_unknown) {
            // Nothing has changed that can be seen.
            Ok(None) => true,
            Ok(Some(bytes)) => self.sink.frame(bytes),
            // Memory does not refuse bytes.
            Err(_) => true,
        };
        if taken {
            std::mem::swap(&mut self.shown, &mut self.next);
            self.is_unknown = false;
        }
        taken
    }

    fn bytes(&self, clears: bool) -> io::Result<Option<Vec<u8>>> {
        let changed = self.shown.diff(&self.next);
        if changed.is_empty() && !clears {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        queue!(bytes, BeginSynchronizedUpdate)?;
        if clears {
            queue!(bytes, Clear(ClearType::All))?;
        }
        CrosstermBackend::new(&mut bytes).draw(changed.into_iter())?;
        queue!(bytes, EndSynchronizedUpdate)?;
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::printer::Printer;
    use ratatui::text::Line;
    use ratatui::widgets::Widget;
    use std::io::Write;

    #[test]
    fn a_terminal_of_absurd_size_is_drawn_on_as_far_as_anybody_sees() {
        let lines = Printer::to(std::io::sink()).unwrap();
        let mut shown = Shown::new(lines.frames(), Look::of(|_| None), (u16::MAX, u16::MAX));
        assert_eq!((shown.shown.area.width, shown.next.area.height), LARGEST);
        shown.resize((80, 10_000));
        assert_eq!((shown.next.area.width, shown.shown.area.height), (80, LARGEST.1));
        lines.finish();
    }
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A terminal that prints when it is let, and says what.
    struct Slow {
        lets: Receiver<()>,
        printed: Sender<String>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.lets.recv();
            let _ = self.printed.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn show(shown: &mut Shown, text: &str) -> bool {
        let text = text.to_owned();
        shown.present(|_, buffer| {
            buffer.reset();
            Line::raw(text).render(buffer.area, buffer);
        })
    }

    #[test]
    fn a_terminal_that_stands_still_misses_frames_and_then_sees_all_that_changed() {
        let ((lets, wait), (printed, seen)) = (channel(), channel());
        let lines = Printer::to(Slow { lets: wait, printed }).unwrap();
        let look = Look { colour: true, blocks: true };
        let mut shown = Shown::new(lines.frames(), look, (20, 1));
        assert!(show(&mut shown, "one two"));
        // It has not been printed, so the next ones are not taken, and nobody waits.
        assert!(!show(&mut shown, "ONE two"));
        assert!(!show(&mut shown, "ONE TWO"));
        lets.send(()).unwrap();
        let first = seen.recv().unwrap();
        assert!(first.contains("one") && first.contains("two"), "{first:?}");
        while !lines.frames().has_room() {
            std::thread::yield_now();
        }
        assert!(show(&mut shown, "ONE twO"));
        lets.send(()).unwrap();
        let second = seen.recv().unwrap();
        assert!(second.contains("ONE") && second.contains('O') && !second.contains("tw"), "{second:?}");
        while !lines.frames().has_room() {
            std::thread::yield_now();
        }
        // What has not changed is not printed.
        assert!(show(&mut shown, "ONE twO"));
        assert!(lines.frames().has_room());
        shown.forget();
        assert!(show(&mut shown, "ONE twO"));
        lets.send(()).unwrap();
        assert!(seen.recv().unwrap().contains("ONE"));
    }
}

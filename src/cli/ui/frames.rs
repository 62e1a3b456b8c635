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
use crate::cli::lines::Frames;

/// What the terminal shows.
pub struct Shown {
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
    pub fn new(sink: Frames, look: Look, size: (u16, u16)) -> Shown {
        let mut shown = Shown { sink, look, shown: Buffer::default(), next: Buffer::default(), is_unknown: true };
        shown.resize(size);
        shown
    }

    /// It has another size now.
    pub fn resize(&mut self, (width, height): (u16, u16)) {
        let area = Rect { x: 0, y: 0, width, height };
        (self.shown, self.next) = (Buffer::empty(area), Buffer::empty(area));
        self.is_unknown = true;
    }

    /// Draws all of it anew next time.
    pub fn forget(&mut self) {
        self.is_unknown = true;
    }

    /// Shows `scene`. Whether that was possible: otherwise the printing thread is still busy with an earlier frame.
    pub fn show(&mut self, scene: &Scene) -> bool {
        if !self.sink.has_room() {
            return false;
        }
        draw(scene, self.look, &mut self.next);
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

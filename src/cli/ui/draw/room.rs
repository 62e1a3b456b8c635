//! Rows of the screen, given away one after the other.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

/// What is left of the screen.
pub(crate) struct Room(pub Rect);

impl Room {
    /// So many rows from above, or what is left.
    pub(crate) fn above(&mut self, rows: usize) -> Rect {
        let rows = rows.min(self.0.height.into()) as u16;
        let taken = Rect { height: rows, ..self.0 };
        self.0 = Rect { y: self.0.y + rows, height: self.0.height - rows, ..self.0 };
        taken
    }

    /// So many rows from below, or what is left.
    pub(crate) fn below(&mut self, rows: usize) -> Rect {
        let rows = rows.min(self.0.height.into()) as u16;
        self.0.height -= rows;
        Rect { y: self.0.bottom(), height: rows, ..self.0 }
    }
}

/// Puts one line into each row.
pub(crate) fn put(lines: Vec<Line<'_>>, area: Rect, buffer: &mut Buffer) {
    for (row, line) in area.rows().zip(lines) {
        line.render(row, buffer);
    }
}

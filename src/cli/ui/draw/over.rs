//! What lies over the screen: the keys, and the question whether the show is to end.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};

use super::super::keys::TABLE;
use super::Look;

/// The columns between what stands side by side.
const GAP: usize = 3;

const ASCII: border::Set<'_> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// The keys, in as many columns as they need.
pub fn help(look: Look, area: Rect, buffer: &mut Buffer) {
    let shown = |keys: &str| keys.to_owned();
    let mut entries: Vec<(String, &str)> = vec![
        (shown("1 to 0, a to z"), "launch the pattern with that key"),
        (shown("Shift, or Alt"), "with it: where this pattern ends"),
    ];
    entries.extend(TABLE.iter().map(|entry| (shown(entry.shown), entry.does)));
    let keys = entries.iter().map(|(keys, _)| keys.len()).max().unwrap_or(0);
    let does = entries.iter().map(|(_, does)| does.len()).max().unwrap_or(0);
    let width = keys + 2 + does;
    let room = usize::from(area.height.saturating_sub(2)).max(1);
    let columns = entries.len().div_ceil(room).clamp(1, (usize::from(area.width) / (width + GAP)).max(1));
    let rows = entries.len().div_ceil(columns);
    let inner = frame("keys", width * columns + GAP * (columns - 1), rows, look, area, buffer);
    for (index, (keys_text, does)) in entries.iter().enumerate() {
        let (column, row) = ((index / rows) as u16, (index % rows) as u16);
        let x = inner.x.saturating_add(column * (width + GAP) as u16);
        let cell = Rect { x, y: inner.y.saturating_add(row), width: width as u16, height: 1 }.intersection(inner);
        let spans = vec![Span::styled(format!("{keys_text:<keys$}  "), look.strong()), Span::raw(*does)];
        Line::from(spans).render(cell, buffer);
    }
    if rows > usize::from(inner.height) && inner.height > 0 {
        let last = Rect { y: inner.bottom() - 1, height: 1, ..inner };
        Clear.render(last, buffer);
        Line::styled("more in a larger window", look.next()).render(last, buffer);
    }
}

/// Whether the show is to end.
pub fn quit(look: Look, area: Rect, buffer: &mut Buffer) {
    let text = "End the show? y ends it, any other key plays on";
    let inner = frame("quit", text.len(), 1, look, area, buffer);
    // Where there is no room for all of it, the question is what counts.
    let text = if usize::from(inner.width) < text.len() { "End? y/n" } else { text };
    Line::styled(text, look.strong()).render(inner, buffer);
}

/// Clears room in the middle for so many columns and rows, with a frame around it if there is room for one.
fn frame(title: &'static str, columns: usize, rows: usize, look: Look, area: Rect, buffer: &mut Buffer) -> Rect {
    let width = (columns + 4).min(usize::from(area.width)) as u16;
    let height = (rows + 2).min(usize::from(area.height)) as u16;
    let outer = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(outer, buffer);
    if height < 3 || width < 10 {
        return outer;
    }
    let block = Block::bordered()
        .border_set(if look.blocks { border::PLAIN } else { ASCII })
        .border_style(look.dim())
        .title(Span::styled(format!(" {title} "), look.strong()));
    let inner = block.inner(outer);
    block.render(outer, buffer);
    Rect { x: inner.x + 1, width: inner.width - 2, ..inner }
}

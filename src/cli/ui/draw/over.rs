//! What lies over the screen: the keys, and the question whether the show is to end.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};

use super::super::keys::TABLE;
use super::Look;
use super::words::wrapped;

/// The columns between what stands side by side.
const GAP: usize = 3;

/// The columns that a frame takes, with a space on each side.
const FRAME: usize = 4;

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

/// The keys, in as many columns as they need; in pages where there is no room for all of them.
pub(crate) fn help(page: i32, look: Look, area: Rect, buffer: &mut Buffer) {
    let mut entries: Vec<(&str, &str)> = vec![
        ("1 to 0, a to z", "launch the pattern with that key"),
        ("Shift, or Alt", "with it: where this pattern ends"),
    ];
    entries.extend(TABLE.iter().map(|entry| (entry.shown, entry.does)));
    let keys = entries.iter().map(|(keys, _)| keys.len()).max().unwrap_or(0);
    let does = entries.iter().map(|(_, does)| does.len()).max().unwrap_or(0);
    let (columns, lines) = (usize::from(area.width).saturating_sub(FRAME), usize::from(area.height.saturating_sub(2)));
    let width = (keys + 2 + does).min(columns);
    let most = ((columns + GAP) / (width + GAP).max(1)).max(1);
    // What is longer than its column goes on below, so that no word is cut.
    let wrapped = |(keys, does): &(&'static str, &'static str), before: usize| -> Vec<(&str, String)> {
        let lines = wrapped(does, width.saturating_sub(before + 2)).into_iter().enumerate();
        lines.map(|(line, does)| (if line == 0 { *keys } else { "" }, does)).collect()
    };
    let entries: Vec<Vec<(&str, String)>> = entries.iter().map(|entry| wrapped(entry, keys)).collect();
    let count: usize = entries.iter().map(Vec::len).sum();
    let (stacks, mut pages) = if count <= most * lines {
        let stacks = count.div_ceil(lines.max(1)).max(1);
        (stacks, vec![in_stacks(entries, count.div_ceil(stacks))])
    } else {
        let stacks = in_stacks(entries, lines.saturating_sub(1).max(1));
        (most, stacks.chunks(most).map(<[_]>::to_vec).collect())
    };
    let of = pages.len();
    let page = page.rem_euclid(of as i32) as usize;
    let shown = pages.swap_remove(page);
    let rows = if of > 1 { lines } else { shown.iter().map(Vec::len).max().unwrap_or(0) };
    let inner = frame("keys", width * stacks + GAP * (stacks - 1), rows, look, area, buffer);
    for (index, stack) in shown.into_iter().enumerate() {
        let x = inner.x.saturating_add((index * (width + GAP)) as u16);
        for (row, (keys_text, does)) in stack.into_iter().enumerate() {
            let y = inner.y.saturating_add(row as u16);
            let cell = Rect { x, y, width: width as u16, height: 1 }.intersection(inner);
            let spans = vec![Span::styled(format!("{keys_text:<keys$}  "), look.strong()), Span::raw(does)];
            Line::from(spans).render(cell, buffer);
        }
    }
    if of > 1 && inner.height > 0 {
        let last = Rect { y: inner.bottom() - 1, height: 1, ..inner };
        Clear.render(last, buffer);
        Line::styled(format!("{} of {of}: left and right turn", page + 1), look.next()).render(last, buffer);
    }
}

/// `entries` one below the other in stacks of at most `height` lines; none is cut in two.
fn in_stacks<T>(entries: Vec<Vec<T>>, height: usize) -> Vec<Vec<T>> {
    let mut stacks: Vec<Vec<T>> = vec![Vec::new()];
    for entry in entries {
        match stacks.last_mut() {
            Some(last) if last.is_empty() || last.len() + entry.len() <= height => last.extend(entry),
            _ => stacks.push(entry),
        }
    }
    stacks
}

/// Whether the show is to end.
pub(crate) fn quit(look: Look, area: Rect, buffer: &mut Buffer) {
    // Where there is no room for all of it, the question is what counts.
    let texts = ["End the show? y ends it, any other key plays on", "End the show? y ends it", "End? y/n"];
    let text = texts.into_iter().find(|text| text.len() + FRAME <= area.width.into()).unwrap_or(texts[2]);
    let inner = frame("quit", text.len(), 1, look, area, buffer);
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

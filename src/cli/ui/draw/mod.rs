//! A scene as characters, for a terminal of any size.
//!
//! What is read first is biggest and uppermost: where the music is, which pattern plays, what comes next. Below it the
//! tracks, then what is needed less often. In a small terminal the lower parts go first, and their names are shown instead.

mod big;
mod header;
mod look;
mod over;
mod panels;
mod room;
mod tracks;
mod words;

pub(crate) use look::Look;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::hands::Over;
use super::keys::TABLE;
use super::scene::Scene;
use room::{Room, put};
use words::elided;

/// From this size on, timing and ports stand beside the tracks.
const PANEL_FROM: (u16, u16) = (120, 30);

/// The most lines that what was said takes.
const SAID_LINES: usize = 5;

/// The most lines that a mistake of the set file takes.
const MISTAKE_LINES: usize = 8;

/// Draws `scene` over all of `buffer`.
pub(crate) fn draw(scene: &Scene, look: Look, buffer: &mut Buffer) {
    let area = buffer.area;
    buffer.reset();
    let mut room = Room(area);
    header::draw(scene, look, &mut room, buffer);
    let hidden = below(scene, look, &mut room, buffer);
    middle(scene, look, room.0, buffer);
    bottom_line(scene, look, area, &hidden, buffer);
    match scene.over {
        Over::Help(page) => over::help(page, look, area, buffer),
        Over::Quit => over::quit(look, area, buffer),
        Over::Nothing | Over::Prompt(_) => {}
    }
}

/// Patterns, ports, timing, and what is said, from the bottom up. Gives the names of what there was no room for.
fn below(scene: &Scene, look: Look, room: &mut Room, buffer: &mut Buffer) -> Vec<&'static str> {
    let Rect { width, height, .. } = buffer.area;
    let (width, mut hidden) = (usize::from(width), Vec::new());
    // The line at the bottom is drawn last, over whatever is there.
    if height >= 4 {
        room.below(1);
    }
    if height >= 3 {
        let said = said(scene, look, width, usize::from(height / 3).clamp(1, MISTAKE_LINES));
        put_below(said, room, buffer);
    }
    let has_panel = has_panel(buffer.area);
    if height >= 16 && !has_panel {
        put_below(panels::timing(scene, look), room, buffer);
        put_below(vec![panels::ports(scene, look, width)], room, buffer);
    } else if !has_panel {
        hidden = vec!["ports", "timing"];
    }
    if height >= 7 {
        let patterns = panels::patterns(scene, look, width, usize::from(height / 8).max(1));
        put_below(patterns, room, buffer);
        if height >= 16 {
            room.below(1);
        }
    } else {
        hidden.insert(0, "patterns");
    }
    hidden
}

fn put_below(lines: Vec<Line<'_>>, room: &mut Room, buffer: &mut Buffer) {
    let area = room.below(lines.len());
    put(lines, area, buffer);
}

const fn has_panel(area: Rect) -> bool {
    area.width >= PANEL_FROM.0 && area.height >= PANEL_FROM.1
}

/// The tracks, and beside them what there is room for.
fn middle(scene: &Scene, look: Look, area: Rect, buffer: &mut Buffer) {
    let mut room = Room(area);
    let rule = if buffer.area.height >= 12 { room.above(1) } else { Rect { height: 0, ..area } };
    let mut area = room.0;
    if has_panel(buffer.area) {
        let width = panels::PANEL_WIDTH.min(area.width);
        let panel = Rect { x: area.right() - width, width, ..area };
        area.width = area.width.saturating_sub(width + 2);
        panels::panel(scene, look, panel, buffer);
    }
    if area.height == 0 {
        return;
    }
    let (first, shown) = tracks::draw(scene, look, area, buffer);
    let count = if shown < scene.tracks.len() {
        format!(" tracks {} to {} of {} ", first + 1, first + shown, scene.tracks.len())
    } else {
        String::new()
    };
    if rule.height > 0 {
        let line: String = std::iter::repeat_n(look.pick('─', '-'), rule.width.into()).collect();
        Line::styled(line, look.dim()).render(rule, buffer);
        let room = usize::from(rule.width).saturating_sub(count.chars().count() + 6);
        let name = Rect { x: rule.x + 2, width: rule.width.saturating_sub(2), ..rule }.intersection(rule);
        let set = elided(&scene.set, room, look.pick("…", ".."));
        Line::styled(format!(" {set} "), look.dim()).render(name, buffer);
        // A style of the line itself would be that of the whole row.
        let line = Line::from(Span::styled(count, look.next())).right_aligned();
        line.render(Rect { width: rule.width.saturating_sub(2), ..rule }, buffer);
    }
}

/// A mistake in the set file, for as long as it is there, and what was said last.
fn said<'l>(scene: &Scene, look: Look, width: usize, most: usize) -> Vec<Line<'l>> {
    let mut lines = Vec::new();
    if let Some(mistake) = &scene.mistake {
        let title = Span::styled(" MISTAKE ", look.alarm());
        let what = [" in the set file: what plays is as it was before", " in the set file: plays on"];
        let fits = |what: &&&str| what.len() + title.width() <= width;
        let what = Span::styled(*what.iter().find(fits).unwrap_or(&""), look.wrong());
        lines.push(Line::from(vec![title, what]));
        // What would be right stands last, so the lines that hold nothing give way to it.
        let says = |line: &&str| !matches!(line.trim(), "" | "|");
        let text = mistake.lines().filter(says).flat_map(|line| whole(line, width)).map(Line::raw);
        lines.extend(text.take(most.saturating_sub(2).max(1)));
    }
    let (text, is_wrong) = match &scene.said {
        Some((text, true)) if scene.mistake.as_ref() == Some(text) => {
            ("the set file was read again, and still has the mistake".to_owned(), true)
        }
        Some((text, is_wrong)) => (text.clone(), *is_wrong),
        None => (String::new(), false),
    };
    let style = if is_wrong { look.wrong() } else { look.strong() };
    let sign = if is_wrong { "! " } else { "" };
    // One row is kept for it, so that nothing moves when something is said.
    let rows = words::wrapped(&format!("{sign}{}", text.replace('\n', " ")), width);
    // Beside a mistake in the file, one that is short: otherwise all of it, as far as there is room.
    let room = if scene.mistake.is_some() { 2 } else { most.clamp(2, SAID_LINES) };
    let is_cut = rows.len() > room;
    lines.extend(rows.into_iter().take(room).map(|line| Line::styled(line, style)));
    if let Some(last) = lines.last_mut().filter(|_| is_cut) {
        let text: String = last.spans.iter().map(|span| span.content.as_ref()).collect();
        let dots = look.pick("…", "..");
        let kept: String = text.chars().take(width.saturating_sub(dots.chars().count())).collect();
        *last = Line::styled(kept + dots, style);
    }
    lines
}

/// A line of a mistake: what is a sentence goes on below where it is too long, and a line of the file is cut.
fn whole(line: &str, width: usize) -> Vec<String> {
    let is_sentence = ["error: ", "= "].iter().any(|begins| line.trim_start().starts_with(begins));
    if is_sentence && line.chars().count() > width { words::wrapped(line, width) } else { vec![line.to_owned()] }
}

/// The command that is being written, or else the most important keys, and what there is no room for.
fn bottom_line(scene: &Scene, look: Look, area: Rect, hidden: &[&str], buffer: &mut Buffer) {
    let row = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area }.intersection(area);
    if let Over::Prompt(text) = &scene.over {
        Clear.render(row, buffer);
        let cursor = Span::styled(" ", look.strong().add_modifier(Modifier::REVERSED));
        // The end is where it is written.
        let room = usize::from(row.width).saturating_sub(3);
        let skipped = text.chars().count().saturating_sub(room);
        let text: String = text.chars().skip(skipped).collect();
        Line::from(vec![Span::styled(": ", look.next()), Span::raw(text), cursor]).render(row, buffer);
        return;
    }
    if area.height < 4 {
        return;
    }
    let hidden = if hidden.is_empty() { String::new() } else { format!("no room: {}", hidden.join(", ")) };
    // What there is no room for stands at the right, where the most important keys leave it room.
    let needed = hidden.chars().count();
    let width = usize::from(row.width);
    let columns = |hints: &[Hint]| hints.iter().take(3).map(Hint::columns).sum::<usize>();
    let has_room = |hints: &[Hint]| columns(hints) + needed <= width;
    let mut hints = hints(scene.is_locked);
    let short: Vec<Hint> = hints.iter().map(Hint::shortened).collect();
    if !has_room(&hints) && (has_room(&short) || columns(&hints) > width + GAP) {
        hints = short;
    }
    let is_told = needed > 0 && has_room(&hints);
    let mut room = if is_told { width.saturating_sub(needed + 1) } else { width };
    let mut spans = Vec::new();
    for Hint { key, does, gap } in hints {
        let columns = Hint { key, does, gap }.columns() - gap;
        if columns > room {
            break;
        }
        room = room.saturating_sub(columns + gap);
        let style = if key == LOCKED { look.hands() } else { look.strong() };
        spans.push(Span::styled(key, style));
        let space = if does.is_empty() { "" } else { " " };
        spans.push(Span::styled(format!("{space}{does}{:gap$}", ""), look.dim()));
    }
    Line::from(spans).render(row, buffer);
    if is_told {
        // A style of the line itself would be that of the whole row.
        Line::from(Span::styled(hidden, look.dim())).right_aligned().render(row, buffer);
    }
}

/// The columns between two keys at the bottom.
const GAP: usize = 3;

/// The mark of locked keys.
const LOCKED: &str = " LOCKED ";

/// A key at the bottom of the screen.
struct Hint {
    key: &'static str,
    does: &'static str,
    /// The columns after it.
    gap: usize,
}

impl Hint {
    const fn columns(&self) -> usize {
        self.key.len() + if self.does.is_empty() { 0 } else { 1 + self.does.len() } + self.gap
    }

    /// With less air. Who sees the key of the help knows what it is.
    fn shortened(&self) -> Hint {
        Hint { does: if self.key == "?" { "" } else { self.does }, gap: 1, ..*self }
    }
}

/// The keys for the bottom of the screen, the most important ones first.
fn hints(is_locked: bool) -> Vec<Hint> {
    let hint = |key, does| Hint { key, does, gap: GAP };
    if is_locked {
        return vec![hint(LOCKED, ""), hint("L", "unlocks"), hint("p", "panic")];
    }
    let hints = TABLE.iter().filter_map(|entry| Some(hint(entry.shown.split(' ').next()?, entry.hint?)));
    // `?` leads to all others, `q` out, and `p` out of trouble, so they come before what there may be no room for.
    let (last, first): (Vec<_>, Vec<_>) = hints.partition(|hint| matches!(hint.key, "?" | "q" | "p"));
    last.into_iter().rev().chain(first).collect()
}

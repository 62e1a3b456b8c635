//! The rows of tracks: name, mute and solo, activity, and the steps with the playhead.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::super::scene::{Row, Scene};
use super::super::steps::Cells;
use super::Look;
use super::words::elided;
use crate::time::TickSpan;

/// The columns that a track takes besides its name and its steps: the mark of the chosen one, mute or solo, activity, and
/// spaces between them.
const SIGNS: usize = 7;

/// The columns for what stands after the steps: which part of them is shown.
const BEHIND: usize = 6;

/// Draws as many tracks as there is room for, the chosen one among them. Gives the first that is shown and how many.
///
/// Where there is room for it, each voice of a track has its own row, and there is air between the tracks. The rows of a
/// track are as many as it has in any pattern, so that nothing moves when another one begins.
pub(crate) fn draw(scene: &Scene, look: Look, area: Rect, buffer: &mut Buffer) -> (usize, usize) {
    let total = scene.tracks.len();
    let room = usize::from(area.height);
    if total == 0 {
        Line::styled("no tracks", look.dim()).render(area, buffer);
        return (0, 0);
    }
    let voices: usize = scene.tracks.iter().map(|row| row.most_voices).sum();
    let has_voices = voices <= room;
    let rows = if has_voices { voices } else { total };
    let gap = usize::from(rows + total - 1 <= room);
    let shown = total.min(room);
    // The chosen one is in the middle as long as there are tracks on both sides.
    let first = scene.chosen.saturating_sub(shown / 2).min(total - shown);
    let longest = scene.tracks.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let name = longest.clamp(4, if area.width < 60 { 8 } else { 16 });
    let mut below = area;
    for (index, row) in scene.tracks.iter().enumerate().skip(first).take(shown) {
        let lines = lines(row, scene, look, index == scene.chosen, (name, area.width.into()), has_voices);
        let height = if has_voices { row.most_voices } else { 1 };
        for (area, line) in below.rows().zip(lines).take(height) {
            line.render(area, buffer);
        }
        let used = ((height + gap) as u16).min(below.height);
        below = Rect { y: below.y + used, height: below.height - used, ..below };
    }
    (first, shown)
}

/// The rows of a track: one, or one for each of its voices.
fn lines<'l>(
    row: &Row,
    scene: &Scene,
    look: Look,
    is_chosen: bool,
    (name, width): (usize, usize),
    has_voices: bool,
) -> Vec<Line<'l>> {
    let quiet = if row.is_heard { Style::new() } else { look.dim() };
    let before = before(row, look, is_chosen, name);
    let indent = || vec![Span::raw(" ".repeat(SIGNS + name))];
    let moved = transposed(row.transposed);
    let room = width.saturating_sub(SIGNS + name + BEHIND + moved.len());
    let Some(figure) = row.figure.as_deref() else {
        return vec![finished(before, look.pick('—', '-').to_string(), moved, row, look)];
    };
    let (at_together, at_voices) = match &row.at {
        Some((together, voices)) => (Some(*together), &voices[..]),
        None => (None, &[][..]),
    };
    let mut behind = match &figure.arp {
        Some(_) if figure.together.is_some() => " ~arp".to_owned(),
        Some(arp) => {
            let mut spans = before;
            spans.push(Span::styled(format!("~ {arp}"), quiet));
            spans.push(Span::styled(moved, look.strong()));
            return vec![finished(spans, String::new(), String::new(), row, look)];
        }
        None => String::new(),
    };
    if !has_voices {
        if figure.has_others {
            behind.push_str(" +");
        }
        let mut spans = before;
        if let Some(cells) = &figure.together {
            behind.insert_str(0, &steps(cells, at_together, row, scene, look, room, &mut spans));
        }
        return vec![finished(spans, behind, moved, row, look)];
    }
    let mut lines = Vec::new();
    let mut before = Some((before, behind));
    for (index, cells) in figure.voices.iter().enumerate() {
        let (mut spans, behind) = before.take().unwrap_or_else(|| (indent(), String::new()));
        let page = steps(cells, at_voices.get(index).copied(), row, scene, look, room, &mut spans);
        match index {
            0 => lines.push(finished(spans, page + &behind, moved.clone(), row, look)),
            _ => {
                spans.push(Span::styled(page, look.dim()));
                lines.push(Line::from(spans));
            }
        }
    }
    lines
}

/// Returns what stands before the steps.
fn before<'l>(row: &Row, look: Look, is_chosen: bool, name: usize) -> Vec<Span<'l>> {
    let quiet = if row.is_heard { Style::new() } else { look.dim() };
    let marker = if is_chosen { look.pick('▸', '>') } else { ' ' };
    let name_style = if is_chosen { quiet.add_modifier(Modifier::BOLD) } else { quiet };
    // A solo is said of a muted track too: it is why the others are not heard.
    let (mark, mark_style) = match (row.muted, row.soloed) {
        (true, true) => ("MS", look.hands()),
        (true, false) => ("M", look.hands()),
        (false, true) => ("S", look.hands()),
        (false, false) if !row.is_heard => ("-", look.dim()),
        _ => (" ", Style::new()),
    };
    let after = " ".repeat(2 - mark.len());
    let (glow, glow_style) = look.glow(row.glow);
    let shown_name = elided(&row.name, name, look.pick("…", ".."));
    vec![
        Span::styled(marker.to_string(), look.strong()),
        Span::styled(format!("{shown_name:<name$} "), name_style),
        Span::styled(mark, mark_style),
        Span::raw(after),
        Span::styled(glow.to_string(), glow_style),
        Span::raw("  "),
    ]
}

/// Returns how far a track is transposed, where it is: ` +2`, ` -1 deg`.
fn transposed([semitones, degrees]: [i32; 2]) -> String {
    let by = |by: i32, unit: &str| if by == 0 { String::new() } else { format!(" {by:+}{unit}") };
    by(semitones, "") + &by(degrees, " deg")
}

/// The first row of a track, with what stands after it, and how far it is transposed.
fn finished<'l>(mut spans: Vec<Span<'l>>, behind: String, moved: String, row: &Row, look: Look) -> Line<'l> {
    spans.push(Span::styled(behind, look.dim()));
    spans.push(Span::styled(moved, look.strong()));
    if let Some(pattern) = &row.pattern {
        spans.push(Span::styled(format!("  {pattern}"), look.dim()));
    }
    Line::from(spans)
}

/// Draws the steps, or the part of them that plays; which part that is, where it is not all.
fn steps(
    cells: &Cells,
    at: Option<usize>,
    row: &Row,
    scene: &Scene,
    look: Look,
    room: usize,
    spans: &mut Vec<Span<'_>>,
) -> String {
    let groups = Groups::of(cells.grid, scene.meter);
    let total = cells.cells.len();
    let page = groups.page(total, room);
    if page == 0 {
        return String::new();
    }
    let first = at.unwrap_or(0).min(total - 1) / page * page;
    for (index, &cell) in cells.cells.iter().enumerate().skip(first).take(page) {
        if index > first && index % groups.beat == 0 {
            let is_bar = groups.bar.is_some_and(|bar| index % bar == 0);
            let gap = if is_bar { look.pick('│', '|') } else { ' ' };
            spans.push(Span::styled(gap.to_string(), look.dim()));
        }
        let (glyph, style) = if at == Some(index) { look.playhead(cell, row.is_heard) } else { look.cell(cell) };
        let style = if row.is_heard || at == Some(index) { style } else { look.dim() };
        spans.push(Span::styled(glyph.to_string(), style));
    }
    if page >= total { String::new() } else { format!(" {}/{}", first / page + 1, total.div_ceil(page)) }
}

/// How cells stand together.
struct Groups {
    /// Cells to a beat; a gap comes after it.
    beat: usize,
    /// Cells to a bar, if they come out even.
    bar: Option<usize>,
}

impl Groups {
    fn of(grid: TickSpan, (beat, bar): (TickSpan, TickSpan)) -> Groups {
        let whole = |span: TickSpan| (span.0 % grid.0 == 0).then_some((span.0 / grid.0) as usize);
        match whole(beat).filter(|&cells| cells > 1) {
            Some(beat) => Groups { beat, bar: whole(bar) },
            None => Groups { beat: whole(bar).unwrap_or(4).max(1), bar: None },
        }
    }

    /// Returns how many columns so many cells take.
    fn width(&self, cells: usize) -> usize {
        cells + cells.saturating_sub(1) / self.beat
    }

    /// Returns how many of `total` cells are shown at once in `room` columns: all, or some bars, or some beats, or what there is
    /// room for.
    fn page(&self, total: usize, room: usize) -> usize {
        if self.width(total) <= room {
            return total;
        }
        let fits = |cells: &usize| self.width(*cells) <= room;
        let bars = self.bar.into_iter().flat_map(|bar| [8 * bar, 4 * bar, 2 * bar, bar]);
        let beats = [8 * self.beat, 4 * self.beat, 2 * self.beat, self.beat];
        bars.chain(beats).find(fits).unwrap_or(room.min(self.beat))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_whole_bars_or_whole_beats() {
        let sixteenths = Groups::of(TickSpan::SIXTEENTH, (TickSpan(960), TickSpan(3_840)));
        assert_eq!((sixteenths.width(16), sixteenths.width(32)), (19, 39));
        for (total, room, page) in
            [(16, 80, 16), (64, 79, 64), (64, 78, 32), (64, 39, 32), (64, 38, 16), (16, 18, 8), (16, 3, 3), (16, 0, 0)]
        {
            assert_eq!(sixteenths.page(total, room), page, "{total} in {room}");
        }
        let triplets = Groups::of(TickSpan(320), (TickSpan(960), TickSpan(3_840)));
        assert_eq!((triplets.beat, triplets.bar), (3, Some(12)));
        // 7/16: beats of one cell would be nothing but gaps.
        let odd = Groups::of(TickSpan(240), (TickSpan(240), TickSpan(1_680)));
        assert_eq!((odd.beat, odd.bar), (7, None));
    }
}

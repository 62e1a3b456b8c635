//! What stands below and beside the tracks: patterns with their keys, ports, timing.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::super::scene::{Clock, Connected, Pad, Port, Scene};
use super::Look;
use super::words::{elided, wrapped};
use crate::cli::printer::Readable;
use crate::link::{OCTAVES, Percentiles};

/// The columns of the word before a row.
pub(crate) const LABEL: usize = 10;

/// How many bars the chart has: 16 ns, and each power of two above it, up to 4 ms; the last holds what is later.
const BARS: usize = 20;

/// How long the names of patterns may be: as long as all of them are seen, and at least so long.
const NAMES: [usize; 5] = [usize::MAX, 20, 16, 12, 9];
const SHORTEST_NAME: usize = 7;

/// The columns of a panel beside the tracks.
pub(crate) const PANEL_WIDTH: u16 = 2 * BARS as u16 + 2;

/// The patterns, in as many rows as they take, at most `most`. The one that plays is always among them.
pub(crate) fn patterns<'l>(scene: &Scene, look: Look, width: usize, most: usize) -> Vec<Line<'l>> {
    let room = width.saturating_sub(LABEL);
    let plays = scene.patterns.iter().position(|pad| pad.plays).unwrap_or(0);
    // Whoever is to press a key has to see it: rather a part of every name than all of a few.
    let attempt = |longest| {
        let shortened = |pad: &Pad| Pad { name: elided(&pad.name, longest, look.pick("…", "..")), ..pad.clone() };
        let pads: Vec<Pad> = scene.patterns.iter().map(shortened).collect();
        let packed = packed(&pads, look, room, most);
        (pads, packed)
    };
    let all_shown = NAMES.into_iter().map(attempt).find(|(pads, (_, shown))| pads.len() == *shown);
    let (pads, (mut rows, mut shown)) = all_shown.unwrap_or_else(|| attempt(SHORTEST_NAME));
    if plays >= shown {
        (rows, shown) = packed(pads.get(plays.saturating_sub(1)..).unwrap_or_default(), look, room, most);
    }
    let hidden = scene.patterns.len() - shown;
    if let Some(row) = rows.last_mut().filter(|_| hidden > 0) {
        row.pop();
        row.push(Span::styled(format!(" +{hidden}"), look.dim()));
    }
    let label = match scene.page {
        (_, 1) => "patterns".to_owned(),
        (page, of) => format!("page {page}/{of}").chars().take(LABEL - 1).collect(),
    };
    let rows = rows.into_iter().enumerate();
    rows.map(|(index, spans)| labelled(if index == 0 { &label } else { "" }, spans, look)).collect()
}

/// As many of `pads` as fit into `most` rows of `room` columns, with room for how many do not; and how many these are.
fn packed<'l>(pads: &[Pad], look: Look, room: usize, most: usize) -> (Vec<Vec<Span<'l>>>, usize) {
    const COUNT: usize = 4;
    let (mut rows, mut used, mut shown) = (vec![Vec::new()], 0, 0);
    for pad in pads {
        let spans = pad_spans(pad, look);
        let columns: usize = spans.iter().map(Span::width).sum();
        let is_last_row = rows.len() == most;
        if used > 0 && used + columns > if is_last_row { room.saturating_sub(COUNT) } else { room } {
            if is_last_row {
                break;
            }
            rows.push(Vec::new());
            used = 0;
        }
        if let Some(row) = rows.last_mut() {
            row.extend(spans);
        }
        (used, shown) = (used + columns, shown + 1);
    }
    (rows, shown)
}

fn pad_spans<'l>(pad: &Pad, look: Look) -> Vec<Span<'l>> {
    let (mark, style) = match (pad.plays, pad.is_next) {
        (_, true) => (look.pick('»', '>'), look.asked()),
        (true, false) => (look.pick('▶', '*'), look.playing()),
        (false, false) => (' ', Style::new()),
    };
    vec![
        Span::styled(mark.to_string(), style),
        Span::styled(pad.key.to_string(), style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED)),
        Span::styled(format!(" {}", pad.name), style),
        Span::raw("  "),
    ]
}

fn labelled<'l>(label: &str, spans: Vec<Span<'l>>, look: Look) -> Line<'l> {
    let mut all = vec![Span::styled(format!("{label:<LABEL$}"), look.dim())];
    all.extend(spans);
    Line::from(all)
}

/// The ports in one row. Where that is too short for all, those with something wrong come first.
pub(crate) fn ports<'l>(scene: &Scene, look: Look, width: usize) -> Line<'l> {
    let mut spans = Vec::new();
    let mut ports: Vec<_> = scene.ports.iter().map(|port| (port, state(port, look))).collect();
    let columns = |(port, (_, word, _)): &(&Port, (char, Option<String>, Style))| {
        port.name.chars().count() + word.as_ref().map_or(0, |word| word.chars().count() + 1) + 5
    };
    if LABEL + ports.iter().map(columns).sum::<usize>() > width {
        ports.sort_by_key(|(_, (_, word, _))| word.is_none());
    }
    let no_midi =
        if scene.ports.iter().all(|port| port.state.is_none()) { "no MIDI here: nothing is sent" } else { "" };
    let reserved = if no_midi.is_empty() { 0 } else { no_midi.len() + 2 };
    let mut left = width.saturating_sub(LABEL + reserved);
    let mut hidden = ports.len();
    for (port, (sign, word, style)) in ports {
        // A whole one, and room for how many there are no more.
        let columns = columns(&(port, (sign, word.clone(), style))) - 3;
        if columns + if hidden > 1 { 4 } else { 0 } > left {
            spans.push(Span::styled(format!("+{hidden}   "), look.dim()));
            break;
        }
        (left, hidden) = (left.saturating_sub(columns + 3), hidden - 1);
        spans.push(Span::styled(format!("{sign} "), style));
        // What is connected is said by its sign: words have a colour that can be read.
        let style = if word.is_none() { style.fg(ratatui::style::Color::Reset) } else { style };
        spans.push(Span::styled(port.name.clone(), style));
        if let Some(word) = word {
            spans.push(Span::styled(format!(" {word}"), style));
        }
        spans.push(Span::raw("   "));
    }
    spans.push(Span::styled(no_midi, look.dim()));
    labelled("ports", spans, look)
}

/// A sign, a word where something is to be said, and how they look.
fn state(port: &Port, look: Look) -> (char, Option<String>, Style) {
    if let Some(echo) = &port.echo_of {
        return ('!', Some(format!("CLOCK LOOP from {echo}")), look.wrong());
    }
    if let Some(sent_to) = &port.returns_from {
        return ('!', Some(format!("NOTE LOOP from {sent_to}")), look.wrong());
    }
    match &port.state {
        Some(Connected { is_missing: true, .. }) => ('!', Some("MISSING".to_owned()), look.wrong()),
        Some(_) if port.lost > 0 => ('!', Some(format!("lost {}", port.lost)), look.wrong()),
        Some(Connected { output: false, input: false, .. }) => (look.pick('○', 'o'), None, look.dim()),
        Some(_) => {
            let word = (port.withheld > 0).then(|| format!("withheld {}", port.withheld));
            (look.pick('●', '*'), word, Style::new())
        }
        None => (look.pick('○', 'o'), None, look.dim()),
    }
}

/// Timing in one row; two where a clock is followed.
pub(crate) fn timing<'l>(scene: &Scene, look: Look) -> Vec<Line<'l>> {
    let timing = &scene.timing;
    let mut spans = vec![Span::styled(chart(&counts(&timing.octaves, 2), look, 1).concat(), look.plays())];
    spans.push(Span::raw(format!("  {}", percentiles(&timing.lateness))));
    let drops =
        Span::styled(format!("  drops {}", timing.drops), if timing.drops > 0 { look.wrong() } else { look.dim() });
    spans.push(drops);
    let mut rows = vec![labelled("late by", spans, look)];
    if let Some(text) = lock(scene) {
        rows.push(labelled("clock", vec![Span::raw(text)], look));
    }
    rows
}

fn percentiles(of: &Percentiles) -> String {
    match of.count {
        0 => "nothing sent yet".to_owned(),
        _ => format!("p50 {}  p99 {}  max {}", Readable(of.p50), Readable(of.p99), Readable(of.max)),
    }
}

/// Returns how well a followed clock is known.
fn lock(scene: &Scene) -> Option<String> {
    let port = match &scene.clock {
        Clock::Own => return None,
        Clock::Follows(port) | Clock::Misses(port, _) => port,
    };
    let (jitter, estimate) = (&scene.timing.jitter, &scene.timing.estimate);
    Some(match jitter.count {
        0 => format!("{port}: not heard yet"),
        _ => format!("{port}: jitter p99 {}, estimate good to {}", Readable(jitter.p99), Readable(estimate.p50)),
    })
}

/// Returns how many messages were late by each power of two, so many powers to a bar; the last bar holds all that were later.
fn counts(octaves: &[u64; OCTAVES], powers: usize) -> Vec<u64> {
    let (early, late) = octaves.split_at(BARS);
    let mut counts: Vec<u64> = early.chunks(powers).map(|bar| bar.iter().sum()).collect();
    if let Some(last) = counts.last_mut() {
        *last += late.iter().sum::<u64>();
    }
    counts
}

/// A chart of `counts`, from the uppermost row to the lowest. Heights are logarithms: one late note among a million is to
/// be seen.
fn chart(counts: &[u64], look: Look, rows: usize) -> Vec<String> {
    let log = |count: u64| ((count + 1) as f64).log2();
    let most = log(counts.iter().copied().max().unwrap_or(0)).max(1.0);
    let eighths = |count: u64| match count {
        0 => 0,
        _ => ((log(count) / most * (rows * 8) as f64) as usize).max(1),
    };
    let row = |row: usize| {
        let below = (rows - 1 - row) * 8;
        counts.iter().map(|&count| look.eighths(eighths(count).saturating_sub(below).min(8))).collect()
    };
    (0..rows).map(row).collect()
}

/// Timing and ports as a panel beside the tracks.
pub(crate) fn panel(scene: &Scene, look: Look, area: Rect, buffer: &mut Buffer) {
    let timing = &scene.timing;
    let mut lines = vec![heading("lateness", look)];
    let rows = if area.height >= 32 { 8 } else { 4 };
    for row in chart(&counts(&timing.octaves, 1), look, rows) {
        // Two columns to a bar.
        let wide: String = row.chars().flat_map(|char| [char, char]).collect();
        lines.push(Line::styled(wide, look.plays()));
    }
    lines.push(Line::styled(format!("{:<14}{:<10}{:<10}{}", "16 ns", "1 us", "32 us", "1 ms"), look.dim()));
    lines.push(Line::default());
    lines.push(Line::styled(format!("{:<9}{:>10}{:>10}{:>11}", "", "p50", "p99", "max"), look.dim()));
    let table =
        [("late", timing.lateness), ("wake-up", timing.wake), ("jitter", timing.jitter), ("estimate", timing.estimate)];
    for (name, measured) in table {
        let text = match measured.count {
            0 => format!("{:>10}{:>10}{:>11}", "-", "-", "-"),
            _ => format!(
                "{:>10}{:>10}{:>11}",
                Readable(measured.p50).to_string(),
                Readable(measured.p99).to_string(),
                Readable(measured.max).to_string()
            ),
        };
        lines.push(Line::from(vec![Span::styled(format!("{name:<9}"), look.dim()), Span::raw(text)]));
    }
    let drops = if timing.drops > 0 { look.wrong() } else { Style::new() };
    lines.push(Line::from(vec![
        Span::styled(format!("{:<9}", "drops"), look.dim()),
        Span::styled(format!("{:>10}", timing.drops), drops),
    ]));
    lines.push(Line::default());
    lines.push(heading("ports", look));
    let longest = scene.ports.iter().map(|port| port.name.chars().count()).max().unwrap_or(0);
    for port in &scene.ports {
        let (sign, word, style) = state(port, look);
        let device = port.state.as_ref().and_then(|state| state.device.clone()).unwrap_or_default();
        lines.push(Line::from(vec![
            Span::styled(format!("{sign} {:<longest$}  ", port.name), style),
            Span::raw(match port.state {
                Some(_) => format!("{:>8} sent  ", port.sent),
                None => format!("{:>8} to nobody  ", port.sent),
            }),
            Span::styled(
                word.unwrap_or(device),
                if port.echo_of.is_some() || port.returns_from.is_some() { style } else { look.dim() },
            ),
        ]));
    }
    if scene.ports.iter().all(|port| port.state.is_none()) {
        lines.push(Line::styled("no MIDI here: nothing is sent", look.dim()));
    }
    lines.push(Line::default());
    lines.push(heading("granted", look));
    let granted = timing.granted.trim_start_matches("real-time: ");
    lines.extend(wrapped(granted, area.width.into()).into_iter().map(|line| Line::styled(line, look.dim())));
    for (row, line) in area.rows().zip(lines) {
        line.render(row, buffer);
    }
}

fn heading<'l>(text: &'static str, look: Look) -> Line<'l> {
    Line::styled(text, look.strong())
}

//! What is read first: where the music is, which pattern plays, what comes next.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::scene::{Next, Scene};
use super::{Look, Room, big, clock_words, elided, put};
use crate::engine::transport::Phase;

/// From this size on, the header is in big letters.
const BIG_FROM: (u16, u16) = (60, 18);

/// The columns left of the pattern.
const LEFT: usize = 28;

/// The most beats that are counted down by signs.
const COUNTED: i64 = 16;

/// Draws it, and takes the rows that it needs.
pub fn draw(scene: &Scene, look: Look, room: &mut Room, buffer: &mut Buffer) {
    let area = buffer.area;
    if look.blocks && area.width >= BIG_FROM.0 && area.height >= BIG_FROM.1 {
        draw_big(scene, look, room, buffer);
    } else {
        draw_small(scene, look, room, buffer);
    }
}

fn draw_big(scene: &Scene, look: Look, room: &mut Room, buffer: &mut Buffer) {
    let letters = room.above(big::ROWS.into());
    let place = place(scene);
    let left = LEFT.max(big::width(&place) + 3).min(letters.width.into()) as u16;
    let right = Rect { x: letters.x + left, width: letters.width - left, ..letters };
    let (_, _, style) = transport(scene, look);
    let number = big::rows(&place).map(|row| Line::styled(row, style)).to_vec();
    put(number, letters, buffer);
    let name = fitting(&scene.pattern, right.width.into());
    put(big::rows(&name).map(|row| Line::styled(row, look.strong())).to_vec(), right, buffer);

    let words = room.above(2);
    let (tempo, wrong) = tempo(scene);
    let tempo_style = if wrong { look.wrong() } else { Style::new() };
    put(vec![transport_line(scene, look), Line::styled(tempo, tempo_style)], words, buffer);
    let right = Rect { x: words.x + left, width: words.width - left, ..words };
    let mut upper = state(scene, look);
    if scene.is_locked {
        upper.push(Span::styled(" LOCKED ", look.hands()));
    }
    put(vec![Line::from(upper), next_line(scene, look)], right, buffer);
}

fn draw_small(scene: &Scene, look: Look, room: &mut Room, buffer: &mut Buffer) {
    let height = buffer.area.height;
    let (sign, _, style) = transport(scene, look);
    let place = place(scene);
    let taken = place.chars().count() + 4 + if scene.is_locked { 11 } else { 0 };
    let columns = usize::from(buffer.area.width).saturating_sub(taken);
    let name = elided(&scene.pattern, columns, look.pick("…", ".."));
    let mut first = vec![
        Span::styled(format!("{sign} "), style),
        Span::styled(place, style),
        Span::styled(format!("  {name}"), look.strong()),
        Span::raw("  "),
    ];
    if scene.is_locked {
        first.push(Span::styled(" LOCKED ", look.hands()));
        first.push(Span::raw(" "));
    }
    // In one row, what comes next is all there is room for besides.
    if height == 1 {
        first.extend(next_line(scene, look).spans);
    }
    put(vec![Line::from(first)], room.above(1), buffer);
    if height >= 2 {
        let mut second = next_line(scene, look).spans;
        if buffer.area.width < BIG_FROM.0 {
            // The signs say again what the words say.
            second.truncate(1);
        }
        if !second.is_empty() {
            second.push(Span::raw("  "));
        }
        second.extend(state(scene, look));
        put(vec![Line::from(second)], room.above(1), buffer);
    }
    if height >= 6 {
        let (tempo, wrong) = tempo(scene);
        let (_, word, _) = transport(scene, look);
        let style = if wrong { look.wrong() } else { Style::new() };
        let line = Line::from(vec![Span::styled(tempo, style), Span::styled(format!("  {word}"), look.dim())]);
        put(vec![line], room.above(1), buffer);
    }
}

fn place(scene: &Scene) -> String {
    format!("{}.{}", scene.bar, scene.beat)
}

/// `name` as it fits in big letters. Of a longer one, the beginning and the end: what tells it from others is mostly there.
fn fitting(name: &str, room: usize) -> String {
    (0..=name.chars().count())
        .rev()
        .map(|most| elided(name, most, ".."))
        .find(|name| big::width(name) <= room)
        .unwrap_or_default()
}

/// A sign, a word and a style for what the transport does.
fn transport(scene: &Scene, look: Look) -> (char, &'static str, Style) {
    match scene.phase {
        Phase::Running => (look.pick('▶', '>'), "playing", look.strong()),
        Phase::Armed => (look.pick('▷', '='), "ready: waits for the next pulse", look.next()),
        Phase::Stopped => (look.pick('■', '#'), "stopped", look.dim()),
    }
}

fn transport_line<'l>(scene: &Scene, look: Look) -> Line<'l> {
    let (sign, word, style) = transport(scene, look);
    let word = if scene.phase == Phase::Armed { "ready for a pulse" } else { word };
    Line::styled(format!("{sign} {word}"), style)
}

/// The tempo and where it comes from, and whether something is wrong with that.
fn tempo(scene: &Scene) -> (String, bool) {
    let (from, wrong) = clock_words(&scene.clock);
    match scene.tempo {
        // There is no room for both, and the music goes on at the tempo that it had.
        _ if wrong => (from, true),
        Some(hundredths) => (format!("{}.{:02} BPM {from}", hundredths / 100, hundredths % 100), false),
        None => (format!("no tempo, {from}"), false),
    }
}

/// The part of the song, and what hands have switched.
fn state<'l>(scene: &Scene, look: Look) -> Vec<Span<'l>> {
    let mut spans = Vec::new();
    for (is_on, word) in [(scene.holds, " HOLD "), (scene.fills, " FILL ")] {
        if is_on {
            spans.push(Span::styled(word, look.hands()));
            spans.push(Span::raw(" "));
        }
    }
    for (what, word) in [(&scene.recording, " REC "), (&scene.learning, " LEARN ")] {
        if let Some(what) = what {
            spans.push(Span::styled(word, look.alarm()));
            spans.push(Span::raw(format!(" {}  ", what.trim_start_matches("records "))));
        }
    }
    if let Some((part, of)) = scene.part {
        spans.push(Span::styled(format!("part {part} of {of} "), look.dim()));
    }
    spans
}

fn next_line<'l>(scene: &Scene, look: Look) -> Line<'l> {
    let Some(Next { pattern, beats, is_asked_for }) = &scene.next else { return Line::default() };
    let unit = if *beats == 1 { "beat" } else { "beats" };
    let Some(pattern) = pattern else {
        return Line::styled(format!("stops in {beats} {unit}"), look.next());
    };
    if !is_asked_for {
        return Line::styled(format!("then {pattern} in {beats} {unit}"), look.dim());
    }
    let left = (*beats).clamp(0, COUNTED) as usize;
    let signs: String = if *beats > COUNTED { String::new() } else { look.pick('■', '#').to_string().repeat(left) };
    Line::from(vec![
        Span::styled(format!("NEXT {pattern} in {beats} {unit}"), look.asked()),
        Span::styled(format!("  {signs}"), look.next()),
    ])
}

//! What is read first: where the music is, which pattern plays, what comes next.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::scene::{Next, Scene};
use super::room::{Room, put};
use super::words::{clock_words, elided};
use super::{Look, big};
use crate::engine::arrangement::transport::Phase;

/// From this size on, the header is in big letters.
const BIG_FROM: (u16, u16) = (60, 18);

/// The columns left of the pattern.
const LEFT: usize = 28;

/// The fewest letters of a name or a text that are shown.
const SHORTEST_TEXT: usize = 6;

/// The most beats that are counted down by signs.
const COUNTED: i64 = 16;

/// Draws it, and takes the rows that it needs.
pub(crate) fn draw(scene: &Scene, look: Look, room: &mut Room, buffer: &mut Buffer) {
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
    let locked = Span::styled(if scene.is_locked { " LOCKED " } else { "" }, look.hands());
    let room = usize::from(right.width);
    let mut upper = state(scene, look, room.saturating_sub(locked.width()));
    upper.push(locked);
    put(vec![Line::from(upper), next_line(scene, look, room)], right, buffer);
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
        first.extend(next_line(scene, look, 0).spans);
    }
    put(vec![Line::from(first)], room.above(1), buffer);
    if height >= 2 {
        // The marks are seen in any case.
        let width = usize::from(buffer.area.width);
        let mut second = next_line(scene, look, width.saturating_sub(marks(scene, look).1 + 2)).spans;
        if buffer.area.width < BIG_FROM.0 {
            // The signs say again what the words say.
            second.truncate(1);
        }
        if !second.is_empty() {
            second.push(Span::raw("  "));
        }
        let used: usize = second.iter().map(Span::width).sum();
        second.extend(state(scene, look, width.saturating_sub(used)));
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

/// Returns what hands have switched and what is written into the set, in marks, and how many columns these take.
fn marks<'l>(scene: &Scene, look: Look) -> (Vec<Span<'l>>, usize) {
    let switched = [(scene.holds, " HOLD "), (scene.fills, " FILL ")].map(|(is_on, word)| (is_on, word, look.hands()));
    let written = [(scene.recording.is_some(), " REC "), (scene.learning.is_some(), " LEARN ")];
    let written = written.map(|(is_on, word)| (is_on, word, look.alarm()));
    let shown = switched.into_iter().chain(written).filter(|(is_on, ..)| *is_on);
    let spans: Vec<Span<'l>> = shown.flat_map(|(_, word, style)| [Span::styled(word, style), Span::raw(" ")]).collect();
    let columns = spans.iter().map(Span::width).sum();
    (spans, columns)
}

/// The marks, and as far as there is `room`: what is recorded or learned, and the part of the song.
fn state<'l>(scene: &Scene, look: Look, room: usize) -> Vec<Span<'l>> {
    let (mut spans, used) = marks(scene, look);
    let mut room = room.saturating_sub(used);
    for what in [&scene.recording, &scene.learning].into_iter().flatten() {
        let what = elided(what.trim_start_matches("records "), room, look.pick("…", ".."));
        // A few letters of it say nothing.
        if what.chars().count() >= SHORTEST_TEXT {
            room = room.saturating_sub(what.chars().count() + 2);
            spans.push(Span::raw(format!("{what}  ")));
        }
    }
    let part = scene.part.map(|(part, of)| format!("part {part} of {of} ")).filter(|part| part.len() <= room);
    spans.extend(part.map(|part| Span::styled(part, look.dim())));
    spans
}

/// Returns what comes next, in at most so many columns where there is room for that.
fn next_line<'l>(scene: &Scene, look: Look, room: usize) -> Line<'l> {
    let Some(Next { pattern, beats, is_asked_for }) = &scene.next else { return Line::default() };
    let unit = if *beats == 1 { "beat" } else { "beats" };
    let Some(pattern) = pattern else {
        return Line::styled(format!("stops in {beats} {unit}"), look.next());
    };
    let (word, mut when) = (if *is_asked_for { "NEXT" } else { "then" }, format!("in {beats} {unit}"));
    if word.len() + when.len() + 2 + pattern.chars().count().min(SHORTEST_TEXT) > room && room > 0 {
        when = format!("in {beats}");
    }
    let name = room.saturating_sub(word.len() + when.len() + 2).max(SHORTEST_TEXT);
    let text = format!("{word} {} {when}", elided(pattern, name, look.pick("…", "..")));
    if !is_asked_for {
        return Line::from(Span::styled(text, look.dim()));
    }
    let left = (*beats).clamp(0, COUNTED) as usize;
    let signs: String = if *beats > COUNTED { String::new() } else { look.pick('■', '#').to_string().repeat(left) };
    Line::from(vec![Span::styled(text, look.asked()), Span::styled(format!("  {signs}"), look.next())])
}

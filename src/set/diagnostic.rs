//! What is wrong with a set file, where, and what to do about it.
//!
//! A file's mistakes are gathered in a [`Report`] while it is read, so that the performer sees all of them at once
//! instead of one a try. The report keeps the first [`Mistakes::LISTED`] in the order of their places and counts the
//! rest; a mistake that would not be kept is not even put into words, so a megabyte of nonsense costs no more than a
//! page of it. What is shown of the file is bounded too: one line a mistake, cut to a window when it is long.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::text::printable;

/// How wide a shown line of the file is, in characters.
const SHOWN_WIDTH: usize = 110;
/// Lines longer than this, in bytes, are cut to a window around the place before they are shown.
const LONG_LINE: usize = 400;
/// How much of a long line is shown before and after the place, in bytes.
const WINDOW: (usize, usize) = (40, 55);
/// The most characters that are marked.
const MARKED: usize = 60;
/// A second place is shown with the first only if no more than this lies between them, in bytes.
const TOGETHER: usize = 32 << 10;
/// The most characters of the performer's own text that go into a message.
const QUOTED: usize = 40;

/// One mistake of a set file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in one line.
    pub message: String,
    /// The bytes of the file that are marked, if the mistake has a place.
    pub span: Option<Range<usize>>,
    /// What is said about the marked place. May be empty.
    pub label: String,
    /// What would be right, if that can be said.
    pub help: Option<String>,
    also: Option<(Range<usize>, String)>,
    line_column: Option<(usize, usize)>,
}

impl Diagnostic {
    /// A mistake that says only what is wrong; [`Report::add`] gives it its place.
    pub(super) fn new(message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            message: message.into(),
            span: None,
            label: String::new(),
            help: None,
            also: None,
            line_column: None,
        }
    }

    /// With `label` at the marked place.
    pub(super) fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    /// With advice.
    pub(super) fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// With advice, if there is any.
    pub(super) fn maybe_help(mut self, help: Option<String>) -> Diagnostic {
        self.help = help;
        self
    }

    /// With a second place that has to do with it, shown where the two are near enough.
    pub(super) fn also(mut self, span: Range<usize>, label: impl Into<String>) -> Diagnostic {
        self.also = Some((span, label.into()));
        self
    }

    /// The line and the column where the mistake begins, both counted from 1; columns are characters.
    #[must_use]
    pub fn line_column(&self) -> Option<(usize, usize)> {
        self.line_column
    }
}

/// The message alone.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Why a set file cannot be played: one or more mistakes, in the order of their places.
///
/// Shown as text ([`Display`](fmt::Display)) it is [`render`](Mistakes::render) without colour.
#[derive(Clone, Debug)]
pub struct Mistakes {
    origin: String,
    text: String,
    list: Vec<Diagnostic>,
    more: usize,
}

impl Mistakes {
    /// The most mistakes that are listed; the rest are counted.
    pub const LISTED: usize = 20;

    /// The mistakes by their places, at least one and at most [`Mistakes::LISTED`]; those without a place come last.
    #[must_use]
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// Returns how many mistakes there are beyond those in the list.
    #[must_use]
    pub fn more(&self) -> usize {
        self.more
    }

    /// The mistakes as a performer reads them: what is wrong, the file's line with the place marked, what would be
    /// right. `color` adds ANSI escape codes. The length is bounded whatever the file holds.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
        let renderer = renderer.term_width(SHOWN_WIDTH);
        let mut shown: Vec<String> = self.list.iter().map(|mistake| self.render_one(mistake, &renderer)).collect();
        match self.more {
            0 => {}
            1 => shown.push("and one more mistake after these".to_owned()),
            more => shown.push(format!("and {more} more mistakes after these")),
        }
        shown.join("\n\n")
    }

    fn render_one(&self, mistake: &Diagnostic, renderer: &Renderer) -> String {
        let title = Level::ERROR.primary_title(mistake.message.as_str());
        let help = mistake.help.as_ref().map(|help| Level::HELP.message(help.as_str()));
        let (Some(span), Some((line, column))) = (&mistake.span, mistake.line_column) else {
            let origin = annotate_snippets::Origin::path(self.origin.as_str());
            return renderer.render(&[title.element(origin).elements(help)]);
        };
        let view = View::of(&self.text, span, mistake.also.as_ref());
        let primary = AnnotationKind::Primary.span(view.span.clone());
        let mut snippet = Snippet::source(view.source.as_str()).path(self.origin.as_str());
        snippet = match &mistake.label[..] {
            "" => snippet.annotation(primary),
            label => snippet.annotation(primary.label(label)),
        };
        snippet = snippet.line_start(line - view.lines_before);
        if let Some((also, label)) = view.also {
            snippet = snippet.annotation(AnnotationKind::Context.span(also).label(label));
        }
        let shown = renderer.render(&[title.element(snippet).elements(help)]);
        match view.cut {
            None => shown,
            // The renderer counts columns from where the window begins; the file's reader from where the line does.
            Some(counted) => {
                let (first, rest) = shown.split_once('\n').unwrap_or((&shown, ""));
                let place = |column: usize| format!("{}:{line}:{column}\n", self.origin);
                format!("{first}\n{}", rest.replacen(&place(counted), &place(column), 1))
            }
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Mistakes {}

/// The part of the file that is shown for one mistake.
struct View<'m> {
    /// Whole lines of the file, or a window of one.
    source: String,
    /// What is marked, within `source`.
    span: Range<usize>,
    /// The second place within `source`, and what is said about it.
    also: Option<(Range<usize>, &'m str)>,
    /// How many lines of `source` come before the one that is marked.
    lines_before: usize,
    /// For a window, the column of the mark within it.
    cut: Option<usize>,
}

impl<'m> View<'m> {
    fn of(text: &str, span: &Range<usize>, also: Option<&'m (Range<usize>, String)>) -> View<'m> {
        let line = line_around(text, span.start);
        let span = marked(text, span, &line);
        if line.len() > LONG_LINE {
            return View::window(text, &line, &span);
        }
        if let Some((also, label)) = also {
            let also_line = line_around(text, also.start);
            let also = marked(text, also, &also_line);
            let both = line.start.min(also_line.start)..line.end.max(also_line.end);
            let fits = both.len() <= TOGETHER && text[both.clone()].lines().all(|line| line.len() <= LONG_LINE);
            if fits && also != span {
                return View {
                    source: text[both.clone()].to_owned(),
                    span: span.start - both.start..span.end - both.start,
                    also: Some((also.start - both.start..also.end - both.start, label)),
                    lines_before: text[both.start..line.start].matches('\n').count(),
                    cut: None,
                };
            }
        }
        View {
            source: text[line.clone()].to_owned(),
            span: span.start - line.start..span.end - line.start,
            also: None,
            lines_before: 0,
            cut: None,
        }
    }

    fn window(text: &str, line: &Range<usize>, span: &Range<usize>) -> View<'m> {
        let from = floor(text, span.start.saturating_sub(WINDOW.0)).max(line.start);
        let to = ceil(text, (span.start + WINDOW.1).max(span.end)).min(line.end);
        let before = if from > line.start { "..." } else { "" };
        let after = if to < line.end { "..." } else { "" };
        let shift = |at: usize| at - from + before.len();
        View {
            source: format!("{before}{}{after}", &text[from..to]),
            span: shift(span.start)..shift(span.end),
            also: None,
            lines_before: 0,
            cut: Some(before.len() + text[from..span.start].chars().count() + 1),
        }
    }
}

/// The line that the byte `at` is on, without its end.
fn line_around(text: &str, at: usize) -> Range<usize> {
    let at = floor(text, at);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    let end = if text[start..end].ends_with('\r') { end - 1 } else { end };
    start..end
}

/// `span` held to whole characters of `line`, and to [`MARKED`] of them.
fn marked(text: &str, span: &Range<usize>, line: &Range<usize>) -> Range<usize> {
    let start = floor(text, span.start).clamp(line.start, line.end);
    let end = ceil(text, span.end).clamp(start, line.end);
    let end = text[start..end].char_indices().nth(MARKED).map_or(end, |(length, _)| start + length);
    start..end
}

/// `at` or the nearest place before it that is between two characters of `text`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// `at` or the nearest place after it that is between two characters of `text`.
fn ceil(text: &str, at: usize) -> usize {
    (at..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

/// Gathers the mistakes of one file while it is read.
#[derive(Default)]
pub(super) struct Report {
    /// By place, at most [`Mistakes::LISTED`].
    kept: Vec<Diagnostic>,
    /// Those that were found, kept or not.
    found: usize,
}

impl Report {
    /// Notes a mistake at `span`. `make` runs only if the mistake is among the first of the file as far as it is read.
    pub(crate) fn add(&mut self, span: Range<usize>, make: impl FnOnce() -> Diagnostic) {
        self.insert(Some(span), make);
    }

    /// Notes a mistake of the file as a whole.
    pub(crate) fn add_without_place(&mut self, mistake: Diagnostic) {
        self.insert(None, || mistake);
    }

    fn insert(&mut self, span: Option<Range<usize>>, make: impl FnOnce() -> Diagnostic) {
        self.found += 1;
        let order = |span: &Option<Range<usize>>| span.as_ref().map_or(usize::MAX, |span| span.start);
        let at = self.kept.partition_point(|kept| order(&kept.span) <= order(&span));
        if at < Mistakes::LISTED {
            self.kept.truncate(Mistakes::LISTED - 1);
            self.kept.insert(at, Diagnostic { span, ..make() });
        }
    }

    /// Returns whether nothing has been noted.
    pub(crate) fn is_empty(&self) -> bool {
        self.found == 0
    }

    /// The mistakes of the file `text`, which is called `origin` in what is shown.
    pub(crate) fn finish(self, origin: &str, text: &str) -> Mistakes {
        let mut list = self.kept;
        // In the order of their places, so one walk through the text finds every line.
        let (mut line, mut line_start, mut walked) = (1, 0, 0);
        for mistake in &mut list {
            let Some(span) = &mistake.span else { continue };
            let at = floor(text, span.start);
            for (newline, _) in text[walked..at].match_indices('\n') {
                line += 1;
                line_start = walked + newline + 1;
            }
            walked = at;
            mistake.line_column = Some((line, text[line_start..at].chars().count() + 1));
        }
        // The renderer makes most invisible characters visible, but not these, which some terminals obey. What replaces
        // them takes as many bytes, so that places stay where they are.
        const STAND_IN: &str = "·";
        const _: () = assert!(STAND_IN.len() == '\u{80}'.len_utf8());
        let text = text.replace(|c| matches!(c, '\u{80}'..='\u{9f}'), STAND_IN);
        Mistakes { origin: printable(origin).into_owned(), text, more: self.found - list.len(), list }
    }
}

/// The performer's own text as it stands in a message: between backticks, printable, and cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        None => format!("`{}`", printable(text)),
        Some((end, _)) => format!("`{}...`", printable(&text[..end])),
    }
}

/// `names` as a list in a sentence, cut when there are many: "`a`, `b` and `c`".
#[must_use]
pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<&str> = names.collect();
    let rest = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let mut names: Vec<String> = names.into_iter().map(quoted).collect();
    if rest > 0 {
        names.push(format!("{rest} more"));
    }
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, names)) => format!("{} and {last}", names.join(", ")),
    }
}

/// The candidate that `word` was probably meant to be, or none that is near enough.
///
/// Near is the same word but for its case, its beginning or its letters in another order (three letters or more), or a
/// number of letters wrong, missing, added or swapped that is at most a third of the word. Very long words and the candidates after the first 512 are
/// not looked at, so that the cost is bounded.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    const CANDIDATES: usize = 512;
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    let lower = word.to_lowercase();
    let allowed = lower.chars().count() / 3;
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        if candidate == lower {
            return Some(0);
        }
        let distance = strsim::osa_distance(&lower, &candidate);
        if distance <= allowed {
            return Some(distance);
        }
        let near = lower.len() >= 3 && (candidate.starts_with(&lower) || letters(&candidate) == letters(&lower));
        near.then_some(allowed + 1)
    };
    candidates
        .take(CANDIDATES)
        .filter(|candidate| candidate.len() <= LONGEST)
        .filter_map(|candidate| Some((distance(candidate)?, candidate)))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
        nearest(word, candidates.iter().copied())
    }

    #[test]
    fn the_nearest_word_is_near() {
        let keys = ["port", "channel", "kit", "velocity", "gate", "note", "transpose"];
        assert_eq!(near("chanel", &keys), Some("channel"));
        assert_eq!(near("Port", &keys), Some("port"));
        assert_eq!(near("velcoity", &keys), Some("velocity"));
        assert_eq!(near("chan", &keys), Some("channel"));
        assert_eq!(near("prot", &keys), Some("port"));
        assert_eq!(near("fofi", &["rr", "fifo"]), Some("fifo"));
        assert_eq!(near("tempo", &keys), None);
        assert_eq!(near("", &keys), None);
        assert_eq!(near("a", &["b"]), None);
        assert_eq!(near(&"port".repeat(100), &keys), None);
    }

    #[test]
    fn the_first_mistakes_are_kept_in_the_order_of_their_places() {
        let mut report = Report::default();
        report.add_without_place(Diagnostic::new("nowhere"));
        for place in (0..100).rev() {
            report.add(place..place + 1, || Diagnostic::new(place.to_string()));
        }
        let mistakes = report.finish("a", &"x\n".repeat(50));
        let messages: Vec<&str> = mistakes.list().iter().map(|mistake| &mistake.message[..]).collect();
        let expected: Vec<String> = (0..Mistakes::LISTED).map(|place| place.to_string()).collect();
        assert_eq!(messages, expected);
        assert_eq!(mistakes.more(), 81);
        assert_eq!(mistakes.list()[3].line_column(), Some((2, 2)));
        assert!(mistakes.to_string().ends_with("and 81 more mistakes after these"));
    }

    #[test]
    fn a_mistake_that_would_not_be_kept_is_not_put_into_words() {
        let mut report = Report::default();
        let mut made = 0;
        for place in 0..1_000 {
            report.add(place..place, || {
                made += 1;
                Diagnostic::new("")
            });
        }
        assert_eq!(made, Mistakes::LISTED);
    }

    #[test]
    fn a_long_line_is_cut_to_a_window_with_the_right_column() {
        let text = format!("\nsteps = \"{}ä?{}\"\n", "k___ ".repeat(100_000), "s___ ".repeat(100_000));
        let at = text.find('?').unwrap();
        let mut report = Report::default();
        report.add(at..at + 100_000, || Diagnostic::new("unknown").label("here").also(0..1, "there"));
        for color in [false, true] {
            let mut again = Report::default();
            again.add(at..at + 1, || Diagnostic::new("unknown"));
            assert!(again.finish("a.toml", &text).render(color).contains("a.toml:2:500011"));
        }
        let shown = report.finish("a.toml", &text).to_string();
        assert!(shown.contains("a.toml:2:500011\n"), "{shown}");
        assert!(shown.len() < 1_000, "{}", shown.len());
    }

    #[test]
    fn places_off_the_text_and_inside_characters_are_held_to_it() {
        let text = "ä\r\n\r\nö";
        for start in 0..20 {
            for end in start..20 {
                let mut report = Report::default();
                report.add(start..end, || Diagnostic::new("m").label("l").also(end..start + 9, "a"));
                assert!(!report.finish("a", text).render(true).is_empty());
            }
        }
    }

    #[test]
    fn quotes_are_short_and_printable() {
        assert_eq!(quoted("a\n\u{1b}[m"), "`a\\n\\u001b[m`");
        assert_eq!(quoted("a\"b\\ \u{200b}\u{202e}"), "`a\"b\\ \\u200b\\u202e`");
        assert_eq!(quoted(&"ä".repeat(100)), format!("`{}...`", "ä".repeat(QUOTED)));
        assert_eq!(listed(["a", "b", "c"].into_iter()), "`a`, `b` and `c`");
        assert_eq!(listed(["a"].into_iter()), "`a`");
    }
}

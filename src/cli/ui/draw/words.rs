//! Words made to fit.

use crate::cli::ui::scene::Clock;

/// `name` in at most so many characters: where it is longer, its beginning and its end, with `dots` between them.
pub(crate) fn elided(name: &str, most: usize, dots: &str) -> String {
    let (length, dots_length) = (name.chars().count(), dots.chars().count());
    if length <= most {
        return name.to_owned();
    }
    let Some(kept) = most.checked_sub(dots_length).filter(|kept| *kept >= 2) else {
        return name.chars().take(most).collect();
    };
    // More of the end than of the beginning: names that are so long often begin alike.
    let first = kept / 2;
    let end = name.chars().skip(length - (kept - first));
    name.chars().take(first).chain(dots.chars()).chain(end).collect()
}

/// `text` in lines of at most `width` columns, broken at spaces.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Returns where the clock comes from, in words, and whether something is wrong with it.
pub(crate) fn clock_words(clock: &Clock) -> (String, bool) {
    match clock {
        Clock::Own => ("own clock".to_owned(), false),
        Clock::Follows(port) => (format!("from {port}"), false),
        Clock::Misses(port, None) => (format!("waits for {port}"), false),
        Clock::Misses(port, Some(seconds)) => (format!("NO CLOCK from {port}, {seconds} s"), true),
    }
}

//! Steps become text that says nothing twice: a line as long as what it repeats, and bars that follow each other once.

/// Fewer equal rests or holds are easier to read one by one.
const GROUPED: usize = 17;

/// A step of more signs stands by itself.
const LONG: usize = 4;

/// How steps are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// How many steps a beat has; there is a gap after each. Positive.
    pub beat: usize,
    /// How many steps a bar has; there is a line after each. Positive.
    pub bar: usize,
}

/// The text of `steps`, of which the shortest loop is written that makes whole beats and comes round in them.
#[must_use]
pub(crate) fn text(steps: &[String], layout: Layout) -> String {
    let steps = steps.get(..loop_of(steps, layout)).unwrap_or(steps);
    let mut text = String::new();
    let mut bars = steps.chunks(layout.bar.max(1)).peekable();
    while let Some(bar) = bars.next() {
        let mut times = 1;
        while bars.next_if_eq(&bar).is_some() {
            times += 1;
        }
        if !text.is_empty() {
            text.push_str(" | ");
        }
        match bar.first() {
            Some(sign) if times > 1 && is_run(bar, sign) => text.push_str(&format!("{}({sign})", times * bar.len())),
            _ if times > 1 => text.push_str(&format!("{times}({})", beats(bar, layout.beat))),
            _ => text.push_str(&beats(bar, layout.beat)),
        }
    }
    text
}

/// Returns whether `steps` are nothing but rests, or nothing but holds.
fn is_run(steps: &[String], sign: &str) -> bool {
    matches!(sign, "." | "_") && steps.iter().all(|step| step == sign)
}

/// Returns how many steps come round: the least number of beats, then of steps, that divides them all.
fn loop_of(steps: &[String], layout: Layout) -> usize {
    let count = steps.len();
    let unit = if count.is_multiple_of(layout.beat.max(1)) { layout.beat.max(1) } else { count.max(1) };
    let divides = |length: &usize| count.is_multiple_of(*length);
    let comes_round = |length: &usize| steps.iter().skip(*length).eq(steps.iter().take(count - length));
    (1..=count / unit).map(|beats| beats * unit).filter(divides).find(comes_round).unwrap_or(count)
}

/// The steps of a bar, with a gap after each beat.
fn beats(steps: &[String], beat: usize) -> String {
    let mut text = String::new();
    let mut at = 0;
    while let Some(step) = steps.get(at) {
        let rest = steps.get(at..).unwrap_or_default();
        let run = rest.iter().take_while(|next| *next == step && matches!(&next[..], "." | "_")).count();
        if run >= GROUPED {
            text.push_str(&format!(" {run}({step}) "));
            at += run;
        } else {
            let is_long = |step: &String| step.len() > LONG;
            let last = at.checked_sub(1).and_then(|last| steps.get(last));
            if at.is_multiple_of(beat.max(1)) || is_long(step) || last.is_some_and(is_long) {
                text.push(' ');
            }
            text.push_str(step);
            at += 1;
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(line: &str, beat: usize, bar: usize) -> String {
        let steps: Vec<String> = line.chars().filter(|c| !c.is_whitespace()).map(String::from).collect();
        text(&steps, Layout { beat, bar })
    }

    #[test]
    fn a_line_is_as_long_as_what_it_repeats() {
        assert_eq!(folded(&"k...".repeat(16), 4, 16), "k...");
        assert_eq!(folded(&"k...s...".repeat(8), 4, 16), "k... s...");
        assert_eq!(folded(&"h".repeat(64), 4, 16), "hhhh");
        assert_eq!(folded(&"k..k..".repeat(4), 4, 16), "k..k ..k. .k..", "whole beats");
        // What does not come round evenly is written out.
        assert_eq!(folded("k...k...k...", 4, 16), "k...");
        assert_eq!(folded("k...k...k.k.", 4, 16), "k... k... k.k.");
    }

    #[test]
    fn bars_that_follow_each_other_are_written_once() {
        let (a, b) = ("k...s...k...s...", "k...s...ssss....");
        assert_eq!(folded(&[a, a, a, b].concat(), 4, 16), "3(k... s... k... s...) | k... s... ssss ....");
        let rests = "................";
        assert_eq!(folded(&[rests, rests, b, b].concat(), 4, 16), "32(.) | 2(k... s... ssss ....)");
        assert_eq!(
            folded(&[b, &rests.replace('.', "_"), rests, rests].concat(), 4, 16),
            "k... s... ssss .... | ____ ____ ____ ____ | 32(.)"
        );
    }

    #[test]
    fn runs_within_a_bar_are_counted() {
        assert_eq!(
            folded(&["k", &".".repeat(23), "k", &".".repeat(11), "..........h."].concat(), 24, 96),
            "k 23(.) k 21(.) h."
        );
    }
}

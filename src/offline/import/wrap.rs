//! Long lines are broken, so that each can be read without scrolling: steps after a bar or a beat, comments between words.

/// The longest line that is written, where its parts allow it.
pub(crate) const LONGEST: usize = 110;

/// A line of steps with its end; where it is longer, with a backslash at the end of each line but the last, after which the
/// text goes on as if it were one.
pub(crate) fn steps(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    let mut indent = "";
    while indent.len() + rest.len() > LONGEST
        && let Some(end) = gap(rest, LONGEST - 2 - indent.len())
    {
        let (before, after) = rest.split_at(end);
        text.push_str(&format!("{indent}{} \\\n", before.trim_end()));
        rest = after.trim_start();
        indent = "  ";
    }
    text + indent + rest + "\n"
}

/// Returns where the line can be broken that is to have at most `most` bytes, or as few more as can be: after a bar or else at a gap, if
/// the line is not much shorter for it, else before a step. A step that is longer than a line is broken between its values.
fn gap(line: &str, most: usize) -> Option<usize> {
    let mut depth = 0;
    let (mut step, mut gap, mut bar, mut value) = (None, None, None, None);
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        let is_gap = c == ' ' && before != ' ';
        let is_step = matches!(before, '.' | '_' | '}') && (matches!(c, '.' | '_' | '[') || c.is_ascii_alphabetic());
        if at > most && (step.is_some() || value.is_some()) {
            break;
        }
        if depth > 0 && is_gap {
            value = Some(at);
        }
        if depth == 0 && at > 0 && (is_gap || is_step) {
            step = Some(at);
            gap = if is_gap { step } else { gap };
            bar = if is_gap && before == '|' { step } else { bar };
        }
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        before = c;
    }
    let long_enough = |at: &usize| 2 * at >= most;
    bar.filter(long_enough).or(gap.filter(long_enough)).or(step).or(value)
}

/// A comment with its end, each line after the first set in below it.
pub(crate) fn comment(mark: &str, words: &str) -> String {
    let mut text = String::new();
    let mut line = mark.trim_end().to_owned();
    for word in words.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > LONGEST && line.len() > mark.len() {
            text.push_str(&line);
            text.push('\n');
            line = "#".to_owned() + &" ".repeat(mark.len() - 2);
        }
        line.push(' ');
        line.push_str(word);
    }
    text + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_steps_are_broken_after_a_bar_or_else_before_a_step() {
        assert_eq!(steps("k... s..."), "k... s...\n");
        let bar = "c3... d3... e3... f3...";
        let four = [bar; 6].join(" | ");
        let wrapped = steps(&four);
        assert_eq!(wrapped.lines().count(), 2, "{wrapped}");
        assert!(wrapped.lines().next().unwrap().ends_with("| \\"), "{wrapped}");
        let joined: String = wrapped.lines().map(|line| line.trim_start().trim_end_matches('\\')).collect();
        assert_eq!(joined.trim_end(), four);
        let chords = ["[c3 e3 g3]{1=3 2=4}"; 40].join("");
        assert_eq!(steps(&chords).lines().count(), 8, "{}", steps(&chords));
        let values = format!(".{{{}}}...", ["74=127"; 40].join(" "));
        assert!(steps(&values).lines().all(|line| line.len() <= LONGEST), "{}", steps(&values));
        let one = format!("c2:{}", "1".repeat(300));
        assert_eq!(steps(&one), one.clone() + "\n", "one step is whole");
        let chords = ["[c3 e3 g3]{1=3 2=4}"; 40].join(" ");
        assert!(steps(&chords).lines().all(|line| line.len() <= LONGEST && !line.ends_with(['3', '4'])));
    }

    #[test]
    fn long_comments_are_broken_between_words() {
        let words = "several words that make a remark ".repeat(8);
        let text = comment("# - ", &words);
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.len() <= LONGEST && line.starts_with('#')));
        assert!(
            text.lines().nth(1).unwrap().starts_with("#   several") || text.lines().nth(1).unwrap().starts_with("#   ")
        );
    }
}

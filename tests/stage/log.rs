//! The black box of a show that has ended: played again from its log, it must be the same show, message for message.

use crate::instrument::Fallible;
use crate::verdict::Row;
use std::process::{Command, Stdio};

pub const SAME: &str = "  replayed from its log, the same";

/// Replays the latest show, in which so many messages were made at least.
pub fn replay(program: &str, least: usize) -> Fallible<Row> {
    let output = Command::new(program).arg("replay").stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let same = text.lines().find_map(|line| line.strip_prefix("same: ")?.split(' ').next()?.parse().ok());
    let same: usize = same.unwrap_or(0);
    let is_all = !text.contains("not compared") && !text.contains("does not go to the end");
    let why = if output.status.success() { text } else { String::from_utf8_lossy(&output.stderr) };
    let seen = if is_all && same > 0 { format!("{same} messages") } else { why.trim().replace('\n', "; ") };
    let ok = output.status.success() && is_all && same >= least;
    Ok(Row::judged(SAME, format!("{least} messages or more"), seen, ok))
}

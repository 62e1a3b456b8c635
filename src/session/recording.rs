//! The log of a show that plays: beginning it, and saying in the end what became of it.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::blackbox::folder::Folder;
use crate::blackbox::record::Head;
use crate::blackbox::recorder::Recorder;
use crate::blackbox::writer::Writer;
use crate::cli::config::LogPlan;
use crate::cli::printer::Printer;
use crate::control::{Call, Caller, Notice, Text};

/// How many bytes the logs of all shows take at most, where one show does not take more.
const ALL_SHOWS: u64 = 512 << 20;

/// Begins the log of the show of `head`, which plays the set of `text` first, in `root` or where the plan says. What goes wrong with it,
/// now or later, is a notice.
pub fn begin(plan: LogPlan, root: Option<&Path>, head: Head, text: &Text, caller: &Caller) -> Option<Recorder> {
    let caller = caller.clone();
    // Where too many calls wait, it is still said at the end.
    let tell = move |why: &str| {
        let _ = caller.call(Call::Notice(Notice { text: why.to_owned(), is_wrong: true }));
    };
    let Some(root) = root.map(Path::to_owned).or(plan.root) else {
        tell("there is no log: the system has no folder for it; `--log FOLDER` says one");
        return None;
    };
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let head = Head { version: env!("CARGO_PKG_VERSION").to_owned(), began_unix_ms: since, ..head };
    let set = head.set.clone();
    let open = move || {
        let folder = Folder::create(&root, &set, now, ALL_SHOWS.saturating_sub(plan.bytes))
            .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", root.display())))?;
        let path: PathBuf = folder.path().to_owned();
        Ok((folder, path))
    };
    let writer = Writer::start(open, head, plan.bytes, tell.clone());
    match writer {
        Ok(writer) => Some(Recorder::new(writer, text)),
        Err(error) => {
            tell(&format!("there is no log: {error}"));
            None
        }
    }
}

/// Ends the log, and says where it is.
pub fn finish(log: Option<Recorder>, why: &str, lines: &mut Printer) {
    let Some(log) = log else { return };
    let written = log.finish(why);
    match (&written.stopped, &written.folder) {
        (Some(stopped), _) => lines.line(format_args!("log: {stopped}")),
        (None, Some(folder)) => {
            lines.line(format_args!("log: {} ({:.1} MB)", folder.display(), written.bytes as f64 / 1e6));
        }
        (None, None) => {}
    }
    if written.lost > 0 {
        lines.line(format_args!("log: {} records were lost, because the disk was too slow", written.lost));
    }
}

//! The log of a show that plays: beginning it.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::options::Log;
use crate::blackbox::folder::Folder;
use crate::blackbox::record::Head;
use crate::blackbox::recorder::Recorder;
use crate::blackbox::writer::Writer;
use crate::control::{Call, Caller, Notice, Text};

/// How many bytes the logs of all shows take at most, where one show does not take more.
const ALL_SHOWS: u64 = 512 << 20;

/// Begins the log of the show of `head`, which plays the set of `text` first. What goes wrong with it, now or later, is a notice.
pub(crate) fn begin(plan: Log, head: Head, text: &Text, caller: &Caller) -> Option<Recorder> {
    let Log { root, bytes } = plan;
    let caller = caller.clone();
    // Where too many calls wait, it is still said at the end.
    let tell = move |why: &str| {
        let _ = caller.call(Call::Notice(Notice { text: why.to_owned(), is_wrong: true }));
    };
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let head = Head { version: env!("CARGO_PKG_VERSION").to_owned(), began_unix_ms: since, ..head };
    let set = head.set.clone();
    let open = move || {
        let folder = Folder::create(&root, &set, now, ALL_SHOWS.saturating_sub(bytes))
            .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", root.display())))?;
        let path: PathBuf = folder.path().to_owned();
        Ok((folder, path))
    };
    let writer = Writer::start(open, head, bytes, tell.clone());
    match writer {
        Ok(writer) => Some(Recorder::new(writer, text)),
        Err(error) => {
            tell(&format!("there is no log: {error}"));
            None
        }
    }
}

//! The file work of a show: reading the set again, and writing into it.
//!
//! A call to the file system may never come back ([`errand`](super::errand)), and the control thread has to hear panic, Ctrl-C
//! and every other wish in any case. So it hands such work in here, to one thread that does it in order, and looks for what
//! has been done. A disk that hangs is said, and what was wanted is done when it answers; who asked is told so after
//! [`ANSWERED_WITHIN`]. At most [`MOST`] works wait, and what is wanted beyond that is refused with a word. The end of a show
//! waits for what is to be written, but no longer than [`END_WAITS`].
//!
//! What is read goes through the [`bulkhead`](super::bulkhead) first, and a panic of the readers costs no more than what was
//! wanted.

use std::collections::VecDeque;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::bulkhead::{Bulkhead, STACK_BYTES, Trial};
use super::errand::Errand;
use super::inbox::Answer;
use super::source::{Renewed, Source};
use crate::edit::{self, Change, History, Refused};

/// How long who asks for something is kept waiting for a disk.
pub const ANSWERED_WITHIN: Duration = Duration::from_millis(400);

/// How many works can wait for the disk.
pub const MOST: usize = 16;

/// How long the end of a show waits for what is still to be written.
pub const END_WAITS: Duration = Duration::from_secs(2);

/// A disk, as far as set files are concerned.
pub trait Disk: Send {
    /// The bytes of the file at `path`.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Puts `text` in its place.
    ///
    /// # Errors
    ///
    /// When it cannot be written; it is then as it was.
    fn write(&self, path: &Path, text: &str) -> Result<(), edit::file::Failed>;
}

/// The system's.
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        edit::file::bytes(path)
    }

    fn write(&self, path: &Path, text: &str) -> Result<(), edit::file::Failed> {
        edit::file::write(path, text)
    }
}

/// Who does the work: the set file with all that is done with it.
pub struct Clerk {
    source: Source,
    history: History,
    disk: Box<dyn Disk>,
    bulkhead: Option<Bulkhead>,
    /// What the bulkhead has let through last.
    tried: Vec<u8>,
    /// Something that is to be said beside what has been done.
    remark: Option<String>,
}

/// An edit of the set file: what is said of it.
pub type Edit = Box<dyn FnOnce(&mut Clerk) -> Result<String, String> + Send>;

/// Something to do: an edit, if there is one, and reading what is there then.
struct Work(Option<Edit>);

/// What has been done: an edit, if that was wanted, and reading what is there then.
pub struct Done {
    /// What became of the edit.
    pub edited: Option<Result<String, String>>,
    /// What was read; nothing where the edit failed.
    pub read: Option<Result<Renewed, String>>,
    /// Something beside it that the performer should know.
    pub remark: Option<String>,
}

impl Clerk {
    /// Works on the file of `source`.
    #[must_use]
    pub fn new(source: Source, disk: Box<dyn Disk>) -> Clerk {
        Clerk { source, history: History::default(), disk, bulkhead: None, tried: Vec::new(), remark: None }
    }

    /// Reads the file, edits it, and writes it; what is said of it.
    ///
    /// # Errors
    ///
    /// When it cannot be read, edited or written. It is then as it was.
    pub fn edit(
        &mut self,
        what: &str,
        edit: impl FnOnce(&str, &str) -> Result<String, Refused>,
    ) -> Result<String, String> {
        let file = self.source.known_file()?.to_owned();
        let before = self.text()?;
        self.try_reading(before.as_bytes())?;
        let after = edit(self.source.origin(), &before).map_err(|refused| refused.to_string())?;
        self.disk.write(&file, &after).map_err(|failed| failed.to_string())?;
        self.history.done(what, &before, &after);
        Ok(format!("written into {}", file.display()))
    }

    /// Takes a step in the history of edits; what is said of it.
    ///
    /// # Errors
    ///
    /// When there is none to take, or the file cannot be read or written.
    pub fn step(
        &mut self,
        done: &str,
        step: impl FnOnce(&History, &str) -> Result<Change, Refused>,
    ) -> Result<String, String> {
        let file = self.source.known_file()?.to_owned();
        let on_disk = self.text()?;
        let change = step(&self.history, &on_disk).map_err(|refused| refused.to_string())?;
        self.disk.write(&file, &change.text).map_err(|failed| failed.to_string())?;
        let what = change.what.clone();
        self.history.accept(change);
        Ok(format!("{done}: {what}"))
    }

    fn text(&self) -> Result<String, String> {
        let file = self.source.known_file()?;
        let text = self.disk.read(file).and_then(edit::file::text);
        text.map_err(|error| edit::file::Failed::Read(file.to_owned(), error).to_string())
    }

    /// Has `bytes` read where nothing can happen to the show.
    fn try_reading(&mut self, bytes: &[u8]) -> Result<(), String> {
        let Some(bulkhead) = self.bulkhead.as_ref().filter(|_| self.tried != bytes) else { return Ok(()) };
        match bulkhead.try_reading(bytes) {
            Trial::Ends => bytes.clone_into(&mut self.tried),
            Trial::Fails(why) => {
                return Err(format!("the set could not be read: {why}; the show goes on with what it had"));
            }
            Trial::NoProcess(why) => {
                self.remark = Some(format!(
                    "there is no process to read the saved set in ({why}), so it is read in the show: a fault in reading it \
                     could end it"
                ));
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Renewed, String> {
        let built_in = || format!("the set `{}` is built in: there is no file to read again", self.source.origin());
        let file = self.source.file().ok_or_else(built_in)?;
        let bytes = self.disk.read(file).map_err(|why| format!("cannot read {}: {why}", file.display()))?;
        self.try_reading(&bytes)?;
        self.source.renew(bytes)
    }

    fn work(&mut self, edit: Option<Edit>) -> Done {
        let edited = edit.map(|edit| self.unharmed("writing", |clerk| edit(clerk)));
        let read = match &edited {
            Some(Err(_)) => None,
            Some(Ok(_)) | None => Some(self.unharmed("reading it", Clerk::read)),
        };
        Done { edited, read, remark: self.remark.take() }
    }

    /// Does `act`, of which no panic harms the show.
    fn unharmed<T>(&mut self, what: &str, act: impl FnOnce(&mut Clerk) -> Result<T, String>) -> Result<T, String> {
        let done = panic::catch_unwind(AssertUnwindSafe(|| act(self)));
        let failed =
            || format!("{what} failed in the program itself; the show goes on with what it had. Please report this");
        done.unwrap_or_else(|_| Err(failed()))
    }
}

/// Who wants to know what has become of a work, and how.
#[derive(Debug)]
pub enum Asker {
    /// Somebody who waits for the answer, and what there is to say beside it.
    Words(SyncSender<Answer>, String),
    /// Hands at the screen: what goes wrong is told.
    Hands,
    /// Nobody asked, so whatever comes of it is told.
    Nobody,
    /// The file was saved by somebody.
    Saved,
}

/// A work that has been handed in.
#[derive(Debug)]
pub struct Waiting {
    /// Who asked.
    pub asker: Asker,
    /// What for.
    pub what: String,
    edits: bool,
    since: Instant,
}

/// Where the work is done.
enum Place {
    /// At once, by whoever hands it in.
    Here(Box<Clerk>, VecDeque<Done>),
    /// On a thread of its own.
    Thread(Sender<Work>, Receiver<Done>),
}

/// Where file work is handed in.
pub struct Files {
    place: Option<Place>,
    waiting: VecDeque<Waiting>,
    errand: Errand,
}

impl Files {
    /// Files on which `clerk` works at once, for virtual time, where disks answer.
    #[must_use]
    pub fn here(clerk: Clerk) -> Files {
        let errand = Errand::new(&format!("what is done with {}", clerk.source.origin()));
        Files { place: Some(Place::Here(Box::new(clerk), VecDeque::new())), waiting: VecDeque::new(), errand }
    }

    /// Moves the work to a thread of its own, which calls `wake` when it has done something. What is read is tried in another
    /// process first, if `bulkhead` says how.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn move_to_a_thread(&mut self, bulkhead: Option<Bulkhead>, wake: impl Fn() + Send + 'static) -> io::Result<()> {
        let Some(Place::Here(mut clerk, _)) = self.place.take() else { return Ok(()) };
        clerk.bulkhead = bulkhead;
        let (hand_in, works) = channel::<Work>();
        let (tell, done) = channel();
        let errand = self.errand.clone();
        let thread = thread::Builder::new().name("tightrope-files".into()).stack_size(STACK_BYTES);
        thread.spawn(move || {
            for Work(edit) in works {
                let done = errand.run(|| clerk.work(edit));
                if tell.send(done).is_err() {
                    return;
                }
                wake();
            }
        })?;
        self.place = Some(Place::Thread(hand_in, done));
        Ok(())
    }

    /// Returns what it waits for.
    #[must_use]
    pub fn errand(&self) -> &Errand {
        &self.errand
    }

    /// Hands a work in: `edit`, if there is one, and reading the set again after it. `what` names it.
    ///
    /// # Errors
    ///
    /// When so many wait that there is no room for one more; who asked, and what to tell them.
    pub fn hand_in(&mut self, edit: Option<Edit>, what: &str, asker: Asker) -> Result<(), (Asker, String)> {
        // A save that has yet to be read is read as it is then.
        let waits = |waiting: &Waiting| matches!(waiting.asker, Asker::Saved);
        if matches!(asker, Asker::Saved) && self.waiting.iter().skip(1).any(waits) {
            return Ok(());
        }
        if self.waiting.len() >= MOST {
            return Err((asker, format!("the disk does not answer, and too much waits for it: {what} is given up")));
        }
        let (edits, since) = (edit.is_some(), Instant::now());
        match &mut self.place {
            Some(Place::Here(clerk, done)) => done.push_back(clerk.work(edit)),
            Some(Place::Thread(works, _)) if works.send(Work(edit)).is_ok() => {}
            Some(Place::Thread(..)) | None => {
                return Err((asker, format!("{what} is given up: files cannot be reached")));
            }
        }
        self.waiting.push_back(Waiting { asker, what: what.to_owned(), edits, since });
        Ok(())
    }

    /// Returns what has been done, and who wanted it.
    pub fn done(&mut self) -> Option<(Waiting, Done)> {
        let done = match self.place.as_mut()? {
            Place::Here(_, done) => done.pop_front()?,
            Place::Thread(_, done) => done.try_recv().ok()?,
        };
        Some((self.waiting.pop_front()?, done))
    }

    /// Returns who has waited for an answer for too long at the time `now`, and for what. What comes of it is told to all from then on.
    pub fn take_late(&mut self, now: Instant) -> Vec<(SyncSender<Answer>, String)> {
        let is_late = |waiting: &&mut Waiting| now.saturating_duration_since(waiting.since) >= ANSWERED_WITHIN;
        let take = |waiting: &mut Waiting| match std::mem::replace(&mut waiting.asker, Asker::Nobody) {
            Asker::Words(answer, _) => Some((answer, waiting.what.clone())),
            other => {
                waiting.asker = other;
                None
            }
        };
        self.waiting.iter_mut().filter(is_late).filter_map(take).collect()
    }

    /// Returns whether an edit has been handed in that has not been done.
    #[must_use]
    pub fn is_editing(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.edits)
    }

    /// Returns what was to be written, and has not been.
    pub fn unwritten(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().filter(|waiting| waiting.edits).map(|waiting| waiting.what.as_str())
    }
}

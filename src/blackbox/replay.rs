//! The show of a log, played again in virtual time, and compared with what it did.
//!
//! The engine is told the same, from the same [marks](crate::engine::Mark), and must make the same messages with the same
//! due times. That needs every call from the first on: where one is missing, what follows cannot be known. Messages that
//! the log has lost are not compared, but are played.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::record::{Head, Legacy, Record, SetText};
use crate::engine::outbox::{Departure, Outbox};
use crate::engine::program::Program;
use crate::engine::{Call, Engine, Mark, Progress};
use crate::link::{Called, Sent};
use crate::set::Set;
use crate::time::{Nanos, Span};

/// How many messages may have been made after one that left before them; what is missing longer has been lost.
const REORDERED: u64 = 1_024;

/// How many messages before a difference are kept, to be shown with it.
const SURROUNDING: usize = 4;

/// The most messages that are kept until their other half comes, which takes a second at most: far more than that makes.
const WAITING: usize = 1 << 17;

/// The most messages, and the longest time, between two calls: the log of a show has one a second while anything is due, and
/// hands do not leave it alone for longer than a year.
const MOST_BETWEEN: u64 = 1 << 22;
const LONGEST_BETWEEN: Span = Span::from_millis(366 * 86_400 * 1_000);

/// Plays a log again, record by record.
#[derive(Default)]
pub struct Replay {
    stage: Option<Stage>,
    /// What the engine goes on with, until there is one.
    legacy: Option<Legacy>,
    /// The set that the next one follows, and the programs of those that may be adopted.
    set: Option<Set>,
    programs: BTreeMap<u32, Program>,
    compared: Compared,
    /// The number of the next call.
    next_call: u64,
    last_call: Option<Called>,
    has_finished: bool,
}

/// The engine, and what it plays.
struct Stage {
    engine: Engine,
    program: Program,
    outbox: Outbox,
    /// Whether the latest call was one after which the engine was advanced at once.
    is_told: bool,
}

/// What has been made and what was logged, until both are there.
#[derive(Default)]
struct Compared {
    made: BTreeMap<u64, Departure>,
    logged: BTreeMap<u64, Sent>,
    recent: VecDeque<Departure>,
    same: u64,
    /// How many the engine has made, and how many of them the log does not have.
    total: u64,
    unlogged: u64,
}

/// How a replay went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Messages that were the same.
    pub same: u64,
    /// Messages that were made again, but are not in the log.
    pub unlogged: u64,
    /// Messages of the log after its last call, which were not made again.
    pub unmade: u64,
    /// Calls.
    pub calls: u64,
    /// Whether the log goes to the end of the show.
    pub is_whole: bool,
}

/// Why a replay does not go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Stopped {
    /// It went another way than the show.
    #[error("the replay differs from the show")]
    Differs(Box<Difference>),
    /// The log has no beginning: its first segments have been dropped.
    #[error(
        "the beginning of the log was dropped, because the show was longer than the log may be: it cannot be replayed, but `tightrope log` reports what is left"
    )]
    NoBeginning,
    /// The show went on with one that had been cut short, and what is said of that cannot be.
    #[error("the show went on with one that had been cut short, and what the log says of that is damaged")]
    Resumed,
    /// More is said to have happened between two calls than can have.
    #[error("the log is damaged: no show goes on for so long by itself")]
    Endless,
    /// Calls are missing.
    #[error("{count} calls of the engine are missing in the log at {:.3} s: what follows cannot be replayed", (.at.0 as f64) / 1e9)]
    CallsLost {
        /// How many.
        count: u64,
        /// Before when.
        at: Nanos,
    },
    /// A set is not what it was.
    #[error("{0}")]
    Set(String),
    /// The engine panicked, at this call or on the way to it.
    #[error("the engine panicked: {message}")]
    Panicked {
        /// What it said, if it was a text.
        message: String,
        /// The call.
        call: Box<Called>,
    },
}

/// Where a replay went another way.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What was made in the show, if the log says so.
    pub logged: Option<Sent>,
    /// What is made now, if anything.
    pub made: Option<Departure>,
    /// Before which call the engine is not where it was, and where it is instead.
    pub astray: Option<(Called, Mark)>,
    /// What was made before it.
    pub before: Vec<Departure>,
    /// The last call before it.
    pub call: Option<Called>,
}

impl Replay {
    /// Takes the next record. What is made on the way to it goes to `hear`.
    ///
    /// # Errors
    ///
    /// Where the replay cannot go on.
    pub fn take(&mut self, record: &Record, hear: &mut dyn FnMut(&Set, &Departure)) -> Result<(), Stopped> {
        match record {
            Record::Head(head) if head.segment > 0 && self.stage.is_none() => Err(Stopped::NoBeginning),
            Record::Head(Head { resumed: Some(resumed), .. }) if self.stage.is_none() => {
                self.legacy = Some(resumed.legacy().ok_or(Stopped::Resumed)?);
                Ok(())
            }
            Record::Set(text) => self.take_set(text),
            Record::Called(called) => self.take_call(called, hear),
            Record::Made(sent) => self.compared.log(*sent).map_err(|difference| self.differs(difference)),
            _ => Ok(()),
        }
    }

    /// The log is over.
    ///
    /// # Errors
    ///
    /// When the show went on to its end, and made more than is made now.
    pub fn finish(&mut self) -> Result<Played, Stopped> {
        let unmade = self.compared.logged.pop_first();
        if let (true, Some((_, logged))) = (self.has_finished, unmade) {
            return Err(self.differs(Difference::of(Some(logged), None)));
        }
        let unmade = self.compared.logged.len() as u64 + u64::from(unmade.is_some());
        let unlogged = self.compared.unlogged + self.compared.made.len() as u64;
        let (same, calls) = (self.compared.same, self.next_call);
        Ok(Played { same, unlogged, unmade, calls, is_whole: self.has_finished })
    }

    /// Returns how many messages have been the same so far.
    #[must_use]
    pub fn same(&self) -> u64 {
        self.compared.same
    }

    fn take_set(&mut self, text: &SetText) -> Result<(), Stopped> {
        let mut set = Set::parse(&text.origin, &text.text).map_err(|mistakes| {
            Stopped::Set(format!("this tightrope does not read the set that was played: {}", mistakes.render(false)))
        })?;
        if text.own_clock {
            set.program.clock.follow = Box::default();
        }
        let set = match &self.set {
            Some(before) => set.following(before),
            None => set,
        };
        let edition = set.program.edition;
        if edition != text.edition {
            return Err(Stopped::Set(format!(
                "a set is missing in the log: edition {} is called {edition}",
                text.edition
            )));
        }
        if self.stage.is_none() {
            let (mut engine, outbox) = (Engine::new(&set.program), Outbox::default());
            if let Some(legacy) = self.legacy.take() {
                // What cannot be is found out before the first call.
                let inherit = AssertUnwindSafe(|| legacy.pass_to(&mut engine, &set.program));
                catch_unwind(inherit).map_err(|_| Stopped::Resumed)?;
            }
            self.stage = Some(Stage { engine, program: set.program.clone(), outbox, is_told: false });
        }
        self.programs.insert(edition, set.program.clone());
        self.set = Some(set);
        Ok(())
    }

    fn take_call(&mut self, called: &Called, hear: &mut dyn FnMut(&Set, &Departure)) -> Result<(), Stopped> {
        let missing = called.number.wrapping_sub(self.next_call);
        if missing != 0 {
            return Err(Stopped::CallsLost { count: missing, at: called.at });
        }
        let (Some(stage), Some(set)) = (&mut self.stage, &self.set) else { return Err(Stopped::NoBeginning) };
        let (here, there) = (stage.engine.mark(), called.mark);
        if there.made.saturating_sub(here.made) > MOST_BETWEEN || there.now.since(here.now) > LONGEST_BETWEEN {
            return Err(Stopped::Endless);
        }
        let adopted = match called.call {
            Call::Adopt(edition) => {
                let program = self.programs.get(&edition).cloned();
                Some(
                    program
                        .ok_or_else(|| Stopped::Set(format!("the set of edition {edition} is missing in the log")))?,
                )
            }
            _ => None,
        };
        let compared = &mut self.compared;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            stage.go_to(called.mark, &mut |departure| {
                hear(set, &departure);
                compared.make(departure)
            })?;
            if let Some(program) = adopted {
                stage.program = program;
            }
            stage.call(called);
            Ok(())
        }));
        match outcome {
            Err(panicked) => {
                let message = panicked.downcast_ref::<String>().cloned();
                let message = message.or_else(|| panicked.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                let message = message.unwrap_or_else(|| "it said nothing".to_owned());
                return Err(Stopped::Panicked { message, call: Box::new(*called) });
            }
            Ok(Err(Astray::Departure(difference))) => return Err(self.differs(difference)),
            Ok(Err(Astray::At(mark))) => {
                let difference = Difference { astray: Some((*called, mark)), ..*Difference::of(None, None) };
                return Err(self.differs(Box::new(difference)));
            }
            Ok(Ok(())) => {}
        }
        if let Call::Adopt(edition) = called.call {
            self.programs = self.programs.split_off(&edition);
        }
        self.has_finished |= called.call == Call::Finish;
        self.next_call = called.number + 1;
        self.last_call = Some(*called);
        Ok(())
    }

    fn differs(&self, difference: Box<Difference>) -> Stopped {
        let before = self.compared.recent.iter().copied().collect();
        Stopped::Differs(Box::new(Difference { before, call: self.last_call, ..*difference }))
    }
}

impl Difference {
    fn of(logged: Option<Sent>, made: Option<Departure>) -> Box<Difference> {
        Box::new(Difference { logged, made, astray: None, before: Vec::new(), call: None })
    }
}

/// The engine does not get to where it was.
enum Astray {
    /// It makes something else.
    Departure(Box<Difference>),
    /// It comes to this place instead.
    At(Mark),
}

impl Stage {
    /// Brings the engine to `mark`, in the steps in which it was brought there: after a call that comes with a time, first to
    /// that time, for a clock that is new begins to run with the first advance.
    fn go_to(
        &mut self,
        mark: Mark,
        make: &mut dyn FnMut(Departure) -> Result<(), Box<Difference>>,
    ) -> Result<(), Astray> {
        if self.is_told {
            self.advance_to(self.engine.mark().now, mark, make)?;
        }
        self.advance_to(mark.now, mark, make)?;
        let here = self.engine.mark();
        if here == mark { Ok(()) } else { Err(Astray::At(here)) }
    }

    /// Brings the engine to `now` or to `mark`, whichever it comes to first.
    fn advance_to(
        &mut self,
        now: Nanos,
        mark: Mark,
        make: &mut dyn FnMut(Departure) -> Result<(), Box<Difference>>,
    ) -> Result<(), Astray> {
        while self.engine.mark() != mark {
            let progress = self.engine.advance(&self.program, now, &mut self.outbox);
            while let Some(departure) = self.outbox.pop() {
                make(departure).map_err(Astray::Departure)?;
            }
            // Only a full outbox has more to say.
            if progress != Progress::OutboxFull || self.engine.mark().made > mark.made {
                break;
            }
        }
        Ok(())
    }

    fn call(&mut self, called: &Called) {
        self.engine.call(&self.program, called.at, called.call);
        self.is_told = !matches!(called.call, Call::Reopened(..) | Call::Nothing | Call::Finish);
    }
}

impl Compared {
    /// The engine makes `departure`.
    fn make(&mut self, departure: Departure) -> Result<(), Box<Difference>> {
        self.total += 1;
        match self.logged.remove(&departure.number) {
            Some(sent) => self.compare(&sent, departure)?,
            None => {
                self.made.insert(departure.number, departure);
                if self.made.len() > WAITING {
                    self.made.pop_first();
                    self.unlogged += 1;
                }
            }
        }
        if self.recent.len() == SURROUNDING {
            self.recent.pop_front();
        }
        self.recent.push_back(departure);
        Ok(())
    }

    /// The log has `sent`.
    fn log(&mut self, sent: Sent) -> Result<(), Box<Difference>> {
        if let Some(departure) = self.made.remove(&sent.number) {
            self.compare(&sent, departure)?;
        } else if sent.number < self.total || self.logged.len() >= WAITING {
            // It was made, and compared: there cannot be two.
            return Err(Difference::of(Some(sent), None));
        } else {
            self.logged.insert(sent.number, sent);
        }
        let oldest = sent.number.saturating_sub(REORDERED);
        while self.made.first_key_value().is_some_and(|(&number, _)| number < oldest) {
            self.made.pop_first();
            self.unlogged += 1;
        }
        Ok(())
    }

    fn compare(&mut self, sent: &Sent, departure: Departure) -> Result<(), Box<Difference>> {
        if !is_same(sent, &departure) {
            return Err(Difference::of(Some(*sent), Some(departure)));
        }
        self.same += 1;
        Ok(())
    }
}

fn is_same(sent: &Sent, departure: &Departure) -> bool {
    let Departure { due, port, message, tick, track, number } = *departure;
    (sent.number, sent.due, sent.tick, sent.port, sent.track, sent.message) == (number, due, tick, port, track, message)
}

/// Returns how late a message left.
#[must_use]
pub fn lateness(sent: &Sent) -> Span {
    sent.at.since(sent.due)
}

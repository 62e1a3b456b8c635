//! Which pattern plays, and which is next: what is launched by hand, and what the song launches by itself.
//!
//! While the music runs, what is next waits for its *line*, a position; the last request wins, and it can be withdrawn. A
//! launch by hand takes the show out of its song, a jump leads back. On the line everything changes at once: the old notes
//! end, the new pattern begins. The programs that it needs are sent ahead of the line by as much as the pattern says.
//!
//! While the music is stopped, what is asked for plays from the next start on, and its programs are sent at once.
//!
//! The song has a place on the axis of positions: where its first part begins, or would have. START puts it to 0, a jump or
//! a part that is held moves it, and a song position finds the part that it falls into.

use crate::engine::arrangement::transport::Phase;
use crate::engine::lanes::takes_over;
use crate::engine::outbox::Outbox;
use crate::engine::outbox::departure;
use crate::engine::ports::homing::By;
use crate::engine::program::{AfterSong, Part, PartSlot, PatternSlot, Program, ProgramChange, Quantum, Song};
use crate::engine::{Engine, Moment, Switch};
use crate::midi::Message;
use crate::time::{Nanos, Tick, TickSpan};

/// A pattern, and the part of the song that it stands for, if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Choice {
    pub pattern: PatternSlot,
    pub part: Option<PartSlot>,
}

/// What waits for its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    choice: Choice,
    line: Tick,
    /// Where the pattern would have begun, where it is jumped into.
    origin: Tick,
}

/// What a line brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Coming {
    /// A pattern begins.
    Pattern { choice: Choice, line: Tick, origin: Tick },
    /// The part of the song that plays goes on.
    Again(Tick),
    /// The song is over, and with it the music.
    Over(Tick),
}

impl Coming {
    pub(crate) fn line(self) -> Tick {
        match self {
            Coming::Pattern { line, .. } | Coming::Again(line) | Coming::Over(line) => line,
        }
    }
}

/// The programs of a pattern on their way.
#[derive(Clone, Copy, Debug)]
struct Preparing {
    pattern: PatternSlot,
    /// How many have left.
    done: usize,
    /// When they leave: before anything has happened, with the first look at the time.
    moment: Option<Moment>,
}

/// Which pattern plays, and which is next. Real-time safe.
#[derive(Debug)]
pub(in crate::engine) struct Launcher {
    /// What plays, or played last.
    current: Choice,
    /// What plays from the next start on, if it has been asked for since.
    requested: Option<Choice>,
    pending: Option<Pending>,
    /// The line that came last. What comes next was not known before it.
    known_from: Tick,
    /// Where the part of the song that plays began, and where it ends.
    part_from: Tick,
    part_end: Tick,
    /// Where the song begins, or would have begun, to be where it is.
    song_origin: TickSpan,
    hold: bool,
    /// Programs on their way.
    preparing: Option<Preparing>,
    /// For which pattern and line programs have been sent ahead.
    prepared: Option<(PatternSlot, Tick)>,
}

impl Launcher {
    pub(crate) fn new(program: &Program) -> Launcher {
        let current = first_of(program);
        Launcher {
            current,
            requested: None,
            pending: None,
            known_from: Tick::ZERO,
            part_from: Tick::ZERO,
            part_end: Tick::ZERO,
            song_origin: TickSpan::ZERO,
            hold: false,
            preparing: Some(Preparing { pattern: current.pattern, done: 0, moment: None }),
            prepared: None,
        }
    }

    /// Returns what plays when the music goes on.
    pub(crate) fn chosen(&self) -> Choice {
        self.requested.unwrap_or(self.current)
    }

    /// Returns what plays from the next START on.
    pub(crate) fn next_start(&self, program: &Program) -> Choice {
        match (self.requested, self.current.part) {
            (Some(requested), _) => requested,
            (None, Some(_)) => first_of(program),
            (None, None) => self.current,
        }
    }

    /// The part of the song that plays when the music goes on.
    pub(crate) fn part(&self) -> Option<PartSlot> {
        self.chosen().part
    }

    /// Returns what waits for its line because somebody asked for it.
    pub(crate) fn asked(&self) -> Option<Choice> {
        self.pending.map(|pending| pending.choice)
    }

    /// Returns what the next line brings, and where that is.
    pub(crate) fn coming(&self, program: &Program) -> Option<Coming> {
        let of_song = self.current.part.map(|part| self.after(&program.song, part));
        let by_hand = self.pending.map(|Pending { choice, line, origin }| Coming::Pattern { choice, line, origin });
        match (by_hand, of_song) {
            // Where both fall together, hands win.
            (Some(by_hand), Some(of_song)) => Some(if of_song.line() < by_hand.line() { of_song } else { by_hand }),
            (by_hand, of_song) => by_hand.or(of_song),
        }
    }

    fn after(&self, song: &Song, part: PartSlot) -> Coming {
        let (count, end) = (song.parts.len(), self.part_end);
        let next = usize::from(part.0) + 1;
        let next = match song.then {
            _ if self.hold => return Coming::Again(end),
            _ if next < count => next,
            AfterSong::Hold => return Coming::Again(end),
            AfterSong::Loop => 0,
            AfterSong::Stop => return Coming::Over(end),
        };
        match song.parts.get(next) {
            Some(part) => {
                let choice = Choice { pattern: part.pattern, part: Some(PartSlot(next as u16)) };
                Coming::Pattern { choice, line: end, origin: end }
            }
            None => Coming::Again(end),
        }
    }

    /// `choice` begins at `from`.
    fn enter(&mut self, song: &Song, choice: Choice, from: Tick) {
        self.current = choice;
        self.known_from = from;
        if let Some(part) = choice.part.and_then(|part| song.part(part)) {
            self.part_from = from;
            self.part_end = from + TickSpan(part.length.0.max(1));
            self.song_origin = from - part.start;
        }
    }
}

impl Launcher {
    /// Finds in `program`, which is new, what plays and what is asked for; where the music plays, it does so up to
    /// `position`. The part of the song that plays is where its pattern is, nearest to the place that it had; it is as long as
    /// it is now, or longer, to the end of its pattern. What is asked for and does not exist any more is forgotten.
    ///
    /// A pattern that is gone gives way to the part of the song in the place of its own, which begins at `position`;
    /// outside of the song, to the first pattern, which goes on as if it had begun where the other did. Gives the pattern
    /// that plays, and where it began if that has changed.
    pub(crate) fn adopt(&mut self, program: &Program, position: Option<Tick>) -> (PatternSlot, Option<Tick>) {
        let song = &program.song;
        let exists = |pattern: PatternSlot| program.pattern(pattern).is_some_and(|pattern| !pattern.vacant);
        let found = |choice: Choice| {
            let part = choice.part.and_then(|part| same_part(song, part, choice.pattern));
            exists(choice.pattern).then_some(Choice { part, ..choice })
        };
        self.preparing = None;
        self.requested = self.requested.and_then(found);
        self.pending = self.pending.and_then(|pending| Some(Pending { choice: found(pending.choice)?, ..pending }));
        let had = self.current;
        // Of a part that is gone, the one in its place.
        let in_place = had.part.and_then(|part| {
            let index = usize::from(part.0).min(song.parts.len().checked_sub(1)?);
            Some(Choice { pattern: song.parts[index].pattern, part: Some(PartSlot(index as u16)) })
        });
        let Some(current) = found(had) else {
            self.current = in_place.unwrap_or(Choice { part: None, ..first_of(program) });
            let begins = in_place.and(position);
            if let Some(position) = begins {
                self.enter(song, self.current, position);
            }
            return (self.current.pattern, begins);
        };
        self.current = current;
        match (position, current.part, in_place) {
            (Some(position), Some(part), _) => self.measure_part(program, part, position),
            // The song does not have this pattern any more: it plays to its end, and the song goes on.
            (Some(_), None, Some(choice)) => {
                let next = Pending { choice, line: self.part_end, origin: self.part_end };
                self.pending = self.pending.or(Some(next));
            }
            (None, None, Some(choice)) => self.current = choice,
            _ => {}
        }
        (self.current.pattern, None)
    }

    /// Reckons anew where the part that plays ends, which is not before `position`.
    fn measure_part(&mut self, program: &Program, part: PartSlot, position: Tick) {
        let Some(written) = program.song.part(part) else { return };
        let length = TickSpan(written.length.0.max(1));
        let (end, pass) = (self.part_from + length, length_of(program, written.pattern));
        let over = (position - end).max(TickSpan::ZERO);
        self.part_end = end + ((Tick::ZERO + over).round_up_to(pass) - Tick::ZERO);
        let plays_on =
            !self.hold && program.song.then == AfterSong::Hold && usize::from(part.0) + 1 == program.song.parts.len();
        let began = if plays_on { self.part_from } else { self.part_end - length };
        self.song_origin = began - written.start;
    }
}

/// The part of `song` that plays `pattern` and is nearest to `part`, the later of two; at most [`FARTHEST_PART`] away.
fn same_part(song: &Song, part: PartSlot, pattern: PatternSlot) -> Option<PartSlot> {
    let places = (0..=FARTHEST_PART).flat_map(|by| [part.0.checked_add(by), part.0.checked_sub(by)]).flatten();
    let mut fit =
        places.filter(|&place| song.parts.get(usize::from(place)).is_some_and(|part| part.pattern == pattern));
    fit.next().map(PartSlot)
}

/// How far a part is looked for that has moved to another place of the song.
const FARTHEST_PART: u16 = 32;

/// Returns what a show begins with: its song, or else its first pattern.
fn first_of(program: &Program) -> Choice {
    match program.song.parts.first() {
        Some(part) => Choice { pattern: part.pattern, part: Some(PartSlot(0)) },
        None => Choice { pattern: program.first, part: None },
    }
}

/// Returns what the song plays at `position`, counted from its own beginning, and where that part begins.
fn at_position(song: &Song, position: Tick) -> Option<(Choice, Tick)> {
    let whole = song.parts.last().map(|last| last.start + last.length)?;
    let (rounds, within) = match song.then {
        AfterSong::Loop if whole > Tick::ZERO => (position.0.div_euclid(whole.0), Tick(position.0.rem_euclid(whole.0))),
        AfterSong::Loop | AfterSong::Stop | AfterSong::Hold => (0, position),
    };
    let index = song.parts.partition_point(|part| part.start <= within).saturating_sub(1);
    let part = song.parts.get(index)?;
    let choice = Choice { pattern: part.pattern, part: Some(PartSlot(index as u16)) };
    Some((choice, part.start + TickSpan(rounds * whole.0)))
}

/// The parts before `part` that may have left something to be heard in it: those since the last one that took over all
/// tracks, at most [`LONGEST_LEAD_UP`]. Each with its pattern and where it begins.
fn led_up_to(program: &Program, part: Option<PartSlot>) -> impl Iterator<Item = (PatternSlot, Tick)> {
    let keeps = |part: &Part| program.pattern(part.pattern).is_some_and(|pattern| pattern.keep);
    let until = part.map_or(0, |part| usize::from(part.0));
    let parts = program.song.parts.get(..=until).unwrap_or_default();
    let kept = parts.iter().rev().take(LONGEST_LEAD_UP).take_while(|part| keeps(part)).count();
    let before = parts.len().saturating_sub(kept + 1);
    parts.get(before..until).unwrap_or_default().iter().map(|part| (part.pattern, part.start))
}

/// How many parts that leave tracks alone are looked through backwards for what these tracks play.
const LONGEST_LEAD_UP: usize = 32;

impl Engine {
    /// The part of the song that plays, or will when the music goes on; `None` outside of the song.
    #[must_use]
    pub fn part(&self) -> Option<PartSlot> {
        self.launcher.part()
    }

    /// The pattern that waits for its line, and where that is.
    #[must_use]
    pub fn queued(&self) -> Option<(PatternSlot, Tick)> {
        self.launcher.pending.map(|pending| (pending.choice.pattern, pending.line))
    }

    /// Returns whether the part of the song that plays is held over its end.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.launcher.hold
    }

    pub(in crate::engine) fn hold(&mut self, program: &Program, at: Nanos, hold: Switch) {
        self.launcher.hold = hold.of(self.launcher.hold);
        self.undo_prepared(program, at);
    }

    /// Somebody asks for a pattern.
    pub(in crate::engine) fn request_launch(
        &mut self,
        program: &Program,
        at: Nanos,
        pattern: PatternSlot,
        when: Option<Quantum>,
    ) {
        let Some(wanted) = program.pattern(pattern) else { return };
        let quantum = when.or(wanted.launch).unwrap_or(program.launch);
        self.request(program, at, Choice { pattern, part: None }, quantum);
    }

    /// Somebody asks for a part of the song.
    pub(in crate::engine) fn request_jump(&mut self, program: &Program, at: Nanos, part: PartSlot) {
        if let Some(wanted) = program.song.part(part) {
            self.request(program, at, Choice { pattern: wanted.pattern, part: Some(part) }, program.launch);
        }
    }

    fn request(&mut self, program: &Program, at: Nanos, choice: Choice, quantum: Quantum) {
        if self.transport.phase() != Phase::Running {
            self.ask_for(choice, at);
            return;
        }
        let next = self.first_unreached(program, at);
        let line = match quantum {
            Quantum::Now => next,
            Quantum::Grid(grid) => next.round_up_to(TickSpan(grid.0.max(1))),
            Quantum::End => self.end_of_pattern(program, next),
        };
        let origin = if quantum == Quantum::Now && choice.part.is_none() { self.player.origin() } else { line };
        self.launcher.pending = Some(Pending { choice, line, origin });
        self.undo_prepared(program, at);
    }

    /// Something else comes next than what programs have been sent ahead for: those of what plays are sent again.
    pub(in crate::engine) fn undo_prepared(&mut self, program: &Program, at: Nanos) {
        let Some(prepared) = self.launcher.prepared else { return };
        let is_coming = match self.launcher.coming(program) {
            Some(Coming::Pattern { choice, line, .. }) => (choice.pattern, line) == prepared,
            Some(Coming::Again(_) | Coming::Over(_)) | None => false,
        };
        if !is_coming {
            self.launcher.prepared = None;
            self.prepare(self.player.pattern(), self.moment(at));
        }
    }

    /// The first end of the pattern that plays at or after `position`.
    fn end_of_pattern(&self, program: &Program, position: Tick) -> Tick {
        let (origin, length) = (self.player.origin(), length_of(program, self.player.pattern()));
        let played = Tick::ZERO + (position - origin);
        origin + (played.round_up_to(length) - Tick::ZERO)
    }

    /// Somebody takes back what waits for its line. What was prepared for it is undone.
    pub(in crate::engine) fn withdraw(&mut self, program: &Program, at: Nanos) {
        let requested = self.launcher.requested.take();
        if requested.is_some_and(|requested| requested.pattern != self.launcher.current.pattern) {
            self.prepare(self.launcher.current.pattern, self.moment(at));
        }
        self.launcher.pending = None;
        self.undo_prepared(program, at);
    }

    /// `choice` plays from the next start on.
    fn ask_for(&mut self, choice: Choice, at: Nanos) {
        let before = self.launcher.requested.unwrap_or(self.launcher.current);
        if before.pattern != choice.pattern {
            self.prepare(choice.pattern, self.moment(at));
        }
        self.launcher.requested = Some(choice);
    }

    /// A launch whose line will not come, because the music stops or jumps, counts for where it goes on.
    pub(in crate::engine) fn settle_launch(&mut self, at: Nanos) {
        if let Some(pending) = self.launcher.pending.take() {
            self.ask_for(pending.choice, at);
        }
    }

    /// `choice` plays, and began at `origin`; its song began at `song_origin`. Its programs are sent.
    pub(in crate::engine) fn resume_pattern(
        &mut self,
        program: &Program,
        choice: Choice,
        origin: Tick,
        song_origin: Option<TickSpan>,
    ) {
        self.launcher.enter(&program.song, choice, origin);
        if let Some(song_origin) = song_origin {
            self.launcher.song_origin = song_origin;
        }
        self.launcher.preparing = Some(Preparing { pattern: choice.pattern, done: 0, moment: None });
        self.player.reset();
        self.player.launch(program, choice.pattern, origin, origin);
    }

    /// The pattern that waits for its line, if any, and where that is.
    pub(in crate::engine) fn coming_pattern(&self, program: &Program) -> Option<(PatternSlot, Tick)> {
        match self.launcher.coming(program) {
            Some(Coming::Pattern { choice, line, .. }) => Some((choice.pattern, line)),
            _ => None,
        }
    }

    /// Returns where the song began, or would have, to be where it is; none outside of the song.
    #[must_use]
    pub fn song_origin(&self) -> Option<TickSpan> {
        self.launcher.chosen().part.map(|_| self.launcher.song_origin)
    }

    /// The music will begin anew: with what was asked for, or the song from its first part, or the pattern that played last.
    pub(in crate::engine) fn rewind(&mut self, program: &Program, at: Nanos) {
        let choice = self.launcher.next_start(program);
        let changes = choice.pattern != self.launcher.current.pattern && self.launcher.requested.is_none();
        if self.launcher.prepared.take().is_some() || changes {
            self.prepare(choice.pattern, self.moment(at));
        }
        self.launcher.requested = None;
        self.launcher.enter(&program.song, choice, Tick::ZERO);
        self.player.begin(program, choice.pattern);
    }

    /// The music goes on at `position`: everybody finds their place. What was asked for meanwhile begins at the next bar.
    pub(in crate::engine) fn seat_music(&mut self, program: &Program, position: Tick) {
        // What was sent ahead may be for a line that is as far away now as it likes.
        if self.launcher.prepared.take().is_some() {
            self.prepare(self.launcher.current.pattern, self.moment(self.now));
        }
        if self.player.is_ready_at(position) {
            // It begins anew, and was made ready for that when START came.
        } else if self.launcher.current.part.is_some() {
            self.seat_song(program, position);
        } else {
            self.player.locate(program, position);
        }
        self.launcher.known_from = position;
        if let Some(choice) = self.launcher.requested.take().filter(|&choice| choice != self.launcher.current) {
            let line = position.round_up_to(program.meter.bar());
            self.launcher.prepared = Some((choice.pattern, line));
            self.launcher.pending = Some(Pending { choice, line, origin: line });
        }
    }

    /// The song goes on at `position`.
    fn seat_song(&mut self, program: &Program, position: Tick) {
        let origin = self.launcher.song_origin;
        let Some((choice, start)) = at_position(&program.song, position - origin) else { return };
        let start = start + origin;
        if choice.pattern != self.player.pattern() {
            self.prepare(choice.pattern, self.moment(self.now));
        }
        self.launcher.enter(&program.song, choice, start);
        self.launcher.song_origin = origin;
        self.player.reset();
        for (pattern, start) in led_up_to(program, choice.part) {
            self.player.launch(program, pattern, start + origin, start + origin);
        }
        self.player.launch(program, choice.pattern, start, start);
        self.player.locate(program, position);
        if self.launcher.part_end <= position && program.song.then == AfterSong::Hold {
            // The last part plays on after its end.
            let length = length_of(program, choice.pattern);
            let rounds = (position - self.launcher.part_end).0.div_euclid(length.0) + 1;
            self.launcher.part_end += length * rounds;
        }
    }

    /// The line has come. Whether it is the end of the song, where the music stops.
    #[must_use]
    pub(in crate::engine) fn take_line(&mut self, program: &Program) -> bool {
        match self.launcher.coming(program) {
            Some(Coming::Pattern { choice, line, origin }) => {
                self.launcher.pending = self.launcher.pending.filter(|pending| pending.line > line);
                self.launcher.prepared = None;
                self.launcher.enter(&program.song, choice, line);
                self.ports
                    .iter_mut()
                    .for_each(|port| port.ledger.cut(line, |track| takes_over(program, choice.pattern, track)));
                self.homing.cut(line, |away| {
                    !matches!(away.by, By::Hand(_)) && takes_over(program, choice.pattern, away.track)
                });
                self.player.launch(program, choice.pattern, origin, line);
                if origin != line {
                    self.chase(program, line, |track| takes_over(program, choice.pattern, track));
                }
            }
            Some(Coming::Again(line)) => {
                self.launcher.known_from = line;
                let length = length_of(program, self.player.pattern());
                self.launcher.part_end += length;
                if self.launcher.hold {
                    self.launcher.song_origin += length;
                }
            }
            Some(Coming::Over(_)) => return true,
            None => {}
        }
        false
    }

    /// Returns where programs have to be sent ahead of the line that comes next, if they have not been.
    pub(in crate::engine) fn prepares_at(&self, program: &Program, coming: Coming) -> Option<Tick> {
        let Coming::Pattern { choice, line, .. } = coming else { return None };
        let pattern = program.pattern(choice.pattern)?;
        let needed = !pattern.programs.is_empty() && self.launcher.prepared != Some((choice.pattern, line));
        // Nothing is sent again for a pattern that goes over into itself.
        let changes = choice.pattern != self.player.pattern();
        (needed && changes).then(|| (line - pattern.ahead).max(self.launcher.known_from))
    }

    /// Sends the programs of the pattern that comes next.
    pub(in crate::engine) fn take_prepare(&mut self, program: &Program, moment: Moment) {
        if let Some(Coming::Pattern { choice, line, .. }) = self.launcher.coming(program) {
            self.launcher.prepared = Some((choice.pattern, line));
            self.prepare(choice.pattern, moment);
        }
    }

    fn prepare(&mut self, pattern: PatternSlot, moment: Moment) {
        self.launcher.preparing = Some(Preparing { pattern, done: 0, moment: Some(moment) });
    }

    /// Returns when the next program change on its way leaves.
    pub(in crate::engine) fn preparing_at(&self, program: &Program) -> Option<Nanos> {
        let preparing = self.launcher.preparing?;
        let pattern = program.pattern(preparing.pattern)?;
        (preparing.done < pattern.programs.len()).then(|| preparing.moment.map_or(self.now, |moment| moment.time))
    }

    /// Sends the next program change that is on its way.
    pub(in crate::engine) fn send_program(&mut self, program: &Program, out: &mut Outbox) {
        let Some(preparing) = &mut self.launcher.preparing else { return };
        let pattern = program.pattern(preparing.pattern);
        let change = pattern.and_then(|pattern| pattern.programs.get(preparing.done)).copied();
        let Some(change) = change else {
            self.launcher.preparing = None;
            return;
        };
        preparing.done += 1;
        let moment = *preparing.moment.get_or_insert(Moment { time: self.now, tick: Tick::ZERO });
        for message in messages_of(change) {
            self.wires.send(departure(moment, change.port, message), out);
        }
    }
}

/// The length of a pattern, positive.
fn length_of(program: &Program, pattern: PatternSlot) -> TickSpan {
    let pattern = program.pattern(pattern);
    TickSpan(pattern.map_or(program.meter.bar(), |pattern| pattern.length).0.max(1))
}

/// The messages of a program change: the bank first, coarse before fine.
fn messages_of(change: ProgramChange) -> impl Iterator<Item = Message> {
    let ProgramChange { channel, bank, program, .. } = change;
    let part =
        |number: u8, value: Option<u16>| value.map(|value| Message::ControlChange(channel, number, value as u8 & 0x7F));
    let messages =
        [part(0, bank.map(|bank| bank >> 7)), part(32, bank), Some(Message::ProgramChange(channel, program & 0x7F))];
    messages.into_iter().flatten()
}

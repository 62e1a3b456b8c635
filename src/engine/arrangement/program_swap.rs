//! Another program takes over while the show plays.
//!
//! What plays goes on: at its position, with what is muted, soloed, transposed, held and launched. The old program plays up
//! to a bar line, the new one from it on, and nothing is skipped or doubled there.
//!
//! # The line
//!
//! It is the first bar line that no port has reached when the engine hears of the program
//! ([`Engine::await_program`]), or the line of a launch that lies shortly before it; a stopped show has no line, and goes
//! over at once. The program is taken up shortly ([`RENEWED_BEFORE`]) before the earliest port reaches the line, so that the
//! first beat of the new bar is prepared as any other. By then not everything before the line has been played, least on ports that are later
//! than others; and the old program will not be there any more. So what it has yet to play is taken out of it and kept, in the
//! *tail*, with its time and its place. What does not fit into the tail is not played ([`TAIL_CAPACITY`]).
//!
//! # What sounds
//!
//! A note goes on to its own end if its track has the same port and channel as before and something to play; otherwise it
//! ends at the line, on the port that it was struck on. Where another device is on a port now, every note ends. What hands
//! hold is held, on the same condition, but that the track may have nothing to play; pedals are lifted.
//!
//! What holds or bends notes stays as it was if its track goes on and what it plays sets that too; otherwise it goes home at the
//! line. What a command has set stays with its track.
//!
//! # Work
//!
//! [`Engine::adopt`] takes time in proportion to the ports. What depends on the tracks and on what sounds comes after it, in
//! steps of [`Engine::advance`]: first the notes, port by port, then the tracks.

use crate::engine::arrangement::launcher::Coming;
use crate::engine::arrangement::transport::Phase;
use crate::engine::clock::Clock;
use crate::engine::clock::clock_loop::ClockLoops;
use crate::engine::fixed::{PortMap, Queue, TrackMap};
use crate::engine::lanes::{Played, SetTo, Strike, takes_over};
use crate::engine::outbox::Outbox;
use crate::engine::ports::homing::By;
use crate::engine::ports::ledger::HELD;
use crate::engine::program::{MAX_PORTS, PortSet, PortSlot, Program, SlotOwner, TrackSlot};
use crate::engine::{Engine, Moment};
use crate::midi::{Channel, Message};
use crate::time::{Nanos, Span, Tick, TickSpan};

/// How long before its line a program is taken up: what 256 tracks need to find their places on a slow machine, twice over.
pub(in crate::engine) const RENEWED_BEFORE: Span = Span::from_millis(1);

/// How many events the old program may still have to play when the new one is there.
pub(crate) const TAIL_CAPACITY: usize = 1_024;

/// An event of the old program that has yet to be played.
#[derive(Clone, Copy, Debug)]
struct Tailed {
    port: PortSlot,
    /// The port's, in the old program.
    offset: Span,
    channel: Channel,
    /// Of the track.
    owner: SlotOwner,
    at: Tick,
    /// Of a note, as it will sound.
    played: Played,
}

/// The line is at hand.
#[derive(Clone, Copy, Debug)]
struct Ready {
    at: Nanos,
    line: Tick,
}

/// What is known of the program that is awaited, and of the one before.
#[derive(Debug)]
pub(in crate::engine) struct ProgramSwap {
    /// The bar line at which the awaited program takes over, if the music plays; `None` if none is awaited.
    line: Option<Tick>,
    ready: Option<Ready>,
    tail: Queue<Tailed>,
    /// Where the program in force took over, or where what does not go on ended.
    seam: Tick,
    /// When it was taken up.
    taken_up_at: Nanos,
    /// Whether it plays another pattern than the one before.
    is_replaced: bool,
    /// The ports whose notes have yet to be looked through, and those that are other ones than before.
    unsettled: PortSet,
    moved: PortSet,
    edition: u32,
    ports: PortMap<SlotOwner>,
    tracks: TrackMap<SlotOwner>,
}

impl ProgramSwap {
    pub(crate) fn new(program: &Program) -> ProgramSwap {
        ProgramSwap {
            line: None,
            ready: None,
            tail: Queue::with_capacity(TAIL_CAPACITY),
            seam: Tick::ZERO,
            taken_up_at: Nanos(0),
            is_replaced: false,
            unsettled: PortSet::default(),
            moved: PortSet::default(),
            edition: program.edition,
            ports: PortMap::from_fn(|port| port_owner(program, port)),
            tracks: TrackMap::from_fn(|track| track_owner(program, track)),
        }
    }

    /// The bar line at which the awaited program takes over.
    pub(crate) fn line(&self) -> Option<Tick> {
        self.line
    }

    /// The music goes on elsewhere, where `line` is the next bar line: what is awaited waits for that.
    pub(crate) fn reckon(&mut self, line: Tick) {
        let is_awaited = self.ready.take().is_some() || self.line.is_some();
        self.line = is_awaited.then_some(line);
    }

    /// Returns which edition plays.
    pub(crate) fn edition(&self) -> u32 {
        self.edition
    }

    /// Returns where the next event of the old program lies, and by how much its port is late.
    pub(crate) fn tail(&self) -> Option<(Tick, Span)> {
        self.tail.front().map(|event| (event.at, event.offset))
    }

    pub(crate) fn forget_tail(&mut self) {
        self.tail.clear();
    }
}

fn port_owner(program: &Program, port: PortSlot) -> SlotOwner {
    program.port(port).map_or(SlotOwner::NOBODY, |port| port.owner)
}

fn track_owner(program: &Program, track: TrackSlot) -> SlotOwner {
    program.track(track).map_or(SlotOwner::NOBODY, |track| track.owner)
}

impl Engine {
    /// Another program is there, at `at`, and will replace `program`, which all calls are given until then. From now on
    /// [`Engine::advance`] answers [`Progress::ProgramDue`](crate::engine::Progress) when it is to be handed over: at the next bar
    /// line while the music runs, at once otherwise. If there is one newer still by then, it is the one to hand over; to say
    /// so is not needed, and harmless. Like an input it comes after an `advance` to `at`.
    pub fn await_program(&mut self, program: &Program, at: Nanos) {
        self.happened(at);
        if self.program_swap.line.is_none() && self.program_swap.ready.is_none() {
            self.program_swap.line = Some(self.next_line(program, at));
        }
    }

    /// Returns whether the awaited program is to be handed over now.
    pub(in crate::engine) fn is_program_due(&self) -> bool {
        self.program_swap.ready.is_some()
            || (self.program_swap.line.is_some() && self.transport.phase() != Phase::Running)
    }

    /// The awaited program is to take over at `line`, or at a launch before it. What `program` has yet to play before that
    /// is kept.
    pub(in crate::engine) fn renew(&mut self, program: &Program, line: Tick, at: Nanos) {
        let line = self.launcher.coming(program).map_or(line, |coming: Coming| coming.line().min(line));
        self.program_swap.line = None;
        self.program_swap.ready = Some(Ready { at, line });
        let Some(timeline) = self.clock.timeline() else { return };
        while self.program_swap.tail.free() > 0 {
            let first = self.played.iter().filter_map(|port| {
                let tick = self.player.first(port).filter(|&tick| tick < line)?;
                Some((timeline.time_of(tick + self.base) + program.offset(port), tick, port))
            });
            let Some((_, at, port)) = first.min() else { return };
            let Some(played) = self.take_event(program, port) else { continue };
            let track = match played {
                Played::Note(Strike { track, .. }) | Played::Value(SetTo { track, .. }) => track,
            };
            let Some(of_track) = program.track(track) else { continue };
            let played = match played {
                // Its slot may be another's by then, of whom nothing has been said.
                Played::Note(_) if !self.mixer.hears(track) => continue,
                Played::Note(strike) => {
                    let shift = self.mixer.shift(program, track, of_track, strike.key, &self.keyboards);
                    // The launch that ends it would find it only if it were struck by then.
                    let launch =
                        self.coming_pattern(program).filter(|&(pattern, _)| takes_over(program, pattern, track));
                    let off = launch.map_or(strike.off, |(_, line)| strike.off.min(line));
                    Played::Note(Strike { key: strike.key.transposed(shift), off, ..strike })
                }
                Played::Value(set) => {
                    let launch =
                        self.coming_pattern(program).filter(|&(pattern, _)| takes_over(program, pattern, track));
                    Played::Value(SetTo { until: launch.map_or(set.until, |(_, line)| set.until.min(line)), ..set })
                }
            };
            let (offset, owner) = (program.offset(port), of_track.owner);
            let kept =
                self.program_swap.tail.push(Tailed { port, offset, channel: of_track.channel, owner, at, played });
            debug_assert!(kept.is_ok(), "there was room");
        }
    }

    /// Goes over to `program`, which replaces the one that all calls have been given so far: at the line, when
    /// [`Engine::advance`] has asked for it; otherwise here and now, at `at`.
    pub fn adopt(&mut self, program: &Program, at: Nanos) {
        let ready = self.program_swap.ready.take();
        self.program_swap.line = None;
        // What came in meanwhile, if anything did, came later.
        let at = ready.map_or(at, |ready| ready.at.max(self.not_before));
        self.happened(at);
        if !self.clock.adopt(program) {
            // Another clock has another position.
            self.stop(at);
            self.clock = Clock::new(program);
            self.set_pace(self.pace);
            *self.clock_loops = ClockLoops::default();
            self.set_pulses(Tick::ZERO);
            self.forget_pulse_debt();
        }
        self.faders.forget();
        self.adopt_duties(program);
        self.lights.note(self.not_before);
        self.homing.release(self.moment(at), |away| matches!(away.by, By::Hand(_)));
        let here = self.moment(at).tick;
        self.program_swap.taken_up_at = at;
        self.program_swap.seam = ready.map_or(here, |ready| ready.line);
        let position = ready.map_or(here + TickSpan(1), |ready| ready.line);
        let position = Some(position).filter(|_| self.transport.phase() == Phase::Running);
        self.adopt_tempo(program, position);
        self.meet_ports(program, at, position);
        let (pattern, begins) = self.launcher.adopt(program, position);
        self.program_swap.is_replaced = pattern != self.player.pattern();
        self.player.adopt(pattern, begins.unwrap_or(self.player.origin()), position);
        if let Some(position) = position {
            self.chase(program, position, |_| true);
        }
        self.undo_prepared(program, at);
        self.program_swap.edition = program.edition;
    }

    /// Looks up which port is which, and what it gets. Who gets no clock any more, or is another, has been stopped; who gets
    /// it from now on joins at `position`, where the music plays.
    fn meet_ports(&mut self, program: &Program, at: Nanos, position: Option<Tick>) {
        let (pulsed, clocked) = (self.pulsed, self.clocked);
        self.program_swap.moved = PortSet::default();
        for port in (0..MAX_PORTS as u8).map(PortSlot) {
            let owner = port_owner(program, port);
            if std::mem::replace(&mut self.program_swap.ports[port], owner) != owner {
                self.program_swap.moved = self.program_swap.moved.with(port);
                self.let_go(at, port);
                self.keyboards.forget(port);
                self.forget_duties(port);
                self.ports[port].pulse_debt = TickSpan::ZERO;
            }
        }
        let moved = self.program_swap.moved;
        self.route_clock(program);
        self.recovery.reroute(self.clocked);
        if pulsed != self.pulsed || !moved.is_empty() {
            *self.clock_loops = ClockLoops::default();
        }
        for port in self.pulsed.iter().filter(|&port| !pulsed.contains(port) || moved.contains(port)) {
            self.ports[port].next_pulse = self.clock.pulse_after(at);
        }
        let left = clocked.iter().filter(|&port| !self.clocked.contains(port) || moved.contains(port));
        let left = left.fold(PortSet::default(), PortSet::with);
        if self.told_to_play && !left.is_empty() {
            self.tell(self.moment(at), Message::Stop, left);
        }
        let came = self.pulsed.iter().filter(|&port| !clocked.contains(port) || moved.contains(port));
        let came = came.fold(PortSet::default(), PortSet::with);
        if self.told_to_play && !came.is_empty() {
            self.let_join(at, position.unwrap_or(self.transport.resume()), came);
        }
        // A port that nothing is played on any more is one until its notes have ended.
        let sounding = |port: &PortSlot| !self.ports[*port].ledger.is_empty() || self.homing.is_away(*port);
        self.program_swap.unsettled =
            (0..MAX_PORTS as u8).map(PortSlot).filter(sounding).fold(PortSet::default(), PortSet::with);
        self.played = self.program_swap.unsettled.iter().fold(program.played_ports(), PortSet::with);
    }

    /// Lets `ports`, which have got no clock so far, play along from the sixteenth at or after `position` on.
    fn let_join(&mut self, at: Nanos, position: Tick, ports: PortSet) {
        let joins = position.round_up_to(TickSpan::SIXTEENTH);
        self.place(self.moment(at), joins, ports);
        if self.transport.phase() == Phase::Running {
            // Whoever has been told to play counts from the next pulse.
            ports.iter().for_each(|port| self.ports[port].next_pulse = joins + self.base);
        }
    }

    /// Returns whether there is something that has yet to find its place in a new program.
    pub(in crate::engine) fn is_unsettled(&self) -> bool {
        !self.program_swap.unsettled.is_empty() || self.player.unseated().is_some()
    }

    /// Lets the notes of a port, or a track, find their place in a new program.
    pub(in crate::engine) fn settle_next(&mut self, program: &Program) {
        if let Some(port) = self.program_swap.unsettled.iter().next() {
            self.program_swap.unsettled = self.program_swap.unsettled.without(port);
            let Engine { program_swap: swap, player, ports, homing, .. } = self;
            ports[port].ledger.cut_notes(swap.seam, |note| {
                let owner = swap.tracks.get(note.track).copied().unwrap_or_default();
                let goes_on = goes_on(swap, program, port, note.track, note.channel, owner);
                !goes_on || (note.off != HELD && !player.has_clip(program, note.track))
            });
            homing.cut_port(port, swap.seam, |channel, away, lever| {
                let owner = swap.tracks.get(away.track).copied().unwrap_or_default();
                let sets = || lever.is_some_and(|lever| player.sets(program, away.track, lever));
                let goes_on = goes_on(swap, program, port, away.track, channel, owner);
                !goes_on || away.by == By::Pattern && (swap.is_replaced || !sets())
            });
            self.release_cut(self.moment(self.program_swap.taken_up_at));
            return;
        }
        let Some(track) = self.player.unseated() else { return };
        let owner = track_owner(program, track);
        let is_new = std::mem::replace(&mut self.program_swap.tracks[track], owner) != owner;
        if is_new {
            self.mixer.forget(track);
        }
        self.player.seat_next(program, is_new);
    }

    /// Plays the next event of the old program.
    pub(in crate::engine) fn play_tail(&mut self, program: &Program, moment: Moment, out: &mut Outbox) {
        let Some(Tailed { port, channel, owner, played, .. }) = self.program_swap.tail.pop() else { return };
        match played {
            Played::Note(strike) if self.mixer.hears(strike.track) && !self.recovery.is_silent(port, moment.tick) => {
                let stays = goes_on(&self.program_swap, program, port, strike.track, channel, owner)
                    && self.player.has_clip(program, strike.track);
                let off = if stays { strike.off } else { strike.off.min(self.program_swap.seam) };
                // The port may not be played on any more.
                self.played = self.played.with(port);
                self.begin_note(strike.track, (port, channel, strike.key), strike.velocity, off, moment, out);
            }
            Played::Value(value) if self.is_sent(value) => {
                let stays = |lever| self.player.sets(program, value.track, lever);
                let goes_on = goes_on(&self.program_swap, program, port, value.track, channel, owner);
                let stays = goes_on && !self.program_swap.is_replaced && value.target.levers().all(stays);
                let until = if stays { value.until } else { value.until.min(self.program_swap.seam) };
                self.set_value(SetTo { until, ..value }, port, channel, moment, out);
            }
            Played::Note(_) | Played::Value(_) => {}
        }
    }
}

/// Returns whether the notes that `track`, which `owner` had, has struck on `port` and `channel` are its own in `program` too.
fn goes_on(
    swap: &ProgramSwap,
    program: &Program,
    port: PortSlot,
    track: TrackSlot,
    channel: Channel,
    owner: SlotOwner,
) -> bool {
    let is_same =
        |track: &crate::engine::program::Track| (track.owner, track.port, track.channel) == (owner, port, channel);
    program.track(track).is_some_and(is_same) && !swap.moved.contains(port)
}

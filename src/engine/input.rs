//! What input and commands do to the music.

use crate::engine::arrangement::transport::Phase;
use crate::engine::clock::{Choice, Line, Listener};
use crate::engine::ports::homing::By;
use crate::engine::program::{Join, PortSet, PortSlot, Program};
use crate::engine::{Command, Engine, Moment, QueuedTransport, SessionState};
use crate::midi::Message;
use crate::time::{Nanos, Tick, TickSpan};

impl Engine {
    /// A MIDI message came in on `port` at `at`.
    ///
    /// Clock and transport count only from the ports that may be followed, as `clock/failover` says; keys count from every port,
    /// unless they are bound to a command.
    pub fn input(&mut self, program: &Program, at: Nanos, port: PortSlot, message: Message) {
        self.happened(at);
        if self.ended {
            return;
        }
        let phase = self.transport.phase();
        match message {
            Message::NoteOn(..)
            | Message::NoteOff(..)
            | Message::KeyPressure(..)
            | Message::ControlChange(..)
            | Message::ProgramChange(..)
            | Message::ChannelPressure(..)
            | Message::PitchBend(..) => {
                if self.note_loops.returns(at, port, message) {
                    return;
                }
                let is_bound = self.obey(program, at, port, message);
                self.hear(program, at, port, message, is_bound);
                // A key that does something else is not played; that it came up is worth knowing in any case.
                if !(is_bound && matches!(message, Message::NoteOn(..))) {
                    self.keyboards.hear(port, message);
                }
                self.note_loops.hear(at, port, message);
            }
            Message::Clock => self.pulse(program, at, port),
            _ if !self.heeds(program, at, port, message) => {}
            Message::Start => self.start(program, at),
            Message::Continue => self.resume(program, at),
            Message::Stop => {
                self.joinable_from = None;
                self.stop(at);
            }
            Message::SongPosition(sixteenths) => self.locate(at, sixteenths),
            _ => {}
        }
        if self.transport.phase() != phase {
            self.lights.note(self.not_before);
        }
    }

    /// The control side asked for something at `at`.
    pub fn command(&mut self, program: &Program, at: Nanos, command: Command) {
        self.carry_out(program, at, command, By::Command);
    }

    /// Somebody asked for something at `at`.
    pub(in crate::engine) fn carry_out(&mut self, program: &Program, at: Nanos, command: Command, by: By) {
        self.happened(at);
        if self.ended {
            return;
        }
        match command {
            Command::Start => self.start(program, at),
            Command::Continue => self.resume(program, at),
            Command::Stop => self.stop(at),
            Command::Launch { pattern, at: when } => self.request_launch(program, at, pattern, when),
            Command::CancelLaunch => self.withdraw(program, at),
            Command::Jump(part) => self.request_jump(program, at, part),
            Command::Hold(hold) => self.hold(program, at, hold),
            Command::Mute(track, mute) => self.mute(program, at, track, mute),
            Command::Solo(track, solo) => self.solo(program, at, track, solo),
            Command::Fill(fill) => self.fill(fill),
            Command::Transpose { track, by, unit } => self.transpose(track, by, unit),
            Command::Control { track, target, value } => self.control(program, at, track, target, value, by),
            Command::Tempo(tempo) => self.set_tempo(tempo),
            Command::TempoStep(hundredths) => self.nudge(hundredths),
            Command::Tap => self.tap(at),
            Command::Pace(pace) => self.set_pace(pace),
            Command::Session(state) => self.tell_session(program, at, state),
            Command::Panic => self.panic(program, at),
            Command::SilencePort(port) => self.silence(program, at, port),
            Command::ReleaseInput(port) => {
                self.release_bound(program, at, port);
                self.let_go(at, port);
            }
            Command::EndAfter(length) => self.end_after = Some(length),
            Command::End => {
                self.stop(at);
                self.end();
            }
        }
        self.lights.note(self.not_before);
    }

    /// Something came in at `at`. What it makes due cannot have been due before.
    pub(in crate::engine) fn happened(&mut self, at: Nanos) {
        self.now = self.now.max(at);
        self.progress = None;
        self.not_before = self.not_before.max(at);
    }

    fn start(&mut self, program: &Program, at: Nanos) {
        self.forget_resumption();
        self.release_music(self.moment(at));
        self.transport.start();
        self.armed_at = at;
        self.forget_pulse_debt();
        self.settle_launch(at);
        self.rewind(program, at);
        self.tell_transport(self.moment(at), Message::Start);
        self.run_own_clock(program, at);
    }

    fn resume(&mut self, program: &Program, at: Nanos) {
        self.forget_resumption();
        if self.transport.cont() {
            self.armed_at = at;
            self.tell_transport(self.moment(at), Message::Continue);
            self.run_own_clock(program, at);
        }
    }

    /// Tells clocked ports to play, and to wait for the pulse after it.
    fn tell_transport(&mut self, moment: Moment, message: Message) {
        self.joinable_from = None;
        let ports = self.transport_sent(moment, message);
        self.tell(moment, message, ports);
        self.told_to_play = true;
    }

    pub(in crate::engine) fn stop(&mut self, at: Nanos) {
        // Where the master was gone, what has been played in its place has been played.
        let position = self.clock.stop_position(at).map_or(self.moment(at).tick, |pulse| pulse - self.base);
        self.stop_after(at, position);
    }

    /// Stops where the music is, because the master is gone or the end has come.
    pub(in crate::engine) fn stop_here(&mut self, at: Nanos) {
        self.stop_after(at, self.moment(at).tick);
    }

    /// Stops at `at`; CONTINUE goes on after `position`.
    fn stop_after(&mut self, at: Nanos, position: Tick) {
        let moment = self.moment(at);
        let was_running = self.transport.phase() == Phase::Running;
        if self.transport.phase() == Phase::Armed {
            // No pulses were sent while START waited for its own; they go on with the next.
            self.set_pulses(self.clock.pulse_after(at));
        }
        self.forget_resumption();
        self.chase.forget();
        self.transport.stop(position);
        self.turn = None;
        if was_running {
            let resume = self.transport.resume() + self.base;
            for (ahead, &next) in self.pulse_debt.iter_mut().zip(self.pulses.iter()) {
                *ahead = next - resume;
            }
        }
        self.release_all(moment);
        self.settle_launch(at);
        if self.told_to_play {
            self.tell(moment, Message::Stop, self.clocked);
            self.told_to_play = false;
        }
    }

    /// A new position is told, from which everybody counts anew.
    pub(in crate::engine) fn forget_pulse_debt(&mut self) {
        self.pulse_debt.iter_mut().for_each(|ahead| *ahead = TickSpan::ZERO);
    }

    /// The next pulse that is sent to every port is `next`.
    pub(in crate::engine) fn set_pulses(&mut self, next: Tick) {
        self.pulses.iter_mut().for_each(|pulse| *pulse = next);
    }

    fn locate(&mut self, at: Nanos, sixteenths: u16) {
        self.release_music(self.moment(at));
        self.forget_resumption();
        self.transport.locate(sixteenths);
        self.armed_at = at;
        self.forget_pulse_debt();
        self.settle_launch(at);
        self.tell(self.moment(at), Message::SongPosition(sixteenths), self.clocked);
    }

    /// A pulse came on `port`.
    fn pulse(&mut self, program: &Program, at: Nanos, port: PortSlot) {
        let period = self.clock.timeline().map_or(program.tempo, |timeline| timeline.tempo()).span_of(TickSpan::PULSE);
        let own = self.clock_loops.is_own(port, at);
        if !self.clock.counts_pulses() {
            if !own {
                self.clock_loops.heard(port, at, period, false);
            }
            return;
        }
        let listener = self.listener(program);
        let Some(heard) = (!own).then(|| self.clock.hear_pulse(port, at, listener)).flatten() else { return };
        // Of a clock that is doubled, what is too many may be ours.
        if heard.counted == 0 || !heard.is_doubled {
            self.clock_loops.heard(port, at, period, true);
        }
        match heard.choice {
            Choice::Stays => {}
            Choice::Settled => self.turn = None,
            Choice::Planned if self.turn.is_some() => {}
            Choice::Planned => self.turn = Some(self.next_line(program, at)),
            Choice::Changed => self.clock_changed(at),
        }
        if heard.counted > 0 && heard.is_followed {
            self.follow_pulse(program, at, heard.counted, heard.was_lost);
        }
    }

    /// It is told where the session is, or that it is gone.
    fn tell_session(&mut self, program: &Program, at: Nanos, state: Option<SessionState>) {
        let runs = self.transport.phase() == Phase::Running;
        let line =
            runs.then(|| Line { tick: self.next_line(program, at) + self.base, early: self.earliest_offset(program) });
        let plays = self.clock.tell(at, state, line);
        if self.resume_session(program, at) {
            return;
        }
        match (plays, self.transport.phase()) {
            (Some(true), Phase::Stopped) => self.start(program, at),
            (Some(false), Phase::Armed | Phase::Running) => self.stop(at),
            // It has been waited for.
            (None | Some(true), Phase::Armed) => self.run_own_clock(program, at),
            (Some(_) | None, _) => {}
        }
    }

    /// What the music does, for the choice among clocks.
    fn listener(&self, program: &Program) -> Listener {
        Listener::new(program, self.transport.phase(), self.armed_at)
    }

    /// Whether `message`, which came on `port`, counts if it is of the transport.
    fn heeds(&mut self, program: &Program, at: Nanos, port: PortSlot, message: Message) -> bool {
        let (counts, choice) = self.clock.heeds(port, at, message, self.listener(program));
        if choice == Choice::Changed {
            self.clock_changed(at);
        }
        counts
    }

    /// The bar line has come, at `at`, from which another clock is followed, if that is still the better one.
    pub(in crate::engine) fn turn(&mut self, program: &Program, at: Nanos) {
        let Some(line) = self.turn.take() else { return };
        let listener = self.listener(program);
        if let Some(falls_at) = self.clock.turn(line + self.base, at, listener) {
            self.clock_changed(falls_at);
            // What the new grid would have had before now was not due then.
            self.not_before = self.not_before.max(at);
        }
    }

    /// Another clock is followed, on whose grid the music is at `at` where it was on the old one.
    fn clock_changed(&mut self, at: Nanos) {
        if self.transport.phase() != Phase::Running {
            // Nobody is sent the pulses of a silence.
            let next = self.clock.pulse_after(at);
            self.pulses.iter_mut().for_each(|pulse| *pulse = next.max(*pulse));
            self.joinable_from = self.joinable_from.and_then(|_| self.clock.last_pulse());
        }
    }

    /// The pulse that came at `at` is one of the clock that is followed, and `counted` pulses count with it.
    fn follow_pulse(&mut self, program: &Program, at: Nanos, counted: i64, was_lost: bool) {
        let Some(pulse) = self.clock.last_pulse() else { return };
        match self.transport.phase() {
            Phase::Armed => self.seat_pulses(pulse),
            // Nobody waits for the pulses of a silence.
            Phase::Stopped if was_lost => self.set_pulses(pulse),
            _ => {}
        }
        // Before what it may bring about: a START after it makes the next pulse the first.
        // An answer to the first pulse of all could come back and be taken for the second.
        if self.transport.phase() != Phase::Stopped || self.clock.tempo().is_some() {
            self.tell_times(counted, self.moment(at), Message::Clock, self.raw);
            self.let_rejoin(self.moment(at), pulse + TickSpan::PULSE, self.raw);
        }
        if self.transport.phase() == Phase::Armed {
            self.run(program, pulse);
        } else if self.transport.phase() == Phase::Stopped && self.resume_at(program, pulse, at) {
            // It plays on.
        } else if self.joins(program, pulse, was_lost) {
            self.start(program, at);
        }
    }

    /// Whoever has been told to play counts from `pulse` on; pulses that went before do not count for them. A port that had
    /// more pulses than the master when it stopped, or fewer, has them made up for.
    fn seat_pulses(&mut self, pulse: Tick) {
        for (next, ahead) in self.pulses.iter_mut().zip(self.pulse_debt.iter_mut()) {
            *next = pulse + std::mem::take(ahead);
        }
    }

    /// Whether the pulse after this one begins a bar of a master that plays already, counted from the first pulse heard, and
    /// the music is to join it there: as if the master had said START now.
    fn joins(&mut self, program: &Program, pulse: Tick, was_lost: bool) -> bool {
        if self.transport.phase() != Phase::Stopped || program.clock.join != Join::Now {
            return false;
        }
        if was_lost {
            // The first pulse of all, or the first after a silence.
            self.joinable_from = Some(pulse);
        }
        let bars = |ticks: TickSpan| ticks.0.div_euclid(program.meter.bar().0);
        self.joinable_from.is_some_and(|first| {
            let heard = pulse - first;
            bars(heard + TickSpan::PULSE) > bars(heard)
        })
    }

    /// Our own clock waits for no pulse: the music goes on with the next of its own.
    fn run_own_clock(&mut self, program: &Program, at: Nanos) {
        let next = self.pulsed.iter().map(|port| self.pulses[usize::from(port.0)]).max().unwrap_or(Tick(i64::MIN));
        let sent = program.clock.when_stopped.then_some(next);
        if let Some(pulse) = self.clock.begin(at, sent, self.transport.resume()) {
            self.seat_pulses(pulse);
            self.run(program, pulse);
        }
    }

    /// The music goes on from where the transport says, which falls on `pulse` of the clock.
    pub(in crate::engine) fn run(&mut self, program: &Program, pulse: Tick) {
        let position = self.transport.resume();
        self.turn = None;
        self.base = pulse - position;
        self.transport.run();
        self.reckon_program_swap(program, position);
        self.await_line(program, position);
        self.seat_music(program, position);
        self.chase.forget();
        self.chase(program, position, |_| true);
        if let Some(length) = self.end_after.take() {
            self.end_at = Some(position + length);
        }
    }

    /// The first bar line that no port has reached at `at`, however early it is.
    pub(in crate::engine) fn next_line(&self, program: &Program, at: Nanos) -> Tick {
        self.first_unreached(program, at).round_up_to(program.meter.bar())
    }

    /// The first position that no port has reached at `at`, however early it is.
    pub(in crate::engine) fn first_unreached(&self, program: &Program, at: Nanos) -> Tick {
        self.moment(at - self.earliest_offset(program)).tick + TickSpan(1)
    }

    /// Sends `message` to `ports`.
    pub(in crate::engine) fn tell(&mut self, moment: Moment, message: Message, ports: PortSet) {
        self.tell_times(1, moment, message, ports);
    }

    /// Sends `message` to `ports`, so many times.
    fn tell_times(&mut self, times: i64, moment: Moment, message: Message, ports: PortSet) {
        if times > 0 && !ports.is_empty() {
            let queued = self.transport_queue.push(QueuedTransport { moment, message, ports, times });
            debug_assert!(queued.is_ok(), "input without advance between");
        }
    }

    /// Nothing plays any more; what a panic has left to send, and what waits, leaves at once.
    pub(in crate::engine) fn end(&mut self) {
        self.ended = true;
        self.end_duties(self.not_before);
    }

    /// Ends every note that sounds, whoever plays it, and brings home what holds or bends notes.
    pub(in crate::engine) fn release_all(&mut self, moment: Moment) {
        self.homing.release(moment, |_| true);
        self.tell_to_end(moment, true);
    }

    /// Ends every note of the sequence, and what it has held or bent them with; what hands hold sounds on. What commands have
    /// set goes home with it while the music runs; before that, it was set for what begins now.
    fn release_music(&mut self, moment: Moment) {
        let runs = self.transport.phase() == Phase::Running;
        self.homing.release(moment, |away| match away.by {
            By::Pattern => true,
            By::Command => runs,
            By::Hand(_) => false,
        });
        self.tell_to_end(moment, false);
    }

    /// Ends every note that sounds on `port`.
    pub(in crate::engine) fn release_port(&mut self, moment: Moment, port: PortSlot) {
        if !self.ledgers[usize::from(port.0)].is_empty() {
            if self.releasing.is_empty() {
                self.released_at = moment;
            }
            self.releases_held = true;
            self.releasing = self.releasing.with(port);
        }
    }

    /// Ends what has been cut short, where nothing runs that would come to its end.
    pub(in crate::engine) fn release_cut(&mut self, moment: Moment) {
        if self.transport.phase() != Phase::Running {
            self.tell_to_end(moment, false);
            self.homing.release_cut(moment);
        }
    }

    fn tell_to_end(&mut self, moment: Moment, also_held: bool) {
        // What is still to be struck before a line would not end.
        self.program_swap.forget_tail();
        // What is being released already keeps its time.
        if self.releasing.is_empty() {
            self.released_at = moment;
            self.releases_held = also_held;
        }
        self.releases_held |= also_held;
        for port in self.ports.iter() {
            if !self.ledgers[usize::from(port.0)].is_empty() {
                self.releasing = self.releasing.with(port);
            }
        }
    }
}

//! What input and commands do to the music.

use crate::engine::ports::homing::By;
use crate::engine::program::{Binding, Does, MAX_AT_ONCE, PortSlot, Program};
use crate::engine::{Command, Engine};
use crate::midi::Message;
use crate::time::Nanos;

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

    /// Does what a message is bound to, in the order of the bindings, and says whether it is bound at all. Takes time in
    /// proportion to the bindings; of those that listen for the same message, [`MAX_AT_ONCE`] count.
    fn obey(&mut self, program: &Program, at: Nanos, port: PortSlot, message: Message) -> bool {
        let Some(touched) = self.touched(port, message) else { return false };
        let mut next = 0;
        for count in 0..MAX_AT_ONCE {
            let Some((index, binding)) = Engine::bound(program, port, touched, next) else { return count > 0 };
            if let Some(command) = self.asked(index, binding, touched) {
                self.carry_out(program, at, command, By::Hand(port));
            }
            next = index + 1;
        }
        true
    }

    /// Does what one of the bindings says that have come up.
    pub(in crate::engine) fn release_next(&mut self, program: &Program) {
        let Some(index) = self.rising.take() else { return };
        let binding = program.bindings.get(index);
        if let Some(Binding { does: Does::Press { release: Some(release), .. }, port, .. }) = binding {
            self.carry_out(program, self.rising.at(), *release, By::Hand(*port));
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
}

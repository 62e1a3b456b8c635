//! What a lane has next becomes notes and values on its port.

use crate::engine::lanes::{InputState, Played, Strike};
use crate::engine::outbox::Outbox;
use crate::engine::program::{PortSlot, Program};
use crate::engine::{Engine, Moment};

impl Engine {
    /// Takes the next event on `port`; `None` when it is not played this time.
    pub(in crate::engine) fn take_event(&mut self, program: &Program, port: PortSlot) -> Option<Played> {
        let input =
            InputState { fill: self.mixer.fill(), coming: self.coming_pattern(program), keyboards: &self.keyboards };
        self.player.play(program, port, input)
    }

    pub(in crate::engine) fn play(&mut self, program: &Program, port: PortSlot, moment: Moment, out: &mut Outbox) {
        match self.take_event(program, port) {
            Some(Played::Note(strike)) => self.strike(program, port, strike, moment, out),
            Some(Played::Value(value)) => {
                if !self.is_sent(value) {
                    return;
                }
                self.faders.note_value(program, value.track, value.target, value.value);
                let Some(track) = program.track(value.track) else { return };
                self.set_value(value, port, track.channel, moment, out);
            }
            None => {}
        }
    }

    pub(in crate::engine) fn strike(
        &mut self,
        program: &Program,
        port: PortSlot,
        strike: Strike,
        moment: Moment,
        out: &mut Outbox,
    ) {
        if self.recovery.is_silent(port, moment.tick) {
            return;
        }
        let slot = strike.track;
        let Some(track) = program.track(slot).filter(|_| self.mixer.hears(slot)) else { return };
        let shift = self.mixer.shift(program, slot, track, strike.key, &self.keyboards);
        let to = (port, track.channel, strike.key.transposed(shift));
        self.begin_note(slot, to, strike.velocity, strike.off, moment, out);
    }
}

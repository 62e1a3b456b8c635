//! Notes and values of tracks on their ports: what is struck and set is entered where it will be ended and brought home.

use crate::engine::arrangement::transport::Phase;
use crate::engine::lanes::SetTo;
use crate::engine::outbox::{Departure, Outbox, departure};
use crate::engine::ports::homing::By;
use crate::engine::ports::ledger::{HELD, Sounding};
use crate::engine::program::{PortSlot, TrackSlot};
use crate::engine::{Engine, Moment};
use crate::midi::{Channel, Key, Message, Velocity};
use crate::time::Tick;

impl Engine {
    /// Strikes a note, after what has to leave before it: at most 14 messages. Says which note it is.
    pub(in crate::engine) fn begin_note(
        &mut self,
        track: TrackSlot,
        (port, channel, key): (PortSlot, Channel, Key),
        velocity: Velocity,
        off: Tick,
        moment: Moment,
        out: &mut Outbox,
    ) -> u64 {
        if let Some(old) = self.ports[port].ledger.in_the_way(channel, key) {
            self.end_note(port, old, moment, out);
        }
        if self.recovery.strike(port, channel, key) {
            self.wires.send(departure(moment, port, Message::NoteOff(channel, key, 0)), out);
        }
        self.silencing.silence_before(&mut self.wires, port, channel, moment, out);
        self.wires.send_modes(port, channel, moment, out);
        let serial = self.ports[port].ledger.strike(track, channel, key, off);
        let message = Message::NoteOn(channel, key, velocity);
        self.wires.send(Departure { track: Some(track), ..departure(moment, port, message) }, out);
        serial
    }

    pub(in crate::engine) fn end_note(&mut self, port: PortSlot, note: Sounding, moment: Moment, out: &mut Outbox) {
        self.end_note_with(0, port, note, moment, out);
    }

    /// The same, with a release velocity.
    pub(in crate::engine) fn end_note_with(
        &mut self,
        release: u8,
        port: PortSlot,
        note: Sounding,
        moment: Moment,
        out: &mut Outbox,
    ) {
        self.ports[port].ledger.end(note.channel, note.key);
        let message = Message::NoteOff(note.channel, note.key, release);
        self.wires.send(Departure { track: Some(note.track), ..departure(moment, port, message) }, out);
    }

    /// Returns whether a value is sent: not that of a lever, while its track is not heard.
    pub(in crate::engine) fn is_sent(&self, set: SetTo) -> bool {
        self.mixer.hears(set.track) || set.target.levers().next().is_none()
    }

    /// Sends a value of a track, which plays on `port` and `channel`: at most four messages.
    pub(in crate::engine) fn set_value(
        &mut self,
        set: SetTo,
        port: PortSlot,
        channel: Channel,
        moment: Moment,
        out: &mut Outbox,
    ) {
        for message in set.target.messages(channel, set.value) {
            self.homing.note(port, message, set.track, By::Pattern, set.until);
            let departure = Departure { track: Some(set.track), ..departure(moment, port, message) };
            if set.needed { self.wires.send(departure, out) } else { self.wires.offer(departure, out) }
        }
    }

    /// Ends the next of the notes that are released.
    pub(in crate::engine) fn release_next_note(&mut self, out: &mut Outbox) {
        let Some(port) = self.releasing.iter().next() else { return };
        let is_released = |note: &Sounding| self.releases_held || note.off != HELD;
        if let Some(note) = self.ports[port].ledger.first().filter(is_released) {
            self.end_note(port, note, self.released_at, out);
        } else {
            self.releasing = self.releasing.without(port);
        }
    }

    /// Ends every note that sounds, whoever plays it, and brings home what holds or bends notes.
    pub(in crate::engine) fn release_all(&mut self, moment: Moment) {
        self.homing.release(moment, |_| true);
        self.tell_to_end(moment, true);
    }

    /// Ends every note of the sequence, and what it has held or bent them with; what hands hold sounds on. What commands have
    /// set goes home with it while the music runs; before that, it was set for what begins now.
    pub(in crate::engine) fn release_music(&mut self, moment: Moment) {
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
        if !self.ports[port].ledger.is_empty() {
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

    pub(in crate::engine) fn tell_to_end(&mut self, moment: Moment, also_held: bool) {
        // What is still to be struck before a line would not end.
        self.program_swap.forget_tail();
        // What is being released already keeps its time.
        if self.releasing.is_empty() {
            self.released_at = moment;
            self.releases_held = also_held;
        }
        self.releases_held |= also_held;
        for port in self.played.iter() {
            if !self.ports[port].ledger.is_empty() {
                self.releasing = self.releasing.with(port);
            }
        }
    }
}

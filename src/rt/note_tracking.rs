//! What has really left, noted, so that it can be silenced whatever happened to whoever sent it.

use std::ops::Deref;

use super::output::{Output, SendFailed};
use crate::engine::PROBE_RELEASE;
use crate::engine::outbox::Departure;
use crate::engine::program::lever::Lever;
use crate::engine::program::{MAX_PORTS, PortSlot};
use crate::link::{NoteTable, OpenedOutput};
use crate::midi::{Channel, Key, Message};
use crate::time::Nanos;

/// A bit for each key, by port and channel.
type Keys = [[u128; Channel::COUNT]; MAX_PORTS];

/// Remembers what has really been sent, so that it can be silenced whatever happened to whoever sent it.
///
/// The engine's own ledger knows what should sound. This one stands behind it: it survives a panic in the music, and at
/// the end of a show it has the last word. Where its table lies in memory that the [guardian](crate::guardian) sees too, what
/// it knows survives the process.
#[derive(Debug)]
pub struct NoteTracking<O, T = Box<NoteTable>> {
    output: O,
    sounding: T,
    /// The keys that were ever struck on the output that a port has: where that is opened anew, they may sound, because their
    /// end may have been lost. On the heap, because the real-time thread's stack is small.
    struck: Box<Keys>,
}

impl<O: Output> NoteTracking<O> {
    /// A guard over `output`, with nothing sounding. Allocates.
    pub fn new(output: O) -> NoteTracking<O> {
        NoteTracking::noting_in(Box::default(), output)
    }
}

impl<O: Output, T: Deref<Target = NoteTable>> NoteTracking<O, T> {
    /// The same, with what sounds noted in `table`, where nothing does yet and nobody else writes.
    pub fn noting_in(table: T, output: O) -> NoteTracking<O, T> {
        NoteTracking { output, sounding: table, struck: Box::new([[0; Channel::COUNT]; MAX_PORTS]) }
    }

    /// Returns where it is noted what sounds.
    pub fn table(&self) -> &T {
        &self.sounding
    }

    /// Returns what is guarded.
    pub fn output(&self) -> &O {
        &self.output
    }

    /// Returns how many notes sound.
    #[must_use]
    pub fn sounding(&self) -> usize {
        self.sounding.count()
    }

    /// Ends every note that sounds, brings home what holds or bends notes, and stops every port that plays. How many messages
    /// it took; 0 where all was in order.
    pub fn silence(&mut self) -> usize {
        let mut sent = 0;
        for port in (0..MAX_PORTS as u8).map(PortSlot) {
            sent += self.silence_port(port);
        }
        sent
    }

    /// Whatever was struck on `port` may sound.
    fn doubt(&mut self, port: PortSlot) {
        let channels = (0..Channel::COUNT as u8).map(Channel::from_status);
        let struck = self.struck.get(usize::from(port.0)).unwrap_or(&[0; Channel::COUNT]);
        channels.zip(struck).for_each(|(channel, keys)| self.sounding.note_doubt(port, channel, *keys));
    }

    /// Ends every note that sounds on `port`, brings home what holds or bends notes there, and stops it if it plays. How many
    /// messages it took.
    ///
    /// Each is noted as ended once that has been sent: a process that is killed in the middle of this leaves the rest noted.
    fn silence_port(&mut self, port: PortSlot) -> usize {
        let mut sent = 0;
        let mut end = |message| {
            sent += usize::from(self.output.send(&Departure::at_once(port, message)).is_ok());
            self.sounding.note_end(port, message);
        };
        if self.sounding.plays(port) {
            end(Message::Stop);
        }
        for channel in (0..Channel::COUNT as u8).map(Channel::from_status) {
            let mut keys = self.sounding.keys(port, channel);
            while keys != 0 {
                let key = Key::from_data(keys.trailing_zeros() as u8);
                keys &= keys - 1;
                end(Message::NoteOff(channel, key, 0));
            }
        }
        for channel in (0..Channel::COUNT as u8).map(Channel::from_status) {
            let levers = self.sounding.levers(port, channel);
            for lever in Lever::all().filter(|lever| levers >> lever.index() & 1 == 1) {
                end(lever.home(channel));
            }
            let mut keys = self.sounding.pressed(port, channel);
            while keys != 0 {
                let key = Key::from_data(keys.trailing_zeros() as u8);
                keys &= keys - 1;
                end(Message::KeyPressure(channel, key, 0));
            }
        }
        sent
    }
}

impl<O: Output, T: Deref<Target = NoteTable>> Output for NoteTracking<O, T> {
    fn send(&mut self, departure: &Departure) -> Result<(), SendFailed> {
        let Departure { port, message, .. } = *departure;
        let index = usize::from(port.0).min(MAX_PORTS - 1);
        match message {
            // The end of a note that was never played, because it came too late: there is nothing to send. A probe ends none.
            Message::NoteOff(channel, key, velocity)
                if velocity != PROBE_RELEASE
                    && !self.sounding.sounds(port, channel, key)
                    && self.sounding.doubtful(port, channel) >> key.number() & 1 == 0 =>
            {
                return Err(SendFailed::Absent);
            }
            Message::NoteOn(channel, key, _) => self.struck[index][channel.index()] |= 1 << key.number(),
            _ => {}
        }
        // In doubt a note sounds: a beginning counts before it is sent, an end only once it has been.
        self.sounding.note_begin(port, message);
        self.output.send(departure)?;
        self.sounding.note_end(port, message);
        Ok(())
    }

    fn replace(&mut self, port: PortSlot, output: Option<OpenedOutput>) -> Option<OpenedOutput> {
        // Whoever is let go of is left silent: what comes later goes to the new output. If that is the same device, it may have
        // heard nothing of it.
        let index = usize::from(port.0).min(MAX_PORTS - 1);
        let plays = self.sounding.plays(port);
        self.silence_port(port);
        self.sounding.note_playing(port, plays && output.is_some());
        if output.is_none() {
            self.struck[index] = Default::default();
        }
        self.doubt(port);
        self.output.replace(port, output)
    }

    fn waits(&mut self, awake_by: Nanos) {
        self.sounding.note_wait(awake_by);
        self.output.waits(awake_by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::Velocity;

    #[derive(Default)]
    struct Recorder(Vec<(u8, Message)>);

    impl Output for Recorder {
        fn send(&mut self, &Departure { port, message, .. }: &Departure) -> Result<(), SendFailed> {
            self.0.push((port.0, message));
            Ok(())
        }
    }

    #[test]
    fn an_output_that_is_let_go_of_is_silenced_first() {
        let channel = Channel::from_number(3).unwrap();
        let mut guarded = NoteTracking::new(Recorder::default());
        let on = |key| Message::NoteOn(channel, Key::new(key).unwrap(), Velocity::MAX);
        let off = |key| Message::NoteOff(channel, Key::new(key).unwrap(), 0);
        for (port, message) in [(0, on(60)), (1, on(61)), (1, Message::Start)] {
            guarded.send(&Departure::at_once(PortSlot(port), message)).unwrap();
        }
        guarded.output.0.clear();
        assert!(guarded.replace(PortSlot(1), None).is_none());
        assert_eq!(guarded.output.0, [(1, Message::Stop), (1, off(61))]);
        assert_eq!(
            guarded.send(&Departure::at_once(PortSlot(1), off(61))),
            Err(SendFailed::Absent),
            "nobody else has to hear of it"
        );
        assert_eq!((guarded.silence(), guarded.output.0.last()), (1, Some(&(0, off(60)))));
    }

    #[test]
    fn what_was_struck_before_an_output_was_opened_anew_may_be_ended_there() {
        let channel = Channel::from_number(3).unwrap();
        let mut guarded = NoteTracking::new(Recorder::default());
        let on = Message::NoteOn(channel, Key::new(60).unwrap(), Velocity::MAX);
        let off = |key| Message::NoteOff(channel, Key::new(key).unwrap(), 0);
        for message in [on, off(60)] {
            guarded.send(&Departure::at_once(PortSlot(1), message)).unwrap();
        }
        assert_eq!(guarded.send(&Departure::at_once(PortSlot(1), off(60))), Err(SendFailed::Absent));
        // As `replace` does with an output.
        guarded.doubt(PortSlot(1));
        assert_eq!(
            (guarded.sounding(), guarded.send(&Departure::at_once(PortSlot(1), off(61)))),
            (0, Err(SendFailed::Absent))
        );
        assert_eq!(guarded.send(&Departure::at_once(PortSlot(1), off(60))), Ok(()));
        assert_eq!(guarded.send(&Departure::at_once(PortSlot(1), off(60))), Err(SendFailed::Absent), "once");
        guarded.doubt(PortSlot(1));
        assert_eq!(guarded.table().doubtful(PortSlot(1), channel), 1 << 60, "so that whoever ends it later knows");
        guarded.replace(PortSlot(1), None);
        assert_eq!(guarded.struck[1], [0; Channel::COUNT], "what comes later is another one");
        assert_eq!(guarded.table().doubtful(PortSlot(1), channel), 0);
    }

    #[test]
    fn what_holds_or_bends_notes_goes_home_after_them() {
        let channel = Channel::from_number(3).unwrap();
        let key = Key::new(60).unwrap();
        let mut guarded = NoteTracking::new(Recorder::default());
        let control = |number, value| Message::ControlChange(channel, number, value);
        for message in [
            Message::PitchBend(channel, 0),
            control(64, 127),
            control(66, 127),
            control(66, 0),
            control(7, 100),
            Message::NoteOn(channel, key, Velocity::MAX),
            Message::KeyPressure(channel, key, 9),
        ] {
            guarded.send(&Departure::at_once(PortSlot(1), message)).unwrap();
        }
        guarded.output.0.clear();
        assert_eq!(guarded.silence(), 4);
        let (off, home) = (Message::NoteOff(channel, key, 0), Message::PitchBend(channel, 8_192));
        let expected = [off, control(64, 0), home, Message::KeyPressure(channel, key, 0)];
        assert_eq!(guarded.output.0, expected.map(|message| (1, message)));
        assert_eq!((guarded.silence(), guarded.table().count_away()), (0, 0));
    }

    #[test]
    fn silences_exactly_what_sounds_and_stops_what_plays() {
        let channel = Channel::from_number(10).unwrap();
        let key = |number| Key::new(number).unwrap();
        let mut guarded = NoteTracking::new(Recorder::default());
        for (port, message) in [
            (0, Message::NoteOn(channel, key(60), Velocity::MAX)),
            (1, Message::Start),
            (1, Message::NoteOn(channel, key(127), Velocity::MAX)),
            (0, Message::NoteOn(channel, key(0), Velocity::MAX)),
            (0, Message::NoteOff(channel, key(60), 0)),
        ] {
            guarded.send(&Departure::at_once(PortSlot(port), message)).unwrap();
        }
        assert_eq!(guarded.sounding(), 2);
        guarded.output.0.clear();
        assert_eq!(guarded.silence(), 3);
        let expected = [
            (0, Message::NoteOff(channel, key(0), 0)),
            (1, Message::Stop),
            (1, Message::NoteOff(channel, key(127), 0)),
        ];
        assert_eq!(guarded.output.0, expected);
        assert_eq!(guarded.silence(), 0);
    }
}

//! What a file sends, message by message, in the order in which a player sends it: by position, and where those are equal by
//! track. Nothing is paired, moved or left out, so that what was made of the file can be compared with it.

use std::collections::BTreeMap;

use midly::{MetaMessage, MidiMessage, TrackEventKind};

use super::chunks::chunks;
use super::events::{Events, NoEvent};
use super::ruler::Ruler;
use super::{Unreadable, device_of};
use crate::midi::{Channel, Key, Message, Velocity};

/// A message of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// In the time of the file.
    pub at: i64,
    /// In ticks of the engine.
    pub tick: i64,
    /// In which track, from 1.
    pub track: usize,
    /// The device that the track names.
    pub device: Option<String>,
    /// What.
    pub message: Message,
}

/// All channel messages of a file, and where each of its tracks ends.
///
/// # Errors
///
/// As [`read`](super::read).
pub fn stream(bytes: &[u8]) -> Result<(Vec<Sent>, BTreeMap<usize, i64>), Unreadable> {
    let file = chunks(bytes)?;
    let ruler = Ruler::of(file.division)?;
    let (mut stream, mut ends) = (Vec::new(), BTreeMap::new());
    for (number, bytes) in (1..).zip(file.tracks) {
        let (mut events, mut at, mut device) = (Events::new(bytes), 0i64, None);
        loop {
            let (delta, event) = match events.next() {
                Ok(Some(event)) => event,
                Ok(None) | Err(NoEvent::CutOff) => break,
                Err(NoEvent::Odd) => return Err(Unreadable::Damaged(number, 0)),
            };
            at = at.saturating_add(delta);
            match event.kind {
                TrackEventKind::Midi { channel, message } => {
                    let message = message_of(Channel::from_status(channel.as_int()), message);
                    stream.push(Sent { at, tick: ruler.tick(at), track: number, device: device.clone(), message });
                }
                TrackEventKind::Meta(MetaMessage::EndOfTrack) => break,
                TrackEventKind::Meta(message) => device = device_of(message, device),
                TrackEventKind::SysEx(_) | TrackEventKind::Escape(_) => {}
            }
        }
        ends.insert(number, ruler.tick(at));
    }
    stream.sort_by_key(|sent| (sent.at, sent.track));
    Ok((stream, ends))
}

fn message_of(channel: Channel, message: MidiMessage) -> Message {
    match message {
        MidiMessage::NoteOff { key, vel } => Message::NoteOff(channel, Key::from_data(key.as_int()), vel.as_int()),
        MidiMessage::NoteOn { key, vel } => match Velocity::new(vel.as_int()) {
            Some(velocity) => Message::NoteOn(channel, Key::from_data(key.as_int()), velocity),
            None => Message::NoteOff(channel, Key::from_data(key.as_int()), 0),
        },
        MidiMessage::Aftertouch { key, vel } => {
            Message::KeyPressure(channel, Key::from_data(key.as_int()), vel.as_int())
        }
        MidiMessage::Controller { controller, value } => {
            Message::ControlChange(channel, controller.as_int(), value.as_int())
        }
        MidiMessage::ProgramChange { program } => Message::ProgramChange(channel, program.as_int()),
        MidiMessage::ChannelAftertouch { vel } => Message::ChannelPressure(channel, vel.as_int()),
        MidiMessage::PitchBend { bend } => Message::PitchBend(channel, bend.0.as_int()),
    }
}

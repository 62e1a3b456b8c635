//! Opening inputs: the callback that stamps a message, parses it, and hands it to the real-time thread.
//!
//! midir runs one thread for each connection, at normal priority, and offers no hook to change that; so the thread is
//! promoted by its own first callback. A callback does little: read the clock, parse at most three bytes, push. The driver's
//! own stamp, mapped to the machine's clock, tells when the message came, free of the time it took to wake this thread.
//! System exclusive is dropped here; nothing behind this point has use for it.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::Sender;

#[cfg(unix)]
use midir::os::unix::VirtualInput;
use midir::{Ignore, MidiInput, MidiInputConnection};

use super::calibration::{Calibration, PROBE, Probes};
use super::pool;
use super::ports::Inventory;
use super::stamp::DeviceClock;
use super::{CLIENT_NAME, GONE, OpenError, attempt};
use crate::link::{InputEvent, MidiInEnd};
use crate::midi::Message;
use crate::panics::contained;
use crate::time::{DeviceTime, Nanos};

/// What an input thread needs from outside: the clock, and its promotion to a real-time class.
#[derive(Clone)]
pub struct Hooks {
    /// The time now, on the clock that the real-time thread reads too.
    pub now: Arc<dyn Fn() -> Nanos + Send + Sync>,
    /// Called once for each connection, on its input thread, with its first message.
    pub promote: Arc<dyn Fn() + Send + Sync>,
}

/// An opened input. Dropping it closes the connection and ends its thread; its end of the link goes home.
pub struct Input {
    /// There until it is closed.
    connection: Option<MidiInputConnection<Listener>>,
}

impl Drop for Input {
    fn drop(&mut self) {
        // midir panics here where its thread has.
        let _ = contained(|| drop(self.connection.take()));
    }
}

/// Where the ends of inputs go that were closed, or could not be opened: to be opened anew.
pub type Home = Sender<MidiInEnd>;

/// Opens the input at `index` of the inventory; other programs see it as `label`.
///
/// # Errors
///
/// When the port has gone or refuses.
pub fn open(
    inventory: &Inventory,
    index: usize,
    label: &str,
    end: MidiInEnd,
    hooks: Hooks,
    home: Home,
) -> Result<Input, OpenError> {
    let device = inventory.inputs.get(index).map_or(label, |name| &name.full);
    let (probes, calibration) = Calibration::new(Arc::clone(&hooks.now));
    // From here on the end goes home by itself, whatever fails.
    let mut listener = Listener::new(end, hooks, home);
    listener.probes = probes;
    let connection = attempt("input", device, || {
        let name = inventory.inputs.get(index).ok_or(GONE)?;
        let midi = new_input().map_err(|e| e.to_string())?;
        let port = midi.find_port_by_id(&name.id).ok_or(GONE)?;
        midi.connect(&port, label, hear, listener).map_err(|e| e.to_string())
    })?;
    // Without it, it is connected all the same.
    let _ = contained(|| calibration.run(label));
    Ok(Input { connection: Some(connection) })
}

/// Opens a virtual input called `name`, to which any program can send.
///
/// # Errors
///
/// When the system has no virtual ports.
#[cfg(unix)]
pub fn open_virtual(name: &str, end: MidiInEnd, hooks: Hooks, home: Home) -> Result<Input, OpenError> {
    let listener = Listener::new(end, hooks, home);
    let connection = attempt("virtual input", name, || {
        let midi = new_input().map_err(|e| e.to_string())?;
        midi.create_virtual(name, hear, listener).map_err(|e| e.to_string())
    })?;
    Ok(Input { connection: Some(connection) })
}

/// Windows has no virtual ports.
#[cfg(not(unix))]
pub fn open_virtual(name: &str, _: MidiInEnd, _: Hooks, _: Home) -> Result<Input, OpenError> {
    let reason = "this system has no virtual ports".into();
    Err(OpenError { direction: "virtual input", device: name.into(), reason })
}

fn new_input() -> Result<MidiInput, midir::InitError> {
    let mut midi = pool::with_room(|| MidiInput::new(CLIENT_NAME))?;
    midi.ignore(Ignore::Sysex);
    Ok(midi)
}

/// What a connection's callback works with. It needs no connection: whoever has bytes can let it hear them.
pub struct Listener {
    /// There until it goes home.
    end: Option<MidiInEnd>,
    home: Home,
    hooks: Hooks,
    probes: Probes,
    clock: DeviceClock,
    promoted: bool,
}

impl Listener {
    /// A listener that is not calibrated. It hands what it hears to `end`, which goes `home` with it.
    #[must_use]
    pub fn new(end: MidiInEnd, hooks: Hooks, home: Home) -> Listener {
        let probes = Probes::none();
        Listener { end: Some(end), home, hooks, probes, clock: DeviceClock::default(), promoted: false }
    }

    /// A driver hands over `bytes`, stamped with `stamp`. Whatever they are, they are one message, or they are dropped.
    pub fn hear(&mut self, stamp: DeviceTime, bytes: &[u8]) {
        let callback = (self.hooks.now)();
        // midir would panic itself, later, on a thread that has panicked; so a panic ends here, and the show with it.
        if panic::catch_unwind(AssertUnwindSafe(|| self.take(callback, stamp, bytes))).is_err()
            && let Some(end) = &self.end
        {
            end.fail();
        }
    }

    fn take(&mut self, callback: Nanos, stamp: DeviceTime, bytes: &[u8]) {
        let at = self.clock.arrival(callback, stamp);
        if !std::mem::replace(&mut self.promoted, true) {
            (self.hooks.promote)();
            self.end.iter().for_each(|end| pool::count_errors_as(end.losses()));
        }
        match (Message::from_bytes(bytes), &mut self.end) {
            (Some(PROBE), _) if self.probes.take(at, stamp) => {}
            (Some(Message::ActiveSensing), Some(end)) => end.sense(at),
            (Some(message), Some(end)) => {
                end.push(InputEvent { at: self.probes.correct(at, stamp), device: stamp, message });
            }
            _ => {}
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(mut end) = self.end.take() {
            end.leave();
            // At the end of a show nobody waits for it any more.
            let _ = self.home.send(end);
        }
    }
}

fn hear(stamp: u64, bytes: &[u8], listener: &mut Listener) {
    listener.hear(DeviceTime(stamp), bytes);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    use std::sync::mpsc::channel;

    use super::*;
    use crate::engine::program::PortSlot;
    use crate::link::link;
    use crate::set::Set;

    #[test]
    fn active_sensing_is_noted_and_not_played_and_forgotten_with_its_connection() {
        let set = Set::parse("a.toml", b"[ports.a]\ndevice = \"A\"\n[patterns.p]\n").unwrap();
        let (control, mut rt, mut ends) = link(set.program, &[PortSlot(2)]);
        let now = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now);
        let hooks = Hooks { now: Arc::new(move || Nanos(clock.load(Relaxed))), promote: Arc::new(|| ()) };
        let mut listener = Listener::new(ends.remove(0), hooks, channel().0);
        let mut hear = |micros: u64, bytes: &[u8]| {
            now.store(micros * 1_000, Relaxed);
            listener.hear(DeviceTime(micros), bytes);
            control.meters().port(PortSlot(2)).sensed().map(|at| at.0 / 1_000)
        };
        assert_eq!(hear(1_000, &[0x90, 60, 1]), None, "its silence would mean nothing");
        assert_eq!([hear(2_000, &[0xFE]), hear(3_000, &[0x80, 60, 1])], [Some(2_000), Some(3_000)]);
        assert_eq!(std::iter::from_fn(|| rt.next_input()).count(), 2, "nothing wakes the real-time thread in vain");
        drop(listener);
        assert_eq!(control.meters().port(PortSlot(2)).sensed(), None);
    }
}

//! The instruments as two USB devices: the probe is their firmware.
//!
//! The kernel's USB gadget gives the device's end of the cable as a raw MIDI file, and the program under test sees the
//! other end through the class driver that real instruments use. The emulated cable is no real one, and its files are
//! read by polling, so this stage is for function: names, buffers, the driver's path. Its stamps are good to half a
//! millisecond, which is enough to place a note on its pulse, and to see a program that holds up the kernel's worker which
//! carries its notes away: each note is then late by as long as the program spins after sending it.

use crate::instrument::{Ears, Fallible, Look, Mouth, Stage};
use crate::recording::{Heard, Message, Parser, Port};
use crate::sequencer::Subscriptions;
use crate::sys;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A raw file has no stamps, so the collector's own clock must do: often, and above the program, which would hold it up
/// otherwise. That disturbs the program a little.
const LOOK: Look = Look { every: Duration::from_micros(500), priority: 89 };

/// Opens the gadgets' files by their sound cards' ids.
pub fn open(circuit: &str, mono: &str) -> Fallible<Stage> {
    let circuit = open_card(circuit)?;
    let mono = open_card(mono)?;
    let said = Arc::new(Mutex::new(Vec::with_capacity(1 << 16)));
    Ok(Stage {
        mouth: Box::new(Firmware { out: circuit.try_clone()?, said: said.clone() }),
        ears: Box::new(Wires {
            said,
            wires: [(Port::Circuit, circuit, Parser::default()), (Port::Mono, mono, Parser::default())],
        }),
        watch: Box::new(Subscriptions::open(0)?),
        look: LOOK,
        exact: false,
    })
}

fn open_card(id: &str) -> Fallible<File> {
    let path = raw_midi_of(id)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&path)
        .map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The card's first raw MIDI file; `/proc/asound/ID` is a link to `cardN`.
fn raw_midi_of(id: &str) -> Fallible<PathBuf> {
    let link = PathBuf::from("/proc/asound").join(id);
    let card = fs::read_link(&link).map_err(|error| format!("{}: {error}", link.display()))?;
    let number = card.to_string_lossy().replace("card", "");
    Ok(PathBuf::from(format!("/dev/snd/midiC{number}D0")))
}

struct Firmware {
    out: File,
    /// What was sent, for the ears: no third ear can listen on a cable.
    said: Arc<Mutex<Vec<Heard>>>,
}

impl Mouth for Firmware {
    fn say(&mut self, message: &[u8]) -> Fallible<()> {
        let at_ns = sys::now_ns();
        self.out.write_all(message)?;
        let mut said = self.said.lock().expect("no one panics with this lock");
        said.push(Heard { at_ns, port: Port::Ear, message: Message::new(message) });
        Ok(())
    }
}

struct Wires {
    said: Arc<Mutex<Vec<Heard>>>,
    wires: [(Port, File, Parser); 2],
}

impl Ears for Wires {
    fn collect(&mut self, into: &mut Vec<Heard>) -> Fallible<usize> {
        into.append(&mut self.said.lock().expect("no one panics with this lock"));
        for (port, wire, parser) in &mut self.wires {
            collect_wire(*port, wire, parser, into)?;
        }
        Ok(0)
    }
}

fn collect_wire(port: Port, wire: &mut File, parser: &mut Parser, into: &mut Vec<Heard>) -> Fallible<()> {
    let mut bytes = [0; 256];
    loop {
        match wire.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(len) => {
                let at_ns = sys::now_ns();
                let messages = bytes[..len].iter().filter_map(|&byte| parser.take(byte));
                into.extend(messages.map(|message| Heard { at_ns, port, message }));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

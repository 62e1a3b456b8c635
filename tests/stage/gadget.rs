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
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A raw file has no stamps, so the collector's own clock must do: often, and above the program, which would hold it up
/// otherwise. That disturbs the program a little.
const LOOK: Look = Look { every: Duration::from_micros(500), priority: 89 };

/// What the instruments' firmware does with notes that arrive at the Mono Station: while it is on, each goes out again by the
/// Circuit, on this channel and so many keys higher.
#[derive(Clone)]
pub struct SoftThru {
    pub is_on: Arc<AtomicBool>,
    pub channel: u8,
    pub by: u8,
}

/// Opens the gadgets' files by their sound cards' ids.
pub fn open(circuit: &str, mono: &str) -> Fallible<Stage> {
    open_with(circuit, mono, None).map(|(stage, _)| stage)
}

/// The same, with a soft thru, and the Circuit's file for bytes that are no messages.
pub fn open_with(circuit: &str, mono: &str, soft_thru: Option<SoftThru>) -> Fallible<(Stage, File)> {
    let at_circuit = Wire::open(Port::Circuit, circuit)?;
    let at_mono = Wire::open(Port::Mono, mono)?;
    let out = at_circuit.file.as_ref().ok_or("it has just been opened")?.try_clone()?;
    let said = Arc::new(Mutex::new(Vec::with_capacity(1 << 16)));
    let soft_thru = soft_thru.map(|thru| Ok::<_, io::Error>((thru, out.try_clone()?))).transpose()?;
    let stage = Stage {
        mouth: Box::new(Firmware { out: out.try_clone()?, said: said.clone() }),
        ears: Box::new(Wires { said, wires: [at_circuit, at_mono], soft_thru }),
        watch: Box::new(Subscriptions::open(0)?),
        look: LOOK,
        exact: false,
    };
    Ok((stage, out))
}

/// Pulls the cable of a gadget, by its name, or plugs it into a controller.
pub fn plug(gadget: &str, controller: Option<&str>) -> Fallible<()> {
    let path = format!("/sys/kernel/config/usb_gadget/{gadget}/UDC");
    fs::write(&path, format!("{}\n", controller.unwrap_or_default())).map_err(|error| format!("{path}: {error}").into())
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
    wires: [Wire; 2],
    soft_thru: Option<(SoftThru, File)>,
}

/// The end of one cable.
struct Wire {
    port: Port,
    card: String,
    /// None while the cable is out.
    file: Option<File>,
    parser: Parser,
}

impl Wire {
    fn open(port: Port, card: &str) -> Fallible<Wire> {
        Ok(Wire { port, card: card.to_owned(), file: Some(open_card(card)?), parser: Parser::default() })
    }
}

impl Ears for Wires {
    fn collect(&mut self, into: &mut Vec<Heard>) -> Fallible<usize> {
        into.append(&mut self.said.lock().expect("no one panics with this lock"));
        for wire in &mut self.wires {
            let from = into.len();
            wire.collect(into)?;
            if let Some((thru, out)) = self.soft_thru.as_mut().filter(|_| wire.port == Port::Mono) {
                thru.pass_on(&into[from..], out);
            }
        }
        Ok(0)
    }
}

impl Wire {
    fn collect(&mut self, into: &mut Vec<Heard>) -> Fallible<()> {
        let mut bytes = [0; 256];
        loop {
            let Some(file) = &mut self.file else {
                // The card is there again with the cable.
                self.file = open_card(&self.card).ok();
                self.parser = Parser::default();
                return Ok(());
            };
            match file.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(len) => {
                    let at_ns = sys::now_ns();
                    let messages = bytes[..len].iter().filter_map(|&byte| self.parser.take(byte));
                    into.extend(messages.map(|message| Heard { at_ns, port: self.port, message }));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => self.file = None,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl SoftThru {
    /// What finds the cable full is lost, as with any small processor.
    fn pass_on(&self, heard: &[Heard], out: &mut File) {
        for message in heard.iter().filter(|_| self.is_on.load(Ordering::Relaxed)).map(|heard| heard.message) {
            if let [status @ 0x80..=0x9f, key, velocity] = *message.bytes() {
                let bytes = [status & 0xf0 | (self.channel - 1), key + self.by, velocity];
                let _ = if bytes[1] < 128 { out.write_all(&bytes) } else { Ok(()) };
            }
        }
    }
}

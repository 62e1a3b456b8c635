//! The connections of a show to the devices on the table: made at its start, and again whenever a device comes back.
//!
//! ALSA tells a sender nothing of a cable that was pulled: a send goes on to succeed, and an input falls silent without a
//! word. So the ports are looked at ten times a second, by name, and whenever the system announces that one has come or gone:
//! a device may be away for less than that, and come back under the number that it had. A device that is gone is let go, and
//! announced; when one of its name is there, it is opened anew, its used channels are silenced, and its output travels to
//! the real-time thread.
//!
//! Two devices may have one name. Whoever was there beside the one that is lost is another one, and is not taken for it before
//! it has been plugged in again. Where several of its name come, it is the one in the socket that it was in; else none of
//! them, until the performer has said which.
//!
//! When the set is reloaded, its ports may be others. A new one is connected at once, so that it is there when the new program
//! plays. Where a port goes, or gets another device, the old program plays on it up to its last bar line: so the new output,
//! or none, travels along with the edition of the program, and takes its place with it. The real-time thread ends what
//! sounds on the old output before it lets go of it.
//!
//! A device that is there need not read. What it does not read the kernel holds for it, 1.3 s of a DIN cable, and then drops
//! without a word, ends of notes among it ([`unread`](mod@unread)). That is said, and when it reads again, its channels
//! are silenced: whatever ended meanwhile has ended there too. Other ports are not held up by it: a send never waits.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::stage::{Devices, listed, slots};
use crate::control::{Notices, PortState, PortWatch};
use crate::engine::Command;
use crate::engine::program::{PortSlot, Program, Tenant, Track};
use crate::io::announce::{Announcements, Gone};
use crate::io::ports::{Inventory, NotFound, PortName, Scanner, find};
use crate::io::sensing::{self, Sensing};
use crate::io::unread::{self, Reader, unread};
use crate::io::{OpenError, input, output};
use crate::link::{ControlEnd, MidiInEnd};
use crate::midi::Channel;
use crate::set::{Port, Set};
use crate::time::Nanos;

/// From one look to the next. A look takes a quarter of a millisecond.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// The same where something is announced: programs that come and go without end cost no more than this.
const BETWEEN_ANNOUNCED: Duration = Duration::from_millis(10);

/// A port of the set and what it is connected to, by midir's full names.
struct Patch {
    slot: PortSlot,
    port: Port,
    channels: Vec<Channel>,
    input: Option<(String, input::Input)>,
    output: Option<String>,
    /// The socket that its device was in last, where that is known.
    socket: String,
    /// The ports that were there beside its own when that was lost, by midir's full names. They are others.
    beside: Vec<String>,
    /// From which edition of the program on an output takes its place here.
    edition: u32,
    /// Whether the output of an earlier edition has yet to be taken away, because too many were on their way.
    leaves: bool,
    /// Whether the performer has been told that it could not be opened.
    complained: bool,
    /// Whether the performer has been told that it could be several devices.
    is_ambiguous: bool,
    /// Whether the engine has to be told that the keys that were down there are released.
    let_go: bool,
    /// Whether it is still at the end of its cable.
    sensing: Sensing,
    /// Whether what is sent there is read.
    reader: Reader,
    /// Whether the engine has to be told to silence it.
    silence: bool,
}

impl Patch {
    fn new(slot: PortSlot, set: &Set, port: &Port) -> Patch {
        Patch {
            slot,
            port: port.clone(),
            channels: channels_on(&set.program, slot),
            input: None,
            output: None,
            socket: String::new(),
            beside: Vec::new(),
            edition: 0,
            leaves: false,
            complained: false,
            is_ambiguous: false,
            let_go: false,
            sensing: Sensing::default(),
            reader: Reader::default(),
            silence: false,
        }
    }

    /// The set is another one, in which this slot has `port`. What the port is connected to stays, unless it is another one.
    fn renew(&mut self, set: &Set, port: &Port) {
        let channels = channels_on(&set.program, self.slot);
        if (&self.port.name, &self.port.device) == (&port.name, &port.device) {
            // The old program may play on its own channels for a bar yet.
            self.channels.extend(channels);
            self.channels.sort_unstable();
            self.channels.dedup();
            self.port = port.clone();
            return;
        }
        let leaves = self.output.is_some() || self.leaves;
        let let_go = self.input.is_some() || self.let_go;
        *self = Patch { leaves, let_go, edition: set.program.edition, ..Patch::new(self.slot, set, port) };
    }

    /// Looks whether a controller that says so regularly is still there, and says so if that has changed.
    fn look_at_cable(&mut self, now: Nanos, end: &ControlEnd, notices: &mut Notices) {
        let heard = end.meters().port(self.slot).sensed();
        let (port, device) = (&self.port.name, &self.port.device);
        match self.sensing.look(heard, now) {
            Some(sensing::Change::Silent) => {
                notices.wrong(&format!(
                    "{port} (`{device}`) is not heard any more: is its cable out? Its keys are let go"
                ));
                self.let_go = true;
            }
            Some(sensing::Change::Again) => notices.notice(&format!("{port} (`{device}`) is heard again")),
            None => {}
        }
    }

    /// Looks whether what is sent there is read, and says so if that has changed.
    fn look_at_reader(&mut self, inventory: &Inventory, end: &mut ControlEnd, notices: &mut Notices) {
        let name = self.output.as_ref().and_then(|name| inventory.outputs.iter().find(|known| known.full == *name));
        let Some(name) = name else {
            self.reader = Reader::default();
            return;
        };
        let counted = end.meters().port(self.slot).sent_and_failed();
        let (port, device) = (&self.port.name, &self.port.device);
        match self.reader.look(unread(&name.address), counted) {
            Some(unread::Change::Stopped) => {
                notices.wrong(&format!("{port} (`{device}`) does not read what is sent to it; what it misses is lost"))
            }
            Some(unread::Change::Again) => {
                notices.notice(&format!("{port} (`{device}`) reads again; its channels are silenced"));
                self.silence = true;
            }
            None => {}
        }
        // Where its ring is full, at the next look.
        if self.silence && end.command(Command::Silence(self.slot)).is_ok() {
            self.silence = false;
        }
    }

    /// Whether it lacks something.
    fn is_missing(&self) -> bool {
        self.port.input && self.input.is_none() || self.port.output && self.output.is_none()
    }

    /// Which of `names` it means, as one of `devices`: not what is beside it, and of several of its name the one in its socket.
    fn find(&self, devices: &[&str], names: &[PortName]) -> Result<usize, NotFound> {
        let own: Vec<PortName> = names.iter().filter(|name| !self.beside.contains(&name.full)).cloned().collect();
        let place = devices.iter().position(|device| *device == self.port.device).ok_or(NotFound::Missing)?;
        let found = self.settle(find(devices, &own).swap_remove(place), &own)?;
        names.iter().position(|name| *name == own[found]).ok_or(NotFound::Missing)
    }

    fn settle(&self, found: Result<usize, NotFound>, names: &[PortName]) -> Result<usize, NotFound> {
        let Err(NotFound::Ambiguous(candidates)) = &found else { return found };
        let is_meant = |name: &PortName| name.socket == self.socket && candidates.contains(&name.device(names));
        let meant = names.iter().position(is_meant).filter(|_| !self.socket.is_empty());
        meant.map_or(found, Ok)
    }

    /// Takes away what an earlier edition played on, if nothing will take its place at once.
    fn take_away(&mut self, end: &mut ControlEnd) {
        if self.leaves && end.remove_output(self.slot, self.edition) {
            self.leaves = false;
        }
    }
}

/// All connections of a show.
pub struct Patchbay {
    patches: Vec<Patch>,
    scanner: Scanner,
    hooks: input::Hooks,
    /// Ends of inputs that are not open.
    ends: Vec<MidiInEnd>,
    home: (Sender<MidiInEnd>, Receiver<MidiInEnd>),
    announced: Option<Announcements>,
    /// The full names of what was there at the last look.
    seen: Vec<String>,
    looked: Option<Instant>,
}

impl Patchbay {
    /// A patch bay for the ports of `set` on `devices`: opens their inputs; the outputs have been opened before.
    ///
    /// # Errors
    ///
    /// When an input refuses.
    pub fn open(set: &Set, devices: Devices, ends: Vec<MidiInEnd>, hooks: input::Hooks) -> Result<Patchbay, OpenError> {
        let Devices { scanner, announced, inventory, connections } = devices;
        let patches = slots(set).zip(&connections).map(|((slot, port), connection)| {
            let output = connection.output.and_then(|index| inventory.outputs.get(index));
            let socket = output.map(|name| name.socket.clone()).unwrap_or_default();
            Patch { output: output.map(|name| name.full.clone()), socket, ..Patch::new(slot, set, port) }
        });
        let patches = patches.collect();
        let (looked, seen) = (Some(Instant::now()), names_of(&inventory));
        let mut patchbay = Patchbay { patches, scanner, hooks, ends, home: channel(), announced, seen, looked };
        for (index, connection) in connections.iter().enumerate() {
            if let Some(at) = connection.input {
                patchbay.open_input(index, &inventory, at)?;
            }
        }
        Ok(patchbay)
    }

    fn devices(&self) -> Vec<String> {
        self.patches.iter().map(|patch| patch.port.device.clone()).collect()
    }

    /// Opens the input of a patch, if it wants one and has none.
    fn open_input(&mut self, index: usize, inventory: &Inventory, at: usize) -> Result<bool, OpenError> {
        let patch = &mut self.patches[index];
        if !patch.port.input || patch.input.is_some() {
            return Ok(false);
        }
        self.ends.extend(self.home.1.try_iter());
        let Some(end) = self.ends.iter().position(|end| end.port() == patch.slot) else { return Ok(false) };
        let (end, home) = (self.ends.swap_remove(end), self.home.0.clone());
        let input = input::open(inventory, at, &patch.port.name, end, self.hooks.clone(), home)?;
        patch.input = Some((inventory.inputs[at].full.clone(), input));
        patch.socket.clone_from(&inventory.inputs[at].socket);
        Ok(true)
    }

    /// Opens the output of a patch, if it wants one and has none, and hands it to the real-time thread.
    fn open_output(
        &mut self,
        index: usize,
        inventory: &Inventory,
        at: usize,
        end: &mut ControlEnd,
    ) -> Result<bool, OpenError> {
        let patch = &mut self.patches[index];
        if !patch.port.output || patch.output.is_some() || patch.leaves {
            return Ok(false);
        }
        let connection = output::open(inventory, at, &patch.port.name, &patch.channels)?;
        // While too many are on their way, it is closed again and tried at the next look.
        if end.replace_output(patch.slot, connection, patch.edition).is_err() {
            return Ok(false);
        }
        patch.output = Some(inventory.outputs[at].full.clone());
        patch.socket.clone_from(&inventory.outputs[at].socket);
        Ok(true)
    }
}

impl PortWatch for Patchbay {
    fn look(&mut self, end: &mut ControlEnd, notices: &mut Notices) {
        let has_news = self.announced.as_ref().is_some_and(Announcements::has_news);
        let between = if has_news { BETWEEN_ANNOUNCED } else { BETWEEN_LOOKS };
        if self.looked.is_some_and(|looked| looked.elapsed() < between) {
            return;
        }
        self.looked = Some(Instant::now());
        // First, so that whoever is found below has come back since.
        let gone = self.announced.as_ref().map(Announcements::take).unwrap_or_default();
        let inventory = self.scanner.look();
        let there = names_of(&inventory);
        let seen = std::mem::replace(&mut self.seen, there.clone());
        let stays = |name: &String| there.contains(name) && !gone.has(&PortName::parse(name).address);
        for patch in &mut self.patches {
            patch.take_away(end);
            let own = [patch.input.as_ref().map(|(name, _)| name.clone()), patch.output.clone()];
            let lost_input = patch.input.take_if(|(name, _)| !is_there(name, &inventory.inputs, &gone)).is_some();
            let lost_output = patch.output.take_if(|name| !is_there(name, &inventory.outputs, &gone)).is_some();
            patch.let_go |= lost_input;
            patch.look_at_cable((self.hooks.now)(), end, notices);
            // Where its ring is full, at the next look.
            if patch.let_go && end.command(Command::LetGo(patch.slot)).is_ok() {
                patch.let_go = false;
            }
            patch.look_at_reader(&inventory, end, notices);
            patch.beside.retain(stays);
            if lost_input || lost_output {
                let others = seen.iter().filter(|name| !own.iter().flatten().any(|own| own == *name) && stays(name));
                patch.beside = others.cloned().collect();
                notices.wrong(&format!("{} (`{}`) is gone; it is waited for", patch.port.name, patch.port.device));
            }
        }
        let devices = self.devices();
        let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
        for index in 0..self.patches.len() {
            let patch = &mut self.patches[index];
            if !patch.is_missing() {
                continue;
            }
            let input = patch.find(&devices, &inventory.inputs);
            let output = patch.find(&devices, &inventory.outputs);
            if let Some(names) = ambiguous(patch, &input, &output)
                && !std::mem::replace(&mut patch.is_ambiguous, true)
            {
                notices.wrong(&format!(
                    "{} (`{}`) could be any of {}; pull the others, or write that as its `device` in the set",
                    patch.port.name,
                    patch.port.device,
                    listed(names)
                ));
            }
            // Each for itself: a device whose output is refused may still be the clock.
            let output = output.map_or(Ok(false), |at| self.open_output(index, &inventory, at, end));
            let input = input.map_or(Ok(false), |at| self.open_input(index, &inventory, at));
            let opened = output.and_then(|output| input.map(|input| output || input));
            let patch = &mut self.patches[index];
            match opened {
                Ok(true) => {
                    (patch.complained, patch.is_ambiguous) = (false, false);
                    notices.notice(&format!("{} (`{}`) is there", patch.port.name, patch.port.device));
                }
                Ok(false) => {}
                Err(_) if patch.complained => {}
                Err(error) => {
                    patch.complained = true;
                    notices.wrong(&error.to_string());
                }
            }
        }
    }

    fn reload(&mut self, set: &Set, end: &mut ControlEnd, _: &mut Notices) {
        for (index, (slot, port)) in slots(set).enumerate() {
            match self.patches.get_mut(index) {
                Some(patch) => patch.renew(set, port),
                None => self.patches.push(Patch::new(slot, set, port)),
            }
        }
        self.patches.iter_mut().for_each(|patch| patch.take_away(end));
        // What is new does not wait for the next look.
        self.looked = None;
    }

    fn states(&self) -> Vec<PortState> {
        let state = |patch: &Patch| PortState {
            input: patch.input.as_ref().map(|(name, _)| name.clone()),
            output: patch.output.clone(),
            is_missing: patch.is_missing(),
        };
        self.patches.iter().map(state).collect()
    }
}

/// The full names of all ports.
fn names_of(inventory: &Inventory) -> Vec<String> {
    inventory.inputs.iter().chain(&inventory.outputs).map(|name| name.full.clone()).collect()
}

/// Whether `name` is there, and has been all the time.
fn is_there(name: &str, names: &[PortName], gone: &Gone) -> bool {
    names.iter().any(|known| known.full == name && !gone.has(&known.address))
}

/// The names that a port could mean, where it is not clear which.
fn ambiguous<'a>(
    patch: &Patch,
    input: &'a Result<usize, NotFound>,
    output: &'a Result<usize, NotFound>,
) -> Option<&'a [String]> {
    let names = |wanted: bool, found: &'a Result<usize, NotFound>| match found {
        Err(NotFound::Ambiguous(names)) if wanted => Some(&names[..]),
        _ => None,
    };
    names(patch.port.input, input).or(names(patch.port.output, output))
}

fn is_played(track: &Track) -> bool {
    track.tenant != Tenant::NOBODY
}

/// The channels that tracks use on a port.
pub fn channels_on(program: &Program, port: PortSlot) -> Vec<Channel> {
    let mut channels: Vec<_> = program
        .tracks
        .iter()
        .filter(|track| is_played(track) && track.port == port)
        .map(|track| track.channel)
        .collect();
    channels.sort_unstable();
    channels.dedup();
    channels
}

/// Looks after nothing: where a show plays on no ports at all.
pub struct NothingToWatch;

impl PortWatch for NothingToWatch {
    fn look(&mut self, _: &mut ControlEnd, _: &mut Notices) {}

    fn reload(&mut self, _: &Set, _: &mut ControlEnd, _: &mut Notices) {}

    fn states(&self) -> Vec<PortState> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::link;

    fn set(ports: &[(&str, &str)]) -> Set {
        let text = ports.iter().map(|(name, device)| {
            format!(
                "[ports.{name}]\ndevice = \"{device}\"\n[tracks.{name}]\nport = \"{name}\"\nchannel = {}\n",
                device.len()
            )
        });
        Set::parse("a.toml", format!("{}[patterns.p]\n", text.collect::<String>()).as_bytes()).unwrap()
    }

    fn patches(set: &Set) -> Vec<Patch> {
        let connected = |(slot, port): (PortSlot, &Port)| Patch {
            output: Some(port.device.clone()),
            ..Patch::new(slot, set, port)
        };
        slots(set).map(connected).collect()
    }

    #[test]
    fn what_has_gone_is_let_go_of_when_the_new_program_plays() {
        let first = set(&[("a", "A"), ("b", "B"), ("c", "C")]);
        let (mut end, mut rt, _) = link(first.program.clone(), &[]);
        let mut patches = patches(&first);
        // The first one stays, the second goes, the third has another device.
        let second = set(&[("c", "Other"), ("a", "A")]).following(&first);
        for (patch, port) in patches.iter_mut().zip(&second.ports) {
            patch.renew(&second, port);
            patch.take_away(&mut end);
        }
        assert_eq!(patches[0].output.as_deref(), Some("A"));
        assert!(patches[1..].iter().all(|patch| patch.output.is_none() && patch.edition == 2 && !patch.leaves));
        assert!(!patches[1].port.output && patches[2].port.output);
        let taken =
            |rt: &mut crate::link::RtEnd| rt.exchange_output(|_, _| None).map(|taken| (taken.port, taken.is_open));
        assert_eq!(taken(&mut rt), None, "the old program still plays on them");
        end.publish(second.program.clone());
        assert!(rt.update_program());
        assert_eq!(
            [taken(&mut rt), taken(&mut rt), taken(&mut rt)],
            [Some((PortSlot(1), false)), Some((PortSlot(2), false)), None]
        );
    }

    #[test]
    fn what_waits_to_be_let_go_of_is_not_forgotten() {
        let first = set(&[("a", "A")]);
        let (mut end, _rt, _) = link(first.program.clone(), &[]);
        let mut patch = patches(&first).remove(0);
        while end.remove_output(PortSlot(9), 1) {}
        let second = set(&[("a", "Other")]).following(&first);
        patch.renew(&second, &second.ports[0]);
        patch.take_away(&mut end);
        assert!(patch.leaves, "too much is on its way");
        let third = set(&[("a", "Another")]).following(&second);
        patch.renew(&third, &third.ports[0]);
        assert!(patch.leaves && patch.edition == 3);
    }

    #[test]
    fn a_keyboard_that_said_that_its_cable_is_there_and_says_nothing_any_more_lets_go() {
        let set = set(&[("a", "A")]);
        let (end, _rt, mut ins) = link(set.program.clone(), &[PortSlot(0)]);
        let (mut patch, mut notices) = (patches(&set).remove(0), Notices::default());
        let mut look = |ms: u64, sense: bool| {
            if sense {
                ins[0].sense(Nanos(ms * 1_000_000));
            }
            patch.look_at_cable(Nanos(ms * 1_000_000), &end, &mut notices);
            std::mem::take(&mut patch.let_go)
        };
        let let_go: Vec<u64> = (0..1_000).step_by(100).filter(|&ms| look(ms, ms <= 200)).collect();
        assert_eq!(let_go, [700], "once");
        assert!(!look(1_000, true) && !look(1_100, false));
        let said: Vec<String> = notices.take().into_iter().map(|notice| notice.text).collect();
        assert!(said[0].contains("is its cable out?") && said[1].contains("heard again"), "{said:?}");
    }

    #[test]
    fn of_two_equal_devices_it_is_the_one_that_was_not_there_or_the_one_in_its_socket() {
        let names = |sockets: [&str; 3]| {
            let name = |(number, socket): (i32, &str)| PortName {
                socket: socket.into(),
                ..PortName::parse(&format!("Circuit:Circuit MIDI 1 {number}:0"))
            };
            [24, 28, 32].into_iter().zip(sockets).map(name).collect::<Vec<_>>()
        };
        let mut patch = patches(&set(&[("a", "Circuit")])).remove(0);
        let found = |patch: &Patch, names: &[PortName]| patch.find(&["Circuit"], names);
        let bare = names(["", "", ""]);
        assert_eq!(found(&patch, &bare[1..2]), Ok(0));
        assert!(matches!(found(&patch, &bare), Err(NotFound::Ambiguous(all)) if all.len() == 3));
        patch.beside = vec![bare[0].full.clone(), bare[2].full.clone()];
        assert_eq!(found(&patch, &bare), Ok(1));
        assert_eq!(found(&patch, &bare[2..]), Err(NotFound::Missing), "the other one is not taken for it");
        patch.beside = Vec::new();
        patch.socket = "1-2".into();
        assert_eq!(found(&patch, &names(["1-1", "1-2", "2-1"])), Ok(1));
        assert!(matches!(found(&patch, &names(["1-1", "1-3", ""])), Err(NotFound::Ambiguous(_))));
        assert_eq!(found(&patch, &names(["1-3", "", ""])[..1]), Ok(0), "it may have been plugged in elsewhere");
        let several = ambiguous(&patch, &Ok(0), &Err(NotFound::Ambiguous(vec!["x".into()]))).map(<[String]>::to_vec);
        assert_eq!(several, Some(vec!["x".into()]));
        let gone = Gone::default();
        assert!(is_there(&bare[0].full, &bare, &gone) && !is_there("Circuit:Circuit MIDI 1 40:0", &bare, &gone));
    }

    #[test]
    fn channels_of_the_old_and_the_new_program_are_silenced() {
        let first = set(&[("a", "A")]);
        let mut second = set(&[("a", "A")]);
        second.program.tracks[0].channel = Channel::from_number(9).unwrap();
        let second = second.following(&first);
        let mut patch = patches(&first).remove(0);
        patch.renew(&second, &second.ports[0]);
        assert_eq!(patch.channels.iter().map(|channel| channel.number()).collect::<Vec<_>>(), [1, 9]);
        let none = set(&[("b", "B")]).following(&first);
        assert_eq!(channels_on(&none.program, PortSlot(0)), [], "an empty slot of a track plays on no port");
    }
}

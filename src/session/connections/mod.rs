//! The connections of a show to the devices on the table: made at its start, and again whenever a device comes back.
//!
//! ALSA tells a sender nothing of a cable that was pulled: a send goes on to succeed, and an input falls silent without a
//! word. So the ports are looked at by name, whenever the system announces that one has come or gone: a device may be away for
//! a moment only, and come back under the number that it had. Once a second they are looked at in any case, and ten times
//! where something is to be done, or where the system announces nothing. A device that is gone is let go, and said to be; when
//! one of its name is there, it is opened anew, its used channels are silenced, and its output travels to the real-time thread.
//!
//! A connection may end though nothing has gone: other programs take connections away, all of them with `aconnect -x`. That is
//! announced too. What was taken away is opened anew after a moment, as with a device that comes back; if it is taken away
//! again and again, it is left ([`quarrel`](crate::io::quarrel)). A device that calls itself otherwise is the one that it was.
//!
//! Two devices may have one name. Whoever was there beside the one that is lost is another one, and is not taken for it before
//! it has been plugged in again. Where several of its name come, it is the one in the socket that it was in; else none of
//! them, until the performer has said which.
//!
//! When the set is reloaded, its ports may be others. A new one is connected at once, so that it is there when the new program
//! plays. Where a port goes, or gets another device, the old program plays on it up to its last bar line: so the new output,
//! or none, travels along with the edition of the program, and takes its place with it. The real-time thread ends what
//! sounds on the old output before it lets go of it.

mod patch;

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::targets::{Devices, listed, slots};
use crate::control::{Notices, PortState, PortWatch};
use crate::engine::Command;
use crate::io::address::{Direction, Wire};
use crate::io::announce::{Announcements, News};
use crate::io::ports::{Inventory, PortName, Scanner};
use crate::io::unread::Told;
use crate::io::{CLIENT_NAME, OpenError, input, output};
use crate::link::{ControlEnd, MidiInEnd};
use crate::set::Set;
pub(crate) use patch::channels_on;
use patch::{Lead, Patch};

/// From one look at all that is connected to the next. A look takes a quarter of a millisecond.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The same where nothing is announced, or something is to be done.
const BETWEEN_BUSY_LOOKS: Duration = Duration::from_millis(100);

/// The same where something is announced: programs that come and go without end cost no more than this.
const BETWEEN_ANNOUNCED: Duration = Duration::from_millis(10);

/// From one look at cables that sense to the next.
const BETWEEN_CABLES: Duration = Duration::from_millis(100);

/// From one look at what devices have yet to read to the next. Their buffers hold more than a second.
const BETWEEN_READERS: Duration = Duration::from_millis(250);

/// From one attempt to open what refuses to the next.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// How many connections of others are told of in a show.
const MOST_STRANGERS: usize = 32;

/// All connections of a show.
pub(crate) struct Connections {
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
    sensed: Option<Instant>,
    read: Option<Instant>,
    /// The connections of others to our ports that the performer has been told of.
    strangers: BTreeSet<Wire>,
}

impl Connections {
    /// A patch bay for the ports of `set` on `devices`: opens their inputs; the outputs have been opened before.
    ///
    /// # Errors
    ///
    /// When an input refuses.
    pub(crate) fn open(
        set: &Set,
        devices: Devices,
        ends: Vec<MidiInEnd>,
        hooks: input::Hooks,
    ) -> Result<Connections, OpenError> {
        let Devices { scanner, announced, inventory, connections } = devices;
        let patches = slots(set).zip(&connections).map(|((slot, port), connection)| {
            let output = connection.output.and_then(|index| inventory.outputs.get(index));
            let socket = output.map(|name| name.socket.clone()).unwrap_or_default();
            let output = output.map(|name| Lead::new(name, &port.name, Direction::Out, announced.as_ref()));
            Patch { output, socket, ..Patch::new(slot, set, port) }
        });
        let patches = patches.collect();
        let (looked, seen, strangers) = (Some(Instant::now()), names_of(&inventory), BTreeSet::new());
        let (home, sensed, read) = (channel(), None, None);
        let mut opened =
            Connections { patches, scanner, hooks, ends, home, announced, seen, looked, sensed, read, strangers };
        for (index, connection) in connections.iter().enumerate() {
            if let Some(at) = connection.input {
                opened.open_input(index, &inventory, at)?;
            }
        }
        Ok(opened)
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
        let name = &inventory.inputs[at];
        patch.input = Some((Lead::new(name, &patch.port.name, Direction::In, self.announced.as_ref()), input));
        patch.socket.clone_from(&name.socket);
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
        if end.replace_output(patch.slot, Box::new(connection), patch.edition).is_err() {
            return Ok(false);
        }
        let name = &inventory.outputs[at];
        patch.output = Some(Lead::new(name, &patch.port.name, Direction::Out, self.announced.as_ref()));
        patch.socket.clone_from(&name.socket);
        Ok(true)
    }

    /// Returns how long it is until the next look at all that is connected.
    fn between_looks(&self) -> Duration {
        let is_busy = || self.patches.iter().any(Patch::is_unsettled);
        match &self.announced {
            Some(announced) if announced.has_news() => BETWEEN_ANNOUNCED,
            Some(_) if !is_busy() => BETWEEN_LOOKS,
            _ => BETWEEN_BUSY_LOOKS,
        }
    }

    /// Looks at all that is connected: lets go of what has gone, and connects what is there again.
    fn survey(&mut self, now: Instant, end: &mut ControlEnd, notices: &mut Notices) {
        // First, so that whoever is found below has come back since.
        let news = self.announced.as_ref().map(Announcements::take).unwrap_or_default();
        let inventory = self.scanner.look();
        let there = names_of(&inventory);
        let seen = std::mem::replace(&mut self.seen, there.clone());
        let stays = |name: &String| there.contains(name) && !has_gone(&news, &PortName::parse(name));
        self.ends.extend(self.home.1.try_iter());
        for patch in &mut self.patches {
            patch.take_away(end);
            if self.announced.is_some() && news.is_complete() {
                patch.follow_names(&inventory, &news);
            }
            let own = [patch.hears().cloned(), patch.plays_on().cloned()];
            let lost_input = patch.input.take_if(|(lead, _)| !is_there(&lead.name, &inventory.inputs, &news)).is_some();
            let lost_output = patch.output.take_if(|lead| !is_there(&lead.name, &inventory.outputs, &news)).is_some();
            let is_connected = |wire| self.announced.as_ref().is_none_or(|announced| announced.is_connected(wire));
            let loss = patch.look_at_wires(&news, is_connected, now, notices);
            if loss.hush {
                hush(patch, &inventory);
            }
            // Its end is with us though it is open: the library's thread has failed.
            let has_failed = |(_, _): &mut (Lead, input::Input)| self.ends.iter().any(|end| end.port() == patch.slot);
            let failed_input = patch.input.take_if(has_failed).is_some();
            if failed_input {
                patch.again_at = Some(now + BETWEEN_ATTEMPTS);
            }
            patch.let_go |= lost_input || loss.input || failed_input;
            // Where its ring is full, at the next look.
            if patch.let_go && end.command(Command::ReleaseInput(patch.slot)).is_ok() {
                patch.let_go = false;
            }
            patch.beside.retain(stays);
            if lost_input || lost_output {
                let others = seen.iter().filter(|name| !own.iter().flatten().any(|own| own == *name) && stays(name));
                patch.beside = others.cloned().collect();
                patch.quarrel.settle();
                patch.again_at = None;
                notices.wrong(&format!("{} (`{}`) is gone; it is waited for", patch.port.name, patch.port.device));
            }
        }
        self.look_at_strangers(&news, notices);
        let devices = self.devices();
        let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
        for index in 0..self.patches.len() {
            let patch = &mut self.patches[index];
            if !patch.is_missing() {
                patch.again_at = None;
                continue;
            }
            match patch.again_at {
                Some(again_at) if now < again_at => continue,
                Some(_) => patch.let_go_of_cut(),
                None => {}
            }
            patch.again_at = None;
            let input = patch.find(&devices, &inventory.inputs);
            let output = patch.find(&devices, &inventory.outputs);
            if let Some(names) = patch.ambiguous(&input, &output)
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
            let is_found = input.is_ok() || output.is_ok();
            let output = output.map_or(Ok(false), |at| self.open_output(index, &inventory, at, end));
            let input = input.map_or(Ok(false), |at| self.open_input(index, &inventory, at));
            let opened = output.and_then(|output| input.map(|input| output || input));
            let patch = &mut self.patches[index];
            match opened {
                Ok(true) => {
                    (patch.complained, patch.is_ambiguous) = (false, false);
                    notices.notice(&format!("{} (`{}`) is there", patch.port.name, patch.port.device));
                }
                // Too much is on its way.
                Ok(false) if is_found && patch.output.is_none() && patch.port.output => patch.again_at = Some(now),
                Ok(false) => {}
                Err(error) => {
                    patch.again_at = Some(now + BETWEEN_ATTEMPTS);
                    if !std::mem::replace(&mut patch.complained, true) {
                        notices.wrong(&format!("{error}; it is tried again"));
                    }
                }
            }
        }
    }

    /// Says what other programs have connected with our ports: it is heard, or hears, beside what the set means.
    fn look_at_strangers(&mut self, news: &News, notices: &mut Notices) {
        let Some(announced) = &self.announced else { return };
        for wire in news.made() {
            if self.strangers.len() >= MOST_STRANGERS {
                return;
            }
            let Some((port, direction)) = whose(&self.patches, wire) else { continue };
            let (_, other) = direction.ends(wire);
            // Our own are those of a show that begins, and of its guardian.
            let Some(name) = announced.name_of(other).filter(|name| name.client != CLIENT_NAME) else { continue };
            if self.strangers.insert(wire) {
                notices.wrong(&match direction {
                    Direction::In => {
                        format!("another program has connected `{name}` to {port}, where it is heard as well")
                    }
                    Direction::Out => {
                        format!(
                            "another program has connected {port} to `{name}`, where all that it plays sounds as well"
                        )
                    }
                });
            }
        }
    }
}

impl PortWatch for Connections {
    fn look(&mut self, end: &mut ControlEnd, notices: &mut Notices) {
        let now = Instant::now();
        if is_due(&mut self.sensed, now, BETWEEN_CABLES) {
            let at = (self.hooks.now)();
            self.patches.iter_mut().for_each(|patch| patch.look_at_cable(at, end, notices));
        }
        if is_due(&mut self.read, now, BETWEEN_READERS) {
            let told = Told::default();
            self.patches.iter_mut().for_each(|patch| patch.look_at_reader(&told, end, notices));
        }
        let between = self.between_looks();
        if is_due(&mut self.looked, now, between) {
            self.survey(now, end, notices);
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

    fn retry(&mut self) {
        for patch in &mut self.patches {
            if patch.retry(Instant::now()) {
                self.looked = None;
            }
        }
    }

    fn states(&self) -> Vec<PortState> {
        let state = |patch: &Patch| PortState {
            input: patch.input.as_ref().map(|(lead, _)| lead.name.clone()),
            // The guardian stays connected with what was taken away from us.
            output: patch.output.as_ref().map(|lead| lead.name.clone()),
            is_missing: patch.is_missing(),
        };
        self.patches.iter().map(state).collect()
    }
}

/// The port of the set at which somebody has made `wire`, and in which direction, if it is none of its own.
fn whose(patches: &[Patch], wire: Wire) -> Option<(&str, Direction)> {
    let is_beside = |lead: Option<&Lead>, direction: Direction| {
        let own = lead.and_then(|lead| lead.wire);
        own.is_some_and(|own| own != wire && direction.ends(own).0 == direction.ends(wire).0)
    };
    patches.iter().find_map(|patch| {
        let (input, output) = (patch.input.as_ref().map(|(lead, _)| lead), patch.output.as_ref());
        let direction = match (is_beside(input, Direction::In), is_beside(output, Direction::Out)) {
            (true, _) => Direction::In,
            (_, true) => Direction::Out,
            _ => return None,
        };
        Some((&*patch.port.name, direction))
    })
}

/// Returns whether it is time for a look, which is then noted.
fn is_due(last: &mut Option<Instant>, now: Instant, between: Duration) -> bool {
    let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= between);
    if is_due {
        *last = Some(now);
    }
    is_due
}

/// The full names of all ports.
fn names_of(inventory: &Inventory) -> Vec<String> {
    inventory.inputs.iter().chain(&inventory.outputs).map(|name| name.full.clone()).collect()
}

/// Returns whether `name` is there, and has been all the time.
fn is_there(name: &str, names: &[PortName], news: &News) -> bool {
    names.iter().any(|known| known.full == name && !has_gone(news, known))
}

fn has_gone(news: &News, name: &PortName) -> bool {
    name.at().is_some_and(|at| news.has_gone(at))
}

/// Silences what is not to be played on any more: whoever opens an output does.
fn hush(patch: &Patch, inventory: &Inventory) {
    let lead = patch.output.as_ref();
    let at = lead.and_then(|lead| inventory.outputs.iter().position(|name| name.full == lead.name));
    if let Some(at) = at {
        // It is closed at once; where it cannot be opened, nobody can silence it.
        drop(output::open(inventory, at, &patch.port.name, &patch.channels));
    }
}

/// Looks after nothing: where a show plays on no ports at all.
pub(crate) struct NothingToWatch;

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

    #[test]
    fn what_others_connect_with_a_port_is_told_apart_from_its_own() {
        let set = Set::parse("a.toml", b"[ports.a]\ndevice = \"A\"\n[patterns.p]\n").unwrap();
        let wire = |from: &str, to: &str| Wire { from: from.parse().unwrap(), to: to.parse().unwrap() };
        let own = Some(wire("130:0", "28:0"));
        let patches: Vec<Patch> = slots(&set)
            .map(|(slot, port)| Patch {
                output: Some(Lead { name: "A:A 28:0".into(), wire: own, is_cut: false, is_fresh: false }),
                ..Patch::new(slot, &set, port)
            })
            .collect();
        assert_eq!(whose(&patches, wire("130:0", "32:0")), Some(("a", Direction::Out)));
        for other in [wire("130:0", "28:0"), wire("28:0", "130:0"), wire("131:0", "28:0")] {
            assert_eq!(whose(&patches, other), None);
        }
    }

    #[test]
    fn a_port_is_there_under_its_full_name() {
        let there = [PortName::parse("Circuit:Circuit MIDI 1 24:0")];
        let news = News::default();
        assert!(is_there(&there[0].full, &there, &news) && !is_there("Circuit:Circuit MIDI 1 40:0", &there, &news));
    }
}

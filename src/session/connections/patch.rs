//! What one port of a set is connected to, which of the devices that are there it means, and what has become of it.
//!
//! A device that is there need not read. What it does not read the kernel holds for it, 1.3 s of a DIN cable, and then drops
//! without a word, ends of notes among it ([`unread`]). That is said, and when it reads again, its channels
//! are silenced: whatever ended meanwhile has ended there too. Other ports are not held up by it: a send never waits.
//!
//! Nor need a keyboard be there because its interface is: it may have fallen silent for good ([`sensing`]). And a device that is
//! there need not be connected with us any more: another program may have taken the connection away
//! ([`quarrel`](crate::io::quarrel)).

use std::time::Instant;

use crate::control::Notices;
use crate::engine::Command;
use crate::engine::program::{PortSlot, Program, SlotOwner, Track};
use crate::io::address::{Direction, Wire};
use crate::io::announce::{Announcements, News};
use crate::io::input;
use crate::io::ports::{Inventory, NotFound, PortName, find};
use crate::io::quarrel::{Answer, Quarrel};
use crate::io::sensing::{self, Sensing};
use crate::io::unread::{self, Reader, Told};
use crate::link::ControlEnd;
use crate::midi::Channel;
use crate::set::{Port, Set};
use crate::time::Nanos;

/// What one port is connected to, in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lead {
    /// The full name of what is at its end.
    pub name: String,
    /// The connection in the system's numbers, where they are known.
    pub wire: Option<Wire>,
    /// Whether it was taken away, and has yet to be made anew.
    pub is_cut: bool,
    /// Whether no look has been at it. What is announced by then may be of the one before, which had the same numbers.
    pub is_fresh: bool,
}

impl Lead {
    /// The connection with the port called `name`, of our port called `label`.
    pub(crate) fn new(name: &PortName, label: &str, direction: Direction, announced: Option<&Announcements>) -> Lead {
        let wire = announced.zip(name.at()).and_then(|(announced, at)| announced.wire(label, at, direction));
        Lead { name: name.full.clone(), wire, is_cut: false, is_fresh: true }
    }

    /// Returns what has become of the connection, by the news and by what is connected now.
    fn fate(&self, news: &News, is_connected: impl Fn(Wire) -> bool) -> Fate {
        match self.wire {
            Some(wire) if self.is_cut => {
                if is_connected(wire) {
                    Fate::Back
                } else {
                    Fate::Holds
                }
            }
            Some(wire) if !self.is_fresh && news.was_cut(wire) || !is_connected(wire) => Fate::Cut,
            _ => Fate::Holds,
        }
    }
}

/// What others have done to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Holds,
    /// It was taken away; whether it was made again since or not, something may have been missed.
    Cut,
    /// One that was taken away has been made again.
    Back,
}

/// What others have done to a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Loss {
    /// Whether its input hears nothing any more.
    pub input: bool,
    /// Whether its output is not made anew, so that the instrument has to be silenced.
    pub hush: bool,
}

/// A port of the set and what it is connected to.
pub(super) struct Patch {
    pub slot: PortSlot,
    pub port: Port,
    pub channels: Vec<Channel>,
    pub input: Option<(Lead, input::Input)>,
    pub output: Option<Lead>,
    /// How often others have taken its connections away.
    pub quarrel: Quarrel,
    /// When what is missing is tried again, where that has to wait.
    pub again_at: Option<Instant>,
    /// The socket that its device was in last, where that is known.
    pub socket: String,
    /// The ports that were there beside its own when that was lost, by midir's full names. They are others.
    pub beside: Vec<String>,
    /// From which edition of the program on an output takes its place here.
    pub edition: u32,
    /// Whether the output of an earlier edition has yet to be taken away, because too many were on their way.
    pub leaves: bool,
    /// Whether the performer has been told that it could not be opened.
    pub complained: bool,
    /// Whether the performer has been told that it could be several devices.
    pub is_ambiguous: bool,
    /// Whether the engine has to be told that the keys that were down there are released.
    pub let_go: bool,
    /// Whether it is still at the end of its cable.
    pub sensing: Sensing,
    /// Whether what is sent there is read.
    pub reader: Reader,
    /// Whether the engine has to be told to silence it.
    pub silence: bool,
}

impl Patch {
    pub(crate) fn new(slot: PortSlot, set: &Set, port: &Port) -> Patch {
        Patch {
            slot,
            port: port.clone(),
            channels: channels_on(&set.program, slot),
            input: None,
            output: None,
            quarrel: Quarrel::default(),
            again_at: None,
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
    pub(crate) fn renew(&mut self, set: &Set, port: &Port) {
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
    pub(crate) fn look_at_cable(&mut self, now: Nanos, end: &ControlEnd, notices: &mut Notices) {
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
    pub(crate) fn look_at_reader(&mut self, told: &Told, end: &mut ControlEnd, notices: &mut Notices) {
        let Some(name) = self.plays_on().map(|name| PortName::parse(name)) else {
            self.reader = Reader::default();
            return;
        };
        let counted = end.meters().port(self.slot).sent_and_failed();
        let (port, device) = (&self.port.name, &self.port.device);
        match self.reader.look(told.unread(&name.address), counted) {
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
        if self.silence && end.command(Command::SilencePort(self.slot)).is_ok() {
            self.silence = false;
        }
    }

    /// Follows ports that are called otherwise from now on: they are what they were, by their numbers.
    pub(crate) fn follow_names(&mut self, inventory: &Inventory, news: &News) {
        let follow = |lead: &mut Lead, names: &[PortName]| {
            let at = PortName::parse(&lead.name).at();
            if let Some(name) = names.iter().find(|name| name.at() == at && at.is_some_and(|at| !news.has_gone(at))) {
                lead.name.clone_from(&name.full);
            }
        };
        if let Some((lead, _)) = &mut self.input {
            follow(lead, &inventory.inputs);
        }
        if let Some(lead) = &mut self.output {
            follow(lead, &inventory.outputs);
        }
    }

    /// Looks whether others have taken a connection away, lets go of what was, and says so.
    pub(crate) fn look_at_wires(
        &mut self,
        news: &News,
        is_connected: impl Fn(Wire) -> bool,
        now: Instant,
        notices: &mut Notices,
    ) -> Loss {
        let fate = |lead: Option<&Lead>| lead.map_or(Fate::Holds, |lead| lead.fate(news, &is_connected));
        let input = fate(self.input.as_ref().map(|(lead, _)| lead));
        let output = fate(self.output.as_ref());
        let leads = self.input.iter_mut().map(|(lead, _)| lead).chain(&mut self.output);
        leads.for_each(|lead| lead.is_fresh = false);
        let (port, device) = (&self.port.name, &self.port.device);
        let is_waiting = self.again_at.is_some_and(|again_at| now < again_at);
        if [input, output].contains(&Fate::Back) && !is_waiting {
            notices.notice(&format!("{port} (`{device}`) is connected by another program again, and taken up"));
            self.quarrel.settle();
            self.again_at = Some(now);
        }
        let is_cut = [input == Fate::Cut, output == Fate::Cut];
        if is_cut == [false; 2] {
            return Loss::default();
        }
        let leads = [self.input.as_mut().map(|(lead, _)| lead), self.output.as_mut()];
        for (lead, is_cut) in leads.into_iter().zip(is_cut) {
            lead.into_iter().for_each(|lead| lead.is_cut |= is_cut);
        }
        // One that is waited for: this is the rest of what somebody takes away at once.
        let hush = !is_waiting
            && match self.quarrel.was_cut(now) {
                Answer::Again(at) => {
                    notices.wrong(&format!(
                        "{port} (`{device}`) was disconnected by another program; it is connected again"
                    ));
                    self.again_at = Some(at);
                    false
                }
                Answer::Leave => {
                    notices.wrong(&format!(
                    "another program keeps disconnecting {port} (`{device}`): it is left so until `reload` is asked for"
                ));
                    self.again_at = None;
                    is_cut[1]
                }
            };
        Loss { input: is_cut[0], hush }
    }

    /// Lets go of connections that were taken away, so that they are made anew.
    pub(crate) fn let_go_of_cut(&mut self) {
        self.input.take_if(|(lead, _)| lead.is_cut);
        self.output.take_if(|lead| lead.is_cut);
    }

    /// Returns what was left is to be tried again at once. Whether there is any.
    pub(crate) fn retry(&mut self, now: Instant) -> bool {
        let is_cut = self.is_missing() && (self.input.is_some() || self.output.is_some());
        self.quarrel.settle();
        if is_cut {
            self.again_at = Some(now);
        }
        is_cut
    }

    /// The full name of what is listened to.
    pub(crate) fn hears(&self) -> Option<&String> {
        self.input.as_ref().filter(|(lead, _)| !lead.is_cut).map(|(lead, _)| &lead.name)
    }

    /// The full name of what is played on.
    pub(crate) fn plays_on(&self) -> Option<&String> {
        self.output.as_ref().filter(|lead| !lead.is_cut).map(|lead| &lead.name)
    }

    /// Returns whether it lacks something.
    pub(crate) fn is_missing(&self) -> bool {
        self.port.input && self.hears().is_none() || self.port.output && self.plays_on().is_none()
    }

    /// Returns whether something of it is to be done soon.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.again_at.is_some() || self.let_go || self.silence || self.leaves
    }

    /// Returns which of `names` it means, as one of `devices`: not what is beside it, and of several of its name the one in its socket.
    pub(crate) fn find(&self, devices: &[&str], names: &[PortName]) -> Result<usize, NotFound> {
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

    /// The names that it could mean, where it is not clear which.
    pub(crate) fn ambiguous<'a>(
        &self,
        input: &'a Result<usize, NotFound>,
        output: &'a Result<usize, NotFound>,
    ) -> Option<&'a [String]> {
        let names = |wanted: bool, found: &'a Result<usize, NotFound>| match found {
            Err(NotFound::Ambiguous(names)) if wanted => Some(&names[..]),
            _ => None,
        };
        names(self.port.input, input).or(names(self.port.output, output))
    }

    /// Takes away what an earlier edition played on, if nothing will take its place at once.
    pub(crate) fn take_away(&mut self, end: &mut ControlEnd) {
        if self.leaves && end.remove_output(self.slot, self.edition) {
            self.leaves = false;
        }
    }
}

fn is_played(track: &Track) -> bool {
    track.owner != SlotOwner::NOBODY
}

/// The channels that tracks use on a port.
pub(crate) fn channels_on(program: &Program, port: PortSlot) -> Vec<Channel> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::targets::slots;
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
            output: Some(Lead { name: port.device.clone(), wire: None, is_cut: false, is_fresh: false }),
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
        assert_eq!(patches[0].plays_on().map(String::as_str), Some("A"));
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
        let several = patch.ambiguous(&Ok(0), &Err(NotFound::Ambiguous(vec!["x".into()]))).map(<[String]>::to_vec);
        assert_eq!(several, Some(vec!["x".into()]));
    }

    fn wire() -> Wire {
        Direction::Out.wire("130:0".parse().unwrap(), "28:0".parse().unwrap())
    }

    /// A patch whose output is connected by [`wire`], and has been looked at.
    fn connected(lead: Option<Lead>) -> Patch {
        let mut patch = patches(&set(&[("a", "A")])).remove(0);
        let lead = lead.unwrap_or(Lead { name: "A:A 28:0".into(), wire: Some(wire()), is_cut: false, is_fresh: false });
        patch.output = Some(lead);
        patch
    }

    #[test]
    fn a_connection_that_others_take_away_is_made_again_three_times_a_minute_and_then_left() {
        let (mut patch, mut notices, begun) = (connected(None), Notices::default(), Instant::now());
        let mut is_there = true;
        let mut look = |patch: &mut Patch, seconds: u64, is_there: bool| {
            let now = begun + Duration::from_secs(seconds);
            let loss = patch.look_at_wires(&News::default(), |_| is_there, now, &mut notices);
            (loss.hush, notices.take().into_iter().map(|notice| notice.text).collect::<String>())
        };
        assert_eq!(look(&mut patch, 0, is_there), (false, String::new()));
        is_there = false;
        for seconds in [1, 2, 3] {
            let (hush, said) = look(&mut patch, seconds, is_there);
            assert!(!hush && said.contains("a (`A`) was disconnected by another program"), "{said}");
            assert!(patch.is_missing() && patch.is_unsettled() && patch.plays_on().is_none());
            patch.let_go_of_cut();
            assert_eq!(patch.output, None, "it is opened anew");
            patch = Patch { output: connected(None).output, again_at: None, ..patch };
        }
        let (hush, said) = look(&mut patch, 4, is_there);
        assert!(hush && said.contains("keeps disconnecting a"), "{said}");
        assert!(patch.output.is_some() && patch.is_missing() && !patch.is_unsettled(), "said to be missing, and left");
        assert_eq!(look(&mut patch, 200, is_there), (false, String::new()), "once");
        // The performer has the last word, and so has whoever connects it again.
        assert!(patch.retry(begun) && patch.is_unsettled());
        patch.again_at = None;
        let (_, said) = look(&mut patch, 300, true);
        assert!(said.contains("is connected by another program again") && patch.is_unsettled(), "{said}");
        patch.let_go_of_cut();
        assert!(patch.output.is_none() && !patch.retry(begun));
    }

    #[test]
    fn a_connection_that_was_taken_away_and_made_again_meanwhile_has_missed_something() {
        let cut = News::of_cut([wire()]);
        let lead = Lead { name: "A:A 28:0".into(), wire: Some(wire()), is_cut: false, is_fresh: true };
        let (mut patch, mut notices) = (connected(Some(lead)), Notices::default());
        let now = Instant::now();
        patch.look_at_wires(&cut, |_| true, now, &mut notices);
        assert!(!patch.is_missing(), "that was the one before, of the same numbers");
        patch.look_at_wires(&cut, |_| true, now, &mut notices);
        assert!(patch.is_missing() && patch.again_at.is_some());
        let mut unknown = connected(Some(Lead { name: "A".into(), wire: None, is_cut: false, is_fresh: false }));
        unknown.look_at_wires(&cut, |_| false, now, &mut notices);
        assert!(!unknown.is_missing(), "where nothing is known of it, it is let alone");
    }

    #[test]
    fn a_device_that_calls_itself_otherwise_is_the_same() {
        let mut patch = connected(None);
        let names = |name: &str| Inventory { inputs: Vec::new(), outputs: vec![PortName::parse(name)] };
        patch.follow_names(&names("B:B 28:1"), &News::default());
        assert_eq!(patch.plays_on().unwrap(), "A:A 28:0");
        patch.follow_names(&names("B:B 28:0"), &News::of_gone(["28:0".parse().unwrap()]));
        assert_eq!(patch.plays_on().unwrap(), "A:A 28:0", "it has gone, and this is another one");
        patch.follow_names(&names("B:B 28:0"), &News::default());
        assert_eq!(patch.plays_on().unwrap(), "B:B 28:0");
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

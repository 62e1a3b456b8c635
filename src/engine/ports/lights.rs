//! The lights of pads: what is bound is shown where it is bound, as a note or a controller on the same port.
//!
//! A launch or a jump is dark, waits, or plays; what is on or off is dark or lit. What is shown is sampled when a message may
//! leave, so that of several changes the newest counts. A port gets one message each millisecond, after everything else of
//! its moment: no note and no pulse waits for more than one of them. All lights are sent when a program is taken up for the
//! first time and when an output comes back, and otherwise what changes. At the end all that shine go out, at once.
//!
//! Bounded: a message costs time in proportion to the bindings, and after another program has been taken up to what a port
//! can show.

use crate::engine::Engine;
use crate::engine::arrangement::launcher::Choice;
use crate::engine::arrangement::transport::Phase;
use crate::engine::fixed::PortMap;
use crate::engine::outbox::Outbox;
use crate::engine::outbox::departure;
use crate::engine::ports::Background;
use crate::engine::program::{Binding, Does, Light, PortSet, PortSlot, Program, Shown, Trigger};
use crate::midi::{Channel, Key, Message, Velocity};
use crate::time::{Nanos, Span};

/// From one light to the next on a port: what a DIN cable takes, and a little more, so that values have their turn.
const PACE: Span = Span::from_millis(1);

/// What a port can show: a note and a controller of each number on each channel.
const LAMPS: usize = 2 * Channel::COUNT * Key::COUNT;

/// Nothing is known of a light.
const UNKNOWN: u8 = u8::MAX;

/// The lights of one port.
#[derive(Clone, Copy, Debug)]
struct Panel {
    /// What each shows.
    shown: [u8; LAMPS],
    /// Which of them the program lights.
    wanted: [u64; LAMPS / 64],
    /// Whether others may still shine.
    sweeps: bool,
    /// When the next message may leave.
    next_at: Nanos,
}

/// The place of a light.
fn lamp(light: Light, trigger: Trigger) -> Option<usize> {
    let (kind, number) = match trigger {
        Trigger::Note(key) => (0, key.index()),
        Trigger::Controller(number) => (1, usize::from(number & 0x7F)),
        Trigger::Program(_) | Trigger::Bend => return None,
    };
    Some((kind * Channel::COUNT + light.channel.index()) * Key::COUNT + number)
}

/// The message that makes a light show `value`.
fn message(lamp: usize, value: u8) -> Message {
    let (row, number) = (lamp / Key::COUNT, (lamp % Key::COUNT) as u8);
    let channel = Channel::from_status((row % Channel::COUNT) as u8);
    match Velocity::new(value) {
        _ if row >= Channel::COUNT => Message::ControlChange(channel, number, value),
        Some(velocity) => Message::NoteOn(channel, Key::from_data(number), velocity),
        None => Message::NoteOff(channel, Key::from_data(number), 0),
    }
}

/// The lights of all ports. Real-time safe after construction.
#[derive(Debug)]
pub(in crate::engine) struct Lights {
    panels: PortMap<Panel>,
    /// The ports that have lights, and those of them where something may have changed.
    lit: PortSet,
    stale: PortSet,
    has_begun: bool,
}

impl Default for Lights {
    fn default() -> Lights {
        let dark = Panel { shown: [UNKNOWN; LAMPS], wanted: [0; LAMPS / 64], sweeps: false, next_at: Nanos(0) };
        Lights {
            panels: PortMap::from_fn(|_| dark),
            lit: PortSet::default(),
            stale: PortSet::default(),
            has_begun: false,
        }
    }
}

impl Lights {
    /// Something may have changed at `at`.
    pub(crate) fn note(&mut self, at: Nanos) {
        for port in self.lit.iter().filter(|&port| !self.stale.contains(port)) {
            let panel = &mut self.panels[port];
            panel.next_at = panel.next_at.max(at);
        }
        self.stale = self.lit;
    }

    /// The first call at which the time is known: all lights are shown.
    pub(crate) fn begin(&mut self, at: Nanos) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.note(at);
        }
    }

    /// Nothing is known of the lights of `port` from `at` on.
    pub(crate) fn doubt(&mut self, port: PortSlot, at: Nanos) {
        if let Some(panel) = self.panels.get_mut(port) {
            panel.shown = [UNKNOWN; LAMPS];
            self.note(at);
        }
    }

    /// The lights of `port` leave what comes before `until` to others.
    pub(crate) fn wait(&mut self, port: PortSlot, until: Nanos) {
        if let Some(panel) = self.panels.get_mut(port) {
            panel.next_at = panel.next_at.max(until);
        }
    }

    /// A light of `port` that shines and should not: it goes out.
    fn sweep(&mut self, port: PortSlot) -> Option<Message> {
        let panel = self.panels.get_mut(port).filter(|panel| panel.sweeps)?;
        let stray = |(lamp, shown): (usize, &u8)| {
            !matches!(*shown, 0 | UNKNOWN) && panel.wanted[lamp / 64] >> (lamp % 64) & 1 == 0
        };
        let found = panel.shown.iter().enumerate().position(stray);
        panel.sweeps = found.is_some();
        let lamp = found?;
        panel.shown[lamp] = 0;
        Some(message(lamp, 0))
    }
}

impl Background for Lights {
    fn next(&self, ready: impl Fn(PortSlot) -> Nanos) -> Option<(Nanos, PortSlot)> {
        self.stale.iter().map(|port| (self.panels[port].next_at.max(ready(port)), port)).min()
    }

    /// Its output is opened anew, and then nothing is known of its lights.
    fn forget(&mut self, _: PortSlot) {}

    /// Other bindings count: the lights of those that are gone go out.
    fn adopt(&mut self, program: &Program) {
        for port in self.lit.iter() {
            let panel = &mut self.panels[port];
            panel.wanted = [0; LAMPS / 64];
            panel.sweeps = true;
        }
        for binding in &program.bindings {
            let Some(lamp) = binding.light.and_then(|light| lamp(light, binding.trigger)) else { continue };
            if let Some(panel) = self.panels.get_mut(binding.port) {
                panel.wanted[lamp / 64] |= 1 << (lamp % 64);
                self.lit = self.lit.with(binding.port);
            }
        }
    }

    /// All lights go out.
    fn end(&mut self, at: Nanos) {
        for port in self.lit.iter() {
            let panel = &mut self.panels[port];
            panel.wanted = [0; LAMPS / 64];
            (panel.sweeps, panel.next_at) = (true, at);
        }
        self.stale = self.lit;
    }

    fn is_over(&self) -> bool {
        self.stale.is_empty()
    }
}

impl Engine {
    /// Sends `port` the next light that has changed, if there is one.
    pub(in crate::engine) fn take_light(&mut self, program: &Program, port: PortSlot, at: Nanos, out: &mut Outbox) {
        let Some(message) = self.lights.sweep(port).or_else(|| self.changed(program, port)) else {
            self.lights.stale = self.lights.stale.without(port);
            return;
        };
        if !self.ended {
            self.lights.panels[port].next_at = at + PACE;
        }
        self.wires.send_when_ready(departure(self.moment(at), port, message), out);
    }

    /// A light of `port` that does not show what it should.
    fn changed(&mut self, program: &Program, port: PortSlot) -> Option<Message> {
        if self.ended {
            return None;
        }
        for binding in program.bindings.iter().filter(|binding| binding.port == port) {
            let Some((light, lamp)) = binding.light.and_then(|light| Some((light, lamp(light, binding.trigger)?)))
            else {
                continue;
            };
            let value = self.shown(light, binding);
            let shown = &mut self.lights.panels[port].shown[lamp];
            if *shown != value {
                *shown = value;
                return Some(message(lamp, value));
            }
        }
        None
    }

    /// Returns what a binding shows now.
    fn shown(&self, light: Light, binding: &Binding) -> u8 {
        let shown = match binding.does {
            Does::Press { command, .. } => Shown::by(command),
            Does::Slide(_) => None,
        };
        let Some(shown) = shown else { return light.off };
        let phase = self.transport.phase();
        let lit = |is_on: bool| if is_on { light.on } else { light.off };
        let of = |is: &dyn Fn(Choice) -> bool, plays: bool| match phase {
            Phase::Stopped if is(self.launcher.chosen()) => light.waits,
            Phase::Stopped => light.off,
            Phase::Armed | Phase::Running if plays => light.on,
            Phase::Armed | Phase::Running if self.launcher.asked().is_some_and(is) => light.waits,
            Phase::Armed | Phase::Running => light.off,
        };
        match shown {
            Shown::Pattern(pattern) => {
                let is = |choice: Choice| choice.pattern == pattern && choice.part.is_none();
                let waits = |choice: Choice| is(choice) || phase == Phase::Stopped && choice.pattern == pattern;
                of(&waits, self.pattern() == pattern)
            }
            Shown::Part(part) => of(&|choice: Choice| choice.part == Some(part), self.part() == Some(part)),
            Shown::Waits => lit(self.launcher.asked().is_some()),
            Shown::Runs => match phase {
                Phase::Stopped => light.off,
                Phase::Armed => light.waits,
                Phase::Running => light.on,
            },
            Shown::Stopped => lit(phase == Phase::Stopped),
            Shown::Holds => lit(self.holds()),
            Shown::Fills => lit(self.fills()),
            Shown::Muted(track) => lit(self.muted().contains(track)),
            Shown::Soloed(track) => lit(self.soloed().contains(track)),
            Shown::Transposed(track, by, unit) => lit(self.mixer.transposed_in(track, unit) == i32::from(by)),
        }
    }
}

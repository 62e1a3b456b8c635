//! The cases of the transport matrix: what the master sends in each, what befalls it or the program, and what has to be
//! played, counted from where.
//!
//! All pulses lie on one grid and are numbered from the first that the master sends. That one is 0 here, whatever START
//! makes of it: so a case says of any place in the music on which pulse of the grid it falls, and a pulse that is not sent
//! has its number all the same.

use crate::recording::{Message, Port};
use crate::schedule::{PULSES_PER_BAR, START_AHEAD_NS, STOP_PAST_MIDDLE_NS, Step};
use std::ops::Range;

/// Clocks before the first START, while stopped.
const BEFORE: u32 = 24;
/// Clocks after the last STOP.
const AFTER: u32 = 12;
/// How long a master that counts on may be followed wrongly after something befell it: a quarter.
const RECOVERY: u32 = 24;
/// For how long all queues are taken.
pub const QUEUES_TAKEN_S: f64 = 1.0;
/// How long the program may take to find an instrument that is back.
pub const RECONNECT_S: f64 = 2.0;

/// A stretch of pulses with music.
#[derive(Clone, Debug)]
pub struct Segment {
    /// On the grid.
    pub pulses: Range<u32>,
    /// The pulse of the music that the first of them is.
    pub position: u32,
}

/// What is not asked of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// Anything may be played there, or nothing.
    Anything,
    /// Notes may be missing, but what is played belongs there.
    Missing,
    /// No note may be played there.
    Silent,
}

/// A stretch of pulses that is judged with grace; for one instrument, or for both.
#[derive(Clone, Debug)]
pub struct Window {
    pub port: Option<Port>,
    pub pulses: Range<u32>,
    pub grace: Grace,
}

impl Window {
    pub fn holds(&self, port: Port, pulse: u32, grace: Grace) -> bool {
        self.grace == grace && self.port.is_none_or(|own| own == port) && self.pulses.contains(&pulse)
    }
}

/// What happens besides messages. What it names begins in the middle before its first pulse and ends in the middle before
/// the pulse behind its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Nothing,
    /// These pulses come all at once, with the last of them.
    Burst(Range<u32>),
    /// The master's cable is out for these pulses.
    Unplugged(Range<u32>),
    /// The same, and when it is back all queues of the sequencer are taken for a second.
    QueuesTaken(Range<u32>),
    /// The program is stopped by SIGSTOP for these pulses.
    Halted(Range<u32>),
    /// The player's cable is out for these pulses. If so, a second instrument of its name is there from a bar before to a bar
    /// after them.
    PlayerOut(Range<u32>, bool),
    /// Both cables are out for these pulses, and the master counts on.
    BothOut(Range<u32>),
    /// Another program takes all connections away where these pulses begin (`aconnect -x`), and nobody but the program makes
    /// them again. It plays after them.
    Cut(Range<u32>),
    /// The program is killed where these pulses begin, and started again at once with `--resume`. It plays after them.
    Killed(Range<u32>),
}

#[derive(Clone, Debug)]
pub struct Case {
    pub name: &'static str,
    /// The set file; the built-in set if there is none.
    pub set: Option<&'static str>,
    bpm: f64,
    /// All of the grid.
    pub pulses: u32,
    sends: Vec<(u64, Message)>,
    pub event: Event,
    pub segments: Vec<Segment>,
    pub windows: Vec<Window>,
    /// How many clocks the player has to count after each START and CONTINUE; `None`: as the segments say.
    pub counted: Option<Vec<u32>>,
    /// What has to arrive of START, CONTINUE, STOP and song positions; `None`: not asked.
    pub relayed: Option<Vec<Message>>,
}

impl Case {
    fn new(name: &'static str, bpm: f64) -> Case {
        Case {
            name,
            set: None,
            bpm,
            pulses: 0,
            sends: Vec::new(),
            event: Event::Nothing,
            segments: Vec::new(),
            windows: Vec::new(),
            counted: None,
            relayed: Some(Vec::new()),
        }
    }

    /// The time of a place on the grid, from its beginning.
    pub fn at_ns(&self, place: f64) -> u64 {
        (place * 60e9 / (self.bpm * 24.0)).round() as u64
    }

    fn seconds(&self, seconds: f64) -> u32 {
        (seconds * self.bpm * 24.0 / 60.0).round() as u32
    }

    fn send(mut self, at_ns: u64, message: Message) -> Case {
        self.sends.push((at_ns, message));
        if let Some(relayed) = &mut self.relayed {
            relayed.push(message);
        }
        self
    }

    /// START or CONTINUE, so that `pulse` is the first that counts.
    fn go(self, message: Message, pulse: u32) -> Case {
        let at_ns = self.at_ns(f64::from(pulse)) - START_AHEAD_NS;
        self.send(at_ns, message)
    }

    /// STOP, so that the pulse before `pulse` is the last that counts. Clocks go on a little.
    fn stop(mut self, pulse: u32) -> Case {
        let at_ns = self.at_ns(f64::from(pulse) - 0.5) + STOP_PAST_MIDDLE_NS;
        self.pulses = pulse + AFTER;
        self.send(at_ns, Message::STOP)
    }

    fn plays(mut self, pulses: Range<u32>, position: u32) -> Case {
        self.segments.push(Segment { pulses, position });
        self
    }

    fn window(mut self, port: Option<Port>, pulses: Range<u32>, grace: Grace) -> Case {
        self.windows.push(Window { port, pulses, grace });
        self
    }

    /// What the master sends, in order of time. Pulses that find no cable are not in it.
    pub fn steps(&self) -> Vec<Step> {
        let clocks = (0..self.pulses)
            .filter(|pulse| match &self.event {
                Event::Unplugged(absent) | Event::QueuesTaken(absent) | Event::BothOut(absent) => {
                    !absent.contains(pulse)
                }
                _ => true,
            })
            .map(|pulse| match &self.event {
                Event::Burst(burst) if burst.contains(&pulse) => burst.end - 1,
                _ => pulse,
            })
            .map(|sent| Step { at_ns: self.at_ns(f64::from(sent)), message: Message::CLOCK });
        let sends = self.sends.iter().map(|&(at_ns, message)| Step { at_ns, message });
        let mut steps: Vec<Step> = clocks.chain(sends).collect();
        steps.sort_by_key(|step| step.at_ns);
        steps
    }
}

/// All cases, at a tempo.
pub fn all(bpm: f64) -> Vec<Case> {
    vec![
        start_twice(bpm),
        clock_without_start(bpm),
        clock_without_start_joined(bpm),
        continued(bpm),
        located(bpm),
        burst(bpm),
        master_out(bpm, "unplugged", 0.0, Event::Unplugged),
        master_out(bpm, "unplugged, then no queue is left", QUEUES_TAKEN_S, Event::QueuesTaken),
        halted(bpm),
        player_out(bpm, "player unplugged", 40, false),
        player_out(bpm, "player unplugged for a moment", 3, false),
        player_out(bpm, "player unplugged beside its twin", 40, true),
        player_out_while_stopped(bpm),
        both_out(bpm),
        cut(bpm),
        killed(bpm),
    ]
}

/// The second START comes in mid-bar, without a STOP before it.
fn start_twice(bpm: f64) -> Case {
    let (first, second) = (BEFORE, BEFORE + 62);
    let end = second + 200;
    Case::new("START twice", bpm)
        .go(Message::START, first)
        .go(Message::START, second)
        .stop(end)
        .plays(first..second, 0)
        .plays(second..end, 0)
}

/// Nothing plays: by default a set waits for START.
fn clock_without_start(bpm: f64) -> Case {
    Case { pulses: 220, ..Case::new("clock without START", bpm) }
}

/// A set with `join = "now"` begins with the next bar, counted from the first pulse that it heard. What becomes of START
/// at the other instrument is left to it.
fn clock_without_start_joined(bpm: f64) -> Case {
    let end = PULSES_PER_BAR + 200;
    Case { set: Some("join-now.toml"), relayed: None, ..Case::new("join = now", bpm) }
        .stop(end)
        .plays(PULSES_PER_BAR..end, 0)
}

/// STOP in mid-bar; then CONTINUE goes on with the first pulse that had not been played.
fn continued(bpm: f64) -> Case {
    let (start, stop, back) = (BEFORE, BEFORE + 150, BEFORE + 187);
    let end = back + 200;
    Case::new("CONTINUE", bpm)
        .go(Message::START, start)
        .stop(stop)
        .go(Message::CONTINUE, back)
        .stop(end)
        .plays(start..stop, 0)
        .plays(back..end, 150)
}

/// The song position is set to the middle of the second bar while stopped.
fn located(bpm: f64) -> Case {
    let (start, stop, back) = (BEFORE, BEFORE + 50, BEFORE + 80);
    let end = back + 200;
    let case = Case::new("SPP, CONTINUE", bpm).go(Message::START, start).stop(stop);
    let between_ns = case.at_ns(f64::from(stop + 12) + 0.5);
    case.send(between_ns, Message::song_position(22))
        .go(Message::CONTINUE, back)
        .stop(end)
        .plays(start..stop, 0)
        .plays(back..end, 22 * 6)
}

/// The master, or what is between, holds 48 pulses back and then lets them go at once.
fn burst(bpm: f64) -> Case {
    let (start, stall) = (BEFORE, BEFORE + 100);
    let (freed, end) = (stall + 48, stall + 48 + RECOVERY + 168);
    Case { event: Event::Burst(stall..freed), ..Case::new("48 pulses at once", bpm) }
        .go(Message::START, start)
        .stop(end)
        .plays(start..end, 0)
        .window(None, stall..freed + RECOVERY, Grace::Anything)
}

/// The master is gone for three seconds, cannot be opened for some more, and counts on by itself; the set says `lost = "hold"`. The
/// other instrument must not notice.
fn master_out(bpm: f64, name: &'static str, closed_s: f64, event: fn(Range<u32>) -> Event) -> Case {
    let case = Case { set: Some("hold.toml"), ..Case::new(name, bpm) };
    let (start, out) = (BEFORE, BEFORE + 137);
    let back = out + case.seconds(3.0);
    let found = back + case.seconds(closed_s + RECONNECT_S);
    let end = found + 144;
    Case { event: event(out..back), ..case }.go(Message::START, start).stop(end).plays(start..end, 0).window(
        Some(Port::Circuit),
        out - 1..found,
        Grace::Missing,
    )
}

/// The program does not run for two seconds.
fn halted(bpm: f64) -> Case {
    let case = Case::new("SIGSTOP", bpm);
    let (start, out) = (BEFORE, BEFORE + 131);
    let back = out + case.seconds(2.0);
    let end = back + RECOVERY + 144;
    Case { event: Event::Halted(out..back), ..case }.go(Message::START, start).stop(end).plays(start..end, 0).window(
        None,
        out - 1..back + RECOVERY,
        Grace::Anything,
    )
}

/// The player is gone in mid-bar: it is stopped when it is back, and joins at the next bar line, where it has its programs and
/// counts from. The master must not notice.
fn player_out(bpm: f64, name: &'static str, pulses: u32, twin: bool) -> Case {
    let case = Case { set: Some("programs.toml"), ..Case::new(name, bpm) };
    let (start, out) = (BEFORE, BEFORE + 2 * PULSES_PER_BAR + 29);
    let (back, line, end) = (out + pulses, BEFORE + 3 * PULSES_PER_BAR, BEFORE + 5 * PULSES_PER_BAR + 10);
    let case = Case { event: Event::PlayerOut(out..back, twin), counted: Some(vec![out - start, end - line]), ..case };
    let mut case = case
        .go(Message::START, start)
        .stop(end)
        .plays(start..end, 0)
        .window(Some(Port::Mono), out - 1..back, Grace::Missing)
        .window(Some(Port::Mono), back..line, Grace::Silent);
    let pointer = Message::song_position(((line - start) / 6) as u16);
    case.relayed = Some(vec![Message::START, Message::STOP, pointer, Message::CONTINUE, Message::STOP]);
    case
}

/// The first bar line of music that began with the first START, from `pulse` on.
fn bar_line(pulse: u32) -> u32 {
    BEFORE + (pulse - BEFORE).div_ceil(PULSES_PER_BAR) * PULSES_PER_BAR
}

/// `event` keeps the player away in mid-bar until it joins at `line`; from there on there are three bars of music.
fn joins_at(line: u32, event: Event, case: Case) -> Case {
    let end = line + 3 * PULSES_PER_BAR + 10;
    let case = Case { event, counted: Some(vec![end - line]), ..case };
    let case = case.go(Message::START, BEFORE).stop(end).plays(BEFORE..end, 0);
    // At which bar line the player joins depends on how long its connection takes, or the program to begin.
    Case { relayed: None, ..case }
}

/// Both are gone for three seconds, as when a hub is; the set says `lost = "hold"`. The master is followed where it is, and the
/// player joins at a bar line.
fn both_out(bpm: f64) -> Case {
    let case = Case { set: Some("hold.toml"), ..Case::new("both unplugged", bpm) };
    let out = BEFORE + 137;
    let back = out + case.seconds(3.0);
    let line = bar_line(back + case.seconds(RECONNECT_S));
    joins_at(line, Event::BothOut(out..back), case).window(None, out - 1..line, Grace::Missing)
}

/// Somebody takes all connections away in mid-bar; the set says `lost = "hold"`. They are there again within a bar: the master is
/// followed where it is, what hangs on the player ends, and it joins at a bar line.
fn cut(bpm: f64) -> Case {
    let case = Case { set: Some("hold.toml"), ..Case::new("disconnected", bpm) };
    let out = BEFORE + 2 * PULSES_PER_BAR + 29;
    let back = out + PULSES_PER_BAR;
    let line = bar_line(back);
    joins_at(line, Event::Cut(out..back), case).window(None, out - 1..line, Grace::Missing)
}

/// The program dies in mid-bar, and another goes on in its place: it finds where the master is, and the player joins at a bar
/// line.
fn killed(bpm: f64) -> Case {
    let case = Case::new("SIGKILL", bpm);
    let out = BEFORE + 2 * PULSES_PER_BAR + 29;
    let back = out + case.seconds(RECONNECT_S);
    joins_at(bar_line(back), Event::Killed(out..back), case).window(None, out - 1..back, Grace::Missing)
}

/// The player is gone and back while the music is stopped: it is told where that goes on.
fn player_out_while_stopped(bpm: f64) -> Case {
    let case = Case { set: Some("programs.toml"), ..Case::new("player unplugged while stopped", bpm) };
    let (start, stop) = (BEFORE, BEFORE + 150);
    let (out, back, go) = (stop + 12, stop + 30, stop + 60);
    let end = go + 200;
    let mut case = Case { event: Event::PlayerOut(out..back, false), ..case }
        .go(Message::START, start)
        .stop(stop)
        .go(Message::CONTINUE, go)
        .stop(end)
        .plays(start..stop, 0)
        .plays(go..end, 150);
    let pointer = Message::song_position(150 / 6);
    case.relayed = Some(vec![Message::START, Message::STOP, pointer, Message::CONTINUE, Message::STOP]);
    case
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(case: &Case) -> Vec<u64> {
        case.steps().iter().filter(|step| step.message == Message::CLOCK).map(|step| step.at_ns).collect()
    }

    #[test]
    fn a_burst_comes_with_its_last_pulse_and_loses_none() {
        let clocks = clocks(&burst(125.0));
        assert_eq!(clocks[123], 123 * 20_000_000);
        assert!(clocks[124..172].iter().all(|&at_ns| at_ns == 171 * 20_000_000));
        assert_eq!(clocks[172], 172 * 20_000_000);
    }

    #[test]
    fn an_absent_master_counts_on() {
        let case = master_out(125.0, "unplugged", 0.0, Event::Unplugged);
        let clocks = clocks(&case);
        assert_eq!(clocks.len() as u32, case.pulses - 150);
        assert_eq!(clocks[161] - clocks[160], 151 * 20_000_000);
    }

    #[test]
    fn every_case_ends_after_its_music() {
        for bpm in [60.0, 97.3, 125.0, 180.0] {
            for case in all(bpm) {
                assert!(case.segments.iter().all(|segment| segment.pulses.end <= case.pulses), "{}", case.name);
                assert!(case.steps().is_sorted_by_key(|step| step.at_ns));
                // What befalls, befalls in mid-bar.
                if let Event::Burst(pulses) | Event::Unplugged(pulses) | Event::Halted(pulses) = &case.event {
                    assert_ne!((pulses.start - BEFORE) % PULSES_PER_BAR, 0, "{}", case.name);
                }
            }
        }
    }
}

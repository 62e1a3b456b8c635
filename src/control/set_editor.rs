//! What is written into the set file while it plays: bindings that are learned, notes that are recorded, and the way back
//! over both.
//!
//! The set editor writes for the performer what they could write themselves, into the same file, where they see it and may change
//! it. It holds no music: what it has written is taken up like any other change of the file. A set that is built in has no
//! file, and so nothing can be written. It makes edits and waits for no disk: they are done elsewhere ([`files`](super::files)).

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::files::Edit;
use super::order::Record;
use crate::edit::{self, Cycle, History, Keyboard, Recorder, Recording, Refused, Take, Taken};
use crate::engine::Status;
use crate::engine::arrangement::transport::Phase;
use crate::engine::program::{PatternSlot, PortSlot, Program, Trigger};
use crate::link::{Heard, Snapshot};
use crate::midi::{Channel, Message};
use crate::set::{Set, command, listed, nearest};
use crate::time::{Nanos, Span, Tick, TickSpan};

use super::view::Playing;

/// How long a touch lasts, from its first message on.
const TOUCH: Span = Span::from_millis(30);

/// What could be the fine half of a fader is a knob of its own where the fader is not heard for so long, and never was.
const ALONE: Span = Span::from_millis(1_000);

/// Notes that are struck together are a chord where their velocities are no further apart than this.
const CHORD_SPREAD: u8 = 20;

/// Who writes into the set file.
pub struct SetEditor {
    /// What the set is called in messages, and its file; a built-in set has none.
    origin: String,
    file: Option<PathBuf>,
    /// The command that the next key, controller or program change is bound to.
    learning: Option<String>,
    /// What was touched since then: the first time, and what of all means most.
    touched: Option<(Nanos, Touched)>,
    /// The controllers below 32 that have come in, of which others are the fine halves.
    coarse: BTreeSet<(PortSlot, Channel, u8)>,
    recording: Option<Session>,
}

/// A recording that goes on.
struct Session {
    order: Record,
    pattern: String,
    slot: PatternSlot,
    cycle: Cycle,
    recorder: Recorder,
    /// What was recorded, once that has ended and is not written yet.
    done: Option<Recording>,
    /// Whether it is on its way to the file.
    is_on_its_way: bool,
    /// Where the music was when it was looked at last.
    position: Tick,
    is_running: bool,
}

/// Something that a command can be bound to.
struct Touched {
    port: PortSlot,
    channel: Channel,
    trigger: Trigger,
}

/// An edit that is to be done, and what it is called.
pub struct Plan {
    /// What it is, as in "`undo` is done".
    pub what: String,
    /// What does it.
    pub edit: Edit,
}

/// What the set editor needs to know of the show.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The set that plays.
    pub set: &'a Set,
    /// What plays.
    pub status: &'a Status,
    /// Which pattern each track plays.
    pub playing: &'a Playing,
    /// Where the music is.
    pub snapshot: &'a Snapshot,
}

impl SetEditor {
    /// The editor of the set in `file`, called `origin` in messages.
    #[must_use]
    pub fn new(origin: &str, file: Option<PathBuf>) -> SetEditor {
        SetEditor {
            origin: origin.to_owned(),
            file,
            learning: None,
            touched: None,
            coarse: BTreeSet::new(),
            recording: None,
        }
    }

    /// Returns what is learned, if anything is.
    #[must_use]
    pub fn learning(&self) -> Option<&str> {
        self.learning.as_deref()
    }

    /// Returns what is recorded, if anything is, in a few words.
    #[must_use]
    pub fn recording(&self, scene: Scene<'_>) -> Option<String> {
        let session = self.recording.as_ref()?;
        let (now, begins) = (scene.snapshot.position, session.recorder.begins());
        let (bar, ..) = scene.set.program.meter.bar_beat_tick(begins);
        let (track, pattern) = (&session.order.track, &session.pattern);
        Some(match session.recorder.pass(now) {
            _ if session.is_on_its_way => format!("writes what was recorded of {track} in {pattern}"),
            _ if session.done.is_some() => format!("keeps what was recorded of {track} in {pattern}"),
            _ if scene.snapshot.phase != Phase::Running => format!("records {track} in {pattern}, waits for the start"),
            0 => format!("records {track} in {pattern} from bar {bar}"),
            pass => format!("records {track} in {pattern}, pass {pass}"),
        })
    }

    /// The next key, controller or program change will be bound to `words`.
    ///
    /// # Errors
    ///
    /// When there is no file, or the words are no command that can be bound.
    pub fn learn(&mut self, words: &str, scene: Scene<'_>) -> Result<String, String> {
        self.file()?;
        command::bound(words, &scene.set.names()).map_err(|wrong| wrong.to_string())?;
        if !scene.set.ports.iter().any(|port| port.input) {
            return Err("the set listens to no port: a port is listened to whose keys do something, for example with \
                        `[[bind]]` or `transpose`"
                .to_owned());
        }
        (self.learning, self.touched) = (Some(words.to_owned()), None);
        Ok(format!("learns `{words}`: touch a key, a controller or a pad now"))
    }

    /// Nothing is learned any more.
    pub fn forget(&mut self) -> String {
        self.touched = None;
        match self.learning.take() {
            Some(words) => format!("`{words}` is not learned"),
            None => "nothing was being learned".to_owned(),
        }
    }

    /// Begins to record at the next bar line.
    ///
    /// # Errors
    ///
    /// When there is no file, something is recorded already, or nothing of the kind is played on the track.
    pub fn record(&mut self, order: Record, scene: Scene<'_>) -> Result<String, String> {
        self.file()?;
        match &self.recording {
            Some(session) if session.is_on_its_way => return Err(session.is_being_written()),
            Some(session) => {
                return Err(format!("{} is being recorded; `record off` ends that", session.order.track));
            }
            None => {}
        }
        let slot = |names: &[String], name: &str| names.iter().position(|known| known == name);
        let track = slot(&scene.set.tracks, &order.track).unwrap_or_default();
        let port = match &order.from {
            Some(name) => scene.set.ports.iter().position(|port| port.name == *name),
            None => only_keyboard(scene.set)?,
        };
        let Some(port) = port else {
            let heard = || scene.set.ports.iter().filter(|port| port.input).map(|port| port.name.as_str());
            let name = order.from.as_deref().unwrap_or_default();
            let help = match (nearest(name, heard()), heard().next()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, None) => "the set listens to no port".to_owned(),
                (None, Some(_)) => format!("the set listens to {}", listed(heard())),
            };
            return Err(format!("there is no port `{}`; {help}", name.escape_debug()));
        };
        if !scene.set.ports.get(port).is_some_and(|port| port.input) {
            return Err(format!(
                "the set does not listen to {}; a port is listened to whose keys do something, for example with `thru`",
                scene.set.ports.get(port).map_or("it", |port| &port.name)
            ));
        }
        let track = crate::engine::program::TrackSlot(track as u16);
        let (slot, origin) = scene.playing.of(track).unwrap_or((scene.status.pattern, scene.status.origin));
        let cycle = Cycle { origin, length: length_of(scene.set, slot) };
        let keyboard = Keyboard { port: PortSlot(port as u8), channel: order.channel };
        let position = scene.snapshot.position;
        let recorder = Recorder::new(keyboard, cycle, scene.set.program.meter.bar(), order.grid, position);
        let pattern = scene.set.patterns.get(usize::from(slot.0)).cloned().unwrap_or_default();
        let is_running = scene.snapshot.phase == Phase::Running;
        self.recording = Some(Session {
            order,
            pattern,
            slot,
            cycle,
            recorder,
            done: None,
            is_on_its_way: false,
            position,
            is_running,
        });
        Ok(self.recording(scene).unwrap_or_default())
    }

    /// Ends the recording, which is to be written. What becomes of that is told to [`SetEditor::written`].
    ///
    /// # Errors
    ///
    /// When nothing is recorded, or what was is being written.
    pub fn finish(&mut self, scene: Scene<'_>) -> Result<Plan, String> {
        let Some(session) = &mut self.recording else {
            return Err("nothing is being recorded; `record TRACK` begins".to_owned());
        };
        if session.is_on_its_way {
            return Err(session.is_being_written());
        }
        let recording = session.done.get_or_insert_with(|| session.recorder.clone().finish(scene.snapshot.position));
        session.is_on_its_way = true;
        let (order, pattern, recording) = (session.order.clone(), session.pattern.clone(), recording.clone());
        let length = session.cycle.length;
        let what = format!("record {} in {pattern}", order.track);
        let name = what.clone();
        let edit: Edit = Box::new(move |clerk| {
            let take = Take {
                pattern: &pattern,
                track: &order.track,
                notes: &recording.notes,
                length,
                grid: order.grid,
                strength: order.strength,
                spread: CHORD_SPREAD,
                writing: order.writing,
            };
            let mut remarks = Vec::new();
            let written = clerk.edit(&name, |origin, text| {
                let recorded = edit::record(origin, text, &take)?;
                remarks.push(match recorded.notes {
                    1 => "1 note".to_owned(),
                    notes => format!("{notes} notes"),
                });
                remarks.extend(recorded.remarks);
                Ok(recorded.text)
            })?;
            if recording.lost > 0 {
                remarks.push(format!("{} notes were too many and are not in it", recording.lost));
            }
            remarks.extend(recording.left_out.remarks());
            Ok(format!("{written}: {}", remarks.join("; ")))
        });
        Ok(Plan { what, edit })
    }

    /// The recording that was on its way to the file has come there, or not: then the file is as it was, and what was recorded is
    /// kept, to be written when the reason is mended, or thrown away. What is to be said.
    pub fn written(&mut self, written: Result<String, String>) -> Result<String, String> {
        let Some(mut session) = self.recording.take_if(|session| session.is_on_its_way) else { return written };
        written.map_err(|why| match &session.done {
            Some(recording) if !recording.notes.is_empty() => {
                session.is_on_its_way = false;
                self.recording = Some(session);
                format!("{why}. The recording is kept: `record off` tries again, `record discard` throws it away")
            }
            _ => why,
        })
    }

    /// Ends the recording and throws it away.
    ///
    /// # Errors
    ///
    /// When it is being written.
    pub fn discard(&mut self) -> Result<String, String> {
        match &self.recording {
            Some(session) if session.is_on_its_way => Err(session.is_being_written()),
            Some(session) => {
                let said = format!("the recording of {} is thrown away", session.order.track);
                self.recording = None;
                Ok(said)
            }
            None => Ok("nothing was being recorded".to_owned()),
        }
    }

    /// Takes the last edit back.
    ///
    /// # Errors
    ///
    /// When there is no file.
    pub fn undo(&self) -> Result<Plan, String> {
        self.file()?;
        Ok(Plan { what: "undo".to_owned(), edit: Box::new(|clerk| clerk.step("undone", History::undo)) })
    }

    /// Makes the edit again that was taken back last.
    ///
    /// # Errors
    ///
    /// When there is no file.
    pub fn redo(&self) -> Result<Plan, String> {
        self.file()?;
        Ok(Plan { what: "redo".to_owned(), edit: Box::new(|clerk| clerk.step("done again", History::redo)) })
    }

    /// Something came in. What is being learned is bound to what means most of all that comes within `TOUCH`: one touch is
    /// often several messages.
    pub fn heard(&mut self, heard: &Heard, scene: Scene<'_>) {
        if let Some(session) = &mut self.recording
            && !is_bound(&scene.set.program, heard)
        {
            session.recorder.heard(heard.tick, heard.port, heard.message);
        }
        if let Message::ControlChange(channel, number @ ..32, _) = heard.message {
            self.coarse.insert((heard.port, channel, number));
        }
        if self.touched.as_ref().is_some_and(|(_, touched)| self.is_half(touched)) {
            self.touched = None;
        }
        let Some((channel, trigger)) = trigger(heard.message).filter(|_| self.learning.is_some()) else { return };
        let new = Touched { port: heard.port, channel, trigger };
        if self.is_half(&new) {
            return;
        }
        match &mut self.touched {
            None => self.touched = Some((heard.at, new)),
            Some((first, best)) if heard.at.since(*first) >= wait(best.trigger) => {}
            Some((first, best)) if weight(trigger) > weight(best.trigger) => {
                // What perhaps was no touch does not make this one shorter.
                *first = if wait(best.trigger) == ALONE { heard.at } else { *first };
                *best = new;
            }
            Some(_) => {}
        }
    }

    /// Returns whether this is the fine half of what has come in as well.
    fn is_half(&self, touched: &Touched) -> bool {
        let coarse = |number| self.coarse.contains(&(touched.port, touched.channel, number));
        fine_half(touched.trigger).is_some_and(coarse)
    }

    /// It is `now`. What is being learned is to be written when a touch is over.
    pub fn learned(&mut self, now: Nanos, scene: Scene<'_>) -> Option<Plan> {
        let (_, Touched { port, channel, trigger }) =
            self.touched.take_if(|(first, touched)| now.since(*first) >= wait(touched.trigger))?;
        let words = self.learning.take()?;
        let port = scene.set.ports.get(usize::from(port.0))?.name.clone();
        Some(bind(port, channel, trigger, words))
    }

    /// The show as it is now: a recording follows where the music goes, and ends when its pattern does.
    pub fn look(&mut self, scene: Scene<'_>) -> Option<Plan> {
        let session = self.recording.as_mut().filter(|session| session.done.is_none())?;
        let slot = scene.set.tracks.iter().position(|name| *name == session.order.track);
        let playing = slot.and_then(|slot| scene.playing.of(crate::engine::program::TrackSlot(slot as u16)));
        let (position, left) = (scene.snapshot.position, session.position);
        let is_running = scene.snapshot.phase == Phase::Running;
        if session.is_running && !is_running {
            session.recorder.stopped(left.max(position));
        }
        (session.position, session.is_running) = (position, is_running);
        match playing {
            Some((pattern, origin)) if pattern == session.slot => {
                if origin != session.cycle.origin || position < left {
                    session.cycle.origin = origin;
                    session.recorder.jumped(left, position, session.cycle);
                }
                None
            }
            // Another pattern plays, or the track is gone.
            _ => self.finish(scene).ok(),
        }
    }

    /// Returns whether the set has a file, and is not built in.
    #[must_use]
    pub fn has_file(&self) -> bool {
        self.file.is_some()
    }

    fn file(&self) -> Result<&PathBuf, String> {
        self.file.as_ref().ok_or_else(|| Refused::built_in(&self.origin).to_string())
    }
}

impl Session {
    fn is_being_written(&self) -> String {
        format!("the recording of {} is being written; the disk has not answered yet", self.order.track)
    }
}

/// Binds what was touched to `words`.
fn bind(port: String, channel: Channel, trigger: Trigger, words: String) -> Plan {
    let what = format!("learn {words}");
    let name = what.clone();
    let edit: Edit = Box::new(move |clerk| {
        let heard = edit::Heard { port: &port, channel: Some(channel), trigger };
        let mut on = String::new();
        let mut replaced = Vec::new();
        let written = clerk.edit(&name, |origin, text| {
            let learned = edit::bind(origin, text, heard, &words, Taken::Replace)?;
            (on, replaced) = (learned.on, learned.replaced);
            Ok(learned.text)
        })?;
        let instead = if replaced.is_empty() { String::new() } else { format!(", instead of {}", replaced.join(", ")) };
        Ok(format!("{written}: `{on}` does `{words}`{instead}"))
    });
    Plan { what, edit }
}

fn length_of(set: &Set, pattern: PatternSlot) -> TickSpan {
    let length = set.program.patterns.get(usize::from(pattern.0)).map(|pattern| pattern.length);
    length.unwrap_or_default().max(TickSpan(1))
}

/// The port that is listened to and whose clock is not followed, if there is one only.
fn only_keyboard(set: &Set) -> Result<Option<usize>, String> {
    let heard = |is_followed: bool| {
        let ports = set.ports.iter().enumerate().filter(|(_, port)| port.input);
        let follows = |index: usize| set.program.clock.follow.contains(&PortSlot(index as u8));
        ports.map(|(index, _)| index).filter(|&index| follows(index) == is_followed).collect::<Vec<_>>()
    };
    match (&heard(false)[..], &heard(true)[..]) {
        (&[only], _) | (&[], &[only]) => Ok(Some(only)),
        ([], []) => Err("the set listens to no port; name one with `from`".to_owned()),
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|&index| set.ports[index].name.as_str()).collect();
            Err(format!("from which port? Say `from` and one of {}", names.join(", ")))
        }
    }
}

/// Returns whether what came in, which is no note, does something else than music.
fn is_bound(program: &Program, heard: &Heard) -> bool {
    let (channel, trigger) = match heard.message {
        Message::ControlChange(channel, number, _) => (channel, Trigger::Controller(number)),
        Message::PitchBend(channel, _) => (channel, Trigger::Bend),
        Message::ProgramChange(channel, number) => (channel, Trigger::Program(number)),
        _ => return false,
    };
    program.bindings.iter().any(|binding| {
        (binding.port, binding.trigger) == (heard.port, trigger)
            && binding.channel.is_none_or(|wanted| wanted == channel)
    })
}

/// Returns how much it means that this was touched. A key or a pad may send controllers, bend and pressure before and after its note,
/// and a program change may come with them.
const fn weight(trigger: Trigger) -> u8 {
    match trigger {
        Trigger::Note(_) => 4,
        Trigger::Program(_) => 3,
        Trigger::Controller(32..=63) => 0,
        Trigger::Controller(_) => 2,
        Trigger::Bend => 1,
    }
}

/// Returns how long something that means more is waited for.
const fn wait(trigger: Trigger) -> Span {
    if fine_half(trigger).is_some() { ALONE } else { TOUCH }
}

/// The controller of which this may be the fine half.
const fn fine_half(trigger: Trigger) -> Option<u8> {
    match trigger {
        Trigger::Controller(number @ 32..=63) => Some(number - 32),
        Trigger::Controller(_) | Trigger::Note(_) | Trigger::Program(_) | Trigger::Bend => None,
    }
}

/// Returns whether a controller is none that is touched: what comes with another message (bank select before a program change, the
/// number and value of a parameter, the finer velocity of a key), or is for everything on a channel.
const fn is_by_the_way(controller: u8) -> bool {
    matches!(controller, 0 | 6 | 32 | 38 | 88 | 96..=101 | 120..)
}

/// Returns what a message is to bindings, when it goes down.
fn trigger(message: Message) -> Option<(Channel, Trigger)> {
    match message {
        Message::NoteOn(channel, key, _) => Some((channel, Trigger::Note(key))),
        Message::ControlChange(channel, number, 1..) if !is_by_the_way(number) => {
            Some((channel, Trigger::Controller(number)))
        }
        Message::ProgramChange(channel, number) => Some((channel, Trigger::Program(number))),
        Message::PitchBend(channel, value) if Trigger::Bend.values().contain(value) => Some((channel, Trigger::Bend)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::files::{Clerk, SystemDisk};
    use crate::control::{Source, order};
    use crate::engine::program::TrackSlot;
    use crate::link::link;
    use crate::midi::{Key, Velocity};
    use crate::time::Nanos;

    const SET: &str = "# mine\n[ports.keys]\ndevice = \"Keys\"\n[ports.synth]\ndevice = \"Synth\"\n\n\
        [tracks.lead]\nport = \"synth\"\nchannel = 1\ntranspose = \"keys\"\n\n\
        [patterns.main]\nlead = \"c3 . . .\"  # as it was\n[patterns.build]\nlead = \"c4 . . .\"\n";

    /// A show that stands still, its editor, and the file that it writes into.
    struct Desk {
        set_editor: SetEditor,
        set: Set,
        status: Status,
        playing: Playing,
        snapshot: Snapshot,
        clerk: Clerk,
        file: PathBuf,
        _folder: tempfile::TempDir,
    }

    impl Desk {
        fn new() -> Desk {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("set.toml");
            std::fs::write(&file, SET).unwrap();
            let set = Set::parse("set.toml", SET.as_bytes()).unwrap();
            let (end, ..) = link(set.program.clone(), &[]);
            let snapshot = Snapshot { phase: Phase::Running, ..end.meters().snapshot() };
            let (status, mut playing) = (Status::default(), Playing::default());
            playing.follow(&set, &status);
            let set_editor = SetEditor::new("set.toml", Some(file.clone()));
            let source = Source::new("set.toml", Some(file.clone()), false, &set);
            let clerk = Clerk::new(source, Box::new(SystemDisk));
            Desk { set_editor, set, status, playing, snapshot, clerk, file, _folder: folder }
        }

        fn text(&self) -> String {
            std::fs::read_to_string(&self.file).unwrap()
        }

        fn scene(&self) -> Scene<'_> {
            Scene { set: &self.set, status: &self.status, playing: &self.playing, snapshot: &self.snapshot }
        }

        fn with<T>(&mut self, act: impl FnOnce(&mut SetEditor, Scene<'_>) -> T) -> T {
            let scene =
                Scene { set: &self.set, status: &self.status, playing: &self.playing, snapshot: &self.snapshot };
            act(&mut self.set_editor, scene)
        }

        fn hear(&mut self, tick: i64, message: Message) -> Option<Result<String, String>> {
            self.hear_at(0, tick, message);
            self.learned(30)
        }

        fn hear_at(&mut self, millis: u64, tick: i64, message: Message) {
            let heard = Heard { at: Nanos(millis * 1_000_000), tick: Tick(tick), port: PortSlot(0), message };
            self.with(|set_editor, scene| set_editor.heard(&heard, scene));
        }

        fn learned(&mut self, millis: u64) -> Option<Result<String, String>> {
            let plan = self.with(|set_editor, scene| set_editor.learned(Nanos(millis * 1_000_000), scene))?;
            Some((plan.edit)(&mut self.clerk))
        }

        /// Takes back the last edit, or makes it again.
        fn step(&mut self, plan: fn(&SetEditor) -> Result<Plan, String>) -> Result<String, String> {
            (plan(&self.set_editor)?.edit)(&mut self.clerk)
        }

        fn record(&mut self, words: &str) -> Result<String, String> {
            let Ok(order::Order::Record(record)) = order::parse(words, &self.set.names()) else { panic!("{words}") };
            self.with(|set_editor, scene| set_editor.record(record, scene))
        }

        /// The music is at `tick` of `pattern`, which began at 0.
        fn comes_to(&mut self, tick: i64, pattern: u16) -> Option<Result<String, String>> {
            self.snapshot.position = Tick(tick);
            self.status.pattern = PatternSlot(pattern);
            self.playing.follow(&self.set, &self.status);
            let plan = self.with(SetEditor::look)?;
            Some(self.write(plan))
        }

        fn write(&mut self, plan: Plan) -> Result<String, String> {
            let written = (plan.edit)(&mut self.clerk);
            self.set_editor.written(written)
        }

        fn finish(&mut self) -> Result<String, String> {
            let plan = self.with(SetEditor::finish)?;
            self.write(plan)
        }
    }

    fn note(key: u8, down: bool) -> Message {
        let (channel, key) = (Channel::from_number(1).unwrap(), Key::new(key).unwrap());
        if down {
            Message::NoteOn(channel, key, Velocity::new(100).unwrap())
        } else {
            Message::NoteOff(channel, key, 0)
        }
    }

    #[test]
    fn what_is_touched_after_learn_is_bound_once() {
        let mut desk = Desk::new();
        assert!(desk.with(|set_editor, scene| set_editor.learn("launch build", scene)).is_ok());
        assert_eq!(desk.set_editor.learning(), Some("launch build"));
        assert_eq!(desk.hear(0, Message::Clock), None);
        assert_eq!(desk.hear(0, note(36, false)), None);
        let said = desk.hear(0, note(36, true)).unwrap().unwrap();
        assert!(said.contains("`keys note 36 channel 1` does `launch build`"), "{said}");
        assert_eq!(desk.hear(0, note(37, true)), None);
        let text = desk.text();
        assert!(text.starts_with(SET) && text.contains("do = \"launch build\""), "{text}");
        assert!(desk.step(SetEditor::undo).is_ok());
        assert_eq!(desk.text(), SET);
        assert!(desk.step(SetEditor::redo).is_ok());
        assert_eq!(desk.text(), text);
    }

    #[test]
    fn of_a_touch_that_is_several_messages_what_means_most_is_learned() {
        let channel = Channel::from_number(1).unwrap();
        let cc = |number, value| Message::ControlChange(channel, number, value);
        let program = Message::ProgramChange(channel, 5);
        let bend = Message::PitchBend(channel, 16_000);
        let pressure = Message::ChannelPressure(channel, 90);
        for (sent, on) in [
            (vec![cc(0, 1), cc(32, 2), program], "program 5"),
            (vec![program], "program 5"),
            (vec![cc(39, 17), cc(7, 64), cc(39, 18)], "cc 7"),
            (vec![cc(7, 64), cc(39, 18)], "cc 7"),
            (vec![cc(99, 1), cc(98, 2), cc(6, 64), cc(38, 3), cc(20, 1)], "cc 20"),
            (vec![cc(20, 127)], "cc 20"),
            (vec![cc(16, 90), note(36, true)], "note 36"),
            (vec![note(36, true), cc(16, 90), pressure], "note 36"),
            (vec![bend, cc(74, 64), pressure, note(60, true)], "note 60"),
            (vec![cc(88, 12), note(60, true), note(64, true)], "note 60"),
            (vec![note(35, false), cc(64, 0), cc(123, 1), cc(120, 1), cc(64, 127)], "cc 64"),
            (vec![bend], "bend"),
        ] {
            let mut desk = Desk::new();
            assert!(desk.with(|set_editor, scene| set_editor.learn("launch build", scene)).is_ok());
            let last = sent.len() as u64 - 1;
            for (message, millis) in sent.into_iter().zip(100..) {
                desk.hear_at(millis, 0, message);
                assert_eq!(desk.learned(millis), None, "not before the touch is over");
            }
            let said = desk.learned(130 + last).unwrap().unwrap();
            assert!(said.contains(&format!("`keys {on} channel 1` does")), "{on}: {said}");
            assert_eq!(desk.set_editor.learning(), None);
        }
        // What comes later is another touch; and what is by the way is waited out.
        let mut desk = Desk::new();
        assert!(desk.with(|set_editor, scene| set_editor.learn("launch build", scene)).is_ok());
        desk.hear_at(1, 0, cc(32, 1));
        assert_eq!(desk.learned(5_000), None);
        desk.hear_at(6_000, 0, cc(7, 64));
        desk.hear_at(6_030, 0, note(36, true));
        assert!(desk.learned(6_031).unwrap().unwrap().contains("`keys cc 7 channel 1`"));
    }

    #[test]
    fn a_knob_that_could_be_the_fine_half_of_a_fader_is_learned_where_there_is_no_fader() {
        let channel = Channel::from_number(1).unwrap();
        let cc = |number, value| Message::ControlChange(channel, number, value);
        let learns = || {
            let mut desk = Desk::new();
            assert!(desk.with(|set_editor, scene| set_editor.learn("launch build", scene)).is_ok());
            desk
        };
        // A knob, or a button.
        let mut desk = learns();
        desk.hear_at(100, 0, cc(40, 1));
        desk.hear_at(150, 0, cc(40, 0));
        desk.hear_at(200, 0, cc(40, 2));
        assert_eq!(desk.learned(1_099), None);
        assert!(desk.learned(1_100).unwrap().unwrap().contains("`keys cc 40 channel 1` does"));
        // A fader that moves slowly at first: its coarse half comes, be it zero.
        let mut desk = learns();
        (1..8).for_each(|fine| desk.hear_at(100 * u64::from(fine), 0, cc(39, fine)));
        desk.hear_at(900, 0, cc(7, 0));
        desk.hear_at(901, 0, cc(39, 3));
        assert_eq!(desk.learned(4_000), None);
        desk.hear_at(4_100, 0, cc(7, 1));
        assert_eq!(desk.learned(4_129), None);
        assert!(desk.learned(4_130).unwrap().unwrap().contains("`keys cc 7 channel 1` does"));
        // Whatever means more is another touch, with its own time.
        let mut desk = learns();
        desk.hear_at(100, 0, cc(40, 1));
        desk.hear_at(1_090, 0, cc(16, 1));
        desk.hear_at(1_110, 0, note(36, true));
        assert_eq!(desk.learned(1_119), None);
        assert!(desk.learned(1_120).unwrap().unwrap().contains("`keys note 36 channel 1` does"));
        // A fader that has been moved before.
        let mut desk = Desk::new();
        desk.hear_at(10, 0, cc(8, 5));
        assert!(desk.with(|set_editor, scene| set_editor.learn("launch build", scene)).is_ok());
        desk.hear_at(100, 0, cc(40, 1));
        assert_eq!(desk.learned(9_000), None);
    }

    #[test]
    fn what_is_played_is_written_from_the_bar_line_on() {
        let mut desk = Desk::new();
        desk.comes_to(1_000, 0);
        let said = desk.record("record lead").unwrap();
        assert_eq!(said, "records lead in main from bar 2");
        for (tick, key, down) in [(2_000, 40, true), (2_100, 40, false), (4_800, 64, true), (5_000, 64, false)] {
            desk.hear(tick, note(key, down));
        }
        desk.comes_to(6_000, 0);
        let said = desk.finish().unwrap();
        assert!(said.ends_with(": 1 note"), "{said}");
        let text = desk.text();
        let set = Set::parse("set.toml", text.as_bytes()).unwrap();
        let clip = set.program.patterns[0].clip(TrackSlot(0)).unwrap();
        assert_eq!(clip.lanes.len(), 2, "{text}");
        assert!(text.contains("# mine") && text.contains("# as it was") && text.contains("e3"), "{text}");
        assert!(desk.finish().unwrap_err().contains("nothing is being recorded"));
    }

    #[test]
    fn a_recording_under_a_pedal_says_what_is_left_out() {
        let mut desk = Desk::new();
        desk.record("record lead").unwrap();
        let control = |number, value| Message::ControlChange(Channel::from_number(1).unwrap(), number, value);
        let messages = [control(64, 127), note(64, true), note(64, false), control(1, 3), control(64, 0)];
        for (tick, message) in (0..).step_by(100).zip(messages) {
            desk.hear(tick, message);
        }
        desk.comes_to(6_000, 0);
        let said = desk.finish().unwrap();
        let expected = ": 1 note; 1 note ends with its key, though a pedal held it; not recorded: 1 press of a pedal, controller 1";
        assert!(said.ends_with(expected), "{said}");
    }

    #[test]
    fn a_recording_ends_with_its_pattern() {
        let mut desk = Desk::new();
        desk.record("record lead replace").unwrap();
        assert!(desk.record("record lead").unwrap_err().contains("lead is being recorded"));
        desk.hear(480, note(64, true));
        assert_eq!(desk.comes_to(3_839, 0), None);
        assert!(desk.comes_to(3_841, 1).unwrap().is_ok());
        assert!(desk.text().contains("e3") && !desk.text().contains("lead = \"c3"), "{}", desk.text());
        assert_eq!(desk.set_editor.recording(desk.scene()), None);
    }

    #[test]
    fn a_recording_is_kept_until_it_can_be_written() {
        let mut desk = Desk::new();
        desk.record("record lead").unwrap();
        desk.hear(480, note(64, true));
        desk.comes_to(960, 0);
        std::fs::write(&desk.file, SET.replace("[tracks.lead]", "[tracks.lead")).unwrap();
        let why = desk.finish().unwrap_err();
        assert!(why.contains("mend the file") && why.contains("is kept"), "{why}");
        std::fs::write(&desk.file, SET).unwrap();
        assert!(desk.finish().is_ok());
        assert!(desk.text().contains("e3"));
    }

    #[test]
    fn a_recording_on_its_way_to_the_disk_is_neither_lost_nor_written_twice() {
        let mut desk = Desk::new();
        desk.record("record lead").unwrap();
        desk.hear(480, note(64, true));
        desk.comes_to(960, 0);
        let plan = desk.with(SetEditor::finish).unwrap();
        assert_eq!(
            desk.set_editor.recording(desk.scene()).as_deref(),
            Some("writes what was recorded of lead in main")
        );
        // The pattern changes meanwhile, and hands are impatient.
        assert_eq!(desk.comes_to(3_841, 1), None);
        for refused in [desk.finish(), desk.record("record lead"), desk.set_editor.discard()] {
            assert!(refused.unwrap_err().contains("is being written"));
        }
        assert!(desk.write(plan).is_ok() && desk.text().contains("e3"));
        assert_eq!(desk.set_editor.recording(desk.scene()), None);
    }

    #[test]
    fn what_cannot_be_written_is_said_first() {
        let mut desk = Desk::new();
        desk.set_editor.file = None;
        desk.set_editor.origin = "circuits".to_owned();
        for why in [
            desk.record("record lead").unwrap_err(),
            desk.with(|set_editor, scene| set_editor.learn("start", scene)).unwrap_err(),
            desk.step(SetEditor::undo).unwrap_err(),
        ] {
            assert!(why.contains("tightrope new"), "{why}");
        }
        let mut desk = Desk::new();
        assert!(desk.record("record lead from synth").unwrap_err().contains("does not listen to synth"));
        assert!(
            desk.record("record lead from kyes").unwrap_err().contains("there is no port `kyes`; did you mean `keys`?")
        );
    }
}

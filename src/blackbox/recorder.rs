//! Watches a show, and says what is to be written to its log.

use std::time::Duration;

use super::record::{self, End, Meters, Names, Record, Scene, SetText};
use super::writer::{Writer, Written};
use crate::control::errand::Errand;
use crate::control::{self, Observer, PortState, View};
use crate::engine::arrangement::transport::Phase;
use crate::engine::program::{PortSlot, TrackSet};
use crate::link::{Called, Sent};
use crate::time::{Nanos, Span};

/// How often what is measured is written.
const MEASURED_EVERY: Span = Span::from_millis(1_000);

/// The most of a notice that is written, in bytes: one may show all mistakes of a set.
const LONGEST_NOTICE: usize = 4_096;

/// How long the end of a show waits for the disk.
const PATIENCE: Duration = Duration::from_secs(2);

/// Hands a show to a [`Writer`].
pub struct Recorder {
    writer: Writer,
    batch: Vec<Record>,
    /// What was noticed, until it is known when.
    notices: Vec<control::Notice>,
    /// What is wrong with the set file.
    mistake: Option<String>,
    ports: Vec<PortState>,
    edition: Option<u64>,
    /// What plays, without when.
    scene: Option<Scene>,
    /// When what is measured is written next.
    measured: Nanos,
    now: Nanos,
}

impl Recorder {
    /// Hands to `writer` a show that begins with the set of `text`.
    #[must_use]
    pub fn new(writer: Writer, text: &control::Text) -> Recorder {
        let (batch, notices, ports) = (Vec::new(), Vec::new(), Vec::new());
        let mut recorder = Recorder {
            writer,
            batch,
            notices,
            mistake: None,
            ports,
            edition: None,
            scene: None,
            measured: Nanos(0),
            now: Nanos(0),
        };
        recorder.read(text);
        recorder
    }

    /// Returns what the log waits for.
    #[must_use]
    pub fn errand(&self) -> &Errand {
        self.writer.errand()
    }

    /// The show has ended, for this reason. Waits until all is written, for some seconds at most; what has been.
    #[must_use]
    pub fn finish(mut self, why: &str) -> Written {
        self.batch.push(Record::End(End { at: self.now, why: why.to_owned() }));
        self.writer.write(std::mem::take(&mut self.batch));
        self.writer.finish(PATIENCE)
    }

    fn note_ports(&mut self, ports: &[PortState]) {
        if self.ports == ports {
            return;
        }
        let nothing = PortState::default();
        for (slot, state) in (0..=u8::MAX).zip(ports) {
            let before = self.ports.get(usize::from(slot)).unwrap_or(&nothing);
            if (&before.input, &before.output) != (&state.input, &state.output) {
                let PortState { input, output, .. } = state.clone();
                let port = record::Port { at: self.now, port: PortSlot(slot), input, output };
                self.batch.push(Record::Port(port));
            }
        }
        self.ports = ports.to_vec();
    }

    fn note_notices(&mut self) {
        for control::Notice { mut text, is_wrong } in std::mem::take(&mut self.notices) {
            let fits = (0..=LONGEST_NOTICE.min(text.len())).rev().find(|&length| text.is_char_boundary(length));
            text.truncate(fits.unwrap_or(0));
            self.batch.push(Record::Notice(record::Notice { at: self.now, text, is_wrong }));
        }
    }

    fn note_scene(&mut self, view: &View<'_>) {
        let status = view.status;
        let slots = |tracks: TrackSet| tracks.iter().map(|track| track.0).collect();
        let scene = Scene {
            at: 0,
            is_running: view.snapshot.phase == Phase::Running,
            pattern: status.pattern.0,
            part: status.part.map(|part| part.0),
            muted: slots(status.muted),
            soloed: slots(status.soloed),
        };
        if self.scene.as_ref() != Some(&scene) {
            self.batch.push(Record::Scene(Scene { at: self.now.0, ..scene.clone() }));
            self.scene = Some(scene);
        }
    }

    fn note_meters(&mut self, view: &View<'_>) {
        if view.now < self.measured {
            return;
        }
        self.measured = view.now + MEASURED_EVERY;
        let snapshot = view.snapshot;
        let (jitter, wake) = (&snapshot.input_jitter, &snapshot.wake);
        self.batch.push(Record::Meters(Meters {
            at: view.now.0,
            bpm: snapshot.bpm,
            jitter: [jitter.p50.0, jitter.p99.0, jitter.max.0],
            pulses: jitter.count,
            wake: [wake.p99.0, wake.max.0],
            lost_inputs: snapshot.ports.iter().map(|port| port.lost_inputs).sum(),
            lost_trace: snapshot.lost_trace,
            withheld: snapshot.ports.iter().map(|port| port.withheld).sum(),
        }));
    }
}

impl Observer for Recorder {
    fn read(&mut self, text: &control::Text) {
        let control::Text { edition, own_clock, origin, bytes } = text.clone();
        self.batch.push(Record::Set(SetText { edition, own_clock, origin, text: bytes }));
    }

    fn called(&mut self, called: &Called) {
        self.batch.push(Record::Called(*called));
    }

    fn made(&mut self, sent: &Sent) {
        self.batch.push(Record::Made(*sent));
    }

    fn notice(&mut self, notice: &control::Notice) {
        self.notices.push(notice.clone());
    }

    fn look(&mut self, view: &View<'_>) {
        self.now = view.now;
        if self.edition.replace(view.edition) != Some(view.edition) {
            let ports = view.set.ports.iter().map(|port| port.name.clone()).collect();
            let (tracks, patterns) = (view.set.tracks.clone(), view.set.patterns.clone());
            self.batch.push(Record::Names(Names { ports, tracks, patterns }));
        }
        // What is wrong with the file stays in sight elsewhere, and so is no notice there.
        if self.mistake.as_deref() != view.mistake {
            self.mistake = view.mistake.map(str::to_owned);
            if let Some(text) = &self.mistake {
                self.notices.push(control::Notice { text: text.clone(), is_wrong: true });
            }
        }
        self.note_notices();
        self.note_ports(view.ports);
        self.note_scene(view);
        self.note_meters(view);
        self.writer.write(std::mem::take(&mut self.batch));
    }
}

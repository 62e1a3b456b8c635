//! Whole shows without the command line: started, told what to do, and ended.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tightrope::control::{Declined, Notice, Observer, Reason, View};
use tightrope::engine::ClockSource;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::outbox::Departure;
use tightrope::midi::Message;
use tightrope::rt::Settings;
use tightrope::rt::output::{Output, SendFailed};
use tightrope::rt::sched::Policy;
use tightrope::session::{
    Failed, Length, LoadError, Log, Options, Session, SetSource, StartError, StartNotice, Target,
};

/// How long a busy machine may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Notes that last into each other, on two ports, so that some sound at any time.
const SET: &str = r#"
tempo = 300
[ports.a]
device = "A"
clock = true
[ports.b]
device = "B"
[tracks.low]
port = "a"
channel = 1
[tracks.high]
port = "b"
channel = 2
gate = 150
[patterns.main]
low = "c2 _ _ _ d2 _ _ _"
high = "c4 e4 g4 c5"
[patterns.other]
low = "e2 _ _ _"
"#;

fn set() -> SetSource {
    SetSource::text("two.toml", SET)
}

/// Sends what leaves to a test; fails at one message, if it is told to.
struct Wire(Sender<Departure>, Option<u32>);

impl Output for Wire {
    fn send(&mut self, departure: &Departure) -> Result<(), SendFailed> {
        if let Some(left) = &mut self.1 {
            *left = left.wrapping_sub(1);
            assert_ne!(*left, 0, "a fault in an output");
        }
        self.0.send(*departure).map_err(|_| SendFailed::Refused)
    }
}

/// What a test asks of no machine: it may have no privileges, and other shows beside it.
fn options(fails_at: Option<u32>) -> (Options, Receiver<Departure>) {
    let (sent, leaves) = channel();
    let options = Options {
        target: Target::Output(Box::new(Wire(sent, fails_at))),
        realtime: Settings { policy: Policy::Other, lock_memory: false, stay_awake: false, ..Settings::default() },
        ..Options::default()
    };
    (options, leaves)
}

/// What leaves, up to the first message that `is_last`.
fn until(leaves: &Receiver<Departure>, is_last: impl Fn(&Departure) -> bool) -> Vec<Departure> {
    let (mut trace, begun) = (Vec::new(), Instant::now());
    loop {
        let departure = leaves.recv_timeout(PATIENCE).expect("the music goes on");
        assert!(begun.elapsed() < PATIENCE, "it does not come: {trace:?}");
        trace.push(departure);
        if is_last(&departure) {
            return trace;
        }
    }
}

fn is_key(departure: &Departure, number: u8) -> bool {
    matches!(departure.message, Message::NoteOn(_, key, _) if key.number() == number)
}

/// The keys that sound after `trace`, by port and channel.
fn sounding(trace: &[Departure]) -> BTreeSet<(u8, u8, u8)> {
    let mut sounding = BTreeSet::new();
    for Departure { port, message, .. } in trace {
        match message {
            Message::NoteOn(channel, key, _) => sounding.insert((port.0, channel.number(), key.number())),
            Message::NoteOff(channel, key, _) => sounding.remove(&(port.0, channel.number(), key.number())),
            _ => continue,
        };
    }
    sounding
}

#[test]
fn a_show_is_started_told_what_to_do_and_ended_and_nothing_is_left_sounding() {
    let (options, leaves) = options(None);
    let session = Session::start(set(), options).expect("it starts");
    let clock = session.notices().iter().find(|notice| matches!(notice, StartNotice::Clock { .. }));
    assert_eq!(clock.map(ToString::to_string).as_deref(), Some("clock: our own, 300.0 BPM"));
    assert!(session.notices().iter().any(|notice| matches!(notice, StartNotice::Granted(_))));
    let mut trace = until(&leaves, |departure| is_key(departure, 72));
    assert_eq!(session.ask("launch other at beat", PATIENCE), Ok(Ok(String::new())));
    trace.extend(until(&leaves, |departure| is_key(departure, 52)));
    assert!(!sounding(&trace).is_empty());
    let wrong = session.ask("lanch other", PATIENCE).expect("it is answered");
    assert!(matches!(&wrong, Err(Declined::Misunderstood(why)) if why.contains("launch")), "{wrong:?}");
    let caller = session.caller().clone();
    let ended = session.end().expect("it ends");
    assert_eq!((ended.outcome.as_ref(), ended.why()), (Ok(&Reason::Asked), "asked to".to_owned()));
    trace.extend(leaves.try_iter());
    assert_eq!(sounding(&trace), BTreeSet::new());
    assert_eq!(trace.iter().filter(|departure| departure.message == Message::Stop).count(), 1, "{trace:?}");
    let sent: u64 = ended.snapshot.ports.iter().map(|port| port.sent).sum();
    assert_eq!((sent, ended.snapshot.sounding), (trace.len() as u64, 0));
    assert_eq!((ended.snapshot.clock_source, ended.snapshot.phase), (ClockSource::Own, Phase::Stopped));
    assert!(caller.ask("start", PATIENCE).is_err(), "it has ended");
}

#[test]
fn a_show_ends_by_itself_and_keeps_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let (mut options, leaves) = options(None);
    options.length = Some(Length::Bars(1));
    options.log = Some(Log { root: folder.path().to_owned(), bytes: 8 << 20 });
    let session = Session::start(set(), options).expect("it starts");
    let begun = Instant::now();
    while !session.is_over() {
        assert!(begun.elapsed() < PATIENCE, "a bar lasts 0.8 s");
        std::thread::sleep(Duration::from_millis(1));
    }
    let ended = session.wait().expect("it ends");
    assert_eq!((ended.outcome.as_ref(), ended.why()), (Ok(&Reason::Finished), "at its end".to_owned()));
    let trace: Vec<Departure> = leaves.try_iter().collect();
    let struck = trace.iter().filter(|departure| matches!(departure.message, Message::NoteOn(..))).count();
    assert_eq!((struck, sounding(&trace)), (20, BTreeSet::new()));
    let log = ended.log.expect("there is a log");
    assert!(log.folder.is_some_and(|log| log.starts_with(folder.path())) && log.bytes > 0 && log.lost == 0);
}

#[test]
fn a_session_that_is_dropped_ends_its_notes_first() {
    let (options, leaves) = options(None);
    let session = Session::start(set(), options).expect("it starts");
    let mut trace = until(&leaves, |departure| is_key(departure, 72));
    drop(session);
    trace.extend(leaves.try_iter());
    assert_eq!(sounding(&trace), BTreeSet::new());
    // Its real-time thread has gone, and its output with it.
    assert!(leaves.recv().is_err());
}

#[test]
fn an_observer_sees_the_show_on_its_control_thread() {
    struct Seen(Sender<String>);
    impl Observer for Seen {
        fn look(&mut self, view: &View<'_>) {
            let _ = self.0.send(format!("{} {:?}", view.set.name, view.snapshot.phase));
        }

        fn notice(&mut self, notice: &Notice) {
            let _ = self.0.send(notice.text.clone());
        }
    }
    let (options, _leaves) = options(None);
    let (said, seen) = channel();
    let session = Session::start_observed(set(), options, Seen(said)).expect("it starts");
    while seen.recv_timeout(PATIENCE).expect("it is looked at") != "two Running" {}
    session.end().expect("it ends");
    assert!(seen.iter().count() > 0, "the last look is after the last note");
}

#[test]
fn a_thread_that_fails_is_reported_and_its_notes_are_ended() {
    let (options, leaves) = options(Some(8));
    let session = Session::start(set(), options).expect("it starts");
    let ended = session.wait().expect("it ends");
    assert!(matches!(&ended.outcome, Err(Failed::Panicked { thread, .. }) if thread == "real-time thread"));
    assert_eq!(ended.why(), "the real-time thread failed");
    assert_eq!(sounding(&leaves.try_iter().collect::<Vec<_>>()), BTreeSet::new());
}

#[test]
fn what_cannot_start_says_why() {
    let start = |source| Session::start(source, options(None).0).map(|_| ()).unwrap_err();
    let unknown = start(SetSource::named("no-such-set"));
    assert!(matches!(&unknown, StartError::Load(LoadError::NoSuchSet(_))), "{unknown:?}");
    let missing = start(SetSource::named("/no/such/set.toml"));
    assert!(matches!(&missing, StartError::Load(LoadError::Unreadable(..))), "{missing:?}");
    let wrong = start(SetSource::text("wrong.toml", "tempo = 0"));
    assert!(matches!(&wrong, StartError::Load(LoadError::Mistakes(_))) && wrong.to_string().contains("wrong.toml"));
}

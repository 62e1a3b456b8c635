//! The stage's probe: poses as two synthesizers and listens to what the program under test plays on them.
//!
//! A sequencer that is one pulse early looks punctual to anyone who only measures the distance to the nearest pulse. So
//! the probe is both sides at once: it is the master whose clock is followed, it hears its own pulses as they are
//! delivered, and it stamps what the instruments hear on the same clock. What was heard is then compared with the score,
//! note by note and pulse by pulse. `scripts/stage` runs it in an emulated machine with a real ALSA; it needs nothing of
//! that script and works as well on a desk with `snd-seq` loaded.
//!
//! The parts, so that a scenario can be added without touching the others:
//!
//! | file | holds |
//! |---|---|
//! | `schedule.rs` | what the master sends and when, computed from an origin |
//! | `player.rs` | the thread that sends a schedule, and the one that collects what is heard |
//! | `instrument.rs` | the interface of the two instruments; `sequencer.rs` and `gadget.rs` carry it |
//! | `recording.rs` | what was heard: stamp, port, message |
//! | `score.rs` | what the built-in set has to play, by pulse |
//! | `verdict.rs` | the checks: pure functions of a recording and a score |
//! | `cases.rs`, `matrix.rs` | the transport matrix: what happens in each case, and the verdict on it |
//! | `program.rs` | the program under test as a child process |
//! | `jitter.rs` | how a master's pulses miss their grid |
//! | `live.rs` | what disturbs a show: a screen, a flood, a set file that is saved |
//! | `editor.rs` | how a set file is saved at random, without changing what has to be played |
//! | `hands.rs`, `start.rs` | keys and pads, and how soon they are answered; how soon the program plays |
//! | `guardian.rs`, `kills.rs` | the program is killed, crashes or freezes, and somebody else has to end its notes |
//! | `hostile.rs` | instruments that send what none should, that are unplugged, and that send back what they get; panic |
//! | `system.rs`, `surroundings.rs` | what the operating system may do to a show |
//! | `tally.rs` | what a show has lost, counted |
//! | `machine.rs` | what the program says of its machine |
//! | `log.rs` | a show, played again from its log |
//! | `grid.rs` | where the true pulses are on the clock of the stamps |
//! | `show.rs`, `signals.rs`, `alone.rs`, `deaf.rs`, `figures.rs`, `transport.rs`, `saves.rs` | the order of events of a scenario, with all of the above |
//! | `cli.rs` | the command line |
//! | `sys.rs` | the calls to the system that the standard library lacks |

#[cfg(target_os = "linux")]
mod alone;
#[cfg(target_os = "linux")]
mod cases;
#[cfg(target_os = "linux")]
mod cli;
#[cfg(target_os = "linux")]
mod deaf;
#[cfg(target_os = "linux")]
mod editor;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod gadget;
#[cfg(target_os = "linux")]
mod grid;
#[cfg(target_os = "linux")]
mod guardian;
#[cfg(target_os = "linux")]
mod hands;
#[cfg(target_os = "linux")]
mod hostile;
#[cfg(target_os = "linux")]
mod instrument;
#[cfg(target_os = "linux")]
mod jitter;
#[cfg(target_os = "linux")]
mod kills;
#[cfg(target_os = "linux")]
mod live;
#[cfg(target_os = "linux")]
mod log;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod matrix;
#[cfg(target_os = "linux")]
mod player;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
mod recording;
#[cfg(target_os = "linux")]
mod saves;
#[cfg(target_os = "linux")]
mod schedule;
#[cfg(target_os = "linux")]
mod score;
#[cfg(target_os = "linux")]
mod sequencer;
#[cfg(target_os = "linux")]
mod show;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod slew;
#[cfg(target_os = "linux")]
mod start;
#[cfg(target_os = "linux")]
mod surroundings;
#[cfg(target_os = "linux")]
mod sys;
#[cfg(target_os = "linux")]
mod system;
#[cfg(target_os = "linux")]
mod tally;
#[cfg(target_os = "linux")]
mod transport;
#[cfg(target_os = "linux")]
mod verdict;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    cli::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the stage needs ALSA, and so Linux");
}

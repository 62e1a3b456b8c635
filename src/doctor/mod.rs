//! What this machine can promise for a show, and what to change so that it can promise more.
//!
//! Two looks at the machine. One reads what the kernel says of itself ([`examine`]): a [`Finding`] for each thing that timing
//! depends on, with the command that mends it. The other tries it out ([`trial`]): deadlines kept by a thread as that of a show,
//! under a load of its own. A setting that looks bad and a machine that keeps time all the same are both said; the trial
//! has the last word on timing.
//!
//! | file | duty |
//! |---|---|
//! | [`machine`] | reading `/proc` and `/sys`, of this machine or of one in a folder |
//! | `kernel` | preemption, what is left to other threads, the clock |
//! | `limits` | what this user may ask for |
//! | `power` | processors that change their speed or sleep, batteries, lids |
//! | `threads` | other real-time threads, and those of interrupts |
//! | `wires` | the sequencer, and how its devices are plugged in |
//! | [`trial`] | ten seconds of deadlines, and a verdict |
//!
//! Everything that is read comes through [`Machine`], and what the system has granted through [`Asked`], so that machines of all
//! kinds are examined in tests. Files that are not there say nothing: containers and other systems have few of them.

mod kernel;
mod limits;
pub mod machine;
mod power;
pub mod threads;
pub mod trial;
mod wires;

use machine::Machine;

use crate::rt::Settings;
use crate::rt::sched::Granted;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Good,
    /// A show can be played; it could be better.
    Advice,
    /// Not to be played on a stage.
    Unsafe,
}

/// Something about this machine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What it is about, in a word or two.
    pub topic: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What was found, and what it means for a show.
    pub found: String,
    /// What mends it: a command, or what to do; none where nothing has to be mended.
    pub mend: Option<String>,
}

impl Finding {
    fn good(topic: &'static str, found: impl Into<String>) -> Finding {
        Finding { topic, level: Level::Good, found: found.into(), mend: None }
    }

    fn advice(topic: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { topic, level: Level::Advice, found: found.into(), mend: Some(mend.into()) }
    }

    fn unsafe_for_a_show(topic: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { topic, level: Level::Unsafe, found: found.into(), mend: Some(mend.into()) }
    }
}

/// What a show would ask of the system, and what came of asking.
#[derive(Clone, Debug)]
pub struct Asked {
    /// As the configuration says.
    pub settings: Settings,
    /// What was granted.
    pub granted: Granted,
    /// Whether `/dev/cpu_dma_latency` could be opened, which holds off deep idle states.
    pub stays_awake: bool,
    /// Why there is no MIDI, if there is none.
    pub no_midi: Option<String>,
}

/// Examines what `machine` says of itself. Takes some milliseconds.
#[must_use]
pub fn examine(machine: &Machine, asked: &Asked) -> Vec<Finding> {
    let mut findings = Vec::new();
    kernel::examine(machine, &asked.settings, &mut findings);
    limits::examine(machine, asked, &mut findings);
    power::examine(machine, asked, &mut findings);
    threads::examine(machine, &asked.settings, &mut findings);
    wires::examine(machine, asked, &mut findings);
    findings
}

//! Other real-time threads: those of interrupts, and those that could keep the processor from a show.

use std::collections::BTreeMap;

use super::machine::Machine;
use super::{Finding, Level};
use crate::rt::Settings;

/// A thread in a real-time class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealTimeThread {
    /// Its process.
    pub process: u32,
    /// Its name.
    pub name: String,
    /// Its priority, 1 to 99.
    pub priority: u8,
    /// Whether it is the kernel's own.
    pub is_kernels: bool,
    /// How long it has run, in hundredths of a second.
    pub ran: u64,
}

/// Numbers of `linux/sched.h`: the classes, and the flag of the kernel's own threads.
const FIFO: i64 = 1;
const ROUND_ROBIN: i64 = 2;
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Who uses more of a processor than this, in per cent, is no occasional thread.
const BUSY_PERCENT: u64 = 10;

/// All real-time threads of the machine but those of process `own`, by thread number.
#[must_use]
pub fn real_time_threads(machine: &Machine, own: u32) -> BTreeMap<u32, RealTimeThread> {
    let mut threads = BTreeMap::new();
    let processes = machine.list("/proc").into_iter().filter_map(|name| name.parse::<u32>().ok());
    for process in processes.filter(|process| *process != own) {
        let folder = format!("/proc/{process}/task");
        for thread in machine.list(&folder) {
            let stat = machine.read(&format!("{folder}/{thread}/stat"));
            if let (Ok(number), Some(thread)) = (thread.parse(), stat.and_then(|stat| parse(process, &stat))) {
                threads.insert(number, thread);
            }
        }
    }
    threads
}

/// A line of `/proc/PID/task/TID/stat`, of a thread in a real-time class. Its fields are numbered as in proc(5).
fn parse(process: u32, stat: &str) -> Option<RealTimeThread> {
    // The name may hold spaces and brackets; the third field comes after it.
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<i64>().ok();
    let (priority, policy) = (field(40)?, field(41)?);
    if policy != FIFO && policy != ROUND_ROBIN {
        return None;
    }
    let is_kernels = field(9)? as u64 & KERNEL_THREAD != 0;
    let ran = field(14)?.max(0) as u64 + field(15)?.max(0) as u64;
    Some(RealTimeThread { process, name, priority: u8::try_from(priority).ok()?, is_kernels, ran })
}

/// The drivers of USB hosts and sound cards, as the names of their interrupts have them.
const MIDI_INTERRUPTS: [&str; 6] = ["xhci", "ehci", "ohci", "uhci", "dwc", "snd"];

fn is_interrupt(thread: &RealTimeThread) -> bool {
    thread.is_kernels && thread.name.starts_with("irq/")
}

fn carries_midi(thread: &RealTimeThread) -> bool {
    is_interrupt(thread) && MIDI_INTERRUPTS.iter().any(|driver| thread.name.contains(driver))
}

pub(super) fn examine(machine: &Machine, settings: &Settings, findings: &mut Vec<Finding>) {
    let threads = real_time_threads(machine, std::process::id());
    findings.extend(interrupts(&threads, settings));
    findings.extend(above(&threads, settings));
}

fn interrupts(threads: &BTreeMap<u32, RealTimeThread>, settings: &Settings) -> Option<Finding> {
    const TOPIC: &str = "interrupts";
    let highest = threads.values().filter(|thread| is_interrupt(thread)).max_by_key(|thread| thread.priority)?;
    if settings.priority <= highest.priority {
        return Some(Finding::advice(
            TOPIC,
            format!(
                "`{}` runs at {}, and a show at {}: any interrupt may delay its notes",
                highest.name, highest.priority, settings.priority
            ),
            format!("set `priority = {}` in the configuration", (highest.priority + 5).min(95)),
        ));
    }
    let midi = threads.values().filter(|thread| carries_midi(thread)).max_by_key(|thread| thread.priority);
    let carrier =
        midi.map_or(String::new(), |thread| format!("; `{}`, which carries MIDI, at {}", thread.name, thread.priority));
    Some(Finding::good(TOPIC, format!("threads of their own, below a show's {}{carrier}", settings.priority)))
}

/// Programs whose threads come before a show's.
fn above(threads: &BTreeMap<u32, RealTimeThread>, settings: &Settings) -> Option<Finding> {
    let programs = threads.values().filter(|thread| !thread.is_kernels && thread.priority >= settings.priority);
    let names: Vec<String> = programs.map(|thread| format!("`{}` ({})", thread.name, thread.priority)).collect();
    if names.is_empty() {
        return None;
    }
    Some(Finding {
        topic: "other real-time programs",
        level: Level::Advice,
        found: format!("{} come before a show at {}", names.join(", "), settings.priority),
        mend: Some("end what is not needed, or set a higher `priority` in the configuration (at most 95)".into()),
    })
}

/// Returns which real-time threads kept a processor busy between two looks, `centiseconds` apart, at a priority that matters: above a
/// show's own, or above what carries MIDI.
#[must_use]
pub fn hogs(
    before: &BTreeMap<u32, RealTimeThread>,
    after: &BTreeMap<u32, RealTimeThread>,
    centiseconds: u64,
    settings: &Settings,
) -> Vec<Finding> {
    let carrier = after.values().filter(|thread| carries_midi(thread)).map(|thread| thread.priority).min();
    let matters = carrier.map_or(settings.priority, |carrier| carrier.min(settings.priority));
    let busy = after.iter().filter_map(|(number, thread)| {
        let ran = thread.ran.saturating_sub(before.get(number)?.ran);
        let percent = 100 * ran / centiseconds.max(1);
        let is_hog = !thread.is_kernels && thread.priority >= matters && percent >= BUSY_PERCENT;
        is_hog.then(|| {
            Finding::unsafe_for_a_show(
                "other real-time programs",
                format!("`{}` at priority {} used {percent} % of a processor", thread.name, thread.priority),
                format!("end it (kill {}), or give it a lower priority (sudo chrt -f -p 10 {number})", thread.process),
            )
        })
    });
    busy.collect()
}

#[cfg(test)]
mod tests {
    use super::super::machine::tests::Model;
    use super::*;

    fn stat(name: &str, flags: u64, ran: u64, priority: u8, policy: i64) -> String {
        let mut fields = vec!["0".to_owned(); 52];
        fields[2] = "S".into();
        fields[8] = flags.to_string();
        fields[13] = ran.to_string();
        fields[39] = priority.to_string();
        fields[40] = policy.to_string();
        format!("7 ({name}) {}", fields[2..].join(" "))
    }

    fn machine(threads: &[(u32, &str, u64, u64, u8, i64)]) -> Model {
        let model = Model::new(&[]);
        for &(number, name, flags, ran, priority, policy) in threads {
            model.write(&format!("/proc/{number}/task/{number}/stat"), &stat(name, flags, ran, priority, policy));
        }
        model
    }

    const XHCI: (u32, &str, u64, u64, u8, i64) = (9, "irq/30-xhci_hcd", KERNEL_THREAD, 0, 50, FIFO);

    #[test]
    fn real_time_threads_are_found_whatever_they_are_called() {
        let model =
            machine(&[(5, "a) (b 1 2", 0, 42, 88, FIFO), (6, "plain", 0, 0, 0, 0), (7, "own", 0, 0, 80, FIFO), XHCI]);
        model.write("/proc/5/task/8/stat", "torn (");
        let threads = real_time_threads(&model.machine(), 7);
        assert_eq!(threads.keys().copied().collect::<Vec<_>>(), [5, 9]);
        assert_eq!((&*threads[&5].name, threads[&5].priority, threads[&5].ran), ("a) (b 1 2", 88, 42));
        assert!(threads[&9].is_kernels);
    }

    #[test]
    fn a_show_runs_above_interrupts() {
        let threads = real_time_threads(&machine(&[XHCI]).machine(), 1);
        let level = |priority| interrupts(&threads, &Settings { priority, ..Settings::default() }).unwrap().level;
        assert_eq!((level(80), level(50)), (Level::Good, Level::Advice));
        assert_eq!(interrupts(&BTreeMap::new(), &Settings::default()), None);
    }

    #[test]
    fn who_keeps_a_processor_busy_above_what_carries_midi_is_a_hog() {
        let at = |ran| {
            real_time_threads(
                &machine(&[XHCI, (5, "spinner", 0, ran, 60, ROUND_ROBIN), (4, "short", 0, 3, 88, FIFO)]).machine(),
                1,
            )
        };
        let found = hogs(&at(100), &at(600), 1_000, &Settings::default());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].level == Level::Unsafe && found[0].found.contains("`spinner` at priority 60 used 50 %"));
        assert!(hogs(&at(100), &at(150), 1_000, &Settings::default()).is_empty());
        let above = above(&at(0), &Settings::default()).unwrap();
        assert!(above.found.contains("`short` (88)") && !above.found.contains("spinner"));
    }
}

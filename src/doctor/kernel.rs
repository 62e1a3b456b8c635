//! The kernel: whether it lets itself be interrupted, what it leaves to other threads, and which clock it has.

use super::machine::{Machine, Silence};
use super::{Finding, Level};
use crate::rt::Settings;
use crate::rt::pacer::Strategy;

/// How soon the kernel gives the processor to a thread that is more important than what it does itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preemption {
    RealTime,
    Full,
    Lazy,
    Voluntary,
    None,
}

impl Preemption {
    /// As the kernel says: for certain where it is a real-time one; where it can be chosen at its start, as far as that
    /// can be told.
    fn of(machine: &Machine) -> Option<Preemption> {
        let version = machine.read("/proc/sys/kernel/version")?;
        if machine.number("/sys/kernel/realtime") == Some(1) || version.contains("PREEMPT_RT") {
            return Some(Preemption::RealTime);
        }
        if !version.contains("PREEMPT_DYNAMIC") {
            return Some(if version.contains("PREEMPT") { Preemption::Full } else { Preemption::Voluntary });
        }
        // `none voluntary (full)`
        let modes = machine.read(CHOSEN);
        let chosen = modes.as_deref().and_then(|modes| modes.split(['(', ')']).nth(1));
        let line = machine.read("/proc/cmdline").unwrap_or_default();
        let asked = line.split_whitespace().find_map(|word| word.strip_prefix("preempt="));
        match chosen.or(asked)? {
            "full" => Some(Preemption::Full),
            "lazy" => Some(Preemption::Lazy),
            "none" => Some(Preemption::None),
            "voluntary" => Some(Preemption::Voluntary),
            // A mode of later kernels.
            _ => None,
        }
    }
}

/// Where a kernel says which preemption was chosen at its start.
const CHOSEN: &str = "/sys/kernel/debug/sched/preempt";

pub(super) fn examine(machine: &Machine, settings: &Settings, findings: &mut Vec<Finding>) {
    let release = machine.read("/proc/sys/kernel/osrelease").unwrap_or_default();
    findings.extend(preemption(machine, &release));
    findings.extend(share(machine, &release, settings));
    findings.extend(clock(machine));
    findings.extend(host(machine));
}

fn preemption(machine: &Machine, release: &str) -> Option<Finding> {
    const TOPIC: &str = "kernel";
    const CHOOSE: &str = "add `preempt=full` to the kernel's command line (GRUB_CMDLINE_LINUX in /etc/default/grub, then \
                          `sudo update-grub`), or install a real-time kernel (Debian: `sudo apt install linux-image-rt-amd64`)";
    machine.read("/proc/sys/kernel/version")?;
    Some(match Preemption::of(machine) {
        Some(Preemption::RealTime) => Finding::good(TOPIC, format!("{release}, PREEMPT_RT: made for this")),
        Some(Preemption::Full) => {
            Finding::good(TOPIC, format!("{release}, preemptible: good; a PREEMPT_RT kernel has shorter tails"))
        }
        Some(Preemption::Lazy) => Finding::good(
            TOPIC,
            format!(
                "{release}, lazily preemptible: real-time threads preempt it at once; a PREEMPT_RT kernel has shorter tails"
            ),
        ),
        Some(Preemption::Voluntary) => Finding::advice(
            TOPIC,
            format!("{release}, preemptible only where it likes: under load notes may be some milliseconds late"),
            CHOOSE,
        ),
        Some(Preemption::None) => Finding::advice(
            TOPIC,
            format!("{release}, not preemptible: under load notes may be many milliseconds late"),
            CHOOSE,
        ),
        None => {
            let (why, look) = unseen(machine.silence(CHOSEN), machine.is_root());
            Finding::advice(
                TOPIC,
                format!("{release}, which is preemptible as was chosen at its start; {why}"),
                format!("{look}; `full` should be in brackets. If not: `preempt=full` on the kernel's command line"),
            )
        }
    })
}

/// Why it cannot be seen what was chosen, and how it can.
fn unseen(silence: Option<Silence>, is_root: bool) -> (&'static str, String) {
    let sudo = if is_root { "" } else { "sudo " };
    match silence {
        Some(Silence::NotThere) => (
            "what was cannot be seen, because debugfs is not mounted here, or has no word of it",
            format!(
                "run `{sudo}mount -t debugfs none /sys/kernel/debug` and `{sudo}cat {CHOSEN}`, where this is a container \
                 outside of it"
            ),
        ),
        Some(Silence::NotPermitted) if is_root => (
            "what was is kept even from root, by a container or a locked kernel",
            format!("where this is a container, run `cat {CHOSEN}` outside of it"),
        ),
        Some(Silence::NotPermitted) => ("only root may see what was", format!("run `sudo cat {CHOSEN}`")),
        Some(Silence::Unreadable) | None => {
            ("what was is not said in words that are known here", format!("look into {CHOSEN}"))
        }
    }
}

/// Returns what is kept back from real-time threads for the others.
fn share(machine: &Machine, release: &str, settings: &Settings) -> Option<Finding> {
    const TOPIC: &str = "real-time share";
    let runtime = machine.number("/proc/sys/kernel/sched_rt_runtime_us")?;
    let period = machine.number("/proc/sys/kernel/sched_rt_period_us").unwrap_or(1_000_000).max(1);
    let is_busy = settings.wait == Strategy::Busy;
    let no_busy = "set `wait = \"hybrid\"` in the configuration, which needs a fraction of it";
    if runtime == 0 {
        return Some(Finding::unsafe_for_a_show(
            TOPIC,
            "sched_rt_runtime_us is 0: no thread may be a real-time one",
            "sudo sysctl kernel.sched_rt_runtime_us=950000",
        ));
    }
    // From 6.12 on a server of the fair class does it, in place of throttling.
    if has_fair_server(release) {
        let text = "ordinary threads that starve get 50 ms of each second (fair server)";
        return Some(match is_busy {
            true => Finding::unsafe_for_a_show(TOPIC, format!("{text}, which a busy wait would lose"), no_busy),
            false => Finding::good(TOPIC, format!("{text}; a show leaves them far more")),
        });
    }
    if runtime < 0 {
        return Some(Finding::good(TOPIC, "not limited (sched_rt_runtime_us is -1)"));
    }
    let stopped = (period - runtime).max(0) / 1_000;
    let text = format!("real-time threads that never wait are stopped for {stopped} ms of each {} ms", period / 1_000);
    Some(match is_busy && stopped > 0 {
        true => Finding::unsafe_for_a_show(TOPIC, format!("{text}, and so would a busy wait be"), no_busy),
        false => Finding::good(TOPIC, format!("{text}; a show waits nearly always")),
    })
}

/// Returns whether a kernel of this release has the fair server.
fn has_fair_server(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(6), Some(12))
}

fn clock(machine: &Machine) -> Option<Finding> {
    const TOPIC: &str = "clock";
    let source = machine.read("/sys/devices/system/clocksource/clocksource0/current_clocksource")?;
    Some(match &*source {
        "hpet" | "acpi_pm" | "jiffies" | "pit" => Finding::advice(
            TOPIC,
            format!("`{source}`, which takes microseconds to read, many times for each note"),
            "look into `sudo dmesg | grep -i tsc` for why the processor's own is not used; often it is a setting of the firmware",
        ),
        _ => Finding::good(TOPIC, format!("`{source}`, which is read in an instant")),
    })
}

/// Returns whether another machine stands behind this one.
fn host(machine: &Machine) -> Option<Finding> {
    let info = machine.read("/proc/cpuinfo")?;
    let is_flag = |line: &&str| line.starts_with("flags") && line.split_whitespace().any(|flag| flag == "hypervisor");
    info.lines().find(is_flag)?;
    Some(Finding {
        topic: "virtual machine",
        level: Level::Advice,
        found: "its host may take the processor away at any time, and nothing in here can tell when".into(),
        mend: Some("play on the machine itself".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::machine::tests::Model;
    use super::*;

    const VERSION: &str = "/proc/sys/kernel/version";

    fn preemption_of(files: &[(&str, &str)]) -> Option<Preemption> {
        Preemption::of(&Model::new(files).machine())
    }

    #[test]
    fn kernels_say_how_they_preempt() {
        let dynamic = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.0";
        assert_eq!(preemption_of(&[]), None);
        assert_eq!(preemption_of(&[(VERSION, "#1 SMP PREEMPT_RT Debian 6.1")]), Some(Preemption::RealTime));
        assert_eq!(preemption_of(&[(VERSION, "#1 SMP PREEMPT Mon")]), Some(Preemption::Full));
        assert_eq!(preemption_of(&[(VERSION, "#1 SMP Mon")]), Some(Preemption::Voluntary));
        assert_eq!(preemption_of(&[(VERSION, dynamic)]), None, "only root can tell");
        let debug = ("/sys/kernel/debug/sched/preempt", "none (voluntary) full");
        assert_eq!(preemption_of(&[(VERSION, dynamic), debug]), Some(Preemption::Voluntary));
        let line = ("/proc/cmdline", "quiet preempt=full");
        assert_eq!(preemption_of(&[(VERSION, dynamic), line]), Some(Preemption::Full));
    }

    #[test]
    fn what_is_not_there_is_not_said_to_be_for_root_only() {
        const ROOT: (&str, &str) = ("/proc/self/status", "Uid:\t0\t0\t0\t0");
        let version = (VERSION, "#1 SMP PREEMPT_DYNAMIC Mon");
        let finding = |files: &[(&str, &str)]| preemption(&Model::new(files).machine(), "6.18").unwrap();
        let user = finding(&[version]);
        assert!(user.found.contains("debugfs is not mounted"), "{}", user.found);
        assert!(!user.found.contains("only root"), "{}", user.found);
        assert!(user.mend.is_some_and(|mend| mend.contains("`sudo mount -t debugfs none /sys/kernel/debug`")));
        let root = finding(&[version, ROOT]);
        assert!(root.mend.is_some_and(|mend| mend.contains("`mount -t debugfs") && !mend.contains("sudo")));
        let of = |is_root| unseen(Some(Silence::NotPermitted), is_root);
        assert!(of(false).0.contains("only root") && of(false).1.contains("`sudo cat "));
        assert!(of(true).0.contains("even from root") && !of(true).1.contains("sudo"));
        let odd = finding(&[version, (CHOSEN, "")]);
        assert!(odd.found.contains("not said in words") && odd.mend.is_some_and(|mend| mend.contains(CHOSEN)));
    }

    #[test]
    fn a_busy_wait_is_unsafe_where_it_would_be_stopped() {
        let runtime = |text: &str| Model::new(&[("/proc/sys/kernel/sched_rt_runtime_us", text)]);
        let busy = Settings { wait: Strategy::Busy, ..Settings::default() };
        let level = |text: &str, release: &str, settings: &Settings| {
            share(&runtime(text).machine(), release, settings).map(|finding| finding.level)
        };
        let old = "6.1.0-39-amd64";
        assert_eq!(level("950000", old, &Settings::default()), Some(Level::Good));
        assert_eq!(level("950000", old, &busy), Some(Level::Unsafe));
        assert_eq!(level("-1", old, &busy), Some(Level::Good));
        assert_eq!(level("-1", "6.12.3", &busy), Some(Level::Unsafe), "the fair server asks nobody");
        assert_eq!(level("0", "6.12.3", &Settings::default()), Some(Level::Unsafe));
        assert!(has_fair_server("10.0") && has_fair_server("6.12") && !has_fair_server("5.19.2"));
    }

    #[test]
    fn slow_clocks_and_virtual_machines_are_said() {
        let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        let model =
            Model::new(&[(source, "hpet\n"), ("/proc/cpuinfo", "model name: x\nflags\t\t: fpu hypervisor sse\n")]);
        assert_eq!(clock(&model.machine()).unwrap().level, Level::Advice);
        assert_eq!(host(&model.machine()).unwrap().level, Level::Advice);
        let metal = Model::new(&[(source, "tsc"), ("/proc/cpuinfo", "flags : fpu sse\n")]);
        assert_eq!(clock(&metal.machine()).unwrap().level, Level::Good);
        assert_eq!(host(&metal.machine()), None);
    }
}

//! What this user may ask of the system: a real-time class, and memory that stays.

use super::machine::Machine;
use super::{Asked, Finding};
use crate::rt::pacer::Strategy;
use crate::rt::sched::{MemoryGrant, Policy};

/// What lets the members of a group do both.
const ALLOW: &str = "printf '@audio - rtprio 95\\n@audio - memlock unlimited\\n' | sudo tee /etc/security/limits.d/audio.conf && \
                     sudo usermod -aG audio $USER, and log in again";

/// What lets root do both, who may unless a container has taken it away.
const HAND_IN: &str = "root may unless a container takes it away: start that with `--cap-add SYS_NICE --cap-add IPC_LOCK \
                       --ulimit rtprio=95 --ulimit memlock=-1`, or play outside of it";

fn allow(machine: &Machine) -> &'static str {
    if machine.is_root() { HAND_IN } else { ALLOW }
}

pub(super) fn examine(machine: &Machine, asked: &Asked, findings: &mut Vec<Finding>) {
    findings.push(real_time(machine, asked));
    findings.extend(processor_time(asked));
    findings.extend(memory(machine, asked));
}

fn real_time(machine: &Machine, asked: &Asked) -> Finding {
    const TOPIC: &str = "real-time class";
    let granted = &asked.granted;
    if asked.settings.policy == Policy::Other {
        return Finding::unsafe_for_a_show(
            TOPIC,
            "the configuration asks for none: any other program may delay the notes",
            "set `policy = \"fifo\"` in the configuration",
        );
    }
    if granted.thread.is_granted() && granted.input.is_granted() {
        return Finding::good(TOPIC, format!("{}; for MIDI input {}", granted.thread, granted.input));
    }
    if let Some(file) = group_without_share(machine) {
        return Finding::unsafe_for_a_show(
            TOPIC,
            format!("{}", granted.thread),
            format!("echo 950000 | sudo tee {file}, or start the show outside of that control group"),
        );
    }
    let what = if granted.thread.is_granted() { &granted.input } else { &granted.thread };
    Finding::unsafe_for_a_show(TOPIC, format!("{what}"), allow(machine))
}

/// The file that denies this process's control group a real-time share, where kernels have such files.
fn group_without_share(machine: &Machine) -> Option<String> {
    let groups = machine.read("/proc/self/cgroup")?;
    groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let is_cpu = controllers.split(',').any(|controller| controller == "cpu");
        let file = format!("/sys/fs/cgroup/{controllers}{}/cpu.rt_runtime_us", path.trim_end_matches('/'));
        (is_cpu && machine.number(&file) == Some(0)).then_some(file)
    })
}

fn processor_time(asked: &Asked) -> Option<Finding> {
    const TOPIC: &str = "RLIMIT_RTTIME";
    let micros = asked.granted.rttime_limit?;
    let found = format!("a real-time thread that runs for {micros} us without waiting is killed");
    Some(match asked.settings.wait {
        Strategy::Busy => Finding::unsafe_for_a_show(
            TOPIC,
            format!("{found}, and a busy wait never waits"),
            "set `wait = \"hybrid\"` in the configuration, or run `ulimit -R unlimited` before",
        ),
        // A show spins for some hundred microseconds.
        Strategy::Hybrid | Strategy::Sleep if micros < 10_000 => {
            Finding::advice(TOPIC, format!("{found}; a show may need some milliseconds of them"), "ulimit -R unlimited")
        }
        Strategy::Hybrid | Strategy::Sleep => {
            Finding::good(TOPIC, format!("{found}; a show waits every few milliseconds"))
        }
    })
}

fn memory(machine: &Machine, asked: &Asked) -> Option<Finding> {
    const TOPIC: &str = "memory";
    let swaps = machine.read("/proc/swaps").is_some_and(|swaps| swaps.lines().count() > 1);
    Some(match &asked.granted.memory {
        MemoryGrant::Locked | MemoryGrant::LockedAtStart => Finding::good(TOPIC, format!("{}", asked.granted.memory)),
        MemoryGrant::NotAsked => Finding::advice(
            TOPIC,
            "not locked, as the configuration asks: a page that has to be read again holds up a note",
            "set `lock_memory = true` in the configuration",
        ),
        refused if swaps => {
            Finding::unsafe_for_a_show(TOPIC, format!("{refused}; and this machine swaps"), allow(machine))
        }
        refused => Finding::advice(TOPIC, format!("{refused}"), allow(machine)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::machine::tests::Model;
    use super::*;
    use crate::rt::Settings;
    use crate::rt::sched::{self, Granted};

    fn asked(memory: MemoryGrant, rttime_limit: Option<u64>, wait: Strategy) -> Asked {
        let grant = sched::promote(Policy::Other, 1, None);
        Asked {
            settings: Settings { wait, ..Settings::default() },
            granted: Granted { thread: grant.clone(), input: grant, memory, rttime_limit },
            stays_awake: false,
            no_midi: None,
        }
    }

    #[test]
    fn a_control_group_without_a_share_is_named() {
        let model = Model::new(&[
            ("/proc/self/cgroup", "5:memory:/a\n3:cpu,cpuacct:/user.slice\n0::/x\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.rt_runtime_us", "0\n"),
        ]);
        let file = group_without_share(&model.machine());
        assert_eq!(file.as_deref(), Some("/sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.rt_runtime_us"));
        model.write("/sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.rt_runtime_us", "950000");
        assert_eq!(group_without_share(&model.machine()), None);
    }

    #[test]
    fn a_limit_of_processor_time_matters_to_who_never_waits() {
        let level =
            |micros, wait| processor_time(&asked(MemoryGrant::Locked, micros, wait)).map(|finding| finding.level);
        assert_eq!(level(None, Strategy::Busy), None);
        assert_eq!(level(Some(200_000), Strategy::Busy), Some(Level::Unsafe));
        assert_eq!(level(Some(200_000), Strategy::Hybrid), Some(Level::Good));
        assert_eq!(level(Some(1_000), Strategy::Sleep), Some(Level::Advice));
    }

    #[test]
    fn memory_that_may_be_swapped_out_is_unsafe() {
        let refused = MemoryGrant::Refused("no".into());
        let swapping = Model::new(&[("/proc/swaps", "Filename Type\n/dev/sda2 partition\n")]);
        let not = Model::new(&[("/proc/swaps", "Filename Type\n")]);
        let level = |model: &Model, grant: &MemoryGrant| {
            memory(&model.machine(), &asked(grant.clone(), None, Strategy::Hybrid)).map(|finding| finding.level)
        };
        assert_eq!(level(&swapping, &refused), Some(Level::Unsafe));
        assert_eq!(level(&not, &refused), Some(Level::Advice));
        assert_eq!(level(&swapping, &MemoryGrant::Locked), Some(Level::Good));
    }

    #[test]
    fn root_who_is_refused_is_told_of_its_container() {
        let mend = |uids: &str| {
            let model = Model::new(&[("/proc/self/status", uids)]);
            let refused = asked(MemoryGrant::Refused("no".into()), None, Strategy::Hybrid);
            memory(&model.machine(), &refused).and_then(|finding| finding.mend).unwrap()
        };
        assert!(mend("Uid:\t0\t0\t0\t0").contains("--ulimit memlock=-1"));
        assert!(mend("Uid:\t1000\t1000\t1000\t1000").contains("limits.d"));
    }
}

//! What saves power at the cost of time: processors that slow down and sleep deeply, batteries, lids.

use super::machine::Machine;
use super::{Asked, Finding};

const CPUS: &str = "/sys/devices/system/cpu";

/// What holds the processors awake as long as it is open.
const AWAKE: &str = "/dev/cpu_dma_latency";

/// A way out of an idle state that takes longer is worth a word: a cable takes 960 us for a note.
const DEEP_US: i64 = 100;

/// A battery with less charge will not see the end of a show, in per cent.
const LOW: i64 = 30;

pub(super) fn examine(machine: &Machine, asked: &Asked, findings: &mut Vec<Finding>) {
    findings.extend(speed(machine));
    findings.extend(idle(machine, asked));
    findings.extend(battery(machine));
    findings.extend(sleep(machine));
}

/// The numbers of the processors that have `file`, and what is in it.
fn of_cpus<'a>(machine: &'a Machine, file: &'a str) -> impl Iterator<Item = String> + 'a {
    let cpus = machine.list(CPUS).into_iter().filter(|name| {
        name.strip_prefix("cpu").is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    });
    cpus.filter_map(move |cpu| machine.read(&format!("{CPUS}/{cpu}/{file}")))
}

fn speed(machine: &Machine) -> Option<Finding> {
    const TOPIC: &str = "processor speed";
    let governors: Vec<String> = of_cpus(machine, "cpufreq/scaling_governor").collect();
    let first = governors.first()?;
    let Some(slow) = governors.iter().find(|governor| *governor != "performance") else {
        return Some(Finding::good(TOPIC, format!("always full (governor `{first}`)")));
    };
    Some(Finding::advice(
        TOPIC,
        format!("lowered when there is little to do (governor `{slow}`): notes after a rest are later than others"),
        "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
    ))
}

fn idle(machine: &Machine, asked: &Asked) -> Option<Finding> {
    const TOPIC: &str = "idle states";
    let folder = format!("{CPUS}/cpu0/cpuidle");
    let states = machine.list(&folder).into_iter().filter_map(|state| {
        let read = |file: &str| machine.number(&format!("{folder}/{state}/{file}"));
        (read("disable") != Some(1)).then(|| read("latency"))?
    });
    let deepest = states.max()?;
    if deepest <= DEEP_US {
        return Some(Finding::good(TOPIC, format!("left within {deepest} us")));
    }
    let found = format!("the deepest takes {deepest} us to wake up from");
    Some(match asked.stays_awake {
        true => Finding::good(TOPIC, format!("{found}; a show holds the processors awake ({AWAKE})")),
        false if !machine.has(AWAKE) => Finding::advice(
            TOPIC,
            format!("{found}, and nothing here holds the processors awake: {AWAKE} is not there"),
            format!("in a container, hand it in (`--device {AWAKE}`), or play outside of it"),
        ),
        false if machine.is_root() => Finding::advice(
            TOPIC,
            format!("{found}, and not even root may hold the processors awake here ({AWAKE})"),
            format!("in a container, hand it in (`--device {AWAKE}`), or play outside of it"),
        ),
        false => Finding::advice(
            TOPIC,
            format!("{found}, and a show may not hold the processors awake"),
            "echo 'KERNEL==\"cpu_dma_latency\", GROUP=\"audio\", MODE=\"0660\"' | sudo tee \
             /etc/udev/rules.d/60-cpu-dma-latency.rules && sudo udevadm trigger /dev/cpu_dma_latency",
        ),
    })
}

fn battery(machine: &Machine) -> Option<Finding> {
    const TOPIC: &str = "power";
    let folder = "/sys/class/power_supply";
    let mut found = None;
    for supply in machine.list(folder) {
        let read = |file: &str| machine.read(&format!("{folder}/{supply}/{file}"));
        // A mouse has a battery as well.
        if read("type").as_deref() != Some("Battery") || read("scope").as_deref() == Some("Device") {
            continue;
        }
        let charge = read("capacity").and_then(|charge| charge.parse::<i64>().ok());
        let charge_text = charge.map_or(String::new(), |charge| format!(" at {charge} %"));
        if read("status").as_deref() != Some("Discharging") {
            found.get_or_insert(Finding::good(TOPIC, format!("from the mains; the battery is{charge_text} charged")));
            continue;
        }
        let text = format!("from the battery{charge_text}: the processor may be slowed, and the show may end with it");
        let plug = "plug in the power supply";
        return Some(match charge {
            Some(charge) if charge < LOW => Finding::unsafe_for_a_show(TOPIC, text, plug),
            _ => Finding::advice(TOPIC, text, plug),
        });
    }
    found
}

/// Returns whether the machine would go to sleep by itself.
fn sleep(machine: &Machine) -> Option<Finding> {
    const TOPIC: &str = "suspend";
    if !machine.has("/run/systemd/system") {
        return None;
    }
    let lid = login_setting(machine, "HandleLidSwitch").unwrap_or_else(|| "suspend".into());
    let idle = login_setting(machine, "IdleAction").unwrap_or_else(|| "ignore".into());
    let has_lid = !machine.list("/proc/acpi/button/lid").is_empty();
    let why = match (has_lid && lid != "ignore" && lid != "lock", idle != "ignore" && idle != "lock") {
        (false, false) => return Some(Finding::good(TOPIC, "neither a closed lid nor idleness suspends this machine")),
        (true, false) => format!("a closed lid means `{lid}`"),
        (false, true) => format!("idleness means `{idle}`"),
        (true, true) => format!("a closed lid means `{lid}`, and idleness `{idle}`"),
    };
    Some(Finding::advice(
        TOPIC,
        format!("{why}: notes would hang while it sleeps"),
        "start the show with `systemd-inhibit --what=sleep:idle:handle-lid-switch tightrope play …`",
    ))
}

/// Returns what the login manager's configuration says of a setting: the last one counts, and files beside it before it itself.
fn login_setting(machine: &Machine, name: &str) -> Option<String> {
    let folder = "/etc/systemd/logind.conf.d";
    let beside = machine.list(folder).into_iter().map(|file| format!("{folder}/{file}"));
    let files = std::iter::once("/etc/systemd/logind.conf".to_owned()).chain(beside);
    let mut values = files.filter_map(|file| machine.read(&file)).filter_map(|text| {
        let of_line =
            |line: &str| Some(line.trim().strip_prefix(name)?.trim_start().strip_prefix('=')?.trim().to_owned());
        text.lines().filter_map(of_line).next_back()
    });
    values.next_back()
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::machine::tests::Model;
    use super::*;

    #[test]
    fn one_slow_processor_is_enough() {
        let governor = |cpu: u32| format!("{CPUS}/cpu{cpu}/cpufreq/scaling_governor");
        let model = Model::new(&[(&governor(0), "performance"), (&governor(1), "performance")]);
        model.write(&format!("{CPUS}/cpufreq/x"), "");
        assert_eq!(speed(&model.machine()).unwrap().level, Level::Good);
        model.write(&governor(1), "powersave");
        let finding = speed(&model.machine()).unwrap();
        assert!(finding.level == Level::Advice && finding.found.contains("`powersave`"));
        assert_eq!(speed(&Model::new(&[]).machine()), None);
    }

    #[test]
    fn what_holds_processors_awake_is_named_only_where_it_is() {
        let model = Model::new(&[(&format!("{CPUS}/cpu0/cpuidle/state3/latency"), "400")]);
        let of = |stays_awake| {
            let granted = crate::rt::sched::Granted {
                thread: crate::rt::sched::promote(crate::rt::sched::Policy::Other, 1, None),
                input: crate::rt::sched::promote(crate::rt::sched::Policy::Other, 1, None),
                memory: crate::rt::sched::MemoryGrant::Locked,
                rttime_limit: None,
            };
            let asked = Asked { settings: crate::rt::Settings::default(), granted, stays_awake, no_midi: None };
            idle(&model.machine(), &asked).unwrap()
        };
        assert!(of(false).found.contains("is not there") && !of(false).mend.unwrap().contains("udev"));
        model.write(AWAKE, "");
        assert!(of(false).mend.unwrap().contains("udev"));
        assert_eq!(of(true).level, Level::Good);
        model.write("/proc/self/status", "Uid:\t0\t0\t0\t0");
        assert!(of(false).found.contains("not even root") && !of(false).mend.unwrap().contains("sudo"));
    }

    #[test]
    fn batteries_of_the_machine_count() {
        let supply = |name: &str, file: &str| format!("/sys/class/power_supply/{name}/{file}");
        let model = Model::new(&[
            (&supply("mouse", "type"), "Battery"),
            (&supply("mouse", "scope"), "Device"),
            (&supply("mouse", "status"), "Discharging"),
            (&supply("BAT0", "type"), "Battery"),
            (&supply("BAT0", "status"), "Charging"),
            (&supply("BAT0", "capacity"), "20"),
        ]);
        assert_eq!(battery(&model.machine()).unwrap().level, Level::Good);
        model.write(&supply("BAT0", "status"), "Discharging");
        assert_eq!(battery(&model.machine()).unwrap().level, Level::Unsafe);
        model.write(&supply("BAT0", "capacity"), "90");
        assert_eq!(battery(&model.machine()).unwrap().level, Level::Advice);
    }

    #[test]
    fn a_lid_suspends_unless_it_is_told_not_to() {
        let model = Model::new(&[("/run/systemd/system/x", ""), ("/proc/acpi/button/lid/LID/state", "open")]);
        assert_eq!(sleep(&model.machine()).unwrap().level, Level::Advice);
        model.write("/etc/systemd/logind.conf", "[Login]\n#HandleLidSwitch=ignore\n HandleLidSwitch = suspend\n");
        assert_eq!(sleep(&model.machine()).unwrap().level, Level::Advice);
        model.write("/etc/systemd/logind.conf.d/10-stage.conf", "[Login]\nHandleLidSwitch=ignore\n");
        assert_eq!(sleep(&model.machine()).unwrap().level, Level::Good);
        assert_eq!(sleep(&Model::new(&[]).machine()), None);
    }
}

//! `tightrope doctor`: what this machine can promise, and what to change.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use super::args::Doctor;
use super::config;
use super::failure::Failure;
use super::printer::percentiles;
use crate::control::report;
use crate::doctor::machine::Machine;
use crate::doctor::threads::{hogs, real_time_threads};
use crate::doctor::trial::{self, Trial};
use crate::doctor::{Asked, Finding, Level, examine};
use crate::io::ports::Scanner;
use crate::rt::{self, Settings, sched};

/// Examines the machine, tries it out, and prints what there is to know.
///
/// # Errors
///
/// [`Failure::Told`] when it is not safe to play on; when the configuration has a mistake, or a thread could not be started.
pub(crate) fn doctor(args: &Doctor, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config::read(args.config.as_deref(), &args.realtime, None)?.realtime;
    let machine = Machine::this();
    let awake = sched::stay_awake();
    let asked = Asked {
        settings,
        granted: rt::ask(settings).map_err(Failure::System)?,
        stays_awake: awake.is_some(),
        no_midi: Scanner::open().err().map(|no_midi| no_midi.to_string()),
    };
    let mut findings = examine(&machine, &asked);
    if !args.json {
        findings.iter().try_for_each(|finding| print(finding, out))?;
    }
    let trial = if args.seconds == 0 {
        None
    } else {
        if !args.json {
            writeln!(out, "\nkeeping time for {} s, with every processor busy …", args.seconds)?;
            out.flush()?;
        }
        let (trial, found) = try_out(&machine, &settings, args.seconds)?;
        if !args.json {
            found.iter().try_for_each(|finding| print(finding, out))?;
        }
        findings.extend(found);
        Some(trial)
    };
    let verdict = trial.map(|trial| trial.verdict());
    let worst = findings.iter().map(|finding| finding.level).chain(verdict.iter().map(|verdict| verdict.level)).max();
    let is_safe = worst != Some(Level::Unsafe);
    if args.json {
        let trial = trial.zip(verdict).map(|(trial, verdict)| {
            json!({
                "seconds": args.seconds,
                "wake_up_ns": report::percentiles(&trial.wake),
                "lateness_ns": report::percentiles(&trial.late),
                "level": verdict.level,
                "verdict": verdict.words,
            })
        });
        writeln!(out, "{:#}", json!({ "safe": is_safe, "findings": findings, "trial": trial }))?;
    } else {
        if let (Some(trial), Some(verdict)) = (&trial, &verdict) {
            writeln!(out, "wake-up:  {}", percentiles(&trial.wake))?;
            writeln!(out, "lateness: {}", percentiles(&trial.late))?;
            writeln!(out, "{:<7} timing: {}", label(verdict.level), verdict.words)?;
        }
        writeln!(out, "\n{}", conclusion(&findings, is_safe, trial.is_some()))?;
    }
    if is_safe { Ok(()) } else { Err(Failure::Told) }
}

/// Keeps time, and looks who else did something meanwhile.
fn try_out(machine: &Machine, settings: &Settings, seconds: u32) -> Result<(Trial, Vec<Finding>), Failure> {
    let before = real_time_threads(machine, std::process::id());
    let trial = trial::run(settings, Duration::from_secs(u64::from(seconds))).map_err(Failure::System)?;
    let after = real_time_threads(machine, std::process::id());
    Ok((trial, hogs(&before, &after, 100 * u64::from(seconds), settings)))
}

fn label(level: Level) -> &'static str {
    match level {
        Level::Good => "good",
        Level::Advice => "advice",
        Level::Unsafe => "UNSAFE",
    }
}

fn print(finding: &Finding, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{:<7} {}: {}", label(finding.level), finding.topic, finding.found)?;
    match &finding.mend {
        Some(mend) => writeln!(out, "        -> {mend}"),
        None => Ok(()),
    }
}

fn conclusion(findings: &[Finding], is_safe: bool, was_tried: bool) -> String {
    let advice = findings.iter().filter(|finding| finding.level == Level::Advice).count();
    match (is_safe, was_tried) {
        (false, _) => "This machine is not safe for a stage yet: see what is UNSAFE above.".to_owned(),
        (true, true) if advice == 0 => "This machine is ready for a stage.".to_owned(),
        (true, true) => "This machine can be played on a stage; see the advice above.".to_owned(),
        (true, false) => "Nothing speaks against a stage; without a trial, nothing proves it either.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_printed_with_what_mends_them() {
        let finding = Finding {
            topic: "power",
            level: Level::Advice,
            found: "from the battery".into(),
            mend: Some("plug it in".into()),
        };
        let mut out = Vec::new();
        print(&finding, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "advice  power: from the battery\n        -> plug it in\n");
        assert!(conclusion(&[finding], true, true).contains("see the advice"));
    }
}

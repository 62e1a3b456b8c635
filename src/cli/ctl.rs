//! `tightrope ctl`: asks a running show for something, and prints what it answers.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::args::Ctl;
use super::failure::Failure;
use super::status;
use crate::control::ctl::folder::{self, Unavailable};
use crate::control::ctl::{Answer, Reason};
use crate::set::{listed, nearest};

/// How long a show may take to answer. It takes some milliseconds, or says that it is busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// Does what `args` say, reading commands from `input` where they say so. Answers go to `out`; where a line of `input` is
/// wrong, that goes to `complaints`, and the next line is read.
///
/// # Errors
///
/// When no show runs, or it does not do what is asked.
pub(crate) fn ctl(
    args: &Ctl,
    input: impl BufRead,
    out: &mut dyn Write,
    complaints: &mut dyn Write,
) -> Result<(), Failure> {
    let mut client = Client::connect(args.show.as_deref(), args.json)?;
    if args.words != ["-"] {
        return client.perform(&args.words.join(" "), out);
    }
    let mut worst = Ok(());
    for (number, line) in (1..).zip(input.lines()) {
        let line = line?;
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match client.perform(&line, out) {
            Ok(()) => {}
            Err(failure @ (Failure::WrongWords(_) | Failure::Refused(_))) if !client.has_ended => {
                let _ = writeln!(complaints, "tightrope: line {number}: {failure}");
                worst = match (worst, failure) {
                    (Err(Failure::ToldOfWrongWords), _) | (_, Failure::WrongWords(_)) => Err(Failure::ToldOfWrongWords),
                    _ => Err(Failure::Told),
                };
            }
            Err(other) => return Err(other),
        }
    }
    worst
}

/// A connection to a show.
struct Client {
    stream: BufReader<UnixStream>,
    json: bool,
    has_ended: bool,
}

impl Client {
    /// Finds the show `wanted`, or the only one, and connects to it.
    fn connect(wanted: Option<&str>, json: bool) -> Result<Client, Failure> {
        let not_there = || match wanted {
            Some(name) => Failure::Refused(format!("no show `{name}` is running")),
            None => Failure::Refused("no show is running; `tightrope play` starts one".to_owned()),
        };
        let Some(folder) = folder::find().map_err(unavailable)? else { return Err(not_there()) };
        let mut living: Vec<(String, UnixStream)> = Vec::new();
        for (name, path) in folder::sockets(&folder).map_err(unavailable)? {
            if let Some(stream) = knock(path)? {
                living.push((name, stream));
            }
        }
        let names: Vec<String> = living.iter().map(|(name, _)| name.clone()).collect();
        let names = || names.iter().map(String::as_str);
        let stream = match wanted {
            Some(wanted) => match living
                .into_iter()
                // As the show was called, or as its set is: what no file is called was left out of its name.
                .find(|(name, _)| name == wanted || *name == folder::as_file_name(wanted))
            {
                Some((_, stream)) => stream,
                None if names().next().is_none() => return Err(not_there()),
                None => {
                    let hint = match nearest(wanted, names()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("there are {}", listed(names())),
                    };
                    return Err(Failure::Refused(format!("no show `{wanted}` is running; {hint}")));
                }
            },
            None if living.len() > 1 => {
                let names = listed(names());
                return Err(Failure::Refused(format!("several shows are running: {names}; choose one with --show")));
            }
            None => living.pop().ok_or_else(not_there)?.1,
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { stream: BufReader::new(stream), json, has_ended: false })
    }

    /// Does the commands of a line: none if one of them is wrong, and those up to the first that is refused.
    fn perform(&mut self, line: &str, out: &mut dyn Write) -> Result<(), Failure> {
        // A line break would make two requests of one.
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = line.trim_end_matches([',', ' ']);
        let (before, last) = line.rsplit_once(',').map_or((None, line), |(before, last)| (Some(before), last.trim()));
        if last == "watch" {
            if let Some(before) = before {
                self.follow(before, out)?;
            }
            return self.watch(out);
        }
        self.follow(line, out)
    }

    fn follow(&mut self, line: &str, out: &mut dyn Write) -> Result<(), Failure> {
        let answer = self.ask(line)?;
        if answer.ok {
            return self.print(&answer, out);
        }
        let error = answer.error.unwrap_or_else(|| "the show refused, and did not say why".to_owned());
        self.has_ended |= answer.reason == Some(Reason::Ended);
        Err(match answer.reason {
            Some(Reason::Misunderstood) => Failure::WrongWords(error),
            _ => Failure::Refused(error),
        })
    }

    fn ask(&mut self, command: &str) -> Result<Answer, Failure> {
        // When the show has closed the connection, there may be an answer that says why.
        let asked = self.stream.get_mut().write_all(format!("{command}\n").as_bytes());
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => Err(self.ended()),
            Ok(_) => {
                serde_json::from_str(&line).map_err(|_| Failure::Refused("this is no show of this version".to_owned()))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.has_ended = true;
                Err(Failure::Refused("the show does not answer".to_owned()))
            }
            Err(_) if asked.is_err() => Err(self.ended()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(self.ended()),
            Err(error) => Err(Failure::Print(error)),
        }
    }

    fn ended(&mut self) -> Failure {
        self.has_ended = true;
        Failure::Refused("the show has ended".to_owned())
    }

    /// Prints what changes, until the show ends.
    fn watch(&mut self, out: &mut dyn Write) -> Result<(), Failure> {
        self.stream.get_mut().write_all(b"watch\n")?;
        self.stream.get_ref().set_read_timeout(None)?;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let answer: Answer = serde_json::from_str(&line).unwrap_or_default();
            let Some(report) = answer.status else {
                return Err(Failure::Refused(answer.error.unwrap_or_else(|| "this show cannot be watched".to_owned())));
            };
            writeln!(out, "{}", status::json(&report))?;
            out.flush()?;
        }
    }

    fn print(&self, answer: &Answer, out: &mut dyn Write) -> Result<(), Failure> {
        match &answer.status {
            Some(report) if self.json => writeln!(out, "{}", status::json(report))?,
            Some(report) => write!(out, "{}", status::Readable(report))?,
            None => {}
        }
        if let Some(said) = &answer.said {
            writeln!(out, "{said}")?;
        }
        Ok(out.flush()?)
    }
}

/// The show behind a socket, if one lives there.
fn knock(path: PathBuf) -> Result<Option<UnixStream>, Failure> {
    match UnixStream::connect(&path) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(Failure::Refused(format!("cannot reach the show at {}: {error}", path.display()))),
    }
}

fn unavailable(why: Unavailable) -> Failure {
    Failure::Refused(why.to_string())
}

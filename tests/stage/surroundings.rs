//! What surrounds the program on the stage: its user and limits, its folders, its terminal, and who else wants the machine.

use crate::instrument::Fallible;
use crate::program::Program;
use crate::sys::{self, Limit};
use crate::system::Fault;
use crate::verdict::Row;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Somebody who may do nothing special.
const USER: u32 = 1000;
/// How large the disk is that fills.
const DISK: &str = "size=256k";
/// How many files it may have open: a show on two instruments has some twenty. And with how many there can be none.
const FEW_FILES: u32 = 24;
const TOO_FEW_FILES: u32 = 18;
/// The memory that is left to a control group; its processes have more.
const NO_MEMORY: &str = "3145728";
const GROUP: &str = "/sys/fs/cgroup/show";

/// The program's name in the sequencer's books, and how much is to be held for its inputs.
const CLIENT: &str = "\"tightrope\"";
const ROOM: u32 = 2_000;

const SET: &str = include_str!("../../src/sets/circuits.toml");

pub struct Surroundings {
    fault: Fault,
    command: Vec<String>,
    /// A folder for the fault alone.
    folder: PathBuf,
    set: PathBuf,
    mounted: Option<PathBuf>,
    pipe: Option<ChildStdout>,
}

impl Surroundings {
    /// Prepares all that is there before the program.
    pub fn of(fault: Fault, program: &[String]) -> Fallible<Surroundings> {
        let folder = std::env::temp_dir().join("system");
        let _ = fs::remove_dir_all(&folder);
        let set = folder.join("sets").join("set.toml");
        fs::create_dir_all(folder.join("sets"))?;
        let mut around = Surroundings { fault, command: program.to_vec(), folder, set, mounted: None, pipe: None };
        match fault {
            Fault::Deleted | Fault::Folder => {
                fs::write(&around.set, SET)?;
                around.command.push(around.set.to_string_lossy().into_owned());
            }
            Fault::DiskFull | Fault::DiskFills => {
                around.mount("tmpfs", DISK)?;
                if fault == Fault::DiskFull {
                    around.fill()?;
                }
            }
            Fault::Homeless => {
                around.mount("tmpfs", "ro")?;
            }
            Fault::Memory => {
                if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
                    run("mount", &["-t", "cgroup2", "none", "/sys/fs/cgroup"])?;
                    fs::write("/sys/fs/cgroup/cgroup.subtree_control", "+memory")?;
                }
                fs::create_dir_all(GROUP)?;
            }
            Fault::Priority | Fault::Memlock => {
                fs::set_permissions("/dev/snd/seq", PermissionsExt::from_mode(0o666))?;
                fs::set_permissions(&around.folder, PermissionsExt::from_mode(0o755))?;
                chown(&around.folder, Some(USER), Some(USER))?;
            }
            _ => {}
        }
        Ok(around)
    }

    fn mount(&mut self, kind: &str, options: &str) -> Fallible<()> {
        let place = self.folder.join("disk");
        fs::create_dir_all(&place)?;
        run("mount", &["-t", kind, "-o", options, "none", &place.to_string_lossy()])?;
        self.mounted = Some(place);
        Ok(())
    }

    fn fill(&self) -> io::Result<()> {
        let Some(disk) = &self.mounted else { return Ok(()) };
        let mut file = File::create(disk.join("filling"))?;
        // Until there is room for nothing.
        while file.write_all(&[0; 512]).is_ok() {}
        Ok(())
    }

    pub fn start(&mut self) -> Fallible<Program> {
        let log = std::env::temp_dir().join("program.log");
        let mut command = match self.fault {
            Fault::FewFiles => self.with_files(FEW_FILES),
            Fault::Memory => self.by_shell(&format!("echo $$ >{GROUP}/cgroup.procs")),
            Fault::Terminal | Fault::Nohup => {
                let mut command = self.command.clone();
                command.retain(|argument| argument != "--plain");
                if self.fault == Fault::Nohup {
                    command.splice(0..0, ["/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "sh"].map(String::from));
                }
                return Ok(Program::start_on_terminal(&command, &log)?);
            }
            _ => {
                let mut command = Command::new(&self.command[0]);
                command.args(&self.command[1..]);
                command
            }
        };
        match self.fault {
            Fault::Priority | Fault::Memlock => {
                command.uid(USER).gid(USER).env("HOME", &self.folder);
                let is_priority = self.fault == Fault::Priority;
                sys::limit(Limit::Priority, Some(if is_priority { 0 } else { 95 }))?;
                sys::limit(Limit::Locked, if is_priority { None } else { Some(0) })?;
            }
            Fault::DiskFull | Fault::DiskFills => {
                command.env("XDG_STATE_HOME", self.folder.join("disk"));
            }
            Fault::Homeless => {
                let nowhere = self.folder.join("disk");
                command.env("HOME", &nowhere).env("XDG_RUNTIME_DIR", &nowhere).env("TMPDIR", &nowhere);
            }
            Fault::Pipe => {
                let (program, mut pipe) = Program::spawn_piped(command, &log)?;
                // What is said at first is read.
                pipe.read_exact(&mut [0; 8])?;
                self.pipe = Some(pipe);
                return Ok(program);
            }
            _ => {}
        }
        Ok(Program::spawn(command, &log)?)
    }

    fn with_files(&self, most: u32) -> Command {
        self.by_shell(&format!("ulimit -n {most}"))
    }

    /// The program behind a line of the shell's.
    fn by_shell(&self, line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(format!("{line} && exec \"$@\"")).arg("sh").args(&self.command);
        command
    }

    /// Where there could be no show at all: what the program says of that. The instruments are there.
    pub fn refuse(&self) -> Fallible<Vec<Row>> {
        if self.fault != Fault::FewFiles {
            return Ok(Vec::new());
        }
        let output = self.with_files(TOO_FEW_FILES).args(["--for", "1s"]).stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let is_well = output.status.code() == Some(1) && text.starts_with("tightrope: cannot open");
        Ok(vec![Row::judged("with too few it does not begin, and says why", "yes".into(), text, is_well)])
    }

    /// It happens, in the middle of a bar.
    pub fn strike(&mut self, fault: Fault, program: &Program) -> Fallible<()> {
        match fault {
            Fault::DiskFills => self.fill()?,
            Fault::Deleted => fs::remove_file(&self.set)?,
            Fault::Folder => fs::remove_dir_all(self.set_folder())?,
            Fault::WallClock => sys::shift_wall_clock(3600)?,
            Fault::Pipe => drop(self.pipe.take()),
            Fault::Terminal | Fault::Nohup => {
                let terminal = format!("/proc/{}/fd/0", program.id());
                sys::hang_up(&OpenOptions::new().read(true).write(true).open(terminal)?)?;
            }
            Fault::Memory => fs::write(Path::new(GROUP).join("memory.max"), NO_MEMORY)?,
            _ => {}
        }
        Ok(())
    }

    /// It is over.
    pub fn mend(&mut self, fault: Fault) -> Fallible<()> {
        match fault {
            Fault::Deleted | Fault::Folder => {
                fs::create_dir_all(self.set_folder())?;
                // So that it is heard that it was read: harder drums would change nothing else.
                fs::write(&self.set, SET.replacen("name  =", "seed  = 7\nname  =", 1))?;
            }
            Fault::WallClock => sys::shift_wall_clock(-7200)?,
            _ => {}
        }
        Ok(())
    }

    fn set_folder(&self) -> PathBuf {
        self.folder.join("sets")
    }

    /// How long the processor has run the program so far.
    pub fn ran(program: &Program) -> Fallible<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", program.id()))?;
        // Behind the name in parentheses, in hundredths of a second: user and system.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(10 * ticks))
    }

    /// What can be seen of it afterwards.
    pub fn left(&self, fault: Fault) -> Fallible<Vec<Row>> {
        Ok(match fault {
            Fault::Twins => logs(&self.command[0])?,
            _ => Vec::new(),
        })
    }

    /// Puts back what the next one would stumble over.
    pub fn leave(&mut self) {
        let _ = sys::limit(Limit::Priority, Some(0));
        let _ = sys::limit(Limit::Locked, None);
        if let Some(place) = self.mounted.take() {
            let _ = run("umount", &["-l", &place.to_string_lossy()]);
        }
    }
}

/// How much the sequencer holds for the program's inputs, by its own books.
pub fn room_of_inputs() -> Fallible<Row> {
    let books = String::from_utf8_lossy(&fs::read("/proc/asound/seq/clients")?).into_owned();
    let rooms = rooms_of(&books, CLIENT);
    let seen = rooms.iter().map(|room| room.to_string()).collect::<Vec<_>>().join(", ");
    let is_large = !rooms.is_empty() && rooms.iter().all(|&room| room >= ROOM);
    Ok(Row::judged("room for what is not read", format!("{ROOM} or more"), seen, is_large))
}

/// The sizes of the input pools of the clients of this name that hear others, and not only what the sequencer announces.
fn rooms_of(books: &str, client: &str) -> Vec<u32> {
    let mut rooms = Vec::new();
    for of_client in
        books.split("\nClient ").filter(|text| text.lines().next().is_some_and(|line| line.contains(client)))
    {
        let hears = of_client.lines().filter_map(|line| line.trim().strip_prefix("Connected From: "));
        let hears = hears.flat_map(|from| from.split(", ")).any(|from| !from.starts_with("0:"));
        let pool = of_client.split_once("Input pool :").map_or("", |(_, pool)| pool);
        let size = pool.lines().find_map(|line| line.trim().strip_prefix("Pool size"));
        let size: Option<u32> = size.and_then(|size| size.trim_start_matches([' ', ':']).parse().ok());
        rooms.extend(size.filter(|_| hears));
    }
    rooms
}

/// The logs of both shows can be read.
fn logs(program: &str) -> Fallible<Vec<Row>> {
    let root = Path::new("/root/.local/state/tightrope/log");
    let mut shows: Vec<PathBuf> = fs::read_dir(root)?.flatten().map(|entry| entry.path()).collect();
    shows.sort();
    let mut rows = Vec::new();
    for show in shows.iter().rev().take(2) {
        let output = Command::new(program).arg("log").arg(show).arg("--json").stdin(Stdio::null()).output()?;
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let damage = json["damage"].as_array().map(Vec::len);
        let seen = format!("{damage:?} damages, ended: {}", json["ended"]);
        rows.push(Row::judged("a log", "can be read".into(), seen, output.status.success() && damage.is_some()));
    }
    Ok(rows)
}

fn run(tool: &str, arguments: &[&str]) -> Fallible<()> {
    let status = Command::new(format!("/bin/{tool}")).args(arguments).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{tool} {}: {status}", arguments.join(" ")).into()) }
}

/// Lets the machine sleep for so long, as one whose lid is closed; for how long it has, in nanoseconds.
pub fn suspend(seconds: u64) -> Fallible<u64> {
    let before_ns = sys::suspended_ns();
    fs::write("/sys/class/rtc/rtc0/wakealarm", format!("+{seconds}"))?;
    fs::write("/sys/power/state", "mem")?;
    Ok(sys::suspended_ns() - before_ns)
}

/// Holds the processor at a priority.
pub fn hold_processor(span: Duration, priority: i32) -> Fallible<()> {
    let holder = thread::Builder::new().name("hog".into()).spawn(move || {
        sys::set_fifo(priority)?;
        let until_ns = sys::now_ns() + span.as_nanos() as u64;
        while sys::now_ns() < until_ns {
            std::hint::spin_loop();
        }
        io::Result::Ok(())
    })?;
    Ok(holder.join().map_err(|_| "the hog panicked")??)
}

/// Those who want the processor, until they are dropped.
pub struct Crowd(Vec<Child>);

pub fn crowd(size: usize) -> Fallible<Crowd> {
    let mut crowd = Crowd(Vec::new());
    for _ in 0..size {
        crowd.0.push(Command::new("/bin/sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn()?);
    }
    Ok(crowd)
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rooms_of_inputs_are_read_from_the_sequencers_books() {
        let client = |number: u32, name: &str, from: &str, room: u32| {
            let hears = if from.is_empty() { String::new() } else { format!("    Connected From: {from}\n") };
            format!(
                "Client {number} : \"{name}\" [User]\n  Port   0 : \"in\" (-We-)\n{hears}  Output pool :\n    Pool size          : 500\n  \
                 Input pool :\n    Pool size          : {room}\n    Cells in use       : 0\n"
            )
        };
        let books = [
            "Client info\n  cur  clients : 5\n\n".to_owned(),
            client(128, "tightrope", "129:0, 130:1", 2_000),
            client(129, "Circuit", "128:0", 300),
            client(130, "tightrope", "0:1", 200),
            client(131, "tightrope", "", 200),
            client(132, "tightrope", "129:0[r:0]", 200),
        ];
        assert_eq!(rooms_of(&books.concat(), CLIENT), [2_000, 200]);
        assert!(rooms_of("", CLIENT).is_empty());
    }
}

//! Giving the terminal back after a show that could not: out of the alternate screen, with a cursor, and in its old modes.

use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr,
};

use super::protocol::Cooked;

/// Ends a sequence that was broken off; then what the screen does when it is dropped (`cli::ui::terminal`).
const LEAVE: &str = "\x18\x1b[0m\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l";

/// How long the terminal may take to be ready. One that stands still (Ctrl-S) is left alone.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

fn flags(modes: &Termios) -> [u64; 4] {
    [
        u64::from(modes.input_modes.bits()),
        u64::from(modes.output_modes.bits()),
        u64::from(modes.control_modes.bits()),
        u64::from(modes.local_modes.bits()),
    ]
}

/// The modes of a terminal; none where it is no terminal.
pub fn modes(terminal: impl AsFd) -> Option<Cooked> {
    tcgetattr(terminal).ok().map(|modes| Cooked { flags: flags(&modes) })
}

/// Gives `terminal` its old modes, if they are still `raw`. Where somebody else has changed them, as a shell does for its next
/// line, they are that one's.
pub fn give_back(terminal: impl AsFd, cooked: Cooked, raw: Option<Cooked>) {
    let Ok(mut modes) = tcgetattr(&terminal) else { return };
    if raw.is_none_or(|raw| raw.flags == flags(&modes)) {
        let [input, output, control, local] = cooked.flags;
        modes.input_modes = InputModes::from_bits_retain(input as _);
        modes.output_modes = OutputModes::from_bits_retain(output as _);
        modes.control_modes = ControlModes::from_bits_retain(control as _);
        modes.local_modes = LocalModes::from_bits_retain(local as _);
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&terminal, OptionalActions::Now, &modes);
    }
    say(terminal, LEAVE);
}

/// Writes a little text, unless that would have to wait for long.
pub fn say(place: impl AsFd, text: &str) {
    let mut fds = [PollFd::new(&place, PollFlags::OUT)];
    if poll(&mut fds, Some(&PATIENCE)).is_ok_and(|ready| ready > 0) && fds[0].revents().contains(PollFlags::OUT) {
        let Ok(copy) = place.as_fd().try_clone_to_owned() else { return };
        // Nobody is left to tell.
        let _: io::Result<()> = std::fs::File::from(copy).write_all(text.as_bytes());
    }
}

//! How much may be asked of the socket.

use std::time::Duration;

/// The longest request, with the end of its line.
pub const MAX_LINE: usize = 4_096;
/// How many can be connected at once to ask for something.
pub const MAX_CONNECTIONS: usize = 16;
/// How many can watch at once, besides.
pub const MAX_WATCHERS: usize = 16;
/// How many requests of one connection are answered in a second.
pub const PER_SECOND: u32 = 200;
/// How long a client may let an answer wait, and the show a request.
pub const PATIENCE: Duration = Duration::from_secs(2);

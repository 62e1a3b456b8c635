//! The control thread: what the performer wants, between hands and the real-time thread.
//!
//! It runs on the program's first thread. Keys, sockets and the watcher of the set file call it ([`inbox`](mod@inbox)); it
//! does what they ask ([`order`]), hears signals, and shows the show ([`view`]) to whoever observes it: lines, a screen,
//! sockets. And it sees to the end: whatever the reason, the real-time thread is told to end and is waited for, because that
//! is how every note gets its note-off.
//!
//! | file | duty |
//! |---|---|
//! | [`show`] | the loop, and what becomes of calls |
//! | [`inbox`](mod@inbox) | who calls, and how they are answered |
//! | [`order`] | what can be asked for |
//! | [`source`] | where the set comes from, and compiling it again |
//! | [`files`] | reading and writing its file, on a thread of its own |
//! | `observer` | who watches a show, and what keeps it connected |
//! | `ending` | when a show ends, and why it did |
//! | [`errand`] | noticing that a disk does not answer |
//! | [`bulkhead`] | reading a saved set in another process first |
//! | [`reload`] | noticing that its file was saved |
//! | [`set_editor`] | what is written into the set file: what is learned and recorded |
//! | [`view`] | what there is to see |
//! | [`report`] | the same as data |
//! | [`status_feed`] | who is told when something changes |
//! | [`ctl`] | the control socket |
//! | [`osc`] | OSC |
//! | `rate_limit` | how much may be asked |
//! | `signals` | Ctrl-C and its like |
//! | `slew` | noticing that the system's clock runs fast or slow |
//! | `suspend` | noticing that the machine has slept |

pub mod bulkhead;
#[cfg(unix)]
pub mod ctl;
mod ending;
pub mod errand;
pub mod files;
pub mod inbox;
mod observer;
pub mod order;
pub mod osc;
mod playhead;
mod rate_limit;
pub mod reload;
pub mod report;
pub mod set_editor;
pub mod show;
mod signals;
mod slew;
pub mod source;
pub mod status_feed;
mod suspend;
pub mod view;

pub use ending::{Limits, Reason};
pub use inbox::{Call, Caller, Declined, Inbox, inbox};
pub use observer::{Observer, PortWatch};
pub use order::Order;
pub use set_editor::SetEditor;
pub use show::{Show, Stuck};
pub use signals::Signals;
pub use source::{Source, Text};
pub use view::{Notice, Notices, Playing, PortState, View};

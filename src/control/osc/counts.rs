//! What is counted of OSC.

use std::sync::atomic::AtomicU64;

/// What came.
#[derive(Debug, Default)]
pub struct Counts {
    /// Where it is listened.
    pub address: String,
    /// Orders that were done.
    pub orders: AtomicU64,
    /// Messages that were dropped because there were too many.
    pub dropped: AtomicU64,
    /// Packets that could not be read, and messages for somebody else.
    pub malformed: AtomicU64,
    /// Messages that ask for nothing there is, or for what cannot be done; their senders are told why.
    pub declined: AtomicU64,
    /// Messages of those who may not play.
    pub refused: AtomicU64,
    /// How many are told the status.
    pub subscribers: AtomicU64,
}

//! The black box of a show: a log of all that came in, of all that was asked for, and of all that left, and how late.
//!
//! It answers what happened, after the show, and [`replay`] plays the same show again, in
//! virtual time, which must make the same messages. A bug that was heard on a stage can so be looked into at a desk.
//!
//! The real-time thread tells of what it does by lossy rings ([`link`](crate::link)), whose losses show. The control thread takes that,
//! and hands it to a thread that writes ([`writer`]): neither of them ever waits for a disk. A log that cannot be written
//! any more ends, and the show goes on.
//!
//! A log is a folder with numbered segments, of which the oldest are dropped when they are too many. Each is a row of blocks
//! with check sums, so that a power cut costs at most the last second.
//!
//! | file | duty |
//! |---|---|
//! | [`record`] | what a log says |
//! | `encode` | small values of the engine as numbers |
//! | `codec` | records as bytes |
//! | `block` | blocks of records with their check sums |
//! | [`segments`] | blocks in segments, and how much room they take |
//! | [`folder`] | the folders of shows |
//! | [`writer`] | the thread that writes |
//! | [`recorder`] | watches a show, and says what is to be written |
//! | [`reader`] | a log as records, and what is wrong with it |
//! | [`replay`] | the show, played again |
//! | [`report`] | what happened, in figures |
//! | [`stats`] | what is measured of a stretch of it |
//! | `describe` | what was done, in words |
//! | [`drawing`] | what happened, as a picture |

mod block;
mod codec;
mod describe;
pub mod drawing;
mod encode;
pub mod folder;
pub mod reader;
pub mod record;
pub mod recorder;
pub mod replay;
pub mod report;
pub mod segments;
pub mod stats;
pub mod writer;

pub use record::Record;

#![doc = include_str!("guide.md")]
//!
//! The last two sections are made by `tests/guide.rs` from what the program prints, which fails when they differ.

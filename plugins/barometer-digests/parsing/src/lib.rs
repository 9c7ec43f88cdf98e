//! What strangers write, read within bounds: feeds, calendars and tables.
//!
//! Everything here is pure: bytes and settings in, plain values or a described error out. No input makes it panic, and
//! its time and memory grow with the input's size at most (`fuzz/` at the repository's root tries).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod calendar;
pub mod encoding;
pub mod feed;
mod markup;
pub mod recurrence;
pub mod table;
pub mod words;
mod zone;

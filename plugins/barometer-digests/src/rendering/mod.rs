//! An edition as its readers see it: as a message for each way of reading, and its charts.

pub mod charts;
pub mod dates;
pub(crate) mod entry;
pub mod message;
pub mod numbers;
pub mod way;
pub mod wording;

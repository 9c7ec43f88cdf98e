//! An edition as its readers see it: as a message for each way of reading, and its charts.

pub mod charts;
pub mod numbers;
pub mod way;

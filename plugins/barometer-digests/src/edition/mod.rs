//! An edition: drafted from what fell into its window, changed and approved by an editor, and then kept for ever.

#[cfg(test)]
pub(crate) mod bench;
pub mod changes;
pub mod charts;
pub mod draft;
mod gathering;
pub mod model;
pub mod operations;
pub mod period;
pub(crate) mod previewing;
pub mod store;

pub use model::{Edition, Entry, EntryKey};
pub use period::{Period, Window};

//! An edition: drafted from what fell into its window, changed and approved by an editor, and then kept for ever.

pub mod draft;
pub mod model;
pub mod operations;
pub mod period;
pub mod store;

pub use model::{Edition, Entry, EntryKey};
pub use period::{Period, Window};

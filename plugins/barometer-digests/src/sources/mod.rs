//! Where news and events come from.

pub mod harvest;

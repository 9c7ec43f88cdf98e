//! Where news and events come from.
//!
//! [`harvest`] asks each source in its turn and hands what came to [`items`], which keeps every piece of news and every
//! event once, whatever [`identity`] it comes under. [`state`] tells how each source is doing.

#[cfg(test)]
pub(crate) mod bench;
pub mod harvest;
pub mod identity;
pub mod items;
pub mod problem;
pub mod state;
#[cfg(test)]
mod tests;
pub mod topics;

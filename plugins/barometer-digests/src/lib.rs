//! Barometer digests: what the observatory saw, each week or month, for whoever subscribed.
//!
//! The life of one edition: [`sources`] gather news and events, [`barometer`] keeps figures, [`neighbours`] hears of
//! this crieur's own consultations and campaigns; [`edition`] puts what fell into its window into a draft, which an
//! editor changes and approves by its hash; [`rendering`] lays it out for each way of reading it, [`sending`] hands it
//! over once to each of the [`readers`], and [`archive`] keeps it in public for ever.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod action;
pub mod archive;
pub mod barometer;
pub mod definition;
pub mod definition_file;
pub mod demo;
pub mod edition;
mod editor;
pub mod neighbours;
mod plugin;
pub mod readers;
pub mod refusal;
pub mod rendering;
pub mod sending;
pub mod sources;
pub mod words;

pub use plugin::BarometerDigests;

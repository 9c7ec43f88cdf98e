//! The core of crieur: the contracts that adapters and plugins fulfil, and the machinery between them.
//!
//! An event comes in through an [`adapter::Adapter`] and its [`intake::Intake`], is routed by the dispatcher to the
//! [`plugin::Plugin`] that owns it inside one Postgres transaction, and what the plugin asked for leaves through the
//! outbox in [`delivery`]. What is due by the clock is a fire. [`service::Service`] runs all of it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod action;
pub mod adapter;
pub mod calendar;
pub mod clock;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod contacts;
pub mod core;
pub mod delivery;
mod dispatcher;
pub mod fetch;
pub mod files;
mod fires;
pub mod i18n;
pub mod ids;
pub mod intake;
mod liveness;
pub mod locale;
pub mod message;
pub mod people;
pub mod plugin;
#[cfg(feature = "conformance")]
pub mod plugin_bench;
pub mod plugin_host;
pub mod redacted;
pub mod retention;
pub mod rooms;
pub mod service;
pub mod store;

pub use clock::Clock;
pub use crieur_charts as charts;
pub use crieur_spreadsheets as spreadsheets;
pub use ids::*;
pub use locale::{Locale, Wording};
pub use redacted::Redacted;

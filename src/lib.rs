//! crieur: the composition root. The only place that knows every adapter and every plugin.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod adapters;
mod app;
pub mod cli;
pub mod config;
pub mod database;
mod demo;
mod http;
pub mod logging;
mod plugins;
mod running;

pub use app::{App, Start};
pub use http::{Component, Readiness};

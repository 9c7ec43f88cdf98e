//! crieur: the composition root. The only place that knows every adapter and every plugin.

// The futures of matrix-sdk are nested deeper than the compiler follows by default.
#![recursion_limit = "256"]
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
mod tls;

pub use app::{App, Start};
pub use http::{Component, Readiness};

//! Matrix, with encrypted rooms.
#![recursion_limit = "256"]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod settings;
mod user;

use std::sync::Arc;

use bot_core::adapter::AdapterContext;

pub use settings::{Invitations, MatrixSettings, SettingError};

use matrix_sdk as _;

/// One Matrix account.
#[derive(Debug)]
pub struct Matrix {
    #[expect(dead_code, reason = "the first brick")]
    settings: MatrixSettings,
    #[expect(dead_code, reason = "the first brick")]
    context: AdapterContext,
}

impl Matrix {
    /// Expects settings that passed [`MatrixSettings::check`]. Touches nothing: what is wrong with the files is told
    /// by [`Adapter::run`](bot_core::adapter::Adapter::run).
    pub fn new(settings: MatrixSettings, context: AdapterContext) -> Arc<Self> {
        Arc::new(Self { settings, context })
    }
}

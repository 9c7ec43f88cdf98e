//! Discord as an adapter: messages, buttons and commands through its REST API, events through its gateway.
//!
//! The gateway and the models are serenity's. Requests are built and sent here, since serenity drops the headers that
//! say when to call again (its limiter, queues and retries are off: pacing is the outbox's).
#![recursion_limit = "256"]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod settings;

use std::sync::Arc;

use bot_core::adapter::AdapterContext;
use serenity as _;

pub use settings::{DiscordSettings, SettingError};

/// One bot account on Discord.
#[derive(Debug)]
#[allow(dead_code, reason = "the adapter is built in the next change")]
pub struct Discord {
    settings: DiscordSettings,
    context: AdapterContext,
}

impl Discord {
    /// Expects settings that passed [`DiscordSettings::check`]. A token that cannot be read is told by
    /// [`Adapter::run`](bot_core::adapter::Adapter::run) and [`Adapter::health`](bot_core::adapter::Adapter::health).
    pub fn new(settings: DiscordSettings, context: AdapterContext) -> Arc<Self> {
        Arc::new(Self { settings, context })
    }
}

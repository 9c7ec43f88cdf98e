//! Telegram, through the Bot API.

#![recursion_limit = "256"]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod settings;
mod token;

use std::sync::Arc;

use bot_core::adapter::AdapterContext;

pub use settings::{Mode, SettingError, TelegramSettings};

use token::{BotToken, TokenError};

/// One Telegram account: the adapter, and the webhook route that the service's public listener serves.
#[derive(Debug)]
pub struct Telegram {
    settings: TelegramSettings,
    public_url: String,
    token: Result<BotToken, TokenError>,
    context: AdapterContext,
}

impl Telegram {
    /// Expects settings that passed [`TelegramSettings::check`]. `public_url` is where the service can be reached,
    /// for the webhook. A token file that cannot be read is reported by the adapter's health and by its `run`.
    pub fn new(settings: TelegramSettings, public_url: String, context: AdapterContext) -> Arc<Self> {
        let token = BotToken::read(&settings.token_file);
        Arc::new(Self { settings, public_url, token, context })
    }

    /// The webhook's route, to be merged into the root of the public listener. `None` when the account polls, and
    /// when there is no token to derive the route from.
    pub fn router(self: &Arc<Self>) -> Option<axum::Router> {
        None
    }
}

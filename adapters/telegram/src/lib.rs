//! Telegram, through the Bot API: one account is one bot.
//!
//! Inwards, updates are read ([`update`]) and handed to the inbox by long polling or a webhook ([`receiving`],
//! [`webhook`]). Outwards, a document is composed ([`words`]) and each part is one call ([`api`]) whose answer becomes
//! a verdict ([`refusal`]).

#![recursion_limit = "256"]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod adapter;
mod api;
mod chat;
mod examination;
mod files;
mod menu;
mod polls;
mod receiving;
mod refusal;
mod sending;
mod settings;
mod token;
mod update;
mod webhook;
mod words;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bot_core::adapter::{AccountHealth, AdapterContext};
use bot_core::intake::Intake;

pub use settings::{Mode, SettingError, TelegramSettings};

use api::Api;
use token::{BotToken, TokenError};
use update::Me;

/// The scheme of the addresses found here.
const PLATFORM: &str = "telegram";

/// One Telegram account: the adapter, and the webhook route that the service's public listener serves.
#[derive(Debug)]
pub struct Telegram {
    settings: TelegramSettings,
    public_url: String,
    bot: Result<Bot, NoBot>,
    context: AdapterContext,
    now: Mutex<Now>,
}

/// The account as far as its token file told.
#[derive(Clone, Debug)]
struct Bot {
    token: BotToken,
    api: Api,
}

/// Why there is nothing to call with. A person has to act.
#[derive(Debug, thiserror::Error)]
enum NoBot {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("TLS cannot be set up on this machine: reinstall the service")]
    Tls,
}

/// What is known while the process runs.
#[derive(Debug)]
struct Now {
    health: AccountHealth,
    /// `None` until Telegram has said who we are.
    me: Option<Me>,
    /// Set while the webhook may hand over updates.
    intake: Option<Intake>,
    /// Another program took the updates away the last time.
    contested: bool,
    /// Files on their way to Telegram for the first time.
    uploading: HashSet<String>,
}

impl Telegram {
    /// Expects settings that passed [`TelegramSettings::check`]. `public_url` is where the service can be reached,
    /// for the webhook. A token file that cannot be read is reported by the adapter's health and by its `run`.
    pub fn new(settings: TelegramSettings, public_url: String, context: AdapterContext) -> Arc<Self> {
        let bot = BotToken::read(&settings.token_file).map_err(NoBot::Token).and_then(|token| {
            let api = Api::new(&settings.api_url, &token).map_err(|_| NoBot::Tls)?;
            Ok(Bot { token, api })
        });
        let health = match &bot {
            Ok(_) => AccountHealth::Starting,
            Err(error) => AccountHealth::Failed { reason: error.to_string() },
        };
        let now = Mutex::new(Now { health, me: None, intake: None, contested: false, uploading: HashSet::new() });
        Arc::new(Self { settings, public_url, bot, context, now })
    }

    /// The webhook's route, to be merged into the root of the public listener. `None` when the account polls, and
    /// when there is no token to derive the route from.
    pub fn router(self: &Arc<Self>) -> Option<axum::Router> {
        let bot = self.bot.as_ref().ok().filter(|_| self.settings.mode == Mode::Webhook)?;
        Some(webhook::router(self.clone(), &bot.token))
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_health(&self, health: AccountHealth) {
        self.now().health = health;
    }
}

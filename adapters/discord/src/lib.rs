//! Discord as an adapter: messages, buttons and commands through its REST API, events through its gateway.
//!
//! The gateway and the models are serenity's. Requests are built and sent here, since serenity drops the headers that
//! say when to call again (its limiter, queues and retries are off: pacing is the outbox's).
#![recursion_limit = "256"]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod adapter;
mod catch_up;
mod commands;
mod components;
mod examine;
mod gateway;
mod health;
mod inbound;
mod interactions;
mod limits;
mod markup;
mod messages;
mod moderators;
mod payload;
mod places;
mod polls;
mod refusals;
mod rest;
mod settings;
mod snowflake;
mod token;

use std::sync::{Arc, Mutex, PoisonError};

use bot_core::Clock;
use bot_core::adapter::AdapterContext;
use bot_core::store::account_state::AccountState;
use bot_core::store::media::MediaStore;

pub use settings::{DiscordSettings, SettingError};

use health::Health;
use interactions::Interactions;
use places::Places;
use rest::{Call, Rest, Trouble};
use token::Token;

/// One bot account on Discord.
#[derive(Debug)]
pub struct Discord {
    settings: DiscordSettings,
    token: Token,
    rest: Rest,
    state: AccountState,
    media: MediaStore,
    clock: Clock,
    places: Places,
    interactions: Interactions,
    health: Health,
    me: Myself,
}

impl Discord {
    /// Expects settings that passed [`DiscordSettings::check`]. A token that cannot be read is told by
    /// [`Adapter::run`](bot_core::adapter::Adapter::run) and [`Adapter::health`](bot_core::adapter::Adapter::health).
    pub fn new(settings: DiscordSettings, context: AdapterContext) -> Arc<Self> {
        let AdapterContext { account: _, state, media, clock, random: _ } = context;
        let token = Token::new(settings.token_file.clone());
        Arc::new(Self {
            rest: Rest::new(&settings.api_url, token.clone(), clock.clone(), state.clone()),
            token,
            settings,
            places: Places::new(state.clone()),
            state,
            media,
            clock,
            interactions: Interactions::default(),
            health: Health::default(),
            me: Myself::default(),
        })
    }

    /// Who we are: remembered, or asked.
    async fn who_am_i(&self) -> Result<Me, Trouble> {
        if let Some(me) = self.me.get() {
            return Ok(me);
        }
        let user = self.rest.call(Call::get("/users/@me", "GET me")).await?;
        let application = self.rest.call(Call::get("/applications/@me", "GET application")).await?;
        let id = |answer: &serde_json::Value| answer["id"].as_str().and_then(snowflake::parse);
        let (Some(user), Some(application)) = (id(&user), id(&application)) else {
            return Err(Trouble::Lost("the answer cannot be read".to_owned()));
        };
        let me = Me { user, application };
        self.me.set(me);
        Ok(me)
    }
}

/// The bot's own ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Me {
    user: u64,
    application: u64,
}

/// The bot's own ids, once Discord has told them.
#[derive(Debug, Default)]
struct Myself(Mutex<Option<Me>>);

impl Myself {
    fn get(&self) -> Option<Me> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, me: Me) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(me);
    }
}

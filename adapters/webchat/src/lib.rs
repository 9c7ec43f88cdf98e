//! The browser chat as an adapter like any other: a page, an HTTP API that scripts may use too (see [`http`]), and a
//! transcript per session kept in the account's memory.
//!
//! A visitor's session is random and anonymous: whoever opens a second browser is a second participant, which the
//! core is told by [`Assurance::Session`](bot_core::adapter::Assurance::Session).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod adapter;
pub mod http;
mod live;
mod session;
mod settings;
mod transcript;

use std::net::IpAddr;
use std::sync::Arc;

use bot_core::Clock;
use bot_core::adapter::{AdapterContext, Rate};
use bot_core::clock::Random;
use bot_core::intake::Intake;
use bot_core::store::account_state::AccountState;
use bot_core::store::media::MediaStore;
use chrono::TimeDelta;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use settings::{Network, NotANetwork, SettingError, Site, WebchatSettings};

use live::{Buckets, LiveSessions};
use session::{SessionId, Sessions};
use transcript::Transcripts;

/// One webchat account: the adapter, and the routes that the service's public listener serves.
#[derive(Debug)]
pub struct Webchat {
    site: Site,
    state: AccountState,
    media: MediaStore,
    clock: Clock,
    random: Random,
    sessions: Sessions,
    transcripts: Transcripts,
    live: LiveSessions,
    /// Set while [`Adapter::run`](bot_core::adapter::Adapter::run) is under way: only then can events be taken.
    running: watch::Sender<Option<Running>>,
    session_days: u16,
    streams_max: u16,
    messages: Buckets<SessionId>,
    /// Per network; `None` for visitors whose address is not known.
    openings: Buckets<Option<IpAddr>>,
}

#[derive(Clone, Debug)]
struct Running {
    intake: Intake,
    stop: CancellationToken,
}

impl Webchat {
    /// Expects settings that passed [`WebchatSettings::check`].
    pub fn new(settings: WebchatSettings, site: Site, context: AdapterContext) -> Arc<Self> {
        let AdapterContext { account: _, state, media, clock, random } = context;
        let per_minute = |count: u32| TimeDelta::minutes(1) / i32::try_from(count.max(1)).unwrap_or(i32::MAX);
        let idle_max = TimeDelta::days(i64::from(settings.session_days));
        Arc::new(Self {
            site,
            sessions: Sessions::new(state.clone(), clock.clone(), random.clone(), idle_max),
            transcripts: Transcripts::new(state.clone(), clock.clone()),
            live: LiveSessions::default(),
            running: watch::Sender::new(None),
            session_days: settings.session_days,
            streams_max: settings.streams_max,
            messages: Buckets::new(
                Rate { burst: settings.messages_burst, interval: per_minute(settings.messages_per_minute) },
                clock.clone(),
            ),
            openings: Buckets::new(
                Rate { burst: settings.sessions_burst, interval: per_minute(settings.sessions_per_minute) },
                clock.clone(),
            ),
            state,
            media,
            clock,
            random,
        })
    }

    /// The page, its assets and the API, for the root of the public listener. Serve it with connect info
    /// (`into_make_service_with_connect_info::<SocketAddr>()`), or all visitors share one allowance.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        http::router(self.clone())
    }
}

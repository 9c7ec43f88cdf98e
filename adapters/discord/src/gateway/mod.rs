//! Receiving: one run is one session at the gateway for each shard, from presenting the bot until it is lost.

mod identify;
mod reception;
mod session;

use bot_core::adapter::RunError;
use bot_core::intake::Intake;
use chrono::TimeDelta;
use futures::stream::{FuturesUnordered, StreamExt};
use serde::Deserialize;
use serenity::all::{Event, ShardId, ShardInfo};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::Discord;
use crate::health::Receiving;
use crate::rest::{Call, TOKEN_REFUSED, Trouble};
use identify::{NotYet, StartLimit};
use session::{Connection, End, Refusal};

/// Discord lets one shard of each group present itself every five seconds (docs: Gateway, Rate Limiting).
const SHARDS_APART: TimeDelta = TimeDelta::seconds(5);

/// What Discord advises (docs: Get Gateway Bot).
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Advice {
    pub address: String,
    pub shards: u32,
    pub limit: StartLimit,
}

impl Discord {
    /// Runs until `stop`, or until a session is lost: then the runner calls again, and what was said meanwhile in
    /// direct conversations is fetched.
    pub(crate) async fn receive(&self, intake: Intake, stop: CancellationToken) -> Result<(), RunError> {
        self.health.set(Receiving::Starting);
        let end = self.hold_sessions(intake, stop).await;
        self.health.set(match &end {
            Ok(()) => Receiving::Starting,
            Err(RunError::Lost(reason)) => Receiving::Interrupted(reason.clone()),
            Err(RunError::Refused(reason)) => Receiving::Refused(reason.clone()),
        });
        end
    }

    async fn hold_sessions(&self, intake: Intake, stop: CancellationToken) -> Result<(), RunError> {
        let token = self.token.read().map_err(|error| RunError::Refused(error.to_string()))?;
        let Some(advice) = stop.run_until_cancelled(self.advice()).await else { return Ok(()) };
        let advice = advice?;
        let (events, received) = unbounded_channel();
        let closing = stop.child_token();
        let sessions = async {
            let mut sessions: FuturesUnordered<_> = (0..advice.shards)
                .map(|shard| self.hold_session(&advice, shard, token.expose(), &events, &closing))
                .collect();
            // Shards that are left alone would see events that nobody takes: the first one to end ends all.
            let mut first = None;
            while let Some(end) = sessions.next().await {
                closing.cancel();
                first.get_or_insert(end);
            }
            first.unwrap_or(Ok(()))
        };
        let (end, ()) = tokio::join!(sessions, self.take_events(&intake, received, advice.shards, &closing));
        end
    }

    /// Asks Discord where its gateway is, and how many sessions it advises.
    pub(crate) async fn advice(&self) -> Result<Advice, RunError> {
        #[derive(Deserialize)]
        struct Answer {
            url: String,
            shards: u32,
            session_start_limit: Limit,
        }
        #[derive(Deserialize)]
        struct Limit {
            total: u64,
            remaining: u64,
            reset_after: i64,
        }
        let answer =
            self.rest.call(Call::get("/gateway/bot", "GET gateway")).await.map_err(|trouble| match trouble {
                Trouble::AccountDead => RunError::Refused(TOKEN_REFUSED.to_owned()),
                trouble => RunError::Lost(format!("the gateway's address is not known: {}", trouble.reason())),
            })?;
        let answer: Answer = serde_json::from_value(answer)
            .map_err(|_| RunError::Lost("Discord's answer about its gateway cannot be read".to_owned()))?;
        // The token goes there: encrypted, unless the API itself was configured without.
        if !answer.url.starts_with("wss://") && self.settings.api_url.starts_with("https://") {
            let problem = "the gateway's address is not encrypted (wss): check `api_url`, which should be \
                           https://discord.com";
            return Err(RunError::Refused(problem.to_owned()));
        }
        let Limit { total, remaining, reset_after } = answer.session_start_limit;
        let reset_after = TimeDelta::try_milliseconds(reset_after).unwrap_or(TimeDelta::hours(24));
        let limit = StartLimit { total, remaining, reset_after };
        Ok(Advice { address: answer.url, shards: answer.shards.clamp(1, 1000), limit })
    }

    async fn hold_session(
        &self,
        advice: &Advice,
        shard: u32,
        token: &str,
        events: &UnboundedSender<(ShardId, Event)>,
        closing: &CancellationToken,
    ) -> Result<(), RunError> {
        let info = ShardInfo { id: ShardId(shard), total: advice.shards };
        let at = self.clock.now() + SHARDS_APART * i32::try_from(shard).unwrap_or(i32::MAX);
        let admitted = async {
            self.clock.sleep_until(at).await;
            let connection = Connection::open(&advice.address, token, info);
            let connection =
                connection.await.map_err(|()| RunError::Lost("Discord's gateway cannot be reached".to_owned()))?;
            self.may_identify(advice.limit).await?;
            Ok::<_, RunError>(connection)
        };
        let Some(connection) = closing.run_until_cancelled(admitted).await else { return Ok(()) };
        match session::hold(connection?, token, events.clone(), closing).await {
            End::Stopped => Ok(()),
            End::Lost => Err(RunError::Lost("Discord ended the session".to_owned())),
            End::Refused(Refusal::Token) => Err(RunError::Refused(TOKEN_REFUSED.to_owned())),
            End::Refused(Refusal::Intents) => Err(RunError::Refused(
                "Discord refuses an intent (Guilds, Guild Messages or Direct Messages): look at Bot, Privileged \
                 Gateway Intents in the developer portal; none needs to be switched on there for crieur, so ask \
                 Discord's support why the application is restricted"
                    .to_owned(),
            )),
        }
    }

    /// Writes one presentation down. While there may be none, it waits here; messages go out all the same.
    async fn may_identify(&self, limit: StartLimit) -> Result<(), RunError> {
        let charged = identify::charge(&self.state, Some(limit), self.clock.now()).await;
        match charged.map_err(|error| RunError::Lost(error.to_string()))? {
            Ok(()) => Ok(()),
            Err(not_yet) => {
                let (reason, until) = explained(&not_yet);
                tracing::warn!("{reason}");
                self.health.set(Receiving::Interrupted(reason.clone()));
                self.clock.sleep_until(until).await;
                // The connection is too old by now.
                Err(RunError::Lost(reason))
            }
        }
    }
}

fn explained(not_yet: &NotYet) -> (String, chrono::DateTime<chrono::Utc>) {
    match not_yet {
        NotYet::Paused { until } => (
            format!(
                "the gateway was joined many times in 24 h: joining again at {} UTC (Discord allows 1000, then takes \
                 the token away)",
                until.format("%H:%M")
            ),
            *until,
        ),
        NotYet::NearlyUsedUp { remaining, until } => (
            format!(
                "Discord allows this bot only {remaining} more gateway sessions before {} UTC: joining again then. \
                 Look for another program that uses the same token",
                until.format("%Y-%m-%d %H:%M")
            ),
            *until,
        ),
    }
}

//! Where people have met the bot: direct conversations with the last message taken from each, so that a restart can ask
//! for what came after, and the channels of each server, so that leaving it closes them.
//!
//! What is known of a person goes with their erasure.

use std::collections::HashMap;

use bot_core::store::account_state::{AccountState, StateEntry, StateError};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::snowflake;

/// A direct conversation is noted once a day at most.
const NOTED_EVERY: TimeDelta = TimeDelta::days(1);
const PAGE: u32 = 500;

#[derive(Clone, Debug)]
pub(crate) struct Places {
    state: AccountState,
}

/// A direct conversation to look at after a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Behind {
    pub channel: u64,
    /// The last message that was taken.
    pub seen: u64,
}

impl Places {
    pub(crate) fn new(state: AccountState) -> Self {
        Self { state }
    }

    /// Notes that this person's direct conversation is this channel. `before` is an id that every later message
    /// exceeds, for a conversation that is met for the first time.
    pub(crate) async fn meet_person(
        &self,
        channel: u64,
        person: &str,
        before: u64,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        let key = met_key(channel);
        let noted = self.state.get(&key).await?.as_ref().and_then(met_at);
        if noted.is_some_and(|at| now - at < NOTED_EVERY) {
            return Ok(());
        }
        let owned = |key, value| StateEntry { owner: Some(person.to_owned()), ..StateEntry::new(key, value) };
        let mut entries = vec![owned(key, json!({ "at": now }))];
        if noted.is_none() && self.state.get(&seen_key(channel)).await?.is_none() {
            entries.push(owned(seen_key(channel), seen_value(before)));
        }
        self.state.put(&entries).await
    }

    /// The mark to move when a message is taken, in the same transaction.
    pub(crate) fn seen(channel: u64, message: u64) -> StateEntry {
        StateEntry::new(seen_key(channel), seen_value(message))
    }

    /// Direct conversations that were used lately, the latest first. Those of long ago are forgotten.
    pub(crate) async fn behind(&self, since: DateTime<Utc>) -> Result<Vec<Behind>, StateError> {
        let seen: HashMap<u64, u64> = self
            .all("seen/")
            .await?
            .into_iter()
            .filter_map(|(channel, value)| Some((channel, value["id"].as_str().and_then(snowflake::parse)?)))
            .collect();
        let met: HashMap<u64, DateTime<Utc>> = self
            .all("met/")
            .await?
            .into_iter()
            .filter_map(|(channel, value)| Some((channel, met_at(&value)?)))
            .collect();
        let is_old = |channel: &u64| met.get(channel).is_none_or(|at| *at < since);
        for channel in seen.keys().chain(met.keys()).filter(|channel| is_old(channel)) {
            self.state.delete_prefix(&seen_key(*channel)).await?;
            self.state.delete_prefix(&met_key(*channel)).await?;
        }
        let mut behind: Vec<Behind> = met
            .keys()
            .filter(|channel| !is_old(channel))
            .map(|channel| Behind { channel: *channel, seen: seen.get(channel).copied().unwrap_or_default() })
            .collect();
        behind.sort_unstable_by_key(|behind| std::cmp::Reverse(behind.seen));
        Ok(behind)
    }

    pub(crate) async fn meet_channel(&self, guild: u64, channel: u64) -> Result<(), StateError> {
        let key = guild_key(guild, channel);
        if self.state.get(&key).await?.is_none() {
            self.state.put(&[StateEntry::new(key, json!({}))]).await?;
        }
        Ok(())
    }

    pub(crate) async fn knows_channel(&self, guild: u64, channel: u64) -> Result<bool, StateError> {
        Ok(self.state.get(&guild_key(guild, channel)).await?.is_some())
    }

    pub(crate) async fn channels_of(&self, guild: u64) -> Result<Vec<u64>, StateError> {
        Ok(self.all(&format!("guild/{guild}/")).await?.into_iter().map(|(channel, _)| channel).collect())
    }

    pub(crate) async fn forget_channel(&self, guild: u64, channel: u64) -> Result<(), StateError> {
        self.state.delete_prefix(&guild_key(guild, channel)).await.map(drop)
    }

    /// Every entry below `prefix`, by the id that its key ends with.
    async fn all(&self, prefix: &str) -> Result<Vec<(u64, Value)>, StateError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.state.list(prefix, after.as_deref(), PAGE).await?;
            after = page.last().map(|entry| entry.key.clone());
            let last = page.len() < PAGE as usize;
            all.extend(page.into_iter().filter_map(|entry| {
                let id = entry.key.strip_prefix(prefix)?.trim_end_matches('/').parse().ok()?;
                Some((id, entry.value?))
            }));
            if last {
                return Ok(all);
            }
        }
    }
}

// Keys end with a slash, so that none is the beginning of another.
fn met_key(channel: u64) -> String {
    format!("met/{channel}/")
}

fn seen_key(channel: u64) -> String {
    format!("seen/{channel}/")
}

fn guild_key(guild: u64, channel: u64) -> String {
    format!("guild/{guild}/{channel}/")
}

fn seen_value(message: u64) -> Value {
    json!({ "id": message.to_string() })
}

fn met_at(value: &Value) -> Option<DateTime<Utc>> {
    value["at"].as_str()?.parse().ok()
}

//! Receiving: one long poll after the other, each answer handed over whole before the next.
//!
//! The SDK moves its own token on before we see an answer, so a crash in between would lose it. Therefore our token is
//! kept in the account's memory and moved last: a start asks the homeserver once more for all since *our* token, with a
//! bare request that the SDK does not swallow. A room's gap is closed from the last event we took there.

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use bot_core::adapter::{AccountHealth, RunError};
use bot_core::intake::{Intake, IntakeError};
use bot_core::store::account_state::StateEntry;
use chrono::TimeDelta;
use matrix_sdk::config::SyncSettings;
use matrix_sdk::room::MessagesOptions;
use matrix_sdk::ruma::api::client::filter::{FilterDefinition, LazyLoadOptions};
use matrix_sdk::ruma::api::client::sync::sync_events::v3;
use matrix_sdk::ruma::serde::Raw;
use matrix_sdk::ruma::{OwnedRoomId, RoomId, UInt};
use matrix_sdk::sync::SyncResponse;
use matrix_sdk::{Client, Error, Room};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::device::{Device, lost};
use crate::meaning::{Meaning, Membership};
use crate::verdict::Failure;
use crate::{Matrix, trust};

/// The account's memory of how far the homeserver's answers were taken.
pub(crate) const TOKEN: &str = "sync";
/// How long the homeserver may hold a request until something happens.
const POLL: Duration = Duration::from_secs(30);
/// While something has to be tried again.
const SHORT_POLL: Duration = Duration::from_secs(5);
const TIMELINE_EVENTS: u32 = 50;
const PAGE_EVENTS: u32 = 100;
/// 20,000 events of one room; what is older is given up, and said.
const PAGES_MAX: usize = 200;
const BATCH_EVENTS: usize = 100;
/// Server clocks differ; nothing this much older than the last event we took is new.
const CLOCKS_DIFFER_MAX: TimeDelta = TimeDelta::days(1);

/// The last event taken in a room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Cursor {
    event: String,
    at_milliseconds: u64,
}

/// What one answer says of one room.
struct News {
    room: OwnedRoomId,
    events: Vec<Value>,
    /// Where to page back from, when the homeserver left events out.
    gap: Option<String>,
}

impl Matrix {
    /// Receives until `stop`.
    pub(crate) async fn receive(&self, intake: &Intake, stop: &CancellationToken) -> Result<(), RunError> {
        let outcome = stop.run_until_cancelled(self.follow(intake)).await;
        match outcome {
            None => {
                self.close().await;
                self.set_health(AccountHealth::Starting);
                Ok(())
            }
            Some(Ok(never)) => match never {},
            Some(Err(error)) => {
                let (RunError::Lost(reason) | RunError::Refused(reason)) = &error;
                self.set_health(AccountHealth::Failed { reason: reason.clone() });
                Err(error)
            }
        }
    }

    async fn follow(&self, intake: &Intake) -> Result<Infallible, RunError> {
        let device = match self.open_once().await? {
            Some(device) => device,
            None => {
                return Err(RunError::Lost("another process uses `store_dir`: is `crieur matrix` running?".into()));
            }
        };
        let client = &device.client;
        let outcome = self.follow_device(&device, intake).await;
        if let Err(RunError::Lost(_)) = &outcome
            && self.is_logged_out_softly()
        {
            self.forget_token(client).await?;
            self.close().await;
        }
        outcome
    }

    async fn follow_device(&self, device: &Device, intake: &Intake) -> Result<Infallible, RunError> {
        let client = &device.client;
        trust::ensure(client, &self.settings).await?;
        let token = self.state.get(TOKEN).await.map_err(lost)?;
        let token = token.as_ref().and_then(Value::as_str).map(str::to_owned);
        // What lies in rooms that the bot was in before crieur ever ran is not for us.
        let mut skip_old = token.is_none() && device.known.recovered_at.is_none();
        // First the SDK, so that keys and members are known; then what we missed; then what it brought.
        let mut response = self.poll(client, Duration::ZERO).await?;
        if let Some(token) = token {
            self.catch_up(client, intake, token).await?;
        }
        loop {
            let next = response.next_batch.clone();
            for news in news_of(response) {
                self.take(client, intake, news, skip_old).await?;
            }
            skip_old = false;
            let sealed = self.open_sealed(client, intake).await?;
            self.state.put(&[StateEntry::new(TOKEN, next.into())]).await.map_err(lost)?;
            // Only now: a room we come in to later is a new one, even if we are stopped in between.
            let waiting = self.answer_invitations(client).await;
            self.report(device, sealed.late_rooms).await?;
            let wait = if waiting || sealed.is_fresh { SHORT_POLL } else { POLL };
            response = self.poll(client, wait).await?;
        }
    }

    async fn poll(&self, client: &Client, wait: Duration) -> Result<SyncResponse, RunError> {
        let settings = SyncSettings::new().timeout(wait).filter(filter());
        // Boxed: the SDK's future is large, and this one is held for as long as the account runs.
        Box::pin(client.sync_once(settings)).await.map_err(|error| self.cut_off(&error))
    }

    /// Takes all since our own token, from answers that the SDK never sees.
    async fn catch_up(&self, client: &Client, intake: &Intake, mut token: String) -> Result<(), RunError> {
        loop {
            let mut request = v3::Request::new();
            request.since = Some(token);
            request.filter = Some(filter());
            request.timeout = Some(Duration::ZERO);
            let response = client.send(request).await.map_err(|error| self.cut_off(&error.into()))?;
            token = response.next_batch;
            let joined = response.rooms.join.into_iter().map(|(room, update)| (room, update.timeline));
            let left = response.rooms.leave.into_iter().map(|(room, update)| (room, update.timeline));
            let mut is_empty = true;
            for (room, timeline) in joined.chain(left) {
                is_empty &= timeline.events.is_empty();
                let mut events = Vec::with_capacity(timeline.events.len());
                for event in &timeline.events {
                    events.push(self.unseal(client, &room, event).await);
                }
                let gap = timeline.prev_batch.filter(|_| timeline.limited);
                self.take(client, intake, News { room, events, gap }, false).await?;
            }
            if is_empty {
                return Ok(());
            }
        }
    }

    /// Hands one room's news over, and moves its cursor with them.
    async fn take(&self, client: &Client, intake: &Intake, news: News, skip_old: bool) -> Result<(), RunError> {
        let (Some(room), Some(last)) = (client.get_room(&news.room), news.events.last()) else { return Ok(()) };
        let key = format!("room/{}", news.room);
        let cursor = self.state.get(&key).await.map_err(lost)?;
        let cursor: Option<Cursor> = cursor.and_then(|cursor| serde_json::from_value(cursor).ok());
        if skip_old && cursor.is_none() {
            return self.state.put(&[entry(&key, last)?]).await.map_err(lost);
        }
        let own = room.own_user_id().as_str();
        let (mut events, was_cut) = (news.events, news.gap.is_some());
        if let Some(gap) = news.gap
            && start_of_new(&events, cursor.as_ref(), own).is_none()
        {
            events = self.page_back(&room, gap, cursor.as_ref(), events).await?;
        }
        let start = match (start_of_new(&events, cursor.as_ref(), own), &cursor) {
            (Some(start), _) => start,
            // All there is back to what was taken, or nothing was left out since we were last told.
            (None, Some(_)) => 0,
            (None, None) if !was_cut => 0,
            // We never saw ourselves come in: who knows what of it was said to us.
            (None, None) => return self.state.put(&[entry(&key, &events[events.len() - 1])?]).await.map_err(lost),
        };
        for batch in events[start..].chunks(BATCH_EVENTS) {
            let mut inbound = Vec::with_capacity(batch.len());
            for event in batch {
                inbound.extend(self.interpret(&room, event).await?);
            }
            intake.receive(&inbound, Some(entry(&key, &batch[batch.len() - 1])?)).await.map_err(not_taken)?;
        }
        Ok(())
    }

    /// What the homeserver left out, before `events`, back to where we were.
    async fn page_back(
        &self,
        room: &Room,
        gap: String,
        cursor: Option<&Cursor>,
        events: Vec<Value>,
    ) -> Result<Vec<Value>, RunError> {
        let own = room.own_user_id().as_str();
        let oldest = cursor
            .map(|cursor| cursor.at_milliseconds.saturating_sub(CLOCKS_DIFFER_MAX.num_milliseconds().unsigned_abs()));
        let mut known: HashSet<String> = events.iter().filter_map(id_of).collect();
        // Newest first, as the pages come.
        let mut older = Vec::new();
        let mut from = gap;
        for _ in 0..PAGES_MAX {
            let mut options = MessagesOptions::backward().from(from.as_str());
            options.limit = UInt::from(PAGE_EVENTS);
            let page = match room.messages(options).await {
                Ok(page) => page,
                // A room that we were put out of, or that is gone, must not hold all the others up.
                Err(error) => match self.failure(&error) {
                    Failure::Forbidden | Failure::NotFound | Failure::NotJoined | Failure::Refused(_) => {
                        tracing::warn!("What was said meanwhile in a room can no longer be read: it was left out");
                        older.reverse();
                        older.extend(events);
                        return Ok(older);
                    }
                    _ => return Err(self.cut_off(&error)),
                },
            };
            let mut reached = page.chunk.is_empty();
            for event in &page.chunk {
                let event = json_of(event.raw().json().get());
                reached |= oldest.is_some_and(|oldest| at_of(&event) < oldest);
                if id_of(&event).is_some_and(|id| known.insert(id)) {
                    older.push(event);
                }
            }
            reached |= start_of_new(&older, cursor, own).is_some();
            match page.end {
                Some(end) if !reached => from = end,
                _ => {
                    older.reverse();
                    older.extend(events);
                    return Ok(older);
                }
            }
        }
        tracing::warn!("A room has more news than can be looked through: the oldest were left out");
        older.reverse();
        older.extend(events);
        Ok(older)
    }

    /// An event from a bare answer, decrypted where it can be.
    async fn unseal<T>(&self, client: &Client, room: &RoomId, event: &Raw<T>) -> Value {
        let sealed = json_of(event.json().get());
        if Meaning::of(&sealed) != Meaning::Sealed {
            return sealed;
        }
        let Some(room) = client.get_room(room) else { return sealed };
        self.try_to_open(&room, &sealed).await.unwrap_or(sealed)
    }

    /// An error of receiving as the runner has to know it.
    pub(crate) fn cut_off(&self, error: &Error) -> RunError {
        match self.failure(error) {
            Failure::TokenDead { soft: true } => {
                self.note_soft_logout();
                RunError::Lost("the session ran out, the device logs in again".into())
            }
            Failure::TokenDead { soft: false } => RunError::Refused(
                "the homeserver no longer knows the bot's device: run `crieur matrix recover`, which logs in a new one"
                    .into(),
            ),
            other => RunError::Lost(other.words()),
        }
    }
}

pub(crate) fn not_taken(error: IntakeError) -> RunError {
    RunError::Lost(error.to_string())
}

pub(crate) fn filter() -> v3::Filter {
    let mut filter = FilterDefinition::default();
    filter.room.timeline.limit = Some(UInt::from(TIMELINE_EVENTS));
    filter.room.state.lazy_load_options = LazyLoadOptions::Enabled { include_redundant_members: false };
    filter.room.ephemeral.types = Some(Vec::new());
    filter.presence.types = Some(Vec::new());
    v3::Filter::FilterDefinition(filter)
}

fn news_of(response: SyncResponse) -> Vec<News> {
    let joined = response.rooms.joined.into_iter().map(|(room, update)| (room, update.timeline));
    let left = response.rooms.left.into_iter().map(|(room, update)| (room, update.timeline));
    let news = joined.chain(left).map(|(room, timeline)| News {
        room,
        events: timeline.events.iter().map(|event| json_of(event.raw().json().get())).collect(),
        gap: timeline.prev_batch.filter(|_| timeline.limited),
    });
    news.collect()
}

/// Where what we have not taken begins: after the last event taken, or else after we were asked in or came in. `None`
/// when neither is among these events.
fn start_of_new(events: &[Value], cursor: Option<&Cursor>, own: &str) -> Option<usize> {
    match cursor {
        Some(cursor) => {
            let taken = events.iter().rposition(|event| event["event_id"].as_str() == Some(&cursor.event));
            taken.map(|taken| taken + 1)
        }
        None => events.iter().position(|event| {
            let Meaning::Membership { user, now, before } = Meaning::of(event) else { return false };
            user == own && before == Membership::Out && now != Membership::Out
        }),
    }
}

fn entry(key: &str, event: &Value) -> Result<StateEntry, RunError> {
    let cursor = Cursor { event: id_of(event).unwrap_or_default(), at_milliseconds: at_of(event) };
    let value = serde_json::to_value(cursor).map_err(|error| RunError::Lost(error.to_string()))?;
    Ok(StateEntry::new(key, value))
}

pub(crate) fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

pub(crate) fn id_of(event: &Value) -> Option<String> {
    event["event_id"].as_str().map(str::to_owned)
}

pub(crate) fn at_of(event: &Value) -> u64 {
    event["origin_server_ts"].as_u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(id: &str) -> Value {
        json!({ "type": "m.room.message", "event_id": id, "content": { "msgtype": "m.text", "body": id } })
    }

    fn member(id: &str, user: &str, now: &str, before: &str) -> Value {
        json!({ "type": "m.room.member", "event_id": id, "state_key": user, "content": { "membership": now },
                "unsigned": { "prev_content": { "membership": before } } })
    }

    #[test]
    fn new_is_what_comes_after_the_last_event_taken() {
        let cursor = |event: &str| Cursor { event: event.into(), at_milliseconds: 0 };
        let events = [said("$1"), said("$2"), said("$3")];
        assert_eq!(start_of_new(&events, Some(&cursor("$2")), "@crieur:b"), Some(2));
        assert_eq!(start_of_new(&events, Some(&cursor("$3")), "@crieur:b"), Some(3));
        assert_eq!(start_of_new(&events, Some(&cursor("$0")), "@crieur:b"), None);
    }

    #[test]
    fn in_a_new_room_new_is_what_comes_after_the_invitation() {
        let events = [
            said("$before"),
            member("$1", "@crieur:b", "invite", "leave"),
            said("$asked"),
            member("$2", "@crieur:b", "join", "invite"),
            member("$3", "@crieur:b", "join", "join"),
        ];
        assert_eq!(start_of_new(&events, None, "@crieur:b"), Some(1), "the invitation itself is told, too");
        assert_eq!(start_of_new(&events[4..], None, "@crieur:b"), None, "a new picture of ours is no coming in");
        assert_eq!(start_of_new(&events[..1], None, "@crieur:b"), None);
    }
}

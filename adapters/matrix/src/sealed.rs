//! Events whose key has not arrived: kept, and opened when it has. They hold nothing else up.

use std::collections::HashSet;

use bot_core::adapter::RunError;
use bot_core::intake::Intake;
use bot_core::store::account_state::StateEntry;
use chrono::{DateTime, TimeDelta, Utc};
use matrix_sdk::deserialized_responses::TimelineEventKind;
use matrix_sdk::ruma::RoomId;
use matrix_sdk::ruma::events::room::encrypted::OriginalSyncRoomEncryptedEvent;
use matrix_sdk::ruma::serde::Raw;
use matrix_sdk::{Client, Room};
use serde_json::{Value, json};

use crate::Matrix;
use crate::device::lost;
use crate::receiving::{at_of, json_of, not_taken};

const PREFIX: &str = "sealed/";
/// Tried in one go.
const TRIED_MAX: u32 = 200;
/// Keys usually come with the message; later than this, something is wrong.
const USUAL: TimeDelta = TimeDelta::minutes(1);
/// A key that has not come by then does not come: its sender's client keeps it no longer, or never sent it.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::hours(24);

/// What is still sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sealed {
    /// Rooms in which something has been waiting for its key unusually long.
    pub late_rooms: usize,
    /// Something came just now: its key may be under way.
    pub is_fresh: bool,
}

impl Matrix {
    pub(crate) async fn keep_sealed(&self, room: &Room, id: &str, sender: &str, event: &Value) -> Result<(), RunError> {
        let key = format!("{PREFIX}{id}");
        // Met before: its time runs since then.
        if self.state.get(&key).await.map_err(lost)?.is_some() {
            return Ok(());
        }
        let value = json!({ "room": room.room_id(), "since": self.clock.now(), "event": event });
        let entry = StateEntry { owner: Some(sender.to_owned()), ..StateEntry::new(key, value) };
        self.state.put(&[entry]).await.map_err(lost)
    }

    /// Opens what can be opened now.
    pub(crate) async fn open_sealed(&self, client: &Client, intake: &Intake) -> Result<Sealed, RunError> {
        let mut entries = self.state.list(PREFIX, None, TRIED_MAX).await.map_err(lost)?;
        // Kept by their ids, which follow no order; what somebody wrote is taken in the order they wrote it.
        entries.sort_by_key(|entry| entry.value.as_ref().map_or(0, |value| at_of(&value["event"])));
        let now = self.clock.now();
        let mut late = HashSet::new();
        let mut is_fresh = false;
        for entry in entries {
            let Some(value) = entry.value else { continue };
            let room = value["room"].as_str().and_then(|room| RoomId::parse(room).ok());
            let Some(room) = room.and_then(|room| client.get_room(&room)) else {
                self.state.delete_prefix(&entry.key).await.map_err(lost)?;
                continue;
            };
            let opened = self.try_to_open(&room, &value["event"]).await;
            let since = value["since"].as_str().and_then(|since| since.parse::<DateTime<Utc>>().ok());
            let age = since.map_or(TimeDelta::zero(), |since| now - since);
            match opened {
                Some(event) => {
                    let inbound = self.interpret(&room, &event).await?;
                    intake.receive(inbound.as_slice(), None).await.map_err(not_taken)?;
                }
                None if age >= GIVEN_UP_AFTER => tracing::warn!(
                    "A message could not be read for {} hours, since its sender's client never sent its key; it was \
                     given up. Its sender has to write it again",
                    GIVEN_UP_AFTER.num_hours()
                ),
                None => {
                    if age >= USUAL {
                        late.insert(room.room_id().to_owned());
                    } else {
                        is_fresh = true;
                    }
                    continue;
                }
            }
            self.state.delete_prefix(&entry.key).await.map_err(lost)?;
        }
        Ok(Sealed { late_rooms: late.len(), is_fresh })
    }

    /// The event decrypted, if its key is here. Asking also looks for the key in the backup, for the next time.
    pub(crate) async fn try_to_open(&self, room: &Room, sealed: &Value) -> Option<Value> {
        let raw: Raw<OriginalSyncRoomEncryptedEvent> = Raw::from_json_string(sealed.to_string()).ok()?;
        let event = room.decrypt_event(&raw, None).await.ok()?;
        match &event.kind {
            TimelineEventKind::Decrypted(decrypted) => Some(json_of(decrypted.event.json().get())),
            _ => None,
        }
    }
}

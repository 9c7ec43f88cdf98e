//! Which messages are ours, and which of them are polls: people react to all kinds of things.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bot_core::adapter::RunError;
use matrix_sdk::Room;
use matrix_sdk::ruma::EventId;
use serde_json::Value;

use crate::Matrix;
use crate::polls::PollShape;
use crate::receiving::json_of;
use crate::verdict::Failure;

/// Enough for all that people react to at one time.
const REMEMBERED_MAX: usize = 1000;

/// A message of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ours {
    Message,
    Poll(PollShape),
}

/// What was asked about lately; `None` for messages of others.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<HashMap<String, Option<Ours>>>);

impl Remembered {
    fn get(&self, id: &str) -> Option<Option<Ours>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    fn put(&self, id: &str, ours: Option<Ours>) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(id.to_owned(), ours);
    }
}

impl Matrix {
    /// Whether the event is a message of ours.
    pub(crate) async fn ours(&self, room: &Room, id: &str) -> Result<Option<Ours>, RunError> {
        if let Some(known) = self.remembered.get(id) {
            return Ok(known);
        }
        let Ok(event_id) = EventId::parse(id) else { return Ok(None) };
        let ours = match self.fetch(room, &event_id).await {
            Ok(event) if event["sender"].as_str() == Some(room.own_user_id().as_str()) => {
                Some(PollShape::of(&event).map_or(Ours::Message, Ours::Poll))
            }
            // Another's, or gone, or from before we came in.
            Ok(_) | Err(Failure::NotFound | Failure::Forbidden | Failure::NotJoined | Failure::Refused(_)) => None,
            Err(failure) => return Err(RunError::Lost(failure.words())),
        };
        self.remembered.put(id, ours);
        Ok(ours)
    }

    pub(crate) async fn fetch(&self, room: &Room, id: &EventId) -> Result<Value, Failure> {
        let event = room.event(id, None).await.map_err(|error| self.failure(&error))?;
        Ok(json_of(event.raw().json().get()))
    }
}

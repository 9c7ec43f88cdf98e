//! What a session was shown: a log of numbered events, read by its event streams.
//!
//! * `log/<session>/<number>`: a [`LogEntry`]. A message's words stand in exactly one entry, the message's own, so
//!   that blanking that entry erases them; an edit rewrites it and leaves a pointer at the end of the log.
//! * `part/<session>/<part key>`: the message a part became, written together with it, so that sending the same part
//!   again finds it.
//! * `last/<session>`: the last number given. It outlives an erasure, which takes the log away: a reader who is at 17
//!   must see what comes next.
//! * `media/<session>/<hash>/<number>`: the message that shows this picture or file, the right to fetch it.

use std::collections::HashSet;

use bot_core::message::{MediaHash, Part};
use bot_core::store::account_state::{AccountState, StateEntry, StateError};
use bot_core::{Clock, Locale};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::session::{SessionId, json};

/// Events read in one step of a stream.
const PAGE: u32 = 50;

/// Place of an event in its session's log, from 1. Also the public name of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Number(pub u64);

impl Number {
    /// Twenty digits: the order of keys is the order of numbers.
    fn key(self, session: &SessionId) -> String {
        format!("log/{}/{:020}", session.expose(), self.0)
    }

    fn of_key(key: &str) -> Option<Self> {
        key.rsplit('/').next()?.parse().ok().map(Self)
    }
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum LogEntry {
    Message {
        part: Part,
        locale: Locale,
        at: DateTime<Utc>,
        /// The pointer of its last edit.
        edited: Option<Number>,
    },
    /// A message that was removed: nothing of it is left.
    Removed,
    /// `message` was edited here.
    Edited { message: Number },
    /// `message` was removed here.
    Deleted { message: Number },
}

/// An event as a stream shows it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Shown {
    pub number: Number,
    pub event: ShownEvent,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum ShownEvent {
    Message(ShownMessage),
    Edit(ShownMessage),
    Delete { message: Number },
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ShownMessage {
    pub message: Number,
    /// `None` once it was blanked because it showed a choice.
    pub content: Option<ShownContent>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ShownContent {
    pub part: Part,
    pub locale: Locale,
    pub at: DateTime<Utc>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EditOutcome {
    Done,
    /// It was removed, or never was.
    Gone,
}

/// The logs of all sessions. Writing to one session needs its lock (see [`crate::live`]): one writer at a time.
#[derive(Clone, Debug)]
pub(crate) struct Transcripts {
    state: AccountState,
    clock: Clock,
}

impl Transcripts {
    pub(crate) fn new(state: AccountState, clock: Clock) -> Self {
        Self { state, clock }
    }

    /// The message that this part became, if it was sent before.
    pub(crate) async fn find_part(&self, session: &SessionId, key: &str) -> Result<Option<Number>, StateError> {
        let value = self.state.get(&part_key(session, key)).await?;
        Ok(value.and_then(|value| serde_json::from_value(value).ok()))
    }

    pub(crate) async fn append(
        &self,
        session: &SessionId,
        key: &str,
        part: &Part,
        locale: Locale,
        reveals: Option<&str>,
    ) -> Result<Number, StateError> {
        let number = self.next(session).await?;
        let entry = LogEntry::Message { part: part.clone(), locale, at: self.clock.now(), edited: None };
        let mut entries = vec![
            entry_for(session, number, &entry, reveals),
            StateEntry {
                owner: Some(session.expose().to_owned()),
                ..StateEntry::new(part_key(session, key), json(&number))
            },
            StateEntry::new(last_key(session), json(&number)),
        ];
        entries.extend(part.media().map(|hash| media_entry(session, hash, number, reveals)));
        self.state.put(&entries).await?;
        Ok(number)
    }

    pub(crate) async fn edit(
        &self,
        session: &SessionId,
        message: Number,
        part: &Part,
        locale: Locale,
        reveals: Option<&str>,
    ) -> Result<EditOutcome, StateError> {
        // A blanked message can be given new words; what it was can no longer be known.
        let (at, before) = match self.entry(session, message).await? {
            Some(Some(LogEntry::Message { part, at, edited, .. })) => (at, Some((part, edited))),
            Some(None) => (self.clock.now(), None),
            _ => return Ok(EditOutcome::Gone),
        };
        let unchanged = before.as_ref().is_some_and(|(before, _)| before == part);
        if unchanged && reveals.is_none() {
            // Readers have it already.
            return Ok(EditOutcome::Done);
        }
        let number = self.next(session).await?;
        let entry = LogEntry::Message { part: part.clone(), locale, at, edited: Some(number) };
        let mut entries = vec![
            entry_for(session, message, &entry, reveals),
            entry_for(session, number, &LogEntry::Edited { message }, None),
            StateEntry::new(last_key(session), json(&number)),
        ];
        entries.extend(part.media().map(|hash| media_entry(session, hash, message, reveals)));
        self.state.put(&entries).await?;
        if let Some((before, edited)) = before {
            // What was replaced is passed over by readers; removing it keeps the log short.
            if let Some(edited) = edited {
                self.state.delete_prefix(&edited.key(session)).await?;
            }
            if let Some(hash) = before.media().filter(|hash| part.media() != Some(*hash)) {
                self.state.delete_prefix(&media_key(session, hash, message)).await?;
            }
        }
        Ok(EditOutcome::Done)
    }

    /// Removes a message. One that is gone already stays so.
    pub(crate) async fn delete(&self, session: &SessionId, message: Number) -> Result<(), StateError> {
        let before = match self.entry(session, message).await? {
            Some(Some(LogEntry::Message { part, edited, .. })) => Some((part, edited)),
            Some(None) => None,
            _ => return Ok(()),
        };
        let number = self.next(session).await?;
        self.state
            .put(&[
                entry_for(session, message, &LogEntry::Removed, None),
                entry_for(session, number, &LogEntry::Deleted { message }, None),
                StateEntry::new(last_key(session), json(&number)),
            ])
            .await?;
        if let Some((part, edited)) = before {
            if let Some(edited) = edited {
                self.state.delete_prefix(&edited.key(session)).await?;
            }
            if let Some(hash) = part.media() {
                self.state.delete_prefix(&media_key(session, hash, message)).await?;
            }
        }
        Ok(())
    }

    /// Events after `after`, in order, and where to read on from. No events: the reader has seen everything.
    pub(crate) async fn read(
        &self,
        session: &SessionId,
        after: Number,
    ) -> Result<(Vec<Shown>, Option<Number>), StateError> {
        let prefix = format!("log/{}/", session.expose());
        let rows = self.state.list(&prefix, Some(&after.key(session)), PAGE).await?;
        let Some(last) = rows.last().and_then(|row| Number::of_key(&row.key)) else { return Ok((Vec::new(), None)) };
        let mut shown = Vec::with_capacity(rows.len());
        let mut fresh: HashSet<Number> = HashSet::new();
        for row in rows {
            let Some(number) = Number::of_key(&row.key) else { continue };
            let event = match row.value.and_then(|value| serde_json::from_value::<LogEntry>(value).ok()) {
                // A reader who is only now coming to a message sees it as it is.
                Some(LogEntry::Removed) => continue,
                Some(LogEntry::Deleted { message }) if message > after => continue,
                Some(LogEntry::Edited { message }) if fresh.contains(&message) => continue,
                Some(LogEntry::Deleted { message }) => ShownEvent::Delete { message },
                Some(LogEntry::Edited { message }) => match self.edited(session, message, number).await? {
                    Some(now) => ShownEvent::Edit(now),
                    None => continue,
                },
                Some(LogEntry::Message { part, locale, at, .. }) => {
                    fresh.insert(number);
                    let content = ShownContent { part, locale, at };
                    ShownEvent::Message(ShownMessage { message: number, content: Some(content) })
                }
                None => ShownEvent::Message(ShownMessage { message: number, content: None }),
            };
            shown.push(Shown { number, event });
        }
        Ok((shown, Some(last)))
    }

    /// Whether a message of this session shows this picture or file now.
    pub(crate) async fn shows(&self, session: &SessionId, hash: MediaHash) -> Result<bool, StateError> {
        let prefix = format!("media/{}/{hash}/", session.expose());
        Ok(self.state.list(&prefix, None, PAGE).await?.iter().any(|entry| entry.value.is_some()))
    }

    /// The message as it is now, unless it is gone or was edited again after `pointer`.
    async fn edited(
        &self,
        session: &SessionId,
        message: Number,
        pointer: Number,
    ) -> Result<Option<ShownMessage>, StateError> {
        Ok(match self.entry(session, message).await? {
            Some(Some(LogEntry::Message { part, locale, at, edited })) if edited == Some(pointer) => {
                Some(ShownMessage { message, content: Some(ShownContent { part, locale, at }) })
            }
            Some(None) => Some(ShownMessage { message, content: None }),
            _ => None,
        })
    }

    /// The entry under a number; inside, `None` when it was blanked.
    async fn entry(&self, session: &SessionId, number: Number) -> Result<Option<Option<LogEntry>>, StateError> {
        let rows = self.state.list(&number.key(session), None, 1).await?;
        Ok(rows.into_iter().next().map(|row| row.value.and_then(|value| serde_json::from_value(value).ok())))
    }

    async fn next(&self, session: &SessionId) -> Result<Number, StateError> {
        let last = self.state.get(&last_key(session)).await?;
        let last: Number = last.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
        Ok(Number(last.0 + 1))
    }
}

fn entry_for(session: &SessionId, number: Number, entry: &LogEntry, reveals: Option<&str>) -> StateEntry {
    StateEntry {
        key: number.key(session),
        value: json(entry),
        reveals: reveals.map(str::to_owned),
        owner: Some(session.expose().to_owned()),
    }
}

fn media_entry(session: &SessionId, hash: MediaHash, message: Number, reveals: Option<&str>) -> StateEntry {
    StateEntry {
        key: media_key(session, hash, message),
        value: serde_json::Value::Bool(true),
        reveals: reveals.map(str::to_owned),
        owner: Some(session.expose().to_owned()),
    }
}

pub(crate) fn last_key(session: &SessionId) -> String {
    format!("last/{}", session.expose())
}

fn part_key(session: &SessionId, key: &str) -> String {
    format!("part/{}/{key}", session.expose())
}

fn media_key(session: &SessionId, hash: MediaHash, message: Number) -> String {
    format!("media/{}/{hash}/{:020}", session.expose(), message.0)
}

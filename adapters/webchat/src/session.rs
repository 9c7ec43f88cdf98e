//! Who is there: sessions and their tokens. Only the SHA-256 of a token is kept.
//!
//! `token/<hash>` leads to the session, `session/<id>` holds what is known about it. A session's id is random and
//! is also the path of its address (`webchat:<id>`); nothing can be read with the id alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bot_core::adapter::{Actor, ConversationKind, ConversationRef};
use bot_core::clock::Random;
use bot_core::store::account_state::{AccountState, StateEntry, StateError};
use bot_core::{Address, Clock, Locale, Platform, Redacted};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::transcript::last_key;

/// The scheme of the addresses.
pub(crate) const PLATFORM: &str = "webchat";
/// Sessions are marked as seen at most this often, so that reading a page is not a write.
const SEEN_EVERY: TimeDelta = TimeDelta::days(1);
/// Sessions looked at in one step of the purge.
const PURGE_PAGE: u32 = 200;

/// A session's random name, 22 characters of base64url.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct SessionId(Redacted<String>);

impl SessionId {
    /// The session that a conversation belongs to; `None` for what we cannot have made.
    pub(crate) fn of(platform_ref: &str) -> Option<Self> {
        let well_formed = platform_ref.len() == 22
            && platform_ref.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        well_formed.then(|| Self(platform_ref.to_owned().into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    pub(crate) fn conversation(&self) -> ConversationRef {
        ConversationRef { kind: ConversationKind::Direct, platform_ref: self.0.clone() }
    }

    pub(crate) fn actor(&self, locale: Option<Locale>) -> Actor {
        Actor { address: Address::new(Platform::new(PLATFORM), self.expose()), locale }
    }
}

/// 256 random bits, the only key to a session.
#[derive(Clone, Debug)]
pub(crate) struct Token(Redacted<String>);

impl Token {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(Redacted::new(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What a browser must repeat in a header, which another site cannot know: an HMAC under the token itself, so
    /// that nothing more has to be stored.
    pub(crate) fn csrf(&self) -> String {
        #[allow(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.expose().as_bytes()).expect("any key length fits");
        mac.update(b"crieur webchat csrf");
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// A hash is looked up by its index: what timing could tell about it says nothing about the token.
    fn hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.expose()))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub id: SessionId,
    pub locale: Option<Locale>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    token_hash: String,
    locale: Option<Locale>,
    created_at: DateTime<Utc>,
    seen_at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    state: AccountState,
    clock: Clock,
    random: Random,
    idle_max: TimeDelta,
}

impl Sessions {
    pub(crate) fn new(state: AccountState, clock: Clock, random: Random, idle_max: TimeDelta) -> Self {
        Self { state, clock, random, idle_max }
    }

    pub(crate) async fn create(&self, locale: Option<Locale>) -> Result<(Session, Token), StateError> {
        let id = SessionId(URL_SAFE_NO_PAD.encode(self.random.bytes::<16>()).into());
        let token = Token::new(URL_SAFE_NO_PAD.encode(self.random.bytes::<32>()));
        let now = self.clock.now();
        let record = Record { token_hash: token.hash(), locale, created_at: now, seen_at: now };
        self.state
            .put(&[
                StateEntry::new(token_key(&record.token_hash), id.expose().into()),
                StateEntry::new(session_key(&id), json(&record)),
            ])
            .await?;
        Ok((Session { id, locale }, token))
    }

    /// The session this token opens, which thereby counts as seen.
    pub(crate) async fn find(&self, token: &Token) -> Result<Option<Session>, StateError> {
        let Some(id) = self.state.get(&token_key(&token.hash())).await? else { return Ok(None) };
        let Some(id) = id.as_str().and_then(SessionId::of) else { return Ok(None) };
        let Some(mut record) = self.record(&id).await? else { return Ok(None) };
        let now = self.clock.now();
        if now - record.seen_at >= SEEN_EVERY {
            record.seen_at = now;
            self.state.put(&[StateEntry::new(session_key(&id), json(&record))]).await?;
        }
        Ok(Some(Session { id, locale: record.locale }))
    }

    pub(crate) async fn is_open(&self, id: &SessionId) -> Result<bool, StateError> {
        Ok(self.record(id).await?.is_some())
    }

    /// Forgets a session: first the key to it, then what it holds.
    pub(crate) async fn remove(&self, id: &SessionId) -> Result<(), StateError> {
        if let Some(record) = self.stored(id).await? {
            self.state.delete_prefix(&token_key(&record.token_hash)).await?;
        }
        for kind in ["log", "part", "last", "media"] {
            self.state.delete_prefix(&format!("{kind}/{}/", id.expose())).await?;
        }
        self.state.delete_prefix(&last_key(id)).await?;
        self.state.delete_prefix(&session_key(id)).await?;
        Ok(())
    }

    /// The sessions that nobody has visited for too long.
    pub(crate) async fn expired(&self) -> Result<Vec<SessionId>, StateError> {
        let mut expired = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.state.list("session/", after.as_deref(), PURGE_PAGE).await?;
            let Some(last) = page.last() else { return Ok(expired) };
            after = Some(last.key.clone());
            for entry in page {
                let Some(id) = entry.key.strip_prefix("session/").and_then(SessionId::of) else { continue };
                let record = entry.value.and_then(|value| serde_json::from_value::<Record>(value).ok());
                if !record.is_some_and(|record| self.in_time(&record)) {
                    expired.push(id);
                }
            }
        }
    }

    async fn record(&self, id: &SessionId) -> Result<Option<Record>, StateError> {
        Ok(self.stored(id).await?.filter(|record| self.in_time(record)))
    }

    async fn stored(&self, id: &SessionId) -> Result<Option<Record>, StateError> {
        let value = self.state.get(&session_key(id)).await?;
        Ok(value.and_then(|value| serde_json::from_value(value).ok()))
    }

    fn in_time(&self, record: &Record) -> bool {
        self.clock.now() - record.seen_at < self.idle_max
    }
}

fn token_key(hash: &str) -> String {
    format!("token/{hash}")
}

fn session_key(id: &SessionId) -> String {
    format!("session/{}", id.expose())
}

/// Plain structs with string keys always serialise.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bot_core::conformance::TestDatabase;

    use super::*;

    #[tokio::test]
    async fn a_session_ends_when_nobody_visits_it_and_lives_as_long_as_somebody_does() {
        let clock = Clock::manual("2026-09-01T08:00:00Z".parse().unwrap());
        let database = TestDatabase::create().await;
        let account = database.account(PLATFORM, &clock).await;
        let state = account.context.state.clone();
        let sessions = Sessions::new(state.clone(), clock.clone(), Random::seeded(1), TimeDelta::days(10));
        let (visited, visited_token) = sessions.create(Some(Locale::Fr)).await.unwrap();
        let (left, left_token) = sessions.create(None).await.unwrap();

        for _ in 0..3 {
            clock.advance(TimeDelta::days(6));
            let found = sessions.find(&visited_token).await.unwrap().unwrap();
            assert_eq!((found.id, found.locale), (visited.id.clone(), Some(Locale::Fr)));
        }
        assert!(sessions.find(&left_token).await.unwrap().is_none());
        assert_eq!(sessions.expired().await.unwrap(), std::slice::from_ref(&left.id));
        sessions.remove(&left.id).await.unwrap();
        assert_eq!(sessions.expired().await.unwrap(), []);

        let everything = state.list("", None, 100).await.unwrap();
        assert_eq!(everything.len(), 2, "nothing of the removed session is left");
        assert!(!format!("{everything:?}").contains(visited_token.expose()), "the token itself is not kept");
    }
}

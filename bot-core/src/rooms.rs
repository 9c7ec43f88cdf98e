//! Rooms: the groups, channels and threads where one of our accounts is, as plugins and operators see them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::adapter::{Adapter, ConversationRef};
use crate::core::Core;
use crate::ids::{AccountId, ConversationId, Platform};
use crate::plugin::{Context, ConversationView, HandlerError};
use crate::redacted::Redacted;

/// A place where several people and the bot read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Room {
    /// Its plain handle: never given to another room.
    pub number: i64,
    /// The account that is in it.
    pub account: String,
    pub platform: Platform,
    /// How the platform names it.
    pub reference: Redacted<String>,
    /// What can be shown in it. A process that runs no adapters (the command line) knows of nothing.
    pub conversation: ConversationView,
}

impl Context {
    /// The rooms where we can write now, by number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn rooms(&mut self) -> Result<Vec<Room>, HandlerError> {
        let rows = sqlx::query!(
            r#"
            SELECT conversation.id, conversation.number, conversation.kind, conversation.platform_ref,
                   conversation.account_id, account.name, account.platform
            FROM core.conversation
            JOIN core.account ON account.organisation_id = conversation.organisation_id
                             AND account.id = conversation.account_id
            WHERE conversation.organisation_id = $1 AND conversation.kind <> 'direct' AND conversation.state = 'open'
              AND account.state <> 'retired'
            ORDER BY conversation.number
            "#,
            self.organisation.id.0,
        )
        .fetch_all(&mut *self.transaction)
        .await?;
        let mut rooms = Vec::with_capacity(rows.len());
        for row in rows {
            let kind = row.kind.parse().map_err(HandlerError::Broken)?;
            let reference = ConversationRef { kind, platform_ref: Redacted::new(row.platform_ref) };
            let conversation = self.views.view(AccountId(row.account_id), ConversationId(row.id), &reference);
            rooms.push(Room {
                number: row.number,
                account: row.name,
                platform: Platform::new(row.platform),
                reference: reference.platform_ref,
                conversation,
            });
        }
        Ok(rooms)
    }

    /// Which of these rooms are closed to us: we were removed, or the account was retired. One that moved is not.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn closed_rooms(&mut self, rooms: &[ConversationId]) -> Result<Vec<ConversationId>, HandlerError> {
        let rooms: Vec<uuid::Uuid> = rooms.iter().map(|room| room.0).collect();
        let closed = sqlx::query_scalar!(
            r#"
            SELECT conversation.id FROM core.conversation
            JOIN core.account ON account.organisation_id = conversation.organisation_id
                             AND account.id = conversation.account_id
            WHERE conversation.organisation_id = $1 AND conversation.id = ANY($2)
              AND (conversation.state = 'closed' OR account.state = 'retired')
            ORDER BY conversation.number
            "#,
            self.organisation.id.0,
            &rooms,
        )
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(closed.into_iter().map(ConversationId).collect())
    }

    /// By which names a room was known before it moved here (a group that became a supergroup).
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn former_rooms(&mut self, room: ConversationId) -> Result<Vec<ConversationId>, HandlerError> {
        let former = sqlx::query_scalar!(
            r#"
            WITH RECURSIVE former AS (
                SELECT id, number FROM core.conversation
                WHERE organisation_id = $1 AND migrated_to = $2 AND state = 'migrated'
                UNION
                SELECT earlier.id, earlier.number FROM core.conversation AS earlier
                JOIN former ON earlier.migrated_to = former.id
                WHERE earlier.organisation_id = $1 AND earlier.state = 'migrated'
            )
            SELECT id AS "id!" FROM former WHERE id <> $2 ORDER BY number
            "#,
            self.organisation.id.0,
            room.0,
        )
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(former.into_iter().map(ConversationId).collect())
    }

    /// One of [`Context::rooms`].
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn room(&mut self, id: ConversationId) -> Result<Option<Room>, HandlerError> {
        Ok(self.rooms().await?.into_iter().find(|room| room.conversation.id == id))
    }
}

/// Says what can be shown where, by asking the adapters of this process.
#[derive(Clone)]
pub(crate) enum Views {
    Adapters(HashMap<AccountId, Arc<dyn Adapter>>),
    #[cfg(feature = "conformance")]
    Known(Arc<std::sync::Mutex<HashMap<ConversationId, ConversationView>>>),
}

impl Views {
    pub fn of(core: &Core) -> Self {
        Self::Adapters(core.accounts().into_iter().map(|account| (account.id, account.adapter)).collect())
    }

    #[cfg(feature = "conformance")]
    pub fn known(views: Arc<std::sync::Mutex<HashMap<ConversationId, ConversationView>>>) -> Self {
        Self::Known(views)
    }

    pub fn view(&self, account: AccountId, id: ConversationId, place: &ConversationRef) -> ConversationView {
        let nothing =
            ConversationView { id, kind: place.kind, private: false, buttons: false, polls: false, votes: false };
        match self {
            Self::Adapters(adapters) => match adapters.get(&account) {
                Some(adapter) => {
                    let capabilities = adapter.capabilities(place);
                    ConversationView {
                        private: capabilities.private,
                        buttons: capabilities.buttons.is_some(),
                        polls: capabilities.polls.is_some(),
                        votes: capabilities.polls.is_some() && adapter.reports_votes(),
                        ..nothing
                    }
                }
                None => nothing,
            },
            #[cfg(feature = "conformance")]
            Self::Known(views) => {
                let views = views.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                views.get(&id).cloned().unwrap_or(nothing)
            }
        }
    }
}

//! To whom a message goes: each person once, in the conversation they last used.

use std::collections::HashMap;

use uuid::Uuid;

use super::{EffectError, EffectWriter};
use crate::ids::{ContactId, ConversationId};
use crate::locale::Locale;
use crate::plugin::{Purpose, Recipient, Role};

struct TargetRow {
    account: i32,
    conversation: Uuid,
    address: Option<i64>,
    contact: Option<Uuid>,
    locale: Option<String>,
}

#[derive(Clone)]
pub(super) struct Target {
    pub account: i32,
    /// `None`: still to be opened with `address`.
    pub conversation: Option<Uuid>,
    pub address: Option<i64>,
    pub contact: Option<Uuid>,
    pub locale: Locale,
}

impl EffectWriter<'_> {
    /// Where a message goes: each person once, in the conversation they last used.
    pub(super) async fn targets(&mut self, to: Recipient, purpose: Purpose) -> Result<Vec<Target>, EffectError> {
        let organisation = self.organisation_id();
        let rows = match to {
            Recipient::Conversation(ConversationId(conversation)) => self.places(&[conversation]).await?,
            Recipient::Contact(contact) => self.ways_to(&[contact.0], purpose, false).await?,
            Recipient::ContactElsewhere(contact) => self.ways_to(&[contact.0], purpose, true).await?,
            Recipient::CallerInPrivate => return Ok(self.caller_in_private().await?.into_iter().collect()),
            Recipient::Consenting => {
                let people = sqlx::query_scalar!(
                    r#"
                    SELECT contact.id FROM core.consent AS consent
                    JOIN core.contact AS contact
                      ON contact.organisation_id = consent.organisation_id AND contact.id = consent.contact_id
                    WHERE consent.organisation_id = $1 AND consent.purpose = $2 AND consent.withdrawn_at IS NULL
                      AND contact.status = 'active'
                    "#,
                    organisation,
                    purpose.as_str(),
                )
                .fetch_all(&mut *self.connection)
                .await?;
                self.ways_to(&people, purpose, false).await?
            }
            Recipient::Organisers | Recipient::Operators => {
                let role = if to == Recipient::Operators { Role::Operator } else { Role::Organiser };
                sqlx::query_as!(
                    TargetRow,
                    r#"
                    SELECT DISTINCT ON (address.id)
                           reachability.account_id AS "account!", reachability.direct_conversation_id AS "conversation!",
                           address.id AS "address?", address.contact_id AS "contact?", contact.locale AS "locale?"
                    FROM core.role_grant
                    JOIN core.address
                      ON address.organisation_id = role_grant.organisation_id AND address.id = role_grant.address_id
                    JOIN core.contact
                      ON contact.organisation_id = address.organisation_id AND contact.id = address.contact_id
                    JOIN core.reachability
                      ON reachability.organisation_id = address.organisation_id AND reachability.address_id = address.id
                    WHERE role_grant.organisation_id = $1 AND role_grant.role = $2
                      AND reachability.state = 'reachable' AND reachability.direct_conversation_id IS NOT NULL
                    ORDER BY address.id, reachability.since DESC
                    "#,
                    organisation,
                    role.as_str(),
                )
                .fetch_all(&mut *self.connection)
                .await?
            }
        };
        Ok(rows.into_iter().map(|row| self.target(row)).collect())
    }

    /// As [`Self::targets`] for many conversations at once, by conversation.
    pub(super) async fn targets_in(
        &mut self,
        conversations: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Target>, EffectError> {
        let conversations: Vec<Uuid> = conversations.iter().map(|conversation| conversation.0).collect();
        let rows = self.places(&conversations).await?;
        Ok(rows.into_iter().map(|row| (ConversationId(row.conversation), self.target(row))).collect())
    }

    async fn places(&mut self, conversations: &[Uuid]) -> Result<Vec<TargetRow>, EffectError> {
        let rows = sqlx::query_as!(
            TargetRow,
            r#"
            SELECT DISTINCT ON (conversation.id)
                   conversation.account_id AS "account!", conversation.id AS "conversation!",
                   reachability.address_id AS "address?", address.contact_id AS "contact?", contact.locale AS "locale?"
            FROM core.conversation AS conversation
            LEFT JOIN core.reachability AS reachability
              ON reachability.organisation_id = conversation.organisation_id
             AND reachability.direct_conversation_id = conversation.id
            LEFT JOIN core.address AS address
              ON address.organisation_id = reachability.organisation_id AND address.id = reachability.address_id
            LEFT JOIN core.contact AS contact
              ON contact.organisation_id = address.organisation_id AND contact.id = address.contact_id
            WHERE conversation.organisation_id = $1 AND conversation.id = ANY($2)
            "#,
            self.organisation_id(),
            conversations,
        )
        .fetch_all(&mut *self.connection)
        .await?;
        Ok(rows)
    }

    /// As [`Self::targets`] for many people at once, by person.
    pub(super) async fn targets_of(
        &mut self,
        people: &[ContactId],
        purpose: Purpose,
        elsewhere: bool,
    ) -> Result<HashMap<ContactId, Target>, EffectError> {
        let people: Vec<Uuid> = people.iter().map(|contact| contact.0).collect();
        let rows = self.ways_to(&people, purpose, elsewhere).await?;
        let targets = rows.into_iter().filter_map(|row| Some((ContactId(row.contact?), self.target(row))));
        Ok(targets.collect())
    }

    fn target(&self, row: TargetRow) -> Target {
        let default = self.organisation.view.default_locale;
        Target {
            account: row.account,
            conversation: Some(row.conversation),
            address: row.address,
            contact: row.contact,
            locale: row.locale.and_then(|code| code.parse().ok()).unwrap_or(default),
        }
    }

    /// The conversation of each person that they used last, if we may write there. What nobody asked for goes to
    /// another address only with consent for that address: that one blocked us is no leave to write on the other.
    async fn ways_to(
        &mut self,
        people: &[Uuid],
        purpose: Purpose,
        elsewhere: bool,
    ) -> Result<Vec<TargetRow>, EffectError> {
        let rows = sqlx::query_as!(
            TargetRow,
            r#"
            WITH way AS (
                SELECT address.contact_id, address.id AS address_id, reachability.account_id, reachability.state,
                       reachability.direct_conversation_id, reachability.since,
                       first_value(address.id) OVER (
                           PARTITION BY address.contact_id ORDER BY reachability.since DESC, address.id
                       ) AS last_used,
                       EXISTS (
                           SELECT FROM core.address_consent AS agreed
                           WHERE agreed.organisation_id = address.organisation_id AND agreed.address_id = address.id
                             AND agreed.purpose = $3 AND agreed.withdrawn_at IS NULL
                       ) AS agreed
                FROM core.address
                JOIN core.reachability
                  ON reachability.organisation_id = address.organisation_id AND reachability.address_id = address.id
                WHERE address.organisation_id = $1 AND address.contact_id = ANY($2)
            )
            SELECT DISTINCT ON (way.contact_id)
                   way.account_id AS "account!", way.direct_conversation_id AS "conversation!",
                   way.address_id AS "address?", way.contact_id AS "contact?", contact.locale AS "locale?"
            FROM way
            JOIN core.contact ON contact.organisation_id = $1 AND contact.id = way.contact_id
            WHERE way.state = 'reachable' AND way.direct_conversation_id IS NOT NULL
              AND CASE WHEN $4 THEN way.address_id <> way.last_used AND way.agreed
                       ELSE way.address_id = way.last_used OR way.agreed OR NOT $5 END
            ORDER BY way.contact_id, way.address_id <> way.last_used, way.since DESC
            "#,
            self.organisation_id(),
            people,
            purpose.as_str(),
            elsewhere,
            purpose.is_proactive(),
        )
        .fetch_all(&mut *self.connection)
        .await?;
        Ok(rows)
    }

    pub(super) async fn caller_in_private(&mut self) -> Result<Option<Target>, EffectError> {
        let (Some(caller), Some(account)) = (self.caller, self.origin.account) else { return Ok(None) };
        let known = sqlx::query_scalar!(
            r#"
            SELECT conversation.id FROM core.reachability
            JOIN core.conversation ON conversation.organisation_id = reachability.organisation_id
                                  AND conversation.id = reachability.direct_conversation_id
            WHERE reachability.organisation_id = $1 AND reachability.account_id = $2 AND reachability.address_id = $3
              AND conversation.state = 'open'
            "#,
            self.organisation_id(),
            account.0,
            caller.address.0,
        )
        .fetch_optional(&mut *self.connection)
        .await?;
        Ok(Some(Target {
            account: account.0,
            conversation: known,
            address: Some(caller.address.0),
            contact: Some(caller.contact.0),
            locale: self.locale,
        }))
    }
}

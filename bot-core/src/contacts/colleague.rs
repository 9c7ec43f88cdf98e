//! A contact names somebody of their collectivité in their own place.
//!
//! The name is personal data of a third person who said nothing yet. They get no address by it: nothing can be sent to
//! them before they come by themselves, with an invitation that whoever named them forwards. Until then that one can
//! take the name back.

use chrono::TimeDelta;
use serde_json::json;

use crate::contacts::ContactSet;
use crate::core::Organisation;
use crate::people::invitation::{self, Entry, InvitationError, LIFE_DAYS_MAX};
use crate::store::accounts::private_links;

use crate::ids::ContactId;
use crate::plugin::Context;

/// Characters of a name that is proposed.
pub const PROPOSED_NAME_CHARACTERS_MAX: usize = 100;
/// The last rank within a collectivité.
const RANK_MAX: i16 = 99;

/// What the history says of the one who was named, and of the one who named them.
const HISTORY_PROPOSED: &str = "contact.proposed";
const HISTORY_NAMED: &str = "contact.named_colleague";

impl Context {
    /// Makes a contact named `name` at the collectivité of `by`, ranked after everybody there, with an invitation that
    /// is good for `life` (one day at least, [`LIFE_DAYS_MAX`] at most). `None` when `by` works for no collectivité, or
    /// its ranks are all taken. Both histories tell of it, without the name.
    ///
    /// # Errors
    /// Those of the database; a name is 1 to [`PROPOSED_NAME_CHARACTERS_MAX`] characters, which the caller checks.
    pub async fn propose_contact(
        &mut self,
        by: ContactId,
        name: &str,
        life: TimeDelta,
    ) -> Result<Option<ContactId>, sqlx::Error> {
        let (organisation, now) = (self.organisation.id.0, self.now);
        // Whoever proposes another one for the same collectivité waits, so that ranks are handed out once.
        let named_by = sqlx::query!(
            r#"
            SELECT contact.number, body.id AS body
            FROM core.contact
            JOIN core.collectivite AS body
              ON body.organisation_id = contact.organisation_id AND body.id = contact.collectivite_id
            WHERE contact.organisation_id = $1 AND contact.id = $2
            FOR UPDATE OF body
            "#,
            organisation,
            by.0,
        )
        .fetch_optional(&mut *self.transaction)
        .await?;
        let Some(named_by) = named_by else { return Ok(None) };
        let last = sqlx::query_scalar!(
            "SELECT max(rank) FROM core.contact WHERE organisation_id = $1 AND collectivite_id = $2",
            organisation,
            named_by.body,
        )
        .fetch_one(&mut *self.transaction)
        .await?;
        let rank = last.unwrap_or_default().saturating_add(1);
        if rank > RANK_MAX {
            return Ok(None);
        }
        let id = self.random_contact();
        let number = sqlx::query_scalar!(
            r#"
            INSERT INTO core.contact (organisation_id, id, status, name, collectivite_id, rank, created_at)
            VALUES ($1, $2, 'active', $3, $4, $5, $6) RETURNING number
            "#,
            organisation,
            id.0,
            name,
            named_by.body,
            rank,
            now,
        )
        .fetch_one(&mut *self.transaction)
        .await?;
        sqlx::query!(
            r#"
            INSERT INTO core.invitation (organisation_id, contact_id, generation, issued_at, expires_at)
            VALUES ($1, $2, 1, $3, $4)
            "#,
            organisation,
            id.0,
            now,
            now + life.clamp(TimeDelta::days(1), TimeDelta::days(LIFE_DAYS_MAX)),
        )
        .execute(&mut *self.transaction)
        .await?;
        for (contact, action, other) in [
            (id, HISTORY_PROPOSED, json!({ "by": named_by.number })),
            (by, HISTORY_NAMED, json!({ "contact": number })),
        ] {
            sqlx::query!(
                r#"
                INSERT INTO core.contact_history (organisation_id, contact_id, happened_at, actor, action, details)
                VALUES ($1, $2, $3, 'contact', $4, $5)
                "#,
                organisation,
                contact.0,
                now,
                action,
                other,
            )
            .execute(&mut *self.transaction)
            .await?;
        }
        Ok(Some(id))
    }

    /// The invitation of a contact, with a link for each account that has one. `None` when they came already, or it has
    /// ended or was taken back.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn invitation_of(&mut self, contact: ContactId) -> Result<Option<Entry>, InvitationError> {
        let view = self.organisation.clone();
        let row = sqlx::query!("SELECT name, action_key FROM core.organisation WHERE id = $1", view.id.0)
            .fetch_one(&mut *self.transaction)
            .await?;
        let key: [u8; 32] =
            row.action_key.try_into().map_err(|_| sqlx::Error::Decode("an action key has 32 bytes".into()))?;
        let links = private_links(&mut *self.transaction, view.id).await?;
        let organisation = Organisation::new(view, row.name, key);
        let these = ContactSet::These(vec![contact]);
        let entries = invitation::entries(&mut self.transaction, &organisation, &links, self.now, &these).await?;
        Ok(entries.into_iter().next())
    }

    /// Removes a contact who was proposed and never came: with their invitation, and without a trace of the name.
    /// `false` when they came meanwhile, an organiser has made them their own, or nobody had proposed them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn withdraw_proposed(&mut self, proposed: ContactId) -> Result<bool, sqlx::Error> {
        let removed = sqlx::query!(
            r#"
            DELETE FROM core.contact AS proposed
            WHERE proposed.organisation_id = $1 AND proposed.id = $2 AND proposed.external_id IS NULL
              AND NOT EXISTS (
                  SELECT FROM core.address
                  WHERE address.organisation_id = proposed.organisation_id AND address.contact_id = proposed.id)
              AND EXISTS (
                  SELECT FROM core.contact_history AS history
                  WHERE history.organisation_id = proposed.organisation_id AND history.contact_id = proposed.id
                    AND history.action = $3)
            "#,
            self.organisation.id.0,
            proposed.0,
            HISTORY_PROPOSED,
        )
        .execute(&mut *self.transaction)
        .await?;
        Ok(removed.rows_affected() > 0)
    }

    fn random_contact(&mut self) -> ContactId {
        let mut bytes = [0; 16];
        rand::RngCore::fill_bytes(&mut self.random, &mut bytes);
        ContactId(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::locale::Locale;
    use crate::plugin_bench::PluginBench;

    async fn contact(cx: &mut Context, body: Option<i64>, rank: Option<i16>) -> ContactId {
        let id = cx.random_contact();
        sqlx::query!(
            r#"
            INSERT INTO core.contact (organisation_id, id, status, name, collectivite_id, rank, created_at)
            VALUES ($1, $2, 'active', 'Ana', $3, $4, $5)
            "#,
            cx.organisation.id.0,
            id.0,
            body,
            rank,
            cx.now,
        )
        .execute(cx.sql())
        .await
        .unwrap();
        id
    }

    async fn commune(cx: &mut Context) -> i64 {
        sqlx::query_scalar!(
            r#"
            INSERT INTO core.collectivite (organisation_id, kind, name, created_at)
            VALUES ($1, 'commune', 'Trifouilly', $2) RETURNING id
            "#,
            cx.organisation.id.0,
            cx.now,
        )
        .fetch_one(cx.sql())
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn a_colleague_is_ranked_last_and_leaves_with_whoever_named_them() {
        let start = "2026-09-01T08:00:00Z".parse().unwrap();
        let bench = PluginBench::new("survey-reminders".parse().unwrap(), Clock::manual(start), 17).await;
        let call = async |cx: &mut Context| {
            let (body, month) = (commune(cx).await, TimeDelta::days(30));
            let (ana, other) = (contact(cx, Some(body), Some(1)).await, contact(cx, Some(body), Some(4)).await);
            let alone = contact(cx, None, None).await;
            assert_eq!(cx.propose_contact(alone, "Zoé", month).await?, None, "she works for nobody");

            let zoe = cx.propose_contact(ana, "Zoé Payet", month).await?.unwrap();
            let view = cx.contact(zoe).await.unwrap().unwrap();
            assert_eq!((view.name.as_deref(), view.rank), (Some("Zoé Payet"), Some(5)));
            assert_eq!(view.reach.last_used, None);
            let invitation = cx.invitation_of(zoe).await.unwrap().unwrap();
            assert!(invitation.command.starts_with("/invitation "), "{}", invitation.command);
            assert_eq!(cx.invitation_of(ana).await.unwrap(), None);
            let told = sqlx::query_scalar!("SELECT count(*) FROM core.contact_history WHERE details::text LIKE '%Zo%'");
            assert_eq!(told.fetch_one(cx.sql()).await?, Some(0), "no name in a history");

            assert!(!cx.withdraw_proposed(other).await?, "nobody proposed them");
            assert!(cx.withdraw_proposed(zoe).await?);
            assert_eq!(cx.contact(zoe).await.unwrap(), None);

            let zoe = cx.propose_contact(ana, "Zoé Payet", month).await?.unwrap();
            sqlx::query!(
                r#"
                INSERT INTO core.address (organisation_id, scheme, path, contact_id, created_at)
                VALUES ($1, 'bench', 'zoe', $2, $3)
                "#,
                cx.organisation.id.0,
                zoe.0,
                cx.now,
            )
            .execute(cx.sql())
            .await?;
            assert!(!cx.withdraw_proposed(zoe).await?, "she came meanwhile");
            Ok(())
        };
        bench.call(None, Locale::Fr, call).await.unwrap();
    }
}

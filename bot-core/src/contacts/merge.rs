//! Two lines of an organiser's list are one person.
//!
//! What is known of the one that stays wins, the other fills the gaps. STOP said by either is said by both. At most one
//! of them has an address, so consents are those of whoever gave them: two people who have both written to us only
//! become one when both say so (`/lier`).

use serde::Serialize;
use serde_json::{Map, Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use super::directory::{Directory, DirectoryError};
use crate::core::{Core, Organisation};
use crate::dispatcher::{FIRE_EVENT, addresses_of, lock_contact, schedule};
use crate::ids::ContactId;
use crate::plugin::{Event, Fire, Misfire, Subscription};

/// What a merge came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Merged {
    /// The contact that stays, by number.
    pub kept: i64,
    /// The one that is a part of it from now on.
    pub gone: i64,
    /// What was filled in from it. Names, never values.
    pub filled: Vec<String>,
    /// What both had, and the one that stays keeps.
    pub kept_own: Vec<String>,
    /// Whether the addresses of the one that goes now lead to the other.
    pub addresses_moved: bool,
}

/// One of the two, before.
struct Half {
    number: i64,
    status: String,
    external_id: Option<String>,
    name: Option<String>,
    collectivite: Option<i64>,
    rank: Option<i16>,
    fields: Map<String, Value>,
    addresses: i64,
}

/// Merges `gone` into `kept` (numbers or external ids), and lets the plugins know.
///
/// # Errors
/// When one is not there, both are the same, or both have written to us.
pub async fn merge(
    core: &Core,
    organisation: &Organisation,
    actor: &str,
    kept: &str,
    gone: &str,
) -> Result<Merged, DirectoryError> {
    let mut transaction = core.pool.begin().await?;
    let mut directory =
        Directory { sql: &mut transaction, organisation: organisation.view.id, now: core.clock.now(), actor };
    let (kept, gone) = (directory.find(kept).await?, directory.find(gone).await?);
    if kept == gone {
        return Err(DirectoryError::Refused("both are the same contact: name two".to_owned()));
    }
    // In the order in which every part of crieur locks two people.
    let mut both = [kept, gone];
    both.sort_by_key(|contact| contact.0.as_u64_pair().1);
    for contact in both {
        lock_contact(&mut transaction, contact).await?;
    }
    let kept_addresses = addresses_of(core, organisation, &mut transaction, kept).await?;
    let joiner_addresses = addresses_of(core, organisation, &mut transaction, gone).await?;
    let mut directory =
        Directory { sql: &mut transaction, organisation: organisation.view.id, now: core.clock.now(), actor };
    let merged = directory.join(kept, gone).await?;
    let news = Event::ContactsMerged { kept, joiner: gone, kept_addresses, joiner_addresses };
    let news = serde_json::to_value(news).map_err(|error| DirectoryError::Refused(error.to_string()))?;
    for host in core.plugins.values().filter(|host| host.manifest().subscriptions.contains(&Subscription::Links)) {
        let fire = Fire {
            scope: FIRE_EVENT.to_owned(),
            subject: format!("merged {gone}"),
            due_at: core.clock.now(),
            misfire: Misfire::RunOnce,
            payload: news.clone(),
            repeat: None,
        };
        let scheduled = schedule(&mut transaction, organisation.view.id.0, &host.manifest().id, &fire).await;
        scheduled.map_err(|error| DirectoryError::Refused(error.to_string()))?;
    }
    transaction.commit().await?;
    Ok(merged)
}

impl Directory<'_> {
    async fn half(&mut self, contact: ContactId) -> Result<Half, sqlx::Error> {
        let row = sqlx::query!(
            r#"
            SELECT number, status, external_id, name, collectivite_id, rank, fields AS "fields: Json<Map<String, Value>>",
                   (SELECT count(*) FROM core.address
                    WHERE address.organisation_id = contact.organisation_id AND address.contact_id = contact.id)
                       AS "addresses!"
            FROM core.contact WHERE organisation_id = $1 AND id = $2 FOR UPDATE
            "#,
            self.organisation.0,
            contact.0,
        )
        .fetch_one(&mut *self.sql)
        .await?;
        Ok(Half {
            number: row.number,
            status: row.status,
            external_id: row.external_id,
            name: row.name,
            collectivite: row.collectivite_id,
            rank: row.rank,
            fields: row.fields.0,
            addresses: row.addresses,
        })
    }

    async fn join(&mut self, kept: ContactId, gone: ContactId) -> Result<Merged, DirectoryError> {
        let (mine, theirs) = (self.half(kept).await?, self.half(gone).await?);
        if mine.addresses > 0 && theirs.addresses > 0 {
            return Err(DirectoryError::Refused(format!(
                "contacts {} and {} have both written to us, and only they can say that they are one person: one of them \
                 writes /lier to the bot, and the code from the other network",
                mine.number, theirs.number
            )));
        }
        let (mut filled, mut kept_own) = (Vec::new(), Vec::new());
        let mut told = |name: &str, mine: bool, theirs: bool| match (mine, theirs) {
            (false, true) => filled.push(name.to_owned()),
            (true, true) => kept_own.push(name.to_owned()),
            (_, false) => {}
        };
        told("external_id", mine.external_id.is_some(), theirs.external_id.is_some());
        told("name", mine.name.is_some(), theirs.name.is_some());
        told("collectivite", mine.collectivite.is_some(), theirs.collectivite.is_some());
        for key in theirs.fields.keys() {
            told(&format!("field.{key}"), mine.fields.contains_key(key), true);
        }
        let mut fields = theirs.fields;
        fields.extend(mine.fields);
        let (collectivite, rank) = match mine.collectivite {
            Some(body) => (Some(body), mine.rank),
            None => (theirs.collectivite, theirs.rank),
        };
        // An external id that stays with the tombstone tells a later import that its row is one too many.
        let moves_id = mine.external_id.is_none() && theirs.external_id.is_some();
        self.archive(gone.0, kept.0, moves_id).await?;
        sqlx::query!(
            r#"
            UPDATE core.contact AS kept
            SET external_id = coalesce(kept.external_id, $4), name = coalesce(kept.name, gone.name),
                collectivite_id = $5, rank = $6, fields = $7, locale = coalesce(kept.locale, gone.locale),
                time_zone = coalesce(kept.time_zone, gone.time_zone),
                quiet_hours = coalesce(kept.quiet_hours, gone.quiet_hours), status = $8
            FROM core.contact AS gone
            WHERE kept.organisation_id = $1 AND kept.id = $2 AND gone.organisation_id = $1 AND gone.id = $3
            "#,
            self.organisation.0,
            kept.0,
            gone.0,
            theirs.external_id,
            collectivite,
            rank,
            Json(fields) as _,
            if [&mine.status, &theirs.status].contains(&&"stopped".to_owned()) { "stopped" } else { "active" },
        )
        .execute(&mut *self.sql)
        .await?;
        self.move_what_belongs(kept.0, gone.0).await?;
        let details = json!({ "contact": theirs.number, "filled": filled, "kept": kept_own });
        self.remember(&[kept.0], "merged", details).await?;
        let details = json!({ "into": mine.number, "filled": filled });
        self.audit("contacts.merged", &format!("contact {}", theirs.number), details).await?;
        let addresses_moved = theirs.addresses > 0;
        Ok(Merged { kept: mine.number, gone: theirs.number, filled, kept_own, addresses_moved })
    }

    async fn archive(&mut self, gone: Uuid, kept: Uuid, moves_id: bool) -> Result<(), sqlx::Error> {
        sqlx::query!(
            r#"
            UPDATE core.contact
            SET status = 'archived', merged_into = $3, external_id = CASE WHEN $4 THEN NULL ELSE external_id END
            WHERE organisation_id = $1 AND id = $2
            "#,
            self.organisation.0,
            gone,
            kept,
            moves_id,
        )
        .execute(&mut *self.sql)
        .await?;
        // A link on paper that leads to nobody any more.
        sqlx::query!(
            "DELETE FROM core.invitation WHERE organisation_id = $1 AND contact_id = $2",
            self.organisation.0,
            gone
        )
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// Addresses, consents, groups, deliveries and history.
    async fn move_what_belongs(&mut self, kept: Uuid, gone: Uuid) -> Result<(), sqlx::Error> {
        let organisation = self.organisation.0;
        sqlx::query!(
            r#"
            INSERT INTO core.address_history (organisation_id, address_id, contact_id, until)
            SELECT organisation_id, id, contact_id, $3 FROM core.address WHERE organisation_id = $1 AND contact_id = $2
            "#,
            organisation,
            gone,
            self.now,
        )
        .execute(&mut *self.sql)
        .await?;
        sqlx::query!(
            "UPDATE core.address SET contact_id = $3 WHERE organisation_id = $1 AND contact_id = $2",
            organisation,
            gone,
            kept,
        )
        .execute(&mut *self.sql)
        .await?;
        // Of one purpose, what the one that stays said counts, and a withdrawal by either.
        sqlx::query!(
            r#"
            UPDATE core.consent AS mine SET withdrawn_at = greatest($4, mine.given_at)
            WHERE mine.organisation_id = $1 AND mine.contact_id = $2 AND mine.withdrawn_at IS NULL
              AND EXISTS (SELECT FROM core.consent AS theirs
                          WHERE theirs.organisation_id = $1 AND theirs.contact_id = $3 AND theirs.purpose = mine.purpose)
              AND NOT EXISTS (SELECT FROM core.consent AS theirs
                              WHERE theirs.organisation_id = $1 AND theirs.contact_id = $3
                                AND theirs.purpose = mine.purpose AND theirs.withdrawn_at IS NULL)
            "#,
            organisation,
            kept,
            gone,
            self.now,
        )
        .execute(&mut *self.sql)
        .await?;
        sqlx::query!(
            r#"
            UPDATE core.consent AS theirs SET contact_id = $2
            WHERE theirs.organisation_id = $1 AND theirs.contact_id = $3
              AND NOT EXISTS (SELECT FROM core.consent AS mine
                              WHERE mine.organisation_id = $1 AND mine.contact_id = $2 AND mine.purpose = theirs.purpose)
            "#,
            organisation,
            kept,
            gone,
        )
        .execute(&mut *self.sql)
        .await?;
        sqlx::query!(
            r#"
            INSERT INTO core.contact_group_member (organisation_id, group_id, contact_id)
            SELECT organisation_id, group_id, $3 FROM core.contact_group_member
            WHERE organisation_id = $1 AND contact_id = $2 ON CONFLICT DO NOTHING
            "#,
            organisation,
            gone,
            kept,
        )
        .execute(&mut *self.sql)
        .await?;
        sqlx::query!(
            "DELETE FROM core.contact_group_member WHERE organisation_id = $1 AND contact_id = $2",
            organisation,
            gone,
        )
        .execute(&mut *self.sql)
        .await?;
        sqlx::query!(
            "UPDATE core.delivery SET contact_id = $3 WHERE organisation_id = $1 AND contact_id = $2",
            organisation,
            gone,
            kept,
        )
        .execute(&mut *self.sql)
        .await?;
        sqlx::query!(
            "UPDATE core.contact_history SET contact_id = $3 WHERE organisation_id = $1 AND contact_id = $2",
            organisation,
            gone,
            kept,
        )
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }
}

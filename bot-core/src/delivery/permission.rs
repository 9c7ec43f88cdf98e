//! May it go out now? Asked of every message that nobody asked for, just before its first call, with the rules of
//! organisation, sender and recipient ([`crate::calendar::sending`]). What has to wait is given back with its reasons.
//!
//! The answer for one person is found by one delivery at a time, whatever the account and the process, and is written
//! down before the next asks: two messages of the same moment do not both pass under the pressure cap.

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::queue::{self, Claimed, End};
use crate::calendar::sending::{
    PressureCap, RecipientRule, Rules, SendingRule, SendingTime, WeeklyHours, sending_time,
};
use crate::core::{Core, Organisation};
use crate::locale::Locale;

/// First half of the advisory lock's key: the letters `pres`. The person's own lock is another: a permission does not
/// wait for a plugin.
const LOCK_CLASS: i32 = 0x7072_6573;

/// What the rules are asked with.
struct Question {
    contact: Option<Uuid>,
    not_after: Option<DateTime<Utc>>,
    sender: Option<SendingRule>,
    recipient: RecipientRule,
    /// A part of it is out, or may be: the rest follows.
    begun: bool,
}

/// Says whether a delivery may go out now. If not it has been given back for later, or settled.
///
/// # Errors
/// When the database refuses; the delivery is then as it was.
pub(crate) async fn granted(core: &Core, claimed: &Claimed) -> Result<bool, sqlx::Error> {
    // Without its organisation it is settled further on, with that reason.
    let Some(organisation) = core.organisation(claimed.organisation) else { return Ok(true) };
    let now = core.clock.now();
    let mut transaction = core.pool.begin().await?;
    // The first call's own commit brings this one to the disk with it.
    sqlx::query!("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await?;
    let question = match question(&mut transaction, organisation, claimed).await? {
        Ok(question) => question,
        Err(unreadable) => {
            drop(transaction);
            queue::settle(core, claimed, End::Failed, Some(&unreadable), None).await?;
            return Ok(false);
        }
    };
    if question.begun {
        return Ok(true);
    }
    let rules = Rules { organisation: &organisation.view.sending_rule, sender: question.sender.as_ref() };
    let sent = match question.contact {
        Some(contact) => {
            lock(&mut transaction, contact).await?;
            sent_lately(&mut transaction, rules, claimed, contact, now).await?
        }
        None => Vec::new(),
    };
    let time = match sending_time(now, rules, &question.recipient, &sent) {
        Ok(time) => time,
        Err(never) => {
            drop(transaction);
            queue::settle(core, claimed, End::Suppressed, Some(&never.words(Locale::En)), None).await?;
            return Ok(false);
        }
    };
    if time.at <= now {
        let ours = permit(&mut transaction, core, claimed, now).await?;
        transaction.commit().await?;
        return Ok(ours);
    }
    if question.not_after.is_some_and(|end| end < time.at) {
        note_wait(&mut transaction, core, claimed, &time).await?;
        transaction.commit().await?;
        let waits = time.words(Locale::En, question.recipient.time_zone).unwrap_or_default();
        queue::settle(core, claimed, End::Expired, Some(&format!("too late for it: {waits}")), None).await?;
        return Ok(false);
    }
    postpone(&mut transaction, core, claimed, &time).await?;
    transaction.commit().await?;
    metrics::counter!("crieur_deliveries_postponed_total").increment(1);
    Ok(false)
}

async fn question(
    transaction: &mut Transaction<'static, Postgres>,
    organisation: &Organisation,
    claimed: &Claimed,
) -> Result<Result<Question, String>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT delivery.contact_id, delivery.not_after, delivery.sending_rule,
               contact.time_zone AS "time_zone?", contact.quiet_hours AS "quiet_hours?",
               collectivite.departement AS "departement?",
               EXISTS (
                   SELECT FROM core.delivery_part AS part
                   WHERE part.organisation_id = delivery.organisation_id AND part.delivery_id = delivery.id
                     AND part.state <> 'planned'
               ) AS "begun!"
        FROM core.delivery AS delivery
        LEFT JOIN core.contact ON contact.organisation_id = delivery.organisation_id AND contact.id = delivery.contact_id
        LEFT JOIN core.collectivite ON collectivite.organisation_id = contact.organisation_id
                                   AND collectivite.id = contact.collectivite_id
        WHERE delivery.organisation_id = $1 AND delivery.id = $2
        "#,
        claimed.organisation.0,
        claimed.id.0,
    )
    .fetch_one(&mut **transaction)
    .await?;
    let read = || {
        let quiet_hours: WeeklyHours = stored("the person's quiet hours", row.quiet_hours)?.unwrap_or_default();
        Ok(Question {
            contact: row.contact_id,
            not_after: row.not_after,
            sender: stored("its sending rule", row.sending_rule)?,
            recipient: RecipientRule::of_person(
                row.time_zone.as_deref().and_then(|name| name.parse().ok()),
                row.departement.as_deref(),
                quiet_hours,
                organisation.view.time_zone,
            ),
            begun: row.begun,
        })
    };
    Ok(read())
}

fn stored<T: DeserializeOwned>(what: &str, value: Option<Value>) -> Result<Option<T>, String> {
    value.map(serde_json::from_value).transpose().map_err(|error| format!("{what} cannot be read: {error}"))
}

/// Until the transaction ends nobody else asks for this person.
async fn lock(transaction: &mut Transaction<'static, Postgres>, contact: Uuid) -> Result<(), sqlx::Error> {
    // Two people who share a key only wait for each other.
    let [.., a, b, c, d] = contact.into_bytes();
    sqlx::query!("SELECT pg_advisory_xact_lock($1, $2)", LOCK_CLASS, i32::from_be_bytes([a, b, c, d]))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// When the person was written to unasked, as far as a cap of the rules asks for it: what is out, may be out, or was
/// let go and is on its way.
async fn sent_lately(
    transaction: &mut Transaction<'static, Postgres>,
    rules: Rules<'_>,
    claimed: &Claimed,
    contact: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<DateTime<Utc>>, sqlx::Error> {
    let caps = [Some(rules.organisation), rules.sender].into_iter().flatten().filter_map(|rule| rule.pressure);
    let Some(days) = caps.map(|cap: PressureCap| cap.days.get()).max() else { return Ok(Vec::new()) };
    sqlx::query_scalar!(
        r#"
        SELECT permitted_at AS "permitted_at!" FROM core.delivery
        WHERE organisation_id = $1 AND contact_id = $2 AND permitted_at > $3 AND id <> $4
          AND state IN ('queued', 'leased', 'sending', 'sent', 'unknown')
        "#,
        claimed.organisation.0,
        contact,
        now - TimeDelta::days(i64::from(days) + 1),
        claimed.id.0,
    )
    .fetch_all(&mut **transaction)
    .await
}

async fn permit(
    transaction: &mut Transaction<'static, Postgres>,
    core: &Core,
    claimed: &Claimed,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let updated = sqlx::query!(
        r#"
        UPDATE core.delivery SET permitted_at = $5
        WHERE organisation_id = $1 AND id = $2 AND lease_epoch = $3 AND leased_by = $4 AND state IN ('leased', 'sending')
        "#,
        claimed.organisation.0,
        claimed.id.0,
        claimed.epoch,
        core.runner.0,
        now,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Writes down when the rules would have let a message go for which that is too late: whoever sent it may have more
/// time for another.
async fn note_wait(
    transaction: &mut Transaction<'static, Postgres>,
    core: &Core,
    claimed: &Claimed,
    time: &SendingTime,
) -> Result<(), sqlx::Error> {
    let reasons = serde_json::to_value(&time.reasons).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query!(
        r#"
        UPDATE core.delivery SET due_at = $5, postponed_until = $5, postponed = $6
        WHERE organisation_id = $1 AND id = $2 AND lease_epoch = $3 AND leased_by = $4 AND state IN ('leased', 'sending')
        "#,
        claimed.organisation.0,
        claimed.id.0,
        claimed.epoch,
        core.runner.0,
        time.at,
        reasons,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Gives a delivery back until the rules allow it. No attempt is used.
async fn postpone(
    transaction: &mut Transaction<'static, Postgres>,
    core: &Core,
    claimed: &Claimed,
    time: &SendingTime,
) -> Result<(), sqlx::Error> {
    let reasons = serde_json::to_value(&time.reasons).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query!(
        r#"
        UPDATE core.delivery AS delivery
        SET state = 'queued', leased_by = NULL, lease_until = NULL, attempts = attempts - 1, permitted_at = NULL,
            due_at = CASE WHEN called_off_at IS NULL THEN $5 ELSE due_at END, postponed_until = $5, postponed = $6,
            coalesce_key = CASE WHEN EXISTS (
                SELECT FROM core.delivery AS newer
                WHERE newer.organisation_id = delivery.organisation_id
                  AND newer.conversation_id = delivery.conversation_id
                  AND newer.coalesce_key = delivery.coalesce_key AND newer.state = 'queued'
            ) THEN NULL ELSE coalesce_key END
        WHERE organisation_id = $1 AND id = $2 AND lease_epoch = $3 AND leased_by = $4 AND state IN ('leased', 'sending')
        "#,
        claimed.organisation.0,
        claimed.id.0,
        claimed.epoch,
        core.runner.0,
        time.at,
        reasons,
    )
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

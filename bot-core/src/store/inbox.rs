//! What came in, for operators: how much waits, and what was parked.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;

use crate::clock::Clock;
use crate::dispatcher::write_audit;
use crate::ids::{AccountId, InboxSequence, OrganisationId};

/// How much is in the inbox.
#[derive(Clone, Debug, Default, Serialize)]
pub struct InboxDepths {
    pub waiting: i64,
    pub parked: i64,
    pub oldest_waiting: Option<DateTime<Utc>>,
}

/// An event as an operator may see it: never what was written or pressed.
#[derive(Clone, Debug, Serialize)]
pub struct InboxEntry {
    /// The account's number and the event's place in its order: what [`retry`] takes.
    pub account_id: i32,
    pub sequence: i64,
    pub account: String,
    pub kind: String,
    pub state: String,
    pub attempts: i16,
    pub received_at: DateTime<Utc>,
    /// Why it was parked.
    pub reason: Option<String>,
}

/// How much waits and how much is parked, over all organisations.
pub async fn depths(pool: &PgPool) -> Result<InboxDepths, sqlx::Error> {
    sqlx::query_as!(
        InboxDepths,
        r#"
        SELECT count(*) FILTER (WHERE state = 'waiting') AS "waiting!",
               count(*) FILTER (WHERE state = 'parked') AS "parked!",
               min(received_at) FILTER (WHERE state = 'waiting') AS oldest_waiting
        FROM core.inbox WHERE state IN ('waiting', 'parked')
        "#,
    )
    .fetch_one(pool)
    .await
}

/// Events in one state (`waiting`, `parked` or `done`), the latest `entries_max` of them, oldest first.
pub async fn list(
    pool: &PgPool,
    organisation: OrganisationId,
    state: &str,
    entries_max: u32,
) -> Result<Vec<InboxEntry>, sqlx::Error> {
    let mut entries = sqlx::query_as!(
        InboxEntry,
        r#"
        SELECT inbox.account_id, inbox.sequence, account.name AS account, inbox.kind, inbox.state, inbox.attempts,
               inbox.received_at, inbox.reason
        FROM core.inbox
        JOIN core.account ON account.organisation_id = inbox.organisation_id AND account.id = inbox.account_id
        WHERE inbox.organisation_id = $1 AND inbox.state = $2
        ORDER BY inbox.received_at DESC, inbox.sequence DESC LIMIT $3
        "#,
        organisation.0,
        state,
        i64::from(entries_max),
    )
    .fetch_all(pool)
    .await?;
    entries.reverse();
    Ok(entries)
}

/// Lets a parked event be handled again: one, or every one. Says how many there were.
///
/// # Errors
/// When the database refuses; nothing was changed then.
pub async fn retry(
    pool: &PgPool,
    clock: &Clock,
    organisation: OrganisationId,
    only: Option<(AccountId, InboxSequence)>,
) -> Result<u64, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let (account, sequence) = (only.map(|(account, _)| account.0), only.map(|(_, sequence)| sequence.0));
    let retried = sqlx::query!(
        r#"
        UPDATE core.inbox SET state = 'waiting', settled_at = NULL, reason = NULL, attempts = 0, available_at = $4
        WHERE organisation_id = $1 AND state = 'parked'
          AND ($2::integer IS NULL OR account_id = $2) AND ($3::bigint IS NULL OR sequence = $3)
        "#,
        organisation.0,
        account,
        sequence,
        clock.now(),
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    if retried > 0 {
        let subject = match only {
            Some((account, sequence)) => format!("event {account}/{sequence}"),
            None => "every parked event".to_owned(),
        };
        let details = json!({ "events": retried });
        write_audit(&mut transaction, organisation.0, clock.now(), "operator", "inbox.retried", &subject, &details)
            .await?;
        // The trigger wakes on what is new; this was there before.
        sqlx::query!("SELECT pg_notify('crieur', 'inbox')").execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(retried)
}

//! What is kept, and for how long. Documented for operators in `docs/operations.md`.

use chrono::TimeDelta;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};

use crate::core::{Core, Organisation};

/// What people wrote and pressed, after it was handled.
pub const EVENT_CONTENT_DAYS: i64 = 7;
/// Handled events and settled deliveries, without their content after [`EVENT_CONTENT_DAYS`] and in whole after this.
pub const HISTORY_DAYS: i64 = 365;
/// What a settled message was filled with for one person: their name, their personal link.
pub const PERSONAL_WORDS_DAYS: i64 = 30;
/// Platform event ids: longer than any platform repeats an event (Telegram: 24 h; Matrix: while a gap is paged).
pub const DEDUPE_KEY_DAYS: i64 = 400;
/// A person's exported data waits this long to be fetched.
pub const PERSONAL_FILE_DAYS: i64 = 1;
/// An interaction token is of no use after 15 minutes (Discord: Receiving and Responding).
const ACKNOWLEDGEMENT_MINUTES: i64 = 20;

/// Runs daily, by the core's own fire.
pub(crate) async fn clean(
    core: &Core,
    organisation: &Organisation,
    transaction: &mut Transaction<'static, Postgres>,
) -> Result<(), sqlx::Error> {
    let now = core.clock.now();
    let organisation = organisation.view.id.0;
    let before = |days: i64| now - TimeDelta::days(days);
    sqlx::query!(
        "UPDATE core.inbox SET payload = NULL WHERE organisation_id = $1 AND state <> 'waiting' AND settled_at < $2 AND payload IS NOT NULL",
        organisation,
        before(EVENT_CONTENT_DAYS),
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query!(
        "UPDATE core.inbox SET acknowledgement = NULL WHERE organisation_id = $1 AND received_at < $2 AND acknowledgement IS NOT NULL",
        organisation,
        now - TimeDelta::minutes(ACKNOWLEDGEMENT_MINUTES),
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query!(
        "DELETE FROM core.inbox WHERE organisation_id = $1 AND state = 'done' AND settled_at < $2",
        organisation,
        before(HISTORY_DAYS),
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query!(
        "DELETE FROM core.inbox_key WHERE organisation_id = $1 AND received_at < $2",
        organisation,
        before(DEDUPE_KEY_DAYS)
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query!(
        r#"
        DELETE FROM core.delivery AS old
        WHERE organisation_id = $1 AND settled_at < $2 AND purpose = 'reply'
          AND NOT EXISTS (
              SELECT FROM core.delivery AS later
              WHERE later.organisation_id = old.organisation_id AND later.target_delivery_id = old.id
                AND (later.settled_at IS NULL OR later.settled_at >= $2)
          )
        "#,
        organisation,
        before(HISTORY_DAYS),
    )
    .execute(&mut **transaction)
    .await?;
    // The message stays, for the counts, without what was said to this person alone.
    sqlx::query!(
        "UPDATE core.delivery SET variables = '{}' WHERE organisation_id = $1 AND settled_at < $2 AND variables <> '{}'",
        organisation,
        before(PERSONAL_WORDS_DAYS),
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query!(
        "DELETE FROM core.media WHERE organisation_id = $1 AND contact_id IS NOT NULL AND created_at < $2",
        organisation,
        before(PERSONAL_FILE_DAYS),
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query!(
        r#"
        DELETE FROM core.document AS document
        WHERE organisation_id = $1 AND created_at < $2
          AND NOT EXISTS (
              SELECT FROM core.delivery
              WHERE delivery.organisation_id = document.organisation_id AND delivery.document_hash = document.hash
          )
        "#,
        organisation,
        before(EVENT_CONTENT_DAYS),
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query!("DELETE FROM core.link WHERE organisation_id = $1 AND expires_at < $2", organisation, before(1))
        .execute(&mut **transaction)
        .await?;
    sqlx::query!(
        "DELETE FROM core.link_attempt WHERE organisation_id = $1 AND attempted_at < $2",
        organisation,
        before(1)
    )
    .execute(&mut **transaction)
    .await?;
    sqlx::query!("DELETE FROM core.prompt WHERE organisation_id = $1 AND expires_at < $2", organisation, now)
        .execute(&mut **transaction)
        .await?;
    sqlx::query!("DELETE FROM core.gate WHERE organisation_id = $1 AND opens_at < $2", organisation, now)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Removes dead row versions from a table's files. `table` comes from the core or a manifest, never from a person;
/// it is checked again all the same, since it cannot be a bound parameter.
pub(crate) async fn vacuum(pool: &PgPool, table: &str) -> Result<(), sqlx::Error> {
    let well_named = table.split('.').count() == 2
        && table.split('.').all(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    if !well_named {
        return Err(sqlx::Error::Protocol(format!("`{table}` is not a table's name")));
    }
    sqlx::query(AssertSqlSafe(format!("VACUUM {table}"))).execute(pool).await?;
    Ok(())
}

//! What a reader's own doings mean for the digests that are on their way to them.

use bot_core::OrganisationId;
use bot_core::plugin::{Context, HandlerError, HandlerResult};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::preferences::Preferences;
use super::store::ReaderId;
use crate::edition::Period;
use crate::sending;

/// Why a digest that waited is not sent, as it is stored (`{"code": "left"}`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Withdrawn {
    /// They unsubscribed.
    Left,
    /// They chose another rhythm.
    OtherRhythm,
    /// They turned out to be a person who has it, or gets it, as another reader.
    SamePerson,
    Erased,
}

/// By which name the outbox knows an edition's messages.
pub fn scope(edition: i32) -> String {
    format!("digest:{edition}")
}

/// What waits for a reader is not sent.
///
/// # Errors
/// Those of the database.
pub async fn cancel_waiting(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    reader: ReaderId,
    reason: Withdrawn,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE barometer_digests.reader_digest SET state = 'cancelled', settled_at = $4, reason = $3
        WHERE organisation_id = $1 AND reader_id = $2 AND state = 'waiting'
        "#,
        organisation.0,
        reader.0,
        Json(reason) as _,
        now,
    )
    .execute(sql)
    .await?;
    Ok(())
}

/// What waits for a reader, or is in the outbox, is not sent; what is being sent at this moment cannot be held back.
///
/// # Errors
/// Those of the database.
pub async fn stop(cx: &mut Context, reader: ReaderId, reason: Withdrawn) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    cancel_waiting(cx.sql(), organisation, reader, reason, now).await?;
    let handed = sqlx::query_scalar!(
        r#"
        SELECT edition_number FROM barometer_digests.reader_digest
        WHERE organisation_id = $1 AND reader_id = $2 AND state = 'handed' ORDER BY edition_number
        "#,
        organisation.0,
        reader.0,
    )
    .fetch_all(cx.sql())
    .await?;
    for edition in handed {
        cx.stop_subject(scope(edition), reader.subject());
    }
    Ok(())
}

/// A reader who left came back: what was cancelled by leaving, and is not over, waits again.
///
/// # Errors
/// Those of the database.
pub async fn resume(cx: &mut Context, reader: ReaderId) -> HandlerResult {
    let organisation = cx.organisation.id;
    // Before its rows, as whoever sends the edition does: one that is sent meanwhile is over.
    let editions = sqlx::query_scalar!(
        r#"
        SELECT edition.number FROM barometer_digests.edition
        WHERE edition.organisation_id = $1 AND edition.state = 'sending' AND EXISTS (
            SELECT FROM barometer_digests.reader_digest AS digest
            WHERE digest.organisation_id = edition.organisation_id AND digest.reader_id = $2
              AND digest.edition_number = edition.number AND digest.state IN ('handed', 'cancelled'))
        ORDER BY edition.number FOR SHARE
        "#,
        organisation.0,
        reader.0,
    )
    .fetch_all(cx.sql())
    .await?;
    sqlx::query!(
        r#"
        UPDATE barometer_digests.reader_digest AS own SET state = 'waiting', settled_at = NULL, reason = NULL
        WHERE organisation_id = $1 AND reader_id = $2 AND edition_number = ANY($3) AND state = 'cancelled'
          AND handed_at IS NULL AND reason ->> 'code' = 'left'
          -- Not where the person may have had it as the reader they were before a link.
          AND NOT EXISTS (
              SELECT FROM barometer_digests.reader_digest AS had
              JOIN barometer_digests.reader AS former
                ON former.organisation_id = had.organisation_id AND former.id = had.reader_id
              WHERE had.organisation_id = $1 AND former.same_as = $2 AND had.period = own.period
                AND had.state IN ('handed', 'sent', 'unknown'))
        "#,
        organisation.0,
        reader.0,
        &editions,
    )
    .execute(cx.sql())
    .await?;
    for edition in editions {
        cx.resume_subject(scope(edition), reader.subject());
    }
    Ok(())
}

/// How a reader's digest of a period stands.
struct Digest {
    period: Period,
    edition: u32,
    waits_until: Option<DateTime<Utc>>,
}

async fn latest(cx: &mut Context, reader: ReaderId) -> Result<Vec<Digest>, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT period, edition_number, state, due_at FROM barometer_digests.reader_digest
        WHERE organisation_id = $1 AND reader_id = $2 ORDER BY due_at DESC LIMIT 8
        "#,
        organisation.0,
        reader.0,
    )
    .fetch_all(cx.sql())
    .await?;
    rows.into_iter()
        .map(|row| {
            let period = row.period.parse().map_err(HandlerError::Broken)?;
            let edition = u32::try_from(row.edition_number).unwrap_or_default();
            Ok(Digest { period, edition, waits_until: (row.state == "waiting").then_some(row.due_at) })
        })
        .collect()
}

/// When a reader's next digest comes, if there is one.
///
/// # Errors
/// Those of the database.
pub async fn next(
    cx: &mut Context,
    reader: ReaderId,
    preferences: &Preferences,
) -> Result<DateTime<Utc>, HandlerError> {
    let digests = latest(cx, reader).await?;
    if let Some(waiting) = digests.iter().filter_map(|digest| digest.waits_until).min() {
        return Ok(waiting.max(cx.now));
    }
    // Whoever was not among an edition's readers when it was published gets the next one.
    let organisation = cx.organisation.id;
    let published = sqlx::query_scalar!(
        r#"
        SELECT period FROM barometer_digests.edition
        WHERE organisation_id = $1 AND cadence = $2 AND published_at IS NOT NULL ORDER BY number DESC LIMIT 8
        "#,
        organisation.0,
        preferences.cadence.as_str(),
    )
    .fetch_all(cx.sql())
    .await?;
    let taken = |period: Period| {
        let name = period.to_string();
        published.contains(&name) || digests.iter().any(|digest| digest.period == period)
    };
    Ok(preferences.next_slot(cx.now, taken))
}

/// What waits follows what the reader chose now: another hour moves it, another rhythm calls it off.
///
/// # Errors
/// Those of the database.
pub async fn follow(cx: &mut Context, reader: ReaderId, preferences: &Preferences) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    for Digest { period, edition, waits_until } in latest(cx, reader).await? {
        let Some(due_at) = waits_until else { continue };
        if period.cadence() != preferences.cadence {
            sqlx::query!(
                r#"
                UPDATE barometer_digests.reader_digest SET state = 'cancelled', settled_at = $4, reason = $5
                WHERE organisation_id = $1 AND reader_id = $2 AND period = $3 AND state = 'waiting'
                "#,
                organisation.0,
                reader.0,
                period.to_string(),
                now,
                Json(Withdrawn::OtherRhythm) as _,
            )
            .execute(cx.sql())
            .await?;
            continue;
        }
        // Nobody is to miss it by choosing an hour that has passed.
        let wanted = preferences.slot(period).max(now);
        if wanted != due_at {
            sqlx::query!(
                r#"
                UPDATE barometer_digests.reader_digest SET due_at = $4
                WHERE organisation_id = $1 AND reader_id = $2 AND period = $3 AND state = 'waiting'
                "#,
                organisation.0,
                reader.0,
                period.to_string(),
                wanted,
            )
            .execute(cx.sql())
            .await?;
        }
        // Also where the hour is the same: it may have been taken back, and the edition looks elsewhere.
        sending::hurry(cx, edition, reader.0, wanted);
    }
    Ok(())
}

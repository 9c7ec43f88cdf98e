//! What links and erasures of people mean for subscriptions, and what is held about a person.

use bot_core::ContactId;
use bot_core::plugin::{Context, HandlerError, HandlerResult, Purpose};
use serde_json::{Value, json};
use sqlx::types::Json;

use super::store::{self, Place, Reader, ReaderId, State};
use super::under_way::{self, Withdrawn};

/// Two people turn out to be one, and stay one reader: whoever of them subscribed stays subscribed, with the settings
/// of the one that is kept where both did. Whoever left has left for both, as the core has it with their consent.
///
/// # Errors
/// Those of the database.
pub(super) async fn merged(cx: &mut Context, kept: ContactId, joiner: ContactId) -> HandlerResult {
    let organisation = cx.organisation.id;
    let Some(joining) = store::find(cx.sql(), organisation, Place::Person(joiner)).await? else { return Ok(()) };
    let staying = store::find(cx.sql(), organisation, Place::Person(kept)).await?;
    match staying {
        // Only the joiner ever looked at it, or the kept one only looked.
        None => move_to(cx, &joining, kept).await,
        Some(staying) if staying.state == State::Choosing && joining.state != State::Choosing => {
            forget(cx, staying.id).await?;
            move_to(cx, &joining, kept).await
        }
        Some(_) if joining.state == State::Choosing => forget(cx, joining.id).await,
        Some(staying) => {
            if joining.state == State::Left && staying.state == State::Active {
                let now = cx.now;
                store::leave(cx.sql(), organisation, staying.id, now).await?;
                under_way::stop(cx, staying.id, Withdrawn::Left).await?;
            }
            become_one(cx, &joining, &staying).await
        }
    }
}

/// The reader is the person `kept` from now on.
async fn move_to(cx: &mut Context, joining: &Reader, kept: ContactId) -> HandlerResult {
    let organisation = cx.organisation.id;
    sqlx::query!(
        "UPDATE barometer_digests.reader SET contact_id = $3 WHERE organisation_id = $1 AND id = $2",
        organisation.0,
        joining.id.0,
        kept.0,
    )
    .execute(cx.sql())
    .await?;
    if let (State::Active, Some(Place::Person(joiner))) = (joining.state, joining.place) {
        cx.carry_consent(Purpose::Digest, joiner, kept).await?;
    }
    Ok(())
}

/// Nothing was ever sent to whoever only looked.
async fn forget(cx: &mut Context, reader: ReaderId) -> HandlerResult {
    let organisation = cx.organisation.id;
    sqlx::query!(
        "DELETE FROM barometer_digests.reader WHERE organisation_id = $1 AND id = $2 AND state = 'choosing'",
        organisation.0,
        reader.0,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// `joining` leaves, and is known to be `staying`. Nobody gets the digest of a period twice: what the joiner has had,
/// or is in the outbox for them, the other does not get.
async fn become_one(cx: &mut Context, joining: &Reader, staying: &Reader) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let stays_active = joining.state == State::Active && staying.state == State::Active;
    let (joining, staying) = (joining.id, staying.id);
    sqlx::query!(
        r#"
        UPDATE barometer_digests.reader_digest AS own SET state = 'cancelled', settled_at = $4, reason = $5
        FROM barometer_digests.reader_digest AS had
        WHERE own.organisation_id = $1 AND own.reader_id = $2 AND own.state = 'waiting'
          AND had.organisation_id = $1 AND had.reader_id = $3 AND had.period = own.period
          AND had.state IN ('handed', 'sent', 'unknown')
        "#,
        organisation.0,
        staying.0,
        joining.0,
        now,
        Json(Withdrawn::SamePerson) as _,
    )
    .execute(cx.sql())
    .await?;
    if stays_active {
        // The one that stays has none for that period: they subscribed since it was published.
        sqlx::query!(
            r#"
            UPDATE barometer_digests.reader_digest AS theirs SET reader_id = $2
            FROM barometer_digests.reader
            WHERE theirs.organisation_id = $1 AND theirs.reader_id = $3 AND theirs.state = 'waiting'
              AND reader.organisation_id = $1 AND reader.id = $2
              AND (reader.cadence = 'weekly') = (theirs.period LIKE '%W%')
              AND NOT EXISTS (SELECT FROM barometer_digests.reader_digest AS own
                              WHERE own.organisation_id = $1 AND own.reader_id = $2 AND own.period = theirs.period)
            "#,
            organisation.0,
            staying.0,
            joining.0,
        )
        .execute(cx.sql())
        .await?;
    }
    under_way::cancel_waiting(cx.sql(), organisation, joining, Withdrawn::SamePerson, now).await?;
    if stays_active {
        give_no_second(cx, joining, staying).await?;
    }
    call_off_twice_queued(cx, joining, staying).await?;
    sqlx::query!(
        r#"
        UPDATE barometer_digests.reader
        SET contact_id = NULL, same_as = $3, state = 'left', left_at = coalesce(left_at, greatest($4, subscribed_at))
        WHERE organisation_id = $1 AND id = $2
        "#,
        organisation.0,
        joining.0,
        staying.0,
        now,
    )
    .execute(cx.sql())
    .await?;
    // Who was found to be the joiner before is found to be the one who stays.
    sqlx::query!(
        "UPDATE barometer_digests.reader SET same_as = $3 WHERE organisation_id = $1 AND same_as = $2",
        organisation.0,
        joining.0,
        staying.0,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// While the readers of an edition are written down still, the one that stays might come after the joiner who has it: a
/// row of theirs that is settled keeps another from being written, and counts as expected like any other.
async fn give_no_second(cx: &mut Context, joining: ReaderId, staying: ReaderId) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        r#"
        WITH had AS (
            INSERT INTO barometer_digests.reader_digest
                (organisation_id, reader_id, period, edition_number, due_at, state, reason, settled_at)
            SELECT theirs.organisation_id, $3, theirs.period, theirs.edition_number, theirs.due_at, 'cancelled', $4, $5
            FROM barometer_digests.reader_digest AS theirs
            JOIN barometer_digests.edition
              ON edition.organisation_id = theirs.organisation_id AND edition.number = theirs.edition_number
             AND edition.state = 'sending'
            WHERE theirs.organisation_id = $1 AND theirs.reader_id = $2 AND theirs.state IN ('handed', 'sent', 'unknown')
            ON CONFLICT DO NOTHING
            RETURNING edition_number
        )
        UPDATE barometer_digests.edition SET expected = expected + 1
        WHERE organisation_id = $1 AND number IN (SELECT edition_number FROM had)
        "#,
        organisation.0,
        joining.0,
        staying.0,
        Json(Withdrawn::SamePerson) as _,
        now,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// Where both have the digest of a period and one of the two is still in the outbox, that one goes out no more: the
/// joiner's, or, where the joiner has had it, the other. What the joiner alone has in the outbox goes on, if the one
/// that stays reads.
async fn call_off_twice_queued(cx: &mut Context, joining: ReaderId, staying: ReaderId) -> HandlerResult {
    let organisation = cx.organisation.id;
    let queued = sqlx::query!(
        r#"
        SELECT queued.edition_number, queued.reader_id
        FROM barometer_digests.reader_digest AS queued
        LEFT JOIN barometer_digests.reader_digest AS other
          ON other.organisation_id = queued.organisation_id AND other.period = queued.period
         AND other.reader_id IN ($2, $3) AND other.reader_id <> queued.reader_id
        JOIN barometer_digests.reader AS staying ON staying.organisation_id = $1 AND staying.id = $3
        WHERE queued.organisation_id = $1 AND queued.state = 'handed'
          AND (queued.reader_id = $2 AND (other.state IN ('handed', 'sent', 'unknown') OR staying.state = 'left')
               OR queued.reader_id = $3 AND other.state IN ('sent', 'unknown'))
        ORDER BY queued.edition_number, queued.reader_id
        "#,
        organisation.0,
        joining.0,
        staying.0,
    )
    .fetch_all(cx.sql())
    .await?;
    for row in queued {
        cx.cancel(under_way::scope(row.edition_number), Some(ReaderId(row.reader_id).subject()));
    }
    Ok(())
}

/// Takes a person out of every subscription. What was sent stays as a number.
///
/// # Errors
/// Those of the database.
pub(super) async fn erased(cx: &mut Context, contact: ContactId) -> HandlerResult {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let Some(reader) = store::find(cx.sql(), organisation, Place::Person(contact)).await? else { return Ok(()) };
    if reader.state == State::Choosing {
        return forget(cx, reader.id).await;
    }
    under_way::stop(cx, reader.id, Withdrawn::Erased).await?;
    sqlx::query!(
        r#"
        UPDATE barometer_digests.reader
        SET contact_id = NULL, state = 'left', left_at = coalesce(left_at, greatest($3, subscribed_at))
        WHERE organisation_id = $1 AND id = $2
        "#,
        organisation.0,
        reader.id.0,
        now,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// What subscriptions hold about a person: their settings, and what was sent to them, also as a reader who turned out
/// to be them.
///
/// # Errors
/// Those of the database.
pub(super) async fn export(cx: &mut Context, contact: ContactId) -> Result<Value, HandlerError> {
    let organisation = cx.organisation.id;
    let Some(reader) = store::find(cx.sql(), organisation, Place::Person(contact)).await? else {
        return Ok(json!({}));
    };
    let digests = sqlx::query!(
        r#"
        SELECT digest.edition_number, digest.period, digest.state, digest.reason, digest.due_at, digest.handed_at,
               digest.settled_at
        FROM barometer_digests.reader
        JOIN barometer_digests.reader_digest AS digest
          ON digest.organisation_id = reader.organisation_id AND digest.reader_id = reader.id
        WHERE reader.organisation_id = $1 AND (reader.id = $2 OR reader.same_as = $2)
        ORDER BY digest.due_at, digest.edition_number, digest.reader_id
        "#,
        organisation.0,
        reader.id.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let preferences = &reader.preferences;
    Ok(json!({
        "subscription": {
            "number": reader.id,
            "state": reader.state.as_str(),
            "rhythm": preferences.cadence.as_str(),
            "weekday": preferences.weekday,
            "hour": preferences.hour,
            "time_zone": preferences.time_zone.name(),
            "language": preferences.locale.as_str(),
            "form": preferences.form.as_str(),
            "topics": preferences.topics,
            "when_empty": preferences.when_empty.as_str(),
            "subscribed_at": reader.subscribed_at,
            "left_at": reader.left_at,
        },
        "digests": digests.into_iter().map(|digest| json!({
            "edition": digest.edition_number,
            "period": digest.period,
            "state": digest.state,
            "reason": digest.reason,
            "due_at": digest.due_at,
            "handed_at": digest.handed_at,
            "settled_at": digest.settled_at,
        })).collect::<Vec<_>>(),
    }))
}

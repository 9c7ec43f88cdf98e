//! What the outbox made of the digests in it.

use std::collections::{BTreeMap, BTreeSet};

use bot_core::plugin::{Context, DeliveryView, HandlerError, HandlerResult};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::state::{DigestState, Reason};
use super::{integer, reader_of, scope, subject};
use crate::edition::store::StoredEdition;

/// Digests whose outcome is asked for in one call.
const ASKED_MAX: i64 = 1000;

/// What a look at the outbox came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Look {
    /// Digests that changed.
    pub changed: usize,
    /// There are more to look at, behind this reader.
    pub more: Option<i64>,
}

/// How a digest ended in the outbox.
#[derive(Debug)]
struct Outcome {
    reader: i64,
    state: DigestState,
    at: DateTime<Utc>,
    reason: Option<Reason>,
}

/// Asks the outbox what became of a page of digests, behind the reader `from`, and stores it.
///
/// # Errors
/// Those of the database.
pub(super) async fn look(cx: &mut Context, stored: &StoredEdition, from: i64) -> Result<Look, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT digest.reader_id, (reader.state = 'left' AND num_nonnulls(contact_id, conversation_id) = 1) AS "left!"
        FROM (
            SELECT reader_id FROM barometer_digests.reader_digest
            WHERE organisation_id = $1 AND edition_number = $2 AND state = 'handed' AND reader_id > $3
            ORDER BY reader_id LIMIT $4
        ) AS digest
        JOIN barometer_digests.reader ON reader.organisation_id = $1 AND reader.id = digest.reader_id
        ORDER BY digest.reader_id
        "#,
        organisation.0,
        integer(stored.number),
        from,
        ASKED_MAX,
    )
    .fetch_all(cx.sql())
    .await?;
    let readers: Vec<i64> = rows.iter().map(|row| row.reader_id).collect();
    let left: BTreeSet<i64> = rows.iter().filter(|row| row.left).map(|row| row.reader_id).collect();
    let mut ended = outcomes(cx, stored, &readers, true).await?;
    for outcome in &mut ended {
        // The outbox calls it off for the reader who left, and knows only that it was.
        let is_called_off = matches!(outcome.state, DigestState::Suppressed | DigestState::Cancelled);
        if is_called_off && outcome.reason != Some(Reason::Unreachable) && left.contains(&outcome.reader) {
            outcome.reason = Some(Reason::Left);
        }
    }
    store(cx, stored, &ended).await?;
    Ok(Look { changed: ended.len(), more: full_page(&readers) })
}

/// Asks again about what failed, expired or stayed unknown: an operator may have sent it once more since.
///
/// # Errors
/// Those of the database.
pub(super) async fn look_again(cx: &mut Context, stored: &StoredEdition) -> HandlerResult {
    let organisation = cx.organisation.id;
    let mut from = Some(0);
    while let Some(after) = from {
        let readers = sqlx::query_scalar!(
            r#"
            SELECT reader_id FROM barometer_digests.reader_digest
            WHERE organisation_id = $1 AND edition_number = $2 AND state IN ('unknown', 'failed', 'expired')
              AND handed_at IS NOT NULL AND reader_id > $3
            ORDER BY reader_id LIMIT $4
            "#,
            organisation.0,
            integer(stored.number),
            after,
            ASKED_MAX,
        )
        .fetch_all(cx.sql())
        .await?;
        let ended = outcomes(cx, stored, &readers, false).await?;
        store(cx, stored, &ended).await?;
        from = full_page(&readers);
    }
    Ok(())
}

fn full_page(readers: &[i64]) -> Option<i64> {
    readers.last().copied().filter(|_| i64::try_from(readers.len()).is_ok_and(|count| count == ASKED_MAX))
}

/// How those of `readers` have ended whose digests have. Where the outbox knows none there was nowhere to send it, if
/// that `is_new`.
async fn outcomes(
    cx: &mut Context,
    stored: &StoredEdition,
    readers: &[i64],
    is_new: bool,
) -> Result<Vec<Outcome>, HandlerError> {
    if readers.is_empty() {
        return Ok(Vec::new());
    }
    let subjects: Vec<String> = readers.iter().map(|reader| subject(*reader)).collect();
    let deliveries = cx.deliveries(&scope(stored.number), &subjects).await?;
    let mut latest: BTreeMap<i64, DeliveryView> = BTreeMap::new();
    for delivery in deliveries {
        if let Some(reader) = reader_of(&delivery.subject) {
            latest.insert(reader, delivery);
        }
    }
    let now = cx.now;
    let ended = readers.iter().filter_map(|reader| match latest.get(reader) {
        Some(delivery) => outcome(*reader, delivery, now),
        None if is_new => {
            let reason = Some(Reason::Unreachable);
            Some(Outcome { reader: *reader, state: DigestState::Suppressed, at: now, reason })
        }
        None => None,
    });
    Ok(ended.collect())
}

/// `None`: it is still on its way.
fn outcome(reader: i64, delivery: &DeliveryView, now: DateTime<Utc>) -> Option<Outcome> {
    // What the outbox calls otherwise (`queued`, `held`, …) has not ended.
    let state = delivery.state.parse::<DigestState>().ok().filter(|state| state.is_final())?;
    let why = || Reason::Outbox { why: delivery.reason.clone().unwrap_or_else(|| delivery.state.clone()) };
    let reason = (state != DigestState::Sent).then(why);
    Some(Outcome { reader, state, at: delivery.settled_at.unwrap_or(now), reason })
}

async fn store(cx: &mut Context, stored: &StoredEdition, ended: &[Outcome]) -> HandlerResult {
    if ended.is_empty() {
        return Ok(());
    }
    let organisation = cx.organisation.id;
    let readers: Vec<i64> = ended.iter().map(|outcome| outcome.reader).collect();
    let states: Vec<String> = ended.iter().map(|outcome| outcome.state.as_str().to_owned()).collect();
    let settled: Vec<DateTime<Utc>> = ended.iter().map(|outcome| outcome.at).collect();
    let reasons = ended.iter().map(|outcome| outcome.reason.as_ref().map(serde_json::to_value).transpose());
    let reasons: Vec<Option<Value>> =
        reasons.collect::<Result<_, _>>().map_err(|error| HandlerError::Broken(error.to_string()))?;
    sqlx::query!(
        r#"
        UPDATE barometer_digests.reader_digest AS digest
        SET state = new.state, settled_at = new.settled_at, reason = new.reason
        FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::jsonb[]) AS new (reader_id, state, settled_at, reason)
        WHERE digest.organisation_id = $1 AND digest.reader_id = new.reader_id AND digest.period = $2
          AND digest.handed_at IS NOT NULL
        "#,
        organisation.0,
        stored.edition.period.to_string(),
        &readers,
        &states,
        &settled,
        &reasons as &[Option<Value>],
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

//! Rooms that messages did not reach, for operators.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

/// A room in which the last message did not arrive.
#[derive(Clone, Debug)]
pub struct UnreachedRoom {
    /// Its plain handle, as `crieur consultation rooms` shows it.
    pub number: i64,
    pub account: String,
    /// Why, in the outbox's words.
    pub reason: String,
}

/// Rooms whose last message settled after `since` failed, or was suppressed because the room is closed to us.
///
/// # Errors
/// Those of the database.
pub async fn unreached(pool: &PgPool, since: DateTime<Utc>) -> Result<Vec<UnreachedRoom>, sqlx::Error> {
    sqlx::query_as!(
        UnreachedRoom,
        r#"
        SELECT conversation.number, account.name AS account, coalesce(last.reason, 'it failed') AS "reason!"
        FROM core.conversation
        JOIN core.account ON account.organisation_id = conversation.organisation_id
                         AND account.id = conversation.account_id
        CROSS JOIN LATERAL (
            SELECT delivery.state, delivery.reason, delivery.settled_at FROM core.delivery
            WHERE delivery.organisation_id = conversation.organisation_id
              AND delivery.conversation_id = conversation.id AND delivery.settled_at IS NOT NULL
            ORDER BY delivery.settled_at DESC, delivery.sequence DESC LIMIT 1
        ) AS last
        WHERE conversation.kind <> 'direct' AND conversation.state <> 'migrated' AND account.state <> 'retired'
          AND last.settled_at > $1
          AND (last.state = 'failed' OR (last.state = 'suppressed' AND conversation.state = 'closed'))
        ORDER BY conversation.number
        "#,
        since,
    )
    .fetch_all(pool)
    .await
}

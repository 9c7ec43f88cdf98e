//! What goes out, for operators: how much, in which state, and what may be done about it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{PgPool, Postgres, Transaction};

use crate::clock::Clock;
use crate::dispatcher::write_audit;
use crate::ids::{DeliveryId, OrganisationId};

/// Every state of a delivery, in the order of its life.
pub const STATES: [&str; 11] = [
    "planned",
    "held",
    "queued",
    "leased",
    "sending",
    "sent",
    "unknown",
    "failed",
    "expired",
    "suppressed",
    "cancelled",
];

/// How much is in the outbox.
#[derive(Clone, Debug, Serialize)]
pub struct OutboxDepths {
    /// Every state, also those with none.
    pub by_state: Vec<(String, i64)>,
    /// When the delivery that has waited longest was due.
    pub oldest_due: Option<DateTime<Utc>>,
    /// Doors a platform closed that are still closed.
    pub gates_closed: i64,
}

/// Counts deliveries by state, over all organisations, at `now`.
pub async fn depths(pool: &PgPool, now: DateTime<Utc>) -> Result<OutboxDepths, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT state AS "state!", count(delivery.id) AS "deliveries!"
        FROM unnest($1::text[]) WITH ORDINALITY AS known (state, place)
        LEFT JOIN core.delivery USING (state)
        GROUP BY state, place ORDER BY place
        "#,
        &STATES.map(str::to_owned)[..],
    )
    .fetch_all(pool)
    .await?;
    let oldest_due =
        sqlx::query_scalar!(r#"SELECT min(due_at) FROM core.delivery WHERE state = 'queued' AND due_at <= $1"#, now,)
            .fetch_one(pool)
            .await?;
    let gates_closed = sqlx::query_scalar!(r#"SELECT count(*) AS "gates!" FROM core.gate WHERE opens_at > $1"#, now)
        .fetch_one(pool)
        .await?;
    let by_state = rows.into_iter().map(|row| (row.state, row.deliveries)).collect();
    Ok(OutboxDepths { by_state, oldest_due, gates_closed })
}

/// What one campaign came to: planned = waiting + sent + unknown + failed + expired + suppressed + cancelled.
#[derive(Clone, Debug, Serialize)]
pub struct CampaignStatistics {
    pub plugin: String,
    pub scope: String,
    pub purpose: String,
    pub total: i64,
    /// Planned, held, queued, or under way.
    pub waiting: i64,
    pub sent: i64,
    pub unknown: i64,
    pub failed: i64,
    pub expired: i64,
    pub suppressed: i64,
    pub cancelled: i64,
}

/// What each campaign came to.
pub async fn statistics(pool: &PgPool, organisation: OrganisationId) -> Result<Vec<CampaignStatistics>, sqlx::Error> {
    sqlx::query_as!(
        CampaignStatistics,
        r#"
        SELECT plugin_id AS plugin, scope, purpose,
               count(*) AS "total!",
               count(*) FILTER (WHERE settled_at IS NULL) AS "waiting!",
               count(*) FILTER (WHERE state = 'sent') AS "sent!",
               count(*) FILTER (WHERE state = 'unknown') AS "unknown!",
               count(*) FILTER (WHERE state = 'failed') AS "failed!",
               count(*) FILTER (WHERE state = 'expired') AS "expired!",
               count(*) FILTER (WHERE state = 'suppressed') AS "suppressed!",
               count(*) FILTER (WHERE state = 'cancelled') AS "cancelled!"
        FROM core.delivery WHERE organisation_id = $1
        GROUP BY plugin_id, scope, purpose ORDER BY plugin_id, scope, purpose
        "#,
        organisation.0,
    )
    .fetch_all(pool)
    .await
}

/// A delivery as an operator may see it: never its words.
#[derive(Clone, Debug, Serialize)]
pub struct DeliveryEntry {
    pub id: DeliveryId,
    pub account: String,
    pub plugin: String,
    pub scope: String,
    pub subject: String,
    pub kind: String,
    pub purpose: String,
    pub state: String,
    pub due_at: DateTime<Utc>,
    pub not_after: Option<DateTime<Utc>>,
    pub attempts: i16,
    pub reason: Option<String>,
    /// What had to be simplified for the platform.
    pub warnings: Value,
    pub created_at: DateTime<Utc>,
    pub settled_at: Option<DateTime<Utc>>,
}

/// Which deliveries to read.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// One of [`STATES`].
    pub state: Option<String>,
    pub scope: Option<String>,
    /// The latest so many. 1 or more.
    pub entries_max: u32,
}

/// The latest deliveries that pass the filter, oldest first.
pub async fn list(
    pool: &PgPool,
    organisation: OrganisationId,
    filter: &DeliveryFilter,
) -> Result<Vec<DeliveryEntry>, sqlx::Error> {
    let mut entries = sqlx::query_as!(
        DeliveryEntry,
        r#"
        SELECT delivery.id, account.name AS account, delivery.plugin_id AS plugin, delivery.scope,
               delivery.subject, delivery.kind, delivery.purpose, delivery.state, delivery.due_at, delivery.not_after,
               delivery.attempts, delivery.reason, delivery.warnings, delivery.created_at, delivery.settled_at
        FROM core.delivery
        JOIN core.account ON account.organisation_id = delivery.organisation_id AND account.id = delivery.account_id
        WHERE delivery.organisation_id = $1 AND ($2::text IS NULL OR delivery.state = $2)
          AND ($3::text IS NULL OR delivery.scope = $3)
        ORDER BY delivery.sequence DESC LIMIT $4
        "#,
        organisation.0,
        filter.state,
        filter.scope,
        i64::from(filter.entries_max),
    )
    .fetch_all(pool)
    .await?;
    entries.reverse();
    Ok(entries)
}

/// A delivery with its parts.
#[derive(Clone, Debug, Serialize)]
pub struct DeliveryDetails {
    #[serde(flatten)]
    pub entry: DeliveryEntry,
    pub parts: Vec<PartEntry>,
}

/// One platform call of a delivery.
#[derive(Clone, Debug, Serialize)]
pub struct PartEntry {
    pub index: i16,
    pub state: String,
    pub sending_since: Option<DateTime<Utc>>,
    pub sent_at: Option<DateTime<Utc>>,
}

/// One delivery; `None` when there is none of that id.
pub async fn show(
    pool: &PgPool,
    organisation: OrganisationId,
    id: DeliveryId,
) -> Result<Option<DeliveryDetails>, sqlx::Error> {
    let entry = sqlx::query_as!(
        DeliveryEntry,
        r#"
        SELECT delivery.id, account.name AS account, delivery.plugin_id AS plugin, delivery.scope,
               delivery.subject, delivery.kind, delivery.purpose, delivery.state, delivery.due_at, delivery.not_after,
               delivery.attempts, delivery.reason, delivery.warnings, delivery.created_at, delivery.settled_at
        FROM core.delivery
        JOIN core.account ON account.organisation_id = delivery.organisation_id AND account.id = delivery.account_id
        WHERE delivery.organisation_id = $1 AND delivery.id = $2
        "#,
        organisation.0,
        id.0,
    )
    .fetch_optional(pool)
    .await?;
    let Some(entry) = entry else { return Ok(None) };
    let parts = sqlx::query_as!(
        PartEntry,
        r#"
        SELECT index, state, sending_since, sent_at FROM core.delivery_part
        WHERE organisation_id = $1 AND delivery_id = $2 ORDER BY index
        "#,
        organisation.0,
        id.0,
    )
    .fetch_all(pool)
    .await?;
    Ok(Some(DeliveryDetails { entry, parts }))
}

/// Which deliveries an operator's command is about.
#[derive(Clone, Debug)]
pub enum Which {
    One(DeliveryId),
    /// Every one of a campaign or consultation.
    Scope(String),
    All,
}

impl Which {
    fn id(&self) -> Option<uuid::Uuid> {
        match self {
            Self::One(id) => Some(id.0),
            _ => None,
        }
    }

    fn scope(&self) -> Option<&str> {
        match self {
            Self::Scope(scope) => Some(scope),
            _ => None,
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::One(id) => format!("delivery {id}"),
            Self::Scope(scope) => scope.clone(),
            Self::All => "every delivery".to_owned(),
        }
    }
}

/// Queues failed and expired deliveries again. One of unknown outcome is taken only when it is named, since it may
/// arrive twice. Says how many there were.
///
/// # Errors
/// When the database refuses; nothing was changed then.
pub async fn retry(
    pool: &PgPool,
    clock: &Clock,
    organisation: OrganisationId,
    which: &Which,
) -> Result<u64, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // Parts that arrived stay sent: only the rest goes out again.
    sqlx::query!(
        r#"
        UPDATE core.delivery_part AS part SET state = 'planned', sending_since = NULL
        FROM core.delivery
        WHERE delivery.organisation_id = $1 AND part.organisation_id = $1 AND part.delivery_id = delivery.id
          AND part.state <> 'sent'
          AND (delivery.state IN ('failed', 'expired') OR (delivery.state = 'unknown' AND delivery.id = $2))
          AND ($2::uuid IS NULL OR delivery.id = $2) AND ($3::text IS NULL OR delivery.scope = $3)
        "#,
        organisation.0,
        which.id(),
        which.scope(),
    )
    .execute(&mut *transaction)
    .await?;
    let retried = sqlx::query!(
        r#"
        UPDATE core.delivery
        SET state = 'queued', settled_at = NULL, reason = NULL, attempts = 0, due_at = $4, coalesce_key = NULL,
            not_after = CASE WHEN not_after >= $4 THEN not_after END
        WHERE organisation_id = $1
          AND (state IN ('failed', 'expired') OR (state = 'unknown' AND id = $2))
          AND ($2::uuid IS NULL OR id = $2) AND ($3::text IS NULL OR scope = $3)
        "#,
        organisation.0,
        which.id(),
        which.scope(),
        clock.now(),
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    finish(transaction, clock, organisation, "deliveries.retried", which, retried).await
}

/// Cancels what has not gone out: planned, held and queued deliveries. Says how many there were.
///
/// # Errors
/// When the database refuses; nothing was changed then.
pub async fn cancel(
    pool: &PgPool,
    clock: &Clock,
    organisation: OrganisationId,
    which: &Which,
) -> Result<u64, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let cancelled = sqlx::query!(
        r#"
        UPDATE core.delivery SET state = 'cancelled', settled_at = $4, reason = 'cancelled by an operator'
        WHERE organisation_id = $1 AND state IN ('planned', 'held', 'queued')
          AND ($2::uuid IS NULL OR id = $2) AND ($3::text IS NULL OR scope = $3)
        "#,
        organisation.0,
        which.id(),
        which.scope(),
        clock.now(),
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    finish(transaction, clock, organisation, "deliveries.cancelled", which, cancelled).await
}

/// Holds back everything unsettled, as after a restore: what the backup believes to be waiting may have gone out
/// since. Says how many there were.
///
/// # Errors
/// When the database refuses; nothing was changed then.
pub async fn hold(
    pool: &PgPool,
    clock: &Clock,
    organisation: OrganisationId,
    which: &Which,
) -> Result<u64, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let held = sqlx::query!(
        r#"
        UPDATE core.delivery SET state = 'held', leased_by = NULL, lease_until = NULL, reason = 'held by an operator'
        WHERE organisation_id = $1 AND state IN ('planned', 'queued', 'leased', 'sending')
          AND ($2::uuid IS NULL OR id = $2) AND ($3::text IS NULL OR scope = $3)
        "#,
        organisation.0,
        which.id(),
        which.scope(),
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    finish(transaction, clock, organisation, "deliveries.held", which, held).await
}

/// Lets held deliveries go out. Of several that would replace the same message only the latest keeps its claim to
/// do so. Says how many there were.
///
/// # Errors
/// When the database refuses; nothing was changed then.
pub async fn release(
    pool: &PgPool,
    clock: &Clock,
    organisation: OrganisationId,
    which: &Which,
) -> Result<u64, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let released = sqlx::query!(
        r#"
        UPDATE core.delivery AS held SET state = 'queued', reason = NULL,
            coalesce_key = CASE WHEN EXISTS (
                SELECT FROM core.delivery AS newer
                WHERE newer.organisation_id = held.organisation_id AND newer.conversation_id = held.conversation_id
                  AND newer.coalesce_key = held.coalesce_key AND newer.id <> held.id
                  AND (newer.state = 'queued' OR (newer.state = 'held' AND newer.sequence > held.sequence))
            ) THEN NULL ELSE held.coalesce_key END
        WHERE organisation_id = $1 AND state = 'held'
          AND ($2::uuid IS NULL OR id = $2) AND ($3::text IS NULL OR scope = $3)
        "#,
        organisation.0,
        which.id(),
        which.scope(),
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    finish(transaction, clock, organisation, "deliveries.released", which, released).await
}

/// Writes the audit line, wakes the runners and commits.
async fn finish(
    mut transaction: Transaction<'static, Postgres>,
    clock: &Clock,
    organisation: OrganisationId,
    action: &str,
    which: &Which,
    deliveries: u64,
) -> Result<u64, sqlx::Error> {
    if deliveries > 0 {
        let details = json!({ "deliveries": deliveries });
        let subject = which.subject();
        write_audit(&mut transaction, organisation.0, clock.now(), "operator", action, &subject, &details).await?;
        // The trigger wakes on what is new; these were there before.
        sqlx::query!("SELECT pg_notify('crieur', 'delivery')").execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(deliveries)
}

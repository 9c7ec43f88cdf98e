//! The outbox as rows: claiming, giving back, settling. Every write checks the lease's epoch, so that a process
//! which wakes up late changes nothing.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::adapter::{GateScope, PollCounts, RemoteIds};
use crate::core::Core;
use crate::dispatcher::{FIRE_OUTCOME, schedule};
use crate::ids::{AccountId, ConversationId, DeliveryId, OrganisationId, PluginId};
use crate::liveness::LEASE_SECONDS;
use crate::plugin::{DeliveryOutcome, Fire, Lane, Misfire};

/// Parts of one message that are kept track of.
const PARTS_MAX: usize = 100;

/// A delivery under lease.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub organisation: OrganisationId,
    pub id: DeliveryId,
    pub epoch: i64,
    pub attempts: i16,
    pub conversation: Option<ConversationId>,
    pub address: Option<i64>,
    pub plugin: String,
    pub scope: String,
    pub subject: String,
    pub kind: String,
    pub target: Option<DeliveryId>,
    pub lane: Lane,
    pub locale: String,
    pub reveals: Option<String>,
    pub in_reply_to: Option<i64>,
    pub report: bool,
    /// Nobody asked for it just now.
    pub proactive: bool,
}

/// How a delivery ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Sent,
    Unknown,
    Failed,
    Expired,
    Suppressed,
    Cancelled,
}

impl End {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
        }
    }
}

fn lane_of(lane: i16) -> Lane {
    match lane {
        0 => Lane::Interactive,
        1 => Lane::Normal,
        _ => Lane::Bulk,
    }
}

/// Leases the first due delivery of up to `deliveries_max` (conversation, lane) queues whose doors are open. One that
/// was begun stays the first while it waits for its next try; one that waits for better hours holds nothing up. An edit
/// waits until its target is settled.
pub(crate) async fn claim(
    core: &Core,
    organisation: OrganisationId,
    account: AccountId,
    deliveries_max: usize,
    without_bulk: bool,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        WITH head AS (
            SELECT organisation_id, id FROM core.delivery AS delivery
            WHERE organisation_id = $1 AND account_id = $2 AND state = 'queued' AND due_at <= $3
              AND ($7 = false OR lane < 2)
              AND NOT EXISTS (
                  SELECT FROM core.delivery AS earlier
                  WHERE earlier.organisation_id = delivery.organisation_id
                    AND earlier.conversation_id = delivery.conversation_id
                    AND earlier.lane = delivery.lane
                    AND earlier.sequence < delivery.sequence
                    AND earlier.state IN ('queued', 'leased', 'sending')
                    AND (earlier.state <> 'queued' OR earlier.due_at <= $3
                         OR (earlier.lease_epoch > 0 AND (earlier.postponed_until > $3) IS NOT TRUE))
              )
              AND NOT EXISTS (
                  SELECT FROM core.gate
                  WHERE gate.organisation_id = delivery.organisation_id AND gate.account_id = delivery.account_id
                    AND gate.opens_at > $3
                    AND (gate.scope IN ('account', 'host')
                         OR (gate.scope = 'route' AND delivery.conversation_id IS NULL)
                         OR (gate.scope = 'conversation' AND gate.key = delivery.conversation_id::text))
              )
              AND NOT EXISTS (
                  SELECT FROM core.delivery AS target
                  WHERE target.organisation_id = delivery.organisation_id AND target.id = delivery.target_delivery_id
                    AND target.settled_at IS NULL
              )
            ORDER BY lane, due_at, sequence
            LIMIT $4
            FOR UPDATE SKIP LOCKED
        )
        UPDATE core.delivery AS delivery
        SET state = 'leased', leased_by = $5, lease_epoch = lease_epoch + 1, attempts = attempts + 1,
            lease_until = clock_timestamp() + make_interval(secs => $6)
        FROM head
        WHERE delivery.organisation_id = head.organisation_id AND delivery.id = head.id
        RETURNING delivery.id, delivery.lease_epoch, delivery.attempts, delivery.conversation_id, delivery.address_id,
                  delivery.plugin_id, delivery.scope, delivery.subject, delivery.kind, delivery.target_delivery_id,
                  delivery.lane, delivery.locale, delivery.reveals, delivery.in_reply_to, delivery.report,
                  delivery.purpose
        "#,
        organisation.0,
        account.0,
        core.clock.now(),
        i64::try_from(deliveries_max).unwrap_or(1),
        core.runner.0,
        LEASE_SECONDS,
        without_bulk,
    )
    .fetch_all(&core.pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Claimed {
            organisation,
            id: DeliveryId(row.id),
            epoch: row.lease_epoch,
            attempts: row.attempts,
            conversation: row.conversation_id.map(ConversationId),
            address: row.address_id,
            plugin: row.plugin_id,
            scope: row.scope,
            subject: row.subject,
            kind: row.kind,
            target: row.target_delivery_id.map(DeliveryId),
            lane: lane_of(row.lane),
            locale: row.locale,
            reveals: row.reveals,
            in_reply_to: row.in_reply_to,
            report: row.report,
            proactive: matches!(row.purpose.as_str(), "consultation" | "reminder" | "digest"),
        })
        .collect())
}

/// When something is next due on this account, or a door opens, later than `after`.
pub(crate) async fn next_moment(
    core: &Core,
    organisation: OrganisationId,
    account: AccountId,
    after: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT least(
            (SELECT min(due_at) FROM core.delivery
             WHERE organisation_id = $1 AND account_id = $2 AND state = 'queued' AND due_at > $3),
            (SELECT min(opens_at) FROM core.gate WHERE organisation_id = $1 AND account_id = $2 AND opens_at > $3)
        )
        "#,
        organisation.0,
        account.0,
        after,
    )
    .fetch_one(&core.pool)
    .await
}

/// Why a delivery may not go out now, asked just before the call.
pub(crate) async fn objection(core: &Core, claimed: &Claimed) -> Result<Option<(End, String)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT delivery.not_after < $3 AS "late?",
               delivery.called_off_at IS NOT NULL AS "called_off!",
               contact.status AS "status?",
               conversation.state AS "conversation_state?",
               coalesce(conversation.kind, 'direct') = 'direct' AS "private!",
               reachability.state AS "reachability?",
               EXISTS (
                   SELECT FROM core.consent
                   WHERE consent.organisation_id = delivery.organisation_id AND consent.contact_id = delivery.contact_id
                     AND consent.purpose = delivery.purpose AND consent.withdrawn_at IS NULL
               ) AS "consents!",
               EXISTS (
                   SELECT FROM core.stopped_subject AS stopped
                   WHERE stopped.organisation_id = delivery.organisation_id AND stopped.plugin_id = delivery.plugin_id
                     AND stopped.scope = delivery.scope AND stopped.subject = delivery.subject
               ) AS "stopped!",
               (delivery.document_hash IS NULL AND delivery.body IS NULL AND delivery.kind <> 'close_poll') AS "blanked!"
        FROM core.delivery AS delivery
        LEFT JOIN core.contact ON contact.organisation_id = delivery.organisation_id AND contact.id = delivery.contact_id
        LEFT JOIN core.conversation ON conversation.organisation_id = delivery.organisation_id
                                   AND conversation.id = delivery.conversation_id
        LEFT JOIN core.reachability ON reachability.organisation_id = delivery.organisation_id
                                   AND reachability.account_id = delivery.account_id
                                   AND reachability.address_id = delivery.address_id
        WHERE delivery.organisation_id = $1 AND delivery.id = $2
        "#,
        claimed.organisation.0,
        claimed.id.0,
        core.clock.now(),
    )
    .fetch_one(&core.pool)
    .await?;
    let proactive_to_person = claimed.proactive && claimed.address.is_some();
    let objection = if row.called_off {
        Some((End::Cancelled, "cancelled by its plugin"))
    } else if row.late == Some(true) {
        Some((End::Expired, "its time had passed"))
    } else if row.blanked {
        Some((End::Suppressed, "its content was forgotten at closing or erased"))
    } else if row.conversation_state.as_deref() == Some("closed") {
        Some((End::Suppressed, "the conversation is closed"))
    } else if row.private && row.reachability.as_deref() == Some("blocked") {
        Some((End::Suppressed, "the person blocked this account"))
    } else if claimed.kind == "send" && row.stopped {
        Some((End::Suppressed, "its subject was stopped"))
    } else if proactive_to_person && row.status.as_deref() != Some("active") {
        Some((End::Suppressed, "the person said STOP or is gone"))
    } else if proactive_to_person && !row.consents {
        Some((End::Suppressed, "the person has not consented"))
    } else {
        None
    };
    Ok(objection.map(|(end, reason)| (end, reason.to_owned())))
}

/// Commits that a call is about to be made which the platform would not recognise a second time. `false`: the delivery
/// is somebody else's now, or there is an objection that came up since it was asked for; what has begun goes on.
pub(crate) async fn mark_sending(core: &Core, claimed: &Claimed, index: i16) -> Result<bool, sqlx::Error> {
    // One statement, and so one round trip and one commit: it is made for every message.
    sqlx::query_scalar!(
        r#"
        WITH ours AS (
            UPDATE core.delivery SET state = 'sending'
            WHERE organisation_id = $1 AND id = $2 AND lease_epoch = $3 AND leased_by = $4
              AND (state = 'sending' OR (state = 'leased' AND called_off_at IS NULL AND NOT EXISTS (
                  SELECT FROM core.stopped_subject AS stopped
                  WHERE stopped.organisation_id = delivery.organisation_id AND stopped.plugin_id = delivery.plugin_id
                    AND stopped.scope = delivery.scope AND stopped.subject = delivery.subject
                    AND delivery.kind = 'send')))
            RETURNING id
        ), begun AS (
            UPDATE core.delivery_part SET state = 'sending', sending_since = coalesce(sending_since, $6)
            WHERE organisation_id = $1 AND delivery_id = (SELECT id FROM ours) AND index = $5 AND state <> 'sent'
        )
        SELECT EXISTS (SELECT FROM ours) AS "ours!"
        "#,
        claimed.organisation.0,
        claimed.id.0,
        claimed.epoch,
        core.runner.0,
        index,
        core.clock.now(),
    )
    .fetch_one(&core.pool)
    .await
}

/// A part as stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredPart {
    pub state: String,
    pub remote_ids: Option<RemoteIds>,
    pub sending_since: Option<DateTime<Utc>>,
}

/// The parts of a delivery, made on the first try.
pub(crate) async fn parts(pool: &PgPool, claimed: &Claimed, count: usize) -> Result<Vec<StoredPart>, sqlx::Error> {
    let rows = sqlx::query_as!(
        PartRow,
        r#"
        WITH made AS (
            INSERT INTO core.delivery_part (organisation_id, delivery_id, index, state)
            SELECT $1, $2, place, 'planned' FROM generate_series(0, $3 - 1) AS place
            ON CONFLICT DO NOTHING
            RETURNING index, state, remote_ids, sending_since
        )
        SELECT state AS "state!", remote_ids, sending_since FROM (
            SELECT index, state, remote_ids, sending_since FROM made
            UNION ALL
            SELECT index, state, remote_ids, sending_since FROM core.delivery_part
            WHERE organisation_id = $1 AND delivery_id = $2
        ) AS part
        ORDER BY index
        "#,
        claimed.organisation.0,
        claimed.id.0,
        i32::try_from(count.min(PARTS_MAX)).unwrap_or_default(),
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(StoredPart::from).collect())
}

struct PartRow {
    state: String,
    remote_ids: Option<Value>,
    sending_since: Option<DateTime<Utc>>,
}

impl From<PartRow> for StoredPart {
    fn from(row: PartRow) -> Self {
        Self {
            state: row.state,
            remote_ids: row.remote_ids.and_then(|ids| serde_json::from_value(ids).ok()),
            sending_since: row.sending_since,
        }
    }
}

pub(crate) async fn stored_parts(
    connection: &mut sqlx::PgConnection,
    organisation: OrganisationId,
    delivery: DeliveryId,
) -> Result<Vec<StoredPart>, sqlx::Error> {
    let rows = sqlx::query_as!(
        PartRow,
        r#"
        SELECT state, remote_ids, sending_since FROM core.delivery_part
        WHERE organisation_id = $1 AND delivery_id = $2 ORDER BY index
        "#,
        organisation.0,
        delivery.0,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(StoredPart::from).collect())
}

pub(crate) async fn settle_part(
    core: &Core,
    claimed: &Claimed,
    index: i16,
    state: &str,
    ids: Option<&RemoteIds>,
) -> Result<(), sqlx::Error> {
    let now = core.clock.now();
    sqlx::query!(
        r#"
        UPDATE core.delivery_part AS part
        SET state = $4, remote_ids = coalesce($5, part.remote_ids),
            sent_at = CASE WHEN $4 = 'sent' THEN $6::timestamptz END,
            sending_since = CASE WHEN $4 = 'planned' THEN NULL ELSE part.sending_since END
        FROM core.delivery
        WHERE part.organisation_id = $1 AND part.delivery_id = $2 AND part.index = $3
          AND delivery.organisation_id = part.organisation_id AND delivery.id = part.delivery_id
          AND delivery.lease_epoch = $7 AND delivery.leased_by = $8
        "#,
        claimed.organisation.0,
        claimed.id.0,
        index,
        state,
        ids.map(|ids| Value::from(ids.0.clone())),
        now,
        claimed.epoch,
        core.runner.0,
    )
    .execute(&core.pool)
    .await?;
    Ok(())
}

/// Ends a delivery and tells its plugin, in one transaction. Says whether the lease was still ours.
pub(crate) async fn settle(
    core: &Core,
    claimed: &Claimed,
    end: End,
    reason: Option<&str>,
    shown: Option<&crate::message::Layout>,
) -> Result<bool, sqlx::Error> {
    settle_with(core, claimed, end, reason, shown, None).await
}

/// Ends the closing of a poll with what was counted.
pub(crate) async fn settle_counted(core: &Core, claimed: &Claimed, counts: PollCounts) -> Result<bool, sqlx::Error> {
    settle_with(core, claimed, End::Sent, None, None, Some(counts)).await
}

async fn settle_with(
    core: &Core,
    claimed: &Claimed,
    end: End,
    reason: Option<&str>,
    shown: Option<&crate::message::Layout>,
    counts: Option<PollCounts>,
) -> Result<bool, sqlx::Error> {
    let now = core.clock.now();
    let ours = if claimed.report {
        let mut transaction = core.pool.begin().await?;
        let ours = write_end(&mut transaction, core, claimed, end, reason, shown, now).await?;
        if ours {
            report(&mut transaction, claimed.organisation, claimed, end.as_str(), reason, counts, now).await?;
            transaction.commit().await?;
        }
        ours
    } else {
        write_end(&mut *core.pool.acquire().await?, core, claimed, end, reason, shown, now).await?
    };
    if ours {
        metrics::counter!("crieur_deliveries_total", "state" => end.as_str()).increment(1);
    }
    Ok(ours)
}

/// The end and what a number typed by the reader means from now on, in one statement.
async fn write_end(
    connection: &mut sqlx::PgConnection,
    core: &Core,
    claimed: &Claimed,
    end: End,
    reason: Option<&str>,
    shown: Option<&crate::message::Layout>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let encoded = |error| sqlx::Error::Encode(Box::new(error));
    let warnings = shown.map(|layout| serde_json::to_value(&layout.warnings)).transpose().map_err(encoded)?;
    let prompting = shown.filter(|layout| end == End::Sent && !layout.tokens.is_empty());
    let tokens = prompting.map(|layout| serde_json::to_value(&layout.tokens)).transpose().map_err(encoded)?;
    sqlx::query_scalar!(
        r#"
        WITH ours AS (
            UPDATE core.delivery
            SET state = $5, settled_at = $6, reason = $7, leased_by = NULL, lease_until = NULL,
                warnings = coalesce($8, warnings)
            WHERE organisation_id = $1 AND id = $2 AND lease_epoch = $3 AND leased_by = $4
              AND state IN ('leased', 'sending')
            RETURNING organisation_id
        ), prompted AS (
            INSERT INTO core.prompt (organisation_id, conversation_id, address_id, plugin_id, choices, numbered, reveals,
                                     expires_at)
            SELECT address.organisation_id, $9, address.id, $11, $12, $13, $14, $15
            FROM ours
            JOIN core.address ON address.organisation_id = ours.organisation_id AND address.id = $10
            WHERE $9::uuid IS NOT NULL AND $12::jsonb IS NOT NULL
            -- What was shown last is what a number means. A text that is awaited stays awaited.
            ON CONFLICT (organisation_id, conversation_id, address_id)
            DO UPDATE SET choices = excluded.choices, numbered = excluded.numbered,
                          plugin_id = CASE WHEN prompt.awaits_until > $6 THEN prompt.plugin_id ELSE excluded.plugin_id END,
                          awaits = CASE WHEN prompt.awaits_until > $6 THEN prompt.awaits END,
                          awaits_until = CASE WHEN prompt.awaits_until > $6 THEN prompt.awaits_until END,
                          reveals = coalesce(excluded.reveals, prompt.reveals),
                          expires_at = greatest(prompt.expires_at, excluded.expires_at)
        )
        SELECT EXISTS (SELECT FROM ours) AS "ours!"
        "#,
        claimed.organisation.0,
        claimed.id.0,
        claimed.epoch,
        core.runner.0,
        end.as_str(),
        now,
        reason,
        warnings,
        claimed.conversation.map(|conversation| conversation.0),
        claimed.address,
        claimed.plugin,
        tokens,
        prompting.is_some_and(|layout| layout.numbered),
        claimed.reveals,
        now + chrono::TimeDelta::days(7),
    )
    .fetch_one(connection)
    .await
}

async fn report(
    connection: &mut sqlx::PgConnection,
    organisation: OrganisationId,
    claimed: &Claimed,
    state: &str,
    reason: Option<&str>,
    counts: Option<PollCounts>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let Ok(plugin) = claimed.plugin.parse::<PluginId>() else { return Ok(()) };
    let outcome = DeliveryOutcome {
        delivery: claimed.id,
        scope: claimed.scope.clone(),
        subject: claimed.subject.clone(),
        state: state.to_owned(),
        reason: reason.map(str::to_owned),
        counts,
    };
    let fire = Fire {
        scope: FIRE_OUTCOME.to_owned(),
        subject: claimed.id.to_string(),
        due_at: now,
        misfire: Misfire::RunOnce,
        payload: serde_json::to_value(outcome).map_err(|error| sqlx::Error::Encode(Box::new(error)))?,
        repeat: None,
    };
    match schedule(connection, organisation.0, &plugin, &fire).await {
        Ok(()) => Ok(()),
        Err(crate::dispatcher::EffectError::Database(error)) => Err(error),
        Err(other) => Err(sqlx::Error::Protocol(other.to_string())),
    }
}

/// Gives a delivery back for a later try. A newer version of the same coalesced message wins over it.
pub(crate) async fn requeue(
    core: &Core,
    claimed: &Claimed,
    due_at: Option<DateTime<Utc>>,
    attempt_used: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE core.delivery AS delivery
        SET state = 'queued', leased_by = NULL, lease_until = NULL,
            due_at = CASE WHEN called_off_at IS NULL THEN coalesce($5, due_at) ELSE due_at END,
            attempts = attempts - CASE WHEN $6 THEN 0 ELSE 1 END,
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
        due_at,
        attempt_used,
    )
    .execute(&core.pool)
    .await?;
    Ok(())
}

/// Closes a door until the platform's word.
pub(crate) async fn close_gate(
    core: &Core,
    organisation: OrganisationId,
    account: AccountId,
    scope: GateScope,
    key: &str,
    opens_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    metrics::counter!("crieur_gate_waits_total", "scope" => scope.as_str()).increment(1);
    sqlx::query!(
        r#"
        INSERT INTO core.gate (organisation_id, account_id, scope, key, opens_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (organisation_id, account_id, scope, key)
        DO UPDATE SET opens_at = greatest(gate.opens_at, excluded.opens_at)
        "#,
        organisation.0,
        account.0,
        scope.as_str(),
        key,
        opens_at,
    )
    .execute(&core.pool)
    .await?;
    Ok(())
}

/// The latest ids of what a target became.
pub(crate) async fn remote_ids_of(
    core: &Core,
    organisation: OrganisationId,
    delivery: Uuid,
) -> Result<Vec<StoredPart>, sqlx::Error> {
    let mut connection = core.pool.acquire().await?;
    stored_parts(&mut connection, organisation, DeliveryId(delivery)).await
}

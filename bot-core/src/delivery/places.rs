//! Where a delivery goes: opened where there is no place yet, followed where it moved, given up where nobody hears us.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::gates::Gates;
use super::queue::{self, Claimed, End};
use super::sending::{DeliverError, Step, timed};
use super::verdicts::refuse;
use crate::adapter::{ConversationDescriptor, ConversationKind, ConversationRef, RemoteIds, Verdict};
use crate::core::{Account, Core};
use crate::ids::{Address, ConversationId, Platform};
use crate::redacted::Redacted;

/// The conversation to write in, opened if there is none yet.
pub(super) async fn conversation_of(
    core: &Core,
    account: &Account,
    gates: &Mutex<Gates>,
    claimed: &mut Claimed,
) -> Result<Step<ConversationRef>, DeliverError> {
    if let Some(conversation) = claimed.conversation {
        let row = sqlx::query!(
            "SELECT kind, platform_ref, state, migrated_to FROM core.conversation WHERE organisation_id = $1 AND id = $2",
            claimed.organisation.0,
            conversation.0,
        )
        .fetch_one(&core.pool)
        .await?;
        if let Some(to) = row.migrated_to.filter(|_| row.state == "migrated") {
            move_delivery(core, claimed, to).await?;
            queue::requeue(core, claimed, None, false).await?;
            return Ok(Step::Over);
        }
        let kind = row.kind.parse().unwrap_or(ConversationKind::Group);
        return Ok(Step::Go(ConversationRef { kind, platform_ref: Redacted::new(row.platform_ref) }));
    }
    let Some(address) = claimed.address else {
        queue::settle(core, claimed, End::Failed, Some("it has neither a conversation nor a person"), None).await?;
        return Ok(Step::Over);
    };
    let row = sqlx::query!(
        "SELECT scheme, path FROM core.address WHERE organisation_id = $1 AND id = $2",
        claimed.organisation.0,
        address,
    )
    .fetch_optional(&core.pool)
    .await?;
    let Some(row) = row else {
        queue::settle(core, claimed, End::Suppressed, Some("the person is gone"), None).await?;
        return Ok(Step::Over);
    };
    let admitted = gates.lock().unwrap_or_else(PoisonError::into_inner).admit_opening(core.clock.now());
    if let Err(closed) = admitted {
        queue::close_gate(core, account.organisation, account.id, closed.scope, "", closed.opens_at).await?;
        queue::requeue(core, claimed, None, false).await?;
        return Ok(Step::Over);
    }
    let address_text = Address::new(Platform::new(row.scheme), row.path);
    match timed(account.adapter.open_direct(&address_text)).await {
        Verdict::Sent(opened) => {
            let id = keep_conversation(core, account, &opened).await?;
            sqlx::query!(
                r#"
                INSERT INTO core.reachability (organisation_id, account_id, address_id, state, direct_conversation_id, since)
                VALUES ($1, $2, $3, 'reachable', $4, $5)
                ON CONFLICT (organisation_id, account_id, address_id)
                DO UPDATE SET direct_conversation_id = excluded.direct_conversation_id
                "#,
                claimed.organisation.0,
                account.id.0,
                address,
                id.0,
                core.clock.now(),
            )
            .execute(&core.pool)
            .await?;
            sqlx::query!(
                "UPDATE core.delivery SET conversation_id = $3 WHERE organisation_id = $1 AND id = $2",
                claimed.organisation.0,
                claimed.id.0,
                id.0,
            )
            .execute(&core.pool)
            .await?;
            claimed.conversation = Some(id);
            Ok(Step::Go(opened))
        }
        other => {
            // Opening a chat twice is harmless: an unknown outcome is tried again.
            let other = match other {
                Verdict::Unknown { reason } => Verdict::Retry { reason },
                other => other,
            };
            refuse(core, account, None, claimed, other.map_sent(|_| RemoteIds(Vec::new()))).await?;
            Ok(Step::Over)
        }
    }
}

pub(super) async fn keep_conversation(
    core: &Core,
    account: &Account,
    conversation: &ConversationDescriptor,
) -> Result<ConversationId, sqlx::Error> {
    let now = core.clock.now();
    let id = sqlx::query_scalar!(
        r#"
        INSERT INTO core.conversation (organisation_id, id, account_id, kind, platform_ref, state, created_at)
        VALUES ($1, $2, $3, $4, $5, 'open', $6)
        ON CONFLICT (organisation_id, account_id, platform_ref) DO UPDATE SET state = 'open', migrated_to = NULL, erased_at = NULL
        RETURNING id
        "#,
        account.organisation.0,
        core.random.uuid(now),
        account.id.0,
        conversation.kind.as_str(),
        conversation.platform_ref.expose(),
        now,
    )
    .fetch_one(&core.pool)
    .await?;
    Ok(ConversationId(id))
}

pub(super) async fn move_delivery(core: &Core, claimed: &Claimed, to: uuid::Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE core.delivery SET conversation_id = $3 WHERE organisation_id = $1 AND id = $2",
        claimed.organisation.0,
        claimed.id.0,
        to,
    )
    .execute(&core.pool)
    .await?;
    Ok(())
}

pub(super) async fn move_conversation(
    core: &Core,
    claimed: &Claimed,
    from: ConversationId,
    to: ConversationId,
) -> Result<(), sqlx::Error> {
    let mut transaction = core.pool.begin().await?;
    sqlx::query!(
        "UPDATE core.conversation SET state = 'migrated', migrated_to = $3 WHERE organisation_id = $1 AND id = $2",
        claimed.organisation.0,
        from.0,
        to.0,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        r#"
        UPDATE core.delivery SET conversation_id = $3
        WHERE organisation_id = $1 AND conversation_id = $2 AND state IN ('planned', 'held', 'queued', 'leased', 'sending')
          AND (coalesce_key IS NULL OR NOT EXISTS (
              SELECT FROM core.delivery AS there
              WHERE there.organisation_id = delivery.organisation_id AND there.conversation_id = $3
                AND there.coalesce_key = delivery.coalesce_key AND there.state = 'queued'
          ))
        "#,
        claimed.organisation.0,
        from.0,
        to.0,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "UPDATE core.reachability SET direct_conversation_id = $3 WHERE organisation_id = $1 AND direct_conversation_id = $2",
        claimed.organisation.0,
        from.0,
        to.0,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// The platform says that nobody hears us there any more: a room is closed, else this address is blocked on this account,
/// and no more than that.
pub(super) async fn stop_recipient(
    core: &Core,
    account: &Account,
    claimed: &Claimed,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let room = sqlx::query_scalar!(
        "SELECT id FROM core.conversation WHERE organisation_id = $1 AND id = $2 AND kind <> 'direct'",
        claimed.organisation.0,
        claimed.conversation.map(|conversation| conversation.0),
    );
    let in_room = room.fetch_optional(&core.pool).await?.is_some();
    if let Some(address) = claimed.address.filter(|_| !in_room) {
        sqlx::query!(
            r#"
            UPDATE core.reachability SET state = 'blocked', since = $4
            WHERE organisation_id = $1 AND account_id = $2 AND address_id = $3
            "#,
            claimed.organisation.0,
            account.id.0,
            address,
            now,
        )
        .execute(&core.pool)
        .await?;
    } else if let Some(conversation) = claimed.conversation {
        sqlx::query!(
            "UPDATE core.conversation SET state = 'closed' WHERE organisation_id = $1 AND id = $2 AND state = 'open'",
            claimed.organisation.0,
            conversation.0,
        )
        .execute(&core.pool)
        .await?;
    }
    Ok(())
}

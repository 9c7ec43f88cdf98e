//! What follows each verdict of a platform.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use super::gates::Gates;
use super::places::{keep_conversation, move_conversation, stop_recipient};
use super::queue::{self, Claimed, End};
use super::sending::DeliverError;
use crate::adapter::{RemoteIds, Verdict};
use crate::core::{Account, Core};
use crate::ids::ConversationId;

/// Tries of a call that surely wrote nothing, before the delivery fails.
pub(super) const ATTEMPTS_MAX: i16 = 8;

/// Does what a verdict other than `Sent` asks for.
pub(super) async fn refuse(
    core: &Core,
    account: &Account,
    gates: Option<&Mutex<Gates>>,
    claimed: &Claimed,
    verdict: Verdict<RemoteIds>,
) -> Result<(), DeliverError> {
    let now = core.clock.now();
    match verdict {
        Verdict::Sent(_) => {
            queue::settle(core, claimed, End::Sent, None, None).await?;
        }
        Verdict::Throttled { after, scope } => {
            let conversation = claimed.conversation.unwrap_or(ConversationId(uuid::Uuid::nil()));
            let scope = match gates {
                Some(gates) => {
                    gates.lock().unwrap_or_else(PoisonError::into_inner).scope_of_throttle(now, conversation, scope)
                }
                // Opening and uploading have limits of their own, which do not bar what is already open.
                None => scope.unwrap_or(crate::adapter::GateScope::Route),
            };
            let key =
                if scope == crate::adapter::GateScope::Conversation { conversation.to_string() } else { String::new() };
            queue::close_gate(core, account.organisation, account.id, scope, &key, now + after).await?;
            // A door of the route bars only what still has to be opened: what has a place waits by itself.
            let waits = scope == crate::adapter::GateScope::Route && claimed.conversation.is_some();
            queue::requeue(core, claimed, waits.then(|| now + after), false).await?;
        }
        Verdict::Retry { reason } if claimed.attempts >= ATTEMPTS_MAX => {
            let reason = format!("given up after {ATTEMPTS_MAX} tries: {reason}");
            queue::settle(core, claimed, End::Failed, Some(&reason), None).await?;
        }
        Verdict::Retry { .. } => queue::requeue(core, claimed, Some(now + backoff(claimed.attempts)), true).await?,
        Verdict::Unknown { reason } => {
            queue::settle(core, claimed, End::Unknown, Some(&reason), None).await?;
        }
        Verdict::Moved { to } => {
            let id = keep_conversation(core, account, &to).await?;
            if let Some(from) = claimed.conversation.filter(|from| *from != id) {
                move_conversation(core, claimed, from, id).await?;
            }
            queue::requeue(core, claimed, None, claimed.attempts >= ATTEMPTS_MAX).await?;
        }
        Verdict::RecipientStopped { reason } => {
            stop_recipient(core, account, claimed, now).await?;
            queue::settle(core, claimed, End::Failed, Some(&reason), None).await?;
        }
        Verdict::Rejected { reason } => {
            queue::settle(core, claimed, End::Failed, Some(&reason), None).await?;
        }
        Verdict::AccountDead { reason } => {
            sqlx::query!(
                "UPDATE core.account SET state = 'dead', state_reason = $3 WHERE organisation_id = $1 AND id = $2",
                account.organisation.0,
                account.id.0,
                reason,
            )
            .execute(&core.pool)
            .await?;
            tracing::error!(
                account.name = account.name,
                "Account {} was refused by its platform: {reason}",
                account.name
            );
            // Nothing more goes out until somebody has seen to it; what is queued waits.
            let opens_at = now + TimeDelta::minutes(10);
            queue::close_gate(core, account.organisation, account.id, crate::adapter::GateScope::Account, "", opens_at)
                .await?;
            queue::requeue(core, claimed, None, false).await?;
        }
    }
    Ok(())
}

/// 1 s, 2 s, 4 s … two minutes at most.
pub(super) fn backoff(attempts: i16) -> TimeDelta {
    TimeDelta::seconds(1 << attempts.clamp(1, 8).saturating_sub(1)).min(TimeDelta::minutes(2))
}

impl<T> Verdict<T> {
    /// The verdict's name, for metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sent(_) => "sent",
            Self::Throttled { .. } => "throttled",
            Self::Retry { .. } => "retry",
            Self::Unknown { .. } => "unknown",
            Self::Moved { .. } => "moved",
            Self::RecipientStopped { .. } => "recipient_stopped",
            Self::Rejected { .. } => "rejected",
            Self::AccountDead { .. } => "account_dead",
        }
    }

    pub(super) fn map_sent<U>(self, map: impl FnOnce(T) -> U) -> Verdict<U> {
        match self {
            Self::Sent(value) => Verdict::Sent(map(value)),
            Self::Throttled { after, scope } => Verdict::Throttled { after, scope },
            Self::Retry { reason } => Verdict::Retry { reason },
            Self::Unknown { reason } => Verdict::Unknown { reason },
            Self::Moved { to } => Verdict::Moved { to },
            Self::RecipientStopped { reason } => Verdict::RecipientStopped { reason },
            Self::Rejected { reason } => Verdict::Rejected { reason },
            Self::AccountDead { reason } => Verdict::AccountDead { reason },
        }
    }
}

//! Whether somebody moderates a room: the platform is asked, each time anew, for what is theirs to decide only.

use std::time::Duration;

use super::StoredEvent;
use crate::adapter::{ConversationRef, Verdict};
use crate::core::Core;
use crate::ids::{Address, Platform};
use crate::redacted::Redacted;

/// Somebody waits for the answer.
const WITHIN: Duration = Duration::from_secs(5);

/// Closed on doubt: whoever cannot be asked about moderates nothing.
pub(super) async fn moderates(core: &Core, event: &StoredEvent) -> Result<bool, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT conversation.kind, conversation.platform_ref, address.scheme, address.path
        FROM core.conversation
        JOIN core.address ON address.organisation_id = conversation.organisation_id AND address.id = $3
        WHERE conversation.organisation_id = $1 AND conversation.id = $2
        "#,
        event.organisation.0,
        event.conversation,
        event.address,
    )
    .fetch_optional(&core.pool)
    .await?;
    let account = core.accounts().into_iter().find(|account| account.id == event.account);
    let (Some(row), Some(account)) = (row, account) else { return Ok(false) };
    let kind = row.kind.parse().map_err(|error: String| sqlx::Error::Decode(error.into()))?;
    let room = ConversationRef { kind, platform_ref: Redacted::new(row.platform_ref) };
    let person = Address::new(Platform::new(row.scheme), row.path);
    let answer = tokio::time::timeout(WITHIN, account.adapter.moderates(&room, &person)).await;
    Ok(matches!(answer, Ok(Verdict::Sent(true))))
}

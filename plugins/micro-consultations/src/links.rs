//! What linking, unlinking and erasing people does to consultations, in the transaction that does it.

use bot_core::ContactId;
use bot_core::plugin::{Context, HandlerResult, KnownAddress};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::roll::Roll;
use crate::store::{self, Lock, State};

/// Two contacts are one: in each open consultation they become one participant. Of two ballots the one of `kept`,
/// whose address asked for the code, stays: a published rule, since no time of voting is stored.
pub(crate) async fn merged(
    cx: &mut Context,
    kept: ContactId,
    joiner: ContactId,
    kept_addresses: &[KnownAddress],
    joiner_addresses: &[KnownAddress],
) -> HandlerResult {
    let organisation = cx.organisation.id;
    let mut open = store::list(cx.sql(), organisation, &[State::Open]).await?;
    open.sort_by_key(|consultation| consultation.id);
    for consultation in open {
        let id = consultation.id;
        let Some(consultation) = store::find(cx.sql(), organisation, id, Lock::Alone).await? else { continue };
        let Some(roll) = Roll::of(organisation, &consultation) else { continue };
        let mut random = StdRng::from_rng(&mut cx.random);
        let withdrawn = roll.link(cx.sql(), &mut random, kept_addresses, joiner_addresses).await?;
        for _ in 0..withdrawn {
            cx.audit("ballot_withdrawn_by_link", id.scope(), serde_json::json!({}));
        }
    }
    let (tenant, kept, joiner) = (organisation.0, kept.0, joiner.0);
    sqlx::query!(
        "UPDATE micro_consultations.named_ballot SET contact_id = $2 WHERE organisation_id = $1 AND contact_id = $3",
        tenant,
        kept,
        joiner,
    )
    .execute(cx.sql())
    .await?;
    // What the kept person had begun stays; what the joiner had begun moves where nothing is in its way.
    sqlx::query!(
        r#"
        UPDATE micro_consultations.draft SET contact_id = $2
        WHERE organisation_id = $1 AND contact_id = $3 AND NOT EXISTS (
            SELECT FROM micro_consultations.draft AS own
            WHERE own.organisation_id = $1 AND own.contact_id = $2
              AND own.consultation_id = micro_consultations.draft.consultation_id
        )
        "#,
        tenant,
        kept,
        joiner,
    )
    .execute(cx.sql())
    .await?;
    forget(cx, ContactId(joiner)).await
}

/// A person erased everything. The roll keeps the hashes of their addresses until the closing, so that coming back
/// gives no second ballot; ballots that were named lose their name, and the counts still add up.
pub(crate) async fn erased(cx: &mut Context, contact: ContactId) -> HandlerResult {
    let organisation = cx.organisation.id;
    sqlx::query!(
        "UPDATE micro_consultations.named_ballot SET contact_id = NULL WHERE organisation_id = $1 AND contact_id = $2",
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    forget(cx, contact).await
}

/// Drops what a contact was in the middle of.
async fn forget(cx: &mut Context, contact: ContactId) -> HandlerResult {
    let organisation = cx.organisation.id;
    sqlx::query!(
        "DELETE FROM micro_consultations.draft WHERE organisation_id = $1 AND contact_id = $2",
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        "DELETE FROM micro_consultations.composition WHERE organisation_id = $1 AND contact_id = $2",
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

//! What an organiser knows of a person (name, collectivité, rank, fields, groups) stays with the person when two
//! contacts become one: whoever is known keeps being known, from whichever chat the code was asked for.
//!
//! Where both are known, they are two lines of the organiser's list: what is known of the one that stays is kept, the
//! other's stays with its tombstone, and the history says so.

use serde_json::json;

use crate::dispatcher::DispatchError;
use crate::ids::ContactId;
use crate::plugin::{Context, Purpose};

/// Whether an organiser has this person in a list of theirs.
pub(super) async fn is_known(context: &mut Context, contact: ContactId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT (external_id IS NOT NULL OR name IS NOT NULL OR collectivite_id IS NOT NULL) AS "known!"
        FROM core.contact WHERE organisation_id = $1 AND id = $2
        "#,
        context.organisation.id.0,
        contact.0,
    )
    .fetch_one(&mut *context.transaction)
    .await
}

/// `joiner` is about to become a part of `kept`.
pub(super) async fn follow_the_link(
    context: &mut Context,
    kept: ContactId,
    joiner: ContactId,
) -> Result<(), DispatchError> {
    if !is_known(context, joiner).await? {
        return Ok(());
    }
    let moves = !is_known(context, kept).await?;
    if moves {
        move_what_is_known(context, joiner, kept).await?;
        carry_consents(context, joiner, kept, None).await?;
    }
    remember(context, kept, "contact", "linked", json!({ "moved": moves })).await
}

async fn move_what_is_known(context: &mut Context, from: ContactId, to: ContactId) -> Result<(), DispatchError> {
    let organisation = context.organisation.id.0;
    let known = sqlx::query!(
        r#"
        SELECT external_id, name, collectivite_id, rank, fields FROM core.contact
        WHERE organisation_id = $1 AND id = $2 FOR UPDATE
        "#,
        organisation,
        from.0,
    )
    .fetch_one(&mut *context.transaction)
    .await?;
    // The organiser's own key stands once: it leaves before it arrives.
    sqlx::query!(
        r#"
        UPDATE core.contact SET external_id = NULL, name = NULL, collectivite_id = NULL, rank = NULL, fields = '{}'
        WHERE organisation_id = $1 AND id = $2
        "#,
        organisation,
        from.0,
    )
    .execute(&mut *context.transaction)
    .await?;
    sqlx::query!(
        r#"
        UPDATE core.contact SET external_id = $3, name = $4, collectivite_id = $5, rank = $6, fields = $7
        WHERE organisation_id = $1 AND id = $2
        "#,
        organisation,
        to.0,
        known.external_id,
        known.name,
        known.collectivite_id,
        known.rank,
        known.fields,
    )
    .execute(&mut *context.transaction)
    .await?;
    sqlx::query!(
        r#"
        INSERT INTO core.contact_group_member (organisation_id, group_id, contact_id)
        SELECT organisation_id, group_id, $3 FROM core.contact_group_member
        WHERE organisation_id = $1 AND contact_id = $2
        ON CONFLICT DO NOTHING
        "#,
        organisation,
        from.0,
        to.0,
    )
    .execute(&mut *context.transaction)
    .await?;
    sqlx::query!(
        "DELETE FROM core.contact_group_member WHERE organisation_id = $1 AND contact_id = $2",
        organisation,
        from.0,
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(())
}

/// Consents of `from` in force become consents of `to` for purposes on which `to` never said anything, in the words
/// and from the day they were given; of one purpose, or of all. Nothing is carried where one of the two said STOP.
pub(super) async fn carry_consents(
    context: &mut Context,
    from: ContactId,
    to: ContactId,
    purpose: Option<Purpose>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO core.consent (organisation_id, contact_id, purpose, wording, given_at)
        SELECT theirs.organisation_id, $3, theirs.purpose, theirs.wording, theirs.given_at
        FROM core.consent AS theirs
        WHERE theirs.organisation_id = $1 AND theirs.contact_id = $2 AND theirs.withdrawn_at IS NULL
          AND NOT EXISTS (SELECT FROM core.consent AS own
                          WHERE own.organisation_id = $1 AND own.contact_id = $3 AND own.purpose = theirs.purpose)
          AND NOT EXISTS (SELECT FROM core.contact
                          WHERE organisation_id = $1 AND id IN ($2, $3) AND status = 'stopped')
          AND ($4::text IS NULL OR theirs.purpose = $4)
        "#,
        context.organisation.id.0,
        from.0,
        to.0,
        purpose.map(Purpose::as_str),
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(())
}

impl Context {
    /// Where two people turn out to be one (see [`Event::ContactsMerged`]) and the one that stays takes over what
    /// `joiner` subscribed to: the consent for `purpose` goes along, in the words and from the day it was given, unless
    /// `kept` ever said something of their own about it or one of the two said STOP.
    ///
    /// [`Event::ContactsMerged`]: crate::plugin::Event::ContactsMerged
    ///
    /// # Errors
    /// Those of the database.
    pub async fn carry_consent(
        &mut self,
        purpose: Purpose,
        joiner: ContactId,
        kept: ContactId,
    ) -> Result<(), sqlx::Error> {
        carry_consents(self, joiner, kept, Some(purpose)).await
    }
}

/// A line in the history of a contact. Names fields, never their values.
pub(super) async fn remember(
    context: &mut Context,
    contact: ContactId,
    actor: &str,
    action: &str,
    details: serde_json::Value,
) -> Result<(), DispatchError> {
    sqlx::query!(
        r#"
        INSERT INTO core.contact_history (organisation_id, contact_id, happened_at, actor, action, details)
        VALUES ($1, $2, $3, $4, $5, $6)
        "#,
        context.organisation.id.0,
        contact.0,
        context.now,
        actor,
        action,
        details,
    )
    .execute(&mut *context.transaction)
    .await?;
    Ok(())
}

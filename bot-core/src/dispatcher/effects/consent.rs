//! The ledger of consents: what a plugin asked for in the words it showed. Rows are never rewritten, only closed.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{EffectError, EffectWriter};
use crate::ids::{AddressId, ContactId, OrganisationId};
use crate::plugin::Purpose;

impl EffectWriter<'_> {
    pub(super) async fn give_consent(&mut self, purpose: Purpose, wording: &str) -> Result<(), EffectError> {
        let Some(caller) = self.caller else { return Ok(()) };
        let (contact, address) = (caller.contact, caller.address);
        let organisation = self.organisation.view.id;
        write_consent(self.connection, organisation, contact, address, purpose, wording, self.now).await?;
        Ok(())
    }

    pub(super) async fn withdraw_consent(&mut self, purpose: Purpose) -> Result<(), EffectError> {
        let Some(caller) = self.caller else { return Ok(()) };
        let organisation = self.organisation.view.id;
        withdraw_consent(self.connection, organisation, caller.contact, purpose, self.now).await?;
        Ok(())
    }
}

/// A person wants no more messages for `purpose`, on any network. What is queued of them is suppressed. For where there
/// is no call whose effect it could be: a page of a link that is theirs alone.
///
/// # Errors
/// Those of the database.
pub async fn withdraw_consent(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    contact: ContactId,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        UPDATE core.consent SET withdrawn_at = greatest($4, given_at)
        WHERE organisation_id = $1 AND contact_id = $2 AND purpose = $3 AND withdrawn_at IS NULL
        "#,
        organisation.0,
        contact.0,
        purpose.as_str(),
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        r#"
        UPDATE core.address_consent AS agreed SET withdrawn_at = greatest($4, agreed.given_at)
        FROM core.address
        WHERE address.organisation_id = $1 AND address.contact_id = $2
          AND agreed.organisation_id = address.organisation_id AND agreed.address_id = address.id
          AND agreed.purpose = $3 AND agreed.withdrawn_at IS NULL
        "#,
        organisation.0,
        contact.0,
        purpose.as_str(),
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        r#"
        UPDATE core.delivery SET state = 'suppressed', settled_at = $4, reason = 'the person withdrew their consent'
        WHERE organisation_id = $1 AND contact_id = $2 AND purpose = $3 AND state IN ('planned', 'held', 'queued')
        "#,
        organisation.0,
        contact.0,
        purpose.as_str(),
        now,
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Writes that a person agreed to messages for `purpose`, in the words that were shown, and that they may be written
/// to at `address`. What is in force already stays as it is. Saying yes is a wish to hear from us again: it ends what
/// STOP began, which had withdrawn every other consent.
pub(crate) async fn write_consent(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    contact: ContactId,
    address: AddressId,
    purpose: Purpose,
    wording: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO core.consent (organisation_id, contact_id, purpose, wording, given_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (organisation_id, contact_id, purpose) WHERE withdrawn_at IS NULL DO NOTHING
        "#,
        organisation.0,
        contact.0,
        purpose.as_str(),
        wording,
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        r#"
        INSERT INTO core.address_consent (organisation_id, address_id, purpose, wording, given_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (organisation_id, address_id, purpose) WHERE withdrawn_at IS NULL DO NOTHING
        "#,
        organisation.0,
        address.0,
        purpose.as_str(),
        wording,
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE core.contact SET status = 'active' WHERE organisation_id = $1 AND id = $2 AND status = 'stopped'",
        organisation.0,
        contact.0,
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

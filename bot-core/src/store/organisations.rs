//! The organisation that commands work for.

use sqlx::PgPool;

use crate::ids::OrganisationId;
use crate::service::{DEFAULT_ORGANISATION, OrganisationSettings};

/// An organisation as it is stored.
#[derive(Clone, Debug)]
pub struct StoredOrganisation {
    pub id: OrganisationId,
    pub settings: OrganisationSettings,
}

/// The organisation that exists from first start; `None` when no service has ever run here.
///
/// # Errors
/// When the database refuses, or stores a language, time zone or sending rule that this program does not know.
pub async fn find_default(pool: &PgPool) -> Result<Option<StoredOrganisation>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT id, title, default_locale, time_zone, sending_rule FROM core.organisation WHERE name = $1",
        DEFAULT_ORGANISATION,
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let default_locale = row.default_locale.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let time_zone = row.time_zone.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let sending_rule =
        serde_json::from_value(row.sending_rule).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let settings = OrganisationSettings { title: row.title, default_locale, time_zone, sending_rule };
    Ok(Some(StoredOrganisation { id: OrganisationId(row.id), settings }))
}

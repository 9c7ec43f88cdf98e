//! The organisation that commands work for.

use sqlx::PgPool;

use crate::core::Organisation;
use crate::ids::OrganisationId;
use crate::plugin::OrganisationView;
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

/// The organisation that exists from first start with its keys, for what is signed with them; `None` when no service has
/// ever run here.
///
/// # Errors
/// As [`find_default`], or when its key is not one.
pub async fn find_default_with_keys(pool: &PgPool) -> Result<Option<Organisation>, sqlx::Error> {
    let Some(StoredOrganisation { id, settings }) = find_default(pool).await? else { return Ok(None) };
    let key =
        sqlx::query_scalar!("SELECT action_key FROM core.organisation WHERE id = $1", id.0).fetch_one(pool).await?;
    let key: [u8; 32] = key.try_into().map_err(|_| sqlx::Error::Decode("an action key has 32 bytes".into()))?;
    let view = OrganisationView {
        id,
        title: settings.title,
        time_zone: settings.time_zone,
        default_locale: settings.default_locale,
        sending_rule: settings.sending_rule,
    };
    Ok(Some(Organisation::new(view, DEFAULT_ORGANISATION.to_owned(), key)))
}

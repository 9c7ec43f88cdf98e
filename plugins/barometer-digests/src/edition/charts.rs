//! The pictures of an edition's charts: drawn once, when it is approved, and shown to every reader.

use bot_core::message::MediaHash;
use bot_core::plugin::HandlerError;
use bot_core::{Locale, OrganisationId};
use sqlx::PgConnection;

use super::model::EntryKey;
use crate::rendering::message::Pictures;

/// The pictures of an approved edition.
///
/// # Errors
/// Those of the database.
pub async fn pictures(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
) -> Result<Pictures, HandlerError> {
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    let rows = sqlx::query!(
        r#"
        SELECT entry_key, locale, media FROM barometer_digests.chart WHERE organisation_id = $1 AND edition_number = $2
        "#,
        organisation.0,
        number,
    )
    .fetch_all(sql)
    .await?;
    let broken = |problem: &str| HandlerError::Broken(problem.to_owned());
    let pictures = rows.into_iter().map(|row| {
        let locale: Locale = row.locale.parse().map_err(|_| broken("a picture is in no language"))?;
        let media = row.media.try_into().map_err(|_| broken("a picture's hash is not 32 bytes"))?;
        Ok(((EntryKey(row.entry_key), locale), MediaHash(media)))
    });
    pictures.collect()
}

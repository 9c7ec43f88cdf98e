//! The pictures of an edition's charts: drawn once, when it is approved, and shown to every reader.

use std::collections::BTreeMap;

use bot_core::message::MediaHash;
use bot_core::plugin::{Context, HandlerError};
use bot_core::{Locale, OrganisationId};
use sqlx::PgConnection;

use super::model::{Content, Edition, EntryKey};
use super::store::StoredEdition;
use crate::rendering::charts;
use crate::rendering::message::{PICTURES_MAX, Pictures};

/// Draws the charts of `edition` in `locales` and stores them as media.
pub(crate) fn draw(cx: &mut Context, edition: &Edition, locales: &[Locale]) -> Pictures {
    let mut pictures = BTreeMap::new();
    // No message shows more of them, whoever reads it: drawing takes its time. The page draws its own.
    let charted = edition.entries.iter().filter_map(|entry| match &entry.content {
        Content::Figure(figure) if figure.chart.is_some() => Some((entry, figure)),
        _ => None,
    });
    for (entry, figure) in charted.take(PICTURES_MAX) {
        for &locale in locales {
            // Too many rows for a picture: its words say it all the same.
            let Ok(Some(png)) = charts::png(figure, locale) else { continue };
            let name = format!("{}-{locale}.png", figure.dataset);
            pictures.insert((entry.key.clone(), locale), cx.store_media("image/png", name, png));
        }
    }
    pictures
}

/// Draws the charts of an approved edition and keeps them with it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn keep(cx: &mut Context, stored: &StoredEdition) -> Result<(), HandlerError> {
    let organisation = cx.organisation.id;
    let number = i32::try_from(stored.number).map_err(|error| HandlerError::Broken(error.to_string()))?;
    for ((key, locale), media) in draw(cx, &stored.edition, &Locale::ALL) {
        sqlx::query!(
            r#"
            INSERT INTO barometer_digests.chart (organisation_id, edition_number, entry_key, locale, media)
            VALUES ($1, $2, $3, $4, $5)
            "#,
            organisation.0,
            number,
            key.0,
            locale.as_str(),
            media.0.as_slice(),
        )
        .execute(cx.sql())
        .await?;
    }
    Ok(())
}

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

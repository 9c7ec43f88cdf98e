//! What could go into an edition: everything that the other parts of the plugin offer for its window.

use bot_core::OrganisationId;
use bot_core::plugin::HandlerError;
use sqlx::PgConnection;

use super::model::Entry;
use super::period::Window;
use crate::definition::Definition;
use crate::sources::items;
use crate::{barometer, neighbours};

/// Everything that falls into `window`.
///
/// # Errors
/// Those of the database.
pub async fn candidates(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    definition: &Definition,
    window: &Window,
) -> Result<Vec<Entry>, HandlerError> {
    let mut found = barometer::candidates(&mut *sql, organisation, definition, window).await?;
    found.extend(neighbours::candidates(&mut *sql, organisation, definition, window).await?);
    found.extend(items::candidates(sql, organisation, definition, window).await?);
    Ok(found)
}

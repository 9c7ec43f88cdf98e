//! Where an edition touches the rest of the plugin: what could go into it, and what happens when it goes out.

use bot_core::OrganisationId;
use bot_core::plugin::{Context, HandlerError, HandlerResult};
use sqlx::PgConnection;

use super::model::{Entry, SourceRecord};
use super::period::Window;
use crate::definition::Definition;

/// Everything that falls into `window`.
///
/// # Errors
/// Those of the database.
pub async fn candidates(
    _sql: &mut PgConnection,
    _organisation: OrganisationId,
    _definition: &Definition,
    _window: &Window,
) -> Result<Vec<Entry>, HandlerError> {
    Ok(Vec::new())
}

pub async fn records(
    _sql: &mut PgConnection,
    _organisation: OrganisationId,
    _definition: &Definition,
    _window: &Window,
) -> Result<Vec<SourceRecord>, HandlerError> {
    Ok(Vec::new())
}

pub async fn definition_changed(_cx: &mut Context, _definition: &Definition) -> HandlerResult {
    Ok(())
}

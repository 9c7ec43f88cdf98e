//! Readers: who subscribed to what, and how they leave.

use bot_core::ContactId;
use bot_core::plugin::{Context, Event, HandlerError, HandlerResult};
use serde_json::{Value, json};

use crate::action::Action;

/// `/abonner`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn subscribe(_cx: &mut Context) -> HandlerResult {
    Ok(())
}

/// `/abonnements`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn show(_cx: &mut Context) -> HandlerResult {
    Ok(())
}

/// `/desabonner`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn unsubscribe(_cx: &mut Context) -> HandlerResult {
    Ok(())
}

/// # Errors
/// Those of the database.
pub(crate) async fn press(_cx: &mut Context, _action: Action) -> HandlerResult {
    Ok(())
}

/// People linked, split and erased.
///
/// # Errors
/// Those of the database.
pub(crate) async fn people_changed(_cx: &mut Context, _event: &Event) -> HandlerResult {
    Ok(())
}

/// # Errors
/// Those of the database.
pub(crate) async fn export(_cx: &mut Context, _contact: ContactId) -> Result<Value, HandlerError> {
    Ok(json!({}))
}

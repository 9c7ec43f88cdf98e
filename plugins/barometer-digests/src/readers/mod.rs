//! Readers: who subscribed to what, and how they leave.

#[cfg(test)]
pub(crate) mod bench;
#[cfg(test)]
mod conversation_tests;
pub mod leaving;
mod links;
pub mod preferences;
pub mod rooms;
mod screens;
pub mod store;
mod subscribing;
pub mod under_way;

use bot_core::ContactId;
use bot_core::plugin::{Context, Event, HandlerError, HandlerResult};
use serde_json::Value;

pub(crate) use self::subscribing::{press, show, subscribe, unsubscribe};

/// People linked, split and erased. Of two who are parted the subscription stays with the one that goes on.
///
/// # Errors
/// Those of the database.
pub(crate) async fn people_changed(cx: &mut Context, event: &Event) -> HandlerResult {
    match event {
        Event::ContactsMerged { kept, joiner, .. } => links::merged(cx, *kept, *joiner).await,
        Event::ContactErased { contact, .. } => links::erased(cx, *contact).await,
        _ => Ok(()),
    }
}

/// # Errors
/// Those of the database.
pub(crate) async fn export(cx: &mut Context, contact: ContactId) -> Result<Value, HandlerError> {
    links::export(cx, contact).await
}

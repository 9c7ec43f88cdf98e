//! Editors at work in chat: `/editions` and its buttons.

use bot_core::plugin::{Context, HandlerResult};

use crate::action::Action;

/// `/editions`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn command(_cx: &mut Context, _arguments: &str) -> HandlerResult {
    Ok(())
}

/// # Errors
/// Those of the database.
pub(crate) async fn press(_cx: &mut Context, _action: Action) -> HandlerResult {
    Ok(())
}

/// # Errors
/// Those of the database.
pub(crate) async fn written(_cx: &mut Context, _name: &str, _text: &str) -> HandlerResult {
    Ok(())
}

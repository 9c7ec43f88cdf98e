//! Hands a published edition over: once to each reader, at their hour.

use bot_core::plugin::{Context, FiredFire, HandlerResult};

/// Fires of editions under way: `send:<number>`.
pub const FIRES: &str = "send:";

/// # Errors
/// Those of the database.
pub(crate) async fn fired(_cx: &mut Context, _fire: &FiredFire) -> HandlerResult {
    Ok(())
}

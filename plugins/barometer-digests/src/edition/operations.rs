//! What an editor does to editions, from chat and from the command line.

use bot_core::plugin::{Context, FiredFire, HandlerResult};

/// Fires that draft: `draft:weekly`, `draft:monthly`.
pub const FIRES: &str = "draft:";

/// The hour of the draft.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fired(_cx: &mut Context, _fire: &FiredFire) -> HandlerResult {
    Ok(())
}

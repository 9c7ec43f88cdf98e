//! Asks every source in its turn, and keeps what it gave.

use bot_core::plugin::{Context, Fetched, FiredFire, HandlerResult};

/// The fire that asks sources: one for all of them, due when the next is.
pub const FIRE: &str = "harvest";

/// Asks every source whose turn it is.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fired(_cx: &mut Context, _fire: &FiredFire) -> HandlerResult {
    Ok(())
}

/// A source answered, or did not.
///
/// # Errors
/// Those of the database.
pub(crate) async fn fetched(_cx: &mut Context, _fetched: &Fetched) -> HandlerResult {
    Ok(())
}

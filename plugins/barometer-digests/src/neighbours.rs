//! What other plugins tell of this crieur's own consultations and campaigns.

use bot_core::plugin::{Context, HandlerResult, Note};

/// Another plugin told something.
///
/// # Errors
/// Those of the database.
pub(crate) async fn heard(_cx: &mut Context, _note: &Note) -> HandlerResult {
    Ok(())
}

//! What is due and keeps failing, for operators.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::fires::FAILING_FROM;

/// A fire that fails each time it is tried.
#[derive(Clone, Debug)]
pub struct FailingFire {
    pub plugin: String,
    pub scope: String,
    pub attempts: i16,
    /// Of the last failure.
    pub reason: String,
    /// When it is tried next.
    pub available_at: DateTime<Utc>,
}

/// The fires that have failed five times or more in a row.
///
/// # Errors
/// Those of the database.
pub async fn failing(pool: &PgPool) -> Result<Vec<FailingFire>, sqlx::Error> {
    sqlx::query_as!(
        FailingFire,
        r#"
        SELECT plugin_id AS plugin, scope, attempts, coalesce(reason, '') AS "reason!", available_at FROM core.fire
        WHERE attempts >= $1 ORDER BY plugin_id, scope, subject
        "#,
        FAILING_FROM,
    )
    .fetch_all(pool)
    .await
}

//! Accounts as they are stored, for operators.

use serde::Serialize;
use sqlx::PgPool;

/// A bot connection as the database knows it.
#[derive(Clone, Debug, Serialize)]
pub struct StoredAccount {
    pub organisation: i32,
    pub id: i32,
    pub name: String,
    pub platform: String,
    /// `active`, `dead` (the platform refused it) or `retired` (no longer configured).
    pub state: String,
    pub reason: Option<String>,
}

/// Every account, by name.
pub async fn list(pool: &PgPool) -> Result<Vec<StoredAccount>, sqlx::Error> {
    sqlx::query_as!(
        StoredAccount,
        "SELECT organisation_id AS organisation, id, name, platform, state, state_reason AS reason FROM core.account ORDER BY organisation_id, name",
    )
    .fetch_all(pool)
    .await
}

//! What a Postgres server says about itself, for `crieur doctor`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;

/// Facts that decide whether an acknowledged vote is safe.
#[derive(Clone, Debug, Serialize)]
pub struct ServerFacts {
    pub version: String,
    /// Off: a power cut loses what was acknowledged.
    pub fsync: bool,
    /// Off: a crash loses the last moments of what was acknowledged.
    pub synchronous_commit: bool,
    /// The server's own clock, to compare with ours.
    pub clock: DateTime<Utc>,
}

/// Asks the server.
pub async fn facts(pool: &PgPool) -> Result<ServerFacts, sqlx::Error> {
    sqlx::query_as!(
        ServerFacts,
        r#"
        SELECT current_setting('server_version') AS "version!",
               current_setting('fsync')::boolean AS "fsync!",
               current_setting('synchronous_commit') <> 'off' AS "synchronous_commit!",
               clock_timestamp() AS "clock!"
        "#,
    )
    .fetch_one(pool)
    .await
}

//! Reading the audit log. It is written by what it tells of, in the same transaction.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;

use crate::ids::OrganisationId;

/// One line of the log. Holds no personal data and no choice.
#[derive(Clone, Debug, Serialize)]
pub struct AuditLine {
    pub happened_at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub details: Value,
}

/// Which lines to read.
#[derive(Clone, Debug)]
pub struct AuditFilter {
    /// Only this action, for example `role.granted`.
    pub action: Option<String>,
    pub since: Option<DateTime<Utc>>,
    /// The latest so many. 1 or more.
    pub lines_max: u32,
}

/// The latest lines that pass the filter, oldest first.
pub async fn list(
    pool: &PgPool,
    organisation: OrganisationId,
    filter: &AuditFilter,
) -> Result<Vec<AuditLine>, sqlx::Error> {
    let mut lines = sqlx::query_as!(
        AuditLine,
        r#"
        SELECT happened_at, actor, action, subject, details FROM core.audit
        WHERE organisation_id = $1 AND ($2::text IS NULL OR action = $2)
          AND ($3::timestamptz IS NULL OR happened_at >= $3)
        ORDER BY id DESC LIMIT $4
        "#,
        organisation.0,
        filter.action,
        filter.since,
        i64::from(filter.lines_max),
    )
    .fetch_all(pool)
    .await?;
    lines.reverse();
    Ok(lines)
}

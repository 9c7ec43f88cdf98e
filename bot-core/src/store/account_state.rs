//! An adapter's memory: named values of one account.

use serde_json::Value;
use sqlx::PgPool;

use crate::clock::Clock;
use crate::ids::{AccountId, OrganisationId};

/// Named values of one account, ordered by name (bytewise). Cheap to clone.
#[derive(Clone, Debug)]
pub struct AccountState {
    pool: PgPool,
    organisation: OrganisationId,
    account: AccountId,
    clock: Clock,
}

/// A value to write.
#[derive(Clone, Debug)]
pub struct StateEntry {
    /// At most 300 bytes.
    pub key: String,
    pub value: Value,
    /// The scope whose choice the value shows: it is blanked when that scope closes.
    pub reveals: Option<String>,
    /// The path of the address the value is about: it is deleted when that person erases themselves.
    pub owner: Option<String>,
}

impl StateEntry {
    pub fn new(key: impl Into<String>, value: Value) -> Self {
        Self { key: key.into(), value, reveals: None, owner: None }
    }
}

/// A value read back. `value` is `None` once blanked.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredEntry {
    pub key: String,
    pub value: Option<Value>,
}

#[derive(Debug, thiserror::Error)]
#[error("the account's memory cannot be reached: {0}")]
pub struct StateError(#[from] sqlx::Error);

impl AccountState {
    pub fn new(pool: PgPool, organisation: OrganisationId, account: AccountId, clock: Clock) -> Self {
        Self { pool, organisation, account, clock }
    }

    /// The value under `key`; `None` when there is none or it was blanked.
    pub async fn get(&self, key: &str) -> Result<Option<Value>, StateError> {
        let row = sqlx::query_scalar!(
            "SELECT value FROM core.account_state WHERE organisation_id = $1 AND account_id = $2 AND key = $3",
            self.organisation.0,
            self.account.0,
            key,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.flatten())
    }

    /// Writes all entries, or none.
    pub async fn put(&self, entries: &[StateEntry]) -> Result<(), StateError> {
        let keys: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        let values: Vec<Value> = entries.iter().map(|entry| entry.value.clone()).collect();
        let reveals: Vec<Option<String>> = entries.iter().map(|entry| entry.reveals.clone()).collect();
        let owners: Vec<Option<String>> = entries.iter().map(|entry| entry.owner.clone()).collect();
        sqlx::query!(
            r#"
            INSERT INTO core.account_state (organisation_id, account_id, key, value, reveals, owner, updated_at)
            SELECT $1, $2, entry.key, entry.value, entry.reveals, entry.owner, $6
            FROM unnest($3::text[], $4::jsonb[], $5::text[], $7::text[]) AS entry (key, value, reveals, owner)
            ON CONFLICT (organisation_id, account_id, key)
            DO UPDATE SET value = excluded.value, reveals = excluded.reveals, owner = excluded.owner,
                          updated_at = excluded.updated_at
            "#,
            self.organisation.0,
            self.account.0,
            &keys,
            &values,
            &reveals as &[Option<String>],
            self.clock.now(),
            &owners as &[Option<String>],
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Entries whose key starts with `prefix`, in order, beginning after the key `after`.
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        entries_max: u32,
    ) -> Result<Vec<StoredEntry>, StateError> {
        let rows = sqlx::query!(
            r#"
            SELECT key, value FROM core.account_state
            WHERE organisation_id = $1 AND account_id = $2
              AND key >= $3 AND starts_with(key, $3) AND ($4::text IS NULL OR key > $4)
            ORDER BY key LIMIT $5
            "#,
            self.organisation.0,
            self.account.0,
            prefix,
            after,
            i64::from(entries_max),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| StoredEntry { key: row.key, value: row.value }).collect())
    }

    /// The last key that starts with `prefix`.
    pub async fn last_key(&self, prefix: &str) -> Result<Option<String>, StateError> {
        Ok(sqlx::query_scalar!(
            r#"
            SELECT key FROM core.account_state
            WHERE organisation_id = $1 AND account_id = $2 AND key >= $3 AND starts_with(key, $3)
            ORDER BY key DESC LIMIT 1
            "#,
            self.organisation.0,
            self.account.0,
            prefix,
        )
        .fetch_optional(&self.pool)
        .await?)
    }

    /// Removes every entry whose key starts with `prefix`, and says how many there were.
    pub async fn delete_prefix(&self, prefix: &str) -> Result<u64, StateError> {
        let done = sqlx::query!(
            r#"
            DELETE FROM core.account_state
            WHERE organisation_id = $1 AND account_id = $2 AND key >= $3 AND starts_with(key, $3)
            "#,
            self.organisation.0,
            self.account.0,
            prefix,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}

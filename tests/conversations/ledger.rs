//! What lies in the database, for the tests that look for what must not be there.

use bot_core::conformance::TestDatabase;
use sqlx::AssertSqlSafe;

/// Reads whole schemas.
pub trait Ledger {
    /// Every row of every table of `schema` as `table {columns as JSON}`.
    async fn everything_in(&self, schema: &str) -> Vec<String>;
}

impl Ledger for TestDatabase {
    async fn everything_in(&self, schema: &str) -> Vec<String> {
        let tables = sqlx::query_scalar!(
            r#"SELECT tablename AS "name!" FROM pg_tables WHERE schemaname = $1 ORDER BY tablename"#,
            schema,
        );
        let tables = tables.fetch_all(self.pool()).await.unwrap();
        let mut rows = Vec::new();
        for table in tables {
            // Every table there is, also those of migrations to come: their names cannot be known when this is
            // compiled. They come from the catalogue.
            let sql = format!(r#"SELECT '{table} ' || to_jsonb(row)::text FROM {schema}."{table}" AS row"#);
            let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(self.pool()).await.unwrap();
            rows.extend(found);
        }
        rows
    }
}

//! The shared Postgres, one file per aggregate. Everything here is concrete: there is one database and no mock.

pub mod account_state;
pub mod accounts;
pub mod audit;
pub mod deliveries;
pub mod fires;
pub mod inbox;
pub mod media;
pub mod organisations;
pub mod plugins;
pub mod rooms;
pub mod server;

use sqlx::PgPool;
use sqlx::migrate::{Migrate, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// Every migration, core and plugins, in one numbered sequence.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// Oldest Postgres that is supported, as `server_version_num` counts.
const POSTGRES_VERSION_MIN: i32 = 140_000;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot reach Postgres: {0}. Check `database.url`, or leave it out to use the private server")]
    Unreachable(#[source] sqlx::Error),
    #[error("this Postgres is version {0}: crieur needs 14 or newer")]
    TooOld(i32),
    #[error("the database could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
}

/// Opens a pool of at most `connections_max` connections.
///
/// # Errors
/// When Postgres cannot be reached or is older than 14.
pub async fn connect(options: PgConnectOptions, connections_max: u32) -> Result<PgPool, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(std::time::Duration::from_secs(10))
        .connect_with(options)
        .await
        .map_err(StoreError::Unreachable)?;
    let version: i32 = sqlx::query_scalar!(r#"SELECT current_setting('server_version_num')::integer AS "version!""#)
        .fetch_one(&pool)
        .await?;
    if version < POSTGRES_VERSION_MIN {
        return Err(StoreError::TooOld(version / 10_000));
    }
    Ok(pool)
}

/// Brings the schema up to date.
///
/// # Errors
/// When a migration fails; the database is left at the last one that passed.
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    Ok(MIGRATIONS.run(pool).await?)
}

/// A step in the making of the schema.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MigrationStep {
    pub version: i64,
    pub description: String,
    pub applied: bool,
}

/// Every migration of this program, and whether it was applied to this database.
///
/// # Errors
/// When the database refuses, or a migration failed half-way.
pub async fn migrations(pool: &PgPool) -> Result<Vec<MigrationStep>, StoreError> {
    let begun = sqlx::query_scalar!(r#"SELECT to_regclass($1) IS NOT NULL AS "begun!""#, &MIGRATIONS.table_name)
        .fetch_one(pool)
        .await?;
    let applied = if begun {
        let mut connection = pool.acquire().await?;
        connection.list_applied_migrations(&MIGRATIONS.table_name).await?
    } else {
        Vec::new()
    };
    let steps = MIGRATIONS.iter().map(|migration| MigrationStep {
        version: migration.version,
        description: migration.description.to_string(),
        applied: applied.iter().any(|applied| applied.version == migration.version),
    });
    Ok(steps.collect())
}

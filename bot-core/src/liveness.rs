//! How processes that share one database know which of them are alive: each holds an advisory lock for as long as
//! its connection lives, so a lease left by a dead process is free at once.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::ids::RunnerId;

/// First half of the advisory lock's key: the letters `crie`.
pub(crate) const LOCK_CLASS: i32 = 0x6372_6965;

/// How long a lease is good for without its owner settling, by the database's clock. Longer than any platform call.
pub(crate) const LEASE_SECONDS: f64 = 90.0;

const KEEP_INTERVAL: Duration = Duration::from_secs(2);

/// Registers this process and takes its lock.
pub(crate) async fn register(pool: &PgPool, clock: &Clock) -> Result<(RunnerId, PgConnection), sqlx::Error> {
    let id = sqlx::query_scalar!("INSERT INTO core.runner (started_at) VALUES ($1) RETURNING id", clock.now())
        .fetch_one(pool)
        .await?;
    let connection = hold_lock(&pool.connect_options(), RunnerId(id)).await?;
    Ok((RunnerId(id), connection))
}

async fn hold_lock(options: &PgConnectOptions, runner: RunnerId) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::query!("SELECT pg_advisory_lock($1, $2)", LOCK_CLASS, runner.0).execute(&mut connection).await?;
    Ok(connection)
}

/// Keeps the lock until `stop`, taking it again when Postgres comes back.
pub(crate) async fn keep(pool: PgPool, runner: RunnerId, mut connection: PgConnection, stop: CancellationToken) {
    #[allow(clippy::disallowed_methods, reason = "liveness is real time, not business time")]
    while stop.run_until_cancelled(tokio::time::sleep(KEEP_INTERVAL)).await.is_some() {
        if connection.ping().await.is_ok() {
            continue;
        }
        match hold_lock(&pool.connect_options(), runner).await {
            Ok(fresh) => connection = fresh,
            Err(error) => tracing::warn!("Postgres is away, trying again: {error}"),
        }
    }
    // Closing gives the lock back.
    let _ = connection.close().await;
}

/// Returns what dead processes held: events to the inbox, deliveries to the queue, fetches, accounts to whoever wants them.
/// A delivery whose call may have gone out keeps its part's `sending` state, which decides how it is taken up.
/// `own` asks, so it is alive: after a restart of Postgres it may not have its lock back yet.
pub(crate) async fn rescue(pool: &PgPool, own: RunnerId) -> Result<u64, sqlx::Error> {
    let mut rescued = 0;
    let mut transaction = pool.begin().await?;
    let dead: Vec<i32> = sqlx::query_scalar!(
        r#"
        SELECT runner.id FROM core.runner AS runner
        WHERE runner.id <> $2 AND NOT EXISTS (
            SELECT FROM pg_locks AS held
            WHERE held.locktype = 'advisory' AND held.classid::bigint = $1 AND held.objid::bigint = runner.id
              AND held.objsubid = 2 AND held.granted
              AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        )
        "#,
        i64::from(LOCK_CLASS),
        own.0,
    )
    .fetch_all(&mut *transaction)
    .await?;
    rescued += sqlx::query!(
        r#"
        UPDATE core.inbox SET leased_by = NULL, lease_until = NULL
        WHERE state = 'waiting' AND leased_by IS NOT NULL
          AND (leased_by = ANY ($1) OR lease_until < clock_timestamp())
        "#,
        &dead,
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    // A newer version of a coalesced message may be queued already: then this one has nothing left to say.
    rescued += sqlx::query!(
        r#"
        UPDATE core.delivery AS delivery SET state = 'queued', leased_by = NULL, lease_until = NULL,
            coalesce_key = CASE WHEN EXISTS (
                SELECT FROM core.delivery AS newer
                WHERE newer.organisation_id = delivery.organisation_id
                  AND newer.conversation_id = delivery.conversation_id
                  AND newer.coalesce_key = delivery.coalesce_key AND newer.state = 'queued'
            ) THEN NULL ELSE coalesce_key END
        WHERE state IN ('leased', 'sending') AND (leased_by = ANY ($1) OR lease_until < clock_timestamp())
        "#,
        &dead,
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    rescued += sqlx::query!(
        r#"
        UPDATE core.fetch SET leased_by = NULL, lease_until = NULL
        WHERE leased_by IS NOT NULL AND (leased_by = ANY ($1) OR lease_until < clock_timestamp())
        "#,
        &dead,
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    sqlx::query!("UPDATE core.account SET leased_by = NULL, lease_until = NULL WHERE leased_by = ANY ($1)", &dead)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(rescued)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::TestDatabase;

    #[tokio::test]
    async fn a_process_that_lost_its_lock_for_a_moment_takes_nothing_from_itself() {
        let clock = Clock::manual("2026-09-01T08:00:00Z".parse().unwrap());
        let database = TestDatabase::create().await;
        database.account("scripted", &clock).await;
        let pool = database.pool();
        let (first, lock) = register(pool, &clock).await.unwrap();
        let (second, _second_lock) = register(pool, &clock).await.unwrap();
        sqlx::query!("UPDATE core.account SET leased_by = $1", first.0).execute(pool).await.unwrap();
        let leased = || sqlx::query_scalar!(r#"SELECT count(leased_by) AS "count!" FROM core.account"#).fetch_one(pool);
        lock.close().await.unwrap();
        rescue(pool, first).await.unwrap();
        assert_eq!(leased().await.unwrap(), 1);
        rescue(pool, second).await.unwrap();
        assert_eq!(leased().await.unwrap(), 0);
    }
}

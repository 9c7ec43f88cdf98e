//! A fresh database for one test, copied from a template that was migrated once.
//!
//! The statements that create, rename and drop databases cannot be checked at compile time, and the faults put into
//! a test database change its schema: this is the one place that writes SQL as text. Every name in it is made here.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, PgPool};
use uuid::Uuid;

use crate::adapter::{AdapterContext, InboundKind};
use crate::clock::{Clock, Random};
use crate::ids::{AccountId, InboxSequence, OrganisationId, Platform};
use crate::intake::{Intake, KeyDigest, Settled};
use crate::message::MediaHash;
use crate::store;
use crate::store::account_state::AccountState;
use crate::store::media::{Media, MediaStore};

/// Names the server that tests may create databases on, by the URL of its administrator.
pub const SERVER_VARIABLE: &str = "CRIEUR_TEST_POSTGRES";

/// Connections one test may hold.
const CONNECTIONS_MAX: u32 = 8;

/// A database of one's own, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    pool: PgPool,
    server: PgConnectOptions,
    name: String,
}

impl TestDatabase {
    /// # Panics
    /// When no server is named, or it cannot be used: there is no test without a database.
    pub async fn create() -> Self {
        super::log::begin();
        let Ok(url) = std::env::var(SERVER_VARIABLE) else {
            panic!("run `cargo xtask test`, or start `cargo xtask postgres` and set {SERVER_VARIABLE}");
        };
        let server = PgConnectOptions::from_str(&url)
            .unwrap_or_else(|error| panic!("{SERVER_VARIABLE} is not a Postgres URL: {error}"));
        let made = async {
            let mut connection = PgConnection::connect_with(&server).await?;
            let template = template(&mut connection, &server).await?;
            let name = format!("crieur_test_{}", Uuid::new_v4().simple());
            execute(&mut connection, format!(r#"CREATE DATABASE "{name}" TEMPLATE "{template}""#)).await?;
            connection.close().await?;
            let pool = store::connect(server.clone().database(&name), CONNECTIONS_MAX).await?;
            Ok::<_, store::StoreError>(Self { pool, server: server.clone(), name })
        };
        made.await.unwrap_or_else(|error| panic!("no test database could be made on {SERVER_VARIABLE}: {error}"))
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// How to reach this database, for a program under test.
    pub fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    /// An organisation of its own with one account on `platform`.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn account(&self, platform: &str, clock: &Clock) -> TestAccount {
        let random = Random::seeded(7);
        let now = clock.now();
        let action_key = random.bytes::<32>();
        let name = format!("town-{}", Uuid::new_v4().simple());
        let made = async {
            let organisation = sqlx::query_scalar!(
                r#"
                INSERT INTO core.organisation (name, title, default_locale, time_zone, action_key, created_at)
                VALUES ($1, 'Ville de Trifouilly', 'fr', 'Europe/Paris', $2, $3) RETURNING id
                "#,
                name,
                action_key.as_slice(),
                now,
            )
            .fetch_one(&self.pool)
            .await?;
            let account = sqlx::query_scalar!(
                r#"
                INSERT INTO core.account (organisation_id, name, platform, state, created_at)
                VALUES ($1, $2, $2, 'active', $3) RETURNING id
                "#,
                organisation,
                platform,
                now,
            )
            .fetch_one(&self.pool)
            .await?;
            Ok::<_, sqlx::Error>((OrganisationId(organisation), AccountId(account)))
        };
        let (organisation, account) = made.await.unwrap_or_else(|error| panic!("the test account: {error}"));
        let clock = clock.clone();
        TestAccount {
            pool: self.pool.clone(),
            organisation,
            platform: Platform::new(platform),
            intake: Intake::new(
                self.pool.clone(),
                organisation,
                account,
                clock.clone(),
                random.clone(),
                Settled::default(),
                KeyDigest(std::sync::Arc::new(str::to_owned)),
            ),
            context: AdapterContext {
                account,
                state: AccountState::new(self.pool.clone(), organisation, account, clock.clone()),
                media: MediaStore::new(self.pool.clone(), organisation),
                clock,
                random,
            },
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A value cannot be dropped asynchronously: another thread does it, also when the test panicked.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect_with(&server).await?;
                execute(&mut connection, format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#)).await?;
                connection.close().await
            })
        });
        // A database left behind harms no other test.
        let _ = dropped.join();
    }
}

/// One account of one organisation in a [`TestDatabase`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TestAccount {
    pub organisation: OrganisationId,
    pub platform: Platform,
    pub intake: Intake,
    pub context: AdapterContext,
    pool: PgPool,
}

/// An event as it lies in the inbox.
#[derive(Clone, PartialEq, Debug)]
pub struct TakenEvent {
    pub sequence: InboxSequence,
    pub kind: InboundKind,
    pub conversation: String,
    pub acknowledgement: Option<Value>,
}

impl TestAccount {
    /// Everything in the inbox, in order of arrival.
    ///
    /// # Panics
    /// When the inbox cannot be read.
    pub async fn inbox(&self) -> Vec<TakenEvent> {
        let rows = sqlx::query!(
            r#"
            SELECT inbox.sequence, inbox.payload AS "payload!", inbox.acknowledgement, conversation.platform_ref
            FROM core.inbox
            JOIN core.conversation ON conversation.organisation_id = inbox.organisation_id
                                  AND conversation.id = inbox.conversation_id
            WHERE inbox.organisation_id = $1 AND inbox.account_id = $2 ORDER BY inbox.sequence
            "#,
            self.organisation.0,
            self.context.account.0,
        )
        .fetch_all(&self.pool)
        .await
        .unwrap_or_else(|error| panic!("the inbox: {error}"));
        let taken = rows.into_iter().map(|row| TakenEvent {
            sequence: InboxSequence(row.sequence),
            kind: serde_json::from_value(row.payload).unwrap_or_else(|error| panic!("an inbox payload: {error}")),
            conversation: row.platform_ref,
            acknowledgement: row.acknowledgement,
        });
        taken.collect()
    }

    /// The texts in the inbox, in order of arrival.
    pub async fn texts(&self) -> Vec<String> {
        let texts = self.inbox().await.into_iter().filter_map(|event| match event.kind {
            InboundKind::Text { text } => Some(text.into_exposed()),
            _ => None,
        });
        texts.collect()
    }

    /// The paths of the addresses met so far.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn addresses(&self) -> Vec<String> {
        sqlx::query_scalar!("SELECT path FROM core.address WHERE organisation_id = $1 ORDER BY id", self.organisation.0)
            .fetch_all(&self.pool)
            .await
            .unwrap_or_else(|error| panic!("the addresses: {error}"))
    }

    /// Stores a picture or file, as a plugin's effect would.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn store_media(&self, content_type: &str, file_name: &str, content: &[u8]) -> Media {
        let hash = MediaHash::of(content);
        let now: DateTime<Utc> = self.context.clock.now();
        sqlx::query!(
            r#"
            INSERT INTO core.media (organisation_id, hash, content_type, file_name, content, created_at)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
            "#,
            self.organisation.0,
            hash.0.as_slice(),
            content_type,
            file_name,
            content,
            now,
        )
        .execute(&self.pool)
        .await
        .unwrap_or_else(|error| panic!("the media: {error}"));
        Media { hash, content_type: content_type.into(), file_name: file_name.into(), content: content.into() }
    }

    /// Blanks what shows a choice in `scope`, as the closing of a consultation does.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn blank(&self, scope: &str) {
        sqlx::query!(
            "UPDATE core.account_state SET value = NULL WHERE organisation_id = $1 AND reveals = $2",
            self.organisation.0,
            scope,
        )
        .execute(&self.pool)
        .await
        .unwrap_or_else(|error| panic!("the blanking: {error}"));
    }

    /// Removes what is about the person at this path, as their erasure does.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn erase(&self, path: &str) {
        sqlx::query!(
            "DELETE FROM core.account_state WHERE organisation_id = $1 AND owner = ANY ($2)",
            self.organisation.0,
            &[path.to_owned()],
        )
        .execute(&self.pool)
        .await
        .unwrap_or_else(|error| panic!("the erasure: {error}"));
    }

    /// Puts a fault into the database, until [`TestAccount::mend`].
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn break_down(&self, fault: DatabaseFault) {
        let sql = match fault {
            DatabaseFault::InboxRefuses => {
                "CREATE SEQUENCE core.refused;
                 CREATE FUNCTION core.refuse() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN PERFORM nextval('core.refused'); RAISE EXCEPTION 'refused by the test'; END $$;
                 CREATE TRIGGER fault BEFORE INSERT ON core.inbox FOR EACH ROW EXECUTE FUNCTION core.refuse();"
            }
            DatabaseFault::StateUnreadable => "ALTER TABLE core.account_state RENAME TO account_state_hidden;",
            DatabaseFault::StateWriteCutOff => {
                "CREATE FUNCTION core.cut_off() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
                 CREATE TRIGGER fault AFTER INSERT OR UPDATE ON core.account_state
                     FOR EACH ROW EXECUTE FUNCTION core.cut_off();"
            }
        };
        self.run(sql).await;
    }

    /// Takes every fault out again.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn mend(&self) {
        self.run(
            "ALTER TABLE IF EXISTS core.account_state_hidden RENAME TO account_state;
             DROP TRIGGER IF EXISTS fault ON core.inbox;
             DROP TRIGGER IF EXISTS fault ON core.account_state;
             DROP FUNCTION IF EXISTS core.refuse, core.cut_off;
             DROP SEQUENCE IF EXISTS core.refused;",
        )
        .await;
    }

    /// Whether the inbox has refused an event since [`DatabaseFault::InboxRefuses`]. A sequence survives the
    /// rollback of the refused insert.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn inbox_has_refused(&self) -> bool {
        sqlx::query_scalar!(
            r#"SELECT last_value IS NOT NULL AS "used!" FROM pg_sequences
               WHERE schemaname = 'core' AND sequencename = 'refused'"#
        )
        .fetch_optional(&self.pool)
        .await
        .unwrap_or_else(|error| panic!("the sequence: {error}"))
        .unwrap_or_default()
    }

    async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.pool).await.unwrap_or_else(|error| panic!("the fault: {error}"));
    }
}

/// Something wrong with the database, as an adapter meets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DatabaseFault {
    /// No event can be stored.
    InboxRefuses,
    /// The account's memory can be neither read nor written.
    StateUnreadable,
    /// The connection breaks in the middle of a write to the account's memory.
    StateWriteCutOff,
}

/// The name of a migrated database to copy, made by whoever comes first.
async fn template(connection: &mut PgConnection, server: &PgConnectOptions) -> Result<String, store::StoreError> {
    let mut digest = Sha256::new();
    for migration in store::MIGRATIONS.iter() {
        digest.update(&migration.checksum);
    }
    let digest = digest.finalize();
    let number = i64::from_be_bytes(std::array::from_fn(|i| digest[i]));
    let name = format!("crieur_template_{number:016x}");

    sqlx::query!("SELECT pg_advisory_lock($1)", number).fetch_one(&mut *connection).await?;
    let exists =
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS "exists!""#, name)
            .fetch_one(&mut *connection)
            .await?;
    if !exists {
        // Under another name until it is whole, so that a run that died half-way leaves no broken template.
        let unfinished = format!("{name}_unfinished");
        execute(connection, format!(r#"DROP DATABASE IF EXISTS "{unfinished}" WITH (FORCE)"#)).await?;
        execute(connection, format!(r#"CREATE DATABASE "{unfinished}""#)).await?;
        let pool = store::connect(server.clone().database(&unfinished), 1).await?;
        store::migrate(&pool).await?;
        pool.close().await;
        execute(connection, format!(r#"ALTER DATABASE "{unfinished}" RENAME TO "{name}""#)).await?;
    }
    sqlx::query!("SELECT pg_advisory_unlock($1)", number).fetch_one(&mut *connection).await?;
    Ok(name)
}

async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_test_has_a_migrated_database_of_its_own() {
        let (one, other) = tokio::join!(TestDatabase::create(), TestDatabase::create());
        let clock = Clock::manual("2026-09-01T08:00:00Z".parse().unwrap());
        one.account("webchat", &clock).await;
        let accounts = async |database: &TestDatabase| {
            sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM core.account"#)
                .fetch_one(database.pool())
                .await
                .unwrap()
        };
        assert_eq!((accounts(&one).await, accounts(&other).await), (1, 0));

        let name = one.name.clone();
        drop(one);
        let left = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM pg_database WHERE datname = $1"#, name)
            .fetch_one(other.pool())
            .await
            .unwrap();
        assert_eq!(left, 0);
    }
}

//! A bench for one plugin: calls it as the dispatcher would, in a transaction of its own against a real Postgres, and
//! gives back the effects it asked for. Nothing carries them out.

use rand::RngCore;
use sqlx::PgPool;

use crate::adapter::{Assurance, ConversationKind};
use crate::clock::{Clock, Random};
use crate::conformance::TestDatabase;
use crate::ids::{AddressId, ContactId, ConversationId, OrganisationId, Platform, PluginId};
use crate::locale::Locale;
use crate::plugin::{
    AddressDigest, Caller, Context, ConversationView, Effect, HandlerError, KnownAddress, OrganisationView, Role,
};

/// A database of one's own, a clock and a seed.
pub struct PluginBench {
    pub pool: PgPool,
    pub clock: Clock,
    pub random: Random,
    pub organisation: OrganisationView,
    pub plugin: PluginId,
    pub public_url: Option<String>,
    /// Dropped with the bench.
    _database: TestDatabase,
}

impl PluginBench {
    /// Makes and migrates a database for `plugin`. The organisation is in Paris and speaks French.
    ///
    /// # Panics
    /// When no server is named, or it cannot be used: there is no test without a database.
    pub async fn new(plugin: PluginId, clock: Clock, seed: u64) -> Self {
        let database = TestDatabase::create().await;
        let pool = database.pool().clone();
        let id = sqlx::query_scalar!(
            r#"
            INSERT INTO core.organisation (name, title, default_locale, time_zone, action_key, created_at)
            VALUES ('bench', 'Ville de Trifouilly', 'fr', 'Europe/Paris', $1, $2) RETURNING id
            "#,
            [7; 32].as_slice(),
            clock.now(),
        )
        .fetch_one(&pool)
        .await
        .unwrap_or_else(|error| panic!("the bench's organisation: {error}"));
        let id = OrganisationId(id);
        let organisation = OrganisationView {
            id,
            title: "Ville de Trifouilly".to_owned(),
            time_zone: chrono_tz::Europe::Paris,
            default_locale: Locale::Fr,
        };
        Self { pool, clock, random: Random::seeded(seed), organisation, plugin, public_url: None, _database: database }
    }

    /// Runs `call` in a transaction that commits when it succeeds, and gives back what it asked for.
    ///
    /// # Errors
    /// Those of `call` and of the database; nothing is kept then.
    pub async fn call<T>(
        &self,
        caller: Option<Caller>,
        locale: Locale,
        call: impl AsyncFnOnce(&mut Context) -> Result<T, HandlerError>,
    ) -> Result<(T, Vec<Effect>), HandlerError> {
        let mut context = Context {
            now: self.clock.now(),
            organisation: self.organisation.clone(),
            plugin: self.plugin.clone(),
            settings: serde_json::json!({}),
            caller,
            locale,
            public_url: self.public_url.clone(),
            random: self.random.fork(),
            transaction: self.pool.begin().await?,
            effects: Vec::new(),
        };
        let done = call(&mut context).await?;
        context.transaction.commit().await?;
        Ok((done, context.effects))
    }

    /// Somebody new, with one address, in a private conversation with buttons.
    pub fn somebody(&self, assurance: Assurance) -> Caller {
        let known = KnownAddress { digest: AddressDigest(self.random.bytes()), assurance };
        let uuid = || {
            self.random.draw(|rng| {
                let mut bytes = [0; 16];
                rng.fill_bytes(&mut bytes);
                uuid::Builder::from_random_bytes(bytes).into_uuid()
            })
        };
        Caller {
            contact: ContactId(uuid()),
            address: AddressId(i64::from(self.random.draw(|rng| rng.next_u32()))),
            known: known.clone(),
            addresses: vec![known],
            platform: Platform::new("bench"),
            conversation: ConversationView {
                id: ConversationId(uuid()),
                kind: ConversationKind::Direct,
                private: true,
                buttons: true,
                polls: false,
            },
            roles: Vec::new(),
        }
    }

    /// Somebody with the organiser's role.
    pub fn organiser(&self) -> Caller {
        Caller { roles: vec![Role::Organiser], ..self.somebody(Assurance::Account) }
    }
}

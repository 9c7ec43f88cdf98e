//! A bench for one plugin: calls it as the dispatcher would, in a transaction of its own against a real Postgres, and
//! gives back the effects it asked for. Nothing carries them out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rand::RngCore;
use sqlx::PgPool;

use crate::adapter::{Assurance, ConversationKind};
use crate::calendar::sending::SendingRule;
use crate::clock::{Clock, Random};
use crate::conformance::TestDatabase;
use crate::ids::{AddressId, ContactId, ConversationId, OrganisationId, Platform, PluginId};
use crate::locale::Locale;
use crate::plugin::{
    AddressDigest, Caller, Context, ConversationView, Effect, HandlerError, KnownAddress, OrganisationView, Role,
};
use crate::rooms::Views;

/// A database of one's own, a clock and a seed.
pub struct PluginBench {
    pub pool: PgPool,
    pub clock: Clock,
    pub random: Random,
    pub organisation: OrganisationView,
    pub plugin: PluginId,
    pub public_url: Option<String>,
    /// What [`PluginBench::room`] said of each.
    rooms: Arc<Mutex<HashMap<ConversationId, ConversationView>>>,
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
            sending_rule: SendingRule::default(),
        };
        let (random, rooms) = (Random::seeded(seed), Arc::default());
        Self { pool, clock, random, organisation, plugin, public_url: None, rooms, _database: database }
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
            views: Views::known(Arc::clone(&self.rooms)),
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
        Caller {
            contact: ContactId(self.uuid()),
            address: AddressId(i64::from(self.random.draw(|rng| rng.next_u32()))),
            known: known.clone(),
            addresses: vec![known],
            platform: Platform::new("bench"),
            conversation: ConversationView {
                id: ConversationId(self.uuid()),
                kind: ConversationKind::Direct,
                private: true,
                buttons: true,
                polls: false,
                votes: false,
            },
            roles: Vec::new(),
        }
    }

    fn uuid(&self) -> uuid::Uuid {
        self.random.draw(|rng| {
            let mut bytes = [0; 16];
            rng.fill_bytes(&mut bytes);
            uuid::Builder::from_random_bytes(bytes).into_uuid()
        })
    }

    /// A group on `platform` where the bot is, with buttons; with native polls, and votes reported, as told.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn room(&self, platform: &str, polls: bool, votes: bool) -> ConversationView {
        let view = ConversationView {
            id: ConversationId(self.uuid()),
            kind: ConversationKind::Group,
            private: false,
            buttons: true,
            polls,
            votes,
        };
        let account = sqlx::query_scalar!(
            r#"
            INSERT INTO core.account (organisation_id, name, platform, state, created_at)
            VALUES ($1, $2, $2, 'active', $3)
            ON CONFLICT (organisation_id, name) DO UPDATE SET state = 'active' RETURNING id
            "#,
            self.organisation.id.0,
            platform,
            self.clock.now(),
        )
        .fetch_one(&self.pool)
        .await
        .unwrap_or_else(|error| panic!("the bench's account: {error}"));
        sqlx::query!(
            r#"
            INSERT INTO core.conversation (organisation_id, id, account_id, kind, platform_ref, state, created_at)
            VALUES ($1, $2, $3, 'group', $4, 'open', $5)
            "#,
            self.organisation.id.0,
            view.id.0,
            account,
            view.id.to_string(),
            self.clock.now(),
        )
        .execute(&self.pool)
        .await
        .unwrap_or_else(|error| panic!("the bench's room: {error}"));
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).insert(view.id, view.clone());
        view
    }

    /// Somebody with the organiser's role.
    pub fn organiser(&self) -> Caller {
        Caller { roles: vec![Role::Organiser], ..self.somebody(Assurance::Account) }
    }
}

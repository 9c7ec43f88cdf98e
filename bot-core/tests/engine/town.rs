//! A town that runs crieur: its database, its clock, its platform, its plugins; and people who write to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bot_core::adapter::*;
use bot_core::calendar::sending::SendingRule;
use bot_core::clock::Random;
use bot_core::conformance::TestDatabase;
use bot_core::fetch::FetchSettings;
use bot_core::plugin::Plugin;
use bot_core::service::{OrganisationSettings, Parts, Service};
use bot_core::{Address, Clock, Locale, Redacted};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::postgres::PgConnectOptions;

use crate::scripted::{ScriptedPlatform, ScriptedPlugin, Shown};

pub struct Town {
    pub database: TestDatabase,
    pub clock: Clock,
    pub platform: Arc<ScriptedPlatform>,
    /// A second network, when the test has one.
    pub other: Option<Arc<ScriptedPlatform>>,
    plugins: Vec<Arc<ScriptedPlugin>>,
    /// The organisation's, from the next start on.
    pub sending_rule: SendingRule,
    service: Option<Service>,
    events: AtomicU64,
    starts: u64,
    /// What plugins may fetch, from the next start on.
    pub fetching: FetchSettings,
}

/// Between two looks at something that happens in another process.
pub async fn a_moment() {
    let nothing = std::future::pending::<()>();
    let _ = tokio::time::timeout(Duration::from_millis(5), nothing).await;
}

pub fn start_of_time() -> DateTime<Utc> {
    "2026-09-01T08:00:00Z".parse().unwrap()
}

impl Town {
    pub async fn with(platform: ScriptedPlatform, plugins: Vec<ScriptedPlugin>) -> Self {
        Self::build(platform, None, plugins).await
    }

    pub async fn build(
        platform: ScriptedPlatform,
        other: Option<ScriptedPlatform>,
        plugins: Vec<ScriptedPlugin>,
    ) -> Self {
        let mut town = Self {
            database: TestDatabase::create().await,
            clock: Clock::manual(start_of_time()),
            platform: Arc::new(platform),
            other: other.map(Arc::new),
            plugins: plugins.into_iter().map(Arc::new).collect(),
            sending_rule: SendingRule::default(),
            service: None,
            events: AtomicU64::new(0),
            starts: 0,
            fetching: FetchSettings::default(),
        };
        town.start().await;
        town
    }

    pub async fn start(&mut self) {
        self.start_through(self.database.options()).await;
    }

    /// Starts on the town's database, reached by `options`.
    pub async fn start_through(&mut self, options: PgConnectOptions) {
        self.starts += 1;
        self.platform.forget_intake();
        let pool = bot_core::store::connect(options, 30).await.unwrap();
        let parts = Parts {
            pool,
            clock: self.clock.clone(),
            random: Random::seeded(42 + self.starts),
            public_url: None,
            organisation: OrganisationSettings {
                title: "la ville de Trifouilly".to_owned(),
                default_locale: Locale::Fr,
                time_zone: chrono_tz::Europe::Paris,
                sending_rule: self.sending_rule.clone(),
            },
            plugins: self.plugins.iter().map(|plugin| Arc::clone(plugin) as Arc<dyn Plugin>).collect(),
        };
        let mut service = Service::assemble(parts).await.unwrap();
        service.set_fetching(self.fetching.clone());
        for platform in std::iter::once(&self.platform).chain(&self.other) {
            let name = platform.platform.as_str();
            let (organisation, account) = service.declare_account(name, &platform.platform).await.unwrap();
            service.add_account(name, organisation, account, Arc::clone(platform) as Arc<dyn Adapter>);
        }
        service.start().await.unwrap();
        self.service = Some(service);
    }

    pub fn service(&self) -> &Service {
        self.service.as_ref().unwrap()
    }

    /// Ends in good order.
    pub async fn stop(&mut self) {
        if let Some(service) = self.service.take() {
            service.drain();
            assert!(service.stopped(Duration::from_secs(10)).await, "the service did not stop in time");
            service.core().pool.close().await;
        }
    }

    /// Somebody writes in their direct chat.
    pub async fn says(&self, who: &str, text: &str) {
        self.hears_event(&self.platform, who, InboundKind::Text { text: Redacted::new(text.to_owned()) }).await;
    }

    pub async fn says_on_other(&self, who: &str, text: &str) {
        let other = self.other.as_ref().unwrap();
        self.hears_event(other, who, InboundKind::Text { text: Redacted::new(text.to_owned()) }).await;
    }

    pub async fn hears_event(&self, platform: &ScriptedPlatform, who: &str, kind: InboundKind) {
        self.send_event(platform, who, kind).await;
        self.quiet().await;
    }

    /// Leaves the running service to its fate, as a crash does.
    pub fn abandon(&mut self) {
        self.service = None;
    }

    /// Waits until somebody's message is answered, asking past whatever stands between the service and its database.
    pub async fn settled_outside(&self, who: &str) {
        loop {
            let states = self.delivery_states_of(who).await;
            if states.iter().any(|state| matches!(state.as_str(), "sent" | "unknown" | "failed")) {
                return;
            }
            a_moment().await;
        }
    }

    pub async fn delivery_states_of(&self, who: &str) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT delivery.state FROM core.delivery
             JOIN core.conversation ON conversation.id = delivery.conversation_id WHERE platform_ref = $1",
        )
        .bind(who)
        .fetch_all(self.database.pool())
        .await
        .unwrap()
    }

    /// Waits until the server has noticed that an abandoned service is gone.
    pub async fn alone(&self) {
        loop {
            let others: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()",
            )
            .bind(crate::crash::APPLICATION)
            .fetch_one(self.database.pool())
            .await
            .unwrap();
            if others == 0 {
                return;
            }
            a_moment().await;
        }
    }

    /// Hands an event over without waiting for what becomes of it.
    pub async fn send_event(&self, platform: &ScriptedPlatform, who: &str, kind: InboundKind) {
        let event = self.event(platform, who, kind);
        platform.intake().await.receive(&[event], None).await.unwrap();
    }

    pub fn event(&self, platform: &ScriptedPlatform, who: &str, kind: InboundKind) -> InboundEvent {
        let number = self.events.fetch_add(1, Ordering::Relaxed);
        InboundEvent {
            dedupe_key: format!("event {number}"),
            conversation: ConversationRef {
                kind: ConversationKind::Direct,
                platform_ref: Redacted::new(who.to_owned()),
            },
            actor: Some(Actor { address: Address::new(platform.platform.clone(), who), locale: None }),
            kind,
            acknowledgement: None,
        }
    }

    /// Presses the latest button of this name.
    pub async fn taps(&self, who: &str, label: &str) {
        self.taps_on(&self.platform, who, label).await;
    }

    pub async fn taps_on(&self, platform: &ScriptedPlatform, who: &str, label: &str) {
        let chat = platform.chat(who);
        let token = chat
            .iter()
            .rev()
            .flat_map(|shown| &shown.buttons)
            .find(|(name, _)| name == label)
            .unwrap_or_else(|| panic!("no button `{label}` in {chat:#?}"))
            .1
            .clone();
        self.hears_event(platform, who, InboundKind::Action { token }).await;
    }

    pub fn last(&self, who: &str) -> Shown {
        self.platform.chat(who).pop().expect("nothing was said")
    }

    pub async fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
        self.quiet().await;
    }

    pub async fn quiet(&self) {
        let quiet = tokio::time::timeout(Duration::from_secs(60), self.service().quiet()).await;
        quiet.expect("the town did not come to rest").unwrap();
    }

    /// How many deliveries are in each state, e.g. `sent 3, failed 1`.
    pub async fn deliveries(&self) -> String {
        let counts: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, count(*) FROM core.delivery GROUP BY state ORDER BY state")
                .fetch_all(self.database.pool())
                .await
                .unwrap();
        counts.iter().map(|(state, count)| format!("{state} {count}")).collect::<Vec<_>>().join(", ")
    }

    pub async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.database.pool()).await.unwrap()
    }

    pub fn heard(&self, plugin: usize) -> Vec<String> {
        self.plugins[plugin].heard.lock().unwrap().clone()
    }
}

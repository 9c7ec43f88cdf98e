//! A town on that network: its service, its rooms, its people.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bot_core::adapter::*;
use bot_core::clock::Random;
use bot_core::conformance::TestDatabase;
use bot_core::people::roles;
use bot_core::plugin::{Context, Role};
use bot_core::service::{OrganisationSettings, Parts, Service};
use bot_core::store::accounts::{self, StoredLink};
use bot_core::{Address, Clock, Locale, Platform, Redacted};
use chrono::TimeDelta;
use micro_consultations::definition_file::parse;
use micro_consultations::operations::{self, OperationError};
use micro_consultations::{MicroConsultations, rooms};

use crate::network::Network;

pub struct Town {
    pub network: Arc<Network>,
    clock: Clock,
    service: Service,
    events: AtomicU64,
    database: TestDatabase,
}

impl Town {
    pub async fn starts() -> Self {
        let database = TestDatabase::create().await;
        let clock = Clock::manual("2026-09-01T08:00:00Z".parse().unwrap());
        let network = Arc::new(Network::new());
        let parts = Parts {
            pool: bot_core::store::connect(database.options(), 30).await.unwrap(),
            clock: clock.clone(),
            random: Random::seeded(7),
            public_url: Some("https://ville.example".to_owned()),
            organisation: OrganisationSettings {
                title: "Ville de Trifouilly".to_owned(),
                default_locale: Locale::Fr,
                sending_rule: bot_core::calendar::sending::SendingRule::default(),
                time_zone: chrono_tz::Europe::Paris,
            },
            plugins: vec![Arc::new(MicroConsultations::new().unwrap())],
        };
        let mut service = Service::assemble(parts).await.unwrap();
        let (organisation, account) = service.declare_account("network", &Platform::new("network")).await.unwrap();
        service.add_account("network", organisation, account, Arc::clone(&network) as Arc<dyn Adapter>);
        service.start().await.unwrap();
        Self { network, clock, service, events: AtomicU64::new(0), database }
    }

    /// An operator's work.
    async fn operates<T>(&self, work: impl AsyncFnOnce(&mut Context) -> Result<T, OperationError>) -> T {
        let organisation = self.service.default_organisation().unwrap();
        let plugin = "micro-consultations".parse().unwrap();
        let done = self.service.core().perform(organisation, &plugin, work).await.unwrap().unwrap();
        self.quiet().await;
        done
    }

    pub async fn opens(&self, source: &str) {
        let definition = parse(source).unwrap();
        self.operates(async |cx| {
            let created = operations::create(cx, definition).await?;
            operations::open(cx, created.id).await
        })
        .await;
    }

    pub async fn announces_in_every_room(&self, slug: &str) {
        self.operates(async |cx| {
            let numbers: Vec<i64> = rooms::list(cx).await?.iter().map(|room| room.number).collect();
            assert!(!numbers.is_empty(), "no room is known");
            let id = operations::show(cx, slug).await?.id;
            rooms::announce_in(cx, id, &numbers).await
        })
        .await;
    }

    pub async fn ballots(&self, slug: &str) -> u64 {
        let summary = self.operates(async |cx| {
            let organisation = cx.organisation.id;
            let consultation = operations::show(cx, slug).await?;
            Ok(operations::summary(cx.sql(), organisation, &consultation).await?)
        });
        summary.await.ballots
    }

    /// Somebody whom the service has met, with the organiser's role.
    pub async fn makes_organiser(&self, who: &str) {
        self.says(who, who, "/aide").await;
        let organisation = self.service.default_organisation().unwrap().view.id;
        let address = Address::new(Platform::new("network"), who);
        let pool = self.database.pool();
        roles::grant(pool, &self.clock, organisation, &address, Role::Organiser, "test").await.unwrap();
    }

    /// The link that the command line would use, once the service has kept it.
    pub async fn stored_link(&self) -> StoredLink {
        let organisation = self.service.default_organisation().unwrap().view.id;
        let wait = async {
            loop {
                if let Some(first) = accounts::private_links(self.database.pool(), organisation).await.unwrap().pop() {
                    return first.link;
                }
                let nothing = std::future::pending::<()>();
                let _ = tokio::time::timeout(Duration::from_millis(20), nothing).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(40), wait).await.expect("no link was kept")
    }

    /// A chat of one's own is called by one's name; every other is a room.
    pub async fn says(&self, place: &str, who: &str, text: &str) {
        self.happens(place, who, InboundKind::Text { text: Redacted::new(text.to_owned()) }).await;
    }

    /// Presses the latest button whose label begins so.
    pub async fn taps(&self, place: &str, who: &str, label: &str) {
        let chat = self.network.chat(place);
        let buttons = chat.iter().rev().flat_map(|shown| &shown.buttons);
        let found = buttons.into_iter().find(|(name, _)| name.starts_with(label));
        let token = found.unwrap_or_else(|| panic!("no button {label:?} in {chat:#?}")).1.clone();
        self.happens(place, who, InboundKind::Action { token }).await;
    }

    pub async fn votes(&self, place: &str, who: &str, message: &str, options: &[u16]) {
        let (message, options) = (message.to_owned(), options.to_vec());
        self.happens(place, who, InboundKind::PollVote { message, options }).await;
    }

    pub async fn reacts(&self, place: &str, who: &str, message: &str, key: &str) {
        let (message, key) = (message.to_owned(), key.to_owned());
        self.happens(place, who, InboundKind::Reaction { message, key, removed: false }).await;
    }

    async fn happens(&self, place: &str, who: &str, kind: InboundKind) {
        let number = self.events.fetch_add(1, Ordering::Relaxed);
        let conversation = if place == who { ConversationKind::Direct } else { ConversationKind::Group };
        let event = InboundEvent {
            dedupe_key: format!("event {number}"),
            conversation: ConversationRef { kind: conversation, platform_ref: Redacted::new(place.to_owned()) },
            actor: Some(Actor { address: Address::new(Platform::new("network"), who), locale: None }),
            kind,
            acknowledgement: None,
        };
        self.network.intake().await.receive(&[event], None).await.unwrap();
        self.quiet().await;
    }

    /// What the network calls the latest message that contains `words`.
    pub fn message(&self, place: &str, words: &str) -> String {
        let chat = self.network.chat(place);
        chat.iter().rev().find(|shown| shown.words.contains(words)).unwrap_or_else(|| panic!("{chat:#?}")).key.clone()
    }

    /// The latest message.
    pub fn reads(&self, place: &str) -> String {
        self.network.chat(place).pop().map(|shown| shown.words).unwrap_or_default()
    }

    pub fn everything(&self, place: &str) -> String {
        self.network.chat(place).into_iter().map(|shown| shown.words).collect::<Vec<_>>().join("\n")
    }

    pub async fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
        self.quiet().await;
    }

    async fn quiet(&self) {
        let quiet = tokio::time::timeout(Duration::from_secs(60), self.service.quiet()).await;
        quiet.expect("the town did not come to rest").unwrap();
    }
}

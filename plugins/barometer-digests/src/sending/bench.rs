//! Readers, editions and the core's own tables, for the tests of sending: effects are carried out as they are in the
//! service, and the test plays the clock and what the networks answer.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bot_core::clock::Random;
use bot_core::conformance::TestDatabase;
use bot_core::message::{Document, template};
use bot_core::plugin::{Context, FiredFire, HandlerError, Plugin};
use bot_core::service::{OrganisationSettings, Parts, Service};
use bot_core::{Clock, Locale, OrganisationId, PluginId, Wording};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value};
use sqlx::PgPool;

use super::{proof, publish};
use crate::BarometerDigests;
use crate::definition::{Approval, Definition, Schedule, Sending, Topic};
use crate::edition::model::{Content, Entry, EntryKey, News};
use crate::edition::store;
use crate::edition::{Edition, Window};

/// As late as the bench's digest allows.
pub const LATE_WITHIN_HOURS: u16 = 12;

fn wording(text: &str) -> Wording {
    serde_json::from_value(serde_json::json!({ "fr": text, "en": text })).unwrap()
}

fn definition() -> Definition {
    let schedule = |draft: &str| Schedule {
        draft: draft.to_owned(),
        approval: Approval::ByHand,
        sending: Sending::ByHand,
        late_within_hours: LATE_WITHIN_HOURS,
    };
    let topic = |key: &str| Topic { key: key.parse().unwrap(), name: wording(key), keywords: Vec::new() };
    Definition {
        title: wording("La lettre de l’observatoire"),
        time_zone: chrono_tz::Europe::Paris,
        weekly: Some(schedule("0 7 * * 1")),
        monthly: Some(schedule("0 7 1 * *")),
        topics: vec![topic("outils"), topic("cadre")],
        sources: Vec::new(),
        figures: Vec::new(),
        wording: BTreeMap::new(),
    }
}

/// One line of news, about tools.
fn edition(period: &str, until: DateTime<Utc>) -> Edition {
    let news = News {
        title: "Un outil de vote".to_owned(),
        summary: String::new(),
        url: Some("https://exemple.fr/outil".to_owned()),
        published_on: NaiveDate::from_ymd_opt(2026, 11, 19).unwrap(),
        source: "journal".parse().unwrap(),
        source_name: "Le journal".to_owned(),
        language: None,
    };
    let entry = Entry {
        key: EntryKey("news:1".to_owned()),
        topics: vec!["outils".parse().unwrap()],
        content: Content::News(news),
    };
    Edition {
        period: period.parse().unwrap(),
        window: Window { from: until - chrono::TimeDelta::days(7), until },
        title: wording("La lettre de l’observatoire"),
        time_zone: chrono_tz::Europe::Paris,
        definition_version: 1,
        introduction: BTreeMap::new(),
        entries: vec![entry],
        topics: definition().topics,
        wording: BTreeMap::new(),
        sources: Vec::new(),
    }
}

/// How new readers read, as columns of `reader`.
pub const MONDAY_NINE: &str = "'weekly', 1, 9, 'Europe/Paris', 'fr', 'full', '{}', 'say_so'";

pub(crate) struct Desk {
    pub database: TestDatabase,
    pub clock: Clock,
    service: Service,
    plugin: PluginId,
    account: i32,
    /// What becomes of messages at once; `queued` leaves them in the outbox.
    pub outbox: &'static str,
}

impl Desk {
    /// On Friday 20 November 2026 at nine in Paris.
    pub async fn new(seed: u64) -> Self {
        let start: DateTime<Utc> = "2026-11-20T08:00:00Z".parse().unwrap();
        let (database, clock) = (TestDatabase::create().await, Clock::manual(start));
        let parts = Parts {
            pool: database.pool().clone(),
            clock: clock.clone(),
            random: Random::seeded(seed),
            public_url: Some("https://crieur.example.org".to_owned()),
            organisation: OrganisationSettings {
                title: "Ville de Trifouilly".to_owned(),
                default_locale: Locale::Fr,
                time_zone: chrono_tz::Europe::Paris,
                sending_rule: Default::default(),
            },
            plugins: vec![Arc::new(BarometerDigests::new().unwrap()) as Arc<dyn Plugin>],
        };
        let service = Service::assemble(parts).await.unwrap();
        let organisation = service.default_organisation().unwrap().view.id;
        let account = sqlx::query_scalar(
            "INSERT INTO core.account (organisation_id, name, platform, state, created_at)
             VALUES ($1, 'bench', 'bench', 'active', $2) RETURNING id",
        )
        .bind(organisation.0)
        .bind(start)
        .fetch_one(database.pool())
        .await
        .unwrap();
        let plugin = "barometer-digests".parse().unwrap();
        let desk = Self { database, clock, service, plugin, account, outbox: "sent" };
        desk.does(async |cx| {
            let at = cx.now;
            store::set_definition(cx.sql(), organisation, &definition(), "", [7; 32], "claire", at).await
        })
        .await
        .unwrap();
        desk
    }

    pub fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    fn organisation(&self) -> OrganisationId {
        self.service.default_organisation().unwrap().view.id
    }

    /// A call with what it asks for done, or nothing of it where it fails.
    pub async fn does<T>(
        &self,
        work: impl AsyncFnOnce(&mut Context) -> Result<T, HandlerError>,
    ) -> Result<T, HandlerError> {
        let organisation = self.service.default_organisation().unwrap();
        self.service.core().perform(organisation, &self.plugin, work).await.unwrap()
    }

    /// Changes something behind the plugin's back.
    pub async fn by_hand(&self, statement: &'static str) -> u64 {
        sqlx::query(statement).execute(self.pool()).await.unwrap().rows_affected()
    }

    pub async fn number(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(self.pool()).await.unwrap()
    }

    /// Readers who are people of these numbers, with an address each.
    pub async fn readers(&self, numbers: RangeInclusive<i64>, reads: &str) {
        let reader = format!(
            "INSERT INTO barometer_digests.reader (organisation_id, id, contact_id, state, cadence, weekday, hour,
                 time_zone, locale, form, topics, when_empty, subscribed_at)
             OVERRIDING SYSTEM VALUE
             SELECT $1, n, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'active', {reads}, $2
             FROM generate_series($3, $4) AS n WHERE $5 > 0"
        );
        let statements = [
            "INSERT INTO core.contact (organisation_id, id, status, created_at)
             SELECT $1, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'active', $2
             FROM generate_series($3, $4) AS n WHERE $5 > 0",
            "INSERT INTO core.address (organisation_id, scheme, path, contact_id, created_at)
             SELECT $1, 'bench', n::text, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, $2
             FROM generate_series($3, $4) AS n WHERE $5 > 0",
            "INSERT INTO core.conversation (organisation_id, id, account_id, kind, platform_ref, state, created_at)
             SELECT $1, ('00000000-0000-0000-0001-' || lpad(n::text, 12, '0'))::uuid, $5, 'direct', n::text, 'open', $2
             FROM generate_series($3, $4) AS n",
            "INSERT INTO core.reachability
                 (organisation_id, account_id, address_id, state, direct_conversation_id, since)
             SELECT $1, $5, address.id, 'reachable', conversation.id, $2 FROM core.address
             JOIN core.conversation ON conversation.platform_ref = address.path
             WHERE address.path::bigint BETWEEN $3 AND $4",
            reader.as_str(),
        ];
        for statement in statements {
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(self.organisation().0)
                .bind(self.clock.now())
                .bind(*numbers.start())
                .bind(*numbers.end())
                .bind(self.account)
                .execute(self.pool())
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    /// The reader `number` is a room.
    pub async fn room(&self, number: i64, reads: &str) {
        let statements = [
            "INSERT INTO core.conversation (organisation_id, id, account_id, kind, platform_ref, state, created_at)
             SELECT $1, ('00000000-0000-0000-0002-' || lpad($2::text, 12, '0'))::uuid, $3, 'group', 'room ' || $2, 'open',
                    $4"
            .to_owned(),
            format!(
                "INSERT INTO barometer_digests.reader (organisation_id, id, conversation_id, state, cadence, weekday,
                     hour, time_zone, locale, form, topics, when_empty, subscribed_at)
                 OVERRIDING SYSTEM VALUE
                 SELECT $1, $2, ('00000000-0000-0000-0002-' || lpad($2::text, 12, '0'))::uuid, 'active', {reads}, $4
                 WHERE $3 > 0"
            ),
        ];
        for statement in statements {
            sqlx::query(sqlx::AssertSqlSafe(statement.as_str()))
                .bind(self.organisation().0)
                .bind(number)
                .bind(self.account)
                .bind(self.clock.now())
                .execute(self.pool())
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    /// The address of this reader has the operator's role.
    pub async fn operator(&self, reader: i64) {
        sqlx::query(
            "INSERT INTO core.role_grant (organisation_id, address_id, role, granted_by, granted_at)
             SELECT organisation_id, id, 'operator', 'the bench', created_at FROM core.address WHERE path = $1",
        )
        .bind(reader.to_string())
        .execute(self.pool())
        .await
        .unwrap();
    }

    /// An approved edition for `period`.
    pub async fn approved(&self, period: &str) -> u32 {
        let organisation = self.organisation();
        let edition = edition(period, self.clock.now());
        self.does(async |cx| {
            let now = cx.now;
            let number = store::insert(cx.sql(), organisation, &edition, "claire", now).await?;
            store::approve(cx.sql(), organisation, number, "paul", now).await?;
            Ok(number)
        })
        .await
        .unwrap()
    }

    /// Publishes it. Says for how many readers.
    pub async fn publishes(&self, number: u32) -> Option<u32> {
        let organisation = self.organisation();
        self.does(async |cx| {
            let stored = store::find(cx.sql(), organisation, number).await?.unwrap();
            publish(cx, &stored).await
        })
        .await
        .unwrap()
    }

    pub async fn published(&self, period: &str) -> u32 {
        let number = self.approved(period).await;
        self.publishes(number).await.unwrap();
        number
    }

    /// The tick of an edition, now.
    pub async fn tick(&self, number: u32) -> Result<(), HandlerError> {
        let fire = FiredFire {
            scope: format!("{}{number}", super::FIRES),
            subject: String::new(),
            due_at: self.clock.now(),
            payload: Value::Null,
        };
        self.does(async |cx| super::fired(cx, &fire).await).await
    }

    /// Lets time go on until `moment`, with every fire in its time.
    pub async fn until(&self, moment: &str) {
        let moment: DateTime<Utc> = moment.parse().unwrap();
        loop {
            let fire: Option<(String, String, DateTime<Utc>, Value)> = sqlx::query_as(
                "DELETE FROM core.fire WHERE (scope, subject) = (
                     SELECT scope, subject FROM core.fire WHERE plugin_id = 'barometer-digests' AND due_at <= $1
                     ORDER BY due_at, subject, scope LIMIT 1)
                 RETURNING scope, subject, due_at, payload",
            )
            .bind(moment)
            .fetch_optional(self.pool())
            .await
            .unwrap();
            let Some((scope, subject, due_at, payload)) = fire else { break };
            self.clock.set(due_at.max(self.clock.now()));
            let fire = FiredFire { scope, subject, due_at, payload };
            self.does(async |cx| super::fired(cx, &fire).await).await.unwrap();
            self.play().await;
        }
        self.clock.set(moment);
    }

    /// Nothing runs until `moment`.
    pub async fn outage_until(&self, moment: &str) {
        self.clock.set(moment.parse().unwrap());
        self.until(moment).await;
    }

    /// The networks answer.
    pub async fn play(&self) {
        if self.outbox == "queued" {
            return;
        }
        sqlx::query(
            "UPDATE core.delivery SET state = $1, settled_at = $2, reason = 'as played' WHERE state = 'queued'",
        )
        .bind(self.outbox)
        .bind(self.clock.now())
        .execute(self.pool())
        .await
        .unwrap();
    }

    /// Each message handed over: local time in Paris, and whom it is for.
    pub async fn sent(&self, number: u32) -> Vec<String> {
        let rows: Vec<(DateTime<Utc>, String)> = sqlx::query_as(
            "SELECT created_at, subject FROM core.delivery WHERE scope = $1 ORDER BY created_at, subject",
        )
        .bind(super::scope(number))
        .fetch_all(self.pool())
        .await
        .unwrap();
        let local = |at: DateTime<Utc>| at.with_timezone(&chrono_tz::Europe::Paris).format("%m-%d %H:%M").to_string();
        rows.into_iter().map(|(at, subject)| format!("{} {subject}", local(at))).collect()
    }

    /// What a reader's message says, filled in for them.
    pub async fn letter(&self, subject: &str) -> Document {
        let (document, variables): (Value, Value) = sqlx::query_as(
            "SELECT document.body, delivery.variables FROM core.delivery
             JOIN core.document ON document.organisation_id = delivery.organisation_id
                               AND document.hash = delivery.document_hash
             WHERE delivery.subject = $1 ORDER BY delivery.sequence DESC LIMIT 1",
        )
        .bind(subject)
        .fetch_one(self.pool())
        .await
        .unwrap();
        let variables: Map<String, Value> = serde_json::from_value(variables).unwrap();
        template::fill(&serde_json::from_value(document).unwrap(), &variables).unwrap()
    }

    pub async fn proof(&self, number: u32) -> proof::Proof {
        self.does(async |cx| {
            let read = proof::read(cx, number).await;
            Ok(read.unwrap_or_else(|error| panic!("edition {number}: {error}")))
        })
        .await
        .unwrap()
    }

    /// The edition's state and its digests'.
    pub async fn counts(&self, number: u32) -> String {
        let organisation = self.organisation();
        let stored = self.does(async |cx| store::find(cx.sql(), organisation, number).await).await.unwrap().unwrap();
        let counts = self.proof(number).await.by_state.into_iter().map(|(state, count)| format!("{count} {state}"));
        format!("{}: {}", stored.state, counts.collect::<Vec<_>>().join(", "))
    }
}

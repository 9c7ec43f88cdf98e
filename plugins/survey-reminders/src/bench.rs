//! A campaign and its people, for the tests of this plugin.

use bot_core::contacts::{Collectivite, CollectiviteKind, ContactView, Reach};
use bot_core::message::template::fill;
use bot_core::plugin::{Context, Effect, Fire, FiredFire, Outgoing, Purpose};
use bot_core::plugin_bench::PluginBench;
use bot_core::{Clock, CollectiviteId, ContactId, Locale, Platform};
use chrono::{DateTime, Utc};

use crate::definition::Definition;
use crate::definition_file::parse;
use crate::engine;
use crate::operations::{self, Kind, OperationError, Refusal};
use crate::outcome::of_message_key;
use crate::store::CampaignId;

/// An invitation, two reminders, the deputy, and the organisers.
pub(crate) const BAROMETER: &str = r#"slug = "barometre-2026"
title = { fr = "Baromètre 2026", en = "Barometer 2026" }
sender = "L’équipe de l’observatoire"
to = "everyone"
time_zone = "Europe/Paris"
opens_at = 2026-09-07T09:00:00
deadline = 2026-11-13T18:00:00
reminders_max = 3
days_between_min = 7

[questionnaire]
link = "https://enquetes.example.org/index.php/12345?token={{token}}"

[sending]
hours = "mon-fri 09:00-18:00"
working_days_only = true

[[steps]]
key = "invitation"
from = "opening"
days = 1
hour = 9
kind = "invitation"
to = "first"
misfire = "send_late"
wording = { fr = "Bonjour {{nom}}, {{titre}} : [répondre]({{lien}})", en = "Hello {{nom}}, {{titre}}: [answer]({{lien}})" }

[[steps]]
key = "relance-1"
from = "opening"
days = 28
hour = "09:30"
kind = "reminder"
to = "everyone"
only_if = "not_started"
misfire = { send_if_within_hours = 12 }
wording = """
Bonjour {{nom}}, {{collectivite}} n’a pas encore répondu : il reste {{jours_restants}} jours.

[Répondre]({{lien}}) avant le {{date_limite}}
"""

[[steps]]
key = "relance-commencee"
from = "opening"
days = 28
hour = 10
kind = "reminder"
to = "everyone"
only_if = "started"
misfire = "skip"
wording = "Bonjour {{nom}}, votre réponse est commencée : [la terminer]({{lien}})"

[[steps]]
key = "adjoint"
from = "deadline"
days = -14
hour = 9
kind = "invitation"
to = "deputy"
wording = "Bonjour {{nom}}, {{collectivite}} n’a pas répondu : [répondre]({{lien}})"

[[steps]]
key = "derniere"
from = "deadline"
days = -3
hour = 9
kind = "reminder"
to = "first"
misfire = "skip"
wording = "Dernier rappel : [répondre]({{lien}}) avant le {{date_limite}}"

[[steps]]
key = "silence"
from = "deadline"
days = -7
hour = 8
kind = "reminder"
to = "organisers"
wording = "{{silencieuses}} sur {{total}} n’ont pas répondu :\n\n{{#each liste}}- {{this}}\n{{/each}}"
"#;

pub(crate) fn definition() -> Definition {
    parse(BAROMETER).unwrap()
}

/// A first contact of collectivité `number`, who can be written to and agreed to it.
pub(crate) fn somebody(number: i64) -> ContactView {
    let kind = CollectiviteKind::Commune;
    ContactView {
        id: ContactId(uuid::Uuid::from_u128(number.unsigned_abs().into())),
        number,
        external_id: Some(format!("contact-{number}")),
        name: Some(format!("Contact {number}")),
        locale: None,
        time_zone: None,
        quiet_hours: None,
        collectivite: Some(Collectivite {
            id: CollectiviteId(number),
            kind,
            name: format!("Commune {number}"),
            insee: None,
            siren: None,
            population: Some(1200),
            departement: Some("44".to_owned()),
            region: Some("52".to_owned()),
        }),
        rank: Some(1),
        fields: serde_json::Map::new(),
        groups: Vec::new(),
        stopped: false,
        consents: vec![Purpose::Reminder],
        reach: Reach { last_used: Some(Platform::new("bench")), ..Reach::default() },
    }
}

/// A campaign with a real database, and an outbox that the test plays.
pub(crate) struct Desk {
    pub bench: PluginBench,
    /// The campaign's tick.
    next: Option<Fire>,
    /// What becomes of messages: the state they are stored in at once.
    pub outbox: &'static str,
    /// Each message handed over: local time in Paris, step, contact's name, late or not.
    pub sent: Vec<String>,
    /// What other plugins were told: topic, campaign, respondents, of whom answered.
    pub told: Vec<String>,
    account: i32,
}

impl Desk {
    /// On 1 September 2026 in the morning.
    pub async fn new(seed: u64) -> Self {
        let start: DateTime<Utc> = "2026-09-01T08:00:00Z".parse().unwrap();
        let bench = PluginBench::new("survey-reminders".parse().unwrap(), Clock::manual(start), seed).await;
        let account: i32 = sqlx::query_scalar(
            "INSERT INTO core.account (organisation_id, name, platform, state, created_at)
             VALUES ($1, 'bench', 'bench', 'active', $2) RETURNING id",
        )
        .bind(bench.organisation.id.0)
        .bind(start)
        .fetch_one(&bench.pool)
        .await
        .unwrap();
        Self { bench, next: None, outbox: "sent", sent: Vec::new(), told: Vec::new(), account }
    }

    /// People `numbers`, each alone in a collectivité of its number unless `collectivite` names one. They have an
    /// address and agreed to reminders where `reached`.
    pub async fn contacts(
        &self,
        numbers: std::ops::RangeInclusive<i64>,
        collectivite: Option<i64>,
        rank: i16,
        reached: bool,
    ) {
        let (organisation, now) = (self.bench.organisation.id.0, self.bench.clock.now());
        let statements = [
            "INSERT INTO core.collectivite (organisation_id, id, kind, name, departement, created_at)
             OVERRIDING SYSTEM VALUE
             SELECT $1, n, 'commune', 'Commune ' || n, '44', $2 FROM generate_series($3, $4) AS n
             WHERE $5::bigint IS NULL AND $6::integer > 0 ON CONFLICT DO NOTHING",
            "INSERT INTO core.contact (organisation_id, id, status, created_at, name, collectivite_id, rank)
             SELECT $1, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'active', $2, 'Contact ' || n,
                    coalesce($5::bigint, n), $6::integer::smallint FROM generate_series($3, $4) AS n",
        ];
        let ways = [
            "INSERT INTO core.address (organisation_id, scheme, path, contact_id, created_at)
             SELECT $1, 'bench', n::text, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, $2
             FROM generate_series($3, $4) AS n WHERE $7::integer > 0 AND $5::bigint IS NOT NULL OR $6::integer > 0",
            "INSERT INTO core.conversation (organisation_id, id, account_id, kind, platform_ref, state, created_at)
             SELECT $1, ('00000000-0000-0000-0001-' || lpad(n::text, 12, '0'))::uuid, $7, 'direct', n::text, 'open', $2
             FROM generate_series($3, $4) AS n WHERE $5::bigint IS NOT NULL OR $6::integer > 0",
            "INSERT INTO core.reachability (organisation_id, account_id, address_id, state, direct_conversation_id, since)
             SELECT $1, $7, address.id, 'reachable', conversation.id, $2 FROM core.address
             JOIN core.conversation ON conversation.platform_ref = address.path
             WHERE address.path::bigint BETWEEN $3 AND $4 AND ($5::bigint IS NOT NULL OR $6::integer > 0)",
            "INSERT INTO core.consent (organisation_id, contact_id, purpose, wording, given_at)
             SELECT $1, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'reminder', 'oui', $2
             FROM generate_series($3, $4) AS n WHERE $5::bigint IS NOT NULL OR $6::integer + $7::integer > 0",
        ];
        for (number, statement) in statements.into_iter().chain(ways.into_iter().filter(|_| reached)).enumerate() {
            let mut query = sqlx::query(statement)
                .bind(organisation)
                .bind(now)
                .bind(*numbers.start())
                .bind(*numbers.end())
                .bind(collectivite)
                .bind(i32::from(rank));
            if number >= 2 {
                query = query.bind(self.account);
            }
            query.execute(&self.bench.pool).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    /// An operator's call, with what it asked for done.
    pub async fn does<T>(
        &mut self,
        call: impl AsyncFnOnce(&mut Context) -> Result<T, OperationError>,
    ) -> Result<T, Refusal> {
        let called = self.bench.call(None, Locale::Fr, async |cx| match call(cx).await {
            Ok(done) => Ok(Ok(done)),
            Err(OperationError::Refused(refusal)) => Ok(Err(refusal)),
            Err(OperationError::Handler(error)) => Err(error),
        });
        let (done, effects) = called.await.unwrap();
        self.carry_out(&effects).await;
        done
    }

    /// Does what a call asked for, as far as it concerns campaigns.
    pub async fn carry_out(&mut self, effects: &[Effect]) {
        let (organisation, now) = (self.bench.organisation.id.0, self.bench.clock.now());
        for effect in effects {
            match effect {
                Effect::Schedule(fire) if fire.scope.starts_with(engine::FIRES) => self.next = Some(fire.clone()),
                Effect::SendEach { messages } => self.sends(messages).await,
                Effect::Note(note) => {
                    let [respondents, answered] = ["respondents", "answered"].map(|count| &note.details[count]);
                    self.told.push(format!("{} {} {respondents} {answered}", note.topic, note.subject));
                }
                Effect::Cancel { scope, subject: None } => {
                    sqlx::query(
                        "UPDATE core.delivery SET state = 'cancelled', settled_at = $3, reason = 'cancelled by its plugin'
                         WHERE organisation_id = $1 AND scope = $2 AND state = 'held'",
                    )
                    .bind(organisation)
                    .bind(scope)
                    .bind(now)
                    .execute(&self.bench.pool)
                    .await
                    .unwrap();
                }
                _ => {}
            }
        }
    }

    async fn sends(&mut self, messages: &[Outgoing]) {
        let now = self.bench.clock.now();
        let mut ids = Vec::new();
        for message in messages {
            let filled = fill(&message.document, &message.variables).unwrap();
            let whom = message.variables.get("nom").map_or("les organisateurs", |name| name.as_str().unwrap());
            let (step, _) = of_message_key(message.message_key.as_deref().unwrap()).unwrap();
            let late = if filled.blocks.len() > 1 && step == "invitation" { " en retard" } else { "" };
            let local = now.with_timezone(&chrono_tz::Europe::Paris).format("%m-%d %H:%M");
            self.sent.push(format!("{local} {step} {whom}{late}"));
            ids.push(self.bench.random.uuid(now));
        }
        let text = |of: fn(&Outgoing) -> String| messages.iter().map(of).collect::<Vec<String>>();
        sqlx::query(
            "INSERT INTO core.delivery (organisation_id, id, account_id, plugin_id, scope, subject, kind, purpose, lane,
                                        state, due_at, settled_at, message_key, body, locale, created_at)
             SELECT $1, new.id, $2, 'survey-reminders', new.scope, new.subject, 'send', new.purpose, 2, $3, $4,
                    CASE WHEN $3 = 'held' THEN NULL ELSE $4 END, new.key, '{}', 'fr', $4
             FROM unnest($5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[]) AS new (id, scope, subject, purpose, key)",
        )
        .bind(self.bench.organisation.id.0)
        .bind(self.account)
        .bind(self.outbox)
        .bind(now)
        .bind(ids)
        .bind(text(|message| message.scope.clone()))
        .bind(text(|message| message.subject.clone()))
        .bind(text(|message| message.purpose.as_str().to_owned()))
        .bind(text(|message| message.message_key.clone().unwrap()))
        .execute(&self.bench.pool)
        .await
        .unwrap();
    }

    /// Lets time go on until `moment`, with every tick in its time.
    pub async fn until(&mut self, moment: &str) {
        let moment: DateTime<Utc> = moment.parse().unwrap();
        while let Some(fire) = self.next.take_if(|fire| fire.due_at <= moment) {
            self.bench.clock.set(fire.due_at.max(self.bench.clock.now()));
            self.tick(fire).await;
        }
        self.bench.clock.set(moment);
    }

    /// Nothing runs until `moment`.
    pub async fn outage_until(&mut self, moment: &str) {
        self.bench.clock.set(moment.parse().unwrap());
        self.until(moment).await;
    }

    async fn tick(&mut self, fire: Fire) {
        let Fire { scope, subject, due_at, payload, .. } = fire;
        let fired = FiredFire { scope, subject, due_at, payload };
        let called = self.bench.call(None, Locale::Fr, async |cx| engine::fired(cx, &fired).await);
        let effects = called.await.unwrap().1;
        self.carry_out(&effects).await;
    }

    /// Creates and approves a campaign.
    pub async fn approved(&mut self, source: &str) -> CampaignId {
        let created = self.does(async |cx| operations::create(cx, source, "claire").await).await.unwrap();
        self.approves(created.id, Kind::Whole).await.unwrap();
        created.id
    }

    /// Approves what `plan` shows now.
    pub async fn approves(&mut self, id: CampaignId, kind: Kind) -> Result<usize, Refusal> {
        let name = self.does(async |cx| Ok(operations::propose(cx, id, kind).await?.name())).await?;
        self.does(async |cx| Ok(operations::approve(cx, id, kind, &name, "paul").await?.messages)).await
    }

    /// State and number of all messages, and the campaign's own state.
    pub async fn counts(&mut self, id: CampaignId) -> String {
        self.does(async |cx| {
            let campaign = operations::find(cx, id).await?;
            let summary = operations::summary(cx, &campaign).await?;
            let counts = summary.messages.iter().map(|(state, count)| format!("{count} {state}"));
            Ok(format!("{}: {}", summary.state, counts.collect::<Vec<_>>().join(", ")))
        })
        .await
        .unwrap()
    }
}
